/* flux queue: submission and scheduling, and how much is going on. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "cmd/resource/queue_list.h"

#include <stdlib.h>
#include <string.h>

static const char names[] = "{list,status,enable,disable,start,stop,drain,idle}";

static int usage_error (const char *fmt, const char *arg);

static void __attribute__ ((noreturn, format (printf, 2, 3)))
fail (const char *what, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    cmd_die ("ERROR: %s: %s", what, text);
}

/* Waits for the answer; dies. Owned by the caller. */
static flux_future_t *rpc (const char *what, const char *topic, json_t *take_payload)
{
    char *s = json_dumps (take_payload, JSON_COMPACT);
    flux_future_t *f = flux_rpc (cmd_open (), topic, s, FLUX_NODEID_ANY, 0);

    if (!f || flux_future_get (f, NULL) < 0)
        fail (what, "%s", f ? cmd_future_error (f) : strerror (errno));
    json_decref (take_payload);
    free (s);
    return f;
}

/* Names of all queues; empty if there is only the anonymous one. */
static json_t *queue_names (const char *what, flux_future_t **f)
{
    json_t *queues;

    *f = rpc (what, "job-manager.queue-list", json_object ());
    if (flux_rpc_get_unpack (*f, "{s:o}", "queues", &queues) < 0)
        fail (what, "%s", cmd_future_error (*f));
    return queues;
}

static void print_reason (const char *reason)
{
    printf ("%s%s\n", reason ? ": " : "", safe (reason));
}

static void print_status (const char *what, const char *name, bool submission,
                          bool scheduling)
{
    const char *disabled = NULL, *stopped = NULL;
    int enable, start;
    flux_future_t *f = rpc (what, "job-manager.queue-status",
                            name ? json_pack ("{s:s}", "name", name) : json_object ());

    if (flux_rpc_get_unpack (f, "{s:b s:b s?s s?s}", "enable", &enable, "start", &start,
                             "disable_reason", &disabled, "stop_reason", &stopped)
        < 0)
        fail (what, "%s", cmd_future_error (f));
    if (submission) {
        printf ("%s%sJob submission is %s", safe (name), name ? ": " : "",
                enable ? "enabled" : "disabled");
        print_reason (enable ? NULL : disabled);
    }
    if (scheduling) {
        printf ("%s%sScheduling is %s", safe (name), name ? ": " : "",
                start ? "started" : "stopped");
        print_reason (start ? NULL : stopped);
    }
    flux_future_destroy (f);
}

/* Of one queue, or of all that there are. */
static void print_all (const char *what, const char *name, bool submission,
                       bool scheduling)
{
    flux_future_t *f;
    json_t *queues, *o;
    size_t i;

    if (name) {
        print_status (what, name, submission, scheduling);
        return;
    }
    queues = queue_names (what, &f);
    if (json_array_size (queues) == 0)
        print_status (what, NULL, submission, scheduling);
    json_array_foreach (queues, i, o)
        print_status (what, json_string_value (o), submission, scheduling);
    flux_future_destroy (f);
}

static const char *selected (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);

    const char *name = optparse_get_str (p, "queue", NULL);

    return name || i >= argc ? name : argv[i];
}

static struct optparse_option status_opts[] = {
    { .name = "queue",
      .key = 'q',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Name of the queue" },
    { .name = "all", .key = 'a', .usage = "All queues, as without a name" },
    { .name = "verbose", .key = 'v', .usage = "Count requests and jobs too" },
    OPTPARSE_TABLE_END,
};

static int run_status (optparse_t *p, int argc, char **argv)
{
    int queued, pending, running;

    if (optparse_hasopt (p, "all") && selected (p, argc, argv))
        return usage_error ("%s", "--all and the name of a queue exclude each other");
    print_all ("status", selected (p, argc, argv), true, true);
    if (!optparse_hasopt (p, "verbose"))
        return 0;
    flux_future_t *f = rpc ("status", "job-manager.alloc-query", json_object ());
    if (flux_rpc_get_unpack (f, "{s:i s:i s:i}", "queue_length", &queued,
                             "alloc_pending", &pending, "running", &running)
        < 0)
        fail ("status", "%s", cmd_future_error (f));
    printf ("%d alloc requests queued\n%d alloc requests pending to scheduler\n%d "
            "running jobs\n",
            queued, pending, running);
    flux_future_destroy (f);
    return 0;
}

#define SELECT_OPTIONS                                                                 \
    { .name = "queue",                                                                 \
      .key = 'q',                                                                      \
      .has_arg = 1,                                                                    \
      .arginfo = "NAME",                                                               \
      .usage = "Name of the queue" },                                                  \
        { .name = "all", .key = 'a', .usage = "All queues" },                          \
        { .name = "quiet", .usage = "Print only errors" },                             \
    {                                                                                  \
        .name = "verbose", .key = 'v', .usage = "Print all queues"                     \
    }
#define MESSAGE_OPTION                                                                 \
    {                                                                                  \
        .name = "message", .key = 'm', .has_arg = 1, .arginfo = "REASON",              \
        .usage = "Why, for people"                                                     \
    }

static struct optparse_option on_opts[] = { SELECT_OPTIONS, OPTPARSE_TABLE_END };
static struct optparse_option off_opts[] = {
    SELECT_OPTIONS,
    MESSAGE_OPTION,
    { .name = "nocheckpoint", .usage = "Forget it when the instance restarts" },
    OPTPARSE_TABLE_END,
};

/* Enable, disable, start and stop differ in a key. */
static int set (optparse_t *p, int argc, char **argv, const char *key, bool on)
{
    const char *name = selected (p, argc, argv);
    bool submission = strcmp (key, "enable") == 0, all = optparse_hasopt (p, "all");
    const char *what =
        submission ? (on ? "enable" : "disable") : (on ? "start" : "stop");
    const char *reason =
        on ? NULL
           : optparse_get_str (p, "message",
                               submission ? "disabled by administrator" : NULL);

    char topic[64];
    json_t *o;
    flux_future_t *f;

    if (!all && !name) {
        if (json_array_size (queue_names (what, &f)) > 0)
            fail (what, "Named queues are defined: use --all to %s all of them", what);
        flux_future_destroy (f);
    }
    o = json_pack ("{s:b s:b s:s* s:s*}", key, on, "all", all, "name", name, "reason",
                   reason);
    if (!on && optparse_hasopt (p, "nocheckpoint"))
        json_object_set_new (o, "nocheckpoint", json_true ());
    snprintf (topic, sizeof (topic), "job-manager.queue-%s", key);
    flux_future_destroy (rpc (what, topic, o));
    if (!optparse_hasopt (p, "quiet"))
        print_all (what, all || optparse_hasopt (p, "verbose") ? NULL : name,
                   submission, !submission);
    return 0;
}

static int run_enable (optparse_t *p, int argc, char **argv)
{
    return set (p, argc, argv, "enable", true);
}

static int run_disable (optparse_t *p, int argc, char **argv)
{
    return set (p, argc, argv, "enable", false);
}

static int run_start (optparse_t *p, int argc, char **argv)
{
    return set (p, argc, argv, "start", true);
}

static int run_stop (optparse_t *p, int argc, char **argv)
{
    return set (p, argc, argv, "start", false);
}

static struct optparse_option wait_opts[] = {
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Give up after this time" },
    { .name = "quiet", .key = 'q', .usage = "Do not print the number of pending jobs" },
    OPTPARSE_TABLE_END,
};

/* The number of jobs that are pending when it is over. */
static int wait_for (optparse_t *p, const char *what, const char *topic)
{
    double timeout = optparse_get_duration (p, "timeout", -1.);
    flux_future_t *f = flux_rpc (cmd_open (), topic, "{}", FLUX_NODEID_ANY, 0);
    int pending;

    if (!f)
        fail (what, "%s", strerror (errno));
    if (flux_future_wait_for (f, timeout) < 0 && errno == ETIMEDOUT)
        fail (what, "timeout");
    if (flux_rpc_get_unpack (f, "{s:i}", "pending", &pending) < 0)
        fail (what, "%s", cmd_future_error (f));
    flux_future_destroy (f);
    return pending;
}

static int run_drain (optparse_t *p, int argc, char **argv)
{
    wait_for (p, "drain", "job-manager.drain");
    return 0;
}

static int run_idle (optparse_t *p, int argc, char **argv)
{
    int pending = wait_for (p, "idle", "job-manager.idle");

    if (!optparse_hasopt (p, "quiet"))
        printf ("%d job%s\n", pending, pending == 1 ? "" : "s");
    return 0;
}

static const struct sub {
    const char *name, *usage, *doc;
    int operands; /* at most; --queue is one of them */
    struct optparse_option *opts;
    int (*run) (optparse_t *p, int argc, char **argv);
} subs[] = {
    { "list", "[-n] [-o FORMAT] [-q QUEUE,...]", "list queues and their limits", 0,
      queue_list_opts, queue_list },
    { "status", "[-v] [QUEUE]", "is submission enabled, and scheduling started?", 1,
      status_opts, run_status },
    { "enable", "[-a] [-q] [QUEUE]", "enable job submission", 1, on_opts, run_enable },
    { "disable", "[-a] [-m REASON] [QUEUE]", "disable job submission", 1, off_opts,
      run_disable },
    { "start", "[-a] [QUEUE]", "start scheduling", 1, on_opts, run_start },
    { "stop", "[-a] [-m REASON] [QUEUE]", "stop scheduling", 1, off_opts, run_stop },
    { "drain", "[-t FSD]", "wait until no job is active", 0, wait_opts, run_drain },
    { "idle", "[-q] [-t FSD]", "wait until no job is running", 0, wait_opts, run_idle },
};
#define NSUBS (sizeof (subs) / sizeof (subs[0]))

static void help (void)
{
    printf ("usage: flux-queue [-h] %s ...\n\n"
            "options:\n"
            "  -h, --help            show this help message and exit\n\n"
            "subcommands:\n\n"
            "  %s\n",
            names, names);
    for (size_t i = 0; i < NSUBS; i++)
        printf ("    %-20s%s\n", subs[i].name, subs[i].doc);
}

static int usage_error (const char *fmt, const char *arg)
{
    fprintf (stderr, "usage: flux-queue [-h] %s ...\nflux-queue: error: ", names);
    fprintf (stderr, fmt, arg);
    fputc ('\n', stderr);
    return 2;
}

static int run_sub (const struct sub *sub, int argc, char **argv)
{
    char name[64];
    int rc;

    snprintf (name, sizeof (name), "flux-queue %s", sub->name);
    optparse_t *p = optparse_create (name);
    if (!p || optparse_set (p, OPTPARSE_USAGE, sub->usage) != OPTPARSE_SUCCESS
        || optparse_set (p, OPTPARSE_POSIXLY_CORRECT, 0) != OPTPARSE_SUCCESS
        || optparse_add_option_table (p, sub->opts) != OPTPARSE_SUCCESS)
        cmd_die ("bad option table");
    if (optparse_parse_args (p, argc, argv) < 0)
        exit (2);
    int more = optparse_option_index (p) + sub->operands
               - (sub->operands > 0 && optparse_hasopt (p, "queue"));
    rc = more < argc ? usage_error ("unrecognized arguments: %s", argv[more])
                     : sub->run (p, argc, argv);
    optparse_destroy (p);
    return rc;
}

static int run (optparse_t *p, int argc, char **argv)
{
    if (argc > 1 && (strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "--help") == 0)) {
        help ();
        return 0;
    }
    if (argc < 2)
        return usage_error ("the following arguments are required: %s", "subcommand");
    for (size_t i = 0; i < NSUBS; i++) {
        if (strcmp (argv[1], subs[i].name) == 0)
            return run_sub (&subs[i], argc - 1, argv + 1);
    }
    return usage_error ("invalid choice: '%s'", argv[1]);
}

const struct command cmd_queue = {
    .name = "queue",
    .summary = "Manage job queues",
    .usage = "[-h] SUBCOMMAND ...",
    .group = "jobs",
    .run = run,
    .flags = CMD_RAW_ARGS | CMD_USAGE2,
};
