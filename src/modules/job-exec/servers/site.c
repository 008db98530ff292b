#include "modules/job-exec/servers/site.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_AGAIN 1. /* s: a job must not pay for it */

static char *path_of (flux_t *h, const char *name)
{
    char attr[64];
    const char *path;

    snprintf (attr, sizeof (attr), "conf.%s", name);
    path = h ? flux_attr_get (h, attr) : NULL;
    if (!path)
        path = flux_conf_builtin_get (name, FLUX_CONF_AUTO);
    return strdup (path ? path : "");
}

int site_init (struct site *site, flux_t *h)
{
    const char *rcpath = getenv ("FLUX_SHELL_RC_PATH");

    site->initrc = path_of (h, "shell_initrc");
    site->pluginpath = path_of (h, "shell_pluginpath");
    site->rcpath = strdup (rcpath ? rcpath : "");
    return site->initrc && site->pluginpath && site->rcpath ? 0 : -1;
}

void site_fini (struct site *site)
{
    free (site->initrc);
    free (site->pluginpath);
    free (site->rcpath);
}

static bool any_file (const char *dir, size_t len, const char *what)
{
    char pattern[PATH_MAX];
    glob_t gl;
    bool yes;

    if (len == 0
        || snprintf (pattern, sizeof (pattern), "%.*s/%s", (int)len, dir, what)
               >= (int)sizeof (pattern))
        return false;
    yes = glob (pattern, GLOB_NOSORT, NULL, &gl) == 0;
    if (yes)
        globfree (&gl);
    return yes;
}

static bool any_of (const char *path, const char *what)
{
    for (; *path; path += *path == ':') {
        size_t len = strcspn (path, ":");
        if (any_file (path, len, what))
            return true;
        path += len;
    }
    return false;
}

static bool look (const struct site *site)
{
    const char *slash = strrchr (site->initrc, '/');

    return access (site->initrc, F_OK) == 0
           || (slash && any_file (site->initrc, slash - site->initrc, "lua.d/*.lua"))
           || any_of (site->pluginpath, "*.so") || any_of (site->rcpath, "*.lua");
}

bool site_has_plugins (struct site *site)
{
    double now = clock_monotonic ();

    if (site->looked == 0. || now - site->looked >= LOOK_AGAIN) {
        site->found = look (site);
        site->looked = now;
    }
    return site->found;
}

static int set_env (flux_cmd_t *cmd, const char *name, const char *value)
{
    return flux_cmd_setenvf (cmd, 1, name, "%s", value);
}

int site_set_env (flux_t *h, flux_cmd_t *cmd)
{
    struct site site = { 0 };
    int rc = -1;

    if (site_init (&site, h) == 0
        && set_env (cmd, "FLUX_SHELL_INITRC", site.initrc) == 0
        && set_env (cmd, "FLUX_SHELL_PLUGINPATH", site.pluginpath) == 0
        && set_env (cmd, "FLUX_SHELL_RC_PATH", site.rcpath) == 0)
        rc = 0;
    site_fini (&site);
    return rc;
}
