/* The leader by itself: what becomes of each request, in the state that the store put it
 * into. The test is the store, which answers when told. */
#include "base/test.h"
#include "core/kvs/blobs.h"
#include "leader.h"

#include <flux/kvs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQS 32
#define SENT 64

struct req {
    struct buf msg;
    int answers;
    int errnum;
    int64_t sequence;
    char text[160];
};

struct sim {
    struct digest *digest;
    struct kvs_cache *cache;
    struct kvs_leader *leader;
    struct kvs_space *space;
    struct req reqs[REQS];
    /* what the store has, and is asked */
    struct kvs_batch *asked[SENT];
    int asked_count;
    int stores, fail_at, fail_errno; /* the k-th call fails */
    bool answer_at_once;
    int flags; /* of the last batch */
    char checkpoint[256];
    /* what else the leader did */
    int advances, turns, healths;
    int health;
    char health_text[160];
    double probe; /* < 0: none */
    char changes[256];
    struct kvs_cache *disk; /* all blobs ever stored */
    const char *loading;    /* these references, one behind the other */
};

static void on_answer (void *arg, void *req, const char *rootref, int64_t sequence)
{
    struct req *r = req;

    assert_int_equal (++r->answers, 1);
    r->sequence = sequence;
}

static void on_refuse (void *arg, void *req, int errnum, const char *text)
{
    struct req *r = req;

    assert_int_equal (++r->answers, 1);
    assert_int_not_equal (errnum, 0);
    r->errnum = errnum;
    snprintf (r->text, sizeof (r->text), "%s", text ? text : "");
}

static int on_store (void *arg, struct buf *blobs, struct kvs_batch *batch)
{
    struct sim *s = arg;
    struct blobs_reader r;
    struct blobs_entry e;
    char ref[BLOBREF_MAX_SIZE];

    if (++s->stores == s->fail_at) {
        errno = s->fail_errno;
        return -1;
    }
    assert_int_equal (blobs_read (&r, blobs->data, blobs->len), 0);
    s->flags = r.flags;
    while (blobs_next (&r, &e) == 1) {
        if (e.kind == 'B') {
            blobref_encode ("sha1", e.digest, 20, ref);
            kvs_cache_insert (s->cache, ref, e.data, e.len);
            kvs_cache_insert (s->disk, ref, e.data, e.len);
        } else if (e.kind == 'C')
            snprintf (s->checkpoint, sizeof (s->checkpoint), "%s", e.data);
    }
    buf_fini (blobs);
    if (batch && s->answer_at_once)
        kvs_leader_stored (batch, 0, NULL);
    else if (batch)
        s->asked[s->asked_count++] = batch;
    return 0;
}

static void on_advance (void *arg, struct kvs_space *space, const struct buf *changes)
{
    struct sim *s = arg;
    struct kvs_change c;
    size_t pos = 0, len = 0;

    s->advances++;
    s->changes[0] = '\0';
    while (kvs_change_next (changes, &pos, &c))
        len += snprintf (s->changes + len, sizeof (s->changes) - len, "%s%s%s ",
                         c.deep ? "/" : "", c.key, c.append ? "+" : "");
}

static void on_health (void *arg, int errnum, const char *text)
{
    struct sim *s = arg;

    s->healths++;
    s->health = errnum;
    snprintf (s->health_text, sizeof (s->health_text), "%s", text ? text : "");
}

static void on_probe (void *arg, double seconds)
{
    ((struct sim *)arg)->probe = seconds;
}

static void on_turn (void *arg)
{
    ((struct sim *)arg)->turns++;
}

static double on_now (void *arg)
{
    return 1700000000.25;
}

static bool is_loading (void *arg, const char *ref)
{
    struct sim *s = arg;

    return s->loading && strstr (s->loading, ref);
}

static const struct kvs_leader_ops ops = {
    .answer = on_answer,
    .refuse = on_refuse,
    .store = on_store,
    .advance = on_advance,
    .health = on_health,
    .probe_after = on_probe,
    .want_turn = on_turn,
    .now = on_now,
    .loading = is_loading,
};

static void init (struct sim *s, bool kept, size_t blob_max)
{
    memset (s, 0, sizeof (*s));
    s->probe = -1.;
    s->digest = digest_create ("sha1");
    s->cache = kvs_cache_create (1 << 20);
    s->disk = kvs_cache_create (SIZE_MAX);
    s->leader = kvs_leader_create (&ops, s, s->cache, s->digest, kept, blob_max);
    assert_non_null (s->leader);
    s->space = kvs_space_create (s->leader, NULL, true, NULL, 0);
    assert_non_null (s->space);
    s->stores = 0;
}

static void fini (struct sim *s)
{
    kvs_leader_destroy (s->leader);
    kvs_cache_destroy (s->cache);
    kvs_cache_destroy (s->disk);
    digest_destroy (s->digest);
    for (int i = 0; i < REQS; i++)
        buf_fini (&s->reqs[i].msg);
}

/* Request i sets a key; sender: an ordered commit. */
static void put_in (struct sim *s, struct kvs_space *space, int i, const char *sender,
                    int flags, const char *key, const char *value)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    struct kvs_txn_reader r;
    struct req *q = &s->reqs[i];

    if (key)
        assert_int_equal (flux_kvs_txn_put (txn, 0, key, value), 0);
    kvs_txn_encode (txn, "primary", flags | (sender ? KVS_TXN_ORDERED : 0), &q->msg);
    flux_kvs_txn_destroy (txn);
    assert_int_equal (kvs_txn_read (&r, q->msg.data, q->msg.len), 0);
    kvs_leader_commit (space, q, sender ? sender : "nobody", &r, q->msg.len);
}

static void put (struct sim *s, int i, const char *sender, const char *key)
{
    put_in (s, s->space, i, sender, 0, key, "v");
}

/* The store answers the oldest question. */
static void stored (struct sim *s, int errnum, const char *text)
{
    struct kvs_batch *b = s->asked[0];

    assert_true (s->asked_count > 0);
    memmove (s->asked, s->asked + 1, --s->asked_count * sizeof (s->asked[0]));
    kvs_leader_stored (b, errnum, text);
}

static void expect (struct sim *s, int i, int errnum, int64_t sequence)
{
    assert_int_equal (s->reqs[i].answers, 1);
    assert_int_equal (s->reqs[i].errnum, errnum);
    if (!errnum)
        assert_int_equal (s->reqs[i].sequence, sequence);
}

static void waits (struct sim *s, int i)
{
    assert_int_equal (s->reqs[i].answers, 0);
}

/* Is it there, to a reader? */
static bool has (struct sim *s, const char *key)
{
    struct kvs_loader loader = kvs_tree_loader (s->space->tree);
    struct kvs_node *root = kvs_tree_root (s->space->tree);

    assert_non_null (root);
    return kvs_dir_find (root, key, strlen (key), &loader) != NULL;
}

/* --- Happy paths --- */

/* Where nothing is kept, a turn's commits are answered from memory, all with one
 * sequence. */
static void from_memory (void **state)
{
    struct sim s;

    init (&s, false, BLOB_SIZE_MAX);
    put (&s, 0, NULL, "a");
    put (&s, 1, NULL, "b");
    waits (&s, 0);
    assert_true (s.turns > 0);
    kvs_leader_turn (s.leader);
    expect (&s, 0, 0, 1);
    expect (&s, 1, 0, 1);
    assert_int_equal (s.asked_count, 0);
    assert_int_equal (s.advances, 1);
    assert_string_equal (s.changes, "a b ");
    put (&s, 2, NULL, "c");
    kvs_leader_turn (s.leader);
    expect (&s, 2, 0, 2);
    assert_true (has (&s, "a") && has (&s, "b") && has (&s, "c"));
    assert_int_equal (kvs_leader_stats (s.leader).transactions, 3);
    assert_int_equal (kvs_leader_stats (s.leader).commits, 2);
    assert_int_equal (kvs_leader_stats (s.leader).queued_bytes, 0);
    fini (&s);
}

/* Where it is kept, one batch is under way, and the next collects; nothing is seen
 * before the store has it. */
static void from_the_store (void **state)
{
    struct sim s;

    init (&s, true, BLOB_SIZE_MAX);
    put (&s, 0, NULL, "a");
    kvs_leader_turn (s.leader);
    put (&s, 1, NULL, "b");
    put (&s, 2, NULL, "c");
    kvs_leader_turn (s.leader);
    assert_int_equal (s.asked_count, 1);
    assert_int_equal (s.flags, BLOBS_SYNC);
    assert_non_null (
        strstr (s.checkpoint, "\"sequence\":1,\"timestamp\":1700000000.25"));
    waits (&s, 0);
    assert_false (has (&s, "a"));
    assert_int_equal (s.space->sequence, 0);
    stored (&s, 0, NULL);
    expect (&s, 0, 0, 1);
    assert_true (has (&s, "a"));
    kvs_leader_turn (s.leader);
    assert_int_equal (s.asked_count, 1);
    waits (&s, 1);
    stored (&s, 0, NULL);
    expect (&s, 1, 0, 2);
    expect (&s, 2, 0, 2);
    assert_int_equal (kvs_leader_stats (s.leader).unacked_bytes, 0);
    fini (&s);
}

/* A commit that changes nothing is answered with what is there, and makes no root. */
static void of_nothing (void **state)
{
    struct sim s;

    init (&s, true, BLOB_SIZE_MAX);
    put (&s, 0, NULL, NULL);
    kvs_leader_turn (s.leader);
    expect (&s, 0, 0, 0);
    assert_int_equal (s.advances, 0);
    assert_int_equal (s.asked_count, 0);
    /* but with FLUX_KVS_SYNC it waits for the disk */
    put_in (&s, s.space, 1, NULL, FLUX_KVS_SYNC, NULL, NULL);
    kvs_leader_turn (s.leader);
    waits (&s, 1);
    assert_int_equal (s.flags, BLOBS_SYNC | BLOBS_FSYNC);
    stored (&s, 0, NULL);
    expect (&s, 1, 0, 0);
    assert_true (s.space->checkpointed);
    /* as whoever only asks for a checkpoint */
    kvs_leader_commit (s.space, &s.reqs[2], NULL, NULL, 0);
    kvs_leader_turn (s.leader);
    stored (&s, 0, NULL);
    expect (&s, 2, 0, 0);
    fini (&s);
}

/* Which of a queue of commits share a batch: M merge, N alone (NO_MERGE), S sync. */
static void merged (void **state)
{
    static const struct {
        const char *queue;
        const char *sequences;
    } t[] = {
        { "MMM", "111" }, { "NNN", "123" }, { "MNM", "123" }, { "NM", "12" },
        { "MS", "12" },   { "SM", "12" },   { "SS", "11" },   { "MSSM", "1223" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        int n = strlen (t[i].queue);
        struct sim s;

        init (&s, false, BLOB_SIZE_MAX);
        s.answer_at_once = true;
        for (int k = 0; k < n; k++) {
            char key[2] = { 'a' + k, '\0' };
            int flags = t[i].queue[k] == 'N'   ? FLUX_KVS_NO_MERGE
                        : t[i].queue[k] == 'S' ? FLUX_KVS_SYNC
                                               : 0;

            put_in (&s, s.space, k, NULL, flags, key, "v");
        }
        for (int k = 0; k < n; k++)
            kvs_leader_turn (s.leader);
        for (int k = 0; k < n; k++)
            expect (&s, k, 0, t[i].sequences[k] - '0');
        fini (&s);
    }
}

/* Once content did not answer for much, it is asked to. */
static void asked_in_time (void **state)
{
    static char value[UNASKED_MAX / 2];
    struct sim s;

    init (&s, false, BLOB_SIZE_MAX);
    memset (value, 'x', sizeof (value) - 1);
    for (int i = 0; i < 5; i++) {
        value[0] = 'a' + i;
        put_in (&s, s.space, i, NULL, 0, "a", value);
        kvs_leader_turn (s.leader);
        expect (&s, i, 0, i + 1);
    }
    assert_int_equal (s.asked_count, 2);
    assert_true (kvs_leader_stats (s.leader).unacked_bytes > UNASKED_MAX / 2);
    stored (&s, 0, NULL);
    stored (&s, 0, NULL);
    assert_int_equal (kvs_leader_stats (s.leader).unacked_bytes, 0);
    fini (&s);
}

/* --- Refusals --- */

/* What cannot be applied is refused alone, in whatever company. */
static void refused_alone (void **state)
{
    struct sim s;

    init (&s, false, BLOB_SIZE_MAX);
    put (&s, 0, NULL, "a");
    put (&s, 1, NULL, ".");
    put (&s, 2, NULL, "c");
    kvs_leader_turn (s.leader);
    expect (&s, 0, 0, 1);
    expect (&s, 1, EINVAL, 0);
    expect (&s, 2, 0, 1);
    assert_true (has (&s, "a") && has (&s, "c"));
    assert_int_equal (kvs_leader_stats (s.leader).failed, 1);
    fini (&s);
}

static void too_large (void **state)
{
    char value[5000];
    struct sim s;

    init (&s, false, 4096);
    memset (value, 'x', sizeof (value));
    value[sizeof (value) - 1] = '\0';
    put (&s, 0, NULL, "a");
    put_in (&s, s.space, 1, NULL, 0, "b", value);
    put (&s, 2, NULL, "c");
    kvs_leader_turn (s.leader);
    expect (&s, 0, 0, 1);
    expect (&s, 1, EFBIG, 0);
    assert_non_null (strstr (s.reqs[1].text, "content.blob-size-limit is 4096"));
    expect (&s, 2, 0, 1);
    value[4096] = '\0'; /* as much as fits */
    put_in (&s, s.space, 3, NULL, 0, "b", value);
    kvs_leader_turn (s.leader);
    expect (&s, 3, 0, 2);
    fini (&s);
}

/* A directory that grows beyond the limit: it shows when it is hashed, and the one whose
 * fault it is is found by trying each alone. */
static void directory_too_large (void **state)
{
    char value[1000], key[8];
    struct sim s;

    init (&s, false, 4096);
    memset (value, 'x', sizeof (value));
    value[sizeof (value) - 1] = '\0';
    for (int i = 0; i < 6; i++) {
        snprintf (key, sizeof (key), "k%d", i);
        put_in (&s, s.space, i, NULL, 0, key, value);
    }
    put (&s, 6, NULL, "small");
    for (int i = 0; i < 10; i++)
        kvs_leader_turn (s.leader);
    for (int i = 0; i < 7; i++) {
        snprintf (key, sizeof (key), "k%d", i);
        assert_int_equal (s.reqs[i].answers, 1);
        assert_int_equal (has (&s, i == 6 ? "small" : key), s.reqs[i].errnum == 0);
    }
    expect (&s, 0, 0, 1);
    expect (&s, 5, EFBIG, 0);
    expect (&s, 6, 0, s.space->sequence);
    assert_int_equal (s.healths, 0); /* the store is well */
    fini (&s);
}

/* The store says so, and means one of them. */
static void unfit_by_the_store (void **state)
{
    static const int unfit[] = { EFBIG, EINVAL, EPROTO, EMSGSIZE, EOVERFLOW };

    for (size_t i = 0; i < sizeof (unfit) / sizeof (unfit[0]); i++) {
        struct sim s;

        init (&s, true, BLOB_SIZE_MAX);
        put (&s, 0, NULL, "a");
        put (&s, 1, "me", "b");
        put (&s, 2, NULL, "c");
        kvs_leader_turn (s.leader);
        stored (&s, unfit[i], "no");
        assert_int_equal (s.healths, 0);
        for (int k = 0; k < 3; k++) {
            waits (&s, k);
            kvs_leader_turn (s.leader);
            assert_int_equal (s.asked_count, 1);
            stored (&s, k == 1 ? unfit[i] : 0, "no");
        }
        expect (&s, 0, 0, 1);
        expect (&s, 1, unfit[i], 0);
        assert_string_equal (s.reqs[1].text, "no");
        expect (&s, 2, 0, 2);
        assert_true (has (&s, "a") && !has (&s, "b") && has (&s, "c"));
        assert_int_equal (kvs_leader_errnum (s.leader), 0);
        fini (&s);
    }
}

/* --- A store that fails --- */

static void ill (struct sim *s)
{
    init (s, true, BLOB_SIZE_MAX);
    put (s, 0, NULL, "a");
    kvs_leader_turn (s->leader);
    put (s, 1, NULL, "b"); /* waits behind it */
    put (s, 2, "me", "c"); /* ordered */
    stored (s, ENOSPC, "disk full");
}

static void falls_ill (void **state)
{
    struct sim s;

    ill (&s);
    expect (&s, 0, ENOSPC, 0);
    expect (&s, 1, ENOSPC, 0);
    assert_string_equal (s.reqs[1].text, "the store fails: disk full");
    waits (&s, 2);
    assert_int_equal (s.health, ENOSPC);
    assert_string_equal (s.health_text, "the store fails: disk full");
    assert_true (s.probe == PROBE_MIN);
    assert_false (has (&s, "a"));
    put (&s, 3, NULL, "d"); /* refused at once */
    expect (&s, 3, ENOSPC, 0);
    put (&s, 4, "me", "e"); /* but this waits, too */
    waits (&s, 4);
    kvs_leader_turn (s.leader);
    assert_int_equal (s.asked_count, 0); /* no turn while it is ill */
    kvs_leader_probe (s.leader);
    assert_int_equal (s.asked_count, 1);
    stored (&s, 0, NULL);
    assert_int_equal (s.health, 0);
    expect (&s, 2, 0, 1);
    expect (&s, 4, 0, 1);
    assert_true (has (&s, "c") && has (&s, "e") && !has (&s, "a"));
    put (&s, 5, NULL, "f");
    kvs_leader_turn (s.leader);
    stored (&s, 0, NULL);
    expect (&s, 5, 0, 2);
    assert_int_equal (kvs_leader_stats (s.leader).queued_bytes, 0);
    fini (&s);
}

/* Each probe later than the one before, up to a limit; a new errno is told, the same is
 * not. */
static void probes (void **state)
{
    struct sim s;
    double last = PROBE_MIN;

    ill (&s);
    for (int i = 0; i < 12; i++) {
        kvs_leader_probe (s.leader);
        assert_int_equal (s.asked_count, 1);
        stored (&s, ENOSPC, "disk full");
        assert_true (s.probe == (last * 2 < PROBE_MAX ? last * 2 : PROBE_MAX));
        last = s.probe;
    }
    assert_int_equal (s.healths, 1);
    kvs_leader_probe (s.leader);
    stored (&s, EIO, NULL);
    assert_int_equal (s.healths, 2);
    assert_string_equal (s.health_text, "the store fails: Input/output error");
    waits (&s, 2);
    kvs_leader_probe (s.leader);
    stored (&s, 0, NULL);
    expect (&s, 2, 0, 1);
    kvs_leader_probe (s.leader); /* a late timer does nothing */
    assert_int_equal (s.asked_count, 0);
    /* the next illness begins anew */
    put (&s, 3, NULL, "x");
    kvs_leader_turn (s.leader);
    stored (&s, EIO, NULL);
    assert_true (s.probe == PROBE_MIN);
    fini (&s);
}

/* Nothing waits: a checkpoint of what is there is tried. */
static void probe_of_nothing (void **state)
{
    struct sim s;

    init (&s, true, BLOB_SIZE_MAX);
    put (&s, 0, NULL, "a");
    kvs_leader_turn (s.leader);
    stored (&s, EIO, NULL);
    s.checkpoint[0] = '\0';
    kvs_leader_probe (s.leader);
    assert_int_equal (s.asked_count, 1);
    assert_non_null (strstr (s.checkpoint, "\"sequence\":0"));
    assert_non_null (strstr (s.checkpoint, s.space->rootref));
    kvs_leader_probe (s.leader); /* one at a time */
    assert_int_equal (s.asked_count, 1);
    /* an answer about what was asked, not about the store: it stays ill */
    stored (&s, EINVAL, NULL);
    assert_int_equal (kvs_leader_errnum (s.leader), EIO);
    kvs_leader_probe (s.leader);
    stored (&s, 0, NULL);
    assert_int_equal (kvs_leader_errnum (s.leader), 0);
    assert_int_equal (s.space->sequence, 0);
    fini (&s);
}

/* Where there is no store, or it does not matter, nobody else suffers from one who asks
 * for a sync. */
static void sync_fails (void **state)
{
    static const struct {
        bool kept;
        int errnum;
        bool ill;
    } t[] = {
        { false, ENOTSUP, false },
        { false, ENOSPC, false },
        { true, ENOTSUP, false },
        { true, ENOSPC, true },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct sim s;

        init (&s, t[i].kept, BLOB_SIZE_MAX);
        put_in (&s, s.space, 0, NULL, FLUX_KVS_SYNC, "a", "v");
        put (&s, 1, NULL, "b");
        kvs_leader_turn (s.leader);
        stored (&s, t[i].errnum, "no");
        expect (&s, 0, t[i].errnum, 0);
        assert_string_equal (s.reqs[0].text, "no");
        assert_false (has (&s, "a"));
        assert_int_equal (kvs_leader_errnum (s.leader), t[i].ill ? t[i].errnum : 0);
        assert_int_equal (s.healths, t[i].ill);
        kvs_leader_turn (s.leader);
        if (s.asked_count > 0)
            stored (&s, 0, NULL);
        expect (&s, 1, t[i].ill ? t[i].errnum : 0, 1);
        fini (&s);
    }
}

/* Content has what it was told, but wants no more: what is answered stays, what waits is
 * refused. */
static void no_more (void **state)
{
    static char value[UNASKED_MAX + 1];
    struct sim s;

    init (&s, false, BLOB_SIZE_MAX);
    memset (value, 'x', sizeof (value) - 1);
    put_in (&s, s.space, 0, NULL, 0, "a", value);
    kvs_leader_turn (s.leader);
    expect (&s, 0, 0, 1);
    put (&s, 1, NULL, "b");
    put (&s, 2, "me", "c");
    stored (&s, ENOSPC, "disk full");
    expect (&s, 1, ENOSPC, 0);
    waits (&s, 2);
    assert_int_equal (s.health, ENOSPC);
    assert_true (has (&s, "a"));
    kvs_leader_probe (s.leader);
    stored (&s, 0, NULL);
    assert_int_equal (s.health, 0);
    expect (&s, 2, 0, 2);
    assert_int_equal (s.space->sequence, 2);
    fini (&s);
}

/* A directory on the way cannot be loaded: the commit waits, or is refused and told
 * which blob it is. */
static void missing_blob (void **state)
{
    struct sim s;
    char ref[BLOBREF_MAX_SIZE];
    struct kvs_space *old;

    init (&s, false, BLOB_SIZE_MAX);
    put_in (&s, s.space, 0, NULL, 0, "d.x", "v");
    kvs_leader_turn (s.leader);
    old = s.space;
    s.space = kvs_space_create (s.leader, NULL, true, old->rootref, 1);
    kvs_space_destroy (old);
    kvs_cache_drop (s.cache);
    put_in (&s, s.space, 1, NULL, 0, "d.y", "v");
    kvs_leader_turn (s.leader);
    waits (&s, 1);
    assert_int_equal (kvs_cache_missing_count (s.cache), 1);
    assert_string_equal (kvs_cache_missing (s.cache, 0), s.space->rootref);
    strcpy (ref, kvs_cache_missing (s.cache, 0));
    kvs_cache_insert_error (s.cache, ref, ENOENT);
    kvs_leader_turn (s.leader);
    expect (&s, 1, EBADMSG, 0);
    assert_non_null (strstr (s.reqs[1].text, ref));
    assert_non_null (strstr (s.reqs[1].text, "missing"));
    kvs_cache_insert_error (s.cache, ref, EIO);
    put_in (&s, s.space, 2, NULL, 0, "d.y", "v");
    kvs_leader_turn (s.leader);
    expect (&s, 2, EIO, 0);
    assert_non_null (strstr (s.reqs[2].text, "Input/output error"));
    fini (&s);
}

/* A store of directories, none of which is in memory. */
static void start_cold (struct sim *s, const char *const *keys, int count)
{
    struct kvs_space *old;

    init (s, false, BLOB_SIZE_MAX);
    for (int i = 0; i < count; i++)
        put (s, i, NULL, keys[i]);
    kvs_leader_turn (s->leader);
    old = s->space;
    s->space = kvs_space_create (s->leader, NULL, true, old->rootref, old->sequence);
    kvs_space_destroy (old);
    kvs_cache_drop (s->cache);
    kvs_leader_turn (s->leader);
    s->stores = 0;
}

/* What is missing is asked for: added to s->loading, in `refs`. Returns how many. */
static int ask (struct sim *s, char *refs)
{
    int n = kvs_cache_missing_count (s->cache);

    for (int i = 0; i < n; i++)
        strcat (strcat (refs, " "), kvs_cache_missing (s->cache, i));
    kvs_cache_missing_clear (s->cache);
    s->loading = refs;
    return n;
}

/* What was asked for first has come, or (errnum) failed; then the leader's turn. */
static void load_one (struct sim *s, char *refs, int errnum)
{
    char ref[BLOBREF_MAX_SIZE] = "";
    const char *data;
    size_t len;

    assert_int_equal (sscanf (refs, " %63s", ref), 1);
    memmove (refs, refs + 1 + strlen (ref), strlen (refs) - strlen (ref));
    if (errnum)
        kvs_cache_insert_error (s->cache, ref, errnum);
    else if (kvs_cache_blob (s->disk, ref, &data, &len) == 0)
        kvs_cache_insert (s->cache, ref, data, len);
    kvs_leader_turn (s->leader);
}

/* Those behind one that has to wait ask for what they miss with it, also who comes
 * meanwhile, and all go on together. */
static void look_ahead (void **state)
{
    static const char *const keys[] = { "d.x", "e.w", "f.v", "g.u", "h" };
    struct sim s;
    char refs[1024] = "";

    start_cold (&s, keys, 5);
    put (&s, 5, NULL, "d.y");
    put (&s, 6, NULL, "e.y");
    put (&s, 7, NULL, "f.y");
    kvs_leader_turn (s.leader);
    assert_int_equal (ask (&s, refs), 1);
    assert_true (kvs_leader_holds (s.leader));
    load_one (&s, refs, 0); /* the root */
    assert_int_equal (ask (&s, refs), 3);
    load_one (&s, refs, 0);
    waits (&s, 5);
    put (&s, 8, NULL, "g.y");
    put (&s, 9, NULL, "h.i.j"); /* misses nothing */
    kvs_leader_turn (s.leader);
    assert_int_equal (ask (&s, refs), 1);
    load_one (&s, refs, 0);
    load_one (&s, refs, 0);
    waits (&s, 5);
    assert_true (kvs_leader_holds (s.leader));
    load_one (&s, refs, 0);
    for (int i = 5; i < 10; i++)
        expect (&s, i, 0, 2);
    assert_int_equal (s.stores, 1);
    assert_false (kvs_leader_holds (s.leader));
    fini (&s);
}

/* Who misses nothing does not wait for those behind him; a load that fails is only its
 * own commit's fault, whenever that is told. */
static void look_ahead_failing (void **state)
{
    static const char *const keys[] = { "d.x", "e.w", "f.v" };
    struct sim s;
    char refs[1024] = "";

    start_cold (&s, keys, 3);
    put (&s, 3, NULL, "d.y");
    kvs_leader_turn (s.leader);
    ask (&s, refs);
    load_one (&s, refs, 0);
    ask (&s, refs);
    load_one (&s, refs, 0);
    expect (&s, 3, 0, 2);
    put (&s, 4, NULL, "d.z");
    put (&s, 5, NULL, "e.y");
    put (&s, 6, NULL, "f.y");
    kvs_leader_turn (s.leader);
    expect (&s, 4, 0, 3);
    assert_int_equal (ask (&s, refs), 2);
    load_one (&s, refs, EIO);
    waits (&s, 5);
    put (&s, 7, NULL, "d.zz");
    load_one (&s, refs, 0);
    expect (&s, 5, EIO, 0);
    expect (&s, 6, 0, 4);
    expect (&s, 7, 0, 4);
    fini (&s);
}

/* While a batch is on its way to the store, what the next ones miss is asked for. */
static void look_ahead_of_store (void **state)
{
    static const char *const keys[] = { "d.x", "e.w" };
    struct sim s;
    char refs[1024] = "";

    start_cold (&s, keys, 2);
    put (&s, 2, NULL, "d.y");
    kvs_leader_turn (s.leader);
    ask (&s, refs);
    load_one (&s, refs, 0);
    ask (&s, refs);
    put_in (&s, s.space, 2 + 1, NULL, FLUX_KVS_SYNC, "s", "v");
    load_one (&s, refs, 0);
    expect (&s, 2, 0, 2);
    kvs_leader_turn (s.leader);
    waits (&s, 3);
    put (&s, 4, NULL, "e.y");
    kvs_leader_turn (s.leader);
    assert_int_equal (ask (&s, refs), 1);
    load_one (&s, refs, 0);
    waits (&s, 4);
    stored (&s, 0, NULL);
    kvs_leader_turn (s.leader);
    expect (&s, 3, 0, 3);
    expect (&s, 4, 0, 4);
    assert_int_equal (kvs_cache_missing_count (s.cache), 0);
    fini (&s);
}

/* --- Ordered commits: what was applied is a prefix --- */

static void order_broken (void **state)
{
    struct sim s;

    init (&s, false, BLOB_SIZE_MAX);
    put (&s, 0, "me", "a");
    put (&s, 1, "me", ".");
    put (&s, 2, "me", "c");
    put (&s, 3, "you", "d");
    kvs_leader_turn (s.leader);
    expect (&s, 0, 0, 1);
    expect (&s, 1, EINVAL, 0);
    expect (&s, 2, EINVAL, 0);
    assert_string_equal (s.reqs[2].text, "a commit before it was refused");
    expect (&s, 3, 0, 1);
    put (&s, 4, "me", "e"); /* until the sender has seen it */
    expect (&s, 4, EINVAL, 0);
    put (&s, 5, NULL, "f");
    kvs_leader_order_reset (s.leader, "you");
    put (&s, 6, "me", "g");
    expect (&s, 6, EINVAL, 0);
    kvs_leader_order_reset (s.leader, "me");
    put (&s, 7, "me", "h");
    kvs_leader_turn (s.leader);
    expect (&s, 5, 0, 2);
    expect (&s, 7, 0, 2);
    assert_true (!has (&s, "c") && !has (&s, "e") && !has (&s, "g") && has (&s, "h"));
    fini (&s);
}

/* More than may wait: refused, and so is what waits of the same sender. */
static void queue_bound (void **state)
{
    struct sim s;
    struct kvs_txn_reader r = { .ns = "primary", .flags = KVS_TXN_ORDERED };

    ill (&s);
    kvs_leader_commit (s.space, &s.reqs[3], "you", &r, QUEUE_BYTES_MAX / 2);
    waits (&s, 3);
    kvs_leader_commit (s.space, &s.reqs[4], "me", &r, QUEUE_BYTES_MAX / 2);
    expect (&s, 4, EAGAIN, 0);
    expect (&s, 2, EAGAIN, 0);
    waits (&s, 3);
    kvs_leader_commit (s.space, &s.reqs[5], "he", &r,
                       QUEUE_BYTES_MAX - kvs_leader_stats (s.leader).queued_bytes);
    waits (&s, 5);
    fini (&s);
    expect (&s, 3, ENOTSUP, 0);
    expect (&s, 5, ENOTSUP, 0);
}

/* --- Namespaces --- */

static void namespaces (void **state)
{
    struct kvs_space *other;
    struct sim s;

    init (&s, true, BLOB_SIZE_MAX);
    other = kvs_space_create (s.leader, NULL, false, NULL, 7);
    put_in (&s, other, 0, NULL, FLUX_KVS_SYNC, "a", "v");
    expect (&s, 0, ENOTSUP, 0);
    assert_non_null (strstr (s.reqs[0].text, "no checkpoint"));
    put_in (&s, other, 1, NULL, 0, "a", "v");
    put (&s, 2, NULL, "b");
    kvs_leader_turn (s.leader);
    expect (&s, 1, 0, 8); /* it is not kept, so it is answered from memory */
    waits (&s, 2);
    put_in (&s, other, 3, NULL, 0, "c", "v");
    kvs_space_destroy (other);
    expect (&s, 3, ENOTSUP, 0);
    stored (&s, 0, NULL);
    expect (&s, 2, 0, 1);
    fini (&s);
}

/* Whoever waits when the KVS ends is told, also if his batch is under way. */
static void the_end (void **state)
{
    struct sim s;
    struct kvs_batch *b;

    init (&s, true, BLOB_SIZE_MAX);
    put (&s, 0, NULL, "a");
    kvs_leader_turn (s.leader);
    put (&s, 1, NULL, "b");
    kvs_leader_end (s.leader);
    b = s.asked[0];
    *kvs_batch_aux (b) = &s;
    kvs_space_destroy (s.space);
    expect (&s, 0, ENOSYS, 0);
    assert_string_equal (s.reqs[0].text, KVS_ENDED);
    expect (&s, 1, ENOSYS, 0);
    assert_ptr_equal (*kvs_batch_aux (b), &s);
    stored (&s, 0, NULL); /* the answer finds nobody */
    assert_int_equal (kvs_leader_stats (s.leader).unacked_bytes, 0);
    fini (&s);
}

/* --- Content cannot be told: the root has moved, and nobody may know --- */

static void unsent (void **state)
{
    char ref[BLOBREF_MAX_SIZE];
    const char *data;
    struct sim s;
    size_t len;

    init (&s, false, BLOB_SIZE_MAX);
    s.fail_at = 1;
    s.fail_errno = ENOMEM;
    put (&s, 0, NULL, "a");
    kvs_leader_turn (s.leader);
    waits (&s, 0);
    assert_int_equal (s.advances, 0);
    assert_int_equal (s.health, ENOMEM);
    strcpy (ref, s.space->tree->rootref);
    assert_true (kvs_leader_unsent (s.leader, ref, &data, &len));
    assert_int_equal (strncmp (data, "{\"data\":{\"a\":", 13), 0);
    assert_false (kvs_leader_unsent (
        s.leader, "sha1-0123456789012345678901234567890123456789", &data, &len));
    s.fail_at = 2; /* and again */
    kvs_leader_probe (s.leader);
    waits (&s, 0);
    assert_true (s.probe == PROBE_MAX);
    kvs_leader_probe (s.leader);
    expect (&s, 0, 0, 1);
    assert_int_equal (s.advances, 1);
    assert_false (kvs_leader_unsent (s.leader, ref, &data, &len));
    if (s.asked_count)
        stored (&s, 0, NULL);
    assert_int_equal (kvs_leader_errnum (s.leader), 0);
    put (&s, 1, NULL, "b");
    kvs_leader_turn (s.leader);
    expect (&s, 1, 0, 2);
    fini (&s);
}

/* The namespace goes while its blobs wait. */
static void unsent_and_gone (void **state)
{
    struct sim s;

    for (int probed = 0; probed < 2; probed++) {
        init (&s, false, BLOB_SIZE_MAX);
        s.fail_at = 1;
        s.fail_errno = ENOMEM;
        put (&s, 0, NULL, "a");
        kvs_leader_turn (s.leader);
        kvs_space_destroy (s.space);
        expect (&s, 0, ENOSYS, 0);
        if (probed) {
            s.space = kvs_space_create (s.leader, NULL, true, NULL, 0);
            kvs_leader_probe (s.leader);
        }
        fini (&s);
    }
}

/* --- The k-th call of the store fails, with each errno, kept or not: each request has
 * one answer, and what readers see in the end is what was acknowledged --- */

static void fail_kth (bool kept, int k, int errnum, bool later)
{
    static const char *sender[] = { NULL, "me", NULL, "me", "you", NULL, "me", NULL };
    struct sim s;
    int rounds = 0, n = sizeof (sender) / sizeof (sender[0]);

    init (&s, kept, BLOB_SIZE_MAX);
    s.fail_at = later ? 0 : k;
    s.fail_errno = errnum;
    for (int i = 0; i < n; i++) {
        char key[2] = { 'a' + i, '\0' };

        put_in (&s, s.space, i, sender[i], i % 3 == 2 ? FLUX_KVS_SYNC : 0, key, "v");
        kvs_leader_turn (s.leader);
        if (s.asked_count > 0 && i % 2)
            stored (&s, later && ++rounds == k ? errnum : 0, NULL);
    }
    for (int i = 0; i < 40; i++) {
        if (s.asked_count > 0)
            stored (&s, later && ++rounds == k ? errnum : 0, NULL);
        kvs_leader_turn (s.leader);
        kvs_leader_probe (s.leader);
    }
    assert_int_equal (kvs_leader_errnum (s.leader), 0);
    assert_int_equal (kvs_leader_stats (s.leader).queued_bytes, 0);
    assert_int_equal (kvs_leader_stats (s.leader).unacked_bytes, 0);
    for (int i = 0; i < n; i++) {
        char key[2] = { 'a' + i, '\0' };

        assert_int_equal (s.reqs[i].answers, 1);
        assert_int_equal (has (&s, key), s.reqs[i].errnum == 0);
        /* of a sender's, what was applied is a prefix */
        for (int j = 0; j < i && sender[i]; j++)
            if (sender[j] && !strcmp (sender[i], sender[j]) && s.reqs[j].errnum)
                assert_int_not_equal (s.reqs[i].errnum, 0);
    }
    fini (&s);
}

static void each_call_fails (void **state)
{
    static const int errnums[] = { ENOSPC, ENOMEM, EFBIG, EPROTO, EIO };

    for (size_t e = 0; e < sizeof (errnums) / sizeof (errnums[0]); e++)
        for (int k = 0; k < 12; k++)
            for (int how = 0; how < 4; how++)
                fail_kth (how & 1, k, errnums[e], how & 2);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (from_memory),
        cmocka_unit_test (from_the_store),
        cmocka_unit_test (of_nothing),
        cmocka_unit_test (merged),
        cmocka_unit_test (asked_in_time),
        cmocka_unit_test (refused_alone),
        cmocka_unit_test (too_large),
        cmocka_unit_test (directory_too_large),
        cmocka_unit_test (unfit_by_the_store),
        cmocka_unit_test (falls_ill),
        cmocka_unit_test (probes),
        cmocka_unit_test (probe_of_nothing),
        cmocka_unit_test (sync_fails),
        cmocka_unit_test (no_more),
        cmocka_unit_test (missing_blob),
        cmocka_unit_test (look_ahead),
        cmocka_unit_test (look_ahead_failing),
        cmocka_unit_test (look_ahead_of_store),
        cmocka_unit_test (order_broken),
        cmocka_unit_test (queue_bound),
        cmocka_unit_test (namespaces),
        cmocka_unit_test (the_end),
        cmocka_unit_test (unsent),
        cmocka_unit_test (unsent_and_gone),
        cmocka_unit_test (each_call_fails),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
