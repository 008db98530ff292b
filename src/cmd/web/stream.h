/* What one reader of events has not taken yet (server-sent events), with a bound. Pure. */
#ifndef CMD_WEB_STREAM_H
#define CMD_WEB_STREAM_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define STREAM_MAX (1 << 20)
/* A reader that has this much before it gets what changed when it has taken it: what
 * is sent then is the difference to what it knows. */
#define STREAM_BUSY (1 << 16)

struct stream {
    struct buf buf;
    size_t pos; /* taken */
    bool dead;  /* the bound was hit: the reader is dropped */
};

void stream_init (struct stream *s);
void stream_fini (struct stream *s);
/* event: NAME, data: o in one line. Takes o. */
void stream_send (struct stream *s, const char *event, json_t *take_o);
bool stream_busy (const struct stream *s);
/* Up to max bytes; 0: nothing is there; -1: dead. */
ssize_t stream_take (struct stream *s, char *out, size_t max);

#endif
