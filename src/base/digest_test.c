#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/digest.h"

static void test_digest (void **state)
{
    struct digest *d = digest_create ("sha1");
    unsigned char hash[DIGEST_MAX_SIZE], hash2[DIGEST_MAX_SIZE];
    char ref[BLOBREF_MAX_SIZE];

    assert_int_equal (digest_size (d), 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (digest_hash (d, "abc", 3, hash), 0);
        assert_int_equal (blobref_encode ("sha1", hash, 20, ref), 0);
        assert_string_equal (ref, "sha1-a9993e364706816aba3e25717850c26c9cd0d89d");
    }
    assert_int_equal (blobref_decode (ref, hash2), 20);
    assert_memory_equal (hash, hash2, 20);
    digest_destroy (d);

    d = digest_create ("sha256");
    assert_int_equal (digest_hash (d, "", 0, hash), 0);
    assert_int_equal (blobref_encode ("sha256", hash, 32, ref), 0);
    assert_string_equal (ref, "sha256-e3b0c44298fc1c149afbf4c8996fb924"
                              "27ae41e4649b934ca495991b7852b855");
    digest_destroy (d);
    digest_destroy (NULL);
}

static void test_bad (void **state)
{
    unsigned char hash[DIGEST_MAX_SIZE] = { 0 };
    char ref[BLOBREF_MAX_SIZE];

    assert_null (digest_create ("md5"));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (blobref_encode ("sha1", hash, 32, ref), -1);
    assert_int_equal (blobref_decode ("sha1", hash), -1);
    assert_int_equal (blobref_decode ("sha1-00", hash), -1);
    assert_int_equal (
        blobref_decode ("sha1-A9993e364706816aba3e25717850c26c9cd0d89d", hash), -1);
    assert_int_equal (
        blobref_decode ("md55-a9993e364706816aba3e25717850c26c9cd0d89d", hash), -1);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_digest),
        cmocka_unit_test (test_bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
