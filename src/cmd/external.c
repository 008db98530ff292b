#include "cmd/external.h"

#include <errno.h>
#include <flux/core.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/search.h"
#include "config.h"
#include "core/programs.h"

char *external_dirs (void)
{
    const char *dirs[] = {
        getenv ("FLUX_EXEC_PATH_PREPEND"),
        flux_conf_builtin_get ("exec_path", FLUX_CONF_AUTO),
        getenv ("FLUX_EXEC_PATH"),
    };
    char *s;

    if (asprintf (&s, "%s:%s:%s", dirs[0] ? dirs[0] : "", dirs[1],
                  dirs[2] ? dirs[2] : "")
        < 0)
        return NULL;
    return s;
}

static int run_python (const char *path, char **argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    char *args[argc + 2];
    args[0] = (char *)FLUX_PYTHON;
    args[1] = (char *)path;
    memcpy (args + 2, argv + 1, argc * sizeof (args[0]));
    execv (args[0], args);
    return -1;
}

static void say_path (const char *path, bool verbose)
{
    if (verbose)
        fprintf (stderr, "flux: running %s\n", path);
}

int external_exec (const char *name, char **argv, bool verbose)
{
    char path[PATH_MAX];
    char file[NAME_MAX];
    /* No path may hide in a command's name. */
    if (strchr (name, '/')
        || (size_t)snprintf (file, sizeof (file), "flux-%s", name) >= sizeof (file)) {
        errno = ENOENT;
        return -1;
    }
    if (program_find (file, path, sizeof (path))) {
        say_path (path, verbose);
        execv (path, argv);
        return -1;
    }
    if ((size_t)snprintf (file, sizeof (file), "flux-%s.py", name) < sizeof (file)
        && program_find (file, path, sizeof (path))) {
        say_path (path, verbose);
        return run_python (path, argv);
    }
    errno = ENOENT;
    return -1;
}

static bool begins_with (const char *s, const char *list, char sep)
{
    size_t len = strlen (list);
    return s && !strncmp (s, list, len) && (s[len] == sep || !s[len]);
}

/* Puts what the variable `before` has (may be NULL), and behind it `list`, in front of what
 * a variable has, unless both are there. */
static void prepend (const char *name, const char *before, const char *list, char sep)
{
    const char *old = getenv (name), *first = before ? getenv (before) : NULL;
    char *front = NULL, *val = NULL;

    if (!first || !*first)
        front = strdup (list);
    else if (asprintf (&front, "%s%c%s", first, sep, list) < 0)
        front = NULL;
    if (!front)
        return;
    if (begins_with (old, front, sep))
        goto done;
    if (begins_with (old, list, sep)) /* an outer flux did, without `before` */
        old += strlen (list) + (old[strlen (list)] == sep);
    if (asprintf (&val, "%s%.*s%s", front, old && *old, &sep, old ? old : "") < 0)
        goto done;
    setenv (name, val, 1);
    free (val);
done:
    free (front);
}

/* Lua reads the variable of its version, and LUA_CPATH only without it; an empty entry is
 * where it looks by itself. */
static void set_lua_path (const char *version)
{
    const char *dir = flux_conf_builtin_get ("lua_cpath_add", FLUX_CONF_AUTO);
    const char *first = getenv ("FLUX_LUA_PATH_PREPEND");
    const char *plain = getenv ("LUA_CPATH");
    char name[32], entry[PATH_MAX];

    snprintf (name, sizeof (name), "LUA_CPATH_5_%s", version);
    if (snprintf (entry, sizeof (entry), "%s/lua5%s/?.so", dir, version)
        >= (int)sizeof (entry))
        return;
    if (!getenv (name))
        setenv (name, plain && *plain ? plain : ";", 1);
    prepend (name, "FLUX_LUA_CPATH_PREPEND", entry, ';');
    if (!first || !*first)
        return;
    plain = getenv ("LUA_PATH");
    snprintf (name, sizeof (name), "LUA_PATH_5_%s", version);
    if (!getenv (name))
        setenv (name, plain && *plain ? plain : ";", 1);
    prepend (name, NULL, first, ';');
}

void external_set_path (void)
{
    set_lua_path ("3");
    set_lua_path ("4");
    prepend ("PYTHONPATH", "FLUX_PYTHONPATH_PREPEND",
             flux_conf_builtin_get ("python_path", FLUX_CONF_AUTO), ':');
    char self[PATH_MAX];
    char found[PATH_MAX];
    char real[PATH_MAX];
    const char *path = getenv ("PATH");
    ssize_t n = readlink ("/proc/self/exe", self, sizeof (self) - 1);
    if (n < 0)
        return;
    self[n] = '\0';
    if (search_dirs (path, "flux", search_program, found, sizeof (found))
        && (!strcmp (found, self) || (realpath (found, real) && !strcmp (real, self))))
        return;
    *strrchr (self, '/') = '\0';
    size_t len = strlen (self) + (path ? strlen (path) : 0) + 32;
    char *val = malloc (len);
    if (!val)
        return;
    snprintf (val, len, "%s:%s", self, path && *path ? path : "/usr/bin:/bin");
    setenv ("PATH", val, 1);
    free (val);
}
