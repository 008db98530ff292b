/* Names of ids, states and results; requests about one job. */
#include "value/job/jobid.h"
#include <flux/job.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/json/jsontext.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

struct name {
    int value;
    const char *abbrev, *ABBREV, *lname, *LNAME;
};

static const struct name states[] = {
    { FLUX_JOB_STATE_NEW, "n", "N", "new", "NEW" },
    { FLUX_JOB_STATE_DEPEND, "d", "D", "depend", "DEPEND" },
    { FLUX_JOB_STATE_PRIORITY, "p", "P", "priority", "PRIORITY" },
    { FLUX_JOB_STATE_SCHED, "s", "S", "sched", "SCHED" },
    { FLUX_JOB_STATE_RUN, "r", "R", "run", "RUN" },
    { FLUX_JOB_STATE_CLEANUP, "c", "C", "cleanup", "CLEANUP" },
    { FLUX_JOB_STATE_INACTIVE, "i", "I", "inactive", "INACTIVE" },
};
static const struct name results[] = {
    { FLUX_JOB_RESULT_COMPLETED, "cd", "CD", "completed", "COMPLETED" },
    { FLUX_JOB_RESULT_FAILED, "f", "F", "failed", "FAILED" },
    { FLUX_JOB_RESULT_CANCELED, "ca", "CA", "canceled", "CANCELED" },
    { FLUX_JOB_RESULT_TIMEOUT, "to", "TO", "timeout", "TIMEOUT" },
};
#define NSTATES (sizeof (states) / sizeof (states[0]))
#define NRESULTS (sizeof (results) / sizeof (results[0]))

static const char *to_str (const struct name *names, size_t n, int value,
                           const char *fmt)
{
    static const struct name unknown = { 0, "-", "-", "(unknown)", "(unknown)" };
    const struct name *x = &unknown;

    for (size_t i = 0; i < n; i++) {
        if (names[i].value == value)
            x = &names[i];
    }
    switch (fmt ? *fmt : 'L') {
    case 's':
        return x->abbrev;
    case 'S':
        return x->ABBREV;
    case 'l':
        return x->lname;
    default:
        return x->LNAME;
    }
}

static int from_str (const struct name *names, size_t n, const char *s, int *value)
{
    for (size_t i = 0; s && i < n; i++) {
        if (strcasecmp (names[i].lname, s) == 0
            || strcasecmp (names[i].abbrev, s) == 0) {
            *value = names[i].value;
            return 0;
        }
    }
    errno = EINVAL;
    return -1;
}

const char *flux_job_statetostr (flux_job_state_t state, const char *fmt)
{
    return to_str (states, NSTATES, state, fmt);
}

int flux_job_strtostate (const char *s, flux_job_state_t *state)
{
    int value;

    if (from_str (states, NSTATES, s, &value) < 0)
        return -1;
    *state = value;
    return 0;
}

const char *flux_job_resulttostr (flux_job_result_t result, const char *fmt)
{
    return to_str (results, NRESULTS, result, fmt);
}

int flux_job_strtoresult (const char *s, flux_job_result_t *result)
{
    int value;

    if (from_str (results, NRESULTS, s, &value) < 0)
        return -1;
    *result = value;
    return 0;
}

int flux_job_id_parse (const char *s, flux_jobid_t *id)
{
    return jobid_decode (s, id);
}

int flux_job_id_encode (flux_jobid_t id, const char *type, char *buf, size_t len)
{
    enum jobid_type t = JOBID_DEC;

    if (type && jobid_type_parse (type, &t) < 0)
        return -1;
    return jobid_encode (id, t, buf, len);
}

static int kvs_key (char *buf, int bufsz, flux_jobid_t id, const char *dir,
                    const char *key)
{
    char s[32];

    if (!buf || bufsz < 0 || jobid_encode (id, JOBID_KVS, s, sizeof (s)) < 0) {
        errno = EINVAL;
        return -1;
    }
    int n = snprintf (buf, bufsz, "%s%s%s%s", s, dir, key ? "." : "", key ? key : "");
    if (n >= bufsz) {
        errno = EOVERFLOW;
        return -1;
    }
    return n;
}

int flux_job_kvs_key (char *buf, int bufsz, flux_jobid_t id, const char *key)
{
    return kvs_key (buf, bufsz, id, "", key);
}

int flux_job_kvs_guest_key (char *buf, int bufsz, flux_jobid_t id, const char *key)
{
    return kvs_key (buf, bufsz, id, ".guest", key);
}

int flux_job_kvs_namespace (char *buf, int bufsz, flux_jobid_t id)
{
    int n;

    if (!buf || bufsz < 0) {
        errno = EINVAL;
        return -1;
    }
    n = snprintf (buf, bufsz, "job-%" PRIu64, id);
    if (n >= bufsz) {
        errno = EOVERFLOW;
        return -1;
    }
    return n;
}

/* Who submits is known by the connection, so that a signature of mechanism none adds
 * nothing: the jobspec travels as it is. What is not even JSON from afar is wrapped,
 * so that job-ingest can say what is wrong with it. */
static void add_jobspec (struct buf *b, const char *jobspec, int flags)
{
    struct span v;
    char *J = NULL;

    if (!(flags & FLUX_JOB_PRE_SIGNED)) {
        if (jsontext_value (jobspec, strlen (jobspec), &v) == 0) {
            buf_adds (b, "\"jobspec\":");
            buf_add (b, v.s, v.len);
            return;
        }
        if (!(jobspec = J = flux_sign_none (jobspec, getuid ()))) {
            b->err = ENOMEM;
            return;
        }
    }
    buf_adds (b, "\"J\":\"");
    buf_adds (b, jobspec); /* base64 needs no escapes */
    buf_addc (b, '"');
    free (J);
}

flux_future_t *flux_job_submit (flux_t *h, const char *jobspec, int urgency, int flags)
{
    struct buf b = BUF_INIT;
    flux_future_t *f = NULL;

    if (!h || !jobspec) {
        errno = EINVAL;
        return NULL;
    }
    buf_printf (&b, "{\"urgency\":%d,\"flags\":%d,", urgency,
                flags & ~FLUX_JOB_PRE_SIGNED);
    add_jobspec (&b, jobspec, flags);
    if (buf_addc (&b, '}') == 0)
        f = flux_rpc (h, "job-ingest.submit", b.data, FLUX_NODEID_ANY, 0);
    buf_fini (&b);
    return f;
}

int flux_job_submit_get_id (flux_future_t *f, flux_jobid_t *id)
{
    json_int_t i;

    if (flux_rpc_get_unpack (f, "{s:I}", "id", &i) < 0)
        return -1;
    if (id)
        *id = i;
    return 0;
}

flux_future_t *flux_job_wait (flux_t *h, flux_jobid_t id)
{
    return flux_rpc_pack (h, "job-manager.wait", FLUX_NODEID_ANY, 0, "{s:I}", "id",
                          (json_int_t)id);
}

int flux_job_wait_get_status (flux_future_t *f, bool *success, const char **errstr)
{
    int ok;
    const char *s;

    if (flux_rpc_get_unpack (f, "{s:b s:s}", "success", &ok, "errstr", &s) < 0)
        return -1;
    if (success)
        *success = ok;
    if (errstr)
        *errstr = s;
    return 0;
}

int flux_job_wait_get_id (flux_future_t *f, flux_jobid_t *id)
{
    return flux_job_submit_get_id (f, id);
}

/* A list; NULL with EINVAL or ENOMEM. */
static json_t *read_attrs (const char *json)
{
    json_t *o = json_decode_or (EINVAL, json, strlen (json), 0, NULL);

    if (o && !json_is_array (o)) {
        json_decref (o);
        errno = EINVAL;
        return NULL;
    }
    return o;
}

static flux_future_t *list (flux_t *h, int max_entries, const char *attrs_json,
                            json_t *constraint, double since)
{
    json_t *attrs = read_attrs (attrs_json ? attrs_json : "[]");
    flux_future_t *f = NULL;

    if (!h || max_entries < 0)
        errno = EINVAL;
    else if (!constraint)
        errno = ENOMEM;
    else if (attrs)
        f = flux_rpc_pack (h, "job-list.list", FLUX_NODEID_ANY, 0, "{s:i s:O s:O s:f}",
                           "max_entries", max_entries, "attrs", attrs, "constraint",
                           constraint, "since", since);
    json_decref (attrs);
    json_decref (constraint);
    return f;
}

flux_future_t *flux_job_list (flux_t *h, int max_entries, const char *attrs_json,
                              uint32_t userid, int states)
{
    json_t *c;

    if (userid == FLUX_USERID_UNKNOWN)
        c = json_pack ("{s:[i]}", "states", states ? states : 0x7f);
    else
        c = json_pack ("{s:[{s:[i]} {s:[I]}]}", "and", "states", states ? states : 0x7f,
                       "userid", (json_int_t)userid);
    return list (h, max_entries, attrs_json, c, 0);
}

flux_future_t *flux_job_list_inactive (flux_t *h, int max_entries, double since,
                                       const char *attrs_json)
{
    return list (h, max_entries, attrs_json,
                 json_pack ("{s:[i]}", "states", FLUX_JOB_STATE_INACTIVE), since);
}

flux_future_t *flux_job_list_id (flux_t *h, flux_jobid_t id, const char *attrs_json)
{
    json_t *attrs;

    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    if (!(attrs = read_attrs (attrs_json ? attrs_json : "[\"all\"]")))
        return NULL;
    return flux_rpc_pack (h, "job-list.list-id", FLUX_NODEID_ANY, 0, "{s:I s:o}", "id",
                          (json_int_t)id, "attrs", attrs);
}

flux_future_t *flux_job_raise (flux_t *h, flux_jobid_t id, const char *type,
                               int severity, const char *note)
{
    if (!h || !type) {
        errno = EINVAL;
        return NULL;
    }
    return flux_rpc_pack (h, "job-manager.raise", FLUX_NODEID_ANY, 0,
                          "{s:I s:s s:i s:s*}", "id", (json_int_t)id, "type", type,
                          "severity", severity, "note", note);
}

flux_future_t *flux_job_cancel (flux_t *h, flux_jobid_t id, const char *reason)
{
    return flux_job_raise (h, id, "cancel", 0, reason);
}

flux_future_t *flux_job_kill (flux_t *h, flux_jobid_t id, int signum)
{
    return flux_rpc_pack (h, "job-manager.kill", FLUX_NODEID_ANY, 0, "{s:I s:i}", "id",
                          (json_int_t)id, "signum", signum);
}

flux_future_t *flux_job_set_urgency (flux_t *h, flux_jobid_t id, int urgency)
{
    return flux_rpc_pack (h, "job-manager.urgency", FLUX_NODEID_ANY, 0, "{s:I s:i}",
                          "id", (json_int_t)id, "urgency", urgency);
}

flux_future_t *flux_job_event_watch (flux_t *h, flux_jobid_t id, const char *path,
                                     int flags)
{
    if (!h || !path) {
        errno = EINVAL;
        return NULL;
    }
    return flux_rpc_pack (h, "job-info.eventlog-watch", FLUX_NODEID_ANY,
                          FLUX_RPC_STREAMING, "{s:I s:s s:i}", "id", (json_int_t)id,
                          "path", path, "flags", flags);
}

flux_future_t *job_event_watch_window (flux_t *h, flux_jobid_t id, const char *path,
                                       int flags, size_t window)
{
    return flux_rpc_pack (h, "job-info.eventlog-watch", FLUX_NODEID_ANY,
                          FLUX_RPC_STREAMING, "{s:I s:s s:i s:I}", "id", (json_int_t)id,
                          "path", path, "flags", flags, "window", (json_int_t)window);
}

int job_event_watch_credit (flux_future_t *f, flux_jobid_t id, size_t bytes)
{
    flux_future_t *f2 = flux_rpc_pack (
        flux_future_get_flux (f), "job-info.eventlog-watch-credit", FLUX_NODEID_ANY,
        FLUX_RPC_NORESPONSE, "{s:I s:i s:I}", "id", (json_int_t)id, "matchtag",
        (int)flux_rpc_get_matchtag (f), "bytes", (json_int_t)bytes);

    flux_future_destroy (f2);
    return f2 ? 0 : -1;
}

int flux_job_event_watch_get (flux_future_t *f, const char **event)
{
    const char *s;

    if (flux_rpc_get_unpack (f, "{s:s}", "event", &s) < 0)
        return -1;
    if (event)
        *event = s;
    return 0;
}

int flux_job_event_watch_cancel (flux_future_t *f)
{
    flux_t *h = flux_future_get_flux (f);
    flux_future_t *f2 = flux_rpc_pack (h, "job-info.eventlog-watch-cancel",
                                       FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE, "{s:i}",
                                       "matchtag", (int)flux_rpc_get_matchtag (f));

    if (!f2)
        return -1;
    flux_future_destroy (f2);
    return 0;
}

int flux_job_waitstatus_to_exitcode (int waitstatus, flux_error_t *error)
{
    if (WIFSIGNALED (waitstatus))
        return 128 + WTERMSIG (waitstatus);
    if (WIFEXITED (waitstatus))
        return WEXITSTATUS (waitstatus);
    if (error)
        snprintf (error->text, sizeof (error->text), "unexpected wait status %d",
                  waitstatus);
    errno = EINVAL;
    return -1;
}

int flux_job_timeleft (flux_t *h, flux_error_t *error, double *timeleft)
{
    const char *s = getenv ("FLUX_JOB_ID");
    flux_jobid_t id;
    double expiration = 0;
    flux_future_t *f;

    if (!h || !error || !timeleft) {
        errno = EINVAL;
        return -1;
    }
    if (!s || flux_job_id_parse (s, &id) < 0) {
        snprintf (error->text, sizeof (error->text),
                  s ? "FLUX_JOB_ID: not a job id: %s"
                    : "not in a job: FLUX_JOB_ID is not set",
                  s ? s : "");
        errno = EINVAL;
        return -1;
    }
    f = flux_rpc_pack (h, "job-info.lookup", FLUX_NODEID_ANY, 0, "{s:I s:[s] s:i}",
                       "id", (json_int_t)id, "keys", "R", "flags", 1 | 2);
    if (!f
        || flux_rpc_get_unpack (f, "{s:{s:{s?F}}}", "R", "execution", "expiration",
                                &expiration)
               < 0) {
        int errnum = errno;
        const char *why = f ? flux_future_error_string (f) : NULL;

        snprintf (error->text, sizeof (error->text), "resources of job %s: %s", s,
                  why ? why : strerror (errnum));
        flux_future_destroy (f);
        errno = errnum;
        return -1;
    }
    flux_future_destroy (f);
    *timeleft = INFINITY;
    if (expiration > 0) {
        *timeleft = expiration - flux_reactor_time ();
        if (*timeleft < 0)
            *timeleft = 0;
    }
    return 0;
}
