/* Output to a descriptor whose reader may pause, without waiting for it: what does
 * not fit is kept, and whoever writes is told to stop and to go on. */
#ifndef CMD_SINK_H
#define CMD_SINK_H

#include <flux/core.h>

struct sink;

/* name: in messages. resume: called when a sink that was full has room again. */
struct sink *sink_create (flux_reactor_t *r, int fd, const char *name,
                          void (*resume) (struct sink *s, void *arg), void *arg);
void sink_destroy (struct sink *s);
/* Never waits. A failure (said on stderr, once) loses all that follows, like a
 * program that ignores SIGPIPE. */
void sink_write (struct sink *s, const char *data, size_t len);
/* The writer should stop. */
bool sink_full (const struct sink *s);
/* Waits until all is written. -1 with errno if a write has failed. */
int sink_finish (struct sink *s);

#endif
