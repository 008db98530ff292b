/* Happy path of a child: overlay.hello (rank, uuid, version); the parent answers
 * when it is ready for children, with what they all need to know. From then on
 * both are peers. A child that ends says so (status offline).
 *
 * Failures: a hello that does not fit is refused with a reason. A message from an
 * unknown id is answered with the kiss of death (control disconnect). A hello for
 * a place that is taken waits until it is known whether the holder lives: its
 * answer to a probe refuses the newcomer, its loss lets him in.
 *
 * A child that loses its parent in an instance that heals asks its ancestors, the
 * nearest first, for a place until one gives it; under a new id, since what the old one
 * had under way has failed. An ancestor does not count as gone for some time who was
 * lost with one of its children: requests for those wait, and they are in. The
 * new id says which one it was before: what had come by the old way is taken back along
 * the new one before anything comes by it (overlay.moved, up and down to where the old
 * way was), since those who take back know senders, not ways. When a
 * nearer ancestor of an adopted child announces itself, the child is told, leaves, and
 * asks anew. Routes lead to a rank by the lowest of those above it that is connected
 * here. */
#include "broker/overlay/core.h"
#include "broker/overlay/release.h"
#include "broker/routing/topology.h"

#include <errno.h>
#include <flux/request.h>
#include <flux/response.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/hashmap.h"
#include "core/message/message.h"

/* How long the holder of a place may take to say that it lives. */
#define CLAIM_TIMEOUT 5.

#define PARENT_RANK (-2) /* stands for whoever it is */
#define WAS_MAX 8        /* so many parents may be lost before the first is noticed */
#define MOVES_MAX 256    /* moves below this one that another parent is told again */

/* How long an ancestor may take to give an orphan a place, and when all are asked again;
 * how long an adopted child is left where it is. */
#define ASK_TIMEOUT 0.5
#define ASK_PAUSE 0.1
#define ADOPTED_MIN 1.

/* Types of control messages between brokers. */
enum {
    CONTROL_HEARTBEAT = 0,  /* status: number of a probe, which is sent back, or 0 */
    CONTROL_STATUS = 1,     /* of the sender's subtree */
    CONTROL_DISCONNECT = 2, /* kiss of death */
    CONTROL_STATE = 3,      /* the parent's broker state */
    CONTROL_MOVE = 4,       /* to an adopted child: this nearer ancestor is there */
    CONTROL_LEAVE = 5,      /* it goes there */
};

enum parent { PARENT_NONE, PARENT_GREETED, PARENT_JOINED, PARENT_SOUGHT, PARENT_GONE };

struct overlay_core {
    struct overlay_core_conf conf;
    void *arg;
    enum subtree status;
    double t_status;
    enum parent parent;
    int parent_state; /* enum broker_state, as far as it was told */
    double t_sent;    /* to the parent */
    double torpid_min, torpid_max;
    int probes;
    struct hashmap *holders; /* of places, by id */
    int home_count;          /* of the places below that the topology gives */
    int child_count, child_cap;
    struct overlay_child **children; /* those, in the order of ranks, and the adopted */
    struct idmap *adopted;           /* by rank */

    double heal;                        /* 0: what is lost is gone */
    struct idset *missing;              /* below; waited for */
    double t_missing;                   /* until then */
    char id[OVERLAY_ID_SIZE];           /* known to the parent by it */
    char was[WAS_MAX][OVERLAY_ID_SIZE]; /* to parents before, a ring */
    unsigned int was_count;
    struct move {
        int rank;
        char id[OVERLAY_ID_SIZE];
    } * moves; /* a ring, or NULL */
    unsigned int move_count;
    int parent_rank, asked; /* -1: none */
    double t_away, t_ask;
    char why[128];
};

const char *subtree_name (enum subtree s)
{
    static const char *names[] = { "unknown",  "full", "partial",
                                   "degraded", "lost", "offline" };

    return names[s];
}

__attribute__ ((format (printf, 3, 4))) static void
say (struct overlay_core *ov, int severity, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    ov->conf.ops.log (severity, text, ov->arg);
}

static double now (struct overlay_core *ov)
{
    return ov->conf.ops.now (ov->arg);
}

/* What a child, or who would be one, can cause as often as it likes. */
static bool worth_a_line (struct overlay_core *ov, struct seldom *line,
                          char before[SELDOM_TEXT])
{
    return seldom_due (line, now (ov), 1., before);
}

/* ---- what is due ---- */

/* A timer may be a little early. */
static bool is_due (double when, double t)
{
    return t + 1e-3 >= when;
}

static void arm (struct overlay_core *ov)
{
    double t = now (ov), next = INFINITY;

    if (ov->parent == PARENT_SOUGHT)
        next = fmin (ov->t_ask, ov->t_away + ov->heal);
    if (ov->missing)
        next = fmin (next, ov->t_missing);
    for (int i = ov->home_count; i < ov->child_count; i++)
        if (ov->children[i]->connected)
            next = fmin (next, ov->children[i]->t_call);
    if (next < INFINITY)
        ov->conf.ops.tick_in (fmax (next - t, 0.), ov->arg);
}

enum gone {
    GONE_FOR_GOOD,
    GONE_ALONE, /* those below may be back soon */
    GONE_AWAY,  /* it may be, too */
};
static void child_gone (struct overlay_core *ov, struct overlay_child *c,
                        enum subtree status, const char *why, enum gone kind);

/* ---- control messages, status ---- */

static flux_msg_t *control_msg (int type, int status)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_CONTROL);

    if (msg && flux_msg_set_control (msg, type, status) < 0) {
        flux_msg_decref (msg);
        msg = NULL;
    }
    return msg;
}

static void tell_parent (struct overlay_core *ov, int type, int status)
{
    flux_msg_t *msg = control_msg (type, status);

    if (msg && ov->conf.ops.send_parent (msg, ov->arg) == 0)
        ov->t_sent = now (ov);
    flux_msg_decref (msg);
}

static void tell_child (struct overlay_core *ov, const char *id, int type, int status)
{
    flux_msg_t *msg = control_msg (type, status);

    if (msg)
        (void)ov->conf.ops.send_child (id, msg, ov->arg);
    flux_msg_decref (msg);
}

static enum subtree compute_status (struct overlay_core *ov)
{
    enum subtree status = SUBTREE_FULL;

    for (int i = 0; i < ov->home_count; i++) {
        switch (ov->children[i]->status) {
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

static void set_child_status (struct overlay_core *ov, struct overlay_child *c,
                              enum subtree child_status)
{
    enum subtree status;

    if (c->status == child_status)
        return;
    c->status = child_status;
    c->t_status = now (ov);
    status = compute_status (ov);
    if (status != ov->status) {
        ov->status = status;
        ov->t_status = c->t_status;
        if (ov->parent == PARENT_JOINED)
            tell_parent (ov, CONTROL_STATUS, status);
    }
}

/* ---- ways that are left ---- */

static flux_msg_t *moved_msg (int rank, const char *id)
{
    flux_msg_t *msg = flux_request_encode ("overlay.moved", NULL);

    if (!msg)
        return NULL;
    flux_msg_route_enable (msg);
    if (flux_msg_set_noresponse (msg) == 0
        && flux_msg_pack (msg, "{s:i s:s}", "rank", rank, "id", id) == 0)
        return msg;
    flux_msg_decref (msg);
    return NULL;
}

/* A parent that is lost may not have passed it on. */
static void keep_move (struct overlay_core *ov, int rank, const char *id)
{
    struct move *m;

    if (ov->heal <= 0
        || (!ov->moves && !(ov->moves = calloc (MOVES_MAX, sizeof (*ov->moves)))))
        return;
    m = &ov->moves[ov->move_count++ % MOVES_MAX];
    m->rank = rank;
    snprintf (m->id, sizeof (m->id), "%s", id);
}

/* Before anything else comes by this way. */
static void tell_moves_again (struct overlay_core *ov)
{
    unsigned int i = ov->move_count > MOVES_MAX ? ov->move_count - MOVES_MAX : 0;

    for (; i < ov->move_count; i++) {
        const struct move *m = &ov->moves[i % MOVES_MAX];
        flux_msg_t *msg = moved_msg (m->rank, m->id);

        if (msg)
            (void)ov->conf.ops.send_parent (msg, ov->arg);
        flux_msg_decref (msg);
    }
}

/* Who was the child of another broker under this id is none any more; from: the rank that
 * told (-1: found here). Above and below this one others may have to hear of it. */
static void tell_moved (struct overlay_core *ov, int rank, const char *id, int from)
{
    struct overlay_child *c = hashmap_lookup (ov->holders, id), *next;
    flux_msg_t *msg;

    ov->conf.ops.moved (id, ov->arg);
    if (from != PARENT_RANK)
        keep_move (ov, rank, id);
    if (c && c->connected && c->rank == rank) {
        child_gone (ov, c, SUBTREE_LOST, "went to another ancestor", GONE_AWAY);
        return;
    }
    if (!(msg = moved_msg (rank, id)))
        return;
    next = overlay_core_towards (ov, rank);
    if (next && next->rank != rank && next->rank != from)
        (void)ov->conf.ops.send_child (next->id, msg, ov->arg);
    if (ov->parent == PARENT_JOINED && from != PARENT_RANK)
        (void)ov->conf.ops.send_parent (msg, ov->arg);
    flux_msg_decref (msg);
}

/* One that a broker made, not one who asks through it. */
static bool take_moved (struct overlay_core *ov, const flux_msg_t *msg, int from)
{
    const char *topic, *id;
    int rank;

    if (!flux_msg_is_noresponse (msg) || flux_msg_get_topic (msg, &topic) < 0
        || strcmp (topic, "overlay.moved") != 0 || flux_msg_route_count (msg) != 0)
        return false;
    if (flux_msg_unpack (msg, "{s:i s:s}", "rank", &rank, "id", &id) == 0
        && strlen (id) < OVERLAY_ID_SIZE)
        tell_moved (ov, rank, id, from);
    return true;
}

/* ---- children come ---- */

static bool ready_for_children (enum broker_state state)
{
    return state >= STATE_QUORUM && state < STATE_SHUTDOWN;
}

static void hello_refuse (struct overlay_core *ov, const char *id,
                          const flux_msg_t *hello, int errnum, const char *why)
{
    flux_msg_t *rep = flux_response_derive (hello, errnum);

    if (rep && flux_msg_set_string (rep, why) == 0)
        (void)ov->conf.ops.send_child (id, rep, ov->arg);
    flux_msg_decref (rep);
}

/* The answer to hello, with what the tree has to agree on. */
static flux_msg_t *hello_answer (struct overlay_core *ov, const flux_msg_t *hello)
{
    flux_msg_t *rep = flux_response_derive (hello, 0);
    json_t *welcome = ov->conf.ops.welcome (ov->arg);

    if (rep && welcome
        && json_object_set_new (welcome, "uuid", json_string (ov->conf.uuid)) == 0
        && json_object_set_new (welcome, "version", json_string (ov->conf.version)) == 0
        && json_object_set_new (welcome, "state",
                                json_integer (ov->conf.ops.state (ov->arg)))
               == 0
        && json_object_set_new (welcome, "seq",
                                json_integer (ov->conf.ops.event_seq (ov->arg)))
               == 0
        && msg_take_json (rep, json_incref (welcome)) == 0) {
        json_decref (welcome);
        return rep;
    }
    json_decref (welcome);
    flux_msg_decref (rep);
    return NULL;
}

static void child_destroy (struct overlay_child *c)
{
    flux_msg_decref (c->hello);
    flux_msg_decref (c->claim);
    json_decref (c->was);
    free (c);
}

/* The place is nobody's. An adopted one nobody will ask for; it is gone. */
static void vacate (struct overlay_core *ov, struct overlay_child *c)
{
    int i = ov->home_count;

    (void)hashmap_remove (ov->holders, c->id);
    c->id[0] = '\0';
    c->connected = false;
    c->torpid = false;
    flux_msg_decref (c->hello);
    c->hello = NULL;
    json_decref (c->was);
    c->was = NULL;
    if (!c->adopted || c->claim)
        return;
    while (ov->children[i] != c)
        i++;
    ov->children[i] = ov->children[--ov->child_count];
    (void)idmap_take (ov->adopted, c->rank);
    child_destroy (c);
}

static int grow (struct overlay_core *ov)
{
    int cap = ov->child_cap * 2 + 8;
    struct overlay_child **v;

    if (ov->child_count < ov->child_cap)
        return 0;
    if (!(v = realloc (ov->children, cap * sizeof (*v))))
        return -1;
    ov->children = v;
    ov->child_cap = cap;
    return 0;
}

static struct overlay_child *new_place (struct overlay_core *ov, int rank)
{
    struct overlay_child *c = calloc (1, sizeof (*c));

    if (!c || grow (ov) < 0) {
        free (c);
        return NULL;
    }
    c->rank = rank;
    c->status = SUBTREE_OFFLINE;
    c->t_status = now (ov);
    ov->children[ov->child_count++] = c;
    return c;
}

static bool is_below (const struct overlay_core *ov, int rank)
{
    return topology_next_hop (ov->conf.topo, ov->conf.rank, rank) != TOPOLOGY_NONE;
}

/* A place for this rank, which may be new; NULL: it is no child of this broker. */
static struct overlay_child *place_of (struct overlay_core *ov, int rank)
{
    struct overlay_child *c = overlay_core_child (ov, rank);

    if (c || ov->heal <= 0 || !is_below (ov, rank) || !(c = new_place (ov, rank)))
        return c;
    c->adopted = true;
    if (idmap_insert (ov->adopted, rank, c) < 0) {
        ov->child_count--;
        child_destroy (c);
        return NULL;
    }
    return c;
}

static void child_accept (struct overlay_core *ov, struct overlay_child *c)
{
    flux_msg_t *hello = c->hello, *rep = hello_answer (ov, hello);
    const char *version = ov->conf.version;
    int status = SUBTREE_FULL;
    json_t *was;
    size_t i;

    c->hello = NULL;
    (void)flux_msg_unpack (hello, "{s:i s:s}", "status", &status, "version", &version);
    json_array_foreach (c->was, i, was)
        tell_moved (ov, c->rank, json_string_value (was), -1);
    if (!rep || ov->conf.ops.child_joined (c, ov->arg) < 0) {
        const char *why =
            errno == ESTALE ? "it missed more events than are kept" : strerror (errno);

        say (ov, LOG_ERR, "overlay.hello from rank %d: %s", c->rank, why);
        hello_refuse (ov, c->id, hello, errno == ESTALE ? ESTALE : ENOMEM, why);
        vacate (ov, c);
    } else {
        say (ov, c->seq < 0 ? LOG_DEBUG : LOG_INFO, "%s %s (rank %d) status %s",
             c->seq < 0   ? "accepting connection from"
             : c->adopted ? "adopting"
                          : "taking back",
             c->hostname, c->rank, subtree_name (status));
        if (strcmp (version, ov->conf.version) != 0)
            say (ov, LOG_INFO, "%s (rank %d) has version %.40s, here it is %s",
                 c->hostname, c->rank, version, ov->conf.version);
        c->connected = true;
        c->error[0] = '\0';
        (void)ov->conf.ops.send_child (c->id, rep, ov->arg);
        set_child_status (ov, c, status);
        if (c->seq >= 0)
            ov->conf.ops.child_resumed (c, ov->arg);
        c->t_call = now (ov) + ADOPTED_MIN;
        if (c->adopted)
            arm (ov);
    }
    flux_msg_decref (rep);
    flux_msg_decref (hello);
}

/* Takes a hello that was checked. */
static void occupy (struct overlay_core *ov, struct overlay_child *c, const char *id,
                    flux_msg_t *hello)
{
    const char *hostname = "?", *life = id;

    snprintf (c->id, sizeof (c->id), "%s", id);
    c->seq = -1;
    json_decref (c->was);
    c->was = NULL;
    (void)flux_msg_unpack (hello, "{s:s s?s s?I s?O}", "hostname", &hostname, "life",
                           &life, "seq", &c->seq, "was", &c->was);
    snprintf (c->hostname, sizeof (c->hostname), "%s", hostname);
    snprintf (c->life, sizeof (c->life), "%s", life);
    c->hello = hello;
    c->t_heard = now (ov);
    if (hashmap_insert (ov->holders, c->id, c) < 0) {
        hello_refuse (ov, id, hello, ENOMEM, "out of memory");
        vacate (ov, c);
    } else if (ready_for_children (ov->conf.ops.state (ov->arg)))
        child_accept (ov, c);
}

/* ---- children that want a place that is taken ---- */

static void claim_drop (struct overlay_child *c)
{
    flux_msg_decref (c->claim);
    c->claim = NULL;
    c->claim_id[0] = '\0';
}

static void claim_refuse (struct overlay_core *ov, struct overlay_child *c, int errnum,
                          const char *which)
{
    char why[384], before[SELDOM_TEXT];

    snprintf (why, sizeof (why), "rank %d is held by a %s broker on %s", c->rank, which,
              c->hostname);
    if (worth_a_line (ov, &c->odd_line, before))
        say (ov, LOG_ERR, "refused another broker: %s%s", why, before);
    hello_refuse (ov, c->claim_id, c->claim, errnum, why);
    claim_drop (c);
}

static void claim_add (struct overlay_core *ov, struct overlay_child *c, const char *id,
                       flux_msg_t *hello)
{
    if (c->claim && strcmp (c->claim_id, id) != 0) {
        hello_refuse (ov, id, hello, EBUSY, "another broker wants this rank, too");
        flux_msg_decref (hello);
        return;
    }
    claim_drop (c);
    c->claim = hello;
    snprintf (c->claim_id, sizeof (c->claim_id), "%s", id);
    c->t_claim = now (ov);
    c->probe = ++ov->probes;
    tell_child (ov, c->id, CONTROL_HEARTBEAT, c->probe);
}

/* The place is free: who waits for it gets it. */
static void claim_fulfil (struct overlay_core *ov, struct overlay_child *c)
{
    char id[OVERLAY_ID_SIZE];
    flux_msg_t *hello = c->claim;

    if (!hello)
        return;
    strcpy (id, c->claim_id);
    c->claim = NULL;
    claim_drop (c);
    if (ov->conf.ops.state (ov->arg) < STATE_SHUTDOWN) {
        occupy (ov, c, id, hello);
        return;
    }
    hello_refuse (ov, id, hello, ESHUTDOWN, "parent is shutting down");
    flux_msg_decref (hello);
    vacate (ov, c);
}

/* ---- children go ---- */

/* Ranks that were reached through this child; all that are below it in the topology,
 * but for those that are connected here themselves. */
static struct idset *ranks_through (struct overlay_core *ov,
                                    const struct overlay_child *c)
{
    struct idset *ids = topology_subtree (ov->conf.topo, c->rank);

    for (int i = ov->home_count; ids && i < ov->child_count; i++) {
        struct overlay_child *a = ov->children[i];
        struct idset *below;

        if (a == c || !a->connected || !idset_test (ids, a->rank))
            continue;
        below = topology_subtree (ov->conf.topo, a->rank);
        if (!below || idset_subtract (ids, below) < 0)
            idset_clear (ids, a->rank);
        idset_destroy (below);
    }
    return ids;
}

/* Who comes back may still have been taken for lost when a nearer one was. */
static void await (struct overlay_core *ov, struct idset *ids)
{
    if (!ov->missing)
        ov->missing = idset_create (topology_size (ov->conf.topo), 0);
    if (!ov->missing || idset_add (ov->missing, ids) < 0)
        return;
    idset_clear_all (ids);
    ov->t_missing = now (ov) + ov->heal;
    arm (ov);
}

static void child_gone (struct overlay_core *ov, struct overlay_child *c,
                        enum subtree status, const char *why, enum gone kind)
{
    bool was_connected = c->connected, claimed;
    struct idset *ids = was_connected ? ranks_through (ov, c) : NULL;

    snprintf (c->error, sizeof (c->error), "%s", why);
    (void)hashmap_remove (ov->holders, c->id);
    c->connected = false;
    set_child_status (ov, c, status);
    if (ids && kind != GONE_FOR_GOOD && ov->heal > 0
        && ov->conf.ops.state (ov->arg) < STATE_SHUTDOWN) {
        if (kind == GONE_ALONE)
            idset_clear (ids, c->rank);
        await (ov, ids);
        if (kind == GONE_ALONE)
            idset_set (ids, c->rank);
    }
    if (was_connected)
        ov->conf.ops.child_left (c, ids, ov->arg);
    idset_destroy (ids);
    claimed = c->claim;
    vacate (ov, c);
    if (claimed)
        claim_fulfil (ov, c);
}

/* The same broker has another connection. Its place, free; NULL: out of memory. */
static struct overlay_child *came_again (struct overlay_core *ov,
                                         struct overlay_child *c)
{
    int rank = c->rank;

    claim_drop (c);
    child_gone (ov, c, SUBTREE_LOST, "came again", GONE_AWAY);
    return place_of (ov, rank);
}

void overlay_core_child_lost (struct overlay_core *ov, const char *id)
{
    struct overlay_child *c = hashmap_lookup (ov->holders, id);
    char before[SELDOM_TEXT];

    if (c) {
        if (c->connected && worth_a_line (ov, &c->lost_line, before))
            say (ov, LOG_ERR, "broker lost: %s (rank %d)%s", c->hostname, c->rank,
                 before);
        child_gone (ov, c, SUBTREE_LOST, "lost connection", GONE_ALONE);
        return;
    }
    for (int i = 0; i < ov->child_count; i++)
        if (ov->children[i]->claim && strcmp (ov->children[i]->claim_id, id) == 0)
            claim_drop (ov->children[i]);
}

int overlay_core_disconnect (struct overlay_core *ov, int rank, const char *why)
{
    struct overlay_child *c = overlay_core_child (ov, rank);

    if (!c || !c->connected) {
        errno = ENOENT;
        return -1;
    }
    tell_child (ov, c->id, CONTROL_DISCONNECT, 0);
    child_gone (ov, c, SUBTREE_LOST, why, GONE_FOR_GOOD);
    return 0;
}

/* ---- hello ---- */

static bool are_ids (json_t *ids)
{
    json_t *id;
    size_t i;

    json_array_foreach (ids, i, id)
        if (!json_is_string (id) || json_string_length (id) >= OVERLAY_ID_SIZE)
            return false;
    return !ids || json_is_array (ids);
}

/* A child introduces itself. */
static void hello (struct overlay_core *ov, const char *id, flux_msg_t *msg)
{
    const char *uuid, *version, *hostname, *life = id;
    json_t *was = NULL;
    char why[160];
    struct overlay_child *c;
    json_int_t seq = -1;
    int rank, status;

    if (flux_msg_unpack (msg, "{s:i s:s s:s s:s s:i s?s s?I s?o}", "rank", &rank,
                         "uuid", &uuid, "version", &version, "hostname", &hostname,
                         "status", &status, "life", &life, "seq", &seq, "was", &was)
            < 0
        || strcmp (uuid, id) != 0 || !*id || strlen (id) >= OVERLAY_ID_SIZE
        || strlen (life) >= OVERLAY_ID_SIZE || !are_ids (was) || seq < -1
        || seq > UINT32_MAX || status < SUBTREE_FULL || status > SUBTREE_DEGRADED)
        hello_refuse (ov, id, msg, EPROTO, "hello is malformed");
    else if (!releases_mix (version, ov->conf.version)) {
        snprintf (why, sizeof (why), "version %.40s does not match %s", version,
                  ov->conf.version);
        hello_refuse (ov, id, msg, EINVAL, why);
    } else if (ov->conf.ops.state (ov->arg) >= STATE_SHUTDOWN)
        hello_refuse (ov, id, msg, ESHUTDOWN, "parent is shutting down");
    else if (!(c = place_of (ov, rank)))
        hello_refuse (ov, id, msg, EINVAL, "not a child of this broker");
    else {
        if (c->id[0] && strcmp (c->life, life) == 0)
            c = came_again (ov, c);
        if (!c)
            hello_refuse (ov, id, msg, ENOMEM, "out of memory");
        else if (c->id[0])
            claim_add (ov, c, id, msg);
        else
            occupy (ov, c, id, msg);
        if (c)
            return;
    }
    flux_msg_decref (msg);
}

static bool is_hello (const flux_msg_t *msg, int type)
{
    const char *topic;

    return type == FLUX_MSGTYPE_REQUEST && flux_msg_get_topic (msg, &topic) == 0
           && strcmp (topic, "overlay.hello") == 0;
}

/* ---- messages of children ---- */

static void set_torpid (struct overlay_core *ov, struct overlay_child *c, bool torpid)
{
    if (c->torpid == torpid)
        return;
    c->torpid = torpid;
    say (ov, LOG_WARNING, "%s (rank %d) is %s", c->hostname, c->rank,
         torpid ? "torpid" : "lively again");
    ov->conf.ops.child_torpid (c, ov->arg);
}

static void child_control (struct overlay_core *ov, struct overlay_child *c,
                           const flux_msg_t *msg)
{
    char before[SELDOM_TEXT];
    int type, status;

    if (flux_msg_get_control (msg, &type, &status) < 0)
        return;
    if (type == CONTROL_HEARTBEAT && c->claim && status == c->probe)
        claim_refuse (ov, c, EEXIST, "living");
    else if (type == CONTROL_STATUS && status == SUBTREE_OFFLINE)
        child_gone (ov, c, SUBTREE_OFFLINE, "", GONE_FOR_GOOD);
    else if (type == CONTROL_LEAVE && ov->heal > 0)
        child_gone (ov, c, SUBTREE_LOST, "went to a nearer ancestor", GONE_AWAY);
    else if (type == CONTROL_STATUS && c->connected) {
        if (status >= SUBTREE_FULL && status <= SUBTREE_DEGRADED)
            set_child_status (ov, c, status);
        else if (worth_a_line (ov, &c->odd_line, before))
            say (ov, LOG_ERR, "overlay: rank %d sent status %d%s", c->rank, status,
                 before);
    }
}

/* Who is not joined may introduce himself, and no more. */
static void stranger_recv (struct overlay_core *ov, struct overlay_child *c,
                           const char *id, flux_msg_t *msg, int type)
{
    if (!c && is_hello (msg, type)) {
        hello (ov, id, msg);
        return;
    }
    if (type != FLUX_MSGTYPE_CONTROL)
        tell_child (ov, id, CONTROL_DISCONNECT, 0);
    flux_msg_decref (msg);
}

void overlay_core_child_recv (struct overlay_core *ov, const char *id, flux_msg_t *msg)
{
    struct overlay_child *c = hashmap_lookup (ov->holders, id);
    int type;

    if (flux_msg_get_type (msg, &type) < 0) {
        flux_msg_decref (msg);
        return;
    }
    if (c) {
        c->t_heard = now (ov);
        set_torpid (ov, c, false);
        if (type == FLUX_MSGTYPE_CONTROL) {
            child_control (ov, c, msg);
            flux_msg_decref (msg);
            return;
        }
    }
    if (c && c->connected && type == FLUX_MSGTYPE_REQUEST
        && take_moved (ov, msg, c->rank))
        flux_msg_decref (msg);
    else if (c && c->connected)
        ov->conf.ops.child_msg (c, msg, ov->arg);
    else
        stranger_recv (ov, c, id, msg, type);
}

/* ---- parent ---- */

static json_t *ids_before (const struct overlay_core *ov)
{
    json_t *ids = json_array ();

    for (unsigned int i = 0; ids && i < ov->was_count && i < WAS_MAX; i++)
        json_array_append_new (ids, json_string (ov->was[i]));
    return ids;
}

/* seq: of the last event that was seen here; -1: it comes for the first time. */
static int say_hello (struct overlay_core *ov, json_int_t seq)
{
    flux_msg_t *msg = flux_request_encode ("overlay.hello", NULL);
    int rc;

    if (!msg)
        return -1;
    flux_msg_route_enable (msg);
    rc = flux_msg_pack (msg, "{s:i s:s s:s s:s s:i s:s s:I s:o}", "rank", ov->conf.rank,
                        "uuid", ov->id, "version", ov->conf.version, "hostname",
                        ov->conf.hostname, "status", (int)ov->status, "life",
                        ov->conf.uuid, "seq", seq, "was", ids_before (ov));
    if (rc == 0)
        rc = ov->conf.ops.send_parent (msg, ov->arg);
    flux_msg_decref (msg);
    return rc;
}

int overlay_core_hello (struct overlay_core *ov)
{
    ov->parent = PARENT_GREETED;
    ov->parent_rank = topology_parent (ov->conf.topo, ov->conf.rank);
    return say_hello (ov, -1);
}

static void parent_fail (struct overlay_core *ov, int errnum, const char *why)
{
    ov->parent = PARENT_GONE;
    ov->conf.ops.parent_failed (errnum, why, ov->arg);
}

/* ---- another parent ---- */

static bool can_seek (struct overlay_core *ov)
{
    return ov->heal > 0 && ov->conf.ops.state (ov->arg) == STATE_RUN;
}

/* The next tick asks: what is lost may be in use up the stack. */
static void seek (struct overlay_core *ov, const char *why)
{
    ov->parent = PARENT_SOUGHT;
    strcpy (ov->was[ov->was_count++ % WAS_MAX], ov->id);
    ov->parent_rank = ov->asked = -1;
    ov->t_away = ov->t_ask = now (ov);
    snprintf (ov->why, sizeof (ov->why), "%s", why);
    ov->conf.ops.parent_away (why, ov->arg);
    arm (ov);
}

static void give_up (struct overlay_core *ov)
{
    ov->parent = PARENT_GONE;
    ov->conf.ops.parent_left (ov->why, ov->arg);
}

/* From the parent that the topology gives up to the root, and again. */
static void ask_next (struct overlay_core *ov)
{
    int rank = ov->asked >= 0 ? ov->asked : ov->conf.rank;

    while ((rank = topology_parent (ov->conf.topo, rank)) != TOPOLOGY_NONE) {
        ov->conf.ops.new_id (ov->id, ov->arg);
        if (ov->conf.ops.parent_connect (rank, ov->id, ov->arg) == 0
            && say_hello (ov, ov->conf.ops.event_seq (ov->arg)) == 0)
            break;
    }
    ov->asked = rank;
    ov->t_ask = now (ov) + (rank >= 0 ? ASK_TIMEOUT : ASK_PAUSE);
}

/* The one who was asked does not take it in. */
static void ask_another (struct overlay_core *ov)
{
    ov->t_ask = now (ov);
    arm (ov);
}

static void seek_tick (struct overlay_core *ov, double t)
{
    if (is_due (ov->t_away + ov->heal, t) || !can_seek (ov))
        give_up (ov);
    else if (is_due (ov->t_ask, t))
        ask_next (ov);
}

static void found (struct overlay_core *ov, const char *id)
{
    ov->parent = PARENT_JOINED;
    ov->parent_rank = ov->asked;
    tell_moves_again (ov);
    if (ov->conf.ops.parent_found (ov->asked, id, ov->arg) < 0) {
        ov->parent = PARENT_SOUGHT;
        ask_another (ov);
        return;
    }
    tell_parent (ov, CONTROL_STATUS, ov->status);
}

/* ---- what the parent says ---- */

/* final: it does not want this broker any more. */
static void parent_gone (struct overlay_core *ov, const char *why, bool final)
{
    enum parent was = ov->parent;

    if (was == PARENT_JOINED && !final && can_seek (ov)) {
        seek (ov, why);
        return;
    }
    if (was == PARENT_SOUGHT) {
        ask_another (ov);
        return;
    }
    ov->parent = PARENT_GONE;
    if (was == PARENT_JOINED)
        ov->conf.ops.parent_left (why, ov->arg);
    else if (was == PARENT_GREETED)
        ov->conf.ops.parent_failed (EHOSTUNREACH, why, ov->arg);
}

void overlay_core_parent_lost (struct overlay_core *ov, const char *why)
{
    parent_gone (ov, why, false);
}

static void refused (struct overlay_core *ov, int errnum, const char *why)
{
    if (ov->parent == PARENT_SOUGHT) {
        snprintf (ov->why, sizeof (ov->why), "%s", why);
        ask_another (ov);
    } else
        parent_fail (ov, errnum, why);
}

static void hello_response (struct overlay_core *ov, const flux_msg_t *msg)
{
    const char *uuid, *text = NULL, *version = ov->conf.version;
    flux_error_t error = { { 0 } };
    json_t *conf, *attrs;
    int errnum, state;

    if (flux_msg_get_errnum (msg, &errnum) < 0)
        errnum = EPROTO;
    if (errnum != 0) {
        (void)flux_msg_get_string (msg, &text);
        refused (ov, errnum, text ? text : strerror (errnum));
        return;
    }
    if (flux_msg_unpack (msg, "{s:s s?s s:i s:o s:o}", "uuid", &uuid, "version",
                         &version, "state", &state, "conf", &conf, "attrs", &attrs)
            < 0
        || strlen (uuid) >= OVERLAY_ID_SIZE || !json_is_object (conf)
        || !json_is_object (attrs)) {
        refused (ov, EPROTO, "answer to hello is malformed");
        return;
    }
    if (strcmp (version, ov->conf.version) != 0)
        say (ov, LOG_INFO, "the parent has version %.40s, here it is %s", version,
             ov->conf.version);
    ov->parent_state = state;
    if (ov->parent == PARENT_SOUGHT) {
        found (ov, uuid);
        return;
    }
    ov->parent = PARENT_JOINED;
    if (ov->conf.ops.parent_joined (uuid, msg_json (msg), &error, ov->arg) < 0) {
        parent_fail (ov, errno, error.text[0] ? error.text : strerror (errno));
        return;
    }
    /* Children may have come or gone since the hello. */
    tell_parent (ov, CONTROL_STATUS, ov->status);
}

static void move (struct overlay_core *ov)
{
    if (!can_seek (ov))
        return;
    tell_parent (ov, CONTROL_LEAVE, 0);
    seek (ov, "a nearer ancestor is there");
}

static void parent_control (struct overlay_core *ov, const flux_msg_t *msg)
{
    int type, status;

    if (flux_msg_get_control (msg, &type, &status) < 0 || ov->parent == PARENT_GONE)
        return;
    if (type == CONTROL_HEARTBEAT && status != 0)
        tell_parent (ov, CONTROL_HEARTBEAT, status);
    else if (type == CONTROL_DISCONNECT)
        parent_gone (ov, "disconnected by the parent", true);
    else if (type == CONTROL_MOVE && ov->parent == PARENT_JOINED)
        move (ov);
    else if (type == CONTROL_STATE && ov->parent == PARENT_JOINED) {
        ov->parent_state = status;
        ov->conf.ops.parent_state (status, ov->arg);
    }
}

void overlay_core_parent_recv (struct overlay_core *ov, flux_msg_t *msg)
{
    int type;

    if (flux_msg_get_type (msg, &type) < 0)
        type = 0;
    if (type == FLUX_MSGTYPE_CONTROL)
        parent_control (ov, msg);
    else if (ov->parent == PARENT_JOINED
             && (type != FLUX_MSGTYPE_REQUEST || !take_moved (ov, msg, PARENT_RANK))) {
        ov->conf.ops.parent_msg (msg, ov->arg);
        return;
    } else if ((ov->parent == PARENT_GREETED
                || (ov->parent == PARENT_SOUGHT && ov->asked >= 0))
               && type == FLUX_MSGTYPE_RESPONSE)
        hello_response (ov, msg);
    flux_msg_decref (msg);
}

/* ---- what the broker does ---- */

int overlay_core_send_child (struct overlay_core *ov, struct overlay_child *c,
                             const flux_msg_t *msg)
{
    if (!c->connected) {
        errno = EHOSTUNREACH;
        return -1;
    }
    return ov->conf.ops.send_child (c->id, msg, ov->arg);
}

int overlay_core_send_parent (struct overlay_core *ov, const flux_msg_t *msg)
{
    if (ov->parent != PARENT_JOINED) {
        errno = EHOSTUNREACH;
        return -1;
    }
    if (ov->conf.ops.send_parent (msg, ov->arg) < 0)
        return -1;
    ov->t_sent = now (ov);
    return 0;
}

/* Those who are not in will not come in. */
static void refuse_all (struct overlay_core *ov)
{
    /* Adopted places go while they are walked. */
    for (int i = ov->child_count - 1; i >= 0; i--) {
        struct overlay_child *c = ov->children[i];

        if (c->claim) {
            hello_refuse (ov, c->claim_id, c->claim, ESHUTDOWN,
                          "parent is shutting down");
            claim_drop (c);
        }
        if (c->hello) {
            hello_refuse (ov, c->id, c->hello, ESHUTDOWN, "parent is shutting down");
            vacate (ov, c);
        }
    }
}

void overlay_core_enter (struct overlay_core *ov, enum broker_state state)
{
    flux_msg_t *msg;

    if (state == STATE_QUORUM) {
        for (int i = 0; i < ov->child_count; i++)
            if (ov->children[i]->hello)
                child_accept (ov, ov->children[i]);
        return;
    }
    if (state >= STATE_SHUTDOWN)
        refuse_all (ov);
    if (!(msg = control_msg (CONTROL_STATE, state)))
        return;
    for (int i = 0; i < ov->child_count; i++)
        if (ov->children[i]->connected)
            (void)ov->conf.ops.send_child (ov->children[i]->id, msg, ov->arg);
    flux_msg_decref (msg);
}

void overlay_core_goodbye (struct overlay_core *ov)
{
    if (ov->parent == PARENT_JOINED)
        tell_parent (ov, CONTROL_STATUS, SUBTREE_OFFLINE);
}

void overlay_core_set_torpid (struct overlay_core *ov, double min, double max)
{
    ov->torpid_min = min;
    ov->torpid_max = max;
}

/* Is a nearer ancestor of an adopted child there? -1: no. */
static int nearer (struct overlay_core *ov, const struct overlay_child *c)
{
    int r = topology_parent (ov->conf.topo, c->rank);

    while (r != ov->conf.rank && !ov->conf.ops.is_online (r, ov->arg))
        r = topology_parent (ov->conf.topo, r);
    return r != ov->conf.rank ? r : -1;
}

/* At once if it has just come, else from time to time. */
static void call_home (struct overlay_core *ov, double t, const struct idset *come)
{
    for (int i = ov->home_count; i < ov->child_count; i++) {
        struct overlay_child *c = ov->children[i];
        int r = c->connected ? nearer (ov, c) : -1;

        if (!is_due (c->t_call, t) && (r < 0 || !come || !idset_test (come, r)))
            continue;
        c->t_call = t + ADOPTED_MIN;
        if (r >= 0)
            tell_child (ov, c->id, CONTROL_MOVE, r);
    }
}

void overlay_core_set_heal (struct overlay_core *ov, double seconds)
{
    ov->heal = seconds;
}

static void missing_tick (struct overlay_core *ov, double t)
{
    struct idset *ids = ov->missing;

    if (!ids || !is_due (ov->t_missing, t))
        return;
    ov->missing = NULL;
    if (!idset_empty (ids))
        ov->conf.ops.ranks_gone (ids, ov->arg);
    idset_destroy (ids);
}

void overlay_core_tick (struct overlay_core *ov)
{
    double t = now (ov);

    missing_tick (ov, t);
    if (ov->parent == PARENT_SOUGHT)
        seek_tick (ov, t);
    call_home (ov, t, NULL);
    arm (ov);

    if (ov->parent == PARENT_JOINED && t - ov->t_sent > ov->torpid_min * 0.9)
        tell_parent (ov, CONTROL_HEARTBEAT, 0);
    for (int i = 0; i < ov->child_count; i++) {
        struct overlay_child *c = ov->children[i];

        if (c->connected && ov->torpid_max > 0 && t - c->t_heard > ov->torpid_max)
            set_torpid (ov, c, true);
        if (c->claim && t - c->t_claim > CLAIM_TIMEOUT)
            claim_refuse (ov, c, EBUSY, "silent");
    }
}

/* ---- what is so ---- */

struct overlay_child *overlay_core_child_at (struct overlay_core *ov, int index)
{
    return index < ov->child_count ? ov->children[index] : NULL;
}

/* Ranks of children ascend. */
static struct overlay_child *home_child (struct overlay_core *ov, int rank)
{
    int lo = 0, hi = ov->home_count;

    while (lo < hi) {
        int mid = (lo + hi) / 2;

        if (ov->children[mid]->rank == rank)
            return ov->children[mid];
        if (ov->children[mid]->rank < rank)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

struct overlay_child *overlay_core_child (struct overlay_core *ov, int rank)
{
    struct overlay_child *c = home_child (ov, rank);

    return c || rank < 0 ? c : idmap_lookup (ov->adopted, rank);
}

/* The lowest of those above the rank that is connected here. */
struct overlay_child *overlay_core_towards (struct overlay_core *ov, int rank)
{
    struct overlay_child *c;

    if (rank < 0 || rank >= topology_size (ov->conf.topo))
        return NULL;
    if (ov->child_count == ov->home_count) {
        c = home_child (ov, topology_next_hop (ov->conf.topo, ov->conf.rank, rank));
        return c && c->connected ? c : NULL;
    }
    for (; rank != ov->conf.rank && rank != TOPOLOGY_NONE;
         rank = topology_parent (ov->conf.topo, rank))
        if ((c = overlay_core_child (ov, rank)) && c->connected)
            return c;
    return NULL;
}

bool overlay_core_awaited (const struct overlay_core *ov, int rank)
{
    return rank >= 0 && ov->missing && idset_test (ov->missing, rank);
}

bool overlay_core_parent_awaited (const struct overlay_core *ov)
{
    return ov->parent == PARENT_SOUGHT;
}

void overlay_core_announced (struct overlay_core *ov, const struct idset *ranks)
{
    if (ov->missing)
        (void)idset_subtract (ov->missing, ranks);
    call_home (ov, now (ov), ranks);
}

struct idset *overlay_core_not_through (struct overlay_core *ov,
                                        const struct overlay_child *c)
{
    struct idset *ids, *through;

    if (ov->child_count == ov->home_count || !(through = ranks_through (ov, c)))
        return NULL;
    ids = topology_subtree (ov->conf.topo, c->rank);
    if (ids && idset_subtract (ids, through) < 0) {
        idset_destroy (ids);
        ids = NULL;
    }
    idset_destroy (through);
    return ids;
}

int overlay_core_parent_rank (const struct overlay_core *ov)
{
    return ov->parent == PARENT_JOINED ? ov->parent_rank : -1;
}

int overlay_core_connected_count (const struct overlay_core *ov)
{
    int count = 0;

    for (int i = 0; i < ov->child_count; i++)
        count += ov->children[i]->connected;
    return count;
}

bool overlay_core_has_parent (const struct overlay_core *ov)
{
    return ov->parent == PARENT_JOINED;
}

int overlay_core_parent_state (const struct overlay_core *ov)
{
    return ov->parent_state;
}

enum subtree overlay_core_status (const struct overlay_core *ov, double *since)
{
    if (since)
        *since = ov->t_status;
    return ov->status;
}

/* ---- life ---- */

static int make_places (struct overlay_core *ov)
{
    const struct overlay_core_conf *conf = &ov->conf;
    int count = topology_child_count (conf->topo, conf->rank);
    struct overlay_child *c;

    for (int i = 0; i < count; i++) {
        if (!(c = new_place (ov, topology_child (conf->topo, conf->rank, i))))
            return -1;
        ov->home_count++;
    }
    return 0;
}

struct overlay_core *overlay_core_create (const struct overlay_core_conf *conf)
{
    struct overlay_core *ov = calloc (1, sizeof (*ov));

    if (!ov)
        return NULL;
    ov->conf = *conf;
    ov->arg = conf->arg;
    ov->parent_rank = ov->asked = -1;
    snprintf (ov->id, sizeof (ov->id), "%s", conf->uuid);
    if (!(ov->holders = hashmap_create (NULL)) || !(ov->adopted = idmap_create (NULL))
        || make_places (ov) < 0) {
        overlay_core_destroy (ov);
        return NULL;
    }
    ov->t_status = now (ov);
    ov->status = compute_status (ov);
    return ov;
}

void overlay_core_destroy (struct overlay_core *ov)
{
    if (!ov)
        return;
    for (int i = 0; i < ov->child_count; i++)
        child_destroy (ov->children[i]);
    free (ov->children);
    hashmap_destroy (ov->holders);
    idmap_destroy (ov->adopted);
    idset_destroy (ov->missing);
    free (ov->moves);
    free (ov);
}
