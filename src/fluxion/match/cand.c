/* Candidates and their order. */
#include "base/sort.h"
#include "fluxion/match/match_priv.h"

#include <stdlib.h>
#include <string.h>

struct cand *cand_add (struct match *m, struct list *l)
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

int64_t cand_node_factor (const struct match *m, uint32_t v)
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
        const struct property *p = NULL;
        /* What is below a node is as good as the node. */
        for (uint32_t u = v; u != VTX_NONE && !p; u = g->v[u].parent)
            p = graph_get_property (g, u, "perf_class");
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

/* Locality: as few parents as can be, those that have most first; of what is below one,
 * the longest run of ids. */
struct near {
    struct cand c;
    int64_t have;   /* units below the parent, at most those that are wanted */
    uint32_t run;   /* length of the run of ids that it is in */
    uint32_t first; /* of the parent: when it was found */
};

static int by_group (const void *pa, const void *pb)
{
    const struct near *a = pa, *b = pb;

    if (a->c.group != b->c.group)
        return a->c.group < b->c.group ? -1 : 1;
    if (a->c.score != b->c.score)
        return a->c.score < b->c.score ? -1 : 1;
    return a->c.order < b->c.order ? -1 : 1;
}

static int by_nearness (const void *pa, const void *pb)
{
    const struct near *a = pa, *b = pb;

    if (a->have != b->have)
        return a->have > b->have ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->run != b->run)
        return a->run > b->run ? -1 : 1;
    if (a->c.score != b->c.score)
        return a->c.score > b->c.score ? -1 : 1;
    return a->c.order < b->c.order ? -1 : 1;
}

static void find_runs (struct near *list, uint32_t n)
{
    for (uint32_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && list[k].c.score - list[k - 1].c.score <= 1;)
            k++;
        for (uint32_t j = i; j < k; j++)
            list[j].run = k - i;
    }
}

static void measure_group (struct near *list, uint32_t n, int64_t want)
{
    uint32_t first = UINT32_MAX;
    int64_t have = 0;

    for (uint32_t i = 0; i < n; i++) {
        have += list[i].c.units;
        first = list[i].c.order < first ? list[i].c.order : first;
    }
    for (uint32_t i = 0; i < n; i++) {
        list[i].have = have < want ? have : want;
        list[i].first = first;
    }
    find_runs (list, n);
}

static void sort_locality (struct match *m, struct list *l, int64_t want)
{
    struct near *list = arena_alloc (m->s->arena, l->n * sizeof (*list));

    if (!list) {
        m->fault = ENOMEM;
        return;
    }
    for (uint32_t i = 0; i < l->n; i++)
        list[i].c = l->c[i];
    sort_array (list, l->n, sizeof (*list), by_group);
    for (uint32_t i = 0, k; i < l->n; i = k) {
        for (k = i + 1; k < l->n && list[k].c.group == list[i].c.group;)
            k++;
        measure_group (list + i, k - i, want);
    }
    sort_array (list, l->n, sizeof (*list), by_nearness);
    for (uint32_t i = 0; i < l->n; i++)
        l->c[i] = list[i].c;
}

void cand_sort (struct match *m, struct list *l, int64_t want)
{
    const struct policy *p = &m->s->policy;

    if (l->n < 2)
        return;
    if (p->kind == POLICY_LOCALITY)
        sort_locality (m, l, want);
    else
        sort_array (l->c, l->n, sizeof (*l->c),
                    p->kind == POLICY_HIGH ? by_score_down : by_score_up);
}

void cand_set (struct match *m, struct cand *c, uint32_t v, int64_t factor)
{
    c->v = v;
    c->score = own_score (m, v) + factor;
    c->uniq = m->s->policy.node_centric ? m->s->g->v[v].uniq_id : 0;
}
