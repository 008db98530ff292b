/* Requests that went to a peer and are not answered yet, so that they can be
 * answered for it when the peer is gone (RFC 6: every RPC ends). */
#ifndef BROKER_INFLIGHT_H
#define BROKER_INFLIGHT_H

#include <flux/message.h>
#include <stdbool.h>

struct inflight {
    struct inflight_entry **slots;
    size_t nslots; /* power of two, or 0 */
    size_t count;
};

void inflight_fini (struct inflight *t);
/* Remembers a request, unless nobody waits for the answer. */
int inflight_add (struct inflight *t, const flux_msg_t *request);
/* True if this responds to a request that is remembered, on the same way back. */
bool inflight_has (const struct inflight *t, const flux_msg_t *response);
/* Forgets the request that this response ends. */
void inflight_end (struct inflight *t, const flux_msg_t *response);
/* A disconnect, sent on behalf of a client that is gone: nobody waits for
 * what it asked for any more. */
void inflight_disconnect (struct inflight *t, const flux_msg_t *disconnect);
/* Takes one request out and gives its response, with errnum set; NULL if
 * there is none left. */
flux_msg_t *inflight_fail (struct inflight *t, int errnum, const char *errstr);
/* Takes one request out that came through the peer of this route id, and gives
 * the disconnect of its sender, for who was to answer; NULL if there is none. */
flux_msg_t *inflight_leave_via (struct inflight *t, const char *id);

#endif
