/* Points in a job's life of which plugins may want to hear. The core looks at one mask:
 * what nobody asked for costs a test of a bit. */
#ifndef JOB_MANAGER_HOOK_H
#define JOB_MANAGER_HOOK_H

#include "event.h"
#include "job.h"

/* The low bits are states: job.state.NAME, after the event that led there. */
enum {
    HOOK_STATES = 0x7f,
    HOOK_CREATE = 1 << 8,      /* job.create: may be refused */
    HOOK_VALIDATE = 1 << 9,    /* job.validate: may be refused */
    HOOK_NEW = 1 << 10,        /* job.new */
    HOOK_DEPENDENCY = 1 << 11, /* job.dependency.SCHEME: 1 if somebody knows it */
    HOOK_PRIORITY = 1 << 12,   /* job.priority.get */
    HOOK_EVENT = 1 << 13,      /* job.event.NAME, to who has subscribed to the job */
    HOOK_UPDATE = 1 << 14,     /* job.update, after jobspec-update */
    HOOK_UPDATE_KEY = 1 << 15, /* job.update.KEY: 1 if somebody allows it */
    HOOK_INACTIVE_ADD = 1 << 16,
    HOOK_INACTIVE_REMOVE = 1 << 17,
    HOOK_DESTROY = 1 << 18,
};

struct hook_call {
    int point;
    flux_job_state_t prev_state; /* states */
    json_t *entry;               /* states, HOOK_EVENT, HOOK_UPDATE */
    const char *key;             /* scheme, event's name, jobspec key */
    json_t *detail;              /* the dependency; the updates that are asked for */
    const struct flux_msg_cred *cred; /* HOOK_UPDATE_KEY: who asks */
    json_t *jobspec;     /* HOOK_VALIDATE: another than the job's, or NULL */
    flux_error_t *error; /* what the plugin says */

    /* what comes back */
    int64_t priority; /* PRIORITY, HOOK_PRIORITY: in: the default; -1: none */
    char *R;          /* SCHED: to be used; to be freed */
    json_t *updates;  /* HOOK_UPDATE_KEY: more of them; a reference */
    bool validated, feasibility;
};

struct manager;

/* 0 if nobody wants to hear of it, else what the hook says; -1 with call->error. */
int hook_call (struct manager *m, struct job *job, struct hook_call *call);
/* After an event of the job: what plugins are to hear of it. What they do meanwhile
 * comes after. line: the entry's text. */
void hook_event (struct manager *m, struct job *job, flux_job_state_t old,
                 const struct event *ev, struct span line);
/* The job goes: nobody hears of it any more. */
void hook_forget (struct manager *m, struct job *job);

#endif
