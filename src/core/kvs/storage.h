/* What the instance's attributes say about storing, for the services that store. */
#ifndef CORE_KVS_STORAGE_H
#define CORE_KVS_STORAGE_H

#include <flux/core.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A statedir that outlives the instance: what is acknowledged has to survive a crash
 * of the broker. One that ends with it keeps nothing from anyone. */
bool storage_is_kept (flux_t *h);

/* And it was asked for, beside the rundir, and the instance does not end with a job of
 * another: its own may go on when all its brokers are killed. */
bool storage_outlives (flux_t *h);

/* Bytes that a blob may have: content.blob-size-limit, which the broker has looked at
 * when it was set. */
size_t storage_blob_max (flux_t *h);

/* When a store collects garbage by itself: content.gc-ratio (0: never), content.gc-min. */
void storage_gc_limits (flux_t *h, int *ratio, int64_t *min);

#endif
