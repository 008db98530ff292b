/* flux top: a program of its own, so that other commands do not load ncurses. */
#include "cmd/cmd.h"
#include "cmd/external.h"
#include "cmd/top/options.h"

#include <string.h>

static int run (optparse_t *p, int argc, char **argv)
{
    external_exec ("top", argv, false);
    cmd_die ("flux-top: %s", strerror (errno));
}

const struct command cmd_top = {
    .name = "top",
    .summary = "Show the instance and its jobs as they change",
    .usage = "[OPTIONS] [TARGET]",
    .group = "jobs",
    .options = top_options,
    .run = run,
    .flags = CMD_RAW_ARGS,
};
