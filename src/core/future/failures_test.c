/* Futures when there is no memory, or no timer: who waits is told. These two calls of the
 * futures' own code are wrapped (see meson.build). */
#include "base/test.h"

#include <errno.h>
#include <flux/core.h>
#include <stdlib.h>
#include <string.h>

static int allocations = -1; /* that succeed; -1: all */
static bool no_timer;

void *__real_calloc (size_t count, size_t size);
void *__wrap_calloc (size_t count, size_t size)
{
    if (allocations == 0) {
        errno = ENOMEM;
        return NULL;
    }
    if (allocations > 0)
        allocations--;
    return __real_calloc (count, size);
}

flux_watcher_t *__real_flux_timer_watcher_create (flux_reactor_t *r, double after,
                                                  double repeat, flux_watcher_f cb,
                                                  void *arg);
flux_watcher_t *__wrap_flux_timer_watcher_create (flux_reactor_t *r, double after,
                                                  double repeat, flux_watcher_f cb,
                                                  void *arg)
{
    if (no_timer) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_flux_timer_watcher_create (r, after, repeat, cb, arg);
}

static flux_reactor_t *r;

static int setup (void **state)
{
    r = flux_reactor_create (0);
    return r ? 0 : -1;
}

static int teardown (void **state)
{
    allocations = -1;
    no_timer = false;
    flux_reactor_destroy (r);
    return 0;
}

static flux_future_t *create (void)
{
    flux_future_t *f = flux_future_create (NULL, NULL);

    assert_non_null (f);
    flux_future_set_reactor (f, r);
    return f;
}

static void count_cb (flux_future_t *f, void *arg)
{
    (*(int *)arg)++;
}

/* A then that failed has left nothing, and may be tried again. */
static void then_without_timer (void **state)
{
    flux_future_t *f = create ();
    int first = 0, second = 0;

    no_timer = true;
    assert_int_equal (flux_future_then (f, 10., count_cb, &first), -1);
    assert_int_equal (errno, ENOMEM);
    no_timer = false;
    assert_int_equal (flux_future_then (f, -1., count_cb, &second), 0);
    flux_future_fulfill (f, NULL, NULL);
    flux_reactor_run (r, 0);
    assert_int_equal (first, 0);
    assert_int_equal (second, 1);
    flux_future_destroy (f);
}

/* There is an error at least. */
static void fulfilled_without_memory (void **state)
{
    flux_future_t *f = create (), *g = create ();
    int n = 0;

    assert_int_equal (flux_future_then (f, -1., count_cb, &n), 0);
    allocations = 0;
    flux_future_fulfill (f, NULL, NULL);
    flux_future_fulfill_error (g, EPERM, "no");
    allocations = -1;
    flux_reactor_run (r, 0);
    assert_int_equal (n, 1);
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, ENOMEM);
    assert_true (flux_future_is_ready (g));
    assert_int_equal (flux_future_get (g, NULL), -1);
    assert_int_equal (errno, ENOMEM);
    flux_future_destroy (f);
    flux_future_destroy (g);
}

struct step {
    flux_future_t *f;
    int rc;
};

static void continue_cb (flux_future_t *prev, void *arg)
{
    struct step *s = arg;

    allocations = 0;
    s->rc = flux_future_continue (prev, s->f);
    allocations = -1;
}

/* The next step does not wait for what was not taken, and the caller has his future. */
static void continue_without_memory (void **state)
{
    struct step s = { create (), 0 };
    flux_future_t *f = create (), *next = flux_future_and_then (f, continue_cb, &s);
    int n = 0;

    assert_int_equal (flux_future_then (next, -1., count_cb, &n), 0);
    flux_future_fulfill (f, NULL, NULL);
    flux_reactor_run (r, 0);
    assert_int_equal (s.rc, -1);
    assert_int_equal (n, 1);
    assert_int_equal (flux_future_get (next, NULL), -1);
    assert_int_equal (errno, ENOMEM);
    flux_future_destroy (next);
    flux_future_destroy (s.f);
}

static void say_nothing (flux_future_t *prev, void *arg)
{
    allocations = 0;
}

static void passed_on_without_memory (void **state)
{
    flux_future_t *f = create (), *next = flux_future_and_then (f, say_nothing, NULL);
    int n = 0;

    assert_int_equal (flux_future_then (next, -1., count_cb, &n), 0);
    flux_future_fulfill (f, NULL, NULL);
    flux_reactor_run (r, 0);
    allocations = -1;
    assert_int_equal (n, 1);
    assert_int_equal (flux_future_get (next, NULL), -1);
    assert_int_equal (errno, ENOMEM);
    flux_future_destroy (next);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (then_without_timer),
        T (fulfilled_without_memory),
        T (continue_without_memory),
        T (passed_on_without_memory),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
