/* One broker's router among peers that are written down here: what each of them is sent,
 * in which order, and what becomes of it when somebody goes, is full, or is away. Trees of
 * routers are in overlay/sim_test.c. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/routing/builtin.h"
#include "broker/routing/inflight.h"
#include "broker/routing/quota.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "broker/routing/topology.h"
#include "core/message/message.h"
#include "core/message/msgqueue.h"

#define ANY FLUX_NODEID_ANY
#define OWNER 1

struct node {
    struct peer peer;
    struct broker *b;
    struct msgqueue got;
    flux_msg_t *last; /* what said() told about */
    bool full, broken;
    int stuck;
};

struct world {
    struct broker b;
    struct node client, guest, module, other, child, parent;
    bool has_parent, awaited;
    char log[512];
};

static struct world *w;

static int take (struct peer *p, flux_msg_t **msg)
{
    struct node *n = p->arg;

    if (n->full || n->broken) {
        errno = n->broken ? ECONNRESET : EAGAIN;
        return -1;
    }
    assert_int_equal (msgqueue_push (&n->got, *msg), 0);
    *msg = NULL;
    return 0;
}

static void stuck (struct peer *p)
{
    ((struct node *)p->arg)->stuck++;
}

static void come (struct node *n, enum peer_kind kind, const char *id, uint32_t user,
                  uint32_t role)
{
    n->b = &w->b;
    n->peer = (struct peer){
        .kind = kind, .send = take, .stuck = stuck, .arg = n, .cred = { user, role }
    };
    snprintf (n->peer.id, sizeof (n->peer.id), "%s", id);
    assert_int_equal (peer_add (&w->b, &n->peer), 0);
}

static void turns (void)
{
    while (router_turn (&w->b))
        ;
}

static void forget (struct node *n)
{
    flux_msg_decref (n->last);
    n->last = NULL;
    msgqueue_fini (&n->got);
    memset (&n->got, 0, sizeof (n->got));
}

static void leave (struct node *n)
{
    if (n->peer.inflight)
        peer_remove (&w->b, &n->peer, EHOSTUNREACH);
    forget (n);
}

static struct peer *parent (struct broker *b)
{
    return w->has_parent && w->parent.peer.inflight ? &w->parent.peer : NULL;
}

static struct peer *towards (struct broker *b, int rank)
{
    return w->child.peer.inflight ? &w->child.peer : NULL;
}

static bool awaited (struct broker *b, int rank)
{
    return w->awaited;
}

static void note_log (struct broker *b, int level, const char *text)
{
    snprintf (w->log, sizeof (w->log), "%s", text);
}

static const struct router_links fixed = { parent, towards, NULL };
static const struct router_links mended = { parent, towards, awaited };

/* Rank 0 or 1 of seven, a binary tree. module offers "kvs", and "sched" is a name that is
 * known. */
static void start (int rank, const struct router_links *links)
{
    w = calloc (1, sizeof (*w));
    w->b.rank = rank;
    w->b.size = 7;
    w->b.owner = OWNER;
    w->b.links = links;
    w->b.hooks.log = note_log;
    w->b.topo = topology_create ("kary:2", 7, NULL);
    w->b.services = services_create ();
    assert_int_equal (router_init (&w->b), 0);
    assert_int_equal (builtins_init (&w->b), 0);
    come (&w->client, PEER_CLIENT, "client", OWNER, FLUX_ROLE_OWNER);
    come (&w->guest, PEER_CLIENT, "guest", 7, FLUX_ROLE_USER);
    come (&w->module, PEER_MODULE, "module", OWNER, FLUX_ROLE_OWNER);
    come (&w->other, PEER_MODULE, "other", OWNER, FLUX_ROLE_OWNER);
    come (&w->child, PEER_CHILD, "child", OWNER, FLUX_ROLE_OWNER);
    if (rank > 0) {
        come (&w->parent, PEER_PARENT, "parent", OWNER, FLUX_ROLE_OWNER);
        w->has_parent = true;
    }
    assert_int_equal (services_add (w->b.services, "kvs", &w->module.peer), 0);
    assert_int_equal (services_reserve (w->b.services, "sched"), 0);
}

static void stop (void)
{
    leave (&w->client);
    leave (&w->guest);
    leave (&w->module);
    leave (&w->other);
    leave (&w->child);
    leave (&w->parent);
    turns ();
    assert_int_equal (router_inflight (&w->b), 0);
    builtins_fini (&w->b);
    router_fini (&w->b);
    services_destroy (w->b.services);
    topology_destroy (w->b.topo);
    free (w);
}

static flux_msg_t *request (const char *topic, uint32_t nodeid, uint32_t tag)
{
    flux_msg_t *msg = flux_request_encode (topic, NULL);

    flux_msg_set_nodeid (msg, nodeid);
    flux_msg_set_matchtag (msg, tag);
    return msg;
}

static void ask_at (struct node *n, const char *topic, uint32_t nodeid, uint32_t tag)
{
    flux_msg_t *msg = request (topic, nodeid, tag);

    flux_msg_set_cred (msg, n->peer.cred);
    router_recv (&w->b, &n->peer, msg);
}

static void ask (struct node *n, const char *topic, uint32_t tag)
{
    ask_at (n, topic, ANY, tag);
}

/* "? TOPIC #TAG", "= TOPIC #TAG ERRNO text", "* TOPIC #SEQUENCE" of the next that n was
 * sent; a request that wants no response ends in '!'. "": nothing came. */
static const char *said (struct node *n)
{
    static char text[512];
    const char *topic = "", *why = NULL;
    uint32_t tag = 0;
    int type = 0, errnum = 0;

    flux_msg_decref (n->last);
    if (!(n->last = msgqueue_pop (&n->got)))
        return "";
    (void)flux_msg_get_type (n->last, &type);
    (void)flux_msg_get_topic (n->last, &topic);
    if (type == FLUX_MSGTYPE_EVENT) {
        (void)flux_msg_get_seq (n->last, &tag);
        snprintf (text, sizeof (text), "* %s #%u", topic, tag);
        return text;
    }
    (void)flux_msg_get_matchtag (n->last, &tag);
    if (type == FLUX_MSGTYPE_REQUEST) {
        snprintf (text, sizeof (text), "? %s #%u%s", topic, tag,
                  flux_msg_is_noresponse (n->last) ? "!" : "");
        return text;
    }
    (void)flux_msg_get_errnum (n->last, &errnum);
    if (errnum)
        (void)flux_msg_get_string (n->last, &why);
    snprintf (text, sizeof (text), "= %s #%u%s%s%s%s", topic, tag, errnum ? " " : "",
              errnum ? strerrorname_np (errnum) : "", why ? " " : "", why ? why : "");
    return text;
}

/* To what said() told about last. */
static void answer (struct node *n, int errnum)
{
    router_recv (&w->b, &n->peer, flux_response_derive (n->last, errnum));
}

static json_int_t stat_of (const char *name)
{
    json_t *o = router_stats (&w->b);
    json_int_t value = json_integer_value (json_object_get (o, name));

    json_decref (o);
    return value;
}

static void there_and_back (void **state)
{
    start (0, NULL);
    ask (&w->client, "kvs.get", 5);
    ask (&w->client, "kvs.put", 6);
    assert_int_equal (router_inflight (&w->b), 2);
    assert_string_equal (said (&w->module), "? kvs.get #5");
    assert_string_equal (flux_msg_route_last (w->module.last), "client");
    answer (&w->module, 0);
    assert_string_equal (said (&w->client), "= kvs.get #5");
    assert_int_equal (flux_msg_route_count (w->client.last), 0);
    assert_int_equal (router_inflight (&w->b), 1);
    /* twice, or by somebody else, is nothing */
    answer (&w->module, 0);
    assert_string_equal (said (&w->module), "? kvs.put #6");
    router_recv (&w->b, &w->other.peer, flux_response_derive (w->module.last, 0));
    assert_string_equal (said (&w->client), "");
    assert_int_equal (stat_of ("stray-responses"), 2);
    answer (&w->module, EINVAL);
    assert_string_equal (said (&w->client), "= kvs.put #6 EINVAL");
    assert_int_equal (stat_of ("inflight"), 0);
    stop ();
}

/* A client is who it is; a module may pass on what others ask. */
static void routes_of_others (void **state)
{
    struct node *who[] = { NULL, NULL };

    start (0, NULL);
    who[0] = &w->client;
    who[1] = &w->other;
    for (int i = 0; i < 2; i++) {
        flux_msg_t *msg = request ("kvs.get", ANY, 1);

        flux_msg_route_enable (msg);
        flux_msg_route_push (msg, "guest");
        flux_msg_set_cred (msg, who[i]->peer.cred);
        router_recv (&w->b, &who[i]->peer, msg);
        assert_string_equal (said (&w->module), "? kvs.get #1");
        assert_int_equal (flux_msg_route_count (w->module.last), 1 + i);
        answer (&w->module, 0);
        assert_string_equal (said (&w->guest), "");
        assert_string_equal (said (who[i]), "= kvs.get #1");
        assert_int_equal (flux_msg_route_count (who[i]->last), i);
    }
    stop ();
}

/* Nobody to ask: the broker answers, and says what would help. */
static void nowhere (void **state)
{
    static const struct {
        int rank;
        const char *topic;
        uint32_t nodeid;
        const char *answer;
    } rows[] = {
        { 0, "foo.bar", ANY,
          "= foo.bar #9 ENOSYS No service matching foo.bar is registered" },
        { 0, "sched.alloc", ANY,
          "= sched.alloc #9 ENOSYS sched.alloc: try again when module sched is "
          "loaded" },
        { 0, "kvs.get", 7, "= kvs.get #9 EHOSTUNREACH" },
        { 0, "kvs.get", 1, "= kvs.get #9 EHOSTUNREACH" },
        { 1, "foo.bar", 1,
          "= foo.bar #9 ENOSYS No service matching foo.bar is registered" },
        { 1, "foo.bar", ANY, "= foo.bar #9 EHOSTUNREACH" },
        { 1, "kvs.get", 0, "= kvs.get #9 EHOSTUNREACH" },
        { 1, "kvs.get", 5000, "= kvs.get #9 EHOSTUNREACH" },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        start (rows[i].rank, i % 2 ? &fixed : NULL);
        w->has_parent = false;
        leave (&w->child);
        ask_at (&w->client, rows[i].topic, rows[i].nodeid, 9);
        assert_string_equal (said (&w->client), rows[i].answer);
        assert_int_equal (router_inflight (&w->b), 0);
        stop ();
    }
}

static void up_and_down (void **state)
{
    flux_msg_t *msg;

    start (1, &fixed);
    ask (&w->client, "foo.bar", 1);
    ask_at (&w->client, "kvs.get", 0, 2);
    ask_at (&w->client, "kvs.get", 3, 3);
    ask_at (&w->client, "kvs.get", 1, 4);
    assert_string_equal (said (&w->parent), "? foo.bar #1");
    assert_string_equal (said (&w->parent), "? kvs.get #2");
    assert_string_equal (said (&w->child), "? kvs.get #3");
    assert_string_equal (said (&w->module), "? kvs.get #4");
    /* upstream of this rank: past the service here */
    msg = request ("kvs.get", 1, 5);
    flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM);
    router_recv (&w->b, &w->client.peer, msg);
    assert_string_equal (said (&w->parent), "? kvs.get #5");
    /* and a service that passes on what it was asked */
    ask (&w->client, "kvs.get", 6);
    assert_string_equal (said (&w->module), "? kvs.get #6");
    router_forward_up (&w->b, w->module.last);
    assert_string_equal (said (&w->parent), "? kvs.get #6");
    answer (&w->parent, 0);
    assert_string_equal (said (&w->client), "= kvs.get #6");
    stop ();
}

/* What it owes is answered for it, with its last words. */
static void a_module_goes (void **state)
{
    start (0, NULL);
    ask (&w->client, "kvs.get", 1);
    ask (&w->guest, "kvs.get", 2);
    ask (&w->other, "kvs.watch", 3);
    strcpy (w->module.peer.why, "it is unloaded");
    peer_remove (&w->b, &w->module.peer, ENOSYS);
    /* not at once: whoever removed it may be walking over peers */
    assert_string_equal (said (&w->client), "");
    assert_true (router_pending (&w->b));
    turns ();
    assert_string_equal (said (&w->client), "= kvs.get #1 ENOSYS it is unloaded");
    assert_string_equal (said (&w->guest), "= kvs.get #2 ENOSYS it is unloaded");
    assert_string_equal (said (&w->other), "= kvs.watch #3 ENOSYS it is unloaded");
    assert_null (services_lookup (w->b.services, "kvs.get"));
    assert_false (router_pending (&w->b));
    stop ();
}

/* Services that it used hear of it once, whatever it asked of them; its answers go
 * nowhere. */
static void a_client_goes (void **state)
{
    start (0, NULL);
    assert_int_equal (services_add (w->b.services, "barrier", &w->other.peer), 0);
    for (uint32_t tag = 1; tag <= 3; tag++)
        ask (&w->client, "kvs.get", tag);
    ask (&w->client, "barrier.enter", 4);
    ask (&w->client, "kvs.get", 5);
    for (int i = 0; i < 4; i++)
        assert_string_not_equal (said (&w->module), "");
    peer_remove (&w->b, &w->client.peer, EHOSTUNREACH);
    turns ();
    assert_string_equal (said (&w->module), "? kvs.disconnect #0!");
    assert_string_equal (flux_msg_route_last (w->module.last), "client");
    assert_string_equal (said (&w->module), "");
    assert_string_equal (said (&w->other), "? barrier.enter #4");
    answer (&w->other, 0);
    assert_string_equal (said (&w->other), "? barrier.disconnect #0!");
    assert_int_equal (router_inflight (&w->b), 0);
    stop ();
}

/* Also where nothing is owed any more: a service may keep something of it. */
static void a_client_goes_in_peace (void **state)
{
    start (0, NULL);
    for (uint32_t tag = 1; tag <= 2; tag++) {
        ask (&w->client, "kvs.get", tag);
        assert_string_not_equal (said (&w->module), "");
        answer (&w->module, 0);
    }
    peer_remove (&w->b, &w->client.peer, EHOSTUNREACH);
    turns ();
    assert_string_equal (said (&w->module), "? kvs.disconnect #0!");
    assert_string_equal (said (&w->module), "");
    stop ();
}

/* A child takes those with it that asked through it, each once for each service. */
static void a_child_goes (void **state)
{
    start (0, &fixed);
    for (uint32_t tag = 1; tag <= 4; tag++) {
        flux_msg_t *msg = request ("kvs.get", ANY, tag);

        flux_msg_route_enable (msg);
        flux_msg_route_push (msg, tag % 2 ? "far1" : "far2");
        flux_msg_set_cred (msg, w->child.peer.cred);
        router_recv (&w->b, &w->child.peer, msg);
        assert_string_not_equal (said (&w->module), "");
    }
    ask_at (&w->client, "kvs.get", 3, 9);
    peer_remove (&w->b, &w->child.peer, EHOSTUNREACH);
    turns ();
    assert_string_equal (said (&w->client), "= kvs.get #9 EHOSTUNREACH");
    for (int i = 0; i < 2; i++)
        assert_string_equal (said (&w->module), "? kvs.disconnect #0!");
    assert_string_equal (said (&w->module), "");
    stop ();
}

/* A thousand steps, then others have their turn. */
static void slices (void **state)
{
    int turns_taken = 1;

    start (0, NULL);
    for (uint32_t tag = 1; tag <= 2500; tag++)
        ask (&w->client, "kvs.get", tag);
    peer_remove (&w->b, &w->module.peer, ENOSYS);
    assert_true (router_turn (&w->b));
    assert_int_equal (w->client.got.count, 1000);
    while (router_turn (&w->b))
        turns_taken++;
    assert_int_equal (turns_taken, 2);
    assert_int_equal (w->client.got.count, 2500);
    stop ();
}

/* Who takes no more now gets it later, in order. What can be refused is refused at the
 * bound; of what cannot there may be four times as much, and then the peer is lost. */
static void who_is_full (void **state)
{
    uint32_t tag = 0;
    size_t size;

    start (0, &fixed);
    router_set_queue_max (&w->b, 8000);
    w->child.full = true;
    do
        ask_at (&w->client, "kvs.get", 3, ++tag);
    while (w->client.got.count == 0 && tag < 1000);
    assert_true (tag > 5 && tag < 30);
    assert_non_null (strstr (
        said (&w->client), "ENOBUFS too much waits for the one who is to answer this"));
    size = w->child.peer.out_bytes;
    assert_true (size <= 8000 && size > 8000 - size / (tag - 1));
    assert_int_equal (router_inflight (&w->b), tag - 1);
    w->child.full = false;
    peer_writable (&w->b, &w->child.peer);
    assert_int_equal (w->child.peer.out_bytes, 0);
    for (uint32_t i = 1; i < tag; i++) {
        char want[32];

        snprintf (want, sizeof (want), "? kvs.get #%u", i);
        assert_string_equal (said (&w->child), want);
    }
    assert_string_equal (said (&w->child), "");
    stop ();
}

static void who_does_not_read (void **state)
{
    int events = 0;

    start (0, &fixed);
    router_set_queue_max (&w->b, 8000);
    w->child.full = true;
    while (!router_pending (&w->b) && events < 1000) {
        flux_msg_t *msg = flux_event_encode ("heartbeat.pulse", NULL);

        router_publish (&w->b, msg, NULL);
        events++;
    }
    assert_true (w->child.peer.out_bytes > 31000 && w->child.peer.out_bytes < 34000);
    /* Short ones cost more than their bytes. */
    assert_true (events < 80);
    assert_int_equal (w->child.stuck, 0);
    turns ();
    assert_int_equal (w->child.stuck, 1);
    /* nothing overtakes what was lost */
    w->child.full = false;
    peer_writable (&w->b, &w->child.peer);
    assert_string_equal (said (&w->child), "");
    ask_at (&w->client, "kvs.get", 3, 1);
    assert_string_equal (said (&w->client), "= kvs.get #1 EHOSTUNREACH");
    stop ();
}

/* One message may always wait; who asks and does not read is refused. */
static void who_asks_and_is_full (void **state)
{
    flux_msg_t *msg;
    static char much[10000];

    start (0, &fixed);
    router_set_queue_max (&w->b, 8000);
    msg = flux_request_encode_raw ("kvs.get", much, sizeof (much));
    flux_msg_set_nodeid (msg, 3);
    flux_msg_set_matchtag (msg, 1);
    w->child.full = true;
    router_recv (&w->b, &w->client.peer, msg);
    assert_string_equal (said (&w->client), "");
    assert_true (w->child.peer.out_bytes > 10000);
    msg = request ("kvs.get", ANY, 2);
    flux_msg_route_enable (msg);
    flux_msg_set_cred (msg, w->child.peer.cred);
    router_recv (&w->b, &w->child.peer, msg);
    assert_string_equal (said (&w->module), "");
    w->child.full = false;
    peer_writable (&w->b, &w->child.peer);
    assert_string_equal (said (&w->child), "? kvs.get #1");
    assert_string_equal (said (&w->child),
                         "= kvs.get #2 ENOBUFS too much waits for the one who asks");
    stop ();
}

/* A module whose thread has ended, and a broker that is gone, have taken nothing. */
static void who_is_broken (void **state)
{
    start (0, &fixed);
    w->module.broken = w->child.broken = true;
    ask (&w->client, "kvs.get", 1);
    ask_at (&w->client, "kvs.get", 3, 2);
    assert_string_equal (
        said (&w->client),
        "= kvs.get #1 ENOSYS No service matching kvs.get is registered");
    assert_string_equal (said (&w->client), "= kvs.get #2 EHOSTUNREACH");
    assert_int_equal (router_inflight (&w->b), 0);
    stop ();
}

/* ---- a tree that heals ---- */

static void publish (struct node *n, const char *topic)
{
    flux_msg_t *msg = flux_event_encode (topic, NULL);

    flux_msg_set_cred (msg, n->peer.cred);
    router_recv (&w->b, &n->peer, msg);
}

static void waits_for_a_parent (void **state)
{
    start (1, &mended);
    w->has_parent = false;
    w->awaited = true;
    ask (&w->client, "foo.bar", 1);
    ask (&w->guest, "foo.bar", 2);
    publish (&w->client, "an.event");
    ask (&w->client, "foo.bar", 3);
    router_release (&w->b); /* still nobody */
    assert_string_equal (said (&w->client), "");
    leave (&w->guest);
    turns ();
    w->has_parent = true;
    router_release (&w->b);
    assert_string_equal (said (&w->parent), "? foo.bar #1");
    assert_string_equal (said (&w->parent), "* an.event #0");
    assert_string_equal (said (&w->parent), "? foo.bar #3");
    answer (&w->parent, 0);
    assert_string_equal (said (&w->client), "= foo.bar #3");
    /* or will not come any more */
    w->has_parent = false;
    ask (&w->client, "foo.bar", 4);
    w->awaited = false;
    router_release (&w->b);
    assert_string_equal (said (&w->client), "= foo.bar #4 EHOSTUNREACH");
    stop ();
}

static void waiting_has_a_bound (void **state)
{
    uint32_t tag = 0;

    start (1, &mended);
    router_set_queue_max (&w->b, 8000);
    w->has_parent = false;
    w->awaited = true;
    while (w->client.got.count == 0 && tag < 1000)
        ask (&w->client, "foo.bar", ++tag);
    assert_true (tag > 5 && tag < 30);
    assert_non_null (
        strstr (said (&w->client), "ENOBUFS too much waits for a broker that is away"));
    w->has_parent = true;
    router_release (&w->b);
    assert_int_equal (w->parent.got.count, tag - 1);
    /* there is room again */
    w->has_parent = false;
    ask (&w->client, "foo.bar", 99);
    assert_string_equal (said (&w->client), "");
    stop ();
}

static void from_below (const char *via, uint32_t tag)
{
    flux_msg_t *msg = request ("foo.bar", ANY, tag);

    flux_msg_route_enable (msg);
    flux_msg_route_push (msg, via);
    flux_msg_set_cred (msg, w->child.peer.cred);
    router_recv (&w->b, &w->child.peer, msg);
}

/* A broker below has another way now: what came by the old one is taken back, and what
 * still comes by it is dropped. */
static void an_old_way (void **state)
{
    start (1, &mended);
    from_below ("old", 1);
    from_below ("new", 2);
    assert_string_equal (said (&w->parent), "? foo.bar #1");
    assert_string_equal (said (&w->parent), "? foo.bar #2");
    w->has_parent = false;
    w->awaited = true;
    from_below ("old", 3);
    from_below ("new", 4);
    router_retire (&w->b, "old");
    assert_string_equal (said (&w->parent), "? foo.disconnect #0!");
    w->has_parent = true;
    router_release (&w->b);
    from_below ("old", 5);
    from_below ("new", 6);
    assert_string_equal (said (&w->parent), "? foo.bar #4");
    assert_string_equal (said (&w->parent), "? foo.bar #6");
    assert_string_equal (said (&w->parent), "");
    assert_int_equal (router_inflight (&w->b), 3);
    stop ();
}

/* A way that leads back is none. */
static void no_way_back (void **state)
{
    flux_msg_t *msg = NULL;

    start (1, &mended);
    msg = request ("kvs.get", 3, 1);
    flux_msg_route_enable (msg);
    flux_msg_set_cred (msg, w->child.peer.cred);
    router_recv (&w->b, &w->child.peer, msg);
    assert_string_equal (said (&w->child), "");
    assert_string_equal (said (&w->parent), "? kvs.get #1");
    stop ();
}

/* ---- events ---- */

static void subscribe (struct node *n, const char *prefix)
{
    assert_int_equal (subs_add (&n->peer.subs, prefix), 0);
}

static void events_have_an_order (void **state)
{
    start (0, &fixed);
    subscribe (&w->client, "a.");
    subscribe (&w->guest, "");
    publish (&w->module, "a.one");
    publish (&w->client, "b.two");
    publish (&w->child, "a.three");
    assert_string_equal (said (&w->client), "* a.one #1");
    assert_string_equal (said (&w->client), "* a.three #3");
    assert_string_equal (said (&w->client), "");
    assert_string_equal (said (&w->guest), "* a.one #1");
    assert_string_equal (said (&w->guest), "* b.two #2");
    assert_string_equal (said (&w->guest), "* a.three #3");
    /* below all are wanted: nobody here knows who listens there */
    assert_int_equal (w->child.got.count, 3);
    assert_int_equal (router_event_seq (&w->b), 3);
    stop ();
}

static void private_events (void **state)
{
    start (0, NULL);
    subscribe (&w->client, "");
    subscribe (&w->guest, "");
    for (uint32_t user = 7; user <= 8; user++) {
        flux_msg_t *msg = flux_event_encode ("secret", NULL);

        flux_msg_set_cred (msg, (struct flux_msg_cred){ user, FLUX_ROLE_USER });
        flux_msg_set_private (msg);
        router_publish (&w->b, msg, NULL);
    }
    assert_string_equal (said (&w->guest), "* secret #1");
    assert_string_equal (said (&w->guest), "");
    assert_int_equal (w->client.got.count, 2);
    stop ();
}

static void from_above (const char *topic, uint32_t seq)
{
    flux_msg_t *msg = flux_event_encode (topic, NULL);

    flux_msg_set_seq (msg, seq);
    router_recv (&w->b, &w->parent.peer, msg);
}

static void events_from_above (void **state)
{
    start (1, &mended);
    subscribe (&w->client, "");
    router_set_event_seq (&w->b, 10);
    from_above ("a", 11);
    from_above ("a", 11); /* by another parent */
    from_above ("b", 9);
    from_above ("c", 12);
    assert_string_equal (said (&w->client), "* a #11");
    assert_string_equal (said (&w->client), "* c #12");
    assert_string_equal (said (&w->client), "");
    assert_string_equal (w->log, "");
    from_above ("d", 15);
    assert_string_equal (said (&w->client), "* d #15");
    assert_string_equal (w->log, "event d: sequence 15 follows 12");
    /* numbers wrap around */
    router_set_event_seq (&w->b, UINT32_MAX - 1);
    from_above ("e", UINT32_MAX);
    from_above ("f", 0);
    from_above ("g", 1);
    assert_string_equal (said (&w->client), "* e #4294967295");
    assert_string_equal (said (&w->client), "* f #0");
    assert_string_equal (said (&w->client), "* g #1");
    /* what is published here goes up first */
    publish (&w->client, "mine");
    assert_string_equal (said (&w->parent), "* mine #0");
    assert_string_equal (said (&w->client), "");
    stop ();
}

static void missed_events (void **state)
{
    start (0, &mended);
    router_keep_events (&w->b);
    for (int i = 0; i < 5000; i++)
        publish (&w->module, "tick");
    assert_int_equal (w->child.got.count, 5000);
    forget (&w->child);
    assert_true (router_can_replay (&w->b, 5000));
    assert_true (router_can_replay (&w->b, 5000 - 4096));
    assert_false (router_can_replay (&w->b, 5000 - 4097));
    router_replay (&w->b, &w->child.peer, 5000);
    assert_string_equal (said (&w->child), "");
    router_replay (&w->b, &w->child.peer, 4997);
    assert_string_equal (said (&w->child), "* tick #4998");
    assert_string_equal (said (&w->child), "* tick #4999");
    assert_string_equal (said (&w->child), "* tick #5000");
    assert_string_equal (said (&w->child), "");
    router_replay (&w->b, &w->child.peer, 904);
    assert_string_equal (said (&w->child), "* tick #905");
    assert_int_equal (w->child.got.count, 4095);
    stop ();
}

/* Large events: fewer are kept, and still without a gap. */
static void missed_megabytes (void **state)
{
    char *much = calloc (1, 1 << 20);
    uint32_t oldest = 0;

    start (0, &mended);
    leave (&w->child);
    router_keep_events (&w->b);
    for (int i = 0; i < 40; i++)
        router_publish (&w->b, flux_event_encode_raw ("big", much, 1 << 20), NULL);
    while (!router_can_replay (&w->b, oldest))
        oldest++;
    assert_int_equal (oldest, 40 - 15);
    come (&w->child, PEER_CHILD, "child", OWNER, FLUX_ROLE_OWNER);
    router_replay (&w->b, &w->child.peer, oldest);
    assert_int_equal (w->child.got.count, 15);
    assert_string_equal (said (&w->child), "* big #26");
    free (much);
    stop ();
}

/* What guests may say. */
static void guests_events (void **state)
{
    static const struct {
        const char *topic;
        bool may;
    } rows[] = {
        { "hello", true },        { "hello.world", true }, { "kvs.setroot", false },
        { "kvs", false },         { "kvsx.y", true },      { "sched.x", false },
        { "resource.up", false }, { "mine.x", true },      { "his.x", false },
        { "two words", false },   { "\033[2J", false },    { "caf\303\251", false },
        { "resourceful", false },
    };
    flux_error_t error;

    start (0, NULL);
    subscribe (&w->other, "resource");
    assert_int_equal (services_add (w->b.services, "mine", &w->guest.peer), 0);
    come (&w->parent, PEER_CLIENT, "another", 8, FLUX_ROLE_USER);
    assert_int_equal (services_add (w->b.services, "his", &w->parent.peer), 0);
    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        bool may =
            router_may_publish (&w->b, rows[i].topic, w->guest.peer.cred, &error);

        if (may != rows[i].may)
            fail_msg ("%s: %s", rows[i].topic, may ? "allowed" : error.text);
        assert_true (
            router_may_publish (&w->b, rows[i].topic, w->client.peer.cred, &error));
        publish (&w->guest, rows[i].topic);
    }
    assert_int_equal (router_event_seq (&w->b), 4);
    stop ();
}

/* ---- the broker's own ---- */

static void heard (struct broker *b, const flux_msg_t *rep, void *arg)
{
    int errnum = -1;

    (void)flux_msg_get_errnum (rep, &errnum);
    *(int *)arg = errnum;
}

static void own_rpcs (void **state)
{
    int a = -1, c = -1;
    uint32_t nodeid, role;

    start (0, NULL);
    assert_int_equal (
        broker_rpc (&w->b, "kvs.get", ANY, json_pack ("{s:i}", "x", 1), heard, &a), 0);
    assert_int_equal (broker_rpc (&w->b, "foo.get", ANY, NULL, heard, &c), 0);
    assert_int_equal (c, ENOSYS); /* at once */
    assert_string_equal (said (&w->module), "? kvs.get #1");
    assert_int_equal (flux_msg_get_rolemask (w->module.last, &role), 0);
    assert_true (role & FLUX_ROLE_OWNER);
    answer (&w->module, EBUSY);
    assert_int_equal (a, EBUSY);
    assert_int_equal (broker_rpc (&w->b, "kvs.tell", 0, NULL, NULL, NULL), 0);
    assert_string_equal (said (&w->module), "? kvs.tell #0!");
    assert_int_equal (flux_msg_get_nodeid (w->module.last, &nodeid), 0);
    assert_int_equal (nodeid, 0);
    assert_int_equal (broker_rpc_raw (&w->b, "kvs.bytes", ANY, "abc", 3), 0);
    assert_string_equal (said (&w->module), "? kvs.bytes #0!");
    /* to a module that goes */
    a = -1;
    assert_int_equal (broker_rpc (&w->b, "kvs.get", ANY, NULL, heard, &a), 0);
    peer_remove (&w->b, &w->module.peer, ENOSYS);
    turns ();
    assert_int_equal (a, ENOSYS);
    stop ();
}

/* A guest's share of what may be in flight. */
static void guests_pay (void **state)
{
    int refused = 0;

    start (0, NULL);
    quota_set_limit (w->b.quota, QUOTA_MATCHES, 100);
    w->guest.peer.user = quota_user (w->b.quota, 7);
    for (uint32_t tag = 1; tag <= 100; tag++)
        ask (&w->guest, "kvs.get", tag);
    assert_int_equal (router_inflight (&w->b), 50);
    while (*said (&w->guest))
        refused++;
    assert_int_equal (refused, 50);
    ask (&w->guest, "kvs.get", 101);
    assert_string_equal (
        said (&w->guest),
        "= kvs.get #101 ENOBUFS user 7 has his share of 100 requests in "
        "flight and subscriptions (broker.quota-matches) in this broker");
    /* and gets it back */
    assert_string_not_equal (said (&w->module), "");
    answer (&w->module, 0);
    ask (&w->guest, "kvs.get", 102);
    assert_int_equal (router_inflight (&w->b), 50);
    leave (&w->guest);
    turns ();
    assert_int_equal (router_inflight (&w->b), 0);
    stop ();
}

/* Messages whose payload was too much for its user: who waits for one is told. */
static void cut_messages (void **state)
{
    flux_msg_t *msg = flux_request_encode ("kvs.get", NULL);

    start (0, NULL);
    quota_set_limit (w->b.quota, QUOTA_BYTES, 4096);
    w->guest.peer.user = quota_user (w->b.quota, 7);
    flux_msg_set_matchtag (msg, 1);
    router_recv_cut (&w->b, &w->guest.peer, msg);
    assert_string_equal (said (&w->guest),
                         "= kvs.get #1 ENOBUFS user 7 has his share of 4096 bytes of "
                         "messages (broker.quota-bytes) in this broker");
    assert_string_equal (said (&w->module), "");
    /* one that wants no answer, an event */
    msg = flux_request_encode ("kvs.get", NULL);
    flux_msg_set_noresponse (msg);
    router_recv_cut (&w->b, &w->guest.peer, msg);
    router_recv_cut (&w->b, &w->guest.peer, flux_event_encode ("a.b", NULL));
    assert_string_equal (said (&w->guest), "");
    /* a response */
    ask (&w->client, "kvs.get", 2);
    assert_string_equal (said (&w->module), "? kvs.get #2");
    router_recv_cut (&w->b, &w->module.peer, flux_response_derive (w->module.last, 0));
    assert_string_equal (said (&w->client), "= kvs.get #2 ENOBUFS");
    assert_int_equal (router_inflight (&w->b), 0);
    stop ();
}

/* ---- whatever happens: each request has one answer ---- */

#define CLIENTS 5
#define ASKED 4000

struct asker {
    struct node node;
    uint8_t answers[ASKED];
    int asked;
};

static void count_answers (struct asker *a)
{
    uint32_t tag;

    while (*said (&a->node)) {
        assert_int_equal (flux_msg_get_matchtag (a->node.last, &tag), 0);
        assert_true (tag >= 1 && (int)tag <= a->asked);
        assert_int_equal (a->answers[tag - 1]++, 0);
    }
}

static void at_random (void **state)
{
    struct asker *askers = calloc (CLIENTS, sizeof (*askers));

    for (unsigned int seed = 1; seed <= 20; seed++) {
        memset (askers, 0, CLIENTS * sizeof (*askers));
        srand (seed);
        start (0, NULL);
        router_set_queue_max (&w->b, 16000);
        for (int i = 0; i < CLIENTS; i++) {
            char id[16];

            snprintf (id, sizeof (id), "asker%d", i);
            come (&askers[i].node, PEER_CLIENT, id, OWNER, FLUX_ROLE_OWNER);
        }
        for (int step = 0; step < 3000; step++) {
            struct asker *a = &askers[rand () % CLIENTS];
            struct node *m = rand () % 2 ? &w->module : &w->other;

            switch (rand () % 12) {
            case 0:
                if (m->peer.inflight && rand () % 8 == 0)
                    leave (m);
                else if (!m->peer.inflight) {
                    come (m, PEER_MODULE, m == &w->module ? "module" : "other", OWNER,
                          FLUX_ROLE_OWNER);
                    (void)services_add (w->b.services, m == &w->module ? "kvs" : "job",
                                        &m->peer);
                }
                break;
            case 1:
                (void)router_turn (&w->b);
                break;
            case 2:
                m->full = !m->full;
                if (!m->full && m->peer.inflight)
                    peer_writable (&w->b, &m->peer);
                break;
            case 3:
            case 4:
            case 5:
                if (m->peer.inflight && *said (m))
                    answer (m, rand () % 3 ? 0 : EINVAL);
                break;
            case 6:
                count_answers (a);
                break;
            default:
                if (a->asked < ASKED)
                    ask (&a->node, rand () % 2 ? "kvs.x" : "job.y", ++a->asked);
                break;
            }
        }
        leave (&w->module);
        leave (&w->other);
        turns ();
        assert_int_equal (router_inflight (&w->b), 0);
        for (int i = 0; i < CLIENTS; i++) {
            count_answers (&askers[i]);
            for (int tag = 0; tag < askers[i].asked; tag++)
                assert_int_equal (askers[i].answers[tag], 1);
            leave (&askers[i].node);
        }
        stop ();
    }
    free (askers);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (there_and_back),
        cmocka_unit_test (routes_of_others),
        cmocka_unit_test (nowhere),
        cmocka_unit_test (up_and_down),
        cmocka_unit_test (a_module_goes),
        cmocka_unit_test (a_client_goes),
        cmocka_unit_test (a_client_goes_in_peace),
        cmocka_unit_test (a_child_goes),
        cmocka_unit_test (slices),
        cmocka_unit_test (who_is_full),
        cmocka_unit_test (who_does_not_read),
        cmocka_unit_test (who_asks_and_is_full),
        cmocka_unit_test (who_is_broken),
        cmocka_unit_test (waits_for_a_parent),
        cmocka_unit_test (waiting_has_a_bound),
        cmocka_unit_test (an_old_way),
        cmocka_unit_test (no_way_back),
        cmocka_unit_test (events_have_an_order),
        cmocka_unit_test (private_events),
        cmocka_unit_test (events_from_above),
        cmocka_unit_test (missed_events),
        cmocka_unit_test (missed_megabytes),
        cmocka_unit_test (guests_events),
        cmocka_unit_test (own_rpcs),
        cmocka_unit_test (guests_pay),
        cmocka_unit_test (cut_messages),
        cmocka_unit_test (at_random),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
