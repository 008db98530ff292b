/* The backing store of the content service (rank 0), as a module of its own: what
 * content-sqlite and content-files share. Below it stands db.h, which each of them
 * implements: files in statedir if there is one, else in rundir. Provides
 * content-backing.
 *
 * Options, as module arguments or in the table of the module's name: those of
 * db_option, and truncate (argument only): begin anew.
 *
 * Failures: a batch is answered with its errno and undone. A store that has lost what it
 * had stops the start, unless broker.recovery-mode is set. What cannot be saved at the
 * end makes the module, and so the instance, fail. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "core/handle/take.h"
#include "core/kvs/blobs.h"
#include "core/kvs/storage.h"
#include "modules/content-backing/db.h"
#include "modules/content-backing/garbage.h"

#include <errno.h>
#include <fcntl.h>
#include <flux/core.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <syslog.h>
#include <unistd.h>

struct timing {
    int64_t count;
    double min, max, mean, m2; /* ms; m2: sum of squared deviations */
};

/* A refusal that is not true yet: what failed might be there after a crash. */
#define HELD_AGAIN 0.1 /* s, until the log is cut again */
#define HELD_MAX 30.   /* s, then it is said all the same */
struct held {
    struct flux_msglist *requests;
    int errnum;
    flux_error_t error;
    double since;
    flux_watcher_t *timer;
};

/* When the store has not been used for so long, its caches go. */
#define QUIET 1. /* s */

struct service {
    flux_t *h;
    struct digest *digest;
    struct db *db;
    struct buf scratch;
    const char *path;
    size_t blob_max;
    int failure; /* errno of the last batch, or 0 */
    struct held held;
    flux_watcher_t *quiet; /* runs from the first use on */
    bool used;             /* since it was started */
    struct garbage *garbage;
    struct timing load_time, store_time;
    int dir_fd; /* locked; or -1 */
    flux_msg_handler_t **handlers, **own;
};

static void timing_add (struct timing *t, double start)
{
    double ms = (clock_monotonic () - start) * 1000., delta = ms - t->mean;

    if (t->count++ == 0 || ms < t->min)
        t->min = ms;
    if (ms > t->max)
        t->max = ms;
    t->mean += delta / t->count;
    t->m2 += delta * (ms - t->mean);
}

static json_t *timing_encode (const struct timing *t)
{
    double stddev = t->count > 1 ? sqrt (t->m2 / (t->count - 1)) : 0.;

    return json_pack ("{s:I s:f s:f s:f s:f}", "count", (json_int_t)t->count, "min",
                      t->min, "max", t->max, "mean", t->mean, "stddev", stddev);
}

static void respond_error (struct service *s, const flux_msg_t *msg,
                           flux_error_t *error)
{
    if (flux_respond_error (s->h, msg, errno, error->text[0] ? error->text : NULL) < 0)
        flux_log_error (s->h, "error responding to content-backing request");
}

static void in_use (struct service *s)
{
    if (!s->used && !flux_watcher_is_active (s->quiet)) {
        flux_timer_watcher_reset (s->quiet, QUIET, QUIET);
        flux_watcher_start (s->quiet);
    }
    s->used = true;
    garbage_give_way (s->garbage);
}

static void quiet_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct service *s = arg;

    if (!s->used) {
        flux_watcher_stop (w);
        db_rest (s->db);
        buf_fini (&s->scratch);
    }
    s->used = false;
}

static int check_size (const struct service *s, size_t len)
{
    if (len <= s->blob_max)
        return 0;
    errno = EFBIG;
    return -1;
}

static void log_errno (struct service *s, const flux_error_t *error)
{
    int saved_errno = errno;

    flux_log (s->h, LOG_ERR, "%s: %s: %s", db_module, s->path,
              error->text[0] ? error->text : strerror (saved_errno));
    errno = saved_errno;
}

static int decode_digest (struct service *s, const flux_msg_t *msg, const void **digest)
{
    size_t len;

    if (flux_request_decode_raw (msg, NULL, digest, &len) < 0)
        return -1;
    if (len != digest_size (s->digest)) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

static void load_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct service *s = arg;
    flux_error_t error = { "" };
    double start = clock_monotonic ();
    const void *digest;

    in_use (s);
    if (decode_digest (s, msg, &digest) < 0
        || db_load (s->db, digest, digest_size (s->digest), &s->scratch, &error) < 0) {
        if (errno != ENOENT && errno != EPROTO)
            log_errno (s, &error);
        respond_error (s, msg, &error);
        return;
    }
    timing_add (&s->load_time, start);
    if (respond_take (h, msg, &s->scratch) < 0)
        flux_log_error (h, "error responding to content-backing.load");
}

static void undo (struct service *s)
{
    flux_error_t error = { "" };

    if (db_rollback (s->db, &error) < 0)
        log_errno (s, &error);
}

static void answer_held (struct service *s)
{
    const flux_msg_t *msg;

    flux_watcher_stop (s->held.timer);
    while ((msg = flux_msglist_pop (s->held.requests))) {
        errno = s->held.errnum;
        respond_error (s, msg, &s->held.error);
        flux_msg_decref (msg);
    }
}

static void give_up_held (struct service *s)
{
    flux_log (s->h, LOG_CRIT,
              "%s: %s: what was refused cannot be undone: it may be there "
              "if the broker is killed now",
              db_module, s->path);
    answer_held (s);
}

static void held_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct service *s = arg;
    flux_error_t error;

    if (db_settle (s->db, &error) == 0)
        answer_held (s);
    else if (clock_monotonic () - s->held.since > HELD_MAX)
        give_up_held (s);
}

/* Refuses, when that is true. */
static void refuse (struct service *s, const flux_msg_t *msg, flux_error_t *error)
{
    struct held *held = &s->held;

    if (!db_in_doubt (s->db)
        || (!held->requests && !(held->requests = flux_msglist_create ()))
        || (!held->timer
            && !(held->timer = flux_timer_watcher_create (
                     flux_get_reactor (s->h), HELD_AGAIN, HELD_AGAIN, held_cb, s)))) {
        respond_error (s, msg, error);
        return;
    }
    if (flux_msglist_count (held->requests) == 0) {
        held->errnum = errno;
        held->error = *error;
        held->since = clock_monotonic ();
        flux_timer_watcher_reset (held->timer, HELD_AGAIN, HELD_AGAIN);
        flux_watcher_start (held->timer);
    }
    if (flux_msglist_append (held->requests, msg) < 0)
        respond_error (s, msg, error);
}

static int store_one (struct service *s, const void *digest, const void *data,
                      size_t len, flux_error_t *error)
{
    if (db_begin (s->db, false, error) < 0)
        return -1;
    if (db_store (s->db, digest, digest_size (s->digest), data, len, error) < 0
        || db_commit (s->db, error) < 0) {
        undo (s);
        return -1;
    }
    return 0;
}

static void store_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct service *s = arg;
    flux_error_t error = { "" };
    double start = clock_monotonic ();
    unsigned char digest[DIGEST_MAX_SIZE];
    const void *data;
    size_t len;

    in_use (s);
    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0 || check_size (s, len) < 0
        || digest_hash (s->digest, data, len, digest) < 0
        || store_one (s, digest, data, len, &error) < 0) {
        refuse (s, msg, &error);
        return;
    }
    timing_add (&s->store_time, start);
    garbage_stored (s->garbage, len);
    if (flux_respond_raw (h, msg, digest, digest_size (s->digest)) < 0)
        flux_log_error (h, "error responding to content-backing.store");
}

static int store_entry (struct service *s, const struct blobs_entry *e,
                        flux_error_t *error)
{
    if (e->kind == 'C')
        return db_checkpoint_put (s->db, e->data, error);
    if (e->kind == 'H')
        return garbage_hold (s->garbage, e->digest);
    if (e->kind != 'B')
        return 0;
    if (check_size (s, e->len) < 0)
        return -1;
    return db_store (s->db, e->digest, digest_size (s->digest), e->data, e->len, error);
}

static int store_batch (struct service *s, struct blobs_reader *r, flux_error_t *error)
{
    struct blobs_entry e;
    int rc;

    while ((rc = blobs_next (r, &e)) == 1)
        if (store_entry (s, &e, error) < 0)
            return -1;
    return rc;
}

/* All blobs and the checkpoint of a batch, or none. */
static int commit (struct service *s, const void *data, size_t len, flux_error_t *error)
{
    struct blobs_reader r;

    if (blobs_read (&r, data, len) < 0)
        return -1;
    if (r.digest_size != digest_size (s->digest)) {
        errno = EPROTO;
        return -1;
    }
    if (db_begin (s->db, (r.flags & BLOBS_FSYNC) != 0, error) < 0)
        return -1;
    if (store_batch (s, &r, error) < 0 || db_commit (s->db, error) < 0) {
        undo (s);
        return -1;
    }
    return 0;
}

/* Once for each failure, not for each batch while it lasts. */
static void log_failure (struct service *s, const flux_error_t *error)
{
    if (errno != s->failure)
        log_errno (s, error);
    s->failure = errno;
}

static void commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct service *s = arg;
    flux_error_t error = { "" };
    double start = clock_monotonic ();
    const void *data;
    size_t len;

    in_use (s);
    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || commit (s, data, len, &error) < 0) {
        log_failure (s, &error);
        if (!flux_msg_is_noresponse (msg))
            refuse (s, msg, &error);
        return;
    }
    s->failure = 0;
    timing_add (&s->store_time, start);
    garbage_stored (s->garbage, len);
    if (!flux_msg_is_noresponse (msg) && flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content-backing.commit");
}

static void validate_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct service *s = arg;
    flux_error_t error = { "" };
    const void *digest;

    if (decode_digest (s, msg, &digest) < 0
        || db_validate (s->db, digest, digest_size (s->digest), &error) < 0)
        respond_error (s, msg, &error);
    else if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content-backing.validate");
}

static void checkpoint_get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct service *s = arg;
    flux_error_t error = { "" };

    buf_reset (&s->scratch);
    buf_adds (&s->scratch, "{\"value\":");
    if (db_checkpoint_get (s->db, &s->scratch, &error) < 0) {
        respond_error (s, msg, &error);
        return;
    }
    buf_addc (&s->scratch, '}');
    if (flux_respond (h, msg, s->scratch.data) < 0)
        flux_log_error (h, "error responding to content-backing.checkpoint-get");
}

static int put_checkpoint (struct service *s, const char *json, flux_error_t *error)
{
    if (db_begin (s->db, false, error) < 0)
        return -1;
    if (db_checkpoint_put (s->db, json, error) < 0 || db_commit (s->db, error) < 0) {
        undo (s);
        return -1;
    }
    return 0;
}

static void checkpoint_put_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct service *s = arg;
    flux_error_t error = { "" };
    json_t *value;
    char *text = NULL;

    if (flux_request_unpack (msg, NULL, "{s:o}", "value", &value) < 0
        || !(text = json_dumps (value, JSON_COMPACT))
        || put_checkpoint (s, text, &error) < 0)
        refuse (s, msg, &error);
    else if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content-backing.checkpoint-put");
    free (text);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct service *s = arg;

    if (flux_respond_pack (h, msg, "{s:I s:I s:I s:o s:o}", "object_count",
                           (json_int_t)db_count (s->db), "dbfile_size",
                           (json_int_t)db_file_size (s->db), "dbfile_free",
                           (json_int_t)db_file_free (s->db), "load_time",
                           timing_encode (&s->load_time), "store_time",
                           timing_encode (&s->store_time))
        < 0)
        flux_log_error (h, "error responding to %s.stats-get", db_module);
}

static void collect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct service *s = arg;

    garbage_request (s->garbage, msg);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct service *s = arg;

    garbage_disconnect (s->garbage, msg);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "content-backing.load", load_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.store", store_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.commit", commit_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.validate", validate_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.checkpoint-get", checkpoint_get_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.checkpoint-put", checkpoint_put_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.collect", collect_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.disconnect", disconnect_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

struct options {
    struct db_options db;
    bool truncate;
    char path[4096];
};

static bool is_set (flux_t *h, const char *name)
{
    const char *s = flux_attr_get (h, name);

    return s && *s && strcmp (s, "0") != 0;
}

static int refuse_options (flux_t *h, const char *why)
{
    flux_log (h, LOG_ERR, "%s: %s", db_module, why);
    errno = EINVAL;
    return -1;
}

/* s: "name=value". */
static int parse_arg (const char *s, struct options *o, flux_error_t *error)
{
    const char *value = strchr (s, '=');
    char name[32];

    if (!strcmp (s, "truncate")) {
        o->truncate = true;
        return 0;
    }
    snprintf (name, sizeof (name), "%.*s", value ? (int)(value - s) : 0, s);
    if (!value)
        return error_invalid (error, "unknown option '%s'", s);
    return db_option (&o->db, name, value + 1, error);
}

/* Values are borrowed from conf. */
static int parse_table (const flux_conf_t *conf, struct db_options *o,
                        flux_error_t *error)
{
    json_t *table = NULL, *value;
    flux_error_t why;
    const char *name;

    if (!conf)
        return 0;
    if (flux_conf_unpack (conf, error, "{s?o}", db_module, &table) < 0)
        return -1;
    if (table && !json_is_object (table))
        return error_invalid (error, "%s: must be a table", db_module);
    json_object_foreach (table, name, value) {
        if (db_option (o, name, json_string_value (value), &why) < 0)
            return error_invalid (error, "%s.%.130s", db_module, why.text);
    }
    return 0;
}

/* It counts from the next start on. */
static void config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                              void *arg)
{
    struct db_options o = { 0 };
    flux_error_t error = { "" };
    const flux_conf_t *conf;

    if (flux_conf_reload_decode (msg, &conf) < 0
        || parse_table (conf, &o, &error) < 0) {
        flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL);
        return;
    }
    (void)flux_set_conf_new (h, flux_conf_incref (conf));
    flux_respond (h, msg, NULL);
}

static int add_handlers (struct service *s)
{
    const struct flux_msg_handler_spec own[] = {
        { FLUX_MSGTYPE_REQUEST, "stats-get", stats_cb, FLUX_ROLE_USER },
        { FLUX_MSGTYPE_REQUEST, "config-reload", config_reload_cb, 0 },
        FLUX_MSGHANDLER_TABLE_END,
    };

    return flux_msg_handler_addvec (s->h, handlers, s, &s->handlers) < 0
                   || flux_msg_handler_addvec_ex (s->h, db_module, own, s, &s->own) < 0
               ? -1
               : 0;
}

static int parse_options (flux_t *h, int argc, char *argv[], struct options *o)
{
    const char *statedir = flux_attr_get (h, "statedir");
    const char *dir = statedir ? statedir : flux_attr_get (h, "rundir");
    flux_error_t error;

    memset (o, 0, sizeof (*o));
    if (!dir)
        return refuse_options (h, "neither statedir nor rundir is set");
    if (strlen (dir) > sizeof (o->path) - 32)
        return refuse_options (h, "statedir is too long");
    snprintf (o->path, sizeof (o->path), "%s/%s", dir, db_name);
    o->db.kept = storage_is_kept (h);
    o->db.alone = !storage_outlives (h); /* what is in rundir need not grow old */
    o->db.recovery = is_set (h, "broker.recovery-mode");
    if (parse_table (flux_get_conf (h), &o->db, &error) < 0)
        return refuse_options (h, error.text);
    for (int i = 0; i < argc; i++)
        if (parse_arg (argv[i], o, &error) < 0)
            return refuse_options (h, error.text);
    return 0;
}

static void done (flux_future_t *f, void *arg)
{
    flux_reactor_stop (flux_future_get_reactor (f));
}

/* An RPC that is answered only while this module itself answers others. */
static int call (flux_t *h, const char *topic, const char *payload)
{
    flux_future_t *f;
    int rc = -1;

    if ((f = flux_rpc (h, topic, payload, 0, 0))
        && flux_future_then (f, -1., done, NULL) == 0
        && flux_reactor_run (flux_get_reactor (h), 0) >= 0)
        rc = flux_future_get (f, NULL);
    flux_future_destroy (f);
    return rc;
}

static int register_backing (flux_t *h)
{
    flux_future_t *f;
    int rc = -1;

    if ((f = flux_service_register (h, "content-backing")))
        rc = flux_future_get (f, NULL);
    flux_future_destroy (f);
    if (rc < 0) {
        flux_log_error (h, "%s: registering content-backing", db_module);
        return -1;
    }
    if (!(f = flux_rpc_pack (h, "content.register-backing", 0, 0, "{s:s}", "name",
                             db_module))
        || flux_future_get (f, NULL) < 0) {
        flux_log_error (h, "%s: content.register-backing", db_module);
        rc = -1;
    }
    flux_future_destroy (f);
    return rc;
}

static void service_fini (struct service *s)
{
    flux_msg_handler_delvec (s->handlers);
    flux_msg_handler_delvec (s->own);
    garbage_destroy (s->garbage);
    flux_watcher_destroy (s->quiet);
    flux_watcher_destroy (s->held.timer);
    flux_msglist_destroy (s->held.requests);
    db_close (s->db);
    digest_destroy (s->digest);
    buf_fini (&s->scratch);
    if (s->dir_fd >= 0)
        close (s->dir_fd);
}

/* A statedir is one instance's, whatever it stores in. Where directories cannot be locked
 * (NFS) the store's own lock must do. */
static int lock_dir (struct service *s, flux_t *h, const struct options *o)
{
    int len = strrchr (o->path, '/') - o->path;
    char dir[sizeof (o->path)];

    if (!o->db.kept)
        return 0;
    snprintf (dir, sizeof (dir), "%.*s", len, o->path);
    s->dir_fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0 || flock (s->dir_fd, LOCK_EX | LOCK_NB) == 0
        || errno != EWOULDBLOCK)
        return 0;
    flux_log (h, LOG_ERR, "%s: %s: another instance uses its directory", db_module,
              o->path);
    return -1;
}

static int open_db (struct service *s, flux_t *h, struct options *o)
{
    flux_error_t error, warning;

    o->db.digest = s->digest;
    s->path = o->path;
    if (o->truncate && db_remove (o->path, &error) < 0) {
        flux_log (h, LOG_ERR, "%s: %s", db_module, error.text);
        return -1;
    }
    if ((s->db = db_open (o->path, &o->db, &warning, &error))) {
        if (warning.text[0])
            flux_log (h, LOG_ERR, "%s: %s: recovering from damage: %s", db_module,
                      o->path, warning.text);
        return 0;
    }
    if (errno != EBADMSG) {
        flux_log (h, LOG_ERR, "%s: %s: %s", db_module, o->path, error.text);
        return -1;
    }
    flux_log (h, LOG_ERR, "%s: %s is damaged: %s", db_module, o->path, error.text);
    flux_log (h, LOG_ERR,
              "%s: restore it from a copy, or start with what is"
              " left by flux start --recovery=DIR, and ask flux fsck",
              db_module);
    return -1;
}

static int service_init (struct service *s, flux_t *h, struct options *o)
{
    const char *hash = flux_attr_get (h, "content.hash");

    memset (s, 0, sizeof (*s));
    s->h = h;
    s->dir_fd = -1;
    s->blob_max = storage_blob_max (h);
    if (!(s->digest = digest_create (hash ? hash : "sha1")) || lock_dir (s, h, o) < 0
        || open_db (s, h, o) < 0
        || !(s->quiet = flux_timer_watcher_create (flux_get_reactor (h), QUIET, QUIET,
                                                   quiet_cb, s))
        || !(s->garbage = garbage_create (h, s->db, s->digest, o->db.recovery)))
        return -1;
    return add_handlers (s);
}

/* Take what is still in memory, then go. */
static int save_rest (struct service *s)
{
    int rc = 0;

    if (s->held.requests && flux_msglist_count (s->held.requests) > 0) {
        flux_error_t error;

        if (db_settle (s->db, &error) == 0)
            answer_held (s);
        else
            give_up_held (s);
    }
    if (call (s->h, "content.flush", NULL) < 0 && errno != ENOSYS) {
        flux_log_error (s->h, "%s: the last state could not be saved", db_module);
        rc = -1;
    }
    call (s->h, "content.unregister-backing", NULL);
    return rc;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct options o;
    struct service s = { .dir_fd = -1 };
    int rc = -1;

    if (parse_options (h, argc, argv, &o) == 0 && service_init (&s, h, &o) == 0
        && register_backing (h) == 0) {
        if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
            flux_log_error (h, "%s: reactor", db_module);
        if (save_rest (&s) < 0)
            rc = -1;
    }
    service_fini (&s);
    return rc < 0 ? -1 : 0;
}
