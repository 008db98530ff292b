#include "base/sort.h"
#include "fluxion/match/pool.h"

#include <stdlib.h>

/* Selection: picks and all that is above them, in post-order. */

bool select_vertex (struct match *m, uint32_t v, bool exclusive, int64_t needs,
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

bool match_down_within (const struct match *m, uint32_t v, uint32_t top)
{
    const struct graph *g = m->s->g;

    if (m->w.ignore)
        return false;
    for (; v != top && g->v[v].depth > g->v[top].depth; v = g->v[v].parent)
        if (g->v[v].down)
            return true;
    return false;
}

/* What is down is nobody's. */
static void select_below (struct match *m, uint32_t v)
{
    struct graph *g = m->s->g;
    uint32_t n;
    const uint32_t *below = graph_below (g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        if (!match_down_within (m, below[i], v)
            && !select_vertex (m, below[i], true, g->v[below[i]].size, NULL))
            return;
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
        while (v != VTX_NONE && !match_takes_whole (m, v))
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

/* One of the ways up that may be gone, and what is selected already before the others. */
static bool select_way_up (struct match *m, uint32_t v)
{
    struct scheduler *s = m->s;
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        if (s->vs[up[i]].mark == s->mark)
            return true;
    for (uint32_t i = 0; i < n; i++)
        if (match_can_pass (m, up[i]) && select_way_up (m, up[i]))
            return select_vertex (m, up[i], false, s->g->v[up[i]].size, NULL);
    return v == s->g->root;
}

static void select_above (struct match *m)
{
    struct graph *g = m->s->g;
    uint32_t n = m->s->nsel;

    if (g->nextra) {
        for (uint32_t i = 0; i < n && !m->fault; i++)
            select_way_up (m, m->s->sel[i].v);
        return;
    }

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

    if (a == b) { /* not of the tree */
        a = ((const struct selected *)pa)->v;
        b = ((const struct selected *)pb)->v;
    }
    return a < b ? -1 : a > b;
}

/* Where a vertex can be reached in several ways, what is taken along with another has not
 * been looked at from all sides. */
static void check_selected (struct match *m)
{
    struct scheduler *s = m->s;

    for (uint32_t i = 0; i < s->nsel && !m->fault; i++) {
        const struct selected *sel = &s->sel[i];
        if (!is_pool (s, sel->v)
            && !(sel->exclusive ? sched_idle (s, sel->v, &m->w)
                                : sched_shareable (s, sel->v, &m->w)))
            m->fault = EBUSY;
    }
}

void match_select (struct match *m, const struct pick *picks)
{
    struct scheduler *s = m->s;

    s->nsel = 0;
    sched_new_mark (s);
    select_picks (m, picks);
    if (s->policy.node_exclusive)
        select_whole_nodes (m);
    if (m->pools)
        pool_select (m);
    select_above (m);
    if (s->g->nextra)
        check_selected (m);
    if (!m->fault)
        sort_array_with (s->sel, s->nsel, sizeof (*s->sel), by_post, s->g);
}
