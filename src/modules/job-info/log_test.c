/* What is read from logs and values: each log that may come, whole, cut or damaged. */
#include "base/test.h"

#include "log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBMIT "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{\"userid\":1000}}\n"
#define START "{\"timestamp\":2.0,\"name\":\"start\"}\n"
#define MEMO "{\"timestamp\":2.0,\"name\":\"memo\",\"context\":{\"clean\":\"done\"}}\n"
#define CLEAN "{\"timestamp\":3.0,\"name\":\"clean\"}\n"
#define DONE "{\"timestamp\":3.0,\"name\":\"done\"}\n"
#define GROW(n)                                                                        \
    "{\"timestamp\":2.0,\"name\":\"resource-update\",\"context\":{\"expiration\":" #n  \
    "}}\n"
#define RENAME                                                                         \
    "{\"timestamp\":2.0,\"name\":\"jobspec-update\",\"context\":{"                     \
    "\"attributes.system.job.name\":\"x\"}}\n"
#define R_TEXT "{\"version\":1,\"execution\":{\"expiration\":0}}"

/* A text that ends where it ends, so that whoever reads on is caught. */
static char *exact (const char *text, size_t len)
{
    char *copy = malloc (len ? len : 1);

    assert_non_null (copy);
    memcpy (copy, text, len);
    return copy;
}

static void the_last_event (void **state)
{
    static const struct {
        const char *path, *line;
        bool last;
    } t[] = {
        { "eventlog", CLEAN, true },
        { "eventlog", DONE, false },
        { "eventlog", START, false },
        { "eventlog", MEMO, false },
        { "eventlog", "{\"timestamp\":3.0,\"name\":\"cleaned\"}\n", false },
        { "eventlog", "{\"timestamp\":3.0,\"name\":\"unclean\"}\n", false },
        { "eventlog", "{\"name\":\"clean\"}\n", false },
        { "eventlog", "{\"timestamp\":3.0,\"name\":\"clean\"\n", false },
        { "eventlog", "\"clean\"\n", false },
        { "eventlog", "\n", false },
        { "guest.exec.eventlog", DONE, true },
        { "guest.exec.eventlog", CLEAN, false },
        { "guest.exec.eventlog", MEMO, false },
        { "guest.output", CLEAN, false },
        { "guest.output", DONE, false },
        { "R", CLEAN, false },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char *line = exact (t[i].line, strlen (t[i].line));
        if (log_ends (t[i].path, line, strlen (t[i].line)) != t[i].last)
            fail_msg ("%s: %s", t[i].path, t[i].line);
        free (line);
    }
}

/* It is seen when its line is there to the last byte, not before. */
static void the_last_event_in_pieces (void **state)
{
    static const char log[] = SUBMIT MEMO START CLEAN;

    for (size_t n = 0; n < sizeof (log); n++) {
        char *part = exact (log, n);
        assert_true (log_has_last ("eventlog", part, n) == (n == sizeof (log) - 1));
        assert_false (log_has_last ("guest.exec.eventlog", part, n));
        free (part);
    }
    assert_true (log_has_last ("eventlog", CLEAN START, strlen (CLEAN START)));
    assert_false (log_has_last ("eventlog", NULL, 0));
}

static void owners (void **state)
{
#define OWNER(id)                                                                      \
    "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{\"userid\":" id "}}\n"
    static const struct {
        const char *log;
        int64_t owner; /* -1: none */
    } t[] = {
        { SUBMIT, 1000 },
        { SUBMIT START CLEAN, 1000 },
        { SUBMIT "damaged\n", 1000 },
        { OWNER ("0"), 0 },
        { OWNER ("4294967295"), UINT32_MAX },
        { OWNER ("4294967296"), -1 }, /* it must not be root */
        { OWNER ("-1"), -1 },
        { OWNER ("\"0\""), -1 },
        { OWNER ("0.0"), -1 },
        { OWNER ("null"), -1 },
        { "", -1 },
        { "\n" SUBMIT, -1 },
        { START SUBMIT, -1 },
        { "damaged\n" SUBMIT, -1 },
        { "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{}}\n", -1 },
        { "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":[]}\n", -1 },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        size_t len = strlen (t[i].log);
        char *log = exact (t[i].log, len);
        uint32_t userid = 77;
        errno = 0;
        int rc = log_owner (log, len, &userid);
        if (rc != (t[i].owner < 0 ? -1 : 0))
            fail_msg ("%s: %d", t[i].log, rc);
        if (rc == 0)
            assert_int_equal (userid, t[i].owner);
        else
            assert_true (errno == EINVAL && userid == 77);
        free (log);
    }
}

static double expiration (json_t *R)
{
    return json_number_value (
        json_object_get (json_object_get (R, "execution"), "expiration"));
}

/* However the log comes, in the end each event was applied, once, in its order. */
static void updates_in_pieces (void **state)
{
    static const char log[] = SUBMIT GROW (5) START RENAME "damaged\n" GROW (7) CLEAN;
    size_t len = strlen (log);

    for (size_t first = 0; first <= len; first++) {
        json_t *R = json_loads (R_TEXT, 0, NULL);
        size_t pos = 0;
        char *part = exact (log, first);
        bool seen = memmem (log, first, GROW (5), strlen (GROW (5)));
        bool both = memmem (log, first, GROW (7), strlen (GROW (7)));
        assert_true (log_apply (part, first, &pos, "R", R) == seen);
        assert_true (pos <= first && (pos == 0 || part[pos - 1] == '\n'));
        assert_true (expiration (R) == (both ? 7 : seen ? 5 : 0));
        assert_true (log_apply (log, len, &pos, "R", R) == !both);
        assert_int_equal (pos, len);
        assert_true (expiration (R) == 7);
        assert_false (log_apply (log, len, &pos, "R", R)); /* nothing is new */
        free (part);
        json_decref (R);
    }
}

static void other_updates_change_nothing (void **state)
{
    static const char log[] = SUBMIT RENAME GROW (5);
    json_t *R = json_loads (R_TEXT, 0, NULL), *spec = json_object ();
    size_t pos = 0;

    assert_true (log_apply (log, strlen (log), &pos, "jobspec", spec));
    json_t *want =
        json_pack ("{s:{s:{s:{s:s}}}}", "attributes", "system", "job", "name", "x");
    assert_true (json_equal (spec, want));
    pos = 0;
    assert_false (log_apply (log, strlen (SUBMIT RENAME), &pos, "R", R));
    assert_true (expiration (R) == 0);
    json_decref (want);
    json_decref (spec);
    json_decref (R);
}

static json_t *value (int flags, const char *key, const char *data, const char *log)
{
    return log_value (flags, key, data, data ? strlen (data) : 0, log, strlen (log));
}

static void is_text (json_t *o, const char *text)
{
    assert_true (json_is_string (o));
    assert_string_equal (json_string_value (o), text);
    json_decref (o);
}

static void values (void **state)
{
    const int decode = JOB_INFO_JSON_DECODE, current = JOB_INFO_CURRENT;
    json_t *o;

    is_text (value (0, "R", R_TEXT, ""), R_TEXT);
    is_text (value (0, "R", "no JSON", ""), "no JSON"); /* nobody has asked */
    is_text (value (0, "R", NULL, ""), "");
    is_text (value (decode, "eventlog", SUBMIT, ""), SUBMIT);
    is_text (value (decode | current, "guest.x", "{}", GROW (5)), "{}");
    is_text (value (current, "R", " " R_TEXT, SUBMIT GROW (5)),
             "{\"version\":1,\"execution\":{\"expiration\":5}}");
    o = value (decode, "R", R_TEXT, SUBMIT GROW (5));
    assert_true (json_is_object (o) && expiration (o) == 0);
    json_decref (o);
    o = value (decode | current, "R", R_TEXT, SUBMIT GROW (5) GROW (9));
    assert_true (json_is_object (o) && expiration (o) == 9);
    json_decref (o);
}

static void damaged_values (void **state)
{
    static const struct {
        int flags;
        const char *data, *log;
    } t[] = {
        { JOB_INFO_JSON_DECODE, "", "" },
        { JOB_INFO_JSON_DECODE, "{", "" },
        { JOB_INFO_JSON_DECODE, "5", "" },
        { JOB_INFO_CURRENT, "no JSON", "" },
        { JOB_INFO_CURRENT, R_TEXT, SUBMIT "damaged\n" },
        { JOB_INFO_CURRENT | JOB_INFO_JSON_DECODE, R_TEXT, "{}\n" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        errno = 0;
        assert_null (value (t[i].flags, "R", t[i].data, t[i].log));
        assert_int_equal (errno, EINVAL);
    }
    assert_null (log_value (0, "R", "\xff", 1, "", 0)); /* no text can hold it */
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_last_event),
        cmocka_unit_test (the_last_event_in_pieces),
        cmocka_unit_test (owners),
        cmocka_unit_test (updates_in_pieces),
        cmocka_unit_test (other_updates_change_nothing),
        cmocka_unit_test (values),
        cmocka_unit_test (damaged_values),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
