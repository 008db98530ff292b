/* A command on each of some ranks, by rexec: for prologs, epilogs and housekeeping. */
#ifndef JOB_MANAGER_RANKEXEC_H
#define JOB_MANAGER_RANKEXEC_H

#include <flux/core.h>
#include <flux/idset.h>

struct rankexec;

struct rankexec_ops {
    /* A line of output, without its newline. */
    void (*line) (unsigned int rank, bool is_error, const char *text, void *arg);
    /* It has ended on a rank, with this wait status; or why says what kept it from
     * starting, and status is that of exit code 126. */
    void (*done) (unsigned int rank, int status, const char *why, void *arg);
    /* On all of them. Here it may be destroyed, in the two others not. */
    void (*complete) (void *arg);
};

/* What such a command finds in its environment of the job: FLUX_JOB_ID, FLUX_JOB_USERID,
 * FLUX_JOB_RANKS, and FLUX_OWNER_USERID of the instance. -1 with errno. */
int rankexec_set_environment (flux_cmd_t *cmd, flux_jobid_t id, uint32_t userid,
                              const struct idset *ranks);
/* Nothing is told before this returns. NULL with errno. */
struct rankexec *rankexec_create (flux_t *h, const flux_cmd_t *cmd,
                                  const struct idset *ranks,
                                  const struct rankexec_ops *ops, void *arg);
/* What still runs goes on, and nobody hears of it. */
void rankexec_destroy (struct rankexec *x);
/* ranks NULL: all. */
void rankexec_kill (struct rankexec *x, const struct idset *ranks, int signum);
/* Where it has not ended. */
const struct idset *rankexec_active (const struct rankexec *x);

#endif
