#include "leader.h"

#include "base/hashmap.h"
#include "core/kvs/blobs.h"

#include <errno.h>
#include <flux/kvs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MAX 1024 /* operations behind one that waits that are looked at */
#define AHEAD_TURNS 16 /* after it */

/* A transaction that waits for its turn, or for the store. */
struct commit {
    struct list node;
    void *req;
    char *sender; /* of an ordered one, else NULL */
    size_t len;
    struct kvs_txn_reader txn;
    bool sync;
    bool alone; /* a batch that held it and others could not be stored */
    uint32_t look;
};

/* The transactions of a turn, until they are answered. */
struct kvs_batch {
    struct list node;
    struct kvs_leader *leader;
    struct kvs_space *space; /* NULL: it is answered already */
    struct list commits;
    int count;       /* transactions that change something */
    bool sync;       /* asked for by FLUX_KVS_SYNC */
    bool checkpoint; /* it has one */
    size_t bytes;    /* of blobs */
    struct buf changes;
    void *aux;
};

struct kvs_leader {
    const struct kvs_leader_ops *ops;
    void *arg;
    struct kvs_cache *cache;
    struct digest *digest;
    bool kept;
    size_t blob_max;
    struct list spaces;
    struct list batches;     /* that the store has not answered */
    struct hashmap *refused; /* sender -> errno of its refused ordered commit */
    size_t unasked_bytes;
    struct kvs_leader_stats stats;
    bool ending;
    bool holding; /* a namespace waits for loads */
    int errnum;   /* of the store; 0: well */
    char *text;
    double delay;      /* until the next probe */
    bool probing;      /* this turn is one */
    struct buf unsent; /* content could not be told: no memory for the message */
    struct kvs_batch *unsent_batch;
};

static void destroy_commit (struct commit *c)
{
    if (c) {
        list_remove (&c->node);
        free (c->sender);
        free (c);
    }
}

static void refuse (struct kvs_leader *l, struct commit *c, int errnum,
                    const char *text)
{
    l->ops->refuse (l->arg, c->req, errnum, text);
    destroy_commit (c);
}

/* Health */

static void fall_ill (struct kvs_leader *l, int errnum, const char *text)
{
    l->delay = l->errnum ? l->delay * 2 : PROBE_MIN;
    if (l->delay > PROBE_MAX)
        l->delay = PROBE_MAX;
    if (errnum != l->errnum) {
        l->errnum = errnum;
        free (l->text);
        if (asprintf (&l->text, "the store fails: %s", text ? text : strerror (errnum))
            < 0)
            l->text = NULL;
        l->ops->health (l->arg, errnum, l->text);
    }
    l->ops->probe_after (l->arg, l->delay);
}

static void recover (struct kvs_leader *l)
{
    if (!l->errnum)
        return;
    l->errnum = 0;
    free (l->text);
    l->text = NULL;
    l->ops->health (l->arg, 0, NULL);
    l->ops->want_turn (l->arg);
}

/* Only ordered commits may stay. */
static void refuse_waiting (struct kvs_leader *l)
{
    list_foreach (&l->spaces, it) {
        struct kvs_space *s = container_of (it, struct kvs_space, node);

        list_foreach (&s->queue, jt) {
            struct commit *c = container_of (jt, struct commit, node);

            if (c->sender)
                continue;
            l->stats.queued_bytes -= c->len;
            refuse (l, c, l->errnum, l->text);
        }
    }
}

/* Ordered commits */

static int order_errnum (struct kvs_leader *l, const char *sender)
{
    return (intptr_t)hashmap_lookup (l->refused, sender);
}

/* Also those that wait already: what the sender resets for comes later. */
static void break_order (struct kvs_leader *l, const char *sender, int errnum)
{
    if (hashmap_insert (l->refused, sender, (void *)(intptr_t)errnum) < 0)
        abort (); /* a gap in what was promised to be a prefix */
    list_foreach (&l->spaces, it) {
        struct kvs_space *s = container_of (it, struct kvs_space, node);

        list_foreach (&s->queue, jt) {
            struct commit *c = container_of (jt, struct commit, node);

            if (!c->sender || strcmp (c->sender, sender))
                continue;
            l->stats.queued_bytes -= c->len;
            refuse (l, c, errnum, "a commit before it was refused");
        }
    }
}

void kvs_leader_order_reset (struct kvs_leader *l, const char *sender)
{
    hashmap_remove (l->refused, sender);
}

/* Batches */

static struct kvs_batch *batch_create (struct kvs_space *s)
{
    struct kvs_batch *b;

    if (!(b = calloc (1, sizeof (*b))))
        return NULL;
    list_init (&b->commits);
    list_init (&b->node);
    b->leader = s->leader;
    return b;
}

static void batch_destroy (struct kvs_batch *b)
{
    if (b) {
        list_remove (&b->node);
        buf_fini (&b->changes);
        free (b);
    }
}

void **kvs_batch_aux (struct kvs_batch *b)
{
    return &b->aux;
}

static void answer_all (struct kvs_batch *b, const struct kvs_space *s)
{
    struct kvs_leader *l = b->leader;

    while (!list_empty (&b->commits)) {
        struct commit *c = list_first (&b->commits, struct commit, node);

        l->ops->answer (l->arg, c->req, s->rootref, s->sequence);
        destroy_commit (c);
    }
}

/* Ordered commits go back to their place, if `hold`; the rest is refused. */
static void refuse_all (struct kvs_batch *b, struct kvs_space *s, bool hold, int errnum,
                        const char *text)
{
    struct kvs_leader *l = b->leader;

    while (!list_empty (&b->commits)) {
        struct commit *c = container_of (b->commits.prev, struct commit, node);

        list_remove (&c->node);
        if (c->sender && hold) {
            list_prepend (&s->queue, &c->node);
            l->stats.queued_bytes += c->len;
            continue;
        }
        if (c->sender)
            break_order (l, c->sender, errnum);
        refuse (l, c, errnum, text);
    }
}

/* The fault is a commit's, not the store's. */
static bool is_unfit (int errnum)
{
    return errnum == EFBIG || errnum == EINVAL || errnum == EPROTO || errnum == EMSGSIZE
           || errnum == EOVERFLOW;
}

/* Of several, whose it is shows when each comes alone. */
static void refuse_unfit (struct kvs_batch *b, struct kvs_space *s, int errnum,
                          const char *text)
{
    if (b->commits.next == b->commits.prev) {
        b->leader->stats.failed++;
        refuse_all (b, s, false, errnum, text);
        return;
    }
    while (!list_empty (&b->commits)) {
        struct commit *c = container_of (b->commits.prev, struct commit, node);

        c->alone = true;
        list_remove (&c->node);
        list_prepend (&s->queue, &c->node);
        b->leader->stats.queued_bytes += c->len;
    }
}

/* What the turn made is what readers see. */
static void advance (struct kvs_space *s, const struct kvs_batch *b,
                     const struct buf *changes)
{
    struct kvs_leader *l = s->leader;

    strcpy (s->rootref, s->tree->rootref);
    s->sequence++;
    s->checkpointed = false;
    l->stats.commits++;
    l->stats.transactions += b->count;
    l->ops->advance (l->arg, s, changes);
}

static void finish (struct kvs_space *s)
{
    kvs_tree_cool (s->tree);
    kvs_tree_shrink (s->tree, 16, 32 * 1024 * 1024);
}

static void accept (struct kvs_batch *b, struct kvs_space *s)
{
    kvs_tree_stored (s->tree);
    if (b->count > 0)
        advance (s, b, &b->changes);
    if (b->checkpoint)
        s->checkpointed = true;
    answer_all (b, s);
    finish (s);
}

/* A sync that cannot be done where there is no store says nothing about others. */
static void reject (struct kvs_batch *b, struct kvs_space *s, int errnum,
                    const char *text)
{
    struct kvs_leader *l = b->leader;
    bool ill = l->errnum || !b->sync || (l->kept && errnum != ENOTSUP);

    kvs_tree_restore (s->tree);
    if (is_unfit (errnum)) {
        refuse_unfit (b, s, errnum, text);
        if (l->errnum) /* it was a probe, and says nothing */
            l->ops->probe_after (l->arg, l->delay);
        return;
    }
    refuse_all (b, s, ill, errnum, text);
    if (ill) {
        fall_ill (l, errnum, text);
        refuse_waiting (l);
    }
}

void kvs_leader_stored (struct kvs_batch *b, int errnum, const char *text)
{
    struct kvs_leader *l = b->leader;
    struct kvs_space *s = b->space;

    l->stats.unacked_bytes -= b->bytes;
    if (s) {
        s->batch = NULL;
        if (errnum)
            reject (b, s, errnum, text);
        else
            accept (b, s);
    } else if (errnum) { /* content has them, but wants no more */
        fall_ill (l, errnum, text);
        refuse_waiting (l);
    }
    if (!errnum && (s || !l->kept))
        recover (l);
    batch_destroy (b);
    l->ops->want_turn (l->arg);
}

static int add_checkpoint (struct kvs_space *s, const char *rootref, int64_t sequence,
                           struct buf *blobs)
{
    char json[BLOBREF_MAX_SIZE + 128];

    snprintf (json, sizeof (json),
              "{\"version\":1,\"rootref\":\"%s\",\"sequence\":%lld,"
              "\"timestamp\":%.6f}",
              rootref, (long long)sequence, s->leader->ops->now (s->leader->arg));
    blobs_checkpoint (blobs, json);
    return blobs->err ? -1 : 0;
}

/* The store's word is waited for. Takes b. */
static void send_waiting (struct kvs_space *s, struct kvs_batch *b, struct buf *blobs)
{
    struct kvs_leader *l = s->leader;

    if ((l->kept || b->sync) && s->primary) {
        blobs->data[4] = BLOBS_SYNC | (b->sync ? BLOBS_FSYNC : 0);
        b->checkpoint = true;
        add_checkpoint (s, s->tree->rootref, s->sequence + (b->count > 0), blobs);
    }
    b->space = s;
    b->bytes = blobs->len;
    s->batch = b;
    list_append (&l->batches, &b->node);
    l->stats.unacked_bytes += b->bytes;
    if (blobs->err)
        kvs_leader_stored (b, ENOMEM, NULL);
    else if (l->ops->store (l->arg, blobs, b) < 0)
        kvs_leader_stored (b, errno, NULL);
}

/* Whoever is told about the root may load its blobs. Takes b. */
static void conclude (struct kvs_space *s, struct kvs_batch *b, bool asked)
{
    struct kvs_leader *l = s->leader;

    l->unasked_bytes = asked ? 0 : l->unasked_bytes + b->bytes;
    if (b->count > 0)
        advance (s, b, &b->changes);
    answer_all (b, s);
    if (asked) {
        l->stats.unacked_bytes += b->bytes;
        list_append (&l->batches, &b->node);
    } else {
        batch_destroy (b);
    }
    finish (s);
}

/* Answered from memory. Most turns are small: content answers once for many of
 * them. Takes b. */
static void send_answered (struct kvs_space *s, struct kvs_batch *b, struct buf *blobs)
{
    struct kvs_leader *l = s->leader;
    bool ask = b->count > 0 && l->unasked_bytes + blobs->len >= UNASKED_MAX;
    int errnum;

    b->bytes = b->count > 0 ? blobs->len : 0;
    if (b->count == 0 || l->ops->store (l->arg, blobs, ask ? b : NULL) == 0) {
        conclude (s, b, ask);
        return;
    }
    /* The tree has moved on: nobody is told until content has been. */
    errnum = errno;
    l->unsent = *blobs;
    buf_init (blobs);
    l->unsent_batch = b;
    b->space = s;
    s->batch = b;
    list_append (&l->batches, &b->node);
    fall_ill (l, errnum, NULL);
    refuse_waiting (l);
}

static int send_unsent (struct kvs_leader *l)
{
    struct kvs_batch *b = l->unsent_batch;
    struct kvs_space *s = b->space;

    if (l->ops->store (l->arg, &l->unsent, NULL) < 0) {
        l->ops->probe_after (l->arg, PROBE_MAX);
        return -1;
    }
    buf_fini (&l->unsent);
    buf_init (&l->unsent);
    l->unsent_batch = NULL;
    if (s) {
        s->batch = NULL;
        conclude (s, b, false);
    } else {
        batch_destroy (b);
    }
    return 0;
}

/* Applying */

static void explain_size (const struct kvs_leader *l, char *text, size_t size)
{
    snprintf (text, size, "%s: content.blob-size-limit is %zu", strerror (EFBIG),
              l->blob_max);
}

/* 1: applied, 0: refused, -1: it has to wait. */
static int apply (struct kvs_space *s, struct commit *c, struct buf *blobs)
{
    struct kvs_leader *l = s->leader;
    char text[BLOBREF_MAX_SIZE + 64] = "";
    const char *ref;
    int errnum, cause;

    kvs_cache_clear_failed (l->cache);
    if ((c->txn.count == 0 && c->txn.p == c->txn.end)
        || kvs_tree_apply (s->tree, c->txn, blobs) == 0) {
        l->stats.operations += c->txn.count;
        return 1;
    }
    errnum = errno;
    if (errnum == EAGAIN)
        return -1;
    if ((ref = kvs_cache_failed (l->cache, &cause)))
        snprintf (text, sizeof (text), "blob %s: %s", ref,
                  cause == ENOENT ? "missing" : strerror (cause));
    else if (errnum == EFBIG)
        explain_size (l, text, sizeof (text));
    l->stats.failed++;
    l->stats.queued_bytes -= c->len;
    list_remove (&c->node);
    if (c->sender)
        break_order (l, c->sender, errnum);
    refuse (l, c, errnum, text[0] ? text : NULL);
    return 0;
}

/* Moves what can be done in one go from the queue to the batch: commits that ask
 * for a sync are not mixed with those that do not. False: the next has to wait. */
static bool collect (struct kvs_space *s, struct kvs_batch *b, struct buf *blobs)
{
    while (!list_empty (&s->queue)) {
        struct commit *c = list_first (&s->queue, struct commit, node);
        bool alone = (c->txn.flags & FLUX_KVS_NO_MERGE) != 0;
        int rc;

        if ((alone && b->count > 0) || (c->alone && !list_empty (&b->commits))
            || c->sync != b->sync)
            break;
        if ((rc = apply (s, c, blobs)) < 0)
            return false;
        if (rc == 0)
            continue;
        list_remove (&c->node);
        s->leader->stats.queued_bytes -= c->len;
        list_append (&b->commits, &c->node);
        if (c->txn.count > 0)
            b->count++;
        if ((alone && c->txn.count > 0) || c->alone)
            break;
    }
    return true;
}

/* Looking ahead: order makes all wait for one that misses a directory. If each of them
 * then had to wait for a load of its own, it would also be hashed by itself. */

/* mark: how much was missing before. */
static void look_ahead (struct kvs_space *s, size_t mark)
{
    struct kvs_cache *cache = s->leader->cache;
    int operations = 0;

    list_foreach (&s->queue, it) {
        struct commit *c = container_of (it, struct commit, node);

        if (c->look != s->look)
            kvs_tree_look (s->tree, c->txn);
        c->look = s->look;
        if ((operations += 1 + c->txn.count) >= AHEAD_MAX)
            break;
    }
    for (; mark < kvs_cache_missing_count (cache); mark++)
        buf_add (&s->awaited, kvs_cache_missing (cache, mark), BLOBREF_MAX_SIZE);
}

static bool waits_for_loads (struct kvs_space *s)
{
    struct kvs_leader *l = s->leader;

    while (s->awaited.len > 0
           && !l->ops->loading (l->arg,
                                s->awaited.data + s->awaited.len - BLOBREF_MAX_SIZE))
        s->awaited.len -= BLOBREF_MAX_SIZE;
    return s->awaited.len > 0;
}

static void note_cold (struct kvs_space *s, bool ready, size_t mark)
{
    if (!ready) {
        s->cold = AHEAD_TURNS;
        s->look++;
        look_ahead (s, mark);
    } else if (s->cold > 0) {
        s->cold--;
    }
}

/* The tree is as it was, if it was kept. Takes b. */
static void hash_failed (struct kvs_space *s, struct kvs_batch *b, int errnum)
{
    char text[128] = "";

    if (s->tree->lru.keep)
        kvs_tree_restore (s->tree);
    if (is_unfit (errnum)) {
        explain_size (s->leader, text, sizeof (text));
        refuse_unfit (b, s, errnum, text);
    } else {
        refuse_all (b, s, false, errnum, NULL);
    }
    batch_destroy (b);
}

/* One batch of a namespace. False if nothing could be done. */
static bool turn (struct kvs_space *s)
{
    struct kvs_leader *l = s->leader;
    struct commit *first = list_first (&s->queue, struct commit, node);
    struct buf blobs = BUF_INIT;
    struct kvs_batch *b;
    bool waits, ready;
    size_t mark;

    if (!first || !(b = batch_create (s)))
        return false;
    b->sync = first->sync;
    waits = (l->kept && s->primary) || b->sync || l->probing;
    blobs_begin (&blobs, digest_size (l->digest), 0);
    buf_reset (&s->tree->changes);
    if (waits || l->blob_max < BLOB_SIZE_MAX)
        kvs_tree_keep (s->tree);
    mark = kvs_cache_missing_count (l->cache);
    ready = collect (s, b, &blobs);
    note_cold (s, ready, mark);
    if (list_empty (&b->commits)) {
        kvs_tree_stored (s->tree);
        batch_destroy (b);
        buf_fini (&blobs);
        return ready;
    }
    if (b->count > 0 && kvs_tree_hash (s->tree, &blobs) < 0) {
        hash_failed (s, b, errno);
        buf_fini (&blobs);
        return true;
    }
    b->changes = s->tree->changes;
    buf_init (&s->tree->changes);
    s->written += blobs.len;
    if (waits && (b->count > 0 || b->sync)) {
        send_waiting (s, b, &blobs);
    } else {
        kvs_tree_stored (s->tree);
        send_answered (s, b, &blobs);
    }
    buf_fini (&blobs);
    return true;
}

void kvs_leader_turn (struct kvs_leader *l)
{
    bool again = false;

    l->holding = false;
    list_foreach (&l->spaces, it) {
        struct kvs_space *s = container_of (it, struct kvs_space, node);

        if (l->errnum || l->stats.unacked_bytes > UNACKED_MAX)
            break;
        if (s->cold > 0 && (waits_for_loads (s) || s->batch))
            look_ahead (s, kvs_cache_missing_count (l->cache));
        else if (!s->batch && turn (s) && !s->batch && !list_empty (&s->queue))
            again = true;
        l->holding = l->holding || s->awaited.len > 0;
    }
    if (again)
        l->ops->want_turn (l->arg);
}

bool kvs_leader_holds (const struct kvs_leader *l)
{
    return l->holding;
}

/* Nothing waits: a checkpoint of what is there tells whether the store is well. */
static void try_checkpoint (struct kvs_space *s)
{
    struct buf blobs = BUF_INIT;
    struct kvs_batch *b = batch_create (s);

    blobs_begin (&blobs, digest_size (s->leader->digest), 0);
    if (b && !blobs.err) {
        kvs_tree_keep (s->tree);
        send_waiting (s, b, &blobs);
    } else {
        free (b);
        s->leader->ops->probe_after (s->leader->arg, PROBE_MAX);
    }
    buf_fini (&blobs);
}

void kvs_leader_probe (struct kvs_leader *l)
{
    struct kvs_space *s = list_first (&l->spaces, struct kvs_space, node);

    if (!l->errnum || !s || (l->unsent_batch && send_unsent (l) < 0) || s->batch)
        return;
    l->probing = true;
    if (!turn (s) || !s->batch)
        try_checkpoint (s);
    l->probing = false;
}

/* Requests */

static struct commit *commit_create (void *req, const char *sender,
                                     const struct kvs_txn_reader *txn, size_t len)
{
    struct commit *c;

    if (!(c = calloc (1, sizeof (*c))))
        return NULL;
    list_init (&c->node);
    c->req = req;
    c->len = len + sizeof (*c);
    c->sync = !txn || (txn->flags & FLUX_KVS_SYNC);
    if (txn)
        c->txn = *txn;
    if (txn && (txn->flags & KVS_TXN_ORDERED) && !(c->sender = strdup (sender))) {
        free (c);
        return NULL;
    }
    return c;
}

/* Why it is refused at once; 0: it is not. */
static int check (struct kvs_space *s, const char *sender, bool ordered, bool sync,
                  size_t len, const char **text)
{
    struct kvs_leader *l = s->leader;
    int errnum;

    if (ordered && (errnum = order_errnum (l, sender))) {
        *text = "a commit before it was refused";
        return errnum;
    }
    if (sync && !s->primary) {
        *text = "FLUX_KVS_SYNC: this namespace has no checkpoint";
        return ENOTSUP;
    }
    if (l->errnum && !ordered) {
        *text = l->text;
        return l->errnum;
    }
    return l->stats.queued_bytes + len > QUEUE_BYTES_MAX ? EAGAIN : 0;
}

void kvs_leader_commit (struct kvs_space *s, void *req, const char *sender,
                        const struct kvs_txn_reader *txn, size_t len)
{
    struct kvs_leader *l = s->leader;
    bool ordered = txn && (txn->flags & KVS_TXN_ORDERED);
    bool sync = !txn || (txn->flags & FLUX_KVS_SYNC);
    const char *text = NULL;
    struct commit *c = NULL;
    int errnum = check (s, sender, ordered, sync, len, &text);

    if (!errnum && !(c = commit_create (req, sender, txn, len)))
        errnum = ENOMEM;
    if (errnum) {
        if (ordered)
            break_order (l, sender, errnum);
        l->ops->refuse (l->arg, req, errnum, text);
        return;
    }
    l->stats.queued_bytes += c->len;
    list_append (&s->queue, &c->node);
    l->ops->want_turn (l->arg);
}

/* Start and end */

bool kvs_leader_unsent (const struct kvs_leader *l, const char *ref, const char **data,
                        size_t *len)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    struct blobs_reader r;
    struct blobs_entry e;
    ssize_t size;

    if (l->unsent.len == 0 || (size = blobref_decode (ref, digest)) < 0
        || blobs_read (&r, l->unsent.data, l->unsent.len) < 0)
        return false;
    while (blobs_next (&r, &e) == 1) {
        if (e.kind == 'B' && !memcmp (e.digest, digest, size)) {
            *data = e.data;
            *len = e.len;
            return true;
        }
    }
    return false;
}

int kvs_leader_errnum (const struct kvs_leader *l)
{
    return l->errnum;
}

struct kvs_leader_stats kvs_leader_stats (const struct kvs_leader *l)
{
    return l->stats;
}

struct kvs_leader *kvs_leader_create (const struct kvs_leader_ops *ops, void *arg,
                                      struct kvs_cache *cache, struct digest *digest,
                                      bool kept, size_t blob_max)
{
    struct kvs_leader *l;

    if (!(l = calloc (1, sizeof (*l))))
        return NULL;
    l->ops = ops;
    l->arg = arg;
    l->cache = cache;
    l->digest = digest;
    l->kept = kept;
    l->blob_max = blob_max;
    list_init (&l->spaces);
    list_init (&l->batches);
    if (!(l->refused = hashmap_create (NULL))) {
        free (l);
        return NULL;
    }
    return l;
}

void kvs_leader_destroy (struct kvs_leader *l)
{
    if (l) {
        while (!list_empty (&l->spaces))
            kvs_space_destroy (list_first (&l->spaces, struct kvs_space, node));
        while (!list_empty (&l->batches))
            batch_destroy (list_first (&l->batches, struct kvs_batch, node));
        hashmap_destroy (l->refused);
        buf_fini (&l->unsent);
        free (l->text);
        free (l);
    }
}

/* An empty root is stored like any other. */
static int open_tree (struct kvs_space *s, const char *rootref)
{
    struct kvs_leader *l = s->leader;
    struct buf blobs = BUF_INIT;
    int rc = -1;

    if (!(s->tree = kvs_tree_create (l->cache, l->digest, rootref)))
        return -1;
    s->tree->blob_max = l->blob_max;
    blobs_begin (&blobs, digest_size (l->digest), 0);
    if (!rootref && kvs_tree_hash (s->tree, &blobs) < 0)
        goto done;
    if (rootref)
        blobs_pin (&blobs);
    if (blobs.err || l->ops->store (l->arg, &blobs, NULL) < 0)
        goto done;
    strcpy (s->rootref, s->tree->rootref);
    rc = 0;
done:
    buf_fini (&blobs);
    return rc;
}

struct kvs_space *kvs_space_create (struct kvs_leader *l, void *owner, bool primary,
                                    const char *rootref, int64_t sequence)
{
    struct kvs_space *s;

    if (!(s = calloc (1, sizeof (*s))))
        return NULL;
    s->leader = l;
    s->owner = owner;
    s->primary = primary;
    s->sequence = sequence;
    list_init (&s->queue);
    list_init (&s->node);
    if (open_tree (s, rootref) < 0) {
        kvs_space_destroy (s);
        return NULL;
    }
    list_append (&l->spaces, &s->node);
    return s;
}

void kvs_leader_end (struct kvs_leader *l)
{
    l->ending = true;
}

void kvs_space_destroy (struct kvs_space *s)
{
    if (!s)
        return;
    list_remove (&s->node);
    while (!list_empty (&s->queue)) {
        struct commit *c = list_first (&s->queue, struct commit, node);

        s->leader->stats.queued_bytes -= c->len;
        if (s->leader->ending)
            refuse (s->leader, c, ENOSYS, KVS_ENDED);
        else
            refuse (s->leader, c, ENOTSUP, NULL);
    }
    if (s->batch) { /* its answer will find nobody */
        refuse_all (s->batch, s, false, ENOSYS, KVS_ENDED);
        s->batch->space = NULL;
    }
    kvs_tree_destroy (s->tree);
    buf_fini (&s->awaited);
    free (s);
}
