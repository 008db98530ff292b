/* Table [ingest]: what happens to a job before it is one.
 *
 * Defaults and constraints of queues, and whether a jobspec is one, are this module's
 * own. Any other plugin is in Python, and is asked through a crew (crew.h). */
#ifndef JOB_INGEST_STAGES_H
#define JOB_INGEST_STAGES_H

#include <flux/types.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct stages {
    bool no_defaults;    /* frobnicator: without plugin "defaults" */
    bool no_constraints; /* without "constraints" */
    bool no_validation;  /* validator.disable */
    size_t batch_count;  /* jobs that make a batch; 0: as they come */
    size_t buffer_size;  /* bytes that wait for an answer of the crew */
    char *crew;          /* its configuration, JSON; NULL: nobody to ask */
};

/* The table with what the module's arguments say of it in its place: batch-count=N,
 * buffer-size=SIZE, and for S of frobnicator and validator: S-plugins=NAME[,NAME...],
 * S-args=ARG[,ARG...], disable-S. ingest may be NULL. A new reference, or NULL with EINVAL
 * (or ENOMEM) and *error. */
json_t *stages_args (json_t *ingest, int argc, char *argv[], flux_error_t *error);
/* ingest: the table, or NULL. -1 with EINVAL and *error; *s is then unchanged. Free
 * with stages_fini. */
int stages_parse (json_t *ingest, struct stages *s, flux_error_t *error);
void stages_fini (struct stages *s);

#endif
