/* A content store in memory and a namespace on it, for tests. */
#ifndef KVS_FAKESTORE_H
#define KVS_FAKESTORE_H

#include "base/hashmap.h"
#include "core/kvs/blobs.h"
#include "core/kvs/kvs_raw.h"
#include "lookup.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

struct fake {
    struct hashmap *blobs; /* blobref -> struct buf */
    struct digest *digest;
    struct kvs_cache *cache;
    struct kvs_tree *tree;
    struct buf batch;
    int stored;
    int superseded;
};

static inline void fake_free_blob (void *arg)
{
    buf_fini (arg);
    free (arg);
}

static inline void fake_init (struct fake *f)
{
    memset (f, 0, sizeof (*f));
    f->blobs = hashmap_create (fake_free_blob);
    f->digest = digest_create ("sha1");
    f->cache = kvs_cache_create (1 << 20);
    f->tree = kvs_tree_create (f->cache, f->digest, NULL);
}

static inline void fake_fini (struct fake *f)
{
    kvs_tree_destroy (f->tree);
    kvs_cache_destroy (f->cache);
    hashmap_destroy (f->blobs);
    digest_destroy (f->digest);
    buf_fini (&f->batch);
}

/* Everything that was loaded is forgotten; the root stays. */
static inline void fake_reopen (struct fake *f)
{
    char ref[BLOBREF_MAX_SIZE];

    strcpy (ref, f->tree->rootref);
    kvs_tree_destroy (f->tree);
    kvs_cache_drop (f->cache);
    f->tree = kvs_tree_create (f->cache, f->digest, ref);
}

static inline void fake_store (struct fake *f)
{
    struct blobs_reader r;
    struct blobs_entry e;
    char ref[BLOBREF_MAX_SIZE];

    if (f->batch.len == 0)
        return;
    if (blobs_read (&r, f->batch.data, f->batch.len) < 0)
        abort ();
    while (blobs_next (&r, &e) == 1) {
        if (e.kind == 'B') {
            struct buf *b = calloc (1, sizeof (*b));

            buf_add (b, e.data, e.len);
            blobref_encode ("sha1", e.digest, 20, ref);
            hashmap_insert (f->blobs, ref, b);
            f->stored++;
        }
        f->superseded += e.kind == 'S';
    }
    buf_reset (&f->batch);
}

/* True if all that was missing is in the store. */
static inline bool fake_load (struct fake *f)
{
    bool ok = true;

    for (size_t i = 0; i < kvs_cache_missing_count (f->cache); i++) {
        const char *ref = kvs_cache_missing (f->cache, i);
        struct buf *b = hashmap_lookup (f->blobs, ref);

        if (b)
            kvs_cache_insert (f->cache, ref, b->data, b->len);
        else
            ok = false;
    }
    kvs_cache_missing_clear (f->cache);
    return ok;
}

static inline int fake_apply (struct fake *f, flux_kvs_txn_t *txn)
{
    struct buf msg = BUF_INIT;
    struct kvs_txn_reader r;
    int rc;

    kvs_txn_encode (txn, "primary", 0, &msg);
    if (f->batch.len == 0)
        blobs_begin (&f->batch, 20, 0);
    if (kvs_txn_read (&r, msg.data, msg.len) < 0)
        abort ();
    while ((rc = kvs_tree_apply (f->tree, r, &f->batch)) < 0 && errno == EAGAIN
           && fake_load (f))
        ;
    buf_fini (&msg);
    return rc;
}

static inline int fake_commit (struct fake *f, flux_kvs_txn_t *txn)
{
    int rc = fake_apply (f, txn);

    flux_kvs_txn_destroy (txn);
    if (rc < 0)
        return -1;
    if (kvs_tree_hash (f->tree, &f->batch) < 0)
        abort ();
    fake_store (f);
    return 0;
}

/* The tree object's text, owned by the caller; NULL with errno. From the
 * tree, or, if it is not NULL, from the snapshot rootref. */
static inline char *fake_lookup (struct fake *f, const char *key, int flags,
                                 const char *rootref)
{
    struct buf out = BUF_INIT;
    int rc = -1;

    do {
        struct kvs_lookup l = { .cache = f->cache, .key = key, .flags = flags };

        if (rootref) {
            l.view.root = kvs_cache_dir (f->cache, rootref, 0);
            l.view.loader = kvs_cache_loader (f->cache);
            l.view.rootref = rootref;
        } else {
            l.view.root = kvs_tree_root (f->tree);
            l.view.loader = kvs_tree_loader (f->tree);
            l.view.rootref = f->tree->rootref;
        }
        if (l.view.root)
            rc = kvs_lookup (&l, &out);
    } while (rc < 0 && errno == EAGAIN && fake_load (f));
    if (rc < 0) {
        int saved_errno = errno;
        buf_fini (&out);
        errno = saved_errno;
        return NULL;
    }
    return buf_take (&out, NULL);
}

/* The value as a string, owned by the caller: as it is, and from its tree object. */
static inline char *fake_get (struct fake *f, const char *key, const char *rootref)
{
    char *s = fake_lookup (f, key, 0, rootref), *raw;
    struct treetext t;
    struct buf b = BUF_INIT;

    if (!s)
        return NULL;
    if (treetext_parse (s, strlen (s), &t) < 0 || treetext_val_decode (&t, &b) < 0)
        abort ();
    free (s);
    if (!(raw = fake_lookup (f, key, KVS_LOOKUP_RAW, rootref))
        || strcmp (raw, b.data ? b.data : ""))
        abort ();
    buf_fini (&b);
    return raw;
}

#endif
