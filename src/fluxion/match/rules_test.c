/* The rules of matching, one by one, on graphs small enough to work out by hand. */
#include "fluxion/match/rig_test.h"

static const char *try (struct scheduler *s, match_op_t op, uint64_t id,
                        const char *resources)
{
    return rig_match (s, op, id, resources, 10, NULL);
}

static struct scheduler *flexible (const char *graph, const char *policy)
{
    struct scheduler_options opt = { .policy = policy, .traverser = "flexible" };

    return rig_load (graph, &opt);
}

/* Four vertices of 2 GB: 4 slots of 1 GB take one each. */
static void slots_take_whole_vertices (void **state)
{
    static const char *const policies[] = { "low", "first", "locality", "lonode" };

    for (size_t i = 0; i < 4; i++) {
        struct scheduler *s = rig_create ("cluster0{node0{memory0-3*2}}", policies[i]);
        rig_take (s, 1, "slot:4[memory:1]");
        assert_string_equal (rig_held (s, 1), "node0/memory0 node0/memory1 "
                                              "node0/memory2 node0/memory3");
        scheduler_destroy (s);
    }
}

/* 2 slots of 3 GB take two each, and what is left over in them is of no use to a third
 * slot, though 2 GB are. */
static void slots_do_not_share_vertices (void **state)
{
    static const char *const policies[] = { "low", "first", "high" };

    for (size_t i = 0; i < 3; i++) {
        struct scheduler *s =
            rig_create ("cluster0{node0{core0-3 memory0-3*2}}", policies[i]);
        assert_string_equal (rig_take (s, 1, "slot:3[memory:3 core:1]"), "EBUSY");
        rig_take (s, 2, "slot:2[memory:3]");
        assert_string_equal (rig_held (s, 2), "node0/memory0 node0/memory1 "
                                              "node0/memory2 node0/memory3");
        scheduler_destroy (s);
    }
}

/* rack0 has a disk and a node, rack1 only disks, and a node hangs off the cluster: only
 * rack0 has both. Once it is gone, the node and a disk of rack1 serve. */
static void slots_in_an_asymmetric_tree (void **state)
{
    static const char *const policies[] = { "low", "first", "high", "lonode" };

    for (size_t i = 0; i < 4; i++) {
        struct scheduler *s =
            rig_create ("cluster0{node9 rack0{ssd0 node0} rack1{ssd1-2}}", policies[i]);
        rig_take (s, 1, "slot:1[ssd:1 node:1]");
        assert_string_equal (rig_held (s, 1), "rack0/ssd0 rack0/node0");
        rig_take (s, 2, "slot:1[ssd:1 node:1]");
        const char *disk =
            strcmp (policies[i], "low") == 0 || strcmp (policies[i], "lonode") == 0
                ? "node9 rack1/ssd1"
                : "node9 rack1/ssd2";
        assert_string_equal (rig_held (s, 2), disk);
        assert_string_equal (rig_take (s, 3, "slot:1[ssd:1 node:1]"), "EBUSY");
        scheduler_destroy (s);
    }
}

static void set_down (struct scheduler *s, const char *path)
{
    scheduler_set_status (s, graph_find_path (scheduler_graph (s), path), true);
}

/* Two nodes, one is down: two can be had some day, so nothing is unsatisfiable about it. */
static void down_and_unsatisfiable (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-1{core0-1}}", "low");

    set_down (s, "/cluster0/node1");
    assert_string_equal (try (s, MATCH_ALLOCATE_ORELSE_RESERVE, 1, "slot:2[node:1]"),
                         "EBUSY");
    assert_string_equal (try (s, MATCH_ALLOCATE_ORELSE_RESERVE, 1, "slot:3[node:1]"),
                         "ENODEV");
    assert_string_equal (try (s, MATCH_WITHOUT_ALLOCATING_FUTURE, 1, "slot:3[node:1]"),
                         "ENODEV");
    assert_string_equal (try (s, MATCH_ALLOCATE, 1, "slot:3[node:1]"), "EBUSY");
    assert_string_equal (try (s, MATCH_ALLOCATE_W_SATISFIABILITY, 2, "slot:2[node:1]"),
                         "EBUSY");
    assert_string_equal (try (s, MATCH_ALLOCATE_W_SATISFIABILITY, 2, "slot:3[node:1]"),
                         "ENODEV");
    assert_string_equal (try (s, MATCH_ALLOCATE_W_SATISFIABILITY, 3, "slot:1[node:1]"),
                         "@0 node0");
    assert_string_equal (try (s, MATCH_ALLOCATE_W_SATISFIABILITY, 4, "slot:1[node:1]"),
                         "EBUSY");
    assert_string_equal (
        try (s, MATCH_ALLOCATE_W_SATISFIABILITY, 5, "node:1[slot:3[core:1]]"),
        "ENODEV");
    scheduler_destroy (s);
}

/* Of the cores of node0 those whose digits are named. */
static void set_up_only (struct scheduler *s, const char *cores)
{
    char path[64];

    for (int i = 0; i < 8; i++) {
        snprintf (path, sizeof (path), "/cluster0/node0/core%d", i);
        scheduler_set_status (s, graph_find_path (scheduler_graph (s), path),
                              !strchr (cores, '0' + i));
    }
}

/* Slots of a GPU or, if there is none, of two cores: there is one GPU, so the second
 * and third slot are of cores. */
static void or_slots_serve_the_rest (void **state)
{
    struct scheduler *s = flexible ("cluster0{node0{core0-5 gpu0}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:3[gpu:1] slot:3[core:2]"),
                         "@0 node0/core0 node0/core1 node0/core2 node0/core3 "
                         "node0/gpu0");
    assert_string_equal (rig_take (s, 2, "slot:2[gpu:1] slot:2[core:2]"), "EBUSY");
    scheduler_destroy (s);
}

/* The kinds are found at different depths: a whole node, or two cores of one. node0 is
 * in use, node1 serves whole; the second slot is of cores of node0. */
static void or_slots_at_several_depths (void **state)
{
    struct scheduler *s = flexible ("cluster0{node0-1{core0-3}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 node0/core0");
    assert_string_equal (rig_take (s, 2, "slot:2[node:1] slot:2[core:2]"),
                         "@0 node0/core1 node0/core2 node1");
    assert_string_equal (rig_take (s, 3, "slot:1[node:1] slot:1[core:2]"), "EBUSY");
    scheduler_destroy (s);
}

/* Either GPUs or cores; if neither has enough for all, the GPU and then cores. */
static void xor_slots_serve_the_rest (void **state)
{
    struct scheduler *s = flexible ("cluster0{node0{core0-3 gpu0-1}}", "low");
    const char *two = "xor_slot:2[gpu:1] xor_slot:2[core:2]";

    assert_string_equal (rig_take (s, 1, "slot:1[gpu:1]"), "@0 node0/gpu0");
    /* One kind serves both slots: the second, since one GPU is left. */
    assert_string_equal (rig_take (s, 2, two),
                         "@0 node0/core0 node0/core1 node0/core2 node0/core3");
    assert_int_equal (scheduler_cancel (s, 2), 0);
    rig_take (s, 3, "slot:1[core:1]");
    assert_string_equal (rig_take (s, 4, two), "@0 node0/core1 node0/core2 node0/gpu1");
    assert_string_equal (rig_take (s, 5, two), "EBUSY");
    scheduler_destroy (s);
}

/* The GPU is in use until 10; cores are free: they are taken now, rather than the GPU
 * reserved. Once the cores are in use, too, the GPU is reserved, which comes first. */
static void xor_slot_now_before_later (void **state)
{
    struct scheduler *s = flexible ("cluster0{node0{core0-1 gpu0}}", "low");
    const char *either = "xor_slot:1[gpu:1] xor_slot:1[core:2]";

    rig_take (s, 1, "slot:1[gpu:1]");
    assert_string_equal (try (s, MATCH_ALLOCATE_ORELSE_RESERVE, 2, either),
                         "@0 node0/core0 node0/core1");
    assert_string_equal (try (s, MATCH_ALLOCATE_ORELSE_RESERVE, 3, either),
                         "reserved@10 node0/gpu0");
    scheduler_destroy (s);
}

/* Shelves of disks, which no filter counts: once a disk has been taken from a shelf, it
 * weighs nothing, though it has more. So shelf2, shelf1, shelf0; then they are equal, and
 * the highest comes first. Disks themselves are not weighed: disk1 comes before disk0. */
static void first_weighs_without_filter (void **state)
{
    struct scheduler *s = rig_create ("cluster0{shelf0-2{disk0-1}}", "first");

    assert_string_equal (rig_take (s, 1, "slot:1[disk:1]"), "@0 shelf2/disk1");
    assert_string_equal (rig_take (s, 2, "slot:1[disk:1]"), "@0 shelf1/disk1");
    assert_string_equal (rig_take (s, 3, "slot:1[disk:1]"), "@0 shelf0/disk1");
    assert_string_equal (rig_take (s, 4, "slot:1[disk:1]"), "@0 shelf2/disk0");
    scheduler_destroy (s);
}

/* Three nodes of 4 cores: the first job takes 1 of node2, the second 2 of node1, the third
 * 3 of node0; they weigh 3, 2 and 1. A fourth takes what weighs most: node2, which then
 * weighs 2 like node1, and has the higher id. */
static void first_weighs_nodes (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-2{core0-3}}", "first");

    assert_string_equal (rig_take (s, 1, "slot:1[core:1]"), "@0 node2/core3");
    assert_string_equal (rig_take (s, 2, "slot:1[core:2]"),
                         "@0 node1/core2 node1/core3");
    assert_string_equal (rig_take (s, 3, "slot:1[core:3]"),
                         "@0 node0/core1 node0/core2 node0/core3");
    assert_string_equal (rig_take (s, 4, "slot:1[core:1]"), "@0 node2/core2");
    assert_string_equal (rig_take (s, 5, "slot:1[core:1]"), "@0 node2/core1");
    assert_string_equal (rig_take (s, 6, "slot:1[core:1]"), "@0 node1/core1");
    scheduler_destroy (s);
}

/* 2 to 8 nodes by powers of 2 are 2 or 4: four, and rack1 alone has them, though nodes of
 * the same ids are in rack0. */
static void first_stays_in_one_rack (void **state)
{
    struct scheduler *s =
        rig_create ("cluster0{rack0{node0-3} rack1{node0-3}}", "first");

    assert_string_equal (rig_take (s, 1, "slot:1[node:2-8:2:^]"),
                         "@0 rack1/node0 rack1/node1 rack1/node2 rack1/node3");
    assert_string_equal (rig_take (s, 2, "node:2-8:2:^"),
                         "@0 rack0/node0(shared) rack0/node1(shared) "
                         "rack0/node2(shared) rack0/node3(shared)");
    scheduler_destroy (s);
}

/* One node: 10 s from now on are in use, 10 s after that reserved. What never ends, or
 * lasts longer than the graph from then on, comes at 20. */
static void no_limit_behind_reservations (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0{core0-1}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:1[node:1]"), "@0 node0");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 2, "slot:1[node:1]", 10, NULL),
        "reserved@10 node0");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 3, "slot:1[node:1]", 0, NULL),
        "reserved@20 node0");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 4, "slot:1[node:1]", 0, NULL),
        "EBUSY");
    scheduler_destroy (s);
}

/* 7 cores for 2 slots of 1 to 8: 3 each. Of 4 vertices of 2 GB each of 2 slots gets
 * two, and 3 slots one; by powers of two from 1 on, 7 cores make 2 slots of 2. */
static void ranges_for_several_slots (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0{core0-6 memory0-3*2}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:2[core:1-8]"),
                         "@0 node0/core0 node0/core1 node0/core2 node0/core3 "
                         "node0/core4 node0/core5");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (rig_take (s, 2, "slot:2[memory:1+]"),
                         "@0 node0/memory0 node0/memory1 node0/memory2 node0/memory3");
    assert_int_equal (scheduler_cancel (s, 2), 0);
    assert_string_equal (rig_take (s, 3, "slot:3[memory:1+]"),
                         "@0 node0/memory0 node0/memory1 node0/memory2");
    assert_string_equal (rig_take (s, 4, "slot:2[core:1-8:2:*]"),
                         "@0 node0/core0 node0/core1 node0/core2 node0/core3");
    scheduler_destroy (s);
}

/* A slot under a node finds cores below the sockets, of both if need be. */
static void levels_between_node_and_slot (void **state)
{
    static const char *const policies[] = { "low", "lonode" };

    for (size_t i = 0; i < 2; i++) {
        struct scheduler *s = rig_create (
            "cluster0{node0-1{socket0{core0-1} socket1{core2-3}}}", policies[i]);
        assert_string_equal (rig_take (s, 1, "node:1[slot:1[core:3]]"),
                             "@0 node0/socket0/core0 node0/socket0/core1 "
                             "node0/socket1/core2");
        assert_string_equal (rig_take (s, 2, "node:1[slot:2[core:2]]"),
                             "@0 node1/socket0/core0 node1/socket0/core1 "
                             "node1/socket1/core2 node1/socket1/core3");
        assert_string_equal (rig_take (s, 3, "node:1[slot:1[core:2]]"), "EBUSY");
        assert_string_equal (rig_take (s, 4, "node:1[slot:1[core:1]]"),
                             "@0 node0/socket1/core3");
        scheduler_destroy (s);
    }
}

/* Four cores are found below one node, and four nodes in one rack. */
static void locality_packs (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0-3{core0-3}}", "locality");

    assert_string_equal (rig_take (s, 1, "slot:4[core:1]"),
                         "@0 node0/core0 node0/core1 node0/core2 node0/core3");
    /* node1 has three left after this, and nodes 2 and 3 four: two for 6 cores. */
    assert_string_equal (rig_take (s, 2, "slot:1[core:1]"), "@0 node1/core3");
    assert_string_equal (rig_take (s, 3, "slot:6[core:1]"),
                         "@0 node2/core0 node2/core1 node2/core2 node2/core3 "
                         "node3/core2 node3/core3");
    /* Then there are three and two: three in one place are nearer than two. */
    assert_string_equal (rig_take (s, 4, "slot:3[core:1]"),
                         "@0 node1/core0 node1/core1 node1/core2");
    scheduler_destroy (s);

    s = rig_create ("cluster0{rack0{node0-2} rack1{node0-3}}", "locality");
    assert_string_equal (rig_take (s, 1, "slot:4[node:1]"),
                         "@0 rack1/node0 rack1/node1 rack1/node2 rack1/node3");
    scheduler_destroy (s);
}

/* cores 2 and 5 of 8 are in use: 0-1, 3-4 and 6-7 are runs of two; with 5 back, 3-7 are
 * one of five, and the neighbours at its end serve. */
static void locality_takes_neighbours (void **state)
{
    struct scheduler *s = rig_create ("cluster0{node0{core0-7}}", "locality");

    set_up_only (s, "013467");
    assert_string_equal (rig_take (s, 1, "slot:2[core:1]"),
                         "@0 node0/core6 node0/core7");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    set_up_only (s, "0134567");
    assert_string_equal (rig_take (s, 2, "slot:3[core:1]"),
                         "@0 node0/core5 node0/core6 node0/core7");
    assert_string_equal (rig_take (s, 3, "slot:2[core:1]"),
                         "@0 node0/core3 node0/core4");
    scheduler_destroy (s);
}

/* Kinds take from the same vertices. Four cores, two GPUs, two vertices of 2 GB: two slots
 * of the third kind leave two cores, which make one of the second. */
static void kinds_share_vertices (void **state)
{
    struct scheduler *s =
        flexible ("cluster0{node0{core0-3 gpu0-1 memory0-1*2}}", "low");

    assert_string_equal (
        rig_take (
            s, 1,
            "slot:3[core:2 memory:3] slot:3[core:2] slot:3[core:1 memory:2 gpu:1]"),
        "@0 node0/core0 node0/core1 node0/core2 node0/core3 node0/gpu0 node0/gpu1 "
        "node0/memory0 node0/memory1");
    scheduler_destroy (s);
}

/* A slot of 3 GB takes both vertices of 2 GB, though 1 GB is left over: only without it
 * there are two slots. */
static void kinds_take_whole_vertices (void **state)
{
    struct scheduler *s = flexible ("cluster0{node0{core0-1 gpu0 memory0-1*2}}", "low");

    assert_string_equal (
        rig_take (s, 1, "slot:2[gpu:1 memory:3] slot:2[core:1 memory:1]"),
        "@0 node0/core0 node0/core1 node0/memory0 node0/memory1");
    scheduler_destroy (s);
}

/* Below a node one kind may be among its children and another further down. */
static void kinds_at_their_own_depth (void **state)
{
    struct scheduler *s =
        flexible ("cluster0{node0{socket0{core0-1} socket1{core2} gpu0}}", "low");

    assert_string_equal (rig_take (s, 1, "node:1[slot:2[gpu:1] slot:2[core:2]]"),
                         "@0 node0/socket0/core0 node0/socket0/core1 node0/gpu0");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    /* And anywhere. */
    assert_string_equal (rig_take (s, 3, "slot:1[gpu:1 core:1] slot:1[core:2]"),
                         "@0 node0/socket0/core0 node0/gpu0");
    scheduler_destroy (s);
}

/* One kind is made in a node, the other in a socket, and they contend for cores. With the
 * GPU goes the core of socket1, which makes no slot of two; a third slot there is not. */
static void kinds_contend_at_their_own_depth (void **state)
{
    static const char *const policies[] = { "low",    "high",      "first",   "lonode",
                                            "hinode", "variation", "locality" };
    static const char *const kinds[] = {
        "slot:%d[gpu:1 core:1] slot:%d[core:2]",
        "xor_slot:%d[core:2] xor_slot:%d[gpu:1 core:1]"
    };

    for (size_t i = 0; i < 2 * 7; i++) {
        struct scheduler *s = flexible (
            "cluster0{node0{socket0{core0-1} socket1{core2} gpu0}}", policies[i / 2]);
        char two[80], three[80];
        snprintf (two, sizeof (two), kinds[i % 2], 2, 2);
        snprintf (three, sizeof (three), kinds[i % 2], 3, 3);
        assert_string_equal (rig_take (s, 1, three), "EBUSY");
        rig_take (s, 2, two);
        assert_string_equal (rig_held (s, 2), "node0/socket0/core0 node0/socket0/core1 "
                                              "node0/socket1/core2 node0/gpu0");
        scheduler_destroy (s);
    }
}

/* The same with vertices of 2 GB: one slot has to take core0 and both of them, and sockets
 * 1 and 2 make two; what comes first in its order, or is next to another, would not do. */
static void kinds_leave_each_other_room (void **state)
{
    static const char *const policies[] = { "low",    "high",     "first",    "lonode",
                                            "hinode", "locality", "variation" };
    const char *graph = "cluster0{node0{socket0{core0} socket1{core1-2} "
                        "socket2{core3-4} memory0-1*2}}";

    for (size_t i = 0; i < 7; i++) {
        struct scheduler *s = flexible (graph, policies[i]);
        rig_take (s, 1, "xor_slot:3[core:1 memory:3] xor_slot:3[core:2]");
        assert_string_equal (
            rig_held (s, 1),
            "node0/socket0/core0 node0/socket1/core1 node0/socket1/core2 "
            "node0/socket2/core3 node0/socket2/core4 node0/memory0 node0/memory1");
        assert_int_equal (scheduler_cancel (s, 1), 0);
        assert_string_equal (
            rig_take (s, 2, "xor_slot:4[core:1 memory:3] xor_slot:4[core:2]"), "EBUSY");
        scheduler_destroy (s);
    }
}

/* A node that is a slot is nobody else's, and one of which a core is taken is none: so it
 * is node1, since node0 alone makes slots of the other kinds, one of each. */
static void kinds_do_not_overlap (void **state)
{
    struct scheduler *s =
        flexible ("cluster0{node0{core0-3 gpu0} node1{core0-1}}", "low");
    const char *kinds = "slot:%d[node:1] slot:%d[core:1 gpu:1] slot:%d[core:3]";
    char text[100];

    snprintf (text, sizeof (text), kinds, 3, 3, 3);
    assert_string_equal (rig_take (s, 1, text),
                         "@0 node0/core0 node0/core1 node0/core2 node0/core3 "
                         "node0/gpu0 node1");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    snprintf (text, sizeof (text), kinds, 4, 4, 4);
    assert_string_equal (rig_take (s, 2, text), "EBUSY");
    scheduler_destroy (s);
}

/* Two nodes of four cores: both whole are two slots; one, and two of two cores of the
 * other, are three. */
static void fewer_of_the_first_kind (void **state)
{
    struct scheduler *s = flexible ("cluster0{node0-1{core0-3}}", "low");

    assert_string_equal (rig_take (s, 1, "slot:3[node:1] slot:3[core:2]"),
                         "@0 node0 node1/core0 node1/core1 node1/core2 node1/core3");
    assert_string_equal (rig_take (s, 2, "slot:1[node:1] slot:1[core:1]"), "EBUSY");
    scheduler_destroy (s);
}

/* A rack is taken whole while one of its nodes is down: that one is nobody's. */
static void whole_without_what_is_down (void **state)
{
    static const char *const policies[] = { "low", "first", "locality" };

    for (size_t i = 0; i < 3; i++) {
        struct scheduler *s =
            rig_create ("cluster0{rack0{node0{core0} node1{core0}}}", policies[i]);
        set_down (s, "/cluster0/rack0/node1");
        assert_string_equal (rig_take (s, 1, "rack:1!"),
                             "@0 rack0/node0/core0 rack0/node0 rack0");
        scheduler_destroy (s);
    }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (slots_take_whole_vertices),
        cmocka_unit_test (slots_do_not_share_vertices),
        cmocka_unit_test (slots_in_an_asymmetric_tree),
        cmocka_unit_test (down_and_unsatisfiable),
        cmocka_unit_test (or_slots_serve_the_rest),
        cmocka_unit_test (or_slots_at_several_depths),
        cmocka_unit_test (xor_slots_serve_the_rest),
        cmocka_unit_test (xor_slot_now_before_later),
        cmocka_unit_test (first_weighs_without_filter),
        cmocka_unit_test (first_weighs_nodes),
        cmocka_unit_test (first_stays_in_one_rack),
        cmocka_unit_test (locality_packs),
        cmocka_unit_test (locality_takes_neighbours),
        cmocka_unit_test (no_limit_behind_reservations),
        cmocka_unit_test (ranges_for_several_slots),
        cmocka_unit_test (levels_between_node_and_slot),
        cmocka_unit_test (kinds_share_vertices),
        cmocka_unit_test (kinds_take_whole_vertices),
        cmocka_unit_test (kinds_at_their_own_depth),
        cmocka_unit_test (kinds_contend_at_their_own_depth),
        cmocka_unit_test (kinds_leave_each_other_room),
        cmocka_unit_test (kinds_do_not_overlap),
        cmocka_unit_test (fewer_of_the_first_kind),
        cmocka_unit_test (whole_without_what_is_down),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
