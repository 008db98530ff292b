/* Blobs and decoded directories by blobref, as far as they are of use:
 * bounded by bytes and by age. Also remembers what a walk found missing. */
#ifndef KVS_CACHE_H
#define KVS_CACHE_H

#include "node.h"

#include <flux/types.h>

struct kvs_cache;

struct kvs_cache *kvs_cache_create (size_t max_bytes);
void kvs_cache_destroy (struct kvs_cache *c);

/* Adds a blob (copied). */
int kvs_cache_insert (struct kvs_cache *c, const char *ref, const void *data,
                      size_t len);
/* The bytes stay where they are, until unref (owner). */
int kvs_cache_insert_held (struct kvs_cache *c, const char *ref, const void *data,
                           size_t len, void *owner, void (*unref) (void *owner));
/* Remembers that a load failed, until those who wait have been told. */
void kvs_cache_insert_error (struct kvs_cache *c, const char *ref, int errnum);
void kvs_cache_clear_errors (struct kvs_cache *c);
void kvs_cache_remove (struct kvs_cache *c, const char *ref);

/* Borrowed until the next insert or tick. -1 with EAGAIN: not here, and now in
 * the list of missing blobs; or the errno of a failed load. */
int kvs_cache_blob (struct kvs_cache *c, const char *ref, const char **data,
                    size_t *len);
/* -1 with its errno if the load of ref failed. */
int kvs_cache_error (struct kvs_cache *c, const char *ref);
bool kvs_cache_has (struct kvs_cache *c, const char *ref);
/* A read-only directory node. Same errors. */
struct kvs_node *kvs_cache_dir (struct kvs_cache *c, const char *ref, int level);
/* Loads through kvs_cache_dir, for walks over read-only nodes. */
struct kvs_loader kvs_cache_loader (struct kvs_cache *c);

/* A directory of a tree. A blob that is none is damage: EBADMSG. */
struct kvs_node *kvs_cache_decode (struct kvs_cache *c, struct kvs_lru *lru,
                                   const char *ref, const char *data, size_t len,
                                   int level);

/* The blob because of which a walk failed since kvs_cache_clear_failed(), and the
 * errno of its load (ENOENT: there is none; walks fail with EBADMSG then, since a
 * tree refers to it). NULL: it was no blob's fault. */
const char *kvs_cache_failed (const struct kvs_cache *c, int *errnum);
void kvs_cache_clear_failed (struct kvs_cache *c);

/* What walks have missed since kvs_cache_missing_clear. */
size_t kvs_cache_missing_count (const struct kvs_cache *c);
const char *kvs_cache_missing (const struct kvs_cache *c, size_t i);
void kvs_cache_missing_clear (struct kvs_cache *c);

/* Once per heartbeat: what was not used for `age` ticks goes. */
void kvs_cache_tick (struct kvs_cache *c, uint32_t age);
void kvs_cache_drop (struct kvs_cache *c);
size_t kvs_cache_count (const struct kvs_cache *c);
size_t kvs_cache_bytes (const struct kvs_cache *c);

#endif
