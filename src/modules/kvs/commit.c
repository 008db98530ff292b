#include "service.h"

#include "base/encode.h"
#include "base/hashmap.h"
#include "core/kvs/blobs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define KEYS_MAX 65536    /* bytes of key names in an event */
#define ROOTDIR_MAX 16384 /* bytes of a root directory in an event */

/* A transaction that waits for its turn. */
struct commit {
    struct list node;
    const flux_msg_t *msg;
    size_t len;
    struct kvs_txn_reader txn;
    bool sync; /* no transaction: only a checkpoint is asked for */
};

/* The transactions of a turn, until they are answered. */
struct group {
    struct kvs *kvs;
    struct kvs_ns *ns;
    struct list commits;
    char response[BLOBREF_MAX_SIZE + 64];
    size_t blob_bytes;
    bool durable; /* answered when the blobs are on disk */
};

static void commit_destroy (struct commit *c)
{
    if (c) {
        flux_msg_decref (c->msg);
        free (c);
    }
}

/* Ordered commits (core/kvs/txn.h): after one that was refused, none of that
 * sender is applied until it says that it knows. */

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

static int order_check (struct kvs *kvs, const flux_msg_t *msg)
{
    void *errnum = hashmap_lookup (kvs->refused, sender_of (msg));

    if (errnum) {
        errno = (intptr_t)errnum;
        return -1;
    }
    return 0;
}

static void refuse_ordered (struct kvs *kvs, const flux_msg_t *msg, int errnum)
{
    if (hashmap_insert (kvs->refused, sender_of (msg), (void *)(intptr_t)errnum) < 0)
        flux_log_error (kvs->h, "kvs: remembering a refused commit");
    kvs_respond_error (kvs, msg, errnum);
}

static void dequeue (struct kvs *kvs, struct commit *c)
{
    list_remove (&c->node);
    kvs->queued_bytes -= c->len;
}

void kvs_commit_fail_all (struct kvs_ns *ns, int errnum)
{
    list_foreach (&ns->queue, it) {
        struct commit *c = container_of (it, struct commit, node);

        kvs_respond_error (ns->kvs, c->msg, errnum);
        dequeue (ns->kvs, c);
        commit_destroy (c);
    }
}

char *kvs_checkpoint_encode (const char *rootref, int sequence)
{
    struct timeval tv;
    char *s;

    gettimeofday (&tv, NULL);
    if (asprintf (&s,
                  "{\"version\":1,\"rootref\":\"%s\",\"sequence\":%d,"
                  "\"timestamp\":%jd.%06d}",
                  rootref, sequence, (intmax_t)tv.tv_sec, (int)tv.tv_usec)
        < 0)
        return NULL;
    return s;
}

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
        treetext_quote (b, c.key, strlen (c.key));
        sep = ",";
    }
    buf_addc (b, ']');
}

static void encode_root (struct kvs_ns *ns, struct buf *b)
{
    struct buf dir = BUF_INIT;

    buf_adds (b, "{\"namespace\":");
    treetext_quote (b, ns->name, strlen (ns->name));
    buf_printf (b, ",\"sequence\":%d,\"owner\":%u,\"rootref\":\"%s\"", ns->sequence,
                ns->owner, ns->rootref);
    add_keys (b, &ns->unpublished);
    kvs_node_encode (ns->tree->root, &dir);
    if (dir.len <= ROOTDIR_MAX) {
        buf_adds (b, ",\"rootdir\":");
        buf_add (b, dir.data, dir.len);
    }
    buf_addc (b, '}');
    buf_fini (&dir);
}

/* As flux_event_publish(), but nobody waits for an answer. */
void kvs_publish (struct kvs_ns *ns)
{
    struct buf root = BUF_INIT, b = BUF_INIT;
    flux_future_t *f = NULL;
    char *base64 = NULL;

    encode_root (ns, &root);
    if (!root.err && (base64 = malloc (base64_encoded_size (root.len + 1)))) {
        base64_encode (base64, root.data, root.len + 1);
        buf_printf (&b, "{\"topic\":\"kvs.namespace-%s-setroot\",\"flags\":%d,",
                    ns->name, FLUX_MSGFLAG_PRIVATE);
        buf_adds (&b, "\"payload\":\"");
        buf_adds (&b, base64);
        buf_adds (&b, "\"}");
        if (!b.err)
            f = flux_rpc (ns->kvs->h, "event.publish", b.data, FLUX_NODEID_ANY,
                          FLUX_RPC_NORESPONSE);
    }
    if (!f)
        flux_log_error (ns->kvs->h, "kvs: publishing the root of %s", ns->name);
    flux_future_destroy (f);
    free (base64);
    buf_fini (&root);
    buf_fini (&b);
    buf_reset (&ns->unpublished);
    list_remove (&ns->publish_node);
}

/* Followers need each root at once: their clients wait for versions. Where
 * there are none, an event now and then tells the same. */
static void publish (struct kvs_ns *ns)
{
    struct kvs *kvs = ns->kvs;

    if (ns->unpublished.len <= KEYS_MAX)
        buf_add (&ns->unpublished, ns->tree->changes.data, ns->tree->changes.len);
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

/* The end of a turn */

static void answer_group (struct group *g, int errnum)
{
    while (!list_empty (&g->commits)) {
        struct commit *c = list_first (&g->commits, struct commit, node);

        if (errnum)
            kvs_respond_error (g->kvs, c->msg, errnum);
        else if (flux_respond (g->kvs->h, c->msg, g->response) < 0)
            flux_log_error (g->kvs->h, "error responding to kvs.commit");
        list_remove (&c->node);
        commit_destroy (c);
    }
}

static void group_destroy (void *arg)
{
    struct group *g = arg;

    if (g) {
        /* Some are left only if the module ends: the broker answers them. */
        list_foreach (&g->commits, it) {
            struct commit *c = container_of (it, struct commit, node);
            list_remove (&c->node);
            commit_destroy (c);
        }
        free (g);
    }
}

static void stored (flux_future_t *f, void *arg)
{
    struct group *g = arg;
    struct kvs *kvs = g->kvs;
    int errnum = flux_future_get (f, NULL) < 0 ? errno : 0;

    kvs->unacked_bytes -= g->blob_bytes;
    if (errnum)
        flux_log_error (kvs->h, "kvs: storing a commit");
    if (g->durable) {
        answer_group (g, errnum);
        if (g->ns)
            g->ns->busy = false;
    }
    flux_future_destroy (f);
    kvs_want_turn (kvs);
}

/* Most turns are small: content answers once for many of them. */
static int send_unanswered (struct kvs *kvs, struct buf *blobs)
{
    flux_future_t *f;

    if (!(f = flux_rpc_raw (kvs->h, "content.commit", blobs->data, blobs->len, 0,
                            FLUX_RPC_NORESPONSE)))
        return -1;
    flux_future_destroy (f);
    kvs->unasked_bytes += blobs->len;
    return 0;
}

static int send_blobs (struct group *g, struct buf *blobs)
{
    struct kvs *kvs = g->kvs;
    flux_future_t *f;

    if (!g->durable && kvs->unasked_bytes + blobs->len < UNASKED_MAX) {
        if (send_unanswered (kvs, blobs) < 0)
            return -1;
        group_destroy (g);
        return 0;
    }
    if (!(f = flux_rpc_raw (kvs->h, "content.commit", blobs->data, blobs->len, 0, 0)))
        return -1;
    if (flux_future_then (f, -1., stored, g) < 0
        || flux_future_aux_set (f, "group", g, group_destroy) < 0) {
        flux_future_destroy (f);
        return -1;
    }
    g->blob_bytes = blobs->len;
    kvs->unacked_bytes += blobs->len;
    kvs->unasked_bytes = 0;
    return 0;
}

static struct group *group_create (struct kvs_ns *ns)
{
    struct group *g;

    if (!(g = calloc (1, sizeof (*g))))
        return NULL;
    list_init (&g->commits);
    g->kvs = ns->kvs;
    g->ns = ns;
    return g;
}

/* Applying */

/* 1: applied, 0: refused (and answered), -1: has to wait for a load. */
static int apply (struct kvs_ns *ns, struct commit *c, struct buf *blobs)
{
    struct kvs *kvs = ns->kvs;

    bool ordered = (c->txn.flags & KVS_TXN_ORDERED) != 0;

    if (ordered && order_check (kvs, c->msg) < 0) {
        kvs_respond_error (kvs, c->msg, errno);
        return 0;
    }
    if (c->sync || kvs_tree_apply (ns->tree, c->txn, blobs) == 0) {
        kvs->stats.operations += c->txn.count;
        return 1;
    }
    if (errno == EAGAIN)
        return -1;
    kvs->stats.failed++;
    if (ordered)
        refuse_ordered (kvs, c->msg, errno);
    else
        kvs_respond_error (kvs, c->msg, errno);
    return 0;
}

/* Moves what can be done in one go from the queue to the group.
 * The number of transactions that change something. */
static int collect (struct kvs_ns *ns, struct group *g, struct buf *blobs)
{
    int count = 0, rc;

    while (!list_empty (&ns->queue)) {
        struct commit *c = list_first (&ns->queue, struct commit, node);
        bool alone = (c->txn.flags & FLUX_KVS_NO_MERGE) != 0;

        if (alone && count > 0)
            break;
        if ((rc = apply (ns, c, blobs)) < 0)
            break;
        dequeue (ns->kvs, c);
        if (rc == 0) {
            commit_destroy (c);
            continue;
        }
        list_append (&g->commits, &c->node);
        if (c->sync || (c->txn.flags & FLUX_KVS_SYNC))
            g->durable = true;
        if (!c->sync && c->txn.count > 0)
            count++;
        if (alone && c->txn.count > 0)
            break;
    }
    return count;
}

static int finish_turn (struct kvs_ns *ns, struct group *g, struct buf *blobs,
                        int count)
{
    struct kvs *kvs = ns->kvs;
    char *checkpoint;

    if (count > 0) {
        if (kvs_tree_hash (ns->tree, blobs) < 0)
            return -1;
        strcpy (ns->rootref, ns->tree->rootref);
        ns->sequence++;
        ns->checkpointed = false;
        kvs->stats.commits++;
        kvs->stats.transactions += count;
    }
    snprintf (g->response, sizeof (g->response), "{\"rootref\":\"%s\",\"sequence\":%d}",
              ns->rootref, ns->sequence);
    if (g->durable && !strcmp (ns->name, KVS_PRIMARY_NAMESPACE)) {
        if (!(checkpoint = kvs_checkpoint_encode (ns->rootref, ns->sequence)))
            return -1;
        blobs_checkpoint (blobs, checkpoint);
        free (checkpoint);
        ns->checkpointed = true;
    }
    return blobs->err ? -1 : 0;
}

/* One commit of a namespace. True if there was something to do. */
static bool turn (struct kvs_ns *ns)
{
    struct kvs *kvs = ns->kvs;
    struct buf blobs = BUF_INIT;
    struct group *g;
    size_t empty;
    int count;

    if (!(g = group_create (ns)))
        return false;
    g->durable = kvs->durable && !strcmp (ns->name, KVS_PRIMARY_NAMESPACE);
    blobs_begin (&blobs, digest_size (kvs->digest), 0);
    empty = blobs.len;
    buf_reset (&ns->tree->changes);
    count = collect (ns, g, &blobs);
    if (list_empty (&g->commits)) {
        group_destroy (g);
        buf_fini (&blobs);
        return false;
    }
    if (count == 0)
        g->durable = g->durable && !ns->checkpointed;
    if (finish_turn (ns, g, &blobs, count) < 0) {
        flux_log_error (kvs->h, "kvs: commit to %s", ns->name);
        answer_group (g, ENOMEM);
        group_destroy (g);
        buf_fini (&blobs);
        return false;
    }
    if (count > 0) {
        publish (ns);
        kvs_answer_versions (ns);
    }
    if (!g->durable)
        answer_group (g, 0);
    if (blobs.len > empty) {
        if (g->durable) {
            blobs.data[4] = BLOBS_SYNC;
            ns->busy = true;
        }
        if (send_blobs (g, &blobs) < 0) {
            flux_log_error (kvs->h, "kvs: sending blobs to content");
            answer_group (g, errno);
            ns->busy = false;
            group_destroy (g);
        }
    } else {
        answer_group (g, 0);
        group_destroy (g);
    }
    ns->written += blobs.len;
    buf_fini (&blobs);
    if (count > 0 && kvs->watches)
        kvs_watches_changed (kvs->watches, ns);
    kvs_tree_cool (ns->tree);
    kvs_tree_shrink (ns->tree, TREE_TURNS, TREE_MAX);
    return true;
}

void kvs_turn (struct kvs *kvs)
{
    size_t pos = 0;
    void *value;
    bool again = false;

    kvs_run_stalled (kvs);
    while (kvs->rank == 0 && hashmap_next (kvs->namespaces, &pos, NULL, &value)) {
        struct kvs_ns *ns = value;

        if (list_empty (&ns->queue) || ns->busy || kvs->unacked_bytes > UNACKED_MAX)
            continue;
        if (turn (ns) && !list_empty (&ns->queue))
            again = true;
    }
    kvs_load_missing (kvs);
    kvs_cache_clear_errors (kvs->cache);
    if (again)
        kvs_want_turn (kvs);
}

/* Requests */

static int enqueue (struct kvs_ns *ns, const flux_msg_t *msg, struct kvs_txn_reader txn,
                    size_t len, bool sync)
{
    struct commit *c;

    if (ns->kvs->queued_bytes + len > QUEUE_BYTES_MAX) {
        errno = EAGAIN;
        return -1;
    }
    if (!(c = calloc (1, sizeof (*c))))
        return -1;
    list_init (&c->node);
    c->msg = flux_msg_incref (msg);
    c->txn = txn;
    c->len = len + sizeof (*c);
    c->sync = sync;
    ns->kvs->queued_bytes += c->len;
    list_append (&ns->queue, &c->node);
    kvs_want_turn (ns->kvs);
    return 0;
}

/* The leader has committed: this rank sees it before its client does. */
static void relayed (flux_future_t *f, void *arg)
{
    struct kvs *kvs = arg;
    const flux_msg_t *msg = flux_future_aux_get (f, "request");
    const char *ns_name = flux_future_aux_get (f, "namespace"), *rootref, *s;
    struct kvs_ns *ns;
    int sequence;

    if (flux_rpc_get_unpack (f, "{s:s s:i}", "rootref", &rootref, "sequence", &sequence)
            < 0
        || flux_rpc_get (f, &s) < 0) {
        kvs_respond_error (kvs, msg, errno);
    } else {
        if (ns_name && (ns = kvs_ns_lookup (kvs, ns_name)))
            kvs_ns_set_root (ns, rootref, sequence);
        if (flux_respond (kvs->h, msg, s) < 0)
            flux_log_error (kvs->h, "error responding to kvs.commit");
    }
    flux_future_destroy (f);
}

static int relay (struct kvs *kvs, const flux_msg_t *msg, const char *ns_name)
{
    flux_msg_t *cpy = NULL;
    flux_future_t *f = NULL;
    struct flux_msg_cred cred;
    const char *topic;
    const void *data;
    size_t len;
    char *name;

    if (flux_request_decode_raw (msg, &topic, &data, &len) < 0
        || flux_msg_get_cred (msg, &cred) < 0
        || !(cpy = flux_request_encode_raw (topic, data, len))
        || flux_msg_set_cred (cpy, cred) < 0
        || !(f = flux_rpc_message (kvs->h, cpy, 0, 0))
        || flux_future_aux_set (f, "request", (void *)flux_msg_incref (msg),
                                (flux_free_f)flux_msg_decref)
               < 0
        || !(name = strdup (ns_name))
        || flux_future_aux_set (f, "namespace", name, free) < 0
        || flux_future_then (f, -1., relayed, kvs) < 0) {
        flux_msg_destroy (cpy);
        flux_future_destroy (f);
        return -1;
    }
    flux_msg_destroy (cpy);
    return 0;
}

void kvs_commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_txn_reader txn;
    struct kvs_ns *ns;
    const void *data;
    size_t len;

    if (flux_request_decode_raw (msg, NULL, &data, &len) < 0
        || kvs_txn_read (&txn, data, len) < 0)
        goto error;
    if (kvs->rank > 0) {
        if (relay (kvs, msg, txn.ns) < 0)
            goto error;
        return;
    }
    if (!(ns = kvs_ns_lookup (kvs, txn.ns))) {
        errno = ENOTSUP;
        goto error;
    }
    if (kvs_ns_authorize (ns, msg) < 0)
        goto error;
    if ((txn.flags & KVS_TXN_ORDERED)
        && (owner_only (msg) < 0 || order_check (kvs, msg) < 0))
        goto error;
    if (enqueue (ns, msg, txn, len, false) < 0) {
        if (!(txn.flags & KVS_TXN_ORDERED))
            goto error;
        refuse_ordered (kvs, msg, errno);
    }
    return;
error:
    kvs_respond_error (kvs, msg, errno);
}

void kvs_order_reset_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg)
{
    struct kvs *kvs = arg;

    hashmap_remove (kvs->refused, sender_of (msg));
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.order-reset");
}

/* A checkpoint of the primary namespace, now. */
void kvs_sync_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);
    struct kvs_txn_reader none = { 0 };

    if (kvs->rank > 0) {
        if (relay (kvs, msg, KVS_PRIMARY_NAMESPACE) < 0)
            kvs_respond_error (kvs, msg, errno);
    } else if (!ns || enqueue (ns, msg, none, 0, true) < 0) {
        kvs_respond_error (kvs, msg, ns ? errno : ENOTSUP);
    }
}

int kvs_checkpoint_now (struct kvs *kvs)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, KVS_PRIMARY_NAMESPACE);
    struct buf b = BUF_INIT;
    flux_future_t *f = NULL;
    char *checkpoint;
    int rc = -1;

    if (!ns || ns->checkpointed)
        return 0;
    if ((checkpoint = kvs_checkpoint_encode (ns->rootref, ns->sequence))) {
        blobs_begin (&b, digest_size (kvs->digest), BLOBS_SYNC);
        blobs_checkpoint (&b, checkpoint);
        if (!b.err
            && (f = flux_rpc_raw (kvs->h, "content.commit", b.data, b.len, 0, 0)))
            rc = flux_future_get (f, NULL);
    }
    flux_future_destroy (f);
    buf_fini (&b);
    free (checkpoint);
    return rc;
}
