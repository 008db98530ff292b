/* Sets of numbers, sets of resources and task maps against tables that say the same. */
#include "base/test.h"

#include "value/resource/rset.h"
#include <errno.h>
#include <flux/taskmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seed;

static int start (void **state)
{
    const char *s = getenv ("VALUE_SEED");

    seed = s ? strtoul (s, NULL, 0) : 1;
    print_message ("# VALUE_SEED=%u\n", seed);
    return 0;
}

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* --- idsets: flags up to the end of several words --- */

#define MAX 200

struct flags {
    bool is[MAX];
};

static struct flags some_flags (void)
{
    static const int densities[] = { 0, 1, 20, 50, 99, 100 };
    struct flags f = { { false } };
    unsigned int density = densities[rnd (6)], limit = 1 + rnd (MAX);

    for (unsigned int i = 0; i < limit; i++)
        f.is[i] = rnd (100) < density;
    return f;
}

static struct idset *idset_of (const struct flags *f)
{
    struct idset *ids = idset_create (rnd (2) ? 0 : 1 + rnd (MAX), IDSET_FLAG_AUTOGROW);

    assert_non_null (ids);
    for (int i = 0; i < MAX; i++)
        if (f->is[i])
            assert_int_equal (idset_set (ids, i), 0);
    return ids;
}

static void is_as (const struct idset *ids, const struct flags *f)
{
    size_t count = 0;

    assert_non_null (ids);
    for (int i = 0; i < MAX; i++) {
        assert_true (idset_test (ids, i) == f->is[i]);
        count += f->is[i];
    }
    assert_false (idset_test (ids, MAX + 1000));
    assert_int_equal (idset_count (ids), count);
    assert_true (idset_empty (ids) == (count == 0));
}

enum op { UNION, DIFFERENCE, INTERSECTION };

static struct flags by_flags (enum op op, const struct flags *a, const struct flags *b)
{
    struct flags f;

    for (int i = 0; i < MAX; i++)
        f.is[i] = op == UNION        ? a->is[i] || b->is[i]
                  : op == DIFFERENCE ? a->is[i] && !b->is[i]
                                     : a->is[i] && b->is[i];
    return f;
}

static void idset_algebra (void **state)
{
    for (int round = 0; round < 3000; round++) {
        struct flags fa = some_flags (), fb = rnd (5) ? some_flags () : fa, f;
        struct idset *a = idset_of (&fa), *b = idset_of (&fb), *r;

        f = by_flags (UNION, &fa, &fb);
        is_as (r = idset_union (a, b), &f);
        idset_destroy (r);
        f = by_flags (DIFFERENCE, &fa, &fb);
        is_as (r = idset_difference (a, b), &f);
        idset_destroy (r);
        f = by_flags (INTERSECTION, &fa, &fb);
        is_as (r = idset_intersect (a, b), &f);
        assert_true (idset_has_intersection (a, b) == !idset_empty (r));
        assert_true (idset_has_intersection (b, a) == !idset_empty (r));
        idset_destroy (r);
        assert_true (idset_equal (a, b) == (memcmp (&fa, &fb, sizeof (fa)) == 0));
        is_as (a, &fa); /* as before */
        is_as (b, &fb);

        r = idset_copy (a);
        assert_int_equal (idset_subtract (r, b), 0);
        f = by_flags (DIFFERENCE, &fa, &fb);
        is_as (r, &f);
        assert_int_equal (idset_add (r, b), 0);
        f = by_flags (UNION, &fa, &fb);
        is_as (r, &f);
        idset_destroy (r);
        idset_destroy (a);
        idset_destroy (b);
    }
}

static void idset_texts (void **state)
{
    static const int flags[] = { 0, IDSET_FLAG_RANGE, IDSET_FLAG_BRACKETS,
                                 IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS };

    for (int round = 0; round < 2000; round++) {
        struct flags f = some_flags (), g = some_flags (), both;
        struct idset *ids = idset_of (&f), *other = idset_of (&g);
        char *text = idset_encode (ids, flags[round % 4]);
        struct idset *again = idset_decode (text);
        size_t count;
        unsigned int max;

        is_as (again, &f);
        assert_int_equal (idset_decode_info (text, -1, &count, &max, NULL), 0);
        assert_int_equal (count, idset_count (ids));
        if (count > 0)
            assert_int_equal (max, idset_last (ids));
        assert_true (idset_decode_empty (text, -1) == (count == 0));
        assert_int_equal (idset_decode_add (other, text, -1, NULL), 0);
        both = by_flags (UNION, &g, &f);
        is_as (other, &both);
        assert_int_equal (idset_decode_subtract (other, text, -1, NULL), 0);
        both = by_flags (DIFFERENCE, &g, &f);
        is_as (other, &both);
        idset_destroy (again);
        idset_destroy (other);
        idset_destroy (ids);
        free (text);
    }
}

/* --- rsets: bits of cores and GPUs, by rank --- */

#define RANKS 6
#define KINDS 2

static const char *const types[KINDS] = { "core", "gpu" };

struct table {
    unsigned int bits[RANKS][KINDS];
};

static struct table some_table (void)
{
    struct table t = { { { 0 } } };

    for (int n = 0; n < RANKS; n++) {
        if (rnd (3) == 0)
            continue;
        t.bits[n][0] = 1 + rnd (15); /* cores there are on each rank */
        t.bits[n][1] = rnd (4);
    }
    return t;
}

static struct rset *rset_of (const struct table *t)
{
    struct rset *r = rset_create ();

    for (int n = 0; n < RANKS; n++) {
        struct idset *ids[KINDS];
        char host[16], *text[KINDS];
        if (!t->bits[n][0] && !t->bits[n][1])
            continue;
        for (int k = 0; k < KINDS; k++) {
            ids[k] = idset_create (0, IDSET_FLAG_AUTOGROW);
            for (int i = 0; i < 4; i++)
                if (t->bits[n][k] >> i & 1)
                    assert_int_equal (idset_set (ids[k], i), 0);
            text[k] = idset_encode (ids[k], IDSET_FLAG_RANGE);
            idset_destroy (ids[k]);
        }
        snprintf (host, sizeof (host), "h%d", n);
        assert_int_equal (rset_add_rank (r, n, host, text[0], text[1]), 0);
        free (text[0]);
        free (text[1]);
    }
    return r;
}

/* Takes r. */
static void has (struct rset *take_r, const struct table *t)
{
    int nodes = 0, counts[KINDS] = { 0 };

    assert_non_null (take_r);
    for (int n = 0; n < RANKS; n++) {
        for (int k = 0; k < KINDS; k++) {
            const struct idset *ids = rset_children (take_r, n, types[k]);
            unsigned int bits = 0;
            for (int i = 0; ids && i < 8; i++)
                bits |= (unsigned int)idset_test (ids, i) << i;
            assert_int_equal (bits, t->bits[n][k]);
            counts[k] += __builtin_popcount (bits);
        }
        nodes += t->bits[n][0] || t->bits[n][1];
    }
    assert_int_equal (rset_count (take_r, "node"), nodes);
    assert_int_equal (rset_count (take_r, "core"), counts[0]);
    assert_int_equal (rset_count (take_r, "gpu"), counts[1]);
    rset_destroy (take_r);
}

static struct table by_bits (enum op op, const struct table *a, const struct table *b)
{
    struct table t;

    for (int n = 0; n < RANKS; n++)
        for (int k = 0; k < KINDS; k++) {
            unsigned int x = a->bits[n][k], y = b->bits[n][k];
            t.bits[n][k] = op == UNION ? x | y : op == DIFFERENCE ? x & ~y : x & y;
        }
    return t;
}

static void rset_algebra (void **state)
{
    for (int round = 0; round < 2000; round++) {
        struct table ta = some_table (), tb = some_table (), t;
        struct rset *a = rset_of (&ta), *b = rset_of (&tb);
        flux_error_t error;

        t = by_bits (UNION, &ta, &tb);
        has (rset_union (a, b), &t);
        t = by_bits (DIFFERENCE, &ta, &tb);
        has (rset_diff (a, b), &t);
        t = by_bits (INTERSECTION, &ta, &tb);
        has (rset_intersect (a, b), &t);
        has (rset_copy (a), &ta);
        char *text = rset_encode (a);
        has (rset_decode (text, &error), &ta);
        free (text);
        rset_destroy (b);
        has (a, &ta); /* as before */
    }
}

static void rset_ranks_of (void **state)
{
    for (int round = 0; round < 1000; round++) {
        struct table t = some_table (), in = t, out = t;
        struct rset *r = rset_of (&t);
        struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);

        for (int n = 0; n < RANKS + 2; n++) { /* some of them are not there */
            bool is = rnd (2);
            if (is)
                assert_int_equal (idset_set (ranks, n), 0);
            if (n < RANKS)
                memset (is ? &out.bits[n] : &in.bits[n], 0, sizeof (in.bits[n]));
        }
        has (rset_copy_ranks (r, ranks), &in);
        assert_int_equal (rset_remove_ranks (r, ranks), 0);
        has (r, &out);
        idset_destroy (ranks);
    }
}

/* --- task maps: the node of each task --- */

#define TASKS 400

struct tasks {
    int node[TASKS];
    int count, nnodes;
};

static struct taskmap *some_map (struct tasks *t)
{
    struct taskmap *map = taskmap_create ();

    *t = (struct tasks){ .count = 0 };
    assert_non_null (map);
    for (unsigned int blocks = 1 + rnd (5); blocks > 0; blocks--) {
        int node = rnd (t->nnodes + 2), nnodes = 1 + rnd (4), ppn = 1 + rnd (5);
        assert_int_equal (taskmap_append (map, node, nnodes, ppn), 0);
        for (int n = node; n < node + nnodes; n++)
            for (int i = 0; i < ppn; i++)
                t->node[t->count++] = n;
        if (node + nnodes > t->nnodes)
            t->nnodes = node + nnodes;
    }
    return map;
}

static void map_is (const struct taskmap *map, const struct tasks *t)
{
    assert_int_equal (taskmap_total_ntasks (map), t->count);
    assert_int_equal (taskmap_nnodes (map), t->nnodes);
    for (int i = 0; i < t->count; i++)
        assert_int_equal (taskmap_nodeid (map, i), t->node[i]);
    assert_int_equal (taskmap_nodeid (map, t->count), -1);
    assert_int_equal (taskmap_nodeid (map, -1), -1);
    for (int n = 0; n < t->nnodes; n++) {
        const struct idset *ids = taskmap_taskids (map, n);
        int count = 0;
        for (int i = 0; i < t->count; i++) {
            count += t->node[i] == n;
            assert_true ((ids && idset_test (ids, i)) == (t->node[i] == n));
        }
        if (count > 0)
            assert_int_equal (taskmap_ntasks (map, n), count);
    }
}

static bool dense (const struct tasks *t)
{
    for (int n = 0; n < t->nnodes; n++) {
        bool some = false;
        for (int i = 0; i < t->count; i++)
            some |= t->node[i] == n;
        if (!some)
            return false;
    }
    return true;
}

static void taskmaps (void **state)
{
    static const int flags[] = { 0, TASKMAP_ENCODE_WRAPPED, TASKMAP_ENCODE_PMI,
                                 TASKMAP_ENCODE_RAW };
    int seen = 0;

    for (int round = 0; round < 2000; round++) {
        struct tasks t;
        struct taskmap *map = some_map (&t);
        flux_error_t error;

        map_is (map, &t);
        for (int i = 0; i < 4 && dense (&t); i++) {
            char *text = taskmap_encode (map, flags[i]);
            struct taskmap *again = text ? taskmap_decode (text, &error) : NULL;
            if (!again)
                fail_msg ("%s: %s", text, error.text);
            map_is (again, &t);
            taskmap_destroy (again);
            free (text);
            seen++;
        }
        taskmap_destroy (map);
    }
    assert_true (seen > 1000);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (idset_algebra), cmocka_unit_test (idset_texts),
        cmocka_unit_test (rset_algebra),  cmocka_unit_test (rset_ranks_of),
        cmocka_unit_test (taskmaps),
    };

    return cmocka_run_group_tests (tests, start, NULL);
}
