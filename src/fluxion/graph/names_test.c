/* Names and paths of the graph. */
#include "base/test.h"
#include "fluxion/graph/graph.h"
#include "fluxion/io/reader.h"

#include <stdio.h>
#include <string.h>

static void split (const char *name, size_t want_len, int64_t want_id)
{
    int64_t id;
    size_t len;

    assert_int_equal (graph_split_name (name, &len, &id), 0);
    assert_int_equal (len, want_len);
    assert_int_equal (id, want_id);
}

/* Digits at the end are the id, up to 63 bits of it. */
static void numbers (void **state)
{
    int64_t id;
    size_t len;

    split ("node", 4, -1);
    split ("node7", 4, 7);
    split ("node007", 4, 7);
    split ("7", 0, 7);
    split ("", 0, -1);
    split ("a1b", 3, -1);
    split ("node4294967299", 4, 4294967299);
    split ("node9223372036854775807", 4, INT64_MAX);
    assert_int_equal (graph_split_name ("node9223372036854775808", &len, &id), -1);
    assert_int_equal (errno, EOVERFLOW);
}

static int load_host (const char *host, struct graph **out, flux_error_t *error)
{
    char text[512];
    struct graph *g = graph_create ();

    assert_non_null (g);
    snprintf (text, sizeof (text),
              "{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0\","
              "\"children\":{\"core\":\"0\"}}],\"nodelist\":[\"%s\"],"
              "\"starttime\":0,\"expiration\":0}}",
              host);
    int rc = fluxion_read_rv1exec (g, text, strlen (text), NULL, error);
    *out = g;
    return rc;
}

static void hosts (void **state)
{
    struct graph *g;
    flux_error_t error;

    assert_int_equal (load_host ("n1234567890123456789", &g, &error), 0);
    uint32_t v = graph_find_path (g, "/cluster0/n1234567890123456789");
    assert_int_not_equal (v, VTX_NONE);
    assert_int_equal (g->v[v].id, 1234567890123456789);
    graph_destroy (g);
    assert_int_equal (load_host ("n99999999999999999999", &g, &error), -1);
    assert_string_equal (error.text,
                         "rv1exec: rank 0: n99999999999999999999: number is "
                         "too large");
    graph_destroy (g);
}

static uint32_t add (struct graph *g, uint32_t parent, const char *name, int64_t id)
{
    struct vertex_spec spec = { .type = "node",
                                .basename = "node",
                                .name = name,
                                .unit = "",
                                .id = id,
                                .uniq_id = id,
                                .size = 1,
                                .rank = -1 };
    uint32_t v = graph_add_vertex (g, &spec);

    assert_int_not_equal (v, VTX_NONE);
    if (parent != VTX_NONE)
        assert_int_equal (graph_attach (g, parent, v), 0);
    return v;
}

/* Two of three hosts have one name. */
static void equal_paths (void **state)
{
    struct graph *g = graph_create ();

    g->root = add (g, VTX_NONE, "top", 0);
    uint32_t a = add (g, g->root, "vm", 1);
    add (g, g->root, "other", 2);
    uint32_t b = add (g, g->root, "vm", 3);
    assert_int_equal (graph_next_of_path (g, "/top/vm", VTX_NONE), a);
    assert_int_equal (graph_next_of_path (g, "/top/vm", a), b);
    assert_int_equal (graph_next_of_path (g, "/top/vm", b), VTX_NONE);
    assert_int_equal (graph_next_of_path (g, "/top", VTX_NONE), g->root);
    assert_int_equal (graph_next_of_path (g, "/vm", VTX_NONE), VTX_NONE);
    assert_int_equal (graph_next_of_path (g, "vm", VTX_NONE), VTX_NONE);
    graph_destroy (g);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (numbers),
        cmocka_unit_test (hosts),
        cmocka_unit_test (equal_paths),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
