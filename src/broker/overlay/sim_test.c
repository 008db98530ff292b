/* A cluster of brokers in one process: N routing cores, each on an overlay core, in a
 * tree whose links keep what they carry until the draw says so, in order. Clients ask, services answer at once,
 * later, as a stream, or never; clients, modules and brokers come and go; a reader may
 * stop. No reactor, no socket, no thread, no clock: a step is whatever is drawn next.
 * In half of the clusters a broker that loses its parent ends; in the others the overlay
 * heals: it finds another, and returns when a nearer one is back.
 *
 * What holds at every step: no answer comes twice, a stream has no gap, events come in
 * order without one. What holds when all is quiet: each request has its final answer,
 * or is held by a service whose client lives; each table has what is held and no more;
 * when the clients are gone, nothing is left anywhere.
 *
 *   sim_test [FIRST-SEED COUNT]; a failure names its seed. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/test.h"
#include "broker/broker.h"
#include "broker/overlay/core.h"
#include "broker/routing/builtin.h"
#include "broker/routing/quota.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "broker/routing/subs.h"
#include "broker/routing/topology.h"

#define MAX_NODES 7
#define MAX_CLIENTS 4
#define MAX_RPCS 60
#define MAX_HELD 2000
#define STEPS 1500
#define GUEST 1000
#define HEAL 2.

struct rpc_state {
    bool used, streaming, final;
    int next; /* of the stream */
};

struct sim_client {
    struct peer peer;
    bool alive;
    bool subscribed;
    uint32_t seq; /* of the last event */
    struct rpc_state rpcs[MAX_RPCS + 1];
    uint32_t count;
};

struct held {
    flux_msg_t *msg;
    int next;
};

struct service {
    struct peer peer;
    bool alive;
    struct msgqueue in;
    struct held held[MAX_HELD];
    int count;
};

/* What is under way. Without a message: the other end is gone. */
struct letter {
    struct list node;
    flux_msg_t *msg;
};

/* From one broker to another. */
struct link {
    struct list letters;
    size_t count;
    size_t cap; /* then the router has to wait */
};

struct node {
    struct broker b;
    int rank, parent;
    bool alive;
    bool asked;       /* its parent for a place */
    bool joined;      /* it has it */
    bool lost_parent; /* it ends */
    struct overlay_core *ov;
    int life;
    struct conn *conn; /* to the parent, or to the one who is asked */
    double t_tick;
    struct idset *announced; /* to be told to those above */
    struct peer parent_peer;
    struct service here, common; /* "rankN" and "all" */
    struct sim_client clients[MAX_CLIENTS];
};

/* A connection of one life of a broker to one life of another. */
struct conn {
    struct list node;
    struct node *child, *parent;
    int child_life, parent_life;
    char id[OVERLAY_ID_SIZE];
    bool child_closed, parent_closed;
    struct link up, down;
    struct peer peer; /* of the child, in the parent's tables */
};

static struct sim {
    uint64_t seed, rng;
    int size, step;
    double t;
    bool small_queues, quiet, heals;
    int found, homecomings; /* parents by orphans, so far */
    struct list conns;
    struct topology *topo;
    struct node nodes[MAX_NODES];
} sim;

#define check(cond, ...)                                                               \
    do {                                                                               \
        if (!(cond)) {                                                                 \
            fprintf (stderr, "seed %llu, step %d: ", (unsigned long long)sim.seed,     \
                     sim.step);                                                        \
            fprintf (stderr, __VA_ARGS__);                                             \
            fprintf (stderr, " (%s)\n", #cond);                                        \
            abort ();                                                                  \
        }                                                                              \
    } while (0)

static uint32_t draw (uint32_t n)
{
    sim.rng ^= sim.rng << 13;
    sim.rng ^= sim.rng >> 7;
    sim.rng ^= sim.rng << 17;
    return (sim.rng >> 11) % n;
}

/* ---- what the router asks of its surroundings ---- */

static struct peer *parent_of (struct broker *b)
{
    struct node *n = container_of (b, struct node, b);

    return overlay_core_has_parent (n->ov) ? &n->parent_peer : NULL;
}

static struct peer *towards (struct broker *b, int rank)
{
    struct node *n = container_of (b, struct node, b);
    struct overlay_child *c = overlay_core_towards (n->ov, rank);

    return c ? c->data : NULL;
}

static bool awaited (struct broker *b, int rank)
{
    struct node *n = container_of (b, struct node, b);

    return rank == ROUTER_UP ? overlay_core_parent_awaited (n->ov)
                             : overlay_core_awaited (n->ov, rank);
}

static const struct router_links links = { parent_of, towards, NULL };
static const struct router_links mended_links = { parent_of, towards, awaited };

static void log_line (struct broker *b, int level, const char *text)
{
    check (false, "rank %d logs: %s", b->rank, text); /* a gap in the events */
}

/* ---- links ---- */

/* As it comes out of a socket. */
static flux_msg_t *pass (const flux_msg_t *msg)
{
    ssize_t len = flux_msg_encode_size (msg);
    char *buf = malloc (len);
    flux_msg_t *out;

    check (len > 0 && buf && flux_msg_encode (msg, buf, len) == 0, "encode");
    out = flux_msg_decode (buf, len);
    check (out, "decode");
    free (buf);
    return out;
}

static void link_put (struct link *l, const flux_msg_t *msg)
{
    struct letter *letter = calloc (1, sizeof (*letter));

    check (letter, "out of memory");
    letter->msg = msg ? pass (msg) : NULL;
    list_append (&l->letters, &letter->node);
    l->count++;
}

static struct letter *link_take (struct link *l)
{
    struct letter *letter = list_first (&l->letters, struct letter, node);

    if (letter) {
        list_remove (&letter->node);
        l->count--;
    }
    return letter;
}

static void link_clear (struct link *l)
{
    struct letter *letter;

    while ((letter = link_take (l))) {
        flux_msg_decref (letter->msg);
        free (letter);
    }
}

static int handed_over (int rc, flux_msg_t **msg)
{
    if (rc == 0) {
        flux_msg_decref (*msg);
        *msg = NULL;
    }
    return rc;
}

static int full (const struct link *l)
{
    errno = EAGAIN;
    return l->count >= l->cap;
}

static int to_child (struct peer *p, flux_msg_t **msg)
{
    struct conn *c = p->arg;
    struct overlay_core *ov = c->parent->ov;

    if (full (&c->down))
        return -1;
    return handed_over (
        overlay_core_send_child (ov, overlay_core_child (ov, c->child->rank), *msg),
        msg);
}

static int to_parent (struct peer *p, flux_msg_t **msg)
{
    struct node *n = p->arg;

    if (!n->conn) {
        errno = EHOSTUNREACH;
        return -1;
    }
    if (full (&n->conn->up))
        return -1;
    return handed_over (overlay_core_send_parent (n->ov, *msg), msg);
}

static void kill_node (struct node *n);

static void child_stuck (struct peer *p)
{
    struct conn *c = p->arg;

    (void)overlay_core_disconnect (c->parent->ov, c->child->rank, "does not read");
}

static void parent_stuck (struct peer *p)
{
    struct node *n = p->arg;

    overlay_core_parent_lost (n->ov, "does not read");
}

static struct conn *connect_to (struct node *child, struct node *parent, const char *id)
{
    struct conn *c = calloc (1, sizeof (*c));

    check (c, "out of memory");
    strcpy (c->id, id);
    c->child = child;
    c->parent = parent;
    c->child_life = child->life;
    c->parent_life = parent->life;
    c->up.cap = c->down.cap = sim.small_queues ? 4 + draw (30) : SIZE_MAX;
    list_init (&c->up.letters);
    list_init (&c->down.letters);
    list_append (&sim.conns, &c->node);
    child->conn = c;
    return c;
}

static bool parent_lives (const struct conn *c)
{
    return c->parent->alive && c->parent->life == c->parent_life;
}

/* The child's end. */
static void hang_up (struct conn *c)
{
    if (c->child_closed)
        return;
    c->child_closed = true;
    link_clear (&c->down);
    if (parent_lives (c))
        link_put (&c->up, NULL);
    if (c->child->conn == c)
        c->child->conn = NULL;
}

/* The parent's. */
static void cut_off (struct conn *c)
{
    c->parent_closed = true;
    link_clear (&c->up);
    if (!c->child_closed)
        link_put (&c->down, NULL);
}

/* Returns false if there is nothing under way. */
static bool carry_up (struct conn *c)
{
    struct letter *l = link_take (&c->up);

    if (!l)
        return false;
    if (!parent_lives (c))
        flux_msg_decref (l->msg);
    else if (l->msg)
        overlay_core_child_recv (c->parent->ov, c->id, l->msg);
    else {
        c->parent_closed = true;
        overlay_core_child_lost (c->parent->ov, c->id);
    }
    free (l);
    if (!c->child_closed && overlay_core_has_parent (c->child->ov)
        && c->child->conn == c && draw (2))
        peer_writable (&c->child->b, &c->child->parent_peer);
    return true;
}

static bool carry_down (struct conn *c)
{
    struct letter *l = link_take (&c->down);

    if (!l)
        return false;
    if (c->child_closed)
        flux_msg_decref (l->msg);
    else if (l->msg)
        overlay_core_parent_recv (c->child->ov, l->msg);
    else if (c->child->conn == c) {
        overlay_core_parent_lost (c->child->ov, "is gone");
        hang_up (c);
    }
    free (l);
    if (parent_lives (c) && c->peer.inflight && draw (2))
        peer_writable (&c->parent->b, &c->peer);
    return true;
}

static void end_conns (void)
{
    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        if (c->up.count + c->down.count == 0 && c->child_closed
            && (c->parent_closed || !parent_lives (c)) && !c->peer.inflight) {
            list_remove (&c->node);
            free (c);
        }
    }
}

static struct conn *some_conn (void)
{
    uint32_t count = 0, i = 0;

    list_foreach (&sim.conns, it)
        count++;
    if (count == 0)
        return NULL;
    count = draw (count);
    list_foreach (&sim.conns, it)
        if (i++ == count)
            return container_of (it, struct conn, node);
    return NULL;
}

/* ---- what the overlay asks of its surroundings ---- */

static double op_now (void *arg)
{
    return sim.t;
}

static enum broker_state op_state (void *arg)
{
    return STATE_RUN;
}

static int op_send_child (const char *id, const flux_msg_t *msg, void *arg)
{
    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        if (c->parent == arg && !c->parent_closed && !c->child_closed
            && strcmp (c->id, id) == 0) {
            link_put (&c->down, msg);
            return 0;
        }
    }
    errno = EHOSTUNREACH; /* not told yet */
    return -1;
}

static int op_send_parent (const flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    if (!n->conn) {
        errno = EHOSTUNREACH;
        return -1;
    }
    link_put (&n->conn->up, msg);
    return 0;
}

static json_t *op_welcome (void *arg)
{
    return json_pack ("{s:{} s:{}}", "conf", "attrs");
}

static uint32_t op_event_seq (void *arg)
{
    return router_event_seq (&((struct node *)arg)->b);
}

static bool op_is_online (int rank, void *arg)
{
    struct node *n = &sim.nodes[rank];

    return n->alive && n->joined && !n->lost_parent;
}

static void op_new_id (char id[OVERLAY_ID_SIZE], void *arg)
{
    make_route_id (id);
}

static void op_tick_in (double seconds, void *arg)
{
    ((struct node *)arg)->t_tick = sim.t + seconds;
}

/* As the groups do. */
static void announce (struct node *n, int rank)
{
    struct idset *ids = topology_subtree (sim.topo, rank);

    check (ids && n->announced && idset_add (n->announced, ids) == 0, "out of memory");
    idset_destroy (ids);
}

static int op_child_joined (struct overlay_child *child, void *arg)
{
    struct node *n = arg;

    if (child->seq >= 0 && !router_can_replay (&n->b, child->seq)) {
        errno = ESTALE;
        return -1;
    }
    check (!child->data, "rank %d joins twice", child->rank);
    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        if (c->parent != n || strcmp (c->id, child->id) != 0)
            continue;
        c->peer.kind = PEER_CHILD;
        c->peer.send = to_child;
        c->peer.stuck = child_stuck;
        c->peer.arg = c;
        strcpy (c->peer.id, child->id);
        child->data = &c->peer;
        if (child->seq < 0)
            announce (n, child->rank);
        return peer_add (&n->b, &c->peer);
    }
    check (false, "rank %d joins without a connection", child->rank);
    return -1;
}

static void op_child_resumed (struct overlay_child *child, void *arg)
{
    struct node *n = arg;

    router_replay (&n->b, child->data, child->seq);
    announce (n, child->rank);
}

static void op_child_left (struct overlay_child *child, const struct idset *gone,
                           void *arg)
{
    struct node *n = arg;

    peer_remove (&n->b, child->data, EHOSTUNREACH);
    child->data = NULL;
    while (sim.heals && router_turn (&n->b))
        ;
}

static void op_moved (const char *id, void *arg)
{
    struct node *n = arg;

    router_retire (&n->b, id);
    while (router_turn (&n->b))
        ;
}

static void op_ranks_gone (const struct idset *ranks, void *arg)
{
    router_release (&((struct node *)arg)->b);
}

static void op_child_torpid (struct overlay_child *child, void *arg)
{
}

static void op_child_msg (struct overlay_child *child, flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    router_recv (&n->b, child->data, msg);
}

static int add_parent (struct node *n, const char *id)
{
    memset (&n->parent_peer, 0, sizeof (n->parent_peer));
    n->parent_peer.kind = PEER_PARENT;
    n->parent_peer.send = to_parent;
    n->parent_peer.stuck = parent_stuck;
    n->parent_peer.arg = n;
    strcpy (n->parent_peer.id, id);
    return peer_add (&n->b, &n->parent_peer);
}

static int op_parent_joined (const char *id, json_t *welcome, flux_error_t *error,
                             void *arg)
{
    struct node *n = arg;

    n->joined = true;
    router_set_event_seq (&n->b, json_integer_value (json_object_get (welcome, "seq")));
    return add_parent (n, id);
}

static void op_parent_away (const char *why, void *arg)
{
    struct node *n = arg;

    check (sim.heals, "looks for a parent");
    peer_remove (&n->b, &n->parent_peer, EHOSTUNREACH);
}

static int op_parent_connect (int rank, const char *id, void *arg)
{
    struct node *n = arg, *p = &sim.nodes[rank];

    while (router_turn (&n->b))
        ;
    if (n->conn)
        hang_up (n->conn);
    if (draw (20) == 0)
        return -1;
    connect_to (n, p, id);
    if (!p->alive || !p->joined || p->lost_parent || draw (20) == 0)
        cut_off (n->conn);
    return 0;
}

static int op_parent_found (int rank, const char *id, void *arg)
{
    struct node *n = arg;

    sim.found++;
    sim.homecomings += rank == n->parent;
    if (add_parent (n, id) < 0)
        return -1;
    router_release (&n->b);
    return 0;
}

static void op_parent_failed (int errnum, const char *why, void *arg)
{
    struct node *n = arg;

    n->lost_parent = true;
}

static void op_parent_left (const char *why, void *arg)
{
    struct node *n = arg;

    n->lost_parent = true;
    router_release (&n->b);
}

static void op_parent_state (int state, void *arg)
{
}

static void op_parent_msg (flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    router_recv (&n->b, &n->parent_peer, msg);
}

static void op_log (int severity, const char *text, void *arg)
{
}

static const struct overlay_core_ops overlay_ops = {
    .now = op_now,
    .state = op_state,
    .send_child = op_send_child,
    .send_parent = op_send_parent,
    .welcome = op_welcome,
    .event_seq = op_event_seq,
    .is_online = op_is_online,
    .new_id = op_new_id,
    .tick_in = op_tick_in,
    .child_joined = op_child_joined,
    .child_resumed = op_child_resumed,
    .child_left = op_child_left,
    .moved = op_moved,
    .ranks_gone = op_ranks_gone,
    .child_torpid = op_child_torpid,
    .child_msg = op_child_msg,
    .parent_joined = op_parent_joined,
    .parent_failed = op_parent_failed,
    .parent_left = op_parent_left,
    .parent_away = op_parent_away,
    .parent_connect = op_parent_connect,
    .parent_found = op_parent_found,
    .parent_state = op_parent_state,
    .parent_msg = op_parent_msg,
    .log = op_log,
};

/* ---- services ---- */

static int to_service (struct peer *p, flux_msg_t **msg)
{
    struct service *s = p->arg;

    check (msgqueue_push (&s->in, *msg) == 0, "out of memory");
    *msg = NULL;
    return 0;
}

static void drop_held (struct service *s, int i)
{
    flux_msg_decref (s->held[i].msg);
    s->held[i] = s->held[--s->count];
}

static void respond (struct node *n, struct service *s, const flux_msg_t *req, int i,
                     int errnum)
{
    flux_msg_t *rep = flux_response_derive (req, errnum);

    check (rep && (errnum || flux_msg_pack (rep, "{s:i}", "i", i) == 0), "response");
    router_recv (&n->b, &s->peer, rep);
}

/* One answer to what is held; a stream may end. */
static void answer_held (struct node *n, struct service *s, int i)
{
    struct held *h = &s->held[i];

    if (!flux_msg_is_streaming (h->msg)) {
        respond (n, s, h->msg, 0, draw (4) ? 0 : EINVAL);
        if (draw (20) == 0)
            respond (n, s, h->msg, 0, 0); /* once too often: must not arrive */
        drop_held (s, i);
    } else if (h->next > 3 && draw (3) == 0) {
        respond (n, s, h->msg, 0, ENODATA);
        drop_held (s, i);
    } else
        respond (n, s, h->msg, h->next++, 0);
}

static void service_request (struct node *n, struct service *s, flux_msg_t *msg)
{
    const char *topic;

    check (flux_msg_get_topic (msg, &topic) == 0, "topic");
    if (strstr (topic, ".disconnect")) {
        for (int i = s->count - 1; i >= 0; i--)
            if (flux_msg_route_match_first (s->held[i].msg, msg))
                drop_held (s, i);
    } else if (!flux_msg_is_noresponse (msg)) {
        check (s->count < MAX_HELD, "too much is held");
        s->held[s->count].next = 0;
        s->held[s->count++].msg = (flux_msg_t *)flux_msg_incref (msg);
        if (strstr (topic, ".now"))
            answer_held (n, s, s->count - 1);
    }
    flux_msg_decref (msg);
}

static bool run_service (struct node *n, struct service *s)
{
    flux_msg_t *msg;
    int type;

    if (!s->alive)
        return false;
    if ((msg = msgqueue_pop (&s->in))) {
        if (flux_msg_get_type (msg, &type) == 0 && type == FLUX_MSGTYPE_REQUEST)
            service_request (n, s, msg);
        else
            flux_msg_decref (msg);
        return true;
    }
    if (s->count > 0 && !sim.quiet) {
        answer_held (n, s, draw (s->count));
        return true;
    }
    return false;
}

static void start_service (struct node *n, struct service *s, const char *name)
{
    memset (&s->peer, 0, sizeof (s->peer));
    s->peer.kind = PEER_MODULE;
    s->peer.send = to_service;
    s->peer.arg = s;
    s->peer.cred = (struct flux_msg_cred){ 0, FLUX_ROLE_OWNER };
    s->alive = true;
    check (peer_add (&n->b, &s->peer) == 0
               && services_add (n->b.services, name, &s->peer) == 0,
           "service");
}

static void forget_service (struct service *s)
{
    while (s->count > 0)
        drop_held (s, 0);
    msgqueue_fini (&s->in);
    s->alive = false;
}

static void stop_service (struct node *n, struct service *s)
{
    peer_remove (&n->b, &s->peer, ENOSYS);
    forget_service (s);
}

/* ---- clients ---- */

static void client_event (struct sim_client *c, const flux_msg_t *msg)
{
    uint32_t seq;

    check (flux_msg_get_seq (msg, &seq) == 0, "event");
    check (c->subscribed, "an event that nobody subscribed to");
    check (c->seq == 0 || seq == c->seq + 1, "event %u follows %u", seq, c->seq);
    c->seq = seq;
}

static void client_response (struct sim_client *c, const flux_msg_t *msg)
{
    struct rpc_state *r;
    uint32_t tag;
    int errnum, i;

    check (flux_msg_get_matchtag (msg, &tag) == 0 && tag > 0 && tag <= c->count, "tag");
    r = &c->rpcs[tag];
    check (r->used && !r->final, "RPC %u is answered again", tag);
    check (flux_msg_get_errnum (msg, &errnum) == 0, "response");
    check (flux_msg_route_count (msg) == 0, "routes are left");
    if (!r->streaming || errnum) {
        r->final = true;
        return;
    }
    check (flux_msg_unpack (msg, "{s:i}", "i", &i) == 0, "payload");
    check (i == r->next++, "stream %u has a gap: %d", tag, i);
}

static int to_client (struct peer *p, flux_msg_t **msg)
{
    struct sim_client *c = p->arg;
    int type;

    check (c->alive, "a client that is gone");
    check (flux_msg_get_type (*msg, &type) == 0, "type");
    if (type == FLUX_MSGTYPE_EVENT)
        client_event (c, *msg);
    else
        client_response (c, *msg);
    flux_msg_decref (*msg);
    *msg = NULL;
    return 0;
}

static void start_client (struct node *n, struct sim_client *c)
{
    uid_t uid = draw (3) ? 0 : GUEST;

    memset (c, 0, sizeof (*c));
    c->peer.kind = PEER_CLIENT;
    c->peer.send = to_client;
    c->peer.arg = c;
    c->peer.cred.userid = uid;
    c->peer.cred.rolemask = uid ? FLUX_ROLE_USER : FLUX_ROLE_OWNER;
    c->peer.user = quota_user (n->b.quota, uid);
    c->alive = true;
    check (peer_add (&n->b, &c->peer) == 0, "client");
    if (draw (2) && quota_take (n->b.quota, c->peer.user, QUOTA_MATCHES, 1)) {
        check (subs_add (&c->peer.subs, "ev") == 0, "subscription");
        c->subscribed = true;
    }
}

static void stop_client (struct node *n, struct sim_client *c)
{
    c->alive = false;
    peer_remove (&n->b, &c->peer, ENOSYS);
}

static void client_publish (struct node *n, struct sim_client *c)
{
    flux_msg_t *msg = flux_event_encode ("ev.x", NULL);

    flux_msg_set_cred (msg, c->peer.cred);
    router_recv (&n->b, &c->peer, msg);
}

static void client_ask (struct node *n, struct sim_client *c)
{
    static const char *methods[] = { "now", "later" };
    char topic[64];
    flux_msg_t *msg;
    int service = draw (sim.size + 2);
    bool noresponse = draw (10) == 0;
    struct rpc_state *r;

    if (c->count == MAX_RPCS)
        return;
    if (service == sim.size + 1)
        snprintf (topic, sizeof (topic), "nobody.now");
    else if (service == sim.size)
        snprintf (topic, sizeof (topic), "all.%s", methods[draw (2)]);
    else
        snprintf (topic, sizeof (topic), "rank%d.%s", service, methods[draw (2)]);
    check ((msg = flux_request_encode (topic, NULL)), "request");
    if (draw (3) == 0)
        flux_msg_route_push (msg, "somebody-else"); /* it cannot speak for others */
    switch (draw (3)) {
    case 0:
        flux_msg_set_nodeid (msg, service < sim.size ? service : (int)draw (sim.size));
        break;
    case 1:
        flux_msg_set_nodeid (msg, n->rank);
        flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM);
        break;
    }
    flux_msg_set_cred (msg, c->peer.cred);
    if (noresponse)
        flux_msg_set_noresponse (msg);
    else {
        r = &c->rpcs[++c->count];
        r->used = true;
        if ((r->streaming = draw (2)))
            flux_msg_set_streaming (msg);
        flux_msg_set_matchtag (msg, c->count);
    }
    router_recv (&n->b, &c->peer, msg);
}

static void act_client (struct node *n)
{
    struct sim_client *c = &n->clients[draw (MAX_CLIENTS)];

    if (!c->alive)
        start_client (n, c);
    else if (draw (25) == 0)
        stop_client (n, c);
    else if (draw (6) == 0)
        client_publish (n, c);
    else
        client_ask (n, c);
}

/* ---- brokers ---- */

static void start_node (struct node *n)
{
    static const uint64_t tight[QUOTA_SLOTS] = { 1 << 20, 400, 100, 60 };
    struct overlay_core_conf conf = {
        .topo = sim.topo, .hostname = "host", .version = "1", .ops = overlay_ops
    };
    char name[16];

    memset (&n->b, 0, sizeof (n->b));
    n->b.rank = n->rank;
    n->b.size = sim.size;
    n->b.topo = sim.topo;
    n->b.links = sim.heals ? &mended_links : &links;
    n->b.hooks.log = log_line;
    make_route_id (n->b.uuid);
    n->life++;
    n->alive = true;
    n->asked = n->lost_parent = false;
    n->joined = n->rank == 0;
    n->conn = NULL;
    n->t_tick = INFINITY;
    check ((n->announced = idset_create (sim.size, 0)), "out of memory");
    check ((n->b.services = services_create ()) && router_init (&n->b) == 0
               && builtins_init (&n->b) == 0,
           "broker");
    if (sim.small_queues) {
        router_set_queue_max (&n->b, 6400);
        for (int i = 0; i < QUOTA_SLOTS; i++)
            quota_set_limit (n->b.quota, i, tight[i]);
    }
    conf.rank = n->rank;
    conf.uuid = n->b.uuid;
    conf.arg = n;
    check ((n->ov = overlay_core_create (&conf)), "overlay");
    if (sim.heals) {
        overlay_core_set_heal (n->ov, HEAL);
        router_keep_events (&n->b);
    }
    snprintf (name, sizeof (name), "rank%d", n->rank);
    start_service (n, &n->here, name);
    if (draw (2))
        start_service (n, &n->common, "all");
}

/* It asks its parent for its place. */
static void join (struct node *n)
{
    n->asked = true;
    connect_to (n, &sim.nodes[n->parent], n->b.uuid);
    check (overlay_core_hello (n->ov) == 0, "hello");
}

static void kill_node (struct node *n)
{
    n->alive = false;
    for (int i = 0; i < MAX_CLIENTS; i++)
        n->clients[i].alive = false;
    forget_service (&n->here);
    forget_service (&n->common);
    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        if (c->child == n)
            hang_up (c);
        if (c->parent == n && c->parent_life == n->life && !c->parent_closed)
            cut_off (c);
    }
    idset_destroy (n->announced);
    n->announced = NULL;
    overlay_core_destroy (n->ov);
    n->ov = NULL;
    builtins_fini (&n->b);
    router_fini (&n->b);
    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        if (c->parent == n && c->parent_life == n->life)
            c->peer.inflight = NULL; /* went with the router */
    }
    services_destroy (n->b.services);
}

static void act_node (struct node *n)
{
    struct node *p = &sim.nodes[n->rank > 0 ? n->parent : 0];

    if (!n->alive)
        start_node (n);
    else if (n->rank > 0 && !n->asked) {
        if (p->alive && (p->rank == 0 || (p->joined && !p->lost_parent)))
            join (n);
    } else if (n->rank > 0 && draw (12) == 0)
        kill_node (n);
    else if (n->common.alive && draw (5) == 0)
        stop_service (n, &n->common);
    else if (!n->common.alive && draw (2))
        start_service (n, &n->common, "all");
}

/* ---- steps ---- */

static bool run_node (struct node *n)
{
    return n->alive && router_turn (&n->b);
}

/* What is due, and what those above hear. */
static bool run_overlay (struct node *n)
{
    struct node *p = n;
    bool did = false;

    if (!n->alive)
        return false;
    if (n->lost_parent) {
        kill_node (n);
        return true;
    }
    if (!idset_empty (n->announced)) {
        for (; p && p->alive; p = p->conn ? p->conn->parent : NULL) {
            overlay_core_announced (p->ov, n->announced);
            router_release (&p->b);
        }
        idset_clear_all (n->announced);
        did = true;
    }
    if (n->t_tick <= sim.t) {
        n->t_tick = INFINITY;
        overlay_core_tick (n->ov);
    }
    return did;
}

static void step (void)
{
    struct node *n = &sim.nodes[draw (sim.size)];
    struct conn *c;

    switch (draw (10)) {
    case 0:
    case 1:
        if (n->alive && (n->rank == 0 || n->joined))
            act_client (n);
        break;
    case 2:
        if (draw (8) == 0)
            act_node (n);
        break;
    case 3:
    case 4:
        run_service (n, draw (2) ? &n->here : &n->common);
        break;
    case 5:
        run_node (n);
        break;
    default:
        if ((c = some_conn ()))
            (void)(draw (2) ? carry_up (c) : carry_down (c));
        break;
    }
    sim.t += 0.01;
    for (int r = 0; r < sim.size; r++)
        (void)run_overlay (&sim.nodes[r]);
    end_conns ();
}

static bool carry_all (void)
{
    bool more = false;

    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        more |= carry_up (c);
        more |= carry_down (c);
        if (!c->child_closed && c->child->conn == c
            && overlay_core_has_parent (c->child->ov))
            peer_writable (&c->child->b, &c->child->parent_peer);
        if (parent_lives (c) && c->peer.inflight)
            peer_writable (&c->parent->b, &c->peer);
        more |= c->up.count + c->down.count > 0;
    }
    end_conns ();
    return more;
}

/* Everything under way arrives; what is held stays held. */
static void settle_once (void)
{
    bool more = true;

    while (more) {
        more = false;
        for (int r = 0; r < sim.size; r++) {
            struct node *n = &sim.nodes[r];

            more |= n->alive && router_pending (&n->b);
            (void)run_node (n);
            more |= run_overlay (n);
            more |= run_service (n, &n->here) | run_service (n, &n->common);
        }
        more |= carry_all ();
    }
}

/* And who is lost comes back, or does not. */
static void settle (void)
{
    sim.quiet = true;
    settle_once ();
    for (int i = 0; sim.heals && i < 100; i++) {
        sim.t += 0.1;
        settle_once ();
    }
    sim.quiet = false;
}

/* ---- when all is quiet ---- */

static struct sim_client *find_client (const char *id)
{
    for (int r = 0; r < sim.size; r++)
        for (int i = 0; i < MAX_CLIENTS; i++) {
            struct sim_client *c = &sim.nodes[r].clients[i];

            if (c->alive && strcmp (c->peer.id, id) == 0)
                return c;
        }
    return NULL;
}

/* What a service holds has a client that waits for it; returns on how many brokers
 * it is known. */
static size_t check_held (struct service *s, bool waited[][MAX_CLIENTS][MAX_RPCS + 1])
{
    size_t hops = 0;

    for (int i = 0; s->alive && i < s->count; i++) {
        const flux_msg_t *msg = s->held[i].msg;
        struct sim_client *c = find_client (flux_msg_route_first (msg));
        const char *topic = "";
        uint32_t tag;

        (void)flux_msg_get_topic (msg, &topic);
        check (c, "%s of a client that is gone is held, way %s%s", topic,
               flux_msg_route_string (msg), sim.small_queues ? ", small queues" : "");
        check (flux_msg_get_matchtag (msg, &tag) == 0, "tag");
        for (int r = 0; r < sim.size; r++)
            for (int k = 0; k < MAX_CLIENTS; k++)
                if (c == &sim.nodes[r].clients[k])
                    waited[r][k][tag] = true;
        hops += flux_msg_route_count (msg);
    }
    return hops;
}

static void check_quiet (void)
{
    static bool waited[MAX_NODES][MAX_CLIENTS][MAX_RPCS + 1];
    size_t hops = 0, inflight = 0;

    memset (waited, 0, sizeof (waited));
    for (int r = 0; r < sim.size; r++) {
        struct node *n = &sim.nodes[r];

        hops += check_held (&n->here, waited) + check_held (&n->common, waited);
        if (n->alive)
            inflight += router_inflight (&n->b);
    }
    check (hops == inflight, "%zu entries in the tables, %zu are held%s%s", inflight,
           hops, sim.small_queues ? ", small queues" : "", sim.heals ? ", heals" : "");
    for (int r = 0; r < sim.size; r++)
        for (int i = 0; i < MAX_CLIENTS; i++) {
            struct sim_client *c = &sim.nodes[r].clients[i];

            for (uint32_t tag = 1; c->alive && tag <= c->count; tag++)
                check (c->rpcs[tag].final != waited[r][i][tag],
                       "rank %d, client %d, RPC %u: final %d, held %d", r, i, tag,
                       c->rpcs[tag].final, waited[r][i][tag]);
        }
}

static void check_empty (void)
{
    for (int r = 0; r < sim.size; r++) {
        struct node *n = &sim.nodes[r];
        json_int_t bytes, messages, matches;
        json_t *o;

        if (!n->alive)
            continue;
        check (router_inflight (&n->b) == 0, "rank %d has %zu in flight", r,
               router_inflight (&n->b));
        check (n->here.count == 0 && n->common.count == 0, "rank %d holds requests", r);
        o = quota_stats (n->b.quota);
        check (json_unpack (o, "{s:{s:I s:I s:I}}", "total", "bytes", &bytes,
                            "messages", &messages, "matches", &matches)
                   == 0,
               "stats");
        check (bytes == 0 && messages == 0 && matches == 0,
               "rank %d: %lld bytes, %lld messages, %lld matches are charged", r,
               (long long)bytes, (long long)messages, (long long)matches);
        json_decref (o);
    }
}

static void run_seed (uint64_t seed)
{
    int parents[MAX_NODES];

    memset (&sim, 0, sizeof (sim));
    sim.seed = seed;
    sim.rng = seed * 0x9E3779B97F4A7C15ull + 1;
    for (int i = 0; i < 10; i++)
        draw (2);
    sim.size = 1 + draw (MAX_NODES);
    sim.small_queues = draw (3) == 0;
    sim.heals = draw (2) == 0;
    list_init (&sim.conns);
    parents[0] = -1;
    for (int r = 1; r < sim.size; r++)
        parents[r] = draw (r);
    check ((sim.topo = topology_create_custom (parents, sim.size, NULL)), "topology");
    for (int r = 0; r < sim.size; r++) {
        sim.nodes[r].rank = r;
        sim.nodes[r].parent = parents[r];
        start_node (&sim.nodes[r]);
        if (r > 0)
            join (&sim.nodes[r]);
        while (r > 0 && !sim.nodes[r].joined)
            check (carry_up (sim.nodes[r].conn) | carry_down (sim.nodes[r].conn),
                   "join");
    }
    for (sim.step = 0; sim.step < STEPS; sim.step++)
        step ();
    settle ();
    check_quiet ();
    for (int r = 0; r < sim.size; r++)
        for (int i = 0; i < MAX_CLIENTS; i++)
            if (sim.nodes[r].clients[i].alive)
                stop_client (&sim.nodes[r], &sim.nodes[r].clients[i]);
    settle ();
    check_quiet ();
    check_empty ();
    for (int r = sim.size - 1; r >= 0; r--) {
        if (sim.nodes[r].alive)
            kill_node (&sim.nodes[r]);
    }
    list_foreach (&sim.conns, it) {
        struct conn *c = container_of (it, struct conn, node);

        link_clear (&c->up);
        link_clear (&c->down);
        free (c);
    }
    topology_destroy (sim.topo);
}

static void seeds (void **state)
{
    for (uint64_t seed = 1; seed <= 1200; seed++)
        run_seed (seed);
}

int main (int argc, char *argv[])
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (seeds) };

    hash_seed (1); /* a run is all in its own seed */
    if (argc == 3) {
        uint64_t first = strtoull (argv[1], NULL, 10), count = atoll (argv[2]);

        for (uint64_t i = 0; i < count; i++)
            run_seed (first + i);
        printf ("%llu seeds from %llu: ok\n", (unsigned long long)count,
                (unsigned long long)first);
        return 0;
    }
    return cmocka_run_group_tests (tests, NULL, NULL);
}
