/* What a reader holds of the environment stays as it was, whatever is changed. */
#include "base/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/service/environment.h"

static void set (const char *name, const char *value)
{
    assert_int_equal (environment_set (name, value), 0);
}

static void values (void **state)
{
    size_t before;

    set ("ENV_A", "1");
    set ("ENV_AB", "");
    assert_string_equal (getenv ("ENV_A"), "1");
    assert_string_equal (getenv ("ENV_AB"), "");
    assert_null (getenv ("ENV_"));
    before = environment_size ();
    set ("ENV_A", "22");
    assert_string_equal (getenv ("ENV_A"), "22");
    assert_int_equal (environment_size (), before + 1);
    set ("ENV_A", NULL);
    set ("ENV_A", NULL);
    assert_null (getenv ("ENV_A"));
    assert_string_equal (getenv ("ENV_AB"), "");
    assert_int_equal (environment_size (),
                      before - strlen ("ENV_A=1") - 1 - sizeof (char *));
}

/* Memory that was freed has other contents soon. */
static void dirty (size_t size)
{
    void *p[64];

    for (int i = 0; i < 64; i++)
        memset (p[i] = malloc (size), 0xa5, size);
    for (int i = 0; i < 64; i++)
        free (p[i]);
}

/* A reader that has got as far as some entry, and is stopped there. */
static void readers (void **state)
{
    char name[32], **list, *first, **last, *entry;
    const char *value;
    size_t n = 0;

    set ("ENV_LAST", "x");
    value = getenv ("ENV_LAST");
    list = environ;
    first = list[0];
    for (last = list; last[1]; last++)
        n++;
    entry = *last;
    for (int i = 0; i < 500; i++) {
        snprintf (name, sizeof (name), "ENV_%d", i);
        set (name, "y");
        dirty ((n + i) * sizeof (char *));
    }
    assert_ptr_equal (list[0], first);
    assert_ptr_equal (*last, entry);
    set ("ENV_LAST", "z");
    set (name, NULL);
    set ("ENV_3", NULL);
    dirty (sizeof ("ENV_LAST=x"));
    assert_string_equal (value, "x");
    assert_string_equal (entry, "ENV_LAST=x");
    for (n = 0; list[n];)
        n++; /* it has an end */
    assert_true (n >= (size_t)(last - list));
    assert_string_equal (getenv ("ENV_LAST"), "z");
    assert_string_equal (getenv ("ENV_498"), "y");
    assert_null (getenv ("ENV_499"));
}

/* Who changed it otherwise, before there were readers, is seen. */
static void others (void **state)
{
    assert_int_equal (setenv ("ENV_OTHER", "1", 1), 0);
    assert_int_equal (setenv ("ENV_AB", "other", 1), 0);
    set ("ENV_MINE", "2");
    assert_string_equal (getenv ("ENV_OTHER"), "1");
    assert_string_equal (getenv ("ENV_AB"), "other");
    assert_string_equal (getenv ("ENV_MINE"), "2");
    set ("ENV_OTHER", NULL);
    assert_null (getenv ("ENV_OTHER"));
}

/* As often as it likes the same; but not for ever another. */
static void bound (void **state)
{
    static char text[60000];
    int i, rc = 0;

    memset (text, 'x', sizeof (text) - 1);
    for (i = 0; i < 10000; i++)
        set ("ENV_A", "same");
    for (i = 0; i < 1000 && rc == 0; i++) {
        text[0] = 'a' + i % 2;
        rc = environment_set ("ENV_A", text);
    }
    assert_int_equal (rc, -1);
    assert_int_equal (errno, ENOSPC);
    assert_true (i > 250 && i < 300);
    set ("ENV_A", getenv ("ENV_A"));
    assert_int_equal (environment_set ("ENV_A", NULL), -1);
    assert_non_null (getenv ("ENV_A"));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (values),
        cmocka_unit_test (readers),
        cmocka_unit_test (others),
        cmocka_unit_test (bound),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
