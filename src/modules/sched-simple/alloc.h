/* The allocator: what is free, and what a job gets. Pure state: no handle, no
 * clock.
 *
 * Nodes that are up are kept in one bitmap for each number of free cores, so
 * that finding a node costs no look at nodes that are too full, and finding
 * that there is none costs nothing. */
#ifndef SCHED_SIMPLE_ALLOC_H
#define SCHED_SIMPLE_ALLOC_H

#include "value/job/jobspec.h"
#include "value/resource/rset.h"

enum alloc_mode {
    ALLOC_WORST_FIT, /* the emptiest node, then the lowest rank */
    ALLOC_BEST_FIT,  /* the fullest that is empty enough */
    ALLOC_FIRST_FIT, /* the lowest rank */
};

struct alloc;

/* All nodes are down at first. r is copied. */
struct alloc *alloc_create (const struct rset *r, enum alloc_mode mode);
void alloc_destroy (struct alloc *a);

/* Ranks that are unknown are ignored. */
int alloc_set_up (struct alloc *a, const struct idset *ranks, bool up);
/* Takes ranks away for good. */
int alloc_shrink (struct alloc *a, const struct idset *ranks);
/* Replaces the ranks that have a property. */
int alloc_set_property (struct alloc *a, const char *name, const struct idset *ranks,
                        bool add);

/* Could it be satisfied if all nodes were up and free? 0, or -1 with EINVAL
 * and *error. */
int alloc_feasible (struct alloc *a, const struct jobspec *js, flux_error_t *error);
/* What the job gets, with nslots; nothing changes unless it succeeds. NULL with
 * ENOSPC: not now; EINVAL and *error: never. */
struct rset *alloc_alloc (struct alloc *a, const struct jobspec *js,
                          flux_error_t *error);
/* Back to free. EINVAL and *error (and nothing changed) if some of it was not
 * allocated. Ranks that were taken away are ignored. */
int alloc_free (struct alloc *a, const struct rset *r, flux_error_t *error);
/* Allocate exactly this. EINVAL and *error if some of it is not free. */
int alloc_take (struct alloc *a, const struct rset *r, flux_error_t *error);

/* New sets. */
/* All that there is, as R (RFC 20): valid until it changes; NULL with ENOMEM. */
const char *alloc_all_text (struct alloc *a);
struct rset *alloc_allocated (const struct alloc *a);
struct rset *alloc_down (const struct alloc *a);

#endif
