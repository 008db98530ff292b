/* How near the limit of open files a process is. Some are kept for what cannot wait:
 * libraries spin or abort where there is none. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

static inline int descriptors_limit (void)
{
    struct rlimit rl;

    if (getrlimit (RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur > 1u << 30)
        return 1 << 30;
    return (int)rl.rlim_cur;
}

/* The first number of those that are kept: an eighth of all, at most 64. */
static inline int descriptors_kept (int limit)
{
    return limit - (limit / 8 < 64 ? limit / 8 : 64);
}

/* The next one would be below that? It is the lowest that is free, as fd, which is open,
 * is told when it is duplicated. */
static inline bool descriptors_left (int fd, int kept)
{
    int next = fcntl (fd, F_DUPFD_CLOEXEC, 0);

    if (next >= 0)
        close (next);
    return next >= 0 && next < kept;
}

/* Linux makes a process's table of descriptors larger when one beyond 64, 128, ... is opened;
 * where there is more than one thread, that one waits until every processor has passed the
 * scheduler, often for ten milliseconds. So a program with threads has this done before
 * them. */
static inline void descriptors_prepare (void)
{
    int last = descriptors_limit () - 1;
    int fd = fcntl (0, F_DUPFD_CLOEXEC, last < 511 ? last : 511);

    if (fd >= 0)
        close (fd);
}

#endif
