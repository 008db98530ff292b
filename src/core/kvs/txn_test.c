#include "base/json/sweep.h"
#include "base/test.h"
#include "core/kvs/txn.h"

#include <stdio.h>
#include <string.h>

/* The operations as text: "a+=xy b=1 -c ". */
static void show (const flux_kvs_txn_t *txn, int flags, char *text, size_t size)
{
    struct buf b = BUF_INIT;
    struct kvs_txn_reader r;
    struct kvs_txn_op op;
    size_t len = 0;
    int rc, count = 0;

    kvs_txn_encode (txn, "primary", flags, &b);
    assert_int_equal (b.err, 0);
    assert_int_equal (kvs_txn_read (&r, b.data, b.len), 0);
    assert_string_equal (r.ns, "primary");
    *text = '\0';
    while ((rc = kvs_txn_next (&r, &op)) == 1) {
        count++;
        if (op.kind == KVS_TXN_UNLINK)
            len += snprintf (text + len, size - len, "-%s ", op.key);
        else
            len += snprintf (text + len, size - len, "%s%s=%s ", op.key,
                             (op.flags & FLUX_KVS_APPEND) ? "+" : "", op.data);
    }
    assert_int_equal (rc, 0);
    assert_int_equal (r.count, count);
    buf_fini (&b);
}

static void append (flux_kvs_txn_t *txn, const char *key, const char *value)
{
    assert_int_equal (flux_kvs_txn_put (txn, FLUX_KVS_APPEND, key, value), 0);
}

static void compacted (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char text[512];

    append (txn, "a", "1");
    append (txn, "b", "x");
    append (txn, "a", "2");
    append (txn, "a", "");
    show (txn, 0, text, sizeof (text));
    assert_string_equal (text, "a+=1 b+=x a+=2 a+= ");
    show (txn, FLUX_KVS_TXN_COMPACT, text, sizeof (text));
    assert_string_equal (text, "a+=12 b+=x ");
    flux_kvs_txn_destroy (txn);
}

/* What the key is in the end does not change. */
static void between (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char text[512];

    append (txn, "a", "1");
    append (txn, "a", "2");
    assert_int_equal (flux_kvs_txn_unlink (txn, 0, "a"), 0);
    append (txn, "a", "3");
    assert_int_equal (flux_kvs_txn_put (txn, 0, "b", "y"), 0);
    append (txn, "a", "4");
    show (txn, FLUX_KVS_TXN_COMPACT | FLUX_KVS_NO_MERGE, text, sizeof (text));
    assert_string_equal (text, "a+=12 -a a+=3 b=y a+=4 ");
    flux_kvs_txn_destroy (txn);
}

static void none (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char text[512];

    show (txn, FLUX_KVS_TXN_COMPACT, text, sizeof (text));
    assert_string_equal (text, "");
    show (NULL, FLUX_KVS_TXN_COMPACT, text, sizeof (text));
    assert_string_equal (text, "");
    flux_kvs_txn_destroy (txn);
}

static int pack (void)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    static const char dir[] = "{\"ver\":1,\"type\":\"dir\",\"data\":{}}";
    int rc = flux_kvs_txn_pack (txn, 0, "a", "{s:[i]}", "b", 1), saved;

    if (rc == 0)
        rc = flux_kvs_txn_put_treeobj (txn, 0, "b", dir);
    saved = errno;
    flux_kvs_txn_destroy (txn);
    errno = saved;
    return rc;
}

static void no_memory_is_said (void **state)
{
    assert_in_range (json_sweep (pack), 4, 100);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (no_memory_is_said),
        cmocka_unit_test (compacted),
        cmocka_unit_test (between),
        cmocka_unit_test (none),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
