/* Reactor (libev) and the work of one turn. */
#include <flux/reactor.h>

#include <ev.h>
#include <stdlib.h>
#include <time.h>

#include "core/reactor/reactor_impl.h"

/* One turn of libev: prepare watchers, sleep, then everything that became
 * ready by descending priority. Posted tasks run behind all of that from
 * `tail`; tasks before sleep run behind the other prepare watchers. */

void reactor_task_init (struct reactor_task *t, void (*run) (void *arg), void *arg)
{
    list_init (&t->node);
    t->run = run;
    t->arg = arg;
}

void reactor_task_cancel (struct reactor_task *t)
{
    list_remove (&t->node);
}

bool reactor_task_is_queued (const struct reactor_task *t)
{
    return !list_empty (&t->node);
}

static void run_tasks (struct list *tasks)
{
    struct list now;

    /* What these tasks post waits for the next round, so that a task that
     * posts itself cannot lock out the rest. */
    list_init (&now);
    if (list_empty (tasks))
        return;
    now = *tasks;
    now.next->prev = now.prev->next = &now;
    list_init (tasks);
    while (!list_empty (&now)) {
        struct reactor_task *t = list_first (&now, struct reactor_task, node);

        list_remove (&t->node);
        t->run (t->arg);
    }
}

static void tail_cb (struct ev_loop *loop, ev_check *w, int revents)
{
    flux_reactor_t *r = w->data;

    flux_reactor_incref (r);
    run_tasks (&r->posted);
    if (list_empty (&r->posted)) {
        ev_idle_stop (loop, &r->awake);
        ev_check_stop (loop, &r->tail);
    }
    flux_reactor_decref (r);
}

static void awake_cb (struct ev_loop *loop, ev_idle *w, int revents)
{
}

static void stay_awake (flux_reactor_t *r)
{
    if (!ev_is_active (&r->awake)) {
        ev_idle_start (r->loop, &r->awake);
        ev_check_start (r->loop, &r->tail);
    }
}

/* Tasks may bring about more of them. Those that never end have to let the
 * reactor look at its descriptors, without sleeping. */
static void before_sleep_cb (struct ev_loop *loop, ev_prepare *w, int revents)
{
    flux_reactor_t *r = w->data;

    flux_reactor_incref (r);
    for (int i = 0; i < 100 && !list_empty (&r->before_sleep); i++)
        run_tasks (&r->before_sleep);
    if (!list_empty (&r->before_sleep))
        stay_awake (r);
    flux_reactor_decref (r);
}

void reactor_post (flux_reactor_t *r, struct reactor_task *t)
{
    if (reactor_task_is_queued (t))
        return;
    list_append (&r->posted, &t->node);
    stay_awake (r);
}

void reactor_before_sleep (flux_reactor_t *r, struct reactor_task *t)
{
    if (!reactor_task_is_queued (t))
        list_append (&r->before_sleep, &t->node);
}

bool reactor_is_running (const flux_reactor_t *r)
{
    return r->depth > 0;
}

flux_reactor_t *flux_reactor_create (int flags)
{
    flux_reactor_t *r;

    if (flags != 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!(r = calloc (1, sizeof (*r))))
        return NULL;
    r->refs = 1;
    if (!(r->loop = ev_loop_new (EVBACKEND_EPOLL | EVFLAG_NOENV))) {
        free (r);
        errno = ENOMEM;
        return NULL;
    }
    list_init (&r->posted);
    list_init (&r->before_sleep);
    list_init (&r->left);
    ev_idle_init (&r->awake, awake_cb);
    ev_check_init (&r->tail, tail_cb);
    ev_set_priority (&r->tail, EV_MINPRI);
    r->tail.data = r;
    ev_prepare_init (&r->last, before_sleep_cb);
    ev_set_priority (&r->last, EV_MINPRI + 1);
    r->last.data = r;
    ev_prepare_start (r->loop, &r->last);
    ev_unref (r->loop);
    return r;
}

void flux_reactor_incref (flux_reactor_t *r)
{
    if (r)
        r->refs++;
}

void flux_reactor_decref (flux_reactor_t *r)
{
    int saved_errno = errno;

    if (!r || --r->refs > 0)
        return;
    while (list_pop (&r->posted) || list_pop (&r->before_sleep))
        ; /* their owners may still cancel them */
    reactor_drop_children (r);
    ev_loop_destroy (r->loop);
    free (r);
    errno = saved_errno;
}

void flux_reactor_destroy (flux_reactor_t *r)
{
    flux_reactor_decref (r);
}

int flux_reactor_run (flux_reactor_t *r, int flags)
{
    int ev_flags = 0;
    int count;
    bool outer;

    if (!r || (flags & ~(FLUX_REACTOR_NOWAIT | FLUX_REACTOR_ONCE))) {
        errno = EINVAL;
        return -1;
    }
    if ((flags & FLUX_REACTOR_NOWAIT))
        ev_flags |= EVRUN_NOWAIT;
    if ((flags & FLUX_REACTOR_ONCE))
        ev_flags |= EVRUN_ONCE;
    flux_reactor_incref (r);
    /* A reactor may be run by a callback of its own: each run has its own end. */
    outer = r->stopped_with_error;
    r->stopped_with_error = false;
    r->depth++;
    count = ev_run (r->loop, ev_flags);
    r->depth--;
    if (r->depth == 0)
        run_tasks (&r->before_sleep);
    if (r->stopped_with_error) {
        errno = r->stop_errno;
        count = -1;
    }
    r->stopped_with_error = r->depth > 0 && outer;
    flux_reactor_decref (r);
    return count;
}

void flux_reactor_stop (flux_reactor_t *r)
{
    r->stopped_with_error = false;
    ev_break (r->loop, EVBREAK_ONE);
}

void flux_reactor_stop_error (flux_reactor_t *r)
{
    r->stopped_with_error = true;
    r->stop_errno = errno;
    ev_break (r->loop, EVBREAK_ONE);
}

double flux_reactor_now (flux_reactor_t *r)
{
    return ev_now (r->loop);
}

void flux_reactor_now_update (flux_reactor_t *r)
{
    ev_now_update (r->loop);
}

double flux_reactor_time (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_REALTIME, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

void flux_reactor_active_incref (flux_reactor_t *r)
{
    if (r)
        ev_ref (r->loop);
}

void flux_reactor_active_decref (flux_reactor_t *r)
{
    if (r)
        ev_unref (r->loop);
}
