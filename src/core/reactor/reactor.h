/* What libflux-core knows of a reactor beyond <flux/reactor.h>. */
#ifndef CORE_REACTOR_H
#define CORE_REACTOR_H

#include "base/list.h"
#include <flux/reactor.h>

/* Work for later in this turn. Embedded by its owner, who calls
 * reactor_task_init once, and cancels before freeing it. */
struct reactor_task {
    struct list node;
    void (*run) (void *arg);
    void *arg;
};

void reactor_task_init (struct reactor_task *t, void (*run) (void *arg), void *arg);
void reactor_task_cancel (struct reactor_task *t);
bool reactor_task_is_queued (const struct reactor_task *t);

/* Run t after the callbacks of this turn (or at once on the next), before
 * the reactor sleeps. Keeps the reactor running until then. Nothing happens
 * if t is queued already. */
void reactor_post (flux_reactor_t *r, struct reactor_task *t);

/* Run t last before the reactor sleeps, after all prepare watchers. Does not
 * keep the reactor running. If the reactor stops first, the task is run when
 * it returns. */
void reactor_before_sleep (flux_reactor_t *r, struct reactor_task *t);

/* Takes a child watcher (or NULL) whose child nobody asks for any more: it reaps, and does
 * not keep the reactor running, nor there. Children that outlive their reactor are reaped
 * when another child gets a watcher. */
void reactor_leave_child (flux_watcher_t *w);
/* What has ended stays a zombie until the watcher is destroyed: as long, its pid is no
 * other's process group. */
void reactor_keep_child (flux_watcher_t *w);

/* True inside flux_reactor_run. */
bool reactor_is_running (const flux_reactor_t *r);

#endif
