/* All pairs of a broker's state and an event: which lead where, and that no other leads
 * anywhere (state.h; "Start and end" of ARCHITECTURE.md). */
#include "base/test.h"
#include <stdlib.h>
#include <string.h>

#include "broker/state.h"

/* One letter for the state that follows, '.' for "means nothing here". Columns: none,
 * join, init, quorum, run, cleanup, shutdown, finalize, goodbye, exit. */
static const struct {
    enum state_event event;
    const char *next;
} matrix[] = {
    { EVENT_START, "j........." },
    { EVENT_PARENT_READY, ".i........" },
    { EVENT_PARENT_NONE, ".i........" },
    { EVENT_PARENT_FAIL, ".s........" },
    { EVENT_RC1_SUCCESS, "..q......." },
    { EVENT_RC1_NONE, "..q......." },
    { EVENT_RC1_IGNOREFAIL, "..q......." },
    { EVENT_RC1_FAIL, "..s......." },
    { EVENT_QUORUM_FULL, "...r......" },
    { EVENT_QUORUM_FAIL, "...s......" },
    { EVENT_RC2_SUCCESS, "....c....." },
    { EVENT_RC2_NONE, "....c....." },
    { EVENT_RC2_FAIL, "....c....." },
    /* asked to end: what has run jobs cleans up first, once */
    { EVENT_SHUTDOWN, ".sssc....." },
    /* nobody is there to clean up with */
    { EVENT_PARENT_LOST, ".sssss...." },
    { EVENT_PANIC, ".sssss...." },
    { EVENT_CLEANUP_SUCCESS, ".....s...." },
    { EVENT_CLEANUP_NONE, ".....s...." },
    { EVENT_CLEANUP_FAIL, ".....s...." },
    { EVENT_CHILDREN_COMPLETE, "......f..." },
    { EVENT_CHILDREN_NONE, "......f..." },
    { EVENT_CHILDREN_TIMEOUT, "......f..." },
    { EVENT_RC3_SUCCESS, ".......g.." },
    { EVENT_RC3_NONE, ".......g.." },
    { EVENT_RC3_FAIL, ".......g.." },
    { EVENT_GOODBYE, "........e." },
};

static enum broker_state state_of (char letter, enum broker_state here)
{
    static const char letters[] = "njiqrcsfge";
    const char *p = strchr (letters, letter);

    return letter == '.' ? here : (enum broker_state) (p - letters);
}

static void pairs (void **state)
{
    assert_int_equal (sizeof (matrix) / sizeof (matrix[0]), EVENT_COUNT);
    for (int e = 0; e < EVENT_COUNT; e++) {
        assert_int_equal (matrix[e].event, e);
        assert_int_equal (strlen (matrix[e].next), STATE_COUNT);
        for (int s = 0; s < STATE_COUNT; s++)
            if (state_next (s, e) != state_of (matrix[e].next[s], s))
                fail_msg ("%s in %s leads to %s", state_event_name (e), state_name (s),
                          state_name (state_next (s, e)));
    }
}

/* Whatever happens in whatever order: once all that a state waits for has happened, a
 * broker that was asked to end is at its end; and it never goes back. */
static void at_random (void **state)
{
    static const enum state_event ends[] = { EVENT_CLEANUP_FAIL, EVENT_CHILDREN_TIMEOUT,
                                             EVENT_RC3_FAIL, EVENT_GOODBYE };

    for (unsigned int seed = 1; seed <= 2000; seed++) {
        enum broker_state s = state_next (STATE_NONE, EVENT_START), next;
        bool ran = false, cleaned = false, lost = false;
        srand (seed);
        for (int step = rand () % 100; step > 0; step--) {
            enum state_event e = rand () % EVENT_COUNT;
            next = state_next (s, e);
            assert_true (next >= s);
            ran |= next == STATE_RUN;
            cleaned |= next == STATE_CLEANUP;
            lost |= e == EVENT_PARENT_LOST || e == EVENT_PANIC;
            /* jobs are not left behind unless nobody can be asked any more */
            if (s == STATE_RUN && next > STATE_CLEANUP)
                assert_true (lost);
            s = next;
        }
        next = state_next (s, EVENT_SHUTDOWN);
        cleaned |= next == STATE_CLEANUP;
        s = next;
        assert_true (s >= STATE_CLEANUP);
        for (size_t i = 0; i < sizeof (ends) / sizeof (ends[0]); i++)
            s = state_next (s, ends[i]);
        assert_int_equal (s, STATE_EXIT);
        assert_true (!ran || cleaned || lost);
    }
}

/* Names are what flux uptime and state-machine.get say, and the log's lines. */
static void names (void **state)
{
    enum broker_state parsed = STATE_RUN;

    for (int e = 0; e < EVENT_COUNT; e++) {
        assert_non_null (state_event_name (e));
        for (int other = 0; other < e; other++)
            assert_string_not_equal (state_event_name (e), state_event_name (other));
    }
    assert_string_equal (state_name (STATE_COUNT), "unknown");
    assert_string_equal (state_event_name (EVENT_COUNT), "unknown");
    assert_false (state_parse ("", &parsed));
    assert_false (state_parse ("runn", &parsed));
    assert_false (state_parse ("RUN", &parsed));
    assert_int_equal (parsed, STATE_RUN);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (pairs),
        cmocka_unit_test (at_random),
        cmocka_unit_test (names),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
