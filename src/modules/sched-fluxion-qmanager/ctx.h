/* What the files of sched-fluxion-qmanager share. */
#ifndef SCHED_FLUXION_QMANAGER_CTX_H
#define SCHED_FLUXION_QMANAGER_CTX_H

#include <flux/core.h>
#include <flux/schedutil.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/hashmap.h"
#include "core/reactor/reactor.h"
#include "options.h"
#include "queue.h"

/* A queue, and what it has under way. */
struct lane {
    struct ctx *ctx;
    char *name;
    struct queue q;
    json_t *qparams, *pparams; /* as given */
    flux_future_t *f;          /* of the batch */
    struct batch batch;
    struct list dropped; /* jobs that lost a reservation in this round */
};

struct job {
    struct qjob q;
    struct lane *lane;
    flux_msg_t *msg; /* what to answer to, without the jobspec */
    int64_t t_estimate;
    struct list dropped;
    bool endless;
};

struct running {
    struct lane *lane; /* NULL: of a queue that is not there any more */
    bool endless;
};

struct ctx {
    flux_t *h;
    schedutil_t *util;
    flux_msg_handler_t **handlers;
    flux_future_t *notify;
    struct options opt;
    struct lane *lane;
    size_t nlanes;
    struct idmap *jobs, *running;
    struct hashmap *shapes;
    struct buf scratch;
    json_t *given_back; /* ids that the graph is told of at the end of this turn */
    struct flux_msglist *waiting; /* questions from before it was ready */
    struct reactor_task schedule;
    bool ready;
};

/* jobs.c: requests of job-manager */
void alloc_cb (flux_t *h, const flux_msg_t *msg, void *arg);
void free_cb (flux_t *h, const flux_msg_t *msg, const char *unused, void *arg);
void cancel_cb (flux_t *h, const flux_msg_t *msg, void *arg);
void prioritize_cb (flux_t *h, const flux_msg_t *msg, void *arg);
void expiration_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
void job_destroy (struct ctx *ctx, struct job *job);
void job_forget (struct ctx *ctx, struct job *job);
void job_deny (struct ctx *ctx, const flux_msg_t *msg, const char *note);
/* What a job holds, or has reserved, is the graph's again, before anything is matched
 * that is not asked for yet. */
void job_give_back (struct ctx *ctx, uint64_t id);
/* NULL: there is no such queue. */
struct lane *lane_find (struct ctx *ctx, const char *name);
/* At the end of this turn of the reactor, more jobs are asked for. */
void lanes_wake (struct ctx *ctx);
/* Something was given back. */
void lanes_freed (struct ctx *ctx, bool endless);
/* A reservation without an end is given up. */
void lanes_unblock (struct ctx *ctx);
/* The graph has changed. */
void lanes_changed (struct ctx *ctx);

/* hello.c: jobs that run already */
int hello_cb (flux_t *h, const flux_msg_t *msg, const char *R, void *arg);
/* NULL: ENOMEM. lane may be NULL. */
struct running *running_add (struct ctx *ctx, uint64_t id, struct lane *lane,
                             bool endless);

/* batch.c: jobs are asked for, and answers taken */
void lanes_schedule (void *arg);
/* Tell the graph what was given back. */
void give_back (struct ctx *ctx);

/* stats.c */
void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void params_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);

#endif
