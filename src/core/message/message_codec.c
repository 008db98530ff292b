/* Encoding of messages (RFC 3, "Message Structure" and "Message Framing"). */
#include <flux/message.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/message/message_impl.h"

static void put32 (unsigned char *p, uint32_t val)
{
    val = htonl (val);
    memcpy (p, &val, 4);
}

static uint32_t get32 (const unsigned char *p)
{
    uint32_t val;

    memcpy (&val, p, 4);
    return ntohl (val);
}

static void proto_encode (const flux_msg_t *msg, unsigned char *p)
{
    p[0] = MSG_MAGIC;
    p[1] = MSG_VERSION;
    p[2] = msg->type;
    p[3] = msg->flags;
    put32 (p + 4, msg->userid);
    put32 (p + 8, msg->rolemask);
    put32 (p + 12, msg->aux1);
    put32 (p + 16, msg->aux2);
}

static int proto_decode (flux_msg_t *msg, const unsigned char *p, size_t len)
{
    int both = FLUX_MSGFLAG_NORESPONSE | FLUX_MSGFLAG_STREAMING;

    if (len != MSG_PROTO_LEN || p[0] != MSG_MAGIC || p[1] != MSG_VERSION
        || flux_msg_set_type (msg, p[2]) < 0 || (p[3] & both) == both) {
        errno = EPROTO;
        return -1;
    }
    msg->flags = p[3];
    msg->userid = get32 (p + 4);
    msg->rolemask = get32 (p + 8);
    msg->aux1 = get32 (p + 12);
    msg->aux2 = get32 (p + 16);
    return 0;
}

static size_t part_size (size_t len)
{
    return len < 255 ? 1 + len : 5 + len;
}

static unsigned char *part_encode_len (unsigned char *p, size_t len)
{
    if (len < 255)
        *p++ = len;
    else {
        *p++ = 255;
        put32 (p, len);
        p += 4;
    }
    return p;
}

static unsigned char *part_encode (unsigned char *p, const void *data, size_t len)
{
    p = part_encode_len (p, len);
    if (len > 0)
        memcpy (p, data, len);
    return p + len;
}

/* Requests, responses and events need a topic. */
static int check_complete (const flux_msg_t *msg)
{
    if (msg->type == 0 || (msg->type != FLUX_MSGTYPE_CONTROL && !msg->topic)) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

ssize_t flux_msg_encode_size (const flux_msg_t *msg)
{
    size_t size = part_size (MSG_PROTO_LEN);
    const struct bytes *b;

    if (!msg) {
        errno = EINVAL;
        return -1;
    }
    if (check_complete (msg) < 0)
        return -1;
    if ((msg->flags & FLUX_MSGFLAG_ROUTE)) {
        for (const char *id = msg_route_top (msg); id; id = msg_route_below (msg, id))
            size += part_size (strlen (id) + 1);
        size += part_size (0);
    }
    if (msg->topic)
        size += part_size (msg->topic_len + 1);
    if (msg->payload) {
        if (!(b = payload_bytes (msg->payload)))
            return -1;
        if (b->len > UINT32_MAX - 64 * 1024 * 1024) {
            errno = EMSGSIZE;
            return -1;
        }
        size += part_size (b->len);
    }
    return size;
}

static unsigned char *encode_head (const flux_msg_t *msg, unsigned char *p)
{
    if ((msg->flags & FLUX_MSGFLAG_ROUTE)) {
        for (const char *id = msg_route_top (msg); id; id = msg_route_below (msg, id))
            p = part_encode (p, id, strlen (id) + 1);
        p = part_encode (p, NULL, 0);
    }
    if (msg->topic)
        p = part_encode (p, msg->topic, msg->topic_len + 1);
    return p;
}

static unsigned char *encode_tail (const flux_msg_t *msg, unsigned char *p)
{
    unsigned char proto[MSG_PROTO_LEN];

    proto_encode (msg, proto);
    return part_encode (p, proto, sizeof (proto));
}

void msg_encode_to (const flux_msg_t *msg, void *dst)
{
    unsigned char *p = encode_head (msg, dst);

    if (msg->payload) {
        const struct bytes *b = payload_bytes (msg->payload);
        p = part_encode (p, b->data, b->len);
    }
    encode_tail (msg, p);
}

size_t msg_encode_head (const flux_msg_t *msg, void *dst)
{
    unsigned char *p = encode_head (msg, dst);

    p = part_encode_len (p, payload_bytes (msg->payload)->len);
    return p - (unsigned char *)dst;
}

void msg_encode_tail (const flux_msg_t *msg, void *dst)
{
    encode_tail (msg, dst);
}

int flux_msg_encode (const flux_msg_t *msg, void *buf, size_t size)
{
    ssize_t need = flux_msg_encode_size (msg);

    if (need < 0)
        return -1;
    if (!buf || size < (size_t)need) {
        errno = EINVAL;
        return -1;
    }
    msg_encode_to (msg, buf);
    return 0;
}

/* The length of a string that fills its part, with or without its NUL; 0 if it is
 * none, or too long. */
static size_t string_len (const struct iovec *part)
{
    const char *s = part->iov_base;
    size_t len = part->iov_len;

    if (len > 0 && s[len - 1] == '\0')
        len--;
    return len <= MSG_STRING_MAX && (len == 0 || !memchr (s, '\0', len)) ? len : 0;
}

static int take_topic (flux_msg_t *msg, const struct iovec *part)
{
    size_t len = string_len (part);

    /* With its NUL. */
    if (len == 0 || len == part->iov_len) {
        errno = EPROTO;
        return -1;
    }
    return flux_msg_set_topic (msg, part->iov_base);
}

/* The parts are the stack from its top; the first pushed comes first in
 * memory. */
static int take_routes (flux_msg_t *msg, const struct iovec *parts, int count)
{
    char id[MSG_STRING_MAX + 1];

    for (int i = count - 1; i >= 0; i--) {
        size_t len = string_len (&parts[i]);

        if (len == 0) {
            errno = EPROTO;
            return -1;
        }
        memcpy (id, parts[i].iov_base, len);
        id[len] = '\0';
        if (flux_msg_route_push (msg, id) < 0)
            return -1;
    }
    return 0;
}

/* A large payload keeps the block in which it is. */
static struct payload *take_payload (const struct iovec *part, struct msg_block *block)
{
    struct payload *p;

    if (!block || !block->p || part->iov_len < MSG_LARGE)
        return payload_create (part->iov_base, part->iov_len);
    if ((p = payload_create_in (*block, part->iov_base, part->iov_len)))
        block->p = NULL;
    return p;
}

static int take_parts (flux_msg_t *msg, const struct iovec *parts, int count,
                       struct msg_block *block)
{
    int i = 0;

    if (count < 1
        || proto_decode (msg, parts[count - 1].iov_base, parts[count - 1].iov_len) < 0)
        goto eproto;
    count--;
    if ((msg->flags & FLUX_MSGFLAG_ROUTE)) {
        while (i < count && parts[i].iov_len > 0)
            i++;
        if (i == count)
            goto eproto;
        if (take_routes (msg, parts, i) < 0)
            return -1;
        i++;
    }
    if ((msg->flags & FLUX_MSGFLAG_TOPIC)) {
        if (i == count)
            goto eproto;
        if (take_topic (msg, &parts[i++]) < 0)
            return -1;
    }
    if ((msg->flags & FLUX_MSGFLAG_PAYLOAD)) {
        if (i == count)
            goto eproto;
        if (!(msg->payload = take_payload (&parts[i], block)))
            return -1;
        i++;
    }
    if (i != count)
        goto eproto;
    return check_complete (msg);
eproto:
    errno = EPROTO;
    return -1;
}

flux_msg_t *msg_from_parts_in (const struct iovec *parts, int count,
                               struct msg_block *block)
{
    flux_msg_t *msg = flux_msg_create (0);

    if (msg && take_parts (msg, parts, count, block) < 0) {
        flux_msg_destroy (msg);
        return NULL;
    }
    if (msg)
        msg->outside = true;
    return msg;
}

flux_msg_t *msg_from_parts (const struct iovec *parts, int count)
{
    return msg_from_parts_in (parts, count, NULL);
}

flux_msg_t *flux_msg_decode (const void *buf, size_t size)
{
    if (!buf) {
        errno = EINVAL;
        return NULL;
    }
    return msg_decode_in (buf, size, NULL);
}

/* Moves *p behind the next part; false if it does not end before end. */
static bool next_part (const unsigned char **p, const unsigned char *end,
                       struct iovec *part)
{
    const unsigned char *q = *p;
    size_t len;

    if (q == end)
        return false;
    if ((len = *q++) == 255) {
        if (end - q < 4)
            return false;
        len = get32 (q);
        q += 4;
    }
    if (len > (size_t)(end - q))
        return false;
    part->iov_base = (void *)q;
    part->iov_len = len;
    *p = q + len;
    return true;
}

flux_msg_t *msg_decode_in (const void *buf, size_t size, struct msg_block *block)
{
    struct iovec parts[MSG_MAX_ROUTES + 4];
    const unsigned char *p = buf;
    const unsigned char *end = p + size;
    int count = 0;

    while (p < end) {
        if (count == MSG_MAX_ROUTES + 4 || !next_part (&p, end, &parts[count++])) {
            errno = EPROTO;
            return NULL;
        }
    }
    return msg_from_parts_in (parts, count, block);
}

flux_msg_t *msg_decode_cut (const void *head, size_t size,
                            const unsigned char tail[MSG_TAIL_LEN])
{
    struct iovec parts[MSG_MAX_ROUTES + 4];
    const unsigned char *p = head, *end = p + size;
    unsigned char proto[MSG_PROTO_LEN];
    int count = 0;
    bool routes, topic;

    memcpy (proto, tail + 1, sizeof (proto));
    routes = proto[3] & FLUX_MSGFLAG_ROUTE;
    topic = proto[3] & FLUX_MSGFLAG_TOPIC;
    if (tail[0] != MSG_PROTO_LEN || !(proto[3] & FLUX_MSGFLAG_PAYLOAD))
        goto eproto;
    proto[3] &= ~FLUX_MSGFLAG_PAYLOAD;
    while (routes || topic) {
        if (count == MSG_MAX_ROUTES + 3 || !next_part (&p, end, &parts[count]))
            goto eproto;
        if (!routes)
            topic = false;
        else if (parts[count].iov_len == 0)
            routes = false;
        count++;
    }
    parts[count].iov_base = proto;
    parts[count++].iov_len = sizeof (proto);
    return msg_from_parts (parts, count);
eproto:
    errno = EPROTO;
    return NULL;
}

static int part_add (struct iovec *iov, int max, int *n, const void *data, size_t len)
{
    if (*n == max) {
        errno = EOVERFLOW;
        return -1;
    }
    iov[*n].iov_base = (void *)data;
    iov[(*n)++].iov_len = len;
    return 0;
}

int msg_parts (const flux_msg_t *msg, unsigned char proto[MSG_PROTO_LEN],
               struct iovec *iov, int max)
{
    int n = 0;

    if (check_complete (msg) < 0)
        return -1;
    if ((msg->flags & FLUX_MSGFLAG_ROUTE)) {
        for (const char *id = msg_route_top (msg); id; id = msg_route_below (msg, id))
            if (part_add (iov, max, &n, id, strlen (id) + 1) < 0)
                return -1;
        if (part_add (iov, max, &n, "", 0) < 0)
            return -1;
    }
    if (msg->topic && part_add (iov, max, &n, msg->topic, msg->topic_len + 1) < 0)
        return -1;
    if (msg->payload) {
        const struct bytes *b = payload_bytes (msg->payload);
        if (!b || part_add (iov, max, &n, b->data, b->len) < 0)
            return -1;
    }
    proto_encode (msg, proto);
    if (part_add (iov, max, &n, proto, MSG_PROTO_LEN) < 0)
        return -1;
    return n;
}
