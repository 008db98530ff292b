/* flux job id, last, namespace, taskmap, timeleft. */
#include "base/clock.h"
#include "cmd/job/job.h"
#include "value/fsd.h"
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <flux/taskmap.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct optparse_option job_id_opts[] = {
    { .name = "to",
      .key = 't',
      .has_arg = 1,
      .arginfo = "dec|kvs|hex|dothex|words|f58|f58plain|emoji",
      .usage = "Convert to this form (default: dec)" },
    OPTPARSE_TABLE_END,
};

static void print_id (const char *s, const char *type)
{
    flux_jobid_t id;
    char buf[128];

    if (strncmp (s, "job.", 4) == 0)
        s += 4;
    if (flux_job_id_parse (s, &id) < 0)
        cmd_die ("%s: malformed input", s);
    if (flux_job_id_encode (id, type, buf, sizeof (buf)) < 0)
        cmd_die ("Unknown id encoding: %s", type);
    puts (buf);
}

/* Operands, or the lines of stdin if there are none. */
static void for_each_word (int argc, char **argv, int i,
                           void (*fn) (const char *s, const char *arg), const char *arg)
{
    char *line = NULL;
    size_t size = 0;

    if (i < argc) {
        for (; i < argc; i++)
            fn (argv[i], arg);
        return;
    }
    while (getline (&line, &size, stdin) >= 0) {
        line[strcspn (line, "\n")] = '\0';
        if (*line)
            fn (line, arg);
    }
    free (line);
}

int job_id (optparse_t *p, int argc, char **argv)
{
    for_each_word (argc, argv, optparse_option_index (p), print_id,
                   optparse_get_str (p, "to", "dec"));
    return 0;
}

static void print_namespace (const char *s, const char *arg)
{
    char buf[64];

    flux_job_kvs_namespace (buf, sizeof (buf), cmd_jobid (s));
    puts (buf);
}

int job_namespace (optparse_t *p, int argc, char **argv)
{
    for_each_word (argc, argv, optparse_option_index (p), print_namespace, NULL);
    return 0;
}

/* --- stats --- */

int job_stats (optparse_t *p, int argc, char **argv)
{
    job_operands (p, argc, 0, 0);
    flux_future_t *f = flux_rpc (cmd_open (), "job-list.job-stats", "{}", 0, 0);
    json_t *o = cmd_rpc_json (f, NULL);
    char *s = json_dumps (o, JSON_COMPACT);

    puts (s ? s : "");
    free (s);
    json_decref (o);
    flux_future_destroy (f);
    return 0;
}

/* --- last --- */

static json_t *slice_part (const char *s, size_t len)
{
    char buf[32], *end;

    if (len == 0)
        return json_null ();
    if (len < sizeof (buf)) {
        memcpy (buf, s, len);
        buf[len] = '\0';
        long n = strtol (buf, &end, 10);
        if (*end == '\0')
            return json_integer (n);
    }
    return NULL;
}

/* N is the newest N; [start:stop:step] is as in Python, newest first. */
static json_t *parse_slice (const char *arg)
{
    const char *names[] = { "start", "stop", "step" };
    json_t *o = json_object ();
    size_t len = strlen (arg);

    if (arg[0] != '[') {
        json_t *n = slice_part (arg, len);
        if (!n || json_integer_value (n) <= 0)
            cmd_die ("Error parsing slice: %s", arg);
        json_object_set_new (o, "stop", n);
        return o;
    }
    if (arg[len - 1] != ']')
        cmd_die ("Error parsing slice: %s", arg);
    arg++;
    if (!strchr (arg, ':')) { /* one index */
        json_t *n = slice_part (arg, strlen (arg) - 1);
        if (!json_is_integer (n))
            cmd_die ("Error parsing slice: [%s", arg);
        json_int_t i = json_integer_value (n);
        json_object_set_new (o, "start", n);
        if (i != -1)
            json_object_set_new (o, "stop", json_integer (i + 1));
        return o;
    }
    for (int i = 0; i < 3 && *arg; i++) {
        size_t n = strcspn (arg, ":]");
        json_t *v = slice_part (arg, n);
        if (!v)
            cmd_die ("Error parsing slice: %s", arg);
        json_object_set_new (o, names[i], v);
        arg += n;
        if (*arg == ']')
            break;
        arg++;
    }
    return o;
}

int job_last (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 0, 1);
    json_t *slice = parse_slice (i < argc ? argv[i] : "1"), *jobs, *o;
    char *payload = json_dumps (slice, 0);
    size_t k;
    flux_future_t *f =
        flux_rpc (cmd_open (), "job-manager.history.get", payload, FLUX_NODEID_ANY, 0);

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "jobs", &jobs) < 0)
        cmd_die ("%s", f ? cmd_future_error (f) : strerror (errno));
    if (json_array_size (jobs) == 0)
        cmd_die ("job history is empty");
    json_array_foreach (jobs, k, o)
        puts (cmd_f58 (json_integer_value (o)));
    flux_future_destroy (f);
    free (payload);
    json_decref (slice);
    return 0;
}

/* --- taskmap --- */

struct optparse_option job_taskmap_opts[] = {
    { .name = "to",
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "raw, pmi, hosts, or multiline: the node of each task" },
    { .name = "taskids",
      .has_arg = 1,
      .arginfo = "NODEID",
      .usage = "Print the tasks of a node" },
    { .name = "ntasks",
      .has_arg = 2,
      .arginfo = "NODEID",
      .usage = "Print the number of tasks, in all or of a node" },
    { .name = "nodeid",
      .has_arg = 1,
      .arginfo = "TASKID",
      .usage = "Print the node of a task" },
    { .name = "hostname",
      .has_arg = 1,
      .arginfo = "TASKID",
      .usage = "Print the host of a task" },
    OPTPARSE_TABLE_END,
};

json_t *job_taskmap_wait (flux_jobid_t id, double timeout)
{
    flux_future_t *f = flux_job_event_watch (cmd_open (), id, "guest.exec.eventlog",
                                             FLUX_JOB_EVENT_WATCH_WAITCREATE);
    double end = clock_monotonic () + timeout;
    const char *line;
    json_t *map = NULL;

    while (!map) {
        double left = timeout < 0 ? -1. : fmax (end - clock_monotonic (), 0);
        json_t *entry, *context;
        const char *name;

        if (!f || flux_future_wait_for (f, left) < 0
            || flux_job_event_watch_get (f, &line) < 0)
            break;
        entry = eventlog_entry_decode (line, strlen (line));
        if (eventlog_entry_parse (entry, NULL, &name, &context) == 0
            && strcmp (name, "shell.start") == 0)
            map = json_incref (json_object_get (context, "taskmap"));
        json_decref (entry);
        flux_future_reset (f);
    }
    if (map)
        flux_job_event_watch_cancel (f);
    flux_future_destroy (f);
    return map;
}

static char *taskmap_of_job (flux_jobid_t id)
{
    json_t *o = job_taskmap_wait (id, -1.);
    char *s;

    if (!o)
        cmd_die ("Unable to get taskmap of job: %s",
                 errno == ENODATA ? "it did not start" : flux_strerror (errno));
    s = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    return s;
}

static json_t *nodelist_of_job (flux_jobid_t id)
{
    json_t *R, *nodelist;
    flux_future_t *f = flux_rpc_pack (cmd_open (), "job-info.lookup", FLUX_NODEID_ANY,
                                      0, "{s:I s:[s] s:i}", "id", (json_int_t)id,
                                      "keys", "R", "flags", 1);

    if (!f || flux_rpc_get_unpack (f, "{s:o}", "R", &R) < 0
        || json_unpack (R, "{s:{s:O}}", "execution", "nodelist", &nodelist) < 0)
        cmd_die ("cannot get R of job: %s",
                 f ? cmd_future_error (f) : strerror (errno));
    flux_future_destroy (f);
    return nodelist;
}

static char *host_of (json_t *nodelist, int nodeid)
{
    struct hostlist *hl = hostlist_create ();
    size_t i;
    json_t *o;
    const char *host;

    json_array_foreach (nodelist, i, o)
        hostlist_append (hl, json_string_value (o));
    if (!(host = hostlist_nth (hl, nodeid)))
        cmd_die ("node %d is not in the job", nodeid);
    char *s = strdup (host);
    hostlist_destroy (hl);
    return s;
}

static void print_idset (const char *prefix, const struct idset *ids)
{
    char *s = idset_encode (ids, IDSET_FLAG_RANGE);

    printf ("%s%s\n", prefix, s);
    free (s);
}

static void print_hosts (struct taskmap *map, flux_jobid_t id)
{
    json_t *nodelist = nodelist_of_job (id);

    for (int n = 0; n < taskmap_nnodes (map); n++) {
        char *host = host_of (nodelist, n), prefix[300];
        snprintf (prefix, sizeof (prefix), "%s: ", host);
        print_idset (prefix, taskmap_taskids (map, n));
        free (host);
    }
    json_decref (nodelist);
}

static void print_each_task (struct taskmap *map)
{
    for (int t = 0; t < taskmap_total_ntasks (map); t++)
        printf ("%d: %d\n", t, taskmap_nodeid (map, t));
}

static void print_map (struct taskmap *map, const char *to, bool is_job,
                       flux_jobid_t id)
{
    int flags = 0;

    if (to && strcmp (to, "multiline") == 0) {
        print_each_task (map);
        return;
    }
    if (to && strcmp (to, "hosts") == 0) {
        if (!is_job)
            cmd_die ("--to=%s needs a job id", to);
        print_hosts (map, id);
        return;
    }
    if (to && strcmp (to, "raw") == 0)
        flags = TASKMAP_ENCODE_RAW;
    else if (to && strcmp (to, "pmi") == 0)
        flags = TASKMAP_ENCODE_PMI;
    else if (to)
        cmd_die ("invalid value for --to: %s", to);
    char *s = taskmap_encode (map, flags);
    if (!s)
        cmd_die ("failed to convert taskmap: %s", strerror (errno));
    puts (s);
    free (s);
}

int job_taskmap (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, 1);
    const char *arg;
    flux_jobid_t id = 0;
    bool is_job = !strchr ("[({", argv[i][0]) && flux_job_id_parse (argv[i], &id) == 0;
    char *s = is_job ? taskmap_of_job (id) : strdup (argv[i]);
    flux_error_t error;
    struct taskmap *map = taskmap_decode (s, &error);

    if (!map)
        cmd_die ("error decoding taskmap: %s", error.text);
    if (optparse_hasopt (p, "taskids")) {
        const struct idset *ids =
            taskmap_taskids (map, optparse_get_int (p, "taskids", 0));
        if (!ids)
            cmd_die ("No taskids for node %s", optparse_get_str (p, "taskids", ""));
        print_idset ("", ids);
    } else if (optparse_hasopt (p, "nodeid")) {
        int n = taskmap_nodeid (map, optparse_get_int (p, "nodeid", 0));
        if (n < 0)
            cmd_die ("failed to get nodeid for task %s",
                     optparse_get_str (p, "nodeid", ""));
        printf ("%d\n", n);
    } else if (optparse_hasopt (p, "hostname")) {
        int n = taskmap_nodeid (map, optparse_get_int (p, "hostname", 0));
        if (n < 0 || !is_job)
            cmd_die ("failed to get host of task %s",
                     optparse_get_str (p, "hostname", ""));
        char *host = host_of (nodelist_of_job (id), n);
        puts (host);
        free (host);
    } else if (optparse_getopt (p, "ntasks", &arg) > 0) {
        int n = arg ? taskmap_ntasks (map, atoi (arg)) : taskmap_total_ntasks (map);
        if (n < 0)
            cmd_die ("failed to get task count for node %s", arg);
        printf ("%d\n", n);
    } else {
        print_map (map, optparse_get_str (p, "to", NULL), is_job, id);
    }
    taskmap_destroy (map);
    free (s);
    return 0;
}

/* --- timeleft --- */

struct optparse_option job_timeleft_opts[] = {
    { .name = "human", .key = 'H', .usage = "As a Flux standard duration" },
    OPTPARSE_TABLE_END,
};

int job_timeleft (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 0, 1);
    flux_error_t error = { "" };
    double t;
    char buf[32];

    if (i < argc) {
        cmd_jobid (argv[i]);
        setenv ("FLUX_JOB_ID", argv[i], 1);
    }
    if (flux_job_timeleft (cmd_open (), &error, &t) < 0)
        cmd_die ("%s", error.text);
    if (optparse_hasopt (p, "human")) {
        fsd_format_digits (buf, sizeof (buf), t, 4);
        puts (isinf (t) ? "infinity" : buf);
    } else if (isinf (t)) {
        printf ("%lu\n", (unsigned long)4294967295u);
    } else {
        printf ("%lu\n", (unsigned long)t);
    }
    return 0;
}
