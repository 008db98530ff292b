/* Programs that the broker starts, by "sh -c". */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/programs/command.h"
#include "broker/programs/keep.h"
#include "broker/programs/program_env.h"

extern char **environ;

char **broker_program_env (struct broker *b)
{
    return program_env (environ, attrs_val (b->attrs, "local-uri"),
                        attrs_val (b->attrs, "jobid"));
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
    program_env_free (env);
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
