/* Marks are kept by row, in memory: a collection that was not ended has changed nothing
 * that anybody could miss. A row that is deleted may give its number to a new one, which
 * is marked when it is stored. */
#include "db_impl.h"
#include "marks.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define SCAN_ROWS 64 /* looked at in one go */

int db_collect_begin (struct db *db, flux_error_t *error)
{
    db_collect_end (db);
    if (!(db->marks = marks_create ()))
        return error_fail (error, ENOMEM, "out of memory");
    return 0;
}

void db_collect_end (struct db *db)
{
    marks_destroy (db->marks);
    db->marks = NULL;
}

/* The row of the blob, 0: there is none, -1. */
static int64_t find (struct db *db, const void *digest, size_t digest_size,
                     flux_error_t *error)
{
    int64_t row = 0;
    int step;

    sqlite3_bind_blob (db->find, 1, digest, digest_size, SQLITE_STATIC);
    if ((step = sqlite3_step (db->find)) == SQLITE_ROW)
        row = sqlite3_column_int64 (db->find, 0);
    else if (step != SQLITE_DONE)
        row = db_fail (db, error, "looking for a blob");
    sqlite3_reset (db->find);
    return row;
}

static int set (struct db *db, int64_t row, bool dir, flux_error_t *error)
{
    int rc = marks_set (db->marks, row, dir);

    return rc < 0 ? error_fail (error, ENOMEM, "out of memory") : rc;
}

int db_mark (struct db *db, const void *digest, size_t digest_size, bool dir,
             flux_error_t *error)
{
    int64_t row = find (db, digest, digest_size, error);

    if (row == 0)
        errno = ENOENT;
    return row <= 0 ? -1 : set (db, row, dir, error);
}

int db_mark_stored (struct db *db, const void *digest, size_t digest_size,
                    flux_error_t *error)
{
    int64_t row = sqlite3_changes (db->conn) > 0
                      ? sqlite3_last_insert_rowid (db->conn)
                      : find (db, digest, digest_size, error);

    return row < 0 || set (db, row, false, error) < 0 ? -1 : 0;
}

struct row {
    int64_t id, len;
};

static int scan (struct db *db, int64_t after, struct row *rows, flux_error_t *error)
{
    int step, n = 0;

    sqlite3_bind_int64 (db->scan, 1, after);
    sqlite3_bind_int (db->scan, 2, SCAN_ROWS);
    while ((step = sqlite3_step (db->scan)) == SQLITE_ROW)
        rows[n++] = (struct row){ sqlite3_column_int64 (db->scan, 0),
                                  sqlite3_column_int64 (db->scan, 1) };
    if (step != SQLITE_DONE)
        n = db_fail (db, error, "looking through the blobs");
    sqlite3_reset (db->scan);
    return n;
}

static int sweep_row (struct db *db, struct db_swept *s, const struct row *row,
                      flux_error_t *error)
{
    s->at = row->id;
    if (marks_has (db->marks, row->id)) {
        s->live++;
        s->live_bytes += row->len;
        return 0;
    }
    s->freed++;
    s->freed_bytes += row->len;
    if (s->keep)
        return 0;
    sqlite3_bind_int64 (db->drop, 1, row->id);
    return db_run (db, db->drop, error, "freeing a blob");
}

static int sweep_rows (struct db *db, struct db_swept *s, bool (*over) (void *arg),
                       void *arg, flux_error_t *error)
{
    struct row rows[SCAN_ROWS];
    int n;

    do {
        if ((n = scan (db, s->at, rows, error)) < 0)
            return -1;
        for (int i = 0; i < n; i++) {
            if (rows[i].id > s->top)
                return 0;
            if (sweep_row (db, s, &rows[i], error) < 0)
                return -1;
            if (over (arg))
                return 1;
        }
    } while (n == SCAN_ROWS);
    return 0;
}

int db_sweep (struct db *db, struct db_swept *s, bool (*over) (void *arg), void *arg,
              flux_error_t *error)
{
    struct db_swept now = *s;
    int rc;

    if (now.at == 0)
        now.top = db_query (db, "SELECT IFNULL(MAX(rowid),0) FROM objects");
    if (db_begin (db, false, error) < 0)
        return -1;
    if ((rc = sweep_rows (db, &now, over, arg, error)) < 0
        || db_commit (db, error) < 0) {
        db_rollback (db, NULL);
        return -1;
    }
    *s = now;
    return rc;
}

static bool db_shrinks (struct db *db)
{
    return db_query (db, "PRAGMA auto_vacuum") == 2;
}

/* A statement in a transaction of its own. */
static int change (struct db *db, const char *sql, flux_error_t *error)
{
    if (db_begin (db, false, error) < 0)
        return -1;
    if (db_run_sql (db, sql, error) < 0 || db_commit (db, error) < 0) {
        db_rollback (db, NULL);
        return -1;
    }
    return 0;
}

int db_shrink (struct db *db, int pages, flux_error_t *error)
{
    char sql[64];

    if (!db_shrinks (db) || db_query (db, "PRAGMA freelist_count") <= 0)
        return 0;
    snprintf (sql, sizeof (sql), "PRAGMA incremental_vacuum(%d)", pages);
    if (change (db, sql, error) < 0)
        return -1;
    return db_query (db, "PRAGMA freelist_count") > 0;
}

int db_set_live (struct db *db, int64_t bytes, flux_error_t *error)
{
    char sql[96];

    snprintf (sql, sizeof (sql),
              "REPLACE INTO collected(id,live) VALUES(1,%" PRId64 ")", bytes);
    return change (db, sql, error);
}

int64_t db_get_live (struct db *db)
{
    return db_query (db, "SELECT live FROM collected WHERE id=1");
}
