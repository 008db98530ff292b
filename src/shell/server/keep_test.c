/* What is kept of jobs, who hears it, and when it goes. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/shell/protocol.h"
#include "shell/server/keep.h"

static struct keep *k;
static struct buf up;

static void begin (void)
{
    assert_non_null (k = keep_create ());
}

static void end (void)
{
    keep_destroy (k);
    buf_fini (&up);
}

static void start (uint64_t id)
{
    const char *record = "{\"rank\":0,\"output_window\":100} {}";

    assert_int_equal (keep_start (k, id, record, strlen (record)), 0);
}

static void say (const char *line)
{
    keep_said (k, line, strlen (line), &up);
}

static void down (char type, uint64_t id, const char *text)
{
    struct frame f = { .type = type, .id = id, .text = text, .len = strlen (text) };

    (void)keep_down (k, &f, &up);
}

static void heard (const char *text)
{
    assert_string_equal (up.len ? up.data : "", text);
    buf_reset (&up);
}

static void claim (uint64_t id, uint64_t kept, const char *text)
{
    keep_claim (k, id, kept, false, false, &up);
    heard (text);
}

static void passed_on_and_kept (void **state)
{
    begin ();
    start (7);
    say ("s 7 {}\n");
    say ("o 7 0123456789\n");
    heard ("s 7 {}\no 7 0123456789\n");
    keep_detach (k);
    say ("o 7 abc\n");
    say ("X 7 256\n");
    heard ("");
    claim (7, 0, "A 7 100 100 0\ns 7 {}\no 7 0123456789\no 7 abc\nX 7 256\nZ 7\n");
    /* once more, for another */
    keep_detach (k);
    claim (7, 10, "A 7 100 90 0\ns 7 {}\no 7 abc\nX 7 256\nZ 7\n");
    assert_false (keep_forget (k, 7));
    claim (7, 0, "N 7 never\n");
    assert_int_equal (keep_count (k), 0);
    assert_int_equal (keep_bytes (k), 0);
    end ();
}

static void output_goes_with_its_credit (void **state)
{
    begin ();
    start (7);
    say ("o 7 0123456789\n");
    say ("o 7 abcde\n");
    down ('C', 7, "9");
    assert_int_equal (keep_bytes (k), strlen ("o 7 0123456789\no 7 abcde\n"));
    down ('C', 7, "1");
    assert_int_equal (keep_bytes (k), strlen ("o 7 abcde\n"));
    buf_reset (&up);
    keep_detach (k);
    /* of the window of 100 and 10 more, the shell has used 15: 5 are heard now */
    claim (7, 10, "A 7 100 100 0\no 7 abcde\nZ 7\n");
    /* the KVS has more than was granted: it may come to 95 more */
    keep_detach (k);
    claim (7, 15, "A 7 100 95 0\nZ 7\n");
    end ();
}

/* The rule of A: what may still come is the same however it is told. */
static void credit_adds_up (void **state)
{
    for (int granted = 0; granted <= 50; granted += 10) {
        for (int kept = granted; kept <= 50; kept += 10) {
            char text[16];
            long window, given;
            long heard_bytes = 0;

            begin ();
            start (7);
            for (int i = 0; i < 5; i++)
                say ("o 7 0123456789\n");
            snprintf (text, sizeof (text), "%d", granted);
            down ('C', 7, text);
            buf_reset (&up);
            keep_detach (k);
            keep_claim (k, 7, kept, false, false, &up);
            assert_int_equal (sscanf (up.data, "A 7 %ld %ld", &window, &given), 2);
            for (const char *p = up.data; (p = strstr (p, "o 7 ")); p++)
                heard_bytes += 10;
            assert_int_equal (heard_bytes, 50 - kept);
            assert_int_equal (given - heard_bytes, 100 + granted - 50);
            end ();
        }
    }
}

static void pieces_go_together (void **state)
{
    begin ();
    start (7);
    say ("+o 7 01234\n");
    say ("+o 7 56789\n");
    say ("o 7 x\n");
    say ("+o 7 begun\n");
    down ('C', 7, "10");
    buf_reset (&up);
    keep_detach (k);
    claim (7, 10, "A 7 100 110 0\n+o 7 01234\n+o 7 56789\no 7 x\nZ 7\n");
    down ('C', 7, "1");
    keep_detach (k);
    claim (7, 11, "A 7 100 100 0\nZ 7\n");
    say ("o 7 end\n"); /* whole frames are passed on, so none is cut */
    heard ("+o 7 begun\no 7 end\n");
    end ();
}

static void input_of_others_is_not_told (void **state)
{
    begin ();
    start (7);
    down ('i', 7, "0123456789");
    say ("c 7 4\n");
    heard ("c 7 4\n");
    keep_detach (k);
    say ("c 7 1\n");
    claim (7, 0, "A 7 100 100 0\nZ 7\n");
    down ('i', 7, "abc");
    say ("c 7 5\n"); /* the last of what the other sent */
    heard ("");
    say ("c 7 3\n");
    heard ("c 7 3\n");
    end ();
}

static void claim_held (uint64_t id, uint64_t kept, const char *text)
{
    keep_claim (k, id, kept, true, false, &up);
    heard (text);
}

static void go_on (uint64_t id, uint64_t barrier, const char *text)
{
    keep_go_on (k, id, barrier, &up);
    heard (text);
}

static bool is_swallowed (uint64_t id)
{
    struct frame f = { .type = 'B', .id = id, .text = "" };

    return keep_down (k, &f, &up);
}

/* Two kinds of output, each until it is acknowledged. */
static void output_for_the_leader_is_said_again (void **state)
{
    begin ();
    start (7);
    say ("w 7 0123456789\n");
    say ("o 7 abcde\n");
    say ("w 7 xyz\n");
    buf_reset (&up);
    down ('C', 7, "10 10");
    keep_detach (k);
    say ("w 7 uvw\n");
    say ("X 7 0\n");
    claim_held (7, 0, "A 7 100 100 0\no 7 abcde\nZ 7\n");
    go_on (7, 0, "w 7 xyz\nw 7 uvw\nX 7 0\n");
    go_on (7, 0, "");
    down ('C', 7, "8 3");
    keep_detach (k);
    claim_held (7, 5, "A 7 100 100 0\nZ 7\n");
    go_on (7, 0, "w 7 uvw\nX 7 0\n");
    end ();
}

/* Of a leader: what it has written for brokers that have gone. */
static void writes_of_others_are_not_told (void **state)
{
    begin ();
    start (7);
    down ('w', 7, "0123456789");
    say ("a 7 4\n");
    heard ("a 7 4\n");
    keep_detach (k);
    claim_held (7, 0, "A 7 100 100 0\nZ 7\n");
    down ('w', 7, "abc");
    say ("a 7 8\n");
    heard ("a 7 2\n");
    end ();
}

static void a_barrier_is_entered_again (void **state)
{
    begin ();
    start (7);
    start (8);
    say ("b 7 one\n");
    assert_false (is_swallowed (7));
    say ("+b 7 tw\n");
    say ("b 7 o\n");
    say ("b 8 eins\n");
    buf_reset (&up);
    keep_detach (k);
    /* the other has not left the first */
    claim_held (7, 0, "A 7 100 100 1\nZ 7\n");
    claim_held (8, 0, "A 8 100 100 0\nZ 8\n");
    go_on (7, 0, "b 7 one\n+b 7 tw\nb 7 o\n");
    go_on (8, 0, "b 8 eins\n");
    assert_true (is_swallowed (7));
    assert_false (is_swallowed (8));
    assert_false (is_swallowed (7));
    keep_detach (k);
    claim_held (7, 0, "A 7 100 100 2\nZ 7\n");
    /* all have left it, and the next is entered before it is asked for */
    say ("b 7 three\n");
    heard ("");
    go_on (7, 2, "b 7 three\n");
    end ();
}

/* Who has ended is in the barrier for the others, and ends when it is over. */
static void an_end_waits_for_the_barrier (void **state)
{
    struct buf dump = BUF_INIT;

    begin ();
    start (7);
    say ("b 7 one\n");
    assert_false (is_swallowed (7));
    say ("X 7 0\n");
    buf_reset (&up);
    keep_detach (k);
    assert_int_equal (keep_dump (k, &dump), 0);
    end ();
    begin ();
    assert_int_equal (keep_load (k, dump.data, dump.len), 0);
    buf_fini (&dump);
    claim_held (7, 0, "A 7 100 100 1\nZ 7\n");
    go_on (7, 0, "b 7 one\n");
    assert_true (is_swallowed (7));
    heard ("X 7 0\n");
    keep_detach (k);
    claim_held (7, 0, "A 7 100 100 1\nZ 7\n");
    go_on (7, 0, "b 7 one\n");
    down ('k', 7, "15"); /* the barrier is not to come */
    heard ("X 7 0\n");
    end ();
}

/* That it was late is. */
static void an_answer_is_not_kept (void **state)
{
    begin ();
    start (7);
    say ("T 7 1 1\n");
    heard ("T 7 1 1\n");
    say ("v 7 10.0 2.5\n");
    heard ("v 7 10.0 2.5\n");
    keep_detach (k);
    say ("T 7 2 0\n");
    heard ("");
    claim (7, 0, "A 7 100 100 0\nv 7 10.0 2.5\nZ 7\n");
    end ();
}

static void groups_and_log (void **state)
{
    begin ();
    start (7);
    say ("p 7 100 101\n");
    say ("l 7 for the log\n");
    say ("p 7 100\n");
    buf_reset (&up);
    keep_detach (k);
    claim (7, 0, "A 7 100 100 0\np 7 100\nZ 7\n");
    end ();
}

static void not_twice (void **state)
{
    begin ();
    start (7);
    assert_int_equal (keep_start (k, 7, "{}", 2), -1);
    assert_int_equal (errno, EEXIST);
    keep_detach (k);
    assert_int_equal (keep_start (k, 7, "{}", 2), -1);
    end ();
}

static void nobodys (void **state)
{
    size_t pos = 0;
    uint64_t id;

    begin ();
    start (7);
    start (8);
    keep_detach (k);
    assert_int_equal (keep_running (k), 2);
    claim (8, 0, "A 8 100 100 0\nZ 8\n");
    assert_true (keep_unclaimed (k, &pos, &id));
    assert_int_equal (id, 7);
    assert_false (keep_unclaimed (k, &pos, &id));
    assert_true (keep_forget (k, 7)); /* it is to be killed */
    say ("o 7 last\n");
    assert_int_equal (keep_count (k), 2);
    claim (7, 0, "N 7 unknown\n");
    say ("X 7 9\n");
    heard ("");
    assert_int_equal (keep_count (k), 1);
    assert_int_equal (keep_running (k), 1);
    say ("o 9 of nobody\n");
    heard ("");
    say ("nonsense\n"); /* the broker complains */
    heard ("nonsense\n");
    keep_claim (k, 9, 0, false, true, &up);
    heard ("N 9 unknown\n");
    end ();
}

static void a_dump_is_the_same (void **state)
{
    struct buf dump = BUF_INIT;

    begin ();
    start (7);
    start (8);
    say ("s 7 {}\n");
    say ("o 7 0123456789\n");
    say ("o 7 abc\n");
    down ('C', 7, "10");
    say ("X 7 0\n");
    say ("o 8 runs\n");
    buf_reset (&up);
    keep_detach (k);
    assert_int_equal (keep_dump (k, &dump), 0);
    end ();
    begin ();
    assert_int_equal (keep_load (k, dump.data, dump.len), 0);
    assert_int_equal (keep_count (k), 1);
    assert_int_equal (keep_running (k), 0);
    assert_int_equal (keep_loaded (k), 1);
    claim (7, 10, "A 7 100 100 0\ns 7 {}\no 7 abc\nX 7 0\nZ 7\n");
    assert_int_equal (keep_start (k, 7, "{}", 2), -1);
    assert_false (keep_forget (k, 7));
    assert_int_equal (keep_loaded (k), 0);
    end ();
    static const char *const bad[] = { "J 7 1 2 3 4 5 6", "nonsense\n",
                                       "J 7 1 2 3 4 5\n",
                                       "J 7 1 2 3 4 5 6\nX 7 0\nJ 7 1 2 3 4 5 6\n" };
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        begin ();
        assert_int_equal (keep_load (k, bad[i], strlen (bad[i])), -1);
        end ();
    }
    buf_fini (&dump);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (passed_on_and_kept),
        cmocka_unit_test (output_goes_with_its_credit),
        cmocka_unit_test (credit_adds_up),
        cmocka_unit_test (pieces_go_together),
        cmocka_unit_test (input_of_others_is_not_told),
        cmocka_unit_test (output_for_the_leader_is_said_again),
        cmocka_unit_test (writes_of_others_are_not_told),
        cmocka_unit_test (a_barrier_is_entered_again),
        cmocka_unit_test (an_end_waits_for_the_barrier),
        cmocka_unit_test (an_answer_is_not_kept),
        cmocka_unit_test (groups_and_log),
        cmocka_unit_test (not_twice),
        cmocka_unit_test (nobodys),
        cmocka_unit_test (a_dump_is_the_same),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
