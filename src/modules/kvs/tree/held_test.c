#include "base/test.h"

#include "held.h"

#include <stdio.h>
#include <string.h>

static char roots[65536];

static int note (void *arg, const char *rootref)
{
    strcat (strcat (roots, rootref), " ");
    return arg ? -1 : 0;
}

static const char *all (struct kvs_held *h, double now)
{
    roots[0] = '\0';
    kvs_held_foreach (h, now, note, NULL);
    return roots;
}

static int count (struct kvs_held *h, double now)
{
    int n = 0;

    for (const char *s = all (h, now); *s; s++)
        n += *s == ' ';
    return n;
}

static void test_lease (void **state)
{
    struct kvs_held *h = kvs_held_create ();

    kvs_held_add (h, "a", NULL, 0.);
    kvs_held_add (h, "b", NULL, 1.);
    assert_string_equal (all (h, 59.), "a b ");
    assert_string_equal (all (h, 60.5), "b ");
    kvs_held_add (h, "b", NULL, 60.5); /* longer */
    assert_string_equal (all (h, 120.), "b ");
    assert_string_equal (all (h, 121.), "");
    kvs_held_destroy (h);
}

static void test_owner (void **state)
{
    struct kvs_held *h = kvs_held_create ();

    kvs_held_add (h, "a", "x", 0.);
    kvs_held_add (h, "a", "y", 0.);
    kvs_held_add (h, "b", "y", 0.);
    kvs_held_add (h, "b", "y", 1.);
    assert_string_equal (all (h, 1e6), "a a b ");
    kvs_held_release (h, "y", 1e6);
    assert_string_equal (all (h, 1e6 + 59.), "a a b ");
    assert_string_equal (all (h, 1e6 + 61.), "a ");
    kvs_held_release (h, "z", 2e6);
    kvs_held_release (h, "x", 2e6);
    assert_string_equal (all (h, 3e6), "");
    kvs_held_destroy (h);
}

/* What is beyond the bounds of a connection has the lease of all. */
static void test_bounds (void **state)
{
    struct kvs_held *h = kvs_held_create ();
    char ref[32], sender[32];

    for (int i = 0; i < 2 * HELD_EACH; i++) {
        snprintf (ref, sizeof (ref), "r%d", i);
        kvs_held_add (h, ref, "x", 0.);
    }
    assert_int_equal (count (h, 0.), 2 * HELD_EACH);
    assert_int_equal (count (h, 61.), HELD_EACH);
    assert_string_equal (all (h, 61.), "r8 r9 r10 r11 r12 r13 r14 r15 ");
    for (int i = 0; i < HELD_MAX + 10; i++) {
        snprintf (sender, sizeof (sender), "s%d", i);
        kvs_held_add (h, "a", sender, 100.);
    }
    assert_int_equal (count (h, 161.), HELD_MAX);
    for (int i = 0; i < HELD_MAX + 10; i++) {
        snprintf (ref, sizeof (ref), "l%d", i);
        kvs_held_add (h, ref, NULL, 200.);
    }
    assert_int_equal (count (h, 201.), 2 * HELD_MAX);
    assert_int_equal (kvs_held_foreach (h, 201., note, h), -1);
    kvs_held_destroy (h);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_lease),
        cmocka_unit_test (test_owner),
        cmocka_unit_test (test_bounds),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
