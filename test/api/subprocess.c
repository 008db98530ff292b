/* How commands and subprocesses fail. */
#include "api.h"

#include <flux/subprocess.h>
#include <signal.h>

static void commands (void **state)
{
    char *argv[] = { (char *)"true", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, NULL);

    assert_non_null (cmd);
    NO_MEMORY (flux_cmd_create, flux_cmd_create (1, argv, NULL),
               flux_cmd_destroy (made));
    NULLS (flux_cmd_copy, EINVAL, flux_cmd_copy (NULL));
    NO_MEMORY (flux_cmd_copy, flux_cmd_copy (cmd), flux_cmd_destroy (made));
    assert_int_equal (flux_cmd_argc (NULL), 0);
    NULLS (flux_cmd_arg, EINVAL, flux_cmd_arg (NULL, 0));
    NULLS (flux_cmd_arg, EINVAL, flux_cmd_arg (cmd, 1));
    NULLS (flux_cmd_getenv, EINVAL, flux_cmd_getenv (NULL, "A"));
    NULLS (flux_cmd_getenv, EINVAL, flux_cmd_getenv (cmd, NULL));
    NULLS (flux_cmd_getcwd, EINVAL, flux_cmd_getcwd (NULL));
    NULLS (flux_cmd_getopt, EINVAL, flux_cmd_getopt (NULL, "a"));
    NULLS (flux_cmd_get_label, EINVAL, flux_cmd_get_label (NULL));
    NULLS (flux_cmd_stringify, EINVAL, flux_cmd_stringify (NULL));
    FAILS (flux_cmd_argv_append, EINVAL, flux_cmd_argv_append (NULL, "a"));
    FAILS (flux_cmd_argv_append, EINVAL, flux_cmd_argv_append (cmd, NULL));
    MEMORY (flux_cmd_argv_append, flux_cmd_argv_append (cmd, "a"), );
    FAILS (flux_cmd_argv_appendf, EINVAL, flux_cmd_argv_appendf (NULL, "%d", 1));
    MEMORY (flux_cmd_argv_appendf, flux_cmd_argv_appendf (cmd, "%d", 1), );
    FAILS (flux_cmd_argv_insert, EINVAL, flux_cmd_argv_insert (NULL, 0, "a"));
    FAILS (flux_cmd_argv_insert, EINVAL, flux_cmd_argv_insert (cmd, 99, "a"));
    FAILS (flux_cmd_argv_insert, EINVAL, flux_cmd_argv_insert (cmd, -1, "a"));
    FAILS (flux_cmd_argv_delete, EINVAL, flux_cmd_argv_delete (NULL, 0));
    FAILS (flux_cmd_argv_delete, EINVAL, flux_cmd_argv_delete (cmd, 99));
    NO_MEMORY (flux_cmd_stringify, flux_cmd_stringify (cmd), free (made));
    FAILS (flux_cmd_setenvf, EINVAL, flux_cmd_setenvf (NULL, 1, "A", "b"));
    FAILS (flux_cmd_setenvf, EINVAL, flux_cmd_setenvf (cmd, 1, NULL, "b"));
    MEMORY (flux_cmd_setenvf, flux_cmd_setenvf (cmd, 1, "A", "b"), );
    FAILS (flux_cmd_setenvf, EEXIST, flux_cmd_setenvf (cmd, 0, "A", "b"));
    FAILS (flux_cmd_setcwd, EINVAL, flux_cmd_setcwd (NULL, "/"));
    FAILS (flux_cmd_setcwd, EINVAL, flux_cmd_setcwd (cmd, NULL));
    MEMORY (flux_cmd_setcwd, flux_cmd_setcwd (cmd, "/"), );
    FAILS (flux_cmd_add_channel, EINVAL, flux_cmd_add_channel (NULL, "C"));
    FAILS (flux_cmd_add_channel, EINVAL, flux_cmd_add_channel (cmd, NULL));
    MEMORY (flux_cmd_add_channel, flux_cmd_add_channel (cmd, "C"), );
    FAILS (flux_cmd_add_channel, EEXIST, flux_cmd_add_channel (cmd, "C"));
    FAILS (flux_cmd_add_message_channel, EINVAL,
           flux_cmd_add_message_channel (NULL, "M", "loop://"));
    FAILS (flux_cmd_add_message_channel, EINVAL,
           flux_cmd_add_message_channel (cmd, NULL, "loop://"));
    FAILS (flux_cmd_add_message_channel, EINVAL,
           flux_cmd_add_message_channel (cmd, "M", NULL));
    MEMORY (flux_cmd_add_message_channel,
            flux_cmd_add_message_channel (cmd, "M", "loop://"), );
    FAILS (flux_cmd_add_message_channel, EEXIST,
           flux_cmd_add_message_channel (cmd, "M", "loop://"));
    FAILS (flux_cmd_env_replace, EINVAL, flux_cmd_env_replace (NULL, argv));
    FAILS (flux_cmd_setopt, EINVAL, flux_cmd_setopt (NULL, "a", "b"));
    FAILS (flux_cmd_setopt, EINVAL, flux_cmd_setopt (cmd, NULL, "b"));
    FAILS (flux_cmd_setopt, EINVAL, flux_cmd_setopt (cmd, "a", NULL));
    MEMORY (flux_cmd_setopt, flux_cmd_setopt (cmd, "stdin_BUFSIZE", "64K"), );
    FAILS (flux_cmd_set_label, EINVAL, flux_cmd_set_label (NULL, "a"));
    flux_cmd_destroy (cmd);
}

static void ends (flux_subprocess_t *p, const char *stream)
{
}

static void processes (void **state)
{
    static const flux_subprocess_ops_t ops = { .on_stdout = ends };
    char *argv[] = { (char *)"cat", NULL }, *none[] = { (char *)"/nonexistent", NULL };
    flux_cmd_t *cmd = flux_cmd_create (1, argv, environ), *empty, *broken;
    flux_reactor_t *r = flux_reactor_create (0);
    flux_t *h = flux_open ("loop://", 0);
    flux_subprocess_t *p;
    const char *s;
    int status;

    assert_non_null (empty = flux_cmd_create (0, NULL, NULL));
    assert_non_null (broken = flux_cmd_create (1, none, NULL));
    NULLS (flux_local_exec, EINVAL, flux_local_exec (NULL, 0, cmd, &ops));
    NULLS (flux_local_exec, EINVAL, flux_local_exec (r, 0, NULL, &ops));
    NULLS (flux_local_exec, EINVAL, flux_local_exec (r, 0, empty, &ops));
    NULLS (flux_local_exec, EINVAL, flux_local_exec (r, 0x10000, cmd, &ops));
    NULLS (flux_local_exec, ENOENT, flux_local_exec (r, 0, broken, &ops));
    NULLS (flux_rexec, EINVAL, flux_rexec (NULL, 0, 0, cmd, &ops));
    NULLS (flux_rexec, EINVAL, flux_rexec (h, -2, 0, cmd, &ops));
    NULLS (flux_rexec, EINVAL, flux_rexec (h, 0, 0, NULL, &ops));
    NULLS (flux_rexec, EINVAL, flux_rexec (h, 0, 0x10000, cmd, &ops));
    NULLS (flux_rexec, EINVAL, flux_rexec (h, 0, 0, empty, &ops));
    NULLS (flux_rexec_ex, EINVAL,
           flux_rexec_ex (NULL, NULL, 0, 0, cmd, &ops, NULL, NULL));
    NULLS (flux_rexec_bg, EINVAL, flux_rexec_bg (NULL, NULL, 0, 0, cmd));
    NULLS (flux_rexec_bg, EINVAL, flux_rexec_bg (h, NULL, -2, 0, cmd));
    NULLS (flux_rexec_bg, EINVAL, flux_rexec_bg (h, NULL, 0, 0, NULL));
    NULLS (flux_rexec_attach, EINVAL,
           flux_rexec_attach (NULL, NULL, 0, 0, 1, NULL, &ops));
    NULLS (flux_rexec_wait, EINVAL, flux_rexec_wait (NULL, NULL, 0, 1, NULL));
    FAILS (flux_rexec_wait_get_status, EINVAL,
           flux_rexec_wait_get_status (NULL, &status));

    assert_non_null (p = flux_local_exec (r, 0, cmd, &ops));
    FAILS (flux_subprocess_stream_start, EINVAL,
           flux_subprocess_stream_start (NULL, "stdout"));
    FAILS (flux_subprocess_stream_start, EINVAL,
           flux_subprocess_stream_start (p, "nosuch"));
    FAILS (flux_subprocess_stream_stop, EINVAL,
           flux_subprocess_stream_stop (p, "stderr")); /* without a callback */
    FAILS (flux_subprocess_write, EINVAL,
           flux_subprocess_write (NULL, "stdin", "x", 1));
    FAILS (flux_subprocess_write, EINVAL, flux_subprocess_write (p, "nosuch", "x", 1));
    FAILS (flux_subprocess_write, EINVAL, flux_subprocess_write (p, "stdin", NULL, 1));
    FAILS (flux_subprocess_close, EINVAL, flux_subprocess_close (NULL, "stdin"));
    FAILS (flux_subprocess_close, EINVAL, flux_subprocess_close (p, "nosuch"));
    FAILS (flux_subprocess_read, EINVAL, flux_subprocess_read (NULL, "stdout", &s));
    FAILS (flux_subprocess_read, EINVAL, flux_subprocess_read (p, "nosuch", &s));
    FAILS (flux_subprocess_read_line, EINVAL,
           flux_subprocess_read_line (NULL, "stdout", &s));
    FAILS (flux_subprocess_read_trimmed_line, EINVAL,
           flux_subprocess_read_trimmed_line (NULL, "stdout", &s));
    FAILS (flux_subprocess_getline, EINVAL,
           flux_subprocess_getline (NULL, "stdout", &s));
    FAILS (flux_subprocess_rank, EINVAL, flux_subprocess_rank (p));
    FAILS (flux_subprocess_fail_errno, EINVAL, flux_subprocess_fail_errno (p));
    FAILS (flux_subprocess_status, EINVAL, flux_subprocess_status (p));
    FAILS (flux_subprocess_exit_code, EINVAL, flux_subprocess_exit_code (p));
    FAILS (flux_subprocess_signaled, EINVAL, flux_subprocess_signaled (p));
    NULLS (flux_subprocess_kill, EINVAL, flux_subprocess_kill (NULL, SIGTERM));
    FAILS (flux_subprocess_aux_set, EINVAL,
           flux_subprocess_aux_set (NULL, "a", (char *)"b", NULL));
    NULLS (flux_subprocess_aux_get, EINVAL, flux_subprocess_aux_get (NULL, "a"));
    NULLS (flux_subprocess_aux_get, ENOENT, flux_subprocess_aux_get (p, "nosuch"));
    assert_int_equal (flux_subprocess_close (p, "stdin"), 0);
    FAILS (flux_subprocess_write, EPIPE, flux_subprocess_write (p, "stdin", "x", 1));
    assert_int_equal (flux_reactor_run (r, 0), 0);
    assert_int_equal (flux_subprocess_exit_code (p), 0);
    FAILS (flux_subprocess_signaled, EINVAL, flux_subprocess_signaled (p));
    flux_subprocess_destroy (p);
    flux_cmd_destroy (cmd);
    flux_cmd_destroy (empty);
    flux_cmd_destroy (broken);
    flux_close (h);
    flux_reactor_destroy (r);
}

int main (void)
{
    const struct CMUnitTest tests[] = { ROWS (commands), ROWS (processes) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
