/* flux watch: output and state of many jobs.
 *
 * Happy path: job-list says which jobs; what is still active is followed by its
 * eventlog; output of jobs that have ended is copied one after the other, in the order of
 * the list, that of the others as it comes. The end of the last output is the end. */
#include "cmd/submit/watch.h"
#include "cmd/cmd.h"
#include "cmd/format/datetime.h"
#include "cmd/format/jobs_filter.h"
#include "cmd/output/output.h"
#include "cmd/output/progress.h"
#include "value/eventlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "active", .key = 'a', .usage = "Watch all active jobs" },
    { .name = "all", .key = 'A', .usage = "Watch all jobs" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Limit to N jobs (default 1000, 0: no limit)" },
    { .name = "since",
      .has_arg = 1,
      .arginfo = "WHEN",
      .usage = "Watch jobs that were active since then" },
    { .name = "filter",
      .key = 'f',
      .has_arg = 1,
      .arginfo = "STATE|RESULT,...",
      .usage = "Watch jobs in these states or with these results" },
    { .name = "label-io",
      .key = 'l',
      .usage = "Label output with job id and rank of the task" },
    { .name = "verbose", .key = 'v', .usage = "Say how each job ended" },
    { .name = "progress", .usage = "Show a bar of how many jobs are done" },
    { .name = "jps", .usage = "With --progress, show throughput" },
    OPTPARSE_TABLE_END,
};

struct job {
    struct follow *fl;
    flux_jobid_t id;
    flux_future_t *f; /* the eventlog; NULL: inactive, or at its end */
    double t_submit;
    double t_end;
    int waitstatus;
    int exit_code;
    bool active; /* when it was listed */
    bool started;
    bool excepted; /* fatally */
};

struct follow {
    flux_t *h;
    optparse_t *p;
    struct job *jobs;
    size_t count;
    size_t next;         /* the first inactive job whose output was not asked for */
    size_t logs;         /* eventlogs that have not ended */
    struct watch *watch; /* output of active jobs */
    struct watch *ended; /* of one that is not */
    struct progress *progress;
    bool verbose;
    bool prefix; /* several jobs: lines say which one */
    bool lost;   /* what became of a job */
};

/* --- which jobs --- */

static const char attrs[] = "[\"state\",\"result\",\"waitstatus\",\"t_submit\","
                            "\"t_cleanup\",\"t_run\"]";

static void take_job (struct follow *fl, json_t *o)
{
    struct job *job = &fl->jobs[fl->count++];
    json_int_t id;
    int state = 0, result = 0;
    double t_run = 0;
    *job = (struct job){ .fl = fl, .waitstatus = -1 };
    if (json_unpack (o, "{s:I s:i s?i s?i s?F s?F s?F}", "id", &id, "state", &state,
                     "result", &result, "waitstatus", &job->waitstatus, "t_submit",
                     &job->t_submit, "t_cleanup", &job->t_end, "t_run", &t_run)
        < 0)
        cmd_die ("ERROR: job-list: malformed response");
    job->id = id;
    job->started = t_run > 0;
    job->active = state != FLUX_JOB_STATE_INACTIVE;
    job->excepted = !job->active && result != FLUX_JOB_RESULT_COMPLETED;
}

static json_t *make_constraint (optparse_t *p)
{
    const char *filter = optparse_get_str (p, "filter", NULL);
    json_t *user = json_pack ("{s:[i]}", "userid", (int)getuid ());
    if (filter)
        return json_pack ("{s:[o,o]}", "and", user, jobs_filter_constraint (filter));
    if (optparse_hasopt (p, "active"))
        return json_pack ("{s:[o,o]}", "and", user, jobs_filter_constraint ("active"));
    return user;
}

static double get_since (optparse_t *p)
{
    const char *s = optparse_get_str (p, "since", NULL);
    double now = flux_reactor_time (), t = 0;
    if (s && datetime_parse (s, now, &t) < 0)
        cmd_usage_error (p, "--since: invalid value '%s'", s);
    if (t > now)
        cmd_usage_error (p, "--since=%s appears to be in the future", s);
    return t;
}

static void alloc_jobs (struct follow *fl, size_t n)
{
    if (!(fl->jobs = calloc (n + 1, sizeof (*fl->jobs))))
        cmd_die ("out of memory");
}

static void list_jobs (struct follow *fl)
{
    int max = optparse_get_int (fl->p, "count", 1000);
    json_t *jobs, *o;
    size_t i;
    if (max < 0)
        cmd_die ("ERROR: count must be >= 0");
    double since = get_since (fl->p);
    json_t *constraint = make_constraint (fl->p);
    flux_future_t *f = flux_rpc_pack (
        fl->h, "job-list.list", 0, 0, "{s:i s:o s:f s:o}", "max_entries", max, "attrs",
        json_loads (attrs, 0, NULL), "since", since, "constraint", constraint);
    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    alloc_jobs (fl, json_array_size (jobs));
    json_array_foreach (jobs, i, o) {
        take_job (fl, o);
    }
    flux_future_destroy (f);
}

static void list_ids (struct follow *fl, int argc, char **argv)
{
    flux_future_t **f = calloc ((size_t)argc + 1, sizeof (*f));
    json_t *o;
    if (!f)
        cmd_die ("out of memory");
    alloc_jobs (fl, argc);
    for (int i = 0; i < argc; i++) {
        flux_jobid_t id;
        if (flux_job_id_parse (argv[i], &id) < 0)
            cmd_die ("ERROR: invalid JobID value: '%s'", argv[i]);
        f[i] = flux_rpc_pack (fl->h, "job-list.list-id", 0, 0, "{s:I s:o}", "id",
                              (json_int_t)id, "attrs", json_loads (attrs, 0, NULL));
    }
    for (int i = 0; i < argc; i++) {
        if (f[i] && flux_rpc_get_unpack (f[i], "{s:o}", "job", &o) == 0)
            take_job (fl, o);
        else if (errno == ENOENT)
            cmd_warn ("ERROR: JobID %s unknown", argv[i]);
        else
            cmd_die ("ERROR: %s: %s", argv[i], cmd_future_error (f[i]));
        flux_future_destroy (f[i]);
    }
    free (f);
}

/* --- what becomes of them --- */

static void say_end (struct job *job)
{
    double t = job->t_end > job->t_submit ? job->t_end - job->t_submit : 0;
    if (!job->fl->verbose)
        return;
    printf ("%s: %.3fs: %s", cmd_f58 (job->id), t,
            job->exit_code == 0 ? "complete" : "failed");
    if (job->waitstatus >= 0)
        printf (": status=%d", job->waitstatus);
    putchar ('\n');
    output_push (stdout);
}

static void ended (struct job *job)
{
    if (job->waitstatus >= 0)
        job->exit_code = flux_job_waitstatus_to_exitcode (job->waitstatus, NULL);
    if (job->excepted && job->exit_code == 0)
        job->exit_code = 1;
    progress_count (job->fl->progress, PROGRESS_RUNNING, job->started ? -1 : 0);
    progress_count (job->fl->progress, PROGRESS_PENDING, job->started ? 0 : -1);
    progress_count (job->fl->progress,
                    job->exit_code == 0 ? PROGRESS_DONE : PROGRESS_FAILED, 1);
    say_end (job);
}

static void on_exception (struct job *job, double t, json_t *context)
{
    const char *type = "", *note = "";
    int severity = 0;
    (void)json_unpack (context, "{s?s s?i s?s}", "type", &type, "severity", &severity,
                       "note", &note);
    fprintf (stderr, "%s%sjob.exception: type=%s severity=%d %s\n",
             job->fl->prefix ? cmd_f58 (job->id) : "", job->fl->prefix ? ": " : "",
             safe (type), severity, safe_lines (note));
    if (severity > 0)
        return;
    job->excepted = true;
    job->t_end = job->t_end > 0 ? job->t_end : t;
}

static void on_event (struct job *job, double t, const char *name, json_t *context)
{
    struct progress *bar = job->fl->progress;
    if (!strcmp (name, "start") && !job->started) {
        job->started = true;
        progress_count (bar, PROGRESS_PENDING, -1);
        progress_count (bar, PROGRESS_RUNNING, 1);
    } else if (!strcmp (name, "finish")) {
        (void)json_unpack (context, "{s:i}", "status", &job->waitstatus);
        job->t_end = t;
    } else if (!strcmp (name, "exception"))
        on_exception (job, t, context);
}

static void check_end (struct follow *fl)
{
    if (fl->logs == 0 && fl->next == fl->count && watch_idle (fl->watch)
        && watch_idle (fl->ended))
        flux_reactor_stop (flux_get_reactor (fl->h));
}

static void log_cb (flux_future_t *f, void *arg)
{
    struct job *job = arg;
    struct follow *fl = job->fl;
    const char *line, *name;
    json_t *context;
    double t;
    if (flux_job_event_watch_get (f, &line) == 0) {
        json_t *entry = eventlog_entry_decode (line, strlen (line));
        if (entry && eventlog_entry_parse (entry, &t, &name, &context) == 0)
            on_event (job, t, name, context);
        json_decref (entry);
        flux_future_reset (f);
        return;
    }
    if (errno != ENODATA) {
        cmd_warn ("ERROR: %s: %s", cmd_f58 (job->id), cmd_future_error (f));
        fl->lost = true;
    } else
        ended (job);
    flux_future_destroy (f);
    job->f = NULL;
    fl->logs--;
    check_end (fl);
}

/* --- output --- */

static void active_ended (void *arg)
{
    check_end (arg);
}

static void copy_next (void *arg)
{
    struct follow *fl = arg;
    while (fl->next < fl->count && fl->jobs[fl->next].active)
        fl->next++;
    if (fl->next < fl->count)
        watch_add (fl->ended, fl->jobs[fl->next++].id, NULL, NULL);
    else
        check_end (fl);
}

static void follow_active (struct follow *fl, struct job *job)
{
    progress_count (fl->progress, job->started ? PROGRESS_RUNNING : PROGRESS_PENDING,
                    1);
    job->f = flux_job_event_watch (fl->h, job->id, "eventlog", 0);
    if (!job->f || flux_future_then (job->f, -1., log_cb, job) < 0)
        cmd_die ("ERROR: %s: %s", cmd_f58 (job->id), strerror (errno));
    fl->logs++;
    watch_add (fl->watch, job->id, NULL, NULL);
}

static double instance_start (flux_t *h)
{
    const char *s = flux_attr_get (h, "broker.starttime");
    return s ? strtod (s, NULL) : flux_reactor_time ();
}

static void open_progress (struct follow *fl)
{
    double t = flux_reactor_time ();
    if (!optparse_hasopt (fl->p, "progress"))
        return;
    fl->progress = progress_create (flux_get_reactor (fl->h), fl->count,
                                    optparse_hasopt (fl->p, "jps"));
    for (size_t i = 0; i < fl->count; i++)
        t = fl->jobs[i].t_submit < t ? fl->jobs[i].t_submit : t;
    if (optparse_hasopt (fl->p, "all"))
        t = instance_start (fl->h);
    progress_since (fl->progress, t);
}

static int conclude (struct follow *fl)
{
    int code = 0;
    progress_destroy (fl->progress);
    for (size_t i = 0; i < fl->count; i++) {
        if (fl->jobs[i].exit_code > code)
            code = fl->jobs[i].exit_code;
    }
    if (code == 0 && (fl->lost || watch_failed (fl->watch) || watch_failed (fl->ended)))
        code = 1;
    watch_destroy (fl->watch);
    watch_destroy (fl->ended);
    return code;
}

static int follow (struct follow *fl)
{
    bool label = optparse_hasopt (fl->p, "label-io");
    fl->prefix = label || fl->count > 1;
    enum watch_label kind = label ? WATCH_LABEL_JOB : WATCH_NO_LABEL;
    fl->watch = watch_create (fl->h, kind, active_ended, fl);
    fl->ended = watch_create (fl->h, kind, copy_next, fl);
    if (!fl->watch || !fl->ended)
        cmd_die ("out of memory");
    open_progress (fl);
    for (size_t i = 0; i < fl->count; i++) {
        if (fl->jobs[i].active)
            follow_active (fl, &fl->jobs[i]);
    }
    for (size_t i = 0; i < fl->count; i++) {
        if (!fl->jobs[i].active) {
            progress_count (fl->progress, PROGRESS_PENDING,
                            fl->jobs[i].started ? 0 : 1);
            progress_count (fl->progress, PROGRESS_RUNNING,
                            fl->jobs[i].started ? 1 : 0);
            ended (&fl->jobs[i]);
        }
    }
    copy_next (fl);
    if (flux_reactor_run (flux_get_reactor (fl->h), 0) < 0)
        cmd_die ("ERROR: lost connection to the broker");
    return conclude (fl);
}

/* --- the command --- */

static bool has_selection (optparse_t *p)
{
    return optparse_hasopt (p, "active") || optparse_hasopt (p, "all")
           || optparse_hasopt (p, "filter") || optparse_hasopt (p, "since");
}

static void check_usage (optparse_t *p, bool ids)
{
    if (!ids && !has_selection (p)) {
        cmd_warn ("ERROR: At least one job selection option is required");
        fprintf (stderr, "Try 'flux watch --help' for more information.\n");
        exit (1);
    }
    if (ids && (has_selection (p) || optparse_hasopt (p, "count")))
        cmd_die ("ERROR: job ids and options that select jobs exclude each other");
    if (optparse_hasopt (p, "jps") && !optparse_hasopt (p, "progress"))
        cmd_die ("ERROR: --jps is for --progress");
    if (optparse_hasopt (p, "active") && optparse_hasopt (p, "all"))
        cmd_die ("ERROR: --active and --all exclude each other");
    if (optparse_hasopt (p, "filter")
        && (optparse_hasopt (p, "active") || optparse_hasopt (p, "all")))
        cmd_warn ("WARNING: Both -a or -A and --filter specified, ignoring -a and -A");
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct follow fl = { .p = p, .verbose = optparse_hasopt (p, "verbose") };
    int i = optparse_option_index (p);
    check_usage (p, i < argc);
    fl.h = cmd_open ();
    if (i < argc)
        list_ids (&fl, argc - i, argv + i);
    else
        list_jobs (&fl);
    if (fl.count == 0) {
        cmd_warn ("INFO: No matching jobs");
        free (fl.jobs);
        return 0;
    }
    if (fl.verbose)
        cmd_warn ("INFO: Watching %zu job%s", fl.count, fl.count == 1 ? "" : "s");
    int rc = follow (&fl);
    free (fl.jobs);
    return rc;
}

const struct command cmd_watch = {
    .name = "watch",
    .summary = "Follow output and state of jobs",
    .usage = "[OPTIONS] [JOBID ...]",
    .group = "jobs",
    .options = opts,
    .run = run,
    .flags = CMD_MIXED_ARGS | CMD_USAGE2,
};
