#include "service.h"

#include "base/hashmap.h"
#include "base/sort.h"
#include "core/future/stream.h"
#include "core/handle/module.h"
#include "value/job/attrs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void job_list_error (struct job_list *jl, const flux_msg_t *msg, int errnum,
                     const char *text)
{
    if (flux_respond_error (jl->h, msg, errnum, text) < 0)
        flux_log_error (jl->h, "error responding to job-list request");
}

void job_list_respond (struct job_list *jl, const flux_msg_t *msg, struct buf *b)
{
    if (b->err)
        job_list_error (jl, msg, ENOMEM, NULL);
    else if (flux_respond (jl->h, msg, b->data) < 0)
        flux_log_error (jl->h, "error responding to job-list request");
}

bool job_list_visible (const struct job_list *jl, const flux_msg_t *msg,
                       const struct job *job)
{
    return !jl->private_mode || flux_msg_authorize (msg, job->userid) == 0;
}

static bool is_ready (const struct job_list *jl)
{
    return jl->backlog_done && !jl->loader;
}

bool job_list_defer (struct job_list *jl, const flux_msg_t *msg)
{
    stream_catch_up (jl->journal); /* what came before the question */
    if (is_ready (jl))
        return jl->busy && sync_wait (jl->sync, msg);
    if (flux_msglist_count (jl->deferred) >= DEFERRED_MAX
        || flux_msglist_append (jl->deferred, msg) < 0)
        job_list_error (jl, msg, EAGAIN, "job-list is still reading jobs");
    return true;
}

/* list-id */

struct id_query {
    flux_jobid_t id;
    uint64_t attrs;
    int state;
};

static int id_query_decode (const flux_msg_t *msg, struct id_query *q,
                            flux_error_t *error)
{
    json_t *attrs;
    json_int_t id;
    const char *bad;

    memset (q, 0, sizeof (*q));
    if (flux_request_unpack (msg, NULL, "{s:I s:o s?i}", "id", &id, "attrs", &attrs,
                             "state", &q->state)
        < 0) {
        snprintf (error->text, sizeof (error->text), "invalid payload");
        return -1;
    }
    q->id = id;
    if (job_attrs_decode (attrs, &q->attrs, &bad) < 0) {
        snprintf (error->text, sizeof (error->text), "%.80s is not a valid attribute",
                  bad);
        return -1;
    }
    return 0;
}

static bool has_reached (const struct job *job, int state)
{
    return job->state != FLUX_JOB_STATE_NEW && (int)job->state >= state;
}

static void answer_id (struct job_list *jl, const flux_msg_t *msg,
                       const struct id_query *q, const struct job *job)
{
    struct buf b = BUF_INIT;

    if (!job_list_visible (jl, msg, job)) {
        job_list_error (jl, msg, EPERM, NULL);
        return;
    }
    buf_adds (&b, "{\"job\":");
    job_encode (job, q->attrs, &b);
    buf_addc (&b, '}');
    job_list_respond (jl, msg, &b);
    buf_fini (&b);
}

static int wait_for_id (struct job_list *jl, const flux_msg_t *msg)
{
    if (flux_msglist_count (jl->id_waiters) >= ID_WAITERS_MAX) {
        errno = EAGAIN;
        return -1;
    }
    return flux_msglist_append (jl->id_waiters, msg);
}

/* Is there such a job? It may have been submitted a moment ago. */
static void looked_up (flux_future_t *f, void *arg)
{
    struct job_list *jl = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    flux_error_t error;
    struct id_query q;
    const struct job *job;
    struct job row;

    if (flux_future_get (f, NULL) < 0 || id_query_decode (msg, &q, &error) < 0)
        job_list_error (jl, msg, errno, NULL);
    else if ((job = jobs_find (&jl->jobs, q.id, &row)) && has_reached (job, q.state))
        answer_id (jl, msg, &q, job);
    else if (wait_for_id (jl, msg) < 0)
        job_list_error (jl, msg, errno, NULL);
    flux_future_destroy (f);
}

static int look_up (struct job_list *jl, const flux_msg_t *msg, flux_jobid_t id)
{
    flux_future_t *f;
    char key[128];

    if (flux_job_kvs_key (key, sizeof (key), id, "eventlog") < 0
        || !(f = flux_kvs_lookup (jl->h, KVS_PRIMARY_NAMESPACE, FLUX_KVS_TREEOBJ, key)))
        return -1;
    if (flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                             (flux_free_f)flux_msg_decref)
            < 0
        || flux_future_then (f, -1., looked_up, jl) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

static void list_id_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct job_list *jl = arg;
    flux_error_t error = { "" };
    struct id_query q;
    const struct job *job;
    struct job row;

    if (job_list_defer (jl, msg))
        return;
    if (id_query_decode (msg, &q, &error) < 0)
        goto error;
    if (!(job = jobs_find (&jl->jobs, q.id, &row))) {
        if (look_up (jl, msg, q.id) < 0)
            goto error;
    } else if (has_reached (job, q.state)) {
        answer_id (jl, msg, &q, job);
    } else if (wait_for_id (jl, msg) < 0) {
        goto error;
    }
    return;
error:
    job_list_error (jl, msg, errno, error.text[0] ? error.text : NULL);
}

static void job_changed (struct job *job, void *arg)
{
    struct job_list *jl = arg;
    const flux_msg_t *msg;

    if (flux_msglist_count (jl->id_waiters) == 0)
        return;
    for (msg = flux_msglist_first (jl->id_waiters); msg;
         msg = flux_msglist_next (jl->id_waiters)) {
        flux_error_t error;
        struct id_query q;

        if (id_query_decode (msg, &q, &error) < 0 || q.id != job->id
            || !has_reached (job, q.state))
            continue;
        jobs_write (&jl->jobs);
        answer_id (jl, msg, &q, job);
        flux_msglist_delete (jl->id_waiters);
    }
}

/* Attributes and statistics */

static void list_attrs_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct buf b = BUF_INIT;

    buf_adds (&b, "{\"attrs\":[\"id\"");
    for (int i = 0; i < J_ID; i++)
        buf_printf (&b, ",\"%s\"", job_attr_names[i]);
    buf_adds (&b, ",\"all\"]}");
    job_list_respond (arg, msg, &b);
    buf_fini (&b);
}

static int by_name (const void *a, const void *b)
{
    return strcmp ((*(const struct job_counts *const *)a)->queue,
                   (*(const struct job_counts *const *)b)->queue);
}

static void encode_queues (struct job_list *jl, struct buf *b)
{
    size_t pos = 0, n = 0, max = hashmap_count (jl->jobs.queues);
    struct job_counts **all = calloc (max + 1, sizeof (*all));
    void *value;

    while (all && hashmap_next (jl->jobs.queues, &pos, NULL, &value))
        all[n++] = value;
    if (all)
        sort_array (all, n, sizeof (*all), by_name);
    for (size_t i = 0; i < n; i++) {
        buf_adds (b, i > 0 ? ",{" : "{");
        job_counts_encode (all[i], b);
        buf_addc (b, '}');
    }
    free (all);
}

static void job_stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct job_list *jl = arg;
    struct buf b = BUF_INIT;

    if (job_list_defer (jl, msg))
        return;
    buf_addc (&b, '{');
    job_counts_encode (&jl->jobs.counts, &b);
    buf_adds (&b, ",\"queues\":[");
    encode_queues (jl, &b);
    buf_adds (&b, "]}");
    job_list_respond (jl, msg, &b);
    buf_fini (&b);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct job_list *jl = arg;

    if (flux_respond_pack (h, msg, "{s:{s:i s:i s:i} s:{s:i s:i} s:i}", "jobs",
                           "pending", (int)jl->jobs.pending.count, "running",
                           (int)jl->jobs.running.count, "inactive",
                           (int)jobs_inactive (&jl->jobs), "idsync", "lookups",
                           flux_msglist_count (jl->deferred), "waits",
                           flux_msglist_count (jl->id_waiters), "strings",
                           (int)intern_count (jl->jobs.strings))
        < 0)
        flux_log_error (h, "error responding to job-list.stats-get");
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct job_list *jl = arg;

    query_disconnect (jl, msg);
    flux_msglist_disconnect (jl->deferred, msg);
    sync_disconnect (jl->sync, msg);
    flux_msglist_disconnect (jl->id_waiters, msg);
}

static void purge_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct job_list *jl = arg;
    json_t *ids, *id;
    size_t i;

    if (flux_event_unpack (msg, NULL, "{s:o}", "jobs", &ids) < 0) {
        flux_log_error (h, "job-list: malformed job-purge-inactive event");
        return;
    }
    json_array_foreach (ids, i, id)
        if (jobs_purge (&jl->jobs, json_integer_value (id)) < 0)
            flux_log_error (h, "job-list: forgetting a job");
}

/* The journal */

void job_list_replay (struct job_list *jl, struct flux_msglist *requests)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (requests))) {
        if (flux_requeue (jl->h, msg, FLUX_RQ_TAIL) < 0)
            job_list_error (jl, msg, errno, NULL);
        flux_msg_decref (msg);
    }
}

static void loaded (struct job_list *jl)
{
    loader_destroy (jl->loader);
    jl->loader = NULL;
    job_list_replay (jl, jl->deferred);
}

static void apply_events (struct job_list *jl, json_t *events)
{
    json_t *o;
    size_t i;

    json_array_foreach (events, i, o) {
        json_t *entry = NULL, *jobspec = NULL, *R = NULL;
        json_int_t id;

        if (json_unpack (o, "{s:I s:o s?o s?o}", "id", &id, "entry", &entry, "jobspec",
                         &jobspec, "R", &R)
                < 0
            || jobs_event (&jl->jobs, id, entry, jobspec, R) < 0)
            flux_log (jl->h, 3, "job-list: malformed event in the journal");
    }
    jobs_write (&jl->jobs);
    job_list_settle (jl);
}

void job_list_settle (struct job_list *jl)
{
    if (jobs_settle (&jl->jobs) < 0)
        flux_log_error (jl->h, "job-list: jobs that ended stay in memory");
}

static int journal_cb (flux_future_t *f, void *arg)
{
    struct job_list *jl = arg;
    json_t *events;
    int busy = jl->busy;

    if (flux_rpc_get_unpack (f, "{s:o s?b}", "events", &events, "busy", &busy) < 0) {
        if (errno != ENODATA && errno != ENOSYS)
            flux_log_error (jl->h, "job-list: job-manager.events-journal");
        flux_reactor_stop (flux_get_reactor (jl->h));
        return 1;
    }
    jl->busy = busy;
    apply_events (jl, events);
    if (json_array_size (events) == 0 && !jl->backlog_done) {
        jl->backlog_done = true;
        if (!(jl->loader = loader_start (jl, loaded))) {
            flux_log_error (jl->h, "job-list: reading jobs from the KVS");
            job_list_replay (jl, jl->deferred);
        }
    }
    return 0;
}

/* Start and end */

static void read_config (struct job_list *jl)
{
    const flux_conf_t *conf = flux_get_conf (jl->h);
    int private_mode = 0;

    if (conf
        && flux_conf_unpack (conf, NULL, "{s?{s?b}}", "access", "private-mode",
                             &private_mode)
               == 0)
        jl->private_mode = private_mode;
}

static void config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                              void *arg)
{
    flux_conf_t *conf;

    if (flux_module_config_request_decode (msg, &conf) < 0
        || flux_set_conf_new (h, conf) < 0)
        job_list_error (arg, msg, errno, NULL);
    else {
        read_config (arg);
        if (flux_respond (h, msg, NULL) < 0)
            flux_log_error (h, "error responding to job-list.config-reload");
    }
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "job-list.config-reload", config_reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "job-list.list", query_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-list.list-id", list_id_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-list.list-attrs", list_attrs_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-list.job-stats", job_stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-list.stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "job-list.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_EVENT, "job-purge-inactive", purge_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static int job_list_init (struct job_list *jl, flux_t *h)
{
    memset (jl, 0, sizeof (*jl));
    jl->h = h;
    jl->busy = true;
    if (jobs_init (&jl->jobs) < 0 || !(jl->deferred = flux_msglist_create ())
        || !(jl->sync = sync_create (jl)) || !(jl->id_waiters = flux_msglist_create ())
        || query_init (jl) < 0)
        return -1;
    jl->jobs.changed = job_changed;
    jl->jobs.arg = jl;
    read_config (jl);
    if (flux_event_subscribe (h, "job-purge-inactive") < 0
        || flux_msg_handler_addvec (h, handlers, jl, &jl->handlers) < 0)
        return -1;
    jl->journal = stream_open (flux_rpc_pack (h, "job-manager.events-journal", 0,
                                              FLUX_RPC_STREAMING, "{s:b s:b}", "full",
                                              0, "commits", 1),
                               journal_cb, jl);
    return jl->journal ? 0 : -1;
}

static void job_list_fini (struct job_list *jl)
{
    flux_msg_handler_delvec (jl->handlers);
    stream_close (jl->journal);
    loader_destroy (jl->loader);
    query_fini (jl);
    flux_msglist_destroy (jl->deferred);
    sync_destroy (jl->sync);
    flux_msglist_destroy (jl->id_waiters);
    jobs_fini (&jl->jobs);
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct job_list jl;
    int rc = -1;

    if (module_no_args (h, argc, argv) < 0)
        return -1;
    if (job_list_init (&jl, h) < 0)
        flux_log_error (h, "job-list: starting");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
        flux_log_error (h, "job-list: reactor");
    job_list_fini (&jl);
    return rc < 0 ? -1 : 0;
}
