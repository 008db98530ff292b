/* The core of job-manager: all active jobs, and what happens to them.
 *
 * Nothing here sees a handle, a clock or a socket. What comes in is a call; what
 * has to go out is told through struct manager_ops, except for two streams that
 * the wiring collects once per reactor turn: eventlog entries to commit
 * (manager_next_commit), and entries for the journal, which readers get once the
 * commit that holds them is acknowledged (m->sent).
 *
 * A job on its way:
 *   manager_submit           submit, validate, depend, priority; waits in its queue
 *   manager_turn             ops.sched_alloc
 *   manager_sched_success    alloc; ops.exec_start
 *   manager_exec_start       start
 *   manager_exec_finish      finish
 *   manager_exec_release     release; ops.sched_free; free, clean
 *   manager_committed        forgotten, except for a record in history
 * What may go wrong: manager_raise (anybody), manager_sched_deny,
 * manager_sched_lost, manager_exec_lost: requests are repeated when a scheduler
 * or an exec service says hello again. manager_commit_failed: what was to be
 * committed is part of the next commit. manager_pause: the KVS cannot store;
 * nothing is submitted and nothing is asked of the scheduler until
 * manager_resume; jobs that run go on. */
#ifndef JOB_MANAGER_MANAGER_H
#define JOB_MANAGER_MANAGER_H

#include "base/hashmap.h"
#include "base/json/json.h"
#include "base/json/jsontext.h"
#include "event.h"
#include "history.h"
#include "hook.h"
#include "job.h"
#include "jobqueue.h"
#include "journal.h"
#include "recent.h"
#include "waitable.h"

struct manager_ops {
    double (*now) (void *arg);  /* wall clock: timestamps, begin-time */
    double (*mono) (void *arg); /* monotonic: durations */
    void (*sched_alloc) (const struct job *job, void *arg);
    void (*sched_cancel) (const struct job *job, void *arg);
    void (*sched_prioritize) (const struct job *job, void *arg);
    void (*sched_free) (const struct job *job, void *arg);
    /* resources for a job that does not want them any more; may be NULL */
    void (*sched_unused) (flux_jobid_t id, struct span R, void *arg);
    /* the job is no longer waited for; may be NULL */
    void (*sched_silent) (const struct job *job, void *arg);
    void (*exec_start) (const struct job *job, bool reattach, void *arg);
    /* every exception, fatal or not */
    void (*exception) (const struct job *job, const struct event *ev, void *arg);
    void (*state) (const struct job *job, double timestamp,
                   void *arg); /* may be NULL */
    /* the job is inactive, and its log committed */
    void (*inactive) (const struct job *job, void *arg); /* may be NULL */
    /* A point of m->hooks; see hook.h. NULL if there are never any. */
    int (*hook) (struct job *job, struct hook_call *call, void *arg);
    /* Is R kept for a while? Then it is not freed now. May be NULL: no. */
    bool (*keep) (const struct job *job, void *arg);
};

struct manager {
    const struct manager_ops *ops;
    void *arg;

    struct idmap *jobs;
    struct list all; /* in the order of submission */
    size_t nstate[FLUX_JOB_NR_STATES];
    flux_jobid_t max_jobid;
    struct env_table envs;
    struct history *history;
    struct recent recent;
    struct waitables *waitables;
    struct jobqueues queues;
    struct hashmap *names; /* for singletons: "uid:queue:name" */
    struct heap expirations;
    struct heap begins;

    bool sched_ready;
    bool sched_told; /* it was told what is held: it has to hear what no longer is */
    unsigned int sched_limit; /* 0: unlimited */
    struct heap allocs;       /* offered to the scheduler; least urgent first */
    struct list canceled;     /* of these, whose cancel is not answered; oldest first */
    bool exec_ready;
    bool exec_keeps;  /* its jobs run on when the brokers are killed */
    bool exec_limits; /* it ends jobs whose time is over */
    bool kept;        /* so do jobs of the instance, where the exec service can */

    struct journal journal; /* since the last commit */
    struct journal sent;    /* of the commit under way: to be published after it */
    struct list dirty;      /* jobs with events to commit */
    struct list in_commit;
    uint32_t owner; /* whose jobs may run; FLUX_USERID_UNKNOWN: everybody's */
    bool guests;    /* those of others, too */
    int paused;     /* errno of the KVS, or 0 */
    char *pause_text;
    struct list todo; /* jobs whose next step is to be found */
    bool stepping;
    int hooks;         /* points that somebody wants to hear of */
    struct list notes; /* what is still to be told */
    bool hooking;      /* somebody is being told */
    unsigned long nevents, ncommits;
};

struct manager *manager_create (const struct manager_ops *ops, void *arg,
                                waitable_f wait_cb);
void manager_destroy (struct manager *m);

struct submission {
    flux_jobid_t id;
    uint32_t userid;
    int urgency;
    int flags;
    double t_submit; /* 0: now */
    struct span jobspec;
    /* length 0: in jobspec, if anywhere; else "environment":{...} with a comma behind */
    struct span env;
};
/* -1 with errno and *error: the job was refused and leaves no trace. */
int manager_submit (struct manager *m, const struct submission *s, flux_error_t *error);
struct job *manager_lookup (struct manager *m, flux_jobid_t id);
/* The same for a client's request; NULL with ENOENT, and *error says whether
 * the job is unknown or inactive. */
struct job *manager_lookup_active (struct manager *m, flux_jobid_t id,
                                   flux_error_t *error);

/* For plugins (see hook.h). Priority: what it is when none of them has a say; -1: it stays
 * open. set: of a job in PRIORITY or SCHED, else EINVAL. */
int64_t manager_default_priority (const struct manager *m, const struct job *job);
int manager_set_priority (struct manager *m, struct job *job, int64_t priority);
/* Ask again for the priority of each job that waits. */
void manager_reprioritize_all (struct manager *m);
/* SCHED: the job has R without the scheduler. */
void manager_bypass (struct manager *m, struct job *job, const char *R);
/* Merged into the job's annotations; null removes. Nothing of it is stored. */
void manager_annotate (struct manager *m, struct job *job, struct span annotations);

/* A reason to stay in DEPEND, which goes into the log. add: in NEW or DEPEND, else EINVAL;
 * EEXIST if the job has it or has had it. remove: ENOENT. */
int manager_dependency_add (struct manager *m, struct job *job,
                            const char *description);
int manager_dependency_remove (struct manager *m, struct job *job,
                               const char *description);
/* job.create and job.new, to the plugins that there are. */
void manager_announce (struct manager *m, struct job *job);

/* Clients' requests. */
void manager_raise (struct manager *m, struct job *job, const char *type, int severity,
                    const char *note, uint32_t userid);
int manager_set_urgency (struct manager *m, struct job *job, int urgency,
                         uint32_t userid, flux_error_t *error);
/* -1 with E2BIG and *error: nothing changes. */
int manager_memo (struct manager *m, struct job *job, json_t *memo, bool is_volatile,
                  flux_error_t *error);
/* May a client add an event? What it adds is kept in memory and in the KVS: -1 with
 * E2BIG and *error where it is too much. */
int manager_check_room (const struct job *job, flux_error_t *error);
/* Is it what a log may hold? -1 with EPROTO or E2BIG, and a text. */
int manager_check_context (const json_t *o, flux_error_t *error);
/* An update that may be made: what a client wants, and what plugins add. */
struct update_plan {
    const struct flux_msg_cred *cred; /* who asks, or NULL */
    json_t *updates;                  /* dotted jobspec key -> value */
    json_t *more;
    json_t *jobspec;  /* as it would be, without environment */
    bool feasibility; /* a plugin wants the scheduler to be asked */
};
/* *plan is to be freed, whatever comes back. */
int manager_plan_update (struct manager *m, struct job *job, json_t *updates,
                         struct update_plan *plan, flux_error_t *error);
void update_plan_fini (struct update_plan *plan);
/* Both at once. */
int manager_update (struct manager *m, struct job *job, json_t *updates,
                    flux_error_t *error);
/* What is known by this key has such values. */
bool manager_is_update (const char *key, const json_t *value);
/* Without asking whether such an update is possible. -1 with EINVAL and *error: the
 * jobspec cannot be changed so. */
int manager_post_update (struct manager *m, struct job *job, json_t *updates,
                         flux_error_t *error);
void manager_queue_start (struct manager *m, struct jobqueue *jq, bool start,
                          const char *reason, bool nocheckpoint);

/* Scheduler (RFC 27). */
void manager_sched_hello (struct manager *m,
                          void (*cb) (const struct job *job, void *arg), void *arg);
void manager_sched_ready (struct manager *m, unsigned int limit);
void manager_sched_lost (struct manager *m);
/* stored: the scheduler has committed R; else it goes with the alloc event. */
void manager_sched_success (struct manager *m, flux_jobid_t id, struct span R,
                            struct span annotations, bool stored);
void manager_sched_annotate (struct manager *m, flux_jobid_t id,
                             struct span annotations);
void manager_sched_deny (struct manager *m, flux_jobid_t id, const char *note);
void manager_sched_canceled (struct manager *m, flux_jobid_t id);
size_t manager_waiting (const struct manager *m); /* not offered yet */

/* Exec service (RFC 32). */
/* keeps: jobs outlive it, and it finds them again after a restart. Then none is started whose
 * alloc event is not stored. */
/* keeps, limits: see struct manager. */
void manager_exec_hello (struct manager *m, bool keeps, bool limits);
void manager_exec_lost (struct manager *m);
/* Whoever has gone is not waited for: the instance ends. */
void manager_exec_over (struct manager *m);
void manager_exec_start (struct manager *m, flux_jobid_t id);
/* Before that: the exec service gives the job so many seconds from now, since it could not
 * be started earlier. */
void manager_exec_time_left (struct manager *m, flux_jobid_t id, double left);
void manager_exec_release (struct manager *m, flux_jobid_t id, const char *ranks,
                           bool final);
void manager_exec_exception (struct manager *m, flux_jobid_t id, int severity,
                             const char *type, const char *note);
void manager_exec_finish (struct manager *m, flux_jobid_t id, int status);

/* Once per turn: offers jobs to the scheduler and fires what is due. */
void manager_turn (struct manager *m);
/* Seconds until the next thing becomes due; < 0: nothing. */
double manager_next_due (const struct manager *m);

/* Entries to append to the eventlog of the job that is returned, and R if it has a
 * length; NULL if there are no more. To be followed by one manager_committed for all, or by
 * manager_commit_failed if the KVS has none of them: they come again. */
const struct job *manager_next_commit (struct manager *m, struct span *entries,
                                       struct span *R);
void manager_committed (struct manager *m);
void manager_commit_failed (struct manager *m);

/* The KVS cannot store, for a reason; it can again. */
void manager_pause (struct manager *m, int errnum, const char *text);
void manager_resume (struct manager *m);
/* Whatever would cause an event is refused while paused: -1 with errno and
 * *error. */
int manager_check_paused (const struct manager *m, flux_error_t *error);

/* Restart: each job that the KVS has, in the order of ids; then one manager_restarted.
 * -1 with EINVAL and *error: the log or the jobspec cannot be understood. */
int manager_replay (struct manager *m, flux_jobid_t id, struct span eventlog,
                    struct span jobspec, struct span R, flux_error_t *error);
void manager_restarted (struct manager *m);

/* R with the expiration that the job has now, for those who did not hear of it: a
 * scheduler, or an exec service, that comes later. New; NULL: there is none, or ENOMEM. */
char *job_current_R (const struct job *job);

/* "task(s) exited with exit code 1", "task(s) Terminated", ... */
void job_error_text (const struct job *job, char *buf, size_t len);

/* Among the files of the core. */
void manager_set_expiration (struct manager *m, struct job *job);
void manager_offer (struct manager *m);
/* Jobs whose cancel the scheduler has not answered in time. */
void manager_reclaim (struct manager *m, double mono);
double manager_reclaim_due (const struct manager *m);
void manager_step (struct manager *m, struct job *job);
int manager_emit (struct manager *m, struct job *job, struct event *ev);

int depend_add (struct manager *m, struct job *job, flux_error_t *error);
void depend_post (struct manager *m, struct job *job);
void depend_drop (struct job *job, struct manager *m);
void depend_started (struct manager *m, struct job *job);
void depend_inactive (struct manager *m, struct job *job);
void depend_due (struct manager *m, double now);
int depend_replay (struct job *job, const struct event *ev);
int name_add (struct manager *m, struct job *job);
void name_remove (struct manager *m, struct job *job);
bool begin_before (const struct heap_node *x, const struct heap_node *y);

#endif
