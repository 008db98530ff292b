/* Watching a log of a job with a window: no more than so many bytes of lines are sent
 * until the reader says that it has taken some. */
#ifndef CORE_JOB_WATCH_H
#define CORE_JOB_WATCH_H

#include <flux/job.h>

/* As flux_job_event_watch(). */
flux_future_t *job_event_watch_window (flux_t *h, flux_jobid_t id, const char *path,
                                       int flags, size_t window);
int job_event_watch_credit (flux_future_t *f, flux_jobid_t id, size_t bytes);

#endif
