/* Options of the module: KEY=VALUE on its load line, or a table of the configuration.
 * What is on the load line goes first. */
#ifndef SCHED_FLUXION_RESOURCE_OPTIONS_H
#define SCHED_FLUXION_RESOURCE_OPTIONS_H

#include <flux/types.h>
#include <jansson.h>

struct options {
    char *load_file, *load_format, *load_allowlist, *match_policy, *match_format,
        *subsystems, *prune_filters, *traverser;
    int64_t reserve_vtx_vec;
    double update_interval; /* s */
};

/* Members are NULL or 0 before. table: may be NULL. -1 with EINVAL, and *error names
 * the key. To be undone by options_fini in either case. */
int options_init (struct options *o, json_t *table, int argc, char **argv,
                  flux_error_t *error);
void options_fini (struct options *o);
/* As `params` are answered; new. */
json_t *options_encode (const struct options *o);

#endif
