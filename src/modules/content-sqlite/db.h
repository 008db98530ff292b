/* Blobs and checkpoints in an SQLite file. */
#ifndef CONTENT_SQLITE_DB_H
#define CONTENT_SQLITE_DB_H

#include "base/buf.h"

#include <flux/types.h>
#include <stdint.h>

#define DB_CHECKPOINTS 5 /* kept */

struct db;

/* journal_mode, synchronous: values of the SQLite pragmas. */
struct db *db_open (const char *path, const char *journal_mode, const char *synchronous,
                    flux_error_t *error);
void db_close (struct db *db);

/* A transaction around many stores. */
int db_begin (struct db *db, flux_error_t *error);
int db_commit (struct db *db, flux_error_t *error);
void db_rollback (struct db *db);

/* A blob that is there already stays as it is. */
int db_store (struct db *db, const void *digest, size_t digest_size, const void *data,
              size_t len, flux_error_t *error);
/* The blob replaces the content of out. ENOENT, EIO, EPROTO (damaged). */
int db_load (struct db *db, const void *digest, size_t digest_size, struct buf *out,
             flux_error_t *error);
int db_validate (struct db *db, const void *digest, size_t digest_size);
int db_checkpoint_put (struct db *db, const char *json, flux_error_t *error);
/* A JSON array, newest first, is added to out. */
int db_checkpoint_get (struct db *db, struct buf *out, flux_error_t *error);

int64_t db_count (struct db *db);
int64_t db_file_size (struct db *db);
int64_t db_file_free (struct db *db);

#endif
