/* What a broker knows about a client, as seen from between them: enough to end what is
 * on its way when the connection to the broker is lost, and to put the client's
 * subscriptions and services back when there is a new one. No sockets. */
#ifndef CMD_PROXY_SESSION_H
#define CMD_PROXY_SESSION_H

#include <flux/message.h>

struct session;

typedef void (*session_f) (flux_msg_t *msg, void *arg); /* borrowed */

/* NULL with ENOMEM. */
struct session *session_create (void);
void session_destroy (struct session *s);

/* A message has come from the client, from the broker. -1 with ENOMEM. */
int session_up (struct session *s, const flux_msg_t *msg);
int session_down (struct session *s, const flux_msg_t *msg);

/* fn gets an answer with ECONNRESET to each request that waits for one, for the client;
 * then none is on its way. */
void session_lost (struct session *s, session_f fn, void *arg);
/* fn gets the requests, to which there will be no answer, that bring subscriptions and
 * services back, for the broker. */
void session_restore (struct session *s, session_f fn, void *arg);

#endif
