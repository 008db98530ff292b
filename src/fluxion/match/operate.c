/* Match operations: now, later, or whether ever. */
#include "fluxion/match/index.h"
#include "fluxion/match/match_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Constraints (RFC 31) look at the node that the match is at. */

static bool has_property (const char *name, void *arg)
{
    struct match *m = arg;

    return graph_get_property (m->s->g, m->constraint_v, name) != NULL;
}

static bool has_host (const char *name, void *arg)
{
    struct match *m = arg;
    char buf[GRAPH_NAME_MAX];

    return strcmp (graph_name (m->s->g, m->constraint_v, buf), name) == 0;
}

static unsigned int node_rank (void *arg)
{
    struct match *m = arg;

    return m->s->g->v[m->constraint_v].rank;
}

static const char *node_hostname (void *arg)
{
    static __thread char buf[GRAPH_NAME_MAX];
    struct match *m = arg;

    return graph_name (m->s->g, m->constraint_v, buf);
}

static const struct constraint_ops constraint_ops = {
    .property = has_property,
    .host = has_host,
    .rank = node_rank,
    .hostname = node_hostname,
};

static int fault (flux_error_t *error, int errnum, const char *text)
{
    snprintf (error->text, sizeof (error->text), "%s", text);
    errno = errnum;
    return -1;
}

/* Nodes that the request needs at least; 0 if it names none. Of slots beside each other
 * any will do. */
static int64_t nodes_needed (const struct graph *g, const struct resource *list,
                             uint32_t n)
{
    int64_t sum = 0, least = INT64_MAX;
    bool slots = false;

    for (uint32_t i = 0; i < n; i++) {
        int64_t sub = list[i].type_id == g->t_node
                          ? 1
                          : nodes_needed (g, list[i].with, list[i].nwith);
        if (__builtin_mul_overflow (sub, list[i].count.min, &sub))
            sub = INT64_MAX;
        slots |= list[i].is_slot;
        if (list[i].is_slot)
            least = sub < least ? sub : least;
        else if (__builtin_add_overflow (sum, sub, &sum))
            sum = INT64_MAX;
    }
    if (slots && __builtin_add_overflow (sum, least, &sum))
        return INT64_MAX;
    return sum;
}

static int64_t nodes_there (struct match *m)
{
    struct graph *g = m->s->g;
    int64_t n = 0;

    if (!m->constraint)
        return m->s->nnodes;
    for (uint32_t v = 0; v < g->nv; v++) {
        m->constraint_v = v;
        if (!g->v[v].gone && g->v[v].type == g->t_node
            && constraint_match (m->constraint, m))
            n++;
    }
    return n;
}

static bool asks_satisfiability (const struct scheduler *s, match_op_t op)
{
    switch (op) {
    case MATCH_SATISFIABILITY:
    case MATCH_ALLOCATE_W_SATISFIABILITY:
        return true;
    case MATCH_ALLOCATE_ORELSE_RESERVE:
    case MATCH_WITHOUT_ALLOCATING_FUTURE:
        return !s->few_is_busy;
    default:
        return false;
    }
}

/* More nodes than there are will never do; who asks for no more than what is free now is
 * told so as of any other failure. */
static int check_nodes (struct match *m, match_op_t op, flux_error_t *error)
{
    int64_t need = nodes_needed (m->s->g, m->top, m->ntop);

    if (need == 0 || (!m->constraint && need <= m->s->nnodes)
        || need <= nodes_there (m))
        return 0;
    return fault (error, asks_satisfiability (m->s, op) ? ENODEV : EBUSY,
                  "not enough nodes meet the request");
}

static int set_duration (struct match *m, int64_t *duration, flux_error_t *error)
{
    struct scheduler *s = m->s;
    double d = m->duration;
    int64_t most = s->end - s->start;

    if (isnan (d) || d < 0)
        return fault (error, EINVAL, "duration is negative or not a number");
    if (d > (double)most)
        return fault (error, EINVAL, "duration is longer than the graph lasts");
    *duration = d == 0 ? most : (int64_t)ceil (d);
    return 0;
}

/* A window that ends after the graph does is cut. */
static bool clip (const struct scheduler *s, struct window *w, int64_t at,
                  int64_t duration)
{
    w->at = at;
    w->duration = duration;
    if (at >= s->end)
        return false;
    if (duration > s->end - at)
        w->duration = s->end - at;
    return w->duration > 0;
}

/* With no job there, and all up. */
static bool satisfiable (struct match *m, flux_error_t *error)
{
    struct window w = { m->s->start, 1, false, true };

    return match_now (m, &w, error) == 0;
}

/* EBUSY, or ENODEV if even the empty graph would not do. */
static int never_or_later (struct match *m, flux_error_t *error)
{
    if (satisfiable (m, error)) {
        errno = EBUSY;
        return -1;
    }
    if (m->fault == EBUSY)
        errno = ENODEV;
    return -1;
}

/* Like planner_avail_first; but what would end after the graph does is cut. */
static int64_t first_time (const struct planner *p, int64_t t, int64_t duration,
                           int64_t end, int64_t need)
{
    int64_t at = duration < end - t ? planner_avail_first (p, t, duration, need) : -1;

    for (; at < 0 && t >= 0 && t < end; t = planner_next_point (p, t))
        if (duration >= end - t && planner_avail_during (p, t, end - t) >= need)
            at = t;
    return at;
}

/* Next time from t on at which the sums at the root allow the request; -1. */
static int64_t next_time (struct match *m, int64_t t, int64_t duration)
{
    struct scheduler *s = m->s;
    bool moved = true;

    while (moved) {
        moved = false;
        for (int k = 0; k < s->ntracked; k++) {
            int64_t need = m->root_need[k], d = duration;
            int64_t total = planner_total (s->root_plan[k]);
            if (need <= 0)
                continue;
            if (need > total || t >= s->end)
                return -1;
            int64_t at = first_time (s->root_plan[k], t, d, s->end, need);
            if (at < 0)
                return -1;
            if (at > t) {
                t = at;
                moved = true;
            }
        }
    }
    return t;
}

static int try_later (struct match *m, int64_t now, int64_t duration,
                      flux_error_t *error)
{
    struct scheduler *s = m->s;
    int64_t t = now;
    struct window w = { 0 };
    int tries = 0;

    while ((t = planner_next_point (s->calendar, t)) >= 0) {
        int64_t at = next_time (m, t, duration);
        if (at < 0)
            break;
        if (at > t) {
            /* Only where something starts or ends, here or elsewhere. */
            t = at - 1;
            continue;
        }
        if (!clip (s, &w, t, duration))
            break;
        if (match_now (m, &w, error) == 0)
            return 0;
        if (m->fault != EBUSY)
            return -1;
        /* Many failures: find out whether there is any use in going on. */
        if (++tries == 4 && never_or_later (m, error) < 0 && errno != EBUSY)
            return -1;
    }
    return never_or_later (m, error);
}

static void sum_root_need (struct match *m)
{
    struct scheduler *s = m->s;

    for (int k = 0; k < s->ntracked; k++) {
        int64_t sum = 0;
        bool slots = false;
        for (uint32_t i = 0; i < m->ntop; i++) {
            const struct resource *r = &m->top[i];
            if (r->is_slot && slots)
                continue; /* instead of the first */
            slots |= r->is_slot;
            int64_t n = m->need_one[(size_t)r->ord * s->ntracked + k];
            bool unit = r->is_slot || s->unit_size[r->type_id];
            if (unit && __builtin_mul_overflow (n, r->count.min, &n))
                n = INT64_MAX;
            if (__builtin_add_overflow (sum, n, &sum))
                sum = INT64_MAX;
        }
        m->root_need[k] = sum;
    }
}

static int find (struct match *m, match_op_t op, int64_t now, bool *reserved,
                 flux_error_t *error)
{
    struct window w = { .now = true };
    int64_t duration = 0;

    *reserved = false;
    if (set_duration (m, &duration, error) < 0 || check_nodes (m, op, error) < 0)
        return -1;
    if (op == MATCH_SATISFIABILITY) {
        w.ignore = true;
        clip (m->s, &w, m->s->start, duration);
        if (match_now (m, &w, error) == 0)
            return 0;
        if (errno == EBUSY)
            errno = ENODEV;
        return -1;
    }
    if (!clip (m->s, &w, now, duration))
        return fault (error, EBUSY, "the graph's time is over");
    if (match_now (m, &w, error) == 0)
        return 0;
    if (m->fault != EBUSY)
        return -1;
    switch (op) {
    case MATCH_ALLOCATE_W_SATISFIABILITY:
        return never_or_later (m, error);
    case MATCH_ALLOCATE_ORELSE_RESERVE:
    case MATCH_WITHOUT_ALLOCATING_FUTURE:
        sum_root_need (m);
        *reserved = true;
        return try_later (m, now, duration, error);
    default:
        errno = EBUSY;
        return -1;
    }
}

/* A graph that has many vertices, and a request that has many alternatives, none of which
 * serves: after so many visits no others are tried. */
#define VARIANT_VISITS 5000000

/* A request with alternatives is several; the first that can be served is, one that
 * can be served now before those that can later. */
static int try_variants (struct match *m, match_op_t op, const struct request *req,
                         int64_t now, bool *reserved, flux_error_t *error)
{
    bool later =
        op == MATCH_ALLOCATE_ORELSE_RESERVE || op == MATCH_WITHOUT_ALLOCATING_FUTURE;
    struct arena_mark mark = arena_mark (m->s->arena);
    int saved = EBUSY;

    m->duration = req->duration;
    if (later && flexible_has_variants (m, req)) {
        if (try_variants (m, MATCH_ALLOCATE, req, now, reserved, error) == 0)
            return 0;
        if (errno != EBUSY && errno != ENODEV)
            return -1;
    }
    for (uint32_t n = 0;; n++) {
        if (m->s->flexible) {
            if (flexible_variant (m, req, n, error) < 0) {
                errno = errno == ENOENT ? saved : errno;
                return -1;
            }
        } else {
            m->top = req->resources;
            m->ntop = req->nresources;
            m->nall = req->nall;
        }
        if (match_prepare (m) < 0)
            return -1;
        if (find (m, op, now, reserved, error) == 0)
            return 0;
        if (!m->s->flexible || (errno != EBUSY && errno != ENODEV))
            return -1;
        if (m->s->counts.preorder > VARIANT_VISITS)
            return fault (error, EINVAL, "too many alternatives for so large a graph");
        /* One that may do later is better than one that never will. */
        if (n == 0 || errno == EBUSY)
            saved = errno;
        arena_release (m->s->arena, mark);
    }
}

/* Siblings of one type are alternatives, and only slots can be. */
static int check_siblings (const struct scheduler *s, const struct resource *list,
                           uint32_t n, flux_error_t *error)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < i; k++)
            if (list[i].type_id == list[k].type_id && !(s->flexible && list[i].is_slot))
                return fault (error, EINVAL,
                              "siblings in jobspec request same resource type");
        if (list[i].type_id == s->g->t_xor_slot && !s->flexible)
            return fault (error, EINVAL, "xor_slot needs the flexible traverser");
        if (check_siblings (s, list[i].with, list[i].nwith, error) < 0)
            return -1;
    }
    return 0;
}

/* Units below v of the last type that a filter of it knows; 0: none does. */
static uint32_t left_below (const struct scheduler *s, uint32_t v)
{
    for (int f = s->nfilters - 1; f >= 0; f--) {
        int k = s->filter[f].tracked;
        if ((s->filter[f].high != UINT16_MAX && s->filter[f].high != s->g->v[v].type)
            || sched_row (s->total, s, v)[k] == 0)
            continue;
        int64_t left = sched_row (s->avail, s, v)[k];
        return left < WEIGHT_UNTOUCHED ? left : WEIGHT_UNTOUCHED - 1;
    }
    return 0;
}

/* Of the edges from whatever is selected above v. */
static void set_weights_up (struct scheduler *s, uint32_t v, uint32_t weight)
{
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++) {
        struct edge *e = s->g->edges + s->g->v[up[i]].first;
        if (s->vs[up[i]].mark != s->mark)
            continue;
        for (uint32_t k = 0; k < s->g->v[up[i]].nchildren; k++)
            if (e[k].child == v)
                e[k].weight = weight;
    }
}

/* The policy `first` orders visits by what was left below an edge when a job was
 * last placed through it. */
static void set_weights (struct scheduler *s)
{
    struct graph *g = s->g;

    for (uint32_t i = 0; i < s->nsel; i++) {
        uint32_t v = s->sel[i].v;
        if (g->v[v].parent == VTX_NONE || s->vs[v].agg == UINT32_MAX)
            continue; /* a leaf is taken or not */
        uint32_t weight = left_below (s, v);
        if (g->nextra) {
            set_weights_up (s, v, weight);
            continue;
        }
        index_weight (s, v, graph_set_weight (g, v, weight), weight);
    }
}

int sched_keep (struct scheduler *s, uint64_t jobid, const struct match_result *result,
                flux_error_t *error)
{
    struct job *job = sched_add_job (s, jobid, error);

    if (!job)
        return -1;
    job->at = result->at;
    job->end = result->end;
    job->state = result->reserved ? JOB_RESERVED : JOB_ALLOCATED;
    if (sched_hold (s, job, s->sel, s->nsel) < 0) {
        job->state = JOB_INIT;
        sched_drop_job (s, job);
        return -1;
    }
    set_weights (s);
    return 0;
}

int scheduler_match (struct scheduler *s, match_op_t op, const struct request *r,
                     uint64_t jobid, int64_t now, struct match_result *result,
                     flux_error_t *error)
{
    struct match m = { .s = s, .steps = BACKTRACK_ALL_STEPS };
    int rc = -1;

    error->text[0] = '\0';
    if (!match_op_valid (op))
        return fault (error, EINVAL, "unknown match operation");
    bool keeps = op == MATCH_ALLOCATE || op == MATCH_ALLOCATE_W_SATISFIABILITY
                 || op == MATCH_ALLOCATE_ORELSE_RESERVE;
    struct job *old = keeps ? scheduler_job (s, jobid) : NULL;
    if (old && old->state != JOB_CANCELED && old->state != JOB_ERROR)
        return fault (error, EINVAL, "existing Jobid");
    if (check_siblings (s, r->resources, r->nresources, error) < 0)
        return -1;
    arena_reset (s->arena);
    s->counts = (struct scheduler_counts){ 0, 0 };
    if (s->generation != s->g->generation && sched_rebuild (s) < 0)
        return -1;
    if (json_object_size (r->constraints) > 0
        && !(m.constraint =
                 constraint_compile (r->constraints, &constraint_ops, error)))
        return -1;
    if (try_variants (&m, op, r, now, &result->reserved, error) == 0) {
        result->sel = s->sel;
        result->nsel = s->nsel;
        result->at = m.w.at;
        result->end = m.w.at + m.w.duration;
        rc = keeps ? sched_keep (s, jobid, result, error) : 0;
    }
    int saved = errno;
    constraint_destroy (m.constraint);
    if (rc < 0 && !error->text[0])
        snprintf (error->text, sizeof (error->text), "%s",
                  saved == EBUSY    ? "resources are not available now"
                  : saved == ENODEV ? "Unsatisfiable request"
                                    : strerror (saved));
    errno = saved;
    return rc;
}

static const char *const op_names[MATCH_OP_END] = {
    [MATCH_ALLOCATE] = "allocate",
    [MATCH_ALLOCATE_W_SATISFIABILITY] = "allocate_with_satisfiability",
    [MATCH_ALLOCATE_ORELSE_RESERVE] = "allocate_orelse_reserve",
    [MATCH_SATISFIABILITY] = "satisfiability",
    [MATCH_WITHOUT_ALLOCATING] = "without_allocating",
    [MATCH_WITHOUT_ALLOCATING_FUTURE] = "without_allocating_future",
};

const char *match_op_to_string (match_op_t op)
{
    if ((int)op < 0 || op >= MATCH_OP_END) {
        errno = EINVAL;
        return NULL;
    }
    if (op == MATCH_UNKNOWN) {
        errno = ENOENT;
        return NULL;
    }
    return op_names[op];
}

match_op_t match_op_from_string (const char *name)
{
    errno = name ? ENOENT : EINVAL;
    for (int i = 1; name && i < MATCH_OP_END; i++)
        if (strcmp (op_names[i], name) == 0)
            return i;
    return MATCH_UNKNOWN;
}

bool match_op_valid (match_op_t op)
{
    return (int)op > MATCH_UNKNOWN && op < MATCH_OP_END;
}
