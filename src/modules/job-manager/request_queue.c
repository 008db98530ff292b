/* What clients ask about queues (RFC 33), and what survives a restart of it. */
#include "core/reason.h"
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define KEY "checkpoint.job-manager"

static struct jobqueue *lookup (struct ctx *ctx, const char *name, flux_error_t *error)
{
    if (!name && ctx->m->queues.named) {
        snprintf (error->text, sizeof (error->text), "a queue must be named");
        errno = EINVAL;
        return NULL;
    }
    return jobqueues_lookup (&ctx->m->queues, name, error);
}

/* While paused all queues are as if disabled and stopped. */
static json_t *status_of (struct ctx *ctx, const struct jobqueue *jq)
{
    json_t *o = jobqueue_status (jq);
    flux_error_t error;

    if (o && manager_check_paused (ctx->m, &error) < 0) {
        json_object_set_new (o, "enable", json_false ());
        json_object_set_new (o, "start", json_false ());
        json_object_set_new (o, "disable_reason", json_string (error.text));
        json_object_set_new (o, "stop_reason", json_string (error.text));
    }
    return o;
}

static void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    const char *name = NULL;
    struct jobqueue *jq;

    if (flux_request_unpack (msg, NULL, "{s?s}", "name", &name) < 0
        || !(jq = lookup (ctx, name, &error)))
        ctx_respond_text (ctx, msg, &error);
    else
        flux_respond_pack (h, msg, "o", status_of (ctx, jq));
}

static void list_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    json_t *a = json_array ();

    list_foreach (&ctx->m->queues.queues, l) {
        struct jobqueue *jq = container_of (l, struct jobqueue, link);
        if (jq->name && jq->configured)
            json_array_append_new (a, json_string (jq->name));
    }
    flux_respond_pack (h, msg, "{s:o}", "queues", a);
}

/* A change that is answered once it is saved, or taken back. */
struct change {
    struct ctx *ctx;
    const flux_msg_t *msg;
    json_t *before;
};

static void change_destroy (void *arg)
{
    struct change *c = arg;

    flux_msg_decref (c->msg);
    json_decref (c->before);
    free (c);
}

static void undo (struct change *c, const char *why)
{
    flux_error_t error;
    int errnum = errno;

    snprintf (error.text, sizeof (error.text), "status of queues cannot be saved: %s",
              why);
    flux_log (c->ctx->h, LOG_ERR, "%s", error.text);
    jobqueues_restore (&c->ctx->m->queues, c->before);
    flux_respond_error (c->ctx->h, c->msg, errnum, error.text);
}

static void save_continuation (flux_future_t *f, void *arg)
{
    struct change *c = arg;

    if (flux_future_get (f, NULL) < 0)
        undo (c, flux_future_error_string (f));
    else
        flux_respond (c->ctx->h, c->msg, NULL);
    flux_future_destroy (f);
}

static struct change *change_begin (struct ctx *ctx, const flux_msg_t *msg)
{
    struct change *c = calloc (1, sizeof (*c));

    if (!c)
        return NULL;
    c->ctx = ctx;
    c->msg = flux_msg_incref (msg);
    c->before = jobqueues_save (&ctx->m->queues);
    return c;
}

/* Takes c, and answers its request. */
static void change_save (struct change *c)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f = NULL;

    if (txn
        && flux_kvs_txn_pack (txn, 0, KEY, "{s:o}", "queues",
                              jobqueues_save (&c->ctx->m->queues))
               == 0)
        f = flux_kvs_commit (c->ctx->h, NULL, 0, txn);
    if (!f || flux_future_aux_set (f, NULL, c, change_destroy) < 0) {
        undo (c, strerror (errno));
        change_destroy (c);
        flux_future_destroy (f);
    } else if (flux_future_then (f, -1., save_continuation, c) < 0) {
        undo (c, strerror (errno));
        flux_future_destroy (f);
    }
    flux_kvs_txn_destroy (txn);
}

static void stop_all (struct jobqueues *queues)
{
    list_foreach (&queues->queues, l) {
        struct jobqueue *jq = container_of (l, struct jobqueue, link);

        if (jq->started)
            jobqueue_set_started (jq, false, "Automatically stopped due to restart",
                                  false);
    }
}

int queue_restore (struct ctx *ctx)
{
    flux_future_t *f = flux_kvs_lookup (ctx->h, NULL, 0, KEY);
    json_t *queues;

    if (f && flux_kvs_lookup_get_unpack (f, "{s:o}", "queues", &queues) == 0)
        jobqueues_restore (&ctx->m->queues, queues);
    else if (!f || errno != ENOENT)
        flux_log_error (ctx->h, KEY);
    flux_future_destroy (f);
    return 0;
}

void queue_restarted (struct ctx *ctx)
{
    int stop = 0;

    if (flux_conf_unpack (flux_get_conf (ctx->h), NULL, "{s?{s?b}}", "job-manager",
                          "stop-queues-on-restart", &stop)
            == 0
        && stop)
        stop_all (&ctx->m->queues);
}

/* One queue, or all, or the anonymous one. */
static int for_each (struct ctx *ctx, const char *name, bool all,
                     void (*fn) (struct ctx *ctx, struct jobqueue *jq, bool on,
                                 const char *reason, bool nocheckpoint),
                     bool on, const char *reason, bool nocheckpoint,
                     flux_error_t *error)
{
    struct jobqueue *jq;

    if (!all) {
        if (!(jq = lookup (ctx, name, error)))
            return -1;
        fn (ctx, jq, on, reason, nocheckpoint);
        return 0;
    }
    list_foreach (&ctx->m->queues.queues, l)
        fn (ctx, container_of (l, struct jobqueue, link), on, reason, nocheckpoint);
    return 0;
}

static void enable (struct ctx *ctx, struct jobqueue *jq, bool on, const char *reason,
                    bool nocheckpoint)
{
    jobqueue_set_enabled (jq, on, reason, nocheckpoint);
}

static void start (struct ctx *ctx, struct jobqueue *jq, bool on, const char *reason,
                   bool nocheckpoint)
{
    manager_queue_start (ctx->m, jq, on, reason, nocheckpoint);
}

static void change_end (struct change *take_c, const flux_msg_t *msg, bool nocheckpoint)
{
    flux_t *h = take_c->ctx->h;

    if (!nocheckpoint) {
        change_save (take_c);
        return;
    }
    change_destroy (take_c);
    flux_respond (h, msg, NULL);
}

static void enable_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    const char *name = NULL, *reason = NULL;
    struct change *c = change_begin (ctx, msg);
    int on, all = 0, nocheckpoint = 0;

    if (!c
        || flux_request_unpack (msg, NULL, "{s?s s:b s?s s?b s?b}", "name", &name,
                                "enable", &on, "reason", &reason, "all", &all,
                                "nocheckpoint", &nocheckpoint)
               < 0
        || reason_check (reason, &error) < 0
        || (!nocheckpoint && manager_check_paused (ctx->m, &error) < 0)
        || for_each (ctx, name, all, enable, on, reason, nocheckpoint, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        if (c)
            change_destroy (c);
        return;
    }
    change_end (c, msg, nocheckpoint);
}

static void start_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    const char *name = NULL, *reason = NULL;
    struct change *c = change_begin (ctx, msg);
    int on, all = 0, nocheckpoint = 0;

    if (!c
        || flux_request_unpack (msg, NULL, "{s?s s:b s?s s?b s?b}", "name", &name,
                                "start", &on, "reason", &reason, "all", &all,
                                "nocheckpoint", &nocheckpoint)
               < 0
        || reason_check (reason, &error) < 0
        || (!nocheckpoint && manager_check_paused (ctx->m, &error) < 0)
        || for_each (ctx, name, all, start, on, reason, nocheckpoint, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        if (c)
            change_destroy (c);
        return;
    }
    change_end (c, msg, nocheckpoint);
}

static size_t running (const struct ctx *ctx)
{
    return ctx->m->nstate[4] + ctx->m->nstate[5];
}

static void alloc_query_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                            void *arg)
{
    struct ctx *ctx = arg;

    flux_respond_pack (h, msg, "{s:i s:i s:i}", "queue_length",
                       (int)manager_waiting (ctx->m), "alloc_pending",
                       (int)ctx->m->allocs.count, "running", (int)running (ctx));
}

static void drain_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;

    if (!ctx_room (ctx, ctx->drains, msg))
        return;
    if (flux_msglist_append (ctx->drains, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void idle_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    int end = 0;

    if (!ctx_room (ctx, ctx->idles, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s?b}", "end", &end) == 0 && end
        && flux_msg_authorize (msg, FLUX_USERID_UNKNOWN) == 0)
        exec_end (ctx);
    if (flux_msglist_append (ctx->idles, msg) < 0)
        flux_respond_error (h, msg, errno, NULL);
}

static void answer (struct ctx *ctx, struct flux_msglist *l, size_t pending)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (l))) {
        flux_respond_pack (ctx->h, msg, "{s:i}", "pending", (int)pending);
        flux_msg_decref (msg);
    }
}

void queue_turn (struct ctx *ctx)
{
    size_t active = idmap_count (ctx->m->jobs);

    if (flux_msglist_count (ctx->drains) > 0 && active == 0)
        answer (ctx, ctx->drains, 0);
    if (flux_msglist_count (ctx->idles) > 0 && running (ctx) == 0
        && ctx->m->allocs.count == 0 && (ctx->m->nstate[6] == 0 || ctx->m->paused))
        answer (ctx, ctx->idles, active);
}

int queue_configure (struct ctx *ctx, const flux_conf_t *conf, flux_error_t *error)
{
    json_t *queues = NULL, *policy = NULL;

    if (flux_conf_unpack (conf, error, "{s?o s?o}", "queues", &queues, "policy",
                          &policy)
        < 0)
        return -1;
    return jobqueues_configure (&ctx->m->queues, queues, policy, error);
}

const struct flux_msg_handler_spec queue_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.queue-status", status_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.queue-list", list_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.queue-enable", enable_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.queue-start", start_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-manager.alloc-query", alloc_query_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.drain", drain_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-manager.idle", idle_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};
