/* Could a job ever run? Asked when it is submitted.
 *
 * Happy path: sched-fluxion-resource.notify answers with what its graph was made of; the
 * module makes one of its own, so that nobody waits here for a match there, and answers
 * feasibility.check from it (answer.c). Changes of the graph follow as notify has them.
 *
 * Failures: a request that never fits is ENODEV, one that is no jobspec is EINVAL;
 * without sched-fluxion-resource the module ends. */
#include <errno.h>
#include <flux/core.h>
#include <jansson.h>
#include <syslog.h>

#include "answer.h"

struct ctx {
    flux_t *h;
    flux_msg_handler_t **handlers;
    flux_future_t *notify;
    struct site *site;            /* NULL until resources are known */
    struct flux_msglist *waiting; /* checks from before */
};

static void check (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_error_t error;
    json_t *jobspec;

    if (flux_request_unpack (msg, NULL, "{s:o}", "jobspec", &jobspec) < 0)
        flux_respond_error (ctx->h, msg, errno, NULL);
    else if (answer_check (ctx->site, jobspec, &error) < 0)
        flux_respond_error (ctx->h, msg, errno, error.text);
    else
        flux_respond (ctx->h, msg, NULL);
}

static void check_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;

    if (ctx->site)
        check (ctx, msg);
    else if (flux_msglist_count (ctx->waiting) >= 1024)
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

    if (answer_follow (&ctx->site, o, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        return -1;
    }
    while ((msg = flux_msglist_pop (ctx->waiting))) {
        check (ctx, msg);
        flux_msg_decref (msg);
    }
    return 0;
}

static void notify_cb (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    json_t *o;

    if (flux_rpc_get_unpack (f, "o", &o) < 0) {
        flux_log (ctx->h, LOG_ERR,
                  "exiting due to sched-fluxion-resource.notify failure: %s",
                  flux_future_error_string (f));
        flux_reactor_stop (flux_get_reactor (ctx->h));
    } else if (apply (ctx, o) < 0)
        flux_reactor_stop_error (flux_get_reactor (ctx->h));
    else
        flux_future_reset (f);
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
        || !(ctx->notify = flux_rpc (h, "sched-fluxion-resource.notify", NULL,
                                     FLUX_NODEID_ANY, FLUX_RPC_STREAMING))
        || flux_future_then (ctx->notify, -1., notify_cb, ctx) < 0)
        return -1;
    return 0;
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct ctx ctx = { .h = h };
    int rc = -1;

    if (argc > 0)
        flux_log (h, LOG_ERR, "unknown argument: %s", argv[0]);
    else if (ctx_init (&ctx, h) < 0)
        flux_log_error (h, "cannot start");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
        rc = 0;
    if (argc > 0)
        errno = EINVAL;
    flux_future_destroy (ctx.notify);
    flux_msg_handler_delvec (ctx.handlers);
    flux_msglist_destroy (ctx.waiting);
    site_destroy (ctx.site);
    return rc;
}
