/* What the wiring files of job-manager share. */
#ifndef JOB_MANAGER_CTX_H
#define JOB_MANAGER_CTX_H

#include "modules/job-manager/machine/manager.h"
#include <flux/core.h>

/* Decimal; see checkpoint_jobid(). */
#define MAX_JOBID_KEY "checkpoint.max-jobid"

/* A request that is answered once the events that it caused are committed. */
struct answer {
    struct list link;
    const flux_msg_t *msg;
    char *payload; /* NULL: empty */
};

struct ctx {
    flux_t *h;
    struct manager *m;
    struct jobtap *jobtap;
    struct housekeeping *housekeeping;
    uint32_t owner;
    double epoch; /* of job ids */

    flux_watcher_t *prepare;
    flux_watcher_t *timer;
    flux_msg_handler_t **handlers;

    flux_future_t *f_commit;  /* one at a time: what comes meanwhile shares the next */
    size_t ncommit;           /* jobs in the last one */
    flux_watcher_t *hold;     /* while it runs no commit is made */
    bool refused;             /* the KVS refused one: it is to be made again */
    flux_watcher_t *retry;    /* when the store says nothing about why */
    flux_future_t *f_health;  /* of the store below the KVS */
    flux_jobid_t saved_jobid; /* the highest one in the KVS */
    size_t blob_max;          /* what the KVS takes in one piece */
    struct list answers;      /* with the next commit */
    struct list answers_sent; /* with the one under way */

    const flux_msg_t *sched; /* hello request of the scheduler, or NULL */
    json_t *prioritize;      /* for sched.prioritize, or NULL */
    const flux_msg_t *exec;
    flux_watcher_t *exec_timer; /* at the end: patience with a client that is it */
    bool ending;
    char *exec_topic; /* "job-exec.start" */
    char *exec_kill_topic;

    struct flux_msglist *readers;
    flux_watcher_t *quiet;
    bool busy;                   /* a commit is on its way, or was a moment ago */
    struct flux_msglist *drains; /* wait until no job is active */
    struct flux_msglist *idles;  /* wait until no job runs */

    double inactive_age_limit; /* s; < 0: none */
    int inactive_num_limit;    /* < 0: none */
    bool purging;
    struct buf scratch;
    unsigned long njournal;
};

/* job-manager.c */
/* Takes payload (may be NULL). */
void ctx_answer (struct ctx *ctx, const flux_msg_t *msg, char *take_payload);
/* True if the sender is the owner, or has user's uid. Responds EPERM if not. */
bool ctx_allowed (struct ctx *ctx, const flux_msg_t *msg, uint32_t userid);
/* False, and the request is answered, if events cannot be stored now. A request
 * that wants no answer is promised nothing: it passes. */
bool ctx_storing (struct ctx *ctx, const flux_msg_t *msg);
/* Room in a list of requests that wait? Responds EAGAIN if not. */
bool ctx_room (struct ctx *ctx, struct flux_msglist *l, const flux_msg_t *msg);
void ctx_respond_text (struct ctx *ctx, const flux_msg_t *msg, flux_error_t *error);

/* sched.c */
extern const struct flux_msg_handler_spec sched_handlers[];
void sched_disconnect (struct ctx *ctx, const flux_msg_t *msg);
void sched_alloc_op (const struct job *job, void *arg);
void sched_cancel_op (const struct job *job, void *arg);
void sched_prioritize_op (const struct job *job, void *arg);
void sched_free_op (const struct job *job, void *arg);
void sched_unused_op (flux_jobid_t id, struct span R, void *arg);
void sched_silent_op (const struct job *job, void *arg);
/* A part of R; final: the last one. */
void sched_free_part (struct ctx *ctx, flux_jobid_t id, struct span R, bool final);
void sched_turn (struct ctx *ctx);
void sched_expiration (struct ctx *ctx, const struct job *job, double expiration);

/* exec.c */
extern const struct flux_msg_handler_spec exec_handlers[];
void exec_disconnect (struct ctx *ctx, const flux_msg_t *msg);
/* The instance ends, and waits for its jobs: a client that is the exec service, and says
 * nothing of them, is not waited for. */
void exec_end (struct ctx *ctx);
void exec_timeout (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);
void exec_start_op (const struct job *job, bool reattach, void *arg);
void exec_exception_op (const struct job *job, const struct event *ev, void *arg);
/* Forwards a signal; -1 with *error. */
int exec_kill (struct ctx *ctx, const struct job *job, int signum, flux_error_t *error);

/* The answer to a commit that has come already is looked at now. */
void commit_catch_up (struct ctx *ctx);

/* journal.c */
extern const struct flux_msg_handler_spec journal_handlers[];
void journal_publish (struct ctx *ctx);
/* Before a commit is sent, and when it was answered. */
void journal_commit (struct ctx *ctx);
void journal_committed (struct ctx *ctx);
void journal_quiet_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);
void journal_disconnect (struct ctx *ctx, const flux_msg_t *msg);

/* request_jobs.c: what clients ask about jobs */
extern const struct flux_msg_handler_spec job_handlers[];
void job_disconnect (struct ctx *ctx, const flux_msg_t *msg);
/* history.get: the latest jobs of the sender. */
void job_history_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg);
void wait_answer (void *waiter, int errnum, const struct wait_result *res, void *arg);

/* request_queue.c */
extern const struct flux_msg_handler_spec queue_handlers[];
void queue_turn (struct ctx *ctx);
int queue_restore (struct ctx *ctx);
/* There was an instance before, with jobs: what the configuration wants then. */
void queue_restarted (struct ctx *ctx);
int queue_configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error);

/* purge.c */
extern const struct flux_msg_handler_spec purge_handlers[];
int purge_configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error);
void purge_turn (struct ctx *ctx);
/* Seconds until a job is beyond the limit of age; < 0: none will be. */
double purge_next_due (struct ctx *ctx);

/* restart.c */
int restart_from_kvs (struct ctx *ctx);

#endif
