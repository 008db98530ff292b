/* Choices that are taken back: for what a match that never does so has missed, since its
 * own choices contend for a vertex or a supply. All that is still to be chosen is a list
 * of goals; each choice goes on with the rest of the list, and is taken back if that
 * fails. Leaves of one parent are alike: where one has failed, so would the others. */
#include "fluxion/match/pool.h"

#include <string.h>

enum goal_kind { VERTICES, SLOTS, DRAW, REST };

/* Where a slot of a kind can be made. */
struct place {
    const struct resource *slot;
    uint32_t u;
};

struct places {
    struct place *list;
    uint32_t n;
};

/* What is to be chosen, before `next`. */
struct goal {
    enum goal_kind kind;
    const struct resource *r, *beside; /* SLOTS: any slot of those beside */
    uint32_t nbeside;
    uint32_t u; /* below it; VTX_NONE: anywhere */
    bool pristine, excl;
    int64_t left;
    int parent;           /* of what is chosen, among the choices; -1: none */
    const struct list *l; /* what there is to choose from, NULL: not known yet; */
    const struct places *places; /* or where */
    uint32_t from;               /* of it */
    const struct goal *next;
};

/* A vertex, or a slot (v: where it is made). */
struct choice {
    const struct resource *r;
    uint32_t v;
    int parent;
    bool exclusive, whole;
    int64_t needs, score;
};

enum { FREE, SHARED, TAKEN, STATES };

struct backtrack {
    struct match *m;
    uint32_t base; /* marks of what is chosen: base + SHARED, base + TAKEN */
    struct choice choice[BACKTRACK_CHOICES];
    int n;
    int64_t steps;
    struct list *out; /* for slots of one place; NULL: all of the match */
    uint32_t u;       /* that place */
};

static bool solve (struct backtrack *b, const struct goal *gl);

/* --- What is chosen --- */

static uint32_t state_of (const struct backtrack *b, uint32_t v)
{
    const struct scheduler *s = b->m->s;

    if (s->g->nextra) { /* as pool_claim has it */
        int64_t units = s->pools->trial[v];
        return units >= TOKENS ? TAKEN : units > 0 ? SHARED : FREE;
    }
    uint32_t n = s->vs[v].mark - b->base;
    return n < STATES ? n : FREE;
}

static bool claim (struct backtrack *b, uint32_t v, bool exclusive)
{
    struct scheduler *s = b->m->s;

    if (s->g->nextra)
        return pool_claim (b->m, v, exclusive);
    s->vs[v].mark = b->base + (exclusive ? TAKEN : SHARED);
    return true;
}

/* Others have used marks meanwhile. */
static void claim_again (struct backtrack *b)
{
    if (b->m->s->g->nextra)
        return;
    b->base = sched_new_marks (b->m->s, STATES);
    for (int i = 0; i < b->n; i++)
        if (!b->choice[i].r->is_slot)
            claim (b, b->choice[i].v, b->choice[i].exclusive);
}

static uint32_t drawn (const struct backtrack *b)
{
    return b->m->pools ? b->m->s->pools->nlog : 0;
}

static void undo (struct backtrack *b, uint32_t nlog)
{
    if (b->m->pools)
        pool_undo (b->m, nlog);
}

static bool chosen_below (const struct backtrack *b, uint32_t v)
{
    struct graph *g = b->m->s->g;
    uint32_t n;

    graph_below (g, v, &n);
    for (int i = 0; i < b->n && n > 0; i++) {
        uint32_t u = b->choice[i].v;
        if (b->choice[i].r->is_slot)
            continue;
        if (g->nextra ? g->seen[u] == g->stamp
                      : g->v[v].post - n <= g->v[u].post && g->v[u].post < g->v[v].post)
            return true;
    }
    return false;
}

/* Each vertex once, of those that have several ways into them. */
static bool find_way (struct backtrack *b, uint32_t u, uint32_t v, uint32_t stamp)
{
    struct match *m = b->m;
    struct scheduler *s = m->s;
    uint32_t n;
    const uint32_t *up = graph_parents (s->g, v, &n);

    for (uint32_t i = 0; i < n; i++) {
        if (up[i] == u)
            return true;
        if (stamp && s->pools->seen[up[i]] == stamp)
            continue;
        if (stamp)
            s->pools->seen[up[i]] = stamp;
        if (state_of (b, up[i]) != TAKEN && (!stamp || match_can_pass (m, up[i]))
            && find_way (b, u, up[i], stamp))
            return true;
    }
    return false;
}

/* Is there a way from u down to v that passes nothing that was chosen exclusively? */
static bool leads_to (struct backtrack *b, uint32_t u, uint32_t v)
{
    struct scheduler *s = b->m->s;

    if (u == VTX_NONE)
        return true; /* v is the root */
    return find_way (b, u, v, s->g->nextra ? pools_new_stamp (s) : 0);
}

/* Where there are several ways into it. */
static bool free_below (struct backtrack *b, uint32_t v)
{
    struct match *m = b->m;
    uint32_t n;
    const uint32_t *below = graph_below (m->s->g, v, &n);

    for (uint32_t i = 0; i < n; i++)
        if (!match_down_within (m, below[i], v)
            && (state_of (b, below[i]) || !sched_idle (m->s, below[i], &m->w)))
            return false;
    return true;
}

/* --- Where all is chosen --- */

/* From choices to picks; those of each slot by itself go to `slots`, if it is not NULL. */
static bool make_picks (struct backtrack *b, struct pick **all, struct cand *slots)
{
    struct arena *a = b->m->s->arena;
    struct tail {
        struct pick **at;
    } *tail = arena_alloc (a, (b->n + 1) * sizeof (*tail));
    int *holder = arena_alloc (a, b->n * sizeof (*holder) + 1); /* + 1; 0: none */

    if (!tail || !holder)
        return false;
    tail[0].at = all;
    for (int i = 0; i < b->n; i++) {
        const struct choice *c = &b->choice[i];
        int up = c->parent < 0 ? 0 : holder[c->parent];
        if (slots && c->parent < 0)
            tail[0].at = &slots++->pick;
        holder[i] = c->r->is_slot ? up : i + 1;
        if (c->r->is_slot)
            continue;
        struct pick *p = arena_alloc (a, sizeof (*p));
        if (!p)
            return false;
        p->v = c->v;
        p->exclusive = c->exclusive;
        p->whole = c->whole;
        p->needs = c->needs;
        p->label = c->r->label;
        tail[i + 1].at = &p->kids;
        *tail[up].at = p;
        tail[up].at = &p->next;
    }
    return true;
}

static int64_t passed (const struct match *m, uint32_t v, uint32_t u)
{
    int64_t sum = 0;

    for (; v != u && v != VTX_NONE; v = m->s->g->v[v].parent)
        sum = score_sum (sum, cand_node_factor (m, v));
    return sum;
}

static bool finish_slots (struct backtrack *b)
{
    uint32_t was = b->out->n, at = was;

    for (int i = 0; i < b->n; i++) {
        const struct choice *c = &b->choice[i];
        if (c->parent < 0) {
            struct cand *to = cand_add (b->m, b->out);
            if (!to)
                return false;
            to->v = to->group = c->v;
            to->units = 1;
            to->score = passed (b->m, c->v, b->u);
            at = b->out->n - 1;
        } else if (b->choice[c->parent].parent < 0) {
            b->out->c[at].score = score_sum (b->out->c[at].score, c->score);
        }
    }
    if (make_picks (b, NULL, b->out->c + was))
        return true;
    b->m->fault = ENOMEM;
    return false;
}

static bool finish (struct backtrack *b)
{
    struct match *m = b->m;
    struct pick *picks = NULL;

    if (b->out)
        return finish_slots (b);
    if (!make_picks (b, &picks, NULL)) {
        m->fault = ENOMEM;
        return false;
    }
    match_select (m, picks);
    if (m->fault == EBUSY) { /* what is taken along is not free */
        m->fault = 0;
        claim_again (b);
        return false;
    }
    return !m->fault;
}

/* --- Goals --- */

/* For what is asked for below u. */
static const struct goal *add_goals (struct backtrack *b, const struct resource *list,
                                     uint32_t n, const struct goal *like,
                                     const struct goal *next)
{
    struct match *m = b->m;
    struct goal *gl = arena_alloc (m->s->arena, n * sizeof (*gl) + 1);

    if (!gl) {
        m->fault = ENOMEM;
        return NULL;
    }
    for (uint32_t i = n; i-- > 0;) {
        gl[i] = *like;
        gl[i].r = &list[i];
        gl[i].beside = list;
        gl[i].nbeside = n;
        gl[i].left = list[i].count.min;
        gl[i].l = NULL;
        gl[i].places = NULL;
        gl[i].from = 0;
        gl[i].next = next;
        gl[i].kind = list[i].is_slot                                    ? SLOTS
                     : m->pools && is_pool_type (m->s, list[i].type_id) ? DRAW
                                                                        : VERTICES;
        if (like->parent < 0
            && (gl[i].kind == DRAW
                || list[i].type_id == m->s->g->v[m->s->g->root].type))
            gl[i].u = VTX_NONE;
        if (!match_is_later_alternative (list, &list[i]))
            next = &gl[i];
    }
    return next;
}

static int choose (struct backtrack *b, const struct goal *gl, const struct resource *r,
                   uint32_t v, int64_t score)
{
    if (b->n == BACKTRACK_CHOICES) {
        b->steps = 0;
        return -1;
    }
    b->choice[b->n] =
        (struct choice){ .r = r, .v = v, .parent = gl->parent, .score = score };
    return b->n++;
}

enum outcome { REFUSED, FAILED, SOLVED };

static enum outcome try_vertex (struct backtrack *b, const struct goal *gl,
                                const struct cand *c, uint32_t from)
{
    struct match *m = b->m;
    const struct resource *r = gl->r;
    bool whole = r->exclusive == EXCL_TRUE || match_takes_whole (m, c->v);
    bool excl = gl->excl || whole;
    struct goal rest = *gl, all = { .kind = REST, .u = c->v, .left = 1, .next = &rest };
    uint32_t nlog = drawn (b), v = c->v;
    struct arena_mark mark = arena_mark (m->s->arena);
    int at;

    if (state_of (b, v) || (excl && chosen_below (b, v)) || !leads_to (b, gl->u, v)
        || !match_serves (m, v, r, excl)
        || (m->s->g->nextra && whole && !free_below (b, v))
        || (at = choose (b, gl, r, v, c->score)) < 0)
        return REFUSED;
    int64_t size = m->s->g->v[v].size;
    b->choice[at].exclusive = excl;
    b->choice[at].whole = whole;
    b->choice[at].needs = excl || size < gl->left ? size : gl->left;
    rest.from = from;
    rest.left -= size;
    struct goal like = { .u = v, .excl = excl, .parent = at };
    bool rc = claim (b, v, excl)
              && solve (b, add_goals (b, r->with, r->nwith, &like,
                                      m->s->g->nextra && whole ? &all : &rest));
    b->n = at;
    undo (b, nlog);
    if (!m->s->g->nextra)
        m->s->vs[v].mark = b->base;
    if (!rc)
        arena_release (m->s->arena, mark);
    return rc ? SOLVED : FAILED;
}

/* Would b do as well as a, where nothing is asked for below them? */
static bool is_like (const struct match *m, uint32_t a, uint32_t b)
{
    const struct graph *g = m->s->g;
    uint32_t n, k;
    const uint32_t *up = graph_parents (g, a, &n), *other = graph_parents (g, b, &k);

    if (n != k || g->v[a].nchildren || g->v[b].nchildren
        || g->v[a].size != g->v[b].size)
        return false;
    while (n > 0 && up[n - 1] == other[n - 1])
        n--;
    return n == 0;
}

/* The candidates of a goal; what that costs counts, too. */
static bool look (struct backtrack *b, const struct goal *gl, struct list *l)
{
    struct match *m = b->m;
    uint64_t before = m->s->counts.preorder;
    struct query q = { .r = gl->r,
                       .beside = gl->beside,
                       .nbeside = gl->nbeside,
                       .pristine = gl->pristine,
                       .excl = gl->excl,
                       .want = INT64_MAX };

    if (gl->u == VTX_NONE) {
        struct cand *c = cand_add (m, l);
        if (c)
            cand_set (m, c, m->s->g->root, 0);
    } else {
        match_gather (m, gl->u, &q, false, l);
        if (!m->s->policy.stop_on_first)
            cand_sort (m, l, gl->left);
    }
    b->steps -= l->n + (m->s->counts.preorder - before);
    return !m->fault;
}

static bool solve_vertices (struct backtrack *b, const struct goal *gl)
{
    struct list l = { 0 };
    struct goal now = *gl;
    uint32_t failed[8], nfailed = 0;

    if (!now.l && !look (b, gl, &l))
        return false;
    if (!now.l)
        now.l = &l;
    for (uint32_t i = now.from; i < now.l->n && b->steps > 0; i++) {
        uint32_t v = now.l->c[i].v, k = 0;
        while (k < nfailed && !is_like (b->m, failed[k], v))
            k++;
        enum outcome o =
            k < nfailed ? REFUSED : try_vertex (b, &now, &now.l->c[i], i + 1);
        if (o == SOLVED)
            return true;
        if (o == FAILED && nfailed < 8 && !gl->r->nwith)
            failed[nfailed++] = v;
    }
    return false;
}

/* Where slots of a kind are made: no further down than where all of it are children; and
 * where some are, if there is none below. */
static bool find_places (struct backtrack *b, const struct goal *gl,
                         const struct resource *slot, uint32_t u, struct list *l)
{
    struct match *m = b->m;
    const struct graph *g = m->s->g;
    const struct edge *e = graph_children (g, u);
    enum slot_fit fit = match_kind_fit (m, u, slot);
    struct query one = { .r = slot, .beside = slot, .nbeside = 1, .want = 1 };
    uint32_t was = l->n, nlog = drawn (b);
    struct list made = { 0 };

    for (uint32_t i = 0; i < g->v[u].nchildren && fit < SLOT_WHOLE && !m->fault; i++) {
        uint32_t v = e[i].child;
        if (g->v[v].nchildren
            && !match_is_beside (gl->beside, gl->nbeside, g->v[v].type)
            && state_of (b, v) != TAKEN && match_can_pass (m, v))
            find_places (b, gl, slot, v, l);
    }
    if (fit == SLOT_NONE || l->n > was || m->fault)
        return l->n > was;
    match_slots (m, u, &one, &made);
    undo (b, nlog);
    claim_again (b);
    if (!made.n)
        return false;
    struct cand *c = cand_add (m, l);
    if (!c)
        return false;
    cand_set (m, c, u, passed (m, u, gl->u));
    c->group = u;
    return true;
}

static bool add_places (struct match *m, const struct resource *slot,
                        const struct list *l, struct places *out)
{
    struct place *more =
        arena_alloc (m->s->arena, (out->n + l->n) * sizeof (*more) + 1);

    if (!more) {
        m->fault = ENOMEM;
        return false;
    }
    if (out->n)
        memcpy (more, out->list, out->n * sizeof (*more));
    for (uint32_t i = 0; i < l->n; i++)
        more[out->n++] = (struct place){ slot, l->c[i].v };
    out->list = more;
    return true;
}

/* Of the first kinds before the others. */
static bool look_for_places (struct backtrack *b, const struct goal *gl,
                             struct places *out)
{
    struct match *m = b->m;
    uint64_t before = m->s->counts.preorder;

    for (const struct resource *r = gl->beside; r < gl->beside + gl->nbeside; r++) {
        struct list kind = { 0 };
        if (!r->is_slot || (r != gl->r && !m->s->flexible))
            continue;
        if (gl->pristine) {
            find_places (b, gl, r, gl->u, &kind);
            cand_sort (m, &kind, gl->left);
        } else if (cand_add (m, &kind)) {
            kind.c[0].v = gl->u;
        }
        if (m->fault || !add_places (m, r, &kind, out))
            return false;
    }
    b->steps -= out->n + (m->s->counts.preorder - before);
    return true;
}

static bool solve_slots (struct backtrack *b, const struct goal *gl)
{
    struct places places = { 0 };
    struct goal now = *gl, rest;

    if (!now.places && !look_for_places (b, gl, &places))
        return false;
    if (!now.places)
        now.places = &places;
    for (uint32_t i = now.from; i < now.places->n && b->steps > 0; i++) {
        struct place p = now.places->list[i];
        struct arena_mark mark = arena_mark (b->m->s->arena);
        int at;
        if (p.u != gl->u && (state_of (b, p.u) == TAKEN || !leads_to (b, gl->u, p.u)))
            continue;
        if ((at = choose (b, gl, p.slot, p.u, 0)) < 0)
            return false;
        rest = now;
        rest.from = i; /* as many there as there are */
        rest.left--;
        struct goal like = { .u = p.u,
                             .excl = true,
                             .parent = at,
                             .pristine =
                                 match_kind_fit (b->m, p.u, p.slot) < SLOT_WHOLE };
        bool rc = solve (b, add_goals (b, p.slot->with, p.slot->nwith, &like, &rest));
        b->n = at;
        if (rc)
            return true;
        arena_release (b->m->s->arena, mark);
    }
    return false;
}

static bool solve_draw (struct backtrack *b, const struct goal *gl)
{
    struct match *m = b->m;
    struct list l = { 0 };
    uint32_t nlog = drawn (b);

    pool_sources (m, gl->u, gl->r, &l);
    for (uint32_t i = 0; i < l.n && b->steps > 0 && !m->fault; i++) {
        bool rc = pool_draw_from (m, l.c[i].v, gl->r) && solve (b, gl->next);
        undo (b, nlog);
        if (rc)
            return true;
    }
    return false;
}

/* What is below a vertex that is taken whole and was not chosen goes with it. */
static bool solve_rest (struct backtrack *b, const struct goal *gl)
{
    struct match *m = b->m;
    uint32_t n, nlog = drawn (b);
    const uint32_t *below = graph_below (m->s->g, gl->u, &n);
    bool rc = true;

    for (uint32_t i = 0; i < n && rc; i++)
        if (!match_down_within (m, below[i], gl->u) && !state_of (b, below[i]))
            rc = claim (b, below[i], true);
    rc = rc && solve (b, gl->next);
    undo (b, nlog);
    return rc;
}

static bool solve_one (struct backtrack *b, const struct goal *gl)
{
    switch (gl->kind) {
    case VERTICES:
        return solve_vertices (b, gl);
    case SLOTS:
        return solve_slots (b, gl);
    case DRAW:
        return solve_draw (b, gl);
    default:
        return solve_rest (b, gl);
    }
}

static bool solve (struct backtrack *b, const struct goal *gl)
{
    while (gl && gl->kind != DRAW && gl->left <= 0)
        gl = gl->next;
    if (b->m->fault || --b->steps <= 0)
        return false;
    return gl ? solve_one (b, gl) : finish (b);
}

/* --- What is asked --- */

static struct backtrack *begin (struct match *m)
{
    struct backtrack *b = arena_alloc (m->s->arena, sizeof (*b));

    if (!b) {
        m->fault = ENOMEM;
        return NULL;
    }
    b->m = m;
    b->base = sched_new_marks (m->s, STATES);
    b->steps = m->steps < BACKTRACK_STEPS ? m->steps : BACKTRACK_STEPS;
    m->steps -= b->steps;
    return b;
}

/* What has not been used may be by others. */
static void end (struct backtrack *b)
{
    b->m->steps += b->steps > 0 ? b->steps : 0;
}

bool backtrack_match (struct match *m)
{
    struct graph *g = m->s->g;
    struct backtrack *b = begin (m);
    struct goal like = { .u = g->root, .parent = -1, .pristine = true };
    bool rc = false;

    if (!b)
        return false;
    m->fault = 0;
    rc = match_can_pass (m, g->root)
         && solve (b, add_goals (b, m->top, m->ntop, &like, NULL));
    end (b);
    if (!rc && !m->fault)
        m->fault = EBUSY;
    return rc;
}

bool backtrack_slots (struct match *m, uint32_t u, const struct query *q, int64_t n,
                      struct list *out)
{
    struct backtrack *b = begin (m);
    struct goal gl = { .kind = SLOTS,
                       .r = q->r,
                       .beside = q->beside,
                       .nbeside = q->nbeside,
                       .u = u,
                       .pristine = q->pristine,
                       .left = n,
                       .parent = -1 };

    if (!b)
        return false;
    b->out = out;
    b->u = u;
    bool rc = solve (b, &gl);
    end (b);
    return rc;
}
