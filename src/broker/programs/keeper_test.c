/* What a broker starts and makes does not outlive it, at whatever moment it is killed. The
 * program that is asked is the real one. */
#include "base/test.h"

#include "broker/programs/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[] = "/tmp/keeper-test.XXXXXX";
static char program[4096], path[4096];

static void name_dir (void)
{
    snprintf (path, sizeof (path), "%s/run-XXXXXX", top);
}

/* What is left of a broker, orphans, become our children: when nobody is left, they have
 * done their work. */
static void nothing_is_left (void)
{
    while (waitpid (-1, NULL, 0) > 0)
        ;
    assert_int_equal (rmdir (top), 0);
    assert_int_equal (mkdir (top, 0700), 0);
}

static void die_as_broker (void (*what) (struct keeper *k))
{
    struct keeper k;

    name_dir ();
    if (fork () == 0) {
        (void)setpgid (0, 0);
        if (keeper_start (&k, program) == 0 && what)
            what (&k);
        (void)kill (0, SIGKILL);
    }
    nothing_is_left ();
}

static void hold (struct keeper *k)
{
    struct stat st;

    if (keeper_hold (k, path, ORDER_MAKE | ORDER_UNIQUE) < 0 || stat (path, &st) < 0)
        abort ();
}

static void *hold_meanwhile (void *arg)
{
    hold (arg);
    return NULL;
}

static unsigned int spin;

static void hold_and_die (struct keeper *k)
{
    pthread_t thread;

    if (pthread_create (&thread, NULL, hold_meanwhile, k) != 0)
        abort ();
    for (volatile unsigned int i = 0; i < spin; i++)
        ;
}

/* Its children, too, and those that have left its group. */
static char sh[] = "sh", c[] = "-c";
static char branches[] = "setsid sleep 1000 & sleep 1000 & wait";
static char *const tree[] = { sh, c, branches, NULL };
static char path_env[] = "PATH=/usr/bin:/bin";
static char *const env[] = { path_env, NULL };

static void run_too (struct keeper *k)
{
    hold (k);
    if (keeper_run (k, tree, env, ORDER_PGRP, 100) < 0)
        abort ();
}

static void test_killed (void **state)
{
    die_as_broker (NULL);
    die_as_broker (hold);
    die_as_broker (run_too);
    for (spin = 1; spin < 1 << 20; spin *= 2)
        die_as_broker (hold_and_die);
}

static void test_refused (void **state)
{
    struct keeper k;
    char none[] = "/nonexistent/x", there[4096];

    assert_int_equal (keeper_start (&k, "/nonexistent/keeper"), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (k.pid, -1);
    assert_int_equal (keeper_start (&k, program), 0);
    assert_int_equal (keeper_hold (&k, none, ORDER_MAKE), -1);
    assert_int_equal (errno, ENOENT);
    snprintf (there, sizeof (there), "%s", top);
    assert_int_equal (keeper_hold (&k, there, ORDER_MAKE), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (
        keeper_run (&k, (char *const[]){ (char *)"nosuchprogram", NULL }, env, 0, 100),
        -1);
    assert_int_equal (errno, ENOENT);
    /* and then it takes others */
    name_dir ();
    assert_int_equal (keeper_hold (&k, path, ORDER_MAKE | ORDER_UNIQUE), 0);
    keeper_stop (&k);
    assert_int_equal (k.pid, -1);
    assert_int_equal (rmdir (path), 0); /* it is the caller's */
    keeper_stop (&k);
}

static int status_of (char *const *argv, char *const *with, int flags, bool holds)
{
    struct keeper k;
    int status;

    name_dir ();
    assert_int_equal (keeper_start (&k, program), 0);
    if (holds)
        assert_int_equal (keeper_hold (&k, path, ORDER_MAKE | ORDER_UNIQUE), 0);
    assert_true (keeper_run (&k, argv, with, flags, 100) > 0);
    assert_true (keeper_told (&k, &status));
    if (holds) { /* and the next */
        assert_true (keeper_run (&k, argv, with, flags, 100) > 0);
        assert_true (keeper_told (&k, &status));
    } else { /* it has ended */
        int more;

        assert_false (keeper_told (&k, &more));
    }
    keeper_stop (&k);
    if (holds)
        assert_int_equal (rmdir (path), 0);
    return status;
}

#define SH(text) ((char *const[]){ sh, c, (char *)text, NULL })

static void test_runs (void **state)
{
    struct rlimit rl;
    char group[64];

    assert_int_equal (status_of (SH ("exit 3"), env, 0, false), 3 << 8);
    assert_int_equal (status_of (SH ("exit 4"), env, ORDER_PGRP, true), 4 << 8);
    assert_int_equal (status_of (SH ("kill -9 $$"), env, ORDER_PGRP, true), 9);
    /* its environment alone, its limit, no input */
    assert_int_equal (
        status_of (SH ("test -z \"$HOME$TMPDIR\" && test $(ulimit -n) = 100"), env, 0,
                   false),
        0);
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &rl), 0);
    assert_true (rl.rlim_cur > 100); /* ours is as it was */
    assert_int_equal (status_of (SH ("! read x"), env, ORDER_NO_INPUT, false), 0);
    /* signals are as for any program: blocked none, ignored none */
    assert_int_equal (
        status_of (SH ("exec grep -q 'SigBlk:.0*$' /proc/self/status"), env, 0, false),
        0);
    snprintf (group, sizeof (group), "test $(ps -o pgid= -p $$) -eq %d",
              (int)getpgrp ());
    assert_int_equal (status_of (SH (group), env, 0, false), 0);
    assert_int_equal (status_of (SH (group), env, ORDER_PGRP, false), 1 << 8);
}

/* More than a socket holds. */
static void test_large (void **state)
{
    enum { COUNT = 20, SIZE = 100000 };
    static char values[COUNT][SIZE + 8];
    char *large[COUNT + 2];

    for (int i = 0; i < COUNT; i++) {
        snprintf (values[i], 8, "V%02d=", i);
        memset (values[i] + 4, 'x', SIZE);
        large[i] = values[i];
    }
    large[COUNT] = env[0];
    large[COUNT + 1] = NULL;
    assert_int_equal (status_of (SH ("test ${#V19} = 100000"), large, 0, false), 0);
}

/* Beside this one's folder in the build. */
static void find_program (void)
{
    char exe[2048];
    ssize_t len = readlink ("/proc/self/exe", exe, sizeof (exe) - 1);

    exe[len > 0 ? len : 0] = '\0';
    *strrchr (exe, '/') = '\0';
    snprintf (program, sizeof (program), "%s/../src/broker/flux-keeper", exe);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_refused),
        cmocka_unit_test (test_runs),
        cmocka_unit_test (test_large),
        cmocka_unit_test (test_killed),
    };
    int rc;

    find_program ();
    (void)prctl (PR_SET_CHILD_SUBREAPER, 1);
    if (!mkdtemp (top))
        return 99;
    rc = cmocka_run_group_tests (tests, NULL, NULL);
    (void)rmdir (top);
    return rc;
}
