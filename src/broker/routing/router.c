/* Messages between peers.
 *
 * Happy path of a request: the peer that it came from pushes its route id, the
 * routing rules choose the next peer, which remembers it as in flight and gets
 * it. The response takes the way back by popping route ids.
 *
 * Failures: no way leads on (ENOSYS, EHOSTUNREACH), or who asks has his share of what
 * there is, or who is to answer takes no more (ENOBUFS): the broker answers. A peer is
 * gone: what it had not answered is answered for it; responses to it are dropped; the
 * services that it used, and those that were to answer what came through it, get a
 * disconnect: at the end of the turn, because nothing may be closed in a loop over
 * peers that sends. A broker that takes neither responses nor events is lost.
 *
 * A way that is lost may come back another way (overlay/core.c). What is asked meanwhile
 * waits; a child that was away gets the events that it missed, and what it has seen
 * already it drops. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/error.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "base/os/descriptors.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/memory.h"
#include "broker/routing/builtin.h"
#include "broker/routing/inflight.h"
#include "broker/routing/quota.h"
#include "broker/routing/route.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "broker/routing/subs.h"
#include "core/message/message.h"

struct rpc {
    broker_rpc_f cb;
    void *arg;
};

/* What a message that waits costs beside what will be sent of it. */
#define MESSAGE_BYTES 512

/* What must not be refused may wait in so many times the room of what can be. */
#define MUST_ROOM 4

/* What a peer that is gone leaves to be done. */
struct departed {
    struct list node;
    char id[ROUTE_ID_SIZE];
    struct inflight_peer *inflight;
    struct hashmap *used;
    size_t used_pos;
    int errnum;
    char why[96];
};

/* What waits for a way. */
struct held {
    struct list node;
    flux_msg_t *msg;
    size_t size;
    bool own;                 /* the broker's */
    char from[ROUTE_ID_SIZE]; /* else */
};

/* Events that children may have missed. */
#define RECENT_MAX 4096
#define RECENT_BYTES (16u << 20)

struct router {
    struct hashmap *peers; /* by route id */
    struct list subscribers;
    struct list children;
    struct list departed;
    struct list stuck;
    struct reactor_task turn;
    struct idmap *rpcs; /* the broker's own, by matchtag */
    uint32_t matchtag;
    uint32_t event_seq; /* last published (rank 0) or seen */
    struct inflight *inflight;
    size_t queue_max; /* bytes that may wait for another broker */
    bool in_event;    /* walks its subscribers */
    uint64_t stray;   /* responses to nothing that is in flight */
    struct list held;
    size_t held_bytes;
    char (*retired)[ROUTE_ID_SIZE]; /* a ring */
    size_t retired_count;
    bool keeps_events;
    struct msgqueue recent; /* the last ones, in sequence */
    size_t recent_bytes;
};

/* ---- limits ---- */

static const struct {
    const char *attr;
    enum quota_slot slot;
} quota_attrs[] = {
    { "broker.quota-bytes", QUOTA_BYTES },
    { "broker.quota-messages", QUOTA_MESSAGES },
    { "broker.quota-connections", QUOTA_CONNECTIONS },
    { "broker.quota-matches", QUOTA_MATCHES },
};
#define QUEUE_ATTR "tbon.queue-bytes"

/* Clients leave some descriptors for modules and programs. */
static uint64_t max_connections (uint64_t limit)
{
    uint64_t max = descriptors_kept (descriptors_limit ());

    return limit < max ? limit : max;
}

static int set_limit (const char *name, const char *val, void *arg, flux_error_t *error)
{
    struct broker *b = arg;
    uint64_t limit;

    if (size_decode (val, &limit) < 0) {
        error_text (error, "%s: '%s' is not a number", name, val);
        return -1;
    }
    if (strcmp (name, QUEUE_ATTR) == 0)
        b->router->queue_max = limit;
    if (strcmp (name, "broker.quota-connections") == 0)
        limit = max_connections (limit);
    for (int i = 0; i < QUOTA_SLOTS; i++)
        if (strcmp (name, quota_attrs[i].attr) == 0)
            quota_set_limit (b->quota, quota_attrs[i].slot, limit);
    return 0;
}

static int read_limit (struct broker *b, const char *name)
{
    const char *val = attrs_val (b->attrs, name);

    attrs_on_set (b->attrs, name, set_limit, b);
    return val ? set_limit (name, val, b, NULL) : 0;
}

static int read_limits (struct broker *b)
{
    for (int i = 0; i < QUOTA_SLOTS; i++)
        if (read_limit (b, quota_attrs[i].attr) < 0)
            return -1;
    return read_limit (b, QUEUE_ATTR);
}

/* ---- life ---- */

static void turn_cb (void *arg)
{
    struct broker *b = arg;

    if (router_turn (b))
        reactor_post (b->reactor, &b->router->turn);
}

int router_init (struct broker *b)
{
    static const uint64_t no_limits[QUOTA_SLOTS] = { UINT64_MAX, UINT64_MAX, UINT64_MAX,
                                                     UINT64_MAX };
    struct router *rt = calloc (1, sizeof (*rt));

    if (!rt)
        return -1;
    b->router = rt;
    list_init (&rt->subscribers);
    list_init (&rt->children);
    list_init (&rt->departed);
    list_init (&rt->stuck);
    list_init (&rt->held);
    reactor_task_init (&rt->turn, turn_cb, b);
    rt->queue_max = SIZE_MAX;
    rt->peers = hashmap_create (NULL);
    rt->rpcs = idmap_create (free);
    b->quota = quota_create (b->owner, no_limits);
    rt->inflight = b->quota ? inflight_create (b->quota) : NULL;
    if (!rt->peers || !rt->rpcs || !rt->inflight)
        return -1;
    return b->attrs ? read_limits (b) : 0;
}

static void departed_destroy (struct departed *d)
{
    list_remove (&d->node);
    hashmap_destroy (d->used);
    free (d->inflight);
    free (d);
}

static void held_destroy (struct held *h)
{
    list_remove (&h->node);
    flux_msg_decref (h->msg);
    free (h);
}

void router_fini (struct broker *b)
{
    struct router *rt = b->router;
    size_t pos = 0;
    void *value;

    if (!rt)
        return;
    inflight_destroy (rt->inflight);
    list_foreach (&rt->departed, it)
        departed_destroy (container_of (it, struct departed, node));
    list_foreach (&rt->held, it)
        held_destroy (container_of (it, struct held, node));
    msgqueue_fini (&rt->recent);
    free (rt->retired);
    while (hashmap_next (rt->peers, &pos, NULL, &value)) {
        struct peer *p = value;

        free (p->inflight);
        hashmap_destroy (p->used);
        msgqueue_fini (&p->out);
        subs_fini (&p->subs);
    }
    hashmap_destroy (rt->peers);
    idmap_destroy (rt->rpcs);
    reactor_task_cancel (&rt->turn);
    free (rt);
    b->router = NULL;
    quota_destroy (b->quota);
    b->quota = NULL;
}

static void wake (struct broker *b)
{
    if (b->reactor)
        reactor_post (b->reactor, &b->router->turn);
}

static double now (struct broker *b)
{
    return b->reactor ? clock_coarse () : 0.;
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
    struct router *rt = b->router;

    if (p->id[0] == '\0')
        make_route_id (p->id);
    p->t_active = now (b);
    p->is_stuck = false;
    list_init (&p->node);
    list_init (&p->stuck_node);
    if (!(p->inflight = calloc (1, sizeof (*p->inflight))))
        return -1;
    inflight_peer_init (p->inflight, p);
    if (hashmap_insert (rt->peers, p->id, p) < 0) {
        free (p->inflight);
        p->inflight = NULL;
        return -1;
    }
    /* Clients and modules may subscribe; children get all events. */
    if (p->kind == PEER_MODULE || p->kind == PEER_CLIENT)
        list_append (&rt->subscribers, &p->node);
    else if (p->kind == PEER_CHILD)
        list_append (&rt->children, &p->node);
    return 0;
}

struct peer *peer_lookup (struct broker *b, const char *id)
{
    return hashmap_lookup (b->router->peers, id);
}

/* ---- sending ---- */

static bool is_method (const flux_msg_t *msg, const char *method)
{
    const char *topic;

    return flux_msg_is_noresponse (msg) && flux_msg_get_topic (msg, &topic) == 0
           && strcmp (topic + service_name_len (topic), method) == 0;
}

bool router_is_disconnect (const flux_msg_t *msg)
{
    return is_method (msg, ".disconnect");
}

bool router_may_refuse (const flux_msg_t *msg)
{
    int type = 0;

    (void)flux_msg_get_type (msg, &type);
    return type == FLUX_MSGTYPE_REQUEST && !router_is_disconnect (msg)
           && !is_method (msg, ".shutdown");
}

static ssize_t cost_of (const flux_msg_t *msg)
{
    ssize_t size = flux_msg_encode_size (msg);

    return size < 0 ? -1 : size + MESSAGE_BYTES;
}

/* A peer that takes no more now. A request that does not fit is refused. Anything else
 * that does not fit would be lost, so the peer is; but that has four times the room,
 * because a burst of answers is no fault of whoever gets them. */
static int hold (struct broker *b, struct peer *p, flux_msg_t **msg)
{
    ssize_t size = cost_of (*msg);
    bool may_refuse = router_may_refuse (*msg);

    if (size < 0)
        return -1;
    if (p->is_stuck) {
        errno = EHOSTUNREACH;
        return -1;
    }
    /* One message may always wait, however large it is. */
    if (p->out.count > 0
        && (p->out_bytes + size) / (may_refuse ? 1 : MUST_ROOM)
               > b->router->queue_max) {
        if (!may_refuse) {
            p->is_stuck = true;
            list_append (&b->router->stuck, &p->stuck_node);
            wake (b);
        }
        errno = ENOBUFS;
        return -1;
    }
    if (msgqueue_push (&p->out, *msg) < 0)
        return -1;
    *msg = NULL;
    p->out_bytes += size;
    return 0;
}

static int peer_send (struct broker *b, struct peer *p, flux_msg_t **msg)
{
    if (msgqueue_empty (&p->out) && (p->send (p, msg) == 0 || errno != EAGAIN))
        return *msg ? -1 : 0;
    return hold (b, p, msg);
}

void peer_writable (struct broker *b, struct peer *p)
{
    flux_msg_t *msg;

    /* Something was lost already: nothing may overtake it. */
    if (p->is_stuck)
        return;
    while ((msg = msgqueue_pop (&p->out))) {
        ssize_t size = cost_of (msg);

        if (p->send (p, &msg) < 0) {
            if (errno == EAGAIN && msgqueue_push_head (&p->out, msg) == 0)
                return;
            flux_msg_decref (msg); /* it is lost: its end follows */
        }
        p->out_bytes -= size;
    }
}

/* ---- leaving ---- */

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
        || (len = service_name_len (topic)) > SERVICE_NAME_MAX)
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

static void set_owner_cred (struct broker *b, flux_msg_t *msg)
{
    flux_msg_set_cred (msg, (struct flux_msg_cred){ b->owner, FLUX_ROLE_OWNER });
}

static void route_on (struct broker *b, struct peer *from, struct route r,
                      flux_msg_t *msg);

static void send_disconnect (struct broker *b, const char *id, const char *key)
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
    set_owner_cred (b, msg);
    flux_msg_route_enable (msg);
    if (flux_msg_route_push (msg, id) < 0)
        flux_msg_decref (msg);
    else
        route_on (b, NULL, route_request (msg, b->rank, b->topo, b->services), msg);
}

void peer_remove (struct broker *b, struct peer *p, int errnum)
{
    struct departed *d;

    assert (!b->router->in_event);
    hashmap_remove (b->router->peers, p->id);
    if (p->kind != PEER_CLIENT || p->serves)
        services_remove_owner (b->services, p);
    list_remove (&p->node);
    list_remove (&p->stuck_node);
    quota_give (b->quota, p->user, QUOTA_MATCHES, p->subs.count + p->serves);
    subs_fini (&p->subs);
    msgqueue_fini (&p->out);
    p->out_bytes = 0;
    p->inflight->owner = NULL;
    if (!(d = calloc (1, sizeof (*d))))
        abort (); /* RPCs would never end */
    memcpy (d->id, p->id, sizeof (d->id));
    d->inflight = p->inflight;
    d->used = p->used;
    d->errnum = errnum;
    memcpy (d->why, p->why, sizeof (d->why));
    p->inflight = NULL;
    p->used = NULL;
    p->last_used = 0;
    list_append (&b->router->departed, &d->node);
    wake (b);
}

/* One step of it; false if there is nothing left to do. */
static bool depart (struct broker *b, struct departed *d)
{
    struct inflight_peer *to;
    flux_msg_t *msg;
    const char *key;

    if ((msg = inflight_fail (b->router->inflight, d->inflight, d->errnum,
                              d->why[0] ? d->why : NULL)))
        router_response (b, NULL, msg);
    else if (d->used && hashmap_next (d->used, &d->used_pos, &key, NULL))
        send_disconnect (b, d->id, key);
    else if ((msg = inflight_leave (b->router->inflight, d->inflight, &to))) {
        set_owner_cred (b, msg);
        if (!to->owner || peer_send (b, to->owner, &msg) < 0)
            flux_msg_decref (msg);
    } else
        return false;
    return true;
}

#define TURN_STEPS 1000 /* until others get a turn */

bool router_pending (struct broker *b)
{
    return !list_empty (&b->router->departed) || !list_empty (&b->router->stuck);
}

bool router_turn (struct broker *b)
{
    struct router *rt = b->router;
    struct departed *d;

    for (int i = 0; i < TURN_STEPS && !list_empty (&rt->departed); i++) {
        d = list_first (&rt->departed, struct departed, node);
        if (!depart (b, d))
            departed_destroy (d);
    }
    while (!list_empty (&rt->stuck)) {
        struct peer *p = list_first (&rt->stuck, struct peer, stuck_node);

        list_remove (&p->stuck_node);
        p->stuck (p);
    }
    return router_pending (b);
}

/* ---- requests ---- */

/* Who pays for a request, or NULL. *may: only as much as he may have; what other
 * brokers' modules ask was let in there. */
static struct user *payer (struct broker *b, struct peer *from, const flux_msg_t *msg,
                           bool *may)
{
    struct flux_msg_cred cred;

    *may = true;
    if (!from || from->kind == PEER_MODULE || from->kind == PEER_BUILTIN)
        return NULL;
    if (from->kind == PEER_CLIENT)
        return from->user;
    if (flux_msg_get_cred (msg, &cred) < 0)
        return NULL;
    *may = !(cred.rolemask & FLUX_ROLE_OWNER);
    return quota_user (b->quota, *may ? cred.userid : b->owner);
}

static void refuse (struct broker *b, flux_msg_t *msg, int errnum, const char *text)
{
    broker_respond_error (b, msg, errnum, text);
    flux_msg_decref (msg);
}

/* False: the request was refused. */
static bool take_in (struct broker *b, struct peer *to, struct peer *from,
                     flux_msg_t *msg)
{
    bool may;
    struct user *user = payer (b, from, msg, &may);

    if (user && quota_charge (b->quota, user, msg, may) < 0)
        return false;
    /* The broker itself answers at once, but for streams and the like. */
    if (to->kind == PEER_BUILTIN && !flux_msg_is_streaming (msg))
        return true;
    return inflight_add (b->router->inflight, to->inflight,
                         from ? from->inflight : NULL, may ? user : NULL, msg)
           == 0;
}

/* Those who were on the way to the service when it was asked, and are not now: they
 * have to be told as well. */
static void tell_others (struct broker *b, const struct inflight_peer *to,
                         const flux_msg_t *disconnect)
{
    struct inflight *t = b->router->inflight;
    struct inflight_peer *other;

    while ((other = inflight_elsewhere (t, to, disconnect))) {
        flux_msg_t *msg = flux_msg_copy (disconnect, true);

        inflight_disconnect (t, other, disconnect);
        if (!msg || !other->owner || peer_send (b, other->owner, &msg) < 0)
            flux_msg_decref (msg);
    }
}

static void answer_unroutable (struct broker *b, flux_msg_t *msg, int errnum)
{
    char text[200];
    const char *topic = NULL;
    size_t len;

    if (errnum != ENOSYS || flux_msg_get_topic (msg, &topic) < 0) {
        refuse (b, msg, errnum, NULL);
        return;
    }
    len = service_name_len (topic);
    if (services_reserved (b->services, topic))
        snprintf (text, sizeof (text), "%.100s: try again when module %.*s is loaded",
                  topic, (int)len, topic);
    else
        snprintf (text, sizeof (text), "No service matching %.100s is registered",
                  topic);
    refuse (b, msg, errnum, text);
}

static void deliver (struct broker *b, struct peer *to, struct peer *from,
                     flux_msg_t *msg)
{
    size_t count;

    if (router_is_disconnect (msg))
        inflight_disconnect (b->router->inflight, to->inflight, msg);
    count = to->inflight->to_count;
    if (!take_in (b, to, from, msg)) {
        int errnum = errno;

        refuse (b, msg, errnum, errnum == ENOBUFS ? quota_reason (b->quota) : NULL);
    } else if (peer_send (b, to, &msg) < 0) {
        int errnum = errno;

        if (to->inflight->to_count > count)
            inflight_undo (b->router->inflight, to->inflight);
        if (errnum == ENOBUFS)
            refuse (b, msg, errnum, "too much waits for the one who is to answer this");
        else if (errnum == ECONNRESET && to->kind == PEER_MODULE)
            answer_unroutable (b, msg, ENOSYS); /* it has ended, and took nothing */
        else
            refuse (b, msg, errnum == ECONNRESET ? EHOSTUNREACH : errnum, NULL);
    }
}

/* ---- ways that are lost, and may come back ---- */

static bool mends (struct broker *b)
{
    return b->links && b->links->awaited;
}

/* 0; -1: it is still the caller's. */
static int hold_back (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    struct router *rt = b->router;
    ssize_t size = cost_of (msg);
    struct held *h;

    if (size < 0)
        return -1;
    if (rt->held_bytes + size > rt->queue_max && !router_is_disconnect (msg)) {
        errno = ENOBUFS;
        return -1;
    }
    if (!(h = calloc (1, sizeof (*h))))
        return -1;
    h->msg = msg;
    h->size = size;
    h->own = !from;
    if (from)
        memcpy (h->from, from->id, sizeof (h->from));
    rt->held_bytes += size;
    list_append (&rt->held, &h->node);
    return 0;
}

/* Nothing has taken it in yet: who has gone meanwhile owes and gets nothing. */
static void go_on (struct broker *b, struct held *h)
{
    struct peer *from = h->own ? NULL : peer_lookup (b, h->from);
    flux_msg_t *msg = h->msg;
    int type;

    h->msg = NULL;
    if (flux_msg_get_type (msg, &type) == 0 && type == FLUX_MSGTYPE_EVENT)
        router_publish (b, msg, NULL);
    else if (!from && !h->own)
        flux_msg_decref (msg);
    else
        route_on (b, from, route_request (msg, b->rank, b->topo, b->services), msg);
}

void router_release (struct broker *b)
{
    struct router *rt = b->router;
    struct list waiting;

    list_init (&waiting);
    list_foreach (&rt->held, it) {
        list_remove (it);
        list_append (&waiting, it);
    }
    rt->held_bytes = 0;
    list_foreach (&waiting, it) {
        struct held *h = container_of (it, struct held, node);

        go_on (b, h);
        held_destroy (h);
    }
}

/* Ids of ways that were left, so long as something may still come by them. */
#define RETIRED_MAX 1024

static bool is_via (const flux_msg_t *msg, const char *id)
{
    size_t len;
    const char *routes = msg_routes (msg, &len);

    return inflight_via (routes, len, id);
}

void router_retire (struct broker *b, const char *id)
{
    struct router *rt = b->router;
    struct inflight_peer *to;
    size_t pos = 0;
    flux_msg_t *msg;

    list_foreach (&rt->held, it) {
        struct held *h = container_of (it, struct held, node);

        if (is_via (h->msg, id)) {
            rt->held_bytes -= h->size;
            held_destroy (h);
        }
    }
    while ((msg = inflight_leave_via (rt->inflight, id, &pos, &to))) {
        set_owner_cred (b, msg);
        if (!to->owner || peer_send (b, to->owner, &msg) < 0)
            flux_msg_decref (msg);
    }
    if (rt->retired || (rt->retired = calloc (RETIRED_MAX, sizeof (*rt->retired))))
        snprintf (rt->retired[rt->retired_count++ % RETIRED_MAX], ROUTE_ID_SIZE, "%s",
                  id);
}

static bool is_retired (struct router *rt, const flux_msg_t *msg)
{
    for (size_t i = 0; i < rt->retired_count && i < RETIRED_MAX; i++)
        if (is_via (msg, rt->retired[i]))
            return true;
    return false;
}

/* *awaited: it should wait. A request never goes back where it came from: a way that
 * leads there is being mended. */
static struct peer *next_peer (struct broker *b, struct peer *from, struct route r,
                               const flux_msg_t *msg, bool *awaited)
{
    struct peer *to = NULL;
    int target = ROUTER_UP;
    uint32_t nodeid;

    if (r.kind == ROUTE_SERVICE)
        return r.owner;
    if (r.kind == ROUTE_PARENT)
        to = router_parent (b);
    else if (r.kind == ROUTE_CHILD && flux_msg_get_nodeid (msg, &nodeid) == 0)
        to = router_towards (b, target = nodeid);
    if (!mends (b) || r.kind == ROUTE_ERROR)
        return to;
    if (to == from)
        to = NULL;
    if (!to && !(*awaited = b->links->awaited (b, target)) && r.kind == ROUTE_CHILD) {
        /* Somebody above may have taken it in. */
        to = router_parent (b);
        if (to == from)
            to = NULL;
    }
    return to;
}

static void route_on (struct broker *b, struct peer *from, struct route r,
                      flux_msg_t *msg)
{
    bool awaited = false;
    struct peer *to = next_peer (b, from, r, msg, &awaited);

    if (router_is_disconnect (msg))
        tell_others (b, to ? to->inflight : NULL, msg);
    if (to)
        deliver (b, to, from, msg);
    else if (!awaited)
        answer_unroutable (b, msg, r.kind == ROUTE_ERROR ? r.errnum : EHOSTUNREACH);
    else if (hold_back (b, from, msg) < 0)
        refuse (b, msg, errno, "too much waits for a broker that is away");
}

/* False: it was dropped. */
static bool push_sender (struct peer *from, flux_msg_t *msg)
{
    flux_msg_route_enable (msg);
    /* It cannot speak for others. */
    if (from->kind == PEER_CLIENT)
        flux_msg_route_clear (msg);
    if (flux_msg_route_push (msg, from->id) == 0)
        return true;
    flux_msg_decref (msg);
    return false;
}

void router_request (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    if (from && (from->kind == PEER_CHILD || from->kind == PEER_PARENT)
        && is_retired (b->router, msg)) {
        flux_msg_decref (msg);
        return;
    }
    if (from) {
        if (!push_sender (from, msg))
            return;
        if (from->kind == PEER_CLIENT || from->kind == PEER_MODULE)
            remember_used (from, msg);
        /* The answers would wait as well. */
        if (from->out_bytes > b->router->queue_max && !router_is_disconnect (msg)) {
            refuse (b, msg, ENOBUFS, "too much waits for the one who asks");
            return;
        }
    }
    route_on (b, from, route_request (msg, b->rank, b->topo, b->services), msg);
}

void router_forward_up (struct broker *b, const flux_msg_t *request)
{
    flux_msg_t *msg = flux_msg_copy (request, true);
    const char *id = msg ? flux_msg_route_last (msg) : NULL;

    if (msg)
        route_on (b, id ? peer_lookup (b, id) : NULL,
                  (struct route){ .kind = ROUTE_PARENT }, msg);
}

/* ---- responses and events ---- */

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

/* Requests without a tag are known to nobody, but to who offers the service. */
static bool is_served_by (struct broker *b, const struct peer *from,
                          const flux_msg_t *msg)
{
    const char *topic;

    return (from->cred.rolemask & FLUX_ROLE_OWNER)
           && flux_msg_get_topic (msg, &topic) == 0
           && services_lookup (b->services, topic) == from;
}

/* What nobody asked for goes nowhere: an answer given twice, one for somebody who is
 * gone, or one that a client made up. */
static bool is_stray (struct broker *b, struct peer *from, const flux_msg_t *msg)
{
    switch (inflight_respond (b->router->inflight, from->inflight, msg,
                              from->kind == PEER_CLIENT)) {
    case INFLIGHT_UNKNOWN:
        return from->kind != PEER_BUILTIN;
    case INFLIGHT_UNTRACKED:
        return from->kind == PEER_CLIENT && !is_served_by (b, from, msg);
    default:
        return false;
    }
}

void router_response (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    const char *id;
    struct peer *to;

    if (from && is_stray (b, from, msg)) {
        b->router->stray++;
        flux_msg_decref (msg);
        return;
    }
    if (!(id = flux_msg_route_last (msg))) {
        own_response (b, msg);
        return;
    }
    to = peer_lookup (b, id);
    if (!to || flux_msg_route_delete_last (msg) < 0 || peer_send (b, to, &msg) < 0)
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
    return p || services_reserved (b->services, topic);
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

bool is_printable (const char *s)
{
    while (*s > ' ' && *s <= '~')
        s++;
    return *s == '\0';
}

/* Others than the owner say what they like to each other, in words that do no harm
 * to a terminal, but not to services: these tell their ranks by events what is so. */
bool router_may_publish (struct broker *b, const char *topic, struct flux_msg_cred cred,
                         flux_error_t *error)
{
    if ((cred.rolemask & FLUX_ROLE_OWNER))
        return true;
    if (!is_printable (topic)) {
        error_text (error, "the topic of an event must be printable");
        return false;
    }
    if (!names_service (b, topic, cred.userid) && !module_listens (b, topic))
        return true;
    error_text (error, "event %s is for the instance owner: services listen to it",
                topic);
    return false;
}

static void event_to (struct broker *b, struct peer *p, flux_msg_t *msg)
{
    flux_msg_t *ref = (flux_msg_t *)flux_msg_incref (msg);

    if (peer_send (b, p, &ref) < 0)
        flux_msg_decref (ref);
}

static bool may_see (struct peer *p, const flux_msg_t *msg)
{
    uint32_t userid;

    if (!flux_msg_is_private (msg) || (p->cred.rolemask & FLUX_ROLE_OWNER))
        return true;
    return flux_msg_get_userid (msg, &userid) == 0 && userid == p->cred.userid;
}

/* ---- events that were missed ---- */

uint32_t router_event_seq (struct broker *b)
{
    return b->router->event_seq;
}

void router_set_event_seq (struct broker *b, uint32_t seq)
{
    b->router->event_seq = seq;
}

void router_keep_events (struct broker *b)
{
    b->router->keeps_events = true;
}

static void forget_event (struct router *rt)
{
    flux_msg_t *msg = msgqueue_pop (&rt->recent);

    rt->recent_bytes -= flux_msg_encode_size (msg);
    flux_msg_decref (msg);
}

static void keep_event (struct router *rt, flux_msg_t *msg)
{
    ssize_t size = flux_msg_encode_size (msg);

    if (size < 0
        || msgqueue_push (&rt->recent, (flux_msg_t *)flux_msg_incref (msg)) < 0) {
        if (size >= 0)
            flux_msg_decref (msg);
        while (!msgqueue_empty (&rt->recent)) /* no gap */
            forget_event (rt);
        return;
    }
    rt->recent_bytes += size;
    while (rt->recent.count > RECENT_MAX || rt->recent_bytes > RECENT_BYTES)
        forget_event (rt);
}

/* Sequence numbers may wrap around. */
static int32_t missed (struct broker *b, uint32_t seq)
{
    return (int32_t)(b->router->event_seq - seq);
}

bool router_can_replay (struct broker *b, uint32_t seq)
{
    return missed (b, seq) <= (int32_t)b->router->recent.count;
}

void router_replay (struct broker *b, struct peer *p, uint32_t seq)
{
    struct router *rt = b->router;

    for (int32_t n = missed (b, seq); n > 0; n--)
        event_to (b, p, msgqueue_at (&rt->recent, rt->recent.count - n));
}

/* False: it was seen before, from another parent. */
static bool note_seq (struct broker *b, const char *topic, uint32_t seq)
{
    struct router *rt = b->router;

    if (b->rank == 0)
        return true;
    if (rt->event_seq > 0 && missed (b, seq) >= 0)
        return false;
    if (rt->event_seq > 0 && seq != rt->event_seq + 1)
        broker_log (b, LOG_ERR, "event %s: sequence %u follows %u", topic, seq,
                    rt->event_seq);
    rt->event_seq = seq;
    return true;
}

void router_event (struct broker *b, flux_msg_t *msg)
{
    const char *topic;
    uint32_t seq;

    if (flux_msg_get_topic (msg, &topic) < 0 || flux_msg_get_seq (msg, &seq) < 0
        || !note_seq (b, topic, seq)) {
        flux_msg_decref (msg);
        return;
    }
    if (b->rank > 0 && b->hooks.config_sync && strcmp (topic, CONFIG_SYNC_TOPIC) == 0
        && from_owner (msg))
        b->hooks.config_sync (b, msg);
    if (b->router->keeps_events)
        keep_event (b->router, msg);
    b->router->in_event = true;
    list_foreach (&b->router->children, it)
        event_to (b, container_of (it, struct peer, node), msg);
    list_foreach (&b->router->subscribers, it) {
        struct peer *p = container_of (it, struct peer, node);

        if (subs_match (&p->subs, topic) && may_see (p, msg))
            event_to (b, p, msg);
    }
    b->router->in_event = false;
    flux_msg_decref (msg);
}

void router_publish (struct broker *b, flux_msg_t *msg, uint32_t *seq)
{
    if (b->rank > 0) {
        struct peer *parent = router_parent (b);

        if (parent ? peer_send (b, parent, &msg) < 0
                   : !mends (b) || !b->links->awaited (b, ROUTER_UP)
                         || hold_back (b, NULL, msg) < 0)
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

    from->t_active = now (b);
    memory_used (b, msg_known_len (msg));
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

void router_recv_cut (struct broker *b, struct peer *from, flux_msg_t *msg)
{
    int type;

    from->t_active = now (b);
    if (flux_msg_get_type (msg, &type) < 0)
        type = 0;
    if (type == FLUX_MSGTYPE_REQUEST && push_sender (from, msg)) {
        quota_refused (b->quota, from->user, QUOTA_BYTES);
        refuse (b, msg, ENOBUFS, quota_reason (b->quota));
    } else if (type == FLUX_MSGTYPE_RESPONSE) {
        flux_msg_set_errnum (msg, ENOBUFS);
        router_response (b, from, msg);
    } else if (type != FLUX_MSGTYPE_REQUEST)
        flux_msg_decref (msg);
}

size_t router_inflight (struct broker *b)
{
    return inflight_count (b->router->inflight);
}

void router_set_queue_max (struct broker *b, size_t bytes)
{
    b->router->queue_max = bytes;
}

json_t *router_stats (struct broker *b)
{
    struct router *rt = b->router;
    json_t *queues = json_array ();
    size_t pos = 0;
    void *value;

    while (hashmap_next (rt->peers, &pos, NULL, &value)) {
        struct peer *p = value;

        if (p->out.count > 0)
            json_array_append_new (queues,
                                   json_pack ("{s:s s:I s:I}", "id", p->id, "messages",
                                              (json_int_t)p->out.count, "bytes",
                                              (json_int_t)p->out_bytes));
    }
    return json_pack (
        "{s:I s:I s:I s:o s:o}", "peers", (json_int_t)hashmap_count (rt->peers),
        "inflight", (json_int_t)inflight_count (rt->inflight), "stray-responses",
        (json_int_t)rt->stray, "queues", queues, "quota", quota_stats (b->quota));
}

/* ---- the broker's own RPCs ---- */

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
