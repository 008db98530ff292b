/* The module's state, shared by its wiring. */
#ifndef JOB_EXEC_CTX_H
#define JOB_EXEC_CTX_H

#include <flux/core.h>
#include <flux/job.h>
#include <flux/kvs.h>

#include "agent.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "config.h"
#include "job.h"
#include "modules/job-exec/output/ordered.h"
#include "modules/job-exec/reattach/resume.h"
#include "modules/job-exec/servers/site.h"
#include "timer.h"

/* Commits of output that may be on their way at once. */
#define COMMITS_MAX 16

/* Output that is on its way from shells to the KVS: for all, and for one. */
#define OUTPUT_BUDGET (64 * 1024 * 1024)
#define OUTPUT_WINDOW_MAX (256 * 1024)
#define OUTPUT_WINDOW_MIN (16 * 1024)

struct ctx {
    flux_t *h;
    flux_msg_handler_t **handlers;
    flux_msg_handler_t **event_handlers;
    struct config config;
    int argc; /* of the module; borrowed */
    char **argv;
    struct site site;
    struct resume resume;
    char *facts; /* "jobid_path":...,"instance_level":N */
    struct idmap *jobs;
    struct timer_heap timers;
    flux_watcher_t *timer_w;
    flux_watcher_t *prepare_w;

    struct agent *agent; /* of this rank */
    double heal; /* tbon.heal, in seconds; 0: a way that is lost ends what it led to */
    struct idmap *nodes; /* by rank */
    struct list dirty_nodes;
    struct list dead_nodes;

    struct list dirty_jobs;
    struct ordered ordered; /* commits on their way */
    struct timer again_timer;
    struct timer delay_timer;
    bool commit_due;
    bool commit_much; /* output that should not wait for an answer */

    size_t shell_count; /* of all jobs */
    long commit_count;
    int64_t output_bytes; /* of frames */
    long job_count;
};

/* nodes.c: the agents of the ranks that run jobs. Shells that were found are not started. */
void nodes_start_job (struct ctx *ctx, struct job *job, const char *payload, size_t len,
                      double left);
void node_send (struct ctx *ctx, struct job *job, struct shell_ref *s, char type,
                const char *text, size_t len);
/* What the agent of this rank says. arg is the ctx. */
void nodes_local_frame (uint64_t id, char type, const char *text, size_t len,
                        void *arg);
void nodes_flush (struct ctx *ctx);
/* The ranks whose answers about the limit are missing still have others to start or to ask
 * before, and go on with that since the last look. */
bool nodes_move (struct ctx *ctx, struct job *job);
/* Asks for a shell that ran under another broker; ops->resumed follows. -1: it cannot. */
int nodes_claim (struct ctx *ctx, struct job *job, struct shell_ref *s);
/* What is not claimed is nobody's; in this turn, behind what was claimed. */
void nodes_claims_over (struct ctx *ctx);
/* The job is stored, or lost. */
void nodes_forget (struct ctx *ctx, struct job *job);
void nodes_end (struct ctx *ctx);
void nodes_destroy (struct ctx *ctx);

/* commit.c */
void commits_init (struct ctx *ctx);
void commits_destroy (struct ctx *ctx);
void commit_mark (struct ctx *ctx, struct job *job);
void commit_finished (struct ctx *ctx, struct job *job);
/* Commits what is due, as far as COMMITS_MAX allows. */
void commit_flush (struct ctx *ctx);
/* Which shells the job cannot do without, for who finds it again. The request is answered
 * when that is stored. -1: it is not, and errno says why; EAGAIN: too much is to be. */
int commit_critical (struct ctx *ctx, struct job *job, const char *shells,
                     const flux_msg_t *request);

/* kill.c */
void kill_job (struct ctx *ctx, struct job *job, int signum);
/* The first of its shells waits for the others. */
void barrier_begin (struct ctx *ctx, struct job *job);

/* limit/expire.c */
/* left: until the job expires; 0: it does not. The shells know, or will. */
void exec_set_limit (struct ctx *ctx, struct job *job, double left);
/* The same, and they do not. */
void expire_begin_anew (struct ctx *ctx, struct job *job, double left);
/* Of struct job_ops. */
void expire_answer_op (struct job *job, void *arg);
void expire_passed_op (struct job *job, const char *text, void *arg);

/* testexec.c */
void testexec_start (struct ctx *ctx, struct job *job);
/* It runs since then, by the wall's clock; job->start_sent: and job-manager knows. */
void testexec_resume (struct ctx *ctx, struct job *job, double since);
void testexec_kill (struct ctx *ctx, struct job *job, int signum);

/* job-exec.c */
void exec_respond (struct ctx *ctx, struct job *job, const char *type,
                   const char *data);
void exec_set_timer (struct ctx *ctx, struct timer *t, double after, timer_f cb,
                     void *arg);
/* The last commit is done: release and forget. */
void exec_release (struct ctx *ctx, struct job *job);
struct ctx *job_ctx (struct job *job);
/* It runs, or is about to. */
void exec_begin (struct ctx *ctx, struct job *job, const char *payload);
/* Its shells are there. */
void exec_count (struct ctx *ctx, struct job *job);

#endif
