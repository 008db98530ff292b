/* flux sproc: the processes of a subprocess server (RFC 42). */
#include "base/buf.h"
#include "base/text/signum.h"
#include "cmd/cmd.h"
#include "cmd/format/format_option.h"
#include "cmd/output/output.h"
#include "core/subprocess/io.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum field { PID, STATE, STATEX, FLAGS, ATTACHED, LABEL, RANK, CMD };

static const struct {
    const char *name;
    int id;
    const char *heading;
} fields[] = {
    { "pid", PID, "PID" },       { "state", STATE, "ST" },
    { "statex", STATEX, "ST" },  { "flags", FLAGS, "FLAGS" },
    { "label", LABEL, "LABEL" }, { "attached", ATTACHED, "ATTACHED" },
    { "rank", RANK, "RANK" },    { "cmd", CMD, "COMMAND" },
};

static const struct format_named named[] = {
    { "default", "Default flux-sproc format string",
      "{pid:>9} {statex:<2} {label:<12h} {cmd}" },
    { "long", "flux-sproc format string with flags and widths that fit",
      "{pid:>9} {statex:<3} {flags:<11h} +:{label:<12h} {cmd}" },
    { NULL, NULL, NULL },
};
static const struct format_set formats = { "flux-sproc", "ps", NULL, named };

struct row {
    int pid, rank;
    bool attached;
    const char *state, *label, *cmd;
    char statex[4];
    char flags[16];
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
    const char *const texts[] = { [STATE] = row->state,
                                  [STATEX] = row->statex,
                                  [FLAGS] = row->flags,
                                  [LABEL] = row->label,
                                  [CMD] = row->cmd };

    if (field->id == PID || field->id == RANK)
        *v = (struct format_value){ .type = FORMAT_INT,
                                    .i = field->id == PID ? row->pid : row->rank };
    else if (field->id == ATTACHED)
        *v = (struct format_value){ .type = FORMAT_BOOL, .b = row->attached };
    else
        *v = (struct format_value){ .type = FORMAT_STRING,
                                    .s = safe (texts[field->id]) };
}

/* --- what all have in common --- */

#define COMMON_OPTS                                                                    \
    { .name = "rank",                                                                  \
      .key = 'r',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "RANK",                                                               \
      .usage = "The server of this broker (default: the nearest)" },                   \
    {                                                                                  \
        .name = "service", .key = 's', .has_arg = 1, .arginfo = "NAME",                \
        .usage = "This server (default: rexec)"                                        \
    }

static uint32_t get_rank (optparse_t *p)
{
    const char *s = optparse_get_str (p, "rank", NULL);
    char *end;
    unsigned long n;

    if (!s)
        return FLUX_NODEID_ANY;
    n = strtoul (s, &end, 10);
    if (*s < '0' || *s > '9' || *end || n >= FLUX_NODEID_UPSTREAM)
        cmd_usage_error (p, "--rank: '%s' is no rank", s);
    return n;
}

static flux_future_t *ask (optparse_t *p, const char *method, json_t *o)
{
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;
    char topic[256];
    flux_future_t *f;

    if (snprintf (topic, sizeof (topic), "%s.%s",
                  optparse_get_str (p, "service", "rexec"), method)
        >= (int)sizeof (topic))
        cmd_usage_error (p, "--service: the name is too long");
    f = flux_rpc (cmd_open (), topic, s, get_rank (p), 0);
    if (!f)
        cmd_die ("%s: %s", method, flux_strerror (errno));
    json_decref (o);
    free (s);
    return f;
}

/* A number is a pid. */
static json_t *target_of (const char *text)
{
    char *end;
    long pid = strtol (text, &end, 10);
    json_t *o = end != text && !*end && pid > 0 && pid <= INT_MAX
                    ? json_pack ("{s:i}", "pid", (int)pid)
                    : json_pack ("{s:i s:s}", "pid", -1, "label", text);

    if (!o)
        cmd_die ("the label is not valid UTF-8");
    return o;
}

/* --- ps --- */

static struct optparse_option ps_opts[] = {
    COMMON_OPTS,
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Output format: a name or text with {FIELDS}; \"help\" lists names" },
    { .name = "sort",
      .has_arg = 1,
      .arginfo = "KEY,...",
      .usage = "Sort by these fields; -KEY: the last first" },
    { .name = "no-header", .key = 'n', .usage = "Print no header" },
    { .name = "json", .key = 'j', .usage = "Print a JSON array" },
    OPTPARSE_TABLE_END,
};

static struct format *get_format (optparse_t *p)
{
    const struct format_source source = { resolve, get, NULL };
    char *text = format_option (&formats, p);
    const char *sort = optparse_get_str (p, "sort", NULL);
    flux_error_t error;
    struct format *f;

    if (!(f = format_create (text, &source, &error))
        || (sort && format_set_sort (f, sort, &error) < 0))
        cmd_die ("%s", error.text);
    free (text);
    return f;
}

static void row_fill (struct row *row, json_t *o)
{
    int background = 0, waitable = 0, attached = 0;

    row->cmd = "";
    if (json_unpack (o, "{s:i s:s s:s s:i s?b s?b s?b s:{s:[s]}}", "pid", &row->pid,
                     "state", &row->state, "label", &row->label, "rank", &row->rank,
                     "background", &background, "waitable", &waitable, "attached",
                     &attached, "cmd", "cmdline", &row->cmd)
        < 0)
        cmd_die ("ps: malformed response");
    row->attached = attached;
    if (!*row->label)
        row->label = "-";
    snprintf (row->statex, sizeof (row->statex), "%.1s%s", row->state,
              attached ? "+" : "");
    snprintf (row->flags, sizeof (row->flags), "%s%s%s", background ? "bg" : "",
              background && waitable ? "," : "", waitable ? "waitable" : "");
}

static void print_table (optparse_t *p, struct format *f, json_t *procs)
{
    struct row *rows = calloc (json_array_size (procs) + 1, sizeof (*rows));
    struct buf b = BUF_INIT;
    json_t *o;
    size_t i;

    if (!rows)
        cmd_die ("out of memory");
    json_array_foreach (procs, i, o)
        row_fill (&rows[i], o);
    if (format_table (f, rows, json_array_size (procs), sizeof (*rows),
                      !optparse_hasopt (p, "no-header"), &b)
        < 0)
        cmd_die ("out of memory");
    buf_print (&b, stdout);
    buf_fini (&b);
    free (rows);
}

static int cmd_ps (optparse_t *p, int argc, char **argv)
{
    struct format *format = get_format (p);
    flux_future_t *f;
    json_t *procs;

    if (optparse_option_index (p) != argc)
        cmd_usage_error (p, "unrecognized arguments: %s",
                         argv[optparse_option_index (p)]);
    f = ask (p, "list", NULL);
    if (flux_rpc_get_unpack (f, "{s:o}", "procs", &procs) < 0)
        cmd_die ("ps: %s", cmd_future_error (f));
    if (optparse_hasopt (p, "json")) {
        json_dumpf (procs, stdout, JSON_COMPACT);
        putchar ('\n');
    } else
        print_table (p, format, procs);
    flux_future_destroy (f);
    format_destroy (format);
    return 0;
}

/* --- wait --- */

static struct optparse_option wait_opts[] = {
    COMMON_OPTS,
    { .name = "output",
      .key = 'o',
      .usage = "Print what the server has kept of its output" },
    OPTPARSE_TABLE_END,
};

static int exit_code (int status)
{
    return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static void print_output (json_t *output)
{
    json_t *o;
    size_t i;

    json_array_foreach (output, i, o) {
        struct io io;

        if (io_decode (o, &io) < 0)
            cmd_die ("wait: malformed response");
        if (io.data)
            fwrite (io.data, 1, io.len, strcmp (io.stream, "stderr") ? stdout : stderr);
        free (io.data);
    }
}

static int cmd_wait (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p), status;
    json_t *output = NULL;
    flux_future_t *f;

    if (argc - i != 1)
        cmd_usage_error (p, "one PID or LABEL is expected");
    f = ask (p, "wait", target_of (argv[i]));
    if (flux_rpc_get_unpack (f, "{s:i s?o}", "status", &status, "output", &output) < 0)
        cmd_die ("wait: %s", cmd_future_error (f));
    if (optparse_hasopt (p, "output"))
        print_output (output);
    flux_future_destroy (f);
    return exit_code (status);
}

/* --- kill --- */

static struct optparse_option kill_opts[] = {
    COMMON_OPTS,
    { .name = "wait",
      .key = 'w',
      .usage = "Wait for the end of the process, and end as it has" },
    OPTPARSE_TABLE_END,
};

static int cmd_kill (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p), signum, status, rc = 0;
    flux_future_t *killed, *waited = NULL;
    json_t *o;

    if (argc - i != 2)
        cmd_usage_error (p, "SIGNUM and one PID or LABEL are expected");
    if ((signum = signum_decode (argv[i])) < 0)
        cmd_usage_error (p, "kill: '%s' is no signal", argv[i]);
    /* before it can be gone */
    if (optparse_hasopt (p, "wait"))
        waited = ask (p, "wait", target_of (argv[i + 1]));
    o = target_of (argv[i + 1]);
    json_object_set_new (o, "signum", json_integer (signum));
    killed = ask (p, "kill", o);
    if (flux_rpc_get (killed, NULL) < 0) {
        cmd_warn ("kill: %s", cmd_future_error (killed));
        rc = 1;
    }
    if (waited) {
        if (flux_rpc_get_unpack (waited, "{s:i}", "status", &status) == 0)
            rc = exit_code (status);
        else if (rc == 0)
            cmd_die ("wait: %s", cmd_future_error (waited));
    }
    flux_future_destroy (killed);
    flux_future_destroy (waited);
    return rc;
}

static struct optparse_subcommand subcommands[] = {
    { "ps", "[-n] [-r RANK] [-s NAME] [-o FORMAT]", "List processes", cmd_ps, 0,
      ps_opts },
    { "kill", "[-w] [-r RANK] [-s NAME] SIGNUM PID|LABEL", "Send a signal to a process",
      cmd_kill, 0, kill_opts },
    { "wait", "[-o] [-r RANK] [-s NAME] PID|LABEL",
      "Wait for a process of `flux exec --bg --waitable`", cmd_wait, 0, wait_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_sproc = {
    .name = "sproc",
    .summary = "List, signal and wait for processes of brokers",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
    .flags = CMD_USAGE2,
};
