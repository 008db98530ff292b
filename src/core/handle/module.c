/* What a broker module may ask of its handle. */
#include <flux/attr.h>

int flux_module_set_running (flux_t *h)
{
    flux_future_t *f;

    if (flux_aux_get (h, "flux::running"))
        return 0;
    f = flux_rpc_pack (h, "module.status", FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE,
                       "{s:i}", "status", 1);
    if (!f)
        return -1;
    flux_future_destroy (f);
    return flux_aux_set (h, "flux::running", (void *)"", NULL);
}

/* The loader keeps the bits in an int. */
bool flux_module_debug_test (flux_t *h, int flag, bool clear)
{
    int *flags = flux_aux_get (h, "flux::debug_flags");

    if (!flags || (*flags & flag) == 0)
        return false;
    if (clear)
        *flags &= ~flag;
    return true;
}
