/* Messages (RFC 3).
 *
 * Calls return 0, or -1 (NULL) with errno: EINVAL where there is no message or an argument
 * is no good, EPROTO where the message has no such part or its type no such field, ENOMEM.
 * What a get gives is the message's, until that part is set anew or the last reference
 * goes; of several results, each may be NULL. A set copies. */
#ifndef FLUX_MESSAGE_H
#define FLUX_MESSAGE_H

#include <flux/types.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_msg flux_msg_t;

enum {
    FLUX_MSGTYPE_REQUEST = 0x01,
    FLUX_MSGTYPE_RESPONSE = 0x02,
    FLUX_MSGTYPE_EVENT = 0x04,
    FLUX_MSGTYPE_CONTROL = 0x08,
    FLUX_MSGTYPE_ANY = 0x0f,
    FLUX_MSGTYPE_MASK = 0x0f,
};

enum {
    FLUX_MSGFLAG_TOPIC = 0x01,
    FLUX_MSGFLAG_PAYLOAD = 0x02,
    FLUX_MSGFLAG_NORESPONSE = 0x04,
    FLUX_MSGFLAG_ROUTE = 0x08,
    FLUX_MSGFLAG_UPSTREAM = 0x10,
    FLUX_MSGFLAG_PRIVATE = 0x20,
    FLUX_MSGFLAG_STREAMING = 0x40,
    FLUX_MSGFLAG_USER1 = 0x80,
};

/* ANY: the nearest broker that has the service, upstream. UPSTREAM is for flux_rpc(); the
 * message has the rank of the sender then, and the flag. */
#define FLUX_NODEID_ANY 0xFFFFFFFFu
#define FLUX_NODEID_UPSTREAM 0xFFFFFFFEu
#define FLUX_MATCHTAG_NONE 0u

#define FLUX_USERID_UNKNOWN 0xFFFFFFFFu

/* Roles (RFC 12). */
enum {
    FLUX_ROLE_NONE = 0,
    FLUX_ROLE_OWNER = 1,
    FLUX_ROLE_USER = 2,
    FLUX_ROLE_LOCAL = 4,
    FLUX_ROLE_ADMIN = 8,
};
#define FLUX_ROLE_ALL 0xFFFFFFFFu

struct flux_msg_cred {
    uint32_t userid;
    uint32_t rolemask;
};

struct flux_match {
    int typemask;           /* FLUX_MSGTYPE_*, or 0 for any */
    uint32_t matchtag;      /* FLUX_MATCHTAG_NONE for any */
    const char *topic_glob; /* fnmatch(3) pattern, or NULL for any */
};

#define FLUX_MATCH_ANY                                                                 \
    (struct flux_match)                                                                \
    {                                                                                  \
        FLUX_MSGTYPE_ANY, FLUX_MATCHTAG_NONE, NULL                                     \
    }
#define FLUX_MATCH_EVENT                                                               \
    (struct flux_match)                                                                \
    {                                                                                  \
        FLUX_MSGTYPE_EVENT, FLUX_MATCHTAG_NONE, NULL                                   \
    }
#define FLUX_MATCH_REQUEST                                                             \
    (struct flux_match)                                                                \
    {                                                                                  \
        FLUX_MSGTYPE_REQUEST, FLUX_MATCHTAG_NONE, NULL                                 \
    }
#define FLUX_MATCH_RESPONSE                                                            \
    (struct flux_match)                                                                \
    {                                                                                  \
        FLUX_MSGTYPE_RESPONSE, FLUX_MATCHTAG_NONE, NULL                                \
    }

/* A message is counted; the count may be changed from any thread. create: of userid
 * unknown, without roles; type 0: it is set later. copy: all but aux items; the payload is
 * shared, or left out. destroy is decref. */
flux_msg_t *flux_msg_create (int type);
flux_msg_t *flux_msg_copy (const flux_msg_t *msg, bool payload);
const flux_msg_t *flux_msg_incref (const flux_msg_t *msg);
void flux_msg_decref (const flux_msg_t *msg);
void flux_msg_destroy (flux_msg_t *msg);

/* As flux_aux_set (flux/handle.h); items go with the message. */
int flux_msg_aux_set (const flux_msg_t *msg, const char *name, void *aux,
                      flux_free_f destroy);
void *flux_msg_aux_get (const flux_msg_t *msg, const char *name);

/* RFC 3 part list, without the 8-byte preface of the socket framing. encode: EINVAL if
 * size is less than encode_size says. EPROTO: no type, or no topic (control messages have
 * none); decode: that was no message. EMSGSIZE: the payload is near 4 GiB. decode copies,
 * and its message is new. */
ssize_t flux_msg_encode_size (const flux_msg_t *msg);
int flux_msg_encode (const flux_msg_t *msg, void *buf, size_t size);
flux_msg_t *flux_msg_decode (const void *buf, size_t size);

/* set_type: nodeid, matchtag and what else belongs to a type are as in a new message.
 * Flags: EINVAL for NORESPONSE with STREAMING. Those of TOPIC, PAYLOAD and ROUTE follow
 * the calls that set these parts: EINVAL where one is set without its part, or cleared
 * (clear_flag) with it; set_flags leaves them as they are. The tests are false without a message. */
int flux_msg_get_type (const flux_msg_t *msg, int *type);
int flux_msg_set_type (flux_msg_t *msg, int type);
int flux_msg_get_flags (const flux_msg_t *msg, int *flags);
int flux_msg_set_flags (flux_msg_t *msg, int flags);
bool flux_msg_has_flag (const flux_msg_t *msg, int flag);
int flux_msg_set_flag (flux_msg_t *msg, int flag);
int flux_msg_clear_flag (flux_msg_t *msg, int flag);
int flux_msg_set_private (flux_msg_t *msg);
bool flux_msg_is_private (const flux_msg_t *msg);
int flux_msg_set_streaming (flux_msg_t *msg);
bool flux_msg_is_streaming (const flux_msg_t *msg);
int flux_msg_set_noresponse (flux_msg_t *msg);
bool flux_msg_is_noresponse (const flux_msg_t *msg);

/* NULL takes the topic or the payload away. topic: 1 to 4096 bytes. string: a payload
 * that ends with its only NUL; *s is NULL if there is no payload (0), which for
 * get_payload is EPROTO. size in bytes. */
int flux_msg_get_topic (const flux_msg_t *msg, const char **topic);
int flux_msg_set_topic (flux_msg_t *msg, const char *topic);
int flux_msg_get_payload (const flux_msg_t *msg, const void **buf, size_t *size);
int flux_msg_set_payload (flux_msg_t *msg, const void *buf, size_t size);
bool flux_msg_has_payload (const flux_msg_t *msg);
int flux_msg_get_string (const flux_msg_t *msg, const char **s);
int flux_msg_set_string (flux_msg_t *msg, const char *s);
/* jansson pack and unpack formats; the payload is a JSON object, else EINVAL (pack) or
 * EPROTO (unpack). Strings and objects ("s", "o") that unpack gives are borrowed, and
 * shared with other holders: not to be changed. */
int flux_msg_pack (flux_msg_t *msg, const char *fmt, ...);
int flux_msg_vpack (flux_msg_t *msg, const char *fmt, va_list ap);
int flux_msg_unpack (const flux_msg_t *msg, const char *fmt, ...);
int flux_msg_vunpack (const flux_msg_t *msg, const char *fmt, va_list ap);
/* Why pack or unpack last failed, until one fails again; "" if none has. Never NULL. */
const char *flux_msg_last_error (const flux_msg_t *msg);

/* EPROTO for other types: nodeid is of requests (set: not UPSTREAM, EINVAL), matchtag of
 * requests and responses (RFC 6), errnum of responses, seq of events, control of control
 * messages. Who sent it (userid, rolemask: RFC 12) is of all. */
int flux_msg_get_nodeid (const flux_msg_t *msg, uint32_t *nodeid);
int flux_msg_set_nodeid (flux_msg_t *msg, uint32_t nodeid);
int flux_msg_get_userid (const flux_msg_t *msg, uint32_t *userid);
int flux_msg_set_userid (flux_msg_t *msg, uint32_t userid);
int flux_msg_get_rolemask (const flux_msg_t *msg, uint32_t *rolemask);
int flux_msg_set_rolemask (flux_msg_t *msg, uint32_t rolemask);
int flux_msg_get_cred (const flux_msg_t *msg, struct flux_msg_cred *cred);
int flux_msg_set_cred (flux_msg_t *msg, struct flux_msg_cred cred);
/* The owner may, and the user with this id; EPERM for others. */
int flux_msg_cred_authorize (struct flux_msg_cred cred, uint32_t userid);
int flux_msg_authorize (const flux_msg_t *msg, uint32_t userid);
bool flux_msg_is_local (const flux_msg_t *msg);
int flux_msg_get_errnum (const flux_msg_t *msg, int *errnum);
int flux_msg_set_errnum (flux_msg_t *msg, int errnum);
int flux_msg_get_seq (const flux_msg_t *msg, uint32_t *seq);
int flux_msg_set_seq (flux_msg_t *msg, uint32_t seq);
int flux_msg_get_matchtag (const flux_msg_t *msg, uint32_t *matchtag);
int flux_msg_set_matchtag (flux_msg_t *msg, uint32_t matchtag);
int flux_msg_get_control (const flux_msg_t *msg, int *type, int *status);
int flux_msg_set_control (flux_msg_t *msg, int type, int status);
/* A control message, whole: encode gives a new one. */
flux_msg_t *flux_control_encode (int type, int status);
int flux_control_decode (const flux_msg_t *msg, int *type, int *status);

/* The route stack: "first" was pushed first (the client), "last" is the top; NULL where
 * there are none. enable lets there be one, disable ends that. push (an id of 1 to 4096
 * bytes; at most 256), delete_last (of none: 0) and count: EPROTO if it is not enabled.
 * string: the client first, "!" between, UUIDs as their first 8 digits; to be freed.
 * match_first: also true if neither has routes. */
void flux_msg_route_enable (flux_msg_t *msg);
void flux_msg_route_disable (flux_msg_t *msg);
void flux_msg_route_clear (flux_msg_t *msg);
int flux_msg_route_push (flux_msg_t *msg, const char *id);
int flux_msg_route_delete_last (flux_msg_t *msg);
const char *flux_msg_route_first (const flux_msg_t *msg);
const char *flux_msg_route_last (const flux_msg_t *msg);
int flux_msg_route_count (const flux_msg_t *msg);
char *flux_msg_route_string (const flux_msg_t *msg);
bool flux_msg_route_match_first (const flux_msg_t *a, const flux_msg_t *b);

/* The message is what match wants; "" and "*" as topic_glob match one without topic, too.
 * cmp_matchtag: false for types without. */
bool flux_msg_cmp (const flux_msg_t *msg, struct flux_match match);
bool flux_msg_cmp_matchtag (const flux_msg_t *msg, uint32_t matchtag);
struct flux_match flux_match_init (int typemask, uint32_t matchtag,
                                   const char *topic_glob);
/* For people; the payload up to 1024 bytes. timestamp in seconds; < 0: without. typestr is
 * static; "unknown" if there is no such type. */
void flux_msg_fprint (FILE *f, const flux_msg_t *msg);
void flux_msg_fprint_ts (FILE *f, const flux_msg_t *msg, double timestamp);
const char *flux_msg_typestr (int type);
/* Sets m->topic_glob alone, which flux_match_free frees; -1: no memory. In other matches
 * it is the caller's. */
int flux_match_asprintf (struct flux_match *m, const char *topic_glob, ...);
void flux_match_free (struct flux_match m);

#ifdef __cplusplus
}
#endif

#endif
