#include "base/test.h"
#include "cmd/hierarchy/load.h"

static void idle_leaves_take_turns (void **state)
{
    struct load *l = load_create (3);
    for (int i = 0; i < 9; i++)
        assert_int_equal (load_pick (l, 1), i % 3);
    load_destroy (l);
}

static void larger_leaves_get_more (void **state)
{
    struct load *l = load_create (2);
    int count[2] = { 0 };
    load_set (l, 0, 0, 3);
    load_set (l, 1, 0, 1);
    for (int i = 0; i < 40; i++)
        count[load_pick (l, 1)]++;
    assert_int_equal (count[0], 30);
    assert_int_equal (count[1], 10);
    load_destroy (l);
}

static void busy_leaves_wait (void **state)
{
    struct load *l = load_create (2);
    load_set (l, 0, 4, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal (load_pick (l, 1), 1);
    assert_int_equal (load_pick (l, 1), 0);
    load_destroy (l);
}

static void large_jobs_weigh_more (void **state)
{
    struct load *l = load_create (2);
    load_set (l, 0, 0, 4);
    load_set (l, 1, 0, 4);
    assert_int_equal (load_pick (l, 3), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal (load_pick (l, 1), 1);
    assert_int_equal (load_pick (l, 1), 0);
    load_destroy (l);
}

static void shares_add_up (void **state)
{
    for (size_t count = 1; count < 20; count++) {
        size_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += load_share (100, count, i);
        assert_int_equal (sum, 100);
        assert_true (load_share (100, count, 0) - load_share (100, count, count - 1)
                     <= 1);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (idle_leaves_take_turns),
        cmocka_unit_test (larger_leaves_get_more),
        cmocka_unit_test (busy_leaves_wait),
        cmocka_unit_test (large_jobs_weigh_more),
        cmocka_unit_test (shares_add_up),
    };
    return cmocka_run_group_tests_name ("hierarchy-load", tests, NULL, NULL);
}
