/* Random slots, alternatives and partial cancels against plain counting: nodes of cores,
 * GPUs and memory of 2 GB a vertex. A slot is made within one node, of whole vertices; so
 * a node has room for as many as its scarcest type allows, and of two kinds that share
 * no type, for the sum. */
#include "fluxion/match/rig_test.h"

#define NODES 4
#define CORES 6
#define GPUS 3
#define MEMORIES 4
#define MAX_JOBS 64

enum { CORE, GPU, MEMORY, NTYPES };
static const char *const names[NTYPES] = { "core", "gpu", "memory" };

struct plain {
    int left[NODES][NTYPES];
    uint64_t job[MAX_JOBS];
    int njobs;
    unsigned int seed;
};

static int pick (struct plain *p, int below)
{
    return rand_r (&p->seed) % below;
}

static int type_of (struct graph *g, uint32_t v)
{
    for (int t = 0; t < NTYPES; t++)
        if (strcmp (graph_type_name (g, g->v[v].type), names[t]) == 0)
            return t;
    return -1;
}

/* What jobs hold, counted anew; nothing is held twice. */
static void count (struct scheduler *s, struct plain *p)
{
    struct graph *g = scheduler_graph (s);
    uint8_t *held = calloc (g->nv, 1);

    for (int n = 0; n < NODES; n++) {
        p->left[n][CORE] = CORES;
        p->left[n][GPU] = GPUS;
        p->left[n][MEMORY] = MEMORIES;
    }
    for (int i = 0; i < p->njobs; i++) {
        struct job *job = scheduler_job (s, p->job[i]);
        for (uint32_t k = 0; k < job->nspan; k++) {
            struct selected sel;
            if (!scheduler_job_holds (s, job, k, &sel) || type_of (g, sel.v) < 0)
                continue;
            assert_true (sel.exclusive && !held[sel.v]++);
            p->left[g->v[g->v[sel.v].parent].id][type_of (g, sel.v)]--;
        }
    }
    free (held);
}

struct shape {
    int slots, cores, memory, gpus; /* memory in GB; gpus: or so many of these */
    bool either;
};

static int room (const struct plain *p, int n, const struct shape *sh)
{
    int cores = p->left[n][CORE] / sh->cores;
    int memory = sh->memory ? p->left[n][MEMORY] / ((sh->memory + 1) / 2) : cores;
    int gpus = sh->either ? p->left[n][GPU] / sh->gpus : 0;

    return (cores < memory ? cores : memory) + gpus;
}

static void step_match (struct scheduler *s, struct plain *p, uint64_t id)
{
    struct shape sh = { .slots = 1 + pick (p, 6),
                        .cores = 1 + pick (p, 3),
                        .memory = pick (p, 4),
                        .gpus = 1 + pick (p, 2),
                        .either = pick (p, 2) };
    const char *slot = sh.either && pick (p, 2) ? "xor_slot" : "slot";
    struct buf b = BUF_INIT;
    int sum = 0;

    if (sh.either)
        buf_printf (&b, "%s:%d[gpu:%d] ", slot, sh.slots, sh.gpus);
    buf_printf (&b, "%s:%d[core:%d", slot, sh.slots, sh.cores);
    if (sh.memory)
        buf_printf (&b, " memory:%d", sh.memory);
    buf_addc (&b, ']');
    for (int n = 0; n < NODES; n++)
        sum += room (p, n, &sh);
    const char *got = rig_take (s, id, b.data);
    if ((*got == '@') != (sum >= sh.slots) || (*got != '@' && strcmp (got, "EBUSY")))
        fail_msg ("%s: there is room for %d: %s", b.data, sum, got);
    if (*got == '@')
        p->job[p->njobs++] = id;
    buf_fini (&b);
}

/* Each vertex by itself; the job ends with the last. */
static void step_partial (struct scheduler *s, struct plain *p)
{
    int i = pick (p, p->njobs), kept = 0;
    struct job *job = scheduler_job (s, p->job[i]);
    struct picks picks = { 0 };
    flux_error_t error;
    bool full;

    for (uint32_t k = 0; k < job->nspan; k++) {
        struct selected sel;
        if (!scheduler_job_holds (s, job, k, &sel)
            || type_of (scheduler_graph (s), sel.v) < 0)
            continue;
        if (pick (p, 2))
            picks_add (&picks, sel.v, false, 1);
        else
            kept++;
    }
    assert_int_equal (
        scheduler_partial_cancel (s, p->job[i], &picks, false, &full, &error), 0);
    picks_fini (&picks);
    assert_int_equal (full, kept == 0);
    if (full)
        p->job[i] = p->job[--p->njobs];
}

static void play (const char *policy, unsigned int seed)
{
    struct scheduler_options opt = { .policy = policy, .traverser = "flexible" };
    struct scheduler *s =
        rig_load ("cluster0{rack0{node0-1{core0-5 gpu0-2 memory0-3*2}} "
                  "rack1{node2-3{core0-5 gpu0-2 memory0-3*2}}}",
                  &opt);
    struct plain p = { .seed = seed };
    flux_error_t error;

    for (uint64_t id = 1; id <= 120; id++) {
        int what = p.njobs ? pick (&p, 4) : 3;
        count (s, &p);
        if (what == 0) {
            int i = pick (&p, p.njobs);
            assert_int_equal (scheduler_cancel (s, p.job[i]), 0);
            p.job[i] = p.job[--p.njobs];
        } else if (what == 1) {
            step_partial (s, &p);
        } else if (p.njobs < MAX_JOBS) {
            step_match (s, &p, id);
        }
        if (!scheduler_check (s, &error))
            fail_msg ("%s, seed %u: %s", policy, seed, error.text);
    }
    count (s, &p);
    scheduler_destroy (s);
}

static void slots_against_counting (void **state)
{
    static const char *const policies[] = { "first",  "low",    "high",
                                            "lonode", "hinode", "locality" };

    for (size_t i = 0; i < sizeof (policies) / sizeof (policies[0]); i++)
        for (unsigned int seed = 1; seed <= 30; seed++)
            play (policies[i], seed);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (slots_against_counting) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
