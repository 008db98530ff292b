#include "shell/job/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* per-resource: {type: node|core|gpu, count?: N} */
static int count_per_resource (struct layout_node *nodes, int node_count,
                               json_t *option, flux_error_t *error)
{
    const char *type = NULL;
    int count = 1;

    if (json_unpack (option, "{s:s s?i}", "type", &type, "count", &count) < 0
        || count < 1)
        return error_invalid (error,
                              "per-resource: expected type and a positive count");
    for (int i = 0; i < node_count; i++) {
        if (!strcmp (type, "node"))
            nodes[i].tasks = count;
        else if (!strcmp (type, "core"))
            nodes[i].tasks = nodes[i].cores * count;
        else if (!strcmp (type, "gpu"))
            nodes[i].tasks = nodes[i].gpus * count;
        else
            return error_invalid (error, "per-resource: unknown type '%s'", type);
    }
    return 0;
}

static int capacity (const struct layout_node *n, const struct jobspec *js)
{
    int count = js->cores_per_slot > 0 ? n->cores / js->cores_per_slot : n->cores;
    if (js->gpus_per_slot > 0 && n->gpus / js->gpus_per_slot < count)
        count = n->gpus / js->gpus_per_slot;
    return count;
}

static void spread (struct layout_node *nodes, int node_count, int tasks)
{
    for (int i = 0; i < node_count; i++)
        nodes[i].tasks += tasks / node_count + (i < tasks % node_count);
}

static bool slot_for_each_task (const struct jobspec *js)
{
    return !json_object_get (js->shell_options, "per-resource") && js->ntasks > 0
           && js->nslots >= js->ntasks;
}

int layout_share (const struct jobspec *js, int count, int task_count, int per_slot)
{
    int share = count / task_count;

    if (!js->node_exclusive && slot_for_each_task (js) && share > per_slot)
        share = per_slot;
    return share > 0 ? share : 1;
}

int layout_count (struct layout_node *nodes, int node_count, const struct jobspec *js,
                  flux_error_t *error)
{
    json_t *option = json_object_get (js->shell_options, "per-resource");
    int left = js->ntasks > 0 ? js->ntasks : js->nslots;

    if (node_count < 1)
        return error_invalid (error, "R has no nodes");
    for (int i = 0; i < node_count; i++)
        nodes[i].tasks = 0;
    if (option)
        return count_per_resource (nodes, node_count, option, error);
    if (js->nnodes > 0) {
        spread (nodes, node_count, left);
        return 0;
    }
    for (int i = 0; i < node_count; i++) {
        int count = capacity (&nodes[i], js);
        nodes[i].tasks = count < left ? count : left;
        left -= nodes[i].tasks;
    }
    /* more tasks than R has slots */
    spread (nodes, node_count, left);
    return 0;
}

/* Tasks that a node gets in one round. */
static int round_count (const struct layout_node *n, int done, int stride)
{
    int left = n->tasks - done;
    return left < 0 ? 0 : left < stride ? left : stride;
}

static struct taskmap *map_cyclic (const struct layout_node *nodes, int node_count,
                                   int stride)
{
    struct taskmap *map = taskmap_create ();
    bool more = map != NULL;

    for (int done = 0; more; done += stride) {
        more = false;
        for (int i = 0, run; i < node_count; i += run) {
            int n = round_count (&nodes[i], done, stride);
            for (run = 1; i + run < node_count
                          && round_count (&nodes[i + run], done, stride) == n;)
                run++;
            if (n > 0 && taskmap_append (map, i, run, n) < 0) {
                taskmap_destroy (map);
                return NULL;
            }
            more = more || n == stride;
        }
    }
    return map;
}

static struct taskmap *map_block (const struct layout_node *nodes, int node_count)
{
    struct taskmap *map = taskmap_create ();

    for (int i = 0; map && i < node_count;) {
        int run = 1;
        while (i + run < node_count && nodes[i + run].tasks == nodes[i].tasks)
            run++;
        if (nodes[i].tasks > 0 && taskmap_append (map, i, run, nodes[i].tasks) < 0) {
            taskmap_destroy (map);
            return NULL;
        }
        i += run;
    }
    return map;
}

static struct taskmap *map_manual (const struct layout_node *nodes, int node_count,
                                   const char *value, flux_error_t *error)
{
    flux_error_t why = { "" };
    struct taskmap *map = taskmap_decode (value, &why);

    if (!map) {
        error_invalid (error, "taskmap: manual: %.120s", why.text);
        return NULL;
    }
    bool ok = taskmap_nnodes (map) == node_count;
    for (int i = 0; ok && i < node_count; i++)
        ok = taskmap_ntasks (map, i) == nodes[i].tasks;
    if (!ok) {
        error_invalid (error, "taskmap: manual: does not fit the job's tasks per node");
        taskmap_destroy (map);
        return NULL;
    }
    return map;
}

struct taskmap *layout_map (const struct layout_node *nodes, int node_count,
                            const char *scheme, const char *value, flux_error_t *error)
{
    if (!scheme || !strcmp (scheme, "block"))
        return map_block (nodes, node_count);
    if (!strcmp (scheme, "cyclic")) {
        char *end = NULL;
        long stride = value && *value ? strtol (value, &end, 10) : 1;
        if (stride < 1 || stride > 1 << 24 || (end && *end)) {
            error_invalid (error, "taskmap: cyclic: invalid stride '%s'", value);
            return NULL;
        }
        return map_cyclic (nodes, node_count, stride);
    }
    if (!strcmp (scheme, "manual"))
        return map_manual (nodes, node_count, value ? value : "", error);
    error_invalid (error, "taskmap: unknown scheme '%s'", scheme);
    return NULL;
}
