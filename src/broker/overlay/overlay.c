/* The edges of this broker in the tree, wired up: core.c on a transport, with the
 * router, the groups and the state machine on the other side.
 *
 * Failures: a child that is gone is lost: RPCs through it fail with EHOSTUNREACH,
 * its subtree leaves all groups. A lost parent ends this broker.
 *
 * Where tbon.heal says so (core.c), those below the lost child stay in their groups until
 * it is known that they do not come back, and a broker without parent runs on: what was
 * under way through the lost one has failed, what is sent meanwhile waits in the router.
 * With a new parent it goes on, the groups are announced again, and the events that were
 * missed come first. */
#include "broker/overlay/overlay.h"
#include "base/clock.h"
#include "base/error.h"
#include "broker/modhost/trace.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "broker/attrs.h"
#include "broker/overlay/core.h"
#include "broker/overlay/overlay_impl.h"
#include "broker/overlay/transport.h"
#include "broker/rlimits.h"
#include "broker/routing/router.h"
#include "broker/routing/topology.h"
#include "broker/service/groups.h"
#include "broker/service/groups_service.h"
#include "config.h"
#include "core/message/message.h"
#include "value/fsd.h"

#define GREET_AGAIN 0.1 /* s */

/* ---- effects of the core: children ---- */

static double op_now (void *arg)
{
    return clock_coarse ();
}

static enum broker_state op_state (void *arg)
{
    struct overlay *ov = arg;

    return ov->b->state;
}

static void trace_child (struct overlay *ov, const char *id, const char *dir,
                         const flux_msg_t *msg)
{
    struct peer *p;
    int rank = -1;

    if (!trace_wanted (ov->b))
        return;
    if ((p = peer_lookup (ov->b, id)) && p->kind == PEER_CHILD)
        rank = ((struct child *)p->arg)->place->rank;
    trace_overlay (ov->b, rank, dir, msg);
}

static void trace_parent (struct overlay *ov, const char *dir, const flux_msg_t *msg)
{
    if (trace_wanted (ov->b))
        trace_overlay (ov->b, overlay_core_parent_rank (ov->core), dir, msg);
}

/* Who is not joined, and does not read what he is answered, is told no more. */
static int op_send_child (const char *id, const flux_msg_t *msg, void *arg)
{
    struct overlay *ov = arg;

    if (ov->ops->full (ov->transport, id) && !peer_lookup (ov->b, id)) {
        errno = EAGAIN;
        return -1;
    }
    trace_child (ov, id, "tx", msg);
    return ov->ops->send_child (ov->transport, id, msg);
}

static int op_send_parent (const flux_msg_t *msg, void *arg)
{
    struct overlay *ov = arg;

    trace_parent (ov, "tx", msg);
    return ov->ops->send_parent (ov->transport, msg);
}

/* What the tree has to agree on goes down with the answer. */
static json_t *op_welcome (void *arg)
{
    static const char *names[] = {
        "hostlist",      "broker.mapping", "broker.critical-ranks",
        "broker.quorum", "content.hash",   "jobid-path"
    };
    struct overlay *ov = arg;
    json_t *attrs = json_object ();

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        const char *val = attrs_val (ov->b->attrs, names[i]);

        if (val)
            json_object_set_new (attrs, names[i], json_string (val));
    }
    return json_pack ("{s:O s:o}", "conf", ov->b->conf, "attrs", attrs);
}

static int child_send (struct peer *p, flux_msg_t **msg)
{
    struct child *c = p->arg;

    if (c->ov->ops->full (c->ov->transport, p->id)) {
        errno = EAGAIN;
        return -1;
    }
    if (overlay_core_send_child (c->ov->core, c->place, *msg) < 0)
        return -1;
    flux_msg_decref (*msg);
    *msg = NULL;
    return 0;
}

/* What it has to be told does not fit any more. */
static void child_stuck (struct peer *p)
{
    struct child *c = p->arg;

    broker_log (c->ov->b, LOG_ERR, "overlay: rank %d does not read what it is sent",
                c->place->rank);
    (void)overlay_core_disconnect (c->ov->core, c->place->rank,
                                   "it does not read what it is sent");
}

static void child_init (struct child *c, struct overlay *ov,
                        struct overlay_child *place)
{
    c->ov = ov;
    c->place = place;
    c->peer.kind = PEER_CHILD;
    c->peer.send = child_send;
    c->peer.stuck = child_stuck;
    c->peer.arg = c;
    place->data = c;
}

static int op_child_joined (struct overlay_child *place, void *arg)
{
    struct overlay *ov = arg;
    struct child *c = place->data;

    if (place->seq >= 0 && !router_can_replay (ov->b, place->seq)) {
        errno = ESTALE;
        return -1;
    }
    if (!c) {
        if (!(c = calloc (1, sizeof (*c))))
            return -1;
        child_init (c, ov, place);
    }
    snprintf (c->peer.id, sizeof (c->peer.id), "%s", place->id);
    if (peer_add (ov->b, &c->peer) == 0)
        return 0;
    free (c);
    place->data = NULL;
    return -1;
}

static void op_child_resumed (struct overlay_child *place, void *arg)
{
    struct overlay *ov = arg;
    struct child *c = place->data;

    router_replay (ov->b, &c->peer, place->seq);
    router_release (ov->b);
}

/* It is no peer any more: lost, offline, or replaced by a new life. */
static void op_child_left (struct overlay_child *place, const struct idset *gone,
                           void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;
    struct child *c = place->data;

    peer_remove (b, &c->peer, EHOSTUNREACH);
    free (c);
    place->data = NULL;
    /* It may already be somewhere else; what it asks there must not be taken back. */
    while (ov->heal > 0 && router_turn (b))
        ;
    if (gone)
        groups_clear_all (b->groups, gone);
    groups_changed (b);
    if (b->hooks.child_left)
        b->hooks.child_left (b, place->hostname, place->rank);
    if (b->hooks.children_changed)
        b->hooks.children_changed (b);
}

/* Also what is left to be done for those who are gone: it concerns the same senders as
 * what comes next. */
static void op_moved (const char *id, void *arg)
{
    struct overlay *ov = arg;

    router_retire (ov->b, id);
    while (router_turn (ov->b))
        ;
}

static void op_ranks_gone (const struct idset *ranks, void *arg)
{
    struct overlay *ov = arg;
    char *s = idset_encode (ranks, IDSET_FLAG_RANGE);

    broker_log (ov->b, LOG_ERR, "brokers did not come back: ranks %s", s ? s : "?");
    free (s);
    groups_clear_all (ov->b->groups, ranks);
    groups_changed (ov->b);
    router_release (ov->b);
}

static uint32_t op_event_seq (void *arg)
{
    return router_event_seq (((struct overlay *)arg)->b);
}

static bool op_is_online (int rank, void *arg)
{
    struct overlay *ov = arg;
    const struct idset *online = groups_members (ov->b->groups, "broker.online");

    return online && idset_test (online, rank);
}

static void op_new_id (char id[OVERLAY_ID_SIZE], void *arg)
{
    make_route_id (id);
}

static void soon_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    overlay_core_tick (((struct overlay *)arg)->core);
}

static void op_tick_in (double seconds, void *arg)
{
    struct overlay *ov = arg;

    if (ov->soon)
        flux_timer_watcher_reset (ov->soon, seconds, 0.);
    else if (!(ov->soon = flux_timer_watcher_create (ov->b->reactor, seconds, 0.,
                                                     soon_cb, ov)))
        return;
    flux_watcher_start (ov->soon);
}

static void op_child_torpid (struct overlay_child *place, void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;
    struct idset *ids = idset_create (b->size, 0);

    if (!ids || idset_set (ids, place->rank) < 0)
        broker_log (b, LOG_ERR, "broker.torpid: out of memory");
    else if (place->torpid)
        (void)groups_set (b->groups, "broker.torpid", ids);
    else
        (void)groups_clear (b->groups, "broker.torpid", ids);
    groups_changed (b);
    idset_destroy (ids);
}

/* RFC 12: what came over the overlay is not local, nor from a module here. */
static void clear_local (flux_msg_t *msg)
{
    uint32_t rolemask;

    if (flux_msg_get_rolemask (msg, &rolemask) == 0
        && (rolemask & (FLUX_ROLE_LOCAL | MSG_ROLE_MODULE)))
        flux_msg_set_rolemask (msg, rolemask & ~(FLUX_ROLE_LOCAL | MSG_ROLE_MODULE));
}

static void op_child_msg (struct overlay_child *place, flux_msg_t *msg, void *arg)
{
    struct overlay *ov = arg;

    clear_local (msg);
    router_recv (ov->b, &((struct child *)place->data)->peer, msg);
}

/* ---- effects of the core: parent ---- */

static int parent_send (struct peer *p, flux_msg_t **msg)
{
    struct overlay *ov = p->arg;

    if (ov->ops->full (ov->transport, NULL)) {
        errno = EAGAIN;
        return -1;
    }
    if (overlay_core_send_parent (ov->core, *msg) < 0)
        return -1;
    flux_msg_decref (*msg);
    *msg = NULL;
    return 0;
}

static void parent_stuck (struct peer *p)
{
    struct overlay *ov = p->arg;

    overlay_core_parent_lost (ov->core, "it does not read what it is sent");
}

static void follow_state (struct broker *b, int state)
{
    if (state >= STATE_SHUTDOWN)
        broker_post (b, EVENT_SHUTDOWN);
    else if (state >= STATE_RUN)
        broker_post (b, EVENT_QUORUM_FULL);
}

static int op_parent_joined (const char *id, json_t *welcome, flux_error_t *error,
                             void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;
    const char *name;
    json_t *val;

    snprintf (ov->parent.id, sizeof (ov->parent.id), "%s", id);
    if (peer_add (b, &ov->parent) < 0)
        return -1;
    json_object_foreach (json_object_get (welcome, "attrs"), name, val)
        if (json_is_string (val))
            attrs_put (b->attrs, name, json_string_value (val), -1);
    json_decref (b->conf);
    b->conf = json_incref (json_object_get (welcome, "conf"));
    router_set_event_seq (b, json_integer_value (json_object_get (welcome, "seq")));
    broker_post (b, EVENT_PARENT_READY);
    return 0;
}

static void greet_again (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct overlay *ov = arg;
    flux_error_t error;

    if (ov->b->state == STATE_JOIN && overlay_connect (ov->b, &error) < 0) {
        fprintf (stderr, "flux-broker: %s\n", error.text);
        ov->b->exit_code = 1;
        broker_post (ov->b, EVENT_PARENT_FAIL);
    }
}

static bool boots_alone (struct overlay *ov)
{
    const char *method = attrs_val (ov->b->attrs, "broker.boot-method");

    return method && strcmp (method, "config") == 0;
}

/* The parent died while it was greeted, and nobody starts this broker for it: it is
 * waited for, as it would be if it had not been there yet. It may have died while keys
 * were exchanged, which looks as if it had another one; but not twice. */
static bool wait_for_parent (struct overlay *ov, int errnum, const char *why)
{
    bool refused = strcmp (why, TRANSPORT_REFUSED) == 0;

    if (errnum != EHOSTUNREACH || !boots_alone (ov) || (refused && ov->was_refused))
        return false;
    ov->was_refused = refused;
    if (ov->again)
        flux_timer_watcher_reset (ov->again, GREET_AGAIN, 0.);
    else if (!(ov->again = flux_timer_watcher_create (ov->b->reactor, GREET_AGAIN, 0.,
                                                      greet_again, ov)))
        return false;
    flux_watcher_start (ov->again);
    return true;
}

/* It cannot tell it to anybody else. */
static void op_parent_failed (int errnum, const char *why, void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;

    if (b->state >= STATE_SHUTDOWN || wait_for_parent (ov, errnum, why))
        return;
    if (errnum != ESHUTDOWN || boots_alone (ov)) /* else who started both will say so */
        fprintf (stderr, "flux-broker: overlay: rank %d: %s\n",
                 topology_parent (b->topo, b->rank), why);
    broker_log (b, LOG_INFO, "overlay: rank %d: %s", topology_parent (b->topo, b->rank),
                why);
    b->exit_code = 1;
    broker_post (b, EVENT_PARENT_FAIL);
}

static void op_parent_left (const char *why, void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;

    if (ov->parent.inflight)
        peer_remove (b, &ov->parent, EHOSTUNREACH);
    router_release (b);
    if (b->state >= STATE_SHUTDOWN)
        return;
    fprintf (stderr, "flux-broker: overlay: rank %d: %s\n",
             topology_parent (b->topo, b->rank), why);
    broker_log (b, LOG_ERR, "overlay: rank %d: %s", topology_parent (b->topo, b->rank),
                why);
    b->exit_code = 1;
    broker_post (b, EVENT_PARENT_LOST);
}

static void op_parent_away (const char *why, void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;

    broker_log (b, LOG_WARNING, "overlay: parent: %s: looking for another", why);
    peer_remove (b, &ov->parent, EHOSTUNREACH);
}

static int connect_to (struct overlay *ov, const struct ancestor *a, const char *id,
                       bool patient)
{
    return ov->ops->connect (ov->transport, id, a->uri, a->key[0] ? a->key : NULL,
                             patient);
}

static int op_parent_connect (int rank, const char *id, void *arg)
{
    struct overlay *ov = arg;

    /* What the old parent leaves to be done concerns the same senders. */
    while (router_turn (ov->b))
        ;
    for (int i = 0; i < ov->ancestor_count; i++)
        if (ov->ancestors[i].rank == rank)
            return connect_to (ov, &ov->ancestors[i], id, false);
    errno = ENOENT;
    return -1;
}

static int op_parent_found (int rank, const char *id, void *arg)
{
    struct overlay *ov = arg;
    struct broker *b = ov->b;

    snprintf (ov->parent.id, sizeof (ov->parent.id), "%s", id);
    if (peer_add (b, &ov->parent) < 0)
        return -1;
    broker_log (b, LOG_INFO, "overlay: rank %d is the parent now", rank);
    for (int i = 0; i < ov->ancestor_count; i++)
        if (ov->ancestors[i].rank == rank)
            attrs_put (b->attrs, "tbon.parent-endpoint", ov->ancestors[i].uri, -1);
    groups_announce (b);
    router_release (b);
    follow_state (b, overlay_core_parent_state (ov->core));
    return 0;
}

static void op_parent_state (int state, void *arg)
{
    struct overlay *ov = arg;

    follow_state (ov->b, state);
}

static void op_parent_msg (flux_msg_t *msg, void *arg)
{
    struct overlay *ov = arg;

    clear_local (msg);
    router_recv (ov->b, &ov->parent, msg);
}

static void op_log (int severity, const char *text, void *arg)
{
    struct overlay *ov = arg;

    broker_log (ov->b, severity, "%s", text);
}

/* ---- the transport ---- */

static void child_recv (const char *id, flux_msg_t *msg, void *arg)
{
    trace_child (arg, id, "rx", msg);
    overlay_core_child_recv (((struct overlay *)arg)->core, id, msg);
}

static void child_lost (const char *id, void *arg)
{
    overlay_core_child_lost (((struct overlay *)arg)->core, id);
}

static void parent_recv (flux_msg_t *msg, void *arg)
{
    trace_parent (arg, "rx", msg);
    overlay_core_parent_recv (((struct overlay *)arg)->core, msg);
}

static void parent_lost (const char *why, void *arg)
{
    overlay_core_parent_lost (((struct overlay *)arg)->core, why);
}

static void writable (void *arg)
{
    struct overlay *ov = arg;
    struct overlay_child *place;

    for (int i = 0; (place = overlay_core_child_at (ov->core, i)); i++)
        if (place->data)
            peer_writable (ov->b, &((struct child *)place->data)->peer);
    if (ov->parent.inflight)
        peer_writable (ov->b, &ov->parent);
}

int overlay_connect (struct broker *b, flux_error_t *error)
{
    struct overlay *ov = b->overlay;

    if (connect_to (ov, &ov->ancestors[0], b->uuid, true) < 0) {
        error_text (error, "overlay: connect to %.100s: %s", ov->ancestors[0].uri,
                    strerror (errno));
        return -1;
    }
    if (overlay_core_hello (ov->core) < 0) {
        error_text (error, "overlay.hello: %s", strerror (errno));
        return -1;
    }
    return 0;
}

/* ---- what the router asks ---- */

static struct peer *towards (struct broker *b, int rank)
{
    struct overlay_child *c =
        b->overlay ? overlay_core_towards (b->overlay->core, rank) : NULL;

    return c ? &((struct child *)c->data)->peer : NULL;
}

static struct peer *parent_peer (struct broker *b)
{
    return b->overlay && overlay_core_has_parent (b->overlay->core)
               ? &b->overlay->parent
               : NULL;
}

static bool awaited (struct broker *b, int rank)
{
    const struct overlay_core *core = b->overlay->core;

    return rank == ROUTER_UP ? overlay_core_parent_awaited (core)
                             : overlay_core_awaited (core, rank);
}

static const struct router_links links = { parent_peer, towards, NULL };
static const struct router_links mended_links = { parent_peer, towards, awaited };

/* ---- what the groups ask ---- */

static void ranks_announced (struct broker *b, const struct idset *ranks)
{
    if (b->overlay) {
        overlay_core_announced (b->overlay->core, ranks);
        router_release (b);
    }
}

static bool is_awaited (struct broker *b, unsigned int rank)
{
    return b->overlay && overlay_core_awaited (b->overlay->core, rank);
}

static struct idset *not_through (struct broker *b, const char *id)
{
    struct peer *p = id ? peer_lookup (b, id) : NULL;
    struct child *c = p && p->kind == PEER_CHILD ? p->arg : NULL;

    return c ? overlay_core_not_through (b->overlay->core, c->place) : NULL;
}

int overlay_child_count (struct broker *b)
{
    return b->overlay ? overlay_core_connected_count (b->overlay->core) : 0;
}

/* ---- what the state machine tells ---- */

void overlay_enter (struct broker *b, enum broker_state state)
{
    if (b->overlay)
        overlay_core_enter (b->overlay->core, state);
}

void overlay_goodbye (struct broker *b)
{
    if (b->overlay)
        overlay_core_goodbye (b->overlay->core);
}

void overlay_parent_state (struct broker *b)
{
    if (b->overlay)
        follow_state (b, overlay_core_parent_state (b->overlay->core));
}

/* ---- life ---- */

static double duration_attr (struct broker *b, const char *name, double dflt)
{
    const char *s = attrs_val (b->attrs, name);
    double seconds;

    if (s && strcmp (s, "none") == 0)
        return 0.;
    if (!s || fsd_parse (s, &seconds) < 0)
        return dflt;
    return seconds;
}

static void *load_transport (struct overlay *ov, flux_error_t *error)
{
    const char *broker = flux_conf_builtin_get ("broker_path", FLUX_CONF_AUTO);
    const char *slash = broker ? strrchr (broker, '/') : NULL;
    char path[4096];

    snprintf (path, sizeof (path), "%.*s/overlay-zmq.so",
              slash ? (int)(slash - broker) : 0, broker);
    if (!(ov->dso = dlopen (path, RTLD_LAZY | RTLD_LOCAL))
        || !(ov->ops = dlsym (ov->dso, TRANSPORT_SYMBOL)))
        error_text (error, "overlay: %s", dlerror ());
    return (void *)ov->ops;
}

static int attr_int (struct broker *b, const char *name)
{
    const char *s = attrs_val (b->attrs, name);

    return s ? atoi (s) : 0;
}

static void refused (const char *text, void *arg)
{
    struct overlay *ov = arg;

    broker_log (ov->b, LOG_WARNING, "overlay: %s", text);
}

static void socket_log (const char *text, void *arg)
{
    struct overlay *ov = arg;

    broker_log (ov->b, LOG_DEBUG, "%s", text);
}

static int open_transport (struct overlay *ov, flux_error_t *error)
{
    struct broker *b = ov->b;
    struct transport_conf conf = {
        .reactor = b->reactor,
        .io_threads = attr_int (b, "tbon.zmq_io_threads"),
        .child_rcvhwm = attr_int (b, "tbon.child_rcvhwm"),
        .tcp_user_timeout_ms = 1e3 * duration_attr (b, "tbon.tcp_user_timeout", 0),
        .connect_timeout_ms = 1e3 * duration_attr (b, "tbon.connect_timeout", 0),
        .descendants = topology_descendants (b->topo, b->rank),
        .cb = { child_recv, child_lost, parent_recv, parent_lost, writable, refused,
                attr_int (b, "tbon.zmqdebug") != 0 ? socket_log : NULL },
        .arg = ov,
    };

    if (!load_transport (ov, error))
        return -1;
    if (!(ov->transport = ov->ops->create (&conf))) {
        error_text (error, "overlay: %s", strerror (errno));
        return -1;
    }
    return 0;
}

static struct overlay_core *create_core (struct overlay *ov)
{
    struct broker *b = ov->b;
    struct overlay_core_conf conf = {
        .rank = b->rank,
        .topo = b->topo,
        .uuid = b->uuid,
        .hostname = b->hostname,
        .version = FLUX_VERSION,
        .ops = { .now = op_now,
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
                 .log = op_log },
        .arg = ov,
    };

    return overlay_core_create (&conf);
}

static void use_heal (struct overlay *ov)
{
    struct broker *b = ov->b;

    ov->heal = duration_attr (b, "tbon.heal", 0.);
    b->links = ov->heal > 0 ? &mended_links : &links;
    overlay_core_set_heal (ov->core, ov->heal);
    if (ov->heal <= 0)
        return;
    if (topology_child_count (b->topo, b->rank) > 0)
        router_keep_events (b);
    b->hooks.ranks_announced = ranks_announced;
    b->hooks.is_awaited = is_awaited;
    b->hooks.not_through = not_through;
}

int overlay_create (struct broker *b, flux_error_t *error)
{
    int count = topology_child_count (b->topo, b->rank);
    struct overlay *ov;

    if (limits_check_overlay (count, error) < 0)
        return -1;
    if (!(ov = calloc (1, sizeof (*ov)))) {
        error_text (error, "out of memory");
        return -1;
    }
    b->overlay = ov;
    ov->b = b;
    if (!(ov->uris = json_array ()) || !(ov->core = create_core (ov))) {
        error_text (error, "out of memory");
        return -1;
    }
    ov->parent.kind = PEER_PARENT;
    ov->parent.send = parent_send;
    ov->parent.stuck = parent_stuck;
    ov->parent.arg = ov;
    use_heal (ov);
    return open_transport (ov, error);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    overlay_core_tick (((struct overlay *)arg)->core);
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
            error_text (error, "%s: must be more than 0", name);
            errno = EINVAL;
            return -1;
        }
        ov->torpid_min = seconds;
        if (ov->timer)
            flux_timer_watcher_reset (ov->timer, seconds, seconds);
    } else
        ov->torpid_max = seconds;
    overlay_core_set_torpid (ov->core, ov->torpid_min, ov->torpid_max);
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
    overlay_core_set_torpid (ov->core, ov->torpid_min, ov->torpid_max);
    ov->timer = flux_timer_watcher_create (b->reactor, ov->torpid_min, ov->torpid_min,
                                           timer_cb, ov);
    if (!ov->timer)
        return -1;
    flux_watcher_start (ov->timer);
    flux_watcher_unref (ov->timer);
    return 0;
}

int overlay_services_init (struct broker *b)
{
    if (b->overlay && start_keepalive (b->overlay) < 0)
        return -1;
    return overlay_builtins_init (b);
}

void overlay_fini (struct broker *b)
{
    struct overlay *ov = b->overlay;
    struct overlay_child *place;
    struct child *c;

    if (!ov)
        return;
    if (ov->transport)
        ov->ops->destroy (ov->transport);
    flux_watcher_destroy (ov->timer);
    flux_watcher_destroy (ov->soon);
    flux_watcher_destroy (ov->again);
    b->hooks.ranks_announced = NULL;
    b->hooks.is_awaited = NULL;
    b->hooks.not_through = NULL;
    for (int i = 0; (place = overlay_core_child_at (ov->core, i)); i++)
        if ((c = place->data)) {
            peer_remove (b, &c->peer, EHOSTUNREACH);
            free (c);
        }
    if (ov->parent.inflight)
        peer_remove (b, &ov->parent, EHOSTUNREACH);
    overlay_core_destroy (ov->core);
    json_decref (ov->uris);
    free (ov->ancestors);
    free (ov);
    b->links = NULL;
    b->overlay = NULL;
}
