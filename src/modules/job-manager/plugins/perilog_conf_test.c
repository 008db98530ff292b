#include "base/test.h"

#include "modules/job-manager/plugins/perilog_conf.h"
#include <errno.h>
#include <string.h>

static int read_conf (struct perilog_conf *pc, const char *text, flux_error_t *error)
{
    json_t *o = json_loads (text, 0, NULL);

    assert_non_null (o);
    error->text[0] = '\0';
    int rc = perilog_conf_read (pc, o, error);
    json_decref (o);
    return rc;
}

static void nothing_is_nothing (void **state)
{
    struct perilog_conf pc;
    flux_error_t error;

    assert_int_equal (read_conf (&pc, "{}", &error), 0);
    assert_null (pc.prolog.command);
    json_t *o = action_conf_encode (&pc.prolog);
    assert_int_equal (json_object_size (o), 0);
    json_decref (o);
    perilog_conf_fini (&pc);
}

static void all_is_read (void **state)
{
    struct perilog_conf pc;
    flux_error_t error;

    assert_int_equal (
        read_conf (&pc,
                   "{\"job-manager\":{\"prolog\":{\"command\":[\"a\",\"b\"],"
                   "\"per-rank\":true,\"timeout\":\"2m\",\"kill-timeout\":1,"
                   "\"cancel-on-exception\":false},\"epilog\":{\"command\":[\"c\"],"
                   "\"timeout\":\"infinity\"},\"perilog\":{\"log-ignore\":[\"^x\"]}}}",
                   &error),
        0);
    assert_int_equal (json_array_size (pc.prolog.command), 2);
    assert_true (pc.prolog.per_rank);
    assert_false (pc.prolog.cancel_on_exception);
    assert_true (pc.prolog.timeout == 120 && pc.prolog.kill_timeout == 1);
    assert_true (pc.epilog.timeout == 0 && pc.epilog.kill_timeout == 60);
    assert_false (pc.epilog.cancel_on_exception);
    assert_true (perilog_conf_ignores (&pc, "xy"));
    assert_false (perilog_conf_ignores (&pc, "yx"));
    perilog_conf_fini (&pc);
}

static void the_imp_runs_what_is_not_named (void **state)
{
    struct perilog_conf pc;
    flux_error_t error;

    assert_int_equal (read_conf (&pc,
                                 "{\"exec\":{\"imp\":\"/imp\"},"
                                 "\"job-manager\":{\"epilog\":{}}}",
                                 &error),
                      0);
    assert_string_equal (json_string_value (json_array_get (pc.epilog.command, 0)),
                         "/imp");
    assert_string_equal (json_string_value (json_array_get (pc.epilog.command, 2)),
                         "epilog");
    perilog_conf_fini (&pc);
}

static void what_is_wrong_is_named (void **state)
{
    static const struct {
        const char *conf;
        const char *text;
    } cases[] = {
        { "\"prolog\":{\"command\":\"x\"}",
          "job-manager.prolog.command: must be an array" },
        { "\"prolog\":{\"command\":[]}",
          "job-manager.prolog.command: must not be empty" },
        { "\"prolog\":{\"command\":[1]}", "array of strings" },
        { "\"epilog\":{\"nosuch\":1}",
          "job-manager.epilog.nosuch: there is no such key" },
        { "\"epilog\":{}", "no command specified" },
        { "\"prolog\":{\"command\":[\"a\"],\"timeout\":\"x\"}",
          "job-manager.prolog.timeout: invalid prolog timeout" },
        { "\"prolog\":{\"command\":[\"a\"],\"timeout\":-1}", "invalid prolog timeout" },
        { "\"prolog\":{\"command\":[\"a\"],\"kill-timeout\":\"x\"}",
          "invalid prolog kill-timeout" },
        { "\"perilog\":{\"log-ignore\":[\"(\"]}", "Failed to compile regex: (" },
        { "\"perilog\":{\"log-ignore\":\"a\"}",
          "job-manager.perilog.log-ignore: must be an array" },
        { "\"perilog\":5", "job-manager.perilog: must be a table" },
        { "\"prolog\":{\"command\":[\"a\"],\"per-rank\":1}",
          "job-manager.prolog.per-rank: must be true or false" },
        { "\"perilog\":{\"nosuch\":1}",
          "job-manager.perilog.nosuch: there is no such key" },
    };
    struct perilog_conf pc;
    flux_error_t error;
    char text[256];

    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        snprintf (text, sizeof (text), "{\"job-manager\":{%s}}", cases[i].conf);
        errno = 0;
        assert_int_equal (read_conf (&pc, text, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_non_null (strstr (error.text, cases[i].text));
        perilog_conf_fini (&pc);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (nothing_is_nothing),
        cmocka_unit_test (all_is_read),
        cmocka_unit_test (the_imp_runs_what_is_not_named),
        cmocka_unit_test (what_is_wrong_is_named),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
