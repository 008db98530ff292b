/* How calls of the KVS fail before they have asked. What the service refuses is in live.c. */
#include "api.h"

#include <flux/kvs.h>

static flux_t *h; /* loop:// */

/* What has failed for want of memory takes nothing more: a new one for each try. */
#define WITH(call, ...)                                                                \
    ({                                                                                 \
        flux_kvs_txn_t *txn_ = flux_kvs_txn_create ();                                 \
        int status_ = txn_ ? call (txn_, __VA_ARGS__) : -1;                            \
        int saved_ = errno;                                                            \
        flux_kvs_txn_destroy (txn_);                                                   \
        errno = saved_;                                                                \
        status_;                                                                       \
    })

static void transactions (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    assert_non_null (txn);
    NO_MEMORY (flux_kvs_txn_create, flux_kvs_txn_create (),
               flux_kvs_txn_destroy (made));
    FAILS (flux_kvs_txn_put, EINVAL, flux_kvs_txn_put (txn, 0, NULL, "x"));
    FAILS (flux_kvs_txn_pack, EINVAL, flux_kvs_txn_pack (txn, 0, NULL, "i", 1));
    FAILS (flux_kvs_txn_put_raw, EINVAL, flux_kvs_txn_put_raw (txn, 0, NULL, "x", 1));
    FAILS (flux_kvs_txn_mkdir, EINVAL, flux_kvs_txn_mkdir (txn, 0, NULL));
    FAILS (flux_kvs_txn_unlink, EINVAL, flux_kvs_txn_unlink (txn, 0, NULL));
    FAILS (flux_kvs_txn_symlink, EINVAL,
           flux_kvs_txn_symlink (txn, 0, NULL, NULL, "x"));
    FAILS (flux_kvs_txn_put_treeobj, EINVAL,
           flux_kvs_txn_put_treeobj (txn, 0, NULL, "{}"));
    FAILS (flux_kvs_txn_put, EINVAL, flux_kvs_txn_put (NULL, 0, "a", "x"));
    FAILS (flux_kvs_txn_put, EINVAL, flux_kvs_txn_put (txn, 0x1000, "a", "x"));
    MEMORY (flux_kvs_txn_put, WITH (flux_kvs_txn_put, 0, "a", "x"), );
    FAILS (flux_kvs_txn_pack, EINVAL, flux_kvs_txn_pack (NULL, 0, "a", "i", 1));
    FAILS (flux_kvs_txn_pack, EINVAL, flux_kvs_txn_pack (txn, 0, "a", "z"));
    MEMORY (flux_kvs_txn_pack, WITH (flux_kvs_txn_pack, 0, "a", "{s:i}", "i", 1), );
    FAILS (flux_kvs_txn_put_raw, EINVAL, flux_kvs_txn_put_raw (NULL, 0, "a", "x", 1));
    FAILS (flux_kvs_txn_put_raw, EINVAL, flux_kvs_txn_put_raw (txn, 0, "a", NULL, 1));
    MEMORY (flux_kvs_txn_put_raw, WITH (flux_kvs_txn_put_raw, 0, "a", "x", 1), );
    FAILS (flux_kvs_txn_mkdir, EINVAL, flux_kvs_txn_mkdir (NULL, 0, "a"));
    FAILS (flux_kvs_txn_mkdir, EINVAL, flux_kvs_txn_mkdir (txn, FLUX_KVS_APPEND, "a"));
    MEMORY (flux_kvs_txn_mkdir, WITH (flux_kvs_txn_mkdir, 0, "a"), );
    FAILS (flux_kvs_txn_unlink, EINVAL, flux_kvs_txn_unlink (NULL, 0, "a"));
    FAILS (flux_kvs_txn_unlink, EINVAL,
           flux_kvs_txn_unlink (txn, FLUX_KVS_APPEND, "a"));
    MEMORY (flux_kvs_txn_unlink, WITH (flux_kvs_txn_unlink, 0, "a"), );
    FAILS (flux_kvs_txn_symlink, EINVAL,
           flux_kvs_txn_symlink (NULL, 0, "a", NULL, "b"));
    FAILS (flux_kvs_txn_symlink, EINVAL,
           flux_kvs_txn_symlink (txn, 0, "a", NULL, NULL));
    MEMORY (flux_kvs_txn_symlink, WITH (flux_kvs_txn_symlink, 0, "a", NULL, "b"), );
    FAILS (flux_kvs_txn_put_treeobj, EINVAL,
           flux_kvs_txn_put_treeobj (NULL, 0, "a", "{}"));
    FAILS (flux_kvs_txn_put_treeobj, EINVAL,
           flux_kvs_txn_put_treeobj (txn, 0, "a", NULL));
    FAILS (flux_kvs_txn_put_treeobj, EINVAL,
           flux_kvs_txn_put_treeobj (txn, 0, "a", "{}"));
    MEMORY (flux_kvs_txn_put_treeobj,
            WITH (flux_kvs_txn_put_treeobj, 0, "a",
                  "{\"ver\":1,\"type\":\"dir\",\"data\":{}}"), );
    flux_kvs_txn_destroy (txn);
}

static void requests (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    int version;

    NULLS (flux_kvs_commit, EINVAL, flux_kvs_commit (NULL, NULL, 0, txn));
    NULLS (flux_kvs_commit, EINVAL, flux_kvs_commit (h, NULL, 0, NULL));
    NULLS (flux_kvs_commit, EINVAL, flux_kvs_commit (h, NULL, 0x1000, txn));
    NO_MEMORY (flux_kvs_commit, flux_kvs_commit (h, NULL, 0, txn),
               flux_future_destroy (made));
    NULLS (flux_kvs_lookup, EINVAL, flux_kvs_lookup (NULL, NULL, 0, "a"));
    NULLS (flux_kvs_lookup, EINVAL, flux_kvs_lookup (h, NULL, 0, NULL));
    NULLS (flux_kvs_lookup, EINVAL, flux_kvs_lookup (h, NULL, 0, ""));
    NULLS (flux_kvs_lookup, EINVAL, flux_kvs_lookup (h, NULL, 0x10000, "a"));
    NULLS (flux_kvs_lookup, EINVAL,
           flux_kvs_lookup (h, NULL, FLUX_KVS_READDIR | FLUX_KVS_READLINK, "a"));
    NO_MEMORY (flux_kvs_lookup, flux_kvs_lookup (h, NULL, 0, "a"),
               flux_future_destroy (made));
    NULLS (flux_kvs_lookupat, EINVAL, flux_kvs_lookupat (NULL, 0, "a", NULL));
    NULLS (flux_kvs_lookupat, EINVAL, flux_kvs_lookupat (h, 0, NULL, NULL));
    NULLS (flux_kvs_lookupat, EINVAL, flux_kvs_lookupat (h, 0, "a", "["));
    NULLS (flux_kvs_getroot, EINVAL, flux_kvs_getroot (NULL, NULL, 0));
    NULLS (flux_kvs_getroot, EINVAL, flux_kvs_getroot (h, NULL, 1));
    NO_MEMORY (flux_kvs_getroot, flux_kvs_getroot (h, NULL, 0),
               flux_future_destroy (made));
    NULLS (flux_kvs_namespace_create, EINVAL,
           flux_kvs_namespace_create (NULL, "a", FLUX_USERID_UNKNOWN, 0));
    NULLS (flux_kvs_namespace_create, EINVAL,
           flux_kvs_namespace_create (h, NULL, FLUX_USERID_UNKNOWN, 0));
    NULLS (flux_kvs_namespace_create, EINVAL,
           flux_kvs_namespace_create (h, "a", FLUX_USERID_UNKNOWN, 1));
    NO_MEMORY (flux_kvs_namespace_create,
               flux_kvs_namespace_create (h, "a", FLUX_USERID_UNKNOWN, 0),
               flux_future_destroy (made));
    NULLS (flux_kvs_namespace_create_with, EINVAL,
           flux_kvs_namespace_create_with (NULL, "a", NULL, FLUX_USERID_UNKNOWN, 0));
    NULLS (flux_kvs_namespace_create_with, EINVAL,
           flux_kvs_namespace_create_with (h, NULL, NULL, FLUX_USERID_UNKNOWN, 0));
    NO_MEMORY (flux_kvs_namespace_create_with,
               flux_kvs_namespace_create_with (h, "a", NULL, FLUX_USERID_UNKNOWN, 0),
               flux_future_destroy (made));
    NULLS (flux_kvs_namespace_remove, EINVAL, flux_kvs_namespace_remove (NULL, "a"));
    NULLS (flux_kvs_namespace_remove, EINVAL, flux_kvs_namespace_remove (h, NULL));
    NO_MEMORY (flux_kvs_namespace_remove, flux_kvs_namespace_remove (h, "a"),
               flux_future_destroy (made));
    NULLS (flux_kvs_copy, EINVAL, flux_kvs_copy (NULL, NULL, "a", NULL, "b", 0));
    NULLS (flux_kvs_copy, EINVAL, flux_kvs_copy (h, NULL, NULL, NULL, "b", 0));
    NULLS (flux_kvs_copy, EINVAL, flux_kvs_copy (h, NULL, "a", NULL, NULL, 0));
    NULLS (flux_kvs_move, EINVAL, flux_kvs_move (NULL, NULL, "a", NULL, "b", 0));
    NULLS (flux_kvs_move, EINVAL, flux_kvs_move (h, NULL, NULL, NULL, "b", 0));
    NULLS (flux_kvs_move, EINVAL, flux_kvs_move (h, NULL, "a", NULL, NULL, 0));
    FAILS (flux_kvs_get_version, EINVAL, flux_kvs_get_version (NULL, NULL, &version));
    FAILS (flux_kvs_wait_version, EINVAL, flux_kvs_wait_version (NULL, NULL, 1));
    FAILS (flux_kvs_dropcache, EINVAL, flux_kvs_dropcache (NULL));
    flux_kvs_txn_destroy (txn);
}

/* Of a future that is no lookup's. */
static void getters (void **state)
{
    flux_future_t *f = flux_future_create (NULL, NULL);
    const flux_kvsdir_t *dir;
    const char *s, *t;
    const void *data;
    uint32_t owner;
    size_t len;
    int n;

    flux_future_fulfill (f, NULL, NULL);
    FAILS (flux_kvs_lookup_get, EINVAL, flux_kvs_lookup_get (NULL, &s));
    FAILS (flux_kvs_lookup_get, EINVAL, flux_kvs_lookup_get (f, &s));
    FAILS (flux_kvs_lookup_get_raw, EINVAL,
           flux_kvs_lookup_get_raw (NULL, &data, &len));
    FAILS (flux_kvs_lookup_get_raw, EINVAL, flux_kvs_lookup_get_raw (f, &data, &len));
    FAILS (flux_kvs_lookup_get_unpack, EINVAL,
           flux_kvs_lookup_get_unpack (NULL, "i", &n));
    FAILS (flux_kvs_lookup_get_unpack, EINVAL, flux_kvs_lookup_get_unpack (f, "i", &n));
    FAILS (flux_kvs_lookup_get_dir, EINVAL, flux_kvs_lookup_get_dir (NULL, &dir));
    FAILS (flux_kvs_lookup_get_dir, EINVAL, flux_kvs_lookup_get_dir (f, &dir));
    FAILS (flux_kvs_lookup_get_treeobj, EINVAL, flux_kvs_lookup_get_treeobj (NULL, &s));
    FAILS (flux_kvs_lookup_get_treeobj, EINVAL, flux_kvs_lookup_get_treeobj (f, &s));
    FAILS (flux_kvs_lookup_get_symlink, EINVAL,
           flux_kvs_lookup_get_symlink (NULL, &s, &t));
    FAILS (flux_kvs_lookup_get_symlink, EINVAL,
           flux_kvs_lookup_get_symlink (f, &s, &t));
    NULLS (flux_kvs_lookup_get_key, EINVAL, flux_kvs_lookup_get_key (NULL));
    NULLS (flux_kvs_lookup_get_key, EINVAL, flux_kvs_lookup_get_key (f));
    FAILS (flux_kvs_lookup_cancel, EINVAL, flux_kvs_lookup_cancel (NULL));
    FAILS (flux_kvs_lookup_cancel, EINVAL, flux_kvs_lookup_cancel (f));
    FAILS (flux_kvs_commit_get_treeobj, EINVAL, flux_kvs_commit_get_treeobj (NULL, &s));
    FAILS (flux_kvs_commit_get_sequence, EINVAL,
           flux_kvs_commit_get_sequence (NULL, &n));
    FAILS (flux_kvs_getroot_get_treeobj, EINVAL,
           flux_kvs_getroot_get_treeobj (NULL, &s));
    FAILS (flux_kvs_getroot_get_blobref, EINVAL,
           flux_kvs_getroot_get_blobref (NULL, &s));
    FAILS (flux_kvs_getroot_get_sequence, EINVAL,
           flux_kvs_getroot_get_sequence (NULL, &n));
    FAILS (flux_kvs_getroot_get_owner, EINVAL,
           flux_kvs_getroot_get_owner (NULL, &owner));
    flux_future_destroy (f);
}

static int set_up (void **state)
{
    return (h = flux_open ("loop://", 0)) && flux_get_reactor (h) ? 0 : -1;
}

static int tear_down (void **state)
{
    int rc = rows_hold (state);

    flux_close (h);
    return rc;
}

#define ON_LOOP(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = { ON_LOOP (transactions), ON_LOOP (requests),
                                        ON_LOOP (getters) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
