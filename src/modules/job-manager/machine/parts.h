/* What the files of the state machine have of each other: manager.c, replay.c, update.c. */
#ifndef JOB_MANAGER_PARTS_H
#define JOB_MANAGER_PARTS_H

#include "manager.h"

static inline int state_index (flux_job_state_t state)
{
    return __builtin_ctz (state);
}

/* A copy; NULL without memory. */
char *span_dup (struct span s);

/* A job that is known from now on, in state NEW. NULL with EEXIST or ENOMEM. */
struct job *manager_new_job (struct manager *m, flux_jobid_t id, struct span jobspec,
                             struct span env, flux_error_t *error);
/* An event that says nothing but its name. */
/* Where the job was submitted with the flag debug: what goes on between events. */
void manager_debug (struct manager *m, struct job *job, const char *name);
void manager_emit_plain (struct manager *m, struct job *job, enum event_type type);
/* It is known no longer. */
void manager_forget (struct manager *m, struct job *job);
/* What stays of a job that ended. t_inactive: monotonic. */
void manager_remember (struct manager *m, const struct job *job, double t_inactive);
/* Takes what the core wants to know from the jobspec. */
int manager_read_spec (struct manager *m, struct job *job, flux_error_t *error);
/* The queue that the jobspec names; the job leaves the one that it had. */
int manager_set_queue (struct manager *m, struct job *job, flux_error_t *error);
/* The scheduler need not answer any more. */
void manager_cancel_alloc (struct manager *m, struct job *job);
/* A number in R by its path; 0 if there is none, or no R. */
double manager_R_number (const char *R, const char *path);
/* The jobspec with updates (paths to values) in it. -1 with errno: it is as it was. */
int manager_rewrite_spec (struct manager *m, struct job *job, json_t *updates);

#endif
