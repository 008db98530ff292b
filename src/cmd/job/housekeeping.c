/* flux housekeeping: what is done on the ranks of jobs that are over. */
#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/format/format_option.h"
#include "cmd/output/output.h"

#include <flux/hostlist.h>
#include <flux/idset.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "flux-housekeeping"

enum field {
    ID,
    RUNTIME,
    ALLOCATED, /* and its parts, as below */
    PENDING = ALLOCATED + 3,
    NFIELDS = PENDING + 3,
};

static const struct {
    const char *name;
    int id;
    const char *heading;
} fields[] = {
    { "id", ID, "JOBID" },
    { "id.f58", ID, "JOBID" },
    { "runtime", RUNTIME, "RUNTIME" },
    { "nnodes", ALLOCATED, "NNODES" },
    { "ranks", ALLOCATED + 1, "RANKS" },
    { "nodelist", ALLOCATED + 2, "NODELIST" },
    { "allocated.nnodes", ALLOCATED, "#ALLOC" },
    { "allocated.ranks", ALLOCATED + 1, "RANKS" },
    { "allocated.nodelist", ALLOCATED + 2, "NODELIST" },
    { "pending.nnodes", PENDING, "#ACTIVE" },
    { "pending.ranks", PENDING + 1, "RANKS" },
    { "pending.nodelist", PENDING + 2, "NODELIST" },
};

static const struct format_named named[] = {
    { "default", "Default flux-housekeeping format string",
      "{id.f58:>12} {nnodes:>6} {pending.nnodes:>7} {runtime!F:>8} {nodelist}" },
    { "pending", "flux-housekeeping format string including active nodes only",
      "{id.f58:>12} {pending.nnodes:>7} {runtime!F:>8} {pending.nodelist}" },
    { NULL, NULL, NULL },
};
static const struct format_set formats = { PROGRAM, "list", NULL, named };

/* Texts of an idset. */
struct nodes {
    int count;
    char *ranks;
    char *hosts;
};

struct row {
    const char *id;
    double runtime;
    struct nodes nodes[2]; /* allocated, pending */
};

static bool resolve (const char *name, struct format_field *field)
{
    for (size_t i = 0; i < sizeof (fields) / sizeof (fields[0]); i++) {
        if (strcmp (fields[i].name, name) == 0) {
            field->id = fields[i].id;
            field->heading = fields[i].heading;
            return true;
        }
    }
    return false;
}

static void get (const struct format_field *field, const void *arg,
                 struct format_value *v, void *unused)
{
    const struct row *row = arg;

    if (field->id == RUNTIME) {
        *v = (struct format_value){ .type = FORMAT_FLOAT, .f = row->runtime };
        return;
    }
    *v = (struct format_value){ .type = FORMAT_STRING, .s = row->id };
    if (field->id == ID)
        return;
    const struct nodes *nodes = &row->nodes[field->id >= PENDING];
    int part = (field->id - ALLOCATED) % 3;
    if (part == 0)
        *v = (struct format_value){ .type = FORMAT_INT, .i = nodes->count };
    else
        v->s = part == 1 ? nodes->ranks : nodes->hosts;
}

/* "0-1" or "h[0-1]", as ranks. */
static struct idset *targets_of (const char *text)
{
    flux_error_t error;
    struct idset *ids = idset_decode (text);
    char *ranks;

    if (ids)
        return ids;
    if (!(ranks = flux_hostmap_lookup (cmd_open (), text, &error)))
        cmd_die ("ERROR: %s", error.text);
    if (!(ids = idset_decode (ranks)))
        cmd_die ("ERROR: %s: neither ranks nor hosts", text);
    free (ranks);
    return ids;
}

/* --- list --- */

static struct optparse_option list_opts[] = {
    { .name = "include",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "TARGETS",
      .usage = "Only these ranks or hosts" },
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Output format: a name or text with {FIELDS}; \"help\" lists names" },
    { .name = "no-header", .key = 'n', .usage = "Print no header" },
    OPTPARSE_TABLE_END,
};

static void nodes_fill (struct nodes *nodes, const char *text, const struct idset *only)
{
    struct idset *ids = idset_decode (text);
    struct hostlist *hl = hostlist_create ();

    if (ids && only) {
        struct idset *both = idset_intersect (ids, only);
        idset_destroy (ids);
        ids = both;
    }
    if (!ids || !hl)
        cmd_die ("ERROR: job-manager answers nonsense: %s", safe (text));
    for (unsigned int i = idset_first (ids); i != IDSET_INVALID_ID;
         i = idset_next (ids, i))
        hostlist_append (hl, flux_get_hostbyrank (cmd_open (), i));
    nodes->count = (int)idset_count (ids);
    nodes->ranks = idset_encode (ids, IDSET_FLAG_RANGE);
    nodes->hosts = hostlist_encode (hl);
    hostlist_destroy (hl);
    idset_destroy (ids);
}

static bool row_fill (struct row *row, const char *id, json_t *o,
                      const struct idset *only)
{
    const char *pending, *allocated;
    double t_start;

    if (json_unpack (o, "{s:F s:s s:s}", "t_start", &t_start, "pending", &pending,
                     "allocated", &allocated)
        < 0)
        cmd_die ("ERROR: job-manager answers nonsense");
    row->id = id;
    row->runtime = fmax (flux_reactor_time () - t_start, 0);
    nodes_fill (&row->nodes[0], allocated, only);
    nodes_fill (&row->nodes[1], pending, only);
    return row->nodes[0].count > 0;
}

static void print_rows (optparse_t *p, const struct row *rows, size_t count)
{
    const struct format_source source = { resolve, get, NULL };
    char *text = format_option (&formats, p);
    flux_error_t error;
    struct buf b = BUF_INIT;
    struct format *f = format_create (text, &source, &error);

    if (!f)
        cmd_die ("ERROR: %s", error.text);
    if (format_table (f, rows, count, sizeof (*rows), !optparse_hasopt (p, "no-header"),
                      &b)
        < 0)
        cmd_die ("ERROR: out of memory");
    buf_print (&b, stdout);
    buf_fini (&b);
    format_destroy (f);
    free (text);
}

static void row_fini (struct row *row)
{
    for (int i = 0; i < 2; i++) {
        free (row->nodes[i].ranks);
        free (row->nodes[i].hosts);
    }
}

static int cmd_list (optparse_t *p, int argc, char **argv)
{
    struct idset *only = NULL;
    size_t count = 0;
    const char *id;
    json_t *value;

    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 2, NULL);
    free (format_option (&formats, p)); /* before anything is asked */
    if (optparse_hasopt (p, "include"))
        only = targets_of (optparse_get_str (p, "include", ""));
    flux_future_t *f = flux_rpc (cmd_open (), "job-manager.stats-get", NULL, 0, 0);
    json_t *o = cmd_rpc_json (f, "ERROR");
    json_t *running = json_object_get (json_object_get (o, "housekeeping"), "running");
    struct row *rows = calloc (json_object_size (running) + 1, sizeof (*rows));
    if (!rows)
        cmd_die ("ERROR: out of memory");
    json_object_foreach (running, id, value) {
        if (row_fill (&rows[count], id, value, only))
            count++;
        else
            row_fini (&rows[count]);
    }
    print_rows (p, rows, count);
    for (size_t i = 0; i < count; i++)
        row_fini (&rows[i]);
    free (rows);
    idset_destroy (only);
    json_decref (o);
    flux_future_destroy (f);
    return 0;
}

/* --- kill --- */

static struct optparse_option kill_opts[] = {
    { .name = "signal",
      .key = 's',
      .has_arg = 1,
      .arginfo = "SIGNUM",
      .usage = "This signal instead of SIGTERM" },
    { .name = "targets",
      .key = 't',
      .has_arg = 1,
      .arginfo = "RANKS|HOSTS",
      .usage = "On these ranks or hosts" },
    { .name = "jobid",
      .key = 'j',
      .has_arg = 1,
      .arginfo = "JOBID",
      .usage = "Of this job" },
    { .name = "all", .usage = "Of all jobs" },
    OPTPARSE_TABLE_END,
};

static int get_signal (optparse_t *p)
{
    const char *s = optparse_get_str (p, "signal", "15");
    char *end;
    long n = strtol (s, &end, 10);

    if (end == s || *end || n <= 0 || n > SIGRTMAX) {
        fprintf (stderr,
                 "flux-housekeeping kill: error: argument -s/--signal: "
                 "invalid int value: '%s'\n",
                 safe (s));
        exit (2);
    }
    return (int)n;
}

static int cmd_kill (optparse_t *p, int argc, char **argv)
{
    json_t *o = json_pack ("{s:i}", "signum", get_signal (p));

    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 2, NULL);
    if (!optparse_hasopt (p, "all") && !optparse_hasopt (p, "jobid")
        && !optparse_hasopt (p, "targets"))
        cmd_die ("ERROR: specify at least one of --targets, --jobid, or --all");
    if (optparse_hasopt (p, "jobid")) {
        flux_jobid_t id = cmd_jobid (optparse_get_str (p, "jobid", ""));
        json_object_set_new (o, "jobid", json_integer ((json_int_t)id));
    }
    if (optparse_hasopt (p, "targets")) {
        struct idset *ids = targets_of (optparse_get_str (p, "targets", ""));
        char *s = idset_encode (ids, IDSET_FLAG_RANGE);
        json_object_set_new (o, "ranks", json_string (s));
        idset_destroy (ids);
        free (s);
    }
    char *s = json_dumps (o, JSON_COMPACT);
    flux_future_t *f = flux_rpc (cmd_open (), "job-manager.housekeeping-kill", s, 0, 0);
    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_future_destroy (f);
    json_decref (o);
    free (s);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "list", "[-n] [-i TARGETS] [-o FORMAT]", "List housekeeping that runs, by job",
      cmd_list, 0, list_opts },
    { "kill", "[--all] [-j JOBID] [-t RANKS|HOSTS] [-s SIGNUM]",
      "End housekeeping that runs", cmd_kill, 0, kill_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_housekeeping = {
    .name = "housekeeping",
    .summary = "List and end what is done on the ranks of jobs that are over",
    .usage = "COMMAND [OPTIONS]",
    .group = "resources",
    .subcommands = subcommands,
    .flags = CMD_USAGE2,
};
