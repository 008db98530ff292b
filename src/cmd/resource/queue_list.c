/* flux queue list: queues with their status and limits. Limits that the
 * configuration does not set are those of the resources. */
#include "cmd/resource/queue_list.h"
#include "cmd/cmd.h"
#include "cmd/format/format.h"
#include "value/fsd.h"
#include "value/rset.h"

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
      "{color_started}{started:>2}{color_off} {defaults.timelimit:>8} "
      "{limits.timelimit:>8} {limits.range.nnodes:>10} {limits.range.ncores:>10} "
      "{limits.range.ngpus:>10}" },
    { NULL, NULL, NULL },
};

struct size {
    int nnodes, ncores, ngpus;
};

struct row {
    char *name; /* or NULL */
    bool enabled, started;
    double dflt, limit; /* timelimits, s */
    struct size min, max;
};

enum field {
    F_QUEUE,
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
    { "queuem", F_QUEUE, "QUEUE" },
    { "enabled", F_ENABLED, "EN" },
    { "started", F_STARTED, "ST" },
    { "enabled.ascii", F_ENABLED, "EN" },
    { "started.ascii", F_STARTED, "ST" },
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

    snprintf (buf, sizeof (buf), "%d-%d", min, max);
    set_string (v, buf);
}

static void set_time (struct format_value *v, double t)
{
    if (isinf (t)) {
        set_string (v, "inf");
    } else {
        static char buf[32];
        fsd_format_digits (buf, sizeof (buf), t, 4);
        set_string (v, buf);
    }
}

static void set_int (struct format_value *v, int i)
{
    v->type = FORMAT_INT;
    v->i = i;
}

static void get (const struct format_field *field, const void *p,
                 struct format_value *v, void *arg)
{
    const struct row *row = p;

    switch ((enum field)field->id) {
    case F_QUEUE:
        set_string (v, row->name ? row->name : "");
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
        set_range (v, row->min.nnodes, row->max.nnodes);
        break;
    case F_NCORES:
        set_range (v, row->min.ncores, row->max.ncores);
        break;
    case F_NGPUS:
        set_range (v, row->min.ngpus, row->max.ngpus);
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

static void take_resources (struct row *row, struct rset *all, json_t *requires)
{
    struct rset *r = NULL;
    flux_error_t error;

    if (json_array_size (requires) > 0) {
        json_t *c = json_pack ("{s:O}", "properties", requires);
        r = rset_filter (all, c, &error);
        json_decref (c);
    }
    const struct rset *use = r ? r : all;
    row->max = (struct size){ rset_count (use, "node"), rset_count (use, "core"),
                              rset_count (use, "gpu") };
    rset_destroy (r);
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

static struct rset *get_resources (flux_future_t *f)
{
    json_t *all;
    flux_error_t error;
    struct rset *r = NULL;

    if (f && flux_rpc_get_unpack (f, "{s:o}", "all", &all) == 0)
        r = rset_decode_json (all, &error);
    flux_future_destroy (f);
    return r ? r : rset_create ();
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
    char *text = format_lookup ("flux-queue", named,
                                optparse_get_str (p, "format", "default"), &error);
    struct format *fmt = text ? format_create (text, &source, &error) : NULL;

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
    fwrite (out.data, 1, out.len, stdout);
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
    struct rset *all = get_resources (fr);
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
        row->dflt = row->limit = INFINITY;
        take_resources (row, all, json_object_get (q, "requires"));
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
    rset_destroy (all);
    json_decref (config);
    flux_future_destroy (fq);
    flux_future_destroy (fc);
    return 0;
}
