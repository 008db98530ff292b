/* HTTP: requests in, answers and event streams out. */
#ifndef CMD_WEB_SERVER_H
#define CMD_WEB_SERVER_H

#include "cmd/web/guard.h"
#include "cmd/web/hub.h"

#include <sys/socket.h>

struct server;

struct server_options {
    const struct sockaddr *addr;
    const char *name; /* as the user gave it */
    const char *cert; /* PEM text; NULL: no TLS */
    const char *key;
    const char *page_dir; /* of index.html, app.js, app.css, icon.svg */
};

/* NULL with *error. */
struct server *server_create (flux_reactor_t *r, struct hubs *hubs,
                              const struct server_options *opt, flux_error_t *error);
void server_destroy (struct server *s);
int server_port (const struct server *s);
const char *server_token (const struct server *s);

#endif
