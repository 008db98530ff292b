/* What comes with job-manager, under the names that sites know. Features of the core stay
 * where they are and cost what they did: here they have a switch. Services are plugins
 * like any other. */
#include "modules/job-manager/jobtap/jobtap.h"

#include <flux/jobtap.h>

#include <errno.h>
#include <string.h>

static struct ctx *ctx_of (flux_plugin_t *p)
{
    const struct tap_plugin *tp = flux_plugin_aux_get (p, "flux::jobtap");

    return tp->jt->ctx;
}

static int history_init (flux_plugin_t *p)
{
    return flux_jobtap_service_register_ex (p, "get", FLUX_ROLE_USER, job_history_cb,
                                            ctx_of (p));
}

#define EVENT_NAME_MAX 256

static void post_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct ctx *ctx = arg;
    flux_error_t error = { "" };
    json_t *context = NULL;
    const char *name;
    json_int_t id;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:s s?o}", "id", &id, "name", &name,
                             "context", &context)
            < 0
        || !(job = manager_lookup_active (ctx->m, id, &error))
        || manager_check_room (job, &error) < 0) {
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    if (!ctx_storing (ctx, msg))
        return;
    if (!*name || strlen (name) > EVENT_NAME_MAX) {
        flux_respond_error (h, msg, EPROTO, "the name has no, or too many, characters");
        return;
    }
    if (context && manager_check_context (context, &error) < 0) {
        flux_respond_error (h, msg, errno, error.text);
        return;
    }
    if (jobtap_post (ctx->jobtap, job, name, context) < 0) {
        snprintf (error.text, sizeof (error.text), "event %.100s cannot be posted now",
                  name);
        ctx_respond_text (ctx, msg, &error);
        return;
    }
    ctx_answer (ctx, msg, NULL);
}

static int post_event_init (flux_plugin_t *p)
{
    return flux_jobtap_service_register (p, "post", post_cb, ctx_of (p));
}

const struct jobtap_builtin jobtap_builtins[] = {
    { ".priority-default", NULL, OFF_PRIORITY },
    { ".limit-job-size", NULL, OFF_LIMIT_SIZE },
    { ".limit-duration", NULL, OFF_LIMIT_DURATION },
    { ".dependency-after", NULL, OFF_AFTER },
    { ".dependency-singleton", NULL, OFF_SINGLETON },
    { ".begin-time", NULL, OFF_BEGIN_TIME },
    { ".update-duration", NULL, OFF_UPDATE_DURATION },
    { ".history", history_init, 0 },
    { ".post-event", post_event_init, 0 },
    { ".update-queue", NULL, OFF_UPDATE_QUEUE },
    { NULL, NULL, 0 },
};
