#include "core/kvs/kvs_impl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *kvs_namespace (const char *ns)
{
    if (!ns)
        ns = getenv ("FLUX_KVS_NAMESPACE");
    return ns && *ns ? ns : KVS_PRIMARY_NAMESPACE;
}

flux_future_t *flux_kvs_getroot (flux_t *h, const char *ns, int flags)
{
    if (!h || flags) {
        errno = EINVAL;
        return NULL;
    }
    return flux_rpc_pack (h, "kvs.getroot", 0, 0, "{s:s}", "namespace",
                          kvs_namespace (ns));
}

int flux_kvs_getroot_get_treeobj (flux_future_t *f, const char **treeobj)
{
    return flux_kvs_commit_get_treeobj (f, treeobj);
}

int flux_kvs_getroot_get_blobref (flux_future_t *f, const char **blobref)
{
    return flux_kvs_commit_get_rootref (f, blobref);
}

int flux_kvs_getroot_get_sequence (flux_future_t *f, int *seq)
{
    return flux_kvs_commit_get_sequence (f, seq);
}

int flux_kvs_getroot_get_owner (flux_future_t *f, uint32_t *owner)
{
    json_int_t n;

    if (flux_rpc_get_unpack (f, "{s:I}", "owner", &n) < 0)
        return -1;
    if (owner)
        *owner = n;
    return 0;
}

/* The answer comes at once: there is nothing that could be cancelled. */
void flux_kvs_getroot_cancel (flux_future_t *f)
{
}

flux_future_t *flux_kvs_namespace_create_with (flux_t *h, const char *ns,
                                               const char *rootref, uint32_t owner,
                                               int flags)
{
    if (!h || !ns || !*ns || flags) {
        errno = EINVAL;
        return NULL;
    }
    return flux_rpc_pack (h, "kvs.namespace-create", 0, 0, "{s:s s:s s:I s:i}",
                          "namespace", ns, "rootref", rootref ? rootref : "", "owner",
                          (json_int_t)owner, "flags", flags);
}

flux_future_t *flux_kvs_namespace_create (flux_t *h, const char *ns, uint32_t owner,
                                          int flags)
{
    return flux_kvs_namespace_create_with (h, ns, NULL, owner, flags);
}

flux_future_t *flux_kvs_namespace_remove (flux_t *h, const char *ns)
{
    if (!h || !ns || !*ns) {
        errno = EINVAL;
        return NULL;
    }
    return flux_rpc_pack (h, "kvs.namespace-remove", 0, 0, "{s:s}", "namespace", ns);
}

int flux_kvs_get_version (flux_t *h, const char *ns, int *version)
{
    flux_future_t *f;
    int rc = -1;

    if ((f = flux_kvs_getroot (h, ns, 0)))
        rc = flux_kvs_getroot_get_sequence (f, version);
    flux_future_destroy (f);
    return rc;
}

int flux_kvs_wait_version (flux_t *h, const char *ns, int version)
{
    flux_future_t *f;
    int rc = -1;

    if (!h) {
        errno = EINVAL;
        return -1;
    }
    if ((f = flux_rpc_pack (h, "kvs.wait-version", FLUX_NODEID_ANY, 0, "{s:s s:I}",
                            "namespace", kvs_namespace (ns), "sequence",
                            (json_int_t)version)))
        rc = flux_future_get (f, NULL);
    flux_future_destroy (f);
    return rc;
}

int flux_kvs_dropcache (flux_t *h)
{
    flux_future_t *f;
    int rc = -1;

    if (!h) {
        errno = EINVAL;
        return -1;
    }
    if ((f = flux_rpc (h, "kvs.dropcache", NULL, FLUX_NODEID_ANY, 0)))
        rc = flux_future_get (f, NULL);
    flux_future_destroy (f);
    return rc;
}
