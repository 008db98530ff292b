/* One match at one time: walk the graph with a request, and choose.
 *
 * A candidate's score is known before it is known whether it serves: so candidates
 * are tried best first, and only as many as are needed. Where that order depends on
 * what is found (slots of several cores, anywhere below), all of them are tried. */
#include "base/sort.h"
#include "fluxion/match/index.h"
#include "fluxion/match/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool match_takes_whole (const struct match *m, uint32_t v)
{
    return m->s->policy.node_exclusive && is_node (m, v);
}

bool match_can_pass (struct match *m, uint32_t v)
{
    m->s->counts.preorder++;
    if (match_takes_whole (m, v) ? !sched_idle (m->s, v, &m->w)
                                 : !sched_shareable (m->s, v, &m->w))
        return false;
    if (m->s->g->nextra && m->s->pools->trial[v] >= TOKENS) {
        pool_note_wanted (m, v);
        return false; /* taken by this match, from elsewhere */
    }
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

bool match_serves (struct match *m, uint32_t v, const struct resource *r, bool excl)
{
    m->s->counts.preorder++;
    return (excl ? sched_idle (m->s, v, &m->w) : sched_shareable (m->s, v, &m->w))
           && meets_constraint (m, v)
           && (!r->nwith || enough_below (m, v, need_below (m, r)));
}

static bool choose_below (struct match *m, uint32_t u, const struct resource *with,
                          uint32_t nwith, bool excl, struct pick **kids);

static struct pick *try_vertex (struct match *m, uint32_t v, const struct resource *r,
                                bool excl)
{
    struct scheduler *s = m->s;
    bool whole = r->exclusive == EXCL_TRUE || match_takes_whole (m, v);
    struct pick *p, *kids = NULL;
    uint32_t drawn = m->pools ? s->pools->nlog : 0;

    if (m->fault)
        return NULL;
    if (excl && r->exclusive == EXCL_FALSE) {
        m->fault = EINVAL;
        snprintf (m->error->text, sizeof (m->error->text),
                  "by_excl: exclusivity conflicts at jobspec=%s", r->type);
        return NULL;
    }
    excl |= whole;
    if (!match_serves (m, v, r, excl))
        return NULL;
    /* What has been claimed inside is met again on the way through another parent. */
    if (s->g->nextra
        && (!pool_claim (m, v, excl)
            || (whole && !r->nwith && !pool_claim_below (m, v)))) {
        pool_undo (m, drawn);
        return NULL;
    }
    if (r->nwith && !choose_below (m, v, r->with, r->nwith, excl, &kids)) {
        if (m->pools)
            pool_undo (m, drawn);
        return NULL;
    }
    if (s->g->nextra && whole && r->nwith && !m->draws) {
        /* All that is below is taken, not only what was asked for. */
        pool_undo (m, drawn);
        if (!pool_claim (m, v, excl) || !pool_claim_below (m, v)) {
            pool_undo (m, drawn);
            return NULL;
        }
    }
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
    if (m->pools)
        pool_keep (m, p, drawn);
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
    struct visit *list; /* in order; NULL: fan, or edges as they are */
    const struct edge *edge;
    uint32_t n, at;
    struct fan *fan;
    struct fan_pos pos;
    enum fan_filter filter;
};

static bool is_cautious (const struct match *m)
{
    return m->pools && m->s->pools->cautious;
}

/* What others of the match want is lighter than all that they do not, see pool.h. */
static uint32_t cautious_weight (const struct match *m, uint32_t v, uint32_t weight)
{
    uint32_t wanted = pool_wanted (m, v);

    if (wanted > 0)
        return wanted < 1000 ? 1000 - wanted : 0;
    return weight > 1000 ? weight : 1001;
}

static struct visit *visit_order (struct match *m, uint32_t u)
{
    struct graph *g = m->s->g;
    const struct edge *e = graph_children (g, u);
    uint32_t n = g->v[u].nchildren;
    struct visit *visit = arena_alloc (m->s->arena, (n + 1) * sizeof (*visit));
    bool cautious = is_cautious (m), sorted = true;

    if (!visit) {
        m->fault = ENOMEM;
        return NULL;
    }
    /* The latest child first: of equal weight they are in order then. */
    for (uint32_t i = 0; i < n; i++) {
        const struct edge *c = &e[n - 1 - i];
        visit[i].child = c->child;
        visit[i].weight =
            cautious ? cautious_weight (m, c->child, c->weight) : c->weight;
        visit[i].uniq = g->v[c->child].uniq_id;
        sorted = sorted && (i == 0 || by_weight (&visit[i - 1], &visit[i]) <= 0);
    }
    if (!sorted)
        sort_array (visit, n, sizeof (*visit), by_weight);
    return visit;
}

/* Where only live jobs count, what cannot serve need not be visited. Where it only
 * matters whether there is a match, any order will do. */
static bool visits_start (struct match *m, uint32_t u, enum fan_filter filter,
                          struct visits *vs)
{
    memset (vs, 0, sizeof (*vs));
    vs->n = m->s->g->v[u].nchildren;
    vs->edge = graph_children (m->s->g, u);
    if (!m->s->policy.stop_on_first || m->w.ignore)
        return true;
    if (!is_cautious (m) && (vs->fan = index_fan (m->s, u))) {
        fan_start (vs->fan, &vs->pos);
        vs->filter = m->w.now ? filter : FAN_ALL;
        return true;
    }
    return (vs->list = visit_order (m, u));
}

static uint32_t visits_next (struct visits *vs)
{
    if (vs->fan)
        return fan_next (vs->fan, &vs->pos, vs->filter);
    if (vs->at == vs->n)
        return VTX_NONE;
    return vs->list ? vs->list[vs->at++].child : vs->edge[vs->at++].child;
}

bool match_is_beside (const struct resource *beside, uint32_t n, uint16_t type)
{
    for (uint32_t i = 0; i < n; i++)
        if (!beside[i].is_slot && beside[i].type_id == type)
            return true;
    return false;
}

enum slot_fit match_kind_fit (struct match *m, uint32_t u, const struct resource *r)
{
    uint32_t need = 0, have = 0;

    for (uint32_t k = 0; k < r->nwith; k++) {
        if (r->with[k].is_slot || is_pool_type (m->s, r->with[k].type_id))
            continue;
        need++;
        have += index_has_child (m->s, u, r->with[k].type_id);
    }
    return have == 0 ? SLOT_NONE : have < need ? SLOT_SOME : SLOT_WHOLE;
}

enum slot_fit match_slot_fit (struct match *m, uint32_t u, const struct query *q)
{
    enum slot_fit best = SLOT_NONE;

    for (uint32_t n = 0; n < q->nbeside && best < SLOT_WHOLE; n++) {
        enum slot_fit fit =
            q->beside[n].is_slot ? match_kind_fit (m, u, &q->beside[n]) : SLOT_NONE;
        best = fit > best ? fit : best;
    }
    return best;
}

static bool all_kinds_fit (struct match *m, uint32_t u, const struct query *q)
{
    for (uint32_t n = 0; n < q->nbeside; n++)
        if (q->beside[n].is_slot && match_kind_fit (m, u, &q->beside[n]) < SLOT_WHOLE)
            return false;
    return true;
}

/* Slots under u, if it is clear that they are to be looked for here. */
static bool gather_slots (struct match *m, uint32_t u, const struct query *q,
                          enum slot_fit fit, struct list *out)
{
    if (!q->pristine)
        match_slots (m, u, q, out);
    else if (fit == SLOT_WHOLE && (!m->s->flexible || all_kinds_fit (m, u, q)))
        match_slots (m, u, q, out);
    else if (fit > SLOT_NONE && match_alternatives (q) > 1)
        match_mixed_slots (m, u, q, out);
    else
        return false;
    return true;
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

void tally_add (const struct query *q, struct tally *t, int64_t units)
{
    t->units += units;
    t->part += units;
    if (q->bundle && t->part >= q->bundle) {
        t->part = 0;
        t->bundles++;
    }
}

bool tally_full (const struct query *q, const struct tally *t)
{
    return (q->bundle ? t->bundles : t->units) >= q->want;
}

/* Of many candidates few are taken: what nothing is asked for below need not be picked to
 * know that it serves. */
static bool can_check_lightly (const struct match *m, const struct query *q)
{
    return q->r->nwith == 0 && q->r->exclusive == EXCL_UNSET && !m->pools
           && !m->s->policy.stop_on_first && !m->s->policy.node_exclusive;
}

/* Where there are several ways to v, it is walked through once (the stamp, and 1 if
 * anything was found). Otherwise a walk would be as long as there are ways. */
static bool has_walked (const struct match *m, uint32_t v, uint32_t stamp, bool *found)
{
    if (!stamp || (m->s->pools->seen[v] & ~1u) != stamp)
        return false;
    *found |= m->s->pools->seen[v] & 1;
    return true;
}

static bool gather (struct match *m, uint32_t u, const struct query *q, bool verify,
                    uint32_t stamp, struct list *out);

/* Levels add the factor of nodes that are passed through. */
static bool walk_through (struct match *m, uint32_t v, const struct query *q,
                          bool verify, uint32_t stamp, struct list *out)
{
    uint32_t was = out->n;
    bool found = gather (m, v, q, verify, stamp, out);

    if (stamp)
        m->s->pools->seen[v] = stamp | found;
    for (uint32_t k = was; k < out->n; k++)
        out->c[k].score = score_sum (out->c[k].score, cand_node_factor (m, v));
    return found;
}

/* True: there are candidates below u, though they may have been found on another way. */
static bool gather (struct match *m, uint32_t u, const struct query *q, bool verify,
                    uint32_t stamp, struct list *out)
{
    struct graph *g = m->s->g;
    struct visits visits;
    struct tally found = { 0 };
    enum slot_fit fit = SLOT_NONE;
    uint32_t v, before = out->n;
    bool lightly = can_check_lightly (m, q), below = false;

    if (m->fault)
        return false;
    if (q->r->is_slot) {
        fit = match_slot_fit (m, u, q);
        if (gather_slots (m, u, q, fit, out))
            return out->n > before;
    }
    if (!visits_start (m, u, useful_children (m, q), &visits))
        return false;
    while (!m->fault && (v = visits_next (&visits)) != VTX_NONE) {
        uint32_t was = out->n;
        if (m->s->policy.stop_on_first && verify && tally_full (q, &found))
            break;
        if (!q->r->is_slot && g->v[v].type == q->r->type_id) {
            struct pick *p = NULL;
            uint32_t drawn = m->pools ? m->s->pools->nlog : 0;
            if (verify
                && (lightly ? !match_serves (m, v, q->r, q->excl)
                            : !(p = try_vertex (m, v, q->r, q->excl))))
                continue;
            if (m->pools && !m->s->policy.stop_on_first)
                pool_undo (m, drawn); /* not all candidates will be taken */
            struct cand *c = cand_add (m, out);
            if (!c)
                return false;
            cand_set (m, c, v, 0);
            c->group = u;
            c->units = g->v[v].size;
            c->pick = p;
        } else if (q->pristine && g->v[v].nchildren
                   && !match_is_beside (q->beside, q->nbeside, g->v[v].type)
                   && !has_walked (m, v, stamp, &below)
                   && enough_below (m, v, need_one (m, q->r))
                   && match_can_pass (m, v)) {
            below |= walk_through (m, v, q, verify, stamp, out);
        }
        for (uint32_t k = was; k < out->n; k++)
            tally_add (q, &found, out->c[k].units);
    }
    /* No vertex has all, but u has some of it and the rest may be below. */
    if (fit == SLOT_SOME && out->n == before && !below)
        match_slots (m, u, q, out);
    return below || out->n > before;
}

void match_gather (struct match *m, uint32_t u, const struct query *q, bool verify,
                   struct list *out)
{
    uint32_t stamp = m->s->g->nextra && q->pristine ? pools_new_stamp (m->s) : 0;

    gather (m, u, q, verify, stamp, out);
}

int64_t match_most (const struct count_spec *c)
{
    return c->list || c->min == c->max ? c->max : count_fit (c, c->max);
}

/* Take units from the chosen candidates: chain their picks. */
struct pick **pick_chain (struct pick **tail, struct pick *p)
{
    *tail = p;
    while (p->next)
        p = p->next;
    return &p->next;
}

static bool fits_policy_lazily (const struct match *m)
{
    return m->s->policy.kind != POLICY_LOCALITY && !m->s->policy.stop_on_first
           && !is_cautious (m);
}

/* Is one vertex one slot, so that slots can be searched like vertices? */
static const struct resource *slot_vertex (const struct match *m, const struct query *q)
{
    const struct resource *r = q->r, *e = r->with;

    if (!r->is_slot || r->nwith != 1 || e->is_slot || e->count.min != 1
        || e->count.max != 1 || match_alternatives (q) > 1)
        return NULL;
    return e;
}

/* Is every vertex between the root and v fit to be passed through? If a live job or
 * status forbids it, v is of no use until that changes. */
static bool can_reach (struct match *m, uint32_t v, struct order *o)
{
    struct scheduler *s = m->s;

    for (uint32_t p = s->g->v[v].parent; p != s->g->root; p = s->g->v[p].parent) {
        if (match_can_pass (m, p))
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
    struct tally found = { 0 };
    uint32_t at = 0, v;

    if (u != s->g->root || q->nbeside != 1 || !(o = index_order (s, q->r->type_id))
        || (!q->pristine && !order_is_direct (o)))
        return false;
    oq.now = m->w.now && !m->w.ignore;
    oq.idle = wants_idle (m, q);
    for (int k = 0; k < s->ntracked && oq.by < 0; k++)
        if (oq.need[k] > 0)
            oq.by = k;
    while (!tally_full (q, &found) && (v = order_next (s, o, &at, &oq)) != VTX_NONE) {
        struct pick *p;
        if (!can_reach (m, v, o) || !(p = try_vertex (m, v, q->r, q->excl))) {
            if (m->fault)
                return true;
            continue;
        }
        struct cand *c = cand_add (m, l);
        if (!c)
            return true;
        c->v = v;
        c->units = s->g->v[v].size;
        c->pick = p;
        tally_add (q, &found, q->slots ? 1 : c->units);
    }
    return true;
}

/* How much else in the match wants what the candidate has. */
static uint32_t wanted_elsewhere (const struct match *m, const struct cand *c)
{
    uint32_t n = pool_wanted (m, c->v);

    for (const struct pick *p = c->pick; p; p = p->next)
        for (uint32_t i = 0; i < p->ndraws; i++)
            n += pool_wanted (m, p->draws[i].v);
    return n;
}

static int by_wanted (const void *pa, const void *pb)
{
    const struct cand *a = pa, *b = pb;

    if (a->wanted != b->wanted)
        return a->wanted < b->wanted ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void put_wanted_last (struct match *m, struct list *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        l->c[i].order = i;
        l->c[i].wanted = wanted_elsewhere (m, &l->c[i]);
    }
    sort_array (l->c, l->n, sizeof (*l->c), by_wanted);
}

static bool rank (struct match *m, const struct query *q, struct list *l, bool sorted,
                  struct ranking *r)
{
    int64_t want = q->want;

    if (q->bundle && __builtin_mul_overflow (want, q->bundle, &want))
        want = INT64_MAX;
    *r = (struct ranking){ .c = l->c, .n = l->n };
    if (!is_cautious (m))
        return sorted || cand_rank (m, l, want, r);
    if (!sorted)
        cand_sort (m, l, want);
    put_wanted_last (m, l);
    r->c = l->c;
    return !m->fault;
}

void match_best (struct match *m, uint32_t u, const struct query *q, struct list *l)
{
    struct query vertices; /* one of which is one slot */
    const struct query *sub = q;
    const struct resource *e = slot_vertex (m, q);
    bool lazy = fits_policy_lazily (m) && (!q->r->is_slot || e);
    uint32_t drawn = m->pools ? m->s->pools->nlog : 0;
    struct tally found = { 0 };
    struct ranking r;
    struct cand *c;

    if (lazy && e) {
        vertices = *q;
        vertices.r = e;
        vertices.excl = true;
        vertices.slots = true;
        if (!q->pristine)
            vertices.pristine = match_slot_fit (m, u, q) < SLOT_WHOLE;
        vertices.beside = e;
        vertices.nbeside = 1;
        sub = &vertices;
    }
    bool done =
        lazy ? take_ordered (m, u, sub, l) : !m->pools && memo_take (m, u, q, l);
    if (!done)
        match_gather (m, u, sub, !lazy, l);
    if (m->pools)
        pool_undo (m, drawn);
    if (m->fault || !rank (m, q, l, done, &r))
        return;
    /* Those that are good take the place of the others, if they are looked at in order. */
    l->n = 0;
    if (r.index) {
        l->c = NULL;
        l->cap = 0;
    }
    while (!tally_full (q, &found) && !m->fault && (c = cand_next (&r))) {
        if (c->pick && m->pools && !pool_redraw (m, c->pick)) {
            /* There may be something else in it, or that feeds it. */
            if (!sub->r->is_slot)
                c->pick = NULL;
            else if (!match_redraw_slot (m, c))
                continue;
        }
        if (!c->pick && !(c->pick = try_vertex (m, c->v, sub->r, sub->excl)))
            continue;
        if (sub->slots)
            c->units = 1;
        tally_add (q, &found, c->units);
        cand_copy (m, l, c);
    }
    l->units = found.units;
}

/* As many of the best as the count allows. False: less than its minimum. */
static bool take (struct match *m, uint32_t u, const struct query *q,
                  struct pick **kids)
{
    struct list l = { 0 };
    struct pick **tail = kids;
    uint32_t drawn = m->pools ? m->s->pools->nlog : 0;

    match_best (m, u, q, &l);
    if (m->fault)
        return false;
    int64_t count = count_fit (&q->r->count, l.units);
    if (count == 0 && q->r->count.min > 0)
        return false;
    *kids = NULL;
    if (m->pools)
        pool_undo (m, drawn);
    for (uint32_t i = 0; i < l.n && count > 0; i++) {
        struct pick *p = l.c[i].pick;
        if (m->pools)
            pool_redraw (m, p); /* there was room for all of the list */
        if (!q->r->is_slot && !p->exclusive && p->needs > count)
            p->needs = count;
        count -= l.c[i].units;
        tail = pick_chain (tail, p);
    }
    return true;
}

uint32_t match_alternatives (const struct query *q)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < q->nbeside; i++)
        n += q->beside[i].is_slot;
    return n;
}

bool match_is_later_alternative (const struct resource *beside,
                                 const struct resource *slot)
{
    if (!slot->is_slot)
        return false;
    for (const struct resource *r = beside; r < slot; r++)
        if (r->is_slot)
            return true;
    return false;
}

static bool choose_below (struct match *m, uint32_t u, const struct resource *with,
                          uint32_t nwith, bool excl, struct pick **kids)
{
    struct pick **tail = kids;

    /* First what there is no choice about: slots may do without. */
    for (uint32_t i = 0; m->pools && i < nwith; i++)
        if (is_pool_type (m->s, with[i].type_id) && !pool_draw (m, u, &with[i]))
            return false;
    for (uint32_t i = 0; i < nwith; i++) {
        struct query q = {
            .r = &with[i],
            .beside = with,
            .nbeside = nwith,
            .excl = excl,
            .want = match_most (&with[i].count),
        };
        struct pick *p = NULL;
        if (match_is_later_alternative (q.beside, q.r)
            || (m->pools && is_pool_type (m->s, with[i].type_id)))
            continue;
        if (!take (m, u, &q, &p))
            return false;
        if (p)
            tail = pick_chain (tail, p);
    }
    return true;
}

/* The top level: the root itself may match, or be passed through. */
static bool match_top (struct match *m, struct pick **kids)
{
    struct graph *g = m->s->g;
    struct pick **tail = kids;
    uint16_t type = g->v[g->root].type;

    for (uint32_t i = 0; i < m->ntop; i++) {
        const struct resource *r = &m->top[i];
        struct query q = {
            .r = r,
            .beside = m->top,
            .nbeside = m->ntop,
            .pristine = true,
            .want = match_most (&r->count),
        };
        struct pick *p = NULL;
        if (match_is_later_alternative (q.beside, q.r))
            continue;
        if (m->pools && is_pool_type (m->s, r->type_id)) {
            if (!pool_draw_any (m, r))
                return false;
            continue;
        }
        if (!r->is_slot && r->type_id == type) {
            if (count_fit (&r->count, g->v[g->root].size) == 0
                || !(p = try_vertex (m, g->root, r, false)))
                return false;
        } else if (match_is_beside (m->top, m->ntop, type)
                   || !match_can_pass (m, g->root)
                   || !enough_below (m, g->root, need_one (m, r))
                   || !take (m, g->root, &q, &p)) {
            return false;
        }
        if (p)
            tail = pick_chain (tail, p);
    }
    return true;
}

static uint32_t slots_of (const struct resource *list, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++)
        count += list[i].is_slot;
    return count;
}

/* Any of several kinds of slots will do: only what all of them need is needed. */
static void need_of_alternatives (struct match *m, const struct resource *list,
                                  uint32_t n)
{
    struct scheduler *s = m->s;

    if (!s->flexible || slots_of (list, n) < 2)
        return;
    for (int k = 0; k < s->ntracked; k++) {
        int64_t least = INT64_MAX;
        for (uint32_t i = 0; i < n; i++) {
            int64_t one = m->need_one[(size_t)list[i].ord * s->ntracked + k];
            if (list[i].is_slot && one < least)
                least = one;
        }
        for (uint32_t i = 0; i < n; i++)
            if (list[i].is_slot)
                m->need_one[(size_t)list[i].ord * s->ntracked + k] = least;
    }
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
        if ((w->is_slot && s->flexible && slots_of (r->with, r->nwith) > 1)
            || is_pool_type (s, w->type_id))
            continue; /* which of them is not known; not below */
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
    need_of_alternatives (m, r->with, r->nwith);
    for (int k = 0; k < s->ntracked; k++) {
        one[k] = below[k];
        if (excl && !r->is_slot && r->type_id == s->tracked[k] && one[k] < INT64_MAX)
            one[k]++;
    }
}

int match_prepare (struct match *m)
{
    size_t n = (size_t)m->nall * m->s->ntracked + 1;

    m->need = arena_alloc (m->s->arena, n * sizeof (int64_t));
    m->need_one = arena_alloc (m->s->arena, n * sizeof (int64_t));
    if (!m->need || !m->need_one)
        return -1;
    for (uint32_t i = 0; i < m->ntop; i++)
        sum_need (m, &m->top[i], false);
    need_of_alternatives (m, m->top, m->ntop);
    m->draws = pools_asked (m->s, m->top, m->ntop);
    m->pools = m->draws || m->s->g->nextra;
    return 0;
}

static bool try_match (struct match *m, struct pick **picks)
{
    bool found;

    m->fault = 0;
    m->s->nsel = 0;
    *picks = NULL;
    if (m->pools)
        pool_undo (m, 0);
    found = match_top (m, picks);
    if (!m->fault && !found)
        m->fault = EBUSY;
    /* Whoever asks whether it could ever be does not ask what it would be. Only where
     * there are several ways up, there may be none. */
    if (!m->fault && (!m->w.ignore || m->s->g->nextra))
        match_select (m, *picks);
    if (m->pools)
        pool_undo (m, 0);
    return m->fault == 0;
}

int match_now (struct match *m, const struct window *w, flux_error_t *error)
{
    struct pools *p = m->pools ? m->s->pools : NULL;
    struct arena_mark mark = arena_mark (m->s->arena);
    struct pick *picks;
    bool contended = false;

    m->w = *w;
    m->error = error;
    m->missed = false;
    m->deals = DEALS_IN_ALL;
    if (p) {
        p->epoch++;
        p->cautious = false;
    }
    for (int i = 0; i < (p ? POOL_TRIES : 1); i++) {
        if (p) {
            p->contended = false;
            p->tries = i;
        }
        if (try_match (m, &picks) || m->fault != EBUSY || !p || !p->contended)
            break;
        p->cautious = contended = true;
        arena_release (m->s->arena, mark);
    }
    if (p && m->fault == EBUSY && (contended || m->missed)) {
        p->cautious = false;
        backtrack_match (m);
    }
    if (m->fault) {
        /* There may be thousands of times, and of alternatives, to try. */
        arena_release (m->s->arena, mark);
        errno = m->fault;
        return -1;
    }
    return 0;
}
