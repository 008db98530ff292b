/* Could a job ever run? The core of the module: its graph, and answers from it; without
 * handle and clock. */
#ifndef FLUXION_FEASIBILITY_ANSWER_H
#define FLUXION_FEASIBILITY_ANSWER_H

#include "fluxion/site.h"

/* o: a response of sched-fluxion-resource.notify. The first makes *site, of its params,
 * resources and graph; what it says of ranks holds then, and that of each later one. -1
 * with EINVAL and *error, which begins with what could not be done. */
int answer_follow (struct site **site, json_t *o, flux_error_t *error);

/* -1 with *error for who asks: ENODEV: it never fits; EINVAL: it is no jobspec; ENOMEM. */
int answer_check (struct site *site, json_t *jobspec, flux_error_t *error);

/* What is said of a match that failed so: -1 with errnum and *error. */
int answer_failure (int errnum, const char *why, flux_error_t *error);

#endif
