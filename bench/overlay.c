/* Ten thousand brokers of a tree in one process, on virtual time: how many messages, and
 * how long, for what all of them take part in.
 *
 *   bench-overlay SIZE TOPO...
 *
 * The cores are those of the broker (overlay/core.h). A message takes LATENCY from one to
 * the other, and COST of each of both, who do one thing at a time. Lines: name, messages,
 * virtual milliseconds, seconds of this processor.
 *
 * start: each greets its parent at the same moment; rank 0 knows that all are there.
 * event: rank 0 tells all. reduction: each tells its parent when all below it have.
 * loss: a broker next to rank 0 is killed; all below it have a place again. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <flux/message.h>

#include "base/hashmap.h"
#include "broker/overlay/core.h"
#include "broker/routing/topology.h"

#define LATENCY 50e-6
#define COST 5e-6

enum kind { UP, DOWN, PARENT_LOST, CHILD_LOST, TICK, ANNOUNCED };

struct conn {
    struct node *child, *parent;
    char id[OVERLAY_ID_SIZE];
    bool cut;
};

struct node {
    struct overlay_core *core;
    int rank;
    char uuid[OVERLAY_ID_SIZE];
    enum broker_state state;
    struct conn *up;
    double busy, tick;
    bool dead;
    int told; /* children, in a reduction */
};

struct event {
    double t;
    uint64_t seq; /* order of what happens at once */
    enum kind kind;
    struct node *n;
    struct conn *conn;
    flux_msg_t *msg;
    int rank;
};

static struct {
    struct topology *topo;
    struct node *nodes;
    int size;
    double t;
    uint64_t seq;
    struct event *heap;
    size_t count, cap;
    struct hashmap *conns; /* by id */
    unsigned int ids;
    double t_begin; /* of what is measured */
    clock_t cpu_begin;
    long messages;
    int heard; /* of an event */
    bool reduced;
} w;

static void die (const char *what)
{
    fprintf (stderr, "bench-overlay: %s\n", what);
    exit (1);
}

/* ---- time ---- */

static bool before (const struct event *a, const struct event *b)
{
    return a->t < b->t || (a->t == b->t && a->seq < b->seq);
}

static void push (struct event e)
{
    size_t i = w.count++;

    if (w.count > w.cap) {
        w.cap = w.cap ? w.cap * 2 : 1024;
        if (!(w.heap = realloc (w.heap, w.cap * sizeof (*w.heap))))
            die ("out of memory");
    }
    for (; i > 0 && before (&e, &w.heap[(i - 1) / 2]); i = (i - 1) / 2)
        w.heap[i] = w.heap[(i - 1) / 2];
    w.heap[i] = e;
}

static struct event pop (void)
{
    struct event top = w.heap[0], last = w.heap[--w.count];
    size_t i = 0, k;

    while ((k = 2 * i + 1) < w.count) {
        if (k + 1 < w.count && before (&w.heap[k + 1], &w.heap[k]))
            k++;
        if (!before (&w.heap[k], &last))
            break;
        w.heap[i] = w.heap[k];
        i = k;
    }
    w.heap[i] = last;
    return top;
}

static void happens (double t, enum kind kind, struct node *n, struct conn *conn,
                     flux_msg_t *msg, int rank)
{
    push ((struct event){ t, w.seq++, kind, n, conn, msg, rank });
}

static void post (struct node *from, struct node *to, enum kind kind, struct conn *conn,
                  const flux_msg_t *msg, int rank)
{
    flux_msg_t *copy = msg ? flux_msg_copy (msg, true) : NULL;

    if (msg && !copy)
        die ("out of memory");
    from->busy = fmax (from->busy, w.t) + COST;
    w.messages++;
    happens (from->busy + LATENCY, kind, to, conn, copy, rank);
}

/* ---- links ---- */

static void connect_to (struct node *child, struct node *parent, const char *id)
{
    struct conn *c = calloc (1, sizeof (*c));

    if (!c || hashmap_insert (w.conns, id, c) < 0)
        die ("out of memory");
    c->child = child;
    c->parent = parent;
    snprintf (c->id, sizeof (c->id), "%s", id);
    child->up = c;
    if (parent->dead) {
        c->cut = true;
        happens (w.t + LATENCY, PARENT_LOST, child, c, NULL, 0);
    }
}

static void cut (struct conn *c)
{
    if (c->cut)
        return;
    c->cut = true;
    happens (w.t + LATENCY, PARENT_LOST, c->child, c, NULL, 0);
    happens (w.t + LATENCY, CHILD_LOST, c->parent, c, NULL, 0);
}

/* ---- operations of a core ---- */

static double op_now (void *arg)
{
    return w.t;
}

static enum broker_state op_state (void *arg)
{
    return ((struct node *)arg)->state;
}

static int op_send_child (const char *id, const flux_msg_t *msg, void *arg)
{
    struct conn *c = hashmap_lookup (w.conns, id);

    if (!c || c->cut) {
        errno = EHOSTUNREACH;
        return -1;
    }
    post (arg, c->child, DOWN, c, msg, 0);
    return 0;
}

static int op_send_parent (const flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    if (!n->up || n->up->cut) {
        errno = EHOSTUNREACH;
        return -1;
    }
    post (n, n->up->parent, UP, n->up, msg, 0);
    return 0;
}

static json_t *op_welcome (void *arg)
{
    return json_pack ("{s:{} s:{}}", "conf", "attrs");
}

static uint32_t op_event_seq (void *arg)
{
    return 0;
}

static bool op_is_online (int rank, void *arg)
{
    return !w.nodes[rank].dead;
}

static void op_new_id (char id[OVERLAY_ID_SIZE], void *arg)
{
    snprintf (id, OVERLAY_ID_SIZE, "life-%u", w.ids++);
}

static void op_tick_in (double seconds, void *arg)
{
    struct node *n = arg;

    n->tick = w.t + seconds;
    happens (n->tick, TICK, n, NULL, NULL, 0);
}

/* An orphan has a place: those above are told. */
static int op_child_joined (struct overlay_child *c, void *arg)
{
    struct node *n = arg;

    if (c->seq >= 0 && n->up)
        post (n, n->up->parent, ANNOUNCED, n->up, NULL, c->rank);
    return 0;
}

static void op_child (struct overlay_child *c, void *arg)
{
}

static void op_child_left (struct overlay_child *c, const struct idset *gone, void *arg)
{
}

static void op_moved (const char *id, void *arg)
{
}

static void op_ranks_gone (const struct idset *ranks, void *arg)
{
}

static void tell_children (struct node *n, const flux_msg_t *msg)
{
    struct overlay_child *c;

    for (int i = 0; (c = overlay_core_child_at (n->core, i)); i++)
        if (c->connected && overlay_core_send_child (n->core, c, msg) < 0)
            die ("a child is lost");
}

static void op_child_msg (struct overlay_child *c, flux_msg_t *msg, void *arg)
{
    struct node *n = arg;

    if (++n->told == overlay_core_connected_count (n->core)) {
        if (n->rank == 0)
            w.reduced = true;
        else if (overlay_core_send_parent (n->core, msg) < 0)
            die ("a parent is lost");
    }
    flux_msg_decref (msg);
}

static int op_parent_joined (const char *id, json_t *welcome, flux_error_t *error,
                             void *arg)
{
    struct node *n = arg;

    n->state = STATE_QUORUM;
    overlay_core_enter (n->core, STATE_QUORUM);
    return 0;
}

static void op_parent_failed (int errnum, const char *why, void *arg)
{
    die (why);
}

static void op_parent_left (const char *why, void *arg)
{
    die (why);
}

static void op_parent_away (const char *why, void *arg)
{
}

static int op_parent_connect (int rank, const char *id, void *arg)
{
    connect_to (arg, &w.nodes[rank], id);
    return 0;
}

static int op_parent_found (int rank, const char *id, void *arg)
{
    return 0;
}

static void op_parent_state (int state, void *arg)
{
}

static void op_parent_msg (flux_msg_t *msg, void *arg)
{
    w.heard++;
    tell_children (arg, msg);
    flux_msg_decref (msg);
}

static void op_log (int severity, const char *text, void *arg)
{
}

static const struct overlay_core_ops ops = {
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
    .child_resumed = op_child,
    .child_left = op_child_left,
    .moved = op_moved,
    .ranks_gone = op_ranks_gone,
    .child_torpid = op_child,
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

/* ---- what happens ---- */

static void announced (struct node *n, int rank)
{
    struct idset *ids = topology_subtree (w.topo, rank);

    if (!ids)
        die ("out of memory");
    overlay_core_announced (n->core, ids);
    idset_destroy (ids);
    if (n->up)
        post (n, n->up->parent, ANNOUNCED, n->up, NULL, rank);
}

static void let_happen (const struct event *e)
{
    struct node *n = e->n;

    if (e->kind == TICK) {
        if (n->tick == e->t)
            overlay_core_tick (n->core);
    } else if (e->kind == PARENT_LOST) {
        if (n->up == e->conn)
            overlay_core_parent_lost (n->core, "killed");
    } else if (e->kind == CHILD_LOST)
        overlay_core_child_lost (n->core, e->conn->id);
    else if (e->kind == ANNOUNCED)
        announced (n, e->rank);
    else if (e->kind == UP)
        overlay_core_child_recv (n->core, e->conn->id, e->msg);
    else if (n->up == e->conn)
        overlay_core_parent_recv (n->core, e->msg);
    else
        flux_msg_decref (e->msg);
}

static bool is_message (enum kind kind)
{
    return kind == UP || kind == DOWN || kind == ANNOUNCED;
}

/* One thing at a time: who is busy does it later. */
static void step (void)
{
    struct event e = pop ();

    if (e.n->dead || (is_message (e.kind) && e.conn->cut)) {
        flux_msg_decref (e.msg);
        return;
    }
    w.t = e.t;
    if (is_message (e.kind)) {
        if (e.n->busy > e.t) {
            e.t = e.n->busy;
            push (e);
            return;
        }
        e.n->busy = e.t + COST;
    }
    let_happen (&e);
}

static void run_until (const char *what, bool (*done) (void))
{
    while (!done ()) {
        if (w.count == 0)
            die (what);
        step ();
    }
}

static void run_out (double seconds)
{
    double end = w.t + seconds;

    while (w.count > 0 && w.heap[0].t <= end)
        step ();
    w.t = end;
}

/* What happens from here on is one line. */
static void begin (void)
{
    w.messages = 0;
    w.t_begin = w.t;
    w.cpu_begin = clock ();
}

static void report (const char *topo, const char *name)
{
    printf ("%s.%s %ld %.3f %.3f\n", topo, name, w.messages, (w.t - w.t_begin) * 1e3,
            (double)(clock () - w.cpu_begin) / CLOCKS_PER_SEC);
}

static bool all_there (void)
{
    return overlay_core_status (w.nodes[0].core, NULL) == SUBTREE_FULL;
}

static bool all_heard (void)
{
    return w.heard == w.size - 1;
}

static bool all_told (void)
{
    return w.reduced;
}

static bool all_placed (void)
{
    for (int i = 1; i < w.size; i++)
        if (!w.nodes[i].dead && !overlay_core_has_parent (w.nodes[i].core))
            return false;
    return true;
}

/* The child of rank 0 with most below it. */
static struct node *largest_child (void)
{
    int best = 0;
    size_t most = 0;

    for (int i = 0; i < topology_child_count (w.topo, 0); i++) {
        int rank = topology_child (w.topo, 0, i);
        struct idset *ids = topology_subtree (w.topo, rank);

        if (ids && idset_count (ids) > most) {
            most = idset_count (ids);
            best = rank;
        }
        idset_destroy (ids);
    }
    return &w.nodes[best];
}

static void kill_node (struct node *n)
{
    for (int i = 1; i < w.size; i++)
        if (topology_parent (w.topo, i) == n->rank)
            cut (w.nodes[i].up);
    cut (n->up);
    n->dead = true;
}

static void create (const char *topo)
{
    flux_error_t error;

    if (!(w.topo = topology_create (topo, w.size, &error)))
        die (error.text);
    w.conns = hashmap_create (free);
    w.nodes = calloc (w.size, sizeof (*w.nodes));
    if (!w.conns || !w.nodes)
        die ("out of memory");
    for (int i = 0; i < w.size; i++) {
        struct node *n = &w.nodes[i];
        struct overlay_core_conf conf = { .rank = i,
                                          .topo = w.topo,
                                          .uuid = n->uuid,
                                          .hostname = "host",
                                          .version = "1",
                                          .ops = ops,
                                          .arg = n };

        op_new_id (n->uuid, n);
        n->rank = i;
        n->state = i == 0 ? STATE_QUORUM : STATE_JOIN;
        if (!(n->core = overlay_core_create (&conf)))
            die ("out of memory");
        overlay_core_set_heal (n->core, 20.);
        if (i > 0)
            connect_to (n, &w.nodes[topology_parent (w.topo, i)], n->uuid);
    }
}

static void destroy (void)
{
    while (w.count > 0)
        flux_msg_decref (pop ().msg);
    for (int i = 0; i < w.size; i++)
        overlay_core_destroy (w.nodes[i].core);
    hashmap_destroy (w.conns);
    topology_destroy (w.topo);
    free (w.nodes);
    free (w.heap);
}

static void measure (const char *topo)
{
    flux_msg_t *event = flux_msg_create (FLUX_MSGTYPE_EVENT),
               *request = flux_msg_create (FLUX_MSGTYPE_REQUEST);

    begin ();
    if (!event || !request || flux_msg_set_topic (event, "bench") < 0
        || flux_msg_set_topic (request, "bench") < 0)
        die ("out of memory");
    create (topo);
    for (int i = 1; i < w.size; i++)
        if (overlay_core_hello (w.nodes[i].core) < 0)
            die ("hello");
    run_until ("not all are there", all_there);
    report (topo, "start");
    for (int i = 0; i < w.size; i++)
        w.nodes[i].state = STATE_RUN;
    run_out (10.);

    begin ();
    tell_children (&w.nodes[0], event);
    run_until ("not all hear an event", all_heard);
    report (topo, "event");
    run_out (10.);

    begin ();
    for (int i = 1; i < w.size; i++)
        if (overlay_core_connected_count (w.nodes[i].core) == 0
            && overlay_core_send_parent (w.nodes[i].core, request) < 0)
            die ("a parent is lost");
    run_until ("a reduction does not end", all_told);
    report (topo, "reduction");
    run_out (10.);

    begin ();
    kill_node (largest_child ());
    run_out (2 * LATENCY); /* until they know */
    run_until ("orphans find no place", all_placed);
    report (topo, "loss");

    flux_msg_decref (event);
    flux_msg_decref (request);
    destroy ();
}

int main (int argc, char *argv[])
{
    if (argc < 3)
        die ("usage: bench-overlay SIZE TOPO...");
    for (int i = 2; i < argc; i++) {
        memset (&w, 0, sizeof (w));
        if ((w.size = atoi (argv[1])) < 4)
            die ("SIZE: at least 4");
        measure (argv[i]);
    }
    return 0;
}
