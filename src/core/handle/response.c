/* Responses: encode, decode, and answering a request. */
#include <flux/rpc.h>

#include <string.h>

#include "core/handle/take.h"
#include "core/message/message.h"
#include "core/message/message_impl.h"

flux_msg_t *flux_response_encode_raw (const char *topic, const void *data, size_t len)
{
    flux_msg_t *msg;

    if (!topic) {
        errno = EINVAL;
        return NULL;
    }
    if (!(msg = flux_msg_create (FLUX_MSGTYPE_RESPONSE)))
        return NULL;
    flux_msg_route_enable (msg);
    if (flux_msg_set_topic (msg, topic) < 0
        || (data && flux_msg_set_payload (msg, data, len) < 0)) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return msg;
}

flux_msg_t *flux_response_encode (const char *topic, const char *s)
{
    return flux_response_encode_raw (topic, s, s ? strlen (s) + 1 : 0);
}

flux_msg_t *flux_response_encode_error (const char *topic, int errnum,
                                        const char *errstr)
{
    flux_msg_t *msg;

    if (errnum == 0) {
        errno = EINVAL;
        return NULL;
    }
    if ((msg = flux_response_encode (topic, errstr)))
        flux_msg_set_errnum (msg, errnum);
    return msg;
}

static int decode (const flux_msg_t *msg, const char **topic)
{
    const char *ts;
    int errnum;

    if (flux_msg_get_errnum (msg, &errnum) < 0 || flux_msg_get_topic (msg, &ts) < 0)
        return -1;
    if (topic)
        *topic = ts;
    if (errnum != 0) {
        errno = errnum;
        return -1;
    }
    return 0;
}

int flux_response_decode (const flux_msg_t *msg, const char **topic, const char **s)
{
    if (decode (msg, topic) < 0)
        return -1;
    return s ? flux_msg_get_string (msg, s) : 0;
}

int flux_response_decode_raw (const flux_msg_t *msg, const char **topic,
                              const void **data, size_t *len)
{
    if (!data || !len) {
        errno = EINVAL;
        return -1;
    }
    return decode (msg, topic) < 0 ? -1 : msg_raw (msg, data, len);
}

int flux_response_decode_error (const flux_msg_t *msg, const char **errstr)
{
    const char *s;
    int errnum;

    if (!errstr) {
        errno = EINVAL;
        return -1;
    }
    if (flux_msg_get_errnum (msg, &errnum) < 0)
        return -1;
    if (errnum == 0) {
        errno = EINVAL;
        return -1;
    }
    if (flux_msg_get_string (msg, &s) < 0)
        return -1;
    if (!s) {
        errno = ENOENT;
        return -1;
    }
    *errstr = s;
    return 0;
}

/* The response has the topic, matchtag, routes and streaming flag of its
 * request; its credentials are set where it enters a broker. */
flux_msg_t *flux_response_derive (const flux_msg_t *request, int errnum)
{
    uint32_t matchtag;
    flux_msg_t *msg;

    if (flux_msg_get_matchtag (request, &matchtag) < 0)
        return NULL;
    if (!(msg = flux_msg_copy (request, false)))
        return NULL;
    flux_msg_set_type (msg, FLUX_MSGTYPE_RESPONSE);
    msg->flags &= FLUX_MSGFLAG_TOPIC | FLUX_MSGFLAG_ROUTE | FLUX_MSGFLAG_STREAMING;
    msg->userid = FLUX_USERID_UNKNOWN;
    msg->rolemask = FLUX_ROLE_NONE;
    msg->aux1 = errnum;
    msg->aux2 = matchtag;
    return msg;
}

/* 1, 0; or -1 with EINVAL. errno stays that of whoever responds first and looks at it
 * afterwards. */
static int wants_response (flux_t *h, const flux_msg_t *request)
{
    if (!h || !request) {
        errno = EINVAL;
        return -1;
    }
    return flux_msg_is_noresponse (request) ? 0 : 1;
}

static int respond_new (flux_t *h, flux_msg_t *msg)
{
    int rc = flux_send_new (h, &msg, 0);

    flux_msg_destroy (msg);
    return rc;
}

int flux_respond_raw (flux_t *h, const flux_msg_t *request, const void *data,
                      size_t len)
{
    flux_msg_t *msg;
    int wants;

    if ((wants = wants_response (h, request)) != 1)
        return wants;
    if (!(msg = flux_response_derive (request, 0)))
        return -1;
    if (data && flux_msg_set_payload (msg, data, len) < 0) {
        flux_msg_destroy (msg);
        return -1;
    }
    return respond_new (h, msg);
}

int respond_take (flux_t *h, const flux_msg_t *request, struct buf *b)
{
    flux_msg_t *msg = NULL;
    int rc = -1, wants = wants_response (h, request);

    if (wants != 1) {
        rc = wants;
    } else if ((msg = flux_response_derive (request, 0))
               && msg_take_payload (msg, b) == 0) {
        rc = respond_new (h, msg);
        msg = NULL;
    }
    flux_msg_destroy (msg);
    buf_fini (b);
    return rc;
}

int respond_share (flux_t *h, const flux_msg_t *request, const flux_msg_t *src)
{
    flux_msg_t *msg;
    int wants;

    if ((wants = wants_response (h, request)) != 1)
        return wants;
    if (!(msg = flux_response_derive (request, 0)))
        return -1;
    msg_share_payload (msg, src);
    return respond_new (h, msg);
}

int flux_respond (flux_t *h, const flux_msg_t *request, const char *s)
{
    return flux_respond_raw (h, request, s, s ? strlen (s) + 1 : 0);
}

int flux_respond_vpack (flux_t *h, const flux_msg_t *request, const char *fmt,
                        va_list ap)
{
    flux_msg_t *msg;
    int wants;

    if ((wants = wants_response (h, request)) != 1)
        return wants;
    if (!(msg = flux_response_derive (request, 0)))
        return -1;
    if (flux_msg_vpack (msg, fmt, ap) < 0) {
        flux_msg_destroy (msg);
        return -1;
    }
    return respond_new (h, msg);
}

int flux_respond_pack (flux_t *h, const flux_msg_t *request, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_respond_vpack (h, request, fmt, ap);
    va_end (ap);
    return rc;
}

int flux_respond_error (flux_t *h, const flux_msg_t *request, int errnum,
                        const char *errstr)
{
    flux_msg_t *msg;
    int wants;

    if ((wants = wants_response (h, request)) != 1)
        return wants;
    if (!(msg = flux_response_derive (request, errnum ? errnum : EINVAL)))
        return -1;
    if (errstr && flux_msg_set_string (msg, errstr) < 0) {
        flux_msg_destroy (msg);
        return -1;
    }
    return respond_new (h, msg);
}
