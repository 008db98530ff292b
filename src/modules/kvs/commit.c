#include "service.h"

#include "base/hashmap.h"
#include "tree/jobns.h"

#include "base/json/jsonout.h"
#include "core/handle/take.h"
#include "core/kvs/blobs.h"
#include "core/message/message.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>

#define KEYS_MAX 65536    /* bytes of key names in an event */
#define ROOTDIR_MAX 16384 /* bytes of a root directory in an event */

/* Telling the world */

static void add_keys (struct buf *b, const struct buf *changes)
{
    struct kvs_change c;
    size_t pos = 0;
    const char *sep = "";

    /* Without the list, any key may have changed. */
    if (changes->len > KEYS_MAX)
        return;
    buf_adds (b, ",\"keys\":[");
    while (kvs_change_next (changes, &pos, &c)) {
        buf_adds (b, sep);
        json_add_string (b, c.key, strlen (c.key));
        sep = ",";
    }
    buf_addc (b, ']');
}

static void encode_root (struct kvs_ns *ns, struct buf *b)
{
    struct buf dir = BUF_INIT;

    buf_adds (b, "{\"namespace\":");
    json_add_string (b, ns->name, strlen (ns->name));
    buf_printf (b, ",\"sequence\":%" PRId64 ",\"owner\":%u,\"rootref\":\"%s\"",
                ns->sequence, ns->owner, ns->rootref);
    add_keys (b, &ns->unpublished);
    if (ns->space->tree->root)
        kvs_node_encode (ns->space->tree->root, true, &dir);
    if (dir.len > 0 && dir.len <= ROOTDIR_MAX) {
        buf_adds (b, ",\"rootdir\":");
        buf_add (b, dir.data, dir.len);
    }
    buf_addc (b, '}');
    buf_fini (&dir);
}

/* The event itself, not a request to publish one: this is rank 0, and nobody waits for
 * an answer. */
void kvs_publish (struct kvs_ns *ns)
{
    struct buf root = BUF_INIT, topic = BUF_INIT;
    flux_msg_t *msg = NULL;

    encode_root (ns, &root);
    buf_addc (&root, '\0');
    buf_printf (&topic, "kvs.namespace-%s-setroot", ns->name);
    if (topic.err || !(msg = flux_event_encode (topic.data, NULL))
        || msg_take_payload (msg, &root) < 0 || flux_msg_set_private (msg) < 0
        || flux_send_new (ns->kvs->h, &msg, 0) < 0)
        flux_log_error (ns->kvs->h, "kvs: publishing the root of %s", ns->name);
    flux_msg_destroy (msg);
    buf_fini (&root);
    buf_fini (&topic);
    buf_reset (&ns->unpublished);
    list_remove (&ns->publish_node);
}

/* Followers need each root at once: their clients wait for versions. Where
 * there are none, an event now and then tells the same. */
static void publish (struct kvs_ns *ns, const struct buf *changes)
{
    struct kvs *kvs = ns->kvs;

    if (ns->unpublished.len <= KEYS_MAX)
        buf_add (&ns->unpublished, changes->data, changes->len);
    if (kvs->size > 1) {
        kvs_publish (ns);
    } else if (list_empty (&ns->publish_node)) {
        if (list_empty (&kvs->unpublished)) {
            flux_timer_watcher_reset (kvs->publish_timer, PUBLISH_DELAY, 0.);
            flux_watcher_start (kvs->publish_timer);
        }
        list_append (&kvs->unpublished, &ns->publish_node);
    }
}

void kvs_publish_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct kvs *kvs = arg;

    flux_watcher_stop (w);
    while (!list_empty (&kvs->unpublished))
        kvs_publish (list_first (&kvs->unpublished, struct kvs_ns, publish_node));
}

/* The leader's effects */

static void answer (void *arg, void *req, const char *rootref, int64_t sequence)
{
    struct kvs *kvs = arg;
    char s[BLOBREF_MAX_SIZE + 64];

    if (!req) { /* our own */
        kvs->admin_refused = false;
        return;
    }
    snprintf (s, sizeof (s), "{\"rootref\":\"%s\",\"sequence\":%" PRId64 "}", rootref,
              sequence);
    if (flux_respond (kvs->h, req, s) < 0)
        flux_log_error (kvs->h, "error responding to kvs.commit");
    flux_msg_decref (req);
}

static void refuse (void *arg, void *req, int errnum, const char *text)
{
    struct kvs *kvs = arg;

    if (!req) {
        kvs->admin_refused = true;
        flux_log (kvs->h, LOG_ERR, "kvs: a commit of its own was refused: %s",
                  text ? text : strerror (errnum));
        return;
    }
    kvs_respond_text (kvs, req, errnum, text);
    flux_msg_decref (req);
}

static void advance (void *arg, struct kvs_space *s, const struct buf *changes)
{
    struct kvs *kvs = arg;
    struct kvs_ns *ns = s->owner;

    strcpy (ns->rootref, s->rootref);
    ns->sequence = s->sequence;
    publish (ns, changes);
    kvs_answer_versions (ns);
    if (kvs->watches)
        kvs_watches_changed (kvs->watches, ns, changes);
}

static void stored (flux_future_t *f, void *arg)
{
    struct kvs_batch *b = arg;

    if (flux_future_get (f, NULL) < 0)
        kvs_leader_stored (
            b, errno, flux_future_has_error (f) ? flux_future_error_string (f) : NULL);
    else
        kvs_leader_stored (b, 0, NULL);
    flux_future_destroy (f);
}

static int store (void *arg, struct buf *blobs, struct kvs_batch *batch)
{
    struct kvs *kvs = arg;
    flux_future_t *f;

    if (!(f = rpc_take (kvs->h, "content.commit", blobs, 0,
                        batch ? 0 : FLUX_RPC_NORESPONSE)))
        return -1;
    if (!batch) {
        flux_future_destroy (f);
        return 0;
    }
    if (flux_future_then (f, -1., stored, batch) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    *kvs_batch_aux (batch) = f;
    return 0;
}

static void health (void *arg, int errnum, const char *text)
{
    struct kvs *kvs = arg;

    if (errnum)
        flux_log (kvs->h, LOG_ERR, "kvs: commits are refused: %s", text);
    else
        flux_log (kvs->h, LOG_INFO, "kvs: the store is well again");
    kvs_health_set (kvs->health, errnum, text);
}

void kvs_probe_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct kvs *kvs = arg;

    flux_watcher_stop (w);
    kvs_leader_probe (kvs->leader);
    kvs_load_missing (kvs);
}

static void probe_after (void *arg, double seconds)
{
    struct kvs *kvs = arg;

    flux_watcher_stop (kvs->probe_timer);
    flux_timer_watcher_reset (kvs->probe_timer, seconds, 0.);
    flux_watcher_start (kvs->probe_timer);
}

static void want_turn (void *arg)
{
    kvs_want_turn (arg);
}

static double now (void *arg)
{
    struct timeval tv;

    gettimeofday (&tv, NULL);
    return tv.tv_sec + tv.tv_usec * 1e-6;
}

static bool loading (void *arg, const char *ref)
{
    struct kvs *kvs = arg;

    return hashmap_lookup (kvs->loading, ref) != NULL;
}

const struct kvs_leader_ops kvs_leader_wiring = {
    .answer = answer,
    .refuse = refuse,
    .store = store,
    .advance = advance,
    .health = health,
    .probe_after = probe_after,
    .want_turn = want_turn,
    .now = now,
    .loading = loading,
};

/* Requests */

/* The leader has committed: this rank sees it before its client does. */
static void relayed_to (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f,
                        const char *name)
{
    const char *rootref;
    json_int_t sequence;
    struct kvs_ns *ns = kvs_ns_named (kvs, name);

    if (ns
        && flux_rpc_get_unpack (f, "{s:s s:I}", "rootref", &rootref, "sequence",
                                &sequence)
               == 0)
        kvs_ns_set_root (ns, rootref, sequence);
    kvs_relay_answer (kvs, msg, f);
}

static void relayed_commit (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f)
{
    struct kvs_txn_reader txn;
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) == 0
        && kvs_txn_read (&txn, data, len) == 0)
        relayed_to (kvs, msg, f, txn.ns);
}

static void relayed_sync (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f)
{
    relayed_to (kvs, msg, f, KVS_PRIMARY_NAMESPACE);
}

static const char *sender_of (const flux_msg_t *msg)
{
    const char *id = flux_msg_route_first (msg);

    return id ? id : "";
}

static int owner_only (const flux_msg_t *msg)
{
    struct flux_msg_cred cred;

    if (flux_msg_get_cred (msg, &cred) < 0)
        return -1;
    if (!(cred.rolemask & FLUX_ROLE_OWNER)) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

/* Of a job's namespace: the same request with another payload. NULL with errno. */
static flux_msg_t *below_job (const flux_msg_t *msg, struct kvs_txn_reader *txn,
                              size_t *len)
{
    flux_msg_t *cpy = flux_msg_copy (msg, false);
    struct buf b = BUF_INIT;
    const void *data;

    if (!cpy || jobns_txn (txn, &b) < 0 || flux_msg_set_payload (cpy, b.data, b.len) < 0
        || flux_msg_get_payload (cpy, &data, len) < 0
        || kvs_txn_read (txn, data, *len) < 0) {
        flux_msg_destroy (cpy);
        cpy = NULL;
    } else
        txn->within = txn->ns;
    buf_fini (&b);
    return cpy;
}

void kvs_commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    const flux_msg_t *request;
    struct kvs_txn_reader txn;
    struct kvs_ns *ns;
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || kvs_txn_read (&txn, data, len) < 0)
        goto error;
    if ((txn.flags & KVS_TXN_ORDERED)) {
        if (owner_only (msg) < 0)
            goto error;
        if (kvs->rank > 0) { /* here the sender's place in the order would be lost */
            kvs_respond_text (kvs, msg, EINVAL, "ordered commits go to rank 0");
            return;
        }
    }
    if (kvs->rank > 0) {
        if (kvs_relay (kvs, msg, relayed_commit) < 0)
            goto error;
        return;
    }
    if (!(ns = kvs_ns_named (kvs, txn.ns))) {
        errno = ENOTSUP;
        goto error;
    }
    if (kvs_ns_authorize (ns, msg) < 0)
        goto error;
    if (!strcmp (ns->name, txn.ns))
        flux_msg_incref (msg);
    else if (!(msg = below_job (request = msg, &txn, &len))) {
        msg = request;
        goto error;
    }
    kvs_leader_commit (ns->space, (void *)msg, sender_of (msg), &txn, len);
    return;
error:
    kvs_respond_error (kvs, msg, errno);
}

void kvs_order_reset_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct kvs *kvs = arg;

    if (!kvs->leader) {
        kvs_respond_text (kvs, msg, EINVAL, "ordered commits go to rank 0");
        return;
    }
    kvs_leader_order_reset (kvs->leader, sender_of (msg));
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.order-reset");
}

/* A checkpoint of the primary namespace, now. */
void kvs_sync_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);

    if (kvs->rank > 0) {
        if (kvs_relay (kvs, msg, relayed_sync) < 0)
            kvs_respond_error (kvs, msg, errno);
    } else if (ns) {
        kvs_leader_commit (ns->space, (void *)flux_msg_incref (msg), sender_of (msg),
                           NULL, 0);
    } else {
        kvs_respond_error (kvs, msg, ENOTSUP);
    }
}

/* The end */

/* The reactor is over: what the primary namespace waits for is waited for here. */
static void wait_for_store (struct kvs *kvs, struct kvs_space *s)
{
    while (s->batch) {
        struct kvs_batch *b = s->batch;
        flux_future_t *f = *kvs_batch_aux (b);
        int errnum;

        if (!f) /* content could not be told */
            return;
        errnum = flux_future_get (f, NULL) < 0 ? errno : 0;
        kvs_leader_stored (b, errnum, NULL);
        flux_future_destroy (f);
        if (!errnum)
            kvs_leader_turn (kvs->leader);
    }
}

static int put_checkpoint (struct kvs *kvs, struct kvs_space *s)
{
    struct buf b = BUF_INIT;
    flux_future_t *f = NULL;
    char json[BLOBREF_MAX_SIZE + 128];
    int rc = -1;

    snprintf (json, sizeof (json),
              "{\"version\":1,\"rootref\":\"%s\",\"sequence\":%" PRId64
              ",\"timestamp\":%.6f}",
              s->rootref, s->sequence, now (kvs));
    blobs_begin (&b, digest_size (kvs->digest), BLOBS_SYNC);
    blobs_checkpoint (&b, json);
    if (!b.err && (f = flux_rpc_raw (kvs->h, "content.commit", b.data, b.len, 0, 0)))
        rc = flux_future_get (f, NULL);
    flux_future_destroy (f);
    buf_fini (&b);
    return rc;
}

/* Nobody is told that his commit was refused while the store has it: he would make it
 * again. */
void kvs_settle (struct kvs *kvs)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);

    if (ns)
        wait_for_store (kvs, ns->space);
}

int kvs_finish (struct kvs *kvs)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);

    if (!ns)
        return 0;
    wait_for_store (kvs, ns->space);
    kvs_leader_turn (kvs->leader);
    wait_for_store (kvs, ns->space);
    return ns->space->checkpointed ? 0 : put_checkpoint (kvs, ns->space);
}
