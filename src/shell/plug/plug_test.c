/* The stack of plugins, options, and what becomes of those that crash; without a shell. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "shell/plug/plugs.h"

/* --- what the shell would do --- */

static struct buf said;

json_t *shell_option (struct shell *sh, const char *path)
{
    json_t *o = sh->jobspec.shell_options;
    char *copy = strdup (path), *save = NULL;

    for (char *s = strtok_r (copy, ".", &save); o && s; s = strtok_r (NULL, ".", &save))
        o = json_object_get (o, s);
    free (copy);
    return o;
}

void shell_read_verbose (struct shell *sh)
{
    sh->verbose = json_integer_value (shell_option (sh, "verbose"));
}

bool shell_log_enabled (const struct shell *sh, int level)
{
    return level <= SHELL_NOTICE + sh->verbose;
}

void shell_log_entry (struct shell *sh, int level, const char *component,
                      const char *file, int line, const char *text)
{
    buf_printf (&said, "log:%d,%s,%s ", level, component ? component : "-", text);
}

void shell_raise (struct shell *sh, const char *type, int severity, const char *note)
{
    buf_printf (&said, "raise:%s,%d,%s ", type, severity, note);
}

void shell_fatal (struct shell *sh, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    buf_adds (&said, "fatal:");
    buf_vprintf (&said, fmt, ap);
    buf_addc (&said, ' ');
    va_end (ap);
}

void shell_exit (struct shell *sh, int rc)
{
    _exit (rc);
}

void shell_tasks_kill (struct shell *sh, int signum)
{
    buf_printf (&said, "kill:%d ", signum);
}

void plugs_tasks_fini (struct shell *sh)
{
}

void plugs_disconnect (void)
{
}

void plugs_rc_fini (void)
{
}

static void check_said (const char *text)
{
    assert_string_equal (said.data ? said.data : "", text);
    buf_reset (&said);
}

static struct shell sh;

static int set_up (void **state)
{
    memset (&sh, 0, sizeof (sh));
    memset (&plugs, 0, sizeof (plugs));
    list_init (&plugs.stack);
    list_init (&plugs.services);
    plugs.sh = &sh;
    plugs.log_max = FLUX_SHELL_TRACE;
    plugs.asked = json_object ();
    plugs.refs = json_object ();
    sh.jobspec.shell_options = json_pack ("{s:i s:{s:s}}", "a", 1, "b", "c", "text");
    return 0;
}

static int tear_down (void **state)
{
    json_t *options = sh.jobspec.shell_options;

    plugs_fini (&sh);
    json_decref (options);
    buf_fini (&said);
    return 0;
}

/* --- the stack --- */

static int say (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                void *data)
{
    buf_printf (&said, "%s:%s:%s ", flux_plugin_get_name (p), topic, (char *)data);
    return 0;
}

static int refuse (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    return -1;
}

static void add (const char *name, const char *topic, flux_plugin_f cb,
                 const char *data)
{
    flux_plugin_t *p = flux_plugin_create ();

    assert_int_equal (flux_plugin_set_name (p, name), 0);
    assert_int_equal (flux_plugin_add_handler (p, topic, cb, (void *)data), 0);
    assert_int_equal (plugs_add (p, NULL), 0);
}

static void plugins_are_called_in_order (void **state)
{
    add ("x", "shell.*", say, "1");
    add ("y", "*", say, "2");
    assert_int_equal (plugs_topic (&sh, "shell.init", NULL), 0);
    check_said ("x:shell.init:1 y:shell.init:2 ");
    assert_int_equal (plugs_topic (&sh, "task.init", NULL), 0);
    check_said ("y:task.init:2 ");
    assert_true (plugs_have ("x"));
    assert_false (plugs_have ("z"));
    assert_true (plugs_listen ("shell.log"));
}

static void the_last_of_a_name_wins (void **state)
{
    add ("x", "*", say, "old");
    add ("y", "*", say, "2");
    add ("x", "*", say, "new");
    assert_int_equal (plugs_topic (&sh, "t", NULL), 0);
    check_said ("y:t:2 x:t:new ");
}

static int replace_y (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                      void *data)
{
    buf_adds (&said, "x ");
    add ("y", topic, say, "new");
    return 0;
}

/* While plugins are called: the one that would have been next is not, its successor is. */
static void a_handler_may_replace_who_is_next (void **state)
{
    add ("x", "t", replace_y, NULL);
    add ("y", "*", say, "old");
    add ("z", "*", say, "3");
    assert_int_equal (plugs_topic (&sh, "t", NULL), 0);
    check_said ("x z:t:3 y:t:new ");
    assert_int_equal (plugs_topic (&sh, "u", NULL), 0);
    check_said ("z:u:3 ");
    assert_true (plugs_have ("y"));
    assert_true (plugs_listen ("t"));
}

/* What is retired is not asked any more. */
static void who_is_replaced_listens_to_nothing (void **state)
{
    add ("x", "old", say, "1");
    assert_true (plugs_listen ("old"));
    add ("x", "new", say, "2");
    assert_false (plugs_listen ("old"));
    assert_true (plugs_listen ("new"));
}

static void who_fails_is_named_and_the_last (void **state)
{
    const char *failed = NULL;

    add ("x", "*", refuse, NULL);
    add ("y", "*", say, "2");
    assert_int_equal (plugs_topic (&sh, "shell.init", NULL), -1);
    assert_int_equal (errno, ECANCELED);
    check_said ("fatal:plugin 'x': shell.init failed ");
    /* plugins that call plugins call all */
    assert_int_equal (plugs_call ("mine", NULL, false, &failed), -1);
    assert_string_equal (failed, "x");
    check_said ("y:mine:2 ");
    assert_int_equal (flux_shell_plugstack_call (NULL, "mine", NULL), -1);
    assert_int_equal (errno, EINVAL);
}

static void what_is_not_there_is_not_loaded (void **state)
{
    flux_error_t error = { "" };

    plugs.searchpath = strdup ("/nonexistent:/tmp/nothing-here");
    assert_int_equal (plugs_load ("x.so", NULL, &error), -1);
    assert_string_equal (error.text,
                         "plugin x.so: not found in /nonexistent:/tmp/nothing-here");
    assert_int_equal (plugs_load ("/nonexistent/x.so", NULL, &error), -1);
    assert_string_equal (error.text, "plugin /nonexistent/x.so: not found");
    assert_int_equal (plugs_load ("*.so", NULL, &error), 0);
    assert_int_equal (plugs_load ("/proc/self/maps", NULL, &error), -1);
    assert_non_null (strstr (error.text, "plugin /proc/self/maps: "));
    assert_int_equal (plugs_load ("/proc/self/maps", "[1]", &error), -1);
    assert_non_null (strstr (error.text, "JSON object"));
}

/* --- options and references --- */

static void options_are_found_by_path (void **state)
{
    flux_shell_t *shell = plugs_shell ();
    const char *text = NULL;
    char *s = NULL;
    int n = 0;

    assert_int_equal (flux_shell_getopt_unpack (shell, "a", "i", &n), 1);
    assert_int_equal (n, 1);
    assert_int_equal (flux_shell_getopt_unpack (shell, "b.c", "s", &text), 1);
    assert_string_equal (text, "text");
    assert_int_equal (flux_shell_getopt_unpack (shell, "b.c", "i", &n), -1);
    assert_int_equal (flux_shell_getopt (shell, "b.d", &s), 0);
    /* a switch that gets members */
    assert_int_equal (flux_shell_setopt_pack (shell, "a.x.y", "b", 1), 0);
    assert_int_equal (flux_shell_getopt (shell, "a", &s), 1);
    assert_string_equal (s, "{\"x\":{\"y\":true}}");
    free (s);
    assert_int_equal (flux_shell_setopt (shell, "a", NULL), 0);
    assert_int_equal (flux_shell_getopt (shell, "a", NULL), 0);
    assert_int_equal (flux_shell_setopt (shell, "b.", "1"), -1);
    assert_int_equal (flux_shell_setopt (shell, "b", "{"), -1);
    assert_int_equal (flux_shell_setopt (shell, "verbose", "2"), 0);
    assert_int_equal (sh.verbose, 2);
}

static void who_asks_for_an_option_claims_it (void **state)
{
    assert_false (plugs_claim (&sh, "b"));
    flux_shell_getopt (plugs_shell (), "b.c", NULL);
    assert_true (plugs_claim (&sh, "b"));
    assert_false (plugs_claim (&sh, "mine"));
    add ("mine", "x", say, "");
    assert_true (plugs_claim (&sh, "mine"));
}

static void references_are_counted_by_name (void **state)
{
    flux_shell_t *shell = plugs_shell ();

    assert_int_equal (flux_shell_add_completion_ref (shell, "r%d", 1), 1);
    assert_int_equal (flux_shell_add_completion_ref (shell, "r%d", 1), 2);
    assert_int_equal (flux_shell_add_completion_ref (shell, "r%d", 2), 1);
    assert_int_equal (flux_shell_remove_completion_ref (shell, "r1"), 0);
    assert_int_equal (flux_shell_remove_completion_ref (shell, "r1"), 0);
    assert_int_equal (json_object_size (plugs.refs), 1);
    assert_int_equal (flux_shell_remove_completion_ref (shell, "r1"), -1);
    assert_int_equal (errno, ENOENT);
}

static void the_environment_is_the_tasks (void **state)
{
    flux_shell_t *shell = plugs_shell ();

    sh.jobid_path = "/";
    assert_int_equal (flux_shell_setenvf (shell, 0, "A", "%d", 1), 0);
    assert_string_equal (shell_env_get (&sh, "A"), "1");
    assert_int_equal (flux_shell_setenvf (shell, 0, "A", "2"), -1);
    assert_int_equal (errno, EEXIST);
    assert_string_equal (shell_env_get (&sh, "A"), "1");
    assert_int_equal (flux_shell_setenvf (shell, 1, "A", "2"), 0);
    assert_string_equal (shell_env_get (&sh, "A"), "2");
    assert_int_equal (flux_shell_setenvf (shell, 1, "A=B", "2"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_shell_setenvf (shell, 1, "", "2"), -1);
    assert_int_equal (flux_shell_setenvf (NULL, 1, "A", "2"), -1);
    assert_int_equal (flux_shell_unsetenv (shell, "A"), 0);
    assert_int_equal (flux_shell_unsetenv (shell, "A"), 0); /* as unsetenv(3) */
    assert_null (shell_env_get (&sh, "A"));
    assert_int_equal (flux_shell_unsetenv (shell, NULL), -1);
    shell_env_fini (&sh);
}

static void freed (void *arg)
{
    buf_printf (&said, "free(%s) ", (char *)arg);
}

/* What a plugin has kept goes when another takes its place, and at the end. */
static void what_is_kept_is_freed (void **state)
{
    flux_shell_t *shell = plugs_shell ();

    assert_int_equal (flux_shell_aux_set (shell, "k", (void *)"one", freed), 0);
    assert_string_equal (flux_shell_aux_get (shell, "k"), "one");
    assert_null (flux_shell_aux_get (shell, "other"));
    assert_int_equal (flux_shell_aux_set (shell, "k", (void *)"two", freed), 0);
    check_said ("free(one) ");
    assert_null (flux_shell_aux_get (NULL, "k"));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_shell_aux_set (NULL, "k", NULL, NULL), -1);
    aux_destroy (&plugs.aux);
    check_said ("free(two) ");
}

static void only_signals_are_sent (void **state)
{
    flux_shell_killall (plugs_shell (), 15);
    flux_shell_killall (plugs_shell (), 0);
    flux_shell_killall (plugs_shell (), -9);
    flux_shell_killall (NULL, 9);
    check_said ("kill:15 ");
}

/* --- the log --- */

static void messages_have_levels (void **state)
{
    flux_shell_log ("me", FLUX_SHELL_NOTICE, "f", 1, "%d\n\n", 7);
    flux_shell_log ("me", FLUX_SHELL_DEBUG, "f", 1, "no");
    check_said ("log:5,me,7 ");
    assert_int_equal (flux_shell_err ("me", "f", 1, ENOENT, "x"), -1);
    assert_int_equal (errno, ENOENT);
    check_said ("log:3,me,x: No such file or directory ");
    assert_int_equal (flux_shell_log_setlevel (FLUX_SHELL_ERROR, NULL), 0);
    flux_shell_log ("me", FLUX_SHELL_NOTICE, "f", 1, "no");
    check_said ("");
    assert_int_equal (flux_shell_log_setlevel (FLUX_SHELL_NOTICE, NULL), 0);
    assert_int_equal (flux_shell_log_setlevel (FLUX_SHELL_QUIET, "eventlog"), 0);
    flux_shell_log ("me", FLUX_SHELL_NOTICE, "f", 1, "no");
    check_said ("");
    assert_int_equal (flux_shell_log_setlevel (8, NULL), -1);
    assert_int_equal (flux_shell_log_setlevel (5, "nowhere"), -1);
    flux_shell_raise_exit_status (9, "killed");
    check_said ("raise:exec,0,killed ");
    assert_int_equal (sh.rc, 128 + 9);
}

/* --- those that crash, or do not return --- */

static int crash (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                  void *data)
{
    raise (SIGSEGV);
    return 0;
}

static int loop (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    static volatile bool forever = true;

    while (forever)
        ;
    return 0;
}

/* What a shell says whose plugin is called, and its wait status. */
static char *last_words_within (double timeout, flux_plugin_f cb, int *status)
{
    int fd[2];
    pid_t pid;
    char *text;

    assert_int_equal (pipe (fd), 0);
    if ((pid = fork ()) == 0) {
        close (fd[0]);
        frame_writer_init (&sh.out, fd[1], 7);
        sh.jobspec.shell_options = json_pack ("{s:f}", "plugin-timeout", timeout);
        if (guard_init () < 0)
            _exit (99);
        frame_write (&sh.out, 'o', "before", 6);
        add ("say \"x\"", "*", cb, NULL);
        plugs_topic (&sh, "t", NULL);
        _exit (98);
    }
    close (fd[1]);
    text = fd_read_all (fd[0], NULL);
    close (fd[0]);
    assert_int_equal (waitpid (pid, status, 0), pid);
    return text;
}

static char *last_words (flux_plugin_f cb, int *status)
{
    return last_words_within (600., cb, status);
}

static void who_crashes_is_named (void **state)
{
    int status;
    char *text = last_words (crash, &status);

    assert_string_equal (text,
                         "o 7 before\nx 7 {\"type\":\"exec\",\"severity\":0,\"note\":"
                         "\"plugin 'say ?x?' crashed in t\"}\n");
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGSEGV);
    free (text);
}

static void who_does_not_return_is_named (void **state)
{
    int status;

#ifdef __SANITIZE_THREAD__
    test_skip ("the thread sanitizer hands no signal to who calls nothing");
#endif
    char *text = last_words_within (0.05, loop, &status);

    assert_string_equal (text,
                         "o 7 before\nx 7 {\"type\":\"exec\",\"severity\":0,\"note\":"
                         "\"plugin 'say ?x?' does not return from t\"}\nX 7 256\n");
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == SHELL_TOLD);
    free (text);
}

static int take_fds (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                     void *data)
{
    close_range (3, ~0U, 0);
    return 0;
}

static int take_input (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                       void *data)
{
    close (0);
    return open ("/dev/zero", O_RDONLY) == 0 ? 0 : -1; /* another has its number */
}

static int ignore (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                   void *data)
{
    signal (SIGCHLD, SIG_IGN);
    return 0;
}

static int copy (flux_plugin_t *p, const char *topic, flux_plugin_arg_t *args,
                 void *data)
{
    waitpid (fork (), NULL, 0);
    return 0;
}

static void who_takes_what_the_shell_lives_by_is_named (void **state)
{
    static const struct {
        flux_plugin_f f;
        const char *text;
    } cases[] = {
        { take_input, "o 7 before\nx 7 {\"type\":\"exec\",\"severity\":0,\"note\":"
                      "\"plugin 'say ?x?' has closed descriptors of the job shell in "
                      "t\"}\nX 7 256\n" },
        { ignore, "o 7 before\nx 7 {\"type\":\"exec\",\"severity\":0,\"note\":"
                  "\"plugin 'say ?x?' has SIGCHLD ignored in the job shell in "
                  "t\"}\nX 7 256\n" },
    };
    int status;

    for (size_t i = 0; i < sizeof (cases) / sizeof (cases[0]); i++) {
        char *text = last_words (cases[i].f, &status);
        assert_string_equal (text, cases[i].text);
        assert_true (WIFEXITED (status) && WEXITSTATUS (status) == SHELL_TOLD);
        free (text);
    }
}

static void who_takes_the_way_out_is_in_a_file (void **state)
{
    char dir[] = "/tmp/plug_test.XXXXXX", path[300], *text;
    int status;

    assert_non_null (mkdtemp (dir));
    snprintf (sh.tmpdir, sizeof (sh.tmpdir), "%s/jobtmp-0-0", dir);
    snprintf (path, sizeof (path), "%s" SHELL_SAID, sh.tmpdir);
    text = last_words (take_fds, &status);
    assert_string_equal (text, "");
    free (text);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == SHELL_DAMAGED);
    text = file_read_all (path, NULL);
    assert_string_equal (
        text, "plugin 'say ?x?' has closed descriptors of the job shell in t");
    free (text);
    assert_int_equal (dir_remove (dir), 0);
}

static void a_copy_of_the_shell_ends (void **state)
{
    int status;
    char *text = last_words (copy, &status);

    assert_string_equal (text, "x 7 {\"type\":\"exec\",\"severity\":0,\"note\":"
                               "\"plugin 'say ?x?' has forked a process that returns "
                               "from t\"}\n");
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 98);
    free (text);
}

#define TEST(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        TEST (plugins_are_called_in_order),
        TEST (the_last_of_a_name_wins),
        TEST (a_handler_may_replace_who_is_next),
        TEST (who_is_replaced_listens_to_nothing),
        TEST (who_fails_is_named_and_the_last),
        TEST (what_is_not_there_is_not_loaded),
        TEST (options_are_found_by_path),
        TEST (who_asks_for_an_option_claims_it),
        TEST (references_are_counted_by_name),
        TEST (the_environment_is_the_tasks),
        TEST (what_is_kept_is_freed),
        TEST (only_signals_are_sent),
        TEST (messages_have_levels),
        TEST (who_crashes_is_named),
        TEST (who_does_not_return_is_named),
        TEST (who_takes_what_the_shell_lives_by_is_named),
        TEST (who_takes_the_way_out_is_in_a_file),
        TEST (a_copy_of_the_shell_ends),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
