/* Requests, responses, RPCs, events and message handlers (RFC 3, 6).
 *
 * Calls fail with -1 or NULL and errno: EINVAL where an argument is no good or cannot
 * be packed, EPROTO where a message is not what was asked for, ENOMEM. Futures, and
 * messages that calls make, are to be destroyed. What is decoded belongs to the
 * message, or to the future until it is reset or destroyed.
 *
 * A payload is text with its NUL, or bytes (_raw), or for pack and unpack a JSON object
 * with the formats of jansson. NULL: none, both ways; but unpack wants one (EPROTO). */
#ifndef FLUX_RPC_H
#define FLUX_RPC_H

#include <flux/future.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FLUX_RPC_NORESPONSE = 1, FLUX_RPC_STREAMING = 2 };

/* flags: 0 or one of them. nodeid: a rank, FLUX_NODEID_ANY or FLUX_NODEID_UPSTREAM.
 * EBUSY: no matchtag is left. The future gets the response, or the errno of the service
 * with its text; ENOSYS: there is no such service, EHOSTUNREACH: no way to that rank.
 * It does not hold the handle: nothing comes any more when that is closed. STREAMING:
 * the future is to be reset after each response; the last one is an error: ENODATA if
 * all is well. NORESPONSE: it is fulfilled at once. flux_rpc_message() sends a copy,
 * with a nodeid and a matchtag of its own. */
flux_future_t *flux_rpc (flux_t *h, const char *topic, const char *json_or_null,
                         uint32_t nodeid, int flags);
flux_future_t *flux_rpc_pack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                              const char *fmt, ...);
flux_future_t *flux_rpc_vpack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                               const char *fmt, va_list ap);
flux_future_t *flux_rpc_raw (flux_t *h, const char *topic, const void *data, size_t len,
                             uint32_t nodeid, int flags);
flux_future_t *flux_rpc_message (flux_t *h, const flux_msg_t *msg, uint32_t nodeid,
                                 int flags);
/* Wait for the response. s may be NULL, and has to be after NORESPONSE (EPROTO); data
 * and len may not. */
int flux_rpc_get (flux_future_t *f, const char **s);
int flux_rpc_get_unpack (flux_future_t *f, const char *fmt, ...);
int flux_rpc_get_raw (flux_future_t *f, const void **data, size_t *len);
/* FLUX_MATCHTAG_NONE: none was needed, or this is no RPC. nodeid: as it was given. */
uint32_t flux_rpc_get_matchtag (flux_future_t *f);
uint32_t flux_rpc_get_nodeid (flux_future_t *f);

/* In all decoders topic and s may be NULL, data and len may not. */
flux_msg_t *flux_request_encode (const char *topic, const char *s);
flux_msg_t *flux_request_encode_raw (const char *topic, const void *data, size_t len);
int flux_request_decode (const flux_msg_t *msg, const char **topic, const char **s);
int flux_request_decode_raw (const flux_msg_t *msg, const char **topic,
                             const void **data, size_t *len);
int flux_request_unpack (const flux_msg_t *msg, const char **topic, const char *fmt,
                         ...);

/* encode_error: EINVAL if errnum is 0. decode: fails with the errno that the response
 * has, if any. decode_error: its text; ENOENT if there is none, EINVAL if it is no
 * error. */
flux_msg_t *flux_response_encode (const char *topic, const char *s);
flux_msg_t *flux_response_encode_raw (const char *topic, const void *data, size_t len);
flux_msg_t *flux_response_encode_error (const char *topic, int errnum,
                                        const char *errstr);
int flux_response_decode (const flux_msg_t *msg, const char **topic, const char **s);
int flux_response_decode_raw (const flux_msg_t *msg, const char **topic,
                              const void **data, size_t *len);
int flux_response_decode_error (const flux_msg_t *msg, const char **errstr);
/* Build the response to a request, without a payload; nothing is sent. */
flux_msg_t *flux_response_derive (const flux_msg_t *request, int errnum);
/* Send it. 0 also if the request wants none (NORESPONSE). respond_error: errnum 0 is
 * sent as EINVAL. */
int flux_respond (flux_t *h, const flux_msg_t *request, const char *s);
int flux_respond_pack (flux_t *h, const flux_msg_t *request, const char *fmt, ...);
int flux_respond_vpack (flux_t *h, const flux_msg_t *request, const char *fmt,
                        va_list ap);
int flux_respond_raw (flux_t *h, const flux_msg_t *request, const void *data,
                      size_t len);
int flux_respond_error (flux_t *h, const flux_msg_t *request, int errnum,
                        const char *errstr);

flux_msg_t *flux_event_encode (const char *topic, const char *s);
flux_msg_t *flux_event_encode_raw (const char *topic, const void *data, size_t len);
flux_msg_t *flux_event_pack (const char *topic, const char *fmt, ...);
int flux_event_decode (const flux_msg_t *msg, const char **topic, const char **s);
int flux_event_decode_raw (const flux_msg_t *msg, const char **topic, const void **data,
                           size_t *len);
int flux_event_unpack (const flux_msg_t *msg, const char **topic, const char *fmt, ...);
/* To all events whose topic begins so. Counted: the last unsubscribe ends it (ENOENT:
 * there is nothing to end). ENAMETOOLONG: more than 1024 bytes; ENOBUFS, ENOSPC: too
 * many. They wait for the answer; _ex do not: flags 0 or FLUX_RPC_NORESPONSE. */
int flux_event_subscribe (flux_t *h, const char *topic);
int flux_event_unsubscribe (flux_t *h, const char *topic);
flux_future_t *flux_event_subscribe_ex (flux_t *h, const char *topic, int flags);
flux_future_t *flux_event_unsubscribe_ex (flux_t *h, const char *topic, int flags);
/* flags: 0, or FLUX_MSGFLAG_PRIVATE: for the sender's user and the instance owner only.
 * The future is fulfilled when rank 0 has given it its number, and sent it on. EPERM: a
 * service listens to such, and the sender is not the owner. */
flux_future_t *flux_event_publish (flux_t *h, const char *topic, int flags,
                                   const char *s);
flux_future_t *flux_event_publish_pack (flux_t *h, const char *topic, int flags,
                                        const char *fmt, ...);
flux_future_t *flux_event_publish_raw (flux_t *h, const char *topic, int flags,
                                       const void *data, size_t len);
int flux_event_publish_get_seq (flux_future_t *f, int *seq);

/* cb is called in the handle's reactor for what matches; msg is borrowed for the call.
 * A request or response goes to one handler: the latest with that very topic, else the
 * latest with a pattern; responses to RPCs go to their futures before. Events go to
 * all. Who has neither OWNER nor a role that is allowed (RFC 12) gets EPERM for
 * requests, and his events are not seen. A request that nobody matches gets ENOSYS; but
 * on a clone, all that nobody matches is kept until flux_dispatch_requeue() gives it
 * back to the handle. */
typedef struct flux_msg_handler flux_msg_handler_t;
typedef void (*flux_msg_handler_f) (flux_t *h, flux_msg_handler_t *mh,
                                    const flux_msg_t *msg, void *arg);
struct flux_msg_handler_spec {
    int typemask;
    const char *topic_glob;
    flux_msg_handler_f cb;
    uint32_t rolemask; /* roles allowed beside OWNER */
};
#define FLUX_MSGHANDLER_TABLE_END                                                      \
    {                                                                                  \
        0, NULL, NULL, 0                                                               \
    }

/* It copies the topic, and is not started. destroy may be called in its callback, and
 * when the handle is closed. OWNER cannot be denied. */
flux_msg_handler_t *flux_msg_handler_create (flux_t *h, struct flux_match match,
                                             flux_msg_handler_f cb, void *arg);
void flux_msg_handler_destroy (flux_msg_handler_t *mh);
void flux_msg_handler_start (flux_msg_handler_t *mh);
void flux_msg_handler_stop (flux_msg_handler_t *mh);
void flux_msg_handler_allow_rolemask (flux_msg_handler_t *mh, uint32_t rolemask);
void flux_msg_handler_deny_rolemask (flux_msg_handler_t *mh, uint32_t rolemask);
/* All of a table, and started. The array is new, ends with NULL, and is for delvec. */
int flux_msg_handler_addvec (flux_t *h, const struct flux_msg_handler_spec tab[],
                             void *arg, flux_msg_handler_t **msg_handlers[]);
/* Like addvec, but "foo" in a topic glob stands for service.foo. */
int flux_msg_handler_addvec_ex (flux_t *h, const char *service,
                                const struct flux_msg_handler_spec tab[], void *arg,
                                flux_msg_handler_t **msg_handlers[]);
void flux_msg_handler_delvec (flux_msg_handler_t *msg_handlers[]);
int flux_dispatch_requeue (flux_t *h);
/* The watcher that feeds the handlers; NULL before the first one. The handle's. */
flux_watcher_t *flux_get_handle_watcher (flux_t *h);

/* True if request `cancel` (payload {matchtag}) names the sender and matchtag of
 * request `msg`; true if `disconnect` comes from its sender. Neither if it is another
 * user's, and not the owner who asks. */
bool flux_cancel_match (const flux_msg_t *cancel, const flux_msg_t *msg);
bool flux_disconnect_match (const flux_msg_t *disconnect, const flux_msg_t *msg);

/* A future that each heartbeat of the instance fulfills, but not before `minimum`
 * seconds have passed since the last time; flux_future_reset() makes it wait for the
 * next. EINVAL: minimum is less than 0. */
flux_future_t *flux_sync_create (flux_t *h, double minimum);

/* Requests NAME.* come to this connection, until it is closed. EEXIST; EINVAL: the name
 * is empty or has a dot; ENAMETOOLONG: more than 128 bytes; EPERM: others than the
 * owner may only take UID-...; ENOBUFS: too many. unregister: ENOENT, EPERM: it is not
 * ours. */
flux_future_t *flux_service_register (flux_t *h, const char *name);
flux_future_t *flux_service_unregister (flux_t *h, const char *name);

/* Requests waiting for an answer, e.g. of a streaming service. Each is held by
 * reference; pop hands that over (flux_msg_decref()). push: to the front. first, next
 * and last move the cursor; what they return is borrowed; NULL: there is none. */
struct flux_msglist;
struct flux_msglist *flux_msglist_create (void);
void flux_msglist_destroy (struct flux_msglist *l);
int flux_msglist_push (struct flux_msglist *l, const flux_msg_t *msg);
int flux_msglist_append (struct flux_msglist *l, const flux_msg_t *msg);
const flux_msg_t *flux_msglist_pop (struct flux_msglist *l);
const flux_msg_t *flux_msglist_first (struct flux_msglist *l);
const flux_msg_t *flux_msglist_next (struct flux_msglist *l);
const flux_msg_t *flux_msglist_last (struct flux_msglist *l);
/* Remove the message at the cursor; next gives the one behind it. */
void flux_msglist_delete (struct flux_msglist *l);
int flux_msglist_count (struct flux_msglist *l);
/* How many were removed. cancel: the one that it names gets ECANCELED; disconnect: all
 * of the sender, without an answer. */
int flux_msglist_cancel (flux_t *h, struct flux_msglist *l, const flux_msg_t *cancel);
int flux_msglist_disconnect (struct flux_msglist *l, const flux_msg_t *disconnect);

#ifdef __cplusplus
}
#endif

#endif
