/* Starting, reaping and signalling tasks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/subprocess/spawn.h"
#include "shell/plug.h"
#include "shell/shell.h"
#include "shell/task/starter.h"
#include "value/resource/rset.h"

/* stdin, stdout, stderr, PMI; what plugins add comes behind. */
#define FD_MAX 64

/* In the child, after vfork: system calls only. With plugins it is a fork. */
static int prepare_child (void *arg)
{
    struct task *t = arg;
    int err;

    /* a shell that is killed leaves nothing behind */
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (t->pty && (err = shell_pty_enter ()) != 0)
        return err;
    if ((err = shell_rlimits_apply (t->sh)) != 0)
        return err;
    shell_affinity_apply (t->sh, t->localid);
    return shell_plug ? shell_plug->task_exec (t->sh, t) : 0;
}

static int prepare_traced (void *arg)
{
    int err = prepare_child (arg);
    if (err == 0 && ptrace (PTRACE_TRACEME, 0, NULL, 0) < 0)
        err = errno;
    return err;
}

/* The command with its templates rendered; owned by the caller. */
static char **make_argv (struct shell *sh, struct task *t)
{
    size_t count = json_array_size (sh->jobspec.command);
    char **argv = calloc (count + 1, sizeof (*argv));

    for (size_t i = 0; argv && i < count; i++) {
        const char *arg = json_string_value (json_array_get (sh->jobspec.command, i));
        argv[i] = strstr (arg, "{{") ? shell_render (sh, t, arg) : strdup (arg);
    }
    return argv;
}

static void free_argv (char **argv)
{
    for (int i = 0; argv && argv[i]; i++)
        free (argv[i]);
    free (argv);
}

static int open_stream (struct shell *sh, struct task *t, int stream, int *child_fd)
{
    struct source *src = &t->streams[stream - 1].src;
    int fd[2];

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    fcntl (fd[0], F_SETFL, O_NONBLOCK);
    *child_fd = fd[1];
    *src = (struct source){ .fd = fd[0],
                            .events = EPOLLIN,
                            .ready = shell_output_ready,
                            .task = t,
                            .stream = stream };
    return shell_watch (sh, src);
}

static int open_pipes (struct shell *sh, struct task *t, int fds[3])
{
    return shell_input_open (sh, t, &fds[0]) < 0 || open_stream (sh, t, 1, &fds[1]) < 0
                   || open_stream (sh, t, 2, &fds[2]) < 0
               ? -1
               : 0;
}

static void start_failed (struct shell *sh, struct task *t, const char *arg, int err)
{
    shell_fatal (sh, err == ENOENT ? 127 : 126,
                 "task %d (host %s): start failed: %s: %s", t->rank, sh->host, arg,
                 strerror (err));
    errno = err;
}

static void close_fds (int fds[4])
{
    int saved = errno;

    for (int i = 0; i < 4; i++) {
        if (fds[i] >= 0)
            close (fds[i]);
        fds[i] = -1;
    }
    errno = saved;
}

/* What is started, unless a plugin has other ideas. fds: the child's. */
static int spawn_task (struct shell *sh, struct task *t, struct spawn *s, int fds[4])
{
    if (shell_plug && shell_plug->task_init (sh, t, s) < 0)
        return -1;
    if ((t->pid = sh->inside ? starter_spawn (s) : spawn_process (s)) < 0) {
        start_failed (sh, t, s->argv[0], errno);
        return -1;
    }
    close_fds (fds); /* before a plugin can leave them to another process */
    sh->running++;
    sh->streams_open += t->pty ? 1 : 2;
    if (shell_oom_adjust (sh, t) < 0)
        return -1;
    return shell_plug ? shell_plug->task_fork (sh, t) : 0;
}

/* Variables that are templates: they may differ from task to task. */
static int expand_env (struct shell *sh, struct task *t)
{
    const char *name;
    json_t *value;
    int rc = 0;

    json_object_foreach (shell_option (sh, "env-expand"), name, value) {
        char *s = json_is_string (value) && !shell_env_is_ours (name)
                      ? shell_render (sh, t, json_string_value (value))
                      : NULL;
        if (s && rc == 0)
            rc = shell_env_set (sh, name, s);
        free (s);
    }
    return rc;
}

/* What is sent to an instance is for its script: it waits until the broker can take it.
 * NULL for what is no instance. */
static const sigset_t *choose_blocked (char **argv)
{
    static sigset_t set;
    const char *slash = argv[0] ? strrchr (argv[0], '/') : NULL;

    if (!argv[0] || !argv[1] || strcmp (slash ? slash + 1 : argv[0], "flux") != 0
        || strcmp (argv[1], "broker") != 0)
        return NULL;
    sigemptyset (&set);
    sigaddset (&set, SIGUSR1);
    sigaddset (&set, SIGUSR2);
    return &set;
}

static int start_task (struct shell *sh, struct task *t)
{
    static int cwd_errno; /* a child that is given up may write it whenever it is */
    int fds[FD_MAX] = { -1, -1, -1, -1 };
    char **argv = make_argv (sh, t);
    bool traced = option_is_on (shell_option (sh, "stop-tasks-in-exec"));
    int rc = -1;

    if (!argv || shell_gpu_task (sh, t) < 0 || expand_env (sh, t) < 0
        || (t->pty ? shell_pty_open (sh, t, fds) : open_pipes (sh, t, fds)) < 0
        || (sh->pmi && shell_pmi_open (sh, t, &fds[3]) < 0))
        goto done;
    struct spawn s = {
        .argv = argv,
        .cwd = sh->inside ? sh->jobspec.cwd : NULL,
        .env = shell_env_task (sh, t, sh->pmi ? 3 : -1),
        .fds = fds,
        .fd_count = sh->pmi ? 4 : 3,
        .flags = SPAWN_CWD_FALLBACK | (sh->setpgrp && !t->pty ? SPAWN_SETPGRP : 0),
        .pre_exec = traced ? prepare_traced : prepare_child,
        .pre_exec_arg = t,
        .cwd_errno = &cwd_errno,
        .blocked = choose_blocked (argv),
    };
    cwd_errno = 0;
    rc = spawn_task (sh, t, &s, fds);
    if (cwd_errno != 0 && t->localid == 0)
        shell_warn_cwd (sh, cwd_errno);
done:
    close_fds (fds);
    free_argv (argv); /* keeps errno */
    return rc;
}

int shell_tasks_start (struct shell *sh)
{
    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        t->pid = -1;
        if (start_task (sh, t) < 0) {
            if (t->pid > 0) /* it was started: its output ends when it is killed */
                return -1;
            shell_unwatch (sh, &t->streams[0].src);
            shell_unwatch (sh, &t->streams[1].src);
            return -1;
        }
    }
    return 0;
}

void shell_tasks_kill (struct shell *sh, int signum)
{
    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        bool open = t->streams[0].src.fd >= 0 || t->streams[1].src.fd >= 0;
        if (t->pid <= 0 || (t->exited && !(open && sh->setpgrp)))
            continue;
        if (kill (sh->setpgrp ? -t->pid : t->pid, signum) < 0 && errno == EPERM)
            kill (t->pid, signum);
    }
}

static void send_exit (struct shell *sh, struct task *t)
{
    struct buf b = BUF_INIT;
    bool signaled = WIFSIGNALED (t->status);

    shell_entry (&b, "shell.task-exit");
    buf_printf (&b,
                "{\"localid\":%d,\"rank\":%d,\"state\":\"Exited\",\"pid\":%d,"
                "\"wait_status\":%d,\"signaled\":%d,\"exitcode\":%d}}",
                t->localid, t->rank, (int)t->pid, t->status,
                signaled ? WTERMSIG (t->status) : 0,
                signaled ? 128 + WTERMSIG (t->status) : WEXITSTATUS (t->status));
    shell_send (sh, 't', &b);
    buf_fini (&b);
}

void shell_task_note (const struct shell *sh, const struct task *t, char *note,
                      size_t size, const char *rest)
{
    if (WIFSIGNALED (t->status))
        snprintf (note, size, "task %d on %.100s: %s%s", t->rank, sh->host,
                  strsignal (WTERMSIG (t->status)), rest);
    else
        snprintf (note, size, "task %d on %.100s: exited with exit code %d%s", t->rank,
                  sh->host, WEXITSTATUS (t->status), rest);
}

/* exit-on-error: what happens to the others is because of this one. */
static void blame (struct shell *sh, struct task *t)
{
    char note[256];

    shell_task_note (sh, t, note, sizeof (note), "");
    sh->blamed = true;
    shell_raise (sh, "exec", 0, note);
}

/* Nobody reads while it stands in the pipe: the end of the last writer is seen all the
 * same. */
static bool is_open (const struct stream *s)
{
    struct pollfd p = { .fd = s->src.fd };

    return s->src.fd >= 0 && (poll (&p, 1, 0) < 0 || !(p.revents & POLLHUP));
}

bool shell_tasks_ended (const struct shell *sh)
{
    if (!sh->exit_seen || sh->running > 0)
        return false;
    for (int i = 0; i < sh->task_count; i++) {
        if (is_open (&sh->tasks[i].streams[0]) || is_open (&sh->tasks[i].streams[1]))
            return false;
    }
    return true;
}

/* job-exec may have had no time to ask. */
static void tell_late_end (struct shell *sh)
{
    double over = shell_seen_since () - sh->expires;
    struct buf b = BUF_INIT;

    if (sh->running > 0 || sh->expires <= 0 || over < LIMIT_UNSURE)
        return;
    buf_printf (&b, "%.6f %.6f", rset_expiration (sh->R), over);
    shell_send (sh, 'v', &b);
    buf_fini (&b);
}

static void task_exited (struct shell *sh, struct task *t, int status)
{
    int code = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);

    t->exited = true;
    t->status = status;
    sh->running--;
    shell_set_rc (sh, code);
    shell_input_close (sh, t);
    shell_pty_exited (sh, t);
    if (shell_plug)
        shell_plug->call (sh, "task.exit", t);
    if (code != 0)
        shell_log (sh, SHELL_DEBUG, "task %d: exited with status %d", t->rank, code);
    if (!sh->exit_seen) {
        sh->exit_seen = true;
        sh->first_exit = t;
        send_exit (sh, t);
        if (sh->exit_timeout >= 0 && sh->exit_deadline == 0)
            sh->exit_deadline = clock_monotonic () + sh->exit_timeout;
    }
    if (code != 0 && sh->exit_on_error && !sh->blamed)
        blame (sh, t);
    tell_late_end (sh);
}

static struct task *find_task (struct shell *sh, pid_t pid)
{
    for (int i = 0; i < sh->task_count; i++) {
        if (sh->tasks[i].pid == pid && !sh->tasks[i].exited)
            return &sh->tasks[i];
    }
    return NULL;
}

/* stop-tasks-in-exec: a traced task has called exec. We let go of it, stopped, so
 * that a debugger can take it, or SIGCONT lets it run. */
static void leave_stopped (struct shell *sh, struct task *t, int signum)
{
    if (ptrace (PTRACE_DETACH, t->pid, NULL, signum == SIGTRAP ? SIGSTOP : signum) < 0)
        shell_log (sh, SHELL_ERROR, "task %d: cannot detach from it: %s", t->rank,
                   strerror (errno));
}

void shell_task_changed (struct shell *sh, struct task *t, int status)
{
    if (WIFSTOPPED (status))
        leave_stopped (sh, t, WSTOPSIG (status));
    else
        task_exited (sh, t, status);
}

/* Somebody else has waited for it. How it ended nobody knows. */
static void status_lost (struct shell *sh, struct task *t)
{
    char note[128];

    snprintf (note, sizeof (note),
              "the exit status of task %d is lost: has a plugin called wait ()?",
              t->rank);
    shell_raise (sh, "exec", 0, note);
    task_exited (sh, t, 1 << 8);
}

static void reap_each (struct shell *sh)
{
    int status;

    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        if (t->pid <= 0 || t->exited)
            continue;
        pid_t pid = waitpid (t->pid, &status, WNOHANG);
        if (pid == t->pid)
            shell_task_changed (sh, t, status);
        else if (pid < 0 && errno == ECHILD)
            status_lost (sh, t);
    }
}

void shell_tasks_reap (struct shell *sh)
{
    int status;
    pid_t pid;

    if (shell_plug) { /* its plugins have children of their own */
        reap_each (sh);
        return;
    }
    while ((pid = waitpid (-1, &status, WNOHANG)) > 0) {
        struct task *t = find_task (sh, pid);
        if (t)
            shell_task_changed (sh, t, status);
    }
}

void shell_tasks_fini (struct shell *sh)
{
    for (int i = 0; i < sh->task_count; i++) {
        struct task *t = &sh->tasks[i];
        for (int j = 0; j < 2; j++) {
            shell_unwatch (sh, &t->streams[j].src);
            buf_fini (&t->streams[j].buf);
        }
        shell_unwatch (sh, &t->in);
        shell_unwatch (sh, &t->pmi);
        buf_fini (&t->pmi_buf);
    }
}
