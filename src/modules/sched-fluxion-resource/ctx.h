/* What the files of sched-fluxion-resource share. */
#ifndef SCHED_FLUXION_RESOURCE_CTX_H
#define SCHED_FLUXION_RESOURCE_CTX_H

#include <flux/core.h>

#include "base/buf.h"
#include "base/hashmap.h"
#include "core/future/stream.h"
#include "core/reactor/reactor.h"
#include "fluxion/site.h"
#include "options.h"

struct match_stats {
    uint64_t njobs, njobs_reset, max_jobid;
    double min, max, mean, m2; /* s; mean and m2 after Welford */
};

/* Requests of one kind that may wait for their answer, or for further ones. */
#define MAX_WAITING 1024

enum { STATUS_ALL, STATUS_DOWN, STATUS_ALLOCATED, STATUS_COUNT };

/* A match_multi; pointers are into its message. */
struct batch {
    bool begun, stop;
    match_op_t op;
    json_t *jobs;
    size_t pos;
    int reservations, reserved; /* as many as may be, and are, made; -1: any number */
    const char *jobspec;        /* of the last job */
};

struct ctx {
    flux_t *h;
    flux_msg_handler_t **handlers;
    struct options opt;
    enum write_format format;
    char *load_text;
    struct stream *acquire;
    struct site *site;              /* NULL until resources are known */
    json_t *resources;              /* R, as acquired */
    bool differs;                   /* the graph is not what that, or a file, says */
    struct idset *up;               /* ranks, or NULL: not known */
    struct flux_msglist *listeners; /* of notify */
    struct flux_msglist *waiting;   /* status requests from before */
    struct flux_msglist *batches;   /* match_multi, one after the other */
    struct batch batch;             /* the first of them, once it has begun */
    struct reactor_task step;
    struct idmap *placed; /* ids of a queue manager's jobs */
    uint64_t next_jobid;
    struct buf scratch;
    /* parts of resource-status, until something changes */
    char *status[STATUS_COUNT];
    bool status_stale; /* ... while an interval keeps them */
    double status_time;
    struct match_stats ok, failed;
    double t_loaded, t_reset, load_time;
};

/* jobs.c */
void match_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void match_multi_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg);
void update_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void partial_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg);
void expiration_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
void info_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void hello_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void next_jobid_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
void jobs_step (void *arg);

/* graph.c */
void find_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void stats_get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void stats_clear_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg);
void set_property_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg);
void remove_property_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
void get_property_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg);
void ns_info_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void set_status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
void add_subgraph_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg);
void remove_subgraph_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
void answer_status (struct ctx *ctx, const flux_msg_t *msg);
/* What is allocated, down or there at all has changed. */
void status_changed (struct ctx *ctx, int first);
void status_fini (struct ctx *ctx);

/* sched-fluxion-resource.c: tell those who listen; takes change. */
void tell_change (struct ctx *ctx, json_t *take_change);
/* False after an answer: resources are not known yet. */
bool ctx_ready (struct ctx *ctx, const flux_msg_t *msg);

#endif
