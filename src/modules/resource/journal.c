/* Events and R on their way into the KVS. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "core/kvs/kvs_health.h"
#include "core/kvs/txn.h"
#include "resource.h"
#include "value/eventlog.h"

/* How long the end of the module waits for what is on its way to the KVS. */
#define FINI_TIMEOUT 10.

struct commit {
    struct list node;
    flux_future_t *f;
    struct resource *ctx;
    struct flux_msglist *answers;
};

static void finish (struct commit *c, int errnum, const char *text)
{
    flux_t *h = c->ctx->h;
    const flux_msg_t *msg;

    if (errnum)
        flux_log (h, LOG_ERR, "commit to the KVS: %s", text);
    while ((msg = flux_msglist_pop (c->answers))) {
        if (errnum)
            flux_respond_error (h, msg, errnum, "commit to the KVS failed");
        else
            flux_respond (h, msg, NULL);
        flux_msg_decref (msg);
    }
    list_remove (&c->node);
    flux_msglist_destroy (c->answers);
    flux_future_destroy (c->f);
    free (c);
}

static void committed (flux_future_t *f, void *arg)
{
    int errnum = flux_future_get (f, NULL) < 0 ? errno : 0;
    struct commit *c = arg;

    if (errnum) /* what comes next is not to be refused with it */
        flux_future_destroy (kvs_order_reset (c->ctx->h));
    finish (arg, errnum, flux_future_error_string (f));
}

static int fill (struct resource *ctx, flux_kvs_txn_t *txn)
{
    int rc = 0;

    if (ctx->put_R) {
        char *s = rset_encode (ctx->inv.R);
        rc = s ? flux_kvs_txn_put (txn, 0, "resource.R", s) : -1;
        free (s);
    }
    if (rc == 0 && ctx->lines.len > 0)
        rc = flux_kvs_txn_put (txn, FLUX_KVS_APPEND, "resource.eventlog",
                               ctx->lines.data);
    return rc;
}

static void commit (void *arg)
{
    struct resource *ctx = arg;
    struct commit *c = calloc (1, sizeof (*c));
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    flux_future_t *f = NULL;

    if (!c || !txn || fill (ctx, txn) < 0
        || !(f = flux_kvs_commit (ctx->h, KVS_PRIMARY_NAMESPACE, KVS_TXN_ORDERED, txn)))
        goto error;
    c->ctx = ctx;
    c->f = f;
    c->answers = flux_msglist_create ();
    if (!c->answers || flux_future_then (f, -1., committed, c) < 0)
        goto error;
    struct flux_msglist *empty = c->answers;
    c->answers = ctx->answers;
    ctx->answers = empty;
    list_append (&ctx->commits, &c->node);
    buf_reset (&ctx->lines);
    ctx->put_R = false;
    flux_kvs_txn_destroy (txn);
    return;
error:
    flux_log_error (ctx->h, "commit to the KVS");
    flux_kvs_txn_destroy (txn);
    flux_future_destroy (f);
    if (c)
        flux_msglist_destroy (c->answers);
    free (c);
}

static void tell_readers (struct resource *ctx, json_t *entry)
{
    const flux_msg_t *msg;

    for (msg = flux_msglist_first (ctx->journal_readers); msg;
         msg = flux_msglist_next (ctx->journal_readers))
        if (flux_respond_pack (ctx->h, msg, "{s:[O]}", "events", entry) < 0)
            flux_log_error (ctx->h, "journal: cannot answer");
}

void journal_post (struct resource *ctx, const char *name, json_t *take_context)
{
    char *line = eventlog_line (0, name, take_context);
    json_t *entry = line ? eventlog_entry_decode (line, strlen (line)) : NULL;

    json_decref (take_context);
    if (!entry || json_array_append_new (ctx->journal, entry) < 0
        || buf_adds (&ctx->lines, line) < 0)
        flux_log_error (ctx->h, "event %s is lost", name);
    else {
        while (json_array_size (ctx->journal) > (size_t)ctx->settings.journal_max)
            json_array_remove (ctx->journal, 0);
        tell_readers (ctx, entry);
    }
    free (line);
    reactor_before_sleep (flux_get_reactor (ctx->h), &ctx->commit);
}

void journal_put_R (struct resource *ctx)
{
    ctx->put_R = true;
    reactor_before_sleep (flux_get_reactor (ctx->h), &ctx->commit);
}

void journal_answer (struct resource *ctx, const flux_msg_t *msg)
{
    if (flux_msglist_append (ctx->answers, msg) < 0)
        flux_respond_error (ctx->h, msg, errno, NULL);
    reactor_before_sleep (flux_get_reactor (ctx->h), &ctx->commit);
}

void journal_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct resource *ctx = arg;
    int rc = 0;

    if (!flux_msg_is_streaming (msg)) {
        flux_respond_error (h, msg, EPROTO, "resource.journal is a streaming request");
        return;
    }
    if (flux_msglist_count (ctx->journal_readers) >= 1024
        || flux_msglist_append (ctx->journal_readers, msg) < 0) {
        flux_respond_error (h, msg, EAGAIN, "too many readers of the journal");
        return;
    }
    if (json_array_size (ctx->journal) > 0)
        rc = flux_respond_pack (h, msg, "{s:O}", "events", ctx->journal);
    if (rc < 0 || flux_respond_pack (h, msg, "{s:[]}", "events") < 0)
        flux_log_error (h, "journal: cannot answer");
}

int journal_init (struct resource *ctx)
{
    reactor_task_init (&ctx->commit, commit, ctx);
    list_init (&ctx->commits);
    ctx->journal = json_array ();
    ctx->answers = flux_msglist_create ();
    ctx->journal_readers = flux_msglist_create ();
    return ctx->journal && ctx->answers && ctx->journal_readers ? 0 : -1;
}

void journal_fini (struct resource *ctx)
{
    struct commit *c;

    reactor_task_cancel (&ctx->commit);
    if (ctx->lines.len > 0 || ctx->put_R)
        commit (ctx);
    while ((c = list_first (&ctx->commits, struct commit, node))) {
        if (flux_future_wait_for (c->f, FINI_TIMEOUT) < 0)
            finish (c, errno, "no answer");
        else
            committed (c->f, c);
    }
    buf_fini (&ctx->lines);
    json_decref (ctx->journal);
    flux_msglist_destroy (ctx->answers);
    flux_msglist_destroy (ctx->journal_readers);
}
