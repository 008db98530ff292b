/* Writers: each form of one selection, worked out by hand. */
#include "fluxion/io/writer.h"
#include "fluxion/match/rig_test.h"

/* Two nodes; the second has one core less. */
#define GRAPH                                                                          \
    "cluster0{node0{socket0{core0-2 gpu0} memory0*4} node1{socket0{core0-1 gpu1}}}"

static struct selected picked[64];

/* Of all in post-order those that are named, exclusively, and what is above them. */
static uint32_t pick (struct graph *g, const char *const *paths)
{
    uint32_t n = 0;

    assert_int_equal (graph_order (g), 0);
    for (uint32_t i = 0; i < g->v[g->root].nbelow; i++) {
        uint32_t v = g->by_post[i];
        bool named = false, above = false;
        for (int k = 0; paths[k]; k++) {
            uint32_t p = graph_find_path (g, paths[k]);
            assert_int_not_equal (p, VTX_NONE);
            named |= p == v;
            while (p != VTX_NONE && !above) {
                above = p == v;
                p = g->v[p].parent;
            }
        }
        if (named || above)
            picked[n++] = (struct selected){ v, named, g->v[v].size, NULL };
    }
    return n;
}

static void expect (struct graph *g, uint32_t n, enum write_format format,
                    const char *want)
{
    struct write_info info = { .starttime = 7, .expiration = 67, .queue = "q\"1" };
    struct buf b = BUF_INIT;

    assert_int_equal (fluxion_write (format, g, picked, n, &info, &b), 0);
    if (n > 0 && format != WRITE_SIMPLE) { /* JSON is a line */
        assert_true (b.len > 0 && b.data[b.len - 1] == '\n');
        b.data[b.len - 1] = '\0';
    }
    assert_string_equal (b.data ? b.data : "", want);
    buf_fini (&b);
}

static void cores_of_two_nodes (void **state)
{
    static const char *const paths[] = { "/cluster0/node0/socket0/core0",
                                         "/cluster0/node0/socket0/core2",
                                         "/cluster0/node0/socket0/gpu0",
                                         "/cluster0/node1/socket0/core1", NULL };
    struct scheduler *s = rig_create (GRAPH, "low");
    struct graph *g = scheduler_graph (s);
    uint32_t n = pick (g, paths);

    /* children before parents, by depth */
    expect (g, n, WRITE_SIMPLE,
            "      ------------core0[1:x]\n"
            "      ------------core2[1:x]\n"
            "      ------------gpu0[1:x]\n"
            "      ---------socket0[1:s]\n"
            "      ------node0[1:s]\n"
            "      ------------core1[1:x]\n"
            "      ---------socket0[1:s]\n"
            "      ------node1[1:s]\n"
            "      ---cluster0[1:s]\n");
    expect (g, n, WRITE_RLITE,
            "[{\"rank\": \"0\", \"children\": {\"core\": \"0,2\", \"gpu\": \"0\"}}, "
            "{\"rank\": \"1\", \"children\": {\"core\": \"1\"}}]");
    expect (g, n, WRITE_RV1_NOSCHED,
            "{\"version\": 1, \"execution\": {\"R_lite\": [{\"rank\": \"0\", "
            "\"children\": {\"core\": \"0,2\", \"gpu\": \"0\"}}, {\"rank\": \"1\", "
            "\"children\": {\"core\": \"1\"}}], \"nodelist\": [\"node[0-1]\"], "
            "\"starttime\": 7, \"expiration\": 67}}");
    scheduler_destroy (s);
}

/* Nodes with the same children are one entry; one without any is none. */
static void entries (void **state)
{
    static const char *const paths[] = { "/cluster0/node3/core1",
                                         "/cluster0/node0/core1",
                                         "/cluster0/node2/core0", "/cluster0/node1",
                                         NULL };
    struct scheduler *s = rig_create ("cluster0{node3{core1} node0-2{core0-1}}", "low");
    struct graph *g = scheduler_graph (s);
    uint32_t n = pick (g, paths);

    expect (g, n, WRITE_RLITE,
            "[{\"rank\": \"2\", \"children\": {\"core\": \"0\"}}, "
            "{\"rank\": \"0,3\", \"children\": {\"core\": \"1\"}}]");
    scheduler_destroy (s);
}

static void set (struct graph *g, const char *path, const char *key, const char *value)
{
    uint32_t v = graph_find_path (g, path);

    assert_int_equal (graph_set_property (g, v, key, value), 0);
}

/* By text, then rank. What no R may name is not in it: nobody could read it. */
static void properties (void **state)
{
    static const char *const paths[] = { "/cluster0/node0/socket0/core0",
                                         "/cluster0/node1/socket0/core0", NULL };
    struct scheduler *s = rig_create (GRAPH, "low");
    struct graph *g = scheduler_graph (s);

    set (g, "/cluster0/node1", "fast", NULL);
    set (g, "/cluster0/node0", "fast", NULL);
    set (g, "/cluster0/node1", "class", "2");
    set (g, "/cluster0/node0/socket0", "hidden", NULL); /* of no node */
    set (g, "/cluster0/node0", "not^this", "1");
    set (g, "/cluster0/node0", "nor", "a|b");
    set (g, "/cluster0/node0", "back\\slash", NULL);
    expect (g, pick (g, paths), WRITE_RV1_NOSCHED,
            "{\"version\": 1, \"execution\": {\"R_lite\": [{\"rank\": \"0-1\", "
            "\"children\": {\"core\": \"0\"}}], \"nodelist\": [\"node[0-1]\"], "
            "\"properties\": {\"back\\\\slash\": \"0\", \"class=2\": \"1\", \"fast\": "
            "\"0-1\"}, \"starttime\": 7, \"expiration\": 67}}");
    scheduler_destroy (s);
}

/* With the graph, and the queue in quotes of its own. Of shorthand what is below an
 * exclusive vertex is left out. */
static void with_graph (void **state)
{
    static const char *const paths[] = { "/cluster0/node1", "/cluster0/node1/core0",
                                         NULL };
    struct scheduler *s = rig_create ("cluster0{node1{core0}}", "low");
    struct graph *g = scheduler_graph (s);
    uint32_t n = pick (g, paths);

#define HEAD                                                                           \
    "{\"version\": 1, \"execution\": {\"R_lite\": [{\"rank\": \"1\", \"children\": "   \
    "{\"core\": \"0\"}}], \"nodelist\": [\"node1\"], \"starttime\": 7, "               \
    "\"expiration\": 67}, \"scheduling\": {\"graph\": {\"nodes\": ["
#define CORE                                                                           \
    "{\"id\": \"2\", \"metadata\": {\"type\": \"core\", \"id\": 0, \"rank\": -1, "     \
    "\"exclusive\": true, \"paths\": {\"containment\": \"/cluster0/node1/core0\"}}}, "
#define REST                                                                           \
    "{\"id\": \"1\", \"metadata\": {\"type\": \"node\", \"id\": 1, \"rank\": 1, "      \
    "\"exclusive\": true, \"paths\": {\"containment\": \"/cluster0/node1\"}}}, "       \
    "{\"id\": \"0\", \"metadata\": {\"type\": \"cluster\", \"id\": 0, \"rank\": -1, "  \
    "\"paths\": {\"containment\": \"/cluster0\"}}}], \"edges\": ["
#define QUEUE "\"attributes\": {\"system\": {\"scheduler\": {\"queue\": \"q\\\"1\"}}}}"
    expect (g, n, WRITE_RV1,
            HEAD CORE REST
            "{\"source\": \"1\", \"target\": \"2\"}, {\"source\": \"0\", "
            "\"target\": \"1\"}]}}, " QUEUE);
    expect (g, n, WRITE_RV1_SHORTHAND,
            HEAD REST "{\"source\": \"0\", \"target\": \"1\"}]}, \"writer\": "
                      "\"fluxion:jgf_shorthand\"}, " QUEUE);
    scheduler_destroy (s);
}

static void nothing (void **state)
{
    struct scheduler *s = rig_create (GRAPH, "low");

    for (int f = WRITE_SIMPLE; f <= WRITE_RV1_SHORTHAND; f++)
        expect (scheduler_graph (s), 0, f, "");
    scheduler_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (cores_of_two_nodes),
        cmocka_unit_test (entries),
        cmocka_unit_test (properties),
        cmocka_unit_test (with_graph),
        cmocka_unit_test (nothing),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
