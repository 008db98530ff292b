/* Watchers: what they share, and those that libev has itself. */
#include <flux/reactor.h>

#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/reactor/reactor_impl.h"

void *watcher_create (flux_reactor_t *r, size_t size, const struct watcher_ops *ops,
                      flux_watcher_f cb, void *arg)
{
    flux_watcher_t *w;

    if (!r) {
        errno = EINVAL;
        return NULL;
    }
    if (!(w = calloc (1, size)))
        return NULL;
    w->r = r;
    w->ops = ops;
    w->cb = cb;
    w->arg = arg;
    flux_reactor_incref (r);
    return w;
}

/* Let the loop's count of what keeps it running follow the watcher. */
static void settle_ref (flux_watcher_t *w)
{
    bool want = w->unreferenced && w->ops->is_active (w);

    if (want && !w->loop_unref)
        ev_unref (w->r->loop);
    else if (!want && w->loop_unref)
        ev_ref (w->r->loop);
    w->loop_unref = want;
}

void watcher_stopped (flux_watcher_t *w)
{
    settle_ref (w);
}

void flux_watcher_start (flux_watcher_t *w)
{
    if (w && !w->ops->is_active (w)) {
        w->ops->start (w);
        settle_ref (w);
    }
}

void flux_watcher_stop (flux_watcher_t *w)
{
    if (!w)
        return;
    if (w->loop_unref) {
        ev_ref (w->r->loop);
        w->loop_unref = false;
    }
    w->ops->stop (w);
}

void flux_watcher_ref (flux_watcher_t *w)
{
    if (w) {
        w->unreferenced = false;
        settle_ref (w);
    }
}

void flux_watcher_unref (flux_watcher_t *w)
{
    if (w) {
        w->unreferenced = true;
        settle_ref (w);
    }
}

bool flux_watcher_is_active (flux_watcher_t *w)
{
    return w && w->ops->is_active (w);
}

bool flux_watcher_is_referenced (flux_watcher_t *w)
{
    return w && !w->unreferenced;
}

void flux_watcher_destroy (flux_watcher_t *w)
{
    int saved_errno = errno;

    if (!w)
        return;
    flux_watcher_stop (w);
    if (w->ops->fini)
        w->ops->fini (w);
    flux_reactor_decref (w->r);
    free (w);
    errno = saved_errno;
}

int events_to_ev (int events)
{
    return ((events & FLUX_POLLIN) ? EV_READ : 0)
           | ((events & FLUX_POLLOUT) ? EV_WRITE : 0);
}

int events_from_ev (int revents)
{
    return ((revents & EV_READ) ? FLUX_POLLIN : 0)
           | ((revents & EV_WRITE) ? FLUX_POLLOUT : 0)
           | ((revents & EV_ERROR) ? FLUX_POLLERR : 0);
}

/* A watcher around one of libev's: its functions differ only by type. */
#define WATCHER_KIND(kind, fini_cb)                                                    \
    struct kind##_watcher {                                                            \
        flux_watcher_t base;                                                           \
        ev_##kind ev;                                                                  \
    };                                                                                 \
    static void kind##_start (flux_watcher_t *w)                                       \
    {                                                                                  \
        ev_##kind##_start (w->r->loop, &((struct kind##_watcher *)w)->ev);             \
    }                                                                                  \
    static void kind##_stop (flux_watcher_t *w)                                        \
    {                                                                                  \
        ev_##kind##_stop (w->r->loop, &((struct kind##_watcher *)w)->ev);              \
    }                                                                                  \
    static bool kind##_is_active (flux_watcher_t *w)                                   \
    {                                                                                  \
        return ev_is_active (&((struct kind##_watcher *)w)->ev);                       \
    }                                                                                  \
    static void kind##_set_priority (flux_watcher_t *w, int priority)                  \
    {                                                                                  \
        ev_set_priority (&((struct kind##_watcher *)w)->ev, priority);                 \
    }                                                                                  \
    static void kind##_cb (struct ev_loop *loop, ev_##kind *ev, int revents)           \
    {                                                                                  \
        flux_watcher_t *w = ev->data;                                                  \
                                                                                       \
        watcher_stopped (w);                                                           \
        if (w->cb)                                                                     \
            w->cb (w->r, w, events_from_ev (revents), w->arg);                         \
    }                                                                                  \
    static const struct watcher_ops kind##_ops = {                                     \
        .start = kind##_start,                                                         \
        .stop = kind##_stop,                                                           \
        .is_active = kind##_is_active,                                                 \
        .set_priority = kind##_set_priority,                                           \
        .fini = fini_cb,                                                               \
    };                                                                                 \
    static struct kind##_watcher *kind##_watcher_new (flux_reactor_t *r,               \
                                                      flux_watcher_f cb, void *arg)    \
    {                                                                                  \
        struct kind##_watcher *w =                                                     \
            watcher_create (r, sizeof (*w), &kind##_ops, cb, arg);                     \
                                                                                       \
        if (w) {                                                                       \
            ev_init (&w->ev, kind##_cb);                                               \
            w->ev.data = w;                                                            \
        }                                                                              \
        return w;                                                                      \
    }

WATCHER_KIND (io, NULL)
WATCHER_KIND (timer, NULL)
WATCHER_KIND (periodic, NULL)
WATCHER_KIND (prepare, NULL)
WATCHER_KIND (check, NULL)
WATCHER_KIND (idle, NULL)
WATCHER_KIND (signal, NULL)
static void stat_fini (flux_watcher_t *w);
WATCHER_KIND (stat, stat_fini)

flux_watcher_t *flux_fd_watcher_create (flux_reactor_t *r, int fd, int events,
                                        flux_watcher_f cb, void *arg)
{
    struct io_watcher *w;

    if (fd < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!(w = io_watcher_new (r, cb, arg)))
        return NULL;
    ev_io_set (&w->ev, fd, events_to_ev (events));
    return &w->base;
}

int flux_fd_watcher_get_fd (flux_watcher_t *w)
{
    if (!w || w->ops != &io_ops) {
        errno = EINVAL;
        return -1;
    }
    return ((struct io_watcher *)w)->ev.fd;
}

flux_watcher_t *flux_timer_watcher_create (flux_reactor_t *r, double after,
                                           double repeat, flux_watcher_f cb, void *arg)
{
    struct timer_watcher *w;

    if (after < 0 || repeat < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!(w = timer_watcher_new (r, cb, arg)))
        return NULL;
    ev_timer_set (&w->ev, after, repeat);
    return &w->base;
}

void flux_timer_watcher_reset (flux_watcher_t *w, double after, double repeat)
{
    struct timer_watcher *tw = (struct timer_watcher *)w;

    if (!w || w->ops != &timer_ops)
        return;
    if (flux_watcher_is_active (w)) {
        flux_watcher_stop (w);
        ev_timer_set (&tw->ev, after, repeat);
        flux_watcher_start (w);
    } else
        ev_timer_set (&tw->ev, after, repeat);
}

void flux_timer_watcher_again (flux_watcher_t *w)
{
    if (w && w->ops == &timer_ops) {
        ev_timer_again (w->r->loop, &((struct timer_watcher *)w)->ev);
        settle_ref (w);
    }
}

flux_watcher_t *flux_prepare_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                             void *arg)
{
    struct prepare_watcher *w = prepare_watcher_new (r, cb, arg);
    return w ? &w->base : NULL;
}

flux_watcher_t *flux_check_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                           void *arg)
{
    struct check_watcher *w = check_watcher_new (r, cb, arg);
    return w ? &w->base : NULL;
}

flux_watcher_t *flux_idle_watcher_create (flux_reactor_t *r, flux_watcher_f cb,
                                          void *arg)
{
    struct idle_watcher *w = idle_watcher_new (r, cb, arg);
    return w ? &w->base : NULL;
}

static double reschedule (ev_periodic *ev, double now)
{
    flux_watcher_t *w = ev->data;
    double next = w->reschedule (w, now, w->arg);

    return next > now ? next : now; /* libev insists */
}

flux_watcher_t *flux_periodic_watcher_create (flux_reactor_t *r, double offset,
                                              double interval,
                                              flux_reschedule_f reschedule_cb,
                                              flux_watcher_f cb, void *arg)
{
    struct periodic_watcher *w;

    if (offset < 0 || interval < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!(w = periodic_watcher_new (r, cb, arg)))
        return NULL;
    w->base.reschedule = reschedule_cb;
    ev_periodic_set (&w->ev, offset, interval, reschedule_cb ? reschedule : NULL);
    return &w->base;
}

void flux_periodic_watcher_reset (flux_watcher_t *w, double next_wakeup,
                                  double interval, flux_reschedule_f reschedule_cb)
{
    struct periodic_watcher *pw = (struct periodic_watcher *)w;

    if (!w || w->ops != &periodic_ops)
        return;
    w->reschedule = reschedule_cb;
    ev_periodic_set (&pw->ev, next_wakeup, interval, reschedule_cb ? reschedule : NULL);
    ev_periodic_again (w->r->loop, &pw->ev);
    settle_ref (w);
}

double flux_watcher_next_wakeup (flux_watcher_t *w)
{
    if (w && w->ops == &periodic_ops)
        return ev_periodic_at (&((struct periodic_watcher *)w)->ev);
    if (w && w->ops == &timer_ops)
        return ev_now (w->r->loop)
               + ev_timer_remaining (w->r->loop, &((struct timer_watcher *)w)->ev);
    errno = EINVAL;
    return -1;
}

flux_watcher_t *flux_signal_watcher_create (flux_reactor_t *r, int signum,
                                            flux_watcher_f cb, void *arg)
{
    struct signal_watcher *w;

    if (signum <= 0 || signum >= NSIG) {
        errno = EINVAL;
        return NULL;
    }
    if (!(w = signal_watcher_new (r, cb, arg)))
        return NULL;
    ev_signal_set (&w->ev, signum);
    return &w->base;
}

int flux_signal_watcher_get_signum (flux_watcher_t *w)
{
    if (!w || w->ops != &signal_ops) {
        errno = EINVAL;
        return -1;
    }
    return ((struct signal_watcher *)w)->ev.signum;
}

static void stat_fini (flux_watcher_t *w)
{
    free ((char *)((struct stat_watcher *)w)->ev.path);
}

flux_watcher_t *flux_stat_watcher_create (flux_reactor_t *r, const char *path,
                                          double interval, flux_watcher_f cb, void *arg)
{
    struct stat_watcher *w;
    char *cpy;

    if (!path || interval < 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!(cpy = strdup (path)))
        return NULL;
    if (!(w = stat_watcher_new (r, cb, arg))) {
        free (cpy);
        return NULL;
    }
    ev_stat_set (&w->ev, cpy, interval);
    return &w->base;
}

int flux_stat_watcher_get_rstat (flux_watcher_t *w, struct stat *st, struct stat *prev)
{
    struct stat_watcher *sw = (struct stat_watcher *)w;

    if (!w || w->ops != &stat_ops) {
        errno = EINVAL;
        return -1;
    }
    if (st)
        *st = sw->ev.attr;
    if (prev)
        *prev = sw->ev.prev;
    return 0;
}

/* libev calls watchers of higher priority first; it takes -2 to 2, and only
 * before the watcher starts. */
void flux_watcher_set_priority (flux_watcher_t *w, int priority)
{
    bool active;

    if (!w || !w->ops->set_priority)
        return;
    if (priority > EV_MAXPRI)
        priority = EV_MAXPRI;
    if (priority < EV_MINPRI)
        priority = EV_MINPRI;
    if ((active = flux_watcher_is_active (w)))
        flux_watcher_stop (w);
    w->ops->set_priority (w, priority);
    if (active)
        flux_watcher_start (w);
}
