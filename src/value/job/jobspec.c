/* RFC 25. Every message begins with the place in the document. */
#include "value/job/jobspec.h"
#include "base/error.h"
#include "base/json/json.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COUNT (1 << 24)

static bool one_of (const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (!strcmp (key, *keys))
            return true;
    return false;
}

static int check_keys (json_t *o, const char *where, const char *const *keys,
                       flux_error_t *error)
{
    const char *key;
    json_t *value;

    json_object_foreach (o, key, value)
        if (!one_of (key, keys))
            return error_invalid (error, "%s: unknown key '%.40s'", where, key);
    return 0;
}

static int get_count (json_t *vertex, const char *where, int min, int *count,
                      flux_error_t *error)
{
    json_t *o = json_object_get (vertex, "count");

    if (!o)
        return error_invalid (error, "%s.count: is missing", where);
    if (!json_is_integer (o))
        return error_invalid (error, "%s.count: must be an integer", where);
    if (json_integer_value (o) < min)
        return error_invalid (error, "%s.count: must be %s integer", where,
                              min > 0 ? "a positive" : "a non-negative");
    if (json_integer_value (o) > MAX_COUNT)
        return error_invalid (error, "%s.count: is too large", where);
    *count = json_integer_value (o);
    return 0;
}

static int check_vertex (json_t *o, const char *where, const char **type,
                         flux_error_t *error)
{
    static const char *const types[] = { "node", "slot", "core", "gpu", NULL };
    static const char *const keys[] = {
        "type", "count", "unit", "with", "label", NULL
    };
    static const char *const node_keys[] = { "type",  "count",     "unit", "with",
                                             "label", "exclusive", NULL };

    if (!json_is_object (o))
        return error_invalid (error, "%s: must be a dictionary", where);
    if (!(*type = json_string_value (json_object_get (o, "type"))))
        return error_invalid (error, "%s.type: is missing or not a string", where);
    if (!one_of (*type, types))
        return error_invalid (error, "%s.type: '%.40s' is not node, slot, core or gpu",
                              where, *type);
    if (json_object_get (o, "unit") && !json_is_string (json_object_get (o, "unit")))
        return error_invalid (error, "%s.unit: must be a string", where);
    return check_keys (o, where, strcmp (*type, "node") ? keys : node_keys, error);
}

static int parse_leaf (json_t *o, const char *where, struct jobspec *js,
                       flux_error_t *error)
{
    const char *type;
    bool core;

    if (check_vertex (o, where, &type, error) < 0)
        return -1;
    core = !strcmp (type, "core");
    if (!core && strcmp (type, "gpu"))
        return error_invalid (error, "%s.type: '%s' cannot be in a slot", where, type);
    if (json_object_get (o, "with"))
        return error_invalid (error, "%s.with: a %s holds nothing", where, type);
    if (core ? js->cores_per_slot > 0 : js->gpus_per_slot >= 0)
        return error_invalid (error, "%s.type: '%s' is there twice", where, type);
    return get_count (o, where, core ? 1 : 0,
                      core ? &js->cores_per_slot : &js->gpus_per_slot, error);
}

static int parse_slot (json_t *o, const char *where, struct jobspec *js,
                       const char **label, flux_error_t *error)
{
    json_t *with = json_object_get (o, "with");
    char child_where[64];
    size_t i;
    json_t *child;

    if (!(*label = json_string_value (json_object_get (o, "label"))))
        return error_invalid (error, "%s.label: is missing or not a string", where);
    if (get_count (o, where, 1, &js->nslots, error) < 0)
        return -1;
    if (!json_is_array (with))
        return error_invalid (error, "%s.with: must be a list", where);
    js->gpus_per_slot = -1;
    json_array_foreach (with, i, child) {
        snprintf (child_where, sizeof (child_where), "%s.with[%zu]", where, i);
        if (parse_leaf (child, child_where, js, error) < 0)
            return -1;
    }
    if (js->cores_per_slot == 0)
        return error_invalid (error, "%s.with: must hold a core", where);
    if (js->gpus_per_slot < 0)
        js->gpus_per_slot = 0;
    return 0;
}

static int parse_node (json_t *o, struct jobspec *js, const char **label,
                       flux_error_t *error)
{
    const char *where = "resources[0]";
    json_t *with = json_object_get (o, "with");
    json_t *exclusive = json_object_get (o, "exclusive");
    const char *type;

    if (get_count (o, where, 1, &js->nnodes, error) < 0)
        return -1;
    if (exclusive && !json_is_boolean (exclusive))
        return error_invalid (error, "%s.exclusive: must be true or false", where);
    js->node_exclusive = json_is_true (exclusive);
    if (!json_is_array (with) || json_array_size (with) != 1)
        return error_invalid (error, "%s.with: must be a list of one slot", where);
    if (check_vertex (json_array_get (with, 0), "resources[0].with[0]", &type, error)
        < 0)
        return -1;
    if (strcmp (type, "slot"))
        return error_invalid (
            error, "resources[0].with[0].type: must be slot, not '%s'", type);
    if (parse_slot (json_array_get (with, 0), "resources[0].with[0]", js, label, error)
        < 0)
        return -1;
    js->slots_per_node = js->nslots;
    if ((int64_t)js->slots_per_node * js->nnodes > MAX_COUNT)
        return error_invalid (error, "resources[0].with[0].count: is too large");
    js->nslots = js->slots_per_node * js->nnodes;
    return 0;
}

static int parse_resources (json_t *resources, struct jobspec *js, const char **label,
                            flux_error_t *error)
{
    json_t *o;
    const char *type;

    if (!json_is_array (resources) || json_array_size (resources) != 1)
        return error_invalid (error, "resources: must be a list of one vertex");
    o = json_array_get (resources, 0);
    if (check_vertex (o, "resources[0]", &type, error) < 0)
        return -1;
    if (!strcmp (type, "node"))
        return parse_node (o, js, label, error);
    if (!strcmp (type, "slot"))
        return parse_slot (o, "resources[0]", js, label, error);
    return error_invalid (error, "resources[0].type: must be node or slot, not '%s'",
                          type);
}

static int parse_command (json_t *command, struct jobspec *js, flux_error_t *error)
{
    size_t i;
    json_t *arg;

    if (!json_is_array (command) || json_array_size (command) == 0)
        return error_invalid (error, "tasks[0].command: must be a list of strings");
    json_array_foreach (command, i, arg)
        if (!json_is_string (arg))
            return error_invalid (error, "tasks[0].command[%zu]: must be a string", i);
    js->command = command;
    return 0;
}

static int parse_task_count (json_t *count, struct jobspec *js, flux_error_t *error)
{
    json_t *per_slot = json_object_get (count, "per_slot");
    json_t *total = json_object_get (count, "total");
    json_int_t n;

    if (!json_is_object (count) || json_object_size (count) != 1
        || !(per_slot || total))
        return error_invalid (error,
                              "tasks[0].count: must have one of per_slot and total");
    if (per_slot) {
        if (!json_is_integer (per_slot) || json_integer_value (per_slot) != 1)
            return error_invalid (error, "tasks[0].count.per_slot: must be 1");
        js->ntasks = js->nslots;
        return 0;
    }
    n = json_integer_value (total);
    if (!json_is_integer (total) || n < 1 || n > MAX_COUNT)
        return error_invalid (error,
                              "tasks[0].count.total: must be a positive integer");
    js->ntasks = n;
    return 0;
}

/* What all slots hold together fits an int: nobody who adds it up overflows. */
static int check_total (const struct jobspec *js, flux_error_t *error)
{
    if ((int64_t)js->nslots * js->cores_per_slot > INT_MAX)
        return error_invalid (error, "resources: too many cores in all");
    if ((int64_t)js->nslots * js->gpus_per_slot > INT_MAX)
        return error_invalid (error, "resources: too many gpus in all");
    return 0;
}

static int parse_tasks (json_t *tasks, const char *label, struct jobspec *js,
                        flux_error_t *error)
{
    static const char *const keys[] = { "command",      "slot",       "count",
                                        "distribution", "attributes", NULL };
    json_t *task = json_array_get (tasks, 0);
    const char *slot;

    if (!json_is_array (tasks) || json_array_size (tasks) != 1
        || !json_is_object (task))
        return error_invalid (error, "tasks: must be a list of one task");
    if (check_keys (task, "tasks[0]", keys, error) < 0)
        return -1;
    if (!(slot = json_string_value (json_object_get (task, "slot"))))
        return error_invalid (error, "tasks[0].slot: is missing or not a string");
    if (strcmp (slot, label))
        return error_invalid (error, "tasks[0].slot: no slot has the label '%.60s'",
                              slot);
    if (parse_command (json_object_get (task, "command"), js, error) < 0)
        return -1;
    return parse_task_count (json_object_get (task, "count"), js, error);
}

static int get_string (json_t *system, const char *key, const char **value,
                       flux_error_t *error)
{
    json_t *o = json_object_get (system, key);

    *value = json_string_value (o);
    if (o && !*value)
        return error_invalid (error, "attributes.system.%s: must be a string", key);
    return 0;
}

static int get_object (json_t *o, const char *where, const char *key, json_t **value,
                       flux_error_t *error)
{
    *value = json_object_get (o, key);
    if (*value && !json_is_object (*value))
        return error_invalid (error, "%s.%s: must be a dictionary", where, key);
    return 0;
}

static int parse_environment (json_t *env, flux_error_t *error)
{
    const char *name;
    json_t *value;

    json_object_foreach (env, name, value)
        if (!json_is_string (value) && !json_is_null (value))
            return error_invalid (
                error, "attributes.system.environment.%.60s: must be a string", name);
    return 0;
}

static int parse_dependencies (json_t *deps, flux_error_t *error)
{
    size_t i;
    json_t *o;

    if (!json_is_array (deps))
        return error_invalid (error, "attributes.system.dependencies: must be a list");
    json_array_foreach (deps, i, o)
        if (!json_is_string (json_object_get (o, "scheme"))
            || !json_is_string (json_object_get (o, "value")))
            return error_invalid (error,
                                  "attributes.system.dependencies[%zu]: must have "
                                  "scheme and value",
                                  i);
    return 0;
}

static const char *command_name (json_t *command)
{
    const char *path = json_string_value (json_array_get (command, 0));
    const char *slash = strrchr (path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static int parse_system (json_t *system, struct jobspec *js, flux_error_t *error)
{
    const char *where = "attributes.system";
    json_t *duration = json_object_get (system, "duration");
    json_t *job, *shell;

    if (!duration)
        return error_invalid (error, "attributes.system.duration: is missing");
    if (!json_is_number (duration) || !(json_number_value (duration) >= 0))
        return error_invalid (error,
                              "attributes.system.duration: must be a number >= 0");
    js->duration = json_number_value (duration);
    if (get_string (system, "cwd", &js->cwd, error) < 0
        || get_string (system, "queue", &js->queue, error) < 0
        || get_string (system, "bank", &js->bank, error) < 0
        || get_string (system, "project", &js->project, error) < 0
        || get_object (system, where, "environment", &js->environment, error) < 0
        || get_object (system, where, "constraints", &js->constraints, error) < 0
        || get_object (system, where, "job", &job, error) < 0
        || get_object (system, where, "shell", &shell, error) < 0
        || get_object (shell, "attributes.system.shell", "options", &js->shell_options,
                       error)
               < 0)
        return -1;
    if (parse_environment (js->environment, error) < 0)
        return -1;
    js->dependencies = json_object_get (system, "dependencies");
    if (js->dependencies && parse_dependencies (js->dependencies, error) < 0)
        return -1;
    js->name = json_string_value (json_object_get (job, "name"));
    if (!js->name)
        js->name = command_name (js->command);
    return 0;
}

int jobspec_parse (json_t *o, struct jobspec *js, flux_error_t *error)
{
    static const char *const keys[] = { "resources", "tasks", "attributes", "version",
                                        NULL };
    json_t *version = json_object_get (o, "version");
    json_t *attributes, *system, *user;
    const char *label = NULL;

    memset (js, 0, sizeof (*js));
    if (!json_is_object (o))
        return error_invalid (error, "jobspec: must be a dictionary");
    if (!json_is_integer (version))
        return error_invalid (error, "version: is missing or not an integer");
    if (json_integer_value (version) != 1)
        return error_invalid (error, "version: must be 1, not %" JSON_INTEGER_FORMAT,
                              json_integer_value (version));
    for (int i = 0; keys[i]; i++)
        if (!json_object_get (o, keys[i]))
            return error_invalid (error, "%s: is missing", keys[i]);
    if (check_keys (o, "jobspec", keys, error) < 0
        || parse_resources (json_object_get (o, "resources"), js, &label, error) < 0
        || check_total (js, error) < 0
        || parse_tasks (json_object_get (o, "tasks"), label, js, error) < 0)
        return -1;
    attributes = json_object_get (o, "attributes");
    if (!json_is_object (attributes))
        return error_invalid (error, "attributes: must be a dictionary");
    if (get_object (attributes, "attributes", "system", &system, error) < 0
        || get_object (attributes, "attributes", "user", &user, error) < 0)
        return -1;
    if (!system)
        return error_invalid (error, "attributes.system: is missing");
    if (parse_system (system, js, error) < 0)
        return -1;
    /* Shell options that place tasks by resource decide how many there are. */
    if (json_object_get (js->shell_options, "per-resource"))
        js->ntasks = -1;
    return 0;
}

json_t *jobspec_load (const char *s, size_t len, flux_error_t *error)
{
    json_error_t jerror;
    json_t *o = json_decode (s, len, 0, &jerror);

    if (!o)
        error_invalid (error, "jobspec: invalid JSON: %.120s", jerror.text);
    return o;
}
