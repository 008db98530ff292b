/* flux pstree: the jobs of this instance, of the instances among them, and so on.
 *
 *   list -> for each job that is an instance: connect, list -> ... -> labels -> lines
 *
 * Listing and printing are apart: a node's lines are made when all of its tree is
 * known, since equal leaves become one line. An instance that cannot be reached is
 * shown without its jobs, with a line about it on stderr, and status 1. */
#include "cmd/cmd.h"
#include "cmd/format/jobs_fields.h"
#include "cmd/format/jobs_filter.h"
#include "cmd/job/instance_info.h"
#include "cmd/job/pstree_draw.h"
#include "cmd/output/output.h"
#include "core/connect/within.h"
#include "core/job/uri.h"

#include <flux/job.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "all", .key = 'a', .usage = "Show jobs in all states" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Show N jobs at every level (default 1000)" },
    { .name = "filter",
      .key = 'f',
      .has_arg = 1,
      .arginfo = "STATE|RESULT,...",
      .usage = "Show jobs in these states or with these results" },
    { .name = "extended", .key = 'x', .usage = "Same as --details=default" },
    { .name = "long", .key = 'l', .usage = "Do not cut lines at the terminal's width" },
    { .name = "level",
      .key = 'L',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Descend N levels" },
    { .name = "parent-ids", .key = 'p', .usage = "Job ids before parents' labels" },
    { .name = "no-header", .key = 'n', .usage = "No header above details" },
    { .name = "no-combine", .key = 'X', .usage = "A line for each of equal jobs" },
    { .name = "label",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Format of labels" },
    { .name = "parent-label",
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Format of labels of parents" },
    { .name = "detail-format",
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Format of details before the tree" },
    { .name = "details",
      .key = 'd',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Details before the tree: default, progress, resources, stats" },
    { .name = "detail",
      .has_arg = 1,
      .arginfo = "NAME",
      .flags = OPTPARSE_OPT_HIDDEN,
      .usage = "Same as --details" },
    { .name = "compact", .key = 'C', .usage = "Narrow connectors" },
    { .name = "ascii", .usage = "Connectors of ASCII characters" },
    { .name = "skip-root",
      .has_arg = 1,
      .arginfo = "yes|no",
      .usage = "Whether the enclosing instance is left out" },
    { .name = "json", .usage = "Print the tree as JSON" },
    OPTPARSE_TABLE_END,
};

static const struct format_named details[] = {
    { "default", NULL,
      "{id.f58:>12} {username:<8.8} {status_abbrev:>2.2} {ntasks:>6} {nnodes:>6h} "
      "{runtime!F:>8h}" },
    { "progress", NULL,
      "{id.f58:>12} {ntasks:>6} {instance.stats.total:>6} {instance.progress!P:>5} "
      "{instance.utilization!P:>5} {instance.gpu_utilization!P:>5} {runtime!H:>10}" },
    { "resources", NULL,
      "{id.f58:>12} {instance.resources.all.nnodes:>5} "
      "{instance.resources.allocated.nnodes:>5} {instance.resources.all.ncores:>5} "
      "{instance.resources.allocated.ncores:>5} {instance.resources.all.ngpus:>5} "
      "{instance.resources.allocated.ngpus:>5}" },
    { "stats", NULL, "{id.f58:>12} {instance.stats:^25} {runtime!H:>10}" },
    { NULL, NULL, NULL },
};

struct pstree {
    optparse_t *p;
    struct jobs_source js;
    struct format *label;
    struct format *parent_label;
    struct format *detail; /* NULL: none */
    json_t *attrs;
    json_t *constraint;
    int count;
    int levels;
    bool info; /* instances are asked about themselves */
    int errors;
};

/* --- listing --- */

static void add_jobs (struct pstree *t, flux_t *h, json_t *node, int level);

static void descend (struct pstree *t, json_t *job, int level)
{
    flux_error_t error = { { 0 } };
    char *uri;
    flux_t *h = NULL;

    json_object_set_new (job, "children", json_array ());
    if (level >= t->levels && !t->info)
        return;
    if (!(uri = uri_form (jobs_uri (job), URI_CONNECT)))
        snprintf (error.text, sizeof (error.text), "%s: %s", jobs_uri (job),
                  strerror (errno));
    if (!uri || !(h = open_within (uri, INSTANCE_LIMIT, &error))) {
        cmd_warn ("ERROR: %s: %s",
                  cmd_f58 (json_integer_value (json_object_get (job, "id"))),
                  error.text);
        t->errors++;
    } else {
        if (t->info)
            json_object_set_new (job, "instance", instance_info (h));
        if (level < t->levels)
            add_jobs (t, h, job, level + 1);
    }
    flux_close (h);
    free (uri);
}

static bool is_parent (json_t *job)
{
    return jobs_uri (job)
           && json_integer_value (json_object_get (job, "state")) == FLUX_JOB_STATE_RUN
           && json_integer_value (json_object_get (job, "userid")) == getuid ();
}

static void add_job (struct pstree *t, json_t *node, json_t *job, int level)
{
    json_array_append (json_object_get (node, "children"), job);
    if (is_parent (job))
        descend (t, job, level);
}

static void add_jobs (struct pstree *t, flux_t *h, json_t *node, int level)
{
    json_t *jobs, *job;
    size_t i;
    flux_future_t *f =
        flux_rpc_pack (h, "job-list.list", 0, 0, "{s:i s:O s:O}", "max_entries",
                       t->count, "attrs", t->attrs, "constraint", t->constraint);

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0) {
        if (level > 0)
            cmd_warn ("ERROR: %s: %s",
                      cmd_f58 (json_integer_value (json_object_get (node, "id"))),
                      cmd_future_error (f));
        else
            cmd_warn ("ERROR: %s", cmd_future_error (f));
        t->errors++;
    } else {
        json_array_foreach (jobs, i, job) {
            add_job (t, node, job, level);
        }
    }
    flux_future_destroy (f);
}

static void add_named_jobs (struct pstree *t, flux_t *h, json_t *root, int argc,
                            char **argv)
{
    json_t *job;

    for (int i = 0; i < argc; i++) {
        flux_jobid_t id;
        if (flux_job_id_parse (argv[i], &id) < 0)
            cmd_die ("ERROR: invalid JobID value: '%s'", argv[i]);
        flux_future_t *f = flux_rpc_pack (h, "job-list.list-id", 0, 0, "{s:I s:O}",
                                          "id", (json_int_t)id, "attrs", t->attrs);
        if (f && flux_rpc_get_unpack (f, "{s:o}", "job", &job) == 0)
            add_job (t, root, job, 0);
        else {
            if (errno == ENOENT)
                fprintf (stderr, "JobID %s unknown\n", safe (argv[i]));
            else
                cmd_warn ("ERROR: %s: %s", argv[i], cmd_future_error (f));
            t->errors++;
        }
        flux_future_destroy (f);
    }
}

/* The enclosing instance, as if it were a job. */
static json_t *make_root (struct pstree *t, flux_t *h)
{
    const char *size = flux_attr_get (h, "size");
    int n = size ? atoi (size) : 1;
    const char *start = flux_attr_get (h, "broker.starttime");
    json_t *root = json_pack ("{s:s s:i s:i s:i s:i s:i s:f s:[]}", "name", ".",
                              "userid", (int)getuid (), "state", FLUX_JOB_STATE_RUN,
                              "ntasks", n, "nnodes", n, "id", 0, "t_run",
                              start ? strtod (start, NULL) : t->js.now, "children");

    if (t->info)
        json_object_set_new (root, "instance", instance_info (h));
    return root;
}

/* --- lines --- */

static void label_cb (json_t *job, struct buf *out, void *arg)
{
    struct pstree *t = arg;
    bool parent = json_object_get (job, "children") != NULL;

    if (parent && optparse_hasopt (t->p, "parent-ids"))
        buf_printf (out, "%s ",
                    json_integer_value (json_object_get (job, "id"))
                        ? cmd_f58 (json_integer_value (json_object_get (job, "id")))
                        : ".");
    format_row (parent ? t->parent_label : t->label, job, out);
}

static void detail_cb (json_t *job, struct buf *out, void *arg)
{
    struct pstree *t = arg;

    format_row (t->detail, job, out);
    buf_addc (out, ' ');
}

static int line_width (struct pstree *t)
{
    const char *columns = getenv ("COLUMNS");
    struct winsize ws;

    if (optparse_hasopt (t->p, "long"))
        return 0;
    if (columns && atoi (columns) > 0)
        return atoi (columns);
    return ioctl (STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}

static bool skip_root (struct pstree *t, bool named)
{
    const char *s = optparse_get_str (t->p, "skip-root", NULL);

    if (!s)
        return t->detail || named;
    if (strcmp (s, "yes") != 0 && strcmp (s, "no") != 0)
        cmd_usage_error (t->p,
                         "argument --skip-root: invalid choice: '%s' (choose from "
                         "'yes', 'no')",
                         s);
    return !strcmp (s, "yes");
}

static void print_tree (struct pstree *t, json_t *root, bool skip)
{
    struct buf out = BUF_INIT;
    struct pstree_style style = {
        .connectors = optparse_hasopt (t->p, "ascii")     ? PSTREE_ASCII
                      : optparse_hasopt (t->p, "compact") ? PSTREE_COMPACT
                                                          : PSTREE_WIDE,
        /* Named details are about each job. */
        .combine = !optparse_hasopt (t->p, "no-combine")
                   && (!t->detail || optparse_hasopt (t->p, "detail-format")),
        .skip_root = skip,
        .width = line_width (t),
        .label = label_cb,
        .detail = t->detail ? detail_cb : NULL,
        .arg = t,
    };

    if (t->detail && !optparse_hasopt (t->p, "no-header")) {
        format_header (t->detail, &out);
        buf_addc (&out, '\n');
    }
    pstree_draw (root, &style, &out);
    if (out.err)
        cmd_die ("out of memory");
    buf_print (&out, stdout);
    buf_fini (&out);
}

static json_t *to_json (struct pstree *t, json_t *job)
{
    json_t *o = jobs_to_json (&t->js, job);
    json_t *children = json_object_get (job, "children");
    json_t *child;
    size_t i;

    if (json_object_get (job, "instance"))
        json_object_set (o, "instance", json_object_get (job, "instance"));
    if (children)
        json_object_set_new (o, "children", json_array ());
    json_array_foreach (children, i, child) {
        json_array_append_new (json_object_get (o, "children"), to_json (t, child));
    }
    return o;
}

static void print_json (struct pstree *t, json_t *root)
{
    json_t *o = to_json (t, root);

    json_object_del (o, "id");
    json_dumpf (o, stdout, JSON_COMPACT | JSON_REAL_PRECISION (16));
    putchar ('\n');
    json_decref (o);
}

/* --- the command --- */

static struct format *make_format (struct pstree *t, const char *text)
{
    flux_error_t error = { { 0 } };
    struct format *f = format_create (text, &t->js.source, &error);

    if (!f)
        cmd_die ("ERROR: %s", error.text);
    return f;
}

static const char *detail_text (optparse_t *p)
{
    const char *text = optparse_get_str (p, "detail-format", NULL);
    const char *name = optparse_get_str (
        p, "details",
        optparse_get_str (p, "detail",
                          optparse_hasopt (p, "extended") ? "default" : NULL));

    if (text || !name)
        return text;
    for (const struct format_named *d = details; d->name; d++)
        if (!strcmp (d->name, name))
            return d->text;
    cmd_die ("ERROR: Unknown --details format '%s'", name);
}

static void merge_attrs (json_t *attrs, const struct format *f)
{
    json_t *more = jobs_attrs (f, true);

    json_array_extend (attrs, more);
    json_decref (more);
}

static void prepare (struct pstree *t, optparse_t *p)
{
    const char *dflt = optparse_hasopt (p, "all") || optparse_hasopt (p, "filter")
                           ? "{name}:{status_abbrev}"
                           : "{name}";
    const char *label = optparse_get_str (p, "label", NULL);
    const char *detail = detail_text (p);
    const char *filter = optparse_get_str (p, "filter", NULL);

    t->p = p;
    jobs_source_init (&t->js, flux_reactor_time ());
    t->label = make_format (t, label ? label : dflt);
    t->parent_label =
        make_format (t, optparse_get_str (p, "parent-label", label ? label : "{name}"));
    t->detail = detail ? make_format (t, detail) : NULL;
    t->attrs = json_pack ("[s,s,s]", "userid", "name", "state");
    merge_attrs (t->attrs, optparse_hasopt (p, "json") ? NULL : t->label);
    merge_attrs (t->attrs, t->parent_label);
    if (t->detail)
        merge_attrs (t->attrs, t->detail);
    t->info = jobs_uses_instance (t->label) || jobs_uses_instance (t->parent_label)
              || (t->detail && jobs_uses_instance (t->detail))
              || optparse_hasopt (p, "json");
    t->constraint = json_pack ("{s:[{s:[i]},o]}", "and", "userid", (int)getuid (),
                               jobs_filter_constraint (filter ? filter
                                                       : optparse_hasopt (p, "all")
                                                           ? "pending,running,inactive"
                                                           : "running"));
    t->count = optparse_get_int (p, "count", 1000);
    t->levels = optparse_get_int (p, "level", 9999);
    if (t->count < 0 || t->levels < 0)
        cmd_die ("ERROR: %s must be >= 0", t->count < 0 ? "count" : "level");
}

static void release (struct pstree *t)
{
    format_destroy (t->label);
    format_destroy (t->parent_label);
    format_destroy (t->detail);
    json_decref (t->attrs);
    json_decref (t->constraint);
}

static int run (optparse_t *p, int argc, char **argv)
{
    struct pstree t = { 0 };
    int i = optparse_option_index (p);
    bool skip;
    flux_t *h;
    json_t *root;

    prepare (&t, p);
    skip = skip_root (&t, i < argc);
    h = cmd_open ();
    root = make_root (&t, h);
    if (i < argc)
        add_named_jobs (&t, h, root, argc - i, argv + i);
    else
        add_jobs (&t, h, root, 0);
    if (optparse_hasopt (p, "json"))
        print_json (&t, root);
    else
        print_tree (&t, root, skip);
    json_decref (root);
    release (&t);
    return t.errors ? 1 : 0;
}

const struct command cmd_pstree = {
    .name = "pstree",
    .summary = "Display jobs, and those of the instances among them, as a tree",
    .usage = "[OPTIONS] [JOBID ...]",
    .group = "jobs",
    .options = opts,
    .run = run,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};
