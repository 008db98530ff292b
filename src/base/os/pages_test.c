#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/pages.h"

static void large_blocks_lie_on_huge_pages (void **state)
{
    char *p = pages_alloc (3 * PAGES_HUGE + 5);

    assert_non_null (p);
    assert_int_equal ((uintptr_t)p % PAGES_HUGE, 0);
    memset (p, 1, 3 * PAGES_HUGE + 5);
    free (p);
}

static void what_was_used_is_kept (void **state)
{
    static const size_t sizes[] = {
        10, 1000, PAGES_HUGE, PAGES_HUGE + 1, 5 * PAGES_HUGE, PAGES_HUGE, 500
    };
    char *p = pages_alloc (0);
    size_t used = 0;

    for (size_t i = 0; i < sizeof (sizes) / sizeof (sizes[0]); i++) {
        used = used < sizes[i] ? used : sizes[i];
        assert_non_null (p = pages_realloc (p, used, sizes[i]));
        for (size_t j = 0; j < used; j++)
            assert_int_equal ((unsigned char)p[j], j % 251);
        for (; used < sizes[i]; used++)
            p[used] = used % 251;
    }
    free (p);
}

static void failure_keeps_the_block (void **state)
{
    char *p = pages_alloc (4);

    strcpy (p, "abc");
    assert_null (pages_alloc (SIZE_MAX / 2));
    assert_null (pages_realloc (p, 4, SIZE_MAX / 2));
    assert_string_equal (p, "abc");
    free (p);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (large_blocks_lie_on_huge_pages),
        cmocka_unit_test (what_was_used_is_kept),
        cmocka_unit_test (failure_keeps_the_block),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
