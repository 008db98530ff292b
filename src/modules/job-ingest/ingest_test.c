#include "base/test.h"

#include "modules/job-ingest/ingest.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC(system)                                                                   \
    "{\"resources\":[{\"type\":\"slot\",\"count\":1,\"with\":[{\"type\":\"core\","     \
    "\"count\":1}],\"label\":\"task\"}],\"tasks\":[{\"command\":[\"true\"],\"slot\":"  \
    "\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{" system        \
    "}},\"version\":1}"

static const struct flux_msg_cred owner = { 1000, FLUX_ROLE_OWNER };

static uint32_t signer = 1000;

static int submit (struct ingest *in, const char *jobspec, int urgency, int flags,
                   struct flux_msg_cred cred, struct ingest_job *job, char *text)
{
    flux_error_t error = { "" };
    char *J = flux_sign_none (jobspec, signer), *payload;
    int rc;

    assert_non_null (J);
    assert_true (asprintf (&payload, "{\"J\":\"%s\",\"urgency\":%d,\"flags\":%d}", J,
                           urgency, flags)
                 > 0);
    rc = ingest_decode (in, payload, cred, 1000, job, &error);
    if (text)
        strcpy (text, error.text);
    free (payload);
    free (J);
    return rc;
}

static bool is (struct span v, const char *s)
{
    return v.len == strlen (s) && memcmp (v.s, s, v.len) == 0;
}

/* The same as it comes from our own clients: not signed. */
static int submit_plain (struct ingest *in, const char *jobspec, struct ingest_job *job,
                         flux_error_t *error)
{
    static char payload[4096];

    snprintf (payload, sizeof (payload), "{\"urgency\":16,\"flags\":0,\"jobspec\":%s}",
              jobspec);
    return ingest_decode (in, payload, owner, 1000, job, error);
}

static void accepts (void **state)
{
    struct ingest in;
    struct ingest_job a, b;
    struct buf buf = BUF_INIT;
    const char *spec = SPEC ("\"duration\":0,\"environment\":{\"A\":\"b\"}");

    ingest_init (&in, 1000);
    jobid_gen_init (&in.gen, 0, 1000000 - 5, 0);
    assert_int_equal (submit (&in, spec, 16, 0, owner, &a, NULL), 0);
    assert_true (is (a.jobspec, spec));
    assert_null (memmem (a.lite.s, a.lite.len, "environment", 11));
    assert_int_equal (a.J.len, 0); /* follows from the jobspec */
    assert_int_equal (submit (&in, spec, 16, 0, owner, &b, NULL), 0);
    assert_true (is (b.jobspec, spec));
    assert_true (b.environment.len == strlen ("{\"A\":\"b\"}"));
    assert_true (a.id >> 24 == 5 && b.id == a.id + 1);
    ingest_job_encode (&buf, &b, 0);
    json_t *o = json_loads (buf.data, 0, NULL);
    assert_true (json_is_object (json_object_get (o, "jobspec")));
    json_decref (o);
    buf_fini (&buf);
    ingest_fini (&in);
}

static void refuses (void **state)
{
    struct ingest in;
    struct ingest_job job;
    flux_error_t error = { "" };
    char text[200];
    const char *good = SPEC ("\"duration\":0");
    const struct flux_msg_cred guest = { 1000, FLUX_ROLE_USER };
    const struct flux_msg_cred other = { 1001, FLUX_ROLE_USER };
    const struct flux_msg_cred claimed = { 1001, FLUX_ROLE_OWNER };

    ingest_init (&in, 1000);
    assert_int_equal (submit (&in, "not json", 16, 0, owner, &job, text), -1);
    assert_non_null (strstr (text, "jobspec: invalid JSON"));
    assert_int_equal (submit (&in, "[]", 16, 0, owner, &job, text), -1);
    assert_int_equal (submit (&in, "{}", 16, 0, owner, &job, text), -1);
    assert_true (strlen (text) > 0);
    assert_int_equal (submit (&in, SPEC ("\"duration\":0,\"environment\":{\"A\":1}"),
                              16, 0, owner, &job, text),
                      -1);
    assert_string_equal (text,
                         "jobspec: attributes.system.environment.A: must be a string");
    assert_int_equal (submit (&in, good, 40, 0, owner, &job, text), -1);
    assert_string_equal (text, "urgency range is [0:31]");
    assert_int_equal (submit (&in, good, 17, 0, guest, &job, text), -1);
    assert_int_equal (submit (&in, good, 16, FLUX_JOB_WAITABLE, guest, &job, text), -1);
    assert_int_equal (submit (&in, good, 16, 0, other, &job, text), -1);
    assert_string_equal (
        text, "this instance runs jobs of its owner (uid 1000) only: "
              "there is no setuid helper (exec.imp) to run those of uid 1001");
    assert_int_equal (errno, EPERM);
    /* nor if the owner says whose it is, or signs for another */
    assert_int_equal (submit (&in, good, 16, 0, claimed, &job, text), -1);
    assert_int_equal (errno, EPERM);
    in.guests = true; /* there is a helper */
    assert_int_equal (submit (&in, good, 16, 0, other, &job, text), -1);
    assert_string_equal (text, "signer uid 1000 is not that of the request, 1001");
    assert_int_equal (submit (&in, good, 16, 0, claimed, &job, text), -1);
    assert_int_equal (errno, EPERM);
    signer = 1001;
    assert_int_equal (submit (&in, good, 16, 0, other, &job, NULL), 0);
    assert_int_equal (job.userid, 1001);
    assert_int_equal (submit (&in, good, 17, 0, other, &job, text), -1);
    signer = 1000;
    ingest_fini (&in);
    ingest_init (&in, 1001);
    assert_int_equal (submit (&in, good, 16, 0, claimed, &job, text), -1);
    assert_string_equal (text, "signer uid 1000 is not that of the request, 1001");
    assert_int_equal (errno, EPERM);
    ingest_fini (&in);
    ingest_init (&in, 1000);
    assert_int_equal (ingest_decode (&in, NULL, owner, 1, &job, &error), -1);
    assert_int_equal (ingest_decode (&in, "{\"J\":\"a.b\"}", owner, 1, &job, &error),
                      -1);
    assert_int_equal (ingest_decode (&in, "{\"J\":\"a.b.c\",\"urgency\":1,\"flags\":0}",
                                     owner, 1, &job, &error),
                      -1);
    assert_non_null (strstr (error.text, "signed jobspec: "));
    ingest_fini (&in);
}

/* What was submitted is kept where the jobspec is no longer the same. */
static void changed (struct ingest *in)
{
    const char *spec = SPEC ("\"environment\":{\"A\":\"b\"},\"duration\":0");
    struct ingest_job job;
    flux_error_t error = { "" };
    uint32_t uid;

    for (int i = 0; i < 2; i++) { /* new, and as remembered */
        assert_int_equal (submit_plain (in, spec, &job, &error), 0);
        json_t *o = json_loadb (job.jobspec.s, job.jobspec.len, 0, NULL);
        json_t *s = json_object_get (json_object_get (o, "attributes"), "system");
        assert_true (json_number_value (json_object_get (s, "duration")) == 3600);
        assert_non_null (json_object_get (json_object_get (s, "environment"), "A"));
        json_decref (o);
        assert_null (memmem (job.lite.s, job.lite.len, "environment", 11));
        char *J = strndup (job.J.s, job.J.len);
        char *original = flux_unwrap_string (J, true, &uid, &error);
        assert_string_equal (original, spec);
        assert_int_equal (uid, 1000);
        free (original);
        free (J);
    }
}

/* Which of them differ from the one before only in what needs no look. */
static void environments (void **state)
{
    static const struct {
        const char *env;
        int rc;
    } tests[] = {
        { "{\"CC\":\"9\",\"B\":\"1\"}", 0 },
        { "{\"CC\":\"10\",\"B\":\"1\"}", 0 },
        { "{\"CC\":\"100\",\"B\":\"1\"}", 0 },
        { "{\"CC\":\"\",\"B\":\"1\"}", 0 },
        { "{\"CC\":10,\"B\":\"1\"}", -1 },
        { "{\"CC\":\"1\"0,\"B\":\"1\"}", -1 },
        { "{\"CC\":\"10\",\"B\":\"\\ud835\\udc00\"}", 0 },
        { "{\"CC\":\"10\",\"B\":\"\\u0835\\udc00\"}", -1 },
        { "{\"CC\":\"10\",\"B\":\"\\ud835\\udc0\"}", -1 },
        { "{\"CC\":\"11\",\"B\":\"\\ud835\\udc00\"}", 0 },
        { "{\"CC\":null,\"B\":\"1\"}", 0 },
        { "{\"CC\":nul1,\"B\":\"1\"}", -1 },
        { "{}", 0 },
        { "{1}", -1 },
    };
    struct ingest in;
    struct ingest_job job;
    flux_error_t error;

    ingest_init (&in, 1000);
    for (size_t i = 0; i < sizeof (tests) / sizeof (tests[0]); i++) {
        char spec[1024];
        snprintf (spec, sizeof (spec), SPEC ("\"duration\":0,\"environment\":%s"),
                  tests[i].env);
        if (submit_plain (&in, spec, &job, &error) != tests[i].rc)
            fail_msg ("%s", tests[i].env);
        if (tests[i].rc == 0) {
            assert_true (is (job.jobspec, spec));
            assert_true (is (job.environment, tests[i].env));
            assert_int_equal (job.J.len, 0);
        }
    }
    /* the same without environment is remembered, but not with other flags */
    assert_int_equal (submit_plain (&in, "{\"x\":1}", &job, &error), -1);
    assert_int_equal (
        submit (&in, "{\"x\":1}", 16, FLUX_JOB_NOVALIDATE, owner, &job, NULL), 0);
    assert_int_equal (submit_plain (&in, "{\"x\":1}", &job, &error), -1);
    ingest_fini (&in);
}

static void defaults (void **state)
{
    struct ingest in;
    struct ingest_job job;
    flux_error_t error = { "" };
    json_t *policy = json_pack ("{s:{s:{s:{s:s s:s}}}}", "jobspec", "defaults",
                                "system", "duration", "1h", "queue", "q");
    json_t *queues = json_pack ("{s:{s:[s]}}", "q", "requires", "fast");

    ingest_init (&in, 1000);
    assert_int_equal (ingest_configure (&in, queues, policy, &error), 0);
    assert_int_equal (submit (&in,
                              SPEC ("\"environment\":{\"A\":\"b\"},\"duration\":0"), 16,
                              0, owner, &job, NULL),
                      0);
    json_t *o = json_loadb (job.jobspec.s, job.jobspec.len, 0, NULL);
    json_t *s = json_object_get (json_object_get (o, "attributes"), "system");
    assert_true (json_number_value (json_object_get (s, "duration")) == 3600);
    assert_string_equal (json_string_value (json_object_get (s, "queue")), "q");
    assert_non_null (json_object_get (json_object_get (s, "environment"), "A"));
    assert_non_null (
        json_object_get (json_object_get (s, "constraints"), "properties"));
    json_decref (o);
    changed (&in);
    json_decref (policy);
    json_decref (queues);
    policy = json_pack ("{s:{s:{s:{s:s}}}}", "jobspec", "defaults", "system",
                        "duration", "x");
    assert_int_equal (ingest_configure (&in, NULL, policy, &error), -1);
    json_decref (policy);
    ingest_fini (&in);
}

/* What would be a default of nothing. */
static void no_defaults (void **state)
{
    static const struct {
        const char *queues, *policy, *error;
    } t[] = {
        { "{}", "{\"jobspec\":5}", "config: policy.jobspec: must be a table" },
        { "{}", "{\"jobspec\":{\"default\":{}}}",
          "config: policy.jobspec.default: there is no such key" },
        { "{}", "{\"jobspec\":{\"defaults\":{\"duration\":\"1h\"}}}",
          "config: policy.jobspec.defaults.duration: there is no such key" },
        { "{}", "{\"jobspec\":{\"defaults\":{\"system\":{\"bank\":\"b\"}}}}",
          "config: policy.jobspec.defaults.system.bank: there is no such key" },
        { "{}", "{\"jobspec\":{\"defaults\":{\"system\":{\"queue\":5}}}}",
          "config: policy.jobspec.defaults.system.queue: must be a string" },
        { "{\"q\":{\"policy\":{\"jobspec\":{\"defaults\":{\"system\":{\"queue\":\"b\"}}"
          "}}}}",
          "{}",
          "config: queues.q.policy.jobspec.defaults.system.queue: there is no such "
          "key" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        json_t *queues = json_loads (t[i].queues, 0, NULL);
        json_t *policy = json_loads (t[i].policy, 0, NULL);
        flux_error_t error = { "" };
        struct ingest in;

        assert_true (queues && policy);
        ingest_init (&in, 1000);
        assert_int_equal (ingest_configure (&in, queues, policy, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, t[i].error);
        ingest_fini (&in);
        json_decref (queues);
        json_decref (policy);
    }
}

static int require (struct ingest *in, const char *constraint, char *text)
{
    static char spec[1024];
    flux_error_t error = { "" };
    struct ingest_job job;

    snprintf (spec, sizeof (spec), SPEC ("\"duration\":0,\"constraints\":%s"),
              constraint);
    int rc = submit_plain (in, spec, &job, &error);
    strcpy (text, error.text);
    return rc;
}

/* What no scheduler could read, and hosts that are not there. */
static void constraints (void **state)
{
    struct hostlist *hosts = hostlist_decode ("h[0-3]");
    struct ingest in;
    char text[200];

    ingest_init (&in, 1000);
    jobid_gen_init (&in.gen, 0, 1000000, 0);
    ingest_set_hosts (&in, hosts);
    assert_int_equal (require (&in, "{\"foo\":[\"bar\"]}", text), -1);
    assert_int_equal (errno, EPERM);
    assert_string_equal (text, "unknown constraint operator 'foo'");
    assert_int_equal (require (&in, "{\"ranks\":[\"x\"]}", text), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (require (&in, "{\"hostlist\":[\"h[1-2]\"]}", text), 0);
    assert_int_equal (require (&in, "{\"hostlist\":[\"h[2-4],x\"]}", text), -1);
    assert_int_equal (errno, ENOENT);
    assert_string_equal (
        text, "host constraint contains invalid hosts: hosts 'h4,x' not found");
    assert_int_equal (require (&in, "{\"not\":[{\"hostlist\":[\"x\"]}]}", text), 0);
    assert_int_equal (
        require (&in, "{\"not\":[{\"not\":[{\"hostlist\":[\"x\"]}]}]}", text), -1);
    assert_int_equal (
        require (&in, "{\"or\":[{\"ranks\":[\"9\"]},{\"hostlist\":[\"x\"]}]}", text),
        -1);
    assert_int_equal (errno, ENOENT);
    ingest_set_hosts (&in, NULL); /* nobody can tell */
    assert_int_equal (require (&in, "{\"hostlist\":[\"x\"]}", text), 0);
    hostlist_destroy (hosts);
    ingest_fini (&in);
}

static void signs (void **state)
{
    flux_error_t error = { "" };
    uint32_t uid = 0;
    char *J = flux_sign_none ("{\"a\":1}", 1234);
    char *s = flux_unwrap_string (J, true, &uid, &error);

    assert_string_equal (s, "{\"a\":1}");
    assert_int_equal (uid, 1234);
    free (s);
    strcpy (strrchr (J, '.'), ".nine");
    assert_null (flux_unwrap_string (J, true, &uid, &error));
    assert_non_null ((s = flux_unwrap_string (J, false, &uid, &error)));
    free (s);
    free (J);
}

/* What plugins made of a job: it is another jobspec of the same job, and what was
 * submitted is kept as its signed one. */
static void redecodes (void **state)
{
    static const char before[] = SPEC ("\"duration\":0");
    static const char after[] = SPEC ("\"duration\":60,\"environment\":{\"A\":\"b\"}");
    static const char *const bad[] = { "",
                                       "null",
                                       "[]",
                                       "{}",
                                       "{\"version\":1}",
                                       SPEC ("\"duration\":-1"),
                                       SPEC ("\"duration\":\"x\""),
                                       SPEC ("\"environment\":{\"A\":5}") };
    struct ingest_job job, was;
    struct ingest in;
    flux_error_t error = { "" };

    ingest_init (&in, 1000);
    jobid_gen_init (&in.gen, 0, 1000000 - 5, 0);
    assert_int_equal (submit (&in, before, 20, 0, owner, &job, error.text), 0);
    was = job;

    /* unchanged: nothing has to be said about it */
    assert_int_equal (ingest_redecode (&in, before, before, NULL, &job, &error), 0);
    assert_true (is (job.jobspec, before) && job.J.len == 0);
    assert_int_equal (job.environment.len, 0);

    /* changed: the first one is signed in its place */
    assert_int_equal (ingest_redecode (&in, after, before, NULL, &job, &error), 0);
    assert_true (is (job.jobspec, after));
    assert_true (is (job.environment, "{\"A\":\"b\"}"));
    assert_null (memmem (job.lite.s, job.lite.len, "environment", 11));
    char *J = flux_sign_none (before, 1000);
    assert_true (is (job.J, J));
    free (J);

    /* it came with its own */
    assert_int_equal (ingest_redecode (&in, after, before, "x.y.z", &job, &error), 0);
    assert_true (is (job.J, "x.y.z"));

    assert_true (job.id == was.id && job.userid == was.userid && job.urgency == 20
                 && job.flags == was.flags && job.t_submit == was.t_submit);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        error.text[0] = '\0';
        errno = 0;
        if (ingest_redecode (&in, bad[i], before, NULL, &job, &error) == 0)
            fail_msg ("%s is taken", bad[i]);
        assert_true (errno == EINVAL && error.text[0]);
    }
    ingest_fini (&in);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (accepts),      cmocka_unit_test (refuses),
        cmocka_unit_test (environments), cmocka_unit_test (defaults),
        cmocka_unit_test (no_defaults),  cmocka_unit_test (constraints),
        cmocka_unit_test (signs),        cmocka_unit_test (redecodes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
