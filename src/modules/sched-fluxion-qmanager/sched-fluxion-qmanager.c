/* The queues of the graph scheduler: which job is matched next.
 *
 * Happy path:
 *  1. Options are read, and checked; service sched is registered.
 *  2. sched-fluxion-resource.notify answers: there is a graph. It forgets what an
 *     earlier queue manager had placed, and is told of each job that runs (hello).
 *  3. sched-ready; job-manager sends one sched.alloc for each job.
 *  4. At the end of a turn in which something changed, each queue sends its next jobs
 *     to be matched, in one request, and answers those that got something.
 *
 * The thread never waits for a match: what comes meanwhile is done when it comes, and a
 * job that is cancelled while it is asked for gives back what it gets.
 *
 * Failures: an option that is not understood ends the load, with a line that names it;
 * a request that can never be satisfied is denied; without sched-fluxion-resource the
 * module ends, and jobs wait for the next scheduler. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "core/sched/policy.h"
#include "ctx.h"

#define WAITING_MAX 1024

static const struct schedutil_ops ops = {
    .hello = hello_cb,
    .alloc = alloc_cb,
    .free = free_cb,
    .cancel = cancel_cb,
    .prioritize = prioritize_cb,
};

/* Resources */

static void status_done (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const char *s;

    if (flux_rpc_get (f, &s) == 0)
        flux_respond (ctx->h, msg, s);
    else
        flux_respond_error (ctx->h, msg, errno, flux_future_error_string (f));
    flux_future_destroy (f);
}

static void ask_status (struct ctx *ctx, const flux_msg_t *msg)
{
    flux_future_t *f =
        flux_rpc (ctx->h, "sched-fluxion-resource.status", NULL, FLUX_NODEID_ANY, 0);

    if (!f
        || flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                                (flux_free_f)flux_msg_decref)
               < 0
        || flux_future_then (f, -1., status_done, ctx) < 0) {
        flux_respond_error (ctx->h, msg, errno, NULL);
        flux_future_destroy (f);
    }
}

/* Before what runs is known, nothing would be allocated. */
static void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;

    if (ctx->ready)
        ask_status (ctx, msg);
    else if (flux_msglist_count (ctx->waiting) >= WAITING_MAX)
        flux_respond_error (h, msg, EAGAIN, "resources are not known yet");
    else if (flux_msglist_append (ctx->waiting, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void answer_waiting (struct ctx *ctx)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (ctx->waiting))) {
        ask_status (ctx, msg);
        flux_msg_decref (msg);
    }
}

static int introduce (struct ctx *ctx)
{
    flux_future_t *f =
        flux_rpc (ctx->h, "sched-fluxion-resource.hello", NULL, FLUX_NODEID_ANY, 0);
    int rc = f ? flux_rpc_get (f, NULL) : -1, count;

    flux_future_destroy (f);
    if (rc < 0 || schedutil_hello (ctx->util) < 0
        || schedutil_ready (ctx->util, "unlimited", &count) < 0) {
        flux_log_error (ctx->h, "hello");
        return -1;
    }
    flux_log (ctx->h, LOG_DEBUG, "ready: %d jobs wait", count);
    ctx->ready = true;
    answer_waiting (ctx);
    return 0;
}

static void notify_cb (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_rpc_get (f, NULL) < 0) {
        flux_log (ctx->h, LOG_ERR,
                  "exiting due to sched-fluxion-resource.notify failure: %s",
                  flux_future_error_string (f));
        flux_reactor_stop (flux_get_reactor (ctx->h));
        return;
    }
    if (!ctx->ready && introduce (ctx) < 0) {
        flux_reactor_stop_error (flux_get_reactor (ctx->h));
        return;
    }
    lanes_changed (ctx);
    flux_future_reset (f);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "sched.expiration", expiration_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "sched.resource-status", status_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "sched-fluxion-qmanager.stats-get", stats_cb,
      FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "sched-fluxion-qmanager.params", params_cb,
      FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

static int lanes_init (struct ctx *ctx, flux_error_t *error)
{
    struct queue_params p;
    json_t *name;
    size_t i;

    if (!(ctx->lane = calloc (json_array_size (ctx->opt.queues), sizeof (*ctx->lane))))
        return -1;
    json_array_foreach (ctx->opt.queues, i, name) {
        struct lane *lane = &ctx->lane[i];
        lane->ctx = ctx;
        list_init (&lane->dropped);
        ctx->nlanes++;
        if (!(lane->name = strdup (json_string_value (name)))
            || options_queue (&ctx->opt, lane->name, &p, &lane->qparams, &lane->pparams,
                              error)
                   < 0)
            return -1;
        queue_init (&lane->q, &p);
        flux_log (ctx->h, LOG_DEBUG, "enforced policy (queue=%s): %s", lane->name,
                  queue_policy_names[p.policy]);
    }
    return 0;
}

static int read_options (struct ctx *ctx, int argc, char **argv)
{
    const flux_conf_t *conf = flux_get_conf (ctx->h);
    json_t *table = NULL, *queues = NULL;
    flux_error_t error = { "out of memory" };

    if (conf)
        (void)flux_conf_unpack (conf, NULL, "{s?o s?o}", "sched-fluxion-qmanager",
                                &table, "queues", &queues);
    if (sched_policy_none (conf, "sched-fluxion-qmanager", &error) < 0
        || options_init (&ctx->opt, table, queues, argc, argv, &error) < 0
        || lanes_init (ctx, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static int ctx_init (struct ctx *ctx, flux_t *h)
{
    if (!(ctx->jobs = idmap_create (NULL)) || !(ctx->running = idmap_create (free))
        || !(ctx->shapes = hashmap_create (NULL)) || !(ctx->given_back = json_array ())
        || !(ctx->waiting = flux_msglist_create ())
        || flux_msg_handler_addvec (h, handlers, ctx, &ctx->handlers) < 0
        || !(ctx->util = schedutil_create (
                 h, SCHEDUTIL_FREE_NOLOOKUP | SCHEDUTIL_HELLO_PARTIAL_OK, &ops, ctx))
        || !(ctx->notify = flux_rpc (h, "sched-fluxion-resource.notify", NULL,
                                     FLUX_NODEID_ANY, FLUX_RPC_STREAMING))
        || flux_future_then (ctx->notify, -1., notify_cb, ctx) < 0)
        return -1;
    return 0;
}

static void lane_fini (struct lane *lane)
{
    struct ctx *ctx = lane->ctx;
    struct qjob *gone;
    struct order_node *n;

    flux_future_destroy (lane->f);
    while ((gone = queue_batch_end (&lane->q)))
        job_destroy (ctx, container_of (gone, struct job, q));
    while ((n = order_first (&lane->q.jobs))) {
        struct qjob *job = container_of (n, struct qjob, node);
        (void)queue_remove (&lane->q, job);
        job_destroy (ctx, container_of (job, struct job, q));
    }
    free (lane->name);
    json_decref (lane->qparams);
    json_decref (lane->pparams);
}

static void ctx_fini (struct ctx *ctx)
{
    reactor_task_cancel (&ctx->schedule);
    give_back (ctx);
    flux_future_destroy (ctx->notify);
    for (size_t i = 0; i < ctx->nlanes; i++)
        lane_fini (&ctx->lane[i]);
    free (ctx->lane);
    schedutil_destroy (ctx->util);
    flux_msg_handler_delvec (ctx->handlers);
    idmap_destroy (ctx->jobs);
    idmap_destroy (ctx->running);
    hashmap_destroy (ctx->shapes);
    flux_msglist_destroy (ctx->waiting);
    json_decref (ctx->given_back);
    buf_fini (&ctx->scratch);
    options_fini (&ctx->opt);
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct ctx ctx = { .h = h };
    int rc = -1;

    reactor_task_init (&ctx.schedule, lanes_schedule, &ctx);
    if (read_options (&ctx, argc, argv) == 0) {
        if (ctx_init (&ctx, h) < 0)
            flux_log_error (h, "cannot start");
        else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
            rc = 0;
    }
    ctx_fini (&ctx);
    return rc;
}
