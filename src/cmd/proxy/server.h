/* The socket of `flux proxy`: each client of it has a connection of its own to the
 * instance, so that the broker sees, bounds and forgets it as any other. */
#ifndef CMD_PROXY_SERVER_H
#define CMD_PROXY_SERVER_H

#include <flux/handle.h>

struct proxy_server;

/* Listens in a directory of its own, as this user's alone. target: a native URI. keep:
 * clients outlive a lost connection (proxy_server_lost, _back). NULL with a line in
 * *error. */
struct proxy_server *proxy_server_create (flux_reactor_t *r, const char *target,
                                          bool keep, flux_error_t *error);
/* Closes all, removes socket and directory. */
void proxy_server_destroy (struct proxy_server *s);
/* local://... */
const char *proxy_server_uri (const struct proxy_server *s);

/* The instance cannot be reached: without keep clients are closed, and new ones refused;
 * with it what they wait for is answered with ECONNRESET, and what they ask waits. */
void proxy_server_lost (struct proxy_server *s);
/* It can be again. */
void proxy_server_back (struct proxy_server *s);

#endif
