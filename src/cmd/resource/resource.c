/* flux resource: list, info, status, drain, undrain, R, eventlog, reload,
 * acquire-mute. */
#include "cmd/cmd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cmd/format/format_option.h"
#include "cmd/output/output.h"
#include "cmd/resource/queue_part.h"
#include "cmd/resource/resource_table.h"
#include "value/eventlog.h"
#include "value/resource/rset.h"

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

static flux_future_t *ask_sched (void)
{
    return flux_rpc (cmd_open (), "resource.sched-status", NULL, 0, 0);
}

static void get_sched (flux_future_t *f, struct sched_status *s)
{
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
    struct rset *used, *r;

    if (!strcmp (state, "all"))
        return rset_copy (s->all);
    if (!strcmp (state, "down"))
        return rset_copy (s->down);
    if (!strcmp (state, "allocated"))
        return rset_copy (s->allocated);
    if (!strcmp (state, "up"))
        return minus (s->all, s->down);
    if (strcmp (state, "free") != 0)
        return NULL;
    if (!(used = rset_union (s->down, s->allocated)))
        cmd_die ("out of memory");
    r = minus (s->all, used);
    rset_destroy (used);
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

/* --- list, info, R --- */

static const struct format_named list_named[] = {
    { "default", "Default flux-resource list format string",
      "{state:>10} ?+:{queue:<5} ?:{propertiesx:<10.10+} {nnodes:>6} +:{ncores:>6} "
      "+:{ngpus:>5} {nodelist}" },
    { "rlist", "Format including resource list details",
      "{state:>10} ?+:{queue:<5} ?:{propertiesx:<10.10+} {nnodes:>6} +:{ncores:>6} "
      "+{ngpus:>5} {rlist}" },
    { NULL, NULL, NULL },
};
static const struct format_set list_formats = { PROGRAM, "list",
                                                "FLUX_RESOURCE_LIST_FORMAT_DEFAULT",
                                                list_named };

#define SELECT_OPTIONS                                                                 \
    { .name = "states",                                                                \
      .key = 's',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "STATE,...",                                                          \
      .usage = "Resources in these states: up, down, allocated, free, all" },          \
        PART_OPTIONS
#define PART_OPTIONS                                                                   \
    { .name = "queue",                                                                 \
      .key = 'q',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "QUEUE,...",                                                          \
      .usage = "Only resources of these queues" },                                     \
    {                                                                                  \
        .name = "include", .key = 'i', .has_arg = 1, .arginfo = "TARGETS",             \
        .usage = "Only these hosts or ranks"                                           \
    }
#define TABLE_OPTIONS                                                                  \
    { .name = "format",                                                                \
      .key = 'o',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "FORMAT",                                                             \
      .usage = "Output format, or the name of one (\"help\" lists them)" },            \
    {                                                                                  \
        .name = "no-header", .key = 'n', .usage = "No line of headings"                \
    }

static struct optparse_option list_opts[] = {
    SELECT_OPTIONS,
    TABLE_OPTIONS,
    { .name = "skip-empty", .usage = "No rows without resources" },
    { .name = "no-skip-empty", .usage = "These rows, too (the default)" },
    OPTPARSE_TABLE_END,
};
static struct optparse_option sum_opts[] = { SELECT_OPTIONS, OPTPARSE_TABLE_END };

struct list_arg {
    optparse_t *p;
    const struct sched_status *s;
    const char *format;
    json_t *queues; /* those to be listed */
    json_t *names;  /* of all properties that queues require */
    bool skip_empty;
    struct resource_table table;
};

static bool is_empty (const struct rset *r)
{
    return rset_count (r, "node") == 0;
}

static void add_part (struct list_arg *l, struct resource_row row, struct rset *take_r)
{
    if (is_empty (take_r) && l->skip_empty)
        rset_destroy (take_r);
    else
        resource_table_add (&l->table, row, take_r);
}

/* Ranks with other properties stand in rows of their own, if the format shows them. */
static void add_by_property (struct list_arg *l, struct resource_row row,
                             struct rset *take_r)
{
    bool all = strstr (l->format, "{properties:") || strstr (l->format, "{properties}");
    bool others = all || strstr (l->format, "{propertiesx");
    json_t *properties = rset_properties (take_r), *value;
    const char *name;

    json_object_foreach (properties, name, value) {
        struct idset *with = idset_decode (json_string_value (value));
        struct rset *part = rset_copy_ranks (take_r, with);
        if (others && *name != '+' && (all || !json_object_get (l->names, name))
            && !is_empty (part)
            && rset_count (part, "node") < rset_count (take_r, "node")) {
            struct rset *rest = rset_copy (take_r);
            rset_remove_ranks (rest, with);
            add_by_property (l, row, part);
            add_by_property (l, row, rest);
            rset_destroy (take_r);
            take_r = NULL;
        } else
            rset_destroy (part);
        idset_destroy (with);
        if (!take_r)
            break;
    }
    json_decref (properties);
    if (take_r)
        add_part (l, row, take_r);
}

/* One row for each queue, and one for what has none. */
static void add_by_queue (struct list_arg *l, struct resource_row row,
                          struct rset *take_r)
{
    struct rset *rest = rset_copy (take_r);
    const char *name;
    json_t *q;
    flux_error_t error;

    json_object_foreach (l->queues, name, q) {
        struct rset *part = queue_part (take_r, q, &error);
        struct idset *ranks = part ? rset_ranks (part) : NULL;
        if (!ranks || rset_remove_ranks (rest, ranks) < 0)
            cmd_die ("ERROR: queue %s: %s", name, part ? strerror (errno) : error.text);
        row.queue = name;
        add_by_property (l, row, part);
        idset_destroy (ranks);
    }
    row.queue = NULL;
    if (!optparse_hasopt (l->p, "queue") && !is_empty (rest))
        add_by_property (l, row, rest);
    else
        rset_destroy (rest);
    rset_destroy (take_r);
}

/* Of all queues that are asked for, together. Takes r. */
static struct rset *only_queues (struct rset *take_r, const json_t *queues)
{
    struct rset *sum = rset_create ();
    const char *name;
    json_t *q;
    flux_error_t error;

    json_object_foreach ((json_t *)queues, name, q) {
        struct rset *part = queue_part (take_r, q, &error);
        struct rset *more = part ? rset_union (sum, part) : NULL;
        if (!more)
            cmd_die ("ERROR: queue %s: %s", name, part ? strerror (errno) : error.text);
        rset_destroy (sum);
        rset_destroy (part);
        sum = more;
    }
    rset_destroy (take_r);
    return sum;
}

static void add_state (const char *state, void *arg)
{
    struct list_arg *l = arg;
    struct rset *r = state_resources (l->s, state);
    struct resource_row row = { .online = true, .queue_names = l->names };

    if (!r)
        cmd_die ("ERROR: Invalid resource state %s specified", state);
    row.state = strdup (state); /* until the program ends */
    r = include (r, optparse_get_str (l->p, "include", NULL));
    if (json_object_size (l->queues) > 0 && strstr (l->format, "{queue"))
        add_by_queue (l, row, r);
    else {
        if (optparse_hasopt (l->p, "queue"))
            r = only_queues (r, l->queues);
        add_by_property (l, row, r);
    }
}

/* Property names that say which queue a rank is of. */
static json_t *required_names (json_t *table)
{
    json_t *names = json_object (), *q, *value;
    const char *key;
    size_t i;

    json_object_foreach (table, key, q)
        json_array_foreach (json_object_get (q, "requires"), i, value)
            if (json_is_string (value))
                json_object_set_new (names, json_string_value (value), json_true ());
    return names;
}

static void no_operands (optparse_t *p, int argc, char **argv)
{
    if (optparse_option_index (p) < argc)
        cmd_usage_error (p, "unrecognized arguments: %s",
                         argv[optparse_option_index (p)]);
}

static int run_list (optparse_t *p, int argc, char **argv)
{
    char *format = format_option (&list_formats, p);
    struct sched_status s;
    struct list_arg l = { .p = p, .s = &s, .format = format };
    flux_future_t *asked;
    json_t *table;

    no_operands (p, argc, argv);
    asked = queue_table_ask ();
    get_sched (ask_sched (), &s); /* the other answer comes first: one wait for both */
    table = queue_table (asked);
    l.queues = queue_select (table, optparse_get_str (p, "queue", NULL));
    l.names = required_names (table);
    l.skip_empty =
        optparse_hasopt (p, "skip-empty") && !optparse_hasopt (p, "no-skip-empty");
    each_state (optparse_get_str (p, "states", "free,allocated,down"), add_state, &l);
    resource_table_print (&l.table, format, !optparse_hasopt (p, "no-header"));
    free (format);
    resource_table_fini (&l.table);
    json_decref (l.queues);
    json_decref (l.names);
    json_decref (table);
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

    get_sched (ask_sched (), &s);
    each_state (optparse_get_str (p, "states", "all"), sum_state, &a);
    sched_fini (&s);
    if (optparse_hasopt (p, "queue")) {
        json_t *table = queue_table (queue_table_ask ());
        json_t *queues = queue_select (table, optparse_get_str (p, "queue", NULL));
        a.sum = only_queues (a.sum, queues);
        json_decref (queues);
        json_decref (table);
    }
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

static const struct format_named status_named[] = {
    { "default", "Default flux-resource status format string",
      "{state:>12}{up:>2} {nnodes:>6} {nodelist}" },
    { "long", "Long format, with reasons",
      "{state:>12}{up:>2} {nnodes:>6} {reason:<30.30+} {nodelist}" },
    { NULL, NULL, NULL },
};
static const struct format_set status_formats = { PROGRAM, "status",
                                                  "FLUX_RESOURCE_STATUS_FORMAT_DEFAULT",
                                                  status_named };

static const struct format_named drain_named[] = {
    { "default", "Default flux-resource drain format string",
      "{timestamp!d:%b%d %R::<12} {state:<8.8} {reason:<30.30+} {nodelist}" },
    { "long", "Long format, with ranks",
      "{timestamp!d:%FT%T::<19} {state:<8.8} {ranks:<8} {reason:<30} {nodelist}" },
    { NULL, NULL, NULL },
};
static const struct format_set drain_formats = { PROGRAM, "drain",
                                                 "FLUX_RESOURCE_DRAIN_FORMAT_DEFAULT",
                                                 drain_named };

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
    { .name = "states",
      .key = 's',
      .has_arg = 1,
      .arginfo = "STATE,...",
      .usage = "Nodes in these states: all, online, avail, offline, exclude, drain, "
               "draining, drained, torpid, allocated, housekeeping" },
    PART_OPTIONS,
    TABLE_OPTIONS,
    { .name = "skip-empty", .usage = "No rows without nodes, also with --states" },
    OPTPARSE_TABLE_END,
};

static const char status_states[] = "all,online,avail,offline,exclude,drain,draining,"
                                    "drained,torpid,allocated,housekeeping";

/* Is word one of the words of a list with commas? */
static bool in_list (const char *list, const char *word)
{
    size_t n = strlen (word);

    for (const char *s = list; s; s = strchr (s, ',')) {
        s += *s == ',';
        if (!strncmp (s, word, n) && (s[n] == ',' || !s[n]))
            return true;
    }
    return false;
}

static void check_state (const char *state, void *arg)
{
    bool help = !strcmp (state, "help");

    if (!help && in_list (status_states, state))
        return;
    if (!help)
        cmd_die ("ERROR: Invalid resource state %s specified, valid states: %s", state,
                 status_states);
    cmd_warn ("INFO: valid states: %s", status_states);
    exit (0);
}

/* Should a row of this state be shown? online and offline stand for all of them that
 * are so, and drain for both kinds. */
static bool state_wanted (const char *states, const struct resource_row *row)
{
    if (in_list (states, "all") || in_list (states, row->state))
        return true;
    if (in_list (states, "drain") && !strncmp (row->state, "drain", 5))
        return true;
    if (!strcmp (row->state, "allocated"))
        return false;
    return in_list (states, row->online ? "online" : "offline");
}

/* Only what --queue and --include leave. */
static void cut_rows (optparse_t *p, struct resource_table *t, const char *states)
{
    const char *queue = optparse_get_str (p, "queue", NULL);
    const char *targets = optparse_get_str (p, "include", NULL);
    bool empty = optparse_hasopt (p, "states") && !optparse_hasopt (p, "skip-empty");
    json_t *table = queue ? queue_table (queue_table_ask ()) : NULL;
    json_t *queues = queue ? queue_select (table, queue) : NULL;
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++) {
        struct resource_row row = t->rows[i];
        if (queues)
            row.r = only_queues (row.r, queues);
        row.r = include (row.r, targets);
        if (state_wanted (states, &row) && (!is_empty (row.r) || empty))
            t->rows[count++] = row;
        else
            rset_destroy (row.r);
    }
    t->count = count;
    json_decref (queues);
    json_decref (table);
}

/* A node is in one row, but for allocated: that is where it is used now. */
static void add_all_states (struct resource_table *t, const struct status *st,
                            const char *states)
{
    struct idset *available = rset_ranks (st->R),
                 *excluded = get_ids (st->o, "exclude");
    struct idset *torpid = get_ids (st->o, "torpid");
    struct resource_table drained = { 0 };
    struct idset *none = idset_create (0, IDSET_FLAG_AUTOGROW);

    (void)idset_subtract (available, excluded);
    add_drained (&drained, st, available);
    (void)idset_subtract (torpid, excluded);
    for (size_t i = 0; i < drained.count; i++) {
        struct idset *ranks = rset_ranks (drained.rows[i].r);
        (void)idset_subtract (torpid, ranks);
        idset_destroy (ranks);
    }
    (void)idset_subtract (available, torpid);
    add_ranks (t, st, (struct resource_row){ .state = "avail" }, available, true);
    add_ranks (t, st, (struct resource_row){ .state = "exclude" }, excluded, true);
    add_ranks (t, st, (struct resource_row){ .state = "draining" }, none, true);
    add_ranks (t, st, (struct resource_row){ .state = "drained" }, none, true);
    for (size_t i = 0; i < drained.count; i++)
        resource_table_add (t, drained.rows[i], rset_copy (drained.rows[i].r));
    add_ranks (t, st, (struct resource_row){ .state = "torpid" }, torpid, true);
    add_ranks (t, st, (struct resource_row){ .state = "housekeeping" }, none, true);
    if (in_list (states, "allocated") || in_list (states, "all"))
        add_ranks (t, st, (struct resource_row){ .state = "allocated" }, st->busy,
                   true);
    resource_table_fini (&drained);
    idset_destroy (none);
    idset_destroy (torpid);
    idset_destroy (available);
    idset_destroy (excluded);
}

/* An empty row says that a state has no nodes: not so if another row has some. */
static void drop_empty_twins (struct resource_table *t)
{
    size_t count = 0;

    for (size_t i = 0; i < t->count; i++) {
        bool twin = false;
        for (size_t k = 0; k < t->count; k++)
            twin |= k != i && !strcmp (t->rows[k].state, t->rows[i].state)
                    && (!is_empty (t->rows[k].r) || k < i);
        t->rows[i].twin = twin && is_empty (t->rows[i].r);
    }
    for (size_t i = 0; i < t->count; i++) {
        if (t->rows[i].twin)
            rset_destroy (t->rows[i].r);
        else
            t->rows[count++] = t->rows[i];
    }
    t->count = count;
}

static int run_status (optparse_t *p, int argc, char **argv)
{
    char *format = format_option (&status_formats, p);
    const char *states = optparse_get_str (
        p, "states", "avail,exclude,draining,drained,torpid,housekeeping");
    struct resource_table t = { 0 };
    struct status st;

    no_operands (p, argc, argv);
    each_state (states, check_state, NULL);
    fetch_status (&st);
    add_all_states (&t, &st, states);
    cut_rows (p, &t, states);
    resource_table_merge (&t, format);
    drop_empty_twins (&t);
    resource_table_print (&t, format, !optparse_hasopt (p, "no-header"));
    free (format);
    resource_table_fini (&t);
    status_fini (&st);
    return 0;
}

static struct optparse_option drain_opts[] = {
    { .name = "force",
      .key = 'f',
      .usage = "Also if drained already: a new reason; twice: a new time, too" },
    { .name = "update",
      .key = 'u',
      .usage = "Also if drained already: keep the reason" },
    PART_OPTIONS,
    TABLE_OPTIONS,
    OPTPARSE_TABLE_END,
};

static int list_drained (optparse_t *p)
{
    char *format = format_option (&drain_formats, p);
    struct resource_table t = { 0 };
    struct idset *available;
    struct status st;

    fetch_status (&st);
    available = rset_ranks (st.R);
    add_drained (&t, &st, available);
    cut_rows (p, &t, "all");
    resource_table_merge (&t, format);
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
    if (optparse_hasopt (p, "force") && optparse_hasopt (p, "update"))
        cmd_die ("ERROR: Only one of --force and --update may be specified");
    int forced = optparse_getopt (p, "force", NULL);
    if (forced > 0)
        mode = forced > 1 ? "force-overwrite" : "overwrite";
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
    { .name = "update",
      .key = 'u',
      .usage = "Those that are drained, and leave the others as they are" },
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
                           "mode",
                           optparse_hasopt (p, "force") || optparse_hasopt (p, "update")
                               ? "force"
                               : "default"),
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
    { .name = "match-context",
      .key = 'm',
      .has_arg = 1,
      .arginfo = "KEY=VAL",
      .usage = "With --wait: only such an event with this in its context" },
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "With --wait, --follow: give up after this time" },
    { .name = "include",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "TARGETS",
      .usage = "Only events that name these hosts or ranks" },
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

struct reading {
    struct eventlog_formatter fmt;
    const char *wait, *match; /* or NULL */
    struct idset *ranks;      /* or NULL: all */
    bool quiet;
};

/* "key=val": val is JSON, or else text. */
static bool context_has (json_t *context, const char *match)
{
    size_t n = match ? strcspn (match, "=") : 0;
    char key[64];

    if (!match)
        return true;
    snprintf (key, sizeof (key), "%.*s", (int)n, match);
    json_t *have = json_object_get (context, key);
    json_t *want = json_loads (match + n + 1, JSON_DECODE_ANY, NULL);
    const char *s = json_string_value (have);
    bool same = (want && json_equal (have, want)) || (s && !strcmp (s, match + n + 1));
    json_decref (want);
    return same;
}

/* Events that name no ranks concern all. */
static bool concerns (json_t *context, const struct idset *ranks)
{
    const char *s = json_string_value (json_object_get (context, "idset"));

    if (!s)
        s = json_string_value (json_object_get (context, "ranks"));
    struct idset *ids = s && ranks ? idset_decode (s) : NULL;
    bool yes = !ids || idset_has_intersection (ids, ranks);
    idset_destroy (ids);
    return yes;
}

/* True if it is the one that was waited for. */
static bool print_entry (json_t *entry, struct reading *r)
{
    const char *name = "";
    json_t *context = NULL;

    if (eventlog_entry_parse (entry, NULL, &name, &context) < 0
        || !concerns (context, r->ranks))
        return false;
    char *text = r->quiet ? NULL : eventlog_format (&r->fmt, entry);
    if (text)
        puts (text);
    free (text);
    return r->wait && !strcmp (name, r->wait) && context_has (context, r->match);
}

static bool print_entries (const char *s, struct reading *r)
{
    const char *end = s + strlen (s);
    const char *line;
    size_t len;
    bool found = false;

    while (!found && eventlog_next_line (&s, end, &line, &len)) {
        json_t *entry = eventlog_entry_decode (line, len);
        found = entry && print_entry (entry, r);
        json_decref (entry);
    }
    output_flush ();
    return found;
}

/* Ranks of --include: ranks, or hosts of this instance. */
static struct idset *included (const char *targets)
{
    struct idset *ids = targets ? idset_decode (targets) : NULL;
    const char *attr;

    if (ids || !targets)
        return ids;
    if (!(attr = flux_attr_get (cmd_open (), "hostlist")))
        cmd_die ("ERROR: hostlist: %s", strerror (errno));
    struct hostlist *all = hostlist_decode (attr), *some = hostlist_decode (targets);
    ids = idset_create (0, IDSET_FLAG_AUTOGROW);
    if (!all || !some || !ids)
        cmd_die ("ERROR: --include: '%s' is neither ranks nor hosts", targets);
    for (int i = 0; i < hostlist_count (all); i++)
        if (hostlist_find (some, hostlist_nth (all, i)) >= 0)
            idset_set (ids, i);
    hostlist_destroy (all);
    hostlist_destroy (some);
    return ids;
}

static void reading_init (struct reading *r, optparse_t *p)
{
    *r = (struct reading){
        .wait = optparse_get_str (p, "wait", NULL),
        .match = optparse_get_str (p, "match-context", NULL),
        .ranks = included (optparse_get_str (p, "include", NULL)),
        .quiet = optparse_hasopt (p, "quiet"),
    };
    if (r->match && !strchr (r->match, '='))
        cmd_usage_error (p, "invalid --match-context: %s: must be KEY=VAL", r->match);
    if (r->match && !r->wait)
        cmd_usage_error (p, "--match-context needs --wait");
    set_formatter (p, &r->fmt);
}

static int run_eventlog (optparse_t *p, int argc, char **argv)
{
    double timeout = optparse_get_duration (p, "timeout", -1.);
    bool follow = optparse_hasopt (p, "follow") || optparse_hasopt (p, "wait");
    int flags =
        follow ? FLUX_KVS_WATCH | FLUX_KVS_WAITCREATE | FLUX_KVS_WATCH_APPEND : 0;
    double end = clock_monotonic () + timeout;
    struct reading r;
    flux_future_t *f;
    const char *s;

    no_operands (p, argc, argv);
    reading_init (&r, p);
    f = flux_kvs_lookup (cmd_open (), KVS_PRIMARY_NAMESPACE, flags,
                         "resource.eventlog");
    while (f
           && (timeout < 0
               || flux_future_wait_for (f, fmax (end - clock_monotonic (), 0)) == 0)
           && flux_kvs_lookup_get (f, &s) == 0) {
        if (print_entries (s ? s : "", &r) || !follow) {
            flux_future_destroy (f);
            idset_destroy (r.ranks);
            return 0;
        }
        flux_future_reset (f);
    }
    if (errno == ETIMEDOUT)
        cmd_die ("ERROR: timeout%s%s", r.wait ? ": no event " : "",
                 r.wait ? r.wait : "");
    cmd_die ("ERROR: resource.eventlog: %s", cmd_future_error (f));
}

/* --- reload, acquire-mute --- */

static struct optparse_option reload_opts[] = {
    { .name = "xml",
      .key = 'x',
      .usage = "PATH is a directory of hwloc's files RANK.xml on the host of rank 0" },
    { .name = "force", .key = 'f', .usage = "Also with ranks that there are not" },
    OPTPARSE_TABLE_END,
};

static json_t *read_R (const char *path)
{
    flux_error_t error;
    char *text = file_read_all (path, NULL);
    struct rset *r;

    if (!text)
        cmd_die ("ERROR: %s: %s", path, flux_strerror (errno));
    if (!(r = rset_decode (text, &error)))
        cmd_die ("ERROR: %s: %s", path, error.text);
    json_t *o = rset_encode_json (r);
    rset_destroy (r);
    free (text);
    return o;
}

static int run_reload (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    bool xml = optparse_hasopt (p, "xml");
    char *path;

    if (argc - i != 1)
        cmd_usage_error (p, "the following arguments are required: path");
    if (xml && !(path = realpath (argv[i], NULL)))
        cmd_die ("ERROR: %s: %s", argv[i], strerror (errno));
    finish (flux_rpc_pack (cmd_open (), "resource.reload", 0, 0, "{s:o s:b}",
                           xml ? "xml" : "R",
                           xml ? json_string (path) : read_R (argv[i]), "force",
                           optparse_hasopt (p, "force") > 0),
            false);
    if (xml)
        free (path);
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
    { "info", "[OPTIONS]", "Count resources", run_info, 0, sum_opts },
    { "status", "[OPTIONS]", "Show which nodes are available, drained, excluded",
      run_status, 0, status_opts },
    { "drain", "[OPTIONS] [TARGETS [REASON...]]",
      "Keep nodes from new jobs, or list those that are", run_drain, 0, drain_opts },
    { "undrain", "[OPTIONS] TARGETS [REASON...]", "Give nodes back", run_undrain, 0,
      undrain_opts },
    { "R", "[OPTIONS]", "Print resources as R", run_R, 0, sum_opts },
    { "eventlog", "[OPTIONS]", "Print the eventlog of resources", run_eventlog, 0,
      eventlog_opts },
    { "reload", "[OPTIONS] PATH", "Replace R", run_reload, 0, reload_opts },
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
