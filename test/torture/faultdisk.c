/* A library for LD_PRELOAD: the k-th write to the content store fails, and all
 * after it, until the disk is well again.
 *
 * FAULTDISK names a file with "ENOSPC K COUNT" or "EIO K COUNT". While it is there,
 * calls are counted that write to, truncate, sync or rename a content.sqlite* or what is
 * in content.files; from the K-th on COUNT of them fail (0: all). The first failure makes
 * a file of that name with ".hit" behind it. */
/* pwrite and pwrite64 are two names here. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int seen, failed;

static bool is_store (int fd)
{
    char link[64], path[4096];
    ssize_t n;

    snprintf (link, sizeof (link), "/proc/self/fd/%d", fd);
    n = readlink (link, path, sizeof (path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return strstr (path, "/content.sqlite") || strstr (path, "/content.files");
}

static void tell (const char *control)
{
    char path[4096];

    snprintf (path, sizeof (path), "%s.hit", control);
    close (open (path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

/* 0, or the errno of this call. */
static int fault (int fd)
{
    const char *control = getenv ("FAULTDISK");
    char kind[16];
    int at, count, n;
    FILE *f;

    if (!control || !is_store (fd) || !(f = fopen (control, "re")))
        return 0;
    n = fscanf (f, "%15s %d %d", kind, &at, &count);
    fclose (f);
    if (n != 3 || ++seen < at || (count > 0 && failed >= count))
        return 0;
    if (failed++ == 0)
        tell (control);
    return strcmp (kind, "EIO") == 0 ? EIO : ENOSPC;
}

#define REAL(name) ((__typeof__ (name) *)dlsym (RTLD_NEXT, #name))
#define FAIL_OR(fd, call)                                                              \
    do {                                                                               \
        int e = fault (fd);                                                            \
        if (e) {                                                                       \
            errno = e;                                                                 \
            return -1;                                                                 \
        }                                                                              \
        return call;                                                                   \
    } while (0)

ssize_t pwrite64 (int fd, const void *data, size_t len, off64_t at)
{
    FAIL_OR (fd, REAL (pwrite64) (fd, data, len, at));
}

ssize_t pwrite (int fd, const void *data, size_t len, off_t at)
{
    FAIL_OR (fd, REAL (pwrite) (fd, data, len, at));
}

ssize_t write (int fd, const void *data, size_t len)
{
    FAIL_OR (fd, REAL (write) (fd, data, len));
}

int ftruncate (int fd, off_t len)
{
    FAIL_OR (fd, REAL (ftruncate) (fd, len));
}

int ftruncate64 (int fd, off64_t len)
{
    FAIL_OR (fd, REAL (ftruncate64) (fd, len));
}

int fsync (int fd)
{
    FAIL_OR (fd, REAL (fsync) (fd));
}

int syncfs (int fd)
{
    FAIL_OR (fd, REAL (syncfs) (fd));
}

int renameat (int from, const char *a, int to, const char *b)
{
    FAIL_OR (to, REAL (renameat) (from, a, to, b));
}

int fdatasync (int fd)
{
    FAIL_OR (fd, REAL (fdatasync) (fd));
}
