/* What the rooms that move messages know of them beyond <flux/message.h>. */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include <flux/message.h>
#include <jansson.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "base/buf.h"

#define MSG_PROTO_LEN 20
#define MSG_MAX_ROUTES 256

/* The parts of a message as frames, in RFC 3 order: routes (top first),
 * delimiter, topic, payload, PROTO. They point into msg and proto. Returns
 * their number, or -1 with EOVERFLOW if max is too small, EPROTO if the message is
 * incomplete, ENOMEM. */
int msg_parts (const flux_msg_t *msg, unsigned char proto[MSG_PROTO_LEN],
               struct iovec *iov, int max);
/* The reverse. Copies. NULL with EPROTO or ENOMEM. */
flux_msg_t *msg_from_parts (const struct iovec *iov, int count);

/* The route ids, NUL-terminated, one behind the other, the first pushed (the sender)
 * first; *len is 0 if there are none. Borrowed. */
const char *msg_routes (const flux_msg_t *msg, size_t *len);

/* Somebody else holds it, too. */
bool msg_is_shared (const flux_msg_t *msg);

/* A bit of the rolemask beside those of RFC 12, which the broker alone sets: a module of
 * this rank sent the message. What modules say to each other is nobody else's to say. */
#define MSG_ROLE_MODULE 0x40000000u
static inline bool msg_is_from_module (const flux_msg_t *msg)
{
    uint32_t rolemask;

    return flux_msg_get_rolemask (msg, &rolemask) == 0
           && (rolemask & MSG_ROLE_MODULE) != 0;
}

/* What messages cost whom, and all together in the parent (which may be NULL). It
 * outlives the messages that are charged to it. */
struct msg_account {
    _Atomic uint64_t used;
    struct msg_account *parent;
};

static inline void msg_account_add (struct msg_account *a, uint64_t amount)
{
    for (; a; a = a->parent)
        atomic_fetch_add_explicit (&a->used, amount, memory_order_relaxed);
}

static inline void msg_account_sub (struct msg_account *a, uint64_t amount)
{
    for (; a; a = a->parent)
        atomic_fetch_sub_explicit (&a->used, amount, memory_order_relaxed);
}

/* Charged until the last reference goes, in whatever thread; copies are free. A second
 * charge replaces the first. */
void msg_charge (flux_msg_t *msg, struct msg_account *a, uint64_t amount);
/* By the thread that made a message, before it hands it to another: what will leave the
 * process as bytes (the answer to something that came as bytes, a request for another
 * rank than this) is encoded now, so that the router need not. */
void msg_encode_early (flux_msg_t *msg, int rank);
/* Length of the payload if it is encoded already, else 0. */
size_t msg_known_len (const flux_msg_t *msg);

#define MSG_LARGE (256 * 1024) /* bytes of a payload that is worth the trouble */

/* Memory that others made, and how it is given back, in whatever thread. */
struct msg_block {
    void *p;
    void (*free) (void *p);
};

/* flux_msg_decode, or msg_from_parts, of what lies in a block of memory: if the payload
 * is large, the message keeps the block, and block->p is NULL. */
flux_msg_t *msg_decode_in (const void *buf, size_t size, struct msg_block *block);
flux_msg_t *msg_from_parts_in (const struct iovec *iov, int count,
                               struct msg_block *block);
/* Of a message whose payload is written by others: what comes before it (returns its
 * length) and, MSG_TAIL_LEN bytes, what comes behind it. */
#define MSG_TAIL_LEN (1 + MSG_PROTO_LEN)
size_t msg_encode_head (const flux_msg_t *msg, void *dst);
void msg_encode_tail (const flux_msg_t *msg, void *dst);

/* A message of whose payload nothing was kept: of its first bytes, which have routes and
 * topic, and of its last. NULL with EPROTO or ENOMEM. */
flux_msg_t *msg_decode_cut (const void *head, size_t size,
                            const unsigned char tail[MSG_TAIL_LEN]);

/* Encodes into dst, which has room for flux_msg_encode_size () bytes. */
void msg_encode_to (const flux_msg_t *msg, void *dst);

/* True if this is the only reference: then the holder may change it. */
bool msg_is_unique (const flux_msg_t *msg);

/* The payload as bytes; NULL and 0 if there is none, which is no error. */
int msg_raw (const flux_msg_t *msg, const void **data, size_t *len);

/* The payload is what b holds, which is taken: b is empty then, unless it is short and
 * was copied. -1 with ENOMEM, and b is as it was. */
int msg_take_payload (flux_msg_t *msg, struct buf *b);
/* Both messages have the payload of src. */
void msg_share_payload (flux_msg_t *msg, const flux_msg_t *src);

/* The bytes of a payload, for those who need them longer than the message. */
struct payload;
struct payload *msg_payload (const flux_msg_t *msg); /* borrowed; NULL: there is none */
struct payload *payload_ref (struct payload *p);
void payload_unref (struct payload *p);
/* What msg_take_payload took is b's again, if nobody else holds it. */
void payload_give_back (struct payload *p, struct buf *b);

/* The decoded payload: borrowed, shared by all who hold the message, so it
 * must not be changed. NULL with EPROTO if it is not an object. */
json_t *msg_json (const flux_msg_t *msg);
/* Sets the payload to an object, which is taken (also on failure) and must
 * not be changed by anyone afterwards; it is encoded only when the message
 * leaves the process. Unlike flux_msg_pack, this also shares objects that
 * others hold references to. */
int msg_take_json (flux_msg_t *msg, json_t *o);

#endif
