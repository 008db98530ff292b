#include "core/kvs/kvs_health.h"

flux_future_t *kvs_health_watch (flux_t *h)
{
    return flux_rpc (h, "kvs.health", NULL, 0, FLUX_RPC_STREAMING);
}

int kvs_health_get (flux_future_t *f, int *errnum, const char **text)
{
    const char *s;
    int n;

    if (flux_rpc_get_unpack (f, "{s:i s:s}", "errnum", &n, "text", &s) < 0)
        return -1;
    if (errnum)
        *errnum = n;
    if (text)
        *text = s;
    return 0;
}

flux_future_t *kvs_order_reset (flux_t *h)
{
    return flux_rpc (h, "kvs.order-reset", NULL, 0, 0);
}
