/* Processes that end, and those that may not be ended. */
#include "base/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os/proc.h"

static pid_t sleeper (void)
{
    pid_t pid = fork ();

    if (pid == 0) {
        for (;;)
            pause ();
    }
    assert_true (pid > 0);
    return pid;
}

static void children_end (void **state)
{
    pid_t one = sleeper (), two = sleeper ();

    proc_kill_children (NULL);
    assert_int_equal (kill (one, 0), -1);
    assert_int_equal (kill (two, 0), -1);
    assert_int_equal (waitpid (-1, NULL, 0), -1);
}

static pid_t spared;

static bool spare (pid_t pid)
{
    return pid == spared;
}

static void some_are_spared (void **state)
{
    pid_t one = sleeper ();

    spared = sleeper ();
    proc_kill_children (spare);
    assert_int_equal (kill (one, 0), -1);
    assert_int_equal (waitpid (spared, NULL, WNOHANG), 0);
    proc_kill_children (NULL);
}

/* As of a program that is setuid: nobody waits for what does not end. */
static void those_of_another_user_are_not_waited_for (void **state)
{
    int status;

    if (getuid () != 0)
        skip ();
    pid_t pid = fork ();
    if (pid == 0) {
        pid_t theirs = sleeper (), own;
        if (setuid (65533) < 0)
            _exit (2);
        own = sleeper ();
        alarm (20);
        proc_kill_children (NULL);
        _exit (waitpid (theirs, NULL, WNOHANG) == 0 && kill (own, 0) < 0 ? 0 : 1);
    }
    (void)prctl (PR_SET_CHILD_SUBREAPER, 1);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    proc_kill_children (NULL);
    (void)prctl (PR_SET_CHILD_SUBREAPER, 0);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (children_end),
        cmocka_unit_test (some_are_spared),
        cmocka_unit_test (those_of_another_user_are_not_waited_for),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
