/* Tasks as plugins see them: a command that task.init may change, and a process whose
 * channels they can read.
 *
 * What comes from a task goes where it always goes; who has subscribed gets a copy. A
 * channel that a plugin adds is a socket of its own: its number is in the environment of
 * the task, under the channel's name. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json/json.h"
#include "core/subprocess/command.h"
#include "core/subprocess/process.h"
#include "core/subprocess/spawn.h"
#include "shell/plug/plugs.h"

#define COPY_MAX (4 * 1024 * 1024) /* that a subscriber may leave unread */
#define FDS_MAX 64

struct subscriber {
    struct list node;
    char *channel;
    const char *owner;
    flux_shell_task_io_f cb;
    void *arg;
};

/* Beside a struct task. */
struct plug_task {
    struct task *t;
    flux_cmd_t *cmd;
    flux_subprocess_t *p;
    struct list subscribers;
    int child_fds[FDS_MAX]; /* of channels, closed when the task has them */
    int child_fd_count;
};

static struct plug_task *plug_task (struct task *t)
{
    struct plug_task *pt = t->plug;

    if (pt)
        return pt;
    if (!(pt = calloc (1, sizeof (*pt))))
        return NULL;
    pt->t = t;
    list_init (&pt->subscribers);
    return t->plug = pt;
}

static void close_child_fds (struct plug_task *pt)
{
    for (int i = 0; i < pt->child_fd_count; i++)
        close (pt->child_fds[i]);
    pt->child_fd_count = 0;
}

static struct subscriber *find_subscriber (struct plug_task *pt, const char *channel)
{
    list_foreach (&pt->subscribers, it) {
        struct subscriber *s = container_of (it, struct subscriber, node);
        if (!strcmp (s->channel, channel))
            return s;
    }
    return NULL;
}

/* The subscriber of a channel of a process is told. */
static void tell (flux_subprocess_t *p, const char *stream)
{
    struct plug_task *pt = flux_subprocess_aux_get (p, "flux::task");
    struct subscriber *s = pt ? find_subscriber (pt, stream) : NULL;
    struct channel *c = channel_find (p, stream);
    struct guard before;

    if (s) {
        before = guard_enter (s->owner, stream);
        s->cb ((flux_shell_task_t *)pt->t, stream, s->arg);
        guard_leave (before);
    }
    if (c && (!s || c->in.len > COPY_MAX))
        buf_reset (&c->in);
}

/* --- channels --- */

static void channel_readable (flux_reactor_t *r, flux_watcher_t *w, int revents,
                              void *arg)
{
    struct channel *c = arg;
    char tmp[65536];
    ssize_t n = read (c->fd, tmp, sizeof (tmp));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || buf_add (&c->in, tmp, n) < 0) {
        c->eof = true;
        flux_watcher_stop (w);
    }
    tell (c->p, c->name);
}

static void channel_writable (flux_reactor_t *r, flux_watcher_t *w, int revents,
                              void *arg)
{
    process_flush_input (arg);
}

static int watch_channel (struct channel *c, int fd)
{
    flux_reactor_t *r = plugs_reactor ();

    c->fd = fd;
    c->line_buffered = false;
    if (!r
        || !(c->read_w =
                 flux_fd_watcher_create (r, fd, FLUX_POLLIN, channel_readable, c))
        || !(c->write_w =
                 flux_fd_watcher_create (r, fd, FLUX_POLLOUT, channel_writable, c)))
        return -1;
    flux_watcher_start (c->read_w);
    return 0;
}

static int open_channel (struct plug_task *pt, struct spawn *s, const char *name)
{
    struct channel *c = proc_channel_create (pt->p, name, true, tell);
    int fd[2];

    if (!c)
        return -1;
    if (s->fd_count == FDS_MAX) {
        errno = EMFILE;
        return -1;
    }
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return -1;
    fcntl (fd[0], F_SETFL, O_NONBLOCK);
    pt->child_fds[pt->child_fd_count++] = fd[1];
    ((int *)s->fds)[s->fd_count] = fd[1];
    if (watch_channel (c, fd[0]) < 0
        || flux_cmd_setenvf (pt->cmd, 1, name, "%d", s->fd_count) < 0)
        return -1;
    s->fd_count++;
    return 0;
}

static int open_channels (struct plug_task *pt, struct spawn *s)
{
    for (int i = 0; i < cmd_channel_count (pt->cmd); i++) {
        if (open_channel (pt, s, cmd_channel (pt->cmd, i)) < 0)
            return -1;
    }
    return 0;
}

/* --- the process --- */

/* Nothing here runs it: its state is what the shell knows. */
static flux_subprocess_t *make_process (struct plug_task *pt)
{
    flux_reactor_t *r = plugs_reactor ();
    int flags = plugs.sh->setpgrp ? 0 : FLUX_SUBPROCESS_FLAGS_NO_SETPGRP;
    flux_subprocess_t *p = r ? process_create (r, flags, pt->cmd, NULL) : NULL;

    if (!p)
        return NULL;
    if (flux_subprocess_aux_set (p, "flux::task", pt, NULL) < 0
        || !proc_channel_create (p, "stdout", false, tell)
        || !proc_channel_create (p, "stderr", false, tell)) {
        flux_subprocess_destroy (p);
        return NULL;
    }
    return p;
}

void plugs_task_output (struct shell *sh, struct task *t, int stream, const char *data,
                        size_t len)
{
    struct plug_task *pt = t->plug;
    const char *name = stream == 1 ? "stdout" : "stderr";
    struct channel *c;

    if (!pt || !pt->p || !find_subscriber (pt, name))
        return;
    c = channel_find (pt->p, name);
    if (len == 0)
        c->eof = true;
    else if (buf_add (&c->in, data, len) < 0)
        buf_reset (&c->in);
    tell (pt->p, name);
}

int flux_shell_task_channel_subscribe (flux_shell_task_t *task, const char *channel,
                                       flux_shell_task_io_f cb, void *arg)
{
    struct plug_task *pt = task ? plug_task ((struct task *)task) : NULL;
    struct subscriber *s;

    if (!pt || !channel || !cb)
        return plugs_einval ();
    if (find_subscriber (pt, channel)) {
        errno = EEXIST;
        return -1;
    }
    if (!(s = calloc (1, sizeof (*s))) || !(s->channel = strdup (channel))) {
        free (s);
        errno = ENOMEM;
        return -1;
    }
    s->cb = cb;
    s->arg = arg;
    s->owner = plugs_owner ((void *)cb);
    list_init (&s->node);
    list_append (&pt->subscribers, &s->node);
    return 0;
}

/* --- the life of a task --- */

static int make_command (struct plug_task *pt, const struct spawn *s)
{
    int argc = 0;

    while (s->argv[argc])
        argc++;
    pt->cmd = flux_cmd_create (argc, (char **)s->argv, (char **)s->env);
    return pt->cmd
                   && (!plugs.sh->jobspec.cwd
                       || flux_cmd_setcwd (pt->cmd, plugs.sh->jobspec.cwd) == 0)
               ? 0
               : -1;
}

/* Somebody has to be told, or there is something to open. */
static bool needs_process (struct plug_task *pt)
{
    return cmd_channel_count (pt->cmd) > 0 || !list_empty (&pt->subscribers);
}

static int use_command (struct plug_task *pt, struct spawn *s)
{
    if (flux_cmd_argc (pt->cmd) == 0) {
        shell_fatal (plugs.sh, 1, "task %d: a plugin has taken all of its arguments",
                     pt->t->rank);
        return plugs_einval ();
    }
    if (needs_process (pt) && !(pt->p = make_process (pt)))
        return -1;
    if (open_channels (pt, s) < 0)
        return -1;
    s->argv = cmd_argv (pt->cmd);
    s->env = cmd_env (pt->cmd);
    s->flags |= SPAWN_FORK; /* task.exec may do anything */
    return 0;
}

int plugs_task_init (struct shell *sh, struct task *t, struct spawn *s)
{
    struct plug_task *pt = plug_task (t);

    if (!pt || make_command (pt, s) < 0)
        return -1;
    if (plugs_topic (sh, "task.init", t) < 0)
        return -1;
    return use_command (pt, s);
}

int plugs_task_exec (struct shell *sh, struct task *t)
{
    int rc;

    if (!plugs_listen ("task.exec"))
        return 0;
    guard_after_fork ();
    sh->out.len = 0; /* the shell itself sends that */
    rc = plugs_topic (sh, "task.exec", t);
    frame_flush (&sh->out);
    return rc < 0 ? ECANCELED : 0;
}

int plugs_task_fork (struct shell *sh, struct task *t)
{
    struct plug_task *pt = t->plug;

    close_child_fds (pt);
    if (pt->p) {
        pt->p->pid = t->pid;
        process_set_state (pt->p, FLUX_SUBPROCESS_RUNNING);
    }
    return plugs_topic (sh, "task.fork", t);
}

/* Before task.exit. */
static void note_exit (struct task *t)
{
    struct plug_task *pt = t->plug;

    if (pt && pt->p && t->exited && !pt->p->reaped) {
        pt->p->status = t->status;
        pt->p->reaped = true;
        process_set_state (pt->p, FLUX_SUBPROCESS_EXITED);
    }
}

void plugs_task_exited (struct task *t)
{
    note_exit (t);
}

void plugs_tasks_fini (struct shell *sh)
{
    struct list *node;

    for (int i = 0; i < sh->task_count; i++) {
        struct plug_task *pt = sh->tasks[i].plug;
        if (!pt)
            continue;
        close_child_fds (pt);
        flux_subprocess_destroy (pt->p);
        flux_cmd_destroy (pt->cmd);
        while ((node = list_pop (&pt->subscribers))) {
            struct subscriber *s = container_of (node, struct subscriber, node);
            free (s->channel);
            free (s);
        }
        free (pt);
        sh->tasks[i].plug = NULL;
    }
}

/* --- what plugins ask --- */

flux_shell_task_t *flux_shell_current_task (flux_shell_t *shell)
{
    if (!shell) {
        errno = EINVAL;
        return NULL;
    }
    return (flux_shell_task_t *)plugs.current;
}

static flux_shell_task_t *task_at (flux_shell_t *shell, int i)
{
    struct shell *sh = shell_of (shell);

    if (!sh->tasks || i >= sh->task_count) {
        errno = EAGAIN;
        return NULL;
    }
    plugs.next_task = i + 1;
    return (flux_shell_task_t *)&sh->tasks[i];
}

flux_shell_task_t *flux_shell_task_first (flux_shell_t *shell)
{
    if (!shell) {
        errno = EINVAL;
        return NULL;
    }
    return task_at (shell, 0);
}

flux_shell_task_t *flux_shell_task_next (flux_shell_t *shell)
{
    if (!shell) {
        errno = EINVAL;
        return NULL;
    }
    return task_at (shell, plugs.next_task);
}

flux_cmd_t *plugs_task_cmd (struct task *t)
{
    struct plug_task *pt = t->plug;
    return pt ? pt->cmd : NULL;
}

flux_cmd_t *flux_shell_task_cmd (flux_shell_task_t *task)
{
    flux_cmd_t *cmd = task ? plugs_task_cmd ((struct task *)task) : NULL;

    if (!cmd)
        errno = EINVAL;
    return cmd;
}

flux_subprocess_t *flux_shell_task_subprocess (flux_shell_task_t *task)
{
    struct task *t = (struct task *)task;
    struct plug_task *pt = t ? t->plug : NULL;

    if (!pt || t->pid <= 0) {
        errno = EINVAL;
        return NULL;
    }
    if (!pt->p && (pt->p = make_process (pt))) {
        pt->p->pid = t->pid;
        process_set_state (pt->p, FLUX_SUBPROCESS_RUNNING);
        note_exit (t);
    }
    return pt->p;
}

json_t *plugs_task_info (struct task *t)
{
    const char *state = t->exited ? "Exited" : t->pid > 0 ? "Running" : "Init";
    json_t *o = json_pack ("{s:i s:i s:s}", "localid", t->localid, "rank", t->rank,
                           "state", state);

    if (o && t->pid > 0)
        json_object_set_new (o, "pid", json_integer (t->pid));
    if (o && t->exited) {
        bool signaled = WIFSIGNALED (t->status);
        json_object_set_new (o, "wait_status", json_integer (t->status));
        json_object_set_new (o, "signaled",
                             json_integer (signaled ? WTERMSIG (t->status) : 0));
        json_object_set_new (o, "exitcode",
                             json_integer (signaled ? 128 + WTERMSIG (t->status)
                                                    : WEXITSTATUS (t->status)));
    }
    return o;
}

int flux_shell_task_get_info (flux_shell_task_t *task, char **json_str)
{
    json_t *o;

    if (!task || !json_str)
        return plugs_einval ();
    o = plugs_task_info ((struct task *)task);
    *json_str = o ? json_dumps (o, JSON_COMPACT) : NULL;
    json_decref (o);
    return *json_str ? 0 : -1;
}

int flux_shell_task_info_unpack (flux_shell_task_t *task, const char *fmt, ...)
{
    char name[40];
    va_list ap;
    json_t *o;
    int rc;

    if (!task || !fmt)
        return plugs_einval ();
    o = plugs_task_info ((struct task *)task);
    snprintf (name, sizeof (name), "flux::task-info.%d",
              ((struct task *)task)->localid);
    va_start (ap, fmt);
    rc = plugs_unpack (o, name, fmt, ap);
    va_end (ap);
    return rc;
}
