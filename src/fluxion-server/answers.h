/* Answers to requests that carry an id, so that asking again gets the same: kept as long
 * as the job that was made, and in bounds. Pure. */
#ifndef FLUXION_SERVER_ANSWERS_H
#define FLUXION_SERVER_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_ID_MAX 128

struct answers;

struct answer {
    char *id;
    int64_t jobid;
    uint64_t question; /* of what was asked for, see answers_question */
    uint8_t *data;     /* the response, as it went out */
    size_t len;
    size_t claims; /* calls that have, or may have, brought it to their client */
};

struct answers *answers_create (size_t max_bytes);
void answers_destroy (struct answers *a);

/* Stands for a jobspec and how it was asked for. */
uint64_t answers_question (const char *jobspec, bool reservation);

/* NULL: not known. */
struct answer *answers_find (const struct answers *a, const char *id);
struct answer *answers_of_job (const struct answers *a, int64_t jobid);
/* With one claim; copies id and data. -1 with ENOSPC or ENOMEM: nothing is kept. */
int answers_add (struct answers *a, const char *id, uint64_t question, int64_t jobid,
                 const uint8_t *data, size_t len);
/* The job is no more. No error if there is no answer of it. */
void answers_forget (struct answers *a, int64_t jobid);
/* A call with this job has failed; true: nobody else has heard of the job. */
bool answers_disclaim (struct answers *a, int64_t jobid);

#endif
