/* flux-keeper FD FLAGS RUNDIR BROKER NOFILE PROGRAM [ARGS...]: runs a program for a broker, and sees
 * to it that nothing of it outlives the broker.
 *
 * Happy path: the program is started, with NOFILE as its soft limit of descriptors,
 * which is the one that the broker was started with; its pid goes to FD, then its
 * status, as ints. A keeper of the run directory (r) stays until the broker ends it.
 *
 * Failures: it cannot be started: FD gets -errno. The broker dies (PR_SET_PDEATHSIG:
 * started by its main thread, which ends with it): the program, its process group if
 * it has its own (p), and all that descends from it are killed, and the run directory
 * goes (r), which nobody else would remove. It is a small static program because it
 * is on the way of each start. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/proc.h"

#define DEATH SIGUSR1 /* of the broker */

extern char **environ;

static int fd;

static void limit_descriptors (unsigned long soft)
{
    struct rlimit rl;

    if (getrlimit (RLIMIT_NOFILE, &rl) == 0 && soft < rl.rlim_cur) {
        rl.rlim_cur = soft;
        (void)setrlimit (RLIMIT_NOFILE, &rl);
    }
}

static void tell (int value)
{
    (void)fd_write_all (fd, &value, sizeof (value));
}

static int spawn (pid_t *pid, const char *flags, char **argv)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    short spawn_flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, dflt;
    int rc;

    sigemptyset (&none);
    sigemptyset (&dflt);
    sigaddset (&dflt, SIGPIPE);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setsigmask (&attr, &none);
    posix_spawnattr_setsigdefault (&attr, &dflt);
    posix_spawn_file_actions_init (&actions);
    if (strchr (flags, 'p')) {
        spawn_flags |= POSIX_SPAWN_SETPGROUP;
        posix_spawnattr_setpgroup (&attr, 0);
    }
    if (strchr (flags, 't'))
        posix_spawn_file_actions_addtcsetpgrp_np (&actions, STDIN_FILENO);
    posix_spawnattr_setflags (&attr, spawn_flags);
    rc = posix_spawnp (pid, argv[0], &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy (&actions);
    posix_spawnattr_destroy (&attr);
    return rc;
}

/* True if the program has ended. Others are orphans of its. */
static int reap (pid_t program, int *status)
{
    pid_t pid;
    int s;

    while ((pid = waitpid (-1, &s, WNOHANG)) > 0) {
        if (pid == program) {
            *status = s;
            return 1;
        }
    }
    return 0;
}

static void broker_died (pid_t program, const char *flags, const char *rundir)
{
    if (program > 0)
        (void)kill (strchr (flags, 'p') ? -program : program, SIGKILL);
    proc_kill_children ();
    if (strchr (flags, 'r'))
        (void)dir_remove (rundir);
    _exit (1);
}

int main (int argc, char *argv[])
{
    sigset_t all, wanted;
    pid_t broker, program = -1;
    int rc, status;

    if (argc < 7)
        return 2;
    sigfillset (&all);
    sigprocmask (SIG_BLOCK, &all, NULL);
    sigemptyset (&wanted);
    sigaddset (&wanted, SIGCHLD);
    sigaddset (&wanted, DEATH);
    fd = atoi (argv[1]);
    broker = atoi (argv[4]);
    limit_descriptors (strtoul (argv[5], NULL, 10));
    (void)fd_set_cloexec (fd);
    (void)prctl (PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl (PR_SET_PDEATHSIG, DEATH);
    if (getppid () != broker)
        return 1;
    if ((rc = spawn (&program, argv[2], argv + 6)) != 0) {
        tell (-rc);
        return 1;
    }
    /* A job that is an instance is killed as a group: who cleans up behind it is not
     * part of that. The program stays where it is, for a terminal's sake. */
    (void)setpgid (0, 0);
    tell (program);
    for (;;) {
        int signum = sigwaitinfo (&wanted, NULL);

        if (signum == DEATH && getppid () != broker)
            broker_died (program, argv[2], argv[3]);
        else if (signum == SIGCHLD && reap (program, &status)) {
            tell (status);
            if (!strchr (argv[2], 'r'))
                return 0;
            program = -1;
        }
    }
}
