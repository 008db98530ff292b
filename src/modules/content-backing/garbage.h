/* When and how the database is rid of garbage: core/kvs/collect/collect.h with db.h below it.
 *
 * It begins by itself when what is in use has become content.gc-ratio times what the last
 * collection left, and content.gc-min more than that. */
#ifndef CONTENT_BACKING_GARBAGE_H
#define CONTENT_BACKING_GARBAGE_H

#include "base/digest.h"
#include "modules/content-backing/db.h"

#include <flux/core.h>

struct garbage;

/* recovery: something is missing, so nothing may be freed. */
struct garbage *garbage_create (flux_t *h, struct db *db, struct digest *digest,
                                bool recovery);
void garbage_destroy (struct garbage *g);
/* The store has been asked for something. */
void garbage_give_way (struct garbage *g);
void garbage_stored (struct garbage *g, size_t len);
int garbage_hold (struct garbage *g, const void *digest);
void garbage_request (struct garbage *g, const flux_msg_t *msg);
void garbage_disconnect (struct garbage *g, const flux_msg_t *msg);

#endif
