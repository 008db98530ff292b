/* flux exec: run a command on brokers. */
#include "cmd/cmd.h"
#include "cmd/output/sink.h"

#include <flux/idset.h>
#include <flux/job.h>
#include <flux/subprocess.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "core/subprocess/credit.h"
#include "value/eventlog.h"

#define BORROWED_CREDIT 4096 /* before the first add-credit (RFC 42) */
#define INPUT_WINDOW (1024 * 1024)
#define EXIT_LOST 68
#define LINE_LIMIT (1024 * 1024) /* longer ones are printed in pieces */

extern char **environ;

struct proc {
    unsigned int rank;
    flux_subprocess_t *p;
    struct buf partial[2]; /* of a line of stdout, stderr */
    struct credit_out credit;
    bool credited;
    bool done;
    int code; /* exit status for the shell */
    char outcome[64];
};

static struct {
    flux_t *h;
    struct proc *procs;
    int count;
    int active;
    bool label;
    bool quiet;
    int verbose;
    const char *name; /* of the command */
    flux_watcher_t *stdin_w;
    bool stdin_eof;
    double interrupted; /* when, or 0 */
    bool given_up;      /* interrupted twice */
    double t0;
    struct sink *out[2]; /* stdout, stderr */
} ex;

static void verbose (const char *fmt, ...)
{
    va_list ap;
    if (ex.verbose < 1)
        return;
    fprintf (stderr, "%.3fs: ", clock_monotonic () - ex.t0);
    va_start (ap, fmt);
    vfprintf (stderr, fmt, ap);
    va_end (ap);
    fputc ('\n', stderr);
}

static struct proc *proc_of (flux_subprocess_t *p)
{
    return flux_subprocess_aux_get (p, "proc");
}

static void print_labelled (struct sink *out, unsigned int rank, const char *data,
                            size_t len)
{
    struct buf b = BUF_INIT;

    while (len > 0) {
        const char *nl = memchr (data, '\n', len);
        size_t n = nl ? (size_t)(nl - data) : len;
        buf_printf (&b, "%u: ", rank);
        buf_add (&b, data, n);
        buf_addc (&b, '\n');
        n += nl ? 1 : 0;
        data += n;
        len -= n;
    }
    if (b.err)
        cmd_die ("out of memory");
    sink_write (out, b.data, b.len);
    buf_fini (&b);
}

/* Lines of several ranks do not mix: what has no newline yet is kept. */
static void print_output (struct proc *pr, int i, const char *data, size_t len,
                          bool eof)
{
    struct buf *b = &pr->partial[i];
    const char *nl = len > 0 ? memrchr (data, '\n', len) : NULL;
    size_t rest = nl ? (size_t)(data + len - (nl + 1)) : len;

    if (eof || (!nl && b->len + len >= LINE_LIMIT))
        rest = 0;
    if (b->len > 0 || rest == len) {
        if (buf_add (b, data, len) < 0)
            cmd_die ("out of memory");
        data = b->data;
        len = b->len;
    }
    if (len > rest && ex.label)
        print_labelled (ex.out[i], pr->rank, data, len - rest);
    else if (len > rest)
        sink_write (ex.out[i], data, len - rest);
    if (data == b->data)
        buf_consume (b, len - rest);
    else if (rest > 0 && buf_add (b, data + len - rest, rest) < 0)
        cmd_die ("out of memory");
}

/* Nobody reads our output: those who produce it wait. */
static void pause_output (const char *stream)
{
    for (int i = 0; i < ex.count; i++) {
        if (!ex.procs[i].done)
            flux_subprocess_stream_stop (ex.procs[i].p, stream);
    }
}

static void resume_output (struct sink *s, void *arg)
{
    for (int i = 0; i < ex.count && !sink_full (s); i++) {
        if (!ex.procs[i].done)
            flux_subprocess_stream_start (ex.procs[i].p, arg);
    }
}

static void output_cb (flux_subprocess_t *p, const char *stream)
{
    int i = !strcmp (stream, "stderr");
    const char *data;
    int n = flux_subprocess_read (p, stream, &data);
    bool eof = flux_subprocess_read_stream_closed (p, stream);

    if (n > 0 || eof)
        print_output (proc_of (p), i, data, n > 0 ? n : 0, eof);
    if (sink_full (ex.out[i]))
        pause_output (stream);
}

/* The slowest of them sets the pace. */
static long stdin_room (void)
{
    long least = 65536;

    for (int i = 0; i < ex.count; i++) {
        if (!ex.procs[i].done && ex.procs[i].credit.room < least)
            least = ex.procs[i].credit.room;
    }
    return least;
}

static void update_stdin (void)
{
    if (!ex.stdin_w || ex.stdin_eof)
        return;
    if (ex.active > 0 && stdin_room () > 0)
        flux_watcher_start (ex.stdin_w);
    else
        flux_watcher_stop (ex.stdin_w);
}

static void proc_done (struct proc *pr)
{
    if (pr->done)
        return;
    pr->done = true;
    for (int i = 0; i < 2; i++) {
        if (ex.out[i]) /* of one that was lost in the middle of a line */
            print_output (pr, i, "", 0, true);
    }
    if (--ex.active == 0)
        flux_watcher_stop (ex.stdin_w);
    else
        update_stdin ();
}

static void set_status (struct proc *pr, int status)
{
    if (WIFSIGNALED (status)) {
        pr->code = 128 + WTERMSIG (status);
        snprintf (pr->outcome, sizeof (pr->outcome), "%s",
                  strsignal (WTERMSIG (status)));
    } else {
        pr->code = WEXITSTATUS (status);
        if (pr->code != 0)
            snprintf (pr->outcome, sizeof (pr->outcome), "Exit %d", pr->code);
    }
}

static void completion_cb (flux_subprocess_t *p)
{
    struct proc *pr = proc_of (p);
    set_status (pr, flux_subprocess_status (p));
    verbose ("rank %u: %s", pr->rank, pr->outcome[0] ? pr->outcome : "done");
    proc_done (pr);
}

static void failed (struct proc *pr, int errnum, const char *text)
{
    cmd_warn ("Error: rank %u: %s: %s", pr->rank, ex.name, text);
    pr->code = errnum == EHOSTUNREACH                  ? EXIT_LOST
               : errnum == EACCES || errnum == EPERM   ? 126
               : errnum == ENOENT || errnum == ENOTDIR ? 127
                                                       : 1;
    proc_done (pr);
}

static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    struct proc *pr = proc_of (p);

    if (state == FLUX_SUBPROCESS_RUNNING)
        verbose ("rank %u: pid %d", pr->rank, (int)flux_subprocess_pid (p));
    else if (state == FLUX_SUBPROCESS_FAILED)
        failed (pr, flux_subprocess_fail_errno (p), flux_subprocess_fail_error (p));
}

static void credit_cb (flux_subprocess_t *p, const char *stream, int bytes)
{
    struct proc *pr = proc_of (p);

    if (strcmp (stream, "stdin") != 0)
        return;
    credit_out_add (&pr->credit, bytes - (pr->credited ? 0 : BORROWED_CREDIT),
                    INPUT_WINDOW);
    pr->credited = true;
    update_stdin ();
}

static void close_stdin (void)
{
    ex.stdin_eof = true;
    flux_watcher_stop (ex.stdin_w);
    for (int i = 0; i < ex.count; i++) {
        if (!ex.procs[i].done)
            flux_subprocess_close (ex.procs[i].p, "stdin");
    }
}

static void stdin_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    static char buf[65536];
    long room = stdin_room ();

    if (room <= 0) {
        flux_watcher_stop (w);
        return;
    }
    ssize_t n = read (0, buf, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close_stdin ();
        return;
    }
    for (int i = 0; i < ex.count; i++) {
        struct proc *pr = &ex.procs[i];
        if (pr->done)
            continue;
        credit_out_spend (&pr->credit, n);
        if (flux_subprocess_write (pr->p, "stdin", buf, n) < 0)
            cmd_die ("rank %u: cannot send input: %s", pr->rank, flux_strerror (errno));
    }
    update_stdin ();
}

static void kill_continuation (flux_future_t *f, void *arg)
{
    flux_future_destroy (f);
}

static void signal_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    int signum = flux_signal_watcher_get_signum (w);

    /* One that comes at once is the first again: timeout(1) sends it to the program, and to
     * its group. */
    if (ex.interrupted > 0 && clock_monotonic () - ex.interrupted < 0.1)
        return;
    if (ex.interrupted > 0) {
        ex.given_up = true;
        flux_reactor_stop_error (r);
        return;
    }
    ex.interrupted = clock_monotonic ();
    cmd_warn ("sending signal %d to %d running processes", signum, ex.active);
    for (int i = 0; i < ex.count; i++) {
        if (!ex.procs[i].done) {
            flux_future_t *f = flux_subprocess_kill (ex.procs[i].p, signum);
            if (f)
                flux_future_then (f, -1., kill_continuation, NULL);
        }
    }
}

static void list_ranks (struct idset *ids, char *buf, size_t len)
{
    char *s = idset_encode (ids, IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS);
    snprintf (buf, len, "%s", s ? s : "");
    free (s);
}

/* "[1-3]: Exit 1": one line for each outcome, in order of its lowest rank. */
static void print_outcomes (void)
{
    for (int i = 0; i < ex.count; i++) {
        struct proc *pr = &ex.procs[i];
        struct idset *ids;
        char ranks[1024];

        if (!pr->outcome[0] || !(ids = idset_create (0, IDSET_FLAG_AUTOGROW)))
            continue;
        for (int j = i; j < ex.count; j++) {
            if (strcmp (ex.procs[j].outcome, pr->outcome) == 0) {
                idset_set (ids, ex.procs[j].rank);
                if (j > i)
                    ex.procs[j].outcome[0] = '\0';
            }
        }
        list_ranks (ids, ranks, sizeof (ranks));
        fprintf (stderr, "%s: %s\n", ranks, pr->outcome);
        idset_destroy (ids);
    }
}

/* Its nodes are the job's from `alloc` until `free`. */
static void check_has_nodes (const char *s, const char *eventlog)
{
    json_t *log = eventlog_decode (eventlog, strlen (eventlog)), *entry;
    bool has = false;
    const char *name;
    size_t i;

    json_array_foreach (log, i, entry) {
        if (eventlog_entry_parse (entry, NULL, &name, NULL) < 0)
            continue;
        if (!strcmp (name, "alloc"))
            has = true;
        else if (!strcmp (name, "free") || !strcmp (name, "clean"))
            has = false;
    }
    if (!log)
        cmd_die ("%s: malformed eventlog", s);
    if (!has)
        cmd_die ("%s: job has no nodes: it is not running", s);
    json_decref (log);
}

/* The ranks of a job's R, in order. */
static struct idset *job_ranks (const char *s)
{
    flux_jobid_t id = cmd_jobid (s);
    struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);
    flux_future_t *f =
        flux_rpc_pack (ex.h, "job-info.lookup", FLUX_NODEID_ANY, 0, "{s:I s:[ss] s:i}",
                       "id", (json_int_t)id, "keys", "R", "eventlog", "flags", 1);
    json_t *list, *entry;
    const char *rank, *eventlog;
    size_t i;

    if (!f
        || flux_rpc_get_unpack (f, "{s:{s:{s:o}} s:s}", "R", "execution", "R_lite",
                                &list, "eventlog", &eventlog)
               < 0)
        cmd_die (errno == ENOENT ? "job %s not found" : "%s: %s", s,
                 f ? cmd_future_error (f) : flux_strerror (errno));
    check_has_nodes (s, eventlog);
    json_array_foreach (list, i, entry) {
        if (json_unpack (entry, "{s:s}", "rank", &rank) < 0
            || idset_decode_add (ids, rank, -1, NULL) < 0)
            cmd_die ("%s: malformed R", s);
    }
    flux_future_destroy (f);
    return ids;
}

static struct idset *parse_ranks (const char *option, const char *s)
{
    struct idset *ids = idset_decode (s);
    if (!ids)
        cmd_die ("error parsing --%s=%s", option, s);
    return ids;
}

/* With --jobid, ids are positions within the job's ranks. */
static struct idset *pick (const struct idset *universe, const struct idset *ids)
{
    struct idset *out = idset_create (0, IDSET_FLAG_AUTOGROW);
    unsigned int index = 0;
    for (unsigned int rank = idset_first (universe); rank != IDSET_INVALID_ID;
         rank = idset_next (universe, rank), index++) {
        if (idset_test (ids, index))
            idset_set (out, rank);
    }
    return out;
}

static void check_ranks (const struct idset *ids, unsigned int count)
{
    struct idset *bad = idset_copy (ids);
    char text[256];

    if (!bad || count == 0 || idset_range_clear (bad, 0, count - 1) < 0)
        cmd_die ("%s", flux_strerror (errno));
    if (!idset_empty (bad)) {
        list_ranks (bad, text, sizeof (text));
        cmd_die ("One or more invalid --ranks specified: %s", text);
    }
    idset_destroy (bad);
}

static struct idset *choose_ranks (optparse_t *p)
{
    const char *job = optparse_get_str (p, "jobid", NULL);
    const char *ranks = optparse_get_str (p, "rank", "all");
    const char *exclude = optparse_get_str (p, "exclude", NULL);
    struct idset *ids, *universe;
    uint32_t size;

    if (flux_get_size (ex.h, &size) < 0)
        cmd_die ("size of the instance: %s", flux_strerror (errno));
    universe = idset_create (0, IDSET_FLAG_AUTOGROW);
    idset_range_set (universe, 0, size - 1);
    if (job) {
        idset_destroy (universe);
        universe = job_ranks (job);
    }
    if (!strcmp (ranks, "all"))
        ids = idset_copy (universe);
    else {
        ids = parse_ranks ("rank", ranks);
        check_ranks (ids, job ? idset_count (universe) : size);
        if (job) {
            struct idset *tmp = pick (universe, ids);
            idset_destroy (ids);
            ids = tmp;
        }
    }
    if (exclude) {
        struct idset *x = parse_ranks ("exclude", exclude);
        struct idset *y = job ? pick (universe, x) : idset_copy (x);
        idset_subtract (ids, y);
        idset_destroy (x);
        idset_destroy (y);
    }
    idset_destroy (universe);
    if (idset_empty (ids))
        cmd_die ("No targets specified");
    return ids;
}

static flux_cmd_t *make_command (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *dir = optparse_get_str (p, "dir", NULL);
    char cwd[4096];
    flux_cmd_t *cmd = flux_cmd_create (argc - i, argv + i, environ);

    if (!cmd)
        cmd_die ("%s", flux_strerror (errno));
    /* of this connection, not of the broker that runs it */
    flux_cmd_unsetenv (cmd, "FLUX_PROXY_REMOTE");
    flux_cmd_unsetenv (cmd, "FLUX_URI");
    if (!dir)
        dir = getcwd (cwd, sizeof (cwd));
    if (dir && strcmp (dir, "none") != 0)
        flux_cmd_setcwd (cmd, dir);
    if (optparse_hasopt (p, "label")
        && flux_cmd_set_label (cmd, optparse_get_str (p, "label", "")) < 0)
        cmd_die ("invalid --label");
    if (flux_cmd_setopt (cmd, "stdout_LINE_BUFFER", "false") < 0
        || flux_cmd_setopt (cmd, "stderr_LINE_BUFFER", "false") < 0)
        cmd_die ("%s", flux_strerror (errno));
    ex.name = argv[i];
    return cmd;
}

/* What --attach names: by its label, or if text is a number by its pid. */
struct target {
    pid_t pid;
    const char *label;
    char name[80];
};

static struct target parse_target (const char *text)
{
    struct target t = { 0 };
    char *end;
    long pid = strtol (text, &end, 10);

    if (end != text && !*end && pid > 0 && pid <= INT_MAX)
        t.pid = pid;
    else
        t.label = text;
    snprintf (t.name, sizeof (t.name), "%s %.60s", t.label ? "label" : "pid", text);
    return t;
}

static flux_subprocess_t *start_one (uint32_t rank, const flux_cmd_t *cmd,
                                     const struct target *target, const char *service,
                                     const flux_subprocess_ops_t *ops)
{
    return cmd ? flux_rexec_ex (ex.h, service, rank, 0, cmd, ops, NULL, NULL)
               : flux_rexec_attach (ex.h, service, rank, 0, target->pid, target->label,
                                    ops);
}

/* cmd NULL: it runs already. */
static void start_all (const struct idset *ids, const flux_cmd_t *cmd,
                       const struct target *target, const char *service)
{
    static const flux_subprocess_ops_t ops = {
        .on_completion = completion_cb,
        .on_state_change = state_cb,
        .on_stdout = output_cb,
        .on_stderr = output_cb,
        .on_credit = credit_cb,
    };
    int i = 0;

    for (unsigned int rank = idset_first (ids); rank != IDSET_INVALID_ID;
         rank = idset_next (ids, rank), i++) {
        struct proc *pr = &ex.procs[i];
        pr->rank = rank;
        credit_out_init (&pr->credit, BORROWED_CREDIT);
        pr->p = start_one (rank, cmd, target, service, &ops);
        if (!pr->p || flux_subprocess_aux_set (pr->p, "proc", pr, NULL) < 0)
            cmd_die ("rank %u: %s", rank, flux_strerror (errno));
    }
}

static void open_output (flux_reactor_t *r)
{
    static const char *const names[] = { "stdout", "stderr" };

    for (int i = 0; i < 2; i++) {
        ex.out[i] = sink_create (r, 1 + i, i ? "errors" : "output", resume_output,
                                 (void *)names[i]);
        if (!ex.out[i])
            cmd_die ("%s", flux_strerror (errno));
    }
}

static int finish_output (void)
{
    int rc = 0;

    for (int i = 0; i < 2; i++) {
        if (sink_finish (ex.out[i]) < 0)
            rc = -1;
        sink_destroy (ex.out[i]);
    }
    return rc;
}

static int run_attached (optparse_t *p, const struct idset *ids, const flux_cmd_t *cmd,
                         const struct target *target, const char *service)
{
    flux_reactor_t *r = flux_get_reactor (ex.h);
    flux_watcher_t *int_w = flux_signal_watcher_create (r, SIGINT, signal_cb, NULL);
    flux_watcher_t *term_w = flux_signal_watcher_create (r, SIGTERM, signal_cb, NULL);
    int code = 0;

    flux_watcher_start (int_w);
    flux_watcher_start (term_w);
    flux_watcher_unref (int_w);
    flux_watcher_unref (term_w);
    open_output (r);
    start_all (ids, cmd, target, service);
    if (!cmd)
        ex.stdin_eof = true; /* as that of all in the background */
    else if (optparse_hasopt (p, "noinput"))
        close_stdin ();
    else {
        ex.stdin_w = flux_fd_watcher_create (r, 0, FLUX_POLLIN, stdin_cb, NULL);
        update_stdin ();
    }
    while (ex.active > 0) {
        if (flux_reactor_run (r, FLUX_REACTOR_ONCE) < 0)
            break;
    }
    for (int i = 0; i < ex.count; i++) {
        if (ex.procs[i].code > code)
            code = ex.procs[i].code;
        flux_subprocess_destroy (ex.procs[i].p);
        buf_fini (&ex.procs[i].partial[0]);
        buf_fini (&ex.procs[i].partial[1]);
    }
    flux_watcher_destroy (ex.stdin_w);
    flux_watcher_destroy (int_w);
    flux_watcher_destroy (term_w);
    if (finish_output () < 0 && code == 0)
        code = 1;
    if (!ex.quiet)
        print_outcomes ();
    if (ex.active == 0)
        return code;
    if (ex.given_up)
        return 128 + SIGINT;
    cmd_warn ("lost connection to the broker: what became of %d processes is unknown",
              ex.active);
    return 1;
}

static int run_background (optparse_t *p, const struct idset *ids,
                           const flux_cmd_t *cmd, const char *service)
{
    int flags = optparse_hasopt (p, "waitable") ? FLUX_SUBPROCESS_FLAGS_WAITABLE : 0;
    flux_future_t **f = calloc (ex.count, sizeof (*f));
    int code = 0;
    int i = 0;

    if (!f)
        cmd_die ("out of memory");
    for (unsigned int rank = idset_first (ids); rank != IDSET_INVALID_ID;
         rank = idset_next (ids, rank), i++) {
        ex.procs[i].rank = rank;
        f[i] = flux_rexec_bg (ex.h, service, rank, flags, cmd);
    }
    for (i = 0; i < ex.count; i++) {
        int pid;
        if (!f[i] || flux_rpc_get_unpack (f[i], "{s:i}", "pid", &pid) < 0) {
            int errnum = errno;
            failed (&ex.procs[i], errnum,
                    f[i] ? cmd_future_error (f[i]) : flux_strerror (errnum));
        } else if (!ex.quiet)
            printf ("%u: %d\n", ex.procs[i].rank, pid);
        if (ex.procs[i].code > code)
            code = ex.procs[i].code;
        flux_future_destroy (f[i]);
    }
    free (f);
    return code;
}

static void check_options (optparse_t *p, int operands)
{
    static const char *const for_new[] = { "bg", "waitable", "label", "dir",
                                           "noinput" };

    if (optparse_hasopt (p, "waitable") && !optparse_hasopt (p, "bg"))
        cmd_die ("--waitable can only be used with --bg");
    if (!optparse_hasopt (p, "attach"))
        return;
    for (size_t i = 0; i < sizeof (for_new) / sizeof (for_new[0]); i++)
        if (optparse_hasopt (p, for_new[i]))
            cmd_die ("--attach: the process runs already: --%s cannot be used",
                     for_new[i]);
    if (operands != 1)
        cmd_die ("--attach: one PID or LABEL is expected");
}

/* Without it, the command would be run as somebody else. */
static void prepend_imp (flux_cmd_t *cmd)
{
    flux_future_t *f = flux_rpc (ex.h, "config.get", NULL, FLUX_NODEID_ANY, 0);
    const char *imp = NULL;

    if (!f || flux_rpc_get_unpack (f, "{s?{s?s}}", "exec", "imp", &imp) < 0)
        cmd_die ("--with-imp: %s", cmd_future_error (f));
    if (!imp)
        cmd_die ("--with-imp: the configuration has no exec.imp");
    if (flux_cmd_argv_insert (cmd, 0, imp) < 0
        || flux_cmd_argv_insert (cmd, 1, "run") < 0)
        cmd_die ("%s", strerror (errno));
    flux_future_destroy (f);
}

static int run_exec (optparse_t *p, int argc, char **argv)
{
    const char *service = optparse_get_str (p, "service", "rexec");
    int i = optparse_option_index (p);
    flux_cmd_t *cmd = NULL;
    struct target target;
    struct idset *ids;
    int rc;

    if (i == argc) {
        optparse_fprint_usage (p, stderr);
        return 1;
    }
    check_options (p, argc - i);
    ex.t0 = clock_monotonic ();
    ex.label = optparse_hasopt (p, "label-io");
    ex.quiet = optparse_hasopt (p, "quiet");
    ex.verbose = optparse_getopt (p, "verbose", NULL);
    ex.h = cmd_open ();
    ids = choose_ranks (p);
    target = parse_target (argv[i]);
    if (optparse_hasopt (p, "attach"))
        ex.name = target.name;
    else
        cmd = make_command (p, argc, argv);
    if (cmd && optparse_hasopt (p, "with-imp"))
        prepend_imp (cmd);
    ex.active = ex.count = idset_count (ids);
    if (!(ex.procs = calloc (ex.count, sizeof (*ex.procs))))
        cmd_die ("out of memory");
    verbose ("%s %s on %d ranks", cmd ? "starting" : "attaching to", ex.name, ex.count);
    if (optparse_hasopt (p, "bg"))
        rc = run_background (p, ids, cmd, service);
    else
        rc = run_attached (p, ids, cmd, &target, service);
    flux_cmd_destroy (cmd);
    idset_destroy (ids);
    free (ex.procs);
    return rc;
}

static const struct optparse_option opts[] = {
    { .name = "rank",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "Run on these ranks (default: all)" },
    { .name = "exclude",
      .key = 'x',
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "Leave these ranks out" },
    { .name = "jobid",
      .key = 'j',
      .has_arg = 1,
      .arginfo = "JOBID",
      .usage = "Run on the nodes of a job; ranks are positions in it" },
    { .name = "dir",
      .key = 'd',
      .has_arg = 1,
      .arginfo = "PATH",
      .usage = "Working directory (default: the current one)" },
    { .name = "label-io", .key = 'l', .usage = "Prefix each line with its rank" },
    { .name = "noinput", .key = 'n', .usage = "Standard input is empty" },
    { .name = "verbose", .key = 'v', .usage = "Tell what happens" },
    { .name = "quiet", .key = 'q', .usage = "Do not report exit statuses" },
    { .name = "service",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Process service to use (default: rexec)" },
    { .name = "bg", .usage = "Start in the background, print the pids" },
    { .name = "waitable", .usage = "With --bg: keep the exit status" },
    { .name = "label",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Name by which the process can be found" },
    { .name = "attach",
      .usage = "Attach to a process in the background, by its pid or label" },
    { .name = "with-imp",
      .usage = "Run the command by the setuid helper of exec.imp (as exec.imp run)" },
    OPTPARSE_TABLE_END,
};

const struct command cmd_exec = {
    .name = "exec",
    .summary = "Run a command on brokers",
    .usage = "[OPTIONS] COMMAND...\n  or:  flux-exec [OPTIONS] --attach PID|LABEL",
    .group = "instance",
    .options = opts,
    .run = run_exec,
};
