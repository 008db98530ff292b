/* A cluster of brokers in one process: N routing cores, each on an overlay core, in a
 * tree whose links keep what they carry until the draw says so, in order. Clients ask, services answer at once,
 * later, as a stream, or never; clients, modules and brokers come and go; a reader may
 * stop. No reactor, no socket, no thread, no clock: a step is whatever is drawn next.
 *
 * What holds at every step: no answer comes twice, a stream has no gap, events come in
 * order without one. What holds when all is quiet: each request has its final answer,
 * or is held by a service whose client lives; each table has what is held and no more;
 * when the clients are gone, nothing is left anywhere.
 *
 *   sim_test [FIRST-SEED COUNT]; a failure names its seed. */
#include <errno.h>
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

/* What is under way from a broker of this id, or to it. Without a message: the other
 * end is gone. */
struct letter {
    struct list node;
    char id[OVERLAY_ID_SIZE];
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
    struct link up, down;                /* to and from the parent */
    struct peer parent_peer, child_peer; /* the latter is in the parent's tables */
    struct service here, common;         /* "rankN" and "all" */
    struct sim_client clients[MAX_CLIENTS];
};

static struct sim {
    uint64_t seed, rng;
    int size, step;
    bool small_queues, quiet;
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

    return n->joined && !n->lost_parent ? &n->parent_peer : NULL;
}

static struct peer *child_of (struct broker *b, int rank)
{
    struct node *c = &sim.nodes[rank];

    return c->child_peer.inflight ? &c->child_peer : NULL;
}

static const struct router_links links = { parent_of, child_of };

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

static void link_put (struct link *l, const char *id, const flux_msg_t *msg)
{
    struct letter *letter = calloc (1, sizeof (*letter));

    check (letter, "out of memory");
    strcpy (letter->id, id);
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
    struct node *c = p->arg;
    struct overlay_core *ov = sim.nodes[c->parent].ov;

    if (full (&c->down))
        return -1;
    return handed_over (
        overlay_core_send_child (ov, overlay_core_child (ov, c->rank), *msg), msg);
}

static int to_parent (struct peer *p, flux_msg_t **msg)
{
    struct node *n = p->arg;

    if (full (&n->up))
        return -1;
    return handed_over (overlay_core_send_parent (n->ov, *msg), msg);
}

static void kill_node (struct node *n);

static void child_stuck (struct peer *p)
{
    struct node *c = p->arg;

    (void)overlay_core_disconnect (sim.nodes[c->parent].ov, c->rank, "does not read");
}

static void parent_stuck (struct peer *p)
{
    struct node *n = p->arg;

    overlay_core_parent_lost (n->ov, "does not read");
}

static bool carry_up (struct node *c)
{
    struct node *p = &sim.nodes[c->parent];
    struct letter *l = link_take (&c->up);

    if (!l)
        return false;
    if (!p->alive)
        flux_msg_decref (l->msg);
    else if (l->msg)
        overlay_core_child_recv (p->ov, l->id, l->msg);
    else
        overlay_core_child_lost (p->ov, l->id);
    free (l);
    if (c->alive && c->joined && !c->lost_parent && draw (2))
        peer_writable (&c->b, &c->parent_peer);
    return true;
}

static bool carry_down (struct node *c)
{
    struct node *p = &sim.nodes[c->parent];
    struct letter *l = link_take (&c->down);

    if (!l) {
        if (!c->lost_parent || !c->alive)
            return false;
        kill_node (c); /* RFC: a broker without its parent ends */
        return true;
    }
    if (!c->alive || strcmp (l->id, c->b.uuid) != 0)
        flux_msg_decref (l->msg);
    else if (l->msg)
        overlay_core_parent_recv (c->ov, l->msg);
    else
        overlay_core_parent_lost (c->ov, "is gone");
    free (l);
    if (p->alive && c->child_peer.inflight && draw (2))
        peer_writable (&p->b, &c->child_peer);
    return true;
}

/* ---- what the overlay asks of its surroundings ---- */

static double op_now (void *arg)
{
    return sim.step;
}

static enum broker_state op_state (void *arg)
{
    return STATE_RUN;
}

static int op_send_child (const char *id, const flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    for (int r = 1; r < sim.size; r++) {
        struct node *c = &sim.nodes[r];

        if (c->parent == n->rank && c->alive && c->asked
            && strcmp (c->b.uuid, id) == 0) {
            link_put (&c->down, id, msg);
            return 0;
        }
    }
    errno = EHOSTUNREACH; /* not told yet */
    return -1;
}

static int op_send_parent (const flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    link_put (&n->up, n->b.uuid, msg);
    return 0;
}

static json_t *op_welcome (void *arg)
{
    return json_pack ("{s:{} s:{}}", "conf", "attrs");
}

static int op_child_joined (struct overlay_child *child, void *arg)
{
    struct node *n = arg, *c = &sim.nodes[child->rank];

    check (!c->child_peer.inflight, "rank %d joins twice", c->rank);
    memset (&c->child_peer, 0, sizeof (c->child_peer));
    c->child_peer.kind = PEER_CHILD;
    c->child_peer.send = to_child;
    c->child_peer.stuck = child_stuck;
    c->child_peer.arg = c;
    strcpy (c->child_peer.id, child->id);
    return peer_add (&n->b, &c->child_peer);
}

static void op_child_left (struct overlay_child *child, void *arg)
{
    struct node *n = arg;

    peer_remove (&n->b, &sim.nodes[child->rank].child_peer, EHOSTUNREACH);
}

static void op_child_torpid (struct overlay_child *child, void *arg)
{
}

static void op_child_msg (struct overlay_child *child, flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    router_recv (&n->b, &sim.nodes[child->rank].child_peer, msg);
}

static int op_parent_joined (const char *id, json_t *welcome, flux_error_t *error,
                             void *arg)
{
    struct node *n = arg;

    memset (&n->parent_peer, 0, sizeof (n->parent_peer));
    n->parent_peer.kind = PEER_PARENT;
    n->parent_peer.send = to_parent;
    n->parent_peer.stuck = parent_stuck;
    n->parent_peer.arg = n;
    strcpy (n->parent_peer.id, id);
    n->joined = true;
    return peer_add (&n->b, &n->parent_peer);
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
    op_now,           op_state,       op_send_child,   op_send_parent, op_welcome,
    op_child_joined,  op_child_left,  op_child_torpid, op_child_msg,   op_parent_joined,
    op_parent_failed, op_parent_left, op_parent_state, op_parent_msg,  op_log,
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
    n->b.links = &links;
    n->b.hooks.log = log_line;
    make_route_id (n->b.uuid);
    n->life++;
    n->alive = true;
    n->asked = n->joined = n->lost_parent = false;
    check ((n->b.services = services_create ()) && router_init (&n->b) == 0
               && builtins_init (&n->b) == 0,
           "broker");
    if (sim.small_queues) {
        router_set_queue_max (&n->b, 800);
        for (int i = 0; i < QUOTA_SLOTS; i++)
            quota_set_limit (n->b.quota, i, tight[i]);
    }
    conf.rank = n->rank;
    conf.uuid = n->b.uuid;
    conf.arg = n;
    check ((n->ov = overlay_core_create (&conf)), "overlay");
    snprintf (name, sizeof (name), "rank%d", n->rank);
    start_service (n, &n->here, name);
    if (draw (2))
        start_service (n, &n->common, "all");
}

/* It asks its parent for its place. */
static void join (struct node *n)
{
    n->up.cap = n->down.cap = sim.small_queues ? 4 + draw (30) : SIZE_MAX;
    n->asked = true;
    check (overlay_core_hello (n->ov) == 0, "hello");
}

static void kill_node (struct node *n)
{
    n->alive = false;
    for (int i = 0; i < MAX_CLIENTS; i++)
        n->clients[i].alive = false;
    forget_service (&n->here);
    forget_service (&n->common);
    for (int r = 1; r < sim.size; r++) {
        struct node *c = &sim.nodes[r];

        if (c->parent == n->rank) {
            link_clear (&c->up);
            if (c->alive && c->asked)
                link_put (&c->down, c->b.uuid, NULL);
        }
    }
    link_clear (&n->down);
    if (n->asked && sim.nodes[n->parent].alive)
        link_put (&n->up, n->b.uuid, NULL);
    overlay_core_destroy (n->ov);
    n->ov = NULL;
    builtins_fini (&n->b);
    router_fini (&n->b);
    for (int r = 1; r < sim.size; r++)
        if (sim.nodes[r].parent == n->rank)
            sim.nodes[r].child_peer.inflight = NULL; /* went with the broker */
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

static void step (void)
{
    struct node *n = &sim.nodes[draw (sim.size)];

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
        if (n->rank > 0)
            (void)(draw (2) ? carry_up (n) : carry_down (n));
        break;
    }
}

/* Everything under way arrives; what is held stays held. */
static void settle (void)
{
    bool more = true;

    sim.quiet = true;
    while (more) {
        more = false;
        for (int r = 0; r < sim.size; r++) {
            struct node *n = &sim.nodes[r];

            more |= n->alive && router_pending (&n->b);
            (void)run_node (n);
            if (n->rank > 0) {
                more |= carry_up (n);
                more |= carry_down (n);
                if (n->alive && n->joined && !n->lost_parent)
                    peer_writable (&n->b, &n->parent_peer);
                if (n->child_peer.inflight && sim.nodes[n->parent].alive)
                    peer_writable (&sim.nodes[n->parent].b, &n->child_peer);
                more |= n->up.count + n->down.count > 0;
            }
            more |= run_service (n, &n->here) | run_service (n, &n->common);
        }
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
    check (hops == inflight, "%zu entries in the tables, %zu are held", inflight, hops);
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
    parents[0] = -1;
    for (int r = 1; r < sim.size; r++)
        parents[r] = draw (r);
    check ((sim.topo = topology_create_custom (parents, sim.size, NULL)), "topology");
    for (int r = 0; r < sim.size; r++) {
        sim.nodes[r].rank = r;
        sim.nodes[r].parent = parents[r];
        list_init (&sim.nodes[r].up.letters);
        list_init (&sim.nodes[r].down.letters);
        start_node (&sim.nodes[r]);
        if (r > 0)
            join (&sim.nodes[r]);
        while (r > 0 && !sim.nodes[r].joined)
            check (carry_up (&sim.nodes[r]) | carry_down (&sim.nodes[r]), "join");
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
        link_clear (&sim.nodes[r].up);
    }
    topology_destroy (sim.topo);
}

static void seeds (void **state)
{
    for (uint64_t seed = 1; seed <= 300; seed++)
        run_seed (seed);
}

int main (int argc, char *argv[])
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (seeds) };

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
