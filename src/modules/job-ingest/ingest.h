/* The core of job-ingest: from a submitted request to a job that may be stored.
 *
 * What one submitter sends repeats itself: the environment, which is most of a
 * jobspec, and mostly what is around it, too. Both are checked when they are new,
 * and otherwise passed along as text. */
#ifndef JOB_INGEST_INGEST_H
#define JOB_INGEST_INGEST_H

#include "base/buf.h"
#include "base/hashmap.h"
#include "base/json/jsontext.h"
#include "value/job/jobid.h"
#include <flux/hostlist.h>
#include <flux/job.h>
#include <jansson.h>
#include <stdbool.h>

struct ingest {
    struct jobid_gen gen;
    uint32_t owner;
    bool guests;    /* those of others run, too */
    json_t *queues; /* configuration: tables [queues] and [policy] */
    json_t *policy;
    bool no_defaults, no_constraints; /* of queues and policy */
    bool no_validation;
    struct hashmap *hosts; /* of the instance, as far as they are known */
    bool any_host;         /* nobody knows them */
    char *env;             /* the last environment that was found correct */
    size_t env_len;
    /* the last jobspec that was accepted, without environment */
    char *lite;
    size_t lite_len;
    int flags;
    struct hostlist *named; /* what its constraint says of hosts, or NULL */
    char *changed;          /* with the defaults of queue and policy; NULL: as it was */

    struct buf scratch;
    char *unwrapped, *whole, *J; /* of struct ingest_job */
};

void ingest_init (struct ingest *in, uint32_t owner);
void ingest_fini (struct ingest *in);
/* Borrows. -1 with EINVAL and *error: nothing changes. */
int ingest_configure (struct ingest *in, json_t *queues, json_t *policy,
                      flux_error_t *error);

/* The same for what the plugins of a job change: see stages.h. */
void ingest_set_own (struct ingest *in, bool no_defaults, bool no_constraints,
                     bool no_validation);

/* The hosts of the instance, in the place of what was known of them; NULL: nobody can
 * tell. */
void ingest_set_hosts (struct ingest *in, struct hostlist *hosts);

/* The texts belong to struct ingest or the payload, until the next call. */
struct ingest_job {
    flux_jobid_t id;
    uint32_t userid;
    int urgency;
    int flags;
    double t_submit;
    struct span jobspec;
    struct span lite;        /* the same without environment */
    struct span environment; /* length 0: there is none */
    /* signed jobspec; length 0: that of mechanism none for the jobspec as it is,
     * which need not be stored */
    struct span J;
};

/* payload: of a job-ingest.submit request, with a signed jobspec "J" or, where the
 * connection says enough about who submits, "jobspec". -1 with errno and *error; ENOENT: it
 * wants a host that is not known. */
int ingest_decode (struct ingest *in, const char *payload, struct flux_msg_cred cred,
                   double now, struct ingest_job *job, flux_error_t *error);
/* As ingest_decode, for what plugins made of a job that was decoded before: its urgency,
 * flags, user and id stay. submitted: its first jobspec; J: its signed jobspec, or
 * NULL. */
int ingest_redecode (struct ingest *in, const char *jobspec, const char *submitted,
                     const char *J, struct ingest_job *job, flux_error_t *error);
/* One element of the array "jobs" in job-manager.submit; env is the index of its
 * environment in the array "envs", or -1. */
int ingest_job_encode (struct buf *b, const struct ingest_job *job, int env);

#endif
