/* Processes of this machine, started and reaped by this reactor. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/subprocess/command.h"
#include "core/subprocess/launch.h"
#include "core/subprocess/msgchan.h"
#include "core/subprocess/process.h"
#include "core/subprocess/spawn.h"

#define READ_SIZE 65536
#define MAX_FDS 32

static void close_fd (int *fd)
{
    if (*fd >= 0)
        close (*fd);
    *fd = -1;
}

/* write(2) without SIGPIPE, whatever the program does with that signal. */
static ssize_t write_nosig (int fd, const void *data, size_t len)
{
    sigset_t pipe_set, old;
    sigemptyset (&pipe_set);
    sigaddset (&pipe_set, SIGPIPE);
    pthread_sigmask (SIG_BLOCK, &pipe_set, &old);
    ssize_t n = write (fd, data, len);
    if (n < 0 && errno == EPIPE) {
        struct timespec zero = { 0, 0 };
        while (sigtimedwait (&pipe_set, NULL, &zero) < 0 && errno == EINTR)
            ;
        errno = EPIPE;
    }
    int saved = errno;
    pthread_sigmask (SIG_SETMASK, &old, NULL);
    errno = saved;
    return n;
}

static void end_input (struct channel *c)
{
    flux_watcher_stop (c->write_w);
    c->closed = true;
    buf_reset (&c->out);
    if (c->output_cb) /* a socket: the other direction goes on */
        shutdown (c->fd, SHUT_WR);
    else {
        flux_watcher_destroy (c->write_w);
        c->write_w = NULL;
        close_fd (&c->fd);
    }
}

int process_flush_input (struct channel *c)
{
    size_t done = 0;

    if (c->closed)
        return 0;
    while (done < c->out.len) {
        ssize_t n = write_nosig (c->fd, c->out.data + done, c->out.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            /* the reader has gone: later writes are lost, credit comes back */
            done = c->out.len;
            break;
        }
        done += n;
    }
    buf_consume (&c->out, done);
    if (c->out.len > 0)
        flux_watcher_start (c->write_w);
    else {
        flux_watcher_stop (c->write_w);
        if (c->closing)
            end_input (c);
    }
    channel_tell_credit (c, done);
    return 0;
}

static void write_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct channel *c = arg;
    flux_subprocess_t *p = c->p;
    process_hold (p);
    process_flush_input (c);
    process_release (p);
}

static void end_output (struct channel *c)
{
    c->eof = true;
    flux_watcher_stop (c->read_w);
    if (!c->writable) {
        flux_watcher_destroy (c->read_w);
        c->read_w = NULL;
        close_fd (&c->fd);
    }
}

static void read_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct channel *c = arg;
    flux_subprocess_t *p = c->p;
    char tmp[READ_SIZE]; /* thread-local storage would be zeroed for each thread */

    ssize_t n = read (c->fd, tmp, sizeof (tmp));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    process_hold (p);
    if (n > 0 && buf_add (&c->in, tmp, n) < 0) {
        /* output with a hole is worse than none: the status tells */
        PROCESS_LOG (p, LOG_ERR, "%s: pid %d is killed: out of memory for %s",
                     flux_cmd_arg (p->cmd, 0), (int)p->pid, c->name);
        flux_future_destroy (flux_subprocess_kill (p, SIGKILL));
        p->output_lost = true; /* it may have ended well before this was read */
        n = 0;
    }
    if (n <= 0)
        end_output (c);
    else if (c->in.len >= c->limit)
        flux_watcher_stop (c->read_w); /* until the user reads */
    channel_notify (c);
    process_release (p);
}

void process_read_start (struct channel *c)
{
    if (!c->eof && c->read_w)
        flux_watcher_start (c->read_w);
}

static void tell_running (flux_subprocess_t *p)
{
    if (p->told_running)
        return;
    p->told_running = true;
    flux_watcher_destroy (p->start_w);
    p->start_w = NULL;
    process_tell_state (p, FLUX_SUBPROCESS_RUNNING);
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (c->writable)
            channel_tell_credit (c, c->limit);
    }
}

static void start_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_subprocess_t *p = arg;
    process_hold (p);
    tell_running (p);
    process_release (p);
}

static void child_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_subprocess_t *p = arg;
    int status = flux_child_watcher_get_rstatus (w);

    process_hold (p);
    tell_running (p);
    if (WIFSTOPPED (status))
        process_set_state (p, FLUX_SUBPROCESS_STOPPED);
    else if (WIFCONTINUED (status))
        process_set_state (p, FLUX_SUBPROCESS_RUNNING);
    else {
        flux_watcher_stop (w);
        p->reaped = true;
        p->status = status;
        process_set_state (p, FLUX_SUBPROCESS_EXITED);
        process_check_complete (p);
    }
    process_release (p);
}

/* One pipe or socket pair; *child is the end of the process. */
static int open_channel (struct channel *c, int *child)
{
    int fd[2];

    if (c->writable && strcmp (c->name, "stdin") != 0) {
        if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
            return -1;
    } else if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    int ours = c->writable ? 1 : 0;
    c->fd = fd[ours];
    *child = fd[!ours];
    if (fcntl (c->fd, F_SETFL, O_NONBLOCK) < 0)
        return -1;
    if (c->output_cb
        && !(c->read_w = flux_fd_watcher_create (c->p->reactor, c->fd, FLUX_POLLIN,
                                                 read_cb, c)))
        return -1;
    if (c->writable
        && !(c->write_w = flux_fd_watcher_create (c->p->reactor, c->fd, FLUX_POLLOUT,
                                                  write_cb, c)))
        return -1;
    return 0;
}

static int open_msgchans (flux_subprocess_t *p, int *fds, int *fd_count)
{
    for (int i = 0; i < cmd_msgchan_count (p->cmd); i++) {
        const char *uri, *name = cmd_msgchan (p->cmd, i, &uri);
        struct msgchan *mc;

        if (*fd_count >= MAX_FDS) {
            errno = EMFILE;
            return -1;
        }
        if (!msgchan_create) {
            errno = ENOSYS;
            return -1;
        }
        if (!(mc = msgchan_create (p->reactor, uri, &fds[*fd_count])))
            return -1;
        list_append (&p->msgchans, &mc->node);
        if (flux_cmd_setenvf (p->cmd, 1, name, "fd://%d", (*fd_count)++) < 0)
            return -1;
    }
    return 0;
}

static int open_channels (flux_subprocess_t *p, int *fds, int *fd_count)
{
    bool through = p->flags & FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH;
    int count = 3;

    for (int i = 0; i < 3; i++)
        fds[i] = through ? i : -1;
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        int slot = !strcmp (c->name, "stdin")    ? 0
                   : !strcmp (c->name, "stdout") ? 1
                   : !strcmp (c->name, "stderr") ? 2
                                                 : count++;
        if (slot >= MAX_FDS) {
            errno = EMFILE;
            return -1;
        }
        fds[slot] = -1;
        *fd_count = count;
        if (open_channel (c, &fds[slot]) < 0
            || (slot > 2 && flux_cmd_setenvf (p->cmd, 1, c->name, "%d", slot) < 0))
            return -1;
    }
    *fd_count = count;
    return open_msgchans (p, fds, fd_count);
}

struct hook_arg {
    flux_subprocess_t *p;
    const flux_subprocess_hooks_t *hooks;
};

static int call_pre_exec (void *arg)
{
    struct hook_arg *ha = arg;
    ha->hooks->pre_exec (ha->p, ha->hooks->pre_exec_arg);
    return 0;
}

static int spawn_flags (const flux_subprocess_t *p)
{
    return p->flags & FLUX_SUBPROCESS_FLAGS_NO_SETPGRP ? 0 : SPAWN_SETPGRP;
}

/* Nobody would reap or watch it. */
static void abandon (flux_subprocess_t *p)
{
    int saved = errno;
    spawn_kill (p->pid, spawn_flags (p));
    waitpid (p->pid, NULL, 0);
    errno = saved;
}

/* It runs. Whoever has started it hears that from the reactor. */
static int follow (flux_subprocess_t *p)
{
    bool trace = p->ops.on_state_change != NULL;

    if (!(p->child_w =
              flux_child_watcher_create (p->reactor, p->pid, trace, child_cb, p))) {
        abandon (p);
        return -1;
    }
    process_keep_group (p);
    p->state = FLUX_SUBPROCESS_RUNNING;
    flux_watcher_start (p->child_w);
    list_foreach (&p->channels, it) {
        struct channel *c = container_of (it, struct channel, node);
        if (c->output_cb && !c->stopped)
            flux_watcher_start (c->read_w);
    }
    return 0;
}

static void send_signals (flux_subprocess_t *p, uint64_t signals)
{
    for (int signum = 1; signum <= 64; signum++) {
        if (signals >> (signum - 1) & 1)
            flux_future_destroy (flux_subprocess_kill (p, signum));
    }
}

static void launched (pid_t pid, uint64_t signals, void *arg)
{
    flux_subprocess_t *p = arg;

    p->launch = NULL;
    p->pid = pid;
    process_hold (p);
    if (pid > 0 && follow (p) == 0) {
        tell_running (p);
        send_signals (p, signals);
    } else {
        p->fail_errno = errno;
        process_set_state (p, FLUX_SUBPROCESS_FAILED);
    }
    process_release (p);
}

/* Now, or later if nobody has to know at once. */
static int spawn_now_or_later (flux_subprocess_t *p, const struct spawn *s, bool later)
{
    int owned = p->flags & FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH ? 3 : 0;

    if (later) {
        p->launch = launch_create (p->reactor, s, owned, launched, p);
        return p->launch ? 0 : -1;
    }
    p->pid = spawn_process (s);
    return p->pid < 0 ? -1 : 0;
}

static int start_process (flux_subprocess_t *p, const flux_subprocess_hooks_t *hooks,
                          bool later)
{
    int fds[MAX_FDS];
    int fd_count = 3;
    struct hook_arg ha = { p, hooks };
    bool hook = hooks && hooks->pre_exec;
    int rc = -1;

    if (open_channels (p, fds, &fd_count) == 0) {
        struct spawn s = {
            .argv = cmd_argv (p->cmd),
            .env = cmd_env (p->cmd),
            .cwd = flux_cmd_getcwd (p->cmd),
            .fds = fds,
            .fd_count = fd_count,
            .flags = SPAWN_CWD_FALLBACK | spawn_flags (p),
            .pre_exec = hook ? call_pre_exec : NULL,
            .pre_exec_arg = &ha,
        };
        if (hook || (p->flags & FLUX_SUBPROCESS_FLAGS_FORK_EXEC))
            s.flags |= SPAWN_FORK;
        if ((rc = spawn_now_or_later (p, &s, later)) == 0 && later)
            return 0; /* the launch has the descriptors */
    }
    int saved = errno;
    for (int i = 0; i < fd_count; i++) {
        if (!(i < 3 && (p->flags & FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH)))
            close_fd (&fds[i]);
    }
    errno = saved;
    return rc;
}

flux_subprocess_t *flux_local_exec_ex (flux_reactor_t *r, int flags,
                                       const flux_cmd_t *cmd,
                                       const flux_subprocess_ops_t *ops,
                                       const flux_subprocess_hooks_t *hooks,
                                       subprocess_log_f log_fn, void *log_data)
{
    flux_subprocess_t *p;

    if (flags & ~PROCESS_FLAGS) {
        errno = EINVAL;
        return NULL;
    }
    if (!(p = process_create (r, flags, cmd, ops)))
        return NULL;
    p->log_fn = log_fn;
    p->log_data = log_data;
    if (process_add_channels (p) < 0
        || !(p->start_w = flux_timer_watcher_create (r, 0., 0., start_cb, p))
        || start_process (p, hooks, false) < 0)
        goto error;
    if (hooks && hooks->post_fork)
        hooks->post_fork (p, hooks->post_fork_arg);
    if (follow (p) == 0) {
        flux_watcher_start (p->start_w);
        return p;
    }
error:
    PROCESS_LOG (p, LOG_ERR, "%s: cannot start: %s", flux_cmd_arg (p->cmd, 0),
                 strerror (errno));
    flux_subprocess_destroy (p);
    return NULL;
}

flux_subprocess_t *flux_local_exec (flux_reactor_t *r, int flags, const flux_cmd_t *cmd,
                                    const flux_subprocess_ops_t *ops)
{
    return flux_local_exec_ex (r, flags, cmd, ops, NULL, NULL, NULL);
}

flux_subprocess_t *process_start_later (flux_reactor_t *r, int flags,
                                        const flux_cmd_t *cmd,
                                        const flux_subprocess_ops_t *ops)
{
    flux_subprocess_t *p = process_create (r, flags, cmd, ops);

    if (p && (process_add_channels (p) < 0 || start_process (p, NULL, true) < 0)) {
        flux_subprocess_destroy (p);
        return NULL;
    }
    return p;
}
