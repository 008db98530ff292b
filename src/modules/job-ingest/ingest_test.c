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

static int submit (struct ingest *in, const char *jobspec, int urgency, int flags,
                   struct flux_msg_cred cred, struct ingest_job *job, char *text)
{
    flux_error_t error = { "" };
    char *J = flux_sign_none (jobspec, 1000), *payload;
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

static void accepts (void **state)
{
    struct ingest in;
    struct ingest_job a, b;
    struct buf buf = BUF_INIT;
    const char *spec = SPEC ("\"duration\":0,\"environment\":{\"A\":\"b\"}");

    ingest_init (&in, 1000);
    jobid_gen_init (&in.gen, 0, 1000000 - 5, 0);
    assert_int_equal (submit (&in, spec, 16, 0, owner, &a, NULL), 0);
    assert_string_equal (a.jobspec, spec);
    assert_null (strstr (a.lite, "environment"));
    assert_int_equal (submit (&in, spec, 16, 0, owner, &b, NULL), 0);
    assert_string_equal (b.jobspec, spec);
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
    assert_string_equal (text, "this instance runs jobs of its owner (uid 1000) only: "
                               "there is no setuid helper to run those of uid 1001");
    assert_int_equal (errno, EPERM);
    /* nor if the owner says whose it is, or signs for another */
    assert_int_equal (submit (&in, good, 16, 0, claimed, &job, text), -1);
    assert_int_equal (errno, EPERM);
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
    json_t *o = json_loads (job.jobspec, 0, NULL);
    json_t *s = json_object_get (json_object_get (o, "attributes"), "system");
    assert_true (json_number_value (json_object_get (s, "duration")) == 3600);
    assert_string_equal (json_string_value (json_object_get (s, "queue")), "q");
    assert_non_null (json_object_get (json_object_get (s, "environment"), "A"));
    assert_non_null (
        json_object_get (json_object_get (s, "constraints"), "properties"));
    json_decref (o);
    json_decref (policy);
    json_decref (queues);
    policy = json_pack ("{s:{s:{s:{s:s}}}}", "jobspec", "defaults", "system",
                        "duration", "x");
    assert_int_equal (ingest_configure (&in, NULL, policy, &error), -1);
    json_decref (policy);
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

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (accepts),
        cmocka_unit_test (refuses),
        cmocka_unit_test (defaults),
        cmocka_unit_test (signs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
