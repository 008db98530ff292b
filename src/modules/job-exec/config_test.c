#include "base/test.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "config.h"

static int read_conf (struct config *c, const char *json, int argc, char *argv[],
                      flux_error_t *error)
{
    json_t *o = json_loads (json, 0, NULL);
    flux_conf_t *conf = flux_conf_pack ("O", o);
    int rc = config_read (c, conf, argc, argv, error);

    assert_non_null (conf);
    flux_conf_decref (conf);
    json_decref (o);
    return rc;
}

static void takes (void **state)
{
    static const char json[] =
        "{\"exec\":{\"job-shell\":\"/a\",\"kill-timeout\":\"2m\","
        "\"max-kill-count\":3,\"service-override\":true,"
        "\"testexec\":{\"allow-guests\":true}}}";
    char *argv[] = { (char *)"kill-timeout=1s", (char *)"job-shell=/b" };
    flux_error_t error;
    struct config c;

    assert_int_equal (read_conf (&c, json, 0, NULL, &error), 0);
    assert_string_equal (c.shell, "/a");
    assert_float_equal (c.kill_timeout, 120., 1e-9);
    assert_int_equal (c.max_kill_count, 3);
    config_fini (&c);
    assert_int_equal (read_conf (&c, json, 2, argv, &error), 0);
    assert_string_equal (c.shell, "/b");
    assert_float_equal (c.kill_timeout, 1., 1e-9);
    config_fini (&c);
    assert_int_equal (config_read (&c, NULL, 0, NULL, &error), 0);
    assert_null (c.shell);
    assert_float_equal (c.kill_timeout, 5., 1e-9);
}

static void refuses (void **state)
{
    static const struct {
        const char *table, *error;
    } t[] = {
        { "5", "exec: must be a table" },
        { "{\"kill-timeout\":[]}", "exec.kill-timeout: must be a string" },
        { "{\"kill-timeout\":\"x\"}", "exec.kill-timeout: 'x' is not a duration" },
        { "{\"max-kill-timeout\":\"x\"}",
          "exec.max-kill-timeout: 'x' is not a duration" },
        { "{\"max-kill-count\":0}", "exec.max-kill-count: 0 is not from 1 to 1000000" },
        { "{\"max-kill-count\":4294967297}",
          "exec.max-kill-count: 4294967297 is not from 1 to 1000000" },
        { "{\"job-shell\":true}", "exec.job-shell: must be a string" },
        { "{\"job_shell\":\"x\"}", "exec.job_shell: there is no such key" },
    };
    char *argv[] = { (char *)"foo=1" };
    flux_error_t error;
    struct config c;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char json[256];

        snprintf (json, sizeof (json), "{\"exec\":%s}", t[i].table);
        assert_int_equal (read_conf (&c, json, 0, NULL, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, t[i].error);
    }
    assert_int_equal (config_read (&c, NULL, 1, argv, &error), -1);
    assert_string_equal (error.text, "unknown argument: foo=1");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes),
        cmocka_unit_test (refuses),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
