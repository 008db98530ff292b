/* Two handles, each at the other's end. */
#ifndef CORE_SCHED_PAIR_TEST_H
#define CORE_SCHED_PAIR_TEST_H

#include <flux/core.h>

#include <stdio.h>
#include <sys/socket.h>

static inline flux_t *pair_end (int fd)
{
    char uri[32];

    snprintf (uri, sizeof (uri), "fd://%d", fd);
    return flux_open (uri, 0);
}

/* -1 with errno. */
static inline int pair_open (flux_t **a, flux_t **b)
{
    int fds[2];

    return socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0 && (*a = pair_end (fds[0]))
                   && (*b = pair_end (fds[1]))
               ? 0
               : -1;
}

#endif
