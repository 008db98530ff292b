/* What a shell says, when it wants to be looked at, and when it is at its end. No task
 * runs; its frames are read from a pipe. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "shell/plug.h"
#include "shell/shell.h"
#include "value/resource/rset.h"

static int pipe_fd[2];
static struct shell *sh;
static char said[1 << 20];

static void begin (void)
{
    signal (SIGPIPE, SIG_IGN);
    assert_int_equal (pipe2 (pipe_fd, O_CLOEXEC | O_NONBLOCK), 0);
    assert_non_null (sh = shell_create (5, 0, pipe_fd[1]));
    sh->exit_timeout = -1;
    sh->hold_until = 0;
}

static void end (void)
{
    shell_plug = NULL;
    sh->running = 0;
    shell_destroy (sh);
    close (pipe_fd[0]);
    close (pipe_fd[1]);
}

/* All frames since the last time; "" none. */
static const char *hear (void)
{
    ssize_t n;
    size_t len = 0;

    shell_settle (sh);
    while ((n = read (pipe_fd[0], said + len, sizeof (said) - 1 - len)) > 0)
        len += n;
    said[len] = '\0';
    return said;
}

/* The object of the one frame that was said, which has this type; new. */
static json_t *heard (char type)
{
    json_t *o;
    json_error_t e;
    char *nl;

    hear ();
    assert_int_equal (said[0], type);
    assert_int_equal (strncmp (said + 1, " 5 ", 3), 0);
    assert_non_null (nl = strchr (said, '\n'));
    assert_int_equal (nl[1], '\0');
    if (!(o = json_loads (said + 4, 0, &e)))
        fail_msg ("%s: %s", e.text, said);
    return o;
}

static const char *member (json_t *o, const char *name)
{
    return json_string_value (json_object_get (json_object_get (o, "context"), name));
}

/* ---- words ---- */

static void levels (void **state)
{
    begin ();
    for (int verbose = 0; verbose <= 2; verbose++) {
        sh->verbose = verbose;
        for (int level = SHELL_FATAL; level <= SHELL_TRACE; level++) {
            bool on = level <= SHELL_NOTICE + verbose;

            assert_int_equal (shell_log_enabled (sh, level), on);
            shell_log (sh, level, "%s %d", "level", level);
            assert_int_equal (*hear () != '\0', on);
        }
    }
    end ();
}

/* Each is one line of JSON, whatever bytes are in it. */
static void any_text (void **state)
{
    static const char *const texts[] = { "",     "\"",       "\\",          "a\nb",
                                         "\t\r", "\001\037", "caf\303\251", "}}\n{" };

    begin ();
    for (size_t i = 0; i < sizeof (texts) / sizeof (texts[0]); i++) {
        json_t *o;

        shell_log_entry (sh, SHELL_WARN, texts[i], texts[i], 7, texts[i]);
        o = heard ('o');
        assert_string_equal (json_string_value (json_object_get (o, "name")), "log");
        assert_string_equal (member (o, "message"), texts[i]);
        assert_string_equal (member (o, "component"), texts[i]);
        assert_string_equal (member (o, "file"), texts[i]);
        json_decref (o);
        shell_raise (sh, texts[i], 3, texts[i]);
        o = heard ('x');
        assert_string_equal (json_string_value (json_object_get (o, "note")), texts[i]);
        assert_int_equal (json_integer_value (json_object_get (o, "severity")), 3);
        json_decref (o);
    }
    for (int c = 1; c < 256; c++) {
        char text[] = { 'a', c, 'b', '\0' };

        shell_log (sh, SHELL_ERROR, "%s", text);
        json_decref (heard ('o'));
    }
    end ();
}

static void a_long_line_is_cut (void **state)
{
    char text[5000];
    json_t *o;

    memset (text, 'x', sizeof (text));
    text[sizeof (text) - 1] = '\0';
    begin ();
    shell_log (sh, SHELL_ERROR, "%s", text);
    o = heard ('o');
    assert_int_equal (strlen (member (o, "message")), 1023);
    json_decref (o);
    end ();
}

/* What is left out is not there, so that nobody takes it for a value. */
static void what_is_not_known (void **state)
{
    json_t *o;

    begin ();
    sh->rank = 3;
    shell_log_entry (sh, SHELL_ERROR, NULL, NULL, 9, "text");
    o = heard ('o');
    assert_null (member (o, "component"));
    assert_null (json_object_get (json_object_get (o, "context"), "line"));
    assert_int_equal (
        json_integer_value (json_object_get (json_object_get (o, "context"), "rank")),
        3);
    json_decref (o);
    end ();
}

static void fatal (void **state)
{
    begin ();
    shell_fatal (sh, 3, "no %s", "more");
    assert_int_equal (sh->rc, 3);
    hear ();
    assert_non_null (strstr (said, "\"level\":2"));
    assert_non_null (
        strstr (said, "x 5 {\"type\":\"exec\",\"severity\":0,\"note\":\"no more\"}"));
    shell_fatal (sh, 2, "again"); /* the highest counts */
    assert_int_equal (sh->rc, 3);
    sh->blamed = true; /* but the one to blame counts most */
    shell_fatal (sh, 9, "and again");
    assert_int_equal (sh->rc, 3);
    end ();
}

static bool nobody_logs (struct shell *s, int level, const char *text)
{
    return false;
}

static bool somebody_logs (struct shell *s, int level, const char *text)
{
    return true;
}

/* Plugins speak before the header of the output is sent, and are heard behind it. */
static void plugins_log (void **state)
{
    static const struct plug_ops aside = { .log = nobody_logs };
    static const struct plug_ops seen_to = { .log = somebody_logs };

    begin ();
    shell_plug = &aside;
    shell_log (sh, SHELL_ERROR, "early");
    assert_string_equal (hear (), "");
    assert_true (sh->early.len > 0);
    sh->header_sent = true;
    shell_log (sh, SHELL_ERROR, "late");
    assert_non_null (strstr (hear (), "late"));
    assert_null (strstr (said, "early"));
    shell_plug = &seen_to;
    shell_log (sh, SHELL_ERROR, "elsewhere");
    assert_string_equal (hear (), "");
    end ();
}

/* ---- when ---- */

static void timeouts (void **state)
{
    double now = clock_monotonic ();

    assert_int_equal (shell_timeout (INFINITY), -1);
    assert_int_equal (shell_timeout (now - 1), 0);
    assert_int_equal (shell_timeout (0), 0);
    assert_in_range (shell_timeout (now + 1000), 999000, 1000001);
    assert_int_equal (shell_timeout (now + 1e9), 1000000000); /* it is an int */
    assert_true (shell_timeout (clock_monotonic () + 0.0001) >= 0);
}

/* Against the least of a list; tasks' deadlines mean nothing when none runs. */
static void deadlines (void **state)
{
    begin ();
    for (int bits = 0; bits < 32; bits++) {
        double want = INFINITY;
        double at[4] = { 40, 30, 20, 10 };
        double *slots[4] = { &sh->exit_deadline, &sh->signal_deadline, &sh->sysmon.next,
                             &sh->hold_until };

        sh->running = (bits & 16) ? 1 : 0;
        for (int i = 0; i < 4; i++) {
            *slots[i] = (bits & (1 << i)) ? at[i] : 0;
            if (*slots[i] > 0 && (sh->running > 0 || i == 3))
                want = fmin (want, at[i]);
        }
        assert_true (shell_deadline (sh) == want);
    }
    sh->sysmon.next = sh->hold_until = sh->exit_deadline = sh->signal_deadline = 0;
    end ();
}

static void at_its_end (void **state)
{
    begin ();
    for (int bits = 0; bits < 16; bits++) {
        bool want = !(bits & 1) && !(bits & 2) && (!(bits & 4) || (bits & 8));

        sh->running = (bits & 1) ? 2 : 0;
        sh->streams_open = (bits & 2) ? 1 : 0;
        sh->peers_writing = (bits & 4) ? 1 : 0;
        sh->broken = (bits & 8);
        assert_int_equal (shell_done (sh), want);
    }
    sh->streams_open = sh->peers_writing = 0;
    end ();
}

static void frame (char type, const char *text)
{
    struct frame f = { .type = type, .id = 5, .text = text, .len = strlen (text) };

    shell_frame (sh, &f);
}

/* exit-timeout counts from the first exit, here or elsewhere, and is told once. */
static void others_have_exited (void **state)
{
    double first;

    begin ();
    frame ('D', "");
    assert_true (sh->exit_deadline == 0); /* none */
    sh->exit_timeout = 100;
    frame ('D', "");
    assert_true ((first = sh->exit_deadline) > clock_monotonic () + 50);
    frame ('D', "");
    assert_true (sh->exit_deadline == first);
    sh->running = 1;
    assert_string_equal (hear (), "");
    sh->exit_deadline = 1; /* long ago */
    assert_non_null (strstr (hear (), "a task has exited, and others still run after "
                                      "exit-timeout\",\"failed\":0}"));
    assert_string_equal (hear (), "");
    assert_false (sh->blamed);
    frame ('D', "");
    assert_true (sh->exit_deadline == 0);
    end ();
}

/* What has failed here before is told with it, and stays the shell's status. */
static void exit_timeout_tells_who_failed (void **state)
{
    struct task first = { .rank = 4, .status = 9 << 8, .exited = true };

    begin ();
    sh->running = 1;
    sh->first_exit = &first;
    sh->exit_timeout = 100;
    shell_set_rc (sh, 9);
    sh->exit_deadline = 1;
    const char *told = hear ();
    assert_non_null (strstr (told, "task 4 on "));
    assert_non_null (strstr (told,
                             "exited with exit code 9, and others still run after "
                             "exit-timeout\",\"failed\":2304}"));
    shell_set_rc (sh, 143);
    assert_int_equal (sh->rc, 9);
    end ();
}

/* A shell that is lost is one whose tasks have failed. */
static void others_are_lost (void **state)
{
    begin ();
    frame ('L', "1 0");
    assert_true (sh->exit_deadline == 0);
    assert_string_equal (hear (), "");
    sh->exit_timeout = 100;
    frame ('L', "1 2");
    assert_true (sh->exit_deadline > clock_monotonic () + 50);
    assert_string_equal (hear (), "");
    sh->exit_on_error = true;
    frame ('L', "3 2");
    assert_non_null (strstr (hear (), "shell rank 3 is lost"));
    end ();
}

/* "-s SIG@TIME": a new expiration moves it. */
static void it_expires (void **state)
{
    begin ();
    assert_non_null (sh->R = rset_create ());
    frame ('x', "2000 500");
    assert_true (sh->signal_deadline == 0); /* none is wanted */
    sh->signal_num = SIGUSR1;
    sh->signal_left = 60;
    frame ('x', "2000 500");
    assert_true (fabs (sh->signal_deadline - clock_monotonic () - 440) < 100);
    frame ('x', "0 0");
    assert_true (sh->signal_deadline == 0);
    frame ('x', "nonsense");
    assert_true (sh->signal_deadline == 0);
    frame ('x', "2000 10"); /* it is late already */
    sh->running = 1;
    assert_non_null (strstr (hear (), "Will expire in 10.0s"));
    assert_string_equal (hear (), "");
    sh->signal_left = 1e9; /* before this machine began */
    frame ('x', "2000 1000");
    assert_non_null (strstr (hear (), "sending "));
    end ();
}

/* One task, whose output goes into this pipe. */
static void add_task (int fd)
{
    sh->task_count = 1;
    assert_non_null (sh->tasks = calloc (1, sizeof (*sh->tasks)));
    assert_int_equal (fanout_init (&sh->input, 1), 0);
    sh->tasks[0].sh = sh;
    sh->tasks[0].streams[0].src.fd = fd;
    sh->tasks[0].streams[1].src.fd = sh->tasks[0].in.fd = sh->tasks[0].pmi.fd = -1;
    sh->running = 1;
    if (!sh->R)
        assert_non_null (sh->R = rset_create ());
}

/* Of tasks that have ended somebody may still have the output open; what stands in the pipe
 * is nobody's. */
static void its_time_is_over (void **state)
{
    int fd[2];

    begin ();
    assert_int_equal (pipe2 (fd, O_CLOEXEC), 0);
    assert_int_equal (write (fd[1], "text", 4), 4);
    frame ('T', "1");
    assert_string_equal (hear (), "T 5 1 1\n"); /* they are still to be started */
    add_task (fd[0]);
    frame ('T', "2");
    assert_string_equal (hear (), "T 5 2 1\n");
    shell_task_changed (sh, &sh->tasks[0], 0);
    hear ();
    frame ('T', "3");
    assert_string_equal (hear (), "T 5 3 1\n");
    close (fd[1]);
    frame ('T', "4");
    assert_string_equal (hear (), "T 5 4 0\n");
    end ();
}

/* So much after its end, at the least. */
static double told_after (double seconds)
{
    double expiration, over = 0;
    const char *p;

    begin ();
    add_task (-1);
    sh->expires = shell_seen_since () - seconds;
    rset_set_times (sh->R, 1000, 2000);
    shell_task_changed (sh, &sh->tasks[0], 0);
    if ((p = strstr (hear (), "v 5 "))) {
        assert_int_equal (sscanf (p, "v 5 %lf %lf", &expiration, &over), 2);
        assert_true (expiration == 2000);
    }
    end ();
    return over;
}

static void it_ended_late (void **state)
{
    shell_waited (INFINITY, true);
    shell_waited (INFINITY, true);
    assert_true (fabs (told_after (3) - 3) < 1e-3);
    assert_true (told_after (-1) == 0);
    assert_true (told_after (0.1) == 0); /* who knows */
    double since = shell_seen_since ();
    shell_waited (INFINITY, false); /* there is more to be seen: it may be older */
    double last = shell_seen_since ();
    shell_waited (INFINITY, true);
    assert_true (last >= since && shell_seen_since () == last);
    shell_waited (1, true); /* it slept: what woke it is new */
    assert_true (shell_seen_since () > last);
}

/* ---- to whom ---- */

/* What ends at once is one write; what somebody waits for does not wait. */
static void held (void **state)
{
    static const char types[] = "bxwcaTotes";

    for (size_t i = 0; types[i]; i++) {
        struct buf b = BUF_INIT;

        begin ();
        sh->hold_until = clock_monotonic () + 1000;
        buf_adds (&b, "{}");
        shell_send (sh, types[i], &b);
        buf_fini (&b);
        assert_int_equal (*hear () != '\0', strchr ("bxwcaT", types[i]) != NULL);
        sh->hold_until = 1; /* the time is over */
        hear ();
        end ();
    }
}

static void nobody_reads (void **state)
{
    begin ();
    close (pipe_fd[0]);
    shell_log (sh, SHELL_ERROR, "to nobody");
    shell_settle (sh);
    assert_true (sh->broken);
    sh->peers_writing = 1; /* they will not come either */
    assert_true (shell_done (sh));
    shell_log (sh, SHELL_ERROR, "to nobody");
    assert_int_equal (sh->out.len, 0); /* nothing piles up */
    sh->peers_writing = 0;
    pipe_fd[0] = dup (pipe_fd[1]);
    end ();
}

static void killed_without_tasks (void **state)
{
    begin ();
    sh->running = 1;
    frame ('k', "15");
    assert_false (sh->ending);
    sh->running = 0;
    frame ('k', "15");
    assert_true (sh->ending);
    frame ('?', "what is this");
    assert_string_equal (hear (), "");
    end ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (levels),
        cmocka_unit_test (any_text),
        cmocka_unit_test (a_long_line_is_cut),
        cmocka_unit_test (what_is_not_known),
        cmocka_unit_test (fatal),
        cmocka_unit_test (plugins_log),
        cmocka_unit_test (timeouts),
        cmocka_unit_test (deadlines),
        cmocka_unit_test (at_its_end),
        cmocka_unit_test (others_have_exited),
        cmocka_unit_test (exit_timeout_tells_who_failed),
        cmocka_unit_test (others_are_lost),
        cmocka_unit_test (it_expires),
        cmocka_unit_test (its_time_is_over),
        cmocka_unit_test (it_ended_late),
        cmocka_unit_test (held),
        cmocka_unit_test (nobody_reads),
        cmocka_unit_test (killed_without_tasks),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
