#include "core.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "core/kvs/blobs.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define CLEAN_MAX_LEADER (256 * 1024)
#define CLEAN_MAX_FOLLOWER (4 * 1024 * 1024)
#define STALE_MAX (1024 * 1024)
#define CLEAN_AGE 4                   /* heartbeats */
#define STALE_AGE 5                   /* heartbeats */
#define BATCH_MAX (2 * 1024 * 1024)   /* bytes in one message down */
#define DIRTY_EARLY (4 * 1024 * 1024) /* write before the delay is over */
#define DIRTY_MAX (64 * 1024 * 1024)  /* hold answers back beyond this */
#define FLUSH_DELAY 0.5               /* s */
#define KEEP_MIN (64 * 1024)          /* bytes of a blob that is not copied */
#define RETRY_DELAY_MAX 30.           /* s */

struct token {
    struct list node;
    void *token;
};

/* A load from below, and those who wait for it. */
struct load {
    struct list waiters; /* struct token */
};

/* A batch that is answered by the store. */
struct synced {
    struct list node;
    void *token; /* NULL: the core's own */
    const void *payload;
    size_t len;
    struct buf own; /* the payload of a checkpoint alone */
    bool checkpoint;
};

enum flight { FLIGHT_NONE, FLIGHT_BATCH, FLIGHT_SYNCED };

struct content {
    struct content_options opts;
    struct content_ops ops;
    void *arg;
    size_t digest_size;
    struct store store;
    struct hashmap *loads; /* blobref -> struct load */
    bool backing;
    enum flight flight;  /* what the store has not answered yet */
    struct buf batch;    /* FLIGHT_BATCH: the digests of its blobs */
    struct list syncs;   /* struct synced; FLIGHT_SYNCED: the first */
    struct list flushes; /* struct token */
    struct list held;    /* struct token: taken, not answered yet */
    struct list stores;  /* struct token: followers, at the parent */
    bool timing;         /* the timer runs */
    int errnum;          /* of the store's last answer */
    double retry_delay;  /* s, while it fails */
    char *checkpoint;    /* that no store has */
    size_t written;
};

static void advance (struct content *c, bool now);

/* Tokens */

static struct token *keep_token (struct list *l, void *token)
{
    struct token *t;

    if (!(t = malloc (sizeof (*t))))
        return NULL;
    list_init (&t->node);
    t->token = token;
    list_append (l, &t->node);
    return t;
}

static void *take_token (struct list *l)
{
    struct token *t = list_first (l, struct token, node);
    void *token = NULL;

    if (t) {
        token = t->token;
        list_remove (&t->node);
        free (t);
    }
    return token;
}

static void drop_tokens (struct content *c, struct list *l)
{
    void *token;

    while ((token = take_token (l)))
        c->ops.drop (c->arg, token);
}

static void answer (struct content *c, void *token, int errnum, const char *text)
{
    if (token)
        c->ops.respond (c->arg, token, errnum, text, NULL, 0);
}

static void answer_all (struct content *c, struct list *l, int errnum, const char *text)
{
    void *token;

    while ((token = take_token (l)))
        answer (c, token, errnum, text);
}

/* Loading */

static void load_destroy (void *arg)
{
    free (arg);
}

static void name_blob (struct content *c, const void *digest, char *ref)
{
    if (blobref_encode (digest_name (c->opts.digest), digest, c->digest_size, ref) < 0)
        strcpy (ref, "?");
}

static bool is_damaged (struct content *c, const void *digest, const void *data,
                        size_t len)
{
    unsigned char actual[DIGEST_MAX_SIZE];

    return digest_hash (c->opts.digest, data, len, actual) < 0
           || memcmp (actual, digest, c->digest_size) != 0;
}

static int start_load (struct content *c, const void *digest, const char *ref,
                       struct load **lp)
{
    struct load *l;

    if (!(l = malloc (sizeof (*l))))
        return -1;
    list_init (&l->waiters);
    if (hashmap_insert (c->loads, ref, l) < 0) {
        free (l);
        errno = ENOMEM;
        return -1;
    }
    if (c->ops.load (c->arg, digest) < 0) {
        int saved_errno = errno;
        hashmap_remove (c->loads, ref);
        errno = saved_errno;
        return -1;
    }
    *lp = l;
    return 0;
}

static void answer_missing (struct content *c, void *token, const char *ref)
{
    char text[BLOBREF_MAX_SIZE + 64];

    snprintf (text, sizeof (text), "%s: %s", strerror (ENOENT), ref);
    answer (c, token, ENOENT, text);
}

void content_load (struct content *c, void *token, const void *digest)
{
    char ref[BLOBREF_MAX_SIZE];
    struct blob *b;
    struct load *l;

    if ((b = store_lookup (&c->store, digest))) {
        c->ops.respond (c->arg, token, 0, NULL, b->data, b->len);
        return;
    }
    name_blob (c, digest, ref);
    if (c->opts.leader && !c->backing)
        answer_missing (c, token, ref);
    else if ((!(l = hashmap_lookup (c->loads, ref))
              && start_load (c, digest, ref, &l) < 0)
             || !keep_token (&l->waiters, token))
        answer (c, token, errno, NULL);
}

static int check_loaded (struct content *c, const void *digest, const char *ref,
                         const void *data, size_t len, char *text, size_t size)
{
    if (is_damaged (c, digest, data, len)) {
        snprintf (text, size, "blob %s is damaged: its bytes have another digest", ref);
        c->ops.log (c->arg, LOG_ERR, text);
        return EBADMSG;
    }
    /* Not being able to keep it is no reason not to answer. */
    store_clean (&c->store, digest, (struct bytes_of){ data, len, NULL });
    return 0;
}

void content_loaded (struct content *c, const void *digest, int errnum,
                     const char *text, const void *data, size_t len)
{
    char ref[BLOBREF_MAX_SIZE], why[BLOBREF_MAX_SIZE + 64];
    struct load *l;
    void *token;

    name_blob (c, digest, ref);
    if (!(l = hashmap_take (c->loads, ref)))
        return;
    if (errnum == 0) {
        errnum = check_loaded (c, digest, ref, data, len, why, sizeof (why));
        text = why;
    }
    while ((token = take_token (&l->waiters))) {
        if (errnum == 0)
            c->ops.respond (c->arg, token, 0, NULL, data, len);
        else if (errnum == ENOENT || errnum == ENOSYS)
            answer_missing (c, token, ref);
        else
            answer (c, token, errnum, text);
    }
    load_destroy (l);
}

/* Batches */

static size_t unwritten (const struct content *c)
{
    return c->store.bytes[BLOB_DIRTY] + c->store.bytes[BLOB_STORING];
}

static bool is_saved (const struct content *c)
{
    return c->store.count[BLOB_DIRTY] == 0 && c->store.count[BLOB_STORING] == 0
           && list_empty (&c->syncs) && !c->checkpoint;
}

static void start_timer (struct content *c, double delay)
{
    c->timing = true;
    c->ops.timer (c->arg, delay);
}

static void for_each_blob (struct content *c, const void *payload, size_t len,
                           void (*fn) (struct store *s, const void *digest))
{
    struct blobs_reader r;
    struct blobs_entry e;

    if (blobs_read (&r, payload, len) == 0)
        while (blobs_next (&r, &e) == 1)
            if (e.kind == 'B')
                fn (&c->store, e.digest);
}

static void file_clean (struct store *s, const void *digest)
{
    store_finish (s, digest, true);
}

static void apply_superseded (struct content *c, const void *payload, size_t len)
{
    struct blobs_reader r;
    struct blobs_entry e;

    if (blobs_read (&r, payload, len) == 0)
        while (blobs_next (&r, &e) == 1)
            if (e.kind == 'S')
                store_unref (&c->store, e.digest);
}

static void synced_destroy (struct synced *s)
{
    if (s) {
        buf_fini (&s->own);
        free (s);
    }
}

/* Nobody will write these blobs unless they come again. */
static void fail_synced (struct content *c, struct synced *s, int errnum,
                         const char *text)
{
    list_remove (&s->node);
    for_each_blob (c, s->payload, s->len, store_release);
    answer (c, s->token, errnum, text);
    synced_destroy (s);
}

static void fail_waiters (struct content *c, int errnum, const char *text)
{
    list_foreach (&c->syncs, it)
        fail_synced (c, container_of (it, struct synced, node), errnum, text);
    answer_all (c, &c->flushes, errnum, text);
    answer_all (c, &c->held, errnum, text);
}

static void log_failure (struct content *c, int errnum, const char *text)
{
    char line[512];

    snprintf (line, sizeof (line),
              "the backing store fails: %s; what it does not have stays in memory",
              text ? text : strerror (errnum));
    /* The store has said it, and who asked will. */
    c->ops.log (c->arg, LOG_DEBUG, line);
}

static void store_failed (struct content *c, int errnum, const char *text)
{
    if (errnum != c->errnum)
        log_failure (c, errnum, text);
    c->errnum = errnum;
    c->retry_delay = c->retry_delay < FLUSH_DELAY           ? FLUSH_DELAY
                     : c->retry_delay * 2 < RETRY_DELAY_MAX ? c->retry_delay * 2
                                                            : RETRY_DELAY_MAX;
    fail_waiters (c, errnum, text);
    if (c->backing && (c->store.count[BLOB_DIRTY] > 0 || c->checkpoint))
        start_timer (c, c->retry_delay);
}

static void store_works (struct content *c)
{
    if (c->errnum)
        c->ops.log (c->arg, LOG_DEBUG, "the backing store works again");
    c->errnum = 0;
    c->retry_delay = 0.;
}

static void answer_held (struct content *c)
{
    while (unwritten (c) < DIRTY_MAX && !list_empty (&c->held))
        answer (c, take_token (&c->held), 0, NULL);
}

/* All that is left stays in memory. */
static void store_gone (struct content *c)
{
    answer_all (c, &c->held, 0, NULL);
    fail_waiters (c, ENOSYS, "the backing store is gone");
}

static void finish_batch (struct content *c, bool ok)
{
    for (size_t i = 0; i < c->batch.len; i += c->digest_size)
        store_finish (&c->store, c->batch.data + i, ok);
    buf_fini (&c->batch);
}

static void finish_synced (struct content *c, int errnum, const char *text)
{
    struct synced *s = list_first (&c->syncs, struct synced, node);

    if (errnum) {
        fail_synced (c, s, errnum, text);
        return;
    }
    for_each_blob (c, s->payload, s->len, file_clean);
    apply_superseded (c, s->payload, s->len);
    if (s->checkpoint) {
        free (c->checkpoint);
        c->checkpoint = NULL;
    }
    list_remove (&s->node);
    answer (c, s->token, 0, NULL);
    synced_destroy (s);
}

void content_committed (struct content *c, int errnum, const char *text)
{
    enum flight flight = c->flight;

    c->flight = FLIGHT_NONE;
    if (flight == FLIGHT_BATCH)
        finish_batch (c, errnum == 0);
    else if (flight == FLIGHT_SYNCED)
        finish_synced (c, errnum, text);
    else
        return;
    if (errnum) {
        store_failed (c, errnum, text);
        return;
    }
    store_works (c);
    answer_held (c);
    if (is_saved (c))
        answer_all (c, &c->flushes, 0, NULL);
    if (c->backing)
        advance (c, false);
    else
        store_gone (c);
}

static int add_to_batch (struct content *c, struct buf *payload, const struct blob *b)
{
    if (buf_add (&c->batch, b->digest, c->digest_size) < 0) {
        store_finish (&c->store, b->digest, false);
        return -1;
    }
    blobs_add (payload, b->digest, c->digest_size, b->data, b->len);
    if (b->telling)
        blobs_hold (payload, b->digest, c->digest_size);
    return payload->err ? -1 : 0;
}

static int send_batch (struct content *c)
{
    struct buf payload = BUF_INIT;
    struct blob *b;
    size_t len;
    int rc = 0;

    blobs_begin (&payload, c->digest_size, 0);
    while (rc == 0 && payload.len < BATCH_MAX && (b = store_begin (&c->store)))
        rc = add_to_batch (c, &payload, b);
    len = payload.len;
    if (rc < 0 || payload.err)
        errno = ENOMEM;
    else
        rc = c->ops.commit (c->arg, NULL, &payload);
    buf_fini (&payload);
    if (rc < 0)
        return -1;
    c->flight = FLIGHT_BATCH;
    c->written += len;
    return 0;
}

static int send_synced (struct content *c)
{
    struct synced *s = list_first (&c->syncs, struct synced, node);
    bool own = s->own.len > 0;
    struct buf came = { .data = (char *)s->payload, .len = s->len };

    if (c->ops.commit (c->arg, own ? NULL : s->token, own ? &s->own : &came) < 0)
        return -1;
    c->flight = FLIGHT_SYNCED;
    c->written += s->len;
    if (own) { /* it is gone, and has no blobs */
        s->payload = NULL;
        s->len = 0;
    }
    return 0;
}

/* Blobs may wait for the timer unless somebody waits for them. */
static bool in_a_hurry (const struct content *c)
{
    return !list_empty (&c->syncs) || !list_empty (&c->flushes)
           || (c->errnum == 0 && unwritten (c) > DIRTY_EARLY);
}

static void advance (struct content *c, bool now)
{
    bool dirty = c->store.count[BLOB_DIRTY] > 0;
    int errnum;

    if (!c->opts.leader || !c->backing || c->flight != FLIGHT_NONE)
        return;
    if (dirty && (now || in_a_hurry (c))) {
        if (send_batch (c) < 0) {
            errnum = errno;
            finish_batch (c, false);
            store_failed (c, errnum, NULL);
        }
    } else if (!list_empty (&c->syncs)) {
        if (send_synced (c) < 0)
            store_failed (c, errno, NULL);
    } else if (dirty && !c->timing) {
        start_timer (c, c->errnum ? c->retry_delay : FLUSH_DELAY);
    }
}

/* A batch that has to be answered by the store. */
static struct synced *synced_create (void *token, const void *payload, size_t len)
{
    struct synced *s;

    if ((s = calloc (1, sizeof (*s)))) {
        list_init (&s->node);
        buf_init (&s->own);
        s->token = token;
        s->payload = payload;
        s->len = len;
    }
    return s;
}

static int queue_checkpoint (struct content *c, void *token, const char *json)
{
    struct synced *s;

    if (!(s = synced_create (token, NULL, 0)))
        return -1;
    blobs_begin (&s->own, c->digest_size, BLOBS_SYNC);
    blobs_checkpoint (&s->own, json);
    if (s->own.err) {
        synced_destroy (s);
        errno = ENOMEM;
        return -1;
    }
    s->payload = s->own.data;
    s->len = s->own.len;
    s->checkpoint = true;
    list_append (&c->syncs, &s->node);
    return 0;
}

/* What was kept here goes down as soon as all is there that it may name. */
static void queue_kept_checkpoint (struct content *c)
{
    if (c->checkpoint && list_empty (&c->syncs)
        && queue_checkpoint (c, NULL, c->checkpoint) < 0)
        start_timer (c, FLUSH_DELAY);
}

void content_timeout (struct content *c)
{
    c->timing = false;
    if (c->backing)
        queue_kept_checkpoint (c);
    advance (c, true);
}

/* Commits */

struct batch_info {
    bool synced, checkpoint, fsync;
};

/* Before anything of it is taken. */
static int check_batch (struct content *c, const void *payload, size_t len,
                        struct batch_info *info)
{
    struct blobs_reader r;
    struct blobs_entry e;
    int rc;

    memset (info, 0, sizeof (*info));
    if (blobs_read (&r, payload, len) < 0)
        return -1;
    if (r.digest_size != c->digest_size || !c->opts.leader) {
        errno = EPROTO;
        return -1;
    }
    while ((rc = blobs_next (&r, &e)) == 1) {
        if (e.kind == 'B' && e.len > c->opts.blob_max) {
            errno = EFBIG;
            return -1;
        }
        info->checkpoint = info->checkpoint || e.kind == 'C';
    }
    info->fsync = (r.flags & BLOBS_FSYNC) != 0;
    info->synced = info->checkpoint || (r.flags & (BLOBS_SYNC | BLOBS_FSYNC));
    return rc;
}

/* Undo: what the first `count` blobs of a payload took. */
static void give_back (struct content *c, const void *payload, size_t len, size_t count,
                       void (*fn) (struct store *s, const void *digest))
{
    struct blobs_reader r;
    struct blobs_entry e;

    if (blobs_read (&r, payload, len) == 0)
        while (count > 0 && blobs_next (&r, &e) == 1)
            if (e.kind == 'B') {
                fn (&c->store, e.digest);
                count--;
            }
}

/* Most of a large payload stays where it is; what is small is copied. */
static struct bytes_of bytes_of (struct content *c, void *token, size_t payload_len,
                                 const void *data, size_t len)
{
    struct bytes_of from = { data, len, NULL };

    if (c->ops.ref && len >= KEEP_MIN && len >= payload_len / 2)
        from.owner = c->ops.ref (c->arg, token);
    return from;
}

typedef struct blob *(*take_f) (struct store *s, const void *digest,
                                struct bytes_of from);

static int take_blobs (struct content *c, void *token, const void *payload, size_t len,
                       bool synced)
{
    take_f take = synced ? store_hold : store_ref;
    struct blobs_reader r;
    struct blobs_entry e;
    size_t count = 0;

    if (blobs_read (&r, payload, len) < 0)
        return -1;
    while (blobs_next (&r, &e) == 1) {
        if (e.kind == 'B') {
            if (!take (&c->store, e.digest, bytes_of (c, token, len, e.data, e.len))) {
                give_back (c, payload, len, count,
                           synced ? store_release : store_unref);
                errno = ENOMEM;
                return -1;
            }
            count++;
        } else if (e.kind == 'P') {
            store_pin (&c->store);
        }
    }
    return 0;
}

static int keep_checkpoint (struct content *c, const char *json)
{
    char *copy;

    if (!(copy = strdup (json)))
        return -1;
    free (c->checkpoint);
    c->checkpoint = copy;
    return 0;
}

/* Without a backing store. */
static int take_checkpoint (struct content *c, const void *payload, size_t len)
{
    struct blobs_reader r;
    struct blobs_entry e;

    if (blobs_read (&r, payload, len) < 0)
        return -1;
    while (blobs_next (&r, &e) == 1)
        if (e.kind == 'C' && keep_checkpoint (c, e.data) < 0)
            return -1;
    return 0;
}

static int commit_synced (struct content *c, void *token, const void *payload,
                          size_t len, const struct batch_info *info)
{
    struct synced *s;

    if (!(s = synced_create (token, payload, len)))
        return -1;
    if (take_blobs (c, token, payload, len, true) < 0) {
        synced_destroy (s);
        errno = ENOMEM;
        return -1;
    }
    s->checkpoint = info->checkpoint;
    list_append (&c->syncs, &s->node);
    advance (c, false);
    return 0;
}

static int commit_behind (struct content *c, void *token, const void *payload,
                          size_t len, const struct batch_info *info)
{
    if ((info->checkpoint && take_checkpoint (c, payload, len) < 0)
        || take_blobs (c, token, payload, len, false) < 0)
        return -1;
    apply_superseded (c, payload, len);
    advance (c, false);
    if (!c->backing || unwritten (c) < DIRTY_MAX)
        answer (c, token, 0, NULL);
    else if (c->errnum || !keep_token (&c->held, token))
        answer (c, token, c->errnum, NULL);
    return 0;
}

void content_commit (struct content *c, void *token, const void *payload, size_t len)
{
    struct batch_info info;

    if (check_batch (c, payload, len, &info) < 0)
        answer (c, token, errno, NULL);
    else if (info.fsync && !c->backing)
        answer (c, token, ENOTSUP, "there is no backing store to sync to");
    else if ((info.synced && c->backing ? commit_synced (c, token, payload, len, &info)
                                        : commit_behind (c, token, payload, len, &info))
             < 0)
        answer (c, token, errno, NULL);
}

void content_checkpoint (struct content *c, void *token, const char *json)
{
    if (!c->backing) {
        if (keep_checkpoint (c, json) < 0)
            answer (c, token, errno, NULL);
        else
            answer (c, token, 0, NULL);
    } else if (queue_checkpoint (c, token, json) < 0) {
        answer (c, token, errno, NULL);
    } else {
        advance (c, false);
    }
}

/* Storing one blob */

static void store_above (struct content *c, void *token, const void *data, size_t len)
{
    struct token *t;

    if (!(t = keep_token (&c->stores, token))) {
        answer (c, token, ENOMEM, NULL);
    } else if (c->ops.store (c->arg, token, data, len) < 0) {
        int errnum = errno;

        list_remove (&t->node);
        free (t);
        answer (c, token, errnum, NULL);
    }
}

static bool forget_store (struct content *c, const void *token)
{
    list_foreach (&c->stores, it) {
        struct token *t = container_of (it, struct token, node);

        if (t->token == token) {
            list_remove (&t->node);
            free (t);
            return true;
        }
    }
    return false;
}

void content_stored (struct content *c, void *token, int errnum, const char *text,
                     const void *data, size_t len, const void *digest,
                     size_t digest_len)
{
    if (!forget_store (c, token))
        return;
    if (errnum == 0
        && (digest_len != c->digest_size || is_damaged (c, digest, data, len))) {
        errnum = EBADMSG;
        text = "the parent answered with the digest of something else";
    }
    if (errnum == 0) {
        store_clean (&c->store, digest, (struct bytes_of){ data, len, NULL });
        c->ops.respond (c->arg, token, 0, NULL, digest, digest_len);
    } else {
        answer (c, token, errnum, text);
    }
    if (list_empty (&c->stores))
        answer_all (c, &c->flushes, 0, NULL);
}

void content_store (struct content *c, void *token, const void *data, size_t len)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    if (len > c->opts.blob_max) {
        answer (c, token, EFBIG, NULL);
    } else if (!c->opts.leader) {
        store_above (c, token, data, len);
    } else if (c->errnum && unwritten (c) >= DIRTY_MAX) {
        answer (c, token, c->errnum, NULL);
    } else if (digest_hash (c->opts.digest, data, len, digest) < 0
               || !store_keep (&c->store, digest,
                               bytes_of (c, token, len, data, len))) {
        answer (c, token, ENOMEM, NULL);
    } else {
        c->ops.respond (c->arg, token, 0, NULL, digest, c->digest_size);
        advance (c, false);
    }
}

void content_flush (struct content *c, void *token)
{
    if (c->opts.leader && !c->backing) {
        answer (c, token, ENOSYS, NULL);
    } else if (c->opts.leader ? is_saved (c) : list_empty (&c->stores)) {
        answer (c, token, 0, NULL);
    } else if (!keep_token (&c->flushes, token)) {
        answer (c, token, ENOMEM, NULL);
    } else if (c->opts.leader) {
        queue_kept_checkpoint (c);
        advance (c, false);
    }
}

/* The rest */

void content_set_backing (struct content *c, bool present)
{
    c->backing = present;
    content_collect (c, false);
    if (present) {
        c->errnum = 0;
        c->retry_delay = 0.;
        queue_kept_checkpoint (c);
        advance (c, false);
    } else if (c->flight == FLIGHT_NONE) {
        store_gone (c);
    }
}

void content_collect (struct content *c, bool on)
{
    if (c->store.renew != on)
        store_set_renew (&c->store, on);
}

bool content_has (struct content *c, const void *digest)
{
    return store_lookup (&c->store, digest) != NULL;
}

const char *content_kept_checkpoint (const struct content *c)
{
    return c->checkpoint;
}

void content_tick (struct content *c)
{
    store_tick (&c->store, CLEAN_AGE, STALE_AGE);
}

void content_drop_clean (struct content *c)
{
    store_drop_clean (&c->store);
}

void content_get_stats (const struct content *c, struct content_stats *st)
{
    memset (st, 0, sizeof (*st));
    for (int i = 0; i < 4; i++) {
        st->count += c->store.count[i];
        st->bytes += c->store.bytes[i];
    }
    st->dirty = c->store.count[BLOB_DIRTY] + c->store.count[BLOB_STORING];
    st->batches = c->flight != FLIGHT_NONE;
    st->errnum = c->errnum;
    st->written = c->written;
}

struct content *content_create (const struct content_options *opts,
                                const struct content_ops *ops, void *arg)
{
    struct content *c;

    if (!(c = calloc (1, sizeof (*c))))
        return NULL;
    c->opts = *opts;
    c->ops = *ops;
    c->arg = arg;
    c->digest_size = digest_size (opts->digest);
    list_init (&c->syncs);
    list_init (&c->flushes);
    list_init (&c->held);
    list_init (&c->stores);
    buf_init (&c->batch);
    if (store_init (&c->store, c->digest_size,
                    opts->leader ? CLEAN_MAX_LEADER : CLEAN_MAX_FOLLOWER, STALE_MAX,
                    ops->unref)
            < 0
        || !(c->loads = hashmap_create (load_destroy))) {
        content_destroy (c);
        return NULL;
    }
    return c;
}

static void destroy_loads (struct content *c)
{
    size_t pos = 0;
    void *value;

    while (hashmap_next (c->loads, &pos, NULL, &value))
        drop_tokens (c, &((struct load *)value)->waiters);
    hashmap_destroy (c->loads);
}

void content_destroy (struct content *c)
{
    int saved_errno = errno;

    if (!c)
        return;
    list_foreach (&c->syncs, it) {
        struct synced *s = container_of (it, struct synced, node);

        if (s->token)
            c->ops.drop (c->arg, s->token);
        synced_destroy (s);
    }
    drop_tokens (c, &c->flushes);
    drop_tokens (c, &c->held);
    drop_tokens (c, &c->stores);
    if (c->loads)
        destroy_loads (c);
    store_fini (&c->store);
    buf_fini (&c->batch);
    free (c->checkpoint);
    free (c);
    errno = saved_errno;
}
