/* Which process is which task, and the lines about them. */
#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/submit/attach/proctable.h"

#define URI "local:///tmp/local-0"

static long task (const char *env, size_t len)
{
    return proctable_task (env, len - 1, 5, URI); /* without C's own NUL */
}
#define TASK(env) task (env, sizeof (env))

static void environments (void **state)
{
    assert_int_equal (TASK ("FLUX_TASK_RANK=7\0FLUX_JOB_ID=5\0FLUX_URI=" URI "\0"), 7);
    assert_int_equal (TASK ("A=\0FLUX_URI=" URI "\0FLUX_JOB_ID=ƒ6\0FLUX_TASK_RANK=0\0"),
                      0);
    assert_int_equal (TASK ("FLUX_TASK_RANK=7\0FLUX_JOB_ID=6\0FLUX_URI=" URI "\0"), -1);
    assert_int_equal (TASK ("FLUX_TASK_RANK=7\0FLUX_JOB_ID=5\0FLUX_URI=" URI "1\0"),
                      -1);
    assert_int_equal (TASK ("FLUX_JOB_ID=5\0FLUX_URI=" URI "\0"), -1);
    assert_int_equal (TASK ("FLUX_TASK_RANK=7\0FLUX_URI=" URI "\0"), -1);
    assert_int_equal (TASK ("FLUX_TASK_RANK=7x\0FLUX_JOB_ID=5\0FLUX_URI=" URI "\0"),
                      -1);
    assert_int_equal (TASK ("FLUX_TASK_RANK=-7\0FLUX_JOB_ID=5\0FLUX_URI=" URI "\0"),
                      -1);
    assert_int_equal (
        TASK ("FLUX_TASK_RANK=99999999999999999999\0FLUX_JOB_ID=5\0FLUX_URI=" URI "\0"),
        -1);
    assert_int_equal (TASK ("FLUX_JOB_ID=what\0FLUX_TASK_RANK=7\0FLUX_URI=" URI "\0"),
                      -1);
    assert_int_equal (TASK (""), -1);
}

static void lines (void **state)
{
    static const char *const bad[] = {
        "", "x", "1 host", "1 host 7", "1 host 7 ", "1 host 0 /bin/a", "x host 7 /bin/a"
    };
    struct proctable t = { NULL, 0 };

    assert_int_equal (proctable_add_line (&t, "12 host 345 /bin/a program"), 0);
    assert_int_equal (t.count, 1);
    assert_int_equal (t.v[0].rank, 12);
    assert_int_equal (t.v[0].pid, 345);
    assert_string_equal (t.v[0].host, "host");
    assert_string_equal (t.v[0].path, "/bin/a program");
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++) {
        assert_int_equal (proctable_add_line (&t, bad[i]), -1);
        assert_int_equal (errno, EINVAL);
    }
    assert_int_equal (t.count, 1);
    proctable_fini (&t);
    proctable_fini (&t);
}

/* This process may look like one, but no shell started it. */
static void who_is_no_task (void **state)
{
    struct proctable t = { NULL, 0 };

    setenv ("FLUX_URI", URI, 1);
    assert_int_equal (proctable_scan (&t, 5, URI), 0);
    assert_int_equal (t.count, 0);
    proctable_fini (&t);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (environments),
        cmocka_unit_test (lines),
        cmocka_unit_test (who_is_no_task),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
