#include "db_impl.h"

#include "base/error.h"
#include "base/os/pages.h"
#include "core/kvs/blobs.h"
#include "modules/content-backing/root.h"

#include <errno.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESS_MIN 256
#define SAMPLE_MIN (1024 * 1024) /* a sample tells whether it can be compressed */
#define SAMPLE (32 * 1024)
#define SCRATCH_MAX (4 * 1024 * 1024) /* kept from one blob to the next */
#define LZ4_RATIO_MAX 255             /* of the format */

static int errno_of (struct db *db)
{
    int code = sqlite3_errcode (db->conn), sys = sqlite3_system_errno (db->conn);

    if (code == SQLITE_FULL)
        return ENOSPC;
    if (code == SQLITE_NOMEM)
        return ENOMEM;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return EBADMSG;
    if (code == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT || sys == EFBIG))
        return ENOSPC;
    return code == SQLITE_READONLY ? EROFS : EIO;
}

int db_fail (struct db *db, flux_error_t *error, const char *what)
{
    int errnum = errno_of (db);

    if (error)
        snprintf (error->text, sizeof (error->text), "%.60s: %s", what,
                  sqlite3_errcode (db->conn) == SQLITE_BUSY
                      ? "another instance uses it"
                      : sqlite3_errmsg (db->conn));
    errno = errnum;
    return -1;
}

int db_run_sql (struct db *db, const char *sql, flux_error_t *error)
{
    if (sqlite3_exec (db->conn, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail (db, error, sql);
    return 0;
}

int64_t db_query (struct db *db, const char *sql)
{
    sqlite3_stmt *stmt;
    int64_t n = -1;

    if (sqlite3_prepare_v2 (db->conn, sql, -1, &stmt, NULL) == SQLITE_OK
        && sqlite3_step (stmt) == SQLITE_ROW)
        n = sqlite3_column_int64 (stmt, 0);
    sqlite3_finalize (stmt);
    return n;
}

/* Transactions */

int db_run (struct db *db, sqlite3_stmt *stmt, flux_error_t *error, const char *what)
{
    int rc = sqlite3_step (stmt) == SQLITE_DONE ? 0 : db_fail (db, error, what);
    int saved_errno = errno;

    sqlite3_reset (stmt);
    errno = saved_errno;
    return rc;
}

/* May not change within a transaction. */
static int set_full (struct db *db, bool full, flux_error_t *error)
{
    char sql[64];

    if (full == db->full)
        return 0;
    snprintf (sql, sizeof (sql), "PRAGMA synchronous=%s",
              full ? "FULL" : db->synchronous);
    if (db_run_sql (db, sql, error) < 0)
        return -1;
    db->full = full;
    return 0;
}

int db_begin (struct db *db, bool sync, flux_error_t *error)
{
    db->put_id = 0;
    if ((db->tainted && db_cut_log (db, error) < 0) || db_know_log (db, error) < 0
        || set_full (db, sync && db->kept, error) < 0)
        return -1;
    return db_run (db, db->begin, error, "begin");
}

int db_commit (struct db *db, flux_error_t *error)
{
    if (db_run (db, db->commit, error, "commit") < 0)
        return -1;
    if (db->put_id > 0)
        generation_put (&db->generation, db->put_id, db->full);
    db_bound_log (db);
    return 0;
}

/* SQLite may have rolled back by itself. */
int db_rollback (struct db *db, flux_error_t *error)
{
    int saved_errno = errno;
    int rc = 0;

    if (!sqlite3_get_autocommit (db->conn))
        rc = db_run (db, db->rollback, error, "rollback");
    if (db_cut_log (db, error) < 0)
        rc = -1;
    errno = saved_errno;
    return rc;
}

/* Its pages are not touched here: what the compressor does not write costs nothing. */
static int scratch (struct db *db, size_t size)
{
    buf_reset (&db->lz);
    if (buf_reserve (&db->lz, size) == 0)
        return 0;
    buf_fini (&db->lz);
    errno = ENOMEM;
    return -1;
}

/* A piece from the middle of something large does not get shorter. */
static bool is_dense (const char *data, size_t len)
{
    char out[SAMPLE];

    return len >= SAMPLE_MIN
           && LZ4_compress_default (data + len / 2, out, SAMPLE, SAMPLE / 16 * 15) <= 0;
}

/* Bytes of the compressed form in db->lz, or 0: as it is. */
static size_t compress (struct db *db, const void *data, size_t len)
{
    int n;

    if (len < COMPRESS_MIN || len > LZ4_MAX_INPUT_SIZE || is_dense (data, len)
        || ((size_t)LZ4_compressBound (len) > db->lz.cap
            && scratch (db, LZ4_compressBound (len)) < 0))
        return 0;
    /* each for itself; unlike LZ4_compress_default() it clears no table for each */
    LZ4_resetStream_fast (&db->lz4);
    n = LZ4_compress_fast_continue (&db->lz4, data, db->lz.data, len, db->lz.cap, 1);
    return n > 0 && (size_t)n < len ? n : 0;
}

int db_store (struct db *db, const void *digest, size_t digest_size, const void *data,
              size_t len, flux_error_t *error)
{
    size_t n = compress (db, data, len);
    int64_t size = n > 0 ? (int64_t)len : -1;
    int rc;

    if (n > 0) {
        data = db->lz.data;
        len = n;
    }
    sqlite3_bind_blob (db->store, 1, digest, digest_size, SQLITE_STATIC);
    sqlite3_bind_int64 (db->store, 2, size);
    sqlite3_bind_blob64 (db->store, 3, data ? data : "", len, SQLITE_STATIC);
    rc = db_run (db, db->store, error, "store");
    if (rc == 0 && db->marks)
        rc = db_mark_stored (db, digest, digest_size, error);
    if (db->lz.cap > SCRATCH_MAX)
        buf_fini (&db->lz);
    return rc;
}

/* Loading */

static int resize (struct buf *out, size_t size)
{
    char *data;

    if (!(data = pages_realloc (out->data, 0, size + 1)))
        return -1;
    data[size] = '\0';
    out->data = data;
    out->len = size;
    out->cap = size + 1;
    return 0;
}

/* -1: it is damaged, or (errno) out of memory. The declared size is bounded by
 * what its bytes can be. */
static int unpack (struct buf *out, const void *data, size_t len, int64_t size)
{
    errno = EBADMSG;
    if (size < 0)
        return len > 0 ? buf_add (out, data, len) : 0;
    if (size > BLOB_SIZE_MAX || (uint64_t)size > (uint64_t)len * LZ4_RATIO_MAX + 16)
        return -1;
    if (resize (out, size) < 0)
        return -1;
    if (LZ4_decompress_safe (data, out->data, len, size) != (int)size) {
        errno = EBADMSG;
        return -1;
    }
    return 0;
}

static int read_row (struct db *db, const void *digest, struct buf *out)
{
    const void *data = sqlite3_column_blob (db->load, 0);
    size_t len = sqlite3_column_bytes (db->load, 0);

    if (unpack (out, data, len, sqlite3_column_int64 (db->load, 1)) < 0)
        return -1;
    return root_check_blob (db->digest, digest, out->data ? out->data : "", out->len);
}

int db_load (struct db *db, const void *digest, size_t digest_size, struct buf *out,
             flux_error_t *error)
{
    int rc = -1, step, saved_errno;

    buf_reset (out);
    sqlite3_bind_blob (db->load, 1, digest, digest_size, SQLITE_STATIC);
    step = sqlite3_step (db->load);
    if (step == SQLITE_DONE) {
        errno = ENOENT;
        root_name_blob (db->digest, digest, "missing", error);
    } else if (step != SQLITE_ROW) {
        int errnum = errno_of (db);
        root_name_blob (db->digest, digest, sqlite3_errmsg (db->conn), error);
        errno = errnum;
    } else if ((rc = read_row (db, digest, out)) < 0) {
        root_name_blob (db->digest, digest,
                        errno == EBADMSG ? "damaged" : strerror (errno), error);
    }
    saved_errno = errno;
    sqlite3_reset (db->load);
    errno = saved_errno;
    return rc;
}

int db_validate (struct db *db, const void *digest, size_t digest_size,
                 flux_error_t *error)
{
    int step;

    sqlite3_bind_blob (db->validate, 1, digest, digest_size, SQLITE_STATIC);
    step = sqlite3_step (db->validate);
    sqlite3_reset (db->validate);
    if (step == SQLITE_ROW)
        return 0;
    if (step != SQLITE_DONE)
        return db_fail (db, error, "validate");
    root_name_blob (db->digest, digest, "missing", error);
    errno = ENOENT;
    return -1;
}

/* Checkpoints */

int db_checkpoint_put (struct db *db, const char *json, flux_error_t *error)
{
    sqlite3_bind_text (db->put, 1, json, -1, SQLITE_STATIC);
    sqlite3_bind_int (db->trim, 1, DB_CHECKPOINTS);
    if (db_run (db, db->put, error, "checkpoint") < 0)
        return -1;
    db->put_id = sqlite3_last_insert_rowid (db->conn);
    return db_run (db, db->trim, error, "checkpoint");
}

int db_checkpoint_get (struct db *db, struct buf *out, flux_error_t *error)
{
    int step, n = 0, rc = 0, saved_errno;

    buf_addc (out, '[');
    while ((step = sqlite3_step (db->get)) == SQLITE_ROW) {
        const char *json = (const char *)sqlite3_column_text (db->get, 0);

        if (!json || (db->recovery && root_check (db, db->digest, json, NULL) < 0))
            continue;
        if (n++ > 0)
            buf_addc (out, ',');
        buf_adds (out, json);
    }
    buf_addc (out, ']');
    if (step != SQLITE_DONE)
        rc = db_fail (db, error, "checkpoint");
    else if (n == 0)
        rc = error_fail (error, ENOENT, "there is no checkpoint");
    saved_errno = errno;
    sqlite3_reset (db->get);
    errno = saved_errno;
    return rc;
}

int64_t db_count (struct db *db)
{
    return db_query (db, "SELECT COUNT(1) FROM objects");
}

int64_t db_file_size (struct db *db)
{
    return db_query (db, "PRAGMA page_count") * db_query (db, "PRAGMA page_size");
}

int64_t db_file_free (struct db *db)
{
    return db_query (db, "PRAGMA freelist_count") * db_query (db, "PRAGMA page_size");
}
