#include "base/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/jscan.h"
#include "base/json/json.h"
#include "base/json/jsonout.h"

static struct span span (const char *s)
{
    return (struct span){ s, strlen (s) };
}

static bool is (struct span s, const char *want)
{
    return s.len == strlen (want) && !memcmp (s.s, want, s.len);
}

/* A copy without a byte behind it, so that what reads on is found out. */
static bool strict (const char *s, size_t len, const char **fault)
{
    char *copy = malloc (len + !len);
    struct jscan scan;
    bool ok;

    memcpy (copy, s, len);
    jscan_init (&scan, copy, len);
    ok = jscan_skip (&scan) && jscan_end (&scan);
    *fault = scan.fault;
    free (copy);
    return ok;
}

static bool by_span (const char *s, size_t len)
{
    char *copy = malloc (len + !len);
    struct span v;
    bool ok;

    memcpy (copy, s, len);
    ok = json_span (copy, len, &v) == 0;
    free (copy);
    return ok;
}

static void takes_what_is_json (void **state)
{
    static const char *good[] = {
        "1",
        "-0",
        "1.5e+7",
        "\"\"",
        "true",
        " null ",
        "{}",
        "[ ]",
        "[[],{},[[]]]",
        "{\"a\":{\"b\":[1,{\"c\":\"]}\"}]},\"\\\"\":false}",
        "[\"\\\\\",\"\\u00e4\xc3\xa4\"]",
        "[\"\\ud83d\\ude00\"]",
    };
    const char *fault;

    for (size_t i = 0; i < sizeof (good) / sizeof (good[0]); i++) {
        assert_true (strict (good[i], strlen (good[i]), &fault));
        assert_true (by_span (good[i], strlen (good[i])));
        /* and no part of it, but of a number */
        for (size_t n = 0; n < strlen (good[i]); n++) {
            if (strict (good[i], n, &fault))
                assert_true (strchr ("-0123456789n ", good[i][0]));
            by_span (good[i], n);
        }
    }
}

static void refuses_what_is_not (void **state)
{
    static const struct {
        const char *text, *fault;
    } bad[] = {
        { "", "unexpected end" },
        { "{", "expected a string" },
        { "[1,]", "unexpected character" },
        { "[1 2]", "expected a comma or the end of the list" },
        { "{\"a\" 1}", "expected a colon" },
        { "{1:2}", "expected a string" },
        { "[1}", "expected a comma or the end of the list" },
        { "[] x", "something follows" },
        { "[01]", "invalid number" },
        { "[-]", "invalid number" },
        { "[1.]", "invalid number" },
        { "[1e]", "invalid number" },
        { "[tru]", "unexpected character" },
        { "[\"\\x\"]", "invalid escape" },
        { "[\"\\u12\"]", "invalid escape" },
        { "[\"\\u0000\"]", "invalid escape" },
        { "[\"\\ud800\"]", "invalid escape" },
        { "[\"\\ude00\"]", "invalid escape" },
        { "[\"\n\"]", "control character in a string" },
        { "[\"a", "unexpected end of a string" },
        { "[\"\xff\"]", "not UTF-8" },
    };
    static const char *no_value[] = { "",          "{",    "[1,]", "[1 2]",
                                      "{\"a\" 1}", "[1}",  "[] x", "{\"a\":}",
                                      "{\"a\"}",   "[,1]", "]",    "{1:2}",
                                      "[\"a",      "{]",   "[[]" };
    const char *fault;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_false (strict (bad[i].text, strlen (bad[i].text), &fault));
        assert_string_equal (fault, bad[i].fault);
    }
    for (size_t i = 0; i < sizeof (no_value) / sizeof (no_value[0]); i++)
        assert_false (by_span (no_value[i], strlen (no_value[i])));
}

static void depth_is_bounded (void **state)
{
    char text[2 * JSCAN_DEPTH_MAX + 3];
    const char *fault;

    for (int extra = 0; extra < 2; extra++) {
        size_t n = JSCAN_DEPTH_MAX + extra;

        memset (text, '[', n);
        memset (text + n, ']', n);
        assert_int_equal (strict (text, 2 * n, &fault), !extra);
        assert_int_equal (by_span (text, 2 * n), !extra);
    }
    /* Each level knows what it is. */
    strcpy (text, "[{\"a\":[{\"b\":[{}]}]}]");
    assert_true (by_span (text, strlen (text)));
    *strrchr (text, '}') = ']';
    assert_false (by_span (text, strlen (text)));
}

static void tells_where (void **state)
{
    const char *text = "{\"a\": [1,\n  2,\n  x]}";
    struct jscan s;
    int line, column;

    jscan_init (&s, text, strlen (text));
    assert_false (jscan_skip (&s));
    jscan_where (&s, &line, &column);
    assert_true (line == 3 && column == 3);
    assert_int_equal (jscan_peek (&s), 0); /* every call fails from then on */
    assert_false (jscan_end (&s));
}

static void reads_integers (void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t n;
    } ints[] = {
        { "0", true, 0 },
        { "-12", true, -12 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "1.0", false, 0 },
        { "true", false, 0 },
    };

    for (size_t i = 0; i < sizeof (ints) / sizeof (ints[0]); i++) {
        struct jscan s;
        int64_t n = 0;

        jscan_init (&s, ints[i].text, strlen (ints[i].text));
        assert_int_equal (jscan_int (&s, &n), ints[i].ok);
        assert_true (n == ints[i].n);
    }
}

static void unescapes_in_place (void **state)
{
    char text[] = "{\"k\\\"\":\"a\\u00e4\\n\\ud83d\\ude00b\",\"l\":\"plain\"}";
    struct jscan s;
    char *key, *val;

    jscan_init (&s, text, strlen (text));
    assert_true (jscan_object (&s));
    assert_true (jscan_next_key_in_place (&s, &key));
    assert_string_equal (key, "k\"");
    assert_true (jscan_string_in_place (&s, &val));
    assert_string_equal (val, "a\xc3\xa4\n\xf0\x9f\x98\x80"
                              "b");
    assert_true (jscan_next_key_in_place (&s, &key));
    assert_true (jscan_string_in_place (&s, &val));
    assert_string_equal (val, "plain");
    assert_false (jscan_next_key_in_place (&s, &key));
    assert_true (jscan_end (&s));
}

static void iterates_over_spans (void **state)
{
    struct span o = span (" {\"a\" : [1,2] ,\"b\\\"\":\"x\\ty\"}"), k, v;
    struct buf b = BUF_INIT;
    size_t pos = 0;

    assert_int_equal (json_span (o.s, o.len, &o), 0);
    assert_int_equal (json_span_next (o, &pos, &k, &v), 1);
    assert_true (is (k, "a") && is (v, "[1,2]"));
    assert_int_equal (json_span_next (o, &pos, &k, &v), 1);
    assert_true (is (k, "b\\\"") && is (v, "\"x\\ty\""));
    assert_false (json_span_plain (v, &k));
    assert_int_equal (json_span_unquote (v, &b), 0);
    assert_string_equal (b.data, "x\ty");
    assert_int_equal (json_span_next (o, &pos, &k, &v), 0);
    assert_int_equal (json_span_unquote (span ("\"\\q\""), &b), -1);
    pos = 0;
    assert_int_equal (json_span_next (span ("17"), &pos, &k, &v), -1);
    buf_fini (&b);
}

/* Canonical text has one form: jansson's. */
static void writes_as_jansson (void **state)
{
    char every[0x80 * 2];
    struct buf b = BUF_INIT;
    json_t *o;
    char *want;
    size_t n = 0;

    for (int c = 1; c < 0x80; c++)
        every[n++] = c;
    memcpy (every + n, "\xc3\xa4\xf0\x9f\x98\x80", 7);
    json_add_text (&b, every);
    o = json_string (every);
    want = json_dumps (o, JSON_ENCODE_ANY);
    assert_string_equal (b.data, want);
    free (want);
    json_decref (o);
    buf_reset (&b);
    json_add_int (&b, INT64_MIN);
    json_add_int (&b, 0);
    json_add_real (&b, 2.);
    json_add_base64 (&b, "a\0b", 3);
    assert_string_equal (b.data, "-922337203685477580802.0\"YQBi\"");
    buf_fini (&b);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (takes_what_is_json),  cmocka_unit_test (refuses_what_is_not),
        cmocka_unit_test (depth_is_bounded),    cmocka_unit_test (tells_where),
        cmocka_unit_test (reads_integers),      cmocka_unit_test (unescapes_in_place),
        cmocka_unit_test (iterates_over_spans), cmocka_unit_test (writes_as_jansson),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
