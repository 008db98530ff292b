#include "cache.h"

#include "base/hashmap.h"
#include "base/os/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct list lru;
    struct kvs_node *node;
    const char *data;
    size_t len;
    void *owner; /* of data */
    void (*unref) (void *owner);
    size_t bytes;
    uint32_t epoch;
    int errnum;
    char ref[BLOBREF_MAX_SIZE];
};

struct kvs_cache {
    struct hashmap *map;
    struct list lru; /* most recently used first */
    struct list errors;
    size_t max_bytes;
    size_t bytes;
    uint32_t epoch;
    struct buf missing;         /* array of char[BLOBREF_MAX_SIZE] */
    struct hashmap *missed_set; /* the same, to be found */
    char failed[BLOBREF_MAX_SIZE];
    int failed_errnum;
};

static void entry_destroy (void *arg)
{
    struct entry *e = arg;

    list_remove (&e->lru);
    kvs_node_destroy (e->node);
    if (e->unref)
        e->unref (e->owner);
    free (e);
}

struct kvs_cache *kvs_cache_create (size_t max_bytes)
{
    struct kvs_cache *c;

    if (!(c = calloc (1, sizeof (*c))))
        return NULL;
    list_init (&c->lru);
    list_init (&c->errors);
    c->max_bytes = max_bytes;
    if (!(c->map = hashmap_create (entry_destroy))
        || !(c->missed_set = hashmap_create (NULL))) {
        kvs_cache_destroy (c);
        return NULL;
    }
    return c;
}

void kvs_cache_destroy (struct kvs_cache *c)
{
    if (c) {
        if (c->map)
            hashmap_destroy (c->map);
        if (c->missed_set)
            hashmap_destroy (c->missed_set);
        buf_fini (&c->missing);
        free (c);
    }
}

static void drop (struct kvs_cache *c, struct entry *e)
{
    c->bytes -= e->bytes;
    entry_destroy (hashmap_take (c->map, e->ref));
}

static struct entry *lookup (struct kvs_cache *c, const char *ref)
{
    struct entry *e = hashmap_lookup (c->map, ref);

    if (e && !e->errnum && e->epoch != c->epoch) {
        e->epoch = c->epoch;
        list_remove (&e->lru);
        list_prepend (&c->lru, &e->lru);
    }
    return e;
}

/* Entries of this epoch stay, even if there are too many: a walk that needs
 * them all must come to its end. */
static void shrink (struct kvs_cache *c)
{
    while (c->bytes > c->max_bytes && !list_empty (&c->lru)) {
        struct entry *e = container_of (c->lru.prev, struct entry, lru);

        if (e->epoch == c->epoch)
            break;
        drop (c, e);
    }
}

static struct entry *insert (struct kvs_cache *c, const char *ref)
{
    struct entry *e;

    if (strlen (ref) >= sizeof (e->ref) || !(e = calloc (1, sizeof (*e))))
        return NULL;
    strcpy (e->ref, ref);
    list_init (&e->lru);
    e->epoch = c->epoch;
    kvs_cache_remove (c, ref);
    if (hashmap_insert (c->map, ref, e) < 0) {
        free (e);
        return NULL;
    }
    list_prepend (&c->lru, &e->lru);
    e->bytes = sizeof (*e) + 64;
    c->bytes += e->bytes;
    return e;
}

int kvs_cache_insert_held (struct kvs_cache *c, const char *ref, const void *data,
                           size_t len, void *owner, void (*unref) (void *owner))
{
    struct entry *e;

    if (!(e = insert (c, ref))) {
        unref (owner);
        errno = ENOMEM;
        return -1;
    }
    e->data = data;
    e->owner = owner;
    e->unref = unref;
    e->len = len;
    e->bytes += len;
    c->bytes += len;
    shrink (c);
    return 0;
}

int kvs_cache_insert (struct kvs_cache *c, const char *ref, const void *data,
                      size_t len)
{
    char *copy;

    if (!(copy = pages_alloc (len + 1))) {
        kvs_cache_remove (c, ref);
        return -1;
    }
    if (len > 0)
        memcpy (copy, data, len);
    copy[len] = '\0';
    return kvs_cache_insert_held (c, ref, copy, len, copy, free);
}

void kvs_cache_insert_error (struct kvs_cache *c, const char *ref, int errnum)
{
    struct entry *e;

    if ((e = insert (c, ref)))
        e->errnum = errnum ? errnum : EIO;
    if (e) {
        list_remove (&e->lru);
        list_append (&c->errors, &e->lru);
    }
}

void kvs_cache_clear_errors (struct kvs_cache *c)
{
    while (!list_empty (&c->errors))
        drop (c, list_first (&c->errors, struct entry, lru));
}

void kvs_cache_remove (struct kvs_cache *c, const char *ref)
{
    struct entry *e = hashmap_lookup (c->map, ref);

    if (e)
        drop (c, e);
}

static void note_missing (struct kvs_cache *c, const char *ref)
{
    char slot[BLOBREF_MAX_SIZE] = { 0 };

    if (strlen (ref) >= sizeof (slot) || hashmap_lookup (c->missed_set, ref)
        || hashmap_insert (c->missed_set, ref, c) < 0)
        return;
    strcpy (slot, ref);
    buf_add (&c->missing, slot, sizeof (slot));
}

/* Always -1. */
static int fail (struct kvs_cache *c, const char *ref, int errnum)
{
    snprintf (c->failed, sizeof (c->failed), "%s", ref);
    c->failed_errnum = errnum;
    errno = errnum == ENOENT ? EBADMSG : errnum;
    return -1;
}

const char *kvs_cache_failed (const struct kvs_cache *c, int *errnum)
{
    if (!c->failed[0])
        return NULL;
    if (errnum)
        *errnum = c->failed_errnum;
    return c->failed;
}

void kvs_cache_clear_failed (struct kvs_cache *c)
{
    c->failed[0] = '\0';
}

static struct entry *want (struct kvs_cache *c, const char *ref)
{
    struct entry *e = lookup (c, ref);

    if (!e) {
        note_missing (c, ref);
        errno = EAGAIN;
        return NULL;
    }
    if (e->errnum) {
        fail (c, ref, e->errnum);
        return NULL;
    }
    return e;
}

int kvs_cache_blob (struct kvs_cache *c, const char *ref, const char **data,
                    size_t *len)
{
    struct entry *e = want (c, ref);

    if (!e)
        return -1;
    *data = e->data;
    *len = e->len;
    return 0;
}

int kvs_cache_error (struct kvs_cache *c, const char *ref)
{
    struct entry *e = lookup (c, ref);

    if (e && e->errnum) {
        errno = e->errnum;
        return -1;
    }
    return 0;
}

bool kvs_cache_has (struct kvs_cache *c, const char *ref)
{
    struct entry *e = lookup (c, ref);

    return e && !e->errnum;
}

struct kvs_node *kvs_cache_decode (struct kvs_cache *c, struct kvs_lru *lru,
                                   const char *ref, const char *data, size_t len,
                                   int level)
{
    struct kvs_node *n = kvs_node_decode (lru, data, len, level);

    if (!n && errno == EINVAL)
        fail (c, ref, EBADMSG);
    return n;
}

struct kvs_node *kvs_cache_dir (struct kvs_cache *c, const char *ref, int level)
{
    struct entry *e = want (c, ref);

    if (!e)
        return NULL;
    /* Of an hdir the level is in its text. What has no buckets may be one itself, at any
     * level, and a directory elsewhere. */
    if (e->node && e->node->hdir && e->node->level != level) {
        fail (c, ref, EBADMSG);
        return NULL;
    }
    if (!e->node) {
        if (!(e->node = kvs_cache_decode (c, NULL, ref, e->data, e->len, level)))
            return NULL;
        /* The decoded form is about as large again. */
        e->bytes += e->len;
        c->bytes += e->len;
    }
    return e->node;
}

static struct kvs_node *load (void *arg, struct kvs_node *parent, struct kvs_dirent *e)
{
    char ref[BLOBREF_MAX_SIZE];

    if (kvs_dirent_ref (e, ref) < 0)
        return NULL;
    /* A bucket has no name; anything else is the top of a directory. */
    return kvs_cache_dir (arg, ref,
                          parent->hdir && e->name_len == 0 ? parent->level + 1 : 0);
}

struct kvs_loader kvs_cache_loader (struct kvs_cache *c)
{
    return (struct kvs_loader){ load, c, false };
}

size_t kvs_cache_missing_count (const struct kvs_cache *c)
{
    return c->missing.len / BLOBREF_MAX_SIZE;
}

const char *kvs_cache_missing (const struct kvs_cache *c, size_t i)
{
    return c->missing.data + i * BLOBREF_MAX_SIZE;
}

void kvs_cache_missing_clear (struct kvs_cache *c)
{
    for (size_t i = 0; i < kvs_cache_missing_count (c); i++)
        hashmap_remove (c->missed_set, kvs_cache_missing (c, i));
    buf_reset (&c->missing);
}

void kvs_cache_tick (struct kvs_cache *c, uint32_t age)
{
    c->epoch++;
    while (!list_empty (&c->lru)) {
        struct entry *e = container_of (c->lru.prev, struct entry, lru);

        if (c->epoch - e->epoch <= age)
            break;
        drop (c, e);
    }
    shrink (c);
}

void kvs_cache_drop (struct kvs_cache *c)
{
    while (!list_empty (&c->lru))
        drop (c, container_of (c->lru.prev, struct entry, lru));
}

size_t kvs_cache_count (const struct kvs_cache *c)
{
    return hashmap_count (c->map);
}

size_t kvs_cache_bytes (const struct kvs_cache *c)
{
    return c->bytes;
}
