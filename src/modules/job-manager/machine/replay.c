/* After a restart: jobs from their logs, and what becomes of them. */
#include "parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int replay_log (struct job *job, struct span log, flux_error_t *error)
{
    json_t *a = NULL;
    const char *p = log.s, *end = log.s + log.len;

    while (p < end) {
        const char *nl = memchr (p, '\n', end - p);
        struct event ev;
        json_t *o = nl ? json_loadb (p, nl - p, JSON_ALLOW_NUL, NULL) : NULL;
        if (!o || event_decode (o, &ev, error) < 0 || event_apply (job, &ev, error) < 0
            || depend_replay (job, &ev) < 0) {
            if (!o)
                snprintf (error->text, sizeof (error->text), "malformed eventlog");
            json_decref (o);
            json_decref (a);
            errno = EINVAL;
            return -1;
        }
        json_decref (o);
        p = nl + 1;
    }
    return 0;
}

/* A moment in the past. What the clock says is all that is known over a restart. */
static double monotonic_of (struct manager *m, double wall)
{
    double ago = m->ops->now (m->arg) - wall;

    return m->ops->mono (m->arg) - (ago > 0 ? ago : 0);
}

int manager_replay (struct manager *m, flux_jobid_t id, struct span eventlog,
                    struct span jobspec, struct span R, flux_error_t *error)
{
    struct job *job = manager_new_job (m, id, jobspec, (struct span){ "", 0 }, error);

    if (!job)
        return -1;
    m->nstate[state_index (job->state)]--;
    int rc = replay_log (job, eventlog, error);
    m->nstate[state_index (job->state)]++;
    if (rc == 0 && job->updates
        && (rc = manager_rewrite_spec (m, job, job->updates)) < 0)
        snprintf (error->text, sizeof (error->text), "jobspec cannot be updated");
    if (rc < 0 || manager_read_spec (m, job, error) < 0) {
        manager_forget (m, job);
        return -1;
    }
    if (id > m->max_jobid)
        m->max_jobid = id;
    recent_add (&m->recent, id, job->userid);
    if (job->state == FLUX_JOB_STATE_INACTIVE) {
        manager_remember (m, job, monotonic_of (m, job->t_last));
        manager_forget (m, job);
        return 0;
    }
    if (job->alloc_event && !job->freed && R.len > 0)
        job->R = span_dup (R);
    buf_add (&job->log, eventlog.s, eventlog.len);
    job->committed = job->written = job->log.len;
    job->t_alloc = monotonic_of (m, manager_R_number (job->R, "execution.starttime"));
    return 0;
}

/* Queues may have changed since the job was submitted: it stays all the same. */
static void rejoin_queue (struct manager *m, struct job *job)
{
    flux_error_t error;
    struct jobqueue *jq = jobqueues_lookup (&m->queues, job->queue, &error);

    if (!jq)
        jq = list_first (&m->queues.queues, struct jobqueue, link);
    job->jobqueue = jq;
    jq->njobs++;
    if (job->R)
        jq->nrunning++;
}

/* Plugins hear of the job before it comes into PRIORITY again. */
static void reintroduce (struct manager *m, struct job *job)
{
    bool first = job->state == FLUX_JOB_STATE_SCHED;

    if (first)
        manager_announce (m, job);
    manager_emit (m, job, &(struct event){ .type = EV_FLUX_RESTART });
    if (!first)
        manager_announce (m, job);
}

void manager_restarted (struct manager *m)
{
    recent_sort (&m->recent);
    history_sort (m->history);
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        flux_error_t error;
        rejoin_queue (m, job);
        name_add (m, job);
        if (job->flags & FLUX_JOB_WAITABLE)
            waitables_add (m->waitables, job->id);
        /* the process that ran its prolog or epilog is gone */
        job->prologs = job->epilogs = 0;
        reintroduce (m, job);
        if (job->state == FLUX_JOB_STATE_DEPEND && depend_add (m, job, &error) < 0)
            manager_raise (m, job, "dependency", 0, error.text, FLUX_USERID_UNKNOWN);
    }
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        job->exec_done = job->finished && job->released;
        /* of one that ended while nobody listened, the exec service may know more */
        job->exec_owed =
            m->kept && job->state == FLUX_JOB_STATE_CLEANUP && job->R && !job->released;
        if (job->R && job->state == FLUX_JOB_STATE_RUN)
            manager_set_expiration (m, job);
        if (m->owner != FLUX_USERID_UNKNOWN && job->userid != m->owner && !m->guests)
            manager_raise (m, job, "restart", 0,
                           "only jobs of the instance owner can run",
                           FLUX_USERID_UNKNOWN);
        else if (!job->R && job->state == FLUX_JOB_STATE_RUN)
            manager_raise (m, job, "restart", 0, "R is missing", FLUX_USERID_UNKNOWN);
        else
            manager_step (m, job);
    }
}
