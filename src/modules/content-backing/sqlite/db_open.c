#include "db_impl.h"
#include "marks.h"
#include "mover.h"

#include "base/error.h"
#include "base/os/pages.h"
#include "modules/content-backing/file.h"
#include "modules/content-backing/root.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The index of a million blobs has 28 MB, and each blob is at a random place of it. What is
 * cached is given back at rest. */
#define CACHE_KB 8192

const char db_module[] = "content-sqlite";
const char db_name[] = "content.sqlite";

/* Also by its place. */
static const char *const sync_names[] = { "OFF", "NORMAL", "FULL", "EXTRA", NULL };
static const char *const journal_names[] = { "DELETE", "TRUNCATE", "PERSIST",
                                             "MEMORY", "WAL",      NULL };

static int find_name (const char *const *names, const char *s)
{
    int i = 0;

    while (names[i] && strcasecmp (names[i], s) != 0)
        i++;
    return names[i] ? i : -1;
}

static int sync_level (const char *s)
{
    return *s >= '0' && *s <= '3' && !s[1] ? *s - '0' : find_name (sync_names, s);
}

static int refuse_off (const char *journal_mode, flux_error_t *error)
{
    if (strcasecmp (journal_mode, "off") != 0)
        return 0;
    return error_invalid (error,
                          "journal_mode=OFF: a batch that fails could not be undone");
}

int db_option (struct db_options *o, const char *name, const char *value,
               flux_error_t *error)
{
    bool known = !strcmp (name, "journal_mode") || !strcmp (name, "synchronous");

    if (known && !value)
        return error_invalid (error, "%s: must be a string", name);
    if (!strcmp (name, "journal_mode")) {
        if (refuse_off (value, error) < 0)
            return -1;
        if (find_name (journal_names, value) < 0)
            return error_invalid (error, "journal_mode: '%.60s' is none", value);
        o->journal_mode = value;
    } else if (!strcmp (name, "synchronous")) {
        if (sync_level (value) < 0)
            return error_invalid (error, "synchronous: '%.60s' is none", value);
        o->synchronous = value;
    } else if (!strcmp (name, "preallocate"))
        return error_invalid (error, "preallocate: where the disk is full the instance "
                                     "waits, and goes on when it is not");
    else
        return error_invalid (error, "%.60s: is no option", name);
    return 0;
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

    if (refuse_off (value, error) < 0
        || set_pragma (db, "journal_mode", value, actual, error) < 0)
        return -1;
    if (strcasecmp (value, actual) != 0)
        return refuse_pragma ("journal_mode", value, actual, error);
    db->wal = !strcasecmp (actual, "wal");
    return 0;
}

static int set_synchronous (struct db *db, const char *value, flux_error_t *error)
{
    char actual[32];

    if (set_pragma (db, "synchronous", value, actual, error) < 0)
        return -1;
    if (sync_level (value) < 0 || atoi (actual) != sync_level (value))
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

static const char schema[] = "BEGIN;"
                             "CREATE TABLE IF NOT EXISTS objects("
                             "  hash BLOB PRIMARY KEY NOT NULL, size INT, object BLOB);"
                             "CREATE TABLE IF NOT EXISTS checkpt_v2("
                             "  id INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT);"
                             "CREATE TABLE IF NOT EXISTS collected("
                             "  id INTEGER PRIMARY KEY, live INT);"
                             "COMMIT;";

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

static int check_newest_root (struct db *db, flux_error_t *error)
{
    int rc = 0, step;

    if ((step = sqlite3_step (db->get)) == SQLITE_ROW)
        rc = root_check (db, db->digest, (const char *)sqlite3_column_text (db->get, 0),
                         error);
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

/* Where a second connection finds the log's index by shared memory. */
static bool is_local (const char *path)
{
    static const unsigned long local[] = { 0xef53 /* ext4 */,
                                           0x58465342 /* xfs */,
                                           0x9123683e /* btrfs */,
                                           0x1021994 /* tmpfs */,
                                           0x794c7630 /* overlay */,
                                           0x2fc12fc1 /* zfs */,
                                           0xf2f52010 /* f2fs */ };
    struct statfs st;

    if (statfs (path, &st) == 0)
        for (size_t i = 0; i < sizeof (local) / sizeof (local[0]); i++)
            if ((unsigned long)st.f_type == local[i])
                return true;
    return false;
}

/* Only what is synced takes so long to be moved. */
static bool wants_mover (const char *path, const struct db_options *o)
{
    return o->kept && !o->journal_mode && !o->synchronous && !o->alone
           && is_local (path);
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
    if ((!db->shared && set_exclusive (db, error) < 0)
        /* before the first page and the log: to begin them, too, is synced or not */
        || set_synchronous (db, synchronous, error) < 0
        /* of a new file: unused pages can be given back, see db_shrink */
        || db_run_sql (db, "PRAGMA auto_vacuum=INCREMENTAL", error) < 0
        || set_journal_mode (db, o->journal_mode ? o->journal_mode : "WAL", error) < 0
        || db_run_sql (db, cache, error) < 0
        || db_run_sql (db, "PRAGMA wal_autocheckpoint=0", error) < 0
        || db_run_sql (db, schema, error) < 0 || prepare (db, error) < 0)
        return -1;
    sqlite3_wal_hook (db->conn, db_committed, db);
    if (!o->kept)
        sqlite3_db_config (db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db->page_size = db_query (db, "PRAGMA page_size");
    return 0;
}

static void close_conn (struct db *db)
{
    sqlite3_stmt **all[] = { &db->store,    &db->load, &db->validate, &db->put,
                             &db->get,      &db->trim, &db->begin,    &db->commit,
                             &db->rollback, &db->find, &db->scan,     &db->drop };

    for (size_t i = 0; i < sizeof (all) / sizeof (all[0]); i++) {
        sqlite3_finalize (*all[i]);
        *all[i] = NULL;
    }
    sqlite3_close (db->conn);
    db->conn = NULL;
}

/* Shared memory needs room on a disk that may be full: it can do without. */
static int open_shared_or_not (struct db *db, const char *path,
                               const struct db_options *o, flux_error_t *error)
{
    if ((db->shared = wants_mover (path, o))) {
        if (open_conn (db, path, o, error) == 0)
            return 0;
        close_conn (db);
        db->shared = false;
    }
    return open_conn (db, path, o, error);
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
    LZ4_initStream (&db->lz4, sizeof (db->lz4));
    db->digest = opts->digest;
    db->kept = opts->kept;
    db->recovery = opts->recovery;
    if (open_files (db, path, error) < 0
        || open_shared_or_not (db, path, opts, error) < 0
        || check_start (db, path, warning, error) < 0) {
        db_close (db);
        return NULL;
    }
    db_tidy (db);
    db_committed (db, db->conn, "main", db->frames);
    db->vfs = opts->vfs;
    return db;
}

void db_close (struct db *db)
{
    if (db) {
        int saved_errno = errno;

        db_end_mover (db);
        close_conn (db);
        marks_destroy (db->marks);
        generation_fini (&db->generation);
        buf_fini (&db->lz);
        free (db);
        errno = saved_errno;
    }
}
