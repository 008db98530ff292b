/* Events: encode, decode, subscribe, publish. */
#include <flux/rpc.h>

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "core/message/message.h"

flux_msg_t *flux_event_encode_raw (const char *topic, const void *data, size_t len)
{
    flux_msg_t *msg;

    if (!topic) {
        errno = EINVAL;
        return NULL;
    }
    if (!(msg = flux_msg_create (FLUX_MSGTYPE_EVENT)))
        return NULL;
    if (flux_msg_set_topic (msg, topic) < 0
        || (data && flux_msg_set_payload (msg, data, len) < 0)) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return msg;
}

flux_msg_t *flux_event_encode (const char *topic, const char *s)
{
    return flux_event_encode_raw (topic, s, s ? strlen (s) + 1 : 0);
}

flux_msg_t *flux_event_pack (const char *topic, const char *fmt, ...)
{
    flux_msg_t *msg;
    va_list ap;
    int rc;

    if (!(msg = flux_event_encode_raw (topic, NULL, 0)))
        return NULL;
    va_start (ap, fmt);
    rc = flux_msg_vpack (msg, fmt, ap);
    va_end (ap);
    if (rc < 0) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return msg;
}

static int decode (const flux_msg_t *msg, const char **topic)
{
    const char *ts;

    if (flux_msg_get_seq (msg, NULL) < 0 || flux_msg_get_topic (msg, &ts) < 0)
        return -1;
    if (topic)
        *topic = ts;
    return 0;
}

int flux_event_decode (const flux_msg_t *msg, const char **topic, const char **s)
{
    if (decode (msg, topic) < 0)
        return -1;
    return s ? flux_msg_get_string (msg, s) : 0;
}

int flux_event_decode_raw (const flux_msg_t *msg, const char **topic, const void **data,
                           size_t *len)
{
    if (!data || !len) {
        errno = EINVAL;
        return -1;
    }
    return decode (msg, topic) < 0 ? -1 : msg_raw (msg, data, len);
}

int flux_event_unpack (const flux_msg_t *msg, const char **topic, const char *fmt, ...)
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

/* A handle that is to have no subscriptions (tests) gets a future that is
 * fulfilled at once. */
static flux_future_t *subscription (flux_t *h, const char *method, const char *topic,
                                    int flags)
{
    flux_future_t *f;

    if (!h || !topic || (flags & ~FLUX_RPC_NORESPONSE)) {
        errno = EINVAL;
        return NULL;
    }
    if ((flux_flags_get (h) & FLUX_O_TEST_NOSUB)) {
        if ((f = flux_future_create (NULL, NULL)))
            flux_future_fulfill (f, NULL, NULL);
        return f;
    }
    return flux_rpc_pack (h, method, FLUX_NODEID_ANY, flags, "{s:s}", "topic", topic);
}

flux_future_t *flux_event_subscribe_ex (flux_t *h, const char *topic, int flags)
{
    return subscription (h, "event.subscribe", topic, flags);
}

flux_future_t *flux_event_unsubscribe_ex (flux_t *h, const char *topic, int flags)
{
    return subscription (h, "event.unsubscribe", topic, flags);
}

static int wait_and_destroy (flux_future_t *f)
{
    int rc = f ? flux_future_get (f, NULL) : -1;

    flux_future_destroy (f);
    return rc;
}

int flux_event_subscribe (flux_t *h, const char *topic)
{
    return wait_and_destroy (flux_event_subscribe_ex (h, topic, 0));
}

int flux_event_unsubscribe (flux_t *h, const char *topic)
{
    return wait_and_destroy (flux_event_unsubscribe_ex (h, topic, 0));
}

flux_future_t *flux_event_publish_raw (flux_t *h, const char *topic, int flags,
                                       const void *data, size_t len)
{
    flux_future_t *f;
    char *s;

    if (!h || !topic || (flags & ~FLUX_MSGFLAG_PRIVATE)) {
        errno = EINVAL;
        return NULL;
    }
    if (!data)
        return flux_rpc_pack (h, "event.publish", FLUX_NODEID_ANY, 0, "{s:s s:i}",
                              "topic", topic, "flags", flags);
    if (!(s = malloc (base64_encoded_size (len))))
        return NULL;
    base64_encode (s, data, len);
    f = flux_rpc_pack (h, "event.publish", FLUX_NODEID_ANY, 0, "{s:s s:i s:s}", "topic",
                       topic, "flags", flags, "payload", s);
    free (s);
    return f;
}

flux_future_t *flux_event_publish (flux_t *h, const char *topic, int flags,
                                   const char *s)
{
    return flux_event_publish_raw (h, topic, flags, s, s ? strlen (s) + 1 : 0);
}

flux_future_t *flux_event_publish_pack (flux_t *h, const char *topic, int flags,
                                        const char *fmt, ...)
{
    flux_future_t *f = NULL;
    flux_msg_t *msg;
    const char *s;
    va_list ap;
    int rc;

    if (!h || !topic || !fmt) {
        errno = EINVAL;
        return NULL;
    }
    if (!(msg = flux_event_encode (topic, NULL)))
        return NULL;
    va_start (ap, fmt);
    rc = flux_msg_vpack (msg, fmt, ap);
    va_end (ap);
    if (rc == 0 && flux_msg_get_string (msg, &s) == 0)
        f = flux_event_publish (h, topic, flags, s);
    flux_msg_destroy (msg);
    return f;
}

int flux_event_publish_get_seq (flux_future_t *f, int *seq)
{
    int n;

    if (flux_rpc_get_unpack (f, "{s:i}", "seq", &n) < 0)
        return -1;
    if (seq)
        *seq = n;
    return 0;
}
