/* flux job list, list-inactive, list-ids: what job-list knows of jobs, as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/format/datetime.h"
#include "cmd/format/jobs_filter.h"
#include "cmd/job/job.h"

#define COUNT_OPT                                                                      \
    {                                                                                  \
        .name = "count", .key = 'c', .has_arg = 1, .arginfo = "N",                     \
        .usage = "At most N jobs (default 1000, 0: no limit)"                          \
    }

struct optparse_option job_list_opts[] = {
    { .name = "all", .key = 'a', .usage = "Jobs in all states" },
    { .name = "all-user", .key = 'A', .usage = "Jobs of all users" },
    COUNT_OPT,
    { .name = "states",
      .key = 's',
      .has_arg = 1,
      .arginfo = "STATE,...",
      .usage = "Jobs in these states (default: pending,running)" },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER|UID|all",
      .usage = "Jobs of this user" },
    OPTPARSE_TABLE_END,
};

struct optparse_option job_list_inactive_opts[] = {
    COUNT_OPT,
    { .name = "since",
      .key = 's',
      .has_arg = 1,
      .arginfo = "WHEN",
      .usage = "Jobs that have ended since then" },
    OPTPARSE_TABLE_END,
};

static void print_job (json_t *job)
{
    char *s = json_dumps (job, JSON_COMPACT);

    if (!s)
        cmd_die ("out of memory");
    puts (s);
    free (s);
}

static void print_jobs (optparse_t *p, json_t *take_constraint, double since)
{
    int count = optparse_get_int (p, "count", 1000);
    json_t *jobs, *job;
    flux_future_t *f;
    size_t i;

    if (count < 0)
        cmd_die ("ERROR: --count: must be at least 0");
    f = flux_rpc_pack (cmd_open (), "job-list.list", 0, 0, "{s:i s:f s:[s] s:o}",
                       "max_entries", count, "since", since, "attrs", "all",
                       "constraint", take_constraint);
    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("ERROR: %s", f ? cmd_future_error (f) : strerror (errno));
    json_array_foreach (jobs, i, job)
        print_job (job);
    flux_future_destroy (f);
}

int job_list (optparse_t *p, int argc, char **argv)
{
    const char *user = optparse_get_str (p, "user", NULL);
    const char *states = optparse_get_str (
        p, "states",
        optparse_hasopt (p, "all") ? "pending,running,inactive" : "pending,running");
    uint32_t userid = user ? cmd_userid (user) : getuid ();
    json_t *all;

    (void)job_operands (p, argc, 0, 0);
    if (!user && optparse_hasopt (p, "all-user"))
        userid = FLUX_USERID_UNKNOWN;
    all = json_pack ("[o]", jobs_filter_constraint (states));
    if (userid != FLUX_USERID_UNKNOWN)
        json_array_append_new (all,
                               json_pack ("{s:[I]}", "userid", (json_int_t)userid));
    print_jobs (p, json_pack ("{s:o}", "and", all), 0.);
    return 0;
}

int job_list_inactive (optparse_t *p, int argc, char **argv)
{
    const char *when = optparse_get_str (p, "since", NULL);
    double since = 0.;
    char *end;

    (void)job_operands (p, argc, 0, 0);
    if (when) {
        since = strtod (when, &end); /* seconds since the epoch, too */
        if ((end == when || *end || !isfinite (since) || since < 0)
            && datetime_parse (when, clock_wall (), &since) < 0)
            cmd_die ("ERROR: --since: invalid value '%s'", when);
    }
    print_jobs (p, json_pack ("{s:[s]}", "states", "inactive"), since);
    return 0;
}

struct optparse_option job_list_ids_opts[] = {
    { .name = "wait-state",
      .key = 'W',
      .has_arg = 1,
      .arginfo = "STATE",
      .usage = "Wait until the jobs have reached STATE" },
    OPTPARSE_TABLE_END,
};

int job_list_ids (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, -1), n = argc - i;
    const char *wait = optparse_get_str (p, "wait-state", NULL);
    flux_job_state_t state = 0;
    flux_future_t **f = calloc (n, sizeof (*f));
    json_t *job;

    if (wait && flux_job_strtostate (wait, &state) < 0)
        cmd_die ("unknown job state: %s", wait);
    for (int k = 0; k < n; k++) {
        json_t *o = json_pack ("{s:I s:[s]}", "id", (json_int_t)cmd_jobid (argv[i + k]),
                               "attrs", "all");
        if (state)
            json_object_set_new (o, "state", json_integer (state));
        f[k] =
            flux_rpc_pack (cmd_open (), "job-list.list-id", FLUX_NODEID_ANY, 0, "o", o);
    }
    for (int k = 0; k < n; k++) {
        if (!f[k] || flux_rpc_get_unpack (f[k], "{s:o}", "job", &job) < 0)
            cmd_die ("%s: %s", argv[i + k],
                     f[k] ? cmd_future_error (f[k]) : strerror (errno));
        print_job (job);
        flux_future_destroy (f[k]);
    }
    free (f);
    return 0;
}
