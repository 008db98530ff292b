/* Which jobs need no process of their own. */
#include "base/test.h"

#include "shell/job/layout.h"
#include "shell/job/simple.h"
#include "shell/shell.h"

#define UID 1000

static struct layout_node nodes[2];

static struct shell job (int tasks)
{
    nodes[0].tasks = nodes[1].tasks = tasks;
    return (struct shell){ .userid = UID, .nodes = nodes, .node_count = 2, .rank = 1 };
}

static bool with_options (const char *text)
{
    struct shell sh = job (1);
    json_error_t error;
    bool simple;

    sh.jobspec.shell_options = json_loads (text, 0, &error);
    assert_non_null (sh.jobspec.shell_options);
    simple = shell_is_simple (&sh, 1000, UID);
    json_decref (sh.jobspec.shell_options);
    return simple;
}

static bool with_attributes (const char *text)
{
    struct shell sh = job (1);
    json_error_t error;
    bool simple;

    sh.jobspec_json = json_loads (text, 0, &error);
    assert_non_null (sh.jobspec_json);
    simple = shell_is_simple (&sh, 1000, UID);
    json_decref (sh.jobspec_json);
    return simple;
}

static void a_job_that_asks_for_nothing_is (void **state)
{
    struct shell sh = job (1);

    assert_true (shell_is_simple (&sh, 1000, UID));
    assert_true (with_options ("{}"));
    assert_true (with_attributes ("{\"attributes\":{\"system\":{\"duration\":60}}}"));
}

static void tasks_have_a_bound (void **state)
{
    struct shell sh = job (SIMPLE_TASKS_MAX);

    assert_true (shell_is_simple (&sh, 1000, UID));
    sh = job (SIMPLE_TASKS_MAX + 1);
    assert_false (shell_is_simple (&sh, 1000, UID));
    nodes[1].tasks = 1; /* those of this shell count */
    assert_true (shell_is_simple (&sh, 1000, UID));
    nodes[1].tasks = 0;
    assert_false (shell_is_simple (&sh, 1000, UID));
}

static void a_rank_beyond_R_is_left_to_who_says_so (void **state)
{
    struct shell sh = job (1);

    sh.rank = 2;
    assert_false (shell_is_simple (&sh, 1000, UID));
    sh.rank = -1;
    assert_false (shell_is_simple (&sh, 1000, UID));
}

static void what_is_read_has_a_bound (void **state)
{
    struct shell sh = job (1);

    assert_true (shell_is_simple (&sh, SIMPLE_RECORD_MAX, UID));
    assert_false (shell_is_simple (&sh, SIMPLE_RECORD_MAX + 1, UID));
}

static void another_user_is_not_served (void **state)
{
    struct shell sh = job (1);

    assert_false (shell_is_simple (&sh, 1000, UID + 1));
}

static void plugins_of_the_site_want_a_process (void **state)
{
    struct shell sh = job (1);

    sh.site_plugins = true;
    assert_false (shell_is_simple (&sh, 1000, UID));
}

static void options_that_are_read_here_are_simple (void **state)
{
    assert_true (
        with_options ("{\"rlimit\":{\"nofile\":10},\"exit-timeout\":\"none\"}"));
    assert_true (with_options ("{\"cpu-affinity\":\"per-task\",\"pmi\":\"off\"}"));
    assert_true (with_options ("{\"signal\":{\"signum\":10},\"verbose\":2}"));
    assert_true (with_options ("{\"taskmap\":{\"scheme\":\"cyclic\"}}"));
}

static void options_of_the_process_are_not (void **state)
{
    static const char *const options[] = {
        "{\"pty\":true}",     "{\"nosetpgrp\":1}",          "{\"sysmon\":1}",
        "{\"oom\":{}}",       "{\"stop-tasks-in-exec\":1}", "{\"initrc\":\"x\"}",
        "{\"userrc\":\"x\"}", "{\"stage-in\":1}",           "{\"hwloc\":{}}",
        "{\"unknown\":1}",
    };

    for (size_t i = 0; i < sizeof (options) / sizeof (options[0]); i++)
        assert_false (with_options (options[i]));
}

static void files_may_block (void **state)
{
    assert_true (with_options ("{\"output\":{\"stdout\":{\"label\":true}}}"));
    assert_true (with_options ("{\"output\":{\"stdout\":{\"type\":\"kvs\"}}}"));
    assert_true (with_options ("{\"input\":{\"stdin\":{\"type\":\"service\"}}}"));
    assert_false (with_options ("{\"output\":{\"stdout\":{\"type\":\"file\"}}}"));
    assert_false (with_options ("{\"output\":{\"stderr\":{\"type\":\"file\"}}}"));
    assert_false (with_options ("{\"input\":{\"stdin\":{\"type\":\"file\"}}}"));
    assert_false (with_attributes ("{\"attributes\":{\"system\":{\"files\":{}}}}"));
}

static void what_makes_no_sense_does_no_harm (void **state)
{
    assert_true (with_options ("{\"output\":7,\"input\":[]}")); /* refused later */
    assert_true (with_options ("{\"output\":{\"stdout\":{\"type\":7}}}"));
    assert_true (with_attributes ("{\"attributes\":[]}"));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_job_that_asks_for_nothing_is),
        cmocka_unit_test (tasks_have_a_bound),
        cmocka_unit_test (a_rank_beyond_R_is_left_to_who_says_so),
        cmocka_unit_test (what_is_read_has_a_bound),
        cmocka_unit_test (another_user_is_not_served),
        cmocka_unit_test (plugins_of_the_site_want_a_process),
        cmocka_unit_test (options_that_are_read_here_are_simple),
        cmocka_unit_test (options_of_the_process_are_not),
        cmocka_unit_test (files_may_block),
        cmocka_unit_test (what_makes_no_sense_does_no_harm),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
