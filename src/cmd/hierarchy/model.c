/* From a file to a tree:
 *   YAML -> JSON -> resources by label -> groups by name -> launches by index
 *   -> sizes from the leaves up, which is where cycles show.
 * Fails with one line that names the key, and has then started nothing. */
#include "cmd/hierarchy/model.h"

#include "base/error.h"
#include "base/hashmap.h"
#include "value/job/yaml_json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COUNT 1000000

/* --- values --- */

/* A number from 1; *value stays 0 if it is not there or null. */
static int get_count (json_t *o, const char *where, const char *key, int *value,
                      flux_error_t *error)
{
    json_t *v = json_object_get (o, key);

    if (!v || json_is_null (v))
        return 0;
    if (!json_is_integer (v))
        return error_fail (error, EINVAL, "%.80s.%s: expected a number", where, key);
    if (json_integer_value (v) < 1 || json_integer_value (v) > MAX_COUNT)
        return error_fail (error, EINVAL, "%.80s.%s: expected a number from 1 to %d",
                           where, key, MAX_COUNT);
    *value = json_integer_value (v);
    return 0;
}

static int get_bool (json_t *o, const char *where, const char *key, bool *value,
                     flux_error_t *error)
{
    json_t *v = json_object_get (o, key);
    const char *s = json_string_value (v);

    if (!v || json_is_null (v))
        return 0;
    if (json_is_boolean (v)) {
        *value = json_is_true (v);
        return 0;
    }
    if (s && (!strcasecmp (s, "yes") || !strcasecmp (s, "true")))
        *value = true;
    else if (!s || (strcasecmp (s, "no") && strcasecmp (s, "false")))
        return error_fail (error, EINVAL, "%.80s.%s: expected true or false", where,
                           key);
    return 0;
}

static const char *get_name (json_t *o, const char *where, const char *key,
                             flux_error_t *error)
{
    json_t *v = json_object_get (o, key);
    const char *s = json_string_value (v);

    if (!v)
        error_fail (error, EINVAL, "%.80s%s%s: missing", where, *where ? "." : "", key);
    else if (!s || !*s)
        error_fail (error, EINVAL, "%.80s%s%s: expected a name", where,
                    *where ? "." : "", key);
    return s && *s ? s : NULL;
}

/* --- resources --- */

static int parse_one_resource (struct hier_resources *r, json_t *o, flux_error_t *error)
{
    char where[96];

    snprintf (where, sizeof (where), "resources.%.80s", r->label);
    if (json_is_null (o))
        return 0;
    if (!json_is_object (o))
        return error_fail (error, EINVAL, "%s: expected a map", where);
    if (get_count (o, where, "nodes", &r->nodes, error) < 0
        || get_count (o, where, "cores", &r->cores, error) < 0
        || get_count (o, where, "count", &r->count, error) < 0
        || get_bool (o, where, "exclusive", &r->exclusive, error) < 0)
        return -1;
    if (r->exclusive && !r->nodes)
        return error_fail (error, EINVAL, "%s.exclusive: only with nodes", where);
    if (r->nodes && r->count % r->nodes)
        return error_fail (error, EINVAL, "%s.count: %d is no multiple of %d nodes",
                           where, r->count, r->nodes);
    if (r->count && r->cores % r->count)
        return error_fail (error, EINVAL, "%s.cores: %d is no multiple of count %d",
                           where, r->cores, r->count);
    if (r->nodes && r->cores % r->nodes)
        return error_fail (error, EINVAL, "%s.cores: %d is no multiple of %d nodes",
                           where, r->cores, r->nodes);
    return 0;
}

static int parse_resources (struct hierarchy *t, flux_error_t *error)
{
    json_t *map = json_object_get (t->config, "resources");
    const char *label;
    json_t *o;

    if (!map)
        return error_fail (error, EINVAL, "resources: missing");
    if (!json_is_object (map))
        return error_fail (error, EINVAL, "resources: expected a map");
    if (!(t->resources = calloc (json_object_size (map) + 1, sizeof (*t->resources))))
        return error_fail (error, ENOMEM, "out of memory");
    json_object_foreach (map, label, o) {
        struct hier_resources *r = &t->resources[t->resource_count++];
        r->label = label;
        if (hashmap_insert (t->resource_index, label, r) < 0)
            return error_fail (error, ENOMEM, "out of memory");
        if (parse_one_resource (r, o, error) < 0)
            return -1;
    }
    return 0;
}

/* --- groups --- */

int hierarchy_find_group (const struct hierarchy *t, const char *name)
{
    const struct hier_group *g = hashmap_lookup (t->group_index, name);

    return g ? (int)(g - t->groups) : -1;
}

/* Files of the instances are named after it. */
static int check_group_name (const char *name, const char *where, flux_error_t *error)
{
    if (strlen (name) > HIER_NAME_MAX)
        return error_fail (error, EINVAL, "%s.name: longer than %d bytes", where,
                           HIER_NAME_MAX);
    for (const char *s = name; *s; s++)
        if (*s == '/' || (unsigned char)*s < ' ' || *s == 0x7f)
            return error_fail (error, EINVAL,
                               "%s.name: no '/' or control character may be in it",
                               where);
    return 0;
}

static int parse_one_group (struct hierarchy *t, json_t *o, flux_error_t *error)
{
    struct hier_group *g = &t->groups[t->group_count];
    char where[32];
    const char *label;

    snprintf (where, sizeof (where), "groups[%d]", t->group_count);
    if (!json_is_object (o))
        return error_fail (error, EINVAL, "%s: expected a map", where);
    if (!(g->name = get_name (o, where, "name", error))
        || !(label = get_name (o, where, "resources", error)))
        return -1;
    if (check_group_name (g->name, where, error) < 0)
        return -1;
    if (hierarchy_find_group (t, g->name) >= 0)
        return error_fail (error, EINVAL, "%s.name: there are two groups '%.80s'",
                           where, g->name);
    if (!(g->resources = hashmap_lookup (t->resource_index, label)))
        return error_fail (error, EINVAL, "%s.resources: no '%.80s' in resources",
                           where, label);
    g->leaf = !json_object_get (o, "launch");
    if (hashmap_insert (t->group_index, g->name, g) < 0)
        return error_fail (error, ENOMEM, "out of memory");
    t->group_count++;
    return 0;
}

static int parse_groups (struct hierarchy *t, flux_error_t *error)
{
    json_t *list = json_object_get (t->config, "groups");
    json_t *o;
    size_t i;

    if (!list)
        return error_fail (error, EINVAL, "groups: missing");
    if (!json_is_array (list))
        return error_fail (error, EINVAL, "groups: expected a list");
    if (!(t->groups = calloc (json_array_size (list) + 1, sizeof (*t->groups))))
        return error_fail (error, ENOMEM, "out of memory");
    json_array_foreach (list, i, o) {
        if (parse_one_group (t, o, error) < 0)
            return -1;
    }
    return 0;
}

/* --- launches --- */

static int parse_one_launch (struct hierarchy *t, struct hier_launch *l,
                             const char *where, json_t *o, flux_error_t *error)
{
    const char *name;
    json_t *count = json_object_get (o, "count");

    if (!json_is_object (o))
        return error_fail (error, EINVAL, "%s: expected a map", where);
    if (!(name = get_name (o, where, "group", error)))
        return -1;
    if ((l->group = hierarchy_find_group (t, name)) < 0)
        return error_fail (error, EINVAL, "%s.group: no group '%.80s'", where, name);
    l->count = 1;
    if (json_is_integer (count) && json_integer_value (count) == 0)
        return 0;
    return get_count (o, where, "count", &l->count, error);
}

static int parse_launch (struct hierarchy *t, int group, flux_error_t *error)
{
    struct hier_group *g = &t->groups[group];
    json_t *config =
        json_array_get (json_object_get (t->config, "groups"), (size_t)group);
    json_t *list = json_object_get (config, "launch");
    char where[64];
    json_t *o;
    size_t i;

    if (!list || json_is_null (list))
        return 0;
    if (!json_is_array (list))
        return error_fail (error, EINVAL, "groups[%d].launch: expected a list", group);
    if (!(g->launch = calloc (json_array_size (list) + 1, sizeof (*g->launch))))
        return error_fail (error, ENOMEM, "out of memory");
    json_array_foreach (list, i, o) {
        snprintf (where, sizeof (where), "groups[%d].launch[%zu]", group, i);
        if (parse_one_launch (t, &g->launch[g->launch_count++], where, o, error) < 0)
            return -1;
    }
    return 0;
}

/* --- sizes --- */

#define VISITING (-1)

/* Of the tree below a group: once for each group. Depth is bounded by the ids. */
static int measure (struct hierarchy *t, int group, int depth, flux_error_t *error)
{
    struct hier_group *g = &t->groups[group];
    long instances = 1;
    long leaves = g->leaf;

    if (depth > 32)
        return error_fail (error, EINVAL, "groups[%d].launch: deeper than 32", group);
    g->instances = VISITING;
    for (int i = 0; i < g->launch_count; i++) {
        struct hier_launch *l = &g->launch[i];
        struct hier_group *child = &t->groups[l->group];
        if (child->instances == VISITING)
            return error_fail (error, EINVAL,
                               "groups[%d].launch[%d].group: '%.80s' launches itself",
                               group, i, child->name);
        if (!child->instances && measure (t, l->group, depth + 1, error) < 0)
            return -1;
        instances += (long)l->count * child->instances;
        leaves += (long)l->count * child->leaves;
        if (instances > HIER_MAX_INSTANCES)
            return error_fail (error, EINVAL,
                               "groups[%d].launch[%d].count: more than %d instances",
                               group, i, HIER_MAX_INSTANCES);
    }
    g->instances = instances;
    g->leaves = leaves;
    return 0;
}

/* Where measure() met groups before, it has not seen how deep they are then. */
static int check_depth (const struct hierarchy *t, int group, int depth, char *seen,
                        flux_error_t *error)
{
    const struct hier_group *g = &t->groups[group];

    if (depth > 32)
        return error_fail (error, EINVAL, "groups[%d].launch: deeper than 32", group);
    if (seen[group] >= depth)
        return 0;
    seen[group] = depth;
    for (int i = 0; i < g->launch_count; i++)
        if (check_depth (t, g->launch[i].group, depth + 1, seen, error) < 0)
            return -1;
    return 0;
}

static int measure_all (struct hierarchy *t, flux_error_t *error)
{
    char *seen;
    int rc;

    for (int i = 0; i < t->group_count; i++)
        if (!t->groups[i].instances && measure (t, i, 1, error) < 0)
            return -1;
    if (!(seen = calloc ((size_t)t->group_count + 1, 1)))
        return error_fail (error, ENOMEM, "out of memory");
    rc = check_depth (t, t->entry, 1, seen, error);
    free (seen);
    return rc;
}

/* --- all of it --- */

static int parse (struct hierarchy *t, flux_error_t *error)
{
    const char *entry;

    if (!json_is_object (t->config))
        return error_fail (error, EINVAL, "expected a map with entrypoint and groups");
    if (!(entry = get_name (t->config, "", "entrypoint", error))
        || parse_resources (t, error) < 0 || parse_groups (t, error) < 0)
        return -1;
    if ((t->entry = hierarchy_find_group (t, entry)) < 0)
        return error_fail (error, EINVAL, "entrypoint: no group '%.80s'", entry);
    for (int i = 0; i < t->group_count; i++)
        if (parse_launch (t, i, error) < 0)
            return -1;
    return measure_all (t, error);
}

struct hierarchy *hierarchy_create (json_t *config, flux_error_t *error)
{
    struct hierarchy *t = calloc (1, sizeof (*t));

    if (!t) {
        error_fail (error, ENOMEM, "out of memory");
        return NULL;
    }
    t->config = json_incref (config);
    if (!(t->group_index = hashmap_create (NULL))
        || !(t->resource_index = hashmap_create (NULL))) {
        hierarchy_destroy (t);
        error_fail (error, ENOMEM, "out of memory");
        return NULL;
    }
    if (parse (t, error) < 0) {
        hierarchy_destroy (t);
        return NULL;
    }
    return t;
}

struct hierarchy *hierarchy_parse (const char *yaml, size_t len, flux_error_t *error)
{
    json_t *config = yaml_to_json (yaml, len, error);
    struct hierarchy *t = config ? hierarchy_create (config, error) : NULL;

    json_decref (config);
    return t;
}

void hierarchy_destroy (struct hierarchy *t)
{
    int saved_errno = errno;

    if (!t)
        return;
    for (int i = 0; t->groups && i < t->group_count; i++)
        free (t->groups[i].launch);
    free (t->groups);
    free (t->resources);
    hashmap_destroy (t->group_index);
    hashmap_destroy (t->resource_index);
    json_decref (t->config);
    free (t);
    errno = saved_errno;
}

/* --- walks --- */

struct walk {
    const struct hierarchy *t;
    hier_walk_f fn;
    void *arg;
    bool deep;
};

static int walk_children (struct walk *w, const struct hier_group *g, const char *id,
                          int depth);

static int walk_one (struct walk *w, const struct hier_instance *i)
{
    int rc = w->fn (i, w->arg);

    return rc || !w->deep ? rc : walk_children (w, i->group, i->id, i->depth);
}

static int walk_children (struct walk *w, const struct hier_group *g, const char *id,
                          int depth)
{
    char child[HIER_ID_SIZE];
    int index = 0;
    int rc = 0;

    for (int i = 0; i < g->launch_count && !rc; i++) {
        const struct hier_launch *l = &g->launch[i];
        for (int k = 0; k < l->count && !rc; k++) {
            snprintf (child, sizeof (child), "%s-%d", id, index++);
            rc = walk_one (w, &(struct hier_instance){
                                  .id = child,
                                  .group = &w->t->groups[l->group],
                                  .depth = depth + 1,
                                  .last = i + 1 == g->launch_count && k + 1 == l->count,
                              });
        }
    }
    return rc;
}

int hierarchy_walk (const struct hierarchy *t, hier_walk_f fn, void *arg)
{
    struct walk w = { t, fn, arg, true };

    return walk_one (&w, &(struct hier_instance){
                             .id = "0", .group = &t->groups[t->entry], .last = true });
}

int hierarchy_walk_children (const struct hierarchy *t, const struct hier_group *g,
                             const char *id, hier_walk_f fn, void *arg)
{
    struct walk w = { t, fn, arg, false };

    return walk_children (&w, g, id, 0);
}

/* --- does it fit? --- */

/* What an instance takes of a room; cores 0: unknown. */
static struct hier_room taken (const struct hier_resources *r,
                               const struct hier_room *room)
{
    struct hier_room n = { .nodes = r->nodes, .cores = r->cores };

    if (!n.cores)
        n.cores = r->count;
    if (r->nodes && (r->exclusive || !n.cores)) {
        n.cores_per_node = room->cores_per_node;
        n.cores = r->nodes * room->cores_per_node;
    } else if (r->nodes)
        n.cores_per_node = n.cores / r->nodes;
    else if (!n.cores)
        n.cores = 1;
    return n;
}

static int check_one (const struct hier_resources *r, const struct hier_room *room,
                      const char *around, flux_error_t *error)
{
    int cores = r->cores ? r->cores : r->count;

    if (room->nodes && r->nodes > room->nodes)
        return error_fail (error, ENOSPC, "resources.%.60s.nodes: %d, but %.60s has %d",
                           r->label, r->nodes, around, room->nodes);
    if (room->cores && cores > room->cores)
        return error_fail (error, ENOSPC,
                           "resources.%.60s.%s: %d, but %.60s has %d cores", r->label,
                           r->cores ? "cores" : "count", cores, around, room->cores);
    if (room->cores_per_node && r->nodes && cores / r->nodes > room->cores_per_node)
        return error_fail (
            error, ENOSPC,
            "resources.%.60s.%s: %d of each node, but those of %.60s have %d", r->label,
            r->cores ? "cores" : "count", cores / r->nodes, around,
            room->cores_per_node);
    return 0;
}

static int check_group (const struct hierarchy *t, int group,
                        const struct hier_room *room, flux_error_t *error)
{
    const struct hier_group *g = &t->groups[group];
    long cores = 0;

    for (int i = 0; i < g->launch_count; i++) {
        const struct hier_launch *l = &g->launch[i];
        const struct hier_resources *r = t->groups[l->group].resources;
        struct hier_room need = taken (r, room);
        if (check_one (r, room, g->name, error) < 0)
            return -1;
        cores += (long)l->count * need.cores;
        if (room->cores && cores > room->cores)
            return error_fail (
                error, ENOSPC,
                "groups[%d].launch[%d]: %ld cores are needed up to here, but "
                "%.60s has %d",
                group, i, cores, g->name, room->cores);
        if (check_group (t, l->group, &need, error) < 0)
            return -1;
    }
    return 0;
}

int hierarchy_check_fit (const struct hierarchy *t, const struct hier_room *room,
                         flux_error_t *error)
{
    const struct hier_resources *r = t->groups[t->entry].resources;
    struct hier_room need = taken (r, room);

    if (check_one (r, room, "this instance", error) < 0)
        return -1;
    return check_group (t, t->entry, &need, error);
}
