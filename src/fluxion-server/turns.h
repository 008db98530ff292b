/* Work of many clients in a fair order: clients take turns, one piece of work of each at
 * a time, and what one client asks for is done in the order in which it came. Heavy
 * work never takes all hands. Pure: no lock, no thread. */
#ifndef FLUXION_SERVER_TURNS_H
#define FLUXION_SERVER_TURNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct turns;
struct client;

struct work {
    struct list entry;
    bool heavy;
    void (*run) (struct work *work); /* for workers.h; may free it */
};

/* So much heavy work is under way at most. NULL: ENOMEM. */
struct turns *turns_create (size_t heavy_max);
/* There is no work left, and no client is held. */
void turns_destroy (struct turns *t);

/* The client of that name (of its connection), new or not; held until it is let go.
 * NULL: ENOMEM. */
struct client *turns_client (struct turns *t, const char *name);
void turns_let_go (struct turns *t, struct client *client);

/* Borrowed until it is done; the client is held as long. */
void turns_add (struct turns *t, struct client *client, struct work *work);
/* What is to be done next, NULL if there is nothing that may start now. *client is to be
 * given to turns_done when it is done. */
struct work *turns_next (struct turns *t, struct client **client);
void turns_done (struct turns *t, struct client *client);

size_t turns_clients (const struct turns *t);

#endif
