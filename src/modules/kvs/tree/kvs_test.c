#include "base/test.h"

#include "fakestore.h"
#include "reading.h"
#include "setroot.h"
#include "versions.h"

#include <errno.h>
#include <stdio.h>

static int put (struct fake *f, const char *key, const char *value)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_put (txn, 0, key, value), 0);
    return fake_commit (f, txn);
}

static int append (struct fake *f, const char *key, const char *value)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_put (txn, FLUX_KVS_APPEND, key, value), 0);
    return fake_commit (f, txn);
}

static int unlink_key (struct fake *f, const char *key)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_unlink (txn, 0, key), 0);
    return fake_commit (f, txn);
}

static int link_key (struct fake *f, const char *target, const char *key)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_symlink (txn, 0, key, NULL, target), 0);
    return fake_commit (f, txn);
}

static int put_treeobj (struct fake *f, const char *key, const char *s)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_put_treeobj (txn, 0, key, s), 0);
    return fake_commit (f, txn);
}

#define want_value(f, key, want)                                                       \
    do {                                                                               \
        char *s_ = fake_get (f, key, NULL);                                            \
        assert_non_null (s_);                                                          \
        assert_string_equal (s_, want);                                                \
        free (s_);                                                                     \
    } while (0)

#define expect_error(f, key, flags, want)                                              \
    do {                                                                               \
        errno = 0;                                                                     \
        assert_null (fake_lookup (f, key, flags, NULL));                               \
        assert_int_equal (errno, want);                                                \
    } while (0)

static void test_put_get (void **state)
{
    struct fake f;

    fake_init (&f);
    assert_int_equal (put (&f, "a", "1"), 0);
    assert_int_equal (put (&f, "b.c", "2"), 0);
    assert_int_equal (put (&f, "b.d.e", "3"), 0);
    want_value (&f, "a", "1");
    want_value (&f, "b.c", "2");
    want_value (&f, "b.d.e", "3");
    expect_error (&f, "nosuch", 0, ENOENT);
    expect_error (&f, "b", 0, EISDIR);
    expect_error (&f, "a.x", 0, ENOENT);
    expect_error (&f, "a", FLUX_KVS_READDIR, ENOTDIR);
    expect_error (&f, "a", FLUX_KVS_READLINK, EINVAL);
    expect_error (&f, ".", 0, EISDIR);
    fake_reopen (&f);
    want_value (&f, "b.d.e", "3");
    assert_int_equal (put (&f, "a.b", "4"), 0);
    want_value (&f, "a.b", "4");
    assert_int_equal (unlink_key (&f, "b"), 0);
    expect_error (&f, "b.c", 0, ENOENT);
    assert_int_equal (unlink_key (&f, "nosuch.at.all"), 0);
    fake_fini (&f);
}

static void test_digests (void **state)
{
    struct fake f;
    char *s;

    /* The digest of an empty directory is the one that is known. */
    fake_init (&f);
    assert_int_equal (put_treeobj (&f, "m", "{\"ver\":1,\"type\":\"dir\",\"data\":{}}"),
                      0);
    s = fake_lookup (&f, "m", FLUX_KVS_TREEOBJ, NULL);
    assert_string_equal (
        s, "{\"data\":[\"sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91\"],"
           "\"type\":\"dirref\",\"ver\":1}");
    free (s);
    fake_fini (&f);
}

static void test_errors (void **state)
{
    struct fake f;

    fake_init (&f);
    assert_int_equal (put (&f, ".", "1"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (put (&f, "dir.x", "1"), 0);
    assert_int_equal (append (&f, "dir", "1"), -1);
    assert_int_equal (errno, EISDIR);
    assert_int_equal (link_key (&f, "dir.x", "l"), 0);
    assert_int_equal (append (&f, "l", "1"), -1);
    assert_int_equal (errno, EOPNOTSUPP);
    assert_int_equal (put (&f, "bad\xff", "1"), -1);
    assert_int_equal (errno, EINVAL);
    fake_fini (&f);
}

/* All or none: what a refused transaction did is undone. */
static void test_rollback (void **state)
{
    struct fake f;
    flux_kvs_txn_t *txn;
    char ref[BLOBREF_MAX_SIZE];

    fake_init (&f);
    for (int i = 0; i < 200; i++) {
        char key[32];
        snprintf (key, sizeof (key), "d.k%d", i);
        assert_int_equal (put (&f, key, "v"), 0);
    }
    assert_int_equal (put (&f, "log", "one"), 0);
    strcpy (ref, f.tree->rootref);
    for (int reopen = 0; reopen < 2; reopen++) {
        txn = flux_kvs_txn_create ();
        flux_kvs_txn_put (txn, 0, "d.k7", "changed");
        flux_kvs_txn_unlink (txn, 0, "d.k9");
        flux_kvs_txn_put (txn, 0, "d.k9", "again");
        flux_kvs_txn_put (txn, FLUX_KVS_APPEND, "log", "two");
        flux_kvs_txn_put (txn, 0, "new.deep.key", "x");
        flux_kvs_txn_unlink (txn, 0, "new");
        flux_kvs_txn_put (txn, 0, "d.k7.below", "x");
        flux_kvs_txn_unlink (txn, 0, "d");
        flux_kvs_txn_put (txn, 0, ".", "bad");
        assert_int_equal (fake_commit (&f, txn), -1);
        assert_int_equal (errno, EINVAL);
        assert_int_equal (f.tree->changes.len > 0, !reopen);
        want_value (&f, "d.k7", "v");
        want_value (&f, "d.k9", "v");
        want_value (&f, "d.k199", "v");
        want_value (&f, "log", "one");
        expect_error (&f, "new", 0, ENOENT);
        assert_int_equal (kvs_tree_hash (f.tree, &f.batch), 0);
        assert_string_equal (f.tree->rootref, ref);
        fake_store (&f);
        fake_reopen (&f);
    }
    fake_fini (&f);
}

static void test_append (void **state)
{
    struct fake f;
    struct buf want = BUF_INIT;
    char *s;

    fake_init (&f);
    for (int i = 0; i < 3000; i++) {
        char line[64];

        snprintf (line, sizeof (line), "{\"timestamp\":%d,\"name\":\"event\"}\n", i);
        buf_adds (&want, line);
        assert_int_equal (append (&f, "a.log", line), 0);
        if (i == 10 || i == 1500)
            want_value (&f, "a.log", want.data);
        if (i % 700 == 0)
            fake_reopen (&f);
    }
    want_value (&f, "a.log", want.data);
    s = fake_lookup (&f, "a.log", FLUX_KVS_TREEOBJ, NULL);
    assert_true (strlen (s) < 1000); /* few blobs */
    free (s);
    /* A small value stays inline while it grows. */
    append (&f, "z", "a");
    append (&f, "z", "b");
    s = fake_lookup (&f, "z", FLUX_KVS_TREEOBJ, NULL);
    assert_string_equal (s, "{\"data\":\"YWI=\",\"type\":\"val\",\"ver\":1}");
    free (s);
    buf_fini (&want);
    fake_fini (&f);
}

/* The list of blobs is written anew with each append: it grows slower than the value. */
static void test_append_long (void **state)
{
    char piece[8001];
    struct fake f;
    char *s;

    memset (piece, 'x', sizeof (piece) - 1);
    piece[sizeof (piece) - 1] = '\0';
    fake_init (&f);
    for (int i = 0; i < 1200; i++) {
        piece[0] = 'a' + i % 26;
        assert_int_equal (append (&f, "log", piece), 0);
    }
    s = fake_lookup (&f, "log", FLUX_KVS_TREEOBJ, NULL);
    assert_true (strlen (s) < 22000); /* not 600 blobs */
    free (s);
    s = fake_get (&f, "log", NULL);
    assert_int_equal (strlen (s), 1200 * 8000);
    assert_int_equal (s[1199 * 8000], 'a' + 1199 % 26);
    free (s);
    fake_fini (&f);
}

/* Each blob has a limit, the value that is made of them has none. */
static void test_blob_max (void **state)
{
    char piece[101], want[401];
    struct fake f;

    fake_init (&f);
    f.tree->blob_max = 3000;
    for (int i = 0; i < 4; i++)
        memset (want + i * 100, 'a' + i, 100);
    want[400] = '\0';
    for (int i = 0; i < 40; i++) {
        memset (piece, 'a' + i % 4, 100);
        piece[100] = '\0';
        assert_int_equal (append (&f, "log", piece), 0);
    }
    char *s = fake_get (&f, "log", NULL);
    assert_int_equal (strlen (s), 4000);
    assert_memory_equal (s, want, 400);
    assert_memory_equal (s + 3600, want, 400);
    free (s);

    char *big = strndup ("", 0);
    big = realloc (big, 3002);
    memset (big, 'x', 3001);
    big[3001] = '\0';
    errno = 0;
    assert_int_equal (append (&f, "log", big), -1);
    assert_int_equal (errno, EFBIG);
    assert_int_equal (append (&f, "new", big), -1);
    big[3000] = '\0';
    assert_int_equal (append (&f, "small", "12"), 0);
    assert_int_equal (append (&f, "small", big), 0); /* beside it */
    s = fake_get (&f, "small", NULL);
    assert_int_equal (strlen (s), 3002);
    free (s);
    free (big);
    expect_error (&f, "new", 0, ENOENT);
    fake_fini (&f);
}

/* Appending to a value whose refs came from elsewhere. */
static void test_append_foreign (void **state)
{
    struct fake f;
    char *s, *t, big[5000];

    fake_init (&f);
    memset (big, 'x', sizeof (big));
    big[sizeof (big) - 1] = '\0';
    assert_int_equal (put (&f, "big", big), 0);
    s = fake_lookup (&f, "big", FLUX_KVS_TREEOBJ, NULL);
    assert_int_equal (put_treeobj (&f, "copy", s), 0);
    free (s);
    fake_reopen (&f);
    assert_int_equal (append (&f, "copy", "tail"), 0);
    assert_int_equal (append (&f, "copy", "tail"), 0);
    want_value (&f, "big", big);
    t = fake_get (&f, "copy", NULL);
    assert_int_equal (strlen (t), sizeof (big) - 1 + 8);
    free (t);
    fake_fini (&f);
}

/* A stored directory with another one in its text, as others may have written it. */
static void test_dir_within (void **state)
{
    struct fake f;
    char text[5000], ref[200], *s, *blob;

    fake_init (&f);
    snprintf (text, sizeof (text),
              "{\"data\":{\"in\":{\"data\":{\"a\":{\"data\":\"MQ==\",\"type\":\"val\","
              "\"ver\":1}},\"type\":\"dir\",\"ver\":1},\"%04000d\":{\"data\":\"\","
              "\"type\":\"val\",\"ver\":1}},\"type\":\"dir\",\"ver\":1}",
              0);
    assert_int_equal (put (&f, "text", text), 0);
    s = fake_lookup (&f, "text", FLUX_KVS_TREEOBJ, NULL);
    assert_non_null (blob = strstr (s, "sha1-"));
    snprintf (ref, sizeof (ref), "{\"data\":[\"%.45s\"],\"type\":\"dirref\",\"ver\":1}",
              blob);
    free (s);
    assert_int_equal (put_treeobj (&f, "d", ref), 0);
    fake_reopen (&f);
    want_value (&f, "d.in.a", "1");
    assert_int_equal (put (&f, "d.in.b", "2"), 0);
    fake_reopen (&f);
    want_value (&f, "d.in.a", "1");
    want_value (&f, "d.in.b", "2");
    assert_int_equal (unlink_key (&f, "d.in.a"), 0);
    fake_reopen (&f);
    expect_error (&f, "d.in.a", 0, ENOENT);
    want_value (&f, "d.in.b", "2");
    fake_fini (&f);
}

struct tail {
    struct fake *f;
    struct kvs_value_pos pos;
};

static void expect_tail (struct tail *t, const char *key, const char *want)
{
    char *s = fake_lookup (t->f, key, FLUX_KVS_TREEOBJ, NULL);
    struct buf out = BUF_INIT;
    int rc;

    while ((rc = kvs_value_read (t->f->cache, s, strlen (s), &t->pos, LOOKUP_VALUE_MAX,
                                 &out))
               < 0
           && errno == EAGAIN && fake_load (t->f))
        ;
    if (want) {
        assert_int_equal (rc, 0);
        assert_string_equal (out.data ? out.data : "", want);
    } else {
        assert_int_equal (rc, -1);
        assert_int_equal (errno, EINVAL);
    }
    free (s);
    buf_fini (&out);
}

/* A reader of a growing log sees each byte once, whatever becomes of blobs. */
static void test_value_pos (void **state)
{
    struct fake f;
    struct tail t = { &f };
    char big[3000];

    fake_init (&f);
    memset (big, 'y', sizeof (big));
    big[sizeof (big) - 1] = '\0';
    append (&f, "log", "one");
    expect_tail (&t, "log", "one");
    append (&f, "log", "two");
    expect_tail (&t, "log", "two");
    append (&f, "log", big); /* now a blob */
    expect_tail (&t, "log", big);
    append (&f, "log", "three"); /* extends it */
    append (&f, "log", "four");
    expect_tail (&t, "log", "threefour");
    fake_reopen (&f);
    append (&f, "log", "five"); /* a second blob */
    expect_tail (&t, "log", "five");
    append (&f, "log", "six");
    expect_tail (&t, "log", "six");
    put (&f, "log", "short");
    expect_tail (&t, "log", NULL);
    fake_fini (&f);
}

/* The same value by pieces of any size: nothing twice, nothing left out. */
static void test_value_pieces (void **state)
{
    struct fake f;
    char part[7000], *text;
    struct buf want = BUF_INIT;

    fake_init (&f);
    for (int i = 0; i < 12; i++) {
        memset (part, 'a' + i, sizeof (part) - 1);
        part[sizeof (part) - 1] = '\0';
        append (&f, "log", part);
        buf_adds (&want, part);
    }
    text = fake_lookup (&f, "log", FLUX_KVS_TREEOBJ, NULL);
    for (size_t max = 1; max < 100000; max = max * 7 + 3) {
        struct kvs_value_pos pos = { 0, 0 };
        struct buf got = BUF_INIT;
        size_t before;

        kvs_cache_drop (f.cache);
        do {
            before = got.len;
            while (kvs_value_read (f.cache, text, strlen (text), &pos, max, &got) < 0) {
                assert_int_equal (errno, EAGAIN);
                assert_int_equal (kvs_cache_missing_count (f.cache), 1);
                assert_true (fake_load (&f));
            }
            assert_true (got.len - before <= max);
        } while (got.len > before);
        assert_string_equal (got.data, want.data);
        buf_fini (&got);
    }
    free (text);
    buf_fini (&want);
    fake_fini (&f);
}

static void test_links (void **state)
{
    struct fake f;
    char *s;

    fake_init (&f);
    put (&f, "a.b.c", "1");
    link_key (&f, "a.b", "lb");
    link_key (&f, "lb", "lb2");
    link_key (&f, "loop1", "loop2");
    link_key (&f, "loop2", "loop1");
    link_key (&f, ".", "lroot");
    link_key (&f, "nowhere", "dangling");
    want_value (&f, "lb.c", "1");
    want_value (&f, "lb2.c", "1");
    want_value (&f, "lroot.a.b.c", "1");
    expect_error (&f, "loop1", 0, ELOOP);
    expect_error (&f, "loop1.x", 0, ELOOP);
    expect_error (&f, "dangling", 0, ENOENT);
    expect_error (&f, "lb", 0, EISDIR);
    s = fake_lookup (&f, "lb2", FLUX_KVS_READLINK, NULL);
    assert_string_equal (
        s, "{\"data\":{\"target\":\"lb\"},\"type\":\"symlink\",\"ver\":1}");
    free (s);
    s = fake_lookup (&f, "lb2", FLUX_KVS_READDIR, NULL);
    assert_string_equal (
        s, "{\"data\":{\"c\":{\"data\":\"MQ==\",\"type\":\"val\",\"ver\":1}},"
           "\"type\":\"dir\",\"ver\":1}");
    free (s);
    /* A write goes through links on its way, but replaces one at its end. */
    assert_int_equal (put (&f, "lb2.d", "2"), 0);
    want_value (&f, "a.b.d", "2");
    assert_int_equal (put (&f, "loop1.x", "2"), -1);
    assert_int_equal (errno, ELOOP);
    assert_int_equal (put (&f, "lb", "3"), 0);
    want_value (&f, "lb", "3");
    want_value (&f, "a.b.c", "1");
    fake_fini (&f);
}

/* An old root shows what was. */
static void test_snapshot (void **state)
{
    struct fake f;
    char ref[BLOBREF_MAX_SIZE], *s;

    fake_init (&f);
    for (int i = 0; i < 500; i++) {
        char key[32];
        snprintf (key, sizeof (key), "d.k%d", i);
        put (&f, key, "old");
    }
    strcpy (ref, f.tree->rootref);
    for (int i = 0; i < 500; i++) {
        char key[32];
        snprintf (key, sizeof (key), "d.k%d", i);
        if (i % 2)
            put (&f, key, "new");
        else
            unlink_key (&f, key);
    }
    for (int i = 0; i < 500; i++) {
        char key[32];
        snprintf (key, sizeof (key), "d.k%d", i);
        s = fake_get (&f, key, ref);
        assert_string_equal (s, "old");
        free (s);
        if (i % 2)
            want_value (&f, key, "new");
        else
            expect_error (&f, key, 0, ENOENT);
    }
    s = fake_lookup (&f, "d", FLUX_KVS_READDIR, ref);
    assert_true (strlen (s) > 500 * 40);
    free (s);
    /* Down to nothing again: the directory that was large is an empty one. */
    for (int i = 1; i < 500; i += 2) {
        char key[32];
        snprintf (key, sizeof (key), "d.k%d", i);
        unlink_key (&f, key);
    }
    s = fake_lookup (&f, "d", FLUX_KVS_READDIR, NULL);
    assert_string_equal (s, "{\"data\":{},\"type\":\"dir\",\"ver\":1}");
    free (s);
    fake_fini (&f);
}

/* A commit's cost does not follow the size of the directory. */
static void test_large_directory (void **state)
{
    struct fake f;
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    size_t len;

    fake_init (&f);
    for (int i = 0; i < 20000; i++) {
        char key[32];
        snprintf (key, sizeof (key), "d.key%d", i);
        flux_kvs_txn_put (txn, 0, key, "value");
    }
    assert_int_equal (fake_commit (&f, txn), 0);
    txn = flux_kvs_txn_create ();
    flux_kvs_txn_put (txn, 0, "d.key777", "other");
    assert_int_equal (fake_apply (&f, txn), 0);
    flux_kvs_txn_destroy (txn);
    len = f.batch.len;
    assert_int_equal (kvs_tree_hash (f.tree, &f.batch), 0);
    assert_true (f.batch.len - len < 16000);
    fake_store (&f);
    fake_reopen (&f);
    want_value (&f, "d.key777", "other");
    want_value (&f, "d.key19999", "value");
    fake_fini (&f);
}

static void test_evict (void **state)
{
    struct fake f;

    fake_init (&f);
    for (int i = 0; i < 1000; i++) {
        char key[64];
        snprintf (key, sizeof (key), "job.%d.guest.x", i);
        put (&f, key, "value");
        if (i == 499)
            f.tree->lru.epoch++;
    }
    assert_true (f.tree->lru.bytes > 100000);
    f.tree->lru.epoch += 5;
    want_value (&f, "job.7.guest.x", "value");
    kvs_tree_evict (f.tree, 2, 1 << 20);
    assert_true (f.tree->lru.bytes < 30000);
    want_value (&f, "job.7.guest.x", "value");
    want_value (&f, "job.999.guest.x", "value");
    assert_int_equal (put (&f, "job.3.guest.y", "more"), 0);
    want_value (&f, "job.3.guest.x", "value");
    fake_fini (&f);
}

static int append_cold (struct fake *f, const char *key, const char *value)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (
        flux_kvs_txn_put_raw (txn, FLUX_KVS_APPEND | KVS_TXN_COLD, key, value, 3), 0);
    return fake_commit (f, txn);
}

static void test_cold (void **state)
{
    struct fake f;
    size_t before = 0;
    char key[64];

    fake_init (&f);
    for (int i = 0; i < 200; i++) {
        snprintf (key, sizeof (key), "job.%d.guest.x", i);
        put (&f, key, "a value that takes more place than a reference would take");
        snprintf (key, sizeof (key), "job.%d.log", i);
        append (&f, key, "one");
    }
    before = f.tree->lru.bytes;
    for (int i = 0; i < 200; i++) {
        snprintf (key, sizeof (key), "job.%d.log", i);
        append_cold (&f, key, "two");
        kvs_tree_cool (f.tree);
    }
    append_cold (&f, "log", "two"); /* in the root, which stays */
    kvs_tree_cool (f.tree);
    assert_true (f.tree->lru.bytes < before / 2);
    want_value (&f, "job.7.log", "onetwo");
    assert_int_equal (append (&f, "job.8.log", "three"), 0);
    want_value (&f, "job.8.log", "onetwothree");
    want_value (&f, "job.199.guest.x",
                "a value that takes more place than a reference would take");
    fake_reopen (&f);
    want_value (&f, "job.199.log", "onetwo");
    fake_fini (&f);
}

/* What comes into a bucket that was empty is stored, whatever else the commit does. */
static void test_empty_buckets (void **state)
{
    struct fake f;
    char key[64];

    fake_init (&f);
    for (int i = 0; i < 80; i++) {
        snprintf (key, sizeof (key), "d.k%d", i);
        assert_int_equal (put (&f, key, "old"), 0);
    }
    for (int i = 1; i < 80; i++) {
        snprintf (key, sizeof (key), "d.k%d", i);
        assert_int_equal (unlink_key (&f, key), 0);
    }
    for (int i = 1; i < 80; i++) {
        snprintf (key, sizeof (key), "d.k%d", i);
        assert_int_equal (put (&f, key, "new"), 0);
        fake_reopen (&f);
        want_value (&f, key, "new");
    }
    want_value (&f, "d.k0", "old");
    fake_fini (&f);
}

/* Directories in the buckets of an hdir are the buckets' children: a bucket must
 * not go while one of them is in memory. */
static void test_evict_buckets (void **state)
{
    struct fake f;
    char key[64];

    fake_init (&f);
    for (int i = 0; i < 500; i++) {
        snprintf (key, sizeof (key), "job.%d.x", i);
        put (&f, key, "value");
    }
    fake_reopen (&f);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 500; i += 3) {
            snprintf (key, sizeof (key), "job.%d.y", i);
            put (&f, key, "more");
        }
        f.tree->lru.epoch += 5;
        want_value (&f, "job.7.x", "value");
        kvs_tree_evict (f.tree, 2, 1 << 20);
    }
    want_value (&f, "job.9.y", "more");
    want_value (&f, "job.499.x", "value");
    fake_fini (&f);
}

static void test_put_dir (void **state)
{
    struct fake f;

    fake_init (&f);
    assert_int_equal (
        put_treeobj (
            &f, "d",
            "{\"ver\":1,\"type\":\"dir\",\"data\":{\"x\":{\"ver\":1,\"type\":"
            "\"val\",\"data\":\"MQ==\"},\"y\":{\"ver\":1,\"type\":\"dir\","
            "\"data\":{\"z\":{\"ver\":1,\"type\":\"val\",\"data\":\"Mg==\"}}}}}"),
        0);
    want_value (&f, "d.x", "1");
    want_value (&f, "d.y.z", "2");
    fake_reopen (&f);
    want_value (&f, "d.y.z", "2");
    fake_fini (&f);
}

static void test_changes (void **state)
{
    struct fake f;
    struct kvs_change c;
    size_t pos = 0;

    fake_init (&f);
    put (&f, "a", "1");
    put (&f, "b.c", "1");
    unlink_key (&f, "b");
    assert_true (kvs_change_next (&f.tree->changes, &pos, &c));
    assert_string_equal (c.key, "a");
    assert_false (c.deep);
    assert_true (kvs_change_next (&f.tree->changes, &pos, &c));
    assert_string_equal (c.key, "b.c");
    assert_true (kvs_change_next (&f.tree->changes, &pos, &c));
    assert_string_equal (c.key, "b");
    assert_true (c.deep);
    assert_false (kvs_change_next (&f.tree->changes, &pos, &c));
    fake_fini (&f);
}

/* Random operations against a plain list of what should be there. */
static void test_model (void **state)
{
    enum { KEYS = 300 };
    struct fake f;
    int value[KEYS];
    unsigned int seed = 1;

    fake_init (&f);
    memset (value, -1, sizeof (value));
    for (int round = 0; round < 600; round++) {
        flux_kvs_txn_t *txn = flux_kvs_txn_create ();
        int touched[8], to[8], n = 1 + rand_r (&seed) % 8;
        bool bad = rand_r (&seed) % 4 == 0;

        for (int i = 0; i < n; i++) {
            char key[32], text[16];
            int k = touched[i] = rand_r (&seed) % KEYS;

            to[i] = rand_r (&seed) % 3 ? rand_r (&seed) % 1000 : -1;
            snprintf (key, sizeof (key), "%s.%d", k % 2 ? "d" : "e.f", k);
            snprintf (text, sizeof (text), "%d", to[i]);
            if (to[i] < 0)
                flux_kvs_txn_unlink (txn, 0, key);
            else
                flux_kvs_txn_put (txn, 0, key, text);
        }
        if (bad)
            flux_kvs_txn_put (txn, 0, ".", "");
        assert_int_equal (fake_commit (&f, txn), bad ? -1 : 0);
        for (int i = 0; i < n && !bad; i++)
            value[touched[i]] = to[i];
        if (round % 50 == 0)
            fake_reopen (&f);
        for (int k = 0; k < KEYS && round % 20 == 0; k++) {
            char key[32], text[16];

            snprintf (key, sizeof (key), "%s.%d", k % 2 ? "d" : "e.f", k);
            snprintf (text, sizeof (text), "%d", value[k]);
            if (value[k] < 0)
                expect_error (&f, key, 0, ENOENT);
            else
                want_value (&f, key, text);
        }
    }
    fake_fini (&f);
}

/* Batches that are stored or refused, at random: readers see what is stored until
 * the store has answered, and a refused batch leaves nothing, not in memory, not
 * in later hashes. A second tree that only ever gets what was stored tells what is
 * right. */

enum { BATCH_KEYS = 400 };

static void random_key (unsigned int *seed, char *key, size_t size)
{
    int k = rand_r (seed) % BATCH_KEYS;

    if (rand_r (seed) % 40 == 0)
        snprintf (key, size, "%s", k % 2 ? "d" : "e.f");
    else
        snprintf (key, size, "%s.%d%s", k % 2 ? "d" : "e.f", k, k % 5 ? "" : ".x.y");
}

static flux_kvs_txn_t *random_txn (unsigned int *seed)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char key[32], big[3000];

    for (int i = 1 + rand_r (seed) % 30; i > 0; i--) {
        random_key (seed, key, sizeof (key));
        switch (rand_r (seed) % 8) {
        case 0:
        case 1:
            flux_kvs_txn_unlink (txn, 0, key);
            break;
        case 2:
            flux_kvs_txn_mkdir (txn, 0, key);
            break;
        case 3:
            memset (big, 'a' + rand_r (seed) % 26, sizeof (big));
            flux_kvs_txn_put_raw (txn, 0, key, big, sizeof (big));
            break;
        default:
            flux_kvs_txn_put (txn, 0, key, rand_r (seed) % 2 ? "one" : "two");
        }
    }
    if (rand_r (seed) % 6 == 0)
        flux_kvs_txn_put (txn, 0, ".", "bad");
    return txn;
}

/* All that a reader can see, as one text. */
static void dump (struct fake *f, const char *key, struct buf *out)
{
    char *s = fake_lookup (f, key, FLUX_KVS_READDIR, NULL);
    flux_kvsdir_t *dir;
    flux_kvsitr_t *itr;
    const char *name;

    assert_non_null (s);
    assert_non_null (dir = flux_kvsdir_create (NULL, NULL, key, s));
    assert_non_null (itr = flux_kvsitr_create (dir));
    while ((name = flux_kvsitr_next (itr))) {
        char *path = flux_kvsdir_key_at (dir, name);

        buf_printf (out, "%s ", path);
        if (flux_kvsdir_isdir (dir, name)) {
            dump (f, path, out);
        } else {
            char *value = fake_get (f, path, NULL);

            buf_printf (out, "%.8s ", value);
            free (value);
        }
        free (path);
    }
    flux_kvsitr_destroy (itr);
    flux_kvsdir_destroy (dir);
    free (s);
}

static void same_for_readers (struct fake *a, struct fake *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;

    dump (a, ".", &x);
    dump (b, ".", &y);
    assert_string_equal (x.data ? x.data : "", y.data ? y.data : "");
    buf_fini (&x);
    buf_fini (&y);
}

static void run_batch (struct fake *f, unsigned int seed, int count)
{
    if (f->batch.len == 0)
        blobs_begin (&f->batch, 20, 0);
    for (int i = 0; i < count; i++) {
        flux_kvs_txn_t *txn = random_txn (&seed);

        fake_apply (f, txn); /* some are refused */
        flux_kvs_txn_destroy (txn);
    }
    assert_int_equal (kvs_tree_hash (f->tree, &f->batch), 0);
}

static void batches (unsigned int seed, bool reopen)
{
    struct fake f, right;

    fake_init (&f);
    fake_init (&right);
    run_batch (&f, 0, 0);
    run_batch (&right, 0, 0);
    for (int round = 0; round < 12; round++) {
        unsigned int batch = rand_r (&seed);
        int count = 1 + rand_r (&seed) % 6;
        bool ok = rand_r (&seed) % 3 > 0;

        fake_store (&f);
        if (reopen && rand_r (&seed) % 3 == 0)
            fake_reopen (&f);
        kvs_tree_keep (f.tree);
        run_batch (&f, batch, count);
        f.tree->lru.epoch += 5;
        if (reopen)
            kvs_tree_evict (f.tree, 2, rand_r (&seed) % 2 ? 0 : 1 << 20);
        same_for_readers (&f, &right);
        if (ok) {
            run_batch (&right, batch, count);
            fake_store (&right);
            kvs_tree_stored (f.tree);
            fake_store (&f);
        } else {
            kvs_tree_restore (f.tree);
            buf_reset (&f.batch);
            blobs_begin (&f.batch, 20, 0);
        }
        same_for_readers (&f, &right);
        /* What has to be loaded first may split a directory earlier. */
        if (!reopen)
            assert_string_equal (f.tree->rootref, right.tree->rootref);
        assert_true (list_empty (&f.tree->lru.images));
    }
    fake_fini (&f);
    fake_fini (&right);
}

static void test_batches (void **state)
{
    for (unsigned int seed = 1; seed <= 150; seed++)
        batches (seed, seed % 2);
}

static int find_newest (void *arg, const char *ns, struct kvs_root *root)
{
    struct fake *f = arg;

    *root = (struct kvs_root){ "primary", f->tree->rootref, NULL };
    return 0;
}

/* With each blob that a reader gets, a writer makes a new root. */
static void test_reader_beside_writer (void **state)
{
    struct kvs_reading r = { .key = strdup ("a.b.c.d.e.f.g.h.i.j"),
                             .ns = strdup ("primary") };
    struct fake f;
    struct kvs_cache *cache = kvs_cache_create (1 << 20);
    struct kvs_roots roots = { .cache = cache, .find = find_newest, .arg = &f };
    struct buf out = BUF_INIT;
    int passes = 0;

    fake_init (&f);
    assert_int_equal (put (&f, r.key, "first"), 0);
    while (kvs_reading_run (&r, &roots, 0, &out) < 0) {
        assert_int_equal (errno, EAGAIN);
        assert_true (++passes < 20);
        for (size_t i = 0; i < kvs_cache_missing_count (cache); i++) {
            const char *ref = kvs_cache_missing (cache, i);
            struct buf *b = hashmap_lookup (f.blobs, ref);

            assert_non_null (b);
            kvs_cache_insert (cache, ref, b->data, b->len);
        }
        kvs_cache_missing_clear (cache);
        assert_int_equal (put (&f, r.key, passes % 2 ? "odd" : "even"), 0);
    }
    /* What was there when it asked. */
    assert_string_equal (out.data,
                         "{\"data\":\"Zmlyc3Q=\",\"type\":\"val\",\"ver\":1}");
    buf_fini (&out);
    kvs_reading_fini (&r);
    kvs_cache_destroy (cache);
    fake_fini (&f);
}

static bool is_odd (void *req, const void *arg)
{
    return *(int *)req % 2 == 1;
}

/* Who waits for a version is answered when it is there, the lowest first. */
static void test_versions (void **state)
{
    enum { COUNT = 50000 };
    struct kvs_versions v = { 0 };
    int *want = calloc (COUNT, sizeof (*want)), *got, seen = 0, last = 0, odd = 0;
    unsigned int seed = 7;
    size_t pos = 0;

    for (int i = 0; i < COUNT; i++) {
        want[i] = 1 + rand_r (&seed) % 1000;
        odd += want[i] % 2;
        assert_int_equal (kvs_versions_add (&v, want[i], &want[i]), 0);
    }
    assert_null (kvs_versions_pop (&v, 0));
    while ((got = kvs_versions_take (&v, &pos, is_odd, NULL))) {
        assert_int_equal (*got % 2, 1);
        odd--;
    }
    assert_int_equal (odd, 0);
    for (int sequence = 1; sequence <= 1000; sequence++) {
        while ((got = kvs_versions_pop (&v, sequence))) {
            assert_true (*got >= last && *got == sequence);
            last = *got;
            seen++;
        }
    }
    assert_int_equal (v.count, 0);
    assert_true (seen > COUNT / 3);
    for (int i = 0; i < VERSIONS_MAX; i++)
        assert_int_equal (kvs_versions_add (&v, i, want), 0);
    assert_int_equal (kvs_versions_add (&v, 1, want), -1);
    assert_int_equal (errno, EAGAIN);
    kvs_versions_fini (&v);
    free (want);
}

/* A walk that misses many blobs notes each once, in constant time. */
static void test_missing (void **state)
{
    enum { COUNT = 100000 };
    struct kvs_cache *c = kvs_cache_create (1 << 20);
    char ref[BLOBREF_MAX_SIZE];
    const char *data;
    int errnum;
    size_t len;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < COUNT; i++) {
            snprintf (ref, sizeof (ref), "sha1-%040d", i);
            assert_int_equal (kvs_cache_blob (c, ref, &data, &len), -1);
            assert_int_equal (errno, EAGAIN);
        }
    assert_int_equal (kvs_cache_missing_count (c), COUNT);
    assert_string_equal (kvs_cache_missing (c, COUNT - 1), ref);
    kvs_cache_missing_clear (c);
    kvs_cache_blob (c, ref, &data, &len);
    assert_int_equal (kvs_cache_missing_count (c), 1);
    /* A tree refers to it: that it is not there is damage. */
    kvs_cache_insert_error (c, ref, ENOENT);
    assert_int_equal (kvs_cache_blob (c, ref, &data, &len), -1);
    assert_int_equal (errno, EBADMSG);
    assert_string_equal (kvs_cache_failed (c, &errnum), ref);
    assert_int_equal (errnum, ENOENT);
    kvs_cache_clear_failed (c);
    assert_null (kvs_cache_failed (c, NULL));
    kvs_cache_destroy (c);
}

/* What is no directory, or half of one, is damage, and named. */
static void test_damage (void **state)
{
    static const char *const bad[] = { "", "{", "{\"data\":[],\"type\":\"val\"}",
                                       "{\"data\":{\"bucket\":[null],\"func\":"
                                       "\"fnv1a64\",\"level\":0,\"size\":2000000000},"
                                       "\"type\":\"hdir\",\"ver\":1}" };
    struct fake f;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        fake_init (&f);
        put (&f, "d.x", "1");
        put (&f, "e", "2");
        for (int round = 0; round < 2; round++) {
            char *s = fake_lookup (&f, "d", FLUX_KVS_TREEOBJ, NULL), ref[46];
            struct buf *b;

            snprintf (ref, sizeof (ref), "%.45s", strstr (s, "sha1-"));
            free (s);
            b = hashmap_lookup (f.blobs, ref);
            buf_reset (b);
            buf_add (b, bad[i], strlen (bad[i]));
            fake_reopen (&f);
            expect_error (&f, "d.x", 0, EBADMSG);
            assert_string_equal (kvs_cache_failed (f.cache, NULL), ref);
            want_value (&f, "e", "2");
            assert_int_equal (put (&f, "d.y", "1"), -1);
            assert_int_equal (errno, EBADMSG);
        }
        fake_fini (&f);
    }
}

static int decode_root (const char *s, struct kvs_setroot *root)
{
    return kvs_setroot_decode (s, strlen (s), root);
}

static void test_setroot (void **state)
{
    static const char *bad[] = {
        "",
        "[]",
        "{}",
        "{\"namespace\":\"a\",\"rootref\":\"r\",\"sequence\":1}",
        "{\"namespace\":\"\",\"rootref\":\"r\",\"sequence\":1,\"owner\":1}",
        "{\"namespace\":1,\"rootref\":\"r\",\"sequence\":1,\"owner\":1}",
        "{\"namespace\":\"a\",\"rootref\":\"r\",\"sequence\":-1,\"owner\":1}",
        "{\"namespace\":\"a\",\"rootref\":\"r\",\"sequence\":1.5,\"owner\":1}",
        "{\"namespace\":\"a\",\"rootref\":\"r\",\"sequence\":99999999999999999999,"
        "\"owner\":1}",
        "{\"namespace\":\"a\",\"rootref\":\"r\",\"sequence\":1,\"owner\":4294967295}",
        "{\"namespace\":\"a\",\"rootref\":\"r\",\"sequence\":1,\"owner\":1",
    };
    char longer[400] = "{\"sequence\":1,\"owner\":1,\"rootref\":\"r\",\"namespace\":\"";
    struct kvs_setroot root;

    assert_int_equal (
        decode_root ("{\"namespace\":\"primary\",\"sequence\":12,\"owner\":1000,"
                     "\"rootref\":\"sha1-00\",\"keys\":[\"a.b\"],\"new\":{},"
                     "\"rootdir\":{\"data\":{}}}",
                     &root),
        0);
    assert_string_equal (root.ns, "primary");
    assert_string_equal (root.rootref, "sha1-00");
    assert_true (root.sequence == 12 && root.owner == 1000);
    assert_int_equal (root.rootdir.len, strlen ("{\"data\":{}}"));
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (decode_root (bad[i], &root), -1);
        assert_int_equal (errno, EPROTO);
    }
    memset (longer + strlen (longer), 'n', 300);
    strcpy (longer + 380, "\"}");
    assert_int_equal (decode_root (longer, &root), -1);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_put_get),
        cmocka_unit_test (test_digests),
        cmocka_unit_test (test_errors),
        cmocka_unit_test (test_rollback),
        cmocka_unit_test (test_append),
        cmocka_unit_test (test_setroot),
        cmocka_unit_test (test_append_long),
        cmocka_unit_test (test_blob_max),
        cmocka_unit_test (test_append_foreign),
        cmocka_unit_test (test_value_pos),
        cmocka_unit_test (test_value_pieces),
        cmocka_unit_test (test_links),
        cmocka_unit_test (test_snapshot),
        cmocka_unit_test (test_large_directory),
        cmocka_unit_test (test_evict),
        cmocka_unit_test (test_cold),
        cmocka_unit_test (test_dir_within),
        cmocka_unit_test (test_empty_buckets),
        cmocka_unit_test (test_evict_buckets),
        cmocka_unit_test (test_put_dir),
        cmocka_unit_test (test_changes),
        cmocka_unit_test (test_model),
        cmocka_unit_test (test_batches),
        cmocka_unit_test (test_versions),
        cmocka_unit_test (test_reader_beside_writer),
        cmocka_unit_test (test_missing),
        cmocka_unit_test (test_damage),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
