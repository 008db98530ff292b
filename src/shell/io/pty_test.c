/* Which tasks have a terminal, and what a terminal is to them. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "shell/shell.h"

#define TASKS 4

static struct shell sh;
static struct task tasks[TASKS];
static json_t *options;
static char said[256];

json_t *shell_option (struct shell *s, const char *path)
{
    return json_object_get (options, path);
}

void shell_fatal (struct shell *s, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (said, sizeof (said), fmt, ap);
    va_end (ap);
}

int shell_watch (struct shell *s, struct source *src)
{
    struct epoll_event ev = { .events = src->events, .data.ptr = src };

    return epoll_ctl (s->epoll_fd, EPOLL_CTL_ADD, src->fd, &ev);
}

void shell_output_ready (struct shell *s, struct source *src, int revents)
{
}

void shell_input_ready (struct shell *s, struct source *src, int revents)
{
}

/* Tasks 4 to 7 of eight. */
static void begin (const char *text)
{
    memset (&sh, 0, sizeof (sh));
    memset (tasks, 0, sizeof (tasks));
    sh.tasks = tasks;
    sh.task_count = TASKS;
    sh.ntasks = 8;
    for (int i = 0; i < TASKS; i++)
        tasks[i] = (struct task){ .sh = &sh, .rank = 4 + i, .localid = i };
    said[0] = '\0';
    json_decref (options);
    options = json_loads (text, 0, NULL);
    assert_non_null (options);
}

static void who_has_one (void **state)
{
    static const struct {
        const char *options, *tasks; /* 1: it has */
        bool interactive, capture;
    } rows[] = {
        { "{}", "0000", false, false },
        { "{\"pty\": false}", "0000", false, false },
        { "{\"pty\": 0}", "0000", false, false },
        { "{\"pty\": true}", "1111", false, true },
        { "{\"pty\": 1}", "1111", false, true },
        { "{\"pty\": {}}", "1111", false, true },
        { "{\"pty\": {\"ranks\": \"all\"}}", "1111", false, true },
        { "{\"pty\": {\"ranks\": \"0-4,7\"}}", "1001", false, true },
        { "{\"pty\": {\"ranks\": 5}}", "0100", false, true },
        { "{\"pty\": {\"ranks\": \"0\"}}", "0000", false, true },
        { "{\"pty\": {\"capture\": 1}}", "1111", false, true },
        /* one that is typed at is that of task 0, which is elsewhere */
        { "{\"pty\": {\"interactive\": 1}}", "0000", true, false },
        { "{\"pty\": {\"interactive\": true, \"capture\": true}}", "0000", true, true },
        { "{\"pty\": {\"interactive\": 1, \"ranks\": \"all\"}}", "1111", true, false },
        { "{\"pty\": {\"interactive\": 0}}", "1111", false, true },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        flux_error_t error = { "" };

        begin (rows[i].options);
        if (shell_pty_init (&sh, &error) < 0)
            fail_msg ("%s: %s", rows[i].options, error.text);
        for (int t = 0; t < TASKS; t++)
            if (tasks[t].pty != (rows[i].tasks[t] == '1'))
                fail_msg ("%s: task %d", rows[i].options, 4 + t);
        assert_int_equal (sh.pty_interactive, rows[i].interactive);
        assert_int_equal (sh.pty_capture, rows[i].capture);
    }
}

static void what_makes_no_sense (void **state)
{
    static const char *const rows[][2] = {
        { "{\"pty\": \"yes\"}", "expected ranks" },
        { "{\"pty\": [1]}", "expected ranks" },
        { "{\"pty\": 1.5}", "expected ranks" },
        { "{\"pty\": {\"rank\": 1}}", "expected ranks" },
        { "{\"pty\": {\"capture\": \"no\"}}", "expected 0 or 1" },
        { "{\"pty\": {\"interactive\": {}}}", "expected 0 or 1" },
        { "{\"pty\": {\"capture\": 0}}", "nobody would see" },
        { "{\"pty\": {\"ranks\": \"some\"}}", "a set of ranks" },
        { "{\"pty\": {\"ranks\": [1]}}", "a set of ranks" },
        { "{\"pty\": {\"ranks\": -1}}", "a set of ranks" },
        { "{\"pty\": {\"ranks\": 8}}", "no such task" },
        { "{\"pty\": {\"ranks\": \"0-8\"}}", "no such task" },
        { "{\"pty\": {\"ranks\": \"\"}}", "no such task" },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        flux_error_t error = { "" };

        begin (rows[i][0]);
        assert_int_equal (shell_pty_init (&sh, &error), -1);
        assert_int_equal (errno, EINVAL);
        if (strncmp (error.text, "pty: ", 5) != 0 || !strstr (error.text, rows[i][1]))
            fail_msg ("%s: %s", rows[i][0], error.text);
    }
}

static void open_terminal (int fds[3])
{
    begin ("{\"pty\": true}");
    assert_true ((sh.epoll_fd = epoll_create1 (EPOLL_CLOEXEC)) >= 0);
    tasks[0].pty = true;
    assert_int_equal (shell_pty_open (&sh, &tasks[0], fds), 0);
}

static void close_all (int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close (fds[i]);
    close (tasks[0].streams[0].src.fd);
    close (tasks[0].in.fd);
    close (sh.epoll_fd);
}

static void check_size (int fd, int rows, int cols)
{
    struct winsize size;

    assert_int_equal (ioctl (fd, TIOCGWINSZ, &size), 0);
    assert_int_equal (size.ws_row, rows);
    assert_int_equal (size.ws_col, cols);
}

static void a_window (void **state)
{
    static const struct {
        const char *io;
        bool good;
    } rows[] = {
        { "{\"winsize\": [10, 65535]}", true },  { "{\"winsize\": [0, 0]}", true },
        { "{\"winsize\": [40, 132]}", true },    { "{\"winsize\": [40]}", false },
        { "{\"winsize\": [\"a\", 1]}", false },  { "{\"winsize\": [-1, 80]}", false },
        { "{\"winsize\": [24, 65616]}", false }, { "{\"stream\": \"stdin\"}", false },
    };
    int fds[3];

    open_terminal (fds);
    for (int i = 0; i < 3; i++) {
        assert_true (isatty (fds[i]));
        check_size (fds[i], 24, 80);
    }
    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        json_t *io = json_loads (rows[i].io, 0, NULL);

        if (shell_pty_resize (&sh, io) != rows[i].good)
            fail_msg ("%s", rows[i].io);
        json_decref (io);
    }
    check_size (fds[0], 40, 132); /* what is no size changes nothing */
    close_all (fds);
}

/* The end of the input is a character, while lines are edited; else it would be typed. */
static void the_end_of_input (void **state)
{
    struct termios tio;
    char c;
    int fds[3];

    open_terminal (fds);
    shell_pty_end_input (&tasks[0]);
    assert_int_equal (read (fds[0], &c, 1), 0);
    assert_int_equal (tcgetattr (fds[0], &tio), 0);
    tio.c_lflag &= ~ICANON;
    assert_int_equal (tcsetattr (fds[0], TCSANOW, &tio), 0);
    fcntl (fds[0], F_SETFL, O_NONBLOCK);
    shell_pty_end_input (&tasks[0]);
    assert_int_equal (read (fds[0], &c, 1), -1);
    assert_int_equal (errno, EAGAIN);
    close_all (fds);
}

/* A task that has closed its terminal is not at its end: it is looked at again then. */
static void a_gap (void **state)
{
    struct epoll_event ev;
    int fds[3];
    char c;

    open_terminal (fds);
    for (int i = 0; i < 3; i++) {
        close (fds[i]);
        fds[i] = -1;
    }
    assert_int_equal (read (tasks[0].streams[0].src.fd, &c, 1), -1);
    assert_int_equal (errno, EIO);
    assert_int_equal (epoll_wait (sh.epoll_fd, &ev, 1, 0), 1);
    assert_true (shell_pty_gap (&sh, &tasks[0]));
    assert_int_equal (epoll_wait (sh.epoll_fd, &ev, 1, 0), 0);
    tasks[0].exited = true;
    shell_pty_exited (&sh, &tasks[0]);
    assert_int_equal (epoll_wait (sh.epoll_fd, &ev, 1, 0), 1);
    errno = EIO;
    assert_false (shell_pty_gap (&sh, &tasks[0])); /* now it is */
    errno = EAGAIN;
    tasks[0].exited = false;
    assert_false (shell_pty_gap (&sh, &tasks[0]));
    close_all (fds);
}

static void no_file (void **state)
{
    int fds[3] = { -1, -1, -1 };

    begin ("{\"pty\": true, \"input.stdin.type\": \"file\"}");
    assert_int_equal (shell_pty_open (&sh, &tasks[0], fds), -1);
    assert_string_equal (said, "pty: a terminal cannot have a file as its input");
    json_decref (options);
    options = NULL;
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (who_has_one), cmocka_unit_test (what_makes_no_sense),
        cmocka_unit_test (a_window),    cmocka_unit_test (the_end_of_input),
        cmocka_unit_test (a_gap),       cmocka_unit_test (no_file),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
