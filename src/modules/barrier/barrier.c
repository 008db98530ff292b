/* barrier: nprocs clients, anywhere in the instance, meet under a name.
 *
 * Happy path: barrier.enter {name, nprocs} is counted here; what a turn
 * counted goes to the parent as one message; when rank 0 has all, the event
 * barrier.exit {name, errnum} releases everyone.
 *
 * Failures: a client that leaves before, or who names another nprocs, ends the
 * barrier with an error for all (ECONNABORTED, EINVAL). */
#include <flux/core.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/hashmap.h"

/* Barriers that are open at a time. */
#define BARRIERS_MAX 65536

struct barrier {
    int nprocs;
    int count;   /* seen here and below; in all at rank 0 */
    int pending; /* not yet told to the parent */
    struct flux_msglist *clients;
    char name[];
};

struct ctx {
    flux_t *h;
    uint32_t rank;
    struct hashmap *barriers;
    flux_watcher_t *prepare;
    flux_watcher_t *idle;
};

static void barrier_destroy (void *arg)
{
    struct barrier *b = arg;

    if (b) {
        flux_msglist_destroy (b->clients);
        free (b);
    }
}

static struct barrier *find_or_create (struct ctx *ctx, const char *name, int nprocs)
{
    struct barrier *b = hashmap_lookup (ctx->barriers, name);

    if (b)
        return b;
    if (hashmap_count (ctx->barriers) >= BARRIERS_MAX) {
        errno = ENOSPC;
        return NULL;
    }
    if (!(b = calloc (1, sizeof (*b) + strlen (name) + 1)))
        return NULL;
    strcpy (b->name, name);
    b->nprocs = nprocs;
    if (!(b->clients = flux_msglist_create ())
        || hashmap_insert (ctx->barriers, name, b) < 0) {
        barrier_destroy (b);
        return NULL;
    }
    return b;
}

static void publish_exit (struct ctx *ctx, const char *name, int errnum)
{
    flux_future_t *f = flux_event_publish_pack (ctx->h, "barrier.exit", 0, "{s:s s:i}",
                                                "name", name, "errnum", errnum);

    if (!f)
        flux_log_error (ctx->h, "barrier.exit");
    flux_future_destroy (f);
}

static void add (struct ctx *ctx, struct barrier *b, int count)
{
    b->count += count;
    if (ctx->rank == 0) {
        if (b->count >= b->nprocs)
            publish_exit (ctx, b->name, 0);
        return;
    }
    b->pending += count;
    flux_watcher_start (ctx->prepare);
    flux_watcher_start (ctx->idle);
}

/* End of a turn: one message for each barrier that grew. */
static void prepare_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;
    size_t pos = 0;
    void *value;

    flux_watcher_stop (ctx->prepare);
    flux_watcher_stop (ctx->idle);
    while (hashmap_next (ctx->barriers, &pos, NULL, &value)) {
        struct barrier *b = value;
        flux_future_t *f;

        if (b->pending == 0)
            continue;
        f = flux_rpc_pack (ctx->h, "barrier.update", FLUX_NODEID_UPSTREAM,
                           FLUX_RPC_NORESPONSE, "{s:s s:i s:i}", "name", b->name,
                           "nprocs", b->nprocs, "count", b->pending);
        if (!f)
            flux_log_error (ctx->h, "barrier.update");
        flux_future_destroy (f);
        b->pending = 0;
    }
}

/* Names are each user's own: nobody enters, or breaks, a barrier of another. */
static struct barrier *find_for (struct ctx *ctx, const flux_msg_t *msg,
                                 const char *name, int nprocs)
{
    struct barrier *b = NULL;
    uint32_t userid;
    char *key;

    if (flux_msg_get_userid (msg, &userid) < 0
        || asprintf (&key, "%u:%s", userid, name) < 0)
        return NULL;
    b = find_or_create (ctx, key, nprocs);
    free (key);
    return b;
}

static void enter_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    struct barrier *b;
    const char *name;
    int nprocs;

    if (flux_request_unpack (msg, NULL, "{s:s s:i}", "name", &name, "nprocs", &nprocs)
            < 0
        || !*name || nprocs < 1) {
        (void)flux_respond_error (h, msg, EPROTO, NULL);
        return;
    }
    if (!(b = find_for (ctx, msg, name, nprocs))) {
        (void)flux_respond_error (h, msg, errno, NULL);
        return;
    }
    if (b->nprocs != nprocs) {
        (void)flux_respond_error (h, msg, EINVAL,
                                  "barrier has another number of processes");
        return;
    }
    if (flux_msglist_append (b->clients, msg) < 0) {
        (void)flux_respond_error (h, msg, errno, NULL);
        return;
    }
    add (ctx, b, 1);
}

static void update_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    struct barrier *b;
    const char *name;
    int nprocs, count;

    if (flux_request_unpack (msg, NULL, "{s:s s:i s:i}", "name", &name, "nprocs",
                             &nprocs, "count", &count)
            < 0
        || !(b = find_or_create (ctx, name, nprocs))) {
        flux_log_error (h, "barrier.update");
        return;
    }
    if (b->nprocs != nprocs)
        publish_exit (ctx, name, EINVAL);
    else
        add (ctx, b, count);
}

static void exit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    const flux_msg_t *req;
    struct barrier *b;
    const char *name;
    int errnum;

    if (flux_event_unpack (msg, NULL, "{s:s s:i}", "name", &name, "errnum", &errnum) < 0
        || !(b = hashmap_lookup (ctx->barriers, name)))
        return;
    while ((req = flux_msglist_pop (b->clients))) {
        if (errnum)
            (void)flux_respond_error (h, req, errnum, NULL);
        else
            (void)flux_respond (h, req, NULL);
        flux_msg_decref (req);
    }
    hashmap_remove (ctx->barriers, name);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct ctx *ctx = arg;
    size_t pos = 0;
    void *value;

    while (hashmap_next (ctx->barriers, &pos, NULL, &value)) {
        struct barrier *b = value;

        if (flux_msglist_disconnect (b->clients, msg) > 0)
            publish_exit (ctx, b->name, ECONNABORTED);
    }
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
    int rc = -1;

    if (flux_get_rank (h, &ctx.rank) < 0
        || !(ctx.barriers = hashmap_create (barrier_destroy))
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
    hashmap_destroy (ctx.barriers);
    return rc;
}
