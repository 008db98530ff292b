/* What shell options may say; pure. flux-shell-options(7) */
#ifndef SHELL_OPTIONS_H
#define SHELL_OPTIONS_H

#include <flux/idset.h>
#include <flux/types.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Asked about names that nothing here knows. True: somebody else reads it. */
typedef bool (*options_claim_f) (const char *name, void *arg);

/* An option, or a member of one, that nothing reads, or whose value has no meaning, would
 * be taken for one that does something: -1 with EINVAL and *error, which names it. claim
 * may be NULL. */
int options_check (json_t *options, options_claim_f claim, void *arg,
                   flux_error_t *error);

/* A switch: true or a number that is not 0. */
bool option_is_on (const json_t *o);
/* Seconds: a number, or text in FSD. -1 with EINVAL. */
int option_duration (const json_t *o, double *seconds);
/* Bytes: a number, or text that may end with k, M or G; what is more than can be said is
 * SIZE_MAX. -1 with EINVAL. */
int option_size (const json_t *o, size_t *bytes);
#define OUTPUT_LIMIT_MAX (1UL << 30) /* of output.limit, and the default */
/* pmi: a list of implementations; true if the simple one is among them. NULL: it is. */
bool option_pmi_simple (const json_t *o);

/* What affinity options have before their value. */
struct affinity_option {
    bool verbose, dry_run;
    enum { AFFINITY_ON, AFFINITY_OFF, AFFINITY_PER_TASK, AFFINITY_MAP } kind;
    const char *map; /* of AFFINITY_MAP, points into the option */
};
/* NULL: on. -1 with EINVAL. */
int option_affinity (const json_t *o, struct affinity_option *a);
/* The set number i of a map, which begins anew behind its last: as hwloc writes them,
 * a list, or masks in hexadecimal. Owned by the caller; NULL with EINVAL. */
struct idset *option_map_set (const char *map, int i);

#endif
