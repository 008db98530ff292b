/* The leader's copy of a namespace: a tree of directory nodes that is changed
 * in place, operation by operation, with an undo log per transaction; hashed
 * once per turn from the changed nodes up to the root. Between kvs_tree_keep() and
 * kvs_tree_stored() or kvs_tree_restore() readers see what was before. */
#ifndef KVS_TREE_H
#define KVS_TREE_H

#include "cache.h"
#include "node.h"

#include "core/kvs/txn.h"

#define TREE_INLINE_MAX 1024        /* larger values become blobs */
#define TREE_APPEND_INLINE_MAX 2048 /* as long as a value is appended to */
#define TREE_APPEND_BLOB_MAX 16384  /* a short last blob is extended */
#define TREE_LINKS_MAX 10
#define TREE_ENTRY_MAX (8 * 1024 * 1024) /* of a directory: 64 of them are a blob */

struct kvs_tree {
    struct kvs_cache *cache;
    struct digest *digest;
    size_t blob_max; /* what content takes */
    struct kvs_lru lru;
    struct kvs_node *root;
    char rootref[BLOBREF_MAX_SIZE];
    char kept[BLOBREF_MAX_SIZE]; /* rootref at kvs_tree_keep */
    struct buf gone;             /* digests superseded since the last kvs_tree_hash */
    struct buf changes;
    struct buf cold; /* keys, each with its NUL: KVS_TXN_COLD */
    bool pin;        /* a transaction referred to blobs that it did not bring */
};

/* One changed key: kvs_change_next. */
struct kvs_change {
    const char *key;
    bool deep;   /* keys below it may have changed too */
    bool append; /* what was there is still there */
};

/* An empty tree if rootref is NULL. Loads nothing yet. */
struct kvs_tree *kvs_tree_create (struct kvs_cache *cache, struct digest *digest,
                                  const char *rootref);
void kvs_tree_destroy (struct kvs_tree *t);

/* Apply the operations of a transaction, all or none. Values that become
 * blobs are added to `blobs`. 0, or -1 with errno: EAGAIN: something has to
 * be loaded first, see kvs_cache_missing(); else why it is refused (EFBIG, EINVAL,
 * EISDIR, ELOOP, EOPNOTSUPP, EPROTO...). Changed keys are added to
 * t->changes. */
int kvs_tree_apply (struct kvs_tree *t, struct kvs_txn_reader txn, struct buf *blobs);

/* Walks to the keys of a transaction that is to be applied later: what that will miss is
 * in kvs_cache_missing() now. Links are not followed. */
void kvs_tree_look (struct kvs_tree *t, struct kvs_txn_reader txn);

/* Hash what has changed, adding blobs of directories to `blobs`, and what
 * they replace; sets t->rootref. -1 with ENOMEM, or EFBIG: a directory is more than
 * a blob may be. After kvs_tree_keep() that is undone by kvs_tree_restore(). */
int kvs_tree_hash (struct kvs_tree *t, struct buf *blobs);

/* From now on changed nodes keep what they were, until the batch is stored, or
 * refused: then the tree is what it was at kvs_tree_keep(). */
void kvs_tree_keep (struct kvs_tree *t);
void kvs_tree_stored (struct kvs_tree *t);
void kvs_tree_restore (struct kvs_tree *t);

/* Start with *pos = 0. */
bool kvs_change_next (const struct buf *changes, size_t *pos, struct kvs_change *c);

/* The root directory, loaded if need be; NULL with errno (EAGAIN...). */
struct kvs_node *kvs_tree_root (struct kvs_tree *t);
/* For readers: what is stored. */
struct kvs_loader kvs_tree_loader (struct kvs_tree *t);

/* Forget directories that were not used for `age` epochs, or, the longest
 * unused first, until no more than max_bytes are held. Those used in this
 * epoch stay. Returns the bytes that were freed. */
size_t kvs_tree_evict (struct kvs_tree *t, uint32_t age, size_t max_bytes);
/* After each turn: if more than max_bytes are held, a new epoch begins, and
 * directories that were not used for min_age such turns are forgotten. */
void kvs_tree_shrink (struct kvs_tree *t, uint32_t min_age, size_t max_bytes);
/* After kvs_tree_hash, and kvs_tree_stored: forget the directories that KVS_TXN_COLD spoke of. */
void kvs_tree_cool (struct kvs_tree *t);

#endif
