#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc.h"

static struct rset *make (int nodes, const char *cores, const char *gpus)
{
    struct rset *r = rset_create ();
    char host[32];

    for (int i = 0; i < nodes; i++) {
        snprintf (host, sizeof (host), "n%d", i);
        assert_int_equal (rset_add_rank (r, i, host, cores, gpus), 0);
    }
    return r;
}

static struct alloc *make_alloc (int nodes, const char *cores, const char *gpus,
                                 enum alloc_mode mode)
{
    struct rset *r = make (nodes, cores, gpus);
    struct idset *ranks = rset_ranks (r);
    struct alloc *a = alloc_create (r, mode);

    assert_non_null (a);
    assert_int_equal (alloc_set_up (a, ranks, true), 0);
    idset_destroy (ranks);
    rset_destroy (r);
    return a;
}

static struct jobspec slots (int n, int cores, int gpus)
{
    return (
        struct jobspec){ .nslots = n, .cores_per_slot = cores, .gpus_per_slot = gpus };
}

static struct jobspec nodes (int n, int per_node, int cores, bool exclusive)
{
    return (struct jobspec){ .nnodes = n,
                             .nslots = n * per_node,
                             .slots_per_node = per_node,
                             .cores_per_slot = cores,
                             .node_exclusive = exclusive };
}

static struct rset *check (struct alloc *a, struct jobspec js, const char *want)
{
    flux_error_t error = { "" };
    struct rset *r = alloc_alloc (a, &js, &error);
    char *s = r ? rset_dump (r) : NULL;

    if (!want) {
        assert_null (r);
        return NULL;
    }
    assert_non_null (r);
    assert_string_equal (s, want);
    assert_int_equal (rset_nslots (r), js.nslots);
    free (s);
    return r;
}

static void test_modes (void **state)
{
    struct alloc *a = make_alloc (3, "0-3", NULL, ALLOC_WORST_FIT);

    rset_destroy (check (a, slots (1, 1, 0), "rank0/core0"));
    rset_destroy (check (a, slots (1, 1, 0), "rank1/core0"));
    rset_destroy (check (a, slots (5, 1, 0), "rank0/core1 rank2/core[0-3]"));
    rset_destroy (check (a, slots (1, 4, 0), NULL));
    assert_int_equal (errno, ENOSPC);
    rset_destroy (check (a, slots (13, 1, 0), NULL));
    assert_int_equal (errno, EINVAL);
    alloc_destroy (a);

    a = make_alloc (3, "0-3", NULL, ALLOC_BEST_FIT);
    rset_destroy (check (a, slots (1, 1, 0), "rank0/core0"));
    rset_destroy (check (a, slots (1, 2, 0), "rank0/core[1-2]"));
    rset_destroy (check (a, slots (1, 2, 0), "rank1/core[0-1]"));
    rset_destroy (check (a, slots (1, 1, 0), "rank0/core3"));
    alloc_destroy (a);

    a = make_alloc (3, "0-3", NULL, ALLOC_FIRST_FIT);
    rset_destroy (check (a, slots (1, 3, 0), "rank0/core[0-2]"));
    rset_destroy (check (a, slots (1, 2, 0), "rank1/core[0-1]"));
    rset_destroy (check (a, slots (2, 1, 0), "rank0/core3 rank1/core2"));
    alloc_destroy (a);
}

static void test_nodes (void **state)
{
    struct alloc *a = make_alloc (4, "0-3", NULL, ALLOC_WORST_FIT);
    struct rset *r;

    rset_destroy (check (a, slots (1, 1, 0), "rank0/core0"));
    rset_destroy (check (a, nodes (2, 1, 1, true), "rank[1-2]/core[0-3]"));
    rset_destroy (check (a, nodes (2, 1, 1, true), NULL));
    assert_int_equal (errno, ENOSPC);
    r = check (a, nodes (2, 3, 1, false), "rank0/core[1-3] rank3/core[0-2]");
    rset_destroy (r);
    alloc_destroy (a);
}

static void test_nodes_shared (void **state)
{
    struct alloc *a = make_alloc (2, "0-3", "0-1", ALLOC_WORST_FIT);
    struct jobspec js = nodes (2, 1, 2, false);
    struct rset *r, *used;
    char *s;

    js.gpus_per_slot = 1;
    r = check (a, js, "rank[0-1]/core[0-1],gpu0");
    rset_destroy (check (a, slots (2, 1, 1), "rank[0-1]/core2,gpu1"));
    rset_destroy (check (a, slots (1, 1, 1), NULL));
    assert_int_equal (errno, ENOSPC);
    used = alloc_allocated (a);
    s = rset_dump (used);
    assert_string_equal (s, "rank[0-1]/core[0-2],gpu[0-1]");
    free (s);
    rset_destroy (used);
    assert_int_equal (alloc_free (a, r, NULL), 0);
    assert_int_equal (alloc_free (a, r, NULL), -1);
    assert_int_equal (alloc_take (a, r, NULL), 0);
    assert_int_equal (alloc_take (a, r, NULL), -1);
    rset_destroy (r);
    alloc_destroy (a);
}

static void test_up_down (void **state)
{
    struct alloc *a = make_alloc (4, "0-1", NULL, ALLOC_WORST_FIT);
    struct idset *two = idset_decode ("0-1");
    struct rset *r, *down;
    char *s;

    r = check (a, slots (8, 1, 0), "rank[0-3]/core[0-1]");
    assert_int_equal (alloc_set_up (a, two, false), 0);
    down = alloc_down (a);
    s = rset_dump (down);
    assert_string_equal (s, "rank[0-1]/core[0-1]");
    free (s);
    rset_destroy (down);
    assert_int_equal (alloc_free (a, r, NULL), 0);
    rset_destroy (r);
    rset_destroy (check (a, slots (5, 1, 0), NULL));
    assert_int_equal (errno, ENOSPC);
    r = check (a, slots (4, 1, 0), "rank[2-3]/core[0-1]");
    assert_int_equal (alloc_shrink (a, two), 0);
    check (a, slots (5, 1, 0), NULL);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (alloc_free (a, r, NULL), 0);
    rset_destroy (r);
    idset_destroy (two);
    alloc_destroy (a);
}

static void test_constraints (void **state)
{
    struct alloc *a = make_alloc (4, "0-1", NULL, ALLOC_WORST_FIT);
    struct idset *some = idset_decode ("2");
    struct jobspec js = slots (1, 1, 0);
    flux_error_t error;

    assert_int_equal (alloc_set_property (a, "big", some, true), 0);
    js.constraints = json_pack ("{s:[s]}", "properties", "big");
    rset_destroy (check (a, js, "rank2/core0"));
    rset_destroy (check (a, js, "rank2/core1"));
    check (a, js, NULL);
    assert_int_equal (errno, ENOSPC);
    js.nslots = 3;
    assert_int_equal (alloc_feasible (a, &js, &error), -1);
    assert_string_equal (
        error.text, "unsatisfiable request: need 3 slot(s) of 1 core(s), there are 2");
    json_decref (js.constraints);
    js.nslots = 1;
    js.constraints = json_pack ("{s:[s]}", "hostlist", "n3");
    rset_destroy (check (a, js, "rank3/core0"));
    json_decref (js.constraints);
    js.constraints = json_pack ("{s:[s]}", "what", "n3");
    assert_int_equal (alloc_feasible (a, &js, &error), -1);
    json_decref (js.constraints);
    idset_destroy (some);
    alloc_destroy (a);
}

/* Random requests against a table of who has which core. */
#define NODES 70
#define CORES 6
#define JOBS 400

struct model {
    int owner[NODES][CORES]; /* job + 1 */
    bool up[NODES];
};

static void model_add (struct model *m, const struct rset *r, int job)
{
    for (int n = 0; n < NODES; n++) {
        const struct idset *ids = rset_children (r, n, "core");
        for (int c = 0; c < CORES; c++) {
            if (!idset_test (ids, c))
                continue;
            assert_true (m->up[n]);
            assert_int_equal (m->owner[n][c], 0);
            m->owner[n][c] = job + 1;
        }
    }
}

static void model_remove (struct model *m, int job)
{
    for (int n = 0; n < NODES; n++)
        for (int c = 0; c < CORES; c++)
            if (m->owner[n][c] == job + 1)
                m->owner[n][c] = 0;
}

static bool model_fits (const struct model *m, const struct jobspec *js)
{
    int total = 0;

    for (int n = 0; n < NODES; n++) {
        int free_cores = 0;
        for (int c = 0; c < CORES; c++)
            free_cores += m->up[n] && m->owner[n][c] == 0;
        if (js->nnodes == 0)
            total += free_cores / js->cores_per_slot;
        else if (js->node_exclusive
                     ? free_cores == CORES
                     : free_cores / js->cores_per_slot >= js->slots_per_node)
            total++;
    }
    return total >= (js->nnodes > 0 ? js->nnodes : js->nslots);
}

static void check_amount (const struct rset *r, const struct jobspec *js)
{
    if (js->nnodes > 0)
        assert_int_equal (rset_count (r, "node"), js->nnodes);
    if (js->node_exclusive)
        assert_int_equal (rset_count (r, "core"), js->nnodes * CORES);
    else
        assert_int_equal (rset_count (r, "core"), js->nslots * js->cores_per_slot);
}

static void test_model (void **state)
{
    for (int mode = ALLOC_WORST_FIT; mode <= ALLOC_FIRST_FIT; mode++) {
        struct alloc *a = make_alloc (NODES, "0-5", NULL, mode);
        struct model m = { 0 };
        struct rset *jobs[JOBS] = { 0 };
        unsigned int seed = 42;
        int granted = 0, refused = 0;

        memset (m.up, 1, sizeof (m.up));
        for (int step = 0; step < 20000; step++) {
            int job = rand_r (&seed) % JOBS;
            unsigned int k = rand_r (&seed);
            if (k % 50 == 0) {
                struct idset *one = idset_create (0, IDSET_FLAG_AUTOGROW);
                int n = k / 50 % NODES;
                idset_set (one, n);
                m.up[n] = !m.up[n];
                assert_int_equal (alloc_set_up (a, one, m.up[n]), 0);
                idset_destroy (one);
            } else if (jobs[job]) {
                assert_int_equal (alloc_free (a, jobs[job], NULL), 0);
                model_remove (&m, job);
                rset_destroy (jobs[job]);
                jobs[job] = NULL;
            } else {
                struct jobspec js =
                    k % 3 ? slots (1 + k / 3 % 12, 1 + k / 64 % 3, 0)
                          : nodes (1 + k / 3 % 4, 1, 1 + k / 64 % 4, k / 512 % 2);
                bool fits = model_fits (&m, &js);
                if ((jobs[job] = alloc_alloc (a, &js, NULL))) {
                    check_amount (jobs[job], &js);
                    model_add (&m, jobs[job], job);
                    granted++;
                } else
                    refused++;
                assert_int_equal (jobs[job] != NULL, fits);
            }
        }
        assert_true (granted > 1000 && refused > 100);
        for (int i = 0; i < JOBS; i++)
            rset_destroy (jobs[i]);
        alloc_destroy (a);
    }
}

static double now (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* Prints what an allocation costs; asserts nothing about time. */
static void test_speed (void **state)
{
    struct alloc *a = make_alloc (10000, "0-63", NULL, ALLOC_WORST_FIT);
    struct jobspec js = slots (1, 1, 0);
    const int count = 100000;
    struct rset **jobs = calloc (count, sizeof (*jobs));
    double t = now ();

    for (int i = 0; i < count; i++)
        assert_non_null (jobs[i] = alloc_alloc (a, &js, NULL));
    print_message ("# alloc, 10000 nodes: %.2f us\n", (now () - t) / count * 1e6);
    t = now ();
    for (int i = 0; i < count; i++)
        free (rset_encode (jobs[i]));
    print_message ("# encode of R: %.2f us\n", (now () - t) / count * 1e6);
    t = now ();
    for (int i = 0; i < count; i++) {
        assert_int_equal (alloc_free (a, jobs[i], NULL), 0);
        rset_destroy (jobs[i]);
    }
    print_message ("# free: %.2f us\n", (now () - t) / count * 1e6);
    js = slots (640000, 1, 0);
    jobs[0] = alloc_alloc (a, &js, NULL);
    js = slots (1, 1, 0);
    t = now ();
    for (int i = 0; i < count; i++)
        assert_null (alloc_alloc (a, &js, NULL));
    print_message ("# refusal when full: %.2f us\n", (now () - t) / count * 1e6);
    rset_destroy (jobs[0]);
    free (jobs);
    alloc_destroy (a);
}

/* What is kept of a text goes with what it says. */
static void test_text (void **state)
{
    struct alloc *a = make_alloc (4, "0-1", NULL, ALLOC_WORST_FIT);
    struct idset *some = idset_decode ("1-2"), *last = idset_decode ("3");

    assert_null (strstr (alloc_all_text (a), "big"));
    assert_int_equal (alloc_set_property (a, "big", some, true), 0);
    assert_non_null (strstr (alloc_all_text (a), "\"big\":\"1-2\""));
    assert_non_null (strstr (alloc_all_text (a), "\"rank\":\"0-3\""));
    assert_int_equal (alloc_shrink (a, last), 0);
    assert_non_null (strstr (alloc_all_text (a), "\"rank\":\"0-2\""));
    idset_destroy (some);
    idset_destroy (last);
    alloc_destroy (a);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_modes),        cmocka_unit_test (test_nodes),
        cmocka_unit_test (test_nodes_shared), cmocka_unit_test (test_up_down),
        cmocka_unit_test (test_constraints),  cmocka_unit_test (test_model),
        cmocka_unit_test (test_speed),        cmocka_unit_test (test_text),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
