/* Futures: fulfilment, continuation, waiting. */
#include "core/future/future_impl.h"

#include <flux/attr.h>

#include <stdlib.h>
#include <string.h>

#include "core/handle/handle_impl.h"

static void run_continuation (void *arg);

flux_future_t *flux_future_create (flux_future_init_f cb, void *arg)
{
    flux_future_t *f = calloc (1, sizeof (*f));

    if (!f)
        return NULL;
    f->refs = 1;
    f->init = cb;
    f->init_arg = arg;
    f->queue_tail = &f->queue;
    f->then.timeout = -1;
    reactor_task_init (&f->then.task, run_continuation, f);
    return f;
}

/* For who cannot even be told what is wrong. */
static struct result out_of_memory = { .errnum = ENOMEM };

/* Without memory for a text there is that of errnum. */
static struct result *result_create (void *value, flux_free_f free_fn, int errnum,
                                     const char *errstr)
{
    struct result *res = calloc (1, sizeof (*res));

    if (!res)
        return NULL;
    if (errstr)
        res->errstr = strdup (errstr);
    res->refs = 1;
    res->value = value;
    res->free_fn = free_fn;
    res->errnum = errnum;
    return res;
}

static void result_unref (struct result *res)
{
    if (!res || res == &out_of_memory || --res->refs > 0)
        return;
    if (res->value && res->free_fn)
        res->free_fn (res->value);
    result_unref (res->origin);
    free (res->errstr);
    free (res);
}

void flux_future_incref (flux_future_t *f)
{
    if (f)
        f->refs++;
}

void flux_future_decref (flux_future_t *f)
{
    int saved_errno = errno;
    struct result *res;

    if (!f || --f->refs > 0)
        return;
    f->refs = 1; /* callbacks below may take and drop references */
    reactor_task_cancel (&f->then.task);
    flux_watcher_destroy (f->then.timer);
    future_fini_chain (f);
    future_fini_composite (f);
    aux_destroy (&f->aux);
    result_unref (f->current);
    while ((res = f->queue)) {
        f->queue = res->next;
        result_unref (res);
    }
    result_unref (f->fatal);
    flux_future_decref (f->source);
    flux_close (f->now.h);
    flux_reactor_decref (f->now.reactor);
    free (f);
    errno = saved_errno;
}

void flux_future_destroy (flux_future_t *f)
{
    flux_future_decref (f);
}

void *flux_future_aux_get (flux_future_t *f, const char *name)
{
    void *p;

    if (!f) {
        errno = EINVAL;
        return NULL;
    }
    if (!(p = aux_get (f->aux, name)) && f->source)
        p = flux_future_aux_get (f->source, name);
    return p;
}

int flux_future_aux_set (flux_future_t *f, const char *name, void *aux,
                         flux_free_f destroy)
{
    if (!f) {
        errno = EINVAL;
        return -1;
    }
    return aux_set (&f->aux, name, aux, destroy);
}

void flux_future_set_reactor (flux_future_t *f, flux_reactor_t *r)
{
    if (f)
        f->reactor = r;
}

void flux_future_set_flux (flux_future_t *f, flux_t *h)
{
    if (f)
        f->h = h;
}

static flux_reactor_t *then_reactor (flux_future_t *f)
{
    if (f->reactor)
        return f->reactor;
    if (f->h)
        return flux_get_reactor (f->h);
    errno = EINVAL;
    return NULL;
}

flux_reactor_t *flux_future_get_reactor (flux_future_t *f)
{
    if (!f) {
        errno = EINVAL;
        return NULL;
    }
    return f->now.running ? f->now.reactor : then_reactor (f);
}

flux_t *flux_future_get_flux (flux_future_t *f)
{
    if (!f || !f->h) {
        errno = EINVAL;
        return NULL;
    }
    if (!f->now.running)
        return f->h;
    if (!f->now.h)
        f->now.h = handle_clone (f->h, f->now.reactor);
    return f->now.h;
}

bool flux_future_is_ready (flux_future_t *f)
{
    return f && (f->current || f->fatal);
}

/* What get, has_error and error_string speak of. */
static struct result *shown (flux_future_t *f)
{
    return f->fatal ? f->fatal : f->current;
}

bool flux_future_has_error (flux_future_t *f)
{
    return f && shown (f) && shown (f)->errnum != 0;
}

const char *flux_future_error_string (flux_future_t *f)
{
    struct result *res;

    if (!f || !(res = shown (f)) || res->errnum == 0)
        return NULL;
    return res->errstr ? res->errstr : flux_strerror (res->errnum);
}

int flux_future_get (flux_future_t *f, const void **result)
{
    struct result *res;

    if (!f) {
        errno = EINVAL;
        return -1;
    }
    if (!shown (f) && flux_future_wait_for (f, -1.0) < 0)
        return -1;
    res = shown (f);
    if (res->errnum != 0) {
        errno = res->errnum;
        return -1;
    }
    if (result)
        *result = res->value;
    return 0;
}

/* Something became ready: wake up whoever waits. */
static void notify (flux_future_t *f)
{
    flux_reactor_t *r;

    if (f->now.running)
        flux_reactor_stop (f->now.reactor);
    if (f->then.cb && (r = then_reactor (f))) {
        flux_watcher_stop (f->then.timer);
        reactor_post (r, &f->then.task);
    }
}

static void add_result (flux_future_t *f, struct result *res)
{
    res->next = NULL;
    if (f->current) {
        *f->queue_tail = res;
        f->queue_tail = &res->next;
        return;
    }
    f->current = res;
    notify (f);
}

void flux_future_fatal_error (flux_future_t *f, int errnum, const char *errstr)
{
    if (!f || f->fatal)
        return;
    if (!(f->fatal = result_create (NULL, NULL, errnum ? errnum : EINVAL, errstr)))
        f->fatal = &out_of_memory;
    notify (f);
}

void flux_future_fulfill (flux_future_t *f, void *result, flux_free_f free_fn)
{
    struct result *res;

    if (!f)
        return;
    if (!(res = result_create (result, free_fn, 0, NULL))) {
        if (result && free_fn)
            free_fn (result);
        flux_future_fatal_error (f, ENOMEM, NULL);
        return;
    }
    add_result (f, res);
}

void flux_future_fulfill_error (flux_future_t *f, int errnum, const char *errstr)
{
    struct result *res;

    if (!f)
        return;
    if (!(res = result_create (NULL, NULL, errnum ? errnum : EINVAL, errstr))) {
        flux_future_fatal_error (f, ENOMEM, NULL);
        return;
    }
    add_result (f, res);
}

/* The same result for another future. */
static struct result *result_share (struct result *res)
{
    struct result *cpy = result_create (res->value, NULL, res->errnum, res->errstr);

    if (cpy) {
        cpy->origin = res;
        res->refs++;
    }
    return cpy;
}

int flux_future_fulfill_with (flux_future_t *f, flux_future_t *p)
{
    struct result *res;

    if (!f || !p || f == p) {
        errno = EINVAL;
        return -1;
    }
    if (!flux_future_is_ready (p)) {
        errno = EAGAIN;
        return -1;
    }
    if (f->source && f->source != p) {
        errno = EEXIST;
        return -1;
    }
    if (!f->source) {
        flux_future_incref (p);
        f->source = p;
    }
    if (p->fatal) {
        flux_future_fatal_error (f, p->fatal->errnum, p->fatal->errstr);
        return 0;
    }
    if (!(res = result_share (p->current)))
        return -1;
    add_result (f, res);
    return 0;
}

static void timeout_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_future_fulfill_error (arg, ETIMEDOUT, NULL);
}

static int start_timer (flux_future_t *f, flux_reactor_t *r)
{
    if (f->then.timeout < 0)
        return 0;
    if (!f->then.timer)
        f->then.timer =
            flux_timer_watcher_create (r, f->then.timeout, 0, timeout_cb, f);
    if (!f->then.timer)
        return -1;
    flux_reactor_now_update (r);
    flux_timer_watcher_reset (f->then.timer, f->then.timeout, 0);
    flux_watcher_start (f->then.timer);
    return 0;
}

/* Results that queued up behind the current one take its place. */
void flux_future_reset (flux_future_t *f)
{
    flux_reactor_t *r;

    if (!f)
        return;
    result_unref (f->current);
    f->current = NULL;
    reactor_task_cancel (&f->then.task);
    if (f->queue) {
        f->current = f->queue;
        if (!(f->queue = f->current->next))
            f->queue_tail = &f->queue;
        f->current->next = NULL;
        notify (f);
    } else if (f->then.cb && (r = then_reactor (f)) && !f->fatal)
        start_timer (f, r);
}

static void run_continuation (void *arg)
{
    flux_future_t *f = arg;

    if (!f->then.cb || !flux_future_is_ready (f))
        return;
    flux_future_incref (f);
    f->then.cb (f, f->then.arg);
    flux_future_decref (f);
}

int flux_future_then (flux_future_t *f, double timeout, flux_continuation_f cb,
                      void *arg)
{
    flux_reactor_t *r;

    if (!f || !cb || f->then.cb) {
        errno = EINVAL;
        return -1;
    }
    if (!(r = then_reactor (f)))
        return -1;
    f->then.cb = cb;
    f->then.arg = arg;
    f->then.timeout = timeout;
    if (flux_future_is_ready (f)) {
        reactor_post (r, &f->then.task);
        return 0;
    }
    if (start_timer (f, r) < 0) {
        f->then.cb = NULL;
        return -1;
    }
    if (f->init && !f->then.initialized) {
        bool running = f->now.running;

        f->then.initialized = true;
        f->now.running = false;
        f->init (f, f->init_arg);
        f->now.running = running;
    }
    return 0;
}

static void stop_then (flux_future_t *f)
{
    reactor_task_cancel (&f->then.task);
    flux_watcher_destroy (f->then.timer);
    f->then.timer = NULL;
    f->then.cb = NULL;
}

void future_forget (flux_future_t *f, flux_continuation_f cb, void *arg)
{
    if (f->then.cb == cb && f->then.arg == arg)
        stop_then (f);
}

void future_set_context (flux_future_t *f, flux_reactor_t *r, flux_t *h)
{
    if (f->reactor == r && (f->h == h || !h))
        return;
    stop_then (f);
    f->then.initialized = false;
    f->reactor = r;
    if (h)
        f->h = h;
}

static void stop_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_reactor_stop (r);
}

/* Run the reactor of the `now` context until f is ready or time is up. */
static int run_now (flux_future_t *f, double timeout)
{
    flux_watcher_t *timer = NULL;
    int saved_errno;
    int rc = 0;

    if (!f->now.reactor && !(f->now.reactor = flux_reactor_create (0)))
        return -1;
    if (timeout >= 0) {
        flux_reactor_now_update (f->now.reactor);
        timer = flux_timer_watcher_create (f->now.reactor, timeout, 0, stop_cb, NULL);
        if (!timer)
            return -1;
        flux_watcher_start (timer);
    }
    f->now.running = true;
    if (!f->now.initialized) {
        f->now.initialized = true;
        if (f->init)
            f->init (f, f->init_arg);
    }
    if (f->h)
        handle_flush (f->h);
    if (!flux_future_is_ready (f)) {
        rc = flux_reactor_run (f->now.reactor, 0);
        if (!flux_future_is_ready (f) && rc >= 0) {
            errno = timer && !flux_watcher_is_active (timer) ? ETIMEDOUT : EDEADLK;
            rc = -1;
        }
    }
    saved_errno = errno;
    f->now.running = false;
    if (f->now.h)
        flux_dispatch_requeue (f->now.h);
    flux_watcher_destroy (timer);
    errno = saved_errno;
    return flux_future_is_ready (f) ? 0 : -1;
}

int flux_future_wait_for (flux_future_t *f, double timeout)
{
    int rc;

    if (!f) {
        errno = EINVAL;
        return -1;
    }
    if (flux_future_is_ready (f))
        return 0;
    bool patient = timeout < 0.;

    if (patient)
        timeout = handle_patience (f->h);
    if (timeout == 0.) {
        errno = ETIMEDOUT;
        return -1;
    }
    flux_future_incref (f);
    rc = f->wait ? f->wait (f, timeout) : run_now (f, timeout);
    if (rc < 0 && errno == ETIMEDOUT && patient)
        handle_lose_patience (f->h);
    flux_future_decref (f);
    return rc;
}
