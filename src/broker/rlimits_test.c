/* A broker that cannot have what it needs says so before it begins. */
#include "base/test.h"

#include "broker/rlimits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Limits cannot be raised again, so each case has a process of its own: what fn says. */
static int with_limits (rlim_t nofile_soft, rlim_t nofile_hard, rlim_t as_kb,
                        int (*fn) (void))
{
    pid_t pid = fork ();
    int status;

    if (pid == 0) {
        struct rlimit rl = { nofile_soft, nofile_hard };

        if (setrlimit (RLIMIT_NOFILE, &rl) < 0)
            _exit (99);
        rl.rlim_cur = rl.rlim_max = as_kb ? as_kb << 10 : RLIM_INFINITY;
        if (as_kb && setrlimit (RLIMIT_AS, &rl) < 0)
            _exit (98);
        _exit (fn ());
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status));
    return WEXITSTATUS (status);
}

enum { FINE = 1, NO_DESCRIPTORS, NO_SPACE, OTHER };

static int verdict (int rc, const flux_error_t *error)
{
    if (rc == 0)
        return FINE;
    if (errno == EMFILE && strstr (error->text, "descriptors are needed")
        && strstr (error->text, "ulimit -n"))
        return NO_DESCRIPTORS;
    if (errno == ENOMEM && strstr (error->text, "address space are needed")
        && strstr (error->text, "ulimit -v"))
        return NO_SPACE;
    return OTHER;
}

static int alone (void)
{
    flux_error_t error = { "" };

    return verdict (limits_init (&error), &error);
}

/* A broker with ten children. */
static int with_children (void)
{
    flux_error_t error = { "" };
    int rc = limits_init (&error);

    if (rc == 0)
        rc = limits_check_overlay (10, &error);
    return verdict (rc, &error);
}

/* What programs get is the soft limit of before; the broker takes all that it may. */
static int soft (void)
{
    flux_error_t error = { "" };
    struct rlimit rl;

    if (limits_init (&error) < 0 || getrlimit (RLIMIT_NOFILE, &rl) < 0)
        return OTHER;
    return limits_soft_nofile () == 100 && rl.rlim_cur == 200 ? FINE : OTHER;
}

static void descriptors (void **state)
{
    assert_int_equal (with_limits (59, 59, 0, alone), NO_DESCRIPTORS);
    assert_int_equal (with_limits (60, 60, 0, alone), FINE);
    assert_int_equal (with_limits (20, 60, 0, alone), FINE); /* it may have more */
    assert_int_equal (with_limits (79, 79, 0, with_children), NO_DESCRIPTORS);
    assert_int_equal (with_limits (80, 80, 0, with_children), FINE);
    assert_int_equal (with_limits (100, 200, 0, soft), FINE);
}

#if !defined(__SANITIZE_ADDRESS__) /* which needs terabytes of it */
static void address_space (void **state)
{
    assert_int_equal (with_limits (200, 200, (64 << 10) - 1, alone), NO_SPACE);
    assert_int_equal (with_limits (200, 200, 64 << 10, alone), FINE);
    assert_int_equal (with_limits (200, 200, 64 << 10, with_children), NO_SPACE);
    assert_int_equal (with_limits (200, 200, (64 + 48) << 10, with_children), FINE);
}
#endif

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (descriptors),

#if !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test (address_space),
#endif

    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
