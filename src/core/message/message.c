/* Messages (RFC 3): lifetime and header. */
#include <flux/message.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/message/message_impl.h"

static bool type_is_valid (int type)
{
    return type == FLUX_MSGTYPE_REQUEST || type == FLUX_MSGTYPE_RESPONSE
           || type == FLUX_MSGTYPE_EVENT || type == FLUX_MSGTYPE_CONTROL;
}

#define HALF (offsetof (struct flux_msg, routes_buf) / 2)

flux_msg_t *flux_msg_create (int type)
{
    flux_msg_t *msg;

    if (type != 0 && !type_is_valid (type)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(msg = malloc (sizeof (*msg))))
        return NULL;
    /* The small buffers at the end need no zeroes. In halves, gcc has a few stores for them
     * instead of a loop, which takes longer to begin than to run. */
    memset (msg, 0, HALF);
    memset ((char *)msg + HALF, 0, offsetof (struct flux_msg, routes_buf) - HALF);
    atomic_init (&msg->refs, 1);
    msg->userid = FLUX_USERID_UNKNOWN;
    msg->routes = msg->routes_buf;
    msg->routes_cap = sizeof (msg->routes_buf);
    if (type != 0)
        flux_msg_set_type (msg, type);
    return msg;
}

static void destroy (flux_msg_t *msg)
{
    int saved_errno = errno;

    aux_destroy (&msg->aux);
    msg_account_sub (msg->account, msg->charge);
    payload_unref (msg->payload);
    if (msg->routes != msg->routes_buf)
        free (msg->routes);
    if (msg->topic != msg->topic_buf)
        free (msg->topic);
    free (atomic_load (&msg->last_error));
    free (msg);
    errno = saved_errno;
}

const flux_msg_t *flux_msg_incref (const flux_msg_t *const_msg)
{
    flux_msg_t *msg = (flux_msg_t *)const_msg;

    if (!msg) {
        errno = EINVAL;
        return NULL;
    }
    atomic_fetch_add_explicit (&msg->refs, 1, memory_order_relaxed);
    return msg;
}

bool msg_is_shared (const flux_msg_t *msg)
{
    return atomic_load_explicit (&msg->refs, memory_order_relaxed) > 1;
}

void flux_msg_decref (const flux_msg_t *const_msg)
{
    flux_msg_t *msg = (flux_msg_t *)const_msg;

    if (msg && atomic_fetch_sub_explicit (&msg->refs, 1, memory_order_acq_rel) == 1)
        destroy (msg);
}

void flux_msg_destroy (flux_msg_t *msg)
{
    flux_msg_decref (msg);
}

bool msg_is_unique (const flux_msg_t *msg)
{
    return atomic_load_explicit (&msg->refs, memory_order_acquire) == 1;
}

void msg_charge (flux_msg_t *msg, struct msg_account *a, uint64_t amount)
{
    msg_account_add (a, amount);
    msg_account_sub (msg->account, msg->charge);
    msg->account = a;
    msg->charge = amount;
}

flux_msg_t *flux_msg_copy (const flux_msg_t *msg, bool payload)
{
    flux_msg_t *cpy;

    if (!msg) {
        errno = EINVAL;
        return NULL;
    }
    if (!(cpy = flux_msg_create (0)))
        return NULL;
    cpy->type = msg->type;
    cpy->flags = msg->flags & ~FLUX_MSGFLAG_TOPIC;
    cpy->userid = msg->userid;
    cpy->rolemask = msg->rolemask;
    cpy->aux1 = msg->aux1;
    cpy->aux2 = msg->aux2;
    cpy->outside = msg->outside;
    if (msg->routes_len > cpy->routes_cap) {
        if (!(cpy->routes = malloc (msg->routes_len))) {
            cpy->routes = cpy->routes_buf;
            goto error;
        }
        cpy->routes_cap = msg->routes_len;
    }
    memcpy (cpy->routes, msg->routes, msg->routes_len);
    cpy->routes_len = msg->routes_len;
    cpy->route_count = msg->route_count;
    if (msg->topic && flux_msg_set_topic (cpy, msg->topic) < 0)
        goto error;
    if (payload && msg->payload)
        cpy->payload = payload_ref (msg->payload);
    else
        cpy->flags &= ~FLUX_MSGFLAG_PAYLOAD;
    return cpy;
error:
    flux_msg_destroy (cpy);
    return NULL;
}

int flux_msg_aux_set (const flux_msg_t *msg, const char *name, void *value,
                      flux_free_f destroy_fn)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    return aux_set (&((flux_msg_t *)msg)->aux, name, value, destroy_fn);
}

void *flux_msg_aux_get (const flux_msg_t *msg, const char *name)
{
    if (!msg) {
        errno = EINVAL;
        return NULL;
    }
    return aux_get (msg->aux, name);
}

/* -1 with EINVAL without a message, EPROTO if it is of none of these types. */
static int check_type (const flux_msg_t *msg, int typemask)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    if (!(msg->type & typemask)) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

int flux_msg_get_type (const flux_msg_t *msg, int *type)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    if (type)
        *type = msg->type;
    return 0;
}

int flux_msg_set_type (flux_msg_t *msg, int type)
{
    if (!msg || !type_is_valid (type)) {
        errno = EINVAL;
        return -1;
    }
    msg->type = type;
    msg->aux1 = type == FLUX_MSGTYPE_REQUEST ? FLUX_NODEID_ANY : 0;
    msg->aux2 = 0;
    return 0;
}

int flux_msg_get_flags (const flux_msg_t *msg, int *flags)
{
    if (!msg || !flags) {
        errno = EINVAL;
        return -1;
    }
    *flags = msg->flags;
    return 0;
}

/* Of parts: they come and go with these. */
#define PART_FLAGS (FLUX_MSGFLAG_TOPIC | FLUX_MSGFLAG_PAYLOAD | FLUX_MSGFLAG_ROUTE)

int flux_msg_set_flags (flux_msg_t *msg, int flags)
{
    int both = FLUX_MSGFLAG_NORESPONSE | FLUX_MSGFLAG_STREAMING;

    if (!msg || (flags & ~0xff) || (flags & both) == both
        || (flags & PART_FLAGS & ~msg->flags)) {
        errno = EINVAL;
        return -1;
    }
    msg->flags = flags | (msg->flags & PART_FLAGS);
    return 0;
}

bool flux_msg_has_flag (const flux_msg_t *msg, int flag)
{
    return msg && (msg->flags & flag) != 0;
}

int flux_msg_set_flag (flux_msg_t *msg, int flag)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    return flux_msg_set_flags (msg, msg->flags | flag);
}

int flux_msg_clear_flag (flux_msg_t *msg, int flag)
{
    if (!msg || (flag & ~0xff) || (flag & PART_FLAGS & msg->flags)) {
        errno = EINVAL;
        return -1;
    }
    return flux_msg_set_flags (msg, msg->flags & ~flag);
}

int flux_msg_set_private (flux_msg_t *msg)
{
    return flux_msg_set_flag (msg, FLUX_MSGFLAG_PRIVATE);
}

bool flux_msg_is_private (const flux_msg_t *msg)
{
    return flux_msg_has_flag (msg, FLUX_MSGFLAG_PRIVATE);
}

int flux_msg_set_streaming (flux_msg_t *msg)
{
    return flux_msg_set_flag (msg, FLUX_MSGFLAG_STREAMING);
}

bool flux_msg_is_streaming (const flux_msg_t *msg)
{
    return flux_msg_has_flag (msg, FLUX_MSGFLAG_STREAMING);
}

int flux_msg_set_noresponse (flux_msg_t *msg)
{
    return flux_msg_set_flag (msg, FLUX_MSGFLAG_NORESPONSE);
}

bool flux_msg_is_noresponse (const flux_msg_t *msg)
{
    return flux_msg_has_flag (msg, FLUX_MSGFLAG_NORESPONSE);
}

int flux_msg_get_topic (const flux_msg_t *msg, const char **topic)
{
    if (!msg || !topic) {
        errno = EINVAL;
        return -1;
    }
    if (!msg->topic) {
        errno = EPROTO;
        return -1;
    }
    *topic = msg->topic;
    return 0;
}

int flux_msg_set_topic (flux_msg_t *msg, const char *topic)
{
    char *cpy = NULL;
    size_t len = topic ? strlen (topic) : 0;

    if (!msg || (topic && (len == 0 || len > MSG_STRING_MAX))) {
        errno = EINVAL;
        return -1;
    }
    if (topic) {
        cpy = len < sizeof (msg->topic_buf) ? msg->topic_buf : malloc (len + 1);
        if (!cpy)
            return -1;
        memmove (cpy, topic, len + 1);
    }
    if (msg->topic != msg->topic_buf)
        free (msg->topic);
    msg->topic = cpy;
    msg->topic_len = len;
    if (topic)
        msg->flags |= FLUX_MSGFLAG_TOPIC;
    else
        msg->flags &= ~FLUX_MSGFLAG_TOPIC;
    return 0;
}

int flux_msg_get_nodeid (const flux_msg_t *msg, uint32_t *nodeid)
{
    if (check_type (msg, FLUX_MSGTYPE_REQUEST) < 0)
        return -1;
    if (nodeid)
        *nodeid = msg->aux1;
    return 0;
}

int flux_msg_set_nodeid (flux_msg_t *msg, uint32_t nodeid)
{
    /* NODEID_UPSTREAM is resolved by who sends the request (RFC 3). */
    if (nodeid == FLUX_NODEID_UPSTREAM) {
        errno = EINVAL;
        return -1;
    }
    if (check_type (msg, FLUX_MSGTYPE_REQUEST) < 0)
        return -1;
    msg->aux1 = nodeid;
    return 0;
}

int flux_msg_get_cred (const flux_msg_t *msg, struct flux_msg_cred *cred)
{
    if (!msg || !cred) {
        errno = EINVAL;
        return -1;
    }
    cred->userid = msg->userid;
    cred->rolemask = msg->rolemask;
    return 0;
}

int flux_msg_set_cred (flux_msg_t *msg, struct flux_msg_cred cred)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    msg->userid = cred.userid;
    msg->rolemask = cred.rolemask;
    return 0;
}

int flux_msg_get_userid (const flux_msg_t *msg, uint32_t *userid)
{
    struct flux_msg_cred cred;

    if (flux_msg_get_cred (msg, &cred) < 0)
        return -1;
    if (userid)
        *userid = cred.userid;
    return 0;
}

int flux_msg_set_userid (flux_msg_t *msg, uint32_t userid)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    msg->userid = userid;
    return 0;
}

int flux_msg_get_rolemask (const flux_msg_t *msg, uint32_t *rolemask)
{
    struct flux_msg_cred cred;

    if (flux_msg_get_cred (msg, &cred) < 0)
        return -1;
    if (rolemask)
        *rolemask = cred.rolemask;
    return 0;
}

int flux_msg_set_rolemask (flux_msg_t *msg, uint32_t rolemask)
{
    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    msg->rolemask = rolemask;
    return 0;
}

int flux_msg_cred_authorize (struct flux_msg_cred cred, uint32_t userid)
{
    if ((cred.rolemask & FLUX_ROLE_OWNER))
        return 0;
    if ((cred.rolemask & FLUX_ROLE_USER) && cred.userid != FLUX_USERID_UNKNOWN
        && cred.userid == userid)
        return 0;
    errno = EPERM;
    return -1;
}

int flux_msg_authorize (const flux_msg_t *msg, uint32_t userid)
{
    struct flux_msg_cred cred;

    if (flux_msg_get_cred (msg, &cred) < 0)
        return -1;
    return flux_msg_cred_authorize (cred, userid);
}

bool flux_msg_is_local (const flux_msg_t *msg)
{
    return msg && (msg->rolemask & FLUX_ROLE_LOCAL) != 0;
}

int flux_msg_get_errnum (const flux_msg_t *msg, int *errnum)
{
    if (check_type (msg, FLUX_MSGTYPE_RESPONSE) < 0)
        return -1;
    if (errnum)
        *errnum = msg->aux1;
    return 0;
}

int flux_msg_set_errnum (flux_msg_t *msg, int errnum)
{
    if (check_type (msg, FLUX_MSGTYPE_RESPONSE) < 0)
        return -1;
    msg->aux1 = errnum;
    return 0;
}

int flux_msg_get_seq (const flux_msg_t *msg, uint32_t *seq)
{
    if (check_type (msg, FLUX_MSGTYPE_EVENT) < 0)
        return -1;
    if (seq)
        *seq = msg->aux1;
    return 0;
}

int flux_msg_set_seq (flux_msg_t *msg, uint32_t seq)
{
    if (check_type (msg, FLUX_MSGTYPE_EVENT) < 0)
        return -1;
    msg->aux1 = seq;
    return 0;
}

int flux_msg_get_matchtag (const flux_msg_t *msg, uint32_t *matchtag)
{
    if (check_type (msg, FLUX_MSGTYPE_REQUEST | FLUX_MSGTYPE_RESPONSE) < 0)
        return -1;
    if (matchtag)
        *matchtag = msg->aux2;
    return 0;
}

int flux_msg_set_matchtag (flux_msg_t *msg, uint32_t matchtag)
{
    if (check_type (msg, FLUX_MSGTYPE_REQUEST | FLUX_MSGTYPE_RESPONSE) < 0)
        return -1;
    msg->aux2 = matchtag;
    return 0;
}

int flux_msg_get_control (const flux_msg_t *msg, int *type, int *status)
{
    if (check_type (msg, FLUX_MSGTYPE_CONTROL) < 0)
        return -1;
    if (type)
        *type = msg->aux1;
    if (status)
        *status = msg->aux2;
    return 0;
}

int flux_msg_set_control (flux_msg_t *msg, int type, int status)
{
    if (check_type (msg, FLUX_MSGTYPE_CONTROL) < 0)
        return -1;
    msg->aux1 = type;
    msg->aux2 = status;
    return 0;
}

flux_msg_t *flux_control_encode (int type, int status)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_CONTROL);

    if (msg && flux_msg_set_control (msg, type, status) < 0) {
        flux_msg_destroy (msg);
        return NULL;
    }
    return msg;
}

int flux_control_decode (const flux_msg_t *msg, int *type, int *status)
{
    return flux_msg_get_control (msg, type, status);
}

static bool topic_matches (const flux_msg_t *msg, const char *glob)
{
    if (!glob || glob[0] == '\0' || !strcmp (glob, "*"))
        return true;
    if (!msg->topic)
        return false;
    if (!strpbrk (glob, "*?[\\"))
        return !strcmp (glob, msg->topic);
    return fnmatch (glob, msg->topic, 0) == 0;
}

bool flux_msg_cmp_matchtag (const flux_msg_t *msg, uint32_t matchtag)
{
    uint32_t tag;

    return flux_msg_get_matchtag (msg, &tag) == 0 && tag == matchtag;
}

struct flux_match flux_match_init (int typemask, uint32_t matchtag,
                                   const char *topic_glob)
{
    return (struct flux_match){ typemask, matchtag, topic_glob };
}

bool flux_msg_cmp (const flux_msg_t *msg, struct flux_match match)
{
    int with_tag = FLUX_MSGTYPE_REQUEST | FLUX_MSGTYPE_RESPONSE;

    if (!msg)
        return false;
    if (match.typemask != 0 && !(msg->type & match.typemask))
        return false;
    if (match.matchtag != FLUX_MATCHTAG_NONE
        && (!(msg->type & with_tag) || msg->aux2 != match.matchtag))
        return false;
    return topic_matches (msg, match.topic_glob);
}

int flux_match_asprintf (struct flux_match *m, const char *topic_glob, ...)
{
    va_list ap;
    char *s;
    int rc;

    va_start (ap, topic_glob);
    rc = vasprintf (&s, topic_glob, ap);
    va_end (ap);
    if (rc < 0)
        return -1;
    m->topic_glob = s;
    return 0;
}

void flux_match_free (struct flux_match m)
{
    int saved_errno = errno;

    free ((char *)m.topic_glob);
    errno = saved_errno;
}
