/* Ending a job that has a fatal exception: term-signal (SIGALRM at the time limit),
 * then kill-signal every kill-timeout; after five of these the shells themselves
 * get it, with doubling pauses; when all fails, the nodes are drained and the job is given
 * up: after max-kill-timeout, or else when the shells have got max-kill-count signals.
 *
 * And one that does not begin: of its shells some wait for others longer than
 * barrier-timeout, whose nodes are drained. */
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

static void send_signal (struct job *job, char type, int signum)
{
    char text[16];
    snprintf (text, sizeof (text), "%d", signum);
    job_send_all (job, type, text);
}

/* Of those shells; the caller frees it. NULL: out of memory. */
static char *ranks_of (const struct job *job, bool (*is) (const struct shell_ref *s))
{
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *s = NULL;

    for (int i = 0; ranks && i < job->shell_count; i++) {
        if (is (&job->shells[i]))
            idset_set (ranks, job->shells[i].rank);
    }
    if (ranks)
        s = idset_encode (ranks, IDSET_FLAG_RANGE);
    idset_destroy (ranks);
    return s;
}

static void drain (struct ctx *ctx, const struct job *job, const char *ranks,
                   const char *why)
{
    char id[32], reason[96];
    flux_future_t *f;

    flux_job_id_encode (job->id, "f58", id, sizeof (id));
    snprintf (reason, sizeof (reason), "%s for job %s", why, id);
    f = flux_rpc_pack (ctx->h, "resource.drain", 0, FLUX_RPC_NORESPONSE,
                       "{s:s s:s s:s}", "targets", ranks, "reason", reason, "mode",
                       "update");
    flux_future_destroy (f);
    flux_log (ctx->h, LOG_ERR, "draining %s: %s", ranks, reason);
}

static bool is_running (const struct shell_ref *s)
{
    return !s->exited;
}

static void give_up (struct ctx *ctx, struct job *job)
{
    char *ranks = ranks_of (job, is_running);

    if (ranks)
        drain (ctx, job, ranks, "unkillable user processes");
    free (ranks);
    for (int i = 0; i < job->shell_count; i++)
        job_shell_exited (job, &job->shells[i], SIGKILL);
}

static bool is_enough (const struct job *job, const struct config *c)
{
    if (c->max_kill_timeout > 0)
        return job->kill_elapsed >= c->max_kill_timeout - 1e-6;
    return job->kill_count > TASK_KILL_COUNT + c->max_kill_count;
}

static void escalate (struct timer *t, void *arg);

static void go_on_after (struct ctx *ctx, struct job *job, double pause)
{
    if (ctx->config.max_kill_timeout > 0)
        pause = fmin (pause, ctx->config.max_kill_timeout - job->kill_elapsed);
    job->kill_elapsed += pause;
    exec_set_timer (ctx, &job->kill_timer, pause, escalate, job);
}

static void escalate (struct timer *t, void *arg)
{
    struct job *job = arg;
    struct ctx *ctx = job_ctx (job);
    const struct config *c = &ctx->config;
    int n;

    if (job->finished)
        return;
    if (job_only_stores (job)) { /* nothing is left to be killed */
        exec_set_timer (ctx, &job->kill_timer, c->kill_timeout, escalate, job);
        return;
    }
    n = ++job->kill_count - TASK_KILL_COUNT;
    if (is_enough (job, c)) {
        give_up (ctx, job);
        return;
    }
    send_signal (job, n > 0 ? 'K' : 'k', c->kill_signal);
    go_on_after (ctx, job,
                 n > 0 ? fmin (c->kill_timeout * pow (2, n), SHELL_KILL_PAUSE_MAX)
                       : c->kill_timeout);
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
    send_signal (job, 'k', signum);
    go_on_after (ctx, job, ctx->config.kill_timeout);
}

static bool is_missing (const struct shell_ref *s)
{
    return !s->arrived && !s->exited;
}

static void barrier_over (struct timer *t, void *arg)
{
    struct job *job = arg;
    struct ctx *ctx = job_ctx (job);
    char note[256], *ranks;

    if (job->finished || job->exception)
        return;
    ranks = ranks_of (job, is_missing);
    if (ranks && *ranks)
        drain (ctx, job, ranks, "start barrier timeout");
    snprintf (note, sizeof (note),
              "start barrier timeout waiting for %d/%d nodes (ranks %.100s)",
              job->shell_count - job->arrived_count, job->shell_count,
              ranks ? ranks : "?");
    free (ranks);
    job_raise (job, 0, "exec", note);
    kill_job (ctx, job, ctx->config.term_signal);
}

void barrier_begin (struct ctx *ctx, struct job *job)
{
    if (ctx->config.barrier_timeout > 0)
        exec_set_timer (ctx, &job->barrier_timer, ctx->config.barrier_timeout,
                        barrier_over, job);
}
