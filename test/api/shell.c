/* How the functions of shell plugins fail. The shell is one of two of a job, before its
 * task is started. */
#include "api.h"

#include "shell/job/layout.h"
#include "shell/plug/plugs.h"
#include "value/resource/rset.h"

#define R_TEXT                                                                         \
    "{\"version\":1,\"execution\":{\"R_lite\":["                                       \
    "{\"rank\":\"3\",\"children\":{\"core\":\"0-1\"}},"                                \
    "{\"rank\":\"5\",\"children\":{\"core\":\"4-7\"}}],"                               \
    "\"nodelist\":[\"a3,a5\"],\"starttime\":0,\"expiration\":0}}"

static struct layout_node nodes[2] = { { 2, 0, 1 }, { 4, 1, 1 } };
static struct task only = { .rank = 1, .rank_str = "1" };
static struct shell sh = { .id = 7,
                           .f58_plain = "f8",
                           .rank = 1,
                           .size = 2,
                           .nodes = nodes,
                           .node_count = 2,
                           .ntasks = 2,
                           .jobid_path = "/" };
static flux_shell_t *const shell = (flux_shell_t *)&sh;
static flux_shell_task_t *const task = (flux_shell_task_t *)&only;

static int set_up (void **state)
{
    list_init (&plugs.stack);
    list_init (&plugs.services);
    plugs.sh = &sh;
    plugs.asked = json_object ();
    plugs.refs = json_object ();
    plugs.context = json_object ();
    sh.jobspec_json = json_object ();
    sh.start = json_pack ("{s:{}}", "R");
    sh.R = rset_decode (R_TEXT, NULL);
    sh.taskmap = taskmap_decode ("[[0,2,1,1]]", NULL);
    only.sh = &sh;
    sh.tasks = &only;
    sh.task_count = 1;
    return sh.R && sh.taskmap && sh.start ? 0 : -1;
}

static int tear_down (void **state)
{
    plugs_fini (&sh);
    shell_env_fini (&sh);
    rset_destroy (sh.R);
    taskmap_destroy (sh.taskmap);
    json_decref (sh.start);
    json_decref (sh.jobspec_json);
    return 0;
}

static void answer (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
}

static void hear (flux_shell_task_t *t, const char *stream, void *arg)
{
}

static void values (void **state)
{
    char *s;
    int i;

    FAILS (flux_shell_aux_set, EINVAL,
           flux_shell_aux_set (NULL, "a", (char *)"b", NULL));
    FAILS (flux_shell_aux_set, EINVAL, flux_shell_aux_set (shell, NULL, NULL, NULL));
    FAILS (flux_shell_aux_set, EINVAL, flux_shell_aux_set (shell, "a", NULL, free));
    MEMORY (flux_shell_aux_set, flux_shell_aux_set (shell, "a", (char *)"b", NULL), );
    NULLS (flux_shell_aux_get, EINVAL, flux_shell_aux_get (NULL, "a"));
    NULLS (flux_shell_aux_get, ENOENT, flux_shell_aux_get (shell, "nosuch"));

    NULLS (flux_shell_getenv, EINVAL, flux_shell_getenv (NULL, "A"));
    NULLS (flux_shell_getenv, EINVAL, flux_shell_getenv (shell, NULL));
    FAILS (flux_shell_get_environ, EINVAL, flux_shell_get_environ (NULL, &s));
    FAILS (flux_shell_get_environ, EINVAL, flux_shell_get_environ (shell, NULL));
    FAILS (flux_shell_setenvf, EINVAL, flux_shell_setenvf (NULL, 1, "A", "b"));
    FAILS (flux_shell_setenvf, EINVAL, flux_shell_setenvf (shell, 1, NULL, "b"));
    FAILS (flux_shell_setenvf, EINVAL, flux_shell_setenvf (shell, 1, "A", NULL));
    FAILS (flux_shell_unsetenv, EINVAL, flux_shell_unsetenv (NULL, "A"));
    FAILS (flux_shell_unsetenv, EINVAL, flux_shell_unsetenv (shell, NULL));
    assert_int_equal (flux_shell_setenvf (shell, 0, "A", "b"), 0);
    FAILS (flux_shell_setenvf, EEXIST, flux_shell_setenvf (shell, 0, "A", "c"));

    FAILS (flux_shell_getopt, EINVAL, flux_shell_getopt (NULL, "a", &s));
    FAILS (flux_shell_getopt, EINVAL, flux_shell_getopt (shell, NULL, &s));
    FAILS (flux_shell_getopt_unpack, EINVAL,
           flux_shell_getopt_unpack (NULL, "a", "i", &i));
    FAILS (flux_shell_getopt_unpack, EINVAL,
           flux_shell_getopt_unpack (shell, NULL, "i", &i));
    FAILS (flux_shell_setopt, EINVAL, flux_shell_setopt (NULL, "a", "1"));
    FAILS (flux_shell_setopt, EINVAL, flux_shell_setopt (shell, NULL, "1"));
    FAILS (flux_shell_setopt, EINVAL, flux_shell_setopt (shell, "a", "{"));
    FAILS (flux_shell_setopt_pack, EINVAL, flux_shell_setopt_pack (NULL, "a", "i", 1));
    FAILS (flux_shell_setopt_pack, EINVAL,
           flux_shell_setopt_pack (shell, NULL, "i", 1));
    MEMORY (flux_shell_setopt, flux_shell_setopt (shell, "b.c", "{\"d\":\"e\"}"), );
    MEMORY (flux_shell_setopt_pack, flux_shell_setopt_pack (shell, "f.g", "i", 1), );
    MEMORY (flux_shell_getopt, flux_shell_getopt (shell, "b", &s), free (s));
    MEMORY (flux_shell_getopt_unpack,
            flux_shell_getopt_unpack (shell, "unheard", "i", &i), );
}

static void the_job (void **state)
{
    const char *xml;
    char *s;
    int i;

    NULLS (flux_plugin_get_shell, EINVAL, flux_plugin_get_shell (NULL));
    FAILS (flux_shell_get_info, EINVAL, flux_shell_get_info (NULL, &s));
    FAILS (flux_shell_get_info, EINVAL, flux_shell_get_info (shell, NULL));
    FAILS (flux_shell_info_unpack, EINVAL,
           flux_shell_info_unpack (NULL, "{s:i}", "rank", &i));
    FAILS (flux_shell_info_unpack, EINVAL, flux_shell_info_unpack (shell, NULL));
    FAILS (flux_shell_get_rank_info, EINVAL, flux_shell_get_rank_info (NULL, 0, &s));
    FAILS (flux_shell_get_rank_info, EINVAL, flux_shell_get_rank_info (shell, 0, NULL));
    FAILS (flux_shell_get_rank_info, EINVAL, flux_shell_get_rank_info (shell, -2, &s));
    FAILS (flux_shell_rank_info_unpack, EINVAL,
           flux_shell_rank_info_unpack (NULL, 0, "{s:i}", "id", &i));
    FAILS (flux_shell_rank_info_unpack, EINVAL,
           flux_shell_rank_info_unpack (shell, 0, NULL));
    FAILS (flux_shell_rank_info_unpack, EINVAL,
           flux_shell_rank_info_unpack (shell, -2, "{s:i}", "id", &i));
    FAILS (flux_shell_get_jobspec_info, EINVAL, flux_shell_get_jobspec_info (NULL, &s));
    FAILS (flux_shell_get_jobspec_info, EINVAL,
           flux_shell_get_jobspec_info (shell, NULL));
    FAILS (flux_shell_jobspec_info_unpack, EINVAL,
           flux_shell_jobspec_info_unpack (NULL, "{s:i}", "ntasks", &i));
    FAILS (flux_shell_jobspec_info_unpack, EINVAL,
           flux_shell_jobspec_info_unpack (shell, NULL));
    FAILS (flux_shell_get_hwloc_xml, EINVAL, flux_shell_get_hwloc_xml (NULL, &xml));
    FAILS (flux_shell_get_hwloc_xml, EINVAL, flux_shell_get_hwloc_xml (shell, NULL));
    NULLS (flux_shell_get_taskmap, EINVAL, flux_shell_get_taskmap (NULL));
    NULLS (flux_shell_get_hostlist, EINVAL, flux_shell_get_hostlist (NULL));
    /* before they are there */
    struct shell early = { .id = 7 };
    NULLS (flux_shell_get_taskmap, EINVAL,
           flux_shell_get_taskmap ((flux_shell_t *)&early));
    NULLS (flux_shell_get_hostlist, EINVAL,
           flux_shell_get_hostlist ((flux_shell_t *)&early));

    FAILS (flux_shell_add_event_context, EINVAL,
           flux_shell_add_event_context (NULL, "shell.init", 0, "{s:i}", "a", 1));
    FAILS (flux_shell_add_event_context, EINVAL,
           flux_shell_add_event_context (shell, NULL, 0, "{s:i}", "a", 1));
    FAILS (flux_shell_add_event_context, EINVAL,
           flux_shell_add_event_context (shell, "shell.init", 0, NULL));
    FAILS (flux_shell_add_completion_ref, EINVAL,
           flux_shell_add_completion_ref (NULL, "a"));
    FAILS (flux_shell_add_completion_ref, EINVAL,
           flux_shell_add_completion_ref (shell, NULL));
    FAILS (flux_shell_remove_completion_ref, EINVAL,
           flux_shell_remove_completion_ref (NULL, "a"));
    FAILS (flux_shell_remove_completion_ref, EINVAL,
           flux_shell_remove_completion_ref (shell, NULL));
    FAILS (flux_shell_remove_completion_ref, ENOENT,
           flux_shell_remove_completion_ref (shell, "a"));
}

static void templates (void **state)
{
    NULLS (flux_shell_mustache_render, EINVAL, flux_shell_mustache_render (NULL, "a"));
    NULLS (flux_shell_mustache_render, EINVAL,
           flux_shell_mustache_render (shell, NULL));
    NULLS (flux_shell_rank_mustache_render, EINVAL,
           flux_shell_rank_mustache_render (NULL, 0, "a"));
    NULLS (flux_shell_rank_mustache_render, EINVAL,
           flux_shell_rank_mustache_render (shell, 0, NULL));
    NULLS (flux_shell_task_mustache_render, EINVAL,
           flux_shell_task_mustache_render (NULL, task, "a"));
    NULLS (flux_shell_task_mustache_render, EINVAL,
           flux_shell_task_mustache_render (shell, NULL, "a"));
    NULLS (flux_shell_task_mustache_render, EINVAL,
           flux_shell_task_mustache_render (shell, task, NULL));
    NO_MEMORY (flux_shell_mustache_render,
               flux_shell_mustache_render (shell, "{{id}}.{{unheard}}"), free (made));
    NO_MEMORY (flux_shell_rank_mustache_render,
               flux_shell_rank_mustache_render (shell, 0, "{{node.id}}"), free (made));
    NO_MEMORY (flux_shell_task_mustache_render,
               flux_shell_task_mustache_render (shell, task, "{{taskid}}"),
               free (made));
}

static void others (void **state)
{
    FAILS (flux_shell_plugstack_call, EINVAL,
           flux_shell_plugstack_call (NULL, "a", NULL));
    FAILS (flux_shell_plugstack_call, EINVAL,
           flux_shell_plugstack_call (shell, NULL, NULL));
    FAILS (flux_shell_log_setlevel, EINVAL, flux_shell_log_setlevel (8, NULL));
    FAILS (flux_shell_log_setlevel, EINVAL, flux_shell_log_setlevel (5, "nowhere"));

    /* no broker is asked for that */
    NULLS (flux_shell_get_flux, EINVAL, flux_shell_get_flux (NULL));
    FAILS (flux_shell_service_register, EINVAL,
           flux_shell_service_register (NULL, "a", answer, NULL));
    FAILS (flux_shell_service_register, EINVAL,
           flux_shell_service_register (shell, NULL, answer, NULL));
    FAILS (flux_shell_service_register, EINVAL,
           flux_shell_service_register (shell, "a", NULL, NULL));
    FAILS (flux_shell_add_event_handler, EINVAL,
           flux_shell_add_event_handler (NULL, "a", answer, NULL));
    FAILS (flux_shell_add_event_handler, EINVAL,
           flux_shell_add_event_handler (shell, NULL, answer, NULL));
    FAILS (flux_shell_add_event_handler, EINVAL,
           flux_shell_add_event_handler (shell, "a", NULL, NULL));
    NULLS (flux_shell_rpc_pack, EINVAL, flux_shell_rpc_pack (NULL, "a", 0, 0, "{}"));
    NULLS (flux_shell_rpc_pack, EINVAL, flux_shell_rpc_pack (shell, NULL, 0, 0, "{}"));
    NULLS (flux_shell_rpc_pack, EINVAL, flux_shell_rpc_pack (shell, "a", 0, 0, NULL));
    NULLS (flux_shell_rpc_pack, EINVAL, flux_shell_rpc_pack (shell, "a", -1, 0, "{}"));
}

static void tasks (void **state)
{
    struct shell early = { .id = 7 };
    char *s;
    int i;

    NULLS (flux_shell_current_task, EINVAL, flux_shell_current_task (NULL));
    NULLS (flux_shell_task_first, EINVAL, flux_shell_task_first (NULL));
    NULLS (flux_shell_task_next, EINVAL, flux_shell_task_next (NULL));
    NULLS (flux_shell_task_first, EAGAIN,
           flux_shell_task_first ((flux_shell_t *)&early));
    assert_ptr_equal (flux_shell_task_first (shell), task);
    NULLS (flux_shell_task_next, EAGAIN, flux_shell_task_next (shell));
    FAILS (flux_shell_task_get_info, EINVAL, flux_shell_task_get_info (NULL, &s));
    FAILS (flux_shell_task_get_info, EINVAL, flux_shell_task_get_info (task, NULL));
    FAILS (flux_shell_task_info_unpack, EINVAL,
           flux_shell_task_info_unpack (NULL, "{s:i}", "rank", &i));
    FAILS (flux_shell_task_info_unpack, EINVAL,
           flux_shell_task_info_unpack (task, NULL));
    NULLS (flux_shell_task_cmd, EINVAL, flux_shell_task_cmd (NULL));
    NULLS (flux_shell_task_subprocess, EINVAL, flux_shell_task_subprocess (NULL));
    NULLS (flux_shell_task_subprocess, EINVAL, flux_shell_task_subprocess (task));
    FAILS (flux_shell_task_channel_subscribe, EINVAL,
           flux_shell_task_channel_subscribe (NULL, "stdout", hear, NULL));
    assert_int_equal (flux_shell_task_channel_subscribe (task, "stdout", hear, NULL),
                      0);
    FAILS (flux_shell_task_channel_subscribe, EEXIST,
           flux_shell_task_channel_subscribe (task, "stdout", hear, NULL));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        ROWS (values), ROWS (the_job), ROWS (templates), ROWS (others), ROWS (tasks),
    };
    return cmocka_run_group_tests (tests, set_up, tear_down);
}
