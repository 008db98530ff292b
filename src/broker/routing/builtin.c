/* Services of the broker itself: a table of topics, called by the router. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "broker/broker.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "core/message/message.h"

/* It is read in the router's thread, where all others wait. */
#define PAYLOAD_MAX (16u << 20)

struct entry {
    const struct builtin *builtin;
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
    struct hook hooks[16];
    int hook_count;
};

static void respond_msg (struct broker *b, flux_msg_t *rep)
{
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
    struct entry *e;

    *msgp = NULL;
    (void)flux_msg_get_topic (msg, &topic);
    if ((e = hashmap_lookup (bi->topics, topic))) {
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
    if (!(bi->topics = hashmap_create (free)))
        return -1;
    return peer_add (b, &bi->peer);
}

void builtins_fini (struct broker *b)
{
    if (b->builtins) {
        if (b->builtins->peer.inflight)
            peer_remove (b, &b->builtins->peer, ENOSYS);
        hashmap_destroy (b->builtins->topics);
        free (b->builtins);
        b->builtins = NULL;
    }
}

int builtins_add (struct broker *b, const struct builtin *table, void *arg)
{
    for (; table->topic; table++) {
        char name[64];
        size_t len = service_name_len (table->topic);
        struct entry *e = malloc (sizeof (*e));

        if (!e)
            return -1;
        e->builtin = table;
        e->arg = arg;
        if (hashmap_insert (b->builtins->topics, table->topic, e) < 0) {
            free (e);
            return -1;
        }
        snprintf (name, sizeof (name), "%.*s", (int)len, table->topic);
        if (services_add (b->services, name, &b->builtins->peer) < 0 && errno != EEXIST)
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
