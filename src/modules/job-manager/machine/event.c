#include "event.h"
#include "base/encode.h"
#include "job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [EV_SUBMIT] = "submit",
    [EV_VALIDATE] = "validate",
    [EV_INVALIDATE] = "invalidate",
    [EV_SET_FLAGS] = "set-flags",
    [EV_DEPENDENCY_ADD] = "dependency-add",
    [EV_DEPENDENCY_REMOVE] = "dependency-remove",
    [EV_DEPEND] = "depend",
    [EV_PRIORITY] = "priority",
    [EV_URGENCY] = "urgency",
    [EV_ALLOC] = "alloc",
    [EV_PROLOG_START] = "prolog-start",
    [EV_PROLOG_FINISH] = "prolog-finish",
    [EV_START] = "start",
    [EV_FINISH] = "finish",
    [EV_EPILOG_START] = "epilog-start",
    [EV_EPILOG_FINISH] = "epilog-finish",
    [EV_RELEASE] = "release",
    [EV_FREE] = "free",
    [EV_CLEAN] = "clean",
    [EV_EXCEPTION] = "exception",
    [EV_MEMO] = "memo",
    [EV_JOBSPEC_UPDATE] = "jobspec-update",
    [EV_RESOURCE_UPDATE] = "resource-update",
    [EV_FLUX_RESTART] = "flux-restart",
    [EV_ANNOTATIONS] = "annotations",
};

const char *event_name (const struct event *ev)
{
    return ev->type == EV_OTHER ? ev->name : names[ev->type];
}

/* As "%.6f". */
static void add_timestamp (struct buf *b, double t)
{
    unsigned long long us = (unsigned long long)(t * 1e6 + 0.5);
    char tmp[7];

    json_add_int (b, us / 1000000);
    us %= 1000000;
    tmp[0] = '.';
    for (int i = 6; i > 0; i--, us /= 10)
        tmp[i] = '0' + us % 10;
    buf_add (b, tmp, sizeof (tmp));
}

static void add_number (struct buf *b, const char *prefix, long long i)
{
    buf_adds (b, prefix);
    json_add_int (b, i);
}

static void add_json (struct buf *b, json_t *o)
{
    char *s = json_dumps (o, JSON_COMPACT);

    if (!s)
        b->err = 1;
    else
        buf_adds (b, s);
    free (s);
}

/* What is in the log must be read again after a restart, whatever a plugin has said. */
static void add_text (struct buf *b, const char *s)
{
    char *copy;

    if (utf8_repaired (s, &copy) < 0)
        b->err = 1;
    json_add_text (b, copy ? copy : s);
    free (copy);
}

static void add_string (struct buf *b, const char *key, const char *value)
{
    buf_addc (b, '"');
    buf_adds (b, key);
    buf_adds (b, "\":");
    add_text (b, value ? value : "");
}

static void add_perilog (struct buf *b, const struct event *ev, bool finish)
{
    add_string (b, "description", ev->description);
    if (finish)
        buf_printf (b, ",\"status\":%d", ev->status);
}

static void add_exception (struct buf *b, const struct event *ev)
{
    add_string (b, "type", ev->exception);
    buf_printf (b, ",\"severity\":%d,", ev->severity);
    add_string (b, "note", ev->note);
    if (ev->userid != FLUX_USERID_UNKNOWN)
        buf_printf (b, ",\"userid\":%u", ev->userid);
}

/* What is between the braces of the context; false: there is no context. */
static void add_members (struct buf *b, const struct event *ev)
{
    switch (ev->type) {
    case EV_SUBMIT:
        add_number (b, "\"userid\":", ev->userid);
        add_number (b, ",\"urgency\":", ev->urgency);
        add_number (b, ",\"flags\":", ev->flags);
        buf_adds (b, ",\"version\":1");
        break;
    case EV_DEPENDENCY_ADD:
    case EV_DEPENDENCY_REMOVE:
        add_string (b, "description", ev->description);
        break;
    case EV_PRIORITY:
        add_number (b, "\"priority\":", ev->priority);
        break;
    case EV_URGENCY:
        buf_printf (b, "\"urgency\":%d,\"userid\":%u", ev->urgency, ev->userid);
        break;
    case EV_ALLOC:
        buf_adds (b, ev->bypass ? "\"bypass\":true" : "\"annotations\":");
        buf_adds (b, ev->bypass ? "" : ev->text);
        break;
    case EV_PROLOG_START:
    case EV_EPILOG_START:
        add_perilog (b, ev, false);
        break;
    case EV_PROLOG_FINISH:
    case EV_EPILOG_FINISH:
        add_perilog (b, ev, true);
        break;
    case EV_FINISH:
        add_number (b, "\"status\":", ev->status);
        break;
    case EV_RELEASE:
        add_string (b, "ranks", ev->ranks);
        buf_adds (b, ev->final ? ",\"final\":true" : ",\"final\":false");
        break;
    case EV_EXCEPTION:
        add_exception (b, ev);
        break;
    case EV_RESOURCE_UPDATE:
        buf_printf (b, "\"expiration\":%.17g", ev->expiration);
        break;
    default:
        break;
    }
}

static bool has_context (const struct event *ev)
{
    switch (ev->type) {
    case EV_VALIDATE:
    case EV_INVALIDATE:
    case EV_DEPEND:
    case EV_START:
    case EV_FREE:
    case EV_CLEAN:
    case EV_FLUX_RESTART:
        return false;
    case EV_ALLOC:
        return ev->text || ev->bypass;
    case EV_OTHER:
        return ev->context != NULL;
    default:
        return true;
    }
}

int event_encode (struct buf *b, const struct event *ev)
{
    buf_adds (b, "{\"timestamp\":");
    add_timestamp (b, ev->timestamp);
    buf_adds (b, ",\"name\":\"");
    if (ev->type == EV_OTHER) {
        b->len--;
        add_text (b, ev->name);
    } else {
        buf_adds (b, names[ev->type]);
        buf_addc (b, '"');
    }
    if (has_context (ev)) {
        buf_adds (b, ",\"context\":");
        if (ev->context) {
            add_json (b, ev->context);
        } else {
            buf_addc (b, '{');
            add_members (b, ev);
            buf_addc (b, '}');
        }
    }
    return buf_adds (b, "}\n");
}

enum event_type event_type_of (const char *name)
{
    for (int i = 0; i < EV_OTHER; i++) {
        if (strcmp (names[i], name) == 0)
            return i;
    }
    return EV_OTHER;
}

static int decode_context (json_t *o, struct event *ev)
{
    json_int_t priority = 0;
    int userid = -1, final = 0, bypass = 0;
    const char *fmt = NULL;
    int rc = 0;

    switch (ev->type) {
    case EV_SUBMIT:
        fmt = "{s:i s:i s:i}";
        rc = json_unpack (o, fmt, "userid", &userid, "urgency", &ev->urgency, "flags",
                          &ev->flags);
        break;
    case EV_DEPENDENCY_ADD:
    case EV_DEPENDENCY_REMOVE:
    case EV_PROLOG_START:
    case EV_EPILOG_START:
        rc = json_unpack (o, "{s:s}", "description", &ev->description);
        break;
    case EV_PROLOG_FINISH:
    case EV_EPILOG_FINISH:
        rc = json_unpack (o, "{s:s s:i}", "description", &ev->description, "status",
                          &ev->status);
        break;
    case EV_ALLOC:
        rc = o ? json_unpack (o, "{s?b}", "bypass", &bypass) : 0;
        ev->bypass = bypass;
        break;
    case EV_PRIORITY:
        rc = json_unpack (o, "{s:I}", "priority", &priority);
        ev->priority = priority;
        break;
    case EV_URGENCY:
        rc = json_unpack (o, "{s:i s?i}", "urgency", &ev->urgency, "userid", &userid);
        break;
    case EV_FINISH:
        rc = json_unpack (o, "{s:i}", "status", &ev->status);
        break;
    case EV_RELEASE:
        rc = json_unpack (o, "{s:s s:b}", "ranks", &ev->ranks, "final", &final);
        ev->final = final;
        break;
    case EV_EXCEPTION:
        ev->note = "";
        rc = json_unpack (o, "{s:s s:i s?s s?i}", "type", &ev->exception, "severity",
                          &ev->severity, "note", &ev->note, "userid", &userid);
        break;
    case EV_RESOURCE_UPDATE:
        rc = json_unpack (o, "{s:F}", "expiration", &ev->expiration);
        break;
    case EV_MEMO:
    case EV_JOBSPEC_UPDATE:
    case EV_SET_FLAGS:
        rc = json_is_object (o) ? 0 : -1;
        break;
    default:
        break;
    }
    ev->userid = (uint32_t)userid;
    return rc;
}

int event_decode (json_t *entry, struct event *ev, flux_error_t *error)
{
    *ev = (struct event){ .userid = FLUX_USERID_UNKNOWN };
    if (json_unpack (entry, "{s:F s:s s?o}", "timestamp", &ev->timestamp, "name",
                     &ev->name, "context", &ev->context)
        < 0) {
        snprintf (error->text, sizeof (error->text), "no eventlog entry");
        errno = EINVAL;
        return -1;
    }
    ev->type = event_type_of (ev->name);
    if (decode_context (ev->context, ev) < 0) {
        snprintf (error->text, sizeof (error->text), "event %s: malformed context",
                  ev->name);
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/* In which states an event may happen. */
static int allowed_states (const struct event *ev)
{
    const int any = 0x7f & ~FLUX_JOB_STATE_INACTIVE;

    switch (ev->type) {
    case EV_SUBMIT:
    case EV_VALIDATE:
    case EV_INVALIDATE:
        return FLUX_JOB_STATE_NEW;
    case EV_DEPENDENCY_ADD:
        return FLUX_JOB_STATE_NEW | FLUX_JOB_STATE_DEPEND;
    case EV_DEPENDENCY_REMOVE:
        return FLUX_JOB_STATE_NEW | FLUX_JOB_STATE_DEPEND | FLUX_JOB_STATE_CLEANUP;
    case EV_DEPEND:
        return FLUX_JOB_STATE_DEPEND;
    case EV_PRIORITY:
        return FLUX_JOB_STATE_PRIORITY | FLUX_JOB_STATE_SCHED;
    case EV_ALLOC:
        return FLUX_JOB_STATE_SCHED | FLUX_JOB_STATE_CLEANUP;
    case EV_PROLOG_START:
        return any;
    case EV_START:
        return FLUX_JOB_STATE_RUN | FLUX_JOB_STATE_CLEANUP;
    case EV_FINISH:
    case EV_RELEASE:
    case EV_RESOURCE_UPDATE:
    case EV_PROLOG_FINISH:
        return FLUX_JOB_STATE_RUN | FLUX_JOB_STATE_CLEANUP;
    case EV_EPILOG_START:
    case EV_EPILOG_FINISH:
    case EV_FREE:
    case EV_CLEAN:
        return FLUX_JOB_STATE_CLEANUP;
    default:
        return any;
    }
}

/* null removes, and is never a value. Tables are copied: src is part of a message, or of
 * an entry that others hold. */
static int merge_set (json_t *dst, json_t *src)
{
    const char *key;
    json_t *value;

    json_object_foreach (src, key, value) {
        json_t *old = json_object_get (dst, key);
        if (json_is_null (value)) {
            json_object_del (dst, key);
        } else if (!json_is_object (value)) {
            if (json_object_set (dst, key, value) < 0)
                return -1;
        } else {
            if (!json_is_object (old)
                && json_object_set_new (dst, key, old = json_object ()) < 0)
                return -1;
            if (merge_set (old, value) < 0)
                return -1;
        }
    }
    return 0;
}

static void apply_memo (struct job *job, const struct event *ev)
{
    json_t *user;

    if (!job->annotations)
        job->annotations = json_object ();
    user = json_object_get (job->annotations, "user");
    if (!json_is_object (user)) {
        user = json_object ();
        json_object_set_new (job->annotations, "user", user);
    }
    merge_set (user, ev->context);
    if (json_object_size (user) == 0)
        json_object_del (job->annotations, "user");
}

static void apply_annotations (struct job *job, const struct event *ev)
{
    json_t *o = NULL;

    if (ev->context)
        o = json_incref (json_object_get (ev->context, "annotations"));
    else if (ev->text)
        o = json_loads (ev->text, 0, NULL);
    if (o && (job->annotations || (job->annotations = json_object ())))
        merge_set (job->annotations, o);
    json_decref (o);
}

static void apply_exception (struct job *job, const struct event *ev)
{
    if (ev->severity != 0)
        return;
    if (!job->exception) {
        job->exception = strdup (ev->exception);
        job->exception_note = strdup (ev->note ? ev->note : "");
    }
    job->state = FLUX_JOB_STATE_CLEANUP;
}

static void apply_flags (struct job *job, const struct event *ev)
{
    size_t i;
    json_t *flag;

    json_array_foreach (json_object_get (ev->context, "flags"), i, flag) {
        const char *name = json_string_value (flag);
        if (name && strcmp (name, "debug") == 0)
            job->flags |= FLUX_JOB_DEBUG;
        job->bypass |= name && strcmp (name, "alloc-bypass") == 0;
    }
}

int event_apply (struct job *job, const struct event *ev, flux_error_t *error)
{
    if (!(job->state & allowed_states (ev))) {
        snprintf (error->text, sizeof (error->text), "event %s in state %s",
                  event_name (ev), flux_job_statetostr (job->state, "L"));
        errno = EPROTO;
        return -1;
    }
    if (ev->type != EV_ANNOTATIONS && ev->timestamp > job->t_last)
        job->t_last = ev->timestamp;
    switch (ev->type) {
    case EV_SUBMIT:
        job->t_submit = ev->timestamp;
        job->userid = ev->userid;
        job->urgency = ev->urgency;
        job->flags = ev->flags;
        break;
    case EV_VALIDATE:
        job->validated = true;
        job->state = FLUX_JOB_STATE_DEPEND;
        break;
    case EV_INVALIDATE:
        job->state = FLUX_JOB_STATE_INACTIVE;
        break;
    case EV_SET_FLAGS:
        apply_flags (job, ev);
        break;
    case EV_DEPEND:
        job->state = FLUX_JOB_STATE_PRIORITY;
        break;
    case EV_PRIORITY:
        job->priority = ev->priority;
        if (job->state == FLUX_JOB_STATE_PRIORITY)
            job->state = FLUX_JOB_STATE_SCHED;
        break;
    case EV_URGENCY:
        job->urgency = ev->urgency;
        break;
    case EV_ALLOC:
        job->alloc_event = true;
        job->bypass |= ev->bypass;
        apply_annotations (job, ev);
        if (job->state == FLUX_JOB_STATE_SCHED)
            job->state = FLUX_JOB_STATE_RUN;
        break;
    case EV_PROLOG_START:
        job->prologs++;
        break;
    case EV_PROLOG_FINISH:
        job->prologs -= job->prologs > 0;
        break;
    case EV_START:
        job->started = true;
        break;
    case EV_FINISH:
        job->finished = true;
        job->wait_status = ev->status;
        job->state = FLUX_JOB_STATE_CLEANUP;
        break;
    case EV_EPILOG_START:
        job->epilogs++;
        break;
    case EV_EPILOG_FINISH:
        job->epilogs -= job->epilogs > 0;
        break;
    case EV_RELEASE:
        job->released |= ev->final;
        break;
    case EV_FREE:
        job->freed = true;
        break;
    case EV_CLEAN:
        job->state = FLUX_JOB_STATE_INACTIVE;
        break;
    case EV_EXCEPTION:
        apply_exception (job, ev);
        break;
    case EV_MEMO:
        apply_memo (job, ev);
        break;
    case EV_ANNOTATIONS:
        apply_annotations (job, ev);
        break;
    case EV_JOBSPEC_UPDATE:
        if (job->updates || (job->updates = json_object ()))
            json_object_update (job->updates, ev->context);
        break;
    case EV_RESOURCE_UPDATE:
        job->expiration = ev->expiration;
        job->expiration_updated = true;
        break;
    case EV_FLUX_RESTART:
        /* RFC 21: what was decided in PRIORITY or SCHED is decided anew */
        job->restarted = true;
        if (job->state == FLUX_JOB_STATE_SCHED)
            job->state = FLUX_JOB_STATE_PRIORITY;
        break;
    case EV_DEPENDENCY_ADD:
    case EV_DEPENDENCY_REMOVE:
    case EV_OTHER:
        break;
    }
    return 0;
}
