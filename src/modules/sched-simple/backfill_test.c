/* Who may overtake, by hand, and at random: whoever was let through, the first one still
 * fits at the time that was reserved for it. */
#include "base/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backfill.h"

#define CORES 4

struct world {
    struct alloc *a;
    struct backfill *b;
    uint64_t next;
};

static struct world *world_create (int nodes)
{
    struct world *w = calloc (1, sizeof (*w));
    struct rset *r = rset_create ();
    struct idset *ranks;
    char host[16];

    for (int i = 0; i < nodes; i++) {
        snprintf (host, sizeof (host), "n%d", i);
        assert_int_equal (rset_add_rank (r, i, host, "0-3", NULL), 0);
    }
    ranks = rset_ranks (r);
    assert_non_null (w->a = alloc_create (r, ALLOC_FIRST_FIT));
    assert_non_null (w->b = backfill_create ());
    assert_int_equal (alloc_set_up (w->a, ranks, true), 0);
    idset_destroy (ranks);
    rset_destroy (r);
    return w;
}

static void world_destroy (struct world *w)
{
    alloc_destroy (w->a);
    backfill_destroy (w->b);
    free (w);
}

static struct jobspec nodes (int n)
{
    return (struct jobspec){
        .nnodes = n, .nslots = n, .slots_per_node = 1, .cores_per_slot = CORES
    };
}

static struct jobspec cores (int n)
{
    return (struct jobspec){ .nslots = n, .cores_per_slot = 1 };
}

static struct rset *allocate (struct world *w, struct jobspec js)
{
    flux_error_t error;

    return alloc_alloc (w->a, &js, &error);
}

/* Starts a job, which must fit, and returns its id. */
static uint64_t start (struct world *w, struct jobspec js, double end)
{
    struct rset *r = allocate (w, js);

    assert_non_null (r);
    assert_int_equal (backfill_hold (w->b, ++w->next, r, end), 0);
    rset_destroy (r);
    return w->next;
}

/* Would it be let through? It is not started. */
static bool may (struct world *w, struct jobspec js, double end)
{
    struct rset *r = allocate (w, js);
    bool ok;

    assert_non_null (r);
    ok = backfill_allows (w->b, w->a, end);
    assert_int_equal (alloc_free (w->a, r, NULL), 0);
    rset_destroy (r);
    return ok;
}

static char *in_use (struct world *w)
{
    struct rset *r = alloc_allocated (w->a);
    char *s = rset_dump (r);

    rset_destroy (r);
    return s;
}

static void test_before (void **state)
{
    struct world *w = world_create (2);
    struct jobspec first = nodes (2);
    char *before, *after;

    start (w, nodes (1), 100);
    before = in_use (w);
    assert_true (backfill_reserve (w->b, w->a, &first) == 100);
    assert_true (may (w, nodes (1), 50));
    assert_true (may (w, nodes (1), 100));
    assert_false (may (w, nodes (1), 101));
    assert_false (may (w, cores (1), INFINITY));
    after = in_use (w);
    assert_string_equal (before, after);
    free (before);
    free (after);
    world_destroy (w);
}

/* What the first one does not need, others may have for ever. */
static void test_beside (void **state)
{
    struct world *w = world_create (3);
    struct jobspec first = nodes (2);

    start (w, nodes (2), 100);
    assert_true (backfill_reserve (w->b, w->a, &first) == 100);
    assert_true (may (w, nodes (1), INFINITY));
    start (w, nodes (1), INFINITY);
    first = nodes (3);
    /* Nobody knows when that is, so nobody may make it later. */
    assert_true (isinf (backfill_reserve (w->b, w->a, &first)));
    world_destroy (w);
}

/* One that ends in time counts as gone for those that are asked about later. */
static void test_in_turn (void **state)
{
    struct world *w = world_create (4);
    struct jobspec first = nodes (3);

    start (w, nodes (2), 100);
    assert_true (backfill_reserve (w->b, w->a, &first) == 100);
    start (w, nodes (1), 60);
    assert_true (may (w, nodes (1), INFINITY));
    start (w, nodes (1), INFINITY);
    assert_true (backfill_reserve (w->b, w->a, &first) == 100);
    world_destroy (w);
}

static void test_changes (void **state)
{
    struct world *w = world_create (3);
    struct jobspec first = nodes (3);
    struct idset *one = idset_decode ("1"), *two = idset_decode ("2");
    struct rset *r;
    uint64_t id;

    id = start (w, nodes (2), 100);
    start (w, nodes (1), 200);
    assert_true (backfill_reserve (w->b, w->a, &first) == 200);
    backfill_set_end (w->b, w->next, 50);
    assert_true (backfill_reserve (w->b, w->a, &first) == 100);
    backfill_set_end (w->b, 4711, 1);
    /* a part is given back */
    r = rset_create ();
    assert_int_equal (rset_add_rank (r, 1, "n1", "0-3", NULL), 0);
    assert_int_equal (alloc_free (w->a, r, NULL), 0);
    assert_int_equal (backfill_release (w->b, id, r), 0);
    assert_int_equal (backfill_release (w->b, 4711, r), 0);
    first = nodes (2);
    assert_true (backfill_reserve (w->b, w->a, &first) == 50);
    assert_int_equal (backfill_hold (w->b, id, r, 1), -1);
    assert_int_equal (errno, EEXIST);
    rset_destroy (r);
    /* a node is down: never, as it is */
    assert_int_equal (alloc_set_up (w->a, one, false), 0);
    first = nodes (3);
    assert_true (isnan (backfill_reserve (w->b, w->a, &first)));
    /* and one is gone for good, with what was held there */
    assert_int_equal (alloc_shrink (w->a, two), 0);
    assert_int_equal (backfill_shrink (w->b, two), 0);
    first = nodes (1);
    assert_true (backfill_reserve (w->b, w->a, &first) == 100);
    idset_destroy (one);
    idset_destroy (two);
    world_destroy (w);
}

static unsigned int seed = 1;

static int rnd (int n)
{
    return rand_r (&seed) % n;
}

#define MAX 64

/* All that have ended at t give back what they hold: the first one must fit. */
static void assert_fits_at (struct world *w, struct rset **held, const double *ends,
                            int count, double t, struct jobspec first)
{
    struct rset *r;

    for (int i = 0; i < count; i++)
        if (ends[i] <= t)
            assert_int_equal (alloc_free (w->a, held[i], NULL), 0);
    assert_non_null (r = allocate (w, first));
    assert_int_equal (alloc_free (w->a, r, NULL), 0);
    rset_destroy (r);
    for (int i = 0; i < count; i++)
        if (ends[i] <= t)
            assert_int_equal (alloc_take (w->a, held[i], NULL), 0);
}

static struct jobspec some_job (void)
{
    return rnd (2) ? nodes (1 + rnd (4)) : cores (1 + rnd (10));
}

static int overtook;

static void round_of (void)
{
    struct world *w = world_create (6);
    struct rset *held[MAX], *r;
    double ends[MAX], at;
    int count = 0;
    struct jobspec first;

    /* fill it until one does not fit */
    for (;;) {
        first = some_job ();
        if (!(r = allocate (w, first)))
            break;
        ends[count] = rnd (8) ? 1 + rnd (100) : INFINITY;
        assert_int_equal (backfill_hold (w->b, count, r, ends[count]), 0);
        held[count++] = r;
    }
    at = backfill_reserve (w->b, w->a, &first);
    assert_false (isnan (at)); /* all nodes are up */
    assert_fits_at (w, held, ends, count, at, first);
    for (int i = 0; i < 20 && count < MAX; i++) {
        struct jobspec js = some_job ();
        double end = rnd (8) ? 1 + rnd (150) : INFINITY;

        if (!(r = allocate (w, js)))
            continue;
        if (!backfill_allows (w->b, w->a, end)) {
            assert_true (end > at || isinf (end));
            assert_int_equal (alloc_free (w->a, r, NULL), 0);
            rset_destroy (r);
            continue;
        }
        assert_int_equal (backfill_hold (w->b, count, r, end), 0);
        ends[count] = end;
        held[count++] = r;
        overtook++;
        assert_fits_at (w, held, ends, count, at, first);
    }
    /* and it is told no later time for it */
    assert_true (backfill_reserve (w->b, w->a, &first) <= at);
    for (int i = 0; i < count; i++)
        rset_destroy (held[i]);
    world_destroy (w);
}

static void test_random (void **state)
{
    for (int i = 0; i < 2000; i++)
        round_of ();
    assert_true (overtook > 1000);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_before),  cmocka_unit_test (test_beside),
        cmocka_unit_test (test_in_turn), cmocka_unit_test (test_changes),
        cmocka_unit_test (test_random),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
