#include "log.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX 64

/* A request, until all its keys have been looked up. */
struct lookup {
    struct job_info *ji;
    const flux_msg_t *msg;
    flux_jobid_t id;
    int flags;
    int count;
    int pending;
    const char *keys[KEYS_MAX]; /* borrowed from msg */
    flux_future_t *f[KEYS_MAX];
    flux_future_t *log;    /* the eventlog, if it is needed beside */
    flux_future_t *spec;   /* the jobspec, if J is asked for */
    flux_future_t *stored; /* something was missing that may be on its way */
};

static void drop_lookups (struct lookup *l)
{
    for (int i = 0; i < l->count; i++)
        flux_future_destroy (l->f[i]);
    flux_future_destroy (l->log);
    flux_future_destroy (l->spec);
    l->log = l->spec = NULL;
    l->count = l->pending = 0;
}

static void lookup_destroy (struct lookup *l)
{
    if (l) {
        drop_lookups (l);
        flux_future_destroy (l->stored);
        flux_msg_decref (l->msg);
        l->ji->lookups--;
        free (l);
    }
}

flux_future_t *job_info_kvs_lookup (struct job_info *ji, flux_jobid_t id,
                                    const char *key, int flags)
{
    char path[256];

    if (flux_job_kvs_key (path, sizeof (path), id, key) < 0)
        return NULL;
    return flux_kvs_lookup (ji->h, KVS_PRIMARY_NAMESPACE, flags, path);
}

flux_future_t *job_info_wait_stored (struct job_info *ji, flux_jobid_t id)
{
    return flux_rpc_pack (ji->h, "job-manager.stored", FLUX_NODEID_ANY, 0, "{s:I}",
                          "id", (json_int_t)id);
}

bool job_info_look_again (flux_future_t *f)
{
    return flux_future_get (f, NULL) == 0 || errno == ENOENT || errno == ENOSYS;
}

int job_info_authorize (const flux_msg_t *msg, const char *log, size_t len)
{
    struct flux_msg_cred cred;
    uint32_t userid;

    if (flux_msg_get_cred (msg, &cred) < 0)
        return -1;
    if ((cred.rolemask & FLUX_ROLE_OWNER))
        return 0;
    return log_owner (log, len, &userid) < 0 ? -1
                                             : flux_msg_cred_authorize (cred, userid);
}

/* A signature of mechanism none is not stored: it says nothing that the jobspec and the
 * eventlog, with the job's user, do not. */
static json_t *make_J (struct lookup *l, const char *log, size_t log_len)
{
    const void *data;
    uint32_t userid;
    size_t len;
    char *J;

    if (errno != ENOENT || flux_kvs_lookup_get_raw (l->spec, &data, &len) < 0
        || log_owner (log, log_len, &userid) < 0
        || !(J = flux_sign_none (data ? data : "", userid)))
        return NULL;
    json_t *o = json_string (J);
    free (J);
    return o;
}

static json_t *value_of (struct lookup *l, int i, const char *log, size_t log_len)
{
    const void *data;
    size_t len;

    if (flux_kvs_lookup_get_raw (l->f[i], &data, &len) == 0)
        return log_value (l->flags, l->keys[i], data, len, log, log_len);
    return strcmp (l->keys[i], "J") == 0 ? make_J (l, log, log_len) : NULL;
}

static int make_answer (struct lookup *l, json_t *answer)
{
    const void *log = NULL;
    size_t log_len = 0;

    if (l->log) {
        if (flux_kvs_lookup_get_raw (l->log, &log, &log_len) < 0
            || job_info_authorize (l->msg, log, log_len) < 0)
            return -1;
    }
    for (int i = 0; i < l->count; i++) {
        json_t *value = value_of (l, i, log, log_len);

        if (!value)
            return -1;
        if (json_object_set_new (answer, l->keys[i], value) < 0) {
            errno = ENOMEM;
            return -1;
        }
    }
    return 0;
}

static void respond (struct lookup *l)
{
    json_t *answer;

    if (!(answer = json_pack ("{s:I}", "id", (json_int_t)l->id)))
        errno = ENOMEM;
    if (!answer || make_answer (l, answer) < 0)
        job_info_respond_error (l->ji, l->msg, errno, NULL);
    else if (flux_respond_pack (l->ji->h, l->msg, "O", answer) < 0)
        flux_log_error (l->ji->h, "error responding to job-info.lookup");
    json_decref (answer);
    lookup_destroy (l);
}

static bool is_missing (flux_future_t *f)
{
    return f && flux_kvs_lookup_get_raw (f, NULL, NULL) < 0 && errno == ENOENT;
}

/* Of what is stored with events, something is not there. */
static bool misses_what_events_promise (struct lookup *l)
{
    if (is_missing (l->log))
        return true;
    for (int i = 0; i < l->count; i++) {
        if ((!strcmp (l->keys[i], "R") || !strcmp (l->keys[i], "eventlog"))
            && is_missing (l->f[i]))
            return true;
    }
    return false;
}

static int start (struct lookup *l);

static void stored_cb (flux_future_t *f, void *arg)
{
    struct lookup *l = arg;

    if (!job_info_look_again (f)) {
        job_info_respond_error (l->ji, l->msg, errno, flux_future_error_string (f));
        lookup_destroy (l);
        return;
    }
    drop_lookups (l);
    if (start (l) < 0) {
        job_info_respond_error (l->ji, l->msg, errno, NULL);
        lookup_destroy (l);
    }
}

static void one_done (flux_future_t *f, void *arg)
{
    struct lookup *l = arg;

    if (--l->pending > 0)
        return;
    if (l->stored || !misses_what_events_promise (l)
        || !(l->stored = job_info_wait_stored (l->ji, l->id))
        || flux_future_then (l->stored, -1., stored_cb, l) < 0)
        respond (l);
}

static int send_lookup (struct lookup *l, const char *key, flux_future_t **f)
{
    if (!(*f = job_info_kvs_lookup (l->ji, l->id, key, 0))
        || flux_future_then (*f, -1., one_done, l) < 0)
        return -1;
    l->pending++;
    return 0;
}

static bool needs_log (struct lookup *l)
{
    struct flux_msg_cred cred = { 0 };

    flux_msg_get_cred (l->msg, &cred);
    return !(cred.rolemask & FLUX_ROLE_OWNER) || (l->flags & JOB_INFO_CURRENT)
           || l->spec;
}

static int start (struct lookup *l)
{
    json_t *keys, *key;
    json_int_t id;
    size_t i;

    if (flux_request_unpack (l->msg, NULL, "{s:I s:o s:i}", "id", &id, "keys", &keys,
                             "flags", &l->flags)
        < 0)
        return -1;
    l->id = id;
    if (!json_is_array (keys) || json_array_size (keys) > KEYS_MAX
        || (l->flags & ~(JOB_INFO_JSON_DECODE | JOB_INFO_CURRENT))) {
        errno = EPROTO;
        return -1;
    }
    json_array_foreach (keys, i, key) {
        if (!json_is_string (key)) {
            errno = EPROTO;
            return -1;
        }
        l->keys[i] = json_string_value (key);
        l->count++;
        if (send_lookup (l, l->keys[i], &l->f[i]) < 0
            || (strcmp (l->keys[i], "J") == 0 && !l->spec
                && send_lookup (l, "jobspec", &l->spec) < 0))
            return -1;
    }
    if (needs_log (l) || l->count == 0)
        return send_lookup (l, "eventlog", &l->log);
    return 0;
}

void job_info_lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct job_info *ji = arg;
    struct lookup *l;

    if (!(l = calloc (1, sizeof (*l)))) {
        job_info_respond_error (ji, msg, ENOMEM, NULL);
        return;
    }
    l->ji = ji;
    ji->lookups++;
    l->msg = flux_msg_incref (msg);
    if (start (l) < 0) {
        job_info_respond_error (ji, msg, errno, NULL);
        lookup_destroy (l);
    }
}
