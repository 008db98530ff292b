#include "core/job/uri_scheme.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/os/proc.h"
#include "core/programs.h"

extern char **environ;

/* --- pid: --- */

static char *read_proc (int pid, const char *name, size_t *len, flux_error_t *error)
{
    char path[64];
    char *s;

    snprintf (path, sizeof (path), "/proc/%d/%s", pid, name);
    if (!(s = file_read_all (path, len)))
        error_null (error, errno, "%s: %s", path, strerror (errno));
    return s;
}

static char *uri_in_environ (int pid, flux_error_t *error)
{
    size_t len;
    char *env = read_proc (pid, "environ", &len, error), *uri;
    const char *s;

    if (!env)
        return NULL;
    s = proc_environ_find (env, len, "FLUX_URI");
    uri = s && *s ? strdup (s) : NULL;
    free (env);
    return uri ? uri : error_null (error, ENOENT, "process %d has no FLUX_URI", pid);
}

/* "socket:[INODE]" of one of the process' descriptors? */
static bool has_socket (int pid, const char *inode)
{
    char path[PATH_MAX], link[64], want[64];
    bool found = false;
    struct dirent *e;
    DIR *dir;

    snprintf (want, sizeof (want), "socket:[%s]", inode);
    snprintf (path, sizeof (path), "/proc/%d/fd", pid);
    if (!(dir = opendir (path)))
        return false;
    while (!found && (e = readdir (dir))) {
        ssize_t n = readlinkat (dirfd (dir), e->d_name, link, sizeof (link) - 1);

        if (n > 0) {
            link[n] = '\0';
            found = strcmp (link, want) == 0;
        }
    }
    closedir (dir);
    return found;
}

/* A broker's own FLUX_URI is that of the instance around it; what it offers itself is
 * the socket local-RANK that it listens on. */
static char *uri_of_broker (int pid, flux_error_t *error)
{
    size_t len;
    char *text = read_proc (pid, "net/unix", &len, error), *save, *line, *uri = NULL;

    if (!text)
        return NULL;
    for (line = strtok_r (text, "\n", &save); line && !uri;
         line = strtok_r (NULL, "\n", &save)) {
        char inode[32], path[PATH_MAX];
        unsigned int flags;
        const char *base;

        /* Num RefCount Protocol Flags Type St Inode Path; 0x10000: it listens */
        if (sscanf (line, "%*s %*s %*s %x %*s %*s %31s %4095s", &flags, inode, path)
                == 3
            && (flags & 0x10000) && (base = strrchr (path, '/'))
            && strncmp (base, "/local-", 7) == 0 && has_socket (pid, inode)
            && asprintf (&uri, "local://%s", path) < 0)
            uri = NULL;
    }
    free (text);
    return uri ? uri : error_null (error, ENOENT, "broker %d does not listen", pid);
}

static char *from_pid (const char *text, flux_error_t *error)
{
    char *end, *comm;
    long pid = strtol (text, &end, 10);
    bool broker;
    size_t len;

    if (*end || pid <= 0 || pid > INT_MAX)
        return error_null (error, EINVAL, "'%s' is not a process id", text);
    if (!(comm = read_proc (pid, "comm", &len, error)))
        return NULL;
    broker = strcmp (comm, "flux-broker\n") == 0;
    free (comm);
    return broker ? uri_of_broker (pid, error) : uri_in_environ (pid, error);
}

/* --- programs --- */

static int spawn (const char *const argv[], pid_t *pid, int *fd)
{
    posix_spawn_file_actions_t fa;
    int p[2], rc;

    if (pipe2 (p, O_CLOEXEC) < 0)
        return errno;
    posix_spawn_file_actions_init (&fa);
    posix_spawn_file_actions_addopen (&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2 (&fa, p[1], 1);
    rc = posix_spawnp (pid, argv[0], &fa, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy (&fa);
    close (p[1]);
    if (rc != 0)
        close (p[0]);
    *fd = p[0];
    return rc;
}

/* The first line of what a program prints; what it says on stderr is for the user. */
static char *first_line (const char *const argv[], flux_error_t *error)
{
    int rc, fd = -1, status = 0;
    size_t len;
    pid_t pid;
    char *s;

    if ((rc = spawn (argv, &pid, &fd)) != 0)
        return error_null (error, rc, "%s: %s", argv[0], strerror (rc));
    s = fd_read_all (fd, &len);
    close (fd);
    while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (s)
        s[strcspn (s, "\n")] = '\0';
    if (s && status == 0 && *s)
        return s;
    free (s);
    return error_null (error, ENOENT, "%s %s: found no URI", argv[0], argv[1]);
}

static bool is_job_number (const char *s)
{
    return *s && strspn (s, "0123456789._+[]") == strlen (s);
}

/* Where the job's batch script runs, some process has a FLUX_URI. */
static char *from_slurm (const char *id, flux_error_t *error)
{
    static const char look[] =
        "for p in $(scontrol listpids \"$1\" | sed -n '2,$s/ .*//p'); do"
        " flux uri --remote pid:$p 2>/dev/null && exit 0; done; exit 1";
    const char *where[] = { "squeue", "-h", "-o%B", "-j", id, NULL };
    char *host, *uri, *job = NULL;

    if (!is_job_number (id))
        return error_null (error, EINVAL, "'%s' is not a Slurm job id", id);
    if (!(host = first_line (where, error)))
        return NULL;
    if (asprintf (&job, "--jobid=%s", id) < 0) {
        free (host);
        return error_null (error, ENOMEM, "out of memory");
    }
    const char *ask[] = { "srun", "--overlap", "-N1", "-n1", job, "-w", host,
                          "sh",   "-c",        look,  "sh",  id,  NULL };
    if (!(uri = first_line (ask, error)))
        error_null (error, ENOENT, "Slurm job %s has no process with a FLUX_URI", id);
    free (job);
    free (host);
    return uri;
}

static char *from_lsf (const char *id, flux_error_t *error)
{
    static const char look[] =
        "for p in $(bjobs -noheader -o pids \"$1\" | tr , ' '); do"
        " flux uri --remote pid:$p 2>/dev/null && exit 0; done; exit 1";
    const char *where[] = { "bjobs", "-noheader", "-o", "first_host", id, NULL };
    char *host, *uri;

    if (!is_job_number (id))
        return error_null (error, EINVAL, "'%s' is not an LSF job id", id);
    if (!(host = first_line (where, error)))
        return NULL;
    const char *ask[] = { "blaunch", "-z", host, "sh", "-c", look, "sh", id, NULL };
    if (!(uri = first_line (ask, error)))
        error_null (error, ENOENT, "LSF job %s has no process with a FLUX_URI", id);
    free (host);
    return uri;
}

static const struct {
    const char *name;
    char *(*resolve) (const char *text, flux_error_t *error); /* NULL: uri.c does */
} ours[] = {
    { "pid", from_pid },
    { "slurm", from_slurm },
    { "lsf", from_lsf },
    { "jobid", NULL },
};

/* Its place among ours, or -1. */
static int find_ours (const char *scheme)
{
    for (size_t i = 0; i < sizeof (ours) / sizeof (ours[0]); i++)
        if (strcmp (scheme, ours[i].name) == 0)
            return i;
    return -1;
}

/* flux-uri-SCHEME, as other commands are found. */
static bool find_program (const char *scheme, char *path, size_t size)
{
    char name[NAME_MAX];

    return (size_t)snprintf (name, sizeof (name), "flux-uri-%s", scheme) < sizeof (name)
           && program_find (name, path, size);
}

bool uri_scheme_known (const char *scheme)
{
    char path[PATH_MAX];

    return find_ours (scheme) >= 0 || find_program (scheme, path, sizeof (path));
}

char *uri_scheme_resolve (const char *scheme, const char *text, flux_error_t *error)
{
    int i = find_ours (scheme);
    char path[PATH_MAX];

    if (i >= 0 && ours[i].resolve)
        return ours[i].resolve (text, error);
    if (find_program (scheme, path, sizeof (path))) {
        const char *argv[] = { path, text, NULL };
        return first_line (argv, error);
    }
    return error_null (error, ENOENT, "No plugin for URI scheme %s", scheme);
}
