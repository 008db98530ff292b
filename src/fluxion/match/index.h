/* Which vertex comes next, without looking at all of them. */
#ifndef FLUXION_INDEX_H
#define FLUXION_INDEX_H

#include "fluxion/match/sched.h"

/* Vertices of a type below the root, best first for the policies high and low. */
struct order;

/* NULL: not for this policy, or too few to be worth it. */
struct order *index_order (struct scheduler *s, uint16_t type);
bool order_is_direct (const struct order *o); /* all are children of the root */

struct order_query {
    bool now;  /* false: all vertices, whatever their state */
    bool idle; /* no live job */
    int by;    /* tracked type that at least need[by] units must be left of; -1 */
    const int64_t *need;
};
/* The next at or after *i, which moves on; VTX_NONE. */
uint32_t order_next (struct scheduler *s, const struct order *o, uint32_t *i,
                     const struct order_query *q);
/* Leave v out as long as `under`, which is above it, is held or down. */
void order_park (struct scheduler *s, struct order *o, uint32_t v, uint32_t under);

/* Vertices or children from which on the shortcuts are worth while; for tests. */
extern uint32_t index_fan_min, index_order_min;

/* Children in the order of visits of the policy `first`. */
struct fan;

enum fan_filter {
    FAN_ALL,
    FAN_IDLE,   /* no live job */
    FAN_USEFUL, /* something is left below, or idle */
};
struct fan_pos {
    uint32_t bucket, word;
    uint64_t left;
    bool started;
};
/* NULL: few children, or another policy. */
struct fan *index_fan (struct scheduler *s, uint32_t u);
void fan_start (const struct fan *f, struct fan_pos *p);
uint32_t fan_next (const struct fan *f, struct fan_pos *p, enum fan_filter filter);
void index_weight (struct scheduler *s, uint32_t v, uint32_t was, uint32_t weight);
void index_drop_fans (struct scheduler *s);

bool index_has_child (struct scheduler *s, uint32_t u, uint16_t type);
/* Vertices touched since *seq, which moves on. False: some are not known any more. */
bool index_journal (struct scheduler *s, uint64_t *seq, const uint32_t **v,
                    uint32_t *n);

/* Remembered scores of slots (memo.c). */
void memos_destroy (struct scheduler *s);

#endif
