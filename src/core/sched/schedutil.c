/* The scheduler's end of RFC 27.
 *
 * Happy path of an allocation:
 *  1. job-manager sends sched.alloc; ops->alloc is called.
 *  2. The scheduler calls schedutil_alloc_respond_success_pack; R joins the
 *     transaction of this turn of the reactor, the answer waits.
 *  3. Before the reactor sleeps, the transaction is sent to the KVS, and behind
 *     it all its answers.
 *
 * RFC 27 wants R in the KVS before the answer. The KVS applies commits in the
 * order in which they come, and nobody can act on the answer before the commit
 * is in its queue: whatever job-manager commits next (the alloc event) is
 * applied after R. So the answer need not wait for the acknowledgement, and a
 * core does not lie idle for a round trip with each job.
 *
 * Failures: while the store below the KVS fails, the KVS holds the commit in its
 * place. If it refuses one nevertheless, that one and all behind it are sent again,
 * in their order, until they are taken; answers behind them wait. A commit that can
 * never be taken is fatal to the scheduler (the reactor
 * stops with an error); job-manager then asks the next one again. */
#include <errno.h>
#include <flux/core.h>
#include <flux/kvs.h>
#include <flux/schedutil.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/buf.h"
#include "base/list.h"
#include "core/kvs/kvs_health.h"
#include "core/kvs/txn.h"
#include "core/reactor/reactor.h"

#define RETRY_AFTER 1. /* s */

enum { SUCCESS = 0, ANNOTATE = 1, DENY = 2, CANCEL = 3 };

/* The answers that one commit makes true. */
struct batch {
    struct schedutil_ctx *util;
    flux_kvs_txn_t *txn;
    flux_future_t *f;
    struct list answers;
    struct list node; /* in util->commits or util->again */
};

struct answer {
    const flux_msg_t *msg;
    char *payload;
    struct list node;
};

struct schedutil_ctx {
    flux_t *h;
    int flags;
    const struct schedutil_ops *ops;
    void *arg;
    flux_msg_handler_t **handlers;
    struct reactor_task flush;
    struct batch *batch; /* of this turn */
    struct list commits; /* in flight */
    struct list again;   /* refused, and what came behind */
    flux_watcher_t *retry;
};

static void answer_destroy (struct answer *a)
{
    flux_msg_decref (a->msg);
    free (a->payload);
    free (a);
}

static void batch_destroy (struct batch *b)
{
    if (b) {
        int saved_errno = errno;
        struct list *node;
        while ((node = list_pop (&b->answers)))
            answer_destroy (container_of (node, struct answer, node));
        list_remove (&b->node);
        flux_future_destroy (b->f);
        flux_kvs_txn_destroy (b->txn);
        free (b);
        errno = saved_errno;
    }
}

static struct batch *batch_create (struct schedutil_ctx *util)
{
    struct batch *b = calloc (1, sizeof (*b));

    if (!b)
        return NULL;
    b->util = util;
    list_init (&b->answers);
    list_init (&b->node);
    if (!(b->txn = flux_kvs_txn_create ())) {
        batch_destroy (b);
        return NULL;
    }
    return b;
}

static void send_answers (struct batch *b)
{
    struct list *node;

    while ((node = list_pop (&b->answers))) {
        struct answer *a = container_of (node, struct answer, node);
        if (flux_respond (b->util->h, a->msg, a->payload) < 0)
            flux_log_error (b->util->h, "sched.alloc: cannot answer");
        answer_destroy (a);
    }
}

/* Could the same commit be accepted later? A KVS that is not there may be loaded
 * again. */
static bool is_transient (int errnum)
{
    return errnum != EPERM && errnum != EPROTO && errnum != EINVAL
           && errnum != EHOSTUNREACH;
}

/* The KVS refuses all that is behind it as well. */
static void refused (struct batch *b)
{
    struct schedutil_ctx *util = b->util;

    if (list_empty (&util->again))
        flux_log_error (util->h, "commit of R is refused, and sent again");
    flux_future_destroy (b->f);
    b->f = NULL;
    list_remove (&b->node);
    list_append (&util->again, &b->node);
}

static void retry_later (struct schedutil_ctx *util)
{
    if (list_empty (&util->again) || !list_empty (&util->commits))
        return;
    flux_timer_watcher_reset (util->retry, RETRY_AFTER, 0.);
    flux_watcher_start (util->retry);
}

static void committed (flux_future_t *f, void *arg)
{
    struct batch *b = arg;
    struct schedutil_ctx *util = b->util;
    flux_t *h = util->h;

    if (flux_future_get (f, NULL) == 0) {
        batch_destroy (b);
    } else if (is_transient (errno)) {
        refused (b);
    } else {
        flux_log_error (h, "commit of R failed");
        flux_reactor_stop_error (flux_get_reactor (h));
        batch_destroy (b);
    }
    retry_later (util);
}

static void send_commit (struct schedutil_ctx *util, struct batch *b)
{
    list_append (&util->commits, &b->node);
    b->f = flux_kvs_commit (util->h, KVS_PRIMARY_NAMESPACE, KVS_TXN_ORDERED, b->txn);
    if (!b->f || flux_future_then (b->f, -1., committed, b) < 0) {
        flux_log_error (util->h, "commit of R cannot be sent");
        flux_reactor_stop_error (flux_get_reactor (util->h));
        batch_destroy (b);
        return;
    }
    send_answers (b);
}

/* All that was in flight has come back. */
static void retry_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct schedutil_ctx *util = arg;
    flux_future_t *f = kvs_order_reset (util->h);
    struct list *node;

    flux_watcher_stop (w);
    flux_future_destroy (f); /* by order it comes before the commits */
    while ((node = list_pop (&util->again)))
        send_commit (util, container_of (node, struct batch, node));
}

static void flush (void *arg)
{
    struct schedutil_ctx *util = arg;
    struct batch *b = util->batch;

    util->batch = NULL;
    if (list_empty (&util->again))
        send_commit (util, b);
    else
        list_append (&util->again, &b->node);
}

/* ,"annotations":{...} */
static int add_annotations (struct buf *buf, const char *fmt, va_list ap)
{
    json_t *o = json_vpack_ex (NULL, 0, fmt, ap);
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;

    json_decref (o);
    if (!s) {
        errno = EINVAL;
        return -1;
    }
    buf_adds (buf, ",\"annotations\":");
    buf_adds (buf, s);
    free (s);
    return 0;
}

/* {"id":ID,"type":TYPE without the closing brace. */
static int begin_answer (struct buf *buf, const flux_msg_t *msg, int type,
                         flux_jobid_t *idp)
{
    flux_jobid_t id;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0)
        return -1;
    if (idp)
        *idp = id;
    return buf_printf (buf, "{\"id\":%ju,\"type\":%d", (uintmax_t)id, type);
}

static int queue_answer (struct schedutil_ctx *util, const flux_msg_t *msg,
                         const char *key, const char *R, char *take_payload)
{
    struct answer *a = calloc (1, sizeof (*a));

    if (!a || !take_payload) {
        free (take_payload);
        free (a);
        errno = ENOMEM;
        return -1;
    }
    a->msg = flux_msg_incref (msg);
    a->payload = take_payload;
    if ((!util->batch && !(util->batch = batch_create (util)))
        || flux_kvs_txn_put (util->batch->txn, 0, key, R) < 0) {
        answer_destroy (a);
        return -1;
    }
    list_append (&util->batch->answers, &a->node);
    reactor_before_sleep (flux_get_reactor (util->h), &util->flush);
    return 0;
}

int schedutil_alloc_respond_success_pack (schedutil_t *util, const flux_msg_t *msg,
                                          const char *R, const char *fmt, ...)
{
    struct buf buf = BUF_INIT;
    flux_jobid_t id;
    char key[64];
    va_list ap;
    int rc;

    if (begin_answer (&buf, msg, SUCCESS, &id) < 0
        || flux_job_kvs_key (key, sizeof (key), id, "R") < 0)
        goto error;
    if (fmt) {
        va_start (ap, fmt);
        rc = add_annotations (&buf, fmt, ap);
        va_end (ap);
        if (rc < 0)
            goto error;
    }
    buf_adds (&buf, ",\"R\":");
    buf_adds (&buf, R);
    buf_addc (&buf, '}');
    return queue_answer (util, msg, key, R, buf_take (&buf, NULL));
error:
    buf_fini (&buf);
    return -1;
}

static int respond_buf (schedutil_t *util, const flux_msg_t *msg, struct buf *buf)
{
    int rc;

    buf_addc (buf, '}');
    rc = buf->err ? -1 : flux_respond (util->h, msg, buf->data);
    buf_fini (buf);
    return rc;
}

int schedutil_alloc_respond_annotate_pack (schedutil_t *util, const flux_msg_t *msg,
                                           const char *fmt, ...)
{
    struct buf buf = BUF_INIT;
    va_list ap;
    int rc = begin_answer (&buf, msg, ANNOTATE, NULL);

    if (rc == 0) {
        va_start (ap, fmt);
        rc = add_annotations (&buf, fmt, ap);
        va_end (ap);
    }
    if (rc < 0) {
        buf_fini (&buf);
        return -1;
    }
    return respond_buf (util, msg, &buf);
}

int schedutil_alloc_respond_deny (schedutil_t *util, const flux_msg_t *msg,
                                  const char *note)
{
    flux_jobid_t id;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0)
        return -1;
    if (!note)
        return flux_respond_pack (util->h, msg, "{s:I s:i}", "id", id, "type", DENY);
    return flux_respond_pack (util->h, msg, "{s:I s:i s:s}", "id", id, "type", DENY,
                              "note", note);
}

int schedutil_alloc_respond_cancel (schedutil_t *util, const flux_msg_t *msg)
{
    struct buf buf = BUF_INIT;

    if (begin_answer (&buf, msg, CANCEL, NULL) < 0) {
        buf_fini (&buf);
        return -1;
    }
    return respond_buf (util, msg, &buf);
}

/* RFC 27: sched.free is not answered. */
int schedutil_free_respond (schedutil_t *util, const flux_msg_t *msg)
{
    return 0;
}

static void alloc_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct schedutil_ctx *util = arg;

    util->ops->alloc (h, msg, util->arg);
}

static void free_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct schedutil_ctx *util = arg;
    char *s = NULL;
    json_t *R;

    if (!(util->flags & SCHEDUTIL_FREE_NOLOOKUP)) {
        if (flux_request_unpack (msg, NULL, "{s:o}", "R", &R) < 0
            || !(s = json_dumps (R, JSON_COMPACT))) {
            flux_log_error (h, "sched.free: malformed request");
            return;
        }
    }
    util->ops->free (h, msg, s, util->arg);
    free (s);
}

static void cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct schedutil_ctx *util = arg;

    util->ops->cancel (h, msg, util->arg);
}

static void prioritize_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct schedutil_ctx *util = arg;

    if (util->ops->prioritize)
        util->ops->prioritize (h, msg, util->arg);
    else
        flux_log (h, LOG_ERR, "sched.prioritize: not supported by this scheduler");
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "sched.alloc", alloc_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "sched.free", free_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "sched.cancel", cancel_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "sched.prioritize", prioritize_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* Named after the module when it is loaded as "sched", else by request. */
static int register_service (flux_t *h)
{
    flux_future_t *f = flux_service_register (h, "sched");
    int rc = f ? flux_future_get (f, NULL) : -1;

    flux_future_destroy (f);
    return rc;
}

schedutil_t *schedutil_create (flux_t *h, int flags, const struct schedutil_ops *ops,
                               void *arg)
{
    struct schedutil_ctx *util;

    if (!h || !ops || !ops->alloc || !ops->free || !ops->cancel) {
        errno = EINVAL;
        return NULL;
    }
    if (!(util = calloc (1, sizeof (*util))))
        return NULL;
    util->h = h;
    util->flags = flags;
    util->ops = ops;
    util->arg = arg;
    list_init (&util->commits);
    list_init (&util->again);
    reactor_task_init (&util->flush, flush, util);
    if (!(util->retry =
              flux_timer_watcher_create (flux_get_reactor (h), 0., 0., retry_cb, util))
        || flux_msg_handler_addvec (h, handlers, util, &util->handlers) < 0
        || register_service (h) < 0) {
        schedutil_destroy (util);
        return NULL;
    }
    return util;
}

void schedutil_destroy (schedutil_t *util)
{
    if (util) {
        int saved_errno = errno;
        struct list *node;
        reactor_task_cancel (&util->flush);
        batch_destroy (util->batch);
        while ((node = list_pop (&util->commits)))
            batch_destroy (container_of (node, struct batch, node));
        while ((node = list_pop (&util->again)))
            batch_destroy (container_of (node, struct batch, node));
        flux_watcher_destroy (util->retry);
        flux_msg_handler_delvec (util->handlers);
        free (util);
        errno = saved_errno;
    }
}

/* R of a running job, without the ranks that are free already. */
static int hello_one (schedutil_t *util, flux_future_t *f)
{
    const flux_msg_t *msg;
    json_t *R;
    char *s;
    int rc = -1;

    if (flux_future_get (f, (const void **)&msg) < 0
        || flux_msg_unpack (msg, "{s:o}", "R", &R) < 0)
        return -1;
    if ((s = json_dumps (R, JSON_COMPACT)))
        rc = util->ops->hello ? util->ops->hello (util->h, msg, s, util->arg) : 0;
    free (s);
    return rc;
}

int schedutil_hello (schedutil_t *util)
{
    bool partial_ok = util->flags & SCHEDUTIL_HELLO_PARTIAL_OK;
    flux_future_t *f;
    int rc = -1;

    f = flux_rpc_pack (util->h, "job-manager.sched-hello", FLUX_NODEID_ANY,
                       FLUX_RPC_STREAMING, "{s:b}", "partial-ok", partial_ok);
    if (!f)
        return -1;
    while (flux_rpc_get (f, NULL) == 0) {
        if (hello_one (util, f) < 0)
            goto out;
        flux_future_reset (f);
    }
    rc = errno == ENODATA ? 0 : -1;
out:
    flux_future_destroy (f);
    return rc;
}

int schedutil_ready (schedutil_t *util, const char *mode, int *queue_depth)
{
    flux_future_t *f;
    int limit = 0, count, rc = -1;
    char name[32] = "";

    if (!mode || sscanf (mode, "%31[^=]=%d", name, &limit) < 1) {
        errno = EINVAL;
        return -1;
    }
    if (!strcmp (name, "limited") && limit > 0)
        f = flux_rpc_pack (util->h, "job-manager.sched-ready", FLUX_NODEID_ANY, 0,
                           "{s:s s:i}", "mode", "limited", "limit", limit);
    else if (!strcmp (mode, "unlimited"))
        f = flux_rpc_pack (util->h, "job-manager.sched-ready", FLUX_NODEID_ANY, 0,
                           "{s:s}", "mode", "unlimited");
    else {
        errno = EINVAL;
        return -1;
    }
    if (f && flux_rpc_get_unpack (f, "{s:i}", "count", &count) == 0) {
        if (queue_depth)
            *queue_depth = count;
        rc = 0;
    }
    flux_future_destroy (f);
    return rc;
}
