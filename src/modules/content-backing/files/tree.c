#include "tree.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/os/private.h"
#include "core/kvs/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS "0123456789abcdef"
#define NAME_SIZE (2 * DIGEST_MAX_SIZE + 2) /* "ab/cdef", NUL */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static void name_of (const void *hash, size_t size, char name[NAME_SIZE])
{
    const unsigned char *h = hash;
    char *p = name;

    for (size_t i = 0; i < size; i++) {
        *p++ = DIGITS[h[i] >> 4];
        *p++ = DIGITS[h[i] & 15];
        if (i == 0)
            *p++ = '/';
    }
    *p = '\0';
}

static int digit (char c)
{
    const char *p = c ? strchr (DIGITS, c) : NULL;

    return p ? p - DIGITS : -1;
}

int tree_hash (int number, const char *name, void *hash, size_t hash_size)
{
    unsigned char *h = hash;

    if (strlen (name) != 2 * (hash_size - 1))
        return -1;
    h[0] = number;
    for (size_t i = 1; i < hash_size; i++, name += 2) {
        int high = digit (name[0]), low = digit (name[1]);

        if (high < 0 || low < 0)
            return -1;
        h[i] = high << 4 | low;
    }
    return 0;
}

/* ---- opening ---- */

static int open_subdir (int parent, const char *name)
{
    if (mkdirat (parent, name, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat (parent, name, DIR_FLAGS);
}

/* What a broker that was killed has left. */
static int clear_new (int fd)
{
    struct dirent *e;
    DIR *d;
    int copy = openat (fd, ".", DIR_FLAGS);

    if (copy < 0 || !(d = fdopendir (copy)))
        return -1;
    while ((e = readdir (d)))
        if (e->d_name[0] != '.')
            unlinkat (fd, e->d_name, 0);
    closedir (d);
    return 0;
}

static int open_top (struct tree *t, const char *path, flux_error_t *error)
{
    char why[PRIVATE_WHY_SIZE];

    if (mkdir (path, 0700) < 0 && errno != EEXIST)
        return error_fail (error, errno, "%s", strerror (errno));
    if ((t->fd = private_dir_open (path, why)) < 0)
        return error_fail (error, errno, "%s", why);
    if (flock (t->fd, LOCK_EX | LOCK_NB) < 0)
        return error_fail (error, errno, "%s",
                           errno == EWOULDBLOCK ? "another instance uses it"
                                                : strerror (errno));
    if (fchmod (t->fd, 0700) < 0)
        return error_fail (error, errno, "%s", strerror (errno));
    return 0;
}

int tree_open (struct tree *t, const char *path, flux_error_t *error)
{
    *t = (struct tree){ -1, -1, -1, false };
    if (open_top (t, path, error) < 0) {
        tree_close (t);
        return -1;
    }
    t->fresh = faccessat (t->fd, "blobs", F_OK, AT_SYMLINK_NOFOLLOW) < 0;
    if ((t->new = open_subdir (t->fd, "new")) < 0 || clear_new (t->new) < 0
        || (!t->fresh && (t->blobs = open_subdir (t->fd, "blobs")) < 0)) {
        error_fail (error, errno, "%s", strerror (errno));
        tree_close (t);
        return -1;
    }
    return 0;
}

int tree_ready (struct tree *t)
{
    if (t->fresh && (t->blobs = open_subdir (t->fd, "blobs")) < 0)
        return -1;
    t->fresh = false;
    return 0;
}

void tree_close (struct tree *t)
{
    int saved_errno = errno, fds[] = { t->fd, t->blobs, t->new };

    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close (fds[i]);
    *t = (struct tree){ -1, -1, -1, false };
    errno = saved_errno;
}

/* ---- files ---- */

static int write_new (struct tree *t, const char *name, const void *data, size_t len,
                      bool sync)
{
    int fd, rc;

    if ((fd = openat (t->new, name,
                      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600))
        < 0)
        return -1;
    rc = fd_write_all (fd, data, len);
    if (rc == 0 && sync)
        rc = fsync (fd);
    if (close (fd) < 0)
        rc = -1;
    return rc;
}

static void unlink_new (struct tree *t, const char *name)
{
    int saved_errno = errno;

    unlinkat (t->new, name, 0);
    errno = saved_errno;
}

static int rename_blob (struct tree *t, const char *from, const char *to)
{
    char sub[3] = { to[0], to[1], '\0' };

    if (renameat (t->new, from, t->blobs, to) == 0)
        return 0;
    if (errno != ENOENT || mkdirat (t->blobs, sub, 0700) < 0)
        return -1;
    return renameat (t->new, from, t->blobs, to);
}

static int64_t length_of (struct tree *t, const char *name)
{
    struct stat st;

    if (fstatat (t->blobs, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (!S_ISREG (st.st_mode)) {
        errno = EBADMSG;
        return -1;
    }
    return st.st_size;
}

int tree_put (struct tree *t, const void *hash, size_t hash_size, const void *data,
              size_t len)
{
    char name[NAME_SIZE];

    name_of (hash, hash_size, name);
    /* A file of another length is what a crash of the machine has made of it. */
    if (length_of (t, name) == (int64_t)len)
        return 0;
    if (write_new (t, "blob", data, len, false) < 0
        || rename_blob (t, "blob", name) < 0) {
        unlink_new (t, "blob");
        return -1;
    }
    return 1;
}

static int read_all (int fd, int64_t size, struct buf *out)
{
    ssize_t n = 1;

    if (size > BLOB_SIZE_MAX) {
        errno = EBADMSG;
        return -1;
    }
    if (buf_reserve (out, size) < 0) {
        errno = ENOMEM;
        return -1;
    }
    while ((int64_t)out->len < size && n != 0)
        if ((n = read (fd, out->data + out->len, size - out->len)) > 0)
            out->len += n;
        else if (n < 0 && errno != EINTR)
            return -1;
    out->data[out->len] = '\0';
    return 0;
}

int tree_get (struct tree *t, const void *hash, size_t hash_size, struct buf *out)
{
    char name[NAME_SIZE];
    int64_t size;
    int fd, rc;

    buf_reset (out);
    name_of (hash, hash_size, name);
    if ((size = length_of (t, name)) < 0
        || (fd =
                openat (t->blobs, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
               < 0)
        return -1;
    rc = read_all (fd, size, out);
    close (fd);
    return rc;
}

int64_t tree_length (struct tree *t, const void *hash, size_t hash_size)
{
    char name[NAME_SIZE];

    name_of (hash, hash_size, name);
    return length_of (t, name);
}

int tree_drop (struct tree *t, const void *hash, size_t hash_size)
{
    char name[NAME_SIZE];

    name_of (hash, hash_size, name);
    return unlinkat (t->blobs, name, 0);
}

DIR *tree_subdir (struct tree *t, int number)
{
    char name[3] = { DIGITS[number >> 4], DIGITS[number & 15], '\0' };
    int fd = openat (t->blobs, name, DIR_FLAGS);

    return fd < 0 ? NULL : fdopendir (fd);
}

int tree_write (struct tree *t, const char *name, const char *text, bool sync)
{
    if (write_new (t, name, text, strlen (text), sync) < 0
        || renameat (t->new, name, t->fd, name) < 0) {
        unlink_new (t, name);
        return -1;
    }
    return sync && fsync (t->fd) < 0 ? 1 : 0;
}

char *tree_read (struct tree *t, const char *name)
{
    int fd = openat (t->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    char *text;

    if (fd < 0)
        return NULL;
    text = fd_read_all (fd, NULL);
    close (fd);
    return text;
}

int tree_unlink (struct tree *t, const char *name)
{
    return unlinkat (t->fd, name, 0);
}

/* One call for many files and their directories. */
int tree_sync (struct tree *t)
{
    return syncfs (t->fd);
}
