/* Jobs and graphs that change in any order, each step from a seed: after each all sums
 * agree with the jobs, and when all jobs are gone everything is free again.
 * FLUXION_RUNS and FLUXION_SEED say how many runs there are, and from which. */
#include "fluxion/io/writer.h"
#include "fluxion/match/rig_test.h"

#define JOBS 12
#define STEPS 60

struct churn {
    struct scheduler *s;
    uint64_t seed, step, next_id;
    bool dag;
    int64_t now;
};

static uint32_t pick (struct churn *c, uint32_t n)
{
    c->seed = c->seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(c->seed >> 33) % n;
}

#define ONE_OF(c, list) ((list)[pick (c, sizeof (list) / sizeof ((list)[0]))])

static const char *const graphs[] = {
    "cluster0{rack0{node0-1{socket0-1{core0-1 gpu0} memory0-1*4}} "
    "rack1{node2-3{socket0-1{core0-1 gpu0} memory0-1*4}}}",
    "cluster0{node0-3{core0-3 gpu0}}",
    "cluster0{rack0{node0{core0-3} ssd0-1*10} rack1{node1{core0-3} ssd0*10}}",
};
static const char *const policies[] = { "first",    "firstnodex", "high",    "low",
                                        "hinode",   "lonode",     "hinodex", "lonodex",
                                        "locality", "variation" };
static const char *const requests[] = {
    "slot:1[core:1]",
    "slot:2[core:2]",
    "slot:1[node:1]",
    "slot:2[node:1]",
    "node:1[slot:1[core:1]]",
    "node:1[slot:1[core:1 gpu:1]]",
    "node:2[slot:1[core:2]]",
    "node:1",
    "node:1!",
    "slot:1-3[core:1-4]",
    "slot:1[core:1 memory:3]",
    "rack:1[slot:1[ssd:7 node:1]]",
    "slot:3[gpu:1]",
    "socket:1![core:1]",
    "node:1[memory:2 core:1]",
    "slot:2[ssd:1]",
};
static const match_op_t ops[] = { MATCH_ALLOCATE,
                                  MATCH_ALLOCATE,
                                  MATCH_ALLOCATE_W_SATISFIABILITY,
                                  MATCH_ALLOCATE_ORELSE_RESERVE,
                                  MATCH_ALLOCATE_ORELSE_RESERVE,
                                  MATCH_SATISFIABILITY,
                                  MATCH_WITHOUT_ALLOCATING,
                                  MATCH_WITHOUT_ALLOCATING_FUTURE };
static const double durations[] = { 0, 1, 5, 10, 10, 60 };
static const char *const constraints[] = { NULL,
                                           NULL,
                                           NULL,
                                           "{\"properties\":[\"fast\"]}",
                                           "{\"properties\":[\"^fast\"]}",
                                           "{\"ranks\":[\"0-1\"]}" };

static bool has_types (struct churn *c, const char *request)
{
    static const char *const types[] = { "memory", "ssd", "socket", "gpu", "rack" };

    for (size_t i = 0; i < sizeof (types) / sizeof (types[0]); i++)
        if (strstr (request, types[i])
            && graph_find_type (scheduler_graph (c->s), types[i]) == UINT16_MAX)
            return false;
    return true;
}

static void match (struct churn *c)
{
    const char *text = ONE_OF (c, requests);
    match_op_t op = ONE_OF (c, ops);
    struct match_result res;
    flux_error_t error;

    if (!has_types (c, text))
        return;
    struct request *r =
        rig_request (c->s, text, ONE_OF (c, durations), ONE_OF (c, constraints));
    c->now += pick (c, 3);
    (void)scheduler_match (c->s, op, r, c->next_id++, c->now, &res, &error);
    request_destroy (r);
}

static uint64_t some_job (struct churn *c)
{
    uint32_t most = c->next_id < JOBS ? c->next_id : JOBS;

    return c->next_id - 1 - pick (c, most + 1);
}

static uint32_t some_vertex (struct churn *c)
{
    struct graph *g = scheduler_graph (c->s);

    return pick (c, g->nv);
}

static void cancel (struct churn *c)
{
    (void)scheduler_cancel (c->s, some_job (c));
}

/* Vertices of its own, of others, and any; some of them twice. */
static void cancel_part (struct churn *c)
{
    struct job *job = scheduler_job (c->s, some_job (c));
    struct job *other = scheduler_job (c->s, some_job (c));
    struct picks p = { 0 };
    struct selected sel;
    flux_error_t error;
    bool full;

    for (uint32_t n = pick (c, 8); n > 0; n--) {
        struct job *from = pick (c, 4) ? job : other;
        uint32_t v = some_vertex (c);
        if (from && from->nspan
            && scheduler_job_holds (c->s, from, pick (c, from->nspan), &sel))
            v = sel.v;
        for (uint32_t k = pick (c, 2) + 1; k > 0; k--)
            assert_int_equal (picks_add (&p, v, pick (c, 2), 1), 0);
    }
    if (job
        && scheduler_partial_cancel (c->s, job->id, &p, pick (c, 2), &full, &error)
               == 0)
        assert_true (full == (job->state == JOB_CANCELED));
    picks_fini (&p);
}

/* What one job had, another may have when it is gone: through a text. */
static void move (struct churn *c)
{
    static const enum write_format formats[] = { WRITE_JGF, WRITE_RV1,
                                                 WRITE_RV1_NOSCHED,
                                                 WRITE_RV1_SHORTHAND };
    struct job *job = scheduler_job (c->s, some_job (c));
    struct write_info info = { .starttime = job ? job->at : 0,
                               .expiration = job ? job->end : 0 };
    struct selected sel[512];
    struct buf b = BUF_INIT;
    struct picks p = { 0 };
    struct match_result res;
    flux_error_t error;
    bool by_rank;
    uint32_t n = 0;

    if (!job || job->state != JOB_ALLOCATED || job->nspan > 512)
        return;
    for (uint32_t i = 0; i < job->nspan; i++)
        n += scheduler_job_holds (c->s, job, i, &sel[n]);
    assert_int_equal (
        fluxion_write (ONE_OF (c, formats), scheduler_graph (c->s), sel, n, &info, &b),
        0);
    if (pick (c, 4))
        scheduler_cancel (c->s, job->id);
    if (fluxion_pick_R (scheduler_graph (c->s), b.data, b.len, true, &p, &by_rank,
                        &error)
        == 0)
        (void)scheduler_update (c->s, c->next_id++, &p, job->at, job->end - job->at,
                                pick (c, 4) == 0, &res, &error);
    picks_fini (&p);
    buf_fini (&b);
}

static void set_end (struct churn *c)
{
    flux_error_t error;

    (void)scheduler_set_end (c->s, some_job (c), pick (c, 40), &error);
}

static void set_status (struct churn *c)
{
    struct graph *g = scheduler_graph (c->s);
    uint32_t v = some_vertex (c);

    if (!g->v[v].gone)
        scheduler_set_status (c->s, v, pick (c, 2));
}

static void set_property (struct churn *c)
{
    static const char *const keys[] = { "fast", "perf_class" };
    uint32_t v = some_vertex (c);
    const char *key = ONE_OF (c, keys);

    if (pick (c, 3))
        assert_int_equal (graph_set_property (scheduler_graph (c->s), v, key,
                                              pick (c, 2) ? "1" : "2"),
                          0);
    else
        (void)graph_remove_property (scheduler_graph (c->s), v, key);
}

static void shrink (struct churn *c)
{
    struct graph *g = scheduler_graph (c->s);
    uint32_t v = some_vertex (c);
    char ranks[16];
    flux_error_t error;

    snprintf (ranks, sizeof (ranks), "%u", pick (c, 5));
    if (pick (c, 2))
        (void)scheduler_shrink_ranks (c->s, ranks, &error);
    else if (!g->v[v].gone)
        (void)scheduler_shrink (c->s, v, &error);
}

static void grow (struct churn *c)
{
    char *text = rig_jgf (ONE_OF (c, graphs), NULL);
    flux_error_t error;

    (void)scheduler_grow (c->s, text, strlen (text), &error);
    free (text);
}

static void copy (struct churn *c)
{
    struct scheduler *twin = scheduler_copy (c->s);

    assert_non_null (twin);
    scheduler_destroy (c->s);
    c->s = twin;
}

typedef void (*step_f) (struct churn *c);
static const struct {
    const char *name;
    step_f step;
    int often;
} steps[] = {
    { "match", match, 20 },
    { "cancel", cancel, 6 },
    { "part", cancel_part, 8 },
    { "move", move, 4 },
    { "set_end", set_end, 3 },
    { "set_status", set_status, 3 },
    { "property", set_property, 2 },
    { "shrink", shrink, 1 },
    { "grow", grow, 1 },
    { "copy", copy, 1 },
};
#define NSTEPS (sizeof (steps) / sizeof (steps[0]))

static const char *one_step (struct churn *c)
{
    int sum = 0, at;
    size_t i = 0;

    for (size_t k = 0; k < NSTEPS; k++)
        sum += steps[k].often;
    for (at = pick (c, sum); at >= steps[i].often; i++)
        at -= steps[i].often;
    steps[i].step (c);
    return steps[i].name;
}

static void all_free (struct churn *c, uint64_t seed)
{
    struct graph *g = scheduler_graph (c->s);
    struct buf b = BUF_INIT;
    flux_error_t error;
    int64_t total, used;

    for (uint64_t id = 1; id < c->next_id; id++)
        (void)scheduler_cancel (c->s, id);
    if (!scheduler_check (c->s, &error))
        fail_msg ("seed %ju: in the end: %s", (uintmax_t)seed, error.text);
    for (uint32_t v = 0; v < g->nv; v++)
        if (!g->v[v].gone
            && (scheduler_is_allocated (c->s, v) || scheduler_is_reserved (c->s, v)))
            fail_msg ("seed %ju: vertex %u is held by nobody", (uintmax_t)seed, v);
    used = scheduler_used_below (c->s, g->root, g->t_core, &total);
    if (used > 0)
        fail_msg ("seed %ju: %jd of %jd cores are used", (uintmax_t)seed,
                  (intmax_t)used, (intmax_t)total);
    buf_fini (&b);
}

static void run (uint64_t seed)
{
    struct churn c = { .seed = seed * 2654435761u + 1, .next_id = 1 };
    struct scheduler_options opt = { 0 };
    flux_error_t error;

    opt.policy = ONE_OF (&c, policies);
    opt.traverser = pick (&c, 2) ? "flexible" : "simple";
    opt.prune_filters = pick (&c, 2) ? "ALL:core,ALL:node,ALL:gpu" : NULL;
    /* In the first graph, both racks share a node: vertex 1 is rack0, 25 rack1's. */
    c.dag = pick (&c, 4) == 0;
    c.s = rig_load_more (c.dag ? graphs[0] : ONE_OF (&c, graphs),
                         c.dag ? "{\"source\":\"1\",\"target\":\"25\"}" : NULL, &opt);
    for (c.step = 0; c.step < STEPS; c.step++) {
        const char *name = one_step (&c);
        if (!scheduler_check (c.s, &error))
            fail_msg ("seed %ju, step %ju (%s), policy %s: %s", (uintmax_t)seed,
                      (uintmax_t)c.step, name, opt.policy, error.text);
    }
    all_free (&c, seed);
    scheduler_destroy (c.s);
}

static void churn (void **state)
{
    const char *runs = getenv ("FLUXION_RUNS"), *seed = getenv ("FLUXION_SEED");
    uint64_t first = seed ? strtoull (seed, NULL, 10) : 1;
    uint64_t n = runs ? strtoull (runs, NULL, 10) : 300;

    for (uint64_t i = 0; i < n; i++)
        run (first + i);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (churn) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
