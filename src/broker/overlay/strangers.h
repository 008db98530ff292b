/* Connections at the overlay's port of which nothing is known: they were accepted, and no
 * message has come by them. What they send lies in the transport's memory before they have
 * proved who they are, so they may send little, and there may be so many. */
#ifndef BROKER_STRANGERS_H
#define BROKER_STRANGERS_H

#include <stddef.h>

/* Bytes: keys and a hello are some hundreds. */
#define STRANGER_BYTES (64 * 1024)

struct strangers;

/* At most max; NULL with ENOMEM. */
struct strangers *strangers_create (size_t max);
void strangers_destroy (struct strangers *s);
/* The descriptor is borrowed. Returns that of the one who has been one for longest if there
 * are too many now; else -1. With ENOMEM, fd itself. */
int strangers_add (struct strangers *s, int fd);
/* It is known now, or gone. */
void strangers_remove (struct strangers *s, int fd);
size_t strangers_count (const struct strangers *s);
/* One that has sent too much, or -1: at most count of them are looked at, those first that
 * were not for longest. */
int strangers_greedy (struct strangers *s, int count);

#endif
