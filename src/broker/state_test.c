#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/service/groups.h"
#include "broker/state.h"

static void test_happy (void **state)
{
    const enum state_event path[] = {
        EVENT_START,
        EVENT_PARENT_NONE,
        EVENT_RC1_SUCCESS,
        EVENT_QUORUM_FULL,
        EVENT_RC2_SUCCESS,
        EVENT_CLEANUP_SUCCESS,
        EVENT_CHILDREN_COMPLETE,
        EVENT_RC3_SUCCESS,
        EVENT_GOODBYE,
    };
    enum broker_state s = STATE_NONE;

    for (size_t i = 0; i < sizeof (path) / sizeof (path[0]); i++) {
        enum broker_state next = state_next (s, path[i]);

        assert_int_equal (next, s + 1);
        s = next;
    }
    assert_int_equal (s, STATE_EXIT);
}

static void test_failures (void **state)
{
    assert_int_equal (state_next (STATE_INIT, EVENT_RC1_FAIL), STATE_SHUTDOWN);
    assert_int_equal (state_next (STATE_RUN, EVENT_SHUTDOWN), STATE_CLEANUP);
    assert_int_equal (state_next (STATE_QUORUM, EVENT_SHUTDOWN), STATE_SHUTDOWN);
    assert_int_equal (state_next (STATE_RUN, EVENT_PARENT_LOST), STATE_SHUTDOWN);
    assert_int_equal (state_next (STATE_FINALIZE, EVENT_SHUTDOWN), STATE_FINALIZE);
    assert_int_equal (state_next (STATE_RUN, EVENT_RC1_SUCCESS), STATE_RUN);
    for (int s = 0; s < STATE_COUNT; s++) {
        enum broker_state parsed;

        assert_true (state_parse (state_name (s), &parsed));
        assert_int_equal (parsed, s);
        /* no event leads back */
        for (int e = 0; e < EVENT_COUNT; e++)
            assert_true ((int)state_next (s, e) >= s);
    }
}

static void assert_members (struct groups *g, const char *name, const char *expect)
{
    char *s = idset_encode (groups_members (g, name), IDSET_FLAG_RANGE);

    assert_string_equal (s, expect);
    free (s);
}

static void test_groups (void **state)
{
    struct groups *child = groups_create (8);
    struct groups *root = groups_create (8);
    struct idset *lost = idset_decode ("2-4");
    json_t *update;

    assert_null (groups_members (child, "foo"));
    assert_int_equal (groups_join (child, "foo", "c1", 3), 0);
    assert_int_equal (groups_join (child, "foo", "c1", 3), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (groups_join (child, "foo", "c2", 3), 0);
    assert_int_equal (groups_leave (child, "foo", "c3", 3), -1);
    assert_int_equal (groups_leave (child, "bar", "c1", 3), -1);
    groups_disconnect (child, "c1", 3);
    assert_members (child, "foo", "3");

    update = groups_take_update (child);
    assert_non_null (update);
    assert_null (groups_take_update (child));
    assert_int_equal (groups_apply_update (root, update, NULL), 0);
    json_decref (update);
    assert_members (root, "foo", "3");

    groups_disconnect (child, "c2", 3);
    update = groups_take_update (child);
    assert_int_equal (groups_apply_update (root, update, NULL), 0);
    json_decref (update);
    assert_members (root, "foo", "");

    /* join and leave in a turn: the last word counts */
    groups_join (child, "foo", "c1", 3);
    groups_leave (child, "foo", "c1", 3);
    update = groups_take_update (child);
    assert_int_equal (groups_apply_update (root, update, NULL), 0);
    json_decref (update);
    assert_members (root, "foo", "");

    assert_int_equal (groups_set (root, "broker.online", lost), 0);
    assert_members (root, "broker.online", "2-4");
    groups_clear_all (root, lost);
    assert_members (root, "broker.online", "");

    update = json_pack ("{s:{s:s}}", "foo", "set", "x-y");
    assert_int_equal (groups_apply_update (root, update, NULL), -1);
    json_decref (update);
    idset_destroy (lost);
    groups_destroy (child);
    groups_destroy (root);
}

/* Any number of events in a turn: none is lost, none overtakes. */
static void test_queue (void **state)
{
    struct state_queue q = { 0 };
    enum state_event event;

    assert_false (state_queue_take (&q, &event));
    for (int i = 0; i < 1000; i++)
        assert_int_equal (state_queue_add (&q, EVENT_QUORUM_FULL), 0);
    assert_int_equal (state_queue_add (&q, EVENT_SHUTDOWN), 0);
    assert_int_equal (state_queue_add (&q, EVENT_QUORUM_FULL), 0);
    assert_true (state_queue_take (&q, &event));
    assert_int_equal (event, EVENT_QUORUM_FULL);
    assert_true (state_queue_take (&q, &event));
    assert_int_equal (event, EVENT_SHUTDOWN);
    assert_true (state_queue_take (&q, &event));
    assert_int_equal (event, EVENT_QUORUM_FULL);
    assert_false (state_queue_take (&q, &event));
    for (int i = 0; i < 500; i++)
        assert_int_equal (state_queue_add (&q, i % EVENT_COUNT), 0);
    for (int i = 0; i < 500; i++) {
        assert_true (state_queue_take (&q, &event));
        assert_int_equal (event, i % EVENT_COUNT);
    }
    assert_false (state_queue_take (&q, &event));
    state_queue_fini (&q);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_queue),
        cmocka_unit_test (test_happy),
        cmocka_unit_test (test_failures),
        cmocka_unit_test (test_groups),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
