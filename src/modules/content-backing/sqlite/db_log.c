#include "db_impl.h"
#include "mover.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define WAL_HEADER 32 /* bytes; the salt is in 16..23 */
#define WAL_FRAME_HEADER 24

#define INDEX_PAGE 32768 /* of the log's index, as SQLite maps it */
#define INDEX_HEADERS 96 /* two, alike; zeros are none */
#define INDEX_WRITE_LOCK 0

#define FRAMES_MAX 2000 /* not moved: then they move into the database */

/* Beside the writer, who waits for the disk only where the log ends: a log begins anew when
 * all of it is moved. */
#define LOG_ENOUGH 6000 /* frames: it ends as soon as that takes not long */
#define LOG_LIMIT 12000 /* it ends */
#define REST 300        /* frames that do not take long */
/* s, for each transaction: who writes must not outrun the mover. The more the less room is
 * left, so that nobody waits long at once. */
#define BREATH 0.002
#define BREATH_MAX 0.015

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

/* One that is empty has zeros. */
static bool read_salt (sqlite3_file *f, char *salt)
{
    int rc = f->pMethods->xRead (f, salt, 8, 16);

    return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ;
}

int db_committed (void *arg, sqlite3 *conn, const char *name, int frames)
{
    struct db *db = arg;
    sqlite3_file *f = wal_file (db);

    db->frames = frames;
    db->unsalted = f && !read_salt (f, db->salt);
    return SQLITE_OK;
}

int db_know_log (struct db *db, flux_error_t *error)
{
    sqlite3_file *f = db->unsalted ? wal_file (db) : NULL;

    if (f && !read_salt (f, db->salt))
        return error_fail (error, EIO, "write-ahead log: cannot be read");
    db->unsalted = false;
    return 0;
}

/* Not while the mover is at it. */
static void move_all (struct db *db)
{
    int frames = 0;

    /* If it fails it is tried again, at the latest by the next start. */
    if (db->wal
        && sqlite3_wal_checkpoint_v2 (db->conn, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                      &frames, NULL)
               == SQLITE_OK)
        db->frames = frames;
}

/* SQLite counts what was moved in the log's index, and offers no way to count less. An
 * index without a header, as a crash leaves it, is made anew from the log: then nothing
 * is moved. */
static int renew_index (struct db *db)
{
    sqlite3_file *f = NULL;
    volatile void *p = NULL;
    int rc;

    if (sqlite3_file_control (db->conn, "main", SQLITE_FCNTL_FILE_POINTER, &f)
            != SQLITE_OK
        || !f || !f->pMethods || f->pMethods->iVersion < 2
        || f->pMethods->xShmMap (f, 0, INDEX_PAGE, 0, &p) != SQLITE_OK || !p
        || f->pMethods->xShmLock (f, INDEX_WRITE_LOCK, 1,
                                  SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE)
               != SQLITE_OK)
        return -1;
    memset ((void *)p, 0, INDEX_HEADERS);
    f->pMethods->xShmBarrier (f);
    rc = f->pMethods->xShmLock (f, INDEX_WRITE_LOCK, 1,
                                SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
    return rc == SQLITE_OK && db_query (db, "SELECT COUNT(1) FROM sqlite_master") >= 0
               ? 0
               : -1;
}

/* False: not now. It is tried again. */
static bool can_move (struct db *db)
{
    if (!mover_lost (db->mover))
        return true;
    if (db_settle (db, NULL) < 0 || renew_index (db) < 0)
        return false;
    mover_forget (db->mover);
    return true;
}

void db_end_mover (struct db *db)
{
    if (!db->mover)
        return;
    (void)mover_moved (db->mover, HUGE_VAL);
    if (!can_move (db)) /* the next start makes the index anew */
        sqlite3_db_config (db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    mover_destroy (db->mover);
    db->mover = NULL;
}

void db_tidy (struct db *db)
{
    if (db->mover && can_move (db))
        mover_begin (db->mover);
    else if (!db->mover)
        move_all (db);
}

static double breath (int frames)
{
    if (frames <= LOG_ENOUGH)
        return 0.;
    if (frames > LOG_LIMIT)
        return HUGE_VAL;
    return BREATH
           + (BREATH_MAX - BREATH) * (frames - LOG_ENOUGH) / (LOG_LIMIT - LOG_ENOUGH);
}

static void move_beside (struct db *db)
{
    bool full = db->frames > LOG_LIMIT, enough = db->frames > LOG_ENOUGH;
    int moved = mover_moved (db->mover, breath (db->frames)), rest;

    if (moved < 0 || !can_move (db))
        return;
    if (db->frames < moved) {
        mover_forget (db->mover);
        moved = 0;
    }
    rest = db->frames - moved;
    if (full || (enough && rest <= REST))
        move_all (db);
    else if (enough || rest > FRAMES_MAX)
        mover_begin (db->mover);
}

void db_bound_log (struct db *db)
{
    /* Not before the log is long: most stores stay small. Without it all is as well, but
     * waits. */
    if (db->shared && !db->mover && db->frames > FRAMES_MAX)
        db->mover = mover_create (sqlite3_db_filename (db->conn, "main"), db->vfs);
    if (db->mover)
        move_beside (db);
    else if (db->frames > FRAMES_MAX)
        move_all (db);
}

void db_rest (struct db *db)
{
    if (db->mover && can_move (db) && mover_moved (db->mover, 0.) != db->frames)
        mover_begin (db->mover);
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
        if (db->unsalted || f->pMethods->xFileSize (f, &size) != SQLITE_OK
            || !read_salt (f, salt))
            return error_fail (error, EIO, "write-ahead log: cannot be undone");
        if (size >= WAL_HEADER && !memcmp (salt, db->salt, sizeof (salt)))
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
