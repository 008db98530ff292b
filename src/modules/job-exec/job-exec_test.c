#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

static int order[64], order_count;

static void fire (struct timer *t, void *arg)
{
    order[order_count++] = (int)(long)arg;
}

static void test_timers (void **state)
{
    struct timer_heap h = { 0 };
    struct timer t[50] = { { 0 } };
    double when;

    assert_false (timer_next (&h, &when));
    for (long i = 0; i < 50; i++)
        timer_set (&h, &t[i], (i * 37) % 50, fire, (void *)((i * 37) % 50));
    timer_clear (&h, &t[0]);
    timer_clear (&h, &t[0]);
    timer_set (&h, &t[1], 100, fire, (void *)100); /* was 37 */
    assert_true (timer_next (&h, &when));
    assert_true (when == 1);
    timer_run (&h, 60);
    assert_int_equal (order_count, 48);
    for (int i = 1; i < 48; i++)
        assert_true (order[i] > order[i - 1]);
    timer_run (&h, 100);
    assert_int_equal (order[48], 100);
    assert_int_equal (h.count, 0);
    timer_heap_fini (&h);
}

static struct buf trace;

static void send_op (struct job *job, struct shell_ref *s, char type, const char *text,
                     size_t len, void *arg)
{
    buf_printf (&trace, "%c%u:%.*s ", type, s->rank, (int)len, text);
}
static void dirty_op (struct job *job, void *arg)
{
}
static void start_op (struct job *job, void *arg)
{
    buf_adds (&trace, "start ");
}
static void exception_op (struct job *job, int severity, const char *type,
                          const char *note, void *arg)
{
    buf_printf (&trace, "exception(%d,%s,%s) ", severity, type, note);
}
static void finish_op (struct job *job, void *arg)
{
    buf_printf (&trace, "finish(%d) ", job->status);
}
static void log_op (struct job *job, const char *text, void *arg)
{
}
static const struct job_ops ops = { send_op,      dirty_op,  start_op,
                                    exception_op, finish_op, log_op };

static struct job *create (const char *ranks, const char *system)
{
    char s[512];
    flux_error_t error = { "" };
    snprintf (
        s, sizeof (s),
        "{\"id\":7,\"userid\":1,\"jobspec\":{\"attributes\":{\"system\":%s}},"
        "\"R\":{\"execution\":{\"R_lite\":[{\"rank\":\"%s\"}],\"expiration\":12}}}",
        system, ranks);
    struct job *job = job_create (s, strlen (s), &error);
    if (!job)
        buf_adds (&trace, error.text);
    else
        job->ops = &ops;
    return job;
}

static void frame (struct job *job, int rank, char type, const char *text)
{
    struct shell_ref *s = job_shell (job, rank);
    assert_non_null (s);
    job_frame (job, s, type, text, strlen (text));
}

static void check (const char *expect)
{
    assert_string_equal (trace.data ? trace.data : "", expect);
    buf_reset (&trace);
    buf_adds (&trace, "");
}

static void test_two_shells (void **state)
{
    struct job *job = create ("1,3", "{}");

    assert_non_null (job);
    assert_int_equal (job->shell_count, 2);
    assert_true (job_expiration (job) == 12);
    assert_null (job_shell (job, 2));
    frame (job, 3, 'o', "early");
    frame (job, 1, 'o', "header");
    frame (job, 3, 'o', "late");
    assert_string_equal (job->output.data, "header\nearly\nlate\n");
    frame (job, 1, 's', "START");
    check ("");
    frame (job, 3, 's', "");
    check ("start ");
    assert_string_equal (job->eventlog.data, "START\n");
    frame (job, 1, 'b', "{\"a\":1}");
    check ("");
    frame (job, 3, 'b', "{}");
    check ("B1:{\"0\":{\"a\":1},\"1\":{}} B3:{\"0\":{\"a\":1},\"1\":{}} ");
    frame (job, 3, 'w', "data");
    check ("w1:data ");
    frame (job, 3, 't', "EXIT");
    check ("D1: ");
    frame (job, 1, 't', "EXIT2");
    check ("");
    assert_null (strstr (job->eventlog.data, "EXIT2"));
    frame (job, 3, 'X', "256");
    check ("w1:\"eof\" ");
    frame (job, 1, 'x', "{\"type\":\"exec\",\"severity\":0,\"note\":\"n\"}");
    check ("exception(0,exec,n) ");
    frame (job, 1, 'x', "{\"type\":\"exec\",\"severity\":0,\"note\":\"again\"}");
    frame (job, 1, 'x', "garbage");
    check ("");
    frame (job, 1, 'X', "0");
    check ("finish(256) ");
    assert_non_null (strstr (job->eventlog.data,
                             "\"name\":\"complete\",\"context\":{\"status\":256}}\n"));
    job_destroy (job);
}

static void test_failed_start (void **state)
{
    struct job *job = create ("0", "{}");
    frame (job, 0, 'X', "32512");
    check ("start finish(32512) ");
    job_destroy (job);
}

static void test_test_exec (void **state)
{
    struct job *job = create (
        "0", "{\"exec\":{\"test\":{\"run_duration\":\"10ms\",\"wait_status\":9}}}");
    assert_non_null (job);
    assert_true (job->is_test);
    assert_true (job->test.duration == 0.01);
    assert_int_equal (job->test.wait_status, 9);
    job_destroy (job);
    assert_null (create ("0", "{\"exec\":{\"test\":{\"run_duration\":\"x\"}}}"));
    check ("exec.test.run_duration: not a duration");
    assert_null (create ("", "{}"));
    check ("R: no ranks");
    assert_null (create ("x", "{}"));
    check ("R: invalid rank in execution.R_lite");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_timers),
        cmocka_unit_test (test_two_shells),
        cmocka_unit_test (test_failed_start),
        cmocka_unit_test (test_test_exec),
    };
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    buf_fini (&trace);
    return rc;
}
