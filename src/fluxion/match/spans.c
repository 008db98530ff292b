/* Who holds what and when: spans, and the sums that change with them. */
#include "fluxion/match/index.h"
#include "fluxion/match/pool.h"

#include <stdlib.h>
#include <string.h>

int sched_tracked (const struct scheduler *s, uint16_t type)
{
    for (int k = 0; k < s->ntracked; k++)
        if (s->tracked[k] == type)
            return k;
    return -1;
}

/* What v adds to the usable units of its parent. */
int64_t sched_contribution (const struct scheduler *s, uint32_t v, int k)
{
    const struct vertex *x = &s->g->v[v];
    const struct vstate *st = &s->vs[v];
    int64_t n = 0;

    if (x->down || st->exclusive)
        return 0;
    if (x->type == s->tracked[k] && st->live == 0)
        n = x->size;
    if (st->agg != UINT32_MAX)
        n += s->usable[(size_t)st->agg * s->ntracked + k];
    return n;
}

/* Each path upwards counts, as it does in the sums. */
static void add_usable_all (struct scheduler *s, uint32_t v, int k, int64_t delta)
{
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++) {
        s->usable[(size_t)s->vs[up[i]].agg * s->ntracked + k] += delta;
        index_touch (s, up[i]);
        if (!s->g->v[up[i]].down && !s->vs[up[i]].exclusive)
            add_usable_all (s, up[i], k, delta);
    }
}

static void add_avail_all (struct scheduler *s, uint32_t v, int k, int64_t delta)
{
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++) {
        sched_row (s->avail, s, up[i])[k] += delta;
        add_avail_all (s, up[i], k, delta);
    }
}

static void add_usable (struct scheduler *s, uint32_t v, int k, int64_t delta)
{
    if (s->g->nextra) {
        add_usable_all (s, v, k, delta);
        return;
    }
    for (uint32_t p = s->g->v[v].parent; p != VTX_NONE; p = s->g->v[p].parent) {
        s->usable[(size_t)s->vs[p].agg * s->ntracked + k] += delta;
        index_touch (s, p);
        if (s->g->v[p].down || s->vs[p].exclusive)
            return;
    }
}

struct before {
    int64_t n[MAX_TRACKED];
};

static void before_change (struct scheduler *s, uint32_t v, struct before *b)
{
    for (int k = 0; k < s->ntracked; k++)
        b->n[k] = sched_contribution (s, v, k);
}

static void after_change (struct scheduler *s, uint32_t v, const struct before *b)
{
    for (int k = 0; k < s->ntracked; k++) {
        int64_t delta = sched_contribution (s, v, k) - b->n[k];
        if (delta)
            add_usable (s, v, k, delta);
    }
    index_touch (s, v);
}

/* A job keeps from others what it holds exclusively, and all that is below that. Its
 * spans are in post-order: backwards, a vertex comes before what is below it. */
void sched_count_units (const struct scheduler *s, const struct job *job,
                        int64_t *units)
{
    uint32_t covered = UINT32_MAX; /* from this post-order rank on */

    memset (units, 0, s->ntracked * sizeof (*units));
    for (uint32_t i = job->nspan; i-- > 0;) {
        const struct span *sp = &s->span[job->span[i]];
        if (!job->span[i] || !sp->exclusive)
            continue;
        const struct vertex *x = &s->g->v[sp->v];
        if (x->post >= covered)
            continue;
        covered = x->post - x->nbelow + 1;
        for (int k = 0; k < s->ntracked; k++) {
            if (x->type == s->tracked[k])
                units[k] += x->size;
            if (s->vs[sp->v].agg != UINT32_MAX)
                units[k] += s->total[(size_t)s->vs[sp->v].agg * s->ntracked + k];
        }
    }
}

void sched_plan_units (struct scheduler *s, const struct job *job, const int64_t *units,
                       int sign)
{
    for (int k = 0; k < s->ntracked; k++) {
        if (units[k] == 0)
            continue;
        if (sign > 0)
            planner_add (s->root_plan[k], job->at, job->end - job->at, units[k]);
        else
            planner_remove (s->root_plan[k], job->at, job->end - job->at, units[k]);
    }
}

void sched_recount (struct scheduler *s, struct job *job)
{
    sched_plan_units (s, job, job->units, -1);
    sched_count_units (s, job, job->units);
    sched_plan_units (s, job, job->units, 1);
}

/* Spans */

static int reserve_spans (struct scheduler *s, uint32_t n)
{
    if (s->span_cap - s->nspan >= n && s->span)
        return 0;
    uint64_t cap = (uint64_t)s->nspan + n + s->nspan / 2 + 64;
    if (cap > UINT32_MAX) {
        errno = ENOMEM;
        return -1;
    }
    struct span *span = realloc (s->span, cap * sizeof (*span));
    if (!span)
        return -1;
    s->span = span;
    s->span_cap = cap;
    return 0;
}

/* Of a pool, its units. */
static int64_t tokens (const struct scheduler *s, const struct span *sp)
{
    if (is_pool (s, sp->v))
        return sp->needs;
    return sp->exclusive ? TOKENS : 1;
}

/* What live exclusive spans take from the sums above them: of those that a vertex has
 * one after the other, the first that comes and the last that goes. */
static void count_avail (struct scheduler *s, const struct span *sp, int sign)
{
    int k = sched_tracked (s, s->g->v[sp->v].type);

    if (!sp->exclusive || sp->reserved || k < 0
        || s->vs[sp->v].exclusive != (sign > 0 ? 1 : 0))
        return;
    if (s->g->nextra) {
        add_avail_all (s, sp->v, k, -sign * sp->needs);
        return;
    }
    for (uint32_t p = s->g->v[sp->v].parent; p != VTX_NONE; p = s->g->v[p].parent)
        sched_row (s->avail, s, p)[k] -= sign * sp->needs;
}

static void link_span (struct scheduler *s, uint32_t i)
{
    struct span *sp = &s->span[i];
    struct vstate *st = &s->vs[sp->v];

    sp->prev = 0;
    sp->next = st->spans;
    if (st->spans)
        s->span[st->spans].prev = i;
    st->spans = i;
    st->nspans++;
    if (st->plan)
        planner_add (s->plan[st->plan - 1], sp->at, sp->end - sp->at, tokens (s, sp));
    if (!sp->reserved) {
        /* Only the first and an exclusive holder change what is usable. */
        bool first = st->live == 0;
        struct before b;
        if (first || sp->exclusive)
            before_change (s, sp->v, &b);
        st->live++;
        if (is_pool (s, sp->v))
            s->pools->live[sp->v] += sp->needs;
        st->exclusive += sp->exclusive;
        if (first || sp->exclusive)
            after_change (s, sp->v, &b);
    }
    count_avail (s, sp, 1);
}

static void unlink_span (struct scheduler *s, uint32_t i)
{
    struct span *sp = &s->span[i];
    struct vstate *st = &s->vs[sp->v];

    if (sp->prev)
        s->span[sp->prev].next = sp->next;
    else
        st->spans = sp->next;
    if (sp->next)
        s->span[sp->next].prev = sp->prev;
    st->nspans--;
    if (st->plan)
        planner_remove (s->plan[st->plan - 1], sp->at, sp->end - sp->at,
                        tokens (s, sp));
    if (!sp->reserved) {
        bool last = st->live == 1;
        struct before b;
        if (last || sp->exclusive)
            before_change (s, sp->v, &b);
        st->live--;
        if (is_pool (s, sp->v))
            s->pools->live[sp->v] -= sp->needs;
        st->exclusive -= sp->exclusive;
        if (last || sp->exclusive)
            after_change (s, sp->v, &b);
    }
    count_avail (s, sp, -1);
}

static uint32_t new_span (struct scheduler *s)
{
    uint32_t i = s->span_free;

    if (i)
        s->span_free = s->span[i].next;
    else
        i = s->nspan++;
    return i;
}

int sched_hold (struct scheduler *s, struct job *job, const struct selected *sel,
                uint32_t nsel)
{
    uint32_t slot = sched_slot (s, job->id);
    uint32_t *list = malloc ((nsel + 1) * sizeof (*list));

    job->units = calloc (s->ntracked + 1, sizeof (*job->units));
    if (!list || !job->units || reserve_spans (s, nsel) < 0
        || planner_add (s->calendar, job->at, job->end - job->at, 1) < 0) {
        free (list);
        return -1;
    }
    job->span = list;
    job->nspan = nsel;
    for (uint32_t i = 0; i < nsel; i++) {
        uint32_t n = list[i] = new_span (s);
        s->span[n] = (struct span){
            .v = sel[i].v,
            .job = slot,
            .at = job->at,
            .end = job->end,
            .needs = sel[i].needs,
            .exclusive = sel[i].exclusive,
            .reserved = job->state == JOB_RESERVED,
        };
        link_span (s, n);
    }
    sched_count_units (s, job, job->units);
    sched_plan_units (s, job, job->units, 1);
    return 0;
}

void sched_release (struct scheduler *s, struct job *job, uint32_t i)
{
    uint32_t n = job->span[i];

    if (!n)
        return;
    unlink_span (s, n);
    s->span[n].v = VTX_NONE;
    s->span[n].next = s->span_free;
    s->span_free = n;
    job->span[i] = 0;
}

void sched_share (struct scheduler *s, struct job *job, uint32_t i)
{
    unlink_span (s, job->span[i]);
    s->span[job->span[i]].exclusive = false;
    link_span (s, job->span[i]);
}

void sched_end (struct scheduler *s, struct job *job)
{
    sched_plan_units (s, job, job->units, -1);
    /* Parents before children: a freed parent passes sums on. */
    for (uint32_t i = job->nspan; i-- > 0;)
        sched_release (s, job, i);
    planner_remove (s->calendar, job->at, job->end - job->at, 1);
    sched_retire (s, job);
}

int scheduler_cancel (struct scheduler *s, uint64_t id)
{
    struct job *job = scheduler_job (s, id);

    if (!job || (job->state != JOB_ALLOCATED && job->state != JOB_RESERVED)) {
        errno = ENOENT;
        return -1;
    }
    s->counts.postorder = job->nspan;
    s->counts.preorder = 1;
    for (uint32_t i = 0; i < job->nspan; i++)
        s->counts.preorder += s->g->v[s->span[job->span[i]].v].nchildren;
    sched_end (s, job);
    return 0;
}

/* Windows */

static int make_plan (struct scheduler *s, uint32_t v)
{
    struct planner **plan = realloc (s->plan, (s->nplan + 1) * sizeof (*plan));

    if (!plan)
        return -1;
    s->plan = plan;
    if (!(plan[s->nplan] = planner_create (0, FOREVER * 2, INT64_MAX / 4)))
        return -1;
    for (uint32_t i = s->vs[v].spans; i; i = s->span[i].next) {
        const struct span *sp = &s->span[i];
        planner_add (plan[s->nplan], sp->at, sp->end - sp->at, tokens (s, sp));
    }
    s->vs[v].plan = ++s->nplan;
    return 0;
}

/* Tokens in use at most during the window: 0 none, < TOKENS only shared ones. */
static int64_t tokens_used (struct scheduler *s, uint32_t v, const struct window *w)
{
    struct vstate *st = &s->vs[v];
    int64_t used = 0;

    if (!st->nspans)
        return 0;
    if (st->nspans > SPANS_FOR_PLANNER && !st->plan)
        make_plan (s, v);
    if (st->plan) {
        const struct planner *p = s->plan[st->plan - 1];
        return planner_total (p) - planner_avail_during (p, w->at, w->duration);
    }
    for (uint32_t i = st->spans; i; i = s->span[i].next) {
        const struct span *sp = &s->span[i];
        if (sp->at < w->at + w->duration && sp->end > w->at)
            used |= tokens (s, sp);
    }
    return used;
}

int64_t sched_units_used (struct scheduler *s, uint32_t v, const struct window *w)
{
    struct vstate *st = &s->vs[v];
    int64_t used = 0;

    if (!st->nspans)
        return 0;
    if (!st->plan)
        make_plan (s, v);
    if (st->plan) {
        const struct planner *p = s->plan[st->plan - 1];
        return planner_total (p) - planner_avail_during (p, w->at, w->duration);
    }
    for (uint32_t i = st->spans; i; i = s->span[i].next) {
        const struct span *sp = &s->span[i];
        if (sp->at < w->at + w->duration && sp->end > w->at)
            used += sp->needs;
    }
    return used;
}

bool sched_idle (struct scheduler *s, uint32_t v, const struct window *w)
{
    if (w->ignore)
        return true;
    if (s->g->v[v].down || (w->now && s->vs[v].live))
        return false;
    return s->vs[v].nspans == 0 || tokens_used (s, v, w) == 0;
}

bool sched_shareable (struct scheduler *s, uint32_t v, const struct window *w)
{
    const struct vstate *st = &s->vs[v];

    if (w->ignore)
        return true;
    if (s->g->v[v].down || (w->now && st->exclusive))
        return false;
    if (is_pool (s, v))
        return pool_free (s, v, w) > 0;
    /* All are live and shared: nothing to look for. */
    if (st->nspans == 0 || (w->now && st->nspans == st->live))
        return true;
    return tokens_used (s, v, w) < TOKENS;
}

static void set_down (struct scheduler *s, uint32_t v, bool down)
{
    struct before b;

    if (s->g->v[v].down == down)
        return;
    before_change (s, v, &b);
    s->g->v[v].down = down;
    after_change (s, v, &b);
}

void scheduler_set_status (struct scheduler *s, uint32_t v, bool down)
{
    set_down (s, v, down);
}

bool scheduler_is_allocated (struct scheduler *s, uint32_t v)
{
    return s->vs[v].exclusive;
}

bool scheduler_is_reserved (struct scheduler *s, uint32_t v)
{
    for (uint32_t i = s->vs[v].spans; i; i = s->span[i].next)
        if (s->span[i].reserved && s->span[i].exclusive)
            return true;
    return false;
}

/* The root is asked about all types that leaves have. */
static bool is_filtered (const struct scheduler *s, uint32_t v, int k)
{
    for (uint32_t i = 0; i < s->nfilters; i++)
        if (s->filter[i].tracked == k
            && (s->filter[i].high == UINT16_MAX
                || s->filter[i].high == s->g->v[v].type))
            return true;
    return v == s->g->root;
}

int64_t scheduler_used_below (struct scheduler *s, uint32_t v, uint16_t type,
                              int64_t *total)
{
    int k = sched_tracked (s, type);

    if (k < 0 || s->vs[v].agg == UINT32_MAX || !is_filtered (s, v, k))
        return -1;
    *total = sched_row (s->total, s, v)[k];
    if (*total == 0)
        return -1;
    return *total - sched_row (s->avail, s, v)[k];
}

bool scheduler_has_filter (struct scheduler *s, uint32_t v)
{
    for (int k = 0; k < s->ntracked && s->vs[v].agg != UINT32_MAX; k++)
        if (is_filtered (s, v, k) && sched_row (s->total, s, v)[k] > 0)
            return true;
    return false;
}

bool scheduler_job_holds (const struct scheduler *s, const struct job *job, uint32_t i,
                          struct selected *sel)
{
    if (!job->span[i])
        return false;
    const struct span *sp = &s->span[job->span[i]];
    *sel = (struct selected){ sp->v, sp->exclusive, sp->needs, NULL };
    return true;
}

uint32_t sched_new_marks (struct scheduler *s, uint32_t n)
{
    if (s->mark > UINT32_MAX - n) {
        for (uint32_t v = 0; v < s->nvs; v++)
            s->vs[v].mark = 0;
        s->mark = 0;
    }
    s->mark += n;
    return s->mark - n + 1;
}

uint32_t sched_new_mark (struct scheduler *s)
{
    return sched_new_marks (s, 1);
}
