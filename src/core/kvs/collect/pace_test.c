/* How a collection shares its time with requests: both are simulated, the clock is a
 * number. */
#include "base/test.h"

#include "core/kvs/collect/pace.h"

#define SERVICE 0.0002 /* s that a request takes */

/* A collection and those who ask: whoever sends the next request does so `think` after the
 * answer to the last one, so many at a time. */
struct sim {
    struct pace pace;
    double now;
    double think;
    int clients;
    double arrivals[16]; /* when the next of each client is there */
    double over;         /* how much longer slices take than they may */
    double served, collected, longest;
    int requests, slices, against; /* against: slices while a request waited */
};

static int first (const struct sim *s)
{
    int first = 0;

    for (int i = 1; i < s->clients; i++)
        if (s->arrivals[i] < s->arrivals[first])
            first = i;
    return s->clients > 0 ? first : -1;
}

static bool waits (const struct sim *s)
{
    int i = first (s);

    return i >= 0 && s->arrivals[i] <= s->now;
}

static void serve (struct sim *s)
{
    int i = first (s);
    double waited;

    s->now += SERVICE;
    s->served += SERVICE;
    s->requests++;
    waited = s->now - s->arrivals[i];
    s->longest = waited > s->longest ? waited : s->longest;
    pace_request (&s->pace, s->now);
    s->arrivals[i] = s->now + s->think;
}

static void collect (struct sim *s)
{
    double start = s->now;

    s->against += waits (s);
    s->now += pace_slice (&s->pace, s->now) + s->over;
    s->collected += s->now - start;
    s->slices++;
    pace_worked (&s->pace, start, s->now);
}

/* As a reactor does it: a timer that is due, then one request. */
static void run (struct sim *s, double seconds)
{
    double end = s->now + seconds, timer = s->now;

    while (s->now < end) {
        if (s->now >= timer) {
            double wait = pace_wait (&s->pace, s->now, waits (s));

            if (wait == 0.)
                collect (s);
            timer = wait == 0. ? s->now + pace_wait (&s->pace, s->now, waits (s))
                               : s->now + wait;
        }
        if (waits (s)) {
            serve (s);
        } else {
            double next = s->clients > 0 ? s->arrivals[first (s)] : end;

            s->now = s->now >= timer ? s->now : next < timer ? next : timer;
        }
    }
}

static void test_alone (void **state)
{
    struct sim s = { .over = 0.003 };

    run (&s, 10.);
    assert_true (s.collected > 9.9);
    assert_int_equal (s.slices, 1667); /* of 3 ms, and 3 ms more */
}

/* One client that waits for each answer keeps two thirds of what it had. */
static void test_beside_one (void **state)
{
    struct sim alone = { .clients = 1, .think = 0.0001 }, s = alone;

    alone.pace.took = 1e9; /* it rests all of the time */
    run (&alone, 10.);
    assert_int_equal (alone.slices, 0);
    run (&s, 10.);
    assert_true (s.requests * 3 > alone.requests * 2);
    assert_true (s.collected > 10. / 8 && s.collected <= 10. / 4 + 0.01);
    assert_true (s.longest <= PACE_BESIDE + SERVICE + 0.0021);
}

/* A step that could not be divided is made up for. */
static void test_long_slices (void **state)
{
    struct sim s = { .clients = 1, .think = 0.0001, .over = 0.05 };

    run (&s, 10.);
    assert_true (s.collected > 10. / 8 && s.collected <= 10. / 4 + 0.1);
}

/* What is stored meanwhile must not outrun it. */
static void test_urgent (void **state)
{
    struct sim some = { .clients = 16, .think = 0. }, all = some, over = some,
               less = some;

    pace_grown (&some.pace, 0.5);
    run (&some, 10.);
    assert_true (some.collected > 10. / 5 && some.collected < 10. / 3);
    pace_grown (&all.pace, 1.);
    run (&all, 10.);
    assert_true (all.collected > 8. && all.requests > 1000); /* each has its turn */
    pace_grown (&over.pace, 100.);
    run (&over, 10.);
    assert_int_equal (over.requests, all.requests);
    pace_grown (&less.pace, -3.);
    run (&less, 10.);
    assert_true (less.collected < 10. / 7);
}

/* Requests never cease to wait, and it is done all the same. */
static void test_full_load (void **state)
{
    struct sim s = { .clients = 16, .think = 0. };

    run (&s, 10.);
    assert_true (s.collected >= 10. / 8 - 0.01 && s.collected < 10. / 7);
    assert_int_equal (s.slices, s.against);
}

/* Whoever comes is served first. */
static void test_not_while_one_waits (void **state)
{
    struct sim s = { .clients = 2, .think = 0.00047 };

    run (&s, 10.);
    assert_true (s.slices > 1000 && s.against * 20 < s.slices);
    assert_true (s.collected > 10. / 8);
}

/* Now and then somebody asks: that costs nothing but the time around it. */
static void test_little_to_do (void **state)
{
    struct sim s = { .clients = 1, .think = 0.5 };

    run (&s, 10.);
    assert_true (s.collected > 9.5);
    assert_true (s.longest <= PACE_ALONE + SERVICE + 1e-9);
}

static void test_times (void **state)
{
    struct pace p = { 0 };

    assert_true (pace_wait (&p, 100., false) == 0.);
    assert_true (pace_slice (&p, 100.) == PACE_ALONE);
    pace_worked (&p, 100., 100.004);
    assert_true (pace_wait (&p, 100.004, false) == 0.);
    pace_request (&p, 100.005); /* also about the slice that is over */
    assert_true (pace_slice (&p, 100.005) == PACE_BESIDE);
    assert_true (pace_wait (&p, 100.015, false) > 0.0009);
    assert_true (pace_wait (&p, 100.015, false) < 0.0011);
    assert_true (pace_wait (&p, 100.017, false) == 0.);
    assert_true (pace_wait (&p, 100.017, true) == PACE_AGAIN);
    assert_true (pace_wait (&p, 100.0318, true) < PACE_AGAIN);
    assert_true (pace_wait (&p, 100.0321, true) == 0.);
    assert_true (pace_slice (&p, 100.026) == PACE_ALONE);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_alone),
        cmocka_unit_test (test_beside_one),
        cmocka_unit_test (test_long_slices),
        cmocka_unit_test (test_full_load),
        cmocka_unit_test (test_urgent),
        cmocka_unit_test (test_not_while_one_waits),
        cmocka_unit_test (test_little_to_do),
        cmocka_unit_test (test_times),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
