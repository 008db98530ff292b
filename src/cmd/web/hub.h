/* An instance that pages look at, and the pages (clients) that do. Everything a client
 * is told is the difference between what it knows and what is: a slow one skips what
 * came between, and costs a bounded amount of memory. */
#ifndef CMD_WEB_HUB_H
#define CMD_WEB_HUB_H

#include "cmd/web/stream.h"

#include <flux/core.h>

struct hubs;
struct hub;
struct client;

struct client_ops {
    /* Something is in the stream. */
    void (*ready) (void *arg);
};

/* uri NULL: FLUX_URI. lost: the connection to this instance is gone. NULL with *error. */
struct hubs *hubs_create (flux_reactor_t *r, const char *uri, void (*lost) (void *arg),
                          void *arg, flux_error_t *error);
void hubs_destroy (struct hubs *hs);
/* After flux_reactor_run has failed: true if that was a connection of ours. */
bool hubs_check (struct hubs *hs);

/* The handle of an instance that is open, else NULL with ENOTCONN. */
flux_t *hubs_handle (struct hubs *hs, const char *path);

/* A new reader of events; the first is "hello" with what is given. constraint and hello
 * are taken. NULL with EINVAL (path), EAGAIN (too many
 * instances or readers), ENOMEM. */
struct client *client_create (struct hubs *hs, const char *path,
                              json_t *take_constraint, int limit, json_t *take_hello,
                              const struct client_ops *ops, void *arg);
void client_destroy (struct client *c);
struct stream *client_stream (struct client *c);
/* It has taken what was there. */
void client_drained (struct client *c);

#endif
