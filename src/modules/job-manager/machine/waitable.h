/* Jobs with the flag WAITABLE, and those who wait for them. */
#ifndef JOB_MANAGER_WAITABLE_H
#define JOB_MANAGER_WAITABLE_H

#include "base/list.h"
#include <flux/job.h>

struct waitables;

struct wait_result {
    flux_jobid_t id;
    bool success;
    char errstr[160];
};

/* Called for each waiter that gets its answer. errnum != 0: no job is left. */
typedef void (*waitable_f) (void *waiter, int errnum, const struct wait_result *res,
                            void *arg);

struct waitables *waitables_create (waitable_f cb, void *arg);
void waitables_destroy (struct waitables *w);
/* A waitable job began. */
int waitables_add (struct waitables *w, flux_jobid_t id);
/* It became inactive: whoever waits is told, or it is kept until asked for. */
void waitables_finish (struct waitables *w, const struct wait_result *res);
/* 1: the answer is in *res. 0: waiter will be called. -1: ECHILD if there is no
 * such waitable job, EEXIST if somebody waits for it. id may be
 * FLUX_JOBID_ANY. */
int waitables_wait (struct waitables *w, flux_jobid_t id, void *waiter,
                    struct wait_result *res);
/* Drop the waiters for which match is true; they are not called. */
void waitables_forget (struct waitables *w, bool (*match) (void *waiter, void *arg),
                       void *arg);
size_t waitables_count (const struct waitables *w);
/* Iterate over waitable jobs: *pos from 0. */
bool waitables_next (const struct waitables *w, size_t *pos, flux_jobid_t *id);

#endif
