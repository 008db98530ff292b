/* The content service (RFC 10), on every rank.
 *
 * Rank 0 holds what is dirty and writes it behind to the backing store, many
 * blobs in one message; other ranks ask and tell their parent.
 *
 * content.commit (rank 0; payload: core/kvs/blobs.h) is how the KVS hands over
 * the blobs of a turn. With BLOBS_SYNC the answer comes when the backing store
 * has them; without, at once, unless the backing store cannot keep up. */
#include "store.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "core/kvs/blobs.h"

#include <flux/core.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define BLOB_MAX (1024 * 1024 * 1024)
#define CLEAN_MAX_LEADER (256 * 1024)
#define CLEAN_MAX_FOLLOWER (16 * 1024 * 1024)
#define STALE_MAX (1024 * 1024)
#define CLEAN_AGE 4                   /* heartbeats */
#define STALE_AGE 5                   /* heartbeats */
#define BATCH_MAX (2 * 1024 * 1024)   /* bytes in one message down */
#define DIRTY_EARLY (4 * 1024 * 1024) /* write before the delay is over */
#define DIRTY_MAX (64 * 1024 * 1024)  /* hold answers back beyond this */
#define TRIM_MIN (1024 * 1024)
#define FLUSH_DELAY 0.5 /* s */
#define HELD_MAX 4096

struct content {
    flux_t *h;
    uint32_t rank;
    struct digest *digest;
    size_t digest_size;
    struct store store;
    struct hashmap *loads; /* blobref -> struct load */
    char *backing;         /* service name, or NULL */
    int batches;           /* on their way down */
    bool flushing;         /* no delay until all is clean */
    flux_watcher_t *timer;
    size_t freed, written; /* bytes since memory was given back */
    struct flux_msglist *flush_waiters;
    struct flux_msglist *held; /* content.commit, not answered yet */
    char *checkpoint;          /* kept here while there is no backing store */
    int stores_pending;        /* rank > 0 */
    flux_msg_handler_t **handlers;
};

/* A load from below, and those who wait for it. */
struct load {
    struct content *c;
    struct flux_msglist *waiters;
    char ref[BLOBREF_MAX_SIZE];
    unsigned char digest[DIGEST_MAX_SIZE];
};

static void flush_some (struct content *c);

static void load_destroy (void *arg)
{
    struct load *l = arg;

    if (l) {
        flux_msglist_destroy (l->waiters);
        free (l);
    }
}

static void respond_errno (flux_t *h, const flux_msg_t *msg, int errnum)
{
    if (flux_respond_error (h, msg, errnum, NULL) < 0)
        flux_log_error (h, "error responding to content request");
}

/* Loading */

static void loaded (flux_future_t *f, void *arg)
{
    struct load *l = arg;
    struct content *c = l->c;
    const flux_msg_t *msg;
    const void *data;
    size_t len;
    int errnum = 0;

    if (flux_rpc_get_raw (f, &data, &len) < 0)
        errnum = errno == ENOSYS ? ENOENT : errno;
    else if (!store_clean (&c->store, l->digest, data, len))
        flux_log_error (c->h, "content: caching a loaded blob");
    while ((msg = flux_msglist_pop (l->waiters))) {
        if (errnum)
            respond_errno (c->h, msg, errnum);
        else if (flux_respond_raw (c->h, msg, data, len) < 0)
            flux_log_error (c->h, "error responding to content.load");
        flux_msg_decref (msg);
    }
    hashmap_remove (c->loads, l->ref);
    flux_future_destroy (f);
}

static struct load *load_start (struct content *c, const void *digest, const char *ref)
{
    struct load *l;
    flux_future_t *f = NULL;
    const char *topic = c->rank > 0 ? "content.load" : "content-backing.load";
    uint32_t nodeid = c->rank > 0 ? FLUX_NODEID_UPSTREAM : 0;

    if (!(l = calloc (1, sizeof (*l))) || !(l->waiters = flux_msglist_create ()))
        goto error;
    l->c = c;
    strcpy (l->ref, ref);
    memcpy (l->digest, digest, c->digest_size);
    if (!(f = flux_rpc_raw (c->h, topic, digest, c->digest_size, nodeid, 0))
        || flux_future_then (f, -1., loaded, l) < 0
        || hashmap_insert (c->loads, ref, l) < 0)
        goto error;
    return l;
error:
    flux_future_destroy (f);
    load_destroy (l);
    return NULL;
}

static int decode_digest (struct content *c, const flux_msg_t *msg, const void **digest)
{
    size_t len;

    if (flux_request_decode_raw (msg, NULL, digest, &len) < 0)
        return -1;
    if (len != c->digest_size) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

static void load_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    struct content *c = arg;
    char ref[BLOBREF_MAX_SIZE];
    const void *digest;
    struct blob *b;
    struct load *l;

    if (decode_digest (c, msg, &digest) < 0)
        goto error;
    if ((b = store_lookup (&c->store, digest))) {
        if (flux_respond_raw (h, msg, b->data, b->len) < 0)
            flux_log_error (h, "error responding to content.load");
        return;
    }
    if (c->rank == 0 && !c->backing) {
        errno = ENOENT;
        goto error;
    }
    if (blobref_encode (digest_name (c->digest), digest, c->digest_size, ref) < 0)
        goto error;
    if (!(l = hashmap_lookup (c->loads, ref)) && !(l = load_start (c, digest, ref)))
        goto error;
    if (flux_msglist_append (l->waiters, msg) < 0)
        goto error;
    return;
error:
    respond_errno (h, msg, errno);
}

static void forwarded (flux_future_t *f, void *arg)
{
    struct content *c = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const void *data;
    size_t len;

    if (flux_rpc_get_raw (f, &data, &len) < 0)
        respond_errno (c->h, msg, errno);
    else if (flux_respond_raw (c->h, msg, data, len) < 0)
        flux_log_error (c->h, "error responding to content request");
    flux_future_destroy (f);
}

/* Ask below, and hand on what is answered. */
static int forward (struct content *c, const flux_msg_t *msg, const char *topic)
{
    const void *data;
    size_t len;
    flux_future_t *f;
    uint32_t nodeid = c->rank > 0 ? FLUX_NODEID_UPSTREAM : 0;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || !(f = flux_rpc_raw (c->h, topic, data, len, nodeid, 0)))
        return -1;
    if (flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                             (flux_free_f)flux_msg_decref)
            < 0
        || flux_future_then (f, -1., forwarded, c) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    return 0;
}

static void validate_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct content *c = arg;
    const void *digest;

    if (decode_digest (c, msg, &digest) < 0)
        goto error;
    if (store_lookup (&c->store, digest)) {
        if (flux_respond (h, msg, NULL) < 0)
            flux_log_error (h, "error responding to content.validate");
        return;
    }
    if (c->rank == 0 && !c->backing) {
        errno = ENOENT;
        goto error;
    }
    if (forward (c, msg, c->rank > 0 ? "content.validate" : "content-backing.validate")
        < 0)
        goto error;
    return;
error:
    respond_errno (h, msg, errno);
}

/* Writing behind (rank 0) */

static void answer_flush (struct content *c)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (c->flush_waiters))) {
        if (flux_respond (c->h, msg, NULL) < 0)
            flux_log_error (c->h, "error responding to content.flush");
        flux_msg_decref (msg);
    }
    c->flushing = false;
}

static size_t unwritten (const struct content *c)
{
    return c->store.bytes[BLOB_DIRTY] + c->store.bytes[BLOB_STORING];
}

static void answer_held (struct content *c)
{
    const flux_msg_t *msg;

    while (unwritten (c) < DIRTY_MAX && (msg = flux_msglist_pop (c->held))) {
        if (flux_respond (c->h, msg, NULL) < 0)
            flux_log_error (c->h, "error responding to content.commit");
        flux_msg_decref (msg);
    }
}

static void finish_batch (struct content *c, struct buf *payload, bool ok)
{
    struct blobs_reader r;
    struct blobs_entry e;

    if (blobs_read (&r, payload->data, payload->len) == 0)
        while (blobs_next (&r, &e) == 1)
            if (e.kind == 'B')
                store_finish (&c->store, e.digest, ok);
}

static void batch_done (flux_future_t *f, void *arg)
{
    struct content *c = arg;
    struct buf *payload = flux_future_aux_get (f, "payload");
    bool ok = flux_future_get (f, NULL) == 0;

    c->batches--;
    c->written += payload->len;
    if (!ok)
        flux_log_error (c->h, "content: writing blobs to the backing store");
    finish_batch (c, payload, ok);
    flux_future_destroy (f);
    answer_held (c);
    if (c->store.count[BLOB_DIRTY] == 0 && c->store.count[BLOB_STORING] == 0)
        answer_flush (c);
    else if (!ok)
        flux_watcher_start (c->timer); /* later again, not in a circle */
    else if (c->flushing || unwritten (c) > DIRTY_EARLY)
        flush_some (c);
    else
        flux_watcher_start (c->timer);
}

static void payload_destroy (void *arg)
{
    buf_fini (arg);
    free (arg);
}

static struct buf *make_batch (struct content *c)
{
    struct buf *payload;
    struct blob *b;

    if (!(payload = calloc (1, sizeof (*payload))))
        return NULL;
    blobs_begin (payload, c->digest_size, 0);
    while (payload->len < BATCH_MAX && (b = store_begin (&c->store)))
        blobs_add (payload, b->digest, c->digest_size, b->data, b->len);
    if (payload->err) {
        payload_destroy (payload);
        errno = ENOMEM;
        return NULL;
    }
    return payload;
}

static int send_batch (struct content *c)
{
    struct buf *payload;
    flux_future_t *f;

    if (!(payload = make_batch (c)))
        return -1;
    if (!(f = flux_rpc_raw (c->h, "content-backing.commit", payload->data, payload->len,
                            0, 0))
        || flux_future_aux_set (f, "payload", payload, payload_destroy) < 0) {
        flux_future_destroy (f);
        finish_batch (c, payload, false);
        payload_destroy (payload);
        return -1;
    }
    if (flux_future_then (f, -1., batch_done, c) < 0) {
        finish_batch (c, payload, false);
        flux_future_destroy (f);
        return -1;
    }
    c->batches++;
    flux_watcher_stop (c->timer);
    return 0;
}

/* Unless a checkpoint is in a hurry, one batch is under way at a time. */
static void flush_some (struct content *c)
{
    if (c->batches == 0 && c->backing && c->store.count[BLOB_DIRTY] > 0
        && send_batch (c) < 0)
        flux_log_error (c->h, "content: writing blobs to the backing store");
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct content *c = arg;

    flux_watcher_stop (w);
    flux_timer_watcher_reset (w, FLUSH_DELAY, 0.);
    flush_some (c);
}

/* There is something new to write. */
static void schedule_flush (struct content *c)
{
    if (c->rank > 0 || !c->backing || c->batches > 0 || c->store.count[BLOB_DIRTY] == 0)
        return;
    if (c->flushing || unwritten (c) > DIRTY_EARLY)
        flush_some (c);
    else if (!flux_watcher_is_active (c->timer)) {
        flux_timer_watcher_reset (c->timer, FLUSH_DELAY, 0.);
        flux_watcher_start (c->timer);
    }
}

static void flush_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct content *c = arg;

    if (c->rank == 0 && !c->backing) {
        respond_errno (h, msg, ENOSYS);
        return;
    }
    if (flux_msglist_append (c->flush_waiters, msg) < 0) {
        respond_errno (h, msg, errno);
        return;
    }
    if (c->rank > 0) {
        if (c->stores_pending == 0)
            answer_flush (c);
        return;
    }
    c->flushing = true;
    if (c->store.count[BLOB_DIRTY] == 0 && c->store.count[BLOB_STORING] == 0)
        answer_flush (c);
    else
        schedule_flush (c);
}

/* Storing */

static void stored_above (flux_future_t *f, void *arg)
{
    struct content *c = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const void *digest, *data;
    size_t digest_len, len;

    c->stores_pending--;
    if (flux_rpc_get_raw (f, &digest, &digest_len) < 0
        || flux_request_decode_raw (msg, NULL, &data, &len) < 0) {
        respond_errno (c->h, msg, errno);
    } else {
        if (digest_len == c->digest_size)
            store_clean (&c->store, digest, data, len);
        if (flux_respond_raw (c->h, msg, digest, digest_len) < 0)
            flux_log_error (c->h, "error responding to content.store");
    }
    flux_future_destroy (f);
    if (c->stores_pending == 0)
        answer_flush (c);
}

static int store_above (struct content *c, const flux_msg_t *msg, const void *data,
                        size_t len)
{
    flux_future_t *f;

    if (!(f = flux_rpc_raw (c->h, "content.store", data, len, FLUX_NODEID_UPSTREAM, 0)))
        return -1;
    if (flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                             (flux_free_f)flux_msg_decref)
            < 0
        || flux_future_then (f, -1., stored_above, c) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    c->stores_pending++;
    return 0;
}

static void store_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct content *c = arg;
    unsigned char digest[DIGEST_MAX_SIZE];
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0)
        goto error;
    if (len > BLOB_MAX) {
        errno = EFBIG;
        goto error;
    }
    if (c->rank > 0) {
        if (store_above (c, msg, data, len) < 0)
            goto error;
        return;
    }
    if (digest_hash (c->digest, data, len, digest) < 0
        || !store_keep (&c->store, digest, data, len))
        goto error;
    if (flux_respond_raw (h, msg, digest, c->digest_size) < 0)
        flux_log_error (h, "error responding to content.store");
    schedule_flush (c);
    return;
error:
    respond_errno (h, msg, errno);
}

static int take_batch (struct content *c, struct blobs_reader r)
{
    struct blobs_entry e;
    bool sync = c->backing && (r.flags & BLOBS_SYNC);
    int rc;

    while ((rc = blobs_next (&r, &e)) == 1) {
        if (e.kind == 'B' && sync) {
            if (!store_clean (&c->store, e.digest, e.data, e.len))
                return -1;
        } else if (e.kind == 'B') {
            if (!store_ref (&c->store, e.digest, e.data, e.len))
                return -1;
        } else if (e.kind == 'S') {
            store_unref (&c->store, e.digest);
        } else if (e.kind == 'P') {
            store_pin (&c->store);
        } else if (e.kind == 'C' && !c->backing) {
            free (c->checkpoint);
            c->checkpoint = strdup (e.data);
        }
    }
    return rc;
}

static void commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct content *c = arg;
    struct blobs_reader r;
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || blobs_read (&r, data, len) < 0)
        goto error;
    if (r.digest_size != c->digest_size || c->rank > 0) {
        errno = EPROTO;
        goto error;
    }
    if (take_batch (c, r) < 0)
        goto error;
    if (c->backing && (r.flags & BLOBS_SYNC)) {
        /* What a checkpoint refers to has to be there before it. */
        while (c->store.count[BLOB_DIRTY] > 0)
            if (send_batch (c) < 0)
                goto error;
        if (forward (c, msg, "content-backing.commit") < 0)
            goto error;
        return;
    }
    schedule_flush (c);
    if (flux_msg_is_noresponse (msg))
        return;
    if (unwritten (c) >= DIRTY_MAX && c->backing
        && flux_msglist_count (c->held) < HELD_MAX) {
        if (flux_msglist_append (c->held, msg) < 0)
            goto error;
    } else if (flux_respond (h, msg, NULL) < 0) {
        flux_log_error (h, "error responding to content.commit");
    }
    return;
error:
    flux_log_error (h, "content.commit");
    respond_errno (h, msg, errno);
}

/* Checkpoints */

static void checkpoint_get_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct content *c = arg;
    json_t *o = NULL;

    if (c->rank > 0 || c->backing) {
        if (forward (c, msg,
                     c->rank > 0 ? "content.checkpoint-get"
                                 : "content-backing.checkpoint-get")
            < 0)
            respond_errno (h, msg, errno);
        return;
    }
    if (!c->checkpoint || !(o = json_loads (c->checkpoint, 0, NULL)))
        respond_errno (h, msg, ENOENT);
    else if (flux_respond_pack (h, msg, "{s:[O]}", "value", o) < 0)
        flux_log_error (h, "error responding to content.checkpoint-get");
    json_decref (o);
}

static void checkpoint_put_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                               void *arg)
{
    struct content *c = arg;
    json_t *value;

    if (c->rank > 0 || c->backing) {
        if (forward (c, msg,
                     c->rank > 0 ? "content.checkpoint-put"
                                 : "content-backing.checkpoint-put")
            < 0)
            respond_errno (h, msg, errno);
        return;
    }
    if (flux_request_unpack (msg, NULL, "{s:o}", "value", &value) < 0) {
        respond_errno (h, msg, errno);
        return;
    }
    free (c->checkpoint);
    c->checkpoint = json_dumps (value, JSON_COMPACT);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.checkpoint-put");
}

/* The backing store comes and goes */

static void put_kept_checkpoint (struct content *c)
{
    struct buf b = BUF_INIT;
    flux_future_t *f;

    if (!c->checkpoint)
        return;
    blobs_begin (&b, c->digest_size, BLOBS_SYNC);
    blobs_checkpoint (&b, c->checkpoint);
    if (!b.err
        && (f = flux_rpc_raw (c->h, "content-backing.commit", b.data, b.len, 0,
                              FLUX_RPC_NORESPONSE)))
        flux_future_destroy (f);
    buf_fini (&b);
    free (c->checkpoint);
    c->checkpoint = NULL;
}

static void register_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct content *c = arg;
    const char *name;
    char *copy;

    if (flux_request_unpack (msg, NULL, "{s:s}", "name", &name) < 0)
        goto error;
    if (c->backing || c->rank > 0) {
        errno = c->backing ? EBUSY : EINVAL;
        goto error;
    }
    if (!(copy = strdup (name)))
        goto error;
    c->backing = copy;
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.register-backing");
    flux_log (h, LOG_DEBUG, "%s: backing store registered", name);
    schedule_flush (c);
    put_kept_checkpoint (c);
    return;
error:
    respond_errno (h, msg, errno);
}

/* The store asks for what is left before it goes, by content.flush. */
static void unregister_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct content *c = arg;

    if (!c->backing) {
        respond_errno (h, msg, EINVAL);
        return;
    }
    flux_log (h, LOG_DEBUG, "%s: backing store unregistered", c->backing);
    free (c->backing);
    c->backing = NULL;
    flux_watcher_stop (c->timer);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.unregister-backing");
}

static void dropcache_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct content *c = arg;

    store_drop_clean (&c->store);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to content.dropcache");
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct content *c = arg;
    const struct store *s = &c->store;
    json_int_t count = 0, size = 0;

    for (int i = 0; i < 4; i++) {
        count += s->count[i];
        size += s->bytes[i];
    }
    if (flux_respond_pack (h, msg, "{s:I s:I s:I s:I s:i s:{}}", "count", count,
                           "valid", count, "dirty",
                           (json_int_t)(s->count[BLOB_DIRTY] + s->count[BLOB_STORING]),
                           "size", size, "flush-batch-count", c->batches, "mmap")
        < 0)
        flux_log_error (h, "error responding to content.stats-get");
}

static size_t held_bytes (const struct content *c)
{
    const size_t *bytes = c->store.bytes;

    return bytes[BLOB_CLEAN] + bytes[BLOB_DIRTY] + bytes[BLOB_STORING]
           + bytes[BLOB_STALE];
}

static void heartbeat_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct content *c = arg;

    size_t before = held_bytes (c);

    store_tick (&c->store, CLEAN_AGE, STALE_AGE);
    /* What a burst of jobs needed goes back to the system. */
    c->freed += before - held_bytes (c);
    if (c->freed + c->written > TRIM_MIN) {
        malloc_trim (0);
        c->freed = c->written = 0;
    }
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct content *c = arg;

    flux_msglist_disconnect (c->flush_waiters, msg);
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "content.load", load_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.store", store_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.commit", commit_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.validate", validate_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.flush", flush_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.dropcache", dropcache_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.checkpoint-get", checkpoint_get_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.checkpoint-put", checkpoint_put_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.register-backing", register_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.unregister-backing", unregister_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "content.stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "content.disconnect", disconnect_cb, 0 },
    { FLUX_MSGTYPE_EVENT, "heartbeat.pulse", heartbeat_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static void content_fini (struct content *c)
{
    flux_msg_handler_delvec (c->handlers);
    flux_watcher_destroy (c->timer);
    hashmap_destroy (c->loads);
    flux_msglist_destroy (c->flush_waiters);
    flux_msglist_destroy (c->held);
    store_fini (&c->store);
    digest_destroy (c->digest);
    free (c->backing);
    free (c->checkpoint);
}

static int content_init (struct content *c, flux_t *h)
{
    const char *hash = flux_attr_get (h, "content.hash");

    memset (c, 0, sizeof (*c));
    c->h = h;
    if (flux_get_rank (h, &c->rank) < 0)
        return -1;
    if (!(c->digest = digest_create (hash ? hash : "sha1"))) {
        flux_log (h, LOG_ERR, "content.hash: unknown digest '%s'", hash);
        return -1;
    }
    c->digest_size = digest_size (c->digest);
    if (store_init (&c->store, c->digest_size,
                    c->rank == 0 ? CLEAN_MAX_LEADER : CLEAN_MAX_FOLLOWER, STALE_MAX)
            < 0
        || !(c->loads = hashmap_create (load_destroy))
        || !(c->flush_waiters = flux_msglist_create ())
        || !(c->held = flux_msglist_create ())
        || !(c->timer = flux_timer_watcher_create (flux_get_reactor (h), FLUSH_DELAY,
                                                   0., timer_cb, c))
        || flux_event_subscribe (h, "heartbeat.pulse") < 0
        || flux_msg_handler_addvec (h, handlers, c, &c->handlers) < 0)
        return -1;
    return 0;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct content c;
    int rc = -1;

    if (content_init (&c, h) < 0)
        flux_log_error (h, "content: starting");
    else if ((rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
        flux_log_error (h, "content: reactor");
    content_fini (&c);
    return rc < 0 ? -1 : 0;
}
