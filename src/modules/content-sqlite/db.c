#include "db.h"

#include <lz4.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESS_MIN 256
#define CACHE_KB 2048

struct db {
    sqlite3 *conn;
    sqlite3_stmt *store, *load, *validate, *put, *get, *trim, *begin, *commit,
        *rollback;
    struct buf lz; /* scratch */
};

static int fail (struct db *db, flux_error_t *error, const char *what)
{
    int code = sqlite3_errcode (db->conn);

    if (error)
        snprintf (error->text, sizeof (error->text), "%s: %s", what,
                  sqlite3_errmsg (db->conn));
    errno = code == SQLITE_FULL ? ENOSPC : code == SQLITE_NOMEM ? ENOMEM : EIO;
    return -1;
}

static int run_sql (struct db *db, const char *sql, flux_error_t *error)
{
    if (sqlite3_exec (db->conn, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail (db, error, sql);
    return 0;
}

static int run_pragma (struct db *db, const char *name, const char *value,
                       flux_error_t *error)
{
    char sql[128];

    if (strspn (value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        != strlen (value)) {
        snprintf (error->text, sizeof (error->text), "%s: invalid value", name);
        errno = EINVAL;
        return -1;
    }
    snprintf (sql, sizeof (sql), "PRAGMA %s=%s", name, value);
    return run_sql (db, sql, error);
}

static const char schema[] = "CREATE TABLE IF NOT EXISTS objects("
                             "  hash BLOB PRIMARY KEY NOT NULL, size INT, object BLOB);"
                             "CREATE TABLE IF NOT EXISTS checkpt_v2("
                             "  id INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT);";

static int prepare (struct db *db, flux_error_t *error)
{
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } tab[] = {
        { &db->store,
          "INSERT OR IGNORE INTO objects(hash,size,object) VALUES(?1,?2,?3)" },
        { &db->load, "SELECT object,size FROM objects WHERE hash=?1" },
        { &db->validate, "SELECT 1 FROM objects WHERE hash=?1" },
        { &db->put, "INSERT INTO checkpt_v2(value) VALUES(?1)" },
        { &db->get, "SELECT value FROM checkpt_v2 ORDER BY id DESC" },
        { &db->trim, "DELETE FROM checkpt_v2 WHERE id NOT IN"
                     " (SELECT id FROM checkpt_v2 ORDER BY id DESC LIMIT ?1)" },
        { &db->begin, "BEGIN" },
        { &db->commit, "COMMIT" },
        { &db->rollback, "ROLLBACK" },
    };

    for (size_t i = 0; i < sizeof (tab) / sizeof (tab[0]); i++)
        if (sqlite3_prepare_v3 (db->conn, tab[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                tab[i].stmt, NULL)
            != SQLITE_OK)
            return fail (db, error, tab[i].sql);
    return 0;
}

struct db *db_open (const char *path, const char *journal_mode, const char *synchronous,
                    flux_error_t *error)
{
    struct db *db;
    char cache[32];

    if (!(db = calloc (1, sizeof (*db)))) {
        snprintf (error->text, sizeof (error->text), "%s: out of memory", path);
        return NULL;
    }
    snprintf (cache, sizeof (cache), "PRAGMA cache_size=-%d", CACHE_KB);
    if (sqlite3_open_v2 (path, &db->conn, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                         NULL)
        != SQLITE_OK) {
        fail (db, error, path);
        goto error;
    }
    if (run_pragma (db, "journal_mode", journal_mode, error) < 0
        || run_pragma (db, "synchronous", synchronous, error) < 0
        || run_sql (db, "PRAGMA locking_mode=EXCLUSIVE", error) < 0
        || run_sql (db, cache, error) < 0 || run_sql (db, schema, error) < 0
        || prepare (db, error) < 0)
        goto error;
    return db;
error:
    db_close (db);
    return NULL;
}

void db_close (struct db *db)
{
    if (db) {
        int saved_errno = errno;
        sqlite3_stmt *all[] = { db->store, db->load,   db->validate,
                                db->put,   db->get,    db->trim,
                                db->begin, db->commit, db->rollback };

        for (size_t i = 0; i < sizeof (all) / sizeof (all[0]); i++)
            sqlite3_finalize (all[i]);
        sqlite3_close (db->conn);
        buf_fini (&db->lz);
        free (db);
        errno = saved_errno;
    }
}

static int run (struct db *db, sqlite3_stmt *stmt, flux_error_t *error,
                const char *what)
{
    int rc = sqlite3_step (stmt) == SQLITE_DONE ? 0 : fail (db, error, what);

    sqlite3_reset (stmt);
    return rc;
}

int db_begin (struct db *db, flux_error_t *error)
{
    return run (db, db->begin, error, "begin");
}

int db_commit (struct db *db, flux_error_t *error)
{
    return run (db, db->commit, error, "commit");
}

void db_rollback (struct db *db)
{
    int saved_errno = errno;
    run (db, db->rollback, NULL, "rollback");
    errno = saved_errno;
}

static int scratch (struct db *db, size_t size)
{
    static const char zero[4096];

    buf_reset (&db->lz);
    while (db->lz.len < size)
        if (buf_add (&db->lz, zero, sizeof (zero)) < 0) {
            buf_fini (&db->lz);
            buf_init (&db->lz);
            errno = ENOMEM;
            return -1;
        }
    return 0;
}

/* Bytes of the compressed form in db->lz, or 0: as it is. */
static size_t compress (struct db *db, const void *data, size_t len)
{
    int n;

    if (len < COMPRESS_MIN || len > LZ4_MAX_INPUT_SIZE
        || ((size_t)LZ4_compressBound (len) > db->lz.cap
            && scratch (db, LZ4_compressBound (len)) < 0))
        return 0;
    n = LZ4_compress_default (data, db->lz.data, len, db->lz.cap);
    return n > 0 && (size_t)n < len ? n : 0;
}

int db_store (struct db *db, const void *digest, size_t digest_size, const void *data,
              size_t len, flux_error_t *error)
{
    size_t n = compress (db, data, len);
    int64_t size = n > 0 ? (int64_t)len : -1;

    if (n > 0) {
        data = db->lz.data;
        len = n;
    }
    sqlite3_bind_blob (db->store, 1, digest, digest_size, SQLITE_STATIC);
    sqlite3_bind_int64 (db->store, 2, size);
    sqlite3_bind_blob64 (db->store, 3, data ? data : "", len, SQLITE_STATIC);
    return run (db, db->store, error, "store");
}

static int decompress (struct buf *out, const void *data, size_t len, size_t size)
{
    static const char zero[4096];

    while (out->len < size)
        if (buf_add (out, zero, size - out->len < 4096 ? size - out->len : 4096) < 0) {
            errno = ENOMEM;
            return -1;
        }
    if (LZ4_decompress_safe (data, out->data, len, size) != (int)size) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

int db_load (struct db *db, const void *digest, size_t digest_size, struct buf *out,
             flux_error_t *error)
{
    int rc = -1, step;

    buf_reset (out);
    sqlite3_bind_blob (db->load, 1, digest, digest_size, SQLITE_STATIC);
    step = sqlite3_step (db->load);
    if (step == SQLITE_DONE) {
        errno = ENOENT;
    } else if (step != SQLITE_ROW) {
        fail (db, error, "load");
    } else {
        const void *data = sqlite3_column_blob (db->load, 0);
        size_t len = sqlite3_column_bytes (db->load, 0);
        int64_t size = sqlite3_column_int64 (db->load, 1);

        if (size >= 0)
            rc = decompress (out, data, len, size);
        else
            rc = len > 0 ? buf_add (out, data, len) : 0;
        if (rc < 0 && error)
            snprintf (error->text, sizeof (error->text), "load: damaged object");
    }
    sqlite3_reset (db->load);
    return rc;
}

int db_validate (struct db *db, const void *digest, size_t digest_size)
{
    int step;

    sqlite3_bind_blob (db->validate, 1, digest, digest_size, SQLITE_STATIC);
    step = sqlite3_step (db->validate);
    sqlite3_reset (db->validate);
    if (step != SQLITE_ROW) {
        errno = step == SQLITE_DONE ? ENOENT : EIO;
        return -1;
    }
    return 0;
}

int db_checkpoint_put (struct db *db, const char *json, flux_error_t *error)
{
    sqlite3_bind_text (db->put, 1, json, -1, SQLITE_STATIC);
    sqlite3_bind_int (db->trim, 1, DB_CHECKPOINTS);
    if (run (db, db->put, error, "checkpoint") < 0)
        return -1;
    return run (db, db->trim, error, "checkpoint");
}

int db_checkpoint_get (struct db *db, struct buf *out, flux_error_t *error)
{
    int step, n = 0, rc = 0;

    buf_addc (out, '[');
    while ((step = sqlite3_step (db->get)) == SQLITE_ROW) {
        if (n++ > 0)
            buf_addc (out, ',');
        buf_adds (out, (const char *)sqlite3_column_text (db->get, 0));
    }
    buf_addc (out, ']');
    if (step != SQLITE_DONE) {
        rc = fail (db, error, "checkpoint");
    } else if (n == 0) {
        errno = ENOENT;
        rc = -1;
    }
    sqlite3_reset (db->get);
    return rc;
}

static int64_t query (struct db *db, const char *sql)
{
    sqlite3_stmt *stmt;
    int64_t n = -1;

    if (sqlite3_prepare_v2 (db->conn, sql, -1, &stmt, NULL) == SQLITE_OK
        && sqlite3_step (stmt) == SQLITE_ROW)
        n = sqlite3_column_int64 (stmt, 0);
    sqlite3_finalize (stmt);
    return n;
}

int64_t db_count (struct db *db)
{
    return query (db, "SELECT COUNT(1) FROM objects");
}

int64_t db_file_size (struct db *db)
{
    return query (db, "PRAGMA page_count") * query (db, "PRAGMA page_size");
}

int64_t db_file_free (struct db *db)
{
    return query (db, "PRAGMA freelist_count") * query (db, "PRAGMA page_size");
}
