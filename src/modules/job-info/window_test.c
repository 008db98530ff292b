#include "base/test.h"

#include <stdlib.h>

#include "window.h"

static void test_whole_lines (void **state)
{
    struct window w = { 0 };

    assert_int_equal (window_got (&w, 100, 0), 0);
    assert_int_equal (window_taken (&w, 60), 60);
    assert_int_equal (window_taken (&w, 40), 40);
}

/* The rest of a line is granted once, not when it is taken again. */
static void test_partial_lines (void **state)
{
    struct window w = { 0 };

    assert_int_equal (window_got (&w, 100, 30), 30);
    assert_int_equal (window_taken (&w, 70), 70);
    assert_int_equal (window_got (&w, 50, 10), 10);
    assert_int_equal (window_taken (&w, 70), 40);
}

/* A line that is longer than any window. */
static void test_long_line (void **state)
{
    struct window w = { 0 };

    for (size_t n = 100; n <= 1000; n += 100)
        assert_int_equal (window_got (&w, 100, n), 100);
    assert_int_equal (window_got (&w, 100, 0), 0);
    assert_int_equal (window_taken (&w, 1100), 100);
}

/* Whatever is sent, granted is what was taken and what waits for its newline: what is
 * on its way never exceeds the window. */
static void test_sum (void **state)
{
    struct window w = { 0 };
    const size_t window = 1000;
    size_t credit = window, partial = 0, flight = 0;
    unsigned int seed = 1;

    for (int i = 0; i < 100000; i++) {
        size_t n = rand_r (&seed) % (credit + 1), b;
        size_t rest = rand_r (&seed) % 3 && n > 0 ? rand_r (&seed) % n : partial + n;

        credit -= n;
        flight += partial + n - rest;
        partial = rest;
        credit += window_got (&w, n, partial);
        b = flight > 0 ? rand_r (&seed) % (flight + 1) : 0;
        flight -= b;
        credit += window_taken (&w, b);
        assert_true (flight + credit <= window + w.early);
        assert_true (flight > 0 || credit == window);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_whole_lines),
        cmocka_unit_test (test_partial_lines),
        cmocka_unit_test (test_long_line),
        cmocka_unit_test (test_sum),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
