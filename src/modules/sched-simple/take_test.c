/* Sets that others hold, or give back, against a table of all cores and GPUs: what cannot
 * be done changes nothing, and what is allocated and down is known at any time. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

#define NODES 5
#define CORES 4
#define GPUS 2
#define KINDS 2

static const char *const types[KINDS] = { "core", "gpu" };
static const int sizes[KINDS] = { CORES, GPUS };

/* Bits of cores and GPUs, by node. */
struct table {
    unsigned int bits[NODES][KINDS];
};

struct model {
    struct table used;
    bool up[NODES], gone[NODES];
};

static unsigned int seed = 1;

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

static struct table some_table (int density)
{
    struct table t = { 0 };

    for (int n = 0; n < NODES; n++)
        for (int k = 0; k < KINDS; k++)
            for (int i = 0; i < sizes[k]; i++)
                if (rnd (10) < (unsigned int)density)
                    t.bits[n][k] |= 1 << i;
    return t;
}

static struct idset *ids_of (unsigned int bits)
{
    struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);

    for (int i = 0; i < 8; i++)
        if (bits >> i & 1)
            assert_int_equal (idset_set (ids, i), 0);
    return ids;
}

/* A node of which nothing is there is not in the set. */
static struct rset *rset_of (const struct table *t)
{
    struct rset *r = rset_create ();

    for (int n = 0; n < NODES; n++) {
        char *text[KINDS], host[8];
        if (!t->bits[n][0] && !t->bits[n][1])
            continue;
        for (int k = 0; k < KINDS; k++) {
            struct idset *ids = ids_of (t->bits[n][k]);
            assert_non_null (text[k] = idset_encode (ids, IDSET_FLAG_RANGE));
            idset_destroy (ids);
        }
        snprintf (host, sizeof (host), "n%d", n);
        assert_int_equal (rset_add_rank (r, n, host, text[0], text[1]), 0);
        free (text[0]);
        free (text[1]);
    }
    return r;
}

static unsigned int bits_of (const struct rset *r, int n, int k)
{
    const struct idset *ids = rset_children (r, n, types[k]);
    unsigned int bits = 0;

    for (int i = 0; ids && i < 8; i++)
        bits |= (unsigned int)idset_test (ids, i) << i;
    return bits;
}

static void check (const struct alloc *a, const struct model *m)
{
    struct rset *used = alloc_allocated (a), *down = alloc_down (a);
    struct idset *ranks = rset_ranks (down);

    assert_true (used && down && ranks);
    for (int n = 0; n < NODES; n++) {
        for (int k = 0; k < KINDS; k++)
            assert_int_equal (bits_of (used, n, k),
                              m->gone[n] ? 0 : m->used.bits[n][k]);
        assert_true (idset_test (ranks, n) == (!m->up[n] && !m->gone[n]));
    }
    rset_destroy (used);
    rset_destroy (down);
    idset_destroy (ranks);
}

/* On a rank that is gone nothing is free, and what is given back is not missed. */
static bool may (const struct model *m, const struct table *t, bool give)
{
    for (int n = 0; n < NODES; n++)
        for (int k = 0; k < KINDS; k++) {
            unsigned int want = t->bits[n][k], used = m->used.bits[n][k];
            if (m->gone[n] ? want && !give : want & (give ? ~used : used))
                return false;
        }
    return true;
}

static bool change (struct alloc *a, struct model *m, const struct table *t, bool give)
{
    bool expected = may (m, t, give);
    struct rset *r = rset_of (t);
    flux_error_t error = { "" };
    int rc = give ? alloc_free (a, r, &error) : alloc_take (a, r, &error);

    assert_int_equal (rc, expected ? 0 : -1);
    if (!expected) {
        assert_int_equal (strncmp (error.text, "rank ", 5), 0);
        assert_non_null (strstr (error.text, give ? ": not allocated" : ": not free"));
    }
    for (int n = 0; expected && n < NODES; n++)
        for (int k = 0; k < KINDS; k++) {
            if (give)
                m->used.bits[n][k] &= ~t->bits[n][k];
            else if (!m->gone[n])
                m->used.bits[n][k] |= t->bits[n][k];
        }
    rset_destroy (r);
    return expected;
}

static struct alloc *make (enum alloc_mode mode)
{
    struct table all = { 0 };

    for (int n = 0; n < NODES; n++)
        for (int k = 0; k < KINDS; k++)
            all.bits[n][k] = (1 << sizes[k]) - 1;
    struct rset *r = rset_of (&all);
    struct alloc *a = alloc_create (r, mode);
    assert_non_null (a);
    rset_destroy (r);
    return a;
}

static void turn (struct alloc *a, struct model *m, int n)
{
    struct idset *one = ids_of (1 << n);

    m->up[n] = !m->up[n];
    assert_int_equal (alloc_set_up (a, one, m->up[n]), 0);
    idset_destroy (one);
}

static void take_away (struct alloc *a, struct model *m, int n)
{
    struct idset *one = ids_of (1 << n);

    m->gone[n] = true;
    assert_int_equal (alloc_shrink (a, one), 0);
    idset_destroy (one);
}

static void at_random (void **state)
{
    int done = 0, refused = 0;

    for (int round = 0; round < 60; round++) {
        struct alloc *a = make (round % 3);
        struct model m = { 0 };
        for (int step = 0; step < 200; step++) {
            struct table t = some_table (1 + rnd (3));
            bool give = rnd (2);
            if (give && rnd (3)) /* some of what is held */
                for (int n = 0; n < NODES; n++)
                    for (int k = 0; k < KINDS; k++)
                        t.bits[n][k] &= m.used.bits[n][k];
            if (rnd (10) == 0)
                turn (a, &m, rnd (NODES));
            else if (rnd (200) == 0)
                take_away (a, &m, rnd (NODES));
            else if (change (a, &m, &t, give))
                done++;
            else
                refused++;
            check (a, &m);
        }
        alloc_destroy (a);
    }
    assert_true (done > 1000 && refused > 1000);
}

/* What a job gets is nobody else's, GPUs and all, and no more than one node has. */
static void jobs_with_gpus (void **state)
{
    int granted = 0;

    for (int round = 0; round < 60; round++) {
        struct alloc *a = make (round % 3);
        struct model m = { 0 };
        for (int n = 0; n < NODES; n++)
            turn (a, &m, n);
        for (int step = 0; step < 60; step++) {
            struct jobspec js = { .nslots = 1 + rnd (3),
                                  .cores_per_slot = 1 + rnd (2),
                                  .gpus_per_slot = rnd (3) };
            int slots = 0, cores = 0, gpus = 0;
            for (int n = 0; n < NODES; n++) {
                int c = CORES - __builtin_popcount (m.used.bits[n][0]);
                int g = GPUS - __builtin_popcount (m.used.bits[n][1]);
                int fit = c / js.cores_per_slot;
                if (js.gpus_per_slot && g / js.gpus_per_slot < fit)
                    fit = g / js.gpus_per_slot;
                slots += fit;
            }
            flux_error_t error = { "" };
            struct rset *r = alloc_alloc (a, &js, &error);
            assert_true ((r != NULL) == (slots >= js.nslots));
            for (int n = 0; r && n < NODES; n++) {
                int c = __builtin_popcount (bits_of (r, n, 0));
                int g = __builtin_popcount (bits_of (r, n, 1));
                assert_int_equal (c % js.cores_per_slot, 0);
                assert_int_equal (c / js.cores_per_slot * js.gpus_per_slot, g);
                for (int k = 0; k < KINDS; k++) {
                    assert_int_equal (bits_of (r, n, k) & m.used.bits[n][k], 0);
                    m.used.bits[n][k] |= bits_of (r, n, k);
                }
                cores += c;
                gpus += g;
            }
            if (r) {
                assert_int_equal (cores, js.nslots * js.cores_per_slot);
                assert_int_equal (gpus, js.nslots * js.gpus_per_slot);
                granted++;
            }
            check (a, &m);
            rset_destroy (r);
            if (rnd (3) == 0) {
                struct table t = m.used;
                assert_true (change (a, &m, &t, true));
            }
        }
        alloc_destroy (a);
    }
    assert_true (granted > 500);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (at_random),
        cmocka_unit_test (jobs_with_gpus),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
