/* One queue and its policy. Pure: who owns it asks what to match next, asks the graph,
 * and tells what came of it.
 *
 * A round goes through the jobs in order (priority, then age), at most queue_depth of
 * them. It begins anew when something was freed or the order has changed, and goes on
 * when a job has come behind those that it has seen; so an event never costs a walk over
 * the queue. What a round has seen to fail is not tried again in it for jobs of the same
 * shape (the text of what they ask for): until its end, resources only get fewer.
 *
 *   fcfs           the first that has to wait ends the round
 *   easy           one job gets a reservation, those behind it only what is free beside
 *   hybrid         a number of jobs do
 *   conservative   all do, within the depths
 *
 * A job that cannot even be reserved (nodes are down) is not tried again before
 * queue_changed, or queue_unblock. */
#ifndef SCHED_FLUXION_QMANAGER_QUEUE_H
#define SCHED_FLUXION_QMANAGER_QUEUE_H

#include <stdint.h>

#include "base/list.h"
#include "order.h"

enum queue_policy { QUEUE_FCFS, QUEUE_EASY, QUEUE_HYBRID, QUEUE_CONSERVATIVE };
extern const char *const queue_policy_names[4];

struct queue_params {
    enum queue_policy policy;
    unsigned int depth, max_depth; /* jobs that a round looks at */
    unsigned int reservations;     /* hybrid: how many */
    unsigned int max_reservations;
};
/* What sheet and manual say: depth 32 of at most 1000000, 64 of at most 100000. */
void queue_params_init (struct queue_params *p, enum queue_policy policy);
unsigned int queue_params_reservations (const struct queue_params *p);

/* What a job asks for, shared by those that ask for the same. */
struct shape {
    char *text;
    unsigned int refs;
    uint64_t busy_round;     /* the round in which it was seen not to fit now */
    uint64_t blocked_change; /* ... and the change after which it fits never */
};

enum qjob_state { QJOB_WAITING, QJOB_ASKED, QJOB_RESERVED, QJOB_RUNNING };

struct qjob {
    uint64_t id;
    int64_t priority;
    struct shape *shape; /* of the owner, or NULL */
    void *data;          /* the owner's */
    /* private */
    enum qjob_state state;
    bool gone;         /* removed while it was asked for */
    bool was_reserved; /* at any time */
    int64_t at;        /* reserved for */
    struct order_node node;
    struct list link; /* reserved, or asked for */
};

struct queue_counts {
    uint64_t pending, reserved, rejected, running, complete, cancelled, reprioritized;
};

struct queue {
    struct queue_params params;
    struct queue_counts counts;
    /* private */
    struct order jobs;
    struct list reserved, asked; /* asked: in the order of the batch */
    struct order_node *seen;     /* the last that the round has seen; NULL: none */
    unsigned int considered, nreserved, batch_size, freed;
    uint64_t round, change, asked_change;
    bool restart, stopped;
};

void queue_init (struct queue *q, const struct queue_params *params);

void queue_add (struct queue *q, struct qjob *job);
/* True: it is forgotten. False: it is asked for; queue_result will hand it back. */
bool queue_remove (struct queue *q, struct qjob *job);
void queue_reprioritize (struct queue *q, struct qjob *job, int64_t priority);
/* A job has given back something. endless: what it held had no end that a
 * reservation could have counted on. */
void queue_freed (struct queue *q, bool endless);
/* The graph has changed: up, down, more, less, until when. */
void queue_changed (struct queue *q);
/* A reservation without an end is given up, in this queue or another: what could not be
 * reserved beside it is asked for in the next round. */
void queue_unblock (struct queue *q);
/* Was it seen to fit never, as the graph is? */
bool queue_is_blocked (const struct queue *q, const struct qjob *job);
/* A running job of this queue is over; for the counts. */
void queue_complete (struct queue *q);

/* A round begins with a small batch, as often little is free, and what waits would be
 * sent for nothing with each job that ends; each further one is twice as large. With
 * fcfs, where jobs have ended, the first one has one job for each, and the one that is
 * to wait. */
#define BATCH_FIRST 8
#define BATCH_MAX 128
struct batch {
    struct qjob *job[BATCH_MAX];
    unsigned int count;
    unsigned int reservations; /* so many may be made; then only what is free */
    bool stop;                 /* at the first that has to wait */
};
/* The next jobs to be asked for, none while a batch is under way. Where a new round
 * begins, those that have reservations lose them first: unreserve is called for each. */
bool queue_next (struct queue *q, struct batch *b,
                 void (*unreserve) (struct qjob *job, void *arg), void *arg);

enum queue_outcome {
    OUTCOME_ALLOCATED,
    OUTCOME_RESERVED,
    OUTCOME_BUSY,   /* not now; if a reservation was asked for: not at all */
    OUTCOME_DENIED, /* never */
};
/* Of the first job of the batch that has none yet. The job is in no queue any more if
 * the outcome is final or it is `gone` (then what it got is to be given back). */
struct qjob *queue_result (struct queue *q, enum queue_outcome outcome, int64_t at,
                           bool may_reserve);
/* Those without an outcome were not looked at. May hand back gone jobs: to be called
 * until it returns NULL. */
struct qjob *queue_batch_end (struct queue *q);

/* "immediate", "backfill" or "reserved", of a job that was just allocated. */
const char *queue_selection (const struct queue *q, const struct qjob *job);

#endif
