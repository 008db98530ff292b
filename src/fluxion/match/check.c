/* Does all that the scheduler keeps agree with its jobs? */
#include "fluxion/match/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__ ((format (printf, 2, 3))) static bool wrong (flux_error_t *error,
                                                           const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (error->text, sizeof (error->text), fmt, ap);
    va_end (ap);
    return false;
}

static bool overlap (const struct span *a, const struct span *b)
{
    return a->at < b->end && b->at < a->end;
}

/* Units are most where some span starts. */
static bool check_pool (struct scheduler *s, uint32_t v, flux_error_t *error)
{
    int64_t live = 0;

    for (uint32_t i = s->vs[v].spans; i; i = s->span[i].next) {
        int64_t sum = 0, at = s->span[i].at;
        live += s->span[i].reserved ? 0 : s->span[i].needs;
        for (uint32_t k = s->vs[v].spans; k; k = s->span[k].next)
            if (s->span[k].at <= at && s->span[k].end > at)
                sum += s->span[k].needs;
        if (sum > s->g->v[v].size)
            return wrong (error, "pool %u: more is drawn than there is", v);
    }
    return live == s->pools->live[v] || wrong (error, "pool %u: count is wrong", v);
}

static bool check_vertex (struct scheduler *s, uint32_t v, flux_error_t *error)
{
    const struct vstate *st = &s->vs[v];
    uint32_t n = 0, live = 0, exclusive = 0, prev = 0;

    for (uint32_t i = st->spans; i; i = s->span[i].next) {
        const struct span *sp = &s->span[i];
        if (sp->v != v || sp->prev != prev || sp->at >= sp->end)
            return wrong (error, "vertex %u: span %u is damaged", v, i);
        for (uint32_t k = st->spans; k; k = s->span[k].next)
            if (k != i && (sp->exclusive || s->span[k].exclusive)
                && overlap (sp, &s->span[k]))
                return wrong (error, "vertex %u: held twice", v);
        n++;
        live += !sp->reserved;
        exclusive += !sp->reserved && sp->exclusive;
        prev = i;
    }
    if (n != st->nspans || live != st->live || exclusive != st->exclusive)
        return wrong (error, "vertex %u: counts are wrong", v);
    if (st->plan && !planner_check (s->plan[st->plan - 1]))
        return wrong (error, "vertex %u: planner is damaged", v);
    return !is_pool (s, v) || check_pool (s, v, error);
}

static bool check_job (struct scheduler *s, const struct job *job, flux_error_t *error)
{
    for (uint32_t i = 0; i < job->nspan; i++) {
        if (!job->span[i])
            continue;
        const struct span *sp = &s->span[job->span[i]];
        if (s->job[sp->job] != job || sp->at != job->at || sp->end != job->end)
            return wrong (error, "job %llu: span is not its own",
                          (unsigned long long)job->id);
    }
    return true;
}

/* The sums, made anew. */
static bool check_rows (struct scheduler *s, flux_error_t *error)
{
    size_t size = (size_t)s->nrows * s->ntracked * sizeof (int64_t);
    int64_t *avail = malloc (size + 1), *usable = malloc (size + 1);
    bool ok = false;

    if (avail && usable) {
        memcpy (avail, s->avail, size);
        memcpy (usable, s->usable, size);
        sched_sum (s);
        ok = memcmp (avail, s->avail, size) == 0
             && memcmp (usable, s->usable, size) == 0;
        if (!ok)
            wrong (error, "sums of units below are wrong");
    }
    free (avail);
    free (usable);
    return ok;
}

static bool check_root_plans (struct scheduler *s, flux_error_t *error)
{
    for (int k = 0; k < s->ntracked; k++) {
        const struct planner *p = s->root_plan[k];
        int64_t used = 0;
        if (!planner_check (p))
            return wrong (error, "planner of the root is damaged");
        for (uint32_t i = 0; i < s->njob; i++) {
            struct job *job = s->job[i];
            if (!job || !job->units)
                continue;
            int64_t was = job->units[k];
            sched_recount (s, job);
            if (was != job->units[k])
                return wrong (error, "job %llu keeps %lld units, not %lld",
                              (unsigned long long)job->id, (long long)job->units[k],
                              (long long)was);
            if (job->at <= s->start && job->end > s->start)
                used += was;
        }
        if (planner_total (p) - planner_avail_at (p, s->start) != used)
            return wrong (
                error, "planner of the root: %lld units in use, not %lld",
                (long long)(planner_total (p) - planner_avail_at (p, s->start)),
                (long long)used);
    }
    return planner_check (s->calendar) || wrong (error, "calendar is damaged");
}

bool scheduler_check (struct scheduler *s, flux_error_t *error)
{
    size_t pos = 0;
    struct job *job;

    for (uint32_t v = 0; v < s->nvs; v++)
        if (!check_vertex (s, v, error))
            return false;
    while ((job = scheduler_next_job (s, &pos)))
        if (!check_job (s, job, error))
            return false;
    return check_rows (s, error) && check_root_plans (s, error)
           && index_check (s, error);
}
