/* Vertices with several parents: one state each, reachable by every path. */
#include "fluxion/match/rig_test.h"

#define EDGE(from, to) "{\"source\":\"" #from "\",\"target\":\"" #to "\"}"

/* uniq_ids: cluster0 0; rack0 1, node0 2, core0 3, core1 4; rack1 5, node1 6, core0 7,
 * core1 8. node0 is in rack1, too. */
static struct scheduler *two_racks (const char *policy)
{
    struct scheduler_options opt = { .policy = policy };

    return rig_load_more ("cluster0{rack0{node0{core0-1}} rack1{node1{core0-1}}}",
                          EDGE (5, 2), &opt);
}

static const char *const policies[] = { "low",    "high",   "first",
                                        "lonode", "hinode", "locality" };
#define NPOLICIES (sizeof (policies) / sizeof (policies[0]))

/* rack1 has both nodes, rack0 one of them; a rack of three there is not. */
static void each_path_leads_there (void **state)
{
    for (size_t i = 0; i < NPOLICIES; i++) {
        struct scheduler *s = two_racks (policies[i]);
        assert_string_equal (rig_take (s, 1, "rack:1[slot:3[node:1]]"), "EBUSY");
        rig_take (s, 2, "rack:1[slot:2[node:1]]");
        assert_string_equal (rig_held (s, 2), "rack0/node0 rack1/node1");
        /* Its path goes through rack0, but it is held through rack1 alone. */
        struct job *job = scheduler_job (s, 2);
        assert_int_equal (job->nspan, 4);
        assert_string_equal (rig_take (s, 3, "rack:1[slot:1[node:1]]"), "EBUSY");
        assert_int_equal (scheduler_cancel (s, 2), 0);
        rig_take (s, 4, "slot:2[node:1]");
        assert_string_equal (rig_held (s, 4), "rack0/node0 rack1/node1");
        scheduler_destroy (s);
    }
}

/* There are two nodes, however many ways lead to them. */
static void nothing_is_counted_twice (void **state)
{
    for (size_t i = 0; i < NPOLICIES; i++) {
        struct scheduler *s = two_racks (policies[i]);
        assert_string_equal (rig_take (s, 1, "slot:3[node:1]"), "EBUSY");
        assert_string_equal (rig_take (s, 2, "slot:5[core:1]"), "EBUSY");
        rig_take (s, 3, "slot:4[core:1]");
        assert_string_equal (rig_held (s, 3), "rack0/node0/core0 rack0/node0/core1 "
                                              "rack1/node1/core0 rack1/node1/core1");
        scheduler_destroy (s);
    }
}

/* rack0 is taken whole, and node0 with it: rack1 can still be had, but not with node0. */
static void held_from_elsewhere (void **state)
{
    for (size_t i = 0; i < NPOLICIES; i++) {
        struct scheduler *s = two_racks (policies[i]);
        rig_take (s, 1, "rack:1![node:1[core:2]]");
        struct job *job = scheduler_job (s, 1);
        assert_non_null (job);
        bool rack1 = job->nspan > 5; /* which has both nodes */
        assert_string_equal (rig_take (s, 2, "rack:1[slot:1[node:1]]"),
                             rack1 ? "EBUSY" : "@0 rack1/node1");
        assert_string_equal (rig_take (s, 3, "rack:1![node:1]"), "EBUSY");
        scheduler_destroy (s);
    }
}

/* rack0 is down: node0 is there through rack1; with both down there is nothing. */
static void another_way_in (void **state)
{
    for (size_t i = 0; i < NPOLICIES; i++) {
        struct scheduler *s = two_racks (policies[i]);
        struct graph *g = scheduler_graph (s);
        scheduler_set_status (s, graph_find_path (g, "/cluster0/rack0"), true);
        rig_take (s, 1, "slot:2[node:1]");
        assert_string_equal (rig_held (s, 1), "rack0/node0 rack1/node1");
        assert_int_equal (scheduler_job (s, 1)->nspan, 4);
        assert_int_equal (scheduler_cancel (s, 1), 0);
        scheduler_set_status (s, graph_find_path (g, "/cluster0/rack1"), true);
        assert_string_equal (rig_take (s, 2, "slot:1[node:1]"), "EBUSY");
        scheduler_destroy (s);
    }
}

/* Held through rack1 alone; given back one after the other, in either order. While there
 * is one, rack1 is on the way to it (though the path of node0 is through rack0, as which it
 * is written); rack0 never was. */
static void given_back_one_by_one (void **state)
{
    static const char *const order[][2] = {
        { "/cluster0/rack0/node0", "/cluster0/rack1/node1" },
        { "/cluster0/rack1/node1", "/cluster0/rack1/node0" },
    };

    for (int i = 0; i < 2; i++) {
        struct scheduler *s = two_racks ("low");
        struct graph *g = scheduler_graph (s);
        rig_take (s, 1, "rack:1[slot:2[node:1]]");
        for (int k = 0; k < 2; k++) {
            struct picks picks = { 0 };
            flux_error_t error;
            bool full;
            assert_int_equal (
                picks_add (&picks, graph_find_path (g, order[i][k]), false, 1), 0);
            assert_int_equal (
                scheduler_partial_cancel (s, 1, &picks, false, &full, &error), 0);
            picks_fini (&picks);
            assert_int_equal (full, k == 1);
            assert_true (scheduler_check (s, &error));
            if (k == 0)
                assert_string_equal (rig_held (s, 1),
                                     i == 0 ? "rack1/node1"
                                            : "rack0/node0 rack1(shared)");
            if (k == 0)
                assert_int_equal (scheduler_job (s, 1)->nspan, 3);
            if (k == 0) /* rack1 is shared by both jobs, of the same two nodes */
                assert_string_equal (rig_take (s, 2, "rack:1[slot:2[node:1]]"),
                                     "EBUSY");
        }
        assert_string_equal (rig_take (s, 3, "slot:2[rack:1]"), "@0 rack0 rack1");
        scheduler_destroy (s);
    }
}

static void both_paths_name_it (void **state)
{
    struct scheduler *s = two_racks ("low");
    struct graph *g = scheduler_graph (s);
    uint32_t n, v = graph_find_path (g, "/cluster0/rack0/node0");
    flux_error_t error;

    assert_int_equal (v, graph_find_path (g, "/cluster0/rack1/node0"));
    graph_parents (g, v, &n);
    assert_int_equal (n, 2);
    graph_below (g, g->root, &n);
    assert_int_equal (n, 8);
    assert_int_equal (scheduler_shrink (s, v, &error), -1);
    assert_int_equal (errno, EOPNOTSUPP);
    struct scheduler *copy = scheduler_copy (s);
    assert_non_null (copy);
    assert_string_equal (rig_take (copy, 1, "rack:1[slot:2[node:1]]"),
                         "@0 rack0/node0 rack1/node1");
    scheduler_destroy (copy);
    scheduler_destroy (s);
}

static const char *refused (const char *graph, const char *more)
{
    static flux_error_t error;
    struct scheduler_options opt = { .policy = "low" };
    char *text = rig_jgf (graph, more);

    assert_null (fluxion_load ("jgf", text, strlen (text), NULL, 0, &opt, &error));
    free (text);
    return error.text;
}

static void cycles (void **state)
{
    /* node0 (2) contains rack0 (1), which contains it; and itself; and the root. */
    assert_string_equal (refused ("cluster0{rack0{node0}}", EDGE (2, 1)),
                         "fetch_jgf: the edges make a cycle");
    assert_non_null (strstr (refused ("cluster0{rack0{node0}}", EDGE (2, 2)), "cycle"));
    assert_non_null (strstr (refused ("cluster0{rack0{node0}}", EDGE (2, 0)), "cycle"));
}

/* Twelve pairs one below the other, each vertex below both of the pair above: 2^11 ways
 * to the last ones. Ids: cluster 0, then a and b of each level. */
static void too_many_ways (void **state)
{
    struct buf b = BUF_INIT, g = BUF_INIT;

    buf_adds (&g, "cluster0{");
    for (int i = 0; i < 12; i++)
        buf_printf (&g, "rack%d ", 2 * i);
    for (int i = 0; i < 12; i++)
        buf_printf (&g, "rack%d%s", 2 * i + 1, i < 11 ? " " : "}");
    for (int i = 0; i < 11; i++)
        buf_printf (&b,
                    "%s{\"source\":\"%d\",\"target\":\"%d\"},{\"source\":\"%d\","
                    "\"target\":\"%d\"},{\"source\":\"%d\",\"target\":\"%d\"},"
                    "{\"source\":\"%d\",\"target\":\"%d\"}",
                    i ? "," : "", 1 + i, 2 + i, 1 + i, 14 + i, 13 + i, 2 + i, 13 + i,
                    14 + i);
    assert_string_equal (refused (g.data, b.data),
                         "fetch_jgf: too many ways to a node");
    buf_fini (&b);
    buf_fini (&g);
}

/* Two nodes are not three because one is met twice. rack1 has both, rack0 one: that one is
 * left to it, whichever rack is looked at first. */
static void shared_and_contended (void **state)
{
    for (size_t i = 0; i < NPOLICIES; i++) {
        struct scheduler *s = two_racks (policies[i]);
        assert_string_equal (rig_take (s, 1, "node:3"), "EBUSY");
        rig_take (s, 2, "node:2");
        assert_string_equal (rig_held (s, 2),
                             "rack0/node0(shared) rack1/node1(shared)");
        assert_int_equal (scheduler_cancel (s, 2), 0);
        rig_take (s, 3, "rack:2[slot:1[node:1]]");
        assert_string_equal (rig_held (s, 3), "rack0/node0 rack1/node1");
        scheduler_destroy (s);
    }
}

/* rack2 has only what the two others need, and is looked at first: what is chosen around
 * what others wanted in vain comes last, too. */
static void chosen_around_the_contended (void **state)
{
    static const char *const more[] = { "firstnodex", "hinodex", "lonodex" };

    for (size_t i = 0; i < NPOLICIES + 3; i++) {
        /* 0; rack0 1: node0 2, node3 4; rack1 6: node2 7; rack2 9: node1 10; node0 is in
         * rack2, too, node1 in all of them. */
        struct scheduler_options opt = { .policy = i < NPOLICIES
                                                       ? policies[i]
                                                       : more[i - NPOLICIES] };
        struct scheduler *s = rig_load_more (
            "cluster0{rack0{node0{core0} node3{core0}} rack1{node2{core0}} "
            "rack2{node1{core0}}}",
            EDGE (9, 2) "," EDGE (1, 10) "," EDGE (6, 10), &opt);
        const char *got = rig_take (s, 1, "rack:2[slot:2[node:1]]");
        if (*got != '@')
            fail_msg ("%s: %s", opt.policy, got);
        scheduler_destroy (s);
    }
}

/* node0 is in rack0 alone and node5 in rack1 alone, so that both racks are needed for six
 * nodes; and a third one, rack2 or rack3, has all that it has in one of them, too: each of
 * the three is left its own only if several choices are taken back at once. */
static void several_choices_are_taken_back (void **state)
{
    for (size_t i = 0; i < NPOLICIES; i++) {
        /* rack0 1: node0 2; rack1 5: node2 6, node5 9; rack2 12: node1 13; rack3 16: node3
         * 17, node4 20. Then rack0 has nodes 0, 1, 3, rack1 2, 4, 5, rack2 1, 2, rack3 3,
         * 4. */
        struct scheduler_options opt = { .policy = policies[i] };
        struct scheduler *s = rig_load_more (
            "cluster0{rack0{node0{core0-1}} rack1{node2{core0-1} node5{core0-1}} "
            "rack2{node1{core0-1}} rack3{node3{core0-1} node4{core0-1}}}",
            EDGE (1, 13) "," EDGE (12, 6) "," EDGE (1, 17) "," EDGE (5, 20), &opt);
        assert_string_equal (rig_take (s, 1, "rack:4[slot:2[node:1]]"), "EBUSY");
        rig_take (s, 2, "rack:3[slot:2[node:1]]");
        const char *held = rig_held (s, 2);
        for (char n = '0'; n <= '5'; n++) {
            char node[] = "node ";
            node[4] = n;
            if (!strstr (held, node))
                fail_msg ("%s: %s: %s", policies[i], node, held);
        }
        assert_int_equal (scheduler_job (s, 2)->nspan, 6 + 3 + 1);
        scheduler_destroy (s);
    }
}

/* A slot of a node and one of a core anywhere never share a node, whichever way they
 * come: against plain counting. */
static void random_jobs (void **state)
{
    unsigned int seed = 7;

    for (size_t i = 0; i < NPOLICIES * 4; i++) {
        /* 0; rack0 1: node0 2 (3-5), node1 6 (7-9); rack1 10: node2 11 (12-14), node3 15
         * (16-18); nodes 1 and 2 are in both. */
        struct scheduler_options opt = { .policy = policies[i % NPOLICIES] };
        struct scheduler *s =
            rig_load_more ("cluster0{rack0{node0-1{core0-2}} rack1{node2-3{core0-2}}}",
                           EDGE (10, 6) "," EDGE (1, 11), &opt);
        uint64_t ids[200];
        int cores[200], n = 0, used = 0;
        for (uint64_t id = 1; id <= 60; id++) {
            if (n > 0 && rand_r (&seed) % 3 == 0) {
                int k = rand_r (&seed) % n;
                assert_int_equal (scheduler_cancel (s, ids[k]), 0);
                used -= cores[k];
                ids[k] = ids[--n];
                cores[k] = cores[n];
                continue;
            }
            int want = 1 + rand_r (&seed) % 8;
            char text[64];
            snprintf (text, sizeof (text), "slot:%d[core:1]", want);
            const char *got = rig_take (s, id, text);
            if ((strcmp (got, "EBUSY") == 0) != (used + want > 12))
                fail_msg ("%s: %d of 12 in use: %s: %s", policies[i % NPOLICIES], used,
                          text, got);
            if (*got == '@') {
                ids[n] = id;
                cores[n++] = want;
                used += want;
            }
        }
        scheduler_destroy (s);
    }
}

#define LAYERS 9
#define NODES 60

static void add_edge (struct buf *b, int from, int to)
{
    buf_printf (b, "%s{\"source\":\"%d\",\"target\":\"%d\"}", b->len ? "," : "", from,
                to);
}

/* Pairs of switches, each of a layer below both of the layer above: some 800 ways lead to
 * each of the nodes, which are below both of the last pair. */
static struct scheduler *ladder (const char *policy)
{
    struct scheduler_options opt = { .policy = policy };
    struct buf graph = BUF_INIT, more = BUF_INIT;
    int other = LAYERS + 1 + 2 * NODES; /* the first of the others of the pairs */

    buf_adds (&graph, "cluster0{");
    for (int i = 0; i < LAYERS; i++)
        buf_printf (&graph, "switch%d{", i);
    buf_printf (&graph, "node0-%d{core0}", NODES - 1);
    for (int i = 0; i < LAYERS; i++)
        buf_adds (&graph, "}");
    buf_printf (&graph, " switch%d-%d}", LAYERS, 2 * LAYERS - 1);
    for (int i = 0; i < LAYERS - 1; i++) {
        add_edge (&more, i + 1, other + i + 1);
        add_edge (&more, other + i, i + 2);
        add_edge (&more, other + i, other + i + 1);
    }
    for (int i = 0; i < NODES; i++)
        add_edge (&more, other + LAYERS - 1, LAYERS + 1 + 2 * i);
    struct scheduler *s = rig_load_more (graph.data, more.data, &opt);
    buf_fini (&graph);
    buf_fini (&more);
    return s;
}

/* A vertex is walked through once, however many ways lead to it: what is looked at is so
 * much for each vertex, and not for each way. */
static void walked_through_once (void **state)
{
    static const char *const asked[][2] = {
        { "slot:1[node:1]", "@0" },
        { "slot:40[node:1[core:1]]", "@0" },
        { "node:50! core:20", "EBUSY" }, /* with choices that are taken back */
        { "core:20 node:50!", "EBUSY" },
    };
    const uint64_t nv = 1 + 2 * LAYERS + 2 * NODES;

    for (size_t i = 0; i < NPOLICIES; i++)
        for (size_t k = 0; k < sizeof (asked) / sizeof (asked[0]); k++) {
            struct scheduler *s = ladder (policies[i]);
            rig_take (s, 1, asked[k][0]);
            uint64_t looked = scheduler_counts (s).preorder;
            if (strncmp (rig_answer, asked[k][1], strlen (asked[k][1])) != 0
                || looked > 200 * nv)
                fail_msg ("%s: %s: %s; %ju vertices were looked at, of %ju",
                          policies[i], asked[k][0], rig_answer, (uintmax_t)looked,
                          (uintmax_t)nv);
            scheduler_destroy (s);
        }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (walked_through_once),
        cmocka_unit_test (each_path_leads_there),
        cmocka_unit_test (nothing_is_counted_twice),
        cmocka_unit_test (held_from_elsewhere),
        cmocka_unit_test (another_way_in),
        cmocka_unit_test (given_back_one_by_one),
        cmocka_unit_test (both_paths_name_it),
        cmocka_unit_test (cycles),
        cmocka_unit_test (too_many_ways),
        cmocka_unit_test (shared_and_contended),
        cmocka_unit_test (chosen_around_the_contended),
        cmocka_unit_test (several_choices_are_taken_back),
        cmocka_unit_test (random_jobs),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
