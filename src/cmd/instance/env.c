/* flux env: the environment that commands run in. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* What the programs of flux are found by, and the instance. */
static bool is_ours (const char *e)
{
    static const char *const names[] = {
        "FLUX_CONNECTOR_PATH",
        "FLUX_EXEC_PATH",
        "FLUX_KVS_NAMESPACE",
        "FLUX_MODULE_PATH",
        "FLUX_URI",
        "LUA_CPATH",
        "LUA_PATH",
        "MANPATH",
        "PYTHONPATH",
    };
    size_t n = strcspn (e, "=");
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (strlen (names[i]) == n && !strncmp (e, names[i], n))
            return true;
    return false;
}

/* For eval: the value in single quotes, which hold everything but themselves. */
static void print_export (const char *e)
{
    size_t n = strcspn (e, "=");
    printf ("export %.*s='", (int)n, e);
    for (const char *s = e + n + 1; *s; s++) {
        if (*s == '\'')
            fputs ("'\\''", stdout);
        else
            fputc (*s, stdout);
    }
    fputs ("'\n", stdout);
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (i < argc) {
        execvp (argv[i], argv + i);
        cmd_warn ("%s: %s", argv[i], strerror (errno));
        return errno == ENOENT ? 127 : 126;
    }
    for (char **e = environ; *e; e++)
        if (is_ours (*e))
            print_export (*e);
    return 0;
}

const struct command cmd_env = {
    .name = "env",
    .summary = "Print what a shell has to export for flux commands, or run one",
    .usage = "[COMMAND...]",
    .group = "other",
    .run = run,
};
