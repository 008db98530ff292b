/* module.trace: what modules are sent and what they send, one line for each
 * message, for those who ask. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "broker/broker.h"
#include "broker/modhost/trace.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "core/message/message.h"

struct tracer {
    struct list node;
    const flux_msg_t *msg; /* owns what the rest points to */
    json_t *names;
    const char *topic_glob;
    int typemask;
    int full;
};

struct trace {
    struct list tracers;
    bool (*loaded) (struct broker *b, const char *name);
};

static void tracer_destroy (struct tracer *t)
{
    list_remove (&t->node);
    flux_msg_decref (t->msg);
    free (t);
}

static bool wants (const struct tracer *t, const char *name, int type,
                   const char *topic)
{
    json_t *entry;
    size_t i;

    if (!(type & t->typemask) || fnmatch (t->topic_glob, topic, 0) != 0)
        return false;
    json_array_foreach (t->names, i, entry) {
        const char *s = json_string_value (entry);

        if (s && fnmatch (s, name, 0) == 0)
            return true;
    }
    return false;
}

static void format_line (struct tracer *t, const char *name, const char *dir,
                         const flux_msg_t *msg, int type, const char *topic, char *buf,
                         size_t size)
{
    const void *payload = NULL;
    size_t len = 0, n = 0;
    struct timespec ts;
    struct tm tm;
    int errnum = 0;

    clock_gettime (CLOCK_REALTIME, &ts);
    localtime_r (&ts.tv_sec, &tm);
    (void)flux_msg_get_payload (msg, &payload, &len);
    n = snprintf (buf, size, "%02d:%02d:%02d.%06ld %s %s %s %s [%zu]", tm.tm_hour,
                  tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000, name, dir,
                  flux_msg_typestr (type), topic, len);
    /* What a long topic leaves no room for is not there. */
    if (n < size && type == FLUX_MSGTYPE_RESPONSE
        && flux_msg_get_errnum (msg, &errnum) == 0 && errnum != 0)
        n += snprintf (buf + n, size - n, " %s", strerror (errnum));
    if (n < size && t->full && len > 1 && ((const char *)payload)[len - 1] == '\0')
        snprintf (buf + n, size - n, "\n%s", (const char *)payload);
}

void trace_message (struct broker *b, const char *name, const char *dir,
                    const flux_msg_t *msg)
{
    const char *topic = "";
    char line[8192];
    int type;

    if (!b->trace || list_empty (&b->trace->tracers)
        || flux_msg_get_type (msg, &type) < 0)
        return;
    (void)flux_msg_get_topic (msg, &topic);
    list_foreach (&b->trace->tracers, it) {
        struct tracer *t = container_of (it, struct tracer, node);
        flux_msg_t *rep;

        if (!wants (t, name, type, topic) || !(rep = flux_response_derive (t->msg, 0)))
            continue;
        format_line (t, name, dir, msg, type, topic, line, sizeof (line));
        flux_msg_set_streaming (rep);
        if (flux_msg_set_string (rep, line) == 0)
            router_response (b, NULL, rep);
        else
            flux_msg_decref (rep);
    }
}

static void module_trace (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct tracer *t;
    size_t i;
    json_t *entry;

    if (!broker_check_streaming (b, msg))
        return;
    if (!(t = calloc (1, sizeof (*t)))) {
        broker_respond_error (b, msg, ENOMEM, NULL);
        return;
    }
    t->topic_glob = "*";
    t->typemask = FLUX_MSGTYPE_ANY;
    if (flux_msg_unpack (msg, "{s:o s?i s?s s?b}", "names", &t->names, "typemask",
                         &t->typemask, "topic_glob", &t->topic_glob, "full", &t->full)
            < 0
        || !json_is_array (t->names)) {
        free (t);
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    json_array_foreach (t->names, i, entry) {
        const char *s = json_string_value (entry);

        if (!s || (!strpbrk (s, "*?[") && !b->trace->loaded (b, s))) {
            char why[160];

            snprintf (why, sizeof (why), "%.100s: no such module is loaded",
                      s ? s : "a name that is no text");
            free (t);
            broker_respond_error (b, msg, ENOENT, why);
            return;
        }
    }
    t->msg = flux_msg_incref (msg);
    list_append (&b->trace->tracers, &t->node);
}

static void disconnect (struct broker *b, const flux_msg_t *msg, void *arg)
{
    list_foreach (&b->trace->tracers, it) {
        struct tracer *t = container_of (it, struct tracer, node);

        if (flux_disconnect_match (msg, t->msg))
            tracer_destroy (t);
    }
}

static const struct builtin table[] = {
    { "module.trace", module_trace, 0 },
    { NULL },
};

int trace_init (struct broker *b, bool (*loaded) (struct broker *b, const char *name))
{
    if (!(b->trace = calloc (1, sizeof (*b->trace))))
        return -1;
    list_init (&b->trace->tracers);
    b->trace->loaded = loaded;
    builtins_on_disconnect (b, disconnect, NULL);
    return builtins_add (b, table, NULL);
}

void trace_fini (struct broker *b)
{
    if (b->trace) {
        list_foreach (&b->trace->tracers, it)
            tracer_destroy (container_of (it, struct tracer, node));
        free (b->trace);
        b->trace = NULL;
    }
}
