/* Candidates and their order. */
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

void cand_sort (struct match *m, struct list *l)
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

void cand_set (struct match *m, struct cand *c, uint32_t v, int64_t factor)
{
    c->v = v;
    c->score = own_score (m, v) + factor;
    c->uniq = m->s->policy.node_centric ? m->s->g->v[v].uniq_id : 0;
}
