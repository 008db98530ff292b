/* One match at one time: walk the graph with a request, and choose.
 *
 * A candidate's score is known before it is known whether it serves: so candidates
 * are tried best first, and only as many as are needed. Where that order depends on
 * what is found (slots of several cores, anywhere below), all of them are tried. */
#include "fluxion/index.h"
#include "fluxion/match_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cand {
    int64_t score;
    int64_t uniq;
    uint32_t v;
    uint32_t order;
    int64_t units;
    struct pick *pick;
};

struct list {
    struct cand *c;
    uint32_t n, cap;
    int64_t units;
};

static struct cand *list_add (struct match *m, struct list *l)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 8;
        struct cand *c = arena_alloc (m->s->arena, cap * sizeof (*c));
        if (!c) {
            m->fault = ENOMEM;
            return NULL;
        }
        if (l->n)
            memcpy (c, l->c, l->n * sizeof (*c));
        l->c = c;
        l->cap = cap;
    }
    struct cand *c = &l->c[l->n];
    memset (c, 0, sizeof (*c));
    c->order = l->n++;
    return c;
}

static int64_t node_factor (const struct match *m, uint32_t v)
{
    const struct vertex *x = &m->s->g->v[v];

    if (!m->s->policy.node_centric || x->type != m->s->g->t_node)
        return 0;
    return (x->id + 2) * NODE_FACTOR;
}

static int64_t own_score (const struct match *m, uint32_t v)
{
    struct graph *g = m->s->g;

    if (m->s->policy.kind == POLICY_VARIATION) {
        const struct property *p = graph_get_property (g, v, "perf_class");
        const char *s = p ? graph_string (g, p->value) : "";
        char *end;
        long n = strtol (s, &end, 10);
        return end == s || *end || n < 0 || n > 9999 ? 9999 : n;
    }
    return g->v[v].id + 2;
}

static int by_score_up (const void *pa, const void *pb)
{
    const struct cand *a = pa, *b = pb;

    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    if (a->uniq != b->uniq)
        return a->uniq < b->uniq ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static int by_score_down (const void *pa, const void *pb)
{
    const struct cand *a = pa, *b = pb;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->uniq != b->uniq)
        return a->uniq > b->uniq ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static int by_interval (const void *pa, const void *pb)
{
    const struct cand *a = pa, *b = pb;

    /* uniq holds the length of the run of ids that the candidate is in. */
    if (a->uniq != b->uniq)
        return a->uniq > b->uniq ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void sort_locality (struct list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        l->c[i].uniq = 0;
    qsort (l->c, l->n, sizeof (*l->c), by_score_up);
    for (uint32_t i = 0, k; i < l->n; i = k) {
        k = i + 1;
        while (k < l->n && l->c[k].score - l->c[k - 1].score <= 1)
            k++;
        for (uint32_t j = i; j < k; j++)
            l->c[j].uniq = k - i;
    }
    qsort (l->c, l->n, sizeof (*l->c), by_interval);
}

static void sort_list (struct match *m, struct list *l)
{
    const struct policy *p = &m->s->policy;

    if (l->n < 2)
        return;
    if (p->kind == POLICY_LOCALITY)
        sort_locality (l);
    else
        qsort (l->c, l->n, sizeof (*l->c),
               p->kind == POLICY_HIGH ? by_score_down : by_score_up);
}

static void set_score (struct match *m, struct cand *c, uint32_t v, int64_t factor)
{
    c->v = v;
    c->score = own_score (m, v) + factor;
    c->uniq = m->s->policy.node_centric ? m->s->g->v[v].uniq_id : 0;
}

/* Conditions on a vertex itself */

static bool is_node (const struct match *m, uint32_t v)
{
    return m->s->g->v[v].type == m->s->g->t_node;
}

static bool meets_constraint (struct match *m, uint32_t v)
{
    uint16_t type = m->s->g->v[v].type;

    if (!m->constraint || (type != m->s->g->t_node && type != m->s->g->t_storage_node))
        return true;
    m->constraint_v = v;
    return constraint_match (m->constraint, m);
}

static bool takes_whole (const struct match *m, uint32_t v)
{
    return m->s->policy.node_exclusive && is_node (m, v);
}

static bool can_pass (struct match *m, uint32_t v)
{
    m->s->counts.preorder++;
    if (takes_whole (m, v) ? !sched_idle (m->s, v, &m->w)
                           : !sched_shareable (m->s, v, &m->w))
        return false;
    return meets_constraint (m, v);
}

/* Are there as many units below v as the resource needs under one vertex? */
static bool enough_below (struct match *m, uint32_t v, const int64_t *need)
{
    struct scheduler *s = m->s;

    if (!m->w.now || m->w.ignore || s->vs[v].agg == UINT32_MAX)
        return true;
    const int64_t *usable = sched_row (s->usable, s, v);
    for (int k = 0; k < s->ntracked; k++)
        if (usable[k] < need[k])
            return false;
    return true;
}

static const int64_t *need_below (struct match *m, const struct resource *r)
{
    return m->need + (size_t)r->ord * m->s->ntracked;
}

static const int64_t *need_one (struct match *m, const struct resource *r)
{
    return m->need_one + (size_t)r->ord * m->s->ntracked;
}

static bool choose_below (struct match *m, uint32_t u, const struct resource *with,
                          uint32_t nwith, bool excl, struct pick **kids);

static struct pick *try_vertex (struct match *m, uint32_t v, const struct resource *r,
                                bool excl)
{
    struct scheduler *s = m->s;
    bool whole = r->exclusive == EXCL_TRUE || takes_whole (m, v);
    struct pick *p, *kids = NULL;

    if (m->fault)
        return NULL;
    if (excl && r->exclusive == EXCL_FALSE) {
        m->fault = EINVAL;
        snprintf (m->error->text, sizeof (m->error->text),
                  "by_excl: exclusivity conflicts at jobspec=%s", r->type);
        return NULL;
    }
    s->counts.preorder++;
    excl |= whole;
    if (excl ? !sched_idle (s, v, &m->w) : !sched_shareable (s, v, &m->w))
        return NULL;
    if (!meets_constraint (m, v))
        return NULL;
    if (r->nwith
        && (!enough_below (m, v, need_below (m, r))
            || !choose_below (m, v, r->with, r->nwith, excl, &kids)))
        return NULL;
    if (!(p = arena_alloc (s->arena, sizeof (*p)))) {
        m->fault = ENOMEM;
        return NULL;
    }
    s->counts.postorder++;
    p->v = v;
    p->exclusive = excl;
    p->whole = whole;
    p->needs = s->g->v[v].size;
    p->label = r->label;
    p->kids = kids;
    return p;
}

/* Children in the order in which the policy `first` visits them: heaviest edge
 * first, then latest vertex. */
struct visit {
    uint32_t weight, child;
    int64_t uniq;
};

static int by_weight (const void *pa, const void *pb)
{
    const struct visit *a = pa, *b = pb;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->uniq > b->uniq ? -1 : a->uniq < b->uniq;
}

struct visits {
    struct visit *list; /* NULL: fan */
    uint32_t n, at;
    struct fan *fan;
    struct fan_pos pos;
    enum fan_filter filter;
};

static struct visit *visit_order (struct match *m, uint32_t u)
{
    struct graph *g = m->s->g;
    const struct edge *e = graph_children (g, u);
    uint32_t n = g->v[u].nchildren;
    struct visit *visit = arena_alloc (m->s->arena, (n + 1) * sizeof (*visit));

    if (!visit) {
        m->fault = ENOMEM;
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        visit[i].child = e[i].child;
        visit[i].weight = e[i].weight;
        visit[i].uniq = g->v[e[i].child].uniq_id;
    }
    if (m->s->policy.stop_on_first)
        qsort (visit, n, sizeof (*visit), by_weight);
    return visit;
}

/* Where only live jobs count, what cannot serve need not be visited. */
static bool visits_start (struct match *m, uint32_t u, enum fan_filter filter,
                          struct visits *vs)
{
    memset (vs, 0, sizeof (*vs));
    if (m->w.now && !m->w.ignore && (vs->fan = index_fan (m->s, u))) {
        fan_start (vs->fan, &vs->pos);
        vs->filter = filter;
        return true;
    }
    vs->n = m->s->g->v[u].nchildren;
    return (vs->list = visit_order (m, u));
}

static uint32_t visits_next (struct visits *vs)
{
    if (vs->fan)
        return fan_next (vs->fan, &vs->pos, vs->filter);
    return vs->at < vs->n ? vs->list[vs->at++].child : VTX_NONE;
}

/* What a search for one resource of a request looks for. */
struct query {
    const struct resource *r;
    const struct resource *beside; /* all of its level: where to stop going down */
    uint32_t nbeside;
    bool pristine; /* nothing of the request has matched yet: levels may be missing */
    bool excl;
    bool slots;   /* each vertex is one slot, whatever its size */
    int64_t want; /* units, at most */
};

static bool is_beside (const struct query *q, uint16_t type)
{
    for (uint32_t i = 0; i < q->nbeside; i++)
        if (!q->beside[i].is_slot && q->beside[i].type_id == type)
            return true;
    return false;
}

static bool has_child_of (const struct graph *g, uint32_t u, const struct resource *r)
{
    const struct edge *e = graph_children (g, u);
    uint16_t last = UINT16_MAX;

    for (uint32_t i = 0; i < g->v[u].nchildren; i++) {
        uint16_t type = g->v[e[i].child].type;
        if (type == last)
            continue;
        last = type;
        for (uint32_t k = 0; k < r->nwith; k++)
            if (r->with[k].type_id == type)
                return true;
    }
    return false;
}

static bool wants_idle (const struct match *m, const struct query *q)
{
    return q->excl || q->r->exclusive == EXCL_TRUE
           || (m->s->policy.node_exclusive && q->r->type_id == m->s->g->t_node);
}

/* Which children can serve now: a shared vertex may even if nothing is left below
 * it, if nothing is asked for below it. */
static enum fan_filter useful_children (struct match *m, const struct query *q)
{
    const int64_t *need = need_one (m, q->r);

    if (!q->pristine && !q->r->is_slot && wants_idle (m, q))
        return FAN_IDLE;
    for (int k = 0; k < m->s->ntracked; k++)
        if (need[k] > 0)
            return FAN_USEFUL;
    return FAN_ALL;
}

static void slots_at (struct match *m, uint32_t u, const struct query *q,
                      struct list *out);

/* Candidates below u, in the order of discovery; verified (with picks) only if
 * `verify` is set. Levels add the factor of nodes that are passed through. */
static void gather (struct match *m, uint32_t u, const struct query *q, bool verify,
                    struct list *out)
{
    struct graph *g = m->s->g;
    struct visits visits;
    int64_t found = 0;
    uint32_t v;

    if (m->fault)
        return;
    if (q->r->is_slot && (!q->pristine || has_child_of (g, u, q->r))) {
        slots_at (m, u, q, out);
        return;
    }
    if (!visits_start (m, u, useful_children (m, q), &visits))
        return;
    while (!m->fault && (v = visits_next (&visits)) != VTX_NONE) {
        uint32_t was = out->n;
        if (m->s->policy.stop_on_first && verify && found >= q->want)
            break;
        if (!q->r->is_slot && g->v[v].type == q->r->type_id) {
            struct pick *p = NULL;
            if (verify && !(p = try_vertex (m, v, q->r, q->excl)))
                continue;
            struct cand *c = list_add (m, out);
            if (!c)
                return;
            set_score (m, c, v, 0);
            c->units = g->v[v].size;
            c->pick = p;
        } else if (q->pristine && g->v[v].nchildren && !is_beside (q, g->v[v].type)
                   && enough_below (m, v, need_one (m, q->r)) && can_pass (m, v)) {
            gather (m, v, q, verify, out);
            for (uint32_t k = was; k < out->n; k++)
                out->c[k].score += node_factor (m, v);
        }
        for (uint32_t k = was; k < out->n; k++)
            found += out->c[k].units;
    }
}

static int64_t want_of (const struct count_spec *c)
{
    return c->max;
}

/* Take units from the chosen candidates: chain their picks. */
static struct pick **chain (struct pick **tail, struct pick *p)
{
    *tail = p;
    while (p->next)
        p = p->next;
    return &p->next;
}

static bool fits_policy_lazily (const struct match *m)
{
    return m->s->policy.kind != POLICY_LOCALITY && !m->s->policy.stop_on_first;
}

/* Is one vertex one slot, so that slots can be searched like vertices? */
static const struct resource *slot_vertex (const struct match *m,
                                           const struct resource *r)
{
    const struct resource *e = r->with;

    if (!r->is_slot || r->nwith != 1 || e->is_slot || e->count.min != 1
        || e->count.max != 1)
        return NULL;
    return e;
}

/* Is every vertex between the root and v fit to be passed through? If a live job or
 * status forbids it, v is of no use until that changes. */
static bool can_reach (struct match *m, uint32_t v, struct order *o)
{
    struct scheduler *s = m->s;

    for (uint32_t p = s->g->v[v].parent; p != s->g->root; p = s->g->v[p].parent) {
        if (can_pass (m, p))
            continue;
        if (m->w.now && !m->w.ignore && (s->vs[p].exclusive || s->g->v[p].down))
            order_park (s, o, v, p);
        return false;
    }
    return true;
}

/* The whole graph is searched for one type: take what comes first in its order.
 * False: that cannot be done here. */
static bool take_ordered (struct match *m, uint32_t u, const struct query *q,
                          struct list *l)
{
    struct scheduler *s = m->s;
    struct order_query oq = { .by = -1, .need = need_below (m, q->r) };
    struct order *o;
    int64_t units = 0;
    uint32_t at = 0, v;

    if (u != s->g->root || q->nbeside != 1 || !(o = index_order (s, q->r->type_id))
        || (!q->pristine && !order_is_direct (o)))
        return false;
    oq.now = m->w.now && !m->w.ignore;
    oq.idle = wants_idle (m, q);
    for (int k = 0; k < s->ntracked && oq.by < 0; k++)
        if (oq.need[k] > 0)
            oq.by = k;
    while (units < q->want && (v = order_next (s, o, &at, &oq)) != VTX_NONE) {
        struct pick *p;
        if (!can_reach (m, v, o) || !(p = try_vertex (m, v, q->r, q->excl))) {
            if (m->fault)
                return true;
            continue;
        }
        struct cand *c = list_add (m, l);
        if (!c)
            return true;
        c->v = v;
        c->units = s->g->v[v].size;
        c->pick = p;
        units += q->slots ? 1 : c->units;
    }
    return true;
}

/* Best candidates for r below u, up to what it wants. False: less than its
 * minimum. *kids: the picks. */
static bool take (struct match *m, uint32_t u, const struct query *q,
                  struct pick **kids)
{
    struct query sub = *q;
    const struct resource *e = slot_vertex (m, q->r);
    struct list l = { 0 };
    struct pick **tail = kids;
    int64_t units = 0;
    bool lazy = fits_policy_lazily (m) && (!q->r->is_slot || e);
    bool one_each = q->r->is_slot;

    if (lazy && e) {
        sub.r = e;
        sub.excl = true;
        sub.slots = true;
        sub.beside = e;
        sub.nbeside = 1;
    } else {
        e = NULL;
    }
    if (!lazy || !take_ordered (m, u, &sub, &l)) {
        gather (m, u, &sub, !lazy, &l);
        sort_list (m, &l);
    }
    if (m->fault)
        return false;
    struct cand *good = l.c;
    uint32_t ngood = 0;
    for (uint32_t i = 0; i < l.n && units < q->want; i++) {
        struct cand *c = &l.c[i];
        if (!c->pick && !(c->pick = try_vertex (m, c->v, sub.r, sub.excl))) {
            if (m->fault)
                return false;
            continue;
        }
        if (e)
            c->units = 1;
        units += c->units;
        good[ngood++] = *c;
    }
    int64_t count = count_fit (&q->r->count, units);
    if (count == 0 && q->r->count.min > 0)
        return false;
    *kids = NULL;
    for (uint32_t i = 0; i < ngood && count > 0; i++) {
        struct pick *p = good[i].pick;
        if (!one_each && !p->exclusive && p->needs > count)
            p->needs = count;
        count -= good[i].units;
        tail = chain (tail, p);
    }
    return true;
}

static bool choose_below (struct match *m, uint32_t u, const struct resource *with,
                          uint32_t nwith, bool excl, struct pick **kids)
{
    struct pick **tail = kids;

    for (uint32_t i = 0; i < nwith; i++) {
        struct query q = {
            .r = &with[i],
            .beside = with,
            .nbeside = nwith,
            .excl = excl,
            .want = want_of (&with[i].count),
        };
        struct pick *p = NULL;
        if (!take (m, u, &q, &p))
            return false;
        if (p)
            tail = chain (tail, p);
    }
    return true;
}

/* Elements of a slot: the best vertices of each kind, and how many make one slot. */
struct element {
    struct list l;
    int64_t each;
    uint32_t next;
};

static bool fill_elements (struct match *m, uint32_t u, const struct query *q,
                           struct element *el)
{
    const struct resource *r = q->r;

    for (uint32_t i = 0; i < r->nwith; i++) {
        struct query sub = {
            .r = &r->with[i],
            .beside = r->with,
            .nbeside = r->nwith,
            .excl = true,
        };
        if (__builtin_mul_overflow (q->want, r->with[i].count.max, &sub.want))
            sub.want = INT64_MAX;
        gather (m, u, &sub, true, &el[i].l);
        if (m->fault)
            return false;
        sort_list (m, &el[i].l);
        el[i].each = r->with[i].count.min;
    }
    return true;
}

/* Whole vertices of an element, from where the last slot stopped, that make up n
 * units. UINT32_MAX: there are not enough. */
static uint32_t bundle_end (const struct element *e, uint32_t from, int64_t n)
{
    while (n > 0 && from < e->l.n)
        n -= e->l.c[from++].units;
    return n > 0 ? UINT32_MAX : from;
}

static int64_t count_slots (struct element *el, uint32_t n, int64_t want)
{
    int64_t slots = want;

    for (uint32_t i = 0; i < n; i++) {
        int64_t fit = 0;
        uint32_t at = 0;
        if (el[i].each == 0)
            continue;
        while (fit < slots && (at = bundle_end (&el[i], at, el[i].each)) != UINT32_MAX)
            fit++;
        slots = fit;
    }
    return slots;
}

/* With the number of slots known, moldable elements take as much as there is. */
static void widen (struct element *el, const struct resource *r, int64_t slots)
{
    for (uint32_t i = 0; i < r->nwith; i++) {
        const struct count_spec *c = &r->with[i].count;
        int64_t units = 0, each;
        if (c->min == c->max || slots == 0)
            continue;
        for (uint32_t k = 0; k < el[i].l.n; k++)
            units += el[i].l.c[k].units;
        each = count_fit (c, units / slots);
        int64_t was = el[i].each;
        el[i].each = each > was ? each : was;
        if (count_slots (&el[i], 1, slots) < slots)
            el[i].each = was;
    }
}

static void slots_at (struct match *m, uint32_t u, const struct query *q,
                      struct list *out)
{
    const struct resource *r = q->r;
    struct element *el = arena_alloc (m->s->arena, r->nwith * sizeof (*el));

    if (!el) {
        m->fault = ENOMEM;
        return;
    }
    if (!fill_elements (m, u, q, el))
        return;
    int64_t slots = count_slots (el, r->nwith, q->want);
    widen (el, r, slots);
    for (int64_t n = 0; n < slots; n++) {
        struct cand *c = list_add (m, out);
        struct pick *first = NULL, **tail = &first;
        if (!c)
            return;
        c->v = u;
        c->units = 1;
        for (uint32_t i = 0; i < r->nwith; i++) {
            uint32_t end = bundle_end (&el[i], el[i].next, el[i].each);
            for (; el[i].next < end; el[i].next++) {
                struct cand *part = &el[i].l.c[el[i].next];
                tail = chain (tail, part->pick);
                c->score += part->score;
            }
        }
        c->pick = first;
    }
}

/* The top level: the root itself may match, or be passed through. */
static bool match_top (struct match *m, const struct request *req, struct pick **kids)
{
    struct graph *g = m->s->g;
    struct pick **tail = kids;
    uint16_t type = g->v[g->root].type;

    for (uint32_t i = 0; i < req->nresources; i++) {
        const struct resource *r = &req->resources[i];
        struct query q = {
            .r = r,
            .beside = req->resources,
            .nbeside = req->nresources,
            .pristine = true,
            .want = want_of (&r->count),
        };
        struct pick *p = NULL;
        if (!r->is_slot && r->type_id == type) {
            if (count_fit (&r->count, g->v[g->root].size) == 0
                || !(p = try_vertex (m, g->root, r, false)))
                return false;
        } else if (is_beside (&q, type) || !can_pass (m, g->root)
                   || !enough_below (m, g->root, need_one (m, r))
                   || !take (m, g->root, &q, &p)) {
            return false;
        }
        if (p)
            tail = chain (tail, p);
    }
    return true;
}

/* Units that only a new exclusive job can use, by tracked type: under one vertex
 * of r, and for the least that can be passed through for (one vertex or slot). */
static void sum_need (struct match *m, const struct resource *r, bool excl)
{
    struct scheduler *s = m->s;
    int64_t *below = m->need + (size_t)r->ord * s->ntracked;
    int64_t *one = m->need_one + (size_t)r->ord * s->ntracked;

    excl |= r->exclusive == EXCL_TRUE || r->is_slot
            || (s->policy.node_exclusive && r->type_id == s->g->t_node);
    for (uint32_t i = 0; i < r->nwith; i++) {
        const struct resource *w = &r->with[i];
        sum_need (m, w, excl);
        bool wexcl = excl || w->exclusive == EXCL_TRUE;
        for (int k = 0; k < s->ntracked; k++) {
            int64_t n = 0;
            if (wexcl && !w->is_slot && w->type_id == s->tracked[k])
                n = w->count.min;
            int64_t times = w->is_slot || s->unit_size[w->type_id] ? w->count.min
                                                                   : (w->count.min > 0);
            int64_t sub = m->need[(size_t)w->ord * s->ntracked + k];
            if (__builtin_mul_overflow (sub, times, &sub)
                || __builtin_add_overflow (sub, n, &sub)
                || __builtin_add_overflow (below[k], sub, &below[k]))
                below[k] = INT64_MAX;
        }
    }
    for (int k = 0; k < s->ntracked; k++) {
        one[k] = below[k];
        if (excl && !r->is_slot && r->type_id == s->tracked[k] && one[k] < INT64_MAX)
            one[k]++;
    }
}

int match_prepare (struct match *m, const struct request *req)
{
    size_t n = (size_t)req->nall * m->s->ntracked + 1;

    m->req = req;
    m->need = arena_alloc (m->s->arena, n * sizeof (int64_t));
    m->need_one = arena_alloc (m->s->arena, n * sizeof (int64_t));
    if (!m->need || !m->need_one)
        return -1;
    for (uint32_t i = 0; i < req->nresources; i++)
        sum_need (m, &req->resources[i], false);
    return 0;
}

/* Selection: picks and all that is above them, in post-order. */

static bool select_vertex (struct match *m, uint32_t v, bool exclusive, int64_t needs,
                           const char *label)
{
    struct scheduler *s = m->s;

    if (s->vs[v].mark == s->mark)
        return true;
    s->vs[v].mark = s->mark;
    if (s->nsel == s->sel_cap) {
        uint32_t cap = s->sel_cap ? s->sel_cap * 2 : 256;
        struct selected *sel = realloc (s->sel, cap * sizeof (*sel));
        if (!sel) {
            m->fault = ENOMEM;
            return false;
        }
        s->sel = sel;
        s->sel_cap = cap;
    }
    s->sel[s->nsel++] = (struct selected){ v, exclusive, needs, label };
    return true;
}

static void select_below (struct match *m, uint32_t v)
{
    struct graph *g = m->s->g;

    for (uint32_t i = g->v[v].post - g->v[v].nbelow + 1; i < g->v[v].post; i++) {
        uint32_t u = g->by_post[i];
        if (!select_vertex (m, u, true, g->v[u].size, NULL))
            return;
    }
}

static void select_picks (struct match *m, const struct pick *p)
{
    for (; p && !m->fault; p = p->next) {
        select_vertex (m, p->v, p->exclusive, p->needs, p->label);
        select_picks (m, p->kids);
        if (p->whole)
            select_below (m, p->v);
    }
}

/* Nodes that are not shared: a part of one stands for all of it. */
static void select_whole_nodes (struct match *m)
{
    struct graph *g = m->s->g;
    uint32_t n = m->s->nsel;

    for (uint32_t i = 0; i < n && !m->fault; i++) {
        uint32_t v = m->s->sel[i].v;
        while (v != VTX_NONE && !takes_whole (m, v))
            v = g->v[v].parent;
        if (v == VTX_NONE)
            continue;
        m->s->sel[i].exclusive = true;
        m->s->sel[i].needs = g->v[m->s->sel[i].v].size;
        if (m->s->vs[v].mark == m->s->mark && v != m->s->sel[i].v)
            continue;
        select_vertex (m, v, true, g->v[v].size, NULL);
        select_below (m, v);
    }
}

static void select_above (struct match *m)
{
    struct graph *g = m->s->g;
    uint32_t n = m->s->nsel;

    for (uint32_t i = 0; i < n && !m->fault; i++)
        for (uint32_t v = g->v[m->s->sel[i].v].parent;
             v != VTX_NONE && m->s->vs[v].mark != m->s->mark; v = g->v[v].parent)
            select_vertex (m, v, false, g->v[v].size, NULL);
}

static int by_post (const void *pa, const void *pb, void *arg)
{
    const struct graph *g = arg;
    uint32_t a = g->v[((const struct selected *)pa)->v].post;
    uint32_t b = g->v[((const struct selected *)pb)->v].post;

    return a < b ? -1 : a > b;
}

int match_now (struct match *m, const struct window *w, flux_error_t *error)
{
    struct scheduler *s = m->s;
    struct pick *picks = NULL;

    m->w = *w;
    m->fault = 0;
    m->error = error;
    s->nsel = 0;
    bool found = match_top (m, m->req, &picks);
    if (!m->fault && !found)
        m->fault = EBUSY;
    if (!m->fault) {
        s->mark++;
        select_picks (m, picks);
        if (s->policy.node_exclusive)
            select_whole_nodes (m);
        select_above (m);
    }
    if (m->fault) {
        errno = m->fault;
        return -1;
    }
    qsort_r (s->sel, s->nsel, sizeof (*s->sel), by_post, s->g);
    return 0;
}
