/* Acceptance through the public C API. */
#include "base/file.h"
#include "config.h"

#include <errno.h>
#include <flux/reapi_cli.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *load (const char *path)
{
    char full[4096];
    char *text;

    snprintf (full, sizeof (full), "%s/%s", FLUX_SOURCE_DIR, path);
    text = file_read_all (full, NULL);
    if (!text)
        fail_msg ("%s: %s", full, strerror (errno));
    return text;
}

static reapi_cli_ctx_t *open_graph (const char *path, const char *options)
{
    reapi_cli_ctx_t *ctx = reapi_cli_new ();
    char *text = load (path);

    assert_non_null (ctx);
    if (reapi_cli_initialize (ctx, text, options) < 0)
        fail_msg ("%s: %s", path, reapi_cli_get_err_msg (ctx));
    free (text);
    return ctx;
}

#define CLUSTER "examples/fluxion/cluster-nodes.json"
#define TINY "test/fluxion/data/graphs/tiny.graphml"
#define TINY_JGF "test/fluxion/data/graphs/tiny.json"

static const char one_core[] =
    "version: 1\nresources:\n- type: cluster\n  count: 1\n  with:\n  - type: rack\n"
    "    count: 1\n    with:\n    - type: node\n      count: 1\n      with:\n"
    "      - type: slot\n        count: 1\n        label: default\n        with:\n"
    "        - type: socket\n          count: 1\n          with:\n"
    "          - type: core\n            count: 1\n"
    "attributes:\n  system:\n    duration: 3600\n"
    "tasks:\n- command: [app]\n  slot: default\n  count:\n    per_slot: 1\n";

static char *nodes_jobspec (int nodes)
{
    char *s;

    if (asprintf (
            &s,
            "{\"version\": 1, \"resources\": [{\"type\": \"slot\", \"count\": %d, "
            "\"label\": \"d\", \"with\": [{\"type\": \"node\", \"count\": 1}]}], "
            "\"tasks\": [{\"command\": [\"a\"], \"slot\": \"d\", \"count\": "
            "{\"per_slot\": 1}}], \"attributes\": {\"system\": {\"duration\": "
            "3600}}}",
            nodes)
        < 0)
        abort ();
    return s;
}

/* Paths of the vertices of JGF text, in their order. */
static void expect_paths (const char *R, const char *const *paths)
{
    json_t *o = json_loads (R, 0, NULL);
    json_t *nodes = json_object_get (json_object_get (o, "graph"), "nodes");
    size_t n = 0;

    assert_non_null (o);
    for (; paths[n]; n++) {
        const char *path = NULL;
        json_unpack (json_array_get (nodes, n), "{s:{s:{s:s}}}", "metadata", "paths",
                     "containment", &path);
        assert_non_null (path);
        assert_string_equal (path, paths[n]);
    }
    json_decref (o);
}

static uint64_t allocate (reapi_cli_ctx_t *ctx, bool reserve, const char *js,
                          bool *reserved, char **R, int64_t *at)
{
    uint64_t id;
    double ov;

    if (reapi_cli_match_allocate (ctx, reserve, js, &id, reserved, R, at, &ov) < 0)
        return 0;
    assert_true (ov >= 0);
    return id;
}

/* A2: byte for byte */
static void allocation_text (void **state)
{
    reapi_cli_ctx_t *ctx = open_graph (CLUSTER, "{\"matcher_policy\": \"lonode\", "
                                                "\"match_format\": \"jgf_verbose\"}");
    bool reserved = true;
    int64_t at = -1;
    char *R;

    assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), 1);
    assert_false (reserved);
    assert_int_equal (at, 0);
    assert_string_equal (
        R,
        "{\"graph\": {\"nodes\": [{\"id\": \"8\", \"metadata\": {\"type\": \"core\", "
        "\"basename\": \"core\", \"name\": \"core0\", \"id\": 0, \"uniq_id\": 8, "
        "\"rank\": -1, \"exclusive\": true, \"unit\": \"\", \"size\": 1, \"paths\": "
        "{\"containment\": \"/tiny0/rack0/node0/socket0/core0\"}}}, {\"id\": \"4\", "
        "\"metadata\": {\"type\": \"socket\", \"basename\": \"socket\", \"name\": "
        "\"socket0\", \"id\": 0, \"uniq_id\": 4, \"rank\": -1, \"exclusive\": true, "
        "\"unit\": \"\", \"size\": 1, \"paths\": {\"containment\": "
        "\"/tiny0/rack0/node0/socket0\"}}}, {\"id\": \"2\", \"metadata\": {\"type\": "
        "\"node\", \"basename\": \"node\", \"name\": \"node0\", \"id\": 0, "
        "\"uniq_id\": "
        "2, \"rank\": -1, \"exclusive\": false, \"unit\": \"\", \"size\": 1, "
        "\"paths\": "
        "{\"containment\": \"/tiny0/rack0/node0\"}}}, {\"id\": \"1\", \"metadata\": "
        "{\"type\": \"rack\", \"basename\": \"rack\", \"name\": \"rack0\", \"id\": 0, "
        "\"uniq_id\": 1, \"rank\": -1, \"exclusive\": false, \"unit\": \"\", \"size\": "
        "1, \"paths\": {\"containment\": \"/tiny0/rack0\"}}}, {\"id\": \"0\", "
        "\"metadata\": {\"type\": \"cluster\", \"basename\": \"tiny\", \"name\": "
        "\"tiny0\", \"id\": 0, \"uniq_id\": 0, \"rank\": -1, \"exclusive\": false, "
        "\"unit\": \"\", \"size\": 1, \"paths\": {\"containment\": \"/tiny0\"}}}], "
        "\"edges\": [{\"source\": \"4\", \"target\": \"8\", \"metadata\": {\"name\": "
        "{\"containment\": \"contains\"}}}, {\"source\": \"2\", \"target\": \"4\", "
        "\"metadata\": {\"name\": {\"containment\": \"contains\"}}}, {\"source\": "
        "\"1\", "
        "\"target\": \"2\", \"metadata\": {\"name\": {\"containment\": "
        "\"contains\"}}}, "
        "{\"source\": \"0\", \"target\": \"1\", \"metadata\": {\"name\": "
        "{\"containment\": \"contains\"}}}]}}\n");
    free (R);
    reapi_cli_destroy (ctx);
}

static void expect_cores (const char *policy, const char *const cores[4], bool later)
{
    char options[100];
    bool reserved;
    int64_t at;
    char *R;

    snprintf (options, sizeof (options), "{\"matcher_policy\": \"%s\"}", policy);
    reapi_cli_ctx_t *ctx = open_graph (CLUSTER, *policy ? options : "{}");
    for (int i = 0; i < 4; i++) {
        const char *const paths[] = { cores[i], NULL };
        assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), i + 1);
        expect_paths (R, paths);
        free (R);
    }
    assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), 0);
    assert_int_equal (errno, EBUSY);
    if (later) { /* A5 */
        assert_int_equal (allocate (ctx, true, one_core, &reserved, &R, &at), 6);
        assert_true (reserved);
        assert_int_equal (at, 3600);
        free (R);
        assert_int_equal (reapi_cli_cancel (ctx, 6, false), 0);
        assert_int_equal (reapi_cli_cancel (ctx, 1, true), 0);
        const char *const paths[] = { cores[0], NULL };
        assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), 7);
        expect_paths (R, paths);
        free (R);
    }
    reapi_cli_destroy (ctx);
}

/* A3, A4, A5 */
static void policies (void **state)
{
    static const char *const low[] = {
        "/tiny0/rack0/node0/socket0/core0",
        "/tiny0/rack0/node0/socket1/core18",
        "/tiny0/rack0/node1/socket0/core0",
        "/tiny0/rack0/node1/socket1/core18",
    };
    static const char *const first[] = {
        "/tiny0/rack0/node1/socket1/core35",
        "/tiny0/rack0/node0/socket1/core35",
        "/tiny0/rack0/node1/socket0/core17",
        "/tiny0/rack0/node0/socket0/core17",
    };

    expect_cores ("lonode", low, true);
    expect_cores ("", first, false);
}

/* A6 */
static void refusals (void **state)
{
    reapi_cli_ctx_t *ctx = reapi_cli_new ();
    char *tiny = load (TINY_JGF);
    char *msg, *R;
    uint64_t id;
    bool reserved, sat = true;
    int64_t at;
    double ov;

    assert_int_equal (reapi_cli_initialize (ctx, "", ""), -1);
    assert_int_equal (reapi_cli_initialize (ctx, "garbage", "{}"), -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (
        reapi_cli_match_allocate (ctx, false, one_core, &id, &reserved, &R, &at, &ov),
        -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (
        reapi_cli_initialize (ctx, tiny, "{\"matcher_policy\": \"fastest\"}"), -1);
    assert_int_equal (reapi_cli_initialize (ctx, tiny, "{"), -1);
    assert_int_equal (
        reapi_cli_initialize (ctx, tiny, "{\"match_format\": \"pictures\"}"), -1);
    assert_int_equal (reapi_cli_initialize (ctx, tiny, "{\"load_format\": \"x\"}"), -1);
    assert_int_equal (reapi_cli_initialize (ctx, tiny, "{\"prune_filters\": \"core\"}"),
                      -1);
    msg = reapi_cli_get_err_msg (ctx);
    assert_non_null (strstr (msg, "Unknown match policy (fastest)!"));
    free (msg);
    reapi_cli_clear_err_msg (ctx);
    msg = reapi_cli_get_err_msg (ctx);
    assert_string_equal (msg, "");
    free (msg);
    assert_int_equal (reapi_cli_initialize (ctx, tiny, NULL), 0);
    assert_int_equal (reapi_cli_match_allocate (ctx, false, "resources: {", &id,
                                                &reserved, &R, &at, &ov),
                      -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (reapi_cli_match_satisfy (ctx, "version: 1", &sat, &ov), -1);
    assert_false (sat);
    assert_int_equal (reapi_cli_stat (ctx, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
                      -1);
    assert_int_equal (errno, ENOSYS);
    assert_int_equal (reapi_cli_find (ctx, "status=up", "pictures", &R), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (reapi_cli_find (ctx, "status=sideways", NULL, &R), -1);
    assert_int_equal (reapi_cli_find (ctx, "status=down", NULL, &R), 0);
    assert_null (R);
    free (tiny);
    reapi_cli_destroy (ctx);
    reapi_cli_destroy (NULL);
}

/* B1: slot[2]->node[1]->socket[2]->{core[5],gpu[1],memory[6]} */
static void two_whole_nodes (void **state)
{
    reapi_cli_ctx_t *ctx = open_graph (TINY, "{\"load_format\": \"grug\"}");
    char *js = load ("test/fluxion/data/jobspecs/basics/test003.yaml");
    json_t *o, *nodes, *edges;
    bool reserved, sat;
    int64_t at;
    double ov;
    char *R;

    assert_int_equal (allocate (ctx, true, js, &reserved, &R, &at), 1);
    assert_false (reserved);
    o = json_loads (R, 0, NULL);
    free (R);
    assert_int_equal (
        json_unpack (o, "{s:{s:o s:o}}", "graph", "nodes", &nodes, "edges", &edges), 0);
    assert_int_equal (json_array_size (nodes), 44);
    assert_int_equal (json_array_size (edges), 43);
    json_decref (o);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal (allocate (ctx, true, js, &reserved, &R, &at), i + 1);
        assert_true (reserved);
        assert_int_equal (at, 3600 * i);
        free (R);
    }
    assert_int_equal (allocate (ctx, false, js, &reserved, &R, &at), 0);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (reapi_cli_match_satisfy (ctx, js, &sat, &ov), 0);
    assert_true (sat);
    free (js);
    reapi_cli_destroy (ctx);
}

/* B2: a part given back is free for others, and only that part. */
static void partial_cancel (void **state)
{
    reapi_cli_ctx_t *ctx = open_graph (TINY, "{\"load_format\": \"grug\"}");
    char *two = nodes_jobspec (2), *one = nodes_jobspec (1);
    const char *const back[] = { "/tiny0/rack0/node0", NULL };
    bool reserved, full = true;
    int64_t at;
    char *R, *part;

    assert_int_equal (allocate (ctx, false, one, &reserved, &part, &at), 1);
    assert_int_equal (allocate (ctx, false, one, &reserved, &R, &at), 2);
    expect_paths (R, back);
    free (part);
    part = R;
    assert_int_equal (reapi_cli_cancel (ctx, 1, false), 0);
    assert_int_equal (reapi_cli_cancel (ctx, 2, false), 0);
    assert_int_equal (reapi_cli_cancel (ctx, 2, false), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (allocate (ctx, false, two, &reserved, &R, &at), 3);
    free (R);
    assert_int_equal (reapi_cli_partial_cancel (ctx, 3, part, false, &full), 0);
    assert_false (full);
    assert_int_equal (allocate (ctx, false, two, &reserved, &R, &at), 0);
    assert_int_equal (allocate (ctx, false, one, &reserved, &R, &at), 5);
    expect_paths (R, back);
    free (R);
    assert_int_equal (reapi_cli_cancel (ctx, 3, false), 0);
    assert_int_equal (reapi_cli_partial_cancel (ctx, 5, part, false, &full), 0);
    assert_true (full);
    assert_int_equal (allocate (ctx, false, two, &reserved, &R, &at), 6);
    free (R);
    assert_int_equal (reapi_cli_partial_cancel (ctx, 99, part, false, &full), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (reapi_cli_partial_cancel (ctx, 99, part, true, &full), 0);
    free (part);
    free (two);
    free (one);
    reapi_cli_destroy (ctx);
}

/* B3 */
static void c_api (void **state)
{
    reapi_cli_ctx_t *ctx = open_graph (TINY, "{\"load_format\": \"grug\"}"), *copy;
    char *mode, *R, *many = nodes_jobspec (2000);
    bool reserved, sat = true;
    resource_status_t st;
    uint64_t id;
    int64_t at;
    double ov;

    for (int i = 1; i <= 4; i++) {
        assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), i);
        assert_int_equal (at, 0);
        free (R);
    }
    assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), 0);
    assert_int_equal (reapi_cli_match (ctx, MATCH_WITHOUT_ALLOCATING_FUTURE, one_core,
                                       &id, &reserved, &R, &at, &ov),
                      0);
    assert_true (id == UINT64_MAX);
    assert_false (reserved);
    assert_int_equal (at, 3600);
    free (R);
    assert_int_equal (reapi_cli_match_satisfy (ctx, many, &sat, &ov), -1);
    assert_int_equal (errno, ENODEV);
    assert_false (sat);
    assert_int_equal (reapi_cli_info (ctx, 1, &mode, &reserved, &at, &ov), 0);
    assert_string_equal (mode, "ALLOCATED");
    free (mode);
    assert_int_equal (reapi_cli_info (ctx, 99, &mode, &reserved, &at, &ov), -1);
    assert_int_equal (reapi_cli_cancel (ctx, 99, false), -1);
    assert_int_equal (reapi_cli_cancel (ctx, 99, true), 0);
    assert_int_equal (reapi_cli_add_subgraph (ctx, ""), -1);
    assert_int_equal (reapi_cli_remove_subgraph (ctx, ""), -1);
    /* a copy goes its own way */
    copy = reapi_cli_clone (ctx);
    assert_non_null (copy);
    assert_int_equal (reapi_cli_cancel (copy, 1, false), 0);
    assert_int_equal (allocate (copy, false, one_core, &reserved, &R, &at), 6);
    free (R);
    assert_int_equal (allocate (ctx, false, one_core, &reserved, &R, &at), 0);
    reapi_cli_destroy (copy);
    /* status */
    assert_int_equal (reapi_cli_set_status (ctx, "/tiny0/rack0/node0", RESOURCE_DOWN),
                      0);
    assert_int_equal (reapi_cli_get_status (ctx, "/tiny0/rack0/node0", &st), 0);
    assert_int_equal (st, RESOURCE_DOWN);
    assert_int_equal (reapi_cli_get_status (ctx, "/tiny0/rack9", &st), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (reapi_cli_get_rank_status (ctx, 0, &st), 0);
    assert_int_equal (st, RESOURCE_DOWN);
    assert_int_equal (reapi_cli_get_rank_status (ctx, 7, &st), -1);
    assert_int_equal (reapi_cli_set_rank_status (ctx, "all", RESOURCE_UP), 0);
    assert_int_equal (reapi_cli_get_rank_status (ctx, 0, &st), 0);
    assert_int_equal (st, RESOURCE_UP);
    assert_int_equal (reapi_cli_remove_subgraph (ctx, "/tiny0/rack0/node1"), 0);
    assert_int_equal (reapi_cli_remove_subgraph (ctx, "/tiny0/rack0/node1"), -1);
    free (many);
    reapi_cli_destroy (ctx);
}

static void operations (void **state)
{
    for (int op = MATCH_ALLOCATE; op < MATCH_OP_END; op++) {
        assert_true (match_op_valid (op));
        assert_int_equal (match_op_from_string (match_op_to_string (op)), op);
    }
    assert_false (match_op_valid (MATCH_UNKNOWN));
    assert_null (match_op_to_string (MATCH_UNKNOWN));
    assert_int_equal (errno, ENOENT);
    assert_null (match_op_to_string (99));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (match_op_from_string ("nothing"), MATCH_UNKNOWN);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (match_op_from_string (NULL), MATCH_UNKNOWN);
    assert_int_equal (errno, EINVAL);
}

/* Times of an R are checked, whether it has a graph or not. */
static void times_of_R (void **state)
{
    static const struct {
        const char *start, *end;
        bool good;
    } rows[] = { { "0", "60", true },      { "1e300", "2e300", false },
                 { "-5", "60", false },    { "0", "1e16", false },
                 { "-1e300", "0", false }, { "\"0\"", "60", false } };
    reapi_cli_ctx_t *ctx = open_graph (CLUSTER, "{\"load_format\": \"jgf\"}");
    bool reserved;
    uint64_t jobid;
    char *graph, *R, *out;
    int64_t at;
    double ov;

    assert_int_equal (reapi_cli_match_allocate (ctx, false, one_core, &jobid, &reserved,
                                                &graph, &at, &ov),
                      0);
    assert_int_equal (reapi_cli_cancel (ctx, jobid, false), 0);
    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        assert_true (asprintf (&R,
                               "{\"version\": 1, \"execution\": {\"R_lite\": [], "
                               "\"starttime\": %s, \"expiration\": %s}, "
                               "\"scheduling\": %s}",
                               rows[i].start, rows[i].end, graph)
                     > 0);
        int rc = reapi_cli_update_allocate (ctx, 100 + i, R, &at, &ov, &out);
        if ((rc == 0) != rows[i].good)
            fail_msg ("%s to %s: %d", rows[i].start, rows[i].end, rc);
        if (rc == 0) {
            assert_int_equal (at, 0);
            free (out);
            assert_int_equal (reapi_cli_cancel (ctx, 100 + i, false), 0);
        } else
            assert_int_equal (errno, EINVAL);
        free (R);
    }
    free (graph);
    reapi_cli_destroy (ctx);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (allocation_text), cmocka_unit_test (policies),
        cmocka_unit_test (refusals),        cmocka_unit_test (two_whole_nodes),
        cmocka_unit_test (partial_cancel),  cmocka_unit_test (c_api),
        cmocka_unit_test (operations),      cmocka_unit_test (times_of_R),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
