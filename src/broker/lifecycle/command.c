/* Programs that the broker starts: their environment, and "sh -c". */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/lifecycle/command.h"
#include "broker/lifecycle/keep.h"

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
    struct list node;
    struct broker *b;
    struct keep *shell;
    command_f cb;
    void *arg;
};

static struct list commands = { &commands, &commands }; /* that run */

static void command_destroy (struct command *c)
{
    if (c) {
        list_remove (&c->node);
        keep_destroy (c->shell);
        free (c);
    }
}

static void command_done (struct broker *b, int status, void *arg)
{
    struct command *c = arg;
    command_f cb = c->cb;
    void *cb_arg = c->arg;

    command_destroy (c);
    cb (b, status, cb_arg);
}

int command_run (struct broker *b, const char *cmdline, command_f cb, void *arg)
{
    char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)cmdline, NULL };
    struct command *c = calloc (1, sizeof (*c));
    char **env = c ? broker_program_env (b) : NULL;

    if (!env) {
        free (c);
        return -1;
    }
    list_init (&c->node);
    c->b = b;
    c->cb = cb;
    c->arg = arg;
    c->shell = keep_start (b, argv, env, KEEP_PGRP | KEEP_NO_INPUT, command_done, c);
    broker_program_env_free (env);
    if (!c->shell) {
        command_destroy (c);
        return -1;
    }
    list_append (&commands, &c->node);
    return 0;
}

void command_stop_all (struct broker *b)
{
    list_foreach (&commands, it)
        keep_kill (container_of (it, struct command, node)->shell, SIGTERM);
}

void command_fini (struct broker *b)
{
    list_foreach (&commands, it)
        command_destroy (container_of (it, struct command, node));
}
