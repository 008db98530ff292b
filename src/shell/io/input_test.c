/* Standard input: who gets what, who waits for whom, and when its sender hears of it. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "shell/shell.h"

#define TASKS 3

static struct buf said;
static struct shell sh;
static struct task tasks[TASKS];
static int fds[TASKS]; /* what the tasks read */

/* --- what the loop would do --- */

json_t *shell_option (struct shell *s, const char *path)
{
    return json_object_get (s->jobspec.shell_options, path);
}

char *shell_render (struct shell *s, struct task *task, const char *template)
{
    char *path;
    return asprintf (&path, "%s", template) < 0 ? NULL : path;
}

void shell_fatal (struct shell *s, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    buf_vprintf (&said, fmt, ap);
    va_end (ap);
}

void shell_log (struct shell *s, int level, const char *fmt, ...)
{
    buf_printf (&said, "log:%s ", fmt);
}

void shell_send (struct shell *s, char type, struct buf *b)
{
    buf_printf (&said, "%c%.*s ", type, (int)b->len, b->data);
}

int shell_watch (struct shell *s, struct source *src)
{
    buf_printf (&said, "watch(%d %d) ", src->task->rank, src->events);
    return 0;
}

void shell_unwatch (struct shell *s, struct source *src)
{
    if (src->fd >= 0)
        close (src->fd);
    src->fd = -1;
}

void shell_pty_end_input (struct task *t)
{
    buf_adds (&said, "pty-end ");
}

bool shell_pty_resize (struct shell *s, json_t *io)
{
    return json_object_get (io, "window") != NULL;
}

static void expect (const char *text)
{
    assert_string_equal (said.data ? said.data : "", text);
    buf_fini (&said);
}

static int set_up (void **state)
{
    memset (&sh, 0, sizeof (sh));
    memset (tasks, 0, sizeof (tasks));
    sh.tasks = tasks;
    sh.task_count = TASKS;
    if (fanout_init (&sh.input, TASKS) < 0)
        return -1;
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){ .sh = &sh, .localid = i, .rank = 10 + i };
        if (shell_input_open (&sh, &tasks[i], &fds[i]) < 0)
            return -1;
        fcntl (fds[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static int tear_down (void **state)
{
    shell_input_fini (&sh);
    for (int i = 0; i < TASKS; i++) {
        if (tasks[i].in.fd >= 0)
            close (tasks[i].in.fd);
        if (fds[i] >= 0)
            close (fds[i]);
    }
    buf_fini (&said);
    return 0;
}

static void frame (const char *text)
{
    shell_input_frame (&sh, text, strlen (text));
}

/* NULL: nothing yet; "": the end. */
static void check_read (int i, const char *text)
{
    char got[256];
    ssize_t n = read (fds[i], got, sizeof (got) - 1);

    if (!text) {
        assert_int_equal (n, -1);
        assert_int_equal (errno, EAGAIN);
        return;
    }
    assert_true (n >= 0);
    got[n] = '\0';
    assert_string_equal (got, text);
}

/* --- */

static void all_or_some_get_it (void **state)
{
    frame ("{\"stream\":\"stdin\",\"rank\":\"all\",\"data\":\"for all\"}");
    expect ("c48 ");
    frame ("{\"stream\":\"stdin\",\"rank\":\"11-12\",\"data\":\"for two\"}");
    expect ("c50 ");
    frame ("{\"stream\":\"stdin\",\"rank\":\"7\",\"data\":\"for nobody here\"}");
    expect ("c54 ");
    check_read (0, "for all");
    check_read (1, "for allfor two");
    check_read (2, "for allfor two");
    frame ("{\"stream\":\"stdin\",\"rank\":\"all\",\"eof\":true}");
    for (int i = 0; i < TASKS; i++)
        check_read (i, "");
}

/* Its end is the end for who got none of it, and for nobody else. */
static void the_end_of_some (void **state)
{
    frame ("{\"stream\":\"stdin\",\"rank\":\"11\",\"data\":\"mine\"}");
    frame ("{\"stream\":\"stdin\",\"rank\":\"10\",\"data\":\"last\",\"eof\":true}");
    check_read (0, "last");
    check_read (0, "");
    check_read (1, "mine");
    check_read (1, NULL);
    check_read (2, "");
}

static void fill (int i)
{
    char block[4096] = { 0 };

    while (write (tasks[i].in.fd, block, sizeof (block)) > 0)
        ;
    assert_int_equal (errno, EAGAIN);
}

static void drain (int i)
{
    char block[4096];

    while (read (fds[i], block, sizeof (block)) > 0)
        ;
}

/* Who sends hears of it when the last has taken it, and who is fast does not wait. */
static void the_slowest_is_waited_for (void **state)
{
    fill (1);
    frame ("{\"stream\":\"stdin\",\"rank\":\"all\",\"data\":\"one\"}");
    expect ("watch(11 4) ");
    frame ("{\"stream\":\"stdin\",\"rank\":\"10\",\"data\":\"two\"}");
    expect ("");
    check_read (0, "onetwo");
    check_read (2, "one");
    drain (1);
    tasks[1].in.ready (&sh, &tasks[1].in, EPOLLOUT);
    expect ("watch(11 0) c87 ");
    check_read (1, "one");
}

/* One that reads no more holds nobody up. */
static void who_closes_is_not_waited_for (void **state)
{
    fill (1);
    frame ("{\"stream\":\"stdin\",\"rank\":\"all\",\"data\":\"one\"}");
    expect ("watch(11 4) ");
    tasks[1].in.ready (&sh, &tasks[1].in, EPOLLERR);
    assert_int_equal (tasks[1].in.fd, -1);
    expect ("c44 ");
    close (fds[2]);
    fds[2] = -1;
    frame ("{\"stream\":\"stdin\",\"rank\":\"all\",\"data\":\"two\"}");
    assert_int_equal (tasks[2].in.fd, -1);
    expect ("c44 ");
    check_read (0, "onetwo");
}

static void what_is_no_input_is_paid_back (void **state)
{
    frame ("nonsense");
    frame ("{\"stream\":\"stdin\",\"rank\":\"all\"}");
    expect ("log:malformed standard input object c8 "
            "log:malformed standard input object c31 ");
    frame ("{\"window\":1}");
    expect ("c12 ");
    frame ("{\"stream\":\"stdin\",\"rank\":\"x\",\"data\":\"one\"}");
    expect ("c42 ");
    check_read (0, NULL);
}

/* Whoever types into a terminal may go on after somebody's end of input. */
static void a_terminal_is_told_of_the_end (void **state)
{
    tasks[0].pty = sh.pty_interactive = true;
    frame ("{\"stream\":\"stdin\",\"rank\":\"10\",\"data\":\"a\",\"eof\":true}");
    expect ("pty-end c52 ");
    frame ("{\"stream\":\"stdin\",\"rank\":\"10\",\"data\":\"b\"}");
    expect ("c41 ");
    check_read (0, "ab");
    check_read (0, NULL);
    check_read (1, "");
}

static void a_file_is_opened (void **state)
{
    char path[] = "/tmp/shell-input-XXXXXX";
    int fd = mkstemp (path), got = -1;
    struct task t = { .sh = &sh };
    char text[8] = "";

    assert_int_equal (write (fd, "text", 4), 4);
    close (fd);
    sh.jobspec.shell_options =
        json_pack ("{s:{s:s s:s}}", "input.stdin", "type", "file", "path", path);
    assert_int_equal (shell_input_open (&sh, &t, &got), 0);
    assert_int_equal (read (got, text, sizeof (text)), 4);
    assert_string_equal (text, "text");
    close (got);
    unlink (path);
    assert_int_equal (shell_input_open (&sh, &t, &got), -1);
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (said.data, "error opening input file '/tmp/shell-input-"));
    buf_fini (&said);
    json_object_del (json_object_get (sh.jobspec.shell_options, "input.stdin"), "path");
    assert_int_equal (shell_input_open (&sh, &t, &got), -1);
    assert_int_equal (errno, EINVAL);
    expect ("input.stdin: type file needs a path");
    json_decref (sh.jobspec.shell_options);
}

#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (all_or_some_get_it),
        TEST (the_end_of_some),
        TEST (the_slowest_is_waited_for),
        TEST (who_closes_is_not_waited_for),
        TEST (what_is_no_input_is_paid_back),
        TEST (a_terminal_is_told_of_the_end),
        TEST (a_file_is_opened),
    };
    signal (SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
