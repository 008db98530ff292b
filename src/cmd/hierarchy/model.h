/* A tree of instances as a YAML file (version 2) describes it:
 *
 *   entrypoint: GROUP
 *   groups:
 *   - name: GROUP
 *     resources: LABEL
 *     launch:              # none: a leaf, where jobs run
 *     - group: GROUP
 *       count: N           # 1
 *   resources:
 *     LABEL: { nodes: N, cores: N, count: N, exclusive: BOOL }
 *
 * Pure: text in, tree out. */
#ifndef CMD_HIERARCHY_MODEL_H
#define CMD_HIERARCHY_MODEL_H

#include <flux/types.h>
#include <jansson.h>

/* Counts that are not given are 0. */
struct hier_resources {
    const char *label;
    int nodes;
    int cores; /* of all nodes together */
    int count; /* slots, which share the cores */
    bool exclusive;
};

struct hier_launch {
    int group; /* index */
    int count;
};

struct hier_group {
    const char *name;
    const struct hier_resources *resources;
    bool leaf; /* there is no key launch */
    struct hier_launch *launch;
    int launch_count;
    int instances; /* of a tree with this group as its root */
    int leaves;
};

struct hierarchy {
    json_t *config; /* owns the texts; only the keys above */
    struct hier_group *groups;
    int group_count;
    struct hier_resources *resources;
    int resource_count;
    struct hashmap *group_index;    /* name -> struct hier_group */
    struct hashmap *resource_index; /* label -> struct hier_resources */
    int entry;                      /* index of a group */
};

/* Trees are at most so large. */
#define HIER_MAX_INSTANCES 100000
#define HIER_ID_SIZE 256  /* of "0-1-12" */
#define HIER_NAME_MAX 128 /* of a group: files are named after it */

/* NULL with EINVAL and *error, one line that names the key:
 * "groups[1].launch[0].group: no group 'x'". */
struct hierarchy *hierarchy_parse (const char *yaml, size_t len, flux_error_t *error);
/* The same from a JSON object, which it keeps a reference to. */
struct hierarchy *hierarchy_create (json_t *config, flux_error_t *error);
void hierarchy_destroy (struct hierarchy *t);

int hierarchy_find_group (const struct hierarchy *t, const char *name);

/* One instance of the tree. Its texts are valid during the call. */
struct hier_instance {
    const char *id; /* "0-1-12": a running count below each parent */
    const struct hier_group *group;
    int depth;
    bool last; /* of its parent's children; true for the root */
};

/* Calls fn for each instance, parents before their children, in the order in which
 * they are launched, until it returns nonzero, which becomes the result. */
typedef int (*hier_walk_f) (const struct hier_instance *i, void *arg);
int hierarchy_walk (const struct hierarchy *t, hier_walk_f fn, void *arg);
/* Only the children of an instance of a group. */
int hierarchy_walk_children (const struct hierarchy *t, const struct hier_group *g,
                             const char *id, hier_walk_f fn, void *arg);

/* What the instance around the tree has; 0: unknown. */
struct hier_room {
    int nodes;
    int cores;
    int cores_per_node; /* of the largest node */
};
/* -1 with ENOSPC and *error if an instance could never get what it asks for, since
 * the one that is around it has less: "resources.level1.cores: 96 ...". */
int hierarchy_check_fit (const struct hierarchy *t, const struct hier_room *room,
                         flux_error_t *error);

#endif
