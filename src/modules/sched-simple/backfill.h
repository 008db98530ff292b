/* EASY backfill: who may overtake the first job of the queue that has to wait. Pure state
 * beside an allocator: which jobs hold what, and until when at the latest.
 *
 * The first job gets a reservation: the earliest time at which it fits if all jobs run as
 * long as they may. Another may start now if it ends before that, or if the first one still
 * fits then. */
#ifndef SCHED_SIMPLE_BACKFILL_H
#define SCHED_SIMPLE_BACKFILL_H

#include <stdint.h>

#include "alloc.h"

struct backfill;

struct backfill *backfill_create (void);
void backfill_destroy (struct backfill *b);

/* A job holds r (copied) until end (seconds; INFINITY: nobody knows). EEXIST, ENOMEM. */
int backfill_hold (struct backfill *b, uint64_t id, const struct rset *r, double end);
/* It has given r back, which may be a part of it. Unknown jobs are ignored. */
int backfill_release (struct backfill *b, uint64_t id, const struct rset *r);
void backfill_set_end (struct backfill *b, uint64_t id, double end);
/* Ranks that are gone for good. */
int backfill_shrink (struct backfill *b, const struct idset *ranks);

/* Reserves for `first`, which does not fit into a now. Returns when it does; INFINITY: when
 * jobs end of which nobody knows when; NAN: never as it is (nodes are down), or no memory:
 * then nothing is reserved. a is as before. */
double backfill_reserve (struct backfill *b, struct alloc *a,
                         const struct jobspec *first);
/* May a job that has been allocated from a run until end? */
bool backfill_allows (struct backfill *b, struct alloc *a, double end);

#endif
