/* A lock that threads get in the order in which they ask: a mutex goes to whoever is
 * awake, and so to a thread that has just had it, again and again. */
#ifndef FLUXION_SERVER_FAIR_H
#define FLUXION_SERVER_FAIR_H

#include <pthread.h>
#include <stdint.h>

struct fair {
    pthread_mutex_t mutex;
    pthread_cond_t next;
    uint64_t asked,
        served; /* numbers of the last one, and of the one whose turn it is */
};

void fair_init (struct fair *f);
void fair_fini (struct fair *f);
void fair_lock (struct fair *f);
void fair_unlock (struct fair *f);
/* Threads that hold it, or wait. */
uint64_t fair_count (struct fair *f);

#endif
