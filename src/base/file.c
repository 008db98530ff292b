#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/pages.h"

static void close_keep_errno (int fd)
{
    int saved_errno = errno;
    close (fd);
    errno = saved_errno;
}

/* The other end of a non-blocking descriptor is slow: wait for it. */
static int wait_for (int fd, short events)
{
    struct pollfd pfd = { .fd = fd, .events = events };

    if (poll (&pfd, 1, -1) < 0 && errno != EINTR)
        return -1;
    return 0;
}

char *fd_read_all (int fd, size_t *lenp)
{
    struct stat st;
    size_t cap = 4096;
    size_t len = 0;
    char *data = NULL;

    /* A regular file in one read: its size, one byte to see its end, NUL. */
    if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_size > 0)
        cap = st.st_size + 2;
    if (!(data = pages_alloc (cap)))
        return NULL;
    for (;;) {
        ssize_t n;
        if (len + 1 == cap) {
            char *more =
                cap <= SIZE_MAX / 2 ? pages_realloc (data, len, cap * 2) : NULL;
            if (!more) {
                errno = ENOMEM;
                goto error;
            }
            data = more;
            cap *= 2;
        }
        n = read (fd, data + len, cap - len - 1);
        if (n == 0)
            break;
        if (n > 0)
            len += n;
        else if (errno == EAGAIN && wait_for (fd, POLLIN) < 0)
            goto error;
        else if (errno != EINTR && errno != EAGAIN)
            goto error;
    }
    data[len] = '\0';
    if (lenp)
        *lenp = len;
    return data;
error:;
    int saved_errno = errno;
    free (data);
    errno = saved_errno;
    return NULL;
}

char *file_read_all (const char *path, size_t *len)
{
    char *data;
    int fd;

    if ((fd = open (path, O_RDONLY | O_CLOEXEC)) < 0)
        return NULL;
    data = fd_read_all (fd, len);
    close_keep_errno (fd);
    return data;
}

int fd_read_exactly (int fd, void *data, size_t len)
{
    char *p = data;

    while (len > 0) {
        ssize_t n = read (fd, p, len);

        if (n > 0) {
            p += n;
            len -= n;
        } else if (n == 0) {
            errno = ENODATA;
            return -1;
        } else if (errno == EAGAIN) {
            if (wait_for (fd, POLLIN) < 0)
                return -1;
        } else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int fd_write_all (int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write (fd, p, len);
        if (n >= 0) {
            p += n;
            len -= n;
        } else if (errno == EAGAIN) {
            if (wait_for (fd, POLLOUT) < 0)
                return -1;
        } else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int file_write_all (const char *path, const void *data, size_t len, mode_t mode)
{
    char tmp[PATH_MAX];
    int fd;

    if (snprintf (tmp, sizeof (tmp), "%s.XXXXXX", path) >= (int)sizeof (tmp)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if ((fd = mkostemp (tmp, O_CLOEXEC)) < 0)
        return -1;
    if (fchmod (fd, mode) < 0 || fd_write_all (fd, data, len) < 0) {
        close_keep_errno (fd);
        goto error;
    }
    if (close (fd) < 0 || rename (tmp, path) < 0)
        goto error;
    return 0;
error:;
    int saved_errno = errno;
    unlink (tmp);
    errno = saved_errno;
    return -1;
}

static int remove_at (int dirfd, const char *name);

static int remove_entries (int fd)
{
    struct dirent *d;
    DIR *dir;
    int rc = 0;

    if (!(dir = fdopendir (fd))) {
        close_keep_errno (fd);
        return -1;
    }
    while (rc == 0 && (d = readdir (dir))) {
        if (strcmp (d->d_name, ".") && strcmp (d->d_name, ".."))
            rc = remove_at (fd, d->d_name);
    }
    int saved_errno = errno;
    closedir (dir);
    errno = saved_errno;
    return rc;
}

static int remove_at (int dirfd, const char *name)
{
    int fd;

    if (unlinkat (dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    fd = openat (dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || remove_entries (fd) < 0)
        return -1;
    if (unlinkat (dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return -1;
    return 0;
}

int dir_remove (const char *path)
{
    struct stat st;

    if (lstat (path, &st) < 0)
        return -1;
    if (!S_ISDIR (st.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return remove_at (AT_FDCWD, path);
}

int fd_set_nonblocking (int fd)
{
    int flags = fcntl (fd, F_GETFL);

    if (flags < 0)
        return -1;
    return fcntl (fd, F_SETFL, flags | O_NONBLOCK);
}

int fd_set_cloexec (int fd)
{
    int flags = fcntl (fd, F_GETFD);

    if (flags < 0)
        return -1;
    return fcntl (fd, F_SETFD, flags | FD_CLOEXEC);
}

int fd_fill_standard (void)
{
    int fd;

    /* open gives the lowest number that is free */
    do {
        if ((fd = open ("/dev/null", O_RDWR)) < 0)
            return -1;
    } while (fd <= STDERR_FILENO);
    return close (fd);
}

int fd_above_standard (int fd)
{
    int up, saved_errno;

    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    up = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    saved_errno = errno;
    close (fd);
    errno = saved_errno;
    return up;
}
