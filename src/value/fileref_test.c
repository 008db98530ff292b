#include "base/test.h"
#include "value/fileref.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void names (void **state)
{
    const char *bad[] = { "",   "/a",  "a//b", ".",    "..",     "./a",
                          "a/", "a/.", "a/..", "../a", "a/../b", "/" };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_false (fileref_path_ok (bad[i]));
    assert_true (fileref_path_ok ("a"));
    assert_true (fileref_path_ok ("a/b.c/..d"));
    assert_true (fileref_path_ok ("..."));
}

static void links (void **state)
{
    assert_true (fileref_link_ok ("l", "f"));
    assert_true (fileref_link_ok ("a/l", "../f"));
    assert_true (fileref_link_ok ("a/b/l", "../../f"));
    assert_true (fileref_link_ok ("l", "./a/b"));
    assert_false (fileref_link_ok ("l", "/etc/passwd"));
    assert_false (fileref_link_ok ("l", "../f"));
    assert_false (fileref_link_ok ("a/l", "../../f"));
    assert_false (fileref_link_ok ("a/l", "x/../../f"));
    assert_false (fileref_link_ok ("a/b/l", "x/../y"));
    assert_false (fileref_link_ok ("l", ""));
}

static void normal (void **state)
{
    char *s;

    assert_non_null (s = fileref_path_normalize ("/a//b/./c/"));
    assert_string_equal (s, "a/b/c");
    free (s);
    assert_non_null (s = fileref_path_normalize ("./"));
    assert_string_equal (s, "");
    free (s);
    assert_null (fileref_path_normalize ("a/../b"));
    assert_int_equal (errno, EINVAL);
}

static const char *decode (const char *text, struct fileref *f, json_t **o)
{
    const char *why;

    assert_non_null (*o = json_loads (text, 0, NULL));
    return fileref_decode (*o, f, &why) == 0 ? NULL : why;
}

#define BLOB "\"sha1-d4a09c5dd5a0d2d570066b6f13e465c73c3f9944\""

static void good (void **state)
{
    struct fileref_region r;
    struct fileref f;
    json_t *o;
    char *bytes;
    size_t len;

    assert_null (decode ("{\"path\":\"d\",\"mode\":16877,\"mtime\":5}", &f, &o));
    assert_int_equal (f.content, FILEREF_NONE);
    assert_int_equal (f.mtime, 5);
    json_decref (o);
    assert_null (decode ("{\"path\":\"l\",\"mode\":41471,\"data\":\"f\"}", &f, &o));
    assert_int_equal (f.content, FILEREF_LINK);
    assert_string_equal (f.text, "f");
    json_decref (o);
    assert_null (decode ("{\"path\":\"e\",\"mode\":33188,\"size\":7}", &f, &o));
    assert_int_equal (f.content, FILEREF_NONE);
    assert_int_equal (f.size, 7);
    json_decref (o);
    assert_null (decode ("{\"path\":\"j\",\"mode\":33188,\"data\":{\"a\":1}}", &f, &o));
    assert_non_null (bytes = fileref_bytes (&f, &len));
    assert_string_equal (bytes, "{\"a\":1}");
    free (bytes);
    json_decref (o);
    assert_null (decode ("{\"path\":\"b\",\"mode\":33188,\"encoding\":\"base64\","
                         "\"data\":\"AGE=\",\"size\":2}",
                         &f, &o));
    assert_non_null (bytes = fileref_bytes (&f, &len));
    assert_memory_equal (bytes, "\0a", len = 2);
    free (bytes);
    json_decref (o);
    assert_null (decode ("{\"path\":\"v\",\"mode\":33188,\"encoding\":\"blobvec\","
                         "\"size\":30,\"data\":[[0,10," BLOB "],[20,10," BLOB "]]}",
                         &f, &o));
    assert_int_equal (fileref_region_count (&f), 2);
    fileref_region (&f, 1, &r);
    assert_int_equal (r.offset, 20);
    json_decref (o);
}

static void bad (void **state)
{
    const char *texts[] = {
        "{}",
        "{\"path\":\"../x\",\"mode\":33188,\"size\":0}",
        "{\"path\":\"/x\",\"mode\":33188,\"size\":0}",
        "{\"path\":\"x\",\"size\":0}",
        "{\"path\":\"x\",\"mode\":-1,\"size\":0}",
        "{\"path\":\"x\",\"mode\":8630,\"size\":0}", /* a device */
        "{\"path\":\"x\",\"mode\":33188}",
        "{\"path\":\"x\",\"mode\":33188,\"size\":-1}",
        "{\"path\":\"x\",\"mode\":41471}",
        "{\"path\":\"x\",\"mode\":16877,\"data\":1}",
        "{\"path\":\"x\",\"mode\":33188,\"size\":1,\"data\":\"a\"}",
        "{\"path\":\"x\",\"mode\":33188,\"size\":2,\"data\":\"a\",\"encoding\":\"utf-"
        "8\"}",
        "{\"path\":\"x\",\"mode\":33188,\"size\":1,\"data\":\"a\",\"encoding\":\"rot13"
        "\"}",
        "{\"path\":\"x\",\"mode\":33188,\"size\":1,\"data\":1,\"encoding\":"
        "\"blobvec\"}",
        "{\"path\":\"x\",\"mode\":33188,\"encoding\":\"blobvec\",\"size\":10,"
        "\"data\":[[0,11," BLOB "]]}",
        "{\"path\":\"x\",\"mode\":33188,\"encoding\":\"blobvec\",\"size\":10,"
        "\"data\":[[0,6," BLOB "],[5,5," BLOB "]]}",
        "{\"path\":\"x\",\"mode\":33188,\"encoding\":\"blobvec\",\"size\":10,"
        "\"data\":[[9223372036854775807,9223372036854775807," BLOB "]]}",
        "{\"path\":\"x\",\"mode\":33188,\"encoding\":\"blobvec\",\"size\":10,"
        "\"data\":[[0,1,\"sha1-xx\"]]}",
    };

    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        struct fileref f;
        json_t *o;

        assert_non_null (decode (texts[i], &f, &o));
        json_decref (o);
    }
}

static void wrong_base64 (void **state)
{
    struct fileref f;
    size_t len;
    json_t *o;

    assert_null (decode ("{\"path\":\"b\",\"mode\":33188,\"encoding\":\"base64\","
                         "\"data\":\"AGE=\",\"size\":3}",
                         &f, &o));
    assert_null (fileref_bytes (&f, &len));
    assert_int_equal (errno, EINVAL);
    json_decref (o);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (names),  cmocka_unit_test (links),
        cmocka_unit_test (normal), cmocka_unit_test (good),
        cmocka_unit_test (bad),    cmocka_unit_test (wrong_base64),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
