/* The content service (RFC 10), on every rank: messages around core.c.
 *
 * Rank 0 holds what is dirty and writes it behind to the backing store, many
 * blobs in one message; other ranks ask and tell their parent.
 *
 * content.commit (rank 0; payload and promise: core/kvs/blobs.h) is how the KVS
 * hands over the blobs of a turn. */
#include "core.h"
#include "mapped.h"
#include "readers.h"

#include "core/handle/module.h"
#include "core/handle/take.h"
#include "core/kvs/storage.h"
#include "core/message/message.h"

#include <flux/core.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define TRIM_MIN (1024 * 1024)

struct service {
    flux_t *h;
    uint32_t rank;
    struct digest *digest;
    size_t digest_size;
    struct content *core;
    struct mapped *mapped; /* NULL on other ranks, as these: */
    struct readers *readers;
    flux_watcher_t *read;
    char *backing;            /* service name, or NULL */
    const flux_msg_t *loaded; /* the answer that is being handled */
    flux_watcher_t *timer;
    size_t held, written; /* bytes, when memory was last given back */
    flux_msg_handler_t **handlers;
};

static void respond_errno (flux_t *h, const flux_msg_t *msg, int errnum)
{
    if (flux_respond_error (h, msg, errnum, NULL) < 0)
        flux_log_error (h, "error responding to content request");
}

/* Effects of the core. A token is a request message. */

/* These bytes are the payload of the answer that is being handled? */
static bool is_loaded (const struct service *s, const void *data)
{
    const void *payload;
    size_t len;

    return s->loaded && data && msg_raw (s->loaded, &payload, &len) == 0
           && payload == data;
}

static void do_respond (void *arg, void *token, int errnum, const char *text,
                        const void *data, size_t len)
{
    struct service *s = arg;
    const flux_msg_t *msg = token;

    if (errnum && flux_msg_is_noresponse (msg))
        flux_log (s->h, LOG_ERR, "content: a batch that nobody waits for: %s",
                  text ? text : strerror (errnum));
    if (!flux_msg_is_noresponse (msg)
        && (errnum                ? flux_respond_error (s->h, msg, errnum, text)
            : is_loaded (s, data) ? respond_share (s->h, msg, s->loaded)
                                  : flux_respond_raw (s->h, msg, data, len))
               < 0)
        flux_log_error (s->h, "error responding to content request");
    flux_msg_decref (msg);
}

static void *do_ref (void *arg, void *token)
{
    return payload_ref (msg_payload (token));
}

static void do_unref (void *owner)
{
    payload_unref (owner);
}

static void do_drop (void *arg, void *token)
{
    flux_msg_decref (token);
}

static void do_log (void *arg, int level, const char *text)
{
    struct service *s = arg;

    flux_log (s->h, level, "content: %s", text);
}

static void do_timer (void *arg, double delay)
{
    struct service *s = arg;

    flux_timer_watcher_reset (s->timer, delay, 0.);
    flux_watcher_start (s->timer);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct service *s = arg;

    flux_watcher_stop (w);
    content_timeout (s->core);
}

static void loaded (flux_future_t *f, void *arg)
{
    struct service *s = arg;
    const void *digest = flux_future_aux_get (f, "digest"), *data = NULL, *msg = NULL;
    size_t len = 0;
    int errnum = flux_rpc_get_raw (f, &data, &len) < 0 ? errno : 0;

    if (errnum == 0 && flux_future_get (f, &msg) == 0)
        s->loaded = msg;
    content_loaded (s->core, digest, errnum,
                    errnum ? flux_future_error_string (f) : NULL, data, len);
    s->loaded = NULL;
    flux_future_destroy (f);
}

static int do_load (void *arg, const void *digest)
{
    struct service *s = arg;
    const char *topic = s->rank > 0 ? "content.load" : "content-backing.load";
    uint32_t nodeid = s->rank > 0 ? FLUX_NODEID_UPSTREAM : 0;
    flux_future_t *f;
    void *copy;

    if (!(copy = malloc (s->digest_size)))
        return -1;
    memcpy (copy, digest, s->digest_size);
    if (!(f = flux_rpc_raw (s->h, topic, digest, s->digest_size, nodeid, 0))
        || flux_future_aux_set (f, "digest", copy, free) < 0) {
        free (copy);
        flux_future_destroy (f);
        return -1;
    }
    if (flux_future_then (f, -1., loaded, s) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

static void stored_above (flux_future_t *f, void *arg)
{
    struct service *s = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const void *digest = NULL, *data = NULL;
    size_t digest_len = 0, len = 0;
    int errnum = 0;

    if (flux_rpc_get_raw (f, &digest, &digest_len) < 0
        || flux_request_decode_raw (msg, NULL, &data, &len) < 0)
        errnum = errno;
    content_stored (s->core, (void *)msg, errnum,
                    errnum ? flux_future_error_string (f) : NULL, data, len, digest,
                    digest_len);
    flux_future_destroy (f);
}

static int send_with_request (struct service *s, const flux_msg_t *msg,
                              const char *topic, const void *data, size_t len,
                              flux_continuation_f cb)
{
    uint32_t nodeid = s->rank > 0 ? FLUX_NODEID_UPSTREAM : 0;
    flux_future_t *f;

    if (!(f = flux_rpc_raw (s->h, topic, data, len, nodeid, 0)))
        return -1;
    if (flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                             (flux_free_f)flux_msg_decref)
            < 0
        || flux_future_then (f, -1., cb, s) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

static int do_store (void *arg, void *token, const void *data, size_t len)
{
    return send_with_request (arg, token, "content.store", data, len, stored_above);
}

static void committed (flux_future_t *f, void *arg)
{
    struct service *s = arg;
    int errnum = flux_future_get (f, NULL) < 0 ? errno : 0;

    content_committed (s->core, errnum, errnum ? flux_future_error_string (f) : NULL);
    flux_future_destroy (f);
}

static int do_commit (void *arg, void *token, struct buf *batch)
{
    static const char topic[] = "content-backing.commit";
    struct service *s = arg;
    flux_future_t *f;

    if (!(f = token ? rpc_share (s->h, topic, token, 0, 0)
                    : rpc_take (s->h, topic, batch, 0, 0))
        || flux_future_then (f, -1., committed, s) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

static const struct content_ops ops = {
    .load = do_load,
    .store = do_store,
    .commit = do_commit,
    .ref = do_ref,
    .unref = do_unref,
    .respond = do_respond,
    .drop = do_drop,
    .timer = do_timer,
    .log = do_log,
};

/* Requests */

static int decode_digest (struct service *s, const flux_msg_t *msg, const void **digest)
{
    size_t len;

    if (flux_request_decode_raw (msg, NULL, digest, &len) < 0)
        return -1;
    if (len != s->digest_size) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

/* A part of a file of an archive. */
static void load_mapped (struct service *s, const flux_msg_t *msg, const void *digest)
{
    struct buf data = BUF_INIT;
    const char *path = "";
    char text[4096];
    int rc;

    if (mapped_read (s->mapped, digest, &data, &path) == 0) {
        rc = respond_take (s->h, msg, &data);
    } else {
        int errnum = errno;

        snprintf (text, sizeof (text), "%s: %s", path,
                  errnum == EBADMSG ? "changed since it was archived"
                                    : strerror (errnum));
        rc = flux_respond_error (s->h, msg, errnum, text);
    }
    if (rc < 0)
        flux_log_error (s->h, "error responding to content.load");
    buf_fini (&data);
}

static void load_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct service *s = arg;
    const void *digest;

    if (decode_digest (s, msg, &digest) < 0)
        respond_errno (h, msg, errno);
    else if (s->mapped && mapped_has (s->mapped, digest)
             && !content_has (s->core, digest))
        load_mapped (s, msg, digest);
    else
        content_load (s->core, (void *)flux_msg_incref (msg), digest);
}

typedef void (*payload_f) (struct content *c, void *token, const void *data,
                           size_t len);

static void with_payload (struct service *s, const flux_msg_t *msg, payload_f fn)
{
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0)
        respond_errno (s->h, msg, errno);
    else
        fn (s->core, (void *)flux_msg_incref (msg), data, len);
}

static void store_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    with_payload (arg, msg, content_store);
}

static void commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    with_payload (arg, msg, content_commit);
}

static void flush_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct service *s = arg;

    content_flush (s->core, (void *)flux_msg_incref (msg));
}

static void forwarded (flux_future_t *f, void *arg)
{
    struct service *s = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const void *data;
    size_t len;
    int rc;

    if (flux_rpc_get_raw (f, &data, &len) < 0)
        rc = flux_respond_error (s->h, msg, errno, flux_future_error_string (f));
    else
        rc = flux_respond_raw (s->h, msg, data, len);
    if (rc < 0)
        flux_log_error (s->h, "error responding to content request");
    flux_future_destroy (f);
}

/* Ask below, and hand on what is answered. */
static void forward (struct service *s, const flux_msg_t *msg, const char *topic)
{
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || send_with_request (s, msg, topic, data, len, forwarded) < 0)
        respond_errno (s->h, msg, errno);
}

static void validate_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct service *s = arg;
    const void *digest;

    if (decode_digest (s, msg, &digest) < 0)
        respond_errno (h, msg, errno);
    else if (content_has (s->core, digest)
             || (s->mapped && mapped_has (s->mapped, digest))) {
        if (flux_respond (h, msg, NULL) < 0)
            flux_log_error (h, "error responding to content.validate");
    } else if (s->rank == 0 && !s->backing)
        respond_errno (h, msg, ENOENT);
    else
        forward (s, msg, s->rank > 0 ? "content.validate" : "content-backing.validate");
}

/* Files of archives (flux archive --mmap), see mapped.h. Requests are answered in their
 * order: one that takes regions away comes behind those that are being read. */

struct mmap_args {
    const char *tag, *path;
    json_int_t session, offset, size;
};

static int mmap_decode (const flux_msg_t *msg, struct mmap_args *a)
{
    return flux_request_unpack (msg, NULL, "{s:s s:I s:s s:I s:I}", "tag", &a->tag,
                                "session", &a->session, "path", &a->path, "offset",
                                &a->offset, "size", &a->size);
}

static void mmap_added (struct service *s, const flux_msg_t *msg, int errnum,
                        const void *digest)
{
    struct mmap_args a;

    if (errnum != 0)
        respond_errno (s->h, msg, errnum);
    else if (mmap_decode (msg, &a) < 0
             || mapped_add (s->mapped, a.tag, a.session, a.path, a.offset, a.size,
                            digest)
                    < 0)
        respond_errno (s->h, msg, errno);
    else if (flux_respond_raw (s->h, msg, digest, s->digest_size) < 0)
        flux_log_error (s->h, "error responding to content.mmap-add");
}

static int mmap_decode_remove (const flux_msg_t *msg, const char **tag,
                               json_int_t *only, json_int_t *except)
{
    *only = *except = 0;
    return flux_request_unpack (msg, NULL, "{s:s s?I s?I}", "tag", tag, "only", only,
                                "except", except);
}

static void mmap_remove (struct service *s, const flux_msg_t *msg)
{
    json_int_t only, except;
    const char *tag;

    if (s->mapped && mmap_decode_remove (msg, &tag, &only, &except) == 0)
        mapped_remove (s->mapped, tag, only, except);
    if (flux_respond (s->h, msg, NULL) < 0)
        flux_log_error (s->h, "error responding to content.mmap-remove");
}

static void readers_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct service *s = arg;
    unsigned char digest[DIGEST_MAX_SIZE];
    const flux_msg_t *msg;
    const char *topic;
    int errnum;

    while ((msg = readers_take (s->readers, &errnum, digest))) {
        if (flux_msg_get_topic (msg, &topic) == 0
            && !strcmp (topic, "content.mmap-remove"))
            mmap_remove (s, msg);
        else
            mmap_added (s, msg, errnum, digest);
        flux_msg_decref (msg);
    }
}

/* Whoever maps no file needs no descriptor. */
static int start_readers (struct service *s)
{
    flux_reactor_t *r = flux_get_reactor (s->h);

    if (!s->readers && !(s->readers = readers_create (s->digest)))
        return -1;
    if (!s->read
        && !(s->read = flux_fd_watcher_create (r, readers_fd (s->readers), FLUX_POLLIN,
                                               readers_cb, s)))
        return -1;
    flux_watcher_start (s->read);
    return 0;
}

static void mmap_queue (struct service *s, const flux_msg_t *msg, const char *path,
                        int64_t offset, int64_t size)
{
    if (start_readers (s) < 0
        || readers_add (s->readers, path, offset, size, (void *)msg) < 0)
        respond_errno (s->h, msg, errno);
    else
        flux_msg_incref (msg);
}

static void mmap_add_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct service *s = arg;
    struct mmap_args a;

    if (mmap_decode (msg, &a) < 0) {
        respond_errno (h, msg, errno);
    } else if (!s->mapped) {
        if (flux_respond_error (h, msg, EINVAL, "files are mapped on rank 0 only") < 0)
            flux_log_error (h, "error responding to content.mmap-add");
    } else if (mapped_check (s->mapped, a.tag, a.session, a.path, a.offset, a.size)
               < 0) {
        respond_errno (h, msg, errno);
    } else
        mmap_queue (s, msg, a.path, a.offset, a.size);
}

static void mmap_remove_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                            void *arg)
{
    struct service *s = arg;
    json_int_t only, except;
    const char *tag;

    if (mmap_decode_remove (msg, &tag, &only, &except) < 0)
        respond_errno (h, msg, errno);
    else if (!s->readers || readers_empty (s->readers))
        mmap_remove (s, msg);
    else
        mmap_queue (s, msg, NULL, 0, 0);
}

static void drop_mmap (void *item)
{
    flux_msg_decref (item);
}

static void fini_mapped (struct service *s)
{
    flux_watcher_destroy (s->read);
    readers_destroy (s->readers, drop_mmap);
    mapped_destroy (s->mapped);
}

/* Checkpoints */

static void respond_checkpoint (struct service *s, const flux_msg_t *msg)
{
    const char *kept = content_kept_checkpoint (s->core);
    json_t *o = NULL;

    if (!kept || !(o = json_loads (kept, 0, NULL)))
        respond_errno (s->h, msg, ENOENT);
    else if (flux_respond_pack (s->h, msg, "{s:[O]}", "value", o) < 0)
        flux_log_error (s->h, "error responding to content.checkpoint-get");
    json_decref (o);
}

static void checkpoint_get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct service *s = arg;

    if (s->rank > 0)
        forward (s, msg, "content.checkpoint-get");
    else if (s->backing && !content_kept_checkpoint (s->core))
        forward (s, msg, "content-backing.checkpoint-get");
    else
        respond_checkpoint (s, msg);
}

static void checkpoint_put_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct service *s = arg;
    json_t *value;
    char *json;

    if (s->rank > 0) {
        forward (s, msg, "content.checkpoint-put");
    } else if (flux_request_unpack (msg, NULL, "{s:o}", "value", &value) < 0
               || !(json = json_dumps (value, JSON_COMPACT))) {
        respond_errno (h, msg, errno);
    } else {
        content_checkpoint (s->core, (void *)flux_msg_incref (msg), json);
        free (json);
    }
}

/* Whose word the store's is: a client that says it for a module would lose blobs. */
static bool from_module (flux_t *h, const flux_msg_t *msg)
{
    if (msg_is_from_module (msg))
        return true;
    if (flux_respond_error (h, msg, EPERM, "only the backing store may say that") < 0)
        flux_log_error (h, "error responding to content request");
    return false;
}

/* The backing store comes and goes */

static void register_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct service *s = arg;
    const char *name;
    char *copy;

    if (!from_module (h, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:s}", "name", &name) < 0)
        goto error;
    if (s->backing || s->rank > 0) {
        errno = s->backing ? EBUSY : EINVAL;
        goto error;
    }
    if (!(copy = strdup (name)))
        goto error;
    s->backing = copy;
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.register-backing");
    flux_log (h, LOG_DEBUG, "%s: backing store registered", name);
    content_set_backing (s->core, true);
    return;
error:
    respond_errno (h, msg, errno);
}

/* The store asks for what is left before it goes, by content.flush. */
static void unregister_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct service *s = arg;

    if (!from_module (h, msg))
        return;
    if (!s->backing) {
        respond_errno (h, msg, EINVAL);
        return;
    }
    flux_log (h, LOG_DEBUG, "%s: backing store unregistered", s->backing);
    free (s->backing);
    s->backing = NULL;
    content_set_backing (s->core, false);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.unregister-backing");
}

static void dropcache_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct service *s = arg;

    content_drop_clean (s->core);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.dropcache");
}

/* The backing store collects garbage. */
static void collect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct service *s = arg;
    int on;

    if (!from_module (h, msg))
        return;
    if (flux_request_unpack (msg, NULL, "{s:b}", "on", &on) < 0) {
        respond_errno (h, msg, errno);
        return;
    }
    content_collect (s->core, on);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.collect");
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct service *s = arg;
    struct content_stats st;

    uint32_t roles = 0;
    json_t *mmap;

    /* Names of files are the owner's. */
    flux_msg_get_rolemask (msg, &roles);
    mmap = s->mapped && (roles & FLUX_ROLE_OWNER) ? mapped_stats (s->mapped)
                                                  : json_object ();

    content_get_stats (s->core, &st);
    if (flux_respond_pack (h, msg, "{s:I s:I s:I s:I s:i s:i s:o}", "count",
                           (json_int_t)st.count, "valid", (json_int_t)st.count, "dirty",
                           (json_int_t)st.dirty, "size", (json_int_t)st.bytes,
                           "flush-batch-count", st.batches, "errnum", st.errnum, "mmap",
                           mmap)
        < 0)
        flux_log_error (h, "error responding to content.stats-get");
}

static void heartbeat_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct service *s = arg;
    struct content_stats st;

    content_tick (s->core);
    content_get_stats (s->core, &st);
    /* What a burst of jobs needed goes back to the system. */
    if (s->held > st.bytes + TRIM_MIN || st.written > s->written + TRIM_MIN) {
        malloc_trim (0);
        s->written = st.written;
        s->held = st.bytes;
    }
    if (st.bytes > s->held)
        s->held = st.bytes;
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "content.load", load_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.store", store_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.commit", commit_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.validate", validate_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.flush", flush_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.dropcache", dropcache_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.collect", collect_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.mmap-add", mmap_add_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.mmap-remove", mmap_remove_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.checkpoint-get", checkpoint_get_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.checkpoint-put", checkpoint_put_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.register-backing", register_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.unregister-backing", unregister_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_EVENT, "heartbeat.pulse", heartbeat_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static void service_fini (struct service *s)
{
    flux_msg_handler_delvec (s->handlers);
    content_destroy (s->core);
    fini_mapped (s);
    flux_watcher_destroy (s->timer);
    digest_destroy (s->digest);
    free (s->backing);
}

static int service_init (struct service *s, flux_t *h)
{
    const char *hash = flux_attr_get (h, "content.hash");
    struct content_options opts = { 0 };

    memset (s, 0, sizeof (*s));
    s->h = h;
    if (flux_get_rank (h, &s->rank) < 0)
        return -1;
    opts.blob_max = storage_blob_max (h);
    if (!(s->digest = digest_create (hash ? hash : "sha1"))) {
        flux_log (h, LOG_ERR, "content.hash: unknown digest '%s'", hash);
        return -1;
    }
    s->digest_size = digest_size (s->digest);
    opts.leader = s->rank == 0;
    opts.digest = s->digest;
    if (!(s->core = content_create (&opts, &ops, s))
        || (opts.leader && !(s->mapped = mapped_create (s->digest)))
        || !(s->timer =
                 flux_timer_watcher_create (flux_get_reactor (h), 0.5, 0., timer_cb, s))
        || flux_event_subscribe (h, "heartbeat.pulse") < 0
        || flux_msg_handler_addvec (h, handlers, s, &s->handlers) < 0)
        return -1;
    return 0;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct service s;
    int rc = -1;

    if (module_no_args (h, argc, argv) < 0)
        return -1;
    if (service_init (&s, h) < 0)
        flux_log_error (h, "content: starting");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
        flux_log_error (h, "content: reactor");
    service_fini (&s);
    return rc < 0 ? -1 : 0;
}
