/* A future that the instance's heartbeat fulfills (flux_sync_create(3)). */
#include <flux/core.h>

#include <stdlib.h>

#include "base/clock.h"

/* Who listens for it: the handle of flux_future_then, and a clone of it within
 * flux_future_wait_for. */
struct listener {
    flux_t *h;
    flux_msg_handler_t *mh;
};

struct sync {
    flux_t *h;
    struct listener listeners[2];
    double minimum;
    double last; /* reactor's time when it was fulfilled; 0: not yet */
    flux_future_t *f;
};

static void sync_free (void *arg)
{
    struct sync *sync = arg;

    for (int i = 0; i < 2; i++) {
        struct listener *l = &sync->listeners[i];

        if (l->mh) {
            flux_msg_handler_destroy (l->mh);
            (void)flux_event_unsubscribe (l->h, "heartbeat.pulse");
        }
    }
    free (sync);
}

static void pulse_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct sync *sync = arg;
    double now = clock_monotonic ();

    if (sync->last > 0. && now - sync->last < sync->minimum)
        return;
    sync->last = now;
    flux_future_fulfill (sync->f, NULL, NULL);
}

static void init_cb (flux_future_t *f, void *arg)
{
    struct sync *sync = arg;
    struct listener *l = &sync->listeners[sync->listeners[0].mh != NULL];
    struct flux_match match = FLUX_MATCH_EVENT;

    match.topic_glob = "heartbeat.pulse";
    l->h = flux_future_get_flux (f);
    if (flux_event_subscribe (l->h, match.topic_glob) < 0
        || !(l->mh = flux_msg_handler_create (l->h, match, pulse_cb, sync))) {
        flux_future_fulfill_error (f, errno, NULL);
        return;
    }
    flux_msg_handler_start (l->mh);
}

flux_future_t *flux_sync_create (flux_t *h, double minimum)
{
    struct sync *sync;

    if (!h || !(minimum >= 0.)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(sync = calloc (1, sizeof (*sync))))
        return NULL;
    sync->h = h;
    sync->minimum = minimum;
    if (!(sync->f = flux_future_create (init_cb, sync))
        || flux_future_aux_set (sync->f, NULL, sync, sync_free) < 0) {
        flux_future_destroy (sync->f);
        free (sync);
        return NULL;
    }
    flux_future_set_flux (sync->f, h);
    return sync->f;
}
