/* flux env: the environment that commands run in. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (i < argc) {
        execvp (argv[i], argv + i);
        cmd_warn ("%s: %s", argv[i], strerror (errno));
        return errno == ENOENT ? 127 : 126;
    }
    for (char **e = environ; *e; e++)
        puts (*e);
    return 0;
}

const struct command cmd_env = {
    .name = "env",
    .summary = "Print the environment of flux commands, or run one in it",
    .usage = "[COMMAND...]",
    .group = "other",
    .run = run,
};
