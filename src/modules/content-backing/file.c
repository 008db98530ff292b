#include "modules/content-backing/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse (int fd, const char *path, const char *why, int errnum,
                   flux_error_t *error)
{
    snprintf (error->text, sizeof (error->text), "%s: %s", path, why);
    if (fd >= 0)
        close (fd);
    errno = errnum;
    return -1;
}

int file_open_private (const char *path, int flags, flux_error_t *error)
{
    /* O_NONBLOCK: a planted FIFO must not hold us up. */
    int fd = open (path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0600);
    struct stat st;

    if (fd < 0 && errno == ELOOP)
        return refuse (-1, path, "is a symbolic link", ELOOP, error);
    if (fd < 0 || fstat (fd, &st) < 0)
        return refuse (fd, path, strerror (errno), errno, error);
    if (!S_ISREG (st.st_mode))
        return refuse (fd, path, "is not a regular file", EINVAL, error);
    if (st.st_uid != geteuid ())
        return refuse (fd, path, "belongs to another user", EPERM, error);
    if ((st.st_mode & 07777) != 0600 && fchmod (fd, 0600) < 0)
        return refuse (fd, path, strerror (errno), errno, error);
    return fd;
}
