/* How services fail what is asked of them, in an instance (system/tools/errno.t).
 * usage: live [bare]   bare: of an instance without modules */
#include "api.h"

#include <flux/attr.h>
#include <flux/kvs.h>
#include <flux/subprocess.h>
#include <signal.h>

static flux_t *h, *guest;

/* A future that is asked once, and destroyed; the errno is the getter's. */
#define OF(make, get)                                                                  \
    ({                                                                                 \
        flux_future_t *f = (make);                                                     \
        assert_non_null (f);                                                           \
        errno = 0;                                                                     \
        int rc_ = (get);                                                               \
        int saved_ = errno;                                                            \
        flux_future_destroy (f);                                                       \
        errno = saved_;                                                                \
        rc_;                                                                           \
    })

static void lookups (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    const flux_kvsdir_t *dir;
    const char *s, *t;
    const void *data;
    size_t len;
    int i;

    assert_true (flux_kvs_txn_put (txn, 0, "api.value", "text") == 0
                 && flux_kvs_txn_symlink (txn, 0, "api.link", NULL, "api.value") == 0);
    assert_int_equal (OF (flux_kvs_commit (h, NULL, 0, txn), flux_future_get (f, NULL)),
                      0);
    flux_kvs_txn_destroy (txn);
#define LOOKUP(ns, flags, key) flux_kvs_lookup (h, ns, flags, key)
    assert_int_equal (OF (LOOKUP (NULL, 0, "api.value"), flux_kvs_lookup_get (f, &s)),
                      0);
    FAILS (flux_kvs_lookup_get, ENOENT,
           OF (LOOKUP (NULL, 0, "nosuch"), flux_kvs_lookup_get (f, &s)));
    FAILS (flux_kvs_lookup_get, EISDIR,
           OF (LOOKUP (NULL, 0, "api"), flux_kvs_lookup_get (f, &s)));
    FAILS (flux_kvs_lookup_get, ENOTSUP,
           OF (LOOKUP ("nosuch", 0, "a"), flux_kvs_lookup_get (f, &s)));
    FAILS (flux_kvs_lookup_get, EPERM,
           OF (flux_kvs_lookup (guest, NULL, 0, "api.value"),
               flux_kvs_lookup_get (f, &s)));
    FAILS (flux_kvs_lookup_get_raw, ENOENT,
           OF (LOOKUP (NULL, 0, "nosuch"), flux_kvs_lookup_get_raw (f, &data, &len)));
    FAILS (flux_kvs_lookup_get_unpack, ENOENT,
           OF (LOOKUP (NULL, 0, "nosuch"), flux_kvs_lookup_get_unpack (f, "i", &i)));
    FAILS (flux_kvs_lookup_get_unpack, EINVAL,
           OF (LOOKUP (NULL, 0, "api.value"), flux_kvs_lookup_get_unpack (f, "i", &i)));
    FAILS (flux_kvs_lookup_get_dir, ENOTDIR,
           OF (LOOKUP (NULL, FLUX_KVS_READDIR, "api.value"),
               flux_kvs_lookup_get_dir (f, &dir)));
    FAILS (flux_kvs_lookup_get_dir, ENOENT,
           OF (LOOKUP (NULL, FLUX_KVS_READDIR, "nosuch"),
               flux_kvs_lookup_get_dir (f, &dir)));
    FAILS (flux_kvs_lookup_get_treeobj, ENOENT,
           OF (LOOKUP (NULL, FLUX_KVS_TREEOBJ, "nosuch"),
               flux_kvs_lookup_get_treeobj (f, &s)));
    FAILS (flux_kvs_lookup_get_symlink, EINVAL,
           OF (LOOKUP (NULL, FLUX_KVS_READLINK, "api.value"),
               flux_kvs_lookup_get_symlink (f, &s, &t)));
    FAILS (flux_kvs_lookup_cancel, EINVAL,
           OF (LOOKUP (NULL, 0, "api.value"), flux_kvs_lookup_cancel (f)));
    FAILS (flux_kvs_lookup_get, ENODATA,
           OF (LOOKUP (NULL, FLUX_KVS_WAITCREATE, "nosuch"),
               flux_kvs_lookup_cancel (f) < 0 ? 0 : flux_kvs_lookup_get (f, &s)));
}

static void writers (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    const char *s;
    int n;

    assert_int_equal (flux_kvs_txn_put (txn, 0, "api.x", "y"), 0);
    FAILS (flux_kvs_commit, ENOTSUP,
           OF (flux_kvs_commit (h, "nosuch", 0, txn), flux_future_get (f, NULL)));
    FAILS (flux_kvs_commit, EPERM,
           OF (flux_kvs_commit (guest, NULL, 0, txn), flux_future_get (f, NULL)));
    FAILS (flux_kvs_commit_get_treeobj, ENOTSUP,
           OF (flux_kvs_commit (h, "nosuch", 0, txn),
               flux_kvs_commit_get_treeobj (f, &s)));
    FAILS (flux_kvs_commit_get_sequence, ENOTSUP,
           OF (flux_kvs_commit (h, "nosuch", 0, txn),
               flux_kvs_commit_get_sequence (f, &n)));
    flux_kvs_txn_destroy (txn);
    FAILS (
        flux_kvs_getroot, ENOTSUP,
        OF (flux_kvs_getroot (h, "nosuch", 0), flux_kvs_getroot_get_treeobj (f, &s)));
    FAILS (
        flux_kvs_getroot, EPERM,
        OF (flux_kvs_getroot (guest, NULL, 0), flux_kvs_getroot_get_treeobj (f, &s)));
    assert_int_equal (OF (flux_kvs_namespace_create (h, "api", FLUX_USERID_UNKNOWN, 0),
                          flux_future_get (f, NULL)),
                      0);
    FAILS (flux_kvs_namespace_create, EEXIST,
           OF (flux_kvs_namespace_create (h, "api", FLUX_USERID_UNKNOWN, 0),
               flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_create, EPERM,
           OF (flux_kvs_namespace_create (guest, "other", FLUX_USERID_UNKNOWN, 0),
               flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_create_with, EEXIST,
           OF (flux_kvs_namespace_create_with (h, "api", NULL, FLUX_USERID_UNKNOWN, 0),
               flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_create_with, EINVAL,
           OF (flux_kvs_namespace_create_with (h, "new", "x", FLUX_USERID_UNKNOWN, 0),
               flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_remove, ENOTSUP,
           OF (flux_kvs_namespace_remove (h, "primary"), flux_future_get (f, NULL)));
    assert_int_equal (
        OF (flux_kvs_namespace_remove (h, "api"), flux_future_get (f, NULL)), 0);
    FAILS (flux_kvs_copy, ENOENT,
           OF (flux_kvs_copy (h, NULL, "nosuch", NULL, "x", 0),
               flux_future_get (f, NULL)));
    FAILS (
        flux_kvs_copy, ENOTSUP,
        OF (flux_kvs_copy (h, "nosuch", "a", NULL, "x", 0), flux_future_get (f, NULL)));
    FAILS (
        flux_kvs_move, ENOTSUP,
        OF (flux_kvs_move (h, "nosuch", "a", NULL, "x", 0), flux_future_get (f, NULL)));
    FAILS (flux_kvs_get_version, ENOTSUP, flux_kvs_get_version (h, "nosuch", &n));
    FAILS (flux_kvs_dropcache, EPERM, flux_kvs_dropcache (guest));
}

static void the_broker (void **state)
{
    char *argv[] = { (char *)"/nonexistent", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL);

    NULLS (flux_attr_get, ENOENT, flux_attr_get (h, "nosuch"));
    FAILS (flux_attr_set, EPERM, flux_attr_set (h, "rank", "7"));
    FAILS (flux_attr_set, EPERM, flux_attr_set (guest, "log-level", "7"));
    FAILS (flux_attr_set_ex, ENOENT, flux_attr_set_ex (h, "nosuch", "7", false, NULL));
    NULLS (flux_hostmap_lookup, ENOENT, flux_hostmap_lookup (h, "99", NULL));
    FAILS (flux_get_rankbyhost, ENOENT, flux_get_rankbyhost (h, "nosuch"));
    assert_int_equal (OF (flux_service_register (h, "api"), flux_future_get (f, NULL)),
                      0);
    FAILS (flux_service_register, EEXIST,
           OF (flux_service_register (h, "api"), flux_future_get (f, NULL)));
    FAILS (flux_service_register, EINVAL,
           OF (flux_service_register (h, "a.b"), flux_future_get (f, NULL)));
    FAILS (flux_service_register, EPERM,
           OF (flux_service_register (guest, "other"), flux_future_get (f, NULL)));
    FAILS (flux_service_unregister, ENOENT,
           OF (flux_service_unregister (h, "nosuch"), flux_future_get (f, NULL)));
    FAILS (flux_event_unsubscribe, ENOENT, flux_event_unsubscribe (h, "nosuch"));
    FAILS (flux_rpc_get, ENOSYS,
           OF (flux_rpc (h, "nosuch", NULL, 0, 0), flux_rpc_get (f, NULL)));
    FAILS (flux_rpc_get, EHOSTUNREACH,
           OF (flux_rpc (h, "broker.ping", NULL, 99, 0), flux_rpc_get (f, NULL)));
    FAILS (flux_rpc_get, EPROTO, /* its service streams */
           OF (flux_rpc (h, "kvs-watch.lookup", "{}", FLUX_NODEID_ANY, 0),
               flux_rpc_get (f, NULL)));
    FAILS (flux_rexec_wait, ESRCH,
           OF (flux_rexec_wait (h, NULL, 0, 1, NULL), flux_future_get (f, NULL)));
    FAILS (flux_rexec_bg, ENOENT,
           OF (flux_rexec_bg (h, NULL, 0, 0, cmd), flux_future_get (f, NULL)));
    FAILS (flux_rexec_bg, EPERM,
           OF (flux_rexec_bg (guest, NULL, 0, 0, cmd), flux_future_get (f, NULL)));
    flux_cmd_destroy (cmd);
}

static void without_modules (void **state)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    const char *s;

    assert_int_equal (flux_kvs_txn_put (txn, 0, "a", "b"), 0);
    FAILS (flux_kvs_lookup_get, ENOSYS,
           OF (flux_kvs_lookup (h, NULL, 0, "a"), flux_kvs_lookup_get (f, &s)));
    FAILS (flux_kvs_commit, ENOSYS,
           OF (flux_kvs_commit (h, NULL, 0, txn), flux_future_get (f, NULL)));
    FAILS (flux_kvs_getroot, ENOSYS,
           OF (flux_kvs_getroot (h, NULL, 0), flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_create, ENOSYS,
           OF (flux_kvs_namespace_create (h, "x", FLUX_USERID_UNKNOWN, 0),
               flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_create_with, ENOSYS,
           OF (flux_kvs_namespace_create_with (h, "x", NULL, FLUX_USERID_UNKNOWN, 0),
               flux_future_get (f, NULL)));
    FAILS (flux_kvs_namespace_remove, ENOSYS,
           OF (flux_kvs_namespace_remove (h, "x"), flux_future_get (f, NULL)));
    FAILS (flux_kvs_copy, ENOSYS,
           OF (flux_kvs_copy (h, NULL, "a", NULL, "b", 0), flux_future_get (f, NULL)));
    FAILS (flux_kvs_move, ENOSYS,
           OF (flux_kvs_move (h, NULL, "a", NULL, "b", 0), flux_future_get (f, NULL)));
    flux_kvs_txn_destroy (txn);
}

static int set_up (void **state)
{
    setenv ("FLUX_HANDLE_USERID", "12345", 1);
    setenv ("FLUX_HANDLE_ROLEMASK", "2", 1);
    guest = flux_open (NULL, 0);
    unsetenv ("FLUX_HANDLE_USERID");
    unsetenv ("FLUX_HANDLE_ROLEMASK");
    h = flux_open (NULL, 0);
    return h && guest ? 0 : -1;
}

int main (int argc, char *argv[])
{
    const struct CMUnitTest bare[] = { ROWS (without_modules) };
    const struct CMUnitTest tests[] = { ROWS (lookups), ROWS (writers),
                                        ROWS (the_broker) };

    return argc > 1 ? cmocka_run_group_tests (bare, set_up, NULL)
                    : cmocka_run_group_tests (tests, set_up, NULL);
}
