#include "shell/server/link.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/os/private.h"
#include "core/shell/protocol.h"
#include "shell/server/keep.h"
#include "shell/shell.h"

/* Behind it shells wait at their pipe. What the server says itself is bounded by credit. */
#define UP_MAX (1024 * 1024)
#define READ_MAX (64 * 1024)
#define LOOK_AGAIN 1. /* s, while there is no broker */
/* Until a broker has said another. */
#define TIMEOUT 600.

static struct {
    const struct link_ops *ops;
    int epoll_fd;
    char *dir;
    int dir_fd;
    struct keep *keep;
    struct source pipe_src, up_src, listen_src;
    bool pipe_paused;
    bool up_watched;
    bool listening;
    struct buf in; /* of the pipe: an unfinished line */
    struct buf up;
    size_t up_pos;
    char *token;
    bool greeted;
    bool unknown; /* an earlier server was killed: who knows what it ran */
    bool left;    /* the file is there */
    bool gone;    /* this is nobody's */
    bool failed;  /* what was said cannot be passed on, to a broker that is there */
    bool timed_out;
    double timeout;
    double detached; /* monotonic; 0: a broker is there */
    double look_at;
} lk;

static void path_of (char *buf, size_t size, const char *name)
{
    snprintf (buf, size, "/proc/self/fd/%d/%s", lk.dir_fd, name);
}

static int watch (struct source *src, int op)
{
    struct epoll_event ev = { .events = src->events, .data.ptr = src };
    return epoll_ctl (lk.epoll_fd, op, src->fd, &ev);
}

static void unwatch (struct source *src)
{
    if (src->fd >= 0) {
        epoll_ctl (lk.epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
        close (src->fd);
    }
    src->fd = -1;
}

/* ---- up ---- */

static void close_up (void)
{
    if (lk.up_src.fd >= 0 && lk.up_watched)
        epoll_ctl (lk.epoll_fd, EPOLL_CTL_DEL, lk.up_src.fd, NULL);
    if (lk.up_src.fd >= 0)
        close (lk.up_src.fd);
    lk.up_src.fd = -1;
    lk.up_watched = false;
    buf_fini (&lk.up);
    lk.up_pos = 0;
}

static void watch_up (void)
{
    bool want = lk.up_src.fd >= 0 && lk.up_pos < lk.up.len;

    if (want == lk.up_watched)
        return;
    if (watch (&lk.up_src, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL) < 0)
        lk.failed = true;
    else
        lk.up_watched = want;
}

/* A broker that has gone is one whose frames end, too; one that is there has to hear of
 * it, and it does of the end of this process. */
static void up_failed (int errnum)
{
    close_up ();
    if (errnum != EPIPE && errnum != ECONNRESET)
        lk.failed = true;
}

static void flush_up (void)
{
    if (lk.up.err) /* with a hole it would be worth nothing */
        up_failed (lk.up.err);
    while (lk.up_src.fd >= 0 && lk.up_pos < lk.up.len) {
        ssize_t n = write (lk.up_src.fd, lk.up.data + lk.up_pos, lk.up.len - lk.up_pos);
        if (n >= 0)
            lk.up_pos += n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            up_failed (errno);
    }
    if (lk.up_pos == lk.up.len) {
        if (lk.up.cap > 2 * UP_MAX)
            buf_fini (&lk.up);
        else
            buf_reset (&lk.up);
        lk.up_pos = 0;
    } else if (lk.up_pos > lk.up.len / 2) { /* moving the rest pays */
        buf_consume (&lk.up, lk.up_pos);
        lk.up_pos = 0;
    }
    watch_up ();
}

static void up_ready (struct shell *sh, struct source *src, int revents)
{
    flush_up ();
}

void link_take (const char *data, size_t len)
{
    const char *end = data + len, *nl;
    bool there = lk.greeted && lk.up_src.fd >= 0;

    for (; data < end && (nl = memchr (data, '\n', end - data)); data = nl + 1)
        keep_said (lk.keep, data, nl + 1 - data, &lk.up);
    if (!there)
        buf_reset (&lk.up);
}

/* ---- the pipe ---- */

static void pipe_ready (struct shell *sh, struct source *src, int revents)
{
    const char *nl;
    ssize_t n;

    if (buf_reserve (&lk.in, READ_MAX) < 0)
        return; /* it is not lost */
    n = read (src->fd, lk.in.data + lk.in.len, READ_MAX);
    if (n <= 0)
        return;
    lk.in.len += n;
    if ((nl = memrchr (lk.in.data, '\n', lk.in.len))) {
        size_t whole = nl + 1 - lk.in.data;
        link_take (lk.in.data, whole);
        buf_consume (&lk.in, whole);
    } else if (lk.in.len > FRAME_MAX) /* no shell writes such a line */
        buf_reset (&lk.in);
}

static void pause_pipe (void)
{
    bool pause = lk.up.len - lk.up_pos >= UP_MAX;

    if (pause != lk.pipe_paused
        && watch (&lk.pipe_src, pause ? EPOLL_CTL_DEL : EPOLL_CTL_ADD) == 0)
        lk.pipe_paused = pause;
}

static int open_pipe (void)
{
    int fd[2];

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    lk.pipe_src = (struct source){ fd[0], EPOLLIN, pipe_ready, NULL, 0 };
    lk.up_src =
        (struct source){ fcntl (1, F_DUPFD_CLOEXEC, 3), EPOLLOUT, up_ready, NULL, 0 };
    if (lk.up_src.fd < 0 || fd_set_nonblocking (lk.up_src.fd) < 0
        || fd_set_nonblocking (fd[0]) < 0 || dup2 (fd[1], 1) < 0)
        return -1;
    close (fd[1]);
    return watch (&lk.pipe_src, EPOLL_CTL_ADD);
}

/* ---- the socket ---- */

static bool is_ours (int fd)
{
    uid_t uid;

    return private_peer (fd, &uid, NULL) == 0 && uid == geteuid ();
}

static int listen_or_not (bool on)
{
    if (lk.listening != on
        && watch (&lk.listen_src, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL) < 0)
        return -1;
    lk.listening = on;
    return 0;
}

/* Who comes and says nothing does not keep out who comes after him. */
static void listen_ready (struct shell *sh, struct source *src, int revents)
{
    int fd = accept4 (src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int out;

    if (fd < 0 || (fd = fd_above_standard (fd)) < 0)
        return;
    if (lk.greeted || !is_ours (fd) || (out = fcntl (fd, F_DUPFD_CLOEXEC, 3)) < 0) {
        close (fd);
        return;
    }
    close_up ();
    lk.up_src.fd = out;
    lk.ops->input (fd);
}

static int open_socket (void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    lk.listen_src = (struct source){ fd, EPOLLIN, listen_ready, NULL, 0 };
    path_of (addr.sun_path, sizeof (addr.sun_path), "socket");
    lk.unknown = unlink (addr.sun_path) == 0;
    return bind (fd, (struct sockaddr *)&addr, sizeof (addr)) < 0 ? -1 : listen (fd, 1);
}

static void remove_file (const char *name)
{
    char path[64];

    path_of (path, sizeof (path), name);
    (void)unlink (path);
}

/* The way by which a broker would come. */
static bool is_there (void)
{
    struct stat a, b;

    return fstatat (lk.dir_fd, "socket", &a, AT_SYMLINK_NOFOLLOW) == 0
           && fstat (lk.dir_fd, &a) == 0 && stat (lk.dir, &b) == 0
           && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* ---- what is left ---- */

/* The first line is the token. */
static int write_left (void)
{
    struct buf b = BUF_INIT;
    char path[64];
    int rc = -1;

    path_of (path, sizeof (path), "left");
    buf_printf (&b, "%s\n", lk.token ? lk.token : "");
    signal (SIGXFSZ, SIG_IGN); /* a limit is as good as a full disk; no task is left */
    if (keep_dump (lk.keep, &b) == 0)
        rc = file_write_all (path, b.data, b.len, 0600);
    signal (SIGXFSZ, SIG_DFL);
    buf_fini (&b);
    return rc;
}

static void read_left (void)
{
    char path[64], *data;
    size_t len, head = strlen (lk.token);

    path_of (path, sizeof (path), "left");
    if (!(data = file_read_all (path, &len)))
        return;
    lk.left = true;
    if (len > head && data[head] == '\n' && !memcmp (data, lk.token, head)
        && keep_load (lk.keep, data + head + 1, len - head - 1) < 0)
        fprintf (stderr, "flux-shell: what ended jobs have left: %s\n",
                 strerror (errno));
    free (data);
}

static void forget_left (void)
{
    if (lk.left && keep_loaded (lk.keep) == 0) {
        remove_file ("left");
        lk.left = false;
    }
}

/* ---- brokers ---- */

static void set_env (json_t *env)
{
    const char *name;
    json_t *value;

    json_object_foreach (env, name, value) {
        if (json_is_string (value))
            (void)setenv (name, json_string_value (value), 1);
    }
}

static void greet (const struct frame *f)
{
    const char *token;
    json_t *o = json_loadb (f->text, f->len, 0, NULL), *env = NULL;

    if (!o
        || json_unpack (o, "{s:s s:F s?o}", "token", &token, "timeout", &lk.timeout,
                        "env", &env)
               < 0
        || (lk.token && strcmp (lk.token, token) != 0))
        lk.gone = true;
    else if (!lk.token) {
        lk.token = strdup (token);
        if (lk.token)
            read_left ();
        else
            lk.gone = true;
    }
    if (!lk.gone) {
        bool renewed = lk.detached > 0;
        set_env (env);
        lk.greeted = true;
        lk.detached = 0;
        lk.timed_out = false;
        (void)listen_or_not (false);
        buf_adds (&lk.up, "H 0\n");
        if (renewed)
            lk.ops->renewed ();
    }
    json_decref (o);
}

static void forget (uint64_t id)
{
    if (keep_forget (lk.keep, id))
        lk.ops->kill (id);
}

static void forget_unclaimed (void)
{
    size_t pos = 0;
    uint64_t id;

    while (keep_unclaimed (lk.keep, &pos, &id)) {
        forget (id);
        pos = 0; /* it may have ended, or be gone */
    }
}

/* False: the shell is to be started. */
static bool refuse_start (const struct frame *f)
{
    if (keep_start (lk.keep, f->id, f->text, f->len) == 0)
        return false;
    fprintf (stderr, "flux-shell: job %llu is not started: %s\n",
             (unsigned long long)f->id,
             errno == EEXIST ? "it was before" : strerror (errno));
    if (errno != EEXIST)
        buf_printf (&lk.up, "X %llu 256\n", (unsigned long long)f->id);
    return true;
}

static void claim (const struct frame *f)
{
    char *end;
    uint64_t kept = strtoull (f->text, &end, 10);

    keep_claim (lk.keep, f->id, kept, *end == ' ', lk.unknown, &lk.up);
}

bool link_frame (const struct frame *f)
{
    if (f->type == 'H') {
        greet (f);
        return true;
    }
    if (!lk.greeted)
        return true;
    switch (f->type) {
    case 'S':
        return refuse_start (f);
    case 'R':
        claim (f);
        return true;
    case 'G':
        keep_go_on (lk.keep, f->id, strtoull (f->text, NULL, 10), &lk.up);
        return true;
    case 'F':
        forget (f->id);
        forget_left ();
        return true;
    case 'E':
        forget_unclaimed ();
        forget_left ();
        return true;
    }
    return keep_down (lk.keep, f, &lk.up);
}

void link_lost (void)
{
    double now = clock_monotonic ();

    lk.ops->input (-1);
    close_up ();
    if (lk.detached == 0)
        lk.detached = now;
    lk.look_at = now;
    lk.greeted = false;
    keep_detach (lk.keep);
    if (listen_or_not (true) < 0)
        lk.gone = true; /* nobody could come */
}

static void end_all (void)
{
    size_t pos = 0;
    uint64_t id;

    lk.timed_out = true;
    while (keep_running_next (lk.keep, &pos, &id)) {
        lk.ops->raise (id, "no broker has come back in time (exec.reattach-timeout)");
        lk.ops->kill (id);
    }
}

/* While no broker is there. False: the end. */
static bool wait_for_broker (double now)
{
    lk.look_at = now + LOOK_AGAIN;
    if (!is_there ())
        return false;
    if (!lk.timed_out && now >= lk.detached + lk.timeout)
        end_all ();
    if (keep_running (lk.keep) > 0)
        return true;
    if (keep_count (lk.keep) > 0 && write_left () < 0)
        return true;
    if (keep_count (lk.keep) == 0)
        remove_file ("left");
    remove_file ("socket");
    return false;
}

double link_deadline (void)
{
    double end = lk.timed_out ? INFINITY : lk.detached + lk.timeout;

    if (lk.detached == 0)
        return INFINITY;
    /* who is there has yet to say who he is */
    return lk.up_src.fd >= 0 && !lk.timed_out ? end : fmin (lk.look_at, end);
}

bool link_settle (void)
{
    double now;

    if (lk.gone) {
        remove_file ("socket");
        remove_file ("left");
        return false;
    }
    flush_up ();
    pause_pipe ();
    if (lk.failed) /* as if it was killed: what it leaves is of no use */
        return false;
    if (lk.detached == 0)
        return true;
    now = clock_monotonic ();
    return (now < link_deadline () && (lk.up_src.fd >= 0 || keep_running (lk.keep) > 0))
           || wait_for_broker (now);
}

int link_open (const char *dir, int epoll_fd, const struct link_ops *ops)
{
    /* what interrupts the broker's group is not for it */
    (void)setsid ();
    memset (&lk, 0, sizeof (lk));
    lk.ops = ops;
    lk.epoll_fd = epoll_fd;
    lk.timeout = TIMEOUT;
    lk.pipe_src.fd = lk.up_src.fd = lk.listen_src.fd = -1;
    if ((lk.dir_fd = open (dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0
        || !(lk.dir = strdup (dir)) || !(lk.keep = keep_create ()))
        return -1;
    return open_socket () < 0 || open_pipe () < 0 ? -1 : 0;
}

void link_close (void)
{
    unwatch (&lk.pipe_src);
    close_up ();
    unwatch (&lk.listen_src);
    keep_destroy (lk.keep);
    buf_fini (&lk.in);
    free (lk.token);
    free (lk.dir);
    if (lk.dir_fd >= 0)
        close (lk.dir_fd);
}
