/* Happy path of a child: overlay.hello (rank, uuid, version); the parent answers
 * when it is ready for children, with what they all need to know. From then on
 * both are peers. A child that ends says so (status offline).
 *
 * Failures: a hello that does not fit is refused with a reason. A message from an
 * unknown id is answered with the kiss of death (control disconnect). A hello for
 * a place that is taken waits until it is known whether the holder lives: its
 * answer to a probe refuses the newcomer, its loss lets him in. */
#include "broker/overlay/core.h"
#include "broker/routing/topology.h"

#include <errno.h>
#include <flux/request.h>
#include <flux/response.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/hashmap.h"
#include "core/message/message.h"

/* How long the holder of a place may take to say that it lives. */
#define CLAIM_TIMEOUT 5.

/* Types of control messages between brokers. */
enum {
    CONTROL_HEARTBEAT = 0,  /* status: number of a probe, which is sent back, or 0 */
    CONTROL_STATUS = 1,     /* of the sender's subtree */
    CONTROL_DISCONNECT = 2, /* kiss of death */
    CONTROL_STATE = 3,      /* the parent's broker state */
};

enum parent { PARENT_NONE, PARENT_GREETED, PARENT_JOINED, PARENT_GONE };

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
    int child_count;
    struct overlay_child children[];
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
        && json_object_set_new (welcome, "state",
                                json_integer (ov->conf.ops.state (ov->arg)))
               == 0
        && msg_take_json (rep, json_incref (welcome)) == 0) {
        json_decref (welcome);
        return rep;
    }
    json_decref (welcome);
    flux_msg_decref (rep);
    return NULL;
}

/* The place is nobody's. */
static void vacate (struct overlay_core *ov, struct overlay_child *c)
{
    (void)hashmap_remove (ov->holders, c->id);
    c->id[0] = '\0';
    c->connected = false;
    c->torpid = false;
    flux_msg_decref (c->hello);
    c->hello = NULL;
}

static void child_accept (struct overlay_core *ov, struct overlay_child *c)
{
    flux_msg_t *hello = c->hello, *rep = hello_answer (ov, hello);
    int status = SUBTREE_FULL;

    c->hello = NULL;
    (void)flux_msg_unpack (hello, "{s:i}", "status", &status);
    if (!rep || ov->conf.ops.child_joined (c, ov->arg) < 0) {
        say (ov, LOG_ERR, "overlay.hello from rank %d: %s", c->rank, strerror (errno));
        hello_refuse (ov, c->id, hello, ENOMEM, "out of memory");
        vacate (ov, c);
    } else {
        say (ov, LOG_DEBUG, "accepting connection from %s (rank %d) status %s",
             c->hostname, c->rank, subtree_name (status));
        c->connected = true;
        c->error[0] = '\0';
        (void)ov->conf.ops.send_child (c->id, rep, ov->arg);
        set_child_status (ov, c, status);
    }
    flux_msg_decref (rep);
    flux_msg_decref (hello);
}

/* Takes a hello that was checked. */
static void occupy (struct overlay_core *ov, struct overlay_child *c, const char *id,
                    flux_msg_t *hello)
{
    const char *hostname = "?";

    snprintf (c->id, sizeof (c->id), "%s", id);
    (void)flux_msg_unpack (hello, "{s:s}", "hostname", &hostname);
    snprintf (c->hostname, sizeof (c->hostname), "%s", hostname);
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
    char why[384];

    snprintf (why, sizeof (why), "rank %d is held by a %s broker on %s", c->rank, which,
              c->hostname);
    say (ov, LOG_ERR, "refused another broker: %s", why);
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
}

/* ---- hello ---- */

/* A child introduces itself. */
static void hello (struct overlay_core *ov, const char *id, flux_msg_t *msg)
{
    const char *uuid, *version, *hostname;
    char why[160];
    struct overlay_child *c;
    int rank, status;

    if (flux_msg_unpack (msg, "{s:i s:s s:s s:s s:i}", "rank", &rank, "uuid", &uuid,
                         "version", &version, "hostname", &hostname, "status", &status)
            < 0
        || strcmp (uuid, id) != 0 || !*id || strlen (id) >= OVERLAY_ID_SIZE
        || status < SUBTREE_FULL || status > SUBTREE_DEGRADED)
        hello_refuse (ov, id, msg, EPROTO, "hello is malformed");
    else if (!(c = overlay_core_child (ov, rank)))
        hello_refuse (ov, id, msg, EINVAL, "not a child of this broker");
    else if (strcmp (version, ov->conf.version) != 0) {
        snprintf (why, sizeof (why), "version %.40s does not match %s", version,
                  ov->conf.version);
        hello_refuse (ov, id, msg, EINVAL, why);
    } else if (ov->conf.ops.state (ov->arg) >= STATE_SHUTDOWN)
        hello_refuse (ov, id, msg, ESHUTDOWN, "parent is shutting down");
    else {
        if (c->id[0])
            claim_add (ov, c, id, msg);
        else
            occupy (ov, c, id, msg);
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

/* ---- children go ---- */

static void child_gone (struct overlay_core *ov, struct overlay_child *c,
                        enum subtree status, const char *why)
{
    bool was_connected = c->connected;

    snprintf (c->error, sizeof (c->error), "%s", why);
    (void)hashmap_remove (ov->holders, c->id);
    c->connected = false;
    set_child_status (ov, c, status);
    if (was_connected)
        ov->conf.ops.child_left (c, ov->arg);
    vacate (ov, c);
    claim_fulfil (ov, c);
}

void overlay_core_child_lost (struct overlay_core *ov, const char *id)
{
    struct overlay_child *c = hashmap_lookup (ov->holders, id);

    if (c) {
        if (c->connected)
            say (ov, LOG_ERR, "broker lost: %s (rank %d)", c->hostname, c->rank);
        child_gone (ov, c, SUBTREE_LOST, "lost connection");
        return;
    }
    for (int i = 0; i < ov->child_count; i++)
        if (ov->children[i].claim && strcmp (ov->children[i].claim_id, id) == 0)
            claim_drop (&ov->children[i]);
}

int overlay_core_disconnect (struct overlay_core *ov, int rank, const char *why)
{
    struct overlay_child *c = overlay_core_child (ov, rank);

    if (!c || !c->connected) {
        errno = ENOENT;
        return -1;
    }
    tell_child (ov, c->id, CONTROL_DISCONNECT, 0);
    child_gone (ov, c, SUBTREE_LOST, why);
    return 0;
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
    int type, status;

    if (flux_msg_get_control (msg, &type, &status) < 0)
        return;
    if (type == CONTROL_HEARTBEAT && c->claim && status == c->probe)
        claim_refuse (ov, c, EEXIST, "living");
    else if (type == CONTROL_STATUS && status == SUBTREE_OFFLINE)
        child_gone (ov, c, SUBTREE_OFFLINE, "");
    else if (type == CONTROL_STATUS && c->connected) {
        if (status >= SUBTREE_FULL && status <= SUBTREE_DEGRADED)
            set_child_status (ov, c, status);
        else
            say (ov, LOG_ERR, "overlay: rank %d sent status %d", c->rank, status);
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
    if (c && c->connected)
        ov->conf.ops.child_msg (c, msg, ov->arg);
    else
        stranger_recv (ov, c, id, msg, type);
}

/* ---- parent ---- */

int overlay_core_hello (struct overlay_core *ov)
{
    flux_msg_t *msg = flux_request_encode ("overlay.hello", NULL);
    int rc;

    if (!msg)
        return -1;
    flux_msg_route_enable (msg);
    ov->parent = PARENT_GREETED;
    rc = flux_msg_pack (msg, "{s:i s:s s:s s:s s:i}", "rank", ov->conf.rank, "uuid",
                        ov->conf.uuid, "version", ov->conf.version, "hostname",
                        ov->conf.hostname, "status", (int)ov->status);
    if (rc == 0)
        rc = ov->conf.ops.send_parent (msg, ov->arg);
    flux_msg_decref (msg);
    return rc;
}

static void parent_fail (struct overlay_core *ov, int errnum, const char *why)
{
    ov->parent = PARENT_GONE;
    ov->conf.ops.parent_failed (errnum, why, ov->arg);
}

static void parent_gone (struct overlay_core *ov, const char *why)
{
    enum parent was = ov->parent;

    ov->parent = PARENT_GONE;
    if (was == PARENT_JOINED)
        ov->conf.ops.parent_left (why, ov->arg);
    else if (was == PARENT_GREETED)
        ov->conf.ops.parent_failed (EHOSTUNREACH, why, ov->arg);
}

void overlay_core_parent_lost (struct overlay_core *ov, const char *why)
{
    parent_gone (ov, why);
}

static void hello_response (struct overlay_core *ov, const flux_msg_t *msg)
{
    const char *uuid, *text = NULL;
    flux_error_t error = { { 0 } };
    json_t *conf, *attrs;
    int errnum, state;

    if (flux_msg_get_errnum (msg, &errnum) < 0)
        errnum = EPROTO;
    if (errnum != 0) {
        (void)flux_msg_get_string (msg, &text);
        parent_fail (ov, errnum, text ? text : strerror (errnum));
        return;
    }
    if (flux_msg_unpack (msg, "{s:s s:i s:o s:o}", "uuid", &uuid, "state", &state,
                         "conf", &conf, "attrs", &attrs)
            < 0
        || strlen (uuid) >= OVERLAY_ID_SIZE || !json_is_object (conf)
        || !json_is_object (attrs)) {
        parent_fail (ov, EPROTO, "answer to hello is malformed");
        return;
    }
    ov->parent = PARENT_JOINED;
    ov->parent_state = state;
    if (ov->conf.ops.parent_joined (uuid, msg_json (msg), &error, ov->arg) < 0) {
        parent_fail (ov, errno, error.text[0] ? error.text : strerror (errno));
        return;
    }
    /* Children may have come or gone since the hello. */
    tell_parent (ov, CONTROL_STATUS, ov->status);
}

static void parent_control (struct overlay_core *ov, const flux_msg_t *msg)
{
    int type, status;

    if (flux_msg_get_control (msg, &type, &status) < 0 || ov->parent == PARENT_GONE)
        return;
    if (type == CONTROL_HEARTBEAT && status != 0)
        tell_parent (ov, CONTROL_HEARTBEAT, status);
    else if (type == CONTROL_DISCONNECT)
        parent_gone (ov, "disconnected by the parent");
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
    else if (ov->parent == PARENT_JOINED) {
        ov->conf.ops.parent_msg (msg, ov->arg);
        return;
    } else if (ov->parent == PARENT_GREETED && type == FLUX_MSGTYPE_RESPONSE)
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
    for (int i = 0; i < ov->child_count; i++) {
        struct overlay_child *c = &ov->children[i];

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
            if (ov->children[i].hello)
                child_accept (ov, &ov->children[i]);
        return;
    }
    if (state >= STATE_SHUTDOWN)
        refuse_all (ov);
    if (!(msg = control_msg (CONTROL_STATE, state)))
        return;
    for (int i = 0; i < ov->child_count; i++)
        if (ov->children[i].connected)
            (void)ov->conf.ops.send_child (ov->children[i].id, msg, ov->arg);
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

void overlay_core_tick (struct overlay_core *ov)
{
    double t = now (ov);

    if (ov->parent == PARENT_JOINED && t - ov->t_sent > ov->torpid_min * 0.9)
        tell_parent (ov, CONTROL_HEARTBEAT, 0);
    for (int i = 0; i < ov->child_count; i++) {
        struct overlay_child *c = &ov->children[i];

        if (c->connected && ov->torpid_max > 0 && t - c->t_heard > ov->torpid_max)
            set_torpid (ov, c, true);
        if (c->claim && t - c->t_claim > CLAIM_TIMEOUT)
            claim_refuse (ov, c, EBUSY, "silent");
    }
}

/* ---- what is so ---- */

struct overlay_child *overlay_core_child_at (struct overlay_core *ov, int index)
{
    return &ov->children[index];
}

/* Ranks of children ascend. */
struct overlay_child *overlay_core_child (struct overlay_core *ov, int rank)
{
    int lo = 0, hi = ov->child_count;

    while (lo < hi) {
        int mid = (lo + hi) / 2;

        if (ov->children[mid].rank == rank)
            return &ov->children[mid];
        if (ov->children[mid].rank < rank)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

int overlay_core_connected_count (const struct overlay_core *ov)
{
    int count = 0;

    for (int i = 0; i < ov->child_count; i++)
        count += ov->children[i].connected;
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

struct overlay_core *overlay_core_create (const struct overlay_core_conf *conf)
{
    int count = topology_child_count (conf->topo, conf->rank);
    struct overlay_core *ov =
        calloc (1, sizeof (*ov) + count * sizeof (ov->children[0]));

    if (!ov || !(ov->holders = hashmap_create (NULL))) {
        free (ov);
        return NULL;
    }
    ov->conf = *conf;
    ov->arg = conf->arg;
    ov->child_count = count;
    ov->t_status = now (ov);
    for (int i = 0; i < count; i++) {
        struct overlay_child *c = &ov->children[i];

        c->rank = topology_child (conf->topo, conf->rank, i);
        c->index = i;
        c->status = SUBTREE_OFFLINE;
        c->t_status = ov->t_status;
    }
    ov->status = compute_status (ov);
    return ov;
}

void overlay_core_destroy (struct overlay_core *ov)
{
    if (!ov)
        return;
    for (int i = 0; i < ov->child_count; i++) {
        flux_msg_decref (ov->children[i].hello);
        flux_msg_decref (ov->children[i].claim);
    }
    hashmap_destroy (ov->holders);
    free (ov);
}
