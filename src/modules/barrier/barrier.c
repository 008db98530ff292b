/* barrier: nprocs clients, anywhere in the instance, meet under a name.
 *
 * Happy path: barrier.enter {name, nprocs} is counted here; what a turn
 * counted goes to the parent as one message; when rank 0 has all, the event
 * barrier.exit {name, errnum} releases everyone.
 *
 * Failures: a client that leaves before, or who names another nprocs, ends the
 * barrier with an error for all (ECONNABORTED, EINVAL). */
#include <flux/core.h>
#include <syslog.h>

#include "core/handle/module.h"
#include "counts.h"

struct ctx {
    flux_t *h;
    struct counts *counts;
    flux_watcher_t *prepare;
    flux_watcher_t *idle;
};

static void publish_exit (struct ctx *ctx, const char *name, int errnum)
{
    flux_future_t *f = flux_event_publish_pack (ctx->h, "barrier.exit", 0, "{s:s s:i}",
                                                "name", name, "errnum", errnum);

    if (!f)
        flux_log_error (ctx->h, "barrier.exit");
    flux_future_destroy (f);
}

static void act (struct ctx *ctx, const char *name, enum counts_result result)
{
    if (result == COUNTS_EXIT)
        publish_exit (ctx, name, 0);
    else if (result == COUNTS_ABORT)
        publish_exit (ctx, name, EINVAL);
    else if (result == COUNTS_TELL) {
        flux_watcher_start (ctx->prepare);
        flux_watcher_start (ctx->idle);
    }
}

/* End of a turn: one message for each barrier that grew. */
static void prepare_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;
    struct counts_update u;
    size_t pos = 0;

    flux_watcher_stop (ctx->prepare);
    flux_watcher_stop (ctx->idle);
    while (counts_next (ctx->counts, &pos, &u)) {
        flux_future_t *f;

        f = flux_rpc_pack (ctx->h, "barrier.update", FLUX_NODEID_UPSTREAM,
                           FLUX_RPC_NORESPONSE, "{s:s s:i s:i}", "name", u.name,
                           "nprocs", u.nprocs, "count", u.count);
        if (!f)
            flux_log_error (ctx->h, "barrier.update");
        flux_future_destroy (f);
    }
}

static void enter_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *label, *name = NULL;
    enum counts_result result = COUNTS_ERROR;
    int nprocs;

    if (flux_request_unpack (msg, NULL, "{s:s s:i}", "name", &label, "nprocs", &nprocs)
        < 0)
        errno = EPROTO;
    else
        result = counts_enter (ctx->counts, msg, label, nprocs, &name);
    if (result == COUNTS_ERROR)
        (void)flux_respond_error (
            h, msg, errno,
            errno == EINVAL ? "barrier has another number of processes" : NULL);
    else
        act (ctx, name, result);
}

static void update_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    enum counts_result result = COUNTS_ERROR;
    struct counts_update u;

    if (flux_request_unpack (msg, NULL, "{s:s s:i s:i}", "name", &u.name, "nprocs",
                             &u.nprocs, "count", &u.count)
        == 0)
        result = counts_update (ctx->counts, &u);
    if (result == COUNTS_ERROR)
        flux_log_error (h, "barrier.update");
    else
        act (ctx, u.name, result);
}

static void exit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    struct flux_msglist *clients;
    const flux_msg_t *req;
    const char *name;
    int errnum;

    if (flux_event_unpack (msg, NULL, "{s:s s:i}", "name", &name, "errnum", &errnum) < 0
        || !(clients = counts_exit (ctx->counts, name)))
        return;
    while ((req = flux_msglist_pop (clients))) {
        if (errnum)
            (void)flux_respond_error (h, req, errnum, NULL);
        else
            (void)flux_respond (h, req, NULL);
        flux_msg_decref (req);
    }
    flux_msglist_destroy (clients);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;
    const char *name;
    size_t pos = 0;

    while (counts_disconnect (ctx->counts, &pos, msg, &name))
        publish_exit (ctx, name, ECONNABORTED);
}

static const struct flux_msg_handler_spec spec[] = {
    { FLUX_MSGTYPE_REQUEST, "barrier.enter", enter_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "barrier.update", update_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "barrier.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_EVENT, "barrier.exit", exit_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* Keeps the reactor from sleeping until prepare_cb ran. */
static void idle_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct ctx ctx = { .h = h };
    flux_msg_handler_t **handlers = NULL;
    flux_reactor_t *r = flux_get_reactor (h);
    uint32_t rank;
    int rc = -1;

    if (module_no_args (h, argc, argv) < 0)
        return -1;
    if (flux_get_rank (h, &rank) < 0 || !(ctx.counts = counts_create (rank == 0))
        || !(ctx.prepare = flux_prepare_watcher_create (r, prepare_cb, &ctx))
        || !(ctx.idle = flux_idle_watcher_create (r, idle_cb, &ctx))
        || flux_msg_handler_addvec (h, spec, &ctx, &handlers) < 0
        || flux_event_subscribe (h, "barrier.exit") < 0)
        goto done;
    rc = flux_reactor_run (r, 0) < 0 ? -1 : 0;
done:
    flux_msg_handler_delvec (handlers);
    flux_watcher_destroy (ctx.prepare);
    flux_watcher_destroy (ctx.idle);
    counts_destroy (ctx.counts);
    return rc;
}
