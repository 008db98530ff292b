#include "modules/job-exec/reattach/found.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/os/private.h"

#define READ_SIZE 65536
#define END_TIMEOUT_MS 5000 /* of a process that has SIGKILL */

struct found {
    int fd;
    pid_t pid;
    flux_watcher_t *read_w, *write_w;
    found_data_f data_cb;
    found_room_f room_cb;
    void *arg;
};

int found_dir_open (const char *statedir, unsigned int rank, bool make, char **path,
                    flux_error_t *error)
{
    char why[PRIVATE_WHY_SIZE];
    int fd;

    if (asprintf (path, "%s/shells-%u", statedir, rank) < 0) {
        *path = NULL;
        return error_fail (error, ENOMEM, "out of memory");
    }
    if (make && mkdir (*path, 0700) < 0 && errno != EEXIST)
        error_fail (error, errno, "statedir/shells-%u: %s", rank, strerror (errno));
    else if ((fd = private_dir_open (*path, why)) >= 0)
        return fd;
    else
        error_fail (error, errno, "statedir/shells-%u %s", rank, why);
    int saved = errno;
    free (*path);
    *path = NULL;
    errno = saved;
    return -1;
}

static bool is_there (int dir_fd, const char *name)
{
    struct stat st;

    return fstatat (dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool found_is_any (int dir_fd)
{
    return is_there (dir_fd, "socket") || is_there (dir_fd, "left");
}

void found_clear (int dir_fd)
{
    (void)unlinkat (dir_fd, "socket", 0);
}

static void read_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct found *f = arg;
    char tmp[READ_SIZE];
    ssize_t n = read (f->fd, tmp, sizeof (tmp));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        f->data_cb (tmp, n, NULL, f->arg);
    else
        f->data_cb (NULL, 0, n < 0 ? strerror (errno) : "flux-shell has ended", f->arg);
}

static void write_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct found *f = arg;

    flux_watcher_stop (w);
    f->room_cb (f->arg);
}

/* The names of sockets are short, those of directories need not be. */
static int connect_there (int fd, int dir_fd)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    snprintf (addr.sun_path, sizeof (addr.sun_path), "/proc/self/fd/%d/socket", dir_fd);
    return connect (fd, (struct sockaddr *)&addr, sizeof (addr));
}

static int check_peer (struct found *f)
{
    uid_t uid;

    if (private_peer (f->fd, &uid, &f->pid) < 0)
        return -1;
    if (uid == geteuid ())
        return 0;
    errno = EPERM;
    return -1;
}

struct found *found_connect (flux_reactor_t *r, int dir_fd, found_data_f data_cb,
                             found_room_f room_cb, void *arg)
{
    struct found *f = calloc (1, sizeof (*f));

    if (!f)
        return NULL;
    f->data_cb = data_cb;
    f->room_cb = room_cb;
    f->arg = arg;
    if ((f->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0
        || connect_there (f->fd, dir_fd) < 0 || check_peer (f) < 0
        || !(f->read_w = flux_fd_watcher_create (r, f->fd, FLUX_POLLIN, read_cb, f))
        || !(f->write_w =
                 flux_fd_watcher_create (r, f->fd, FLUX_POLLOUT, write_cb, f))) {
        found_destroy (f);
        return NULL;
    }
    flux_watcher_start (f->read_w);
    return f;
}

void found_destroy (struct found *f)
{
    if (!f)
        return;
    int saved = errno;
    flux_watcher_destroy (f->read_w);
    flux_watcher_destroy (f->write_w);
    if (f->fd >= 0)
        close (f->fd);
    free (f);
    errno = saved;
}

/* As long as the connection is there, the pid is nobody else's. */
void found_kill (struct found *f)
{
    struct pollfd pfd = { .fd = f->fd, .events = POLLRDHUP };

    if (poll (&pfd, 1, 0) == 0 && kill (f->pid, SIGKILL) == 0)
        (void)poll (&pfd, 1, END_TIMEOUT_MS);
}

ssize_t found_write (struct found *f, const char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = send (f->fd, data + done, len - done, MSG_NOSIGNAL);
        if (n >= 0)
            done += n;
        else if (errno == EAGAIN) {
            flux_watcher_start (f->write_w);
            break;
        } else if (errno != EINTR)
            return -1;
    }
    return done;
}
