#include "service.h"

#include "core/handle/take.h"
#include "core/message/message.h"

#include <stdlib.h>

struct relay {
    struct kvs *kvs;
    const flux_msg_t *msg;
    kvs_relay_f then;
};

static void relay_destroy (void *arg)
{
    struct relay *r = arg;

    flux_msg_decref (r->msg);
    free (r);
}

static void relayed (flux_future_t *f, void *arg)
{
    struct relay *r = arg;

    r->then (r->kvs, r->msg, f);
    flux_future_destroy (f);
}

/* The same request with the same credentials. */
static flux_msg_t *copy_request (const flux_msg_t *msg)
{
    struct flux_msg_cred cred;
    const char *topic;
    flux_msg_t *cpy;

    if (flux_request_decode (msg, &topic, NULL) < 0
        || flux_msg_get_cred (msg, &cred) < 0
        || !(cpy = flux_request_encode_raw (topic, NULL, 0)))
        return NULL;
    msg_share_payload (cpy, msg);
    if (flux_msg_set_cred (cpy, cred) < 0) {
        flux_msg_destroy (cpy);
        return NULL;
    }
    return cpy;
}

int kvs_relay (struct kvs *kvs, const flux_msg_t *msg, kvs_relay_f then)
{
    flux_msg_t *cpy = NULL;
    flux_future_t *f = NULL;
    struct relay *r;

    if (!(r = calloc (1, sizeof (*r))))
        return -1;
    *r = (struct relay){ kvs, flux_msg_incref (msg), then };
    if (!(cpy = copy_request (msg)) || !(f = flux_rpc_message (kvs->h, cpy, 0, 0))
        || flux_future_aux_set (f, "relay", r, relay_destroy) < 0) {
        flux_msg_destroy (cpy);
        flux_future_destroy (f);
        relay_destroy (r);
        return -1;
    }
    flux_msg_destroy (cpy);
    if (flux_future_then (f, -1., relayed, r) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

void kvs_relay_answer (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f)
{
    const void *answer;

    if (flux_future_get (f, &answer) < 0)
        kvs_respond_text (kvs, msg, errno,
                          flux_future_has_error (f) ? flux_future_error_string (f)
                                                    : NULL);
    else if (respond_share (kvs->h, msg, answer) < 0)
        flux_log_error (kvs->h, "error responding to kvs request");
}
