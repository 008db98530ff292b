/* Shortcuts for "now": which vertex of a type, or which child, comes next.
 *
 * An order holds all vertices of a type in the order of the policy (high, low), with
 * a bit for each that is idle, and trees of the greatest usable sums below them. A
 * fan holds the children of one vertex with many of them in the order of visits under
 * the policy `first`: a bitmap for each weight that occurs.
 *
 * They only rule out; what they offer is still checked. A vertex below one that is
 * held or down is taken out when it is met there ("parked"), and put back when that
 * one is free again. */
#include "fluxion/match/index.h"
#include "base/sort.h"
#include "fluxion/planning/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t index_fan_min = 64, index_order_min = 64;

struct order {
    uint16_t type;
    uint32_t n;
    uint32_t *v; /* in order */
    bool direct; /* all are children of the root */
    struct bitmap idle;
    struct maxtree *usable; /* per tracked type, or NULL: leaves */
};

struct bucket {
    uint32_t weight;
    uint32_t count;
    uint64_t *bits; /* by slot */
};

struct fan {
    uint32_t parent, n, nwords;
    uint32_t *child;       /* by slot: by uniq_id, descending */
    struct bucket *bucket; /* by weight, descending */
    uint32_t nbuckets;
    uint64_t *idle, *useful;
};

struct index {
    struct order **order; /* by type */
    uint32_t ntypes;
    uint32_t *pos; /* of a vertex in its order */
    struct fan **fan;
    uint32_t nfans;
    uint32_t *fan_of;          /* by vertex: fan + 1 of its parent, if any has one */
    uint32_t *fan_slot;        /* by vertex */
    uint8_t *parked;           /* by vertex: some below it were taken out */
    struct idmap *child_types; /* of vertices with many children */
    uint32_t *journal;         /* vertices that were touched, if anybody reads it */
    uint32_t njournal, journal_cap;
    uint64_t journal_start; /* number of the first one */
};

/* Orders */

static void order_destroy (struct order *o, int ntracked)
{
    if (!o)
        return;
    free (o->v);
    bitmap_fini (&o->idle);
    for (int k = 0; o->usable && k < ntracked; k++)
        maxtree_fini (&o->usable[k]);
    free (o->usable);
    free (o);
}

static void order_refresh (struct scheduler *s, struct order *o, uint32_t v)
{
    uint32_t i = s->index->pos[v];
    const struct vstate *st = &s->vs[v];
    bool down = s->g->v[v].down;

    if (i == NOWHERE)
        return;
    if (st->live == 0 && !down)
        bitmap_set (&o->idle, i);
    else
        bitmap_clear (&o->idle, i);
    for (int k = 0; o->usable && k < s->ntracked; k++) {
        int64_t n = -1;
        if (!down && !st->exclusive)
            n = st->agg == UINT32_MAX ? 0 : sched_row (s->usable, s, v)[k];
        maxtree_set (&o->usable[k], i, n);
    }
}

struct ranked {
    int64_t score, uniq;
    uint32_t post, v;
};

/* Among equal scores, as the policy looks at nodes first: by uniq_id. */
static int compare_low (const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;

    if (a->uniq != b->uniq)
        return a->uniq < b->uniq ? -1 : 1;
    return a->post < b->post ? -1 : 1;
}

static int compare_high (const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;

    if (a->uniq != b->uniq)
        return a->uniq > b->uniq ? -1 : 1;
    return a->post < b->post ? -1 : 1;
}

#define RADIX_BITS 11
#define RADIX (1u << RADIX_BITS)

/* Stable, so that equal scores stay in post-order. A graph of 100,000 nodes has
 * millions of cores. */
static int sort_by_score (struct ranked *r, uint32_t n, bool low)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    struct ranked *from = r, *to, *spare;

    for (uint32_t i = 0; i < n; i++) {
        min = r[i].score < min ? r[i].score : min;
        max = r[i].score > max ? r[i].score : max;
    }
    if (n < 2 || min == max)
        return 0;
    if (!(to = spare = malloc ((size_t)n * sizeof (*to))))
        return -1;
    uint64_t range = (uint64_t)max - (uint64_t)min;
    for (int shift = 0; shift < 64 && range >> shift; shift += RADIX_BITS) {
        uint32_t count[RADIX + 1] = { 0 };
        for (uint32_t i = 0; i < n; i++) {
            uint64_t key =
                low ? (uint64_t)from[i].score - min : (uint64_t)max - from[i].score;
            count[(key >> shift & (RADIX - 1)) + 1]++;
        }
        for (uint32_t i = 0; i < RADIX; i++)
            count[i + 1] += count[i];
        for (uint32_t i = 0; i < n; i++) {
            uint64_t key =
                low ? (uint64_t)from[i].score - min : (uint64_t)max - from[i].score;
            to[count[key >> shift & (RADIX - 1)]++] = from[i];
        }
        struct ranked *t = from;
        from = to;
        to = t;
    }
    if (from != r)
        memcpy (r, from, (size_t)n * sizeof (*r));
    free (spare);
    return 0;
}

static int sort_ranked (struct scheduler *s, struct ranked *r, uint32_t n)
{
    bool low = s->policy.kind == POLICY_LOW;

    if (sort_by_score (r, n, low) < 0)
        return -1;
    for (uint32_t i = 0, k; s->policy.node_centric && i < n; i = k) {
        for (k = i + 1; k < n && r[k].score == r[i].score;)
            k++;
        if (k > i + 1)
            sort_array (r + i, k - i, sizeof (*r), low ? compare_low : compare_high);
    }
    return 0;
}

static bool below_same (const struct graph *g, uint32_t v)
{
    uint16_t type = g->v[v].type;

    while ((v = g->v[v].parent) != VTX_NONE)
        if (g->v[v].type == type)
            return true;
    return false;
}

static struct ranked *rank_vertices (struct scheduler *s, uint16_t type, uint32_t *n)
{
    struct graph *g = s->g;
    uint32_t total = g->v[g->root].nbelow, count = 0;
    struct ranked *r;

    for (uint32_t i = 0; i < total; i++)
        count += g->v[g->by_post[i]].type == type;
    if (!(r = malloc (((size_t)count + 1) * sizeof (*r))))
        return NULL;
    *n = 0;
    for (uint32_t i = 0; i < total; i++) {
        uint32_t v = g->by_post[i];
        if (g->v[v].type != type || v == g->root || below_same (g, v))
            continue;
        r[*n] = (struct ranked){ .score = g->v[v].id, .post = i, .v = v };
        if (s->policy.node_centric) {
            r[*n].uniq = g->v[v].uniq_id;
            for (uint32_t p = g->v[v].parent; p != VTX_NONE; p = g->v[p].parent)
                if (g->v[p].type == g->t_node)
                    r[*n].score = score_sum (r[*n].score, node_factor (g, p));
        }
        (*n)++;
    }
    if (sort_ranked (s, r, *n) < 0) {
        free (r);
        return NULL;
    }
    return r;
}

static struct order *order_create (struct scheduler *s, uint16_t type)
{
    struct order *o = calloc (1, sizeof (*o));
    struct ranked *r = o ? rank_vertices (s, type, &o->n) : NULL;
    bool rows = false;

    if (!r || !(o->v = malloc ((o->n + 1) * sizeof (*o->v)))
        || bitmap_init (&o->idle, o->n) < 0)
        goto error;
    o->type = type;
    o->direct = true;
    for (uint32_t i = 0; i < o->n; i++) {
        o->v[i] = r[i].v;
        s->index->pos[r[i].v] = i;
        rows |= s->vs[r[i].v].agg != UINT32_MAX;
        o->direct &= s->g->v[r[i].v].parent == s->g->root;
    }
    if (rows && s->ntracked > 0) {
        if (!(o->usable = calloc (s->ntracked, sizeof (*o->usable))))
            goto error;
        for (int k = 0; k < s->ntracked; k++)
            if (maxtree_init (&o->usable[k], o->n) < 0)
                goto error;
    }
    for (uint32_t i = 0; i < o->n; i++)
        order_refresh (s, o, o->v[i]);
    free (r);
    return o;
error:
    for (uint32_t i = 0; r && o->v && i < o->n; i++)
        s->index->pos[r[i].v] = NOWHERE;
    free (r);
    order_destroy (o, s->ntracked);
    return NULL;
}

struct order *index_order (struct scheduler *s, uint16_t type)
{
    struct index *ix = s->index;

    if (s->policy.stop_on_first || s->g->nextra
        || (s->policy.kind != POLICY_HIGH && s->policy.kind != POLICY_LOW)
        || type >= ix->ntypes)
        return NULL;
    if (!ix->order[type])
        ix->order[type] = order_create (s, type);
    struct order *o = ix->order[type];
    return o && o->n >= index_order_min ? o : NULL;
}

bool order_is_direct (const struct order *o)
{
    return o->direct;
}

uint32_t order_next (struct scheduler *s, const struct order *o, uint32_t *i,
                     const struct order_query *q)
{
    uint32_t at = *i;

    if (q->now && q->idle)
        at = bitmap_next (&o->idle, at, o->n);
    else if (q->now && o->usable && q->by >= 0)
        at = maxtree_next (&o->usable[q->by], at, q->need[q->by]);
    if (at == NOWHERE || at >= o->n)
        return VTX_NONE;
    *i = at + 1;
    return o->v[at];
}

void order_park (struct scheduler *s, struct order *o, uint32_t v, uint32_t under)
{
    uint32_t i = s->index->pos[v];

    bitmap_clear (&o->idle, i);
    for (int k = 0; o->usable && k < s->ntracked; k++)
        maxtree_set (&o->usable[k], i, -1);
    s->index->parked[under] = 1;
}

static void unpark (struct scheduler *s, uint32_t v)
{
    struct graph *g = s->g;
    uint32_t last = g->v[v].post;

    s->index->parked[v] = 0;
    for (uint32_t i = last - g->v[v].nbelow + 1; i < last; i++) {
        uint32_t u = g->by_post[i];
        struct order *o = s->index->order[g->v[u].type];
        if (o)
            order_refresh (s, o, u);
    }
}

/* Types of children */

#define TYPES_MAX 15

struct type_list {
    uint16_t n; /* TYPES_MAX + 1: more than fit */
    uint16_t type[TYPES_MAX];
};

static struct type_list *list_types (const struct graph *g, uint32_t u)
{
    struct type_list *t = calloc (1, sizeof (*t));
    const struct edge *e = graph_children (g, u);

    for (uint32_t i = 0; t && i < g->v[u].nchildren; i++) {
        uint16_t type = g->v[e[i].child].type;
        uint16_t k = 0;
        while (k < t->n && t->type[k] != type)
            k++;
        if (k < t->n)
            continue;
        if (t->n == TYPES_MAX) {
            t->n++;
            break;
        }
        t->type[t->n++] = type;
    }
    return t;
}

bool index_has_child (struct scheduler *s, uint32_t u, uint16_t type)
{
    const struct graph *g = s->g;
    const struct edge *e = graph_children (g, u);
    struct type_list *t = NULL;

    if (g->v[u].nchildren > TYPES_MAX) {
        t = idmap_lookup (s->index->child_types, u);
        if (!t && (t = list_types (g, u))
            && idmap_insert (s->index->child_types, u, t) < 0) {
            free (t);
            t = NULL;
        }
    }
    if (t && t->n <= TYPES_MAX) {
        for (uint16_t i = 0; i < t->n; i++)
            if (t->type[i] == type)
                return true;
        return false;
    }
    for (uint32_t i = 0; i < g->v[u].nchildren; i++)
        if (g->v[e[i].child].type == type)
            return true;
    return false;
}

/* Fans */

static void fan_destroy (struct fan *f)
{
    if (!f)
        return;
    for (uint32_t i = 0; i < f->nbuckets; i++)
        free (f->bucket[i].bits);
    free (f->bucket);
    free (f->child);
    free (f->idle);
    free (f->useful);
    free (f);
}

/* Position of the bucket of a weight, or where it belongs. */
static uint32_t find_bucket (const struct fan *f, uint32_t weight)
{
    uint32_t lo = 0, hi = f->nbuckets;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (f->bucket[mid].weight > weight)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int fan_add (struct fan *f, uint32_t slot, uint32_t weight)
{
    uint32_t i = find_bucket (f, weight);

    if (i == f->nbuckets || f->bucket[i].weight != weight) {
        struct bucket *b = realloc (f->bucket, (f->nbuckets + 1) * sizeof (*b));
        uint64_t *bits = calloc (f->nwords, sizeof (*bits));
        if (b)
            f->bucket = b;
        if (!b || !bits) {
            free (bits);
            return -1;
        }
        memmove (b + i + 1, b + i, (f->nbuckets - i) * sizeof (*b));
        b[i] = (struct bucket){ weight, 0, bits };
        f->nbuckets++;
    }
    f->bucket[i].bits[slot / 64] |= 1ull << slot % 64;
    f->bucket[i].count++;
    return 0;
}

static void fan_remove (struct fan *f, uint32_t slot, uint32_t weight)
{
    uint32_t i = find_bucket (f, weight);

    f->bucket[i].bits[slot / 64] &= ~(1ull << slot % 64);
    if (--f->bucket[i].count == 0) {
        free (f->bucket[i].bits);
        f->nbuckets--;
        memmove (f->bucket + i, f->bucket + i + 1,
                 (f->nbuckets - i) * sizeof (*f->bucket));
    }
}

static void put_bit (uint64_t *bits, uint32_t i, bool on)
{
    if (on)
        bits[i / 64] |= 1ull << i % 64;
    else
        bits[i / 64] &= ~(1ull << i % 64);
}

static void fan_refresh (struct scheduler *s, struct fan *f, uint32_t slot)
{
    uint32_t v = f->child[slot];
    const struct vstate *st = &s->vs[v];
    bool down = s->g->v[v].down, useful = false;

    put_bit (f->idle, slot, st->live == 0 && !down);
    if (!down && !st->exclusive) {
        useful = st->live == 0;
        for (int k = 0; st->agg != UINT32_MAX && k < s->ntracked && !useful; k++)
            useful = sched_row (s->usable, s, v)[k] > 0;
    }
    put_bit (f->useful, slot, useful);
}

static int compare_uniq (const void *pa, const void *pb, void *arg)
{
    const struct graph *g = arg;
    int64_t a = g->v[*(const uint32_t *)pa].uniq_id;
    int64_t b = g->v[*(const uint32_t *)pb].uniq_id;

    return a > b ? -1 : a < b;
}

static struct fan *fan_create (struct scheduler *s, uint32_t u)
{
    struct graph *g = s->g;
    struct fan *f = calloc (1, sizeof (*f));
    const struct edge *e = graph_children (g, u);

    if (!f)
        return NULL;
    f->parent = u;
    f->n = g->v[u].nchildren;
    f->nwords = (f->n + 63) / 64;
    f->child = malloc (f->n * sizeof (*f->child));
    f->idle = calloc (f->nwords, sizeof (*f->idle));
    f->useful = calloc (f->nwords, sizeof (*f->useful));
    if (!f->child || !f->idle || !f->useful)
        goto error;
    for (uint32_t i = 0; i < f->n; i++)
        f->child[i] = e[i].child;
    sort_array_with (f->child, f->n, sizeof (*f->child), compare_uniq, g);
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t v = f->child[i];
        if (fan_add (f, i, e[g->v[v].at].weight) < 0)
            goto error;
        fan_refresh (s, f, i);
    }
    return f;
error:
    fan_destroy (f);
    return NULL;
}

static int index_fan_arrays (struct scheduler *s)
{
    struct index *ix = s->index;

    if (ix->fan_of)
        return 0;
    ix->fan_of = calloc (s->g->nv, sizeof (*ix->fan_of));
    ix->fan_slot = calloc (s->g->nv, sizeof (*ix->fan_slot));
    if (ix->fan_of && ix->fan_slot)
        return 0;
    free (ix->fan_of);
    free (ix->fan_slot);
    ix->fan_of = ix->fan_slot = NULL;
    return -1;
}

struct fan *index_fan (struct scheduler *s, uint32_t u)
{
    struct index *ix = s->index;
    const struct vertex *x = &s->g->v[u];

    if (!s->policy.stop_on_first || s->g->nextra || x->nchildren < index_fan_min
        || index_fan_arrays (s) < 0)
        return NULL;
    uint32_t any = graph_children (s->g, u)[0].child;
    if (ix->fan_of[any])
        return ix->fan[ix->fan_of[any] - 1];
    struct fan **list = realloc (ix->fan, (ix->nfans + 1) * sizeof (*list));
    if (!list)
        return NULL;
    ix->fan = list;
    struct fan *f = fan_create (s, u);
    if (!f)
        return NULL;
    ix->fan[ix->nfans++] = f;
    for (uint32_t i = 0; i < f->n; i++) {
        ix->fan_of[f->child[i]] = ix->nfans;
        ix->fan_slot[f->child[i]] = i;
    }
    return f;
}

void fan_start (const struct fan *f, struct fan_pos *p)
{
    p->bucket = 0;
    p->word = 0;
    p->left = 0;
    p->started = false;
}

uint32_t fan_next (const struct fan *f, struct fan_pos *p, enum fan_filter filter)
{
    const uint64_t *mask = filter == FAN_IDLE     ? f->idle
                           : filter == FAN_USEFUL ? f->useful
                                                  : NULL;

    while (p->bucket < f->nbuckets) {
        if (!p->started) {
            p->word = 0;
            p->left = f->bucket[p->bucket].bits[0] & (mask ? mask[0] : ~0ull);
            p->started = true;
        }
        while (!p->left && ++p->word < f->nwords)
            p->left =
                f->bucket[p->bucket].bits[p->word] & (mask ? mask[p->word] : ~0ull);
        if (p->left) {
            int bit = __builtin_ctzll (p->left);
            p->left &= p->left - 1;
            return f->child[p->word * 64 + bit];
        }
        p->bucket++;
        p->started = false;
    }
    return VTX_NONE;
}

void index_weight (struct scheduler *s, uint32_t v, uint32_t was, uint32_t weight)
{
    struct index *ix = s->index;

    if (!ix || !ix->fan_of || !ix->fan_of[v] || was == weight)
        return;
    struct fan *f = ix->fan[ix->fan_of[v] - 1];
    fan_remove (f, ix->fan_slot[v], was);
    if (fan_add (f, ix->fan_slot[v], weight) < 0)
        index_drop_fans (s);
}

void index_drop_fans (struct scheduler *s)
{
    struct index *ix = s->index;

    for (uint32_t i = 0; i < ix->nfans; i++)
        fan_destroy (ix->fan[i]);
    free (ix->fan);
    free (ix->fan_of);
    free (ix->fan_slot);
    ix->fan = NULL;
    ix->fan_of = ix->fan_slot = NULL;
    ix->nfans = 0;
}

/* The whole */

struct index *index_create (struct scheduler *s)
{
    struct index *ix = calloc (1, sizeof (*ix));

    if (!ix)
        return NULL;
    ix->ntypes = s->g->types.count;
    ix->child_types = idmap_create (free);
    ix->order = calloc (ix->ntypes + 1, sizeof (*ix->order));
    ix->parked = calloc (s->g->nv + 1, 1);
    ix->pos = malloc ((s->g->nv + 1) * sizeof (*ix->pos));
    if (!ix->order || !ix->parked || !ix->pos || !ix->child_types) {
        idmap_destroy (ix->child_types);
        free (ix->order);
        free (ix->parked);
        free (ix->pos);
        free (ix);
        return NULL;
    }
    memset (ix->pos, 0xff, (s->g->nv + 1) * sizeof (*ix->pos));
    return ix;
}

void index_destroy (struct scheduler *s)
{
    struct index *ix = s->index;

    if (!ix)
        return;
    for (uint32_t i = 0; i < ix->ntypes; i++)
        order_destroy (ix->order[i], s->ntracked);
    index_drop_fans (s);
    idmap_destroy (ix->child_types);
    free (ix->journal);
    free (ix->order);
    free (ix->parked);
    free (ix->pos);
    free (ix);
    s->index = NULL;
}

#define JOURNAL_MAX 1000000u

static void journal_add (struct index *ix, uint32_t v)
{
    if (ix->njournal && ix->journal[ix->njournal - 1] == v)
        return;
    if (ix->njournal == ix->journal_cap) {
        uint32_t cap = ix->journal_cap ? ix->journal_cap * 2 : 1024;
        uint32_t *list =
            cap > JOURNAL_MAX ? NULL : realloc (ix->journal, cap * sizeof (*list));
        if (list) {
            ix->journal = list;
            ix->journal_cap = cap;
        } else {
            /* Readers see the gap. */
            ix->journal_start += ix->njournal + 1;
            ix->njournal = 0;
            if (ix->journal_cap == 0)
                return;
        }
    }
    ix->journal[ix->njournal++] = v;
}

bool index_journal (struct scheduler *s, uint64_t *seq, const uint32_t **v, uint32_t *n)
{
    struct index *ix = s->index;
    uint64_t end = ix->journal_start + ix->njournal;
    bool whole = *seq >= ix->journal_start;

    *n = whole ? end - *seq : 0;
    *v = whole ? ix->journal + (*seq - ix->journal_start) : NULL;
    *seq = end;
    return whole;
}

void index_touch (struct scheduler *s, uint32_t v)
{
    struct index *ix = s->index;

    if (!ix)
        return;
    struct order *o = ix->order[s->g->v[v].type];
    if (s->memos)
        journal_add (ix, v);
    if (o)
        order_refresh (s, o, v);
    if (ix->parked[v] && !s->vs[v].exclusive && !s->g->v[v].down)
        unpark (s, v);
    if (ix->fan_of && ix->fan_of[v])
        fan_refresh (s, ix->fan[ix->fan_of[v] - 1], ix->fan_slot[v]);
}

/* A vertex that could serve is never hidden, unless something above is held. */
static bool covered (const struct scheduler *s, uint32_t v)
{
    while ((v = s->g->v[v].parent) != VTX_NONE)
        if (s->vs[v].exclusive || s->g->v[v].down)
            return true;
    return false;
}

bool index_check (struct scheduler *s, flux_error_t *error)
{
    struct index *ix = s->index;

    for (uint32_t t = 0; t < ix->ntypes; t++) {
        struct order *o = ix->order[t];
        for (uint32_t i = 0; o && i < o->n; i++) {
            uint32_t v = o->v[i];
            bool bit = o->idle.level[0][i / 64] >> i % 64 & 1;
            bool idle = s->vs[v].live == 0 && !s->g->v[v].down;
            if (bit != idle && !covered (s, v)) {
                snprintf (error->text, sizeof (error->text),
                          "vertex %u: index is wrong", v);
                return false;
            }
        }
    }
    for (uint32_t n = 0; n < ix->nfans; n++) {
        struct fan *f = ix->fan[n];
        for (uint32_t i = 0; i < f->n; i++) {
            uint64_t was = f->idle[i / 64];
            uint32_t w =
                s->g->edges[s->g->v[f->parent].first + s->g->v[f->child[i]].at].weight;
            uint32_t b = find_bucket (f, w);
            fan_refresh (s, f, i);
            if (was != f->idle[i / 64] || b == f->nbuckets || f->bucket[b].weight != w
                || !(f->bucket[b].bits[i / 64] >> i % 64 & 1)) {
                snprintf (error->text, sizeof (error->text), "vertex %u: fan is wrong",
                          f->child[i]);
                return false;
            }
        }
    }
    return true;
}
