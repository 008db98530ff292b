/* The tree of brokers: who is whose parent. Computed alike on every rank. */
#ifndef BROKER_TOPOLOGY_H
#define BROKER_TOPOLOGY_H

#include <flux/idset.h>
#include <flux/types.h>

struct topology;

#define TOPOLOGY_NONE (-1)

/* uri: "kary:K" (K = 0: flat), "mincrit[:K]", "binomial". NULL with EINVAL
 * and *error. */
struct topology *topology_create (const char *uri, int size, flux_error_t *error);
/* parents[r] for each rank, -1 for rank 0; EINVAL if that is no tree. */
struct topology *topology_create_custom (const int *parents, int size,
                                         flux_error_t *error);
void topology_destroy (struct topology *t);

int topology_size (const struct topology *t);
int topology_parent (const struct topology *t, int rank); /* TOPOLOGY_NONE: root */
int topology_child_count (const struct topology *t, int rank);
/* i-th child in rank order. */
int topology_child (const struct topology *t, int rank, int i);
int topology_level (const struct topology *t, int rank); /* root: 0 */
int topology_maxlevel (const struct topology *t);
int topology_descendants (const struct topology *t, int rank); /* without itself */
/* The child of `rank` that leads to `target`; TOPOLOGY_NONE if target is not
 * below rank. */
int topology_next_hop (const struct topology *t, int rank, int target);
/* Rank and all below, new. */
struct idset *topology_subtree (const struct topology *t, int rank);
/* 0 and all ranks with children, new. */
struct idset *topology_internal (const struct topology *t);

#endif
