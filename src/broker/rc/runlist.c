#include "broker/rc/runlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct runlist {
    json_t *lists; /* name: [command, ...] in the order they were pushed */
    size_t bytes;  /* of commands */
};

struct runlist *runlist_create (void)
{
    struct runlist *l = calloc (1, sizeof (*l));

    if (l && !(l->lists = json_object ())) {
        free (l);
        errno = ENOMEM;
        return NULL;
    }
    return l;
}

void runlist_destroy (struct runlist *l)
{
    if (l) {
        json_decref (l->lists);
        free (l);
    }
}

static int fail (int errnum)
{
    errno = errnum;
    return -1;
}

static size_t bytes_of (json_t *commands)
{
    size_t i, bytes = 0;
    json_t *cmd;

    json_array_foreach (commands, i, cmd)
        bytes += json_string_length (cmd) + 1;
    return bytes;
}

static int check (struct runlist *l, const char *name, json_t *commands)
{
    json_t *cmd, *list = json_object_get (l->lists, name);
    size_t i;

    if (!*name || !json_is_array (commands))
        return fail (EPROTO);
    json_array_foreach (commands, i, cmd)
        if (!json_is_string (cmd))
            return fail (EPROTO);
    if (strlen (name) > RUNLIST_NAME_MAX)
        return fail (ENAMETOOLONG);
    if (json_array_size (commands) == 0)
        return 0;
    if ((!list && json_object_size (l->lists) >= RUNLIST_MAX)
        || json_array_size (list) + json_array_size (commands) > RUNLIST_COMMANDS_MAX
        || l->bytes + bytes_of (commands) > RUNLIST_BYTES_MAX)
        return fail (ENOSPC);
    return 0;
}

int runlist_push (struct runlist *l, const char *name, json_t *commands)
{
    json_t *list;

    if (check (l, name, commands) < 0)
        return -1;
    if (json_array_size (commands) == 0)
        return 0;
    if (!(list = json_object_get (l->lists, name))) {
        if (json_object_set_new (l->lists, name, list = json_array ()) < 0)
            return fail (ENOMEM);
    }
    if (json_array_extend (list, commands) < 0)
        return fail (ENOMEM);
    l->bytes += bytes_of (commands);
    return 0;
}

char *runlist_take (struct runlist *l, const char *name)
{
    json_t *list = json_object_get (l->lists, name);
    size_t count = json_array_size (list);
    char *cmd;

    if (count == 0)
        return NULL;
    cmd = strdup (json_string_value (json_array_get (list, count - 1)));
    l->bytes -= json_string_length (json_array_get (list, count - 1)) + 1;
    json_array_remove (list, count - 1);
    return cmd;
}

void runlist_clear (struct runlist *l, const char *name)
{
    l->bytes -= bytes_of (json_object_get (l->lists, name));
    json_object_del (l->lists, name);
}
