/* Candidates and their order. */
#include "base/sort.h"
#include "fluxion/match/match_priv.h"

#include <stdlib.h>
#include <string.h>

static struct cand *make_room (struct match *m, struct list *l)
{
    if (l->n == l->cap) {
        /* What is not used of it costs nothing; to copy it does. */
        uint32_t cap = l->cap == 0 ? 8 : l->cap < 1024 ? l->cap * 2 : l->cap * 4;
        struct cand *c = arena_take (m->s->arena, cap * sizeof (*c));
        if (!c) {
            m->fault = ENOMEM;
            return NULL;
        }
        if (l->n)
            memcpy (c, l->c, l->n * sizeof (*c));
        l->c = c;
        l->cap = cap;
    }
    return &l->c[l->n++];
}

struct cand *cand_add (struct match *m, struct list *l)
{
    struct cand *c = make_room (m, l);

    if (c)
        *c = (struct cand){ .order = l->n - 1 };
    return c;
}

void cand_copy (struct match *m, struct list *l, const struct cand *c)
{
    struct cand *to = make_room (m, l);

    if (!to)
        return;
    if (to != c)
        *to = *c;
    to->order = l->n - 1;
}

int64_t cand_node_factor (const struct match *m, uint32_t v)
{
    const struct vertex *x = &m->s->g->v[v];

    if (!m->s->policy.node_centric || x->type != m->s->g->t_node)
        return 0;
    return node_factor (m->s->g, v);
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
    return score_sum (g->v[v].id, 2);
}

/* Locality: as few parents as can be, those that have most first; of what is below one,
 * the longest run of ids. */
struct near {
    int64_t have;   /* units below the parent, at most those that are wanted */
    uint32_t run;   /* length of the run of ids that it is in */
    uint32_t first; /* of the parent: when it was found */
};

static int by_group (const void *pa, const void *pb)
{
    const struct cand *a = pa, *b = pb;

    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static bool in_groups (const struct list *l)
{
    for (uint32_t i = 1; i < l->n; i++)
        if (by_group (&l->c[i - 1], &l->c[i]) > 0)
            return false;
    return true;
}

static void find_runs (const struct cand *c, struct near *near, uint32_t n)
{
    for (uint32_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && c[k].score <= score_sum (c[k - 1].score, 1);)
            k++;
        for (uint32_t j = i; j < k; j++)
            near[j].run = k - i;
    }
}

static void measure_group (const struct cand *c, struct near *near, uint32_t n,
                           int64_t want)
{
    uint32_t first = UINT32_MAX;
    int64_t have = 0;

    for (uint32_t i = 0; i < n; i++) {
        have += c[i].units;
        first = c[i].order < first ? c[i].order : first;
    }
    for (uint32_t i = 0; i < n; i++) {
        near[i].have = have < want ? have : want;
        near[i].first = first;
    }
    find_runs (c, near, n);
}

/* The list may be in another order then: by group. */
static struct near *measure (struct match *m, struct list *l, int64_t want)
{
    struct near *near = arena_take (m->s->arena, (l->n + 1) * sizeof (*near));

    if (!near)
        return NULL;
    if (!in_groups (l))
        sort_array (l->c, l->n, sizeof (*l->c), by_group);
    for (uint32_t i = 0, k; i < l->n; i = k) {
        for (k = i + 1; k < l->n && l->c[k].group == l->c[i].group;)
            k++;
        measure_group (l->c + i, near + i, k - i, want);
    }
    return near;
}

static bool is_nearer (const struct ranking *r, uint32_t i, uint32_t k)
{
    const struct near *a = &r->near[i], *b = &r->near[k];
    const struct cand *x = &r->c[i], *y = &r->c[k];

    if (a->have != b->have)
        return a->have > b->have;
    if (a->first != b->first)
        return a->first < b->first;
    if (a->run != b->run)
        return a->run > b->run;
    if (x->score != y->score)
        return x->score > y->score;
    return x->order < y->order;
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

static bool is_better (const struct ranking *r, uint32_t i, uint32_t k)
{
    return r->near ? is_nearer (r, i, k) : r->compare (&r->c[i], &r->c[k]) < 0;
}

static int by_rank (const void *pa, const void *pb, void *arg)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

    return a == b ? 0 : is_better (arg, a, b) ? -1 : 1;
}

static void sift (struct ranking *r, uint32_t at)
{
    uint32_t *heap = r->index, i = heap[at];

    for (uint32_t kid; (kid = 2 * at + 1) < r->n; at = kid) {
        if (kid + 1 < r->n && is_better (r, heap[kid + 1], heap[kid]))
            kid++;
        if (!is_better (r, heap[kid], i))
            break;
        heap[at] = heap[kid];
    }
    heap[at] = i;
}

/* Of so many candidates that are looked at one is wanted: then it is not worth while to
 * sort them all. */
#define FEW 8

bool cand_rank (struct match *m, struct list *l, int64_t want, struct ranking *r)
{
    enum policy_kind kind = m->s->policy.kind;

    *r = (struct ranking){ .c = l->c,
                           .n = l->n,
                           .compare =
                               kind == POLICY_HIGH ? by_score_down : by_score_up };
    if (l->n < 2)
        return true;
    r->heap = want < r->n / FEW;
    if (kind != POLICY_LOCALITY && !r->heap) {
        sort_array (l->c, l->n, sizeof (*l->c), r->compare);
        return true;
    }
    if (!(r->index = arena_take (m->s->arena, l->n * sizeof (*r->index)))
        || (kind == POLICY_LOCALITY && !(r->near = measure (m, l, want)))) {
        m->fault = ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < r->n; i++)
        r->index[i] = i;
    for (uint32_t i = r->n / 2; r->heap && i-- > 0;)
        sift (r, i);
    if (!r->heap)
        sort_array_with (r->index, r->n, sizeof (*r->index), by_rank, r);
    return true;
}

struct cand *cand_next (struct ranking *r)
{
    if (!r->heap) {
        uint32_t at = r->at++;
        return at >= r->n ? NULL : &r->c[r->index ? r->index[at] : at];
    }
    if (r->n == 0)
        return NULL;
    uint32_t best = r->index[0];
    r->index[0] = r->index[--r->n];
    if (r->n)
        sift (r, 0);
    return &r->c[best];
}

void cand_sort (struct match *m, struct list *l, int64_t want)
{
    struct ranking r;
    struct cand *sorted, *c;
    uint32_t n = 0;

    if (!cand_rank (m, l, want, &r) || !r.index)
        return;
    if (!(sorted = arena_take (m->s->arena, l->n * sizeof (*sorted)))) {
        m->fault = ENOMEM;
        return;
    }
    while ((c = cand_next (&r)))
        sorted[n++] = *c;
    l->c = sorted;
    l->cap = l->n;
}

void cand_set (struct match *m, struct cand *c, uint32_t v, int64_t factor)
{
    c->v = v;
    c->score = score_sum (own_score (m, v), factor);
    c->uniq = m->s->policy.node_centric ? m->s->g->v[v].uniq_id : 0;
}
