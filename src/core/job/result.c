/* The result of a job, gathered from its eventlog. */
#include <flux/job.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"

struct result {
    flux_jobid_t id;
    int flags;
    json_t *o;
    flux_future_t *watch; /* ends with the result: nobody else waits for it */
    bool fatal;
    int waitstatus;
    char exception[32];
};

static void result_free (void *arg)
{
    struct result *r = arg;

    flux_future_destroy (r->watch);
    json_decref (r->o);
    free (r);
}

static void set_time (struct result *r, const char *key, double t)
{
    json_object_set_new (r->o, key, json_real (t));
}

/* CLEANUP begins with what ends RUN, or with an exception that is fatal (RFC 21). */
static void begin_cleanup (struct result *r, double t)
{
    if (!json_object_get (r->o, "t_cleanup"))
        set_time (r, "t_cleanup", t);
}

static void take_exception (struct result *r, json_t *context, double t)
{
    const char *type = "", *note = "";
    int severity = 0;

    json_unpack (context, "{s:s s:i s?s}", "type", &type, "severity", &severity, "note",
                 &note);
    if (r->fatal)
        return;
    r->fatal = severity == 0;
    if (r->fatal) {
        begin_cleanup (r, t);
        strncpy (r->exception, type, sizeof (r->exception) - 1);
        json_object_set_new (r->o, "exception_occurred", json_true ());
        json_object_set_new (r->o, "exception_type", json_string (type));
        json_object_set_new (r->o, "exception_severity", json_integer (severity));
        json_object_set_new (r->o, "exception_note", json_string (note));
    }
}

static void take_event (struct result *r, const char *s)
{
    json_t *o = json_loads (s, 0, NULL), *context = NULL;
    const char *name = "";
    double t = 0;

    json_unpack (o, "{s:F s:s s?o}", "timestamp", &t, "name", &name, "context",
                 &context);
    if (strcmp (name, "submit") == 0) {
        set_time (r, "t_submit", t);
    } else if (strcmp (name, "alloc") == 0) {
        set_time (r, "t_run", t);
    } else if (strcmp (name, "clean") == 0) {
        begin_cleanup (r, t);
        set_time (r, "t_inactive", t);
    } else if (strcmp (name, "finish") == 0) {
        begin_cleanup (r, t);
        json_unpack (context, "{s:i}", "status", &r->waitstatus);
        json_object_set_new (r->o, "waitstatus", json_integer (r->waitstatus));
    } else if (strcmp (name, "exception") == 0) {
        take_exception (r, context, t);
    }
    json_decref (o);
}

static void complete (struct result *r, flux_future_t *f)
{
    int result = FLUX_JOB_RESULT_FAILED;

    if (r->fatal && strcmp (r->exception, "cancel") == 0)
        result = FLUX_JOB_RESULT_CANCELED;
    else if (r->fatal && strcmp (r->exception, "timeout") == 0)
        result = FLUX_JOB_RESULT_TIMEOUT;
    else if (!r->fatal && r->waitstatus == 0)
        result = FLUX_JOB_RESULT_COMPLETED;
    json_object_set_new (r->o, "result", json_integer (result));
    flux_future_fulfill (f, json_dumps (r->o, JSON_COMPACT), free);
}

static void watch_continuation (flux_future_t *watch, void *arg)
{
    flux_future_t *f = arg;
    struct result *r = flux_future_aux_get (f, "flux::result");
    const char *event;

    if (flux_job_event_watch_get (watch, &event) == 0) {
        take_event (r, event);
        flux_future_reset (watch);
        return;
    }
    r->watch = NULL;
    if (errno == ENODATA)
        complete (r, f);
    else
        flux_future_fulfill_error (f, errno, flux_future_error_string (watch));
    flux_future_destroy (watch);
}

static void init (flux_future_t *f, void *arg)
{
    struct result *r = arg;
    flux_t *h = flux_future_get_flux (f);
    flux_future_t *watch = flux_job_event_watch (h, r->id, "eventlog", 0);

    if (!watch || flux_future_then (watch, -1., watch_continuation, f) < 0) {
        flux_future_destroy (watch);
        flux_future_fulfill_error (f, errno, NULL);
        return;
    }
    r->watch = watch;
}

flux_future_t *flux_job_result (flux_t *h, flux_jobid_t id, int flags)
{
    struct result *r = calloc (1, sizeof (*r));
    flux_future_t *f;

    if (!r)
        return NULL;
    r->id = id;
    r->flags = flags;
    r->waitstatus = -1;
    r->o = json_pack ("{s:I s:b}", "id", (json_int_t)id, "exception_occurred", 0);
    if (!r->o || !(f = flux_future_create (init, r))) {
        result_free (r);
        return NULL;
    }
    if (flux_future_aux_set (f, "flux::result", r, result_free) < 0) {
        flux_future_destroy (f);
        result_free (r);
        return NULL;
    }
    flux_future_set_flux (f, h);
    return f;
}

int flux_job_result_get (flux_future_t *f, const char **json_str)
{
    const void *s;

    if (flux_future_get (f, &s) < 0)
        return -1;
    if (json_str)
        *json_str = s;
    return 0;
}

int flux_job_result_get_unpack (flux_future_t *f, const char *fmt, ...)
{
    const char *s;
    va_list ap;
    int rc = -1;

    if (flux_job_result_get (f, &s) < 0)
        return -1;
    /* strings that are unpacked live as long as the future */
    json_t *o = flux_future_aux_get (f, "flux::result_json");
    if (!o) {
        if (!(o = json_decode_or (EPROTO, s, strlen (s), 0, NULL)))
            return -1;
        if (flux_future_aux_set (f, "flux::result_json", o, (flux_free_f)json_decref)
            < 0) {
            json_decref (o);
            return -1;
        }
    }
    va_start (ap, fmt);
    rc = json_vunpack_or (EPROTO, o, NULL, fmt, ap);
    va_end (ap);
    return rc;
}
