#include "broker/programs/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define DEATH SIGUSR1 /* of the broker */

static pid_t guard;

static void close_all (void)
{
    int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd < 3; fd++)
        (void)dup2 (null, fd);
    (void)close_range (3, ~0U, 0);
}

/* Who cleans up is no part of the broker's process group: a job that is an instance is
 * killed as a group. It leaves it, and hears of the broker's death, before there is
 * anything to remove. */
static void watch (pid_t broker, int fd, char *path, int (*make) (char *path))
{
    sigset_t death;
    int signum, errnum;

    (void)setpgid (0, 0);
    (void)prctl (PR_SET_NAME, "flux-guard");
    (void)prctl (PR_SET_PDEATHSIG, DEATH);
    if (getppid () != broker)
        _exit (0);
    errnum = make (path) < 0 ? errno : 0;
    (void)fd_write_all (fd, &errnum, sizeof (errnum));
    (void)fd_write_all (fd, path, strlen (path));
    if (errnum)
        _exit (0);
    close_all ();
    sigemptyset (&death);
    sigaddset (&death, DEATH);
    while (getppid () == broker) /* others may send it, too */
        (void)sigwait (&death, &signum);
    (void)dir_remove (path);
    _exit (0);
}

/* False: it has died without a word. */
static bool take_answer (int fd, char *path, size_t size, int *errnum)
{
    size_t len;
    char *s = fd_read_all (fd, &len);
    bool ok = s && len > sizeof (*errnum) && len - sizeof (*errnum) < size;

    if (ok) {
        memcpy (errnum, s, sizeof (*errnum));
        snprintf (path, size, "%s", s + sizeof (*errnum));
    }
    free (s);
    return ok;
}

static pid_t start (char *path, int fd[2], int (*make) (char *path))
{
    pid_t broker = getpid (), pid;
    sigset_t all, before;

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    /* Until it has left the group, it has no part in what comes to that. */
    sigfillset (&all);
    sigprocmask (SIG_BLOCK, &all, &before);
    if ((pid = fork ()) == 0)
        watch (broker, fd[1], path, make);
    sigprocmask (SIG_SETMASK, &before, NULL);
    close (fd[1]);
    if (pid < 0)
        close (fd[0]);
    return pid;
}

int guard_mkdir (char *path, size_t size, int (*make) (char *path))
{
    int fd[2], errnum;
    bool answered;

    if ((guard = start (path, fd, make)) < 0)
        return make (path);
    answered = take_answer (fd[0], path, size, &errnum);
    close (fd[0]);
    if (answered && errnum == 0)
        return 0;
    guard_end ();
    if (!answered)
        return make (path);
    errno = errnum;
    return -1;
}

void guard_end (void)
{
    pid_t pid = guard;

    guard = 0;
    if (pid > 0) {
        int saved_errno = errno;

        (void)kill (pid, SIGKILL);
        (void)waitpid (pid, NULL, 0);
        errno = saved_errno;
    }
}
