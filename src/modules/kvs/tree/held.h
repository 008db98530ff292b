/* Roots that were handed out, and may be read after newer ones have come: the garbage
 * collection of the store keeps what is below them.
 *
 * Who asked for one over a connection to rank 0 has it until that ends, and all have it
 * for HELD_LEASE seconds. There are bounds; beyond them the oldest is forgotten. */
#ifndef KVS_HELD_H
#define KVS_HELD_H

#include "base/digest.h"

#include <stddef.h>

#define HELD_LEASE 60. /* s */
#define HELD_MAX 1024  /* of each kind */
#define HELD_EACH 8    /* of a connection */

struct kvs_held;

struct kvs_held *kvs_held_create (void);
void kvs_held_destroy (struct kvs_held *h);
/* sender NULL: nobody whose end would be known. -1 with ENOMEM. */
int kvs_held_add (struct kvs_held *h, const char *rootref, const char *sender,
                  double now);
void kvs_held_release (struct kvs_held *h, const char *sender, double now);
/* Calls fn for each root that is held. Stops if fn returns -1. */
int kvs_held_foreach (struct kvs_held *h, double now,
                      int (*fn) (void *arg, const char *rootref), void *arg);

#endif
