#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/attrs.h"

static int refuse (const char *name, const char *val, void *arg, flux_error_t *error)
{
    snprintf (error->text, sizeof (error->text), "%s: no", name);
    errno = EINVAL;
    return -1;
}

static void test_set (void **state)
{
    struct attrs *a = attrs_create ();
    flux_error_t error;
    const char *val;
    int flags;

    assert_int_equal (attrs_put (a, "rank", "0", -1), 0);
    assert_int_equal (attrs_set (a, "nosuch", "1", false, &error), -1);
    assert_int_equal (errno, ENOENT);
    assert_string_equal (error.text, "unknown attribute");
    assert_int_equal (attrs_set (a, "rank", "3", true, &error), -1);
    assert_int_equal (errno, EPERM);
    assert_string_equal (error.text, "attribute may not be updated");
    assert_int_equal (attrs_set (a, "log-stderr-level", "4", false, &error), 0);
    assert_string_equal (attrs_val (a, "log-stderr-level"), "4");
    assert_int_equal (attrs_set (a, "log-level", "x", false, &error), -1);
    assert_string_equal (error.text, "log-level: 'x' is not a number");
    assert_int_equal (attrs_set (a, "rundir-cleanup", "1", false, &error), -1);
    assert_int_equal (attrs_get (a, "rank", &val, &flags), 0);
    assert_true (flags & ATTR_IMMUTABLE);
    assert_string_equal (val, "0");
    assert_int_equal (attrs_put (a, "parent-uri", NULL, -1), 0);
    assert_int_equal (attrs_get (a, "parent-uri", &val, NULL), 0);
    assert_null (val);
    assert_int_equal (attrs_get (a, "nosuch", &val, NULL), -1);
    attrs_on_set (a, "log-level", refuse, NULL);
    assert_int_equal (attrs_set (a, "log-level", "1", false, &error), -1);
    assert_string_equal (error.text, "log-level: no");
    attrs_destroy (a);
}

static void test_boot (void **state)
{
    struct attrs *a = attrs_create ();
    flux_error_t error;

    assert_int_equal (attrs_set_boot (a, "nosuch", "1", &error), -1);
    assert_string_equal (error.text, "nosuch: unknown attribute");
    assert_int_equal (attrs_set_boot (a, "rank", "1", &error), -1);
    assert_int_equal (attrs_set_boot (a, "tbon.topo", "kary:2", &error), 0);
    assert_string_equal (attrs_val (a, "tbon.topo"), "kary:2");
    assert_int_equal (attrs_set_boot (a, "tbon.torpid_max", "soon", &error), -1);
    assert_int_equal (attrs_set_boot (a, "test.foo", "x", &error), 0);
    assert_int_equal (attrs_set (a, "test.foo", "y", false, &error), 0);
    assert_int_equal (attrs_remove (a, "test.foo", &error), 0);
    assert_int_equal (attrs_remove (a, "test.foo", &error), -1);
    assert_int_equal (attrs_remove (a, "tbon.topo", &error), -1);
    attrs_destroy (a);
}

static void test_list (void **state)
{
    struct attrs *a = attrs_create ();
    const char *name, *last = "";
    size_t pos = 0;
    int count = 0;

    while (attrs_next (a, &pos, &name, NULL, NULL)) {
        assert_true (strcmp (last, name) < 0);
        last = name;
        count++;
    }
    assert_true (count > 20);
    attrs_destroy (a);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_set),
        cmocka_unit_test (test_boot),
        cmocka_unit_test (test_list),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
