/* Unit tests of the core, and a cluster of cores in one process on virtual time:
 * messages take their time, links are cut, brokers are killed and return under a
 * new id, others claim their places, strangers send garbage. All from one seed,
 * which is printed; OVERLAY_SEED runs one, OVERLAY_RUNS so many. */
#include "base/test.h"

#include <errno.h>
#include <flux/request.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "broker/overlay/core.h"
#include "broker/routing/topology.h"
#include "core/message/message.h"

#define RANKS 15
#define LIVES 1000 /* that there ever are: brokers, their successors, impostors */
#define FANOUT "kary:3"

/* ---- the world ---- */

/* One run of one broker. */
struct life {
    struct world *w;
    struct overlay_core *core;
    int rank, index;
    char uuid[OVERLAY_ID_SIZE];
    enum broker_state state;
    bool dead;                          /* killed: nothing is heard of it any more */
    bool stopped;                       /* does nothing for now */
    struct link *up;                    /* to its parent */
    bool greeted, joined, failed, left; /* as its parent_* operations told */
    bool in[RANKS];                     /* children who joined and have not left */
    int joins, leaves;                  /* of children */
    int heard;                          /* messages of children */
};

/* A connection of a child's life to a parent's. Ends keep order; what was sent
 * before the end comes before the news of it. */
struct link {
    struct list node;
    struct life *child, *parent;
    bool cut;
    bool expelled;                /* by an operator */
    bool told_child, told_parent; /* that it is cut */
    struct list down, uplist;
};

struct packet {
    struct list node;
    flux_msg_t *msg;
    double t;
};

struct world {
    unsigned int seed;
    uint64_t rng;
    double t;
    struct topology *topo;
    struct life *lives[LIVES];
    int count;
    struct life *holder[RANKS]; /* the broker of this rank, NULL: none */
    struct list links;
    int displaced, refused;
    int lines;
    char line[512]; /* the last one */
};

static unsigned int roll (struct world *w, unsigned int n)
{
    w->rng = w->rng * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned int)(w->rng >> 33) % n;
}

static void fail_run (struct world *w, const char *what, int rank)
{
    fail_msg ("seed %u at %.3f: %s (rank %d)", w->seed, w->t, what, rank);
}

static struct link *find_link (struct life *parent, const char *id)
{
    list_foreach (&parent->w->links, it) {
        struct link *l = container_of (it, struct link, node);

        if (l->parent == parent && strcmp (l->child->uuid, id) == 0)
            return l;
    }
    return NULL;
}

static int post (struct world *w, struct list *queue, const flux_msg_t *msg)
{
    struct packet *p = calloc (1, sizeof (*p));

    p->msg = flux_msg_copy (msg, true);
    p->t = w->t + roll (w, 100) * 1e-3;
    if (!list_empty (queue)) {
        struct packet *last = container_of (queue->prev, struct packet, node);

        if (last->t > p->t)
            p->t = last->t;
    }
    list_append (queue, &p->node);
    return 0;
}

/* ---- operations of a core ---- */

static double op_now (void *arg)
{
    return ((struct life *)arg)->w->t;
}

static enum broker_state op_state (void *arg)
{
    return ((struct life *)arg)->state;
}

static int op_send_child (const char *id, const flux_msg_t *msg, void *arg)
{
    struct life *b = arg;
    struct link *l = find_link (b, id);

    if (!l || l->cut) {
        errno = EHOSTUNREACH;
        return -1;
    }
    return post (b->w, &l->down, msg);
}

static int op_send_parent (const flux_msg_t *msg, void *arg)
{
    struct life *b = arg;

    if (!b->up || b->up->cut) {
        errno = EHOSTUNREACH;
        return -1;
    }
    return post (b->w, &b->up->uplist, msg);
}

static json_t *op_welcome (void *arg)
{
    return json_pack ("{s:{} s:{}}", "conf", "attrs");
}

static uint32_t op_event_seq (void *arg)
{
    return 7;
}

static int op_joined (struct overlay_child *c, void *arg)
{
    struct life *b = arg;
    struct link *l = find_link (b, c->id);

    if (b->in[c->rank])
        fail_run (b->w, "joined twice", c->rank);
    /* Who held this place before must have lost its connection. */
    list_foreach (&b->w->links, it) {
        struct link *other = container_of (it, struct link, node);

        if (other != l && other->parent == b && other->child->rank == c->rank
            && !other->cut && !other->expelled && !other->child->dead
            && other->child->joined && !other->child->left)
            fail_run (b->w, "a living broker was displaced", c->rank);
    }
    b->in[c->rank] = true;
    b->joins++;
    return 0;
}

static void op_left (struct overlay_child *c, const struct idset *gone, void *arg)
{
    struct life *b = arg;

    if (!b->in[c->rank])
        fail_run (b->w, "left without being there", c->rank);
    b->in[c->rank] = false;
    b->leaves++;
}

static void op_torpid (struct overlay_child *c, void *arg)
{
}

static void op_child_msg (struct overlay_child *c, flux_msg_t *msg, void *arg)
{
    struct life *b = arg;

    if (!b->in[c->rank])
        fail_run (b->w, "a message of one who is not in", c->rank);
    b->heard++;
    flux_msg_decref (msg);
}

static int op_parent_joined (const char *id, json_t *welcome, flux_error_t *error,
                             void *arg)
{
    struct life *b = arg;

    if (b->joined || b->failed || !b->greeted)
        fail_run (b->w, "parent joined out of turn", b->rank);
    b->joined = true;
    b->state = STATE_QUORUM;
    overlay_core_enter (b->core, STATE_QUORUM);
    return 0;
}

static void op_parent_failed (int errnum, const char *why, void *arg)
{
    struct life *b = arg;

    if (b->joined || b->failed)
        fail_run (b->w, "parent failed out of turn", b->rank);
    b->failed = true;
    if (strstr (why, "is held by"))
        b->w->refused++;
}

static void op_parent_left (const char *why, void *arg)
{
    struct life *b = arg;

    if (!b->joined || b->left)
        fail_run (b->w, "parent left out of turn", b->rank);
    b->left = true;
}

static void op_parent_state (int state, void *arg)
{
}

static void op_parent_msg (flux_msg_t *msg, void *arg)
{
    flux_msg_decref (msg);
}

static void op_log (int severity, const char *text, void *arg)
{
    struct world *w = ((struct life *)arg)->w;

    w->lines++;
    snprintf (w->line, sizeof (w->line), "%s", text);
}

/* ---- lives and links ---- */

static struct life *add_life (struct world *w, int rank)
{
    struct life *b = calloc (1, sizeof (*b));
    struct overlay_core_conf conf = {
        .rank = rank,
        .topo = w->topo,
        .hostname = "host",
        .version = "1",
        .ops = { .now = op_now,
                 .state = op_state,
                 .send_child = op_send_child,
                 .send_parent = op_send_parent,
                 .welcome = op_welcome,
                 .event_seq = op_event_seq,
                 .child_joined = op_joined,
                 .child_left = op_left,
                 .child_torpid = op_torpid,
                 .child_msg = op_child_msg,
                 .parent_joined = op_parent_joined,
                 .parent_failed = op_parent_failed,
                 .parent_left = op_parent_left,
                 .parent_state = op_parent_state,
                 .parent_msg = op_parent_msg,
                 .log = op_log },
        .arg = b,
    };

    b->w = w;
    b->rank = rank;
    b->index = w->count;
    b->state = rank == 0 ? STATE_QUORUM : STATE_JOIN;
    snprintf (b->uuid, sizeof (b->uuid), "life-%d", w->count);
    conf.uuid = b->uuid;
    b->core = overlay_core_create (&conf);
    assert_non_null (b->core);
    overlay_core_set_torpid (b->core, 5., 30.);
    w->lives[w->count++] = b;
    return b;
}

static void connect_life (struct life *b)
{
    struct life *parent = b->w->holder[topology_parent (b->w->topo, b->rank)];
    struct link *l;

    if (!parent || parent->dead)
        return;
    l = calloc (1, sizeof (*l));
    l->child = b;
    l->parent = parent;
    list_init (&l->down);
    list_init (&l->uplist);
    list_append (&b->w->links, &l->node);
    b->up = l;
    b->greeted = true;
    assert_int_equal (overlay_core_hello (b->core), 0);
}

static void kill_life (struct life *b)
{
    b->dead = true;
    list_foreach (&b->w->links, it) {
        struct link *l = container_of (it, struct link, node);

        if (l->child == b || l->parent == b)
            l->cut = true;
    }
    if (b->w->holder[b->rank] == b)
        b->w->holder[b->rank] = NULL;
}

/* A broker whose parent is gone ends; so does one that was refused. */
static void bury (struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct life *b = w->lives[i];

        if (!b->dead && (b->failed || b->left))
            kill_life (b);
    }
}

/* ---- time ---- */

/* Delivers what is due of one direction; true if something happened. */
static bool deliver_one (struct link *l, bool up)
{
    struct world *w = l->child->w;
    struct list *queue = up ? &l->uplist : &l->down;
    struct life *to = up ? l->parent : l->child;
    bool *told = up ? &l->told_parent : &l->told_child;
    struct packet *p;

    if (to->stopped && !to->dead)
        return false;
    if (list_empty (queue)) {
        if (!l->cut || *told)
            return false;
        *told = true;
        if (to->dead)
            return true;
        if (up)
            overlay_core_child_lost (to->core, l->child->uuid);
        else
            overlay_core_parent_lost (to->core, "lost");
        return true;
    }
    p = container_of (queue->next, struct packet, node);
    if (p->t > w->t)
        return false;
    list_remove (&p->node);
    if (to->dead)
        flux_msg_decref (p->msg);
    else if (up)
        overlay_core_child_recv (to->core, l->child->uuid, p->msg);
    else
        overlay_core_parent_recv (to->core, p->msg);
    free (p);
    return true;
}

static void deliver (struct world *w)
{
    bool again = true;

    while (again) {
        again = false;
        list_foreach (&w->links, it) {
            struct link *l = container_of (it, struct link, node);

            again |= deliver_one (l, true);
            again |= deliver_one (l, false);
        }
        bury (w);
    }
}

static void pass (struct world *w, double seconds)
{
    for (double end = w->t + seconds; w->t < end; w->t += 0.01)
        deliver (w);
    for (int i = 0; i < w->count; i++)
        if (!w->lives[i]->dead && !w->lives[i]->stopped)
            overlay_core_tick (w->lives[i]->core);
    deliver (w);
}

/* ---- what happens ---- */

/* Ranks without a broker get one, if their parent has one. */
static void revive (struct world *w)
{
    for (int rank = 1; rank < RANKS; rank++) {
        int parent = topology_parent (w->topo, rank);

        if (!w->holder[rank] && w->holder[parent] && w->count < LIVES) {
            w->holder[rank] = add_life (w, rank);
            connect_life (w->holder[rank]);
        }
    }
}

static struct life *any_life (struct world *w)
{
    struct life *b = w->lives[roll (w, w->count)];

    return b->dead ? NULL : b;
}

/* A second broker for a rank: only the loss of the first may let it in. */
static void impostor (struct world *w)
{
    int rank = 1 + roll (w, RANKS - 1);

    if (w->count < LIVES)
        connect_life (add_life (w, rank));
}

static void send_up (struct life *b)
{
    flux_msg_t *msg = flux_request_encode ("some.thing", NULL);

    flux_msg_route_enable (msg);
    (void)overlay_core_send_parent (b->core, msg);
    flux_msg_decref (msg);
}

/* What no broker would send, by one who has a connection. */
static void garbage (struct life *b)
{
    struct world *w = b->w;
    flux_msg_t *msg;
    static const char *payloads[] = {
        "{}",
        "[]",
        "{\"rank\":-1,\"uuid\":\"x\",\"version\":\"1\",\"hostname\":\"h\",\"status\":"
        "1}",
        "{\"rank\":1,\"uuid\":\"\",\"version\":\"1\",\"hostname\":\"h\",\"status\":1}",
        "{\"rank\":1,\"uuid\":\"x\",\"version\":7,\"hostname\":null,\"status\":99}",
    };

    if (!b->up || b->up->cut)
        return;
    if (roll (w, 2) == 0) {
        msg = flux_msg_create (FLUX_MSGTYPE_CONTROL);
        /* Not "offline": that is no garbage. */
        flux_msg_set_control (msg, roll (w, 9), 6 + roll (w, 9000));
    } else {
        msg = flux_request_encode ("overlay.hello", payloads[roll (w, 5)]);
        flux_msg_route_enable (msg);
    }
    post (w, &b->up->uplist, msg);
    flux_msg_decref (msg);
}

static void expel (struct life *b, int rank)
{
    struct overlay_child *c = overlay_core_child (b->core, rank);
    struct link *l = c && c->connected ? find_link (b, c->id) : NULL;
    bool there = l != NULL;

    if (l)
        l->expelled = true;
    if ((overlay_core_disconnect (b->core, rank, "test") == 0) != there)
        fail_run (b->w, "disconnect", rank);
}

static void happen (struct world *w)
{
    struct life *b = any_life (w);

    switch (b ? roll (w, 12) : 11) {
    case 0:
        if (b->rank > 0)
            kill_life (b);
        break;
    case 1:
        if (b->up)
            b->up->cut = true;
        break;
    case 2:
    case 3:
        impostor (w);
        break;
    case 4:
        garbage (b);
        break;
    case 5:
        b->stopped = !b->stopped;
        break;
    case 6:
        if (b->rank > 0) {
            overlay_core_goodbye (b->core);
            kill_life (b);
        }
        break;
    case 7:
        expel (b, roll (w, RANKS));
        break;
    case 8:
    case 9:
        send_up (b);
        break;
    default:
        revive (w);
        break;
    }
}

/* Children and parents agree on who is there. */
static void check_agreement (struct world *w)
{
    for (int rank = 1; rank < RANKS; rank++) {
        struct life *b = w->holder[rank];
        struct life *parent = w->holder[topology_parent (w->topo, rank)];
        struct overlay_child *c;

        if (!b || !parent || !b->joined || b->left)
            fail_run (w, "did not come back", rank);
        c = overlay_core_child (parent->core, rank);
        if (!c->connected || !parent->in[rank] || strcmp (c->id, b->uuid) != 0)
            fail_run (w, "parent and child do not agree", rank);
        if (c->status != SUBTREE_FULL || c->torpid)
            fail_run (w, "is not full again", rank);
        if (c->claim || c->hello)
            fail_run (w, "something waits for ever", rank);
    }
    if (overlay_core_status (w->holder[0]->core, NULL) != SUBTREE_FULL)
        fail_run (w, "the tree is not full", 0);
}

static void check_counts (struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct life *b = w->lives[i];
        int in = 0;

        for (int rank = 0; rank < RANKS; rank++)
            in += b->in[rank];
        if (b->joins - b->leaves != in)
            fail_run (w, "joins and leaves do not add up", b->rank);
    }
}

static void drain (struct list *queue)
{
    list_foreach (queue, it) {
        struct packet *p = container_of (it, struct packet, node);

        list_remove (&p->node);
        flux_msg_decref (p->msg);
        free (p);
    }
}

static void world_fini (struct world *w)
{
    list_foreach (&w->links, it) {
        struct link *l = container_of (it, struct link, node);

        drain (&l->down);
        drain (&l->uplist);
        list_remove (&l->node);
        free (l);
    }
    for (int i = 0; i < w->count; i++) {
        overlay_core_destroy (w->lives[i]->core);
        free (w->lives[i]);
    }
    topology_destroy (w->topo);
}

static void world_init (struct world *w, unsigned int seed)
{
    flux_error_t error;

    memset (w, 0, sizeof (*w));
    w->seed = seed;
    w->rng = seed * 2654435761ULL + 1;
    list_init (&w->links);
    w->topo = topology_create (FANOUT, RANKS, &error);
    assert_non_null (w->topo);
    w->holder[0] = add_life (w, 0);
}

/* An impostor that got in while the true one was lost is the broker now. */
static void adopt (struct world *w)
{
    for (int i = 0; i < w->count; i++) {
        struct life *b = w->lives[i];

        if (!b->dead && b->joined && !w->holder[b->rank])
            w->holder[b->rank] = b;
    }
}

static int run_seed (unsigned int seed)
{
    struct world w;
    int refused;

    world_init (&w, seed);
    revive (&w);
    for (int i = 0; i < 150; i++) {
        happen (&w);
        pass (&w, roll (&w, 4) * 0.05);
    }
    /* Nothing more goes wrong: all of it heals. Those who stop go on. */
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < w.count; j++)
            w.lives[j]->stopped = false;
        pass (&w, 6.);
        adopt (&w);
        revive (&w);
    }
    pass (&w, 1.);
    check_agreement (&w);
    check_counts (&w);
    refused = w.refused;
    world_fini (&w);
    return refused;
}

static void test_random (void **state)
{
    const char *s = getenv ("OVERLAY_SEED"), *n = getenv ("OVERLAY_RUNS");
    unsigned int first = s ? strtoul (s, NULL, 10) : 1, runs = n ? atoi (n) : 40;
    int refused = 0;

    print_message ("# seeds %u to %u\n", first, s ? first : first + runs - 1);
    for (unsigned int i = 0; i < (s ? 1 : runs); i++)
        refused += run_seed (first + i);
    /* The interesting case did occur. */
    if (!s)
        assert_true (refused > 0);
}

/* ---- single cases ---- */

static struct life *joined_child (struct world *w, int rank)
{
    struct life *b = add_life (w, rank);

    if (!w->holder[rank])
        w->holder[rank] = b;
    connect_life (b);
    pass (w, 1.);
    return b;
}

static void test_join (void **state)
{
    struct world w;
    struct life *b;

    world_init (&w, 1);
    b = joined_child (&w, 1);
    assert_true (b->joined);
    assert_true (w.holder[0]->in[1]);
    assert_int_equal (overlay_core_connected_count (w.holder[0]->core), 1);
    assert_true (overlay_core_has_parent (b->core));
    assert_int_equal (overlay_core_parent_state (b->core), STATE_QUORUM);
    send_up (b);
    overlay_core_goodbye (b->core);
    pass (&w, 1.);
    assert_int_equal (w.holder[0]->heard, 1);
    assert_int_equal (overlay_core_child (w.holder[0]->core, 1)->status,
                      SUBTREE_OFFLINE);
    world_fini (&w);
}

/* The parent is not ready: the child waits, and is let in, or refused. */
static void test_wait (void **state)
{
    struct world w;
    struct life *a, *b;

    world_init (&w, 1);
    w.holder[0]->state = STATE_INIT;
    a = joined_child (&w, 1);
    assert_false (a->joined || a->failed);
    w.holder[0]->state = STATE_QUORUM;
    overlay_core_enter (w.holder[0]->core, STATE_QUORUM);
    pass (&w, 1.);
    assert_true (a->joined);
    w.holder[0]->state = STATE_INIT;
    b = joined_child (&w, 2);
    w.holder[0]->state = STATE_SHUTDOWN;
    overlay_core_enter (w.holder[0]->core, STATE_SHUTDOWN);
    pass (&w, 1.);
    assert_true (b->failed);
    world_fini (&w);
}

/* Of two who claim a rank the first keeps it while it lives. */
static void test_claim_refused (void **state)
{
    struct world w;
    struct life *a, *b;

    world_init (&w, 1);
    a = joined_child (&w, 1);
    b = joined_child (&w, 1);
    assert_true (a->joined && !a->left);
    assert_true (b->failed);
    assert_int_equal (w.refused, 1);
    assert_int_equal (w.holder[0]->joins, 1);
    world_fini (&w);
}

static void test_claim_while_waiting (void **state)
{
    struct world w;
    struct life *a, *b;

    world_init (&w, 1);
    w.holder[0]->state = STATE_INIT;
    a = joined_child (&w, 1);
    b = joined_child (&w, 1);
    assert_true (b->failed);
    w.holder[0]->state = STATE_QUORUM;
    overlay_core_enter (w.holder[0]->core, STATE_QUORUM);
    pass (&w, 1.);
    assert_true (a->joined);
    world_fini (&w);
}

/* The first is dead, but that is not known yet when its successor comes. */
static void test_claim_granted (void **state)
{
    struct world w;
    struct life *a, *b;

    world_init (&w, 1);
    a = joined_child (&w, 1);
    a->stopped = true;
    b = joined_child (&w, 1);
    assert_false (b->joined || b->failed);
    kill_life (a);
    pass (&w, 1.);
    assert_true (b->joined);
    assert_int_equal (w.holder[0]->leaves, 1);
    world_fini (&w);
}

/* The first says nothing, but its connection holds: it may live. */
static void test_claim_silent (void **state)
{
    struct world w;
    struct life *a, *b, *c;

    world_init (&w, 1);
    a = joined_child (&w, 1);
    a->stopped = true;
    b = joined_child (&w, 1);
    c = joined_child (&w, 1);
    assert_true (c->failed); /* one claim at a time */
    pass (&w, 6.);
    pass (&w, 1.);
    assert_true (b->failed);
    a->stopped = false;
    pass (&w, 1.);
    assert_true (a->joined && !a->left);
    world_fini (&w);
}

/* What a child says as often as it likes is a line a second. */
static void test_lines (void **state)
{
    struct world w;
    struct life *a;

    world_init (&w, 1);
    a = joined_child (&w, 1);
    w.lines = 0;
    for (int n = 0; n < 100; n++) {
        flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_CONTROL);

        assert_int_equal (flux_msg_set_control (msg, 1, 77), 0);
        overlay_core_child_recv (w.holder[0]->core, a->uuid, msg);
        if (n == 98) {
            assert_int_equal (w.lines, 1);
            assert_string_equal (w.line, "overlay: rank 1 sent status 77");
            pass (&w, 1.);
        }
    }
    assert_int_equal (w.lines, 2);
    assert_string_equal (w.line, "overlay: rank 1 sent status 77 (and 98 before)");
    world_fini (&w);
}

static void test_torpid (void **state)
{
    struct world w;
    struct life *a;
    struct overlay_child *c;

    world_init (&w, 1);
    a = joined_child (&w, 1);
    c = overlay_core_child (w.holder[0]->core, 1);
    for (int i = 0; i < 10; i++)
        pass (&w, 5.);
    assert_false (c->torpid); /* it beats */
    a->stopped = true;
    for (int i = 0; i < 10; i++)
        pass (&w, 5.);
    assert_true (c->torpid);
    a->stopped = false;
    pass (&w, 6.);
    pass (&w, 1.);
    assert_false (c->torpid);
    world_fini (&w);
}

static void test_refused_hello (void **state)
{
    struct world w;
    struct life *a;

    world_init (&w, 1);
    a = add_life (&w, 7); /* whose parent is not rank 0 */
    w.holder[2] = w.holder[0];
    w.holder[1] = w.holder[0];
    connect_life (a);
    pass (&w, 1.);
    assert_true (a->failed);
    world_fini (&w);
}

static void test_disconnect (void **state)
{
    struct world w;
    struct life *a;

    world_init (&w, 1);
    a = joined_child (&w, 1);
    assert_int_equal (overlay_core_disconnect (w.holder[0]->core, 2, "test"), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (overlay_core_disconnect (w.holder[0]->core, 1, "test"), 0);
    pass (&w, 1.);
    assert_true (a->left);
    assert_int_equal (overlay_core_child (w.holder[0]->core, 1)->status, SUBTREE_LOST);
    assert_int_equal (overlay_core_status (w.holder[0]->core, NULL), SUBTREE_DEGRADED);
    world_fini (&w);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_join),
        cmocka_unit_test (test_wait),
        cmocka_unit_test (test_claim_refused),
        cmocka_unit_test (test_claim_while_waiting),
        cmocka_unit_test (test_claim_granted),
        cmocka_unit_test (test_claim_silent),
        cmocka_unit_test (test_lines),
        cmocka_unit_test (test_torpid),
        cmocka_unit_test (test_refused_hello),
        cmocka_unit_test (test_disconnect),
        cmocka_unit_test (test_random),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
