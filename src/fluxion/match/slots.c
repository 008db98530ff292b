/* Slots: bundles of whole vertices under one vertex. Sibling slots (flexible
 * traverser) are kinds of slots: as many slots as possible are made of any kinds. */
#include "fluxion/match/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KINDS 16

/* Elements of a slot: the best vertices of each type, and how many make one slot. */
struct element {
    struct list l;
    int64_t each;
    uint32_t next;
};

struct kind {
    const struct resource *r;
    struct element *el;
    int64_t slots; /* how many of this kind */
};

/* What a slot of any kind can take of a type at most: kinds take from the same vertices,
 * and each has to find some after the others. */
static int64_t most_of (const struct match *m, const struct query *q,
                        const struct resource *slot, const struct resource *e)
{
    int64_t most = match_most (&e->count);

    for (uint32_t k = 0; k < q->nbeside && m->s->flexible; k++) {
        const struct resource *other = &q->beside[k];
        for (uint32_t i = 0; other->is_slot && other != slot && i < other->nwith; i++)
            if (other->with[i].type_id == e->type_id
                && match_most (&other->with[i].count) > most)
                most = match_most (&other->with[i].count);
    }
    return most;
}

static bool fill_elements (struct match *m, uint32_t u, const struct query *q,
                           const struct resource *r, bool deep, struct element *el)
{
    for (uint32_t i = 0; i < r->nwith; i++) {
        struct query sub = {
            .r = &r->with[i],
            .beside = r->with,
            .nbeside = r->nwith,
            .pristine = deep,
            .excl = true,
            .want = q->want,
            .bundle = most_of (m, q, r, &r->with[i]),
        };
        if (m->pools && is_pool_type (m->s, r->with[i].type_id))
            continue; /* each slot draws, once it is made */
        match_best (m, u, &sub, &el[i].l);
        if (m->fault)
            return false;
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

/* With the number of slots known, moldable elements take as much as there is: the
 * largest count that so many slots can have, each of whole vertices. */
static void widen (struct element *el, const struct resource *r, int64_t slots)
{
    for (uint32_t i = 0; i < r->nwith; i++) {
        const struct count_spec *c = &r->with[i].count;
        if (c->min == c->max || slots == 0)
            continue;
        int64_t low = el[i].each, high = el[i].l.units / slots;
        while (low < high) {
            int64_t mid = low + (high - low + 1) / 2;
            el[i].each = count_fit (c, mid);
            if (count_slots (&el[i], 1, slots) == slots)
                low = mid;
            else
                high = mid - 1;
        }
        el[i].each = count_fit (c, low);
    }
}

/* What the slot itself draws from above. */
static bool draw_slot (struct match *m, uint32_t u, const struct resource *r)
{
    uint32_t drawn = m->s->pools->nlog;

    for (uint32_t i = 0; i < r->nwith; i++)
        if (is_pool_type (m->s, r->with[i].type_id) && !pool_draw (m, u, &r->with[i])) {
            pool_undo (m, drawn);
            return false;
        }
    return true;
}

/* One more slot of the kind, in *c; NULL: it is only to be known whether there is one.
 * Vertices that one kind has taken are passed over by the others. */
static bool bundle (struct match *m, const struct kind *kind, struct cand *c)
{
    struct scheduler *s = m->s;
    struct pick *first = NULL, **tail = &first;

    for (uint32_t i = 0; i < kind->r->nwith; i++) {
        struct element *e = &kind->el[i];
        int64_t missing = e->each;
        for (; missing > 0 && e->next < e->l.n; e->next++) {
            struct cand *part = &e->l.c[e->next];
            if (s->vs[part->v].mark == s->mark && !kind->r->with[i].is_slot)
                continue;
            s->vs[part->v].mark = s->mark;
            missing -= part->units;
            if (!c)
                continue;
            tail = pick_chain (tail, part->pick);
            c->score = score_sum (c->score, part->score);
        }
        if (missing > 0)
            return false;
    }
    if (c) {
        c->pick = first;
        c->units = 1;
    }
    return true;
}

/* How many slots of each kind, so that together they are as many as possible, of the
 * first kinds before the others. Kinds take from the same vertices: sums of units say how
 * many there are at most, and what looks good then is tried. */
struct split {
    struct match *m;
    uint32_t u;
    struct kind *kind;
    uint32_t n;
    int64_t want;
    uint16_t type[MAX_KINDS * 8];
    int64_t avail[MAX_KINDS * 8];
    uint32_t ntypes;
    int64_t now[MAX_KINDS], best[MAX_KINDS], most;
    int64_t budget;
};

static uint32_t type_index (struct split *sp, uint16_t type)
{
    uint32_t i = 0;

    while (i < sp->ntypes && sp->type[i] != type)
        i++;
    if (i == sp->ntypes && i < MAX_KINDS * 8) {
        sp->type[i] = type;
        sp->avail[i] = 0;
        sp->ntypes++;
    }
    return i;
}

static void charge (struct split *sp, const struct kind *k, int64_t slots)
{
    for (uint32_t i = 0; i < k->r->nwith; i++)
        sp->avail[type_index (sp, k->r->with[i].type_id)] -= slots * k->el[i].each;
}

static int64_t room (struct split *sp, const struct kind *k)
{
    int64_t most = k->slots;

    for (uint32_t i = 0; i < k->r->nwith; i++) {
        int64_t avail = sp->avail[type_index (sp, k->r->with[i].type_id)];
        if (k->el[i].each > 0 && avail / k->el[i].each < most)
            most = avail / k->el[i].each;
    }
    return most;
}

static void start_over (struct split *sp)
{
    sched_new_mark (sp->m->s);
    for (uint32_t k = 0; k < sp->n; k++)
        for (uint32_t i = 0; i < sp->kind[k].r->nwith; i++)
            sp->kind[k].el[i].next = 0;
}

/* Can so many be made, of whole vertices and what they draw? */
static bool can_deal (struct split *sp)
{
    struct match *m = sp->m;
    uint32_t drawn = m->pools ? m->s->pools->nlog : 0;
    bool ok = true;

    start_over (sp);
    for (uint32_t k = 0; k < sp->n && ok; k++)
        for (int64_t i = 0; i < sp->now[k] && ok; i++, sp->budget--)
            ok = bundle (m, &sp->kind[k], NULL)
                 && (!m->pools || draw_slot (m, sp->u, sp->kind[k].r));
    if (m->pools)
        pool_undo (m, drawn);
    return ok;
}

static void search (struct split *sp, uint32_t i, int64_t sum)
{
    if (sum > sp->most && can_deal (sp)) {
        sp->most = sum;
        memcpy (sp->best, sp->now, sizeof (sp->best));
    }
    if (i == sp->n || sum >= sp->want || sp->most >= sp->want || sp->budget <= 0)
        return;
    sp->budget--;
    int64_t most = room (sp, &sp->kind[i]);
    if (most > sp->want - sum)
        most = sp->want - sum;
    for (int64_t x = most; x >= 0 && sp->budget > 0; x--) {
        sp->now[i] = x;
        charge (sp, &sp->kind[i], x);
        search (sp, i + 1, sum + x);
        charge (sp, &sp->kind[i], -x);
    }
    sp->now[i] = 0;
}

static void split_slots (struct match *m, uint32_t u, struct kind *kind, uint32_t n,
                         int64_t want)
{
    struct split sp = {
        .m = m, .u = u, .kind = kind, .n = n, .want = want, .budget = DEALS_AT_PLACE
    };

    /* The first try is always made. */
    if (sp.budget > m->deals)
        sp.budget = m->deals > n ? m->deals : n;
    m->deals -= sp.budget;
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < kind[k].r->nwith; i++) {
            uint32_t t = type_index (&sp, kind[k].r->with[i].type_id);
            if (kind[k].el[i].l.units > sp.avail[t])
                sp.avail[t] = kind[k].el[i].l.units;
        }
    /* Rather kinds that take nothing that others want. */
    bool cautious = m->pools && m->s->pools->cautious;
    for (int i = cautious ? 0 : 1; i < 2 && sp.most < want; i++) {
        if (cautious)
            m->s->pools->strict = i == 0;
        search (&sp, 0, 0);
    }
    m->deals += sp.budget;
    for (uint32_t k = 0; k < n; k++)
        kind[k].slots = sp.best[k];
    start_over (&sp);
}

/* Note with the slot what it has drawn. */
static bool keep_drawn (struct match *m, struct cand *c, const struct resource *slot,
                        uint32_t drawn)
{
    if (!c->pick) {
        m->fault = EINVAL;
        snprintf (m->error->text, sizeof (m->error->text),
                  "a slot has to be made of more than what it draws from above");
        return false;
    }
    c->pick->slot = slot;
    c->pick->own = m->s->pools->nlog - drawn;
    pool_keep (m, c->pick, drawn);
    return !m->fault;
}

static bool make_slot (struct match *m, uint32_t u, const struct kind *kind,
                       struct cand *c)
{
    uint32_t drawn = m->pools ? m->s->pools->nlog : 0;

    return bundle (m, kind, c)
           && (!m->pools
               || (draw_slot (m, u, kind->r) && keep_drawn (m, c, kind->r, drawn)));
}

bool match_redraw_slot (struct match *m, struct cand *c)
{
    struct pick *p = c->pick;
    uint32_t nlog = m->s->pools->nlog, all = p->ndraws;

    if (p->own == 0)
        return false;
    p->ndraws -= p->own;
    if (pool_redraw (m, p)) {
        uint32_t drawn = m->s->pools->nlog;
        if (draw_slot (m, c->v, p->slot))
            return keep_drawn (m, c, p->slot, drawn);
        pool_undo (m, nlog);
    }
    p->ndraws = all;
    return false;
}

void match_slots (struct match *m, uint32_t u, const struct query *q, struct list *out)
{
    struct kind kind[MAX_KINDS];
    uint32_t n = 0, was = out->n, drawn = m->pools ? m->s->pools->nlog : 0;

    for (uint32_t i = 0; i < q->nbeside && n < MAX_KINDS; i++) {
        const struct resource *r = &q->beside[i];
        if (!r->is_slot || (r != q->r && !m->s->flexible))
            continue;
        enum slot_fit fit = match_kind_fit (m, u, r);
        if (q->pristine && fit == SLOT_NONE)
            continue; /* it is made further down */
        kind[n].r = r;
        kind[n].el = arena_alloc (m->s->arena, r->nwith * sizeof (struct element));
        if (!kind[n].el) {
            m->fault = ENOMEM;
            return;
        }
        if (!fill_elements (m, u, q, r, fit < SLOT_WHOLE, kind[n].el))
            return;
        if (m->pools)
            pool_undo (m, drawn); /* each kind looks at all that there is */
        kind[n].slots = count_slots (kind[n].el, r->nwith, q->want);
        n++;
    }
    if (n > 1)
        split_slots (m, u, kind, n, q->want);
    else
        sched_new_mark (m->s);
    for (uint32_t k = 0; k < n; k++) {
        if (n == 1) /* what is left over is not divided among kinds */
            widen (kind[k].el, kind[k].r, kind[k].slots);
        for (int64_t i = 0; i < kind[k].slots; i++) {
            struct cand *c = cand_add (m, out);
            if (!c)
                return;
            c->v = c->group = u;
            if (!make_slot (m, u, &kind[k], c)) {
                out->n--;
                break;
            }
        }
    }
    if (!m->pools)
        return;
    /* Only the policy that takes what it finds first keeps what it drew. */
    pool_undo (m, drawn);
    for (; was < out->n && m->s->policy.stop_on_first; was++)
        pool_redraw (m, out->c[was].pick);
}

/* Is anything of the picks taken, or above or below what is? */
enum { TAKEN = 1, TAKEN_BELOW = 2, TAKEN_STATES = 4 };

static uint32_t taken_state (const struct scheduler *s, uint32_t base, uint32_t v)
{
    uint32_t n = s->vs[v].mark - base;

    return n < TAKEN_STATES ? n : 0;
}

static bool overlaps (const struct scheduler *s, uint32_t base, const struct pick *p)
{
    for (; p; p = p->next) {
        if (taken_state (s, base, p->v))
            return true;
        for (uint32_t v = s->g->v[p->v].parent; v != VTX_NONE; v = s->g->v[v].parent)
            if (taken_state (s, base, v) & TAKEN)
                return true;
    }
    return false;
}

static void take_picks (struct scheduler *s, uint32_t base, const struct pick *p)
{
    for (; p; p = p->next) {
        s->vs[p->v].mark = base + (taken_state (s, base, p->v) | TAKEN);
        for (uint32_t v = s->g->v[p->v].parent; v != VTX_NONE; v = s->g->v[v].parent)
            s->vs[v].mark = base + (taken_state (s, base, v) | TAKEN_BELOW);
    }
}

/* Slots of several kinds that were found at several depths. */
struct mixture {
    struct match *m;
    struct list found[MAX_KINDS]; /* of each kind, best first */
    uint32_t n;
    int64_t want;
    int64_t limit[MAX_KINDS], best[MAX_KINDS], most;
    uint32_t budget, cost; /* tries; deals that one is worth */
};

/* Of each kind what does not overlap with what was taken before, so many at most. Their
 * number; out may be NULL. */
static int64_t take_mixture (struct mixture *x, const int64_t *limit, struct list *out)
{
    struct match *m = x->m;
    uint32_t base = sched_new_marks (m->s, TAKEN_STATES);
    int64_t total = 0;

    for (uint32_t k = 0; k < x->n; k++) {
        int64_t here = 0;
        for (uint32_t i = 0; i < x->found[k].n && total < x->want && here < limit[k];
             i++) {
            const struct cand *c = &x->found[k].c[i];
            if (overlaps (m->s, base, c->pick))
                continue;
            take_picks (m->s, base, c->pick);
            here++;
            total++;
            if (!out)
                continue;
            cand_copy (m, out, c);
            if (m->fault)
                return total;
        }
    }
    return total;
}

/* As many as can be, of the first kinds before the others. */
static void search_mixture (struct mixture *x, uint32_t k)
{
    if (k == x->n) {
        int64_t total = x->budget > 0 ? take_mixture (x, x->limit, NULL) : 0;
        x->m->deals -= x->cost;
        x->budget = x->m->deals > 0 && x->budget > 0 ? x->budget - 1 : 0;
        if (total > x->most) {
            x->most = total;
            memcpy (x->best, x->limit, sizeof (x->best));
        }
        return;
    }
    int64_t most = x->found[k].n < x->want ? x->found[k].n : x->want;
    for (int64_t i = most; i >= 0 && x->most < x->want && x->budget > 0; i--) {
        x->limit[k] = i;
        search_mixture (x, k + 1);
    }
}

static bool all_at (const struct mixture *x, uint32_t u)
{
    for (uint32_t k = 0; k < x->n; k++)
        for (uint32_t i = 0; i < x->found[k].n; i++)
            if (x->found[k].c[i].v != u)
                return false;
    return true;
}

/* Only those kinds that are made further down than u; NULL: that is less than two. */
static struct resource *kinds_below (struct match *m, uint32_t u, const struct query *q,
                                     uint32_t *n)
{
    struct resource *list = arena_alloc (m->s->arena, q->nbeside * sizeof (*list));
    uint32_t kinds = 0;

    *n = 0;
    for (uint32_t i = 0; list && i < q->nbeside; i++) {
        const struct resource *r = &q->beside[i];
        if (r->is_slot && match_kind_fit (m, u, r) > SLOT_NONE)
            continue;
        kinds += r->is_slot;
        list[(*n)++] = *r;
    }
    return kinds > 1 ? list : NULL;
}

/* What is made in one place is made together, not of what each kind has found by itself:
 * is that, here or further down, more than `most`? Then it is in out. */
static bool make_together (struct match *m, uint32_t u, const struct query *q,
                           int64_t most, struct list *out)
{
    uint32_t was = out->n, drawn = m->pools ? m->s->pools->nlog : 0, n;

    match_slots (m, u, q, out);
    if (out->n - was > most || m->fault)
        return true;
    out->n = was;
    if (m->pools)
        pool_undo (m, drawn);
    const struct resource *list = kinds_below (m, u, q, &n);
    if (!list)
        return false;
    struct query below = *q;
    below.beside = list;
    below.nbeside = n;
    for (below.r = list; !below.r->is_slot; below.r++)
        ;
    match_gather (m, u, &below, true, out);
    if (out->n - was > most || m->fault)
        return true;
    out->n = was;
    if (m->pools)
        pool_undo (m, drawn);
    return false;
}

/* Kinds contend for vertices, and each has taken what it likes best: are there more of
 * them if it has not? */
static void take_back (struct match *m, uint32_t u, const struct query *q,
                       const struct mixture *x, uint32_t was, struct list *out)
{
    int64_t most = 0, made = out->n - was;
    struct list best = { 0 }, more = { 0 };

    for (uint32_t k = 0; k < x->n; k++)
        most += x->found[k].n;
    most = most < x->want ? most : x->want;
    if (m->pools) {
        m->missed |= made < most;
        return;
    }
    while (made < most && !m->fault && backtrack_slots (m, u, q, made + 1, &more)) {
        best = more;
        more = (struct list){ 0 };
        made++;
    }
    if (best.n == 0 || m->fault)
        return;
    out->n = was;
    for (uint32_t i = 0; i < best.n && !m->fault; i++)
        cand_copy (m, out, &best.c[i]);
}

void match_mixed_slots (struct match *m, uint32_t u, const struct query *q,
                        struct list *out)
{
    struct mixture x = { .m = m, .want = q->want, .budget = 1000 };
    uint32_t drawn = m->pools ? m->s->pools->nlog : 0, was = out->n;

    for (uint32_t i = 0; i < q->nbeside && x.n < MAX_KINDS; i++) {
        struct query one = *q;
        if (!q->beside[i].is_slot)
            continue;
        one.r = one.beside = &q->beside[i];
        one.nbeside = 1;
        if (__builtin_mul_overflow (q->want, MAX_KINDS, &one.want))
            one.want = INT64_MAX;
        match_gather (m, u, &one, true, &x.found[x.n]);
        if (m->fault)
            return;
        if (m->pools)
            pool_undo (m, drawn);
        cand_sort (m, &x.found[x.n++], q->want);
    }
    for (uint32_t k = 0; k < x.n; k++)
        x.cost += 1 + x.found[k].n / 16; /* to look at one is less than to deal it */
    if (!all_at (&x, u))
        search_mixture (&x, 0);
    if (x.most >= x.want || !make_together (m, u, q, x.most, out))
        take_mixture (&x, x.best, out);
    take_back (m, u, q, &x, was, out);
}
