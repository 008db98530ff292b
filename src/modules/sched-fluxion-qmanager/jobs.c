/* Jobs that wait, and what job-manager asks for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "ask.h"
#include "ctx.h"

/* Shapes */

static struct shape *shape_get (struct ctx *ctx, const char *text)
{
    struct shape *s = hashmap_lookup (ctx->shapes, text);

    if (s) {
        s->refs++;
        return s;
    }
    if (!(s = calloc (1, sizeof (*s))) || !(s->text = strdup (text))
        || hashmap_insert (ctx->shapes, text, s) < 0) {
        if (s)
            free (s->text);
        free (s);
        return NULL;
    }
    s->refs = 1;
    return s;
}

static void shape_put (struct ctx *ctx, struct shape *s)
{
    if (!s || --s->refs > 0)
        return;
    hashmap_take (ctx->shapes, s->text);
    free (s->text);
    free (s);
}

/* Jobs */

void job_destroy (struct ctx *ctx, struct job *job)
{
    if (job) {
        list_remove (&job->dropped);
        flux_msg_decref (job->msg);
        shape_put (ctx, job->q.shape);
        free (job);
    }
}

void job_forget (struct ctx *ctx, struct job *job)
{
    idmap_remove (ctx->jobs, job->q.id);
    job_destroy (ctx, job);
}

struct lane *lane_find (struct ctx *ctx, const char *name)
{
    if (!name)
        name = "default";
    for (size_t i = 0; i < ctx->nlanes; i++)
        if (!strcmp (ctx->lane[i].name, name))
            return &ctx->lane[i];
    return NULL;
}

void lanes_wake (struct ctx *ctx)
{
    reactor_post (flux_get_reactor (ctx->h), &ctx->schedule);
}

void lanes_changed (struct ctx *ctx)
{
    for (size_t i = 0; i < ctx->nlanes; i++)
        queue_changed (&ctx->lane[i].q);
    lanes_wake (ctx);
}

void lanes_freed (struct ctx *ctx, bool endless)
{
    for (size_t i = 0; i < ctx->nlanes; i++)
        queue_freed (&ctx->lane[i].q, endless);
    lanes_wake (ctx);
}

void lanes_unblock (struct ctx *ctx)
{
    for (size_t i = 0; i < ctx->nlanes; i++)
        queue_unblock (&ctx->lane[i].q);
}

void job_give_back (struct ctx *ctx, uint64_t id)
{
    if (json_array_append_new (ctx->given_back, json_integer ((json_int_t)id)) < 0)
        flux_log (ctx->h, LOG_ERR, "job %ju: out of memory", (uintmax_t)id);
    lanes_wake (ctx);
}

void job_deny (struct ctx *ctx, const flux_msg_t *msg, const char *note)
{
    if (schedutil_alloc_respond_deny (ctx->util, msg, note) < 0)
        flux_log_error (ctx->h, "sched.alloc: cannot deny");
}

static struct job *job_create (struct ctx *ctx, const flux_msg_t *msg,
                               const struct ask *ask)
{
    struct job *job = calloc (1, sizeof (*job));

    if (!job)
        return NULL;
    list_init (&job->dropped);
    list_init (&job->q.link);
    job->q.id = ask->id;
    job->q.priority = ask->priority;
    job->endless = ask->endless;
    /* The request without its jobspec: queued jobs should be small. */
    if (!(job->msg = flux_msg_copy (msg, false))
        || flux_msg_pack (job->msg, "{s:I}", "id", (json_int_t)ask->id) < 0
        || !(job->q.shape = shape_get (ctx, ctx->scratch.data))) {
        job_destroy (ctx, job);
        return NULL;
    }
    return job;
}

static void deny_queue (struct ctx *ctx, const flux_msg_t *msg, const char *queue)
{
    char note[160];

    snprintf (note, sizeof (note), "queue (%.80s) doesn't exist",
              queue ? queue : "default");
    job_deny (ctx, msg, note);
}

void alloc_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    const char *text, *queue;
    struct lane *lane;
    struct ask ask;
    struct job *job;

    if (flux_request_decode (msg, NULL, &text) < 0 || !text
        || ask_parse (&ask, (struct span){ text, strlen (text) }) < 0) {
        flux_log (h, LOG_ERR, "sched.alloc: malformed request");
        return;
    }
    if (idmap_lookup (ctx->jobs, ask.id)) {
        flux_log (h, LOG_ERR, "sched.alloc: job %jd is asked for twice",
                  (intmax_t)ask.id);
        return;
    }
    queue = ask_queue (&ask, &ctx->scratch);
    if (!(lane = lane_find (ctx, queue))) {
        deny_queue (ctx, msg, queue);
        return;
    }
    if (ask_shape (&ask, &ctx->scratch) < 0) {
        job_deny (ctx, msg,
                  errno == ENOMEM ? "scheduler is out of memory" : "malformed jobspec");
        return;
    }
    if (!(job = job_create (ctx, msg, &ask))
        || idmap_insert (ctx->jobs, ask.id, job) < 0) {
        job_destroy (ctx, job);
        job_deny (ctx, msg, "scheduler is out of memory");
        return;
    }
    job->lane = lane;
    queue_add (&lane->q, &job->q);
    lanes_wake (ctx);
}

static void partial_done (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_rpc_get (f, NULL) < 0)
        flux_log (ctx->h, LOG_ERR, "partial release: %s", flux_future_error_string (f));
    flux_future_destroy (f);
}

static void free_part (struct ctx *ctx, uint64_t id, struct span R)
{
    flux_future_t *f =
        flux_rpc_pack (ctx->h, "sched-fluxion-resource.partial-cancel", FLUX_NODEID_ANY,
                       0, "{s:I s:s%}", "jobid", (json_int_t)id, "R", R.s, R.len);

    if (!f || flux_future_then (f, -1., partial_done, ctx) < 0) {
        flux_log_error (ctx->h, "sched.free");
        flux_future_destroy (f);
    }
}

void free_cb (flux_t *h, const flux_msg_t *msg, const char *unused, void *arg)
{
    struct ctx *ctx = arg;
    struct running *run;
    struct ask_free ask;
    const char *text;
    bool endless;

    if (flux_request_decode (msg, NULL, &text) < 0 || !text
        || ask_free_parse (&ask, (struct span){ text, strlen (text) }) < 0) {
        flux_log (h, LOG_ERR, "sched.free: malformed request");
        return;
    }
    if (!(run = idmap_lookup (ctx->running, ask.id))) {
        flux_log (h, LOG_ERR, "sched.free: job %jd: nothing is allocated",
                  (intmax_t)ask.id);
        return;
    }
    endless = run->endless;
    if (!ask.final)
        free_part (ctx, ask.id, ask.R);
    else {
        job_give_back (ctx, ask.id);
        if (run->lane)
            queue_complete (&run->lane->q);
        idmap_remove (ctx->running, ask.id);
    }
    lanes_freed (ctx, endless);
}

void cancel_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    struct job *job;
    json_int_t id;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0) {
        flux_log_error (h, "sched.cancel: malformed request");
        return;
    }
    /* Not in the queue: it has been answered meanwhile. */
    if (!(job = idmap_lookup (ctx->jobs, id)))
        return;
    if (schedutil_alloc_respond_cancel (ctx->util, job->msg) < 0)
        flux_log_error (h, "sched.cancel: cannot answer");
    bool reserved = job->q.state == QJOB_RESERVED;
    idmap_remove (ctx->jobs, id);
    if (queue_remove (&job->lane->q, &job->q)) {
        if (reserved) {
            job_give_back (ctx, id);
            lanes_freed (ctx, job->endless);
        }
        job_destroy (ctx, job);
    }
    lanes_wake (ctx);
}

void prioritize_cb (flux_t *h, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    json_t *jobs, *entry;
    size_t i;

    if (flux_request_unpack (msg, NULL, "{s:o}", "jobs", &jobs) < 0) {
        flux_log_error (h, "sched.prioritize: malformed request");
        return;
    }
    json_array_foreach (jobs, i, entry) {
        json_int_t id, priority;
        struct job *job;
        if (json_unpack (entry, "[I,I]", &id, &priority) == 0
            && (job = idmap_lookup (ctx->jobs, id)))
            queue_reprioritize (&job->lane->q, &job->q, priority);
    }
    lanes_wake (ctx);
}

/* Until when a running job may run has changed. */

struct renewal {
    struct ctx *ctx;
    flux_msg_t *msg;
    uint64_t id;
    bool endless;
};

static void renewal_destroy (void *arg)
{
    struct renewal *r = arg;

    flux_msg_decref (r->msg);
    free (r);
}

static void renewed (flux_future_t *f, void *arg)
{
    struct renewal *r = arg;
    struct running *run = idmap_lookup (r->ctx->running, r->id);

    if (flux_rpc_get (f, NULL) < 0)
        flux_respond_error (r->ctx->h, r->msg, errno, flux_future_error_string (f));
    else {
        if (run)
            run->endless = r->endless;
        flux_respond (r->ctx->h, r->msg, NULL);
        /* Reservations counted on the old end. */
        lanes_changed (r->ctx);
    }
    flux_future_destroy (f);
}

static int renew (struct ctx *ctx, const flux_msg_t *msg, uint64_t id,
                  double expiration)
{
    struct renewal *r = calloc (1, sizeof (*r));
    flux_future_t *f;

    if (!r)
        return -1;
    f = flux_rpc_pack (ctx->h, "sched-fluxion-resource.expiration", FLUX_NODEID_ANY, 0,
                       "{s:I s:f}", "jobid", (json_int_t)id, "expiration", expiration);
    if (!f || flux_future_aux_set (f, NULL, r, renewal_destroy) < 0) {
        free (r);
        flux_future_destroy (f);
        return -1;
    }
    *r = (struct renewal){ ctx, (flux_msg_t *)flux_msg_incref (msg), id,
                           expiration <= 0 };
    if (flux_future_then (f, -1., renewed, r) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

void expiration_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct ctx *ctx = arg;
    double expiration;
    json_int_t id;

    if (flux_request_unpack (msg, NULL, "{s:I s:F}", "id", &id, "expiration",
                             &expiration)
        < 0)
        flux_respond_error (h, msg, errno, NULL);
    else if (expiration < 0)
        flux_respond_error (h, msg, EINVAL, "expiration is negative");
    else if (!idmap_lookup (ctx->running, id))
        flux_respond_error (h, msg, ENOENT, "nothing is allocated to the job");
    else if (renew (ctx, msg, id, expiration) < 0)
        flux_respond_error (h, msg, errno, NULL);
}
