/* flux proxy: a command, or a shell, whose FLUX_URI is a socket that leads to another
 * instance.
 *
 * Happy path: the target becomes a native URI, one connection shows that it answers and
 * that it is of this version, the socket is opened, the command runs, its status is ours.
 *
 * Failures: when the connection ends a line says so, the command gets SIGHUP and SIGCONT
 * and its end is awaited (--nohup: without signals); with --reconnect it is tried again
 * every two seconds. However it ends, the terminal is as it was. */
#include "cmd/cmd.h"
#include "cmd/proxy/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <flux/attr.h>

#include "core/job/uri.h"
#include "core/subprocess/spawn.h"

#define RETRY 2. /* s */

extern char **environ;

static struct optparse_option opts[] = {
    { .name = "force",
      .key = 'f',
      .usage = "Connect to a broker of another version, with a warning" },
    { .name = "nohup",
      .key = 'n',
      .usage = "Send no SIGHUP and SIGCONT when the connection is lost" },
    { .name = "reconnect", .usage = "Connect again when the connection is lost" },
    OPTPARSE_TABLE_END,
};

struct proxy {
    optparse_t *p;
    flux_reactor_t *reactor;
    char *uri;
    flux_t *h; /* tells when the instance goes; NULL: it has */
    flux_watcher_t *h_w;
    flux_watcher_t *retry;
    struct proxy_server *server;
    pid_t pid;
    flux_watcher_t *child_w;
    flux_watcher_t *signals[3];
    int status;
};

/* --- the connection --- */

static void check_version (struct proxy *x)
{
    const char *theirs = flux_attr_get (x->h, "version");
    const char *ours = flux_core_version_string ();

    if (!theirs)
        cmd_die ("%s: version: %s", x->uri, flux_strerror (errno));
    if (strcmp (theirs, ours) == 0)
        return;
    if (!optparse_hasopt (x->p, "force"))
        cmd_die ("client (%s) and broker (%s) versions do not match: use --force to "
                 "connect anyway",
                 ours, theirs);
    cmd_warn ("warning: client (%s) and broker (%s) versions do not match", ours,
              theirs);
}

/* Nobody sends us anything: what can be read is the end. */
static void upstream_ready (flux_reactor_t *r, flux_watcher_t *w, int revents,
                            void *arg);

static int watch_upstream (struct proxy *x)
{
    x->h_w = flux_fd_watcher_create (x->reactor, flux_pollfd (x->h), FLUX_POLLIN,
                                     upstream_ready, x);
    if (!x->h_w)
        return -1;
    flux_watcher_start (x->h_w);
    return 0;
}

static void lost (struct proxy *x)
{
    flux_watcher_destroy (x->h_w);
    flux_close (x->h);
    x->h_w = NULL;
    x->h = NULL;
    proxy_server_lost (x->server);
    if (optparse_hasopt (x->p, "reconnect")) {
        cmd_warn ("%s: lost connection, trying to reconnect", x->uri);
        flux_timer_watcher_reset (x->retry, RETRY, RETRY);
        flux_watcher_start (x->retry);
        return;
    }
    cmd_warn ("%s: lost connection", x->uri);
    if (optparse_hasopt (x->p, "nohup"))
        return;
    cmd_warn ("sending SIGHUP to child processes");
    kill (x->pid, SIGHUP);
    kill (x->pid, SIGCONT);
}

static void upstream_ready (flux_reactor_t *r, flux_watcher_t *w, int revents,
                            void *arg)
{
    struct proxy *x = arg;
    flux_msg_t *msg;

    while ((msg = flux_recv (x->h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK)))
        flux_msg_destroy (msg);
    if (errno != EAGAIN && errno != EWOULDBLOCK)
        lost (x);
}

static void try_again (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct proxy *x = arg;
    flux_error_t error;

    if (!(x->h = flux_open_ex (x->uri, 0, &error)))
        return;
    if (!flux_attr_get (x->h, "version") || watch_upstream (x) < 0) {
        flux_close (x->h);
        x->h = NULL;
        return;
    }
    flux_watcher_stop (x->retry);
    cmd_warn ("%s: reconnected", x->uri);
    proxy_server_back (x->server);
}

static void open_upstream (struct proxy *x, const char *target)
{
    flux_error_t error = { "" };

    if (!(x->uri = uri_resolve (target, URI_CONNECT, &error)))
        cmd_die ("Unable to resolve %s to a URI: %s", target, error.text);
    if (!(x->h = flux_open_ex (x->uri, 0, &error))) {
        /* the line of ssh:// begins with the URI */
        if (strncmp (error.text, "ssh://", 6) == 0)
            cmd_die ("%s", error.text);
        cmd_die ("%s: %s", x->uri, error.text);
    }
    check_version (x);
}

/* --- the command --- */

static void set_environment (struct proxy *x)
{
    const char *old = getenv ("FLUX_URI");

    if (strncmp (x->uri, "ssh://", 6) == 0) {
        char *host = strndup (x->uri + 6, strcspn (x->uri + 6, "/"));

        if (!host)
            cmd_die ("out of memory");
        setenv ("FLUX_PROXY_REMOTE", host, 1);
        free (host);
    } else if (!old || strcmp (old, x->uri) != 0)
        unsetenv ("FLUX_PROXY_REMOTE"); /* else it is the socket of another proxy */
    unsetenv ("FLUX_KVS_NAMESPACE");
    setenv ("FLUX_URI", proxy_server_uri (x->server), 1);
}

/* One word is for the shell, several are a command; none is a shell. */
static void start (struct proxy *x, int argc, char **argv)
{
    const char *shell = getenv ("SHELL");
    char *sh = (char *)(shell && *shell ? shell : "/bin/sh");
    char *alone[] = { sh, NULL }, *line[] = { sh, (char *)"-c", argv[0], NULL };
    int fds[3] = { 0, 1, 2 };
    struct spawn how = { .argv = argc == 0   ? alone
                                 : argc == 1 ? line
                                             : argv,
                         .env = environ,
                         .fds = fds,
                         .fd_count = 3 };

    if ((x->pid = spawn_process (&how)) < 0) {
        int code = errno == ENOENT ? 127 : 126;

        cmd_warn ("%s: %s", how.argv[0], strerror (errno));
        proxy_server_destroy (x->server);
        exit (code);
    }
}

static void child_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct proxy *x = arg;
    int s = flux_child_watcher_get_rstatus (w);

    x->status = WIFSIGNALED (s) ? 128 + WTERMSIG (s) : WEXITSTATUS (s);
    flux_reactor_stop (r);
}

static void pass_on (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct proxy *x = arg;

    kill (x->pid, flux_signal_watcher_get_signum (w));
}

/* Ctrl-C and Ctrl-\ reach the command by themselves; we live until it ends. */
static void watch_signals (struct proxy *x)
{
    static const int passed[3] = { SIGTERM, SIGHUP, SIGUSR1 };

    signal (SIGINT, SIG_IGN);
    signal (SIGQUIT, SIG_IGN);
    for (int i = 0; i < 3; i++) {
        x->signals[i] = flux_signal_watcher_create (x->reactor, passed[i], pass_on, x);
        flux_watcher_start (x->signals[i]);
    }
}

static void restore_terminal (const struct termios *saved, pid_t group)
{
    signal (SIGTTOU, SIG_IGN);
    if (group > 0)
        tcsetpgrp (STDIN_FILENO, group);
    tcsetattr (STDIN_FILENO, TCSADRAIN, saved);
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    struct proxy x = { .p = p };
    struct termios saved;
    flux_error_t error;

    if (i == argc) {
        fprintf (stderr, "flux proxy: URI argument is required\n");
        optparse_fprint_usage (p, stderr);
        return 1;
    }
    bool terminal = tcgetattr (STDIN_FILENO, &saved) == 0;
    pid_t group = terminal ? tcgetpgrp (STDIN_FILENO) : -1;
    if (!(x.reactor = flux_reactor_create (0)))
        cmd_die ("%s", strerror (errno));
    open_upstream (&x, argv[i]);
    x.server = proxy_server_create (x.reactor, x.uri, optparse_hasopt (p, "reconnect"),
                                    &error);
    if (!x.server)
        cmd_die ("%s", error.text);
    set_environment (&x);
    x.retry = flux_timer_watcher_create (x.reactor, RETRY, RETRY, try_again, &x);
    start (&x, argc - i - 1, argv + i + 1);
    watch_signals (&x);
    x.child_w = flux_child_watcher_create (x.reactor, x.pid, false, child_cb, &x);
    flux_watcher_start (x.child_w);
    if (watch_upstream (&x) < 0 || flux_reactor_run (x.reactor, 0) < 0)
        cmd_warn ("%s", strerror (errno));
    if (terminal && group == getpgrp ())
        restore_terminal (&saved, group);
    proxy_server_destroy (x.server);
    flux_watcher_destroy (x.h_w);
    flux_watcher_destroy (x.retry);
    flux_watcher_destroy (x.child_w);
    for (int n = 0; n < 3; n++)
        flux_watcher_destroy (x.signals[n]);
    flux_close (x.h);
    flux_reactor_destroy (x.reactor);
    free (x.uri);
    return x.status;
}

const struct command cmd_proxy = {
    .name = "proxy",
    .summary = "Run a command, or a shell, with a connection to another instance",
    .usage = "[OPTIONS] JOBID|URI [COMMAND...]",
    .group = "jobs",
    .options = opts,
    .run = run,
};
