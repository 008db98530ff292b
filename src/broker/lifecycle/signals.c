/* Signals, and the flux start that this broker may belong to.
 *
 * While the broker boots, it waits for others without a reactor (PMI): a signal ends
 * it at once, and it removes what it has made, which is little. Later signals are
 * events of the state machine: before and in run they end the instance in an orderly
 * way, after it they say not to wait any longer. */
#include "broker/lifecycle/signals.h"
#include "broker/attrs.h"
#include "broker/lifecycle/machine.h"
#include "broker/programs/keep.h"
#include "broker/rc/rc2.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

#define COUNT 5
static const int signums[COUNT] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM };
/* For the program, not for us. */
static const int forwarded[2] = { SIGUSR1, SIGUSR2 };
static flux_watcher_t *watchers[COUNT], *forwarders[2];
static volatile sig_atomic_t early[2]; /* they came while it booted */

/* ---- while it boots ---- */

static struct {
    char rundir[4096];
    char tbon[4200];
    volatile sig_atomic_t remove;
} made;

static pid_t start_pid; /* of the flux start that waits for this broker, or 0 */
static bool start_removes_rundir;

static bool start_is_gone (void)
{
    return start_pid > 0 && getppid () != start_pid;
}

/* Only what is allowed in a handler. */
static void boot_handler (int signum)
{
    if (made.tbon[0])
        (void)unlink (made.tbon);
    if (made.remove || (start_removes_rundir && start_is_gone ()))
        (void)rmdir (made.rundir);
    keep_end ();
    _exit (128 + signum);
}

static void fill (sigset_t *set)
{
    sigemptyset (set);
    for (int i = 0; i < COUNT; i++)
        sigaddset (set, signums[i]);
}

void signals_hold (void)
{
    sigset_t set;

    fill (&set);
    sigprocmask (SIG_BLOCK, &set, NULL);
}

void signals_release (void)
{
    sigset_t set;

    fill (&set);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
}

void signals_take_along (const char *rundir, bool remove)
{
    const char *rank = getenv ("PMI_RANK");

    signals_hold ();
    snprintf (made.rundir, sizeof (made.rundir), "%s", rundir);
    snprintf (made.tbon, sizeof (made.tbon), "%s/tbon-%d", rundir,
              rank ? atoi (rank) : 0);
    made.remove = remove;
    signals_release ();
}

/* A broker does not outlive the flux start that started it: rank 0 shuts the
 * instance down, the others follow it as soon as they have joined. */
static void follow_start (void)
{
    const char *s = getenv ("FLUX_START_PID");
    pid_t pid = s ? atoi (s) : 0;

    if (pid > 0 && pid == getppid ()) {
        start_pid = pid;
        start_removes_rundir = strchr (s, ' ') != NULL;
        (void)prctl (PR_SET_PDEATHSIG, SIGTERM);
        if (getppid () != pid)
            (void)raise (SIGTERM);
    }
    unsetenv ("FLUX_START_PID");
}

/* A write beyond RLIMIT_FSIZE is an error of that write. Programs do not inherit a
 * handler, as they would SIG_IGN. */
static void no_handler (int signum)
{
}

static void note_handler (int signum)
{
    for (int i = 0; i < 2; i++)
        if (forwarded[i] == signum)
            early[i] = 1;
}

/* Those for a program that is still to start. The shell of a job that is an instance
 * starts it with these blocked, since they come whenever they like. */
static void note_forwarded (void)
{
    struct sigaction note = { .sa_handler = note_handler, .sa_flags = SA_RESTART };
    sigset_t set;

    sigemptyset (&set);
    for (int i = 0; i < 2; i++) {
        (void)sigaction (forwarded[i], &note, NULL);
        sigaddset (&set, forwarded[i]);
    }
    sigprocmask (SIG_UNBLOCK, &set, NULL);
}

void signals_boot (void)
{
    struct sigaction none = { .sa_handler = no_handler, .sa_flags = SA_RESTART };
    struct sigaction sa = { .sa_handler = boot_handler };

    /* One after the other: the first is the last. */
    fill (&sa.sa_mask);
    for (int i = 0; i < COUNT; i++)
        (void)sigaction (signums[i], &sa, NULL);
    (void)sigaction (SIGXFSZ, &none, NULL);
    note_forwarded ();
    signal (SIGPIPE, SIG_IGN);
    signals_release ();
    follow_start ();
}

/* ---- while it runs ---- */

static void signal_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct broker *b = arg;
    int signum = flux_signal_watcher_get_signum (w);

    broker_log (b, LOG_INFO, "signal %d", signum);
    if (b->state >= STATE_CLEANUP && b->state < STATE_EXIT) {
        /* Asked again: do not wait for what does not come. */
        machine_force (b);
        return;
    }
    if (b->state == STATE_RUN) {
        b->exit_signum = signum;
        /* Programs expect that one when their time is over. */
        rc2_kill (b, signum == SIGALRM ? SIGTERM : signum);
    } else if (b->exit_code == 0 && b->state < STATE_RUN)
        b->exit_code = 128 + signum;
    broker_post (b, EVENT_SHUTDOWN);
}

static void forward_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    rc2_forward (arg, flux_signal_watcher_get_signum (w));
}

static int watch (struct broker *b, flux_watcher_t **w, int signum, flux_watcher_f cb)
{
    if (!(*w = flux_signal_watcher_create (b->reactor, signum, cb, b)))
        return -1;
    flux_watcher_start (*w);
    flux_watcher_unref (*w);
    return 0;
}

int signals_init (struct broker *b)
{
    if (b->rank > 0)
        (void)prctl (PR_SET_PDEATHSIG, 0);
    for (int i = 0; i < COUNT; i++) {
        /* Control-C goes to the whole process group: rank 0 decides. */
        if (b->rank > 0 && signums[i] != SIGTERM) {
            signal (signums[i], SIG_IGN);
            continue;
        }
        if (watch (b, &watchers[i], signums[i], signal_cb) < 0)
            return -1;
    }
    for (int i = 0; i < 2 && b->rank == 0; i++) {
        if (watch (b, &forwarders[i], forwarded[i], forward_cb) < 0)
            return -1;
        if (early[i])
            rc2_forward (b, forwarded[i]);
    }
    signals_release ();
    return 0;
}

void signals_fini (struct broker *b)
{
    signals_hold ();
    for (int i = 0; i < COUNT; i++)
        flux_watcher_destroy (watchers[i]);
    for (int i = 0; i < 2; i++)
        flux_watcher_destroy (forwarders[i]);
    /* flux start would have removed it. */
    if (b->attrs && start_removes_rundir && start_is_gone ())
        attrs_put (b->attrs, "rundir-cleanup", "1", -1);
}
