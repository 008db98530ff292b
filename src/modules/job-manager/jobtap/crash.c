/* Plugins that crash, or call exit (3): they take the broker along, whose thread the job
 * manager is. Its standard error says who it was. */
#include "modules/job-manager/jobtap/crash.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
#define NSIGNALS (sizeof (signals) / sizeof (signals[0]))

static struct sigaction before[NSIGNALS];
static bool watching;
static const char *(*owner_of) (const char *path, void *arg);
static void *owner_arg;
static pid_t thread; /* the job manager's */
static struct crash_call current;

static void say (const char *plugin, const char *what, const char *topic)
{
    const char *text[] = {
        "job-manager: jobtap plugin '", plugin, "' ", what, " ", topic, "\n"
    };
    char line[512];
    size_t len = 0;

    for (size_t i = 0; i < sizeof (text) / sizeof (text[0]); i++) {
        size_t n = strnlen (text[i], sizeof (line) - 1 - len);
        memcpy (line + len, text[i], n);
        len += n;
    }
    if (write (STDERR_FILENO, line, len) < 0)
        return; /* nobody reads it */
}

/* In a callback of the reactor, only the address tells whose it is. */
static const char *find_owner (void *context)
{
#ifdef __x86_64__
    ucontext_t *uc = context;
    Dl_info where;

    if (owner_of && dladdr ((void *)uc->uc_mcontext.gregs[REG_RIP], &where)
        && where.dli_fname)
        return owner_of (where.dli_fname, owner_arg);
#endif
    return NULL;
}

static void crashed (int signum, siginfo_t *si, void *context)
{
    const char *plugin = gettid () == thread ? current.plugin : NULL;

    for (size_t i = 0; i < NSIGNALS; i++) {
        if (signals[i] == signum)
            sigaction (signum, &before[i], NULL);
    }
    if (plugin)
        say (plugin, "crashed in", current.topic);
    else if (gettid () == thread && (plugin = find_owner (context)))
        say (plugin, "crashed in", "a callback");
    if (si->si_code <= 0) /* it was sent, and does not come again by itself */
        raise (signum);
}

static void exits (void)
{
    if (gettid () == thread && current.plugin)
        say (current.plugin, "called exit () in", current.topic);
}

void crash_watch (const char *(*owner) (const char *path, void *arg), void *arg)
{
    struct sigaction sa = { .sa_sigaction = crashed, .sa_flags = SA_SIGINFO };
    static bool at_exit;
    sigset_t set;

    thread = gettid ();
    owner_of = owner;
    owner_arg = arg;
    if (watching)
        return;
    sigemptyset (&set);
    for (size_t i = 0; i < NSIGNALS; i++) {
        sigaction (signals[i], &sa, &before[i]);
        sigaddset (&set, signals[i]);
    }
    /* a crash of which the signal is blocked, as in all modules, calls no handler */
    pthread_sigmask (SIG_UNBLOCK, &set, NULL);
    watching = true;
    if (!at_exit)
        at_exit = atexit (exits) == 0;
}

void crash_forget (void)
{
    struct sigaction sa;

    owner_of = NULL;
    current = (struct crash_call){ 0 };
    if (!watching)
        return;
    watching = false;
    for (size_t i = 0; i < NSIGNALS; i++) {
        if (sigaction (signals[i], NULL, &sa) == 0 && sa.sa_sigaction == crashed)
            sigaction (signals[i], &before[i], NULL);
    }
}

struct crash_call crash_enter (const char *plugin, const char *topic)
{
    struct crash_call outer = current;

    current = (struct crash_call){ plugin, topic };
    return outer;
}

void crash_leave (struct crash_call outer)
{
    current = outer;
}
