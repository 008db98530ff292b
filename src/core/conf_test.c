#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <flux/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json/sweep.h"

static void text_is_merged (void **state)
{
    flux_conf_t *conf = flux_conf_pack ("{s:{s:i s:i}}", "a", "x", 1, "y", 2);
    flux_error_t error;
    int x, y, z;

    assert_int_equal (flux_conf_update (conf, "[a]\ny = 3\n[b]\nz = 4\n", &error), 0);
    assert_int_equal (flux_conf_unpack (conf, &error, "{s:{s:i s:i} s:{s:i}}", "a", "x",
                                        &x, "y", &y, "b", "z", &z),
                      0);
    assert_int_equal (x, 1);
    assert_int_equal (y, 3);
    assert_int_equal (z, 4);
    assert_int_equal (flux_conf_update (conf, "{\"a\":{\"x\":9}}", &error), 0);
    flux_conf_unpack (conf, NULL, "{s:{s:i}}", "a", "x", &x);
    assert_int_equal (x, 9);
    flux_conf_decref (conf);
}

static void bad_text_changes_nothing (void **state)
{
    flux_conf_t *conf = flux_conf_pack ("{s:i}", "a", 1);
    flux_error_t error;
    int a = 0;

    assert_int_equal (flux_conf_update (conf, "b = 2\nc =\n", &error), -1);
    assert_non_null (strstr (error.text, "line 2"));
    assert_int_equal (flux_conf_update (conf, "[1,2]", &error), -1);
    assert_int_equal (flux_conf_update (conf, NULL, &error), -1);
    assert_int_equal (flux_conf_update (NULL, "a = 1", &error), -1);
    assert_int_equal (flux_conf_unpack (conf, NULL, "{s:i !}", "a", &a), 0);
    assert_int_equal (a, 1);
    flux_conf_decref (conf);
}

static flux_conf_t *vpack (const char *fmt, ...)
{
    flux_conf_t *conf;
    va_list ap;

    va_start (ap, fmt);
    conf = flux_conf_vpack (fmt, ap);
    va_end (ap);
    return conf;
}

static int vunpack (flux_conf_t *conf, flux_error_t *error, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_conf_vunpack (conf, error, fmt, ap);
    va_end (ap);
    return rc;
}

static void lists_of_arguments_do_as_well (void **state)
{
    flux_conf_t *conf = vpack ("{s:s}", "k", "v");
    flux_error_t error;
    const char *s = NULL;

    assert_int_equal (vunpack (conf, &error, "{s:s}", "k", &s), 0);
    assert_string_equal (s, "v");
    assert_int_equal (vunpack (conf, &error, "{s:i}", "k", NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_true (error.text[0] != '\0');
    assert_int_equal (vunpack (conf, &error, NULL), -1);
    assert_null (vpack ("[i]", 1));
    assert_null (vpack (NULL));
    flux_conf_decref (conf);
}

static int pack_and_copy (void)
{
    flux_conf_t *conf = flux_conf_pack ("{s:{s:[s]}}", "a", "b", "c");
    flux_conf_t *copy = conf ? flux_conf_copy (conf) : NULL;
    int saved = errno;

    flux_conf_decref (conf);
    flux_conf_decref (copy);
    errno = saved;
    return copy ? 0 : -1;
}

static int update (void)
{
    flux_conf_t *conf = flux_conf_create ();
    flux_error_t error;
    int rc = conf ? flux_conf_update (conf, "{\"a\":{\"x\":[9]}}", &error) : -1;
    int saved = errno;

    if (conf && rc < 0 && saved == ENOMEM)
        assert_string_equal (error.text, "out of memory");
    flux_conf_decref (conf);
    errno = saved;
    return rc;
}

static void no_memory_is_said (void **state)
{
    assert_in_range (json_sweep (pack_and_copy), 5, 100);
    assert_in_range (json_sweep (update), 5, 100);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (text_is_merged),
        cmocka_unit_test (bad_text_changes_nothing),
        cmocka_unit_test (lists_of_arguments_do_as_well),
        cmocka_unit_test (no_memory_is_said),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
