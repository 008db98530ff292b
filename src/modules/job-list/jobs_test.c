#include "base/test.h"

#include "jobs.h"

#include "base/hashmap.h"
#include "value/resource/constraint.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static bool held; /* events that come together */

static void event (struct jobs *jobs, flux_jobid_t id, double t, const char *name,
                   const char *context, const char *jobspec, const char *R)
{
    json_t *c = context ? json_loads (context, 0, NULL) : NULL;
    json_t *js = jobspec ? json_loads (jobspec, 0, NULL) : NULL;
    json_t *r = R ? json_loads (R, 0, NULL) : NULL;
    json_t *entry = json_pack ("{s:f s:s}", "timestamp", t, "name", name);

    if (c)
        json_object_set (entry, "context", c);
    assert_int_equal (jobs_event (jobs, id, entry, js, r), 0);
    if (!held)
        jobs_write (jobs);
    json_decref (entry);
    json_decref (c);
    json_decref (js);
    json_decref (r);
}

static const char jobspec[] =
    "{\"resources\":[{\"type\":\"slot\",\"count\":2,\"label\":\"task\",\"with\":"
    "[{\"type\":\"core\",\"count\":3}]}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":0,"
    "\"cwd\":\"/tmp\",\"queue\":\"batch\"}},\"version\":1}";
static const char R[] =
    "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"1-2\",\"children\":{"
    "\"core\":"
    "\"0-2\"}}],\"nodelist\":[\"n[1-2]\"],\"starttime\":1.0,\"expiration\":99.5}}";

static void submit (struct jobs *jobs, flux_jobid_t id, double t)
{
    event (jobs, id, t, "submit", "{\"userid\":42,\"urgency\":16,\"flags\":0}", jobspec,
           NULL);
    event (jobs, id, t + .1, "validate", NULL, NULL, NULL);
    event (jobs, id, t + .2, "depend", NULL, NULL, NULL);
    event (jobs, id, t + .3, "priority", "{\"priority\":16}", NULL, NULL);
}

static void run (struct jobs *jobs, flux_jobid_t id, double t, int status)
{
    char context[64];

    event (jobs, id, t, "alloc",
           "{\"annotations\":{\"sched\":{\"resource_summary\":\"x\"}}}", NULL, R);
    event (jobs, id, t + .1, "start", NULL, NULL, NULL);
    snprintf (context, sizeof (context), "{\"status\":%d}", status);
    if (status >= 0) {
        event (jobs, id, t + .2, "finish", context, NULL, NULL);
        event (jobs, id, t + .3, "clean", NULL, NULL, NULL);
    }
}

static void test_record (void **state)
{
    struct jobs jobs;
    struct buf b = BUF_INIT;

    assert_int_equal (jobs_init (&jobs), 0);
    submit (&jobs, 1, 1.);
    event (&jobs, 1, 2., "dependency-add", "{\"description\":\"a\"}", NULL, NULL);
    event (&jobs, 1, 2., "dependency-add", "{\"description\":\"b\"}", NULL, NULL);
    event (&jobs, 1, 2., "dependency-remove", "{\"description\":\"a\"}", NULL, NULL);
    job_encode (jobs_lookup (&jobs, 1), JOB_ATTRS_ALL, &b);
    assert_string_equal (
        b.data,
        "{\"id\":1,\"userid\":42,\"urgency\":16,\"priority\":16,\"t_submit\":1.0,"
        "\"t_depend\":1.1,\"t_priority\":1.2,\"t_sched\":1.3,"
        "\"state\":8,\"name\":\"true\",\"cwd\":\"/tmp\",\"queue\":\"batch\","
        "\"ntasks\":2,\"ncores\":6,\"duration\":0.0,\"dependencies\":[\"b\"]}");
    run (&jobs, 1, 3., 256);
    event (&jobs, 1, 4., "memo", "{\"uri\":\"local:///x\"}", NULL, NULL);
    buf_reset (&b);
    job_encode (jobs_lookup (&jobs, 1), ~(uint64_t)0x7f8, &b);
    assert_string_equal (
        b.data,
        "{\"id\":1,\"userid\":42,\"urgency\":16,\"priority\":16,\"name\":\"true\","
        "\"cwd\":\"/tmp\",\"queue\":\"batch\",\"ntasks\":2,\"ncores\":6,\"nnodes\":2,"
        "\"ranks\":\"1-2\",\"nodelist\":\"n[1-2]\",\"duration\":0.0,\"expiration\":99."
        "5,"
        "\"success\":false,\"result\":2,\"waitstatus\":256,\"exception_occurred\":"
        "false,"
        "\"annotations\":{\"sched\":{\"resource_summary\":\"x\"},\"user\":{\"uri\":"
        "\"local:///x\"}},\"dependencies\":[\"b\"]}");
    buf_reset (&b);
    job_counts_encode (hashmap_lookup (jobs.queues, "batch"), &b);
    assert_non_null (strstr (b.data, "\"inactive\":1,\"total\":1}"));
    assert_non_null (strstr (b.data, "\"failed\":1"));
    jobs_purge (&jobs, 1);
    assert_null (jobs_lookup (&jobs, 1));
    assert_int_equal (intern_count (jobs.strings), 0);
    buf_fini (&b);
    jobs_fini (&jobs);
}

/* Queues are called what they are called. */
static void test_counts_of_queue (void **state)
{
    struct job_counts c = { .queue = (char *)"a\"b\\", .purged = 3 };
    struct buf b = BUF_INIT;

    job_counts_encode (&c, &b);
    assert_non_null (strstr (b.data, "\"inactive_purged\":3,\"name\":\"a\\\"b\\\\\""));
    buf_reset (&b);
    c.queue = NULL;
    job_counts_encode (&c, &b);
    assert_null (strstr (b.data, "name"));
    buf_fini (&b);
}

static void expect_order (struct jobs *jobs, const char *want)
{
    char s[256] = "";

    struct jobs_cursor c;
    const struct job *ended;

    for (struct job *job = jobs_next (jobs, NULL, ~0); job;
         job = jobs_next (jobs, job, ~0))
        sprintf (s + strlen (s), "%d ", (int)job->id);
    jobs_cursor_init (&c);
    assert_int_equal (jobs_cursor_open (jobs, &c), 0);
    while (jobs_cursor_next (jobs, &c, &ended) == 0 && ended)
        sprintf (s + strlen (s), "%d ", (int)ended->id);
    assert_string_equal (s, want);
}

static void test_order (void **state)
{
    struct jobs jobs;

    assert_int_equal (jobs_init (&jobs), 0);
    for (int i = 1; i <= 9; i++)
        submit (&jobs, i, i);
    expect_order (&jobs, "1 2 3 4 5 6 7 8 9 ");
    event (&jobs, 5, 20., "priority", "{\"priority\":17}", NULL, NULL);
    run (&jobs, 2, 21., -1);
    run (&jobs, 1, 22., -1);
    run (&jobs, 3, 23., 0);
    run (&jobs, 4, 24., 0);
    expect_order (&jobs, "5 6 7 8 9 1 2 4 3 ");
    event (&jobs, 7, 25., "exception",
           "{\"type\":\"cancel\",\"severity\":0,\"note\":\"\"}", NULL, NULL);
    event (&jobs, 7, 26., "clean", NULL, NULL, NULL);
    expect_order (&jobs, "5 6 8 9 1 2 7 4 3 ");
    assert_ptr_equal (jobs_next (&jobs, NULL, FLUX_JOB_STATE_RUN),
                      jobs_lookup (&jobs, 1));
    assert_null (jobs_next (&jobs, NULL, FLUX_JOB_STATE_INACTIVE));
    assert_null (jobs_next (&jobs, jobs_lookup (&jobs, 2),
                            FLUX_JOB_STATE_PENDING | FLUX_JOB_STATE_RUN));
    assert_int_equal (jobs.counts.results[2], 1);
    assert_int_equal (jobs_lookup (&jobs, 7)->result, FLUX_JOB_RESULT_CANCELED);
    event (&jobs, 9, 27., "invalidate", NULL, NULL, NULL);
    expect_order (&jobs, "5 6 8 1 2 7 4 3 ");
    jobs_fini (&jobs);
}

static bool matches (struct jobs *jobs, flux_jobid_t id, const char *constraint)
{
    json_t *o = json_loads (constraint, 0, NULL);
    flux_error_t error;
    struct constraint *c = job_constraint (o, &error);
    bool match;

    if (!c)
        fail_msg ("%s: %s", constraint, error.text);
    match = job_match (c, jobs_lookup (jobs, id));
    constraint_destroy (c);
    json_decref (o);
    return match;
}

static void test_match (void **state)
{
    static const char *const bad[] = {
        "{\"userid\":[\"x\"]}", "{\"states\":[\"nosuch\"]}",   "{\"t_run\":[\"5\"]}",
        "{\"foo\":[1]}",        "{\"and\":[{\"ranks\":[1]}]}", "{\"results\":[\"bad\"]}"
    };
    struct jobs jobs;

    assert_int_equal (jobs_init (&jobs), 0);
    submit (&jobs, 1, 1.);
    run (&jobs, 1, 3., 0);
    submit (&jobs, 2, 5.);
    assert_true (matches (&jobs, 1, "{}"));
    assert_true (matches (&jobs, 1, "{\"userid\":[41,42]}"));
    assert_false (matches (&jobs, 1, "{\"userid\":[41]}"));
    assert_true (matches (&jobs, 1, "{\"name\":[\"tr*\"]}"));
    assert_true (matches (&jobs, 1, "{\"queue\":[\"batch\"]}"));
    assert_true (matches (&jobs, 1, "{\"states\":[64]}"));
    assert_true (matches (&jobs, 2, "{\"states\":[\"pending\"]}"));
    assert_true (matches (&jobs, 1, "{\"results\":[\"completed\"]}"));
    assert_true (matches (&jobs, 1, "{\"hostlist\":[\"n[2-9]\"]}"));
    assert_false (matches (&jobs, 2, "{\"hostlist\":[\"n[2-9]\"]}"));
    assert_true (matches (&jobs, 1, "{\"ranks\":[\"2-4\"]}"));
    assert_false (matches (&jobs, 1, "{\"ranks\":[\"3-4\"]}"));
    assert_true (matches (&jobs, 1, "{\"t_run\":[\">=3.0\"]}"));
    assert_false (matches (&jobs, 1, "{\"t_run\":[\">3.0\"]}"));
    assert_false (matches (&jobs, 2, "{\"t_run\":[\">0\"]}"));
    assert_true (matches (
        &jobs, 1, "{\"and\":[{\"userid\":[42]},{\"not\":[{\"states\":[8]}]}]}"));
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        json_t *o = json_loads (bad[i], 0, NULL);
        flux_error_t error;

        assert_null (job_constraint (o, &error));
        json_decref (o);
    }
    jobs_fini (&jobs);
}

static int states (const char *constraint)
{
    json_t *o = json_loads (constraint, 0, NULL);
    int mask = job_constraint_states (o);

    json_decref (o);
    return mask;
}

/* What may be skipped never matches. */
static void test_states (void **state)
{
    assert_int_equal (job_constraint_states (NULL), ~0);
    assert_int_equal (states ("{\"userid\":[1]}"), ~0);
    assert_int_equal (states ("{\"states\":[\"running\"]}"), FLUX_JOB_STATE_RUNNING);
    assert_int_equal (states ("{\"states\":[\"sched\",32]}"),
                      FLUX_JOB_STATE_SCHED | FLUX_JOB_STATE_CLEANUP);
    assert_int_equal (states ("{\"and\":[{\"userid\":[1]},{\"states\":[\"active\"]},"
                              "{\"states\":[\"run\",\"inactive\"]}]}"),
                      FLUX_JOB_STATE_RUN);
    assert_int_equal (states ("{\"results\":[\"failed\"]}"), FLUX_JOB_STATE_INACTIVE);
    assert_int_equal (states ("{\"not\":[{\"states\":[\"run\"]}]}"), ~0);
    assert_int_equal (states ("{\"or\":[{\"states\":[\"run\"]},{\"userid\":[1]}]}"),
                      ~0);
}

static void test_memory (void **state)
{
    struct jobs jobs;

    assert_int_equal (jobs_init (&jobs), 0);
    for (int i = 0; i < 5000; i++) {
        submit (&jobs, i, i + 1);
        run (&jobs, i, i + 2, 0);
    }
    assert_true (sizeof (struct job) < 400);
    assert_true (intern_count (jobs.strings) < 20);
    jobs_fini (&jobs);
}

/* Ends a job at a time, with an exception that is its own. */
static void end_one (struct jobs *jobs, flux_jobid_t id, double t)
{
    char context[96];

    snprintf (context, sizeof (context),
              "{\"type\":\"cancel\",\"severity\":0,\"note\":\"note %d\"}", (int)id);
    submit (jobs, id, t);
    event (jobs, id, t, "exception", context, NULL, NULL);
    event (jobs, id, t, "clean", NULL, NULL, NULL);
    assert_int_equal (jobs_settle (jobs), 0);
}

struct model {
    double t[4000]; /* 0: not there */
    int count;
};

/* The order of the model: the next after (t, id). */
static int model_next (const struct model *m, double t, int id)
{
    int best = 0;

    for (int i = 1; i < 4000; i++) {
        if (m->t[i] == 0. || m->t[i] > t || (m->t[i] == t && i >= id))
            continue;
        if (!best || m->t[i] > m->t[best] || (m->t[i] == m->t[best] && i > best))
            best = i;
    }
    return best;
}

static void compare (struct jobs *jobs, const struct model *m, int pause)
{
    struct jobs_cursor c;
    const struct job *job;
    double t = INFINITY;
    int id = 0, n = 0;

    jobs_cursor_init (&c);
    assert_int_equal (jobs_cursor_open (jobs, &c), 0);
    for (;;) {
        char note[32];

        assert_int_equal (jobs_cursor_next (jobs, &c, &job), 0);
        id = model_next (m, t, id);
        assert_int_equal (job ? job->id : 0, id);
        if (!job)
            break;
        n++;
        t = m->t[id];
        snprintf (note, sizeof (note), "note %d", id);
        assert_string_equal (job->exception_note, note);
        assert_string_equal (job->name, "true");
        assert_null (job->bank);
        if (n % pause == 0) /* between two slices of a list */
            assert_int_equal (jobs_cursor_open (jobs, &c), 0);
    }
    assert_int_equal (n, m->count);
    assert_int_equal (jobs_inactive (jobs), m->count);
    assert_int_equal (jobs->counts.states[6], m->count);
}

/* Jobs end in any order of time, are purged and get memos, in memory and in the database,
 * beside a plain table. */
static void test_ended (void **state)
{
    struct model *m = calloc (1, sizeof (*m));
    struct jobs jobs;
    struct job row;

    srand (7);
    assert_int_equal (jobs_init (&jobs), 0);
    jobs.kept = 40;
    for (int i = 1; i < 4000; i++) {
        int other = 1 + rand () % i;

        m->t[i] = 1 + (rand () % 4 ? i : rand () % 2000) / 4;
        m->count++;
        end_one (&jobs, i, m->t[i]);
        if (rand () % 3 == 0 && m->t[other] > 0.) {
            assert_int_equal (jobs_purge (&jobs, other), 0);
            assert_null (jobs_find (&jobs, other, &row));
            m->t[other] = 0.;
            m->count--;
        } else if (m->t[other] > 0.) {
            event (&jobs, other, 9999., "memo", "{\"a\":1}", NULL, NULL);
            assert_string_equal (jobs_find (&jobs, other, &row)->annotations,
                                 "{\"user\":{\"a\":1}}");
            assert_int_equal (jobs_settle (&jobs), 0);
        }
        if (i % 400 == 0)
            compare (&jobs, m, 1 + rand () % 100);
    }
    compare (&jobs, m, 4000);
    assert_non_null (jobs.db);
    assert_true (jobs.inactive.count < 40 + JOBS_BATCH);
    for (int i = 1; i < 4000; i++)
        assert_int_equal (jobs_purge (&jobs, i), 0);
    assert_int_equal (jobs_inactive (&jobs), 0);
    assert_int_equal (intern_count (jobs.strings), 0);
    jobs_fini (&jobs);
    free (m);
}

/* The database cannot be made: jobs stay, and it is tried again when there are many more. */
static void test_full (void **state)
{
    struct rlimit limit, none;
    struct jobs jobs;
    struct job row;
    int failures = 0, last = 0;

    assert_int_equal (jobs_init (&jobs), 0);
    jobs.kept = 8;
    signal (SIGXFSZ, SIG_IGN);
    getrlimit (RLIMIT_FSIZE, &limit);
    none = (struct rlimit){ 4096, limit.rlim_max };
    setrlimit (RLIMIT_FSIZE, &none);
    for (int i = 1; i < 60000 && failures < 2; i++) {
        submit (&jobs, i, i);
        event (&jobs, i, i, "exception", "{\"type\":\"x\",\"severity\":0}", NULL, NULL);
        event (&jobs, i, i, "clean", NULL, NULL, NULL);
        if (jobs_settle (&jobs) < 0) {
            failures++;
            assert_int_equal (jobs_settle (&jobs), 0); /* not again at once */
        }
        last = i;
    }
    setrlimit (RLIMIT_FSIZE, &limit);
    assert_int_equal (failures, 2);
    assert_int_equal (jobs_inactive (&jobs), last);
    for (int i = 1; i <= last; i++)
        assert_non_null (jobs_find (&jobs, i, &row));
    jobs.retry = 0;
    assert_int_equal (jobs_settle (&jobs), 0);
    assert_true (jobs.inactive.count < 8 + JOBS_BATCH);
    for (int i = 1; i <= last; i++)
        assert_non_null (jobs_find (&jobs, i, &row));
    jobs_fini (&jobs);
}

/* What comes together is written once: as long as that takes for each by itself, 20,000
 * would take minutes. */
static void many_at_once (void **state)
{
    enum { COUNT = 20000 };
    char text[64], last[64];
    struct jobs jobs;
    struct job *job;

    jobs_init (&jobs);
    submit (&jobs, 7, 1);
    submit (&jobs, 8, 1);
    held = true;
    for (int i = 0; i < COUNT; i++) {
        snprintf (text, sizeof (text), "{\"description\":\"after=%d\"}", i);
        event (&jobs, 7 + i % 2, 2, "dependency-add", text, NULL, NULL);
        snprintf (text, sizeof (text), "{\"k%d\":%d}", i, i);
        event (&jobs, 7 + i % 2, 2, "memo", text, NULL, NULL);
    }
    jobs_write (&jobs);
    job = jobs_lookup (&jobs, 8);
    snprintf (last, sizeof (last), ",\"after=%d\"]", COUNT - 1);
    assert_string_equal (strrchr (job->dependencies, ','), last);
    assert_non_null (strstr (job->annotations, "\"k19999\":19999"));
    for (int i = 0; i < COUNT; i++) {
        snprintf (text, sizeof (text), "{\"description\":\"after=%d\"}", i);
        if (i != 4)
            event (&jobs, 7 + i % 2, 3, "dependency-remove", text, NULL, NULL);
    }
    event (&jobs, 8, 3, "memo", "{\"k1\":null}", NULL, NULL);
    event (&jobs, 8, 4, "invalidate", NULL, NULL, NULL); /* nothing is written of it */
    jobs_write (&jobs);
    held = false;
    assert_null (jobs_lookup (&jobs, 8));
    assert_string_equal (jobs_lookup (&jobs, 7)->dependencies, "[\"after=4\"]");
    jobs_fini (&jobs);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (many_at_once),
        cmocka_unit_test (test_record),
        cmocka_unit_test (test_counts_of_queue),
        cmocka_unit_test (test_order),
        cmocka_unit_test (test_match),
        cmocka_unit_test (test_states),
        cmocka_unit_test (test_memory),
        cmocka_unit_test (test_ended),
        cmocka_unit_test (test_full),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
