/* flux startlog: when the instance started and ended. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include "base/clock.h"
#include "value/eventlog.h"
#include "value/fsd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct optparse_option options[] = {
    { .name = "check", .usage = "Exit with 1 if the last instance crashed" },
    { .name = "quiet", .usage = "Print nothing but errors" },
    { .name = "show-version", .key = 'v', .usage = "Print the version of each start" },
    OPTPARSE_TABLE_END,
};

static void format_date (char *buf, size_t size, double t)
{
    time_t sec = t;
    struct tm tm;

    localtime_r (&sec, &tm);
    strftime (buf, size, "%Y-%m-%d %H:%M", &tm);
}

/* end 0: it did not say; running: it is this one. */
static void print_run (optparse_t *p, double start, double end, bool running,
                       const char *version)
{
    double seconds = (running ? clock_wall () : end) - start;
    char from[32], to[32], time[32];

    if (optparse_hasopt (p, "show-version"))
        printf ("%25s  ", safe (version));
    format_date (from, sizeof (from), start);
    if (fsd_format_digits (time, sizeof (time), seconds > 0 ? seconds : 0, 2) < 0)
        snprintf (time, sizeof (time), "?");
    if (running)
        printf ("%s - running (%s)\n", from, time);
    else if (end == 0)
        printf ("%s - crashed\n", from);
    else {
        format_date (to, sizeof (to), end);
        printf ("%s - %s (%s)\n", from, to, time);
    }
}

/* True if the last instance before this one crashed. */
static bool print_log (optparse_t *p, json_t *log)
{
    bool quiet = optparse_hasopt (p, "quiet"), crashed = false;
    const char *version = "";
    double start = 0;
    json_t *entry;
    size_t i;

    json_array_foreach (log, i, entry) {
        json_t *context = NULL;
        const char *name;
        double t;

        if (eventlog_entry_parse (entry, &t, &name, &context) < 0)
            continue;
        if (!strcmp (name, "start")) {
            if ((crashed = start > 0) && !quiet)
                print_run (p, start, 0, false, version);
            start = t;
            version = json_string_value (json_object_get (context, "core-version"));
        } else if (!strcmp (name, "finish") && start > 0) {
            if (!quiet)
                print_run (p, start, t, false, version);
            start = 0;
        }
    }
    if (start > 0 && !quiet)
        print_run (p, start, 0, true, version);
    return crashed;
}

static int run (optparse_t *p, int argc, char **argv)
{
    flux_future_t *f;
    const void *data;
    json_t *log;
    size_t len;
    bool crashed;

    if (optparse_option_index (p) < argc)
        cmd_usage_error (p, "unexpected argument '%s'",
                         argv[optparse_option_index (p)]);
    if (!(f = flux_kvs_lookup (cmd_open (), KVS_PRIMARY_NAMESPACE, 0, "admin.eventlog"))
        || flux_kvs_lookup_get_raw (f, &data, &len) < 0)
        cmd_die ("admin.eventlog: %s", cmd_future_error (f));
    if (!(log = eventlog_decode (data ? data : "", len)))
        cmd_die ("admin.eventlog: %s", strerror (errno));
    crashed = print_log (p, log);
    json_decref (log);
    flux_future_destroy (f);
    return crashed && optparse_hasopt (p, "check") ? 1 : 0;
}

const struct command cmd_startlog = {
    .name = "startlog",
    .summary = "List when the instance started and ended",
    .usage = "[OPTIONS]",
    .group = "instance",
    .options = options,
    .run = run,
};
