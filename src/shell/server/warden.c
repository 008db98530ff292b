#include "shell/server/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define GRACE 5.      /* s that a shell has when its broker is gone */
#define ROUND_MS 1000 /* what was killed ends in that, most of the time */
#define ROUNDS 20     /* and again, for what it has left */
#define ROUNDS_ALONE 600
#define ENDS_MAX 64 /* processes that are ended at once by the helper */

static struct {
    char **argv;
    pid_t helper;
    int status;     /* of it */
    bool ended;     /* it has */
    bool alone;     /* the broker is gone */
    double kill_at; /* then */
    int signal_fd;
} warden;

static pid_t start (char **argv, bool input)
{
    pid_t pid = fork ();
    sigset_t none;
    int fd;

    if (pid != 0)
        return pid;
    setsid ();
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);
    if (!input && (fd = open ("/dev/null", O_RDWR)) >= 0) {
        dup2 (fd, 0);
        dup2 (2, 1); /* what is said there are frames */
        close (fd);
    }
    execv (argv[0], argv);
    fprintf (stderr, "flux-shell: %s: %s\n", argv[0], strerror (errno));
    _exit (127);
}

static void reap (void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid (-1, &status, WNOHANG)) > 0) {
        if (pid != warden.helper)
            continue;
        warden.status = status;
        warden.ended = true;
    }
}

static void read_signals (void)
{
    struct signalfd_siginfo si;

    while (read (warden.signal_fd, &si, sizeof (si)) == sizeof (si)) {
        if (si.ssi_signo != SIGCHLD && !warden.ended)
            kill (warden.helper, si.ssi_signo);
    }
    reap ();
}

static void broker_gone (void)
{
    warden.alone = true;
    warden.kill_at = clock_monotonic () + GRACE;
}

/* A signal, or the end of the broker; or that time. */
static void wait_some (int timeout_ms)
{
    struct pollfd fds[] = { { .fd = warden.signal_fd, .events = POLLIN },
                            { .fd = warden.alone ? -1 : 0 } };

    if (poll (fds, 2, timeout_ms) <= 0)
        return;
    if (fds[0].revents)
        read_signals ();
    if (fds[1].revents)
        broker_gone ();
}

static void wait_for_helper (void)
{
    while (!warden.ended) {
        double left = warden.alone ? warden.kill_at - clock_monotonic () : 0.;
        if (warden.alone && left <= 0) {
            kill (warden.helper, SIGUSR1);
            broker_gone ();
            left = GRACE;
        }
        wait_some (warden.alone ? (int)(left * 1000) + 1 : -1);
    }
}

/* What is left, as a text of numbers; NULL: nothing. The caller frees it. */
static char *children (void)
{
    char path[64], *s;
    size_t len;

    reap ();
    snprintf (path, sizeof (path), "/proc/self/task/%d/children", (int)getpid ());
    s = file_read_all (path, &len);
    if (s && s[0] != '\0')
        return s;
    free (s);
    return NULL;
}

/* As the user whose they are. */
static void end_by_helper (char **pids, int count)
{
    char *argv[3 + 1 + ENDS_MAX + 1] = { warden.argv[0], warden.argv[1], warden.argv[2],
                                         (char *)"--end" };
    double until = clock_monotonic () + 10.;

    memcpy (argv + 4, pids, count * sizeof (pids[0]));
    warden.helper = start (argv, false);
    warden.ended = warden.helper < 0;
    while (!warden.ended) {
        double left = until - clock_monotonic ();
        if (left <= 0) {
            kill (warden.helper, SIGKILL);
            left = 1.;
        }
        wait_some ((int)(left * 1000) + 1);
    }
}

/* A child is nobody else's number until it was waited for. */
static void kill_children (char *list)
{
    char *pids[ENDS_MAX], *save;
    int count = 0;

    for (char *s = strtok_r (list, " \n", &save); s;
         s = strtok_r (NULL, " \n", &save)) {
        if (kill ((pid_t)strtol (s, NULL, 10), SIGKILL) < 0 && errno == EPERM
            && count < ENDS_MAX)
            pids[count++] = s;
    }
    if (count > 0)
        end_by_helper (pids, count);
}

static void sweep (void)
{
    char *list;

    for (int i = 0; (list = children ()); i++) {
        if (i >= (warden.alone ? ROUNDS_ALONE : ROUNDS)) {
            fprintf (stderr,
                     "flux-shell: processes are left that cannot be killed: %s\n",
                     list);
            free (list);
            return;
        }
        kill_children (list);
        free (list);
        if ((list = children ()))
            wait_some (i == 0 ? ROUND_MS / 20 : ROUND_MS);
        free (list);
    }
}

static int open_signals (void)
{
    static const int signums[] = { SIGCHLD, SIGHUP,  SIGINT, SIGQUIT,
                                   SIGTERM, SIGUSR1, SIGUSR2 };
    sigset_t set;

    sigemptyset (&set);
    for (size_t i = 0; i < sizeof (signums) / sizeof (signums[0]); i++)
        sigaddset (&set, signums[i]);
    sigprocmask (SIG_BLOCK, &set, NULL);
    return warden.signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int end_as (int status)
{
    sigset_t none;

    if (!WIFSIGNALED (status))
        return WEXITSTATUS (status);
    signal (WTERMSIG (status), SIG_DFL);
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);
    raise (WTERMSIG (status));
    return 128 + WTERMSIG (status);
}

int warden_run (char *argv[])
{
    warden.argv = argv;
    if (open_signals () < 0 || prctl (PR_SET_CHILD_SUBREAPER, 1) < 0
        || (warden.helper = start (argv, true)) < 0) {
        fprintf (stderr, "flux-shell: %s: %s\n", argv[0], strerror (errno));
        return 1;
    }
    wait_for_helper ();
    int status = warden.status;
    sweep ();
    return end_as (status);
}

int warden_end (char *argv[])
{
    int rc = 0;

    for (; *argv; argv++) {
        char *end;
        long pid = strtol (*argv, &end, 10);
        if (end == *argv || *end != '\0' || pid <= 1)
            return 2;
        if (kill ((pid_t)pid, SIGKILL) < 0 && errno != ESRCH)
            rc = 1;
    }
    return rc;
}
