/* Simulated jobs: no process, one timer. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctx.h"

static void end (struct timer *t, void *arg)
{
    struct job *job = arg;
    job_finish (job, job->test.wait_status);
}

void testexec_start (struct ctx *ctx, struct job *job)
{
    const char *mock = job->test.mock_exception;

    job->start_sent = true;
    if (!strcmp (mock, "init")) {
        job_raise (job, 0, "exec", "mock init exception generated");
        job_finish (job, 1 << 8);
        return;
    }
    exec_respond (ctx, job, "start", "{}");
    if (!strcmp (mock, "run")) {
        job_raise (job, 0, "exec", "mock run exception generated");
        job_finish (job, 1 << 8);
        return;
    }
    exec_set_timer (ctx, &job->run_timer, job->test.duration, end, job);
}

void testexec_kill (struct ctx *ctx, struct job *job, int signum)
{
    timer_clear (&ctx->timers, &job->run_timer);
    job_finish (job, signum & 0x7f);
}
