#include "base/test.h"
#include "expr.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static time_t at (const char *s)
{
    struct tm tm = { .tm_isdst = -1 };

    assert_non_null (strptime (s, "%Y-%m-%d %H:%M:%S", &tm));
    return mktime (&tm);
}

static void check_next (const char *expr, const char *from, const char *to)
{
    struct cron_expr e;
    const char *why;
    char text[32];
    struct tm tm;
    time_t t;

    assert_true (cron_expr_parse (&e, expr, &why) > 0);
    t = cron_expr_next (&e, at (from));
    if (!to) {
        assert_int_equal (t, -1);
        return;
    }
    localtime_r (&t, &tm);
    strftime (text, sizeof (text), "%Y-%m-%d %H:%M:%S", &tm);
    assert_string_equal (text, to);
}

static void next (void **state)
{
    check_next ("* * * * *", "2026-11-29 01:02:03", "2026-11-29 01:03:00");
    check_next ("*/5 * * * *", "2026-11-29 01:05:00", "2026-11-29 01:10:00");
    check_next ("*/5 * * * *", "2026-11-29 23:59:59", "2026-11-30 00:00:00");
    check_next ("30 4 * * *", "2026-11-29 04:30:00", "2026-11-30 04:30:00");
    check_next ("0 12 1 * *", "2026-12-31 13:00:00", "2027-01-01 12:00:00");
    check_next ("0 0 29 1 *", "2026-11-29 00:00:00", "2028-02-29 00:00:00");
    check_next ("0 0 30 1 *", "2026-11-29 00:00:00", NULL);
    check_next ("0 0 * * mon", "2026-11-29 00:00:00", "2026-11-30 00:00:00");
    check_next ("0 0 * * 7", "2026-11-28 00:00:00", "2026-11-29 00:00:00");
    check_next ("0 0 * dec *", "2026-11-29 00:00:00", "2026-12-01 00:00:00");
    /* either kind of day */
    check_next ("0 0 13 * fri", "2026-11-29 00:00:00", "2026-12-04 00:00:00");
    check_next ("0 0 2 * fri", "2026-11-29 00:00:00", "2026-12-02 00:00:00");
    check_next ("0,15-20/2,59 8 * * *", "2026-11-29 08:17:00", "2026-11-29 08:19:00");
    check_next ("@daily", "2026-11-29 08:17:00", "2026-11-30 00:00:00");
    check_next ("@yearly", "2026-11-29 08:17:00", "2027-01-01 00:00:00");
    check_next ("@weekly", "2026-11-29 08:17:00", "2026-12-06 00:00:00");
}

/* In Berlin there was no 02:30 on 2026-03-29, and two on 2026-10-25. */
static void summer (void **state)
{
    setenv ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset ();
    check_next ("30 2 * * *", "2026-03-29 00:00:00", "2026-03-29 03:30:00");
    check_next ("0 12 * * *", "2026-03-29 00:00:00", "2026-03-29 12:00:00");
    check_next ("0 3 * * *", "2026-10-25 00:00:00", "2026-10-25 03:00:00");
    setenv ("TZ", "UTC", 1);
    tzset ();
}

static void bad (void **state)
{
    const char *texts[] = {
        "",           "* * * *",    "60 * * * *",         "* 24 * * *", "* * 0 * *",
        "* * 32 * *", "* * * 12 *", "* * * * 8",          "5-3 * * *",  "*/0 * * * *",
        "1x * * * *", "@nosuch",    "1, * * * *",         "- * * * *",  "1- * * * *",
        "*/ * * * *", "-1 * * * *", "99999999999 * * * *"
    };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        struct cron_expr e;
        const char *why = NULL;

        assert_int_equal (cron_expr_parse (&e, texts[i], &why), -1);
        assert_non_null (why);
    }
}

static void rest (void **state)
{
    struct cron_expr e;
    const char *why, *s = " */5 * * * *  hostname -f";

    assert_string_equal (s + cron_expr_parse (&e, s, &why), "  hostname -f");
    s = "@daily true";
    assert_string_equal (s + cron_expr_parse (&e, s, &why), " true");
}

static void interval (void **state)
{
    struct cron_interval c = { .interval = 10, .after = -1 };

    cron_interval_start (&c, 100);
    assert_true (c.next == 110);
    assert_true (cron_interval_ran (&c, 110.5) == 120);
    assert_true (cron_interval_ran (&c, 145) == 150);
    c.after = 0;
    cron_interval_start (&c, 200);
    assert_true (c.next == 200);
    assert_true (cron_interval_ran (&c, 210) == 220);
    c.interval = 1e-9;
    cron_interval_start (&c, 1e9);
    assert_true (cron_interval_ran (&c, 1e9 + 5) >= 1e9 + 5);
}

static void events (void **state)
{
    struct cron_events c = { .nth = 3, .after = 2 };
    double when;
    char got[12] = "";

    cron_events_start (&c);
    for (int i = 0; i < 11; i++) {
        bool run = cron_events_seen (&c, i, &when) == CRON_RUN;

        strcat (got, run ? "R" : ".");
        if (run)
            cron_events_ran (&c, i);
    }
    assert_string_equal (got, "..R..R..R..");
}

static void min_interval (void **state)
{
    struct cron_events c = { .nth = 1, .min_interval = 10 };
    double when = 0;

    cron_events_start (&c);
    assert_int_equal (cron_events_seen (&c, 1, &when), CRON_RUN);
    cron_events_ran (&c, 1);
    assert_int_equal (cron_events_seen (&c, 3, &when), CRON_LATER);
    assert_true (when == 11);
    assert_int_equal (cron_events_seen (&c, 4, &when), CRON_WAIT);
    cron_events_ran (&c, 11);
    assert_int_equal (cron_events_seen (&c, 22, &when), CRON_RUN);
}

static void sync_event (void **state)
{
    struct cron_sync s = { .active = false, .last = -1 };

    assert_true (cron_sync_allows (&s, 1));
    s.active = true;
    assert_false (cron_sync_allows (&s, 1));
    s.last = 5;
    s.epsilon = 0.5;
    assert_true (cron_sync_allows (&s, 5.4));
    assert_false (cron_sync_allows (&s, 5.6));
}

static void counts (void **state)
{
    struct cron_counts c = { .repeat = 2 };

    assert_false (cron_counts_over (&c));
    c.count = 2;
    assert_true (cron_counts_over (&c));
    c = (struct cron_counts){ .stop_on = 1, .count = 9 };
    assert_false (cron_counts_over (&c));
    c.failures = 1;
    assert_true (cron_counts_over (&c));
}

/* Minute by minute, in a zone without summer time. */
static void next_by_looking (void **state)
{
    unsigned int seed = 1;

    for (int round = 0; round < 300; round++) {
        int step = 1 + rand_r (&seed) % 59, hour = rand_r (&seed) % 24;
        int day = 1 + rand_r (&seed) % 28, weekday = rand_r (&seed) % 7;
        bool any = rand_r (&seed) % 2;
        time_t t = 1790000000 + rand_r (&seed) % 100000000, m = t / 60 * 60;
        char text[64];
        struct cron_expr e;
        const char *why;
        struct tm tm;

        if (any)
            snprintf (text, sizeof (text), "*/%d %d-23 * * %d", step, hour, weekday);
        else
            snprintf (text, sizeof (text), "*/%d %d-23 %d * %d", step, hour, day,
                      weekday);
        assert_true (cron_expr_parse (&e, text, &why) > 0);
        do {
            m += 60;
            gmtime_r (&m, &tm);
        } while (tm.tm_min % step || tm.tm_hour < hour
                 || (tm.tm_wday != weekday && (any || tm.tm_mday != day)));
        if (cron_expr_next (&e, t) != m)
            fail_msg ("%s after %ld: %ld, not %ld", text, (long)t,
                      (long)cron_expr_next (&e, t), (long)m);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (next),         cmocka_unit_test (summer),
        cmocka_unit_test (bad),          cmocka_unit_test (rest),
        cmocka_unit_test (interval),     cmocka_unit_test (events),
        cmocka_unit_test (min_interval), cmocka_unit_test (sync_event),
        cmocka_unit_test (counts),       cmocka_unit_test (next_by_looking),
    };

    setenv ("TZ", "UTC", 1);
    tzset ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
