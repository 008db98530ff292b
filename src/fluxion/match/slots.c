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

static bool fill_elements (struct match *m, uint32_t u, const struct resource *r,
                           int64_t want, bool deep, struct element *el)
{
    for (uint32_t i = 0; i < r->nwith; i++) {
        struct query sub = {
            .r = &r->with[i],
            .beside = r->with,
            .nbeside = r->nwith,
            .pristine = deep,
            .excl = true,
            .want = want,
            .bundle = count_fit (&r->with[i].count, r->with[i].count.max),
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

/* Vertices that one kind has taken are passed over by the others. */
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
            tail = pick_chain (tail, part->pick);
            c->score += part->score;
            missing -= part->units;
        }
        if (missing > 0)
            return false;
    }
    c->pick = first;
    c->units = 1;
    return true;
}

/* How many slots of each kind, so that together they are as many as possible: units
 * of each type are shared by the kinds. */
struct split {
    struct kind *kind;
    uint32_t n;
    int64_t want;
    uint16_t type[MAX_KINDS * 8];
    int64_t avail[MAX_KINDS * 8];
    uint32_t ntypes;
    int64_t now[MAX_KINDS], best[MAX_KINDS], most;
    uint32_t budget;
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

static void search (struct split *sp, uint32_t i, int64_t sum)
{
    if (sum > sp->most) {
        sp->most = sum;
        memcpy (sp->best, sp->now, sizeof (sp->best));
    }
    if (i == sp->n || sum >= sp->want || sp->most >= sp->want || !sp->budget)
        return;
    sp->budget--;
    int64_t most = room (sp, &sp->kind[i]);
    if (most > sp->want - sum)
        most = sp->want - sum;
    for (int64_t x = most; x >= 0 && sp->budget; x--) {
        sp->now[i] = x;
        charge (sp, &sp->kind[i], x);
        search (sp, i + 1, sum + x);
        charge (sp, &sp->kind[i], -x);
    }
    sp->now[i] = 0;
}

static void split_slots (struct kind *kind, uint32_t n, int64_t want)
{
    struct split sp = { .kind = kind, .n = n, .want = want, .budget = 100000 };

    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < kind[k].r->nwith; i++) {
            uint32_t t = type_index (&sp, kind[k].r->with[i].type_id);
            if (kind[k].el[i].l.units > sp.avail[t])
                sp.avail[t] = kind[k].el[i].l.units;
        }
    search (&sp, 0, 0);
    for (uint32_t k = 0; k < n; k++)
        kind[k].slots = sp.best[k];
}

/* What the slot itself draws from above. */
static bool draw_slot (struct match *m, uint32_t u, const struct resource *r,
                       struct cand *c)
{
    uint32_t drawn = m->s->pools->nlog;

    for (uint32_t i = 0; i < r->nwith; i++)
        if (is_pool_type (m->s, r->with[i].type_id) && !pool_draw (m, u, &r->with[i])) {
            pool_undo (m, drawn);
            return false;
        }
    if (!c->pick) {
        m->fault = EINVAL;
        snprintf (m->error->text, sizeof (m->error->text),
                  "a slot has to be made of more than what it draws from above");
        return false;
    }
    pool_keep (m, c->pick, drawn);
    return !m->fault;
}

void match_slots (struct match *m, uint32_t u, const struct query *q, bool deep,
                  struct list *out)
{
    struct kind kind[MAX_KINDS];
    uint32_t n = 0, was = out->n, drawn = m->pools ? m->s->pools->nlog : 0;

    for (uint32_t i = 0; i < q->nbeside && n < MAX_KINDS; i++) {
        const struct resource *r = &q->beside[i];
        if (!r->is_slot || (r != q->r && !m->s->flexible))
            continue;
        kind[n].r = r;
        kind[n].el = arena_alloc (m->s->arena, r->nwith * sizeof (struct element));
        if (!kind[n].el) {
            m->fault = ENOMEM;
            return;
        }
        if (!fill_elements (m, u, r, q->want, deep, kind[n].el))
            return;
        kind[n].slots = count_slots (kind[n].el, r->nwith, q->want);
        n++;
    }
    if (n > 1)
        split_slots (kind, n, q->want);
    sched_new_mark (m->s);
    for (uint32_t k = 0; k < n; k++) {
        widen (kind[k].el, kind[k].r, kind[k].slots);
        for (int64_t i = 0; i < kind[k].slots; i++) {
            struct cand *c = cand_add (m, out);
            if (!c)
                return;
            c->v = u;
            if (!bundle (m, &kind[k], c)
                || (m->pools && !draw_slot (m, u, kind[k].r, c))) {
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

void match_mixed_slots (struct match *m, uint32_t u, const struct query *q,
                        struct list *out)
{
    struct list found[MAX_KINDS] = { 0 };
    uint32_t n = 0, was = out->n;

    for (uint32_t i = 0; i < q->nbeside && n < MAX_KINDS; i++) {
        struct query one = *q;
        if (!q->beside[i].is_slot)
            continue;
        one.r = one.beside = &q->beside[i];
        one.nbeside = 1;
        if (__builtin_mul_overflow (q->want, MAX_KINDS, &one.want))
            one.want = INT64_MAX;
        match_gather (m, u, &one, true, &found[n]);
        if (m->fault)
            return;
        cand_sort (m, &found[n++]);
    }
    uint32_t base = sched_new_marks (m->s, TAKEN_STATES);
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < found[k].n && out->n - was < q->want; i++) {
            struct cand *c = &found[k].c[i], *to;
            if (overlaps (m->s, base, c->pick))
                continue;
            take_picks (m->s, base, c->pick);
            if (!(to = cand_add (m, out)))
                return;
            uint32_t order = to->order;
            *to = *c;
            to->order = order;
        }
}
