#include "base/test.h"
#include "base/text/signum.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

static void reads (void **state)
{
    static const char *const bad[] = { "",     "0",  "-1",     "65",    "SIG",
                                       "SIG9", "9x", "NOSUCH", " KILL", "4294967305" };
    char last[16];

    assert_int_equal (signum_decode ("9"), SIGKILL);
    assert_int_equal (signum_decode ("KILL"), SIGKILL);
    assert_int_equal (signum_decode ("sigkill"), SIGKILL);
    assert_int_equal (signum_decode ("SIGUSR1"), SIGUSR1);
    snprintf (last, sizeof (last), "%d", SIGRTMAX);
    assert_int_equal (signum_decode (last), SIGRTMAX);
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        errno = 0;
        assert_int_equal (signum_decode (bad[i]), -1);
        assert_int_equal (errno, EINVAL);
    }
}

/* What is written is read again. */
static void writes (void **state)
{
    char s[16];

    assert_string_equal (signum_encode (SIGTERM, s, sizeof (s)), "SIGTERM");
    for (int i = 1; i <= SIGRTMAX; i++)
        assert_int_equal (signum_decode (signum_encode (i, s, sizeof (s))), i);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (reads),
        cmocka_unit_test (writes),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
