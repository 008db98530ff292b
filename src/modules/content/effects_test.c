/* The core of the content service when its effects fail: the k-th that is tried, of each
 * kind. Each request has one answer; what was answered is there; afterwards all goes on. */
#include "base/test.h"

#include "core.h"
#include "core/kvs/blobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQS 24
#define LOADS 32

struct req {
    int answers, errnum;
    char text[200];
    char data[64];
    size_t len;
    struct buf payload;
};

struct sim {
    struct digest *digest;
    struct content *core;
    struct req reqs[REQS];
    int calls, fail_at, fail_errno;
    /* what was sent and waits for its answer */
    bool committing;
    unsigned char loading[LOADS][DIGEST_MAX_SIZE];
    int load_count;
    void *storing[REQS];
    int store_count;
    double delay; /* < 0: no timer */
    double delays[32];
    int delay_count;
    int dropped, logs;
};

static bool fails (struct sim *s)
{
    if (++s->calls != s->fail_at)
        return false;
    errno = s->fail_errno;
    return true;
}

static int on_load (void *arg, const void *digest)
{
    struct sim *s = arg;

    if (fails (s))
        return -1;
    assert_true (s->load_count < LOADS);
    memcpy (s->loading[s->load_count++], digest, digest_size (s->digest));
    return 0;
}

static int on_store (void *arg, void *token, const void *data, size_t len)
{
    struct sim *s = arg;

    if (fails (s))
        return -1;
    s->storing[s->store_count++] = token;
    return 0;
}

static int on_commit (void *arg, void *token, struct buf *batch)
{
    struct sim *s = arg;

    assert_false (s->committing);
    if (fails (s))
        return -1;
    if (!token)
        buf_fini (batch);
    s->committing = true;
    return 0;
}

static void on_respond (void *arg, void *token, int errnum, const char *text,
                        const void *data, size_t len)
{
    struct req *r = token;

    assert_int_equal (++r->answers, 1);
    r->errnum = errnum;
    snprintf (r->text, sizeof (r->text), "%s", errnum && text ? text : "");
    r->len = len;
    if (!errnum && len > 0 && len < sizeof (r->data))
        memcpy (r->data, data, len);
}

static void on_drop (void *arg, void *token)
{
    struct sim *s = arg;
    struct req *r = token;

    assert_int_equal (++r->answers, 1);
    s->dropped++;
}

static void on_timer (void *arg, double delay)
{
    struct sim *s = arg;

    s->delay = delay;
    s->delays[s->delay_count++ % 32] = delay;
}

static void on_log (void *arg, int level, const char *text)
{
    ((struct sim *)arg)->logs++;
}

static const struct content_ops ops = {
    .load = on_load,
    .store = on_store,
    .commit = on_commit,
    .respond = on_respond,
    .drop = on_drop,
    .timer = on_timer,
    .log = on_log,
};

static void init (struct sim *s, bool leader, bool backing)
{
    struct content_options opts = { .leader = leader, .blob_max = 1000 };

    memset (s, 0, sizeof (*s));
    s->delay = -1.;
    opts.digest = s->digest = digest_create ("sha1");
    assert_non_null (s->core = content_create (&opts, &ops, s));
    if (backing)
        content_set_backing (s->core, true);
}

static void fini (struct sim *s)
{
    content_destroy (s->core);
    digest_destroy (s->digest);
    for (int i = 0; i < REQS; i++)
        buf_fini (&s->reqs[i].payload);
}

static const void *digest_of (struct sim *s, const char *data)
{
    static unsigned char digest[4][DIGEST_MAX_SIZE];
    static int next;
    unsigned char *d = digest[next++ % 4];

    digest_hash (s->digest, data, strlen (data), d);
    return d;
}

static void load (struct sim *s, int i, const char *data)
{
    content_load (s->core, &s->reqs[i], digest_of (s, data));
}

/* Something came for the oldest load. */
static void loaded (struct sim *s, int errnum, const char *text, const char *data)
{
    unsigned char digest[DIGEST_MAX_SIZE];

    assert_true (s->load_count > 0);
    memcpy (digest, s->loading[0], sizeof (digest));
    memmove (s->loading, s->loading + 1, --s->load_count * sizeof (s->loading[0]));
    content_loaded (s->core, digest, errnum, text, data, data ? strlen (data) : 0);
}

static void commit (struct sim *s, int i, int flags, const char *blob,
                    const char *checkpoint)
{
    struct buf *b = &s->reqs[i].payload;

    blobs_begin (b, digest_size (s->digest), flags);
    if (blob)
        blobs_add (b, digest_of (s, blob), digest_size (s->digest), blob,
                   strlen (blob));
    if (checkpoint)
        blobs_checkpoint (b, checkpoint);
    content_commit (s->core, &s->reqs[i], b->data, b->len);
}

static void committed (struct sim *s, int errnum)
{
    assert_true (s->committing);
    s->committing = false;
    content_committed (s->core, errnum, errnum ? "no" : NULL);
}

static void expect (struct sim *s, int i, int errnum)
{
    assert_int_equal (s->reqs[i].answers, 1);
    assert_int_equal (s->reqs[i].errnum, errnum);
}

static void waits (struct sim *s, int i)
{
    assert_int_equal (s->reqs[i].answers, 0);
}

static size_t dirty (struct sim *s)
{
    struct content_stats st;

    content_get_stats (s->core, &st);
    return st.dirty;
}

/* --- Loads --- */

/* What the answer from below means for who waits, and whether it is kept. */
static const struct {
    int errnum;
    const char *text, *data;
    int answer;
    const char *part;
    bool kept;
} answers[] = {
    { 0, NULL, "blob", 0, "", true },
    { 0, NULL, "bl0b", EBADMSG, "is damaged", false },
    { 0, NULL, "", EBADMSG, "is damaged", false },
    { ENOENT, "nothing", NULL, ENOENT, "sha1-", false },
    { ENOSYS, "nobody", NULL, ENOENT, "sha1-", false },
    { EIO, "disk on fire", NULL, EIO, "disk on fire", false },
    { EHOSTUNREACH, NULL, NULL, EHOSTUNREACH, "", false },
};

static void loads (void **state)
{
    for (size_t i = 0; i < 2 * sizeof (answers) / sizeof (answers[0]); i++) {
        bool leader = i % 2;
        size_t k = i / 2;
        struct sim s;

        init (&s, leader, leader);
        for (int r = 0; r < 3; r++)
            load (&s, r, "blob");
        load (&s, 3, "other");
        assert_int_equal (s.load_count, 2); /* asked for once */
        loaded (&s, answers[k].errnum, answers[k].text, answers[k].data);
        for (int r = 0; r < 3; r++) {
            expect (&s, r, answers[k].answer);
            assert_non_null (strstr (s.reqs[r].text, answers[k].part));
            if (!answers[k].answer)
                assert_string_equal (s.reqs[r].data, "blob");
        }
        assert_int_equal (s.logs, answers[k].answer == EBADMSG);
        waits (&s, 3);
        assert_int_equal (content_has (s.core, digest_of (&s, "blob")),
                          answers[k].kept);
        load (&s, 4, "blob"); /* what is not here is asked for anew */
        assert_int_equal (s.load_count, answers[k].kept ? 1 : 2);
        /* an answer that nobody waits for */
        content_loaded (s.core, digest_of (&s, "third"), 0, NULL, "third", 5);
        assert_false (content_has (s.core, digest_of (&s, "third")));
        fini (&s);
        assert_int_equal (s.dropped, answers[k].kept ? 1 : 2);
    }
}

static void loads_without_store (void **state)
{
    struct sim s;

    init (&s, true, false);
    load (&s, 0, "blob");
    expect (&s, 0, ENOENT);
    assert_int_equal (s.calls, 0);
    content_set_backing (s.core, true);
    s.fail_at = 1;
    s.fail_errno = ENOMEM;
    load (&s, 1, "blob");
    expect (&s, 1, ENOMEM);
    load (&s, 2, "blob"); /* nothing is left of that */
    assert_int_equal (s.load_count, 1);
    loaded (&s, 0, NULL, "blob");
    expect (&s, 2, 0);
    fini (&s);
}

/* --- Batches that are none, or not for this rank --- */

static void refused (void **state)
{
    char large[1002];
    struct sim s;

    memset (large, 'x', sizeof (large));
    large[1001] = '\0';
    init (&s, true, true);
    content_commit (s.core, &s.reqs[0], "FBL2", 4);
    expect (&s, 0, EPROTO);
    blobs_begin (&s.reqs[1].payload, 32, 0); /* digests of another length */
    content_commit (s.core, &s.reqs[1], s.reqs[1].payload.data, 16);
    expect (&s, 1, EPROTO);
    commit (&s, 2, 0, large, NULL);
    expect (&s, 2, EFBIG);
    blobs_begin (&s.reqs[3].payload, 20,
                 0); /* one that is cut: nothing of it is taken */
    blobs_add (&s.reqs[3].payload, digest_of (&s, "a"), 20, "a", 1);
    buf_adds (&s.reqs[3].payload, "B");
    content_commit (s.core, &s.reqs[3], s.reqs[3].payload.data, s.reqs[3].payload.len);
    expect (&s, 3, EPROTO);
    content_store (s.core, &s.reqs[4], large, 1001);
    expect (&s, 4, EFBIG);
    assert_int_equal (dirty (&s), 0);
    content_store (s.core, &s.reqs[5], large, 1000);
    expect (&s, 5, 0);
    assert_int_equal (s.reqs[5].len, 20);
    assert_int_equal (dirty (&s), 1);
    fini (&s);
    init (&s, false, false);
    commit (&s, 0, 0, "a", NULL);
    expect (&s, 0, EPROTO);
    content_store (s.core, &s.reqs[1], large, 1001);
    expect (&s, 1, EFBIG);
    fini (&s);
}

/* Who asks for what, with and without a store. */
static void flags (void **state)
{
    static const struct {
        bool backing;
        int flags;
        bool checkpoint;
        int now; /* -1: it waits for the store */
    } t[] = {
        { false, 0, false, 0 },         { false, BLOBS_SYNC, false, 0 },
        { false, BLOBS_SYNC, true, 0 }, { false, BLOBS_FSYNC, false, ENOTSUP },
        { true, 0, false, 0 },          { true, BLOBS_SYNC, false, -1 },
        { true, 0, true, -1 },          { true, BLOBS_FSYNC, true, -1 },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct sim s;

        init (&s, true, t[i].backing);
        commit (&s, 0, t[i].flags, "a", t[i].checkpoint ? "{}" : NULL);
        if (t[i].now >= 0)
            expect (&s, 0, t[i].now);
        else
            waits (&s, 0);
        assert_int_equal (s.committing, t[i].now < 0);
        assert_int_equal (content_has (s.core, digest_of (&s, "a")),
                          t[i].now != ENOTSUP);
        if (content_kept_checkpoint (s.core))
            assert_true (t[i].checkpoint && !t[i].backing);
        else
            assert_false (t[i].checkpoint && !t[i].backing);
        if (t[i].now < 0) {
            committed (&s, 0);
            expect (&s, 0, 0);
        }
        fini (&s);
    }
}

/* Each attempt later than the one before, up to a limit; after a success as at first. */
static void delays (void **state)
{
    struct sim s;
    double want = 0.5;

    init (&s, true, true);
    commit (&s, 0, 0, "a", NULL);
    assert_true (s.delay == 0.5);
    for (int i = 0; i < 10; i++) {
        content_timeout (s.core);
        committed (&s, ENOSPC);
        assert_true (s.delay == want);
        want = want * 2 < 30. ? want * 2 : 30.;
    }
    assert_int_equal (s.logs, 1); /* once, not each time */
    content_timeout (s.core);
    committed (&s, 0);
    assert_int_equal (s.logs, 2);
    commit (&s, 1, 0, "b", NULL);
    assert_true (s.delay == 0.5);
    content_timeout (s.core);
    committed (&s, EIO);
    assert_true (s.delay == 0.5);
    fini (&s);
}

/* --- Followers --- */

static void follower_stores (void **state)
{
    struct sim s;
    const char *d;

    init (&s, false, false);
    for (int i = 0; i < 4; i++)
        content_store (s.core, &s.reqs[i], "blob", 4);
    assert_int_equal (s.store_count, 4);
    content_flush (s.core, &s.reqs[8]);
    waits (&s, 8);
    d = digest_of (&s, "blob");
    content_stored (s.core, &s.reqs[1], EIO, "up there", NULL, 0, NULL, 0);
    expect (&s, 1, EIO);
    assert_string_equal (s.reqs[1].text, "up there");
    assert_false (content_has (s.core, d));
    /* the digest of something else, or half of one */
    content_stored (s.core, &s.reqs[0], 0, NULL, "blob", 4, digest_of (&s, "b"), 20);
    expect (&s, 0, EBADMSG);
    content_stored (s.core, &s.reqs[2], 0, NULL, "blob", 4, d, 19);
    expect (&s, 2, EBADMSG);
    assert_false (content_has (s.core, d));
    waits (&s, 8);
    content_stored (s.core, &s.reqs[3], 0, NULL, "blob", 4, d, 20);
    expect (&s, 3, 0);
    assert_memory_equal (s.reqs[3].data, d, 20);
    assert_true (content_has (s.core, d));
    expect (&s, 8, 0); /* all are answered, one way or another */
    content_stored (s.core, &s.reqs[3], 0, NULL, "blob", 4, d, 20); /* twice: ignored */
    assert_int_equal (dirty (&s), 0);
    s.fail_at = s.calls + 1;
    s.fail_errno = EAGAIN;
    content_store (s.core, &s.reqs[4], "c", 1);
    expect (&s, 4, EAGAIN);
    content_flush (s.core, &s.reqs[9]);
    expect (&s, 9, 0);
    fini (&s);
}

/* --- The k-th effect fails --- */

static void scenario (int k, int errnum)
{
    struct sim s;
    char blob[8];
    int synced[] = { 2, 5, 8 }, behind[] = { 0, 1, 3, 4, 6, 7 };

    init (&s, true, true);
    s.fail_at = k;
    s.fail_errno = errnum;
    for (int i = 0; i < 9; i++) {
        snprintf (blob, sizeof (blob), "b%d", i);
        commit (&s, i, i % 3 == 2 ? BLOBS_SYNC : 0, blob, NULL);
        if (i == 4 && s.committing)
            committed (&s, 0);
    }
    content_checkpoint (s.core, &s.reqs[9], "{\"version\":1}");
    load (&s, 10, "elsewhere");
    content_flush (s.core, &s.reqs[11]);
    for (int i = 0; i < 30; i++) {
        if (s.committing)
            committed (&s, 0);
        else if (s.load_count > 0)
            loaded (&s, 0, NULL, "elsewhere");
        else
            content_timeout (s.core);
    }
    for (int i = 0; i < 12; i++)
        assert_int_equal (s.reqs[i].answers, 1);
    /* what is behind was taken, and stays; what is synced is there if it was said */
    for (size_t i = 0; i < sizeof (behind) / sizeof (behind[0]); i++) {
        expect (&s, behind[i], 0);
        snprintf (blob, sizeof (blob), "b%d", behind[i]);
        assert_true (content_has (s.core, digest_of (&s, blob)));
    }
    for (size_t i = 0; i < sizeof (synced) / sizeof (synced[0]); i++)
        if (s.reqs[synced[i]].errnum)
            expect (&s, synced[i], errnum);
    assert_int_equal (dirty (&s), 0);
    content_flush (s.core, &s.reqs[12]);
    expect (&s, 12, 0);
    fini (&s);
    assert_int_equal (s.dropped, 0);
}

static void each_effect_fails (void **state)
{
    for (int k = 0; k < 14; k++) {
        scenario (k, ENOMEM);
        scenario (k, EHOSTUNREACH);
    }
}

/* Whatever waits when the service ends is dropped, once. */
static void the_end (void **state)
{
    struct sim s;

    init (&s, true, true);
    commit (&s, 0, BLOBS_SYNC, "a", NULL);
    commit (&s, 1, BLOBS_SYNC, "b", NULL);
    content_checkpoint (s.core, &s.reqs[2], "{}");
    content_flush (s.core, &s.reqs[3]);
    load (&s, 4, "c");
    load (&s, 5, "c");
    fini (&s);
    assert_int_equal (s.dropped, 6);
    init (&s, false, false);
    content_store (s.core, &s.reqs[0], "a", 1);
    content_flush (s.core, &s.reqs[1]);
    load (&s, 2, "c");
    fini (&s);
    assert_int_equal (s.dropped, 3);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (loads),
        cmocka_unit_test (loads_without_store),
        cmocka_unit_test (refused),
        cmocka_unit_test (flags),
        cmocka_unit_test (delays),
        cmocka_unit_test (follower_stores),
        cmocka_unit_test (each_effect_fails),
        cmocka_unit_test (the_end),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
