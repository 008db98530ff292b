/* Layouts of all shapes: no task is lost, none is on two nodes, each node has what it
 * was given. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/job/layout.h"

#define NODES_MAX 6

static unsigned int seed;

static int draw (int n)
{
    return rand_r (&seed) % n;
}

static int sum (const struct layout_node *nodes, int count)
{
    int n = 0;

    for (int i = 0; i < count; i++) {
        assert_true (nodes[i].tasks >= 0);
        n += nodes[i].tasks;
    }
    return n;
}

static void check_map (struct taskmap *map, const struct layout_node *nodes, int count,
                       int total)
{
    int seen[NODES_MAX] = { 0 };

    assert_non_null (map);
    assert_int_equal (taskmap_total_ntasks (map), total);
    for (int task = 0; task < total; task++) {
        int node = taskmap_nodeid (map, task);

        assert_in_range (node, 0, count - 1);
        seen[node]++;
    }
    for (int i = 0; i < count; i++)
        assert_int_equal (seen[i], nodes[i].tasks);
}

/* Block: a node's tasks follow each other. Cyclic: no node is ahead of another that has
 * tasks left by more than the stride. */
static void check_order (struct taskmap *map, const struct layout_node *nodes,
                         int count, int total, int stride)
{
    int done[NODES_MAX] = { 0 };

    for (int task = 0; task < total; task++) {
        int node = taskmap_nodeid (map, task);

        done[node]++;
        for (int i = 0; i < count; i++)
            assert_true (done[i] == nodes[i].tasks || done[node] <= done[i] + stride);
    }
}

static void maps (struct layout_node *nodes, int count)
{
    int total = sum (nodes, count), last = -1;
    flux_error_t error;
    struct taskmap *map;
    char stride[16], *text;

    if (total == 0)
        return;
    map = layout_map (nodes, count, NULL, NULL, &error);
    check_map (map, nodes, count, total);
    for (int task = 0; task < total; task++) {
        assert_true (taskmap_nodeid (map, task) >= last);
        last = taskmap_nodeid (map, task);
    }
    text = taskmap_encode (map, 0);
    taskmap_destroy (map);
    /* What was written can be given back, if every node has a task. */
    if ((map = layout_map (nodes, count, "manual", text, &error))) {
        check_map (map, nodes, count, total);
        taskmap_destroy (map);
    } else
        assert_int_equal (nodes[count - 1].tasks, 0);
    free (text);
    for (int n = 1; n <= 4; n++) {
        snprintf (stride, sizeof (stride), "%d", n);
        map = layout_map (nodes, count, "cyclic", stride, &error);
        check_map (map, nodes, count, total);
        check_order (map, nodes, count, total, n);
        taskmap_destroy (map);
    }
}

static void test_counts (void **state)
{
    for (int round = 0; round < 3000; round++) {
        struct layout_node nodes[NODES_MAX] = { { 0 } };
        struct jobspec js = { .nslots = 1 + draw (12),
                              .cores_per_slot = draw (4),
                              .gpus_per_slot = draw (3) };
        int count = 1 + draw (NODES_MAX);
        flux_error_t error;

        js.ntasks = draw (2) ? 0 : 1 + draw (20);
        js.nnodes = draw (2) ? 0 : count;
        for (int i = 0; i < count; i++) {
            nodes[i].cores = draw (9);
            nodes[i].gpus = draw (4);
        }
        assert_int_equal (layout_count (nodes, count, &js, &error), 0);
        assert_int_equal (sum (nodes, count), js.ntasks ? js.ntasks : js.nslots);
        for (int i = 0; js.nnodes && i < count; i++)
            assert_in_range (nodes[i].tasks, nodes[count - 1].tasks,
                             nodes[count - 1].tasks + 1);
        maps (nodes, count);
    }
}

static void test_maps (void **state)
{
    for (int round = 0; round < 3000; round++) {
        struct layout_node nodes[NODES_MAX] = { { 0 } };
        int count = 1 + draw (NODES_MAX);

        for (int i = 0; i < count; i++)
            nodes[i].tasks = draw (7);
        maps (nodes, count);
    }
}

static void refuse (const char *option, const char *why)
{
    struct layout_node nodes[2] = { { .cores = 4, .gpus = 1 }, { .cores = 2 } };
    struct jobspec js = { .nslots = 1, .shell_options = json_loads (option, 0, NULL) };
    flux_error_t error = { "" };

    assert_int_equal (layout_count (nodes, 2, &js, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (error.text, why));
    json_decref (js.shell_options);
}

static void test_refused (void **state)
{
    static const char *strides[] = { "0",  "-1",       "x",
                                     "1x", "16777217", "99999999999999999999" };
    struct layout_node nodes[2] = { { .tasks = 1 }, { .tasks = 1 } };
    flux_error_t error;

    refuse ("{\"per-resource\":4}", "expected type");
    refuse ("{\"per-resource\":{}}", "expected type");
    refuse ("{\"per-resource\":{\"type\":4}}", "expected type");
    refuse ("{\"per-resource\":{\"type\":\"core\",\"count\":-1}}", "positive count");
    refuse ("{\"per-resource\":{\"type\":\"core\",\"count\":\"1\"}}", "expected type");
    refuse ("{\"per-resource\":{\"type\":\"Core\"}}", "unknown type 'Core'");
    for (size_t i = 0; i < sizeof (strides) / sizeof (strides[0]); i++) {
        assert_null (layout_map (nodes, 2, "cyclic", strides[i], &error));
        assert_non_null (strstr (error.text, strides[i]));
    }
    assert_null (layout_map (nodes, 2, "manual", NULL, &error));
    assert_null (layout_map (nodes, 2, "manual", "[[0,1,2,1]]", &error));
    assert_null (layout_map (nodes, 2, "manual", "[[0,3,1,1]]", &error));
    assert_null (layout_map (nodes, 2, "manual", "nonsense", &error));
    assert_null (layout_map (nodes, 2, "", "", &error));
}

static void test_per_resource (void **state)
{
    struct layout_node nodes[2] = { { .cores = 4, .gpus = 1 }, { .cores = 2 } };
    struct jobspec js = { .nslots = 1, .nnodes = 2 };
    flux_error_t error;

    js.shell_options =
        json_loads ("{\"per-resource\":{\"type\":\"gpu\",\"count\":2}}", 0, NULL);
    assert_int_equal (layout_count (nodes, 2, &js, &error), 0);
    assert_int_equal (nodes[0].tasks, 2);
    assert_int_equal (nodes[1].tasks, 0);
    json_decref (js.shell_options);
}

/* -N2 -n3 -c1: the node with one task has two cores. */
static void test_share (void **state)
{
    struct jobspec js = { .nnodes = 2, .nslots = 4, .ntasks = 3, .cores_per_slot = 1 };

    assert_int_equal (layout_share (&js, 2, 1, 1), 1);
    assert_int_equal (layout_share (&js, 2, 2, 1), 1);
    assert_int_equal (layout_share (&js, 1, 2, 1), 1);
    assert_int_equal (layout_share (&js, 8, 1, 4), 4);
    assert_int_equal (layout_share (&js, 2, 1, 0), 1);
    js.node_exclusive = true; /* whole nodes are shared whole */
    assert_int_equal (layout_share (&js, 8, 2, 1), 4);
    js.node_exclusive = false;
    js.ntasks = 8; /* several tasks have a slot */
    assert_int_equal (layout_share (&js, 8, 2, 16), 4);
    assert_int_equal (layout_share (&js, 8, 4, 1), 2);
    js.ntasks = 3;
    js.shell_options = json_loads ("{\"per-resource\":{\"type\":\"node\"}}", 0, NULL);
    assert_int_equal (layout_share (&js, 8, 1, 1), 8);
    json_decref (js.shell_options);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_counts),  cmocka_unit_test (test_maps),
        cmocka_unit_test (test_refused), cmocka_unit_test (test_per_resource),
        cmocka_unit_test (test_share),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
