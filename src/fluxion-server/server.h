/* gRPC wiring: sockets, calls and streams around a service. */
#ifndef FLUXION_SERVER_SERVER_H
#define FLUXION_SERVER_SERVER_H

#include <flux/types.h>

#include "fluxion-server/service.h"

struct server_config {
    const char *host;
    int port; /* 0: any free one */
    /* PEM texts; cert and key together, ca optional: then clients must show a
     * certificate that it signed. */
    const char *tls_cert, *tls_key, *tls_ca;
    int max_message;   /* bytes of a request */
    int64_t answer_ms; /* above 0: a client that takes longer to take its response in
                          loses it, and what it has got by that call */
};

struct server;

/* Bound; connections wait until server_run. NULL with *error. */
struct server *server_create (const struct server_config *conf, struct service *service,
                              flux_error_t *error);
void server_destroy (struct server *s);
/* "[::]:4242" */
const char *server_address (const struct server *s);
/* Answers calls until server_shutdown. */
void server_run (struct server *s);
/* Any thread, once: no new calls; those under way are cancelled. */
void server_shutdown (struct server *s);

#endif
