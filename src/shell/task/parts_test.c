/* The parts of a shell that need no loop: environment, files, limits, PMI. */
#include "base/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "shell/plug.h"
#include "shell/shell.h"

/* --- what the loop would do --- */

static struct buf said;
const struct plug_ops *shell_plug;

json_t *shell_option (struct shell *sh, const char *path)
{
    return json_object_get (sh->jobspec.shell_options, path);
}

static void say (const char *what, const char *fmt, va_list ap)
{
    char text[512];

    vsnprintf (text, sizeof (text), fmt, ap);
    buf_printf (&said, "%s:%s ", what, text);
}

void shell_fatal (struct shell *sh, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    say ("fatal", fmt, ap);
    va_end (ap);
}

void shell_log (struct shell *sh, int level, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    if (level < SHELL_TRACE)
        say ("log", fmt, ap);
    va_end (ap);
}

void shell_raise (struct shell *sh, const char *type, int severity, const char *note)
{
    buf_printf (&said, "raise:%s,%d,%s ", type, severity, note);
}

void shell_send (struct shell *sh, char type, struct buf *b)
{
    buf_printf (&said, "%c:", type);
    for (size_t i = 0; i < b->len; i++) /* a string ends visibly */
        buf_addc (&said, b->data[i] ? b->data[i] : ';');
    buf_addc (&said, ' ');
}

int shell_watch (struct shell *sh, struct source *src)
{
    return 0;
}

void shell_unwatch (struct shell *sh, struct source *src)
{
    close (src->fd);
    src->fd = -1;
}

static void check_said (const char *expect)
{
    assert_string_equal (said.data ? said.data : "", expect);
    buf_fini (&said);
}

/* --- environment --- */

static const char *find (char **env, const char *name)
{
    size_t n = strlen (name);

    for (; *env; env++)
        if (strncmp (*env, name, n) == 0 && (*env)[n] == '=')
            return *env + n + 1;
    return NULL;
}

static void test_env (void **state)
{
    struct task task = { .rank = 5, .localid = 1 };
    struct shell sh = {
        .f58 = "f7", .jobid_path = "/f1", .ntasks = 8, .size = 2, .tmpdir = "/tmp/x"
    };

    unsetenv ("FLUX_URI");
    setenv ("FLUX_FAKE_HOSTNAME", "h2", 1);
    sh.jobspec.environment = json_pack ("{s:s s:s s:s s:s s:i}", "HOME", "/home/me",
                                        "FLUX_JOB_ID", "of the submitter", "PMI_RANK",
                                        "99", "FLUX_MINE", "stays", "NUMBER", 1);
    json_object_set_new (sh.jobspec.environment, "FLUX_FAKE_HOSTNAME",
                         json_string ("h0, of the submitter"));
    assert_int_equal (shell_env_init (&sh), 0);
    char **env = shell_env_task (&sh, &task, -1);
    assert_string_equal (find (env, "HOME"), "/home/me");
    assert_string_equal (find (env, "FLUX_MINE"), "stays");
    assert_string_equal (find (env, "FLUX_JOB_ID"), "f7");
    assert_string_equal (find (env, "FLUX_KVS_NAMESPACE"), "job-0");
    assert_string_equal (find (env, "FLUX_JOB_ID_PATH"), "/f1/f7");
    assert_string_equal (find (env, "FLUX_JOB_SIZE"), "8");
    assert_string_equal (find (env, "FLUX_JOB_NNODES"), "2");
    assert_string_equal (find (env, "FLUX_JOB_TMPDIR"), "/tmp/x");
    assert_string_equal (find (env, "FLUX_TASK_RANK"), "5");
    assert_string_equal (find (env, "FLUX_TASK_LOCAL_ID"), "1");
    assert_null (find (env, "PMI_RANK"));
    assert_null (find (env, "FLUX_URI"));
    assert_null (find (env, "NUMBER"));
    assert_string_equal (find (env, "FLUX_FAKE_HOSTNAME"), "h2");
    unsetenv ("FLUX_FAKE_HOSTNAME");

    task.rank = 6;
    env = shell_env_task (&sh, &task, 3);
    assert_string_equal (find (env, "FLUX_TASK_RANK"), "6");
    assert_string_equal (find (env, "PMI_FD"), "3");
    assert_string_equal (find (env, "PMI_RANK"), "6");
    assert_string_equal (find (env, "PMI_SIZE"), "8");
    shell_env_fini (&sh);
    json_decref (sh.jobspec.environment);
}

static void test_env_changes (void **state)
{
    struct shell sh = { .ntasks = 1, .size = 1, .f58 = "f7", .jobid_path = "/" };
    struct task task = { 0 };
    char name[16];

    sh.jobspec.environment =
        json_pack ("{s:s s:s}", "LD_LIBRARY_PATH", "/mine", "A", "1");
    assert_int_equal (shell_env_init (&sh), 0);
    assert_string_equal (shell_env_get (&sh, "A"), "1");
    assert_null (shell_env_get (&sh, "AA"));
    assert_int_equal (shell_env_set (&sh, "A", "2"), 0);
    assert_string_equal (shell_env_get (&sh, "A"), "2");
    for (int i = 0; i < 100; i++) {
        sprintf (name, "N%d", i);
        assert_int_equal (shell_env_set (&sh, name, "x"), 0);
    }
    shell_env_unset (&sh, "A");
    shell_env_unset (&sh, "NOSUCH");
    assert_null (shell_env_get (&sh, "A"));
    assert_string_equal (find (shell_env_task (&sh, &task, 3), "N99"), "x");

    setenv ("FLUX_PMI_LIBRARY_PATH", "/lib/flux/libpmi.so", 1);
    assert_int_equal (shell_env_pmi (&sh), 0); /* there is no PMI */
    assert_string_equal (shell_env_get (&sh, "LD_LIBRARY_PATH"), "/mine");
    sh.pmi = (struct pmi_server *)&sh;
    assert_int_equal (shell_env_pmi (&sh), 0);
    assert_string_equal (shell_env_get (&sh, "LD_LIBRARY_PATH"), "/lib/flux:/mine");
    assert_string_equal (shell_env_get (&sh, "FLUX_PMI_LIBRARY_PATH"),
                         "/lib/flux/libpmi.so");
    unsetenv ("FLUX_PMI_LIBRARY_PATH");
    shell_env_fini (&sh);
    json_decref (sh.jobspec.environment);
}

/* --- GPUs --- */

static void check_gpus (const char *gpus, bool rocm, const char *cuda, const char *rocr)
{
    struct shell sh = { .jobid_path = "/" };
    struct idset *ids = idset_decode (gpus);

    assert_int_equal (shell_gpu_set (&sh, ids, rocm, shell_env_set), 0);
    assert_string_equal (shell_env_get (&sh, "CUDA_VISIBLE_DEVICES"), cuda);
    assert_string_equal (shell_env_get (&sh, "CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
    if (rocr)
        assert_string_equal (shell_env_get (&sh, "ROCR_VISIBLE_DEVICES"), rocr);
    else
        assert_null (shell_env_get (&sh, "ROCR_VISIBLE_DEVICES"));
    idset_destroy (ids);
    shell_env_fini (&sh);
}

static void test_gpus (void **state)
{
    check_gpus ("2-3,7", false, "2,3,7", NULL);
    check_gpus ("", false, "-1", NULL);
    check_gpus ("2-3,7", true, "0,1,2", "2,3,7");
    check_gpus ("", true, "-1", "-1");
}

/* --- limits --- */

static void bad_limit (json_t *limits, const char *name)
{
    struct shell sh = { .jobspec.shell_options =
                            json_pack ("{s:o}", "rlimit", limits) };
    char expect[128];

    snprintf (expect, sizeof (expect),
              "fatal:rlimit: %s: unknown limit or invalid value ", name);
    assert_int_equal (shell_rlimits_init (&sh), -1);
    check_said (expect);
    free (sh.rlimits);
    json_decref (sh.jobspec.shell_options);
}

static void test_limits (void **state)
{
    struct shell sh = { 0 };
    struct rlimit before, now;

    assert_int_equal (getrlimit (RLIMIT_CORE, &before), 0);
    bad_limit (json_pack ("{s:i}", "nosuch", 1), "nosuch");
    bad_limit (json_pack ("{s:s}", "nofile", "x"), "nofile");
    bad_limit (json_pack ("{s:f}", "nofile", 1.5), "nofile");
    bad_limit (json_pack ("{s:i}", "nofile", -2), "nofile");
    sh.jobspec.shell_options = json_pack ("{s:{s:i}}", "rlimit", "core", 0);
    assert_int_equal (shell_rlimits_init (&sh), 0);
    check_said ("");
    assert_int_equal (shell_rlimits_apply (&sh), 0);
    assert_int_equal (getrlimit (RLIMIT_CORE, &now), 0);
    assert_int_equal (now.rlim_cur, 0);
    assert_int_equal (now.rlim_max, before.rlim_max); /* only the soft one */
    free (sh.rlimits);
    json_decref (sh.jobspec.shell_options);
}

/* -1 is no limit, and nobody gets more than the hard one. In a child: it is for ever. */
static void test_limits_end_at_the_hard_one (void **state)
{
    pid_t pid = fork ();
    int status;

    if (pid == 0) {
        struct shell sh = { 0 };
        struct rlimit hard = { 10, 100 }, now;
        bool ok =
            setrlimit (RLIMIT_CORE, &hard) == 0 && setrlimit (RLIMIT_FSIZE, &hard) == 0;
        sh.jobspec.shell_options =
            json_pack ("{s:{s:i s:i}}", "rlimit", "core", -1, "fsize", 1000);
        ok = ok && shell_rlimits_init (&sh) == 0 && shell_rlimits_apply (&sh) == 0
             && getrlimit (RLIMIT_CORE, &now) == 0 && now.rlim_cur == 100
             && now.rlim_max == 100 && getrlimit (RLIMIT_FSIZE, &now) == 0
             && now.rlim_cur == 100 && now.rlim_max == 100;
        _exit (ok ? 0 : 1);
    }
    assert_true (pid > 0);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
}

/* --- files --- */

static char dir[64];

static void try_file (const char *name, const char *object, const char *expect)
{
    struct shell sh = { .broker_rank = 3, .slot = 4 };
    char expected[512];

    sh.jobspec_json = json_pack ("{s:{s:{s:{s:o}}}}", "attributes", "system", "files",
                                 name, json_loads (object, JSON_DECODE_ANY, NULL));
    int rc = shell_tmpdir_create (&sh);
    snprintf (expected, sizeof (expected), "%s/jobtmp-3-4", dir);
    assert_string_equal (sh.tmpdir, expected);
    if (rc < 0)
        snprintf (expected, sizeof (expected), "fatal:files: %s: %s ", name, expect);
    check_said (rc < 0 ? expected : "");
    if (rc == 0) {
        char path[512];
        size_t len;
        snprintf (path, sizeof (path), "%s/%s", sh.tmpdir, name);
        char *text = file_read_all (path, &len);
        assert_non_null (text);
        assert_string_equal (text, expect);
        free (text);
    }
    shell_tmpdir_clean (&sh);
    rmdir (sh.tmpdir);
    assert_int_not_equal (access (sh.tmpdir, F_OK), 0);
    json_decref (sh.jobspec_json);
}

static void test_files (void **state)
{
    char uri[128];

    strcpy (dir, "/tmp/flux-shell-test-XXXXXX");
    assert_non_null (mkdtemp (dir));
    snprintf (uri, sizeof (uri), "local://%s/local-0", dir);
    setenv ("FLUX_URI", uri, 1);
    try_file ("a", "\"text\"", "text");
    try_file ("sub/dir/a", "{\"data\":\"text\"}", "text");
    try_file ("a", "{\"data\":\"YWI=\",\"encoding\":\"base64\",\"mode\":33188}", "ab");
    try_file ("a", "{\"data\":{\"k\":1}}", "{\"k\": 1}");
    try_file ("a", "{\"data\":\"?\",\"encoding\":\"base64\"}", strerror (EINVAL));
    static const char *outside[] = { "/etc/x", "../x", "a/../x", "a//x", "./x", "a/" };
    for (size_t i = 0; i < sizeof (outside) / sizeof (outside[0]); i++)
        try_file (outside[i], "\"text\"", strerror (EINVAL));
    unsetenv ("FLUX_URI");
    assert_int_equal (rmdir (dir), 0);
}

/* What a killed shell has left is not the next job's. */
static void test_leftovers (void **state)
{
    struct shell sh = { .broker_rank = 5, .slot = 6 };
    char uri[128], path[512];

    strcpy (dir, "/tmp/flux-shell-test-XXXXXX");
    assert_non_null (mkdtemp (dir));
    snprintf (uri, sizeof (uri), "local://%s/local-0", dir);
    setenv ("FLUX_URI", uri, 1);
    sh.jobspec_json = json_object ();
    for (int i = 0; i < 2; i++) {
        assert_int_equal (shell_tmpdir_create (&sh), 0);
        snprintf (path, sizeof (path), "%s/old", sh.tmpdir);
        assert_int_not_equal (access (path, F_OK), 0);
        assert_int_equal (mkdir (path, 0700), 0);
    }
    shell_tmpdir_clean (&sh);
    check_said ("");
    unsetenv ("FLUX_URI");
    json_decref (sh.jobspec_json);
    assert_int_equal (rmdir (dir), 0);
}

/* --- PMI --- */

struct exchange {
    struct shell sh;
    struct task task;
    int fd;
};

static void pmi_begin (struct exchange *x, int size)
{
    memset (x, 0, sizeof (*x));
    x->task.sh = &x->sh;
    strcpy (x->sh.f58, "f7");
    x->sh.size = size;
    x->sh.ntasks = size;
    x->sh.tasks = &x->task;
    x->sh.task_count = 1;
    x->sh.taskmap = taskmap_decode ("[[0,2,1,1]]", NULL);
    assert_non_null (x->sh.taskmap);
    assert_int_equal (shell_pmi_init (&x->sh), 0);
    assert_int_equal (shell_pmi_open (&x->sh, &x->task, &x->fd), 0);
}

static void pmi_end (struct exchange *x)
{
    shell_pmi_fini (&x->sh);
    if (x->task.pmi.fd >= 0)
        close (x->task.pmi.fd);
    close (x->fd);
    buf_fini (&x->task.pmi_buf);
    taskmap_destroy (x->sh.taskmap);
    buf_fini (&said);
}

/* The task says a line, and gets the answer; "" if there is none. */
static void pmi_ask (struct exchange *x, const char *line, const char *expect)
{
    char got[2048];

    if (line) {
        assert_int_equal (write (x->fd, line, strlen (line)), strlen (line));
        x->task.pmi.ready (&x->sh, &x->task.pmi, EPOLLIN);
    }
    ssize_t n = recv (x->fd, got, sizeof (got) - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = '\0';
    assert_string_equal (got, expect);
}

static void test_pmi_exchange (void **state)
{
    static const char all[] = "k\0a\"b\0other\0w\0empty\0";
    struct exchange x;

    pmi_begin (&x, 2);
    pmi_ask (&x, "cmd=put kvsname=f7 key=k value=old\n", "cmd=put_result rc=0\n");
    pmi_ask (&x, "cmd=put kvsname=f7 key=k value=a\"b\n", "cmd=put_result rc=0\n");
    pmi_ask (&x, "cmd=barrier_in\n", "");
    check_said ("b:k;a\"b; ");
    shell_pmi_exchange (&x.sh, all, sizeof (all)); /* its NUL is the last value's */
    pmi_ask (&x, NULL, "cmd=barrier_out rc=0\n");
    pmi_ask (&x, "cmd=get kvsname=f7 key=other\n", "cmd=get_result rc=0 value=w\n");
    pmi_ask (&x, "cmd=get kvsname=f7 key=empty\n", "cmd=get_result rc=0 value=\n");
    /* each key is sent once */
    pmi_ask (&x, "cmd=barrier_in\n", "");
    check_said ("b: ");
    shell_pmi_exchange (&x.sh, "", 0);
    pmi_ask (&x, NULL, "cmd=barrier_out rc=0\n");
    pmi_end (&x);
}

static void test_pmi_alone (void **state)
{
    struct exchange x;

    pmi_begin (&x, 1);
    pmi_ask (&x, "cmd=barrier_in\n", "cmd=barrier_out rc=0\n");
    check_said ("");
    pmi_end (&x);
}

/* Cut amid a key or a value, it fails the job: no task goes on without the keys, none
 * waits. */
static void test_pmi_damaged (void **state)
{
    static const char text[] = "k\0v\0other\0w";

    for (size_t len = 1; len < sizeof (text); len++) {
        struct exchange x;
        if (len == 4) /* whole */
            continue;
        pmi_begin (&x, 2);
        pmi_ask (&x, "cmd=barrier_in\n", "");
        buf_fini (&said);
        shell_pmi_exchange (&x.sh, text, len);
        check_said ("fatal:pmi: what the job's shells exchanged: no keys and values ");
        pmi_ask (&x, NULL, "");
        pmi_end (&x);
    }
}

/* A task that speaks no PMI loses its connection, no more. */
static void test_pmi_nonsense (void **state)
{
    struct exchange x;

    pmi_begin (&x, 2);
    assert_int_equal (write (x.fd, "nonsense\n", 9), 9);
    x.task.pmi.ready (&x.sh, &x.task.pmi, EPOLLIN);
    assert_int_equal (x.task.pmi.fd, -1);
    check_said ("");
    pmi_end (&x);
}

static void test_pmi_abort (void **state)
{
    struct exchange x;

    pmi_begin (&x, 2);
    assert_int_equal (write (x.fd, "cmd=abort exitcode=3\n", 21), 21);
    x.task.pmi.ready (&x.sh, &x.task.pmi, EPOLLIN);
    assert_int_equal (x.sh.rc, 3);
    check_said ("raise:exec,0,PMI_Abort from rank 0:  ");
    pmi_end (&x);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_env),
        cmocka_unit_test (test_env_changes),
        cmocka_unit_test (test_gpus),
        cmocka_unit_test (test_limits),
        cmocka_unit_test (test_limits_end_at_the_hard_one),
        cmocka_unit_test (test_files),
        cmocka_unit_test (test_leftovers),
        cmocka_unit_test (test_pmi_exchange),
        cmocka_unit_test (test_pmi_alone),
        cmocka_unit_test (test_pmi_damaged),
        cmocka_unit_test (test_pmi_nonsense),
        cmocka_unit_test (test_pmi_abort),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
