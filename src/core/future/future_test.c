/* Futures by themselves, on a reactor of the test: what is handed on, by whom it is
 * owned, and that nobody calls what is gone. */
#include "base/test.h"

#include <flux/core.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static flux_reactor_t *r;
static int freed;

static int setup (void **state)
{
    freed = 0;
    return (r = flux_reactor_create (0)) ? 0 : -1;
}

static int teardown (void **state)
{
    flux_reactor_destroy (r);
    return 0;
}

static void on_free (void *arg)
{
    freed++;
}

/* All that is posted now, and what that posts. */
static void turn (void)
{
    for (int i = 0; i < 6; i++)
        assert_true (flux_reactor_run (r, FLUX_REACTOR_NOWAIT) >= 0);
}

static flux_future_t *future (void)
{
    flux_future_t *f = flux_future_create (NULL, NULL);

    assert_non_null (f);
    flux_future_set_reactor (f, r);
    return f;
}

/* What a continuation saw, one after the other: "v1 v2 E2 ". */
struct seen {
    char text[256];
};

static void see (flux_future_t *f, struct seen *s)
{
    size_t len = strlen (s->text);
    const void *value = NULL;

    if (flux_future_get (f, &value) < 0)
        snprintf (s->text + len, sizeof (s->text) - len, "E%d ", errno);
    else
        snprintf (s->text + len, sizeof (s->text) - len, "%s ",
                  value ? (const char *)value : "null");
}

static void stream_cb (flux_future_t *f, void *arg)
{
    see (f, arg);
    flux_future_reset (f);
}

static void once_cb (flux_future_t *f, void *arg)
{
    see (f, arg);
}

/* --- One future --- */

static void results (void **state)
{
    flux_future_t *f = future ();
    const void *value;

    assert_false (flux_future_is_ready (f));
    assert_int_equal (flux_future_wait_for (f, 0.), -1);
    assert_int_equal (errno, ETIMEDOUT);
    flux_future_fulfill (f, (void *)"1", on_free);
    flux_future_fulfill_error (f, 0, NULL); /* no errno is one, too */
    flux_future_fulfill_error (f, ENOENT, "not here");
    flux_future_fulfill (f, (void *)"2", on_free);
    assert_int_equal (flux_future_get (f, &value), 0);
    assert_string_equal (value, "1");
    assert_null (flux_future_error_string (f));
    flux_future_reset (f);
    assert_int_equal (freed, 1);
    assert_int_equal (flux_future_get (f, &value), -1);
    assert_int_equal (errno, EINVAL);
    assert_true (flux_future_has_error (f));
    assert_string_equal (flux_future_error_string (f), "Invalid argument");
    flux_future_reset (f);
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, ENOENT);
    assert_string_equal (flux_future_error_string (f), "not here");
    flux_future_incref (f);
    flux_future_destroy (f);
    assert_int_equal (freed, 1); /* what waits behind is freed with it */
    errno = 77;
    flux_future_destroy (f);
    assert_int_equal (errno, 77);
    assert_int_equal (freed, 2);
}

/* A fatal error goes before all else, and stays. */
static void fatal (void **state)
{
    flux_future_t *f = future ();
    struct seen s = { "" };

    assert_int_equal (flux_future_then (f, -1., once_cb, &s), 0);
    flux_future_fulfill (f, (void *)"1", NULL);
    flux_future_fatal_error (f, EPERM, "no");
    flux_future_fatal_error (f, EIO, "later");
    turn ();
    assert_int_equal (flux_future_get (f, NULL), -1);
    assert_int_equal (errno, EPERM);
    flux_future_reset (f);
    assert_true (flux_future_is_ready (f));
    assert_string_equal (flux_future_error_string (f), "no");
    assert_non_null (strstr (s.text, "E1 "));
    flux_future_destroy (f);
}

static void streams (void **state)
{
    flux_future_t *f = future ();
    struct seen s = { "" };

    assert_int_equal (flux_future_then (f, -1., stream_cb, &s), 0);
    assert_int_equal (flux_future_then (f, -1., stream_cb, &s), -1);
    flux_future_fulfill (f, (void *)"a", NULL);
    flux_future_fulfill (f, (void *)"b", NULL);
    assert_string_equal (s.text, ""); /* not before the reactor has its turn */
    turn ();
    flux_future_fulfill (f, (void *)"c", NULL);
    flux_future_fulfill_error (f, ENODATA, NULL);
    turn ();
    assert_string_equal (s.text, "a b c E61 ");
    flux_future_destroy (f);
}

static void timeouts (void **state)
{
    flux_future_t *f = future ();
    struct seen s = { "" };

    assert_int_equal (flux_future_then (f, 0.001, once_cb, &s), 0);
    while (!s.text[0])
        assert_true (flux_reactor_run (r, FLUX_REACTOR_ONCE) >= 0);
    assert_string_equal (s.text, "E110 ");
    flux_future_destroy (f);
    f = future (); /* nobody will ever fulfill it */
    assert_int_equal (flux_future_wait_for (f, 0.001), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (flux_future_wait_for (f, -1.), -1);
    assert_int_equal (errno, EDEADLK);
    flux_future_destroy (f);
}

static void handed_on (void **state)
{
    flux_future_t *f = future (), *p = future (), *q = future ();
    const void *value;

    assert_int_equal (flux_future_fulfill_with (f, f), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_future_fulfill_with (f, p), -1);
    assert_int_equal (errno, EAGAIN);
    assert_int_equal (flux_future_aux_set (p, "x", p, on_free), 0);
    flux_future_fulfill (p, (void *)"1", on_free);
    assert_int_equal (flux_future_fulfill_with (f, p), 0);
    flux_future_fulfill (q, (void *)"2", NULL);
    assert_int_equal (flux_future_fulfill_with (f, q), -1);
    assert_int_equal (errno, EEXIST);
    flux_future_destroy (q);
    /* what came from p lives with f, and p's aux is found there */
    assert_ptr_equal (flux_future_aux_get (f, "x"), p);
    flux_future_reset (p);
    flux_future_destroy (p);
    assert_int_equal (freed, 0);
    assert_int_equal (flux_future_get (f, &value), 0);
    assert_string_equal (value, "1");
    flux_future_destroy (f);
    assert_int_equal (freed, 2);
}

static void nulls (void **state)
{
    assert_int_equal (flux_future_get (NULL, NULL), -1);
    assert_int_equal (flux_future_then (NULL, 0, once_cb, NULL), -1);
    assert_int_equal (flux_future_wait_for (NULL, 0), -1);
    assert_int_equal (flux_future_fulfill_with (NULL, NULL), -1);
    assert_int_equal (flux_future_aux_set (NULL, "x", NULL, NULL), -1);
    assert_null (flux_future_aux_get (NULL, "x"));
    assert_null (flux_future_get_flux (NULL));
    assert_null (flux_future_get_reactor (NULL));
    assert_null (flux_future_error_string (NULL));
    assert_false (flux_future_is_ready (NULL));
    assert_false (flux_future_has_error (NULL));
    assert_int_equal (flux_future_push (NULL, "a", NULL), -1);
    assert_null (flux_future_first_child (NULL));
    assert_null (flux_future_next_child (NULL));
    assert_null (flux_future_get_child (NULL, "a"));
    assert_null (flux_future_and_then (NULL, once_cb, NULL));
    assert_null (flux_future_or_then (NULL, once_cb, NULL));
    assert_int_equal (flux_future_continue (NULL, NULL), -1);
    assert_int_equal (flux_future_fulfill_next (NULL, NULL, NULL), -1);
    flux_future_continue_error (NULL, 1, NULL);
    flux_future_fulfill (NULL, NULL, NULL);
    flux_future_fulfill_error (NULL, 1, NULL);
    flux_future_fatal_error (NULL, 1, NULL);
    flux_future_reset (NULL);
    flux_future_incref (NULL);
    flux_future_destroy (NULL);
}

/* --- Chains --- */

static void next_cb (flux_future_t *f, void *arg)
{
    assert_int_equal (flux_future_fulfill_next (f, arg, NULL), 0);
    flux_future_destroy (f);
}

static void error_cb (flux_future_t *f, void *arg)
{
    flux_future_continue_error (f, EPERM, "by the step");
    flux_future_destroy (f);
}

static void nothing_cb (flux_future_t *f, void *arg)
{
}

/* Which step runs, and what the chain's end says. */
static void chains (void **state)
{
    static const struct {
        flux_continuation_f and_then, or_then;
        int errnum; /* of the first */
        const char *end;
    } t[] = {
        { next_cb, NULL, 0, "arg " },      { next_cb, NULL, EIO, "E5 " },
        { NULL, next_cb, 0, "first " },    { NULL, next_cb, EIO, "arg " },
        { error_cb, NULL, 0, "E1 " },      { nothing_cb, NULL, 0, "first " },
        { NULL, nothing_cb, EIO, "E5 " },  { next_cb, error_cb, 0, "arg " },
        { next_cb, error_cb, EIO, "E1 " },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_future_t *f = future (), *next = NULL;
        struct seen s = { "" };

        if (t[i].and_then)
            next = flux_future_and_then (f, t[i].and_then, (void *)"arg");
        if (t[i].or_then)
            next = flux_future_or_then (f, t[i].or_then, (void *)"arg");
        assert_int_equal (flux_future_then (next, -1., once_cb, &s), 0);
        if (t[i].errnum)
            flux_future_fulfill_error (f, t[i].errnum, NULL);
        else
            flux_future_fulfill (f, (void *)"first", NULL);
        turn ();
        assert_string_equal (s.text, t[i].end);
        flux_future_destroy (next);
    }
}

struct step {
    flux_future_t *f; /* what the step continues with */
    int rc;
};

static void continue_cb (flux_future_t *f, void *arg)
{
    struct step *step = arg;

    step->rc = flux_future_continue (f, step->f);
    flux_future_destroy (f);
}

/* A step that is a future of its own: all that it says is the chain's. */
static void continued (void **state)
{
    struct step step = { .f = future () };
    flux_future_t *f = future ();
    flux_future_t *next = flux_future_and_then (f, continue_cb, &step);
    struct seen s = { "" };

    assert_int_equal (flux_future_then (next, -1., stream_cb, &s), 0);
    flux_future_fulfill (f, NULL, NULL);
    turn ();
    assert_int_equal (step.rc, 0);
    flux_future_fulfill (step.f, (void *)"1", NULL);
    flux_future_fulfill (step.f, (void *)"2", NULL);
    flux_future_fulfill_error (step.f, ENODATA, NULL);
    turn ();
    assert_string_equal (s.text, "1 2 E61 ");
    flux_future_destroy (next);
}

/* Somebody else holds the step: it says nothing to a chain that is gone. */
static void continued_and_gone (void **state)
{
    struct step step = { .f = future () };
    flux_future_t *f = future ();
    flux_future_t *next = flux_future_and_then (f, continue_cb, &step);
    struct seen s = { "" };

    assert_int_equal (flux_future_then (next, -1., once_cb, &s), 0);
    flux_future_fulfill (f, NULL, NULL);
    turn ();
    flux_future_incref (step.f);
    flux_future_destroy (next);
    flux_future_fulfill (step.f, (void *)"late", NULL);
    turn ();
    assert_string_equal (s.text, "");
    assert_int_equal (flux_future_then (step.f, -1., once_cb, &s), 0); /* it is free */
    flux_future_destroy (step.f);
}

/* One that is waited for already cannot be the next step, and stays the caller's. */
static void continued_with_a_busy_one (void **state)
{
    struct step step = { .f = future () };
    flux_future_t *f = future ();
    flux_future_t *next = flux_future_and_then (f, continue_cb, &step);
    struct seen s = { "" }, other = { "" };

    assert_int_equal (flux_future_aux_set (step.f, "x", f, on_free), 0);
    assert_int_equal (flux_future_then (step.f, -1., once_cb, &other), 0);
    assert_int_equal (flux_future_then (next, -1., once_cb, &s), 0);
    flux_future_fulfill (f, NULL, NULL);
    turn ();
    assert_int_equal (step.rc, -1);
    flux_future_destroy (next);
    assert_int_equal (freed, 0);
    flux_future_destroy (step.f);
    assert_int_equal (freed, 1);
}

/* --- Composites --- */

static void children (void **state)
{
    static const struct {
        bool any;
        const char *order; /* children as they are fulfilled; capital: an error */
        int ready;         /* after how many */
    } t[] = {
        { false, "abc", 3 },
        { false, "cAb", 3 },
        { true, "b", 1 },
        { true, "C", 1 },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_future_t *cf =
            t[i].any ? flux_future_wait_any_create () : flux_future_wait_all_create ();
        struct seen s = { "" };

        for (const char *name = "a\0b\0c\0"; *name; name += 2)
            assert_int_equal (flux_future_push (cf, name, future ()), 0);
        assert_int_equal (flux_future_then (cf, -1., once_cb, &s), 0);
        for (int k = 0; t[i].order[k]; k++) {
            char name[2] = { t[i].order[k] | 32, '\0' };
            flux_future_t *child = flux_future_get_child (cf, name);

            assert_false (flux_future_is_ready (cf));
            if (t[i].order[k] & 32)
                flux_future_fulfill (child, NULL, NULL);
            else
                flux_future_fulfill_error (child, EIO, NULL);
            turn ();
            assert_int_equal (flux_future_is_ready (cf), k + 1 >= t[i].ready);
        }
        assert_string_equal (s.text, "null "); /* errors are the children's */
        flux_future_destroy (cf);
    }
}

static void walked (void **state)
{
    flux_future_t *cf = flux_future_wait_all_create (), *f[3];
    static const char *names[] = { "a", "b", "" };
    int n = 0;

    assert_null (flux_future_first_child (cf));
    for (int i = 0; i < 3; i++)
        assert_int_equal (
            flux_future_push (cf, i < 2 ? names[i] : NULL, f[i] = future ()), 0);
    for (const char *s = flux_future_first_child (cf); s;
         s = flux_future_next_child (cf)) {
        assert_string_equal (s, names[n]);
        assert_ptr_equal (flux_future_get_child (cf, s), f[n++]);
    }
    assert_int_equal (n, 3);
    assert_null (flux_future_next_child (cf));
    assert_null (flux_future_get_child (cf, "c"));
    assert_int_equal (errno, ENOENT);
    assert_int_equal (flux_future_push (f[0], "x", f[1]), -1); /* no composite */
    flux_future_destroy (cf);
    cf = flux_future_wait_all_create (); /* all of none */
    assert_int_equal (flux_future_get (cf, NULL), 0);
    flux_future_destroy (cf);
}

/* Somebody else holds a child: it says nothing to a composite that is gone. */
static void child_outlives (void **state)
{
    flux_future_t *cf = flux_future_wait_all_create (), *child = future ();
    struct seen s = { "" };

    flux_future_incref (child);
    assert_int_equal (flux_future_push (cf, "a", child), 0);
    assert_int_equal (flux_future_then (cf, -1., once_cb, &s), 0);
    flux_future_destroy (cf);
    flux_future_fulfill (child, (void *)"late", NULL);
    turn ();
    assert_string_equal (s.text, "");
    assert_int_equal (flux_future_then (child, -1., once_cb, &s), 0); /* it is free */
    turn ();
    assert_string_equal (s.text, "late ");
    flux_future_destroy (child);
}

/* One that cannot be watched is not pushed: it stays the caller's. */
static void push_fails (void **state)
{
    flux_future_t *cf = flux_future_wait_all_create (), *busy = future ();
    struct seen s = { "" };

    assert_int_equal (flux_future_push (cf, "a", future ()), 0);
    assert_int_equal (flux_future_then (cf, -1., once_cb, &s), 0);
    assert_int_equal (flux_future_then (busy, -1., once_cb, &s), 0);
    assert_int_equal (flux_future_aux_set (busy, "x", cf, on_free), 0);
    assert_int_equal (flux_future_push (cf, "b", busy), -1);
    assert_null (flux_future_get_child (cf, "b"));
    flux_future_destroy (busy);
    assert_int_equal (freed, 1);
    flux_future_fulfill (flux_future_get_child (cf, "a"), NULL, NULL);
    turn ();
    assert_string_equal (s.text, "null ");
    assert_int_equal (flux_future_push (cf, "c", future ()), 0);
    flux_future_destroy (cf);
}

/* --- The heartbeat --- */

static void pulse (flux_t *h)
{
    flux_msg_t *msg = flux_event_encode ("heartbeat.pulse", NULL);

    assert_int_equal (flux_send (h, msg, 0), 0);
    flux_msg_destroy (msg);
}

static void syncs (void **state)
{
    flux_t *h = flux_open ("loop://", FLUX_O_TEST_NOSUB);
    struct seen s = { "" };
    flux_future_t *f;

    assert_null (flux_sync_create (NULL, 0.));
    assert_null (flux_sync_create (h, -1.));
    assert_null (flux_sync_create (h, 0. / 0.));
    f = flux_sync_create (h, 0.);
    assert_int_equal (flux_future_then (f, -1., stream_cb, &s), 0);
    pulse (h);
    for (int i = 0; i < 6; i++)
        (void)flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_NOWAIT);
    assert_string_equal (s.text, "null ");
    pulse (h);
    pulse (h);
    for (int i = 0; i < 6; i++)
        (void)flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_NOWAIT);
    assert_string_equal (s.text, "null null null ");
    /* who waits in both ways at once is not called when it is gone */
    (void)flux_future_wait_for (f, 0.001);
    flux_future_destroy (f);
    pulse (h);
    for (int i = 0; i < 6; i++)
        (void)flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_NOWAIT);
    assert_string_equal (s.text, "null null null ");
    /* no more often than that */
    f = flux_sync_create (h, 1000.);
    s.text[0] = '\0';
    assert_int_equal (flux_future_then (f, -1., stream_cb, &s), 0);
    pulse (h);
    pulse (h);
    for (int i = 0; i < 6; i++)
        (void)flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_NOWAIT);
    assert_string_equal (s.text, "null ");
    flux_future_destroy (f);
    flux_close (h);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (results),
        T (fatal),
        T (streams),
        T (timeouts),
        T (handed_on),
        T (nulls),
        T (chains),
        T (continued),
        T (continued_and_gone),
        T (continued_with_a_busy_one),
        T (children),
        T (walked),
        T (child_outlives),
        T (push_fails),
        T (syncs),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
