/* Random graphs and random sequences of operations, checked against a matcher that
 * tries every node and every moment: same success or failure, same start, nothing
 * is held twice at any time, the scheduler's own counts stay consistent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "fluxion/match/match.h"

#define NODES_MAX 12
#define LEAVES_MAX 12 /* of a node: cores, then GPUs */
#define HOLDS_MAX 20000

/* One job has a leaf, or the node itself, for a while. */
struct hold {
    uint64_t job;
    int node, leaf; /* leaf -1: the node, exclusively; -2: the node, shared */
    int64_t start, end;
};

struct model {
    int nracks, nnodes, ncores, ngpus;
    bool down[NODES_MAX], gone[NODES_MAX];
    struct hold hold[HOLDS_MAX];
    int nholds;
    struct graph *g;
    struct scheduler *s;
    uint64_t next_job;
    unsigned int seed;
};

/* node count, slots per node, cores and GPUs per slot; or whole nodes */
struct shape {
    bool whole;
    int nodes, slots, cores, gpus;
    int64_t duration;
};

static int pick (struct model *m, int below)
{
    m->seed = m->seed * 1103515245u + 12345u;
    return (m->seed >> 8) % below;
}

static void node_path (const struct model *m, int node, char *buf, size_t len)
{
    snprintf (buf, len, "/cluster0/rack%d/node%d", node % m->nracks, node);
}

static void add_json (struct buf *b, const char *type, int uniq, int id, int rank,
                      const char *path)
{
    buf_printf (b,
                "%s{\"id\":\"%d\",\"metadata\":{\"type\":\"%s\",\"id\":%d,\"rank\":%d,"
                "\"paths\":{\"containment\":\"%s\"}}}",
                b->data[b->len - 1] == '[' ? "" : ",", uniq, type, id, rank, path);
}

static int uniq_of_node (const struct model *m, int node)
{
    return 1 + m->nracks + node * (1 + LEAVES_MAX);
}

/* JGF of the cluster; only one node and its ancestors if only >= 0. */
static void graph_text (const struct model *m, int only, struct buf *b)
{
    struct buf edges = BUF_INIT;
    char path[128], leaf[160];

    buf_adds (b, "{\"graph\":{\"nodes\":[");
    add_json (b, "cluster", 0, 0, -1, "/cluster0");
    for (int r = 0; r < m->nracks; r++) {
        if (only >= 0 && only % m->nracks != r)
            continue;
        snprintf (path, sizeof (path), "/cluster0/rack%d", r);
        add_json (b, "rack", 1 + r, r, -1, path);
        buf_printf (&edges, ",{\"source\":\"0\",\"target\":\"%d\"}", 1 + r);
    }
    for (int n = 0; n < m->nnodes; n++) {
        int uniq = uniq_of_node (m, n);

        if (only >= 0 && only != n)
            continue;
        node_path (m, n, path, sizeof (path));
        add_json (b, "node", uniq, n, n, path);
        buf_printf (&edges, ",{\"source\":\"%d\",\"target\":\"%d\"}", 1 + n % m->nracks,
                    uniq);
        for (int i = 0; i < m->ncores + m->ngpus; i++) {
            bool core = i < m->ncores;
            int id = core ? i : i - m->ncores;

            snprintf (leaf, sizeof (leaf), "%s/%s%d", path, core ? "core" : "gpu", id);
            add_json (b, core ? "core" : "gpu", uniq + 1 + i, id, n, leaf);
            buf_printf (&edges, ",{\"source\":\"%d\",\"target\":\"%d\"}", uniq,
                        uniq + 1 + i);
        }
    }
    buf_printf (b, "],\"edges\":[%s]}}", edges.data + 1);
    buf_fini (&edges);
}

static void model_init (struct model *m, unsigned int seed, const char *policy)
{
    struct scheduler_options opt = { .policy = policy,
                                     .prune_filters = "ALL:core,ALL:node,ALL:gpu" };
    struct buf b = BUF_INIT;
    flux_error_t error;

    memset (m, 0, sizeof (*m));
    m->seed = seed;
    m->next_job = 1;
    m->nracks = 1 + pick (m, 3);
    m->nnodes = m->nracks + pick (m, NODES_MAX - 3);
    m->ncores = 1 + pick (m, 8);
    m->ngpus = pick (m, 4);
    graph_text (m, -1, &b);
    m->g = graph_create ();
    if (fluxion_read_jgf (m->g, b.data, b.len, NULL, &error) < 0)
        fail_msg ("%s", error.text);
    if (!(m->s = scheduler_create (m->g, &opt, &error)))
        fail_msg ("%s", error.text);
    buf_fini (&b);
}

static void model_fini (struct model *m)
{
    scheduler_destroy (m->s);
}

static bool overlaps (const struct hold *h, int64_t at, int64_t end)
{
    return h->start < end && at < h->end;
}

/* Is anything (leaf == -3), this leaf, or the node exclusively (-1) held? */
static bool held (const struct model *m, int node, int leaf, int64_t at, int64_t end)
{
    for (int i = 0; i < m->nholds; i++) {
        const struct hold *h = &m->hold[i];
        if (h->node == node && overlaps (h, at, end) && (leaf == -3 || h->leaf == leaf))
            return true;
    }
    return false;
}

static bool node_fits (const struct model *m, const struct shape *sh, int node,
                       int64_t at, bool empty)
{
    int64_t end = at + sh->duration;
    int cores = 0, gpus = 0;

    if (m->gone[node] || (!empty && m->down[node]))
        return false;
    if (sh->whole)
        return (empty || !held (m, node, -3, at, end)) && m->ncores >= sh->cores;
    if (!empty && held (m, node, -1, at, end))
        return false;
    for (int i = 0; i < m->ncores + m->ngpus; i++)
        if (empty || !held (m, node, i, at, end))
            *(i < m->ncores ? &cores : &gpus) += 1;
    return cores >= sh->slots * sh->cores && gpus >= sh->slots * sh->gpus;
}

static bool fits (const struct model *m, const struct shape *sh, int64_t at, bool empty)
{
    int n = 0;

    for (int node = 0; node < m->nnodes; node++)
        n += node_fits (m, sh, node, at, empty);
    return n >= sh->nodes;
}

/* The earliest end of a hold at which it fits, or -1. */
static int64_t earliest (const struct model *m, const struct shape *sh)
{
    int64_t best = -1;

    for (int i = 0; i < m->nholds; i++) {
        int64_t t = m->hold[i].end;
        if ((best < 0 || t < best) && fits (m, sh, t, false))
            best = t;
    }
    return best;
}

static struct request *make_request (const struct model *m, const struct shape *sh)
{
    struct buf b = BUF_INIT;
    struct request *r;
    flux_error_t error;

    buf_adds (&b, "{\"version\":1,\"resources\":[");
    if (sh->whole)
        buf_printf (&b,
                    "{\"type\":\"slot\",\"count\":%d,\"label\":\"a\",\"with\":["
                    "{\"type\":\"node\",\"count\":1,\"with\":["
                    "{\"type\":\"core\",\"count\":%d}]}]}",
                    sh->nodes, sh->cores);
    else {
        buf_printf (&b,
                    "{\"type\":\"node\",\"count\":%d,\"with\":[{\"type\":\"slot\","
                    "\"count\":%d,\"label\":\"a\",\"with\":["
                    "{\"type\":\"core\",\"count\":%d}",
                    sh->nodes, sh->slots, sh->cores);
        if (sh->gpus > 0)
            buf_printf (&b, ",{\"type\":\"gpu\",\"count\":%d}", sh->gpus);
        buf_adds (&b, "]}]}");
    }
    buf_printf (&b,
                "],\"tasks\":[{\"command\":[\"x\"],\"slot\":\"a\",\"count\":"
                "{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":%d}}}",
                (int)sh->duration);
    if (!(r = request_parse (b.data, b.len, NULL, NULL, &error))
        || request_bind (r, m->g, &error) < 0)
        fail_msg ("%s: %s", b.data, error.text);
    buf_fini (&b);
    return r;
}

static struct shape random_shape (struct model *m)
{
    struct shape sh = { 0 };

    sh.whole = pick (m, 5) == 0;
    sh.nodes = 1 + pick (m, m->nnodes < 4 ? m->nnodes : 4);
    sh.slots = 1 + pick (m, 3);
    sh.cores = 1 + pick (m, 3);
    sh.gpus = m->ngpus > 0 && pick (m, 3) == 0 && !sh.whole;
    sh.duration = 10 * (1 + pick (m, 10));
    if (sh.whole)
        sh.cores = 1;
    return sh;
}

static int node_of (const struct model *m, uint32_t v)
{
    return m->g->v[v].rank;
}

static int leaf_of (const struct model *m, uint32_t v)
{
    const struct vertex *x = &m->g->v[v];

    return x->type == m->g->t_core ? x->id : m->ncores + x->id;
}

/* Enter a result into the model; nothing of it may be taken or down. */
static void take (struct model *m, uint64_t job, const struct shape *sh,
                  const struct match_result *res)
{
    int nodes = 0, cores = 0, gpus = 0;
    int before = m->nholds;

    assert_int_equal (res->end - res->at, sh->duration);
    for (uint32_t i = 0; i < res->nsel; i++) {
        const struct selected *sel = &res->sel[i];
        const struct vertex *v = &m->g->v[sel->v];
        struct hold h = { .job = job, .start = res->at, .end = res->end };

        if (node_of (m, sel->v) < 0)
            continue; /* rack, cluster */
        h.node = node_of (m, sel->v);
        assert_false (m->down[h.node] || m->gone[h.node]);
        if (v->type == m->g->t_node) {
            h.leaf = sel->exclusive ? -1 : -2;
            nodes++;
            assert_true (!sh->whole || sel->exclusive);
        } else {
            h.leaf = leaf_of (m, sel->v);
            assert_true (sel->exclusive);
            *(v->type == m->g->t_core ? &cores : &gpus) += 1;
        }
        for (int k = 0; k < before; k++) {
            const struct hold *o = &m->hold[k];
            if (o->node == h.node && overlaps (o, h.start, h.end)
                && (o->leaf == h.leaf ? h.leaf != -2 : o->leaf == -1 || h.leaf == -1))
                fail_msg ("node%d leaf %d is held twice: jobs %d and %d", h.node,
                          h.leaf, (int)o->job, (int)job);
        }
        assert_true (m->nholds < HOLDS_MAX);
        m->hold[m->nholds++] = h;
    }
    assert_int_equal (nodes, sh->nodes);
    if (sh->whole)
        assert_int_equal (cores, sh->nodes * sh->cores);
    else {
        assert_int_equal (cores, sh->nodes * sh->slots * sh->cores);
        assert_int_equal (gpus, sh->nodes * sh->slots * sh->gpus);
    }
}

static void drop (struct model *m, uint64_t job, int node)
{
    int n = 0;

    for (int i = 0; i < m->nholds; i++)
        if (m->hold[i].job != job || (node >= 0 && m->hold[i].node != node))
            m->hold[n++] = m->hold[i];
    m->nholds = n;
}

static void step_match (struct model *m)
{
    static const match_op_t ops[] = { MATCH_ALLOCATE, MATCH_ALLOCATE_ORELSE_RESERVE,
                                      MATCH_SATISFIABILITY, MATCH_WITHOUT_ALLOCATING };
    match_op_t op = ops[pick (m, 20) % 4];
    struct shape sh = random_shape (m);
    struct request *r = make_request (m, &sh);
    bool now = fits (m, &sh, 0, false);
    struct match_result res;
    flux_error_t error;
    uint64_t job = m->next_job++;
    int rc = scheduler_match (m->s, op, r, job, 0, &res, &error);

    if (op == MATCH_SATISFIABILITY) {
        assert_int_equal (rc == 0, fits (m, &sh, 0, true));
    } else if (op == MATCH_ALLOCATE_ORELSE_RESERVE && !now) {
        int64_t at = earliest (m, &sh);
        assert_int_equal (rc == 0, at >= 0);
        if (rc == 0) {
            assert_true (res.reserved);
            assert_int_equal (res.at, at);
        }
    } else {
        assert_int_equal (rc == 0, now);
        if (rc == 0)
            assert_int_equal (res.at, 0);
    }
    if (rc < 0)
        assert_true (errno == EBUSY || errno == ENODEV);
    if (rc == 0 && (op == MATCH_ALLOCATE || op == MATCH_ALLOCATE_ORELSE_RESERVE))
        take (m, job, &sh, &res);
    request_destroy (r);
}

static void step_cancel (struct model *m)
{
    uint64_t job;

    if (m->nholds == 0)
        return;
    job = m->hold[pick (m, m->nholds)].job;
    assert_int_equal (scheduler_cancel (m->s, job), 0);
    drop (m, job, -1);
    errno = 0;
    assert_int_equal (scheduler_cancel (m->s, m->next_job + 1000), -1);
    assert_int_equal (errno, ENOENT);
}

/* Give back one node of a job that runs. */
static void step_partial_cancel (struct model *m)
{
    struct picks picks = { 0 };
    const struct hold *h;
    struct job *job;
    bool full, rest = false;
    flux_error_t error;
    uint64_t id;
    int node;

    if (m->nholds == 0)
        return;
    h = &m->hold[pick (m, m->nholds)];
    if (h->start != 0)
        return; /* a reservation */
    id = h->job;
    node = h->node;
    job = scheduler_job (m->s, id);
    assert_non_null (job);
    for (uint32_t i = 0; i < job->nspan; i++) {
        struct selected sel;
        if (!scheduler_job_holds (m->s, job, i, &sel))
            continue;
        if (node_of (m, sel.v) == node)
            picks_add (&picks, sel.v, sel.exclusive, sel.needs);
        else if (node_of (m, sel.v) >= 0)
            rest = true;
    }
    if (scheduler_partial_cancel (m->s, id, &picks, false, &full, &error) < 0)
        fail_msg ("%s", error.text);
    assert_int_equal (full, !rest);
    drop (m, id, node);
    picks_fini (&picks);
}

static void step_status (struct model *m)
{
    int node = pick (m, m->nnodes);
    char path[128];

    if (m->gone[node])
        return;
    node_path (m, node, path, sizeof (path));
    m->down[node] = !m->down[node];
    scheduler_set_status (m->s, graph_find_path (m->g, path), m->down[node]);
}

static void step_elastic (struct model *m)
{
    int node = pick (m, m->nnodes);
    flux_error_t error;
    char path[128];
    int rc;

    if (held (m, node, -3, 0, INT64_MAX))
        return;
    node_path (m, node, path, sizeof (path));
    if (m->gone[node]) {
        struct buf b = BUF_INIT;
        graph_text (m, node, &b);
        rc = scheduler_grow (m->s, b.data, b.len, &error);
        buf_fini (&b);
        m->gone[node] = m->down[node] = false;
    } else {
        rc = scheduler_shrink (m->s, graph_find_path (m->g, path), &error);
        m->gone[node] = true;
    }
    if (rc < 0)
        fail_msg ("%s: %s", path, error.text);
}

static void play (unsigned int seed, const char *policy)
{
    struct model *m = malloc (sizeof (*m));
    flux_error_t error;

    assert_non_null (m);
    model_init (m, seed, policy);
    for (int i = 0; i < 120; i++) {
        switch (pick (m, 10)) {
        case 0:
        case 1:
            step_cancel (m);
            break;
        case 2:
            step_partial_cancel (m);
            break;
        case 3:
            step_status (m);
            break;
        case 4:
            step_elastic (m);
            break;
        default:
            step_match (m);
        }
        if (!scheduler_check (m->s, &error))
            fail_msg ("seed %u, %s, step %d: %s", seed, policy, i, error.text);
    }
    model_fini (m);
    free (m);
}

static void test_model (void **state)
{
    static const char *policies[] = { "first",  "low",    "high",
                                      "lonode", "hinode", "locality" };
    const char *only = getenv ("FLUXION_MODEL_SEED");

    for (unsigned int seed = 1; seed <= 200; seed++) {
        if (only && seed != (unsigned int)atoi (only))
            continue;
        if (only)
            print_message ("# seed %u\n", seed);
        play (seed, policies[seed % (sizeof (policies) / sizeof (policies[0]))]);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_model),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
