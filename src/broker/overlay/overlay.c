/* The edges of this broker in the tree: its parent and its children.
 *
 * Happy path of a child: connect, overlay.hello (rank, uuid, version); the
 * parent answers when it is ready for children, with what they all need to
 * know (configuration, list of hosts). From then on both are peers of each
 * other's router. A child that ends says so (status offline).
 *
 * Failures: a hello that does not fit is refused with a reason. A message from
 * an unknown id is answered with the kiss of death (control disconnect). A
 * child whose connection is gone is lost: RPCs through it fail with
 * EHOSTUNREACH, its subtree leaves all groups. A lost parent ends this broker.
 */
#include "broker/overlay/overlay.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "broker/overlay/transport.h"
#include "config.h"
#include "core/message.h"
#include "value/fsd.h"

/* Types of control messages between brokers. */
enum {
    CONTROL_HEARTBEAT = 0,
    CONTROL_STATUS = 1,     /* of the sender's subtree */
    CONTROL_DISCONNECT = 2, /* kiss of death */
    CONTROL_STATE = 3,      /* the parent's broker state */
};

enum subtree {
    SUBTREE_UNKNOWN,
    SUBTREE_FULL,     /* all of it is there */
    SUBTREE_PARTIAL,  /* some are not there yet, or left */
    SUBTREE_DEGRADED, /* some are lost */
    SUBTREE_LOST,
    SUBTREE_OFFLINE,
};

static const char *subtree_names[] = { "unknown",  "full", "partial",
                                       "degraded", "lost", "offline" };

struct child {
    int rank;
    struct overlay *ov;
    struct peer peer;
    bool connected;
    bool torpid;
    enum subtree status;
    double t_status;   /* when it got this status */
    flux_msg_t *hello; /* waits for this broker to be ready */
    char error[128];
    char hostname[256];
};

struct overlay {
    struct broker *b;
    const struct transport_ops *ops;
    struct transport *transport;
    void *dso;
    enum subtree status; /* of the tree below and with this broker */
    double t_status;
    json_t *uris;
    bool needs_key;

    struct peer parent;
    bool parent_connected;
    bool parent_lost;
    int parent_state; /* enum broker_state, as far as it was told */
    char parent_uri[512];
    char parent_key[64];
    double t_sent; /* to the parent */

    flux_watcher_t *timer;
    double torpid_min, torpid_max;
    int child_count;
    struct child children[];
};

static double duration_attr (struct broker *b, const char *name, double dflt)
{
    const char *s = attrs_val (b->attrs, name);
    double seconds;

    if (!s || fsd_parse (s, &seconds) < 0)
        return dflt;
    return seconds;
}

/* ---- status ---- */

static flux_msg_t *control_msg (int type, int status)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_CONTROL);

    if (msg && flux_msg_set_control (msg, type, status) < 0) {
        flux_msg_decref (msg);
        msg = NULL;
    }
    return msg;
}

static void tell_parent (struct overlay *ov, int type, int status)
{
    flux_msg_t *msg;

    if (!ov->parent_connected || !(msg = control_msg (type, status)))
        return;
    (void)ov->ops->send_parent (ov->transport, msg);
    ov->t_sent = flux_reactor_now (ov->b->reactor);
    flux_msg_decref (msg);
}

static enum subtree compute_status (struct overlay *ov)
{
    enum subtree status = SUBTREE_FULL;

    for (int i = 0; i < ov->child_count; i++) {
        switch (ov->children[i].status) {
        case SUBTREE_LOST:
        case SUBTREE_DEGRADED:
            return SUBTREE_DEGRADED;
        case SUBTREE_FULL:
            break;
        default:
            status = SUBTREE_PARTIAL;
            break;
        }
    }
    return status;
}

static void update_status (struct overlay *ov)
{
    enum subtree status = compute_status (ov);

    if (status != ov->status) {
        ov->status = status;
        ov->t_status = flux_reactor_now (ov->b->reactor);
        tell_parent (ov, CONTROL_STATUS, status);
    }
}

static void set_child_status (struct child *c, enum subtree status)
{
    if (c->status != status) {
        c->status = status;
        c->t_status = flux_reactor_now (c->ov->b->reactor);
        update_status (c->ov);
    }
}

/* ---- children ---- */

static struct child *child_by_rank (struct overlay *ov, int rank)
{
    for (int i = 0; i < ov->child_count; i++)
        if (ov->children[i].rank == rank)
            return &ov->children[i];
    return NULL;
}

static struct child *child_by_id (struct overlay *ov, const char *id)
{
    struct peer *p = peer_lookup (ov->b, id);

    return p && p->kind == PEER_CHILD ? p->arg : NULL;
}

static int child_send (struct peer *p, flux_msg_t **msg)
{
    struct child *c = p->arg;

    if (c->ov->ops->send_child (c->ov->transport, p->id, *msg) < 0)
        return -1;
    flux_msg_decref (*msg);
    *msg = NULL;
    return 0;
}

static void subtree_left (struct broker *b, int rank)
{
    struct idset *ids = topology_subtree (b->topo, rank);

    if (ids)
        groups_clear_all (b->groups, ids);
    idset_destroy (ids);
    groups_changed (b);
}

/* It is no peer any more: lost, offline, or replaced by a new life. */
static void child_gone (struct child *c, enum subtree status, const char *why)
{
    struct broker *b = c->ov->b;

    c->connected = false;
    snprintf (c->error, sizeof (c->error), "%s", why);
    peer_remove (b, &c->peer, EHOSTUNREACH);
    set_child_status (c, status);
    subtree_left (b, c->rank);
    machine_child_left (b, c->hostname, c->rank);
    machine_children_changed (b);
}

static void kiss (struct overlay *ov, const char *id)
{
    flux_msg_t *msg = control_msg (CONTROL_DISCONNECT, 0);

    if (msg)
        (void)ov->ops->send_child (ov->transport, id, msg);
    flux_msg_decref (msg);
}

static void hello_refuse (struct overlay *ov, const char *id, const flux_msg_t *hello,
                          int errnum, const char *why)
{
    flux_msg_t *rep = flux_response_derive (hello, errnum);

    if (rep && flux_msg_set_string (rep, why) == 0)
        (void)ov->ops->send_child (ov->transport, id, rep);
    flux_msg_decref (rep);
}

/* What the tree has to agree on goes down with the answer. */
static json_t *hello_answer (struct broker *b)
{
    static const char *names[] = {
        "hostlist",      "broker.mapping", "broker.critical-ranks",
        "broker.quorum", "content.hash",   "jobid-path"
    };
    json_t *attrs = json_object ();

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        const char *val = attrs_val (b->attrs, names[i]);

        if (val)
            json_object_set_new (attrs, names[i], json_string (val));
    }
    return json_pack ("{s:s s:i s:O s:o}", "uuid", b->uuid, "state",
                      (int)machine_state (b), "conf", b->conf, "attrs", attrs);
}

static void child_accept (struct child *c)
{
    struct broker *b = c->ov->b;
    flux_msg_t *rep = flux_response_derive (c->hello, 0);
    enum subtree status = SUBTREE_FULL;

    (void)flux_msg_unpack (c->hello, "{s:i}", "status", (int *)&status);
    flux_msg_decref (c->hello);
    c->hello = NULL;
    if (!rep || msg_take_json (rep, hello_answer (b)) < 0 || peer_add (b, &c->peer) < 0)
        broker_log (b, LOG_ERR, "overlay.hello from rank %d: %s", c->rank,
                    strerror (errno));
    else {
        broker_log (b, LOG_DEBUG, "accepting connection from %s (rank %d) status %s",
                    c->hostname, c->rank, subtree_names[status]);
        c->connected = true;
        c->error[0] = '\0';
        set_child_status (c, status);
        (void)c->ov->ops->send_child (c->ov->transport, c->peer.id, rep);
    }
    flux_msg_decref (rep);
}

static bool ready_for_children (struct broker *b)
{
    enum broker_state state = machine_state (b);

    return state >= STATE_QUORUM && state < STATE_SHUTDOWN;
}

/* A child introduces itself. */
static void hello (struct overlay *ov, const char *id, flux_msg_t *msg)
{
    struct broker *b = ov->b;
    const char *uuid, *version, *hostname;
    char why[160];
    struct child *c;
    int rank, status;

    if (flux_msg_unpack (msg, "{s:i s:s s:s s:s s:i}", "rank", &rank, "uuid", &uuid,
                         "version", &version, "hostname", &hostname, "status", &status)
            < 0
        || strcmp (uuid, id) != 0 || status < SUBTREE_FULL || status > SUBTREE_DEGRADED)
        hello_refuse (ov, id, msg, EPROTO, "hello is malformed");
    else if (!(c = child_by_rank (ov, rank)))
        hello_refuse (ov, id, msg, EINVAL, "not a child of this broker");
    else if (strcmp (version, FLUX_VERSION) != 0) {
        snprintf (why, sizeof (why), "version %.40s does not match %s", version,
                  FLUX_VERSION);
        hello_refuse (ov, id, msg, EINVAL, why);
    } else if (machine_state (b) >= STATE_SHUTDOWN)
        hello_refuse (ov, id, msg, ESHUTDOWN, "parent is shutting down");
    else {
        /* A new life of a rank ends the old one first. */
        if (c->connected)
            child_gone (c, SUBTREE_LOST, "replaced by a new connection");
        snprintf (c->peer.id, sizeof (c->peer.id), "%s", id);
        snprintf (c->hostname, sizeof (c->hostname), "%s", hostname);
        flux_msg_decref (c->hello);
        c->hello = msg;
        if (ready_for_children (b))
            child_accept (c);
        return;
    }
    flux_msg_decref (msg);
}

void overlay_accept (struct broker *b)
{
    struct overlay *ov = b->overlay;

    for (int i = 0; ov && i < ov->child_count; i++)
        if (ov->children[i].hello)
            child_accept (&ov->children[i]);
}

static void child_control (struct child *c, const flux_msg_t *msg)
{
    struct broker *b = c->ov->b;
    int type, status;

    if (flux_msg_get_control (msg, &type, &status) < 0 || type != CONTROL_STATUS)
        return;
    if (status == SUBTREE_OFFLINE)
        child_gone (c, SUBTREE_OFFLINE, "");
    else if (status >= SUBTREE_FULL && status <= SUBTREE_DEGRADED)
        set_child_status (c, status);
    else
        broker_log (b, LOG_ERR, "overlay: rank %d sent status %d", c->rank, status);
}

/* RFC 12: what came over the overlay is not local. */
static void clear_local (flux_msg_t *msg)
{
    uint32_t rolemask;

    if (flux_msg_get_rolemask (msg, &rolemask) == 0 && (rolemask & FLUX_ROLE_LOCAL))
        flux_msg_set_rolemask (msg, rolemask & ~FLUX_ROLE_LOCAL);
}

static void set_torpid (struct child *c, bool torpid)
{
    struct broker *b = c->ov->b;
    struct idset *ids;

    if (c->torpid == torpid || !(ids = idset_create (b->size, 0)))
        return;
    c->torpid = torpid;
    idset_set (ids, c->rank);
    broker_log (b, LOG_WARNING, "%s (rank %d) is %s", c->hostname, c->rank,
                torpid ? "torpid" : "lively again");
    if (torpid)
        (void)groups_set (b->groups, "broker.torpid", ids);
    else
        (void)groups_clear (b->groups, "broker.torpid", ids);
    groups_changed (b);
    idset_destroy (ids);
}

static void child_recv (const char *id, flux_msg_t *msg, void *arg)
{
    struct overlay *ov = arg;
    struct child *c = child_by_id (ov, id);
    const char *topic;
    int type;

    if (flux_msg_get_type (msg, &type) < 0) {
        flux_msg_decref (msg);
        return;
    }
    if (!c) {
        if (type == FLUX_MSGTYPE_REQUEST && flux_msg_get_topic (msg, &topic) == 0
            && strcmp (topic, "overlay.hello") == 0)
            hello (ov, id, msg);
        else {
            if (type != FLUX_MSGTYPE_CONTROL)
                kiss (ov, id);
            flux_msg_decref (msg);
        }
        return;
    }
    c->peer.t_active = flux_reactor_now (ov->b->reactor);
    if (c->torpid)
        set_torpid (c, false);
    if (type == FLUX_MSGTYPE_CONTROL) {
        child_control (c, msg);
        flux_msg_decref (msg);
    } else {
        clear_local (msg);
        router_recv (ov->b, &c->peer, msg);
    }
}

static void child_lost (const char *id, void *arg)
{
    struct overlay *ov = arg;
    struct child *c = child_by_id (ov, id);

    if (c) {
        broker_log (ov->b, LOG_ERR, "broker lost: %s (rank %d)", c->hostname, c->rank);
        child_gone (c, SUBTREE_LOST, "lost connection");
        return;
    }
    for (int i = 0; i < ov->child_count; i++) {
        c = &ov->children[i];
        if (c->hello && strcmp (c->peer.id, id) == 0) {
            flux_msg_decref (c->hello);
            c->hello = NULL;
            set_child_status (c, SUBTREE_LOST);
        }
    }
}

/* ---- parent ---- */

static int parent_send (struct peer *p, flux_msg_t **msg)
{
    struct overlay *ov = p->arg;

    if (ov->ops->send_parent (ov->transport, *msg) < 0)
        return -1;
    ov->t_sent = flux_reactor_now (ov->b->reactor);
    flux_msg_decref (*msg);
    *msg = NULL;
    return 0;
}

static void parent_fail (struct overlay *ov, const char *why)
{
    broker_log (ov->b, LOG_ERR, "overlay: rank %d: %s",
                topology_parent (ov->b->topo, ov->b->rank), why);
    ov->b->exit_code = 1;
    machine_post (ov->b, EVENT_PARENT_FAIL);
}

static void follow_state (struct broker *b, int state)
{
    if (state >= STATE_SHUTDOWN)
        machine_post (b, EVENT_SHUTDOWN);
    else if (state >= STATE_RUN)
        machine_post (b, EVENT_QUORUM_FULL);
}

static void hello_response (struct overlay *ov, const flux_msg_t *msg)
{
    struct broker *b = ov->b;
    const char *uuid, *name, *text = NULL;
    json_t *conf, *attrs, *val;
    int errnum, state;

    if (flux_msg_get_errnum (msg, &errnum) < 0 || errnum != 0) {
        (void)flux_msg_get_string (msg, &text);
        parent_fail (ov, text ? text : strerror (errnum));
        return;
    }
    if (flux_msg_unpack (msg, "{s:s s:i s:o s:o}", "uuid", &uuid, "state", &state,
                         "conf", &conf, "attrs", &attrs)
        < 0) {
        parent_fail (ov, "answer to hello is malformed");
        return;
    }
    json_object_foreach (attrs, name, val)
        if (json_is_string (val))
            attrs_put (b->attrs, name, json_string_value (val), -1);
    json_decref (b->conf);
    b->conf = json_incref (conf);
    snprintf (ov->parent.id, sizeof (ov->parent.id), "%s", uuid);
    if (peer_add (b, &ov->parent) < 0) {
        parent_fail (ov, strerror (errno));
        return;
    }
    ov->parent_connected = true;
    ov->parent_state = state;
    machine_post (b, EVENT_PARENT_READY);
    /* Children may have come or gone since the hello. */
    tell_parent (ov, CONTROL_STATUS, ov->status);
}

static void parent_control (struct overlay *ov, const flux_msg_t *msg)
{
    int type, status;

    if (flux_msg_get_control (msg, &type, &status) < 0)
        return;
    if (type == CONTROL_STATE) {
        ov->parent_state = status;
        follow_state (ov->b, status);
    } else if (type == CONTROL_DISCONNECT && !ov->parent_lost) {
        broker_log (ov->b, LOG_ERR, "overlay: disconnected by the parent");
        ov->parent_lost = true;
        ov->b->exit_code = 1;
        machine_post (ov->b, EVENT_PARENT_LOST);
    }
}

static void parent_recv (flux_msg_t *msg, void *arg)
{
    struct overlay *ov = arg;
    int type;

    if (flux_msg_get_type (msg, &type) < 0)
        type = 0;
    if (type == FLUX_MSGTYPE_CONTROL)
        parent_control (ov, msg);
    else if (!ov->parent_connected) {
        if (type == FLUX_MSGTYPE_RESPONSE && !ov->parent_lost)
            hello_response (ov, msg);
    } else {
        clear_local (msg);
        router_recv (ov->b, &ov->parent, msg);
        return;
    }
    flux_msg_decref (msg);
}

static void parent_lost (void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;
    bool was_connected = ov->parent_connected;

    ov->parent_lost = true;
    if (was_connected) {
        ov->parent_connected = false;
        peer_remove (b, &ov->parent, EHOSTUNREACH);
    }
    if (machine_state (b) >= STATE_SHUTDOWN)
        return;
    broker_log (b, LOG_ERR, "overlay: lost the connection to rank %d",
                topology_parent (b->topo, b->rank));
    b->exit_code = 1;
    machine_post (b, EVENT_PARENT_LOST);
}

int overlay_connect (struct broker *b, flux_error_t *error)
{
    struct overlay *ov = b->overlay;
    flux_msg_t *msg;
    int rc;

    if (ov->ops->connect (ov->transport, ov->parent_uri,
                          ov->parent_key[0] ? ov->parent_key : NULL)
        < 0) {
        error_set (error, "overlay: connect to %.100s: %s", ov->parent_uri,
                   strerror (errno));
        return -1;
    }
    if (!(msg = flux_request_encode ("overlay.hello", NULL)))
        return -1;
    flux_msg_route_enable (msg);
    rc = flux_msg_pack (msg, "{s:i s:s s:s s:s s:i}", "rank", b->rank, "uuid", b->uuid,
                        "version", FLUX_VERSION, "hostname", b->hostname, "status",
                        (int)ov->status);
    if (rc < 0 || (rc = ov->ops->send_parent (ov->transport, msg)) < 0)
        error_set (error, "overlay.hello: %s", strerror (errno));
    flux_msg_decref (msg);
    return rc;
}

/* ---- what the router asks ---- */

struct peer *overlay_child (struct broker *b, int rank)
{
    struct child *c = b->overlay ? child_by_rank (b->overlay, rank) : NULL;

    return c && c->connected ? &c->peer : NULL;
}

struct peer *overlay_parent (struct broker *b)
{
    return b->overlay && b->overlay->parent_connected ? &b->overlay->parent : NULL;
}

int overlay_child_count (struct broker *b)
{
    struct overlay *ov = b->overlay;
    int count = 0;

    for (int i = 0; ov && i < ov->child_count; i++)
        count += ov->children[i].connected;
    return count;
}

void overlay_tell_state (struct broker *b, enum broker_state state)
{
    struct overlay *ov = b->overlay;
    flux_msg_t *msg;

    if (!ov || !(msg = control_msg (CONTROL_STATE, state)))
        return;
    for (int i = 0; i < ov->child_count; i++) {
        struct child *c = &ov->children[i];

        if (c->connected)
            (void)ov->ops->send_child (ov->transport, c->peer.id, msg);
        else if (c->hello && state >= STATE_SHUTDOWN) {
            hello_refuse (ov, c->peer.id, c->hello, ESHUTDOWN,
                          "parent is shutting down");
            flux_msg_decref (c->hello);
            c->hello = NULL;
        }
    }
    flux_msg_decref (msg);
}

void overlay_goodbye (struct broker *b)
{
    if (b->overlay)
        tell_parent (b->overlay, CONTROL_STATUS, SUBTREE_OFFLINE);
}

void overlay_parent_state (struct broker *b)
{
    if (b->overlay && b->overlay->parent_state)
        follow_state (b, b->overlay->parent_state);
}

/* ---- setting up ---- */

static void *load_transport (struct overlay *ov, flux_error_t *error)
{
    const char *broker = flux_conf_builtin_get ("broker_path", FLUX_CONF_AUTO);
    const char *slash = broker ? strrchr (broker, '/') : NULL;
    char path[4096];

    snprintf (path, sizeof (path), "%.*s/overlay-zmq.so",
              slash ? (int)(slash - broker) : 0, broker);
    if (!(ov->dso = dlopen (path, RTLD_LAZY | RTLD_LOCAL))
        || !(ov->ops = dlsym (ov->dso, TRANSPORT_SYMBOL)))
        error_set (error, "overlay: %s", dlerror ());
    return (void *)ov->ops;
}

static int attr_int (struct broker *b, const char *name)
{
    const char *s = attrs_val (b->attrs, name);

    return s ? atoi (s) : 0;
}

static int open_transport (struct overlay *ov, flux_error_t *error)
{
    struct broker *b = ov->b;
    struct transport_conf conf = {
        .reactor = b->reactor,
        .id = b->uuid,
        .io_threads = attr_int (b, "tbon.zmq_io_threads"),
        .child_rcvhwm = attr_int (b, "tbon.child_rcvhwm"),
        .tcp_user_timeout_ms = 1e3 * duration_attr (b, "tbon.tcp_user_timeout", 0),
        .connect_timeout_ms = 1e3 * duration_attr (b, "tbon.connect_timeout", 0),
        .cb = { child_recv, child_lost, parent_recv, parent_lost },
        .arg = ov,
    };

    if (!load_transport (ov, error))
        return -1;
    if (!(ov->transport = ov->ops->create (&conf))) {
        error_set (error, "overlay: %s", strerror (errno));
        return -1;
    }
    return 0;
}

int overlay_create (struct broker *b, flux_error_t *error)
{
    int count = topology_child_count (b->topo, b->rank);
    struct overlay *ov = calloc (1, sizeof (*ov) + count * sizeof (struct child));
    double now = flux_reactor_now (b->reactor);

    if (!ov || !(ov->uris = json_array ())) {
        free (ov);
        error_set (error, "out of memory");
        return -1;
    }
    b->overlay = ov;
    ov->b = b;
    ov->parent.kind = PEER_PARENT;
    ov->parent.send = parent_send;
    ov->parent.arg = ov;
    ov->child_count = count;
    for (int i = 0; i < count; i++) {
        struct child *c = &ov->children[i];

        c->ov = ov;
        c->rank = topology_child (b->topo, b->rank, i);
        c->peer.kind = PEER_CHILD;
        c->peer.send = child_send;
        c->peer.arg = c;
        c->status = SUBTREE_OFFLINE;
        c->t_status = now;
    }
    ov->status = compute_status (ov);
    ov->t_status = now;
    return open_transport (ov, error);
}

/* The address that others reach this node at: of the interface that
 * tbon.interface-hint names, else of the first that is up and not loopback. */
static void find_address (struct broker *b, char *buf, size_t size)
{
    const char *hint = attrs_val (b->attrs, "tbon.interface-hint");
    struct ifaddrs *list = NULL;

    snprintf (buf, size, "127.0.0.1");
    if (getifaddrs (&list) < 0)
        return;
    for (struct ifaddrs *ifa = list; ifa; ifa = ifa->ifa_next) {
        struct sockaddr_in *sin = (struct sockaddr_in *)ifa->ifa_addr;
        bool named = hint && strcmp (ifa->ifa_name, hint) == 0;

        if (!sin || sin->sin_family != AF_INET || !(ifa->ifa_flags & IFF_UP)
            || ((ifa->ifa_flags & IFF_LOOPBACK) && !named))
            continue;
        (void)inet_ntop (AF_INET, &sin->sin_addr, buf, size);
        if (named || !hint || strcmp (hint, "default-route") == 0
            || strcmp (hint, "hostname") == 0)
            break;
    }
    freeifaddrs (list);
}

static int bind_uri (struct overlay *ov, const char *uri, flux_error_t *error)
{
    char endpoint[512];

    if (ov->ops->bind (ov->transport, uri, endpoint, sizeof (endpoint)) < 0) {
        error_set (error, "overlay: bind %.100s: %s", uri, strerror (errno));
        return -1;
    }
    json_array_append_new (ov->uris, json_string (endpoint));
    if (!attrs_val (ov->b->attrs, "tbon.endpoint"))
        attrs_put (ov->b->attrs, "tbon.endpoint", endpoint, -1);
    return 0;
}

int overlay_bind (struct broker *b, bool ipc, bool tcp, flux_error_t *error)
{
    struct overlay *ov = b->overlay;
    char uri[512], addr[64];

    if (ipc) {
        snprintf (uri, sizeof (uri), "ipc://%s/tbon-%d", attrs_val (b->attrs, "rundir"),
                  b->rank);
        if (bind_uri (ov, uri, error) < 0)
            return -1;
    }
    if (tcp) {
        find_address (b, addr, sizeof (addr));
        snprintf (uri, sizeof (uri), "tcp://%s:*", addr);
        if (bind_uri (ov, uri, error) < 0)
            return -1;
    }
    ov->needs_key = tcp;
    return 0;
}

json_t *overlay_card (struct broker *b)
{
    struct overlay *ov = b->overlay;
    json_t *card = json_pack ("{s:s s:O}", "hostname", b->hostname, "uri", ov->uris);

    if (card && ov->needs_key)
        json_object_set_new (card, "pubkey",
                             json_string (ov->ops->pubkey (ov->transport)));
    return card;
}

void overlay_need_key (struct broker *b)
{
    b->overlay->needs_key = true;
}

void overlay_authorize (struct broker *b, json_t *card)
{
    const char *key = json_string_value (json_object_get (card, "pubkey"));

    if (key)
        (void)b->overlay->ops->authorize (b->overlay->transport, key);
}

int overlay_set_parent (struct broker *b, json_t *card, bool local, flux_error_t *error)
{
    struct overlay *ov = b->overlay;
    const char *key = json_string_value (json_object_get (card, "pubkey"));
    json_t *uri;
    size_t i;

    json_array_foreach (json_object_get (card, "uri"), i, uri) {
        const char *s = json_string_value (uri);

        if (s && strncmp (s, local ? "ipc://" : "tcp://", 6) == 0)
            snprintf (ov->parent_uri, sizeof (ov->parent_uri), "%s", s);
    }
    if (!ov->parent_uri[0]) {
        error_set (error, "business card of the parent has no %s address",
                   local ? "ipc" : "tcp");
        errno = EPROTO;
        return -1;
    }
    if (key && !local)
        snprintf (ov->parent_key, sizeof (ov->parent_key), "%s", key);
    return attrs_put (b->attrs, "tbon.parent-endpoint", ov->parent_uri, -1);
}

/* ---- keepalive ---- */

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct overlay *ov = arg;
    double now = flux_reactor_now (r);

    if (ov->parent_connected && now - ov->t_sent > ov->torpid_min * 0.9)
        tell_parent (ov, CONTROL_HEARTBEAT, 0);
    for (int i = 0; i < ov->child_count; i++) {
        struct child *c = &ov->children[i];

        if (c->connected && ov->torpid_max > 0
            && now - c->peer.t_active > ov->torpid_max)
            set_torpid (c, true);
    }
}

static int set_torpid_attr (const char *name, const char *val, void *arg,
                            flux_error_t *error)
{
    struct overlay *ov = arg;
    double seconds;

    if (strcmp (val, "none") == 0)
        seconds = 0;
    else if (fsd_parse (val, &seconds) < 0)
        return -1;
    if (strcmp (name, "tbon.torpid_min") == 0) {
        if (seconds <= 0) {
            error_set (error, "%s: must be more than 0", name);
            errno = EINVAL;
            return -1;
        }
        ov->torpid_min = seconds;
        if (ov->timer)
            flux_timer_watcher_reset (ov->timer, seconds, seconds);
    } else
        ov->torpid_max = seconds;
    return 0;
}

static int start_keepalive (struct overlay *ov)
{
    struct broker *b = ov->b;

    ov->torpid_min = duration_attr (b, "tbon.torpid_min", 5.);
    ov->torpid_max = duration_attr (b, "tbon.torpid_max", 30.);
    attrs_on_set (b->attrs, "tbon.torpid_min", set_torpid_attr, ov);
    attrs_on_set (b->attrs, "tbon.torpid_max", set_torpid_attr, ov);
    if (ov->torpid_min <= 0)
        ov->torpid_min = 5.;
    ov->timer = flux_timer_watcher_create (b->reactor, ov->torpid_min, ov->torpid_min,
                                           timer_cb, ov);
    if (!ov->timer)
        return -1;
    flux_watcher_start (ov->timer);
    flux_watcher_unref (ov->timer);
    return 0;
}

/* ---- services ---- */

static json_t *make_topology (struct broker *b, int rank)
{
    json_t *children = json_array ();

    for (int i = 0; i < topology_child_count (b->topo, rank); i++)
        json_array_append_new (children,
                               make_topology (b, topology_child (b->topo, rank, i)));
    return json_pack ("{s:i s:i s:o}", "rank", rank, "size",
                      topology_descendants (b->topo, rank) + 1, "children", children);
}

static void topology_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    int rank = b->rank;

    if (flux_msg_has_payload (msg)
        && flux_msg_unpack (msg, "{s?i}", "rank", &rank) < 0) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    if (rank < 0 || rank >= b->size) {
        broker_respond_error (b, msg, ENOENT, "no such rank");
        return;
    }
    broker_respond (b, msg, make_topology (b, rank));
}

static void health_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct overlay *ov = b->overlay;
    double now = flux_reactor_now (b->reactor);
    json_t *children = json_array ();

    for (int i = 0; ov && i < ov->child_count; i++) {
        struct child *c = &ov->children[i];
        json_t *o = json_pack ("{s:i s:s s:f s:b}", "rank", c->rank, "status",
                               subtree_names[c->status], "duration", now - c->t_status,
                               "torpid", c->torpid);

        if (c->error[0])
            json_object_set_new (o, "error", json_string (c->error));
        json_array_append_new (children, o);
    }
    broker_respond_pack (b, msg, "{s:i s:s s:f s:o}", "rank", b->rank, "status",
                         subtree_names[ov ? ov->status : SUBTREE_FULL], "duration",
                         now - (ov ? ov->t_status : machine_start_time (b)), "children",
                         children);
}

static void disconnect_subtree_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct child *c;
    int rank;

    if (flux_msg_unpack (msg, "{s:i}", "rank", &rank) < 0) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    c = b->overlay ? child_by_rank (b->overlay, rank) : NULL;
    if (!c || !c->connected) {
        broker_respond_error (b, msg, ENOENT, "no such child is connected");
        return;
    }
    kiss (b->overlay, c->peer.id);
    child_gone (c, SUBTREE_LOST, "disconnected by an operator");
    broker_respond (b, msg, NULL);
}

static void stats_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct overlay *ov = b->overlay;

    broker_respond_pack (
        b, msg, "{s:i s:i s:i}", "child-count", ov ? ov->child_count : 0,
        "child-connected", overlay_child_count (b), "parent-rpc",
        ov && ov->parent_connected ? (int)ov->parent.inflight->to_count : 0);
}

static const struct builtin table[] = {
    { "overlay.topology", topology_cb, FLUX_ROLE_USER },
    { "overlay.health", health_cb, FLUX_ROLE_USER },
    { "overlay.disconnect-subtree", disconnect_subtree_cb, 0 },
    { "overlay.stats-get", stats_cb, FLUX_ROLE_USER },
    { NULL },
};

int overlay_services_init (struct broker *b)
{
    if (b->overlay && start_keepalive (b->overlay) < 0)
        return -1;
    return builtins_add (b, table, NULL);
}

void overlay_fini (struct broker *b)
{
    struct overlay *ov = b->overlay;

    if (!ov)
        return;
    if (ov->transport)
        ov->ops->destroy (ov->transport);
    flux_watcher_destroy (ov->timer);
    for (int i = 0; i < ov->child_count; i++)
        flux_msg_decref (ov->children[i].hello);
    json_decref (ov->uris);
    free (ov);
    b->overlay = NULL;
}
