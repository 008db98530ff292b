/* flux jobs: one question to job-list, one table. */
#include "base/json/json.h"
#include "cmd/cmd.h"
#include "cmd/format/datetime.h"
#include "cmd/format/format_option.h"
#include "cmd/format/jobs_fields.h"
#include "cmd/format/jobs_filter.h"
#include "cmd/job/instance_info.h"
#include "cmd/job/jobs_svg.h"
#include "cmd/output/output.h"
#include "core/connect/within.h"
#include "core/job/uri.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "all", .key = 'a', .usage = "List jobs in all states" },
    { .name = "all-users", .key = 'A', .usage = "List jobs of all users" },
    { .name = "no-header", .key = 'n', .usage = "Suppress the header" },
    { .name = "threads",
      .has_arg = 1,
      .flags = OPTPARSE_OPT_HIDDEN,
      .usage = "Refused: there are none" },
    { .name = "suppress-header", .flags = OPTPARSE_OPT_HIDDEN },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER|UID|all",
      .usage = "List jobs of this user" },
    { .name = "name",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "List jobs with this name" },
    { .name = "queue",
      .key = 'q',
      .has_arg = 1,
      .arginfo = "QUEUE,...",
      .usage = "List jobs of these queues" },
    { .name = "include",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "HOSTS|RANKS",
      .usage = "List jobs that ran on these" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Limit output to N jobs (default 1000, 0: no limit)" },
    { .name = "filter",
      .key = 'f',
      .has_arg = 1,
      .arginfo = "STATE|RESULT,...",
      .usage = "List jobs in these states or with these results" },
    { .name = "since",
      .has_arg = 1,
      .arginfo = "WHEN",
      .usage = "List jobs that were active since then" },
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT|NAME|help",
      .usage = "Output format" },
    { .name = "sort",
      .has_arg = 1,
      .arginfo = "KEY,-KEY,...",
      .usage = "Sort by keys" },
    { .name = "json", .usage = "Print all attributes as JSON" },
    { .name = "svg",
      .has_arg = 2,
      .arginfo = "name|state",
      .usage = "Print a picture: what ran where and when, colored by that" },
    { .name = "color",
      .key = 'L',
      .has_arg = 2,
      .arginfo = "WHEN",
      .usage = "Colors: auto, never, always" },
    { .name = "width",
      .key = 'w',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Cut lines behind N columns" },
    { .name = "stats", .usage = "Print a summary before the header" },
    { .name = "stats-only",
      .usage = "Print only the summary; status 1 if no job is "
               "active" },
    { .name = "recursive", .key = 'R', .usage = "List the jobs of instances, too" },
    { .name = "recurse-all", .usage = "Also of other users' instances" },
    { .name = "level", .has_arg = 1, .arginfo = "N", .usage = "Recurse N levels" },
    OPTPARSE_TABLE_END,
};

struct listing {
    optparse_t *p;
    struct jobs_source js;
    struct format *format;
    const char *text; /* of the format */
    json_t *attrs;
    json_t *constraint; /* NULL: none */
    int count;
    int width; /* 0: lines are whole */
    double since;
    bool color;
    bool header;
    int errors;
    struct buf out;
};

static void flush (struct listing *l)
{
    buf_print (&l->out, stdout);
    buf_reset (&l->out);
}

/* --- the question --- */

static json_t *list_constraint (const char *op, const char *list)
{
    json_t *a = json_array ();
    char *copy = strdup (list);
    char *rest = copy;
    char *word;
    while (rest && (word = strsep (&rest, ",")))
        json_array_append_new (a, json_string (word));
    free (copy);
    return json_pack ("{s:o}", op, a);
}

static json_t *include_constraint (const char *s)
{
    struct idset *ids = idset_decode (s);
    bool ranks = ids != NULL;
    idset_destroy (ids);
    return json_pack ("{s:[s]}", ranks ? "ranks" : "hostlist", s);
}

static json_t *make_constraint (optparse_t *p)
{
    json_t *all = json_array ();
    const char *s;
    const char *filter = optparse_get_str (p, "filter", NULL);
    bool everyone = optparse_hasopt (p, "all-users");
    uint32_t userid = getuid ();
    if ((s = optparse_get_str (p, "user", NULL)))
        userid = cmd_userid (s);
    if (!everyone && userid != FLUX_USERID_UNKNOWN)
        json_array_append_new (all,
                               json_pack ("{s:[I]}", "userid", (json_int_t)userid));
    if (filter && optparse_hasopt (p, "all"))
        cmd_warn ("WARNING: Both -a and --filter specified, ignoring -a");
    if (filter)
        json_array_append_new (all, jobs_filter_constraint (filter));
    else if (!optparse_hasopt (p, "all") && !optparse_hasopt (p, "since"))
        json_array_append_new (all, jobs_filter_constraint ("pending,running"));
    if ((s = optparse_get_str (p, "name", NULL)))
        json_array_append_new (all, json_pack ("{s:[s]}", "name", s));
    if ((s = optparse_get_str (p, "queue", NULL)))
        json_array_append_new (all, list_constraint ("queue", s));
    if ((s = optparse_get_str (p, "include", NULL)))
        json_array_append_new (all, include_constraint (s));
    return json_pack ("{s:o}", "and", all);
}

static flux_future_t *ask_list (struct listing *l, flux_t *h, int flags)
{
    json_t *o = json_pack ("{s:i s:O s:O}", "max_entries", l->count ? l->count + 1 : 0,
                           "attrs", l->attrs, "constraint", l->constraint);
    if (l->since > 0)
        json_object_set_new (o, "since", json_real (l->since));
    char *s = json_dumps (o, JSON_COMPACT);
    flux_future_t *f = flux_rpc (h, "job-list.list", s, 0, flags);
    free (s);
    json_decref (o);
    return f;
}

/* All ids are asked for at once; the answers are taken in order. */
static json_t *fetch_ids (struct listing *l, flux_t *h, int argc, char **argv)
{
    json_t *jobs = json_array ();
    json_t *job;
    flux_future_t **f = calloc ((size_t)argc + 1, sizeof (*f));
    if (!f)
        cmd_die ("out of memory");
    for (int i = 0; i < argc; i++) {
        flux_jobid_t id;
        if (flux_job_id_parse (argv[i], &id) < 0)
            cmd_die ("ERROR: invalid JobID value: '%s'", argv[i]);
        f[i] = flux_rpc_pack (h, "job-list.list-id", 0, 0, "{s:I s:O}", "id",
                              (json_int_t)id, "attrs", l->attrs);
    }
    for (int i = 0; i < argc; i++) {
        if (f[i] && flux_rpc_get_unpack (f[i], "{s:o}", "job", &job) == 0)
            json_array_append (jobs, job);
        else {
            if (errno == ENOENT)
                fprintf (stderr, "JobID %s unknown\n", safe (argv[i]));
            else
                cmd_warn ("ERROR: %s: %s", argv[i], cmd_future_error (f[i]));
            l->errors++;
        }
        flux_future_destroy (f[i]);
    }
    free (f);
    return jobs;
}

/* --- the answer --- */

/* The line that begins at start has no more than so many columns. */
static void cut_line (struct listing *l, size_t start)
{
    int columns = 0;
    if (l->width == 0)
        return;
    for (size_t i = start; i < l->out.len; i++) {
        bool begins = ((unsigned char)l->out.data[i] & 0xc0) != 0x80;
        if (begins && columns++ == l->width) {
            l->out.data[l->out.len = i] = '\0';
            return;
        }
    }
}

static void print_rows (struct listing *l, struct format *f, const void *const *rows,
                        size_t count)
{
    if (l->header) {
        size_t start = l->out.len;
        format_header (f, &l->out);
        cut_line (l, start);
        buf_addc (&l->out, '\n');
    }
    for (size_t i = 0; i < count; i++) {
        const void *row = rows ? rows[i] : jobs_rows_at (l->js.rows, i);
        const char *color = l->color ? jobs_color (&l->js, row) : NULL;
        if (color)
            buf_adds (&l->out, color);
        size_t start = l->out.len;
        format_row (f, row, &l->out);
        cut_line (l, start);
        buf_adds (&l->out, color ? "\033[0;0m\n" : "\n");
        if (l->out.len > 1 << 16)
            flush (l);
    }
    flush (l);
}

static struct format *make_format (struct listing *l)
{
    flux_error_t error = { { 0 } };
    const char *keys = optparse_get_str (l->p, "sort", NULL);
    struct format *f = format_create (l->text, &l->js.source, &error);
    if (!f)
        cmd_die ("ERROR: Error in user format: %s", error.text);
    if (keys && format_set_sort (f, keys, &error) < 0)
        cmd_die ("ERROR: --sort: %s", error.text);
    return f;
}

/* For {instance.*}: an instance that cannot be reached has empty cells. */
static void ask_instances (json_t *jobs)
{
    flux_error_t error;
    size_t i;
    json_t *job;
    json_array_foreach (jobs, i, job) {
        char *uri = jobs_uri (job) && jobs_is_active (job)
                        ? uri_form (jobs_uri (job), URI_CONNECT)
                        : NULL;
        flux_t *h = uri ? open_within (uri, INSTANCE_LIMIT, &error) : NULL;
        if (h)
            json_object_set_new (job, "instance", instance_info (h));
        flux_close (h);
        free (uri);
    }
}

static void print_table (struct listing *l, json_t *jobs)
{
    if (jobs_uses_instance (l->format))
        ask_instances (jobs);
    size_t count = json_array_size (jobs);
    struct format *f = make_format (l);
    const void **rows = calloc (count + 1, sizeof (*rows));
    if (!rows)
        cmd_die ("out of memory");
    for (size_t i = 0; i < count; i++)
        rows[i] = json_array_get (jobs, i);
    if (format_needs_scan (f)) {
        for (size_t i = 0; i < count; i++)
            format_scan (f, rows[i]);
        format_scan_end (f);
    }
    if (format_sort (f, rows, count) < 0)
        cmd_die ("out of memory");
    print_rows (l, f, rows, count);
    format_destroy (f);
    free (rows);
}

static void print_json (struct listing *l, json_t *jobs, bool single)
{
    size_t i;
    json_t *job;
    json_t *a = json_array ();
    json_array_foreach (jobs, i, job) {
        json_array_append_new (a, jobs_to_json (&l->js, job));
    }
    json_t *o = single && json_array_size (a) == 1 ? json_incref (json_array_get (a, 0))
                                                   : json_pack ("{s:O}", "jobs", a);
    json_dumpf (o, stdout, JSON_COMPACT | JSON_REAL_PRECISION (16));
    putchar ('\n');
    json_decref (o);
    json_decref (a);
}

/* There is one job more than was asked for: so there are more. */
static bool is_cut (struct listing *l, size_t count)
{
    if (!l->count || count <= (size_t)l->count)
        return false;
    if (l->header && !optparse_hasopt (l->p, "json")) /* a person reads it */
        fprintf (stderr,
                 "warning: output truncated at %d jobs.\n"
                 "Use --count to increase returned results or use filters to alter "
                 "results.\n",
                 l->count);
    return true;
}

static json_t *try_list (struct listing *l, flux_future_t *f)
{
    json_t *jobs;
    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        return NULL;
    if (is_cut (l, json_array_size (jobs)))
        json_array_remove (jobs, l->count);
    return json_incref (jobs);
}

static json_t *fetch_list (struct listing *l, flux_future_t *f)
{
    json_t *jobs = try_list (l, f);
    if (!jobs)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    return jobs;
}

/* Rows that keep their order are read while the next ones are on their way. */
static bool can_stream (struct listing *l)
{
    return !optparse_hasopt (l->p, "json") && !optparse_hasopt (l->p, "sort")
           && !format_has_sort (l->format) && !jobs_uses_instance (l->format);
}

/* --- statistics --- */

/* How many are active; -1: it is not known. */
static int print_stats (flux_t *h)
{
    int pending = 0, running = 0, inactive = 0, successful = 0, purged = 0;
    int depend = 0, priority = 0, sched = 0, run = 0, cleanup = 0;
    flux_future_t *f = flux_rpc (h, "job-list.job-stats", "{}", 0, 0);
    if (!f
        || flux_rpc_get_unpack (f, "{s:{s?i s?i s?i s?i s?i s?i} s:i s?i}",
                                "job_states", "depend", &depend, "priority", &priority,
                                "sched", &sched, "run", &run, "cleanup", &cleanup,
                                "inactive", &inactive, "successful", &successful,
                                "inactive_purged", &purged)
               < 0) {
        cmd_warn ("ERROR: job-list.job-stats: %s", cmd_future_error (f));
        flux_future_destroy (f);
        return -1;
    }
    pending = depend + priority + sched;
    running = run + cleanup;
    printf ("%d running, %d completed, %d failed, %d pending, %d inactive purged\n",
            running, successful, inactive - successful, pending, purged);
    flux_future_destroy (f);
    return pending + running;
}

/* The answers stay, since the rows are in them. */
struct answers {
    const flux_msg_t **msgs;
    size_t count, cap;
};

static const flux_msg_t *keep_answer (struct answers *a, flux_future_t *f)
{
    const flux_msg_t *msg;

    if (flux_future_get (f, (const void **)&msg) < 0
        || flux_response_decode (msg, NULL, NULL) < 0)
        return NULL;
    if (a->count == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 16;
        if (!(a->msgs = reallocarray (a->msgs, a->cap, sizeof (*a->msgs))))
            cmd_die ("out of memory");
    }
    return a->msgs[a->count++] = flux_msg_incref (msg);
}

/* Nobody else looks at the message, so its text may be changed. */
static void add_answer (struct jobs_rows *rows, const flux_msg_t *msg)
{
    const void *data;
    size_t len;

    if (flux_response_decode_raw (msg, NULL, &data, &len) < 0 || len == 0
        || ((const char *)data)[len - 1] != '\0'
        || jobs_rows_add (rows, (char *)data, len - 1) < 0)
        cmd_die ("ERROR: malformed answer of job-list");
}

static void fetch_rows (struct listing *l, flux_future_t *f, struct format *format,
                        struct answers *answers)
{
    struct jobs_rows *rows = l->js.rows;
    bool scan = format_needs_scan (format);
    const flux_msg_t *msg;

    while (f && (msg = keep_answer (answers, f))) {
        size_t from = rows->count, max = l->count ? (size_t)l->count : SIZE_MAX;

        add_answer (rows, msg);
        for (size_t i = from; scan && i < rows->count && i < max; i++)
            format_scan (format, jobs_rows_at (rows, i));
        flux_future_reset (f);
    }
    if (!f || errno != ENODATA)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    if (scan)
        format_scan_end (format);
    if (is_cut (l, rows->count))
        rows->count = l->count;
}

static void print_stream (struct listing *l, flux_t *h, flux_future_t *f)
{
    struct jobs_rows rows;
    struct answers answers = { 0 };
    struct format *format = make_format (l);

    jobs_rows_init (&rows, l->attrs);
    l->js.rows = &rows;
    fetch_rows (l, f, format, &answers);
    if (optparse_hasopt (l->p, "stats") && print_stats (h) < 0)
        l->errors++;
    print_rows (l, format, NULL, rows.count);
    format_destroy (format);
    l->js.rows = NULL;
    jobs_rows_fini (&rows);
    while (answers.count > 0)
        flux_msg_decref (answers.msgs[--answers.count]);
    free (answers.msgs);
}

/* --- recursion --- */

static void list_instance (struct listing *l, flux_t *h, const char *path, int level);

static void recurse (struct listing *l, json_t *jobs, const char *path, int level)
{
    size_t i;
    json_t *job;
    json_array_foreach (jobs, i, job) {
        flux_error_t error = { { 0 } };
        char child[1024];
        const char *uri = jobs_uri (job);
        flux_jobid_t id = json_integer_value (json_object_get (job, "id"));
        if (!uri || !jobs_is_active (job))
            continue;
        if (!optparse_hasopt (l->p, "recurse-all")
            && (uint32_t)json_integer_value (json_object_get (job, "userid"))
                   != getuid ())
            continue;
        snprintf (child, sizeof (child), "%s%s%s", path, *path ? "/" : "",
                  cmd_f58 (id));
        char *reach = uri_form (uri, URI_CONNECT);
        flux_t *h = reach ? open_within (reach, INSTANCE_LIMIT, &error) : NULL;
        free (reach);
        if (!h) {
            cmd_warn ("ERROR: %s: %s", child, error.text);
            l->errors++;
            continue;
        }
        printf ("\n%s:\n", child);
        l->header = false;
        list_instance (l, h, child, level + 1);
        flux_close (h);
    }
}

static void list_instance (struct listing *l, flux_t *h, const char *path, int level)
{
    flux_future_t *f = ask_list (l, h, 0);
    json_t *jobs = level > 0 ? try_list (l, f) : fetch_list (l, f);
    if (!jobs) {
        cmd_warn ("ERROR: %s: %s", path, cmd_future_error (f));
        l->errors++;
    } else {
        if (optparse_hasopt (l->p, "stats") && print_stats (h) < 0)
            l->errors++;
        print_table (l, jobs);
        if (level < optparse_get_int (l->p, "level", 9999))
            recurse (l, jobs, path, level);
    }
    json_decref (jobs);
    flux_future_destroy (f);
}

/* --- a picture --- */

static int draw (struct listing *l, flux_t *h)
{
    json_decref (l->attrs);
    l->attrs = jobs_svg_attrs ();
    l->header = false;
    flux_future_t *f = ask_list (l, h, 0);
    json_t *jobs = fetch_list (l, f);
    int errors = jobs_svg (h, jobs, optparse_get_str (l->p, "svg", NULL),
                           optparse_hasopt (l->p, "recursive"), l->constraint);
    json_decref (jobs);
    flux_future_destroy (f);
    return errors;
}

/* --- the command --- */

static const struct format_set formats = { "flux-jobs", NULL,
                                           "FLUX_JOBS_FORMAT_DEFAULT", jobs_formats };

static void prepare (struct listing *l, optparse_t *p)
{
    l->p = p;
    jobs_source_init (&l->js, flux_reactor_time ());
    l->text = format_option (&formats, p);
    l->color = optparse_get_color (p, "color");
    l->header =
        !optparse_hasopt (p, "no-header") && !optparse_hasopt (p, "suppress-header");
    l->format = make_format (l);
    bool recursive =
        optparse_hasopt (p, "recursive") || optparse_hasopt (p, "recurse-all");
    l->attrs = jobs_attrs (optparse_hasopt (p, "json") ? NULL : l->format,
                           l->color || recursive);
    if (recursive)
        json_array_append_new (l->attrs, json_string ("userid"));
    if (optparse_hasopt (p, "level") && !recursive)
        cmd_die ("ERROR: --level goes with --recursive");
    if (optparse_get_int (p, "level", 0) < 0)
        cmd_die ("ERROR: level must be >= 0");
    l->count = optparse_get_int (p, "count", 1000);
    l->width = optparse_get_int (p, "width", 0);
    if (l->width < 0)
        cmd_die ("ERROR: width must be >= 0");
    if (l->count < 0)
        cmd_die ("ERROR: count must be >= 0");
    const char *since = optparse_get_str (p, "since", NULL);
    if (since && datetime_parse (since, l->js.now, &l->since) < 0)
        cmd_die ("ERROR: --since: invalid value '%s'", since);
    if (l->since > l->js.now)
        cmd_die ("ERROR: --since=%s appears to be in the future", since);
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct listing l = { .out = BUF_INIT };
    int i = optparse_option_index (p);
    if (optparse_hasopt (p, "threads"))
        cmd_die ("ERROR: --threads: there are none, nothing is made faster by them");
    if (optparse_hasopt (p, "stats-only"))
        return print_stats (cmd_open ()) > 0 ? 0 : 1;
    prepare (&l, p);
    l.constraint = make_constraint (p);
    flux_t *h = cmd_open ();
    if (optparse_hasopt (p, "svg")) {
        if (i < argc)
            cmd_die ("ERROR: --svg with job ids is not supported");
        l.errors = draw (&l, h);
    } else if (optparse_hasopt (p, "recursive") || optparse_hasopt (p, "recurse-all")) {
        if (i < argc)
            cmd_die ("ERROR: --recursive with job ids is not supported");
        list_instance (&l, h, "", 0);
    } else if (i == argc && can_stream (&l)) {
        flux_future_t *f = ask_list (&l, h, FLUX_RPC_STREAMING);
        print_stream (&l, h, f);
        flux_future_destroy (f);
    } else {
        flux_future_t *f = i < argc ? NULL : ask_list (&l, h, 0);
        json_t *jobs = f ? fetch_list (&l, f) : fetch_ids (&l, h, argc - i, argv + i);
        if (optparse_hasopt (p, "stats") && print_stats (h) < 0)
            l.errors++;
        if (optparse_hasopt (p, "json"))
            print_json (&l, jobs, argc - i == 1);
        else if (json_array_size (jobs) > 0 || i >= argc)
            print_table (&l, jobs);
        json_decref (jobs);
        flux_future_destroy (f);
    }
    format_destroy (l.format);
    free ((char *)l.text);
    json_decref (l.attrs);
    json_decref (l.constraint);
    buf_fini (&l.out);
    return l.errors ? 1 : 0;
}

const struct command cmd_jobs = {
    .name = "jobs",
    .summary = "List jobs",
    .usage = "[OPTIONS] [JOBID ...]",
    .group = "jobs",
    .options = opts,
    .run = run,
    .flags = CMD_MIXED_ARGS,
};
