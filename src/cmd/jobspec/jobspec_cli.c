/* Resources, tasks and attributes of a job from its options. */
#include "cmd/jobspec/jobspec_cli.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/text/signum.h"
#include "base/text/toml.h"
#include "cmd/format/datetime.h"
#include "cmd/jobspec/shape.h"
#include "value/dump_suffix.h"
#include "value/fsd.h"
#include "value/resource/constraint.h"

#include "base/error.h"
#include <errno.h>
#include <flux/core.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* What is asked for, whatever the options are called. */
struct request {
    int nnodes; /* 0: not given */
    int nslots; /* in all */
    int cores_per_slot;
    int gpus_per_slot;
    bool exclusive;
    int total_tasks;      /* 0: one for each slot */
    const char *per_type; /* shell option per-resource, or NULL */
    int per_count;        /* 0: without a count */
    json_t *resources;    /* given as a whole, or NULL; owned */
};

int jobspec_int (optparse_t *p, const char *name, int dflt, int min, int *result,
                 flux_error_t *error)
{
    char *end;
    const char *s = optparse_get_str (p, name, NULL);
    *result = dflt;
    if (!s)
        return 0;
    errno = 0;
    long n = strtol (s, &end, 10);
    end += strspn (end, " \t\n"); /* as before it; a directive of lines ends with one */
    if (errno || end == s || *end || n > INT_MAX || n < INT_MIN)
        return error_invalid (error, "--%s=%s: not a whole number", name, s);
    if (n < min)
        return error_invalid (error, "--%s=%s: must be at least %d", name, s, min);
    *result = n;
    return 0;
}

/* --- resources --- */

static json_t *slot_json (const struct request *r, int count)
{
    json_t *with =
        json_pack ("[{s:s s:i}]", "type", "core", "count", r->cores_per_slot);
    if (r->gpus_per_slot > 0)
        json_array_append_new (
            with, json_pack ("{s:s s:i}", "type", "gpu", "count", r->gpus_per_slot));
    return json_pack ("{s:s s:i s:o s:s}", "type", "slot", "count", count, "with", with,
                      "label", "task");
}

static json_t *resources_json (const struct request *r)
{
    if (r->nnodes == 0)
        return json_pack ("[o]", slot_json (r, r->nslots));
    int per_node = (r->nslots + r->nnodes - 1) / r->nnodes;
    json_t *node = json_pack ("{s:s s:i}", "type", "node", "count", r->nnodes);
    if (r->exclusive)
        json_object_set_new (node, "exclusive", json_true ());
    json_object_set_new (node, "with", json_pack ("[o]", slot_json (r, per_node)));
    return json_pack ("[o]", node);
}

static json_t *tasks_json (const struct request *r, json_t *command)
{
    const char *slot = r->resources ? shape_slot_label (r->resources) : "task";
    json_t *count = r->total_tasks ? json_pack ("{s:i}", "total", r->total_tasks)
                                   : json_pack ("{s:i}", "per_slot", 1);
    return json_pack ("[{s:O s:s s:o}]", "command", command, "slot", slot, "count",
                      count);
}

/* --- attributes --- */

static json_t *number_json (double x)
{
    if (x == floor (x) && fabs (x) < 1e15)
        return json_integer ((json_int_t)x);
    return json_real (x);
}

static const char *get_str (optparse_t *p, const char *name, const char *alias)
{
    const char *s = optparse_get_str (p, name, NULL);
    return s ? s : alias ? optparse_get_str (p, alias, NULL) : NULL;
}

static int add_duration (optparse_t *p, json_t *system, flux_error_t *error)
{
    const char *s = optparse_get_str (p, "time-limit", NULL);
    double d = 0;
    char *end;
    if (s) {
        d = strtod (s, &end);
        if (end != s && *end == '\0' && isfinite (d) && d >= 0)
            d *= 60;
        else if (fsd_parse (s, &d) < 0)
            return error_invalid (error,
                                  "--time-limit=%s: invalid Flux standard duration", s);
        if (isinf (d))
            d = 0;
    }
    return json_object_set_new (system, "duration", number_json (d));
}

/* Variables that the shell of each task completes: those that the rules have set to a
 * template, and not changed since. */
static void add_env_expand (json_t *system, json_t *options, json_t *templates)
{
    json_t *env = json_object_get (system, "environment");
    json_t *value, *expand = json_object ();
    const char *name;
    json_object_foreach (templates, name, value) {
        if (json_equal (json_object_get (env, name), value)) {
            json_object_set (expand, name, value);
            json_object_del (env, name);
        }
    }
    if (json_object_size (expand) > 0)
        json_object_set (options, "env-expand", expand);
    json_decref (expand);
}

/* The rules of --env, --env-remove and --env-file, in this order of kinds: an
 * optparse table does not tell the order between different options. */
static int add_environment (optparse_t *p, json_t *system, json_t *templates,
                            flux_error_t *error)
{
    static const struct {
        const char *option;
        const char *prefix;
    } kinds[] = { { "env-remove", "-" }, { "env-file", "^" }, { "env", "" } };
    const char *s;
    const char *rules[1024];
    size_t count = 0;
    int rc = 0;
    for (int i = 0; i < 3; i++) {
        optparse_getopt_iterator_reset (p, kinds[i].option);
        while ((s = optparse_getopt_next (p, kinds[i].option))) {
            char *rule;
            if (count == 1024) {
                rc = error_invalid (error, "--env: more than 1024 rules");
                goto done;
            }
            if (asprintf (&rule, "%s%s", kinds[i].prefix, s) < 0)
                goto done;
            rules[count++] = rule;
        }
    }
    json_t *env = jobspec_environment (NULL, rules, count, templates, error);
    rc = env ? json_object_set_new (system, "environment", env) : -1;
done:
    while (count > 0)
        free ((char *)rules[--count]);
    return rc;
}

bool jobspec_env_has_cc (optparse_t *p)
{
    const char *s;
    optparse_getopt_iterator_reset (p, "env");
    while ((s = optparse_getopt_next (p, "env"))) {
        if (strstr (s, "{cc}"))
            return true;
    }
    return false;
}

static int add_cwd (optparse_t *p, json_t *system, flux_error_t *error)
{
    char buf[PATH_MAX];
    const char *s = optparse_get_str (p, "cwd", "");
    bool relative = *s != '/' && strncmp (s, "{{", 2) != 0;
    if (relative && !getcwd (buf, sizeof (buf)))
        return error_invalid (error, "cannot find the working directory: %s",
                              strerror (errno));
    json_t *o = relative && *s ? json_sprintf ("%s/%s", buf, s)
                               : json_string (relative ? buf : s);
    if (!o)
        return error_invalid (error, "working directory: not valid UTF-8");
    return json_object_set_new (system, "cwd", o);
}

static int add_string (json_t *system, const char *option, const char *path,
                       const char *value, flux_error_t *error)
{
    if (!value)
        return 0;
    json_t *o = json_string (value);
    if (!o || !*value)
        return error_invalid (error, "--%s: %s", option,
                              o ? "value is empty" : "not valid UTF-8");
    return jobspec_set_path (system, path, o);
}

static int add_dependencies (optparse_t *p, json_t *system, flux_error_t *error)
{
    const char *s;
    json_t *a = json_array ();
    json_object_set_new (system, "dependencies", a);
    optparse_getopt_iterator_reset (p, "dependency");
    while ((s = optparse_getopt_next (p, "dependency"))) {
        json_t *o = jobspec_dependency (s, error);
        if (!o)
            return -1;
        if (!strcmp (json_string_value (json_object_get (o, "scheme")), "after"))
            fprintf (stderr, "dependency scheme 'after' is deprecated, use 'afterstart'"
                             "\n");
        json_array_append_new (a, o);
    }
    if ((s = optparse_get_str (p, "begin-time", NULL))) {
        struct timespec now;
        double t;
        char value[32];
        clock_gettime (CLOCK_REALTIME, &now);
        if (datetime_parse (s, now.tv_sec + now.tv_nsec * 1e-9, &t) < 0)
            return error_invalid (error, "--begin-time=%s: invalid date or time", s);
        snprintf (value, sizeof (value), t == floor (t) ? "%.1f" : "%.6f", t);
        json_array_append_new (
            a, json_pack ("{s:s s:s}", "scheme", "begin-time", "value", value));
    }
    if (json_array_size (a) == 0)
        json_object_del (system, "dependencies");
    return 0;
}

/* Several --requires must all hold. */
static int add_constraints (optparse_t *p, json_t *system, flux_error_t *error)
{
    const char *s;
    json_t *all = NULL;
    optparse_getopt_iterator_reset (p, "requires");
    while ((s = optparse_getopt_next (p, "requires"))) {
        flux_error_t e = { { 0 } };
        json_t *o = constraint_parse (s, "properties", &e);
        if (!o) {
            json_decref (all);
            return error_invalid (error, "--requires='%.60s': %.90s", s, e.text);
        }
        all = all ? json_pack ("{s:[o,o]}", "and", all, o) : o;
    }
    return all ? json_object_set_new (system, "constraints", all) : 0;
}

/* --- shell options --- */

static void add_stream (json_t *options, const char *stream, const char *path)
{
    char key[64];
    if (!path || !strcmp (path, "none") || !strcmp (path, "kvs"))
        return;
    snprintf (key, sizeof (key), "output.%s.type", stream);
    jobspec_set_path (options, key, json_string ("file"));
    snprintf (key, sizeof (key), "output.%s.path", stream);
    jobspec_set_path (options, key, json_string (path));
}

/* For both streams: stderr follows stdout unless it has a file of its own. */
static void add_both (json_t *options, const char *what, json_t *value)
{
    static const char *const streams[] = { "stdout", "stderr" };
    char key[64];
    for (int i = 0; i < 2; i++) {
        snprintf (key, sizeof (key), "output.%s.%s", streams[i], what);
        jobspec_set_path (options, key, json_incref (value));
    }
    json_decref (value);
}

static bool is_rank_list (const char *s)
{
    return !strcmp (s, "all") || strspn (s, "0123456789,-[]") == strlen (s);
}

static int add_io (optparse_t *p, const char *dflt_output, json_t *options,
                   flux_error_t *error)
{
    const char *output = get_str (p, "output", "out");
    const char *err = get_str (p, "error", "err");
    const char *input = optparse_get_str (p, "input", NULL);
    if ((output && !*output) || (err && !*err) || (input && !*input))
        return error_invalid (error, "--input, --output and --error need a file name");
    add_stream (options, "stdout", output ? output : dflt_output);
    add_stream (options, "stderr", err);
    if (optparse_hasopt (p, "label-io") && json_object_get (options, "output"))
        add_both (options, "label", json_true ());
    if (optparse_hasopt (p, "unbuffered")) {
        add_both (options, "buffer.type", json_string ("none"));
        jobspec_set_path (options, "output.batch-timeout", json_real (0.05));
    }
    if (input && !is_rank_list (input)) {
        jobspec_set_path (options, "input.stdin.type", json_string ("file"));
        jobspec_set_path (options, "input.stdin.path", json_string (input));
    }
    if (optparse_hasopt (p, "unbuffered"))
        jobspec_set_path (options, "input.batch-timeout", json_integer (0));
    return 0;
}

static int add_rlimit (optparse_t *p, json_t *options, flux_error_t *error)
{
    const char *rules[256];
    const char *s;
    size_t count = 0;
    optparse_getopt_iterator_reset (p, "rlimit");
    while ((s = optparse_getopt_next (p, "rlimit"))) {
        if (count == 256)
            return error_invalid (error, "--rlimit: more than 256 rules");
        rules[count++] = s;
    }
    json_t *o = jobspec_rlimits (rules, count, error);
    if (!o)
        return -1;
    return json_object_set_new (options, "rlimit", o);
}

static int add_signal (optparse_t *p, json_t *options, flux_error_t *error)
{
    const char *s = optparse_get_str (p, "signal", NULL);
    char name[32] = "USR1";
    double timeleft = 60;
    if (!s)
        return 0;
    size_t n = strcspn (s, "@");
    if (n > 0)
        snprintf (name, sizeof (name), "%.*s", (int)n, s);
    int signum = signum_decode (name);
    if (signum < 0)
        return error_invalid (error, "--signal=%s: unknown signal '%s'", s, name);
    if (s[n] && fsd_parse (s + n + 1, &timeleft) < 0)
        return error_invalid (error, "--signal=%s: invalid Flux standard duration", s);
    return json_object_set_new (
        options, "signal",
        json_pack ("{s:i s:o}", "signum", signum, "timeleft", number_json (timeleft)));
}

static int add_taskmap (optparse_t *p, json_t *options, flux_error_t *error)
{
    const char *s = optparse_get_str (p, "taskmap", NULL);
    if (!s)
        return 0;
    size_t n = strcspn (s, ":");
    const char *value = s[n] ? s + n + 1 : "";
    if (n == 0)
        return error_invalid (error, "--taskmap=%s: no scheme", s);
    if (n == 8 && !strncmp (s, "hostfile", 8) && !*value)
        return error_invalid (error, "--taskmap=hostfile: a file is needed");
    return json_object_set_new (
        options, "taskmap", json_pack ("{s:s% s:s}", "scheme", s, n, "value", value));
}

static int add_setopts (optparse_t *p, json_t *options, flux_error_t *error)
{
    const char *s;
    optparse_getopt_iterator_reset (p, "setopt");
    while ((s = optparse_getopt_next (p, "setopt"))) {
        if (jobspec_setopt (options, s, error) < 0)
            return -1;
    }
    return 0;
}

static int add_shell (optparse_t *p, const struct request *r,
                      const struct jobspec_batch *batch, json_t *system,
                      json_t *templates, flux_error_t *error)
{
    json_t *options = json_object ();
    json_object_set_new (system, "shell", json_pack ("{s:o}", "options", options));
    add_env_expand (system, options, templates);
    if (add_io (p, batch ? batch->output : NULL, options, error) < 0)
        return -1;
    if (r->per_type) {
        json_t *o = json_pack ("{s:s}", "type", r->per_type);
        if (r->per_count > 0)
            json_object_set_new (o, "count", json_integer (r->per_count));
        json_object_set_new (options, "per-resource", o);
    }
    if (batch) {
        json_object_set_new (options, "mpi", json_string ("none"));
        json_object_set_new (options, "exit-timeout", json_string ("none"));
    }
    if (add_rlimit (p, options, error) < 0 || add_setopts (p, options, error) < 0
        || add_signal (p, options, error) < 0 || add_taskmap (p, options, error) < 0)
        return -1;
    return 0;
}

/* --- files --- */

static int add_conf (optparse_t *p, json_t *files, flux_error_t *error)
{
    const char *s;
    json_error_t e;
    struct toml_error te;
    json_t *conf = NULL;
    optparse_getopt_iterator_reset (p, "conf");
    while ((s = optparse_getopt_next (p, "conf"))) {
        json_t *o;
        size_t len = strlen (s);
        char *text = NULL;
        if (*s == '{') {
            o = json_loads (s, 0, &e);
            snprintf (te.text, sizeof (te.text), "%.120s", o ? "" : e.text);
        } else if (strchr (s, '=') && !strchr (s, '\n')) {
            size_t n = strcspn (s, "=");
            char *key = strndup (s, n);
            json_t *value = json_loads (s + n + 1, JSON_DECODE_ANY, NULL);
            o = json_object ();
            snprintf (te.text, sizeof (te.text), "cannot set '%.100s'", key);
            if (jobspec_set_path (o, key, value ? value : json_string (s + n + 1))
                < 0) {
                json_decref (o);
                o = NULL;
            }
            free (key);
        } else {
            const char *toml = s;
            if (!strchr (s, '\n')) {
                if (!(text = file_read_all (s, &len))) {
                    json_decref (conf);
                    return error_invalid (error, "--conf: %s: %s", s, strerror (errno));
                }
                toml = text;
            }
            o = toml[strspn (toml, " \t\n")] == '{' ? json_loadb (toml, len, 0, NULL)
                                                    : toml_decode (toml, len, &te);
        }
        free (text);
        if (!o) {
            json_decref (conf);
            return error_invalid (error, "--conf: %s", te.text);
        }
        if (conf)
            json_object_update_recursive (conf, o);
        else
            conf = json_incref (o);
        json_decref (o);
    }
    if (!conf)
        return 0;
    char *text = json_dumps (conf, JSON_COMPACT);
    json_decref (conf);
    json_t *file = jobspec_file_object (text, strlen (text), 0100600);
    free (text);
    return json_object_set_new (files, "conf.json", file);
}

static int add_files (optparse_t *p, const struct jobspec_batch *batch, json_t *system,
                      flux_error_t *error)
{
    const char *s;
    json_t *files = json_object ();
    json_object_set_new (system, "files", files);
    if (batch && batch->script)
        json_object_set_new (
            files, "script",
            jobspec_file_object (batch->script, strlen (batch->script), 0100700));
    if (batch && add_conf (p, files, error) < 0)
        return -1;
    optparse_getopt_iterator_reset (p, "add-file");
    while ((s = optparse_getopt_next (p, "add-file"))) {
        if (jobspec_add_file (files, s, error) < 0)
            return -1;
    }
    if (json_object_size (files) == 0)
        json_object_del (system, "files");
    return 0;
}

static int add_setattrs (optparse_t *p, json_t *attributes, flux_error_t *error)
{
    const char *s;
    optparse_getopt_iterator_reset (p, "setattr");
    while ((s = optparse_getopt_next (p, "setattr"))) {
        if (jobspec_setattr (attributes, s, error) < 0)
            return -1;
    }
    return 0;
}

static json_t *attributes_json (optparse_t *p, const struct request *r,
                                const struct jobspec_batch *batch, flux_error_t *error)
{
    const char *name = optparse_get_str (p, "job-name", batch ? batch->name : NULL);
    json_t *system = json_object ();
    json_t *attributes = json_pack ("{s:o}", "system", system);
    json_t *templates = json_object ();
    if (add_duration (p, system, error) < 0
        || add_environment (p, system, templates, error) < 0
        || add_cwd (p, system, error) < 0
        || add_string (system, "job-name", "job.name", name, error) < 0
        || add_string (system, "queue", "queue", optparse_get_str (p, "queue", NULL),
                       error)
               < 0
        || add_string (system, "bank", "bank", optparse_get_str (p, "bank", NULL),
                       error)
               < 0
        || add_dependencies (p, system, error) < 0
        || add_constraints (p, system, error) < 0
        || add_shell (p, r, batch, system, templates, error) < 0
        || add_files (p, batch, system, error) < 0
        || add_setattrs (p, attributes, error) < 0) {
        json_decref (attributes);
        attributes = NULL;
    }
    json_decref (templates);
    return attributes;
}

static json_t *jobspec_json (optparse_t *p, const struct request *r,
                             const struct jobspec_batch *batch, json_t *command,
                             flux_error_t *error)
{
    json_t *attributes = attributes_json (p, r, batch, error);
    json_t *o = NULL;
    if (attributes)
        o = json_pack ("{s:o s:o s:o s:i}", "resources",
                       r->resources ? json_incref (r->resources) : resources_json (r),
                       "tasks", tasks_json (r, command), "attributes", attributes,
                       "version", 1);
    json_decref (r->resources);
    return o;
}

/* --- the two ways of asking --- */

static json_t *command_json (int argc, char **argv, flux_error_t *error)
{
    json_t *a = json_array ();
    for (int i = 0; i < argc; i++) {
        if (json_array_append_new (a, json_string (argv[i])) < 0) {
            error_invalid (error, "argument %d of the command: not valid UTF-8", i);
            json_decref (a);
            return NULL;
        }
    }
    return a;
}

static int per_task_request (optparse_t *p, struct request *r, flux_error_t *error)
{
    int ntasks;
    if (jobspec_int (p, "ntasks", 0, 1, &ntasks, error) < 0
        || jobspec_int (p, "cores-per-task", 1, 1, &r->cores_per_slot, error) < 0
        || jobspec_int (p, "gpus-per-task", 0, 0, &r->gpus_per_slot, error) < 0)
        return -1;
    if (r->nnodes > 0 && ntasks == 0) {
        r->nslots = r->nnodes;
        r->exclusive = true;
        return 0;
    }
    r->nslots = ntasks ? ntasks : 1;
    if (r->nnodes > r->nslots)
        return error_invalid (error, "node count must not be greater than task count");
    if (r->nnodes > 0 && r->nslots % r->nnodes != 0)
        r->total_tasks = ntasks;
    return 0;
}

static int per_resource_request (optparse_t *p, struct request *r, flux_error_t *error)
{
    int cores, gpus, tasks_per_node, tasks_per_core;
    if (optparse_hasopt (p, "ntasks") || optparse_hasopt (p, "cores-per-task")
        || optparse_hasopt (p, "gpus-per-task"))
        return error_invalid (error,
                              "per-resource options cannot be used with per-task "
                              "options (see --help)");
    if (jobspec_int (p, "cores", 0, 1, &cores, error) < 0
        || jobspec_int (p, "gpus-per-node", 0, 0, &gpus, error) < 0
        || jobspec_int (p, "tasks-per-node", 0, 1, &tasks_per_node, error) < 0
        || jobspec_int (p, "tasks-per-core", 0, 1, &tasks_per_core, error) < 0)
        return -1;
    if (tasks_per_node && tasks_per_core)
        return error_invalid (error, "do not give both --tasks-per-node and "
                                     "--tasks-per-core");
    if (!r->nnodes && !cores)
        return error_invalid (error, "--nodes or --cores must be given");
    if (gpus && !r->nnodes)
        return error_invalid (error, "--gpus-per-node needs --nodes");
    r->gpus_per_slot = gpus;
    r->cores_per_slot = 1;
    r->nslots = r->nnodes ? r->nnodes : cores;
    if (r->nnodes && cores) {
        if (cores < r->nnodes)
            return error_invalid (error, "--cores=%d is less than --nodes=%d", cores,
                                  r->nnodes);
        if (cores % r->nnodes)
            return error_invalid (error, "--cores=%d is not divisible by --nodes=%d",
                                  cores, r->nnodes);
        r->cores_per_slot = cores / r->nnodes;
    } else if (r->nnodes)
        r->exclusive = true;
    if (tasks_per_node || tasks_per_core) {
        r->per_type = tasks_per_node ? "node" : "core";
        r->per_count = tasks_per_node ? tasks_per_node : tasks_per_core;
    }
    return 0;
}

/* --- resources as a whole --- */

static json_t *resources_from_file (const char *path, flux_error_t *error)
{
    json_error_t e;
    json_t *o = json_load_file (path, 0, &e);
    json_t *resources = json_is_object (o) ? json_object_get (o, "resources") : o;
    if (!o)
        error_invalid (error, "--resources-json: %s: line %d: %s", path, e.line,
                       e.text);
    else if (!json_is_array (resources) || !shape_slot_label (resources))
        error_invalid (error, "--resources-json: %s: no list of resources with a slot",
                       path);
    else
        json_incref (resources);
    if (error->text[0])
        resources = NULL;
    json_decref (o);
    return resources;
}

/* 1: they are given; -1 with *error. */
static int whole_request (optparse_t *p, struct request *r, flux_error_t *error)
{
    static const char *const others[] = {
        "nodes",         "exclusive",      "ntasks",        "cores-per-task",
        "gpus-per-task", "cores",          "gpus-per-node", "tasks-per-node",
        "nslots",        "tasks-per-core", "gpus-per-slot", "cores-per-slot",
    };
    flux_error_t why = { { 0 } };
    const char *shape = optparse_get_str (p, "resources-shape", NULL);
    const char *file = optparse_get_str (p, "resources-json", NULL);
    const char *given = shape ? "resources-shape" : "resources-json";
    if (!shape && !file)
        return 0;
    if (shape && file)
        return error_invalid (error, "give one of --resources-shape and "
                                     "--resources-json");
    for (size_t i = 0; i < sizeof (others) / sizeof (others[0]); i++) {
        if (optparse_hasopt (p, others[i]) > 0)
            return error_invalid (error, "--%s cannot be used with --%s", others[i],
                                  given);
    }
    error->text[0] = '\0';
    if (file)
        r->resources = resources_from_file (file, error);
    else if (!(r->resources = shape_parse (shape, "task", &why)))
        error_invalid (error, "--resources-shape=%.140s", why.text);
    return r->resources ? 1 : -1;
}

static int common_request (optparse_t *p, struct request *r, flux_error_t *error)
{
    memset (r, 0, sizeof (*r));
    r->exclusive = optparse_hasopt (p, "exclusive");
    if (jobspec_int (p, "nodes", 0, 1, &r->nnodes, error) < 0)
        return -1;
    if (r->exclusive && !r->nnodes)
        return error_invalid (error, "--exclusive needs --nodes");
    return 0;
}

json_t *jobspec_from_task_options (optparse_t *p, int argc, char **argv,
                                   flux_error_t *error)
{
    struct request r;
    if (argc < 1) {
        error_invalid (error, "job command and arguments are missing");
        return NULL;
    }
    bool per_resource = optparse_hasopt (p, "cores")
                        || optparse_hasopt (p, "tasks-per-node")
                        || optparse_hasopt (p, "tasks-per-core")
                        || optparse_hasopt (p, "gpus-per-node");
    if (common_request (p, &r, error) < 0)
        return NULL;
    int whole = whole_request (p, &r, error);
    if (whole < 0
        || (whole == 0
            && (per_resource ? per_resource_request (p, &r, error)
                             : per_task_request (p, &r, error))
                   < 0))
        return NULL;
    json_t *command = command_json (argc, argv, error);
    json_t *o = command ? jobspec_json (p, &r, NULL, command, error) : NULL;
    json_decref (command);
    return o;
}

static int add_broker_options (optparse_t *p, json_t *command, flux_error_t *error)
{
    const char *s;
    char text[PATH_MAX];
    if (optparse_hasopt (p, "conf"))
        json_array_append_new (command, json_string ("-c{{tmpdir}}/conf.json"));
    optparse_getopt_iterator_reset (p, "broker-opts");
    while ((s = optparse_getopt_next (p, "broker-opts"))) {
        while (*(s += strspn (s, " "))) {
            size_t n = strcspn (s, " ");
            json_array_append_new (command, json_stringn (s, n));
            s += n;
        }
    }
    if (optparse_hasopt (p, "dump")) {
        s = optparse_get_str (p, "dump", "flux-{{jobid}}-dump.tgz");
        if (dump_suffix (s, error) < 0)
            return -1;
        snprintf (text, sizeof (text), "-Scontent.dump=%s", s);
        json_array_append_new (command, json_string (text));
    }
    return 0;
}

json_t *jobspec_from_batch_options (optparse_t *p, const struct jobspec_batch *batch,
                                    int argc, char **argv, flux_error_t *error)
{
    struct request r;
    int nslots;
    if (common_request (p, &r, error) < 0
        || jobspec_int (p, "nslots", 0, 1, &nslots, error) < 0
        || jobspec_int (p, "cores-per-slot", 1, 1, &r.cores_per_slot, error) < 0
        || jobspec_int (p, "gpus-per-slot", 0, 0, &r.gpus_per_slot, error) < 0)
        return NULL;
    int whole = whole_request (p, &r, error);
    if (whole < 0)
        return NULL;
    if (!whole && !nslots && !r.nnodes) {
        error_invalid (error, "Number of slots to allocate must be specified");
        return NULL;
    }
    if (!nslots && !whole)
        r.exclusive = true;
    r.nslots = nslots ? nslots : r.nnodes;
    if (r.nnodes > r.nslots) {
        error_invalid (error, "node count must not be greater than slot count");
        return NULL;
    }
    r.per_type = "node";
    json_t *command = json_pack ("[s,s]", "flux", "broker");
    json_t *o = NULL, *args = NULL;
    if (add_broker_options (p, command, error) < 0)
        goto out;
    if (batch->script)
        json_array_append_new (command, json_string ("{{tmpdir}}/script"));
    args = command_json (argc, argv, error);
    if (args && json_array_extend (command, args) == 0)
        o = jobspec_json (p, &r, batch, command, error);
out:
    json_decref (args);
    json_decref (command);
    return o;
}

int jobspec_urgency (optparse_t *p, int *urgency, flux_error_t *error)
{
    char *end;
    const char *s = optparse_get_str (p, "urgency", "default");
    if (!strcmp (s, "default"))
        *urgency = FLUX_JOB_URGENCY_DEFAULT;
    else if (!strcmp (s, "hold"))
        *urgency = FLUX_JOB_URGENCY_HOLD;
    else if (!strcmp (s, "expedite"))
        *urgency = FLUX_JOB_URGENCY_EXPEDITE;
    else {
        long n = strtol (s, &end, 10);
        if (end == s || *end)
            return error_invalid (error, "--urgency=%s: not a number", s);
        if (n < FLUX_JOB_URGENCY_MIN || n > FLUX_JOB_URGENCY_MAX)
            return error_invalid (error, "--urgency=%s: urgency range is [0:31]", s);
        *urgency = n;
    }
    return 0;
}

int jobspec_flags (optparse_t *p, int *flags, flux_error_t *error)
{
    static const struct {
        const char *name;
        int flag;
    } names[] = { { "debug", FLUX_JOB_DEBUG },
                  { "waitable", FLUX_JOB_WAITABLE },
                  { "novalidate", FLUX_JOB_NOVALIDATE } };
    const char *s;
    *flags = optparse_hasopt (p, "debug") ? FLUX_JOB_DEBUG : 0;
    optparse_getopt_iterator_reset (p, "flags");
    while ((s = optparse_getopt_next (p, "flags"))) {
        while (*s) {
            size_t n = strcspn (s, ",");
            size_t i = 0;
            while (i < 3
                   && (strlen (names[i].name) != n || strncmp (names[i].name, s, n)))
                i++;
            if (i == 3)
                return error_invalid (error, "--flags: unknown flag '%.*s'", (int)n, s);
            *flags |= names[i].flag;
            s += n + (s[n] == ',');
        }
    }
    return 0;
}
