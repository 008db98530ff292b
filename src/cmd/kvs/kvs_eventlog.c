/* flux kvs eventlog: get, append, wait-event. */
#include "base/buf.h"
#include "base/clock.h"
#include "cmd/kvs/kvs_cmd.h"
#include "cmd/output/output.h"

#include "value/eventlog.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_OPTIONS                                                                 \
    { .name = "human", .key = 'H', .usage = "Print times for people" },                \
    {                                                                                  \
        .name = "color", .key = 'L', .has_arg = 2, .arginfo = "WHEN",                  \
        .usage = "Use color: auto, always, never"                                      \
    }

/* --- get --- */

static struct optparse_option get_opts[] = {
    KVS_NS_OPTION,
    { .name = "waitcreate", .key = 'W', .usage = "Wait for the log to exist" },
    { .name = "watch", .key = 'w', .usage = "Print new events as they come" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "COUNT",
      .usage = "End after COUNT events" },
    { .name = "unformatted", .key = 'u', .usage = "Print the events as JSON" },
    { .name = "stream", .key = 'S', .usage = "Let a large log come in pieces" },
    FORMAT_OPTIONS,
    OPTPARSE_TABLE_END,
};

static struct eventlog_formatter formatter (optparse_t *p)
{
    bool human = optparse_hasopt (p, "human");

    return (struct eventlog_formatter){
        .time = human ? EVENTLOG_TIME_HUMAN : EVENTLOG_TIME_RAW,
        .json = optparse_hasopt (p, "unformatted"),
        .color = optparse_hasopt (p, "color") && optparse_get_color (p, "color")
    };
}

static void print_event (struct eventlog_formatter *fmt, const char *line, size_t len,
                         json_t *entry)
{
    char *s;

    if (fmt->json) {
        printf ("%.*s\n", (int)len, line);
    } else {
        if (!(s = eventlog_format (fmt, entry)))
            cmd_die ("eventlog_entry_format: %s", strerror (errno));
        puts (s);
        free (s);
    }
    output_flush ();
}

/* A large log comes in pieces, which end anywhere: the begin of a line. */
static struct buf partial = BUF_INIT;

/* The lines that a response brings. fn returns false to end. */
static bool each_event (flux_future_t *f,
                        bool (*fn) (const char *line, size_t len, json_t *entry,
                                    void *arg),
                        void *arg)
{
    const void *data;
    const char *pos, *line, *end;
    size_t size, len;
    bool more = true;

    if (flux_kvs_lookup_get_raw (f, &data, &size) < 0)
        cmd_die ("%s: %s", flux_kvs_lookup_get_key (f), cmd_future_error (f));
    if (buf_add (&partial, data ? data : "", size) < 0)
        cmd_die ("out of memory");
    pos = partial.data;
    end = memrchr (partial.data, '\n', partial.len);
    end = end ? end + 1 : pos;
    while (more && pos < end && eventlog_next_line (&pos, end, &line, &len)) {
        json_t *entry = eventlog_entry_decode (line, len);

        if (!entry)
            cmd_die ("eventlog_entry_decode: %s", strerror (errno));
        if (len > 0 && line[len - 1] == '\n')
            len--;
        more = fn (line, len, entry, arg);
        json_decref (entry);
    }
    buf_consume (&partial, pos - partial.data);
    return more;
}

struct get {
    struct eventlog_formatter fmt;
    int left; /* < 0: no limit */
};

static bool get_event (const char *line, size_t len, json_t *entry, void *arg)
{
    struct get *g = arg;

    print_event (&g->fmt, line, len, entry);
    return g->left < 0 || --g->left > 0;
}

static int cmd_get (optparse_t *p, int argc, char **argv)
{
    struct get g = { formatter (p), optparse_get_int (p, "count", -1) };
    const char *key = argv[optparse_option_index (p)];
    bool watch = optparse_hasopt (p, "watch");
    int flags = watch ? FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND : 0;
    bool many = watch || optparse_hasopt (p, "stream");
    flux_future_t *f;

    kvs_cmd_operands (p, argc, 1, 1);
    if (optparse_hasopt (p, "stream"))
        flags |= FLUX_KVS_STREAM;
    if (optparse_hasopt (p, "waitcreate"))
        flags |= FLUX_KVS_WAITCREATE;
    if (!(f = flux_kvs_lookup (cmd_open (), kvs_cmd_ns (p), flags, key)))
        cmd_die ("%s: %s", key, strerror (errno));
    while (flux_rpc_get (f, NULL) == 0 && each_event (f, get_event, &g) && many)
        flux_future_reset (f);
    if (flux_rpc_get (f, NULL) < 0 && errno != ENODATA)
        cmd_die ("%s: %s", key, cmd_future_error (f));
    if (partial.len > 0 && g.left != 0)
        cmd_die ("%s: the last event has no end", key);
    buf_fini (&partial);
    flux_future_destroy (f);
    return 0;
}

/* --- append --- */

static struct optparse_option append_opts[] = {
    KVS_NS_OPTION,
    { .name = "timestamp",
      .key = 't',
      .has_arg = 1,
      .arginfo = "SECONDS",
      .usage = "Seconds since the epoch instead of now" },
    OPTPARSE_TABLE_END,
};

static char *join_args (int argc, char **argv)
{
    size_t len = 1;
    char *s;

    for (int i = 0; i < argc; i++)
        len += strlen (argv[i]) + 1;
    if (!(s = calloc (1, len)))
        cmd_die ("out of memory");
    for (int i = 0; i < argc; i++) {
        if (i > 0)
            strcat (s, " ");
        strcat (s, argv[i]);
    }
    return s;
}

/* {"timestamp":2.500000, as it was typed: 2.5 */
static void trim_timestamp (char *line)
{
    char *end = strchr (line, ','), *pos = end ? end : strchr (line, '}'), *from = pos;

    while (pos && pos[-1] == '0' && pos[-2] != '.')
        pos--;
    if (pos)
        memmove (pos, from, strlen (from) + 1);
}

static int cmd_append (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f;
    json_t *context = NULL;
    char *line = NULL;

    kvs_cmd_operands (p, argc, 2, -1);
    if (argc > i + 2) {
        char *s = join_args (argc - i - 2, argv + i + 2);

        if (!(context = json_loads (s, 0, NULL)) || !json_is_object (context))
            cmd_die ("eventlog_entry_create: %s", strerror (EINVAL));
        free (s);
    }
    if (!(line = eventlog_line (optparse_get_double (p, "timestamp", 0.), argv[i + 1],
                                context)))
        cmd_die ("eventlog_entry_create: %s", strerror (errno));
    trim_timestamp (line);
    if (!txn || flux_kvs_txn_put (txn, FLUX_KVS_APPEND, argv[i], line) < 0)
        cmd_die ("%s: %s", argv[i], strerror (errno));
    if (!(f = flux_kvs_commit (cmd_open (), kvs_cmd_ns (p), 0, txn))
        || flux_future_get (f, NULL) < 0)
        cmd_die ("flux_kvs_commit: %s", cmd_future_error (f));
    flux_future_destroy (f);
    flux_kvs_txn_destroy (txn);
    json_decref (context);
    free (line);
    return 0;
}

/* --- wait-event --- */

static struct optparse_option wait_opts[] = {
    KVS_NS_OPTION,
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "SECONDS",
      .usage = "Give up after this time" },
    { .name = "waitcreate", .key = 'W', .usage = "Wait for the log to exist" },
    { .name = "unformatted", .key = 'u', .usage = "Print the event as JSON" },
    { .name = "quiet", .key = 'q', .usage = "Print nothing" },
    { .name = "verbose", .key = 'v', .usage = "Print the events before it too" },
    FORMAT_OPTIONS,
    OPTPARSE_TABLE_END,
};

struct wait {
    optparse_t *p;
    struct eventlog_formatter fmt;
    const char *name;
    bool found;
};

static bool check_event (const char *line, size_t len, json_t *entry, void *arg)
{
    struct wait *w = arg;
    const char *name;

    if (eventlog_entry_parse (entry, NULL, &name, NULL) < 0)
        return true;
    w->found = !strcmp (name, w->name);
    if (!optparse_hasopt (w->p, "quiet")
        && (w->found || optparse_hasopt (w->p, "verbose")))
        print_event (&w->fmt, line, len, entry);
    return !w->found;
}

static int cmd_wait_event (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    int flags = FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND;
    double timeout = optparse_get_duration (p, "timeout", -1.), end = -1.;
    struct wait w = { p, formatter (p), NULL, false };
    flux_future_t *f;

    kvs_cmd_operands (p, argc, 2, 2);
    w.name = argv[i + 1];
    if (optparse_hasopt (p, "waitcreate"))
        flags |= FLUX_KVS_WAITCREATE;
    if (!(f = flux_kvs_lookup (cmd_open (), kvs_cmd_ns (p), flags, argv[i])))
        cmd_die ("%s: %s", argv[i], strerror (errno));
    if (timeout >= 0)
        end = clock_monotonic () + timeout;
    while (!w.found) {
        double left = end < 0 ? -1. : end - clock_monotonic ();

        if (flux_future_wait_for (f, end < 0 ? -1. : left > 0 ? left : 0) < 0) {
            if (errno == ETIMEDOUT)
                cmd_die ("wait-event timeout on event '%s'", w.name);
            cmd_die ("%s: %s", argv[i], strerror (errno));
        }
        if (flux_rpc_get (f, NULL) < 0)
            cmd_die ("%s: %s", argv[i], cmd_future_error (f));
        if (each_event (f, check_event, &w))
            flux_future_reset (f);
    }
    flux_future_destroy (f);
    return 0;
}

struct optparse_subcommand kvs_eventlog_subcommands[] = {
    { "get", "[OPTIONS] KEY", "Print an eventlog", cmd_get, 0, get_opts },
    { "append", "[OPTIONS] KEY NAME [CONTEXT...]", "Append an event", cmd_append, 0,
      append_opts },
    { "wait-event", "[OPTIONS] KEY EVENT", "Wait for an event", cmd_wait_event, 0,
      wait_opts },
    OPTPARSE_SUBCMD_END,
};

int kvs_cmd_eventlog (optparse_t *p, int argc, char **argv)
{
    return kvs_cmd_group (p, argc, argv, kvs_eventlog_subcommands);
}
