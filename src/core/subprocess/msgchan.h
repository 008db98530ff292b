/* Message channels of a process (RFC 42): it gets a descriptor, and what it sends there
 * goes to a URI, and the other way round. */
#ifndef CORE_SUBPROCESS_MSGCHAN_H
#define CORE_SUBPROCESS_MSGCHAN_H

#include <flux/reactor.h>

#include "base/list.h"

struct msgchan {
    struct list node;
};

/* *child is the process's end, to be closed by the caller. NULL with errno: of flux_open,
 * or of the sockets. Weak: the shell's plugins have commands, but start none of them. */
struct msgchan *msgchan_create (flux_reactor_t *r, const char *uri, int *child)
    __attribute__ ((weak));
void msgchan_destroy (struct msgchan *mc) __attribute__ ((weak));

#endif
