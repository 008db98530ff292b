/* Pools: vertices of further subsystems (power, bandwidth, switches) that vertices of
 * the tree draw units from.
 *
 * The first subscribed subsystem is the tree that a match goes down. Pools are the
 * vertices of the others that are not in the tree, or are leaves of it and feed others
 * (a power supply in a rack). From a vertex of the tree the others are walked upward,
 * against their edges; a vertex that is in none of them is fed by what feeds its
 * nearest ancestor that is. A resource of the request whose type only pools have takes
 * its count in units from the first pool of that type, among its children in the tree
 * and then on the way up, that has as many left; `exclusive: true` takes a pool that
 * nobody uses, whole. Pools are shared by nature: the exclusivity of a slot does not
 * reach them. */
#ifndef FLUXION_POOL_H
#define FLUXION_POOL_H

#include "fluxion/match/match_priv.h"

/* Taken from a pool by the match that is going on; or, where vertices have several
 * parents and may be met twice, such a vertex itself: TOKENS if it is to be exclusive. */
struct draw {
    uint32_t v;
    int64_t units;
    bool exclusive;
};

/* How often a vertex was wanted in vain, since the match itself had it. What counts is how
 * often in the tries before this one: within a try all are judged alike. */
struct want {
    uint32_t epoch; /* of which match */
    uint32_t tries; /* in which try of it `before` was made */
    uint32_t before, count;
};

struct pools {
    uint8_t *used;    /* by subsystem: subscribed */
    uint8_t *is_pool; /* by vertex */
    uint8_t *is_type; /* by type: only pools have it */
    int64_t *live;    /* by vertex: units of live jobs */
    int64_t *trial;   /* by vertex: units of the match that is going on */
    uint32_t *seen;   /* by vertex: stamp of the last walk */
    uint32_t stamp;   /* even: a walk may tell two kinds of what it has seen */
    struct draw *log; /* all of the match that is going on */
    uint32_t nlog, cap;
    struct want *wanted; /* by vertex */
    uint32_t epoch, tries;
    bool contended; /* anything was, in this try */
    bool cautious;  /* take what nobody else wanted first, */
    bool strict;    /* and nothing else */
};

/* One choice may have taken what was the only one of another. A match that fails so is
 * tried again, which leaves what was wanted in vain to the last; and after that choices
 * are taken back, within limits (backtrack.c). */
#define POOL_TRIES 20

/* After a change of topology; s->pools stays NULL if nothing is subscribed. */
int pools_rebuild (struct scheduler *s);
void pools_destroy (struct scheduler *s);

static inline bool is_pool (const struct scheduler *s, uint32_t v)
{
    return s->pools && s->pools->is_pool[v];
}
static inline bool is_pool_type (const struct scheduler *s, uint16_t type)
{
    return s->pools && s->pools->is_type[type];
}
/* Does any resource of the request come from a pool? */
bool pools_asked (const struct scheduler *s, const struct resource *list, uint32_t n);
/* For a walk that marks in `seen` what it has met; stamp | 1 is another mark. */
uint32_t pools_new_stamp (struct scheduler *s);
/* Units of a pool that are free in the window, but for the match going on. */
int64_t pool_free (struct scheduler *s, uint32_t v, const struct window *w);

/* Draw for one resource from above u. False: there is not enough. */
bool pool_draw (struct match *m, uint32_t u, const struct resource *r);
/* Draw from any pool of the type, for a resource that stands under no vertex. */
bool pool_draw_any (struct match *m, const struct resource *r);
/* The pools that r can be drawn from, above u (VTX_NONE: any), in the order in which they
 * are looked at; and to draw from one of them. */
void pool_sources (struct match *m, uint32_t u, const struct resource *r,
                   struct list *out);
bool pool_draw_from (struct match *m, uint32_t v, const struct resource *r);
/* Note that v is chosen; false: the match that is going on has it already. */
bool pool_claim (struct match *m, uint32_t v, bool exclusive);
/* Is all below v free, so that it can be taken whole? */
bool pool_claim_below (struct match *m, uint32_t v);
void pool_note_wanted (struct match *m, uint32_t v);
static inline uint32_t pool_wanted (const struct match *m, uint32_t v)
{
    const struct pools *p = m->s->pools;
    const struct want *w = &p->wanted[v];

    if (w->epoch != p->epoch)
        return 0;
    return w->tries == p->tries ? w->before : w->count;
}
/* Forget what was drawn since the log was that long. */
void pool_undo (struct match *m, uint32_t nlog);
/* Remember with p what was drawn since. */
void pool_keep (struct match *m, struct pick *p, uint32_t nlog);
/* Draw again what p, and what is chained to it, has remembered. */
bool pool_redraw (struct match *m, const struct pick *p);
/* Add what was drawn to the selection. */
void pool_select (struct match *m);

#endif
