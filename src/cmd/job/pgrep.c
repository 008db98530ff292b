/* flux pgrep, flux pkill: jobs by name. */
#include "cmd/cmd.h"
#include "cmd/format/format_option.h"
#include "cmd/format/jobs_fields.h"
#include "cmd/format/jobs_filter.h"

#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SELECT_OPTIONS                                                                 \
    { .name = "all-users", .key = 'A', .usage = "Look at jobs of all users" },         \
        { .name = "user",                                                              \
          .key = 'u',                                                                  \
          .has_arg = 1,                                                                \
          .arginfo = "USER",                                                           \
          .usage = "Look at jobs of this user" },                                      \
        { .name = "filter",                                                            \
          .key = 'f',                                                                  \
          .has_arg = 1,                                                                \
          .arginfo = "STATE|RESULT,...",                                               \
          .usage = "Look at jobs in these states, or with these results" },            \
        { .name = "queue",                                                             \
          .key = 'q',                                                                  \
          .has_arg = 1,                                                                \
          .arginfo = "QUEUE,...",                                                      \
          .usage = "Look at jobs of these queues" },                                   \
        { .name = "count",                                                             \
          .key = 'c',                                                                  \
          .has_arg = 1,                                                                \
          .arginfo = "N",                                                              \
          .usage = "End after N jobs that match (default 1000)" },                     \
    {                                                                                  \
        .name = "max-entries", .has_arg = 1, .arginfo = "N",                           \
        .usage = "Look at N jobs at most (default: all)"                               \
    }

static struct optparse_option pgrep_opts[] = {
    { .name = "all", .key = 'a', .usage = "Look at jobs in all states" },
    SELECT_OPTIONS,
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Print this, as flux jobs does: a name (\"help\" lists them) or text "
               "with {FIELDS} (default {id})" },
    { .name = "no-header", .key = 'n', .usage = "No line of headings" },
    OPTPARSE_TABLE_END,
};

static struct optparse_option pkill_opts[] = {
    SELECT_OPTIONS,
    { .name = "wait", .key = 'w', .usage = "Wait until the jobs have ended" },
    OPTPARSE_TABLE_END,
};

static json_t *queues_of (const char *list)
{
    json_t *a = json_array ();
    char *copy = strdup (list), *rest = copy, *name;
    while (copy && (name = strsep (&rest, ",")))
        if (*name)
            json_array_append_new (a, json_string (name));
    free (copy);
    return json_pack ("{s:o}", "queue", a);
}

static json_t *constraint (optparse_t *p)
{
    uint32_t userid = getuid ();
    const char *s;
    json_t *and = json_array ();
    if ((s = optparse_get_str (p, "user", NULL)))
        userid = cmd_userid (s);
    if (optparse_hasopt (p, "all-users"))
        userid = FLUX_USERID_UNKNOWN;
    if (userid != FLUX_USERID_UNKNOWN)
        json_array_append_new (and,
                               json_pack ("{s:[I]}", "userid", (json_int_t)userid));
    if ((s = optparse_get_str (p, "filter", NULL)))
        json_array_append_new (and, jobs_filter_constraint (s));
    else if (!optparse_hasopt (p, "all"))
        json_array_append_new (and, json_pack ("{s:[s]}", "states", "active"));
    if ((s = optparse_get_str (p, "queue", NULL)))
        json_array_append_new (and, queues_of (s));
    return and;
}

static flux_future_t *ask (flux_t *h, optparse_t *p, const struct format *f)
{
    json_t *attrs = jobs_attrs (f, false);
    json_array_append_new (attrs, json_string ("name"));
    return flux_rpc_pack (h, "job-list.list", 0, 0, "{s:i s:o s:{s:o}}", "max_entries",
                          optparse_get_int (p, "max-entries", 0), "attrs", attrs,
                          "constraint", "and", constraint (p));
}

static int count_option (optparse_t *p)
{
    int n = optparse_get_int (p, "count", 1000);
    if (n < 0)
        cmd_die ("ERROR: --count=%d: must be 0 or more", n);
    return n == 0 ? INT_MAX : n;
}

/* All expressions (name:REGEX, REGEX, or ID..ID) have to match. */
struct expressions {
    struct expression {
        regex_t re;
        bool is_range;
        flux_jobid_t first, last; /* of a range */
    } * list;
    int count;
};

/* "ID..ID", in any encoding but that with points. */
static bool parse_range (struct expression *x, const char *expr)
{
    const char *dots = strstr (expr, "..");
    char *first = dots ? strndup (expr, dots - expr) : NULL;
    x->is_range = first && flux_job_id_parse (first, &x->first) == 0
                  && flux_job_id_parse (dots + 2, &x->last) == 0;
    free (first);
    return x->is_range;
}

static void compile (struct expressions *e, optparse_t *p, int argc, char **argv)
{
    char msg[128];
    int i = optparse_option_index (p);
    if (i == argc)
        cmd_usage_error (p, "the following arguments are required: EXPRESSION");
    e->count = argc - i;
    if (!(e->list = calloc (e->count, sizeof (*e->list))))
        cmd_die ("out of memory");
    for (int k = 0; k < e->count; k++) {
        const char *expr = argv[i + k];
        if (parse_range (&e->list[k], expr))
            continue;
        if (!strncmp (expr, "name:", 5))
            expr += 5;
        int rc = regcomp (&e->list[k].re, expr, REG_EXTENDED | REG_NOSUB);
        if (rc != 0) {
            regerror (rc, &e->list[k].re, msg, sizeof (msg));
            cmd_usage_error (p, "expression error: %s: %s", expr, msg);
        }
    }
}

static void expressions_fini (struct expressions *e)
{
    for (int i = 0; i < e->count; i++)
        if (!e->list[i].is_range)
            regfree (&e->list[i].re);
    free (e->list);
}

static bool matches (const struct expressions *e, json_t *job)
{
    const char *name = json_string_value (json_object_get (job, "name"));
    flux_jobid_t id = json_integer_value (json_object_get (job, "id"));
    for (int i = 0; i < e->count; i++) {
        const struct expression *x = &e->list[i];
        if (x->is_range ? id < x->first || id > x->last
                        : !name || regexec (&x->re, name, 0, NULL, 0) != 0)
            return false;
    }
    return true;
}

/* The formats of flux jobs, by their names, but for the default. */
static char *get_format (optparse_t *p)
{
    struct format_named named[16] = {
        { "default", "Ids alone, without a header", "{id}" },
    };
    const struct format_set set = { "flux-jobs", NULL, "FLUX_PGREP_FORMAT_DEFAULT",
                                    named };
    for (int i = 0; jobs_formats[i].name; i++) {
        named[i + 1] = jobs_formats[i];
        if (!strcmp (jobs_formats[i].name, "default"))
            named[i + 1].name = "full";
    }
    return format_option (&set, p);
}

/* Ids alone have no header, unless -o asks for them. */
static bool has_header (optparse_t *p, const char *text)
{
    const char *given = optparse_get_str (p, "format", NULL);
    return (given ? strcmp (given, "default") : strcmp (text, "{id}")) != 0
           && !optparse_hasopt (p, "no-header");
}

static void print_jobs (struct format *f, const void **rows, size_t count, bool header)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        format_scan (f, rows[i]);
    format_scan_end (f);
    if (format_sort (f, rows, count) < 0)
        cmd_die ("out of memory");
    if (header) {
        format_header (f, &out);
        buf_addc (&out, '\n');
    }
    for (size_t i = 0; i < count; i++) {
        format_row (f, rows[i], &out);
        buf_addc (&out, '\n');
    }
    if (count > 0)
        buf_print (&out, stdout);
    buf_fini (&out);
}

static int run_pgrep (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    struct jobs_source js;
    struct expressions e;
    json_t *jobs, *job;
    size_t i, found = 0, max = count_option (p);
    compile (&e, p, argc, argv);
    jobs_source_init (&js, flux_reactor_time ());
    char *text = get_format (p);
    struct format *f = format_create (text, &js.source, &error);
    if (!f)
        cmd_die ("ERROR: Error in user format: %s", error.text);
    flux_future_t *fut = ask (cmd_open (), p, f);
    if (!fut || flux_rpc_get_unpack (fut, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (fut));
    const void **rows = calloc (json_array_size (jobs) + 1, sizeof (*rows));
    if (!rows)
        cmd_die ("out of memory");
    json_array_foreach (jobs, i, job) {
        if (found < max && matches (&e, job))
            rows[found++] = job;
    }
    print_jobs (f, rows, found, has_header (p, text));
    free (rows);
    format_destroy (f);
    free (text);
    expressions_fini (&e);
    flux_future_destroy (fut);
    return found > 0 ? 0 : 1;
}

const struct command cmd_pgrep = {
    .name = "pgrep",
    .summary = "Print the ids of jobs whose name matches",
    .usage = "[OPTIONS] EXPRESSION [EXPRESSION ...]",
    .group = "jobs",
    .options = pgrep_opts,
    .run = run_pgrep,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};

/* All cancellations are in flight at once. *canceled is then that of jobs that were there to
 * be canceled: some may have ended since they were listed. */
static int cancel_all (flux_t *h, const flux_jobid_t *ids, size_t *canceled, bool wait)
{
    size_t count = *canceled;
    int errors = 0;
    flux_future_t **f = calloc (count + 1, sizeof (*f));
    if (!f)
        cmd_die ("out of memory");
    for (size_t i = 0; i < count; i++)
        f[i] = flux_job_cancel (h, ids[i], NULL);
    for (size_t i = 0; i < count; i++) {
        if (f[i] && flux_rpc_get (f[i], NULL) < 0 && errno == ENOENT) {
            (*canceled)--;
        } else if (!f[i] || flux_rpc_get (f[i], NULL) < 0) {
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
    struct expressions e;
    size_t i, count = 0, max = count_option (p);
    compile (&e, p, argc, argv);
    flux_t *h = cmd_open ();
    struct jobs_source js;
    flux_error_t error;
    jobs_source_init (&js, flux_reactor_time ());
    struct format *format = format_create ("{id}", &js.source, &error);
    flux_future_t *f = ask (h, p, format);
    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_jobid_t *ids = calloc (json_array_size (jobs) + 1, sizeof (*ids));
    if (!ids)
        cmd_die ("out of memory");
    json_array_foreach (jobs, i, job) {
        if (count < max && matches (&e, job))
            ids[count++] = json_integer_value (json_object_get (job, "id"));
    }
    int errors = cancel_all (h, ids, &count, optparse_hasopt (p, "wait"));
    if (count > 0)
        cmd_warn ("INFO: Canceled %zu job%s", count - errors,
                  count - errors == 1 ? "" : "s");
    free (ids);
    format_destroy (format);
    expressions_fini (&e);
    flux_future_destroy (f);
    return errors || count == 0 ? 1 : 0;
}

const struct command cmd_pkill = {
    .name = "pkill",
    .summary = "Cancel jobs whose name matches",
    .usage = "[OPTIONS] EXPRESSION [EXPRESSION ...]",
    .group = "jobs",
    .options = pkill_opts,
    .run = run_pkill,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};
