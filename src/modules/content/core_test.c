/* The core of the content service, driven by a store that fails when told. */
#include "base/test.h"

#include "base/buf.h"
#include "base/hashmap.h"
#include "core.h"
#include "core/kvs/blobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS 4096

struct sim {
    struct digest *digest;
    struct content *core;
    struct hashmap *disk; /* blobref -> "" */
    char checkpoint[256]; /* on the disk */
    struct buf flight;    /* with the store */
    bool in_flight;
    bool refuse;         /* to send */
    double delay;        /* of the timer; < 0: none */
    int answers[TOKENS]; /* -1: none yet */
    char text[512];      /* of the last error */
    int loads, logs;
    unsigned char loading[DIGEST_MAX_SIZE];
    void *storing;
};

static void *token (int n)
{
    return (void *)(intptr_t)(n + 1);
}

static void set_answer (struct sim *s, void *tok, int errnum)
{
    int n = (int)(intptr_t)tok - 1;

    assert_true (n >= 0 && n < TOKENS);
    assert_int_equal (s->answers[n], -1); /* once */
    s->answers[n] = errnum;
}

static void sim_respond (void *arg, void *tok, int errnum, const char *text,
                         const void *data, size_t len)
{
    struct sim *s = arg;

    set_answer (s, tok, errnum);
    snprintf (s->text, sizeof (s->text), "%s", errnum && text ? text : "");
}

static void sim_drop (void *arg, void *tok)
{
    set_answer (arg, tok, ENOSYS);
}

static void sim_timer (void *arg, double delay)
{
    ((struct sim *)arg)->delay = delay;
}

static void sim_log (void *arg, int level, const char *text)
{
    ((struct sim *)arg)->logs++;
}

static int sim_load (void *arg, const void *digest)
{
    struct sim *s = arg;

    s->loads++;
    memcpy (s->loading, digest, digest_size (s->digest));
    return 0;
}

static int sim_store (void *arg, void *tok, const void *data, size_t len)
{
    ((struct sim *)arg)->storing = tok;
    return 0;
}

static int sim_commit (void *arg, void *tok, struct buf *batch)
{
    struct sim *s = arg;

    assert_false (s->in_flight); /* one at a time */
    if (s->refuse) {
        errno = EAGAIN;
        return -1;
    }
    buf_reset (&s->flight);
    buf_add (&s->flight, batch->data, batch->len);
    if (!tok)
        buf_fini (batch);
    s->in_flight = true;
    return 0;
}

/* Who holds on to the bytes of which request. */
static int refs[TOKENS];

static void *sim_ref (void *arg, void *tok)
{
    int *ref = &refs[(intptr_t)tok - 1];

    ++*ref;
    return ref;
}

static void sim_unref (void *owner)
{
    assert_true (--*(int *)owner >= 0);
}

static const struct content_ops ops = { sim_load, sim_store, sim_commit,
                                        sim_ref,  sim_unref, sim_respond,
                                        sim_drop, sim_timer, sim_log };

static void sim_init (struct sim *s, bool leader)
{
    struct content_options opts = { .leader = leader, .blob_max = 100000 };

    memset (s, 0, sizeof (*s));
    memset (s->answers, 0xff, sizeof (s->answers));
    s->delay = -1.;
    opts.digest = s->digest = digest_create ("sha1");
    s->disk = hashmap_create (NULL);
    assert_non_null (s->core = content_create (&opts, &ops, s));
    if (leader)
        content_set_backing (s->core, true);
}

static void sim_fini (struct sim *s)
{
    content_destroy (s->core);
    hashmap_destroy (s->disk);
    digest_destroy (s->digest);
    buf_fini (&s->flight);
}

static void ref_of (struct sim *s, const void *digest, char *ref)
{
    blobref_encode (digest_name (s->digest), digest, digest_size (s->digest), ref);
}

/* The store answers: all of the batch or nothing. */
static void disk_answers (struct sim *s, int errnum)
{
    struct blobs_reader r;
    struct blobs_entry e;
    char ref[BLOBREF_MAX_SIZE];

    assert_true (s->in_flight);
    s->in_flight = false;
    assert_int_equal (blobs_read (&r, s->flight.data, s->flight.len), 0);
    while (errnum == 0 && blobs_next (&r, &e) == 1) {
        if (e.kind == 'B') {
            ref_of (s, e.digest, ref);
            hashmap_insert (s->disk, ref, s);
        } else if (e.kind == 'C') {
            snprintf (s->checkpoint, sizeof (s->checkpoint), "%s", e.data);
        }
    }
    content_committed (s->core, errnum, errnum ? "disk on fire" : NULL);
}

static void digest_of (struct sim *s, const char *data, void *digest)
{
    digest_hash (s->digest, data, strlen (data), digest);
}

static bool on_disk (struct sim *s, const char *data)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];

    digest_of (s, data, digest);
    ref_of (s, digest, ref);
    return hashmap_lookup (s->disk, ref) != NULL;
}

static bool in_memory (struct sim *s, const char *data)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    digest_of (s, data, digest);
    return content_has (s->core, digest);
}

/* A batch with one blob (or none), perhaps a superseded one and a checkpoint. */
static char *make (struct sim *s, int flags, const char *blob, const char *gone,
                   const char *checkpoint, size_t *len)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    struct buf b = BUF_INIT;

    blobs_begin (&b, digest_size (s->digest), flags);
    if (blob) {
        digest_of (s, blob, digest);
        blobs_add (&b, digest, digest_size (s->digest), blob, strlen (blob));
    }
    if (gone) {
        digest_of (s, gone, digest);
        blobs_supersede (&b, digest, digest_size (s->digest));
    }
    if (checkpoint)
        blobs_checkpoint (&b, checkpoint);
    return buf_take (&b, len);
}

/* The payload has to live until the answer: it is leaked to the end of the test. */
static struct buf graveyard[TOKENS];
static int buried;

static void commit (struct sim *s, int tok, int flags, const char *blob,
                    const char *gone, const char *checkpoint)
{
    struct buf *b = &graveyard[buried++ % TOKENS];

    buf_fini (b);
    buf_init (b);
    b->data = make (s, flags, blob, gone, checkpoint, &b->len);
    b->cap = b->len + 1;
    content_commit (s->core, token (tok), b->data, b->len);
}

static size_t dirty (struct sim *s)
{
    struct content_stats st;

    content_get_stats (s->core, &st);
    return st.dirty;
}

static void test_behind (void **state)
{
    struct sim s;

    sim_init (&s, true);
    commit (&s, 0, 0, "one", NULL, NULL);
    assert_int_equal (s.answers[0], 0); /* from memory */
    assert_false (s.in_flight);
    assert_true (s.delay > 0.);
    content_timeout (s.core);
    assert_true (s.in_flight);
    assert_int_equal (dirty (&s), 1);
    disk_answers (&s, 0);
    assert_int_equal (dirty (&s), 0);
    assert_true (on_disk (&s, "one"));
    content_drop_clean (s.core);
    assert_false (in_memory (&s, "one"));
    sim_fini (&s);
}

/* Dirty until acknowledged: a failed batch goes down again, later each time. */
static void test_behind_fails (void **state)
{
    struct sim s;
    double delay = 0.;

    sim_init (&s, true);
    commit (&s, 0, 0, "one", NULL, NULL);
    for (int i = 0; i < 10; i++) {
        content_timeout (s.core);
        s.delay = -1.;
        disk_answers (&s, EIO);
        content_drop_clean (s.core);
        assert_true (in_memory (&s, "one"));
        assert_true (s.delay >= delay);
        delay = s.delay;
    }
    assert_true (delay >= 10.);
    assert_int_equal (s.logs, 1); /* not at each attempt */
    s.refuse = true;
    content_timeout (s.core);
    assert_false (s.in_flight);
    assert_int_equal (dirty (&s), 1);
    s.refuse = false;
    content_timeout (s.core);
    disk_answers (&s, 0);
    assert_int_equal (dirty (&s), 0);
    sim_fini (&s);
}

static void test_synced (void **state)
{
    struct sim s;

    sim_init (&s, true);
    commit (&s, 0, 0, "before", NULL, NULL);
    commit (&s, 1, BLOBS_SYNC, "one", "before", "{1}");
    assert_int_equal (s.answers[1], -1);
    content_drop_clean (s.core);
    assert_true (in_memory (&s, "one")); /* not filed as clean */
    disk_answers (&s, 0);                /* what was dirty */
    assert_true (on_disk (&s, "before"));
    assert_false (on_disk (&s, "one"));
    assert_int_equal (s.answers[1], -1);
    disk_answers (&s, 0);
    assert_int_equal (s.answers[1], 0);
    assert_true (on_disk (&s, "one"));
    assert_string_equal (s.checkpoint, "{1}");
    assert_false (s.in_flight);
    sim_fini (&s);
}

/* A large blob stays where its request has it, until the store has it; what is small,
 * or there already, costs no reference. */
static void test_large_is_kept_in_place (void **state)
{
    char large[80000];
    struct sim s;

    memset (large, 'x', sizeof (large) - 1);
    large[sizeof (large) - 1] = '\0';
    sim_init (&s, true);
    memset (refs, 0, sizeof (refs));
    commit (&s, 0, 0, "small", NULL, NULL);
    commit (&s, 1, 0, large, NULL, NULL);
    commit (&s, 2, 0, large, NULL, NULL);
    assert_int_equal (refs[0] + refs[2], 0);
    assert_int_equal (refs[1], 1);
    content_timeout (s.core);
    disk_answers (&s, EIO);
    assert_int_equal (refs[1], 1);
    content_timeout (s.core);
    disk_answers (&s, 0);
    assert_true (on_disk (&s, large));
    content_drop_clean (s.core);
    assert_int_equal (refs[1], 0);
    large[0] = 'y';
    commit (&s, 3, BLOBS_SYNC, large, NULL, NULL);
    assert_int_equal (refs[3], 1);
    disk_answers (&s, ENOSPC);
    assert_int_equal (s.answers[3], ENOSPC);
    sim_fini (&s);
    assert_int_equal (refs[3], 0);
}

/* A failed batch owes nothing, and takes all behind it along. */
static void test_synced_fails (void **state)
{
    struct sim s;

    sim_init (&s, true);
    commit (&s, 0, 0, "before", NULL, NULL);
    commit (&s, 1, BLOBS_SYNC, "one", "before", "{1}");
    commit (&s, 2, BLOBS_FSYNC, "two", NULL, "{2}");
    content_flush (s.core, token (3));
    disk_answers (&s, ENOSPC); /* the dirty blob */
    for (int i = 1; i < 4; i++)
        assert_int_equal (s.answers[i], ENOSPC);
    assert_string_equal (s.text, "disk on fire");
    assert_string_equal (s.checkpoint, "");
    assert_int_equal (dirty (&s), 1); /* "before": its 'S' was not applied */
    assert_false (s.in_flight);
    /* The next one makes the next attempt. */
    commit (&s, 4, BLOBS_SYNC, "one", "before", "{1}");
    disk_answers (&s, 0);
    disk_answers (&s, ENOSPC);
    assert_int_equal (s.answers[4], ENOSPC);
    assert_false (on_disk (&s, "one"));
    assert_int_equal (dirty (&s), 0);
    commit (&s, 5, BLOBS_SYNC, NULL, NULL, "{2}");
    disk_answers (&s, 0);
    assert_int_equal (s.answers[5], 0);
    assert_false (on_disk (&s, "one")); /* refused, not sneaked in */
    sim_fini (&s);
}

/* What is refused but wanted by others stays dirty. */
static void test_shared (void **state)
{
    struct sim s;

    sim_init (&s, true);
    commit (&s, 0, BLOBS_SYNC, "one", NULL, NULL);
    commit (&s, 1, 0, "one", NULL, NULL);
    disk_answers (&s, EIO);
    assert_int_equal (s.answers[0], EIO);
    assert_int_equal (s.answers[1], 0);
    assert_int_equal (dirty (&s), 1);
    content_timeout (s.core);
    disk_answers (&s, 0);
    assert_true (on_disk (&s, "one"));
    sim_fini (&s);
}

static void test_flush (void **state)
{
    struct sim s;

    sim_init (&s, true);
    content_flush (s.core, token (0));
    assert_int_equal (s.answers[0], 0);
    commit (&s, 1, 0, "one", NULL, NULL);
    content_flush (s.core, token (2));
    assert_true (s.in_flight); /* without waiting for the timer */
    assert_int_equal (s.answers[2], -1);
    disk_answers (&s, 0);
    assert_int_equal (s.answers[2], 0);
    content_set_backing (s.core, false);
    content_flush (s.core, token (3));
    assert_int_equal (s.answers[3], ENOSYS);
    sim_fini (&s);
}

/* Without a store: a checkpoint waits, and follows what it names. */
static void test_backing_comes (void **state)
{
    struct sim s;

    sim_init (&s, true);
    content_set_backing (s.core, false);
    commit (&s, 0, BLOBS_SYNC, "one", NULL, "{1}");
    assert_int_equal (s.answers[0], 0);
    commit (&s, 1, BLOBS_SYNC | BLOBS_FSYNC, "two", NULL, "{2}");
    assert_int_equal (s.answers[1], ENOTSUP);
    assert_true (strstr (s.text, "backing store") != NULL);
    assert_false (in_memory (&s, "two"));
    assert_string_equal (content_kept_checkpoint (s.core), "{1}");
    content_set_backing (s.core, true);
    disk_answers (&s, 0);
    assert_true (on_disk (&s, "one"));
    assert_string_equal (s.checkpoint, "");
    disk_answers (&s, EIO);
    assert_string_equal (content_kept_checkpoint (s.core), "{1}");
    content_timeout (s.core);
    disk_answers (&s, 0);
    assert_string_equal (s.checkpoint, "{1}");
    assert_null (content_kept_checkpoint (s.core));
    content_checkpoint (s.core, token (2), "{3}");
    assert_int_equal (s.answers[2], -1);
    disk_answers (&s, 0);
    assert_int_equal (s.answers[2], 0);
    sim_fini (&s);
}

static void test_backing_goes (void **state)
{
    struct sim s;

    sim_init (&s, true);
    commit (&s, 0, BLOBS_SYNC, "one", NULL, NULL);
    commit (&s, 1, BLOBS_SYNC, "two", NULL, NULL);
    content_set_backing (s.core, false);
    disk_answers (&s, 0); /* it had been on its way */
    assert_int_equal (s.answers[0], 0);
    assert_int_equal (s.answers[1], ENOSYS);
    commit (&s, 2, BLOBS_SYNC, "three", NULL, NULL);
    content_set_backing (s.core, true);
    sim_fini (&s);
}

static void test_limits (void **state)
{
    struct sim s;
    static char big[100002];

    memset (big, 'x', sizeof (big) - 1);
    sim_init (&s, true);
    commit (&s, 0, 0, big, NULL, NULL);
    commit (&s, 1, BLOBS_SYNC, big, NULL, NULL);
    content_store (s.core, token (2), big, sizeof (big) - 1);
    content_store (s.core, token (3), big, 100000);
    for (int i = 0; i < 3; i++)
        assert_int_equal (s.answers[i], EFBIG);
    assert_int_equal (s.answers[3], 0);
    content_commit (s.core, token (4), "nonsense", 8);
    assert_int_equal (s.answers[4], EPROTO);
    assert_int_equal (dirty (&s), 1);
    sim_fini (&s);
    sim_init (&s, false);
    content_store (s.core, token (0), big, sizeof (big) - 1);
    assert_int_equal (s.answers[0], EFBIG);
    commit (&s, 1, 0, "one", NULL, NULL); /* not the leader */
    assert_int_equal (s.answers[1], EPROTO);
    sim_fini (&s);
}

/* More dirty bytes than are good: answers wait, and fail if the store does. */
static void test_held (void **state)
{
    struct sim s;
    char *data = malloc (90001);
    int n = 0;

    sim_init (&s, true);
    memset (data, 'x', 90000);
    data[90000] = '\0';
    do {
        snprintf (data, 20, "%d", n);
        data[strlen (data)] = ' ';
        commit (&s, n, 0, data, NULL, NULL);
        n++;
    } while (s.answers[n - 1] == 0 && n < 2000);
    assert_int_equal (s.answers[n - 1], -1);
    disk_answers (&s, ENOSPC);
    assert_int_equal (s.answers[n - 1], ENOSPC);
    assert_true (in_memory (&s, data)); /* never lost */
    commit (&s, n, 0, "another", NULL, NULL);
    assert_int_equal (s.answers[n], ENOSPC);
    assert_true (in_memory (&s, "another"));
    content_store (s.core, token (n + 1), "not taken", 9);
    assert_int_equal (s.answers[n + 1], ENOSPC);
    content_flush (s.core, token (n + 2));
    while (s.in_flight)
        disk_answers (&s, 0);
    assert_int_equal (s.answers[n + 2], 0);
    assert_int_equal (dirty (&s), 0);
    assert_true (on_disk (&s, "another"));
    sim_fini (&s);
    free (data);
}

static void test_load (void **state)
{
    struct sim s;
    unsigned char digest[DIGEST_MAX_SIZE];

    for (int leader = 0; leader < 2; leader++) {
        sim_init (&s, leader);
        digest_of (&s, "one", digest);
        content_load (s.core, token (0), digest);
        content_load (s.core, token (1), digest);
        assert_int_equal (s.loads, 1);
        content_loaded (s.core, digest, 0, NULL, "onf", 3); /* a bit flipped */
        assert_int_equal (s.answers[0], EBADMSG);
        assert_int_equal (s.answers[1], EBADMSG);
        assert_non_null (
            strstr (s.text, "sha1-fe05bcdcdc4928012781a5f1a2a77cbb5398e106"));
        assert_int_equal (s.logs, 1);
        assert_false (in_memory (&s, "one"));
        content_load (s.core, token (2), digest);
        content_loaded (s.core, digest, ENOENT, NULL, NULL, 0);
        assert_int_equal (s.answers[2], ENOENT);
        assert_non_null (
            strstr (s.text, "sha1-fe05bcdcdc4928012781a5f1a2a77cbb5398e106"));
        content_load (s.core, token (3), digest);
        content_loaded (s.core, digest, 0, NULL, "one", 3);
        content_loaded (s.core, digest, 0, NULL, "one", 3); /* nobody asked */
        assert_int_equal (s.answers[3], 0);
        content_load (s.core, token (4), digest);
        assert_int_equal (s.answers[4], 0);
        assert_int_equal (s.loads, 3);
        digest_of (&s, "two", digest);
        content_load (s.core, token (5), digest); /* dropped at the end */
        sim_fini (&s);
        assert_int_equal (s.answers[5], ENOSYS);
    }
}

/* It is known to be stored: the store has it. */
static void know (struct sim *s, int tok, const char *data)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    digest_of (s, data, digest);
    content_load (s->core, token (tok), digest);
    content_loaded (s->core, digest, 0, NULL, data, strlen (data));
    assert_true (in_memory (s, data));
}

/* What comes again while the store looks for garbage, or after it, is written again:
 * by then it may be gone. */
static void test_collection (void **state)
{
    struct sim s;

    sim_init (&s, true);
    know (&s, 0, "one");
    know (&s, 1, "two");
    commit (&s, 2, 0, "one", NULL, NULL);
    assert_int_equal (dirty (&s), 0);
    content_collect (s.core, true);
    commit (&s, 3, 0, "one", NULL, NULL);
    assert_int_equal (dirty (&s), 1);
    know (&s, 4, "three");
    content_collect (s.core, false);
    assert_false (in_memory (&s, "two")); /* from before */
    assert_false (in_memory (&s, "three"));
    assert_true (in_memory (&s, "one"));
    commit (&s, 5, 0, "two", NULL, NULL);
    commit (&s, 6, 0, "three", NULL, NULL);
    assert_int_equal (dirty (&s), 3);
    sim_fini (&s);
}

/* That a blob could be loaded says that it is stored, unless it may go meanwhile. */
static void test_load_of_dirty (void **state)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    for (int collecting = 0; collecting < 2; collecting++) {
        struct sim s;

        sim_init (&s, true);
        content_collect (s.core, collecting);
        digest_of (&s, "one", digest);
        content_load (s.core, token (0), digest);
        commit (&s, 1, 0, "one", NULL, NULL);
        content_loaded (s.core, digest, 0, NULL, "one", 3);
        assert_int_equal (s.answers[0], 0);
        assert_int_equal (dirty (&s), collecting);
        content_flush (s.core, token (2));
        assert_int_equal (s.in_flight, collecting);
        sim_fini (&s);
    }
}

static void test_follower_store (void **state)
{
    struct sim s;
    unsigned char digest[DIGEST_MAX_SIZE];

    sim_init (&s, false);
    digest_of (&s, "one", digest);
    content_store (s.core, token (0), "one", 3);
    content_flush (s.core, token (1));
    assert_int_equal (s.answers[1], -1);
    content_stored (s.core, s.storing, 0, NULL, "one", 3, digest, 20);
    assert_int_equal (s.answers[0], 0);
    assert_int_equal (s.answers[1], 0);
    assert_true (in_memory (&s, "one"));
    content_store (s.core, token (2), "two", 3);
    content_stored (s.core, s.storing, 0, NULL, "two", 3, digest, 20);
    assert_int_equal (s.answers[2], EBADMSG);
    content_store (s.core, token (3), "two", 3);
    content_stored (s.core, s.storing, EFBIG, "no", "two", 3, NULL, 0);
    assert_int_equal (s.answers[3], EFBIG);
    content_flush (s.core, token (4));
    assert_int_equal (s.answers[4], 0);
    sim_fini (&s);
}

/* Any order of requests, failures and recoveries: each request has one answer;
 * what was answered after a sync is on the disk; a checkpoint names only what
 * is there; what was taken is never lost. */
static void run_seed (unsigned seed)
{
    struct sim s;
    char blob[32], checkpoint[32];
    int n = 0, kept[TOKENS], synced[TOKENS], count = 0, syncs = 0;

    srandom (seed);
    sim_init (&s, true);
    for (int step = 0; step < 300; step++) {
        int what = random () % 8;

        snprintf (blob, sizeof (blob), "blob %d", n);
        snprintf (checkpoint, sizeof (checkpoint), "%d", n);
        if (what < 2) {
            kept[count++] = n;
            commit (&s, n++, 0, blob, NULL, NULL);
        } else if (what < 4) {
            synced[syncs++] = n;
            commit (&s, n++, 1 + random () % 3, blob, NULL, checkpoint);
        } else if (what == 4 && s.delay >= 0.) {
            s.delay = -1.;
            content_timeout (s.core);
        } else if (what == 5) {
            content_drop_clean (s.core);
        } else if (s.in_flight) {
            disk_answers (&s, random () % 3 == 0 ? ENOSPC : 0);
        }
        for (int i = 0; i < syncs; i++) {
            snprintf (blob, sizeof (blob), "blob %d", synced[i]);
            assert_int_equal (on_disk (&s, blob), s.answers[synced[i]] == 0);
        }
        for (int i = 0; i < count; i++) {
            snprintf (blob, sizeof (blob), "blob %d", kept[i]);
            assert_true (on_disk (&s, blob) || in_memory (&s, blob));
            assert_true (s.checkpoint[0] == '\0' || kept[i] > atoi (s.checkpoint)
                         || on_disk (&s, blob));
        }
    }
    while (s.in_flight)
        disk_answers (&s, 0);
    content_flush (s.core, token (n));
    while (s.in_flight)
        disk_answers (&s, 0);
    for (int i = 0; i <= n; i++)
        assert_true (s.answers[i] >= 0);
    assert_int_equal (dirty (&s), 0);
    sim_fini (&s);
}

static void test_seeds (void **state)
{
    for (unsigned seed = 0; seed < 40; seed++)
        run_seed (seed);
}

static int bury (void **state)
{
    for (int i = 0; i < TOKENS; i++)
        buf_fini (&graveyard[i]);
    return 0;
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_behind),
        cmocka_unit_test (test_behind_fails),
        cmocka_unit_test (test_synced),
        cmocka_unit_test (test_synced_fails),
        cmocka_unit_test (test_large_is_kept_in_place),
        cmocka_unit_test (test_shared),
        cmocka_unit_test (test_flush),
        cmocka_unit_test (test_backing_comes),
        cmocka_unit_test (test_backing_goes),
        cmocka_unit_test (test_limits),
        cmocka_unit_test (test_held),
        cmocka_unit_test (test_load),
        cmocka_unit_test (test_collection),
        cmocka_unit_test (test_load_of_dirty),
        cmocka_unit_test (test_follower_store),
        cmocka_unit_test (test_seeds),
    };
    return cmocka_run_group_tests (tests, NULL, bury);
}
