/* How sets of ids and lists of hosts fail. */
#include "api.h"

#include <flux/hostlist.h>
#include <flux/idset.h>

static void idsets (void **state)
{
    struct idset *fixed = idset_create (10, 0), *grows, *full;
    unsigned int id;

    assert_non_null (grows = idset_create (0, IDSET_FLAG_AUTOGROW));
    assert_non_null (full = idset_create (2, IDSET_FLAG_INITFULL));
    NULLS (idset_create, EINVAL, idset_create (10, 0x1000));
    NULLS (idset_create, ERANGE, idset_create ((size_t)1 << 40, 0));
    NO_MEMORY (idset_create, idset_create (10, 0), idset_destroy (made));
    NULLS (idset_copy, EINVAL, idset_copy (NULL));
    assert_int_equal (idset_set (fixed, 5), 0);
    NO_MEMORY (idset_copy, idset_copy (fixed), idset_destroy (made));
    FAILS (idset_set, EINVAL, idset_set (NULL, 1));
    FAILS (idset_set, EINVAL, idset_set (fixed, 10));
    FAILS (idset_set, EINVAL, idset_set (grows, IDSET_INVALID_ID));
    FAILS (idset_set, ERANGE, idset_set (grows, IDSET_MAX_UNIVERSE));
    FAILS (idset_range_set, ERANGE, idset_range_set (grows, 1, IDSET_MAX_UNIVERSE));
    FAILS (idset_range_set, EINVAL, idset_range_set (NULL, 1, 2));
    FAILS (idset_range_set, EINVAL, idset_range_set (fixed, 8, 10));
    FAILS (idset_clear, EINVAL, idset_clear (NULL, 1));
    FAILS (idset_clear, EINVAL, idset_clear (fixed, IDSET_INVALID_ID));
    FAILS (idset_range_clear, EINVAL, idset_range_clear (NULL, 1, 2));
    MEMORY (idset_set, idset_set (grows, 5000), );
    MEMORY (idset_range_set, idset_range_set (grows, 100000, 150000), );
    assert_false (idset_test (NULL, 1));
    assert_int_equal (idset_first (NULL), IDSET_INVALID_ID);
    assert_int_equal (idset_next (NULL, 1), IDSET_INVALID_ID);
    assert_int_equal (idset_last (NULL), IDSET_INVALID_ID);
    assert_int_equal (idset_prev (NULL, 1), IDSET_INVALID_ID);
    assert_int_equal (idset_count (NULL), 0);
    assert_int_equal (idset_universe_size (NULL), 0);
    assert_true (idset_empty (NULL));
    NULLS (idset_encode, EINVAL, idset_encode (NULL, 0));
    NO_MEMORY (idset_encode, idset_encode (fixed, 0), free (made));
    NULLS (idset_decode, EINVAL, idset_decode (NULL));
    NULLS (idset_decode, EINVAL, idset_decode ("1-"));
    NO_MEMORY (idset_decode, idset_decode ("1-3"), idset_destroy (made));
    NULLS (idset_ndecode, EINVAL, idset_ndecode (NULL, 1));
    NULLS (idset_ndecode, EINVAL, idset_ndecode ("1-x", 3));
    NULLS (idset_union, EINVAL, idset_union (NULL, NULL));
    NO_MEMORY (idset_union, idset_union (fixed, full), idset_destroy (made));
    NULLS (idset_difference, EINVAL, idset_difference (NULL, fixed));
    NO_MEMORY (idset_difference, idset_difference (fixed, full), idset_destroy (made));
    NULLS (idset_intersect, EINVAL, idset_intersect (NULL, fixed));
    NULLS (idset_intersect, EINVAL, idset_intersect (fixed, NULL));
    NO_MEMORY (idset_intersect, idset_intersect (fixed, full), idset_destroy (made));
    FAILS (idset_add, EINVAL, idset_add (NULL, fixed));
    FAILS (idset_subtract, EINVAL, idset_subtract (NULL, fixed));
    assert_false (idset_has_intersection (NULL, NULL));
    FAILS (idset_alloc, EINVAL, idset_alloc (NULL, &id));
    FAILS (idset_alloc, EINVAL, idset_alloc (fixed, &id)); /* it has no INITFULL */
    FAILS (idset_free_check, EINVAL, idset_free_check (NULL, 1));
    FAILS (idset_free_check, EEXIST, idset_free_check (full, 1));
    assert_int_equal (idset_alloc (full, &id), 0);
    assert_int_equal (idset_free_check (full, id), 0);
    idset_destroy (fixed);
    idset_destroy (grows);
    idset_destroy (full);
}

static void hostlists (void **state)
{
    struct hostlist *hl = hostlist_decode ("h[0-3]");

    assert_non_null (hl);
    NO_MEMORY (hostlist_create, hostlist_create (), hostlist_destroy (made));
    NULLS (hostlist_decode, EINVAL, hostlist_decode (NULL));
    NULLS (hostlist_decode, EINVAL, hostlist_decode ("h[1-"));
    NULLS (hostlist_decode, ERANGE, hostlist_decode ("h[0-99999999]"));
    NO_MEMORY (hostlist_decode, hostlist_decode ("h[0-3]"), hostlist_destroy (made));
    NULLS (hostlist_encode, EINVAL, hostlist_encode (NULL));
    NO_MEMORY (hostlist_encode, hostlist_encode (hl), free (made));
    NULLS (hostlist_copy, EINVAL, hostlist_copy (NULL));
    NO_MEMORY (hostlist_copy, hostlist_copy (hl), hostlist_destroy (made));
    FAILS (hostlist_append, EINVAL, hostlist_append (NULL, "a"));
    FAILS (hostlist_append, EINVAL, hostlist_append (hl, NULL));
    FAILS (hostlist_append, EINVAL, hostlist_append (hl, "h[1-"));
    FAILS (hostlist_append, ERANGE, hostlist_append (hl, "h[0-99999999]"));
    MEMORY (hostlist_append, hostlist_append (hl, "x[1-100]"), );
    FAILS (hostlist_append_list, EINVAL, hostlist_append_list (NULL, hl));
    FAILS (hostlist_append_list, EINVAL, hostlist_append_list (hl, NULL));
    NULLS (hostlist_nth, EINVAL, hostlist_nth (NULL, 0));
    NULLS (hostlist_nth, ENOENT, hostlist_nth (hl, 1000));
    FAILS (hostlist_find, EINVAL, hostlist_find (NULL, "a"));
    FAILS (hostlist_find, EINVAL, hostlist_find (hl, NULL));
    FAILS (hostlist_find, ENOENT, hostlist_find (hl, "nosuch"));
    FAILS (hostlist_delete, EINVAL, hostlist_delete (NULL, "a"));
    FAILS (hostlist_delete, EINVAL, hostlist_delete (hl, NULL));
    FAILS (hostlist_delete, EINVAL, hostlist_delete (hl, "h[1-"));
    NULLS (hostlist_first, EINVAL, hostlist_first (NULL));
    NULLS (hostlist_last, EINVAL, hostlist_last (NULL));
    NULLS (hostlist_next, EINVAL, hostlist_next (NULL));
    NULLS (hostlist_current, EINVAL, hostlist_current (NULL));
    FAILS (hostlist_remove_current, EINVAL, hostlist_remove_current (NULL));
    assert_int_equal (hostlist_count (NULL), 0);
    hostlist_destroy (hl);
}

int main (void)
{
    const struct CMUnitTest tests[] = { ROWS (idsets), ROWS (hostlists) };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
