#include "cmd/live/pace.h"

#include "base/test.h"

static void test_first (void **state)
{
    struct pace p = { 0 };
    assert_true (pace_delay (&p, 100) < 0);
    pace_change (&p);
    pace_change (&p);
    assert_true (pace_delay (&p, 100) == PACE_GATHER);
    pace_sent (&p, 100);
    assert_true (pace_delay (&p, 101) < 0);
}

static void test_pause (void **state)
{
    struct pace p = { 0 };
    pace_change (&p);
    pace_sent (&p, 100);
    pace_change (&p); /* while it is on its way */
    assert_true (pace_delay (&p, 100.01) < 0);
    pace_answered (&p, 100.01);
    assert_float_equal (pace_delay (&p, 100.01), PACE_PAUSE, 1e-9);
    assert_true (pace_delay (&p, 110) == PACE_GATHER);
}

/* An instance that needs a second to answer is asked every six. */
static void test_slow (void **state)
{
    struct pace p = { 0 };
    pace_change (&p);
    pace_sent (&p, 100);
    pace_answered (&p, 101);
    assert_true (pace_delay (&p, 101) < 0);
    pace_change (&p);
    assert_float_equal (pace_delay (&p, 101), PACE_SHARE, 1e-9);
    pace_hurry (&p);
    assert_true (pace_delay (&p, 101) == PACE_GATHER);
}

/* A burst of changes: bounded questions. */
static void test_burst (void **state)
{
    struct pace p = { 0 };
    int sent = 0;
    double due = -1, answer = -1;
    for (int i = 0; i < 10000; i++) {
        double now = i * 0.001;
        pace_change (&p);
        if (answer >= 0 && now >= answer) {
            pace_answered (&p, now);
            answer = -1;
        }
        double d = pace_delay (&p, now);
        if (d < 0)
            due = -1;
        else if (due < 0)
            due = now + d;
        if (due >= 0 && now >= due) {
            pace_sent (&p, now);
            answer = now + 0.005;
            due = -1;
            sent++;
        }
    }
    assert_in_range (sent, 10, 50);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_first),
        cmocka_unit_test (test_pause),
        cmocka_unit_test (test_slow),
        cmocka_unit_test (test_burst),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
