/* flux job info, eventlog, wait-event. */
#include "cmd/job/job.h"
#include "cmd/output/output.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOOKUP_CURRENT 2

struct optparse_option job_info_opts[] = {
    { .name = "original", .key = 'o', .usage = "For key jobspec: as it was submitted" },
    { .name = "base", .key = 'b', .usage = "For keys jobspec and R: without updates" },
    OPTPARSE_TABLE_END,
};

static flux_future_t *lookup (flux_jobid_t id, const char *key, int flags)
{
    flux_future_t *f = flux_rpc_pack (cmd_open (), "job-info.lookup", FLUX_NODEID_ANY,
                                      0, "{s:I s:[s] s:i}", "id", (json_int_t)id,
                                      "keys", key, "flags", flags);

    if (!f)
        cmd_die ("%s", strerror (errno));
    return f;
}

/* ENOENT can mean the job or the key. */
static void die_lookup (flux_future_t *f, flux_jobid_t id, const char *key)
{
    if (errno == ENOENT) {
        flux_future_t *f2 = lookup (id, "eventlog", 0);
        if (flux_future_get (f2, NULL) < 0 && errno == ENOENT)
            cmd_die ("invalid job id");
        cmd_die ("%s: key not found", key);
    }
    cmd_die ("%s", cmd_future_error (f));
}

int job_info (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, 2);
    flux_jobid_t id = cmd_jobid (argv[i]);
    const char *key = argv[i + 1], *value, *lookup_key = key ? job_path (key) : NULL;
    bool original = optparse_hasopt (p, "original");
    int flags = 0;
    json_t *o;
    char *s = NULL;

    if (!key)
        cmd_die ("a key is needed: J, R, eventlog, jobspec, guest.exec.eventlog, "
                 "guest.input, guest.output, or another one of the job's directory");
    if (original && strcmp (key, "jobspec") == 0)
        lookup_key = "J";
    else if (!optparse_hasopt (p, "base")
             && (strcmp (key, "jobspec") == 0 || strcmp (key, "R") == 0))
        flags = LOOKUP_CURRENT;
    flux_future_t *f = lookup (id, lookup_key, flags);
    if (flux_rpc_get_unpack (f, "{s:o}", lookup_key, &o) < 0)
        die_lookup (f, id, key);
    if (!(value = json_string_value (o)))
        value = s = json_dumps (o, JSON_COMPACT | JSON_ENCODE_ANY);
    if (original && strcmp (lookup_key, "J") == 0) {
        flux_error_t error;
        if (!(value = s = flux_unwrap_string (value, false, NULL, &error)))
            cmd_die ("%s", error.text);
    }
    size_t len = strlen (value);
    fwrite (value, 1, len, stdout);
    if (len == 0 || value[len - 1] != '\n')
        putchar ('\n');
    free (s);
    flux_future_destroy (f);
    return 0;
}

/* --- eventlogs --- */

#define FORMAT_OPTIONS                                                                 \
    { .name = "format",                                                                \
      .key = 'f',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "FORMAT",                                                             \
      .usage = "text or json" },                                                       \
        { .name = "time-format",                                                       \
          .key = 'T',                                                                  \
          .has_arg = 1,                                                                \
          .arginfo = "FORMAT",                                                         \
          .usage = "raw, iso, offset or human" },                                      \
        { .name = "human", .key = 'H', .usage = "Like --time-format=human" },          \
        { .name = "color",                                                             \
          .key = 'L',                                                                  \
          .has_arg = 2,                                                                \
          .arginfo = "WHEN",                                                           \
          .usage = "auto, always or never" },                                          \
    {                                                                                  \
        .name = "path", .key = 'p', .has_arg = 1, .arginfo = "PATH",                   \
        .usage = "exec, output, input, or a key of the job"                            \
    }

struct optparse_option job_eventlog_opts[] = {
    FORMAT_OPTIONS,
    { .name = "follow", .key = 'F', .usage = "Go on until the log ends" },
    OPTPARSE_TABLE_END,
};

static struct eventlog_formatter formatter (optparse_t *p)
{
    struct eventlog_formatter fmt = { .time = EVENTLOG_TIME_RAW };
    const char *format = optparse_get_str (p, "format", "text");
    const char *t = optparse_get_str (p, "time-format", "raw");

    if (optparse_hasopt (p, "human"))
        t = "human";
    fmt.json = strcasecmp (format, "json") == 0;
    if (!fmt.json && strcasecmp (format, "text") != 0)
        cmd_die ("invalid format type: %s", format);
    if (strcasecmp (t, "iso") == 0)
        fmt.time = EVENTLOG_TIME_ISO;
    else if (strcasecmp (t, "offset") == 0)
        fmt.time = EVENTLOG_TIME_OFFSET;
    else if (strcasecmp (t, "human") == 0)
        fmt.time = EVENTLOG_TIME_HUMAN;
    else if (strcasecmp (t, "raw") != 0)
        cmd_die ("invalid time-format type: %s", t);
    if (optparse_hasopt (p, "color"))
        fmt.color = optparse_get_color (p, "color");
    return fmt;
}

static void print_entry (struct eventlog_formatter *fmt, json_t *entry)
{
    char *s = eventlog_format (fmt, entry);

    if (s)
        puts (s);
    free (s);
}

static int follow_eventlog (optparse_t *p, flux_jobid_t id, const char *path,
                            const char *name)
{
    struct eventlog_formatter fmt = formatter (p);
    /* The job has to exist; its other logs come when it runs. */
    bool main_log = strcmp (path, "eventlog") == 0;
    flux_future_t *f = flux_job_event_watch (
        cmd_open (), id, path, main_log ? 0 : FLUX_JOB_EVENT_WATCH_WAITCREATE);
    const char *line;

    while (flux_job_event_watch_get (f, &line) == 0) {
        json_t *entry = eventlog_entry_decode (line, strlen (line));
        if (entry)
            print_entry (&fmt, entry);
        json_decref (entry);
        output_flush ();
        flux_future_reset (f);
    }
    if (errno != ENODATA)
        die_lookup (f, id, name);
    flux_future_destroy (f);
    return 0;
}

int job_eventlog (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, 1);
    flux_jobid_t id = cmd_jobid (argv[i]);
    const char *name = optparse_get_str (p, "path", "eventlog");
    const char *path = job_path (name), *text;
    struct eventlog_formatter fmt = formatter (p);
    json_t *log, *entry;
    size_t n;

    if (optparse_hasopt (p, "follow"))
        return follow_eventlog (p, id, path, name);
    flux_future_t *f = lookup (id, path, 0);
    if (flux_rpc_get_unpack (f, "{s:s}", path, &text) < 0) {
        if (errno == ENOENT && strcmp (name, "eventlog") == 0)
            cmd_die ("job %s not found", argv[i]);
        if (errno == ENOENT)
            cmd_die ("eventlog path %s not found", path);
        die_lookup (f, id, name);
    }
    if (!(log = eventlog_decode (text, strlen (text))))
        cmd_die ("%s: malformed eventlog", path);
    json_array_foreach (log, n, entry)
        print_entry (&fmt, entry);
    json_decref (log);
    flux_future_destroy (f);
    return 0;
}

/* --- wait-event --- */

struct optparse_option job_wait_event_opts[] = {
    FORMAT_OPTIONS,
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Give up after this time" },
    { .name = "match-context",
      .key = 'm',
      .has_arg = 1,
      .arginfo = "KEY=VAL",
      .usage = "The event's context must have this" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Wait for the Nth such event" },
    { .name = "quiet", .key = 'q', .usage = "Do not print the event" },
    { .name = "verbose", .key = 'v', .usage = "Print the events before it too" },
    { .name = "waitcreate", .key = 'W', .usage = "The log need not exist yet" },
    OPTPARSE_TABLE_END,
};

struct wait_event {
    const char *name;
    char *key, *value; /* of match-context, or NULL */
    int count;
    bool quiet, verbose;
    struct eventlog_formatter fmt;
    int rc;
};

static bool context_matches (const struct wait_event *w, json_t *context)
{
    if (!w->key)
        return true;
    json_t *v = json_object_get (context, w->key);
    if (!v)
        return false;
    if (json_is_string (v) && strcmp (json_string_value (v), w->value) == 0)
        return true;
    char *s = json_dumps (v, JSON_COMPACT | JSON_ENCODE_ANY);
    bool match = s && strcmp (s, w->value) == 0;
    free (s);
    return match;
}

/* True if this was the one. */
static bool take_event (struct wait_event *w, const char *line)
{
    json_t *entry = eventlog_entry_decode (line, strlen (line)), *context;
    const char *name;
    bool found = false;

    if (entry && eventlog_entry_parse (entry, NULL, &name, &context) == 0) {
        found = strcmp (name, w->name) == 0 && context_matches (w, context)
                && --w->count <= 0;
        if ((found && !w->quiet) || (!found && w->verbose)) {
            print_entry (&w->fmt, entry);
            output_flush ();
        }
    }
    json_decref (entry);
    return found;
}

static void wait_event_cb (flux_future_t *f, void *arg)
{
    struct wait_event *w = arg;
    const char *line;

    if (flux_job_event_watch_get (f, &line) < 0) {
        w->rc = errno;
    } else if (take_event (w, line)) {
        w->rc = 0;
    } else {
        flux_future_reset (f);
        return;
    }
    flux_reactor_stop (flux_future_get_reactor (f));
}

static void timeout_cb (flux_reactor_t *r, flux_watcher_t *t, int revents, void *arg)
{
    struct wait_event *w = arg;

    w->rc = ETIMEDOUT;
    flux_reactor_stop (r);
}

int job_wait_event (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 2, 2);
    flux_t *h = cmd_open ();
    flux_jobid_t id = cmd_jobid (argv[i]);
    const char *name = optparse_get_str (p, "path", "eventlog");
    const char *match = optparse_get_str (p, "match-context", NULL);
    double timeout = optparse_get_duration (p, "timeout", -1.);
    struct wait_event w = {
        .name = argv[i + 1],
        .count = optparse_get_int (p, "count", 1),
        .quiet = optparse_hasopt (p, "quiet"),
        .verbose = optparse_hasopt (p, "verbose"),
        .fmt = formatter (p),
        .rc = -1,
    };
    flux_watcher_t *timer = NULL;

    if (match) {
        if (!(w.key = strdup (match)) || !(w.value = strchr (w.key, '=')))
            cmd_die ("must specify a context test as key=value");
        *w.value++ = '\0';
    }
    if (w.count <= 0)
        cmd_die ("count must be > 0");
    flux_future_t *f = flux_job_event_watch (
        h, id, job_path (name),
        optparse_hasopt (p, "waitcreate") ? FLUX_JOB_EVENT_WATCH_WAITCREATE : 0);
    if (!f || flux_future_then (f, -1., wait_event_cb, &w) < 0)
        cmd_die ("%s", strerror (errno));
    if (timeout >= 0) {
        timer = flux_timer_watcher_create (flux_get_reactor (h), timeout, 0.,
                                           timeout_cb, &w);
        flux_watcher_start (timer);
    }
    flux_reactor_run (flux_get_reactor (h), 0);
    switch (w.rc) {
    case 0:
        break;
    case ENODATA:
        cmd_die ("event '%s' never received", w.name);
    case ETIMEDOUT:
        cmd_die ("wait-event timeout on event '%s'", w.name);
    case ENOENT:
        if (strcmp (name, "eventlog") == 0)
            cmd_die ("job %s not found, or it has no such eventlog", argv[i]);
        cmd_die ("eventlog path %s not found", job_path (name));
    default:
        cmd_die ("%s", cmd_future_error (f));
    }
    flux_watcher_destroy (timer);
    flux_future_destroy (f);
    free (w.key);
    return 0;
}
