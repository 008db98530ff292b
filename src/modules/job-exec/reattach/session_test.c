/* Bytes come once and in order over ways that are lost with what is on them. */
#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "modules/job-exec/reattach/session.h"

#define STEPS 500

static void what_was_not_sent_is_the_rest (void **state)
{
    struct session_out out = { .keep = true };
    const char *data;

    assert_int_equal (session_out_rest (&out, &data), 0);
    buf_adds (&out.buf, "0123456789");
    assert_int_equal (session_out_rest (&out, &data), 10);
    session_out_sent (&out, 4);
    assert_int_equal (session_out_rest (&out, &data), 6);
    assert_memory_equal (data, "456789", 6);
    session_out_fini (&out);
}

static void frames_are_not_cut (void **state)
{
    struct session_out out = { .keep = true };
    const char *data;

    buf_adds (&out.buf, "aaa\nbb\ncccccccc\nd\n");
    assert_int_equal (session_out_next (&out, 8, &data), 7);
    session_out_sent (&out, 7);
    assert_int_equal (session_out_next (&out, 8, &data),
                      9); /* one, whatever its size */
    assert_memory_equal (data, "cccc", 4);
    session_out_sent (&out, 9);
    assert_int_equal (session_out_next (&out, 8, &data), 2);
    session_out_sent (&out, 2);
    assert_int_equal (session_out_next (&out, 8, &data), 0);
    session_out_fini (&out);
}

static void what_was_told_is_not_sent_again (void **state)
{
    struct session_out out = { .keep = true };
    const char *data;

    buf_adds (&out.buf, "0123456789");
    session_out_sent (&out, 8);
    assert_int_equal (session_out_told (&out, 9), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (session_out_told (&out, 6), 0);
    assert_int_equal (session_out_rest (&out, &data), 2);
    assert_memory_equal (data, "89", 2);
    assert_int_equal (session_out_resume (&out, 5), -1); /* it is gone */
    assert_int_equal (session_out_resume (&out, 7), 0);
    assert_int_equal (session_out_rest (&out, &data), 3);
    assert_memory_equal (data, "789", 3);
    session_out_fini (&out);
}

static void who_keeps_nothing_cannot_resume (void **state)
{
    struct session_out out = { 0 };

    buf_adds (&out.buf, "0123456789");
    session_out_sent (&out, 10);
    assert_int_equal (out.buf.len, 0);
    assert_int_equal (session_out_resume (&out, 3), -1);
    assert_int_equal (session_out_resume (&out, 10), 0);
    session_out_fini (&out);
}

static void a_total_is_told_from_time_to_time (void **state)
{
    struct session_in in = { 0 };

    assert_false (session_in_took (&in, SESSION_TELL - 1));
    assert_true (session_in_took (&in, 1));
    assert_false (session_in_took (&in, SESSION_TELL - 1));
    assert_int_equal (session_in_tell (&in), 2 * SESSION_TELL - 1);
    assert_false (session_in_took (&in, SESSION_TELL - 1));
}

/* A writer, a way that holds some messages, a reader. */
static void run_seed (unsigned int seed)
{
    struct session_out out = { .keep = true };
    struct session_in in = { 0 };
    struct buf way = BUF_INIT;
    int64_t written = 0;

    srand (seed);
    for (int i = 0; i < STEPS; i++) {
        const char *data;
        size_t len = session_out_rest (&out, &data), n;

        switch (rand () % 8) {
        case 0:
        case 1:
            for (n = rand () % 40000; n > 0; n--)
                buf_addc (&out.buf, (char)(written++ % 251));
            break;
        case 2:
        case 3:
            n = len ? rand () % len + 1 : 0;
            buf_add (&way, data, n);
            session_out_sent (&out, n);
            break;
        case 7: /* it is lost, with what is on it */
            if (rand () % 4 > 0)
                break;
            buf_reset (&way);
            assert_int_equal (session_out_resume (&out, session_in_tell (&in)), 0);
            break;
        default:
            n = way.len ? rand () % way.len + 1 : 0;
            for (size_t k = 0; k < n; k++)
                assert_int_equal ((unsigned char)way.data[k], (in.taken + k) % 251);
            buf_consume (&way, n);
            if (session_in_took (&in, n))
                assert_int_equal (session_out_told (&out, in.taken), 0);
            /* what is kept is on its way, or was not told */
            assert_true (out.buf.len <= 2 * (size_t)(written - in.told) + 1);
        }
    }
    assert_int_equal (out.before + out.buf.len, written);
    session_out_fini (&out);
    buf_fini (&way);
}

static void bytes_come_once_and_in_order (void **state)
{
    for (unsigned int seed = 1; seed <= 8; seed++)
        run_seed (seed);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_was_not_sent_is_the_rest),
        cmocka_unit_test (frames_are_not_cut),
        cmocka_unit_test (what_was_told_is_not_sent_again),
        cmocka_unit_test (who_keeps_nothing_cannot_resume),
        cmocka_unit_test (a_total_is_told_from_time_to_time),
        cmocka_unit_test (bytes_come_once_and_in_order),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
