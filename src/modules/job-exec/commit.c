/* Writing exec.eventlog and output of all jobs to the KVS.
 *
 * Running jobs wait COMMIT_DELAY for more to say: a job that starts and ends
 * meanwhile costs a share of one commit. All jobs that end in one turn share one.
 * Their release is sent behind the commit with their last entries: the KVS applies
 * commits in the order in which they come, so that what job-manager commits next
 * (the clean event) is applied after them, and no core lies idle for a round trip.
 * COMMITS_MAX bounds what is on its way. */
#include "ctx.h"

#include <syslog.h>

#define COMMIT_DELAY 0.005

static void delay_cb (struct timer *t, void *arg)
{
    struct ctx *ctx = arg;
    ctx->commit_due = true;
}

void commit_mark (struct ctx *ctx, struct job *job)
{
    list_append (&ctx->dirty_jobs, &job->dirty_node);
    if (ctx->delay_timer.index == 0 && !ctx->commit_due)
        exec_set_timer (ctx, &ctx->delay_timer, COMMIT_DELAY, delay_cb, ctx);
}

void commit_finished (struct ctx *ctx, struct job *job)
{
    list_append (&ctx->finished_jobs, &job->commit_node);
    ctx->commit_due = true;
}

static int put (flux_kvs_txn_t *txn, struct job *job, const char *name, struct buf *b,
                bool *exists)
{
    char key[128];

    if (b->len == 0)
        return 0;
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    if (flux_job_kvs_guest_key (key, sizeof (key), job->id, name) < 0)
        return -1;
    /* a job that is over has one value, not a chain of blobs */
    int flags = *exists || !job->finished ? FLUX_KVS_APPEND : 0;
    if (flux_kvs_txn_put_raw (txn, flags, key, b->data, b->len) < 0)
        return -1;
    *exists = true;
    if (job->finished)
        buf_fini (b);
    else
        buf_reset (b);
    return 0;
}

static void add_job (struct ctx *ctx, flux_kvs_txn_t *txn, struct job *job)
{
    list_remove (&job->dirty_node);
    job->dirty = false;
    if (put (txn, job, "exec.eventlog", &job->eventlog, &job->eventlog_exists) < 0
        || put (txn, job, "output", &job->output, &job->output_exists) < 0)
        flux_log_error (ctx->h, "job %llu: output is lost",
                        (unsigned long long)job->id);
    if (job->finished) {
        list_remove (&job->commit_node);
        list_append (&ctx->committing, &job->commit_node);
    }
}

static void release_committed (struct ctx *ctx)
{
    struct list *node;
    while ((node = list_pop (&ctx->committing)))
        exec_release (ctx, container_of (node, struct job, commit_node));
}

static void commit_continuation (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log (ctx->h, LOG_ERR, "kvs commit of job output failed: %s",
                  flux_future_error_string (f));
    for (int i = 0; i < ctx->commits_on_way; i++)
        if (ctx->commits[i] == f) {
            ctx->commits[i] = ctx->commits[--ctx->commits_on_way];
            break;
        }
    flux_future_destroy (f);
}

void commit_flush (struct ctx *ctx)
{
    flux_kvs_txn_t *txn;
    flux_future_t *f;

    if (ctx->commits_on_way == COMMITS_MAX || !ctx->commit_due
        || list_empty (&ctx->dirty_jobs))
        return;
    if (!(txn = flux_kvs_txn_create ())) {
        flux_log_error (ctx->h, "kvs transaction");
        return;
    }
    while (!list_empty (&ctx->dirty_jobs))
        add_job (ctx, txn, container_of (ctx->dirty_jobs.next, struct job, dirty_node));
    timer_clear (&ctx->timers, &ctx->delay_timer);
    ctx->commit_due = false;
    ctx->commit_count++;
    if (!(f = flux_kvs_commit (ctx->h, NULL, 0, txn))
        || flux_future_then (f, -1., commit_continuation, ctx) < 0) {
        flux_log_error (ctx->h, "kvs commit of job output");
        flux_future_destroy (f);
    } else
        ctx->commits[ctx->commits_on_way++] = f;
    release_committed (ctx);
    flux_kvs_txn_destroy (txn);
}
