/* What travels between the KVS, content and the store: batches of blobs, tree objects as
 * text, transactions. Random ones there and back (KVS_SEED), each cut at every length. */
#include "base/test.h"
#include "core/kvs/blobs.h"
#include "core/kvs/treetext.h"
#include "core/kvs/txn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static int start (void **state)
{
    const char *s = getenv ("KVS_SEED");

    seed = s ? strtoull (s, NULL, 0) : 1;
    print_message ("# KVS_SEED=%ju\n", (uintmax_t)seed);
    return 0;
}

static unsigned int rnd (unsigned int n)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (seed >> 33) % n;
}

/* --- Batches of blobs --- */

struct entry {
    char kind;
    unsigned char digest[32];
    char data[40];
    size_t len;
};

#define ENTRIES 12

static void batch_random (struct buf *b, size_t digest_size, struct entry *e, int count)
{
    for (int i = 0; i < count; i++, e++) {
        memset (e, 0, sizeof (*e));
        e->kind = "BSCP"[rnd (4)];
        for (size_t k = 0; k < digest_size; k++)
            e->digest[k] = rnd (256);
        e->len = rnd (sizeof (e->data));
        for (size_t k = 0; k < e->len; k++)
            e->data[k] = e->kind == 'C' ? 'a' + rnd (26) : rnd (256);
        e->data[e->len] = '\0';
        if (e->kind == 'B' && rnd (2))
            blobs_add (b, e->digest, digest_size, e->data, e->len);
        else if (e->kind == 'B') {
            size_t offset = blobs_open (b, digest_size);
            for (size_t k = 0; k < e->len; k++)
                buf_addc (b, e->data[k]);
            blobs_close (b, offset, e->digest, digest_size);
        } else if (e->kind == 'S')
            blobs_supersede (b, e->digest, digest_size);
        else if (e->kind == 'C')
            blobs_checkpoint (b, e->data);
        else
            blobs_pin (b);
    }
}

/* How many entries are there; -1 if the rest is none. */
static int batch_count (const char *data, size_t len)
{
    /* a block of its own, so that reading beyond it is found out */
    char *copy = malloc (len + 1);
    struct blobs_reader r;
    struct blobs_entry e;
    int rc, n = 0;

    memcpy (copy, data, len);
    if ((rc = blobs_read (&r, copy, len)) == 0)
        while ((rc = blobs_next (&r, &e)) == 1)
            n++;
    if (rc < 0)
        assert_int_equal (errno, EPROTO);
    free (copy);
    return rc < 0 ? -1 : n;
}

static void batches (void **state)
{
    for (int round = 0; round < 60; round++) {
        size_t digest_size = round % 2 ? 20 : 32;
        struct entry want[ENTRIES];
        struct blobs_reader r;
        struct blobs_entry e;
        struct buf b = BUF_INIT;
        size_t ends[ENTRIES + 1];
        int n = rnd (ENTRIES + 1), next = 0;

        blobs_begin (&b, digest_size, round % 4);
        batch_random (&b, digest_size, want, n);
        assert_int_equal (b.err, 0);
        assert_int_equal (blobs_read (&r, b.data, b.len), 0);
        assert_int_equal (r.flags, round % 4);
        assert_int_equal (r.digest_size, digest_size);
        ends[0] = 16;
        for (int i = 0; i < n; i++) {
            assert_int_equal (blobs_next (&r, &e), 1);
            assert_int_equal (e.kind, want[i].kind);
            if (e.kind == 'B' || e.kind == 'S')
                assert_memory_equal (e.digest, want[i].digest, digest_size);
            if (e.kind == 'B' || e.kind == 'C') {
                assert_int_equal (e.len, want[i].len);
                assert_memory_equal (e.data, want[i].data, e.len + 1);
            } else
                assert_null (e.data);
            ends[i + 1] = (const char *)r.p - b.data;
        }
        assert_int_equal (blobs_next (&r, &e), 0);
        /* what is cut ends where an entry does, or is none */
        for (size_t len = 0; len <= b.len; len++) {
            bool whole = next <= n && len == ends[next];

            assert_int_equal (batch_count (b.data, len), whole ? next++ : -1);
        }
        buf_fini (&b);
    }
}

static void bad_batches (void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int count;
    } t[] = {
        /* digests of one byte */
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0", 16, 0 },
        { "FBL2\0\0\0\0\1\0\0\0\0\0\0\0", 16, -1 },
        { "FBL1\0\0\0\0\0\0\0\0\0\0\0\0", 16, -1 },   /* digests of none */
        { "FBL1\0\0\0\0\x41\0\0\0\0\0\0\0", 16, -1 }, /* or too long */
        { "FBL1\0\0\0\0\1\0\0\1\0\0\0\0", 16, -1 },   /* or far too long */
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0P", 17, 1 },
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0p", 17, -1 },
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0\0", 17, -1 }, /* no kind */
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0Sd", 18, 1 },
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0Bd\0\0\0\0\0", 23, 1 },
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0Bd\0\0\0\0x", 23, -1 }, /* no NUL behind it */
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0Bd\1\0\0\0\0", 23, -1 },
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0Bd\xff\xff\xff\xff\0", 23, -1 },
        { "FBL1\0\0\0\0\1\0\0\0\0\0\0\0C\2\0\0\0{}\0", 24, 1 },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++)
        assert_int_equal (batch_count (t[i].bytes, t[i].len), t[i].count);
}

/* --- Tree objects --- */

static const struct {
    const char *text;
    int type; /* TREEOBJ_INVALID: refused */
    const char *data;
} objects[] = {
    { "{\"data\":\"\",\"type\":\"val\",\"ver\":1}", TREEOBJ_VAL, "\"\"" },
    { "{\"ver\":1,\"type\":\"val\",\"data\":\"eA==\"}", TREEOBJ_VAL, "\"eA==\"" },
    { " {\"data\":\"\",\"type\":\"val\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{ \"data\" : [ ] , \"type\" : \"valref\" , \"ver\" : 1 }", TREEOBJ_VALREF,
      "[ ]" },
    { "{\"data\":[\"x\"],\"type\":\"dirref\",\"ver\":1}", TREEOBJ_DIRREF, "[\"x\"]" },
    { "{\"data\":{},\"type\":\"dir\",\"ver\":1}", TREEOBJ_DIR, "{}" },
    { "{\"data\":{},\"type\":\"hdir\",\"ver\":1}", TREETEXT_HDIR, "{}" },
    { "{\"data\":{\"target\":\"a\"},\"type\":\"symlink\",\"ver\":1}", TREEOBJ_SYMLINK,
      "{\"target\":\"a\"}" },
    { "{\"data\":{},\"type\":\"dir\",\"ver\":1,\"more\":[{}]}", TREEOBJ_DIR, "{}" },
    /* another version, none, none of it */
    { "{\"data\":{},\"type\":\"dir\",\"ver\":2}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":\"dir\",\"ver\":10}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":\"dir\",\"ver\":\"1\"}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":\"dir\"}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"type\":\"dir\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":\"di\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":\"dirs\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":dir,\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":null,\"ver\":1}", TREEOBJ_INVALID, NULL },
    /* data of another kind than its type has */
    { "{\"data\":[],\"type\":\"dir\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":{},\"type\":\"dirref\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":\"\",\"type\":\"valref\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":[],\"type\":\"val\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":\"a\",\"type\":\"symlink\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":[],\"type\":\"hdir\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    { "{\"data\":null,\"type\":\"val\",\"ver\":1}", TREEOBJ_INVALID, NULL },
    /* no object */
    { "", TREEOBJ_INVALID, NULL },
    { "{", TREEOBJ_INVALID, NULL },
    { "{}", TREEOBJ_INVALID, NULL },
    { "[]", TREEOBJ_INVALID, NULL },
    { "null", TREEOBJ_INVALID, NULL },
    { "[\"data\",{},\"type\",\"dir\",\"ver\",1]", TREEOBJ_INVALID, NULL },
};

static void tree_objects (void **state)
{
    struct treetext t;

    for (size_t i = 0; i < sizeof (objects) / sizeof (objects[0]); i++) {
        const char *s = objects[i].text;
        size_t len = strlen (s);

        if (objects[i].type == TREEOBJ_INVALID) {
            assert_int_equal (treetext_parse (s, len, &t), -1);
            assert_int_equal (errno, EINVAL);
            continue;
        }
        assert_int_equal (treetext_parse (s, len, &t), 0);
        assert_int_equal (t.type, objects[i].type);
        assert_int_equal (t.data.len, strlen (objects[i].data));
        assert_memory_equal (t.data.s, objects[i].data, t.data.len);
        /* a piece of one is none, and nothing behind it is looked at */
        for (size_t cut = 0; cut < len; cut++) {
            char *piece = malloc (cut + 1);

            memcpy (piece, s, cut);
            assert_int_equal (treetext_parse (piece, cut, &t), -1);
            free (piece);
        }
    }
}

/* Both writers of tree objects write the same, and each reads the other's. */
static void written_alike (void **state)
{
    static const struct {
        const char *ns, *target;
    } links[] = {
        { NULL, "a.b" }, { "n", "a" }, { "n\"\\\t", "\x01\x7f\xc3\xa9/" }, { "", "" }
    };

    for (size_t len = 0; len < 100; len++) {
        char bytes[100];
        struct buf b = BUF_INIT, back = BUF_INIT;
        struct treetext t;
        json_t *o;
        char *s;

        for (size_t i = 0; i < len; i++)
            bytes[i] = rnd (256);
        treetext_add_val (&b, bytes, len);
        assert_non_null (o = treeobj_create_val (bytes, len));
        s = treeobj_encode (o, NULL);
        assert_string_equal (b.data, s);
        assert_int_equal (treetext_parse (b.data, b.len, &t), 0);
        buf_adds (&back, "before");
        assert_int_equal (treetext_val_decode (&t, &back), 0);
        assert_int_equal (back.len, 6 + len);
        assert_memory_equal (back.data, "before", 6);
        assert_memory_equal (back.data + 6, bytes, len);
        assert_int_equal (back.data[back.len], '\0');
        t.type = TREEOBJ_DIR;
        assert_int_equal (treetext_val_decode (&t, &back), -1);
        free (s);
        json_decref (o);
        buf_fini (&back);
        buf_fini (&b);
    }
    for (size_t i = 0; i < sizeof (links) / sizeof (links[0]); i++) {
        json_t *o = treeobj_create_symlink (links[i].ns, links[i].target);
        char *s = treeobj_encode (o, NULL);
        struct buf b = BUF_INIT;

        treetext_add_symlink (&b, links[i].ns, links[i].target);
        assert_string_equal (b.data, s);
        free (s);
        json_decref (o);
        buf_fini (&b);
    }
}

static void bad_values (void **state)
{
    static const char *data[] = { "\"e\"",     "\"eA\"",     "\"eA=\"", "\"e===\"",
                                  "\"eA==x\"", "\"e\\/==\"", "\"*A==\"" };
    char text[80];
    struct treetext t;

    for (size_t i = 0; i < sizeof (data) / sizeof (data[0]); i++) {
        struct buf b = BUF_INIT;

        snprintf (text, sizeof (text), "{\"data\":%s,\"type\":\"val\",\"ver\":1}",
                  data[i]);
        assert_int_equal (treetext_parse (text, strlen (text), &t), 0);
        assert_int_equal (treetext_val_decode (&t, &b), -1);
        assert_int_equal (errno, EINVAL);
        assert_int_equal (b.len, 0);
        buf_fini (&b);
    }
}

/* --- Transactions --- */

#define OPS 24

/* What becomes of the keys a, b and c. */
struct model {
    char kind[3]; /* 0: untouched */
    int appended[3];
    char value[3][OPS * 2 + 1];
};

static void model_apply (struct model *m, int kind, int flags, int key, const char *s)
{
    if (kind == KVS_TXN_VALUE && (flags & FLUX_KVS_APPEND)) {
        if (m->kind[key] == 0)
            m->appended[key] = 1; /* to what was there before */
        if (m->kind[key] == KVS_TXN_UNLINK)
            m->value[key][0] = '\0';
        m->kind[key] = KVS_TXN_VALUE;
        strcat (m->value[key], s);
        return;
    }
    m->kind[key] = kind;
    m->appended[key] = 0;
    strcpy (m->value[key], s);
}

static int txn_random (flux_kvs_txn_t *txn, struct model *m)
{
    int n = rnd (OPS + 1);

    for (int i = 0; i < n; i++) {
        int key = rnd (3), what = rnd (6);
        char name[2] = { 'a' + key, '\0' }, s[2] = { '0' + rnd (10), '\0' };

        if (rnd (8) == 0)
            s[0] = '\0';
        if (what == 0) {
            assert_int_equal (flux_kvs_txn_unlink (txn, 0, name), 0);
            model_apply (m, KVS_TXN_UNLINK, 0, key, "");
        } else {
            int flags = what == 1 ? 0 : FLUX_KVS_APPEND;
            assert_int_equal (flux_kvs_txn_put (txn, flags, name, s), 0);
            model_apply (m, KVS_TXN_VALUE, flags, key, s);
        }
    }
    return n;
}

/* The operations as they travel, applied; their number, or -1. */
static int txn_apply (const struct buf *b, struct model *m)
{
    struct kvs_txn_reader r;
    struct kvs_txn_op op;
    int rc, n = 0;

    assert_int_equal (kvs_txn_read (&r, b->data, b->len), 0);
    while ((rc = kvs_txn_next (&r, &op)) == 1) {
        assert_int_equal (op.key_len, 1);
        model_apply (m, op.kind, op.flags, op.key[0] - 'a', op.data);
        n++;
    }
    assert_int_equal (r.count, n);
    return rc < 0 ? -1 : n;
}

/* Appends to a key that has one already, with nothing but appends between. */
static int repeated (const struct buf *b)
{
    struct kvs_txn_reader r;
    struct kvs_txn_op op;
    bool seen[3] = { false };
    int n = 0;

    assert_int_equal (kvs_txn_read (&r, b->data, b->len), 0);
    while (kvs_txn_next (&r, &op) == 1) {
        if (op.kind != KVS_TXN_VALUE || !(op.flags & FLUX_KVS_APPEND)) {
            memset (seen, 0, sizeof (seen));
            continue;
        }
        n += seen[op.key[0] - 'a'];
        seen[op.key[0] - 'a'] = true;
    }
    return n;
}

/* A transaction made compact does the same with fewer operations. */
static void compacted_is_same (void **state)
{
    int more = 0;

    for (int round = 0; round < 400; round++) {
        flux_kvs_txn_t *txn = flux_kvs_txn_create ();
        struct model want = { 0 }, got = { 0 }, compact = { 0 };
        struct buf b = BUF_INIT, c = BUF_INIT;
        int n = txn_random (txn, &want);

        assert_int_equal (flux_kvs_txn_is_empty (txn), n == 0);
        kvs_txn_encode (txn, "n", 0, &b);
        assert_int_equal (txn_apply (&b, &got), n);
        assert_memory_equal (&got, &want, sizeof (want));
        kvs_txn_encode (txn, "n", FLUX_KVS_TXN_COMPACT, &c);
        more += repeated (&b);
        assert_int_equal (txn_apply (&c, &compact), n - repeated (&b));
        assert_int_equal (repeated (&c), 0);
        assert_memory_equal (&compact, &want, sizeof (want));
        assert_int_equal (flux_kvs_txn_clear (txn), 0);
        assert_true (flux_kvs_txn_is_empty (txn));
        flux_kvs_txn_destroy (txn);
        buf_fini (&b);
        buf_fini (&c);
    }
    assert_true (more > 100); /* there was something to do */
}

/* The flags of what is put together are those of all. */
static void compacted_flags (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    struct buf b = BUF_INIT;
    struct kvs_txn_reader r;
    struct kvs_txn_op op;

    assert_int_equal (flux_kvs_txn_put (txn, FLUX_KVS_APPEND, "a", "x"), 0);
    assert_int_equal (flux_kvs_txn_put (txn, FLUX_KVS_APPEND | KVS_TXN_COLD, "a", "y"),
                      0);
    kvs_txn_encode (txn, "n", FLUX_KVS_TXN_COMPACT | FLUX_KVS_SYNC, &b);
    assert_int_equal (kvs_txn_read (&r, b.data, b.len), 0);
    assert_int_equal (r.flags, FLUX_KVS_SYNC);
    assert_int_equal (kvs_txn_next (&r, &op), 1);
    assert_int_equal (op.flags, FLUX_KVS_APPEND | KVS_TXN_COLD);
    assert_string_equal (op.data, "xy");
    flux_kvs_txn_destroy (txn);
    buf_fini (&b);
}

/* Cut at any length it is refused, or ends where an operation does. */
static void cut_transactions (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    struct buf b = BUF_INIT;
    int whole = 0, count = 0;

    assert_int_equal (flux_kvs_txn_put_raw (txn, 0, "k", "\0\1", 2), 0);
    assert_int_equal (flux_kvs_txn_unlink (txn, 0, "longer.key"), 0);
    assert_int_equal (flux_kvs_txn_mkdir (txn, 0, "d"), 0);
    assert_int_equal (flux_kvs_txn_pack (txn, 0, "p", "{s:[i]}", "b", 2), 0);
    kvs_txn_encode (txn, "namespace", 0, &b);
    for (size_t len = 0; len <= b.len; len++) {
        char *copy = malloc (len + 1);
        struct kvs_txn_reader r;
        struct kvs_txn_op op;
        int rc, n = 0;

        memcpy (copy, b.data, len);
        if ((rc = kvs_txn_read (&r, copy, len)) == 0)
            while ((rc = kvs_txn_next (&r, &op)) == 1)
                n++;
        if (rc < 0)
            assert_int_equal (errno, EPROTO);
        else {
            assert_int_equal (n, whole++);
            count = n;
        }
        free (copy);
    }
    assert_int_equal (whole, 5);
    assert_int_equal (count, 4);
    flux_kvs_txn_destroy (txn);
    buf_fini (&b);
}

static void bad_transactions (void **state)
{
#define HEAD "FKT1\0\0\0\0\1\0\0\0\1\0\0\0n\0"
    static const struct {
        const char *bytes;
        size_t len;
        int ops; /* -1: refused */
    } t[] = {
        { HEAD, 18, 0 },
        { "FKT2\0\0\0\0\1\0\0\0\1\0\0\0n\0", 18, -1 },
        { "FKT1\0\0\0\0\1\0\0\0\1\0\0\0\0\0", 18, -1 }, /* a NUL in the namespace */
        { "FKT1\0\0\0\0\1\0\0\0\xff\xff\xff\xffn\0", 18, -1 },
        { HEAD "\1\0\0\0\1\0\0\0\0\0\0\0k\0\0", 33, 1 },
        { HEAD "\3\0\0\0\1\0\0\0\0\0\0\0k\0\0", 33, 1 },
        { HEAD "\0\0\0\0\1\0\0\0\0\0\0\0k\0\0", 33, -1 }, /* no kind */
        { HEAD "\4\0\0\0\1\0\0\0\0\0\0\0k\0\0", 33, -1 },
        { HEAD "\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0", 33, -1 }, /* a NUL in the key */
        { HEAD "\1\0\0\0\1\0\0\0\0\0\0\0k\0x", 33, -1 },   /* none behind the data */
        { HEAD "\1\0\0\0\1\0\0\0\1\0\0\0k\0\0", 33, -1 },
        { HEAD "\1\0\0\0\xff\xff\xff\xff\0\0\0\0k\0\0", 33, -1 },
        { HEAD "\1\0\0\0\1\0\0\0\xff\xff\xff\xffk\0\0", 33, -1 },
    };
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        char *copy = malloc (t[i].len);
        struct kvs_txn_reader r;
        struct kvs_txn_op op;
        int rc, n = 0;

        memcpy (copy, t[i].bytes, t[i].len);
        if ((rc = kvs_txn_read (&r, copy, t[i].len)) == 0)
            while ((rc = kvs_txn_next (&r, &op)) == 1)
                n++;
        assert_int_equal (rc < 0 ? -1 : n, t[i].ops);
        free (copy);
    }
}

/* What is refused leaves the transaction as it was. */
static void refused (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_put (NULL, 0, "a", "x"), -1);
    assert_int_equal (flux_kvs_txn_put (txn, 0, NULL, "x"), -1);
    assert_int_equal (flux_kvs_txn_put (txn, FLUX_KVS_WATCH, "a", "x"), -1);
    assert_int_equal (flux_kvs_txn_put_raw (txn, 0, "a", NULL, 1), -1);
    assert_int_equal (flux_kvs_txn_put_raw (txn, 0, "a", "x", 1ull << 32), -1);
    assert_int_equal (flux_kvs_txn_pack (txn, FLUX_KVS_APPEND, "a", "i", 1), -1);
    assert_int_equal (flux_kvs_txn_pack (txn, 0, "a", "{"), -1);
    assert_int_equal (flux_kvs_txn_pack (txn, 0, "a", NULL), -1);
    assert_int_equal (flux_kvs_txn_put_treeobj (txn, 0, "a", NULL), -1);
    assert_int_equal (flux_kvs_txn_put_treeobj (txn, 0, "a", "{}"), -1);
    assert_int_equal (
        flux_kvs_txn_put_treeobj (txn, 0, "a",
                                  "{\"data\":{\"x\":{}},\"type\":\"dir\",\"ver\":1}"),
        -1);
    assert_int_equal (flux_kvs_txn_mkdir (txn, 1, "a"), -1);
    assert_int_equal (flux_kvs_txn_unlink (txn, 1, "a"), -1);
    assert_int_equal (flux_kvs_txn_symlink (txn, 0, "a", "n", NULL), -1);
    assert_int_equal (flux_kvs_txn_symlink (txn, 1, "a", "n", "b"), -1);
    assert_int_equal (flux_kvs_txn_symlink (txn, 0, NULL, "n", "b"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_kvs_txn_clear (NULL), -1);
    assert_true (flux_kvs_txn_is_empty (txn));
    assert_true (flux_kvs_txn_is_empty (NULL));
    flux_kvs_txn_destroy (txn);
    flux_kvs_txn_destroy (NULL);
}

/* Each kind of operation, with its key normalised. */
static void operations (void **state)
{
    static const struct {
        int kind;
        const char *key, *data;
    } want[] = {
        { KVS_TXN_VALUE, "a.b", "x" },
        { KVS_TXN_VALUE, ".", "" },
        { KVS_TXN_VALUE, "j", "{\"a\":2,\"b\":1}" },
        { KVS_TXN_VALUE, "n", "null" },
        { KVS_TXN_TREEOBJ, "d", "{\"data\":{},\"type\":\"dir\",\"ver\":1}" },
        { KVS_TXN_TREEOBJ, "s",
          "{\"data\":{\"target\":\"t\"},\"type\":\"symlink\",\"ver\":1}" },
        { KVS_TXN_TREEOBJ, "v", "{\"ver\":1,\"type\":\"val\",\"data\":\"\"}" },
        { KVS_TXN_UNLINK, "u", "" },
    };
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    struct buf b = BUF_INIT;
    struct kvs_txn_reader r;
    struct kvs_txn_op op;

    assert_int_equal (flux_kvs_txn_put (txn, 0, "a..b.", "x"), 0);
    assert_int_equal (flux_kvs_txn_put (txn, 0, ".", NULL), 0);
    assert_int_equal (flux_kvs_txn_pack (txn, 0, "j", "{s:i s:i}", "b", 1, "a", 2), 0);
    assert_int_equal (flux_kvs_txn_pack (txn, 0, "n", "n"), 0);
    assert_int_equal (flux_kvs_txn_mkdir (txn, 0, "d"), 0);
    assert_int_equal (flux_kvs_txn_symlink (txn, 0, "s", NULL, "t"), 0);
    assert_int_equal (flux_kvs_txn_put_treeobj (
                          txn, 0, "v", "{\"ver\":1,\"type\":\"val\",\"data\":\"\"}"),
                      0);
    assert_int_equal (flux_kvs_txn_unlink (txn, 0, "u"), 0);
    kvs_txn_encode (txn, "", 0, &b);
    assert_int_equal (kvs_txn_read (&r, b.data, b.len), 0);
    assert_int_equal (r.count, sizeof (want) / sizeof (want[0]));
    for (int i = 0; i < r.count; i++) {
        assert_int_equal (kvs_txn_next (&r, &op), 1);
        assert_int_equal (op.kind, want[i].kind);
        assert_string_equal (op.key, want[i].key);
        assert_int_equal (op.len, strlen (want[i].data));
        assert_string_equal (op.data, want[i].data);
        assert_int_equal (op.flags, 0);
    }
    assert_int_equal (kvs_txn_next (&r, &op), 0);
    flux_kvs_txn_destroy (txn);
    buf_fini (&b);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (batches),          cmocka_unit_test (bad_batches),
        cmocka_unit_test (tree_objects),     cmocka_unit_test (written_alike),
        cmocka_unit_test (bad_values),       cmocka_unit_test (compacted_is_same),
        cmocka_unit_test (compacted_flags),  cmocka_unit_test (cut_transactions),
        cmocka_unit_test (bad_transactions), cmocka_unit_test (refused),
        cmocka_unit_test (operations),
    };

    return cmocka_run_group_tests (tests, start, NULL);
}
