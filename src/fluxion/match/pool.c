#include "fluxion/match/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool subscribed (const struct scheduler *s, const struct subsystem *sub)
{
    const char *name = graph_string (s->g, sub->name), *p = s->subsystems;
    size_t len = strlen (name);

    while (p && *p) {
        size_t n = strcspn (p, ",:");
        if (n == len && memcmp (p, name, n) == 0)
            return true;
        p += strcspn (p, ",");
        p += *p == ',';
    }
    return false;
}

void pools_destroy (struct scheduler *s)
{
    struct pools *p = s->pools;

    if (!p)
        return;
    free (p->used);
    free (p->is_type);
    free (p->is_pool);
    free (p->live);
    free (p->trial);
    free (p->seen);
    free (p->wanted);
    free (p->log);
    free (p);
    s->pools = NULL;
}

static bool any_subscribed (const struct scheduler *s)
{
    for (uint32_t i = 0; i < s->g->nsub; i++)
        if (subscribed (s, &s->g->sub[i]))
            return true;
    return s->g->nextra > 0;
}

static void find_pools (struct scheduler *s)
{
    struct graph *g = s->g;
    struct pools *p = s->pools;

    for (uint32_t i = 0; i < g->nsub; i++) {
        const struct subsystem *sub = &g->sub[i];
        p->used[i] = subscribed (s, sub);
        for (uint32_t k = 0; p->used[i] && k < sub->nedges; k++)
            if (g->v[sub->edge[k].from].nchildren == 0)
                p->is_pool[sub->edge[k].from] = 1;
    }
    for (uint32_t v = 0; v < g->nv; v++) {
        p->is_pool[v] |= g->nsub && g->v[v].post == POST_NONE;
        p->is_pool[v] &= !g->v[v].gone;
        p->is_type[g->v[v].type] |= p->is_pool[v];
    }
    for (uint32_t v = 0; v < g->nv; v++)
        if (!g->v[v].gone && !p->is_pool[v])
            p->is_type[g->v[v].type] = 0;
}

int pools_rebuild (struct scheduler *s)
{
    struct graph *g = s->g;
    struct pools *p;

    pools_destroy (s);
    if (!any_subscribed (s))
        return 0;
    if (!(p = s->pools = calloc (1, sizeof (*p))))
        return -1;
    p->used = calloc (g->nsub, 1);
    p->is_type = calloc (g->types.count, 1);
    p->is_pool = calloc (g->nv, 1);
    p->live = calloc (g->nv, sizeof (*p->live));
    p->trial = calloc (g->nv, sizeof (*p->trial));
    p->seen = calloc (g->nv, sizeof (*p->seen));
    p->wanted = calloc (g->nv, sizeof (*p->wanted));
    if (!p->used || !p->is_type || !p->is_pool || !p->live || !p->trial || !p->seen
        || !p->wanted) {
        pools_destroy (s);
        errno = ENOMEM;
        return -1;
    }
    find_pools (s);
    for (uint32_t v = 0; v < g->nv; v++)
        for (uint32_t i = p->is_pool[v] ? s->vs[v].spans : 0; i; i = s->span[i].next)
            p->live[v] += s->span[i].reserved ? 0 : s->span[i].needs;
    return 0;
}

bool pools_asked (const struct scheduler *s, const struct resource *list, uint32_t n)
{
    for (uint32_t i = 0; s->pools && i < n; i++)
        if (is_pool_type (s, list[i].type_id)
            || pools_asked (s, list[i].with, list[i].nwith))
            return true;
    return false;
}

int64_t pool_free (struct scheduler *s, uint32_t v, const struct window *w)
{
    int64_t used = 0;

    if (!w->ignore) {
        used = sched_units_used (s, v, w);
        if (w->now && s->pools->live[v] > used)
            used = s->pools->live[v];
    }
    return s->g->v[v].size - used;
}

static bool log_draw (struct match *m, uint32_t v, int64_t units, bool exclusive)
{
    struct pools *p = m->s->pools;

    if (p->nlog == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 64;
        struct draw *log = realloc (p->log, cap * sizeof (*log));
        if (!log) {
            m->fault = ENOMEM;
            return false;
        }
        p->log = log;
        p->cap = cap;
    }
    p->log[p->nlog++] = (struct draw){ v, units, exclusive };
    p->trial[v] += units;
    return true;
}

void pool_undo (struct match *m, uint32_t nlog)
{
    struct pools *p = m->s->pools;

    while (p->nlog > nlog) {
        p->nlog--;
        p->trial[p->log[p->nlog].v] -= p->log[p->nlog].units;
    }
}

/* A vertex of the tree is chosen once, whichever way it is met, shared or not. */
static int64_t units_left (struct match *m, uint32_t v)
{
    if (!is_pool (m->s, v))
        return m->s->pools->trial[v] ? 0 : TOKENS;
    return pool_free (m->s, v, &m->w) - m->s->pools->trial[v];
}

static void count_wanted (struct match *m, uint32_t v)
{
    struct pools *p = m->s->pools;
    struct want *w = &p->wanted[v];

    if (w->epoch != p->epoch || w->tries != p->tries)
        *w =
            (struct want){ p->epoch, p->tries, pool_wanted (m, v), pool_wanted (m, v) };
    w->count++;
}

/* And what the match has chosen around it: without that, it would be free. */
static void note_holders (struct match *m, uint32_t v, int depth)
{
    uint32_t n;
    const uint32_t *up = graph_parents (m->s->g, v, &n);

    for (uint32_t i = 0; i < n && depth < GRAPH_MAX_DEPTH; i++)
        if (m->s->pools->trial[up[i]] > 0) {
            count_wanted (m, up[i]);
            note_holders (m, up[i], depth + 1);
        }
}

void pool_note_wanted (struct match *m, uint32_t v)
{
    count_wanted (m, v);
    if (!is_pool (m->s, v))
        note_holders (m, v, 0);
    m->s->pools->contended = true;
}

bool pool_claim (struct match *m, uint32_t v, bool exclusive)
{
    int64_t units = exclusive ? TOKENS : 1;

    if (units_left (m, v) >= units)
        return log_draw (m, v, units, exclusive);
    pool_note_wanted (m, v);
    return false;
}

bool pool_claim_below (struct match *m, uint32_t v)
{
    uint32_t n;
    const uint32_t *below = graph_below (m->s->g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        if (!match_down_within (m, below[i], v)
            && (!sched_idle (m->s, below[i], &m->w) || !pool_claim (m, below[i], true)))
            return false;
    return true;
}

static bool draw_list (struct match *m, uint32_t u, const struct resource *list,
                       uint32_t n);

/* Is v up, and nothing that it is in held by another job? */
static bool reachable (struct match *m, uint32_t v)
{
    struct scheduler *s = m->s;

    if (s->g->v[v].down && !m->w.ignore)
        return false;
    while ((v = s->g->v[v].parent) != VTX_NONE)
        if (!sched_shareable (s, v, &m->w))
            return false;
    return true;
}

/* Take from v itself, and from above it what is asked for with that. */
bool pool_draw_from (struct match *m, uint32_t v, const struct resource *r)
{
    struct scheduler *s = m->s;
    int64_t left = units_left (m, v), size = s->g->v[v].size;
    bool whole = r->exclusive == EXCL_TRUE;
    uint32_t nlog = s->pools->nlog;

    if (s->g->v[v].type != r->type_id || !reachable (m, v))
        return false;
    int64_t units = count_fit (&r->count, left);
    if ((units == 0 && r->count.min > 0) || (whole && left < size)) {
        if (s->pools->trial[v] > 0)
            pool_note_wanted (m, v);
        return false;
    }
    if (s->pools->cautious && pool_wanted (m, v))
        return false;
    if (units > 0 && !log_draw (m, v, whole ? size : units, whole))
        return false;
    if (draw_list (m, v, r->with, r->nwith))
        return true;
    pool_undo (m, nlog);
    return false;
}

/* A walk up from a vertex, until a pool is taken; or all of them are listed. */
struct climb {
    struct match *m;
    const struct resource *r;
    struct list *all; /* NULL: draw */
    uint32_t stamp;
    bool fed;
};

static bool meet (struct climb *c, uint32_t v)
{
    struct cand *cand;

    if (!is_pool (c->m->s, v))
        return false;
    if (!c->all)
        return pool_draw_from (c->m, v, c->r);
    if (c->m->s->g->v[v].type == c->r->type_id && (cand = cand_add (c->m, c->all)))
        cand->v = v;
    return false;
}

/* Depth first, each vertex once; what is down feeds nobody. */
static bool climb (struct climb *c, uint32_t u, int depth)
{
    struct scheduler *s = c->m->s;

    for (uint32_t i = 0; i < s->g->nsub && depth < GRAPH_MAX_DEPTH; i++) {
        const struct subsystem *sub = &s->g->sub[i];
        if (!s->pools->used[i])
            continue;
        for (uint32_t k = sub->up_first[u]; k < sub->up_first[u + 1]; k++) {
            uint32_t v = sub->up[k];
            c->fed = true;
            if (s->pools->seen[v] == c->stamp || (s->g->v[v].down && !c->m->w.ignore))
                continue;
            s->pools->seen[v] = c->stamp;
            s->counts.preorder++;
            if (meet (c, v))
                return true;
            if (c->m->fault || climb (c, v, depth + 1))
                return !c->m->fault;
        }
    }
    return false;
}

uint32_t pools_new_stamp (struct scheduler *s)
{
    struct pools *p = s->pools;

    if (p->stamp >= UINT32_MAX - 3) {
        memset (p->seen, 0, s->g->nv * sizeof (*p->seen));
        p->stamp = 0;
    }
    return p->stamp += 2;
}

static bool climb_from (struct climb *c, uint32_t u)
{
    struct graph *g = c->m->s->g;

    for (uint32_t i = 0; i < g->v[u].nchildren; i++)
        if (meet (c, graph_children (g, u)[i].child))
            return true;
    for (; u != VTX_NONE && !c->fed; u = g->v[u].parent) {
        c->stamp = pools_new_stamp (c->m->s);
        if (climb (c, u, 0))
            return true;
    }
    return false;
}

static bool draw (struct match *m, uint32_t u, const struct resource *r)
{
    struct climb c = { .m = m, .r = r };

    return climb_from (&c, u);
}

void pool_sources (struct match *m, uint32_t u, const struct resource *r,
                   struct list *out)
{
    struct climb c = { .m = m, .r = r, .all = out };

    if (u != VTX_NONE)
        climb_from (&c, u);
    else
        for (uint32_t v = 0; v < m->s->g->nv && !m->fault; v++)
            if (!m->s->g->v[v].gone)
                meet (&c, v);
}

bool pool_draw (struct match *m, uint32_t u, const struct resource *r)
{
    struct pools *p = m->s->pools;
    bool cautious = p->cautious, done;

    done = draw (m, u, r);
    if (done || !cautious || p->strict || m->fault)
        return done;
    p->cautious = false;
    done = draw (m, u, r);
    p->cautious = true;
    return done;
}

bool pool_draw_any (struct match *m, const struct resource *r)
{
    struct graph *g = m->s->g;

    for (uint32_t v = 0; v < g->nv && !m->fault; v++)
        if (!g->v[v].gone && is_pool (m->s, v) && pool_draw_from (m, v, r))
            return true;
    return false;
}

static bool draw_list (struct match *m, uint32_t u, const struct resource *list,
                       uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!is_pool_type (m->s, list[i].type_id)) {
            m->fault = EINVAL;
            snprintf (m->error->text, sizeof (m->error->text),
                      "%s cannot be below %s: only what feeds it can", list[i].type,
                      graph_type_name (m->s->g, m->s->g->v[u].type));
            return false;
        }
        if (!pool_draw (m, u, &list[i]))
            return false;
    }
    return true;
}

void pool_keep (struct match *m, struct pick *p, uint32_t nlog)
{
    struct pools *pools = m->s->pools;
    uint32_t n = pools->nlog - nlog;
    struct draw *d;

    if (n == 0)
        return;
    if (!(d = arena_alloc (m->s->arena, (p->ndraws + n) * sizeof (*d)))) {
        m->fault = ENOMEM;
        return;
    }
    if (p->ndraws)
        memcpy (d, p->draws, p->ndraws * sizeof (*d));
    memcpy (d + p->ndraws, pools->log + nlog, n * sizeof (*d));
    p->draws = d;
    p->ndraws += n;
}

bool pool_redraw (struct match *m, const struct pick *p)
{
    uint32_t nlog = m->s->pools->nlog;

    for (; p; p = p->next)
        for (uint32_t i = 0; i < p->ndraws; i++) {
            const struct draw *d = &p->draws[i];
            bool left = units_left (m, d->v) >= d->units;
            if (!left)
                pool_note_wanted (m, d->v);
            if (!left || !log_draw (m, d->v, d->units, d->exclusive)) {
                pool_undo (m, nlog);
                return false;
            }
        }
    return true;
}

/* What several vertices draw from one pool is one entry. */
void pool_select (struct match *m)
{
    struct scheduler *s = m->s;
    struct pools *p = s->pools;

    for (uint32_t i = 0; i < p->nlog && !m->fault; i++) {
        const struct draw *d = &p->log[i];
        int64_t sum = p->trial[d->v];
        if (is_pool (s, d->v) && s->vs[d->v].mark != s->mark)
            select_vertex (m, d->v, d->exclusive, sum, NULL);
    }
}
