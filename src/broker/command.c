/* Programs that the broker starts: their environment, and "sh -c". */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"

extern char **environ;

/* What a program must not inherit: it concerns the broker's own place in an
 * enclosing job. */
static const char *unset[] = {
    "FLUX_JOB_ID",
    "FLUX_JOB_ID_PATH",
    "FLUX_JOB_SIZE",
    "FLUX_JOB_NNODES",
    "FLUX_JOB_TMPDIR",
    "FLUX_JOB_CC",
    "FLUX_TASK_*",
    "FLUX_KVS_NAMESPACE",
    "FLUX_PROXY_REMOTE",
    "FLUX_PMI_LIBRARY_PATH",
    "FLUX_URI",
    "FLUX_ENCLOSING_ID",
    "I_MPI_PMI_LIBRARY",
    "PMI_*",
    "SLURM_*",
    "PMIX_*",
    "PALS_*",
};

static bool is_unset (const char *var)
{
    for (size_t i = 0; i < sizeof (unset) / sizeof (unset[0]); i++) {
        size_t len = strlen (unset[i]);

        if (unset[i][len - 1] == '*') {
            if (strncmp (var, unset[i], len - 1) == 0)
                return true;
        } else if (strncmp (var, unset[i], len) == 0 && var[len] == '=')
            return true;
    }
    return false;
}

/* Borrows from environ, but for the variables that it sets: they come first. */
char **broker_program_env (struct broker *b)
{
    const char *jobid = attrs_val (b->attrs, "jobid");
    size_t count = 0, n = 0;
    char **env;

    while (environ[count])
        count++;
    if (!(env = calloc (count + 4, sizeof (*env))))
        return NULL;
    if (asprintf (&env[n++], "FLUX_URI=%s", attrs_val (b->attrs, "local-uri")) < 0
        || (jobid && asprintf (&env[n++], "FLUX_ENCLOSING_ID=%s", jobid) < 0)) {
        free (env);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (!is_unset (environ[i]))
            env[n++] = environ[i];
    return env;
}

void broker_program_env_free (char **env)
{
    if (env) {
        free (env[0]);
        if (env[1] && strncmp (env[1], "FLUX_ENCLOSING_ID=", 18) == 0)
            free (env[1]);
        free (env);
    }
}

struct command {
    struct broker *b;
    flux_watcher_t *w;
    command_f cb;
    void *arg;
};

static void command_done (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct command *c = arg;
    int status = flux_child_watcher_get_rstatus (w);

    flux_watcher_destroy (w);
    c->cb (c->b, status, c->arg);
    free (c);
}

static pid_t spawn_shell (struct broker *b, const char *cmdline)
{
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)cmdline, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char **env = broker_program_env (b);
    sigset_t none;
    pid_t pid = -1;

    if (!env)
        return -1;
    sigemptyset (&none);
    posix_spawnattr_init (&attr);
    posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask (&attr, &none);
    posix_spawn_file_actions_init (&actions);
    posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
    if ((errno = posix_spawn (&pid, "/bin/sh", &actions, &attr, argv, env)) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy (&actions);
    posix_spawnattr_destroy (&attr);
    broker_program_env_free (env);
    return pid;
}

int command_run (struct broker *b, const char *cmdline, command_f cb, void *arg)
{
    struct command *c = calloc (1, sizeof (*c));
    pid_t pid;

    if (!c || (pid = spawn_shell (b, cmdline)) < 0) {
        free (c);
        return -1;
    }
    c->b = b;
    c->cb = cb;
    c->arg = arg;
    if (!(c->w = flux_child_watcher_create (b->reactor, pid, false, command_done, c))) {
        free (c);
        return -1;
    }
    flux_watcher_start (c->w);
    return 0;
}
