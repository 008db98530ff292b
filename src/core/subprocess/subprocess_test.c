#include "base/test.h"

#include <flux/core.h>
#include <flux/subprocess.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/subprocess/process.h"

static struct buf out, err;
static int lines, completions, eofs;

static void line_cb (flux_subprocess_t *p, const char *stream)
{
    const char *s;
    int n = flux_subprocess_getline (p, stream, &s);
    assert_true (n >= 0);
    if (n == 0) {
        assert_true (flux_subprocess_read_stream_closed (p, stream));
        eofs++;
    } else {
        buf_add (strcmp (stream, "stdout") ? &err : &out, s, n);
        lines++;
    }
}

static void completion_cb (flux_subprocess_t *p)
{
    completions++;
    flux_reactor_stop (flux_subprocess_get_reactor (p));
}

static const flux_subprocess_ops_t ops = {
    .on_completion = completion_cb,
    .on_stdout = line_cb,
    .on_stderr = line_cb,
};

static flux_subprocess_t *start_with (flux_reactor_t *r, const char *script,
                                      const flux_subprocess_ops_t *with)
{
    char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);
    flux_subprocess_t *p = flux_local_exec (r, 0, cmd, with);

    flux_cmd_destroy (cmd);
    assert_non_null (p);
    buf_reset (&out);
    buf_reset (&err);
    lines = eofs = completions = 0;
    return p;
}

static flux_subprocess_t *start (flux_reactor_t *r, const char *script)
{
    return start_with (r, script, &ops);
}

static void test_echo (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start (r, "cat; echo e >&2; printf partial; exit 3");

    assert_int_equal (flux_subprocess_write (p, "stdin", "a\nb\n", 4), 4);
    assert_int_equal (flux_subprocess_close (p, "stdin"), 0);
    assert_int_equal (flux_subprocess_write (p, "stdin", "c", 1), -1);
    flux_reactor_run (r, 0);
    assert_string_equal (out.data, "a\nb\npartial");
    assert_string_equal (err.data, "e\n");
    assert_int_equal (lines, 4);
    assert_int_equal (eofs, 2);
    assert_int_equal (completions, 1);
    assert_int_equal (flux_subprocess_exit_code (p), 3);
    assert_int_equal (flux_subprocess_state (p), FLUX_SUBPROCESS_EXITED);
    assert_int_equal (flux_subprocess_signaled (p), -1);
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

/* More than pipes hold, both ways at once. */
static void test_bulk (void **state)
{
    static char data[1024 * 1024];
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start (r, "exec cat");

    memset (data, 'x', sizeof (data));
    for (size_t i = 99; i < sizeof (data); i += 100)
        data[i] = '\n';
    assert_int_equal (flux_subprocess_write (p, "stdin", data, sizeof (data)),
                      sizeof (data));
    flux_subprocess_close (p, "stdin");
    flux_reactor_run (r, 0);
    assert_int_equal (out.len, sizeof (data));
    assert_memory_equal (out.data, data, sizeof (data));
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

static void test_kill (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    /* a child of the process gets the signal, too */
    flux_subprocess_t *p = start (r, "sleep 300; echo not reached");

    flux_future_destroy (flux_subprocess_kill (p, SIGKILL));
    flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_signaled (p), SIGKILL);
    assert_int_equal (out.len, 0);
    assert_null (flux_subprocess_kill (p, SIGKILL));
    assert_int_equal (errno, ESRCH);
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

static void test_errors (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    char *argv[] = { (char *)"/nonexistent", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL);
    flux_cmd_t *empty = flux_cmd_create (0, NULL, NULL);

    assert_null (flux_local_exec (r, 0, cmd, &ops));
    assert_int_equal (errno, ENOENT);
    assert_null (flux_local_exec (r, 0, empty, &ops));
    assert_int_equal (errno, EINVAL);
    flux_cmd_destroy (cmd);
    flux_cmd_destroy (empty);
    flux_reactor_destroy (r);
}

/* An end of a stream that somebody holds is not told. */
static void test_channel_refs (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start (r, "echo a");

    flux_subprocess_channel_incref (p, "stdout");
    flux_subprocess_channel_incref (p, "stdout");
    flux_subprocess_channel_incref (p, "nosuch");
    flux_subprocess_channel_incref (NULL, "stdout");
    while (flux_subprocess_state (p) != FLUX_SUBPROCESS_EXITED || eofs < 1)
        flux_reactor_run (r, FLUX_REACTOR_ONCE); /* that of stderr */
    flux_reactor_run (r, FLUX_REACTOR_NOWAIT);
    assert_int_equal (eofs, 1);
    flux_subprocess_channel_decref (p, "stdout");
    assert_int_equal (completions, 0);
    flux_subprocess_channel_decref (p, "stdout");
    while (completions < 1)
        flux_reactor_run (r, FLUX_REACTOR_ONCE);
    assert_int_equal (eofs, 2);
    assert_string_equal (out.data, "a\n");
    flux_subprocess_channel_decref (p, "stdout"); /* one too many */
    assert_int_equal (completions, 1);
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

/* The other end is loop://, so the process gets what it sent. */
static int message_child (void)
{
    flux_t *h = flux_open (getenv ("CHAN"), 0);
    flux_msg_t *msg = flux_event_encode ("hello", "{}"), *back;
    const char *topic;

    if (!h || flux_send (h, msg, 0) < 0 || !(back = flux_recv (h, FLUX_MATCH_ANY, 0))
        || flux_msg_get_topic (back, &topic) < 0 || strcmp (topic, "hello") != 0)
        return 1;
    flux_msg_decref (msg);
    flux_msg_decref (back);
    flux_close (h);
    return 42;
}

static flux_subprocess_t *start_child (flux_reactor_t *r, const char *uri)
{
    char *argv[] = { (char *)"/proc/self/exe", (char *)"message-child", NULL };
    flux_cmd_t *cmd = flux_cmd_create (2, argv, environ);
    flux_subprocess_t *p;
    int errnum;

    assert_int_equal (flux_cmd_add_message_channel (cmd, "CHAN", uri), 0);
    p = flux_local_exec (r, 0, cmd, &ops);
    errnum = errno;
    flux_cmd_destroy (cmd);
    lines = eofs = completions = 0;
    errno = errnum;
    return p;
}

static void test_message_channel (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start_child (r, "loop://");

    assert_non_null (p);
    while (completions < 1)
        flux_reactor_run (r, FLUX_REACTOR_ONCE);
    assert_int_equal (flux_subprocess_exit_code (p), 42);
    flux_subprocess_destroy (p);
    assert_null (start_child (r, "nosuch://x"));
    assert_int_equal (errno, ENOENT);
    flux_reactor_destroy (r);
}

static void test_message_channel_names (void **state)
{
    char *argv[] = { (char *)"true", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL), *copy;
    static const struct {
        const char *name, *uri;
        int errnum;
    } t[] = {
        { NULL, "loop://", EINVAL },   { "", "loop://", EINVAL },
        { "A=B", "loop://", EINVAL },  { "A", NULL, EINVAL },
        { "A", "", EINVAL },           { "A", "loop://", 0 },
        { "A", "local:///x", EEXIST }, { "S", "loop://", EEXIST },
    };

    assert_int_equal (flux_cmd_add_channel (cmd, "S"), 0);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        errno = 0;
        assert_int_equal (flux_cmd_add_message_channel (cmd, t[i].name, t[i].uri),
                          t[i].errnum ? -1 : 0);
        assert_int_equal (errno, t[i].errnum);
    }
    assert_int_equal (flux_cmd_add_message_channel (NULL, "A", "loop://"), -1);
    assert_int_equal (flux_cmd_add_channel (cmd, "A"), -1);
    assert_int_equal (errno, EEXIST);
    copy = flux_cmd_copy (cmd);
    assert_int_equal (flux_cmd_add_message_channel (copy, "A", "loop://"), -1);
    flux_cmd_destroy (copy);
    flux_cmd_destroy (cmd);
}

static bool drop; /* the next output drops its process */

static void drop_cb (flux_subprocess_t *p, const char *stream)
{
    const char *s;

    lines++;
    if (drop) {
        assert_int_equal (flux_subprocess_read_line (p, stream, &s), 2);
        flux_subprocess_destroy (p);
    } else {
        flux_subprocess_stream_stop (p, stream);
        flux_reactor_stop (flux_subprocess_get_reactor (p));
    }
}

/* Two lines are there, of which the callback takes one, and the process. */
static void test_destroy_in_output (void **state)
{
    static const flux_subprocess_ops_t with = { .on_stdout = drop_cb };
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start_with (r, "printf 'a\\nb\\n'; read x", &with);

    drop = false;
    flux_reactor_run (r, 0);
    assert_int_equal (lines, 1);
    drop = true;
    assert_int_equal (flux_subprocess_stream_start (p, "stdout"), 0);
    assert_int_equal (lines, 2);
    flux_reactor_destroy (r);
}

static void drop_at_state (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    lines++;
    flux_subprocess_destroy (p);
}

static void count_credit (flux_subprocess_t *p, const char *stream, int bytes)
{
    lines++;
}

static void test_destroy_in_state (void **state)
{
    static const flux_subprocess_ops_t with = {
        .on_state_change = drop_at_state,
        .on_credit = count_credit,
    };
    flux_reactor_t *r = flux_reactor_create (0);

    start_with (r, "read x", &with);
    flux_reactor_run (r, 0);
    assert_int_equal (lines, 1);
    flux_reactor_destroy (r);
}

/* Nobody but us is to reap it. */
static void await_end (pid_t pid)
{
    siginfo_t si;

    while (waitid (P_PID, pid, &si, WEXITED | WNOWAIT) < 0)
        assert_int_equal (errno, EINTR);
}

static bool is_reaped (pid_t pid)
{
    return waitpid (pid, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void test_destroyed_is_reaped (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start (r, "read x");
    pid_t pid = flux_subprocess_pid (p);

    flux_subprocess_destroy (p); /* its input ends, and so does it */
    await_end (pid);
    flux_reactor_run (r, FLUX_REACTOR_NOWAIT);
    assert_true (is_reaped (pid));
    flux_reactor_destroy (r);
}

/* Whatever a process has left in its group can be killed until its output has ended. */
static void test_kill_what_is_left (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start (r, "sleep 300 & exit 4");
    pid_t pid = flux_subprocess_pid (p);

    while (flux_subprocess_state (p) != FLUX_SUBPROCESS_EXITED)
        flux_reactor_run (r, FLUX_REACTOR_ONCE);
    assert_int_equal (completions, 0);
    assert_int_equal (flux_subprocess_exit_code (p), 4);
    flux_future_t *f = flux_subprocess_kill (p, SIGKILL);
    assert_non_null (f);
    assert_int_equal (flux_future_get (f, NULL), 0);
    flux_future_destroy (f);
    flux_reactor_run (r, 0);
    assert_int_equal (completions, 1);
    assert_true (is_reaped (pid));
    assert_null (flux_subprocess_kill (p, SIGKILL));
    assert_int_equal (errno, ESRCH);
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

/* Given up when it has started already, but nobody has looked: its children go, too. */
static void test_given_up_with_its_group (void **state)
{
    char script[128], c, *argv[] = { (char *)"/bin/sh", (char *)"-c", script, NULL };
    char path[] = "/tmp/flux-given-up.XXXXXX";
    flux_reactor_t *r = flux_reactor_create (0);
    int fd;

    assert_non_null (mkdtemp (path));
    snprintf (script, sizeof (script), "sleep 300 >%s/fifo & wait", path);
    char fifo[64];
    snprintf (fifo, sizeof (fifo), "%s/fifo", path);
    assert_int_equal (mkfifo (fifo, 0600), 0);
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);
    flux_subprocess_t *p = process_start_later (r, 0, cmd, &ops);
    assert_non_null (p);
    fd = open (fifo, O_RDONLY); /* until the child is there */
    assert_true (fd >= 0);
    flux_subprocess_destroy (p);
    assert_int_equal (read (fd, &c, 1), 0); /* until it is not */
    close (fd);
    unlink (fifo);
    rmdir (path);
    flux_cmd_destroy (cmd);
    flux_reactor_destroy (r);
}

static void test_outlives_reactor (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start (r, "read x; while :; do sleep 100; done");
    pid_t pid = flux_subprocess_pid (p);

    flux_subprocess_destroy (p);
    assert_int_equal (flux_reactor_run (r, 0), 0);
    flux_reactor_destroy (r);
    assert_int_equal (kill (-pid, SIGKILL), 0);
    await_end (pid);
    r = flux_reactor_create (0);
    p = start (r, "exit 0");
    assert_true (is_reaped (pid));
    flux_reactor_run (r, 0);
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

static void note_log (void *arg, const char *file, int line, const char *func,
                      const char *subsys, int level, const char *fmt, va_list args)
{
    assert_string_equal (subsys, "subprocess");
    assert_int_equal (vsnprintf (arg, 256, fmt, args) < 256, 1);
}

static void test_log (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    char *argv[] = { (char *)"/nonexistent", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL);
    char text[256] = "";

    assert_null (flux_local_exec_ex (r, 0, cmd, &ops, NULL, note_log, text));
    assert_int_equal (errno, ENOENT);
    assert_string_equal (text, "/nonexistent: cannot start: No such file or directory");
    flux_cmd_destroy (cmd);
    flux_reactor_destroy (r);
}

static void note_state (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    buf_addc (&out, *flux_subprocess_state_string (state));
    if (state == FLUX_SUBPROCESS_STOPPED)
        flux_future_destroy (flux_subprocess_kill (p, SIGCONT));
}

static void test_stopped (void **state)
{
    static const flux_subprocess_ops_t with = {
        .on_completion = completion_cb,
        .on_state_change = note_state,
    };
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = start_with (r, "kill -STOP $$; exit 7", &with);

    while (completions < 1)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_exit_code (p), 7);
    /* that it goes on, and ends, may be seen as one */
    assert_true (!strncmp (out.data, "RSRE", out.len)
                 || !strncmp (out.data, "RSE", out.len));
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
}

static int exit_code_of (const char *script)
{
    char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);
    flux_reactor_t *r = flux_reactor_create (0);
    flux_subprocess_t *p = process_start_later (r, 0, cmd, &ops);

    flux_cmd_destroy (cmd);
    flux_reactor_run (r, 0);
    int code = flux_subprocess_exit_code (p);
    flux_subprocess_destroy (p);
    flux_reactor_destroy (r);
    return code;
}

/* The thread that has started one is idle, but not in a copy of the program. */
static void test_forked (void **state)
{
    int status;

    assert_int_equal (exit_code_of ("exit 3"), 3);
    pid_t pid = fork ();
    if (pid == 0) {
        alarm (60);
        _exit (exit_code_of ("exit 4"));
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 4 << 8);
    assert_int_equal (exit_code_of ("exit 5"), 5);
}

int main (int argc, char **argv)
{
    if (argc > 1 && !strcmp (argv[1], "message-child"))
        return message_child ();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_channel_refs),
        cmocka_unit_test (test_message_channel),
        cmocka_unit_test (test_message_channel_names),
        cmocka_unit_test (test_echo),
        cmocka_unit_test (test_bulk),
        cmocka_unit_test (test_kill),
        cmocka_unit_test (test_errors),
        cmocka_unit_test (test_destroy_in_output),
        cmocka_unit_test (test_destroy_in_state),
        cmocka_unit_test (test_destroyed_is_reaped),
        cmocka_unit_test (test_kill_what_is_left),
        cmocka_unit_test (test_given_up_with_its_group),
        cmocka_unit_test (test_outlives_reactor),
        cmocka_unit_test (test_stopped),
        cmocka_unit_test (test_forked),
        cmocka_unit_test (test_log),
    };
    int rc = cmocka_run_group_tests (tests, NULL, NULL);
    buf_fini (&out);
    buf_fini (&err);
    return rc;
}
