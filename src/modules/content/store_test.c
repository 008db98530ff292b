#include "base/test.h"

#include "store.h"

#include <string.h>

static const unsigned char *digest (int n)
{
    static unsigned char d[4][20];
    static int i;
    unsigned char *p = d[i++ % 4];

    memset (p, 0, 20);
    p[19] = n; /* all in one chain */
    return p;
}

static void test_states (void **state)
{
    struct store s;
    struct blob *b;

    assert_int_equal (store_init (&s, 20, 1 << 20, 1 << 20, NULL), 0);
    assert_null (store_lookup (&s, digest (1)));
    store_keep (&s, digest (1), (struct bytes_of){ "one", 3, NULL });
    store_clean (&s, digest (2), (struct bytes_of){ "two", 3, NULL });
    store_ref (&s, digest (3), (struct bytes_of){ "three", 5, NULL });
    assert_int_equal (s.count[BLOB_DIRTY], 2);
    assert_string_equal (store_lookup (&s, digest (3))->data, "three");
    b = store_begin (&s);
    assert_string_equal (b->data, "one");
    store_finish (&s, digest (1), true);
    assert_int_equal (store_lookup (&s, digest (1))->state, BLOB_CLEAN);
    store_drop_clean (&s);
    assert_null (store_lookup (&s, digest (1)));
    assert_non_null (store_lookup (&s, digest (3)));
    store_fini (&s);
}

/* What is superseded before it was written never is, unless others want it. */
static void test_supersede (void **state)
{
    struct store s;

    assert_int_equal (store_init (&s, 20, 1 << 20, 1 << 20, NULL), 0);
    store_ref (&s, digest (1), (struct bytes_of){ "one", 3, NULL });
    store_ref (&s, digest (1), (struct bytes_of){ "one", 3, NULL });
    store_ref (&s, digest (2), (struct bytes_of){ "two", 3, NULL });
    store_keep (&s, digest (3), (struct bytes_of){ "three", 5, NULL });
    store_unref (&s, digest (1));
    store_unref (&s, digest (2));
    store_unref (&s, digest (3));
    assert_int_equal (s.count[BLOB_STALE], 1);
    assert_string_equal (store_lookup (&s, digest (2))->data, "two");
    assert_string_equal (store_begin (&s)->data, "one");
    assert_string_equal (store_begin (&s)->data, "three");
    assert_null (store_begin (&s));
    store_finish (&s, digest (1), false); /* failed: dirty again */
    assert_string_equal (store_begin (&s)->data, "one");
    /* It comes back. */
    store_ref (&s, digest (2), (struct bytes_of){ "two", 3, NULL });
    assert_int_equal (s.count[BLOB_STALE], 0);
    store_unref (&s, digest (2));
    assert_int_equal (s.count[BLOB_STALE], 1);
    store_pin (&s);
    assert_string_equal (store_begin (&s)->data, "two");
    store_fini (&s);
}

static void test_bounds (void **state)
{
    struct store s;
    char data[1000] = { 0 };

    assert_int_equal (store_init (&s, 20, 10000, 10000, NULL), 0);
    for (int i = 0; i < 100; i++) {
        store_clean (&s, digest (i), (struct bytes_of){ data, sizeof (data), NULL });
        store_ref (&s, digest (100 + i),
                   (struct bytes_of){ data, sizeof (data), NULL });
        store_unref (&s, digest (100 + i));
    }
    assert_true (s.bytes[BLOB_STALE] <= 10000);
    store_tick (&s, 10, 10);
    assert_true (s.bytes[BLOB_CLEAN] <= 10000);
    for (int i = 0; i < 20; i++)
        store_tick (&s, 10, 10);
    assert_int_equal (s.count[BLOB_CLEAN] + s.count[BLOB_STALE], 0);
    store_fini (&s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_states),
        cmocka_unit_test (test_supersede),
        cmocka_unit_test (test_bounds),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
