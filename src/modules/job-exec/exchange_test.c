/* Trees of brokers in one process: every shell gets every key, each broker each key
 * once, and in the end nothing is left, whatever is lost on the way. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "exchange.h"

#define NODES 85
#define ARITY 4

struct node {
    unsigned int rank;
    struct exchanges *x;
    struct idset *below;
    int delivered;
    int errnum; /* of the last */
    int failed;
    size_t len; /* of what was delivered last */
    size_t got; /* bytes that came over the tree */
};

/* On its way: a question to a parent, or its answer. */
struct msg {
    struct msg *next;
    struct node *from; /* who asked */
    bool is_answer;
    bool wanted;
    uint64_t id;
    unsigned int seq;
    int errnum;
    char *text;
    size_t len;
};

static struct node nodes[NODES];
static int node_count;
static struct msg *queue;
static int queued;
static size_t messages, bytes;
static unsigned int seed;

static unsigned int rnd (unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

static struct node *parent_of (struct node *n)
{
    return &nodes[(n->rank - 1) / ARITY];
}

static void enqueue (struct msg *m, const char *text, size_t len)
{
    struct msg **p = &queue;

    m->text = malloc (len + 1);
    if (len > 0)
        memcpy (m->text, text, len);
    m->len = len;
    while (*p)
        p = &(*p)->next;
    *p = m;
    queued++;
    messages++;
    bytes += len;
}

static struct msg *question (struct node *n, uint64_t id, unsigned int seq, bool wanted)
{
    struct msg *m = calloc (1, sizeof (*m));

    m->from = n;
    m->id = id;
    m->seq = seq;
    m->wanted = wanted;
    return m;
}

static int ask_op (uint64_t id, unsigned int seq, const char *text, size_t len,
                   void *arg)
{
    enqueue (question (arg, id, seq, true), text, len);
    return 0;
}

static void tell_op (const char *text, size_t len, void *arg)
{
    enqueue (question (arg, 0, 0, false), text, len);
}

/* A request is a msg without text. */
static void answer_op (void *request, int errnum, const char *text, size_t len,
                       void *arg)
{
    struct msg *m = request;

    m->is_answer = true;
    m->errnum = errnum;
    m->from->got += len;
    enqueue (m, text, len);
}

static void deliver_op (uint64_t id, int errnum, const char *keys, size_t len,
                        void *arg)
{
    struct node *n = arg;

    n->errnum = errnum;
    if (errnum)
        n->failed++;
    else
        n->delivered++;
    n->len = len;
}

static const struct exchange_ops ops = {
    .ask = ask_op, .tell = tell_op, .answer = answer_op, .deliver = deliver_op
};

static void fill_below (struct idset *set, unsigned int rank)
{
    if (rank >= (unsigned int)node_count)
        return;
    idset_set (set, rank);
    for (unsigned int i = 1; i <= ARITY; i++)
        fill_below (set, rank * ARITY + i);
}

static void make_tree (int count)
{
    node_count = count;
    messages = bytes = 0;
    for (int i = 0; i < count; i++) {
        struct node *n = &nodes[i];

        memset (n, 0, sizeof (*n));
        n->rank = i;
        if (i > 0) {
            n->below = idset_create (0, IDSET_FLAG_AUTOGROW);
            fill_below (n->below, i);
        }
        n->x = exchanges_create (i, n->below, &ops, n);
        assert_non_null (n->x);
    }
}

static void msg_destroy (struct msg *m)
{
    free (m->text);
    free (m);
}

static void deliver_one (void)
{
    struct msg **p = &queue, *m, *it;

    /* any one, unless an earlier one goes the same way */
    for (int skip = rnd (queued); skip > 0; skip--)
        p = &(*p)->next;
    m = *p;
    for (struct msg **q = &queue; (it = *q) != m; q = &it->next) {
        if (it->from == m->from && it->is_answer == m->is_answer) {
            p = q;
            m = it;
            break;
        }
    }
    *p = m->next;
    m->next = NULL;
    queued--;
    if (m->is_answer) {
        exchange_answer (m->from->x, m->id, m->seq, m->errnum, m->text, m->len);
        msg_destroy (m);
        return;
    }
    struct msg *request = m->wanted ? question (m->from, m->id, m->seq, true) : NULL;
    if (exchange_request (parent_of (m->from)->x, m->text, m->len, request) < 0)
        fail_msg ("malformed: %s", m->text);
    msg_destroy (m);
}

static void run (void)
{
    while (queue)
        deliver_one ();
}

static size_t left (void)
{
    size_t n = 0;

    for (int i = 0; i < node_count; i++)
        n += exchange_count (nodes[i].x);
    return n;
}

static void end_tree (void)
{
    for (int i = 0; i < node_count; i++) {
        exchanges_destroy (nodes[i].x);
        idset_destroy (nodes[i].below);
    }
    while (queue) {
        struct msg *m = queue;
        queue = m->next;
        msg_destroy (m);
    }
    queued = 0;
}

static void enter (int rank, uint64_t id, unsigned int seq, const char *ranks,
                   size_t len)
{
    char *keys = malloc (len + 1);

    memset (keys, 'k', len);
    exchange_enter (nodes[rank].x, id, seq, ranks, keys, len);
    free (keys);
}

static void test_all (void **state)
{
    make_tree (NODES);
    for (int i = 0; i < NODES; i++)
        enter (i, 7, 0, "0-84", 100);
    run ();
    for (int i = 0; i < NODES; i++) {
        assert_int_equal (nodes[i].delivered, 1);
        assert_int_equal (nodes[i].len, 8500);
        if (i > 0) /* each key once */
            assert_in_range (nodes[i].got, 8500, 8600);
    }
    assert_int_equal (messages, 2 * (NODES - 1));
    assert_int_equal (left (), 0);
    end_tree ();
}

/* Twice the keys are twice the bytes, and no more messages. */
static void test_growth (void **state)
{
    size_t before[2] = { 0, 0 };

    for (int i = 0; i < 2; i++) {
        make_tree (NODES);
        for (int r = 0; r < NODES; r++)
            enter (r, 7, 0, "0-84", 1000 << i);
        run ();
        if (i == 1) {
            assert_int_equal (messages, before[0]);
            assert_true (bytes < 2 * before[1]);
        }
        before[0] = messages;
        before[1] = bytes;
        end_tree ();
    }
}

/* Some ranks, no matter where: the lowest above them all is the top. */
static void test_some (void **state)
{
    make_tree (NODES);
    enter (5, 7, 0, "5,21-24", 10);
    for (int i = 21; i <= 24; i++)
        enter (i, 7, 0, "5,21-24", 10);
    run ();
    assert_int_equal (nodes[5].delivered + nodes[21].delivered + nodes[24].delivered,
                      3);
    assert_int_equal (nodes[22].len, 50);
    assert_int_equal (messages, 8); /* none beyond rank 5 */
    assert_int_equal (left (), 0);
    /* ranks between which others lie */
    enter (84, 8, 0, "21,84", 10);
    enter (21, 8, 0, "21,84", 0);
    run ();
    assert_int_equal (nodes[84].delivered, 1);
    assert_int_equal (nodes[84].len, 10);
    assert_int_equal (left (), 0);
    end_tree ();
}

/* Keys that need many pieces, and barriers one after the other. */
static void test_large (void **state)
{
    make_tree (6);
    for (unsigned int seq = 0; seq < 3; seq++) {
        for (int i = 0; i < 6; i++)
            enter (i, 7, seq, "0-5", 300000 + i);
        run ();
        for (int i = 0; i < 6; i++)
            assert_int_equal (nodes[i].len, 1800015);
    }
    assert_int_equal (nodes[5].delivered, 3);
    assert_int_equal (left (), 0);
    end_tree ();
}

/* One ends and does not come: those that wait are told, when the job ends at the
 * latest. */
static void test_leave (void **state)
{
    for (seed = 1; seed < 50; seed++) {
        make_tree (30);
        int missing = rnd (30);
        for (int i = 0; i < 30; i++) {
            if (i != missing)
                enter (i, 7, 0, "0-29", rnd (2) ? 300000 : 10);
            for (int n = rnd (4); n > 0 && queue; n--)
                deliver_one ();
        }
        for (int i = 0; i < 30; i++) {
            exchange_leave (nodes[i].x, 7);
            for (int n = rnd (4); n > 0 && queue; n--)
                deliver_one ();
        }
        run ();
        for (int i = 0; i < 30; i++)
            assert_int_equal (nodes[i].delivered, 0);
        assert_int_equal (left (), 0);
        end_tree ();
    }
}

static bool from_node (void *request, void *arg)
{
    return ((struct msg *)request)->from == arg;
}

/* A broker is lost while its parent waits for others. */
static void test_disconnect (void **state)
{
    make_tree (30);
    enter (21, 7, 0, "21,29", 10);
    run ();
    assert_int_equal (left (), 3); /* 21, 5, 1; 0 waits for 29 */
    exchange_disconnect (nodes[5].x, from_node, &nodes[21]);
    run ();
    assert_int_equal (exchange_count (nodes[5].x) + exchange_count (nodes[1].x)
                          + exchange_count (nodes[0].x),
                      0);
    assert_int_equal (nodes[21].failed, 1); /* if it were there */
    end_tree ();
    /* the others are told why: up, and down again */
    make_tree (30);
    enter (21, 7, 0, "0,21,29", 10);
    enter (29, 7, 0, "0,21,29", 10);
    run ();
    exchange_disconnect (nodes[5].x, from_node, &nodes[21]);
    run ();
    assert_int_equal (nodes[29].errnum, EHOSTUNREACH);
    /* who ends by himself is another thing */
    enter (21, 8, 0, "0,21,29", 10);
    enter (29, 8, 0, "0,21,29", 10);
    run ();
    exchange_leave (nodes[21].x, 8);
    run ();
    assert_int_equal (nodes[29].errnum, ECANCELED);
    assert_int_equal (left (), 0);
    end_tree ();
}

static void refuses (const char *text)
{
    assert_int_equal (exchange_request (nodes[0].x, text, strlen (text), NULL), -1);
    assert_int_equal (errno, EPROTO);
}

static void test_malformed (void **state)
{
    make_tree (2);
    refuses ("");
    refuses ("p 1 2 3 1 0 0 0-1"); /* no end of line */
    refuses ("p 1 2 3 0 0 0 0-1\n");
    refuses ("p 1 2 3 1 5 0\n");
    refuses ("p 1 2 3 1 1 0 0-1\nab");
    refuses ("p 1 2 3 1 99999999999 0 0-1\n");
    refuses ("g 1\n");
    refuses ("z 1 2 3\n");
    /* well-formed, and nonsense: refused by its answer */
    const char *text = "g 1 2 3 0\n";
    exchange_request (nodes[0].x, text, strlen (text),
                      question (&nodes[1], 1, 2, true));
    assert_int_equal (queue->errnum, ENOENT);
    run ();
    text = "p 1 2 3 1 0 0 x-y\n";
    exchange_request (nodes[0].x, text, strlen (text),
                      question (&nodes[1], 1, 2, true));
    assert_int_equal (queue->errnum, EPROTO);
    run ();
    assert_int_equal (left (), 0);
    end_tree ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_all),       cmocka_unit_test (test_growth),
        cmocka_unit_test (test_some),      cmocka_unit_test (test_large),
        cmocka_unit_test (test_leave),     cmocka_unit_test (test_disconnect),
        cmocka_unit_test (test_malformed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
