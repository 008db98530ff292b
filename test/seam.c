/* Seams for system tests, preloaded into a broker.
 *
 * SEAM_ENCODED names a file: a line is added to it whenever the broker's own thread,
 * which has to pass on everybody's messages, walks JSON of LARGE members or more.
 * SEAM_CLEAN names a file: a commit that has a job's "clean" is held back for a second, and
 * the file is made when it goes on. SEAM_SPAWN is the number of a signal: each process that
 * the broker starts with posix_spawn gets it as soon as it is there. */
#include <dlfcn.h>
#include <fcntl.h>
#include <flux/core.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LARGE 1000
#define REAL(name) ((__typeof__ (name) *)dlsym (RTLD_NEXT, #name))

static void note (const char *variable, const char *text)
{
    const char *path = getenv (variable);
    int fd = path ? open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (fd >= 0) {
        if (write (fd, text, strlen (text)) < 0)
            abort ();
        close (fd);
    }
}

static void seen (size_t members)
{
    if (syscall (SYS_gettid) == getpid () && members >= LARGE)
        note ("SEAM_ENCODED", "the broker's thread\n");
}

void *json_object_iter (json_t *o)
{
    seen (json_object_size (o));
    return REAL (json_object_iter) (o);
}

size_t json_array_size (const json_t *o)
{
    size_t size = REAL (json_array_size) (o);

    seen (size);
    return size;
}

static _Thread_local bool has_clean;

int flux_kvs_txn_put_raw (flux_kvs_txn_t *txn, int flags, const char *key,
                          const void *data, size_t len)
{
    if (getenv ("SEAM_CLEAN") && data
        && memmem (data, len, "\"name\":\"clean\"", strlen ("\"name\":\"clean\"")))
        has_clean = true;
    return REAL (flux_kvs_txn_put_raw) (txn, flags, key, data, len);
}

flux_future_t *flux_kvs_commit (flux_t *h, const char *ns, int flags,
                                flux_kvs_txn_t *txn)
{
    if (has_clean) {
        has_clean = false;
        sleep (1);
        note ("SEAM_CLEAN", "goes on\n");
    }
    return REAL (flux_kvs_commit) (h, ns, flags, txn);
}

int posix_spawn (pid_t *pid, const char *path,
                 const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attr, char *const *argv, char *const *env)
{
    const char *signum = getenv ("SEAM_SPAWN");
    int rc = REAL (posix_spawn) (pid, path, actions, attr, argv, env);

    if (rc == 0 && signum) {
        (void)kill (*pid, atoi (signum));
        note ("SEAM_SPAWNED", path);
    }
    return rc;
}
