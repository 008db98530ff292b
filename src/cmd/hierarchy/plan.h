/* From the model to jobs: what each instance is started with. Pure. */
#ifndef CMD_HIERARCHY_PLAN_H
#define CMD_HIERARCHY_PLAN_H

#include "cmd/hierarchy/model.h"

struct plan_options {
    const char *flux;    /* program */
    const char *program; /* flux-hierarchy: initial program of each instance */
    const char *cwd;
    const char *outdir; /* NULL: output stays in the job */
    json_t *environment;
};

/* The jobspec of an instance, in which only its children's groups are passed on.
 * New reference, or NULL if out of memory. */
json_t *plan_jobspec (const struct hierarchy *t, const struct hier_instance *i,
                      const struct plan_options *options);

/* What an instance finds in $FLUX_HIERARCHY. */
#define PLAN_ENV "FLUX_HIERARCHY"
struct plan {
    json_t *json; /* owns the texts */
    const char *id;
    const char *group;
    const char *outdir;
    struct hierarchy *tree; /* NULL: a leaf */
};
int plan_parse (struct plan *p, const char *text, flux_error_t *error);
void plan_fini (struct plan *p);

/* What of an environment goes with the jobs: all, or only what programs and Flux need.
 * New reference. */
json_t *plan_environment (char *const *env, bool all);

#endif
