#include "broker/routing/quota.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/json/jsontext.h"

/* What a message costs beside its payload. */
#define MESSAGE_BYTES 512
#define USERS_MAX 65536 /* that are told apart */
#define ONE_MESSAGE (1ull << QUOTA_MESSAGE_BITS)

struct quota {
    uid_t owner;
    uint64_t limit[QUOTA_SLOTS];
    size_t count[QUOTA_SLOTS];
    struct msg_account total;
    struct idmap *users;
    struct user *last; /* found last */
    char reason[160];
};

static const struct {
    const char *key, *attr, *text;
} slots[QUOTA_SLOTS] = {
    [QUOTA_BYTES] = { "bytes", "broker.quota-bytes", "bytes of messages" },
    [QUOTA_MESSAGES] = { "messages", "broker.quota-messages", "messages" },
    [QUOTA_CONNECTIONS] = { "connections", "broker.quota-connections", "connections" },
    [QUOTA_MATCHES] = { "matches", "broker.quota-matches",
                        "requests in flight and subscriptions" },
};

struct quota *quota_create (uid_t owner, const uint64_t limit[QUOTA_SLOTS])
{
    struct quota *q = calloc (1, sizeof (*q));

    if (!q || !(q->users = idmap_create (free))) {
        free (q);
        return NULL;
    }
    q->owner = owner;
    for (int i = 0; i < QUOTA_SLOTS; i++)
        quota_set_limit (q, i, limit[i]);
    return q;
}

void quota_destroy (struct quota *q)
{
    if (q) {
        idmap_destroy (q->users);
        free (q);
    }
}

void quota_set_limit (struct quota *q, enum quota_slot slot, uint64_t limit)
{
    /* Half of what the counter holds: a queue may be exceeded by one message. */
    if (slot == QUOTA_BYTES && limit > QUOTA_BYTES_MAX / 2)
        limit = QUOTA_BYTES_MAX / 2;
    if (slot == QUOTA_MESSAGES && limit > QUOTA_MESSAGES_MAX / 2)
        limit = QUOTA_MESSAGES_MAX / 2;
    q->limit[slot] = limit;
}

struct user *quota_user (struct quota *q, uid_t userid)
{
    struct user *user = q->last;

    if (user && user->userid == userid)
        return user;
    if (!(user = idmap_lookup (q->users, userid))) {
        /* Whoever has joined as a broker names whom he likes. */
        if (idmap_count (q->users) >= USERS_MAX && userid != q->owner
            && userid != FLUX_USERID_UNKNOWN)
            return quota_user (q, FLUX_USERID_UNKNOWN);
        if (!(user = calloc (1, sizeof (*user)))
            || idmap_insert (q->users, userid, user) < 0) {
            free (user);
            return NULL;
        }
        user->userid = userid;
        user->owner = userid == q->owner;
        user->account.parent = &q->total;
    }
    return q->last = user;
}

/* The owner leaves an eighth; a guest at least as much as he has himself. */
static inline bool fits (const struct user *user, uint64_t limit, uint64_t has,
                         uint64_t total, uint64_t n)
{
    if (user->owner)
        return total + n <= limit - limit / 8;
    return has + total + 2 * n <= limit;
}

void quota_refused (struct quota *q, struct user *user, enum quota_slot slot)
{
    user->refused++;
    snprintf (q->reason, sizeof (q->reason),
              "user %u has his share of %llu %s (%s) in this broker",
              (unsigned int)user->userid, (unsigned long long)q->limit[slot],
              slots[slot].text, slots[slot].attr);
}

static bool refuse (struct quota *q, struct user *user, enum quota_slot slot)
{
    quota_refused (q, user, slot);
    errno = ENOBUFS;
    return false;
}

const char *quota_reason (const struct quota *q)
{
    return q->reason;
}

bool quota_take (struct quota *q, struct user *user, enum quota_slot slot, size_t n)
{
    if (!user)
        return true;
    if (!fits (user, q->limit[slot], user->count[slot], q->count[slot], n))
        return refuse (q, user, slot);
    user->count[slot] += n;
    q->count[slot] += n;
    return true;
}

void quota_give (struct quota *q, struct user *user, enum quota_slot slot, size_t n)
{
    if (user) {
        user->count[slot] -= n;
        q->count[slot] -= n;
    }
}

static uint64_t load (const struct msg_account *a)
{
    return atomic_load_explicit (&a->used, memory_order_relaxed);
}

static bool fits_bytes (const struct quota *q, const struct user *user, uint64_t bytes)
{
    return fits (user, q->limit[QUOTA_BYTES], load (&user->account) & QUOTA_BYTES_MAX,
                 load (&q->total) & QUOTA_BYTES_MAX, bytes);
}

static bool fits_message (const struct quota *q, const struct user *user)
{
    return fits (user, q->limit[QUOTA_MESSAGES],
                 load (&user->account) >> QUOTA_MESSAGE_BITS,
                 load (&q->total) >> QUOTA_MESSAGE_BITS, 1);
}

size_t quota_room (const struct quota *q, const struct user *user)
{
    uint64_t limit = q->limit[QUOTA_BYTES], total = load (&q->total) & QUOTA_BYTES_MAX;
    uint64_t used;

    if (!user)
        return SIZE_MAX;
    if (user->owner) {
        limit -= limit / 8;
        return total < limit ? limit - total : 0;
    }
    used = total + (load (&user->account) & QUOTA_BYTES_MAX);
    return used < limit ? (limit - used) / 2 : 0;
}

bool quota_queue (struct quota *q, struct user *user, size_t bytes)
{
    bool ok = fits_bytes (q, user, bytes);

    msg_account_add (&user->account, bytes);
    return ok;
}

void quota_unqueue (struct quota *q, struct user *user, size_t bytes)
{
    msg_account_sub (&user->account, bytes);
}

/* Who gets the message may need many times its length to understand it. */
static uint64_t tree_bytes (const flux_msg_t *msg)
{
    const void *data;
    size_t len;

    if (msg_known_len (msg) == 0 || msg_raw (msg, &data, &len) < 0)
        return 0;
    return jsontext_tree_size (data, len);
}

int quota_charge (struct quota *q, struct user *user, flux_msg_t *msg, bool may)
{
    uint64_t bytes = MESSAGE_BYTES + msg_known_len (msg);

    if (!user->owner)
        bytes += tree_bytes (msg);
    if (may && !fits_bytes (q, user, bytes)) {
        refuse (q, user, QUOTA_BYTES);
        return -1;
    }
    if (may && !fits_message (q, user)) {
        refuse (q, user, QUOTA_MESSAGES);
        return -1;
    }
    msg_charge (msg, &user->account, ONE_MESSAGE + bytes);
    return 0;
}

static json_t *stats_object (const size_t count[], uint64_t used)
{
    return json_pack ("{s:I s:I s:I s:I}", slots[QUOTA_BYTES].key,
                      (json_int_t)(used & QUOTA_BYTES_MAX), slots[QUOTA_MESSAGES].key,
                      (json_int_t)(used >> QUOTA_MESSAGE_BITS),
                      slots[QUOTA_CONNECTIONS].key,
                      (json_int_t)count[QUOTA_CONNECTIONS], slots[QUOTA_MATCHES].key,
                      (json_int_t)count[QUOTA_MATCHES]);
}

json_t *quota_stats (const struct quota *q)
{
    json_t *users = json_array (), *limits = json_object ();
    size_t pos = 0;
    void *value;

    for (int i = 0; i < QUOTA_SLOTS; i++)
        json_object_set_new (limits, slots[i].key, json_integer (q->limit[i]));
    while (idmap_next (q->users, &pos, NULL, &value)) {
        struct user *user = value;
        json_t *o = stats_object (user->count, load (&user->account));

        json_object_set_new (o, "userid", json_integer (user->userid));
        json_object_set_new (o, "refused", json_integer (user->refused));
        json_object_set_new (o, "closed", json_integer (user->closed));
        json_array_append_new (users, o);
    }
    return json_pack ("{s:o s:o s:o}", "limits", limits, "total",
                      stats_object (q->count, load (&q->total)), "users", users);
}
