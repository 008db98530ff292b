#include "base/encode.h"
#include "base/test.h"
#include "base/text/printable.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *in, *out;
    int flags;
} rows[] = {
    { "", "", 0 },
    { "plain text", "plain text", 0 },
    { "🥔 Käse 日本", "🥔 Käse 日本", 0 },
    { "e\xcc\x81", "e\xcc\x81", 0 }, /* a combining accent */
    { "C:\\dir", "C:\\dir", 0 },
    { "\033[2J\033[H", "\\u001b[2J\\u001b[H", 0 },
    { "\033]0;title\007", "\\u001b]0;title\\u0007", 0 },
    { "a\177b", "a\\u007fb", 0 },
    { "\302\233"
      "31m",
      "\\u009b31m", 0 }, /* CSI of one code point */
    { "\233"
      "31m",
      "\\x9b31m", 0 }, /* CSI of one byte */
    { "one\ntwo\tthree\r", "one\\ntwo\\tthree\\r", 0 },
    { "one\ntwo\tthree\r", "one\ntwo\tthree\\r", PRINTABLE_LINES },
    { "\xe2\x80\xae"
      "txt.exe",
      "\\u202etxt.exe", 0 },
    { "\xe2\x80\xa8", "\\u2028", PRINTABLE_LINES },
    { "\xf3\xa0\x81\x81", "\\U000e0041", 0 }, /* an invisible tag */
    { "\xc0\x9b", "\\xc0\\x9b", 0 },          /* overlong ESC */
    { "\xed\xa0\x80", "\\xed\\xa0\\x80", 0 }, /* a surrogate */
    { "\xe2\x82", "\\xe2\\x82", 0 },          /* cut off */
    { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 0 },
};

static void table (void **state)
{
    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        struct buf b = BUF_INIT;

        assert_int_equal (
            buf_add_printable (&b, rows[i].in, strlen (rows[i].in), rows[i].flags), 0);
        assert_string_equal (b.data ? b.data : "", rows[i].out);
        assert_int_equal (printable (rows[i].in, strlen (rows[i].in), rows[i].flags),
                          !strcmp (rows[i].in, rows[i].out));
        buf_fini (&b);
    }
}

static void nul_inside (void **state)
{
    struct buf b = BUF_INIT;

    buf_add_printable (&b, "a\0b", 3, 0);
    assert_string_equal (b.data, "a\\u0000b");
    buf_fini (&b);
}

/* Whatever comes in: what goes out is printable, and is left alone by a second
 * pass. */
static void any_bytes (void **state)
{
    unsigned int seed = 1;

    for (int round = 0; round < 20000; round++) {
        char in[24];
        size_t len = rand_r (&seed) % sizeof (in);
        struct buf b = BUF_INIT, again = BUF_INIT;

        for (size_t i = 0; i < len; i++)
            in[i] = (char)(rand_r (&seed) >> 5);
        assert_int_equal (buf_add_printable (&b, in, len, 0), 0);
        assert_true (printable (b.data ? b.data : "", b.len, 0));
        assert_true (utf8_valid (b.data ? b.data : "", b.len));
        buf_add_printable (&again, b.data ? b.data : "", b.len, 0);
        assert_int_equal (again.len, b.len);
        buf_fini (&b);
        buf_fini (&again);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (table),
        cmocka_unit_test (nul_inside),
        cmocka_unit_test (any_bytes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
