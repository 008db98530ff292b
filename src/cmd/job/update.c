/* flux update: other attributes for a job that is pending or running. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "value/fsd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURATION "attributes.system.duration"

static struct optparse_option opts[] = {
    { .name = "dry-run",
      .key = 'n',
      .usage = "Print the updates as JSON, send nothing" },
    { .name = "verbose", .key = 'v', .usage = "Print what was updated" },
    { .name = "wait",
      .usage = "Return when the update is part of the job's eventlog (always so)" },
    OPTPARSE_TABLE_END,
};

/* The attribute that a key names: new. */
static char *full_key (const char *key)
{
    static const char *const tops[] = { "attributes.", "tasks.", "resources." };
    const char *prefix = "attributes.system.";
    char *s;

    if (strcmp (key, "name") == 0)
        key = "job.name";
    for (size_t i = 0; i < sizeof (tops) / sizeof (tops[0]); i++)
        if (strncmp (key, tops[i], strlen (tops[i])) == 0)
            prefix = "";
    if (asprintf (&s, "%s%s", prefix, key) < 0)
        cmd_die ("out of memory");
    return s;
}

static double current_duration (flux_jobid_t id)
{
    double d = 0;
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "job-list.list-id", 0, 0, "{s:I s:[s]}", "id",
                       (json_int_t)id, "attrs", "duration");

    if (!f || flux_rpc_get_unpack (f, "{s:{s?F}}", "job", "duration", &d) < 0)
        cmd_die ("ERROR: %s: %s", cmd_f58 (id), cmd_future_error (f));
    flux_future_destroy (f);
    return d;
}

/* FSD, or +FSD and -FSD: as much more or less than now. */
static double parse_duration (flux_jobid_t id, const char *s)
{
    char sign = *s == '+' || *s == '-' ? *s : '\0', now[32], less[32];
    double d, duration;

    if (fsd_parse (sign ? s + 1 : s, &d) < 0)
        cmd_die ("ERROR: duration '%s': invalid Flux standard duration", s);
    if (isinf (d))
        d = 0;
    if (!sign)
        return d;
    duration = current_duration (id);
    if (duration == 0)
        cmd_die ("ERROR: duration '%s': %s has no time limit", s, cmd_f58 (id));
    if (sign == '+')
        return duration + d;
    if (d >= duration) {
        fsd_format_digits (now, sizeof (now), duration, 4);
        fsd_format_digits (less, sizeof (less), d, 4);
        cmd_die ("ERROR: current duration for %s (%s) cannot be reduced by %s",
                 cmd_f58 (id), now, less);
    }
    return duration - d;
}

static json_t *parse_value (flux_jobid_t id, const char *key, const char *s)
{
    if (strcmp (key, DURATION) == 0)
        return json_real (parse_duration (id, s));
    json_t *o = json_loads (s, JSON_DECODE_ANY, NULL);
    return o ? o : json_string (s);
}

static json_t *parse_updates (optparse_t *p, flux_jobid_t id, int argc, char **argv)
{
    json_t *updates = json_object ();

    for (int i = 0; i < argc; i++) {
        const char *eq = strchr (argv[i], '=');
        if (!eq || eq == argv[i])
            cmd_usage_error (p, "argument KEY=VALUE: '%s' is none", argv[i]);
        char *name = strndup (argv[i], eq - argv[i]);
        char *key = full_key (name);
        json_t *value = parse_value (id, key, eq + 1);
        if (!value || json_object_set_new (updates, key, value) < 0)
            cmd_die ("ERROR: %s: the value is not UTF-8", key);
        free (key);
        free (name);
    }
    return updates;
}

static char *dumps (json_t *o)
{
    char *s = json_dumps (o, JSON_ENCODE_ANY | JSON_SORT_KEYS);
    if (!s)
        cmd_die ("out of memory");
    return s;
}

static void send_updates (flux_jobid_t id, json_t *updates)
{
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "job-manager.update", FLUX_NODEID_ANY, 0,
                       "{s:I s:O}", "id", (json_int_t)id, "updates", updates);
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_future_destroy (f);
}

static void print_updates (json_t *updates)
{
    const char *key;
    json_t *value;

    json_object_foreach (updates, key, value) {
        char *s = dumps (value);
        cmd_warn ("INFO: updated %s to %s", key, s);
        free (s);
    }
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_jobid_t id;

    if (argc - i < 2)
        cmd_usage_error (p, "the following arguments are required: %s",
                         i < argc ? "KEY=VALUE" : "JOBID, KEY=VALUE");
    if (flux_job_id_parse (argv[i], &id) < 0 || id == FLUX_JOBID_ANY)
        cmd_die ("ERROR: invalid JobID value: '%s'", argv[i]);
    json_t *updates = parse_updates (p, id, argc - i - 1, argv + i + 1);
    if (optparse_hasopt (p, "dry-run")) {
        char *s = dumps (updates);
        puts (s);
        free (s);
    } else {
        send_updates (id, updates);
        if (optparse_hasopt (p, "verbose"))
            print_updates (updates);
    }
    json_decref (updates);
    return 0;
}

const struct command cmd_update = {
    .name = "update",
    .summary = "Change attributes of a job that has not ended",
    .usage = "[OPTIONS] JOBID KEY=VALUE [KEY=VALUE...]",
    .group = "jobs",
    .options = opts,
    .run = run,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};
