#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <flux/core.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json/sweep.h"

static char *argv[] = { (char *)"hostname", (char *)"-f", NULL };
static char *env[] = { (char *)"PATH=/bin", (char *)"A=b=c", (char *)"junk", NULL };

static flux_jobspec1_t *make (int ntasks, int cores, int gpus, int nnodes)
{
    return flux_jobspec1_from_command (2, argv, env, ntasks, cores, gpus, nnodes, 5.);
}

static void a_command_makes_a_valid_jobspec (void **state)
{
    flux_jobspec1_error_t error = { "" };
    flux_jobspec1_t *js = make (4, 2, 1, 2);
    const char *path;
    double duration;
    char *s;

    assert_non_null (js);
    assert_int_equal (flux_jobspec1_check (js, &error), 0);
    assert_int_equal (flux_jobspec1_attr_check (js, &error), 0);
    s = flux_jobspec1_encode (js, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal (
        s,
        "{\"attributes\":{\"system\":{\"duration\":5.0,\"environment\":{\"A\":\"b=c\","
        "\"PATH\":\"/bin\"}}},\"resources\":[{\"count\":2,\"type\":\"node\",\"with\":[{"
        "\"count\":2,\"label\":\"task\",\"type\":\"slot\",\"with\":[{\"count\":2,"
        "\"type\":\"core\"},{\"count\":1,\"type\":\"gpu\"}]}]}],\"tasks\":[{"
        "\"command\":"
        "[\"hostname\",\"-f\"],\"count\":{\"per_slot\":1},\"slot\":\"task\"}],"
        "\"version\":1}");
    free (s);
    assert_int_equal (flux_jobspec1_attr_unpack (js, "duration", "f", &duration), 0);
    assert_true (duration == 5.);
    assert_int_equal (
        flux_jobspec1_attr_unpack (js, "system.environment.PATH", "s", &path), 0);
    assert_string_equal (path, "/bin");
    flux_jobspec1_destroy (js);
}

/* RFC 25: all tasks, also where nodes do not share them evenly. */
static void tasks_that_do_not_divide_are_counted (void **state)
{
    flux_jobspec1_t *js = make (3, 1, 0, 2);
    char *s = flux_jobspec1_encode (js, 0);

    assert_non_null (strstr (s, "\"total\": 3"));
    assert_int_equal (flux_jobspec1_check (js, NULL), 0);
    free (s);
    flux_jobspec1_destroy (js);
}

static void impossible_commands_are_refused (void **state)
{
    errno = 0;
    assert_null (flux_jobspec1_from_command (0, argv, NULL, 1, 1, 0, 0, 0.));
    assert_int_equal (errno, EINVAL);
    assert_null (make (0, 1, 0, 0));
    assert_null (make (1, 0, 0, 0));
    assert_null (make (1, 1, -1, 0));
    assert_null (make (1, 1, 0, 2));
    assert_null (flux_jobspec1_from_command (1, argv, NULL, 1, 1, 0, 0, -1.));
    assert_null (flux_jobspec1_from_command (1, NULL, NULL, 1, 1, 0, 0, 0.));
}

static void attributes_are_set_read_and_deleted (void **state)
{
    flux_jobspec1_t *js = make (1, 1, 0, 0);
    int n = 0;

    assert_int_equal (flux_jobspec1_attr_unpack (js, "a.b.c", "i", &n), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (flux_jobspec1_attr_pack (js, "a.b.c", "i", 7), 0);
    assert_int_equal (
        flux_jobspec1_attr_unpack (js, "attributes.system.a.b.c", "i", &n), 0);
    assert_int_equal (n, 7);
    assert_int_equal (flux_jobspec1_attr_unpack (js, "a.b.c", "s", NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_jobspec1_attr_pack (js, "user.x", "[ii]", 1, 2), 0);
    assert_int_equal (
        flux_jobspec1_attr_unpack (js, "attributes.user.x", "[ii]", &n, &n), 0);
    assert_int_equal (n, 2);
    assert_int_equal (flux_jobspec1_attr_del (js, "a.b.c"), 0);
    assert_int_equal (flux_jobspec1_attr_del (js, "a.b.c"), 0);
    assert_int_equal (flux_jobspec1_attr_del (js, "never.was"), 0);
    assert_int_equal (flux_jobspec1_attr_unpack (js, "a.b.c", "i", &n), -1);
    /* what is no object has nothing below it */
    assert_int_equal (flux_jobspec1_attr_pack (js, "duration.x", "i", 1), -1);
    assert_int_equal (flux_jobspec1_attr_pack (js, "a.", "i", 1), -1);
    assert_int_equal (flux_jobspec1_attr_pack (js, "a..b", "i", 1), -1);
    assert_int_equal (flux_jobspec1_attr_pack (js, "", "i", 1), -1);
    flux_jobspec1_destroy (js);
}

static void environment_and_files (void **state)
{
    flux_jobspec1_t *js = make (1, 1, 0, 0);
    char *s;

    assert_int_equal (flux_jobspec1_setenv (js, "PATH", "/x", 0), 0);
    assert_int_equal (flux_jobspec1_setenv (js, "A", "1", 1), 0);
    assert_int_equal (flux_jobspec1_setenv (js, "dotted.name", "2", 1), 0);
    assert_int_equal (flux_jobspec1_setenv (js, "x=y", "2", 1), -1);
    assert_int_equal (flux_jobspec1_setenv (js, NULL, "2", 1), -1);
    s = flux_jobspec1_encode (js, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null (strstr (
        s, "\"environment\":{\"A\":\"1\",\"PATH\":\"/bin\",\"dotted.name\":\"2\"}"));
    free (s);
    assert_int_equal (flux_jobspec1_unsetenv (js, "A"), 0);
    assert_int_equal (flux_jobspec1_unsetenv (js, "dotted.name"), 0);
    assert_int_equal (flux_jobspec1_unsetenv (js, "B"), 0);
    assert_int_equal (flux_jobspec1_set_cwd (js, "/tmp"), 0);
    assert_int_equal (flux_jobspec1_set_stdin (js, "in"), 0);
    assert_int_equal (flux_jobspec1_set_stdout (js, "out"), 0);
    assert_int_equal (flux_jobspec1_set_stderr (js, "err"), 0);
    s = flux_jobspec1_encode (js, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null (strstr (s, "\"environment\":{\"PATH\":\"/bin\"}"));
    assert_non_null (strstr (s, "\"cwd\":\"/tmp\""));
    assert_non_null (strstr (s, "\"stdin\":{\"path\":\"in\",\"type\":\"file\"}"));
    assert_non_null (strstr (s, "\"stdout\":{\"path\":\"out\",\"type\":\"file\"}"));
    free (s);
    assert_int_equal (flux_jobspec1_check (js, NULL), 0);
    flux_jobspec1_destroy (js);
}

static void a_jobspec_without_environment_gets_one (void **state)
{
    flux_jobspec1_t *js = flux_jobspec1_decode ("{}", NULL);
    char *s;

    assert_int_equal (flux_jobspec1_unsetenv (js, "A"), 0);
    assert_int_equal (flux_jobspec1_setenv (js, "A", "b", 0), 0);
    s = flux_jobspec1_encode (js, JSON_COMPACT);
    assert_string_equal (
        s, "{\"attributes\":{\"system\":{\"environment\":{\"A\":\"b\"}}}}");
    free (s);
    flux_jobspec1_destroy (js);
}

static void checks_say_what_and_where (void **state)
{
    static const struct {
        const char *text, *word;
    } bad[] = {
        { "{}", "attributes must exist" },
        { "{\"attributes\":1}", "attributes must be an object" },
        { "{\"attributes\":{\"user\":1}}", "attributes.user" },
        { "{\"attributes\":{}}", "attributes.system must exist" },
        { "{\"attributes\":{\"system\":{}}}", "duration must exist" },
        { "{\"attributes\":{\"system\":{\"duration\":-1}}}",
          "duration must be a number" },
        { "{\"attributes\":{\"system\":{\"duration\":1,\"environment\":[]}}}",
          "environment" },
        { "{\"attributes\":{\"system\":{\"duration\":1,\"dependencies\":{}}}}",
          "dependencies" },
    };
    flux_jobspec1_error_t error;

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        flux_jobspec1_t *js = flux_jobspec1_decode (bad[i].text, &error);

        assert_non_null (js);
        assert_int_equal (flux_jobspec1_attr_check (js, &error), -1);
        assert_int_equal (errno, EINVAL);
        assert_non_null (strstr (error.text, bad[i].word));
        assert_int_equal (flux_jobspec1_check (js, &error), -1);
        flux_jobspec1_destroy (js);
    }
    assert_null (flux_jobspec1_decode ("[", &error));
    assert_non_null (strstr (error.text, "line 1"));
    assert_null (flux_jobspec1_decode ("[]", &error));
    assert_null (flux_jobspec1_decode (NULL, &error));
    assert_int_equal (flux_jobspec1_check (NULL, &error), -1);
    assert_null (flux_jobspec1_encode (NULL, 0));
    flux_jobspec1_destroy (NULL);
}

/* With less memory than it takes; what is made is whole all the same. */
static int make_and_change (void)
{
    static const char whole[] =
        "{\"attributes\":{\"system\":{\"duration\":5.0,\"environment\":{\"A\":\"b=c\","
        "\"NEW\":\"x\",\"PATH\":\"/"
        "bin\"},\"shell\":{\"options\":{\"input\":{\"stdin\":{"
        "\"path\":\"in\",\"type\":\"file\"}}}}}},\"resources\":[{\"count\":1,\"label\":"
        "\"task\",\"type\":\"slot\",\"with\":[{\"count\":1,\"type\":\"core\"},{"
        "\"count\":"
        "1,\"type\":\"gpu\"}]}],\"tasks\":[{\"command\":[\"hostname\",\"-f\"],"
        "\"count\":{"
        "\"per_slot\":1},\"slot\":\"task\"}],\"version\":1}";
    flux_jobspec1_t *js = make (1, 1, 1, 0);
    double duration;
    char *s = NULL;
    int rc = -1, saved_errno;

    if (js && flux_jobspec1_setenv (js, "NEW", "x", 1) == 0
        && flux_jobspec1_set_stdin (js, "in") == 0
        && flux_jobspec1_attr_unpack (js, "duration", "F", &duration) == 0
        && (s = flux_jobspec1_encode (js, JSON_COMPACT | JSON_SORT_KEYS))) {
        assert_string_equal (s, whole);
        rc = 0;
    }
    saved_errno = errno;
    free (s);
    flux_jobspec1_destroy (js);
    errno = saved_errno;
    return rc;
}

static int decode_and_check (void)
{
    static const char text[] =
        "{\"version\":1,\"resources\":[{\"type\":\"slot\",\"label\":\"task\",\"count\":"
        "1,"
        "\"with\":[{\"type\":\"core\",\"count\":1}]}],\"tasks\":[{\"command\":[\"a\"],"
        "\"slot\":\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":{\"system\":{"
        "\"duration\":0}}}";
    flux_jobspec1_error_t error;
    flux_jobspec1_t *js = flux_jobspec1_decode (text, &error);
    int rc = js ? flux_jobspec1_check (js, &error) : -1, saved_errno = errno;

    if (!js && errno == ENOMEM)
        assert_string_equal (error.text, "out of memory");
    flux_jobspec1_destroy (js);
    errno = saved_errno;
    return rc;
}

static void no_memory_is_said (void **state)
{
    assert_in_range (json_sweep (make_and_change), 20, 500);
    assert_in_range (json_sweep (decode_and_check), 10, 300);
}

/* What is no text is the caller's fault. */
static void no_text_is_refused (void **state)
{
    char *args[] = { (char *)"a", (char *)"\xff" };
    char *vars[] = { (char *)"A=\xff", (char *)"B=b", NULL };
    flux_jobspec1_t *js;

    errno = 0;
    assert_null (flux_jobspec1_from_command (2, args, env, 1, 1, 0, 0, 0.));
    assert_int_equal (errno, EINVAL);
    js = flux_jobspec1_from_command (1, args, vars, 1, 1, 0, 0, 0.);
    assert_non_null (js); /* a task has to live without it */
    assert_int_equal (
        flux_jobspec1_attr_unpack (js, "environment", "{s:s !}", "B", &args[0]), 0);
    errno = 0;
    assert_int_equal (flux_jobspec1_setenv (js, "A", "\xff", 1), -1);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (flux_jobspec1_setenv (js, "\xff", "a", 1), -1);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (flux_jobspec1_attr_pack (js, "a.\xff.b", "i", 1), -1);
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (flux_jobspec1_attr_pack (js, "a", "s", "\xff"), -1);
    assert_int_equal (errno, EINVAL);
    flux_jobspec1_destroy (js);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_command_makes_a_valid_jobspec),
        cmocka_unit_test (tasks_that_do_not_divide_are_counted),
        cmocka_unit_test (impossible_commands_are_refused),
        cmocka_unit_test (attributes_are_set_read_and_deleted),
        cmocka_unit_test (environment_and_files),
        cmocka_unit_test (a_jobspec_without_environment_gets_one),
        cmocka_unit_test (checks_say_what_and_where),
        cmocka_unit_test (no_memory_is_said),
        cmocka_unit_test (no_text_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
