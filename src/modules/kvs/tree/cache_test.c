/* The cache of blobs, nodes from text that others wrote, and who waits for a version. */
#include "base/test.h"
#include "fakestore.h"
#include "lookup.h"
#include "setroot.h"
#include "versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *ref_of (int i)
{
    static char refs[4][BLOBREF_MAX_SIZE];
    static int next;
    char *s = refs[next++ % 4];

    snprintf (s, BLOBREF_MAX_SIZE, "sha1-%040d", i);
    return s;
}

static void insert (struct kvs_cache *c, int i, size_t len)
{
    char *data = calloc (1, len + 1);

    memset (data, 'a' + i % 26, len);
    assert_int_equal (kvs_cache_insert (c, ref_of (i), data, len), 0);
    free (data);
}

static bool has (struct kvs_cache *c, int i)
{
    return kvs_cache_has (c, ref_of (i));
}

static void bytes (void **state)
{
    struct kvs_cache *c = kvs_cache_create (1 << 20);
    const char *data;
    size_t len;

    for (int i = 0; i < 3; i++)
        insert (c, i, i); /* also one of no bytes */
    for (int i = 0; i < 3; i++) {
        assert_int_equal (kvs_cache_blob (c, ref_of (i), &data, &len), 0);
        assert_int_equal (len, i);
        assert_int_equal (data[len], '\0');
        assert_true (len == 0 || data[0] == 'a' + i);
    }
    insert (c, 1, 7); /* anew */
    assert_int_equal (kvs_cache_blob (c, ref_of (1), &data, &len), 0);
    assert_int_equal (len, 7);
    assert_int_equal (kvs_cache_count (c), 3);
    kvs_cache_remove (c, ref_of (1));
    kvs_cache_remove (c, ref_of (1));
    assert_false (has (c, 1));
    assert_int_equal (kvs_cache_count (c), 2);
    kvs_cache_drop (c);
    assert_int_equal (kvs_cache_count (c), 0);
    assert_int_equal (kvs_cache_bytes (c), 0);
    kvs_cache_destroy (c);
    kvs_cache_destroy (NULL);
}

/* What was used in this epoch stays, however much it is; then the longest unused goes
 * first. */
static void bounded (void **state)
{
    struct kvs_cache *c = kvs_cache_create (10000);

    for (int i = 0; i < 20; i++)
        insert (c, i, 1000);
    assert_int_equal (kvs_cache_count (c), 20);
    kvs_cache_tick (c, 9);
    assert_true (kvs_cache_bytes (c) <= 10000);
    assert_true (has (c, 19) && !has (c, 0));
    kvs_cache_tick (c, 9);
    assert_true (has (c, 14)); /* used: now the youngest */
    for (int i = 20; i < 27; i++)
        insert (c, i, 1000);
    assert_true (has (c, 14) && has (c, 26));
    assert_false (has (c, 15));
    kvs_cache_destroy (c);
}

/* What was not used for more than `age` ticks goes; to be used is to be young. */
static void aged (void **state)
{
    struct kvs_cache *c = kvs_cache_create (1 << 20);

    insert (c, 1, 10);
    insert (c, 2, 10);
    for (int i = 0; i < 3; i++) {
        kvs_cache_tick (c, 3);
        assert_true (has (c, 1));
    }
    assert_int_equal (kvs_cache_count (c), 2); /* 3 ticks are not more than 3 */
    kvs_cache_tick (c, 3);
    assert_int_equal (kvs_cache_count (c), 1);
    assert_true (has (c, 1) && !has (c, 2));
    kvs_cache_destroy (c);
}

static int released;

static void release (void *owner)
{
    released++;
}

/* Bytes that stay where they are go back once, whatever takes their place. */
static void held (void **state)
{
    struct kvs_cache *c = kvs_cache_create (1 << 20);
    char longer[BLOBREF_MAX_SIZE + 8];
    const char *data;
    size_t len;

    released = 0;
    assert_int_equal (kvs_cache_insert_held (c, ref_of (1), "x", 1, c, release), 0);
    assert_int_equal (kvs_cache_blob (c, ref_of (1), &data, &len), 0);
    assert_int_equal (released, 0);
    assert_int_equal (kvs_cache_insert_held (c, ref_of (1), "y", 1, c, release), 0);
    assert_int_equal (released, 1);
    kvs_cache_insert_error (c, ref_of (1), EIO);
    assert_int_equal (released, 2);
    assert_int_equal (kvs_cache_insert_held (c, ref_of (2), "y", 1, c, release), 0);
    kvs_cache_destroy (c);
    assert_int_equal (released, 3);

    c = kvs_cache_create (1 << 20);
    memset (longer, 'x', sizeof (longer));
    longer[sizeof (longer) - 1] = '\0';
    assert_int_equal (kvs_cache_insert_held (c, longer, "y", 1, c, release), -1);
    assert_int_equal (released, 4);
    assert_int_equal (kvs_cache_blob (c, longer, &data, &len), -1);
    assert_int_equal (kvs_cache_missing_count (c), 0); /* it cannot be asked for */
    kvs_cache_destroy (c);
}

/* A failed load is remembered until those who wait were told; then it is tried anew. */
static void errors (void **state)
{
    struct kvs_cache *c = kvs_cache_create (1 << 20);
    const char *data;
    int errnum = 0;
    size_t len;

    assert_int_equal (kvs_cache_error (c, ref_of (1)), 0);
    kvs_cache_insert_error (c, ref_of (1), EIO);
    kvs_cache_insert_error (c, ref_of (2), 0); /* no errno is one, too */
    assert_false (has (c, 1));
    assert_int_equal (kvs_cache_error (c, ref_of (1)), -1);
    assert_int_equal (errno, EIO);
    assert_int_equal (kvs_cache_blob (c, ref_of (1), &data, &len), -1);
    assert_int_equal (errno, EIO);
    assert_string_equal (kvs_cache_failed (c, &errnum), ref_of (1));
    assert_int_equal (errnum, EIO);
    assert_int_equal (kvs_cache_blob (c, ref_of (2), &data, &len), -1);
    assert_int_equal (errno, EIO);
    assert_int_equal (kvs_cache_missing_count (c), 0);
    kvs_cache_tick (c, 0);
    kvs_cache_drop (c);
    assert_int_equal (kvs_cache_error (c, ref_of (1)), -1); /* only told makes it go */
    kvs_cache_clear_errors (c);
    assert_int_equal (kvs_cache_error (c, ref_of (1)), 0);
    assert_int_equal (kvs_cache_blob (c, ref_of (1), &data, &len), -1);
    assert_int_equal (errno, EAGAIN);
    assert_int_equal (kvs_cache_missing_count (c), 1);
    kvs_cache_insert_error (c, ref_of (1), EIO);
    insert (c, 1, 1); /* it came after all */
    assert_true (has (c, 1));
    kvs_cache_clear_errors (c);
    assert_true (has (c, 1));
    assert_int_equal (kvs_cache_count (c), 1);
    kvs_cache_destroy (c);
}

/* --- Nodes --- */

#define REF "sha1-0123456789abcdef0123456789abcdef01234567"
#define DIRREF "{\"data\":[\"" REF "\"],\"type\":\"dirref\",\"ver\":1}"
#define VAL "{\"data\":\"eA==\",\"type\":\"val\",\"ver\":1}"
#define DIR(entries) "{\"data\":{" entries "},\"type\":\"dir\",\"ver\":1}"
#define HDIR(bucket, func, level)                                                      \
    "{\"data\":{\"bucket\":[" bucket "],\"func\":\"" func "\",\"level\":" level        \
    ",\"size\":16},\"type\":\"hdir\",\"ver\":1}"
#define NULLS15                                                                        \
    "null,null,null,null,null,null,null,null,null,null,null,null,null,null,null"

static const struct {
    const char *text;
    int level;
    bool ok;
} nodes[] = {
    { DIR (""), 0, true },
    { DIR ("\"a\":" VAL), 0, true },
    { DIR ("\"a\":" VAL ",\"b\":" DIRREF), 0, true },
    { DIR ("\"a\\u002fb\":" VAL), 0, true },
    { DIR ("\"\xc3\xa9\":" VAL), 0, true },
    { DIR ("\"d\":" DIR ("\"x\":" VAL)), 0, true },
    { HDIR ("null," NULLS15, "fnv1a64", "0"), 0, true },
    { HDIR (DIRREF "," NULLS15, "fnv1a64", "0"), 0, true },
    { HDIR (DIRREF "," NULLS15, "fnv1a64", "15"), 15, true },
    /* names that no key could have */
    { DIR ("\"\":" VAL), 0, false },
    { DIR ("\"a.b\":" VAL), 0, false },
    { DIR ("\"a\\u002eb\":" VAL), 0, false },
    { DIR ("\"a\\x\":" VAL), 0, false },
    /* entries that are none */
    { DIR ("\"a\":1"), 0, false },
    { DIR ("\"a\":{}"), 0, false },
    { DIR ("\"a\":" HDIR ("null," NULLS15, "fnv1a64", "0")), 0, false },
    { DIR ("\"a\":" DIR ("\"b\":[]")), 0, false },
    /* buckets: how many, of what, by which hash, how deep */
    { HDIR (NULLS15, "fnv1a64", "0"), 0, false },
    { HDIR ("null,null," NULLS15, "fnv1a64", "0"), 0, false },
    { HDIR ("", "fnv1a64", "0"), 0, false },
    { HDIR (VAL "," NULLS15, "fnv1a64", "0"), 0, false },
    { HDIR ("nul," NULLS15, "fnv1a64", "0"), 0, false },
    { HDIR ("null," NULLS15, "fnv1a32", "0"), 0, false },
    { HDIR ("null," NULLS15, "fnv1a64", "1"), 0, false },
    { HDIR ("null," NULLS15, "fnv1a64", "0"), 1, false },
    { HDIR ("null," NULLS15, "fnv1a64", "00"), 0, false },
    /* no directory */
    { VAL, 0, false },
    { DIRREF, 0, false },
    { "", 0, false },
    { "null", 0, false },
};

/* What is read is written as it was, and no piece of it is read. */
static void texts (void **state)
{
    for (size_t i = 0; i < sizeof (nodes) / sizeof (nodes[0]); i++) {
        const char *s = nodes[i].text;
        size_t len = strlen (s);
        struct kvs_lru lru;
        struct kvs_node *n;
        struct buf b = BUF_INIT;

        kvs_lru_init (&lru);
        errno = 0;
        n = kvs_node_decode (&lru, s, len, nodes[i].level);
        if ((n != NULL) != nodes[i].ok)
            print_message ("# %s\n", s);
        assert_int_equal (n != NULL, nodes[i].ok);
        if (!n)
            assert_int_equal (errno, EINVAL);
        if (n && n->loaded == 0 && !strchr (s, '\\')) {
            kvs_node_encode (n, false, &b);
            assert_string_equal (b.data, s);
        }
        kvs_node_destroy (n);
        for (size_t cut = 0; nodes[i].ok && cut < len; cut++)
            assert_null (kvs_node_decode (&lru, s, cut, nodes[i].level));
        assert_int_equal (lru.bytes, 0); /* nothing is left of what was refused */
        assert_true (list_empty (&lru.nodes));
        buf_fini (&b);
    }
}

/* Directories within directories, up to a depth. */
static void deep (void **state)
{
    for (int depth = TREETEXT_DEPTH_MAX - 1; depth < TREETEXT_DEPTH_MAX + 4; depth++) {
        struct buf b = BUF_INIT;
        struct kvs_lru lru;
        struct kvs_node *n;

        kvs_lru_init (&lru);
        for (int i = 0; i < depth; i++)
            buf_adds (&b, "{\"data\":{\"d\":");
        buf_adds (&b, DIR (""));
        for (int i = 0; i < depth; i++)
            buf_adds (&b, "},\"type\":\"dir\",\"ver\":1}");
        n = kvs_node_decode (&lru, b.data, b.len, 0);
        assert_int_equal (n != NULL, depth <= TREETEXT_DEPTH_MAX + 1);
        kvs_node_destroy (n);
        assert_int_equal (lru.bytes, 0);
        buf_fini (&b);
    }
}

/* An hdir that was read as one level is none of another: a link from somewhere else leads
 * to it, which is damage. The same few names and values may be a directory in one place and
 * a bucket, at any level, in another. */
static void levels (void **state)
{
    struct kvs_cache *c = kvs_cache_create (1 << 20);
    static const char leaf[] = DIR ("\"a\":" VAL),
                      hdir[] = HDIR ("null," NULLS15, "fnv1a64", "1");
    char other[BLOBREF_MAX_SIZE];
    struct kvs_node *n;

    strcpy (other, ref_of (2));
    assert_int_equal (kvs_cache_insert (c, REF, leaf, strlen (leaf)), 0);
    assert_int_equal (kvs_cache_insert (c, other, hdir, strlen (hdir)), 0);
    assert_non_null (n = kvs_cache_dir (c, REF, 0));
    assert_ptr_equal (kvs_cache_dir (c, REF, 0), n);
    assert_ptr_equal (kvs_cache_dir (c, REF, 1), n);
    assert_null (kvs_cache_failed (c, NULL));
    assert_non_null (n = kvs_cache_dir (c, other, 1));
    assert_ptr_equal (kvs_cache_dir (c, other, 1), n);
    assert_null (kvs_cache_dir (c, other, 2));
    assert_int_equal (errno, EBADMSG);
    assert_string_equal (kvs_cache_failed (c, NULL), other);
    assert_null (kvs_cache_dir (c, ref_of (1), 0));
    assert_int_equal (errno, EAGAIN);
    kvs_cache_destroy (c);
}

/* What is on disks has these digests: shapes and hash of directories never change. */
static void on_disk (void **state)
{
    static const struct {
        int count;
        const char *rootref;
    } t[] = {
        { 1, "sha1-32666bfa857131536b74f471edf908072238c710" },
        { 64, "sha1-89a5367e1fd56476a064e1e562591ae97e689f51" },
        { 65, "sha1-5c566dba90ca2190f61e76a4d31076b5c8ff5e94" },   /* buckets */
        { 2000, "sha1-7f222b64c27285895c6481be1e2b93df31e0f85f" }, /* of buckets */
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_kvs_txn_t *txn = flux_kvs_txn_create ();
        struct fake f;
        char key[32];

        fake_init (&f);
        for (int k = 0; k < t[i].count; k++) {
            snprintf (key, sizeof (key), "name-%d", k);
            assert_int_equal (flux_kvs_txn_put (txn, 0, key, key + 5), 0);
        }
        assert_int_equal (fake_commit (&f, txn), 0);
        assert_string_equal (f.tree->rootref, t[i].rootref);
        fake_fini (&f);
    }
}

/* --- Values by pieces --- */

static const struct {
    const char *text;
    struct kvs_value_pos pos;
    size_t max;
    int errnum;
    const char *bytes;
    struct kvs_value_pos after;
} pieces[] = {
    { "\"YWJj\"", { 0, 0 }, LOOKUP_VALUE_MAX, 0, "abc", { 0, 3 } },
    { "\"YWJj\"", { 0, 2 }, LOOKUP_VALUE_MAX, 0, "c", { 0, 3 } },
    { "\"YWJj\"", { 0, 3 }, LOOKUP_VALUE_MAX, 0, "", { 0, 3 } },
    { "\"YWJj\"", { 0, 4 }, LOOKUP_VALUE_MAX, EINVAL, NULL, { 0, 0 } },
    { "\"YWJj\"", { 1, 0 }, LOOKUP_VALUE_MAX, EINVAL, NULL, { 0, 0 } },
    { "\"\"", { 0, 0 }, LOOKUP_VALUE_MAX, 0, "", { 0, 0 } },
    { "\"Y\"", { 0, 0 }, LOOKUP_VALUE_MAX, EINVAL, NULL, { 0, 0 } },
    /* blobs 1 to 3 are "b", "cc", "ddd"; 4 is missing, 5 failed */
    { "[1,2,3]", { 0, 0 }, LOOKUP_VALUE_MAX, 0, "bccddd", { 2, 3 } },
    { "[1,2,3]", { 0, 0 }, 2, 0, "bc", { 1, 1 } },
    { "[1,2,3]", { 1, 1 }, 2, 0, "cd", { 2, 1 } },
    { "[1,2,3]", { 2, 3 }, 9, 0, "", { 2, 3 } },
    { "[1,2,3]", { 2, 4 }, 9, EINVAL, NULL, { 0, 0 } },
    { "[1,2,3]", { 3, 0 }, 9, EINVAL, NULL, { 0, 0 } },
    { "[1,2,4]", { 0, 0 }, LOOKUP_VALUE_MAX, EAGAIN, NULL, { 0, 0 } },
    { "[1,2,4]", { 0, 0 }, 9, 0, "bcc", { 1, 2 } },
    { "[1,2,4]", { 1, 2 }, 9, EAGAIN, NULL, { 0, 0 } },
    { "[1,5]", { 0, 0 }, 9, EIO, NULL, { 0, 0 } },
    { "[]", { 0, 0 }, 9, 0, "", { 0, 0 } },
    { "[]", { 0, 1 }, 9, EINVAL, NULL, { 0, 0 } },
};

/* "[1,2]" -> a valref of these blobs, else a val. */
static void value_text (const char *s, struct buf *b)
{
    if (*s != '[') {
        buf_printf (b, "{\"data\":%s,\"type\":\"val\",\"ver\":1}", s);
        return;
    }
    buf_adds (b, "{\"data\":[");
    for (s++; *s != ']'; s++)
        if (*s == ',')
            buf_addc (b, ',');
        else
            buf_printf (b, "\"%s\"", ref_of (*s - '0'));
    buf_adds (b, "],\"type\":\"valref\",\"ver\":1}");
}

static void values (void **state)
{
    struct kvs_cache *c = kvs_cache_create (1 << 20);

    insert (c, 1, 1);
    insert (c, 2, 2);
    insert (c, 3, 3);
    kvs_cache_insert_error (c, ref_of (5), EIO);
    for (size_t i = 0; i < sizeof (pieces) / sizeof (pieces[0]); i++) {
        struct buf text = BUF_INIT, out = BUF_INIT;
        struct kvs_value_pos pos = pieces[i].pos;
        int rc;

        value_text (pieces[i].text, &text);
        buf_adds (&out, ">");
        rc = kvs_value_read (c, text.data, text.len, &pos, pieces[i].max, &out);
        if (pieces[i].errnum) {
            int saved_errno = errno;
            assert_int_equal (rc, -1);
            assert_int_equal (saved_errno, pieces[i].errnum);
            assert_int_equal (out.len, 1);
            assert_int_equal (pos.blob, pieces[i].pos.blob);
            assert_int_equal (pos.offset, pieces[i].pos.offset);
        } else {
            assert_int_equal (rc, 0);
            assert_string_equal (out.data + 1, pieces[i].bytes);
            assert_int_equal (pos.blob, pieces[i].after.blob);
            assert_int_equal (pos.offset, pieces[i].after.offset);
        }
        buf_fini (&text);
        buf_fini (&out);
    }
    kvs_cache_destroy (c);
}

/* --- Events and versions --- */

/* Whatever is flipped or cut in the text of an event, it is read or refused. */
static void setroots (void **state)
{
    static const char text[] =
        "{\"namespace\":\"n\",\"owner\":4294967294,\"rootref\":\"" REF
        "\",\"sequence\":9223372036854775807,\"rootdir\":{}}";
    struct kvs_setroot root;
    size_t len = strlen (text);

    assert_int_equal (kvs_setroot_decode (text, len, &root), 0);
    assert_true (root.sequence == INT64_MAX && root.owner == UINT32_MAX - 1);
    assert_string_equal (root.rootref, REF);
    for (size_t cut = 0; cut < len; cut++) {
        char *copy = malloc (cut + 1);

        memcpy (copy, text, cut);
        assert_int_equal (kvs_setroot_decode (copy, cut, &root), -1);
        assert_int_equal (errno, EPROTO);
        free (copy);
    }
    for (size_t i = 0; i < len; i++) {
        char *copy = malloc (len);

        memcpy (copy, text, len);
        copy[i] ^= 1 + i % 255;
        if (kvs_setroot_decode (copy, len, &root) == 0) {
            assert_true (root.ns[0] && root.rootref[0] && root.sequence >= 0);
            assert_true (strlen (root.ns) < sizeof (root.ns));
        }
        free (copy);
    }
}

static bool is_multiple (void *req, const void *arg)
{
    return *(int *)req % *(const int *)arg == 0;
}

/* Against a plain list: who is popped has the lowest version, who leaves is gone. */
static void versions (void **state)
{
    enum { COUNT = 60 };
    unsigned int seed = 1;

    for (int round = 0; round < 200; round++) {
        int want[COUNT], count = rand_r (&seed) % COUNT, by = 2 + round % 5;
        bool there[COUNT] = { false };
        struct kvs_versions v = { 0 };
        int *got, left = count, last = -1;
        size_t pos = 0;

        for (int i = 0; i < count; i++) {
            want[i] = rand_r (&seed) % 40;
            there[i] = true;
            assert_int_equal (kvs_versions_add (&v, want[i], &want[i]), 0);
        }
        while ((got = kvs_versions_take (&v, &pos, is_multiple, &by))) {
            assert_true (there[got - want] && *got % by == 0);
            there[got - want] = false;
            left--;
        }
        for (int i = 0; i < count; i++)
            assert_true (!there[i] || want[i] % by != 0);
        for (int sequence = 0; sequence < 40; sequence++)
            while ((got = kvs_versions_pop (&v, sequence))) {
                assert_true (there[got - want] && *got <= sequence && *got >= last);
                last = *got;
                there[got - want] = false;
                left--;
                if (rand_r (&seed) % 8 == 0 && *got + 1 < 40) { /* comes again, later */
                    there[got - want] = true;
                    want[got - want]++;
                    kvs_versions_add (&v, *got, got);
                    left++;
                }
            }
        assert_int_equal (left, 0);
        assert_int_equal (v.count, 0);
        kvs_versions_fini (&v);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (bytes),    cmocka_unit_test (bounded),
        cmocka_unit_test (aged),     cmocka_unit_test (held),
        cmocka_unit_test (errors),   cmocka_unit_test (texts),
        cmocka_unit_test (deep),     cmocka_unit_test (levels),
        cmocka_unit_test (values),   cmocka_unit_test (setroots),
        cmocka_unit_test (versions), cmocka_unit_test (on_disk),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
