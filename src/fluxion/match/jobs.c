/* The table of jobs: those that hold something, and the last canceled ones. */
#include "fluxion/match/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *job_state_name (enum job_state s)
{
    static const char *const names[] = {
        [JOB_INIT] = "INIT",         [JOB_ALLOCATED] = "ALLOCATED",
        [JOB_RESERVED] = "RESERVED", [JOB_CANCELED] = "CANCELED",
        [JOB_ERROR] = "ERROR",
    };

    return names[s];
}

void sched_free_job (struct job *j)
{
    if (j) {
        free (j->span);
        free (j->units);
        free (j->jobspec_name);
        free (j);
    }
}

uint32_t sched_slot (struct scheduler *s, uint64_t id)
{
    uintptr_t i = (uintptr_t)idmap_lookup (s->by_id, id);

    return i ? i - 1 : UINT32_MAX;
}

struct job *scheduler_job (struct scheduler *s, uint64_t id)
{
    uint32_t i = sched_slot (s, id);

    return i == UINT32_MAX ? NULL : s->job[i];
}

struct job *scheduler_next_job (struct scheduler *s, size_t *pos)
{
    while (*pos < s->njob) {
        struct job *j = s->job[(*pos)++];
        if (j)
            return j;
    }
    return NULL;
}

static int grow_jobs (struct scheduler *s)
{
    uint32_t cap = s->job_cap ? s->job_cap * 2 : 64;
    struct job **job = realloc (s->job, cap * sizeof (*job));
    uint32_t *list;

    if (!job)
        return -1;
    s->job = job;
    if (!(list = realloc (s->free_job, cap * sizeof (*list))))
        return -1;
    s->free_job = list;
    s->job_cap = cap;
    return 0;
}

struct job *sched_add_job (struct scheduler *s, uint64_t id, flux_error_t *error)
{
    struct job *old = scheduler_job (s, id), *j;
    uint32_t slot;

    if (old && old->state != JOB_CANCELED && old->state != JOB_ERROR) {
        snprintf (error->text, sizeof (error->text), "existing Jobid %llu",
                  (unsigned long long)id);
        errno = EEXIST;
        return NULL;
    }
    if (old)
        sched_drop_job (s, old);
    if (!s->nfree_job && s->njob == s->job_cap && grow_jobs (s) < 0)
        return NULL;
    if (!(j = calloc (1, sizeof (*j))))
        return NULL;
    slot = s->nfree_job ? s->free_job[s->nfree_job - 1] : s->njob;
    if (idmap_insert (s->by_id, id, (void *)(uintptr_t)(slot + 1)) < 0) {
        free (j);
        return NULL;
    }
    if (s->nfree_job)
        s->nfree_job--;
    else
        s->njob++;
    s->job[slot] = j;
    j->id = id;
    return j;
}

void sched_drop_job (struct scheduler *s, struct job *job)
{
    uint32_t slot = sched_slot (s, job->id);

    if (slot == UINT32_MAX)
        return;
    /* A slot in the ring of canceled jobs is reused only from there. */
    idmap_remove (s->by_id, job->id);
    s->job[slot] = NULL;
    if (job->state != JOB_CANCELED)
        s->free_job[s->nfree_job++] = slot;
    sched_free_job (job);
}

void sched_retire (struct scheduler *s, struct job *job)
{
    uint32_t slot = sched_slot (s, job->id);

    job->state = JOB_CANCELED;
    free (job->span);
    job->span = NULL;
    job->nspan = 0;
    free (job->units);
    job->units = NULL;
    if (s->ncanceled == CANCELED_KEPT) {
        uint32_t old = s->canceled[s->canceled_head];
        s->canceled_head = (s->canceled_head + 1) % CANCELED_KEPT;
        s->ncanceled--;
        if (s->job[old]) {
            idmap_remove (s->by_id, s->job[old]->id);
            sched_free_job (s->job[old]);
            s->job[old] = NULL;
        }
        s->free_job[s->nfree_job++] = old;
    }
    s->canceled[(s->canceled_head + s->ncanceled++) % CANCELED_KEPT] = slot;
}
