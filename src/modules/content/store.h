/* Blobs in the memory of one rank (RFC 10), by digest.
 *
 * A blob is dirty until it is in the backing store (rank 0) or, on other
 * ranks, was acknowledged by the parent; only clean blobs may be evicted.
 * A dirty blob that no tree refers to any more (see core/kvs/blobs.h) is not
 * written: it stays readable for a while, for those who have just read an older
 * root, and is then dropped. */
#ifndef CONTENT_STORE_H
#define CONTENT_STORE_H

#include "base/digest.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum blob_state {
    BLOB_CLEAN,
    BLOB_DIRTY,   /* waits to be written */
    BLOB_STORING, /* being written */
    BLOB_STALE,   /* dirty, but superseded */
};

struct blob {
    struct list node;  /* in the list of its state, oldest first */
    struct blob *next; /* same first 8 bytes of the digest */
    enum blob_state state;
    bool keep;      /* refs do not matter */
    bool hold;      /* stored by itself: the backing store has to know that */
    bool telling;   /* and is being told */
    uint32_t refs;  /* of trees, while dirty */
    uint32_t epoch; /* of last use */
    uint32_t len;
    const char *data;
    void *owner; /* of the bytes; NULL: the blob */
    unsigned char digest[];
};

struct store {
    struct idmap *map;
    size_t digest_size;
    struct list clean, dirty, storing, stale;
    size_t count[4], bytes[4]; /* by state */
    size_t clean_max, stale_max;
    uint32_t epoch;
    bool renew; /* what is stored again is written again: it may be about to go below */
    void (*unref) (void *owner);
};

/* unref: gives back a reference to what owns the bytes of blobs. */
int store_init (struct store *s, size_t digest_size, size_t clean_max, size_t stale_max,
                void (*unref) (void *owner));
void store_fini (struct store *s);

/* Borrowed until the next call that adds or evicts. Marks it as used. */
struct blob *store_lookup (struct store *s, const void *digest);

/* Bytes that a caller has, and their owner if they may stay where they are: a
 * reference to it, which is taken. */
struct bytes_of {
    const void *data;
    size_t len;
    void *owner; /* NULL: they are copied */
};

/* Add the bytes, or find what is there already.
 * store_clean: known to be stored below. store_keep: stored by itself, dirty until
 * written (again, if it was). store_ref: dirty, wanted by one more tree. NULL with ENOMEM. */
struct blob *store_clean (struct store *s, const void *digest, struct bytes_of from);
struct blob *store_keep (struct store *s, const void *digest, struct bytes_of from);
struct blob *store_ref (struct store *s, const void *digest, struct bytes_of from);
void store_unref (struct store *s, const void *digest);
/* As store_ref, but the caller writes it (a synced batch): being stored, unless
 * it is dirty for others. Then store_finish if it was written; else it is as if
 * store_hold had not been called, though readable for a while. */
struct blob *store_hold (struct store *s, const void *digest, struct bytes_of from);
void store_release (struct store *s, const void *digest);
/* All that is held becomes a keeper, stale blobs included. */
void store_pin (struct store *s);

/* Batches to the backing store: the oldest dirty blob, which is now being
 * stored, or NULL. Then, of all that are being stored: done or again dirty. */
struct blob *store_begin (struct store *s);
void store_finish (struct store *s, const void *digest, bool ok);

/* Once per heartbeat. */
void store_tick (struct store *s, uint32_t clean_age, uint32_t stale_age);
void store_drop_clean (struct store *s);
/* The backing store looks for what may go. That what is clean is there is no longer true
 * from then on, and not known when it ends. */
void store_set_renew (struct store *s, bool on);

#endif
