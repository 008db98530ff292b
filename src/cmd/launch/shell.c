/* flux shell: there is one for each node of each job, and who asks for one by hand is told
 * that it is not for hands. */
#include "cmd/cmd.h"

static struct optparse_option opts[] = {
    { .name = "reconnect",
      .usage = "Shells outlive their broker where the configuration keeps jobs, not by "
               "an option" },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    if (optparse_option_index (p) + 1 != argc)
        cmd_usage_error (p, "one job id is needed");
    (void)cmd_jobid (argv[optparse_option_index (p)]);
    cmd_die ("the shells of a job are started by its instance (flux run, flux submit), "
             "not by hand");
}

const struct command cmd_shell = {
    .name = "shell",
    .summary = "What runs the tasks of a job on each of its nodes: not started by hand",
    .usage = "[OPTIONS] JOBID",
    .group = "jobs",
    .options = opts,
    .run = run,
    .flags = CMD_USAGE2 | CMD_HIDDEN,
};
