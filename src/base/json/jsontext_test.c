#include "base/test.h"

#include "base/json/jsontext.h"
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

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (finds),
        cmocka_unit_test (cuts),
        cmocka_unit_test (iterates),
        cmocka_unit_test (truncated),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
