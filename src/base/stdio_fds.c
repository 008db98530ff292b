#include "base/stdio_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int stdio_fds_open (void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl (fd, F_GETFD) >= 0)
            continue;
        /* open takes the lowest free number: with those below it open, fd. */
        int got = open ("/dev/null", O_RDWR);
        if (got < 0)
            return -1;
        if (got != fd) {
            close (got);
            errno = EBADF;
            return -1;
        }
    }
    return 0;
}
