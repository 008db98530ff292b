/* flux python: the interpreter that runs this instance's commands in Python. */
#include "cmd/cmd.h"
#include "cmd/external.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static struct optparse_option opts[] = {
    { .name = "get-path", .usage = "Print where modules of Python are looked for" },
    { .name = "list-versions",
      .usage = "Print the programs flux-pythonX.Y that flux finds" },
    OPTPARSE_TABLE_END,
};

static int by_name (const void *a, const void *b)
{
    return strverscmp (*(char *const *)a, *(char *const *)b);
}

/* flux-pythonX.Y is one of Python X.Y. */
static bool is_version (const char *name)
{
    static const char prefix[] = "flux-python";
    const char *s = name + sizeof (prefix) - 1;
    return strncmp (name, prefix, sizeof (prefix) - 1) == 0 && isdigit (*s)
           && s[strspn (s, "0123456789.")] == '\0';
}

/* Each once, however many directories have it. */
static void list_versions (void)
{
    char *list = external_dirs (), *save = NULL, **names = NULL;
    size_t count = 0;

    for (char *dir = strtok_r (list, ":", &save); dir;
         dir = strtok_r (NULL, ":", &save)) {
        DIR *d = opendir (dir);
        struct dirent *e;
        while (d && (e = readdir (d))) {
            if (!is_version (e->d_name))
                continue;
            names = realloc (names, (count + 1) * sizeof (*names));
            if (!names || !(names[count++] = strdup (e->d_name + strlen ("flux-"))))
                cmd_die ("out of memory");
        }
        if (d)
            closedir (d);
    }
    if (count > 0)
        qsort (names, count, sizeof (*names), by_name);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp (names[i], names[i - 1]) != 0)
            puts (names[i]);
    for (size_t i = 0; i < count; i++)
        free (names[i]);
    free (names);
    free (list);
}

static int run (optparse_t *p, int argc, char **argv)
{
    const char *path = getenv ("PYTHONPATH");
    if (argc == 2 && !strcmp (argv[1], "--get-path")) {
        puts (path ? path : "");
        return 0;
    }
    if (argc == 2 && !strcmp (argv[1], "--list-versions")) {
        list_versions ();
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
    .usage = "[--get-path] [--list-versions] [ARGS OF python3...]",
    .group = "other",
    .options = opts,
    .run = run,
    .flags = CMD_RAW_ARGS,
};
