/* Queues and their policy (RFC 33). */
#ifndef JOB_MANAGER_JOBQUEUE_H
#define JOB_MANAGER_JOBQUEUE_H

#include "base/list.h"
#include "job.h"
#include <flux/types.h>
#include <jansson.h>

struct job_limits {
    double duration;           /* s; 0: no limit */
    struct job_facts max, min; /* -1: no limit */
};

struct jobqueue {
    struct list link;
    char *name; /* NULL: the anonymous queue */
    bool enabled;
    bool started;
    bool nocheckpoint;          /* stopped, but not to be remembered over a restart */
    bool nocheckpoint_disabled; /* the same for disabled */
    char *disable_reason;
    char *stop_reason;
    struct job_limits limits;
    json_t *requires;    /* properties of its nodes, or NULL */
    struct heap waiting; /* jobs to be offered to the scheduler */
    unsigned int njobs;  /* active */
    unsigned int nrunning;
    bool configured; /* false: gone from the configuration, jobs remain */
};

/* Features that a site has switched off. */
enum {
    OFF_PRIORITY = 1 << 0, /* priorities are urgencies */
    OFF_LIMIT_SIZE = 1 << 1,
    OFF_LIMIT_DURATION = 1 << 2,
    OFF_AFTER = 1 << 3, /* dependencies */
    OFF_SINGLETON = 1 << 4,
    OFF_BEGIN_TIME = 1 << 5,
    OFF_UPDATE_DURATION = 1 << 6,
    OFF_UPDATE_QUEUE = 1 << 7,
};

struct jobqueues {
    unsigned int off; /* of these */
    struct list queues;
    bool named;
    bool need_size; /* some limit looks at the size of jobs */
};

int jobqueues_init (struct jobqueues *q);
void jobqueues_fini (struct jobqueues *q);
/* From the tables [queues] and [policy] (either may be NULL). Queues that stay
 * keep their status. -1 with EINVAL and *error: nothing changes. */
int jobqueues_configure (struct jobqueues *q, json_t *queues, json_t *policy,
                         flux_error_t *error);
/* name NULL: the anonymous queue. NULL with EINVAL and *error. */
struct jobqueue *jobqueues_lookup (struct jobqueues *q, const char *name,
                                   flux_error_t *error);
/* May the job be submitted? -1 with EINVAL and *error. */
int jobqueue_check (struct jobqueues *q, struct jobqueue *jq,
                    const struct job_facts *facts, flux_error_t *error);
/* May a job that is in the queue be so? */
int jobqueue_check_limits (const struct jobqueues *q, const struct jobqueue *jq,
                           const struct job_facts *facts, flux_error_t *error);
/* The constraints of a job that leaves `from` for `to`, new: ingest has put what `from`
 * requires behind its own. NULL: they stay as they are (they may be NULL). */
json_t *jobqueue_move_constraints (const struct jobqueue *from,
                                   const struct jobqueue *to, json_t *constraints);
void jobqueue_set_enabled (struct jobqueue *jq, bool enabled, const char *reason,
                           bool nocheckpoint);
void jobqueue_set_started (struct jobqueue *jq, bool started, const char *reason,
                           bool nocheckpoint);
/* RFC 33 status object, new. */
json_t *jobqueue_status (const struct jobqueue *jq);
/* What survives a restart: array of {name?, enable, start, ...}; and back. */
json_t *jobqueues_save (const struct jobqueues *q);
void jobqueues_restore (struct jobqueues *q, json_t *saved);

#endif
