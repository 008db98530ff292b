/* What db.c and db_collect.c share. */
#ifndef CONTENT_FILES_DB_IMPL_H
#define CONTENT_FILES_DB_IMPL_H

#include "tree.h"

#include "base/hashmap.h"
#include "modules/content-backing/db.h"

#include <jansson.h>

struct db {
    struct tree tree;
    struct digest *digest; /* borrowed */
    bool kept, recovery;
    int64_t count, bytes; /* of blobs */
    json_t *checkpoints;  /* array, newest first: what the file has, or should have */
    bool in_doubt;        /* it may have others */

    /* the batch */
    bool sync;
    json_t *pending;  /* what the checkpoints will be, or NULL */
    struct buf added; /* hashes of its blobs that are new */

    /* the collection, if there is one */
    struct idmap *marks; /* by the first bytes of the hash, see db_collect.c */
    DIR *sweep;          /* where it is */
};

/* -1 with *error; errno stays. */
int db_fail (flux_error_t *error, const char *what);
/* A file of one number; -1: there is none. */
int64_t db_read_number (struct db *db, const char *name);
int db_write_number (struct db *db, const char *name, int64_t n);
/* The blob is gone: lengths are counted. */
int db_drop (struct db *db, const void *hash, int64_t len);
/* The blob was just stored. */
int db_mark_stored (struct db *db, const void *hash, flux_error_t *error);

#endif
