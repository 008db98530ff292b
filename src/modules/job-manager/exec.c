/* The exec service's protocol (RFC 32). */
#include "ctx.h"
#include "modules/job-manager/machine/wire.h"

#include "core/message/message.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

void exec_start_op (const struct job *job, bool reattach, void *arg)
{
    struct ctx *ctx = arg;
    struct buf *b = &ctx->scratch;
    char *R = job_current_R (job);
    flux_msg_t *msg;

    buf_reset (b);
    wire_exec_start (b, job, R ? R : job->R, reattach);
    free (R);
    if (!(msg = flux_request_encode (ctx->exec_topic, b->data))
        || flux_msg_set_streaming (msg) < 0 || flux_send_new (ctx->h, &msg, 0) < 0) {
        flux_log_error (ctx->h, "%s: cannot be sent", ctx->exec_topic);
        flux_msg_decref (msg);
    }
}

/* The exec service listens to this event in order to end the job. */
void exec_exception_op (const struct job *job, const struct event *ev, void *arg)
{
    struct ctx *ctx = arg;
    flux_future_t *f = flux_event_publish_pack (
        ctx->h, "job-exception", 0, "{s:I s:s s:i s:s}", "id", (json_int_t)job->id,
        "type", ev->exception, "severity", ev->severity, "note", ev->note);

    if (!f)
        flux_log_error (ctx->h, "job-exception: cannot be published");
    flux_future_destroy (f);
}

static void kill_continuation (flux_future_t *f, void *arg)
{
    struct ctx *ctx = arg;

    if (flux_future_get (f, NULL) < 0 && errno != ENOENT)
        flux_log (ctx->h, LOG_ERR, "%s: %s", ctx->exec_kill_topic,
                  flux_future_error_string (f));
    flux_future_destroy (f);
}

int exec_kill (struct ctx *ctx, const struct job *job, int signum, flux_error_t *error)
{
    flux_future_t *f;

    if (signum <= 0 || signum > SIGRTMAX) {
        snprintf (error->text, sizeof (error->text), "signal %d does not exist",
                  signum);
        errno = EINVAL;
        return -1;
    }
    if (job->state != FLUX_JOB_STATE_RUN || !job->exec_sent || !ctx->exec) {
        snprintf (error->text, sizeof (error->text), "job is not running");
        errno = EINVAL;
        return -1;
    }
    f = flux_rpc_pack (ctx->h, ctx->exec_kill_topic, FLUX_NODEID_ANY, 0, "{s:I s:i}",
                       "id", (json_int_t)job->id, "signum", signum);
    if (!f || flux_future_then (f, -1., kill_continuation, ctx) < 0) {
        flux_future_destroy (f);
        snprintf (error->text, sizeof (error->text), "cannot reach the exec service");
        return -1;
    }
    return 0;
}

static void lost (struct ctx *ctx, const char *why)
{
    flux_watcher_stop (ctx->exec_timer);
    if (!ctx->exec)
        return;
    flux_log (ctx->h, LOG_DEBUG, "exec service is gone: %s", why);
    flux_msg_decref (ctx->exec);
    ctx->exec = NULL;
    manager_exec_lost (ctx->m);
    if (ctx->ending)
        manager_exec_over (ctx->m);
}

void exec_disconnect (struct ctx *ctx, const flux_msg_t *msg)
{
    if (ctx->exec && flux_disconnect_match (msg, ctx->exec))
        lost (ctx, "disconnected");
}

#define PATIENCE 10. /* s without a word */

void exec_timeout (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct ctx *ctx = arg;

    flux_log (ctx->h, LOG_WARNING,
              "%s: the exec service, a client, does not answer, and is not waited for "
              "any longer",
              ctx->exec_topic);
    lost (ctx, "it does not answer");
}

static void be_patient (struct ctx *ctx)
{
    if (!ctx->ending || !ctx->exec || msg_is_from_module (ctx->exec))
        return;
    flux_timer_watcher_reset (ctx->exec_timer, PATIENCE, 0.);
    flux_watcher_start (ctx->exec_timer);
}

void exec_end (struct ctx *ctx)
{
    ctx->ending = true;
    if (!ctx->exec)
        manager_exec_over (ctx->m);
    be_patient (ctx);
}

static void hello_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *service;
    char *start = NULL, *kill = NULL;
    int keeps = 0, limits = 0;

    if (flux_request_unpack (msg, NULL, "{s:s s?b s?b}", "service", &service,
                             "reattaches", &keeps, "limits", &limits)
        < 0)
        goto error;
    if (ctx->exec && !flux_msg_route_match_first (ctx->exec, msg)) {
        errno = EEXIST; /* it has to go first */
        goto error;
    }
    if (asprintf (&start, "%s.start", service) < 0
        || asprintf (&kill, "%s.kill", service) < 0)
        goto error;
    lost (ctx, "it says hello again");
    free (ctx->exec_topic);
    free (ctx->exec_kill_topic);
    ctx->exec_topic = start;
    ctx->exec_kill_topic = kill;
    ctx->exec = flux_msg_incref (msg);
    flux_respond (h, msg, NULL);
    manager_exec_hello (ctx->m, keeps, limits);
    be_patient (ctx);
    return;
error:
    flux_respond_error (h, msg, errno, NULL);
    free (start);
}

static void answer (struct ctx *ctx, const char *s)
{
    struct exec_answer a;

    if (exec_answer_decode (s, &a) < 0) {
        flux_log_error (ctx->h, "%s: answer %.80s", ctx->exec_topic, s);
        return;
    }
    switch (a.type) {
    case EXEC_START:
        if (a.left > 0)
            manager_exec_time_left (ctx->m, a.id, a.left);
        manager_exec_start (ctx->m, a.id);
        break;
    case EXEC_FINISH:
        manager_exec_finish (ctx->m, a.id, a.status);
        break;
    case EXEC_RELEASE:
        manager_exec_release (ctx->m, a.id, a.ranks, a.final);
        break;
    case EXEC_EXCEPTION:
        manager_exec_exception (ctx->m, a.id, a.severity, a.kind, a.note);
        break;
    case EXEC_REATTACHED:
        break;
    }
    exec_answer_fini (&a);
}

static void start_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct ctx *ctx = arg;
    const char *s, *topic;

    if (!ctx->exec_topic || flux_msg_get_topic (msg, &topic) < 0
        || strcmp (topic, ctx->exec_topic) != 0)
        return;
    if (flux_response_decode (msg, NULL, &s) < 0)
        lost (ctx, strerror (errno));
    else if (s)
        answer (ctx, s);
    be_patient (ctx);
}

const struct flux_msg_handler_spec exec_handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-manager.exec-hello", hello_cb, 0 },
    { FLUX_MSGTYPE_RESPONSE, "*.start", start_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};
