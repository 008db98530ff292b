/* Options that need more than a plain shell has: hwloc.xmlfile, hwloc.restrict; stage-in.
 * Both are done before tasks start; a plugin of the same name takes their place. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "core/subprocess/spawn.h"
#include "shell/options.h"
#include "shell/plug/plugs.h"

/* --- hwloc --- */

/* The topology of this host, for tasks that would otherwise all look for themselves. */
static int write_topology (struct shell *sh)
{
    bool only = option_is_on (shell_option (sh, "hwloc.restrict"));
    flux_error_t error = { "" };
    char path[512], *xml;
    cpu_set_t cpus;
    int rc;

    if (only && !affinity_cpus (sh, &cpus)) {
        shell_fatal (sh, 1, "hwloc.restrict: this host has not the cores of R");
        return plugs_einval ();
    }
    if (!(xml = plugs_topology (only ? &cpus : NULL, &error))) {
        shell_fatal (sh, 1, "hwloc.xmlfile: %s", error.text);
        return -1;
    }
    snprintf (path, sizeof (path), "%s/hwloc.xml", sh->tmpdir);
    rc = file_write_all (path, xml, strlen (xml), 0600);
    free (xml);
    if (rc < 0) {
        shell_fatal (sh, 1, "hwloc.xmlfile: %s: %s", path, strerror (errno));
        return -1;
    }
    shell_env_unset (sh, "HWLOC_COMPONENTS"); /* it may hide the file */
    return shell_env_set (sh, "HWLOC_XMLFILE", path);
}

/* --- stage-in --- */

static int die_with_shell (void *arg)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    return 0;
}

/* Runs a command to its end; what it says on stderr is in *text, owned by the caller. */
static int run_command (char *const *argv, char **text)
{
    int fd[2], fds[3] = { -1, -1, -1 };
    int status = -1;
    pid_t pid;

    *text = NULL;
    if (pipe2 (fd, O_CLOEXEC) < 0)
        return -1;
    fds[2] = fd[1];
    struct spawn s = { .argv = argv,
                       .env = environ,
                       .fds = fds,
                       .fd_count = 3,
                       .pre_exec = die_with_shell };
    pid = spawn_process (&s);
    close (fd[1]);
    if (pid > 0) {
        *text = fd_read_all (fd[0], NULL);
        for (size_t n = *text ? strlen (*text) : 0; n > 0 && (*text)[n - 1] == '\n';)
            (*text)[--n] = '\0';
        while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close (fd[0]);
    return pid > 0 && WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static int extract (struct shell *sh, const char *name, const char *dir,
                    const char *pattern)
{
    char option[256], *text;
    const char *argv[] = { flux_conf_builtin_get ("flux_path", FLUX_CONF_AUTO),
                           "archive",
                           "extract",
                           option,
                           "--directory",
                           dir,
                           pattern,
                           NULL };
    int rc;

    snprintf (option, sizeof (option), "--name=%s", name);
    if ((rc = run_command ((char *const *)argv, &text)) != 0)
        shell_fatal (sh, 1, "stage-in: %s: %s", name,
                     text && text[0] ? text
                     : rc < 0        ? strerror (errno)
                                     : "flux archive extract failed");
    free (text);
    return rc == 0 ? 0 : -1;
}

/* NULL: not here. */
static const char *destination (struct shell *sh, const char *s)
{
    if (!s)
        return sh->tmpdir;
    if (!strncmp (s, "global:", 7))
        return sh->rank == 0 ? s + 7 : NULL;
    return strncmp (s, "local:", 6) ? s : s + 6;
}

static int stage_in (struct shell *sh, json_t *o)
{
    const char *names = json_string_value (json_object_get (o, "names"));
    const char *pattern = json_string_value (json_object_get (o, "pattern"));
    const char *dir =
        destination (sh, json_string_value (json_object_get (o, "destination")));
    char name[128];

    if (!dir)
        return 0;
    if (mkdir (dir, 0777) < 0 && errno != EEXIST) {
        shell_fatal (sh, 1, "stage-in: %s: %s", dir, strerror (errno));
        return -1;
    }
    for (const char *p = names ? names : "main"; *p; p += *p == ',') {
        size_t len = strcspn (p, ",");
        snprintf (name, sizeof (name), "%.*s", (int)len, p);
        if (len > 0 && extract (sh, name, dir, pattern) < 0)
            return -1;
        p += len;
    }
    return 0;
}

int plugs_builtin (struct shell *sh)
{
    json_t *o = shell_option (sh, "stage-in");

    if (option_is_on (shell_option (sh, "hwloc.xmlfile")) && !plugs_have ("hwloc")
        && write_topology (sh) < 0)
        return -1;
    if (o && (json_is_object (o) || option_is_on (o)) && !plugs_have ("stage-in"))
        return stage_in (sh, o);
    return 0;
}
