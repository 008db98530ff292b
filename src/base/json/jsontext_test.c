#include "base/test.h"

#include "base/json/jsontext.h"
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct span span (const char *s)
{
    return (struct span){ s, strlen (s) };
}

static void assert_span (struct span s, const char *expected)
{
    assert_int_equal (s.len, strlen (expected));
    assert_memory_equal (s.s, expected, s.len);
}

static void finds (void **state)
{
    struct span v,
        o = span ("{ \"a\" : [1, {\"b\":\"}\\\"\"}] ,\"c\":{\"d\":{\"e\":-1.5}},"
                  "\"f\":true}");
    int64_t i;
    double d;
    bool b;

    assert_int_equal (jsontext_get (o, "a", &v), 0);
    assert_span (v, "[1, {\"b\":\"}\\\"\"}]");
    assert_int_equal (jsontext_find (o, "c.d.e", &v), 0);
    assert_true (jsontext_number (v, &d) && d == -1.5);
    assert_false (jsontext_int (v, &i));
    assert_int_equal (jsontext_get (o, "f", &v), 0);
    assert_true (jsontext_bool (v, &b) && b);
    assert_int_equal (jsontext_get (o, "b", &v), -1);
    assert_int_equal (jsontext_find (o, "a.b", &v), -1);
}

static void cut (const char *text, const char *path, const char *rest)
{
    struct span m, v, o = span (text);
    char buf[256];

    assert_int_equal (jsontext_member (o, path, &m, &v), 0);
    snprintf (buf, sizeof (buf), "%.*s%s", (int)(m.s - text), text, m.s + m.len);
    assert_string_equal (buf, rest);
}

static void cuts (void **state)
{
    cut ("{\"a\":{\"e\":{\"x\":1},\"b\":2}}", "a.e", "{\"a\":{\"b\":2}}");
    cut ("{\"a\":{\"b\":2 , \"e\":{}}}", "a.e", "{\"a\":{\"b\":2 }}");
    cut ("{\"a\":{\"e\":{}}}", "a.e", "{\"a\":{}}");
    cut ("{\"a\":{\"b\":1,\"e\":{},\"c\":1}}", "a.e", "{\"a\":{\"b\":1,\"c\":1}}");
}

static void iterates (void **state)
{
    struct span v;
    size_t pos = 0;
    const char *expected[] = { "1", "\"a,b\"", "[]", "null" };

    for (int i = 0; i < 4; i++) {
        assert_true (jsontext_next (span ("[ 1,\"a,b\", [] ,null ]"), &pos, NULL, &v));
        assert_span (v, expected[i]);
    }
    assert_false (jsontext_next (span ("[ 1,\"a,b\", [] ,null ]"), &pos, NULL, &v));
    pos = 0;
    assert_false (jsontext_next (span ("[]"), &pos, NULL, &v));
}

/* Truncated text must not be read beyond its end. */
static void truncated (void **state)
{
    const char *text = "{\"a\":[1,{\"b\":\"\\\"\"}],\"c\":{\"d\":1e5}}";

    for (size_t n = 0; n < strlen (text); n++) {
        char *copy = malloc (n ? n : 1);
        struct span v, m;
        memcpy (copy, text, n);
        jsontext_find ((struct span){ copy, n }, "c.d", &v);
        jsontext_member ((struct span){ copy, n }, "c.d", &m, &v);
        assert_int_equal (jsontext_value (copy, n, &v), -1);
        free (copy);
    }
}

/* {"a":[ITEM,ITEM...]}, its tree, and what is said of it; a tree has some hundreds more. */
static void grow (const char *item, size_t count)
{
    size_t len = 6 + count * (strlen (item) + 1) + 1, before, used;
    char *text = malloc (len + 1), *p = stpcpy (text, "{\"a\":[");
    json_t *o;

    for (size_t i = 0; i < count; i++)
        p = stpcpy (stpcpy (p, i ? "," : ""), item);
    strcpy (p, "]}");
    len = strlen (text);
    before = mallinfo2 ().uordblks;
    assert_non_null (o = json_loads (text, 0, NULL));
    used = mallinfo2 ().uordblks - before;
    if (used > jsontext_tree_size (text, len) + len + 512)
        fail_msg ("%s: %zu bytes are used, %zu were said", item, used,
                  jsontext_tree_size (text, len));
    json_decref (o);
    free (text);
}

static size_t tree_size (const char *s)
{
    return jsontext_tree_size (s, strlen (s));
}

static void tree_sizes (void **state)
{
    static const char *const items[] = {
        "[]",        "{}",        "1",           "\"\"",
        "null",      "1.5",       "[[]]",        "[1,[2]]",
        "{\"\":{}}", "{\"a\":1}", "\"\\u0041\"", "{\"a\":[],\"b\":{}}"
    };

    for (size_t i = 0; i < sizeof (items) / sizeof (items[0]); i++) {
        grow (items[i], 1);
        grow (items[i], 10000);
    }
    /* What is in strings is no structure. */
    assert_int_equal (tree_size ("{\"a\":1}"), tree_size (" {\"[,:\\\"{,\\\\\":1}"));
    /* Nor need it be JSON. */
    assert_int_equal (tree_size ("[1,2,3]"), 0);
    assert_int_equal (tree_size (""), 0);
    assert_int_equal (tree_size ("  "), 0);
    assert_true (tree_size ("{\"\\") > 0);
    assert_true (tree_size ("{\"\\\"") > 0);
    assert_true (tree_size ("{\"") > 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (finds),      cmocka_unit_test (cuts),
        cmocka_unit_test (iterates),   cmocka_unit_test (truncated),
        cmocka_unit_test (tree_sizes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
