/* The jobs of a scheduler as JSON, to be held again on a graph that was made in the same
 * way. What a vertex is called is its number: scheduler_fingerprint tells if the
 * numbers mean the same. */
#ifndef FLUXION_SAVED_H
#define FLUXION_SAVED_H

#include "fluxion/match/match.h"
#include <jansson.h>

/* Of the numbers, names and sizes of all vertices. */
uint64_t scheduler_fingerprint (struct scheduler *s);
/* What a job holds or will hold; NULL: ENOMEM. */
json_t *scheduler_save_job (struct scheduler *s, const struct job *job);
/* -1 with EINVAL (it is no such job, or somebody else holds that), EEXIST. */
int scheduler_restore_job (struct scheduler *s, json_t *saved, flux_error_t *error);
/* What the policy `first` has learned; NULL: ENOMEM. */
json_t *scheduler_save_weights (struct scheduler *s);
int scheduler_restore_weights (struct scheduler *s, json_t *saved, flux_error_t *error);

#endif
