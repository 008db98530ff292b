/* Commits of job output: what is refused, what has to be sent again, and in which
 * order. The KVS is this test. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kvs/kvs_health.h"
#include "core/kvs/txn.h"
#include "modules/job-exec/ctx.h"

struct sent {
    char *text;
    flux_future_t *f;
};

static struct ctx ctx;
static struct sent sent[1000]; /* what the KVS was sent, in order */
static int sent_count, resets, fail_send;
static struct timer *timer; /* the last one that was set */
static struct buf trace;

/* ---- the KVS, and what else commit.c needs ---- */

struct flux_kvs_txn {
    struct buf text;
};

flux_kvs_txn_t *flux_kvs_txn_create (void)
{
    return calloc (1, sizeof (struct flux_kvs_txn));
}

void flux_kvs_txn_destroy (flux_kvs_txn_t *txn)
{
    if (txn)
        buf_fini (&txn->text);
    free (txn);
}

int flux_kvs_txn_put_raw (flux_kvs_txn_t *txn, int flags, const char *key,
                          const void *data, size_t len)
{
    buf_printf (&txn->text, "%s%s%.*s ", strrchr (key, '.') + 1,
                (flags & FLUX_KVS_APPEND) ? "+=" : "=", (int)len, (const char *)data);
    return 0;
}

int flux_kvs_txn_unlink (flux_kvs_txn_t *txn, int flags, const char *key)
{
    buf_printf (&txn->text, "-%s ", strrchr (key, '.') + 1);
    return 0;
}

flux_future_t *flux_kvs_commit (flux_t *h, const char *ns, int flags,
                                flux_kvs_txn_t *txn)
{
    struct sent *s = &sent[sent_count];

    if (fail_send > 0 && --fail_send == 0) {
        errno = ENOMEM;
        return NULL;
    }
    assert_true (sent_count < 1000);
    assert_int_equal (flags, KVS_TXN_ORDERED);
    assert_non_null (s->f = flux_future_create (NULL, NULL));
    flux_future_set_flux (s->f, h);
    assert_non_null (s->text = strdup (txn->text.data ? txn->text.data : ""));
    sent_count++;
    return s->f;
}

flux_future_t *kvs_order_reset (flux_t *h)
{
    flux_future_t *f = flux_future_create (NULL, NULL);

    flux_future_set_flux (f, h);
    flux_future_fulfill (f, NULL, NULL);
    resets++;
    return f;
}

void exec_set_timer (struct ctx *c, struct timer *t, double after, timer_f cb,
                     void *arg)
{
    if (t == &ctx.again_timer)
        timer = t;
    t->cb = cb;
    t->arg = arg;
}

void exec_release (struct ctx *c, struct job *job)
{
    buf_printf (&trace, "release(%d) ", (int)job->id);
}

/* ---- jobs ---- */

static void send_op (struct job *job, struct shell_ref *s, char type, const char *text,
                     size_t len, void *arg)
{
    buf_printf (&trace, "%c(%d) ", type, (int)job->id);
}

static void dirty_op (struct job *job, void *arg)
{
}

static void exception_op (struct job *job, int severity, const char *type,
                          const char *note, void *arg)
{
    buf_printf (&trace, "exception(%d: %s) ", (int)job->id, note);
}

static void log_op (struct job *job, const char *text, void *arg)
{
}

static const struct job_ops ops = {
    .send = send_op,
    .dirty = dirty_op,
    .exception = exception_op,
    .log = log_op,
};

static struct job *create (int id)
{
    char s[256];
    flux_error_t error;
    struct job *job;

    snprintf (s, sizeof (s),
              "{\"id\":%d,\"userid\":1,\"jobspec\":{\"attributes\":{\"system\":{}}},"
              "\"R\":{\"execution\":{\"R_lite\":[{\"rank\":\"0\"}]}}}",
              id);
    assert_non_null (job = job_create (s, strlen (s), &error));
    job->ops = &ops;
    job_set_window (job, 1000);
    job->header_seen = true;
    assert_int_equal (idmap_insert (ctx.jobs, id, job), 0);
    return job;
}

static void say (struct job *job, const char *text)
{
    buf_adds (&job->output, text);
    job->shells[0].uncommitted += strlen (text);
    commit_mark (&ctx, job);
    ctx.commit_due = ctx.commit_much = true; /* it does not wait for answers */
    commit_flush (&ctx);
}

static void end (struct job *job, const char *last_words)
{
    job->finished = true;
    commit_finished (&ctx, job);
    say (job, last_words);
}

static void answer (int i, int errnum)
{
    if (errnum)
        flux_future_fulfill_error (sent[i].f, errnum, NULL);
    else
        flux_future_fulfill (sent[i].f, NULL, NULL);
    for (int n = 0; n < 3; n++)
        (void)flux_reactor_run (flux_get_reactor (ctx.h), FLUX_REACTOR_NOWAIT);
}

static void fire (void)
{
    struct timer *t = timer;

    assert_non_null (t);
    timer = NULL;
    t->cb (t, t->arg);
}

static void expect (const char *text)
{
    assert_string_equal (trace.data ? trace.data : "", text);
    buf_reset (&trace);
    buf_adds (&trace, "");
}

static void free_job (void *arg)
{
    job_destroy (arg);
}

static int setup (void **state)
{
    memset (&ctx, 0, sizeof (ctx));
    list_init (&ctx.dirty_jobs);
    ctx.h = flux_open ("loop://", 0);
    commits_init (&ctx);
    ctx.jobs = idmap_create (free_job);
    sent_count = resets = fail_send = 0;
    timer = NULL;
    buf_reset (&trace);
    buf_adds (&trace, "");
    return ctx.h && ctx.jobs ? 0 : -1;
}

static int teardown (void **state)
{
    commits_destroy (&ctx);
    for (int i = 0; i < sent_count; i++)
        free (sent[i].text);
    idmap_destroy (ctx.jobs);
    timer_heap_fini (&ctx.timers);
    flux_close (ctx.h);
    return 0;
}

/* ---- */

static void taken (void **state)
{
    struct job *job = create (1);

    say (job, "a");
    say (job, "b");
    end (job, "c");
    assert_int_equal (sent_count, 3);
    assert_string_equal (sent[0].text, "output+=a ");
    assert_string_equal (sent[1].text, "output+=b ");
    assert_string_equal (sent[2].text, "output+=c ");
    answer (0, 0);
    expect ("");
    answer (1, 0);
    answer (2, 0);
    expect ("release(1) ");
    assert_int_equal (ctx.ordered.on_way, 0);
}

/* How much of the output is stored stands beside it, as long as the job runs. */
static void what_is_kept_is_counted (void **state)
{
    struct job *job = create (1);

    ctx.resume.token = (char *)"tok";
    say (job, "abc");
    say (job, "de");
    end (job, "f");
    assert_string_equal (sent[0].text, "output+=abc 0=3 ");
    assert_string_equal (sent[1].text, "output+=de 0=5 ");
    assert_string_equal (sent[2].text, "output+=f -kept ");
    for (int i = 0; i < 3; i++)
        answer (i, 0);
    expect ("release(1) ");
    /* another broker had stored some */
    job = create (2);
    job_resume_shell (job, &job->shells[0], 100);
    say (job, "abc");
    assert_string_equal (sent[3].text, "output+=abc 0=103 ");
    answer (3, 0);
    /* a job that ends at once costs nothing more */
    end (create (3), "f");
    assert_string_equal (sent[4].text, "output=f ");
    answer (4, 0);
    expect ("release(3) ");
}

/* What came before the header waits for it, and no commit before has it. */
static void early_output_is_not_yet_stored (void **state)
{
    struct job *job = create (1);

    job->header_seen = false;
    buf_adds (&job->eventlog, "e");
    say (job, "");                  /* of the shell nothing yet, */
    job->shells[0].uncommitted = 5; /* but some waits */
    answer (0, 0);
    buf_adds (&job->eventlog, "f");
    say (job, "");
    answer (1, 0);
    assert_int_equal (job->shells[0].uncommitted, 5);
    job->header_seen = true;
    say (job, "a");
    assert_int_equal (job->shells[0].uncommitted, 0);
    answer (2, 0);
    expect ("");
}

/* An exception, and the KVS is told that we know: it refuses what is behind. */
static void refused (void **state)
{
    struct job *job = create (1), *other = create (2);

    say (job, "a");
    say (other, "b");
    answer (0, ENOSPC);
    expect ("exception(1: output cannot be stored: No space left on device) ");
    assert_int_equal (resets, 1);
    assert_int_equal (job->shells[0].uncommitted, 0);
    answer (1, ENOSPC);
    expect ("exception(2: output cannot be stored: No space left on device) ");
    assert_int_equal (resets, 2);
    end (job, "c");
    answer (2, 0);
    expect ("release(1) ");
}

static void refused_at_the_end (void **state)
{
    struct job *job = create (1);

    end (job, "a");
    answer (0, EFBIG);
    expect ("exception(1: output cannot be stored: File too large) release(1) ");
    assert_int_equal (ctx.ordered.on_way, 0);
}

/* Its last words, sent when it was known, are taken; what went before them is not. */
static void refused_before_the_end (void **state)
{
    struct job *job = create (1);

    say (job, "a");
    job->finished = true;
    answer (0, EFBIG);
    expect ("exception(1: output cannot be stored: File too large) ");
    end (job, "b");
    answer (1, 0);
    expect ("release(1) ");
}

static void refused_for_a_job_that_is_gone (void **state)
{
    struct job *job = create (1);

    say (job, "a");
    idmap_remove (ctx.jobs, 1);
    answer (0, EIO);
    expect ("");
}

/* Nothing was taken: all is sent again, in order, and nothing before. */
static void without_a_kvs (void **state)
{
    struct job *job = create (1);

    say (job, "a");
    say (job, "b");
    answer (0, ENOSYS);
    assert_null (timer);
    say (job, "c"); /* waits: it belongs behind */
    assert_int_equal (sent_count, 2);
    answer (1, ENOSYS);
    expect ("");
    fire ();
    assert_int_equal (sent_count, 4);
    assert_string_equal (sent[2].text, "output+=a ");
    assert_string_equal (sent[3].text, "output+=b ");
    answer (2, ENOSYS);
    answer (3, ENOSYS);
    fire ();
    answer (4, 0);
    answer (5, 0);
    commit_flush (&ctx);
    assert_string_equal (sent[6].text, "output+=c ");
    end (job, "d");
    answer (6, 0);
    answer (7, 0);
    expect ("release(1) ");
    assert_int_equal (resets, 0);
}

/* It was loaded again in between. */
static void a_later_one_was_taken (void **state)
{
    struct job *job = create (1);

    say (job, "a");
    say (job, "b");
    answer (0, ENOSYS);
    answer (1, 0);
    expect ("exception(1: output cannot be stored: the KVS has ended) ");
    end (job, "c");
    assert_string_equal (sent[2].text, "output+=c ");
    answer (2, 0);
    expect ("release(1) ");
    assert_int_equal (ctx.ordered.again, 0);
    assert_int_equal (ctx.ordered.on_way, 0);
}

static void one_waits_and_one_is_refused (void **state)
{
    struct job *job = create (1), *other = create (2);

    say (job, "a");
    say (other, "b");
    answer (0, ENOSYS);
    answer (1, EIO);
    expect ("exception(2: output cannot be stored: Input/output error) ");
    fire ();
    answer (2, 0);
    end (job, "c");
    answer (3, 0);
    expect ("release(1) ");
}

static void cannot_be_sent (void **state)
{
    struct job *job = create (1);

    fail_send = 1;
    end (job, "a");
    expect (
        "exception(1: output cannot be stored: Cannot allocate memory) release(1) ");
    assert_int_equal (ctx.ordered.on_way, 0);
}

static void bounded (void **state)
{
    struct job *job = create (1);

    for (int i = 0; i < 2 * COMMITS_MAX; i++)
        say (job, "x");
    assert_int_equal (sent_count, COMMITS_MAX);
    ctx.commit_much = true;
    answer (0, 0);
    commit_flush (&ctx);
    assert_int_equal (sent_count, COMMITS_MAX + 1);
    assert_int_equal (strlen (sent[COMMITS_MAX].text),
                      strlen ("output+= ") + COMMITS_MAX);
}

/* The k-th answer is errnum: each job is released once, with an exception if and only if
 * something of it is not there. */
static void sweep (int k, int errnum)
{
    struct job *jobs[3];
    int done = 0, released = 0;

    setup (NULL);
    for (int i = 0; i < 3; i++) {
        jobs[i] = create (i + 1);
        say (jobs[i], "a");
    }
    for (int i = 0; i < 3; i++)
        end (jobs[i], "z");
    for (int turn = 0; turn < 20 && done < sent_count; turn++) {
        while (done < sent_count) {
            answer (done, done == k ? errnum : 0);
            done++;
        }
        if (timer && ctx.ordered.again > 0)
            fire ();
    }
    for (const char *s = trace.data; (s = strstr (s, "release(")); s++)
        released++;
    assert_int_equal (released, 3);
    if (errnum == ENOSPC && k < sent_count)
        assert_non_null (strstr (trace.data, "exception("));
    assert_int_equal (ctx.ordered.on_way, 0);
    assert_int_equal (ctx.ordered.again, 0);
    teardown (NULL);
}

static void sweeps (void **state)
{
    for (int k = 0; k < 7; k++) {
        sweep (k, ENOSPC);
        sweep (k, ENOSYS);
    }
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST (taken),
        TEST (what_is_kept_is_counted),
        TEST (early_output_is_not_yet_stored),
        TEST (refused),
        TEST (refused_at_the_end),
        TEST (refused_before_the_end),
        TEST (refused_for_a_job_that_is_gone),
        TEST (without_a_kvs),
        TEST (a_later_one_was_taken),
        TEST (one_waits_and_one_is_refused),
        TEST (cannot_be_sent),
        TEST (bounded),
        cmocka_unit_test (sweeps),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
