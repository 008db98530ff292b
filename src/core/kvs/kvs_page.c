#include "core/kvs/kvs_page.h"
#include "base/json/json.h"

#include "core/kvs/kvs_impl.h"
#include "value/treeobj.h"

#include <stdlib.h>
#include <string.h>

flux_future_t *kvs_page (flux_t *h, const char *ns, const char *at, const char *key,
                         const char *from, bool names)
{
    char *norm = kvs_key_normalize (key);
    json_t *root = at ? json_decode_or (EINVAL, at, strlen (at), 0, NULL) : NULL;
    flux_future_t *f = NULL;

    if (norm && root)
        f = flux_rpc_pack (h, "kvs.lookup", FLUX_NODEID_ANY, 0, "{s:s s:i s:O s:s s:b}",
                           "key", norm, "flags", FLUX_KVS_READDIR, "rootdir", root,
                           "page", from, "names", names);
    else if (norm && !at)
        f = flux_rpc_pack (h, "kvs.lookup", FLUX_NODEID_ANY, 0, "{s:s s:i s:s s:s s:b}",
                           "key", norm, "flags", FLUX_KVS_READDIR, "namespace",
                           kvs_namespace (ns), "page", from, "names", names);
    json_decref (root);
    free (norm);
    return f;
}

int kvs_page_entries (flux_future_t *f, json_t **entries)
{
    return flux_rpc_get_unpack (f, "{s:{s:o}}", "val", "data", entries);
}

const char *kvs_page_next (flux_future_t *f)
{
    const char *next;

    return flux_rpc_get_unpack (f, "{s:s}", "next", &next) < 0 ? NULL : next;
}
