#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/shell/protocol.h"
#include "shell/job/layout.h"
#include "shell/job/mustache.h"

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

/* --- pieces --- */

/* What comes of the lines: whole frames, "!" for a refused one, "?" for no frame. */
static void check_join (const char *lines, size_t max, const char *expect)
{
    struct frame_reader r = { 0 };
    struct frame_pieces p = { 0 };
    struct buf got = BUF_INIT;
    struct frame f;
    int rc;

    buf_adds (&got, "");
    frame_reader_add (&r, lines, strlen (lines));
    while ((rc = frame_reader_next (&r, &f)) != 0) {
        struct buf whole = BUF_INIT;
        if (rc < 0) {
            frame_pieces_drop (&p);
            buf_adds (&got, "? ");
        } else if ((rc = frame_join (&p, &f, max, &whole)) < 0) {
            assert_int_equal (errno, EMSGSIZE);
            buf_adds (&got, "! ");
        } else if (rc > 0)
            buf_printf (&got, "%c:%.*s ", f.type, (int)f.len, f.text);
        buf_fini (&whole);
    }
    assert_string_equal (got.data, expect);
    buf_fini (&got);
    frame_pieces_fini (&p);
    frame_reader_fini (&r);
}

static void test_join (void **state)
{
    check_join ("o 1 a\nX 1 0\n", 10, "o:a X:0 ");
    check_join ("+o 1 a\n+o 1 b\no 1 c\no 1 d\n", 10, "o:abc o:d ");
    check_join ("+o 1 \no 1 \n", 10, "o: ");
    check_join ("o 1 longer than max\n", 4, "o:longer than max ");
}

/* The server tells the end of a shell that was killed amid a frame. */
static void test_join_cut_short (void **state)
{
    check_join ("+o 1 {\"a\nX 1 9\n", 10, "X:9 ");
    check_join ("+o 1 a\n+w 1 b\nw 1 c\n", 10, "w:bc ");
    check_join ("+o 1 a\n", 10, "");
}

/* Nothing of a frame is taken for another when a part of it is lost. */
static void test_join_lost (void **state)
{
    check_join ("+o 1 abc\n+o 1 de\n+o 1 f\no 1 g\no 1 h\n", 4, "! o:h ");
    check_join ("+o 1 abc\no 1 de\no 1 f\n", 4, "! o:f ");
    check_join ("+o 1 abc\n+o 1 de\nX 1 0\no 1 f\n", 4, "! X:0 o:f ");
    check_join ("+o 1 a\n+o 1x\n+o 1 b\no 1 c\no 1 d\n", 10, "? o:d ");
    check_join ("o 1 a\nnonsense\no 1 b\n", 10, "o:a ? o:b ");
}

/* --- every way to damage a stream --- */

#define GOOD "o 12 {\"a\":1}\n+b 34 pie\nb 34 ce\nX 12 0\n"

static void check_whole (const struct frame *f)
{
    assert_true ((f->type >= 'a' && f->type <= 'z')
                 || (f->type >= 'A' && f->type <= 'Z'));
    assert_int_equal (f->text[f->len], '\0');
    assert_null (memchr (f->text, '\n', f->len));
}

/* Frames and lines that are none; the last frame is in *last. */
static int read_damaged (const char *data, size_t len, size_t cut, struct frame *last)
{
    struct frame_reader r = { 0 };
    struct frame f;
    int rc, count = 0;

    for (int half = 0; half < 2; half++) {
        assert_int_equal (half ? frame_reader_add (&r, data + cut, len - cut)
                               : frame_reader_add (&r, data, cut),
                          0);
        while ((rc = frame_reader_next (&r, &f)) != 0) {
            if (rc > 0)
                check_whole (&f);
            else
                assert_int_equal (errno, EPROTO);
            *last = f;
            last->text = NULL;
            count++;
        }
        frame_reader_compact (&r);
    }
    frame_reader_fini (&r);
    return count;
}

static int count_lines (const char *data, size_t len)
{
    int n = 0;

    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

/* Each byte replaced by each other: each line is one frame or none, and what stands
 * on its own line behind the damage is whole. */
static void test_sweep_replaced (void **state)
{
    char data[sizeof (GOOD "e 56 end\n")];
    size_t good = strlen (GOOD), len = sizeof (data) - 1;
    struct frame last;

    for (size_t i = 0; i < good; i++)
        for (int c = 0; c < 256; c++) {
            memcpy (data, GOOD "e 56 end\n", sizeof (data));
            data[i] = c;
            int n = read_damaged (data, len, (i + c) % len, &last);
            assert_int_equal (n, count_lines (data, len));
            if (i < good - 1) {
                assert_int_equal (last.type, 'e');
                assert_int_equal (last.id, 56);
                assert_int_equal (last.len, 3);
            }
        }
}

/* Bytes missing, or the stream ended, anywhere. */
static void test_sweep_cut (void **state)
{
    char data[sizeof (GOOD)];
    size_t len = strlen (GOOD);
    struct frame last;

    for (size_t from = 0; from < len; from++)
        for (size_t n = 1; from + n <= len; n++) {
            memcpy (data, GOOD, from);
            memcpy (data + from, GOOD + from + n, len - from - n);
            assert_int_equal (read_damaged (data, len - n, from, &last),
                              count_lines (data, len - n));
        }
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_layout),          cmocka_unit_test (test_map),
        cmocka_unit_test (test_mustache),        cmocka_unit_test (test_frames),
        cmocka_unit_test (test_frame_append),    cmocka_unit_test (test_frame_bad),
        cmocka_unit_test (test_frame_after_bad), cmocka_unit_test (test_join),
        cmocka_unit_test (test_join_cut_short),  cmocka_unit_test (test_join_lost),
        cmocka_unit_test (test_sweep_replaced),  cmocka_unit_test (test_sweep_cut),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
