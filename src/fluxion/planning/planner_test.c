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

/* 3 of 4 are in use from 10 to 20, all from 20 to 30, and 1 from 25 to 40. */
static struct planner *three_spans (void)
{
    struct planner *p = planner_create (0, 100, 4);

    assert_int_equal (planner_add (p, 10, 10, 3), 0);
    assert_int_equal (planner_add (p, 20, 10, 3), 0);
    assert_int_equal (planner_add (p, 20, 5, 1), 0);
    assert_int_equal (planner_add (p, 25, 15, 1), 0);
    return p;
}

/* The second of an end is free of what ends, and has what begins. */
static void ends_and_beginnings (void **state)
{
    static const int64_t at[][2] = { { 0, 4 },  { 9, 4 },  { 10, 1 }, { 19, 1 },
                                     { 20, 0 }, { 24, 0 }, { 25, 0 }, { 29, 0 },
                                     { 30, 3 }, { 39, 3 }, { 40, 4 } };
    struct planner *p = three_spans ();

    for (int i = 0; i < 11; i++)
        assert_int_equal (planner_avail_at (p, at[i][0]), at[i][1]);
    assert_int_equal (planner_avail_during (p, 0, 10), 4);
    assert_int_equal (planner_avail_during (p, 0, 11), 1);
    assert_int_equal (planner_avail_during (p, 10, 10), 1);
    assert_int_equal (planner_avail_during (p, 19, 2), 0);
    assert_int_equal (planner_avail_during (p, 30, 70), 3);
    assert_int_equal (planner_next_point (p, -5), 10);
    assert_int_equal (planner_next_point (p, 20), 25);
    assert_int_equal (planner_next_point (p, 39), 40);
    assert_int_equal (planner_next_point (p, 40), -1);
    /* 10, 20, 25, 30, 40: of the two that meet at 20, and at 25, one goes. */
    assert_int_equal (planner_point_count (p), 5);
    assert_int_equal (planner_remove (p, 20, 5, 1), 0);
    assert_int_equal (planner_point_count (p), 5);
    assert_int_equal (planner_remove (p, 25, 15, 1), 0);
    assert_int_equal (planner_point_count (p), 3);
    assert_int_equal (planner_avail_at (p, 25), 1);
    assert_true (planner_check (p));
    planner_destroy (p);
}

static void first_that_fits (void **state)
{
    /* from, duration, count: at */
    static const int64_t t[][4] = {
        { 0, 10, 4, 0 },   { 0, 11, 4, 40 },  { 1, 10, 4, 40 },  { 0, 20, 1, 0 },
        { 0, 21, 1, 30 },  { 10, 10, 1, 10 }, { 10, 10, 2, 30 }, { 11, 9, 1, 11 },
        { 11, 10, 1, 30 }, { 35, 1, 3, 35 },  { 35, 1, 4, 40 },  { 0, 60, 4, 40 },
        { 0, 61, 4, -1 },  { 0, 70, 3, 30 },  { 99, 1, 4, 99 },  { 100, 1, 1, -1 },
        { 25, 5, 0, 25 },
    };
    struct planner *p = three_spans ();

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++)
        assert_int_equal (planner_avail_first (p, t[i][0], t[i][1], t[i][2]), t[i][3]);
    planner_destroy (p);
}

/* What is in use stays so when the total is less than that; later there is more. */
static void another_total (void **state)
{
    struct planner *p = three_spans (), *copy = planner_copy (p);

    planner_set_total (p, 2);
    assert_int_equal (planner_avail_at (p, 15), -1);
    assert_int_equal (planner_avail_during (p, 0, 100), -2);
    assert_int_equal (planner_avail_first (p, 5, 6, 0), 30);
    assert_int_equal (planner_avail_first (p, 0, 10, 1), 0);
    assert_int_equal (planner_avail_first (p, 0, 11, 1), 30);
    assert_int_equal (planner_avail_first (p, 0, 1, 3), -1);
    assert_int_equal (errno, ERANGE);
    assert_int_equal (planner_remove (p, 10, 10, 3), 0);
    assert_int_equal (planner_avail_first (p, 5, 6, 2), 5);
    planner_set_total (p, 10);
    assert_int_equal (planner_avail_first (p, 0, 100, 6), 0);
    assert_int_equal (planner_avail_first (p, 0, 100, 7), -1);
    /* The copy is as it was. */
    assert_int_equal (planner_total (copy), 4);
    assert_int_equal (planner_avail_at (copy, 15), 1);
    planner_set_duration (copy, 50);
    assert_int_equal (planner_duration (copy), 50);
    assert_int_equal (planner_avail_first (copy, 0, 10, 4), 0);
    assert_int_equal (planner_avail_first (copy, 5, 10, 4), 40);
    assert_int_equal (planner_avail_first (copy, 5, 11, 4), -1);
    planner_destroy (copy);
    planner_destroy (p);
}

/* Times before 0, and the last second that there is. */
static void base_and_end (void **state)
{
    struct planner *p = planner_create (-50, 100, 1);

    assert_int_equal (planner_base (p), -50);
    assert_int_equal (planner_avail_first (p, INT64_MIN / 2, 100, 1), -50);
    assert_int_equal (planner_add (p, -50, 99, 1), 0);
    assert_int_equal (planner_avail_first (p, -50, 1, 1), 49);
    assert_int_equal (planner_add (p, 49, 2, 1), -1);
    assert_int_equal (errno, ERANGE);
    assert_int_equal (planner_add (p, 49, 1, 1), 0);
    assert_int_equal (planner_avail_first (p, -50, 1, 1), -1);
    assert_int_equal (planner_remove (p, -50, 99, 1), 0);
    assert_int_equal (planner_avail_first (p, -50, 99, 1), -50);
    planner_destroy (p);
    planner_destroy (NULL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (random_spans),        cmocka_unit_test (errors),
        cmocka_unit_test (ends_and_beginnings), cmocka_unit_test (first_that_fits),
        cmocka_unit_test (another_total),       cmocka_unit_test (base_and_end),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
