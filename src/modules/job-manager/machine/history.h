/* What is remembered of a job that is inactive: a few bytes, until purged. */
#ifndef JOB_MANAGER_HISTORY_H
#define JOB_MANAGER_HISTORY_H

#include <flux/job.h>

struct history_record {
    flux_job_result_t result;
    bool started;
    bool exception;
    int status; /* wait status, or -1 */
};

struct history;

struct history *history_create (void);
void history_destroy (struct history *h);
int history_add (struct history *h, flux_jobid_t id, double t_inactive,
                 struct history_record rec);
bool history_lookup (const struct history *h, flux_jobid_t id,
                     struct history_record *rec);
size_t history_count (const struct history *h);
bool history_remove (struct history *h, flux_jobid_t id);
/* After history_remove: what was not removed in the end is in its place again. Takes as
 * long as there are records. */
int history_put_back (struct history *h, flux_jobid_t id, double t_inactive,
                      struct history_record rec);
/* By the time; after a restart jobs come in another order. */
void history_sort (struct history *h);
/* The job that has been inactive for longest. False if there is none. */
bool history_oldest (struct history *h, flux_jobid_t *id, double *t_inactive);
/* How many became inactive before t. */
size_t history_count_before (const struct history *h, double t);

#endif
