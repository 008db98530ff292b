/* flux-keeper FD BROKER: sees to it that nothing of a broker outlives it: neither its run
 * directory nor a program that it runs, and what descends from that.
 *
 * Happy path: it takes orders (orders.h) by FD, a socket to the broker: to create and hold
 * a directory, to start a program, whose pid it answers, and whose status it tells when it
 * ends. Without a directory it ends then; with one it stays until the broker, which has
 * removed it, ends it.
 *
 * Failures: the broker dies (PR_SET_PDEATHSIG: started by its main thread, which ends with
 * it; or the end of FD): the program, its process group if it has its own, and all that
 * descends from it are killed, and the directory goes, which nobody else would remove. It is
 * a small static program because it is on the way of each start, and in a process group of
 * its own because a job that is an instance is killed as a group: who cleans up behind it is
 * no part of that. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/private.h"
#include "base/os/proc.h"
#include "broker/programs/orders.h"

#define DEATH SIGUSR1 /* of the broker */

extern char **environ;

static int fd;
static pid_t broker;
static char *dir; /* NULL: none is held */
static pid_t program = -1;
static bool has_group; /* the program */

static void tell (int value)
{
    (void)fd_write_all (fd, &value, sizeof (value));
}

static void broker_died (void)
{
    if (program > 0)
        (void)kill (has_group ? -program : program, SIGKILL);
    proc_kill_children (NULL);
    if (dir)
        (void)dir_remove (dir);
    _exit (1);
}

static void hold (const struct order *o, char *path)
{
    int rc = 0;

    if (o->flags & ORDER_UNIQUE)
        rc = private_mkdtemp (path) ? 0 : -1;
    else if (o->flags & ORDER_MAKE)
        rc = mkdir (path, 0700);
    if (rc == 0 && !(dir = strdup (path))) {
        if (o->flags & ORDER_MAKE)
            (void)rmdir (path);
        rc = -1;
    }
    tell (rc < 0 ? errno : 0);
    if (rc == 0)
        (void)fd_write_all (fd, path, strlen (path) + 1);
}

static void limit_descriptors (rlim_t soft)
{
    struct rlimit rl;

    if (getrlimit (RLIMIT_NOFILE, &rl) == 0 && soft != rl.rlim_cur
        && soft <= rl.rlim_max) {
        rl.rlim_cur = soft;
        (void)setrlimit (RLIMIT_NOFILE, &rl);
    }
}

/* A program that has no group of its own is in that of the broker, for a terminal's sake. */
static int spawn (const struct order *o, char **argv)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, dflt;
    int rc;

    sigemptyset (&none);
    sigemptyset (&dflt);
    sigaddset (&dflt, SIGPIPE);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setsigmask (&attr, &none);
    posix_spawnattr_setsigdefault (&attr, &dflt);
    posix_spawnattr_setpgroup (&attr, (o->flags & ORDER_PGRP) ? 0 : getpgid (broker));
    posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
                                         | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init (&actions);
    if (o->flags & ORDER_NO_INPUT)
        posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
    if (o->flags & ORDER_FOREGROUND)
        posix_spawn_file_actions_addtcsetpgrp_np (&actions, STDIN_FILENO);
    rc = posix_spawnp (&program, argv[0], &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy (&actions);
    posix_spawnattr_destroy (&attr);
    return rc;
}

static void run (const struct order *o, char **argv, char **env)
{
    int rc;

    environ = env; /* PATH, too */
    limit_descriptors (o->nofile);
    has_group = (o->flags & ORDER_PGRP) != 0;
    if ((rc = spawn (o, argv)) != 0) {
        program = -1;
        tell (-rc);
        return;
    }
    tell (program);
}

/* The strings of an order, and behind the last a NULL. */
static char **split (char *s, const char *end, uint32_t count, char **next)
{
    char **v = calloc ((size_t)count + 1, sizeof (*v));

    for (uint32_t i = 0; v && i < count; i++) {
        if (s >= end)
            broker_died (); /* it cannot be it that says so */
        v[i] = s;
        s += strlen (s) + 1;
    }
    *next = s;
    return v;
}

/* What an order points to is kept: it may be a program's environment. */
static void obey (void)
{
    struct order o;
    char *s, *next, **argv, **env;

    if (fd_read_exactly (fd, &o, sizeof (o)) < 0)
        broker_died ();
    s = malloc ((size_t)o.size + 1);
    if (!s || fd_read_exactly (fd, s, o.size) < 0)
        broker_died ();
    s[o.size] = '\0';
    argv = split (s, s + o.size, o.argc, &next);
    env = split (next, s + o.size, o.envc, &next);
    if (!argv || !env || !argv[0])
        tell (o.kind == ORDER_RUN ? -ENOMEM : ENOMEM);
    else if (o.kind == ORDER_HOLD)
        hold (&o, argv[0]);
    else
        run (&o, argv, env);
}

/* Others of its may end, too: orphans. */
static void reap (void)
{
    pid_t pid;
    int status;

    while ((pid = waitpid (-1, &status, WNOHANG)) > 0) {
        if (pid == program) {
            program = -1;
            tell (status);
            if (!dir)
                _exit (0);
        }
    }
}

int main (int argc, char *argv[])
{
    struct signalfd_siginfo si;
    struct pollfd p[2];
    sigset_t wanted;

    if (argc != 3)
        return 2;
    sigfillset (&wanted);
    sigprocmask (SIG_BLOCK, &wanted, NULL);
    sigemptyset (&wanted);
    sigaddset (&wanted, SIGCHLD);
    sigaddset (&wanted, DEATH);
    fd = atoi (argv[1]);
    broker = atoi (argv[2]);
    (void)fd_set_cloexec (fd);
    (void)prctl (PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl (PR_SET_PDEATHSIG, DEATH);
    if (getppid () != broker)
        return 1;
    p[0] = (struct pollfd){ fd, POLLIN, 0 };
    p[1] = (struct pollfd){ signalfd (-1, &wanted, SFD_CLOEXEC), POLLIN, 0 };
    for (;;) {
        if (poll (p, 2, -1) < 0)
            continue;
        if (p[1].revents) {
            (void)read (p[1].fd, &si, sizeof (si));
            if (getppid () != broker)
                broker_died ();
            reap ();
        } else if (p[0].revents)
            obey ();
    }
}
