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
static bool told_of_barrier; /* only who looks at it wants to know */

static void barrier_op (struct job *job, bool complete, void *arg)
{
    if (told_of_barrier)
        buf_adds (&trace, complete ? "all " : "first ");
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
static void resumed_op (struct job *job, struct shell_ref *s, enum job_resumed what,
                        void *arg)
{
    static const char *const names[] = { "found", "heard", "never", "unknown" };

    buf_printf (&trace, "%s%u ", names[what], s->rank);
}
static void log_op (struct job *job, const char *text, void *arg)
{
}
static void input_done_op (struct job *job, void *request, int errnum, void *arg)
{
    buf_printf (&trace, "done(%s,%d) ", (const char *)request, errnum);
}
static const struct job_ops ops = {
    .send = send_op,
    .input_done = input_done_op,
    .dirty = dirty_op,
    .barrier = barrier_op,
    .start = start_op,
    .exception = exception_op,
    .finish = finish_op,
    .log = log_op,
    .resumed = resumed_op,
};

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
    else {
        job->ops = &ops;
        job_set_window (job, 1000);
    }
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

/* An exit status that is no number is no success. */
static void test_exit_is_no_number (void **state)
{
    static const char *bad[] = { "", "x", "0x", "{\"a\":0", "-1", "65536", "9e9" };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct job *job = create ("1", "{}");
        assert_non_null (job);
        frame (job, 1, 's', "");
        buf_reset (&trace);
        frame (job, 1, 'X', bad[i]);
        assert_non_null (strstr (trace.data, "a job shell's exit status is no number"));
        assert_non_null (strstr (trace.data, "finish(256)"));
        buf_reset (&trace);
        job_destroy (job);
    }
}

static void test_two_shells (void **state)
{
    struct job *job = create ("1,3", "{}");

    assert_non_null (job);
    assert_int_equal (job->shell_count, 2);
    assert_true (job->expiration == 12);
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
    frame (job, 3, 'w', "data");
    check ("w1:data ");
    frame (job, 3, 't', "EXIT");
    check ("D1: ");
    frame (job, 1, 't', "EXIT2");
    check ("");
    assert_null (strstr (job->eventlog.data, "EXIT2"));
    frame (job, 3, 'X', "256");
    check ("w1:1 - \"eof\" ");
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

/* Three shells that run; of the last two a job may say that it can do without. */
static struct job *running_three (const char *critical)
{
    struct job *job = create ("1,3,5", "{}");

    assert_non_null (job);
    for (int rank = 1; rank <= 5; rank += 2)
        frame (job, rank, 's', "");
    if (critical)
        assert_int_equal (job_set_critical (job, critical), 0);
    buf_reset (&trace);
    return job;
}

static void lose (struct job *job, int rank)
{
    job_shell_lost (job, job_shell (job, rank), 9, "node-failure", "gone");
}

/* exit-timeout: the first task that failed counts, wherever it was, not those that are
 * killed because of it. */
static void test_failed_first (void **state)
{
    static const char timeout[] =
        "{\"type\":\"exec\",\"severity\":0,\"note\":\"n\",\"failed\":%d}";
    static const struct {
        int wait_status, exited, failed; /* of a task, of its shell, where it is told */
        const char *finish;
    } t[] = {
        { 512, 0, 0, "finish(512) " },   /* a task of another shell */
        { 11, 0, 0, "finish(35584) " },  /* by a signal, as shells tell it */
        { 0, 768, 0, "finish(768) " },   /* the first did not fail, a later one did */
        { 0, 0, 1024, "finish(1024) " }, /* here */
        { 512, 0, 1024, "finish(512) " },
        { 0, 0, 0, "finish(36608) " },    /* nobody has failed before */
        { -1, 0, 0, "finish(36608) " },   /* no number */
        { 65536, 0, 0, "finish(36608) " } /* no wait status */
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct job *job = running_three (NULL);
        char text[128];

        snprintf (text, sizeof (text), "{\"context\":{\"rank\":0,\"wait_status\":%d}}",
                  t[i].wait_status);
        frame (job, 3, 't', text);
        snprintf (text, sizeof (text), "%d", t[i].exited);
        frame (job, 3, 'X', text);
        snprintf (text, sizeof (text), timeout, t[i].failed);
        frame (job, 1, 'x', text);
        frame (job, 5, 't', "{\"context\":{\"rank\":2,\"wait_status\":15}}");
        frame (job, 5, 'X', "36608");
        frame (job, 1, 'X', "36608");
        assert_non_null (strstr (trace.data, t[i].finish));
        buf_reset (&trace);
        job_destroy (job);
    }
}

static void test_lost_critical (void **state)
{
    struct job *job = running_three (NULL);

    lose (job, 3);
    check ("exception(0,node-failure,gone) L1:1 0 D5: w1:1 - \"eof\" ");
    lose (job, 3);
    frame (job, 5, 'X', "15");
    frame (job, 1, 'X', "0");
    assert_non_null (strstr (trace.data, "finish(15) "));
    job_destroy (job);
    /* the leader is critical, whatever they say */
    job = running_three ("1");
    lose (job, 1);
    check ("exception(0,node-failure,gone) D3: D5: ");
    job_destroy (job);
}

static void test_lost_not_critical (void **state)
{
    struct job *job = running_three ("0");

    lose (job, 5);
    check ("exception(2,node-failure,gone) L1:2 2 D3: w1:2 - \"eof\" ");
    assert_non_null (strstr (job->eventlog.data, "{\"rank\":5,\"wait_status\":9}"));
    /* one that is killed is lost, too */
    frame (job, 3, 'X', "11");
    check (
        "exception(2,exec,lost contact with job shell on rank 3: Segmentation fault) "
        "L1:1 2 w1:1 - \"eof\" ");
    frame (job, 1, 'X', "0");
    check ("finish(0) "); /* the others' ends do not count */
    job_destroy (job);
    /* before it has started its tasks, none can be done without */
    job = create ("1,3", "{}");
    assert_int_equal (job_set_critical (job, ""), 0);
    lose (job, 3);
    check ("exception(0,node-failure,gone) L1:1 0 w1:1 - \"eof\" ");
    job_destroy (job);
}

/* As the rank's job-exec tells it: what the exception is worth is said here, and once. */
static void test_lost_with_its_server (void **state)
{
    static const char gone[] =
        "{\"type\":\"exec\",\"severity\":0,\"note\":\"gone\",\"lost\":true}";
    struct job *job = running_three ("0");

    frame (job, 5, 'x', gone);
    frame (job, 5, 'X', "9");
    check ("exception(2,exec,gone) L1:2 2 D3: w1:2 - \"eof\" ");
    frame (job, 1, 'X', "0");
    frame (job, 3, 'x', gone);
    frame (job, 3, 'X', "9"); /* the last one */
    check ("exception(2,exec,gone) finish(0) ");
    job_destroy (job);
    job = running_three (NULL);
    frame (job, 5, 'x', gone);
    frame (job, 5, 'X', "9");
    check ("exception(0,exec,gone) L1:2 0 D3: w1:2 - \"eof\" ");
    job_destroy (job);
}

static void test_critical_is_no_set (void **state)
{
    static const char *bad[] = { "x", "0-3", "-1", "4294967295" };
    struct job *job = running_three ("0-2");

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (job_set_critical (job, bad[i]), -1);
        assert_int_equal (errno, EINVAL);
    }
    lose (job, 3); /* what was said before holds */
    check ("exception(0,node-failure,gone) L1:1 0 D5: w1:1 - \"eof\" ");
    job_destroy (job);
}

static void input (struct job *job, const char *name, size_t len)
{
    static char text[5 * 1024 * 1024];
    memset (text, 'x', len);
    buf_reset (&trace);
    assert_int_equal (job_input (job, (void *)name, text, len), 0);
    buf_reset (&trace);
    buf_adds (&trace, "");
}

/* A request is answered when all shells have passed it on to their tasks. */
static void test_input (void **state)
{
    struct job *job = create ("1,3", "{}");

    assert_int_equal (job_input (job, (void *)"A", "{}", 2), 0);
    check ("i1:{} i3:{} ");
    input (job, "B", 100);
    frame (job, 1, 'c', "102");
    check ("");
    frame (job, 3, 'c', "1");
    check ("");
    frame (job, 3, 'c', "1");
    check ("done(A,0) ");
    frame (job, 3, 'X', "0");
    buf_reset (&trace);
    buf_adds (&trace, "");
    input (job, "C", 100);
    frame (job, 1, 'c', "99");
    check ("");
    frame (job, 1, 'X', "0");
    check ("done(C,0) start finish(0) ");
    job_destroy (job);
    check ("");
}

static void test_input_is_bounded (void **state)
{
    struct job *job = create ("0", "{}");

    input (job, "A", 5 * 1024 * 1024); /* one alone may be large */
    assert_int_equal (job_input (job, (void *)"B", "{}", 2), -1);
    assert_int_equal (errno, EAGAIN);
    frame (job, 0, 'c', "99999999999");
    check ("done(A,0) ");
    input (job, "C", 3 * 1024 * 1024);
    assert_int_equal (job_input (job, (void *)"D", "{}", 2), 0);
    buf_reset (&trace);
    job_destroy (job);
    check ("done(C,2) done(D,2) ");
}

/* A rank stores much output itself, when what it has sent is stored. */
static void test_much_output (void **state)
{
    struct job *job = create ("1,3,5", "{}");

    frame (job, 3, 'o', "early");
    frame (job, 3, 'm', "");
    frame (job, 5, 'm', ""); /* which has said nothing yet */
    check ("");
    frame (job, 1, 'o', "header");
    check (""); /* it is not stored */
    job_output_done (job, job_shell (job, 1), 6);
    check ("M5: ");
    assert_true (job->output_exists); /* what comes here is appended */
    job_output_done (job, job_shell (job, 3), 5);
    check ("C3:5 M3: ");
    job_output_done (job, job_shell (job, 3), 0);
    check (""); /* once */
    frame (job, 1, 'm', "");
    check ("C1:6 M1: ");
    buf_reset (&trace);
    job_destroy (job);
}

/* A leader that says nothing makes nobody wait. */
static void test_no_header (void **state)
{
    struct job *job = create ("1,3", "{}");

    frame (job, 3, 'o', "a");
    frame (job, 3, 'm', "");
    frame (job, 1, 'X', "256");
    check ("");
    assert_string_equal (job->output.data, "a\n");
    job_output_done (job, job_shell (job, 3), 1);
    check ("C3:1 M3: ");
    assert_false (job_only_stores (job));
    frame (job, 3, 'y', "");
    assert_true (job_only_stores (job));
    frame (job, 3, 'X', "0");
    check ("start finish(256) ");
    job_destroy (job);
}

/* A shell gets credit for what is stored, in few messages. */
static void test_output_credit (void **state)
{
    struct job *job = create ("0", "{}");
    struct shell_ref *s = job_shell (job, 0);
    char text[1200];

    frame (job, 0, 'o', "header");
    memset (text, 'o', sizeof (text));
    job_frame (job, s, 'o', text, 494);
    job_frame (job, s, 'o', text, 600);
    assert_int_equal (s->held, 1100);
    assert_int_equal (s->uncommitted, 1100);
    check ("");
    job_output_done (job, s, 6);
    check ("");
    job_output_done (job, s, 494);
    check ("C0:500 "); /* 600 are held, and 100 overdrawn */
    job_output_done (job, s, 600);
    check ("C0:600 ");
    assert_int_equal (s->held, 0);
    job_output_done (job, s, 1);
    frame (job, 0, 'X', "0");
    check ("start finish(0) ");
    job_destroy (job);
}

/* For a file that the leader writes: when it has. */
static void test_peer_credit (void **state)
{
    struct job *job = create ("0-2", "{}");
    char text[900];

    memset (text, 'w', sizeof (text));
    job_frame (job, job_shell (job, 1), 'w', text, 900);
    job_frame (job, job_shell (job, 2), 'w', text, 300);
    job_frame (job, job_shell (job, 1), 'w', text, 300);
    buf_reset (&trace);
    buf_adds (&trace, "");
    frame (job, 1, 'a', "900"); /* not the leader */
    frame (job, 0, 'a', "899");
    check ("");
    frame (job, 0, 'a', "1");
    check ("C1:900 900 "); /* 300 are held, and 200 overdrawn */
    frame (job, 0, 'a', "300");
    check ("C2:300 300 ");
    frame (job, 0, 'X', "0");
    check ("C1:300 300 "); /* nobody will write it */
    job_destroy (job);
}

/* The date may jump: limits do not. */
static void test_limits (void **state)
{
    struct job *job = create ("0", "{}");

    job->starttime = 1000;
    job->expiration = 1600;
    assert_true (job_time_left (job, 1000, 25) == 600);
    assert_true (job_time_left (job, 1010, 25) == 590);        /* a prolog */
    assert_true (job_time_left (job, 1150, 25) == 450);        /* a quarter of it */
    assert_true (job_time_left (job, 1151, 25) == 600);        /* and more */
    assert_true (job_time_left (job, 1001, 0) == 600);         /* no delay counts */
    assert_true (job_time_left (job, 1599, 100) == 1);         /* each does */
    assert_true (job_time_left (job, 1000 - 3600, 25) == 600); /* clock set back */
    assert_true (job_time_at_start (job, 600, 25) == 600);
    assert_true (job_time_at_start (job, 450, 25) == 450);
    assert_true (job_time_at_start (job, 449, 25)
                 == 600); /* others were started first */
    assert_true (job_time_at_start (job, 1e-6, 25) == 600);
    assert_true (job_time_at_start (job, 100, 100) == 100);
    assert_true (job_time_at_start (job, 0, 25) == 0); /* there is no limit */
    assert_true (job_change_expiration (job, 1700, 300, 1000 + 3600) == 400);
    assert_true (job_change_expiration (job, 1650, 400, 1000 - 3600) == 350);
    assert_true (job_change_expiration (job, 1300, 10, 1000) < 1); /* at once */
    assert_true (job_change_expiration (job, 0, 10, 1000) == 0);   /* never */
    assert_true (job_change_expiration (job, 2000, 0, 1500) == 500);
    job->expiration = 1e11;
    assert_true (job_time_left (job, 1000, 25) == 0);
    job->expiration = 0;
    assert_true (job_time_left (job, 1000, 25) == 0);
    job->expiration = 1600;
    job->starttime = 0; /* R does not say: nothing is late */
    assert_true (job_time_left (job, 1500, 25) == 100);
    assert_true (job_time_at_start (job, 100, 25) == 100);
    job_destroy (job);
}

/* Whether they meet before the tasks are started or only start them. */
static void test_start_barrier (void **state)
{
    struct job *job = create ("0-2", "{}");

    told_of_barrier = true;
    frame (job, 1, 'r', "");
    check ("first ");
    frame (job, 1, 'r', "");
    frame (job, 2, 's', "");
    check ("");
    frame (job, 0, 'r', "");
    check ("all ");
    frame (job, 0, 's', "");
    frame (job, 1, 's', "");
    check ("start ");
    job_destroy (job);
    job = create ("4", "{}");
    frame (job, 4, 'r', "");
    frame (job, 4, 's', "");
    check ("start "); /* one waits for nobody */
    job_destroy (job);
    told_of_barrier = false;
}

#define EVENT(t, name) "{\"timestamp\":" #t ",\"name\":\"" name "\"}"
#define EXITED(t, rank)                                                                \
    "{\"timestamp\":" #t ",\"name\":\"shell-exit\",\"context\":{\"rank\":" #rank       \
    ",\"wait_status\":256}}"

static struct job *resume (const char *eventlog, uint64_t kept)
{
    struct job *job = create ("1-2", "{}");
    json_t *exceptions =
        json_pack ("[{s:s s:i s:s}]", "type", "exec", "severity", 0, "note", "too bad");

    job_resume (job, eventlog, strlen (eventlog), exceptions);
    job_resume_shell (job, &job->shells[0], kept);
    json_decref (exceptions);
    return job;
}

/* What the KVS has is not said again, by whomever it was said. */
static void test_resume (void **state)
{
    struct job *job =
        resume (EVENT (1.5, "init") "\n" EVENT (2.5, "starting") "\n" EVENT (
                    3.5, "shell.init") "\n" EXITED (4.5, 2) "\n",
                10);

    frame (job, 1, 'A', "2000 1500");
    frame (job, 2, 'A', "2000 2000");
    check ("found1 found2 ");
    assert_int_equal (job->shells[0].granted.window, 2000);
    assert_int_equal (job->shells[0].granted.given, 1500);
    frame (job, 1, 'e', EVENT (3.5, "shell.init"));
    frame (job, 2, 's', "");
    frame (job, 1, 's', EVENT (3.7, "shell.start"));
    check ("start ");
    frame (job, 2, 'X', "256"); /* known: with another timestamp */
    frame (job, 2, 'Z', "");
    check ("w1:1 - \"eof\" heard2 ");
    assert_string_equal (job->eventlog.data, EVENT (3.7, "shell.start") "\n");
    /* job-manager knows the one, and not the other */
    frame (job, 1, 'x', "{\"type\":\"exec\",\"severity\":0,\"note\":\"too bad\"}");
    check ("");
    assert_ptr_equal (job->culprit, &job->shells[0]);
    frame (job, 1, 'x', "{\"type\":\"exec\",\"severity\":1,\"note\":\"too bad\"}");
    check ("exception(1,exec,too bad) ");
    /* the header is stored, and so what comes is appended at once */
    frame (job, 1, 'o', "12345");
    assert_string_equal (job->output.data, "12345\n");
    assert_true (job->output_exists);
    assert_int_equal (job->shells[0].granted.given, 1495);
    frame (job, 1, 'Z', "");
    check ("heard1 ");
    buf_reset (&job->eventlog);
    frame (job, 1, 'X', "0");
    check ("finish(256) ");
    assert_non_null (strstr (job->eventlog.data, "shell-exit"));
    assert_non_null (strstr (job->eventlog.data, "complete"));
    job_destroy (job);
    job = resume ("", 0);
    assert_false (job->header_seen);
    frame (job, 1, 'N', "never");
    frame (job, 2, 'N', "unknown");
    check ("never1 unknown2 ");
    job->resuming = false; /* nobody has asked */
    frame (job, 1, 'N', "never");
    frame (job, 1, 'Z', "");
    frame (job, 1, 'A', "1 1");
    check ("");
    assert_int_equal (job->shells[0].granted.window, 1000);
    job_event (job, "init", NULL);
    assert_non_null (strstr (job->eventlog.data, "init"));
    job_destroy (job);
}

static void answered (struct job *job, int i, enum job_resumed answer)
{
    job->shells[i].answered = true;
    job->shells[i].answer = answer;
}

/* Where barriers go on, that a task has exited, and nobody is told twice who was first. */
static void test_go_on (void **state)
{
    struct job *job = resume ("", 0);

    frame (job, 1, 'A', "2000 1500 4");
    frame (job, 2, 'A', "2000 1500 3");
    answered (job, 0, JOB_HEARD);
    answered (job, 1, JOB_HEARD);
    buf_reset (&trace);
    job_go_on (job);
    job->times = 2;
    job_go_on (job);
    check ("G1:3 0 G2:3 0 G1:3 2 G2:3 2 ");
    job_destroy (job);
    job = resume (EVENT (3.5, "shell.task-exit") "\n", 0);
    frame (job, 1, 'A', "2000 1500 4");
    answered (job, 0, JOB_HEARD);
    answered (job, 1, JOB_NEVER_STARTED);
    frame (job, 1, 't', EVENT (4.5, "shell.task-exit"));
    assert_int_equal (job->eventlog.len, 0);
    buf_reset (&trace);
    job_go_on (job);
    check ("G1:4 0 D1: ");
    /* one is lost meanwhile */
    job_shell_lost (job, &job->shells[1], 9, "exec", "gone");
    check ("exception(0,exec,gone) L1:1 0 w1:1 - \"eof\" unknown2 ");
    job_destroy (job);
}

static void test_time_rest (void **state)
{
    struct job *job = create ("0", "{}");

    job->expiration = 1600;
    assert_true (job_time_rest (job, 1000) == 600);
    assert_true (job_time_rest (job, 1599) == 1);
    assert_true (job_time_rest (job, 1600) > 0 && job_time_rest (job, 5000) < 1);
    job->expiration = 0;
    assert_true (job_time_rest (job, 1000) == 0);
    job_destroy (job);
}

/* A simulated job, whatever became of the clock. */
static void test_test_left (void **state)
{
    struct job *job = create ("0", "{\"exec\":{\"test\":{\"run_duration\":\"10s\"}}}");

    assert_true (job_test_left (job, 1000, 1000) == 10);
    assert_true (job_test_left (job, 1000, 1004) == 6);
    assert_true (job_test_left (job, 1000, 1010) == 0);
    assert_true (job_test_left (job, 1000, 5000) == 0);
    assert_true (job_test_left (job, 1000, 900) == 10);
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
        cmocka_unit_test (test_exit_is_no_number),
        cmocka_unit_test (test_two_shells),
        cmocka_unit_test (test_failed_first),
        cmocka_unit_test (test_lost_critical),
        cmocka_unit_test (test_lost_not_critical),
        cmocka_unit_test (test_lost_with_its_server),
        cmocka_unit_test (test_critical_is_no_set),
        cmocka_unit_test (test_input),
        cmocka_unit_test (test_input_is_bounded),
        cmocka_unit_test (test_much_output),
        cmocka_unit_test (test_no_header),
        cmocka_unit_test (test_output_credit),
        cmocka_unit_test (test_peer_credit),
        cmocka_unit_test (test_limits),
        cmocka_unit_test (test_start_barrier),
        cmocka_unit_test (test_resume),
        cmocka_unit_test (test_go_on),
        cmocka_unit_test (test_time_rest),
        cmocka_unit_test (test_test_left),
        cmocka_unit_test (test_failed_start),
        cmocka_unit_test (test_test_exec),
    };
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    buf_fini (&trace);
    return rc;
}
