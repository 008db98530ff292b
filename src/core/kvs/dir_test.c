/* Directories that were looked up, and the two questions to the instance's attributes. */
#include "base/test.h"
#include "core/kvs/blobs.h"
#include "core/kvs/storage.h"

#include <flux/kvs.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
    "{\"data\":{"
    "\"z\":{\"data\":\"\",\"type\":\"val\",\"ver\":1},"
    "\"link\":{\"data\":{\"target\":\"z\"},\"type\":\"symlink\",\"ver\":1},"
    "\"d\":{\"data\":{},\"type\":\"dir\",\"ver\":1},"
    "\"ref\":{\"data\":[\"sha1-0123456789abcdef0123456789abcdef01234567\"],"
    "\"type\":\"dirref\",\"ver\":1},"
    "\"bad\":{\"data\":{},\"type\":\"none\",\"ver\":1}"
    "},\"type\":\"dir\",\"ver\":1}";

static void entries (void **state)
{
    static const struct {
        const char *name;
        bool exists, isdir, issymlink;
    } t[] = {
        { "z", true, false, false },    { "link", true, false, true },
        { "d", true, true, false },     { "ref", true, true, false },
        { "bad", false, false, false }, { "none", false, false, false },
        { "", false, false, false },    { NULL, false, false, false },
    };
    flux_kvsdir_t *dir = flux_kvsdir_create (NULL, "root", "a.b", text);

    assert_non_null (dir);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        assert_int_equal (flux_kvsdir_exists (dir, t[i].name), t[i].exists);
        assert_int_equal (flux_kvsdir_isdir (dir, t[i].name), t[i].isdir);
        assert_int_equal (flux_kvsdir_issymlink (dir, t[i].name), t[i].issymlink);
    }
    assert_int_equal (flux_kvsdir_get_size (dir), 5);
    assert_int_equal (flux_kvsdir_get_size (NULL), -1);
    assert_false (flux_kvsdir_exists (NULL, "z"));
    assert_null (flux_kvsdir_handle (dir));
    assert_string_equal (flux_kvsdir_rootref (dir), "root");
    flux_kvsdir_destroy (dir);
}

static void keys (void **state)
{
    static const struct {
        const char *dir, *name, *key;
    } t[] = { { ".", "x", "x" }, { "a", "x", "a.x" }, { "a.b", "x.y", "a.b.x.y" } };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_kvsdir_t *dir = flux_kvsdir_create (NULL, NULL, t[i].dir, text);
        char *key = flux_kvsdir_key_at (dir, t[i].name);

        assert_string_equal (key, t[i].key);
        assert_string_equal (flux_kvsdir_key (dir), t[i].dir);
        assert_null (flux_kvsdir_rootref (dir));
        free (key);
        flux_kvsdir_destroy (dir);
    }
}

/* In the order of names, as often as one likes. */
static void iterated (void **state)
{
    static const char *names[] = { "bad", "d", "link", "ref", "z", NULL, NULL };
    flux_kvsdir_t *dir = flux_kvsdir_create (NULL, NULL, ".", text);
    flux_kvsitr_t *itr = flux_kvsitr_create (dir);

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
            const char *name = flux_kvsitr_next (itr);

            if (names[i])
                assert_string_equal (name, names[i]);
            else
                assert_null (name);
        }
        flux_kvsitr_rewind (itr);
    }
    flux_kvsitr_destroy (itr);
    flux_kvsdir_destroy (dir);
    assert_null (flux_kvsitr_create (NULL));
    assert_null (flux_kvsitr_next (NULL));
    flux_kvsitr_rewind (NULL);
    flux_kvsitr_destroy (NULL);
}

/* A copy and a reference both outlive what they were made from. */
static void copied (void **state)
{
    flux_kvsdir_t *dir = flux_kvsdir_create (NULL, "r", "k", text);
    flux_kvsdir_t *cpy = flux_kvsdir_copy (dir);

    flux_kvsdir_incref (dir);
    flux_kvsdir_destroy (dir);
    assert_true (flux_kvsdir_exists (dir, "z"));
    errno = 77;
    flux_kvsdir_destroy (dir);
    assert_int_equal (errno, 77);
    assert_true (flux_kvsdir_isdir (cpy, "d"));
    assert_string_equal (flux_kvsdir_key (cpy), "k");
    assert_string_equal (flux_kvsdir_rootref (cpy), "r");
    flux_kvsdir_destroy (cpy);
    assert_null (flux_kvsdir_copy (NULL));
    flux_kvsdir_incref (NULL);
    flux_kvsdir_destroy (NULL);
}

static void refused (void **state)
{
    static const char *bad[] = {
        NULL,
        "",
        "{",
        "[]",
        "{\"data\":\"\",\"type\":\"val\",\"ver\":1}",
        "{\"data\":[\"sha1-0123456789abcdef0123456789abcdef01234567\"],"
        "\"type\":\"dirref\",\"ver\":1}",
        "{\"data\":{},\"type\":\"dir\",\"ver\":2}",
        "{\"data\":[],\"type\":\"dir\",\"ver\":1}",
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_null (flux_kvsdir_create (NULL, NULL, "k", bad[i]));
        assert_int_equal (errno, EINVAL);
    }
    assert_null (flux_kvsdir_create (NULL, NULL, NULL, text));
}

/* What outlives the instance is kept; what is removed with it is not. */
static void storage (void **state)
{
    static const struct {
        const char *statedir, *cleanup;
        bool kept;
    } t[] = {
        { NULL, NULL, false },   { NULL, "0", false },     { "/var/x", NULL, true },
        { "/var/x", "0", true }, { "/tmp/x", "1", false },
    };
    flux_t *h;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        h = flux_open ("loop://", 0); /* where nobody answers attr.get */
        flux_attr_set_cacheonly (h, "statedir", t[i].statedir);
        flux_attr_set_cacheonly (h, "statedir-cleanup", t[i].cleanup);
        assert_int_equal (storage_is_kept (h), t[i].kept);
        flux_close (h);
    }
    h = flux_open ("loop://", 0);
    assert_int_equal (storage_blob_max (h), BLOB_SIZE_MAX);
    flux_attr_set_cacheonly (h, "content.blob-size-limit", "4096");
    assert_int_equal (storage_blob_max (h), 4096);
    flux_close (h);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (entries),  cmocka_unit_test (keys),
        cmocka_unit_test (iterated), cmocka_unit_test (copied),
        cmocka_unit_test (refused),  cmocka_unit_test (storage),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
