/* What is remembered of inactive jobs: found by id, purged from the oldest on, and what
 * could not be purged is back in its place. */
#include "base/test.h"
#include <stdlib.h>

#include "history.c"

static struct history *create (void)
{
    struct history *h = history_create ();

    assert_non_null (h);
    return h;
}

static void add (struct history *h, flux_jobid_t id, double t)
{
    struct history_record rec = { .status = (int)id };

    assert_int_equal (history_add (h, id, t, rec), 0);
}

static void assert_oldest (struct history *h, flux_jobid_t want)
{
    flux_jobid_t id = 0;
    double t;

    assert_int_equal (history_oldest (h, &id, &t), want != 0);
    if (want) {
        assert_int_equal (id, want);
        assert_true (t == (double)want);
    }
}

static void records (void **state)
{
    static const int statuses[] = { -1, 0, 1, 9, 0x100, 0x7f00, 0xffff };
    struct history *h = create ();
    struct history_record got;

    for (size_t i = 0; i < sizeof (statuses) / sizeof (statuses[0]); i++) {
        struct history_record rec = { FLUX_JOB_RESULT_TIMEOUT, i % 2, i % 3 == 0,
                                      statuses[i] };
        assert_int_equal (history_add (h, 7 + i, 1., rec), 0);
        assert_true (history_lookup (h, 7 + i, &got));
        assert_int_equal (got.result, rec.result);
        assert_int_equal (got.started, rec.started);
        assert_int_equal (got.exception, rec.exception);
        assert_int_equal (got.status, rec.status);
    }
    assert_false (history_lookup (h, 1, &got));
    assert_false (history_remove (h, 1));
    assert_true (history_remove (h, 7));
    assert_false (history_lookup (h, 7, NULL));
    history_destroy (h);
    history_destroy (NULL);
}

static void oldest_first (void **state)
{
    struct history *h = create ();

    assert_oldest (h, 0);
    for (int id = 1000; id > 0; id--) /* a restart: in any order */
        add (h, id, id);
    history_sort (h);
    assert_int_equal (history_count_before (h, 1.), 0);
    assert_int_equal (history_count_before (h, 11.), 10);
    assert_true (history_remove (h, 5));
    assert_int_equal (history_count_before (h, 11.), 9);
    for (int id = 1; id <= 1000; id++) {
        if (id == 5)
            continue;
        assert_oldest (h, id);
        assert_true (history_remove (h, id));
    }
    assert_oldest (h, 0);
    assert_int_equal (history_count (h), 0);
    history_destroy (h);
}

/* A purge that the KVS refused: each is counted once again, and the oldest is the oldest,
 * whichever of them they were. */
static void put_back (void **state)
{
    for (unsigned int seed = 1; seed <= 200; seed++) {
        struct history *h = create ();
        bool there[41] = { false };
        flux_jobid_t id;
        double t;
        srand (seed);
        for (int i = 1; i <= 40; i++) {
            add (h, i, i);
            there[i] = true;
        }
        for (int step = 0; step < 60; step++) {
            flux_jobid_t taken[5];
            int n = 0, count = 0;
            while (n < 1 + rand () % 5) {
                id = 1 + rand () % 40;
                if (rand () % 2 && !history_oldest (h, &id, &t))
                    break;
                if (!there[id])
                    break;
                assert_true (history_remove (h, id));
                there[id] = false;
                taken[n++] = id;
            }
            if (rand () % 4)
                for (int i = n - 1; i >= 0; i--) {
                    struct history_record rec = { .status = 0 };
                    assert_int_equal (history_put_back (h, taken[i], taken[i], rec), 0);
                    there[taken[i]] = true;
                }
            for (int i = 1; i <= 40; i++) {
                assert_int_equal (history_count_before (h, i), count);
                count += there[i];
            }
            for (id = 1; id <= 40 && !there[id]; id++)
                ;
            assert_oldest (h, id <= 40 ? id : 0);
        }
        history_destroy (h);
    }
}

/* Against a list: many of them, in chunks that come and go, and numbers that end. */
static void model (void **state)
{
    enum { N = 30000 };
    static double t_of[N + 1];
    struct history *h = create ();
    size_t count = 0, oldest = 1;

    h->head = GONE - 3 * CHUNK;
    srand (1);
    for (flux_jobid_t id = 1; id <= N; id++) {
        struct history_record rec = { .status = id % 65536 }, got;
        flux_jobid_t other = 1 + rand () % id, first;
        double t;

        assert_int_equal (history_add (h, id, id, rec), 0);
        t_of[id] = id;
        count++;
        if (rand () % 3 == 0) {
            assert_int_equal (history_remove (h, other), t_of[other] > 0);
            count -= t_of[other] > 0;
            if (t_of[other] > 0 && rand () % 8 == 0) {
                rec.status = other % 65536;
                assert_int_equal (history_put_back (h, other, other, rec), 0);
                count++;
            } else
                t_of[other] = 0;
        }
        if (id > 9000 && rand () % 2) { /* the oldest ones go */
            assert_true (history_oldest (h, &first, &t));
            while (t_of[oldest] == 0)
                oldest++;
            assert_int_equal (first, oldest);
            assert_true (history_remove (h, first));
            t_of[first] = 0;
            count--;
        }
        assert_int_equal (history_count (h), count);
        other = 1 + rand () % id;
        assert_int_equal (history_lookup (h, other, &got), t_of[other] > 0);
        if (t_of[other] > 0)
            assert_int_equal (got.status, other % 65536);
    }
    assert_true (h->head >= FIRST && h->head < FIRST + N); /* they began anew */
    history_sort (h);
    for (flux_jobid_t id = 1; id <= N; id++)
        assert_int_equal (history_lookup (h, id, NULL), t_of[id] > 0);
    history_destroy (h);
}

/* The same job once more is one. */
static void again (void **state)
{
    struct history *h = create ();
    struct history_record got;

    add (h, 1, 1);
    add (h, 2, 2);
    assert_int_equal (history_add (h, 1, 3, (struct history_record){ .status = 9 }), 0);
    assert_int_equal (history_count (h), 2);
    assert_oldest (h, 2);
    assert_true (history_lookup (h, 1, &got) && got.status == 9);
    history_destroy (h);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (records),  cmocka_unit_test (oldest_first),
        cmocka_unit_test (put_back), cmocka_unit_test (model),
        cmocka_unit_test (again),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
