#include "cmd/submit/attach/proctable.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/proc.h"
#include "base/sort.h"

#define SHELL                                                                          \
    "flux-shell" /* a task's parent; of others, such as its own children, not */

long proctable_task (const char *env, size_t len, flux_jobid_t id, const char *uri)
{
    const char *job = proc_environ_find (env, len, "FLUX_JOB_ID");
    const char *at = proc_environ_find (env, len, "FLUX_URI");
    const char *rank = proc_environ_find (env, len, "FLUX_TASK_RANK");
    flux_jobid_t its;
    char *end;

    if (!job || !at || !rank || strcmp (at, uri) != 0
        || flux_job_id_parse (job, &its) < 0 || its != id || !isdigit (*rank))
        return -1;
    long n = strtol (rank, &end, 10);
    return *end == '\0' && n <= INT_MAX ? n : -1;
}

static int add (struct proctable *t, unsigned int rank, const char *host, int pid,
                const char *path)
{
    struct process *v = realloc (t->v, (t->count + 1) * sizeof (*v));

    if (!v)
        return -1;
    t->v = v;
    v += t->count;
    *v = (struct process){
        .rank = rank, .pid = pid, .host = strdup (host), .path = strdup (path)
    };
    t->count++;
    return v->host && v->path ? 0 : -1;
}

int proctable_add_line (struct proctable *t, const char *line)
{
    unsigned int rank;
    char host[HOST_NAME_MAX + 1];
    int pid, n = 0;

    if (sscanf (line, "%u %64s %d %n", &rank, host, &pid, &n) != 3 || n == 0
        || line[n] == '\0' || pid <= 0) {
        errno = EINVAL;
        return -1;
    }
    return add (t, rank, host, pid, line + n);
}

static bool is_of_shell (const char *pid)
{
    char path[64], comm[32] = "";
    int parent = 0;
    size_t len;
    FILE *f;
    char *s;

    snprintf (path, sizeof (path), "/proc/%.16s/stat", pid);
    if (!(s = file_read_all (path, &len)))
        return false;
    const char *p = strrchr (s, ')');
    if (p)
        sscanf (p + 1, " %*c %d", &parent);
    free (s);
    snprintf (path, sizeof (path), "/proc/%d/comm", parent);
    if (!(f = fopen (path, "re")))
        return false;
    bool is = fgets (comm, sizeof (comm), f) && !strncmp (comm, SHELL, strlen (SHELL));
    fclose (f);
    return is;
}

static int look_at (struct proctable *t, const char *pid, const char *host,
                    flux_jobid_t id, const char *uri)
{
    char path[64], program[PATH_MAX];
    size_t len;
    char *env;

    snprintf (path, sizeof (path), "/proc/%.16s/environ", pid);
    if (!(env = file_read_all (path, &len)))
        return 0; /* it has gone, or is another user's */
    long rank = proctable_task (env, len, id, uri);
    free (env);
    if (rank < 0 || !is_of_shell (pid))
        return 0;
    snprintf (path, sizeof (path), "/proc/%.16s/exe", pid);
    ssize_t n = readlink (path, program, sizeof (program) - 1);
    if (n <= 0)
        return 0;
    program[n] = '\0';
    for (char *p = program; *p; p++) {
        if (iscntrl ((unsigned char)*p))
            *p = '?';
    }
    return add (t, rank, host, atoi (pid), program);
}

static int by_rank (const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

int proctable_scan (struct proctable *t, flux_jobid_t id, const char *uri)
{
    char host[HOST_NAME_MAX + 1];
    DIR *dir = opendir ("/proc");
    struct dirent *e;
    int rc = 0;

    if (!dir || gethostname (host, sizeof (host)) < 0) {
        if (dir)
            closedir (dir);
        return -1;
    }
    host[HOST_NAME_MAX] = '\0';
    while (rc == 0 && (e = readdir (dir))) {
        if (isdigit (e->d_name[0]))
            rc = look_at (t, e->d_name, host, id, uri);
    }
    closedir (dir);
    sort_array (t->v, t->count, sizeof (*t->v), by_rank);
    return rc;
}

static int read_lines (struct proctable *t, FILE *f)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    ssize_t n;

    while ((n = getline (&line, &size, f)) > 0) {
        line[strcspn (line, "\n")] = '\0';
        if (rc == 0)
            rc = proctable_add_line (t, line);
    }
    free (line);
    return rc;
}

int proctable_gather (struct proctable *t, flux_jobid_t id)
{
    char command[160];
    FILE *f;

    snprintf (command, sizeof (command),
              "flux exec --quiet --noinput --jobid=%ju flux job proctable --local %ju",
              (uintmax_t)id, (uintmax_t)id);
    if (!(f = popen (command, "re")))
        return -1;
    int rc = read_lines (t, f);
    if (pclose (f) != 0 && rc == 0) {
        errno = EIO;
        rc = -1;
    }
    sort_array (t->v, t->count, sizeof (*t->v), by_rank);
    return rc;
}

void proctable_fini (struct proctable *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free (t->v[i].host);
        free (t->v[i].path);
    }
    free (t->v);
    *t = (struct proctable){ NULL, 0 };
}
