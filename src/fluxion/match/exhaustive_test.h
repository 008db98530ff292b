/* A search that tries every choice of vertices for a request; see exhaustive_test.c. */
#ifndef FLUXION_EXHAUSTIVE_H
#define FLUXION_EXHAUSTIVE_H

#include "fluxion/match/rig_test.h"
#include "fluxion/match/sched.h"

#define MAX_V 80
#define MAX_HOLDS 8192
#define MAX_PICKS 64
#define MAX_KEY 256
#define STEPS 400000 /* of one search; what takes more is not compared */
#define WHOLE (1 << 20)

struct hold {
    uint64_t job;
    uint32_t v;
    bool exclusive;
    int64_t at, end, units;
};

/* A vertex that was chosen for a resource, or a slot (v: where it is made). */
struct choice {
    const struct resource *r;
    int parent; /* of the choices; -1: none */
    uint32_t v;
    int64_t score;
};

struct world {
    struct scheduler *s;
    struct graph *g;
    const char *policy;
    bool flexible, dag, power;
    unsigned int seed;
    uint64_t next_job;
    struct hold hold[MAX_HOLDS];
    uint32_t weight[MAX_V]; /* of the edge to a vertex, before a match */
    int nholds;
    unsigned int run;
    struct buf answer, choice; /* the last, for reports */
};

/* --- The search --- */

struct search {
    struct world *w;
    int64_t at, end;
    bool ignore;         /* as if there were no jobs, and all was up */
    const int64_t *only; /* by vertex: 0, 1 (shared), WHOLE; units of pools; or NULL */
    int64_t claim[MAX_V];
    struct choice choice[MAX_PICKS];
    int nchoices;
    long steps;
    bool found, all, part; /* all: find the best, too; part: there may be more */
    int kind;              /* of xor_slots, for all of them; -1: each as it likes */
    int level;             /* of the request, that is compared; above it the choice */
    const int64_t *above;  /* is among these */
    int64_t key[MAX_KEY];
    int nkey;
};

enum goal_kind { VERTICES, SLOTS, DRAW, REST };

/* What is still to be chosen, before `next`. */
struct goal {
    enum goal_kind kind;
    const struct resource *r, *beside; /* SLOTS: any slot of those beside */
    uint32_t nbeside, u, from;
    bool deep, excl;
    int64_t left;
    int parent;
    const struct goal *next;
};

static bool is_power (const struct world *w, uint32_t v)
{
    return w->g->v[v].post == POST_NONE;
}

static bool is_power_type (const struct world *w, uint16_t type)
{
    return w->power && strcmp (graph_type_name (w->g, type), "pdu") == 0;
}

static bool takes_whole_nodes (const struct world *w)
{
    return w->policy[strlen (w->policy) - 1] == 'x';
}

static bool is_node (const struct world *w, uint32_t v)
{
    return w->g->v[v].type == w->g->t_node;
}

static int64_t held_units (const struct search *x, uint32_t v, bool exclusive)
{
    int64_t units = 0;

    for (int i = 0; i < x->w->nholds && !x->ignore; i++) {
        const struct hold *h = &x->w->hold[i];
        if (h->v == v && h->at < x->end && x->at < h->end
            && (!exclusive || h->exclusive))
            units += h->units;
    }
    return units;
}

static int64_t held_at (const struct search *x, uint32_t v, int64_t t)
{
    struct search y = { .w = x->w, .at = t, .end = t + 1, .ignore = x->ignore };

    return held_units (&y, v, false);
}

/* The most of a supply that is in use at a time. */
static int64_t power_used (const struct search *x, uint32_t v)
{
    int64_t most = held_at (x, v, x->at);

    for (int i = 0; i < x->w->nholds; i++) {
        const struct hold *h = &x->w->hold[i];
        int64_t n =
            h->v == v && h->at > x->at && h->at < x->end ? held_at (x, v, h->at) : 0;
        most = n > most ? n : most;
    }
    return most;
}

static bool free_of_jobs (const struct search *x, uint32_t v, bool excl)
{
    return held_units (x, v, !excl) == 0;
}

static bool may (const struct search *x, uint32_t v, bool excl)
{
    if (x->w->g->v[v].down && !x->ignore)
        return false;
    if (x->only && x->only[v] < (excl ? WHOLE : 1))
        return false;
    if (excl ? x->claim[v] > 0 : x->claim[v] >= WHOLE)
        return false; /* passed through */
    return free_of_jobs (x, v, excl);
}

static bool may_pass (const struct search *x, uint32_t v)
{
    return may (x, v, takes_whole_nodes (x->w) && is_node (x->w, v));
}

static bool stops_at (const struct goal *gl, uint16_t type)
{
    for (uint32_t i = 0; i < gl->nbeside; i++)
        if (!gl->beside[i].is_slot && gl->beside[i].type_id == type)
            return true;
    return false;
}

static int64_t factor (const struct world *w, uint32_t v)
{
    bool node_centric =
        strstr (w->policy, "node") || strncmp (w->policy, "first", 5) == 0;

    return node_centric && is_node (w, v) ? (w->g->v[v].id + 2) * NODE_FACTOR : 0;
}

static int64_t own_score (const struct world *w, uint32_t v)
{
    if (strcmp (w->policy, "variation") != 0)
        return w->g->v[v].id + 2;
    for (; v != VTX_NONE; v = w->g->v[v].parent) {
        const struct property *p = graph_get_property (w->g, v, "perf_class");
        if (p)
            return atoi (graph_string (w->g, p->value));
    }
    return 9999;
}

/* Are there children of v of each type (1), or of some (0), that the slot is made of? */
static int slot_fit (const struct world *w, uint32_t v, const struct resource *slot)
{
    const struct edge *e = graph_children (w->g, v);
    uint32_t need = 0, have = 0;

    for (uint32_t i = 0; i < slot->nwith; i++) {
        bool here = false;
        if (slot->with[i].is_slot || is_power_type (w, slot->with[i].type_id))
            continue;
        need++;
        for (uint32_t k = 0; k < w->g->v[v].nchildren; k++)
            here |= w->g->v[e[k].child].type == slot->with[i].type_id;
        have += here;
    }
    return have == 0 ? -1 : have == need;
}

/* Mark what can be chosen: vertices of a type, or where a slot can be made. */
struct reach {
    bool yes[MAX_V];
    int64_t score[MAX_V]; /* of what is passed on the way */
};

static void reach_vertices (const struct search *x, const struct goal *gl, uint32_t u,
                            int64_t passed, struct reach *out)
{
    struct graph *g = x->w->g;
    const struct edge *e = graph_children (g, u);

    for (uint32_t i = 0; i < g->v[u].nchildren; i++) {
        uint32_t v = e[i].child;
        if (g->v[v].type == gl->r->type_id) {
            out->yes[v] = true;
            out->score[v] = passed;
        } else if (gl->deep && !stops_at (gl, g->v[v].type) && may_pass (x, v)) {
            reach_vertices (x, gl, v, passed + factor (x->w, v), out);
        }
    }
}

static bool solve (struct search *x, const struct goal *gl);

/* Can one slot be made at u? */
static bool slot_at (struct search *x, const struct resource *slot, uint32_t u)
{
    struct goal one = { .kind = SLOTS,
                        .r = slot,
                        .beside = slot,
                        .nbeside = 1,
                        .u = u,
                        .excl = true,
                        .left = 1,
                        .parent = -1 };
    struct search *y = malloc (sizeof (*y));

    *y = *x;
    y->all = false;
    y->part = true;
    y->found = false;
    y->nchoices = 0;
    bool rc = solve (y, &one);
    x->steps = y->steps;
    free (y);
    return rc;
}

/* Where slots are looked for: no further down than where all of it are children; and
 * where some are, if there is none below. */
static bool reach_slots (struct search *x, const struct goal *gl,
                         const struct resource *slot, uint32_t u, int64_t passed,
                         struct reach *out)
{
    struct graph *g = x->w->g;
    const struct edge *e = graph_children (g, u);
    int fit = slot_fit (x->w, u, slot);
    bool any = false;

    if (fit <= 0)
        for (uint32_t i = 0; i < g->v[u].nchildren; i++) {
            uint32_t v = e[i].child;
            if (g->v[v].nchildren && !stops_at (gl, g->v[v].type) && may_pass (x, v))
                any |= reach_slots (x, gl, slot, v, passed + factor (x->w, v), out);
        }
    if (fit < 0 || any || !slot_at (x, slot, u))
        return any;
    out->yes[u] = true;
    out->score[u] = passed;
    return true;
}

/* Goals for what is asked for below a vertex, or of a slot. */
static const struct goal *below (const struct world *w, const struct resource *r,
                                 struct goal *gl, const struct goal *next, uint32_t u,
                                 int parent, bool deep, bool excl)
{
    bool slots = false;

    for (uint32_t i = r->nwith; i-- > 0;) {
        const struct resource *sub = &r->with[i];
        if (sub->is_slot && slots)
            continue;
        slots |= sub->is_slot;
        gl[i] = (struct goal){
            .kind = is_power_type (w, sub->type_id) ? DRAW
                    : sub->is_slot                  ? SLOTS
                                                    : VERTICES,
            .r = sub,
            .beside = r->with,
            .nbeside = r->nwith,
            .u = u,
            .deep = deep && !sub->is_slot,
            .excl = excl,
            .left = sub->count.min,
            .parent = parent,
            .next = next,
        };
        next = &gl[i];
    }
    return next;
}

static int level_of (const struct search *x, int at)
{
    int level = 0;

    while ((at = x->choice[at].parent) >= 0)
        level++;
    return level;
}

static int choose (struct search *x, const struct goal *gl, const struct resource *r,
                   uint32_t v, int64_t score)
{
    assert_true (x->nchoices < MAX_PICKS);
    x->choice[x->nchoices] = (struct choice){ r, gl->parent, v, score };
    return x->nchoices++;
}

/* Is all below a vertex free, so that it can be taken whole? What is down stays. */
static bool stays (const struct search *x, uint32_t v, uint32_t top)
{
    const struct graph *g = x->w->g;

    for (; v != top && g->v[v].depth > g->v[top].depth; v = g->v[v].parent)
        if (g->v[v].down && !x->ignore)
            return true;
    return false;
}

static bool free_below (const struct search *x, uint32_t v)
{
    uint32_t n;
    const uint32_t *list = graph_below (x->w->g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        if (list[i] != v && !stays (x, list[i], v)
            && (x->claim[list[i]] > 0 || !free_of_jobs (x, list[i], true)
                || (x->only && x->only[list[i]] < WHOLE)))
            return false;
    return true;
}

/* What is below a vertex that is taken whole and was not chosen goes with it. */
static bool solve_rest (struct search *x, const struct goal *gl)
{
    uint32_t list[MAX_V], n;
    const uint32_t *below = graph_below (x->w->g, gl->u, &n);

    memcpy (list, below, n * sizeof (*list));
    for (uint32_t i = 0; i < n; i++)
        x->claim[list[i]] += stays (x, list[i], gl->u) ? 0 : WHOLE;
    bool rc = solve (x, gl->next);
    for (uint32_t i = 0; i < n; i++)
        x->claim[list[i]] -= stays (x, list[i], gl->u) ? 0 : WHOLE;
    return rc;
}

static bool try_vertex (struct search *x, const struct goal *gl, uint32_t v,
                        int64_t passed, uint32_t from)
{
    const struct resource *r = gl->r;
    struct goal sub[4], next = *gl,
                        rest = { .kind = REST, .u = v, .left = 1, .next = &next };
    bool whole =
        r->exclusive == EXCL_TRUE || (takes_whole_nodes (x->w) && is_node (x->w, v));
    bool excl = gl->excl || whole, rc = false;
    int64_t units = excl ? WHOLE : 1;

    assert_true (r->nwith <= 4);
    if (x->above && !x->above[v]
        && (gl->parent < 0 ? 0 : level_of (x, gl->parent) + 1) < x->level)
        return false;
    if (x->claim[v] > 0 || !may (x, v, excl) || (whole && !free_below (x, v)))
        return false;
    x->claim[v] += units;
    int at = choose (x, gl, r, v, own_score (x->w, v) + passed);
    next.from = from;
    next.left -= x->w->g->v[v].size;
    rc = solve (x, below (x->w, r, sub, whole ? &rest : &next, v, at, false, excl));
    x->nchoices = at;
    x->claim[v] -= units;
    return rc;
}

static bool solve_vertices (struct search *x, const struct goal *gl)
{
    struct reach reach = { 0 };

    reach_vertices (x, gl, gl->u, 0, &reach);
    for (uint32_t v = gl->from; v < x->w->g->nv; v++)
        if (reach.yes[v] && try_vertex (x, gl, v, reach.score[v], v + 1))
            return true;
    return false;
}

static bool solve_slots (struct search *x, const struct goal *gl)
{
    for (uint32_t k = 0; k < gl->nbeside; k++) {
        const struct resource *slot = &gl->beside[k];
        struct reach reach = { 0 };
        if (!slot->is_slot || (x->kind >= 0 && gl->nbeside > 1 && x->kind != (int)k))
            continue;
        assert_true (slot->nwith <= 4);
        if (gl->deep)
            reach_slots (x, gl, slot, gl->u, 0, &reach);
        else
            reach.yes[gl->u] = true;
        for (uint32_t v = 0; v < x->w->g->nv; v++) {
            struct goal sub[4], rest = *gl;
            if (!reach.yes[v] || v * gl->nbeside + k < gl->from)
                continue;
            rest.from = v * gl->nbeside + k;
            rest.left--;
            int at = choose (x, gl, slot, v, reach.score[v]);
            bool rc = solve (x, below (x->w, slot, sub, &rest, v, at,
                                       slot_fit (x->w, v, slot) < 1, true));
            x->nchoices = at;
            if (rc)
                return true;
        }
    }
    return false;
}

static bool feeds (const struct world *w, uint32_t from, uint32_t to)
{
    const struct subsystem *sub = &w->g->sub[0];

    for (uint32_t i = 0; i < sub->nedges; i++)
        if (sub->edge[i].from == from && sub->edge[i].to == to)
            return true;
    return false;
}

/* From any supply that feeds the vertex, or what it is in. */
static bool solve_draw (struct search *x, const struct goal *gl)
{
    struct graph *g = x->w->g;
    uint32_t u = gl->u;
    bool fed = false;

    for (; u != VTX_NONE && !fed; u = fed ? u : g->v[u].parent)
        for (uint32_t v = 0; v < g->nv; v++)
            fed |= is_power (x->w, v) && feeds (x->w, v, u);
    for (uint32_t v = 0; fed && v < g->nv; v++) {
        if (g->v[v].type != gl->r->type_id || !feeds (x->w, v, u)
            || power_used (x, v) + x->claim[v] + gl->left > g->v[v].size
            || (x->only && x->claim[v] + gl->left > x->only[v]))
            continue;
        x->claim[v] += gl->left;
        bool rc = solve (x, gl->next);
        x->claim[v] -= gl->left;
        if (rc)
            return true;
    }
    return false;
}

/* --- What is best --- */

static bool wants_low (const struct world *w)
{
    return strncmp (w->policy, "lo", 2) == 0 || strcmp (w->policy, "variation") == 0;
}

static int64_t slot_score (const struct search *x, int at)
{
    int64_t score = x->choice[at].score;

    for (int i = 0; i < x->nchoices; i++)
        if (x->choice[i].parent == at)
            score += x->choice[i].score;
    return score;
}

/* Scores of what was chosen for one resource under one parent, best first. */
static void add_scores (const struct search *x, int parent, const struct resource *r,
                        int64_t *key, int *n)
{
    int first = *n;

    for (int i = 0; i < x->nchoices; i++) {
        const struct choice *c = &x->choice[i];
        if (c->parent != parent || c->r != r)
            continue;
        int64_t score = r->is_slot ? slot_score (x, i) : c->score;
        int at = (*n)++;
        assert_true (*n < MAX_KEY);
        for (; at > first
               && (wants_low (x->w) ? score < key[at - 1] : score > key[at - 1]);
             at--)
            key[at] = key[at - 1];
        key[at] = score;
    }
}

/* Of one level, whose parents are the same in all that is compared. What slots are made
 * of is in their own score. */
static void add_key (const struct search *x, int64_t *key, int *n)
{
    for (int v = -1; v < (int)x->w->g->nv; v++)
        for (int i = 0; i < x->nchoices; i++) {
            int parent = x->choice[i].parent;
            bool first = true;
            if (level_of (x, i) != x->level || (parent < 0) != (v < 0)
                || (parent >= 0
                    && (x->choice[parent].r->is_slot || (int)x->choice[parent].v != v)))
                continue;
            for (int k = 0; k < i && first; k++)
                first =
                    x->choice[k].parent != parent || x->choice[k].r != x->choice[i].r;
            if (first)
                add_scores (x, parent, x->choice[i].r, key, n);
        }
}

/* As few parents of what is at the top as can be. */
static int64_t count_places (const struct search *x)
{
    bool seen[MAX_V] = { 0 };
    int64_t n = 0;

    for (int i = 0; i < x->nchoices; i++) {
        const struct choice *c = &x->choice[i];
        if (c->parent >= 0)
            continue;
        uint32_t v = c->r->is_slot ? c->v : x->w->g->v[c->v].parent;
        n += !seen[v];
        seen[v] = true;
    }
    return n;
}

static void make_key (const struct search *x, int64_t *key, int *n)
{
    *n = 0;
    if (strcmp (x->w->policy, "locality") == 0)
        key[(*n)++] = count_places (x);
    else
        add_key (x, key, n);
}

static int compare_keys (const struct world *w, const int64_t *a, int na,
                         const int64_t *b, int nb)
{
    for (int i = 0; i < na && i < nb; i++)
        if (a[i] != b[i])
            return (a[i] < b[i]) == wants_low (w) ? -1 : 1;
    return 0;
}

/* All of what is held is asked for, or on the way to it. */
static bool uses_all (const struct search *x)
{
    struct graph *g = x->w->g;

    for (uint32_t v = 0; v < g->nv; v++) {
        uint32_t n;
        bool way = false;
        if (!x->only[v]
            || (is_power (x->w, v) ? x->claim[v] == x->only[v] : x->claim[v] > 0))
            continue;
        uint32_t top = v;
        while (takes_whole_nodes (x->w) && top != VTX_NONE && !is_node (x->w, top))
            top = g->v[top].parent;
        if (is_power (x->w, v) || top == VTX_NONE
            || (x->only[v] >= WHOLE && !takes_whole_nodes (x->w)))
            top = v;
        if (x->only[v] >= WHOLE && !is_node (x->w, top))
            return false;
        if (x->only[v] >= WHOLE && !takes_whole_nodes (x->w))
            return false;
        const uint32_t *list = graph_below (g, top, &n);
        for (uint32_t i = 0; i < n; i++)
            way |= x->claim[list[i]] > 0;
        if (!way)
            return false;
    }
    return true;
}

/* For reports. */
static void note_choice (const struct search *x)
{
    struct buf *b = &x->w->choice;

    buf_reset (b);
    for (int i = 0; i < x->nchoices; i++)
        buf_printf (b, " %s@%s%jd", x->choice[i].r->type,
                    graph_type_name (x->w->g, x->w->g->v[x->choice[i].v].type),
                    (intmax_t)x->w->g->v[x->choice[i].v].id);
}

static bool take_solution (struct search *x)
{
    int64_t key[MAX_KEY];
    int n;

    if (x->only && !x->part && !uses_all (x))
        return false;
    if (x->all) {
        make_key (x, key, &n);
        if (!x->found || compare_keys (x->w, key, n, x->key, x->nkey) < 0) {
            memcpy (x->key, key, sizeof (key));
            x->nkey = n;
        }
    }
    if (!x->found)
        note_choice (x);
    x->found = true;
    return !x->all;
}

static bool solve (struct search *x, const struct goal *gl)
{
    if (++x->steps > STEPS)
        return true;
    if (!gl)
        return take_solution (x);
    if (gl->left <= 0)
        return solve (x, gl->next);
    switch (gl->kind) {
    case VERTICES:
        return solve_vertices (x, gl);
    case SLOTS:
        return solve_slots (x, gl);
    case REST:
        return solve_rest (x, gl);
    default:
        return solve_draw (x, gl);
    }
}

static void search_one (struct search *x, const struct request *req)
{
    struct resource top = { .with = req->resources, .nwith = req->nresources };
    struct goal goals[4];
    struct graph *g = x->w->g;

    x->nchoices = 0;
    memset (x->claim, 0, sizeof (x->claim));
    assert_true (req->nresources <= 4);
    if (!may_pass (x, g->root))
        return;
    const struct goal *gl = below (x->w, &top, goals, NULL, g->root, -1, true, false);
    for (uint32_t i = 0; i < req->nresources; i++)
        goals[i].deep = true;
    solve (x, gl);
}

/* The most that is asked for of an xor_slot; 0: there is none. */
static int64_t xor_count (const struct world *w, const struct resource *list,
                          uint32_t n)
{
    int64_t most = 0;

    for (uint32_t i = 0; i < n; i++) {
        int64_t count = list[i].type_id == w->g->t_xor_slot
                            ? list[i].count.min
                            : xor_count (w, list[i].with, list[i].nwith);
        most = count > most ? count : most;
    }
    return most;
}

/* 1: there is a choice; 0: none; -1: it takes too long to say. One kind of xor_slot
 * serves all, or, if several are wanted in one place, any. */
static int search (struct search *x, const struct request *req)
{
    int64_t most = xor_count (x->w, req->resources, req->nresources);

    x->steps = 0;
    x->found = false;
    for (x->kind = most > 0 ? 0 : -1; x->kind < 3 && !(x->found && !x->all);
         x->kind++) {
        search_one (x, req);
        if (x->kind < 0)
            break;
    }
    if (most > 1 && !x->found) {
        x->kind = -1;
        search_one (x, req);
    }
    return x->found && !x->all ? 1 : x->steps > STEPS ? -1 : x->found;
}

#endif
