/* flux web: a program of its own, so that other commands do not load an HTTP server. */
#include "cmd/cmd.h"
#include "cmd/external.h"
#include "cmd/web/options.h"

#include <string.h>

static int run (optparse_t *p, int argc, char **argv)
{
    external_exec ("web", argv, false);
    cmd_die ("flux-web: %s", strerror (errno));
}

const struct command cmd_web = {
    .name = "web",
    .summary = "Serve a live page of the instance to a browser",
    .usage = "[OPTIONS] [TARGET]",
    .group = "jobs",
    .options = web_options,
    .run = run,
    .flags = CMD_RAW_ARGS,
};
