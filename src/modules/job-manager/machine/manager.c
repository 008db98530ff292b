#include "base/encode.h"
#include "base/error.h"
#include "parts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* An expiration so far away is none (schedulers write starttime + 100 years). */
#define FOREVER (50. * 365 * 86400)
/* s, where the exec service has to say whether the time of a job is over. */
#define LOOK_AGAIN 5.
/* And until it is not expected back. */
#define EXEC_AWAY 60.

/* What clients may add to one job. */
#define EVENTLOG_MAX (1 << 20)
#define MEMO_MAX (64 << 10)
#define CONTEXT_SIZE_MAX (1 << 20)
/* What an event says is wrapped into others' messages, which end at some depth. */
#define CONTEXT_DEPTH_MAX 256

static bool alloc_before (const struct heap_node *x, const struct heap_node *y)
{
    const struct job *a = container_of (x, struct job, alloc_node);
    const struct job *b = container_of (y, struct job, alloc_node);

    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->id > b->id;
}

static bool expire_before (const struct heap_node *x, const struct heap_node *y)
{
    return container_of (x, struct job, expire_node)->t_expire
           < container_of (y, struct job, expire_node)->t_expire;
}

struct manager *manager_create (const struct manager_ops *ops, void *arg,
                                waitable_f wait_cb)
{
    struct manager *m = calloc (1, sizeof (*m));

    if (!m)
        return NULL;
    m->ops = ops;
    m->arg = arg;
    m->owner = FLUX_USERID_UNKNOWN;
    list_init (&m->all);
    list_init (&m->dirty);
    list_init (&m->in_commit);
    list_init (&m->todo);
    list_init (&m->canceled);
    list_init (&m->notes);
    env_table_init (&m->envs);
    heap_init (&m->allocs, alloc_before);
    heap_init (&m->expirations, expire_before);
    heap_init (&m->begins, begin_before);
    journal_init (&m->journal);
    journal_init (&m->sent);
    if (jobqueues_init (&m->queues) < 0 || !(m->jobs = idmap_create (NULL))
        || !(m->history = history_create ()) || !(m->names = hashmap_create (free))
        || !(m->waitables = waitables_create (wait_cb, arg))) {
        manager_destroy (m);
        errno = ENOMEM;
        return NULL;
    }
    return m;
}

void manager_forget (struct manager *m, struct job *job)
{
    struct hook_call call = { .point = HOOK_DESTROY };

    if (job->announced)
        hook_call (m, job, &call);
    hook_forget (m, job);
    depend_drop (job, m);
    while (list_pop (&job->watchers))
        ;
    name_remove (m, job);
    heap_remove (&m->expirations, &job->expire_node);
    heap_remove (&m->allocs, &job->alloc_node);
    list_remove (&job->cancel_link);
    if (job->jobqueue) {
        heap_remove (&job->jobqueue->waiting, &job->queue_node);
        job->jobqueue->njobs--;
    }
    m->nstate[state_index (job->state)]--;
    idmap_remove (m->jobs, job->id);
    spec_fini (&job->spec, &m->envs);
    job_destroy (job);
}

void manager_destroy (struct manager *m)
{
    if (!m)
        return;
    m->stepping = true; /* what is freed now must not cause anything */
    m->hooks = 0;
    list_foreach (&m->all, l)
        manager_forget (m, container_of (l, struct job, all_link));
    idmap_destroy (m->jobs);
    waitables_destroy (m->waitables);
    history_destroy (m->history);
    hashmap_destroy (m->names);
    heap_fini (&m->allocs);
    heap_fini (&m->expirations);
    heap_fini (&m->begins);
    jobqueues_fini (&m->queues);
    env_table_fini (&m->envs);
    journal_fini (&m->journal);
    journal_fini (&m->sent);
    free (m->pause_text);
    recent_fini (&m->recent);
    free (m);
}

struct job *manager_lookup (struct manager *m, flux_jobid_t id)
{
    return idmap_lookup (m->jobs, id);
}

struct job *manager_lookup_active (struct manager *m, flux_jobid_t id,
                                   flux_error_t *error)
{
    struct job *job = manager_lookup (m, id);

    if (job && job->state != FLUX_JOB_STATE_INACTIVE)
        return job;
    snprintf (error->text, sizeof (error->text), "%s",
              job || history_lookup (m->history, id, NULL) ? "job is inactive"
                                                           : "unknown job id");
    errno = ENOENT;
    return NULL;
}

static void state_changed (struct manager *m, struct job *job, flux_job_state_t old,
                           double timestamp)
{
    const int running = FLUX_JOB_STATE_RUN | FLUX_JOB_STATE_CLEANUP;
    bool was = old & running && job->alloc_event;
    bool is = job->state & running && job->alloc_event;

    m->nstate[state_index (old)]--;
    m->nstate[state_index (job->state)]++;
    if (job->jobqueue && was != is)
        job->jobqueue->nrunning += is ? 1 : -1;
    if (m->ops->state)
        m->ops->state (job, timestamp, m->arg);
}

/* Whole microseconds, as they are written, so that none comes twice. */
static double next_timestamp (struct manager *m, const struct job *job)
{
    long long us = llround (m->ops->now (m->arg) * 1e6);
    long long last = llround (job->t_last * 1e6);

    return (double)(us > last ? us : last + 1) / 1e6;
}

int manager_emit (struct manager *m, struct job *job, struct event *ev)
{
    flux_job_state_t old = job->state;
    flux_error_t error;
    size_t start = job->log.len;

    if (ev->timestamp == 0)
        ev->timestamp = next_timestamp (m, job);
    if (event_apply (job, ev, &error) < 0)
        return -1;
    m->nevents++;
    event_encode (&job->log, ev);
    size_t end = job->log.len;
    journal_add (&m->journal, job, ev,
                 (struct span){ job->log.data + start, end - start });
    if (ev->type == EV_ANNOTATIONS
        || (ev->type == EV_MEMO && ev->flags)) { /* volatile: journal only */
        job->log.len = start;
    } else if (list_empty (&job->dirty_link)) {
        list_append (&m->dirty, &job->dirty_link);
    }
    if (job->state != old)
        state_changed (m, job, old, ev->timestamp);
    if (m->hooks) /* the text may be beyond the log's end, but is there */
        hook_event (m, job, old, ev,
                    (struct span){ job->log.data + start, end - start });
    return 0;
}

void manager_emit_plain (struct manager *m, struct job *job, enum event_type type)
{
    struct event ev = { .type = type };

    manager_emit (m, job, &ev);
}

void manager_debug (struct manager *m, struct job *job, const char *name)
{
    struct event ev = { .type = EV_OTHER, .name = name };

    if (job->flags & FLUX_JOB_DEBUG)
        manager_emit (m, job, &ev);
}

static int64_t priority_of (int urgency)
{
    if (urgency == FLUX_JOB_URGENCY_HOLD)
        return FLUX_JOB_PRIORITY_MIN;
    if (urgency == FLUX_JOB_URGENCY_EXPEDITE)
        return FLUX_JOB_PRIORITY_MAX;
    return urgency;
}

int64_t manager_default_priority (const struct manager *m, const struct job *job)
{
    return m->queues.off & OFF_PRIORITY ? -1 : priority_of (job->urgency);
}

/* Held and expedited jobs are so whatever plugins think of them. */
static bool is_fixed (const struct job *job)
{
    return job->urgency == FLUX_JOB_URGENCY_HOLD
           || job->urgency == FLUX_JOB_URGENCY_EXPEDITE;
}

/* -1: it is not known. */
static int64_t get_priority (struct manager *m, struct job *job)
{
    struct hook_call call = {
        .point = HOOK_PRIORITY,
        .priority = manager_default_priority (m, job),
    };

    if (!is_fixed (job))
        hook_call (m, job, &call);
    return is_fixed (job) ? priority_of (job->urgency) : call.priority;
}

static void post_priority (struct manager *m, struct job *job, int64_t priority)
{
    struct event ev = { .type = EV_PRIORITY, .priority = priority };

    manager_emit (m, job, &ev);
}

/* What the plugins said when the job came into this state, or after. */
static void prioritize (struct manager *m, struct job *job)
{
    int64_t priority = job->priority_next;

    if (is_fixed (job) || (priority < 0 && !(m->hooks & FLUX_JOB_STATE_PRIORITY)))
        priority = get_priority (m, job);
    job->priority_next = -1;
    if (priority >= 0)
        post_priority (m, job, priority);
}

void manager_cancel_alloc (struct manager *m, struct job *job)
{
    if (heap_has (&job->alloc_node) && !job->alloc_canceled) {
        job->alloc_canceled = true;
        job->t_canceled = m->ops->mono (m->arg);
        list_append (&m->canceled, &job->cancel_link);
        m->ops->sched_cancel (job, m->arg);
    }
}

/* SCHED: into the queue, unless it is held. */
static void enqueue (struct manager *m, struct job *job)
{
    struct heap *waiting = &job->jobqueue->waiting;

    if (job->priority == FLUX_JOB_PRIORITY_MIN) {
        heap_remove (waiting, &job->queue_node);
        manager_cancel_alloc (m, job);
    } else if (!heap_has (&job->queue_node) && !heap_has (&job->alloc_node)) {
        heap_insert (waiting, &job->queue_node);
    }
}

static void start (struct manager *m, struct job *job)
{
    if (!m->exec_ready || job->exec_sent || job->exec_done || job->prologs > 0)
        return;
    /* what runs on after a crash must not be allocated again by who comes then */
    if (m->exec_keeps && job->committed < job->alloc_end)
        return;
    job->exec_sent = true;
    job->exec_owed = false;
    manager_debug (m, job, "debug.start-request");
    m->ops->exec_start (
        job, job->started || (m->exec_keeps && (job->restarted || job->exec_had)),
        m->arg);
}

/* CLEANUP: whatever the job still holds has to come back first. */
static void clean_up (struct manager *m, struct job *job)
{
    heap_remove (&job->jobqueue->waiting, &job->queue_node);
    heap_remove (&m->expirations, &job->expire_node);
    depend_drop (job, m);
    manager_cancel_alloc (m, job);
    if (heap_has (&job->alloc_node) || (job->exec_sent && !job->exec_done)
        || job->exec_owed || job->prologs > 0 || job->epilogs > 0)
        return;
    if (job->R && !job->freed) {
        bool kept = !job->bypass && m->ops->keep && m->ops->keep (job, m->arg);
        if (m->sched_told && !job->bypass && !kept)
            m->ops->sched_free (job, m->arg);
        if (job->alloc_event)
            manager_emit_plain (m, job, EV_FREE);
        job->freed = true;
    }
    manager_emit_plain (m, job, EV_CLEAN);
    depend_inactive (m, job);
}

static void advance (struct manager *m, struct job *job)
{
    flux_job_state_t old;

    do {
        old = job->state;
        switch (old) {
        case FLUX_JOB_STATE_NEW:
        case FLUX_JOB_STATE_INACTIVE:
            break;
        case FLUX_JOB_STATE_DEPEND:
            if (list_empty (&job->dependencies))
                manager_emit_plain (m, job, EV_DEPEND);
            break;
        case FLUX_JOB_STATE_PRIORITY:
            prioritize (m, job);
            break;
        case FLUX_JOB_STATE_SCHED:
            enqueue (m, job);
            break;
        case FLUX_JOB_STATE_RUN:
            start (m, job);
            break;
        case FLUX_JOB_STATE_CLEANUP:
            clean_up (m, job);
            break;
        }
    } while (job->state != old);
}

static void run_steps (struct manager *m)
{
    struct list *l;

    if (m->stepping)
        return;
    m->stepping = true;
    while ((l = list_pop (&m->todo)))
        advance (m, container_of (l, struct job, todo_link));
    m->stepping = false;
}

/* The step of one job may cause steps of others (dependencies), in chains as
 * long as users like: a list instead of recursion. */
void manager_step (struct manager *m, struct job *job)
{
    if (list_empty (&job->todo_link))
        list_append (&m->todo, &job->todo_link);
    run_steps (m);
}

char *span_dup (struct span s)
{
    return strndup (s.s, s.len);
}

void manager_raise (struct manager *m, struct job *job, const char *type, int severity,
                    const char *note, uint32_t userid)
{
    struct event ev = {
        .type = EV_EXCEPTION,
        .exception = type,
        .severity = severity,
        .note = note ? note : "",
        .userid = userid,
    };
    char *type2, *note2;

    /* The job keeps it, and others are told, as the log has it. */
    if (utf8_repaired (ev.exception, &type2) == 0 && type2)
        ev.exception = type2;
    if (utf8_repaired (ev.note, &note2) == 0 && note2)
        ev.note = note2;
    if (manager_emit (m, job, &ev) == 0) {
        m->ops->exception (job, &ev, m->arg);
        manager_step (m, job);
    }
    free (type2);
    free (note2);
}

int manager_set_priority (struct manager *m, struct job *job, int64_t priority)
{
    if (is_fixed (job))
        priority = priority_of (job->urgency);
    if (job->state == FLUX_JOB_STATE_PRIORITY) {
        job->priority_next = priority;
        manager_step (m, job);
        return 0;
    }
    if (job->state != FLUX_JOB_STATE_SCHED) {
        errno = EINVAL;
        return -1;
    }
    if (job->priority == priority)
        return 0;
    post_priority (m, job, priority);
    heap_update (&job->jobqueue->waiting, &job->queue_node);
    heap_update (&m->allocs, &job->alloc_node);
    if (heap_has (&job->alloc_node) && job->priority > 0)
        m->ops->sched_prioritize (job, m->arg);
    manager_step (m, job);
    return 0;
}

static void reprioritize (struct manager *m, struct job *job)
{
    if (job->state != FLUX_JOB_STATE_SCHED && job->state != FLUX_JOB_STATE_PRIORITY)
        return;
    int64_t priority = get_priority (m, job);
    if (priority >= 0)
        manager_set_priority (m, job, priority);
}

void manager_reprioritize_all (struct manager *m)
{
    list_foreach (&m->all, l)
        reprioritize (m, container_of (l, struct job, all_link));
}

int manager_set_urgency (struct manager *m, struct job *job, int urgency,
                         uint32_t userid, flux_error_t *error)
{
    struct event ev = { .type = EV_URGENCY, .urgency = urgency, .userid = userid };

    if (urgency < FLUX_JOB_URGENCY_MIN || urgency > FLUX_JOB_URGENCY_MAX) {
        snprintf (error->text, sizeof (error->text), "urgency range is [%d:%d]",
                  FLUX_JOB_URGENCY_MIN, FLUX_JOB_URGENCY_MAX);
        errno = EINVAL;
        return -1;
    }
    if (!job_pending (job)) {
        snprintf (error->text, sizeof (error->text),
                  "urgency cannot be changed: resources are allocated");
        errno = EINVAL;
        return -1;
    }
    if (urgency == job->urgency)
        return 0;
    if (manager_check_room (job, error) < 0)
        return -1;
    manager_emit (m, job, &ev);
    reprioritize (m, job);
    return 0;
}

int manager_check_room (const struct job *job, flux_error_t *error)
{
    return job->log.len < EVENTLOG_MAX
               ? 0
               : error_fail (error, E2BIG, "the job has too many events");
}

/* Is it what a log may hold? Whoever reads it, now or after a restart, must be able to. */
int manager_check_context (const json_t *o, flux_error_t *error)
{
    if (!json_is_object (o))
        return error_fail (error, EPROTO, "not an object");
    if (!json_is_plain (o, CONTEXT_DEPTH_MAX))
        return error_fail (error, EPROTO, "nested too deeply, or a text has U+0000");
    if (json_dumpb (o, NULL, 0, JSON_COMPACT) > CONTEXT_SIZE_MAX)
        return error_fail (error, E2BIG, "more than %d bytes", CONTEXT_SIZE_MAX);
    return 0;
}

int manager_memo (struct manager *m, struct job *job, json_t *memo, bool is_volatile,
                  flux_error_t *error)
{
    struct event ev = { .type = EV_MEMO, .context = memo, .flags = is_volatile };
    json_t *old = json_object_get (job->annotations, "user");
    size_t size;

    if (manager_check_context (memo, error) < 0)
        return -1;
    size = json_dumpb (memo, NULL, 0, 0);
    if (size > MEMO_MAX || (old && json_dumpb (old, NULL, 0, 0) + size > MEMO_MAX))
        return error_fail (error, E2BIG, "memos of a job are limited to %d bytes",
                           MEMO_MAX);
    if (manager_check_room (job, error) < 0)
        return -1;
    return manager_emit (m, job, &ev);
}

void manager_queue_start (struct manager *m, struct jobqueue *jq, bool start,
                          const char *reason, bool nocheckpoint)
{
    bool was = jq->started;

    jobqueue_set_started (jq, start, reason, nocheckpoint);
    if (!was || start)
        return;
    for (size_t i = 0; i < m->allocs.count; i++) {
        struct job *job = container_of (m->allocs.nodes[i], struct job, alloc_node);
        if (job->jobqueue == jq)
            manager_cancel_alloc (m, job);
    }
}

/* The exec service has it and has not started it: whether that counts is for it to say
 * (manager_exec_time_left). What it does not start at all ends all the same. */
static bool starts_late (struct manager *m, struct job *job)
{
    double granted = job->t_expire - job->held - job->t_alloc;

    if (job->started || !job->exec_sent || job->waited || granted <= 0)
        return false;
    job->waited = true;
    job->late += granted;
    job->t_expire += granted - job->held;
    job->held = 0;
    heap_update (&m->expirations, &job->expire_node);
    return true;
}

/* Whose job it is hears what its shells know, and that may be that it ended in time. While
 * nobody is there who does, he may come back: for so long. */
static bool is_judged_elsewhere (struct manager *m, struct job *job)
{
    bool waits = m->exec_ready ? job->exec_sent && m->exec_limits
                               : job->started && job->held < EXEC_AWAY;

    if (!waits || job->exec_done || job->state != FLUX_JOB_STATE_RUN)
        return false;
    job->held += LOOK_AGAIN;
    job->t_expire += LOOK_AGAIN;
    heap_update (&m->expirations, &job->expire_node);
    return true;
}

void manager_turn (struct manager *m)
{
    struct heap_node *n;
    bool timed = m->expirations.count || !list_empty (&m->canceled);
    double mono = timed ? m->ops->mono (m->arg) : 0;

    run_steps (m); /* of jobs that plugins have touched */
    while ((n = heap_first (&m->expirations))) {
        struct job *job = container_of (n, struct job, expire_node);
        if (job->t_expire > mono)
            break;
        if (is_judged_elsewhere (m, job) || starts_late (m, job))
            continue;
        heap_remove (&m->expirations, n);
        job->timed_out = true;
        manager_raise (m, job, "timeout", 0, "resource allocation expired",
                       FLUX_USERID_UNKNOWN);
    }
    manager_reclaim (m, mono);
    if (m->begins.count)
        depend_due (m, m->ops->now (m->arg));
    manager_offer (m);
}

double manager_R_number (const char *R, const char *path)
{
    struct span text = { R, R ? strlen (R) : 0 }, v;
    double d = 0;

    if (R && jsontext_find (text, path, &v) == 0)
        jsontext_number (v, &d);
    return d;
}

/* R says when the allocation ends on the wall clock; from its beginning on only
 * the length counts. */
void manager_set_expiration (struct manager *m, struct job *job)
{
    double start = manager_R_number (job->R, "execution.starttime"),
           end = job->expiration;

    heap_remove (&m->expirations, &job->expire_node);
    if (!job->expiration_updated)
        end = manager_R_number (job->R, "execution.expiration");
    if (end <= 0 || (start > 0 && end - start > FOREVER))
        return;
    job->t_expire = start > 0 ? job->t_alloc + (end - start)
                              : m->ops->mono (m->arg) + end - m->ops->now (m->arg);
    job->t_expire += job->late;
    job->held = 0;
    heap_insert (&m->expirations, &job->expire_node);
}

char *job_current_R (const struct job *job)
{
    json_t *o, *execution;
    char *s = NULL;

    if (!job->R || !job->expiration_updated)
        return job->R ? strdup (job->R) : NULL;
    o = json_loads (job->R, 0, NULL);
    execution = json_object_get (o, "execution");
    if (json_object_set_new (execution, "expiration", json_real (job->expiration)) == 0)
        s = json_dumps (o, JSON_COMPACT);
    json_decref (o);
    return s;
}

const struct job *manager_next_commit (struct manager *m, struct span *entries,
                                       struct span *R)
{
    struct list *l = list_pop (&m->dirty);

    if (!l)
        return NULL;
    struct job *job = container_of (l, struct job, dirty_link);
    *entries =
        (struct span){ job->log.data + job->written, job->log.len - job->written };
    job->written = job->log.len;
    job->R_in_commit = job->R_owed;
    *R = (struct span){ job->R, job->R_owed ? strlen (job->R) : 0 };
    list_append (&m->in_commit, &job->commit_link);
    return job;
}

static void uncommit (struct manager *m, struct job *job)
{
    job->written = job->committed;
    if (list_empty (&job->dirty_link))
        list_append (&m->dirty, &job->dirty_link);
}

void manager_commit_failed (struct manager *m)
{
    struct list *l;

    while ((l = list_pop (&m->in_commit)))
        uncommit (m, container_of (l, struct job, commit_link));
}

/* --- pause --- */

int manager_check_paused (const struct manager *m, flux_error_t *error)
{
    if (!m->paused)
        return 0;
    snprintf (error->text, sizeof (error->text), "job-manager is paused: %s",
              m->pause_text ? m->pause_text : strerror (m->paused));
    errno = m->paused;
    return -1;
}

void manager_pause (struct manager *m, int errnum, const char *text)
{
    m->paused = errnum;
    free (m->pause_text);
    m->pause_text = text && *text ? strdup (text) : NULL;
    for (size_t i = 0; i < m->allocs.count; i++)
        manager_cancel_alloc (
            m, container_of (m->allocs.nodes[i], struct job, alloc_node));
}

void manager_resume (struct manager *m)
{
    m->paused = 0;
    free (m->pause_text);
    m->pause_text = NULL;
}

void job_error_text (const struct job *job, char *buf, size_t len)
{
    int s = job->wait_status;

    buf[0] = '\0';
    if (job->exception)
        snprintf (buf, len, "Fatal exception type=%s %s", job->exception,
                  job->exception_note ? job->exception_note : "");
    else if (WIFSIGNALED (s))
        snprintf (buf, len, "task(s) %s", strsignal (WTERMSIG (s)));
    else if (WEXITSTATUS (s) > 128 && WEXITSTATUS (s) < 128 + 65)
        snprintf (buf, len, "task(s) %s", strsignal (WEXITSTATUS (s) - 128));
    else if (WEXITSTATUS (s) != 0)
        snprintf (buf, len, "task(s) exited with exit code %d", WEXITSTATUS (s));
    utf8_repair (buf);
}

/* t_inactive: monotonic. */
void manager_remember (struct manager *m, const struct job *job, double t_inactive)
{
    struct history_record rec = {
        .result = job_result (job),
        .started = job->started,
        .exception = job->exception != NULL,
        .status = job->wait_status,
    };

    history_add (m->history, job->id, t_inactive, rec);
}

static void finalize (struct manager *m, struct job *job)
{
    manager_remember (m, job, m->ops->mono (m->arg));
    if (job->flags & FLUX_JOB_WAITABLE) {
        struct wait_result res = {
            .id = job->id,
            .success = job_result (job) == FLUX_JOB_RESULT_COMPLETED,
        };
        job_error_text (job, res.errstr, sizeof (res.errstr));
        waitables_finish (m->waitables, &res);
    }
    if (m->ops->inactive)
        m->ops->inactive (job, m->arg);
    struct hook_call call = { .point = HOOK_INACTIVE_ADD };
    hook_call (m, job, &call);
    manager_forget (m, job);
}

void manager_committed (struct manager *m)
{
    struct list *l;

    m->ncommits++;
    while ((l = list_pop (&m->in_commit))) {
        struct job *job = container_of (l, struct job, commit_link);
        job->committed = job->written;
        job->R_owed = job->R_owed && !job->R_in_commit;
        if (m->exec_keeps && job->state == FLUX_JOB_STATE_RUN && !job->exec_sent)
            manager_step (m, job); /* it may be started now */
        if (job->state == FLUX_JOB_STATE_INACTIVE && list_empty (&job->dirty_link))
            finalize (m, job);
    }
}
