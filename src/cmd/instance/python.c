/* flux python: the interpreter that runs this instance's commands in Python. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static struct optparse_option opts[] = {
    { .name = "get-path", .usage = "Print where modules of Python are looked for" },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    const char *path = getenv ("PYTHONPATH");
    if (argc == 2 && !strcmp (argv[1], "--get-path")) {
        puts (path ? path : "");
        return 0;
    }
    argv[0] = (char *)FLUX_PYTHON;
    execv (argv[0], argv);
    cmd_warn ("%s: %s", argv[0], strerror (errno));
    return errno == ENOENT ? 127 : 126;
}

const struct command cmd_python = {
    .name = "python",
    .summary = "Run Python as commands in Python are run",
    .usage = "[--get-path] [ARGS OF python3...]",
    .group = "other",
    .options = opts,
    .run = run,
    .flags = CMD_RAW_ARGS,
};
