/* The scheduler's and the exec service's ends of the core. */
#include "parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CANCEL_PATIENCE 10. /* s, monotonic, for the scheduler's answer to a cancel */

/* The most urgent job of all started queues. */
static struct job *next_waiting (struct manager *m)
{
    struct job *best = NULL;

    list_foreach (&m->queues.queues, l) {
        struct jobqueue *jq = container_of (l, struct jobqueue, link);
        struct heap_node *n = jq->started ? heap_first (&jq->waiting) : NULL;
        if (!n)
            continue;
        struct job *job = container_of (n, struct job, queue_node);
        if (!best || job->priority > best->priority
            || (job->priority == best->priority && job->id < best->id))
            best = job;
    }
    return best;
}

/* With a limit, a job that outranks one at the scheduler takes its place. */
static bool make_room (struct manager *m, const struct job *job)
{
    if (m->sched_limit == 0 || m->allocs.count < m->sched_limit)
        return true;
    struct job *least = container_of (heap_first (&m->allocs), struct job, alloc_node);
    if (job->priority > least->priority)
        manager_cancel_alloc (m, least);
    return false;
}

void manager_offer (struct manager *m)
{
    struct job *job;

    if (!m->sched_ready || m->paused)
        return;
    while ((job = next_waiting (m)) && make_room (m, job)) {
        heap_remove (&job->jobqueue->waiting, &job->queue_node);
        heap_insert (&m->allocs, &job->alloc_node);
        job->alloc_canceled = false;
        manager_debug (m, job, "debug.alloc-request");
        m->ops->sched_alloc (job, m->arg);
    }
}

size_t manager_waiting (const struct manager *m)
{
    size_t n = 0;

    list_foreach (&m->queues.queues, l)
        n += container_of (l, struct jobqueue, link)->waiting.count;
    return n;
}

void manager_sched_hello (struct manager *m,
                          void (*cb) (const struct job *job, void *arg), void *arg)
{
    manager_sched_lost (m);
    m->sched_told = true;
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        if (job->R && !job->freed && !job->bypass)
            cb (job, arg);
    }
}

void manager_sched_ready (struct manager *m, unsigned int limit)
{
    m->sched_told = true;
    m->sched_ready = true;
    m->sched_limit = limit;
}

/* It is with the scheduler no longer. */
static void take_back (struct manager *m, struct job *job)
{
    heap_remove (&m->allocs, &job->alloc_node);
    list_remove (&job->cancel_link);
    job->alloc_canceled = false;
}

void manager_sched_lost (struct manager *m)
{
    m->sched_ready = m->sched_told = false;
    while (m->allocs.count > 0) {
        struct job *job =
            container_of (heap_first (&m->allocs), struct job, alloc_node);
        take_back (m, job);
        manager_step (m, job);
    }
}

/* A scheduler that does not answer keeps no job from its end. What it answers later is
 * handed back (manager_sched_success). */
void manager_reclaim (struct manager *m, double mono)
{
    struct job *job;

    while ((job = list_first (&m->canceled, struct job, cancel_link))
           && job->t_canceled + CANCEL_PATIENCE <= mono) {
        list_remove (&job->cancel_link);
        if (job->state == FLUX_JOB_STATE_CLEANUP || !job->jobqueue->started) {
            if (m->ops->sched_silent)
                m->ops->sched_silent (job, m->arg);
            take_back (m, job);
            manager_step (m, job);
        } else { /* it waits for its turn, as it would without the cancel */
            job->t_canceled = mono;
            list_append (&m->canceled, &job->cancel_link);
        }
    }
}

double manager_reclaim_due (const struct manager *m)
{
    struct job *job = list_first (&m->canceled, struct job, cancel_link);

    return job ? job->t_canceled + CANCEL_PATIENCE - m->ops->mono (m->arg) : INFINITY;
}

/* The job that waits for this answer, or NULL: the answer is late. */
static struct job *answered (struct manager *m, flux_jobid_t id)
{
    struct job *job = manager_lookup (m, id);

    return job && heap_has (&job->alloc_node) ? job : NULL;
}

static bool holds (struct manager *m, flux_jobid_t id)
{
    struct job *job = manager_lookup (m, id);

    return job && job->R;
}

void manager_sched_success (struct manager *m, flux_jobid_t id, struct span R,
                            struct span annotations, bool stored)
{
    struct job *job = answered (m, id);

    if (!job) { /* nobody waits for it any more, unless it came twice */
        if (!holds (m, id) && m->sched_told && m->ops->sched_unused)
            m->ops->sched_unused (id, R, m->arg);
        return;
    }
    if (job->R)
        return;
    take_back (m, job);
    job->R = strndup (R.s, R.len);
    if (job->state == FLUX_JOB_STATE_SCHED) {
        char *text = annotations.len ? strndup (annotations.s, annotations.len) : NULL;
        struct event ev = { .type = EV_ALLOC, .text = text };
        job->R_owed = !stored;
        manager_emit (m, job, &ev);
        job->alloc_end = job->log.len;
        free (text);
        job->t_alloc = m->ops->mono (m->arg);
        manager_set_expiration (m, job);
    }
    manager_step (m, job);
}

void manager_bypass (struct manager *m, struct job *job, const char *R)
{
    struct event ev = { .type = EV_ALLOC, .bypass = true };

    if (!(job->R = strdup (R)))
        return;
    heap_remove (&job->jobqueue->waiting, &job->queue_node);
    job->R_owed = true;
    manager_emit (m, job, &ev);
    job->alloc_end = job->log.len;
    job->t_alloc = m->ops->mono (m->arg);
    manager_set_expiration (m, job);
    manager_step (m, job);
}

void manager_annotate (struct manager *m, struct job *job, struct span annotations)
{
    json_t *o = json_loadb (annotations.s, annotations.len, 0, NULL);
    json_t *context = o ? json_pack ("{s:o}", "annotations", o) : NULL;
    struct event ev = { .type = EV_ANNOTATIONS, .context = context };

    if (context)
        manager_emit (m, job, &ev);
    json_decref (context);
}

void manager_sched_annotate (struct manager *m, flux_jobid_t id,
                             struct span annotations)
{
    struct job *job = answered (m, id);

    if (job)
        manager_annotate (m, job, annotations);
}

void manager_sched_deny (struct manager *m, flux_jobid_t id, const char *note)
{
    struct job *job = answered (m, id);

    if (!job)
        return;
    take_back (m, job);
    if (job->state == FLUX_JOB_STATE_SCHED)
        manager_raise (m, job, "alloc", 0, note ? note : "", FLUX_USERID_UNKNOWN);
    else
        manager_step (m, job);
}

void manager_sched_canceled (struct manager *m, flux_jobid_t id)
{
    struct job *job = answered (m, id);

    if (!job)
        return;
    take_back (m, job);
    if (job->annotations && json_object_get (job->annotations, "sched"))
        manager_annotate (m, job, (struct span){ "{\"sched\":null}", 14 });
    manager_step (m, job);
}

void manager_exec_hello (struct manager *m, bool keeps, bool limits)
{
    m->exec_ready = true;
    m->exec_keeps = keeps;
    m->exec_limits = limits;
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        bool owed = job->exec_owed;
        job->exec_owed = false;
        if (job->state == FLUX_JOB_STATE_RUN || (owed && !keeps))
            manager_step (m, job);
        else if (owed) {
            job->exec_sent = true;
            m->ops->exec_start (job, true, m->arg);
        }
    }
}

void manager_exec_lost (struct manager *m)
{
    m->exec_ready = false;
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        if (!job->exec_sent || job->exec_done)
            continue;
        if (job->state == FLUX_JOB_STATE_CLEANUP && !m->exec_keeps) {
            manager_exec_release (m, job->id, "all", true);
            continue;
        }
        job->exec_sent = false; /* to be started, or reattached, on hello */
        job->exec_had = job->exec_owed = m->exec_keeps;
    }
}

void manager_exec_over (struct manager *m)
{
    list_foreach (&m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        if (!job->exec_owed)
            continue;
        job->exec_owed = false;
        manager_step (m, job);
    }
}

static struct job *executing (struct manager *m, flux_jobid_t id)
{
    struct job *job = manager_lookup (m, id);

    return job && job->exec_sent && !job->exec_done ? job : NULL;
}

void manager_exec_time_left (struct manager *m, flux_jobid_t id, double left)
{
    struct job *job = executing (m, id);
    double when;

    if (!job || job->started || !heap_has (&job->expire_node))
        return;
    when = m->ops->mono (m->arg) + left;
    job->late += when - (job->t_expire - job->held);
    job->t_expire = when;
    job->held = 0;
    heap_update (&m->expirations, &job->expire_node);
}

void manager_exec_start (struct manager *m, flux_jobid_t id)
{
    struct job *job = executing (m, id);
    struct event ev = { .type = EV_START };

    if (job && !job->started && manager_emit (m, job, &ev) == 0)
        depend_started (m, job);
}

void manager_exec_finish (struct manager *m, flux_jobid_t id, int status)
{
    struct job *job = executing (m, id);
    struct event ev = { .type = EV_FINISH, .status = status };

    if (job && !job->finished && manager_emit (m, job, &ev) == 0)
        manager_step (m, job);
}

void manager_exec_release (struct manager *m, flux_jobid_t id, const char *ranks,
                           bool final)
{
    struct job *job = executing (m, id);
    struct event ev = { .type = EV_RELEASE, .ranks = ranks, .final = final };

    if (!job)
        return;
    job->exec_done = final;
    manager_emit (m, job, &ev);
    /* an exec service that ends a job without a word about why */
    if (final && job->state == FLUX_JOB_STATE_RUN)
        manager_raise (m, job, "exec", 0, "released without finish",
                       FLUX_USERID_UNKNOWN);
    manager_step (m, job);
}

void manager_exec_exception (struct manager *m, flux_jobid_t id, int severity,
                             const char *type, const char *note)
{
    struct job *job = executing (m, id);

    if (!job)
        return;
    if (strcmp (type, "timeout") == 0) { /* both of us have a clock: once is enough */
        if (job->timed_out)
            return;
        job->timed_out = true;
        heap_remove (&m->expirations, &job->expire_node);
    }
    manager_raise (m, job, type, severity, note, FLUX_USERID_UNKNOWN);
}
