/* What a loader of modules does, over loop://: the test is the broker. */
#include "base/test.h"

#include <flux/core.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle/module.h"

#define GOOD                                                                           \
    "{\"args\":[\"a\",\"b c\"],\"attrs\":{\"rank\":\"3\"},"                            \
    "\"conf\":{\"t\":{\"k\":7}},\"name\":\"mod\",\"uuid\":\"u-1\"}"

static int setup (void **state)
{
    return (*state = flux_open ("loop://", 0)) ? 0 : -1;
}

static int teardown (void **state)
{
    flux_close (*state);
    return 0;
}

static void say (flux_t *h, const char *topic, const char *payload)
{
    flux_msg_t *msg = flux_request_encode (topic, payload);

    flux_msg_set_noresponse (msg);
    assert_int_equal (flux_send (h, msg, 0), 0);
    flux_msg_destroy (msg);
}

static void test_welcome (void **state)
{
    flux_t *h = *state;
    flux_error_t error;
    char *args;
    json_t *list;
    int k;

    say (h, "welcome", GOOD);
    assert_int_equal (flux_module_initialize (h, &args, &error), 0);
    assert_string_equal (args, "a b c");
    free (args);
    assert_string_equal (flux_aux_get (h, "flux::name"), "mod");
    assert_string_equal (flux_aux_get (h, "flux::uuid"), "u-1");
    assert_string_equal (flux_attr_get (h, "rank"), "3"); /* nobody is asked */
    assert_int_equal (
        flux_conf_unpack (flux_get_conf (h), &error, "{s:{s:i}}", "t", "k", &k), 0);
    assert_int_equal (k, 7);
    list = flux_aux_get (h, "flux::args"); /* blanks and all */
    assert_string_equal (json_string_value (json_array_get (list, 1)), "b c");
}

static void test_no_args (void **state)
{
    char *args = (char *)"x";

    say (*state, "welcome",
         "{\"args\":[],\"attrs\":{},\"conf\":{},\"name\":\"m\",\"uuid\":\"u\"}");
    assert_int_equal (flux_module_initialize (*state, &args, NULL), 0);
    assert_null (args);
}

static void test_not_wanted (void **state)
{
    say (*state, "welcome", GOOD);
    assert_int_equal (flux_module_initialize (*state, NULL, NULL), 0);
}

static void test_no_welcome (void **state)
{
    static const struct {
        const char *topic, *payload;
    } t[] = {
        { "hello", GOOD },
        { "welcome", NULL },
        { "welcome", "{}" },
        { "welcome",
          "{\"args\":1,\"attrs\":{},\"conf\":{},\"name\":\"m\",\"uuid\":\"u\"}" },
        { "welcome",
          "{\"args\":[1],\"attrs\":{},\"conf\":{},\"name\":\"m\",\"uuid\":\"u\"}" },
        { "welcome", "{\"args\":[],\"attrs\":{\"a\":1},\"conf\":{},\"name\":\"m\","
                     "\"uuid\":\"u\"}" },
        { "welcome",
          "{\"args\":[],\"attrs\":{},\"conf\":1,\"name\":\"m\",\"uuid\":\"u\"}" },
    };

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        flux_error_t error = { "" };
        char *args = NULL;

        say (*state, t[i].topic, t[i].payload);
        errno = 0;
        assert_int_equal (flux_module_initialize (*state, &args, &error), -1);
        assert_int_equal (errno, EPROTO);
        assert_true (error.text[0] != '\0');
        assert_null (args);
    }
}

static void test_invalid (void **state)
{
    flux_msg_handler_t **handlers;
    flux_error_t error;

    assert_int_equal (flux_module_initialize (NULL, NULL, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_module_register_handlers (NULL, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_module_finalize (NULL, 0, &error), -1);
    assert_int_equal (errno, EINVAL);
    /* there was no welcome */
    assert_int_equal (flux_module_register_handlers (*state, &error), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (error.text, "not initialized"));
    assert_int_equal (flux_register_default_methods (NULL, "m", &handlers), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_register_default_methods (*state, "", &handlers), -1);
    assert_int_equal (flux_register_default_methods (*state, NULL, &handlers), -1);
    assert_int_equal (flux_register_default_methods (*state, "m", NULL), -1);
}

static void stop_cb (flux_future_t *f, void *arg)
{
    flux_reactor_stop (flux_future_get_reactor (f));
}

/* The handlers share the reactor of who asks. */
static flux_future_t *ask (flux_t *h, const char *topic, const char *payload)
{
    flux_future_t *f = flux_rpc (h, topic, payload, FLUX_NODEID_ANY, 0);

    assert_int_equal (flux_future_then (f, -1., stop_cb, NULL), 0);
    flux_reactor_run (flux_get_reactor (h), 0);
    assert_true (flux_future_is_ready (f));
    return f;
}

static void assert_flags (flux_t *h, const char *payload, int expected)
{
    flux_future_t *f = ask (h, "x.debug", payload);
    int flags;

    assert_int_equal (flux_rpc_get_unpack (f, "{s:i}", "flags", &flags), 0);
    assert_int_equal (flags, expected);
    flux_future_destroy (f);
}

static void test_default_methods (void **state)
{
    flux_t *h = *state;
    flux_msg_handler_t **handlers;
    flux_future_t *f;
    int n, userid;

    assert_int_equal (flux_register_default_methods (h, "x", &handlers), 0);
    f = ask (h, "x.ping", "{\"seq\":5}");
    assert_int_equal (
        flux_rpc_get_unpack (f, "{s:i s:i}", "seq", &n, "userid", &userid), 0);
    assert_int_equal (n, 5);
    flux_future_destroy (f);
    f = ask (h, "x.rusage", NULL);
    assert_int_equal (flux_rpc_get_unpack (f, "{s:i}", "maxrss", &n), 0);
    flux_future_destroy (f);
    f = ask (h, "x.stats-get", NULL);
    assert_int_equal (flux_rpc_get_unpack (f, "{s:{s:i}}", "rx", "request", &n), 0);
    assert_true (n >= 3);
    flux_future_destroy (f);
    f = ask (h, "x.stats-clear", NULL);
    assert_int_equal (flux_rpc_get (f, NULL), 0);
    flux_future_destroy (f);
    assert_flags (h, "{\"op\":\"set\",\"flags\":12}", 12);
    assert_flags (h, "{\"op\":\"setbit\",\"flags\":1}", 13);
    assert_flags (h, "{\"op\":\"clrbit\",\"flags\":4}", 9);
    assert_flags (h, NULL, 9);
    assert_true (flux_module_debug_test (h, 8, true));
    assert_false (flux_module_debug_test (h, 8, false));
    assert_flags (h, "{\"op\":\"clr\"}", 0);
    f = ask (h, "x.debug", "{\"op\":1}");
    assert_int_equal (flux_rpc_get (f, NULL), -1);
    assert_int_equal (errno, EPROTO);
    flux_future_destroy (f);
    f = ask (h, "x.shutdown", NULL); /* no service's, but a module's */
    assert_int_equal (flux_rpc_get (f, NULL), -1);
    assert_int_equal (errno, ENOSYS);
    flux_future_destroy (f);
    flux_msg_handler_delvec (handlers);
}

static void test_module_methods (void **state)
{
    flux_t *h = *state;
    flux_error_t error;
    flux_future_t *f;
    int k;

    say (h, "welcome", GOOD);
    assert_int_equal (flux_module_initialize (h, NULL, &error), 0);
    assert_int_equal (flux_module_register_handlers (h, &error), 0);
    f = ask (h, "mod.config-reload", "{\"t\":{\"k\":8}}");
    assert_int_equal (flux_rpc_get (f, NULL), 0);
    flux_future_destroy (f);
    assert_int_equal (
        flux_conf_unpack (flux_get_conf (h), &error, "{s:{s:i}}", "t", "k", &k), 0);
    assert_int_equal (k, 8);
    /* it told that it runs when its reactor did */
    assert_non_null (flux_aux_get (h, "flux::running"));
    say (h, "mod.shutdown", NULL);
    assert_true (flux_reactor_run (flux_get_reactor (h), 0) >= 0);
}

static void test_unknown_argument (void **state)
{
    char *argv[] = { (char *)"bogus" };

    flux_attr_set_cacheonly (*state, "rank", "0"); /* of the log */
    assert_int_equal (module_no_args (*state, 0, argv), 0);
    assert_int_equal (module_no_args (*state, 1, argv), -1);
    assert_int_equal (errno, EINVAL);
}

int main (void)
{
#define T(fn) cmocka_unit_test_setup_teardown (fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T (test_welcome),        T (test_no_args),          T (test_not_wanted),
        T (test_no_welcome),     T (test_invalid),          T (test_default_methods),
        T (test_module_methods), T (test_unknown_argument),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
