#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/routing/topology.h"

static void check_consistent (struct topology *t)
{
    int size = topology_size (t);
    int seen = 0;

    for (int r = 0; r < size; r++) {
        for (int i = 0; i < topology_child_count (t, r); i++) {
            int c = topology_child (t, r, i);

            assert_int_equal (topology_parent (t, c), r);
            assert_int_equal (topology_level (t, c), topology_level (t, r) + 1);
            assert_int_equal (topology_next_hop (t, r, c), c);
            seen++;
        }
    }
    assert_int_equal (seen, size - 1);
    assert_int_equal (topology_descendants (t, 0), size - 1);
    for (int r = 1; r < size; r++) {
        int hop = 0;

        while (hop != r) {
            hop = topology_next_hop (t, hop, r);
            assert_true (hop > 0);
        }
        assert_int_equal (topology_next_hop (t, r, 0), TOPOLOGY_NONE);
    }
}

static void test_kinds (void **state)
{
    const char *uris[] = { "kary:0",  "kary:1",    "kary:2",  "kary:32",
                           "mincrit", "mincrit:3", "binomial" };
    int sizes[] = { 1, 2, 3, 4, 16, 65, 1500 };

    for (size_t i = 0; i < sizeof (uris) / sizeof (uris[0]); i++) {
        for (size_t j = 0; j < sizeof (sizes) / sizeof (sizes[0]); j++) {
            struct topology *t = topology_create (uris[i], sizes[j], NULL);

            assert_non_null (t);
            check_consistent (t);
            if (strncmp (uris[i], "mincrit", 7) == 0)
                assert_true (topology_maxlevel (t) <= 2);
            topology_destroy (t);
        }
    }
}

static void test_kary (void **state)
{
    struct topology *t = topology_create ("kary:2", 8, NULL);
    struct idset *ids;
    char *s;

    assert_int_equal (topology_parent (t, 0), TOPOLOGY_NONE);
    assert_int_equal (topology_parent (t, 7), 3);
    assert_int_equal (topology_maxlevel (t), 3);
    assert_int_equal (topology_descendants (t, 1), 3);
    assert_int_equal (topology_next_hop (t, 0, 7), 1);
    assert_int_equal (topology_next_hop (t, 2, 7), TOPOLOGY_NONE);
    ids = topology_subtree (t, 1);
    s = idset_encode (ids, IDSET_FLAG_RANGE);
    assert_string_equal (s, "1,3-4,7");
    free (s);
    idset_destroy (ids);
    ids = topology_internal (t);
    s = idset_encode (ids, IDSET_FLAG_RANGE);
    assert_string_equal (s, "0-3");
    free (s);
    idset_destroy (ids);
    topology_destroy (t);
}

static void test_bad (void **state)
{
    const char *uris[] = { "",        "kary",       "kary:", "kary:x",
                           "kary:-1", "binomial:2", "star",  "karyx:2" };
    int cycle[] = { -1, 2, 1 };
    int self[] = { -1, 1 };
    int beyond[] = { -1, 9 };
    flux_error_t error;

    for (size_t i = 0; i < sizeof (uris) / sizeof (uris[0]); i++) {
        error.text[0] = '\0';
        assert_null (topology_create (uris[i], 4, &error));
        assert_true (error.text[0] != '\0');
    }
    assert_null (topology_create ("kary:2", 0, &error));
    assert_null (topology_create_custom (cycle, 3, &error));
    assert_null (topology_create_custom (self, 2, &error));
    assert_null (topology_create_custom (beyond, 2, &error));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_kinds),
        cmocka_unit_test (test_kary),
        cmocka_unit_test (test_bad),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
