/* The answers of a streaming request, of which those that have come can be applied before
 * something else is answered. (A continuation runs in a later turn of the reactor than the
 * handler of a request that came behind the answer.) */
#ifndef CORE_FUTURE_STREAM_H
#define CORE_FUTURE_STREAM_H

#include <flux/core.h>

struct stream;

/* One answer, in f. -1: it cannot be applied, and has been logged; 1: it was the last. */
typedef int stream_f (flux_future_t *f, void *arg);

/* Answers are applied as the reactor finds them. Where one cannot be, the reactor stops with
 * an error, and no later one is applied. Takes f, the request, which may be NULL as that
 * failed. NULL with errno. */
struct stream *stream_open (flux_future_t *f, stream_f *apply, void *arg);
/* Apply what has come already, so that what is answered next is behind it. No call from
 * within `apply`; NULL: nothing has. */
void stream_catch_up (struct stream *s);
void stream_close (struct stream *s);

#endif
