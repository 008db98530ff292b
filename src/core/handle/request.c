/* Requests: encode and decode. */
#include "core/message/message.h"
#include <flux/rpc.h>

flux_msg_t *flux_request_encode_raw (const char *topic, const void *data, size_t len)
{
    flux_msg_t *msg;

    if (!topic) {
        errno = EINVAL;
        return NULL;
    }
    if (!(msg = flux_msg_create (FLUX_MSGTYPE_REQUEST)))
        return NULL;
    flux_msg_route_enable (msg);
    if (flux_msg_set_topic (msg, topic) < 0
        || (data && flux_msg_set_payload (msg, data, len) < 0)) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return msg;
}

flux_msg_t *flux_request_encode (const char *topic, const char *s)
{
    flux_msg_t *msg = flux_request_encode_raw (topic, NULL, 0);

    if (msg && s && flux_msg_set_string (msg, s) < 0) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return msg;
}

static int decode (const flux_msg_t *msg, const char **topic)
{
    const char *ts;
    int type;

    if (flux_msg_get_type (msg, &type) < 0)
        return -1;
    if (type != FLUX_MSGTYPE_REQUEST) {
        errno = EPROTO;
        return -1;
    }
    if (flux_msg_get_topic (msg, &ts) < 0)
        return -1;
    if (topic)
        *topic = ts;
    return 0;
}

int flux_request_decode (const flux_msg_t *msg, const char **topic, const char **s)
{
    if (decode (msg, topic) < 0)
        return -1;
    return s ? flux_msg_get_string (msg, s) : 0;
}

int flux_request_decode_raw (const flux_msg_t *msg, const char **topic,
                             const void **data, size_t *len)
{
    if (!data || !len) {
        errno = EINVAL;
        return -1;
    }
    return decode (msg, topic) < 0 ? -1 : msg_raw (msg, data, len);
}

int flux_request_unpack (const flux_msg_t *msg, const char **topic, const char *fmt,
                         ...)
{
    va_list ap;
    int rc;

    if (decode (msg, topic) < 0)
        return -1;
    va_start (ap, fmt);
    rc = flux_msg_vunpack (msg, fmt, ap);
    va_end (ap);
    return rc;
}
