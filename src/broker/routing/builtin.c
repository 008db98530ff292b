/* Services of the broker itself: a table of topics, called by the router. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "broker/broker.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "core/handle/module.h"
#include "core/message/message.h"

/* It is read in the router's thread, where all others wait. */
#define PAYLOAD_MAX (16u << 20)

/* What was said to one of the broker's services (its first word), and its answers. */
struct service {
    int requests, responses;
    int debug_flags;
};

struct entry {
    const struct builtin *builtin;
    struct service *service;
    void *arg;
};

struct hook {
    builtin_f cb;
    void *arg;
};

struct builtins {
    struct broker *b;
    struct peer peer;
    struct hashmap *topics;
    struct hashmap *services; /* name -> struct service */
    struct hook hooks[16];
    int hook_count;
};

static struct entry *find_entry (struct builtins *bi, const flux_msg_t *msg)
{
    const char *topic;

    return flux_msg_get_topic (msg, &topic) == 0 ? hashmap_lookup (bi->topics, topic)
                                                 : NULL;
}

static void respond_msg (struct broker *b, flux_msg_t *rep)
{
    struct entry *e = find_entry (b->builtins, rep);

    if (e)
        e->service->responses++;
    router_response (b, &b->builtins->peer, rep);
}

void broker_respond (struct broker *b, const flux_msg_t *req, json_t *o)
{
    flux_msg_t *rep;

    if (flux_msg_is_noresponse (req) || !(rep = flux_response_derive (req, 0))) {
        json_decref (o);
        return;
    }
    if (o && msg_take_json (rep, o) < 0)
        flux_msg_set_errnum (rep, ENOMEM);
    respond_msg (b, rep);
}

void broker_respond_pack (struct broker *b, const flux_msg_t *req, const char *fmt, ...)
{
    va_list ap;
    json_t *o;

    va_start (ap, fmt);
    o = json_vpack_ex (NULL, 0, fmt, ap);
    va_end (ap);
    if (o)
        broker_respond (b, req, o);
    else
        broker_respond_error (b, req, ENOMEM, NULL);
}

void broker_respond_error (struct broker *b, const flux_msg_t *req, int errnum,
                           const char *errstr)
{
    flux_msg_t *rep;

    if (flux_msg_is_noresponse (req) || !(rep = flux_response_derive (req, errnum)))
        return;
    if (errstr)
        (void)flux_msg_set_string (rep, errstr);
    respond_msg (b, rep);
}

bool broker_check_streaming (struct broker *b, const flux_msg_t *req)
{
    if (flux_msg_is_streaming (req))
        return true;
    broker_respond_error (b, req, EPROTO, "request lacks the streaming flag");
    return false;
}

/* ---- what each of them answers (RFC 5), unless its table says otherwise ---- */

static void ping (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct flux_msg_cred cred = { 0 };
    json_t *o = msg_json (msg);
    char *route;

    if (!o) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    route = flux_msg_route_string (msg);
    (void)flux_msg_get_cred (msg, &cred);
    o = json_copy (o);
    json_object_set_new (o, "route", json_string (route ? route : ""));
    json_object_set_new (o, "userid", json_integer (cred.userid));
    json_object_set_new (o, "rolemask", json_integer (cred.rolemask));
    free (route);
    broker_respond (b, msg, o);
}

static void stats_get (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct service *s = arg;

    broker_respond_pack (b, msg, "{s:{s:i s:i s:i s:i} s:{s:i s:i s:i s:i}}", "tx",
                         "request", 0, "response", s->responses, "event", 0, "control",
                         0, "rx", "request", s->requests, "response", 0, "event", 0,
                         "control", 0);
}

static void stats_clear (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct service *s = arg;

    s->requests = s->responses = 0;
    broker_respond (b, msg, NULL);
}

static void rusage (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *who = "thread";
    json_t *o;

    (void)flux_msg_unpack (msg, "{s?s}", "who", &who);
    if ((o = module_rusage (who)))
        broker_respond (b, msg, o);
    else
        broker_respond_error (b, msg, errno, NULL);
}

static void debug (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct service *s = arg;

    if (module_debug_op (msg, &s->debug_flags) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else
        broker_respond_pack (b, msg, "{s:i}", "flags", s->debug_flags);
}

static const struct builtin defaults[] = {
    { ".ping", ping, FLUX_ROLE_USER },
    { ".stats-get", stats_get, FLUX_ROLE_USER },
    { ".stats-clear", stats_clear, 0 },
    { ".rusage", rusage, FLUX_ROLE_USER },
    { ".debug", debug, 0 },
    { NULL },
};

static int add_topic (struct builtins *bi, const char *topic,
                      const struct builtin *builtin, struct service *service, void *arg)
{
    struct entry *e = malloc (sizeof (*e));

    if (!e)
        return -1;
    e->builtin = builtin;
    e->service = service;
    e->arg = arg;
    if (hashmap_insert (bi->topics, topic, e) < 0) {
        free (e);
        return -1;
    }
    return 0;
}

/* The service of a topic, with its default methods. */
static struct service *add_service (struct builtins *bi, const char *topic)
{
    char name[SERVICE_NAME_MAX + 1], method[SERVICE_NAME_MAX + 32];
    struct service *s;

    snprintf (name, sizeof (name), "%.*s", (int)service_name_len (topic), topic);
    if ((s = hashmap_lookup (bi->services, name)))
        return s;
    if (services_add (bi->b->services, name, &bi->peer) < 0
        || !(s = calloc (1, sizeof (*s))))
        return NULL;
    if (hashmap_insert (bi->services, name, s) < 0) {
        free (s);
        return NULL;
    }
    for (const struct builtin *d = defaults; d->topic; d++) {
        snprintf (method, sizeof (method), "%s%s", name, d->topic);
        if (add_topic (bi, method, d, s, s) < 0)
            return NULL;
    }
    return s;
}

static void disconnected (struct builtins *bi, const flux_msg_t *msg)
{
    for (int i = 0; i < bi->hook_count; i++)
        bi->hooks[i].cb (bi->b, msg, bi->hooks[i].arg);
}

static bool allowed (const flux_msg_t *msg, const struct builtin *builtin)
{
    uint32_t rolemask;

    return flux_msg_get_rolemask (msg, &rolemask) == 0
           && (rolemask & (FLUX_ROLE_OWNER | builtin->rolemask));
}

json_t *builtins_describe (struct broker *b)
{
    json_t *o = json_array ();
    const char *topic;
    size_t pos = 0;
    void *value;

    while (o && hashmap_next (b->builtins->topics, &pos, &topic, &value)) {
        const struct entry *e = value;

        json_array_append_new (o, json_pack ("{s:s s:i s:I}", "topic", topic, "type",
                                             FLUX_MSGTYPE_REQUEST, "rolemask",
                                             (json_int_t)e->builtin->rolemask));
    }
    return o;
}

static int builtin_send (struct peer *p, flux_msg_t **msgp)
{
    struct builtins *bi = p->arg;
    flux_msg_t *msg = *msgp;
    const char *topic = "";
    struct entry *e = find_entry (bi, msg);

    *msgp = NULL;
    (void)flux_msg_get_topic (msg, &topic);
    if (e) {
        e->service->requests++;
        if (msg_known_len (msg) > PAYLOAD_MAX)
            broker_respond_error (bi->b, msg, EMSGSIZE,
                                  "more than 16 MB in a request to the broker itself");
        else if (allowed (msg, e->builtin))
            e->builtin->cb (bi->b, msg, e->arg);
        else
            broker_respond_error (bi->b, msg, EPERM,
                                  "Request requires owner credentials");
    } else if (strcmp (topic + service_name_len (topic), ".disconnect") == 0)
        disconnected (bi, msg);
    else {
        char text[160];

        snprintf (text, sizeof (text), "Unknown service method '%.100s'", topic);
        broker_respond_error (bi->b, msg, ENOSYS, text);
    }
    flux_msg_decref (msg);
    return 0;
}

int builtins_init (struct broker *b)
{
    struct builtins *bi = calloc (1, sizeof (*bi));

    if (!bi)
        return -1;
    b->builtins = bi;
    bi->b = b;
    bi->peer.kind = PEER_BUILTIN;
    bi->peer.send = builtin_send;
    bi->peer.arg = bi;
    if (!(bi->topics = hashmap_create (free))
        || !(bi->services = hashmap_create (free)))
        return -1;
    return peer_add (b, &bi->peer);
}

void builtins_fini (struct broker *b)
{
    if (b->builtins) {
        if (b->builtins->peer.inflight)
            peer_remove (b, &b->builtins->peer, ENOSYS);
        hashmap_destroy (b->builtins->topics);
        hashmap_destroy (b->builtins->services);
        free (b->builtins);
        b->builtins = NULL;
    }
}

int builtins_add (struct broker *b, const struct builtin *table, void *arg)
{
    for (; table->topic; table++) {
        struct service *s = add_service (b->builtins, table->topic);

        if (!s || add_topic (b->builtins, table->topic, table, s, arg) < 0)
            return -1;
    }
    return 0;
}

void builtins_on_disconnect (struct broker *b, builtin_f cb, void *arg)
{
    struct builtins *bi = b->builtins;

    bi->hooks[bi->hook_count].cb = cb;
    bi->hooks[bi->hook_count++].arg = arg;
}
