/* The reader of JGF: what it takes for granted, what it refuses, and growth. */
#include "base/test.h"
#include "fluxion/io/jgf.h"
#include "fluxion/io/reader.h"

#include <string.h>

#define NODE(key, metadata) "{\"id\":\"" key "\",\"metadata\":{" metadata "}}"
#define PATH(path) "\"paths\":{\"containment\":\"" path "\"}"
#define EDGE(from, to) "{\"source\":\"" from "\",\"target\":\"" to "\"}"
#define GRAPH(nodes, edges) "{\"graph\":{\"nodes\":[" nodes "],\"edges\":[" edges "]}}"
#define ROOT NODE ("0", "\"type\":\"cluster\",\"id\":0," PATH ("/cluster0"))
/* One vertex below the root. */
#define ONE(metadata)                                                                  \
    GRAPH (ROOT "," NODE ("1", metadata "," PATH ("/cluster0/x")), EDGE ("0", "1"))

static struct graph *load (const char *text, flux_error_t *error)
{
    struct graph *g = graph_create ();

    assert_non_null (g);
    error->text[0] = '\0';
    errno = 0;
    if (fluxion_read_jgf (g, text, strlen (text), NULL, error) == 0)
        return g;
    int saved = errno;
    graph_destroy (g);
    errno = saved;
    return NULL;
}

static struct graph *read (const char *text)
{
    flux_error_t error;
    struct graph *g = load (text, &error);

    if (!g)
        fail_msg ("%s: %s", text, error.text);
    return g;
}

static const struct vertex *at (struct graph *g, const char *path)
{
    uint32_t v = graph_find_path (g, path);

    if (v == VTX_NONE)
        fail_msg ("there is no %s", path);
    return &g->v[v];
}

/* What is not said follows from what is. */
static void defaults (void **state)
{
    struct graph *g = read (GRAPH (
        ROOT "," NODE (
            "7",
            "\"type\":\"node\",\"name\":"
            "\"n012\"," PATH (
                "/cluster0/"
                "n012")) "," NODE ("9",
                                   "\"type\":\"core\"," PATH (
                                       "/cluster0/n012/core9")) "," NODE ("10",
                                                                          "\"type\":"
                                                                          "\"memory\""
                                                                          ",\"id\":"
                                                                          "\"3\","
                                                                          "\"basename"
                                                                          "\":"
                                                                          "\"ram\","
                                                                          "\"size\":"
                                                                          "4,"
                                                                          "\"unit\":"
                                                                          "\"GB\","
                                                                          "\"status\""
                                                                          ":1,"
                                                                          "\"rank\":"
                                                                          "2,"
                                                                          "\"uniq_"
                                                                          "id\":"
                                                                          "70," PATH (
                                                                              "/clust"
                                                                              "er0/"
                                                                              "n012/"
                                                                              "ram"
                                                                              "3")),
        EDGE ("0", "7") "," EDGE ("7", "9") "," EDGE ("7", "10")));
    const struct vertex *v = at (g, "/cluster0/n012");

    assert_int_equal (v->id, 12); /* of a node: the digits of its name */
    assert_int_equal (v->uniq_id, 7);
    assert_int_equal (v->rank, -1);
    assert_int_equal (v->size, 1);
    assert_int_equal (v->down, 0);
    v = at (g, "/cluster0/n012/core9"); /* its name is type and id */
    assert_int_equal (v->id, 9);
    assert_int_equal (v->uniq_id, 9);
    v = at (g, "/cluster0/n012/ram3");
    assert_string_equal (graph_type_name (g, v->type), "memory");
    assert_string_equal (graph_type_name (g, v->unit), "GB");
    assert_int_equal (v->id, 3);
    assert_int_equal (v->uniq_id, 70);
    assert_int_equal (v->size, 4);
    assert_int_equal (v->rank, 2);
    assert_int_equal (v->down, 1);
    assert_int_equal (graph_vertex_count (g), 4);
    assert_int_equal (graph_edge_count (g), 3);
    graph_destroy (g);
}

/* The old form tells each edge from both ends, the second version in another shape. */
static void older_and_newer (void **state)
{
    struct graph *g = read (GRAPH (
        ROOT "," NODE ("1", "\"type\":\"node\",\"id\":0," PATH ("/cluster0/node0")),
        "{\"source\":\"1\",\"target\":\"0\",\"metadata\":{\"name\":{\"containment\":"
        "\"in\"}}},{\"source\":\"0\",\"target\":\"1\",\"metadata\":{\"name\":"
        "{\"containment\":\"contains\"}}}"));

    assert_int_equal (graph_edge_count (g), 1);
    assert_int_equal (at (g, "/cluster0/node0")->parent, g->root);
    graph_destroy (g);
    g = read (
        "{\"graph\":{\"nodes\":{\"0\":{\"metadata\":{\"type\":\"cluster\",\"id\":"
        "\"0\"," PATH (
            "/cluster0") "}},\"1\":{\"metadata\":{\"type\":\"node\","
                         "\"id\":\"0\"," PATH (
                             "/cluster0/node0") "}}},\"edges\":[{\"source\":\"0\","
                                                "\"target\":\"1\",\"relation\":"
                                                "\"contains\"},{\"source\":\"1\","
                                                "\"target\":"
                                                "\"0\",\"relation\":\"in\"}]}}");
    assert_int_equal (graph_edge_count (g), 1);
    assert_int_equal (at (g, "/cluster0/node0")->parent, g->root);
    graph_destroy (g);
}

static const struct {
    const char *text, *error;
} refused[] = {
    { "{}", "(graph)" },
    { "{\"graph\":{\"edges\":[]}}", "(nodes)" },
    { "{\"graph\":{\"nodes\":[]}}", "(edges)" },
    { GRAPH ("", ""), "no node is the root" },
    { GRAPH (ROOT, ""), NULL },
    { GRAPH (ROOT "," ROOT, ""), "node 0 is there twice" },
    { GRAPH (ROOT, EDGE ("0", "5")), "unknown vertex 5" },
    { GRAPH (ROOT "," NODE ("1", "\"type\":\"cluster\"," PATH ("/other")), ""),
      "Possible duplicate root" },
    { GRAPH (ROOT "," NODE ("1", "\"type\":\"node\"," PATH ("/cluster0/x")), ""),
      "node 1 (/cluster0/x) has no parent" },
    { GRAPH (ROOT "," NODE ("1", "\"type\":\"node\"," PATH ("/cluster0/x")),
             EDGE ("0", "1") "," EDGE ("1", "0")),
      "cycle" },
    { ONE ("\"type\":\"\""), "(type) in node 1" },
    { ONE ("\"type\":\"node\",\"name\":\"a/b\""), "name of node 1" },
    { ONE ("\"type\":\"node\",\"size\":-1"), "size of node 1" },
    { ONE ("\"type\":\"node\",\"rank\":-2"), "rank of node 1" },
    { ONE ("\"type\":\"node\",\"properties\":{\"a\":[]}"), "a property has to be" },
    /* Tables of ranks, and sets of ids, are as large as what is highest in them. */
    { ONE ("\"type\":\"node\",\"rank\":16777215"), NULL },
    { ONE ("\"type\":\"node\",\"rank\":16777216"), "rank or id is too large" },
    { ONE ("\"type\":\"node\",\"rank\":2147483647"), "rank or id is too large" },
    { ONE ("\"type\":\"core\",\"id\":16777215"), NULL },
    { ONE ("\"type\":\"core\",\"id\":16777216"), "rank or id is too large" },
    { ONE ("\"type\":\"gpu\",\"id\":4294967296"), "rank or id is too large" },
    { ONE ("\"type\":\"node\",\"id\":9223372036854775807"), NULL },
    { ONE ("\"type\":\"node\",\"uniq_id\":9223372036854775806"), NULL },
    { ONE ("\"type\":\"node\",\"uniq_id\":9223372036854775807"),
      "rank or id is too large" },
};

static void refuses (void **state)
{
    for (size_t i = 0; i < sizeof (refused) / sizeof (refused[0]); i++) {
        flux_error_t error;
        struct graph *g = load (refused[i].text, &error);
        const char *want = refused[i].error;

        if (!g != !!want || (want && (!strstr (error.text, want) || errno != EINVAL)))
            fail_msg ("%s: %s", refused[i].text, g ? "taken" : error.text);
        graph_destroy (g);
    }
}

static int grow (struct graph *g, const char *text, flux_error_t *error)
{
    error->text[0] = '\0';
    return fluxion_grow_jgf (g, text, strlen (text), error);
}

/* What is there already is passed over; what cannot be added leaves all as it was. */
static void grows (void **state)
{
    struct graph *g = read (ONE ("\"type\":\"node\",\"name\":\"x\",\"id\":5"));
    flux_error_t error;

    assert_int_equal (
        grow (g,
              GRAPH (
                  ROOT "," NODE (
                      "1",
                      "\"type\":\"node\",\"name\":\"x\"," PATH (
                          "/cluster0/x")) "," NODE ("2",
                                                    "\"type\":\"core\",\"id\":0," PATH (
                                                        "/cluster0/x/core0")),
                  EDGE ("0", "1") "," EDGE ("1", "2")),
              &error),
        0);
    assert_int_equal (graph_vertex_count (g), 3);
    assert_int_equal (graph_edge_count (g), 2);
    assert_int_equal (at (g, "/cluster0/x")->id, 5);
    assert_int_equal (at (g, "/cluster0/x/core0")->id, 0);
    /* Another root; one of a rank that cannot be; one that hangs nowhere. */
    assert_int_equal (
        grow (g, GRAPH (NODE ("9", "\"type\":\"cluster\"," PATH ("/other")), ""),
              &error),
        -1);
    assert_non_null (strstr (error.text, "Possible duplicate root"));
    assert_int_equal (
        grow (
            g,
            GRAPH (ROOT "," NODE (
                       "3", "\"type\":\"node\",\"name\":\"y\"," PATH (
                                "/cluster0/y")) "," NODE ("4",
                                                          "\"type\":\"core\",\"rank\":"
                                                          "2147483647," PATH (
                                                              "/cluster0/y/core4")),
                   EDGE ("0", "3") "," EDGE ("3", "4")),
            &error),
        -1);
    assert_string_equal (
        error.text, "fetch_jgf: node 4 cannot be added: its rank or id is too large");
    assert_int_equal (
        grow (g, GRAPH (NODE ("5", "\"type\":\"node\"," PATH ("/cluster0/z")), ""),
              &error),
        -1);
    assert_non_null (strstr (error.text, "has no parent"));
    assert_int_equal (graph_vertex_count (g), 3);
    assert_int_equal (graph_find_path (g, "/cluster0/y"), VTX_NONE);
    graph_destroy (g);
}

/* Picks: in an R each vertex has to be the one of the graph; to give back, its path is
 * enough. Of shorthand an exclusive vertex stands for all below it. */
static void picks (void **state)
{
    struct graph *g = read (GRAPH (
        ROOT "," NODE (
            "1",
            "\"type\":\"node\",\"id\":0,\"rank\":"
            "0," PATH ("/cluster0/node0")) "," NODE ("2", "\"type\":\"core\",\"id\":0,"
                                                          "\"rank\":0," PATH (
                                                              "/cluster0/node0/core0")),
        EDGE ("0", "1") "," EDGE ("1", "2")));
    static const char same[] = GRAPH (
        NODE ("1", "\"type\":\"node\",\"id\":0,\"rank\":0,\"exclusive\":true," PATH (
                       "/cluster0/node0")),
        "");
    static const char other[] = GRAPH (
        NODE ("1", "\"type\":\"node\",\"id\":0,\"rank\":1," PATH ("/cluster0/node0")),
        "");
    static const char unknown[] =
        GRAPH (NODE ("1", "\"type\":\"node\",\"id\":0," PATH ("/cluster0/node1")), "");
    struct picks p = { 0 };
    flux_error_t error;

    assert_int_equal (fluxion_pick_jgf (g, same, strlen (same), true, &p, &error), 0);
    assert_int_equal (p.count, 1);
    assert_true (p.item[0].exclusive);
    picks_fini (&p);
    assert_int_equal (fluxion_pick_shorthand (g, same, strlen (same), true, &p, &error),
                      0);
    assert_int_equal (p.count, 2); /* itself, and core0 */
    picks_fini (&p);
    assert_int_equal (fluxion_pick_jgf (g, other, strlen (other), true, &p, &error),
                      -1);
    assert_string_equal (error.text,
                         "inconsistent input vertex for /cluster0/node0 (id=1)");
    picks_fini (&p);
    assert_int_equal (fluxion_pick_jgf (g, other, strlen (other), false, &p, &error),
                      0);
    assert_int_equal (p.count, 1);
    picks_fini (&p);
    assert_int_equal (
        fluxion_pick_jgf (g, unknown, strlen (unknown), false, &p, &error), -1);
    assert_string_equal (error.text, "inconsistent input vertex for /cluster0/node1 "
                                     "(id=1): not found");
    picks_fini (&p);
    graph_destroy (g);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (defaults), cmocka_unit_test (older_and_newer),
        cmocka_unit_test (refuses),  cmocka_unit_test (grows),
        cmocka_unit_test (picks),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
