/* module.trace: what modules are sent and what they send; overlay.trace: what a broker is
 * sent by its neighbours in the tree, and sends to them. One line for each message, for
 * those who ask. */
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
    json_t *names;         /* of modules; NULL: of the overlay, and ... */
    int rank;              /* ... with this broker, -1: with all */
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

/* One message: name is that of a module, or NULL, and rank that of a broker. */
struct traced {
    const flux_msg_t *msg;
    const char *name, *dir, *topic;
    int rank, type;
};

static bool wants (const struct tracer *t, const struct traced *m)
{
    json_t *entry;
    size_t i;

    if (!m->name != !t->names || !(m->type & t->typemask)
        || fnmatch (t->topic_glob, m->topic, 0) != 0)
        return false;
    if (!m->name)
        return t->rank < 0 || t->rank == m->rank;
    json_array_foreach (t->names, i, entry) {
        const char *s = json_string_value (entry);

        if (s && fnmatch (s, m->name, 0) == 0)
            return true;
    }
    return false;
}

static char type_sign (int type)
{
    return type == FLUX_MSGTYPE_REQUEST    ? '>'
           : type == FLUX_MSGTYPE_RESPONSE ? '<'
           : type == FLUX_MSGTYPE_EVENT    ? 'e'
                                           : 'c';
}

static void format_line (struct tracer *t, const struct traced *m, char *buf,
                         size_t size)
{
    const void *payload = NULL;
    size_t len = 0, n = 0;
    struct timespec ts;
    struct tm tm;
    int errnum = 0;

    clock_gettime (CLOCK_REALTIME, &ts);
    localtime_r (&ts.tv_sec, &tm);
    (void)flux_msg_get_payload (m->msg, &payload, &len);
    n = snprintf (buf, size, "%02d:%02d:%02d.%06ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                  ts.tv_nsec / 1000);
    if (m->name)
        n += snprintf (buf + n, size - n, "%s %s", m->name, m->dir);
    else if (m->rank >= 0)
        n += snprintf (buf + n, size - n, "%s %d", m->dir, m->rank);
    else
        n += snprintf (buf + n, size - n, "%s ?", m->dir);
    /* What a long topic leaves no room for is not there. */
    if (n < size)
        n += snprintf (buf + n, size - n, " %c %s [%zu]", type_sign (m->type), m->topic,
                       len);
    if (n < size && m->type == FLUX_MSGTYPE_RESPONSE
        && flux_msg_get_errnum (m->msg, &errnum) == 0)
        n +=
            snprintf (buf + n, size - n, " %s", errnum ? strerror (errnum) : "success");
    if (n < size && t->full && len > 1 && ((const char *)payload)[len - 1] == '\0')
        snprintf (buf + n, size - n, "\n%s", (const char *)payload);
}

bool trace_wanted (struct broker *b)
{
    return b->trace && !list_empty (&b->trace->tracers);
}

/* What is told would be told again on its way. */
static bool is_trace (const char *topic)
{
    return !strcmp (topic, "overlay.trace") || !strcmp (topic, "module.trace");
}

static void tell (struct broker *b, struct traced *m)
{
    char line[8192];

    if (!trace_wanted (b) || flux_msg_get_type (m->msg, &m->type) < 0)
        return;
    (void)flux_msg_get_topic (m->msg, &m->topic);
    if (is_trace (m->topic))
        return;
    list_foreach (&b->trace->tracers, it) {
        struct tracer *t = container_of (it, struct tracer, node);
        flux_msg_t *rep;

        if (!wants (t, m) || !(rep = flux_response_derive (t->msg, 0)))
            continue;
        format_line (t, m, line, sizeof (line));
        flux_msg_set_streaming (rep);
        if (flux_msg_set_string (rep, line) == 0)
            router_response (b, NULL, rep);
        else
            flux_msg_decref (rep);
    }
}

void trace_message (struct broker *b, const char *name, const char *dir,
                    const flux_msg_t *msg)
{
    struct traced m = { .msg = msg, .name = name, .dir = dir, .topic = "", .rank = -1 };

    tell (b, &m);
}

void trace_overlay (struct broker *b, int rank, const char *dir, const flux_msg_t *msg)
{
    struct traced m = { .msg = msg, .dir = dir, .topic = "", .rank = rank };

    tell (b, &m);
}

static struct tracer *tracer_create (struct broker *b, const flux_msg_t *msg)
{
    struct tracer *t;

    if (!broker_check_streaming (b, msg))
        return NULL;
    if (!(t = calloc (1, sizeof (*t)))) {
        broker_respond_error (b, msg, ENOMEM, NULL);
        return NULL;
    }
    t->topic_glob = "*";
    t->typemask = FLUX_MSGTYPE_ANY;
    t->rank = -1;
    list_init (&t->node);
    t->msg = flux_msg_incref (msg);
    return t;
}

static void refuse (struct broker *b, struct tracer *t, int errnum, const char *why)
{
    broker_respond_error (b, t->msg, errnum, why);
    tracer_destroy (t);
}

static void module_trace (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct tracer *t = tracer_create (b, msg);
    size_t i;
    json_t *entry;

    if (!t)
        return;
    if (flux_msg_unpack (msg, "{s:o s?i s?s s?b}", "names", &t->names, "typemask",
                         &t->typemask, "topic_glob", &t->topic_glob, "full", &t->full)
            < 0
        || !json_is_array (t->names)) {
        refuse (b, t, EPROTO, NULL);
        return;
    }
    json_array_foreach (t->names, i, entry) {
        const char *s = json_string_value (entry);

        if (!s || (!strpbrk (s, "*?[") && !b->trace->loaded (b, s))) {
            char why[160];

            snprintf (why, sizeof (why), "%.100s: no such module is loaded",
                      s ? s : "a name that is no text");
            refuse (b, t, ENOENT, why);
            return;
        }
    }
    list_append (&b->trace->tracers, &t->node);
}

static void overlay_trace (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct tracer *t = tracer_create (b, msg);

    if (!t)
        return;
    if (flux_msg_unpack (msg, "{s?i s?i s?s s?b}", "rank", &t->rank, "typemask",
                         &t->typemask, "topic_glob", &t->topic_glob, "full", &t->full)
        < 0)
        refuse (b, t, EPROTO, NULL);
    else if (t->rank >= (int)b->size)
        refuse (b, t, EINVAL, "there is no broker of that rank");
    else
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
    { "overlay.trace", overlay_trace, 0 },
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
