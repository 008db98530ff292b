/* flux-hierarchy start: one job, whose instances start what is below them.
 *
 *   model -> does it fit? -> submit the root -> wait for its report -> URIs
 *
 * Nothing is started if the file or the resources do not allow it. If an instance of
 * the tree ends before all are ready, so does the root's job, and its reason is said. */
#include "cmd/hierarchy/hierarchy.h"
#include "cmd/hierarchy/plan.h"
#include "cmd/hierarchy/view.h"

#include "base/os/proc.h"
#include "cmd/output/output.h"

#include <flux/idset.h>
#include <flux/job.h>
#include <flux/kvs.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- does it fit? --- */

/* R_lite of what the instance has: [{rank, children: {core}}, ...]. */
static void count_room (json_t *R, struct hier_room *room)
{
    json_t *lite = json_object_get (json_object_get (R, "execution"), "R_lite");
    json_t *o;
    size_t i;

    json_array_foreach (lite, i, o) {
        const char *rank = json_string_value (json_object_get (o, "rank"));
        const char *core = json_string_value (
            json_object_get (json_object_get (o, "children"), "core"));
        size_t nodes = 0, cores = 0;
        if (!rank || idset_decode_info (rank, -1, &nodes, NULL, NULL) < 0
            || (core && idset_decode_info (core, -1, &cores, NULL, NULL) < 0))
            continue;
        room->nodes += nodes;
        room->cores += nodes * cores;
        if ((int)cores > room->cores_per_node)
            room->cores_per_node = cores;
    }
}

static void check_fit (flux_t *h, const struct hierarchy *t)
{
    struct hier_room room = { 0 };
    flux_error_t error = { { 0 } };
    json_t *all;
    flux_future_t *f = flux_rpc (h, "resource.sched-status", NULL, 0, 0);

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "all", &all) < 0) {
        flux_future_destroy (f);
        f = flux_rpc (h, "sched.resource-status", NULL, 0, 0);
    }
    /* Who does not answer it is asked by the job itself. */
    if (f && flux_rpc_get_unpack (f, "{s:o}", "all", &all) == 0)
        count_room (all, &room);
    flux_future_destroy (f);
    if (hierarchy_check_fit (t, &room, &error) < 0)
        cmd_die ("%s", error.text);
}

/* --- files that were asked for --- */

static void make_dir (const char *path)
{
    if (mkdir (path, 0777) < 0 && errno != EEXIST)
        cmd_die ("%s: %s", path, strerror (errno));
}

static char *make_outdir (const char *dir)
{
    char logs[PATH_MAX];
    char *path;

    if (!dir)
        return NULL;
    make_dir (dir);
    if (!(path = realpath (dir, NULL)))
        cmd_die ("%s: %s", dir, strerror (errno));
    snprintf (logs, sizeof (logs), "%s/logs", path);
    make_dir (logs);
    return path;
}

struct generate {
    const struct hierarchy *t;
    const struct plan_options *options;
};

static int generate (const struct hier_instance *i, void *arg)
{
    const struct generate *g = arg;
    char path[PATH_MAX];
    json_t *jobspec;

    hier_say ("- Generating: %s (instance: %s)\n", safe (i->group->name), i->id);
    if (!g->options->outdir)
        return 0;
    jobspec = plan_jobspec (g->t, i, g->options);
    snprintf (path, sizeof (path), "%s/jobspec-%s-%s.json", g->options->outdir,
              i->group->name, i->id);
    if (!jobspec || json_dump_file (jobspec, path, JSON_COMPACT) < 0)
        cmd_die ("%s: %s", path, strerror (errno));
    json_decref (jobspec);
    return 0;
}

/* --- the job --- */

static flux_jobid_t submit_root (flux_t *h, const struct hierarchy *t,
                                 const struct plan_options *options)
{
    struct hier_instance root = { .id = "0",
                                  .group = &t->groups[t->entry],
                                  .last = true };
    json_t *jobspec = plan_jobspec (t, &root, options);
    char *s = jobspec ? json_dumps (jobspec, JSON_COMPACT) : NULL;
    flux_jobid_t id;
    flux_future_t *f;

    if (!s)
        cmd_die ("out of memory");
    f = flux_job_submit (h, s, FLUX_JOB_URGENCY_DEFAULT, FLUX_JOB_WAITABLE);
    if (!f || flux_job_submit_get_id (f, &id) < 0)
        cmd_die ("%s", cmd_future_error (f));
    flux_future_destroy (f);
    free (s);
    json_decref (jobspec);
    return id;
}

struct waiting {
    flux_t *h;
    flux_jobid_t id;
    flux_future_t *reports;
    char note[256]; /* why it failed */
    bool ready;
};

static void report_cb (flux_future_t *f, void *arg)
{
    struct waiting *w = arg;
    const char *line, *name, *note = NULL;
    json_t *event;

    /* Without a report, the job's own events say what happened. */
    if (flux_job_event_watch_get (f, &line) < 0)
        return;
    event = json_loads (line, 0, NULL);
    name = json_string_value (json_object_get (event, "name"));
    json_unpack (event, "{s:{s:s}}", "context", "note", &note);
    if (name && !strcmp (name, "ready")) {
        w->ready = true;
        flux_reactor_stop (flux_get_reactor (w->h));
    } else if (name && !strcmp (name, "failed") && note)
        snprintf (w->note, sizeof (w->note), "%s", note);
    json_decref (event);
    flux_future_reset (f);
}

static void event_cb (flux_future_t *f, void *arg)
{
    struct waiting *w = arg;
    const char *line, *name, *type = NULL, *note = NULL;
    json_t *event;

    if (flux_job_event_watch_get (f, &line) < 0) {
        flux_reactor_stop (flux_get_reactor (w->h));
        return;
    }
    event = json_loads (line, 0, NULL);
    name = json_string_value (json_object_get (event, "name"));
    if (name && !strcmp (name, "exception")
        && json_unpack (event, "{s:{s:s s?s}}", "context", "type", &type, "note", &note)
               == 0
        && !w->note[0])
        snprintf (w->note, sizeof (w->note), "%s%s%s", type, note && *note ? ": " : "",
                  note ? note : "");
    if (name && !strcmp (name, "clean"))
        flux_reactor_stop (flux_get_reactor (w->h));
    json_decref (event);
    flux_future_reset (f);
}

static void wait_ready (flux_t *h, flux_jobid_t id)
{
    struct waiting w = { .h = h, .id = id };
    flux_future_t *events = flux_job_event_watch (h, id, "eventlog", 0);

    w.reports = flux_job_event_watch (h, id, "guest." REPORT_KEY,
                                      FLUX_JOB_EVENT_WATCH_WAITCREATE);
    if (!events || !w.reports || flux_future_then (events, -1, event_cb, &w) < 0
        || flux_future_then (w.reports, -1, report_cb, &w) < 0
        || flux_reactor_run (flux_get_reactor (h), 0) < 0)
        cmd_die ("waiting for %s: %s", cmd_f58 (id), strerror (errno));
    flux_future_destroy (events);
    flux_future_destroy (w.reports);
    if (!w.ready)
        cmd_die ("%s: the hierarchy did not start%s%s (flux job attach %s)",
                 cmd_f58 (id), w.note[0] ? ": " : "", w.note, cmd_f58 (id));
}

flux_jobid_t start_hierarchy (flux_t *h, const struct hierarchy *t,
                              const struct start_options *options)
{
    char cwd[PATH_MAX];
    char program[PATH_MAX];
    char *outdir;
    struct plan_options plan = { .flux = "flux", .program = program };
    ssize_t len = readlink ("/proc/self/exe", program, sizeof (program) - 1);
    flux_jobid_t id;

    if (len < 0 || !getcwd (cwd, sizeof (cwd)))
        cmd_die ("%s: %s", len < 0 ? "/proc/self/exe" : "working directory",
                 strerror (errno));
    program[len] = '\0';
    check_fit (h, t);
    plan.cwd = cwd;
    plan.outdir = outdir = make_outdir (options->outdir);
    plan.environment = plan_environment (environ, options->keep_env);
    hier_say ("=> 🌲 Generating Flux Hierarchy...\n");
    hierarchy_walk (t, generate, &(struct generate){ t, &plan });
    hier_say ("=> \n🚗 Starting...\n");
    id = submit_root (h, t, &plan);
    hier_say ("%s\n", cmd_f58 (id));
    wait_ready (h, id);
    json_decref (plan.environment);
    free (outdir);
    return id;
}

/* --- its end --- */

int stop_hierarchy (flux_t *h, flux_jobid_t id, flux_error_t *error)
{
    flux_future_t *f = flux_job_cancel (h, id, "stopped");
    const char *line;
    bool over = false;

    if (!f || flux_future_get (f, NULL) < 0) {
        snprintf (error->text, sizeof (error->text), "%s: %s", cmd_f58 (id),
                  cmd_future_error (f));
        flux_future_destroy (f);
        return -1;
    }
    flux_future_destroy (f);
    f = flux_job_event_watch (h, id, "eventlog", 0);
    while (f && !over && flux_job_event_watch_get (f, &line) == 0) {
        json_t *event = json_loads (line, 0, NULL);
        const char *name = json_string_value (json_object_get (event, "name"));
        over = name && !strcmp (name, "clean");
        json_decref (event);
        flux_future_reset (f);
    }
    flux_future_destroy (f);
    if (!over)
        snprintf (error->text, sizeof (error->text), "%s: it is not known to be over",
                  cmd_f58 (id));
    return over ? 0 : -1;
}

/* --- the command --- */

static void print_uris (json_t *leaves)
{
    size_t i;
    json_t *leaf;
    json_t *map = json_object ();
    char *s;

    json_array_foreach (leaves, i, leaf) {
        json_object_set (map, json_string_value (json_object_get (leaf, "id")),
                         json_object_get (leaf, "uri"));
    }
    s = json_dumps (map, JSON_INDENT (2));
    hier_say ("%s\n", s ? s : "");
    free (s);
    json_decref (map);
}

static struct optparse_option options[] = {
    { .name = "out",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "DIR",
      .usage = "Write jobspecs and the instances' output into DIR" },
    { .name = "outdir", .has_arg = 1, .flags = OPTPARSE_OPT_HIDDEN },
    { .name = "keep-env",
      .key = 'k',
      .usage = "Jobs get the whole environment, not only PATH, FLUX_* and the like" },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    struct start_options o = {
        .outdir = optparse_get_str (p, "out", optparse_get_str (p, "outdir", NULL)),
        .keep_env = optparse_hasopt (p, "keep-env"),
    };
    flux_error_t error = { { 0 } };
    struct hierarchy *t;
    json_t *tree, *leaves;
    flux_jobid_t id;

    if (i + 1 != argc)
        hier_usage_error (i < argc ? "one CONFIG is expected"
                                   : "the following arguments are required: CONFIG");
    t = hier_load (argv[i]);
    id = start_hierarchy (cmd_open (), t, &o);
    if (!(tree = found_tree (cmd_open (), id, &error)))
        cmd_die ("%s", error.text);
    leaves = found_leaves (tree);
    hier_say ("=> \n🌿 Leaf Broker Workers...");
    print_uris (leaves);
    hier_say ("=> %zu leaf brokers are ready: flux-hierarchy list, submit, exec; "
              "flux proxy URI\n",
              json_array_size (leaves));
    hier_say ("=> flux-hierarchy stop %s, or flux cancel %s, ends all of it\n",
              cmd_f58 (id), cmd_f58 (id));
    if (hier_quiet)
        puts (cmd_f58 (id));
    json_decref (leaves);
    json_decref (tree);
    hierarchy_destroy (t);
    return 0;
}

const struct subcommand sub_start = {
    .name = "start",
    .usage = "[-o DIR] [--keep-env] CONFIG",
    .summary = "Start a tree and wait until it is ready",
    .options = options,
    .run = run,
};
