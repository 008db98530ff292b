#include "core/handle/matchtag.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int setup (void **state)
{
    *state = matchtags_create ();
    return *state ? 0 : -1;
}

static int teardown (void **state)
{
    matchtags_destroy (*state);
    return 0;
}

/* A tag is in use from its allocation until it is freed, whoever is bound to it. */
static void test_used (void **state)
{
    struct matchtags *m = *state;
    uint32_t tag;

    assert_false (matchtags_used (m, FLUX_MATCHTAG_NONE));
    assert_false (matchtags_used (m, 1));
    tag = matchtags_alloc (m);
    assert_int_not_equal (tag, FLUX_MATCHTAG_NONE);
    assert_true (matchtags_used (m, tag));
    assert_false (matchtags_used (m, FLUX_MATCHTAG_NONE));
    assert_false (matchtags_used (m, tag + 1));
    assert_int_equal (matchtags_avail (m), MATCHTAG_MAX - 1);
    matchtags_bind (m, tag, NULL, NULL);
    assert_true (matchtags_used (m, tag));
    matchtags_free (m, tag);
    assert_false (matchtags_used (m, tag));
    assert_int_equal (matchtags_avail (m), MATCHTAG_MAX);
}

/* Who comes late with a tag of before does not meet who has its slot now. */
static void test_generations (void **state)
{
    struct matchtags *m = *state;
    uint32_t first = matchtags_alloc (m);
    uint32_t tag = FLUX_MATCHTAG_NONE;

    matchtags_free (m, first);
    do {
        matchtags_free (m, tag);
        tag = matchtags_alloc (m);
        assert_int_not_equal (tag, first);
    } while ((tag & MATCHTAG_MAX) != (first & MATCHTAG_MAX));
    assert_true (matchtags_used (m, tag));
    assert_false (matchtags_used (m, first));
    matchtags_free (m, first);
    assert_true (matchtags_used (m, tag));
    assert_false (matchtags_used (m, tag | 0x80000000));
}

/* What a peer sends may be any number. */
static void test_any_number (void **state)
{
    struct matchtags *m = *state;
    uint32_t tag = matchtags_alloc (m);

    assert_false (matchtags_used (m, MATCHTAG_MAX));
    assert_false (matchtags_used (m, UINT32_MAX));
    assert_false (matchtags_deliver (m, UINT32_MAX, NULL));
    matchtags_free (m, UINT32_MAX);
    assert_true (matchtags_used (m, tag));
}

static void count (const flux_msg_t *response, void *arg)
{
    (void)response;
    ++*(int *)arg;
}

static void test_deliver (void **state)
{
    struct matchtags *m = *state;
    uint32_t tag = matchtags_alloc (m);
    int called = 0;

    assert_false (matchtags_deliver (m, tag, NULL));
    matchtags_bind (m, tag, count, &called);
    assert_true (matchtags_deliver (m, tag, NULL));
    assert_true (matchtags_deliver (m, tag, NULL));
    assert_int_equal (called, 2);
    matchtags_free (m, tag);
    assert_false (matchtags_deliver (m, tag, NULL));
    assert_int_equal (called, 2);
}

/* All of them, and then none more. */
static void test_all (void **state)
{
    struct matchtags *m = *state;
    uint32_t last = FLUX_MATCHTAG_NONE;
    uint32_t left = matchtags_avail (m);

    while (left--)
        last = matchtags_alloc (m);
    assert_true (matchtags_used (m, last));
    assert_int_equal (matchtags_avail (m), 0);
    errno = 0;
    assert_int_equal (matchtags_alloc (m), FLUX_MATCHTAG_NONE);
    assert_int_equal (errno, EBUSY);
    matchtags_free (m, last);
    assert_int_not_equal (matchtags_alloc (m), FLUX_MATCHTAG_NONE);
}

/* Whoever waits when all of it ends is told that nothing comes. */
static void test_end (void **state)
{
    struct matchtags *m = matchtags_create ();
    int called = 0;

    (void)state;
    assert_non_null (m);
    matchtags_bind (m, matchtags_alloc (m), count, &called);
    matchtags_alloc (m);
    matchtags_destroy (m);
    assert_int_equal (called, 1);
    matchtags_destroy (NULL);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (test_used, setup, teardown),
        cmocka_unit_test_setup_teardown (test_generations, setup, teardown),
        cmocka_unit_test_setup_teardown (test_any_number, setup, teardown),
        cmocka_unit_test_setup_teardown (test_deliver, setup, teardown),
        cmocka_unit_test_setup_teardown (test_all, setup, teardown),
        cmocka_unit_test (test_end),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
