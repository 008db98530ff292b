/* Messages between peers, see router.c. */
#ifndef BROKER_ROUTER_H
#define BROKER_ROUTER_H

#include "base/list.h"
#include "broker/broker.h"
#include "broker/routing/subs.h"
#include "core/message/msgqueue.h"

enum peer_kind { PEER_BUILTIN, PEER_MODULE, PEER_CLIENT, PEER_CHILD, PEER_PARENT };

/* Where messages come from and go to. Embedded in its owner. */
struct peer {
    enum peer_kind kind;
    char id[ROUTE_ID_SIZE];
    char why[96]; /* what is said to those whom it owes an answer when it goes */
    /* Takes *msg and sets it to NULL; -1 with errno: the caller keeps it. EAGAIN: it
     * takes no more now; the router keeps what comes until peer_writable. Adds and
     * removes no peer: whoever has to close one does it at the turn's end. */
    int (*send) (struct peer *p, flux_msg_t **msg);
    /* Called at the turn's end if so much waits for it that something would be lost:
     * the peer has to be removed. For those whose send says EAGAIN. */
    void (*stuck) (struct peer *p);
    void *arg;
    struct flux_msg_cred cred; /* of a client */
    struct user *user;         /* who pays for a client, or NULL */
    size_t serves;             /* services that a client registered */
    struct subs subs;
    struct inflight_peer *inflight; /* what it has to answer, what came through it */
    struct hashmap *used;           /* services that it talked to */
    double t_active;                /* clock_coarse of the last message from it */
    uint64_t last_used;
    struct msgqueue out; /* waits for peer_writable */
    size_t out_bytes;
    bool is_stuck;
    struct list node, stuck_node;
};

/* How brokers above and below are reached. NULL if there is none now. */
struct router_links {
    struct peer *(*parent) (struct broker *b);
    struct peer *(*towards) (struct broker *b, int rank); /* below: the next one */
    /* There is no way to this rank (ROUTER_UP: to the parent) now, and may be one soon:
     * what goes there waits for router_release. NULL: a lost way is not mended. */
    bool (*awaited) (struct broker *b, int rank);
};
#define ROUTER_UP (-1)
static inline struct peer *router_parent (struct broker *b)
{
    return b->links ? b->links->parent (b) : NULL;
}
static inline struct peer *router_towards (struct broker *b, int rank)
{
    return b->links ? b->links->towards (b, rank) : NULL;
}

int router_init (struct broker *b);
void router_fini (struct broker *b);
/* p->id may be empty: then one is made. */
int peer_add (struct broker *b, struct peer *p);
/* Takes it out of all tables. The peer may be freed or added again at once. At the end
 * of this turn, and so many at a time that nobody else has to wait, what it has not
 * answered fails with errnum, and those who were to answer requests that came through
 * it, and the services that it used, get disconnects. */
void peer_remove (struct broker *b, struct peer *p, int errnum);
/* It takes messages again. */
void peer_writable (struct broker *b, struct peer *p);
struct peer *peer_lookup (struct broker *b, const char *id);
void make_route_id (char id[ROUTE_ID_SIZE]);
/* Whether a request is answered with an error if there is no room for it: that a client
 * has left, or that a module is to end, is said once, and nobody waits for an answer. */
bool router_may_refuse (const flux_msg_t *msg);
/* It tells a service that a sender has left (RFC 6). */
bool router_is_disconnect (const flux_msg_t *msg);
/* What was left for the end of the turn. True if there is more. The reactor calls it,
 * where there is one. */
bool router_turn (struct broker *b);
bool router_pending (struct broker *b);
size_t router_inflight (struct broker *b); /* requests */
void router_set_queue_max (struct broker *b, size_t bytes);
/* Counters of "broker.stats-get", new. */
json_t *router_stats (struct broker *b);

/* A message from a peer (NULL: from the broker itself) on its way. All take
 * the message. */
void router_recv (struct broker *b, struct peer *from, flux_msg_t *msg);
/* One without its payload, of which there was more than its user may have waiting: a request
 * is refused, who waits for a response gets an error. Takes the message. */
void router_recv_cut (struct broker *b, struct peer *from, flux_msg_t *msg);
void router_request (struct broker *b, struct peer *from, flux_msg_t *msg);
void router_response (struct broker *b, struct peer *from, flux_msg_t *msg);
/* Sequence and distribute (rank 0), or send towards rank 0. */
void router_publish (struct broker *b, flux_msg_t *msg, uint32_t *seq);
/* No blanks, no control characters, nothing but ASCII: fit for a terminal. */
bool is_printable (const char *s);
/* Whether the sender may publish events of this topic; the reason if not. */
bool router_may_publish (struct broker *b, const char *topic, struct flux_msg_cred cred,
                         flux_error_t *error);
/* Rank 0 tells the others of a new configuration by this event. */
#define CONFIG_SYNC_TOPIC "config.sync"
/* A sequenced event on its way down. */
void router_event (struct broker *b, flux_msg_t *msg);
/* The broker known by this id on some way here has another way now: what came by the old
 * one is taken back, and what still comes by it is dropped. At once. */
void router_retire (struct broker *b, const char *id);
/* Ways have come, or will not come any more: what waits for them goes on. */
void router_release (struct broker *b);
/* Of the last event that was published or seen here. */
uint32_t router_event_seq (struct broker *b);
/* This broker comes in where the others are. */
void router_set_event_seq (struct broker *b, uint32_t seq);
/* Keep those that were last, for children that missed some. */
void router_keep_events (struct broker *b);
/* Whether all events behind this one are kept, or are none; send them. */
bool router_can_replay (struct broker *b, uint32_t seq);
void router_replay (struct broker *b, struct peer *p, uint32_t seq);
/* Past the services here, as if it had UPSTREAM. */
void router_forward_up (struct broker *b, const flux_msg_t *request);

/* An RPC of the broker's own. cb may be NULL: no answer wanted. response is
 * borrowed. json is taken. */
typedef void (*broker_rpc_f) (struct broker *b, const flux_msg_t *response, void *arg);
int broker_rpc (struct broker *b, const char *topic, uint32_t nodeid, json_t *json,
                broker_rpc_f cb, void *arg);
int broker_rpc_raw (struct broker *b, const char *topic, uint32_t nodeid,
                    const void *data, size_t len);

#endif
