#include "core/sched/acquire.h"

#include <stdlib.h>

struct acquire {
    flux_t *h;
    flux_future_t *f;
    acquire_f *apply;
    void *arg;
    bool failed;
};

void acquire_catch_up (struct acquire *a)
{
    while (a && !a->failed && flux_future_is_ready (a->f)) {
        if (a->apply (a->f, a->arg) < 0) {
            a->failed = true;
            flux_reactor_stop_error (flux_get_reactor (a->h));
            return;
        }
        flux_future_reset (a->f);
    }
}

static void answer_cb (flux_future_t *f, void *arg)
{
    acquire_catch_up (arg);
}

struct acquire *acquire_open (flux_t *h, acquire_f *apply, void *arg)
{
    struct acquire *a = calloc (1, sizeof (*a));

    if (!a)
        return NULL;
    *a = (struct acquire){ .h = h, .apply = apply, .arg = arg };
    if (!(a->f = flux_rpc (h, "resource.acquire", NULL, FLUX_NODEID_ANY,
                           FLUX_RPC_STREAMING))
        || flux_future_then (a->f, -1., answer_cb, a) < 0) {
        acquire_close (a);
        return NULL;
    }
    return a;
}

void acquire_close (struct acquire *a)
{
    if (a)
        flux_future_destroy (a->f);
    free (a);
}
