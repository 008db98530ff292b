/* The core of job-ingest: from a submitted request to a job that may be stored.
 *
 * The environment is most of a jobspec, and the same for all jobs of one
 * submitter: it is checked when it is new, and otherwise passed along as text. */
#ifndef JOB_INGEST_INGEST_H
#define JOB_INGEST_INGEST_H

#include "base/buf.h"
#include "core/job/jsontext.h"
#include "value/jobid.h"
#include <flux/job.h>
#include <jansson.h>

struct ingest {
    struct jobid_gen gen;
    uint32_t owner;
    json_t *queues; /* configuration: tables [queues] and [policy] */
    json_t *policy;
    char *env; /* the last environment that was found correct */
    size_t env_len;
    /* the last jobspec that was accepted: bulk submission repeats itself */
    char *J;
    size_t J_len;
    int flags;
    uint32_t userid;
    char *jobspec;           /* with the defaults of queue and policy */
    char *lite;              /* the same without environment */
    struct span environment; /* in jobspec; length 0: there is none */
};

void ingest_init (struct ingest *in, uint32_t owner);
void ingest_fini (struct ingest *in);
/* Borrows. -1 with EINVAL and *error: nothing changes. */
int ingest_configure (struct ingest *in, json_t *queues, json_t *policy,
                      flux_error_t *error);

/* The texts belong to struct ingest, until the next call. */
struct ingest_job {
    flux_jobid_t id;
    uint32_t userid;
    int urgency;
    int flags;
    double t_submit;
    const char *J;
    const char *jobspec;
    const char *lite;
    struct span environment;
};

/* payload: of a job-ingest.submit request. -1 with errno and *error. */
int ingest_decode (struct ingest *in, const char *payload, struct flux_msg_cred cred,
                   double now, struct ingest_job *job, flux_error_t *error);
/* One element of the array "jobs" in job-manager.submit; env is the index of its
 * environment in the array "envs", or -1. */
int ingest_job_encode (struct buf *b, const struct ingest_job *job, int env);

#endif
