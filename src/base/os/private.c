#include "base/os/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__ ((format (printf, 3, 4))) static int fail (char *why, int errnum,
                                                         const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (why, PRIVATE_WHY_SIZE, fmt, ap);
    va_end (ap);
    errno = errnum;
    return -1;
}

static int check_dir (const struct stat *st, char *why)
{
    if (st->st_uid != geteuid ())
        return fail (why, EPERM, "belongs to user %u", (unsigned)st->st_uid);
    if ((st->st_mode & 022))
        return fail (why, EPERM, "others may write to it (mode %04o)",
                     (unsigned)st->st_mode & 07777);
    return 0;
}

static int explain (const char *path, int errnum, char *why)
{
    struct stat st;

    if ((errnum == ELOOP || errnum == ENOTDIR) && lstat (path, &st) == 0)
        return fail (why, errnum, "%s",
                     S_ISLNK (st.st_mode) ? "is a symbolic link"
                                          : "is not a directory");
    return fail (why, errnum, "%s", strerror (errnum));
}

int private_dir_open (const char *path, char why[PRIVATE_WHY_SIZE])
{
    int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return explain (path, errno, why);
    if (fstat (fd, &st) < 0 || check_dir (&st, why) < 0) {
        int saved_errno = errno;

        close (fd);
        errno = saved_errno;
        return -1;
    }
    return fd;
}

static bool has_prefix (const char *name, const char *const prefixes[])
{
    for (; *prefixes; prefixes++)
        if (strncmp (name, *prefixes, strlen (*prefixes)) == 0)
            return true;
    return false;
}

static int check_entry (int fd, const char *name, char *why)
{
    struct stat st;

    if (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0
                               : fail (why, errno, "%.60s: %s", name, strerror (errno));
    if (S_ISLNK (st.st_mode))
        return fail (why, ELOOP, "%.60s: is a symbolic link", name);
    if (st.st_uid != geteuid ())
        return fail (why, EPERM, "%.60s: belongs to user %u", name,
                     (unsigned)st.st_uid);
    return 0;
}

int private_dir_check (int fd, const char *const prefixes[], char why[PRIVATE_WHY_SIZE])
{
    int copy = openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir (copy) : NULL;
    struct dirent *d;
    int rc = 0;

    if (!dir) {
        if (copy >= 0)
            close (copy);
        return fail (why, errno, "%s", strerror (errno));
    }
    while (rc == 0 && (d = readdir (dir)))
        if (has_prefix (d->d_name, prefixes))
            rc = check_entry (fd, d->d_name, why);
    closedir (dir);
    return rc;
}

const char *private_tmpdir (void)
{
    const char *dir = getenv ("TMPDIR");

    return dir && *dir ? dir : "/tmp";
}

char *private_mkdtemp (char *template)
{
    if (!mkdtemp (template))
        return NULL;
    if (chmod (template, 0700) < 0) {
        int saved_errno = errno;

        (void)rmdir (template);
        errno = saved_errno;
        return NULL;
    }
    return template;
}

int private_peer (int fd, uid_t *uid, pid_t *pid)
{
    struct ucred uc;
    socklen_t len = sizeof (uc);

    if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0)
        return -1;
    *uid = uc.uid;
    if (pid)
        *pid = uc.pid;
    return 0;
}
