/* Services of a connection. */
#include <flux/rpc.h>

static flux_future_t *call (flux_t *h, const char *method, const char *name)
{
    if (!h || !name) {
        errno = EINVAL;
        return NULL;
    }
    return flux_rpc_pack (h, method, FLUX_NODEID_ANY, 0, "{s:s}", "service", name);
}

flux_future_t *flux_service_register (flux_t *h, const char *name)
{
    return call (h, "service.add", name);
}

flux_future_t *flux_service_unregister (flux_t *h, const char *name)
{
    return call (h, "service.remove", name);
}
