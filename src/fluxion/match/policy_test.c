/* What each policy takes first, worked out by hand on one graph. */
#include "fluxion/match/rig_test.h"

/* Discovered as written: nodes 0, 2, then 1, 3. */
#define GRAPH                                                                          \
    "cluster0{rack0{node0{core0-1} node2{core0-1}} "                                   \
    "rack1{node1{core0-1} node3{core0-1}}}"

static void set_class (struct scheduler *s, const char *path, const char *class)
{
    uint32_t v = graph_find_path (scheduler_graph (s), path);

    assert_int_not_equal (v, VTX_NONE);
    assert_int_equal (graph_set_property (scheduler_graph (s), v, "perf_class", class),
                      0);
}

/* node0 is of class 3, node1 2, node2 1, and node3 of none, which comes last. */
static struct scheduler *create (const char *graph, const char *policy)
{
    struct scheduler *s = rig_create (graph, policy);

    if (strcmp (policy, "variation") == 0) {
        set_class (s, "/cluster0/rack0/node0", "3");
        set_class (s, "/cluster0/rack1/node1", "2");
        set_class (s, "/cluster0/rack0/node2", "1");
    }
    return s;
}

/* One core after the other, eight of them; after the eighth there is none. */
struct cores {
    const char *policy, *taken[8];
};

static const struct cores one_by_one[] = {
    /* the lowest number, wherever it is found first */
    { "low",
      { "rack0/node0/core0", "rack0/node2/core0", "rack1/node1/core0",
        "rack1/node3/core0", "rack0/node0/core1", "rack0/node2/core1",
        "rack1/node1/core1", "rack1/node3/core1" } },
    /* the highest */
    { "high",
      { "rack0/node0/core1", "rack0/node2/core1", "rack1/node1/core1",
        "rack1/node3/core1", "rack0/node0/core0", "rack0/node2/core0",
        "rack1/node1/core0", "rack1/node3/core0" } },
    /* that of the node comes first, then its own */
    { "lonode",
      { "rack0/node0/core0", "rack0/node0/core1", "rack1/node1/core0",
        "rack1/node1/core1", "rack0/node2/core0", "rack0/node2/core1",
        "rack1/node3/core0", "rack1/node3/core1" } },
    { "hinode",
      { "rack1/node3/core1", "rack1/node3/core0", "rack0/node2/core1",
        "rack0/node2/core0", "rack1/node1/core1", "rack1/node1/core0",
        "rack0/node0/core1", "rack0/node0/core0" } },
    /* the class of the node, then as found */
    { "variation",
      { "rack0/node2/core0", "rack0/node2/core1", "rack1/node1/core0",
        "rack1/node1/core1", "rack0/node0/core0", "rack0/node0/core1",
        "rack1/node3/core0", "rack1/node3/core1" } },
    /* where most are, the last of a run; then what is alone */
    { "locality",
      { "rack0/node0/core1", "rack0/node0/core0", "rack0/node2/core1",
        "rack0/node2/core0", "rack1/node1/core1", "rack1/node1/core0",
        "rack1/node3/core1", "rack1/node3/core0" } },
};

static void cores_one_by_one (void **state)
{
    for (size_t p = 0; p < sizeof (one_by_one) / sizeof (one_by_one[0]); p++) {
        const struct cores *c = &one_by_one[p];
        struct scheduler *s = create (GRAPH, c->policy);
        for (uint64_t id = 1; id <= 8; id++) {
            rig_take (s, id, "slot:1[core:1]");
            if (strcmp (rig_held (s, id), c->taken[id - 1]) != 0)
                fail_msg ("%s, job %d: %s instead of %s", c->policy, (int)id,
                          rig_answer, c->taken[id - 1]);
        }
        assert_string_equal (rig_take (s, 9, "slot:1[core:1]"), "EBUSY");
        scheduler_destroy (s);
    }
}

struct choice {
    const char *policy, *taken;
};

static void check_choices (const char *graph, const char *request,
                           const struct choice *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct scheduler *s = create (graph, list[i].policy);
        rig_take (s, 1, request);
        if (strcmp (rig_held (s, 1), list[i].taken) != 0)
            fail_msg ("%s: %s: %s instead of %s", list[i].policy, request, rig_answer,
                      list[i].taken);
        scheduler_destroy (s);
    }
}

#define CHECK(graph, request, list)                                                    \
    check_choices (graph, request, list, sizeof (list) / sizeof (list[0]))

/* `first` stays in the rack that it comes to first, the last; locality in the one that
 * was found first. */
static void two_nodes (void **state)
{
    static const struct choice t[] = {
        { "low", "rack0/node0 rack1/node1" },
        { "high", "rack0/node2 rack1/node3" },
        { "lonode", "rack0/node0 rack1/node1" },
        { "hinode", "rack0/node2 rack1/node3" },
        { "first", "rack1/node1 rack1/node3" },
        { "variation", "rack0/node2 rack1/node1" },
        { "locality", "rack0/node0 rack0/node2" },
    };

    CHECK (GRAPH, "slot:2[node:1]", t);
}

/* Three cores: of the lowest numbers, or of as few nodes as the policy comes to. */
static void three_cores (void **state)
{
    static const struct choice t[] = {
        { "low", "rack0/node0/core0 rack0/node2/core0 rack1/node1/core0" },
        { "high", "rack0/node0/core1 rack0/node2/core1 rack1/node1/core1" },
        { "lonode", "rack0/node0/core0 rack0/node0/core1 rack1/node1/core0" },
        { "hinode", "rack0/node2/core1 rack1/node3/core0 rack1/node3/core1" },
        { "variation", "rack0/node2/core0 rack0/node2/core1 rack1/node1/core0" },
        { "locality", "rack0/node0/core0 rack0/node0/core1 rack0/node2/core1" },
    };

    CHECK (GRAPH, "slot:3[core:1]", t);
}

/* Of a rack one node, and of that one core: each level is chosen by itself. */
static void level_by_level (void **state)
{
    static const struct choice t[] = {
        { "low", "rack0/node0/core0" },    { "high", "rack1/node3/core1" },
        { "lonode", "rack0/node0/core0" }, { "hinode", "rack1/node3/core1" },
        { "first", "rack1/node3/core1" },  { "variation", "rack0/node2/core0" },
    };

    CHECK (GRAPH, "rack:1[node:1[slot:1[core:1]]]", t);
}

/* What takes nodes whole has both cores, though one was asked for. */
static void whole_nodes (void **state)
{
    static const struct choice t[] = {
        { "lonodex", "rack0/node0/core0 rack0/node0/core1 rack0/node0" },
        { "hinodex", "rack1/node3/core0 rack1/node3/core1 rack1/node3" },
        { "firstnodex", "rack1/node3/core0 rack1/node3/core1 rack1/node3" },
    };

    CHECK (GRAPH, "slot:1[core:1]", t);
    for (size_t i = 0; i < 3; i++) {
        struct scheduler *s = create (GRAPH, t[i].policy);
        for (uint64_t id = 1; id <= 4; id++)
            assert_int_equal (*rig_take (s, id, "node:1[slot:1[core:1]]"), '@');
        assert_string_equal (rig_take (s, 5, "slot:1[core:1]"), "EBUSY");
        scheduler_destroy (s);
    }
}

/* Nodes of one number in two racks: who looks at nodes goes by their unique ids, others
 * take what they find first; `first` comes to the last before. */
static void equal_numbers (void **state)
{
    static const struct choice t[] = {
        { "low", "rack0/node0" },    { "high", "rack0/node0" },
        { "lonode", "rack0/node0" }, { "hinode", "rack1/node0" },
        { "first", "rack1/node0" },  { "locality", "rack0/node0" },
    };

    CHECK ("cluster0{rack0{node0{core0}} rack1{node0{core0}}}", "slot:1[node:1]", t);
}

/* A slot is worth what all that it is made of is worth. */
static void slots_of_two_types (void **state)
{
    static const struct choice t[] = {
        { "low", "node0/core0 node0/gpu0" },    { "high", "node1/core3 node1/gpu1" },
        { "lonode", "node0/core0 node0/gpu0" }, { "hinode", "node1/core3 node1/gpu1" },
        { "first", "node1/core3 node1/gpu1" },
    };

    CHECK ("cluster0{node0{core0-1 gpu0} node1{core2-3 gpu0-1}}",
           "slot:1[core:1 gpu:1]", t);
}

/* A property that is no number from 0 to 9999 is none; equal classes go as found. */
static void classes (void **state)
{
    static const char *const bad[] = { "-1", "10000", "1x", "", "fast" };

    for (int i = 0; i < 5; i++) {
        struct scheduler *s =
            rig_create ("cluster0{rack0{node0-2{core0}}}", "variation");
        set_class (s, "/cluster0/rack0/node0", bad[i]);
        set_class (s, "/cluster0/rack0/node1", "9999");
        set_class (s, "/cluster0/rack0/node2", "9998");
        rig_take (s, 1, "slot:1[core:1]");
        assert_string_equal (rig_held (s, 1), "rack0/node2/core0");
        rig_take (s, 2, "slot:1[core:1]");
        assert_string_equal (rig_held (s, 2), "rack0/node0/core0");
        scheduler_destroy (s);
    }
}

static const char *parse (const char *text)
{
    static char out[256];
    struct policy p;
    flux_error_t error;

    if (policy_parse (text, &p, &error) < 0) {
        assert_int_equal (errno, EINVAL);
        snprintf (out, sizeof (out), "%s", error.text);
    } else {
        snprintf (out, sizeof (out), "%s%s%s%s",
                  p.kind == POLICY_LOW    ? "low"
                  : p.kind == POLICY_HIGH ? "high"
                                          : "other",
                  p.node_centric ? " node" : "", p.node_exclusive ? " exclusive" : "",
                  p.stop_on_first ? " first" : "");
    }
    return out;
}

/* A custom policy is `high` but for what it says. */
static void custom (void **state)
{
    assert_string_equal (parse ("first"), "high node first");
    assert_string_equal (parse ("lonodex"), "low node exclusive");
    assert_string_equal (parse ("policy=low"), "low");
    assert_string_equal (parse ("node_centric=true"), "high node");
    assert_string_equal (parse ("policy=low node_centric=true node_exclusive=true "
                                "stop_on_1_matches=true"),
                         "low node exclusive first");
    assert_string_equal (parse ("set_stop_on_1_matches=true policy=high"),
                         "high first");
    assert_string_equal (parse ("node_centric=true node_centric=false"), "high");
    assert_string_equal (parse ("fastest"), "Unknown match policy (fastest)!");
    assert_string_equal (parse (""), "Unknown match policy ()!");
    assert_string_equal (parse ("policy=middle"),
                         "policy key within custom policy accepts only low or high");
    assert_string_equal (parse ("node_centric=yes"),
                         "Policy option node_centric requires true or false, got yes");
    assert_string_equal (parse ("policy=low depth=3"), "invalid policy option: depth");
    assert_string_equal (parse ("policy=low high"), "invalid policy option: high");

    /* This one is lonode. */
    struct scheduler *s = create (GRAPH, "policy=low node_centric=true");
    rig_take (s, 1, "slot:1[core:1]");
    assert_string_equal (rig_held (s, 1), "rack0/node0/core0");
    scheduler_destroy (s);
}

/* Numbers of hosts may be as large as numbers are. */
static void large_numbers (void **state)
{
#define HOST(key, id, core)                                                            \
    "{\"id\":\"" key "\",\"metadata\":{\"type\":\"node\",\"id\":" id                   \
    ",\"paths\":{\"containment\":\"/cluster0/node" id "\"}}},{\"id\":\"" core          \
    "\",\"metadata\":{\"type\":\"core\",\"id\":0,\"paths\":{\"containment\":"          \
    "\"/cluster0/node" id "/core0\"}}}"
    static const char text[] =
        "{\"graph\":{\"nodes\":[{\"id\":\"0\",\"metadata\":{\"type\":\"cluster\","
        "\"id\":0,"
        "\"paths\":{\"containment\":\"/cluster0\"}}}," HOST (
            "1", "9223372036854775807",
            "2") "," HOST ("3", "5",
                           "4") "," HOST ("5", "900000000000000",
                                          "6") "],\"edges\":[{\"source\":\"0\","
                                               "\"target\":\"1\"},"
                                               "{\"source\":\"1\",\"target\":\"2\"},"
                                               "{\"source\":\"0\",\"target\":\"3\"},"
                                               "{\"source\":\"3\",\"target\":\"4\"},"
                                               "{\"source\":\"0\",\"target\":\"5\"},"
                                               "{\"source\":\"5\",\"target\":\"6\"}]}}";
    static const char *const requests[] = { "slot:1[core:1]",
                                            "node:1[slot:1[core:1]]" };
    static const struct {
        const char *policy, *taken[3];
    } t[] = {
        { "hinode",
          { "@0 node9223372036854775807/core0", "@0 node900000000000000/core0",
            "@0 node5/core0" } },
        { "lonode",
          { "@0 node5/core0", "@0 node900000000000000/core0",
            "@0 node9223372036854775807/core0" } },
    };

    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 2; k++) {
            struct scheduler_options opt = { .policy = t[i].policy };
            flux_error_t error;
            struct scheduler *s =
                fluxion_load ("jgf", text, sizeof (text) - 1, NULL, 0, &opt, &error);
            if (!s)
                fail_msg ("%s", error.text);
            for (int j = 0; j < 3; j++)
                assert_string_equal (rig_take (s, j + 1, requests[k]), t[i].taken[j]);
            scheduler_destroy (s);
        }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (cores_one_by_one),
        cmocka_unit_test (two_nodes),
        cmocka_unit_test (three_cores),
        cmocka_unit_test (level_by_level),
        cmocka_unit_test (whole_nodes),
        cmocka_unit_test (equal_numbers),
        cmocka_unit_test (slots_of_two_types),
        cmocka_unit_test (classes),
        cmocka_unit_test (custom),
        cmocka_unit_test (large_numbers),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
