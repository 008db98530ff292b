/* Slots of several vertices, anywhere in the graph: which vertex has the best one
 * depends on what is free there. For each shape of a slot, the score of the best one
 * under each vertex is remembered, in a tree of maxima; after a change only the
 * vertices around it are looked at again.
 *
 * What is remembered leaves out reservations and constraints: it is at least as good
 * as the truth. A vertex whose turn it is is searched in earnest. For other times than
 * now, the scores of the empty graph serve. */
#include "fluxion/match/index.h"
#include "fluxion/match/match_priv.h"
#include "fluxion/planning/tree.h"

#include <stdlib.h>
#include <string.h>

#define MEMOS_MAX 8
#define NONE INT64_MIN

struct memo {
    char *key;
    bool live; /* else: of the empty graph */
    uint64_t used, seq;
    uint32_t n;
    uint32_t *place; /* vertices that slots can be under, in post-order */
    uint32_t *slot;  /* hash: vertex -> index in place, + 1 */
    uint32_t nslots;
    struct maxtree best;
    bool mixed; /* somewhere what makes up a slot is at several depths: no use */
    uint8_t *dirty;
    uint32_t *todo; /* indices that are dirty */
    uint32_t ntodo;
    uint8_t *parked; /* taken out because of something held above */
    uint32_t nparked;
};

struct memos {
    struct memo *memo[MEMOS_MAX];
    uint64_t clock;
};

static void memo_destroy (struct memo *o)
{
    if (!o)
        return;
    free (o->key);
    free (o->place);
    free (o->slot);
    free (o->dirty);
    free (o->todo);
    free (o->parked);
    maxtree_fini (&o->best);
    free (o);
}

void memos_destroy (struct scheduler *s)
{
    for (int i = 0; s->memos && i < MEMOS_MAX; i++)
        memo_destroy (s->memos->memo[i]);
    free (s->memos);
    s->memos = NULL;
}

/* The shape of a slot as text; how many there are does not matter. */
static void describe (const struct resource *r, bool count, struct buf *b)
{
    const struct count_spec *c = &r->count;

    buf_printf (b, "%u", r->type_id);
    if (count) {
        buf_printf (b, ":%lld-%lld%c%lld", (long long)c->min, (long long)c->max, c->op,
                    (long long)c->operand);
        for (uint32_t i = 0; i < c->nlist; i++)
            buf_printf (b, ",%lld", (long long)c->list[i]);
    }
    buf_printf (b, "%d(", r->exclusive);
    for (uint32_t i = 0; i < r->nwith; i++)
        describe (&r->with[i], true, b);
    buf_addc (b, ')');
}

static void collect_places (struct match *m, uint32_t u, const struct query *q,
                            struct memo *o)
{
    const struct graph *g = m->s->g;
    const struct edge *e = graph_children (g, u);

    enum slot_fit fit = match_slot_fit (m, u, q);

    if (fit == SLOT_WHOLE) {
        o->place[o->n++] = u;
        return;
    }
    o->mixed |= fit == SLOT_SOME;
    for (uint32_t i = 0; i < g->v[u].nchildren; i++)
        if (g->v[e[i].child].nchildren)
            collect_places (m, e[i].child, q, o);
}

static uint32_t hash_slot (const struct memo *o, uint32_t v)
{
    uint32_t i = v * 2654435761u & (o->nslots - 1);

    while (o->slot[i] && o->place[o->slot[i] - 1] != v)
        i = (i + 1) & (o->nslots - 1);
    return i;
}

static uint32_t place_of (const struct memo *o, uint32_t v)
{
    uint32_t i = o->slot[hash_slot (o, v)];

    return i ? i - 1 : NOWHERE;
}

static void make_dirty (struct memo *o, uint32_t i)
{
    if (o->dirty[i])
        return;
    o->dirty[i] = 1;
    o->todo[o->ntodo++] = i;
}

static struct memo *memo_create (struct match *m, const struct query *q, char *take_key,
                                 bool live)
{
    struct memo *o = calloc (1, sizeof (*o));

    if (!o) {
        free (take_key);
        return NULL;
    }
    o->key = take_key;
    o->live = live;
    if (!(o->place = malloc ((m->s->nrows + 1) * sizeof (*o->place))))
        goto error;
    collect_places (m, m->s->g->root, q, o);
    for (o->nslots = 16; o->nslots < o->n * 2; o->nslots *= 2)
        ;
    o->slot = calloc (o->nslots, sizeof (*o->slot));
    o->dirty = calloc (o->n + 1, 1);
    o->parked = calloc (o->n + 1, 1);
    o->todo = malloc ((o->n + 1) * sizeof (*o->todo));
    if (!o->slot || !o->dirty || !o->parked || !o->todo
        || maxtree_init (&o->best, o->n) < 0)
        goto error;
    for (uint32_t i = 0; i < o->n; i++) {
        o->slot[hash_slot (o, o->place[i])] = i + 1;
        make_dirty (o, i);
    }
    return o;
error:
    memo_destroy (o);
    return NULL;
}

static struct memo *find_memo (struct match *m, const struct query *q, bool live)
{
    struct memos *all = m->s->memos;
    struct buf b = BUF_INIT;
    struct memo **oldest;
    const uint32_t *v;
    uint32_t n;

    if (!all && !(all = m->s->memos = calloc (1, sizeof (*all))))
        return NULL;
    oldest = &all->memo[0];
    describe (q->r, false, &b);
    for (int i = 0; i < MEMOS_MAX; i++) {
        struct memo *o = all->memo[i];
        if (o && b.data && o->live == live && strcmp (o->key, b.data) == 0) {
            buf_fini (&b);
            o->used = ++all->clock;
            return o;
        }
        if (!o || (*oldest && o->used < (*oldest)->used))
            oldest = &all->memo[i];
    }
    char *key = b.err ? NULL : buf_take (&b, NULL);
    struct memo *o = key ? memo_create (m, q, key, live) : NULL;
    if (!o)
        return NULL;
    memo_destroy (*oldest);
    *oldest = o;
    o->used = ++all->clock;
    index_journal (m->s, &o->seq, &v, &n);
    return o;
}

/* What is above a place and held or down hides it; when that changes, look again. */
static void unpark (const struct graph *g, struct memo *o, uint32_t v)
{
    uint32_t last = g->v[v].post, first = last - g->v[v].nbelow + 1;
    uint32_t lo = 0, hi = o->n;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (g->v[o->place[mid]].post < first)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < o->n && g->v[o->place[lo]].post <= last; lo++)
        if (o->parked[lo]) {
            o->parked[lo] = 0;
            o->nparked--;
            make_dirty (o, lo);
        }
}

static void read_journal (struct match *m, struct memo *o)
{
    const struct graph *g = m->s->g;
    const uint32_t *list;
    uint32_t n;

    if (!index_journal (m->s, &o->seq, &list, &n)) {
        memset (o->parked, 0, o->n);
        o->nparked = 0;
        for (uint32_t i = 0; i < o->n; i++)
            make_dirty (o, i);
    }
    for (uint32_t k = 0; k < n; k++) {
        if (o->nparked)
            unpark (g, o, list[k]);
        for (uint32_t v = list[k]; v != VTX_NONE; v = g->v[v].parent) {
            uint32_t i = place_of (o, v);
            if (i != NOWHERE) {
                make_dirty (o, i);
                break;
            }
        }
    }
}

/* What the nodes add that are passed through on the way. */
static int64_t factor (struct match *m, uint32_t v)
{
    int64_t sum = 0;

    for (; v != m->s->g->root; v = m->s->g->v[v].parent)
        sum = score_sum (sum, cand_node_factor (m, v));
    return sum;
}

/* So that larger is better. */
static int64_t value (const struct match *m, int64_t score)
{
    return m->s->policy.kind == POLICY_LOW ? -score : score;
}

static void look_again (struct match *m, const struct query *q, struct memo *o)
{
    struct window w = m->w;
    struct constraint *constraint = m->constraint;
    struct query one = *q;

    one.want = 1;
    m->constraint = NULL;
    m->w = (struct window){ w.at, o->live ? 0 : 1, o->live, !o->live };
    while (o->ntodo > 0 && !m->fault) {
        uint32_t i = o->todo[--o->ntodo];
        uint32_t v = o->place[i];
        struct arena_mark mark = arena_mark (m->s->arena);
        struct list l = { 0 };
        o->dirty[i] = 0;
        if (match_can_pass (m, v))
            match_slots (m, v, &one, &l);
        maxtree_set (&o->best, i,
                     l.n ? value (m, score_sum (l.c[0].score, factor (m, v))) : NONE);
        arena_release (m->s->arena, mark);
    }
    m->constraint = constraint;
    m->w = w;
}

/* Places that are being taken from. */
struct active {
    uint32_t i;
    int64_t best; /* as remembered */
    bool hidden;
    struct list l;
    uint32_t next;
};

/* The slots of a place, for this match. */
static void open_place (struct match *m, const struct query *q, struct memo *o,
                        struct active *a, int64_t want)
{
    struct scheduler *s = m->s;
    uint32_t v = o->place[a->i];
    struct query sub = *q;

    for (uint32_t p = v; p != s->g->root; p = s->g->v[p].parent) {
        if (match_can_pass (m, p))
            continue;
        if (o->live && p != v && (s->vs[p].exclusive || s->g->v[p].down)) {
            o->parked[a->i] = 1;
            o->nparked++;
            a->hidden = true;
        }
        return;
    }
    sub.want = want;
    match_slots (m, v, &sub, &a->l);
    for (uint32_t k = 0; k < a->l.n; k++)
        a->l.c[k].score = score_sum (a->l.c[k].score, factor (m, v));
}

static struct active *best_active (struct match *m, struct active *list, uint32_t n)
{
    struct active *best = NULL;

    for (uint32_t k = 0; k < n; k++) {
        struct active *a = &list[k];
        if (a->next >= a->l.n)
            continue;
        int64_t x = value (m, a->l.c[a->next].score);
        int64_t y = best ? value (m, best->l.c[best->next].score) : 0;
        if (!best || x > y || (x == y && a->i < best->i))
            best = a;
    }
    return best;
}

static bool take_slots (struct match *m, const struct query *q, struct memo *o,
                        struct list *out)
{
    struct active *list = NULL;
    uint32_t n = 0, cap = 0;

    while (out->n < q->want && !m->fault) {
        int64_t max = maxtree_max (&o->best);
        uint32_t i = max == NONE ? NOWHERE : maxtree_next (&o->best, 0, max);
        struct active *a = best_active (m, list, n);
        if (i == NOWHERE && !a)
            break;
        int64_t have = a ? value (m, a->l.c[a->next].score) : NONE;
        if (a && (i == NOWHERE || have > max || (have == max && a->i < i))) {
            cand_copy (m, out, &a->l.c[a->next++]);
            continue;
        }
        if (n == cap) {
            cap = cap ? cap * 2 : 8;
            struct active *more = realloc (list, cap * sizeof (*more));
            if (!more) {
                m->fault = ENOMEM;
                break;
            }
            list = more;
        }
        list[n] = (struct active){ .i = i, .best = max };
        maxtree_set (&o->best, i, NONE);
        open_place (m, q, o, &list[n], q->want - out->n);
        n++;
    }
    for (uint32_t k = 0; k < n; k++)
        if (!list[k].hidden)
            maxtree_set (&o->best, list[k].i, list[k].best);
    free (list);
    return true;
}

bool memo_take (struct match *m, uint32_t u, const struct query *q, struct list *l)
{
    struct scheduler *s = m->s;
    const struct policy *p = &s->policy;
    bool live = m->w.now && !m->w.ignore;
    struct memo *o;

    if (u != s->g->root || !q->pristine || !q->r->is_slot || q->nbeside != 1
        || p->stop_on_first || (p->kind != POLICY_HIGH && p->kind != POLICY_LOW)
        || s->nrows < index_order_min || match_slot_fit (m, u, q)
        || !(o = find_memo (m, q, live)) || o->mixed)
        return false;
    if (o->n == 0)
        return true;
    if (live)
        read_journal (m, o);
    look_again (m, q, o);
    if (m->fault)
        return true;
    return take_slots (m, q, o, l);
}
