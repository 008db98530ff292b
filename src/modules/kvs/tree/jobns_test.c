#include "base/test.h"
#include "fakestore.h"
#include "jobns.h"

#include <flux/kvs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIR_1 "job.0000.0000.0000.0001"
#define GUEST_1 DIR_1 ".guest"

static void test_names (void **state)
{
    static const char *no[] = { "primary",
                                "job-",
                                "job-x",
                                "job--1",
                                "job-01",
                                "job-1x",
                                "job- 1",
                                "job-+1",
                                "job",
                                "Job-1",
                                "job-1.2",
                                "",
                                "job-18446744073709551616" };
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX];

    assert_true (jobns_parse ("job-1", dir, guest));
    assert_string_equal (dir, DIR_1);
    assert_string_equal (guest, GUEST_1);
    assert_true (jobns_parse ("job-18446744073709551615", dir, guest));
    assert_string_equal (guest, "job.ffff.ffff.ffff.ffff.guest");
    assert_true (jobns_parse ("job-0", dir, guest));
    for (size_t i = 0; i < sizeof (no) / sizeof (no[0]); i++)
        assert_false (jobns_parse (no[i], dir, guest));
}

static void test_keys (void **state)
{
    char *s = jobns_key (GUEST_1, ".");

    assert_string_equal (s, GUEST_1);
    free (s);
    s = jobns_key (GUEST_1, "a.b");
    assert_string_equal (s, GUEST_1 ".a.b");
    free (s);
}

/* As the service does it. */
static int commit (struct fake *f, const char *ns, flux_kvs_txn_t *txn)
{
    struct buf in = BUF_INIT, out = BUF_INIT;
    struct kvs_txn_reader r;
    int rc, errnum;

    kvs_txn_encode (txn, ns, FLUX_KVS_NO_MERGE, &in);
    flux_kvs_txn_destroy (txn);
    assert_int_equal (kvs_txn_read (&r, in.data, in.len), 0);
    if ((rc = jobns_txn (&r, &out)) == 0) {
        assert_int_equal (kvs_txn_read (&r, out.data, out.len), 0);
        assert_int_equal (r.flags, FLUX_KVS_NO_MERGE);
        r.within = r.ns;
        if (f->batch.len == 0)
            blobs_begin (&f->batch, 20, 0);
        while ((rc = kvs_tree_apply (f->tree, r, &f->batch)) < 0 && errno == EAGAIN
               && fake_load (f))
            ;
    }
    errnum = errno;
    buf_fini (&in);
    buf_fini (&out);
    if (rc == 0 && kvs_tree_hash (f->tree, &f->batch) < 0)
        abort ();
    if (rc == 0)
        fake_store (f);
    errno = errnum;
    return rc;
}

static flux_kvs_txn_t *one (const char *key, const char *value)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_int_equal (flux_kvs_txn_put (txn, 0, key, value), 0);
    return txn;
}

static void assert_value (struct fake *f, const char *key, const char *base64)
{
    char *s = fake_lookup (f, key, 0, NULL), expected[256];

    snprintf (expected, sizeof (expected),
              "{\"data\":\"%s\",\"type\":\"val\",\"ver\":1}", base64);
    assert_non_null (s);
    assert_string_equal (s, expected);
    free (s);
}

static void test_commit (void **state)
{
    struct fake f;
    flux_kvs_txn_t *txn;

    fake_init (&f);
    /* there is no such job */
    assert_int_equal (commit (&f, "job-1", one ("a", "x")), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_null (fake_lookup (&f, "job", 0, NULL));
    /* nor is it one because something has its name */
    assert_int_equal (fake_commit (&f, one (DIR_1, "x")), 0);
    assert_int_equal (commit (&f, "job-1", one ("a", "x")), -1);
    assert_int_equal (errno, ENOTSUP);

    assert_int_equal (fake_commit (&f, one (DIR_1 ".eventlog", "x")), 0);
    assert_int_equal (commit (&f, "job-1", one ("a.b", "x")), 0);
    assert_value (&f, GUEST_1 ".a.b", "eA==");
    /* the directory is found also if it has to be loaded */
    fake_reopen (&f);
    assert_int_equal (commit (&f, "job-1", one ("c", "x")), 0);
    fake_reopen (&f);
    assert_int_equal (commit (&f, "job-2", one ("c", "x")), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_value (&f, GUEST_1 ".c", "eA==");

    txn = one ("d", "x");
    assert_int_equal (flux_kvs_txn_unlink (txn, 0, "c"), 0);
    assert_int_equal (flux_kvs_txn_put (txn, FLUX_KVS_APPEND, "d", "x"), 0);
    assert_int_equal (flux_kvs_txn_mkdir (txn, 0, "e"), 0);
    assert_int_equal (commit (&f, "job-1", txn), 0);
    assert_null (fake_lookup (&f, GUEST_1 ".c", 0, NULL));
    assert_value (&f, GUEST_1 ".d", "eHg=");

    /* all or nothing, and nothing that stands for the directory itself */
    txn = one ("f", "x");
    assert_int_equal (flux_kvs_txn_unlink (txn, 0, "."), 0);
    assert_int_equal (commit (&f, "job-1", txn), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (fake_lookup (&f, GUEST_1 ".f", 0, NULL));
    fake_fini (&f);
}

static void test_links (void **state)
{
    flux_kvs_txn_t *txn = one ("a", "x");
    struct fake f;
    char *s;

    fake_init (&f);
    assert_int_equal (fake_commit (&f, one (DIR_1 ".eventlog", "x")), 0);
    assert_int_equal (flux_kvs_txn_symlink (txn, 0, "l", NULL, "a"), 0);
    assert_int_equal (flux_kvs_txn_symlink (txn, 0, "root", NULL, "."), 0);
    assert_int_equal (flux_kvs_txn_symlink (txn, 0, "other", "n", "a"), 0);
    assert_int_equal (commit (&f, "job-1", txn), 0);
    assert_value (&f, GUEST_1 ".l", "eA==");
    assert_value (&f, GUEST_1 ".root.l", "eA==");
    assert_int_equal (commit (&f, "job-1", one ("l", "y")), 0);
    s = fake_lookup (&f, GUEST_1 ".other", FLUX_KVS_TREEOBJ, NULL);
    assert_non_null (strstr (s, "\"n\""));
    free (s);
    fake_fini (&f);
}

static void test_malformed (void **state)
{
    struct buf in = BUF_INIT, out = BUF_INIT;
    flux_kvs_txn_t *txn = one ("a", "x");
    struct kvs_txn_reader r;

    kvs_txn_encode (txn, "job-1", 0, &in);
    flux_kvs_txn_destroy (txn);
    assert_int_equal (kvs_txn_read (&r, in.data, in.len - 1), 0);
    assert_int_equal (jobns_txn (&r, &out), -1);
    assert_int_equal (errno, EPROTO);
    r.ns = "primary";
    assert_int_equal (jobns_txn (&r, &out), -1);
    assert_int_equal (errno, EINVAL);
    buf_fini (&in);
    buf_fini (&out);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_names),     cmocka_unit_test (test_keys),
        cmocka_unit_test (test_commit),    cmocka_unit_test (test_links),
        cmocka_unit_test (test_malformed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
