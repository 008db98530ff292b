/* The initial program (rc2).
 *
 * No arguments: $SHELL, in the terminal's foreground if there is one. One
 * argument: a command line for $SHELL. More: a program and its arguments. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "broker/broker.h"

struct rc2 {
    pid_t pid;
    bool own_pgrp;
    bool foreground; /* it has the terminal */
    flux_watcher_t *w;
};

int rc2_init (struct broker *b)
{
    return (b->rc2 = calloc (1, sizeof (*b->rc2))) ? 0 : -1;
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

static void rc2_done (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct broker *b = arg;
    int status = flux_child_watcher_get_rstatus (w);
    int code = WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);

    if (WIFSTOPPED (status) || WIFCONTINUED (status))
        return;
    b->rc2->pid = -1;
    take_terminal_back (b->rc2);
    flux_watcher_stop (w);
    if (code != 0)
        broker_log (b, LOG_INFO, "rc2.0: %s %d",
                    WIFSIGNALED (status) ? "killed by signal" : "exited with status",
                    WIFSIGNALED (status) ? WTERMSIG (status) : code);
    if (b->exit_code == 0)
        b->exit_code = code;
    machine_post (b, code == 0 ? EVENT_RC2_SUCCESS : EVENT_RC2_FAIL);
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

static int spawn (struct broker *b, char **argv, bool interactive)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char **env = broker_program_env (b);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, dflt;
    int rc;

    if (!env)
        return ENOMEM;
    sigemptyset (&none);
    sigemptyset (&dflt);
    sigaddset (&dflt, SIGPIPE);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setsigmask (&attr, &none);
    posix_spawnattr_setsigdefault (&attr, &dflt);
    posix_spawn_file_actions_init (&actions);
    if (interactive || attrs_val (b->attrs, "broker.rc2_pgrp")) {
        flags |= POSIX_SPAWN_SETPGROUP;
        posix_spawnattr_setpgroup (&attr, 0);
        b->rc2->own_pgrp = true;
    }
    if (interactive && tcgetpgrp (STDIN_FILENO) == getpgrp ()) {
        posix_spawn_file_actions_addtcsetpgrp_np (&actions, STDIN_FILENO);
        b->rc2->foreground = true;
    }
    posix_spawnattr_setflags (&attr, flags);
    rc = posix_spawnp (&b->rc2->pid, argv[0], &actions, &attr, argv, env);
    posix_spawn_file_actions_destroy (&actions);
    posix_spawnattr_destroy (&attr);
    broker_program_env_free (env);
    return rc;
}

static int spawn_program (struct broker *b, bool interactive)
{
    char *sh[] = { (char *)user_shell (), NULL, NULL, NULL };
    int rc = ENOENT;

    if (b->init_argc == 0)
        return spawn (b, sh, interactive);
    if (b->init_argc > 1 || is_plain_word (b->init_argv[0]))
        rc = spawn (b, b->init_argv, interactive);
    /* Without a path it may be a word that the shell knows. */
    if (b->init_argc > 1 || rc != ENOENT || strchr (b->init_argv[0], '/'))
        return rc;
    sh[1] = (char *)"-c";
    sh[2] = b->init_argv[0];
    return spawn (b, sh, interactive);
}

static void start_failed (struct broker *b, int errnum)
{
    const char *what = b->init_argc > 0 ? b->init_argv[0] : user_shell ();

    fprintf (stderr, "flux-broker: %s: %s\n", what, strerror (errnum));
    take_terminal_back (b->rc2);
    b->exit_code = errnum == ENOENT ? 127 : 126;
    machine_post (b, EVENT_RC2_FAIL);
}

void rc2_start (struct broker *b)
{
    bool interactive = b->init_argc == 0 && isatty (STDIN_FILENO);
    int rc;

    if (attrs_val (b->attrs, "broker.rc2_none"))
        return; /* runs until it is told to shut down */
    if ((rc = spawn_program (b, interactive)) != 0) {
        start_failed (b, rc);
        return;
    }
    b->rc2->w = flux_child_watcher_create (b->reactor, b->rc2->pid, false, rc2_done, b);
    if (!b->rc2->w) {
        broker_log (b, LOG_ERR, "rc2: %s", strerror (errno));
        machine_post (b, EVENT_RC2_FAIL);
        return;
    }
    flux_watcher_start (b->rc2->w);
}

void rc2_kill (struct broker *b, int signum)
{
    pid_t pid = b->rc2->pid;

    if (pid > 0) {
        (void)kill (b->rc2->own_pgrp ? -pid : pid, signum);
        (void)kill (b->rc2->own_pgrp ? -pid : pid, SIGCONT);
    }
}

void rc2_fini (struct broker *b)
{
    if (b->rc2) {
        /* The instance was faster than the program that was to end first. */
        if (b->rc2->pid > 0 && b->exit_code == 0 && b->exit_signum)
            b->exit_code = 128 + b->exit_signum;
        rc2_kill (b, SIGKILL);
        take_terminal_back (b->rc2);
        flux_watcher_destroy (b->rc2->w);
        free (b->rc2);
        b->rc2 = NULL;
    }
}
