/* Remote procedure calls (RFC 6). */
#include <flux/attr.h>
#include <flux/rpc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/future/future_impl.h"
#include "core/handle/handle_impl.h"
#include "core/handle/take.h"
#include "core/message/message.h"

struct rpc {
    flux_future_t *f;
    flux_t *h; /* that it was made with; borrowed like in the future */
    uint32_t nodeid;
    uint32_t matchtag;
    bool pending;    /* a response may still come */
    flux_t *held[2]; /* handles whose reactors read for us */
};

static void release (struct rpc *rpc)
{
    for (int i = 0; i < 2; i++) {
        if (rpc->held[i]) {
            flux_t *h = rpc->held[i];

            rpc->held[i] = NULL;
            dispatch_release (h);
            if (h->root != h)
                flux_decref (h);
        }
    }
}

/* The last response has come, or nobody wants it any more. */
static void finish (struct rpc *rpc)
{
    if (rpc->pending) {
        rpc->pending = false;
        flux_matchtag_free (rpc->h, rpc->matchtag);
        release (rpc);
    }
}

/* Its tag is free from now on, though a response may still come. */
static void tell_leak (const struct rpc *rpc)
{
    if (rpc->pending && (rpc->h->flags & FLUX_O_MATCHDEBUG))
        fprintf (stderr, "flux: matchtag %u: destroyed before its last response\n",
                 rpc->matchtag);
}

static void rpc_destroy (void *arg)
{
    struct rpc *rpc = arg;

    tell_leak (rpc);
    finish (rpc);
    free (rpc);
}

static void response_cb (const flux_msg_t *msg, void *arg)
{
    struct rpc *rpc = arg;
    flux_future_t *f = rpc->f;
    const char *errstr = NULL;
    int errnum = 0;

    if (!msg) { /* the handle is closed */
        rpc->pending = false;
        rpc->held[0] = rpc->held[1] = NULL;
        return;
    }
    flux_msg_get_errnum (msg, &errnum);
    if (errnum != 0 || !flux_msg_is_streaming (msg))
        finish (rpc);
    if (errnum != 0) {
        if (flux_msg_get_string (msg, &errstr) < 0)
            errstr = NULL;
        flux_future_fulfill_error (f, errnum, errstr);
    } else
        flux_future_fulfill (f, (void *)flux_msg_incref (msg),
                             (flux_free_f)flux_msg_decref);
}

/* Called once for each context: have its reactor read the handle. */
static void init_cb (flux_future_t *f, void *arg)
{
    struct rpc *rpc = arg;
    flux_t *h = flux_future_get_flux (f);

    if (!rpc->pending)
        return;
    /* A composite that moved to another context leaves the old one. */
    if (rpc->held[0] && rpc->held[1])
        release (rpc);
    if (dispatch_hold (h) < 0) {
        flux_future_fulfill_error (f, errno, NULL);
        return;
    }
    rpc->held[rpc->held[0] ? 1 : 0] = h;
    /* A clone may go before us. The handle itself may not: a future that
     * somebody forgot must not keep a connection open. */
    if (h->root != h)
        flux_incref (h);
}

/* Waiting for one response needs no reactor. */
static int wait_response (flux_future_t *f, double timeout)
{
    struct rpc *rpc = f->init_arg;
    struct flux_match match = FLUX_MATCH_RESPONSE;
    flux_msg_t *msg;

    if (!rpc->pending) {
        errno = EDEADLK; /* all responses have been consumed */
        return -1;
    }
    match.matchtag = rpc->matchtag;
    if (!(msg = handle_recv_match (rpc->h, match, timeout)))
        return -1;
    response_cb (msg, rpc);
    flux_msg_decref (msg);
    return 0;
}

/* Takes msg. */
static flux_future_t *rpc_send (flux_t *h, flux_msg_t *msg, uint32_t nodeid, int flags)
{
    flux_future_t *f = NULL;
    struct rpc *rpc;
    uint32_t target = nodeid;

    if (!(rpc = calloc (1, sizeof (*rpc))))
        goto error;
    if (!(f = flux_future_create (init_cb, rpc))
        || flux_future_aux_set (f, "flux::rpc", rpc, rpc_destroy) < 0) {
        free (rpc);
        goto error;
    }
    rpc->f = f;
    rpc->h = h;
    rpc->nodeid = nodeid;
    flux_future_set_flux (f, h);
    if (nodeid == FLUX_NODEID_UPSTREAM) {
        if (flux_get_rank (h, &target) < 0
            || flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM) < 0)
            goto error;
    }
    if (flux_msg_set_nodeid (msg, target) < 0)
        goto error;
    if ((flags & FLUX_RPC_NORESPONSE)) {
        if (flux_msg_set_noresponse (msg) < 0)
            goto error;
    } else {
        if (!(rpc->matchtag = flux_matchtag_alloc (h))
            || flux_msg_set_matchtag (msg, rpc->matchtag) < 0)
            goto error;
        rpc->pending = true;
        f->wait = wait_response;
        matchtags_bind (h->root->tags, rpc->matchtag, response_cb, rpc);
        if ((flags & FLUX_RPC_STREAMING) && flux_msg_set_streaming (msg) < 0)
            goto error;
    }
    if (flux_send_new (h, &msg, 0) < 0)
        goto error;
    if ((flags & FLUX_RPC_NORESPONSE))
        flux_future_fulfill (f, NULL, NULL);
    return f;
error:
    flux_msg_decref (msg);
    flux_future_destroy (f);
    return NULL;
}

static bool flags_are_valid (flux_t *h, int flags)
{
    int both = FLUX_RPC_NORESPONSE | FLUX_RPC_STREAMING;

    if (!h || (flags & ~both) || flags == both) {
        errno = EINVAL;
        return false;
    }
    return true;
}

flux_future_t *flux_rpc (flux_t *h, const char *topic, const char *s, uint32_t nodeid,
                         int flags)
{
    flux_msg_t *msg;

    if (!flags_are_valid (h, flags) || !(msg = flux_request_encode (topic, s)))
        return NULL;
    return rpc_send (h, msg, nodeid, flags);
}

flux_future_t *flux_rpc_raw (flux_t *h, const char *topic, const void *data, size_t len,
                             uint32_t nodeid, int flags)
{
    flux_msg_t *msg;

    if (!flags_are_valid (h, flags)
        || !(msg = flux_request_encode_raw (topic, data, len)))
        return NULL;
    return rpc_send (h, msg, nodeid, flags);
}

flux_future_t *rpc_take (flux_t *h, const char *topic, struct buf *b, uint32_t nodeid,
                         int flags)
{
    struct payload *p;
    flux_future_t *f;
    flux_msg_t *msg;

    if (!flags_are_valid (h, flags)
        || !(msg = flux_request_encode_raw (topic, NULL, 0)))
        return NULL;
    if (msg_take_payload (msg, b) < 0) {
        flux_msg_destroy (msg);
        return NULL;
    }
    p = payload_ref (msg_payload (msg));
    if ((f = rpc_send (h, msg, nodeid, flags)))
        buf_fini (b);
    else
        payload_give_back (p, b);
    payload_unref (p);
    return f;
}

flux_future_t *rpc_share (flux_t *h, const char *topic, const flux_msg_t *src,
                          uint32_t nodeid, int flags)
{
    flux_msg_t *msg;

    if (!flags_are_valid (h, flags)
        || !(msg = flux_request_encode_raw (topic, NULL, 0)))
        return NULL;
    msg_share_payload (msg, src);
    return rpc_send (h, msg, nodeid, flags);
}

flux_future_t *flux_rpc_message (flux_t *h, const flux_msg_t *msg, uint32_t nodeid,
                                 int flags)
{
    flux_msg_t *cpy;

    if (!flags_are_valid (h, flags) || !(cpy = flux_msg_copy (msg, true)))
        return NULL;
    return rpc_send (h, cpy, nodeid, flags);
}

flux_future_t *flux_rpc_vpack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                               const char *fmt, va_list ap)
{
    flux_msg_t *msg;

    if (!flags_are_valid (h, flags) || !(msg = flux_request_encode (topic, NULL)))
        return NULL;
    if (flux_msg_vpack (msg, fmt, ap) < 0) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return rpc_send (h, msg, nodeid, flags);
}

flux_future_t *flux_rpc_pack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                              const char *fmt, ...)
{
    flux_future_t *f;
    va_list ap;

    va_start (ap, fmt);
    f = flux_rpc_vpack (h, topic, nodeid, flags, fmt, ap);
    va_end (ap);
    return f;
}

static const flux_msg_t *get_response (flux_future_t *f)
{
    const void *msg;

    if (flux_future_get (f, &msg) < 0)
        return NULL;
    if (!msg)
        errno = EPROTO;
    return msg;
}

int flux_rpc_get (flux_future_t *f, const char **s)
{
    const flux_msg_t *msg;
    const void *result;

    if (!s) /* also for an RPC without a response */
        return flux_future_get (f, &result);
    if (!(msg = get_response (f)))
        return -1;
    return flux_msg_get_string (msg, s);
}

int flux_rpc_get_raw (flux_future_t *f, const void **data, size_t *len)
{
    const flux_msg_t *msg = get_response (f);

    if (!msg)
        return -1;
    return flux_response_decode_raw (msg, NULL, data, len);
}

int flux_rpc_get_unpack (flux_future_t *f, const char *fmt, ...)
{
    const flux_msg_t *msg = get_response (f);
    va_list ap;
    int rc;

    if (!msg)
        return -1;
    va_start (ap, fmt);
    rc = flux_msg_vunpack (msg, fmt, ap);
    va_end (ap);
    return rc;
}

uint32_t flux_rpc_get_matchtag (flux_future_t *f)
{
    struct rpc *rpc = flux_future_aux_get (f, "flux::rpc");

    return rpc ? rpc->matchtag : FLUX_MATCHTAG_NONE;
}

uint32_t flux_rpc_get_nodeid (flux_future_t *f)
{
    struct rpc *rpc = flux_future_aux_get (f, "flux::rpc");

    return rpc ? rpc->nodeid : FLUX_NODEID_ANY;
}
