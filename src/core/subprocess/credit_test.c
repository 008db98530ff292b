#include "base/test.h"

#include <stdlib.h>

#include "core/subprocess/credit.h"

#define WINDOW 1000

static void test_writer_stops (void **state)
{
    struct credit_out c;

    credit_out_init (&c, WINDOW);
    assert_true (credit_out_open (&c));
    credit_out_spend (&c, 999);
    assert_true (credit_out_open (&c));
    credit_out_spend (&c, 500); /* the last message overdraws */
    assert_false (credit_out_open (&c));
    assert_false (credit_out_add (&c, 499, WINDOW)); /* debts come first */
    assert_true (credit_out_add (&c, 1, WINDOW));
    assert_false (credit_out_add (&c, 1, WINDOW)); /* it was open */
}

static void test_grants_are_not_trusted (void **state)
{
    struct credit_out c;

    credit_out_init (&c, WINDOW);
    credit_out_add (&c, -5, WINDOW);
    assert_int_equal (c.room, WINDOW);
    credit_out_add (&c, INT64_MAX, WINDOW);
    assert_int_equal (c.room, WINDOW);
    credit_out_spend (&c, 5000);
    credit_out_add (&c, INT64_MAX, WINDOW);
    assert_int_equal (c.room, WINDOW);
}

static void test_reader_grants_in_quarters (void **state)
{
    struct credit_in c;

    credit_in_init (&c, WINDOW);
    assert_int_equal (credit_in_grant (&c, 0), 0);
    credit_in_received (&c, 249);
    assert_int_equal (credit_in_grant (&c, 0), 0);
    credit_in_received (&c, 1);
    assert_int_equal (credit_in_grant (&c, 250), 0); /* not used up yet */
    assert_int_equal (credit_in_grant (&c, 0), 250);
    assert_int_equal (credit_in_grant (&c, 0), 0);
}

static void test_reader_that_pauses (void **state)
{
    struct credit_in c;

    credit_in_init (&c, WINDOW);
    credit_in_received (&c, 1200);
    assert_int_equal (credit_in_grant (&c, 1200), 0);
    assert_int_equal (credit_in_grant (&c, 1000), 0);
    assert_int_equal (credit_in_grant (&c, 0), 1200); /* all of it */
}

/* Whatever both do, what is on its way or held stays below window + one
 * message, and neither waits for the other for ever. */
static void test_bounded_and_alive (void **state)
{
    srand (1);
    for (int run = 0; run < 200; run++) {
        struct credit_out out;
        struct credit_in in;
        size_t wire = 0, held = 0, grant = 0, done = 0;
        const size_t total = 50000, largest = 400;
        size_t sent = 0;

        credit_out_init (&out, WINDOW);
        credit_in_init (&in, WINDOW);
        for (int step = 0; done < total; step++) {
            assert_true (step < 1000000);
            size_t n = 1 + rand () % largest;
            switch (rand () % 4) {
            case 0: /* the writer has something */
                if (credit_out_open (&out) && sent < total) {
                    n = n < total - sent ? n : total - sent;
                    credit_out_spend (&out, n);
                    sent += n;
                    wire += n;
                }
                break;
            case 1: /* it arrives */
                n = n < wire ? n : wire;
                wire -= n;
                held += n;
                credit_in_received (&in, n);
                break;
            case 2: /* the user takes some */
                n = n < held ? n : held;
                held -= n;
                done += n;
                grant += credit_in_grant (&in, held);
                break;
            case 3: /* a grant arrives */
                credit_out_add (&out, grant, WINDOW);
                grant = 0;
                break;
            }
            assert_true (wire + held < WINDOW + largest);
        }
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_writer_stops),
        cmocka_unit_test (test_grants_are_not_trusted),
        cmocka_unit_test (test_reader_grants_in_quarters),
        cmocka_unit_test (test_reader_that_pauses),
        cmocka_unit_test (test_bounded_and_alive),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
