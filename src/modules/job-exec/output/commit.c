/* Writing exec.eventlog and output of all jobs to the KVS.
 *
 * Running jobs wait COMMIT_DELAY for more to say: a job that starts and ends
 * meanwhile costs a share of one commit. All jobs that end while one is on its way
 * share the next; much output does not wait for that.
 * Commits are ordered (ordered.h). When one is answered, shells get credit for the
 * output that it held, and the jobs that ended with it are released.
 *
 * Failures: a store that fails holds the commits in their places; COMMITS_MAX bounds
 * them, the shells' windows what piles up behind, and the jobs run on until their
 * pipes are full. A commit that is refused nevertheless: its jobs get an exception. */
#include "modules/job-exec/ctx.h"
#include "modules/job-exec/reattach/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define COMMIT_DELAY 0.005
/* Of one commit; what is left goes into the next. */
#define COMMIT_BYTES_MAX (4 * 1024 * 1024)

/* Output of one shell in a commit; of a job without output the shell is -1. */
struct part {
    uint64_t id;
    int shell;
    size_t cost;
};

struct commit {
    struct ordered_commit ordered;
    struct ctx *ctx;
    struct list finished;      /* jobs whose last data it carries */
    const flux_msg_t *request; /* of what a job has said of itself, or NULL */
    struct part *parts;
    int part_count;
    int part_cap;
    size_t bytes;
};

static void commit_destroy (struct commit *c)
{
    if (!c)
        return;
    while (!list_empty (&c->finished))
        list_remove (c->finished.next);
    ordered_fini (&c->ordered);
    flux_msg_decref (c->request);
    free (c->parts);
    free (c);
}

void commits_destroy (struct ctx *ctx)
{
    struct ordered_commit *oc;

    while ((oc = ordered_first (&ctx->ordered)))
        commit_destroy (container_of (oc, struct commit, ordered));
}

static void delay_cb (struct timer *t, void *arg)
{
    struct ctx *ctx = arg;
    ctx->commit_due = true;
}

void commit_mark (struct ctx *ctx, struct job *job)
{
    if (list_empty (&job->dirty_node))
        list_append (&ctx->dirty_jobs, &job->dirty_node);
    if (job->urgent)
        ctx->commit_due = ctx->commit_much = true;
    else if (ctx->delay_timer.index == 0 && !ctx->commit_due)
        exec_set_timer (ctx, &ctx->delay_timer, COMMIT_DELAY, delay_cb, ctx);
}

void commit_finished (struct ctx *ctx, struct job *job)
{
    ctx->commit_due = true;
}

static int put (struct commit *c, flux_kvs_txn_t *txn, struct job *job,
                const char *name, struct buf *b, bool *exists)
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
    c->bytes += b->len;
    if (job->finished)
        buf_fini (b);
    else
        buf_reset (b);
    return 0;
}

static int add_part (struct commit *c, uint64_t id, int shell, size_t cost)
{
    if (c->part_count == c->part_cap) {
        int cap = c->part_cap ? c->part_cap * 2 : 16;
        struct part *parts = realloc (c->parts, cap * sizeof (*parts));
        if (!parts) {
            errno = ENOMEM;
            return -1;
        }
        c->parts = parts;
        c->part_cap = cap;
    }
    c->parts[c->part_count++] = (struct part){ id, shell, cost };
    return 0;
}

static int put_kept (struct commit *c, flux_kvs_txn_t *txn, struct job *job,
                     struct shell_ref *s)
{
    s->kept += s->uncommitted;
    if (!c->ctx->resume.token)
        return 0;
    job->kept_exists = true;
    return kept_put (txn, job->id, s->rank, s->kept);
}

/* What its shells have sent since the last commit. What came before the header waits for
 * it, and so is not yet part of one. */
static int add_parts (struct commit *c, flux_kvs_txn_t *txn, struct job *job)
{
    int count = c->part_count;

    for (int i = 0; i < job->shell_count && !job->finished && job->header_seen; i++) {
        struct shell_ref *s = &job->shells[i];
        if (s->uncommitted > 0
            && (add_part (c, job->id, i, s->uncommitted) < 0
                || put_kept (c, txn, job, s) < 0))
            return -1;
        s->uncommitted = 0;
    }
    if (job->finished && job->kept_exists && c->ctx->resume.token
        && kept_unlink (txn, job->id) < 0)
        return -1;
    return c->part_count > count || job->finished ? 0 : add_part (c, job->id, -1, 0);
}

static void not_stored (struct job *job, const char *why)
{
    char note[256];

    snprintf (note, sizeof (note), "output cannot be stored: %s", why);
    job_raise (job, 0, "exec", note);
}

static void add_job (struct ctx *ctx, struct commit *c, flux_kvs_txn_t *txn,
                     struct job *job)
{
    list_remove (&job->dirty_node);
    job->dirty = job->urgent = false;
    if (put (c, txn, job, "exec.eventlog", &job->eventlog, &job->eventlog_exists) < 0
        || put (c, txn, job, "output", &job->output, &job->output_exists) < 0
        || add_parts (c, txn, job) < 0)
        not_stored (job, strerror (errno));
    if (job->finished)
        list_append (&c->finished, &job->commit_node);
}

static void output_done (struct commit *c, const char *error)
{
    for (int i = 0; i < c->part_count; i++) {
        struct part *p = &c->parts[i];
        struct job *job = idmap_lookup (c->ctx->jobs, p->id);
        if (!job)
            continue;
        if (error)
            not_stored (job, error);
        if (p->shell >= 0 && !job->finished)
            job_output_done (job, &job->shells[p->shell], p->cost);
    }
}

static void commit_done (struct ordered_commit *oc, const char *error)
{
    struct commit *c = container_of (oc, struct commit, ordered);
    struct ctx *ctx = c->ctx;
    struct list *node;

    output_done (c, error);
    while ((node = list_pop (&c->finished))) {
        struct job *job = container_of (node, struct job, commit_node);
        if (error)
            not_stored (job, error);
        exec_release (ctx, job);
    }
    commit_destroy (c);
}

static void send_again (struct timer *t, void *arg)
{
    struct ctx *ctx = arg;
    ordered_again (&ctx->ordered);
}

static void send_later (struct ordered *o)
{
    struct ctx *ctx = container_of (o, struct ctx, ordered);
    exec_set_timer (ctx, &ctx->again_timer, ORDERED_AGAIN, send_again, ctx);
}

void commits_init (struct ctx *ctx)
{
    ordered_init (&ctx->ordered, ctx->h, send_later);
}

static struct commit *commit_create (struct ctx *ctx)
{
    struct commit *c = calloc (1, sizeof (*c));

    if (c) {
        c->ctx = ctx;
        list_init (&c->ordered.node);
        list_init (&c->finished);
    }
    return c;
}

static void said_done (struct ordered_commit *oc, const char *error)
{
    struct commit *c = container_of (oc, struct commit, ordered);
    flux_t *h = c->ctx->h;

    if (error)
        flux_respond_error (h, c->request, EIO, error);
    else
        flux_respond (h, c->request, NULL);
    commit_destroy (c);
}

int commit_critical (struct ctx *ctx, struct job *job, const char *shells,
                     const flux_msg_t *request)
{
    struct commit *c;
    flux_kvs_txn_t *txn;

    if (ctx->ordered.on_way >= 2 * COMMITS_MAX) {
        errno = EAGAIN;
        return -1;
    }
    c = commit_create (ctx);
    txn = c ? flux_kvs_txn_create () : NULL;
    if (!txn || kept_put_critical (txn, job->id, shells) < 0) {
        flux_kvs_txn_destroy (txn);
        commit_destroy (c);
        return -1;
    }
    c->request = flux_msg_incref (request);
    job->kept_exists = true;
    ordered_send (&ctx->ordered, &c->ordered, txn, said_done);
    return 0;
}

static void start_commit (struct ctx *ctx)
{
    struct commit *c = commit_create (ctx);
    flux_kvs_txn_t *txn = c ? flux_kvs_txn_create () : NULL;

    if (!txn) { /* the jobs stay where they are: later */
        flux_log_error (ctx->h, "kvs transaction");
        commit_destroy (c);
        return;
    }
    while (!list_empty (&ctx->dirty_jobs) && c->bytes < COMMIT_BYTES_MAX)
        add_job (ctx, c, txn,
                 container_of (ctx->dirty_jobs.next, struct job, dirty_node));
    ctx->commit_count++;
    ordered_send (&ctx->ordered, &c->ordered, txn, commit_done);
}

void commit_flush (struct ctx *ctx)
{
    while (ctx->commit_due && ctx->ordered.again == 0
           && ctx->ordered.on_way < (ctx->commit_much ? COMMITS_MAX : 1)
           && !list_empty (&ctx->dirty_jobs)) {
        start_commit (ctx);
        if (list_empty (&ctx->dirty_jobs)) {
            timer_clear (&ctx->timers, &ctx->delay_timer);
            ctx->commit_due = ctx->commit_much = false;
        }
    }
}
