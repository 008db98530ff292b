/* Handle watcher: calls back once per reactor turn while the handle has
 * something to receive.
 *
 * Messages may lie in the handle's own queue, where no descriptor tells of
 * them. So handle_pollevents is asked before the reactor sleeps (which arms the
 * descriptor), and if there is something, the reactor does not sleep. */
#include <flux/handle.h>

#include <ev.h>
#include <stdlib.h>

#include "core/handle/handle_impl.h"
#include "core/reactor/reactor_impl.h"

struct handle_watcher {
    flux_watcher_t base;
    flux_t *h;
    int events;
    bool active;
    bool fired; /* the descriptor is ready */
    unsigned int connection;
    ev_prepare prepare;
    ev_check check;
    ev_idle awake;
    ev_io io;
};

static void hw_start (flux_watcher_t *w)
{
    struct handle_watcher *hw = (struct handle_watcher *)w;

    hw->active = true;
    ev_prepare_start (w->r->loop, &hw->prepare);
    ev_check_start (w->r->loop, &hw->check);
    ev_unref (w->r->loop);
    if (hw->io.fd >= 0) {
        ev_io_start (w->r->loop, &hw->io);
        ev_unref (w->r->loop);
    }
}

static void hw_stop (flux_watcher_t *w)
{
    struct handle_watcher *hw = (struct handle_watcher *)w;

    if (!hw->active)
        return;
    hw->active = hw->fired = false;
    ev_ref (w->r->loop);
    if (hw->io.fd >= 0) {
        ev_ref (w->r->loop);
        ev_io_stop (w->r->loop, &hw->io);
    }
    ev_prepare_stop (w->r->loop, &hw->prepare);
    ev_check_stop (w->r->loop, &hw->check);
    ev_idle_stop (w->r->loop, &hw->awake);
}

static bool hw_is_active (flux_watcher_t *w)
{
    return ((struct handle_watcher *)w)->active;
}

static const struct watcher_ops handle_watcher_ops;

static void hw_set_priority (flux_watcher_t *w, int priority)
{
    ev_set_priority (&((struct handle_watcher *)w)->check, priority);
}

static const struct watcher_ops handle_watcher_ops = {
    .start = hw_start,
    .stop = hw_stop,
    .is_active = hw_is_active,
    .set_priority = hw_set_priority,
};

/* The descriptor is only waited for being writable while something is left
 * to write. After flux_reconnect it is another one. */
static void follow_want (struct handle_watcher *hw, struct ev_loop *loop)
{
    int want = events_to_ev (handle_pollwant (hw->h));
    flux_t *root = hw->h->root;
    bool same = hw->connection == root->connection;

    if (hw->io.fd < 0 || (same && (hw->io.events & (EV_READ | EV_WRITE)) == want))
        return;
    hw->connection = root->connection;
    ev_ref (loop);
    ev_io_stop (loop, &hw->io);
    ev_io_set (&hw->io, same ? hw->io.fd : root->ops->pollfd (root->impl), want);
    ev_io_start (loop, &hw->io);
    ev_unref (loop);
}

static void prepare_cb (struct ev_loop *loop, ev_prepare *ev, int revents)
{
    struct handle_watcher *hw = ev->data;

    follow_want (hw, loop);
    if ((handle_pollevents (hw->h) & (hw->events | FLUX_POLLERR)))
        ev_idle_start (loop, &hw->awake);
}

static void awake_cb (struct ev_loop *loop, ev_idle *ev, int revents)
{
}

static void io_cb (struct ev_loop *loop, ev_io *ev, int revents)
{
    struct handle_watcher *hw = ev->data;

    hw->fired = true;
    if ((revents & EV_WRITE))
        handle_flush (hw->h);
}

static void check_cb (struct ev_loop *loop, ev_check *ev, int revents)
{
    struct handle_watcher *hw = ev->data;
    bool ready = hw->fired || ev_is_active (&hw->awake);
    int events = 0;

    if (!ready)
        return;
    ev_idle_stop (loop, &hw->awake);
    /* What made the descriptor ready may be half a message. */
    if (hw->fired && handle_pump (hw->h) < 0 && errno != EAGAIN)
        events = FLUX_POLLIN | FLUX_POLLERR;
    hw->fired = false;
    events |= handle_pollevents (hw->h);
    events &= hw->events | FLUX_POLLERR;
    if (events && hw->base.cb)
        hw->base.cb (hw->base.r, &hw->base, events, hw->base.arg);
}

flux_watcher_t *flux_handle_watcher_create (flux_reactor_t *r, flux_t *h, int events,
                                            flux_watcher_f cb, void *arg)
{
    struct handle_watcher *hw;
    flux_t *root;

    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    root = h->root;
    if (!(hw = watcher_create (r, sizeof (*hw), &handle_watcher_ops, cb, arg)))
        return NULL;
    hw->h = h;
    hw->connection = root->connection;
    hw->events = events & (FLUX_POLLIN | FLUX_POLLOUT);
    ev_prepare_init (&hw->prepare, prepare_cb);
    ev_check_init (&hw->check, check_cb);
    ev_idle_init (&hw->awake, awake_cb);
    ev_io_init (&hw->io, io_cb, root->ops->pollfd ? root->ops->pollfd (root->impl) : -1,
                EV_READ);
    /* Ask behind all other prepare watchers and behind the flush; look at
     * descriptors before handles. */
    ev_set_priority (&hw->prepare, EV_MINPRI);
    ev_set_priority (&hw->io, 1);
    hw->prepare.data = hw->check.data = hw->awake.data = hw->io.data = hw;
    return &hw->base;
}

flux_t *flux_handle_watcher_get_flux (flux_watcher_t *w)
{
    if (!w || w->ops != &handle_watcher_ops) {
        errno = EINVAL;
        return NULL;
    }
    return ((struct handle_watcher *)w)->h;
}
