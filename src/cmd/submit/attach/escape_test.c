#include "base/test.h"

#include <string.h>

#include "cmd/submit/attach/escape.h"

/* Typed in pieces of every length, the job gets want and the last action is action. */
static void check (const char *typed, const char *want, enum escape_action action)
{
    size_t len = strlen (typed);

    for (size_t piece = 1; piece <= len; piece++) {
        struct escape e = { false, false };
        enum escape_action a = ESCAPE_NONE;
        char got[256] = "", out[256];
        size_t i = 0, taken;

        while (i < len && a == ESCAPE_NONE) {
            size_t k = len - i < piece ? len - i : piece;
            size_t n = escape_filter (&e, typed + i, k, out, &taken, &a);

            assert_true (n <= k + 1 && taken <= k);
            strncat (got, out, n);
            i += taken;
        }
        assert_string_equal (got, want);
        assert_int_equal (a, action);
    }
}

static void passes (void **state)
{
    check ("ls\rx~.\r", "ls\rx~.\r", ESCAPE_NONE);
    check ("a~b\n", "a~b\n", ESCAPE_NONE);
    check ("~x", "~x", ESCAPE_NONE);
    check ("\r~\r", "\r~\r", ESCAPE_NONE);
    check ("\x03\x1a", "\x03\x1a", ESCAPE_NONE);
}

static void escapes (void **state)
{
    check ("~.", "", ESCAPE_DETACH);
    check ("ls\r~.rest", "ls\r", ESCAPE_DETACH);
    check ("ls\n~\x1arest", "ls\n", ESCAPE_SUSPEND);
    check ("~~.", "~.", ESCAPE_NONE);
    check ("~~\r~~\r", "~\r~\r", ESCAPE_NONE);
    check ("~~~.", "~~.", ESCAPE_NONE);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (passes),
        cmocka_unit_test (escapes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
