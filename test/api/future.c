/* How calls on futures fail. */
#include "api.h"

static flux_reactor_t *r;

static void nothing (flux_future_t *f, void *arg)
{
}

static flux_future_t *create (void)
{
    flux_future_t *f = flux_future_create (NULL, NULL);

    assert_non_null (f);
    flux_future_set_reactor (f, r);
    return f;
}

static void results (void **state)
{
    flux_future_t *f = create (), *bare = flux_future_create (NULL, NULL);
    const void *result;

    NO_MEMORY (flux_future_create, flux_future_create (NULL, NULL),
               flux_future_destroy (made));
    FAILS (flux_future_then, EINVAL, flux_future_then (NULL, -1., nothing, NULL));
    FAILS (flux_future_then, EINVAL, flux_future_then (f, -1., NULL, NULL));
    FAILS (flux_future_then, EINVAL, flux_future_then (bare, -1., nothing, NULL));
    FIRST (flux_future_then, flux_future_then (f, 100., nothing, NULL), );
    FAILS (flux_future_then, EINVAL,
           flux_future_then (f, -1., nothing, NULL)); /* again */
    FAILS (flux_future_wait_for, EINVAL, flux_future_wait_for (NULL, 0.));
    FAILS (flux_future_wait_for, ETIMEDOUT, flux_future_wait_for (f, 0.));
    FAILS (flux_future_wait_for, ETIMEDOUT, flux_future_wait_for (f, 0.001));
    FAILS (flux_future_wait_for, EDEADLK, flux_future_wait_for (bare, -1.));
    FAILS (flux_future_get, EINVAL, flux_future_get (NULL, &result));
    FAILS (flux_future_get, EDEADLK, flux_future_get (bare, &result));
    flux_future_fulfill_error (bare, ENOTTY, NULL);
    FAILS (flux_future_get, ENOTTY, flux_future_get (bare, &result));
    assert_null (flux_future_error_string (NULL));
    assert_false (flux_future_has_error (NULL));
    flux_future_fulfill (f, NULL, NULL);
    assert_int_equal (flux_future_get (f, &result), 0);
    assert_int_equal (flux_future_wait_for (f, 0.), 0);
    flux_future_destroy (f);
    flux_future_destroy (bare);
}

static void makers (void **state)
{
    flux_future_t *f = create (), *p = create (), *q = create ();
    flux_future_t *bare = flux_future_create (NULL, NULL);

    FAILS (flux_future_fulfill_with, EINVAL, flux_future_fulfill_with (NULL, p));
    FAILS (flux_future_fulfill_with, EINVAL, flux_future_fulfill_with (f, NULL));
    FAILS (flux_future_fulfill_with, EINVAL, flux_future_fulfill_with (f, f));
    FAILS (flux_future_fulfill_with, EAGAIN, flux_future_fulfill_with (f, p));
    flux_future_fulfill (p, NULL, NULL);
    flux_future_fulfill (q, NULL, NULL);
    MEMORY (flux_future_fulfill_with, flux_future_fulfill_with (f, p), );
    FAILS (flux_future_fulfill_with, EEXIST, flux_future_fulfill_with (f, q));
    NULLS (flux_future_aux_get, EINVAL, flux_future_aux_get (NULL, "a"));
    NULLS (flux_future_aux_get, EINVAL, flux_future_aux_get (q, NULL));
    NULLS (flux_future_aux_get, ENOENT, flux_future_aux_get (q, "a"));
    FAILS (flux_future_aux_set, EINVAL,
           flux_future_aux_set (NULL, "a", (char *)"b", NULL));
    FAILS (flux_future_aux_set, EINVAL, flux_future_aux_set (q, NULL, NULL, NULL));
    MEMORY (flux_future_aux_set, flux_future_aux_set (q, "a", (char *)"b", NULL), );
    NULLS (flux_future_get_reactor, EINVAL, flux_future_get_reactor (NULL));
    NULLS (flux_future_get_reactor, EINVAL, flux_future_get_reactor (bare));
    NULLS (flux_future_get_flux, EINVAL, flux_future_get_flux (NULL));
    NULLS (flux_future_get_flux, EINVAL, flux_future_get_flux (bare));
    flux_future_destroy (f);
    flux_future_destroy (p);
    flux_future_destroy (q);
    flux_future_destroy (bare);
}

static void chains (void **state)
{
    flux_future_t *f = create (), *g, *bare = create ();

    NULLS (flux_future_and_then, EINVAL, flux_future_and_then (NULL, nothing, NULL));
    NULLS (flux_future_or_then, EINVAL, flux_future_or_then (NULL, nothing, NULL));
    FAILS (flux_future_continue, EINVAL, flux_future_continue (NULL, NULL));
    FAILS (flux_future_continue, EINVAL, flux_future_continue (bare, NULL));
    FAILS (flux_future_fulfill_next, EINVAL,
           flux_future_fulfill_next (NULL, NULL, NULL));
    FAILS (flux_future_fulfill_next, EINVAL,
           flux_future_fulfill_next (bare, NULL, NULL));
    assert_non_null (g = flux_future_and_then (f, nothing, NULL));
    assert_ptr_equal (g, flux_future_or_then (f, nothing, NULL));
    flux_future_destroy (g);
    NO_MEMORY (flux_future_and_then, flux_future_and_then (bare, nothing, NULL),
               bare = made);
    flux_future_destroy (bare);
    bare = create ();
    NO_MEMORY (flux_future_or_then, flux_future_or_then (bare, nothing, NULL),
               bare = made);
    flux_future_destroy (bare);
}

static void composites (void **state)
{
    flux_future_t *all = flux_future_wait_all_create (), *any, *f = create ();

    NO_MEMORY (flux_future_wait_all_create, flux_future_wait_all_create (),
               flux_future_destroy (made));
    NO_MEMORY (flux_future_wait_any_create, flux_future_wait_any_create (),
               flux_future_destroy (made));
    assert_non_null (any = flux_future_wait_any_create ());
    FAILS (flux_future_push, EINVAL, flux_future_push (NULL, "a", f));
    FAILS (flux_future_push, EINVAL, flux_future_push (all, "a", NULL));
    FAILS (flux_future_push, EINVAL, flux_future_push (f, "a", all)); /* no composite */
    NULLS (flux_future_first_child, EINVAL, flux_future_first_child (NULL));
    NULLS (flux_future_first_child, EINVAL, flux_future_first_child (f));
    NULLS (flux_future_next_child, EINVAL, flux_future_next_child (NULL));
    NULLS (flux_future_next_child, EINVAL, flux_future_next_child (f));
    NULLS (flux_future_get_child, EINVAL, flux_future_get_child (NULL, "a"));
    NULLS (flux_future_get_child, EINVAL, flux_future_get_child (f, "a"));
    NULLS (flux_future_get_child, EINVAL, flux_future_get_child (all, NULL));
    NULLS (flux_future_get_child, ENOENT, flux_future_get_child (all, "a"));
    MEMORY (flux_future_push, flux_future_push (all, "a", f), );
    assert_ptr_equal (flux_future_get_child (all, "a"), f);
    flux_future_destroy (all);
    flux_future_destroy (any);
}

int main (void)
{
    const struct CMUnitTest tests[] = { ROWS (results), ROWS (makers), ROWS (chains),
                                        ROWS (composites) };

    r = flux_reactor_create (0);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
