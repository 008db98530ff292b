/* Which tasks run on which node of a job. */
#ifndef SHELL_LAYOUT_H
#define SHELL_LAYOUT_H

#include <flux/taskmap.h>
#include <flux/types.h>
#include <jansson.h>

#include "value/jobspec.h"

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
/* Numbers them: block, cyclic[:N] or manual:MAP. NULL with EINVAL and *error.
 * scheme NULL: block. */
struct taskmap *layout_map (const struct layout_node *nodes, int node_count,
                            const char *scheme, const char *value, flux_error_t *error);

#endif
