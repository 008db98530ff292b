/* The last lines of an output, of which more and more comes. */
#ifndef CMD_ATTACH_TAIL_H
#define CMD_ATTACH_TAIL_H

#include <stdbool.h>
#include <stddef.h>

struct tail;
/* count: lines to keep. NULL: out of memory. */
struct tail *tail_create (size_t count);
void tail_destroy (struct tail *t);
/* Adds data of a task's stream. A line goes on where that stream's last one has not
 * ended, unless others have written meanwhile. -1 with ENOMEM. */
int tail_add (struct tail *t, unsigned int rank, bool err, const char *data,
              size_t len);
/* Hands out what was kept, in order, and forgets it. */
typedef void (*tail_f) (unsigned int rank, bool err, const char *data, size_t len,
                        void *arg);
void tail_flush (struct tail *t, tail_f fn, void *arg);

#endif
