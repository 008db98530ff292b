/* Cancel and partial cancel: what is given back, and what is counted. */
#include "fluxion/match/rig_test.h"

static void pick_paths (struct scheduler *s, struct picks *picks, const char *paths)
{
    char path[128];
    int n;

    for (; sscanf (paths, " %127s%n", path, &n) == 1; paths += n) {
        uint32_t v = graph_find_path (scheduler_graph (s), path);
        assert_int_not_equal (v, VTX_NONE);
        assert_int_equal (picks_add (picks, v, false, 1), 0);
    }
}

static bool give_back (struct scheduler *s, uint64_t id, const char *paths)
{
    struct picks picks = { 0 };
    flux_error_t error;
    bool full = false;

    pick_paths (s, &picks, paths);
    if (scheduler_partial_cancel (s, id, &picks, false, &full, &error) < 0)
        fail_msg ("%s", error.text);
    picks_fini (&picks);
    if (!scheduler_check (s, &error))
        fail_msg ("%s", error.text);
    return full;
}

static bool give_back_R (struct scheduler *s, uint64_t id, const char *R_lite)
{
    struct picks picks = { 0 };
    struct buf b = BUF_INIT;
    flux_error_t error;
    bool full = false;

    buf_printf (&b,
                "{\"version\":1,\"execution\":{\"R_lite\":[%s],\"nodelist\":[\"n0\"],"
                "\"starttime\":0,\"expiration\":0}}",
                R_lite);
    if (fluxion_pick_rv1exec (scheduler_graph (s), b.data, b.len, false, &picks, &error)
            < 0
        || scheduler_partial_cancel (s, id, &picks, false, &full, &error) < 0)
        fail_msg ("%s", error.text);
    picks_fini (&picks);
    buf_fini (&b);
    if (!scheduler_check (s, &error))
        fail_msg ("%s", error.text);
    return full;
}

/* A core of node0: the job holds core, node0, cluster0, 3 vertices. node0 has 4
 * children, cluster0 has 2, the core none: 1 + 6 are looked at. */
static void cancel_counts (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-3}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 node0/core0");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_int_equal (scheduler_counts (s).preorder, 7);
    assert_int_equal (scheduler_counts (s).postorder, 3);
    assert_string_equal (rig_take (s, 2, "slot:4[core:1]"),
                         "@0 node0/core0 node0/core1 node1/core0 node1/core1");
    give_back (s, 2, "/cluster0/node0/core1");
    assert_int_equal (scheduler_counts (s).preorder, 0);
    assert_int_equal (scheduler_counts (s).postorder, 0);
    scheduler_destroy (s);
}

/* Each named vertex goes; on the way to node1 there is no need for node0 any more. */
static void named_vertices (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-1}}", "low");

    rig_take (s, 1, "slot:2[node:1[core:2]]");
    assert_string_equal (rig_held (s, 1), "node0/core0 node0/core1 node0 node1/core0 "
                                          "node1/core1 node1");
    assert_false (give_back (s, 1,
                             "/cluster0 /cluster0/node0 /cluster0/node0/core0 "
                             "/cluster0/node0/core1"));
    assert_string_equal (rig_held (s, 1), "node1/core0 node1/core1 node1");
    assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "@0 node0");
    /* A second time nothing is there to be given back. */
    assert_false (give_back (s, 1, "/cluster0/node0"));
    assert_true (give_back (s, 1,
                            "/cluster0/node1 /cluster0/node1/core0 "
                            "/cluster0/node1/core1"));
    assert_string_equal (rig_take (s, 3, "slot:1[node:1]"), "@0 node1");
    scheduler_destroy (s);
}

/* Nodes that are shared are held, too: two of them, one is named. The other, which
 * nobody named, stays. */
static void shared_vertices (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-2{core0-1}}", "low");

    assert_string_equal (rig_take (s, 1, "node:2"), "@0 node0(shared) node1(shared)");
    assert_false (give_back (s, 1, "/cluster0 /cluster0/node0"));
    assert_string_equal (rig_held (s, 1), "node1(shared)");
    assert_true (give_back (s, 1, "/cluster0 /cluster0/node1"));
    assert_string_equal (rig_take (s, 2, "slot:3[node:1]"), "@0 node0 node1 node2");
    scheduler_destroy (s);
}

/* A node is named, and one of its two cores: the other is held still, and on the way
 * to it the node is, but not for this job alone. */
static void named_above_kept (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0{core0-1}}", "low");

    rig_take (s, 1, "slot:1[node:1[core:2]]");
    assert_false (give_back (s, 1, "/cluster0/node0 /cluster0/node0/core0"));
    assert_string_equal (rig_held (s, 1), "node0/core1");
    assert_string_equal (rig_take (s, 2, "slot:1[core:1]"), "@0 node0/core0");
    assert_string_equal (rig_take (s, 3, "slot:1[core:1]"), "EBUSY");
    scheduler_destroy (s);
}

/* R names leaves: the socket, which it does not name, stays with the job. Cores that
 * rank 0 does not have (8, 9) and that the job does not hold (3) are passed over. */
static void leaves_of_ranks (void **state)
{
    struct scheduler *s =
        rig_create ("cluster0{node0-1{socket0{core0-1} socket1{core2-3}}}", "low");

    assert_string_equal (rig_take (s, 1, "node:2[slot:1[socket:1[core:1]]]"),
                         "@0 node0/socket0/core0 node0/socket0 node1/socket0/core0 "
                         "node1/socket0");
    assert_false (
        give_back_R (s, 1, "{\"rank\":\"0\",\"children\":{\"core\":\"0-3,8-9\"}}"));
    assert_string_equal (rig_held (s, 1),
                         "node0/socket0 node1/socket0/core0 node1/socket0");
    assert_string_equal (rig_take (s, 2, "slot:1[socket:1]"), "@0 node0/socket1");
    assert_false (give_back_R (s, 1, "{\"rank\":\"1\",\"children\":{\"core\":\"0\"}}"));
    assert_string_equal (rig_held (s, 1), "node0/socket0 node1/socket0");
    scheduler_destroy (s);
}

/* Two whole nodes and nothing else: naming the ranks gives them back, and the sums
 * above say so (three nodes in one go fit only then). */
static void bare_nodes (void **state)
{
    struct scheduler *s = rig_create ("cluster0{rack0{node0-1} rack1{node2}}", "low");
    struct graph *g = scheduler_graph (s);
    uint32_t rack0 = graph_find_path (g, "/cluster0/rack0");
    int64_t total;

    assert_string_equal (rig_take (s, 1, "slot:2[node:1]"),
                         "@0 rack0/node0 rack0/node1");
    assert_int_equal (scheduler_used_below (s, rack0, g->t_node, &total), 2);
    assert_false (give_back_R (s, 1, "{\"rank\":\"1\",\"children\":{}}"));
    assert_int_equal (scheduler_used_below (s, rack0, g->t_node, &total), 1);
    assert_true (give_back_R (s, 1, "{\"rank\":\"0\",\"children\":{}}"));
    assert_int_equal (scheduler_used_below (s, rack0, g->t_node, &total), 0);
    assert_string_equal (rig_take (s, 2, "slot:3[node:1]"),
                         "@0 rack0/node0 rack0/node1 rack1/node2");
    scheduler_destroy (s);
}

static void reservation (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0}", "low");
    struct picks picks = { 0 };
    flux_error_t error;
    bool full;

    rig_take (s, 1, "slot:1[node:1]");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 2, "slot:1[node:1]", 10, NULL),
        "reserved@10 node0");
    pick_paths (s, &picks, "/cluster0/node0");
    assert_int_equal (scheduler_partial_cancel (s, 2, &picks, false, &full, &error),
                      -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text,
                         "reservations not currently supported by partial cancel");
    assert_string_equal (rig_held (s, 2), "node0");
    picks_fini (&picks);
    scheduler_destroy (s);
}

/* Two nodes; job 1 has both until 10, job 2 waits. */
static void another_end (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-1}}", "low");
    flux_error_t error;

    assert_string_equal (rig_take (s, 1, "slot:2[node:1]"), "@0 node0 node1");
    char *held = strdup (rig_held (s, 1));
    assert_int_equal (scheduler_set_end (s, 1, 25, &error), 0);
    assert_string_equal (rig_held (s, 1), held);
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 2, "slot:1[node:1]", 10, NULL),
        "reserved@25 node0");
    /* What is reserved is not taken. */
    assert_int_equal (scheduler_set_end (s, 1, 26, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (scheduler_job (s, 1)->end, 25);
    assert_string_equal (rig_held (s, 1), held);
    assert_int_equal (scheduler_set_end (s, 1, 5, &error), 0);
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 3, "slot:1[node:1]", 10, NULL),
        "reserved@5 node0");
    assert_int_equal (scheduler_set_end (s, 2, 50, &error), -1); /* a reservation */
    assert_int_equal (errno, ENOENT);
    assert_int_equal (scheduler_set_end (s, 9, 50, &error), -1);
    scheduler_cancel (s, 2);
    scheduler_cancel (s, 3);
    assert_int_equal (scheduler_set_end (s, 1, 0, &error),
                      0); /* as long as the graph */
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 4, "slot:1[node:1]", 10, NULL),
        "EBUSY");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (rig_take (s, 5, "slot:2[node:1]"), "@0 node0 node1");
    free (held);
    scheduler_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (another_end),      cmocka_unit_test (cancel_counts),
        cmocka_unit_test (named_vertices),   cmocka_unit_test (shared_vertices),
        cmocka_unit_test (named_above_kept), cmocka_unit_test (leaves_of_ranks),
        cmocka_unit_test (bare_nodes),       cmocka_unit_test (reservation),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
