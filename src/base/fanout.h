/* A queue with several readers: each takes the items that are meant for it at its own
 * pace, and the owner gets an item back when all have taken it whole. What a slow
 * reader has not taken is there once, not once for each. */
#ifndef BASE_FANOUT_H
#define BASE_FANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* Embedded in what its owner queues. */
struct fanout_item {
    struct list node;
    size_t len;
    int waiting;    /* readers that have not taken all of it */
    uint64_t *for_; /* bits of the readers */
};

struct fanout_reader {
    struct fanout_item *at; /* NULL: has taken all */
    size_t off;
};

struct fanout {
    struct list items;
    struct fanout_reader *readers;
    int count;
    size_t bytes; /* sum of the lengths queued */
};

/* -1 with ENOMEM. */
int fanout_init (struct fanout *q, int readers);
/* Items still queued must have been popped (fanout_drop for all readers). */
void fanout_fini (struct fanout *q);

/* Appends an item that nobody reads yet. -1 with ENOMEM. */
int fanout_add (struct fanout *q, struct fanout_item *item, size_t len);
/* The newest item is for this reader, too. */
void fanout_give (struct fanout *q, int reader);

/* What the reader has to take next, from *off; NULL: nothing. */
struct fanout_item *fanout_at (const struct fanout *q, int reader, size_t *off);
/* It has taken len bytes, of one or more items; 0 ends an item of length 0. More
 * than there is counts as all. */
void fanout_advance (struct fanout *q, int reader, size_t len);
/* It will take nothing of what is queued. */
void fanout_drop (struct fanout *q, int reader);
/* The oldest item, if all have taken it; the caller owns it again. */
struct fanout_item *fanout_pop (struct fanout *q);

#endif
