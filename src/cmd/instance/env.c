/* flux env: the environment that commands run in. */
#include "base/text/quote.h"
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* What the programs of flux are found by, and the instance. */
static bool is_ours (const char *e)
{
    static const char *const names[] = {
        "FLUX_CONNECTOR_PATH", "FLUX_EXEC_PATH", "FLUX_KVS_NAMESPACE",
        "FLUX_MODULE_PATH",    "FLUX_URI",       "LUA_CPATH",
        "LUA_CPATH_5_3",       "LUA_CPATH_5_4",  "LUA_PATH",
        "LUA_PATH_5_3",        "LUA_PATH_5_4",   "MANPATH",
        "PYTHONPATH",
    };
    size_t n = strcspn (e, "=");
    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++)
        if (strlen (names[i]) == n && !strncmp (e, names[i], n))
            return true;
    return false;
}

/* For eval. */
static void print_exports (void)
{
    struct buf b = BUF_INIT;

    for (char **e = environ; *e; e++) {
        if (!is_ours (*e))
            continue;
        size_t n = strcspn (*e, "=");
        buf_adds (&b, "export ");
        buf_add (&b, *e, n + 1);
        buf_add_quoted (&b, *e + n + 1);
        buf_addc (&b, '\n');
    }
    if (b.err)
        cmd_die ("out of memory");
    if (b.len > 0)
        fputs (b.data, stdout);
    buf_fini (&b);
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (i < argc) {
        execvp (argv[i], argv + i);
        cmd_warn ("%s: %s", argv[i], strerror (errno));
        return errno == ENOENT ? 127 : 126;
    }
    print_exports ();
    return 0;
}

const struct command cmd_env = {
    .name = "env",
    .summary = "Print what a shell has to export for flux commands, or run one",
    .usage = "[COMMAND...]",
    .group = "other",
    .run = run,
};
