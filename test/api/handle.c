/* How calls on handles fail: messages that come and go, RPCs, events, handlers, services,
 * attributes, configurations, the log. What a broker refuses is in live.c. */
#include "api.h"

#include <flux/attr.h>
#include <unistd.h>

static flux_t *h; /* loop:// */

static void nothing (flux_t *handle, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
}

static void opening (void **state)
{
    flux_reactor_t *r = flux_reactor_create (0);
    flux_error_t error;
    flux_t *clone;

    NULLS (flux_open, EINVAL, flux_open ("loop://", 0x10000));
    NULLS (flux_open, ENOENT, flux_open ("noscheme", 0));
    NULLS (flux_open_ex, EINVAL, flux_open_ex ("loop://", 0x10000, &error));
    NULLS (flux_open_ex, ENOENT,
           flux_open_ex ("local:///nonexistent/socket", 0, &error));
    FIRST (flux_open, flux_open ("loop://", 0), flux_close (made));
    NULLS (flux_clone, EINVAL, flux_clone (NULL));
    FIRST (flux_clone, flux_clone (h), flux_close (made));
    FAILS (flux_reconnect, EINVAL, flux_reconnect (NULL));
    FAILS (flux_reconnect, ENOSYS, flux_reconnect (h));
    NULLS (flux_get_reactor, EINVAL, flux_get_reactor (NULL));
    FAILS (flux_set_reactor, EINVAL, flux_set_reactor (NULL, r));
    FAILS (flux_set_reactor, EINVAL, flux_set_reactor (h, NULL));
    assert_non_null (clone = flux_clone (h));
    assert_int_equal (flux_set_reactor (clone, r), 0);
    FAILS (flux_set_reactor, EEXIST, flux_set_reactor (clone, r));
    flux_close (clone);
    NULLS (flux_aux_get, EINVAL, flux_aux_get (NULL, "a"));
    NULLS (flux_aux_get, EINVAL, flux_aux_get (h, NULL));
    NULLS (flux_aux_get, ENOENT, flux_aux_get (h, "nosuch"));
    FAILS (flux_aux_set, EINVAL, flux_aux_set (NULL, "a", (char *)"b", NULL));
    FAILS (flux_aux_set, EINVAL, flux_aux_set (h, NULL, NULL, NULL));
    MEMORY (flux_aux_set, flux_aux_set (h, "a", (char *)"b", NULL), );
    FAILS (flux_opt_get, EINVAL, flux_opt_get (h, "nosuch", &error, 1));
    FAILS (flux_opt_set, EINVAL, flux_opt_set (h, "nosuch", &error, 1));
    FAILS (flux_pollfd, EINVAL, flux_pollfd (NULL));
    FAILS (flux_pollevents, EINVAL, flux_pollevents (NULL));
    flux_reactor_destroy (r);
}

static void sending (void **state)
{
    flux_msg_t *msg = flux_request_encode ("a.b", NULL), *bare, *held;

    assert_non_null (bare = flux_msg_create (FLUX_MSGTYPE_REQUEST));
    FAILS (flux_send, EINVAL, flux_send (NULL, msg, 0));
    FAILS (flux_send, EINVAL, flux_send (h, NULL, 0));
    FAILS (flux_send, EINVAL, flux_send (h, msg, 0x10000));
    FAILS (flux_send_new, EINVAL, flux_send_new (NULL, &msg, 0));
    FAILS (flux_send_new, EINVAL, flux_send_new (h, NULL, 0));
    held = (flux_msg_t *)flux_msg_incref (msg);
    FAILS (flux_send_new, EINVAL, flux_send_new (h, &msg, 0));
    assert_ptr_equal (msg, held);
    flux_msg_decref (held);
    NULLS (flux_recv, EINVAL, flux_recv (NULL, FLUX_MATCH_ANY, 0));
    NULLS (flux_recv, EINVAL, flux_recv (h, FLUX_MATCH_ANY, 0x10000));
    NULLS (flux_recv, EAGAIN, flux_recv (h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
    NULLS (flux_recv, EDEADLK, flux_recv (h, FLUX_MATCH_ANY, 0));
    FAILS (flux_requeue, EINVAL, flux_requeue (NULL, msg, FLUX_RQ_TAIL));
    FAILS (flux_requeue, EINVAL, flux_requeue (h, NULL, FLUX_RQ_TAIL));
    FAILS (flux_requeue, EINVAL, flux_requeue (h, msg, 99));
    assert_int_equal (flux_requeue (h, msg, FLUX_RQ_HEAD), 0);
    flux_msg_decref (flux_recv (h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
    flux_msg_destroy (msg);
    flux_msg_destroy (bare);
}

static void rpcs (void **state)
{
    flux_msg_t *event = flux_event_encode ("a", NULL);
    flux_future_t *f = flux_future_create (NULL, NULL), *none;
    const char *s;
    const void *data;
    size_t len;
    int i;

    NULLS (flux_rpc, EINVAL, flux_rpc (NULL, "a", NULL, 0, 0));
    NULLS (flux_rpc, EINVAL, flux_rpc (h, NULL, NULL, 0, 0));
    NULLS (flux_rpc, EINVAL, flux_rpc (h, "a", NULL, 0, 0x1000));
    NO_MEMORY (flux_rpc, flux_rpc (h, "a", NULL, 0, 0), flux_future_destroy (made));
    NULLS (flux_rpc_pack, EINVAL, flux_rpc_pack (NULL, "a", 0, 0, "{s:i}", "i", 1));
    NULLS (flux_rpc_pack, EINVAL, flux_rpc_pack (h, NULL, 0, 0, "{s:i}", "i", 1));
    NULLS (flux_rpc_pack, EINVAL, flux_rpc_pack (h, "a", 0, 0, "i", 1));
    NO_MEMORY (flux_rpc_pack, flux_rpc_pack (h, "a", 0, 0, "{s:i}", "i", 1),
               flux_future_destroy (made));
    NULLS (flux_rpc_raw, EINVAL, flux_rpc_raw (NULL, "a", "x", 1, 0, 0));
    NULLS (flux_rpc_raw, EINVAL, flux_rpc_raw (h, NULL, "x", 1, 0, 0));
    NO_MEMORY (flux_rpc_raw, flux_rpc_raw (h, "a", "x", 1, 0, 0),
               flux_future_destroy (made));
    NULLS (flux_rpc_message, EINVAL, flux_rpc_message (NULL, event, 0, 0));
    NULLS (flux_rpc_message, EINVAL, flux_rpc_message (h, NULL, 0, 0));
    NULLS (flux_rpc_message, EPROTO, flux_rpc_message (h, event, 0, 0));
    FAILS (flux_rpc_get, EINVAL, flux_rpc_get (NULL, &s));
    FAILS (flux_rpc_get_raw, EINVAL, flux_rpc_get_raw (NULL, &data, &len));
    FAILS (flux_rpc_get_unpack, EINVAL, flux_rpc_get_unpack (NULL, "{s:i}", "i", &i));
    assert_non_null (none = flux_rpc (h, "a", NULL, 0, FLUX_RPC_NORESPONSE));
    FAILS (flux_rpc_get, EPROTO, flux_rpc_get (none, &s));
    FAILS (flux_rpc_get_raw, EPROTO, flux_rpc_get_raw (none, &data, &len));
    FAILS (flux_rpc_get_unpack, EPROTO, flux_rpc_get_unpack (none, "{s:i}", "i", &i));
    assert_int_equal (flux_rpc_get (none, NULL), 0);
    assert_int_equal (flux_rpc_get_matchtag (none), FLUX_MATCHTAG_NONE);
    assert_int_equal (flux_rpc_get_matchtag (f), FLUX_MATCHTAG_NONE);
    flux_future_destroy (none);
    flux_future_destroy (f);
    flux_msg_destroy (event);
}

static void responses (void **state)
{
    flux_msg_t *event = flux_event_encode ("a", NULL);
    flux_msg_t *request = flux_request_encode ("a", NULL);

    FAILS (flux_respond, EINVAL, flux_respond (NULL, request, NULL));
    FAILS (flux_respond, EINVAL, flux_respond (h, NULL, NULL));
    FAILS (flux_respond, EPROTO, flux_respond (h, event, NULL));
    MEMORY (flux_respond, flux_respond (h, request, "text"), );
    FAILS (flux_respond_pack, EINVAL, flux_respond_pack (NULL, request, "{}"));
    FAILS (flux_respond_pack, EINVAL, flux_respond_pack (h, NULL, "{}"));
    FAILS (flux_respond_pack, EINVAL, flux_respond_pack (h, request, "i", 1));
    FAILS (flux_respond_pack, EPROTO, flux_respond_pack (h, event, "{}"));
    MEMORY (flux_respond_pack, flux_respond_pack (h, request, "{s:i}", "i", 1), );
    FAILS (flux_respond_raw, EINVAL, flux_respond_raw (NULL, request, "x", 1));
    FAILS (flux_respond_raw, EINVAL, flux_respond_raw (h, NULL, "x", 1));
    FAILS (flux_respond_raw, EPROTO, flux_respond_raw (h, event, "x", 1));
    MEMORY (flux_respond_raw, flux_respond_raw (h, request, "x", 1), );
    FAILS (flux_respond_error, EINVAL, flux_respond_error (NULL, request, EPERM, NULL));
    FAILS (flux_respond_error, EINVAL, flux_respond_error (h, NULL, EPERM, NULL));
    FAILS (flux_respond_error, EPROTO, flux_respond_error (h, event, EPERM, NULL));
    MEMORY (flux_respond_error, flux_respond_error (h, request, EPERM, "text"), );
    flux_msg_destroy (event);
    flux_msg_destroy (request);
}

static void events (void **state)
{
    flux_future_t *f = flux_future_create (NULL, NULL);
    int seq;

    FAILS (flux_event_subscribe, EINVAL, flux_event_subscribe (NULL, "a"));
    FAILS (flux_event_subscribe, EINVAL, flux_event_subscribe (h, NULL));
    FAILS (flux_event_unsubscribe, EINVAL, flux_event_unsubscribe (NULL, "a"));
    FAILS (flux_event_unsubscribe, EINVAL, flux_event_unsubscribe (h, NULL));
    NULLS (flux_event_subscribe_ex, EINVAL, flux_event_subscribe_ex (NULL, "a", 0));
    NULLS (flux_event_subscribe_ex, EINVAL, flux_event_subscribe_ex (h, NULL, 0));
    NULLS (flux_event_subscribe_ex, EINVAL, flux_event_subscribe_ex (h, "a", 99));
    NULLS (flux_event_unsubscribe_ex, EINVAL, flux_event_unsubscribe_ex (NULL, "a", 0));
    NULLS (flux_event_publish, EINVAL, flux_event_publish (NULL, "a", 0, NULL));
    NULLS (flux_event_publish, EINVAL, flux_event_publish (h, NULL, 0, NULL));
    NULLS (flux_event_publish, EINVAL, flux_event_publish (h, "a", 99, NULL));
    NO_MEMORY (flux_event_publish, flux_event_publish (h, "a", 0, "x"),
               flux_future_destroy (made));
    NULLS (flux_event_publish_pack, EINVAL,
           flux_event_publish_pack (NULL, "a", 0, "{}"));
    NULLS (flux_event_publish_pack, EINVAL, flux_event_publish_pack (h, NULL, 0, "{}"));
    NULLS (flux_event_publish_pack, EINVAL, flux_event_publish_pack (h, "a", 99, "{}"));
    NULLS (flux_event_publish_pack, EINVAL,
           flux_event_publish_pack (h, "a", 0, "i", 1));
    NO_MEMORY (flux_event_publish_pack,
               flux_event_publish_pack (h, "a", 0, "{s:i}", "i", 1),
               flux_future_destroy (made));
    NULLS (flux_event_publish_raw, EINVAL,
           flux_event_publish_raw (NULL, "a", 0, "x", 1));
    NULLS (flux_event_publish_raw, EINVAL, flux_event_publish_raw (h, NULL, 0, "x", 1));
    NULLS (flux_event_publish_raw, EINVAL, flux_event_publish_raw (h, "a", 99, "x", 1));
    NO_MEMORY (flux_event_publish_raw, flux_event_publish_raw (h, "a", 0, "x", 1),
               flux_future_destroy (made));
    FAILS (flux_event_publish_get_seq, EINVAL, flux_event_publish_get_seq (NULL, &seq));
    flux_future_destroy (f);
}

static void handlers (void **state)
{
    static const struct flux_msg_handler_spec tab[] = {
        { FLUX_MSGTYPE_REQUEST, "x.y", nothing, 0 },
        { FLUX_MSGTYPE_REQUEST, "x.z", nothing, 0 },
        FLUX_MSGHANDLER_TABLE_END,
    };
    flux_msg_handler_t **handlers;

    NULLS (flux_msg_handler_create, EINVAL,
           flux_msg_handler_create (NULL, FLUX_MATCH_ANY, nothing, NULL));
    NULLS (flux_msg_handler_create, EINVAL,
           flux_msg_handler_create (h, FLUX_MATCH_ANY, NULL, NULL));
    NO_MEMORY (flux_msg_handler_create,
               flux_msg_handler_create (h, FLUX_MATCH_REQUEST, nothing, NULL),
               flux_msg_handler_destroy (made));
    FAILS (flux_msg_handler_addvec, EINVAL,
           flux_msg_handler_addvec (NULL, tab, NULL, &handlers));
    FAILS (flux_msg_handler_addvec, EINVAL,
           flux_msg_handler_addvec (h, NULL, NULL, &handlers));
    FAILS (flux_msg_handler_addvec, EINVAL,
           flux_msg_handler_addvec (h, tab, NULL, NULL));
    FIRST (flux_msg_handler_addvec, flux_msg_handler_addvec (h, tab, NULL, &handlers),
           flux_msg_handler_delvec (handlers));
    FAILS (flux_dispatch_requeue, EINVAL, flux_dispatch_requeue (NULL));
    NULLS (flux_service_register, EINVAL, flux_service_register (NULL, "a"));
    NULLS (flux_service_register, EINVAL, flux_service_register (h, NULL));
    NO_MEMORY (flux_service_register, flux_service_register (h, "a"),
               flux_future_destroy (made));
    NULLS (flux_service_unregister, EINVAL, flux_service_unregister (NULL, "a"));
    NULLS (flux_service_unregister, EINVAL, flux_service_unregister (h, NULL));
    NO_MEMORY (flux_service_unregister, flux_service_unregister (h, "a"),
               flux_future_destroy (made));
    NULLS (flux_sync_create, EINVAL, flux_sync_create (NULL, 0.));
    NULLS (flux_sync_create, EINVAL, flux_sync_create (h, -1.));
    FIRST (flux_sync_create, flux_sync_create (h, 0.), flux_future_destroy (made));
}

static void attributes (void **state)
{
    uint32_t n;
    double d;

    NULLS (flux_attr_get, EINVAL, flux_attr_get (NULL, "a"));
    NULLS (flux_attr_get, EINVAL, flux_attr_get (h, NULL));
    FAILS (flux_attr_set, EINVAL, flux_attr_set (NULL, "a", "b"));
    FAILS (flux_attr_set, EINVAL, flux_attr_set (h, NULL, "b"));
    FAILS (flux_attr_set_ex, EINVAL, flux_attr_set_ex (NULL, "a", "b", false, NULL));
    FAILS (flux_attr_set_cacheonly, EINVAL, flux_attr_set_cacheonly (NULL, "a", "b"));
    FAILS (flux_attr_set_cacheonly, EINVAL, flux_attr_set_cacheonly (h, NULL, "b"));
    MEMORY (flux_attr_set_cacheonly, flux_attr_set_cacheonly (h, "rank", "none"), );
    FAILS (flux_get_rank, EINVAL, flux_get_rank (NULL, &n));
    FAILS (flux_get_rank, EINVAL, flux_get_rank (h, NULL));
    FAILS (flux_get_rank, EINVAL, flux_get_rank (h, &n)); /* "none" */
    FAILS (flux_get_size, EINVAL, flux_get_size (NULL, &n));
    FAILS (flux_get_size, EINVAL, flux_get_size (h, NULL));
    FAILS (flux_get_rankbyhost, EINVAL, flux_get_rankbyhost (NULL, "a"));
    NULLS (flux_hostmap_lookup, EINVAL, flux_hostmap_lookup (NULL, "0", NULL));
    FAILS (flux_get_instance_starttime, EINVAL, flux_get_instance_starttime (NULL, &d));
}

static void configurations (void **state)
{
    flux_conf_t *conf = flux_conf_pack ("{s:{s:i}}", "a", "b", 1), *other;
    flux_error_t error;
    char *s;

    assert_non_null (conf);
    NO_MEMORY (flux_conf_create, flux_conf_create (), flux_conf_decref (made));
    NULLS (flux_conf_copy, EINVAL, flux_conf_copy (NULL));
    NO_MEMORY (flux_conf_copy, flux_conf_copy (conf), flux_conf_decref (made));
    NULLS (flux_conf_incref, EINVAL, flux_conf_incref (NULL));
    NULLS (flux_conf_pack, EINVAL, flux_conf_pack (NULL));
    NULLS (flux_conf_pack, EINVAL, flux_conf_pack ("i", 1));
    NO_MEMORY (flux_conf_pack, flux_conf_pack ("{s:i}", "a", 1),
               flux_conf_decref (made));
    FAILS (flux_conf_unpack, EINVAL,
           flux_conf_unpack (NULL, &error, "{s:{s:s}}", "a", "b", &s));
    FAILS (flux_conf_unpack, EINVAL,
           flux_conf_unpack (conf, &error, "{s:{s:s}}", "a", "b", &s));
    FAILS (flux_conf_unpack, EINVAL, flux_conf_unpack (conf, &error, NULL));
    NULLS (flux_conf_parse, EINVAL, flux_conf_parse (NULL, &error));
    NULLS (flux_conf_parse, ENOENT, flux_conf_parse ("/nonexistent.toml", &error));
    FAILS (flux_conf_update, EINVAL, flux_conf_update (NULL, "a=1", &error));
    NULLS (flux_conf_builtin_get, EINVAL, flux_conf_builtin_get (NULL, FLUX_CONF_AUTO));
    NULLS (flux_conf_builtin_get, EINVAL, flux_conf_builtin_get ("x", FLUX_CONF_AUTO));
    NULLS (flux_get_conf, EINVAL, flux_get_conf (NULL));
    FIRST (flux_get_conf, flux_get_conf (h), );
    assert_non_null (other = flux_conf_create ());
    FAILS (flux_set_conf_new, EINVAL, flux_set_conf_new (NULL, other));
    assert_int_equal (flux_set_conf_new (h, other), 0);
    flux_conf_decref (conf);
}

static void the_rest (void **state)
{
    flux_msg_t *msg = flux_request_encode ("a", NULL);
    const flux_conf_t *conf;
    double left;

    FAILS (flux_module_set_running, EINVAL, flux_module_set_running (NULL));
    FAILS (flux_conf_reload_decode, EINVAL, flux_conf_reload_decode (NULL, &conf));
    FAILS (flux_conf_reload_decode, EPROTO, flux_conf_reload_decode (msg, &conf));
    MEMORY (flux_log, flux_log (h, 6, "text"), );
    FAILS (flux_job_timeleft, EINVAL, flux_job_timeleft (NULL, NULL, &left));
    flux_msg_destroy (msg);
}

static int set_up (void **state)
{
    return (h = flux_open ("loop://", 0)) && flux_get_reactor (h) ? 0 : -1;
}

static int tear_down (void **state)
{
    int rc = rows_hold (state);

    flux_close (h);
    return rc;
}

#define ON_LOOP(f) cmocka_unit_test_setup_teardown (f, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests[] = {
        ON_LOOP (opening),    ON_LOOP (sending),        ON_LOOP (rpcs),
        ON_LOOP (responses),  ON_LOOP (events),         ON_LOOP (handlers),
        ON_LOOP (attributes), ON_LOOP (configurations), ON_LOOP (the_rest),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
