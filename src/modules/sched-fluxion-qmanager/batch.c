/* Each queue asks for its next jobs in one request, and takes the answers one by one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ask.h"
#include "ctx.h"

static void grant (struct lane *lane, struct job *job, const char *R)
{
    struct ctx *ctx = lane->ctx;
    const char *selection = queue_selection (&lane->q, &job->q);
    struct running *run = running_add (ctx, job->q.id, NULL, job->endless);
    int rc;

    if (!run) {
        job_deny (ctx, job->msg, "scheduler is out of memory");
        job_give_back (ctx, job->q.id);
        return;
    }
    run->lane = lane;
    if (job->t_estimate)
        rc = schedutil_alloc_respond_success_pack (
            ctx->util, job->msg, R, "{s:{s:n s:s}}", "sched", "t_estimate",
            "selection_type", selection);
    else
        rc = schedutil_alloc_respond_success_pack (
            ctx->util, job->msg, R, "{s:{s:s}}", "sched", "selection_type", selection);
    if (rc < 0) {
        flux_log_error (ctx->h, "sched.alloc: cannot answer");
        idmap_remove (ctx->running, job->q.id);
        job_give_back (ctx, job->q.id);
    }
}

static void annotate (struct lane *lane, struct job *job, int64_t at)
{
    struct ctx *ctx = lane->ctx;
    int rc;

    list_remove (&job->dropped);
    if (job->t_estimate == at)
        return;
    job->t_estimate = at;
    if (at)
        rc = schedutil_alloc_respond_annotate_pack (
            ctx->util, job->msg, "{s:{s:I s:s}}", "sched", "t_estimate", (json_int_t)at,
            "selection_type", "reserved");
    else
        rc = schedutil_alloc_respond_annotate_pack (ctx->util, job->msg,
                                                    "{s:{s:n s:n}}", "sched",
                                                    "t_estimate", "selection_type");
    if (rc < 0)
        flux_log_error (ctx->h, "sched.alloc: cannot annotate");
}

/* A job that was cancelled while it was asked for. */
static void forget_gone (struct lane *lane, struct job *job, bool has_some)
{
    if (has_some) {
        job_give_back (lane->ctx, job->q.id);
        lanes_freed (lane->ctx, job->endless);
    }
    job_destroy (lane->ctx, job);
}

static void conclude (struct lane *lane, enum queue_outcome outcome, int64_t at,
                      const char *text, bool tried)
{
    struct ctx *ctx = lane->ctx;
    struct qjob *qjob = queue_result (&lane->q, outcome, at, tried);
    struct job *job = qjob ? container_of (qjob, struct job, q) : NULL;

    if (!job)
        return;
    if (qjob->gone)
        forget_gone (lane, job,
                     outcome == OUTCOME_ALLOCATED || outcome == OUTCOME_RESERVED);
    else if (outcome == OUTCOME_RESERVED)
        annotate (lane, job, at);
    else if (outcome == OUTCOME_ALLOCATED) {
        grant (lane, job, text);
        job_forget (ctx, job);
    } else if (outcome == OUTCOME_DENIED) {
        job_deny (ctx, job->msg, text);
        job_forget (ctx, job);
    }
}

static void conclude_failure (struct lane *lane, int errnum, const char *text,
                              bool tried)
{
    char note[200];

    if (errnum == EBUSY) {
        conclude (lane, OUTCOME_BUSY, 0, NULL, tried);
        return;
    }
    if (errnum == ENODEV)
        snprintf (note, sizeof (note), "alloc denied due to type=\"unsatisfiable\"");
    else
        snprintf (note, sizeof (note),
                  "alloc denied due to type=\"match error\": %.120s", text);
    conclude (lane, OUTCOME_DENIED, 0, note, tried);
}

static bool is (struct span status, const char *name)
{
    return status.len == strlen (name) && !memcmp (status.s, name, status.len);
}

static int take_answer (struct lane *lane, flux_future_t *f)
{
    struct buf *scratch = &lane->ctx->scratch;
    struct match_answer a;
    const char *text;
    struct span string;

    if (flux_rpc_get (f, &text) < 0)
        return -1;
    if (!text || match_answer_parse (&a, (struct span){ text, strlen (text) }) < 0) {
        errno = EPROTO;
        return -1;
    }
    string = is (a.status, "ALLOCATED") ? a.R : a.text;
    buf_reset (scratch);
    if ((string.len > 0 && json_span_unquote (string, scratch) < 0)
        || buf_adds (scratch, "") < 0)
        return -1;
    if (is (a.status, "ALLOCATED"))
        conclude (lane, OUTCOME_ALLOCATED, a.at, scratch->data, a.tried);
    else if (is (a.status, "RESERVED"))
        conclude (lane, OUTCOME_RESERVED, a.at, NULL, a.tried);
    else
        conclude_failure (lane, a.errnum, scratch->data, a.tried);
    return 0;
}

static void batch_cb (flux_future_t *f, void *arg)
{
    struct lane *lane = arg;
    struct qjob *gone;

    if (take_answer (lane, f) == 0) {
        flux_future_reset (f);
        return;
    }
    if (errno == EBUSY)
        conclude (lane, OUTCOME_BUSY, 0, NULL, false);
    else if (errno != ENODATA)
        flux_log (lane->ctx->h, LOG_ERR, "match: %s", flux_future_error_string (f));
    flux_future_destroy (f);
    lane->f = NULL;
    while ((gone = queue_batch_end (&lane->q)))
        forget_gone (lane, container_of (gone, struct job, q), false);
    lanes_wake (lane->ctx);
}

struct unreserved {
    struct lane *lane;
    json_t *ids;
};

static void unreserve (struct qjob *qjob, void *arg)
{
    struct unreserved *u = arg;
    struct job *job = container_of (qjob, struct job, q);

    json_array_append_new (u->ids, json_integer ((json_int_t)qjob->id));
    if (job->endless)
        lanes_unblock (job->lane->ctx);
    list_remove (&job->dropped);
    list_append (&u->lane->dropped, &job->dropped);
}

/* {jobid, jobspec} of each, without jobspec if it is that of the one before; new. */
static json_t *encode_batch (const struct batch *b)
{
    const struct shape *last = NULL;
    json_t *jobs = json_array ();

    for (unsigned int i = 0; jobs && i < b->count; i++) {
        const struct qjob *job = b->job[i];
        const char *text = job->shape == last ? NULL : job->shape->text;
        json_array_append_new (jobs, json_pack ("{s:I s:s*}", "jobid",
                                                (json_int_t)job->id, "jobspec", text));
        last = job->shape;
    }
    return jobs;
}

static int send_batch (struct lane *lane, json_t *ids)
{
    struct ctx *ctx = lane->ctx;
    struct batch *b = &lane->batch;
    json_t *jobs = encode_batch (b);

    if (!jobs || json_array_size (jobs) < b->count) {
        json_decref (jobs);
        errno = ENOMEM;
        flux_log_error (ctx->h, "match");
        return -1;
    }
    lane->f = flux_rpc_pack (
        ctx->h, "sched-fluxion-resource.match_multi", FLUX_NODEID_ANY,
        FLUX_RPC_STREAMING, "{s:s s:o s:O s:O s:i s:b}", "cmd",
        b->stop ? "allocate_with_satisfiability" : "allocate_orelse_reserve", "jobs",
        jobs, "free", ctx->given_back, "unreserve", ids, "reservations",
        (int)b->reservations, "stop", b->stop);
    if (lane->f && flux_future_then (lane->f, -1., batch_cb, lane) == 0) {
        json_array_clear (ctx->given_back);
        return 0;
    }
    flux_log_error (ctx->h, "match");
    return -1;
}

/* The round is over: who has lost a reservation and has no other is told. */
static void settle (struct lane *lane)
{
    struct list *node;

    while ((node = list_pop (&lane->dropped)))
        annotate (lane, container_of (node, struct job, dropped), 0);
}

static void step (struct lane *lane)
{
    struct unreserved u = { lane, json_array () };

    if (u.ids && queue_next (&lane->q, &lane->batch, unreserve, &u)) {
        if (send_batch (lane, u.ids) < 0)
            flux_reactor_stop_error (flux_get_reactor (lane->ctx->h));
    } else {
        json_t *o;
        size_t i;
        /* There are none to be asked for: nobody else takes these back. */
        json_array_foreach (u.ids, i, o)
            job_give_back (lane->ctx, json_integer_value (o));
        settle (lane);
    }
    json_decref (u.ids);
}

void give_back (struct ctx *ctx)
{
    if (json_array_size (ctx->given_back) == 0)
        return;
    flux_future_destroy (flux_rpc_pack (ctx->h, "sched-fluxion-resource.cancel",
                                        FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE, "{s:O}",
                                        "jobids", ctx->given_back));
    json_array_clear (ctx->given_back);
}

void lanes_schedule (void *arg)
{
    struct ctx *ctx = arg;

    for (size_t i = 0; ctx->ready && i < ctx->nlanes; i++)
        if (!ctx->lane[i].f)
            step (&ctx->lane[i]);
    /* Nothing was asked for that would have taken them along. */
    give_back (ctx);
}
