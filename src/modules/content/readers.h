/* Regions of files are read and hashed by threads, a few at once. What they find comes in the
 * order in which it was asked for, whichever is done first: who has asked handles one request
 * after the other. A thread lives as long as there is something to read. */
#ifndef CONTENT_READERS_H
#define CONTENT_READERS_H

#include "base/digest.h"

#include <stdbool.h>
#include <stdint.h>

#define READERS_QUEUE_MAX 4096

struct readers;

/* digest: which one; borrowed. NULL with errno. */
struct readers *readers_create (const struct digest *digest);
/* Waits for what a thread is reading, up to its next piece. Items that were not taken go to
 * drop, in their order. */
void readers_destroy (struct readers *r, void (*drop) (void *item));

/* item: the caller's, comes with the result. path NULL: nothing is read, item comes when all
 * before it have. -1 with errno: ENOMEM; EAGAIN: there are READERS_QUEUE_MAX. */
int readers_add (struct readers *r, const char *path, int64_t offset, int64_t size,
                 void *item);
/* Readable when there may be something to take. */
int readers_fd (struct readers *r);
/* The oldest, if it is done: its item, and *errnum, or 0 and the digest. NULL: not yet; then
 * readers_fd becomes readable when it is. */
void *readers_take (struct readers *r, int *errnum, void *digest);
/* Nothing waits, and nothing is to be taken. */
bool readers_empty (const struct readers *r);

/* What the threads do. -1 with errno: ENODATA: the file ends before; ENOENT, EACCES, ... */
int readers_hash (struct digest *d, const char *path, int64_t offset, int64_t size,
                  void *digest);

#endif
