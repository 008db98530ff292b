/* Which tasks run on which node of a job. */
#ifndef SHELL_LAYOUT_H
#define SHELL_LAYOUT_H

#include <flux/taskmap.h>
#include <flux/types.h>
#include <jansson.h>

#include "value/job/jobspec.h"

/* What a node of the job offers, in the order of broker ranks. */
struct layout_node {
    int cores;
    int gpus;
    int tasks; /* set by layout_count */
};

/* Distributes the tasks of a jobspec, or those that shell option per-resource
 * asks for. -1 with EINVAL and *error. */
int layout_count (struct layout_node *nodes, int node_count, const struct jobspec *js,
                  flux_error_t *error);
/* How many of so many cores or GPUs of a node a task has there, if each has a share: not
 * more than its slot asks for (per_slot), where a task has a slot of its own; a node with
 * fewer tasks than others was given as much as they. A node that the job has for itself is
 * shared whole. At least 1. */
int layout_share (const struct jobspec *js, int count, int task_count, int per_slot);
/* Numbers them: block, cyclic[:N] or manual:MAP. NULL with EINVAL and *error.
 * scheme NULL: block. */
struct taskmap *layout_map (const struct layout_node *nodes, int node_count,
                            const char *scheme, const char *value, flux_error_t *error);

#endif
