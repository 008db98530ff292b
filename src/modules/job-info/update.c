#include "update.h"

#include "value/eventlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int update_set_path (json_t *o, const char *path, json_t *value)
{
    char *copy = strdup (path), *name = copy, *dot;
    int rc = -1;

    if (!copy)
        return -1;
    while ((dot = strchr (name, '.'))) {
        json_t *next;

        *dot = '\0';
        if (!(next = json_object_get (o, name))) {
            if (!(next = json_object ()) || json_object_set_new (o, name, next) < 0)
                goto done;
        }
        o = next;
        name = dot + 1;
    }
    rc = *name ? json_object_set (o, name, value) : -1;
done:
    free (copy);
    if (rc < 0)
        errno = EINVAL;
    return rc;
}

bool update_apply (json_t *o, const char *key, const char *name, json_t *context)
{
    const char *path;
    json_t *value;
    bool changed = false;

    if (!strcmp (key, "jobspec") && !strcmp (name, "jobspec-update")) {
        json_object_foreach (context, path, value)
            changed |= update_set_path (o, path, value) == 0;
    } else if (!strcmp (key, "R") && !strcmp (name, "resource-update")) {
        json_object_foreach (context, path, value)
            if (!strcmp (path, "expiration"))
                changed |= update_set_path (o, "execution.expiration", value) == 0;
    }
    return changed;
}

int update_apply_log (json_t *o, const char *key, const char *log, size_t len)
{
    const char *pos = log, *line;
    size_t n;

    while (eventlog_next_line (&pos, log + len, &line, &n)) {
        json_t *entry = eventlog_entry_decode (line, n), *context;
        const char *name;

        if (!entry)
            return -1;
        if (eventlog_entry_parse (entry, NULL, &name, &context) == 0)
            update_apply (o, key, name, context);
        json_decref (entry);
    }
    return 0;
}
