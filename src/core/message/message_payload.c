/* The payload of a message, as bytes and as JSON.
 *
 * Both forms are made lazily and kept: a message that stays in the process
 * is neither encoded nor decoded when it was packed from fresh values. */
#include <flux/message.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/os/pages.h"
#include "core/message/message_impl.h"

#define TAKE_MIN (64 * 1024)

/* One tree is read by all threads that share the payload; nobody changes it. */
#if !JSON_HAVE_ATOMIC_BUILTINS && !JSON_HAVE_SYNC_BUILTINS
#error "jansson's reference counts are not atomic"
#endif

struct payload *payload_create (const void *data, size_t len)
{
    struct payload *p;

    if (!(p = pages_alloc (sizeof (*p) + len)))
        return NULL;
    atomic_init (&p->refs, 1);
    atomic_init (&p->json, NULL);
    atomic_init (&p->bytes, &p->own);
    p->own = (struct bytes){ len, p->copy };
    p->in_block = false;
    if (len > 0)
        memcpy (p->copy, data, len);
    return p;
}

struct payload *payload_create_in (struct msg_block block, const void *data, size_t len)
{
    struct block_payload *bp;
    struct payload *p;

    if (!(bp = malloc (sizeof (*bp))))
        return NULL;
    p = &bp->payload;
    atomic_init (&p->refs, 1);
    atomic_init (&p->json, NULL);
    atomic_init (&p->bytes, &p->own);
    p->own = (struct bytes){ len, data };
    p->in_block = true;
    bp->block = block.p;
    bp->free = block.free;
    return p;
}

struct payload *payload_create_json (json_t *o)
{
    struct payload *p;

    if (!(p = malloc (sizeof (*p))))
        return NULL;
    atomic_init (&p->refs, 1);
    atomic_init (&p->json, o);
    atomic_init (&p->bytes, NULL);
    p->own = (struct bytes){ 0 };
    p->in_block = false;
    return p;
}

static struct block_payload *block_of (struct payload *p)
{
    return p->in_block ? (struct block_payload *)p : NULL;
}

struct payload *payload_ref (struct payload *p)
{
    atomic_fetch_add_explicit (&p->refs, 1, memory_order_relaxed);
    return p;
}

void payload_unref (struct payload *p)
{
    struct block_payload *bp;
    struct bytes *b;

    if (!p || atomic_fetch_sub_explicit (&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    json_decref (atomic_load (&p->json));
    if ((b = atomic_load (&p->bytes)) != &p->own)
        free (b);
    if ((bp = block_of (p)) && bp->block)
        bp->free (bp->block);
    free (p);
}

/* Most payloads fit: none of these grows while it is written. */
#define ENCODED_MIN 200

/* NUL-terminated. The text is written where it stays, behind its length. */
static struct bytes *encode (const json_t *o)
{
    struct bytes head = { 0 };
    struct buf b = BUF_INIT;
    struct bytes *p;
    size_t len;

    (void)buf_reserve (&b, ENCODED_MIN);
    buf_add (&b, &head, sizeof (head));
    if (json_encode (&b, o) < 0) {
        buf_fini (&b);
        return NULL;
    }
    if ((p = (struct bytes *)buf_take (&b, &len))) {
        p->len = len - sizeof (head) + 1;
        p->data = (const char *)(p + 1);
    }
    return p;
}

const struct bytes *payload_bytes (struct payload *p)
{
    struct bytes *b = atomic_load_explicit (&p->bytes, memory_order_acquire);
    struct bytes *expected = NULL;

    if (b)
        return b;
    if (!(b = encode (atomic_load (&p->json))))
        return NULL;
    if (atomic_compare_exchange_strong (&p->bytes, &expected, b))
        return b;
    free (b); /* another thread was faster */
    return expected;
}

/* The tree goes with the encoding: its end is work, too. */
static void encode_and_drop_tree (struct payload *p)
{
    if (payload_bytes (p) && atomic_load_explicit (&p->refs, memory_order_acquire) == 1)
        json_decref (atomic_exchange (&p->json, NULL));
}

static bool leaves (const flux_msg_t *msg, int rank)
{
    if (msg->type == FLUX_MSGTYPE_RESPONSE)
        return msg->outside;
    if (msg->type == FLUX_MSGTYPE_REQUEST && rank >= 0)
        return (msg->flags & FLUX_MSGFLAG_UPSTREAM)
               || (msg->aux1 != FLUX_NODEID_ANY && msg->aux1 != (uint32_t)rank);
    return false;
}

void msg_encode_early (flux_msg_t *msg, int rank)
{
    struct payload *p = msg->payload;

    if (p && !atomic_load_explicit (&p->bytes, memory_order_relaxed)
        && leaves (msg, rank))
        encode_and_drop_tree (p);
}

size_t msg_known_len (const flux_msg_t *msg)
{
    const struct bytes *b =
        msg->payload ? atomic_load_explicit (&msg->payload->bytes, memory_order_acquire)
                     : NULL;

    return b ? b->len : 0;
}

static void set_last_error (const flux_msg_t *const_msg, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
static void set_last_error (const flux_msg_t *const_msg, const char *fmt, ...)
{
    flux_msg_t *msg = (flux_msg_t *)const_msg;
    int saved_errno = errno;
    va_list ap;
    char *s;

    va_start (ap, fmt);
    if (vasprintf (&s, fmt, ap) >= 0)
        free (atomic_exchange (&msg->last_error, s));
    va_end (ap);
    errno = saved_errno;
}

const char *flux_msg_last_error (const flux_msg_t *msg)
{
    const char *s;

    if (!msg)
        return "msg object is NULL";
    s = atomic_load (&((flux_msg_t *)msg)->last_error);
    return s ? s : "";
}

/* Takes p, which may be NULL for no payload. */
static void replace (flux_msg_t *msg, struct payload *p)
{
    payload_unref (msg->payload);
    msg->payload = p;
    if (p)
        msg->flags |= FLUX_MSGFLAG_PAYLOAD;
    else
        msg->flags &= ~FLUX_MSGFLAG_PAYLOAD;
}

bool flux_msg_has_payload (const flux_msg_t *msg)
{
    return msg && msg->payload;
}

int msg_raw (const flux_msg_t *msg, const void **data, size_t *len)
{
    if (!flux_msg_has_payload (msg)) {
        *data = NULL;
        *len = 0;
        return 0;
    }
    return flux_msg_get_payload (msg, data, len);
}

int flux_msg_get_payload (const flux_msg_t *msg, const void **buf, size_t *size)
{
    const struct bytes *b;

    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    if (!msg->payload) {
        errno = EPROTO;
        return -1;
    }
    if (!(b = payload_bytes (msg->payload)))
        return -1;
    if (buf)
        *buf = b->data;
    if (size)
        *size = b->len;
    return 0;
}

int flux_msg_set_payload (flux_msg_t *msg, const void *buf, size_t size)
{
    struct payload *p = NULL;

    if (!msg || (!buf && size > 0)) {
        errno = EINVAL;
        return -1;
    }
    if (buf && !(p = payload_create (buf, size)))
        return -1;
    replace (msg, p);
    return 0;
}

int msg_take_payload (flux_msg_t *msg, struct buf *b)
{
    struct payload *p;

    if (b->len < TAKE_MIN && !b->err) /* a copy costs less than the block */
        return flux_msg_set_payload (msg, b->data ? b->data : "", b->len);
    if (b->err || buf_reserve (b, 0) < 0
        || !(p = payload_create_in ((struct msg_block){ b->data, free }, b->data,
                                    b->len))) {
        errno = ENOMEM;
        return -1;
    }
    replace (msg, p);
    buf_init (b);
    return 0;
}

void payload_give_back (struct payload *p, struct buf *b)
{
    struct block_payload *bp = p ? block_of (p) : NULL;

    if (bp && bp->block && atomic_load (&p->refs) == 1) {
        b->data = bp->block;
        b->len = p->own.len;
        b->cap = p->own.len + 1; /* at least */
        bp->block = NULL;
    }
}

void msg_share_payload (flux_msg_t *msg, const flux_msg_t *src)
{
    replace (msg, src->payload ? payload_ref (src->payload) : NULL);
}

struct payload *msg_payload (const flux_msg_t *msg)
{
    return msg->payload;
}

int flux_msg_set_string (flux_msg_t *msg, const char *s)
{
    return flux_msg_set_payload (msg, s, s ? strlen (s) + 1 : 0);
}

int flux_msg_get_string (const flux_msg_t *msg, const char **s)
{
    const void *buf;
    size_t size;

    if (!msg || !s) {
        errno = EINVAL;
        return -1;
    }
    if (!msg->payload) {
        *s = NULL;
        return 0;
    }
    if (flux_msg_get_payload (msg, &buf, &size) < 0)
        return -1;
    if (size == 0 || memchr (buf, '\0', size) != (const char *)buf + size - 1) {
        errno = EPROTO;
        return -1;
    }
    *s = buf;
    return 0;
}

json_t *msg_json (const flux_msg_t *msg)
{
    struct payload *p;
    json_t *o, *expected = NULL;
    json_error_t error;
    const char *s;

    if (!msg) {
        errno = EINVAL;
        return NULL;
    }
    if ((p = msg->payload)
        && (o = atomic_load_explicit (&p->json, memory_order_acquire)))
        return o;
    if (flux_msg_get_string (msg, &s) < 0 || !s) {
        set_last_error (msg, "message does not have a string payload");
        errno = EPROTO;
        return NULL;
    }
    if (!(o = json_decode_or (EPROTO, s, strlen (s), JSON_ALLOW_NUL, &error))) {
        set_last_error (msg, "%s", error.text);
        return NULL;
    }
    if (!json_is_object (o)) {
        json_decref (o);
        set_last_error (msg, "payload is not a JSON object");
        errno = EPROTO;
        return NULL;
    }
    if (atomic_compare_exchange_strong (&p->json, &expected, o))
        return o;
    json_decref (o); /* another thread was faster */
    return expected;
}

int msg_take_json (flux_msg_t *msg, json_t *o)
{
    struct payload *p;

    if (!msg || !json_is_object (o)) {
        json_decref (o);
        errno = EINVAL;
        return -1;
    }
    if (!(p = payload_create_json (o))) {
        json_decref (o);
        return -1;
    }
    replace (msg, p);
    return 0;
}

/* True if nobody else holds a reference to any part of o. True, false and
 * null are shared by all and never change. */
static bool is_private (json_t *o)
{
    size_t i;
    const char *key;
    json_t *v;

    if (json_is_true (o) || json_is_false (o) || json_is_null (o))
        return true;
    if (o->refcount != 1)
        return false;
    if (json_is_object (o)) {
        json_object_foreach (o, key, v)
            if (!is_private (v))
                return false;
    } else if (json_is_array (o)) {
        json_array_foreach (o, i, v)
            if (!is_private (v))
                return false;
    }
    return true;
}

int flux_msg_vpack (flux_msg_t *msg, const char *fmt, va_list ap)
{
    json_error_t error;
    struct payload *p;
    json_t *o;

    if (!msg || !fmt) {
        errno = EINVAL;
        return -1;
    }
    if (!(o = json_vpack_or (EINVAL, &error, fmt, ap))) {
        set_last_error (msg, "%s", error.text);
        return -1;
    }
    if (!json_is_object (o)) {
        json_decref (o);
        set_last_error (msg, "payload is not a JSON object");
        errno = EINVAL;
        return -1;
    }
    if (!(p = payload_create_json (o))) {
        json_decref (o);
        return -1;
    }
    /* What the caller can still change has to be encoded now. */
    if (!is_private (o)) {
        if (!payload_bytes (p)) {
            payload_unref (p);
            return -1;
        }
        json_decref (o);
        atomic_store (&p->json, NULL);
    }
    replace (msg, p);
    return 0;
}

int flux_msg_pack (flux_msg_t *msg, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_msg_vpack (msg, fmt, ap);
    va_end (ap);
    return rc;
}

int flux_msg_vunpack (const flux_msg_t *msg, const char *fmt, va_list ap)
{
    json_error_t error;
    json_t *o;

    if (!msg || !fmt || fmt[0] == '\0') {
        errno = EINVAL;
        return -1;
    }
    if (!(o = msg_json (msg)))
        return -1;
    if (json_vunpack_or (EPROTO, o, &error, fmt, ap) < 0) {
        set_last_error (msg, "%s", error.text);
        return -1;
    }
    return 0;
}

int flux_msg_unpack (const flux_msg_t *msg, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_msg_vunpack (msg, fmt, ap);
    va_end (ap);
    return rc;
}
