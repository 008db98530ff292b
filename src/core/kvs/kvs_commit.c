#include "core/handle/take.h"
#include "core/kvs/kvs_impl.h"
#include "core/kvs/treetext.h"
#include "core/kvs/txn.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_FLAGS                                                                   \
    (FLUX_KVS_NO_MERGE | FLUX_KVS_TXN_COMPACT | FLUX_KVS_SYNC | KVS_TXN_ORDERED)

flux_future_t *flux_kvs_commit (flux_t *h, const char *ns, int flags,
                                flux_kvs_txn_t *txn)
{
    struct buf payload = BUF_INIT;
    flux_future_t *f = NULL;

    if (!h || !txn || (flags & ~COMMIT_FLAGS)) {
        errno = EINVAL;
        return NULL;
    }
    kvs_txn_encode (txn, kvs_namespace (ns), flags, &payload);
    if (payload.err)
        errno = ENOMEM;
    else
        f = rpc_take (h, "kvs.commit", &payload,
                      (flags & KVS_TXN_ORDERED) ? 0 : FLUX_NODEID_ANY, 0);
    buf_fini (&payload);
    return f;
}

int flux_kvs_commit_get_rootref (flux_future_t *f, const char **rootref)
{
    const char *s;

    if (flux_rpc_get_unpack (f, "{s:s}", "rootref", &s) < 0)
        return -1;
    if (rootref)
        *rootref = s;
    return 0;
}

int flux_kvs_commit_get_sequence (flux_future_t *f, int *seq)
{
    json_int_t n;

    if (flux_rpc_get_unpack (f, "{s:I}", "sequence", &n) < 0)
        return -1;
    if (n > INT_MAX) {
        errno = EOVERFLOW;
        return -1;
    }
    if (seq)
        *seq = n;
    return 0;
}

int flux_kvs_commit_get_treeobj (flux_future_t *f, const char **treeobj)
{
    static const char name[] = "flux::kvs_root_treeobj";
    struct buf b = BUF_INIT;
    const char *ref;
    char *s;

    if (flux_kvs_commit_get_rootref (f, &ref) < 0)
        return -1;
    if (!(s = flux_future_aux_get (f, name))) {
        treetext_add_dirref (&b, ref);
        if (!(s = buf_take (&b, NULL)))
            return -1;
        if (flux_future_aux_set (f, name, s, free) < 0) {
            free (s);
            return -1;
        }
    }
    if (treeobj)
        *treeobj = s;
    return 0;
}

/* Copy and move: read the tree object, then commit it elsewhere. */

struct copy {
    char *srcns, *srckey, *dstns, *dstkey;
    int flags;
    bool move;
};

static void copy_destroy (void *arg)
{
    struct copy *c = arg;

    if (c) {
        int saved_errno = errno;
        free (c->srcns);
        free (c->srckey);
        free (c->dstns);
        free (c->dstkey);
        free (c);
        errno = saved_errno;
    }
}

static struct copy *copy_create (const char *srcns, const char *srckey,
                                 const char *dstns, const char *dstkey, int flags,
                                 bool move)
{
    struct copy *c;

    if (!(c = calloc (1, sizeof (*c))) || !(c->srcns = strdup (kvs_namespace (srcns)))
        || !(c->srckey = strdup (srckey))
        || !(c->dstns = strdup (kvs_namespace (dstns)))
        || !(c->dstkey = strdup (dstkey))) {
        copy_destroy (c);
        errno = ENOMEM;
        return NULL;
    }
    c->flags = flags;
    c->move = move;
    return c;
}

/* The value is in place: the source may go. */
static void copied (flux_future_t *f, void *arg)
{
    struct copy *c = arg;
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f2 = NULL;

    if (txn && flux_kvs_txn_unlink (txn, 0, c->srckey) == 0)
        f2 = flux_kvs_commit (flux_future_get_flux (f), c->srcns, c->flags, txn);
    flux_kvs_txn_destroy (txn);
    if (!f2 || flux_future_continue (f, f2) < 0) {
        flux_future_continue_error (f, errno, NULL);
        flux_future_destroy (f2);
    }
    flux_future_destroy (f);
}

static void looked_up (flux_future_t *f, void *arg)
{
    struct copy *c = arg;
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    const char *treeobj;
    flux_future_t *f2 = NULL;
    bool same_ns = !strcmp (c->srcns, c->dstns);

    /* Within a namespace a move is one transaction. */
    if (txn && flux_kvs_lookup_get_treeobj (f, &treeobj) == 0
        && flux_kvs_txn_put_treeobj (txn, 0, c->dstkey, treeobj) == 0
        && (!c->move || !same_ns || flux_kvs_txn_unlink (txn, 0, c->srckey) == 0))
        f2 = flux_kvs_commit (flux_future_get_flux (f), c->dstns, c->flags, txn);
    flux_kvs_txn_destroy (txn);
    if (!f2 || flux_future_continue (f, f2) < 0) {
        flux_future_continue_error (f, errno, NULL);
        flux_future_destroy (f2);
    }
    flux_future_destroy (f);
}

static flux_future_t *copy (flux_t *h, const char *srcns, const char *srckey,
                            const char *dstns, const char *dstkey, int flags, bool move)
{
    flux_future_t *f, *f2, *f3;
    struct copy *c;

    if (!h || !srckey || !dstkey) {
        errno = EINVAL;
        return NULL;
    }
    if (!(c = copy_create (srcns, srckey, dstns, dstkey, flags, move)))
        return NULL;
    if (!(f = flux_kvs_lookup (h, c->srcns, FLUX_KVS_TREEOBJ, c->srckey))
        || !(f2 = flux_future_and_then (f, looked_up, c))) {
        flux_future_destroy (f);
        copy_destroy (c);
        return NULL;
    }
    if (move && strcmp (c->srcns, c->dstns)) {
        if (!(f3 = flux_future_and_then (f2, copied, c))) {
            flux_future_destroy (f2);
            copy_destroy (c);
            return NULL;
        }
        f2 = f3;
    }
    if (flux_future_aux_set (f2, NULL, c, copy_destroy) < 0) {
        flux_future_destroy (f2);
        copy_destroy (c);
        return NULL;
    }
    return f2;
}

flux_future_t *flux_kvs_copy (flux_t *h, const char *srcns, const char *srckey,
                              const char *dstns, const char *dstkey, int commit_flags)
{
    return copy (h, srcns, srckey, dstns, dstkey, commit_flags, false);
}

flux_future_t *flux_kvs_move (flux_t *h, const char *srcns, const char *srckey,
                              const char *dstns, const char *dstkey, int commit_flags)
{
    return copy (h, srcns, srckey, dstns, dstkey, commit_flags, true);
}
