/* The inside of a reactor and of a watcher: for reactor*.c and watcher*.c. */
#ifndef CORE_REACTOR_IMPL_H
#define CORE_REACTOR_IMPL_H

#include <ev.h>

#include "core/reactor/reactor.h"

struct flux_reactor {
    struct ev_loop *loop;
    int refs;
    int depth; /* of flux_reactor_run */
    bool stopped_with_error;
    int stop_errno;
    struct list posted;
    struct list before_sleep;
    struct list left; /* child watchers that are ours */
    ev_idle awake;    /* active while something is posted */
    ev_check tail;    /* likewise */
    ev_prepare last;
};

struct watcher_ops {
    void (*start) (flux_watcher_t *w);
    void (*stop) (flux_watcher_t *w);
    bool (*is_active) (flux_watcher_t *w);
    void (*set_priority) (flux_watcher_t *w, int priority); /* may be NULL */
    void (*fini) (flux_watcher_t *w); /* stopped already; may be NULL */
};

/* The first member of every kind of watcher. */
struct flux_watcher {
    flux_reactor_t *r;
    const struct watcher_ops *ops;
    flux_watcher_f cb;
    void *arg;
    flux_reschedule_f reschedule; /* of a periodic watcher */
    bool unreferenced;
    bool loop_unref; /* the loop's count is down by one for this watcher */
};

/* Allocates a watcher of size bytes that starts with struct flux_watcher.
 * NULL with EINVAL or ENOMEM. */
void *watcher_create (flux_reactor_t *r, size_t size, const struct watcher_ops *ops,
                      flux_watcher_f cb, void *arg);
/* To be called by a watcher that libev stopped by itself. */
void watcher_stopped (flux_watcher_t *w);

/* The reactor goes, its children that are left may not. */
void reactor_drop_children (flux_reactor_t *r);

int events_to_ev (int events);
int events_from_ev (int revents);

#endif
