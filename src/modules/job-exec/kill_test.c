/* How a job is ended that does not end: what is sent, when, and when nobody is to be
 * killed any more. Time is this test's. */
#include "base/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctx.h"

static struct ctx ctx;
static struct buf trace;
static struct timer *timer;
static double after;

/* ---- what else kill.c needs ---- */

struct ctx *job_ctx (struct job *job)
{
    return &ctx;
}

void exec_set_timer (struct ctx *c, struct timer *t, double seconds, timer_f cb,
                     void *arg)
{
    timer = t;
    after = seconds;
    t->cb = cb;
    t->arg = arg;
}

void testexec_kill (struct ctx *c, struct job *job, int signum)
{
    buf_printf (&trace, "simulated(%d) ", signum);
}

flux_future_t *flux_rpc_pack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                              const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt); /* {s:s s:s s:s} */
    va_arg (ap, const char *);
    buf_printf (&trace, "%s(%s: ", topic, va_arg (ap, const char *));
    va_arg (ap, const char *);
    buf_printf (&trace, "%s) ", va_arg (ap, const char *));
    va_end (ap);
    return NULL;
}

/* ---- jobs ---- */

static void send_op (struct job *job, struct shell_ref *s, char type, const char *text,
                     size_t len, void *arg)
{
    buf_printf (&trace, "%c%u:%.*s ", type, s->rank, (int)len, text);
}

static void nothing_op (struct job *job, void *arg)
{
}

static void exception_op (struct job *job, int severity, const char *type,
                          const char *note, void *arg)
{
    buf_printf (&trace, "exception(%s) ", note);
}

static void barrier_op (struct job *job, bool complete, void *arg)
{
    if (!complete)
        barrier_begin (&ctx, job);
}

static void finish_op (struct job *job, void *arg)
{
    buf_printf (&trace, "finish(%d) ", job->status);
}

static const struct job_ops ops = {
    .send = send_op,
    .dirty = nothing_op,
    .barrier = barrier_op,
    .start = nothing_op,
    .exception = exception_op,
    .finish = finish_op,
};

static struct job *create (const char *system)
{
    char s[256];
    flux_error_t error;
    struct job *job;

    snprintf (s, sizeof (s),
              "{\"id\":7,\"userid\":1,\"jobspec\":{\"attributes\":{\"system\":%s}},"
              "\"R\":{\"execution\":{\"R_lite\":[{\"rank\":\"1,3\"}]}}}",
              system);
    assert_non_null (job = job_create (s, strlen (s), &error));
    job->ops = &ops;
    job_set_window (job, 1000);
    return job;
}

static void expect (const char *text)
{
    assert_string_equal (trace.data ? trace.data : "", text);
    buf_fini (&trace);
}

/* The timer that was set runs out. */
static void fire (double seconds)
{
    struct timer *t = timer;

    assert_non_null (t);
    assert_true (after == seconds);
    timer = NULL;
    t->cb (t, t->arg);
}

static int set_up (void **state)
{
    memset (&ctx, 0, sizeof (ctx));
    ctx.h = flux_open ("loop://", 0);
    ctx.config = (struct config){ .kill_timeout = 2.,
                                  .max_kill_count = 3,
                                  .kill_signal = SIGKILL };
    timer = NULL;
    return ctx.h ? 0 : -1;
}

static int tear_down (void **state)
{
    flux_close (ctx.h);
    buf_fini (&trace);
    return 0;
}

#define DRAINED(ranks)                                                                 \
    "resource.drain(" ranks ": unkillable user processes for job ƒ8) "

static void it_gets_harder (void **state)
{
    struct job *job = create ("{}");

    kill_job (&ctx, job, SIGTERM);
    expect ("k1:15 k3:15 ");
    kill_job (&ctx, job, SIGTERM); /* it is being done */
    expect ("");
    for (int i = 0; i < 5; i++) {
        fire (2.);
        expect ("k1:9 k3:9 ");
    }
    fire (2.);
    expect ("K1:9 K3:9 ");
    fire (4.);
    fire (8.);
    buf_fini (&trace);
    fire (16.); /* nothing helps */
    expect (DRAINED ("1,3") "finish(9) ");
    assert_null (timer);
    job_destroy (job);
}

static void who_has_exited_is_left_alone (void **state)
{
    struct job *job = create ("{}");

    job_shell_exited (job, job_shell (job, 1), 0);
    kill_job (&ctx, job, SIGALRM);
    expect ("k3:14 ");
    for (int i = 0; i < 8; i++)
        fire (after);
    buf_fini (&trace);
    fire (after);
    expect (DRAINED ("3") "finish(9) ");
    kill_job (&ctx, job, SIGTERM);
    expect ("");
    job_destroy (job);
}

/* Its shells have ended, and the store has not what they said: however long that takes,
 * nothing is killed, drained or given up. */
static void what_only_stores_is_waited_for (void **state)
{
    struct job *job = create ("{}");

    kill_job (&ctx, job, SIGTERM);
    job_frame (job, job_shell (job, 3), 'y', "", 0);
    buf_fini (&trace);
    fire (2.);
    expect ("k1:9 k3:9 "); /* one has not */
    job_shell_exited (job, job_shell (job, 1), 0);
    buf_fini (&trace);
    for (int i = 0; i < 100; i++)
        fire (2.);
    expect ("");
    job_shell_exited (job, job_shell (job, 3), 0);
    expect ("finish(0) ");
    fire (2.); /* if it was not cleared */
    expect ("");
    assert_null (timer);
    job_destroy (job);
}

/* Other signals, for the tasks and for the shells. */
static void signals_are_configured (void **state)
{
    struct job *job = create ("{}");

    ctx.config.kill_signal = SIGURG;
    kill_job (&ctx, job, SIGUSR1);
    expect ("k1:10 k3:10 ");
    for (int i = 0; i < 5; i++)
        fire (2.);
    buf_fini (&trace);
    fire (2.);
    expect ("K1:23 K3:23 ");
    job_destroy (job);
}

/* However often that is, and however long the pause would be. */
static void it_takes_no_longer (void **state)
{
    static const struct {
        double max;
        int signals;     /* after the first */
        double last;     /* pause */
        const char *end; /* what is sent last */
    } t[] = {
        { 1., 0, 1., "k1:15 k3:15 " },    { 5., 2, 1., "k1:9 k3:9 " },
        { 12., 5, 2., "k1:9 k3:9 " },     { 13., 6, 1., "K1:9 K3:9 " },
        { 1200., 15, 80., "K1:9 K3:9 " },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct job *job = create ("{}");

        ctx.config.max_kill_timeout = t[i].max;
        kill_job (&ctx, job, SIGTERM);
        for (int n = 0; n < t[i].signals; n++) {
            buf_fini (&trace);
            fire (after);
        }
        expect (t[i].end);
        fire (t[i].last);
        expect (DRAINED ("1,3") "finish(9) ");
        assert_true (job->kill_elapsed == t[i].max);
        job_destroy (job);
    }
}

/* Who is waited for is drained; the others are told to end. */
static void some_do_not_arrive (void **state)
{
    struct job *job = create ("{}");

    ctx.config.barrier_timeout = 60.;
    ctx.config.term_signal = SIGTERM;
    assert_null (timer);
    job_frame (job, job_shell (job, 3), 'r', "", 0);
    fire (60.);
    expect (
        "resource.drain(1: start barrier timeout for job ƒ8) exception(start barrier "
        "timeout waiting for 1/2 nodes (ranks 1)) k1:15 k3:15 ");
    assert_true (after == 2.); /* and it gets harder */
    job_destroy (job);
}

/* What has failed already is not said to be late; without a limit nothing is. */
static void others_are_not_late (void **state)
{
    struct job *job = create ("{}");

    job_frame (job, job_shell (job, 3), 'r', "", 0);
    assert_null (timer);
    job_destroy (job);
    job = create ("{}");
    ctx.config.barrier_timeout = 60.;
    job_frame (job, job_shell (job, 3), 'r', "", 0);
    job->exception = true;
    fire (60.);
    expect ("");
    job_destroy (job);
}

static void a_simulated_job_has_no_shells (void **state)
{
    struct job *job = create ("{\"exec\":{\"test\":{\"run_duration\":\"1s\"}}}");

    kill_job (&ctx, job, SIGTERM);
    expect ("simulated(15) ");
    assert_null (timer);
    job_destroy (job);
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST (it_gets_harder),
        TEST (who_has_exited_is_left_alone),
        TEST (what_only_stores_is_waited_for),
        TEST (signals_are_configured),
        TEST (it_takes_no_longer),
        TEST (some_do_not_arrive),
        TEST (others_are_not_late),
        TEST (a_simulated_job_has_no_shells),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
