/* Hooks: what is told, in which order, and what the answer does. */
#include "base/test.h"

#include "modules/job-manager/machine/manager.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC                                                                           \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{\"duration\":"  \
    "0%s}},\"version\":1}"
#define R_TEXT "{\"version\":1,\"execution\":{\"R_lite\":[]}}"

struct world {
    struct manager *m;
    char told[4096];
    int refuse; /* a point */
    int raise;  /* at this point, an exception of the job */
    int64_t priority;
    const char *R;
    const char *depend; /* to be added in DEPEND */
    bool prolog;        /* to be begun in job.new */
};

static double now (void *arg)
{
    return 100;
}
static void no_job (const struct job *job, void *arg)
{
}
static void no_start (const struct job *job, bool reattach, void *arg)
{
}
static void freed (const struct job *job, void *arg)
{
    strcat (((struct world *)arg)->told, "free ");
}
static void no_exception (const struct job *job, const struct event *ev, void *arg)
{
}

static const char *point_name (const struct hook_call *call)
{
    static const char *const names[] = { "create",   "validate", "new",    "dependency",
                                         "priority", "event",    "update", "key",
                                         "add",      "remove",   "destroy" };

    if (call->point & HOOK_STATES)
        return flux_job_statetostr (call->point, "l");
    return names[__builtin_ctz (call->point) - 8];
}

static int hook (struct job *job, struct hook_call *call, void *arg)
{
    struct world *w = arg;
    size_t n = strlen (w->told);

    snprintf (w->told + n, sizeof (w->told) - n, "%s%s%s ", point_name (call),
              call->point == HOOK_EVENT ? ":" : "",
              call->point == HOOK_EVENT ? call->key : "");
    if (w->depend && call->point == FLUX_JOB_STATE_DEPEND) {
        assert_int_equal (manager_dependency_add (w->m, job, w->depend), 0);
        assert_int_equal (manager_dependency_add (w->m, job, w->depend), -1);
        assert_int_equal (errno, EEXIST);
    }
    if (w->prolog && call->point == HOOK_NEW) {
        struct event ev = { .type = EV_PROLOG_START, .description = "p" };
        manager_emit (w->m, job, &ev);
    }
    if (w->raise == call->point)
        manager_raise (w->m, job, "test", 0, "as the test wants", 7);
    if (call->point == FLUX_JOB_STATE_PRIORITY || call->point == HOOK_PRIORITY)
        call->priority = w->priority;
    if (call->point == FLUX_JOB_STATE_SCHED && w->R)
        call->R = strdup (w->R);
    if (w->refuse != call->point)
        return 1;
    snprintf (call->error->text, sizeof (call->error->text), "refused");
    errno = EINVAL;
    return -1;
}

static const struct manager_ops ops = {
    .now = now,
    .mono = now,
    .sched_alloc = no_job,
    .sched_cancel = no_job,
    .sched_prioritize = no_job,
    .sched_free = freed,
    .exec_start = no_start,
    .exception = no_exception,
    .hook = hook,
};

static void setup (struct world *w, int hooks)
{
    *w = (struct world){ .priority = 5 };
    w->m = manager_create (&ops, w, NULL);
    w->m->hooks = hooks;
    manager_sched_ready (w->m, 0);
    manager_exec_hello (w->m, false, false);
}

static void told (struct world *w, const char *expected)
{
    assert_string_equal (w->told, expected);
    w->told[0] = '\0';
}

static int submit (struct world *w, flux_jobid_t id, const char *extra)
{
    char spec[1024];
    flux_error_t error = { "" };
    int n = snprintf (spec, sizeof (spec), SPEC, extra);
    struct submission s = { .id = id, .urgency = 16, .jobspec = { spec, n } };

    return manager_submit (w->m, &s, &error);
}

static void commit (struct world *w)
{
    struct span s, R;

    manager_turn (w->m);
    while (manager_next_commit (w->m, &s, &R))
        ;
    manager_committed (w->m);
}

static const char *log_of (struct world *w, flux_jobid_t id)
{
    static char text[2048];
    struct job *job = manager_lookup (w->m, id);
    char *p = text;

    text[0] = '\0';
    buf_addc (&job->log, '\0');
    job->log.len--;
    for (char *s = job->log.data; (s = strstr (s, "\"name\":\"")); s++)
        p += sprintf (p, "%.*s ", (int)strcspn (s + 8, "\""), s + 8);
    return text;
}

static void nothing_is_told_that_nobody_wants (void **state)
{
    struct world w;

    setup (&w, 0);
    assert_int_equal (submit (&w, 1, ""), 0);
    assert_null (manager_lookup (w.m, 1)->tap);
    told (&w, "");
    assert_int_equal (manager_lookup (w.m, 1)->priority, 16);
    manager_destroy (w.m);
}

static void all_is_told_in_order (void **state)
{
    struct world w;

    setup (&w, ~HOOK_EVENT);
    assert_int_equal (submit (&w, 1, ""), 0);
    told (&w, "create validate new depend priority sched ");
    assert_int_equal (manager_lookup (w.m, 1)->priority, 5);
    manager_raise (w.m, manager_lookup (w.m, 1), "cancel", 0, "", 0);
    manager_turn (w.m);
    manager_sched_canceled (w.m, 1);
    told (&w, "cleanup inactive ");
    commit (&w);
    told (&w, "add destroy ");
    assert_null (manager_lookup (w.m, 1));
    manager_destroy (w.m);
}

static void who_is_refused_leaves_no_trace (void **state)
{
    const int points[] = { HOOK_CREATE, HOOK_VALIDATE, HOOK_DEPENDENCY };
    const char *dep = ",\"dependencies\":[{\"scheme\":\"x\",\"value\":\"1\"}]";
    struct world w;

    setup (&w, HOOK_CREATE | HOOK_VALIDATE | HOOK_DEPENDENCY);
    assert_int_equal (submit (&w, 1, ""), 0);
    size_t len = w.m->journal.text.len, index = w.m->journal.index.len;
    for (size_t i = 0; i < 3; i++) {
        w.refuse = points[i];
        assert_int_equal (submit (&w, 2, dep), -1);
        assert_null (manager_lookup (w.m, 2));
        assert_int_equal (w.m->journal.text.len, len);
        assert_int_equal (w.m->journal.index.len, index);
    }
    w.refuse = 0;
    assert_int_equal (submit (&w, 2, dep), 0);
    manager_destroy (w.m);
}

/* A plugin that touches another job while it refuses one. */
static void the_journal_of_others_is_kept (void **state)
{
    struct world w;

    setup (&w, 0);
    assert_int_equal (submit (&w, 1, ""), 0);
    w.m->hooks = HOOK_DESTROY;
    struct buf before = w.m->journal.text;
    size_t len = before.len;
    w.m->hooks = HOOK_VALIDATE;
    w.refuse = HOOK_VALIDATE;
    assert_int_equal (submit (&w, 3, ""), -1);
    assert_int_equal (w.m->journal.text.len, len);
    assert_null (memmem (w.m->journal.text.data, len, "\"id\":3,", 7));
    manager_destroy (w.m);
}

static void what_fails_is_an_exception (void **state)
{
    struct world w;

    setup (&w, HOOK_STATES);
    w.refuse = FLUX_JOB_STATE_SCHED;
    assert_int_equal (submit (&w, 1, ""), 0);
    assert_string_equal (log_of (&w, 1),
                         "submit validate depend priority exception clean ");
    assert_string_equal (manager_lookup (w.m, 1)->exception, "jobtap");
    assert_string_equal (manager_lookup (w.m, 1)->exception_note, "refused");
    told (&w, "depend priority sched cleanup inactive ");
    manager_destroy (w.m);
}

/* The exception comes while DEPEND is told: CLEANUP is told after it. */
static void what_a_plugin_causes_is_told_after (void **state)
{
    struct world w;

    setup (&w, HOOK_STATES);
    w.raise = FLUX_JOB_STATE_DEPEND;
    assert_int_equal (submit (&w, 1, ""), 0);
    told (&w, "depend cleanup inactive ");
    assert_string_equal (log_of (&w, 1), "submit validate exception clean ");
    manager_destroy (w.m);
}

static void a_new_job_may_end_before_it_is_valid (void **state)
{
    struct world w;

    setup (&w, HOOK_NEW | FLUX_JOB_STATE_CLEANUP);
    w.raise = HOOK_NEW;
    assert_int_equal (submit (&w, 1, ""), 0);
    assert_string_equal (log_of (&w, 1), "submit exception clean ");
    manager_destroy (w.m);
}

static void a_priority_may_stay_open (void **state)
{
    struct world w;

    setup (&w, FLUX_JOB_STATE_PRIORITY | HOOK_PRIORITY);
    w.priority = -1;
    assert_int_equal (submit (&w, 1, ""), 0);
    struct job *job = manager_lookup (w.m, 1);
    assert_int_equal (job->state, FLUX_JOB_STATE_PRIORITY);
    manager_step (w.m, job); /* for whatever reason */
    assert_int_equal (job->state, FLUX_JOB_STATE_PRIORITY);
    w.priority = 99;
    manager_reprioritize_all (w.m);
    assert_int_equal (job->state, FLUX_JOB_STATE_SCHED);
    assert_int_equal (job->priority, 99);
    assert_int_equal (manager_set_priority (w.m, job, 7), 0);
    assert_int_equal (job->priority, 7);
    manager_raise (w.m, job, "cancel", 0, "", 0);
    assert_int_equal (manager_set_priority (w.m, job, 8), -1);
    assert_int_equal (errno, EINVAL);
    manager_destroy (w.m);
}

static void held_is_held (void **state)
{
    flux_error_t error;
    struct world w;

    setup (&w, FLUX_JOB_STATE_PRIORITY | HOOK_PRIORITY);
    assert_int_equal (submit (&w, 1, ""), 0);
    struct job *job = manager_lookup (w.m, 1);
    assert_int_equal (manager_set_urgency (w.m, job, 0, 0, &error), 0);
    assert_int_equal (job->priority, 0);
    assert_int_equal (manager_set_urgency (w.m, job, 31, 0, &error), 0);
    assert_int_equal (job->priority, FLUX_JOB_PRIORITY_MAX);
    assert_int_equal (manager_set_urgency (w.m, job, 16, 0, &error), 0);
    assert_int_equal (job->priority, 5);
    manager_destroy (w.m);
}

static void dependencies_hold_a_job (void **state)
{
    struct world w;

    setup (&w, FLUX_JOB_STATE_DEPEND);
    w.depend = "mine";
    assert_int_equal (submit (&w, 1, ""), 0);
    struct job *job = manager_lookup (w.m, 1);
    assert_int_equal (job->state, FLUX_JOB_STATE_DEPEND);
    assert_int_equal (manager_dependency_remove (w.m, job, "other"), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (manager_dependency_remove (w.m, job, "mine"), 0);
    assert_string_equal (
        log_of (&w, 1),
        "submit validate dependency-add dependency-remove depend priority ");
    assert_int_equal (manager_dependency_add (w.m, job, "more"), -1);
    assert_int_equal (errno, EINVAL);
    manager_destroy (w.m);
}

static void R_may_come_from_a_plugin (void **state)
{
    struct world w;

    setup (&w, FLUX_JOB_STATE_SCHED);
    w.R = R_TEXT;
    assert_int_equal (submit (&w, 1, ""), 0);
    struct job *job = manager_lookup (w.m, 1);
    assert_int_equal (job->state, FLUX_JOB_STATE_RUN);
    assert_string_equal (job->R, R_TEXT);
    assert_true (job->bypass && job->R_owed);
    assert_non_null (strstr (log_of (&w, 1), "alloc"));
    assert_non_null (strstr (job->log.data, "\"context\":{\"bypass\":true}"));
    manager_exec_start (w.m, 1);
    manager_exec_finish (w.m, 1, 0);
    manager_exec_release (w.m, 1, "all", true);
    told (&w, "sched "); /* the scheduler hears nothing of it */
    manager_destroy (w.m);
}

static void events_are_for_subscribers (void **state)
{
    struct world w;
    int me;

    setup (&w, HOOK_EVENT);
    assert_int_equal (submit (&w, 1, ""), 0);
    told (&w, "");
    struct job *job = manager_lookup (w.m, 1);
    assert_int_equal (job_subscribe (job, &me), 0);
    assert_int_equal (job_subscribe (job, &me), 0);
    manager_raise (w.m, job, "test", 3, "", 0);
    told (&w, "event:exception ");
    job_unsubscribe (job, &me);
    assert_false (job_has_subscriber (job, &me));
    manager_raise (w.m, job, "test", 3, "", 0);
    told (&w, "");
    manager_destroy (w.m);
}

static int destroyed;
static void count_destroyed (void *arg)
{
    destroyed++;
}

static void items_have_owners (void **state)
{
    struct job *job = job_create ();
    int a, b, x, y;

    destroyed = 0;
    assert_int_equal (job_aux_set (job, &a, "k", &x, count_destroyed), 0);
    assert_int_equal (job_aux_set (job, &b, "k", &y, count_destroyed), 0);
    assert_ptr_equal (job_aux_get (job, &a, "k"), &x);
    assert_ptr_equal (job_aux_get (job, &b, "k"), &y);
    assert_null (job_aux_get (job, &a, "other"));
    assert_int_equal (errno, ENOENT);
    job_tap_forget (job, &a);
    assert_int_equal (destroyed, 1);
    assert_ptr_equal (job_aux_get (job, &a, "k"), &y); /* of the other */
    job_aux_delete (job, &a, &y);                      /* not its own */
    assert_int_equal (destroyed, 1);
    assert_int_equal (job_aux_set (job, &b, "", &x, NULL), -1);
    job_destroy (job);
    assert_int_equal (destroyed, 2);
}

/* A prolog that a plugin begins when it hears of the job keeps it from starting. */
static void what_begins_at_restart_counts (void **state)
{
    const char *log =
        "{\"timestamp\":1.0,\"name\":\"submit\",\"context\":{\"userid\":1,"
        "\"urgency\":16,\"flags\":0,\"version\":1}}\n"
        "{\"timestamp\":2.0,\"name\":\"validate\"}\n"
        "{\"timestamp\":3.0,\"name\":\"depend\"}\n"
        "{\"timestamp\":4.0,\"name\":\"priority\",\"context\":{"
        "\"priority\":16}}\n"
        "{\"timestamp\":5.0,\"name\":\"alloc\"}\n"
        "{\"timestamp\":6.0,\"name\":\"prolog-start\",\"context\":{"
        "\"description\":\"p\"}}\n";
    flux_error_t error = { "" };
    char spec[1024];
    struct world w;
    int n = snprintf (spec, sizeof (spec), SPEC, "");

    setup (&w, HOOK_NEW);
    w.prolog = true;
    assert_int_equal (manager_replay (w.m, 1, (struct span){ log, strlen (log) },
                                      (struct span){ spec, n },
                                      (struct span){ R_TEXT, strlen (R_TEXT) }, &error),
                      0);
    manager_restarted (w.m);
    told (&w, "new ");
    struct job *job = manager_lookup (w.m, 1);
    assert_int_equal (job->prologs, 1);
    assert_false (job->exec_sent);
    assert_string_equal (log_of (&w, 1),
                         "submit validate depend priority alloc prolog-start "
                         "flux-restart prolog-start ");
    manager_destroy (w.m);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (nothing_is_told_that_nobody_wants),
        cmocka_unit_test (all_is_told_in_order),
        cmocka_unit_test (who_is_refused_leaves_no_trace),
        cmocka_unit_test (the_journal_of_others_is_kept),
        cmocka_unit_test (what_fails_is_an_exception),
        cmocka_unit_test (what_a_plugin_causes_is_told_after),
        cmocka_unit_test (a_new_job_may_end_before_it_is_valid),
        cmocka_unit_test (a_priority_may_stay_open),
        cmocka_unit_test (held_is_held),
        cmocka_unit_test (dependencies_hold_a_job),
        cmocka_unit_test (R_may_come_from_a_plugin),
        cmocka_unit_test (events_are_for_subscribers),
        cmocka_unit_test (items_have_owners),
        cmocka_unit_test (what_begins_at_restart_counts),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
