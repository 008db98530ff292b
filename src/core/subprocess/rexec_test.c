/* Client and server of RFC 42 over loop://: background, attach, wait. */
#include "base/test.h"

#include <flux/core.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/subprocess/io.h"
#include "core/subprocess/process.h"
#include "core/subprocess/server.h"

static flux_t *h;
static flux_reactor_t *r;
static flux_subprocess_server_t *server;
static char dir[] = "/tmp/rexec-test.XXXXXX", gate[64];
static struct buf out, err;
static int eofs, completions, failures;
static bool open_gate; /* when the process is known to run */

/* The n-th large piece of memory is refused, once. Sanitizers have an allocator of their
 * own. */
static int refuse;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_REFUSE 0
#else
#define CAN_REFUSE 1
#define LARGE 20000

void *__libc_malloc (size_t size);
void *__libc_realloc (void *old, size_t size);

static bool refused (size_t size)
{
    if (size < LARGE || refuse == 0 || --refuse > 0)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc (size_t size)
{
    return refused (size) ? NULL : __libc_malloc (size);
}

void *realloc (void *old, size_t size)
{
    return refused (size) ? NULL : __libc_realloc (old, size);
}
#endif

static int setup (void **state)
{
    h = flux_open ("loop://", 0);
    r = flux_get_reactor (h);
    flux_attr_set_cacheonly (h, "rank", "0");
    assert_non_null (mkdtemp (dir));
    snprintf (gate, sizeof (gate), "%s/gate", dir);
    assert_int_equal (mkfifo (gate, 0600), 0);
    server = subprocess_server_create (h, "rexec", NULL);
    return server ? 0 : -1;
}

static int teardown (void **state)
{
    subprocess_server_destroy (server);
    flux_close (h);
    buf_fini (&out);
    buf_fini (&err);
    unlink (gate);
    return rmdir (dir);
}

static int reset (void **state)
{
    buf_reset (&out);
    buf_reset (&err);
    eofs = completions = failures = 0;
    open_gate = false;
    return 0;
}

static void output_cb (flux_subprocess_t *p, const char *stream)
{
    const char *s;
    int n = flux_subprocess_read (p, stream, &s);

    assert_true (n >= 0);
    buf_add (!strcmp (stream, "stderr") ? &err : &out, s, n);
    if (n == 0)
        eofs++;
}

static void completion_cb (flux_subprocess_t *p)
{
    completions++;
    flux_reactor_stop (r);
}

/* A reader waits for it, so it does not wait here. */
static void state_cb (flux_subprocess_t *p, flux_subprocess_state_t state)
{
    if (state == FLUX_SUBPROCESS_FAILED) {
        failures++;
        flux_reactor_stop (r);
    } else if (state == FLUX_SUBPROCESS_RUNNING && open_gate) {
        int fd = open (gate, O_RDWR);

        assert_int_equal (write (fd, "\n", 1), 1);
        assert_string_equal (flux_cmd_arg (flux_subprocess_get_cmd (p), 0), "/bin/sh");
        flux_subprocess_aux_set (p, "gate", (void *)(intptr_t)(fd + 1), NULL);
    }
}

static const flux_subprocess_ops_t ops = {
    .on_completion = completion_cb,
    .on_state_change = state_cb,
    .on_stdout = output_cb,
    .on_stderr = output_cb,
};

static flux_cmd_t *command (const char *script, const char *label)
{
    char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);

    flux_cmd_setenvf (cmd, 1, "PATH", "/bin:/usr/bin");
    flux_cmd_setenvf (cmd, 1, "GATE", "%s", gate);
    if (label)
        assert_int_equal (flux_cmd_set_label (cmd, label), 0);
    return cmd;
}

static void ready_cb (flux_future_t *f, void *arg)
{
    flux_reactor_stop (r);
}

/* Client and server share a reactor: it has to run while the answer is waited for. */
static flux_future_t *answered (flux_future_t *f)
{
    assert_non_null (f);
    assert_int_equal (flux_future_then (f, -1., ready_cb, NULL), 0);
    flux_reactor_run (r, 0);
    assert_true (flux_future_is_ready (f));
    return f;
}

static pid_t background (const char *script, const char *label, int flags)
{
    flux_cmd_t *cmd = command (script, label);
    flux_future_t *f = answered (flux_rexec_bg (h, NULL, 0, flags, cmd));
    int pid;

    assert_int_equal (flux_rpc_get_unpack (f, "{s:i}", "pid", &pid), 0);
    flux_future_destroy (f);
    flux_cmd_destroy (cmd);
    return pid;
}

static int wait_for (pid_t pid, const char *label)
{
    flux_future_t *f = answered (flux_rexec_wait (h, NULL, 0, pid, label));
    int status = -1;

    if (flux_rexec_wait_get_status (f, &status) < 0)
        status = -1;
    flux_future_destroy (f);
    return status;
}

static void end (flux_subprocess_t *p)
{
    intptr_t fd = (intptr_t)flux_subprocess_aux_get (p, "gate");

    if (fd > 0)
        close (fd - 1);
    flux_subprocess_destroy (p);
}

static void test_attach (void **state)
{
    pid_t pid = background ("read x <$GATE; echo out; echo err >&2; exit 3", NULL,
                            FLUX_SUBPROCESS_FLAGS_WAITABLE);
    flux_subprocess_t *p;

    open_gate = true;
    assert_non_null (p = flux_rexec_attach (h, NULL, 0, 0, pid, NULL, &ops));
    flux_reactor_run (r, 0);
    assert_int_equal (completions, 1);
    assert_int_equal (eofs, 2);
    assert_string_equal (out.data, "out\n");
    assert_string_equal (err.data, "err\n");
    assert_int_equal (flux_subprocess_pid (p), pid);
    assert_int_equal (flux_subprocess_exit_code (p), 3);
    assert_int_equal (flux_subprocess_write (p, "stdin", "x", 1), -1);
    assert_int_equal (errno, EPIPE);
    end (p);
    /* that was its wait */
    assert_int_equal (wait_for (pid, NULL), -1);
    assert_int_equal (errno, ESRCH);
}

/* Only what is asked for is sent. */
static void test_streams (void **state)
{
    flux_subprocess_ops_t some = ops;
    flux_subprocess_t *p;

    some.on_stderr = NULL;
    background ("read x <$GATE; echo out; echo err >&2", "some", 0);
    open_gate = true;
    assert_non_null (p = flux_rexec_attach (h, "rexec", 0, 0, -1, "some", &some));
    flux_reactor_run (r, 0);
    assert_int_equal (completions, 1);
    assert_int_equal (eofs, 1);
    assert_string_equal (out.data, "out\n");
    assert_int_equal (err.len, 0);
    end (p);
}

static void close_input_at_end (flux_subprocess_t *p, const char *stream)
{
    output_cb (p, stream);
    if (eofs == 2)
        assert_int_equal (flux_subprocess_close (p, "stdin"), 0);
}

/* The end of output waits a moment for that of the process, not for ever. */
static void output_ends_before_the_process (void **state)
{
    flux_cmd_t *cmd = command ("echo out; exec >&- 2>&-; read x; exit 3", NULL);
    flux_subprocess_ops_t closing = ops;

    closing.on_stdout = closing.on_stderr = close_input_at_end;
    flux_subprocess_t *p = flux_rexec (h, 0, 0, cmd, &closing);
    assert_non_null (p);
    flux_cmd_destroy (cmd);
    flux_reactor_run (r, 0);
    assert_int_equal (completions, 1);
    assert_int_equal (eofs, 2);
    assert_string_equal (out.data, "out\n");
    assert_int_equal (flux_subprocess_exit_code (p), 3);
    end (p);
}

static bool is_zombie (pid_t pid)
{
    flux_future_t *f = answered (flux_rpc (h, "rexec.list", NULL, 0, 0));
    bool found = false;
    json_t *procs, *o;
    size_t i;

    assert_int_equal (flux_rpc_get_unpack (f, "{s:o}", "procs", &procs), 0);
    json_array_foreach (procs, i, o)
        found |= json_integer_value (json_object_get (o, "pid")) == pid
                 && !strcmp (json_string_value (json_object_get (o, "state")), "Z");
    flux_future_destroy (f);
    return found;
}

static void test_attach_late (void **state)
{
    pid_t pid = background ("echo kept; exit 4", NULL, FLUX_SUBPROCESS_FLAGS_WAITABLE);
    flux_subprocess_t *p;

    /* To ask runs the reactor; to run it once more might wait for what came meanwhile. */
    while (!is_zombie (pid))
        ;
    assert_non_null (p = flux_rexec_attach (h, NULL, 0, 0, pid, NULL, &ops));
    flux_reactor_run (r, 0);
    assert_int_equal (completions, 1);
    assert_int_equal (eofs, 2);
    assert_string_equal (out.data, "kept\n");
    assert_int_equal (flux_subprocess_exit_code (p), 4);
    end (p);
    assert_int_equal (wait_for (pid, NULL), -1);
}

/* Who waits gets what was written, in order, up to a bound. */
static void test_wait_output (void **state)
{
    pid_t pid = background ("echo a; echo b >&2; head -c 100000 /dev/zero", NULL,
                            FLUX_SUBPROCESS_FLAGS_WAITABLE);
    flux_future_t *f = answered (flux_rexec_wait (h, NULL, 0, pid, NULL));
    size_t seen[2] = { 0 }, i;
    json_t *output, *o;
    int status;

    assert_int_equal (
        flux_rpc_get_unpack (f, "{s:i s:o}", "status", &status, "output", &output), 0);
    assert_int_equal (status, 0);
    json_array_foreach (output, i, o) {
        struct io io;
        int err;

        assert_int_equal (io_decode (o, &io), 0);
        err = !strcmp (io.stream, "stderr");
        if (seen[err] == 0)
            assert_memory_equal (io.data, err ? "b\n" : "a\n", 2);
        seen[err] += io.len;
        free (io.data);
    }
    assert_int_equal (seen[0] + seen[1], 65536);
    assert_true (seen[1] == 2 || seen[1] == 0); /* it may come last */
    flux_future_destroy (f);
}

/* Input is at its end: who reads it does not wait for ever. */
static void test_no_input (void **state)
{
    pid_t pid = background ("cat; exit 5", NULL, FLUX_SUBPROCESS_FLAGS_WAITABLE);
    int status = wait_for (pid, NULL);

    assert_true (WIFEXITED (status));
    assert_int_equal (WEXITSTATUS (status), 5);
}

static void assert_refused (flux_subprocess_t *p, int errnum)
{
    assert_non_null (p);
    flux_reactor_run (r, 0);
    assert_int_equal (failures, 1);
    assert_int_equal (flux_subprocess_state (p), FLUX_SUBPROCESS_FAILED);
    assert_int_equal (flux_subprocess_fail_errno (p), errnum);
    flux_subprocess_destroy (p);
    failures = 0;
}

static void test_refused (void **state)
{
    flux_cmd_t *cmd = command ("read x <$GATE", "fg");
    flux_subprocess_t *p, *q;
    pid_t pid;

    assert_refused (flux_rexec_attach (h, NULL, 0, 0, 999999999, NULL, &ops), ENOENT);
    assert_refused (flux_rexec_attach (h, NULL, 0, 0, -1, "nosuch", &ops), ENOENT);
    /* in the foreground */
    p = flux_rexec (h, 0, 0, cmd, &ops);
    flux_cmd_destroy (cmd);
    assert_refused (flux_rexec_attach (h, NULL, 0, 0, -1, "fg", &ops), EBUSY);
    /* there is a client */
    pid = background ("read x <$GATE", NULL, 0);
    q = flux_rexec_attach (h, NULL, 0, 0, pid, NULL, &ops);
    assert_refused (flux_rexec_attach (h, NULL, 0, 0, pid, NULL, &ops), EBUSY);
    flux_future_destroy (flux_subprocess_kill (p, SIGKILL));
    flux_future_destroy (flux_subprocess_kill (q, SIGKILL));
    while (completions < 2)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_signaled (q), SIGKILL);
    flux_subprocess_destroy (p);
    flux_subprocess_destroy (q);
}

/* A signal for what has not even started is not lost. */
static void test_kill_at_once (void **state)
{
    flux_cmd_t *cmd = command ("read x <$GATE", "early");
    flux_subprocess_t *p = flux_rexec (h, 0, 0, cmd, &ops);
    flux_future_t *f;

    assert_int_equal (flux_subprocess_state (p), FLUX_SUBPROCESS_INIT);
    f = flux_subprocess_kill (p, SIGCONT);
    flux_future_destroy (flux_subprocess_kill (p, SIGTERM));
    completions = 0;
    while (completions < 1)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_signaled (p), SIGTERM);
    assert_int_equal (flux_future_get (f, NULL), 0);
    flux_future_destroy (f);
    assert_null (flux_subprocess_kill (p, SIGTERM));
    assert_int_equal (errno, ESRCH);
    flux_subprocess_destroy (p);
    /* nor does anybody wait for what never comes */
    p = flux_rexec (h, 0, 0, cmd, &ops);
    f = flux_subprocess_kill (p, SIGTERM);
    flux_subprocess_destroy (p);
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, ESRCH);
    flux_future_destroy (f);
    flux_cmd_destroy (cmd);
}

/* A program whose file system does not answer: it is leased, and exec waits until it is
 * given back. -1: there are no leases here. */
static int lease_copy (const char *program, char *path, size_t size)
{
    char cp[160];
    int fd;

    snprintf (path, size, "%s/held", dir);
    snprintf (cp, sizeof (cp), "cp /bin/%s %s", program, path);
    assert_int_equal (system (cp), 0);
    assert_true ((fd = open (path, O_RDONLY | O_CLOEXEC)) >= 0);
    signal (SIGIO, SIG_IGN);
    if (fcntl (fd, F_SETLEASE, F_WRLCK) == 0)
        return fd;
    close (fd);
    unlink (path);
    return -1;
}

static int lease_program (char *path, size_t size)
{
    return lease_copy ("true", path, size);
}

static void give_back (int fd)
{
    assert_int_equal (fcntl (fd, F_SETLEASE, F_UNLCK), 0);
    close (fd);
}

/* While somebody waits for it, the lease is said to be one for readers. */
static void run_until_stuck (flux_t *of, int fd)
{
    while (fcntl (fd, F_GETLEASE) == F_WRLCK)
        flux_reactor_run (flux_get_reactor (of), FLUX_REACTOR_NOWAIT);
}

static flux_subprocess_t *start_held (flux_t *to, const char *path)
{
    char *argv[] = { (char *)path, NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL);
    flux_subprocess_t *p = flux_rexec (to, 0, 0, cmd, &ops);

    assert_non_null (p);
    flux_cmd_destroy (cmd);
    return p;
}

/* Neither those that were there, whose pipes it has seen, nor those that come. */
static void who_is_stuck_holds_up_nobody (void **state)
{
    char path[64];
    int fd = lease_program (path, sizeof (path));
    flux_subprocess_t *p, *q;
    flux_cmd_t *cmd;

    if (fd < 0)
        test_skip ("no leases here");
    cmd = command ("read x; echo out", NULL);
    q = flux_rexec (h, 0, 0, cmd, &ops);
    flux_cmd_destroy (cmd);
    while (flux_subprocess_state (q) != FLUX_SUBPROCESS_RUNNING)
        flux_reactor_run (r, FLUX_REACTOR_ONCE);
    p = start_held (h, path);
    run_until_stuck (h, fd);
    assert_int_equal (flux_subprocess_close (q, "stdin"), 0); /* its end is told */
    while (completions < 1)
        flux_reactor_run (r, 0);
    assert_string_equal (out.data, "out\n");
    flux_subprocess_destroy (q);
    cmd = command ("echo more", NULL);
    q = flux_rexec (h, 0, 0, cmd, &ops);
    flux_cmd_destroy (cmd);
    while (completions < 2)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_exit_code (q), 0);
    assert_string_equal (out.data, "out\nmore\n");
    assert_int_equal (flux_subprocess_state (p), FLUX_SUBPROCESS_INIT);
    give_back (fd);
    while (completions < 3)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_exit_code (p), 0);
    unlink (path);
    flux_subprocess_destroy (p);
    flux_subprocess_destroy (q);
}

static void signal_label (const char *label, int signum)
{
    flux_future_t *f =
        answered (flux_rpc_pack (h, "rexec.kill", 0, 0, "{s:i s:i s:s}", "pid", -1,
                                 "signum", signum, "label", label));

    assert_int_equal (flux_future_get (f, NULL), 0);
    flux_future_destroy (f);
}

/* What is killed by its label has no pid yet: it ends all the same. */
static void who_is_stuck_can_be_killed (void **state)
{
    char path[64], *argv[] = { path, NULL };
    int fd = lease_program (path, sizeof (path));
    flux_cmd_t *cmd;
    flux_subprocess_t *p;

    if (fd < 0)
        test_skip ("no leases here");
    cmd = flux_cmd_create (1, argv, NULL);
    assert_int_equal (flux_cmd_set_label (cmd, "stuck"), 0);
    p = flux_rexec (h, 0, 0, cmd, &ops);
    run_until_stuck (h, fd);
    assert_refused (flux_rexec_attach (h, NULL, 0, 0, -1, "stuck", &ops), EBUSY);
    signal_label ("stuck", SIGKILL);
    while (completions < 1)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_signaled (p), SIGKILL);
    give_back (fd);
    unlink (path);
    flux_subprocess_destroy (p);
    flux_cmd_destroy (cmd);
}

/* Also before there is anything that could be killed. */
static void who_will_be_stuck_can_be_killed (void **state)
{
    char path[64], *argv[] = { path, NULL };
    int fd = lease_program (path, sizeof (path));
    flux_cmd_t *cmd;

    if (fd < 0)
        test_skip ("no leases here");
    cmd = flux_cmd_create (1, argv, NULL);
    for (int i = 1; i <= 100; i++) {
        flux_subprocess_t *p = process_start_later (r, 0, cmd, &ops);

        assert_non_null (p);
        flux_future_destroy (flux_subprocess_kill (p, SIGKILL));
        while (completions < i)
            flux_reactor_run (r, FLUX_REACTOR_ONCE);
        assert_int_equal (flux_subprocess_signaled (p), SIGKILL);
        flux_subprocess_destroy (p);
    }
    give_back (fd);
    unlink (path);
    flux_cmd_destroy (cmd);
}

/* It arrives whole, or the process has failed. */
static void output_without_memory_has_no_hole (void **state)
{
    flux_cmd_t *cmd;
    bool whole = false;

    if (!CAN_REFUSE)
        test_skip ("the allocator is not ours");
    cmd = command ("head -c 300000 /dev/zero | tr '\\0' x", NULL);
    for (int k = 1; !whole; k++) {
        reset (NULL);
        assert_int_equal (buf_reserve (&out, 300000), 0); /* the test has its memory */
        flux_subprocess_t *p = flux_rexec (h, 0, 0, cmd, &ops);
        assert_non_null (p);
        refuse = k;
        while (completions + failures == 0)
            flux_reactor_run (r, FLUX_REACTOR_ONCE);
        whole = refuse > 0; /* none was refused */
        refuse = 0;
        if (failures == 0 && flux_subprocess_exit_code (p) == 0)
            assert_int_equal (out.len, 300000);
        else
            assert_false (whole);
        flux_subprocess_destroy (p);
    }
    flux_cmd_destroy (cmd);
}

static void who_is_stuck_goes_on_as_told_last (void **state)
{
    char path[64], *argv[] = { path, NULL };
    int fd = lease_copy ("cat", path, sizeof (path));
    flux_cmd_t *cmd;
    flux_subprocess_t *p;

    if (fd < 0)
        test_skip ("no leases here");
    cmd = flux_cmd_create (1, argv, NULL);
    assert_int_equal (flux_cmd_set_label (cmd, "stuck"), 0);
    p = flux_rexec (h, 0, 0, cmd, &ops);
    run_until_stuck (h, fd);
    signal_label ("stuck", SIGSTOP);
    signal_label ("stuck", SIGCONT);
    give_back (fd);
    while (flux_subprocess_state (p) != FLUX_SUBPROCESS_RUNNING)
        flux_reactor_run (r, FLUX_REACTOR_ONCE);
    assert_int_equal (flux_subprocess_close (p, "stdin"), 0);
    while (completions < 1)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_exit_code (p), 0);
    unlink (path);
    flux_subprocess_destroy (p);
    flux_cmd_destroy (cmd);
}

static void the_end_waits_for_nobody (void **state)
{
    flux_t *h2 = flux_open ("loop://", 0);
    flux_subprocess_server_t *s;
    char path[64];
    int fd = lease_program (path, sizeof (path));
    flux_subprocess_t *p;

    if (fd < 0)
        test_skip ("no leases here");
    flux_attr_set_cacheonly (h2, "rank", "0");
    assert_non_null (s = subprocess_server_create (h2, "rexec", NULL));
    p = start_held (h2, path);
    run_until_stuck (h2, fd);
    subprocess_server_destroy (s);
    flux_subprocess_destroy (p);
    flux_close (h2);
    give_back (fd);
    unlink (path);
}

static void test_invalid (void **state)
{
    static const struct {
        int rank, flags;
        pid_t pid;
        const char *label;
    } t[] = {
        { -2, 0, 1, NULL }, { 0, FLUX_SUBPROCESS_FLAGS_NO_SETPGRP, 1, NULL },
        { 0, 0, 0, NULL },  { 0, 0, -1, NULL },
        { 0, 0, 1, "" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        errno = 0;
        assert_null (flux_rexec_attach (h, NULL, t[i].rank, t[i].flags, t[i].pid,
                                        t[i].label, &ops));
        assert_int_equal (errno, EINVAL);
    }
    errno = 0;
    assert_null (flux_rexec_attach (NULL, NULL, 0, 0, 1, NULL, &ops));
    assert_int_equal (errno, EINVAL);
}

static void test_invalid_target (void **state)
{
    flux_cmd_t *cmd = command ("exit 0", NULL);
    char name[200] = "";
    struct {
        flux_t *h;
        const char *service;
        int rank;
    } t[] = { { NULL, NULL, 0 }, { h, NULL, -2 }, { h, NULL, -3 }, { h, name, 0 } };

    memset (name, 'x', sizeof (name) - 1);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_t *to = t[i].h;
        const char *service = t[i].service;

        errno = 0;
        assert_null (flux_rexec_bg (to, service, t[i].rank, 0, cmd));
        assert_int_equal (errno, EINVAL);
        errno = 0;
        assert_null (flux_rexec_wait (to, service, t[i].rank, 1, NULL));
        assert_int_equal (errno, EINVAL);
        errno = 0;
        assert_null (flux_rexec_ex (to, service, t[i].rank, 0, cmd, &ops, NULL, NULL));
        assert_int_equal (errno, EINVAL);
        errno = 0;
        assert_null (flux_rexec_attach (to, service, t[i].rank, 0, 1, NULL, &ops));
        assert_int_equal (errno, EINVAL);
    }
    flux_cmd_destroy (cmd);
}

static void note_log (void *arg, const char *file, int line, const char *func,
                      const char *subsys, int level, const char *fmt, va_list args)
{
    vsnprintf (arg, 256, fmt, args);
}

static void test_log (void **state)
{
    char *argv[] = { (char *)"/nonexistent", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL);
    char text[256] = "";

    assert_refused (flux_rexec_ex (h, NULL, 0, 0, cmd, &ops, note_log, text), ENOENT);
    assert_non_null (strstr (text, "/nonexistent: "));
    flux_cmd_destroy (cmd);
}

static void test_stopped (void **state)
{
    flux_cmd_t *cmd = command ("kill -STOP $$; exit 6", NULL);
    flux_subprocess_t *p = flux_rexec (h, 0, 0, cmd, &ops);

    while (flux_subprocess_state (p) != FLUX_SUBPROCESS_STOPPED)
        flux_reactor_run (r, FLUX_REACTOR_ONCE);
    flux_future_destroy (flux_subprocess_kill (p, SIGCONT));
    while (completions < 1)
        flux_reactor_run (r, 0);
    assert_int_equal (flux_subprocess_exit_code (p), 6);
    flux_subprocess_destroy (p);
    flux_cmd_destroy (cmd);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (test_attach, reset),
        cmocka_unit_test_setup (test_streams, reset),
        cmocka_unit_test_setup (output_ends_before_the_process, reset),
        cmocka_unit_test_setup (test_attach_late, reset),
        cmocka_unit_test_setup (test_wait_output, reset),
        cmocka_unit_test_setup (test_no_input, reset),
        cmocka_unit_test_setup (test_refused, reset),
        cmocka_unit_test_setup (test_kill_at_once, reset),
        cmocka_unit_test_setup (who_is_stuck_holds_up_nobody, reset),
        cmocka_unit_test_setup (who_is_stuck_can_be_killed, reset),
        cmocka_unit_test_setup (who_will_be_stuck_can_be_killed, reset),
        cmocka_unit_test_setup (who_is_stuck_goes_on_as_told_last, reset),
        cmocka_unit_test_setup (the_end_waits_for_nobody, reset),
        cmocka_unit_test_setup (test_invalid, reset),
        cmocka_unit_test_setup (test_invalid_target, reset),
        cmocka_unit_test_setup (output_without_memory_has_no_hole, reset),
        cmocka_unit_test_setup (test_stopped, reset),
        cmocka_unit_test_setup (test_log, reset),
    };

    return cmocka_run_group_tests (tests, setup, teardown);
}
