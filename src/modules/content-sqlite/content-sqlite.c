/* The backing store of the content service (rank 0): an SQLite file in statedir
 * if there is one, else in rundir. Provides content-backing.
 *
 * Options, as module arguments or in the table [content-sqlite]:
 * journal_mode, synchronous (SQLite pragmas). In a statedir that outlives the
 * instance the defaults survive a crash of the broker (WAL); else the file is
 * not protected. */
#include "base/buf.h"
#include "base/digest.h"
#include "core/kvs/blobs.h"
#include "db.h"

#include <flux/core.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

struct timing {
    int64_t count;
    double min, max, mean, m2; /* ms; m2: sum of squared deviations */
};

struct sqlite {
    flux_t *h;
    struct digest *digest;
    struct db *db;
    struct buf scratch;
    struct timing load_time, store_time;
    flux_msg_handler_t **handlers;
};

static void timing_add (struct timing *t, double start)
{
    double ms = (flux_reactor_time () - start) * 1000., delta = ms - t->mean;

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

static void respond_error (struct sqlite *s, const flux_msg_t *msg, flux_error_t *error)
{
    if (flux_respond_error (s->h, msg, errno, error->text[0] ? error->text : NULL) < 0)
        flux_log_error (s->h, "error responding to content-backing request");
}

static int decode_digest (struct sqlite *s, const flux_msg_t *msg, const void **digest)
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
    struct sqlite *s = arg;
    flux_error_t error = { "" };
    double start = flux_reactor_time ();
    const void *digest;

    if (decode_digest (s, msg, &digest) < 0
        || db_load (s->db, digest, digest_size (s->digest), &s->scratch, &error) < 0) {
        respond_error (s, msg, &error);
        return;
    }
    timing_add (&s->load_time, start);
    if (flux_respond_raw (h, msg, s->scratch.data, s->scratch.len) < 0)
        flux_log_error (h, "error responding to content-backing.load");
}

static void store_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct sqlite *s = arg;
    flux_error_t error = { "" };
    double start = flux_reactor_time ();
    unsigned char digest[DIGEST_MAX_SIZE];
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || digest_hash (s->digest, data, len, digest) < 0
        || db_store (s->db, digest, digest_size (s->digest), data, len, &error) < 0) {
        respond_error (s, msg, &error);
        return;
    }
    timing_add (&s->store_time, start);
    if (flux_respond_raw (h, msg, digest, digest_size (s->digest)) < 0)
        flux_log_error (h, "error responding to content-backing.store");
}

static int store_batch (struct sqlite *s, struct blobs_reader *r, flux_error_t *error)
{
    struct blobs_entry e;
    int rc;

    while ((rc = blobs_next (r, &e)) == 1) {
        if (e.kind == 'B'
            && db_store (s->db, e.digest, r->digest_size, e.data, e.len, error) < 0)
            return -1;
        if (e.kind == 'C' && db_checkpoint_put (s->db, e.data, error) < 0)
            return -1;
    }
    return rc;
}

/* All blobs and the checkpoint of a batch, or none. */
static void commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct sqlite *s = arg;
    flux_error_t error = { "" };
    double start = flux_reactor_time ();
    struct blobs_reader r;
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || blobs_read (&r, data, len) < 0 || db_begin (s->db, &error) < 0)
        goto error;
    if (store_batch (s, &r, &error) < 0 || db_commit (s->db, &error) < 0) {
        db_rollback (s->db);
        goto error;
    }
    timing_add (&s->store_time, start);
    if (!flux_msg_is_noresponse (msg) && flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content-backing.commit");
    return;
error:
    flux_log (h, LOG_ERR, "content-sqlite: %s",
              error.text[0] ? error.text : "bad batch");
    if (!flux_msg_is_noresponse (msg))
        respond_error (s, msg, &error);
}

static void validate_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct sqlite *s = arg;
    flux_error_t error = { "" };
    const void *digest;

    if (decode_digest (s, msg, &digest) < 0
        || db_validate (s->db, digest, digest_size (s->digest)) < 0)
        respond_error (s, msg, &error);
    else if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content-backing.validate");
}

static void checkpoint_get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct sqlite *s = arg;
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

static void checkpoint_put_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct sqlite *s = arg;
    flux_error_t error = { "" };
    json_t *value;
    char *text = NULL;

    if (flux_request_unpack (msg, NULL, "{s:o}", "value", &value) < 0
        || !(text = json_dumps (value, JSON_COMPACT))
        || db_checkpoint_put (s->db, text, &error) < 0)
        respond_error (s, msg, &error);
    else if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content-backing.checkpoint-put");
    free (text);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct sqlite *s = arg;

    if (flux_respond_pack (h, msg, "{s:I s:I s:I s:o s:o}", "object_count",
                           (json_int_t)db_count (s->db), "dbfile_size",
                           (json_int_t)db_file_size (s->db), "dbfile_free",
                           (json_int_t)db_file_free (s->db), "load_time",
                           timing_encode (&s->load_time), "store_time",
                           timing_encode (&s->store_time))
        < 0)
        flux_log_error (h, "error responding to content-sqlite.stats-get");
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "content-backing.load", load_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.store", store_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.commit", commit_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.validate", validate_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.checkpoint-get", checkpoint_get_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-backing.checkpoint-put", checkpoint_put_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content-sqlite.stats-get", stats_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

struct options {
    const char *journal_mode, *synchronous;
    char path[4096];
};

static int parse_options (flux_t *h, int argc, char *argv[], struct options *o)
{
    const char *statedir = flux_attr_get (h, "statedir");
    const char *dir = statedir ? statedir : flux_attr_get (h, "rundir");
    const char *cleanup = flux_attr_get (h, "statedir-cleanup");
    bool kept = statedir && !(cleanup && !strcmp (cleanup, "1"));
    const flux_conf_t *conf = flux_get_conf (h);
    flux_error_t error;

    if (!dir) {
        flux_log (h, LOG_ERR, "content-sqlite: neither statedir nor rundir is set");
        errno = EINVAL;
        return -1;
    }
    snprintf (o->path, sizeof (o->path), "%s/content.sqlite", dir);
    o->journal_mode = kept ? "WAL" : "OFF";
    o->synchronous = "OFF";
    if (conf
        && flux_conf_unpack (conf, &error, "{s?{s?s s?s}}", "content-sqlite",
                             "journal_mode", &o->journal_mode, "synchronous",
                             &o->synchronous)
               < 0) {
        flux_log (h, LOG_ERR, "content-sqlite: %s", error.text);
        errno = EINVAL;
        return -1;
    }
    for (int i = 0; i < argc; i++) {
        if (!strncmp (argv[i], "journal_mode=", 13)) {
            o->journal_mode = argv[i] + 13;
        } else if (!strncmp (argv[i], "synchronous=", 12)) {
            o->synchronous = argv[i] + 12;
        } else if (strcmp (argv[i], "truncate") != 0) {
            flux_log (h, LOG_ERR, "content-sqlite: unknown option '%s'", argv[i]);
            errno = EINVAL;
            return -1;
        } else if (remove (o->path) < 0 && errno != ENOENT) {
            flux_log_error (h, "content-sqlite: %s", o->path);
            return -1;
        }
    }
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
        flux_log_error (h, "content-sqlite: registering content-backing");
        return -1;
    }
    if (!(f = flux_rpc_pack (h, "content.register-backing", 0, 0, "{s:s}", "name",
                             "content-sqlite"))
        || flux_future_get (f, NULL) < 0) {
        flux_log_error (h, "content-sqlite: content.register-backing");
        rc = -1;
    }
    flux_future_destroy (f);
    return rc;
}

static void sqlite_fini (struct sqlite *s)
{
    flux_msg_handler_delvec (s->handlers);
    db_close (s->db);
    digest_destroy (s->digest);
    buf_fini (&s->scratch);
}

static int sqlite_init (struct sqlite *s, flux_t *h, int argc, char *argv[])
{
    const char *hash = flux_attr_get (h, "content.hash");
    struct options o;
    flux_error_t error;

    memset (s, 0, sizeof (*s));
    s->h = h;
    if (parse_options (h, argc, argv, &o) < 0
        || !(s->digest = digest_create (hash ? hash : "sha1")))
        return -1;
    if (!(s->db = db_open (o.path, o.journal_mode, o.synchronous, &error))) {
        flux_log (h, LOG_ERR, "content-sqlite: %s: %s", o.path, error.text);
        return -1;
    }
    return flux_msg_handler_addvec (h, handlers, s, &s->handlers);
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct sqlite s;
    int rc = -1;

    if (sqlite_init (&s, h, argc, argv) == 0 && register_backing (h) == 0) {
        if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
            flux_log_error (h, "content-sqlite: reactor");
        /* Take what is still in memory, then go. */
        if (call (h, "content.flush", NULL) < 0 && errno != ENOSYS) {
            flux_log_error (h, "content-sqlite: content.flush");
            rc = -1;
        }
        call (h, "content.unregister-backing", NULL);
    }
    sqlite_fini (&s);
    return rc < 0 ? -1 : 0;
}
