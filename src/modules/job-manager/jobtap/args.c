/* What callbacks get about a job. */
#include "modules/job-manager/jobtap/jobtap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Read once, and kept with the job. */
static json_t *jobspec_of (struct job *job)
{
    struct job_tap *tap = job_tap_get (job);

    if (tap && !tap->jobspec)
        tap->jobspec = json_loadb (job->spec.text, job->spec.len, 0, NULL);
    return tap ? tap->jobspec : NULL;
}

static json_t *R_of (struct job *job)
{
    struct job_tap *tap = job_tap_get (job);

    if (tap && !tap->R && job->R && (tap->R = json_loads (job->R, 0, NULL)))
        json_object_del (tap->R, "scheduling");
    return tap ? tap->R : NULL;
}

static bool ends_job (json_t *entry)
{
    const char *name = "";
    int severity = -1;

    if (json_unpack (entry, "{s:s s?{s?i}}", "name", &name, "context", "severity",
                     &severity)
        < 0)
        return false;
    return strcmp (name, "finish") == 0
           || (strcmp (name, "exception") == 0 && severity == 0);
}

/* The event that has led to CLEANUP; a reference, or NULL. */
static json_t *end_event (const struct job *job)
{
    const char *p = job->log.data, *end = p + job->log.len, *nl;

    if (!(job->state & (FLUX_JOB_STATE_CLEANUP | FLUX_JOB_STATE_INACTIVE)))
        return NULL;
    for (; p < end && (nl = memchr (p, '\n', end - p)); p = nl + 1) {
        json_t *o = json_loadb (p, nl - p, 0, NULL);
        if (ends_job (o))
            return o;
        json_decref (o);
    }
    return NULL;
}

static int add_job (flux_plugin_arg_t *args, struct job *job)
{
    json_t *end = end_event (job);
    int rc = flux_plugin_arg_pack (
        args, FLUX_PLUGIN_ARG_IN, "{s:O* s:O* s:I s:i s:I s:i s:I s:f s:o*}", "jobspec",
        jobspec_of (job), "R", job->alloc_event ? R_of (job) : NULL, "id",
        (json_int_t)job->id, "state", (int)job->state, "userid",
        (json_int_t)job->userid, "urgency", job->urgency, "priority",
        (json_int_t)job->priority, "t_submit", job->t_submit, "end_event", end);

    return rc;
}

static int add_call (flux_plugin_arg_t *args, const struct hook_call *call)
{
    int rc = 0;

    if (call->entry)
        rc |= flux_plugin_arg_pack (args, 0, "{s:O}", "entry", call->entry);
    if (call->point & HOOK_STATES)
        rc |= flux_plugin_arg_pack (args, 0, "{s:i}", "prev_state",
                                    (int)call->prev_state);
    if (call->point == HOOK_DEPENDENCY)
        rc |= flux_plugin_arg_pack (args, 0, "{s:O}", "dependency", call->detail);
    if (call->point == HOOK_UPDATE_KEY)
        rc |= flux_plugin_arg_pack (args, 0, "{s:O s:s s:O}", "updates", call->detail,
                                    "key", call->key, "value",
                                    json_object_get (call->detail, call->key));
    if (call->cred)
        rc |= flux_plugin_arg_pack (args, 0, "{s:{s:I s:i}}", "cred", "userid",
                                    (json_int_t)call->cred->userid, "rolemask",
                                    (int)call->cred->rolemask);
    return rc;
}

/* A priority that nobody changes is the default. */
static int add_out (flux_plugin_arg_t *args, const struct hook_call *call)
{
    if (call->point != HOOK_PRIORITY && call->point != FLUX_JOB_STATE_PRIORITY)
        return 0;
    if (call->priority < 0)
        return 0;
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:I}", "priority",
                                 (json_int_t)call->priority);
}

flux_plugin_arg_t *jobtap_args (struct job *job, const struct hook_call *call)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    struct job_tap *tap = job_tap_get (job);
    json_t *own = tap ? tap->jobspec : NULL;
    int rc;

    if (!args || !tap) {
        flux_plugin_arg_destroy (args);
        errno = ENOMEM;
        return NULL;
    }
    if (call && call->jobspec) /* as it would be */
        tap->jobspec = call->jobspec;
    rc = add_job (args, job);
    if (call && call->jobspec)
        tap->jobspec = own;
    if (call)
        rc |= add_call (args, call) | add_out (args, call);
    if (rc == 0)
        return args;
    flux_plugin_arg_destroy (args);
    errno = ENOMEM;
    return NULL;
}
