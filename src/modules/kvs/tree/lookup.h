/* Looking up a key: from a root, over links, to a tree object's text. */
#ifndef KVS_LOOKUP_H
#define KVS_LOOKUP_H

#include "cache.h"

#define LOOKUP_LINKS_MAX 10

/* Where a walk reads: the leader's own tree, or a snapshot in the cache. */
struct kvs_view {
    struct kvs_node *root;
    struct kvs_loader loader;
    const char *rootref;
};

/* Opens a namespace for whoever asks; -1 with ENOTSUP, EPERM, EAGAIN. */
typedef int (*kvs_view_f) (void *arg, const char *ns, struct kvs_view *view);

struct kvs_lookup {
    struct kvs_cache *cache;
    kvs_view_f open; /* for links into other namespaces; may be NULL */
    void *arg;
    struct kvs_view view;
    const char *key; /* "." or normalised */
    int flags;       /* READDIR, READLINK, TREEOBJ, KVS_LOOKUP_RAW */
    /* If the blobs of a value have to be loaded (EAGAIN), the value's tree object
     * is added: kvs_value_finish() goes on from there. May be NULL. */
    struct buf *found;
    /* READDIR of a part of a directory; else NULL. names: only the types, as
     * {"data": {NAME: TYPE, ...}, "type": "names", "ver": 1}. */
    struct kvs_page *page;
    bool names;
};

#define LOOKUP_PAGE_ENTRIES 4096
#define LOOKUP_PAGE_BYTES (1024 * 1024)

#define LOOKUP_VALUE_MAX (1024 * 1024 * 1024) /* bytes; longer: EFBIG */

/* The tree object is added to `out`. -1 with errno: EAGAIN: load what
 * kvs_cache_missing() tells and call again; ENOENT, EISDIR, ENOTDIR, EINVAL,
 * ELOOP, or that of `open` or of a load. */
int kvs_lookup (const struct kvs_lookup *l, struct buf *out);

/* The text of a value, or (raw) its bytes; `found` is its tree object. Errors as
 * above. */
int kvs_value_finish (struct kvs_cache *cache, const char *found, size_t len, bool raw,
                      struct buf *out);

/* How far a reader of a growing value has come. */
struct kvs_value_pos {
    size_t blob;   /* index in a valref */
    size_t offset; /* in that blob, or in a val */
};

/* The bytes of a val or valref from *pos on are added to `out`, and *pos moves
 * behind them. Below LOOKUP_VALUE_MAX, max bounds how many bytes of blobs that are,
 * and blobs are loaded one by one: the end has come when nothing is added. EINVAL if
 * the value is shorter than *pos; EAGAIN. */
int kvs_value_read (struct kvs_cache *cache, const char *text, size_t len,
                    struct kvs_value_pos *pos, size_t max, struct buf *out);

#endif
