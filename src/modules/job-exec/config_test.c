#include "base/test.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
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
        "\"max-kill-count\":3,\"max-kill-timeout\":\"30m\",\"term-signal\":\"SIGUSR1\","
        "\"kill-signal\":\"urg\",\"barrier-timeout\":\"0\","
        "\"max-start-delay-percent\":0,\"reattach-timeout\":\"1h\","
        "\"rejoin-timeout\":\"0\"}}";
    char *argv[] = { (char *)"kill-timeout=1s", (char *)"job-shell=/b",
                     (char *)"term-signal=INT", (char *)"max-kill-count=5" };
    flux_error_t error;
    struct config c;

    assert_int_equal (read_conf (&c, json, 0, NULL, &error), 0);
    assert_string_equal (c.shell, "/a");
    assert_float_equal (c.kill_timeout, 120., 1e-9);
    assert_int_equal (c.max_kill_count, 3);
    assert_float_equal (c.max_kill_timeout, 1800., 1e-9);
    assert_int_equal (c.term_signal, SIGUSR1);
    assert_int_equal (c.kill_signal, SIGURG);
    assert_true (c.barrier_timeout == 0);
    assert_int_equal (c.max_start_delay, 0);
    assert_float_equal (c.reattach_timeout, 3600., 1e-9);
    assert_true (c.rejoin_timeout == 0);
    config_fini (&c);
    assert_int_equal (read_conf (&c, json, 4, argv, &error), 0);
    assert_string_equal (c.shell, "/b");
    assert_float_equal (c.kill_timeout, 1., 1e-9);
    assert_int_equal (c.term_signal, SIGINT);
    assert_int_equal (c.kill_signal, SIGURG); /* of the table */
    assert_int_equal (c.max_kill_count, 5);
    config_fini (&c);
    assert_int_equal (config_read (&c, NULL, 0, NULL, &error), 0);
    assert_null (c.shell);
    assert_float_equal (c.kill_timeout, 5., 1e-9);
    assert_true (c.max_kill_timeout == 0);
    assert_int_equal (c.term_signal, SIGTERM);
    assert_int_equal (c.kill_signal, SIGKILL);
    assert_float_equal (c.barrier_timeout, 1800., 1e-9);
    assert_int_equal (c.max_start_delay, 25);
    assert_float_equal (c.reattach_timeout, 600., 1e-9);
    assert_float_equal (c.rejoin_timeout, 10., 1e-9);
}

/* What others have by default is what is here. */
static void takes_defaults (void **state)
{
    struct config c;

    assert_int_equal (read_conf (&c,
                                 "{\"exec\":{\"service\":\"rexec\",\"method\":"
                                 "\"bulk-exec\",\"service-override\":false}}",
                                 0, NULL, NULL),
                      0);
}

/* Units of systemd; and jobs of others that are only pretended. */
static void units (void **state)
{
    static const char json[] =
        "{\"systemd\":{\"enable\":true},\"exec\":{\"service\":\"sdexec\","
        "\"sdexec-properties\":{\"MemoryMax\":\"90%\"},"
        "\"testexec\":{\"allow-guests\":true}}}";
    char *argv[] = { (char *)"service=rexec" };
    struct buf b = BUF_INIT;
    struct config c;

    assert_int_equal (read_conf (&c, json, 0, NULL, NULL), 0);
    assert_true (c.units.on && c.guests_test);
    config_encode_unit (&c, &b);
    assert_string_equal (b.data, "{\"stop-timer\":640,\"debug\":false,\"bus-debug\":"
                                 "false,\"properties\":{\"MemoryMax\":\"90%\"}}");
    buf_fini (&b);
    config_fini (&c);
    assert_int_equal (read_conf (&c, json, 1, argv, NULL), 0);
    assert_false (c.units.on);
    config_fini (&c);
}

/* As the manual counts: 5 times 5, and 5 10 20 40 80 160 300; or 5, 6, 8 and 12. */
static void kill_ends (void **state)
{
    static const struct {
        const char *json;
        double end;
    } t[] = {
        { "{}", 640 },
        { "{\"exec\":{\"max-kill-count\":4,\"kill-timeout\":\"1s\"}}", 12 },
        { "{\"exec\":{\"max-kill-timeout\":\"30m\"}}", 1800 },
    };
    struct config c;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        assert_int_equal (read_conf (&c, t[i].json, 0, NULL, NULL), 0);
        assert_float_equal (config_kill_end (&c), t[i].end, 1e-9);
        config_fini (&c);
    }
}

static void shows (void **state)
{
    struct config c;
    json_t *o;
    char *s;

    assert_int_equal (
        read_conf (&c, "{\"exec\":{\"kill-timeout\":\"1m\"}}", 0, NULL, NULL), 0);
    assert_non_null (o = config_encode (&c));
    assert_non_null (s = json_dumps (o, JSON_COMPACT));
    assert_string_equal (s, "{\"kill-timeout\":60.0,\"max-kill-count\":8,"
                            "\"max-kill-timeout\":0.0,\"term-signal\":\"SIGTERM\","
                            "\"kill-signal\":\"SIGKILL\",\"barrier-timeout\":1800.0,"
                            "\"max-start-delay-percent\":25,\"reattach-timeout\":600.0,"
                            "\"rejoin-timeout\":10.0}");
    free (s);
    json_decref (o);
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
        { "{\"max-start-delay-percent\":-1}",
          "exec.max-start-delay-percent: -1 is not from 0 to 1000000" },
        { "{\"kill-timeout\":\"infinity\"}",
          "exec.kill-timeout: 'infinity' has no end" },
        { "{\"reattach-timeout\":\"infinity\"}",
          "exec.reattach-timeout: 'infinity' has no end" },
        { "{\"rejoin-timeout\":\"1 day\"}",
          "exec.rejoin-timeout: '1 day' is not a duration" },
        { "{\"term-signal\":15}", "exec.term-signal: must be a string" },
        { "{\"term-signal\":\"TERMINATE\"}",
          "exec.term-signal: 'TERMINATE' is no signal" },
        { "{\"kill-signal\":\"0\"}", "exec.kill-signal: '0' is no signal" },
        { "{\"imp\":\"flux-imp\"}", "exec.imp: 'flux-imp' is no absolute path" },
        { "{\"imp\":\"\"}", "exec.imp: must be a path" },
        { "{\"service\":\"sdexec\"}",
          "exec.service: sdexec needs systemd.enable = true" },
        { "{\"service\":\"x\"}", "exec.service: 'x' is neither rexec nor sdexec" },
        { "{\"service-override\":1}", "exec.service-override: must be true or false" },
        { "{\"sdexec-properties\":{\"MemoryMax\":5}}",
          "exec.sdexec-properties.MemoryMax: must be a string" },
        { "{\"testexec\":{\"allow\":true}}",
          "exec.testexec.allow: there is no such key" },
        { "{\"job-shell\":true}", "exec.job-shell: must be a string" },
        { "{\"job-shell\":\"\"}", "exec.job-shell: must be a path" },
        { "{\"job_shell\":\"x\"}", "exec.job_shell: there is no such key" },
    };
    static const struct {
        const char *arg, *error;
    } args[] = {
        { "foo=1", "unknown argument: foo=1" },
        { "kill-timeout", "unknown argument: kill-timeout" },
        { "kill-timeout=", "kill-timeout: '' is not a duration" },
        { "kill-signal=FOO", "kill-signal: 'FOO' is no signal" },
        { "max-kill-count=2x", "max-kill-count: '2x' is not a number" },
        { "max-kill-count=", "max-kill-count: '' is not a number" },
        { "max-kill-count=0", "max-kill-count: 0 is not from 1 to 1000000" },
        { "imp=imp", "imp: 'imp' is no absolute path" },
        { "method=bgexec", "method: job shells are started by job-exec itself" },
        { "service=sdexec", "exec.service: sdexec needs systemd.enable = true" },
        { "service-override=true", "unknown argument: service-override=true" },
        { "sdexec-stop-timer-sec=1", "unknown argument: sdexec-stop-timer-sec=1" },
    };
    flux_error_t error;
    struct config c;

    for (size_t i = 0; i < sizeof (args) / sizeof (args[0]); i++) {
        char *argv[] = { (char *)args[i].arg };

        assert_int_equal (config_read (&c, NULL, 1, argv, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, args[i].error);
    }
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char json[256];

        snprintf (json, sizeof (json), "{\"exec\":%s}", t[i].table);
        assert_int_equal (read_conf (&c, json, 0, NULL, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, t[i].error);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes), cmocka_unit_test (takes_defaults),
        cmocka_unit_test (units), cmocka_unit_test (kill_ends),
        cmocka_unit_test (shows), cmocka_unit_test (refuses),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
