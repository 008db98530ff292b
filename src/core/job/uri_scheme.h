/* Instances that are found by other means than Flux. */
#ifndef CORE_JOB_URI_SCHEME_H
#define CORE_JOB_URI_SCHEME_H

#include <flux/types.h>
#include <stdbool.h>

/* pid:PID, slurm:JOBID, lsf:JOBID, and NAME:TEXT by the first line that the program
 * flux-uri-NAME (in FLUX_EXEC_PATH or PATH) prints when it is called with TEXT.
 * Owned by the caller; NULL with errno and *error. */
char *uri_scheme_resolve (const char *scheme, const char *text, flux_error_t *error);

/* Is it one of those, or is there a flux-uri-NAME? */
bool uri_scheme_known (const char *scheme);

#endif
