/* The scheduler's protocol (RFC 27), in which R is in the KVS before the answer. Those
 * that are built on our schedutil leave that to us ("R_owed"): it goes into the commit
 * that has the alloc event. */
#include "housekeeping.h"
#include "modules/job-manager/machine/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* The protocol knows no matchtags: answers name the job. */
static void send_request (struct ctx *ctx, const char *topic, const char *payload)
{
    flux_msg_t *msg = flux_request_encode (topic, payload);

    if (!msg || flux_send_new (ctx->h, &msg, 0) < 0) {
        flux_log_error (ctx->h, "%s: cannot be sent", topic);
        flux_msg_decref (msg);
    }
}

void sched_alloc_op (const struct job *job, void *arg)
{
    struct ctx *ctx = arg;

    buf_reset (&ctx->scratch);
    wire_sched_alloc (&ctx->scratch, job);
    send_request (ctx, "sched.alloc", ctx->scratch.data);
}

void sched_cancel_op (const struct job *job, void *arg)
{
    struct ctx *ctx = arg;

    buf_reset (&ctx->scratch);
    wire_sched_cancel (&ctx->scratch, job->id);
    send_request (ctx, "sched.cancel", ctx->scratch.data);
}

void sched_free_part (struct ctx *ctx, flux_jobid_t id, struct span R, bool final)
{
    buf_reset (&ctx->scratch);
    wire_sched_free (&ctx->scratch, id, R, final);
    send_request (ctx, "sched.free", ctx->scratch.data);
}

void sched_free_op (const struct job *job, void *arg)
{
    sched_free_part (arg, job->id, (struct span){ job->R, strlen (job->R) }, true);
}

void sched_unused_op (flux_jobid_t id, struct span R, void *arg)
{
    sched_free_part (arg, id, R, true);
}

void sched_silent_op (const struct job *job, void *arg)
{
    struct ctx *ctx = arg;

    flux_log (ctx->h, LOG_WARNING,
              "job %ju: the scheduler does not answer sched.cancel, and is not waited "
              "for any longer",
              (uintmax_t)job->id);
}

void sched_prioritize_op (const struct job *job, void *arg)
{
    struct ctx *ctx = arg;

    if (!ctx->prioritize)
        ctx->prioritize = json_array ();
    json_array_append_new (ctx->prioritize, json_pack ("[I I]", (json_int_t)job->id,
                                                       (json_int_t)job->priority));
}

void sched_turn (struct ctx *ctx)
{
    json_t *o;
    char *s;

    if (!ctx->prioritize)
        return;
    o = json_pack ("{s:o}", "jobs", ctx->prioritize);
    ctx->prioritize = NULL;
    if (o && (s = json_dumps (o, JSON_COMPACT))) {
        if (ctx->m->sched_ready)
            send_request (ctx, "sched.prioritize", s);
        free (s);
    }
    json_decref (o);
}

static void forget_expiration (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_future_get (f, NULL) < 0 && errno != ENOSYS)
        flux_log (ctx->h, LOG_ERR, "sched.expiration: %s",
                  flux_future_error_string (f));
    flux_future_destroy (f);
}

void sched_expiration (struct ctx *ctx, const struct job *job, double expiration)
{
    flux_future_t *f;

    if (!ctx->m->sched_ready)
        return;
    f = flux_rpc_pack (ctx->h, "sched.expiration", FLUX_NODEID_ANY, 0, "{s:I s:f}",
                       "id", (json_int_t)job->id, "expiration", expiration);
    if (!f || flux_future_then (f, -1., forget_expiration, ctx) < 0)
        flux_future_destroy (f);
}

static void lost (struct ctx *ctx, const char *why)
{
    if (!ctx->sched)
        return;
    flux_log (ctx->h, LOG_DEBUG, "scheduler is gone: %s", why);
    flux_msg_decref (ctx->sched);
    ctx->sched = NULL;
    manager_sched_lost (ctx->m);
}

void sched_disconnect (struct ctx *ctx, const flux_msg_t *msg)
{
    if (ctx->sched && flux_disconnect_match (msg, ctx->sched))
        lost (ctx, "disconnected");
}

/* While there is a scheduler nobody else can be it: it has to go first. */
static bool is_another (struct ctx *ctx, const flux_msg_t *msg)
{
    if (!ctx->sched || flux_msg_route_match_first (ctx->sched, msg))
        return false;
    flux_respond_error (ctx->h, msg, EEXIST, "there is a scheduler");
    return true;
}

struct hello {
    struct ctx *ctx;
    const flux_msg_t *msg;
    int count;
};

static void hello_one (const struct job *job, void *arg)
{
    struct hello *hello = arg;
    struct buf *b = &hello->ctx->scratch;
    char *R = job_current_R (job);

    buf_reset (b);
    wire_sched_hello (b, job, R ? R : job->R);
    flux_respond (hello->ctx->h, hello->msg, b->data);
    hello->count++;
    free (R);
}

static void hello_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    struct hello hello = { ctx, msg, 0 };

    if (!flux_msg_is_streaming (msg)) {
        flux_respond_error (h, msg, EPROTO, "sched-hello must be streaming");
        return;
    }
    if (is_another (ctx, msg))
        return;
    lost (ctx, "it says hello again");
    ctx->sched = flux_msg_incref (msg);
    manager_sched_hello (ctx->m, hello_one, &hello);
    housekeeping_hello (ctx->housekeeping, msg);
    flux_respond_error (h, msg, ENODATA, NULL);
    flux_log (h, LOG_DEBUG, "scheduler: hello, %d allocations", hello.count);
}

static void ready_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *mode;
    int limit = 0;

    if (flux_request_unpack (msg, NULL, "{s:s s?i}", "mode", &mode, "limit", &limit)
        < 0) {
        flux_respond_error (h, msg, errno, NULL);
        return;
    }
    bool limited = strcmp (mode, "limited") == 0;
    if ((!limited && strcmp (mode, "unlimited") != 0) || (limited && limit <= 0)) {
        flux_respond_error (h, msg, EPROTO,
                            "mode must be limited (with limit) or "
                            "unlimited");
        return;
    }
    if (is_another (ctx, msg))
        return;
    if (!ctx->sched)
        ctx->sched = flux_msg_incref (msg);
    flux_respond_pack (h, msg, "{s:i}", "count", (int)manager_waiting (ctx->m));
    manager_sched_ready (ctx->m, limited ? limit : 0);
}

static void answer (struct ctx *ctx, const char *s)
{
    struct sched_answer a;

    if (sched_answer_decode (s, &a) < 0) {
        flux_log_error (ctx->h, "sched.alloc: answer %.80s", s);
        return;
    }
    switch (a.type) {
    case SCHED_SUCCESS:
        manager_sched_success (ctx->m, a.id, a.R, a.annotations, !a.owed);
        break;
    case SCHED_ANNOTATE:
        manager_sched_annotate (ctx->m, a.id, a.annotations);
        break;
    case SCHED_DENY:
        manager_sched_deny (ctx->m, a.id, a.note);
        break;
    case SCHED_CANCEL:
        manager_sched_canceled (ctx->m, a.id);
        break;
    }
    sched_answer_fini (&a);
}

static void alloc_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *s;

    /* RFC 27: an error can only mean that there is no scheduler */
    if (flux_response_decode (msg, NULL, &s) < 0)
        lost (ctx, strerror (errno));
    else if (s)
        answer (ctx, s);
}

static void other_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    if (flux_response_decode (msg, NULL, NULL) < 0)
        lost (arg, strerror (errno));
}

const struct flux_msg_handler_spec sched_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.sched-hello", hello_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.sched-ready", ready_cb, 0 },
    { FLUX_MSGTYPE_RESPONSE, "sched.alloc", alloc_cb, 0 },
    { FLUX_MSGTYPE_RESPONSE, "sched.free", other_cb, 0 },
    { FLUX_MSGTYPE_RESPONSE, "sched.cancel", other_cb, 0 },
    { FLUX_MSGTYPE_RESPONSE, "sched.prioritize", other_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
