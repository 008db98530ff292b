/* Which processors tasks are bound to, on machines that are not this one. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell/task/affinity.c"

const struct plug_ops *shell_plug;
static struct buf said;
static struct shell sh;
static struct task tasks[8];

json_t *shell_option (struct shell *s, const char *path)
{
    return json_object_get (s->jobspec.shell_options, path);
}

static void say (const char *what, const char *fmt, va_list ap)
{
    char text[512];

    vsnprintf (text, sizeof (text), fmt, ap);
    buf_printf (&said, "%s:%s; ", what, text);
}

void shell_fatal (struct shell *s, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    say ("fatal", fmt, ap);
    va_end (ap);
}

void shell_log (struct shell *s, int level, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    say ("log", fmt, ap);
    va_end (ap);
}

static void expect (const char *text)
{
    assert_string_equal (said.data ? said.data : "", text);
    buf_fini (&said);
}

/* A machine of so many cores, each with two threads: c and c + cores. */
static void make_machine (int cores)
{
    machine.count = cores;
    assert_non_null (machine.cpus = calloc (cores, sizeof (*machine.cpus)));
    for (int c = 0; c < cores; c++) {
        CPU_SET (c, &machine.cpus[c]);
        CPU_SET (c + cores, &machine.cpus[c]);
    }
}

static int begin (const char *cores, int task_count, const char *option)
{
    flux_error_t error;
    json_t *R;

    memset (&sh, 0, sizeof (sh));
    memset (tasks, 0, sizeof (tasks));
    sh.tasks = tasks;
    sh.task_count = task_count;
    sh.broker_rank = 3;
    for (int i = 0; i < task_count; i++)
        tasks[i].rank = 10 + i;
    R = json_pack ("{s:i s:{s:[{s:s s:{s:s}}] s:[s] s:i s:i}}", "version", 1,
                   "execution", "R_lite", "rank", "3", "children", "core", cores,
                   "nodelist", "a", "starttime", 0, "expiration", 0);
    assert_non_null (R);
    assert_non_null (sh.R = rset_decode_json (R, &error));
    json_decref (R);
    if (option)
        sh.jobspec.shell_options = json_pack ("{s:s}", "cpu-affinity", option);
    return shell_affinity_init (&sh);
}

static void end (void)
{
    shell_affinity_fini (&sh);
    rset_destroy (sh.R);
    json_decref (sh.jobspec.shell_options);
    free (machine.cpus);
    memset (&machine, 0, sizeof (machine));
}

static void all_tasks_have_all_cores (void **state)
{
    cpu_set_t set;

    make_machine (8);
    assert_int_equal (begin ("1,6-7", 2, "verbose"), 0);
    expect ("log:cpu-affinity: all tasks: cpus 1,6-7,9,14-15; ");
    assert_true (sh.affinity);
    assert_true (affinity_cpus (&sh, &set));
    assert_int_equal (CPU_COUNT (&set), 6);
    end ();
    make_machine (8);
    assert_int_equal (begin ("1", 2, NULL), 0); /* without the option, too */
    assert_true (sh.affinity);
    expect ("");
    end ();
}

static void each_has_its_share (void **state)
{
    make_machine (8);
    assert_int_equal (begin ("0-5", 2, "verbose,per-task"), 0);
    expect ("log:cpu-affinity: task 10: cpus 0-2,8-10; "
            "log:cpu-affinity: task 11: cpus 3-5,11-13; ");
    end ();
    make_machine (8);
    assert_int_equal (begin ("2,4", 3, "verbose,per-task"), 0); /* too few */
    expect ("log:cpu-affinity: task 10: cpus 2,10; "
            "log:cpu-affinity: task 11: cpus 4,12; "
            "log:cpu-affinity: task 12: cpus 2,10; ");
    end ();
}

static void a_dry_run_binds_nothing (void **state)
{
    make_machine (2);
    assert_int_equal (begin ("0", 1, "dry-run,per-task"), 0);
    expect ("log:cpu-affinity: task 10: cpus 0,2; ");
    assert_false (sh.affinity);
    end ();
}

static void what_is_off_or_not_there_binds_nothing (void **state)
{
    cpu_set_t set;

    make_machine (2);
    assert_int_equal (begin ("0", 1, "off"), 0);
    assert_false (sh.affinity);
    assert_null (sh.affinity_sets);
    end ();
    make_machine (2); /* R is of another host, or made up */
    assert_int_equal (begin ("1-2", 1, "verbose"), 0);
    assert_false (sh.affinity);
    assert_false (affinity_cpus (&sh, &set));
    expect (
        "log:cpu-affinity: this host has not the cores of R; tasks are not bound; ");
    end ();
    make_machine (2); /* no tasks, nothing to bind */
    assert_int_equal (begin ("0", 0, "verbose,per-task"), 0);
    assert_false (sh.affinity);
    expect ("");
    end ();
}

static void a_map_is_taken_in_turn (void **state)
{
    make_machine (2);
    assert_int_equal (begin ("0", 3, "dry-run,map:0-1;5"), 0);
    expect ("log:cpu-affinity: task 10: cpus 0-1; log:cpu-affinity: task 11: cpus 5; "
            "log:cpu-affinity: task 12: cpus 0-1; ");
    end ();
    make_machine (2);
    assert_int_equal (begin ("0", 1, "map:0;100000"), -1);
    expect ("fatal:cpu-affinity: 0;100000: this host has no such cpu; ");
    end ();
}

/* This machine: it has a core, and each processor is of one core only. */
static void this_machine_is_probed (void **state)
{
    cpu_set_t seen;

    CPU_ZERO (&seen);
    affinity_probe ();
    for (int i = 0; i < machine.count; i++) {
        cpu_set_t both;
        CPU_AND (&both, &seen, &machine.cpus[i]);
        assert_int_equal (CPU_COUNT (&both), 0);
        assert_true (CPU_COUNT (&machine.cpus[i]) > 0);
        CPU_OR (&seen, &seen, &machine.cpus[i]);
    }
    free (machine.cpus);
    memset (&machine, 0, sizeof (machine));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (all_tasks_have_all_cores),
        cmocka_unit_test (each_has_its_share),
        cmocka_unit_test (a_dry_run_binds_nothing),
        cmocka_unit_test (what_is_off_or_not_there_binds_nothing),
        cmocka_unit_test (a_map_is_taken_in_turn),
        cmocka_unit_test (this_machine_is_probed),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
