/* Requests that went to a peer and are not answered yet, so that they can be
 * answered for it when the peer is gone (RFC 6: every RPC ends), and taken back when
 * the one who asked is.
 *
 * One table for a broker. A request is found in constant time by its answer, by who is
 * to answer it, by the peer that it came through, and by its sender and service. */
#ifndef BROKER_INFLIGHT_H
#define BROKER_INFLIGHT_H

#include <flux/message.h>

#include "base/list.h"
#include "broker/routing/quota.h"

struct inflight;

/* One peer's part. Its address names the peer. */
struct inflight_peer {
    void *owner;      /* NULL when it is gone */
    struct list to;   /* what it has to answer */
    struct list from; /* what came through it */
    size_t to_count, from_count;
};

/* What a response was found to be. */
enum inflight_found {
    INFLIGHT_UNTRACKED, /* to a request without matchtag */
    INFLIGHT_UNKNOWN,   /* to no request that is in flight */
    INFLIGHT_GOES_ON,   /* of a stream */
    INFLIGHT_ENDED,     /* the last one; the request is forgotten */
};

/* quota may be NULL. */
struct inflight *inflight_create (struct quota *quota);
void inflight_destroy (struct inflight *t);
size_t inflight_count (const struct inflight *t);
void inflight_peer_init (struct inflight_peer *p, void *owner);

/* Remembers a request, unless nobody waits for the answer. from is NULL if it is the
 * broker's own. user: who pays (NULL: nobody). -1 with ENOMEM, ENOBUFS. */
int inflight_add (struct inflight *t, struct inflight_peer *to,
                  struct inflight_peer *from, struct user *user,
                  const flux_msg_t *request);
/* Forgets what was added last for this peer: it could not be sent. */
void inflight_undo (struct inflight *t, struct inflight_peer *to);
/* A response from a peer. exact: the whole way back has to be that of the request. */
enum inflight_found inflight_respond (struct inflight *t, struct inflight_peer *to,
                                      const flux_msg_t *response, bool exact);
/* A disconnect on its way to a peer, on behalf of a client that is gone: nobody
 * waits for what it asked of this service, at this nodeid, there any more. */
void inflight_disconnect (struct inflight *t, struct inflight_peer *to,
                          const flux_msg_t *disconnect);
/* A peer other than `to` that still has to answer such a request, because it was the
 * way to the service then; NULL if there is none. */
struct inflight_peer *inflight_elsewhere (struct inflight *t,
                                          const struct inflight_peer *to,
                                          const flux_msg_t *disconnect);
/* Takes one request out that p has to answer, and gives its response, with errnum set;
 * NULL if there is none left. */
flux_msg_t *inflight_fail (struct inflight *t, struct inflight_peer *p, int errnum,
                           const char *errstr);
/* Takes one request out that came through p, with all of the same sender to the same
 * service, and gives the disconnect of its sender for *to; NULL if there is none. */
flux_msg_t *inflight_leave (struct inflight *t, struct inflight_peer *p,
                            struct inflight_peer **to);

/* The same for one that came through a broker known by this id somewhere on the way; the
 * table is walked once, *pos is 0 before the first call. */
flux_msg_t *inflight_leave_via (struct inflight *t, const char *id, size_t *pos,
                                struct inflight_peer **to);
/* Whether the id is among the routes (NUL-terminated strings). */
bool inflight_via (const char *routes, size_t len, const char *id);

#endif
