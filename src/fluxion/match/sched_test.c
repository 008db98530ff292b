/* Filters: who knows how much is left below, and that it changes no answer. */
#include "fluxion/match/rig_test.h"
#include "fluxion/match/sched.h"

#define GRAPH "cluster0{rack0{node0-1{core0-3 gpu0}} rack1{node2{core0-3 memory0*16}}}"

static struct scheduler *create (const char *filters, const char *policy)
{
    struct scheduler_options opt = { .policy = policy, .prune_filters = filters };

    return rig_load (GRAPH, &opt);
}

/* "used/total", or "unknown". */
static const char *below (struct scheduler *s, const char *path, const char *type)
{
    static char out[64];
    struct graph *g = scheduler_graph (s);
    int64_t total, used = scheduler_used_below (s, graph_find_path (g, path),
                                                graph_find_type (g, type), &total);

    if (used < 0)
        return "unknown";
    snprintf (out, sizeof (out), "%lld/%lld", (long long)used, (long long)total);
    return out;
}

/* Each node and rack knows what its filter names, if any of it is below; the root knows
 * all that any filter names. */
static void who_knows (void **state)
{
    struct scheduler *s = create ("ALL:core,rack:gpu,node:memory", "low");
    struct graph *g = scheduler_graph (s);

    assert_string_equal (below (s, "/cluster0", "core"), "0/12");
    assert_string_equal (below (s, "/cluster0", "gpu"), "0/2");
    assert_string_equal (below (s, "/cluster0", "memory"), "0/16");
    assert_string_equal (below (s, "/cluster0/rack0", "core"), "0/8");
    assert_string_equal (below (s, "/cluster0/rack0", "gpu"), "0/2");
    assert_string_equal (below (s, "/cluster0/rack0", "memory"), "unknown");
    assert_string_equal (below (s, "/cluster0/rack1", "gpu"), "unknown");
    assert_string_equal (below (s, "/cluster0/rack1", "memory"), "unknown");
    assert_string_equal (below (s, "/cluster0/rack1/node2", "memory"), "0/16");
    assert_string_equal (below (s, "/cluster0/rack0/node0", "gpu"), "unknown");
    assert_string_equal (below (s, "/cluster0/rack0/node0/core0", "core"), "unknown");
    assert_true (scheduler_has_filter (s, g->root));
    assert_false (
        scheduler_has_filter (s, graph_find_path (g, "/cluster0/rack0/node0/core0")));
    scheduler_destroy (s);

    s = create ("node:gpu", "low");
    g = scheduler_graph (s);
    assert_true (
        scheduler_has_filter (s, graph_find_path (g, "/cluster0/rack0/node0")));
    assert_false (scheduler_has_filter (s, graph_find_path (g, "/cluster0/rack0")));
    assert_false (
        scheduler_has_filter (s, graph_find_path (g, "/cluster0/rack1/node2")));
    scheduler_destroy (s);
}

/* What is held exclusively counts, and all that is below it; what is shared does not, nor
 * does what is down. */
static void what_counts (void **state)
{
    struct scheduler *s = create ("ALL:core,rack:gpu,node:memory", "low");
    struct graph *g = scheduler_graph (s);

    rig_take (s, 1, "node:1[slot:1[core:3 gpu:1]]");
    assert_string_equal (below (s, "/cluster0/rack0/node0", "core"), "3/4");
    assert_string_equal (below (s, "/cluster0/rack0/node1", "core"), "0/4");
    assert_string_equal (below (s, "/cluster0/rack0", "core"), "3/8");
    assert_string_equal (below (s, "/cluster0/rack0", "gpu"), "1/2");
    assert_string_equal (below (s, "/cluster0", "core"), "3/12");
    rig_take (s, 2, "node:3");
    assert_string_equal (below (s, "/cluster0", "core"), "3/12");
    assert_int_equal (scheduler_cancel (s, 2), 0);
    scheduler_set_status (s, graph_find_path (g, "/cluster0/rack0/node1"), true);
    assert_string_equal (below (s, "/cluster0/rack0", "core"), "3/8");
    assert_string_equal (rig_take (s, 3, "rack:1!"),
                         "@0 rack1/node2/core0 rack1/node2/core1 rack1/node2/core2 "
                         "rack1/node2/core3 rack1/node2/memory0 rack1/node2 rack1");
    assert_string_equal (below (s, "/cluster0/rack1/node2", "memory"), "16/16");
    assert_string_equal (below (s, "/cluster0", "core"), "7/12");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (below (s, "/cluster0", "core"), "4/12");
    assert_int_equal (scheduler_cancel (s, 3), 0);
    assert_string_equal (below (s, "/cluster0", "core"), "0/12");
    assert_string_equal (below (s, "/cluster0/rack1/node2", "memory"), "0/16");
    scheduler_destroy (s);
}

/* A reservation is not in use before it begins. */
static void reserved_is_not_used (void **state)
{
    struct scheduler *s = create ("ALL:core", "low");

    rig_take (s, 1, "slot:12[core:1]");
    assert_string_equal (
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 2, "slot:1[core:1]", 10, NULL),
        "reserved@10 rack0/node0/core0");
    assert_string_equal (below (s, "/cluster0", "core"), "12/12");
    assert_int_equal (scheduler_cancel (s, 1), 0);
    assert_string_equal (below (s, "/cluster0", "core"), "0/12");
    scheduler_destroy (s);
}

/* One list of requests, with whatever filters: the answers are the same, and these. */
static void no_other_answers (void **state)
{
    static const char *const filters[] = { "",          "ALL:core",
                                           "node:core", "rack:gpu",
                                           "ALL:node",  "ALL:core,ALL:memory",
                                           "node:tape" };
    static const char *const steps[][2] = {
        { "slot:2[core:3 gpu:1]", "@0 rack0/node0/core0 rack0/node0/core1 "
                                  "rack0/node0/core2 rack0/node0/gpu0 "
                                  "rack0/node1/core0 rack0/node1/core1 "
                                  "rack0/node1/core2 rack0/node1/gpu0" },
        { "slot:1[core:2]", "@0 rack1/node2/core0 rack1/node2/core1" },
        { "slot:1[core:1 gpu:1]", "EBUSY" },
        { "slot:1[node:1]", "EBUSY" },
        { "node:1[slot:1[core:2 memory:8]]",
          "@0 rack1/node2/core2 rack1/node2/core3 rack1/node2/memory0" },
        { "slot:3[core:1]", "EBUSY" },
        { "slot:2[core:1]", "@0 rack0/node0/core3 rack0/node1/core3" },
        { "slot:1[core:1]", "EBUSY" },
        { "node:3", "@0 rack0/node0(shared) rack0/node1(shared) rack1/node2(shared)" },
    };

    for (size_t f = 0; f < sizeof (filters) / sizeof (filters[0]); f++) {
        struct scheduler *s = create (filters[f], "low");
        for (size_t i = 0; i < sizeof (steps) / sizeof (steps[0]); i++) {
            rig_take (s, i + 1, steps[i][0]);
            if (strcmp (rig_answer, steps[i][1]) != 0)
                fail_msg ("%s: %s: %s instead of %s", filters[f], steps[i][0],
                          rig_answer, steps[i][1]);
        }
        scheduler_destroy (s);
    }
}

static void malformed (void **state)
{
    static const struct {
        const char *filters, *text;
    } t[] = {
        { "core", "prune filter 'core' is not of the form HIGH:LOW" },
        { ":core", "prune filter ':core' is not of the form HIGH:LOW" },
        { "ALL:core,node:", "prune filter 'node:' is not of the form HIGH:LOW" },
        { "ALL:a,ALL:b,ALL:c,ALL:d,ALL:e,ALL:f,ALL:g,ALL:h,ALL:i,ALL:j,ALL:k,ALL:l,"
          "ALL:m,ALL:n,ALL:o,ALL:p,ALL:q",
          "too many prune filters" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        struct scheduler_options opt = { .policy = "low",
                                         .prune_filters = t[i].filters };
        char *text = rig_jgf (GRAPH, NULL);
        flux_error_t error;
        assert_null (fluxion_load ("jgf", text, strlen (text), NULL, 0, &opt, &error));
        assert_int_equal (errno, EINVAL);
        assert_string_equal (error.text, t[i].text);
        free (text);
    }
}

/* What a try has taken is given back before the next: no request takes memory for each
 * time, or alternative, that there is. */
static void few_bytes (struct scheduler *s, struct arena_mark first)
{
    struct arena_mark now = arena_mark (s->arena);

    assert_ptr_equal (now.chunk, first.chunk);
    assert_in_range (now.used, 0, 60000);
}

static void tries_leave_nothing (void **state)
{
    struct scheduler_options opt = { .policy = "low", .traverser = "flexible" };
    struct scheduler *s = rig_load ("cluster0{node0-59{core0-9}}", &opt);
    struct arena_mark first = arena_mark (s->arena);
    struct buf b = BUF_INIT;

    /* One core of each node, until 10, 20, ... 600. */
    for (int i = 1; i <= 60; i++)
        rig_match (s, MATCH_ALLOCATE, i, "slot:1[core:1]", 10 * i, NULL);
    const char *all =
        rig_match (s, MATCH_ALLOCATE_ORELSE_RESERVE, 61, "slot:60[node:1]", 10, NULL);
    assert_memory_equal (all, "reserved@600 ", 13);
    few_bytes (s, first);
    for (int i = 0; i < 50; i++)
        buf_printf (&b, "%sxor_slot:1[core:%d]", i ? " " : "", 601 + i);
    assert_string_equal (rig_match (s, MATCH_SATISFIABILITY, 0, b.data, 10, NULL),
                         "ENODEV");
    few_bytes (s, first);
    buf_fini (&b);
    scheduler_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (who_knows),
        cmocka_unit_test (what_counts),
        cmocka_unit_test (reserved_is_not_used),
        cmocka_unit_test (no_other_answers),
        cmocka_unit_test (malformed),
        cmocka_unit_test (tries_leave_nothing),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
