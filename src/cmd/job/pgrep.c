/* flux pgrep, flux pkill: jobs by name. */
#include "cmd/cmd.h"
#include "cmd/format/jobs_fields.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option pgrep_opts[] = {
    { .name = "all", .key = 'a', .usage = "Look at jobs in all states" },
    { .name = "all-users", .key = 'A', .usage = "Look at jobs of all users" },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER",
      .usage = "Look at jobs of this user" },
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Print this, as flux jobs does (default {id})" },
    { .name = "max-entries",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Look at N jobs at most (default 1000)" },
    OPTPARSE_TABLE_END,
};

static struct optparse_option pkill_opts[] = {
    { .name = "all-users", .key = 'A', .usage = "Look at jobs of all users" },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER",
      .usage = "Look at jobs of this user" },
    { .name = "wait", .key = 'w', .usage = "Wait until the jobs have ended" },
    OPTPARSE_TABLE_END,
};

static flux_future_t *ask (flux_t *h, optparse_t *p, bool all, int max,
                           const struct format *f)
{
    uint32_t userid = getuid ();
    const char *user = optparse_get_str (p, "user", NULL);
    json_t *and = json_array ();
    if (user)
        userid = cmd_userid (user);
    if (optparse_hasopt (p, "all-users"))
        userid = FLUX_USERID_UNKNOWN;
    if (userid != FLUX_USERID_UNKNOWN)
        json_array_append_new (and,
                               json_pack ("{s:[I]}", "userid", (json_int_t)userid));
    if (!all)
        json_array_append_new (and, json_pack ("{s:[s]}", "states", "active"));
    json_t *attrs = jobs_attrs (f, false);
    json_array_append_new (attrs, json_string ("name"));
    return flux_rpc_pack (h, "job-list.list", 0, 0, "{s:i s:o s:{s:o}}", "max_entries",
                          max, "attrs", attrs, "constraint", "and", and);
}

/* The next argument of an expression: name:REGEX, or REGEX. */
static void compile (regex_t *re, const char *expr)
{
    char msg[128];
    if (!strncmp (expr, "name:", 5))
        expr += 5;
    int rc = regcomp (re, expr, REG_EXTENDED | REG_NOSUB);
    if (rc != 0) {
        regerror (rc, re, msg, sizeof (msg));
        cmd_die ("ERROR: %s: %s", expr, msg);
    }
}

static bool matches (regex_t *re, json_t *job)
{
    const char *name = json_string_value (json_object_get (job, "name"));
    return name && regexec (re, name, 0, NULL, 0) == 0;
}

static int run_pgrep (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    struct jobs_source js;
    struct buf out = BUF_INIT;
    json_t *jobs, *job;
    regex_t re;
    size_t i;
    int found = 0;
    int index = optparse_option_index (p);
    if (argc - index != 1)
        optparse_fatal_usage (p, 2, NULL);
    compile (&re, argv[index]);
    jobs_source_init (&js, flux_reactor_time ());
    struct format *f =
        format_create (optparse_get_str (p, "format", "{id}"), &js.source, &error);
    if (!f)
        cmd_die ("ERROR: Error in user format: %s", error.text);
    int max = optparse_get_int (p, "max-entries", 1000);
    flux_future_t *fut = ask (cmd_open (), p, optparse_hasopt (p, "all"), max, f);
    if (!fut || flux_rpc_get_unpack (fut, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (fut));
    json_array_foreach (jobs, i, job) {
        if (matches (&re, job)) {
            format_row (f, job, &out);
            buf_addc (&out, '\n');
            found++;
        }
    }
    if (out.len > 0)
        fwrite (out.data, 1, out.len, stdout);
    buf_fini (&out);
    format_destroy (f);
    regfree (&re);
    flux_future_destroy (fut);
    return found > 0 ? 0 : 1;
}

const struct command cmd_pgrep = {
    .name = "pgrep",
    .summary = "Print the ids of jobs whose name matches",
    .usage = "[OPTIONS] REGEX",
    .group = "jobs",
    .options = pgrep_opts,
    .run = run_pgrep,
};

/* All cancellations are in flight at once. */
static int cancel_all (flux_t *h, const flux_jobid_t *ids, size_t count, bool wait)
{
    int errors = 0;
    flux_future_t **f = calloc (count + 1, sizeof (*f));
    if (!f)
        cmd_die ("out of memory");
    for (size_t i = 0; i < count; i++)
        f[i] = flux_job_cancel (h, ids[i], NULL);
    for (size_t i = 0; i < count; i++) {
        if (!f[i] || flux_rpc_get (f[i], NULL) < 0) {
            cmd_warn ("ERROR: %s: %s", cmd_f58 (ids[i]), cmd_future_error (f[i]));
            errors++;
        }
        flux_future_destroy (f[i]);
        f[i] = wait ? flux_job_result (h, ids[i], 0) : NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (f[i])
            (void)flux_future_get (f[i], NULL);
        flux_future_destroy (f[i]);
    }
    free (f);
    return errors;
}

static int run_pkill (optparse_t *p, int argc, char **argv)
{
    json_t *jobs, *job;
    regex_t re;
    size_t i, count = 0;
    int index = optparse_option_index (p);
    if (argc - index != 1)
        optparse_fatal_usage (p, 2, NULL);
    compile (&re, argv[index]);
    flux_t *h = cmd_open ();
    struct jobs_source js;
    flux_error_t error;
    jobs_source_init (&js, flux_reactor_time ());
    struct format *format = format_create ("{id}", &js.source, &error);
    flux_future_t *f = ask (h, p, false, 0, format);
    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_jobid_t *ids = calloc (json_array_size (jobs) + 1, sizeof (*ids));
    if (!ids)
        cmd_die ("out of memory");
    json_array_foreach (jobs, i, job) {
        if (matches (&re, job))
            ids[count++] = json_integer_value (json_object_get (job, "id"));
    }
    int errors = cancel_all (h, ids, count, optparse_hasopt (p, "wait"));
    cmd_warn ("INFO: Canceled %zu job%s", count - errors,
              count - errors == 1 ? "" : "s");
    free (ids);
    format_destroy (format);
    regfree (&re);
    flux_future_destroy (f);
    return errors || count == 0 ? 1 : 0;
}

const struct command cmd_pkill = {
    .name = "pkill",
    .summary = "Cancel jobs whose name matches",
    .usage = "[OPTIONS] REGEX",
    .group = "jobs",
    .options = pkill_opts,
    .run = run_pkill,
};
