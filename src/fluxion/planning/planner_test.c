#include "fluxion/planning/planner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOTAL 20
#define END 200

static unsigned int seed = 1;

static int64_t rnd (int64_t n)
{
    return rand_r (&seed) % n;
}

struct span {
    int64_t at, duration, count;
};

/* The same by counting every second. */
struct brute {
    int64_t used[END + 1];
    int points[END + 1];
};

static void brute_change (struct brute *b, struct span *s, int sign)
{
    for (int64_t t = s->at; t < s->at + s->duration; t++)
        b->used[t] += sign * s->count;
    b->points[s->at] += sign;
    b->points[s->at + s->duration] += sign;
}

static int64_t brute_avail (struct brute *b, int64_t at, int64_t duration)
{
    int64_t used = 0;

    for (int64_t t = at; t < at + duration && t <= END; t++)
        used = b->used[t] > used ? b->used[t] : used;
    return TOTAL - used;
}

static int64_t brute_first (struct brute *b, int64_t from, int64_t duration,
                            int64_t count)
{
    for (int64_t t = from; t + duration <= END; t++)
        if ((t == from || b->points[t] > 0) && brute_avail (b, t, duration) >= count)
            return t;
    return -1;
}

static void compare (struct planner *p, struct brute *b)
{
    assert_true (planner_check (p));
    for (int i = 0; i < 10; i++) {
        int64_t at = rnd (END - 1), d = 1 + rnd (END - at), n = rnd (TOTAL + 1);
        assert_int_equal (planner_avail_at (p, at), TOTAL - b->used[at]);
        assert_int_equal (planner_avail_during (p, at, d), brute_avail (b, at, d));
        assert_int_equal (planner_avail_first (p, at, d, n), brute_first (b, at, d, n));
    }
}

static void random_spans (void **state)
{
    for (int round = 0; round < 20; round++) {
        struct planner *p = planner_create (0, END, TOTAL);
        struct brute b = { 0 };
        struct span span[50];
        int n = 0;
        for (int step = 0; step < 300; step++) {
            if (n < 50 && rnd (3) > 0) {
                struct span s = { rnd (END - 1), 0, 1 + rnd (6) };
                s.duration = 1 + rnd (END - s.at < 40 ? END - s.at : 40);
                if (planner_avail_during (p, s.at, s.duration) < s.count)
                    continue;
                assert_int_equal (planner_add (p, s.at, s.duration, s.count), 0);
                brute_change (&b, &s, 1);
                span[n++] = s;
            } else if (n > 0) {
                int i = rnd (n);
                struct span *s = &span[i];
                assert_int_equal (planner_remove (p, s->at, s->duration, s->count), 0);
                brute_change (&b, s, -1);
                span[i] = span[--n];
            }
            compare (p, &b);
        }
        struct planner *copy = planner_copy (p);
        compare (copy, &b);
        planner_destroy (copy);
        planner_destroy (p);
    }
}

static void errors (void **state)
{
    struct planner *p = planner_create (10, 100, 4);

    assert_null (planner_create (0, 0, 1));
    assert_int_equal (planner_add (p, 10, 0, 1), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (planner_add (p, 9, 1, 1), -1);
    assert_int_equal (errno, ERANGE);
    assert_int_equal (planner_add (p, 10, 101, 1), -1);
    assert_int_equal (planner_add (p, 10, 1, 5), -1);
    assert_int_equal (errno, ERANGE);
    assert_int_equal (planner_remove (p, 10, 5, 1), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (planner_avail_first (p, 0, 1, 5), -1);
    assert_int_equal (errno, ERANGE);
    assert_int_equal (planner_avail_first (p, 0, 101, 1), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (planner_add (p, 10, 50, 4), 0);
    assert_int_equal (planner_avail_first (p, 0, 50, 1), 60);
    assert_int_equal (planner_avail_first (p, 0, 51, 1), -1);
    assert_int_equal (planner_next_point (p, 10), 60);
    assert_int_equal (planner_next_point (p, 60), -1);
    assert_int_equal (planner_reduce (p, 10, 50, 3), 0);
    assert_int_equal (planner_avail_first (p, 10, 50, 3), 10);
    assert_int_equal (planner_remove (p, 10, 50, 1), 0);
    assert_int_equal (planner_point_count (p), 0);
    planner_destroy (p);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (random_spans),
        cmocka_unit_test (errors),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
