/* Who pays: what messages, connections and matches cost is charged to the user who
 * causes them (the model is dbus-broker's accounting).
 *
 * A guest may have as much of each as is left for others. The instance owner may have
 * all but an eighth. What the instance's own modules do is not limited. */
#ifndef BROKER_QUOTA_H
#define BROKER_QUOTA_H

#include <flux/message.h>
#include <jansson.h>
#include <sys/types.h>

#include "base/seldom.h"
#include "core/message/message.h"

enum quota_slot {
    QUOTA_BYTES,       /* of messages that wait, or that a module keeps */
    QUOTA_MESSAGES,    /* the same, counted */
    QUOTA_CONNECTIONS, /* of local clients */
    QUOTA_MATCHES,     /* requests in flight, subscriptions */
    QUOTA_SLOTS,
};

/* Bytes and messages are one counter, so that one addition charges both. */
#define QUOTA_MESSAGE_BITS 40
#define QUOTA_BYTES_MAX ((1ull << QUOTA_MESSAGE_BITS) - 1)
#define QUOTA_MESSAGES_MAX ((1ull << (64 - QUOTA_MESSAGE_BITS)) - 1)

struct user {
    uid_t userid;
    bool owner;
    struct msg_account account; /* bytes and messages; also other threads */
    size_t count[QUOTA_SLOTS];  /* connections and matches */
    uint64_t refused;           /* requests and connections */
    uint64_t closed;            /* clients that did not read */
    struct seldom line;         /* when the log was last told of one of them */
};

struct quota;

/* limit: of all users together. NULL with ENOMEM. */
struct quota *quota_create (uid_t owner, const uint64_t limit[QUOTA_SLOTS]);
/* Behind all messages that were charged. */
void quota_destroy (struct quota *q);
void quota_set_limit (struct quota *q, enum quota_slot slot, uint64_t limit);

/* Found or made; lives as long as q; beyond 65536 all others are one. NULL with ENOMEM. */
struct user *quota_user (struct quota *q, uid_t userid);
/* Takes n of connections or matches. False with errno ENOBUFS if that is more than the
 * user may have. user may be NULL: nobody pays. */
bool quota_take (struct quota *q, struct user *user, enum quota_slot slot, size_t n);
void quota_give (struct quota *q, struct user *user, enum quota_slot slot, size_t n);
/* Bytes of a queue: always taken; false if that is more than the user may have. */
bool quota_queue (struct quota *q, struct user *user, size_t bytes);
void quota_unqueue (struct quota *q, struct user *user, size_t bytes);
/* Bytes that the user may have beside what he has; no limit for NULL. */
size_t quota_room (const struct quota *q, const struct user *user);
/* He wanted more of this than he may have: it is counted, and quota_reason says so. */
void quota_refused (struct quota *q, struct user *user, enum quota_slot slot);
/* Charges a message, and for a guest what its JSON may need when it is decoded, until its last
 * reference goes. may: not more than the user may
 * have; then -1 with ENOBUFS. */
int quota_charge (struct quota *q, struct user *user, flux_msg_t *msg, bool may);

/* Which limit the last refusal was about: "32768 requests in flight and
 * subscriptions (broker.quota-matches)". */
const char *quota_reason (const struct quota *q);
/* {limits: {...}, total: {...}, users: [{userid, bytes, ...}]}, new. */
json_t *quota_stats (const struct quota *q);

#endif
