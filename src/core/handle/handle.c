/* Handles: sending and receiving, whatever stands behind. */
#include <flux/handle.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/handle/handle_impl.h"
#include "core/message/message.h"

/* A sender waits while more than this is unsent. */
#define UNSENT_MAX (4 * 1024 * 1024)
/* Within a reactor turn, start writing at this. */
#define UNSENT_FLUSH (64 * 1024)
/* How long a close waits for a peer that does not read. */
#define CLOSE_TIMEOUT 5.0

static double monotonic (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void flush_task (void *arg)
{
    handle_flush (arg);
}

flux_t *flux_handle_create (void *impl, const struct flux_handle_ops *ops, int flags)
{
    flux_t *h;

    if (!ops || !(ops->send || ops->send_new)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(h = calloc (1, sizeof (*h))) || !(h->tags = matchtags_create ())) {
        free (h);
        return NULL;
    }
    h->refs = 1;
    h->root = h;
    h->ops = ops;
    h->impl = impl;
    h->flags = flags;
    reactor_task_init (&h->flush, flush_task, h);
    return h;
}

void *flux_handle_impl (flux_t *h)
{
    return h->root->impl;
}

flux_t *flux_clone (flux_t *orig)
{
    flux_t *h;

    if (!orig) {
        errno = EINVAL;
        return NULL;
    }
    if (!(h = calloc (1, sizeof (*h))))
        return NULL;
    h->refs = 1;
    h->root = flux_incref (orig->root);
    h->flags = orig->flags | FLUX_O_CLONE;
    return h;
}

flux_t *handle_clone (flux_t *orig, flux_reactor_t *r)
{
    flux_t *h = flux_clone (orig);

    if (h && flux_set_reactor (h, r) < 0) {
        flux_close (h);
        return NULL;
    }
    return h;
}

flux_t *flux_incref (flux_t *h)
{
    if (h)
        h->refs++;
    return h;
}

static int wait_flush (flux_t *h, size_t bound, double deadline);

void flux_handle_destroy (flux_t *h)
{
    flux_decref (h);
}

void flux_decref (flux_t *h)
{
    int saved_errno = errno;

    if (!h || --h->refs > 0)
        return;
    h->refs = 1; /* what the destructors below do with the handle */
    aux_destroy (&h->aux);
    dispatch_destroy (h->dispatch);
    if (h->root == h) {
        reactor_task_cancel (&h->flush);
        wait_flush (h, 0, monotonic () + CLOSE_TIMEOUT);
        if (h->ops->destroy)
            h->ops->destroy (h->impl);
        msgqueue_fini (&h->queue);
        matchtags_destroy (h->tags);
    } else
        flux_decref (h->root);
    flux_reactor_decref (h->reactor);
    free (h);
    errno = saved_errno;
}

void flux_close (flux_t *h)
{
    flux_decref (h);
}

void flux_comms_error_set (flux_t *h, flux_comms_error_f fun, void *arg)
{
    if (h) {
        h->root->comms_error = fun;
        h->root->comms_error_arg = arg;
    }
}

static flux_msg_t *lost_response (uint32_t matchtag)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_RESPONSE);

    if (msg) {
        flux_msg_set_matchtag (msg, matchtag);
        flux_msg_set_errnum (msg, ECONNRESET);
    }
    return msg;
}

/* Responses go to who asked, and that is the connection before: who waits is told, behind
 * what had come. */
static int fail_pending (flux_t *h)
{
    uint32_t tag = FLUX_MATCHTAG_NONE;

    while ((tag = matchtags_next_bound (h->tags, tag)) != FLUX_MATCHTAG_NONE) {
        flux_msg_t *msg = lost_response (tag);

        if (!msg || msgqueue_push (&h->queue, msg) < 0) {
            flux_msg_decref (msg);
            return -1;
        }
    }
    return 0;
}

int flux_reconnect (flux_t *h)
{
    if (!h) {
        errno = EINVAL;
        return -1;
    }
    h = h->root;
    if (!h->ops->reconnect) {
        errno = ENOSYS;
        return -1;
    }
    if (h->ops->reconnect (h->impl) < 0)
        return -1;
    h->connection++;
    return h->flags & FLUX_O_RPCTRACK ? fail_pending (h) : 0;
}

/* The connection failed with errno. 0 if the owner mended it. */
static int comms_error (flux_t *h)
{
    int saved_errno = errno;
    int rc = -1;

    if (h->comms_error && !h->in_comms_error) {
        h->in_comms_error = true;
        rc = h->comms_error (h, h->comms_error_arg);
        h->in_comms_error = false;
    }
    errno = saved_errno;
    return rc;
}

void *flux_aux_get (flux_t *h, const char *name)
{
    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    return aux_get (h->root->aux, name);
}

int flux_aux_set (flux_t *h, const char *name, void *aux, flux_free_f destroy)
{
    if (!h) {
        errno = EINVAL;
        return -1;
    }
    return aux_set (&h->root->aux, name, aux, destroy);
}

void flux_flags_set (flux_t *h, int flags)
{
    h->flags |= flags & ~FLUX_O_RPCTRACK;
}

void flux_flags_unset (flux_t *h, int flags)
{
    h->flags &= ~(flags & ~FLUX_O_RPCTRACK);
}

int flux_flags_get (flux_t *h)
{
    return h->flags;
}

int flux_opt_get (flux_t *h, const char *option, void *val, size_t len)
{
    if (!h || !option || !val || !h->root->ops->getopt) {
        errno = EINVAL;
        return -1;
    }
    return h->root->ops->getopt (h->root->impl, option, val, len);
}

int flux_opt_set (flux_t *h, const char *option, const void *val, size_t len)
{
    if (!h || !option || !h->root->ops->setopt) {
        errno = EINVAL;
        return -1;
    }
    return h->root->ops->setopt (h->root->impl, option, val, len);
}

flux_reactor_t *flux_get_reactor (flux_t *h)
{
    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    if (!h->reactor)
        h->reactor = flux_reactor_create (0);
    return h->reactor;
}

int flux_set_reactor (flux_t *h, flux_reactor_t *r)
{
    if (!h || !r) {
        errno = EINVAL;
        return -1;
    }
    if (h->reactor) {
        errno = EEXIST;
        return -1;
    }
    flux_reactor_incref (r);
    h->reactor = r;
    return 0;
}

uint32_t flux_matchtag_alloc (flux_t *h)
{
    if (!h) {
        errno = EINVAL;
        return FLUX_MATCHTAG_NONE;
    }
    return matchtags_alloc (h->root->tags);
}

void flux_matchtag_free (flux_t *h, uint32_t matchtag)
{
    if (h)
        matchtags_free (h->root->tags, matchtag);
}

uint32_t flux_matchtag_avail (flux_t *h)
{
    return h ? matchtags_avail (h->root->tags) : 0;
}

static void count (const flux_msg_t *msg, flux_msgcounters_t *c, bool tx)
{
    int type = 0;

    flux_msg_get_type (msg, &type);
    switch (type) {
    case FLUX_MSGTYPE_REQUEST:
        (*(tx ? &c->request_tx : &c->request_rx))++;
        break;
    case FLUX_MSGTYPE_RESPONSE:
        (*(tx ? &c->response_tx : &c->response_rx))++;
        break;
    case FLUX_MSGTYPE_EVENT:
        (*(tx ? &c->event_tx : &c->event_rx))++;
        break;
    case FLUX_MSGTYPE_CONTROL:
        (*(tx ? &c->control_tx : &c->control_rx))++;
        break;
    }
}

void flux_get_msgcounters (flux_t *h, flux_msgcounters_t *mcs)
{
    *mcs = h->root->counters;
}

void flux_clr_msgcounters (flux_t *h)
{
    memset (&h->root->counters, 0, sizeof (h->root->counters));
}

static void trace (flux_t *h, const flux_msg_t *msg)
{
    if ((h->flags & FLUX_O_TRACE))
        flux_msg_fprint_ts (stderr, msg, flux_reactor_time ());
}

static size_t unsent (flux_t *h)
{
    return h->ops->unsent ? h->ops->unsent (h->impl) : 0;
}

size_t flux_handle_unsent (flux_t *h)
{
    return h ? unsent (h->root) : 0;
}

int flux_handle_flush (flux_t *h)
{
    if (!h) {
        errno = EINVAL;
        return -1;
    }
    return handle_flush (h);
}

int flux_handle_pollwant (flux_t *h)
{
    if (!h) {
        errno = EINVAL;
        return -1;
    }
    return handle_pollwant (h);
}

int handle_flush (flux_t *h)
{
    h = h->root;
    return h->ops->flush ? h->ops->flush (h->impl) : 0;
}

double handle_patience (flux_t *h)
{
    double patience = h ? h->root->patience : 0.;

    return patience > 0. ? patience : patience < 0. ? 0. : -1.;
}

/* One limit is enough for all that is not answered. */
void handle_lose_patience (flux_t *h)
{
    if (h && h->root->patience > 0.)
        h->root->patience = -1.;
}

int handle_pollwant (flux_t *h)
{
    h = h->root;
    return h->ops->pollwant ? h->ops->pollwant (h->impl) : FLUX_POLLIN;
}

/* Wait until the connection may do something again. 0 also when it was only
 * interrupted; -1 with ETIMEDOUT. */
static int wait_ready (flux_t *h, double deadline)
{
    int want = handle_pollwant (h);
    struct pollfd pfd = { .fd = h->ops->pollfd ? h->ops->pollfd (h->impl) : -1 };
    int timeout = -1;

    pfd.events =
        (want & FLUX_POLLIN ? POLLIN : 0) | (want & FLUX_POLLOUT ? POLLOUT : 0);
    if (pfd.fd < 0) {
        errno = EDEADLK; /* nothing could ever come */
        return -1;
    }
    if (deadline >= 0) {
        double left = deadline - monotonic ();
        timeout = left > 0 ? (int)(left * 1000) + 1 : 0;
    }
    switch (poll (&pfd, 1, timeout)) {
    case 0:
        errno = ETIMEDOUT;
        return -1;
    case -1:
        return errno == EINTR ? 0 : -1;
    }
    return 0;
}

int handle_pump (flux_t *h)
{
    flux_msg_t *msg;

    h = h->root;
    if (!h->ops->recv) {
        errno = EAGAIN;
        return -1;
    }
    if (!(msg = h->ops->recv (h->impl)))
        return -1;
    count (msg, &h->counters, false);
    trace (h, msg);
    if (msgqueue_push (&h->queue, msg) < 0) {
        flux_msg_decref (msg);
        return -1;
    }
    return 0;
}

/* Write until no more than bound bytes are left. What arrives meanwhile is
 * queued: the peer may be waiting for us to read before it reads itself. */
static int wait_flush (flux_t *h, size_t bound, double deadline)
{
    while (handle_flush (h) < 0) {
        if (errno != EAGAIN)
            return -1;
        if (unsent (h) <= bound)
            return 0;
        while (handle_pump (h) == 0)
            ;
        if (errno != EAGAIN || wait_ready (h, deadline) < 0)
            return -1;
    }
    return 0;
}

static int after_send (flux_t *user, flux_t *h, int flags)
{
    size_t len = unsent (h);

    if (len == 0)
        return 0;
    if (len > UNSENT_MAX && !(flags & FLUX_O_NONBLOCK))
        return wait_flush (h, UNSENT_MAX / 2, -1);
    /* A clone comes and goes with its reactor: it does not put off. */
    if (len < UNSENT_FLUSH && user == h && h->reactor
        && reactor_is_running (h->reactor)) {
        reactor_before_sleep (h->reactor, &h->flush);
        return 0;
    }
    if (handle_flush (h) < 0 && errno != EAGAIN)
        return -1;
    return 0;
}

/* Of one message; that of the handle is added. */
#define MSG_FLAGS (FLUX_O_TRACE | FLUX_O_NONBLOCK)

int flux_send_new (flux_t *user, flux_msg_t **msg, int flags)
{
    flux_t *h;
    int rc;

    if (!user || !msg || !*msg || (flags & ~MSG_FLAGS) || msg_is_shared (*msg)) {
        errno = EINVAL;
        return -1;
    }
    h = user->root;
    flags |= user->flags;
    trace (user, *msg);
    count (*msg, &h->counters, true);
    do {
        if (h->ops->send_new)
            rc = h->ops->send_new (h->impl, msg, flags);
        else if ((rc = h->ops->send (h->impl, *msg, flags)) == 0) {
            flux_msg_decref (*msg);
            *msg = NULL;
        }
    } while (rc < 0 && errno == ECONNRESET && comms_error (h) == 0);
    return rc < 0 ? -1 : after_send (user, h, flags);
}

int flux_send (flux_t *user, const flux_msg_t *msg, int flags)
{
    flux_msg_t *cpy;
    flux_t *h;
    int rc;

    if (!user || !msg || (flags & ~MSG_FLAGS)) {
        errno = EINVAL;
        return -1;
    }
    h = user->root;
    if (!h->ops->send) {
        if (!(cpy = flux_msg_copy (msg, true)))
            return -1;
        rc = flux_send_new (user, &cpy, flags);
        flux_msg_decref (cpy);
        return rc;
    }
    flags |= user->flags;
    trace (user, msg);
    count (msg, &h->counters, true);
    do {
        rc = h->ops->send (h->impl, msg, flags);
    } while (rc < 0 && errno == ECONNRESET && comms_error (h) == 0);
    return rc < 0 ? -1 : after_send (user, h, flags);
}

int flux_handle_push (flux_t *h, flux_msg_t **msg)
{
    h = h->root;
    count (*msg, &h->counters, false);
    trace (h, *msg);
    if (msgqueue_push (&h->queue, *msg) < 0)
        return -1;
    *msg = NULL;
    return 0;
}

int flux_requeue (flux_t *h, const flux_msg_t *msg, int flags)
{
    int rc;

    if (!h || !msg || (flags != FLUX_RQ_HEAD && flags != FLUX_RQ_TAIL)
        || (h->flags & FLUX_O_NOREQUEUE)) {
        errno = EINVAL;
        return -1;
    }
    h = h->root;
    flux_msg_incref (msg);
    if (flags == FLUX_RQ_HEAD)
        rc = msgqueue_push_head (&h->queue, (flux_msg_t *)msg);
    else
        rc = msgqueue_push (&h->queue, (flux_msg_t *)msg);
    if (rc < 0)
        flux_msg_decref (msg);
    return rc;
}

flux_msg_t *handle_recv_next (flux_t *h)
{
    h = h->root;
    while (msgqueue_empty (&h->queue))
        if (handle_pump (h) < 0 && (errno == EAGAIN || comms_error (h) < 0))
            return NULL;
    return msgqueue_pop (&h->queue);
}

/* A response to an RPC that was given up: who only ever waits for one response after the
 * other would keep it for ever. One that is for somebody behind this handle has routes. */
static bool nobody_waits (flux_t *h, const flux_msg_t *msg)
{
    uint32_t tag;
    int type;

    return flux_msg_get_type (msg, &type) == 0 && type == FLUX_MSGTYPE_RESPONSE
           && flux_msg_get_matchtag (msg, &tag) == 0 && tag != FLUX_MATCHTAG_NONE
           && flux_msg_route_count (msg) <= 0 && !matchtags_used (h->tags, tag);
}

/* Look through the queue from *pos on, then through what can be read now. */
static flux_msg_t *find_match (flux_t *h, struct flux_match match, size_t *pos)
{
    flux_msg_t *msg;

    for (;;) {
        while ((msg = msgqueue_at (&h->queue, *pos))) {
            if (flux_msg_cmp (msg, match))
                return msgqueue_take (&h->queue, *pos);
            if (nobody_waits (h, msg))
                flux_msg_decref (msgqueue_take (&h->queue, *pos));
            else
                (*pos)++;
        }
        if (handle_pump (h) < 0 && (errno == EAGAIN || comms_error (h) < 0))
            return NULL;
    }
}

flux_msg_t *handle_recv_match (flux_t *h, struct flux_match match, double deadline)
{
    flux_msg_t *msg;
    size_t pos = 0;

    h = h->root;
    if (deadline >= 0)
        deadline += monotonic ();
    for (;;) {
        if ((msg = find_match (h, match, &pos)) || errno != EAGAIN)
            return msg;
        if (handle_flush (h) < 0 && errno != EAGAIN)
            return NULL;
        /* This also arms pollfd; something may have come before it did. */
        if (h->ops->pollevents && (h->ops->pollevents (h->impl) & FLUX_POLLIN))
            continue;
        if (wait_ready (h, deadline) < 0)
            return NULL;
    }
}

flux_msg_t *flux_recv (flux_t *h, struct flux_match match, int flags)
{
    size_t pos = 0;

    if (!h || (flags & ~MSG_FLAGS)) {
        errno = EINVAL;
        return NULL;
    }
    if (((flags | h->flags) & FLUX_O_NONBLOCK))
        return find_match (h->root, match, &pos);
    return handle_recv_match (h, match, -1);
}

flux_msg_t *flux_recv_within (flux_t *h, struct flux_match match, double seconds)
{
    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    return handle_recv_match (h, match, seconds);
}

int flux_pollfd (flux_t *h)
{
    if (!h || !h->root->ops->pollfd) {
        errno = EINVAL;
        return -1;
    }
    return h->root->ops->pollfd (h->root->impl);
}

int handle_pollevents (flux_t *h)
{
    h = h->root;
    if (!msgqueue_empty (&h->queue))
        return FLUX_POLLIN | FLUX_POLLOUT;
    return h->ops->pollevents ? h->ops->pollevents (h->impl) : FLUX_POLLOUT;
}

int flux_pollevents (flux_t *h)
{
    int saved_errno = errno, events = 0;

    if (!h) {
        errno = EINVAL;
        return -1;
    }
    /* What the descriptor has may be half a message. A connection may save itself one
     * read, not two. */
    for (int i = 0; i < 2 && msgqueue_empty (&h->root->queue); i++)
        if (handle_pump (h) < 0 && errno != EAGAIN)
            events = FLUX_POLLIN | FLUX_POLLERR;
    errno = saved_errno;
    return events | handle_pollevents (h);
}
