/* runat: lists of commands for later, e.g. "cleanup". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "broker/broker.h"
#include "broker/programs/command.h"
#include "broker/rc/runat.h"
#include "broker/rc/runlist.h"
#include "broker/routing/builtin.h"

struct runat {
    struct runlist *lists;
    const char *running; /* the list */
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
    char *cmd = runlist_take (ra->lists, ra->running);

    if (!cmd) {
        ra->cb (b, ra->status, ra->arg);
        return;
    }
    if (command_run (b, cmd, command_ended, NULL) < 0) {
        broker_log (b, LOG_ERR, "runat: %s: %s", cmd, strerror (errno));
        ra->status = 1 << 8;
        runlist_clear (ra->lists, ra->running);
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
    ra->running = name;
    run_next (b);
}

static void runat_push (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct runat *ra = arg;
    json_t *commands;
    const char *name;

    if (flux_msg_unpack (msg, "{s:s s:o}", "name", &name, "commands", &commands) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (runlist_push (ra->lists, name, commands) < 0)
        broker_respond_error (b, msg, errno,
                              errno == ENOSPC   ? "too many commands, or too long"
                              : errno == EPROTO ? "commands is not an array of strings"
                                                : NULL);
    else
        broker_respond (b, msg, NULL);
}

static const struct builtin table[] = {
    { "runat.push", runat_push, 0 },
    { NULL },
};

int runat_init (struct broker *b)
{
    struct runat *ra = calloc (1, sizeof (*ra));

    if (!ra || !(ra->lists = runlist_create ())) {
        free (ra);
        return -1;
    }
    b->runat = ra;
    return builtins_add (b, table, ra);
}

void runat_fini (struct broker *b)
{
    if (b->runat) {
        runlist_destroy (b->runat->lists);
        free (b->runat);
        b->runat = NULL;
    }
}
