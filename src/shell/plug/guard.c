/* Plugins that crash, that do not return, or that take from the shell what it lives by: the
 * job fails with a line that names them. The first two are found in a signal handler, which
 * writes the last frames of this shell itself; the frames that were collected before go
 * first. The others are found when they have returned. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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
static pid_t shell_pid, caller; /* who calls plugins: it, or a task to be */
static bool have_timer;
static timer_t timer;
static struct itimerspec limit; /* 0: none */
static unsigned long calls;     /* and turns of the reactor */
static unsigned long
    calls_killed;              /* when the job was killed last, and then was not 0 */
static char stack[STACK_SIZE]; /* the other one may be what is broken */

/* snprintf (3) may take locks. Text is cut, and what JSON would escape is left out. */
static size_t put (char *buf, size_t size, size_t len, const char *s)
{
    for (; s && *s && len + 1 < size; s++)
        buf[len++] = *s == '"' || *s == '\\' || (unsigned char)*s < ' ' ? '?' : *s;
    buf[len] = '\0';
    return len;
}

static size_t put_note (char *text, size_t room, size_t len, const char *what)
{
    len = put (text, room, len, current.plugin ? "plugin '" : "");
    len = put (text, room, len, current.plugin ? current.plugin : "a plugin");
    len = put (text, room, len, current.plugin ? "' " : " ");
    len = put (text, room, len, what);
    len = put (text, room, len, " ");
    return put (text, room, len, current.topic ? current.topic : "a callback");
}

static void send_exception (const char *what)
{
    char text[512] = "{\"type\":\"exec\",\"severity\":0,\"note\":\"";
    size_t len = strlen (text);
    size_t room = sizeof (text) - 3;

    len = put_note (text, room, len, what);
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

static void fail (const char *what)
{
    send_exception (what);
    if (!guard_in_shell ()) /* a task that is about to be one */
        _exit (1);
    kill_tasks ();
    frame_write (&plugs.sh->out, 'X', "256", 3);
    _exit (frame_flush (&plugs.sh->out) == 0 ? SHELL_TOLD : 1);
}

static void timed_out (int signum)
{
    if (current.plugin) /* else it has just returned */
        fail ("does not return from");
}

/* From the server, with each SIGKILL for the job: when the second comes, the first should
 * have been seen to. */
static void killed (int signum, siginfo_t *si, void *context)
{
    if (si->si_code != SI_USER || si->si_pid != getppid ())
        return;
    if (calls_killed != calls) {
        calls_killed = calls;
        return;
    }
    if (!current.plugin)
        find_culprit (context);
    fail ("does not return from");
}

/* --- what the shell lives by --- */

static struct stat needed[4];

/* Of frames both ways, signals, and all of them. */
static int needed_fd (int i)
{
    const struct shell *sh = plugs.sh;
    int fds[] = { sh->out.fd, sh->in_src.fd, sh->signal_src.fd, sh->epoll_fd };

    return fds[i];
}

static void note_needed (void)
{
    for (int i = 0; i < 4; i++)
        fstat (needed_fd (i), &needed[i]);
}

static bool has_fd (int i)
{
    struct stat st;

    return needed_fd (i) < 0 /* the shell has closed it itself */
           || (fstat (needed_fd (i), &st) == 0 && st.st_dev == needed[i].st_dev
               && st.st_ino == needed[i].st_ino);
}

/* There is no way to the server but that this process ends, and what it leaves. */
static void leave_said (const char *what)
{
    char path[270], text[128] = "";
    size_t len = put_note (text, sizeof (text), 0, what);
    int fd;

    kill_tasks ();
    snprintf (path, sizeof (path), "%s" SHELL_SAID, plugs.sh->tmpdir);
    unlink (path);
    fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write (fd, text, len) < 0)
        _exit (1);
    _exit (SHELL_DAMAGED);
}

static bool ignores_children (void)
{
    struct sigaction sa;

    return sigaction (SIGCHLD, NULL, &sa) == 0
           && (sa.sa_handler == SIG_IGN || (sa.sa_flags & SA_NOCLDWAIT));
}

/* Blocked, so that the loop gets them. What has come meanwhile may be lost. */
static void block_signals (void)
{
    static const int ours[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT };
    sigset_t set;
    bool blocked = true;

    sigprocmask (SIG_BLOCK, NULL, &set);
    for (size_t i = 0; i < sizeof (ours) / sizeof (ours[0]); i++)
        blocked &= sigismember (&set, ours[i]) == 1;
    if (blocked)
        return;
    for (size_t i = 0; i < sizeof (ours) / sizeof (ours[0]); i++)
        sigaddset (&set, ours[i]);
    sigprocmask (SIG_SETMASK, &set, NULL);
    raise (SIGCHLD);
}

static void check_needed (void)
{
    static const char closed[] = "has closed descriptors of the job shell in";

    if (plugs.sh->broken)
        return;
    if (!has_fd (0))
        leave_said (closed);
    for (int i = 1; i < 4; i++) {
        if (!has_fd (i))
            fail (closed);
    }
    if (ignores_children ())
        fail ("has SIGCHLD ignored in the job shell in");
    block_signals ();
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

    shell_pid = caller = getpid ();
    if (guard_read_limit () < 0 || sigaltstack (&st, NULL) < 0)
        return -1;
    for (size_t i = 0; i < sizeof (crashes) / sizeof (crashes[0]); i++)
        sigaction (crashes[i], &sa, NULL);
    sa.sa_flags = SA_ONSTACK | SA_SIGINFO | SA_RESTART;
    sa.sa_sigaction = killed;
    sigaction (SIGCONT, &sa, NULL);
    sa.sa_flags = SA_ONSTACK;
    sa.sa_handler = timed_out;
    sigaction (TIMEOUT_SIGNAL, &sa, NULL);
    note_needed ();
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
    caller = getpid ();
    make_timer ();
}

static bool is_copy (void)
{
    return caller && getpid () != caller;
}

/* The process that a plugin has forked is no shell. What was collected is its parent's. */
static void end_copy (void)
{
    plugs.sh->out.len = 0;
    send_exception ("has forked a process that returns from");
    _exit (1);
}

struct guard guard_enter (const char *plugin, const char *topic)
{
    struct guard before = current;

    current = (struct guard){ plugin, topic };
    calls++;
    if (!before.plugin)
        set_timer (&limit);
    return before;
}

void guard_leave (struct guard before)
{
    static const struct itimerspec off;

    calls++;
    if (is_copy ())
        end_copy ();
    if (guard_in_shell ())
        check_needed ();
    current = before;
    if (!before.plugin)
        set_timer (&off);
}

void guard_turn (void)
{
    calls++;
    if (is_copy ())
        end_copy ();
    check_needed ();
}
