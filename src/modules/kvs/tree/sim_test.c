/* A simulated cluster: a leader, followers, the content service and its disk, and
 * clients, in one process; leader, followers and content are the real cores. What happens next is drawn from a seed: which channel
 * (in order for each pair of peers) moves on, who sends what, when the disk fails,
 * when all brokers are killed and start again from what the disk holds.
 *
 *   sim_test [FIRST [COUNT]]   these seeds; without, some of them
 *
 * What must hold, whatever the seed:
 *  - what was acknowledged is there after a crash, what was refused never is;
 *  - a transaction is there as a whole, to every reader, on every rank;
 *  - ordered commits of a sender are applied as a prefix;
 *  - what can never be stored is refused, and is no failure of the store;
 *  - a reader sees what its rank knew when it asked, or newer;
 *  - a reader is done after as many loads as the way is long;
 *  - collections of garbage, which begin, go on and are cut off at any time, free
 *    nothing that any of these needs. */
#include "base/test.h"

#include "base/hashmap.h"
#include "core/kvs/blobs.h"
#include "core/kvs/collect/mark.h"
#include "leader.h"
#include "modules/content/core.h"
#include "reading.h"
#include "versions.h"

#include <errno.h>
#include <flux/kvs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLLOWERS = 2, WRITERS = 4, KEYS = 60, WINDOW = 6, LOADS_MAX = 100 };
enum { BLOB_MAX = 7000 }; /* more than a directory of KEYS numbers */

static unsigned int seed, first_seed;

#define holds(cond)                                                                    \
    do {                                                                               \
        if (!(cond)) {                                                                 \
            fprintf (stderr, "seed %u: %s:%d: %s\n", first_seed, __FILE__, __LINE__,   \
                     #cond);                                                           \
            abort ();                                                                  \
        }                                                                              \
    } while (0)

static int draw (int n)
{
    return rand_r (&seed) % n;
}

/* Messages, in order */

enum kind { STORE, LOAD, LOADED, ROOT, ASK, COLLECT, FETCH };

struct letter {
    struct list node;
    enum kind kind;
    struct kvs_batch *batch;
    struct reader *reader;
    struct buf data;
    char ref[BLOBREF_MAX_SIZE];
    int64_t sequence;
    int errnum;
};

struct channel {
    struct list letters;
};

/* A request to content: a batch of the leader, or a blob for it (to NULL) or for a
 * follower. */
struct token {
    struct kvs_batch *batch;
    struct follower *to;
    bool fetch;                 /* for the collection */
    char ref[BLOBREF_MAX_SIZE]; /* empty: a batch */
    struct buf payload;
};

/* A commit of a writer. */
struct request {
    int writer;
    int n;
    bool ordered;
    bool unfit; /* more than a blob may be */
    struct buf payload;
};

struct writer {
    bool ordered;
    int sent;        /* the last that was sent */
    int pending;     /* in flight */
    int acked;       /* the highest that was acknowledged */
    int broken;      /* ordered: the first that was refused; 0: none */
    char fate[8192]; /* of each: '?' 'a' (acknowledged) 'r' (refused) */
};

struct reader {
    struct list node;
    struct kvs_reading read;
    int writer;
    int floor; /* what its rank knew when it asked */
    int loads;
    bool dir;
    bool asked; /* the leader answers it */
};

struct follower {
    struct kvs_cache *cache;
    char rootref[BLOBREF_MAX_SIZE];
    int64_t sequence;
    struct hashmap *loading;
    struct channel up, down;
    struct list readers;
    struct kvs_versions versions;
};

/* At the disk; see ARCHITECTURE.md, "Collection". */
enum collect_phase { IDLE, TELLING, ASKING, MARKING, SWEEPING };
struct collection {
    enum collect_phase phase;
    struct mark *mark;
    struct hashmap *marks; /* blobref -> kept or walked */
    struct channel asks, roots, fetched;
};

static char kept[] = "kept", walked[] = "walked";

static struct world {
    bool kept;
    size_t blob_max;
    struct digest *digest;
    struct hashmap *blobs; /* of the disk: blobref -> struct buf */
    struct content *content;
    bool content_timer;
    char checkpoint[BLOBREF_MAX_SIZE];
    int64_t checkpoint_sequence;
    bool disk_bad;
    int errnum; /* that it fails with */
    struct kvs_cache *cache;
    struct kvs_leader *leader;
    struct kvs_space *space;
    struct hashmap *loading;
    struct channel disk, written; /* content to it: batches and loads; the answers */
    struct collection collection;
    struct channel stored, loaded; /* content to the leader */
    struct channel loads;          /* leader to content */
    struct follower followers[FOLLOWERS];
    struct list readers; /* of the leader */
    struct writer writers[WRITERS];
    bool turn, probe, ill;
    int64_t acked_sequence;
    long answered, refused, unfit, looked_up, late, crashes, freed, collected;
} w;

static void channel_init (struct channel *c)
{
    list_init (&c->letters);
}

static struct letter *post (struct channel *c, enum kind kind)
{
    struct letter *l = calloc (1, sizeof (*l));

    l->kind = kind;
    list_append (&c->letters, &l->node);
    return l;
}

static void letter_destroy (struct letter *l)
{
    buf_fini (&l->data);
    free (l);
}

static void channel_clear (struct channel *c)
{
    while (!list_empty (&c->letters)) {
        struct letter *l = list_first (&c->letters, struct letter, node);

        list_remove (&l->node);
        letter_destroy (l);
    }
}

/* The disk: what is on it survives. */

static void blob_destroy (void *arg)
{
    buf_fini (arg);
    free (arg);
}

static void write_blob (const struct blobs_entry *e)
{
    char ref[BLOBREF_MAX_SIZE];
    struct buf *b;

    blobref_encode ("sha1", e->digest, 20, ref);
    if (w.collection.phase != IDLE && !hashmap_lookup (w.collection.marks, ref))
        hashmap_insert (w.collection.marks, ref, kept);
    if (hashmap_lookup (w.blobs, ref))
        return;
    b = calloc (1, sizeof (*b));
    buf_add (b, e->data, e->len);
    hashmap_insert (w.blobs, ref, b);
}

static void write_checkpoint (const char *json)
{
    const char *p = strstr (json, "\"rootref\":\""),
               *q = strstr (json, "\"sequence\":");

    holds (p && q);
    snprintf (w.checkpoint, sizeof (w.checkpoint), "%.45s", p + 11);
    w.checkpoint_sequence = atoll (q + 11);
}

static void write_batch (const struct buf *data)
{
    struct blobs_reader r;
    struct blobs_entry e;

    holds (blobs_read (&r, data->data, data->len) == 0);
    while (blobs_next (&r, &e) == 1) {
        if (e.kind == 'B')
            write_blob (&e);
        else if (e.kind == 'C')
            write_checkpoint (e.data);
    }
}

static void disk_step (void)
{
    struct letter *l = list_first (&w.disk.letters, struct letter, node), *a;
    struct buf *b;

    list_remove (&l->node);
    a = post (&w.written, l->kind);
    if (l->kind == STORE) {
        if (!(w.disk_bad && draw (10)))
            write_batch (&l->data);
        else
            a->errnum = w.errnum;
    } else {
        strcpy (a->ref, l->ref);
        if ((b = hashmap_lookup (w.blobs, l->ref)))
            buf_add (&a->data, b->data, b->len);
        else
            a->errnum = ENOENT;
    }
    letter_destroy (l);
}

static void fetch_for_collection (const char *ref);
static void told_begin (void);

/* What the disk says to content, in order. */
static void written_step (void)
{
    struct letter *l = list_first (&w.written.letters, struct letter, node);
    unsigned char digest[DIGEST_MAX_SIZE];

    list_remove (&l->node);
    if (l->kind == STORE) {
        content_committed (w.content, l->errnum, NULL);
    } else if (l->kind == COLLECT) {
        content_collect (w.content, l->sequence != 0);
        if (l->sequence)
            told_begin ();
    } else if (l->kind == FETCH) {
        fetch_for_collection (l->ref);
    } else {
        holds (blobref_decode (l->ref, digest) == 20);
        content_loaded (w.content, digest, l->errnum, NULL, l->data.data, l->data.len);
    }
    letter_destroy (l);
}

/* Collection */

static int mark_op (void *arg, const void *digest, bool dir, flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE], *was;

    blobref_encode ("sha1", digest, 20, ref);
    if (!hashmap_lookup (w.blobs, ref)) {
        errno = ENOENT;
        return -1;
    }
    was = hashmap_lookup (w.collection.marks, ref);
    if (was == walked || (was && !dir))
        return 0;
    hashmap_insert (w.collection.marks, ref, dir ? walked : kept);
    return dir;
}

static int load_op (void *arg, const void *digest, struct buf *out, flux_error_t *error)
{
    char ref[BLOBREF_MAX_SIZE];
    struct buf *b;

    blobref_encode ("sha1", digest, 20, ref);
    holds ((b = hashmap_lookup (w.blobs, ref)) != NULL);
    buf_reset (out);
    buf_add (out, b->data, b->len);
    return 0;
}

static const struct mark_ops mark_ops = { .mark = mark_op, .load = load_op };

static void begin_collection (void)
{
    struct collection *c = &w.collection;

    c->phase = TELLING;
    c->marks = hashmap_create (NULL);
    c->mark = mark_create (&mark_ops, NULL, w.digest);
    post (&w.written, COLLECT)->sequence = 1;
}

static void end_collection (void)
{
    struct collection *c = &w.collection;

    if (c->phase == IDLE)
        return;
    mark_destroy (c->mark);
    hashmap_destroy (c->marks);
    c->phase = IDLE;
}

static void told_begin (void)
{
    w.collection.phase = ASKING;
    post (&w.collection.asks, COLLECT);
}

static void fetch_for_collection (const char *ref)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    struct token *t = calloc (1, sizeof (*t));

    strcpy (t->ref, ref);
    t->fetch = true;
    holds (blobref_decode (ref, digest) == 20);
    content_load (w.content, t, digest);
}

static void walk (void)
{
    struct collection *c = &w.collection;
    flux_error_t error;
    const void *digest;
    struct letter *l;

    for (int i = 1 + draw (4); i > 0 && mark_step (c->mark, &error) > 0; i--)
        ;
    while (mark_wanted (c->mark, &digest)) {
        l = post (&w.written, FETCH);
        blobref_encode ("sha1", digest, 20, l->ref);
    }
    if (mark_is_done (c->mark)) {
        holds (mark_check (c->mark, &error) == 0);
        c->phase = SWEEPING;
    }
}

/* False: nothing is left. */
static bool sweep_one (void)
{
    const char *ref;
    size_t pos = 0;

    while (hashmap_next (w.blobs, &pos, &ref, NULL))
        if (!hashmap_lookup (w.collection.marks, ref)) {
            hashmap_remove (w.blobs, ref);
            w.freed++;
            return true;
        }
    return false;
}

static void sweep (void)
{
    for (int i = draw (8); i >= 0; i--)
        if (!sweep_one ()) {
            end_collection ();
            w.collected++;
            post (&w.written, COLLECT);
            return;
        }
}

static void fetched_step (void)
{
    struct letter *l = list_first (&w.collection.fetched.letters, struct letter, node);
    unsigned char digest[DIGEST_MAX_SIZE];
    flux_error_t error;

    list_remove (&l->node);
    holds (blobref_decode (l->ref, digest) == 20);
    holds (mark_found (w.collection.mark, digest, l->errnum ? NULL : l->data.data,
                       l->data.len, &error)
           == 0);
    letter_destroy (l);
}

static void root_for_collection (const char *ref, bool optional)
{
    struct letter *l = post (&w.collection.roots, ROOT);

    strcpy (l->ref, ref);
    l->sequence = optional;
}

/* The leader answers. */
static void asks_step (void)
{
    struct letter *l = list_first (&w.collection.asks.letters, struct letter, node);
    struct buf b = BUF_INIT;
    struct token *t = calloc (1, sizeof (*t));

    list_remove (&l->node);
    letter_destroy (l);
    blobs_begin (&b, 20, 0);
    blobs_pin (&b);
    t->payload = b;
    content_commit (w.content, t, b.data, b.len);
    root_for_collection (w.space->rootref, false);
    root_for_collection (w.space->tree->rootref, true);
    post (&w.collection.roots, COLLECT);
}

static void roots_step (void)
{
    struct letter *l = list_first (&w.collection.roots.letters, struct letter, node);
    struct collection *c = &w.collection;
    flux_error_t error;

    list_remove (&l->node);
    if (l->kind == ROOT) {
        holds (mark_root (c->mark, l->ref, l->sequence, &error) == 0);
    } else {
        if (w.checkpoint[0])
            holds (mark_root (c->mark, w.checkpoint, false, &error) == 0);
        c->phase = MARKING;
    }
    letter_destroy (l);
}

static void collection_step (void)
{
    struct collection *c = &w.collection;

    if (!list_empty (&c->asks.letters))
        asks_step ();
    else if (!list_empty (&c->roots.letters))
        roots_step ();
    else if (!list_empty (&c->fetched.letters))
        fetched_step ();
    else if (c->phase == MARKING)
        walk ();
    else if (c->phase == SWEEPING)
        sweep ();
    else if (c->phase == IDLE && list_empty (&w.written.letters) && draw (10) == 0)
        begin_collection ();
}

static void kill_collection (void)
{
    end_collection ();
    channel_clear (&w.collection.asks);
    channel_clear (&w.collection.roots);
    channel_clear (&w.collection.fetched);
}

/* Content's effects */

static int content_load_op (void *arg, const void *digest)
{
    blobref_encode ("sha1", digest, 20, post (&w.disk, LOAD)->ref);
    return 0;
}

static int content_commit_op (void *arg, void *token, struct buf *batch)
{
    struct letter *l;

    if (draw (400) == 0) {
        errno = ENOMEM;
        return -1;
    }
    l = post (&w.disk, STORE);
    buf_add (&l->data, batch->data, batch->len);
    if (!token)
        buf_fini (batch);
    return 0;
}

static void token_destroy (struct token *t)
{
    buf_fini (&t->payload);
    free (t);
}

static void content_respond (void *arg, void *token, int errnum, const char *text,
                             const void *data, size_t len)
{
    struct token *t = token;
    struct letter *l;

    if (t->ref[0]) {
        l = post (t->fetch ? &w.collection.fetched
                  : t->to  ? &t->to->down
                           : &w.loaded,
                  LOADED);
        strcpy (l->ref, t->ref);
        if (!errnum)
            buf_add (&l->data, data, len);
    } else {
        l = post (&w.stored, STORE);
        l->batch = t->batch;
    }
    l->errnum = errnum;
    token_destroy (t);
}

static void content_drop (void *arg, void *token)
{
    token_destroy (token);
}

static void content_timer (void *arg, double delay)
{
    w.content_timer = true;
}

static void content_log (void *arg, int level, const char *text)
{
}

static const struct content_ops content_ops = { .load = content_load_op,
                                                .commit = content_commit_op,
                                                .respond = content_respond,
                                                .drop = content_drop,
                                                .timer = content_timer,
                                                .log = content_log };

static void start_content (void)
{
    struct content_options opts = { true, w.digest, w.blob_max };

    holds ((w.content = content_create (&opts, &content_ops, NULL)) != NULL);
    content_set_backing (w.content, true);
}

/* What the disk was about to write is there, or is not. */
static void kill_content (void)
{
    content_destroy (w.content);
    list_foreach (&w.disk.letters, it) {
        struct letter *l = container_of (it, struct letter, node);

        if (l->kind == STORE && draw (2))
            write_batch (&l->data);
    }
    channel_clear (&w.disk);
    channel_clear (&w.written);
    kill_collection ();
    channel_clear (&w.stored);
    channel_clear (&w.loaded);
    w.content_timer = false;
}

static void content_timer_step (void)
{
    w.content_timer = false;
    content_timeout (w.content);
}

static void stored_step (void)
{
    struct letter *l = list_first (&w.stored.letters, struct letter, node);

    list_remove (&l->node);
    if (l->batch)
        kvs_leader_stored (l->batch, l->errnum, NULL);
    letter_destroy (l);
}

/* A blob for the leader, or for a follower. */
static void ask_content (const char *ref, struct follower *to)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    const char *data;
    struct token *t;
    size_t len;

    if (kvs_leader_unsent (w.leader, ref, &data, &len)) {
        struct letter *l = post (to ? &to->down : &w.loaded, LOADED);

        strcpy (l->ref, ref);
        buf_add (&l->data, data, len);
        return;
    }
    t = calloc (1, sizeof (*t));
    strcpy (t->ref, ref);
    t->to = to;
    holds (blobref_decode (ref, digest) == 20);
    content_load (w.content, t, digest);
}

static void load_into (struct kvs_cache *cache, const char *ref, struct letter *l)
{
    if (l->errnum)
        kvs_cache_insert_error (cache, ref, l->errnum);
    else
        kvs_cache_insert (cache, ref, l->data.data, l->data.len);
}

/* The leader's effects */

static int expected_floor (int writer)
{
    return w.writers[writer].acked;
}

static void answer (void *arg, void *req, const char *rootref, int64_t sequence)
{
    struct request *r = req;
    struct writer *wr = &w.writers[r->writer];

    if (r->n > 0) {
        holds (!r->unfit);
        holds (wr->fate[r->n] == '?');
        holds (!r->ordered || wr->fate[r->n - 1] != '?');
        holds (!r->ordered || !wr->broken || r->n < wr->broken);
        holds (sequence >= w.acked_sequence);
        w.acked_sequence = sequence;
        wr->fate[r->n] = 'a';
        if (r->n > wr->acked)
            wr->acked = r->n;
        wr->pending--;
    }
    w.answered++;
    buf_fini (&r->payload);
    free (r);
}

static void refuse (void *arg, void *req, int errnum, const char *text)
{
    struct request *r = req;
    struct writer *wr = &w.writers[r->writer];

    holds (errnum != 0);
    w.unfit += r->unfit && errnum == EFBIG;
    if (r->n > 0) {
        holds (wr->fate[r->n] == '?');
        wr->fate[r->n] = 'r';
        if (r->ordered && (!wr->broken || r->n < wr->broken))
            wr->broken = r->n;
        wr->pending--;
    }
    w.refused++;
    buf_fini (&r->payload);
    free (r);
}

static int store (void *arg, struct buf *blobs, struct kvs_batch *batch)
{
    struct token *t;

    if (draw (400) == 0) {
        errno = ENOMEM;
        return -1;
    }
    t = calloc (1, sizeof (*t));
    t->batch = batch;
    buf_add (&t->payload, blobs->data, blobs->len);
    content_commit (w.content, t, t->payload.data, t->payload.len);
    return 0;
}

static void advance (void *arg, struct kvs_space *s, const struct buf *changes)
{
    for (int i = 0; i < FOLLOWERS; i++) {
        struct letter *l = post (&w.followers[i].down, ROOT);

        strcpy (l->ref, s->rootref);
        l->sequence = s->sequence;
    }
}

static void health (void *arg, int errnum, const char *text)
{
    holds (errnum != EFBIG && errnum != EINVAL);
    holds (!w.ill || !errnum || errnum != kvs_leader_errnum (w.leader) || w.ill);
    w.ill = errnum != 0;
}

static void probe_after (void *arg, double seconds)
{
    holds (seconds >= PROBE_MIN && seconds <= PROBE_MAX);
    w.probe = true;
}

static void want_turn (void *arg)
{
    w.turn = true;
}

static double now (void *arg)
{
    return 1.5;
}

static bool loading (void *arg, const char *ref)
{
    return hashmap_lookup (w.loading, ref) != NULL;
}

static const struct kvs_leader_ops ops = { .answer = answer,
                                           .refuse = refuse,
                                           .store = store,
                                           .advance = advance,
                                           .health = health,
                                           .probe_after = probe_after,
                                           .want_turn = want_turn,
                                           .now = now,
                                           .loading = loading };

/* Readers */

static int find_leader (void *arg, const char *ns, struct kvs_root *root)
{
    *root = (struct kvs_root){ "primary", w.space->rootref, w.space->tree };
    return 0;
}

static int find_follower (void *arg, const char *ns, struct kvs_root *root)
{
    struct follower *f = arg;

    *root = (struct kvs_root){ "primary", f->rootref, NULL };
    return 0;
}

static int may_read_any (void *arg)
{
    return 0;
}

static int number_of (const char *text, size_t len)
{
    struct treetext t;
    struct buf b = BUF_INIT;
    int n;

    holds (treetext_parse (text, len, &t) == 0 && treetext_val_decode (&t, &b) == 0);
    n = atoi (b.data);
    buf_fini (&b);
    return n;
}

/* Each transaction of a writer sets a key and its twin to its number. */
static void check_dir (const struct buf *out)
{
    int value[KEYS];
    struct treetext t;
    struct span name, val, inner;
    size_t pos = 0;

    memset (value, 0, sizeof (value));
    holds (treetext_parse (out->data, out->len, &t) == 0);
    while (treetext_next (t.data, &pos, &name, &val) == 1) {
        struct treetext entry;

        holds (json_span_plain (name, &inner));
        holds (treetext_parse (val.s, val.len, &entry) == 0);
        if (entry.type == TREEOBJ_VAL)
            value[atoi (inner.s + 1)] = number_of (val.s, val.len);
    }
    for (int i = 0; i < KEYS / 2; i++)
        holds (value[i] == value[i + KEYS / 2]);
}

static void check_value (const struct reader *r, const struct buf *out)
{
    const struct writer *wr = &w.writers[r->writer];
    int n = number_of (out->data, out->len);

    holds (n >= r->floor);
    holds (n == 0 || wr->fate[n] != 'r');
}

static void reader_destroy (struct reader *r)
{
    list_remove (&r->node);
    kvs_reading_fini (&r->read);
    free (r);
}

/* Of a rank; f NULL: the leader's. */
static void read_on (struct reader *r, struct follower *f)
{
    struct kvs_roots roots = { .cache = f ? f->cache : w.cache,
                               .leader = !f,
                               .find = f ? find_follower : find_leader,
                               .may_read_any = may_read_any,
                               .arg = f };
    struct buf out = BUF_INIT;
    int flags = r->dir ? FLUX_KVS_READDIR : 0;

    size_t missing = kvs_cache_missing_count (roots.cache);

    if (kvs_reading_run (&r->read, &roots, flags, &out) == 0) {
        if (r->dir)
            check_dir (&out);
        else
            check_value (r, &out);
        w.looked_up++;
        reader_destroy (r);
    } else if (errno == ESTALE) {
        holds (f && (!w.kept || w.freed));
        w.late++;
        r->asked = true;
        post (&f->up, ASK)->reader = r;
    } else if (errno == ENOENT) {
        holds (r->floor == 0);
        reader_destroy (r);
    } else {
        int errnum = errno, cause = 0;
        const char *ref = kvs_cache_failed (roots.cache, &cause);

        for (size_t i = missing; i < kvs_cache_missing_count (roots.cache); i++)
            if (!hashmap_lookup (f ? f->loading : w.loading,
                                 kvs_cache_missing (roots.cache, i)))
                r->loads++;
        holds (r->loads < LOADS_MAX);
        if (errnum != EAGAIN)
            fprintf (stderr, "%s %s: %s, blob %s: %s, kept %d\n",
                     f ? "follower" : "leader", r->read.key, strerror (errnum),
                     ref ? ref : "-", strerror (cause), w.kept);
        holds (errnum == EAGAIN);
    }
    buf_fini (&out);
}

static void run_readers (struct list *readers, struct follower *f)
{
    list_foreach (readers, it) {
        struct reader *r = container_of (it, struct reader, node);

        if (!r->asked)
            read_on (r, f);
    }
}

static void start_reader (struct follower *f)
{
    struct reader *r = calloc (1, sizeof (*r));

    list_init (&r->node);
    r->writer = draw (WRITERS);
    r->dir = draw (3) == 0;
    r->read.ns = strdup ("primary");
    holds (asprintf (&r->read.key,
                     r->dir     ? "w%d.d"
                     : draw (2) ? "w%d.deep.er.and.deep.er.x"
                                : "w%d.big",
                     r->writer)
           > 0);
    /* Whoever waits for the version of an answer sees what was answered. */
    if (!f || f->sequence >= w.acked_sequence)
        r->floor = expected_floor (r->writer);
    list_append (f ? &f->readers : &w.readers, &r->node);
    read_on (r, f);
}

static void ask_missing (struct kvs_cache *cache, struct hashmap *loading,
                         struct channel *to)
{
    for (size_t i = 0; i < kvs_cache_missing_count (cache); i++) {
        const char *ref = kvs_cache_missing (cache, i);

        if (hashmap_lookup (loading, ref))
            continue;
        hashmap_insert (loading, ref, loading);
        strcpy (post (to, LOAD)->ref, ref);
    }
    kvs_cache_missing_clear (cache);
}

static void leader_loads_step (void)
{
    struct letter *l = list_first (&w.loads.letters, struct letter, node);

    list_remove (&l->node);
    ask_content (l->ref, NULL);
    letter_destroy (l);
}

static void leader_loaded_step (void)
{
    struct letter *l = list_first (&w.loaded.letters, struct letter, node);

    list_remove (&l->node);
    load_into (w.cache, l->ref, l);
    hashmap_remove (w.loading, l->ref);
    letter_destroy (l);
    run_readers (&w.readers, NULL);
    kvs_leader_turn (w.leader);
    kvs_cache_clear_errors (w.cache);
}

static void up_step (struct follower *f)
{
    struct letter *l = list_first (&f->up.letters, struct letter, node);

    list_remove (&l->node);
    if (l->kind == LOAD) {
        ask_content (l->ref, f);
    } else { /* the leader reads for it */
        list_remove (&l->reader->node);
        list_append (&w.readers, &l->reader->node);
        l->reader->asked = false;
        l->reader->loads = 0;
        read_on (l->reader, NULL);
    }
    letter_destroy (l);
}

static void down_step (struct follower *f)
{
    struct letter *l = list_first (&f->down.letters, struct letter, node);
    int *waits_for;

    list_remove (&l->node);
    if (l->kind == LOADED) {
        load_into (f->cache, l->ref, l);
        hashmap_remove (f->loading, l->ref);
        run_readers (&f->readers, f);
        kvs_cache_clear_errors (f->cache);
    } else if (l->sequence > f->sequence) {
        strcpy (f->rootref, l->ref);
        f->sequence = l->sequence;
        while ((waits_for = kvs_versions_pop (&f->versions, f->sequence))) {
            holds (*waits_for <= f->sequence);
            free (waits_for);
            start_reader (f);
        }
    }
    letter_destroy (l);
}

static void wait_version (struct follower *f)
{
    int *version = malloc (sizeof (*version));

    *version = w.acked_sequence;
    if (*version <= f->sequence)
        free (version);
    else
        holds (kvs_versions_add (&f->versions, *version, version) == 0);
}

/* Writers */

static void write_number (flux_kvs_txn_t *txn, int writer, const char *key, int n)
{
    char path[64], value[32];

    snprintf (path, sizeof (path), "w%d.%s", writer, key);
    snprintf (value, sizeof (value), "%d", n);
    flux_kvs_txn_put (txn, 0, path, value);
}

/* A value, or a directory of small ones, that is more than BLOB_MAX. */
static void write_unfit (flux_kvs_txn_t *txn, int writer)
{
    int n = draw (2) ? 1 : 8;
    char key[64], data[BLOB_MAX + 1];

    memset (data, 'x', sizeof (data));
    for (int i = 0; i < n; i++) {
        snprintf (key, sizeof (key), "w%d.unfit.k%d", writer, i);
        flux_kvs_txn_put_raw (txn, 0, key, data, n == 1 ? BLOB_MAX + 1 : 1000);
    }
}

/* What was there before comes back: values, and a directory. */
static void write_again (flux_kvs_txn_t *txn, int writer)
{
    char key[64], data[2000];

    memset (data, 'a' + writer * 2 + draw (2), sizeof (data));
    snprintf (key, sizeof (key), "w%d.again.value", writer);
    flux_kvs_txn_put_raw (txn, 0, key, data, sizeof (data));
    write_number (txn, writer, "again.dir.on.x", draw (2));
    memset (data, 'A' + writer, sizeof (data));
    snprintf (key, sizeof (key), "w%d.again.dir.on.y", writer);
    flux_kvs_txn_put_raw (txn, 0, key, data, sizeof (data));
}

static void send_commit (int i)
{
    struct writer *wr = &w.writers[i];
    struct request *r;
    flux_kvs_txn_t *txn;
    struct kvs_txn_reader reader;
    char big[3000], key[32], sender[16];
    int flags = wr->ordered ? KVS_TXN_ORDERED : 0, k = draw (KEYS / 2);

    if (wr->pending >= WINDOW || wr->sent + 2 >= (int)sizeof (wr->fate))
        return;
    snprintf (sender, sizeof (sender), "writer%d", i);
    if (wr->broken && wr->pending == 0) {
        kvs_leader_order_reset (w.leader, sender);
        wr->broken = 0;
    }
    r = calloc (1, sizeof (*r));
    r->writer = i;
    r->n = ++wr->sent;
    r->ordered = wr->ordered;
    wr->fate[r->n] = '?';
    wr->pending++;
    txn = flux_kvs_txn_create ();
    write_number (txn, i, "deep.er.and.deep.er.x", r->n);
    snprintf (key, sizeof (key), "d.k%d", k);
    write_number (txn, i, key, r->n);
    snprintf (key, sizeof (key), "w%d.big", i);
    memset (big, ' ', sizeof (big));
    snprintf (big, 32, "%d", r->n);
    flux_kvs_txn_put_raw (txn, 0, key, big, sizeof (big));
    write_again (txn, i);
    if (draw (20) == 0) /* refused for what it says, after it did something */
        flux_kvs_txn_put (txn, 0, ".", "bad");
    if ((r->unfit = w.blob_max == BLOB_MAX && draw (20) == 0))
        write_unfit (txn, i);
    snprintf (key, sizeof (key), "d.k%d", k + KEYS / 2);
    write_number (txn, i, key, r->n);
    flags |= draw (15) == 0 ? FLUX_KVS_SYNC : 0;
    flags |= draw (10) == 0 ? FLUX_KVS_NO_MERGE : 0;
    kvs_txn_encode (txn, "primary", flags, &r->payload);
    flux_kvs_txn_destroy (txn);
    holds (kvs_txn_read (&reader, r->payload.data, r->payload.len) == 0);
    kvs_leader_commit (w.space, r, sender, &reader, r->payload.len);
}

static void send_sync (void)
{
    kvs_leader_commit (w.space, calloc (1, sizeof (struct request)), "", NULL, 0);
}

/* Start, crash and end */

static void start_follower (struct follower *f)
{
    f->cache = kvs_cache_create (1 << 20);
    f->loading = hashmap_create (NULL);
    strcpy (f->rootref, w.space->rootref);
    f->sequence = w.space->sequence;
    channel_init (&f->up);
    channel_init (&f->down);
    list_init (&f->readers);
}

static void start (void)
{
    start_content ();
    do {
        w.cache = kvs_cache_create (1 << 20);
        w.leader =
            kvs_leader_create (&ops, NULL, w.cache, w.digest, w.kept, w.blob_max);
        w.space = kvs_space_create (w.leader, NULL, true,
                                    w.checkpoint[0] ? w.checkpoint : NULL,
                                    w.checkpoint_sequence);
        if (!w.space) {
            kvs_leader_destroy (w.leader);
            kvs_cache_destroy (w.cache);
        }
    } while (!w.space);
    w.loading = hashmap_create (NULL);
    w.acked_sequence = w.space->sequence;
    w.turn = w.probe = w.ill = false;
    list_init (&w.readers);
    for (int i = 0; i < FOLLOWERS; i++)
        start_follower (&w.followers[i]);
}

static void drop_readers (struct list *readers)
{
    while (!list_empty (readers))
        reader_destroy (list_first (readers, struct reader, node));
}

static void stop (void)
{
    int *version;

    for (int i = 0; i < FOLLOWERS; i++) {
        struct follower *f = &w.followers[i];

        drop_readers (&f->readers);
        channel_clear (&f->up);
        channel_clear (&f->down);
        while ((version = kvs_versions_pop (&f->versions, INT64_MAX)))
            free (version);
        kvs_versions_fini (&f->versions);
        hashmap_destroy (f->loading);
        kvs_cache_destroy (f->cache);
    }
    drop_readers (&w.readers);
    channel_clear (&w.loads);
    kill_content ();
    hashmap_destroy (w.loading);
}

/* What readers see, at the end or after a crash: nothing pending any more. */
static void check_all (void)
{
    for (int i = 0; i < WRITERS; i++) {
        struct reader r = { .writer = i, .floor = w.writers[i].acked };
        struct kvs_roots roots = { w.cache, true, find_leader, may_read_any, NULL };
        const char *keys[] = {
            "deep.er.and.deep.er.x", "big",           "d", "again.value",
            "again.dir.on.x",        "again.dir.on.y"
        };
        int last[2] = { 0, 0 };

        for (int k = 0; k < 6; k++) {
            struct buf out = BUF_INIT;
            int rc;

            r.read.ns = strdup ("primary");
            holds (asprintf (&r.read.key, "w%d.%s", i, keys[k]) > 0);
            while ((rc = kvs_reading_run (&r.read, &roots,
                                          k == 2 ? FLUX_KVS_READDIR : 0, &out))
                       < 0
                   && errno == EAGAIN) {
                ask_missing (w.cache, w.loading, &w.loads);
                while (!list_empty (&w.loads.letters))
                    leader_loads_step ();
                while (list_empty (&w.loaded.letters)) {
                    if (!list_empty (&w.disk.letters))
                        disk_step ();
                    written_step ();
                }
                leader_loaded_step ();
            }
            if (rc < 0) {
                holds (errno == ENOENT && r.floor == 0);
            } else if (k == 2) {
                check_dir (&out);
            } else if (k < 2) {
                check_value (&r, &out);
                last[k] = number_of (out.data, out.len);
            }
            buf_fini (&out);
            kvs_reading_fini (&r.read);
            memset (&r.read, 0, sizeof (r.read));
        }
        holds (last[0] == last[1]);
    }
}

static void crash (void)
{
    for (int i = 0; i < WRITERS; i++) {
        w.writers[i].pending = 0;
        w.writers[i].broken = 0;
    }
    /* Requests die with their senders: nobody is told anything. */
    for (int i = 0; i < WRITERS; i++)
        for (int n = 1; n <= w.writers[i].sent; n++)
            if (w.writers[i].fate[n] == '?')
                w.writers[i].fate[n] = 'c';
    stop ();
    w.crashes++;
}

static void step (void)
{
    struct follower *f = &w.followers[draw (FOLLOWERS)];

    switch (draw (13)) {
    case 0:
    case 1:
        send_commit (draw (WRITERS));
        break;
    case 2:
        if (draw (3) == 0)
            start_reader (f);
        break;
    case 3:
        if (draw (3) == 0)
            start_reader (NULL);
        break;
    case 4:
        wait_version (f);
        break;
    case 5:
        if (draw (2) && !list_empty (&w.disk.letters))
            disk_step ();
        else if (draw (2) && !list_empty (&w.written.letters))
            written_step ();
        else if (!list_empty (&w.stored.letters))
            stored_step ();
        else if (w.content_timer && draw (4) == 0)
            content_timer_step ();
        break;
    case 6:
        if (draw (2) && !list_empty (&w.loads.letters))
            leader_loads_step ();
        else if (!list_empty (&w.loaded.letters))
            leader_loaded_step ();
        break;
    case 7:
        if (!list_empty (&f->up.letters))
            up_step (f);
        break;
    case 8:
        if (!list_empty (&f->down.letters))
            down_step (f);
        break;
    case 9:
        if (w.turn) {
            w.turn = false;
            kvs_leader_turn (w.leader);
        }
        break;
    case 10:
        if (w.probe && draw (4) == 0) {
            w.probe = false;
            kvs_leader_probe (w.leader);
        }
        break;
    case 11:
        collection_step ();
        break;
    default:
        if (draw (60) == 0)
            w.disk_bad = !w.disk_bad;
        if (draw (40) == 0)
            send_sync ();
        if (draw (20) == 0) {
            content_tick (w.content);
            w.space->tree->lru.epoch += 3;
            kvs_tree_evict (w.space->tree, 1, draw (2) ? 0 : 1 << 20);
            kvs_cache_tick (f->cache, 0);
            kvs_cache_tick (w.cache, 0);
            run_readers (&f->readers, f); /* as any load would */
            run_readers (&w.readers, NULL);
        }
    }
    ask_missing (w.cache, w.loading, &w.loads);
    for (int i = 0; i < FOLLOWERS; i++)
        ask_missing (w.followers[i].cache, w.followers[i].loading, &w.followers[i].up);
}

static bool busy (void)
{
    bool b = w.turn || w.probe || !list_empty (&w.disk.letters)
             || !list_empty (&w.written.letters) || !list_empty (&w.stored.letters)
             || !list_empty (&w.loaded.letters) || !list_empty (&w.loads.letters)
             || !list_empty (&w.space->queue) || !list_empty (&w.readers);

    for (int i = 0; i < FOLLOWERS; i++)
        b = b || !list_empty (&w.followers[i].up.letters)
            || !list_empty (&w.followers[i].down.letters)
            || !list_empty (&w.followers[i].readers);
    return b;
}

/* The disk is well, nobody sends: all comes to its end. */
static void settle (void)
{
    int left = 200000;

    w.disk_bad = false;
    while (busy ()) {
        holds (left-- > 0);
        if (w.turn) {
            w.turn = false;
            kvs_leader_turn (w.leader);
        }
        if (w.probe && list_empty (&w.disk.letters)
            && list_empty (&w.written.letters)) {
            w.probe = false;
            kvs_leader_probe (w.leader);
        }
        if (w.content_timer)
            content_timer_step ();
        if (!list_empty (&w.disk.letters))
            disk_step ();
        if (!list_empty (&w.written.letters))
            written_step ();
        collection_step ();
        if (!list_empty (&w.stored.letters))
            stored_step ();
        if (!list_empty (&w.loads.letters))
            leader_loads_step ();
        if (!list_empty (&w.loaded.letters))
            leader_loaded_step ();
        for (int i = 0; i < FOLLOWERS; i++) {
            if (!list_empty (&w.followers[i].up.letters))
                up_step (&w.followers[i]);
            if (!list_empty (&w.followers[i].down.letters))
                down_step (&w.followers[i]);
            ask_missing (w.followers[i].cache, w.followers[i].loading,
                         &w.followers[i].up);
        }
        ask_missing (w.cache, w.loading, &w.loads);
    }
    for (int i = 0; i < WRITERS; i++)
        holds (w.writers[i].pending == 0);
    holds (!w.ill && kvs_leader_errnum (w.leader) == 0);
}

/* What is only in memory has to be known as such. */
static void forget_clean (void)
{
    content_drop_clean (w.content);
    kvs_cache_drop (w.cache);
    w.space->tree->lru.epoch++;
    kvs_tree_evict (w.space->tree, 0, 0);
}

/* Requests that the leader still holds are refused by it when it goes: nobody
 * hears that. */
static void kill_leader (void)
{
    struct writer saved[WRITERS];

    memcpy (saved, w.writers, sizeof (saved));
    kvs_leader_destroy (w.leader);
    kvs_cache_destroy (w.cache);
    memcpy (w.writers, saved, sizeof (saved));
}

static void run (unsigned int s)
{
    memset (&w, 0, sizeof (w));
    seed = first_seed = s;
    w.kept = draw (2);
    w.blob_max = draw (2) ? BLOB_MAX : BLOB_SIZE_MAX;
    w.errnum = draw (2) ? ENOSPC : EIO;
    w.digest = digest_create ("sha1");
    w.blobs = hashmap_create (blob_destroy);
    channel_init (&w.disk);
    channel_init (&w.written);
    channel_init (&w.collection.asks);
    channel_init (&w.collection.roots);
    channel_init (&w.collection.fetched);
    channel_init (&w.stored);
    channel_init (&w.loads);
    channel_init (&w.loaded);
    for (int i = 0; i < WRITERS; i++)
        w.writers[i].ordered = i % 2;
    start ();
    for (int lives = 1 + (w.kept ? draw (4) : 0); lives > 0; lives--) {
        for (int i = 200 + draw (1500); i > 0; i--)
            step ();
        if (lives > 1) {
            kill_leader ();
            crash ();
            start ();
            check_all ();
        }
    }
    settle ();
    forget_clean ();
    check_all ();
    kill_leader ();
    stop ();
    hashmap_destroy (w.blobs);
    digest_destroy (w.digest);
}

static void test_seeds (void **state)
{
    long answered = 0, refused = 0, looked_up = 0, late = 0, crashes = 0, unfit = 0;
    long freed = 0, collected = 0;

    for (unsigned int s = 200; s <= 500; s++) {
        run (s);
        answered += w.answered;
        refused += w.refused;
        unfit += w.unfit;
        looked_up += w.looked_up;
        late += w.late;
        crashes += w.crashes;
        freed += w.freed;
        collected += w.collected;
    }
    /* All that can happen has happened. */
    assert_true (answered > 1000 && refused > 1000 && looked_up > 1000);
    assert_true (late > 0 && crashes > 50 && unfit > 100);
    assert_true (freed > 1000 && collected > 100);
}

int main (int argc, char *argv[])
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (test_seeds) };

    hash_seed (1); /* a run is all in its own seed */
    if (argc > 1) {
        unsigned int from = atoi (argv[1]), count = argc > 2 ? atoi (argv[2]) : 1;

        for (unsigned int s = from; s < from + count; s++)
            run (s);
        printf ("%u seeds from %u: ok\n", count, from);
        return 0;
    }
    return cmocka_run_group_tests (tests, NULL, NULL);
}
