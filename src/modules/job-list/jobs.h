/* What job-list knows of jobs: compact records, ordered for listing, fed with
 * events (RFC 21). Pure. */
#ifndef JOB_LIST_JOBS_H
#define JOB_LIST_JOBS_H

#include "intern.h"
#include "order.h"
#include "pool.h"

#include "base/buf.h"
#include "base/list.h"

#include <flux/job.h>
#include <jansson.h>

enum job_time {
    T_SUBMIT,
    T_DEPEND,
    T_PRIORITY,
    T_SCHED,
    T_RUN,
    T_CLEANUP,
    T_INACTIVE,
    T_COUNT
};

/* Strings are interned, or NULL if unset. */
struct job {
    flux_jobid_t id;
    struct order_node node; /* pending, running or inactive jobs */
    double t[T_COUNT];      /* 0: unset */
    double duration, expiration;
    const char *name, *cwd, *queue, *project, *bank;
    const char *ranks, *nodelist;
    const char *exception_type, *exception_note;
    const char *annotations;  /* text of an object */
    const char *dependencies; /* text of an array */
    uint32_t userid;
    uint32_t priority;
    int ntasks, ncores, nnodes; /* -1: unset */
    int waitstatus;
    int tasks_per; /* tasks of a resource, if a shell option decides */
    uint8_t state; /* flux_job_state_t */
    uint8_t result;
    int8_t exception_severity; /* -1: none */
    uint8_t urgency;
    bool has_priority, has_waitstatus, has_duration, has_R, per_core;
};

struct job_counts {
    const char *queue; /* NULL: of all jobs; owned */
    int states[7];     /* by bit */
    int results[4];    /* by bit */
    int purged;
};

/* How many of the jobs that ended stay in memory; beyond that the oldest go to a database,
 * a batch at a time. */
#define JOBS_KEPT 4096
#define JOBS_BATCH 512

struct jobdb;

struct jobs {
    struct idmap *map;
    struct pool records; /* struct job */
    struct intern *strings;
    struct idmap *drafts; /* annotations and dependencies that change: jobs_write */
    struct order pending, running, inactive;
    struct job_counts counts;
    struct hashmap *queues; /* name -> struct job_counts */
    size_t kept;            /* JOBS_KEPT */
    struct jobdb *db;       /* NULL: all jobs are in memory */
    size_t retry;           /* a full disk: not before so many are in memory */
    /* Called when a job has a new state, or is new. */
    void (*changed) (struct job *job, void *arg);
    void *arg;
};

int jobs_init (struct jobs *jobs);
void jobs_fini (struct jobs *jobs);

/* A job that is in memory: all that are active, and those that ended last. */
struct job *jobs_lookup (struct jobs *jobs, flux_jobid_t id);
/* Any job; *row has room for one that is in the database, and is valid until the next call
 * with jobs. NULL: there is none. */
const struct job *jobs_find (struct jobs *jobs, flux_jobid_t id, struct job *row);
/* One event. jobspec, R: NULL, or the object that comes with the event. Behind several of
 * them comes jobs_write: a job with thousands of dependencies is written once.
 * -1 with EINVAL (a malformed event is ignored), ENOMEM. */
int jobs_event (struct jobs *jobs, flux_jobid_t id, json_t *entry, json_t *jobspec,
                json_t *R);
void jobs_write (struct jobs *jobs);
/* Forget a job; one that is not known is no error. */
int jobs_purge (struct jobs *jobs, flux_jobid_t id);

/* Listing order: pending, running; of these, those that have a state in the mask, and
 * maybe others with them. NULL: start, or end. */
struct job *jobs_next (struct jobs *jobs, const struct job *job, int states);

/* Then those that ended, the newest first. A cursor is good as long as nothing else is done
 * with jobs; a new one goes on from where it was. */
struct jobs_cursor {
    double t; /* of the last one that was returned */
    flux_jobid_t id;
    const struct job *kept; /* what comes next in memory */
    struct job row;         /* ... and in the database */
    bool has_row, row_taken;
};

/* From the newest one on. */
void jobs_cursor_init (struct jobs_cursor *c);
/* -1 with errno if the database cannot be read. */
int jobs_cursor_open (struct jobs *jobs, struct jobs_cursor *c);
/* *job is NULL at the end. */
int jobs_cursor_next (struct jobs *jobs, struct jobs_cursor *c, const struct job **job);

/* The oldest of those that ended leave memory, if there are too many. -1 with errno: the
 * database takes nothing, and they stay. */
int jobs_settle (struct jobs *jobs);
/* A job of the database is in memory again. NULL with errno (ENOENT). */
struct job *jobs_recall (struct jobs *jobs, flux_jobid_t id);
size_t jobs_inactive (const struct jobs *jobs);

/* Its strings, one after the other. */
#define JOB_STRINGS 11
const char **job_string (struct job *job, int i);

/* Attributes as bits, by enum job_attr. */
#define JOB_ATTRS_ALL (~(uint64_t)0)
/* -1 with EINVAL and the name in *bad. */
int job_attrs_decode (json_t *array, uint64_t *bits, const char **bad);
/* {"id":...,...} is added to b. */
void job_encode (const struct job *job, uint64_t attrs, struct buf *b);
void job_counts_encode (const struct job_counts *c, struct buf *b);

/* Constraints (RFC 43): checks what RFC 31 does not. */
struct constraint;
struct constraint *job_constraint (json_t *o, flux_error_t *error);
/* States outside of this mask never match o, which job_constraint has accepted. */
int job_constraint_states (json_t *o);
bool job_match (const struct constraint *c, const struct job *job);

#endif
