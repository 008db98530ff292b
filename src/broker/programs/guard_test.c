/* A broker that is killed with its process group leaves no directory, at whatever moment. */
#include "base/test.h"

#include "broker/programs/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[] = "/tmp/guard-test.XXXXXX";
static pid_t broker;

static int make (char *path)
{
    return mkdtemp (path) ? 0 : -1;
}

static int make_and_die (char *path)
{
    int rc = make (path);

    (void)kill (-broker, SIGKILL);
    return rc;
}

static int refuse (char *path)
{
    errno = EDQUOT;
    return -1;
}

/* The guard, an orphan then, becomes our child: when nobody is left, it has done its work. */
static void die_as_broker (int (*how) (char *path))
{
    char path[4096];
    pid_t pid = fork ();

    snprintf (path, sizeof (path), "%s/run-XXXXXX", top);
    if (pid == 0) {
        (void)setpgid (0, 0);
        broker = getpid ();
        (void)guard_mkdir (path, sizeof (path), how);
        (void)kill (-broker, SIGKILL);
    }
    while (waitpid (-1, NULL, 0) > 0)
        ;
    assert_int_equal (rmdir (top), 0);
    assert_int_equal (mkdir (top, 0700), 0);
}

static void test_killed_at_once (void **state)
{
    die_as_broker (make_and_die);
}

static void test_killed_later (void **state)
{
    die_as_broker (make);
}

static void test_refused (void **state)
{
    char path[64] = "x";

    assert_int_equal (guard_mkdir (path, sizeof (path), refuse), -1);
    assert_int_equal (errno, EDQUOT);
    assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
}

static void test_ended (void **state)
{
    char path[4096];
    struct stat st;

    snprintf (path, sizeof (path), "%s/run-XXXXXX", top);
    assert_int_equal (guard_mkdir (path, sizeof (path), make), 0);
    assert_int_equal (stat (path, &st), 0);
    guard_end ();
    assert_int_equal (waitpid (-1, NULL, WNOHANG), -1);
    assert_int_equal (rmdir (path), 0); /* it is the caller's now */
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_refused),
        cmocka_unit_test (test_ended),
        cmocka_unit_test (test_killed_at_once),
        cmocka_unit_test (test_killed_later),
    };
    int rc;

    (void)prctl (PR_SET_CHILD_SUBREAPER, 1);
    if (!mkdtemp (top))
        return 99;
    rc = cmocka_run_group_tests (tests, NULL, NULL);
    (void)rmdir (top);
    return rc;
}
