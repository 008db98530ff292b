#include "base/os/proc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static void kill_list (const char *list)
{
    char *end;

    for (const char *cp = list; *cp; cp = end) {
        pid_t pid = strtol (cp, &end, 10);

        if (end == cp || pid <= 0)
            break;
        (void)kill (pid, SIGKILL);
        (void)waitpid (pid, NULL, 0);
        while (*end == ' ' || *end == '\n')
            end++;
    }
}

void proc_kill_children (void)
{
    char path[64];
    char *list;
    size_t len;

    snprintf (path, sizeof (path), "/proc/self/task/%d/children", (int)getpid ());
    while ((list = file_read_all (path, &len)) && len > 0) {
        kill_list (list);
        free (list);
    }
    free (list);
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
