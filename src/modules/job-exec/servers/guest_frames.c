#include "modules/job-exec/servers/guest_frames.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/jsontext.h"
#include "core/shell/protocol.h"
#include "value/eventlog.h"

/* Behind its window: the rest of its tasks' last lines comes without credit. */
#define OUTPUT_BEYOND (64 * 1024 * 1024)
/* Events, exceptions, lines for the log. */
#define TALK_MAX (1024. * 1024)
#define TALK_PER_SECOND (64. * 1024)
#define FRAME_COST 64 /* of an empty one */

void guest_frames_init (struct guest_frames *g, const char *record, size_t len)
{
    struct span v;

    *g = (struct guest_frames){ .talk = TALK_MAX };
    if (jsontext_get ((struct span){ record, len }, "output_window", &v) == 0)
        g->window = strtoull (v.s, NULL, 10);
}

static bool is_number (const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isdigit ((unsigned char)text[i]))
            return false;
    }
    return len > 0 && len < 20;
}

/* What job-exec itself says of a job. */
static bool is_ours (const char *name)
{
    static const char *const names[] = { "init",     "starting", "re-starting",
                                         "complete", "done",     "shell-exit" };

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        if (strcmp (name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool is_entry (const char *text, size_t len)
{
    json_t *o = eventlog_entry_decode (text, len);
    const char *name;
    bool rc = o && eventlog_entry_parse (o, NULL, &name, NULL) == 0 && !is_ours (name);

    json_decref (o);
    return rc;
}

static bool is_exception (const char *text, size_t len)
{
    json_t *o = json_loadb (text, len, 0, NULL);
    const char *type, *note = "";
    int severity = -1;
    bool rc = o
              && json_unpack (o, "{s:s s:i s?s}", "type", &type, "severity", &severity,
                              "note", &note)
                     == 0
              && severity >= 0 && severity <= 7 && *type && !strpbrk (type, " \t\r\n");

    json_decref (o);
    return rc;
}

/* With spaces and points. */
static bool are_numbers (const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isdigit ((unsigned char)text[i]) && text[i] != ' ' && text[i] != '.')
            return false;
    }
    return len > 0 && len < 64;
}

/* w: numbers, and an entry for the leader, which belongs to the same user. */
static bool makes_sense (char type, const char *text, size_t len)
{
    switch (type) {
    case 'e':
    case 't':
    case 'o':
        return is_entry (text, len);
    case 's':
        return len == 0 || is_entry (text, len);
    case 'x':
        return is_exception (text, len);
    case 'c':
    case 'a':
    case 'X':
        return is_number (text, len);
    case 'T':
    case 'v':
        return are_numbers (text, len);
    default:
        return type && strchr ("rblwp", type);
    }
}

static bool may_talk (struct guest_frames *g, size_t len, double now)
{
    if (g->since > 0 && now > g->since)
        g->talk += (now - g->since) * TALK_PER_SECOND;
    if (g->talk > TALK_MAX)
        g->talk = TALK_MAX;
    g->since = now;
    g->talk -= FRAME_COST + len;
    return g->talk >= 0;
}

/* Of c and a: they are as many as what they answer. */
static bool is_answer (struct guest_frames *g, const char *text)
{
    int64_t bytes = strtoll (text, NULL, 10);

    if (bytes == 0 || bytes > g->unanswered)
        return false;
    g->unanswered -= bytes;
    return true;
}

const char *guest_frames_check (struct guest_frames *g, char type, const char *text,
                                size_t len, double now)
{
    if (!makes_sense (type, text, len))
        return "malformed frame from";
    if (strchr ("oste", type) && (g->stored += len) > GUEST_STORED_MAX)
        return "more output than is kept from";
    if (type == 'o' || type == 'w') {
        g->output += len;
        return g->output > (int64_t)g->window + OUTPUT_BEYOND
                   ? "more output than was asked for from"
                   : NULL;
    }
    if (type == 'b') {
        if (g->in_barrier)
            return "malformed frame from";
        g->in_barrier = true;
        return NULL;
    }
    if ((type == 'c' || type == 'a') && is_answer (g, text))
        return NULL;
    return type == 'X' || may_talk (g, len, now) ? NULL : "too many messages from";
}

void guest_frames_sent (struct guest_frames *g, char type, const char *text, size_t len)
{
    if (type == 'i' || type == 'w')
        g->unanswered += len;
    if (type == 'B')
        g->in_barrier = false;
    if (type == 'C') {
        g->output -= strtoll (text, NULL, 10);
        if (g->output < 0) /* credit that was granted before it was used */
            g->output = 0;
    }
}
