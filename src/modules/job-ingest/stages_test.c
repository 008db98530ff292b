#include "base/test.h"

#include "modules/job-ingest/stages.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse (const char *text, struct stages *s, flux_error_t *error)
{
    json_t *o = json_loads (text, 0, NULL);
    int rc;

    assert_non_null (o);
    rc = stages_parse (o, s, error);
    json_decref (o);
    return rc;
}

static void nothing_to_ask (void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"frobnicator\":{}}",
        "{\"frobnicator\":{\"plugins\":[\"defaults\",\"constraints\"]}}",
        "{\"validator\":{\"plugins\":[\"jobspec\"]}}",
        "{\"validator\":{\"disable\":true,\"plugins\":[\"x\"]}}",
        "{\"frobnicator\":{\"disable\":true,\"plugins\":[\"x\"],\"x\":{}}}",
    };
    flux_error_t error;
    struct stages s = { 0 };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        assert_int_equal (parse (texts[i], &s, &error), 0);
        assert_null (s.crew);
    }
    assert_int_equal (stages_parse (NULL, &s, &error), 0);
    assert_null (s.crew);
    assert_int_equal (s.buffer_size, 10 << 20);
}

static void own_parts (void **state)
{
    flux_error_t error;
    struct stages s = { 0 };

    assert_int_equal (parse ("{}", &s, &error), 0);
    assert_false (s.no_defaults || s.no_constraints || s.no_validation);
    assert_int_equal (
        parse ("{\"frobnicator\":{\"plugins\":[\"defaults\"]}}", &s, &error), 0);
    assert_true (!s.no_defaults && s.no_constraints);
    assert_int_equal (
        parse ("{\"frobnicator\":{\"plugins\":[\"constraints\"]}}", &s, &error), 0);
    assert_true (s.no_defaults && !s.no_constraints);
    assert_int_equal (
        parse ("{\"frobnicator\":{\"disable\":true},\"validator\":{\"disable\":true}}",
               &s, &error),
        0);
    assert_true (s.no_defaults && s.no_constraints && s.no_validation);
}

static void plugins (void **state)
{
    flux_error_t error;
    struct stages s = { 0 };

    assert_int_equal (parse ("{\"frobnicator\":{\"plugins\":[\"defaults\",\"mine\"],"
                             "\"mine\":{\"a\":1}},\"validator\":{}}",
                             &s, &error),
                      0);
    assert_string_equal (s.crew,
                         "{\"frobnicator\":{\"plugins\":[\"defaults\",\"mine\"],"
                         "\"mine\":{\"a\":1}}}");
    assert_int_equal (
        parse ("{\"validator\":{\"args\":[\"--require-version=1\"]}}", &s, &error), 0);
    assert_string_equal (s.crew,
                         "{\"validator\":{\"args\":[\"--require-version=1\"]}}");
    /* what is wrong changes nothing */
    assert_int_equal (parse ("{\"validator\":7}", &s, &error), -1);
    assert_non_null (s.crew);
    stages_fini (&s);
}

static void sizes (void **state)
{
    static const struct {
        const char *text;
        size_t size; /* 0: wrong */
    } cases[] = { { "102400", 102400 },
                  { "\"102400\"", 102400 },
                  { "\"4.5M\"", 4718592 },
                  { "\"1024K\"", 1 << 20 },
                  { "\"1024k\"", 1 << 20 },
                  { "\"1G\"", 1 << 30 },
                  { "\"2G\"", 0 },
                  { "\"M\"", 0 },
                  { "\"1x\"", 0 },
                  { "\"1Mx\"", 0 },
                  { "0", 0 },
                  { "-5", 0 },
                  { "\"nan\"", 0 },
                  { "[]", 0 } };
    flux_error_t error;
    struct stages s = { 0 };
    char text[64];

    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        snprintf (text, sizeof (text), "{\"buffer-size\":%s}", cases[i].text);
        assert_int_equal (parse (text, &s, &error), cases[i].size ? 0 : -1);
        if (cases[i].size)
            assert_int_equal (s.buffer_size, cases[i].size);
        else
            assert_string_equal (
                error.text, "config: ingest.buffer-size: must be a size, e.g. 10M");
    }
    assert_int_equal (parse ("{\"batch-count\":12}", &s, &error), 0);
    assert_int_equal (s.batch_count, 12);
}

static void errors (void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "{\"batch-count\":-1}", "config: ingest.batch-count: must be 0 to 1000000" },
        { "{\"batch-count\":\"1\"}", "config: ingest.batch-count: must be an integer" },
        { "{\"foo\":1}", "config: ingest.foo: there is no such key" },
        { "{\"validator\":[]}", "config: ingest.validator: must be a table" },
        { "{\"validator\":{\"disable\":1}}",
          "config: ingest.validator.disable: must be a boolean" },
        { "{\"frobnicator\":{\"plugins\":\"x\"}}",
          "config: ingest.frobnicator.plugins: must be a list of strings" },
        { "{\"frobnicator\":{\"args\":[1]}}",
          "config: ingest.frobnicator.args: must be a list of strings" },
        { "{\"frobnicator\":{\"pluggins\":[]}}",
          "config: ingest.frobnicator.pluggins: there is no such key" },
        { "{\"validator\":{\"require-instance\":{\"minnodes\":2}}}",
          "config: ingest.validator.require-instance: is not in plugins" },
        { "{\"frobnicator\":{\"plugins\":[\"/x/abc.py\"],\"ab\":{}}}",
          "config: ingest.frobnicator.ab: is not in plugins" },
    };
    flux_error_t error;
    struct stages s = { 0 };

    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        errno = 0;
        assert_int_equal (parse (cases[i].text, &s, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, cases[i].error);
    }
}

static void arguments (void **state)
{
    static const struct {
        const char *table, *arg, *result;
    } good[] = {
        { NULL, "batch-count=3", "{\"batch-count\":3}" },
        { "{\"buffer-size\":\"1M\"}", "buffer-size=2M", "{\"buffer-size\":\"2M\"}" },
        { NULL, "validator-plugins=a,b",
          "{\"validator\":{\"plugins\":[\"a\",\"b\"]}}" },
        { "{\"validator\":{\"args\":[\"x\"],\"a\":{}}}", "validator-args=y",
          "{\"validator\":{\"a\":{},\"args\":[\"y\"]}}" },
        { NULL, "frobnicator-plugins=", "{\"frobnicator\":{\"plugins\":[]}}" },
        { NULL, "disable-validator", "{\"validator\":{\"disable\":true}}" },
        { NULL, "disable-frobnicator", "{\"frobnicator\":{\"disable\":true}}" },
        { "{\"validator\":1}", "disable-validator", "{\"validator\":1}" },
        { "[]", "disable-validator", "[]" },
    };
    static const struct {
        const char *arg, *error;
    } bad[] = {
        { "foo=1", "unknown argument: foo=1" },
        { "disable-foo", "unknown argument: disable-foo" },
        { "validator-foo=1", "unknown argument: validator-foo=1" },
        { "batch-count=x", "batch-count: 'x' is not a number" },
        { "batch-count=", "batch-count: '' is not a number" },
    };
    flux_error_t error;

    for (size_t i = 0; i < sizeof (good) / sizeof (good[0]); i++) {
        json_t *table = good[i].table ? json_loads (good[i].table, 0, NULL) : NULL;
        json_t *o = stages_args (table, 1, (char **)&good[i].arg, &error);
        char *s = o ? json_dumps (o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

        assert_string_equal (s, good[i].result);
        free (s);
        json_decref (o);
        json_decref (table);
    }
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_null (stages_args (NULL, 1, (char **)&bad[i].arg, &error));
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, bad[i].error);
    }
}

static void too_large (void **state)
{
    json_t *ingest = json_pack ("{s:{s:[s], s:{}}}", "validator", "plugins", "x", "x");
    json_t *x = json_object_get (json_object_get (ingest, "validator"), "x");
    char *text = calloc (1, 70000);
    flux_error_t error;
    struct stages s = { 0 };

    assert_non_null (text);
    memset (text, 'a', 69999);
    json_object_set_new (x, "k", json_string (text));
    assert_int_equal (stages_parse (ingest, &s, &error), -1);
    assert_string_equal (error.text, "config: ingest: too large");
    json_decref (ingest);
    free (text);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (nothing_to_ask), cmocka_unit_test (own_parts),
        cmocka_unit_test (plugins),        cmocka_unit_test (sizes),
        cmocka_unit_test (errors),         cmocka_unit_test (too_large),
        cmocka_unit_test (arguments),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
