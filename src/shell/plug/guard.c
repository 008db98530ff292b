/* Plugins that crash, or that do not return: the job fails with a line that names them.
 * Both are found in a signal handler, which writes the last frames of this shell itself;
 * the frames that were collected before go first. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "shell/plug/plugs.h"
#include "value/fsd.h"

#define TIMEOUT_DEFAULT 60.
#define STACK_SIZE 65536
#define TIMEOUT_SIGNAL (SIGRTMAX - 1)

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };

static struct guard current;
static pid_t shell_pid;
static bool have_timer;
static timer_t timer;
static struct itimerspec limit; /* 0: none */
static char stack[STACK_SIZE];  /* the other one may be what is broken */

/* snprintf (3) may take locks. Text is cut, and what JSON would escape is left out. */
static size_t put (char *buf, size_t size, size_t len, const char *s)
{
    for (; s && *s && len + 1 < size; s++)
        buf[len++] = *s == '"' || *s == '\\' || (unsigned char)*s < ' ' ? '?' : *s;
    buf[len] = '\0';
    return len;
}

static void send_exception (const char *what)
{
    char text[512] = "{\"type\":\"exec\",\"severity\":0,\"note\":\"";
    size_t len = strlen (text);
    size_t room = sizeof (text) - 3;

    len = put (text, room, len, "plugin '");
    len = put (text, room, len, current.plugin);
    len = put (text, room, len, "' ");
    len = put (text, room, len, what);
    len = put (text, room, len, " ");
    len = put (text, room, len, current.topic);
    memcpy (text + len, "\"}", 2);
    frame_write (&plugs.sh->out, 'x', text, len + 2);
    frame_flush (&plugs.sh->out);
}

/* In a callback of the reactor, only the address tells whose it is. */
static void find_culprit (void *context)
{
#ifdef __x86_64__
    ucontext_t *uc = context;
    const char *owner = plugs_owner ((void *)uc->uc_mcontext.gregs[REG_RIP]);

    if (owner)
        current = (struct guard){ owner, "a callback" };
#endif
}

static void crashed (int signum, siginfo_t *si, void *context)
{
    signal (signum, SIG_DFL);
    if (!current.plugin)
        find_culprit (context);
    if (current.plugin)
        send_exception ("crashed in");
    raise (signum);
}

static void kill_tasks (void)
{
    for (int i = 0; i < plugs.sh->task_count; i++) {
        pid_t pid = plugs.sh->tasks ? plugs.sh->tasks[i].pid : 0;
        if (pid > 0)
            kill (plugs.sh->setpgrp ? -pid : pid, SIGKILL);
    }
}

bool guard_in_shell (void)
{
    return getpid () == shell_pid;
}

static void timed_out (int signum)
{
    if (!current.plugin) /* it has just returned */
        return;
    send_exception ("does not return from");
    if (guard_in_shell ()) { /* and not a task that is about to be one */
        kill_tasks ();
        frame_write (&plugs.sh->out, 'X', "256", 3);
        frame_flush (&plugs.sh->out);
        _exit (SHELL_TOLD);
    }
    _exit (1);
}

static int parse_limit (void)
{
    json_t *o = plugs_option ("plugin-timeout");
    const char *s = json_string_value (o);
    double t = TIMEOUT_DEFAULT;

    if (json_is_number (o))
        t = json_number_value (o);
    else if (s && !strcmp (s, "none"))
        t = 0.;
    else if (o && (!s || fsd_parse (s, &t) < 0))
        return plugs_einval ();
    if (t < 0. || t > 1e9)
        return plugs_einval ();
    limit.it_value.tv_sec = (time_t)t;
    limit.it_value.tv_nsec = (long)((t - (time_t)t) * 1e9);
    return 0;
}

static void set_timer (const struct itimerspec *value)
{
    if (have_timer)
        timer_settime (timer, 0, value, NULL);
}

int guard_read_limit (void)
{
    if (parse_limit () < 0)
        return -1;
    if (current.plugin)
        set_timer (&limit);
    return 0;
}

static int make_timer (void)
{
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
                           .sigev_signo = TIMEOUT_SIGNAL };

    have_timer = timer_create (CLOCK_MONOTONIC, &ev, &timer) == 0;
    return have_timer ? 0 : -1;
}

int guard_init (void)
{
    struct sigaction sa = { .sa_sigaction = crashed,
                            .sa_flags = SA_ONSTACK | SA_NODEFER | SA_SIGINFO };
    stack_t st = { .ss_sp = stack, .ss_size = sizeof (stack) };

    shell_pid = getpid ();
    if (guard_read_limit () < 0 || sigaltstack (&st, NULL) < 0)
        return -1;
    for (size_t i = 0; i < sizeof (crashes) / sizeof (crashes[0]); i++)
        sigaction (crashes[i], &sa, NULL);
    sa.sa_flags = SA_ONSTACK;
    sa.sa_handler = timed_out;
    sigaction (TIMEOUT_SIGNAL, &sa, NULL);
    return make_timer ();
}

/* Timers are not inherited, and all signals are blocked there. */
void guard_after_fork (void)
{
    sigset_t set;

    sigemptyset (&set);
    for (size_t i = 0; i < sizeof (crashes) / sizeof (crashes[0]); i++)
        sigaddset (&set, crashes[i]);
    sigaddset (&set, TIMEOUT_SIGNAL);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
    current = (struct guard){ 0 };
    make_timer ();
}

struct guard guard_enter (const char *plugin, const char *topic)
{
    struct guard before = current;

    current = (struct guard){ plugin, topic };
    if (!before.plugin)
        set_timer (&limit);
    return before;
}

void guard_leave (struct guard before)
{
    static const struct itimerspec off;

    current = before;
    if (!before.plugin)
        set_timer (&off);
}
