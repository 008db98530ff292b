#include "log.h"
#include "update.h"

#include "value/eventlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool log_ends (const char *path, const char *line, size_t len)
{
    const char *end = !strcmp (path, "eventlog")              ? "clean"
                      : !strcmp (path, "guest.exec.eventlog") ? "done"
                                                              : NULL;
    json_t *entry;
    const char *name;
    bool last;

    if (!end || !memmem (line, len, end, strlen (end))
        || !(entry = eventlog_entry_decode (line, len)))
        return false;
    last = eventlog_entry_parse (entry, NULL, &name, NULL) == 0 && !strcmp (name, end);
    json_decref (entry);
    return last;
}

bool log_has_last (const char *path, const char *data, size_t len)
{
    const char *p = data, *end = data + len, *newline;

    while (p < end && (newline = memchr (p, '\n', end - p))) {
        if (log_ends (path, p, newline + 1 - p))
            return true;
        p = newline + 1;
    }
    return false;
}

int log_owner (const char *log, size_t len, uint32_t *userid)
{
    const char *pos = log, *line;
    json_t *entry = NULL, *context;
    json_int_t uid;
    size_t n;
    int rc = -1;

    if (eventlog_next_line (&pos, log + len, &line, &n)
        && (entry = eventlog_entry_decode (line, n))
        && eventlog_entry_parse (entry, NULL, NULL, &context) == 0
        && json_unpack (context, "{s:I}", "userid", &uid) == 0 && uid >= 0
        && uid <= UINT32_MAX) {
        *userid = uid;
        rc = 0;
    }
    json_decref (entry);
    if (rc < 0)
        errno = EINVAL;
    return rc;
}

bool log_apply (const char *log, size_t len, size_t *pos, const char *key,
                json_t *object)
{
    const char *end = log + len, *p = log + *pos, *newline;
    bool changed = false;

    while (p < end && (newline = memchr (p, '\n', end - p))) {
        json_t *entry = eventlog_entry_decode (p, newline + 1 - p), *context;
        const char *name;

        if (entry && eventlog_entry_parse (entry, NULL, &name, &context) == 0)
            changed |= update_apply (object, key, name, context);
        json_decref (entry);
        p = newline + 1;
    }
    *pos = p - log;
    return changed;
}

json_t *log_value (int flags, const char *key, const char *data, size_t len,
                   const char *log, size_t log_len)
{
    bool object = !strcmp (key, "jobspec") || !strcmp (key, "R");
    bool current = object && (flags & JOB_INFO_CURRENT);
    json_t *o, *text;
    char *s;

    if (!object || (!current && !(flags & JOB_INFO_JSON_DECODE)))
        return json_stringn (data ? data : "", len);
    if (!(o = json_loadb (data ? data : "", len, JSON_ALLOW_NUL, NULL))
        || (current && update_apply_log (o, key, log, log_len) < 0)) {
        json_decref (o);
        errno = EINVAL;
        return NULL;
    }
    if ((flags & JOB_INFO_JSON_DECODE))
        return o;
    s = json_dumps (o, JSON_COMPACT);
    text = s ? json_string (s) : NULL;
    free (s);
    json_decref (o);
    return text;
}
