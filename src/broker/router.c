/* Messages between peers.
 *
 * Happy path of a request: the peer that it came from pushes its route id, the
 * routing rules choose the next peer, which remembers it as in flight and gets
 * it. The response takes the way back by popping route ids.
 *
 * Failures: no way leads on (ENOSYS, EHOSTUNREACH): the broker answers. A peer
 * is gone: what it had not answered is answered for it; responses to it are
 * dropped; services that it used get a disconnect. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "base/encode.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "broker/broker.h"
#include "broker/route.h"
#include "core/message.h"

struct rpc {
    broker_rpc_f cb;
    void *arg;
};

struct router {
    struct hashmap *peers; /* by route id */
    struct list subscribers;
    struct idmap *rpcs; /* the broker's own, by matchtag */
    uint32_t matchtag;
    uint32_t event_seq; /* last published (rank 0) or seen */
    struct inflight own;
};

int router_init (struct broker *b)
{
    struct router *rt = calloc (1, sizeof (*rt));

    if (!rt)
        return -1;
    b->router = rt;
    list_init (&rt->subscribers);
    rt->peers = hashmap_create (NULL);
    rt->rpcs = idmap_create (free);
    return rt->peers && rt->rpcs ? 0 : -1;
}

void router_fini (struct broker *b)
{
    struct router *rt = b->router;

    if (rt) {
        hashmap_destroy (rt->peers);
        idmap_destroy (rt->rpcs);
        inflight_fini (&rt->own);
        free (rt);
        b->router = NULL;
    }
}

void make_route_id (char id[ROUTE_ID_SIZE])
{
    unsigned char r[16];

    if (getrandom (r, sizeof (r), 0) != sizeof (r))
        abort ();
    r[6] = (r[6] & 0x0f) | 0x40;
    r[8] = (r[8] & 0x3f) | 0x80;
    hex_encode (id, r, 4);
    id[8] = '-';
    hex_encode (id + 9, r + 4, 2);
    id[13] = '-';
    hex_encode (id + 14, r + 6, 2);
    id[18] = '-';
    hex_encode (id + 19, r + 8, 2);
    id[23] = '-';
    hex_encode (id + 24, r + 10, 6);
}

int peer_add (struct broker *b, struct peer *p)
{
    if (p->id[0] == '\0')
        make_route_id (p->id);
    p->t_active = flux_reactor_now (b->reactor);
    list_init (&p->node);
    if (hashmap_insert (b->router->peers, p->id, p) < 0)
        return -1;
    /* Clients and modules may subscribe; children get all events. */
    if (p->kind == PEER_MODULE || p->kind == PEER_CLIENT)
        list_append (&b->router->subscribers, &p->node);
    return 0;
}

struct peer *peer_lookup (struct broker *b, const char *id)
{
    return hashmap_lookup (b->router->peers, id);
}

/* "service!nodeid" names what a peer has to take leave of. */
static void remember_used (struct peer *p, const flux_msg_t *msg)
{
    char key[160];
    const char *topic;
    uint32_t nodeid;
    size_t len;
    uint64_t hash;
    int flags;

    if (flux_msg_get_topic (msg, &topic) < 0 || flux_msg_get_nodeid (msg, &nodeid) < 0
        || flux_msg_get_flags (msg, &flags) < 0
        || (len = service_name_len (topic)) > 128)
        return;
    hash = hash_bytes (topic, len) ^ nodeid ^ ((uint64_t)flags << 32);
    if (hash == p->last_used)
        return;
    p->last_used = hash;
    snprintf (key, sizeof (key), "%.*s!%u!%d", (int)len, topic, nodeid,
              flags & FLUX_MSGFLAG_UPSTREAM);
    if (!p->used)
        p->used = hashmap_create (NULL);
    if (p->used && !hashmap_lookup (p->used, key))
        (void)hashmap_insert (p->used, key, p);
}

static void send_disconnect (struct broker *b, struct peer *p, const char *key)
{
    char topic[160];
    unsigned int nodeid;
    int upstream;
    flux_msg_t *msg;
    size_t len = strcspn (key, "!");

    snprintf (topic, sizeof (topic), "%.*s.disconnect", (int)len, key);
    if (sscanf (key + len, "!%u!%d", &nodeid, &upstream) != 2
        || !(msg = flux_request_encode (topic, NULL)))
        return;
    flux_msg_set_noresponse (msg);
    flux_msg_set_nodeid (msg, nodeid);
    if (upstream)
        flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM);
    flux_msg_set_cred (msg, (struct flux_msg_cred){ b->owner, FLUX_ROLE_OWNER });
    flux_msg_route_enable (msg);
    router_request (b, p, msg);
}

void peer_remove (struct broker *b, struct peer *p, int errnum)
{
    flux_msg_t *msg;
    const char *key;
    size_t pos = 0;
    struct hashmap *used = p->used;

    /* First out of the tables: what is sent below must not find it. */
    hashmap_remove (b->router->peers, p->id);
    services_remove_owner (b->services, p);
    list_remove (&p->node);
    p->used = NULL;
    while ((msg = inflight_fail (&p->inflight, errnum, NULL)))
        router_response (b, NULL, msg);
    while (used && hashmap_next (used, &pos, &key, NULL))
        send_disconnect (b, p, key);
    hashmap_destroy (used);
    hashmap_destroy (p->used); /* filled again by the disconnects */
    p->used = NULL;
    inflight_fini (&p->inflight);
    subs_fini (&p->subs);
}

void peer_leave_via (struct broker *b, const char *id)
{
    size_t pos = 0;
    void *value;

    while (hashmap_next (b->router->peers, &pos, NULL, &value)) {
        struct peer *p = value;
        flux_msg_t *msg;

        if (p->kind != PEER_MODULE && p->kind != PEER_CLIENT && p->kind != PEER_BUILTIN)
            continue;
        while ((msg = inflight_leave_via (&p->inflight, id))) {
            struct flux_msg_cred cred = { b->owner, FLUX_ROLE_OWNER };

            flux_msg_set_cred (msg, cred);
            if (p->send (p, &msg) < 0)
                flux_msg_decref (msg);
        }
    }
}

static void deliver (struct broker *b, struct peer *to, flux_msg_t *msg)
{
    const char *topic;

    /* The broker itself answers at once, but for streams and the like. */
    if ((to->kind != PEER_BUILTIN || flux_msg_is_streaming (msg))
        && inflight_add (&to->inflight, msg) < 0) {
        broker_respond_error (b, msg, ENOMEM, NULL);
        flux_msg_decref (msg);
        return;
    }
    if (flux_msg_is_noresponse (msg) && to->inflight.count > 0
        && flux_msg_get_topic (msg, &topic) == 0) {
        size_t len = service_name_len (topic);

        if (strcmp (topic + len, ".disconnect") == 0)
            inflight_disconnect (&to->inflight, msg);
    }
    if (to->send (to, &msg) < 0)
        flux_msg_decref (msg); /* it is answered when the peer is removed */
}

static void answer_unroutable (struct broker *b, flux_msg_t *msg, int errnum)
{
    char text[160];
    const char *topic = NULL;

    if (errnum == ENOSYS && flux_msg_get_topic (msg, &topic) == 0) {
        snprintf (text, sizeof (text), "No service matching %.100s is registered",
                  topic);
        broker_respond_error (b, msg, errnum, text);
    } else
        broker_respond_error (b, msg, errnum, NULL);
    flux_msg_decref (msg);
}

static void route_on (struct broker *b, struct route r, flux_msg_t *msg)
{
    struct peer *to = NULL;

    if (r.kind == ROUTE_SERVICE)
        to = r.owner;
    else if (r.kind == ROUTE_PARENT)
        to = overlay_parent (b);
    else if (r.kind == ROUTE_CHILD)
        to = overlay_child (b, r.child);
    if (to)
        deliver (b, to, msg);
    else
        answer_unroutable (b, msg, r.kind == ROUTE_ERROR ? r.errnum : EHOSTUNREACH);
}

void router_request (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    if (from) {
        flux_msg_route_enable (msg);
        if (flux_msg_route_push (msg, from->id) < 0) {
            flux_msg_decref (msg);
            return;
        }
        if (from->kind == PEER_CLIENT || from->kind == PEER_MODULE)
            remember_used (from, msg);
    }
    route_on (b, route_request (msg, b->rank, b->topo, b->services), msg);
}

void router_forward_up (struct broker *b, const flux_msg_t *request)
{
    flux_msg_t *msg = flux_msg_copy (request, true);

    if (msg)
        route_on (b, (struct route){ .kind = ROUTE_PARENT }, msg);
}

/* The answer to an RPC of the broker's own. */
static void own_response (struct broker *b, flux_msg_t *msg)
{
    uint32_t matchtag;
    struct rpc *rpc;

    if (flux_msg_get_matchtag (msg, &matchtag) == 0
        && (rpc = idmap_take (b->router->rpcs, matchtag))) {
        rpc->cb (b, msg, rpc->arg);
        free (rpc);
    }
    flux_msg_decref (msg);
}

void router_response (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    const char *id;
    struct peer *to;

    /* A guest that serves knows whom it serves, and may not speak for others. */
    if (from && from->kind == PEER_CLIENT && !(from->cred.rolemask & FLUX_ROLE_OWNER)
        && !inflight_has (&from->inflight, msg)) {
        flux_msg_decref (msg);
        return;
    }
    if (from)
        inflight_end (&from->inflight, msg);
    if (!(id = flux_msg_route_last (msg))) {
        own_response (b, msg);
        return;
    }
    to = peer_lookup (b, id);
    if (!to || flux_msg_route_delete_last (msg) < 0 || to->send (to, &msg) < 0)
        flux_msg_decref (msg);
}

static bool from_owner (const flux_msg_t *msg)
{
    uint32_t rolemask;

    return flux_msg_get_rolemask (msg, &rolemask) == 0 && (rolemask & FLUX_ROLE_OWNER);
}

/* The name of a service that runs, or is known to, on this rank or another. */
static bool names_service (struct broker *b, const char *topic, uint32_t userid)
{
    struct peer *p = services_lookup (b->services, topic);

    if (p && p->kind == PEER_CLIENT && !(p->cred.rolemask & FLUX_ROLE_OWNER))
        return p->cred.userid != userid;
    return p || rc_knows (topic, service_name_len (topic));
}

static bool module_listens (struct broker *b, const char *topic)
{
    list_foreach (&b->router->subscribers, it) {
        struct peer *p = container_of (it, struct peer, node);

        if (p->kind == PEER_MODULE && subs_match (&p->subs, topic))
            return true;
    }
    return false;
}

/* Others than the owner say what they like to each other, in words that do no harm
 * to a terminal, but not to services: these tell their ranks by events what is so. */
bool router_may_publish (struct broker *b, const char *topic, struct flux_msg_cred cred,
                         flux_error_t *error)
{
    if ((cred.rolemask & FLUX_ROLE_OWNER))
        return true;
    for (const char *s = topic; *s; s++)
        if (*s <= ' ' || *s > '~') {
            error_set (error, "the topic of an event must be printable");
            return false;
        }
    if (!names_service (b, topic, cred.userid) && !module_listens (b, topic))
        return true;
    error_set (error, "event %s is for the instance owner: services listen to it",
               topic);
    return false;
}

static void event_to (struct peer *p, flux_msg_t *msg)
{
    flux_msg_t *ref = (flux_msg_t *)flux_msg_incref (msg);

    if (p->send (p, &ref) < 0)
        flux_msg_decref (ref);
}

static bool may_see (struct peer *p, const flux_msg_t *msg)
{
    uint32_t userid;

    if (!flux_msg_is_private (msg) || (p->cred.rolemask & FLUX_ROLE_OWNER))
        return true;
    return flux_msg_get_userid (msg, &userid) == 0 && userid == p->cred.userid;
}

void router_event (struct broker *b, flux_msg_t *msg)
{
    const char *topic;
    uint32_t seq;

    if (flux_msg_get_topic (msg, &topic) < 0 || flux_msg_get_seq (msg, &seq) < 0) {
        flux_msg_decref (msg);
        return;
    }
    if (b->rank > 0) {
        if (b->router->event_seq > 0 && seq != b->router->event_seq + 1)
            broker_log (b, LOG_ERR, "event %s: sequence %u follows %u", topic, seq,
                        b->router->event_seq);
        b->router->event_seq = seq;
        if (strcmp (topic, CONFIG_SYNC_TOPIC) == 0 && from_owner (msg))
            config_sync (b, msg);
    }
    overlay_mcast (b, msg);
    list_foreach (&b->router->subscribers, it) {
        struct peer *p = container_of (it, struct peer, node);

        if (subs_match (&p->subs, topic) && may_see (p, msg))
            event_to (p, msg);
    }
    flux_msg_decref (msg);
}

void router_publish (struct broker *b, flux_msg_t *msg, uint32_t *seq)
{
    if (b->rank > 0) {
        if (!overlay_send_parent (b, &msg))
            flux_msg_decref (msg);
        return;
    }
    if (!msg_is_unique (msg)) {
        flux_msg_t *copy = flux_msg_copy (msg, true);

        flux_msg_decref (msg);
        if (!(msg = copy))
            return;
    }
    flux_msg_set_seq (msg, ++b->router->event_seq);
    if (seq)
        *seq = b->router->event_seq;
    router_event (b, msg);
}

/* An event that came as a message, not by event.publish: nobody waits for an answer. */
static void publish_from (struct broker *b, flux_msg_t *msg)
{
    struct flux_msg_cred cred;
    const char *topic;
    flux_error_t error;

    if (flux_msg_get_cred (msg, &cred) == 0 && flux_msg_get_topic (msg, &topic) == 0
        && router_may_publish (b, topic, cred, &error))
        router_publish (b, msg, NULL);
    else
        flux_msg_decref (msg);
}

void router_recv (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    int type;

    from->t_active = flux_reactor_now (b->reactor);
    memory_used (b);
    if (flux_msg_get_type (msg, &type) < 0)
        type = 0;
    switch (type) {
    case FLUX_MSGTYPE_REQUEST:
        router_request (b, from, msg);
        break;
    case FLUX_MSGTYPE_RESPONSE:
        router_response (b, from, msg);
        break;
    case FLUX_MSGTYPE_EVENT:
        if (from->kind == PEER_PARENT)
            router_event (b, msg);
        else
            publish_from (b, msg);
        break;
    default:
        flux_msg_decref (msg);
        break;
    }
}

static flux_msg_t *own_request (struct broker *b, const char *topic, uint32_t nodeid)
{
    flux_msg_t *msg = flux_request_encode (topic, NULL);

    if (msg) {
        flux_msg_route_enable (msg);
        flux_msg_set_nodeid (msg, nodeid);
        if (nodeid == FLUX_NODEID_UPSTREAM) {
            flux_msg_set_nodeid (msg, b->rank);
            flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM);
        }
        flux_msg_set_cred (
            msg, (struct flux_msg_cred){ b->owner, FLUX_ROLE_OWNER | FLUX_ROLE_LOCAL });
    }
    return msg;
}

int broker_rpc (struct broker *b, const char *topic, uint32_t nodeid, json_t *json,
                broker_rpc_f cb, void *arg)
{
    flux_msg_t *msg = own_request (b, topic, nodeid);
    struct rpc *rpc = NULL;

    if (!msg) {
        json_decref (json);
        return -1;
    }
    if (json && msg_take_json (msg, json) < 0)
        goto error;
    if (!cb)
        flux_msg_set_noresponse (msg);
    else {
        if (++b->router->matchtag == 0)
            b->router->matchtag = 1;
        if (!(rpc = malloc (sizeof (*rpc))))
            goto error;
        rpc->cb = cb;
        rpc->arg = arg;
        flux_msg_set_matchtag (msg, b->router->matchtag);
        if (idmap_insert (b->router->rpcs, b->router->matchtag, rpc) < 0)
            goto error;
    }
    router_request (b, NULL, msg);
    return 0;
error:
    free (rpc);
    flux_msg_decref (msg);
    return -1;
}

int broker_rpc_raw (struct broker *b, const char *topic, uint32_t nodeid,
                    const void *data, size_t len)
{
    flux_msg_t *msg = own_request (b, topic, nodeid);

    if (!msg)
        return -1;
    if (flux_msg_set_payload (msg, data, len) < 0) {
        flux_msg_decref (msg);
        return -1;
    }
    flux_msg_set_noresponse (msg);
    router_request (b, NULL, msg);
    return 0;
}
