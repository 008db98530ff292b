/* Child watcher: a pidfd instead of SIGCHLD, so that every thread can wait
 * for its own children. */
#include <flux/reactor.h>

#include <ev.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/reactor/child_stops.h"
#include "core/reactor/reactor_impl.h"

/* Most processes end before anybody could stop them; to look for it costs as much as a
 * good part of starting one. */
#define LOOK_FOR_STOPS_AFTER 0.01 /* s */

struct child_watcher {
    flux_watcher_t base;
    ev_io ev;
    pid_t pid;
    int status;
    bool keep;                 /* a zombie */
    bool ended;                /* it is one */
    struct child_stops *stops; /* if it traces */
    ev_async stopped;
    ev_timer young;
    struct list node; /* in the reactor's left, or in orphans */
};

/* Those whose reactor is no more, of all threads. */
static struct list orphans = { &orphans, &orphans };
static pthread_mutex_t orphans_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct watcher_ops child_ops;

static void child_start (flux_watcher_t *w)
{
    struct child_watcher *cw = (struct child_watcher *)w;

    if (cw->ev.fd < 0)
        return;
    ev_io_start (w->r->loop, &cw->ev);
    if (cw->stops) {
        ev_async_start (w->r->loop, &cw->stopped);
        ev_unref (w->r->loop); /* one watcher counts once */
        ev_timer_set (&cw->young, LOOK_FOR_STOPS_AFTER, 0.);
        ev_timer_start (w->r->loop, &cw->young);
        ev_unref (w->r->loop);
    }
}

static void grown_cb (struct ev_loop *loop, ev_timer *ev, int revents)
{
    struct child_watcher *cw = ev->data;

    ev_ref (loop); /* it has stopped by itself */
    child_stops_start (cw->stops);
}

static void child_stop (flux_watcher_t *w)
{
    struct child_watcher *cw = (struct child_watcher *)w;

    ev_io_stop (w->r->loop, &cw->ev);
    /* it may have stopped by itself, and be about to be called */
    if (ev_is_active (&cw->young) || ev_is_pending (&cw->young)) {
        ev_ref (w->r->loop);
        ev_timer_stop (w->r->loop, &cw->young);
    }
    if (ev_is_active (&cw->stopped)) {
        child_stops_stop (cw->stops);
        ev_ref (w->r->loop);
        ev_async_stop (w->r->loop, &cw->stopped);
    }
}

static bool child_is_active (flux_watcher_t *w)
{
    return ev_is_active (&((struct child_watcher *)w)->ev);
}

static void child_set_priority (flux_watcher_t *w, int priority)
{
    ev_set_priority (&((struct child_watcher *)w)->ev, priority);
}

static void child_fini (flux_watcher_t *w)
{
    struct child_watcher *cw = (struct child_watcher *)w;

    child_stops_destroy (cw->stops);
    list_remove (&cw->node);
    if (cw->ended)
        waitpid (cw->pid, NULL, WNOHANG);
    if (cw->ev.fd >= 0)
        close (cw->ev.fd);
}

static const struct watcher_ops child_ops = {
    .start = child_start,
    .stop = child_stop,
    .is_active = child_is_active,
    .set_priority = child_set_priority,
    .fini = child_fini,
};

/* False: it has not ended. */
static bool look (struct child_watcher *cw)
{
    siginfo_t si = { 0 };

    if (waitid (P_PID, cw->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
        return true;
    if (si.si_pid == 0)
        return false;
    cw->ended = true;
    cw->status = si.si_code == CLD_EXITED   ? (si.si_status & 0xff) << 8
                 : si.si_code == CLD_DUMPED ? si.si_status | 0x80
                                            : si.si_status;
    return true;
}

static void child_cb (struct ev_loop *loop, ev_io *ev, int revents)
{
    struct child_watcher *cw = ev->data;

    if (cw->keep ? !look (cw) : waitpid (cw->pid, &cw->status, WNOHANG) == 0)
        return;
    flux_watcher_stop (&cw->base);
    /* With ECHILD someone else has reaped it; its status is lost. */
    if (cw->base.cb)
        cw->base.cb (cw->base.r, &cw->base, 0, cw->base.arg);
}

static void stopped_cb (struct ev_loop *loop, ev_async *ev, int revents)
{
    struct child_watcher *cw = ev->data;

    if (child_stops_get (cw->stops, &cw->status) && cw->base.cb)
        cw->base.cb (cw->base.r, &cw->base, 0, cw->base.arg);
}

static int trace_stops (struct child_watcher *w)
{
    ev_async_init (&w->stopped, stopped_cb);
    ev_timer_init (&w->young, grown_cb, LOOK_FOR_STOPS_AFTER, 0.);
    w->stopped.data = w->young.data = w;
    w->stops = child_stops_create (w->pid, w->base.r->loop, &w->stopped);
    return w->stops ? 0 : -1;
}

static void reap_orphans (void)
{
    pthread_mutex_lock (&orphans_lock);
    list_foreach (&orphans, it) {
        struct child_watcher *cw = container_of (it, struct child_watcher, node);

        if (waitpid (cw->pid, NULL, WNOHANG) != 0) {
            child_fini (&cw->base);
            free (cw);
        }
    }
    pthread_mutex_unlock (&orphans_lock);
}

flux_watcher_t *flux_child_watcher_create (flux_reactor_t *r, pid_t pid, bool trace,
                                           flux_watcher_f cb, void *arg)
{
    struct child_watcher *w;
    int fd;

    reap_orphans ();
    if (pid <= 0) {
        errno = EINVAL;
        return NULL;
    }
    if ((fd = syscall (SYS_pidfd_open, pid, 0)) < 0)
        return NULL;
    if (!(w = watcher_create (r, sizeof (*w), &child_ops, cb, arg))) {
        close (fd);
        return NULL;
    }
    ev_io_init (&w->ev, child_cb, fd, EV_READ);
    w->ev.data = w;
    w->pid = pid;
    list_init (&w->node);
    if (trace && trace_stops (w) < 0) {
        flux_watcher_destroy (&w->base);
        return NULL;
    }
    return &w->base;
}

void reactor_keep_child (flux_watcher_t *w)
{
    ((struct child_watcher *)w)->keep = true;
}

static void reaped_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_reactor_incref (r);
    flux_watcher_destroy (w);
}

void reactor_leave_child (flux_watcher_t *w)
{
    struct child_watcher *cw = (struct child_watcher *)w;

    if (!w || !child_is_active (w)) {
        flux_watcher_destroy (w);
        return;
    }
    flux_watcher_stop (w);
    child_stops_destroy (cw->stops);
    cw->stops = NULL;
    cw->keep = false;
    w->cb = reaped_cb;
    flux_watcher_unref (w);
    flux_watcher_start (w);
    list_append (&w->r->left, &cw->node);
    flux_reactor_decref (w->r);
}

void reactor_drop_children (flux_reactor_t *r)
{
    list_foreach (&r->left, it) {
        struct child_watcher *cw = container_of (it, struct child_watcher, node);

        flux_watcher_stop (&cw->base);
        list_remove (&cw->node);
        pthread_mutex_lock (&orphans_lock);
        list_append (&orphans, &cw->node);
        pthread_mutex_unlock (&orphans_lock);
    }
    reap_orphans ();
}

int flux_child_watcher_get_rpid (flux_watcher_t *w)
{
    if (!w || w->ops != &child_ops) {
        errno = EINVAL;
        return -1;
    }
    return ((struct child_watcher *)w)->pid;
}

int flux_child_watcher_get_rstatus (flux_watcher_t *w)
{
    if (!w || w->ops != &child_ops) {
        errno = EINVAL;
        return -1;
    }
    return ((struct child_watcher *)w)->status;
}
