/* runat: lists of commands for later, e.g. "cleanup". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "broker/broker.h"
#include "broker/lifecycle/command.h"
#include "broker/lifecycle/runat.h"
#include "broker/routing/builtin.h"

#define COMMANDS_MAX 10000

struct runat {
    json_t *lists; /* name: [command, ...] in the order they were pushed */
    json_t *running;
    command_f cb;
    void *arg;
    int status;
};

static void run_next (struct broker *b);

static void command_ended (struct broker *b, int status, void *arg)
{
    if (status != 0) {
        broker_log (b, LOG_ERR, "runat: command failed with status %d",
                    WIFSIGNALED (status) ? 128 + WTERMSIG (status)
                                         : WEXITSTATUS (status));
        b->runat->status = status;
    }
    /* Unless the instance went on without it. */
    if (b->state <= STATE_CLEANUP)
        run_next (b);
}

/* Last pushed, first run. */
static void run_next (struct broker *b)
{
    struct runat *ra = b->runat;
    size_t count = json_array_size (ra->running);
    char *cmd;

    if (count == 0) {
        ra->cb (b, ra->status, ra->arg);
        return;
    }
    cmd = strdup (json_string_value (json_array_get (ra->running, count - 1)));
    json_array_remove (ra->running, count - 1);
    if (!cmd || command_run (b, cmd, command_ended, NULL) < 0) {
        broker_log (b, LOG_ERR, "runat: %s: %s", cmd ? cmd : "?", strerror (errno));
        ra->status = 1 << 8;
        json_array_clear (ra->running);
        ra->cb (b, ra->status, ra->arg);
    }
    free (cmd);
}

void runat_start (struct broker *b, const char *name, command_f cb, void *arg)
{
    struct runat *ra = b->runat;

    ra->cb = cb;
    ra->arg = arg;
    ra->status = 0;
    ra->running = json_object_get (ra->lists, name);
    run_next (b);
}

static void runat_push (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct runat *ra = arg;
    json_t *commands, *cmd, *list;
    const char *name;
    size_t i;

    if (flux_msg_unpack (msg, "{s:s s:o}", "name", &name, "commands", &commands) < 0
        || !json_is_array (commands)) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    json_array_foreach (commands, i, cmd) {
        if (!json_is_string (cmd)) {
            broker_respond_error (b, msg, EPROTO, "a command is not a string");
            return;
        }
    }
    if (!(list = json_object_get (ra->lists, name))) {
        list = json_array ();
        json_object_set_new (ra->lists, name, list);
    }
    if (json_array_size (list) + json_array_size (commands) > COMMANDS_MAX) {
        broker_respond_error (b, msg, ENOSPC, "too many commands");
        return;
    }
    json_array_foreach (commands, i, cmd)
        json_array_append (list, cmd);
    broker_respond (b, msg, NULL);
}

static const struct builtin table[] = {
    { "runat.push", runat_push, 0 },
    { NULL },
};

int runat_init (struct broker *b)
{
    struct runat *ra = calloc (1, sizeof (*ra));

    if (!ra || !(ra->lists = json_object ())) {
        free (ra);
        return -1;
    }
    b->runat = ra;
    return builtins_add (b, table, ra);
}

void runat_fini (struct broker *b)
{
    if (b->runat) {
        json_decref (b->runat->lists);
        free (b->runat);
        b->runat = NULL;
    }
}
