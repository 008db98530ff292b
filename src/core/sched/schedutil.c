/* The scheduler's end of RFC 27.
 *
 * RFC 27 wants R in the KVS before job-manager has the answer, so that whoever finds
 * the alloc event finds R. Here job-manager puts both into one commit ("R_owed" says
 * that it is to): a core does not lie idle for a round trip with each job, there is
 * one commit less, and there are none here that could fail. */
#include <errno.h>
#include <flux/core.h>
#include <flux/schedutil.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "core/message/message.h"

enum { SUCCESS = 0, ANNOTATE = 1, DENY = 2, CANCEL = 3 };

struct schedutil_ctx {
    flux_t *h;
    int flags;
    const struct schedutil_ops *ops;
    void *arg;
    flux_msg_handler_t **handlers;
};

/* ,"annotations":{...} */
static int add_annotations (struct buf *buf, const char *fmt, va_list ap)
{
    json_t *o = json_vpack_or (EINVAL, NULL, fmt, ap);
    int rc = -1;

    if (!o)
        return -1;
    if (!json_is_object (o))
        errno = EINVAL;
    else if (buf_adds (buf, ",\"annotations\":") == 0)
        rc = json_encode (buf, o);
    json_decref (o);
    return rc;
}

/* {"id":ID,"type":TYPE without the closing brace. */
static int begin_answer (struct buf *buf, const flux_msg_t *msg, int type)
{
    flux_jobid_t id;

    if (flux_request_unpack (msg, NULL, "{s:I}", "id", &id) < 0)
        return -1;
    return buf_printf (buf, "{\"id\":%ju,\"type\":%d", (uintmax_t)id, type);
}

static int respond_buf (schedutil_t *util, const flux_msg_t *msg, struct buf *buf)
{
    int rc;

    buf_addc (buf, '}');
    rc = buf->err ? -1 : flux_respond (util->h, msg, buf->data);
    buf_fini (buf);
    return rc;
}

int schedutil_alloc_respond_success_pack (schedutil_t *util, const flux_msg_t *msg,
                                          const char *R, const char *fmt, ...)
{
    struct buf buf = BUF_INIT;
    va_list ap;
    int rc;

    if (!R) {
        errno = EINVAL;
        return -1;
    }
    if (begin_answer (&buf, msg, SUCCESS) < 0)
        goto error;
    if (fmt) {
        va_start (ap, fmt);
        rc = add_annotations (&buf, fmt, ap);
        va_end (ap);
        if (rc < 0)
            goto error;
    }
    buf_adds (&buf, ",\"R_owed\":true,\"R\":");
    buf_adds (&buf, R);
    return respond_buf (util, msg, &buf);
error:
    buf_fini (&buf);
    return -1;
}

int schedutil_alloc_respond_annotate_pack (schedutil_t *util, const flux_msg_t *msg,
                                           const char *fmt, ...)
{
    struct buf buf = BUF_INIT;
    va_list ap;
    int rc = begin_answer (&buf, msg, ANNOTATE);

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

    if (begin_answer (&buf, msg, CANCEL) < 0) {
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

/* Only job-manager asks. What another asked for would stand in the way of what it asks
 * for the same job, and it would wait for an answer that went elsewhere. */
static bool is_foreign (flux_t *h, const flux_msg_t *msg)
{
    if (msg_is_from_module (msg))
        return false;
    flux_respond_error (h, msg, EPERM, "only job-manager may ask this");
    return true;
}

static void alloc_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct schedutil_ctx *util = arg;

    if (is_foreign (h, msg))
        return;
    util->ops->alloc (h, msg, util->arg);
}

static void free_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct schedutil_ctx *util = arg;
    char *s = NULL;
    json_t *R;

    if (is_foreign (h, msg))
        return;
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

    if (is_foreign (h, msg))
        return;
    util->ops->cancel (h, msg, util->arg);
}

static void prioritize_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct schedutil_ctx *util = arg;

    if (is_foreign (h, msg))
        return;
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
    if (flux_msg_handler_addvec (h, handlers, util, &util->handlers) < 0
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

/* "limited=N": N, else 0. */
static int limit_of (const char *mode)
{
    static const char name[] = "limited=";
    const char *digits = mode + sizeof (name) - 1;
    char *end;
    long n;

    if (strncmp (mode, name, sizeof (name) - 1) != 0 || *digits < '0' || *digits > '9')
        return 0;
    errno = 0;
    n = strtol (digits, &end, 10);
    return errno || *end || n > INT_MAX ? 0 : n;
}

int schedutil_ready (schedutil_t *util, const char *mode, int *queue_depth)
{
    int limit = mode ? limit_of (mode) : 0, count, rc = -1;
    flux_future_t *f;

    if (limit > 0)
        f = flux_rpc_pack (util->h, "job-manager.sched-ready", FLUX_NODEID_ANY, 0,
                           "{s:s s:i}", "mode", "limited", "limit", limit);
    else if (mode && !strcmp (mode, "unlimited"))
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
