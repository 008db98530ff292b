/* The graph scheduler of an instance: it holds the graph, and matches.
 *
 * Happy path:
 *  1. Options are read, and checked; then resource.acquire is asked for R.
 *  2. Its first answer has R: the graph is made, all is down, then some is up.
 *  3. Who listens to notify (sched-fluxion-qmanager, -feasibility) gets the same
 *     answer, and those that follow, each behind its effect.
 *  4. Requests match, cancel and look at the graph, which has no clock: now is when
 *     the request came.
 *
 * Failures: an option that is not understood ends the load, with a line that names it;
 * resources that cannot be acquired or a graph that cannot be made end the module, and
 * with it the streams of those who listen. */
#include <errno.h>
#include <flux/idset.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/file.h"
#include "ctx.h"

bool ctx_ready (struct ctx *ctx, const flux_msg_t *msg)
{
    if (!ctx->site)
        flux_respond_error (ctx->h, msg, EAGAIN, "resources are not known yet");
    return ctx->site != NULL;
}

static int tell (struct ctx *ctx, const flux_msg_t *msg, json_t *o)
{
    return flux_respond_pack (ctx->h, msg, "O", o);
}

void tell_change (struct ctx *ctx, json_t *take_change)
{
    const flux_msg_t *msg = flux_msglist_first (ctx->listeners);

    for (; take_change && msg; msg = flux_msglist_next (ctx->listeners))
        if (tell (ctx, msg, take_change) < 0)
            flux_log_error (ctx->h, "notify: cannot answer");
    json_decref (take_change);
}

/* What a listener gets first: R, and what is up now; or that R is not what there is. */
static json_t *first_answer (struct ctx *ctx)
{
    char *up = idset_encode (ctx->up, IDSET_FLAG_RANGE);
    json_t *params = options_encode (&ctx->opt);
    json_t *o = up && params
                    ? json_pack ("{s:O s:s s:O s:b}", "resources", ctx->resources, "up",
                                 up, "params", params, "differs", ctx->differs)
                    : NULL;

    if (o && ctx->load_text)
        json_object_set_new (o, "graph", json_string (ctx->load_text));
    free (up);
    json_decref (params);
    return o;
}

static void notify_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    json_t *o = NULL;

    if (!flux_msg_is_streaming (msg)) {
        flux_respond_error (h, msg, EPROTO, "notify is a streaming request");
        return;
    }
    if (flux_msglist_count (ctx->listeners) >= MAX_WAITING) {
        flux_respond_error (h, msg, EAGAIN, "too many listen");
        return;
    }
    if (flux_msglist_append (ctx->listeners, msg) < 0
        || (ctx->site && (!(o = first_answer (ctx)) || tell (ctx, msg, o) < 0)))
        flux_respond_error (h, msg, ENOMEM, NULL);
    json_decref (o);
}

static void params_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    json_t *o = options_encode (&ctx->opt);

    if (!o || flux_respond_pack (h, msg, "{s:O}", "params", o) < 0)
        flux_respond_error (h, msg, ENOMEM, NULL);
    json_decref (o);
}

/* What a client that is gone has begun stops; what it was given stays. */
static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;
    const flux_msg_t *first = flux_msglist_first (ctx->batches);

    flux_msglist_disconnect (ctx->listeners, msg);
    flux_msglist_disconnect (ctx->waiting, msg);
    flux_msglist_disconnect (ctx->batches, msg);
    if (flux_msglist_first (ctx->batches) != first)
        ctx->batch.begun = false;
}

/* What came before the question belongs to its answer. */
static void status_now_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    stream_catch_up (((struct ctx *)arg)->acquire);
    status_cb (h, mh, msg, arg);
}

static const struct flux_msg_handler_spec handlers[] = {
#define M(name) FLUX_MSGTYPE_REQUEST, "sched-fluxion-resource." name
    { M ("match"), match_cb, 0 },
    { M ("match_multi"), match_multi_cb, 0 },
    { M ("update"), update_cb, 0 },
    { M ("cancel"), cancel_cb, 0 },
    { M ("partial-cancel"), partial_cancel_cb, 0 },
    { M ("expiration"), expiration_cb, 0 },
    { M ("info"), info_cb, FLUX_ROLE_USER },
    { M ("next_jobid"), next_jobid_cb, 0 },
    { M ("hello"), hello_cb, 0 },
    { M ("find"), find_cb, FLUX_ROLE_USER },
    { M ("status"), status_now_cb, FLUX_ROLE_USER },
    { M ("stats-get"), stats_get_cb, FLUX_ROLE_USER },
    { M ("stats-clear"), stats_clear_cb, 0 },
    { M ("set_property"), set_property_cb, 0 },
    { M ("remove_property"), remove_property_cb, 0 },
    { M ("get_property"), get_property_cb, FLUX_ROLE_USER },
    { M ("ns-info"), ns_info_cb, FLUX_ROLE_USER },
    { M ("set_status"), set_status_cb, 0 },
    { M ("add_subgraph"), add_subgraph_cb, 0 },
    { M ("remove_subgraph"), remove_subgraph_cb, 0 },
    { M ("notify"), notify_cb, 0 },
    { M ("params"), params_cb, FLUX_ROLE_USER },
    { M ("disconnect"), disconnect_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

static int begin (struct ctx *ctx, json_t *R)
{
    struct site_options so = {
        .load_format = ctx->opt.load_format,
        .load_text = ctx->load_text,
        .load_allowlist = ctx->opt.load_allowlist,
        .policy = ctx->opt.match_policy,
        .traverser = ctx->opt.traverser,
        .prune_filters = ctx->opt.prune_filters,
        .subsystems = ctx->opt.subsystems,
        .reserve_vertices = ctx->opt.reserve_vtx_vec,
    };
    double t0 = clock_monotonic ();
    flux_error_t error;

    if (!(ctx->site = site_create (R, &so, &error))) {
        flux_log (ctx->h, LOG_ERR, "the graph cannot be made: %s", error.text);
        return -1;
    }
    ctx->resources = json_incref (R);
    ctx->t_loaded = ctx->t_reset = clock_monotonic ();
    ctx->load_time = ctx->t_loaded - t0;
    flux_log (ctx->h, LOG_INFO, "loaded resources from resource.acquire");
    return 0;
}

static int follow_ranks (struct ctx *ctx, json_t *o, const char *key, bool add)
{
    const char *s = json_string_value (json_object_get (o, key));
    struct idset *ids = s ? idset_decode (s) : NULL;
    int rc = 0;

    if (ids)
        rc = add ? idset_add (ctx->up, ids) : idset_subtract (ctx->up, ids);
    idset_destroy (ids);
    return rc;
}

/* A later listener learns of what has changed in R: it is kept as it is now, or known to
 * be another. */
static void follow_R (struct ctx *ctx, json_t *o)
{
    json_t *expiration = json_object_get (o, "expiration");

    ctx->differs |= json_object_get (o, "shrink") || json_object_get (o, "property-add")
                    || json_object_get (o, "property-remove");
    if (expiration)
        json_object_set (json_object_get (ctx->resources, "execution"), "expiration",
                         expiration);
}

static void answer_first (struct ctx *ctx)
{
    const flux_msg_t *msg;

    tell_change (ctx, first_answer (ctx));
    while ((msg = flux_msglist_pop (ctx->waiting))) {
        answer_status (ctx, msg);
        flux_msg_decref (msg);
    }
}

static int apply (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;
    bool first = !ctx->site, capacity;
    flux_error_t error;
    json_t *o, *R;

    if (flux_rpc_get_unpack (f, "o", &o) < 0) {
        flux_log (ctx->h, LOG_ERR, "resource.acquire: %s",
                  flux_future_error_string (f));
        return -1;
    }
    R = json_object_get (o, "resources");
    if (first && (!R || begin (ctx, R) < 0)) {
        if (!R)
            flux_log (ctx->h, LOG_ERR, "resource.acquire: there is no R");
        return -1;
    }
    if (site_apply (ctx->site, o, &capacity, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "resource.acquire: %s", error.text);
        return -1;
    }
    if (follow_ranks (ctx, o, "up", true) < 0
        || follow_ranks (ctx, o, "down", false) < 0)
        return -1;
    status_changed (ctx, capacity ? STATUS_ALL : STATUS_DOWN);
    follow_R (ctx, o);
    if (first)
        answer_first (ctx);
    else
        tell_change (ctx, json_incref (o));
    return 0;
}

static int read_options (struct ctx *ctx, int argc, char **argv)
{
    const flux_conf_t *conf = flux_get_conf (ctx->h);
    json_t *table = NULL;
    flux_error_t error;

    if (conf)
        (void)flux_conf_unpack (conf, NULL, "{s?o}", "sched-fluxion-resource", &table);
    if (options_init (&ctx->opt, table, argc, argv, &error) < 0) {
        flux_log (ctx->h, LOG_ERR, "%s", error.text);
        errno = EINVAL;
        return -1;
    }
    if (write_format_parse (
            ctx->opt.match_format ? ctx->opt.match_format : "rv1_nosched", &ctx->format)
        < 0)
        return -1;
    if (ctx->opt.load_file
        && !(ctx->load_text = file_read_all (ctx->opt.load_file, NULL))) {
        flux_log (ctx->h, LOG_ERR, "load-file: %s: %s", ctx->opt.load_file,
                  strerror (errno));
        return -1;
    }
    return 0;
}

static int ctx_init (struct ctx *ctx, flux_t *h)
{
    if (!(ctx->up = idset_create (0, IDSET_FLAG_AUTOGROW))
        || !(ctx->placed = idmap_create (NULL))
        || !(ctx->listeners = flux_msglist_create ())
        || !(ctx->waiting = flux_msglist_create ())
        || !(ctx->batches = flux_msglist_create ())
        || flux_msg_handler_addvec (h, handlers, ctx, &ctx->handlers) < 0
        || !(ctx->acquire = stream_open (flux_rpc (h, "resource.acquire", NULL,
                                                   FLUX_NODEID_ANY, FLUX_RPC_STREAMING),
                                         apply, ctx)))
        return -1;
    return 0;
}

static void hang_up (struct ctx *ctx)
{
    const flux_msg_t *msg;

    while (ctx->listeners && (msg = flux_msglist_pop (ctx->listeners))) {
        flux_respond_error (ctx->h, msg, ECANCELED, "sched-fluxion-resource ends");
        flux_msg_decref (msg);
    }
}

static void ctx_fini (struct ctx *ctx)
{
    reactor_task_cancel (&ctx->step);
    hang_up (ctx);
    stream_close (ctx->acquire);
    flux_msg_handler_delvec (ctx->handlers);
    flux_msglist_destroy (ctx->listeners);
    flux_msglist_destroy (ctx->waiting);
    flux_msglist_destroy (ctx->batches);
    status_fini (ctx);
    site_destroy (ctx->site);
    idmap_destroy (ctx->placed);
    idset_destroy (ctx->up);
    json_decref (ctx->resources);
    options_fini (&ctx->opt);
    free (ctx->load_text);
    buf_fini (&ctx->scratch);
}

int mod_main (flux_t *h, int argc, char **argv)
{
    struct ctx ctx = { .h = h, .next_jobid = 0 };
    int rc = -1;

    reactor_task_init (&ctx.step, jobs_step, &ctx);
    if (read_options (&ctx, argc, argv) == 0) {
        if (ctx_init (&ctx, h) < 0)
            flux_log_error (h, "cannot start");
        else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) > 0)
            rc = 0;
    }
    ctx_fini (&ctx);
    return rc;
}
