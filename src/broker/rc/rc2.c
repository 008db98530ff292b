/* The initial program (rc2).
 *
 * No arguments: $SHELL, in the terminal's foreground if there is one. One
 * argument: a command line for $SHELL. More: a program and its arguments. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/programs/command.h"
#include "broker/programs/keep.h"
#include "broker/programs/program_env.h"
#include "broker/rc/rc2.h"

/* A program that is told to end may have something to say, while its instance still
 * is one. Both together are less than what job-exec gives a job. */
#define TERM_TIME 2. /* s, then it gets SIGHUP, as interactive shells want */
#define HUP_TIME 1.5

struct rc2 {
    struct keep *program; /* NULL: not started, or ended */
    bool foreground;      /* it has the terminal */
    bool pgrp;            /* its process group is its own */
    bool interactive;
    bool hung_up;   /* it has got SIGHUP, the last word */
    sigset_t early; /* what came for it before it was there */
    flux_watcher_t *timer;
    void (*ended) (struct broker *b); /* somebody waits for its end */
};

int rc2_init (struct broker *b)
{
    if (!(b->rc2 = calloc (1, sizeof (*b->rc2))))
        return -1;
    sigemptyset (&b->rc2->early);
    return 0;
}

static void take_terminal_back (struct rc2 *rc2)
{
    struct sigaction ign = { .sa_handler = SIG_IGN }, saved;

    if (!rc2->foreground)
        return;
    rc2->foreground = false;
    sigaction (SIGTTOU, &ign, &saved);
    (void)tcsetpgrp (STDIN_FILENO, getpgrp ());
    sigaction (SIGTTOU, &saved, NULL);
}

static void tell_end (struct broker *b)
{
    void (*ended) (struct broker * b) = b->rc2->ended;

    b->rc2->ended = NULL;
    flux_watcher_destroy (b->rc2->timer);
    b->rc2->timer = NULL;
    if (ended)
        ended (b);
}

static void rc2_done (struct broker *b, int status, void *arg)
{
    int code = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);

    keep_destroy (b->rc2->program);
    b->rc2->program = NULL;
    take_terminal_back (b->rc2);
    if (WIFSIGNALED (status) && WTERMSIG (status) == SIGTERM && b->exit_signum)
        code = 128 + b->exit_signum;
    if (code != 0)
        broker_log (b, LOG_INFO, "rc2.0: %s %d",
                    WIFSIGNALED (status) ? "killed by signal" : "exited with status",
                    WIFSIGNALED (status) ? WTERMSIG (status) : code);
    if (b->exit_code == 0)
        b->exit_code = code;
    broker_post (b, code == 0 ? EVENT_RC2_SUCCESS : EVENT_RC2_FAIL);
    tell_end (b);
}

static const char *user_shell (void)
{
    const char *shell = getenv ("SHELL");

    return shell && *shell ? shell : "/bin/sh";
}

/* A word that no shell would treat specially can be run without one. */
static bool is_plain_word (const char *s)
{
    return *s
           && strspn (s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_./+:@%-")
                  == strlen (s);
}

/* What is sent to a job that is an instance comes to the broker, and it alone says what
 * its program hears of it. At a terminal all in the foreground belong together. */
static bool wants_pgrp (struct broker *b)
{
    return b->rc2->interactive || attrs_val (b->attrs, "broker.rc2_pgrp")
           || (attrs_val (b->attrs, "jobid") && !isatty (STDIN_FILENO));
}

static int spawn (struct broker *b, char **argv)
{
    const char *cleanup = attrs_val (b->attrs, "rundir-cleanup");
    char **env = broker_program_env (b);
    int flags = 0, rc = 0;

    if (!env)
        return ENOMEM;
    if ((b->rc2->pgrp = wants_pgrp (b)))
        flags |= KEEP_PGRP;
    if (b->rc2->interactive && tcgetpgrp (STDIN_FILENO) == getpgrp ()) {
        flags |= KEEP_FOREGROUND;
        b->rc2->foreground = true;
    }
    if (cleanup && strcmp (cleanup, "1") == 0)
        flags |= KEEP_RUNDIR;
    if (!(b->rc2->program = keep_start (b, argv, env, flags, rc2_done, NULL)))
        rc = errno;
    program_env_free (env);
    return rc;
}

static int spawn_program (struct broker *b)
{
    char *sh[] = { (char *)user_shell (), NULL, NULL, NULL };
    int rc = ENOENT;

    if (b->init_argc == 0)
        return spawn (b, sh);
    if (b->init_argc > 1 || is_plain_word (b->init_argv[0]))
        rc = spawn (b, b->init_argv);
    /* Without a path it may be a word that the shell knows. */
    if (b->init_argc > 1 || rc != ENOENT
        || (strchr (b->init_argv[0], '/') && is_plain_word (b->init_argv[0])))
        return rc;
    sh[1] = (char *)"-c";
    sh[2] = b->init_argv[0];
    return spawn (b, sh);
}

static void start_failed (struct broker *b, int errnum)
{
    const char *what = b->init_argc > 0 ? b->init_argv[0] : user_shell ();

    fprintf (stderr, "flux-broker: %s: %s\n", what, strerror (errnum));
    take_terminal_back (b->rc2);
    b->exit_code = errnum == ENOENT ? 127 : 126;
    broker_post (b, EVENT_RC2_FAIL);
}

void rc2_kill (struct broker *b, int signum)
{
    keep_kill (b->rc2->program, signum);
}

static void send_early (struct broker *b)
{
    for (int signum = 1; signum < NSIG; signum++)
        if (sigismember (&b->rc2->early, signum) == 1)
            rc2_kill (b, signum);
    sigemptyset (&b->rc2->early);
}

void rc2_start (struct broker *b)
{
    int rc;

    b->rc2->interactive = b->init_argc == 0 && isatty (STDIN_FILENO);
    if (attrs_val (b->attrs, "broker.rc2_none"))
        return; /* runs until it is told to shut down */
    if ((rc = spawn_program (b)) != 0)
        start_failed (b, rc);
    else
        send_early (b);
}

void rc2_forward (struct broker *b, int signum)
{
    if (attrs_val (b->attrs, "broker.rc2_none"))
        broker_log (b, LOG_NOTICE, "SIG%s: there is no initial program that it is for",
                    sigabbrev_np (signum));
    else if (b->state < STATE_RUN)
        (void)sigaddset (&b->rc2->early, signum);
    else if (b->rc2->pgrp || !attrs_val (b->attrs, "jobid"))
        rc2_kill (b, signum);
}

static void timeout (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);

static void set_timer (struct broker *b, double seconds)
{
    flux_watcher_destroy (b->rc2->timer);
    b->rc2->timer = flux_timer_watcher_create (b->reactor, seconds, 0., timeout, b);
    if (b->rc2->timer)
        flux_watcher_start (b->rc2->timer);
    else
        tell_end (b);
}

static void hang_up (struct broker *b)
{
    b->rc2->hung_up = true;
    rc2_kill (b, SIGHUP);
    set_timer (b, HUP_TIME);
}

static void timeout (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct broker *b = arg;

    if (b->rc2->hung_up)
        tell_end (b);
    else
        hang_up (b);
}

void rc2_end (struct broker *b, void (*done) (struct broker *b))
{
    if (!b->rc2->program) {
        done (b);
        return;
    }
    b->rc2->ended = done;
    if (b->rc2->interactive || !b->exit_signum)
        hang_up (b);
    else /* it has got the signal */
        set_timer (b, TERM_TIME);
}

void rc2_fini (struct broker *b)
{
    if (b->rc2) {
        /* The instance was faster than the program that was to end first. */
        if (b->rc2->program && b->exit_code == 0 && b->exit_signum)
            b->exit_code = 128 + b->exit_signum;
        flux_watcher_destroy (b->rc2->timer);
        keep_destroy (b->rc2->program);
        take_terminal_back (b->rc2);
        free (b->rc2);
        b->rc2 = NULL;
    }
}
