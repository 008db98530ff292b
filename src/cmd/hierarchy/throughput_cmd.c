/* flux-hierarchy throughput: starts a tree and measures jobs per second over its
 * leaves. All of them are fed and followed from one reactor: a leaf's jobs are
 * submitted a window at a time, and its journal tells what becomes of them. */
#include "cmd/hierarchy/leaves.h"
#include "cmd/hierarchy/plan.h"
#include "cmd/hierarchy/throughput.h"

#include "base/clock.h"
#include "base/os/proc.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "value/fsd.h"

#include <errno.h>
#include <flux/job.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW 256

static struct optparse_option options[] = {
    { .name = "njobs",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Jobs in all (default 100)" },
    { .name = "runtime",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "How long a job pretends to run (default 0.001s)" },
    { .name = "exec", .key = 'x', .usage = "Really run the command" },
    { .name = "setopt",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "OPT[=VAL]",
      .usage = "Set a shell option of the jobs" },
    { .name = "setattr",
      .has_arg = 1,
      .arginfo = "ATTR=VAL",
      .usage = "Set an attribute of the jobs" },
    { .name = "outdir",
      .has_arg = 1,
      .arginfo = "DIR",
      .usage = "Write jobspecs and the instances' output into DIR" },
    { .name = "keep-env",
      .key = 'k',
      .usage = "Jobs get the whole environment, not only PATH, FLUX_* and the like" },
    { .name = "stop", .usage = "End the tree after the test" },
    OPTPARSE_TABLE_END,
};

struct test;

struct worker {
    struct test *test;
    struct leaf_handle *leaf;
    struct tally tally;
    flux_future_t *journal;
    bool listening; /* the journal's backlog is read: jobs may be submitted */
    int to_send;
    int in_flight;
};

struct test {
    flux_reactor_t *r;
    struct leaves leaves;
    struct worker *worker;
    char *jobspec;
    int active; /* workers that are not done */
    int unanswered;
    bool failed;
    bool bar; /* stderr is a terminal */
    double begin;
    double submitted; /* when the last submission was answered */
};

/* --- the jobs --- */

static void add_settings (optparse_t *p, json_t *attributes)
{
    json_t *shell = json_object ();
    flux_error_t error;
    const char *s;

    json_object_set_new (json_object_get (attributes, "system"), "shell",
                         json_pack ("{s:o}", "options", shell));
    optparse_getopt_iterator_reset (p, "setopt");
    while ((s = optparse_getopt_next (p, "setopt")))
        if (jobspec_setopt (shell, s, &error) < 0)
            cmd_die ("%s", error.text);
    optparse_getopt_iterator_reset (p, "setattr");
    while ((s = optparse_getopt_next (p, "setattr"))) {
        if (!strchr (s, '='))
            cmd_die ("--setattr: Missing value for attr %s", s);
        if (jobspec_setattr (attributes, s, &error) < 0)
            cmd_die ("%s", error.text);
    }
}

static char *make_jobspec (optparse_t *p, int argc, char **argv)
{
    char cwd[PATH_MAX];
    json_t *command = json_array ();
    const char *runtime = optparse_get_str (p, "runtime", "0.001s");
    double seconds;
    json_t *o, *system;
    char *s;

    if (fsd_parse (runtime, &seconds) < 0)
        cmd_die ("--runtime: '%s' is no duration", runtime);
    for (int i = 0; i < argc; i++)
        json_array_append_new (command, json_string (argv[i]));
    if (argc == 0)
        json_array_append_new (command, json_string ("true"));
    system = json_pack ("{s:i s:o s:s}", "duration", 0, "environment",
                        plan_environment (environ, optparse_hasopt (p, "keep-env")),
                        "cwd", getcwd (cwd, sizeof (cwd)) ? cwd : "/");
    if (!optparse_hasopt (p, "exec"))
        json_object_set_new (system, "exec",
                             json_pack ("{s:{s:s}}", "test", "run_duration", runtime));
    o = json_pack ("{s:[{s:s s:i s:s s:[{s:s s:i}]}] s:[{s:o s:s s:{s:i}}] s:{s:o} "
                   "s:i}",
                   "resources", "type", "slot", "count", 1, "label", "task", "with",
                   "type", "core", "count", 1, "tasks", "command", command, "slot",
                   "task", "count", "per_slot", 1, "attributes", "system", system,
                   "version", 1);
    add_settings (p, json_object_get (o, "attributes"));
    if (!(s = json_dumps (o, JSON_COMPACT)))
        cmd_die ("the command is no UTF-8 text");
    json_decref (o);
    return s;
}

/* --- the bar --- */

static void draw_bar (struct test *t)
{
    struct tally sum = { 0 };
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < t->leaves.count; i++)
        tally_merge (&sum, &t->worker[i].tally);
    tally_bar (&sum, &b);
    fprintf (stderr, "\r%s\033[K", b.data);
    fflush (stderr);
    buf_fini (&b);
}

static void bar_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    draw_bar (arg);
}

/* --- a leaf --- */

static void feed (struct worker *w);

static void check_done (struct worker *w)
{
    if (w->to_send == 0 && w->in_flight == 0 && tally_done (&w->tally) && w->journal) {
        flux_future_destroy (w->journal);
        w->journal = NULL;
        if (--w->test->active == 0)
            flux_reactor_stop (w->test->r);
    }
}

static void submit_cb (flux_future_t *f, void *arg)
{
    struct worker *w = arg;
    flux_jobid_t id;

    w->in_flight--;
    if (flux_job_submit_get_id (f, &id) < 0) {
        fprintf (stderr, "Submission failed: %s: %s\n", w->leaf->id,
                 cmd_future_error (f));
        tally_refuse (&w->tally);
        w->test->failed = true;
    }
    flux_future_destroy (f);
    if (--w->test->unanswered == 0)
        w->test->submitted = clock_monotonic ();
    feed (w);
    check_done (w);
}

static void feed (struct worker *w)
{
    for (; w->to_send > 0 && w->in_flight < WINDOW; w->to_send--, w->in_flight++) {
        flux_future_t *f =
            flux_job_submit (w->leaf->h, w->test->jobspec, FLUX_JOB_URGENCY_DEFAULT, 0);
        if (!f || flux_future_then (f, -1, submit_cb, w) < 0)
            cmd_die ("%s: submit: %s", w->leaf->id, strerror (errno));
    }
}

static void take_event (struct worker *w, json_t *o)
{
    const char *name;
    double timestamp;

    if (json_unpack (o, "{s:{s:s s:F}}", "entry", "name", &name, "timestamp",
                     &timestamp)
        == 0)
        tally_event (&w->tally, name, timestamp);
}

static void journal_cb (flux_future_t *f, void *arg)
{
    struct worker *w = arg;
    json_t *events, *o;
    size_t i;

    if (flux_rpc_get_unpack (f, "{s:o}", "events", &events) < 0)
        cmd_die ("%s: job-manager.events-journal: %s", w->leaf->id,
                 cmd_future_error (f));
    /* What others do there before the test begins does not count. */
    if (w->listening) {
        json_array_foreach (events, i, o) {
            take_event (w, o);
        }
    } else if (json_array_size (events) == 0) {
        w->listening = true;
        feed (w);
    }
    flux_future_reset (f);
    check_done (w);
}

static void start_worker (struct worker *w)
{
    if (flux_set_reactor (w->leaf->h, w->test->r) < 0
        || !(w->journal = flux_rpc_pack (w->leaf->h, "job-manager.events-journal", 0,
                                         FLUX_RPC_STREAMING, "{s:{s:i s:i s:i}}",
                                         "allow", "submit", 1, "start", 1, "clean", 1))
        || flux_future_then (w->journal, -1, journal_cb, w) < 0)
        cmd_die ("%s: job-manager.events-journal: %s", w->leaf->id, strerror (errno));
}

/* --- the test --- */

static void say_shares (struct test *t, int njobs)
{
    hier_say ("=> Starting submission of %d jobs...\n"
              "=> Preparing parallel bulk submission for %d jobs across %zu "
              "handles...\n[",
              njobs, njobs, t->leaves.count);
    for (size_t i = 0; i < t->leaves.count; i++)
        hier_say ("%s%zu", i ? ", " : "", load_share (njobs, t->leaves.count, i));
    hier_say ("]\n");
}

static void run_jobs (struct test *t, int njobs)
{
    flux_watcher_t *bar = NULL;

    t->begin = clock_monotonic ();
    t->unanswered = njobs;
    for (size_t i = 0; i < t->leaves.count; i++) {
        struct worker *w = &t->worker[i];
        int share = load_share (njobs, t->leaves.count, i);
        *w = (struct worker){ .test = t, .leaf = &t->leaves.leaf[i] };
        w->to_send = w->tally.expected = share;
        if (share > 0) {
            t->active++;
            start_worker (w);
        }
    }
    if (t->bar && (bar = flux_timer_watcher_create (t->r, 0.1, 0.1, bar_cb, t)))
        flux_watcher_start (bar);
    if (flux_reactor_run (t->r, 0) < 0)
        cmd_die ("reactor: %s", strerror (errno));
    flux_watcher_destroy (bar);
    if (t->bar) {
        draw_bar (t);
        fputc ('\n', stderr);
    }
}

static void print_results (struct test *t, int njobs, double end)
{
    struct tally sum = { 0 };
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < t->leaves.count; i++)
        tally_merge (&sum, &t->worker[i].tally);
    hier_say ("\n=> Summary:\n  - Total jobs submitted: %d / %d\n", sum.submitted,
              njobs);
    if (sum.completed == 0)
        cmd_die ("No jobs were tracked. Cannot calculate throughput.");
    tally_print (&sum, t->leaves.count, t->submitted - t->begin, end - t->begin, &b);
    for (size_t i = 0; i < t->leaves.count; i++)
        tally_print_leaf (&t->worker[i].tally, t->worker[i].leaf->id, &b);
    buf_print (&b, stdout);
    buf_fini (&b);
}

static void destroy_test (struct test *t)
{
    leaves_close (&t->leaves);
    free (t->worker);
    free (t->jobspec);
    flux_reactor_destroy (t->r);
}

/* CONFIG comes first, or, as others have it, last. */
static int find_config (int argc, char **argv, int first)
{
    if (access (argv[first], R_OK) < 0 && access (argv[argc - 1], R_OK) == 0)
        return argc - 1;
    return first;
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_error_t error = { { 0 } };
    struct test t = { .bar = isatty (STDERR_FILENO) && !hier_quiet };
    struct start_options o = {
        .outdir = optparse_get_str (p, "outdir", NULL),
        .keep_env = optparse_hasopt (p, "keep-env"),
    };
    struct hierarchy *tree;
    flux_jobid_t id;
    int njobs, config;

    if (i == argc)
        hier_usage_error ("the following arguments are required: CONFIG");
    config = find_config (argc, argv, i);
    if (jobspec_int (p, "njobs", 100, 1, &njobs, &error) < 0)
        hier_usage_error ("%s", error.text);
    tree = hier_load (argv[config]);
    t.jobspec = make_jobspec (p, argc - i - 1, argv + i + (config == i));
    id = start_hierarchy (cmd_open (), tree, &o);
    leaves_open (&t.leaves, cmd_open (), id);
    if (!(t.worker = calloc (t.leaves.count, sizeof (*t.worker)))
        || !(t.r = flux_reactor_create (0)))
        cmd_die ("out of memory");
    say_shares (&t, njobs);
    run_jobs (&t, njobs);
    print_results (&t, njobs, clock_monotonic ());
    if (optparse_hasopt (p, "stop")) {
        if (stop_hierarchy (cmd_open (), id, &error) < 0)
            cmd_die ("%s", error.text);
    } else
        hier_say ("=> The hierarchy runs on: flux-hierarchy stop %s\n", cmd_f58 (id));
    destroy_test (&t);
    hierarchy_destroy (tree);
    return t.failed ? 1 : 0;
}

const struct subcommand sub_throughput = {
    .name = "throughput",
    .usage = "[-n N] [-t FSD] [-x] [-o OPT[=VAL]] [--setattr ATTR=VAL] [--stop] CONFIG "
             "[COMMAND...]",
    .summary = "Start a tree and measure jobs per second over its leaves",
    .options = options,
    .posix = true,
    .run = run,
};
