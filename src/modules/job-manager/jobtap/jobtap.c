/* What plugins are told about jobs, and what becomes of what they answer.
 * Errors: a callback that may refuse stops the round, and its text is the answer;
 * whatever else fails is an exception of that job (hook.c). */
#include "modules/job-manager/jobtap/jobtap.h"

#include "core/plugin/plugin.h"
#include "modules/job-manager/jobtap/crash.h"
#include "value/resource/rset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static const struct {
    int point;
    const char *topic;
} topics[] = {
    { FLUX_JOB_STATE_DEPEND, "job.state.depend" },
    { FLUX_JOB_STATE_PRIORITY, "job.state.priority" },
    { FLUX_JOB_STATE_SCHED, "job.state.sched" },
    { FLUX_JOB_STATE_RUN, "job.state.run" },
    { FLUX_JOB_STATE_CLEANUP, "job.state.cleanup" },
    { FLUX_JOB_STATE_INACTIVE, "job.state.inactive" },
    { HOOK_CREATE, "job.create" },
    { HOOK_VALIDATE, "job.validate" },
    { HOOK_NEW, "job.new" },
    { HOOK_PRIORITY, "job.priority.get" },
    { HOOK_UPDATE, "job.update" },
    { HOOK_INACTIVE_ADD, "job.inactive-add" },
    { HOOK_INACTIVE_REMOVE, "job.inactive-remove" },
    { HOOK_DESTROY, "job.destroy" },
};
#define NTOPICS (sizeof (topics) / sizeof (topics[0]))
/* Of these only the plugin knows which there are. */
#define OPEN_POINTS (HOOK_DEPENDENCY | HOOK_EVENT | HOOK_UPDATE_KEY)

static void count_hooks (struct tap_plugin *tp)
{
    tp->serial = plugin_serial (tp->p);
    tp->hooks = tp->builtin ? 0 : OPEN_POINTS;
    for (size_t i = 0; i < NTOPICS; i++) {
        if (flux_plugin_match_handler (tp->p, topics[i].topic))
            tp->hooks |= topics[i].point;
    }
}

void jobtap_count_hooks (struct jobtap *jt)
{
    int hooks = 0;

    list_foreach (&jt->plugins, l) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        count_hooks (tp);
        hooks |= tp->hooks;
    }
    jt->ctx->m->hooks = hooks;
}

/* --- answers --- */

static int take_R (struct hook_call *call, json_t *R, flux_error_t *error)
{
    flux_error_t why = { "" };
    struct rset *rset = rset_decode_json (R, &why);

    rset_destroy (rset);
    free (call->R);
    call->R = rset ? json_dumps (R, JSON_COMPACT) : NULL;
    if (!call->R)
        snprintf (error->text, sizeof (error->text), "R is no resource set: %.100s",
                  why.text);
    return call->R ? 0 : -1;
}

static int take_priority (struct hook_call *call, json_t *o, flux_error_t *error)
{
    json_int_t priority = json_integer_value (o);

    if (json_is_integer (o) && priority >= -1 && priority <= FLUX_JOB_PRIORITY_MAX) {
        call->priority = priority;
        return 0;
    }
    snprintf (error->text, sizeof (error->text),
              "a priority is an integer from 0 to %u", FLUX_JOB_PRIORITY_MAX);
    return -1;
}

static int take_answer (flux_plugin_arg_t *args, struct hook_call *call,
                        flux_error_t *error)
{
    json_t *o = NULL;

    if (call->point == FLUX_JOB_STATE_SCHED
        && flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?o}", "R", &o) == 0
        && o)
        return take_R (call, o, error);
    if (call->point & (HOOK_PRIORITY | FLUX_JOB_STATE_PRIORITY)
        && flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?o}", "priority", &o)
               == 0
        && o)
        return take_priority (call, o, error);
    return 0;
}

/* --- calls --- */

static void say_failed (const struct tap_plugin *tp, const char *topic,
                        flux_plugin_arg_t *args, flux_error_t *error)
{
    const char *text = NULL;

    if (args)
        flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?s}", "errstr", &text);
    if (!error)
        return;
    if (text && *text)
        snprintf (error->text, sizeof (error->text), "%s", text);
    else
        snprintf (error->text, sizeof (error->text), "%s: %s failed", tp->name, topic);
}

static void apply_staged (struct jobtap *jt, struct job *job)
{
    json_t *updates = jt->staged;
    flux_error_t error = { "" };

    jt->staged = NULL;
    if (updates && job && manager_post_update (jt->ctx->m, job, updates, &error) < 0)
        flux_log (jt->ctx->h, LOG_ERR, "jobspec-update of a plugin: %s", error.text);
    json_decref (updates);
}

int jobtap_call_one (struct tap_plugin *tp, struct job *job, const char *topic,
                     flux_plugin_arg_t *args, flux_error_t *error)
{
    struct jobtap *jt = tp->jt;
    struct job *current = jt->current;
    json_t *staged = jt->staged;

    jt->current = job;
    jt->staged = NULL;
    struct crash_call outer = crash_enter (tp->name, topic);
    int rc = flux_plugin_call (tp->p, topic, args);
    crash_leave (outer);
    if (rc < 0)
        say_failed (tp, topic, args, error);
    apply_staged (jt, job);
    jt->current = current;
    jt->staged = staged;
    if (tp->serial != plugin_serial (tp->p))
        jobtap_count_hooks (jt);
    return rc;
}

/* What it has answered is seen to at once: later nobody knows whose it was. */
static int call_for (struct tap_plugin *tp, struct job *job, const char *topic,
                     flux_plugin_arg_t *args, struct hook_call *call,
                     flux_error_t *error)
{
    flux_error_t why = { "" };
    int rc = jobtap_call_one (tp, job, topic, args, error);

    if (rc <= 0 || !call || take_answer (args, call, &why) == 0)
        return rc;
    if (error)
        snprintf (error->text, sizeof (error->text), "%.50s: %s: %.80s", tp->name,
                  topic, why.text);
    return -1;
}

int jobtap_call (struct jobtap *jt, struct job *job, const char *topic,
                 flux_plugin_arg_t *args, bool all, bool *handled,
                 struct hook_call *call, flux_error_t *error)
{
    int result = 0;

    list_foreach (&jt->plugins, l) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        int rc = call_for (tp, job, topic, args, call, error);
        if (rc != 0 && handled)
            *handled = true;
        if (rc < 0)
            result = -1;
        if (rc < 0 && !all)
            break;
    }
    return result;
}

/* --- the core's hook --- */

static void topic_of (const struct hook_call *call, char *buf, size_t len)
{
    const char *prefix = call->point == HOOK_DEPENDENCY ? "job.dependency."
                         : call->point == HOOK_EVENT    ? "job.event."
                                                        : "job.update.";

    for (size_t i = 0; i < NTOPICS; i++) {
        if (topics[i].point == call->point) {
            snprintf (buf, len, "%s", topics[i].topic);
            return;
        }
    }
    snprintf (buf, len, "%s%s", prefix, call->key ? call->key : "");
}

static void take_annotations (struct jobtap *jt, struct job *job, json_t *o)
{
    char *text = json_is_object (o) && job_pending (job) ? json_dumps (o, 0) : NULL;

    if (text)
        manager_annotate (jt->ctx->m, job, (struct span){ text, strlen (text) });
    free (text);
}

static void take_out (struct jobtap *jt, struct job *job, flux_plugin_arg_t *args,
                      struct hook_call *call)
{
    json_t *annotations = NULL, *updates = NULL;
    int validated = 0, feasibility = 0;

    flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?o s?o}", "annotations",
                            &annotations, "updates", &updates);
    flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?i}", "validated",
                            &validated);
    flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?b}", "validated",
                            &validated);
    flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?i}", "feasibility",
                            &feasibility);
    flux_plugin_arg_unpack (args, FLUX_PLUGIN_ARG_OUT, "{s?b}", "feasibility",
                            &feasibility);
    call->validated = validated;
    call->feasibility = feasibility;
    if (updates && call->point == HOOK_UPDATE_KEY)
        call->updates = json_incref (updates);
    take_annotations (jt, job, annotations);
}

/* Those who may say no end the round. */
static bool may_refuse (int point)
{
    return point & (HOOK_CREATE | HOOK_VALIDATE | HOOK_DEPENDENCY | HOOK_UPDATE_KEY);
}

static int call_subscribers (struct jobtap *jt, struct job *job, const char *topic,
                             flux_plugin_arg_t *args, flux_error_t *error)
{
    int result = 0;

    list_foreach (&jt->plugins, l) {
        struct tap_plugin *tp = container_of (l, struct tap_plugin, link);
        if (job_has_subscriber (job, tp)
            && jobtap_call_one (tp, job, topic, args, error) < 0)
            result = -1;
    }
    return result;
}

int jobtap_hook (struct job *job, struct hook_call *call, void *arg)
{
    struct jobtap *jt = ((struct ctx *)arg)->jobtap;
    flux_plugin_arg_t *args = jobtap_args (job, call);
    bool handled = false;
    char topic[256];
    int rc;

    if (!args) {
        snprintf (call->error->text, sizeof (call->error->text), "out of memory");
        return -1;
    }
    topic_of (call, topic, sizeof (topic));
    if (call->point & (HOOK_PRIORITY | FLUX_JOB_STATE_PRIORITY))
        call->priority = -1;
    if (call->point == HOOK_EVENT)
        rc = call_subscribers (jt, job, topic, args, call->error);
    else
        rc = jobtap_call (jt, job, topic, args, !may_refuse (call->point), &handled,
                          call, call->error);
    take_out (jt, job, args, call);
    flux_plugin_arg_destroy (args);
    if (rc < 0) {
        if (!may_refuse (call->point))
            flux_log (jt->ctx->h, LOG_ERR, "jobtap: %s", call->error->text);
        errno = EINVAL;
        return -1;
    }
    return handled;
}

void jobtap_purged (struct jobtap *jt, flux_jobid_t id, const char *topic)
{
    flux_plugin_arg_t *args;

    if (!(jt->ctx->m->hooks & HOOK_INACTIVE_REMOVE))
        return;
    if (!(args = flux_plugin_arg_create ())
        || flux_plugin_arg_pack (args, 0, "{s:I s:i}", "id", (json_int_t)id, "state",
                                 (int)FLUX_JOB_STATE_INACTIVE)
               < 0)
        flux_log_error (jt->ctx->h, "%s", topic);
    else
        (void)jobtap_call (jt, NULL, topic, args, true, NULL, NULL, NULL);
    flux_plugin_arg_destroy (args);
}

/* --- configuration --- */

int jobtap_tell_conf (struct tap_plugin *tp, const flux_conf_t *conf,
                      flux_error_t *error)
{
    flux_plugin_arg_t *args = flux_plugin_arg_create ();
    json_t *o;
    int rc = -1;

    if (args && flux_conf_unpack (conf, error, "o", &o) == 0
        && flux_plugin_arg_pack (args, 0, "{s:O}", "conf", o) == 0)
        rc = jobtap_call_one (tp, NULL, "conf.update", args, error);
    flux_plugin_arg_destroy (args);
    if (rc < 0)
        errno = EINVAL;
    return rc < 0 ? -1 : 0;
}

/* A prolog or an epilog is configured, or both in what they share: nothing less than
 * perilog.so makes it so. */
static int want_perilog (struct jobtap *jt, const flux_conf_t *conf,
                         flux_error_t *error)
{
    json_t *prolog = NULL, *epilog = NULL, *both = NULL;

    if (flux_conf_unpack (conf, error, "{s?{s?o s?o s?o}}", "job-manager", "prolog",
                          &prolog, "epilog", &epilog, "perilog", &both)
        < 0)
        return -1;
    if ((!prolog && !epilog && !both) || jobtap_find (jt, "perilog.so"))
        return 0;
    return jobtap_change (jt, NULL, "perilog.so", NULL, error);
}

int jobtap_configure (struct jobtap *jt, const flux_conf_t *conf, flux_error_t *error)
{
    if (jt->started && want_perilog (jt, conf, error) < 0)
        return -1;
    list_foreach (&jt->plugins, l) {
        if (jobtap_tell_conf (container_of (l, struct tap_plugin, link), conf, error)
            < 0)
            return -1;
    }
    return 0;
}

static int one_directive (struct jobtap *jt, json_t *o, flux_error_t *error)
{
    const char *load = NULL, *remove = NULL;
    json_t *conf = NULL;
    json_error_t err;

    if (json_unpack_ex (o, &err, JSON_STRICT, "{s?s s?s s?o}", "load", &load, "remove",
                        &remove, "conf", &conf)
        < 0) {
        snprintf (error->text, sizeof (error->text), "%s", err.text);
        return -1;
    }
    if (!load && !remove) {
        snprintf (error->text, sizeof (error->text), "neither load nor remove");
        return -1;
    }
    if (conf && (!load || !json_is_object (conf))) {
        snprintf (error->text, sizeof (error->text), "conf: %s",
                  load ? "must be a table" : "only with load");
        return -1;
    }
    flux_error_t why = { "" };
    if (jobtap_change (jt, remove, load, conf, &why) == 0)
        return 0;
    snprintf (error->text, sizeof (error->text), "%s: %.150s", load ? "load" : "remove",
              why.text);
    return -1;
}

int jobtap_start (struct jobtap *jt, const flux_conf_t *conf, flux_error_t *error)
{
    json_t *plugins = NULL, *o;
    flux_error_t why = { "" };
    size_t i;

    if (flux_conf_unpack (conf, error, "{s?{s?o}}", "job-manager", "plugins", &plugins)
        < 0)
        return -1;
    if (plugins && !json_is_array (plugins)) {
        snprintf (error->text, sizeof (error->text),
                  "job-manager.plugins: must be an array of tables");
        errno = EINVAL;
        return -1;
    }
    json_array_foreach (plugins, i, o) {
        if (one_directive (jt, o, &why) < 0) {
            snprintf (error->text, sizeof (error->text),
                      "job-manager.plugins[%d]: %.110s", (int)i, why.text);
            errno = EINVAL;
            return -1;
        }
    }
    jt->started = true;
    return want_perilog (jt, conf, error);
}
