/* Requests for entries of cron, good and bad. */
#include "base/test.h"
#include "entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000. /* 2027-01-15 08:00:00 UTC */
#define SIZE 4

/* A request with these members, behind those that each has; or before them. */
static json_t *request (const char *type, const char *args, const char *more)
{
    char text[512];

    snprintf (
        text, sizeof (text),
        "{\"type\":\"%s\",\"name\":\"n\",\"command\":\"true\",\"argv\":[\"true\"],"
        "\"args\":%s%s}",
        type, args, more);
    json_t *o = json_loads (text, 0, NULL);
    if (!o)
        fail_msg ("%s", text);
    return o;
}

static const char *parse (struct entry *e, const char *type, const char *args,
                          const char *more)
{
    json_t *o = request (type, args, more);

    *e = (struct entry){ .stopped = true };
    const char *why = entry_parse (e, o, SIZE, NOW);
    json_decref (o);
    return why;
}

static void good (struct entry *e, const char *type, const char *args, const char *more)
{
    const char *why = parse (e, type, args, more);

    if (why)
        fail_msg ("%s %s %s: %s", type, args, more, why);
}

static void bad (const char *type, const char *args, const char *more, const char *text)
{
    struct entry e;
    const char *why = parse (&e, type, args, more);

    if (!why || strcmp (why, text) != 0)
        fail_msg ("%s %s %s: %s", type, args, more, why ? why : "is taken");
    entry_parse_fini (&e);
}

static void what_is_not_said (void **state)
{
    struct entry e;

    good (&e, "interval", "{\"interval\":1}", "");
    assert_string_equal (e.name, "n");
    assert_string_equal (e.command, "true");
    assert_int_equal (json_array_size (e.argv), 1);
    assert_null (e.environ);
    assert_null (e.cwd);
    assert_null (e.topic);
    assert_int_equal (e.rank, 0);
    assert_int_equal (e.history, 1);
    assert_true (e.timeout == 0 && e.counts.repeat == 0 && e.counts.stop_on == 0);
    assert_true (e.interval.interval == 1 && e.interval.after < 0);
    entry_parse_fini (&e);
}

static void all_that_can_be_said (void **state)
{
    struct entry e;

    good (&e, "event", "{\"topic\":\"a.*\",\"nth\":3,\"after\":2,\"min_interval\":0.5}",
          ",\"environ\":{\"A\":\"b\"},\"cwd\":\"/tmp\",\"repeat\":7,\"rank\":3,"
          "\"task-history-count\":1000,\"stop-on-failure\":2,\"timeout\":1.5");
    assert_int_equal (e.type, CRON_EVENT);
    assert_string_equal (e.topic, "a.*");
    assert_true (e.events.nth == 3 && e.events.after == 2
                 && e.events.min_interval == 0.5);
    assert_true (e.events.seen == 0 && !e.events.waiting);
    assert_int_equal (json_object_size (e.environ), 1);
    assert_string_equal (e.cwd, "/tmp");
    assert_true (e.counts.repeat == 7 && e.counts.stop_on == 2 && e.counts.count == 0);
    assert_true (e.rank == 3 && e.history == 1000 && e.timeout == 1.5);
    entry_parse_fini (&e);
}

static void dates (void **state)
{
    struct entry e;

    good (&e, "datetime", "{\"at\":1800000100}", "");
    assert_true (e.type == CRON_DATETIME && e.at == NOW + 100 && !e.expr_text);
    entry_parse_fini (&e);
    good (&e, "datetime", "{\"at\":1799999941}",
          ""); /* it has taken its time to come */
    entry_parse_fini (&e);
    good (&e, "datetime", "{\"expr\":\"*/5 * * * *\"}", "");
    assert_string_equal (e.expr_text, "*/5 * * * *");
    assert_true (cron_expr_next (&e.expr, NOW) == NOW + 300);
    entry_parse_fini (&e);
    bad ("datetime", "{\"at\":1799999939}", "", "that time is over");
    bad ("datetime", "{\"expr\":\"0 0 30 feb *\"}", "", "there is no such day");
    bad ("datetime", "{}", "", "a time is either a date or an expression");
    bad ("datetime", "{\"at\":-1}", "", "a time is either a date or an expression");
    bad ("datetime", "{\"at\":1800000100,\"expr\":\"@daily\"}", "",
         "a time is either a date or an expression");
}

/* What an expression lacks is said by its parser. */
static void expressions (void **state)
{
    static const char *const texts[] = { "", "* * * *", "60 * * * *", "@nosuch" };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        struct cron_expr expr;
        const char *why = NULL;
        char args[64];
        assert_int_equal (cron_expr_parse (&expr, texts[i], &why), -1);
        snprintf (args, sizeof (args), "{\"expr\":\"%s\"}", texts[i]);
        bad ("datetime", args, "", why);
    }
}

static void intervals (void **state)
{
    static const char text[] = "an interval is 1 ms to 100 years";
    static const char *const bads[] = {
        "{}",
        "{\"interval\":0}",
        "{\"interval\":-1}",
        "{\"interval\":0.0009}",
        "{\"interval\":3153600001}",
        "{\"interval\":\"1\"}",
        "[]",
        "{\"interval\":1,\"after\":3153600001}",
        "{\"interval\":1,\"after\":\"1\"}",
    };
    struct entry e;

    for (size_t i = 0; i < sizeof (bads) / sizeof (bads[0]); i++)
        bad ("interval", bads[i], "", text);
    good (&e, "interval", "{\"interval\":0.001,\"after\":0}", "");
    assert_true (e.interval.after == 0);
    entry_parse_fini (&e);
    good (&e, "interval", "{\"interval\":3153600000}", "");
    entry_parse_fini (&e);
}

static void events (void **state)
{
    static const char text[] = "an event has a topic, and counts that are not negative";
    static const char *const bads[] = {
        "{}",
        "{\"topic\":5}",
        "{\"topic\":\"a\",\"nth\":-1}",
        "{\"topic\":\"a\",\"after\":-1}",
        "{\"topic\":\"a\",\"min_interval\":-0.5}",
        "{\"topic\":\"a\",\"nth\":\"1\"}",
    };

    for (size_t i = 0; i < sizeof (bads) / sizeof (bads[0]); i++)
        bad ("event", bads[i], "", text);
}

static void common_members (void **state)
{
    static const struct {
        const char *more, *text;
    } t[] = {
        { ",\"rank\":4", "there is no such rank" },
        { ",\"rank\":-1", "there is no such rank" },
        { ",\"rank\":\"all\"", "malformed request" },
        { ",\"task-history-count\":0", "task-history-count is 1 to 1000" },
        { ",\"task-history-count\":1001", "task-history-count is 1 to 1000" },
        { ",\"repeat\":-1", "counts are not negative" },
        { ",\"stop-on-failure\":-1", "counts are not negative" },
        { ",\"timeout\":-0.5", "a timeout is at most 100 years" },
        { ",\"timeout\":3153600001", "a timeout is at most 100 years" },
        { ",\"environ\":[]", "malformed request" },
        { ",\"environ\":{\"A\":5}", "malformed request" },
        { ",\"cwd\":null", "malformed request" },
        { ",\"argv\":[]", "malformed request" }, /* the last one counts */
        { ",\"argv\":[\"a\",5]", "malformed request" },
        { ",\"argv\":\"true\"", "malformed request" },
        { ",\"name\":5", "malformed request" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        bad ("interval", "{\"interval\":1}", t[i].more, t[i].text);
        bad ("event", "{\"topic\":\"x\"}", t[i].more, t[i].text);
    }
    bad ("sometimes", "{}", "", "there is no such type");
}

/* Each member that must be there is missed. */
static void what_is_missing (void **state)
{
    static const char *const names[] = { "type", "name", "command", "argv", "args" };

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        json_t *o = request ("interval", "{\"interval\":1}", "");
        struct entry e = { .stopped = true };
        assert_int_equal (json_object_del (o, names[i]), 0);
        assert_string_equal (entry_parse (&e, o, SIZE, NOW), "malformed request");
        assert_null (e.name);
        entry_parse_fini (&e);
        json_decref (o);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_is_not_said),
        cmocka_unit_test (all_that_can_be_said),
        cmocka_unit_test (dates),
        cmocka_unit_test (expressions),
        cmocka_unit_test (intervals),
        cmocka_unit_test (events),
        cmocka_unit_test (common_members),
        cmocka_unit_test (what_is_missing),
    };

    setenv ("TZ", "UTC", 1);
    tzset ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
