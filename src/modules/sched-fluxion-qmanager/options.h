/* Options of the module: KEY=VALUE on its load line, or a table of the configuration. */
#ifndef SCHED_FLUXION_QMANAGER_OPTIONS_H
#define SCHED_FLUXION_QMANAGER_OPTIONS_H

#include <flux/types.h>
#include <jansson.h>

#include "queue.h"

struct options {
    json_t *all;    /* as given: key -> text or object; the load line goes first */
    json_t *queues; /* names, from the table [queues]; empty: one queue "default" */
};

/* table: [sched-fluxion-qmanager], queues: [queues]; both may be NULL. -1 with EINVAL,
 * and *error names the key. To be undone by options_fini in either case. */
int options_init (struct options *o, json_t *table, json_t *queues, int argc,
                  char **argv, flux_error_t *error);
void options_fini (struct options *o);
/* What holds for a queue. qparams, pparams: as `stats` show them, "k=v" pairs as an
 * object of texts; new; may be NULL. */
int options_queue (const struct options *o, const char *name, struct queue_params *p,
                   json_t **qparams, json_t **pparams, flux_error_t *error);

#endif
