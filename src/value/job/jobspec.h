/* Jobspec V1 (RFC 25). */
#ifndef VALUE_JOBSPEC_H
#define VALUE_JOBSPEC_H

#include <flux/types.h>
#include <jansson.h>

/* What a scheduler and a shell want to know, read once. */
struct jobspec {
    int nnodes; /* 0: not asked for */
    bool node_exclusive;
    int nslots;         /* in all (nodes x slots per node) */
    int slots_per_node; /* 0 if nnodes is 0 */
    int cores_per_slot;
    int gpus_per_slot;
    int ntasks;       /* total tasks, -1 if a shell option decides */
    double duration;  /* s; 0: unlimited */
    json_t *command;  /* array; borrowed from the jobspec, like the rest */
    const char *name; /* job name, or basename of the command */
    const char *cwd;  /* NULL if unset */
    const char *queue, *bank, *project;
    json_t *environment;   /* object or NULL */
    json_t *constraints;   /* object or NULL */
    json_t *dependencies;  /* array or NULL */
    json_t *shell_options; /* object or NULL */
};

/* -1 with EINVAL and *error, e.g.
 * "resources[0].with[1].count: must be a positive integer". */
int jobspec_parse (json_t *o, struct jobspec *js, flux_error_t *error);
/* json_loads with the text that users of Flux know:
 * "jobspec: invalid JSON: ...". */
json_t *jobspec_load (const char *s, size_t len, flux_error_t *error);
/* YAML (of which JSON is a part). Needs jobspec_yaml_dep: libyaml. */
json_t *jobspec_load_yaml (const char *s, size_t len, flux_error_t *error);

#endif
