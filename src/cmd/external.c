#include "cmd/external.h"

#include <errno.h>
#include <flux/core.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

static bool is_program (const char *path)
{
    struct stat st;
    return stat (path, &st) == 0 && S_ISREG (st.st_mode) && access (path, X_OK) == 0;
}

/* First program dir/name of a colon-separated list; false if there is none. */
static bool search (const char *dirs, const char *name, char *path, size_t len)
{
    while (dirs && *dirs) {
        size_t n = strcspn (dirs, ":");
        if (n > 0 && (size_t)snprintf (path, len, "%.*s/%s", (int)n, dirs, name) < len
            && is_program (path))
            return true;
        dirs += n + (dirs[n] == ':');
    }
    return false;
}

static bool search_all (const char *name, char *path, size_t len)
{
    const char *dirs[] = {
        getenv ("FLUX_EXEC_PATH_PREPEND"),
        flux_conf_builtin_get ("exec_path", FLUX_CONF_AUTO),
        getenv ("FLUX_EXEC_PATH"),
        getenv ("PATH"),
    };
    for (size_t i = 0; i < sizeof (dirs) / sizeof (dirs[0]); i++) {
        if (search (dirs[i], name, path, len))
            return true;
    }
    return false;
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
    if (search_all (file, path, sizeof (path))) {
        say_path (path, verbose);
        execv (path, argv);
        return -1;
    }
    if ((size_t)snprintf (file, sizeof (file), "flux-%s.py", name) < sizeof (file)
        && search_all (file, path, sizeof (path))) {
        say_path (path, verbose);
        return run_python (path, argv);
    }
    errno = ENOENT;
    return -1;
}

/* Put list in front of what a variable has, unless it is there. */
static void prepend (const char *name, const char *list)
{
    const char *old = getenv (name);
    size_t len = strlen (list);
    char *val;
    if (old && !strncmp (old, list, len) && strchr (":", old[len]))
        return;
    if (asprintf (&val, "%s%s%s", list, old && *old ? ":" : "", old ? old : "") < 0)
        return;
    setenv (name, val, 1);
    free (val);
}

/* Lua reads the variable of its version, and LUA_CPATH only without it. */
static void set_lua_path (const char *version)
{
    const char *dir = flux_conf_builtin_get ("lua_cpath_add", FLUX_CONF_AUTO);
    char name[32], entry[PATH_MAX], *val;

    snprintf (name, sizeof (name), "LUA_CPATH_5_%s", version);
    if (snprintf (entry, sizeof (entry), "%s/lua5%s/?.so;", dir, version)
        >= (int)sizeof (entry))
        return;
    const char *old = getenv (name) ? getenv (name) : getenv ("LUA_CPATH");
    if (old && !strncmp (old, entry, strlen (entry)))
        return;
    if (asprintf (&val, "%s%s", entry, old && *old ? old : ";") < 0)
        return;
    setenv (name, val, 1);
    free (val);
}

void external_set_path (void)
{
    set_lua_path ("3");
    set_lua_path ("4");
    prepend ("PYTHONPATH", flux_conf_builtin_get ("python_path", FLUX_CONF_AUTO));
    char self[PATH_MAX];
    char found[PATH_MAX];
    char real[PATH_MAX];
    const char *path = getenv ("PATH");
    ssize_t n = readlink ("/proc/self/exe", self, sizeof (self) - 1);
    if (n < 0)
        return;
    self[n] = '\0';
    if (path && search (path, "flux", found, sizeof (found))
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
