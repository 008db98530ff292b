#include "service.h"

#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 1024

/* Who listens to the state of the store (rank 0), and what it is. */
struct kvs_health {
    struct kvs *kvs;
    struct flux_msglist *listeners;
    int errnum;
    char *text;
    flux_msg_handler_t **handlers;
};

static void tell (struct kvs_health *hl, const flux_msg_t *msg)
{
    if (flux_respond_pack (hl->kvs->h, msg, "{s:i s:s}", "errnum", hl->errnum, "text",
                           hl->text ? hl->text : "")
        < 0)
        flux_log_error (hl->kvs->h, "error responding to kvs.health");
}

void kvs_health_set (struct kvs_health *hl, int errnum, const char *text)
{
    const flux_msg_t *msg;

    if (errnum == hl->errnum)
        return;
    free (hl->text);
    hl->text = errnum ? strdup (text ? text : strerror (errnum)) : NULL;
    hl->errnum = errnum;
    for (msg = flux_msglist_first (hl->listeners); msg;
         msg = flux_msglist_next (hl->listeners))
        tell (hl, msg);
}

static void health_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct kvs_health *hl = arg;

    errno = EPROTO;
    if (!flux_msg_is_streaming (msg))
        goto error;
    errno = EAGAIN;
    if (flux_msglist_count (hl->listeners) >= LISTENERS_MAX
        || flux_msglist_append (hl->listeners, msg) < 0)
        goto error;
    tell (hl, msg);
    return;
error:
    kvs_respond_error (hl->kvs, msg, errno);
}

static void cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct kvs_health *hl = arg;
    const flux_msg_t *l = flux_msglist_first (hl->listeners);

    while (l && !flux_cancel_match (msg, l))
        l = flux_msglist_next (hl->listeners);
    if (l) {
        kvs_respond_error (hl->kvs, l, ENODATA);
        flux_msglist_delete (hl->listeners);
    }
}

void kvs_health_disconnect (struct kvs_health *hl, const flux_msg_t *msg)
{
    flux_msglist_disconnect (hl->listeners, msg);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "kvs.health", health_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.health-cancel", cancel_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

struct kvs_health *kvs_health_create (struct kvs *kvs)
{
    struct kvs_health *hl;

    if (!(hl = calloc (1, sizeof (*hl))))
        return NULL;
    hl->kvs = kvs;
    if (!(hl->listeners = flux_msglist_create ())
        || flux_msg_handler_addvec (kvs->h, handlers, hl, &hl->handlers) < 0) {
        kvs_health_destroy (hl);
        return NULL;
    }
    return hl;
}

void kvs_health_destroy (struct kvs_health *hl)
{
    const flux_msg_t *msg;

    if (!hl)
        return;
    flux_msg_handler_delvec (hl->handlers);
    while (hl->listeners && (msg = flux_msglist_pop (hl->listeners))) {
        kvs_respond_text (hl->kvs, msg, ENOSYS, KVS_ENDED);
        flux_msg_decref (msg);
    }
    flux_msglist_destroy (hl->listeners);
    free (hl->text);
    free (hl);
}
