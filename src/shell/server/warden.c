#include "shell/server/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
#define STOP_TIMER "FLUX_SHELL_STOP_TIMER" /* s; then again so many, in a unit */
#define ENDS_MAX 64   /* processes that are ended at once by the helper */
#define END_TIME 10.  /* s that it may take for that */
#define END_KILLED 2. /* s, and to end when it is killed */

static struct {
    char **argv;
    pid_t parent, helper;
    int status;     /* of it */
    bool ended;     /* it has */
    bool alone;     /* the broker is gone */
    double kill_at; /* then */
    int signal_fd;
    int rounds;
} warden;

/* What is said on standard output are frames. When the broker is gone, nobody reads what
 * is said on standard error, and a helper must not die of that. */
static void leave_broker (void)
{
    int fd = open ("/dev/null", O_RDWR);

    if (fd < 0)
        return;
    dup2 (fd, 0);
    if (warden.alone)
        dup2 (fd, 2);
    dup2 (2, 1);
    close (fd);
}

static pid_t start (char **argv, bool input)
{
    pid_t pid = fork ();
    sigset_t none;

    if (pid != 0)
        return pid;
    setsid ();
    signal (SIGPIPE, SIG_DFL);
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);
    if (!input)
        leave_broker ();
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

/* As the user whose they are. False: the helper did not end, and is left. */
static bool end_by_helper (char **pids, int count)
{
    char *argv[3 + 1 + ENDS_MAX + 1] = { warden.argv[0], warden.argv[1], warden.argv[2],
                                         (char *)"--end" };
    double until = clock_monotonic () + END_TIME, left;

    memcpy (argv + 4, pids, count * sizeof (pids[0]));
    warden.helper = start (argv, false);
    warden.ended = warden.helper < 0;
    while (!warden.ended && (left = until - clock_monotonic ()) > 0)
        wait_some ((int)(left * 1000) + 1);
    if (!warden.ended)
        kill (warden.helper, SIGKILL);
    until += END_KILLED;
    while (!warden.ended && (left = until - clock_monotonic ()) > 0)
        wait_some ((int)(left * 1000) + 1);
    if (warden.ended)
        return true;
    fprintf (stderr, "flux-shell: %s: process %d does not end, and cannot be killed\n",
             argv[0], (int)warden.helper);
    warden.ended = true; /* nothing is passed on to it */
    return false;
}

/* A child is nobody else's number until it was waited for. False: who should end them does
 * not end. */
static bool kill_children (char *list)
{
    char *pids[ENDS_MAX], *save;
    int count = 0;

    for (char *s = strtok_r (list, " \n", &save); s;
         s = strtok_r (NULL, " \n", &save)) {
        if (kill ((pid_t)strtol (s, NULL, 10), SIGKILL) < 0 && errno == EPERM
            && count < ENDS_MAX)
            pids[count++] = s;
    }
    return count == 0 || end_by_helper (pids, count);
}

/* A helper that does not end what it should counts as many of the rounds: somebody may wait
 * for this process. */
static int stuck_rounds (void)
{
    int all = warden.alone ? ROUNDS_ALONE : ROUNDS;

    return all / (getppid () == warden.parent ? 2 : 60);
}

static void sweep (void)
{
    char *list;

    for (int i = 0; (list = children ()); i++) {
        if (i >= (warden.alone ? ROUNDS_ALONE : warden.rounds)) {
            fprintf (stderr,
                     "flux-shell: processes are left that cannot be killed: %s\n",
                     list);
            free (list);
            return;
        }
        if (!kill_children (list))
            i += stuck_rounds ();
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

/* The helper runs what it is to ask with as the owner of this process, to whom its files in
 * /proc are open. */
static int keep_answer (const char *shell)
{
    const char *ask = getenv ("FLUX_IMP_EXEC_HELPER");
    char *text;
    int fd;

    if (!ask)
        return 0;
    if ((fd = memfd_create ("answer", MFD_CLOEXEC)) < 0
        || asprintf (&text, "%s --ask /proc/%d/fd/%d %s", shell, (int)getpid (), fd,
                     ask)
               < 0)
        return -1;
    int rc = setenv ("FLUX_IMP_EXEC_HELPER", text, 1);
    free (text);
    return rc;
}

int warden_run (char *argv[])
{
    const char *timer = getenv (STOP_TIMER);

    warden.argv = argv;
    warden.rounds = timer && atoi (timer) > 0 ? 2 * atoi (timer) : ROUNDS;
    unsetenv (STOP_TIMER);
    warden.parent = getppid ();
    signal (SIGPIPE, SIG_IGN); /* there is more to do when nobody listens */
    if (keep_answer (argv[2]) < 0 || open_signals () < 0
        || prctl (PR_SET_CHILD_SUBREAPER, 1) < 0
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

/* What it prints; or NULL. *rc: its status. The caller frees it. */
static char *answer_of (char **argv, size_t *len, int *rc)
{
    char *s = NULL;
    int fd[2], status = 0;
    pid_t pid;

    if (pipe2 (fd, O_CLOEXEC) < 0)
        return NULL;
    if ((pid = fork ()) == 0) {
        dup2 (fd[1], 1);
        execv (argv[0], argv);
        fprintf (stderr, "flux-shell: %s: %s\n", argv[0], strerror (errno));
        _exit (127);
    }
    close (fd[1]);
    if (pid > 0)
        s = fd_read_all (fd[0], len);
    int saved = errno;
    close (fd[0]);
    while (pid > 0 && waitpid (pid, &status, 0) < 0 && errno == EINTR)
        ;
    errno = saved;
    if (s)
        *rc = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
    return s;
}

/* The newline that it ends with comes last: without it, it was not kept whole. */
static void keep (const char *path, int fd, const char *s, size_t len)
{
    if (fd < 0 || ftruncate (fd, 0) < 0 || lseek (fd, 0, SEEK_SET) < 0
        || fd_write_all (fd, s, len) < 0)
        fprintf (stderr, "flux-shell: %s: an answer is not kept: %s\n", path,
                 strerror (errno));
}

int warden_ask (char *argv[])
{
    int rc = 0, fd = open (argv[0], O_RDWR | O_CLOEXEC), error = errno;
    size_t len = 0;
    char *s = fd < 0 ? NULL : fd_read_all (fd, &len);

    if (!s || len == 0 || s[len - 1] != '\n') {
        free (s);
        if ((s = answer_of (argv + 1, &len, &rc)) && rc == 0) {
            errno = error;
            keep (argv[0], fd, s, len);
        }
    }
    if (!s || fd_write_all (1, s, len) < 0) {
        fprintf (stderr, "flux-shell: %s: %s\n", argv[1], strerror (errno));
        rc = 1;
    }
    free (s);
    if (fd >= 0)
        close (fd);
    return rc;
}
