/* The small parts of the core against models of them: who waits for jobs, the slices of
 * `flux job last`, and jobspecs that share an environment. */
#include "base/test.h"

#include "modules/job-manager/machine/job.h"
#include "modules/job-manager/machine/recent.h"
#include "modules/job-manager/machine/waitable.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int seed;

static int start (void **state)
{
    const char *s = getenv ("JOB_MANAGER_SEED");

    seed = s ? strtoul (s, NULL, 0) : 1;
    print_message ("# JOB_MANAGER_SEED=%u\n", seed);
    return 0;
}

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* --- Waitables --- */

#define JOBS 8
#define WAITERS 64

/* One waiter: what it waits for, and what it was told. */
struct waiter {
    flux_jobid_t id;
    bool waits;
    int told; /* times */
    int errnum;
    flux_jobid_t got;
};

/* What is true of a job: it is not there, it is active, or it waits to be asked for. */
enum what { ABSENT, ACTIVE, FINISHED };

struct world {
    struct waitables *w;
    struct waiter waiters[WAITERS];
    int count;
    enum what jobs[JOBS];
};

static void told_cb (void *waiter, int errnum, const struct wait_result *res, void *arg)
{
    struct waiter *x = waiter;

    assert_true (x->waits);
    x->waits = false;
    x->told++;
    x->errnum = errnum;
    x->got = errnum ? 0 : res->id;
    assert_true (errnum == 0 || errnum == ECHILD);
}

static int present (const struct world *w)
{
    int n = 0;

    for (int i = 0; i < JOBS; i++)
        n += w->jobs[i] != ABSENT;
    return n;
}

static int waiting (const struct world *w, flux_jobid_t id)
{
    int n = 0;

    for (int i = 0; i < w->count; i++)
        n += w->waiters[i].waits && w->waiters[i].id == id;
    return n;
}

static void finish (struct world *w, int job)
{
    struct wait_result res = { .id = job, .success = job % 2 };
    int own = waiting (w, job), any = waiting (w, FLUX_JOBID_ANY), told = 0;
    bool was = w->jobs[job] == ACTIVE;

    snprintf (res.errstr, sizeof (res.errstr), "job %d", job);
    for (int i = 0; i < w->count; i++)
        w->waiters[i].told = 0;
    waitables_finish (w->w, &res);
    if (!was)
        return;
    w->jobs[job] = own + any > 0 ? ABSENT : FINISHED;
    for (int i = 0; i < w->count; i++) {
        struct waiter *x = &w->waiters[i];

        told += x->told && x->errnum == 0;
        if (x->told && x->errnum == 0) {
            assert_int_equal (x->got, job);
            /* who waits for this one goes before who waits for any */
            assert_true (own ? x->id == (flux_jobid_t)job : x->id == FLUX_JOBID_ANY);
        } else if (x->told)
            assert_int_equal (present (w), 0);
    }
    assert_int_equal (told, own + any > 0);
    if (present (w) == 0)
        assert_int_equal (waiting (w, FLUX_JOBID_ANY), 0);
}

static void wait_for (struct world *w, flux_jobid_t id)
{
    struct waiter *x = &w->waiters[w->count];
    int finished = 0, own = waiting (w, id), rc;
    struct wait_result res;

    if (w->count == WAITERS)
        return;
    *x = (struct waiter){ .id = id, .waits = true };
    for (int i = 0; i < JOBS; i++)
        finished +=
            w->jobs[i] == FINISHED && (id == FLUX_JOBID_ANY || id == (flux_jobid_t)i);
    errno = 0;
    rc = waitables_wait (w->w, id, x, &res);
    if (finished > 0) {
        char text[32];

        assert_int_equal (rc, 1);
        assert_int_equal (w->jobs[res.id], FINISHED);
        snprintf (text, sizeof (text), "job %d", (int)res.id);
        assert_string_equal (res.errstr, text);
        assert_int_equal (res.success, res.id % 2);
        w->jobs[res.id] = ABSENT;
    } else if (id == FLUX_JOBID_ANY ? own >= present (w) : w->jobs[id] == ABSENT) {
        assert_int_equal (rc, -1);
        assert_int_equal (errno, ECHILD);
    } else if (id != FLUX_JOBID_ANY && own > 0) {
        assert_int_equal (rc, -1);
        assert_int_equal (errno, EEXIST);
    } else {
        assert_int_equal (rc, 0);
        w->count++;
    }
}

static bool is_him (void *waiter, void *arg)
{
    return waiter == arg;
}

static void forget_one (struct world *w)
{
    struct waiter *x;

    if (w->count == 0)
        return;
    x = &w->waiters[rnd (w->count)];
    waitables_forget (w->w, is_him, x);
    x->waits = false;
}

static void waitables (void **state)
{
    for (int round = 0; round < 300; round++) {
        struct world w = { 0 };
        flux_jobid_t id;
        size_t pos = 0;
        int n = 0;

        w.w = waitables_create (told_cb, &w);
        for (int step = 0; step < 120; step++) {
            int job = rnd (JOBS), what = rnd (10);

            if (what < 3 && w.jobs[job] == ABSENT) {
                assert_int_equal (waitables_add (w.w, job), 0);
                w.jobs[job] = ACTIVE;
            } else if (what < 6)
                finish (&w, job);
            else if (what < 8)
                wait_for (&w, job);
            else if (what == 8)
                wait_for (&w, FLUX_JOBID_ANY);
            else
                forget_one (&w);
            assert_int_equal (waitables_count (w.w), present (&w));
        }
        while (waitables_next (w.w, &pos, &id)) {
            assert_int_not_equal (w.jobs[id], ABSENT);
            n++;
        }
        assert_int_equal (n, present (&w));
        waitables_destroy (w.w);
    }
    waitables_destroy (NULL);
}

/* --- recent --- */

static bool is_known (flux_jobid_t id, void *arg)
{
    return id % 5 != 0;
}

/* Python's [start:stop:step] of the list, by its definition: indices that are in it. */
static int slice (const int *list, int n, const int *start, const int *stop,
                  const int *step, int *out)
{
    long by = step ? *step : 1, from, to;
    int count = 0;

    from = start ? *start + (*start < 0 ? n : 0L) : by > 0 ? 0 : n - 1;
    to = stop ? *stop + (*stop < 0 ? n : 0L) : by > 0 ? n : -1;
    if (by > 0 && from < 0)
        from = 0;
    if (by < 0 && from > n - 1)
        from = n - 1;
    if (by > 0 && to > n)
        to = n;
    if (by < 0 && to < -1)
        to = -1;
    for (long i = from; by > 0 ? i < to : i > to; i += by)
        if (i >= 0 && i < n)
            out[count++] = list[i];
    return count;
}

static const int *bound (int *n)
{
    static const int far[] = { INT_MIN, INT_MAX, INT_MIN + 1, 1000, -1000 };
    int what = rnd (6);

    *n = what == 0 ? far[rnd (5)] : (int)rnd (25) - 12;
    return what == 1 ? NULL : n;
}

static void recent (void **state)
{
    for (int round = 0; round < 3000; round++) {
        struct recent r = { 0 };
        int list[20], want[20], n = 0, count = rnd (20), a, b, c;
        const int *start = bound (&a), *stop = bound (&b), *step = bound (&c);
        json_t *got;

        for (int i = 1; i <= count; i++)
            assert_int_equal (recent_add (&r, i, i % 3 == 0 ? 7 : 8), 0);
        for (int i = count; i > 0; i--)
            if (i % 3 != 0 && i % 5 != 0)
                list[n++] = i;
        got = recent_slice (&r, 8, start, stop, step, is_known, NULL);
        if (step && *step == 0) {
            assert_null (got);
            assert_int_equal (errno, EINVAL);
        } else {
            int m = slice (list, n, start, stop, step, want);

            assert_int_equal (json_array_size (got), m);
            for (int i = 0; i < m; i++)
                assert_int_equal (json_integer_value (json_array_get (got, i)),
                                  want[i]);
        }
        json_decref (got);
        recent_fini (&r);
    }
}

/* What came in any order is sorted; half of what is too many goes, the oldest. */
static void recent_many (void **state)
{
    struct recent r = { 0 };
    int two = 2;
    json_t *got;

    recent_sort (&r);
    for (int i = 0; i < 3; i++)
        recent_add (&r, (uint64_t[]){ 9, 1ull << 60, 4 }[i], 1);
    recent_sort (&r);
    assert_true (r.entries[0].id == 4 && r.entries[2].id == 1ull << 60);
    recent_fini (&r);
    for (int i = 0; i < (1 << 20) + 1; i++)
        assert_int_equal (recent_add (&r, i, 1), 0);
    assert_int_equal (r.count, (1 << 19) + 1);
    assert_int_equal (r.entries[0].id, 1 << 19);
    got = recent_slice (&r, 1, NULL, &two, NULL, is_known, NULL);
    assert_int_equal (json_array_size (got), 2);
    assert_int_equal (json_integer_value (json_array_get (got, 0)), 1 << 20);
    json_decref (got);
    recent_fini (&r);
}

/* --- Jobspecs and environments --- */

static const struct {
    const char *text, *lite; /* NULL: refused */
    int errnum;
} specs[] = {
    { "{\"attributes\":{\"system\":{\"duration\":0,\"environment\":{\"A\":\"b\"}}}}",
      "{\"attributes\":{\"system\":{\"duration\":0}}}", 0 },
    { "{\"attributes\":{\"system\":{\"environment\":{\"A\":\"}\"},\"duration\":0}}}",
      "{\"attributes\":{\"system\":{\"duration\":0}}}", 0 },
    { "{\"attributes\":{\"system\":{\"environment\":{}}}}",
      "{\"attributes\":{\"system\":{}}}", 0 },
    { "{\"attributes\":{\"system\":{\"duration\":0}}}",
      "{\"attributes\":{\"system\":{\"duration\":0}}}", 0 },
    { "{\"attributes\":{\"user\":{\"environment\":{}}}}",
      "{\"attributes\":{\"user\":{\"environment\":{}}}}", 0 },
    { "{}", "{}", 0 },
    { "[]", NULL, EINVAL },
    { "", NULL, EINVAL },
};

static void assert_full (const struct spec *s, const char *want)
{
    struct buf b = BUF_INIT;

    assert_int_equal (spec_add_full (s, &b), 0);
    assert_string_equal (b.data ? b.data : "", want);
    buf_fini (&b);
}

/* Taken apart and put together again it is what it was, byte for byte. */
static void apart (void **state)
{
    struct env_table t;

    env_table_init (&t);
    for (size_t i = 0; i < sizeof (specs) / sizeof (specs[0]); i++) {
        struct spec s;

        errno = 0;
        if (!specs[i].lite) {
            assert_int_equal (spec_init (&s, &t, specs[i].text, strlen (specs[i].text)),
                              -1);
            assert_int_equal (errno, specs[i].errnum);
            assert_int_equal (t.count, 0);
            continue;
        }
        assert_int_equal (spec_init (&s, &t, specs[i].text, strlen (specs[i].text)), 0);
        assert_string_equal (s.text, specs[i].lite);
        assert_int_equal (spec_text (&s).len, strlen (specs[i].lite));
        assert_full (&s, specs[i].text);
        spec_fini (&s, &t);
        assert_int_equal (t.count, 0);
    }
    env_table_fini (&t);
}

/* As job-ingest sends it: the environment with a comma behind. */
static void split (void **state)
{
    static const struct {
        const char *lite, *full;
    } t[] = {
        { "{\"attributes\":{\"system\":{\"duration\":0}}}",
          "{\"attributes\":{\"system\":{\"environment\":{\"A\":\"b\"},\"duration\":0}}"
          "}" },
        { "{\"attributes\":{\"system\":{}}}",
          "{\"attributes\":{\"system\":{\"environment\":{\"A\":\"b\"}}}}" },
        { "{\"attributes\":{\"system\":{ }}}",
          "{\"attributes\":{\"system\":{\"environment\":{\"A\":\"b\"} }}}" },
    };
    struct span env = { "\"environment\":{\"A\":\"b\"},", 26 };
    struct env_table table;
    struct spec s;

    env_table_init (&table);
    env.len = strlen (env.s);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct span text = { t[i].lite, strlen (t[i].lite) };

        assert_int_equal (spec_init_split (&s, &table, text, env), 0);
        assert_string_equal (s.text, t[i].lite);
        assert_full (&s, t[i].full);
        spec_fini (&s, &table);
    }
    assert_int_equal (spec_init_split (&s, &table, (struct span){ "{}", 2 }, env), -1);
    assert_int_equal (spec_init_split (&s, &table, (struct span){ "[", 1 }, env), -1);
    assert_int_equal (table.count, 0);
    env_table_fini (&table);
}

/* Equal environments are kept once, until the last job is gone; however many there are. */
static void shared (void **state)
{
    enum { COUNT = 300, DIFFERENT = 90 };
    static struct spec s[COUNT];
    bool there[COUNT] = { false };
    struct env_table t;
    char text[128];

    env_table_init (&t);
    for (int step = 0; step < 5000; step++) {
        int i = rnd (COUNT), kinds = 0;
        bool kind[DIFFERENT] = { false };

        snprintf (text, sizeof (text),
                  "{\"attributes\":{\"system\":{\"environment\":{\"A\":\"%d\"}}}}",
                  i % DIFFERENT);
        if (there[i]) {
            assert_full (&s[i], text);
            spec_fini (&s[i], &t);
        } else
            assert_int_equal (spec_init (&s[i], &t, text, strlen (text)), 0);
        there[i] = !there[i];
        for (int k = 0; k < COUNT; k++)
            if (there[k])
                kind[k % DIFFERENT] = true;
        for (int k = 0; k < DIFFERENT; k++)
            kinds += kind[k];
        assert_int_equal (t.count, kinds);
    }
    for (int i = 0; i < COUNT; i++)
        if (there[i])
            spec_fini (&s[i], &t);
    assert_int_equal (t.count, 0);
    env_table_fini (&t);
}

static void results (void **state)
{
    static const struct {
        const char *exception;
        int status;
        flux_job_result_t result;
    } t[] = {
        { NULL, 0, FLUX_JOB_RESULT_COMPLETED },
        { NULL, 256, FLUX_JOB_RESULT_FAILED },
        { NULL, -1, FLUX_JOB_RESULT_FAILED },
        { "cancel", 0, FLUX_JOB_RESULT_CANCELED },
        { "cancelled", 0, FLUX_JOB_RESULT_FAILED },
        { "timeout", 0, FLUX_JOB_RESULT_TIMEOUT },
        { "exec", 0, FLUX_JOB_RESULT_FAILED },
    };
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct job *job = job_create ();

        assert_int_equal (job->wait_status, -1);
        job->wait_status = t[i].status;
        job->exception = t[i].exception ? strdup (t[i].exception) : NULL;
        assert_int_equal (job_result (job), t[i].result);
        job_destroy (job);
    }
    job_destroy (NULL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (waitables),   cmocka_unit_test (recent),
        cmocka_unit_test (recent_many), cmocka_unit_test (apart),
        cmocka_unit_test (split),       cmocka_unit_test (shared),
        cmocka_unit_test (results),
    };

    return cmocka_run_group_tests (tests, start, NULL);
}
