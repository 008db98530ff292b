/* Jobs of a rank that is lost while the instance goes on. */
#include "modules/job-exec/ctx.h"

#include <math.h>
#include <stdlib.h>
#include <syslog.h>

#include "base/clock.h"
#include "modules/job-exec/reattach/resume_impl.h"
#include "modules/job-exec/reattach/token.h"

/* A job of a rank that is lost, until all that is known of it is stored. */
struct away {
    struct ctx *ctx;
    uint64_t id;
    flux_future_t *f; /* a commit behind all that is known of it */
    bool stored;
};

static void away_destroy (void *value)
{
    struct away *a = value;

    flux_future_destroy (a->f);
    free (a);
}

struct idmap *away_map_create (void)
{
    return idmap_create (away_destroy);
}

static void clear_timers (struct ctx *ctx, struct job *job)
{
    timer_clear (&ctx->timers, &job->barrier_timer);
    timer_clear (&ctx->timers, &job->kill_timer);
}

/* Until its commits are done it counts as one that is looked up: what its ranks have is
 * nobody's only when it was claimed. */
void resume_away (struct ctx *ctx, struct job *job)
{
    struct away *a = calloc (1, sizeof (*a));

    if (job->resuming)
        resume_end_claim (ctx, job);
    for (int i = 0; i < job->shell_count; i++)
        list_remove (&job->shells[i].node);
    if (job->away_until <= 0)
        job->away_until = clock_monotonic () + ctx->config.rejoin_timeout;
    clear_timers (ctx, job);
    if (!a || idmap_insert (ctx->resume.away, job->id, a) < 0) {
        free (a);
        resume_lose (ctx, job, "exec", "the job cannot be found again: out of memory");
        return;
    }
    a->ctx = ctx;
    a->id = job->id;
    job->away = true;
    if (job->dirty)
        ctx->commit_due = true;
    ctx->resume.lookups++;
}

static void stored_continuation (flux_future_t *f, void *arg)
{
    struct away *a = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log (a->ctx->h, LOG_ERR, "a commit behind those of a lost rank: %s",
                  flux_future_error_string (f));
    a->stored = true;
}

/* Ours, and what its lost rank has sent, whose commits are in the KVS's hands: what comes
 * behind them is answered when they are. */
static bool is_stored (struct ctx *ctx, struct away *a, const struct job *job)
{
    if (job->dirty || a->stored)
        return a->stored;
    if (!a->f
        && (!(a->f = token_commit (ctx->h, ctx->resume.token))
            || flux_future_then (a->f, -1., stored_continuation, a) < 0)) {
        flux_log_error (ctx->h, "a commit behind those of a lost rank");
        a->stored = true;
    }
    return a->stored;
}

/* The same job, of which only is known what the KVS has. */
static struct job *begin_anew (struct ctx *ctx, struct job *old)
{
    const char *payload;
    flux_error_t error;
    struct job *job;

    if (flux_request_decode (old->request, NULL, &payload) < 0
        || !(job = job_create (payload, strlen (payload), &error)))
        return NULL;
    job->request = (void *)flux_msg_incref (old->request);
    job->ops = old->ops;
    job->arg = old->arg;
    job->counted = old->counted;
    job->waited = old->waited;
    job->start_sent = old->start_sent;
    job->expiration = old->expiration;
    job->away_until = old->away_until;
    job->times = old->times + 1;
    job->exception = old->exception;
    job->killed = old->killed;
    job->signals = old->signals;
    for (int i = 0; i < job->shell_count; i++) /* of the same R */
        job->shells[i].signals = old->shells[i].signals;
    job->critical = old->critical;
    old->critical = NULL;
    if (old->limit.at > 0)
        exec_set_limit (ctx, job, fmax (old->limit.at - clock_monotonic (), 1e-6));
    job->limit.told = old->limit.told;
    return job;
}

static void look_for (struct ctx *ctx, struct job *old)
{
    struct job *job = begin_anew (ctx, old);

    if (!job) {
        resume_lose (ctx, old, "exec", "the job cannot be found again");
        return;
    }
    clear_timers (ctx, old);
    timer_clear (&ctx->timers, &old->expire_timer);
    idmap_remove (ctx->jobs, old->id); /* frees it */
    if (idmap_insert (ctx->jobs, job->id, job) == 0)
        resume_job (ctx, job);
    else {
        flux_log (ctx->h, LOG_CRIT, "out of memory: a job is lost");
        flux_msg_decref (job->request);
        job_destroy (job);
    }
}

void resume_settle (struct ctx *ctx)
{
    size_t pos = 0;
    void *value;

    while (idmap_count (ctx->resume.away) > 0
           && idmap_next (ctx->resume.away, &pos, NULL, &value)) {
        struct away *a = value;
        struct job *job = idmap_lookup (ctx->jobs, a->id);
        if (job && !job->finished && !is_stored (ctx, a, job))
            continue;
        idmap_remove (ctx->resume.away, a->id);
        ctx->resume.lookups--;
        if (job && !job->finished) {
            job->away = false;
            look_for (ctx, job);
        }
        resume_check_over (ctx);
        pos = 0;
    }
}
