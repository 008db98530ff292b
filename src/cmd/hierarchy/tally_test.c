#include "base/test.h"
#include "cmd/hierarchy/throughput.h"

static void events_are_counted (void **state)
{
    struct tally t = { .expected = 2 };
    struct buf b = BUF_INIT;
    tally_event (&t, "submit", 10);
    tally_event (&t, "submit", 9);
    tally_event (&t, "start", 11);
    tally_event (&t, "alloc", 11);
    tally_bar (&t, &b);
    assert_string_equal (b.data, "     2 jobs:      2 submitted,      1 running, "
                                 "0 complete");
    tally_event (&t, "clean", 12);
    assert_false (tally_done (&t));
    tally_event (&t, "clean", 11);
    assert_true (tally_done (&t));
    assert_true (t.first_submit == 9 && t.last_clean == 12);
    assert_int_equal (t.running, 0);
    buf_fini (&b);
}

static void refused_jobs_are_not_waited_for (void **state)
{
    struct tally t = { .expected = 1 };
    tally_refuse (&t);
    assert_true (tally_done (&t));
}

static void the_block_is_as_it_is_read (void **state)
{
    struct tally sum = { 0 };
    struct tally a = { 60, 60, 0, 60, 100, 101.25 };
    struct tally b = { 40, 40, 0, 40, 100.25, 102 };
    struct buf out = BUF_INIT;
    tally_merge (&sum, &a);
    tally_merge (&sum, &b);
    tally_print (&sum, 2, 0.5, 2.5, &out);
    assert_string_equal (out.data,
                         "\n--- Throughput Results ---\n"
                         "number of jobs: 100 (on 2 workers)\n"
                         "   submit time: 0.500 s (200.0 job/s)\n"
                         "script runtime: 2.500 s\n"
                         "   job runtime: 2.000 s\n"
                         "    throughput: 50.0 job/s (script:  40.0 job/s)\n");
    buf_reset (&out);
    tally_print_leaf (&a, "0-1", &out);
    assert_string_equal (out.data, "  0-1: 60 jobs in 1.250s, 48.0 job/s\n");
    buf_reset (&out);
    tally_print_leaf (&(struct tally){ 0 }, "0-2", &out);
    assert_string_equal (out.data, "  0-2: no jobs\n");
    buf_fini (&out);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (events_are_counted),
        cmocka_unit_test (refused_jobs_are_not_waited_for),
        cmocka_unit_test (the_block_is_as_it_is_read),
    };
    return cmocka_run_group_tests_name ("hierarchy-tally", tests, NULL, NULL);
}
