/* Happy path: submissions are sent, a window of them in flight; ids are printed
 * in the order of submission as answers come; if someone waits, job-manager's
 * journal, opened first, says what becomes of each job.
 *
 * One journal serves any number of jobs: there is no request for each of them, unless
 * what their shells say is asked for, too. */
#include "cmd/submit/submit.h"

#include "base/hashmap.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "cmd/output/progress.h"
#include "cmd/submit/logs.h"
#include "cmd/submit/watch.h"
#include "value/eventlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 512

#define EXEC "exec."

struct job {
    struct submit *s;
    flux_jobid_t id;
    struct log_file *out, *err; /* NULL: stdout, stderr */
    flux_future_t *exec;        /* the log of its shells, if that is wanted */
    double t_submit;
    int exit_code;
    bool answered;
    bool refused;
    bool started;
    bool done;
    bool failed; /* by an exception before it finished */
};

struct submit {
    flux_t *h;
    const struct submit_options *opt;
    submit_next_f next;
    void *next_arg;
    bool exhausted;
    struct job **jobs; /* in order of submission */
    size_t count;
    size_t cap;
    size_t printed;   /* ids of jobs before this one are printed */
    size_t in_flight; /* submissions without an answer */
    size_t waiting;   /* jobs that were accepted and are not done */
    size_t followed;  /* logs of shells */
    struct idmap *by_id;
    struct idmap *early; /* id to array of journal entries */
    flux_future_t *journal;
    struct progress *progress;
    struct watch *watch;
    struct logs *logs;
    const char *wait_exec; /* event in the log of the shells */
    int exit_code;
};

static void feed (struct submit *s);
static void replay_early (struct submit *s, flux_jobid_t id);
static void follow_exec (struct job *job);

static bool wants_journal (const struct submit *s)
{
    return s->opt->wait || s->opt->wait_event || s->opt->watch;
}

static bool wants_exec (const struct submit *s)
{
    return s->wait_exec || s->opt->verbose > 2;
}

/* They are shown to their end, which may be heard of after that of their jobs. */
static bool shows_exec (const struct submit *s)
{
    return s->opt->verbose > 2 && !s->opt->wait_event && s->followed > 0;
}

static void check_end (struct submit *s)
{
    if (s->exhausted && !shows_exec (s) && s->in_flight == 0 && s->waiting == 0
        && (!s->watch || watch_idle (s->watch)))
        flux_reactor_stop (flux_get_reactor (s->h));
}

static void output_ended (void *arg)
{
    check_end (arg);
}

/* --- submission --- */

static void print_ids (struct submit *s)
{
    while (s->printed < s->count && s->jobs[s->printed]->answered) {
        struct job *job = s->jobs[s->printed++];
        if (job->refused)
            continue;
        if (s->opt->verbose > 0)
            fprintf (log_stream (job->err, stderr), "jobid: %s\n", cmd_f58 (job->id));
        if (s->opt->quiet)
            continue;
        FILE *out = log_stream (job->out, stdout);
        fprintf (out, "%s\n", cmd_f58 (job->id));
        if (wants_journal (s))
            fflush (out); /* who reads it does not wait for the jobs */
    }
}

static void accepted (struct submit *s, struct job *job)
{
    if (idmap_insert (s->by_id, job->id, job) < 0)
        cmd_die ("out of memory");
    if (!wants_journal (s)) {
        progress_count (s->progress, PROGRESS_DONE, 1);
        return;
    }
    progress_count (s->progress, PROGRESS_PENDING, 1);
    s->waiting++;
    if (wants_exec (s))
        follow_exec (job);
    replay_early (s, job->id);
}

static void submit_cb (flux_future_t *f, void *arg)
{
    struct submit *s = arg;
    struct job *job = flux_future_aux_get (f, "job");
    job->answered = true;
    s->in_flight--;
    if (flux_job_submit_get_id (f, &job->id) < 0) {
        fflush (stdout);
        fprintf (log_stream (job->err, stderr), "%s: ERROR: %s\n", cmd_name,
                 safe_lines (cmd_future_error (f)));
        job->refused = true;
        s->exit_code = s->exit_code > 1 ? s->exit_code : 1;
    } else
        accepted (s, job);
    flux_future_destroy (f);
    print_ids (s);
    if (job->answered && !job->refused && s->watch) {
        output_push (stdout);
        watch_add (s->watch, job->id, job->out, job->err);
    }
    feed (s);
    check_end (s);
}

static struct job *add_job (struct submit *s)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct job **a = realloc (s->jobs, cap * sizeof (*a));
        if (!a)
            cmd_die ("out of memory");
        s->jobs = a;
        s->cap = cap;
    }
    struct job *job = calloc (1, sizeof (*job));
    if (!job)
        cmd_die ("out of memory");
    job->s = s;
    return s->jobs[s->count++] = job;
}

static void request_fini (struct submit_request *req)
{
    free (req->jobspec);
    free (req->log);
    free (req->log_stderr);
}

static void feed (struct submit *s)
{
    struct submit_request req;
    while (!s->exhausted && s->in_flight < WINDOW) {
        req = (struct submit_request){ 0 };
        if (!s->next (s->next_arg, &req)) {
            s->exhausted = true;
            break;
        }
        struct job *job = add_job (s);
        job->out = logs_find (s->logs, req.log);
        job->err = req.log_stderr ? logs_find (s->logs, req.log_stderr) : job->out;
        flux_future_t *f = flux_job_submit (s->h, req.jobspec, req.urgency, req.flags);
        if (!f || flux_future_aux_set (f, "job", job, NULL) < 0
            || flux_future_then (f, -1, submit_cb, s) < 0)
            cmd_die ("ERROR: submit: %s", strerror (errno));
        request_fini (&req);
        s->in_flight++;
    }
}

/* --- what becomes of the jobs --- */

static void done (struct submit *s, struct job *job)
{
    if (job->done)
        return;
    job->done = true;
    s->waiting--;
    if ((s->opt->wait || s->opt->watch) && job->exit_code > s->exit_code)
        s->exit_code = job->exit_code;
}

static void exception (struct submit *s, struct job *job, json_t *context)
{
    const char *type = "", *note = "";
    int severity = 0;
    (void)json_unpack (context, "{s?s s?i s?s}", "type", &type, "severity", &severity,
                       "note", &note);
    if (severity > 0)
        return;
    if (!s->opt->watch && s->opt->wait)
        fprintf (log_stream (job->err, stderr), "%s: exception: type=%s note=%s\n",
                 cmd_f58 (job->id), safe (type), safe_lines (note));
    job->failed = true;
    if (job->exit_code == 0)
        job->exit_code = 1;
}

static void event (struct submit *s, struct job *job, const char *name, json_t *context)
{
    int status;
    if (!strcmp (name, "start")) {
        job->started = true;
        progress_count (s->progress, PROGRESS_PENDING, -1);
        progress_count (s->progress, PROGRESS_RUNNING, 1);
    } else if (!strcmp (name, "finish")) {
        if (json_unpack (context, "{s:i}", "status", &status) == 0) {
            flux_error_t error;
            int rc = flux_job_waitstatus_to_exitcode (status, &error);
            if (rc > job->exit_code)
                job->exit_code = rc;
        }
    } else if (!strcmp (name, "exception"))
        exception (s, job, context);
    else if (!strcmp (name, "clean")) {
        progress_count (s->progress, job->started ? PROGRESS_RUNNING : PROGRESS_PENDING,
                        -1);
        progress_count (s->progress,
                        job->exit_code == 0 ? PROGRESS_DONE : PROGRESS_FAILED, 1);
        done (s, job);
    }
    if (s->opt->wait_event && !strcmp (name, s->opt->wait_event))
        done (s, job);
}

/* Events of a job may come before the answer to its submission. Those of
 * unknown ids are kept while answers are due. */
static void keep_early (struct submit *s, flux_jobid_t id, json_t *entry)
{
    json_t *list = idmap_lookup (s->early, id);
    if (!list) {
        list = json_array ();
        if (!list || idmap_insert (s->early, id, list) < 0)
            cmd_die ("out of memory");
    }
    json_array_append (list, entry);
}

static void show_event (struct job *job, const char *prefix, json_t *entry)
{
    double t;
    const char *name;
    json_t *context;
    if (eventlog_entry_parse (entry, &t, &name, &context) < 0)
        return;
    if (job->t_submit == 0)
        job->t_submit = t;
    char *s = context ? json_dumps (context, JSON_COMPACT) : NULL;
    fprintf (log_stream (job->err, stderr), "%s: %.3fs: %s%s%s%s\n", cmd_f58 (job->id),
             t - job->t_submit, prefix, safe (name), s ? " " : "", safe (s));
    free (s);
}

static void handle_entry (struct submit *s, flux_jobid_t id, json_t *entry)
{
    struct job *job = idmap_lookup (s->by_id, id);
    const char *name = json_string_value (json_object_get (entry, "name"));
    if (!name)
        return;
    if (job && s->opt->verbose > 1)
        show_event (job, "", entry);
    if (job)
        event (s, job, name, json_object_get (entry, "context"));
    else if (s->in_flight > 0)
        keep_early (s, id, entry);
}

static void replay_early (struct submit *s, flux_jobid_t id)
{
    size_t i;
    json_t *entry;
    json_t *list = idmap_take (s->early, id);
    json_array_foreach (list, i, entry) {
        handle_entry (s, id, entry);
    }
    json_decref (list);
}

static void journal_cb (flux_future_t *f, void *arg)
{
    struct submit *s = arg;
    json_t *events, *o;
    size_t i;
    if (flux_rpc_get_unpack (f, "{s:o}", "events", &events) < 0)
        cmd_die ("ERROR: job-manager.events-journal: %s", cmd_future_error (f));
    json_array_foreach (events, i, o) {
        json_int_t id;
        json_t *entry;
        if (json_unpack (o, "{s:I s:o}", "id", &id, "entry", &entry) == 0)
            handle_entry (s, id, entry);
    }
    flux_future_reset (f);
    check_end (s);
}

/* What the shells of a job say. */
static void exec_cb (flux_future_t *f, void *arg)
{
    struct job *job = arg;
    struct submit *s = job->s;
    const char *line;
    if (flux_job_event_watch_get (f, &line) < 0) {
        if (errno != ENODATA && errno != ENOENT)
            cmd_die ("ERROR: %s: %s", cmd_f58 (job->id), cmd_future_error (f));
        job->exec = NULL;
        flux_future_destroy (f);
        s->followed--;
        check_end (s);
        return;
    }
    json_t *entry = eventlog_entry_decode (line, strlen (line));
    const char *name = json_string_value (json_object_get (entry, "name"));
    if (entry && s->opt->verbose > 2)
        show_event (job, EXEC, entry);
    if (name && s->wait_exec && !strcmp (name, s->wait_exec))
        done (s, job);
    json_decref (entry);
    flux_future_reset (f);
    check_end (s);
}

static void follow_exec (struct job *job)
{
    job->exec = flux_job_event_watch (job->s->h, job->id, "guest.exec.eventlog",
                                      FLUX_JOB_EVENT_WATCH_WAITCREATE);
    if (!job->exec || flux_future_then (job->exec, -1, exec_cb, job) < 0)
        cmd_die ("ERROR: %s: %s", cmd_f58 (job->id), strerror (errno));
    job->s->followed++;
}

/* The events that are of use; null: all. */
static json_t *wanted_events (const struct submit *s)
{
    if (s->opt->verbose > 1)
        return json_null ();
    json_t *allow = json_pack ("{s:i s:i s:i s:i}", "start", 1, "finish", 1,
                               "exception", 1, "clean", 1);
    if (!allow
        || (s->opt->wait_event && !s->wait_exec
            && json_object_set_new (allow, s->opt->wait_event, json_integer (1)) < 0))
        cmd_die ("out of memory");
    return allow;
}

static void open_journal (struct submit *s)
{
    /* Before the first submission: no event can be missed. */
    json_t *allow = wanted_events (s);
    json_t *o =
        json_is_null (allow) ? json_object () : json_pack ("{s:O}", "allow", allow);
    s->journal = flux_rpc_pack (s->h, "job-manager.events-journal", 0,
                                FLUX_RPC_STREAMING, "o", o);
    json_decref (allow);
    if (!s->journal || flux_future_then (s->journal, -1, journal_cb, s) < 0)
        cmd_die ("ERROR: job-manager.events-journal: %s", strerror (errno));
}

static void free_early (void *list)
{
    json_decref (list);
}

static void finish (struct submit *s)
{
    progress_destroy (s->progress);
    if (s->watch && watch_failed (s->watch) && s->exit_code == 0)
        s->exit_code = 1;
    watch_destroy (s->watch);
    flux_future_destroy (s->journal);
    idmap_destroy (s->by_id);
    idmap_destroy (s->early);
    for (size_t i = 0; i < s->count; i++) {
        flux_future_destroy (s->jobs[i]->exec);
        free (s->jobs[i]);
    }
    free (s->jobs);
    logs_destroy (s->logs);
}

int submit_all (flux_t *h, const struct submit_options *opt, submit_next_f next,
                void *arg)
{
    struct submit s = { .h = h, .opt = opt, .next = next, .next_arg = arg };
    if (!(s.by_id = idmap_create (NULL)) || !(s.early = idmap_create (free_early)))
        cmd_die ("out of memory");
    s.logs = logs_create ();
    if (opt->wait_event && !strncmp (opt->wait_event, EXEC, strlen (EXEC)))
        s.wait_exec = opt->wait_event + strlen (EXEC);
    if (opt->progress)
        s.progress = progress_create (flux_get_reactor (h), opt->total, opt->jps);
    enum watch_label label = opt->label ? WATCH_LABEL_RANK : WATCH_NO_LABEL;
    if (opt->watch && !(s.watch = watch_create (h, label, output_ended, &s)))
        cmd_die ("out of memory");
    if (wants_journal (&s))
        open_journal (&s);
    feed (&s);
    if (!s.exhausted || s.in_flight > 0) {
        if (flux_reactor_run (flux_get_reactor (h), 0) < 0)
            cmd_die ("ERROR: lost connection to the broker");
    }
    finish (&s);
    return s.exit_code;
}
