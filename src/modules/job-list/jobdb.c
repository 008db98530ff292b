#include "jobdb.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum statement { BEGIN, PUT, COMMIT, ROLLBACK, GET, REMOVE, SCAN, N_STATEMENTS };

static const char *const texts[] = {
    [BEGIN] = "BEGIN",
    [PUT] = "INSERT INTO job (id, t, record) VALUES (?1, ?2, ?3)",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [GET] = "SELECT record FROM job WHERE id = ?1",
    [REMOVE] = "DELETE FROM job WHERE id = ?1",
    [SCAN] = "SELECT record FROM job WHERE (t, id) < (?1, ?2) ORDER BY t DESC, id DESC",
};

static const char schema[] =
    "PRAGMA journal_mode = MEMORY;"
    "PRAGMA synchronous = OFF;"
    "CREATE TABLE job (id INTEGER PRIMARY KEY, t REAL, record BLOB);"
    "CREATE INDEX ended ON job (t, id);";

struct jobdb {
    sqlite3 *sql;
    sqlite3_stmt *statements[N_STATEMENTS];
    size_t count;
    struct buf record; /* one that is written, or was read last */
};

static int fail (struct jobdb *db, int rc)
{
    int sys = db->sql ? sqlite3_system_errno (db->sql) : 0;

    switch (rc & 0xff) {
    case SQLITE_FULL:
        errno = ENOSPC;
        break;
    case SQLITE_NOMEM:
        errno = ENOMEM;
        break;
    case SQLITE_CONSTRAINT:
        errno = EEXIST;
        break;
    default:
        errno = sys == ENOSPC || sys == EDQUOT || sys == EFBIG ? sys : EIO;
    }
    return -1;
}

struct jobdb *jobdb_create (void)
{
    struct jobdb *db = calloc (1, sizeof (*db));
    int rc;

    if (!db)
        return NULL;
    /* An empty name is a temporary file. */
    rc = sqlite3_open_v2 (
        "", &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
        NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec (db->sql, schema, NULL, NULL, NULL);
    for (int i = 0; rc == SQLITE_OK && i < N_STATEMENTS; i++)
        rc = sqlite3_prepare_v3 (db->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                 &db->statements[i], NULL);
    if (rc != SQLITE_OK) {
        fail (db, rc);
        int saved = errno;
        jobdb_destroy (db);
        errno = saved;
        return NULL;
    }
    return db;
}

void jobdb_destroy (struct jobdb *db)
{
    if (db) {
        for (int i = 0; i < N_STATEMENTS; i++)
            sqlite3_finalize (db->statements[i]);
        sqlite3_close (db->sql);
        buf_fini (&db->record);
        free (db);
    }
}

size_t jobdb_count (const struct jobdb *db)
{
    return db ? db->count : 0;
}

/* A record is the structure, then its strings. In the place of a pointer is how far after
 * the structure the string is, from 1; 0 is NULL. Only this process reads it. */
static void record_encode (struct buf *b, const struct job *job)
{
    struct job head = *job;

    memset (&head.node, 0, sizeof (head.node));
    buf_reset (b);
    buf_add (b, &head, sizeof (head));
    for (int i = 0; i < JOB_STRINGS; i++) {
        const char **field = job_string (&head, i);

        if (*field) {
            const char *s = *field;

            *field = (const char *)(uintptr_t)(b->len - sizeof (head) + 1);
            buf_add (b, s, strlen (s) + 1);
        }
    }
    if (!b->err)
        memcpy (b->data, &head, sizeof (head));
}

static int record_decode (struct buf *b, sqlite3_stmt *st, struct job *job)
{
    const void *data = sqlite3_column_blob (st, 0);
    size_t len = sqlite3_column_bytes (st, 0);

    if (!data || len < sizeof (*job)) {
        errno = EIO;
        return -1;
    }
    buf_reset (b);
    buf_add (b, data, len);
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    memcpy (job, b->data, sizeof (*job));
    for (int i = 0; i < JOB_STRINGS; i++) {
        const char **field = job_string (job, i);

        if (*field)
            *field = b->data + sizeof (*job) + (uintptr_t)*field - 1;
    }
    return 0;
}

/* A scan may not go on over what changes below it. */
static void end_scan (struct jobdb *db)
{
    sqlite3_reset (db->statements[SCAN]);
}

static int run (struct jobdb *db, enum statement which)
{
    sqlite3_stmt *st = db->statements[which];
    int rc = sqlite3_step (st);

    sqlite3_reset (st);
    return rc == SQLITE_DONE ? 0 : fail (db, rc);
}

static int put (struct jobdb *db, const struct job *job)
{
    sqlite3_stmt *st = db->statements[PUT];

    record_encode (&db->record, job);
    if (db->record.err) {
        errno = ENOMEM;
        return -1;
    }
    sqlite3_bind_int64 (st, 1, job->id);
    sqlite3_bind_double (st, 2, job->t[T_INACTIVE]);
    sqlite3_bind_blob (st, 3, db->record.data, db->record.len, SQLITE_STATIC);
    return run (db, PUT);
}

int jobdb_put (struct jobdb *db, const struct job *const *jobs, size_t n)
{
    int errnum;

    end_scan (db);
    if (run (db, BEGIN) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (put (db, jobs[i]) < 0)
            goto error;
    if (run (db, COMMIT) < 0)
        goto error;
    db->count += n;
    return 0;
error:
    errnum = errno;
    if (!sqlite3_get_autocommit (db->sql))
        run (db, ROLLBACK);
    errno = errnum;
    return -1;
}

static int read_row (struct jobdb *db, sqlite3_stmt *st, struct job *job)
{
    int rc = sqlite3_step (st);

    if (rc == SQLITE_ROW)
        return record_decode (&db->record, st, job) < 0 ? -1 : 1;
    return rc == SQLITE_DONE ? 0 : fail (db, rc);
}

int jobdb_get (struct jobdb *db, flux_jobid_t id, struct job *job)
{
    sqlite3_stmt *st = db->statements[GET];
    int rc;

    end_scan (db);
    sqlite3_bind_int64 (st, 1, id);
    rc = read_row (db, st, job);
    sqlite3_reset (st);
    return rc;
}

int jobdb_remove (struct jobdb *db, flux_jobid_t id)
{
    end_scan (db);
    sqlite3_bind_int64 (db->statements[REMOVE], 1, id);
    if (run (db, REMOVE) < 0)
        return -1;
    db->count -= sqlite3_changes (db->sql);
    return 0;
}

int jobdb_seek (struct jobdb *db, double t, flux_jobid_t id)
{
    sqlite3_stmt *st = db->statements[SCAN];

    end_scan (db);
    sqlite3_bind_double (st, 1, t);
    sqlite3_bind_int64 (st, 2, id > INT64_MAX ? INT64_MAX : id);
    return 0;
}

int jobdb_next (struct jobdb *db, struct job *job)
{
    return read_row (db, db->statements[SCAN], job);
}
