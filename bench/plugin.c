/* A site's plugin of the shell that does what most do: reads an option, and sets a variable
 * of each task. */
#define FLUX_SHELL_PLUGIN_NAME "bench"
#include <flux/shell.h>

static int shell_init (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                       void *data)
{
    int level;

    return flux_shell_getopt_unpack (flux_plugin_get_shell (p), "bench", "i", &level) < 0
               ? -1
               : 0;
}

static int task_init (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                      void *data)
{
    flux_shell_task_t *task = flux_shell_current_task (flux_plugin_get_shell (p));
    int rank;

    return flux_shell_task_info_unpack (task, "{s:i}", "rank", &rank) < 0
                   || flux_cmd_setenvf (flux_shell_task_cmd (task), 1, "BENCH", "%d", rank)
                          < 0
               ? -1
               : 0;
}

int flux_plugin_init (flux_plugin_t *p)
{
    return flux_plugin_add_handler (p, "shell.init", shell_init, NULL) < 0
                   || flux_plugin_add_handler (p, "task.init", task_init, NULL) < 0
               ? -1
               : 0;
}
