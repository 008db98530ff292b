/* A lookup, from its request to its answer. However often it has to wait for blobs,
 * it sees one root of each namespace: a follower pins the root; the leader finds the
 * entry in one go, in its tree, and pins that. So it is done after as many loads as
 * the way is long, however fast others write.
 *
 * A blob of a pinned root may be superseded and dropped before a slow reader comes to
 * it. The leader then reads anew; a follower asks the leader. */
#ifndef KVS_READING_H
#define KVS_READING_H

#include "lookup.h"
#include "tree.h"

struct kvs_reading {
    char *key, *ns, *rootref; /* rootref: of lookupat, else NULL */
    int flags;
    bool paged, names;
    struct kvs_page page; /* if paged */
    struct buf value;     /* the entry that was found: its blobs are being loaded */
    struct kvs_pin *pins;
    size_t pin_count;
};

struct kvs_root {
    const char *name, *rootref; /* borrowed until the state of the rank changes */
    struct kvs_tree *tree;      /* the leader's, else NULL */
};

/* What a rank knows, to whoever asks. */
struct kvs_roots {
    struct kvs_cache *cache;
    bool leader;
    /* -1 with ENOTSUP, EPERM, EAGAIN. */
    int (*find) (void *arg, const char *ns, struct kvs_root *root);
    /* Whoever knows a digest could read anything with it: -1 with EPERM. */
    int (*may_read_any) (void *arg);
    void *arg;
};

/* As kvs_lookup, of r->key with these flags. EAGAIN: call again when something was
 * loaded; ESTALE: ask the leader. */
int kvs_reading_run (struct kvs_reading *r, const struct kvs_roots *roots, int flags,
                     struct buf *out);
void kvs_reading_fini (struct kvs_reading *r);

#endif
