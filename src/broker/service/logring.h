/* The last lines of the log, numbered without a gap. */
#ifndef BROKER_LOGRING_H
#define BROKER_LOGRING_H

#include <stddef.h>
#include <stdint.h>

struct logring;

struct logring *logring_create (int size);
void logring_destroy (struct logring *r);
/* Copies the text. The oldest line goes if the ring is full. */
int logring_append (struct logring *r, const char *text, size_t len);
int logring_resize (struct logring *r, int size);
void logring_clear (struct logring *r);
/* Lines first <= seq < next are there. */
uint64_t logring_first (const struct logring *r);
uint64_t logring_next (const struct logring *r);
/* NUL-terminated, borrowed; NULL if it is gone. */
const char *logring_get (const struct logring *r, uint64_t seq, size_t *len);

#endif
