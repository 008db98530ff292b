/* initrc and userrc: which files are read, in which order.
 *
 * The site's initrc, or the job's (-o initrc), then the job's own (-o userrc). A site
 * without an initrc has the plugins of its plugin path and the Lua files of its rc path
 * all the same. */
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "shell/plug/lua.h"
#include "shell/plug/plugs.h"

#define LUA_HOST "flux-shell-lua.so"

static struct {
    void *dso;
    lua_source_f source;
    lua_fini_f fini;
    void *state;
} lua;

/* --- what the Lua host asks for --- */

static const char *get_searchpath (void)
{
    return plugs.searchpath ? plugs.searchpath : "";
}

static int set_string (char **where, const char *value)
{
    char *copy = strdup (value ? value : "");

    if (!copy)
        return -1;
    free (*where);
    *where = copy;
    return 0;
}

static int set_searchpath (const char *path)
{
    return set_string (&plugs.searchpath, path);
}

static const char *get_rcdir (void)
{
    return plugs.rcdir ? plugs.rcdir : "";
}

static json_t *current_task_info (void)
{
    return plugs.current ? plugs_task_info (plugs.current) : NULL;
}

/* --- the host --- */

/* Beside this program. */
static int find_host (char *path, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink ("/proc/self/exe", self, sizeof (self) - 1);
    char *slash;

    if (n < 0)
        return -1;
    self[n] = '\0';
    if (!(slash = strrchr (self, '/')))
        return -1;
    *slash = '\0';
    return snprintf (path, size, "%s/%s", self, LUA_HOST) < (int)size ? 0 : -1;
}

static int open_host (flux_error_t *error)
{
    char path[PATH_MAX];

    if (lua.dso)
        return 0;
    if (find_host (path, sizeof (path)) < 0)
        return error_fail (error, errno, "%s: %s", LUA_HOST, strerror (errno));
    if (!(lua.dso = dlopen (path, RTLD_NOW | RTLD_LOCAL)))
        return error_invalid (error, "%s", dlerror ());
    lua.source = (lua_source_f)dlsym (lua.dso, "shell_lua_source");
    lua.fini = (lua_fini_f)dlsym (lua.dso, "shell_lua_fini");
    return lua.source && lua.fini ? 0 : error_invalid (error, "%s: no Lua host", path);
}

static int run_file (const char *path, flux_error_t *error)
{
    struct lua_ops ops = {
        .shell = plugs_shell (),
        .load = plugs_load,
        .source = plugs_source,
        .source_rcpath = plugs_source_rcpath,
        .add = plugs_add,
        .searchpath = get_searchpath,
        .set_searchpath = set_searchpath,
        .rcdir = get_rcdir,
        .info = plugs_info,
        .rank_info = plugs_rank_info,
        .task_info = current_task_info,
    };
    struct guard before;
    int rc;

    if (open_host (error) < 0)
        return -1;
    before = guard_enter (path, "its initialization");
    rc = lua.source (&ops, &lua.state, path, error);
    guard_leave (before);
    return rc;
}

/* While a file is read, its folder is where others are looked for. */
static int read_file (const char *path, flux_error_t *error)
{
    char *before = plugs.rcdir;
    const char *slash = strrchr (path, '/');
    int rc = -1;

    plugs.rcdir = slash ? strndup (path, slash - path) : strdup (".");
    if (plugs.rcdir)
        rc = run_file (path, error);
    free (plugs.rcdir);
    plugs.rcdir = before;
    return rc;
}

static int source_pattern (const char *pattern, int *count, flux_error_t *error)
{
    glob_t gl;
    int rc = 0;

    if (glob (pattern, 0, NULL, &gl) != 0)
        return 0;
    for (size_t i = 0; rc == 0 && i < gl.gl_pathc; i++, (*count)++)
        rc = read_file (gl.gl_pathv[i], error);
    globfree (&gl);
    return rc;
}

int plugs_source (const char *pattern, bool must_exist, flux_error_t *error)
{
    char path[PATH_MAX];
    int count = 0;

    if (pattern[0] == '/')
        snprintf (path, sizeof (path), "%s", pattern);
    else
        snprintf (path, sizeof (path), "%s/%s", get_rcdir (), pattern);
    if (source_pattern (path, &count, error) < 0)
        return -1;
    if (count == 0 && must_exist && !strpbrk (pattern, "*?["))
        return error_fail (error, ENOENT, "source %s: %s", path, strerror (ENOENT));
    return 0;
}

int plugs_source_rcpath (const char *pattern, flux_error_t *error)
{
    const char *dirs = getenv ("FLUX_SHELL_RC_PATH");
    char path[PATH_MAX];
    int count = 0;

    snprintf (path, sizeof (path), "%s/lua.d/%s", get_rcdir (), pattern);
    if (source_pattern (path, &count, error) < 0)
        return -1;
    for (const char *p = dirs ? dirs : ""; *p; p += *p == ':') {
        int len = strcspn (p, ":");
        snprintf (path, sizeof (path), "%.*s/%s", len, p, pattern);
        if (len > 0 && source_pattern (path, &count, error) < 0)
            return -1;
        p += len;
    }
    return 0;
}

/* --- which files --- */

/* What a site without an initrc has. */
static int load_site (const char *initrc, flux_error_t *error)
{
    const char *slash = initrc ? strrchr (initrc, '/') : NULL;
    int rc;

    if (slash && !(plugs.rcdir = strndup (initrc, slash - initrc)))
        return -1;
    rc =
        plugs_load ("*.so", NULL, error) < 0 || plugs_source_rcpath ("*.lua", error) < 0
            ? -1
            : 0;
    free (plugs.rcdir);
    plugs.rcdir = NULL;
    return rc;
}

/* A file that the job names: templates in it are rendered, and it is looked for where
 * the job will run. NULL with *error. */
static char *named_file (struct shell *sh, const char *option, flux_error_t *error)
{
    const char *s = json_string_value (shell_option (sh, option));
    const char *cwd = sh->jobspec.cwd;
    char *name, *path = NULL;

    if (!s) {
        error_invalid (error, "%s: expected the name of a file", option);
        return NULL;
    }
    if (!(name = shell_render (sh, NULL, s)))
        return NULL;
    if (name[0] == '/' || !cwd)
        return name;
    if (asprintf (&path, "%s/%s", cwd, name) < 0)
        path = NULL;
    free (name);
    return path;
}

static int read_named (struct shell *sh, const char *option, flux_error_t *error)
{
    char *path = named_file (sh, option, error);
    int rc;

    if (!path)
        return -1;
    rc = read_file (path, error);
    free (path);
    return rc;
}

static int read_site (flux_error_t *error)
{
    const char *initrc = getenv ("FLUX_SHELL_INITRC");

    if (initrc && access (initrc, F_OK) == 0)
        return read_file (initrc, error);
    return load_site (initrc, error);
}

int plugs_load_rc (struct shell *sh, flux_error_t *error)
{
    if (set_searchpath (getenv ("FLUX_SHELL_PLUGINPATH")) < 0)
        return -1;
    if ((plugs_option ("initrc") ? read_named (sh, "initrc", error) : read_site (error))
        < 0)
        return -1;
    return plugs_option ("userrc") ? read_named (sh, "userrc", error) : 0;
}

void plugs_rc_fini (void)
{
    if (lua.state)
        lua.fini (lua.state);
    lua.state = NULL;
}
