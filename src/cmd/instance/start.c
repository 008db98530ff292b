/* flux start: an instance of its own, of one or more brokers on this machine.
 *
 * Happy path with --test-size=N: a directory, a PMI-1 server (core/pmi), N
 * brokers with a socketpair each; when all have ended, the directory goes and
 * the exit status is that of rank 0. Without it the broker takes this
 * process's place.
 *
 * Failures: when a broker ends before all have found their places (PMI), there will
 * be no instance: the others are ended at once. When one ends later that should not
 * (--test-exit-mode), they get --test-exit-timeout to end, then SIGKILL. Who is still
 * there a moment after rank 0 is told by SIGTERM. Signals go to rank 0, which shuts the
 * instance down. When this process is killed, rank 0 does so, too (FLUX_START_PID tells
 * it who its parent is). */
#include <ctype.h>
#include <fcntl.h>
#include <flux/hostlist.h>
#include <flux/taskmap.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/private.h"
#include "base/os/proc.h"
#include "cmd/cmd.h"
#include "config.h"
#include "core/pmi/server.h"
#include "core/pmi/wire.h"
#include "value/fsd.h"

#define MAX_SIZE 4096
#define PMI_CHILD_FD 3
#define STRAGGLER_TIMEOUT .5 /* s, after the end of rank 0 */

extern char **environ;

struct client {
    struct start *st;
    int rank;
    pid_t pid; /* 0: ended */
    int fd;
    bool placed; /* it knows its place: PMI is over */
    size_t len;
    char line[PMI_LINE_MAX];
    flux_watcher_t *w_fd, *w_child;
};

struct start {
    optparse_t *p;
    flux_reactor_t *reactor;
    struct pmi_server *pmi;
    int size, left;
    int verbose;
    int status; /* of wait(2), of rank 0 */
    bool leader_mode;
    bool exiting;
    bool interrupted;
    bool killed;  /* a broker */
    bool aborted; /* the start was given up */
    double exit_timeout;
    flux_watcher_t *timer, *stragglers;
    char rundir[4096];
    bool remove_rundir;
    struct hostlist *hosts;
    struct client *clients;
};

/* ---- the broker's command line ---- */

struct args {
    char **v;
    int count, cap;
};

static void add_arg (struct args *a, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
static void add_arg (struct args *a, const char *fmt, ...)
{
    va_list ap;
    int rc;

    if (a->count + 2 > a->cap) {
        a->cap = a->cap ? a->cap * 2 : 32;
        if (!(a->v = realloc (a->v, a->cap * sizeof (*a->v))))
            cmd_die ("out of memory");
    }
    va_start (ap, fmt);
    rc = vasprintf (&a->v[a->count], fmt, ap);
    va_end (ap);
    if (rc < 0)
        cmd_die ("out of memory");
    a->v[++a->count] = NULL;
}

static void free_args (struct args *a)
{
    for (int i = 0; i < a->count; i++)
        free (a->v[i]);
    free (a->v);
}

static void add_split (struct args *a, const char *list)
{
    while (list && *list) {
        size_t len = strcspn (list, ",");

        if (len > 0)
            add_arg (a, "%.*s", (int)len, list);
        list += len + (list[len] == ',');
    }
}

/* A file or directory to restart from (-r), or the content of the system
 * instance. */
static void add_recovery (struct args *a, const char *target)
{
    struct stat st;

    add_arg (a, "-Sbroker.recovery-mode=1");
    add_arg (a, "-Sbroker.quorum=1");
    if (!target || !*target)
        return;
    if (stat (target, &st) < 0)
        cmd_die ("%s: %s", target, strerror (errno));
    if (S_ISDIR (st.st_mode))
        add_arg (a, "-Sstatedir=%s", target);
    else
        add_arg (a, "-Scontent.restore=%s", target);
}

static bool names_statedir (const struct args *a)
{
    for (int i = 0; i < a->count; i++)
        if (strstr (a->v[i], "statedir="))
            return true;
    return false;
}

/* optind: where the initial program begins in argv; only rank 0 gets it. */
static void broker_args (struct start *st, struct args *a, int rank, char **program)
{
    const char *broker = flux_conf_builtin_get ("broker_path", FLUX_CONF_AUTO);
    const char *s;

    optparse_getopt_iterator_reset (st->p, "wrap");
    while ((s = optparse_getopt_next (st->p, "wrap")))
        add_split (a, s);
    add_arg (a, "%s", broker);
    if (st->verbose > 0)
        add_arg (a, "-v%d", st->verbose);
    if ((s = optparse_get_str (st->p, "config-path", NULL)))
        add_arg (a, "-c%s", s);
    else if (optparse_hasopt (st->p, "sysconfig"))
        add_arg (a, "-c%s/system/conf.d",
                 flux_conf_builtin_get ("confdir", FLUX_CONF_AUTO));
    if (st->rundir[0])
        add_arg (a, "-Srundir=%s", st->rundir);
    optparse_getopt_iterator_reset (st->p, "setattr");
    while ((s = optparse_getopt_next (st->p, "setattr")))
        add_arg (a, "-S%s", s);
    optparse_getopt_iterator_reset (st->p, "conf");
    while ((s = optparse_getopt_next (st->p, "conf")))
        add_arg (a, "--conf=%s", s);
    optparse_getopt_iterator_reset (st->p, "broker-opts");
    while ((s = optparse_getopt_next (st->p, "broker-opts")))
        add_split (a, s);
    if (optparse_hasopt (st->p, "recovery"))
        add_recovery (a, optparse_get_str (st->p, "recovery", NULL));
    /* nobody waits for a store that we remove */
    if (st->remove_rundir && !names_statedir (a))
        add_arg (a, "-Sstatedir-cleanup=1");
    if (rank == 0)
        for (; *program; program++)
            add_arg (a, "%s", *program);
}

static void say_args (struct args *a, int rank)
{
    fprintf (stderr, "flux-start: %d:", rank);
    for (int i = 0; i < a->count; i++)
        fprintf (stderr, " %s", a->v[i]);
    fputc ('\n', stderr);
}

/* ---- PMI ---- */

static void pmi_respond (int client, const char *line, void *arg)
{
    struct start *st = arg;

    /* A socketpair takes a line at once; a client that is gone is seen by
     * its exit. */
    (void)send (st->clients[client].fd, line, strlen (line), MSG_NOSIGNAL);
}

static void pmi_abort (int client, int exitcode, const char *msg, void *arg)
{
    fprintf (stderr, "flux-start: rank %d: PMI abort%s%s\n", client, *msg ? ": " : "",
             msg);
}

static void pmi_trace (int client, const char *line, void *arg)
{
    fprintf (stderr, "flux-start: pmi[%d] %s\n", client, line);
}

static void close_client (struct client *c)
{
    flux_watcher_destroy (c->w_fd);
    c->w_fd = NULL;
    if (c->fd >= 0)
        close (c->fd);
    c->fd = -1;
}

static void client_readable (flux_reactor_t *r, flux_watcher_t *w, int revents,
                             void *arg)
{
    struct client *c = arg;
    ssize_t n =
        recv (c->fd, c->line + c->len, sizeof (c->line) - c->len - 1, MSG_DONTWAIT);
    char *nl;

    /* is_booting may have read what this was called for */
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || (c->len += n) == sizeof (c->line) - 1) {
        close_client (c);
        return;
    }
    c->line[c->len] = '\0';
    while ((nl = strchr (c->line, '\n'))) {
        char next = nl[1];

        nl[1] = '\0';
        if (pmi_server_request (c->st->pmi, c->rank, c->line) < 0) {
            fprintf (stderr, "flux-start: rank %d: bad PMI request: %s", c->rank,
                     c->line);
            close_client (c);
            return;
        }
        c->placed |= strncmp (c->line, "cmd=finalize", 12) == 0;
        nl[1] = next;
        c->len -= nl + 1 - c->line;
        memmove (c->line, nl + 1, c->len + 1);
    }
}

/* RFC 34 map of brokers to nodes, as --test-pmi-clique pretends. */
static struct taskmap *make_taskmap (struct start *st)
{
    const char *clique = optparse_get_str (st->p, "test-pmi-clique", "single");
    struct taskmap *map;
    flux_error_t error;

    if (strcmp (clique, "none") == 0)
        return NULL;
    if (strcmp (clique, "single") != 0 && strcmp (clique, "per-broker") != 0) {
        if (!(map = taskmap_decode (clique, &error)))
            cmd_die ("--test-pmi-clique: %s", error.text);
        if (taskmap_total_ntasks (map) != st->size)
            cmd_die ("--test-pmi-clique: the map is not one of %d brokers", st->size);
        return map;
    }
    if (!(map = taskmap_create ())
        || (strcmp (clique, "single") == 0 ? taskmap_append (map, 0, 1, st->size)
                                           : taskmap_append (map, 0, st->size, 1))
               < 0)
        cmd_die ("out of memory");
    return map;
}

static void store_map (struct start *st, const char *key, struct taskmap *map,
                       int flags)
{
    char *s = map ? taskmap_encode (map, flags) : NULL;

    /* RFC 13: too long is an empty string. */
    pmi_server_store (st->pmi, key, s && strlen (s) < PMI_VALLEN_MAX ? s : "");
    free (s);
}

static void create_pmi (struct start *st)
{
    struct pmi_server_ops ops = { .respond = pmi_respond, .abort = pmi_abort };
    struct taskmap *map = make_taskmap (st);

    if (st->verbose > 1)
        ops.trace = pmi_trace;
    st->pmi = pmi_server_create (&ops, st, "flux-start", st->size, st->size, 0);
    if (!st->pmi)
        cmd_die ("PMI server: %s", strerror (errno));
    store_map (st, "flux.taskmap", map, 0);
    store_map (st, "PMI_process_mapping", map, TASKMAP_ENCODE_PMI);
    pmi_server_store (st->pmi, "flux.instance-level", "0");
    taskmap_destroy (map);
}

/* ---- brokers ---- */

/* Ours come first and replace those of the environment. */
static char **broker_env (struct start *st, int rank)
{
    static const char *replaced[] = {
        "PMI_FD=",   "PMI_RANK=",         "PMI_SIZE=",      "FLUX_FAKE_HOSTNAME=",
        "FLUX_URI=", "FLUX_JOB_ID_PATH=", "FLUX_START_PID="
    };
    size_t count = 0, n = 0;
    char **env;

    while (environ[count])
        count++;
    if (!(env = calloc (count + 6, sizeof (*env)))
        || asprintf (&env[n++], "FLUX_START_PID=%d%s", (int)getpid (),
                     st->remove_rundir ? " remove-rundir" : "")
               < 0
        || asprintf (&env[n++], "PMI_FD=%d", PMI_CHILD_FD) < 0
        || asprintf (&env[n++], "PMI_RANK=%d", rank) < 0
        || asprintf (&env[n++], "PMI_SIZE=%d", st->size) < 0
        || asprintf (&env[n++], "FLUX_FAKE_HOSTNAME=%s",
                     st->hosts ? hostlist_nth (st->hosts, rank) : "")
               < 0)
        cmd_die ("out of memory");
    if (!st->hosts) {
        free (env[--n]);
        env[n] = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        bool skip = false;

        for (size_t j = 0; j < sizeof (replaced) / sizeof (replaced[0]); j++)
            skip |= strncmp (environ[i], replaced[j], strlen (replaced[j])) == 0;
        if (!skip)
            env[n++] = environ[i];
    }
    return env;
}

static void free_broker_env (struct start *st, char **env)
{
    for (int i = 0; i < (st->hosts ? 5 : 4); i++)
        free (env[i]);
    free (env);
}

static void kill_all (struct start *st, int signum)
{
    for (int i = 0; i < st->size; i++)
        if (st->clients[i].pid > 0)
            (void)kill (st->clients[i].pid, signum);
}

static void exit_timeout (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct start *st = arg;

    fprintf (stderr, "flux-start: %d brokers did not end in time: killing them\n",
             st->left);
    kill_all (st, SIGKILL);
}

static void end_stragglers (flux_reactor_t *r, flux_watcher_t *w, int revents,
                            void *arg)
{
    kill_all (arg, SIGTERM);
}

static void start_exit_timer (struct start *st)
{
    if (st->exiting)
        return;
    st->exiting = true;
    st->timer =
        flux_timer_watcher_create (st->reactor, st->exit_timeout, 0., exit_timeout, st);
    flux_watcher_start (st->timer);
}

static void say_exit (struct client *c, int status)
{
    if (WIFSIGNALED (status))
        fprintf (stderr, "flux-start: %d (pid %d) %s\n", c->rank, (int)c->pid,
                 strsignal (WTERMSIG (status)));
    else if (c->st->verbose > 0
             || (c->rank > 0 && WEXITSTATUS (status) != 0 && !c->st->interrupted))
        fprintf (stderr, "flux-start: %d (pid %d) exited with rc=%d\n", c->rank,
                 (int)c->pid, WEXITSTATUS (status));
}

/* What brokers said, but was not read yet, counts. */
static bool is_booting (struct start *st)
{
    bool booting = false;

    for (int i = 0; i < st->size; i++) {
        struct client *c = &st->clients[i];
        struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

        while (c->fd >= 0 && poll (&pfd, 1, 0) > 0)
            client_readable (st->reactor, c->w_fd, FLUX_POLLIN, c);
        booting |= !c->placed;
    }
    return booting;
}

/* Its fault is the instance's, what the others end with means nothing. Rank 0 gets
 * the time to say what is wrong with all. */
static void abort_start (struct start *st, int status)
{
    st->aborted = true;
    st->status = status;
    for (int i = 1; i < st->size; i++)
        if (st->clients[i].pid > 0)
            (void)kill (st->clients[i].pid, SIGTERM);
    flux_watcher_start (st->stragglers);
}

static void broker_ended (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct client *c = arg;
    struct start *st = c->st;
    int status = flux_child_watcher_get_rstatus (w);
    bool booting = is_booting (st);

    /* While it boots it says itself what is wrong. */
    if (!st->aborted && !(booting && WIFEXITED (status)))
        say_exit (c, status);
    st->killed |= WIFSIGNALED (status);
    c->pid = 0;
    flux_watcher_stop (w);
    close_client (c);
    if (--st->left == 0)
        flux_reactor_stop (r);
    /* A signal went to rank 0: others that end before it only miss it. */
    if (c->rank == 0 && (!st->aborted || st->interrupted))
        st->status = status;
    if (st->aborted)
        return;
    if (booting)
        abort_start (st, status);
    else if (c->rank == 0)
        flux_watcher_start (st->stragglers);
    if (booting || c->rank == 0 || !st->leader_mode)
        start_exit_timer (st);
}

/* Not all brokers can be started. */
__attribute__ ((noreturn)) static void give_up (struct start *st, const char *what,
                                                int errnum)
{
    kill_all (st, SIGKILL);
    while (waitpid (-1, NULL, 0) > 0)
        ;
    if (st->remove_rundir)
        (void)dir_remove (st->rundir);
    cmd_die ("%s: %s", what, strerror (errnum));
}

static void spawn_broker (struct start *st, int rank, char **program)
{
    struct client *c = &st->clients[rank];
    posix_spawn_file_actions_t actions;
    struct args a = { 0 };
    char **env = broker_env (st, rank);
    int sv[2], rc;

    broker_args (st, &a, rank, program);
    if (st->verbose > 0)
        say_args (&a, rank);
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
        give_up (st, "socketpair", errno);
    posix_spawn_file_actions_init (&actions);
    posix_spawn_file_actions_adddup2 (&actions, sv[1], PMI_CHILD_FD);
    if (rank > 0)
        posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
    rc = posix_spawnp (&c->pid, a.v[0], &actions, NULL, a.v, env);
    posix_spawn_file_actions_destroy (&actions);
    close (sv[1]);
    if (rc != 0)
        give_up (st, a.v[0], rc);
    c->st = st;
    c->rank = rank;
    c->fd = sv[0];
    c->w_fd =
        flux_fd_watcher_create (st->reactor, c->fd, FLUX_POLLIN, client_readable, c);
    c->w_child =
        flux_child_watcher_create (st->reactor, c->pid, false, broker_ended, c);
    if (!c->w_fd || !c->w_child)
        give_up (st, "watcher", errno);
    flux_watcher_start (c->w_fd);
    flux_watcher_start (c->w_child);
    st->left++;
    free_broker_env (st, env);
    free_args (&a);
}

/* ---- the session ---- */

static void forward_signal (flux_reactor_t *r, flux_watcher_t *w, int revents,
                            void *arg)
{
    struct start *st = arg;

    st->interrupted = true;
    if (st->clients[0].pid > 0)
        (void)kill (st->clients[0].pid, flux_signal_watcher_get_signum (w));
    else
        kill_all (st, SIGTERM);
}

static void check_length (struct start *st)
{
    char longest[64];
    size_t max = sizeof (((struct sockaddr_un *)0)->sun_path) - 1;
    size_t len = snprintf (longest, sizeof (longest), "/local-%d", st->size - 1);

    if (strlen (st->rundir) + len > max)
        cmd_die ("%s: too long for the path of a socket (at most %zu)", st->rundir,
                 max - len);
}

static void use_rundir (struct start *st, const char *path)
{
    char why[PRIVATE_WHY_SIZE];
    int fd = private_dir_open (path, why);

    if (fd < 0)
        cmd_die ("%s: %s", path, why);
    close (fd);
    if (!realpath (path, st->rundir))
        cmd_die ("%s: %s", path, strerror (errno));
    check_length (st);
}

static void make_rundir (struct start *st)
{
    const char *path = optparse_get_str (st->p, "test-rundir",
                                         optparse_get_str (st->p, "rundir", NULL));

    st->remove_rundir = optparse_hasopt (st->p, "test-rundir-cleanup");
    if (path) {
        use_rundir (st, path);
        return;
    }
    if ((size_t)snprintf (st->rundir, sizeof (st->rundir), "%s/flux-XXXXXX",
                          private_tmpdir ())
        >= sizeof (st->rundir))
        cmd_die ("TMPDIR: %s", strerror (ENAMETOOLONG));
    check_length (st);
    if (!private_mkdtemp (st->rundir))
        cmd_die ("%s/flux-XXXXXX: %s", private_tmpdir (), strerror (errno));
    st->remove_rundir = true;
}

/* Processes whose broker died are ours now (subreaper). Reap those that have
 * ended; brokers are left to their watchers. */
static void reap_orphans (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct start *st = arg;
    siginfo_t si;

    for (;;) {
        si.si_pid = 0;
        if (waitid (P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0)
            return;
        for (int i = 0; i < st->size; i++)
            if (st->clients[i].pid == si.si_pid)
                return;
        (void)waitpid (si.si_pid, NULL, WNOHANG);
    }
}

#define SIGNALS 5

static void watch_signals (struct start *st, flux_watcher_t *w[SIGNALS + 1])
{
    const int signums[SIGNALS] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM };

    for (int i = 0; i < SIGNALS; i++) {
        w[i] = flux_signal_watcher_create (st->reactor, signums[i], forward_signal, st);
        if (!w[i])
            cmd_die ("signal watcher: %s", strerror (errno));
        flux_watcher_start (w[i]);
        flux_watcher_unref (w[i]);
    }
    w[SIGNALS] = flux_signal_watcher_create (st->reactor, SIGCHLD, reap_orphans, st);
    if (!w[SIGNALS])
        cmd_die ("signal watcher: %s", strerror (errno));
    flux_watcher_start (w[SIGNALS]);
    flux_watcher_unref (w[SIGNALS]);
}

static int exit_code (int status)
{
    return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static void init_session (struct start *st)
{
    if (!(st->reactor = flux_reactor_create (0))
        || !(st->clients = calloc (st->size, sizeof (struct client)))
        || !(st->stragglers = flux_timer_watcher_create (st->reactor, STRAGGLER_TIMEOUT,
                                                         0., end_stragglers, st)))
        cmd_die ("out of memory");
    for (int i = 0; i < st->size; i++)
        st->clients[i].fd = -1;
    (void)prctl (PR_SET_CHILD_SUBREAPER, 1);
}

/* A server of shells whose instance keeps its state waits for the next start; a warden ends
 * what belongs to another user, and then itself. */
static bool outlives (pid_t pid)
{
    return proc_has_arg (pid, "--warden")
           || (proc_has_arg (pid, "--server") && proc_has_arg (pid, "--keep"));
}

static int run_session (struct start *st, char **program)
{
    flux_watcher_t *w[SIGNALS + 1];

    init_session (st);
    create_pmi (st);
    /* From here on a signal waits until the reactor runs. */
    watch_signals (st, w);
    make_rundir (st);
    for (int rank = 0; rank < st->size; rank++)
        spawn_broker (st, rank, program);
    (void)flux_reactor_run (st->reactor, 0);
    /* What a killed broker, or a killed initial program, left behind. */
    if (st->interrupted || st->killed || exit_code (st->status) >= 128)
        proc_kill_children (outlives);
    for (int i = 0; i < st->size; i++) {
        close_client (&st->clients[i]);
        flux_watcher_destroy (st->clients[i].w_child);
    }
    flux_watcher_destroy (st->timer);
    flux_watcher_destroy (st->stragglers);
    pmi_server_destroy (st->pmi);
    free (st->clients);
    if (st->remove_rundir)
        (void)dir_remove (st->rundir);
    for (int i = 0; i < SIGNALS + 1; i++)
        flux_watcher_destroy (w[i]);
    flux_reactor_destroy (st->reactor);
    return exit_code (st->status);
}

static int exec_broker (struct start *st, char **program)
{
    const char *path = optparse_get_str (st->p, "rundir",
                                         optparse_get_str (st->p, "test-rundir", NULL));
    struct args a = { 0 };

    if (path)
        snprintf (st->rundir, sizeof (st->rundir), "%s", path);
    broker_args (st, &a, 0, program);
    if (st->verbose > 0 || optparse_hasopt (st->p, "noexec"))
        say_args (&a, 0);
    if (optparse_hasopt (st->p, "noexec"))
        return 0;
    execvp (a.v[0], a.v);
    cmd_die ("%s: %s", a.v[0], strerror (errno));
}

static void parse_modes (struct start *st)
{
    const char *exit_mode = optparse_get_str (st->p, "test-exit-mode", "any");
    const char *start_mode = optparse_get_str (st->p, "test-start-mode", "all");
    const char *hosts = optparse_get_str (st->p, "test-hosts", NULL);

    st->leader_mode = strcmp (exit_mode, "leader") == 0;
    if (!st->leader_mode && strcmp (exit_mode, "any") != 0)
        cmd_die ("--test-exit-mode: must be 'any' or 'leader'");
    if (strcmp (start_mode, "all") != 0 && strcmp (start_mode, "leader") != 0)
        cmd_die ("--test-start-mode: must be 'all' or 'leader'");
    if (strcmp (start_mode, "leader") == 0)
        cmd_die ("--test-start-mode=leader is not supported");
    st->exit_timeout = optparse_get_duration (st->p, "test-exit-timeout", 20.);
    if (hosts) {
        if (!(st->hosts = hostlist_decode (hosts)))
            cmd_die ("--test-hosts: '%s' is not a list of hosts", hosts);
        if (hostlist_count (st->hosts) != st->size)
            cmd_die ("--test-hosts: %d hosts for %d brokers",
                     hostlist_count (st->hosts), st->size);
    }
}

static int run (optparse_t *p, int argc, char **argv)
{
    static const char *test_only[] = { "test-hosts",      "test-exit-timeout",
                                       "test-exit-mode",  "test-start-mode",
                                       "test-pmi-clique", "test-rundir-cleanup" };
    struct start st = { .p = p };
    char **program = argv + optparse_option_index (p);
    int rc;

    if (optparse_hasopt (p, "verbose"))
        st.verbose = optparse_get_int (p, "verbose", optparse_hasopt (p, "verbose"));
    if (!optparse_hasopt (p, "test-size")) {
        for (size_t i = 0; i < sizeof (test_only) / sizeof (test_only[0]); i++)
            if (optparse_hasopt (p, test_only[i]))
                cmd_die ("--%s only works with --test-size=N", test_only[i]);
        return exec_broker (&st, program);
    }
    st.size = optparse_get_int (p, "test-size", 1);
    if (st.size < 1 || st.size > MAX_SIZE)
        cmd_die ("--test-size: %d is not between 1 and %d", st.size, MAX_SIZE);
    parse_modes (&st);
    if (optparse_hasopt (p, "noexec")) {
        for (int rank = 0; rank < st.size; rank++) {
            struct args a = { 0 };

            broker_args (&st, &a, rank, program);
            say_args (&a, rank);
            free_args (&a);
        }
        return 0;
    }
    rc = run_session (&st, program);
    hostlist_destroy (st.hosts);
    return rc;
}

static const struct optparse_option options[] = {
    { "test-size", 's', 1, 0, "N", "Start N brokers on this machine" },
    { "setattr", 'S', 1, 0, "ATTR=VAL", "Set a broker attribute" },
    { "config-path", 'c', 1, 0, "PATH", "Read configuration from PATH" },
    { "conf", 1001, 1, 0, "VALUE", "Add to the configuration" },
    { "broker-opts", 'o', 1, 0, "OPTS", "Options for the broker, separated by commas" },
    { "verbose", 'v', 2, 0, "LEVEL", "Be talkative (level 2: trace PMI)" },
    { "noexec", 'X', 0, 0, NULL, "Only say what would be run" },
    { "wrap", 1002, 1, 0, "ARGS", "Run brokers under a command, e.g. valgrind" },
    { "recovery", 'r', 2, 0, "TARGET", "Start from the state in TARGET" },
    { "sysconfig", 1003, 0, 0, NULL, "Use the configuration of the system instance" },
    { "rundir", 1004, 1, 0, "PATH", "Use PATH for sockets and state" },
    { "test-rundir", 1005, 1, 0, "PATH", "Same as --rundir" },
    { "test-rundir-cleanup", 1006, 0, 0, NULL, "Remove the directory at exit" },
    { "test-hosts", 1007, 1, 0, "HOSTLIST", "Pretend that brokers run on HOSTLIST" },
    { "test-exit-timeout", 1008, 1, 0, "FSD",
      "How long the others may take when a broker ends (default 20s)" },
    { "test-exit-mode", 1009, 1, 0, "any|leader", "Whose end is the end of all" },
    { "test-start-mode", 1010, 1, 0, "all|leader", "Which brokers to start" },
    { "test-pmi-clique", 1011, 1, 0, "single|none|per-broker|TASKMAP",
      "Which brokers share a node" },
    OPTPARSE_TABLE_END,
};

const struct command cmd_start = {
    .name = "start",
    .summary = "Start an instance",
    .usage = "[OPTIONS] [INITIAL-PROGRAM [ARGS...]]",
    .group = "instance",
    .options = options,
    .run = run,
};
