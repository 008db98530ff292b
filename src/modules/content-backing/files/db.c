/* A batch is: blobs, each under its name as soon as it is written, then the checkpoints,
 * whose file is replaced. So a batch with a checkpoint is there as soon as that is, and
 * what a batch that failed has left are blobs that nothing refers to; they are taken back
 * if that is possible.
 *
 * Where the store is kept the disk is synced before a checkpoint is written: else a crash
 * of the machine could leave the checkpoint without its blobs. */
#include "db_impl.h"

#include "base/error.h"
#include "base/file.h"
#include "modules/content-backing/root.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char db_module[] = "content-files";
const char db_name[] = "content.files";

int db_option (struct db_options *o, const char *name, const char *value,
               flux_error_t *error)
{
    return error_invalid (error, "%.60s: is no option", name);
}

int db_fail (flux_error_t *error, const char *what)
{
    return error_fail (error, errno, "%s: %s", what, strerror (errno));
}

int64_t db_read_number (struct db *db, const char *name)
{
    char *text = tree_read (&db->tree, name), *end;
    int64_t n = -1;

    if (text) {
        errno = 0;
        n = strtoll (text, &end, 10);
        if (errno != 0 || end == text || *end != '\n' || n < 0)
            n = -1;
    }
    free (text);
    return n;
}

int db_write_number (struct db *db, const char *name, int64_t n)
{
    char text[32];

    snprintf (text, sizeof (text), "%" PRId64 "\n", n);
    return tree_write (&db->tree, name, text, false);
}

/* ---- opening ---- */

static int count_subdir (struct db *db, int number)
{
    DIR *d = tree_subdir (&db->tree, number);
    unsigned char hash[DIGEST_MAX_SIZE];
    size_t size = digest_size (db->digest);
    struct dirent *e;

    if (!d)
        return errno == ENOENT ? 0 : -1;
    while ((e = readdir (d))) {
        int64_t len;

        if (tree_hash (number, e->d_name, hash, size) == 0
            && (len = tree_length (&db->tree, hash, size)) >= 0) {
            db->count++;
            db->bytes += len;
        }
    }
    closedir (d);
    return 0;
}

/* What the last end has noted holds until something is stored; after a crash all files
 * are counted. */
static int count_all (struct db *db)
{
    db->count = db_read_number (db, "count");
    db->bytes = db_read_number (db, "bytes");
    if ((tree_unlink (&db->tree, "count") < 0 && errno != ENOENT)
        || (tree_unlink (&db->tree, "bytes") < 0 && errno != ENOENT))
        return -1;
    if (db->count >= 0 && db->bytes >= 0)
        return 0;
    db->count = db->bytes = 0;
    for (int i = 0; i < TREE_SUBDIRS; i++)
        if (count_subdir (db, i) < 0)
            return -1;
    return 0;
}

static bool is_array_of_objects (json_t *a)
{
    size_t i;
    json_t *o;

    if (!json_is_array (a))
        return false;
    json_array_foreach (a, i, o)
        if (!json_is_object (o))
            return false;
    return true;
}

static int check_newest_root (struct db *db, flux_error_t *error)
{
    json_t *newest = json_array_get (db->checkpoints, 0);
    char *text;
    int rc;

    if (!newest)
        return 0;
    if (!(text = json_dumps (newest, JSON_COMPACT)))
        return error_fail (error, ENOMEM, "out of memory");
    rc = root_check (db, db->digest, text, error);
    free (text);
    return rc;
}

static int read_checkpoints (struct db *db, flux_error_t *error)
{
    char *text = tree_read (&db->tree, "checkpoints");

    if (!text && errno == ENOENT)
        return error_fail (error, EBADMSG, "it has blobs and no checkpoint");
    if (!text)
        return db_fail (error, "checkpoints");
    db->checkpoints = json_loads (text, 0, NULL);
    free (text);
    if (!is_array_of_objects (db->checkpoints))
        return error_fail (error, EBADMSG, "its checkpoints cannot be read");
    return db->kept ? check_newest_root (db, error) : 0;
}

/* The file of checkpoints is there before the first blob. */
static int begin_anew (struct db *db, flux_error_t *error)
{
    if (!(db->checkpoints = json_array ()))
        return error_fail (error, ENOMEM, "out of memory");
    if (tree_write (&db->tree, "checkpoints", "[]\n", db->kept) != 0
        || tree_ready (&db->tree) < 0)
        return db_fail (error, "beginning it");
    return 0;
}

static int go_on_damaged (struct db *db, const flux_error_t *why, flux_error_t *warning)
{
    if (warning)
        *warning = *why;
    if (is_array_of_objects (db->checkpoints))
        return 0;
    json_decref (db->checkpoints);
    return (db->checkpoints = json_array ()) ? 0 : -1;
}

static int check_start (struct db *db, flux_error_t *warning, flux_error_t *error)
{
    if (db->tree.fresh)
        return begin_anew (db, error);
    if (read_checkpoints (db, error) < 0
        && (errno != EBADMSG || !db->recovery
            || go_on_damaged (db, error, warning) < 0))
        return -1;
    return 0;
}

struct db *db_open (const char *path, const struct db_options *opts,
                    flux_error_t *warning, flux_error_t *error)
{
    struct db *db;

    if (warning)
        warning->text[0] = '\0';
    if (!(db = calloc (1, sizeof (*db)))) {
        error_fail (error, ENOMEM, "out of memory");
        return NULL;
    }
    db->digest = opts->digest;
    db->kept = opts->kept;
    db->recovery = opts->recovery;
    db->count = -1;
    if (tree_open (&db->tree, path, error) < 0 || check_start (db, warning, error) < 0)
        goto error;
    if (count_all (db) < 0) {
        db_fail (error, "counting blobs");
        goto error;
    }
    return db;
error:
    db_close (db);
    return NULL;
}

void db_close (struct db *db)
{
    if (db) {
        int saved_errno = errno;

        db_collect_end (db);
        if (db->count >= 0 && db_write_number (db, "count", db->count) == 0)
            db_write_number (db, "bytes", db->bytes);
        tree_close (&db->tree);
        json_decref (db->checkpoints);
        json_decref (db->pending);
        buf_fini (&db->added);
        free (db);
        errno = saved_errno;
    }
}

int db_remove (const char *path, flux_error_t *error)
{
    if (dir_remove (path) < 0 && errno != ENOENT)
        return error_fail (error, errno, "%s: %s", path, strerror (errno));
    return 0;
}

/* ---- batches ---- */

static int write_checkpoints (struct db *db, json_t *checkpoints, bool sync)
{
    char *text = json_dumps (checkpoints, JSON_COMPACT);
    int rc;

    if (!text) {
        errno = ENOMEM;
        return -1;
    }
    rc = tree_write (&db->tree, "checkpoints", text, sync);
    free (text);
    return rc;
}

bool db_in_doubt (const struct db *db)
{
    return db->in_doubt;
}

int db_settle (struct db *db, flux_error_t *error)
{
    if (!db->in_doubt)
        return 0;
    if (write_checkpoints (db, db->checkpoints, db->kept) != 0)
        return db_fail (error, "taking a checkpoint back");
    db->in_doubt = false;
    return 0;
}

int db_begin (struct db *db, bool sync, flux_error_t *error)
{
    if (db_settle (db, error) < 0)
        return -1;
    db->sync = sync && db->kept;
    json_decref (db->pending);
    db->pending = NULL;
    buf_reset (&db->added);
    return 0;
}

int db_commit (struct db *db, flux_error_t *error)
{
    if (db->kept && (db->sync || db->pending) && tree_sync (&db->tree) < 0)
        return db_fail (error, "syncing blobs");
    if (db->pending) {
        int rc = write_checkpoints (db, db->pending, db->sync);

        db->in_doubt = rc > 0;
        if (rc != 0)
            return db_fail (error, "checkpoint");
        json_decref (db->checkpoints);
        db->checkpoints = db->pending;
        db->pending = NULL;
    }
    buf_reset (&db->added);
    return 0;
}

int db_drop (struct db *db, const void *hash, int64_t len)
{
    if (tree_drop (&db->tree, hash, digest_size (db->digest)) < 0)
        return -1;
    db->count--;
    db->bytes -= len;
    return 0;
}

int db_rollback (struct db *db, flux_error_t *error)
{
    int saved_errno = errno;
    size_t size = digest_size (db->digest);
    int rc = db_settle (db, error);

    /* While a checkpoint may refer to them they stay. */
    for (size_t at = 0; rc == 0 && at < db->added.len; at += size)
        db_drop (db, db->added.data + at,
                 tree_length (&db->tree, db->added.data + at, size));
    json_decref (db->pending);
    db->pending = NULL;
    buf_reset (&db->added);
    errno = saved_errno;
    return rc;
}

int db_store (struct db *db, const void *hash, size_t hash_size, const void *data,
              size_t len, flux_error_t *error)
{
    int64_t before = tree_length (&db->tree, hash, hash_size);
    int rc = tree_put (&db->tree, hash, hash_size, data, len);

    if (rc < 0)
        return db_fail (error, "store");
    if (rc == 1) {
        db->count += before < 0;
        db->bytes += (int64_t)len - (before < 0 ? 0 : before);
        /* Who cannot be noted cannot be taken back, which is harmless. */
        if (before < 0)
            buf_add (&db->added, hash, hash_size);
    }
    return db->marks ? db_mark_stored (db, hash, error) : 0;
}

static const char *what_is_wrong (void)
{
    return errno == ENOENT    ? "missing"
           : errno == EBADMSG ? "damaged"
                              : strerror (errno);
}

int db_load (struct db *db, const void *hash, size_t hash_size, struct buf *out,
             flux_error_t *error)
{
    if (tree_get (&db->tree, hash, hash_size, out) < 0
        || root_check_blob (db->digest, hash, out->data ? out->data : "", out->len)
               < 0) {
        root_name_blob (db->digest, hash, what_is_wrong (), error);
        return -1;
    }
    return 0;
}

int db_validate (struct db *db, const void *hash, size_t hash_size, flux_error_t *error)
{
    if (tree_length (&db->tree, hash, hash_size) < 0) {
        root_name_blob (db->digest, hash, what_is_wrong (), error);
        return -1;
    }
    return 0;
}

/* ---- checkpoints ---- */

int db_checkpoint_put (struct db *db, const char *json, flux_error_t *error)
{
    json_t *o = json_loads (json, 0, NULL);
    json_t *next = json_copy (db->pending ? db->pending : db->checkpoints);

    bool is_object = json_is_object (o);
    int rc = is_object && next ? json_array_insert (next, 0, o) : -1;

    json_decref (o);
    if (rc < 0) {
        json_decref (next);
        return is_object ? error_fail (error, ENOMEM, "out of memory")
                         : error_fail (error, EPROTO, "checkpoint: is no object");
    }
    while (json_array_size (next) > DB_CHECKPOINTS)
        json_array_remove (next, DB_CHECKPOINTS);
    json_decref (db->pending);
    db->pending = next;
    return 0;
}

int db_checkpoint_get (struct db *db, struct buf *out, flux_error_t *error)
{
    size_t i;
    json_t *o;
    int n = 0;

    buf_addc (out, '[');
    json_array_foreach (db->checkpoints, i, o) {
        char *text = json_dumps (o, JSON_COMPACT);

        if (text && (!db->recovery || root_check (db, db->digest, text, NULL) == 0)) {
            if (n++ > 0)
                buf_addc (out, ',');
            buf_adds (out, text);
        }
        free (text);
    }
    buf_addc (out, ']');
    return n == 0 ? error_fail (error, ENOENT, "there is no checkpoint") : 0;
}

int64_t db_count (struct db *db)
{
    return db->count;
}

int64_t db_file_size (struct db *db)
{
    return db->bytes;
}

int64_t db_file_free (struct db *db)
{
    return 0;
}
