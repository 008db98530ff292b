/* Three logs are followed at once: the job's own, that of its exec service, and
 * its output; each is asked for with one request, before anything is known of
 * the job. The job's own log decides: when it ends, what is left of the output
 * is committed, and the other two come to their end too. */
#include "cmd/submit/attach/attach.h"
#include "base/clock.h"
#include "base/encode.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "cmd/submit/attach/debugger.h"
#include "cmd/submit/attach/input.h"
#include "cmd/submit/attach/tail.h"
#include "cmd/submit/attach/terminal.h"
#include "core/job/watch.h"
#include "value/eventlog.h"
#include <flux/idset.h>

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a log on its way here. */
#define WINDOW (512 * 1024)
#define HOLD 2. /* s: a signal waits for the answer to a submission */

static const int forwarded[5] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM };

struct attach;

struct stream {
    struct attach *a;
    const char *path;
    const char *prefix; /* of shown events: "job", "exec" */
    void (*event) (struct attach *a, double t, const char *name, json_t *context);
    flux_future_t *f;
    bool seen;
    size_t taken; /* bytes, since the watch was told */
};

struct attach {
    flux_t *h;
    flux_jobid_t id;
    const struct attach_options *opts;
    FILE *out;
    struct stream main, exec, output;
    struct attach_input *input;
    double t0;
    bool started;
    bool finished;
    bool exception; /* fatal */
    bool lost;      /* output, or what the exec service said */
    bool stop;
    int status;
    int exit_code;
    char *held; /* line about an exception of the shell, whose log explains it */
    flux_watcher_t *sigint, *sigtstp, *timer;
    flux_watcher_t *signals[5]; /* see forwarded */
    struct attach_terminal *terminal;
    struct tail *tail; /* of the output that was there when we came, or NULL */
    size_t old;        /* entries of it that are still to come */
    double t_sigint;
    const char *status_text;
    bool status_shown;
    bool bol[3]; /* of stdout, stderr: the cursor is at the beginning of a line */
};

/* --- what is shown --- */

static void status_erase (struct attach *a)
{
    if (a->status_shown)
        fprintf (stderr, "\r\033[K");
    a->status_shown = false;
}

static void status_tick (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct attach *a = arg;
    int s = (int)(flux_reactor_now (r) - a->t0);

    if (a->started || a->t0 == 0 || !a->status_text)
        return;
    fprintf (stderr, "\rflux-job: %s %s  %02d:%02d:%02d", cmd_f58 (a->id),
             a->status_text, s / 3600, s / 60 % 60, s % 60);
    a->status_shown = true;
}

static void show_event (struct attach *a, const char *prefix, double t,
                        const char *name, json_t *context)
{
    char *s = context ? json_dumps (context, JSON_COMPACT) : NULL;

    status_erase (a);
    fprintf (stderr, "%.3fs: %s.%s%s%s\n", t - a->t0, prefix, safe (name), s ? " " : "",
             safe (s));
    free (s);
}

static void release_held (struct attach *a)
{
    if (a->held) {
        status_erase (a);
        fputs (a->held, stderr);
    }
    free (a->held);
    a->held = NULL;
}

static void show_exception (struct attach *a, double t, json_t *context)
{
    const char *type = "", *note = "";
    int severity = 0;

    json_unpack (context, "{s:s s:i s?s}", "type", &type, "severity", &severity, "note",
                 &note);
    if (severity == 0)
        a->exception = true;
    if (a->opts->quiet || a->opts->show_events)
        return;
    release_held (a);
    if (asprintf (&a->held, "%.3fs: job.exception %s type=%s severity=%d %s\n",
                  t - a->t0, cmd_f58 (a->id), safe (type), severity, safe_lines (note))
        < 0)
        a->held = NULL;
    if (strcmp (type, "exec") != 0)
        release_held (a);
}

/* --- the job's log --- */

static void set_status (struct attach *a, const char *name)
{
    static const struct {
        const char *event, *text;
    } texts[] = {
        { "validate", "resolving dependencies" },
        { "dependency-add", "waiting for dependencies" },
        { "depend", "waiting for priority assignment" },
        { "priority", "waiting for resources" },
        { "alloc", "starting" },
        { "prolog-start", "waiting for job prolog" },
        { "prolog-finish", "starting" },
    };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        if (strcmp (name, texts[i].event) == 0)
            a->status_text = texts[i].text;
    }
}

static void main_event (struct attach *a, double t, const char *name, json_t *context)
{
    if (strcmp (name, "submit") == 0)
        a->t0 = t;
    set_status (a, name);
    if (strcmp (name, "start") == 0) {
        a->started = true;
        status_erase (a);
        attach_input_start (a->input);
    } else if (strcmp (name, "finish") == 0) {
        a->finished = true;
        json_unpack (context, "{s:i}", "status", &a->status);
    } else if (strcmp (name, "exception") == 0) {
        show_exception (a, t, context);
    }
    if (a->opts->wait_event && strcmp (name, a->opts->wait_event) == 0) {
        a->stop = true;
        flux_reactor_stop (flux_get_reactor (a->h));
    }
}

/* --- output --- */

static char *decode_data (json_t *context, size_t *len)
{
    json_t *data = json_object_get (context, "data");
    const char *encoding = json_string_value (json_object_get (context, "encoding"));
    const char *s = json_string_value (data);
    ssize_t n;
    char *out;

    *len = json_string_length (data);
    if (!s || !(out = malloc (*len + 1)))
        return NULL;
    if (encoding && strcmp (encoding, "base64") == 0) {
        n = base64_decode (out, s, *len);
        *len = n < 0 ? 0 : n;
    } else {
        memcpy (out, s, *len);
    }
    return out;
}

static void write_labelled (FILE *fp, bool *bol, unsigned int rank, const char *data,
                            size_t len)
{
    while (len > 0) {
        const char *nl = memchr (data, '\n', len);
        size_t n = nl ? (size_t)(nl + 1 - data) : len;
        if (*bol)
            fprintf (fp, "%u: ", rank);
        fwrite (data, 1, n, fp);
        *bol = nl != NULL;
        data += n;
        len -= n;
    }
}

static void write_data (unsigned int rank, bool err, const char *data, size_t len,
                        void *arg)
{
    struct attach *a = arg;
    FILE *fp = err ? stderr : a->out;

    if (err || isatty (fileno (fp)))
        status_erase (a);
    if (a->opts->label)
        write_labelled (fp, &a->bol[err], rank, data, len);
    else
        fwrite (data, 1, len, fp);
    output_push (fp);
}

static void end_tail (struct attach *a)
{
    if (a->tail)
        tail_flush (a->tail, write_data, a);
    tail_destroy (a->tail);
    a->tail = NULL;
}

/* What the output holds now is the past: all that comes later is shown. A job without
 * output has no past. */
static void begin_tail (struct attach *a)
{
    flux_future_t *f =
        flux_rpc_pack (a->h, "job-info.lookup", FLUX_NODEID_ANY, 0, "{s:I s:[s] s:i}",
                       "id", (json_int_t)a->id, "keys", "guest.output", "flags", 0);
    const char *s;

    if (f && flux_rpc_get_unpack (f, "{s:s}", "guest.output", &s) == 0) {
        while ((s = strchr (s, '\n'))) {
            a->old++;
            s++;
        }
    }
    flux_future_destroy (f);
    if (a->old > 0 && !(a->tail = tail_create (a->opts->tail)))
        cmd_die ("out of memory");
}

static void print_data (struct attach *a, json_t *context)
{
    const char *stream = json_string_value (json_object_get (context, "stream"));
    const char *rank = json_string_value (json_object_get (context, "rank"));
    bool err = stream && strcmp (stream, "stderr") == 0;
    size_t len;
    char *data = decode_data (context, &len);
    struct idset *ranks = data && rank ? idset_decode (rank) : NULL;

    for (unsigned int r = ranks ? idset_first (ranks) : IDSET_INVALID_ID;
         r != IDSET_INVALID_ID; r = idset_next (ranks, r)) {
        if (a->tail && tail_add (a->tail, r, err, data, len) < 0)
            cmd_die ("out of memory");
        else if (!a->tail)
            write_data (r, err, data, len, a);
    }
    idset_destroy (ranks);
    free (data);
}

static void print_redirect (struct attach *a, json_t *context)
{
    const char *stream = "", *rank = "", *path = "";
    char *s = NULL;
    struct idset *ranks;

    json_unpack (context, "{s:s s:s s?s}", "stream", &stream, "rank", &rank, "path",
                 &path);
    if (a->opts->quiet)
        return;
    if ((ranks = idset_decode (rank)))
        s = idset_encode (ranks, IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS);
    status_erase (a);
    fprintf (stderr, "%s: %s redirected%s%s\n", s ? s : safe (rank), safe (stream),
             *path ? " to " : "", safe (path));
    free (s);
    idset_destroy (ranks);
}

static void print_log (struct attach *a, double t, json_t *context)
{
    static const char *const labels[] = { "FATAL: ", "FATAL: ", "FATAL: ", "ERROR: ",
                                          "WARN: ",  "",        "DEBUG: ", "TRACE: " };
    const char *message = "", *component = NULL;
    int level = 5, rank = -1;

    json_unpack (context, "{s?i s:s s?i s?s}", "level", &level, "message", &message,
                 "rank", &rank, "component", &component);
    if (a->opts->quiet)
        return;
    status_erase (a);
    fprintf (stderr, "%.3fs: flux-shell", t - a->t0);
    if (rank >= 0)
        fprintf (stderr, "[%d]", rank);
    fprintf (stderr, ": %s%s%s%s\n", labels[level & 7], safe (component),
             component ? ": " : "", safe_lines (message));
    if (level <= 2)
        release_held (a);
}

static void output_event (struct attach *a, double t, const char *name, json_t *context)
{
    if (strcmp (name, "data") == 0)
        print_data (a, context);
    else if (strcmp (name, "redirect") == 0)
        print_redirect (a, context);
    else if (strcmp (name, "log") == 0)
        print_log (a, t, context);
    if (a->old > 0 && --a->old == 0)
        end_tail (a);
}

/* --- a job with a terminal --- */

static void detach (struct attach *a);

static void escaped (enum escape_action action, void *arg)
{
    struct attach *a = arg;

    if (action == ESCAPE_DETACH)
        detach (a);
    else
        attach_terminal_suspend (a->terminal);
}

/* Its shell has said so. */
static void begin_terminal (struct attach *a)
{
    if (!a->input || a->terminal || a->finished || !isatty (STDIN_FILENO))
        return;
    status_erase (a);
    flux_watcher_stop (a->timer);
    if ((a->terminal = attach_terminal_begin (a->h, a->id)))
        attach_input_raw (a->input, escaped, a);
}

static void end_terminal (struct attach *a)
{
    attach_terminal_end (a->terminal);
    a->terminal = NULL;
}

/* --- a job in a debugger --- */

static void continued (flux_future_t *f, void *arg)
{
    if (flux_future_get (f, NULL) < 0)
        cmd_warn ("cannot let the tasks go on: %s", cmd_future_error (f));
    flux_future_destroy (f);
}

/* Its tasks are there. A debugger that runs us has them now, and they wait for SIGCONT if
 * they were started for it. */
static void debug (struct attach *a)
{
    flux_future_t *f;

    if (a->finished || debugger_take (a->id) < 0 || !debugger_is_there ())
        return;
    f = flux_job_kill (a->h, a->id, SIGCONT);
    if (!f || flux_future_then (f, -1., continued, a) < 0)
        cmd_warn ("kill: %s", flux_strerror (errno));
}

/* --- the exec service's log --- */

static void exec_event (struct attach *a, double t, const char *name, json_t *context)
{
    const char *component = "flux-shell", *stream = "stderr", *data = "";
    int rank = -1;

    if (strcmp (name, "shell.init") == 0 && json_object_get (context, "pty"))
        begin_terminal (a);
    if (strcmp (name, "shell.start") == 0 && a->opts->debug)
        debug (a);
    if (strcmp (name, "log") != 0 || a->opts->quiet)
        return;
    json_unpack (context, "{s?s s?s s?i s?s}", "component", &component, "stream",
                 &stream, "rank", &rank, "data", &data);
    status_erase (a);
    if (rank >= 0)
        fprintf (stderr, "%.3fs: %s[%d]: %s: %s", t - a->t0, safe (component), rank,
                 safe (stream), safe_lines (data));
    else
        fprintf (stderr, "%.3fs: %s: %s: %s", t - a->t0, safe (component),
                 safe (stream), safe_lines (data));
    if (!*data || data[strlen (data) - 1] != '\n')
        fputc ('\n', stderr);
}

/* --- following --- */

static void stream_end (struct stream *s)
{
    flux_future_destroy (s->f);
    s->f = NULL;
}

static void cancel (struct stream *s)
{
    if (s->f) {
        flux_job_event_watch_cancel (s->f);
        stream_end (s);
    }
}

static void main_end (struct attach *a, int errnum)
{
    if (errnum != ENODATA) {
        const char *text =
            errnum == ENOENT ? "No such job" : cmd_future_error (a->main.f);
        fprintf (stderr, "flux-job: Failed to attach to %s: %s\n", cmd_f58 (a->id),
                 safe_lines (text));
        a->exit_code = 1;
        a->stop = true;
        flux_reactor_stop (flux_get_reactor (a->h));
        return;
    }
    /* a job that did not start leaves logs that nobody will write */
    if (!a->exec.seen && !a->started)
        cancel (&a->exec);
    if (!a->output.seen && !a->started)
        cancel (&a->output);
}

static void stream_continuation (flux_future_t *f, void *arg)
{
    struct stream *s = arg;
    struct attach *a = s->a;
    const char *line, *name;
    double t;
    json_t *entry, *context;

    if (flux_job_event_watch_get (f, &line) < 0) {
        if (s == &a->main)
            main_end (a, errno);
        else if (errno != ENODATA && errno != ENOENT) {
            cmd_warn ("%s: %s", s->path, cmd_future_error (f));
            a->lost = true;
        }
        stream_end (s);
        if (!a->main.f && !a->exec.f && !a->output.f)
            flux_reactor_stop (flux_get_reactor (a->h));
        return;
    }
    s->seen = true;
    entry = eventlog_entry_decode (line, strlen (line));
    if (entry && eventlog_entry_parse (entry, &t, &name, &context) == 0) {
        if (s == &a->main && a->t0 == 0)
            a->t0 = t;
        if (s->prefix)
            show_event (a, s->prefix, t, name, context);
        s->event (a, t, name, context);
    }
    json_decref (entry);
    s->taken += strlen (line);
    flux_future_reset (f);
    if (s->taken >= WINDOW / 4 && job_event_watch_credit (f, a->id, s->taken) == 0)
        s->taken = 0;
}

static int follow (struct attach *a, struct stream *s, const char *path, int flags,
                   const char *prefix,
                   void (*event) (struct attach *a, double t, const char *name,
                                  json_t *context))
{
    *s = (struct stream){ .a = a, .path = path, .prefix = prefix, .event = event };
    s->f = job_event_watch_window (a->h, a->id, path, flags, WINDOW);
    return s->f ? flux_future_then (s->f, -1., stream_continuation, s) : -1;
}

/* --- signals --- */

static void detach (struct attach *a)
{
    end_terminal (a);
    fprintf (stderr, "flux-job: detaching...\n");
    a->stop = true;
    a->exit_code = 0;
    flux_reactor_stop (flux_get_reactor (a->h));
}

static void canceled (flux_future_t *f, void *arg)
{
    if (flux_future_get (f, NULL) < 0)
        cmd_warn ("cancel: %s", cmd_future_error (f));
    flux_future_destroy (f);
}

static void sigint_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct attach *a = arg;
    double now = clock_monotonic ();

    status_erase (a);
    if (now - a->t_sigint <= 2.0) {
        fprintf (stderr, "flux-job: canceling job\n");
        flux_future_t *f = flux_job_cancel (a->h, a->id, "interrupted by ctrl-C");
        if (f)
            flux_future_then (f, -1., canceled, a);
    } else {
        fprintf (stderr, "flux-job: one more ctrl-C within 2s to cancel or ctrl-Z to "
                         "detach\n");
    }
    a->t_sigint = now;
}

static void sigtstp_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct attach *a = arg;

    status_erase (a);
    if (clock_monotonic () - a->t_sigint <= 2.0)
        detach (a);
    else /* as any program; the job goes on */
        raise (SIGSTOP);
}

static void signaled (flux_future_t *f, void *arg)
{
    if (flux_future_get (f, NULL) < 0)
        cmd_warn ("kill: %s", cmd_future_error (f));
    flux_future_destroy (f);
}

static void forward_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct attach *a = arg;
    int signum = flux_signal_watcher_get_signum (w);
    flux_future_t *f;

    if (a->opts->forward) {
        f = flux_job_kill (a->h, a->id, signum);
        if (!f || flux_future_then (f, -1., signaled, a) < 0)
            cmd_warn ("kill: %s", flux_strerror (errno));
        return;
    }
    a->stop = true; /* the terminal is put right, then we are as if killed */
    a->exit_code = 128 + signum;
    flux_reactor_stop (r);
}

static void forwarded_set (sigset_t *set)
{
    sigemptyset (set);
    for (int i = 0; i < 5; i++)
        sigaddset (set, forwarded[i]);
}

/* Not forwarded: only those that would leave a terminal behind. */
static void watch_signals (struct attach *a)
{
    int count = a->opts->forward ? 5 : 2;
    sigset_t set;

    for (int i = 0; i < count && !a->opts->no_signals; i++) {
        a->signals[i] = flux_signal_watcher_create (flux_get_reactor (a->h),
                                                    forwarded[i], forward_cb, a);
        flux_watcher_start (a->signals[i]);
    }
    forwarded_set (&set);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
}

static void watch_terminal (struct attach *a)
{
    flux_reactor_t *r = flux_get_reactor (a->h);

    if (!a->opts->no_signals) {
        a->sigint = flux_signal_watcher_create (r, SIGINT, sigint_cb, a);
        a->sigtstp = flux_signal_watcher_create (r, SIGTSTP, sigtstp_cb, a);
        flux_watcher_start (a->sigint);
        flux_watcher_start (a->sigtstp);
    }
    if (!a->opts->quiet
        && (a->opts->show_status
            || (isatty (STDERR_FILENO) && !getenv ("FLUX_ATTACH_NONINTERACTIVE")))) {
        a->timer = flux_timer_watcher_create (r, a->opts->show_status ? 0. : 2., 1.,
                                              status_tick, a);
        flux_watcher_start (a->timer);
    }
}

/* --- */

static void fini (struct attach *a)
{
    end_terminal (a);
    tail_destroy (a->tail);
    release_held (a);
    status_erase (a);
    stream_end (&a->main);
    stream_end (&a->exec);
    stream_end (&a->output);
    attach_input_destroy (a->input);
    flux_watcher_destroy (a->sigint);
    flux_watcher_destroy (a->sigtstp);
    flux_watcher_destroy (a->timer);
    for (int i = 0; i < 5; i++)
        flux_watcher_destroy (a->signals[i]);
}

static int conclude (struct attach *a)
{
    int code, s = a->status;

    release_held (a);
    if (!a->finished)
        return a->exception ? 1 : a->exit_code;
    code = flux_job_waitstatus_to_exitcode (s, NULL);
    if (code == 0 && (a->lost || a->exception))
        return 1;
    if (a->opts->quiet || code == 0)
        return code;
    if (code > 128 && code <= 128 + SIGRTMAX)
        fprintf (stderr, "flux-job: task(s) %s\n", strsignal (code - 128));
    else
        fprintf (stderr, "flux-job: task(s) exited with exit code %d\n", code);
    return code;
}

static bool has_come (const sigset_t *set)
{
    sigset_t pending;

    sigpending (&pending);
    return sigandset (&pending, &pending, set) == 0 && !sigisemptyset (&pending);
}

flux_future_t *attach_submit (flux_t *h, const char *jobspec, int urgency, int flags)
{
    flux_future_t *f;
    sigset_t set;

    forwarded_set (&set);
    sigprocmask (SIG_BLOCK, &set, NULL);
    f = flux_job_submit (h, jobspec, urgency, flags);
    while (f && flux_future_wait_for (f, HOLD) < 0 && errno == ETIMEDOUT) {
        if (has_come (&set))
            sigprocmask (SIG_UNBLOCK, &set, NULL);
    }
    return f;
}

int attach_job (flux_t *h, flux_jobid_t id, const struct attach_options *opts)
{
    struct attach a = {
        .h = h,
        .id = id,
        .opts = opts,
        .out = opts->out ? opts->out : stdout,
        .bol = { true, true, true },
    };
    const int wait = FLUX_JOB_EVENT_WATCH_WAITCREATE;

    if (opts->tail >= 0)
        begin_tail (&a);
    if (follow (&a, &a.main, "eventlog", 0, opts->show_events ? "job" : NULL,
                main_event)
            < 0
        || follow (&a, &a.exec, "guest.exec.eventlog", wait,
                   opts->show_exec ? "exec" : NULL, exec_event)
               < 0
        || follow (&a, &a.output, "guest.output", wait, NULL, output_event) < 0) {
        cmd_warn ("cannot follow job %s: %s", cmd_f58 (id), flux_strerror (errno));
        fini (&a);
        return 1;
    }
    if (!opts->read_only)
        a.input = attach_input_create (h, id, opts->stdin_ranks);
    watch_terminal (&a);
    watch_signals (&a);
    if (flux_reactor_run (flux_get_reactor (h), 0) < 0) {
        cmd_warn ("lost connection to the broker");
        a.exit_code = 1;
        a.stop = true;
    }
    end_terminal (&a);
    end_tail (&a);
    int code = a.stop ? a.exit_code : conclude (&a);
    fini (&a);
    return code;
}
