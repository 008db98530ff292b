/* Ending a job that has a fatal exception: SIGTERM (SIGALRM at the time limit),
 * then SIGKILL every kill-timeout; after five of these the shells themselves
 * get SIGKILL, with doubling pauses; when all fails, the nodes are drained and
 * the job is given up. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <flux/idset.h>

#include "ctx.h"

#define TASK_KILL_COUNT 5
#define SHELL_KILL_PAUSE_MAX 300.

static void signal_tasks (struct job *job, int signum)
{
    char text[16];
    snprintf (text, sizeof (text), "%d", signum);
    job_send_all (job, 'k', text);
}

static void drain (struct ctx *ctx, struct job *job)
{
    char id[32];
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *s;
    flux_future_t *f;

    flux_job_id_encode (job->id, "f58", id, sizeof (id));
    for (int i = 0; ranks && i < job->shell_count; i++) {
        if (!job->shells[i].exited)
            idset_set (ranks, job->shells[i].rank);
    }
    if (ranks && (s = idset_encode (ranks, IDSET_FLAG_RANGE))) {
        char reason[96];
        snprintf (reason, sizeof (reason), "unkillable user processes for job %s", id);
        f = flux_rpc_pack (ctx->h, "resource.drain", 0, FLUX_RPC_NORESPONSE,
                           "{s:s s:s s:s}", "targets", s, "reason", reason, "mode",
                           "update");
        flux_future_destroy (f);
        flux_log (ctx->h, LOG_ERR, "draining %s: %s", s, reason);
        free (s);
    }
    idset_destroy (ranks);
}

static void give_up (struct ctx *ctx, struct job *job)
{
    drain (ctx, job);
    for (int i = 0; i < job->shell_count; i++)
        job_shell_exited (job, &job->shells[i], SIGKILL);
}

static void escalate (struct timer *t, void *arg)
{
    struct job *job = arg;
    struct ctx *ctx = job_ctx (job);
    double pause = ctx->config.kill_timeout;
    int n = ++job->kill_count;

    if (job->finished)
        return;
    if (job_only_stores (job)) { /* nothing is left to be killed */
        job->kill_count--;
        exec_set_timer (ctx, &job->kill_timer, pause, escalate, job);
        return;
    }
    if (n <= TASK_KILL_COUNT)
        signal_tasks (job, ctx->config.kill_signal);
    else if (n <= TASK_KILL_COUNT + ctx->config.max_kill_count) {
        job_send_all (job, 'K', "");
        pause *= pow (2, n - TASK_KILL_COUNT);
        if (pause > SHELL_KILL_PAUSE_MAX)
            pause = SHELL_KILL_PAUSE_MAX;
    } else {
        give_up (ctx, job);
        return;
    }
    exec_set_timer (ctx, &job->kill_timer, pause, escalate, job);
}

void kill_job (struct ctx *ctx, struct job *job, int signum)
{
    if (job->finished || job->killed)
        return;
    job->killed = true;
    if (job->is_test) {
        testexec_kill (ctx, job, signum);
        return;
    }
    signal_tasks (job, signum);
    exec_set_timer (ctx, &job->kill_timer, ctx->config.kill_timeout, escalate, job);
}
