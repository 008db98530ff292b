/* flux-shell-plugged: the shell of a job that has plugins. flux-shell becomes it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "shell/plug.h"
#include "shell/plug/plugs.h"

static int load (struct shell *sh, flux_error_t *error)
{
    plugs.sh = sh;
    plugs.log_max = FLUX_SHELL_TRACE;
    if (!(plugs.asked = json_object ()) || !(plugs.context = json_object ())
        || !(plugs.refs = json_object ()))
        return -1;
    if (guard_init () < 0)
        return error_invalid (error, "plugin-timeout: expected a duration, or none");
    return plugs_load_rc (sh, error);
}

static bool busy (struct shell *sh)
{
    return json_object_size (plugs.refs) > 0;
}

static bool replaces (struct shell *sh, const char *part)
{
    return plugs_have (part);
}

static int call (struct shell *sh, const char *topic, struct task *task)
{
    if (!plugs.sh) /* it failed before there was one */
        return 0;
    if (task && task->exited)
        plugs_task_exited (task);
    return plugs_topic (sh, topic, task);
}

static void lost (struct shell *sh, int shell_rank, int severity)
{
    flux_plugin_arg_t *args = plugs.sh ? flux_plugin_arg_create () : NULL;

    if (args
        && flux_plugin_arg_pack (args, FLUX_PLUGIN_ARG_IN, "{s:i s:i}", "shell_rank",
                                 shell_rank, "severity", severity)
               == 0)
        plugs_topic_with (sh, "shell.lost", args, NULL);
    flux_plugin_arg_destroy (args);
}

static bool log_line (struct shell *sh, int level, const char *text)
{
    return plugs.sh ? plugs_log (sh, level, text) : false;
}

static void fini (struct shell *sh)
{
    if (plugs.sh)
        plugs_fini (sh);
}

static const struct plug_ops ops = {
    .load = load,
    .claims = plugs_claim,
    .replaces = replaces,
    .call = call,
    .lost = lost,
    .reconnect = plugs_reconnect,
    .builtin = plugs_builtin,
    .taskmap = plugs_taskmap,
    .task_init = plugs_task_init,
    .task_exec = plugs_task_exec,
    .task_fork = plugs_task_fork,
    .context = plugs_context,
    .wait = plugs_wait,
    .busy = busy,
    .log = log_line,
    .render = plugs_render,
    .output = plugs_task_output,
    .fini = fini,
};

int main (int argc, char *argv[])
{
    if (fd_fill_standard () < 0)
        return 1;
    list_init (&plugs.stack);
    list_init (&plugs.services);
    shell_plug = &ops;
    return shell_plugged_main (argc, argv);
}
