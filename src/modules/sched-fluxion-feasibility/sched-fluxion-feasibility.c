/* Could a job ever run? Asked when it is submitted.
 *
 * Happy path: sched-fluxion-resource.notify answers with what its graph was made of; the
 * module makes one of its own, so that nobody waits here for a match there, and answers
 * feasibility.check from it (answer.c). What the resource module is told follows as notify
 * has it. Where requests have changed the graph there, it is asked each time.
 *
 * Failures: a request that never fits is ENODEV, one that is no jobspec is EINVAL;
 * without sched-fluxion-resource the module ends. */
#include <errno.h>
#include <flux/core.h>
#include <jansson.h>
#include <stdlib.h>
#include <syslog.h>

#include "answer.h"
#include "base/list.h"
#include "core/future/stream.h"

/* Checks that wait: for resources, or for an answer from where the graph is. */
#define MAX_WAITING 1024

struct ctx {
    flux_t *h;
    flux_msg_handler_t **handlers;
    struct stream *notify;
    struct site *site;            /* NULL until resources are known */
    struct flux_msglist *waiting; /* checks from before */
    bool differs;                 /* the graph there has become another: it is asked */
    struct list asked;
    int nasked;
};

struct question {
    struct list link;
    struct ctx *ctx;
    const flux_msg_t *msg;
    flux_future_t *f;
};

static void question_destroy (struct question *q)
{
    list_remove (&q->link);
    q->ctx->nasked--;
    flux_future_destroy (q->f);
    flux_msg_decref (q->msg);
    free (q);
}

static void answered (flux_future_t *f, void *arg)
{
    struct question *q = arg;
    flux_error_t error;

    if (flux_rpc_get (f, NULL) == 0)
        flux_respond (q->ctx->h, q->msg, NULL);
    else {
        answer_failure (errno, flux_future_error_string (f), &error);
        flux_respond_error (q->ctx->h, q->msg, errno, error.text);
    }
    question_destroy (q);
}

static void ask (struct ctx *ctx, const flux_msg_t *msg, json_t *jobspec)
{
    char *text = json_dumps (jobspec, JSON_COMPACT);
    struct question *q = NULL;

    if (ctx->nasked >= MAX_WAITING)
        flux_respond_error (ctx->h, msg, EAGAIN, "too many checks wait");
    else if (!text)
        flux_respond_error (ctx->h, msg, EINVAL,
                            "Internal match error: jobspec is no object");
    else if (!(q = calloc (1, sizeof (*q))))
        flux_respond_error (ctx->h, msg, ENOMEM, NULL);
    else {
        q->ctx = ctx;
        q->msg = flux_msg_incref (msg);
        list_init (&q->link);
        list_append (&ctx->asked, &q->link);
        ctx->nasked++;
        q->f = flux_rpc_pack (ctx->h, "sched-fluxion-resource.match", FLUX_NODEID_ANY,
                              0, "{s:s s:i s:s}", "cmd", "satisfiability", "jobid", 0,
                              "jobspec", text);
        if (!q->f || flux_future_then (q->f, -1., answered, q) < 0) {
            flux_respond_error (ctx->h, msg, errno, NULL);
            question_destroy (q);
        }
    }
    free (text);
}

static void check (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_error_t error;
    json_t *jobspec;

    if (flux_request_unpack (msg, NULL, "{s:o}", "jobspec", &jobspec) < 0)
        flux_respond_error (ctx->h, msg, errno, NULL);
    else if (ctx->differs)
        ask (ctx, msg, jobspec);
    else if (answer_check (ctx->site, jobspec, &error) < 0)
        flux_respond_error (ctx->h, msg, errno, error.text);
    else
        flux_respond (ctx->h, msg, NULL);
}

static void check_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;

    stream_catch_up (ctx->notify); /* what came before the question */
    if (ctx->site || ctx->differs)
        check (ctx, msg);
    else if (flux_msglist_count (ctx->waiting) >= MAX_WAITING)
        flux_respond_error (h, msg, EAGAIN, "resources are not known yet");
    else if (flux_msglist_append (ctx->waiting, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;

    flux_msglist_disconnect (ctx->waiting, msg);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "feasibility.check", check_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "feasibility.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "sched-fluxion-feasibility.disconnect", disconnect_cb,
      FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

static int apply (struct ctx *ctx, json_t *o)
{
    const flux_msg_t *msg;
    flux_error_t error;

    ctx->differs = ctx->differs || json_is_true (json_object_get (o, "differs"));
    if (ctx->differs) {
        site_destroy (ctx->site);
        ctx->site = NULL;
    } else if (answer_follow (&ctx->site, o, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        return -1;
    }
    while ((msg = flux_msglist_pop (ctx->waiting))) {
        check (ctx, msg);
        flux_msg_decref (msg);
    }
    return 0;
}

static int notify_cb (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    json_t *o;

    if (flux_rpc_get_unpack (f, "o", &o) == 0)
        return apply (ctx, o);
    flux_log (ctx->h, LOG_ERR,
              "exiting due to sched-fluxion-resource.notify failure: %s",
              flux_future_error_string (f));
    flux_reactor_stop (flux_get_reactor (ctx->h));
    return 1;
}

static int register_service (flux_t *h)
{
    flux_future_t *f = flux_service_register (h, "feasibility");
    int rc = f ? flux_future_get (f, NULL) : -1;

    flux_future_destroy (f);
    return rc;
}

static int ctx_init (struct ctx *ctx, flux_t *h)
{
    if (!(ctx->waiting = flux_msglist_create ())
        || flux_msg_handler_addvec (h, handlers, ctx, &ctx->handlers) < 0
        || register_service (h) < 0
        || !(ctx->notify =
                 stream_open (flux_rpc (h, "sched-fluxion-resource.notify", NULL,
                                        FLUX_NODEID_ANY, FLUX_RPC_STREAMING),
                              notify_cb, ctx)))
        return -1;
    return 0;
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct ctx ctx = { .h = h };
    struct list *node;
    int rc = -1;

    list_init (&ctx.asked);
    if (argc > 0)
        flux_log (h, LOG_ERR, "unknown argument: %s", argv[0]);
    else if (ctx_init (&ctx, h) < 0)
        flux_log_error (h, "cannot start");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
        rc = 0;
    if (argc > 0)
        errno = EINVAL;
    while ((node = list_pop (&ctx.asked)))
        question_destroy (container_of (node, struct question, link));
    stream_close (ctx.notify);
    flux_msg_handler_delvec (ctx.handlers);
    flux_msglist_destroy (ctx.waiting);
    site_destroy (ctx.site);
    return rc;
}
