#include "base/test.h"
#include "cmd/picture/svg.h"
#include "cmd/picture/timeline.h"

#include <string.h>

static int count_text (const char *s, const char *what)
{
    int n = 0;
    for (; (s = strstr (s, what)); s++)
        n++;
    return n;
}

static struct timeline *make (int nodes, int cores)
{
    struct timeline *t = timeline_create ();
    for (int i = 0; i < nodes * cores; i++)
        assert_int_equal (timeline_add_row (t, "n", i % cores), i);
    return t;
}

static void add (struct timeline *t, const char *name, double start, double end,
                 int box, const int *rows, size_t count)
{
    struct timeline_bar b = {
        .name = name, .id = "f1", .state = "CD", .start = start, .end = end, .box = box
    };
    assert_int_equal (timeline_add_bar (t, &b, rows, count), 0);
}

/* A rectangle for each run of rows that follow each other. */
static void bars_cover_their_rows (void **state)
{
    struct timeline *t = make (2, 4);
    struct buf b = BUF_INIT;
    add (t, "one", 10, 20, 0, (int[]){ 3, 1, 2 }, 3);
    add (t, "two", 10, 20, 0, (int[]){ 0, 4, 5, 7 }, 4);
    timeline_draw (t, "T", TIMELINE_BY_NAME, &b);
    assert_int_equal (count_text (b.data, "<title>one f1 CD, 10 s</title>"), 1);
    assert_int_equal (count_text (b.data, "<title>two f1 CD, 10 s</title>"), 3);
    assert_int_equal (count_text (b.data, "2 jobs on 8 cores"), 1);
    buf_fini (&b);
    timeline_destroy (t);
}

static void frames_lie_behind (void **state)
{
    struct timeline *t = make (1, 2);
    struct buf b = BUF_INIT;
    add (t, "inner", 11, 12, 0, (int[]){ 0 }, 1);
    add (t, "outer", 10, 20, 1, (int[]){ 0, 1 }, 2);
    timeline_draw (t, "T", TIMELINE_BY_STATE, &b);
    assert_true (strstr (b.data, "<title>outer") < strstr (b.data, "<title>inner"));
    assert_non_null (strstr (b.data, "class=\"frame\""));
    buf_fini (&b);
    timeline_destroy (t);
}

/* Two nodes of one name are two. */
static void many_cores_become_nodes (void **state)
{
    struct timeline *t = make (2, TIMELINE_MAX_ROWS);
    struct buf b = BUF_INIT;
    int all[TIMELINE_MAX_ROWS];
    for (int i = 0; i < TIMELINE_MAX_ROWS; i++)
        all[i] = TIMELINE_MAX_ROWS + i;
    add (t, "x", 1, 2, 0, all, TIMELINE_MAX_ROWS);
    timeline_draw (t, "T", TIMELINE_BY_NAME, &b);
    assert_int_equal (count_text (b.data, "<title>x "), 1);
    assert_int_equal (count_text (b.data, ">n</text>"), 2);
    buf_fini (&b);
    timeline_destroy (t);
}

static void nothing_is_a_picture_too (void **state)
{
    struct timeline *t = timeline_create ();
    struct buf b = BUF_INIT;
    timeline_draw (t, "a < b & \x01\xff", TIMELINE_BY_STATE, &b);
    assert_non_null (strstr (b.data, "a &lt; b &amp; \xef\xbf\xbd\xef\xbf\xbd"));
    assert_non_null (strstr (b.data, "0 jobs on 0 cores"));
    assert_null (strstr (b.data, "nan"));
    assert_null (strstr (b.data, "inf\""));
    buf_fini (&b);
    timeline_destroy (t);
}

static void names_are_cut (void **state)
{
    assert_string_equal (svg_fit ("short", 10, 100), "short");
    assert_string_equal (svg_fit ("quite a long name", 10, 60), "quite a l…");
    assert_string_equal (svg_fit ("long", 10, 10), "");
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (bars_cover_their_rows),
        cmocka_unit_test (frames_lie_behind),
        cmocka_unit_test (many_cores_become_nodes),
        cmocka_unit_test (nothing_is_a_picture_too),
        cmocka_unit_test (names_are_cut),
    };
    return cmocka_run_group_tests_name ("cmd-timeline", tests, NULL, NULL);
}
