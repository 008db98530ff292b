#include "ask.h"

#include <errno.h>
#include <string.h>

#include "base/json/jsontext.h"

struct member {
    const char *name;
    struct span *value;
};

/* A key may be written with escapes. */
static bool is_name (struct span key, const char *name)
{
    char plain[64];
    ssize_t len = key.len;

    if (key.len < sizeof (plain) && memchr (key.s, '\\', key.len)) {
        len = json_unescape (plain, key.s, key.len);
        key.s = plain;
    }
    return len >= 0 && (size_t)len == strlen (name) && !memcmp (key.s, name, len);
}

/* Of members of the same name the last counts, as everywhere. White space may be before. */
static int find (struct span o, const struct member *m, size_t count)
{
    struct span key, value;
    size_t pos = 0;
    int rc;

    for (; o.len > 0 && strchr (" \t\r\n", *o.s); o.len--)
        o.s++;
    if (o.len == 0 || *o.s != '{')
        goto error;
    while ((rc = json_span_next (o, &pos, &key, &value)) > 0)
        for (size_t i = 0; i < count; i++)
            if (is_name (key, m[i].name))
                *m[i].value = value;
    if (rc == 0)
        return 0;
error:
    errno = EPROTO;
    return -1;
}

static int parse_jobspec (struct ask *a, struct span jobspec)
{
    struct span attributes = { NULL, 0 }, system = { NULL, 0 };
    const struct member top[] = { { "version", &a->version },
                                  { "resources", &a->resources },
                                  { "tasks", &a->tasks },
                                  { "attributes", &attributes } };
    const struct member middle[] = { { "system", &system } };
    const struct member inner[] = { { "duration", &a->duration },
                                    { "constraints", &a->constraints },
                                    { "queue", &a->queue } };

    if (find (jobspec, top, 4) < 0)
        return -1;
    /* They may be missing, or null. */
    if (attributes.len > 0 && *attributes.s == '{' && find (attributes, middle, 1) < 0)
        return -1;
    return system.len > 0 && *system.s == '{' ? find (system, inner, 3) : 0;
}

int ask_parse (struct ask *a, struct span text)
{
    struct span id = { NULL, 0 }, priority = { NULL, 0 }, jobspec = { NULL, 0 };
    const struct member members[] = { { "id", &id },
                                      { "priority", &priority },
                                      { "jobspec", &jobspec } };
    double duration;
    int64_t n;

    memset (a, 0, sizeof (*a));
    if (find (text, members, 3) < 0 || !jsontext_int (id, &n)
        || !jsontext_int (priority, &a->priority) || parse_jobspec (a, jobspec) < 0) {
        errno = EPROTO;
        return -1;
    }
    a->id = (uint64_t)n;
    /* What is no number is refused by the match. */
    a->endless = !jsontext_number (a->duration, &duration) || duration <= 0;
    return 0;
}

static void add (struct buf *b, const char *key, struct span value)
{
    char last = b->len > 0 ? b->data[b->len - 1] : '{';

    if (value.len == 0)
        return;
    if (last != '{')
        buf_addc (b, ',');
    buf_addc (b, '"');
    buf_adds (b, key);
    buf_adds (b, "\":");
    buf_add (b, value.s, value.len);
}

/* What a task runs does not matter. */
static int add_tasks (struct buf *b, struct span tasks)
{
    struct span key, task;
    size_t pos = 0;
    int rc, n = 0;

    if (tasks.len == 0)
        return 0;
    if (*tasks.s != '[') {
        errno = EPROTO;
        return -1;
    }
    buf_adds (b, ",\"tasks\":[");
    while ((rc = json_span_next (tasks, &pos, &key, &task)) > 0) {
        struct span slot = { NULL, 0 }, count = { NULL, 0 };
        const struct member members[] = { { "slot", &slot }, { "count", &count } };

        if (find (task, members, 2) < 0)
            return -1;
        buf_adds (b, n++ > 0 ? ",{" : "{");
        add (b, "command", (struct span){ "[\"-\"]", 5 });
        add (b, "slot", slot);
        add (b, "count", count);
        buf_addc (b, '}');
    }
    buf_addc (b, ']');
    errno = EPROTO;
    return rc;
}

int ask_shape (const struct ask *a, struct buf *b)
{
    buf_reset (b);
    buf_addc (b, '{');
    add (b, "version", a->version);
    add (b, "resources", a->resources);
    if (add_tasks (b, a->tasks) < 0)
        return -1;
    add (b, "attributes", (struct span){ "{\"system\":{", 11 });
    add (b, "duration", a->duration);
    add (b, "constraints", a->constraints);
    add (b, "queue", a->queue);
    buf_adds (b, "}}}");
    errno = ENOMEM;
    return b->err ? -1 : 0;
}

const char *ask_queue (const struct ask *a, struct buf *b)
{
    if (a->queue.len == 0 || *a->queue.s != '"')
        return NULL;
    buf_reset (b);
    buf_adds (b, ""); /* it may be empty */
    return json_span_unquote (a->queue, b) == 0 && !b->err ? b->data : NULL;
}

int ask_free_parse (struct ask_free *a, struct span text)
{
    struct span id = { NULL, 0 }, final = { NULL, 0 };
    const struct member members[] = { { "id", &id },
                                      { "R", &a->R },
                                      { "final", &final } };
    int64_t n;

    memset (a, 0, sizeof (*a));
    if (find (text, members, 3) < 0 || !jsontext_int (id, &n) || a->R.len == 0
        || *a->R.s != '{' || (final.len > 0 && *final.s != 't' && *final.s != 'f')) {
        errno = EPROTO;
        return -1;
    }
    a->id = (uint64_t)n;
    a->final = final.len == 0 || *final.s == 't';
    return 0;
}

int match_answer_parse (struct match_answer *a, struct span text)
{
    struct span status = { NULL, 0 }, at = { NULL, 0 }, errnum = { NULL, 0 },
                tried = { NULL, 0 };
    const struct member members[] = {
        { "status", &status }, { "R", &a->R },       { "at", &at },
        { "errnum", &errnum }, { "text", &a->text }, { "tried", &tried },
    };
    int64_t n = 0;

    memset (a, 0, sizeof (*a));
    if (find (text, members, 6) < 0 || !json_span_plain (status, &a->status)
        || (at.len > 0 && !jsontext_int (at, &a->at))
        || (errnum.len > 0 && !jsontext_int (errnum, &n))) {
        errno = EPROTO;
        return -1;
    }
    a->errnum = (int)n;
    a->tried = tried.len > 0 && *tried.s == 't';
    return 0;
}
