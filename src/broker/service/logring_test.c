#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/service/logline.h"
#include "broker/service/logring.h"

static void test_line (void **state)
{
    char buf[256], out[256];
    struct logline line;

    logline_encode (buf, sizeof (buf), 1721515016.760174, 7, 0, "broker",
                    "hello there");
    assert_string_equal (buf, "<191>1 2024-07-20T22:36:56.760174Z 0 broker - - - "
                              "hello there");
    assert_int_equal (logline_decode (buf, strlen (buf) + 1, &line), 0);
    assert_int_equal (line.severity, 7);
    logline_format (out, sizeof (out), &line);
    assert_string_equal (out, "broker.debug[0]: hello there");
    strcpy (buf, "<3>1 T 4 kvs - - [a b=\"\\]\"][c] boo\n");
    assert_int_equal (logline_decode (buf, strlen (buf), &line), 0);
    logline_format (out, sizeof (out), &line);
    assert_string_equal (out, "kvs.err[4]: boo");
}

static void test_line_bad (void **state)
{
    const char *bad[] = { "",
                          "x",
                          "<>",
                          "<1>1 a b",
                          "<999>1 a b c d e - f",
                          "<1>2 a b c d e - f",
                          "<1>1 a b c d e [x",
                          "<1>1 a b c d e [\\" };
    struct logline line;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_int_equal (logline_decode (bad[i], strlen (bad[i]), &line), -1);
}

static void test_ring (void **state)
{
    struct logring *r = logring_create (3);
    char text[8];

    for (int i = 0; i < 5; i++) {
        snprintf (text, sizeof (text), "%d", i);
        assert_int_equal (logring_append (r, text, 1), 0);
    }
    assert_int_equal (logring_first (r), 2);
    assert_int_equal (logring_next (r), 5);
    assert_null (logring_get (r, 1, NULL));
    assert_string_equal (logring_get (r, 2, NULL), "2");
    assert_null (logring_get (r, 5, NULL));
    assert_int_equal (logring_resize (r, 2), 0);
    assert_int_equal (logring_first (r), 3);
    assert_string_equal (logring_get (r, 4, NULL), "4");
    assert_int_equal (logring_resize (r, 10), 0);
    assert_string_equal (logring_get (r, 3, NULL), "3");
    assert_int_equal (logring_resize (r, 0), -1);
    logring_clear (r);
    assert_int_equal (logring_first (r), 5);
    assert_int_equal (logring_append (r, "x", 1), 0);
    assert_string_equal (logring_get (r, 5, NULL), "x");
    logring_destroy (r);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_line),
        cmocka_unit_test (test_line_bad),
        cmocka_unit_test (test_ring),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
