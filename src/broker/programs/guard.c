#include "broker/programs/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

static void watch (pid_t broker, const char *path)
{
    sigset_t death;
    int signum;

    (void)setpgid (0, 0);
    (void)prctl (PR_SET_NAME, "flux-guard");
    (void)prctl (PR_SET_PDEATHSIG, DEATH);
    close_all ();
    sigemptyset (&death);
    sigaddset (&death, DEATH);
    while (getppid () == broker) /* others may send it, too */
        (void)sigwait (&death, &signum);
    (void)dir_remove (path);
    _exit (0);
}

void guard_start (const char *path)
{
    pid_t broker = getpid ();
    sigset_t all, before;

    /* A job that is an instance is killed as a group: who cleans up behind it is not
     * part of that. Nor of what else comes to the group before it has left it. */
    sigfillset (&all);
    sigprocmask (SIG_BLOCK, &all, &before);
    if ((guard = fork ()) == 0)
        watch (broker, path);
    if (guard > 0)
        (void)setpgid (guard, guard);
    sigprocmask (SIG_SETMASK, &before, NULL);
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
