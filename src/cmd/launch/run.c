/* flux run: submit a job and stay with it. */
#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "cmd/submit/attach/attach.h"
#include "cmd/submit/attach/debugger.h"
#include "cmd/submit/plugins.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct optparse_option own_options[] = {
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "Print the job id (-v), its events (-vv), those of its shell (-vvv)" },
    { .name = "wait-event",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Return when the job has this event" },
    { .name = "quiet", .usage = "Print nothing but the job's output" },
    OPTPARSE_TABLE_END,
};

/* --input=RANKS: who gets our standard input. */
static const char *stdin_ranks (optparse_t *p)
{
    const char *s = optparse_get_str (p, "input", NULL);
    if (!s || !strcmp (s, "all"))
        return s;
    struct idset *ids = idset_decode (s);
    if (!ids)
        return NULL;
    idset_destroy (ids);
    return s;
}

static int run (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    int urgency, flags;
    flux_jobid_t id;
    int i = optparse_option_index (p);
    json_t *jobspec = plugins_task_jobspec (p, argc - i, argv + i, &error);
    int verbose = cmd_verbosity (p);
    if (!jobspec || jobspec_urgency (p, &urgency, &error) < 0
        || jobspec_flags (p, &flags, &error) < 0)
        cmd_die ("ERROR: %s", error.text);
    plugins_end ();
    if (debugger_is_there ()) /* before their first instruction */
        jobspec_set_path (jobspec, "attributes.system.shell.options.stop-tasks-in-exec",
                          json_integer (1));
    char *s = json_dumps (jobspec, JSON_COMPACT | JSON_REAL_PRECISION (16));
    json_decref (jobspec);
    if (!s)
        cmd_die ("out of memory");
    if (optparse_hasopt (p, "dry-run")) {
        puts (s);
        free (s);
        return 0;
    }
    flux_t *h = cmd_open ();
    flux_future_t *f = attach_submit (h, s, urgency, flags);
    if (!f || flux_job_submit_get_id (f, &id) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_future_destroy (f);
    free (s);
    if (verbose > 0)
        fprintf (stderr, "jobid: %s\n", cmd_f58 (id));
    struct attach_options opts = {
        .label = optparse_hasopt (p, "label-io"),
        .show_events = verbose > 1,
        .show_exec = verbose > 2,
        .stdin_ranks = stdin_ranks (p),
        .quiet = optparse_hasopt (p, "quiet"),
        .tail = -1,
        .forward = true,
        .debug = debugger_is_there (),
        .wait_event = optparse_get_str (p, "wait-event", NULL),
    };
    const char *input = optparse_get_str (p, "input", NULL);
    opts.read_only = input && !opts.stdin_ranks;
    cmd_name = "flux-job";
    return attach_job (h, id, &opts);
}

const struct command cmd_run = {
    .name = "run",
    .summary = "Run a job: copies its output, ends with its status",
    .usage = "[OPTIONS...] COMMAND [ARGS...]",
    .group = "submission",
    .options = own_options,
    .more_options = { jobspec_task_options, jobspec_common_options },
    .run = run,
    .flags = CMD_USAGE2 | CMD_PLUGINS,
};
