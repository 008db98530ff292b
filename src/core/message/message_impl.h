/* The inside of a message: for message*.c only. */
#ifndef CORE_MESSAGE_IMPL_H
#define CORE_MESSAGE_IMPL_H

#include "core/aux.h"
#include "core/message/message.h"
#include <stdatomic.h>

#define MSG_MAGIC 0x8E
#define MSG_VERSION 0x01
#define MSG_STRING_MAX 4096 /* of a route id or a topic */

struct bytes {
    size_t len;
    const char *data;
};

/* Shared by copies of a message, and by threads. At least one of json and
 * bytes is set; the other is made, once, when it is asked for. */
struct payload {
    atomic_int refs;
    bool in_block; /* it is a block_payload */
    _Atomic (json_t *) json;
    _Atomic (struct bytes *) bytes;
    struct bytes own; /* what bytes points to if they came first */
    char copy[];      /* what own.data points to, unless it is in a block */
};

/* Others have none of this: what is short moves between processors in one cache line. */
struct block_payload {
    struct payload payload;
    void *block; /* taken over: own.data lies in it */
    void (*free) (void *block);
};

struct flux_msg {
    atomic_int refs;
    uint8_t type;
    uint8_t flags;
    uint32_t userid;
    uint32_t rolemask;
    uint32_t aux1; /* nodeid, errnum, sequence, control type */
    uint32_t aux2; /* matchtag, control status */
    struct payload *payload;
    /* NUL-terminated strings one behind the other, the first pushed first. */
    char *routes;
    char *topic;
    uint16_t route_count;
    bool outside; /* came as bytes; so the answer to it will leave as bytes */
    uint32_t routes_len, routes_cap;
    uint32_t topic_len;
    struct aux_item *aux;
    struct msg_account *account; /* pays charge until the message goes */
    uint64_t charge;
    _Atomic (char *) last_error;
    char topic_buf[48]; /* near what all messages use */
    char routes_buf[88];
};

struct payload *payload_create (const void *data, size_t len);
/* Takes the block, in which the bytes lie, on success. */
struct payload *payload_create_in (struct msg_block block, const void *data,
                                   size_t len);
struct payload *payload_create_json (json_t *o); /* takes o on success */
/* NULL with ENOMEM. */
const struct bytes *payload_bytes (struct payload *p);

/* The top of the route stack, and the one below it; NULL at the end. */
const char *msg_route_top (const flux_msg_t *msg);
const char *msg_route_below (const flux_msg_t *msg, const char *route);

#endif
