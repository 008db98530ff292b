#include "cmd/kvs/dump_path.h"
#include "cmd/kvs/restore_tree.h"
#include "value/treeobj.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_join (const char *parent, const char *name, const char *expect)
{
    char *s = dump_path_join (parent, name, strlen (name));

    assert_string_equal (s, expect);
    free (s);
}

static void test_join (void **state)
{
    assert_join ("", "a", "a");
    assert_join ("a/b", "c", "a/b/c");
    assert_join ("", "a/b%", "a%2Fb%25");
}

static void assert_key (const char *path, const char *expect)
{
    char *s = dump_path_key (path);

    assert_string_equal (s, expect);
    free (s);
}

static void test_key (void **state)
{
    assert_key ("a/b", "a.b");
    assert_key ("./a//b/", "a.b");
    assert_key ("/a", "a");
    assert_key ("", ".");
    assert_key ("./", ".");
    assert_key ("a..b/c", "a.b.c");
    assert_null (dump_path_key (".."));
    assert_null (dump_path_key ("a/../b"));
    assert_int_equal (errno, EINVAL);
    assert_null (dump_path_key ("a/.."));
}

static void test_unescape (void **state)
{
    char s[] = "a%2Fb%25%2f%";

    dump_path_unescape (s, s);
    assert_string_equal (s, "a/b%%2f%");
}

static void test_long (void **state)
{
    size_t n = 100000;
    char *name = malloc (n + 1), *s, *out;

    memset (name, '/', n);
    name[n] = '\0';
    s = dump_path_join ("", name, n);
    assert_int_equal (strlen (s), 3 * n);
    out = malloc (3 * n + 1);
    dump_path_unescape (out, s);
    assert_string_equal (out, name);
    free (name);
    free (out);
    free (s);
}

/* The tree: each directory's text is its own reference. */
struct stored {
    char text[8][512];
    int count, fail_at;
};

static int store (void *arg, const char *text, size_t len, char *ref)
{
    struct stored *s = arg;

    if (s->count == s->fail_at) {
        errno = ENOSPC;
        return -1;
    }
    assert_true (len < sizeof (s->text[0]));
    memcpy (s->text[s->count], text, len);
    sprintf (ref, "sha1-%040d", s->count++);
    return 0;
}

static int put (struct restore_tree *t, const char *path, const char *value)
{
    flux_error_t error = { "" };
    json_t *obj = value ? treeobj_create_val (value, strlen (value)) : NULL;
    int rc = restore_tree_put (t, path, obj, &error);

    assert_true (rc == 0 || error.text[0]);
    return rc;
}

static void test_tree (void **state)
{
    struct restore_tree *t = restore_tree_create ();
    struct stored s = { .fail_at = -1 };
    char ref[72];

    assert_int_equal (put (t, "d/x", "1"), 0);
    assert_int_equal (put (t, "d/x", "2"), 0);
    assert_int_equal (put (t, "a%2Fb", "3"), 0);
    assert_int_equal (put (t, "empty/", NULL), 0);
    assert_int_equal (put (t, "d", NULL), 0); /* keeps what it has */
    assert_int_equal (put (t, "./", NULL), 0);
    assert_int_equal (restore_tree_store (t, store, &s, ref), 0);
    assert_int_equal (s.count, 3);
    assert_non_null (strstr (s.text[0], "\"Mg==\""));
    assert_null (strstr (s.text[0], "\"MQ==\""));
    assert_string_equal (s.text[1], "{\"data\":{},\"type\":\"dir\",\"ver\":1}");
    assert_non_null (strstr (s.text[2], "\"a/b\""));
    assert_non_null (
        strstr (s.text[2], "sha1-0000000000000000000000000000000000000000"));
    assert_non_null (
        strstr (s.text[2], "sha1-0000000000000000000000000000000000000001"));
    assert_string_equal (ref, "sha1-0000000000000000000000000000000000000002");
    restore_tree_destroy (t);
}

static void test_refused (void **state)
{
    struct restore_tree *t = restore_tree_create ();
    char deep[4096];

    assert_int_equal (put (t, "x", "1"), 0);
    assert_int_equal (put (t, "x/y", "2"), -1);
    assert_int_equal (put (t, "x", NULL), -1);
    assert_int_equal (put (t, "../y", "2"), -1);
    assert_int_equal (put (t, ".", "2"), -1);
    assert_int_equal (put (t, "a/\xff/b", "2"), -1);
    assert_int_equal (put (t, "\xff", "2"), -1);
    for (size_t i = 0; i < sizeof (deep); i++)
        deep[i] = i % 2 ? '/' : 'a';
    deep[sizeof (deep) - 1] = '\0';
    assert_int_equal (put (t, deep, "2"), -1);
    restore_tree_destroy (t);
}

static void test_store_fails (void **state)
{
    struct restore_tree *t = restore_tree_create ();
    struct stored s = { .fail_at = 1 };
    char ref[72];

    assert_int_equal (put (t, "a/b/c", "1"), 0);
    assert_int_equal (restore_tree_store (t, store, &s, ref), -1);
    assert_int_equal (errno, ENOSPC);
    restore_tree_destroy (t);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_join),        cmocka_unit_test (test_key),
        cmocka_unit_test (test_unescape),    cmocka_unit_test (test_long),
        cmocka_unit_test (test_tree),        cmocka_unit_test (test_refused),
        cmocka_unit_test (test_store_fails),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
