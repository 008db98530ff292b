/* flux cancel: jobs by id, or all that match. */
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct optparse_option options[] = {
    { .name = "all", .key = 'a', .usage = "Cancel all jobs that match" },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER",
      .usage = "Jobs of USER, or \"all\" (default: mine)" },
    { .name = "states",
      .key = 'S',
      .has_arg = 1,
      .flags = OPTPARSE_OPT_AUTOSPLIT,
      .arginfo = "STATES",
      .usage = "Jobs in these states: pending, running, active (default), or states "
               "of a job" },
    { .name = "message",
      .key = 'm',
      .has_arg = 1,
      .arginfo = "NOTE",
      .usage = "A note for people" },
    { .name = "dry-run", .key = 'n', .usage = "Only say how many jobs match" },
    { .name = "quiet", .key = 'q', .usage = "Do not say how many jobs were canceled" },
    OPTPARSE_TABLE_END,
};

static int state_mask (optparse_t *p)
{
    const char *s;
    int mask = 0;

    while ((s = optparse_getopt_next (p, "states")))
        if (cmd_add_states (s, &mask) < 0 || mask & FLUX_JOB_STATE_INACTIVE)
            cmd_die ("ERROR: Invalid state '%s' specified", s);
    return mask ? mask : FLUX_JOB_STATE_ACTIVE;
}

static int cancel_matching (optparse_t *p)
{
    const char *user = optparse_get_str (p, "user", NULL);
    uint32_t userid = user ? cmd_userid (user) : getuid ();
    bool dry_run = optparse_hasopt (p, "dry-run");
    bool quiet = optparse_hasopt (p, "quiet");
    int count, errors;
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "job-manager.raiseall", FLUX_NODEID_ANY, 0,
                       "{s:b s:I s:i s:i s:s s:s*}", "dry_run", dry_run, "userid",
                       (json_int_t)userid, "states", state_mask (p), "severity", 0,
                       "type", "cancel", "note", optparse_get_str (p, "message", NULL));

    if (!f
        || flux_rpc_get_unpack (f, "{s:i s:i}", "count", &count, "errors", &errors) < 0)
        cmd_die ("ERROR: %s", f ? cmd_future_error (f) : strerror (errno));
    flux_future_destroy (f);
    if (count == 0) {
        if (!quiet)
            cmd_warn ("Matched 0 jobs");
    } else if (dry_run) {
        cmd_warn ("Would cancel %d job%s", count, count == 1 ? "" : "s");
    } else if (!quiet || errors > 0) {
        cmd_warn ("Canceled %d job%s (%d error%s)", count, count == 1 ? "" : "s",
                  errors, errors == 1 ? "" : "s");
    }
    return errors > 0;
}

static int cancel_ids (optparse_t *p, int n, char **ids)
{
    flux_t *h = cmd_open ();
    const char *note = optparse_get_str (p, "message", NULL);
    bool dry_run = optparse_hasopt (p, "dry-run");
    flux_future_t **f = calloc (n + 1, sizeof (*f));
    int rc = 0;

    for (int i = 0; i < n && !dry_run; i++) {
        flux_jobid_t id;
        if (flux_job_id_parse (ids[i], &id) < 0)
            cmd_die ("ERROR: invalid JobID value: '%s'", ids[i]);
        f[i] = flux_job_cancel (h, id, note);
    }
    for (int i = 0; i < n && !dry_run; i++) {
        if (!f[i] || flux_future_get (f[i], NULL) < 0) {
            cmd_warn ("ERROR: %s: %s", ids[i],
                      f[i] ? cmd_future_error (f[i]) : strerror (errno));
            rc = 1;
        }
        flux_future_destroy (f[i]);
    }
    free (f);
    if (dry_run)
        cmd_warn ("Would cancel %d job%s", n, n == 1 ? "" : "s");
    return rc;
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    bool select = optparse_hasopt (p, "all") || optparse_hasopt (p, "user")
                  || optparse_hasopt (p, "states");

    if (i < argc && select)
        cmd_die (
            "ERROR: jobids cannot be used together with --all, --user or --states");
    if (i == argc && !select)
        cmd_usage_error (p, "must specify at least one jobid or --all");
    return select ? cancel_matching (p) : cancel_ids (p, argc - i, argv + i);
}

const struct command cmd_cancel = {
    .name = "cancel",
    .summary = "Cancel one or more jobs",
    .usage = "[OPTIONS] [JOBID...]",
    .group = "jobs",
    .options = options,
    .run = run,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};
