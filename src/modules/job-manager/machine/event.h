/* Job events (RFC 21): what an eventlog entry says, its text, and what it does
 * to a job. Pure: posting an event and replaying a log after a restart take the
 * same path. */
#ifndef JOB_MANAGER_EVENT_H
#define JOB_MANAGER_EVENT_H

#include "base/buf.h"
#include "base/json/jsonout.h"
#include <flux/types.h>
#include <jansson.h>
#include <stdint.h>

enum event_type {
    EV_SUBMIT,
    EV_VALIDATE,
    EV_INVALIDATE,
    EV_SET_FLAGS,
    EV_DEPENDENCY_ADD,
    EV_DEPENDENCY_REMOVE,
    EV_DEPEND,
    EV_PRIORITY,
    EV_URGENCY,
    EV_ALLOC,
    EV_PROLOG_START,
    EV_PROLOG_FINISH,
    EV_START,
    EV_FINISH,
    EV_EPILOG_START,
    EV_EPILOG_FINISH,
    EV_RELEASE,
    EV_FREE,
    EV_CLEAN,
    EV_EXCEPTION,
    EV_MEMO,
    EV_JOBSPEC_UPDATE,
    EV_RESOURCE_UPDATE,
    EV_FLUX_RESTART,
    EV_ANNOTATIONS, /* journal only */
    EV_OTHER,       /* debug.*, and what a newer version may add */
};

/* Strings and context are borrowed. Which fields count depends on type. */
struct event {
    enum event_type type;
    const char *name; /* EV_OTHER only */
    double timestamp;
    uint32_t userid;
    int urgency;
    int flags;
    int64_t priority;
    int status;
    int severity;
    bool final;
    bool bypass; /* EV_ALLOC: without the scheduler */
    double expiration;
    const char *description;
    const char *exception; /* its type */
    const char *note;
    const char *ranks;
    const char *text; /* EV_ALLOC: annotations as JSON text, or NULL */
    json_t *context;  /* EV_MEMO, EV_JOBSPEC_UPDATE, EV_SET_FLAGS, EV_OTHER */
};

const char *event_name (const struct event *ev);
/* EV_OTHER for a name that is not in RFC 21. */
enum event_type event_type_of (const char *name);

/* One line of an eventlog, newline included. */
int event_encode (struct buf *b, const struct event *ev);
/* Fields point into entry. -1 with EINVAL and *error. */
int event_decode (json_t *entry, struct event *ev, flux_error_t *error);

struct job;
/* What the event does to the job's facts and state (RFC 21 table). -1 with
 * EPROTO if the event cannot happen in the job's state; nothing changes then. */
int event_apply (struct job *job, const struct event *ev, flux_error_t *error);

#endif
