/* How plugins, their arguments and jobspecs fail. */
#include "api.h"

#include <flux/jobspec1.h>
#include <flux/plugin.h>

static int handler (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                    void *data)
{
    return 0;
}

static void plugins (void **state)
{
    static const struct flux_plugin_handler nameless[] = { { "a", NULL, NULL },
                                                           { NULL, NULL, NULL } };
    flux_plugin_t *p = flux_plugin_create ();
    int i;

    assert_non_null (p);
    NO_MEMORY (flux_plugin_create, flux_plugin_create (), flux_plugin_destroy (made));
    FAILS (flux_plugin_set_flags, EINVAL, flux_plugin_set_flags (NULL, 0));
    FAILS (flux_plugin_set_flags, EINVAL, flux_plugin_set_flags (p, 0x1000));
    FAILS (flux_plugin_set_name, EINVAL, flux_plugin_set_name (NULL, "a"));
    FAILS (flux_plugin_set_name, EINVAL, flux_plugin_set_name (p, NULL));
    MEMORY (flux_plugin_set_name, flux_plugin_set_name (p, "name"), );
    NULLS (flux_plugin_get_name, EINVAL, flux_plugin_get_name (NULL));
    NULLS (flux_plugin_get_path, EINVAL, flux_plugin_get_path (NULL));
    NULLS (flux_plugin_get_uuid, EINVAL, flux_plugin_get_uuid (NULL));
    FAILS (flux_plugin_add_handler, EINVAL,
           flux_plugin_add_handler (NULL, "a", handler, NULL));
    FAILS (flux_plugin_add_handler, EINVAL,
           flux_plugin_add_handler (p, NULL, handler, NULL));
    MEMORY (flux_plugin_add_handler, flux_plugin_add_handler (p, "a", handler, NULL), );
    FAILS (flux_plugin_remove_handler, EINVAL, flux_plugin_remove_handler (NULL, "a"));
    FAILS (flux_plugin_remove_handler, EINVAL, flux_plugin_remove_handler (p, NULL));
    NULLS (flux_plugin_get_handler, EINVAL, flux_plugin_get_handler (NULL, "a"));
    NULLS (flux_plugin_get_handler, EINVAL, flux_plugin_get_handler (p, NULL));
    NULLS (flux_plugin_match_handler, EINVAL, flux_plugin_match_handler (NULL, "a"));
    NULLS (flux_plugin_match_handler, EINVAL, flux_plugin_match_handler (p, NULL));
    FAILS (flux_plugin_register, EINVAL, flux_plugin_register (NULL, "a", nameless));
    FAILS (flux_plugin_aux_set, EINVAL,
           flux_plugin_aux_set (NULL, "a", (char *)"b", NULL));
    FAILS (flux_plugin_aux_set, EINVAL, flux_plugin_aux_set (p, NULL, NULL, NULL));
    MEMORY (flux_plugin_aux_set, flux_plugin_aux_set (p, "a", (char *)"b", NULL), );
    NULLS (flux_plugin_aux_get, EINVAL, flux_plugin_aux_get (NULL, "a"));
    NULLS (flux_plugin_aux_get, EINVAL, flux_plugin_aux_get (p, NULL));
    NULLS (flux_plugin_aux_get, ENOENT, flux_plugin_aux_get (p, "nosuch"));
    FAILS (flux_plugin_set_conf, EINVAL, flux_plugin_set_conf (NULL, "{}"));
    FAILS (flux_plugin_set_conf, EINVAL, flux_plugin_set_conf (p, "["));
    NULLS (flux_plugin_get_conf, EINVAL, flux_plugin_get_conf (NULL));
    FAILS (flux_plugin_conf_unpack, EINVAL,
           flux_plugin_conf_unpack (NULL, "{s:i}", "a", &i));
    FAILS (flux_plugin_conf_unpack, ENOENT,
           flux_plugin_conf_unpack (p, "{s:i}", "a", &i));
    assert_int_equal (flux_plugin_set_conf (p, "{\"a\":\"text\"}"), 0);
    FAILS (flux_plugin_conf_unpack, EINVAL,
           flux_plugin_conf_unpack (p, "{s:i}", "a", &i));
    FAILS (flux_plugin_load_dso, EINVAL, flux_plugin_load_dso (NULL, "x.so"));
    FAILS (flux_plugin_load_dso, EINVAL, flux_plugin_load_dso (p, NULL));
    FAILS (flux_plugin_load_dso, ENOENT, flux_plugin_load_dso (p, "/nonexistent.so"));
    FAILS (flux_plugin_call, EINVAL, flux_plugin_call (NULL, "a", NULL));
    FAILS (flux_plugin_call, EINVAL, flux_plugin_call (p, NULL, NULL));
    flux_plugin_destroy (p);
}

static void arguments (void **state)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    char *s;
    int i;

    assert_non_null (args);
    NO_MEMORY (flux_plugin_arg_create, flux_plugin_arg_create (),
               flux_plugin_arg_destroy (made));
    FAILS (flux_plugin_arg_set, EINVAL, flux_plugin_arg_set (NULL, 0, "{}"));
    FAILS (flux_plugin_arg_set, EINVAL, flux_plugin_arg_set (args, 0, "["));
    FAILS (flux_plugin_arg_set, EINVAL, flux_plugin_arg_set (args, 0, "[]"));
    FAILS (flux_plugin_arg_get, EINVAL, flux_plugin_arg_get (NULL, 0, &s));
    FAILS (flux_plugin_arg_get, ENOENT, flux_plugin_arg_get (args, 0, &s));
    FAILS (flux_plugin_arg_unpack, ENOENT,
           flux_plugin_arg_unpack (args, 0, "{s:i}", "a", &i));
    FAILS (flux_plugin_arg_pack, EINVAL,
           flux_plugin_arg_pack (NULL, 0, "{s:i}", "a", 1));
    FAILS (flux_plugin_arg_pack, EINVAL, flux_plugin_arg_pack (args, 0, NULL));
    FAILS (flux_plugin_arg_pack, EINVAL, flux_plugin_arg_pack (args, 0, "i", 1));
    MEMORY (flux_plugin_arg_pack, flux_plugin_arg_pack (args, 0, "{s:i}", "a", 1), );
    FAILS (flux_plugin_arg_unpack, EINVAL,
           flux_plugin_arg_unpack (NULL, 0, "{s:i}", "a", &i));
    FAILS (flux_plugin_arg_unpack, EINVAL,
           flux_plugin_arg_unpack (args, 0, "{s:s}", "a", &s));
    assert_int_equal (flux_plugin_arg_unpack (args, 0, "{s:i}", "a", &i), 0);
    flux_plugin_arg_destroy (args);
}

static void jobspecs (void **state)
{
    char *argv[] = { (char *)"true", NULL };
    flux_jobspec1_t *j = flux_jobspec1_from_command (1, argv, NULL, 1, 1, 0, 0, 0.);
    flux_jobspec1_t *broken;
    flux_jobspec1_error_t error;
    const char *s;
    int i;

    assert_non_null (j);
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (0, argv, NULL, 1, 1, 0, 0, 0.));
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (1, NULL, NULL, 1, 1, 0, 0, 0.));
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (1, argv, NULL, 0, 1, 0, 0, 0.));
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (1, argv, NULL, 1, 0, 0, 0, 0.));
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (1, argv, NULL, 1, 1, -1, 0, 0.));
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (1, argv, NULL, 1, 1, 0, 2, 0.));
    NULLS (flux_jobspec1_from_command, EINVAL,
           flux_jobspec1_from_command (1, argv, NULL, 1, 1, 0, 0, -1.));
    NO_MEMORY (flux_jobspec1_from_command,
               flux_jobspec1_from_command (1, argv, NULL, 1, 1, 0, 0, 0.),
               flux_jobspec1_destroy (made));
    NULLS (flux_jobspec1_decode, EINVAL, flux_jobspec1_decode (NULL, &error));
    NULLS (flux_jobspec1_decode, EINVAL, flux_jobspec1_decode ("[", &error));
    NULLS (flux_jobspec1_decode, EINVAL, flux_jobspec1_decode ("1", NULL));
    NO_MEMORY (flux_jobspec1_decode, flux_jobspec1_decode ("{}", &error),
               flux_jobspec1_destroy (made));
    NULLS (flux_jobspec1_encode, EINVAL, flux_jobspec1_encode (NULL, 0));
    NO_MEMORY (flux_jobspec1_encode, flux_jobspec1_encode (j, 0), free (made));
    FAILS (flux_jobspec1_check, EINVAL, flux_jobspec1_check (NULL, &error));
    FAILS (flux_jobspec1_attr_check, EINVAL, flux_jobspec1_attr_check (NULL, &error));
    assert_non_null (broken = flux_jobspec1_decode ("{\"attributes\":1}", &error));
    FAILS (flux_jobspec1_check, EINVAL, flux_jobspec1_check (broken, &error));
    FAILS (flux_jobspec1_attr_check, EINVAL, flux_jobspec1_attr_check (broken, &error));
    FAILS (flux_jobspec1_attr_pack, EINVAL,
           flux_jobspec1_attr_pack (broken, "a.b", "i", 1));
    flux_jobspec1_destroy (broken);
    assert_int_equal (flux_jobspec1_check (j, &error), 0);
    FAILS (flux_jobspec1_attr_del, EINVAL, flux_jobspec1_attr_del (NULL, "a"));
    FAILS (flux_jobspec1_attr_del, EINVAL, flux_jobspec1_attr_del (j, NULL));
    FAILS (flux_jobspec1_attr_pack, EINVAL,
           flux_jobspec1_attr_pack (NULL, "a", "i", 1));
    FAILS (flux_jobspec1_attr_pack, EINVAL, flux_jobspec1_attr_pack (j, NULL, "i", 1));
    FAILS (flux_jobspec1_attr_pack, EINVAL, flux_jobspec1_attr_pack (j, "a", NULL));
    FAILS (flux_jobspec1_attr_pack, EINVAL, flux_jobspec1_attr_pack (j, "a", "z"));
    MEMORY (flux_jobspec1_attr_pack, flux_jobspec1_attr_pack (j, "x.y", "i", 1), );
    FAILS (flux_jobspec1_attr_unpack, EINVAL,
           flux_jobspec1_attr_unpack (NULL, "a", "i", &i));
    FAILS (flux_jobspec1_attr_unpack, EINVAL,
           flux_jobspec1_attr_unpack (j, NULL, "i", &i));
    FAILS (flux_jobspec1_attr_unpack, EINVAL,
           flux_jobspec1_attr_unpack (j, "x.y", "s", &s));
    FAILS (flux_jobspec1_attr_unpack, ENOENT,
           flux_jobspec1_attr_unpack (j, "nosuch", "i", &i));
    FAILS (flux_jobspec1_setenv, EINVAL, flux_jobspec1_setenv (NULL, "A", "b", 1));
    FAILS (flux_jobspec1_setenv, EINVAL, flux_jobspec1_setenv (j, NULL, "b", 1));
    FAILS (flux_jobspec1_setenv, EINVAL, flux_jobspec1_setenv (j, "A", NULL, 1));
    MEMORY (flux_jobspec1_setenv, flux_jobspec1_setenv (j, "A", "b", 1), );
    FAILS (flux_jobspec1_unsetenv, EINVAL, flux_jobspec1_unsetenv (NULL, "A"));
    FAILS (flux_jobspec1_unsetenv, EINVAL, flux_jobspec1_unsetenv (j, NULL));
    FAILS (flux_jobspec1_set_stdin, EINVAL, flux_jobspec1_set_stdin (NULL, "a"));
    FAILS (flux_jobspec1_set_stdin, EINVAL, flux_jobspec1_set_stdin (j, NULL));
    FAILS (flux_jobspec1_set_stdout, EINVAL, flux_jobspec1_set_stdout (NULL, "a"));
    FAILS (flux_jobspec1_set_stdout, EINVAL, flux_jobspec1_set_stdout (j, NULL));
    FAILS (flux_jobspec1_set_stderr, EINVAL, flux_jobspec1_set_stderr (NULL, "a"));
    FAILS (flux_jobspec1_set_stderr, EINVAL, flux_jobspec1_set_stderr (j, NULL));
    FAILS (flux_jobspec1_set_cwd, EINVAL, flux_jobspec1_set_cwd (NULL, "/"));
    FAILS (flux_jobspec1_set_cwd, EINVAL, flux_jobspec1_set_cwd (j, NULL));
    flux_jobspec1_destroy (j);
}

int main (void)
{
    const struct CMUnitTest tests[] = { ROWS (plugins), ROWS (arguments),
                                        ROWS (jobspecs) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
