/* Messages for people. */
#include <flux/message.h>

#include <ctype.h>
#include <string.h>

#include "core/message/message_impl.h"

static const struct {
    int type;
    const char *name;
    const char *mark;
} types[] = {
    { FLUX_MSGTYPE_REQUEST, "request", ">" },
    { FLUX_MSGTYPE_RESPONSE, "response", "<" },
    { FLUX_MSGTYPE_EVENT, "event", "e" },
    { FLUX_MSGTYPE_CONTROL, "control", "c" },
};

const char *flux_msg_typestr (int type)
{
    for (size_t i = 0; i < sizeof (types) / sizeof (types[0]); i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown";
}

static const char *mark (int type)
{
    for (size_t i = 0; i < sizeof (types) / sizeof (types[0]); i++)
        if (types[i].type == type)
            return types[i].mark;
    return "?";
}

static void print_flags (FILE *f, int flags)
{
    static const char *names[] = { "topic",    "payload", "noresponse", "route",
                                   "upstream", "private", "streaming",  "user1" };
    const char *sep = "";

    for (int i = 0; i < 8; i++) {
        if ((flags & (1 << i))) {
            fprintf (f, "%s%s", sep, names[i]);
            sep = ",";
        }
    }
}

static void print_header (FILE *f, const flux_msg_t *msg)
{
    fprintf (f, "%s flags=", mark (msg->type));
    print_flags (f, msg->flags);
    if (msg->userid != FLUX_USERID_UNKNOWN)
        fprintf (f, " userid=%u", msg->userid);
    else
        fprintf (f, " userid=unknown");
    fprintf (f, " rolemask=0x%x", msg->rolemask);
    switch (msg->type) {
    case FLUX_MSGTYPE_REQUEST:
        if (msg->aux1 == FLUX_NODEID_ANY)
            fprintf (f, " nodeid=any");
        else
            fprintf (f, " nodeid=%u", msg->aux1);
        fprintf (f, " matchtag=%u", msg->aux2);
        break;
    case FLUX_MSGTYPE_RESPONSE:
        fprintf (f, " errnum=%u matchtag=%u", msg->aux1, msg->aux2);
        break;
    case FLUX_MSGTYPE_EVENT:
        fprintf (f, " seq=%u", msg->aux1);
        break;
    case FLUX_MSGTYPE_CONTROL:
        fprintf (f, " type=%u status=%u", msg->aux1, msg->aux2);
        break;
    }
    fputc ('\n', f);
}

static void print_payload (FILE *f, const flux_msg_t *msg)
{
    const unsigned char *p;
    const void *data;
    size_t len, shown;

    if (flux_msg_get_payload (msg, &data, &len) < 0)
        return;
    p = data;
    shown = len > 0 && p[len - 1] == '\0' ? len - 1 : len;
    fprintf (f, "%s ", mark (msg->type));
    for (size_t i = 0; i < shown && i < 1024; i++) {
        if (isprint (p[i]))
            fputc (p[i], f);
        else
            fprintf (f, "\\x%02x", p[i]);
    }
    if (shown > 1024)
        fprintf (f, "... (%zu bytes)", len);
    fputc ('\n', f);
}

void flux_msg_fprint_ts (FILE *f, const flux_msg_t *msg, double timestamp)
{
    if (timestamp >= 0)
        fprintf (f, "%s %.5f\n", msg ? mark (msg->type) : "?", timestamp);
    flux_msg_fprint (f, msg);
}

void flux_msg_fprint (FILE *f, const flux_msg_t *msg)
{
    if (!f)
        return;
    fprintf (f, "--------------------------------------\n");
    if (!msg) {
        fprintf (f, "NULL\n");
        return;
    }
    print_header (f, msg);
    if ((msg->flags & FLUX_MSGFLAG_ROUTE)) {
        for (const char *id = msg_route_top (msg); id; id = msg_route_below (msg, id))
            fprintf (f, "%s |%s\n", mark (msg->type), id);
        fprintf (f, "%s |\n", mark (msg->type));
    }
    if (msg->topic)
        fprintf (f, "%s %s\n", mark (msg->type), msg->topic);
    print_payload (f, msg);
}
