/* flux modprobe: rc files are in Python, so what runs them is, too (flux/modprobe.py). */
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static int run (optparse_t *p, int argc, char **argv)
{
    char **v = calloc (argc + 6, sizeof (*v));
    int n = 0;

    if (!v)
        cmd_die ("out of memory");
    v[n++] = (char *)FLUX_PYTHON;
    /* not -m: rc files import the same module */
    v[n++] = (char *)"-c";
    v[n++] =
        (char *)"import sys, flux.modprobe as m; sys.exit (m.main (*sys.argv[1:]))";
    v[n++] = (char *)flux_conf_builtin_get ("modprobe_path", FLUX_CONF_AUTO);
    v[n++] = (char *)flux_conf_builtin_get ("confdir", FLUX_CONF_AUTO);
    for (int i = 1; i < argc; i++)
        v[n++] = argv[i];
    execv (v[0], v);
    cmd_warn ("%s: %s", v[0], strerror (errno));
    free (v);
    return errno == ENOENT ? 127 : 126;
}

const struct command cmd_modprobe = {
    .name = "modprobe",
    .summary = "Load and remove modules with what they need, run rc files",
    .usage = "{load,remove,run,rc1,rc3,list-dependencies,show} [OPTIONS]",
    .group = "instance",
    .run = run,
    .flags = CMD_RAW_ARGS,
};
