/* What tasks use, looked at now and then; and who is killed first when there is no
 * memory. */
#include "base/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* the clock is this test's */
static double now;
#define clock_monotonic() now

#include "shell/task/sysmon.c"

const struct plug_ops *shell_plug;
static struct buf said;
static struct shell sh;
static struct task task;

json_t *shell_option (struct shell *s, const char *path)
{
    return json_object_get (s->jobspec.shell_options, path);
}

void shell_log (struct shell *s, int level, const char *fmt, ...)
{
    va_list ap;

    buf_printf (&said, "%d:", level);
    va_start (ap, fmt);
    buf_vprintf (&said, fmt, ap);
    va_end (ap);
}

void shell_fatal (struct shell *s, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    buf_vprintf (&said, fmt, ap);
    va_end (ap);
}

static void begin (const char *options)
{
    memset (&sh, 0, sizeof (sh));
    task = (struct task){ .rank = 4, .pid = getpid () };
    sh.tasks = &task;
    sh.task_count = 1;
    now = 100.;
    sh.jobspec.shell_options = json_loads (options, 0, NULL);
    assert_non_null (sh.jobspec.shell_options);
    assert_int_equal (shell_sysmon_init (&sh), 0);
}

static void end (void)
{
    json_decref (sh.jobspec.shell_options);
    buf_fini (&said);
}

static void says (const char *text)
{
    if (text)
        assert_non_null (strstr (said.data ? said.data : "", text));
    else
        assert_null (said.data);
    buf_fini (&said);
}

static void it_looks_now_and_then (void **state)
{
    begin ("{\"sysmon\":{\"period\":\"10s\"}}");
    shell_sysmon_look (&sh);
    says (NULL);
    now = 109.;
    shell_sysmon_look (&sh);
    says (NULL);
    now = 110.;
    shell_sysmon_look (&sh);
    says ("7:sysmon: memory.current=");
    assert_true (sh.sysmon.peak > 4096.);
    shell_sysmon_look (&sh);
    says (NULL);
    assert_true (sh.sysmon.next == 120.);
    task.exited = true;
    double peak = sh.sysmon.peak;
    now = 120.;
    shell_sysmon_look (&sh);
    says ("memory.current=0.0M");
    assert_true (sh.sysmon.peak == peak); /* what was is not forgotten */
    shell_sysmon_end (&sh);
    says ("5:sysmon: memory.peak=");
    shell_sysmon_end (&sh); /* once */
    says (NULL);
    now = 1000.;
    shell_sysmon_look (&sh); /* it is over */
    says (NULL);
    end ();
}

static void it_does_not_look (void **state)
{
    static const char *const off[] = { "{}", "{\"sysmon\":0}", "{\"sysmon\":false}" };

    for (size_t i = 0; i < sizeof (off) / sizeof (off[0]); i++) {
        begin (off[i]);
        now = 1000.;
        shell_sysmon_look (&sh);
        shell_sysmon_end (&sh);
        says (NULL);
        end ();
    }
}

static void periods (void **state)
{
    begin ("{\"sysmon\":1}");
    assert_true (sh.sysmon.period == 2.);
    end ();
    begin ("{\"sysmon\":{\"period\":0}}"); /* not all the time */
    assert_true (sh.sysmon.period == 0.001);
    end ();
    begin ("{\"sysmon\":{}}");
    assert_true (sh.sysmon.period == 2.);
    end ();
}

/* A task that has ended already is none to complain of; a score that cannot be is. */
static void scores (void **state)
{
    char path[64];
    size_t len;
    int status;
    pid_t pid = fork ();

    if (pid == 0) {
        pause ();
        _exit (0);
    }
    assert_true (pid > 0);
    begin ("{\"oom.adjust\":700}");
    task.pid = pid;
    assert_int_equal (shell_oom_adjust (&sh, &task), 0);
    snprintf (path, sizeof (path), "/proc/%d/oom_score_adj", (int)pid);
    char *text = file_read_all (path, &len);
    assert_non_null (text);
    assert_int_equal (atoi (text), 700);
    free (text);
    end ();
    begin ("{\"oom.adjust\":5000}");
    task.pid = pid;
    assert_int_equal (shell_oom_adjust (&sh, &task), -1);
    says ("oom.adjust: task 4: 5000: Invalid argument");
    end ();
    begin ("{}");
    task.pid = pid;
    assert_int_equal (shell_oom_adjust (&sh, &task), 0);
    end ();
    kill (pid, SIGKILL);
    waitpid (pid, &status, 0);
    begin ("{\"oom.adjust\":700}");
    task.pid = pid;
    assert_int_equal (shell_oom_adjust (&sh, &task), 0);
    says (NULL);
    end ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (it_looks_now_and_then),
        cmocka_unit_test (it_does_not_look),
        cmocka_unit_test (periods),
        cmocka_unit_test (scores),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
