#include "base/error.h"
#include "base/test.h"

#include <errno.h>
#include <string.h>

static void test_error (void **state)
{
    flux_error_t error;
    char longer[2 * sizeof (error.text)];

    errno = 0;
    assert_int_equal (error_fail (&error, ENOENT, "%s: %d", "a", 1), -1);
    assert_int_equal (errno, ENOENT);
    assert_string_equal (error.text, "a: 1");
    assert_int_equal (error_invalid (&error, "b"), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (error.text, "b");
    assert_null (error_null (&error, ENOMEM, "c%c", 'd'));
    assert_int_equal (errno, ENOMEM);
    assert_string_equal (error.text, "cd");
    error_text (&error, "e");
    assert_int_equal (errno, ENOMEM);
    assert_string_equal (error.text, "e");
    /* who does not want the text still gets the rest */
    assert_int_equal (error_fail (NULL, EIO, "x"), -1);
    assert_int_equal (errno, EIO);
    assert_null (error_null (NULL, EPERM, "x"));
    assert_int_equal (errno, EPERM);
    assert_int_equal (error_invalid (NULL, "x"), -1);
    error_text (NULL, "x");
    assert_int_equal (errno, EINVAL);
    /* cut to its room */
    memset (longer, 'x', sizeof (longer) - 1);
    longer[sizeof (longer) - 1] = '\0';
    error_text (&error, "%s", longer);
    assert_int_equal (strlen (error.text), sizeof (error.text) - 1);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_error),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
