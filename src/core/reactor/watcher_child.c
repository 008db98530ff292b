/* Child watcher: a pidfd instead of SIGCHLD, so that every thread can wait
 * for its own children. */
#include <flux/reactor.h>

#include <ev.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/reactor/reactor_impl.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct child_watcher {
    flux_watcher_t base;
    ev_io ev;
    pid_t pid;
    int status;
};

static const struct watcher_ops child_ops;

static void child_start (flux_watcher_t *w)
{
    struct child_watcher *cw = (struct child_watcher *)w;

    if (cw->ev.fd >= 0)
        ev_io_start (w->r->loop, &cw->ev);
}

static void child_stop (flux_watcher_t *w)
{
    ev_io_stop (w->r->loop, &((struct child_watcher *)w)->ev);
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

static void child_cb (struct ev_loop *loop, ev_io *ev, int revents)
{
    struct child_watcher *cw = ev->data;
    pid_t pid = waitpid (cw->pid, &cw->status, WNOHANG);

    if (pid == 0)
        return;
    flux_watcher_stop (&cw->base);
    /* With ECHILD someone else has reaped it; its status is lost. */
    if (cw->base.cb)
        cw->base.cb (cw->base.r, &cw->base, 0, cw->base.arg);
}

flux_watcher_t *flux_child_watcher_create (flux_reactor_t *r, pid_t pid, bool trace,
                                           flux_watcher_f cb, void *arg)
{
    struct child_watcher *w;
    int fd;

    /* A pidfd becomes ready at the end of the child only. */
    if (pid <= 0 || trace) {
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
    return &w->base;
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
