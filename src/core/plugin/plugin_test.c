#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <flux/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json/sweep.h"

static int count (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                  void *data)
{
    (*(int *)data)++;
    return 0;
}

static int refuse (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    return -1;
}

/* Takes itself away while it runs. */
static int once (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    (*(int *)data)++;
    return flux_plugin_remove_handler (p, "once");
}

static void handlers_are_found_by_pattern (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();
    int a = 0, b = 0;

    assert_int_equal (flux_plugin_call (p, "job.new", NULL), 0);
    assert_int_equal (flux_plugin_add_handler (p, "job.state.*", count, &a), 0);
    assert_int_equal (flux_plugin_add_handler (p, "job.*", count, &b), 0);
    assert_int_equal (flux_plugin_call (p, "job.state.run", NULL), 1);
    assert_int_equal (flux_plugin_call (p, "job.new", NULL), 1);
    assert_int_equal (a, 1); /* the first that matches, alone */
    assert_int_equal (b, 1);
    assert_null (flux_plugin_get_handler (p, "job.new"));
    assert_ptr_equal (flux_plugin_match_handler (p, "job.new"), count);
    assert_ptr_equal (flux_plugin_get_handler (p, "job.*"), count);
    /* a second one for the same topic takes the place of the first */
    assert_int_equal (flux_plugin_add_handler (p, "job.*", refuse, NULL), 0);
    assert_int_equal (flux_plugin_call (p, "job.new", NULL), -1);
    assert_int_equal (flux_plugin_add_handler (p, "job.*", NULL, NULL), 0);
    assert_int_equal (flux_plugin_call (p, "job.new", NULL), 0);
    assert_int_equal (flux_plugin_remove_handler (p, "never.was"), 0);
    flux_plugin_destroy (p);
}

static void a_handler_may_remove_itself (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();
    int n = 0;

    flux_plugin_add_handler (p, "once", once, &n);
    assert_int_equal (flux_plugin_call (p, "once", NULL), 1);
    assert_int_equal (flux_plugin_call (p, "once", NULL), 0);
    assert_int_equal (n, 1);
    flux_plugin_destroy (p);
}

static void a_table_is_registered (void **state)
{
    int n = 0;
    const struct flux_plugin_handler t[] = { { "a", count, &n },
                                             { "b.*", count, &n },
                                             { NULL, NULL, NULL } };
    flux_plugin_t *p = flux_plugin_create ();

    assert_null (flux_plugin_get_name (p));
    assert_int_equal (flux_plugin_register (p, "mine", t), 0);
    assert_string_equal (flux_plugin_get_name (p), "mine");
    flux_plugin_call (p, "a", NULL);
    flux_plugin_call (p, "b.x", NULL);
    assert_int_equal (n, 2);
    assert_int_equal (flux_plugin_register (p, NULL, NULL), 0);
    flux_plugin_destroy (p);
}

static void uuids_differ (void **state)
{
    flux_plugin_t *p = flux_plugin_create (), *q = flux_plugin_create ();

    assert_int_equal (strlen (flux_plugin_get_uuid (p)), 36);
    assert_int_equal (flux_plugin_get_uuid (p)[14], '4');
    assert_string_not_equal (flux_plugin_get_uuid (p), flux_plugin_get_uuid (q));
    flux_plugin_destroy (p);
    flux_plugin_destroy (q);
}

static int destroyed;
static void destroy (void *arg)
{
    destroyed++;
}

static void aux_items_live_as_long_as_the_plugin (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();
    int x, y;

    destroyed = 0;
    assert_int_equal (flux_plugin_aux_set (p, "x", &x, destroy), 0);
    assert_int_equal (flux_plugin_aux_set (p, NULL, &y, destroy), 0);
    assert_ptr_equal (flux_plugin_aux_get (p, "x"), &x);
    flux_plugin_aux_delete_value (p, &x);
    assert_int_equal (destroyed, 1);
    errno = 0;
    assert_null (flux_plugin_aux_get (p, "x"));
    assert_int_equal (errno, ENOENT);
    flux_plugin_destroy (p);
    assert_int_equal (destroyed, 2);
}

static void configuration_is_an_object (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();
    int n = 0;

    assert_null (flux_plugin_get_conf (p));
    assert_int_equal (errno, ENOENT);
    assert_int_equal (flux_plugin_conf_unpack (p, "{s:i}", "n", &n), -1);
    assert_int_equal (flux_plugin_set_conf (p, "{\"n\": 5}"), 0);
    assert_string_equal (flux_plugin_get_conf (p), "{\"n\":5}");
    assert_int_equal (flux_plugin_conf_unpack (p, "{s:i}", "n", &n), 0);
    assert_int_equal (n, 5);
    assert_int_equal (flux_plugin_conf_unpack (p, "{s:s}", "n", NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_true (strlen (flux_plugin_strerror (p)) > 0);
    assert_int_equal (flux_plugin_set_conf (p, "[1]"), -1);
    assert_int_equal (flux_plugin_set_conf (p, "{"), -1);
    assert_non_null (strstr (flux_plugin_strerror (p), "parse error"));
    assert_string_equal (flux_plugin_get_conf (p), "{\"n\":5}"); /* as it was */
    flux_plugin_destroy (p);
}

static void args_go_in_and_come_back (void **state)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    const char *s;
    char *text;
    int n;

    assert_int_equal (flux_plugin_arg_get (args, FLUX_PLUGIN_ARG_IN, &text), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (flux_plugin_arg_unpack (args, 0, "{s:i}", "a", &n), -1);
    assert_int_equal (flux_plugin_arg_set (args, 0, "{\"a\":1,\"b\":{\"c\":2}}"), 0);
    assert_int_equal (flux_plugin_arg_unpack (args, 0, "{s:i}", "a", &n), 0);
    assert_int_equal (n, 1);
    /* merged, also below the top */
    assert_int_equal (
        flux_plugin_arg_pack (args, 0, "{s:{s:i} s:s}", "b", "d", 3, "e", "f"), 0);
    assert_int_equal (
        flux_plugin_arg_unpack (args, 0, "{s:{s:i} s:s}", "b", "c", &n, "e", &s), 0);
    assert_int_equal (n, 2);
    assert_string_equal (s, "f");
    /* the other one is another object */
    assert_int_equal (flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:i}", "z", 9),
                      0);
    assert_int_equal (flux_plugin_arg_get (args, FLUX_PLUGIN_ARG_OUT, &text), 0);
    assert_string_equal (text, "{\"z\":9}");
    free (text);
    assert_int_equal (
        flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT | FLUX_PLUGIN_ARG_REPLACE,
                              "{s:i}", "y", 8),
        0);
    flux_plugin_arg_get (args, FLUX_PLUGIN_ARG_OUT, &text);
    assert_string_equal (text, "{\"y\":8}");
    free (text);
    assert_int_equal (flux_plugin_arg_set (args, FLUX_PLUGIN_ARG_OUT, NULL), 0);
    assert_int_equal (flux_plugin_arg_get (args, FLUX_PLUGIN_ARG_OUT, &text), -1);
    flux_plugin_arg_destroy (args);
}

static void bad_args_change_nothing (void **state)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    char *text;

    flux_plugin_arg_set (args, 0, "{\"a\":1}");
    assert_int_equal (flux_plugin_arg_set (args, 0, "[1]"), -1);
    assert_string_equal (flux_plugin_arg_strerror (args), "not a JSON object");
    assert_int_equal (flux_plugin_arg_set (args, 0, "{"), -1);
    assert_int_equal (flux_plugin_arg_pack (args, 0, "{s:q}", "a"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_plugin_arg_pack (args, 64, "{s:i}", "a", 2), -1);
    assert_int_equal (flux_plugin_arg_pack (args, 0, NULL), -1);
    assert_int_equal (flux_plugin_arg_unpack (args, 0, NULL), -1);
    assert_int_equal (flux_plugin_arg_set (NULL, 0, "{}"), -1);
    flux_plugin_arg_get (args, 0, &text);
    assert_string_equal (text, "{\"a\":1}");
    free (text);
    flux_plugin_arg_destroy (args);
}

/* build/src/core/plugin-test-NAME.so or where meson puts it: beside this program's
 * sources in the build directory. */
static const char *dso (const char *name)
{
    static char path[4096];
    char self[3000];
    ssize_t len = readlink ("/proc/self/exe", self, sizeof (self) - 1);

    assert_true (len > 0);
    self[len] = '\0';
    *strrchr (self, '/') = '\0'; /* BUILD/test/NAME */
    *strrchr (self, '/') = '\0';
    snprintf (path, sizeof (path), "%s/src/core/plugin/plugin-test-%s.so", self, name);
    return path;
}

static void an_object_is_loaded_and_called (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    const char *topic, *name;

    assert_int_equal (flux_plugin_set_flags (p, FLUX_PLUGIN_RTLD_NOW), 0);
    assert_int_equal (flux_plugin_get_flags (p), FLUX_PLUGIN_RTLD_NOW);
    assert_int_equal (flux_plugin_set_flags (p, 4096), -1);
    assert_int_equal (flux_plugin_load_dso (p, dso ("good")), 0);
    assert_string_equal (flux_plugin_get_path (p), dso ("good"));
    assert_int_equal (flux_plugin_call (p, "test.it", args), 1);
    assert_int_equal (flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s:s s:s}",
                                              "topic", &topic, "name", &name),
                      0);
    assert_string_equal (topic, "test.it");
    assert_string_equal (name, "good");
    assert_int_equal (flux_plugin_load_dso (p, dso ("good")), -1);
    assert_int_equal (errno, EBUSY);
    flux_plugin_arg_destroy (args);
    flux_plugin_destroy (p);
}

static void what_cannot_be_loaded_says_why (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();

    assert_int_equal (flux_plugin_load_dso (p, "/nonexistent.so"), -1);
    assert_non_null (strstr (flux_plugin_strerror (p), "/nonexistent.so"));
    assert_null (flux_plugin_get_path (p));
    assert_int_equal (flux_plugin_load_dso (p, dso ("failing")), -1);
    assert_string_equal (flux_plugin_strerror (p), "flux_plugin_init failed");
    flux_plugin_destroy (p);

    p = flux_plugin_create ();
    assert_int_equal (flux_plugin_load_dso (p, dso ("empty")), -1);
    assert_non_null (strstr (flux_plugin_strerror (p), "flux_plugin_init"));
    flux_plugin_destroy (p);
}

static void nothing_is_refused (void **state)
{
    flux_plugin_t *p = flux_plugin_create ();

    assert_int_equal (flux_plugin_add_handler (NULL, "a", count, NULL), -1);
    assert_int_equal (flux_plugin_add_handler (p, "", count, NULL), -1);
    assert_int_equal (flux_plugin_add_handler (p, NULL, count, NULL), -1);
    assert_int_equal (flux_plugin_call (NULL, "a", NULL), -1);
    assert_int_equal (flux_plugin_set_name (p, NULL), -1);
    assert_int_equal (flux_plugin_set_conf (p, NULL), -1);
    assert_int_equal (flux_plugin_load_dso (p, NULL), -1);
    assert_int_equal (flux_plugin_aux_set (NULL, "a", p, NULL), -1);
    assert_null (flux_plugin_get_handler (NULL, "a"));
    flux_plugin_destroy (NULL);
    flux_plugin_arg_destroy (NULL);
    flux_plugin_destroy (p);
}

static int configure_and_pass (void)
{
    flux_plugin_t *p = flux_plugin_create ();
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    int rc = -1, saved_errno, n;

    if (flux_plugin_set_conf (p, "{\"a\":{\"b\":1}}") == 0
        && flux_plugin_conf_unpack (p, "{s:{s:i}}", "a", "b", &n) == 0
        && flux_plugin_arg_set (args, FLUX_PLUGIN_ARG_OUT, "{\"c\":[2]}") == 0
        && flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_IN, "{s:s}", "d", "e") == 0
        && flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s:[i]}", "c", &n) == 0)
        rc = 0;
    saved_errno = errno;
    flux_plugin_arg_destroy (args);
    flux_plugin_destroy (p);
    errno = saved_errno;
    return rc;
}

static void no_memory_is_said (void **state)
{
    assert_in_range (json_sweep (configure_and_pass), 10, 200);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (handlers_are_found_by_pattern),
        cmocka_unit_test (a_handler_may_remove_itself),
        cmocka_unit_test (a_table_is_registered),
        cmocka_unit_test (uuids_differ),
        cmocka_unit_test (aux_items_live_as_long_as_the_plugin),
        cmocka_unit_test (configuration_is_an_object),
        cmocka_unit_test (args_go_in_and_come_back),
        cmocka_unit_test (bad_args_change_nothing),
        cmocka_unit_test (an_object_is_loaded_and_called),
        cmocka_unit_test (what_cannot_be_loaded_says_why),
        cmocka_unit_test (nothing_is_refused),
        cmocka_unit_test (no_memory_is_said),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
