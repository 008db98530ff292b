/* flux queue list: queues with their status and limits. Limits that the
 * configuration does not set are those of the resources. */
#include "cmd/resource/queue_list.h"
#include "cmd/cmd.h"
#include "cmd/format/format_option.h"
#include "cmd/resource/queue_part.h"
#include "value/fsd.h"
#include "value/resource/rset.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct optparse_option queue_list_opts[] = {
    { .name = "no-header", .key = 'n', .usage = "Suppress the header" },
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Output format, or the name of one" },
    { .name = "queue",
      .key = 'q',
      .has_arg = 1,
      .flags = OPTPARSE_OPT_AUTOSPLIT,
      .arginfo = "QUEUE,...",
      .usage = "Only these queues" },
    OPTPARSE_TABLE_END,
};

static const struct format_named named[] = {
    { "default", "Default flux queue list format string",
      "?:{queuem:<8.8}{color_enabled} {enabled:>2}{color_off} "
      "{color_started}{started:>2}{color_off} {defaults.timelimit!F:>8} "
      "{limits.timelimit!F:>8} {limits.range.nnodes:>10} {limits.range.ncores:>10} "
      "{limits.range.ngpus:>10}" },
    { "policy", "Only what the configuration limits",
      "?:{queuem:<8.8} {enabled:>2} {started:>2} {defaults.timelimit!F:>8} "
      "{limits.timelimit!F:>8} {policy.range.nnodes:>10} {policy.range.ncores:>10} "
      "{policy.range.ngpus:>10}" },
    { "nodes", "Status, and all nodes, those that are up, down, allocated and free",
      "?:{queuem:<8.8} {enabled:>2} {started:>2} {nodes.all:>6} {nodes.up:>10} "
      "{nodes.down:>10} {nodes.allocated:>11} {nodes.free:>10}" },
    { NULL, NULL, NULL },
};
static const struct format_set formats = { "flux-queue", "list",
                                           "FLUX_QUEUE_LIST_FORMAT_DEFAULT", named };

#define NO_MAX INT_MAX

struct size {
    int nnodes, ncores, ngpus;
};

/* What the scheduler says. */
struct sched {
    struct rset *all, *down, *allocated;
};

struct row {
    char *name; /* or NULL */
    bool enabled, started, is_default;
    double dflt, limit;   /* timelimits, s */
    struct size min, max; /* of the configuration; max: NO_MAX if there is none */
    struct size have;     /* what the resources allow */
    int up, down, allocated, free; /* nodes */
};

enum field {
    F_QUEUE,
    F_QUEUEM,
    F_SUBMISSION,
    F_SCHEDULING,
    F_POLICY_NNODES,
    F_POLICY_NCORES,
    F_POLICY_NGPUS,
    F_NODES_ALL,
    F_NODES_UP,
    F_NODES_DOWN,
    F_NODES_ALLOCATED,
    F_NODES_FREE,
    F_ENABLED_ASCII,
    F_STARTED_ASCII,
    F_ENABLED,
    F_STARTED,
    F_DEFAULT,
    F_LIMIT,
    F_NNODES,
    F_NCORES,
    F_NGPUS,
    F_MIN_NNODES,
    F_MIN_NCORES,
    F_MIN_NGPUS,
    F_MAX_NNODES,
    F_MAX_NCORES,
    F_MAX_NGPUS,
    F_COLOR,
};

static const struct {
    const char *name;
    enum field id;
    const char *heading;
} fields[] = {
    { "queue", F_QUEUE, "QUEUE" },
    { "queuem", F_QUEUEM, "QUEUE" },
    { "submission", F_SUBMISSION, "SUBMIT" },
    { "scheduling", F_SCHEDULING, "SCHED" },
    { "policy.range.nnodes", F_POLICY_NNODES, "NNODES" },
    { "policy.range.ncores", F_POLICY_NCORES, "NCORES" },
    { "policy.range.ngpus", F_POLICY_NGPUS, "NGPUS" },
    { "nodes.all", F_NODES_ALL, "NODES" },
    { "nodes.up", F_NODES_UP, "NODES:UP" },
    { "nodes.down", F_NODES_DOWN, "NODES:DOWN" },
    { "nodes.allocated", F_NODES_ALLOCATED, "NODES:ALLOC" },
    { "nodes.free", F_NODES_FREE, "NODES:FREE" },
    { "enabled", F_ENABLED, "EN" },
    { "started", F_STARTED, "ST" },
    { "enabled.ascii", F_ENABLED_ASCII, "EN" },
    { "started.ascii", F_STARTED_ASCII, "ST" },
    { "defaults.timelimit", F_DEFAULT, "TDEFAULT" },
    { "limits.timelimit", F_LIMIT, "TLIMIT" },
    { "limits.range.nnodes", F_NNODES, "NNODES" },
    { "limits.range.ncores", F_NCORES, "NCORES" },
    { "limits.range.ngpus", F_NGPUS, "NGPUS" },
    { "limits.min.nnodes", F_MIN_NNODES, "MIN_NNODES" },
    { "limits.min.ncores", F_MIN_NCORES, "MIN_NCORES" },
    { "limits.min.ngpus", F_MIN_NGPUS, "MIN_NGPUS" },
    { "limits.max.nnodes", F_MAX_NNODES, "MAX_NNODES" },
    { "limits.max.ncores", F_MAX_NCORES, "MAX_NCORES" },
    { "limits.max.ngpus", F_MAX_NGPUS, "MAX_NGPUS" },
    { "color_enabled", F_COLOR, "" },
    { "color_started", F_COLOR, "" },
    { "color_off", F_COLOR, "" },
};

static bool resolve (const char *name, struct format_field *field)
{
    for (size_t i = 0; i < sizeof (fields) / sizeof (fields[0]); i++) {
        if (strcmp (fields[i].name, name) == 0) {
            *field = (struct format_field){ .id = fields[i].id,
                                            .heading = fields[i].heading };
            return true;
        }
    }
    return false;
}

static void set_string (struct format_value *v, const char *s)
{
    v->type = FORMAT_STRING;
    v->s = s;
}

static void set_range (struct format_value *v, int min, int max)
{
    static char buf[32];

    if (max == NO_MAX)
        snprintf (buf, sizeof (buf), "%d-inf", min);
    else
        snprintf (buf, sizeof (buf), "%d-%d", min, max);
    set_string (v, buf);
}

static void set_time (struct format_value *v, double t)
{
    v->type = FORMAT_FLOAT;
    v->f = t;
}

static int at_most (int a, int b)
{
    return a < b ? a : b;
}

/* A limit that there is none of reads "inf". */
static void set_int (struct format_value *v, int i)
{
    if (i == NO_MAX) {
        set_string (v, "inf");
        return;
    }
    v->type = FORMAT_INT;
    v->i = i;
}

/* The default queue is marked. */
static void set_name (struct format_value *v, const struct row *row)
{
    static char buf[256];

    snprintf (buf, sizeof (buf), "%s%s", row->name ? row->name : "",
              row->name && row->is_default ? "*" : "");
    set_string (v, buf);
}

static void get (const struct format_field *field, const void *p,
                 struct format_value *v, void *arg)
{
    const struct row *row = p;

    switch ((enum field)field->id) {
    case F_QUEUE:
        set_string (v, row->name ? row->name : "");
        break;
    case F_QUEUEM:
        set_name (v, row);
        break;
    case F_SUBMISSION:
        set_string (v, row->enabled ? "enabled" : "disabled");
        break;
    case F_SCHEDULING:
        set_string (v, row->started ? "started" : "stopped");
        break;
    case F_ENABLED_ASCII:
        set_string (v, row->enabled ? "y" : "n");
        break;
    case F_STARTED_ASCII:
        set_string (v, row->started ? "y" : "n");
        break;
    case F_POLICY_NNODES:
        set_range (v, row->min.nnodes, row->max.nnodes);
        break;
    case F_POLICY_NCORES:
        set_range (v, row->min.ncores, row->max.ncores);
        break;
    case F_POLICY_NGPUS:
        set_range (v, row->min.ngpus, row->max.ngpus);
        break;
    case F_NODES_ALL:
        set_int (v, row->have.nnodes);
        break;
    case F_NODES_UP:
        set_int (v, row->up);
        break;
    case F_NODES_DOWN:
        set_int (v, row->down);
        break;
    case F_NODES_ALLOCATED:
        set_int (v, row->allocated);
        break;
    case F_NODES_FREE:
        set_int (v, row->free);
        break;
    case F_ENABLED:
        set_string (v, row->enabled ? "✔" : "✗");
        break;
    case F_STARTED:
        set_string (v, row->started ? "✔" : "✗");
        break;
    case F_DEFAULT:
        set_time (v, row->dflt);
        break;
    case F_LIMIT:
        set_time (v, row->limit);
        break;
    case F_NNODES:
        set_range (v, row->min.nnodes, at_most (row->max.nnodes, row->have.nnodes));
        break;
    case F_NCORES:
        set_range (v, row->min.ncores, at_most (row->max.ncores, row->have.ncores));
        break;
    case F_NGPUS:
        set_range (v, row->min.ngpus, at_most (row->max.ngpus, row->have.ngpus));
        break;
    case F_MIN_NNODES:
        set_int (v, row->min.nnodes);
        break;
    case F_MIN_NCORES:
        set_int (v, row->min.ncores);
        break;
    case F_MIN_NGPUS:
        set_int (v, row->min.ngpus);
        break;
    case F_MAX_NNODES:
        set_int (v, row->max.nnodes);
        break;
    case F_MAX_NCORES:
        set_int (v, row->max.ncores);
        break;
    case F_MAX_NGPUS:
        set_int (v, row->max.ngpus);
        break;
    case F_COLOR:
        set_string (v, "");
        break;
    }
}

/* --- what is known --- */

static double duration (json_t *o, double dflt)
{
    double d = dflt;

    if (json_is_number (o))
        d = json_number_value (o);
    else if (json_is_string (o))
        fsd_parse (json_string_value (o), &d);
    return d == 0 ? INFINITY : d;
}

static void take_size (struct size *s, json_t *o)
{
    int n;

    if (json_unpack (o, "{s:i}", "nnodes", &n) == 0 && n >= 0)
        s->nnodes = n;
    if (json_unpack (o, "{s:i}", "ncores", &n) == 0 && n >= 0)
        s->ncores = n;
    if (json_unpack (o, "{s:i}", "ngpus", &n) == 0 && n >= 0)
        s->ngpus = n;
}

static void take_policy (struct row *row, json_t *policy)
{
    json_t *limits = json_object_get (policy, "limits");
    json_t *size = json_object_get (limits, "job-size");
    json_t *dflt = NULL;

    json_unpack (policy, "{s:{s:{s:{s:o}}}}", "jobspec", "defaults", "system",
                 "duration", &dflt);
    row->dflt = duration (dflt, row->dflt);
    row->limit = duration (json_object_get (limits, "duration"), row->limit);
    take_size (&row->min, json_object_get (size, "min"));
    take_size (&row->max, json_object_get (size, "max"));
}

static struct rset *part_of (struct rset *r, json_t *q)
{
    flux_error_t error;
    struct rset *part = queue_part (r, q, &error);

    if (!part)
        cmd_die ("ERROR: list: %s", error.text);
    return part;
}

static void take_resources (struct row *row, const struct sched *s, json_t *q)
{
    struct rset *all = part_of (s->all, q), *down = part_of (s->down, q);
    struct rset *allocated = part_of (s->allocated, q);
    struct rset *up = rset_diff (all, down), *free = rset_diff (up, allocated);

    row->have = (struct size){ rset_count (all, "node"), rset_count (all, "core"),
                               rset_count (all, "gpu") };
    row->down = rset_count (down, "node");
    row->up = row->have.nnodes - row->down;
    row->allocated = rset_count (allocated, "node");
    row->free = rset_count (free, "node");
    rset_destroy (free);
    rset_destroy (up);
    rset_destroy (allocated);
    rset_destroy (down);
    rset_destroy (all);
}

static void take_status (struct row *row, flux_future_t *f)
{
    int enable, start;

    if (!f
        || flux_rpc_get_unpack (f, "{s:b s:b}", "enable", &enable, "start", &start) < 0)
        cmd_die ("ERROR: list: %s", f ? cmd_future_error (f) : strerror (errno));
    row->enabled = enable;
    row->started = start;
    flux_future_destroy (f);
}

static struct rset *get_set (json_t *o)
{
    flux_error_t error;
    struct rset *r = o ? rset_decode_json (o, &error) : NULL;

    return r ? r : rset_create ();
}

/* Without a scheduler there are none. */
static void get_resources (struct sched *s, flux_future_t *f)
{
    json_t *all = NULL, *down = NULL, *allocated = NULL;

    if (f)
        (void)flux_rpc_get_unpack (f, "{s:o s:o s:o}", "all", &all, "down", &down,
                                   "allocated", &allocated);
    s->all = get_set (all);
    s->down = get_set (down);
    s->allocated = get_set (allocated);
    flux_future_destroy (f);
}

/* A queue that is asked for has to be there. */
static void check_names (optparse_t *p, json_t *queues)
{
    const char *s;

    while ((s = optparse_getopt_next (p, "queue"))) {
        bool found = false;
        for (size_t i = 0; i < json_array_size (queues); i++)
            found |= !strcmp (json_string_value (json_array_get (queues, i)), s);
        if (!found)
            cmd_die ("ERROR: No such queue: %s", s);
    }
}

static bool wanted (optparse_t *p, const char *name)
{
    const char *s;

    if (!optparse_hasopt (p, "queue"))
        return true;
    optparse_getopt_iterator_reset (p, "queue");
    while ((s = optparse_getopt_next (p, "queue"))) {
        if (name && strcmp (s, name) == 0)
            return true;
    }
    return false;
}

static void print (optparse_t *p, struct row *rows, size_t count)
{
    const struct format_source source = { .resolve = resolve, .get = get };
    flux_error_t error;
    struct buf out = BUF_INIT;
    char *text = format_option (&formats, p);
    struct format *fmt = format_create (text, &source, &error);

    if (!fmt)
        cmd_die ("ERROR: %s", error.text);
    for (size_t i = 0; i < count; i++)
        format_scan (fmt, &rows[i]);
    format_scan_end (fmt);
    if (!optparse_hasopt (p, "no-header")) {
        format_header (fmt, &out);
        buf_addc (&out, '\n');
    }
    for (size_t i = 0; i < count; i++) {
        format_row (fmt, &rows[i], &out);
        buf_addc (&out, '\n');
    }
    buf_print (&out, stdout);
    buf_fini (&out);
    format_destroy (fmt);
    free (text);
}

int queue_list (optparse_t *p, int argc, char **argv)
{
    flux_t *h = cmd_open ();
    /* all three are asked before the first answer is awaited */
    flux_future_t *fq =
        flux_rpc (h, "job-manager.queue-list", "{}", FLUX_NODEID_ANY, 0);
    flux_future_t *fc = flux_rpc (h, "config.get", NULL, FLUX_NODEID_ANY, 0);
    flux_future_t *fr = flux_rpc (h, "resource.sched-status", NULL, FLUX_NODEID_ANY, 0);
    json_t *queues, *config = NULL;
    const char *s;

    if (!fq || flux_rpc_get_unpack (fq, "{s:o}", "queues", &queues) < 0)
        cmd_die ("ERROR: list: %s", fq ? cmd_future_error (fq) : strerror (errno));
    if (fc && flux_rpc_get (fc, &s) == 0 && s)
        config = json_loads (s, 0, NULL);
    struct sched sched;
    const char *dflt = NULL;
    get_resources (&sched, fr);
    check_names (p, queues);
    json_unpack (config, "{s:{s:{s:{s:{s:s}}}}}", "policy", "jobspec", "defaults",
                 "system", "queue", &dflt);
    size_t n = json_array_size (queues), count = 0;
    struct row *rows = calloc (n + 1, sizeof (*rows));
    flux_future_t **f = calloc (n + 1, sizeof (*f));
    for (size_t i = 0; i < n + (n == 0); i++) {
        const char *name = json_string_value (json_array_get (queues, i));
        struct row *row = &rows[count];
        if (!wanted (p, name))
            continue;
        json_t *q =
            name ? json_object_get (json_object_get (config, "queues"), name) : NULL;
        f[count] = flux_rpc_pack (h, "job-manager.queue-status", FLUX_NODEID_ANY, 0,
                                  "{s:s*}", "name", name);
        row->name = name ? strdup (name) : NULL;
        row->is_default = name && dflt && !strcmp (name, dflt);
        row->dflt = row->limit = INFINITY;
        row->max = (struct size){ NO_MAX, NO_MAX, NO_MAX };
        take_resources (row, &sched, q);
        take_policy (row, json_object_get (config, "policy"));
        take_policy (row, json_object_get (q, "policy"));
        count++;
    }
    for (size_t i = 0; i < count; i++)
        take_status (&rows[i], f[i]);
    print (p, rows, count);
    for (size_t i = 0; i < count; i++)
        free (rows[i].name);
    free (rows);
    free (f);
    rset_destroy (sched.all);
    rset_destroy (sched.down);
    rset_destroy (sched.allocated);
    json_decref (config);
    flux_future_destroy (fq);
    flux_future_destroy (fc);
    return 0;
}
