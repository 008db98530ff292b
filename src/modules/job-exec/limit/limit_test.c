/* A job whose time runs out: who is asked, and what the answers make of it. Shells and the
 * order of what they say are this test's; so is when a timer runs out. */
#include "base/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "modules/job-exec/ctx.h"

static struct ctx ctx;
static struct buf trace;
static timer_f due; /* NULL: no timer runs */
static struct job *due_arg;
static bool moves;

/* ---- what else expire.c needs ---- */

struct ctx *job_ctx (struct job *job)
{
    return &ctx;
}

void exec_set_timer (struct ctx *c, struct timer *t, double after, timer_f cb,
                     void *arg)
{
    due = cb;
    due_arg = arg;
}

void kill_job (struct ctx *c, struct job *job, int signum)
{
    if (!job->killed)
        buf_printf (&trace, "kill(%d) ", signum);
    job->killed = true;
}

bool nodes_move (struct ctx *c, struct job *job)
{
    return moves;
}

static void fire (struct job *job)
{
    timer_f cb = due;

    assert_non_null (cb);
    assert_ptr_equal (due_arg, job);
    due = NULL;
    cb (&job->expire_timer, job);
}

/* ---- jobs ---- */

static void send_op (struct job *job, struct shell_ref *s, char type, const char *text,
                     size_t len, void *arg)
{
    if (type == 'T')
        buf_printf (&trace, "T%u:%.*s ", s->rank, (int)len, text);
}

static void nothing_op (struct job *job, void *arg)
{
}

static void barrier_op (struct job *job, bool complete, void *arg)
{
}

static void exception_op (struct job *job, int severity, const char *type,
                          const char *note, void *arg)
{
    buf_printf (&trace, "%s ", type);
}

static void finish_op (struct job *job, void *arg)
{
    buf_printf (&trace, "finish(%d) ", job->status);
    due = NULL;
}

static const struct job_ops ops = {
    .send = send_op,
    .dirty = nothing_op,
    .barrier = barrier_op,
    .start = nothing_op,
    .exception = exception_op,
    .finish = finish_op,
    .limit_passed = expire_passed_op,
};

static struct job *create (const char *ranks)
{
    char s[256];
    flux_error_t error;
    struct job *job;

    snprintf (s, sizeof (s),
              "{\"id\":7,\"userid\":1,\"jobspec\":{\"attributes\":{\"system\":{}}},"
              "\"R\":{\"execution\":{\"R_lite\":[{\"rank\":\"%s\"}],\"starttime\":1000,"
              "\"expiration\":1010}}}",
              ranks);
    assert_non_null (job = job_create (s, strlen (s), &error));
    job->ops = &ops;
    job->arg = &ctx;
    due = NULL;
    moves = false;
    ctx.config.max_start_delay = 25;
    exec_set_limit (&ctx, job, 10);
    return job;
}

static void say (struct job *job, unsigned int rank, char type, const char *text)
{
    struct shell_ref *s = job_shell (job, rank);

    assert_non_null (s);
    if (type == 'T') { /* as nodes.c does */
        if (limit_answer (job, s, text))
            expire_answer_op (job, &ctx);
    } else
        job_frame (job, s, type, text, strlen (text));
}

static void expect (const char *text)
{
    assert_string_equal (trace.data ? trace.data : "", text);
    buf_fini (&trace);
}

/* One that runs, and whose time is over. */
static struct job *ask (const char *ranks)
{
    struct job *job = create (ranks);

    for (int i = 0; i < job->shell_count; i++)
        say (job, job->shells[i].rank, 's', "");
    fire (job);
    return job;
}

/* ---- the tests ---- */

static void runs (void **state)
{
    struct job *job = ask ("3");

    expect ("T3:1 ");
    say (job, 3, 'T', "1 1");
    expect ("timeout kill(14) ");
    say (job, 3, 'T', "1 1");
    expect ("");
    say (job, 3, 'X', "36352");
    expect ("finish(36352) ");
    job_destroy (job);
}

/* What it had said was on its way. */
static void ended_before (void **state)
{
    struct job *job = ask ("3");

    say (job, 3, 'X', "0");
    expect ("T3:1 finish(0) ");
    assert_null (due);
    job_destroy (job);

    job = ask ("3"); /* its output takes a while: it is asked again */
    say (job, 3, 'T', "1 0");
    fire (job);
    expect ("T3:1 T3:2 ");
    say (job, 3, 'T', "1 0"); /* of before */
    say (job, 3, 'T', "2 0");
    fire (job);
    expect ("T3:3 ");
    say (job, 3, 'X', "0");
    expect ("finish(0) ");
    job_destroy (job);

    job = ask ("3"); /* then it says nothing more */
    say (job, 3, 'T', "1 0");
    fire (job);
    fire (job);
    expect ("T3:1 T3:2 timeout kill(14) ");
    job_destroy (job);

    job = ask ("3"); /* its rank stores what it has said */
    say (job, 3, 'y', "");
    fire (job);
    fire (job);
    expect ("T3:1 ");
    job_destroy (job);
}

static void says_nothing (void **state)
{
    struct job *job = ask ("3");

    moves = true; /* it is not yet its turn */
    fire (job);
    fire (job);
    expect ("T3:1 ");
    moves = false;
    fire (job);
    expect ("timeout kill(14) ");
    assert_null (due);
    job_destroy (job);
}

static void of_many (void **state)
{
    struct job *job = ask ("1,3,5");

    expect ("T1:1 T3:1 T5:1 ");
    say (job, 1, 'T', "1 0");
    say (job, 3, 'X', "0");
    expect ("");
    say (job, 5, 'T', "1 1"); /* one is enough */
    expect ("timeout kill(14) ");
    job_destroy (job);

    job = ask ("1,3");
    say (job, 1, 'T', "1 0");
    fire (job); /* the other is stopped, perhaps */
    expect ("T1:1 T3:1 timeout kill(14) ");
    job_destroy (job);

    job = ask ("1,3");
    say (job, 1, 'T', "1 0");
    say (job, 3, 'T', "1 0");
    say (job, 1, 'X', "0");
    fire (job); /* only who is still there */
    expect ("T1:1 T3:1 T3:2 ");
    job_destroy (job);
}

/* Another user's server may say what it likes: that is worth one wait. */
static void guests (void **state)
{
    static const char *const lies[] = { "1 0", "1 1", "2 0", "", "1", "x", "1 00 0" };

    for (size_t i = 0; i < sizeof (lies) / sizeof (lies[0]); i++) {
        struct job *job = ask ("3");
        job->guest = true;
        expect ("T3:1 ");
        say (job, 3, 'T', lies[i]);
        if (due)
            fire (job);
        expect ("timeout kill(14) ");
        job_destroy (job);
    }
}

/* The limit moves while answers are on their way. */
static void moves_meanwhile (void **state)
{
    struct job *job = ask ("3");

    exec_set_limit (&ctx, job, 10);
    say (job, 3, 'T', "1 1");
    expect ("T3:1 ");
    fire (job);
    say (job, 3, 'T', "1 1");
    expect ("T3:2 ");
    exec_set_limit (&ctx, job, 0); /* there is none any more */
    say (job, 3, 'T', "2 1");
    expect ("");
    assert_true (limit_left (job, 5) == 0);
    job_destroy (job);
}

/* Not one that was canceled, nor one that is simulated. */
static void is_not_asked (void **state)
{
    struct job *job = create ("3");

    say (job, 3, 's', "");
    job->exception = job->killed = true;
    fire (job);
    expect ("");
    job_destroy (job);

    job = ask ("3");
    job->exception = job->killed = true; /* meanwhile */
    say (job, 3, 'T', "1 1");
    expect ("T3:1 ");
    job_destroy (job);

    job = create ("3");
    job->is_test = job->start_sent = true;
    fire (job);
    expect ("timeout kill(14) ");
    job_destroy (job);
}

/* It has its time once. */
static void is_not_started (void **state)
{
    struct job *job = create ("1,3");
    double left;

    fire (job); /* begins anew */
    expect ("");
    left = limit_left (job, clock_monotonic ());
    assert_true (left > 5 && left <= 10);
    fire (job);
    expect ("T1:1 T3:1 ");
    say (job, 1, 's', "");
    say (job, 1, 'T', "1 1"); /* the other may be about to start */
    expect ("");
    say (job, 3, 'T', "1 1");
    expect ("timeout kill(14) ");
    job_destroy (job);
}

/* By the limit that the shell knew. */
static void ended_long_after (void **state)
{
    struct job *job = create ("3");

    say (job, 3, 's', "");
    say (job, 3, 'v', "1010.000000 2.000000"); /* it is not over */
    expect ("");
    limit_set (job, 5, true);
    assert_true (limit_passed (job, "1010.000000 2.000000", 8));
    assert_false (limit_passed (job, "1010.000000 0.100000", 8)); /* who knows */
    assert_false (limit_passed (job, "1020.000000 2.000000", 8)); /* another limit */
    assert_false (limit_passed (job, "", 8));
    limit_set (job, 6.8, false); /* it began anew, and the shell does not know */
    assert_false (limit_passed (job, "1010.000000 2.000000", 8));
    assert_true (limit_passed (job, "1010.000000 3.000000", 9));
    say (job, 3, 'v', "1010.000000 3.000000");
    expect ("timeout kill(14) ");
    say (job, 3, 'X', "0");
    expect ("finish(0) ");
    job_destroy (job);
}

static void line (void **state)
{
    struct limit_line l = { 0 };
    struct limit_place p[4] = { { 0 } };

    for (int i = 0; i < 4; i++)
        limit_line_enter (&l, &p[i]);
    assert_false (limit_line_moves (&l, &p[3]));
    limit_line_reach (&l, &p[1]);
    limit_line_reach (&l, &p[0]); /* it was slower to speak */
    assert_true (limit_line_moves (&l, &p[3]));
    assert_false (limit_line_moves (&l, &p[3])); /* since then */
    assert_false (limit_line_moves (&l, &p[0])); /* it had its turn */
    limit_line_reach (&l, &p[2]);
    assert_true (limit_line_moves (&l, &p[3]));
    limit_line_enter (&l, &p[0]);
    limit_line_reach (&l, &p[3]);
    assert_false (limit_line_moves (&l, &p[3]));
    assert_true (limit_line_moves (&l, &p[0]));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (runs),
        cmocka_unit_test (ended_before),
        cmocka_unit_test (says_nothing),
        cmocka_unit_test (of_many),
        cmocka_unit_test (guests),
        cmocka_unit_test (moves_meanwhile),
        cmocka_unit_test (is_not_asked),
        cmocka_unit_test (is_not_started),
        cmocka_unit_test (ended_long_after),
        cmocka_unit_test (line),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
