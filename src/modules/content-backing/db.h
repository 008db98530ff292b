/* Blobs and checkpoints on a disk. What a backing store implements, and service.c is
 * linked with: sqlite/ (content-sqlite) in an SQLite file, files/ (content-files) in a file
 * for each blob.
 *
 * A call that fails returns -1 or NULL, sets errno and says in *error (not the
 * path, but) what failed and why: ENOSPC, EIO, ENOMEM of the disk and the machine,
 * EBADMSG where what is read is damaged, ENOENT where it is not there. */
#ifndef CONTENT_BACKING_DB_H
#define CONTENT_BACKING_DB_H

#include "base/buf.h"
#include "base/digest.h"

#include <flux/types.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_CHECKPOINTS 5 /* kept */

struct db;

struct db_options {
    bool kept;             /* it outlives the instance: `sync` is honoured */
    bool recovery;         /* open though something is missing */
    struct digest *digest; /* borrowed */
    /* content-sqlite. Values of pragmas, or NULL: write-ahead log, and synced as far as
     * `kept` asks for. journal_mode=OFF is refused: a batch that failed could not be
     * undone. */
    const char *journal_mode, *synchronous;
    bool alone; /* without a thread: system calls in the order of the calls */
    const char *
        vfs; /* through which all system calls go; NULL: the default one. Borrowed until db_close */
};

extern const char db_module[]; /* its name */
extern const char db_name[];   /* of the file or directory */
/* value is borrowed, NULL if it is no text. -1 with EINVAL and *error, which begins with the name: there is no such
 * option, or it does not take that. */
int db_option (struct db_options *o, const char *name, const char *value,
               flux_error_t *error);

/* Creates what is not there, for this user alone. A kept store that has lost what it
 * once had, or whose newest checkpoint cannot be read, is refused with EBADMSG
 * unless `recovery` is set, when warning (may be NULL) tells about it. */
struct db *db_open (const char *path, const struct db_options *opts,
                    flux_error_t *warning, flux_error_t *error);
void db_close (struct db *db);
/* Removes it and all that belongs to it. */
int db_remove (const char *path, flux_error_t *error);

/* A transaction around many stores. sync: db_commit returns when all is on the
 * disk (if it is kept). If anything fails in between, db_rollback:
 * then nothing of it is there, also not after a crash. */
int db_begin (struct db *db, bool sync, flux_error_t *error);
int db_commit (struct db *db, flux_error_t *error);
int db_rollback (struct db *db, flux_error_t *error);
/* The disk does not let go of what failed: after a crash now it might be there. Nobody
 * is told that it was refused before db_settle, which tries again, returns 0. */
bool db_in_doubt (const struct db *db);
int db_settle (struct db *db, flux_error_t *error);

/* A blob that is there already stays as it is. */
int db_store (struct db *db, const void *digest, size_t digest_size, const void *data,
              size_t len, flux_error_t *error);
/* The blob, checked against its digest, replaces the content of out. */
int db_load (struct db *db, const void *digest, size_t digest_size, struct buf *out,
             flux_error_t *error);
int db_validate (struct db *db, const void *digest, size_t digest_size,
                 flux_error_t *error);
int db_checkpoint_put (struct db *db, const char *json, flux_error_t *error);
/* A JSON array, newest first, is added to out. In recovery only those whose
 * root can be loaded. */
int db_checkpoint_get (struct db *db, struct buf *out, flux_error_t *error);

/* Collection. From db_collect_begin to db_collect_end each blob that is stored is
 * marked, whether it is new or not. */
int db_collect_begin (struct db *db, flux_error_t *error);
void db_collect_end (struct db *db);
/* As struct mark_ops. */
int db_mark (struct db *db, const void *digest, size_t digest_size, bool dir,
             flux_error_t *error);
struct db_swept {
    int64_t at;  /* where the sweep has come to; 0: the beginning */
    int64_t top; /* and where it ends: what is stored meanwhile is marked */
    int64_t live, live_bytes, freed, freed_bytes;
    bool keep; /* count what would be freed, and free nothing */
};
/* Frees what is not marked among the next blobs, at least one, until over (arg), in one
 * transaction. 1: there is more, 0: that was all. What a failed step has done is undone,
 * and *s as before. */
int db_sweep (struct db *db, struct db_swept *s, bool (*over) (void *arg), void *arg,
              flux_error_t *error);
/* Gives up to `pages` unused pages back to the file system, if it can. 1: there may be
 * more. */
int db_shrink (struct db *db, int pages, flux_error_t *error);
/* Puts things in order after a collection: sizes are then, or soon, what they should be. */
void db_tidy (struct db *db);
/* Nothing is stored or loaded for a while: frees what only makes the next calls quicker.
 * Not within a transaction. */
void db_rest (struct db *db);
/* What the last collection left, for the next start; -1: there was none. */
int db_set_live (struct db *db, int64_t bytes, flux_error_t *error);
int64_t db_get_live (struct db *db);

int64_t db_count (struct db *db);     /* blobs */
int64_t db_file_size (struct db *db); /* bytes */
int64_t db_file_free (struct db *db); /* of them not in use */

#endif
