/* flux resource: list, info, status, drain, undrain, R, eventlog, reload,
 * acquire-mute. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cmd/output/output.h"
#include "cmd/resource/resource_table.h"
#include "value/eventlog.h"
#include "value/rset.h"

#define PROGRAM "flux-resource"

/* --- what the scheduler says --- */

struct sched_status {
    struct rset *all, *down, *allocated;
};

static struct rset *decode (json_t *o, const char *what)
{
    flux_error_t error = { "missing" };
    struct rset *r = o ? rset_decode_json (o, &error) : NULL;

    if (!r)
        cmd_die ("ERROR: %s: %s", what, error.text);
    return r;
}

static void fetch_sched (struct sched_status *s)
{
    flux_future_t *f = flux_rpc (cmd_open (), "resource.sched-status", NULL, 0, 0);
    json_t *o = cmd_rpc_json (f, "ERROR");

    s->all = decode (json_object_get (o, "all"), "all");
    s->down = decode (json_object_get (o, "down"), "down");
    s->allocated = decode (json_object_get (o, "allocated"), "allocated");
    json_decref (o);
    flux_future_destroy (f);
}

static void sched_fini (struct sched_status *s)
{
    rset_destroy (s->all);
    rset_destroy (s->down);
    rset_destroy (s->allocated);
}

static struct rset *minus (const struct rset *a, const struct rset *b)
{
    struct rset *r = rset_diff (a, b);

    if (!r)
        cmd_die ("out of memory");
    return r;
}

/* NULL if there is no such state. */
static struct rset *state_resources (const struct sched_status *s, const char *state)
{
    struct rset *up, *r;

    if (!strcmp (state, "all"))
        return rset_copy (s->all);
    if (!strcmp (state, "down"))
        return rset_copy (s->down);
    if (!strcmp (state, "allocated"))
        return rset_copy (s->allocated);
    if (strcmp (state, "up") && strcmp (state, "free"))
        return NULL;
    up = minus (s->all, s->down);
    if (!strcmp (state, "up"))
        return up;
    r = minus (up, s->allocated);
    rset_destroy (up);
    return r;
}

/* Only those of --include: ranks or hosts. Takes r. */
static struct rset *include (struct rset *take_r, const char *targets)
{
    struct rset *r;
    struct idset *ids;
    json_t *constraint;
    flux_error_t error;

    if (!targets)
        return take_r;
    ids = idset_decode (targets);
    constraint = json_pack ("{s:[s]}", ids ? "ranks" : "hostlist", targets);
    idset_destroy (ids);
    if (!(r = rset_filter (take_r, constraint, &error)))
        cmd_die ("ERROR: --include: %s", error.text);
    json_decref (constraint);
    rset_destroy (take_r);
    return r;
}

/* Calls fn for each word of a list with commas. */
static void each_state (const char *list, void (*fn) (const char *state, void *arg),
                        void *arg)
{
    char *copy = strdup (list), *save = NULL;

    for (char *s = strtok_r (copy, ",", &save); s; s = strtok_r (NULL, ",", &save))
        fn (s, arg);
    free (copy);
}

static char *get_format (optparse_t *p, const struct format_named *named)
{
    char *text;
    flux_error_t error;
    const char *name = optparse_get_str (p, "format", "default");

    if (!strcmp (name, "help")) {
        struct buf b = BUF_INIT;
        format_print_help (PROGRAM, named, &b);
        fwrite (b.data, 1, b.len, stdout);
        exit (0);
    }
    if (!(text = format_lookup (PROGRAM, named, name, &error)))
        cmd_die ("ERROR: %s", error.text);
    return text;
}

/* --- list, info, R --- */

static const struct format_named list_formats[] = {
    { "default", "Default flux-resource list format string",
      "{state:>10} ?+:{queue:<5} ?:{propertiesx:<10.10+} {nnodes:>6} +:{ncores:>6} "
      "+:{ngpus:>5} {nodelist}" },
    { "rlist", "Format including resource list details",
      "{state:>10} ?+:{queue:<5} ?:{propertiesx:<10.10+} {nnodes:>6} +:{ncores:>6} "
      "+{ngpus:>5} {rlist}" },
    { NULL, NULL, NULL },
};

static struct optparse_option list_opts[] = {
    { .name = "states",
      .key = 's',
      .has_arg = 1,
      .arginfo = "STATE,...",
      .usage = "Resources in these states: up, down, allocated, free, all" },
    { .name = "include",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "TARGETS",
      .usage = "Only these hosts or ranks" },
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Output format, or the name of one (\"help\" lists them)" },
    { .name = "no-header", .key = 'n', .usage = "No line of headings" },
    OPTPARSE_TABLE_END,
};

struct list_arg {
    optparse_t *p;
    const struct sched_status *s;
    struct resource_table table;
};

static void add_state (const char *state, void *arg)
{
    struct list_arg *l = arg;
    struct rset *r = state_resources (l->s, state);
    struct resource_row row = { .online = true };

    if (!r)
        cmd_die ("ERROR: Invalid resource state %s specified", state);
    row.state = strdup (state);
    r = include (r, optparse_get_str (l->p, "include", NULL));
    resource_table_add (&l->table, row, r);
}

static void no_operands (optparse_t *p, int argc, char **argv)
{
    if (optparse_option_index (p) < argc)
        cmd_usage_error (p, "unrecognized arguments: %s",
                         argv[optparse_option_index (p)]);
}

static int run_list (optparse_t *p, int argc, char **argv)
{
    char *format = get_format (p, list_formats);
    struct sched_status s;
    struct list_arg l = { .p = p, .s = &s };

    no_operands (p, argc, argv);
    fetch_sched (&s);
    each_state (optparse_get_str (p, "states", "free,allocated,down"), add_state, &l);
    resource_table_print (&l.table, format, !optparse_hasopt (p, "no-header"));
    free (format);
    for (size_t i = 0; i < l.table.count; i++)
        free ((char *)l.table.rows[i].state);
    resource_table_fini (&l.table);
    sched_fini (&s);
    return 0;
}

struct sum_arg {
    const struct sched_status *s;
    struct rset *sum;
};

static void sum_state (const char *state, void *arg)
{
    struct sum_arg *a = arg;
    struct rset *r = state_resources (a->s, state);
    struct rset *sum;

    if (!r)
        cmd_die ("ERROR: Invalid resource state %s specified", state);
    if (!(sum = rset_union (a->sum, r)))
        cmd_die ("out of memory");
    rset_destroy (a->sum);
    rset_destroy (r);
    a->sum = sum;
}

static struct rset *fetch_sum (optparse_t *p)
{
    struct sched_status s;
    struct sum_arg a = { &s, rset_create () };

    fetch_sched (&s);
    each_state (optparse_get_str (p, "states", "all"), sum_state, &a);
    sched_fini (&s);
    return include (a.sum, optparse_get_str (p, "include", NULL));
}

static int run_info (optparse_t *p, int argc, char **argv)
{
    struct rset *r;
    int nodes, cores, gpus;

    no_operands (p, argc, argv);
    r = fetch_sum (p);
    nodes = rset_count (r, "node");
    cores = rset_count (r, "core");
    gpus = rset_count (r, "gpu");
    printf ("%d Node%s, %d Core%s, %d GPU%s\n", nodes, nodes == 1 ? "" : "s", cores,
            cores == 1 ? "" : "s", gpus, gpus == 1 ? "" : "s");
    rset_destroy (r);
    return 0;
}

static int run_R (optparse_t *p, int argc, char **argv)
{
    struct rset *r;
    char *s;

    no_operands (p, argc, argv);
    r = fetch_sum (p);
    if (!(s = rset_encode (r)))
        cmd_die ("out of memory");
    puts (s);
    free (s);
    rset_destroy (r);
    return 0;
}

/* --- status, drain, undrain --- */

static const struct format_named status_formats[] = {
    { "default", "Default flux-resource status format string",
      "{state:>12}{up:>2} {nnodes:>6} {nodelist}" },
    { "long", "Long format, with reasons",
      "{state:>12}{up:>2} {nnodes:>6} {reason:<30.30+} {nodelist}" },
    { NULL, NULL, NULL },
};

static const struct format_named drain_formats[] = {
    { "default", "Default flux-resource drain format string",
      "{timestamp!d:%b%d %R::<12} {state:<8.8} {reason:<30.30+} {nodelist}" },
    { "long", "Long format, with ranks",
      "{timestamp!d:%FT%T::<19} {state:<8.8} {ranks:<8} {reason:<30} {nodelist}" },
    { NULL, NULL, NULL },
};

struct status {
    json_t *o; /* the answer */
    struct rset *R;
    struct idset *online;
    struct idset *busy; /* ranks that jobs use */
};

static struct idset *get_ids (json_t *o, const char *key)
{
    const char *s = json_string_value (json_object_get (o, key));
    struct idset *ids = idset_decode (s ? s : "");

    if (!ids)
        cmd_die ("ERROR: %s: invalid idset", key);
    return ids;
}

/* Both questions are in flight together. */
static void fetch_status (struct status *st)
{
    flux_t *h = cmd_open ();
    flux_future_t *f1 = flux_rpc (h, "resource.status", NULL, 0, 0);
    flux_future_t *f2 = flux_rpc (h, "resource.sched-status", NULL, 0, 0);
    struct rset *used;
    json_t *o2;

    st->o = cmd_rpc_json (f1, "ERROR");
    o2 = cmd_rpc_json (f2, "ERROR");
    st->R = decode (json_object_get (st->o, "R"), "R");
    st->online = get_ids (st->o, "online");
    used = decode (json_object_get (o2, "allocated"), "allocated");
    st->busy = rset_ranks (used);
    rset_destroy (used);
    json_decref (o2);
    flux_future_destroy (f1);
    flux_future_destroy (f2);
}

static void status_fini (struct status *st)
{
    json_decref (st->o);
    rset_destroy (st->R);
    idset_destroy (st->online);
    idset_destroy (st->busy);
}

/* Up to two rows: those that are online and those that are not. */
static void add_ranks (struct resource_table *t, const struct status *st,
                       struct resource_row row, const struct idset *ranks, bool always)
{
    for (int up = 1; up >= 0; up--) {
        struct idset *some = up ? idset_intersect (ranks, st->online)
                                : idset_difference (ranks, st->online);
        row.online = up;
        if (!idset_empty (some) || (up && always))
            resource_table_add (t, row, rset_copy_ranks (st->R, some));
        idset_destroy (some);
    }
}

/* Drained ranks that jobs still use are draining. */
static void add_drained (struct resource_table *t, const struct status *st,
                         struct idset *available)
{
    json_t *drain = json_object_get (st->o, "drain"), *value;
    const char *key;

    json_object_foreach (drain, key, value) {
        struct idset *ranks = idset_decode (key);
        struct idset *busy = idset_intersect (ranks, st->busy);
        struct idset *quiet = idset_difference (ranks, st->busy);
        struct resource_row row = {
            .state = "draining",
            .reason = json_string_value (json_object_get (value, "reason")),
            .timestamp = json_number_value (json_object_get (value, "timestamp")),
        };
        add_ranks (t, st, row, busy, false);
        row.state = "drained";
        add_ranks (t, st, row, quiet, false);
        (void)idset_subtract (available, ranks);
        idset_destroy (ranks);
        idset_destroy (busy);
        idset_destroy (quiet);
    }
}

static struct optparse_option status_opts[] = {
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Output format, or the name of one (\"help\" lists them)" },
    { .name = "no-header", .key = 'n', .usage = "No line of headings" },
    OPTPARSE_TABLE_END,
};

static int run_status (optparse_t *p, int argc, char **argv)
{
    char *format = get_format (p, status_formats);
    struct resource_table t = { 0 }, drained = { 0 };
    struct idset *available, *excluded;
    struct status st;

    no_operands (p, argc, argv);
    fetch_status (&st);
    available = rset_ranks (st.R);
    excluded = get_ids (st.o, "exclude");
    (void)idset_subtract (available, excluded);
    add_drained (&drained, &st, available);
    add_ranks (&t, &st, (struct resource_row){ .state = "avail" }, available, true);
    add_ranks (&t, &st, (struct resource_row){ .state = "exclude" }, excluded, false);
    for (size_t i = 0; i < drained.count; i++)
        resource_table_add (&t, drained.rows[i], rset_copy (drained.rows[i].r));
    resource_table_print (&t, format, !optparse_hasopt (p, "no-header"));
    free (format);
    resource_table_fini (&t);
    resource_table_fini (&drained);
    idset_destroy (available);
    idset_destroy (excluded);
    status_fini (&st);
    return 0;
}

static struct optparse_option drain_opts[] = {
    { .name = "force", .key = 'f', .usage = "Also if drained already: a new reason" },
    { .name = "update",
      .key = 'u',
      .usage = "Also if drained already: keep the reason" },
    { .name = "format",
      .key = 'o',
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Output format, or the name of one (\"help\" lists them)" },
    { .name = "no-header", .key = 'n', .usage = "No line of headings" },
    OPTPARSE_TABLE_END,
};

static int list_drained (optparse_t *p)
{
    char *format = get_format (p, drain_formats);
    struct resource_table t = { 0 };
    struct idset *available;
    struct status st;

    fetch_status (&st);
    available = rset_ranks (st.R);
    add_drained (&t, &st, available);
    resource_table_print (&t, format, !optparse_hasopt (p, "no-header"));
    free (format);
    resource_table_fini (&t);
    idset_destroy (available);
    status_fini (&st);
    return 0;
}

/* The words from argv[i] on. */
static char *join (int argc, char **argv, int i)
{
    struct buf b = BUF_INIT;

    for (; i < argc; i++)
        buf_printf (&b, "%s%s", b.len ? " " : "", argv[i]);
    return buf_take (&b, NULL);
}

static void finish (flux_future_t *f, bool with_errno)
{
    if (!f || flux_rpc_get (f, NULL) < 0) {
        if (with_errno)
            cmd_die ("ERROR: [Errno %d] %s", errno, cmd_future_error (f));
        cmd_die ("ERROR: %s", cmd_future_error (f));
    }
    flux_future_destroy (f);
}

static int run_drain (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *mode = "default";
    char *reason;
    flux_future_t *f;

    if (i == argc)
        return list_drained (p);
    if (optparse_hasopt (p, "force"))
        mode = "overwrite";
    else if (optparse_hasopt (p, "update"))
        mode = "update";
    reason = join (argc, argv, i + 1);
    f = flux_rpc_pack (cmd_open (), "resource.drain", 0, 0, "{s:s s:s* s:s}", "targets",
                       argv[i], "reason", *reason ? reason : NULL, "mode", mode);
    finish (f, true);
    free (reason);
    return 0;
}

static struct optparse_option undrain_opts[] = {
    { .name = "force", .key = 'f', .usage = "No error if some are not drained" },
    OPTPARSE_TABLE_END,
};

static int run_undrain (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    char *reason;

    if (i == argc)
        cmd_usage_error (p, "the following arguments are required: targets");
    reason = join (argc, argv, i + 1);
    finish (flux_rpc_pack (cmd_open (), "resource.undrain", 0, 0, "{s:s s:s* s:s}",
                           "targets", argv[i], "reason", *reason ? reason : NULL,
                           "mode", optparse_hasopt (p, "force") ? "force" : "default"),
            false);
    free (reason);
    return 0;
}

/* --- eventlog --- */

static struct optparse_option eventlog_opts[] = {
    { .name = "format",
      .key = 'f',
      .has_arg = 1,
      .arginfo = "text|json",
      .usage = "Format of an entry" },
    { .name = "time-format",
      .key = 'T',
      .has_arg = 1,
      .arginfo = "raw|iso|offset|human",
      .usage = "Format of the time" },
    { .name = "human", .key = 'H', .usage = "Short for --time-format=human --color" },
    { .name = "follow", .key = 'F', .usage = "Go on with new entries" },
    { .name = "wait",
      .key = 'w',
      .has_arg = 1,
      .arginfo = "EVENT",
      .usage = "End after this event, wait for it if need be" },
    { .name = "quiet", .key = 'q', .usage = "With --wait: print nothing" },
    { .name = "color",
      .key = 'L',
      .has_arg = 2,
      .arginfo = "WHEN",
      .usage = "Colors: always, never, auto" },
    OPTPARSE_TABLE_END,
};

static void set_formatter (optparse_t *p, struct eventlog_formatter *f)
{
    static const char *const times[] = { "raw", "iso", "offset", "human" };
    const char *format = optparse_get_str (p, "format", "text");
    bool human = optparse_hasopt (p, "human");
    const char *time = optparse_get_str (p, "time-format", human ? "human" : "raw");
    bool known = false;

    for (int i = 0; i < 4; i++) {
        if (!strcmp (time, times[i])) {
            f->time = i;
            known = true;
        }
    }
    if (!known)
        cmd_usage_error (p, "invalid --time-format: %s", time);
    if (strcmp (format, "text") && strcmp (format, "json"))
        cmd_usage_error (p, "invalid --format: %s", format);
    f->json = !strcmp (format, "json");
    if (human || optparse_hasopt (p, "color"))
        f->color = optparse_get_color (p, "color");
}

/* True if the event that was waited for is among them. */
static bool print_entries (const char *s, struct eventlog_formatter *f, bool quiet,
                           const char *wait)
{
    const char *end = s + strlen (s);
    const char *line;
    size_t len;

    while (eventlog_next_line (&s, end, &line, &len)) {
        json_t *entry = eventlog_entry_decode (line, len);
        char *text = entry ? eventlog_format (f, entry) : NULL;
        const char *name = "";
        bool found;

        if (text && !quiet)
            puts (text);
        free (text);
        (void)eventlog_entry_parse (entry, NULL, &name, NULL);
        found = wait && !strcmp (name, wait);
        json_decref (entry);
        if (found)
            return true;
    }
    output_flush ();
    return false;
}

static int run_eventlog (optparse_t *p, int argc, char **argv)
{
    const char *wait = optparse_get_str (p, "wait", NULL);
    bool follow = optparse_hasopt (p, "follow") || wait;
    bool quiet = optparse_hasopt (p, "quiet");
    int flags =
        follow ? FLUX_KVS_WATCH | FLUX_KVS_WAITCREATE | FLUX_KVS_WATCH_APPEND : 0;
    struct eventlog_formatter fmt = { 0 };
    flux_future_t *f;
    const char *s;

    no_operands (p, argc, argv);
    set_formatter (p, &fmt);
    f = flux_kvs_lookup (cmd_open (), KVS_PRIMARY_NAMESPACE, flags,
                         "resource.eventlog");
    while (f && flux_kvs_lookup_get (f, &s) == 0) {
        if (print_entries (s ? s : "", &fmt, quiet, wait) || !follow) {
            flux_future_destroy (f);
            return 0;
        }
        flux_future_reset (f);
    }
    cmd_die ("ERROR: resource.eventlog: %s", cmd_future_error (f));
}

/* --- reload, acquire-mute --- */

static int run_reload (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_error_t error;
    struct rset *r;
    char *text;

    if (argc - i != 1)
        cmd_usage_error (p, "the following arguments are required: path");
    if (!(text = file_read_all (argv[i], NULL)))
        cmd_die ("ERROR: %s: %s", argv[i], flux_strerror (errno));
    if (!(r = rset_decode (text, &error)))
        cmd_die ("ERROR: %s: %s", argv[i], error.text);
    finish (flux_rpc_pack (cmd_open (), "resource.reload", 0, 0, "{s:o}", "R",
                           rset_encode_json (r)),
            false);
    rset_destroy (r);
    free (text);
    return 0;
}

static int run_mute (optparse_t *p, int argc, char **argv)
{
    no_operands (p, argc, argv);
    finish (flux_rpc (cmd_open (), "resource.acquire-mute", NULL, 0, 0), false);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "list", "[OPTIONS]", "List resources by state", run_list, 0, list_opts },
    { "info", "[OPTIONS]", "Count resources", run_info, 0, list_opts },
    { "status", "[OPTIONS]", "Show which nodes are available, drained, excluded",
      run_status, 0, status_opts },
    { "drain", "[OPTIONS] [TARGETS [REASON...]]",
      "Keep nodes from new jobs, or list those that are", run_drain, 0, drain_opts },
    { "undrain", "[OPTIONS] TARGETS [REASON...]", "Give nodes back", run_undrain, 0,
      undrain_opts },
    { "R", "[OPTIONS]", "Print resources as R", run_R, 0, list_opts },
    { "eventlog", "[OPTIONS]", "Print the eventlog of resources", run_eventlog, 0,
      eventlog_opts },
    { "reload", "PATH", "Replace R", run_reload, 0, NULL },
    { "acquire-mute", "", "Tell the scheduler no more changes", run_mute, 0, NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_resource = {
    .name = "resource",
    .summary = "List and change the status of resources",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
