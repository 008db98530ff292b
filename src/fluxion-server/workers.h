/* Threads that do the work of turns.h. */
#ifndef FLUXION_SERVER_WORKERS_H
#define FLUXION_SERVER_WORKERS_H

#include "fluxion-server/turns.h"

struct workers;

/* NULL with errno. One thread always is left for what is not heavy. */
struct workers *workers_create (size_t nthreads);
/* All that was added is done first; what is added from now on is done by who adds it. */
void workers_stop (struct workers *w);
void workers_destroy (struct workers *w);

/* As of turns.h; any thread. */
struct client *workers_client (struct workers *w, const char *name);
void workers_let_go (struct workers *w, struct client *client);
void workers_add (struct workers *w, struct client *client, struct work *work);

#endif
