#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/shell/protocol.h"
#include "shell/layout.h"
#include "shell/mustache.h"

static void check_layout (const char *counts, struct jobspec *js, int node_count,
                          int cores, const char *options)
{
    struct layout_node nodes[8] = { { 0 } };
    flux_error_t error = { "" };
    char text[256] = "";

    for (int i = 0; i < node_count; i++)
        nodes[i].cores = cores;
    js->shell_options = options ? json_loads (options, 0, NULL) : NULL;
    if (layout_count (nodes, node_count, js, &error) < 0)
        snprintf (text, sizeof (text), "%s", error.text);
    else {
        for (int i = 0; i < node_count; i++)
            sprintf (text + strlen (text), "%s%d", i ? "," : "", nodes[i].tasks);
    }
    json_decref (js->shell_options);
    assert_string_equal (text, counts);
}

static void test_layout (void **state)
{
    struct jobspec js = { .nslots = 4, .cores_per_slot = 1, .ntasks = 4 };
    check_layout ("2,2", &js, 2, 2, NULL);
    check_layout ("4", &js, 1, 4, NULL);
    check_layout ("3,1", &js, 2, 3, NULL);
    js.cores_per_slot = 2;
    check_layout ("2,2", &js, 2, 4, NULL);
    js = (struct jobspec){ .nnodes = 2, .nslots = 4, .cores_per_slot = 1, .ntasks = 3 };
    check_layout ("2,1", &js, 2, 2, NULL);
    js = (struct jobspec){ .nnodes = 2, .nslots = 2, .cores_per_slot = 1, .ntasks = 2 };
    check_layout ("1,1", &js, 2, 16, NULL);
    check_layout ("3,3", &js, 2, 16,
                  "{\"per-resource\":{\"type\":\"node\",\"count\":3}}");
    check_layout ("4,4", &js, 2, 2,
                  "{\"per-resource\":{\"type\":\"core\",\"count\":2}}");
    check_layout ("1,1", &js, 2, 2, "{\"per-resource\":{\"type\":\"node\"}}");
    check_layout ("per-resource: unknown type 'x'", &js, 2, 2,
                  "{\"per-resource\":{\"type\":\"x\"}}");
    check_layout ("per-resource: expected type and a positive count", &js, 2, 2,
                  "{\"per-resource\":{\"type\":\"node\",\"count\":0}}");
    check_layout ("R has no nodes", &js, 0, 2, NULL);
}

static void check_map (const char *expect, const int *tasks, int node_count,
                       const char *scheme, const char *value)
{
    struct layout_node nodes[8] = { { 0 } };
    flux_error_t error = { "" };

    for (int i = 0; i < node_count; i++)
        nodes[i].tasks = tasks[i];
    struct taskmap *map = layout_map (nodes, node_count, scheme, value, &error);
    char *s = map ? taskmap_encode (map, 0) : strdup (error.text);
    assert_string_equal (s, expect);
    free (s);
    taskmap_destroy (map);
}

static void test_map (void **state)
{
    int even[] = { 2, 2 };
    int odd[] = { 3, 1 };
    check_map ("[[0,2,2,1]]", even, 2, NULL, NULL);
    check_map ("[[0,1,3,1],[1,1,1,1]]", odd, 2, "block", "");
    check_map ("[[0,2,1,2]]", even, 2, "cyclic", "");
    check_map ("[[0,2,1,1],[0,1,2,1]]", odd, 2, "cyclic", NULL);
    check_map ("[[0,2,2,1]]", even, 2, "cyclic", "2");
    check_map ("[[1,1,2,1],[0,1,2,1]]", even, 2, "manual", "[[1,1,2,1],[0,1,2,1]]");
    check_map ("taskmap: manual: does not fit the job's tasks per node", odd, 2,
               "manual", "[[0,2,2,1]]");
    check_map ("taskmap: cyclic: invalid stride 'x'", odd, 2, "cyclic", "x");
    check_map ("taskmap: unknown scheme 'spiral'", odd, 2, "spiral", "");
}

static int lookup (struct buf *b, const char *tag, void *arg)
{
    return strcmp (tag, "id") ? -1 : buf_adds (b, "f1");
}

static void check_mustache (const char *template, const char *expect)
{
    char *s = mustache_render (template, lookup, NULL);
    assert_string_equal (s, expect);
    free (s);
}

static void test_mustache (void **state)
{
    check_mustache ("", "");
    check_mustache ("plain", "plain");
    check_mustache ("a{{id}}b{{ id }}", "af1bf1");
    check_mustache ("{{nosuch}}", "{{nosuch}}");
    check_mustache ("{{id", "{{id");
    check_mustache ("{{}}{{{id}}}", "{{}}{{{id}}}");
    check_mustache ("}}{{", "}}{{");
}

/* Frames through a pipe in pieces of every size. */
static void test_frames (void **state)
{
    static char big[10000];
    int fd[2];
    struct frame_writer w;
    struct frame_reader r = { 0 };
    struct frame f;
    struct buf got = BUF_INIT;
    char tmp[777];
    ssize_t n;
    int count = 0;

    memset (big, 'x', sizeof (big));
    assert_int_equal (pipe2 (fd, O_CLOEXEC), 0);
    frame_writer_init (&w, fd[1], 42);
    assert_int_equal (frame_write (&w, 's', "", 0), 0);
    assert_int_equal (frame_write (&w, 'o', big, sizeof (big)), 0);
    assert_int_equal (frame_write (&w, 'X', "0", 1), 0);
    assert_int_equal (frame_flush (&w), 0);
    close (fd[1]);
    while ((n = read (fd[0], tmp, sizeof (tmp))) > 0) {
        frame_reader_add (&r, tmp, n);
        while (frame_reader_next (&r, &f) == 1) {
            assert_true (f.id == 42);
            if (f.type == 'o')
                buf_add (&got, f.text, f.len);
            count += !f.more;
        }
        frame_reader_compact (&r);
    }
    assert_int_equal (count, 3);
    assert_int_equal (got.len, sizeof (big));
    assert_memory_equal (got.data, big, sizeof (big));
    buf_fini (&got);
    frame_reader_fini (&r);
    close (fd[0]);
}

static void test_frame_append (void **state)
{
    struct buf b = BUF_INIT;
    frame_append (&b, 'S', 1, "{\n\"a\":1}\n", 9);
    assert_string_equal (b.data, "S 1 { \"a\":1} \n");
    buf_fini (&b);
}

static void test_frame_bad (void **state)
{
    static const char *bad[] = {
        "\n", "S\n", "S x\n", "1 2 3\n", "+ 2 3\n", "S 12x\n"
    };
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        struct frame_reader r = { 0 };
        struct frame f;
        frame_reader_add (&r, bad[i], strlen (bad[i]));
        assert_int_equal (frame_reader_next (&r, &f), -1);
        frame_reader_fini (&r);
    }
}

/* A line that is no frame costs nobody else anything. */
static void test_frame_after_bad (void **state)
{
    static const char *text = "o 12 good\nnonsense\nt 34x\n\nX 56 0\n";
    struct frame_reader r = { 0 };
    struct frame f;

    frame_reader_add (&r, text, strlen (text));
    assert_int_equal (frame_reader_next (&r, &f), 1);
    assert_int_equal (frame_reader_next (&r, &f), -1);
    assert_false (f.id_known);
    assert_int_equal (frame_reader_next (&r, &f), -1);
    assert_true (f.id_known);
    assert_int_equal (f.id, 34);
    assert_int_equal (frame_reader_next (&r, &f), -1);
    assert_int_equal (frame_reader_next (&r, &f), 1);
    assert_int_equal (f.id, 56);
    assert_int_equal (frame_reader_next (&r, &f), 0);
    frame_reader_fini (&r);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_layout),          cmocka_unit_test (test_map),
        cmocka_unit_test (test_mustache),        cmocka_unit_test (test_frames),
        cmocka_unit_test (test_frame_append),    cmocka_unit_test (test_frame_bad),
        cmocka_unit_test (test_frame_after_bad),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
