/* Queues: what a configuration may say, what it means for a job, and what is left of it
 * over a change and a restart. */
#include "base/test.h"

#include "modules/job-manager/machine/jobqueue.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int configure (struct jobqueues *q, const char *queues, const char *policy,
                      flux_error_t *error)
{
    json_t *a = queues ? json_loads (queues, JSON_DECODE_ANY, NULL) : NULL;
    json_t *b = policy ? json_loads (policy, JSON_DECODE_ANY, NULL) : NULL;
    int rc;

    assert_true (!queues || a);
    assert_true (!policy || b);
    error->text[0] = '\0';
    rc = jobqueues_configure (q, a, b, error);
    json_decref (a);
    json_decref (b);
    return rc;
}

/* --- Tables that are none: a line, and nothing changes --- */

static const struct {
    const char *queues, *policy, *text;
} bad[] = {
    { "[]", NULL, "config: queues: must be a table of tables" },
    { "5", NULL, "config: queues: must be a table of tables" },
    { "{\"a\":1}", NULL, "config: queues.a: must be a table" },
    { "{\"a\":{\"x\":1}}", NULL, "config: queues.a.x: there is no such key" },
    { "{\"a\":{\"requires\":\"p\"}}", NULL,
      "config: queues.a.requires: must be a list of properties" },
    { "{\"a\":{\"requires\":[\"p\",5]}}", NULL,
      "config: queues.a.requires: must be a list of properties" },
    { "{\"a\":{\"requires\":[\"p\",\"bad!\"]}}", NULL,
      "config: queues.a.requires: 'bad!' is no property" },
    { "{\"a\":{\"requires\":[\"\"]}}", NULL,
      "config: queues.a.requires: '' is no property" },
    { "{\"a\":{}}", "{\"jobspec\":{\"defaults\":{\"system\":{\"queue\":\"b\"}}}}",
      "config: policy.jobspec.defaults.system.queue: there is no queue 'b'" },
    { NULL, "{\"jobspec\":{\"defaults\":{\"system\":{\"queue\":\"b\"}}}}",
      "config: policy.jobspec.defaults.system.queue: there is no queue 'b'" },
    { "{\"a\":{}}", "{\"jobspec\":{\"defaults\":{\"system\":{\"queue\":5}}}}",
      "config: policy.jobspec.defaults.system.queue: must be the name of a queue" },
    { NULL, "5", "config: policy: must be a table" },
    { "{\"\":{}}", NULL,
      "config: queues.: a name has 1 to 128 bytes, none of them blank" },
    { "{\"a b\":{}}", NULL,
      "config: queues.a b: a name has 1 to 128 bytes, none of them blank" },
    { "{\"a\\u001b\":{}}", NULL,
      "config: queues.a\x1b: a name has 1 to 128 bytes, none of them blank" },
    { NULL, "{\"x\":1}", "config: policy.x: there is no such key" },
    { NULL, "{\"limits\":{\"x\":1}}", "config: policy.limits.x: there is no such key" },
    { NULL, "{\"limits\":{\"job-size\":{\"x\":{}}}}",
      "config: policy.limits.job-size.x: there is no such key" },
    { "{\"a\":{\"policy\":{\"x\":{}}}}", NULL,
      "config: queues.a.policy.x: there is no such key" },
    { NULL, "{\"limits\":5}", "config: policy.limits: must be a table" },
    { NULL, "{\"limits\":{\"job-size\":[]}}",
      "config: policy.limits.job-size: must be a table" },
    { NULL, "{\"limits\":{\"job-size\":{\"max\":5}}}",
      "config: policy.limits.job-size.max: must be a table" },
    { NULL, "{\"limits\":{\"job-size\":{\"max\":{\"cores\":5}}}}",
      "config: policy.limits.job-size.max.cores: there is no such key" },
    { NULL, "{\"limits\":{\"job-size\":{\"min\":{\"ncores\":-2}}}}",
      "config: policy.limits.job-size.min: must be integers from -1 (no limit)" },
    { NULL, "{\"limits\":{\"job-size\":{\"max\":{\"ncores\":1.5}}}}",
      "config: policy.limits.job-size.max.ncores: must be an integer" },
    { NULL, "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":4294967297}}}}",
      "config: policy.limits.job-size.max: must be integers from -1 (no limit)" },
    { NULL, "{\"limits\":{\"duration\":\"1x\"}}",
      "config: policy.limits.duration: must be a Flux standard duration" },
    { NULL, "{\"limits\":{\"duration\":-1}}",
      "config: policy.limits.duration: must be a Flux standard duration" },
    { NULL, "{\"limits\":{\"duration\":[]}}",
      "config: policy.limits.duration: must be a Flux standard duration" },
    { "{\"a\":{\"policy\":{\"limits\":{\"duration\":\"-1s\"}}}}", NULL,
      "config: queues.a.policy.limits.duration: must be a Flux standard duration" },
    { "{\"ok\":{},\"a\":{\"policy\":{\"limits\":{\"job-size\":{\"max\":{\"x\":1}}}}}}",
      NULL, "config: queues.a.policy.limits.job-size.max.x: there is no such key" },
    { "{\"a\":{\"policy\":[]}}", NULL, "config: queues.a.policy: must be a table" },
};

static void bad_tables (void **state)
{
    struct jobqueues q;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0);
    assert_int_equal (configure (&q, "{\"old\":{}}", NULL, &error), 0);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (configure (&q, bad[i].queues, bad[i].policy, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, bad[i].text);
        assert_true (q.named);
        assert_non_null (jobqueues_lookup (&q, "old", &error));
        assert_null (jobqueues_lookup (&q, "a", &error));
    }
    jobqueues_fini (&q);
}

/* --- Limits --- */

static const struct {
    const char *general, *queue; /* policy tables */
    struct job_facts facts;
    const char *text; /* NULL: it may be submitted */
} limits[] = {
    { NULL, NULL, { 1000000, 1000000, 1000000, 0 }, NULL },
    /* each limit: what is just within, and what is just not */
    { "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":4}}}}",
      NULL,
      { 4, 9, 9, 0 },
      NULL },
    { "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":4}}}}",
      NULL,
      { 5, 9, 9, 0 },
      "requested nnodes (5) exceeds policy limit of 4" },
    { "{\"limits\":{\"job-size\":{\"max\":{\"ncores\":4}}}}",
      NULL,
      { 1, 5, 0, 0 },
      "requested ncores (5) exceeds policy limit of 4" },
    { "{\"limits\":{\"job-size\":{\"max\":{\"ngpus\":0}}}}",
      NULL,
      { 1, 5, 0, 0 },
      NULL },
    { "{\"limits\":{\"job-size\":{\"max\":{\"ngpus\":0}}}}",
      NULL,
      { 1, 5, 1, 0 },
      "requested ngpus (1) exceeds policy limit of 0" },
    { "{\"limits\":{\"job-size\":{\"min\":{\"ncores\":4}}}}",
      NULL,
      { 1, 4, 0, 0 },
      NULL },
    { "{\"limits\":{\"job-size\":{\"min\":{\"ncores\":4}}}}",
      NULL,
      { 1, 3, 0, 0 },
      "requested ncores (3) is below policy limit of 4" },
    { "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":2147483647}}}}",
      NULL,
      { 2147483647, 1, 0, 0 },
      NULL },
    { "{\"limits\":{\"duration\":\"1m\"}}", NULL, { 1, 1, 0, 60 }, NULL },
    { "{\"limits\":{\"duration\":\"1m\"}}",
      NULL,
      { 1, 1, 0, 60.001 },
      "requested duration (1.00002m) exceeds policy limit of 1m" },
    { "{\"limits\":{\"duration\":\"1m\"}}",
      NULL,
      { 1, 1, 0, 0 }, /* for ever */
      "requested duration (unlimited) exceeds policy limit of 1m" },
    { "{\"limits\":{\"duration\":90}}",
      NULL,
      { 1, 1, 0, 91 },
      "requested duration (1.51667m) exceeds policy limit of 1.5m" },
    { "{\"limits\":{\"duration\":\"inf\"}}", NULL, { 1, 1, 0, 0 }, NULL },
    { "{\"limits\":{\"duration\":0}}", NULL, { 1, 1, 0, 0 }, NULL },
    /* what the queue says goes before; -1 lifts a limit */
    { "{\"limits\":{\"duration\":\"1m\"}}",
      "{\"limits\":{\"duration\":\"1h\"}}",
      { 1, 1, 0, 3600 },
      NULL },
    { "{\"limits\":{\"duration\":\"1h\"}}",
      "{\"limits\":{\"duration\":\"1m\"}}",
      { 1, 1, 0, 61 },
      "requested duration (1.01667m) exceeds policy limit of 1m for queue a" },
    { "{\"limits\":{\"duration\":\"1m\"}}",
      "{\"limits\":{\"duration\":0}}",
      { 1, 1, 0, 0 },
      NULL },
    { "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":1}}}}",
      "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":-1}}}}",
      { 9, 1, 0, 0 },
      NULL },
    { "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":1,\"ncores\":8}}}}",
      "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":2}}}}",
      { 2, 9, 0, 0 },
      "requested ncores (9) exceeds policy limit of 8 for queue a" },
};

static void limits_of_jobs (void **state)
{
    for (size_t i = 0; i < sizeof (limits) / sizeof (limits[0]); i++) {
        char queues[256];
        struct jobqueues q;
        struct jobqueue *jq;
        flux_error_t error;
        int rc;

        snprintf (queues, sizeof (queues), "{\"a\":{\"policy\":%s},\"b\":{}}",
                  limits[i].queue ? limits[i].queue : "{}");
        assert_int_equal (jobqueues_init (&q), 0);
        assert_int_equal (
            configure (&q, limits[i].queue ? queues : NULL, limits[i].general, &error),
            0);
        jq = jobqueues_lookup (&q, limits[i].queue ? "a" : NULL, &error);
        assert_non_null (jq);
        errno = 0;
        rc = jobqueue_check (&q, jq, &limits[i].facts, &error);
        if (limits[i].text) {
            assert_int_equal (rc, -1);
            assert_int_equal (errno, EINVAL);
            assert_string_equal (error.text, limits[i].text);
        } else
            assert_int_equal (rc, 0);
        jobqueues_fini (&q);
    }
}

/* Does anybody have to look at the size of jobs? */
static void need_size (void **state)
{
    static const struct {
        const char *queues, *policy;
        bool need;
    } t[] = {
        { NULL, NULL, false },
        { NULL, "{\"limits\":{\"duration\":5}}", false },
        { NULL, "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":0}}}}", true },
        { NULL, "{\"limits\":{\"job-size\":{\"min\":{\"ngpus\":0}}}}", true },
        { NULL, "{\"limits\":{\"job-size\":{\"max\":{\"nnodes\":-1}}}}", false },
        { "{\"a\":{}}", "{\"limits\":{\"job-size\":{\"max\":{\"ncores\":5}}}}", true },
        { "{\"a\":{\"policy\":{\"limits\":{\"job-size\":{\"min\":{\"ncores\":1}}}}},"
          "\"b\":{}}",
          NULL, true },
    };
    struct jobqueues q;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0); /* one after the other */
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        assert_int_equal (configure (&q, t[i].queues, t[i].policy, &error), 0);
        assert_int_equal (q.need_size, t[i].need);
        assert_int_equal (configure (&q, NULL, NULL, &error), 0);
        assert_false (q.need_size);
    }
    jobqueues_fini (&q);
}

/* --- A configuration that changes --- */

static void lookups (void **state)
{
    struct jobqueues q;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0);
    assert_non_null (jobqueues_lookup (&q, NULL, &error));
    assert_null (jobqueues_lookup (&q, "a", &error));
    assert_string_equal (error.text, "'a' is not a valid queue");
    assert_int_equal (configure (&q, "{\"a\":{},\"ab\":{}}", NULL, &error), 0);
    assert_string_equal (jobqueues_lookup (&q, "a", &error)->name, "a");
    assert_string_equal (jobqueues_lookup (&q, "ab", &error)->name, "ab");
    assert_null (jobqueues_lookup (&q, NULL, &error));
    assert_string_equal (error.text, "no queue named, and there is no default queue");
    assert_int_equal (errno, EINVAL);
    jobqueues_fini (&q);
}

/* A queue with jobs stays until they are gone, but takes no others; one that comes back
 * is as it was. */
static void with_jobs (void **state)
{
    struct jobqueue *a, *again;
    struct jobqueues q;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0);
    configure (&q, "{\"a\":{},\"b\":{}}", NULL, &error);
    a = jobqueues_lookup (&q, "a", &error);
    jobqueue_set_enabled (a, false, "why not", false);
    a->njobs = 1;
    assert_int_equal (configure (&q, "{\"b\":{}}", NULL, &error), 0);
    assert_null (jobqueues_lookup (&q, "a", &error));
    assert_int_equal (configure (&q, "{\"a\":{},\"b\":{}}", NULL, &error), 0);
    assert_ptr_equal (jobqueues_lookup (&q, "a", &error), a);
    assert_false (a->enabled);
    assert_string_equal (a->disable_reason, "why not");
    a->njobs = 0;
    assert_int_equal (configure (&q, "{\"b\":{}}", NULL, &error), 0);
    assert_int_equal (configure (&q, "{\"a\":{}}", NULL, &error), 0);
    again = jobqueues_lookup (&q, "a", &error); /* a new one */
    assert_true (again->enabled && !again->started && !again->disable_reason);
    /* and back to a queue without a name */
    assert_int_equal (configure (&q, NULL, NULL, &error), 0);
    assert_non_null (jobqueues_lookup (&q, NULL, &error));
    assert_false (q.named);
    jobqueues_fini (&q);
}

/* --- Status --- */

static void assert_status (const struct jobqueue *jq, const char *want)
{
    json_t *o = jobqueue_status (jq);
    char *s = json_dumps (o, JSON_COMPACT | JSON_SORT_KEYS);

    assert_string_equal (s, want);
    free (s);
    json_decref (o);
}

static void statuses (void **state)
{
    struct job_facts facts = { 1, 1, 0, 0 };
    struct jobqueues q;
    struct jobqueue *jq;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0);
    jq = jobqueues_lookup (&q, NULL, &error);
    assert_status (jq, "{\"enable\":true,\"start\":true}");
    jobqueue_set_enabled (jq, false, "full", false);
    jobqueue_set_started (jq, false, "", false); /* no reason */
    assert_status (jq,
                   "{\"disable_reason\":\"full\",\"enable\":false,\"start\":false}");
    assert_int_equal (jobqueue_check (&q, jq, &facts, &error), -1);
    assert_string_equal (error.text, "job submission is disabled: full");
    jobqueue_set_enabled (jq, false, NULL, false);
    assert_int_equal (jobqueue_check (&q, jq, &facts, &error), -1);
    assert_string_equal (error.text, "job submission is disabled: no reason given");
    jobqueue_set_started (jq, false, "night", false);
    assert_status (jq, "{\"enable\":false,\"start\":false,\"stop_reason\":\"night\"}");
    jobqueue_set_started (jq, true, "ignored", false);
    jobqueue_set_enabled (jq, true, "ignored", false);
    assert_status (jq, "{\"enable\":true,\"start\":true}");
    assert_int_equal (jobqueue_check (&q, jq, &facts, &error), 0);
    configure (&q, "{\"batch\":{}}", NULL, &error);
    jq = jobqueues_lookup (&q, "batch", &error);
    jobqueue_set_enabled (jq, false, "full", false);
    assert_int_equal (jobqueue_check (&q, jq, &facts, &error), -1);
    assert_string_equal (error.text, "job submission to batch is disabled: full");
    jobqueues_fini (&q);
}

/* Saved and restored: all but what was not to be remembered. */
static void saved (void **state)
{
    struct jobqueues q, r;
    struct jobqueue *a, *b, *c;
    flux_error_t error;
    json_t *text;

    assert_int_equal (jobqueues_init (&q), 0);
    configure (&q, "{\"a\":{},\"b\":{},\"c\":{}}", NULL, &error);
    a = jobqueues_lookup (&q, "a", &error);
    b = jobqueues_lookup (&q, "b", &error);
    c = jobqueues_lookup (&q, "c", &error);
    assert_true (c->enabled && !c->started); /* RFC 33 */
    jobqueue_set_enabled (a, false, "x", false);
    jobqueue_set_enabled (a, false, "x", true); /* it is remembered all the same */
    jobqueue_set_started (a, true, NULL, false);
    jobqueue_set_started (a, false, "y", true);
    jobqueue_set_enabled (b, false, "z", true);
    jobqueue_set_started (b, true, NULL, false);
    jobqueue_set_started (b, false, NULL, false);
    jobqueue_set_started (c, false, "no matter", true); /* it never was */
    text = jobqueues_save (&q);
    assert_int_equal (jobqueues_init (&r), 0);
    configure (&r, "{\"b\":{},\"a\":{},\"c\":{},\"new\":{}}", NULL, &error);
    jobqueues_restore (&r, text);
    a = jobqueues_lookup (&r, "a", &error);
    b = jobqueues_lookup (&r, "b", &error);
    assert_false (jobqueues_lookup (&r, "c", &error)->started);
    c = jobqueues_lookup (&r, "new", &error);
    assert_true (!a->enabled && a->started && b->enabled && !b->started);
    assert_string_equal (a->disable_reason, "x");
    assert_null (a->stop_reason);
    assert_null (b->stop_reason);
    assert_true (c->enabled && !c->started);
    json_decref (text);
    /* once remembered, it is so until somebody says otherwise */
    text = jobqueues_save (&r);
    jobqueues_fini (&q);
    assert_int_equal (jobqueues_init (&q), 0);
    configure (&q, "{\"a\":{},\"b\":{}}", NULL, &error);
    jobqueues_restore (&q, text);
    assert_false (jobqueues_lookup (&q, "a", &error)->enabled);
    assert_false (jobqueues_lookup (&q, "b", &error)->started);
    json_decref (text);
    jobqueues_fini (&q);
    jobqueues_fini (&r);
}

/* What was saved by somebody else, or damaged: the rest is restored. */
static void damaged (void **state)
{
    static const char text[] =
        "[5,null,{\"name\":\"a\"},{\"name\":\"a\",\"enable\":1,\"start\":true},"
        "{\"name\":7,\"enable\":false,\"start\":false},"
        "{\"name\":\"gone\",\"enable\":false,\"start\":false},"
        "{\"name\":\"b\",\"enable\":false,\"start\":true,\"more\":{}}]";
    json_t *o = json_loads (text, 0, NULL), *none = json_object ();
    struct jobqueues q;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0);
    configure (&q, "{\"a\":{},\"b\":{}}", NULL, &error);
    jobqueues_restore (&q, NULL);
    jobqueues_restore (&q, none);
    jobqueues_restore (&q, o);
    assert_true (jobqueues_lookup (&q, "a", &error)->enabled);
    assert_false (jobqueues_lookup (&q, "a", &error)->started);
    assert_false (jobqueues_lookup (&q, "b", &error)->enabled);
    assert_true (jobqueues_lookup (&q, "b", &error)->started);
    json_decref (o);
    json_decref (none);
    jobqueues_fini (&q);
}

/* JSON with simple quotes, new. */
static json_t *of_text (const char *s)
{
    char text[256];
    json_t *o;

    snprintf (text, sizeof (text), "%s", s);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    o = json_loads (text, 0, NULL);
    assert_non_null (o);
    return o;
}

/* --- A job leaves one queue for another --- */

static void constraints_move (void **state)
{
    static const char queues[] =
        "{\"free\":{},\"none\":{\"requires\":[]},\"p\":{\"requires\":[\"p\"]},"
        "\"same\":{\"requires\":[\"p\"]},\"q\":{\"requires\":[\"q\",\"r\"]}}";
    static const struct {
        const char *from, *to, *before, *after; /* after NULL: as before */
    } t[] = {
        { "p", "q", "{'properties':['p']}", "{'properties':['q','r']}" },
        { "q", "p", "{'properties':['q','r']}", "{'properties':['p']}" },
        { "p", "free", "{'properties':['p']}", "{}" },
        { "p", "none", "{'properties':['p']}", "{}" },
        { "free", "p", NULL, "{'properties':['p']}" },
        { "none", "p", "{}", "{'properties':['p']}" },
        { "free", "none", NULL, NULL },
        { "p", "p", "{'properties':['p']}", NULL },
        { "p", "same", "{'properties':['p']}", NULL },
        /* the job's own come first */
        { "p", "q", "{'and':[{'ranks':['1']},{'properties':['p']}]}",
          "{'and':[{'ranks':['1']},{'properties':['q','r']}]}" },
        { "p", "free", "{'and':[{'ranks':['1']},{'properties':['p']}]}",
          "{'ranks':['1']}" },
        { "free", "p", "{'ranks':['1']}",
          "{'and':[{'ranks':['1']},{'properties':['p']}]}" },
        { "p", "free", "{'and':[{'properties':['p']},{'properties':['p']}]}",
          "{'properties':['p']}" },
        /* what is not there is not taken away, nor is something else */
        { "p", "q", NULL, NULL },
        { "p", "q", "{'properties':['x']}", NULL },
        { "p", "q", "{'or':[{'ranks':['1']},{'properties':['p']}]}", NULL },
        { "p", "q", "{'and':[{'properties':['p']},{'ranks':['1']}]}", NULL },
        { "p", "q", "{'and':[{'ranks':['1']},{'hostlist':['a']},{'properties':['p']}]}",
          NULL },
    };
    struct jobqueues q;
    flux_error_t error;

    assert_int_equal (jobqueues_init (&q), 0);
    assert_int_equal (configure (&q, queues, NULL, &error), 0);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *before = t[i].before ? of_text (t[i].before) : NULL;
        json_t *after =
            jobqueue_move_constraints (jobqueues_lookup (&q, t[i].from, &error),
                                       jobqueues_lookup (&q, t[i].to, &error), before);
        json_t *want = t[i].after ? of_text (t[i].after) : NULL;

        assert_int_equal (after == NULL, want == NULL);
        assert_true (!want || json_equal (after, want));
        json_decref (before);
        json_decref (after);
        json_decref (want);
    }
    jobqueues_fini (&q);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (constraints_move), cmocka_unit_test (bad_tables),
        cmocka_unit_test (limits_of_jobs),   cmocka_unit_test (need_size),
        cmocka_unit_test (lookups),          cmocka_unit_test (with_jobs),
        cmocka_unit_test (statuses),         cmocka_unit_test (saved),
        cmocka_unit_test (damaged),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
