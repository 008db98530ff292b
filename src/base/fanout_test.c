#include "base/test.h"

#include <stdlib.h>

#include "base/fanout.h"

struct thing {
    struct fanout_item item;
    int n;
};

static struct thing *add (struct fanout *q, int n, size_t len, int readers)
{
    struct thing *t = calloc (1, sizeof (*t));
    assert_int_equal (fanout_add (q, &t->item, len), 0);
    t->n = n;
    for (int i = 0; i < readers; i++)
        fanout_give (q, i);
    return t;
}

static int pop (struct fanout *q)
{
    struct fanout_item *item = fanout_pop (q);
    if (!item)
        return -1;
    struct thing *t = container_of (item, struct thing, item);
    int n = t->n;
    free (t);
    return n;
}

static void test_the_slowest_holds (void **state)
{
    struct fanout q;
    size_t off;

    assert_int_equal (fanout_init (&q, 2), 0);
    add (&q, 1, 10, 2);
    add (&q, 2, 20, 2);
    assert_int_equal (q.bytes, 30);
    fanout_advance (&q, 0, 30);
    assert_null (fanout_at (&q, 0, &off));
    assert_int_equal (pop (&q), -1);
    fanout_advance (&q, 1, 9);
    assert_non_null (fanout_at (&q, 1, &off));
    assert_int_equal (off, 9);
    assert_int_equal (pop (&q), -1);
    fanout_advance (&q, 1, 2); /* across the border */
    fanout_at (&q, 1, &off);
    assert_int_equal (off, 1);
    assert_int_equal (pop (&q), 1);
    assert_int_equal (pop (&q), -1);
    fanout_drop (&q, 1);
    assert_int_equal (pop (&q), 2);
    assert_int_equal (q.bytes, 0);
    fanout_fini (&q);
}

static void test_items_for_some (void **state)
{
    struct fanout q;
    size_t off;

    assert_int_equal (fanout_init (&q, 100), 0);
    add (&q, 1, 5, 0); /* for nobody: free at once */
    assert_int_equal (pop (&q), 1);
    add (&q, 2, 5, 100);
    struct thing *t = add (&q, 3, 5, 0);
    fanout_give (&q, 99);
    fanout_give (&q, 99); /* once */
    add (&q, 4, 0, 100);  /* an end without data */
    for (int i = 0; i < 100; i++)
        fanout_advance (&q, i, 5);
    assert_int_equal (pop (&q), 2);
    assert_ptr_equal (fanout_at (&q, 99, &off), &t->item);
    for (int i = 0; i < 99; i++)
        fanout_advance (&q, i, 0);
    assert_int_equal (pop (&q), -1);
    fanout_advance (&q, 99, 5);
    assert_int_equal (pop (&q), 3);
    assert_int_equal (pop (&q), -1);
    fanout_advance (&q, 99, 0);
    assert_int_equal (pop (&q), 4);
    fanout_fini (&q);
}

static void test_more_than_there_is (void **state)
{
    struct fanout q;

    assert_int_equal (fanout_init (&q, 1), 0);
    fanout_advance (&q, 0, 7); /* nothing there */
    add (&q, 1, 5, 1);
    fanout_advance (&q, 0, SIZE_MAX);
    assert_int_equal (pop (&q), 1);
    fanout_fini (&q);
}

/* Random readers: each gets every byte of what is for it, items come back in
 * order, and none before all have taken it. */
static void test_random (void **state)
{
    srand (2);
    for (int run = 0; run < 100; run++) {
        struct fanout q;
        size_t owed[5] = { 0 }, taken[5] = { 0 };
        int added = 0, popped = 0;

        assert_int_equal (fanout_init (&q, 5), 0);
        for (int step = 0; step < 1000; step++) {
            if (rand () % 3 == 0) {
                size_t len = 1 + rand () % 50;
                add (&q, added++, len, 0);
                for (int i = 0; i < 5; i++) {
                    if (rand () % 2) {
                        fanout_give (&q, i);
                        owed[i] += len;
                    }
                }
            } else {
                int i = rand () % 5;
                size_t n = rand () % 60, left = owed[i] - taken[i];
                fanout_advance (&q, i, n < left ? n : left);
                taken[i] += n < left ? n : left;
            }
            int n;
            while ((n = pop (&q)) >= 0)
                assert_int_equal (n, popped++);
        }
        for (int i = 0; i < 5; i++) {
            size_t off;
            fanout_advance (&q, i, owed[i] - taken[i]);
            assert_null (fanout_at (&q, i, &off));
        }
        while (pop (&q) >= 0)
            popped++;
        assert_int_equal (popped, added);
        fanout_fini (&q);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_slowest_holds),
        cmocka_unit_test (test_items_for_some),
        cmocka_unit_test (test_more_than_there_is),
        cmocka_unit_test (test_random),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
