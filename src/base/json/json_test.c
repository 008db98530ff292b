#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/json.h"

static const char *good[] = {
    "{}",
    "[]",
    " [ 1 , -2, 0, -0, 3.5, 1e3, 1E-3, 12345678901234567, 9223372036854775807 ] ",
    "{\"a\":{\"b\":[true,false,null]},\"a\":2}",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0000\\u00e4\",\"\xc3\xa4\xe2\x82\xac\"]",
    "[0.1,1763689201.123456,1e300,5e-324,123456789012345678.0]",
    "{\"\":\"\",\"\xc6\x92\":\"\xc6\x92\"}",
};

static const char *bad[] = {
    "",
    "1",
    "\"x\"",
    "{",
    "[1,]",
    "{\"a\"}",
    "{\"a\":1,}",
    "[01]",
    "[1.]",
    "[.5]",
    "[1e]",
    "[+1]",
    "[-]",
    "[tru]",
    "[\"]",
    "[\"\\x\"]",
    "[\"\n\"]",
    "[\"\xff\"]",
    "[] x",
    "[1e999]",
    "[nul]",
    "[\"\xed\xa0\x80\"]",
    "[99999999999999999999]",
    "{\"\\u0000\":1}",
};

static void agrees_with_jansson (void **state)
{
    for (size_t i = 0; i < sizeof (good) / sizeof (good[0]); i++) {
        json_t *a = json_decode (good[i], strlen (good[i]), JSON_ALLOW_NUL, NULL);
        json_t *b = json_loads (good[i], JSON_ALLOW_NUL, NULL);
        struct buf buf = BUF_INIT;
        json_t *c;

        assert_non_null (a);
        assert_true (json_equal (a, b));
        assert_int_equal (json_encode (&buf, a), 0);
        c = json_loadb (buf.data, buf.len, JSON_ALLOW_NUL, NULL);
        assert_true (json_equal (a, c));
        buf_fini (&buf);
        json_decref (a);
        json_decref (b);
        json_decref (c);
    }
}

static void refuses (void **state)
{
    json_error_t error;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_null (json_decode (bad[i], strlen (bad[i]), JSON_ALLOW_NUL, &error));
        assert_true (strlen (error.text) > 0);
        assert_null (json_loads (bad[i], JSON_ALLOW_NUL, NULL));
    }
}

static void encodes (void **state)
{
    json_t *o = json_pack ("{s:s, s:I, s:f, s:f, s:f, s:[bn]}", "s",
                           "a\"\n\x01\xc6\x92", "i", (json_int_t)INT64_MIN, "f",
                           1763689201.123456, "g", 2.0, "h", 1e22, "l", 1);
    struct buf b = BUF_INIT;

    assert_int_equal (json_encode (&b, o), 0);
    assert_string_equal (
        b.data, "{\"s\":\"a\\\"\\n\\u0001\xc6\x92\",\"i\":-9223372036854775808,"
                "\"f\":1763689201.123456,\"g\":2.0,\"h\":1e+22,\"l\":[true,null]}");
    buf_fini (&b);
    json_decref (o);
}

static bool plain (const char *text, int depth)
{
    json_t *o = json_loads (text, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    bool is = json_is_plain (o, depth);

    assert_non_null (o);
    json_decref (o);
    return is;
}

static void plain_is_read_again (void **state)
{
    assert_true (plain ("{\"a\":[1,\"b\",{}]}", 3));
    assert_false (plain ("{\"a\":[1,\"b\",{}]}", 2));
    assert_true (plain ("\"a\"", 0));
    assert_false (plain ("\"a\\u0000\"", 0));
    assert_false (plain ("{\"a\":[\"\\u0000\"]}", 10));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (agrees_with_jansson),
        cmocka_unit_test (refuses),
        cmocka_unit_test (encodes),
        cmocka_unit_test (plain_is_read_again),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
