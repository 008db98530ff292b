/* The module over loop://: it offers the service, runs what it is asked to run, and takes
 * no arguments. What the service does is tested beside it (core/subprocess). */
#include "rexec.c"

#include "base/test.h"

#include <errno.h>
#include <string.h>

static flux_t *h;
static flux_future_t *listed;
static int completions, exit_code;

static int setup (void **state)
{
    h = flux_open ("loop://", 0);
    flux_attr_set_cacheonly (h, "rank", "0");
    flux_attr_set_cacheonly (h, "local-uri", "local:///nowhere");
    flux_log_set_redirect (h, NULL, NULL);
    return h ? 0 : -1;
}

static int teardown (void **state)
{
    flux_close (h);
    return 0;
}

static void no_arguments (void **state)
{
    char *argv[] = { (char *)"foo=bar" };

    errno = 0;
    assert_int_equal (mod_main (h, 1, argv), -1);
    assert_int_equal (errno, EINVAL);
}

static void listed_cb (flux_future_t *f, void *arg)
{
    flux_reactor_stop (flux_get_reactor (h));
}

static void completion_cb (flux_subprocess_t *p)
{
    completions++;
    exit_code = flux_subprocess_exit_code (p);
    assert_non_null (listed = flux_rpc (h, "rexec.list", NULL, 0, 0));
    assert_int_equal (flux_future_then (listed, -1., listed_cb, NULL), 0);
}

/* A process that sees where its broker is; after it has ended, nothing is listed. */
static void serves (void **state)
{
    static const flux_subprocess_ops_t ops = { .on_completion = completion_cb };
    char *argv[] = { (char *)"/bin/sh", (char *)"-c",
                     (char *)"[ \"$FLUX_URI\" = local:///nowhere ] && exit 7", NULL };
    flux_cmd_t *cmd = flux_cmd_create (3, argv, NULL);
    flux_subprocess_t *p;
    const char *s;

    assert_non_null (cmd);
    assert_non_null (p = flux_rexec_ex (h, "rexec", 0, 0, cmd, &ops, NULL, NULL));
    assert_int_equal (mod_main (h, 0, NULL), 0);
    assert_int_equal (completions, 1);
    assert_int_equal (exit_code, 7);
    assert_int_equal (flux_rpc_get (listed, &s), 0);
    assert_non_null (strstr (s, "\"procs\":[]"));
    flux_future_destroy (listed);
    flux_subprocess_destroy (p);
    flux_cmd_destroy (cmd);
}

static void stop_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_reactor_stop_error (r);
}

/* A reactor that fails is a module that fails. */
static void failures_are_told (void **state)
{
    flux_watcher_t *w =
        flux_timer_watcher_create (flux_get_reactor (h), 0., 0., stop_cb, NULL);

    flux_watcher_start (w);
    assert_int_equal (mod_main (h, 0, NULL), -1);
    flux_watcher_destroy (w);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (no_arguments),
        cmocka_unit_test (serves),
        cmocka_unit_test (failures_are_told),
    };
    return cmocka_run_group_tests (tests, setup, teardown);
}
