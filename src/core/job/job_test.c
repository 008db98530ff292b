/* Names of jobs in the KVS, and what is refused before anything is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <flux/core.h>
#include <string.h>
#include <cmocka.h>

static void keys (void **state)
{
    char buf[64];

    assert_int_equal (flux_job_kvs_key (buf, sizeof (buf), 1, "R"), 25);
    assert_string_equal (buf, "job.0000.0000.0000.0001.R");
    assert_int_equal (flux_job_kvs_guest_key (buf, sizeof (buf), 1, NULL), 29);
    assert_string_equal (buf, "job.0000.0000.0000.0001.guest");
    assert_int_equal (flux_job_kvs_namespace (buf, sizeof (buf), 12), 6);
    assert_string_equal (buf, "job-12");
}

static void room (void **state)
{
    static const int sizes[] = { 0, 1, 6 };
    char buf[64];

    for (size_t i = 0; i < sizeof (sizes) / sizeof (sizes[0]); i++) {
        memset (buf, 'x', sizeof (buf));
        assert_int_equal (flux_job_kvs_key (buf, sizes[i], 1, NULL), -1);
        assert_int_equal (errno, EOVERFLOW);
        assert_int_equal (flux_job_kvs_namespace (buf, sizes[i], 12), -1);
        assert_int_equal (errno, EOVERFLOW);
        assert_int_equal (buf[sizes[i]], 'x');
    }
    assert_int_equal (flux_job_kvs_key (buf, -1, 1, NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_job_kvs_namespace (buf, -1, 1), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_job_kvs_namespace (NULL, 9, 1), -1);
    assert_int_equal (errno, EINVAL);
}

static void time_left (void **state)
{
    flux_error_t error;
    double left;

    assert_int_equal (flux_job_timeleft (NULL, &error, &left), -1);
    assert_int_equal (errno, EINVAL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (keys),
        cmocka_unit_test (room),
        cmocka_unit_test (time_left),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
