#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ask.h"

#define RESOURCES "[{\"type\":\"slot\",\"count\":1,\"label\":\"task\"}]"
#define JOBSPEC(tasks, attributes)                                                     \
    "{\"resources\":" RESOURCES ",\"tasks\":[" tasks "],\"attributes\":" attributes    \
    ",\"version\":1}"
#define REQUEST(jobspec)                                                               \
    "{\"id\":9007199254740993,\"priority\":-1,\"userid\":5,\"jobspec\":" jobspec "}"
#define TASK "{\"command\":[\"a\\\"]}\"],\"slot\":\"task\",\"count\":{\"per_slot\":1}}"
#define BARE "{\"command\":[\"-\"],\"slot\":\"task\",\"count\":{\"per_slot\":1}}"

static int parse (struct ask *a, const char *text)
{
    return ask_parse (a, (struct span){ text, strlen (text) });
}

static void check (const char *request, const char *shape, const char *queue,
                   bool endless)
{
    struct buf b = BUF_INIT;
    struct ask a;

    assert_int_equal (parse (&a, request), 0);
    assert_true (a.id == 9007199254740993);
    assert_int_equal (a.priority, -1);
    assert_int_equal (a.endless, endless);
    assert_int_equal (ask_shape (&a, &b), 0);
    assert_string_equal (b.data, shape);
    if (queue)
        assert_string_equal (ask_queue (&a, &b), queue);
    else
        assert_null (ask_queue (&a, &b));
    buf_fini (&b);
}

static void matters (void **state)
{
    check (
        REQUEST (JOBSPEC (TASK, "{\"system\":{\"cwd\":\"/\",\"queue\":\"q\\u0031\","
                                "\"environment\":{\"queue\":\"x\"},"
                                "\"duration\":2.5e1,\"constraints\":{\"not\":[]}}}")),
        "{\"version\":1,\"resources\":" RESOURCES ",\"tasks\":[" BARE
        "],\"attributes\":{\"system\":{\"duration\":2.5e1,\"constraints\":{\"not\":[]"
        "},\"queue\":\"q\\u0031\"}}}",
        "q1", false);
}

static void missing (void **state)
{
    const char *shape = "{\"version\":1,\"resources\":" RESOURCES
                        ",\"tasks\":[],\"attributes\":{\"system\":{}}}";

    check (REQUEST (JOBSPEC ("", "null")), shape, NULL, true);
    check (REQUEST (JOBSPEC ("", "{}")), shape, NULL, true);
    check (REQUEST (JOBSPEC ("", "{\"system\":{\"cwd\":\"duration\"}}")), shape, NULL,
           true);
    check (REQUEST ("{}"), "{\"attributes\":{\"system\":{}}}", NULL, true);
    check (REQUEST (JOBSPEC ("{},{}", "{\"system\":{\"duration\":0,\"queue\":1}}")),
           "{\"version\":1,\"resources\":" RESOURCES
           ",\"tasks\":[{\"command\":[\"-\"]},{\"command\":[\"-\"]}],"
           "\"attributes\":{\"system\":{\"duration\":0,\"queue\":1}}}",
           NULL, true);
}

static void empty_queue (void **state)
{
    struct buf b = BUF_INIT;
    struct ask a;

    assert_int_equal (
        parse (&a, REQUEST (JOBSPEC ("", "{\"system\":{\"queue\":\"\"}}"))), 0);
    assert_string_equal (ask_queue (&a, &b), "");
    buf_fini (&b);
}

/* White space, escapes in keys, the same key twice. */
static void spelled (void **state)
{
    check (" { \"id\" : 9007199254740993 , \"priority\":7, \"priori\\u0074y\":-1,\n"
           "\"jobspec\" : { \"versi\\u006fn\" : 1 , \"tasks\" : [ { \"slot\" : \"s\" "
           "} ] } }",
           "{\"version\":1,\"tasks\":[{\"command\":[\"-\"],\"slot\":\"s\"}],"
           "\"attributes\":{\"system\":{}}}",
           NULL, true);
}

static void refused (void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"id\":1,\"priority\":2}",
        "{\"id\":1,\"priority\":2,\"jobspec\":[]}",
        "{\"id\":1.5,\"priority\":2,\"jobspec\":{}}",
        "{\"id\":\"1\",\"priority\":2,\"jobspec\":{}}",
        "{\"id\":1,\"priority\":null,\"jobspec\":{}}",
        "{\"id\":1,\"priority\":2,\"jobspec\":{}",
        "{\"id\":1,\"priority\":2,\"jobspec\":{\"attributes\":{\"system\":}}}",
    };
    struct buf b = BUF_INIT;
    struct ask a;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_int_equal (parse (&a, bad[i]), -1);
        assert_int_equal (errno, EPROTO);
    }
    assert_int_equal (parse (&a, REQUEST ("{\"tasks\":{}}")), 0);
    assert_int_equal (ask_shape (&a, &b), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (parse (&a, REQUEST ("{\"tasks\":[1]}")), 0);
    assert_int_equal (ask_shape (&a, &b), -1);
    assert_int_equal (errno, EPROTO);
    buf_fini (&b);
}

static int parse_free (struct ask_free *a, const char *text)
{
    return ask_free_parse (a, (struct span){ text, strlen (text) });
}

static void given_back (void **state)
{
    static const char *const bad[] = { "", "{\"id\":1}", "{\"R\":{}}",
                                       "{\"id\":1,\"R\":\"\"}",
                                       "{\"id\":1,\"R\":{},\"final\":1}" };
    struct ask_free a;

    assert_int_equal (parse_free (&a, "{\"id\":7,\"R\":{\"version\":1}}"), 0);
    assert_int_equal (a.id, 7);
    assert_true (a.final);
    assert_memory_equal (a.R.s, "{\"version\":1}", a.R.len);
    assert_int_equal (parse_free (&a, "{\"id\":7,\"R\":{},\"final\":true}"), 0);
    assert_true (a.final);
    assert_int_equal (parse_free (&a, "{\"id\":7,\"R\":{},\"final\":false}"), 0);
    assert_false (a.final);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_int_equal (parse_free (&a, bad[i]), -1);
        assert_int_equal (errno, EPROTO);
    }
}

static int parse_answer (struct match_answer *a, const char *text)
{
    return match_answer_parse (a, (struct span){ text, strlen (text) });
}

static void matched (void **state)
{
    static const char *const bad[] = { "", "{}", "{\"status\":1}",
                                       "{\"status\":\"RESERVED\",\"at\":\"1\"}",
                                       "{\"status\":\"FAILED\",\"errnum\":null}" };
    struct match_answer a;

    assert_int_equal (parse_answer (&a, "{\"jobid\":1,\"status\":\"ALLOCATED\",\"R\":"
                                        "\"{\\\"a\\\":1}\",\"at\":77}"),
                      0);
    assert_memory_equal (a.status.s, "ALLOCATED", a.status.len);
    assert_memory_equal (a.R.s, "\"{\\\"a\\\":1}\"", a.R.len);
    assert_int_equal (a.at, 77);
    assert_false (a.tried);
    assert_int_equal (parse_answer (&a, "{\"status\":\"FAILED\",\"errnum\":16,"
                                        "\"text\":\"no\",\"tried\":true}"),
                      0);
    assert_int_equal (a.errnum, 16);
    assert_memory_equal (a.text.s, "\"no\"", a.text.len);
    assert_true (a.tried);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_int_equal (parse_answer (&a, bad[i]), -1);
        assert_int_equal (errno, EPROTO);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (matters),     cmocka_unit_test (missing),
        cmocka_unit_test (empty_queue), cmocka_unit_test (spelled),
        cmocka_unit_test (refused),     cmocka_unit_test (given_back),
        cmocka_unit_test (matched),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
