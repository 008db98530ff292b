#include "db_impl.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

#define WAL_HEADER 32 /* bytes; the salt is in 16..23 */
#define WAL_FRAME_HEADER 24

/* The write-ahead log
 *
 * A commit whose sync fails is undone by SQLite, but its frames, complete with
 * the mark of a commit, stay in the file until others are written over them:
 * after a crash it would be there all the same. So the log is cut behind its
 * last good frame. A log with another salt was begun by the failed transaction,
 * after all of the old one had been moved into the database. */

static sqlite3_file *wal_file (struct db *db)
{
    sqlite3_file *f = NULL;

    if (!db->wal
        || sqlite3_file_control (db->conn, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f)
               != SQLITE_OK
        || !f || !f->pMethods)
        return NULL;
    return f;
}

static bool read_salt (sqlite3_file *f, char *salt)
{
    return f->pMethods->xRead (f, salt, 8, 16) == SQLITE_OK;
}

int db_committed (void *arg, sqlite3 *conn, const char *name, int frames)
{
    struct db *db = arg;
    sqlite3_file *f = wal_file (db);

    db->frames = frames;
    if (f)
        read_salt (f, db->salt);
    return SQLITE_OK;
}

void db_tidy (struct db *db)
{
    int frames = 0;

    /* If it fails it is tried again, at the latest by the next start. */
    if (db->wal
        && sqlite3_wal_checkpoint_v2 (db->conn, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                      &frames, NULL)
               == SQLITE_OK)
        db->frames = frames;
}

void db_rest (struct db *db)
{
    sqlite3_db_release_memory (db->conn);
    buf_fini (&db->lz);
}

/* A header of zeros ends the log as well. */
static bool blot_out (sqlite3_file *f, sqlite3_int64 at)
{
    static const char
        zeros[WAL_HEADER > WAL_FRAME_HEADER ? WAL_HEADER : WAL_FRAME_HEADER];

    return f->pMethods->xWrite (f, zeros, at == 0 ? WAL_HEADER : WAL_FRAME_HEADER, at)
           == SQLITE_OK;
}

int db_cut_log (struct db *db, flux_error_t *error)
{
    sqlite3_file *f = wal_file (db);
    sqlite3_int64 size, end = 0;
    char salt[8];

    db->tainted = true;
    if (f) {
        if (f->pMethods->xFileSize (f, &size) != SQLITE_OK)
            return error_fail (error, EIO, "write-ahead log: cannot be undone");
        if (size >= WAL_HEADER && read_salt (f, salt)
            && !memcmp (salt, db->salt, sizeof (salt)))
            end = WAL_HEADER
                  + (sqlite3_int64)db->frames * (WAL_FRAME_HEADER + db->page_size);
        if (size > end && f->pMethods->xTruncate (f, end) != SQLITE_OK
            && !blot_out (f, end))
            return error_fail (error, EIO, "write-ahead log: cannot be undone");
    }
    db->tainted = false;
    return 0;
}

bool db_in_doubt (const struct db *db)
{
    return db->tainted;
}

int db_settle (struct db *db, flux_error_t *error)
{
    return db->tainted ? db_cut_log (db, error) : 0;
}
