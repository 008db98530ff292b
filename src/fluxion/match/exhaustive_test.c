/* Random requests on small random graphs, against a search that tries every choice of
 * vertices: what can be had is had and at the same time, what is had is what was asked
 * for and nobody else's, and of all choices it is the one that the policy prefers.
 *
 * Graphs are trees, or vertices have several parents, or nodes draw power; requests are
 * slots in slots of vertices, of several kinds and exclusive ones. FLUXION_SEED=N is one
 * run alone, FLUXION_RUNS=N are the first N. What match_priv.h says of the limit of choices
 * that are taken back is beyond these graphs: here nothing is missed. */
#include "fluxion/match/exhaustive_test.h"

/* --- Random graphs --- */

struct text {
    struct buf nodes, edges;
    int n;
    int rack[4], nracks, node[6], nnodes, leaf[60], nleaves;
};

static int pick (struct world *w, int from, int to)
{
    w->seed = w->seed * 1103515245u + 12345u;
    return from + (int)((w->seed >> 8) % (unsigned int)(to - from + 1));
}

static void add_edge (struct text *t, int from, int to, const char *subsystem)
{
    buf_printf (&t->edges,
                "%s{\"source\":\"%d\",\"target\":\"%d\",\"metadata\":{\"subsystem\":"
                "\"%s\"}}",
                t->edges.len ? "," : "", from, to, subsystem);
}

static int add_vertex (struct text *t, const char *type, int id, int size, int rank,
                       int parent, const char *path, const char *subsystem)
{
    buf_printf (&t->nodes,
                "%s{\"id\":\"%d\",\"metadata\":{\"type\":\"%s\",\"id\":%d,\"size\":%d,"
                "\"rank\":%d,\"paths\":{\"%s\":\"%s/%s%d\"}}}",
                t->n ? "," : "", t->n, type, id, size, rank, subsystem, path, type, id);
    if (parent >= 0)
        add_edge (t, parent, t->n, subsystem);
    return t->n++;
}

static void add_leaves (struct text *t, int parent, const char *path, const char *type,
                        int first, int count, int size, int rank)
{
    for (int i = 0; i < count; i++)
        t->leaf[t->nleaves++] =
            add_vertex (t, type, first + i, size, rank, parent, path, "containment");
}

static void add_node (struct world *w, struct text *t, int parent, const char *above,
                      int id, int sockets)
{
    char path[128], sub[160];
    int node = add_vertex (t, "node", id, 1, id, parent, above, "containment");
    int cores = 0;

    t->node[t->nnodes++] = node;
    snprintf (path, sizeof (path), "%s/node%d", above, id);
    for (int i = 0; i < sockets; i++) {
        int socket = add_vertex (t, "socket", i, 1, id, node, path, "containment");
        int n = pick (w, 1, 2);
        snprintf (sub, sizeof (sub), "%s/socket%d", path, i);
        add_leaves (t, socket, sub, "core", cores, n, 1, id);
        cores += n;
    }
    if (!sockets)
        add_leaves (t, node, path, "core", 0, pick (w, 1, 4), 1, id);
    add_leaves (t, node, path, "gpu", 0, pick (w, 0, 2), 1, id);
    add_leaves (t, node, path, "memory", 0, pick (w, 0, 3), 2, id);
}

static void add_power (struct world *w, struct text *t)
{
    int root = add_vertex (t, "power", 0, 1, -1, -1, "", "power");
    int pdus = pick (w, 1, 3), first = t->n;

    for (int i = 0; i < pdus; i++)
        add_vertex (t, "pdu", i, pick (w, 3, 9), -1, root, "/power0", "power");
    for (int i = 0; i < t->nnodes; i++)
        for (int k = 0, from = pick (w, 0, pdus - 1);
             k < pdus && (!k || pick (w, 0, 3) == 0); k++)
            add_edge (t, first + (from + k) % pdus, t->node[i], "power");
}

/* Other ways to a node or a leaf. */
static void add_parents (struct world *w, struct text *t)
{
    for (int i = 0; i < t->nnodes; i++)
        for (int k = 0; k < t->nracks; k++)
            if (k != i % t->nracks && pick (w, 0, 2) == 0)
                add_edge (t, t->rack[k], t->node[i], "containment");
}

static struct scheduler *load (struct world *w)
{
    struct scheduler_options opt = { .policy = w->policy,
                                     .traverser = w->flexible ? "flexible" : NULL,
                                     .subsystems =
                                         w->power ? "containment,power" : NULL };
    struct text t = { 0 };
    struct buf b = BUF_INIT;
    flux_error_t error;
    int nracks = w->dag ? pick (w, 2, 3) : pick (w, 0, 2), nodes = pick (w, 1, 4);
    int sockets = pick (w, 0, 2);
    int root = add_vertex (&t, "cluster", 0, 1, -1, -1, "", "containment");

    for (int i = 0; i < nracks; i++)
        t.rack[t.nracks++] =
            add_vertex (&t, "rack", i, 1, -1, root, "/cluster0", "containment");
    for (int i = 0; i < nodes; i++) {
        char path[64];
        snprintf (path, sizeof (path), "/cluster0/rack%d", nracks ? i % nracks : 0);
        add_node (w, &t, nracks ? t.rack[i % nracks] : root,
                  nracks ? path : "/cluster0", i, sockets);
    }
    if (w->dag)
        add_parents (w, &t);
    if (w->power)
        add_power (w, &t);
    assert_true (t.n <= MAX_V);
    buf_printf (&b, "{\"graph\":{\"nodes\":[%s],\"edges\":[%s]}}", t.nodes.data,
                t.edges.len ? t.edges.data : "");
    struct scheduler *s = fluxion_load ("jgf", b.data, b.len, NULL, 0, &opt, &error);
    if (!s)
        fail_msg ("%s: %s", b.data, error.text);
    buf_fini (&t.nodes);
    buf_fini (&t.edges);
    buf_fini (&b);
    w->g = scheduler_graph (s);
    for (uint32_t v = 0; v < w->g->nv; v++)
        if (is_node (w, v) && strcmp (w->policy, "variation") == 0 && pick (w, 0, 2)) {
            char text[8];
            snprintf (text, sizeof (text), "%d", pick (w, 1, 5));
            assert_int_equal (graph_set_property (w->g, v, "perf_class", text), 0);
        }
    return s;
}

/* --- Random requests --- */

static void add_elements (struct world *w, struct buf *b)
{
    static const char *const more[] = { "",          "",          " gpu:1",
                                        " memory:1", " memory:3", " memory:2 gpu:1" };

    buf_printf (b, "core:%d%s", pick (w, 1, 3), more[pick (w, 0, 5)]);
    if (w->power && pick (w, 0, 2) == 0)
        buf_printf (b, " pdu:%d", pick (w, 1, 4));
}

static void add_kind (struct world *w, struct buf *b, const char *slot, int count)
{
    buf_printf (b, "%s:%d[", slot, count);
    if (pick (w, 0, 2) == 0)
        buf_adds (b, pick (w, 0, 1) ? "gpu:1" : "memory:3");
    else
        add_elements (w, b);
    buf_addc (b, ']');
}

static void add_slots (struct world *w, struct buf *b, int most)
{
    int count = pick (w, 1, most);
    const char *slot = w->flexible && pick (w, 0, 1) ? "xor_slot" : "slot";

    if (w->flexible)
        for (int i = pick (w, 0, 2); i > 0; i--) {
            add_kind (w, b, slot, count);
            buf_addc (b, ' ');
        }
    add_kind (w, b, slot, count);
}

static char *random_request (struct world *w)
{
    struct buf b = BUF_INIT;
    const char *excl = pick (w, 0, 4) == 0 ? "!" : "";

    switch (pick (w, 0, 9)) {
    case 0:
    case 1:
        add_slots (w, &b, 3);
        break;
    case 2:
        buf_printf (&b, "slot:%d[node:1%s]", pick (w, 1, 3), excl);
        break;
    case 3:
        buf_printf (&b, "slot:%d[node:1[core:%d]]", pick (w, 1, 2), pick (w, 1, 4));
        break;
    case 4:
        buf_printf (&b, "rack:%d%s[node:%d[", pick (w, 1, 2), excl, pick (w, 1, 2));
        add_slots (w, &b, 2);
        buf_adds (&b, "]]");
        break;
    case 5:
        buf_printf (&b, "rack:%d[slot:%d[node:1]]", pick (w, 1, 2), pick (w, 1, 2));
        break;
    case 6:
        buf_printf (&b, "node:%d%s", pick (w, 1, 3), excl);
        break;
    case 7:
        buf_printf (&b, "slot:%d[socket:1[core:%d]]", pick (w, 1, 3), pick (w, 1, 2));
        break;
    default:
        buf_printf (&b, "node:%d%s[", pick (w, 1, 2), excl);
        add_slots (w, &b, 2);
        if (w->power && pick (w, 0, 1))
            buf_printf (&b, " pdu:%d", pick (w, 1, 5));
        buf_adds (&b, "]");
    }
    return buf_take (&b, NULL);
}

/* --- Steps --- */

static long compared, given_up;

#define RUNS 2000

static void fail_request (struct world *w, const char *text, const char *why)
{
    struct buf b = BUF_INIT;
    char path[256];

    for (uint32_t v = 0; v < w->g->nv; v++) {
        struct search x = { .w = w, .at = 0, .end = 1 };
        int64_t units = held_units (&x, v, false);
        if (graph_path (w->g, v, path, sizeof (path)) < 0)
            snprintf (path, sizeof (path), "%s%d",
                      graph_type_name (w->g, w->g->v[v].type), (int)w->g->v[v].id);
        uint32_t nup;
        const uint32_t *up = graph_parents (w->g, v, &nup);
        for (uint32_t i = 1; i < nup; i++)
            snprintf (path + strlen (path), sizeof (path) - strlen (path),
                      " (and %s%d)", graph_type_name (w->g, w->g->v[up[i]].type),
                      (int)w->g->v[up[i]].id);
        buf_printf (&b, "  %s%s%s%s\n", path, w->g->v[v].down ? " down" : "",
                    units ? " held" : "",
                    held_units (&x, v, true) ? " exclusively" : "");
    }
    print_message ("%s\n", b.data);
    print_message ("  answer:%s\n", w->answer.len ? w->answer.data : "none");
    print_message ("  choice:%s\n", w->choice.len ? w->choice.data : "none");
    buf_fini (&b);
    fail_msg ("FLUXION_SEED=%u: %s%s%s%s: %s: %s", w->run, w->policy,
              w->flexible ? ", flexible" : "", w->dag ? ", several parents" : "",
              w->power ? ", power" : "", text, why);
}

static int exists (struct world *w, const struct request *req, int64_t at, bool ignore)
{
    struct search x = { .w = w, .at = at, .ignore = ignore };

    x.end = at + (int64_t)req->duration;
    return search (&x, req);
}

/* -1: never; -2: not known. */
static int64_t earliest (struct world *w, const struct request *req)
{
    int64_t best = -1;

    for (int i = 0; i < w->nholds; i++) {
        int64_t t = w->hold[i].end;
        if (best >= 0 && t >= best)
            continue;
        int rc = exists (w, req, t, false);
        if (rc < 0)
            return -2;
        if (rc)
            best = t;
    }
    return best;
}

static bool has_alternatives (const struct resource *list, uint32_t n)
{
    uint32_t slots = 0;
    bool rc = false;

    for (uint32_t i = 0; i < n; i++) {
        slots += list[i].is_slot;
        rc |= has_alternatives (list[i].with, list[i].nwith);
    }
    return rc || slots > 1;
}

/* Is it known which choice the policy prefers? */
static bool has_order (const struct world *w, const struct request *req)
{
    return !w->dag && !w->power && strncmp (w->policy, "first", 5) != 0
           && !has_alternatives (req->resources, req->nresources);
}

/* --- What `first` takes --- */

/* It visits what weighs most first (graph_edge weights, see rules_test.c), the latest
 * vertex before others; stops at each level when there is enough; and takes the best of
 * what it has met. */
struct meeting {
    struct world *w;
    const struct request *req;
    const struct resource *r;
    bool excl;
    int64_t want, at, end;
    int n;
    uint32_t v[MAX_V];
    int64_t score[MAX_V];
};

static bool serves (const struct meeting *f, uint32_t v)
{
    struct search x = { .w = f->w, .at = f->at, .end = f->end, .kind = -1, .level = 1 };
    int64_t this[MAX_V] = { [0] = 0 };
    struct goal gl = { .kind = VERTICES,
                       .r = f->r,
                       .beside = f->r,
                       .nbeside = 1,
                       .u = f->w->g->v[v].parent,
                       .excl = f->excl,
                       .left = 1,
                       .parent = -1 };

    this[v] = 1;
    x.above = this;
    solve (&x, &gl);
    return x.found;
}

/* Children in the order in which they are visited. */
static uint32_t visit_order (const struct world *w, uint32_t u, uint32_t *list)
{
    const struct edge *e = graph_children (w->g, u);
    uint32_t weight[MAX_V], n = 0;

    for (uint32_t i = 0; i < w->g->v[u].nchildren; i++) {
        uint32_t v = e[i].child, at = n++;
        for (; at > 0
               && (w->weight[v] > weight[at - 1]
                   || (w->weight[v] == weight[at - 1]
                       && w->g->v[v].uniq_id > w->g->v[list[at - 1]].uniq_id));
             at--) {
            list[at] = list[at - 1];
            weight[at] = weight[at - 1];
        }
        list[at] = v;
        weight[at] = w->weight[v];
    }
    return n;
}

static int64_t meet (struct meeting *f, uint32_t u, int64_t passed)
{
    struct search x = { .w = f->w, .at = f->at, .end = f->end };
    uint32_t list[MAX_V], n = visit_order (f->w, u, list);
    int64_t found = 0;

    for (uint32_t i = 0; i < n && found < f->want; i++) {
        uint32_t v = list[i];
        if (f->w->g->v[v].type != f->r->type_id) {
            if (may_pass (&x, v))
                found += meet (f, v, passed + factor (f->w, v));
        } else if (serves (f, v)) {
            f->score[f->n] = own_score (f->w, v) + passed;
            f->v[f->n++] = v;
            found++;
        }
    }
    return found;
}

static bool is_met (const struct world *w, const struct meeting *f, uint32_t v)
{
    int better = 0, at = -1;

    for (int i = 0; i < f->n; i++)
        at = f->v[i] == v ? i : at;
    for (int i = 0; at >= 0 && i < f->n; i++)
        better += f->score[i] > f->score[at]
                  || (f->score[i] == f->score[at]
                      && w->g->v[f->v[i]].uniq_id > w->g->v[v].uniq_id);
    return at >= 0 && better < f->want;
}

/* For requests of one kind of vertex at the top, or slots of one each. Before what it got
 * is held. */
static void check_first (struct world *w, const char *text, const struct request *req,
                         const struct match_result *res)
{
    const struct resource *top = req->resources, *r = top->is_slot ? top->with : top;
    struct meeting f = { w, req, r, top->is_slot, top->count.min, res->at, res->end };

    if (w->dag || w->power || strncmp (w->policy, "first", 5) != 0
        || req->nresources > 1 || (top->is_slot && (top->nwith > 1 || r->count.max > 1))
        || r->type_id == graph_find_type (w->g, "memory")
        || (takes_whole_nodes (w) && r->type_id != w->g->t_node) || xor_count (w, r, 1))
        return;
    meet (&f, w->g->root, 0);
    for (uint32_t i = 0; i < res->nsel; i++)
        if (w->g->v[res->sel[i].v].type == r->type_id && !is_met (w, &f, res->sel[i].v))
            fail_request (w, text, "first meets another before");
    compared++;
}

static void check_answer (struct world *w, const char *text, const struct request *req,
                          const struct match_result *res)
{
    int64_t only[MAX_V] = { 0 };
    struct search x = { .w = w, .at = res->at, .end = res->end, .only = only };
    struct search best = { .w = w, .at = res->at, .end = res->end };

    for (uint32_t i = 0; i < res->nsel; i++) {
        uint32_t v = res->sel[i].v;
        only[v] = is_power (w, v)         ? res->sel[i].needs
                  : res->sel[i].exclusive ? WHOLE
                                          : 1;
    }
    int rc = search (&x, req);
    if (rc == 0)
        fail_request (w, text, "the answer is not what was asked for");
    check_first (w, text, req, res);
    given_up += rc < 0;
    x.all = best.all = true;
    best.above = only;
    /* Of what is taken whole it is not known what in it was chosen. */
    int levels = takes_whole_nodes (w) || strchr (text, '!') ? 1 : 4;
    for (int level = 0; level < levels && has_order (w, req); level++) {
        x.level = best.level = level;
        if (search (&x, req) < 0 || search (&best, req) < 0) {
            given_up++;
            return;
        }
        if (compare_keys (w, best.key, best.nkey, x.key, x.nkey) != 0)
            fail_request (w, text, "there is a choice that the policy prefers");
        compared++;
    }
}

static void hold (struct world *w, uint64_t job, const struct match_result *res)
{
    struct search x = { .w = w, .at = res->at, .end = res->end };
    int before = w->nholds;

    for (uint32_t i = 0; i < res->nsel; i++) {
        const struct selected *sel = &res->sel[i];
        struct hold h = { job, sel->v, sel->exclusive, res->at, res->end, sel->needs };
        int after = w->nholds;
        w->nholds = before;
        if (is_power (w, sel->v))
            assert_true (power_used (&x, sel->v) + sel->needs <= w->g->v[sel->v].size);
        else
            assert_true (free_of_jobs (&x, sel->v, sel->exclusive));
        w->nholds = after;
        assert_true (w->nholds < MAX_HOLDS);
        w->hold[w->nholds++] = h;
    }
}

static void note_weights (struct world *w)
{
    for (uint32_t u = 0; u < w->g->nv; u++) {
        const struct edge *e = graph_children (w->g, u);
        for (uint32_t i = 0; i < w->g->v[u].nchildren; i++)
            w->weight[e[i].child] = e[i].weight;
    }
}

static bool knows_all (const struct world *w, const char *text)
{
    static const char *const types[] = { "rack", "socket", "gpu", "memory" };

    for (int i = 0; i < 4; i++)
        if (strstr (text, types[i]) && graph_find_type (w->g, types[i]) == UINT16_MAX)
            return false;
    return true;
}

static void step_match (struct world *w)
{
    static const match_op_t ops[] = { MATCH_ALLOCATE,
                                      MATCH_ALLOCATE_ORELSE_RESERVE,
                                      MATCH_ALLOCATE_ORELSE_RESERVE,
                                      MATCH_SATISFIABILITY,
                                      MATCH_WITHOUT_ALLOCATING,
                                      MATCH_ALLOCATE_W_SATISFIABILITY };
    match_op_t op = ops[pick (w, 0, 5)];
    char *text = random_request (w);
    struct match_result res = { 0 };
    flux_error_t error;
    uint64_t job = w->next_job++;
    struct request *req;

    if (!knows_all (w, text)) {
        free (text);
        return;
    }
    req = rig_request (w->s, text, 10 * pick (w, 1, 4), NULL);
    note_weights (w);
    int rc = scheduler_match (w->s, op, req, job, 0, &res, &error), errnum = errno;
    if (rc < 0 && errnum != EBUSY && errnum != ENODEV)
        fail_request (w, text, error.text);
    buf_reset (&w->answer);
    if (rc == 0)
        for (uint32_t i = 0; i < res.nsel; i++) {
            char path[256];
            if (graph_path (w->g, res.sel[i].v, path, sizeof (path)) < 0)
                snprintf (path, sizeof (path), "%s", "supply");
            buf_printf (&w->answer, " %s%s=%d", path, res.sel[i].exclusive ? "!" : "",
                        (int)res.sel[i].needs);
        }
    int want = op == MATCH_SATISFIABILITY ? exists (w, req, 0, true)
                                          : exists (w, req, 0, false);
    if (want < 0) {
        given_up++;
        want = rc == 0 && !res.reserved;
    }
    compared++;
    if (rc == 0 && !res.reserved && !want)
        fail_request (w, text, "there is no such choice");
    if (want && (rc < 0 || res.reserved))
        fail_request (w, text, "it can be had now");
    if (op == MATCH_ALLOCATE_ORELSE_RESERVE && !want) {
        int64_t at = earliest (w, req), got = rc == 0 ? res.at : -1;
        /* Of several xor_slots the first that can be reserved is. */
        bool first = strstr (text, "xor") && at >= 0 && got > at;
        if (at >= -1 && got != at && !first) {
            char why[80];
            snprintf (why, sizeof (why), "starts at %d instead of %d", (int)got,
                      (int)at);
            fail_request (w, text, why);
        }
    }
    if (rc < 0 && op != MATCH_WITHOUT_ALLOCATING && op != MATCH_ALLOCATE
        && errnum == ENODEV && exists (w, req, 0, true) > 0)
        fail_request (w, text, "it is satisfiable");
    if (rc == 0 && op != MATCH_SATISFIABILITY)
        check_answer (w, text, req, &res);
    if (rc == 0 && op != MATCH_SATISFIABILITY && op != MATCH_WITHOUT_ALLOCATING)
        hold (w, job, &res);
    request_destroy (req);
    free (text);
}

static void drop (struct world *w, uint64_t job)
{
    int n = 0;

    for (int i = 0; i < w->nholds; i++)
        if (w->hold[i].job != job)
            w->hold[n++] = w->hold[i];
    w->nholds = n;
}

static void step_cancel (struct world *w)
{
    if (!w->nholds)
        return;
    uint64_t job = w->hold[pick (w, 0, w->nholds - 1)].job;
    assert_int_equal (scheduler_cancel (w->s, job), 0);
    drop (w, job);
}

/* Is anything below v that the job holds? */
static bool leads_to (const struct world *w, uint64_t job, uint32_t v)
{
    uint32_t n;
    const uint32_t *list = graph_below (w->g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < w->nholds && list[i] != v; k++)
            if (w->hold[k].job == job && w->hold[k].v == list[i])
                return true;
    return false;
}

/* Some vertices of an allocation; what is shared on the way to nothing goes with them,
 * and what is picked on the way to something is shared. Power goes with the last. */
static void step_partial_cancel (struct world *w)
{
    struct picks picks = { 0 };
    bool full, gone[MAX_V] = { 0 };
    flux_error_t error;
    int left = 0, drawn = 0;

    if (!w->nholds)
        return;
    uint64_t job = w->hold[pick (w, 0, w->nholds - 1)].job;
    if (scheduler_job (w->s, job)->state != JOB_ALLOCATED)
        return;
    for (int i = 0; i < w->nholds; i++) {
        uint32_t v = w->hold[i].v;
        if (w->hold[i].job != job || is_power (w, v) || pick (w, 0, 1)
            || (!w->hold[i].exclusive && leads_to (w, job, v)))
            continue;
        gone[v] = true;
        assert_int_equal (picks_add (&picks, v, false, 1), 0);
    }
    if (scheduler_partial_cancel (w->s, job, &picks, false, &full, &error) < 0)
        fail_msg ("%s", error.text);
    picks_fini (&picks);
    /* From the leaves up. */
    for (uint32_t at = 0; at < w->g->nv; at++)
        for (int i = 0; i < w->nholds; i++) {
            struct hold *h = &w->hold[i];
            if (h->job != job || w->g->v[h->v].post != at)
                continue;
            bool lead = leads_to (w, job, h->v), emptied = false;
            uint32_t n;
            const uint32_t *list = graph_below (w->g, h->v, &n);
            for (uint32_t k = 0; k < n; k++)
                emptied |= list[k] != h->v && gone[list[k]];
            if (gone[h->v] && lead)
                h->exclusive = false;
            gone[h->v] = !lead && (gone[h->v] || (emptied && !h->exclusive));
            if (gone[h->v])
                *h = w->hold[--w->nholds];
            break;
        }
    for (int i = 0; i < w->nholds; i++) {
        bool power = is_power (w, w->hold[i].v);
        left += w->hold[i].job == job && !power;
        drawn += w->hold[i].job == job && power;
    }
    assert_int_equal (full, left == 0);
    if (full)
        drop (w, job);
    else
        assert_int_equal (scheduler_job (w->s, job)->nspan, left + drawn);
}

static void step_status (struct world *w)
{
    uint32_t v = pick (w, 0, (int)w->g->nv - 1);

    if (strcmp (graph_type_name (w->g, w->g->v[v].type), "node") == 0
        || strcmp (graph_type_name (w->g, w->g->v[v].type), "rack") == 0)
        scheduler_set_status (w->s, v, !w->g->v[v].down);
}

static void play (unsigned int seed)
{
    struct world *w = calloc (1, sizeof (*w));
    flux_error_t error;
    int npolicies = 0;

    while (policy_names[npolicies])
        npolicies++;
    w->run = seed;
    w->seed = seed * 7919;
    w->next_job = 1;
    w->policy = policy_names[seed % npolicies];
    w->flexible = pick (w, 0, 2) == 0;
    int kind = pick (w, 0, 3);
    w->dag = kind == 1;
    w->power = kind == 2;
    w->s = load (w);
    for (int i = 0; i < 40; i++) {
        int what = pick (w, 0, 9);
        if (what < 2)
            step_cancel (w);
        else if (what == 2)
            step_partial_cancel (w);
        else if (what == 3)
            step_status (w);
        else
            step_match (w);
        if (!scheduler_check (w->s, &error))
            fail_msg ("%s: %s", w->policy, error.text);
    }
    scheduler_destroy (w->s);
    buf_fini (&w->answer);
    buf_fini (&w->choice);
    free (w);
}

static void as_if_all_were_tried (void **state)
{
    const char *only = getenv ("FLUXION_SEED"), *count = getenv ("FLUXION_RUNS");
    unsigned int runs = count ? (unsigned int)atoi (count) : RUNS;

    for (unsigned int seed = 1; seed <= runs; seed++) {
        if (only && seed != (unsigned int)atoi (only))
            continue;
        if (getenv ("FLUXION_VERBOSE"))
            print_message ("# seed %u\n", seed);
        play (seed);
    }
    print_message ("# %ld answers compared, %ld with too many choices\n", compared,
                   given_up);
    assert_true (given_up * 20 <= compared);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (as_if_all_were_tried) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
