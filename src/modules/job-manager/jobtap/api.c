/* The functions of flux/jobtap.h. */
#include "modules/job-manager/jobtap/jobtap.h"

#include <flux/jobtap.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static struct tap_plugin *self (flux_plugin_t *p)
{
    struct tap_plugin *tp = p ? flux_plugin_aux_get (p, "flux::jobtap") : NULL;

    if (!tp)
        errno = EINVAL;
    return tp;
}

/* NULL with EINVAL: no plugin, or there is no current job; ENOENT: unknown. */
static struct job *lookup (struct tap_plugin *tp, flux_jobid_t id)
{
    struct job *job;

    if (!tp)
        return NULL;
    if (id != FLUX_JOBTAP_CURRENT_JOB) {
        if (!(job = manager_lookup (tp->jt->ctx->m, id)))
            errno = ENOENT;
        return job;
    }
    if (!tp->jt->current)
        errno = EINVAL;
    return tp->jt->current;
}

static int einval (void)
{
    errno = EINVAL;
    return -1;
}

flux_t *flux_jobtap_get_flux (flux_plugin_t *p)
{
    struct tap_plugin *tp = self (p);

    return tp ? tp->jt->ctx->h : NULL;
}

/* --- services --- */

static void service_destroy (void *arg)
{
    flux_msg_handler_destroy (arg);
}

int flux_jobtap_service_register_ex (flux_plugin_t *p, const char *method,
                                     uint32_t rolemask, flux_msg_handler_f cb,
                                     void *arg)
{
    struct flux_match match = FLUX_MATCH_REQUEST;
    struct tap_plugin *tp = self (p);
    flux_msg_handler_t *mh;
    char *topic;

    if (!tp || !method || !*method || !cb)
        return einval ();
    if (asprintf (&topic, "job-manager.%s.%s", flux_plugin_get_name (p), method) < 0)
        return -1;
    match.topic_glob = topic;
    if (!(mh = flux_msg_handler_create (tp->jt->ctx->h, match, cb, arg))
        || flux_plugin_aux_set (p, NULL, mh, service_destroy) < 0) {
        flux_msg_handler_destroy (mh);
        free (topic);
        return -1;
    }
    flux_msg_handler_allow_rolemask (mh, rolemask);
    flux_msg_handler_start (mh);
    flux_log (tp->jt->ctx->h, LOG_DEBUG, "jobtap plugin %s registered method %s",
              tp->name, topic);
    free (topic);
    return 0;
}

int flux_jobtap_service_register (flux_plugin_t *p, const char *method,
                                  flux_msg_handler_f cb, void *arg)
{
    return flux_jobtap_service_register_ex (p, method, 0, cb, arg);
}

int flux_jobtap_set_load_sort_order (flux_plugin_t *p, const char *mode)
{
    struct tap_plugin *tp = self (p);

    if (!tp || !mode || (strcmp (mode, "state") != 0 && strcmp (mode, "-state") != 0))
        return einval ();
    tp->load_order = mode[0] == '-' ? -1 : 1;
    return 0;
}

/* --- priority --- */

int flux_jobtap_reprioritize_all (flux_plugin_t *p)
{
    struct tap_plugin *tp = self (p);

    if (!tp)
        return -1;
    manager_reprioritize_all (tp->jt->ctx->m);
    return 0;
}

int flux_jobtap_reprioritize_job (flux_plugin_t *p, flux_jobid_t id,
                                  unsigned int priority)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    return job ? manager_set_priority (tp->jt->ctx->m, job, priority) : -1;
}

int flux_jobtap_priority_unavail (flux_plugin_t *p, flux_plugin_arg_t *args)
{
    if (!p || !args)
        return einval ();
    return flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:i}", "priority", -1);
}

/* --- saying no --- */

static void set_errstr (flux_plugin_arg_t *args, const char *fmt, va_list ap)
{
    char text[160];

    vsnprintf (text, sizeof (text), fmt, ap);
    (void)flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "errstr", text);
}

int flux_jobtap_reject_job (flux_plugin_t *p, flux_plugin_arg_t *args, const char *fmt,
                            ...)
{
    struct tap_plugin *tp = self (p);
    va_list ap;

    if (!tp || !args)
        return einval ();
    va_start (ap, fmt);
    if (fmt)
        set_errstr (args, fmt, ap);
    else
        (void)flux_jobtap_error (p, args, "job rejected by %s", tp->name);
    va_end (ap);
    return -1;
}

int flux_jobtap_error (flux_plugin_t *p, flux_plugin_arg_t *args, const char *fmt, ...)
{
    va_list ap;

    if (!p || !args || !fmt)
        return einval ();
    va_start (ap, fmt);
    set_errstr (args, fmt, ap);
    va_end (ap);
    return -1;
}

/* --- dependencies --- */

int flux_jobtap_dependency_add (flux_plugin_t *p, flux_jobid_t id,
                                const char *description)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    if (!job)
        return -1;
    if (!description || !*description)
        return einval ();
    return manager_dependency_add (tp->jt->ctx->m, job, description);
}

int flux_jobtap_dependency_remove (flux_plugin_t *p, flux_jobid_t id,
                                   const char *description)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    if (!job)
        return -1;
    if (!description)
        return einval ();
    return manager_dependency_remove (tp->jt->ctx->m, job, description);
}

/* --- aux items --- */

int flux_jobtap_job_aux_set (flux_plugin_t *p, flux_jobid_t id, const char *name,
                             void *val, flux_free_f free_fn)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    return job ? job_aux_set (job, tp, name, val, free_fn) : -1;
}

void *flux_jobtap_job_aux_get (flux_plugin_t *p, flux_jobid_t id, const char *name)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    return job ? job_aux_get (job, tp, name) : NULL;
}

int flux_jobtap_job_aux_delete (flux_plugin_t *p, flux_jobid_t id, void *val)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    if (!job)
        return -1;
    job_aux_delete (job, tp, val);
    return 0;
}

int flux_jobtap_job_aux_delete_value (flux_plugin_t *p, flux_jobid_t id, void *val)
{
    return flux_jobtap_job_aux_delete (p, id, val);
}

/* --- events --- */

static bool are_updates (json_t *o)
{
    bool good = json_object_size (o) > 0;
    const char *key;
    json_t *value;

    json_object_foreach (o, key, value)
        good &= strncmp (key, "attributes.", 11) == 0 && manager_is_update (key, value);
    return good;
}

int flux_jobtap_job_set_flag (flux_plugin_t *p, flux_jobid_t id, const char *flag)
{
    if (!lookup (self (p), id))
        return -1;
    if (!flag || (strcmp (flag, "debug") != 0 && strcmp (flag, "alloc-bypass") != 0))
        return einval ();
    return flux_jobtap_event_post_pack (p, id, "set-flags", "{s:[s]}", "flags", flag);
}

int flux_jobtap_raise_exception (flux_plugin_t *p, flux_jobid_t id, const char *type,
                                 int severity, const char *fmt, ...)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);
    char note[1024] = "";
    va_list ap;

    if (!job)
        return -1;
    if (!type || !*type || severity < 0 || severity > 7
        || job->state == FLUX_JOB_STATE_INACTIVE)
        return einval ();
    va_start (ap, fmt);
    if (fmt)
        vsnprintf (note, sizeof (note), fmt, ap);
    va_end (ap);
    manager_raise (tp->jt->ctx->m, job, type, severity, note, tp->jt->ctx->m->owner);
    return 0;
}

/* What an eventlog may have, and none should begin to. */
static int check_posted (const struct event *ev)
{
    json_t *flags;

    switch (ev->type) {
    case EV_SET_FLAGS:
        flags = json_object_get (ev->context, "flags");
        return json_is_array (flags) ? 0 : -1;
    case EV_JOBSPEC_UPDATE:
        return are_updates (ev->context) ? 0 : -1;
    default:
        return 0;
    }
}

int jobtap_post (struct jobtap *jt, struct job *job, const char *name, json_t *context)
{
    struct manager *m = jt->ctx->m;
    json_t *entry =
        json_pack ("{s:f s:s s:O*}", "timestamp", 1., "name", name, "context", context);
    flux_error_t error = { "" };
    struct event ev;

    if (!entry || event_decode (entry, &ev, &error) < 0) {
        json_decref (entry);
        return einval ();
    }
    if (check_posted (&ev) < 0) {
        json_decref (entry);
        return einval ();
    }
    if (ev.type == EV_JOBSPEC_UPDATE) {
        int result = manager_post_update (m, job, ev.context, &error);
        json_decref (entry);
        return result;
    }
    ev.timestamp = 0;
    int rc = manager_emit (m, job, &ev);
    if (rc == 0 && ev.type == EV_EXCEPTION)
        m->ops->exception (job, &ev, jt->ctx);
    json_decref (entry);
    if (rc == 0)
        manager_step (m, job);
    return rc;
}

int flux_jobtap_event_post_pack (flux_plugin_t *p, flux_jobid_t id, const char *name,
                                 const char *fmt, ...)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);
    json_t *context = NULL;
    va_list ap;

    if (!job)
        return -1;
    if (!name || !*name)
        return einval ();
    if (fmt) {
        va_start (ap, fmt);
        context = json_vpack_ex (NULL, 0, fmt, ap);
        va_end (ap);
        if (!json_is_object (context)) {
            json_decref (context);
            return einval ();
        }
    }
    int rc = jobtap_post (tp->jt, job, name, context);
    json_decref (context);
    return rc;
}

int flux_jobtap_job_event_posted (flux_plugin_t *p, flux_jobid_t id, const char *name)
{
    struct job *job = lookup (self (p), id);
    struct buf b = BUF_INIT;

    if (!job)
        return -1;
    if (!name || !*name)
        return einval ();
    /* as event_encode writes it: in the text of a value, quotes are escaped */
    buf_adds (&b, ",\"name\":");
    json_add_text (&b, name);
    int found = 0;
    const char *s = job->log.data, *end = s + job->log.len, *nl;
    for (; s && s < end && !found && (nl = memchr (s, '\n', end - s)); s = nl + 1) {
        const char *comma = memchr (s, ',', nl - s);
        found =
            comma && (size_t)(nl - comma) > b.len && memcmp (comma, b.data, b.len) == 0;
    }
    buf_fini (&b);
    return found;
}

/* --- the jobspec --- */

static json_t *pack_updates (const char *fmt, va_list ap)
{
    json_t *o = fmt ? json_vpack_ex (NULL, 0, fmt, ap) : NULL;

    if (are_updates (o))
        return o;
    json_decref (o);
    errno = EINVAL;
    return NULL;
}

int flux_jobtap_jobspec_update_pack (flux_plugin_t *p, const char *fmt, ...)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, FLUX_JOBTAP_CURRENT_JOB);
    json_t *updates;
    va_list ap;

    if (!job)
        return -1;
    va_start (ap, fmt);
    updates = pack_updates (fmt, ap);
    va_end (ap);
    if (!updates)
        return -1;
    if (!tp->jt->staged) {
        tp->jt->staged = updates;
        return 0;
    }
    int rc = json_object_update (tp->jt->staged, updates);
    json_decref (updates);
    return rc;
}

int flux_jobtap_jobspec_update_id_pack (flux_plugin_t *p, flux_jobid_t id,
                                        const char *fmt, ...)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);
    flux_error_t error = { "" };
    json_t *updates;
    va_list ap;

    if (!job)
        return -1;
    if (job->state == FLUX_JOB_STATE_RUN || job->state == FLUX_JOB_STATE_CLEANUP
        || job->state == FLUX_JOB_STATE_INACTIVE)
        return einval ();
    va_start (ap, fmt);
    updates = pack_updates (fmt, ap);
    va_end (ap);
    if (!updates)
        return -1;
    int rc = manager_post_update (tp->jt->ctx->m, job, updates, &error);
    json_decref (updates);
    return rc;
}

/* --- asking --- */

int flux_jobtap_job_subscribe (flux_plugin_t *p, flux_jobid_t id)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    return job ? job_subscribe (job, tp) : -1;
}

void flux_jobtap_job_unsubscribe (flux_plugin_t *p, flux_jobid_t id)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    if (job)
        job_unsubscribe (job, tp);
}

flux_plugin_arg_t *flux_jobtap_job_lookup (flux_plugin_t *p, flux_jobid_t id)
{
    struct job *job = lookup (self (p), id);

    return job ? jobtap_args (job, NULL) : NULL;
}

int flux_jobtap_get_job_result (flux_plugin_t *p, flux_jobid_t id,
                                flux_job_result_t *resultp)
{
    struct job *job = lookup (self (p), id);

    if (!job)
        return -1;
    if (!resultp || !(job->state & (FLUX_JOB_STATE_CLEANUP | FLUX_JOB_STATE_INACTIVE)))
        return einval ();
    *resultp = job_result (job);
    return 0;
}

/* --- prolog and epilog --- */

static int post_perilog (struct tap_plugin *tp, struct job *job, enum event_type type,
                         const char *description, int status)
{
    struct event ev = { .type = type, .description = description, .status = status };

    if (manager_emit (tp->jt->ctx->m, job, &ev) < 0)
        return einval ();
    manager_step (tp->jt->ctx->m, job);
    return 0;
}

static int begin_perilog (struct tap_plugin *tp, struct job *job, enum event_type type,
                          const char *description)
{
    bool epilog = type == EV_EPILOG_START;

    if (job_perilog_begun (job, tp, epilog, description) < 0)
        return -1;
    if (post_perilog (tp, job, type, description, 0) < 0) {
        job_perilog_ended (job, epilog, description);
        return -1;
    }
    return 0;
}

/* Whoever would finish them goes: a job must not start after half a prolog, nor wait for
 * ever. */
static void end_perilog (struct tap_plugin *tp, struct job *job, bool epilog,
                         const char *description)
{
    struct manager *m = tp->jt->ctx->m;
    char note[128];

    snprintf (note, sizeof (note), "plugin %.100s was removed", tp->name);
    if (!epilog)
        manager_raise (m, job, "prolog", 0, note, m->owner);
    post_perilog (tp, job, epilog ? EV_EPILOG_FINISH : EV_PROLOG_FINISH, description,
                  SIGTERM);
}

void jobtap_end_perilogs (struct tap_plugin *tp)
{
    char *description;
    bool epilog;

    list_foreach (&tp->jt->ctx->m->all, l) {
        struct job *job = container_of (l, struct job, all_link);
        while ((description = job_perilog_take (job, tp, &epilog))) {
            end_perilog (tp, job, epilog, description);
            free (description);
        }
    }
}

int flux_jobtap_prolog_start (flux_plugin_t *p, const char *description)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, FLUX_JOBTAP_CURRENT_JOB);

    if (!job)
        return -1;
    if (!description || job->exec_sent || job->exec_done
        || job->state & (FLUX_JOB_STATE_CLEANUP | FLUX_JOB_STATE_INACTIVE))
        return einval ();
    return begin_perilog (tp, job, EV_PROLOG_START, description);
}

int flux_jobtap_prolog_finish (flux_plugin_t *p, flux_jobid_t id,
                               const char *description, int status)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    if (!job)
        return -1;
    if (!description || job->prologs == 0)
        return einval ();
    job_perilog_ended (job, false, description);
    return post_perilog (tp, job, EV_PROLOG_FINISH, description, status);
}

int flux_jobtap_epilog_start (flux_plugin_t *p, const char *description)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, FLUX_JOBTAP_CURRENT_JOB);

    if (!job)
        return -1;
    if (!description || job->state != FLUX_JOB_STATE_CLEANUP || job->freed)
        return einval ();
    return begin_perilog (tp, job, EV_EPILOG_START, description);
}

int flux_jobtap_epilog_finish (flux_plugin_t *p, flux_jobid_t id,
                               const char *description, int status)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);

    if (!job)
        return -1;
    if (!description || job->epilogs == 0)
        return einval ();
    job_perilog_ended (job, true, description);
    return post_perilog (tp, job, EV_EPILOG_FINISH, description, status);
}

/* --- other plugins --- */

int flux_jobtap_call (flux_plugin_t *p, flux_jobid_t id, const char *topic,
                      flux_plugin_arg_t *args)
{
    struct tap_plugin *tp = self (p);
    struct job *job = lookup (tp, id);
    bool handled = false;

    if (!job)
        return -1;
    if (!topic || strncmp (topic, "job.", 4) == 0)
        return einval ();
    if (jobtap_call (tp->jt, job, topic, args, true, &handled, NULL, NULL) < 0)
        return -1;
    return handled;
}
