/* The resources of queues, as the configuration has them. */
#ifndef CMD_QUEUE_PART_H
#define CMD_QUEUE_PART_H

#include <flux/core.h>

#include "value/resource/rset.h"

/* The table of queues, asked of the broker: what the answer is awaited with, so that
 * other questions can be on their way beside it. */
flux_future_t *queue_table_ask (void);
/* An empty object if there are none. Takes f; dies with a line if it fails. */
json_t *queue_table (flux_future_t *f);
/* What a queue may use of r: new. q is its table in the configuration. */
struct rset *queue_part (const struct rset *r, const json_t *q, flux_error_t *error);
/* An object of those queues that list ("a,b"; NULL: all) names: new. Dies with a line
 * if there is no such queue. */
json_t *queue_select (const json_t *table, const char *list);

#endif
