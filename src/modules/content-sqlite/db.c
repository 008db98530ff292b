#include "db.h"
#include "db_impl.h"
#include "file.h"
#include "marks.h"

#include "base/error.h"
#include "base/pages.h"
#include "core/kvs/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lz4.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPRESS_MIN 256
#define SAMPLE_MIN (1024 * 1024) /* a sample tells whether it can be compressed */
#define SAMPLE (32 * 1024)
#define CACHE_KB 2048
#define SCRATCH_MAX (4 * 1024 * 1024) /* kept from one blob to the next */
#define LZ4_RATIO_MAX 255             /* of the format */
#define WAL_HEADER 32                 /* bytes; the salt is in 16..23 */
#define WAL_FRAME_HEADER 24
#define WAL_FRAMES_MAX 2000 /* then they move into the database */

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

static int run_sql (struct db *db, const char *sql, flux_error_t *error)
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

/* Opening: pragmas */

static int keep_text (void *arg, int count, char **values, char **names)
{
    char *out = arg;

    if (count > 0 && values[0])
        snprintf (out, 32, "%s", values[0]);
    return 0;
}

/* SQLite takes no notice of a value that it does not know, and may choose
 * another than it is told: what counts is what it then says. */
static int set_pragma (struct db *db, const char *name, const char *value, char *actual,
                       flux_error_t *error)
{
    static const char ok[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    char sql[128];

    if (strspn (value, ok) != strlen (value) || strlen (value) > 15)
        return error_fail (error, EINVAL, "%s: invalid value", name);
    *actual = '\0';
    snprintf (sql, sizeof (sql), "PRAGMA %s=%s; PRAGMA %s", name, value, name);
    if (sqlite3_exec (db->conn, sql, keep_text, actual, NULL) != SQLITE_OK)
        return db_fail (db, error, sql);
    return 0;
}

static int refuse_pragma (const char *name, const char *value, const char *actual,
                          flux_error_t *error)
{
    return error_fail (error, EINVAL, "%s=%s: refused by SQLite, which uses %s", name,
                       value, actual);
}

static int set_journal_mode (struct db *db, const char *value, flux_error_t *error)
{
    char actual[32];

    if (!strcasecmp (value, "off"))
        return error_fail (error, EINVAL,
                           "journal_mode=OFF: a batch that fails could not be undone");
    if (set_pragma (db, "journal_mode", value, actual, error) < 0)
        return -1;
    if (strcasecmp (value, actual) != 0)
        return refuse_pragma ("journal_mode", value, actual, error);
    db->wal = !strcasecmp (actual, "wal");
    return 0;
}

static int set_synchronous (struct db *db, const char *value, flux_error_t *error)
{
    static const char *const names[] = { "OFF", "NORMAL", "FULL", "EXTRA" };
    char actual[32];
    int i = 0;

    if (set_pragma (db, "synchronous", value, actual, error) < 0)
        return -1;
    while (i < 4 && strcasecmp (names[i], value) != 0 && value[0] != '0' + i)
        i++;
    if (i == 4 || atoi (actual) != i)
        return refuse_pragma ("synchronous", value, actual, error);
    return 0;
}

static int set_exclusive (struct db *db, flux_error_t *error)
{
    char actual[32];

    if (set_pragma (db, "locking_mode", "EXCLUSIVE", actual, error) < 0)
        return -1;
    if (strcasecmp (actual, "exclusive") != 0)
        return refuse_pragma ("locking_mode", "EXCLUSIVE", actual, error);
    return 0;
}

static const char schema[] = "CREATE TABLE IF NOT EXISTS objects("
                             "  hash BLOB PRIMARY KEY NOT NULL, size INT, object BLOB);"
                             "CREATE TABLE IF NOT EXISTS checkpt_v2("
                             "  id INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT);"
                             "CREATE TABLE IF NOT EXISTS collected("
                             "  id INTEGER PRIMARY KEY, live INT);";

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
        { &db->find, "SELECT rowid FROM objects WHERE hash=?1" },
        { &db->scan, "SELECT rowid,length(object) FROM objects WHERE rowid>?1"
                     " ORDER BY rowid LIMIT ?2" },
        { &db->drop, "DELETE FROM objects WHERE rowid=?1" },
        { &db->begin, "BEGIN" },
        { &db->commit, "COMMIT" },
        { &db->rollback, "ROLLBACK" },
    };

    for (size_t i = 0; i < sizeof (tab) / sizeof (tab[0]); i++)
        if (sqlite3_prepare_v3 (db->conn, tab[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                tab[i].stmt, NULL)
            != SQLITE_OK)
            return db_fail (db, error, tab[i].sql);
    return 0;
}

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

static int committed_frames (void *arg, sqlite3 *conn, const char *name, int frames)
{
    struct db *db = arg;
    sqlite3_file *f = wal_file (db);

    db->frames = frames;
    if (f)
        read_salt (f, db->salt);
    return SQLITE_OK;
}

void db_move_log (struct db *db)
{
    int frames = 0;

    /* If it fails it is tried again, at the latest by the next start. */
    if (db->wal
        && sqlite3_wal_checkpoint_v2 (db->conn, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                      &frames, NULL)
               == SQLITE_OK)
        db->frames = frames;
}

/* A header of zeros ends the log as well. */
static bool blot_out (sqlite3_file *f, sqlite3_int64 at)
{
    static const char
        zeros[WAL_HEADER > WAL_FRAME_HEADER ? WAL_HEADER : WAL_FRAME_HEADER];

    return f->pMethods->xWrite (f, zeros, at == 0 ? WAL_HEADER : WAL_FRAME_HEADER, at)
           == SQLITE_OK;
}

static int cut_log (struct db *db, flux_error_t *error)
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
    return db->tainted ? cut_log (db, error) : 0;
}

static int open_generation (struct db *db, const char *path, bool create,
                            flux_error_t *error)
{
    size_t stem = strlen (path);
    char *s;
    int rc;

    if (stem > 7 && !strcmp (path + stem - 7, ".sqlite"))
        stem -= 7;
    if (asprintf (&s, "%.*s.generation", (int)stem, path) < 0)
        return error_fail (error, ENOMEM, "%s: out of memory", path);
    rc = generation_open (&db->generation, s, create, error);
    free (s);
    return rc;
}

/* Opening: is all there? */

static int root_of (struct db *db, const char *json, unsigned char *digest, char *ref,
                    flux_error_t *error)
{
    const char *p = strstr (json, "\"rootref\""), *q = NULL;
    ssize_t size;

    if (p && (p = strchr (p + 9, '"')))
        q = strchr (++p, '"');
    if (!q || q - p >= BLOBREF_MAX_SIZE)
        return error_fail (error, EBADMSG, "the newest checkpoint names no root");
    memcpy (ref, p, q - p);
    ref[q - p] = '\0';
    if ((size = blobref_decode (ref, digest)) < 0)
        return error_fail (error, EBADMSG, "the newest checkpoint names no root");
    if ((size_t)size != digest_size (db->digest))
        return error_fail (error, EBADMSG, "its root is %s, but content.hash is %s",
                           ref, digest_name (db->digest));
    return 0;
}

static int check_root (struct db *db, const char *json, flux_error_t *error)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];
    struct buf out = BUF_INIT;
    int rc;

    if (root_of (db, json, digest, ref, error) < 0)
        return -1;
    if ((rc = db_load (db, digest, digest_size (db->digest), &out, NULL)) < 0)
        error_fail (error, EBADMSG, "the root %s of the newest checkpoint is %s", ref,
                    errno == ENOENT ? "missing" : "damaged");
    buf_fini (&out);
    return rc;
}

static int check_newest_root (struct db *db, flux_error_t *error)
{
    int rc = 0, step;

    if ((step = sqlite3_step (db->get)) == SQLITE_ROW)
        rc = check_root (db, (const char *)sqlite3_column_text (db->get, 0), error);
    else if (step != SQLITE_DONE)
        rc = db_fail (db, error, "checkpoint");
    sqlite3_reset (db->get);
    return rc;
}

/* `last` was given to a checkpoint once, `newest` is there. */
static int check_all_there (struct db *db, int64_t newest, flux_error_t *error)
{
    int64_t required = generation_required (&db->generation);
    int64_t last =
        db_query (db, "SELECT seq FROM sqlite_sequence WHERE name='checkpt_v2'");
    bool blobs = db_query (db, "SELECT EXISTS(SELECT 1 FROM objects)") == 1;

    if (required < last)
        required = last;
    if (newest < required && newest > 0)
        return error_fail (error, EBADMSG,
                           "checkpoints %" PRId64 " to %" PRId64
                           " are lost (was its write-ahead log removed or replaced?)",
                           newest + 1, required);
    if (newest < required)
        return error_fail (error, EBADMSG, "%s, but it had checkpoint %" PRId64,
                           blobs ? "it has blobs and no checkpoint" : "it is empty",
                           required);
    if (newest == 0 && blobs && !db->generation.known)
        return error_fail (error, EBADMSG, "it has blobs and no checkpoint");
    return check_newest_root (db, error);
}

static int64_t newest_checkpoint (struct db *db)
{
    return db_query (db, "SELECT IFNULL(MAX(id),0) FROM checkpt_v2");
}

static int check_start (struct db *db, const char *path, flux_error_t *warning,
                        flux_error_t *error)
{
    int64_t newest;
    flux_error_t why;
    int rc;

    if (!db->kept)
        return 0;
    if ((newest = newest_checkpoint (db)) < 0)
        return db_fail (db, error, path);
    rc = check_all_there (db, newest, &why);
    if (rc < 0 && !db->recovery)
        return error_fail (error, EBADMSG, "%s", why.text);
    if (rc < 0 && warning)
        error_fail (warning, EBADMSG, "%s", why.text);
    if (db->generation.fd < 0 && open_generation (db, path, true, error) < 0)
        return -1;
    if (rc < 0)
        generation_reset (&db->generation, newest);
    else
        generation_put (&db->generation, newest, false);
    return 0;
}

/* Opening: files */

static int make_private (const char *path, const char *suffix, int flags,
                         flux_error_t *error)
{
    char *s;
    int fd = -1;

    if (asprintf (&s, "%s%s", path, suffix) < 0)
        return error_fail (error, ENOMEM, "%s: out of memory", path);
    if ((fd = file_open_private (s, flags, error)) >= 0)
        close (fd);
    free (s);
    return fd >= 0 || (errno == ENOENT && !(flags & O_CREAT)) ? 0 : -1;
}

/* A new database has a record before it has a file. One without a record is of
 * an older version, and gets it when it was found good. */
static int find_generation (struct db *db, const char *path, flux_error_t *error)
{
    struct stat st;
    bool there = lstat (path, &st) == 0;

    if (open_generation (db, path, !there, error) < 0)
        return -1;
    if (there && S_ISREG (st.st_mode) && st.st_size == 0 && !db->generation.known
        && !db->recovery)
        return error_fail (error, EBADMSG, "it is empty");
    return 0;
}

static int open_files (struct db *db, const char *path, flux_error_t *error)
{
    if (db->kept && find_generation (db, path, error) < 0)
        return -1;
    if (make_private (path, "", O_CREAT, error) < 0
        || make_private (path, "-wal", 0, error) < 0
        || make_private (path, "-shm", 0, error) < 0
        || make_private (path, "-journal", 0, error) < 0)
        return -1;
    return 0;
}

int db_remove (const char *path, flux_error_t *error)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    size_t stem = strlen (path) - 7;
    char s[4200];

    for (int i = 0; i < 5; i++) {
        if (i < 4)
            snprintf (s, sizeof (s), "%s%s", path, suffixes[i]);
        else
            snprintf (s, sizeof (s), "%.*s.generation", (int)stem, path);
        if (unlink (s) < 0 && errno != ENOENT)
            return error_fail (error, errno, "%s: %s", s, strerror (errno));
    }
    return 0;
}

static int open_conn (struct db *db, const char *path, const struct db_options *o,
                      flux_error_t *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW;
    const char *synchronous = o->synchronous ? o->synchronous
                              : o->kept      ? "NORMAL"
                                             : "OFF";
    char cache[32];

    snprintf (cache, sizeof (cache), "PRAGMA cache_size=-%d", CACHE_KB);
    snprintf (db->synchronous, sizeof (db->synchronous), "%s", synchronous);
    if (sqlite3_open_v2 (path, &db->conn, flags, o->vfs) != SQLITE_OK)
        return db_fail (db, error, path);
    /* Exclusive first: then the log needs no shared memory. */
    if (set_exclusive (db, error) < 0
        /* of a new file: unused pages can be given back, see db_shrink */
        || run_sql (db, "PRAGMA auto_vacuum=INCREMENTAL", error) < 0
        /* before the log: to begin one, too, is synced or not */
        || set_synchronous (db, synchronous, error) < 0
        || set_journal_mode (db, o->journal_mode ? o->journal_mode : "WAL", error) < 0
        || run_sql (db, cache, error) < 0
        || run_sql (db, "PRAGMA wal_autocheckpoint=0", error) < 0
        || run_sql (db, schema, error) < 0 || prepare (db, error) < 0)
        return -1;
    sqlite3_wal_hook (db->conn, committed_frames, db);
    if (!o->kept)
        sqlite3_db_config (db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db->page_size = db_query (db, "PRAGMA page_size");
    return 0;
}

/* SQLite puts together in fresh memory what does not fit a page. */

static void *mem_alloc (int size)
{
    return pages_alloc (size);
}

static void *mem_realloc (void *p, int size)
{
    size_t used = malloc_usable_size (p);

    return pages_realloc (p, used < (size_t)size ? used : (size_t)size, size);
}

static int mem_size (void *p)
{
    return malloc_usable_size (p);
}

static int mem_roundup (int size)
{
    return (size + 7) & ~7;
}

static int mem_init (void *arg)
{
    return SQLITE_OK;
}

static void mem_shutdown (void *arg)
{
}

static void set_allocator (void)
{
    static struct sqlite3_mem_methods mem = { .xMalloc = mem_alloc,
                                              .xFree = free,
                                              .xRealloc = mem_realloc,
                                              .xSize = mem_size,
                                              .xRoundup = mem_roundup,
                                              .xInit = mem_init,
                                              .xShutdown = mem_shutdown };

    sqlite3_config (SQLITE_CONFIG_MALLOC, &mem); /* not if it is in use already */
}

struct db *db_open (const char *path, const struct db_options *opts,
                    flux_error_t *warning, flux_error_t *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct db *db;

    pthread_once (&once, set_allocator);
    if (warning)
        warning->text[0] = '\0';
    if (!(db = calloc (1, sizeof (*db)))) {
        error_fail (error, ENOMEM, "%s: out of memory", path);
        return NULL;
    }
    generation_init (&db->generation);
    db->digest = opts->digest;
    db->kept = opts->kept;
    db->recovery = opts->recovery;
    if (open_files (db, path, error) < 0 || open_conn (db, path, opts, error) < 0
        || check_start (db, path, warning, error) < 0) {
        db_close (db);
        return NULL;
    }
    db_move_log (db);
    committed_frames (db, db->conn, "main", db->frames);
    return db;
}

void db_close (struct db *db)
{
    if (db) {
        int saved_errno = errno;
        sqlite3_stmt *all[] = { db->store,    db->load, db->validate, db->put,
                                db->get,      db->trim, db->begin,    db->commit,
                                db->rollback, db->find, db->scan,     db->drop };

        for (size_t i = 0; i < sizeof (all) / sizeof (all[0]); i++)
            sqlite3_finalize (all[i]);
        sqlite3_close (db->conn);
        marks_destroy (db->marks);
        generation_fini (&db->generation);
        buf_fini (&db->lz);
        free (db);
        errno = saved_errno;
    }
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
    if (run_sql (db, sql, error) < 0)
        return -1;
    db->full = full;
    return 0;
}

int db_begin (struct db *db, bool sync, flux_error_t *error)
{
    db->put_id = 0;
    if ((db->tainted && cut_log (db, error) < 0)
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
    if (db->frames > WAL_FRAMES_MAX)
        db_move_log (db);
    return 0;
}

/* SQLite may have rolled back by itself. */
int db_rollback (struct db *db, flux_error_t *error)
{
    int saved_errno = errno;
    int rc = 0;

    if (!sqlite3_get_autocommit (db->conn))
        rc = db_run (db, db->rollback, error, "rollback");
    if (cut_log (db, error) < 0)
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
    n = LZ4_compress_default (data, db->lz.data, len, db->lz.cap);
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
    unsigned char actual[DIGEST_MAX_SIZE];
    const void *data = sqlite3_column_blob (db->load, 0);
    size_t len = sqlite3_column_bytes (db->load, 0);

    if (unpack (out, data, len, sqlite3_column_int64 (db->load, 1)) < 0)
        return -1;
    if (digest_hash (db->digest, out->data ? out->data : "", out->len, actual) < 0)
        return -1;
    if (memcmp (actual, digest, digest_size (db->digest)) != 0) {
        errno = EBADMSG;
        return -1;
    }
    return 0;
}

static void name_blob (struct db *db, const void *digest, flux_error_t *error,
                       const char *what)
{
    char ref[BLOBREF_MAX_SIZE] = "?";

    blobref_encode (digest_name (db->digest), digest, digest_size (db->digest), ref);
    if (error)
        snprintf (error->text, sizeof (error->text), "blob %s: %s", ref, what);
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
        name_blob (db, digest, error, "missing");
    } else if (step != SQLITE_ROW) {
        int errnum = errno_of (db);
        name_blob (db, digest, error, sqlite3_errmsg (db->conn));
        errno = errnum;
    } else if ((rc = read_row (db, digest, out)) < 0) {
        name_blob (db, digest, error, errno == EBADMSG ? "damaged" : strerror (errno));
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
    name_blob (db, digest, error, "missing");
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

        if (!json || (db->recovery && check_root (db, json, NULL) < 0))
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
