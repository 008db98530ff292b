/* What plugins learn about a job of two nodes, and what they may say about it. */
#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shell/job/layout.h"
#include "shell/plug/plugs.h"
#include "value/resource/rset.h"

struct plugs plugs;
static struct shell sh;
static struct layout_node nodes[2] = { { 2, 0, 1 }, { 4, 1, 3 } };
static const char *map; /* what a plugin makes of the map; NULL: nobody listens */

/* --- what the shell and its plugins would do --- */

int plugs_einval (void)
{
    errno = EINVAL;
    return -1;
}

bool plugs_listen (const char *topic)
{
    return map && !strcmp (topic, "taskmap.mine");
}

int plugs_call (const char *topic, flux_plugin_arg_t *args, bool stop_at_failure,
                const char **failed)
{
    *failed = "x";
    if (!strcmp (map, "fail"))
        return -1;
    return *map ? flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_OUT, "{s:s}", "taskmap",
                                        map)
                : 0;
}

char *shell_render (struct shell *s, struct task *task, const char *template)
{
    return strdup (template);
}

char *shell_render_rank (struct shell *s, int rank, const char *template)
{
    return strdup (template);
}

bool shell_template_per_task (const char *template)
{
    return false;
}

bool shell_template_per_node (const char *template)
{
    return false;
}

static int set_up (void **state)
{
    memset (&plugs, 0, sizeof (plugs));
    plugs.sh = &sh;
    plugs.context = json_object ();
    sh = (struct shell){
        .id = 7, .rank = 1, .size = 2, .nodes = nodes, .node_count = 2, .ntasks = 4
    };
    sh.R =
        rset_decode ("{\"version\":1,\"execution\":{\"R_lite\":["
                     "{\"rank\":\"3\",\"children\":{\"core\":\"0-1\"}},"
                     "{\"rank\":\"5\",\"children\":{\"core\":\"4-7\",\"gpu\":\"1\"}}],"
                     "\"nodelist\":[\"a3,a5\"],\"starttime\":0,\"expiration\":0}}",
                     NULL);
    map = NULL;
    return sh.R ? 0 : -1;
}

static int tear_down (void **state)
{
    aux_destroy (&plugs.aux);
    json_decref (plugs.context);
    hostlist_destroy (plugs.hosts);
    taskmap_destroy (sh.taskmap);
    rset_destroy (sh.R);
    return 0;
}

/* --- */

static void a_rank_is_one_of_the_job (void **state)
{
    flux_shell_t *shell = (flux_shell_t *)&sh;
    const char *name, *cores, *gpus;
    int id, broker, ntasks;
    char *s;

    assert_int_equal (flux_shell_rank_info_unpack (
                          shell, -1, "{s:i s:s s:i s:i s:{s:s s:s}}", "id", &id, "name",
                          &name, "broker_rank", &broker, "ntasks", &ntasks, "resources",
                          "cores", &cores, "gpus", &gpus),
                      0);
    assert_int_equal (id, 1);
    assert_string_equal (name, "a5");
    assert_int_equal (broker, 5);
    assert_int_equal (ntasks, 3); /* there is no map yet */
    assert_string_equal (cores, "4-7");
    assert_string_equal (gpus, "1");
    assert_int_equal (
        flux_shell_rank_info_unpack (shell, 0, "{s:i}", "broker_rank", &broker), 0);
    assert_int_equal (broker, 3);
    assert_string_equal (name, "a5"); /* what was unpacked stays */
    assert_int_equal (flux_shell_get_rank_info (shell, 2, &s), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_shell_get_rank_info (shell, -2, &s), -1);
    assert_int_equal (flux_shell_get_rank_info (NULL, 0, &s), -1);
}

static void the_map_counts_when_it_is_there (void **state)
{
    int ntasks;
    const char *ids;

    sh.taskmap = taskmap_decode ("[[0,1,3,1],[1,1,1,1]]", NULL);
    assert_non_null (sh.taskmap);
    assert_int_equal (flux_shell_rank_info_unpack ((flux_shell_t *)&sh, 1, "{s:i s:s}",
                                                   "ntasks", &ntasks, "taskids", &ids),
                      0);
    assert_int_equal (ntasks, 1);
    assert_string_equal (ids, "3");
}

/* What plugins add to an event, but for what the shell says itself. */
static void context_is_added (void **state)
{
    flux_shell_t *shell = (flux_shell_t *)&sh;
    struct buf b = BUF_INIT;

    assert_int_equal (flux_shell_add_event_context (shell, "shell.init", 0, "{s:i s:i}",
                                                    "a", 1, "size", 9),
                      0);
    assert_int_equal (
        flux_shell_add_event_context (shell, "shell.init", 0, "{s:s}", "b", "\""), 0);
    assert_int_equal (flux_shell_add_event_context (shell, "shell.init", 0, "[i]", 1),
                      -1);
    assert_int_equal (errno, EINVAL);
    plugs_context (&sh, "shell.start", &b);
    assert_int_equal (b.len, 0);
    plugs_context (&sh, "shell.init", &b);
    assert_string_equal (b.data, ",\"a\":1,\"b\":\"\\\"\"");
    buf_fini (&b);
}

static void check_map (const char *result, const char *expect, const char *text)
{
    struct taskmap *block = taskmap_decode ("[[0,1,1,1],[1,1,3,1]]", NULL);
    flux_error_t error = { "" };
    struct taskmap *got;

    map = result;
    got = plugs_taskmap (&sh, "mine", NULL, block, &error);
    assert_string_equal (error.text, text);
    if (expect) {
        char *s = taskmap_encode (got, 0);
        assert_string_equal (s, expect);
        free (s);
    } else {
        assert_null (got);
        assert_int_equal (errno, result ? EINVAL : ENOENT);
    }
    taskmap_destroy (got);
    taskmap_destroy (block);
}

/* A plugin may place the job's tasks on the job's nodes, no others. */
static void a_plugin_may_map_all_tasks (void **state)
{
    check_map (NULL, NULL, "");
    check_map ("[[0,2,2,1]]", "[[0,2,2,1]]", "");
    check_map ("[[0,2,3,1]]", NULL,
               "taskmap: mine: a map of 6 tasks on 2 nodes, for 4 on 2");
    check_map ("[[0,4,1,1]]", NULL,
               "taskmap: mine: a map of 4 tasks on 4 nodes, for 4 on 2");
    check_map ("", NULL, "taskmap: mine: the plugin returns no taskmap");
    check_map ("fail", NULL, "plugin 'x': taskmap.mine failed");
}

#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (a_rank_is_one_of_the_job),
        TEST (the_map_counts_when_it_is_there),
        TEST (context_is_added),
        TEST (a_plugin_may_map_all_tasks),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
