/* Marks are kept by hash, in memory: a collection that was not ended has changed nothing
 * that anybody could miss. The sweep goes from one subdirectory to the next. */
#include "db_impl.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct entry *next; /* of the same first bytes */
    bool walked;
    unsigned char hash[];
};

static void free_entries (void *arg)
{
    struct entry *e = arg;

    while (e) {
        struct entry *next = e->next;

        free (e);
        e = next;
    }
}

static uint64_t key_of (const void *hash)
{
    uint64_t key;

    memcpy (&key, hash, sizeof (key));
    return key;
}

static struct entry *find (struct db *db, const void *hash, struct entry **first)
{
    size_t size = digest_size (db->digest);
    struct entry *e = idmap_lookup (db->marks, key_of (hash));

    *first = e;
    while (e && memcmp (e->hash, hash, size) != 0)
        e = e->next;
    return e;
}

/* Behind the first one of the same key, which the map has. */
static struct entry *add (struct db *db, const void *hash, struct entry *first)
{
    size_t size = digest_size (db->digest);
    struct entry *e = calloc (1, sizeof (*e) + size);

    if (!e)
        return NULL;
    memcpy (e->hash, hash, size);
    if (first) {
        e->next = first->next;
        first->next = e;
    } else if (idmap_insert (db->marks, key_of (hash), e) < 0) {
        free (e);
        return NULL;
    }
    return e;
}

/* 1: that is new. */
static int set (struct db *db, const void *hash, bool dir, flux_error_t *error)
{
    struct entry *first, *e = find (db, hash, &first);
    bool fresh = !e;

    if (!e && !(e = add (db, hash, first)))
        return error_fail (error, ENOMEM, "out of memory");
    if (dir && !e->walked) {
        e->walked = true;
        return 1;
    }
    return fresh && !dir;
}

int db_collect_begin (struct db *db, flux_error_t *error)
{
    db_collect_end (db);
    if (!(db->marks = idmap_create (free_entries)))
        return error_fail (error, ENOMEM, "out of memory");
    return 0;
}

void db_collect_end (struct db *db)
{
    int saved_errno = errno;

    if (db->sweep)
        closedir (db->sweep);
    db->sweep = NULL;
    if (db->marks)
        idmap_destroy (db->marks);
    db->marks = NULL;
    errno = saved_errno;
}

int db_mark (struct db *db, const void *hash, size_t hash_size, bool dir,
             flux_error_t *error)
{
    if (tree_length (&db->tree, hash, hash_size) < 0)
        return errno == ENOENT ? -1 : db_fail (error, "looking for a blob");
    return set (db, hash, dir, error);
}

int db_mark_stored (struct db *db, const void *hash, flux_error_t *error)
{
    return set (db, hash, false, error) < 0 ? -1 : 0;
}

static int sweep_entry (struct db *db, struct db_swept *s, const char *name,
                        flux_error_t *error)
{
    unsigned char hash[DIGEST_MAX_SIZE];
    size_t size = digest_size (db->digest);
    struct entry *first;
    int64_t len;

    if (tree_hash (s->at - 1, name, hash, size) < 0
        || (len = tree_length (&db->tree, hash, size)) < 0)
        return 0;
    if (find (db, hash, &first)) {
        s->live++;
        s->live_bytes += len;
        return 0;
    }
    if (!s->keep && db_drop (db, hash, len) < 0)
        return db_fail (error, "freeing a blob");
    s->freed++;
    s->freed_bytes += len;
    return 0;
}

/* 1: the slice is over, 0: that was all of this subdirectory. */
static int sweep_subdir (struct db *db, struct db_swept *s, bool (*over) (void *arg),
                         void *arg, flux_error_t *error)
{
    struct dirent *e;

    if (!db->sweep && !(db->sweep = tree_subdir (&db->tree, s->at - 1)))
        return errno == ENOENT ? 0 : db_fail (error, "looking through the blobs");
    while ((e = readdir (db->sweep))) {
        if (e->d_name[0] == '.')
            continue;
        if (sweep_entry (db, s, e->d_name, error) < 0)
            return -1;
        if (over (arg))
            return 1;
    }
    closedir (db->sweep);
    db->sweep = NULL;
    return 0;
}

int db_sweep (struct db *db, struct db_swept *s, bool (*over) (void *arg), void *arg,
              flux_error_t *error)
{
    int rc = 0;

    if (s->at == 0) {
        s->at = 1;
        s->top = TREE_SUBDIRS;
    }
    for (; s->at <= s->top; s->at++)
        if ((rc = sweep_subdir (db, s, over, arg, error)) != 0)
            break;
    return rc;
}

int db_shrink (struct db *db, int pages, flux_error_t *error)
{
    return 0;
}

void db_tidy (struct db *db)
{
}

void db_rest (struct db *db)
{
}

int db_set_live (struct db *db, int64_t bytes, flux_error_t *error)
{
    return db_write_number (db, "live", bytes) < 0
               ? db_fail (error, "noting what is live")
               : 0;
}

int64_t db_get_live (struct db *db)
{
    return db_read_number (db, "live");
}
