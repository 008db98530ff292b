/* Where things are, in the build tree and when installed. */
#include <flux/attr.h>

#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static const struct {
    const char *name;
    const char *installed;
    const char *intree;
} builtins[] = {
    { "prefix", FLUX_PREFIX, FLUX_BUILD_DIR },
    { "bindir", FLUX_BINDIR,
      FLUX_BUILD_DIR "/src/cmd:" FLUX_BUILD_DIR "/src/fluxion-server" },
    { "libdir", FLUX_LIBDIR, FLUX_BUILD_DIR "/src/core" },
    { "libexecdir", FLUX_LIBEXECDIR, FLUX_BUILD_DIR },
    { "confdir", FLUX_SYSCONFDIR, FLUX_SOURCE_DIR "/etc" },
    { "mandir", FLUX_MANDIR, FLUX_BUILD_DIR "/man" },
    { "flux_path", FLUX_BINDIR "/flux", FLUX_BUILD_DIR "/src/cmd/flux" },
    { "broker_path", FLUX_CMDDIR "/flux-broker",
      FLUX_BUILD_DIR "/src/broker/flux-broker" },
    { "shell_path", FLUX_LIBEXECDIR "/flux-shell",
      FLUX_BUILD_DIR "/src/shell/flux-shell" },
    { "pmi_library_path", FLUX_LIBEXECDIR "/libpmi.so",
      FLUX_BUILD_DIR "/src/libs/libpmi.so" },
    /* A list of folders for PYTHONPATH. */
    { "python_path", FLUX_LIBEXECDIR "/python",
      FLUX_SOURCE_DIR "/src/python:" FLUX_BUILD_DIR "/src/python" },
    /* A folder with one for each version of Lua, which has flux.so. */
    { "lua_cpath_add", FLUX_LIBEXECDIR "/lua", FLUX_BUILD_DIR "/src/lua" },
    /* A list of folders with flux-NAME programs. */
    { "exec_path", FLUX_CMDDIR,
      FLUX_BUILD_DIR "/src/cmd:" FLUX_BUILD_DIR "/src/broker:" FLUX_BUILD_DIR
                     "/src/fluxion-server:" FLUX_BUILD_DIR "/src/cmd/hierarchy" },
    /* In the build tree, each module has a folder below this. */
    { "module_path", FLUX_MODULEDIR, FLUX_BUILD_DIR "/src/modules" },
    { "connector_path", FLUX_LIBEXECDIR "/connectors", FLUX_BUILD_DIR "/connectors" },
    { "modules_file", FLUX_LIBEXECDIR "/modules.toml",
      FLUX_SOURCE_DIR "/etc/modules.toml" },
    /* Lists of folders, for flux modprobe. */
    { "modprobe_path", FLUX_LIBEXECDIR "/modprobe:" FLUX_SYSCONFDIR "/modprobe",
      FLUX_SOURCE_DIR "/etc/modprobe" },
    /* The same, for plugins of the commands that submit (flux.cli.plugin). */
    { "cli_pluginpath",
      FLUX_SYSCONFDIR "/cli/plugins:" FLUX_LIBEXECDIR "/cli/plugins:" FLUX_LIBEXECDIR
                      "/python/flux/cli/plugins",
      FLUX_SOURCE_DIR "/etc/cli/plugins" },
    { "rc1_path", FLUX_SYSCONFDIR "/rc1", FLUX_SOURCE_DIR "/etc/rc1" },
    { "rc3_path", FLUX_SYSCONFDIR "/rc3", FLUX_SOURCE_DIR "/etc/rc3" },
    { "shell_initrc", FLUX_SYSCONFDIR "/shell/initrc.lua",
      FLUX_SOURCE_DIR "/etc/shell/initrc.lua" },
    { "shell_pluginpath", FLUX_LIBEXECDIR "/shell/plugins",
      FLUX_BUILD_DIR "/src/shell/plugins" },
    { "jobtap_pluginpath", FLUX_LIBEXECDIR "/job-manager/plugins",
      FLUX_BUILD_DIR "/src/modules/job-manager/plugins" },
    /* The system instance. */
    { "rundir", "/run/flux", "/run/flux" },
    { "local_uri", "local:///run/flux/local", "local:///run/flux/local" },
};

static bool in_tree;

static void look_where (void)
{
    char path[PATH_MAX];
    ssize_t n = readlink ("/proc/self/exe", path, sizeof (path));
    size_t len = strlen (FLUX_BUILD_DIR);

    in_tree =
        n > (ssize_t)len && !memcmp (path, FLUX_BUILD_DIR, len) && path[len] == '/';
}

const char *flux_conf_builtin_get (const char *name, int flags)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool intree = flags == FLUX_CONF_INTREE;

    if (!name || flags < FLUX_CONF_AUTO || flags > FLUX_CONF_INTREE) {
        errno = EINVAL;
        return NULL;
    }
    if (flags == FLUX_CONF_AUTO) {
        pthread_once (&once, look_where);
        intree = in_tree;
    }
    for (size_t i = 0; i < sizeof (builtins) / sizeof (builtins[0]); i++)
        if (!strcmp (builtins[i].name, name))
            return intree ? builtins[i].intree : builtins[i].installed;
    errno = EINVAL;
    return NULL;
}
