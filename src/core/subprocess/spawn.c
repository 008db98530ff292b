#include "core/subprocess/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Under the thread sanitizer vfork is a fork: the child cannot tell errors through
 * memory. */
#ifdef __SANITIZE_THREAD__
#define VFORK_SHARES 0
#else
#define VFORK_SHARES 1
#endif

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* Everything below down to run_child runs in the child, in the parent's memory
 * if it was vforked: no allocation, no locks, no stdio. */

static const char *find_path (char *const *env)
{
    for (; env && *env; env++) {
        if (!strncmp (*env, "PATH=", 5))
            return *env + 5;
    }
    return DEFAULT_PATH;
}

static int exec_script (const char *path, char *const *argv, char *const *env)
{
    char *args[256];
    int n = 0;

    args[n++] = (char *)"/bin/sh";
    args[n++] = (char *)path;
    for (int i = 1; argv[i]; i++) {
        if (n == 255)
            return E2BIG;
        args[n++] = argv[i];
    }
    args[n] = NULL;
    execve ("/bin/sh", args, env);
    return errno;
}

static int exec_path (const char *path, char *const *argv, char *const *env)
{
    execve (path, argv, env);
    if (errno == ENOEXEC)
        return exec_script (path, argv, env);
    return errno;
}

/* Like execvpe(3), but PATH is the child's. */
static int exec_search (char *const *argv, char *const *env)
{
    const char *name = argv[0];
    char path[PATH_MAX];
    size_t name_len = strlen (name);
    bool denied = false;

    if (strchr (name, '/') || name_len == 0)
        return exec_path (name, argv, env);
    for (const char *p = find_path (env);;) {
        size_t len = strcspn (p, ":");
        if (len + name_len + 2 <= sizeof (path)) {
            memcpy (path, p, len);
            if (len > 0)
                path[len++] = '/';
            memcpy (path + len, name, name_len + 1);
            int err = exec_path (path, argv, env);
            if (err == EACCES)
                denied = true;
            else if (err != ENOENT && err != ENOTDIR && err != ESTALE && err != ENODEV)
                return err;
        }
        p += strcspn (p, ":");
        if (*p++ == '\0')
            break;
    }
    return denied ? EACCES : ENOENT;
}

/* At once, where nobody needs them before exec: that may take its time, and the pipes of
 * other processes end when all have closed them. keep: closed by exec; or -1. */
static void close_others (const struct spawn *s, int keep)
{
    int how = s->pre_exec ? CLOSE_RANGE_CLOEXEC : 0;

    if (keep > s->fd_count)
        close_range (s->fd_count, keep - 1, how);
    close_range (keep < s->fd_count ? s->fd_count : keep + 1, ~0U, how);
}

static int place_fds (const struct spawn *s, int keep)
{
    int fds[64];
    int count = s->fd_count;

    if (count > 64)
        return EMFILE;
    for (int i = 0; i < count; i++) {
        fds[i] = s->fds[i];
        if (fds[i] < 0 && (fds[i] = open ("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
            return errno;
        /* a source in the way of a target moves up */
        if (fds[i] < count && fds[i] != i
            && (fds[i] = fcntl (fds[i], F_DUPFD_CLOEXEC, count)) < 0)
            return errno;
    }
    for (int i = 0; i < count; i++) {
        if (fds[i] == i) {
            if (fcntl (i, F_SETFD, 0) < 0)
                return errno;
        } else if (dup2 (fds[i], i) < 0)
            return errno;
    }
    close_others (s, keep);
    return 0;
}

static void warn_cwd (const char *cwd, int err)
{
    const char *why = err == ENOENT    ? "No such file or directory"
                      : err == EACCES  ? "Permission denied"
                      : err == ENOTDIR ? "Not a directory"
                                       : "error";
    const char *text[] = { "Could not change dir to ", cwd, ": ", why,
                           ". Going to /tmp instead\n" };
    for (int i = 0; i < 5; i++) {
        if (write (2, text[i], strlen (text[i])) < 0)
            break;
    }
}

static int change_dir (const struct spawn *s)
{
    if (!s->cwd || chdir (s->cwd) == 0)
        return 0;
    if (!(s->flags & SPAWN_CWD_FALLBACK))
        return errno;
    if (s->cwd_errno && VFORK_SHARES && !(s->flags & SPAWN_FORK))
        *s->cwd_errno = errno;
    else
        warn_cwd (s->cwd, errno);
    return chdir ("/tmp") < 0 ? errno : 0;
}

/* Handlers must not run in the child between unblocking and exec. */
static void reset_signals (const sigset_t *blocked)
{
    static const int signums[] = { SIGHUP,  SIGINT,   SIGQUIT, SIGPIPE,
                                   SIGALRM, SIGTERM,  SIGUSR1, SIGUSR2,
                                   SIGCHLD, SIGCONT,  SIGTSTP, SIGTTIN,
                                   SIGTTOU, SIGWINCH, SIGURG,  SIGIO };
    struct sigaction sa = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (size_t i = 0; i < sizeof (signums) / sizeof (signums[0]); i++)
        sigaction (signums[i], &sa, NULL);
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, blocked ? blocked : &none, NULL);
}

static int run_child (const struct spawn *s, int keep)
{
    int err;

    if ((s->flags & SPAWN_SETPGRP) && setpgid (0, 0) < 0)
        return errno;
    if ((err = place_fds (s, keep)) != 0 || (err = change_dir (s)) != 0)
        return err;
    if (s->pre_exec && (err = s->pre_exec (s->pre_exec_arg)) != 0)
        return err;
    reset_signals (s->blocked);
    return exec_search (s->argv, s->env);
}

/* Whoever kills it sets killed and then looks for the child: one sees the other's. */
static void show_child (const struct spawn *s, pid_t pid)
{
    if (!s->child)
        return;
    __atomic_store_n (s->child, pid, __ATOMIC_SEQ_CST);
    if (s->killed && __atomic_load_n (s->killed, __ATOMIC_SEQ_CST))
        kill (pid, SIGKILL);
}

/* Not inlined: the child must not touch a frame that the parent returns to. */
static __attribute__ ((noinline)) pid_t vfork_child (const struct spawn *s,
                                                     volatile int *err)
{
    pid_t pid = vfork ();
    if (pid == 0) {
        show_child (s, getpid ());
        *err = run_child (s, -1);
        _exit (127);
    }
    return pid;
}

static pid_t fork_child (const struct spawn *s, const sigset_t *old, volatile int *err)
{
    int fd[2];
    int child_err = 0;
    pid_t pid;

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    if ((pid = fork ()) == 0) {
        /* keep it away from the descriptors that are placed */
        int out = fcntl (fd[1], F_DUPFD_CLOEXEC, s->fd_count + 1);
        child_err = run_child (s, out);
        if (write (out, &child_err, sizeof (child_err)) < 0)
            _exit (126);
        _exit (127);
    }
    int saved = errno;
    pthread_sigmask (SIG_SETMASK, old,
                     NULL); /* what runs before the exec may take long */
    close (fd[1]);
    if (pid > 0) {
        ssize_t n;
        show_child (s, pid);
        while ((n = read (fd[0], &child_err, sizeof (child_err))) < 0 && errno == EINTR)
            ;
        *err = n == sizeof (child_err) ? child_err : 0;
    }
    close (fd[0]);
    errno = saved;
    return pid;
}

void spawn_kill (pid_t pid, int flags)
{
    if (flags & SPAWN_SETPGRP)
        kill (-pid, SIGKILL);
    kill (pid, SIGKILL); /* it may not have come so far */
}

pid_t spawn_process (const struct spawn *s)
{
    sigset_t all, old;
    volatile int err = 0;
    pid_t pid;

    if (!s->argv || !s->argv[0]) {
        errno = EINVAL;
        return -1;
    }
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &old);
    pid = s->flags & SPAWN_FORK || !VFORK_SHARES ? fork_child (s, &old, &err)
                                                 : vfork_child (s, &err);
    int saved = errno;
    pthread_sigmask (SIG_SETMASK, &old, NULL);
    if (pid > 0 && err != 0) {
        if (s->child)
            __atomic_store_n (s->child, 0, __ATOMIC_RELAXED); /* soon another's */
        while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
            ;
        saved = err;
        pid = -1;
    }
    errno = saved;
    return pid;
}
