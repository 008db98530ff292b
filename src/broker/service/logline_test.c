/* Lines of the log as they travel: RFC 5424, made here or by anybody. */
#include "base/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/service/logline.h"

static int decode (const char *text, struct logline *line)
{
    return logline_decode (text, strlen (text), line);
}

static void assert_part (const char *part, int len, const char *want)
{
    assert_int_equal (len, strlen (want));
    assert_memory_equal (part, want, len);
}

static void round_trip (void **state)
{
    struct logline line;
    char text[128], shown[128];

    for (int severity = 0; severity < 8; severity++) {
        int n = logline_encode (text, sizeof (text), 1763686000.25, severity, 17,
                                "broker", "it is so: [x] - y");
        assert_int_equal (n, strlen (text));
        assert_int_equal (logline_decode (text, n, &line), 0);
        assert_int_equal (line.severity, severity);
        assert_int_equal (line.facility, 23);
        assert_part (line.timestamp, line.timestamp_len, "2025-11-21T00:46:40.250000Z");
        assert_part (line.hostname, line.hostname_len, "17");
        assert_part (line.appname, line.appname_len, "broker");
        assert_part (line.procid, line.procid_len, "-");
        assert_part (line.msg, line.msg_len, "it is so: [x] - y");
    }
    int n = logline_format (shown, sizeof (shown), &line);

    assert_int_equal (n, strlen (shown));
    assert_string_equal (shown, "broker.debug[17]: it is so: [x] - y");
}

/* Microseconds never become a seventh digit, and an instant before the epoch is one. */
static void stamps (void **state)
{
    static const struct {
        double t;
        const char *want;
    } list[] = {
        { 0., "1970-01-01T00:00:00.000000Z" },
        { 0.9999999, "1970-01-01T00:00:00.999999Z" },
        { -0.5, "1969-12-31T23:59:59.500000Z" },
        { 951782400.5, "2000-02-29T00:00:00.500000Z" },
        { 4102444799., "2099-12-31T23:59:59.000000Z" },
    };

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        struct logline line;
        char text[128];
        logline_encode (text, sizeof (text), list[i].t, 3, 0, "a", "m");
        assert_int_equal (decode (text, &line), 0);
        assert_part (line.timestamp, line.timestamp_len, list[i].want);
    }
}

/* What others write: structured data is skipped, an escaped bracket is none. */
static void others (void **state)
{
    static const struct {
        const char *text, *msg;
    } list[] = {
        { "<0>1 - h a p m - x", "x" },
        { "<191>1 t h a p m - ", "" },
        { "<13>1 t h a p m -", "" },
        { "<13>1 t h a p m [a b=\"c\"] x y", "x y" },
        { "<13>1 t h a p m [a b=\"\\]\"][c] x", "x" },
        { "<13>1 t h a p m [a][b]", "" },
        { "<13>1 t h a p m - ends here\n", "ends here" },
        { "<13>1 t h a p m - two\nlines", "two\nlines" },
        { "<13>1 t h a p m - \xef\xbb\xbfx", "\xef\xbb\xbfx" },
    };

    for (size_t i = 0; i < sizeof (list) / sizeof (list[0]); i++) {
        struct logline line;
        if (decode (list[i].text, &line) < 0)
            fail_msg ("%s is refused", list[i].text);
        assert_part (line.msg, line.msg_len, list[i].msg);
    }
}

static void refused (void **state)
{
    static const char *const bad[] = {
        "",
        "<",
        "<1",
        "hello",
        "<13>",
        "<13>1",
        "<13>1 ",
        "<13>2 t h a p m - x",
        "<192>1 t h a p m - x",
        "<9999>1 t h a p m - x",
        "<-1>1 t h a p m - x",
        "<13>1 t h a p",
        "<13>1 t h a p m",
        "<13>1  h a p m - x",
        "<13>1 t h a p m [a x",
        "<13>1 t h a p m [a \\",
        "<13>1 t h a p m [a \\]",
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct logline line;
        errno = 0;
        if (decode (bad[i], &line) == 0)
            fail_msg ("%s is taken", bad[i]);
        assert_int_equal (errno, EPROTO);
    }
}

/* Any bytes: what is taken lies within the text. In a block of exactly this size, so
 * that a read beyond it is found. */
static void any_bytes (void **state)
{
    static const char seed_line[] = "<13>1 t h a p m [a b=\"\\]\"][c] some text";

    srand (1);
    for (int i = 0; i < 100000; i++) {
        size_t len = rand () % sizeof (seed_line);
        char *text = malloc (len + !len);
        struct logline line;
        memcpy (text, seed_line, len);
        for (int n = rand () % 3; n > 0 && len > 0; n--)
            text[rand () % len] = "<>1 []\\-x\n"[rand () % 10];
        if (logline_decode (text, len, &line) == 0) {
            assert_in_range (line.severity, 0, 7);
            assert_true (line.timestamp >= text && line.msg_len >= 0);
            assert_true (line.msg + line.msg_len <= text + len);
            assert_true (line.procid + line.procid_len <= line.msg);
        }
        free (text);
    }
}

/* Too small a buffer gets what fits, and the length says what would. */
static void truncated (void **state)
{
    char text[8];
    int n = logline_encode (text, sizeof (text), 0., 3, 0, "broker", "message");

    assert_true (n > (int)sizeof (text));
    assert_int_equal (strlen (text), sizeof (text) - 1);
    assert_memory_equal (text, "<187>1 ", 7);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (round_trip), cmocka_unit_test (stamps),
        cmocka_unit_test (others),     cmocka_unit_test (refused),
        cmocka_unit_test (any_bytes),  cmocka_unit_test (truncated),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
