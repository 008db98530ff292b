/* Dependencies (RFC 26) as tables: each scheme with each end of the job that it names,
 * before and after that job is forgotten; values that are none; times; a restart. Then
 * what may be updated, and when. */
#include "base/test.h"

#include "modules/job-manager/machine/manager.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct manager *m;
    double now;
    char note[256]; /* of the last exception */
};

static double now (void *arg)
{
    return ((struct world *)arg)->now;
}

static void on_job (const struct job *job, void *arg)
{
}

static void on_start (const struct job *job, bool reattach, void *arg)
{
}

static void on_exception (const struct job *job, const struct event *ev, void *arg)
{
    struct world *w = arg;

    snprintf (w->note, sizeof (w->note), "%s: %s", ev->exception, ev->note);
}

static const struct manager_ops ops = {
    .now = now,
    .mono = now,
    .sched_alloc = on_job,
    .sched_cancel = on_job,
    .sched_prioritize = on_job,
    .sched_free = on_job,
    .exec_start = on_start,
    .exception = on_exception,
};

static void waited (void *waiter, int errnum, const struct wait_result *res, void *arg)
{
}

static void init (struct world *w)
{
    memset (w, 0, sizeof (*w));
    w->now = 1000;
    w->m = manager_create (&ops, w, waited);
    assert_non_null (w->m);
    manager_sched_ready (w->m, 0);
    manager_exec_hello (w->m, false, false);
}

static void commit (struct world *w)
{
    struct span s, R;

    while (manager_next_commit (w->m, &s, &R))
        ;
    manager_committed (w->m);
}

/* members: of attributes.system, without the braces. */
static void jobspec_text (char *out, size_t size, const char *members)
{
    snprintf (
        out, size,
        "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":"
        "\"core\",\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":["
        "\"true\"],\"slot\":\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{"
        "\"system\":{\"duration\":0%s%s}},\"version\":1}",
        *members ? "," : "", members);
}

static int submit_as (struct world *w, uint32_t userid, flux_jobid_t id,
                      const char *members, flux_error_t *error)
{
    static char spec[4][2048]; /* lives as long as a call */
    char *text = spec[id % 4];
    struct submission s = { .id = id, .userid = userid, .urgency = 16 };

    jobspec_text (text, 2048, members);
    s.jobspec = (struct span){ text, strlen (text) };
    error->text[0] = '\0';
    return manager_submit (w->m, &s, error);
}

static int submit (struct world *w, flux_jobid_t id, const char *members,
                   flux_error_t *error)
{
    return submit_as (w, 1000, id, members, error);
}

static int depends (struct world *w, flux_jobid_t id, const char *scheme,
                    const char *value, flux_error_t *error)
{
    char members[512];

    snprintf (members, sizeof (members),
              "\"dependencies\":[{\"scheme\":\"%s\",\"value\":\"%s\"}]", scheme, value);
    return submit (w, id, members, error);
}

static flux_job_state_t state_of (struct world *w, flux_jobid_t id)
{
    struct job *job = manager_lookup (w->m, id);

    return job ? job->state : FLUX_JOB_STATE_INACTIVE;
}

static void grant (struct world *w, flux_jobid_t id)
{
    static const char R[] = "{\"version\":1,\"execution\":{\"R_lite\":[]}}";

    manager_turn (w->m);
    manager_sched_success (w->m, id, (struct span){ R, strlen (R) },
                           (struct span){ "", 0 }, true);
}

static void raise_fatal (struct world *w, flux_jobid_t id, const char *type)
{
    manager_raise (w->m, manager_lookup (w->m, id), type, 0, "", 0);
}

/* --- How a job may end --- */

enum ending {
    OK,
    FAILS,
    CANCELED_RUNNING,
    CANCELED_PENDING,
    EXCEPTION_AND_OK,
    ENDINGS
};

static void run_to (struct world *w, flux_jobid_t id, enum ending ending)
{
    if (ending == CANCELED_PENDING) {
        manager_turn (w->m);
        raise_fatal (w, id, "cancel");
        manager_sched_canceled (w->m, id);
        return;
    }
    grant (w, id);
    manager_exec_start (w->m, id);
    if (ending == CANCELED_RUNNING)
        raise_fatal (w, id, "cancel");
    if (ending == EXCEPTION_AND_OK)
        raise_fatal (w, id, "mpi");
    manager_exec_finish (w->m, id, ending == FAILS ? 256 : 0);
    manager_exec_release (w->m, id, "all", true);
}

/* y: the job goes on; else why it cannot. */
static const struct {
    const char *scheme;
    const char *ends[ENDINGS];
} verdicts[] = {
    { "after", { "y", "y", "y", "never started", "y" } },
    { "afterstart", { "y", "y", "y", "never started", "y" } },
    { "afterany", { "y", "y", "y", "y", "y" } },
    { "afterok",
      { "y", "failed or was canceled", "failed or was canceled",
        "failed or was canceled", "failed or was canceled" } },
    { "afternotok", { "was successful", "y", "y", "never started", "y" } },
    { "afterexcept",
      { "ended without an exception", "ended without an exception", "y", "y", "y" } },
};

/* The dependent job is submitted before the other ends: it waits, and goes on or fails
 * with it. */
static void waiting (void **state)
{
    for (size_t i = 0; i < sizeof (verdicts) / sizeof (verdicts[0]); i++)
        for (int end = 0; end < ENDINGS; end++) {
            const char *want = verdicts[i].ends[end];
            flux_error_t error;
            struct world w;

            init (&w);
            submit (&w, 1, "", &error);
            assert_int_equal (depends (&w, 2, verdicts[i].scheme, "1", &error), 0);
            assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_DEPEND);
            w.note[0] = '\0';
            run_to (&w, 1, end);
            if (!strcmp (want, "y"))
                assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_SCHED);
            else {
                assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_INACTIVE);
                assert_non_null (strstr (w.note, "dependency: after"));
                assert_non_null (strstr (w.note, want));
            }
            commit (&w);
            manager_destroy (w.m);
        }
}

/* It is submitted later: the same, at once; whether the other is still known or only
 * remembered. */
static void afterwards (void **state)
{
    for (size_t i = 0; i < sizeof (verdicts) / sizeof (verdicts[0]); i++)
        for (int end = 0; end < 2 * ENDINGS; end++) {
            const char *want = verdicts[i].ends[end / 2];
            flux_error_t error;
            struct world w;
            int rc;

            init (&w);
            submit (&w, 1, "", &error);
            run_to (&w, 1, end / 2);
            if (end % 2)
                commit (&w);
            assert_int_equal (manager_lookup (w.m, 1) == NULL, end % 2);
            rc = depends (&w, 2, verdicts[i].scheme, "1", &error);
            if (!strcmp (want, "y")) {
                assert_int_equal (rc, 0);
                assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_SCHED);
            } else {
                assert_int_equal (rc, -1);
                assert_non_null (strstr (error.text, "dependency: after"));
                assert_non_null (strstr (error.text, want));
                assert_null (manager_lookup (w.m, 2));
            }
            manager_destroy (w.m);
        }
}

/* afterstart of a job that runs is no wait; those that wait hear of the start. */
static void started (void **state)
{
    flux_error_t error;
    struct world w;

    init (&w);
    submit (&w, 1, "", &error);
    depends (&w, 2, "after", "1", &error);
    depends (&w, 3, "afterok", "1", &error);
    grant (&w, 1);
    assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_DEPEND);
    manager_exec_start (w.m, 1);
    assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_SCHED);
    assert_int_equal (state_of (&w, 3), FLUX_JOB_STATE_DEPEND);
    depends (&w, 4, "after", "1", &error);
    assert_int_equal (state_of (&w, 4), FLUX_JOB_STATE_SCHED);
    manager_destroy (w.m);
}

/* --- Values that are none --- */

static void refused (void **state)
{
    static const struct {
        const char *members, *text;
    } t[] = {
        { "\"dependencies\":5",
          "jobspec: attributes.system.dependencies: must be an array" },
        { "\"dependencies\":{}",
          "jobspec: attributes.system.dependencies: must be an array" },
        { "\"dependencies\":[5]", "dependency: scheme and value must be strings" },
        { "\"dependencies\":[{\"scheme\":\"afterok\"}]",
          "dependency: scheme and value must be strings" },
        { "\"dependencies\":[{\"scheme\":\"afterok\",\"value\":1}]",
          "dependency: scheme and value must be strings" },
        { "\"dependencies\":[{\"scheme\":\"string\",\"value\":\"x\"}]",
          "dependency scheme \"string\" not supported" },
        { "\"dependencies\":[{\"scheme\":\"\",\"value\":\"x\"}]",
          "dependency scheme \"\" not supported" },
        { "\"dependencies\":[{\"scheme\":\"afterok\",\"value\":\"x y\"}]",
          "dependency: afterok: \"x y\" is not a valid job id" },
        { "\"dependencies\":[{\"scheme\":\"afterok\",\"value\":\"99\"}]",
          "dependency: afterok: job \xc6\x92"
          "2i not found" },
        { "\"dependencies\":[{\"scheme\":\"afterok\",\"value\":\"2\"}]", /* itself */
          "dependency: afterok: job \xc6\x92"
          "3 not found" },
        { "\"dependencies\":[{\"scheme\":\"singleton\",\"value\":\"\"}]",
          "dependency: singleton: the job must have a name" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"\"}]",
          "dependency: begin-time: \"\" is no time in seconds" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"5s\"}]",
          "dependency: begin-time: \"5s\" is no time in seconds" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"-1\"}]",
          "dependency: begin-time: \"-1\" is no time in seconds" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"nan\"}]",
          "dependency: begin-time: \"nan\" is no time in seconds" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"inf\"}]",
          "dependency: begin-time: \"inf\" is no time in seconds" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"1e999\"}]",
          "dependency: begin-time: \"1e999\" is no time in seconds" },
        /* the second of two: nothing is left of the first */
        { "\"dependencies\":[{\"scheme\":\"afterany\",\"value\":\"1\"},"
          "{\"scheme\":\"begin-time\",\"value\":\"x\"}]",
          "dependency: begin-time: \"x\" is no time in seconds" },
        { "\"dependencies\":[{\"scheme\":\"begin-time\",\"value\":\"2000\"},"
          "{\"scheme\":\"afterok\",\"value\":\"\"}]",
          "dependency: afterok: \"\" is not a valid job id" },
    };
    flux_error_t error;
    struct world w;

    init (&w);
    submit (&w, 1, "", &error);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        errno = 0;
        assert_int_equal (submit (&w, 2, t[i].members, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, t[i].text);
        assert_null (manager_lookup (w.m, 2));
        assert_true (list_empty (&manager_lookup (w.m, 1)->watchers));
        assert_int_equal (w.m->begins.count, 0);
        assert_int_equal (hashmap_count (w.m->names), 0);
    }
    manager_destroy (w.m);
}

/* --- Times --- */

static void begin_times (void **state)
{
    static const char *when[] = { "1003", "1001.5", "1000",       "0",
                                  "1002", "1e3",    "1001.500001" };
    static const double due[] = { 1003, 1001.5, 0, 0, 1002, 0, 1001.500001 };
    flux_error_t error;
    struct world w;
    int n = sizeof (when) / sizeof (when[0]);

    init (&w);
    for (int i = 0; i < n; i++)
        assert_int_equal (depends (&w, i + 1, "begin-time", when[i], &error), 0);
    for (; w.now <= 1003.5; w.now += 0.25) {
        manager_turn (w.m);
        for (int i = 0; i < n; i++)
            assert_int_equal (state_of (&w, i + 1), due[i] <= w.now
                                                        ? FLUX_JOB_STATE_SCHED
                                                        : FLUX_JOB_STATE_DEPEND);
        if (w.now < 1001.5)
            assert_true (manager_next_due (w.m) == 1001.5 - w.now);
    }
    assert_true (manager_next_due (w.m) < 0);
    depends (&w, 20, "begin-time", "9000", &error);
    assert_true (manager_next_due (w.m) == 10); /* the clock may be set */
    raise_fatal (&w, 20, "cancel");
    assert_int_equal (w.m->begins.count, 0);
    manager_destroy (w.m);
}

/* --- Singletons: by user, queue and name, one after the other --- */

static void singletons (void **state)
{
    static const char *single =
        "\"job\":{\"name\":\"n\"},\"dependencies\":[{\"scheme\":\"singleton\","
        "\"value\":\"\"}]";
    flux_error_t error;
    struct world w;

    init (&w);
    submit (&w, 1, "\"job\":{\"name\":\"n\"}", &error);
    submit (&w, 2, single, &error);
    submit (&w, 3, single, &error);
    submit_as (&w, 1001, 4, single, &error); /* another user's */
    submit (&w, 5,
            "\"job\":{\"name\":\"m\"},\"dependencies\":[{\"scheme\":"
            "\"singleton\",\"value\":\"\"}]",
            &error);
    assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_DEPEND);
    assert_int_equal (state_of (&w, 3), FLUX_JOB_STATE_DEPEND);
    assert_int_equal (state_of (&w, 4), FLUX_JOB_STATE_SCHED);
    assert_int_equal (state_of (&w, 5), FLUX_JOB_STATE_SCHED);
    raise_fatal (&w, 2, "cancel"); /* one in the middle */
    assert_int_equal (state_of (&w, 3), FLUX_JOB_STATE_DEPEND);
    run_to (&w, 1, FAILS);
    assert_int_equal (state_of (&w, 3), FLUX_JOB_STATE_SCHED);
    submit (&w, 6, single, &error);
    assert_int_equal (state_of (&w, 6), FLUX_JOB_STATE_DEPEND);
    run_to (&w, 3, OK);
    assert_int_equal (state_of (&w, 6), FLUX_JOB_STATE_SCHED);
    run_to (&w, 6, OK);
    run_to (&w, 5, OK);
    run_to (&w, 4, OK);
    assert_int_equal (hashmap_count (w.m->names), 0);
    manager_destroy (w.m);
}

/* --- A restart: what the log says was removed stays so --- */

static void replay (struct world *w, flux_jobid_t id, const char *members,
                    const char *log)
{
    char spec[2048];
    flux_error_t error;

    jobspec_text (spec, sizeof (spec), members);
    if (manager_replay (w->m, id, (struct span){ log, strlen (log) },
                        (struct span){ spec, strlen (spec) }, (struct span){ "", 0 },
                        &error)
        < 0)
        fail_msg ("replay of %d: %s", (int)id, error.text);
}

#define NEW                                                                            \
    "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{\"userid\":1000,\"urgency\":" \
    "16,\"flags\":0,\"version\":1}}\n{\"timestamp\":2.0,\"name\":\"validate\"}\n"
#define ADD(d)                                                                         \
    "{\"timestamp\":3.0,\"name\":\"dependency-add\",\"context\":{\"description\":\"" d \
    "\"}}\n"
#define REMOVE(d)                                                                      \
    "{\"timestamp\":4.0,\"name\":\"dependency-remove\",\"context\":{\"description\":"  \
    "\"" d "\"}}\n"
#define BOTH                                                                           \
    "\"dependencies\":[{\"scheme\":\"afterany\",\"value\":\"1\"},{\"scheme\":"         \
    "\"begin-time\",\"value\":\"2000\"}]"

static const struct {
    const char *log;
    bool after, begin; /* it still waits for these */
} logs[] = {
    { NEW ADD ("after-finish=\xc6\x92"
               "2") ADD ("begin-time=2000"),
      true, true },
    { NEW ADD ("after-finish=\xc6\x92"
               "2") ADD ("begin-time=2000") REMOVE ("begin-time=2000"),
      true, false },
    { NEW ADD ("after-finish=\xc6\x92"
               "2") ADD ("begin-time=2000") REMOVE ("after-finish=\xc6\x92"
                                                    "2"),
      false, true },
    { NEW ADD ("after-finish=\xc6\x92"
               "2") ADD ("begin-time=2000") REMOVE ("begin-time=2000")
          REMOVE ("after-finish=\xc6\x92"
                  "2"),
      false, false },
};

static void restarts (void **state)
{
    for (size_t i = 0; i < sizeof (logs) / sizeof (logs[0]); i++) {
        struct world w;

        init (&w);
        replay (&w, 1, "", NEW "{\"timestamp\":3.0,\"name\":\"depend\"}\n");
        replay (&w, 2, BOTH, logs[i].log);
        manager_restarted (w.m);
        assert_int_equal (state_of (&w, 2), logs[i].after || logs[i].begin
                                                ? FLUX_JOB_STATE_DEPEND
                                                : FLUX_JOB_STATE_SCHED);
        w.now = 3000;
        manager_turn (w.m);
        assert_int_equal (state_of (&w, 2),
                          logs[i].after ? FLUX_JOB_STATE_DEPEND : FLUX_JOB_STATE_SCHED);
        raise_fatal (&w, 1, "cancel");
        manager_sched_canceled (w.m, 1);
        assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_SCHED);
        manager_destroy (w.m);
    }
}

/* What it waits for has gone: an exception, not a wait for ever. */
static void restart_without (void **state)
{
    struct world w;

    init (&w);
    replay (&w, 2, BOTH, logs[0].log);
    manager_restarted (w.m);
    assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_INACTIVE);
    assert_string_equal (w.note, "dependency: dependency: afterany: job \xc6\x92"
                                 "2 not found");
    manager_destroy (w.m);
}

static void restart_singletons (void **state)
{
    static const char *single =
        "\"job\":{\"name\":\"n\"},\"dependencies\":[{\"scheme\":\"singleton\","
        "\"value\":\"\"}]";
    struct world w;

    init (&w);
    replay (&w, 1, single, NEW "{\"timestamp\":3.0,\"name\":\"depend\"}\n");
    replay (&w, 2, single, NEW ADD ("singleton"));
    replay (&w, 3, single, NEW ADD ("singleton"));
    manager_restarted (w.m);
    assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_DEPEND);
    run_to (&w, 1, OK);
    assert_int_equal (state_of (&w, 2), FLUX_JOB_STATE_SCHED);
    assert_int_equal (state_of (&w, 3), FLUX_JOB_STATE_DEPEND);
    manager_destroy (w.m);
}

/* --- Updates --- */

static const struct {
    bool running;
    const char *updates, *text; /* text NULL: it is done */
} updates[] = {
    { false, "{\"attributes.system.duration\":60}", NULL },
    { false, "{\"attributes.system.duration\":3601}",
      "requested duration (1.00028h) exceeds policy limit of 1h for queue short" },
    { false, "{\"attributes.system.duration\":0}",
      "requested duration (unlimited) exceeds policy limit of 1h for queue short" },
    { false, "{\"attributes.system.duration\":-1}",
      "duration must be a number of seconds from 0" },
    { false, "{\"attributes.system.duration\":\"1h\"}",
      "duration must be a number of seconds from 0" },
    { false, "{\"attributes.system.queue\":\"long\"}", NULL },
    { false, "{\"attributes.system.queue\":\"none\"}", "'none' is not a valid queue" },
    { false, "{\"attributes.system.queue\":5}",
      "update of attributes.system.queue: must be a string" },
    { false, "{\"attributes.system.job.name\":\"x\"}", NULL },
    { false, "{\"attributes.system.job.name\":null}",
      "update of attributes.system.job.name: must be a string" },
    { false, "{\"attributes.system.constraints\":{\"rank\":[\"0\"]}}", NULL },
    { false, "{\"attributes.system.constraints\":\"rank:0\"}",
      "update of attributes.system.constraints: must be an object" },
    { false, "{\"attributes.system.environment\":{}}",
      "update of attributes.system.environment not supported" },
    /* the duration is that of the queue where it goes */
    { false,
      "{\"attributes.system.queue\":\"long\",\"attributes.system.duration\":7200}",
      NULL },
    { false,
      "{\"attributes.system.queue\":\"long\",\"attributes.system.duration\":86401}",
      "requested duration (1.00001d) exceeds policy limit of 1d for queue long" },
    { true, "{\"attributes.system.duration\":60}", NULL },
    { true, "{\"attributes.system.duration\":4}",
      "requested duration places job expiration in the past" },
    { true, "{\"attributes.system.queue\":\"long\"}",
      "update of attributes.system.queue: the job runs already" },
    { true, "{\"attributes.system.job.name\":\"x\"}",
      "update of attributes.system.job.name: the job runs already" },
};

static void updated (void **state)
{
    for (size_t i = 0; i < sizeof (updates) / sizeof (updates[0]); i++) {
        json_t *queues =
            json_loads ("{\"short\":{\"policy\":{\"limits\":{\"duration\":\"1h\"}}},"
                        "\"long\":{\"policy\":{\"limits\":{\"duration\":\"1d\"}}}}",
                        0, NULL);
        json_t *o = json_loads (updates[i].updates, 0, NULL);
        flux_error_t error = { "" };
        struct world w;
        struct job *job;
        size_t len;
        char *before;
        int rc;

        init (&w);
        assert_int_equal (jobqueues_configure (&w.m->queues, queues, NULL, &error), 0);
        manager_queue_start (w.m, jobqueues_lookup (&w.m->queues, "short", &error),
                             true, NULL, false);
        assert_int_equal (
            submit (&w, 1, "\"queue\":\"short\",\"duration\":1800", &error), 0);
        if (updates[i].running) {
            grant (&w, 1);
            manager_exec_start (w.m, 1);
            w.now += 5;
        }
        job = manager_lookup (w.m, 1);
        len = job->log.len;
        before = strdup (job->spec.text);
        errno = 0;
        rc = manager_update (w.m, job, o, &error);
        if (updates[i].text) {
            assert_int_equal (rc, -1);
            assert_int_equal (errno, EINVAL);
            assert_string_equal (error.text, updates[i].text);
            assert_int_equal (job->log.len, len);
            assert_string_equal (job->spec.text, before);
        } else {
            assert_int_equal (rc, 0);
            assert_non_null (strstr (job->log.data + len, "jobspec-update"));
            assert_string_not_equal (job->spec.text, before);
        }
        assert_int_equal (job->jobqueue->njobs, 1);
        free (before);
        json_decref (o);
        json_decref (queues);
        manager_destroy (w.m);
    }
}

/* A job that is in a queue keeps what it may have when nobody else may come. */
static void updated_in_closed_queue (void **state)
{
    json_t *o = json_loads ("{\"attributes.system.duration\":60}", 0, NULL);
    flux_error_t error = { "" };
    struct world w;

    init (&w);
    submit (&w, 1, "", &error);
    jobqueue_set_enabled (manager_lookup (w.m, 1)->jobqueue, false, "full", false);
    assert_int_equal (manager_update (w.m, manager_lookup (w.m, 1), o, &error), 0);
    json_decref (o);
    manager_destroy (w.m);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (waiting),
        cmocka_unit_test (afterwards),
        cmocka_unit_test (started),
        cmocka_unit_test (refused),
        cmocka_unit_test (begin_times),
        cmocka_unit_test (singletons),
        cmocka_unit_test (restarts),
        cmocka_unit_test (restart_without),
        cmocka_unit_test (restart_singletons),
        cmocka_unit_test (updated),
        cmocka_unit_test (updated_in_closed_queue),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
