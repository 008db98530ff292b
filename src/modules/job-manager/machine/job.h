/* A job that is not inactive. */
#ifndef JOB_MANAGER_JOB_H
#define JOB_MANAGER_JOB_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/json/jsontext.h"
#include "base/list.h"
#include "value/job/jobspec.h"
#include <flux/job.h>
#include <jansson.h>

struct job;

/* The text of a jobspec, kept once: job-exec gets all of it, the scheduler and
 * the journal get it without the environment. Jobs that were submitted from one
 * place have the same environment, so that it is shared. */
struct env {
    struct env *next;
    uint64_t hash;
    size_t len;
    unsigned int refs;
    char text[]; /* "environment":{...} with one comma */
};

struct env_table {
    struct env **buckets;
    size_t nbuckets;
    size_t count;
    struct env *last; /* found or added */
};

void env_table_init (struct env_table *t);
void env_table_fini (struct env_table *t);

struct spec {
    char *text; /* without environment, NUL-terminated */
    size_t len;
    size_t cut; /* where the environment was */
    struct env *env;
};

/* -1 with EINVAL or ENOMEM. */
int spec_init (struct spec *s, struct env_table *t, const char *text, size_t len);
/* The same from what job-ingest took apart: env goes where attributes.system
 * begins. */
int spec_init_split (struct spec *s, struct env_table *t, struct span text,
                     struct span env);
static inline struct span spec_text (const struct spec *s)
{
    return (struct span){ s->text, s->len };
}
void spec_fini (struct spec *s, struct env_table *t);
int spec_add_full (const struct spec *s, struct buf *b);

/* What the queue's limits and the scheduler's bookkeeping look at. */
struct job_facts {
    int nnodes, ncores, ngpus;
    double duration;
};

/* A condition for leaving DEPEND (RFC 26); owned by the job. */
struct dependency {
    struct list link;  /* job->dependencies */
    struct list watch; /* among those who wait for the same job */
    struct heap_node timer;
    struct job *job;
    enum {
        DEP_AFTER_START,
        DEP_AFTER_FINISH,
        DEP_AFTER_SUCCESS,
        DEP_AFTER_FAILURE,
        DEP_AFTER_EXCEPT,
        DEP_SINGLETON,
        DEP_BEGIN_TIME,
        DEP_OTHER, /* added by somebody else */
    } type;
    bool posted; /* the log has it */
    flux_jobid_t target;
    double when;
    char description[];
};

/* What plugins keep with a job; made when the first of them wants it. */
struct job_tap {
    json_t *jobspec;  /* without environment; NULL: not read yet */
    json_t *R;        /* without scheduling */
    struct list aux;  /* of each plugin */
    struct list subs; /* plugins that want to hear of all its events */
    struct list open; /* prologs and epilogs that have begun */
};

/* NULL: out of memory. */
struct job_tap *job_tap_get (struct job *job);
void job_tap_destroy (struct job_tap *tap);
/* Items have an owner, and go with it. get: the owner's own come first, then those of
 * others; NULL with ENOENT. */
int job_aux_set (struct job *job, const void *owner, const char *name, void *val,
                 flux_free_f destroy);
void *job_aux_get (const struct job *job, const void *owner, const char *name);
void job_aux_delete (struct job *job, const void *owner, const void *val);
/* All events of the job, until it is over; twice is once. */
int job_subscribe (struct job *job, const void *owner);
void job_unsubscribe (struct job *job, const void *owner);
bool job_has_subscriber (const struct job *job, const void *owner);
/* A prolog or epilog of the owner has begun. -1: out of memory. */
int job_perilog_begun (struct job *job, const void *owner, bool epilog,
                       const char *description);
/* One has ended, of whatever owner, if there is one. */
void job_perilog_ended (struct job *job, bool epilog, const char *description);
/* The description of one that has begun, which is forgotten with this. NULL: there is
 * none. */
char *job_perilog_take (struct job *job, const void *owner, bool *epilog);
/* What the owner left with the job. */
void job_tap_forget (struct job *job, const void *owner);

struct job {
    flux_jobid_t id;
    uint32_t userid;
    int flags;
    int urgency;
    int64_t priority; /* -1: not set yet */
    double t_submit;
    double t_last; /* timestamp of the last event */
    flux_job_state_t state;

    /* RFC 21 facts, changed by event_apply alone */
    int wait_status; /* of finish; -1: none */
    char *exception; /* type of the first fatal exception */
    char *exception_note;
    int prologs, epilogs; /* running */
    bool validated;
    bool alloc_event;
    bool bypass; /* R is not from the scheduler */
    bool started;
    bool finished;
    bool released; /* all of R */
    bool freed;
    bool restarted;
    bool expiration_updated;
    double expiration; /* of resource-update; 0: none */
    json_t *annotations;
    json_t *updates; /* jobspec-update: dotted key -> value */

    /* the core's */
    struct spec spec;
    struct job_facts facts;
    char *name;  /* attributes.system.job.name, or NULL */
    char *queue; /* name, or NULL */
    struct jobqueue *jobqueue;
    bool has_dependencies;
    char *R;     /* text; NULL: none */
    bool R_owed; /* it is not in the KVS yet */
    bool R_in_commit;
    double t_alloc;  /* monotonic: when the allocation began */
    double t_expire; /* monotonic */
    double late;     /* s that are added to it, since its start was late */
    double held;     /* and these, since another has to say whether it is over */
    bool waited;     /* its time was over before it was started, and doubled */
    struct heap_node queue_node; /* waits to be offered to the scheduler */
    struct heap_node alloc_node; /* the scheduler works on it */
    struct heap_node expire_node;
    struct list dependencies;
    struct list watchers; /* dependencies of others on this job */
    struct list name_link;
    struct list all_link;
    struct list cancel_link; /* among those whose cancel is not answered */
    double t_canceled;       /* monotonic */
    bool alloc_canceled;
    bool prioritize; /* the scheduler has to hear of the new priority */
    bool exec_sent;  /* start request is out, final release is not in */
    bool exec_done;
    bool exec_owed;   /* before CLEANUP ends, the exec service is to be asked */
    bool exec_had;    /* it was told to start it, has gone, and may find it again */
    size_t alloc_end; /* of the alloc event, in log */
    bool timed_out;
    bool announced;        /* to plugins: job.create */
    int64_t priority_next; /* PRIORITY: what a plugin wants it to be; -1: nothing yet */
    struct job_tap *tap;   /* or NULL */

    /* the eventlog, all of it; what is before `committed` is in the KVS, what is
     * before `written` is there or on its way */
    struct buf log;
    size_t committed;
    size_t written;
    struct list dirty_link;
    struct list commit_link;
    struct list todo_link;
};

struct job *job_create (void);
/* The spec and the dependencies must have been dropped. */
void job_destroy (struct job *job);

/* Virtual states. */
static inline bool job_pending (const struct job *job)
{
    return job->state & FLUX_JOB_STATE_PENDING;
}

/* Of a job that is, or is about to be, inactive. */
flux_job_result_t job_result (const struct job *job);

#endif
