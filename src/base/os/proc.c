#include "base/os/proc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* How many. */
static int kill_list (const char *list, bool (*spare) (pid_t pid))
{
    int count = 0;
    char *end;

    for (const char *cp = list; *cp; cp = end) {
        pid_t pid = strtol (cp, &end, 10);

        if (end == cp || pid <= 0)
            break;
        if ((!spare || !spare (pid)) && kill (pid, SIGKILL) == 0) {
            (void)waitpid (pid, NULL, 0);
            count++;
        }
        while (*end == ' ' || *end == '\n')
            end++;
    }
    return count;
}

void proc_kill_children (bool (*spare) (pid_t pid))
{
    char path[64];
    char *list;
    size_t len;

    snprintf (path, sizeof (path), "/proc/self/task/%d/children", (int)getpid ());
    while ((list = file_read_all (path, &len)) && kill_list (list, spare) > 0)
        free (list);
    free (list);
}

bool proc_has_arg (pid_t pid, const char *arg)
{
    size_t len, n = strlen (arg) + 1;
    char path[64], *args;
    bool has = false;

    snprintf (path, sizeof (path), "/proc/%d/cmdline", (int)pid);
    if (!(args = file_read_all (path, &len)))
        return false;
    for (char *p = args; !has && p < args + len; p += strlen (p) + 1)
        has = strncmp (p, arg, n) == 0;
    free (args);
    return has;
}

const char *proc_environ_find (const char *env, size_t len, const char *name)
{
    size_t n = strlen (name);

    for (const char *p = env; p < env + len; p += strlen (p) + 1) {
        if (!strncmp (p, name, n) && p[n] == '=')
            return p + n + 1;
    }
    return NULL;
}
