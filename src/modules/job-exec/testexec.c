/* Simulated jobs: no process, one timer. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctx.h"

static void end (struct timer *t, void *arg)
{
    struct job *job = arg;
    job_finish (job, job->test.wait_status);
}

/* True: that was its end. */
static bool mock (struct ctx *ctx, struct job *job, bool init)
{
    if (strcmp (job->test.mock_exception, init ? "init" : "run") != 0)
        return false;
    job_raise (job, 0, "exec",
               init ? "mock init exception generated" : "mock run exception generated");
    job_finish (job, 1 << 8);
    return true;
}

/* False: it has ended already. */
static bool begin (struct ctx *ctx, struct job *job)
{
    bool known = job->start_sent;

    job->start_sent = true;
    if (!known && mock (ctx, job, true))
        return false;
    if (!known)
        exec_respond (ctx, job, "start", "{}");
    return !mock (ctx, job, false);
}

void testexec_start (struct ctx *ctx, struct job *job)
{
    if (begin (ctx, job))
        exec_set_timer (ctx, &job->run_timer, job->test.duration, end, job);
}

/* It may have ended while nobody was there, by itself or, earlier, at its limit. */
void testexec_resume (struct ctx *ctx, struct job *job, double since)
{
    double now = clock_wall (), left = job_test_left (job, since, now);
    double due = since + job->test.duration;

    if (!begin (ctx, job))
        return;
    if (left <= 0 && (job->expiration <= 0 || due <= job->expiration)) {
        job_finish (job, job->test.wait_status);
        return;
    }
    exec_set_limit (ctx, job, job_time_rest (job, now));
    if (left > 0)
        exec_set_timer (ctx, &job->run_timer, left, end, job);
}

void testexec_kill (struct ctx *ctx, struct job *job, int signum)
{
    timer_clear (&ctx->timers, &job->run_timer);
    job_finish (job, signum & 0x7f);
}
