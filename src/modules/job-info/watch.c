/* Watching eventlogs (RFC 41).
 *
 * A job that is watched has one KVS watch of its main log, whoever watches what
 * of it: the log tells who may watch, serves the watchers of the log itself, and
 * tells when the job is over. Each other log that is watched has a KVS watch of
 * its own. All guest logs are complete before `clean` is posted: the KVS watch then
 * ends with what is there.
 *
 * Guest logs may be large, and their readers slow: the KVS sends no more than a
 * window of them, until the reader has taken it. A reader that does not say what it
 * takes gets all, as fast as the KVS reads it.
 *
 * Only a watch of the main log may wait for a job that does not exist yet
 * (WAITCREATE); for other logs the flag means that the job has to exist, and to
 * write the log before it ends. The same holds for the exec log of a job that has not
 * ended. All others get ENOENT, also when they join a job that somebody waits for. */
#include "log.h"
#include "service.h"
#include "window.h"

#include "base/hashmap.h"
#include "core/kvs/kvs_window.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WINDOW (256 * 1024)
#define WINDOW_MAX (1024 * 1024)

struct job {
    struct job_info *ji;
    flux_jobid_t id;
    struct list watches;
    flux_future_t *f;
    flux_future_t *stored; /* there was no log: it may be on its way */
    struct buf log;
    bool waits; /* f waits until the log is created */
    bool known; /* the log has been seen */
    bool over;  /* clean was posted */
    int errnum; /* the log cannot be watched */
};

enum kind { MAIN_LOG, GUEST_LOG, UPDATES };

struct watch {
    struct list node;
    struct job *job;
    const flux_msg_t *msg;
    enum kind kind;
    char *path;
    bool waitcreate;
    bool admitted; /* may watch, and was started */
    size_t pos;    /* MAIN_LOG, UPDATES: in the job's log */
    size_t window_size;
    bool credits; /* the reader says what it takes */
    struct window window;
    flux_future_t *f;
    flux_future_t *probe; /* does the job exist? */
    struct buf partial;   /* of a line */
    json_t *object;       /* UPDATES: the current object */
    bool f_ended;         /* nothing to cancel any more */
    bool last;            /* the KVS watch was told to end */
    bool dead;            /* ended while it is being served */
    int busy;
};

static void job_release (struct job *job);

static void watch_free (struct watch *w)
{
    struct job *job = w->job;

    list_remove (&w->node);
    job->ji->watches--;
    /* A KVS watch that is still alive has to be told. */
    if (w->f && w->kind == GUEST_LOG && !w->f_ended)
        flux_kvs_lookup_cancel (w->f);
    flux_future_destroy (w->f);
    flux_future_destroy (w->probe);
    flux_msg_decref (w->msg);
    buf_fini (&w->partial);
    json_decref (w->object);
    free (w->path);
    free (w);
    job_release (job);
}

static void watch_end (struct watch *w, int errnum)
{
    if (w->dead)
        return;
    if (errnum)
        job_info_respond_error (w->job->ji, w->msg, errnum, NULL);
    w->dead = true;
    if (!w->busy)
        watch_free (w);
}

static void hold (struct watch *w)
{
    w->busy++;
}

static void release (struct watch *w)
{
    if (--w->busy == 0 && w->dead)
        watch_free (w);
}

static void send_line (struct watch *w, const char *line, size_t len)
{
    if (flux_respond_pack (w->job->ji->h, w->msg, "{s:s%}", "event", line, len) < 0)
        flux_log_error (w->job->ji->h, "error responding to job-info.eventlog-watch");
}

/* Whole lines of data are sent; returns how much that was. */
static size_t send_lines (struct watch *w, const char *data, size_t len)
{
    const char *p = data, *end = data + len, *newline;

    while (!w->dead && (newline = memchr (p, '\n', end - p))) {
        size_t n = newline + 1 - p;

        send_line (w, p, n);
        if (log_ends (w->path, p, n))
            watch_end (w, ENODATA);
        p += n;
    }
    return p - data;
}

/* Guest logs */

static void grant (struct watch *w, size_t bytes, bool last)
{
    if (!w->dead && w->f && !w->f_ended && (bytes > 0 || last)
        && kvs_watch_credit (w->f, KVS_PRIMARY_NAMESPACE, bytes, last) < 0)
        watch_end (w, errno);
}

static void guest_data (struct watch *w, const char *data, size_t len)
{
    if (buf_add (&w->partial, data, len) < 0) {
        watch_end (w, ENOMEM);
        return;
    }
    if (w->partial.len > 0)
        buf_consume (&w->partial, send_lines (w, w->partial.data, w->partial.len));
    grant (w, w->credits ? window_got (&w->window, len, w->partial.len) : len, false);
}

/* The job is over: what is there now is all that there will be. */
static void guest_finish (struct watch *w)
{
    if (!w->last) {
        w->last = true;
        grant (w, 0, true);
    }
}

static void guest_cb (flux_future_t *f, void *arg)
{
    struct watch *w = arg;
    const void *data;
    size_t len;

    hold (w);
    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0) {
        int errnum = errno;

        w->f_ended = true;
        watch_end (w, errnum == ENOENT && w->last && w->waitcreate ? ENODATA : errnum);
    } else {
        if (len > 0)
            guest_data (w, data, len);
        flux_future_reset (f);
    }
    release (w);
}

/* What a job that runs, or will run, has to say may not be in the KVS yet. */
static bool is_to_come (const struct watch *w)
{
    return w->waitcreate || (!w->job->over && !strcmp (w->path, "guest.exec.eventlog"));
}

static void guest_start (struct watch *w)
{
    int flags = FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND;
    char key[256];

    w->last = w->job->over;
    if (is_to_come (w))
        flags |= FLUX_KVS_WAITCREATE;
    if (flux_job_kvs_key (key, sizeof (key), w->job->id, w->path) < 0
        || !(w->f = kvs_watch_window (w->job->ji->h, KVS_PRIMARY_NAMESPACE, flags, key,
                                      w->window_size, w->last))
        || flux_future_then (w->f, -1., guest_cb, w) < 0)
        watch_end (w, errno);
}

/* Updates */

static void send_object (struct watch *w)
{
    if (flux_respond_pack (w->job->ji->h, w->msg, "{s:I s:O}", "id",
                           (json_int_t)w->job->id, w->path, w->object)
        < 0)
        flux_log_error (w->job->ji->h, "error responding to job-info.update-watch");
}

/* Events of the log that have not been applied yet. */
static void updates_follow (struct watch *w, bool quiet)
{
    bool changed =
        log_apply (w->job->log.data, w->job->log.len, &w->pos, w->path, w->object);

    if (changed && !quiet)
        send_object (w);
    if (w->job->over)
        watch_end (w, ENODATA);
}

static void updates_object (flux_future_t *f, void *arg)
{
    struct watch *w = arg;
    const void *data;
    size_t len;

    hold (w);
    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0) {
        watch_end (w, errno);
    } else if (!(w->object =
                     json_loadb (data ? data : "", len, JSON_ALLOW_NUL, NULL))) {
        watch_end (w, EINVAL);
    } else {
        bool over = w->job->over;

        w->job->over = false;
        updates_follow (w, true);
        w->job->over = over;
        send_object (w);
        if (over)
            watch_end (w, ENODATA);
    }
    release (w);
}

static void updates_start (struct watch *w)
{
    int flags = w->job->over ? 0 : FLUX_KVS_WAITCREATE;

    if (!(w->f = job_info_kvs_lookup (w->job->ji, w->job->id, w->path, flags))
        || flux_future_then (w->f, -1., updates_object, w) < 0)
        watch_end (w, errno);
}

/* The job's log */

static void main_follow (struct watch *w)
{
    w->pos += send_lines (w, w->job->log.data + w->pos, w->job->log.len - w->pos);
    if (!w->dead && w->job->over)
        watch_end (w, ENODATA);
}

/* The log has grown, or is known for the first time. */
static void serve (struct watch *w)
{
    struct job *job = w->job;

    hold (w);
    if (!w->admitted) {
        w->admitted = true;
        if (job_info_authorize (w->msg, job->log.data, job->log.len) < 0)
            watch_end (w, errno);
        else if (w->kind == GUEST_LOG)
            guest_start (w);
        else if (w->kind == UPDATES)
            updates_start (w);
    } else if (w->kind == GUEST_LOG && job->over) {
        guest_finish (w);
    } else if (w->kind == UPDATES && w->object) {
        updates_follow (w, false);
    }
    if (!w->dead && w->kind == MAIN_LOG)
        main_follow (w);
    release (w);
}

/* The job lives as long as it has a watch: keep them all until the end. */
static void serve_all (struct job *job)
{
    size_t count = 0;

    list_foreach (&job->watches, it) {
        hold (container_of (it, struct watch, node));
        count++;
    }
    list_foreach (&job->watches, it)
        serve (container_of (it, struct watch, node));
    for (struct list *l = job->watches.next; count > 0; count--) {
        struct watch *w = container_of (l, struct watch, node);

        l = l->next;
        release (w);
    }
}

static bool waits_for_job (const struct watch *w)
{
    return w->kind == MAIN_LOG && w->waitcreate;
}

static int follow_log (struct job *job);
static void job_fail (struct job *job, int errnum);

/* There is no such job: those that did not want to wait for it are told. The last
 * watch takes the job with it. */
static void job_missing (struct job *job)
{
    size_t left = 0, count = 0;

    list_foreach (&job->watches, it) {
        left += waits_for_job (container_of (it, struct watch, node));
        count++;
    }
    if (left > 0) {
        flux_future_destroy (job->f);
        job->f = NULL;
        job->waits = true;
        if (follow_log (job) < 0) {
            job_fail (job, errno);
            return;
        }
    } else {
        job->errnum = ENOENT;
    }
    for (struct list *l = job->watches.next; count > 0; count--) {
        struct watch *w = container_of (l, struct watch, node);

        l = l->next;
        if (!waits_for_job (w))
            watch_end (w, ENOENT);
    }
}

static void job_fail (struct job *job, int errnum)
{
    size_t count = 0;

    job->errnum = errnum;
    list_foreach (&job->watches, it)
        count++;
    /* The last one takes the job with it. */
    while (count-- > 0)
        watch_end (list_first (&job->watches, struct watch, node), errnum);
}

static void stored_cb (flux_future_t *f, void *arg)
{
    struct job *job = arg;

    if (!job_info_look_again (f)) {
        job_fail (job, errno);
        return;
    }
    if (follow_log (job) < 0)
        job_fail (job, errno);
}

/* A job may run before its log is there, and look for it. */
static void wait_stored (struct job *job)
{
    flux_future_destroy (job->f);
    job->f = NULL;
    if (!(job->stored = job_info_wait_stored (job->ji, job->id))
        || flux_future_then (job->stored, -1., stored_cb, job) < 0)
        job_missing (job);
}

static void log_cb (flux_future_t *f, void *arg)
{
    struct job *job = arg;
    const void *data;
    size_t len, mark = job->log.len;

    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0) {
        if (errno == ENOENT && !job->stored)
            wait_stored (job);
        else if (errno == ENOENT)
            job_missing (job);
        else
            job_fail (job, errno);
        return;
    }
    if (len > 0)
        buf_add (&job->log, data, len);
    flux_future_reset (f);
    job->known = true;
    if (log_has_last ("eventlog", job->log.data + mark, job->log.len - mark))
        job->over = true;
    serve_all (job); /* may destroy the job */
}

static void job_release (struct job *job)
{
    if (!list_empty (&job->watches))
        return;
    if (job->f && !job->errnum)
        flux_kvs_lookup_cancel (job->f);
    flux_future_destroy (job->f);
    flux_future_destroy (job->stored);
    buf_fini (&job->log);
    idmap_take (job->ji->jobs, job->id);
    free (job);
}

static int follow_log (struct job *job)
{
    int flags = FLUX_KVS_WATCH | FLUX_KVS_WATCH_APPEND;

    if (job->waits)
        flags |= FLUX_KVS_WAITCREATE;
    if (!(job->f = job_info_kvs_lookup (job->ji, job->id, "eventlog", flags)))
        return -1;
    return flux_future_then (job->f, -1., log_cb, job);
}

static struct job *job_open (struct job_info *ji, flux_jobid_t id, bool waitcreate)
{
    struct job *job = idmap_lookup (ji->jobs, id);

    if (job)
        return job;
    if (!(job = calloc (1, sizeof (*job))))
        return NULL;
    job->ji = ji;
    job->id = id;
    job->waits = waitcreate;
    list_init (&job->watches);
    if (follow_log (job) < 0 || idmap_insert (ji->jobs, id, job) < 0) {
        flux_future_destroy (job->f);
        free (job);
        return NULL;
    }
    return job;
}

/* Requests */

static void probe_cb (flux_future_t *f, void *arg)
{
    struct watch *w = arg;

    if (flux_kvs_lookup_get_raw (f, NULL, NULL) < 0)
        watch_end (w, errno);
}

static void probe_stored_cb (flux_future_t *f, void *arg)
{
    struct watch *w = arg;
    struct job *job = w->job;

    if (!job_info_look_again (f)) {
        watch_end (w, errno);
        return;
    }
    flux_future_destroy (w->probe);
    if (!(w->probe = job_info_kvs_lookup (job->ji, job->id, "eventlog", 0))
        || flux_future_then (w->probe, -1., probe_cb, w) < 0)
        watch_end (w, errno);
}

/* The job's log is being waited for by somebody else: this one does not want to. */
static void probe_job (struct watch *w)
{
    if (!(w->probe = job_info_wait_stored (w->job->ji, w->job->id))
        || flux_future_then (w->probe, -1., probe_stored_cb, w) < 0)
        watch_end (w, errno);
}

/* window: of a reader that says what it takes; 0: it does not. */
static void start (struct job_info *ji, const flux_msg_t *msg, flux_jobid_t id,
                   const char *path, enum kind kind, bool waitcreate, size_t window)
{
    struct watch *w = NULL;
    struct job *job;

    if (ji->watches >= WATCHES_MAX) {
        errno = EAGAIN;
        goto error;
    }
    if (!(w = calloc (1, sizeof (*w))) || !(w->path = strdup (path))
        || !(job = job_open (ji, id, waitcreate && kind == MAIN_LOG)))
        goto error;
    w->job = job;
    w->kind = kind;
    w->waitcreate = waitcreate;
    w->credits = window > 0;
    w->window_size = window > 0 ? window : WINDOW;
    w->msg = flux_msg_incref (msg);
    list_append (&job->watches, &w->node);
    ji->watches++;
    if (job->known)
        serve (w);
    else if (job->waits && !waits_for_job (w))
        probe_job (w);
    return;
error:
    job_info_respond_error (ji, msg, errno, NULL);
    if (w)
        free (w->path);
    free (w);
}

void job_info_watch_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    json_int_t id;
    const char *path;
    json_int_t window = 0;
    int flags = 0;

    if (flux_request_unpack (msg, NULL, "{s:I s:s s?i s?I}", "id", &id, "path", &path,
                             "flags", &flags, "window", &window)
        < 0)
        job_info_respond_error (arg, msg, errno, NULL);
    else if (!flux_msg_is_streaming (msg))
        job_info_respond_error (
            arg, msg, EPROTO, "eventlog-watch request rejected without streaming flag");
    else if (flags & ~FLUX_JOB_EVENT_WATCH_WAITCREATE)
        job_info_respond_error (arg, msg, EPROTO,
                                "eventlog-watch request rejected with invalid flag");
    else if (window < 0 || window > WINDOW_MAX)
        job_info_respond_error (arg, msg, EPROTO,
                                "eventlog-watch request rejected with invalid window");
    else
        start (arg, msg, id, path, !strcmp (path, "eventlog") ? MAIN_LOG : GUEST_LOG,
               (flags & FLUX_JOB_EVENT_WATCH_WAITCREATE) != 0, window);
}

void job_info_update_watch_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    json_int_t id;
    const char *key;
    int flags = 0;

    if (flux_request_unpack (msg, NULL, "{s:I s:s s?i}", "id", &id, "key", &key,
                             "flags", &flags)
        < 0)
        job_info_respond_error (arg, msg, errno, NULL);
    else if (!flux_msg_is_streaming (msg))
        job_info_respond_error (arg, msg, EPROTO,
                                "update-watch request rejected without streaming flag");
    else if (strcmp (key, "R") && strcmp (key, "jobspec"))
        job_info_respond_error (arg, msg, EINVAL,
                                "update-watch unsupported key specified");
    else
        start (arg, msg, id, key, UPDATES, false, 0);
}

/* The reader has taken so many bytes of its lines. */
void job_info_credit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct job_info *ji = arg;
    json_int_t id, bytes;
    struct job *job;

    if (flux_request_unpack (msg, NULL, "{s:I s:I}", "id", &id, "bytes", &bytes) < 0
        || bytes < 0)
        return; /* no line for what a guest may say a million times */
    if (!(job = idmap_lookup (ji->jobs, id)))
        return;
    list_foreach (&job->watches, it) {
        struct watch *w = container_of (it, struct watch, node);

        if (w->credits && flux_cancel_match (msg, w->msg)) {
            grant (w, window_taken (&w->window, bytes), false);
            return;
        }
    }
}

/* Ends the watches that match; the last of a job takes the job with it. */
static void end_matching (struct job_info *ji, const flux_msg_t *msg, int errnum,
                          bool (*match) (const flux_msg_t *a, const flux_msg_t *b))
{
    size_t pos = 0;
    void *value;

    while (idmap_next (ji->jobs, &pos, NULL, &value)) {
        struct job *job = value;
        size_t count = 0;

        list_foreach (&job->watches, it)
            count++;
        for (struct list *l = job->watches.next; count > 0; count--) {
            struct watch *w = container_of (l, struct watch, node);

            l = l->next;
            if (match (msg, w->msg))
                watch_end (w, errnum);
        }
    }
}

void job_info_cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    end_matching (arg, msg, ENODATA, flux_cancel_match);
}

void job_info_disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                             void *arg)
{
    end_matching (arg, msg, 0, flux_disconnect_match);
}

static bool match_all (const flux_msg_t *a, const flux_msg_t *b)
{
    return true;
}

void job_info_watch_fini (struct job_info *ji)
{
    end_matching (ji, NULL, ENOSYS, match_all);
}
