/* The time of jobs runs out. */
#include <signal.h>

#include "base/clock.h"
#include "modules/job-exec/ctx.h"

/* s that shells have for an answer, when it is their turn. One that is stopped, or says
 * nothing, is over its limit. */
#define PATIENCE 2.

static void expire_cb (struct timer *t, void *arg);

static void set (struct ctx *ctx, struct job *job, double left, bool told)
{
    timer_clear (&ctx->timers, &job->expire_timer);
    limit_set (job, left > 0 ? clock_monotonic () + left : 0., told);
    if (left > 0)
        exec_set_timer (ctx, &job->expire_timer, left, expire_cb, job);
}

void exec_set_limit (struct ctx *ctx, struct job *job, double left)
{
    set (ctx, job, left, true);
}

void expire_begin_anew (struct ctx *ctx, struct job *job, double left)
{
    set (ctx, job, left, false);
}

/* Others were started before it: a job has its time once it could use it. What does not
 * start at all ends all the same. */
static bool begins_anew (struct ctx *ctx, struct job *job)
{
    double left = job_time_at_start (job, 1e-6, ctx->config.max_start_delay);

    if (job->start_sent || job->waited || left <= 1e-6)
        return false;
    job->waited = true;
    expire_begin_anew (ctx, job, left);
    return true;
}

static void end (struct ctx *ctx, struct job *job)
{
    timer_clear (&ctx->timers, &job->expire_timer);
    job_raise (job, 0, "timeout", "resource allocation expired");
    kill_job (ctx, job, SIGALRM);
}

static void ask (struct ctx *ctx, struct job *job);

/* Who has ended may still have much to say. Another user's server says what it likes, and
 * is believed only so long. */
static void answers_due (struct timer *t, void *arg)
{
    struct job *job = arg;
    struct ctx *ctx = job_ctx (job);
    enum limit_verdict verdict = limit_verdict (job);

    if (verdict == LIMIT_IN_TIME && !job->guest)
        ask (ctx, job);
    else if (verdict == LIMIT_UNKNOWN && nodes_move (ctx, job))
        exec_set_timer (ctx, &job->expire_timer, PATIENCE, answers_due, job);
    else
        end (ctx, job);
}

static void ask (struct ctx *ctx, struct job *job)
{
    exec_set_timer (ctx, &job->expire_timer, PATIENCE, answers_due, job);
    limit_ask (job);
}

static void expire_cb (struct timer *t, void *arg)
{
    struct job *job = arg;
    struct ctx *ctx = job_ctx (job);

    if (begins_anew (ctx, job))
        return;
    if (job->is_test || job->exception)
        end (ctx, job);
    else
        ask (ctx, job);
}

void expire_answer_op (struct job *job, void *arg)
{
    if (limit_verdict (job) == LIMIT_OVER)
        end (arg, job);
}

void expire_passed_op (struct job *job, const char *text, void *arg)
{
    if (limit_passed (job, text, clock_monotonic ()))
        end (arg, job);
}
