/* What plugins are told, and in which order. An event that a plugin posts while it is
 * told about another one is told after it, to all of them; steps of jobs wait for the
 * end of it all. Errors: of a job's own events an exception of that job. */
#include "manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One event, still to be told. */
struct note {
    struct list link;
    struct job *job;
    flux_job_state_t prev, state; /* the same: no transition */
    enum event_type type;
    json_t *entry;
};

static void note_destroy (struct note *note)
{
    list_remove (&note->link);
    json_decref (note->entry);
    free (note);
}

static int call_hook (struct manager *m, struct job *job, struct hook_call *call)
{
    flux_error_t error = { "" };

    if (!call->error)
        call->error = &error;
    return m->ops->hook (job, call, m->arg);
}

static void failed (struct manager *m, struct job *job, const char *note)
{
    manager_raise (m, job, "jobtap", 0, note, m->owner);
}

static void tell_state (struct manager *m, const struct note *note)
{
    flux_error_t error = { "" };
    struct job *job = note->job;
    struct hook_call call = {
        .point = note->state,
        .prev_state = note->prev,
        .entry = note->entry,
        .error = &error,
        .priority = manager_default_priority (m, job),
    };

    int rc = m->ops->hook (job, &call, m->arg);
    if (note->state == FLUX_JOB_STATE_PRIORITY)
        job->priority_next = call.priority;
    if (rc < 0)
        failed (m, job, error.text);
    else if (call.R && job->state == FLUX_JOB_STATE_SCHED && !job->R)
        manager_bypass (m, job, call.R);
    free (call.R);
}

static void tell (struct manager *m, const struct note *note)
{
    struct hook_call call = {
        .entry = note->entry,
        .key = json_string_value (json_object_get (note->entry, "name")),
    };
    flux_error_t error = { "" };

    call.error = &error;
    call.point = HOOK_EVENT;
    if (m->hooks & HOOK_EVENT && note->job->tap && !list_empty (&note->job->tap->subs)
        && m->ops->hook (note->job, &call, m->arg) < 0)
        failed (m, note->job, error.text);
    call.point = HOOK_UPDATE;
    if (m->hooks & HOOK_UPDATE && note->type == EV_JOBSPEC_UPDATE
        && m->ops->hook (note->job, &call, m->arg) < 0)
        failed (m, note->job, error.text);
    if (note->state != note->prev && m->hooks & (int)note->state)
        tell_state (m, note);
}

static void drain (struct manager *m)
{
    struct list *l;

    while ((l = list_pop (&m->notes))) {
        struct note *note = container_of (l, struct note, link);
        tell (m, note);
        note_destroy (note);
    }
}

int hook_call (struct manager *m, struct job *job, struct hook_call *call)
{
    bool hooking = m->hooking, stepping = m->stepping;

    if (!(m->hooks & call->point))
        return 0;
    m->hooking = m->stepping = true;
    int rc = call_hook (m, job, call);
    if (!hooking)
        drain (m);
    m->hooking = hooking;
    m->stepping = stepping;
    return rc;
}

void hook_event (struct manager *m, struct job *job, flux_job_state_t old,
                 const struct event *ev, struct span line)
{
    bool stepping = m->stepping;
    struct note *note;

    if (!(job->state != old && m->hooks & (int)job->state)
        && !(m->hooks & HOOK_EVENT && job->tap && !list_empty (&job->tap->subs))
        && !(m->hooks & HOOK_UPDATE && ev->type == EV_JOBSPEC_UPDATE))
        return;
    if (!(note = calloc (1, sizeof (*note))))
        return;
    *note = (struct note){ .job = job, .prev = old, .state = job->state };
    note->type = ev->type;
    note->entry = json_loadb (line.s, line.len, 0, NULL);
    list_append (&m->notes, &note->link);
    if (m->hooking)
        return;
    m->hooking = m->stepping = true;
    drain (m);
    m->hooking = false;
    m->stepping = stepping;
}

void hook_forget (struct manager *m, struct job *job)
{
    list_foreach (&m->notes, l) {
        struct note *note = container_of (l, struct note, link);
        if (note->job == job)
            note_destroy (note);
    }
}
