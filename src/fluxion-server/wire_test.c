/* Bytes of messages, by hand and at random, as protobuf-c packs and reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fluxion-server/wire.h"
#include "fluxion.pb-c.h"

static size_t first (const char *bytes, size_t len)
{
    return wire_first_field ((const uint8_t *)bytes, len);
}

static void first_field (void **state)
{
    assert_int_equal (first ("", 0), 0);
    assert_int_equal (first ("\x0a", 1), 0);
    assert_int_equal (first ("\x0a\x05hello", 7), 5);
    assert_int_equal (first ("\x0a\x05", 2), 5); /* as much as is at hand */
    assert_int_equal (first ("\x0a\x80\x01", 3), 128);
    assert_int_equal (first ("\x0a\x80", 2), 0); /* goes on */
    assert_int_equal (first ("\x12\x05hello", 7), 0);
    assert_int_equal (first ("\x08\x05", 2), 0);
    assert_int_equal (first ("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12),
                      0);
}

static const char *check (const ProtobufCMessageDescriptor *desc, const char *bytes,
                          size_t len)
{
    static flux_error_t error;

    error.text[0] = '\0';
    int rc = wire_check_texts (desc, (const uint8_t *)bytes, len, &error);
    assert_int_equal (rc, error.text[0] ? -1 : 0);
    return error.text;
}
#define MATCH(bytes)                                                                   \
    check (&fluxion__match_request__descriptor, bytes, sizeof (bytes) - 1)

static void texts (void **state)
{
    assert_string_equal (MATCH (""), "");
    assert_string_equal (MATCH ("\x0a\x01x"), "");
    assert_string_equal (MATCH ("\x0a\x00"), "");
    assert_string_equal (MATCH ("\x0a\x02\xc3\xa4"), "");
    assert_string_equal (MATCH ("\x0a\x01\xc3"), "jobspec: is not UTF-8");
    assert_string_equal (MATCH ("\x0a\x02\xc0\x80"), "jobspec: is not UTF-8");
    assert_string_equal (MATCH ("\x0a\x03\xed\xa0\x80"), "jobspec: is not UTF-8");
    assert_string_equal (MATCH ("\x0a\x03"
                                "a\0b"),
                         "jobspec: there is a NUL in it");
    /* Behind numbers, and others that are right; the last of a field does not hide the
     * first. */
    assert_string_equal (MATCH ("\x18\x01\x28\x96\x01\x32\x01\xff"),
                         "id: is not UTF-8");
    assert_string_equal (MATCH ("\x0a\x01\xff\x0a\x01x"), "jobspec: is not UTF-8");
}

static void other_fields (void **state)
{
    /* 100: not known; of each type */
    assert_string_equal (MATCH ("\xa2\x06\x01\xff"), "");
    assert_string_equal (MATCH ("\xa0\x06\x96\x01\x0a\x01x"), "");
    assert_string_equal (MATCH ("\xa1\x06"
                                "12345678\x0a\x01x"),
                         "");
    assert_string_equal (MATCH ("\xa5\x06"
                                "1234\x0a\x01\xff"),
                         "jobspec: is not UTF-8");
    /* repeated numbers, packed */
    assert_string_equal (
        check (&fluxion__drop_response__descriptor, "\x0a\x02\xff\x01", 4), "");
}

/* Nothing is read behind the end. */
static void cut (void **state)
{
    static const char *const whole[] = {
        "\x0a\x03xyz",
        "\xa1\x06"
        "12345678",
        "\xa5\x06"
        "1234",
        "\xa0\x06\x96\x01",
    };
    for (size_t i = 0; i < sizeof (whole) / sizeof (whole[0]); i++) {
        size_t len = strlen (whole[i]);
        assert_string_equal (check (&fluxion__match_request__descriptor, whole[i], len),
                             "");
        for (size_t n = 1; n < len; n++) {
            char *copy = malloc (n);
            memcpy (copy, whole[i], n);
            assert_string_not_equal (
                check (&fluxion__match_request__descriptor, copy, n), "");
            free (copy);
        }
    }
    assert_string_not_equal (MATCH ("\x0b"), "");                         /* a group */
    assert_string_not_equal (MATCH ("\x0a\xff\xff\xff\xff\xff\x7f"), ""); /* too long */
}

/* Whatever protobuf-c packs is right as long as its texts are; one byte that is none of
 * UTF-8 is found wherever it is put. */
static void packed (void **state)
{
    static char text[6][64];
    uint8_t buf[1024];
    flux_error_t error;

    srand (1);
    for (int run = 0; run < 500; run++) {
        Fluxion__MatchRequest req = FLUXION__MATCH_REQUEST__INIT;
        char **field[] = { &req.jobspec, &req.request, &req.graph, &req.id };
        for (int i = 0; i < 4; i++) {
            int len = rand () % 60;
            memset (text[i], 'a' + rand () % 26, len);
            text[i][len] = '\0';
            *field[i] = text[i];
        }
        req.epoch = rand () - RAND_MAX / 2;
        req.reservation = rand () % 2;
        size_t len = fluxion__match_request__pack (&req, buf);
        assert_int_equal (
            wire_check_texts (&fluxion__match_request__descriptor, buf, len, &error),
            0);
        char *bad = text[rand () % 4];
        if (!*bad)
            continue;
        bad[rand () % strlen (bad)] = (char)0xff;
        len = fluxion__match_request__pack (&req, buf);
        assert_int_equal (
            wire_check_texts (&fluxion__match_request__descriptor, buf, len, &error),
            -1);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (first_field),  cmocka_unit_test (texts),
        cmocka_unit_test (other_fields), cmocka_unit_test (cut),
        cmocka_unit_test (packed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
