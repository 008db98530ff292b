/* A job comes: it is read, reviewed by plugins, and either known from then on or leaves
 * no trace. */
#include "parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string, decoded; NULL if v is none. */
static char *string_of (struct span v)
{
    struct buf b = BUF_INIT;

    if (json_span_unquote (v, &b) == 0)
        return buf_take (&b, NULL);
    buf_fini (&b);
    return NULL;
}

static int read_size (struct job *job, flux_error_t *error)
{
    json_t *o = json_loadb (job->spec.text, job->spec.len, 0, NULL);
    struct jobspec js;

    if (!o || jobspec_parse (o, &js, error) < 0) {
        json_decref (o);
        errno = EINVAL;
        return -1;
    }
    job->facts.ncores = js.nslots * js.cores_per_slot;
    job->facts.ngpus = js.nslots * js.gpus_per_slot;
    job->facts.nnodes = js.nnodes;
    json_decref (o);
    return 0;
}

static bool is (struct span key, const char *name)
{
    return key.len == strlen (name) && memcmp (key.s, name, key.len) == 0;
}

/* What the core itself wants to know of the jobspec. */
int manager_read_spec (struct manager *m, struct job *job, flux_error_t *error)
{
    struct span system, key, v, name;
    size_t pos = 0;

    free (job->name);
    free (job->queue);
    job->name = job->queue = NULL;
    job->facts.duration = 0;
    job->has_dependencies = false;
    if (jsontext_find (spec_text (&job->spec), "attributes.system", &system) < 0)
        return 0;
    while (jsontext_next (system, &pos, &key, &v)) {
        if (is (key, "duration"))
            jsontext_number (v, &job->facts.duration);
        else if (is (key, "queue") && !job->queue)
            job->queue = string_of (v);
        else if (is (key, "dependencies"))
            job->has_dependencies = true;
        else if (is (key, "job") && !job->name && jsontext_get (v, "name", &name) == 0)
            job->name = string_of (name);
    }
    return m->queues.need_size ? read_size (job, error) : 0;
}

int manager_set_queue (struct manager *m, struct job *job, flux_error_t *error)
{
    struct jobqueue *jq = jobqueues_lookup (&m->queues, job->queue, error);

    /* a queue that is named where there are no queues changes nothing */
    if (!jq && !m->queues.named && job->queue) {
        snprintf (error->text, sizeof (error->text),
                  "'%s' is not a valid queue: no queues are configured", job->queue);
        errno = EINVAL;
    }
    if (!jq || jobqueue_check (&m->queues, jq, &job->facts, error) < 0)
        return -1;
    if (job->jobqueue) {
        heap_remove (&job->jobqueue->waiting, &job->queue_node);
        job->jobqueue->njobs--;
    }
    job->jobqueue = jq;
    jq->njobs++;
    return 0;
}

static int check_submission (struct manager *m, const struct submission *s,
                             flux_error_t *error)
{
    if (s->urgency < FLUX_JOB_URGENCY_MIN || s->urgency > FLUX_JOB_URGENCY_MAX) {
        snprintf (error->text, sizeof (error->text), "urgency range is [%d:%d]",
                  FLUX_JOB_URGENCY_MIN, FLUX_JOB_URGENCY_MAX);
        errno = EINVAL;
        return -1;
    }
    if (manager_check_paused (m, error) < 0)
        return -1;
    if (manager_lookup (m, s->id) || history_lookup (m->history, s->id, NULL)) {
        snprintf (error->text, sizeof (error->text), "job id is in use");
        errno = EEXIST;
        return -1;
    }
    return 0;
}

struct job *manager_new_job (struct manager *m, flux_jobid_t id, struct span jobspec,
                             struct span env, flux_error_t *error)
{
    struct job *job = job_create ();

    if (!job || spec_init_split (&job->spec, &m->envs, jobspec, env) < 0
        || (job->id = id, idmap_insert (m->jobs, id, job)) < 0) {
        snprintf (error->text, sizeof (error->text), "%s",
                  errno == ENOMEM ? "out of memory" : "jobspec is no JSON object");
        if (job)
            spec_fini (&job->spec, &m->envs);
        job_destroy (job);
        return NULL;
    }
    list_append (&m->all, &job->all_link);
    m->nstate[state_index (job->state)]++;
    return job;
}

static void post_submit (struct manager *m, struct job *job, const struct submission *s)
{
    struct event ev = {
        .type = EV_SUBMIT,
        .userid = s->userid,
        .urgency = s->urgency,
        .flags = s->flags,
        .timestamp = s->t_submit,
    };

    manager_emit (m, job, &ev);
}

/* Does anybody object? */
static int review (struct manager *m, struct job *job, flux_error_t *error)
{
    struct hook_call create = { .point = HOOK_CREATE, .error = error };
    struct hook_call validate = { .point = HOOK_VALIDATE, .error = error };

    job->announced = true;
    if (hook_call (m, job, &create) < 0 || depend_add (m, job, error) < 0
        || hook_call (m, job, &validate) < 0)
        return -1;
    return 0;
}

void manager_announce (struct manager *m, struct job *job)
{
    flux_error_t error = { "" };
    struct hook_call create = { .point = HOOK_CREATE, .error = &error };
    struct hook_call new = { .point = HOOK_NEW, .error = &error };

    job->announced = true;
    if (hook_call (m, job, &create) < 0 || hook_call (m, job, &new) < 0)
        manager_raise (m, job, "jobtap", 0, error.text, m->owner);
}

static void introduce (struct manager *m, struct job *job)
{
    flux_error_t error = { "" };
    struct hook_call call = { .point = HOOK_NEW, .error = &error };
    int rc = hook_call (m, job, &call);

    if (job->state == FLUX_JOB_STATE_NEW) {
        manager_emit_plain (m, job, EV_VALIDATE);
        depend_post (m, job);
    }
    if (rc < 0)
        manager_raise (m, job, "jobtap", 0, error.text, m->owner);
    manager_step (m, job);
}

int manager_submit (struct manager *m, const struct submission *s, flux_error_t *error)
{
    struct journal_mark before = journal_mark (&m->journal);
    struct job *job;

    if (s->id == 0 || s->id > INT64_MAX) { /* no JSON would hold it */
        snprintf (error->text, sizeof (error->text), "no job has such an id");
        errno = EINVAL;
        return -1;
    }
    if (s->id > m->max_jobid) /* refused or not: it was handed out */
        m->max_jobid = s->id;
    if (check_submission (m, s, error) < 0
        || !(job = manager_new_job (m, s->id, s->jobspec, s->env, error)))
        return -1;
    job->userid = s->userid;
    if (manager_read_spec (m, job, error) < 0 || manager_set_queue (m, job, error) < 0
        || name_add (m, job) < 0) {
        manager_forget (m, job);
        return -1;
    }
    post_submit (m, job, s);
    if (review (m, job, error) < 0
        || (s->flags & FLUX_JOB_WAITABLE && waitables_add (m->waitables, s->id) < 0)) {
        int saved_errno = errno;
        journal_retract (&m->journal, &before, s->id);
        manager_forget (m, job);
        errno = saved_errno;
        return -1;
    }
    recent_add (&m->recent, s->id, s->userid);
    introduce (m, job);
    return 0;
}
