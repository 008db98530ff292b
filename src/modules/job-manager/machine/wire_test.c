/* What is said to the scheduler and the exec service is read by jansson; what they answer
 * is taken apart, and every text that is no answer is refused. */
#include "base/test.h"

#include "modules/job-manager/machine/wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC                                                                           \
    "{\"resources\":[],\"attributes\":{\"system\":{\"duration\":0,\"environment\":{"   \
    "\"A\":\"b\"}}},\"version\":1}"
#define R_TEXT "{\"version\":1,\"execution\":{\"R_lite\":[],\"note\":\"\\u00e9\"}}"
#define COUNT(a) (sizeof (a) / sizeof ((a)[0]))

/* --- what is said --- */

static struct env_table envs;

static struct job *make_job (flux_jobid_t id)
{
    struct job *job = job_create ();

    assert_non_null (job);
    job->id = id;
    job->userid = 4294967294u;
    job->priority = FLUX_JOB_PRIORITY_MAX;
    job->t_submit = 1732000000.123456;
    assert_non_null (job->R = strdup (R_TEXT));
    assert_int_equal (spec_init (&job->spec, &envs, SPEC, strlen (SPEC)), 0);
    return job;
}

static void drop_job (struct job *job)
{
    spec_fini (&job->spec, &envs);
    job_destroy (job);
}

static json_t *load (struct buf *b)
{
    json_error_t error;

    assert_int_equal (b->err, 0);
    json_t *o = json_loadb (b->data, b->len, 0, &error);
    if (!o)
        fail_msg ("%s: %s", b->data, error.text);
    buf_reset (b);
    return o;
}

static void has_json (json_t *o, const char *key, const char *text)
{
    json_t *want = json_loads (text, 0, NULL);

    assert_non_null (want);
    assert_true (json_equal (json_object_get (o, key), want));
    json_decref (want);
}

static void check_head (json_t *o, const struct job *job, size_t members)
{
    json_int_t id, priority, userid;
    double t_submit;

    assert_int_equal (json_unpack (o, "{s:I s:I s:I s:f}", "id", &id, "priority",
                                   &priority, "userid", &userid, "t_submit", &t_submit),
                      0);
    assert_int_equal (id, job->id);
    assert_int_equal (priority, job->priority);
    assert_int_equal (userid, job->userid);
    assert_true (t_submit == job->t_submit);
    assert_int_equal (json_object_size (o), members);
}

static const flux_jobid_t ids[] = { 1, 77, (1ull << 53) + 1, INT64_MAX };

static void the_scheduler_gets_all_but_the_environment (void **state)
{
    struct buf b = BUF_INIT;

    env_table_init (&envs);
    for (size_t i = 0; i < COUNT (ids); i++) {
        struct job *job = make_job (ids[i]);
        wire_sched_alloc (&b, job);
        json_t *o = load (&b);
        check_head (o, job, 5);
        json_t *spec = json_object_get (o, "jobspec");
        json_t *system =
            json_object_get (json_object_get (spec, "attributes"), "system");
        assert_int_equal (json_object_size (spec), 3);
        assert_int_equal (json_object_size (system), 1);
        assert_null (json_object_get (system, "environment"));
        json_decref (o);
        wire_sched_hello (&b, job, job->R);
        o = load (&b);
        check_head (o, job, 5);
        has_json (o, "R", R_TEXT);
        json_decref (o);
        drop_job (job);
    }
    buf_fini (&b);
    env_table_fini (&envs);
}

static void what_goes_back_is_named (void **state)
{
    static const char text[] = R_TEXT "and what stands behind";
    struct buf b = BUF_INIT;

    for (size_t i = 0; i < COUNT (ids); i++) {
        json_int_t id;
        int final;
        wire_sched_cancel (&b, ids[i]);
        json_t *o = load (&b);
        assert_int_equal (json_unpack (o, "{s:I !}", "id", &id), 0);
        assert_int_equal (id, ids[i]);
        json_decref (o);
        wire_sched_free (&b, ids[i], (struct span){ text, strlen (R_TEXT) }, i % 2);
        o = load (&b);
        assert_int_equal (json_unpack (o, "{s:I s:b}", "id", &id, "final", &final), 0);
        assert_int_equal (id, ids[i]);
        assert_int_equal (final, i % 2);
        has_json (o, "R", R_TEXT);
        assert_int_equal (json_object_size (o), 3);
        json_decref (o);
    }
    buf_fini (&b);
}

static void the_exec_service_gets_all (void **state)
{
    struct buf b = BUF_INIT;

    env_table_init (&envs);
    for (size_t i = 0; i < COUNT (ids); i++) {
        struct job *job = make_job (ids[i]);
        json_int_t id, userid;
        int reattach;
        wire_exec_start (&b, job, job->R, i % 2);
        json_t *o = load (&b);
        assert_int_equal (json_unpack (o, "{s:I s:I s:b}", "id", &id, "userid", &userid,
                                       "reattach", &reattach),
                          0);
        assert_int_equal (id, job->id);
        assert_int_equal (userid, job->userid);
        assert_int_equal (reattach, i % 2);
        has_json (o, "R", R_TEXT);
        has_json (o, "jobspec", SPEC); /* in whatever order */
        assert_int_equal (json_object_size (o), 5);
        json_decref (o);
        drop_job (job);
    }
    buf_fini (&b);
    env_table_fini (&envs);
}

/* --- what they answer --- */

static bool same (struct span s, const char *text)
{
    return s.len == strlen (text) && memcmp (s.s, text, s.len) == 0;
}

static struct sched_answer sched (const char *text)
{
    struct sched_answer a;

    if (sched_answer_decode (text, &a) < 0)
        fail_msg ("%s: %s", text, strerror (errno));
    return a;
}

static void the_scheduler_answers (void **state)
{
    struct sched_answer a;

    a = sched ("{\"id\":5,\"type\":0,\"R\":" R_TEXT ",\"annotations\":{\"a\":[1]}}");
    assert_true (a.type == SCHED_SUCCESS && a.id == 5 && !a.owed && !a.note);
    assert_true (same (a.R, R_TEXT) && same (a.annotations, "{\"a\":[1]}"));

    a = sched (" { \"R_owed\" : true , \"R\" : {} , \"type\":0, \"id\":"
               "9223372036854775807 } ");
    assert_true (a.type == SCHED_SUCCESS && a.id == INT64_MAX && a.owed);
    assert_true (same (a.R, "{}") && a.annotations.len == 0);

    a = sched ("{\"id\":5,\"type\":1,\"annotations\":{}}");
    assert_true (a.type == SCHED_ANNOTATE && same (a.annotations, "{}"));

    a = sched ("{\"id\":6,\"type\":2,\"note\":\"no \\\"gpu\\\" \\u00e9\"}");
    assert_true (a.type == SCHED_DENY && a.id == 6);
    assert_string_equal (a.note, "no \"gpu\" \xc3\xa9");
    sched_answer_fini (&a);
    assert_null (a.note);

    a = sched ("{\"id\":7,\"type\":3}");
    assert_true (a.type == SCHED_CANCEL && a.id == 7);
    sched_answer_fini (&a);
}

/* Otherwise the job would wait for ever. */
static void no_is_no_whatever_the_note_is (void **state)
{
    static const char *const notes[] = { "", ",\"note\":null", ",\"note\":5",
                                         ",\"note\":{}", ",\"note\":\"\\u0000\"" };
    char text[128];

    for (size_t i = 0; i < COUNT (notes); i++) {
        snprintf (text, sizeof (text), "{\"id\":1,\"type\":2%s}", notes[i]);
        struct sched_answer a = sched (text);
        assert_int_equal (a.type, SCHED_DENY);
        assert_null (a.note);
    }
}

/* However long it is. */
static void texts_are_whole (void **state)
{
    size_t len = 100000;
    char *text = malloc (len + 100), *want = malloc (len + 1);
    struct exec_answer a;

    assert_true (text && want);
    memset (want, 'x', len);
    want[len] = '\0';
    for (size_t i = 0; i + 1 < len; i += 2) /* two bytes each */
        memcpy (want + i, "\xc3\xa9", 2);
    sprintf (text, "{\"id\":1,\"type\":2,\"note\":\"%s\"}", want);
    struct sched_answer s = sched (text);
    assert_string_equal (s.note, want);
    sched_answer_fini (&s);

    sprintf (
        text,
        "{\"id\":1,\"type\":\"release\",\"data\":{\"final\":true,\"ranks\":\"%s\"}}",
        want);
    assert_int_equal (exec_answer_decode (text, &a), 0);
    assert_string_equal (a.ranks, want);
    exec_answer_fini (&a);
    sprintf (text,
             "{\"id\":1,\"type\":\"exception\",\"data\":{\"severity\":0,\"type\":\"e\","
             "\"note\":\"%s\"}}",
             want);
    assert_int_equal (exec_answer_decode (text, &a), 0);
    assert_string_equal (a.note, want);
    exec_answer_fini (&a);
    free (text);
    free (want);
}

static struct exec_answer exec (const char *text)
{
    struct exec_answer a;

    if (exec_answer_decode (text, &a) < 0)
        fail_msg ("%s: %s", text, strerror (errno));
    return a;
}

static void the_exec_service_answers (void **state)
{
    struct exec_answer a;

    a = exec ("{\"id\":5,\"type\":\"start\",\"data\":{}}");
    assert_true (a.type == EXEC_START && a.id == 5);
    a = exec ("{\"id\":5,\"type\":\"start\"}"); /* there is nothing to be said */
    assert_true (a.type == EXEC_START && a.left == 0);
    a = exec ("{\"id\":5,\"type\":\"start\",\"data\":{\"time_left\":1.5}}");
    assert_true (a.type == EXEC_START && a.left == 1.5);
    a = exec ("{\"id\":5,\"type\":\"start\",\"data\":{\"time_left\":-1}}");
    assert_true (a.type == EXEC_START && a.left == 0);
    a = exec ("{\"id\":5,\"type\":\"start\",\"data\":{\"time_left\":\"x\"}}");
    assert_true (a.type == EXEC_START && a.left == 0);
    a = exec ("{\"id\":5,\"type\":\"reattached\",\"data\":{}}");
    assert_true (a.type == EXEC_REATTACHED);

    a = exec ("{\"id\":5,\"type\":\"finish\",\"data\":{\"status\":-2147483648}}");
    assert_true (a.type == EXEC_FINISH && a.status == INT32_MIN);

    a = exec ("{\"data\":{\"ranks\":\"0-3,7\",\"final\":false},\"type\":\"release\","
              "\"id\":5}");
    assert_true (a.type == EXEC_RELEASE && !a.final);
    assert_string_equal (a.ranks, "0-3,7");
    exec_answer_fini (&a);
    exec_answer_fini (&a); /* twice is once */

    a = exec ("{\"id\":5,\"type\":\"exception\",\"data\":{\"severity\":7,\"type\":"
              "\"ti\\u006de\",\"note\":\"\"}}");
    assert_true (a.type == EXEC_EXCEPTION && a.severity == 7);
    assert_string_equal (a.kind, "time");
    assert_string_equal (a.note, "");
    exec_answer_fini (&a);
    a = exec (
        "{\"id\":5,\"type\":\"exception\",\"data\":{\"severity\":0,\"type\":\"x\"}}");
    assert_true (a.severity == 0 && !a.note);
    exec_answer_fini (&a);
}

/* Not one of them may count as a success. */
static void what_is_no_answer_is_refused (void **state)
{
    static const char *const scheds[] = {
        "",
        " ",
        "null",
        "[]",
        "5",
        "{",
        "{}",
        "{\"id\":1}",
        "{\"type\":3}",
        "{\"id\":0,\"type\":3}",
        "{\"id\":-1,\"type\":3}",
        "{\"id\":1.5,\"type\":3}",
        "{\"id\":9223372036854775808,\"type\":3}",
        "{\"id\":\"1\",\"type\":3}",
        "{\"id\":1,\"type\":4}",
        "{\"id\":1,\"type\":-1}",
        "{\"id\":1,\"type\":\"3\"}",
        "{\"id\":1,\"type\":null}",
        "{\"id\":1,\"type\":0}",
        "{\"id\":1,\"type\":0,\"R\":null}",
        "{\"id\":1,\"type\":0,\"R\":\"{}\"}",
        "{\"id\":1,\"type\":0,\"R\":[]}",
        "{\"id\":1,\"type\":1}",
        "{\"id\":1,\"type\":1,\"annotations\":null}",
        "{\"id\":1,\"type\":1,\"annotations\":[]}",
        "{\"id\":1,\"type\":3}}",
        "{\"id\":1,\"type\":3} {}",
    };
    static const char *const execs[] = {
        "",
        "[]",
        "{}",
        "{\"id\":1}",
        "{\"type\":\"start\"}",
        "{\"id\":0,\"type\":\"start\"}",
        "{\"id\":1,\"type\":\"\"}",
        "{\"id\":1,\"type\":\"started\"}",
        "{\"id\":1,\"type\":\"star\"}",
        "{\"id\":1,\"type\":0}",
        "{\"id\":1,\"type\":\"finish\"}",
        "{\"id\":1,\"type\":\"finish\",\"data\":{}}",
        "{\"id\":1,\"type\":\"finish\",\"data\":5}",
        "{\"id\":1,\"type\":\"finish\",\"data\":{\"status\":\"0\"}}",
        "{\"id\":1,\"type\":\"finish\",\"data\":{\"status\":2147483648}}",
        "{\"id\":1,\"type\":\"finish\",\"status\":0}",
        "{\"id\":1,\"type\":\"release\",\"data\":{\"final\":true}}",
        "{\"id\":1,\"type\":\"release\",\"data\":{\"ranks\":\"0\"}}",
        "{\"id\":1,\"type\":\"release\",\"data\":{\"ranks\":0,\"final\":true}}",
        "{\"id\":1,\"type\":\"release\",\"data\":{\"ranks\":\"0\",\"final\":1}}",
        "{\"id\":1,\"type\":\"exception\",\"data\":{\"severity\":0}}",
        "{\"id\":1,\"type\":\"exception\",\"data\":{\"type\":\"x\"}}",
        "{\"id\":1,\"type\":\"exception\",\"data\":{\"type\":\"x\",\"severity\":8}}",
        "{\"id\":1,\"type\":\"exception\",\"data\":{\"type\":\"x\",\"severity\":-1}}",
        "{\"id\":1,\"type\":\"exception\",\"data\":{\"type\":\"x\",\"severity\":0,"
        "\"note\":7}}",
    };

    for (size_t i = 0; i < COUNT (scheds); i++) {
        struct sched_answer a;
        errno = 0;
        if (sched_answer_decode (scheds[i], &a) == 0)
            fail_msg ("%s is an answer", scheds[i]);
        assert_int_equal (errno, EPROTO);
    }
    for (size_t i = 0; i < COUNT (execs); i++) {
        struct exec_answer a;
        errno = 0;
        if (exec_answer_decode (execs[i], &a) == 0)
            fail_msg ("%s is an answer", execs[i]);
        assert_int_equal (errno, EPROTO);
        assert_true (!a.ranks && !a.kind && !a.note);
    }
}

/* Each beginning of an answer is none. */
static void half_an_answer_is_none (void **state)
{
    static const char s[] = "{\"id\":5,\"type\":0,\"R\":{\"a\":1},\"annotations\":{}}";
    static const char e[] = "{\"id\":5,\"type\":\"release\",\"data\":{\"ranks\":\"0\","
                            "\"final\":true}}";

    for (size_t i = 0; i < strlen (s); i++) {
        char *text = strndup (s, i);
        struct sched_answer a;
        assert_int_equal (sched_answer_decode (text, &a), -1);
        free (text);
    }
    for (size_t i = 0; i < strlen (e); i++) {
        char *text = strndup (e, i);
        struct exec_answer a;
        assert_int_equal (exec_answer_decode (text, &a), -1);
        free (text);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_scheduler_gets_all_but_the_environment),
        cmocka_unit_test (what_goes_back_is_named),
        cmocka_unit_test (the_exec_service_gets_all),
        cmocka_unit_test (the_scheduler_answers),
        cmocka_unit_test (no_is_no_whatever_the_note_is),
        cmocka_unit_test (texts_are_whole),
        cmocka_unit_test (the_exec_service_answers),
        cmocka_unit_test (what_is_no_answer_is_refused),
        cmocka_unit_test (half_an_answer_is_none),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
