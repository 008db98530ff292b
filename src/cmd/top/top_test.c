#include "cmd/top/layout.h"

#include "base/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1000.

static const char *username (uint32_t userid)
{
    return userid == 0 ? "root" : "garlick";
}

static void init (struct top_model *m)
{
    assert_int_equal (top_init (m, "", 0, username), 0);
    m->starttime = NOW - 78;
    m->size = 4;
    m->owner = true;
    strcpy (m->version, "0.88.0");
}

static void give (struct top_model *m, void (*take) (struct top_model *m, json_t *o),
                  const char *text)
{
    json_t *o = json_loads (text, 0, NULL);
    assert_non_null (o);
    take (m, o);
    json_decref (o);
}

static void queues (struct top_model *m, const char *text)
{
    json_t *o = json_loads (text, 0, NULL);
    assert_int_equal (top_set_queues (m, o), 0);
    json_decref (o);
}

/* As many jobs as there are names; the first is an instance. */
static void add_jobs (struct top_model *m, const char *const *names, size_t n)
{
    json_t *jobs = json_array (), *o;
    for (size_t i = 0; i < n; i++)
        json_array_append_new (
            jobs,
            json_pack ("{s:I s:i s:i s:s s:i s:i s:f s:f}", "id", (json_int_t)(n - i),
                       "userid", i == 2 ? 1 : 0, "state", FLUX_JOB_STATE_RUN, "name",
                       names[i], "ntasks", (int)(i % 3) + 1, "nnodes", (int)i + 1,
                       "t_submit", 900., "t_run", NOW - 10 - (double)i));
    o = json_array_get (jobs, 0);
    json_object_set_new (o, "annotations",
                         json_pack ("{s:{s:s}}", "user", "uri", "local:///x"));
    o = json_pack ("{s:o}", "jobs", jobs);
    top_jobs (m, o);
    json_decref (o);
}

static void expect_row (struct top_model *m, int width, int height, int y,
                        const char *want)
{
    struct canvas c;
    assert_int_equal (top_layout (m, NOW, width, height, &c), 0);
    char *s = canvas_row (&c, y < 0 ? height + y : y);
    assert_string_equal (s, want);
    free (s);
    canvas_fini (&c);
}

static const char R4[] =
    "{\"all\":{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0-3\",\"children\":"
    "{\"core\":\"0-1\"}}],\"nodelist\":[\"n[0-3]\"],\"properties\":{\"big\":\"3\"}}},"
    "\"down\":{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"2\",\"children\":"
    "{\"core\":\"0-1\"}}],\"nodelist\":[\"n2\"]}},"
    "\"allocated\":{\"version\":1,\"execution\":{\"R_lite\":[{\"rank\":\"0,3\","
    "\"children\":{\"core\":\"0-1\"}}],\"nodelist\":[\"n[0,3]\"]}}}";

static const char stats[] =
    "{\"job_states\":{\"depend\":1,\"priority\":0,\"sched\":2,\"run\":4,\"cleanup\":1,"
    "\"inactive\":10},\"successful\":6,\"queues\":[{\"name\":\"batch\",\"job_states\":"
    "{\"sched\":2,\"run\":1,\"inactive\":3},\"successful\":3},{\"name\":\"gone\","
    "\"job_states\":{}}]}";

static void test_summary (void **state)
{
    struct top_model m;
    init (&m);
    give (&m, top_resources, R4);
    give (&m, top_stats, stats);
    expect_row (
        &m, 80, 24, 0,
        "ƒ                                                                       "
        "      ∞");
    expect_row (
        &m, 80, 24, 1,
        "    nodes [||||||||||||      ||||||2/4]                         3 pending");
    expect_row (
        &m, 80, 24, 2,
        "    cores [||||||||||||      ||||||4/8]                         5 running");
    expect_row (
        &m, 80, 24, 3,
        "     gpus [                        0/0]        6 complete,      4 failed");
    expect_row (&m, 80, 24, 5,
                " size: 4                       uptime: 1.3m                           "
                "   0.88.0");
    assert_int_equal (top_key (&m, 'd'), TOP_DRAW);
    expect_row (
        &m, 80, 24, 3,
        "     gpus [                        0/0]                        10 inactive");
    m.expiration = NOW + 3600;
    m.depth = 1;
    expect_row (&m, 40, 24, 0, "ƒ                                    1h");
    expect_row (&m, 80, 24, 5,
                " size: 4   depth: 1            uptime: 1.3m                           "
                "   0.88.0");
    top_fini (&m);
}

static void test_queues (void **state)
{
    struct top_model m;
    init (&m);
    give (&m, top_resources, R4);
    assert_int_equal (top_key (&m, 'l'), TOP_DRAW); /* no queues */
    assert_string_equal (m.message, "this instance has no named queues");
    queues (&m, "{\"batch\":{},\"big\":{\"requires\":[\"big\"]}}");
    give (&m, top_stats, stats);
    assert_int_equal (m.queues[1].pending, 2);
    assert_int_equal (top_key (&m, TOP_KEY_RIGHT), TOP_ASK);
    assert_string_equal (m.queues[m.queue].name, "batch");
    assert_int_equal (m.nodes.total, 4);
    expect_row (&m, 80, 24, 4, " queue: batch (1 of 2)");
    assert_int_equal (top_key (&m, 'l'), TOP_ASK);
    assert_int_equal (m.nodes.total, 1);
    assert_int_equal (m.cores.used, 2);
    assert_int_equal (m.cores.down, 0);
    json_t *o = top_list_payload (&m);
    char *s = json_dumps (json_object_get (o, "constraint"), JSON_COMPACT);
    assert_string_equal (
        s, "{\"and\":[{\"states\":[\"running\"]},{\"queue\":[\"big\"]}]}");
    free (s);
    json_decref (o);
    assert_int_equal (top_key (&m, 'l'), TOP_ASK); /* all again */
    assert_int_equal (m.queue, 0);
    assert_int_equal (top_key (&m, 'h'), TOP_ASK);
    assert_string_equal (m.queues[m.queue].name, "big");
    assert_int_equal (top_select_queue (&m, "batch"), 0);
    assert_int_equal (top_select_queue (&m, "nosuch"), -1);
    queues (&m, "{}"); /* gone meanwhile */
    assert_int_equal (m.queue, 0);
    top_fini (&m);
}

static const char *const names[] = { "flux", "sleep", "\033[31mred", "größe" };

static void test_rows (void **state)
{
    struct top_model m;
    struct canvas c;
    init (&m);
    add_jobs (&m, names, 4);
    expect_row (&m, 80, 24, 6, "       JOBID     USER ST NTASKS NNODES RUNTIME NAME");
    expect_row (&m, 80, 24, 7, "          ƒ5     root  R      1      1     10s flux");
    expect_row (&m, 80, 24, 9,
                "          ƒ3  garlick  R      3      3     12s \\u001b[31mred");
    expect_row (
        &m, 80, 24, -1,
        " 4 running                   ? help  / filter  s sort  v view  c cancel  q"
        " quit");
    assert_int_equal (top_layout (&m, NOW, 80, 24, &c), 0);
    assert_int_equal (canvas_cell (&c, 50, 7)->style, STYLE_INSTANCE | STYLE_REVERSE);
    assert_int_equal (canvas_cell (&c, 50, 8)->style, STYLE_PLAIN);
    canvas_fini (&c);
    top_fini (&m);
}

/* Any size that a terminal may have. */
static void test_sizes (void **state)
{
    struct top_model m;
    init (&m);
    queues (&m, "{\"batch\":{}}");
    add_jobs (&m, names, 4);
    for (int mode = 0; mode <= TOP_HELP; mode++) {
        m.mode = mode;
        for (int w = 0; w < 130; w += 3) {
            for (int h = 0; h < 30; h++) {
                struct canvas c;
                assert_int_equal (top_layout (&m, NOW, w, h, &c), 0);
                canvas_fini (&c);
            }
        }
    }
    top_fini (&m);
}

static void test_moves (void **state)
{
    struct top_model m;
    struct canvas c;
    const char *many[50];
    init (&m);
    for (int i = 0; i < 50; i++)
        many[i] = "job";
    add_jobs (&m, many, 50);
    assert_int_equal (top_layout (&m, NOW, 80, 18, &c), 0);
    canvas_fini (&c);
    assert_int_equal (m.page, 10);
    top_key (&m, TOP_KEY_PAGE_DOWN);
    assert_int_equal (m.cursor, 10);
    assert_int_equal (top_layout (&m, NOW, 80, 18, &c), 0);
    canvas_fini (&c);
    assert_int_equal (m.scroll, 1);
    top_key (&m, 'G');
    assert_int_equal (top_selected (&m)->id, 1);
    top_key (&m, 'j');
    assert_int_equal (m.cursor, 49);
    assert_int_equal (top_layout (&m, NOW, 80, 18, &c), 0);
    canvas_fini (&c);
    assert_int_equal (m.scroll, 40);
    /* jobs end: the cursor stays with its job, or in its row */
    add_jobs (&m, many, 5);
    assert_int_equal (top_selected (&m)->id, 1);
    assert_int_equal (top_layout (&m, NOW, 80, 18, &c), 0);
    canvas_fini (&c);
    assert_int_equal (m.scroll, 0);
    add_jobs (&m, many, 0);
    assert_null (top_selected (&m));
    top_fini (&m);
}

static void type (struct top_model *m, const char *s)
{
    for (; *s; s++)
        top_key (m, *s);
}

static void test_filter (void **state)
{
    struct top_model m;
    init (&m);
    add_jobs (&m, names, 4);
    assert_int_equal (top_key (&m, '/'), TOP_DRAW);
    assert_int_equal (top_key (&m, 'S'), TOP_ASK); /* more jobs are looked at */
    assert_int_equal (top_key (&m, 'l'), TOP_DRAW);
    assert_int_equal (m.row_count, 1);
    assert_string_equal (top_selected (&m)->name, "sleep");
    expect_row (&m, 80, 24, -1, " filter: Sl▏");
    top_key (&m, TOP_KEY_BACKSPACE);
    assert_int_equal (top_key (&m, TOP_KEY_BACKSPACE), TOP_ASK);
    assert_int_equal (m.row_count, 4);
    top_key (&m, TOP_KEY_BACKSPACE);
    top_key (&m, 0xf6); /* o with two dots: two bytes */
    assert_int_equal (m.row_count, 1);
    top_key (&m, TOP_KEY_BACKSPACE);
    assert_string_equal (m.filter, "");
    type (&m, "garl");
    assert_int_equal (m.row_count, 1);
    assert_int_equal (top_key (&m, TOP_KEY_ENTER), TOP_DRAW);
    assert_int_equal (m.mode, TOP_NORMAL);
    assert_int_equal (m.row_count, 1);
    assert_int_equal (top_key (&m, TOP_KEY_ESCAPE), TOP_ASK);
    assert_int_equal (m.row_count, 4);
    top_key (&m, '/');
    for (int i = 0; i < 200; i++)
        top_key (&m, 0x20ac);
    assert_in_range (strlen (m.filter), 60, 63);
    top_key (&m, 0x01); /* no character */
    top_key (&m, TOP_KEY_ESCAPE);
    assert_string_equal (m.filter, "");
    top_fini (&m);
}

static void test_sort (void **state)
{
    struct top_model m;
    init (&m);
    add_jobs (&m, names, 4);
    assert_int_equal (top_key (&m, 's'), TOP_ASK); /* runtime */
    assert_int_equal (m.rows[0]->id, 1);
    top_key (&m, 'S');
    assert_int_equal (m.rows[0]->id, 4);
    top_key (&m, 's'); /* nodes */
    assert_int_equal (m.rows[0]->nnodes, 4);
    top_key (&m, 's'); /* tasks */
    assert_int_equal (m.rows[0]->ntasks, 3);
    top_key (&m, 's'); /* user */
    assert_string_equal (m.rows[0]->user, "garlick");
    top_key (&m, 's'); /* name */
    assert_string_equal (m.rows[3]->name, "sleep");
    expect_row (&m, 80, 24, 6, "       JOBID     USER ST NTASKS NNODES RUNTIME NAME▾");
    top_key (&m, 's');
    assert_int_equal (m.rows[0]->id, 4);
    top_fini (&m);
}

static void test_open (void **state)
{
    struct top_model m;
    init (&m);
    add_jobs (&m, names, 4);
    assert_int_equal (top_key (&m, TOP_KEY_ENTER), TOP_OPEN);
    top_key (&m, 'j');
    assert_int_equal (top_key (&m, TOP_KEY_ENTER), TOP_DRAW);
    assert_string_equal (m.message, "this job is not an instance");
    assert_int_equal (top_key (&m, TOP_KEY_BACKSPACE), TOP_BACK);
    assert_string_equal (m.message, "");
    assert_int_equal (top_key (&m, 'q'), TOP_LEAVE);
    assert_int_equal (top_key (&m, 'L' & 0x1f), TOP_REDRAW);
    assert_int_equal (top_key (&m, 0x1f600), TOP_NOTHING);
    m.jobs[0].mine = false;
    top_key (&m, 'g');
    assert_int_equal (top_key (&m, TOP_KEY_ENTER), TOP_DRAW);
    assert_string_equal (m.message, "this instance belongs to root");
    top_fini (&m);
}

static void test_cancel (void **state)
{
    struct top_model m;
    init (&m);
    add_jobs (&m, names, 4);
    assert_int_equal (top_key (&m, 'c'), TOP_DRAW);
    expect_row (&m, 80, 24, -1, " cancel ƒ5 (flux)? y/n");
    assert_int_equal (top_key (&m, 'n'), TOP_DRAW);
    assert_int_equal (m.mode, TOP_NORMAL);
    top_key (&m, 'c');
    add_jobs (&m, names, 2); /* the question stays the same */
    assert_int_equal (top_key (&m, 'y'), TOP_CANCEL);
    assert_int_equal (m.target, 4);
    m.owner = false;
    add_jobs (&m, names, 4);
    top_key (&m, 'g');
    type (&m, "jj");
    assert_int_equal (top_key (&m, 'c'), TOP_DRAW);
    assert_string_equal (m.message, "this job belongs to garlick");
    top_fini (&m);
}

static void test_views (void **state)
{
    struct top_model m;
    init (&m);
    add_jobs (&m, names, 4);
    assert_int_equal (top_key (&m, 'v'), TOP_ASK);
    assert_int_equal (m.row_count, 0);
    expect_row (&m, 80, 24, 6, "       JOBID     USER ST NTASKS NNODES WAITING NAME");
    give (&m, top_jobs,
          "{\"jobs\":[{\"id\":7,\"userid\":0,\"state\":8,\"name\":\"w\",\"ntasks\":2,"
          "\"t_submit\":940.0},{\"nosuch\":1}]}");
    expect_row (&m, 80, 24, 7, "          ƒ8     root  S      2             1m w");
    top_key (&m, 'v');
    give (
        &m, top_jobs,
        "{\"jobs\":[{\"id\":7,\"userid\":0,\"state\":64,\"name\":\"w\",\"ntasks\":2,"
        "\"nnodes\":1,\"t_submit\":1.0,\"t_run\":2.0,\"t_cleanup\":7.0,\"t_inactive\":"
        "9.0,\"result\":1},{\"id\":6,\"state\":64,\"name\":\"x\",\"t_submit\":1.0,"
        "\"t_inactive\":3.0,\"result\":4}]}");
    expect_row (&m, 80, 24, 7, "          ƒ8     root CD      2      1      5s w");
    expect_row (&m, 80, 24, 8, "          ƒ7     root CA                    2s x");
    assert_int_equal (top_key (&m, 'c'), TOP_DRAW);
    assert_string_equal (m.message, "this job has ended");
    top_fini (&m);
}

static void test_canvas (void **state)
{
    struct canvas c;
    assert_int_equal (canvas_init (&c, 6, 1), 0);
    assert_int_equal (canvas_put (&c, 0, 0, STYLE_BOLD, "a漢e\u0301x"), 5);
    assert_string_equal (canvas_cell (&c, 1, 0)->text, "漢");
    assert_string_equal (canvas_cell (&c, 2, 0)->text, "");
    assert_string_equal (canvas_cell (&c, 3, 0)->text, "e\u0301");
    canvas_put (&c, 5, 0, STYLE_PLAIN, "漢"); /* does not fit */
    canvas_put (&c, -2, 0, STYLE_PLAIN, "zzA");
    canvas_put (&c, 0, 7, STYLE_PLAIN, "nowhere");
    char *s = canvas_row (&c, 0);
    assert_string_equal (s, "A漢e\u0301x");
    free (s);
    canvas_fini (&c);
    assert_int_equal (canvas_text_width ("漢ƒ\xff"), 4);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_summary), cmocka_unit_test (test_queues),
        cmocka_unit_test (test_rows),    cmocka_unit_test (test_sizes),
        cmocka_unit_test (test_moves),   cmocka_unit_test (test_filter),
        cmocka_unit_test (test_sort),    cmocka_unit_test (test_open),
        cmocka_unit_test (test_cancel),  cmocka_unit_test (test_views),
        cmocka_unit_test (test_canvas),
    };
    setlocale (LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests (tests, NULL, NULL);
}
