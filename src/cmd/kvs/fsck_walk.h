/* A walk over all that a KVS root refers to (RFC 11), without I/O: who drives it
 * takes blobs to load and brings what was found. */
#ifndef CMD_FSCK_WALK_H
#define CMD_FSCK_WALK_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

#define FSCK_REF_MAX 72

struct fsck_item {
    struct list node;
    char *key; /* "." is the root */
    char ref[FSCK_REF_MAX];
    bool dir;
};

struct fsck;

struct fsck_counts {
    size_t keys, blobs, damaged;
};

/* report: once for each key that cannot be read as a whole; or, with text NULL,
 * for each that was walked. */
typedef void (*fsck_report_f) (void *arg, const char *key, const char *text);

struct fsck *fsck_create (fsck_report_f report, void *arg);
void fsck_destroy (struct fsck *f);
int fsck_add_root (struct fsck *f, const char *ref);
/* The next blob to load, borrowed until fsck_loaded; NULL if there is none, until
 * those that were taken have been loaded. */
struct fsck_item *fsck_next (struct fsck *f);
/* why: NULL, or the reason that it cannot be loaded. -1 with ENOMEM. */
int fsck_loaded (struct fsck *f, struct fsck_item *item, const char *why,
                 const void *data, size_t len);
struct fsck_counts fsck_counts (const struct fsck *f);

#endif
