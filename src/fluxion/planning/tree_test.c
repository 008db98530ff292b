/* Sets and maxima over places: at the ends of words and blocks, of every level. */
#include "base/test.h"
#include "fluxion/planning/tree.h"

#include <stdint.h>

/* A word is 64 places; a word of the next level 4,096, of the one after that 262,144. */
static void bitmap_ends (void **state)
{
    static const uint32_t places[] = { 0, 63, 64, 4095, 4096, 262143, 262144, 299999 };
    const uint32_t n = 300000;
    struct bitmap b;

    assert_int_equal (bitmap_init (&b, n), 0);
    assert_int_equal (bitmap_next (&b, 0, n), NOWHERE);
    for (int i = 0; i < 8; i++)
        bitmap_set (&b, places[i]);
    bitmap_set (&b, 63); /* twice is once */
    for (int i = 0; i < 8; i++) {
        assert_int_equal (bitmap_next (&b, places[i], n), places[i]);
        uint32_t next = i < 7 ? places[i + 1] : NOWHERE;
        assert_int_equal (bitmap_next (&b, places[i] + 1, n), next);
    }
    assert_int_equal (bitmap_next (&b, n, n), NOWHERE);
    assert_int_equal (bitmap_next (&b, UINT32_MAX, n), NOWHERE);
    bitmap_clear (&b, 64); /* the last of its word, */
    assert_int_equal (bitmap_next (&b, 64, n), 4095);
    bitmap_clear (&b, 262143); /* of two levels, */
    assert_int_equal (bitmap_next (&b, 4097, n), 262144);
    bitmap_clear (&b, 262144); /* and one of two */
    assert_int_equal (bitmap_next (&b, 4097, n), 299999);
    bitmap_clear (&b, 299999);
    assert_int_equal (bitmap_next (&b, 4097, n), NOWHERE);
    bitmap_clear (&b, 299999);
    assert_int_equal (bitmap_next (&b, 0, n), 0);
    bitmap_fini (&b);
}

static void small_bitmaps (void **state)
{
    static const uint32_t sizes[] = { 0, 1, 64, 65 };

    for (int i = 0; i < 4; i++) {
        uint32_t n = sizes[i];
        struct bitmap b;
        assert_int_equal (bitmap_init (&b, n), 0);
        assert_int_equal (bitmap_next (&b, 0, n), NOWHERE);
        if (n > 0) {
            bitmap_set (&b, n - 1);
            assert_int_equal (bitmap_next (&b, 0, n), n - 1);
        }
        bitmap_fini (&b);
        bitmap_fini (&b);
    }
}

/* Blocks are of 16, and of those 16 again: 300 entries are three levels. */
static void maxima (void **state)
{
    struct maxtree t;

    assert_int_equal (maxtree_init (&t, 300), 0);
    assert_int_equal (maxtree_max (&t), 0);
    assert_int_equal (maxtree_next (&t, 299, 0), 299);
    assert_int_equal (maxtree_next (&t, 0, 1), NOWHERE);
    maxtree_set (&t, 15, 5);
    maxtree_set (&t, 16, 7);
    maxtree_set (&t, 255, 6);
    maxtree_set (&t, 256, 6);
    maxtree_set (&t, 299, 9);
    assert_int_equal (maxtree_max (&t), 9);
    assert_int_equal (maxtree_next (&t, 0, 5), 15);
    assert_int_equal (maxtree_next (&t, 0, 6), 16);
    assert_int_equal (maxtree_next (&t, 17, 5), 255);
    assert_int_equal (maxtree_next (&t, 256, 5), 256);
    assert_int_equal (maxtree_next (&t, 257, 5), 299);
    assert_int_equal (maxtree_next (&t, 0, 8), 299);
    assert_int_equal (maxtree_next (&t, 0, 10), NOWHERE);
    assert_int_equal (maxtree_next (&t, 300, 0), NOWHERE);
    /* The greatest becomes less: the next one is. */
    maxtree_set (&t, 299, 1);
    assert_int_equal (maxtree_max (&t), 7);
    maxtree_set (&t, 16, INT64_MIN);
    assert_int_equal (maxtree_max (&t), 6);
    assert_int_equal (maxtree_next (&t, 16, 5), 255);
    maxtree_fini (&t);
}

/* Where all is less than nothing, nothing is not among it. */
static void negative_maxima (void **state)
{
    struct maxtree t;

    assert_int_equal (maxtree_init (&t, 17), 0);
    for (uint32_t i = 0; i < 17; i++)
        maxtree_set (&t, i, -100 - (int64_t)i);
    assert_int_equal (maxtree_max (&t), -100);
    assert_int_equal (maxtree_next (&t, 0, -99), NOWHERE);
    maxtree_set (&t, 0, INT64_MIN);
    assert_int_equal (maxtree_max (&t), -101);
    assert_int_equal (maxtree_next (&t, 0, -116), 1);
    assert_int_equal (maxtree_next (&t, 16, -116), 16);
    maxtree_fini (&t);
    assert_int_equal (maxtree_init (&t, 0), 0);
    assert_true (maxtree_max (&t) == INT64_MIN);
    assert_int_equal (maxtree_next (&t, 0, INT64_MIN), NOWHERE);
    maxtree_fini (&t);
    assert_int_equal (maxtree_init (&t, 1), 0);
    maxtree_set (&t, 0, -1);
    assert_int_equal (maxtree_max (&t), -1);
    maxtree_fini (&t);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (bitmap_ends),
        cmocka_unit_test (small_bitmaps),
        cmocka_unit_test (maxima),
        cmocka_unit_test (negative_maxima),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
