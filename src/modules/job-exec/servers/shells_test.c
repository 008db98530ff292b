/* The server of shells: what it says, what becomes of its shells, and how it ends. It is
 * a script here. */
#include "base/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "modules/job-exec/servers/shells.h"

/* Prints what it is told to start, or to pass on; \n in it is a newline. */
#define SPEAKER                                                                        \
    "while read -r type id text; do case $type$text in\n"                              \
    "K) echo \"X $id 9\";;\n"                                                          \
    "*EXIT) exit 3;;\n"                                                                \
    "*) printf '%b\\n' \"$text\";;\n"                                                  \
    "esac; done\n"

static char dir[64], path[128];
static flux_t *h;
static struct shells *shells;
static struct buf said;

static void frame (uint64_t id, char type, const char *text, size_t len, void *arg)
{
    assert_ptr_equal (arg, &said);
    buf_printf (&said, "%c(%d)%.*s ", type, (int)id, (int)len, text);
}

static void begin (const char *script)
{
    FILE *f = fopen (path, "w");

    assert_non_null (f);
    fprintf (f, "#!/bin/sh\n%s", script);
    assert_int_equal (fclose (f), 0);
    assert_int_equal (chmod (path, 0700), 0);
    assert_non_null (shells = shells_create (h, path, NULL, frame, &said));
}

static void end (void)
{
    shells_destroy (shells);
    buf_fini (&said);
    unlink (path);
}

static void turn (void)
{
    shells_flush (shells);
    assert_true (flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_ONCE) >= 0);
}

/* Until it was said; nothing else was. */
static void wait_for (const char *text)
{
    size_t len = strlen (text);

    while (said.len < len)
        turn ();
    assert_string_equal (said.data, text);
    buf_reset (&said);
}

static void start (uint64_t id, const char *record)
{
    assert_int_equal (shells_start (shells, id, record, strlen (record)), 0);
}

static void send (uint64_t id, const char *text)
{
    shells_send (shells, id, 'i', text, strlen (text));
}

static void frames_are_whose_they_are (void **state)
{
    begin (SPEAKER);
    assert_int_equal (shells_servers (shells), 0);
    start (7, "o 7 one");
    assert_int_equal (shells_servers (shells), 1);
    wait_for ("o(7)one ");
    start (8, "o 9 nobody\\n+o 7 [1,\\no 8 two\\no 7 2]");
    wait_for ("o(8)two o(7)[1,2] ");
    assert_int_equal (shells_start (shells, 8, "x", 1), -1);
    assert_int_equal (errno, EEXIST);
    /* after its end nothing comes from a job, and nothing is sent to it */
    send (7, "X 7 0\\no 7 late");
    wait_for ("X(7)0 ");
    send (7, "o 8 lost");
    send (8, "o 8 three");
    wait_for ("o(8)three ");
    start (7, "o 7 again");
    wait_for ("o(7)again ");
    end ();
}

static void a_line_that_is_no_frame_costs_one_job (void **state)
{
    begin (SPEAKER);
    start (7, "s 7");
    start (8, "s 8");
    wait_for ("s(7) s(8) ");
    send (8, "nonsense\\n+o 7 [1,\\no 7x\\no 7 rest\\no 8 fine");
    wait_for ("x(7){\"type\":\"exec\",\"severity\":0,\"note\":"
              "\"malformed frame from job shell on host3 (rank 3)\"} o(8)fine X(7)9 ");
    end ();
}

static void a_server_that_is_lost_is_told (void **state)
{
    begin (SPEAKER);
    start (7, "EXIT");
    wait_for ("x(7){\"type\":\"exec\",\"severity\":0,\"note\":\"lost contact with job "
              "shell on host3 (rank 3): flux-shell: exit 3\",\"lost\":true} X(7)9 ");
    assert_int_equal (shells_servers (shells), 0);
    /* the next job has another, and nothing of what was said to the first */
    start (7, "o 7 new");
    wait_for ("o(7)new ");
    end ();
}

static void there_may_be_none (void **state)
{
    begin (SPEAKER);
    unlink (path);
    start (7, "s 7");
    wait_for ("x(7){\"type\":\"exec\",\"severity\":0,\"note\":\"cannot execute job "
              "shell on host3 (rank 3): No such file or directory\"} X(7)32512 ");
    assert_int_equal (shells_servers (shells), 0);
    end ();
}

/* More than fits into its pipe, and than its window. */
static void much_comes_through (void **state)
{
    size_t len = 100 * 1000, count = 40;
    char *text = malloc (len);

    memset (text, 'y', len);
    begin ("exec /bin/cat\n");
    start (7, "{}");
    for (size_t i = 0; i < count; i++) {
        text[0] = 'A' + i;
        shells_send (shells, 7, 'i', text, len);
    }
    while (said.len < 7 + count * (len + 5))
        turn ();
    assert_memory_equal (said.data, "S(7){} ", 7);
    const char *p = said.data + 7;
    for (size_t i = 0; i < count; i++, p += len + 5) {
        text[0] = 'A' + i;
        assert_memory_equal (p, "i(7)", 4);
        assert_memory_equal (p + 4, text, len);
    }
    free (text);
    end ();
}

/* One that does not care about the end of its input, nor about signals. */
static void it_does_not_outlive_us (void **state)
{
    pid_t pid;

    begin ("trap '' TERM HUP INT\necho \"o 7 $$\"\nexec /bin/sleep 1000\n");
    start (7, "{}");
    while (said.len == 0)
        turn ();
    pid = atoi (said.data + strlen ("o(7)"));
    assert_true (pid > 1);
    assert_int_equal (kill (pid, 0), 0);
    end ();
    assert_int_equal (kill (pid, 0), -1);
    assert_int_equal (errno, ESRCH);
}

static pid_t create_group (void)
{
    pid_t pid = fork ();

    if (pid == 0) {
        setpgid (0, 0);
        for (;;)
            pause ();
    }
    assert_true (pid > 0);
    assert_int_equal (setpgid (pid, pid), 0);
    return pid;
}

static void assert_killed (pid_t pid)
{
    int status;

    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
}

static void start_groups (pid_t one, pid_t two)
{
    char text[64];

    snprintf (text, sizeof (text), "p 7 %d %d\\no 7 ok", (int)one, (int)two);
    start (7, text);
    wait_for ("o(7)ok "); /* nobody else is told */
}

static void tasks_of_a_server_do_not_outlive_it (void **state)
{
    pid_t one = create_group (), two = create_group (), other = create_group ();

    begin (SPEAKER);
    start_groups (one, two);
    start (8, "s 8");
    wait_for ("s(8) ");
    send (8, "EXIT");
    while (!said.data || !strstr (said.data, "X(8)"))
        turn ();
    assert_killed (one);
    assert_killed (two);
    end ();
    begin (SPEAKER);
    one = create_group ();
    two = create_group ();
    start_groups (one, two);
    end ();
    assert_killed (one);
    assert_killed (two);
    begin (SPEAKER);
    start (7, "p 7 1 -1 0 x\\no 7 ok"); /* no groups */
    wait_for ("o(7)ok ");
    end ();
    assert_int_equal (kill (other, SIGKILL), 0);
    assert_killed (other);
}

static int set_up (void **state)
{
    strcpy (dir, "/tmp/job-exec-shells-XXXXXX");
    if (!mkdtemp (dir) || !(h = flux_open ("loop://", 0)))
        return -1;
    snprintf (path, sizeof (path), "%s/shell", dir);
    flux_attr_set_cacheonly (h, "rank", "3");
    flux_attr_set_cacheonly (h, "hostlist", "host[0-3]");
    flux_attr_set_cacheonly (h, "local-uri", "local:///nowhere");
    flux_attr_set_cacheonly (h, "conf.shell_initrc", "/nonexistent");
    flux_attr_set_cacheonly (h, "conf.shell_pluginpath", "/nonexistent");
    return 0;
}

static int tear_down (void **state)
{
    flux_close (h);
    return rmdir (dir);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (frames_are_whose_they_are),
        cmocka_unit_test (a_line_that_is_no_frame_costs_one_job),
        cmocka_unit_test (a_server_that_is_lost_is_told),
        cmocka_unit_test (there_may_be_none),
        cmocka_unit_test (much_comes_through),
        cmocka_unit_test (it_does_not_outlive_us),
        cmocka_unit_test (tasks_of_a_server_do_not_outlive_it),
    };
    return cmocka_run_group_tests (tests, set_up, tear_down);
}
