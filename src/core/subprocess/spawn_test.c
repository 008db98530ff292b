#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/subprocess/spawn.h"

static char *env[] = { (char *)"PATH=/usr/bin:/bin", (char *)"FOO=bar", NULL };

/* Output of a command, through a pipe; *status is its wait status. */
static void run (const char *script, struct spawn *s, char *out, size_t len,
                 int *status)
{
    int fd[2];
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };

    assert_int_equal (pipe2 (fd, O_CLOEXEC), 0);
    int fds[] = { -1, fd[1], fd[1] };
    s->argv = argv;
    s->env = env;
    s->fds = fds;
    s->fd_count = 3;
    pid_t pid = spawn_process (s);
    assert_true (pid > 0);
    close (fd[1]);
    size_t n = 0;
    ssize_t r;
    while ((r = read (fd[0], out + n, len - 1 - n)) > 0)
        n += r;
    out[n] = '\0';
    close (fd[0]);
    assert_int_equal (waitpid (pid, status, 0), pid);
}

static void test_run (void **state)
{
    char out[4096];
    int status;
    for (int flags = 0; flags < 4; flags++) { /* SETPGRP, FORK */
        struct spawn s = { .flags = flags };
        run ("echo $FOO; pwd; cat; exit 3", &s, out, sizeof (out), &status);
        assert_int_equal (WEXITSTATUS (status), 3);
        assert_memory_equal (out, "bar\n/", 5);
    }
}

static void test_blocked (void **state)
{
    char out[4096];
    int status;
    sigset_t set;
    struct spawn s = { .blocked = &set };
    sigemptyset (&set);
    sigaddset (&set, SIGUSR1);
    run ("kill -USR1 $$; echo $?; kill -USR2 $$", &s, out, sizeof (out), &status);
    assert_string_equal (out, "0\n");
    assert_int_equal (WTERMSIG (status), SIGUSR2);
    s.blocked = NULL;
    run ("kill -USR1 $$; echo $?", &s, out, sizeof (out), &status);
    assert_string_equal (out, "");
}

static void test_cwd (void **state)
{
    char out[4096];
    int status;
    struct spawn s = { .cwd = "/usr" };
    run ("pwd", &s, out, sizeof (out), &status);
    assert_string_equal (out, "/usr\n");
    s.cwd = "/nonexistent";
    s.flags = SPAWN_CWD_FALLBACK;
    run ("pwd", &s, out, sizeof (out), &status);
    assert_string_equal (out, "Could not change dir to /nonexistent: No such file or "
                              "directory. Going to /tmp instead\n/tmp\n");
}

static void test_fds (void **state)
{
    char out[4096];
    int status;
    int extra = open ("/etc/passwd", O_RDONLY); /* not close-on-exec */
    struct spawn s = { 0 };
    run ("ls /proc/self/fd", &s, out, sizeof (out), &status);
    assert_string_equal (out, "0\n1\n2\n3\n"); /* 3 is ls's own */
    close (extra);

    /* crossed: what is 1 here is 0 there, and so on */
    int p[2];
    assert_int_equal (pipe2 (p, O_CLOEXEC), 0);
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo x >&5", NULL };
    int fds[] = { 2, 0, 1, -1, -1, p[1] };
    s = (struct spawn){ .argv = argv, .env = env, .fds = fds, .fd_count = 6 };
    pid_t pid = spawn_process (&s);
    assert_true (pid > 0);
    close (p[1]);
    assert_int_equal (read (p[0], out, sizeof (out)), 2);
    close (p[0]);
    waitpid (pid, &status, 0);
    assert_int_equal (status, 0);
}

static int refuse (void *arg)
{
    return EPERM;
}

static void test_errors (void **state)
{
    char *argv[] = { (char *)"/nonexistent", NULL };
    struct spawn s = { .argv = argv, .env = env };
    for (s.flags = 0; s.flags < 4; s.flags++) {
        argv[0] = (char *)"/nonexistent";
        assert_int_equal (spawn_process (&s), -1);
        assert_int_equal (errno, ENOENT);
        argv[0] = (char *)"no-such-program-anywhere";
        assert_int_equal (spawn_process (&s), -1);
        assert_int_equal (errno, ENOENT);
        argv[0] = (char *)"/etc/passwd";
        assert_int_equal (spawn_process (&s), -1);
        assert_int_equal (errno, EACCES);
        argv[0] = (char *)"/";
        assert_int_equal (spawn_process (&s), -1);
        assert_int_equal (errno, EACCES);
    }
    s.flags = 0;
    argv[0] = (char *)"/bin/true";
    s.cwd = "/nonexistent";
    assert_int_equal (spawn_process (&s), -1);
    assert_int_equal (errno, ENOENT);
    s.cwd = NULL;
    s.pre_exec = refuse;
    assert_int_equal (spawn_process (&s), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (waitpid (-1, NULL, WNOHANG), -1); /* nothing left behind */
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_run),    cmocka_unit_test (test_blocked),
        cmocka_unit_test (test_cwd),    cmocka_unit_test (test_fds),
        cmocka_unit_test (test_errors),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
