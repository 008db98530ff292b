/* What a shell makes of its start record: tasks, options and names of files. */
#include "base/test.h"

#include <flux/taskmap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/plug.h"
#include "shell/shell.h"

const struct plug_ops *shell_plug;
static struct shell sh;
static flux_error_t error;

int shell_pty_init (struct shell *s, flux_error_t *e)
{
    return 0;
}

#define FACTS                                                                          \
    "\"jobid_path\":\"/\",\"instance_level\":1,\"output_window\":1000,"                \
    "\"time_left\":2.5"
#define R                                                                              \
    "{\"version\":1,\"execution\":{\"R_lite\":["                                       \
    "{\"rank\":\"3\",\"children\":{\"core\":\"0-1\",\"gpu\":\"7\"}},"                  \
    "{\"rank\":\"5\",\"children\":{\"core\":\"2-3\"}}],"                               \
    "\"nodelist\":[\"a\",\"b\"],\"starttime\":0,\"expiration\":0}}"

static int parse (int rank, const char *facts, const char *options)
{
    struct buf b = BUF_INIT;
    int rc;

    memset (&sh, 0, sizeof (sh));
    sh.id = 1234;
    sh.rank = rank;
    buf_printf (&b, "{\"rank\":%d,\"size\":2,\"broker_rank\":%d,%s} ", rank,
                rank ? 5 : 3, facts);
    buf_printf (
        &b,
        "{\"id\":1234,\"userid\":77,\"jobspec\":{\"version\":1,\"resources\":"
        "[{\"type\":\"slot\",\"count\":4,\"label\":\"task\",\"with\":"
        "[{\"type\":\"core\",\"count\":1}]}],\"tasks\":[{\"command\":[\"true\"],"
        "\"slot\":\"task\",\"count\":{\"per_slot\":1}}],\"attributes\":"
        "{\"system\":{\"duration\":0,\"job\":{\"name\":\"nom\"},\"shell\":"
        "{\"options\":%s}}}},\"R\":" R "}",
        options);
    assert_int_equal (b.err, 0);
    rc = shell_parse (&sh, b.data, b.len, &error);
    buf_fini (&b);
    return rc;
}

static void begin (int rank, const char *options)
{
    assert_int_equal (parse (rank, FACTS, options), 0);
    assert_int_equal (shell_place_tasks (&sh, &error), 0);
}

static void end (void)
{
    fanout_fini (&sh.input);
    shell_fini (&sh);
}

static void what_is_in_the_record (void **state)
{
    begin (1, "{}");
    assert_int_equal (sh.userid, 77);
    assert_int_equal (sh.size, 2);
    assert_int_equal (sh.broker_rank, 5);
    assert_string_equal (sh.host, "b");
    assert_string_equal (sh.jobid_path, "/");
    assert_int_equal (sh.instance_level, 1);
    assert_int_equal (sh.output_window, 1000);
    assert_int_equal (sh.credit.room, 1000);
    assert_true (sh.time_left == 2.5);
    assert_false (sh.site_plugins);
    assert_string_equal (sh.jobspec.name, "nom");
    end ();
    assert_int_equal (parse (0, FACTS ",\"site_plugins\":true", "{}"), 0);
    assert_true (sh.site_plugins);
    assert_string_equal (sh.host, "a");
    end ();
}

static void malformed_records_are_refused (void **state)
{
    static const char *const bad[] = {
        "\"jobid_path\":\"/\"",
        "\"jobid_path\":1,\"instance_level\":1,\"output_window\":1,\"time_left\":1.0",
        "\"jobid_path\":\"/\",\"instance_level\":1,\"output_window\":0,"
        "\"time_left\":0.0",
    };

    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_int_equal (parse (0, bad[i], "{}"), -1);
        assert_string_equal (error.text, "malformed start record");
        end ();
    }
    memset (&sh, 0, sizeof (sh));
    assert_int_equal (shell_parse (&sh, "nonsense", 8, &error), -1);
    assert_string_equal (error.text, "malformed start record");
    end ();
    assert_int_equal (parse (0, FACTS, "{"), -1);
    assert_non_null (strstr (error.text, "malformed start request: "));
    end ();
}

static void tasks_are_placed (void **state)
{
    begin (1, "{}");
    assert_int_equal (sh.ntasks, 4);
    assert_int_equal (sh.task_count, 2);
    assert_int_equal (sh.tasks[0].rank, 2);
    assert_string_equal (sh.tasks[1].rank_str, "3");
    assert_int_equal (sh.tasks[1].localid, 1);
    assert_int_equal (sh.tasks[1].streams[1].src.fd, -1);
    end ();
    begin (1, "{\"taskmap\":{\"scheme\":\"cyclic\"}}");
    assert_int_equal (sh.tasks[0].rank, 1);
    assert_int_equal (sh.tasks[1].rank, 3);
    end ();
    assert_int_equal (parse (0, FACTS, "{\"taskmap\":{\"scheme\":\"dice\"}}"), 0);
    assert_int_equal (shell_place_tasks (&sh, &error), -1);
    assert_non_null (strstr (error.text, "dice"));
    end ();
    assert_int_equal (parse (0, FACTS, "{\"taskmap\":\"cyclic\"}"), 0);
    assert_int_equal (shell_place_tasks (&sh, &error), -1);
    assert_string_equal (error.text, "taskmap: expected a scheme");
    end ();
}

static void options_are_found_by_path (void **state)
{
    begin (0, "{\"output\":{\"stdout\":{\"type\":\"file\"}},\"verbose\":2}");
    assert_string_equal (json_string_value (shell_option (&sh, "output.stdout.type")),
                         "file");
    assert_non_null (shell_option (&sh, "output.stdout"));
    assert_null (shell_option (&sh, "output.stderr.type"));
    assert_null (shell_option (&sh, "verbose.much"));
    assert_null (shell_option (
        &sh, "a-name-that-is-longer-than-any-option-has-ever-been-or-will-be-here.x"));
    assert_int_equal (sh.verbose, 2);
    end ();
}

static void signals_and_timeouts (void **state)
{
    begin (0, "{}");
    assert_true (sh.setpgrp);
    assert_false (sh.exit_on_error);
    assert_true (sh.exit_timeout == 30.);
    assert_int_equal (sh.signal_num, 0);
    end ();
    begin (0, "{\"signal\":1,\"exit-timeout\":\"none\",\"nosetpgrp\":1}");
    assert_int_equal (sh.signal_num, SIGUSR1);
    assert_true (sh.signal_left == 60);
    assert_true (sh.exit_timeout < 0);
    assert_false (sh.setpgrp);
    end ();
    begin (0, "{\"signal\":{\"signum\":12,\"timeleft\":5},\"exit-timeout\":\"2m\","
              "\"exit-on-error\":true}");
    assert_int_equal (sh.signal_num, 12);
    assert_true (sh.signal_left == 5);
    assert_true (sh.exit_timeout == 120.);
    assert_true (sh.exit_on_error);
    end ();
}

static void renders (struct task *task, const char *template, const char *expect)
{
    char *s = shell_render (&sh, task, template);

    assert_non_null (s);
    assert_string_equal (s, expect);
    free (s);
}

static void templates_are_rendered (void **state)
{
    begin (1, "{}");
    struct task *t = &sh.tasks[1];

    renders (t, "plain", "plain");
    renders (t, "{{id}} {{id.f58plain}} {{jobid.dec}} {{id.hex}}",
             "\xc6\x92NH fNH 1234 0x4d2");
    renders (t, "{{name}}-{{nnodes}}-{{size}}-{{ntasks}}", "nom-2-4-4");
    renders (t, "{{node.id}} {{node.name}} {{node.broker_rank}}", "1 b 5");
    renders (t, "{{node.cores}} {{node.ncores}} [{{node.gpus}}]", "2-3 2 []");
    renders (t, "{{task.id}} {{taskid}} {{task.rank}} {{task.index}} {{task.localid}}",
             "3 3 3 1 1");
    renders (t, "{{ id.dec }}{{ task.id}}", "12343");
    /* what nobody knows stays, as does what is no tag */
    renders (t, "{{nosuch}} {{id.nosuch}} {{node.nosuch}} {{task.nosuch}}",
             "{{nosuch}} {{id.nosuch}} {{node.nosuch}} {{task.nosuch}}");
    renders (t, "{{}} {{id {id} }}", "{{}} {{id {id} }}");
    renders (NULL, "{{task.id}} {{taskid}}", "{{task.id}} {{taskid}}");
    char *s = shell_render_rank (&sh, 0, "{{node.id}} {{node.name}} {{node.gpus}}");
    assert_string_equal (s, "0 a 7");
    free (s);
    end ();
}

/* Who writes a file: its task, its node, or the leader for all. */
static void what_a_template_depends_on (void **state)
{
    assert_true (shell_template_per_task ("out.{{task.id}}"));
    assert_true (shell_template_per_task ("{{taskid}}"));
    assert_true (shell_template_per_task ("{{id}}.{{ task.rank }}"));
    assert_false (shell_template_per_task ("{{id}}.{{node.id}} task"));
    assert_false (shell_template_per_task ("{{"));
    assert_true (shell_template_per_node ("{{node.name}}"));
    assert_true (shell_template_per_node ("{{  node.id }}"));
    assert_true (shell_template_per_node ("{{tmpdir}}/x"));
    assert_false (shell_template_per_node ("{{id}} {{nnodes}} node. {{ id }}"));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (what_is_in_the_record),
        cmocka_unit_test (malformed_records_are_refused),
        cmocka_unit_test (tasks_are_placed),
        cmocka_unit_test (options_are_found_by_path),
        cmocka_unit_test (signals_and_timeouts),
        cmocka_unit_test (templates_are_rendered),
        cmocka_unit_test (what_a_template_depends_on),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
