/* The job-list module (RFC 43): state that its files share.
 *
 * At the start the journal of job-manager brings the jobs that are active;
 * those that ended before are read from the KVS. Requests wait until both are
 * done. */
#ifndef JOB_LIST_SERVICE_H
#define JOB_LIST_SERVICE_H

#include "jobs.h"

#include <flux/core.h>

#define RESPONSE_MAX (1024 * 1024) /* bytes of one streamed response */
#define DEFERRED_MAX 4096
#define ID_WAITERS_MAX 65536

struct job_list {
    flux_t *h;
    uint32_t owner;
    bool private_mode; /* guests see only their own jobs */
    struct jobs jobs;
    flux_future_t *journal;
    bool backlog_done;
    struct loader *loader; /* until the KVS has been read */
    struct flux_msglist *deferred;
    struct flux_msglist *id_waiters; /* list-id of jobs or states to come */
    flux_msg_handler_t **handlers;
};

/* load.c */
/* Reads what the KVS holds of jobs that are not known, then calls done. */
struct loader *loader_start (struct job_list *jl, void (*done) (struct job_list *jl));
void loader_destroy (struct loader *ld);

#endif
