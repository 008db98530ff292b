/* Requests about jobs.
 *
 * Between two matches of a match_multi the reactor has its turn, so that a long one
 * keeps nobody waiting. Its jobs are matched in order; the first that gets nothing ends
 * it, with the errno of its failure and the text "jobid=N ...". One without a jobspec
 * asks for the same as the one before. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/jsonout.h"
#include "ctx.h"

static void count (struct match_stats *st, uint64_t id, double seconds)
{
    double delta = seconds - st->mean;

    if (st->njobs_reset == 0 || seconds < st->min)
        st->min = seconds;
    if (st->njobs_reset == 0 || seconds > st->max) {
        st->max = seconds;
        st->max_jobid = id;
    }
    st->njobs++;
    st->njobs_reset++;
    st->mean += delta / (double)st->njobs_reset;
    st->m2 += delta * (seconds - st->mean);
}

static bool keeps (match_op_t op)
{
    return op == MATCH_ALLOCATE || op == MATCH_ALLOCATE_W_SATISFIABILITY
           || op == MATCH_ALLOCATE_ORELSE_RESERVE;
}

struct answer {
    char *R;
    const char *status;
    int64_t at;
    double overhead;
};

static int match (struct ctx *ctx, match_op_t op, uint64_t id, const char *jobspec,
                  struct answer *a, flux_error_t *error)
{
    struct scheduler *s = site_scheduler (ctx->site);
    const struct request *req = site_request (ctx->site, jobspec, error);
    double t0 = clock_monotonic (), now = clock_wall ();
    struct match_result res = { 0 };

    if (!req)
        return -1;
    if (scheduler_match (s, op, req, id, (int64_t)now, &res, error) < 0) {
        int saved = errno;
        count (&ctx->failed, id, clock_monotonic () - t0);
        errno = saved;
        return -1;
    }
    a->R = op == MATCH_SATISFIABILITY
               ? strdup ("")
               : site_result (ctx->site, ctx->format, &res, req, now);
    if (!a->R) {
        if (keeps (op))
            scheduler_cancel (s, id);
        snprintf (error->text, sizeof (error->text), "out of memory");
        errno = ENOMEM;
        return -1;
    }
    a->at = op == MATCH_SATISFIABILITY ? 0 : res.at;
    a->status = !keeps (op) ? "MATCHED" : res.reserved ? "RESERVED" : "ALLOCATED";
    a->overhead = clock_monotonic () - t0;
    if (keeps (op)) {
        scheduler_job (s, id)->overhead = a->overhead;
        if (!res.reserved)
            status_changed (ctx, STATUS_ALLOCATED);
    }
    count (&ctx->ok, id, a->overhead);
    return 0;
}

static int respond (struct ctx *ctx, const flux_msg_t *msg, uint64_t id,
                    const struct answer *a)
{
    struct buf *b = &ctx->scratch;

    buf_reset (b);
    buf_adds (b, "{\"jobid\":");
    json_add_int (b, (int64_t)id);
    buf_adds (b, ",\"status\":");
    json_add_text (b, a->status);
    buf_adds (b, ",\"overhead\":");
    json_add_real (b, a->overhead);
    buf_adds (b, ",\"R\":");
    json_add_text (b, a->R);
    buf_adds (b, ",\"at\":");
    json_add_int (b, a->at);
    buf_addc (b, '}');
    if (b->err) {
        errno = ENOMEM;
        return -1;
    }
    return flux_respond (ctx->h, msg, b->data);
}

void match_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    const char *cmd, *jobspec;
    struct answer a = { 0 };
    flux_error_t error;
    json_int_t id;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s s:I s:s}", "cmd", &cmd, "jobid", &id,
                             "jobspec", &jobspec)
        < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (match_op_from_string (cmd) == MATCH_UNKNOWN)
        flux_respond_error (h, msg, EINVAL, "unknown match command");
    else if (match (ctx, match_op_from_string (cmd), id, jobspec, &a, &error) < 0)
        flux_respond_error (h, msg, errno, error.text);
    else
        (void)respond (ctx, msg, id, &a);
    free (a.R);
}

/* Jobs of a queue manager: a new one takes them over, or forgets them. */
static void place (struct ctx *ctx, uint64_t id)
{
    if (idmap_insert (ctx->placed, id, ctx) < 0)
        flux_log (ctx->h, LOG_ERR, "job %ju: out of memory", (uintmax_t)id);
}

void hello_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    size_t pos = 0;
    uint64_t id;

    if (!ctx_ready (ctx, msg))
        return;
    while (idmap_next (ctx->placed, &pos, &id, NULL))
        (void)scheduler_cancel (site_scheduler (ctx->site), id);
    idmap_destroy (ctx->placed);
    ctx->placed = idmap_create (NULL);
    status_changed (ctx, STATUS_ALLOCATED);
    if (ctx->placed)
        flux_respond (h, msg, NULL);
    else
        flux_respond_error (h, msg, ENOMEM, NULL);
}

static int cancel_one (struct ctx *ctx, uint64_t id)
{
    idmap_remove (ctx->placed, id);
    if (scheduler_cancel (site_scheduler (ctx->site), id) < 0) {
        errno = ENOENT;
        return -1;
    }
    status_changed (ctx, STATUS_ALLOCATED);
    return 0;
}

/* An array of ids, or NULL. */
static bool are_ids (json_t *ids)
{
    json_t *o;
    size_t i;

    json_array_foreach (ids, i, o)
        if (!json_is_integer (o))
            return false;
    return !ids || json_is_array (ids);
}

/* All that are there. -1: one was not; EPROTO: nothing is done. */
static int cancel_all (struct ctx *ctx, json_t *ids)
{
    json_t *o;
    size_t i;
    int rc = 0;

    if (!are_ids (ids)) {
        errno = EPROTO;
        return -1;
    }
    json_array_foreach (ids, i, o)
        if (cancel_one (ctx, json_integer_value (o)) < 0)
            rc = -1;
    return rc;
}

/* Reservations that a new round makes anew. */
static void unreserve (struct ctx *ctx, json_t *ids)
{
    struct scheduler *s = site_scheduler (ctx->site);
    json_t *o;
    size_t i;

    json_array_foreach (ids, i, o) {
        struct job *job = scheduler_job (s, json_integer_value (o));
        if (job && job->state == JOB_RESERVED)
            scheduler_cancel (s, job->id);
    }
}

/* For a queue manager, which says how many reservations there may be: a failure is an
 * answer like others. tried: a reservation was, too. */
static bool respond_failure (struct ctx *ctx, const flux_msg_t *msg, uint64_t id,
                             int errnum, const char *text, bool tried)
{
    return flux_respond_pack (ctx->h, msg, "{s:I s:s s:i s:s s:b}", "jobid",
                              (json_int_t)id, "status", "FAILED", "errnum", errnum,
                              "text", text, "tried", tried)
           == 0;
}

/* What is asked for next in the place of what the batch says. */
static match_op_t batch_op (const struct batch *b)
{
    bool full = b->reservations >= 0 && b->reserved >= b->reservations;

    return b->op == MATCH_ALLOCATE_ORELSE_RESERVE && full ? MATCH_ALLOCATE : b->op;
}

static int malformed (flux_error_t *error)
{
    snprintf (error->text, sizeof (error->text), "malformed request");
    return EPROTO;
}

static bool batch_begin (struct ctx *ctx, const flux_msg_t *msg)
{
    struct batch *b = &ctx->batch;
    json_t *gone = NULL;
    int stop = 1;
    const char *cmd;

    *b = (struct batch){ .reservations = -1 };
    if (flux_request_unpack (msg, NULL, "{s:s s:o s?o s?i s?b}", "cmd", &cmd, "jobs",
                             &b->jobs, "unreserve", &gone, "reservations",
                             &b->reservations, "stop", &stop)
            < 0
        || !are_ids (gone))
        return false;
    b->op = match_op_from_string (cmd);
    b->stop = stop;
    b->begun = true;
    unreserve (ctx, gone);
    return true;
}

/* An allocation that nobody hears of would be lost. */
static bool batch_grant (struct ctx *ctx, const flux_msg_t *msg, uint64_t id,
                         struct answer *a, int *errnum)
{
    bool sent = respond (ctx, msg, id, a) == 0;

    if (sent)
        place (ctx, id);
    else {
        *errnum = errno;
        scheduler_cancel (site_scheduler (ctx->site), id);
    }
    if (sent && *a->status == 'R')
        ctx->batch.reserved++;
    free (a->R);
    return sent;
}

/* One more job of the first batch; false if that is over. */
static bool batch_next (struct ctx *ctx, const flux_msg_t *msg, int *errnum,
                        flux_error_t *error)
{
    struct batch *b = &ctx->batch;
    struct answer a = { 0 };
    flux_error_t why;
    json_int_t id;
    match_op_t op;

    error->text[0] = '\0';
    *errnum = ENODATA;
    if (!b->begun && !batch_begin (ctx, msg)) {
        *errnum = malformed (error);
        return false;
    }
    if (b->pos >= json_array_size (b->jobs))
        return false;
    if (json_unpack (json_array_get (b->jobs, b->pos++), "{s:I s?s}", "jobid", &id,
                     "jobspec", &b->jobspec)
            < 0
        || !b->jobspec) {
        *errnum = malformed (error);
        return false;
    }
    op = batch_op (b);
    if (match (ctx, op, id, b->jobspec, &a, &why) == 0)
        return batch_grant (ctx, msg, id, &a, errnum);
    *errnum = errno;
    if (b->reservations >= 0 && (!b->stop || errno != EBUSY))
        return respond_failure (ctx, msg, id, errno, why.text,
                                op == MATCH_ALLOCATE_ORELSE_RESERVE);
    snprintf (error->text, sizeof (error->text), "jobid=%jd %.120s", (intmax_t)id,
              why.text);
    return false;
}

void jobs_step (void *arg)
{
    struct ctx *ctx = arg;
    const flux_msg_t *msg = flux_msglist_first (ctx->batches);
    double t0 = clock_monotonic ();
    flux_error_t error;
    int errnum;

    while (msg && clock_monotonic () - t0 < 0.002) {
        if (batch_next (ctx, msg, &errnum, &error))
            continue;
        flux_respond_error (ctx->h, msg, errnum, error.text[0] ? error.text : NULL);
        flux_msg_decref (flux_msglist_pop (ctx->batches));
        ctx->batch.begun = false;
        msg = flux_msglist_first (ctx->batches);
    }
    if (msg)
        reactor_post (flux_get_reactor (ctx->h), &ctx->step);
}

void match_multi_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    json_t *jobs, *ended = NULL;
    const char *cmd;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s s:o s?o}", "cmd", &cmd, "jobs", &jobs,
                             "free", &ended)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (!are_ids (ended)) {
        flux_respond_error (h, msg, EPROTO, "free: not an array of ids");
        return;
    }
    /* At once, whatever it waits for itself. */
    if (cancel_all (ctx, ended) < 0)
        flux_log (h, LOG_ERR, "cancel: %s", strerror (errno));
    if (flux_msglist_count (ctx->batches) >= MAX_WAITING)
        flux_respond_error (h, msg, EAGAIN, "too many requests wait");
    else if (!flux_msg_is_streaming (msg))
        flux_respond_error (h, msg, EPROTO, "match_multi is a streaming request");
    else if (match_op_from_string (cmd) == MATCH_UNKNOWN || !json_is_array (jobs))
        flux_respond_error (h, msg, EINVAL, "unknown match command, or no jobs");
    else if (flux_msglist_append (ctx->batches, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else
        reactor_post (flux_get_reactor (h), &ctx->step);
}

void update_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    struct match_result res;
    double t0 = clock_monotonic ();
    flux_error_t error;
    const char *R;
    json_int_t id;
    struct job *job;
    int hello = 0;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:I s:s s?b}", "jobid", &id, "R", &R, "hello",
                             &hello)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (site_update (ctx->site, id, R, &res, &error) < 0) {
        flux_respond_error (h, msg, errno, error.text);
        return;
    }
    job = scheduler_job (site_scheduler (ctx->site), id);
    job->overhead = clock_monotonic () - t0;
    status_changed (ctx, STATUS_ALLOCATED);
    if (hello)
        place (ctx, id);
    (void)flux_respond_pack (h, msg, "{s:I s:s s:f s:s s:I}", "jobid", id, "status",
                             "ALLOCATED", "overhead", job->overhead, "R", R, "at",
                             (json_int_t)res.at);
}

void cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    json_t *ids = NULL;
    json_int_t id;
    int errnum = 0;

    if (!ctx->site)
        errnum = EAGAIN;
    else if (flux_request_unpack (msg, NULL, "{s:o}", "jobids", &ids) == 0)
        errnum = cancel_all (ctx, ids) < 0 ? errno : 0;
    else if (flux_request_unpack (msg, NULL, "{s:I}", "jobid", &id) < 0
             || cancel_one (ctx, id) < 0)
        errnum = errno;
    if (flux_msg_is_noresponse (msg)) {
        if (errnum)
            flux_log (h, LOG_ERR, "cancel: %s", strerror (errnum));
    } else if (errnum)
        flux_respond_error (h, msg, errnum,
                            errnum == ENOENT ? "nonexistent job" : NULL);
    else
        flux_respond_pack (h, msg, "{}");
}

void partial_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error;
    bool full = false;
    const char *R;
    json_int_t id;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:I s:s}", "jobid", &id, "R", &R) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (site_partial_cancel (ctx->site, id, R, &full, &error) < 0)
        flux_respond_error (h, msg, errno, error.text);
    else {
        if (full)
            idmap_remove (ctx->placed, id);
        status_changed (ctx, STATUS_ALLOCATED);
        flux_respond_pack (h, msg, "{s:i}", "full-removal", full);
    }
}

static void unreserve_all (struct scheduler *s)
{
    struct job *job;
    size_t pos = 0;

    while ((job = scheduler_next_job (s, &pos)))
        if (job->state == JOB_RESERVED)
            scheduler_cancel (s, job->id);
}

/* Reservations in the way go: a queue manager makes them anew. */
void expiration_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    double expiration;
    flux_error_t error;
    json_int_t id;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:I s:F}", "jobid", &id, "expiration",
                             &expiration)
            < 0
        || !isfinite (expiration) || expiration < 0 || expiration > 1e15) {
        flux_respond_error (h, msg, EPROTO, "malformed request");
        return;
    }
    struct scheduler *s = site_scheduler (ctx->site);
    int64_t end = (int64_t)ceil (expiration);
    int rc = scheduler_set_end (s, id, end, &error);
    if (rc < 0 && errno == EINVAL) {
        unreserve_all (s);
        rc = scheduler_set_end (s, id, end, &error);
    }
    if (rc < 0)
        flux_respond_error (h, msg, errno, error.text);
    else
        flux_respond (h, msg, NULL);
}

void info_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    struct job *job;
    json_int_t id;

    if (!ctx_ready (ctx, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:I}", "jobid", &id) < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (!(job = scheduler_job (site_scheduler (ctx->site), id)))
        flux_respond_error (h, msg, ENOENT, "nonexistent job");
    else
        flux_respond_pack (h, msg, "{s:I s:s s:I s:f}", "jobid", id, "status",
                           job_state_name (job->state), "at", (json_int_t)job->at,
                           "overhead", job->overhead);
}

void next_jobid_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;

    if (!ctx_ready (ctx, msg))
        return;
    while (scheduler_job (site_scheduler (ctx->site), ctx->next_jobid))
        ctx->next_jobid++;
    flux_respond_pack (h, msg, "{s:I}", "jobid", (json_int_t)ctx->next_jobid++);
}
