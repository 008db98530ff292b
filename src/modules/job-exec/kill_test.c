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
    buf_printf (&trace, "%s(%s) ", topic, va_arg (ap, const char *));
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
}

static void finish_op (struct job *job, void *arg)
{
    buf_printf (&trace, "finish(%d) ", job->status);
}

static const struct job_ops ops = {
    .send = send_op,
    .dirty = nothing_op,
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
    expect ("K1: K3: ");
    fire (4.);
    fire (8.);
    buf_fini (&trace);
    fire (16.); /* nothing helps */
    expect ("resource.drain(1,3) finish(9) ");
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
    expect ("resource.drain(3) finish(9) ");
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
        TEST (a_simulated_job_has_no_shells),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
