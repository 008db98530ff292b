/* Two threads, each with a reactor and a handle on its end of a channel. Run
 * it under the thread sanitizer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <flux/rpc.h>
#include <cmocka.h>

#include "core/handle/channel.h"
#include "core/message/message.h"

static void echo_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    int n;

    if (flux_request_unpack (msg, NULL, "{s:i}", "n", &n) < 0
        || flux_respond_pack (h, msg, "{s:i}", "n", n) < 0)
        abort ();
}

/* n responses, then ENODATA. */
static void stream_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    int n;

    if (!flux_msg_is_streaming (msg)) {
        flux_respond_error (h, msg, EPROTO, NULL);
        return;
    }
    if (flux_request_unpack (msg, NULL, "{s:i}", "n", &n) < 0)
        abort ();
    for (int i = 0; i < n; i++)
        flux_respond_pack (h, msg, "{s:i}", "i", i);
    flux_respond_error (h, msg, ENODATA, NULL);
}

static void stop_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                     void *arg)
{
    flux_reactor_stop (flux_get_reactor (h));
}

static const struct flux_msg_handler_spec service[] = {
    { FLUX_MSGTYPE_REQUEST, "test.echo", echo_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "test.stream", stream_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "test.stop", stop_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

static void *serve (void *arg)
{
    flux_t *h = channel_open_handle (arg, 0);
    flux_msg_handler_t **handlers;

    if (!h || flux_msg_handler_addvec (h, service, NULL, &handlers) < 0
        || flux_reactor_run (flux_get_reactor (h), 0) < 0)
        abort ();
    flux_msg_handler_delvec (handlers);
    flux_close (h);
    return NULL;
}

struct fixture {
    pthread_t thread;
    flux_t *h;
};

static int setup (void **state)
{
    struct fixture *f = calloc (1, sizeof (*f));
    struct channel_end *ends[2];

    if (channel_create (ends) < 0
        || pthread_create (&f->thread, NULL, serve, ends[1]) != 0
        || !(f->h = channel_open_handle (ends[0], 0)))
        return -1;
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    struct fixture *f = *state;

    flux_future_destroy (
        flux_rpc (f->h, "test.stop", NULL, FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE));
    pthread_join (f->thread, NULL);
    flux_close (f->h);
    free (f);
    return 0;
}

static void one_at_a_time (void **state)
{
    struct fixture *fx = *state;

    for (int i = 0; i < 2000; i++) {
        flux_future_t *f =
            flux_rpc_pack (fx->h, "test.echo", FLUX_NODEID_ANY, 0, "{s:i}", "n", i);
        int n;

        assert_int_equal (flux_rpc_get_unpack (f, "{s:i}", "n", &n), 0);
        assert_int_equal (n, i);
        flux_future_destroy (f);
    }
    assert_int_equal (flux_matchtag_avail (fx->h), (1 << 20) - 1);
}

static void count_cb (flux_future_t *f, void *arg)
{
    int *count = arg;

    assert_int_equal (flux_rpc_get (f, NULL), 0);
    (*count)++;
    flux_future_destroy (f);
}

static void many_in_flight (void **state)
{
    struct fixture *fx = *state;
    int count = 0;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 1000; i++) {
            flux_future_t *f =
                flux_rpc_pack (fx->h, "test.echo", FLUX_NODEID_ANY, 0, "{s:i}", "n", i);
            assert_int_equal (flux_future_then (f, -1, count_cb, &count), 0);
        }
        assert_int_equal (flux_reactor_run (flux_get_reactor (fx->h), 0), 0);
    }
    assert_int_equal (count, 5000);
}

static void streams (void **state)
{
    struct fixture *fx = *state;
    flux_future_t *f = flux_rpc_pack (fx->h, "test.stream", FLUX_NODEID_ANY,
                                      FLUX_RPC_STREAMING, "{s:i}", "n", 100);
    int i;

    for (int want = 0; want < 100; want++) {
        assert_int_equal (flux_rpc_get_unpack (f, "{s:i}", "i", &i), 0);
        assert_int_equal (i, want);
        flux_future_reset (f);
    }
    assert_int_equal (flux_rpc_get (f, NULL), -1);
    assert_int_equal (errno, ENODATA);
    flux_future_destroy (f);

    f = flux_rpc_pack (fx->h, "test.stream", FLUX_NODEID_ANY, 0, "{s:i}", "n", 100);
    assert_int_equal (flux_rpc_get (f, NULL), -1);
    assert_int_equal (errno, EPROTO);
    flux_future_destroy (f);
}

static void stream_then_cb (flux_future_t *f, void *arg)
{
    int *count = arg;

    if (flux_rpc_get (f, NULL) < 0) {
        assert_int_equal (errno, ENODATA);
        flux_future_destroy (f);
        return;
    }
    (*count)++;
    flux_future_reset (f);
}

static void streams_then (void **state)
{
    struct fixture *fx = *state;
    flux_future_t *f = flux_rpc_pack (fx->h, "test.stream", FLUX_NODEID_ANY,
                                      FLUX_RPC_STREAMING, "{s:i}", "n", 5000);
    int count = 0;

    assert_int_equal (flux_future_then (f, 10., stream_then_cb, &count), 0);
    assert_int_equal (flux_reactor_run (flux_get_reactor (fx->h), 0), 0);
    assert_int_equal (count, 5000);
}

static void no_such_method (void **state)
{
    struct fixture *fx = *state;
    flux_future_t *f = flux_rpc (fx->h, "test.nosuch", NULL, FLUX_NODEID_ANY, 0);

    assert_int_equal (flux_rpc_get (f, NULL), -1);
    assert_int_equal (errno, ENOSYS);
    assert_string_equal (flux_future_error_string (f), "Function not implemented");
    flux_future_destroy (f);
}

/* What arrives while waiting for one response is still there afterwards. */
static void waiting_keeps_the_rest (void **state)
{
    struct fixture *fx = *state;
    int count = 0;
    flux_future_t *f[10];

    for (int i = 0; i < 10; i++)
        f[i] = flux_rpc_pack (fx->h, "test.echo", FLUX_NODEID_ANY, 0, "{s:i}", "n", i);
    for (int i = 0; i < 9; i++)
        assert_int_equal (flux_future_then (f[i], -1, count_cb, &count), 0);
    assert_int_equal (flux_rpc_get (f[9], NULL), 0);
    assert_int_equal (count, 0);
    flux_future_destroy (f[9]);
    assert_int_equal (flux_reactor_run (flux_get_reactor (fx->h), 0), 0);
    assert_int_equal (count, 9);
}

static void composite (void **state)
{
    struct fixture *fx = *state;
    flux_future_t *cf = flux_future_wait_all_create ();
    int n, count = 0;

    for (int i = 0; i < 10; i++) {
        char name[8];

        sprintf (name, "%d", i);
        assert_int_equal (
            flux_future_push (cf, name,
                              flux_rpc_pack (fx->h, "test.echo", FLUX_NODEID_ANY, 0,
                                             "{s:i}", "n", i)),
            0);
    }
    assert_int_equal (flux_future_wait_for (cf, 10.), 0);
    for (const char *s = flux_future_first_child (cf); s;
         s = flux_future_next_child (cf)) {
        assert_int_equal (
            flux_rpc_get_unpack (flux_future_get_child (cf, s), "{s:i}", "n", &n), 0);
        assert_int_equal (n, atoi (s));
        count++;
    }
    assert_int_equal (count, 10);
    flux_future_destroy (cf);
}

static void step2 (flux_future_t *f, void *arg)
{
    int n;

    assert_int_equal (flux_rpc_get_unpack (f, "{s:i}", "n", &n), 0);
    assert_int_equal (flux_future_continue (
                          f, flux_rpc_pack (flux_future_get_flux (f), "test.echo",
                                            FLUX_NODEID_ANY, 0, "{s:i}", "n", n + 1)),
                      0);
    flux_future_destroy (f);
}

static void chain (void **state)
{
    struct fixture *fx = *state;
    flux_future_t *f, *f2;
    int n;

    for (int i = 0; i < 100; i++) {
        f = flux_rpc_pack (fx->h, "test.echo", FLUX_NODEID_ANY, 0, "{s:i}", "n", 1);
        f2 = flux_future_and_then (flux_future_and_then (f, step2, NULL), step2, NULL);
        assert_int_equal (flux_rpc_get_unpack (f2, "{s:i}", "n", &n), 0);
        assert_int_equal (n, 3);
        flux_future_destroy (f2);
    }
}

static void end_is_seen (void **state)
{
    struct channel_end *ends[2];
    flux_t *h;
    flux_msg_t *msg = flux_request_encode ("a.b", NULL);

    assert_int_equal (channel_create (ends), 0);
    h = channel_open_handle (ends[0], 0);
    assert_int_equal (flux_send (h, msg, 0), 0);
    flux_close (h);
    flux_msg_destroy (msg);
    h = channel_open_handle (ends[1], 0);
    assert_non_null (msg = flux_recv (h, FLUX_MATCH_ANY, 0));
    assert_null (flux_recv (h, FLUX_MATCH_ANY, 0));
    assert_int_equal (errno, ECONNRESET);
    assert_int_equal (flux_send (h, msg, 0), -1);
    assert_int_equal (errno, ECONNRESET);
    flux_msg_destroy (msg);
    flux_close (h);
}

static void ignore_cb (flux_future_t *f, void *arg)
{
}

/* A future that nobody destroyed does not keep the connection open, and may
 * be destroyed after it. */
static void forgotten_future (void **state)
{
    struct channel_end *ends[2];
    flux_future_t *f;
    flux_t *h;

    assert_int_equal (channel_create (ends), 0);
    h = channel_open_handle (ends[0], 0);
    f = flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, 0);
    assert_int_equal (flux_future_then (f, -1, ignore_cb, NULL), 0);
    flux_close (h);
    flux_msg_decref (channel_recv (ends[1]));
    assert_null (channel_recv (ends[1]));
    assert_int_equal (errno, ECONNRESET);
    flux_future_destroy (f);
    channel_close (ends[1]);
}

/* A request as it comes from a socket. */
static flux_msg_t *from_outside (void)
{
    flux_msg_t *msg = flux_request_encode ("a.b", NULL), *decoded;
    char buf[128];

    assert_int_equal (flux_msg_encode (msg, buf, sizeof (buf)), 0);
    decoded = flux_msg_decode (buf, flux_msg_encode_size (msg));
    flux_msg_decref (msg);
    assert_non_null (decoded);
    return decoded;
}

/* The length of the payload as it is when the other end gets the message. */
static size_t known_len (struct channel_end *end)
{
    flux_msg_t *msg = channel_recv (end);
    size_t len = msg_known_len (msg);
    int n;

    assert_int_equal (flux_msg_unpack (msg, "{s:i}", "n", &n), 0);
    assert_int_equal (n, 1);
    flux_msg_decref (msg);
    return len;
}

static void encodes_what_leaves (void **state)
{
    struct channel_end *ends[2];
    flux_msg_t *inside = flux_request_encode ("a.b", NULL);
    flux_msg_t *outside = from_outside (), *msg;
    flux_t *h;

    assert_int_equal (channel_create (ends), 0);
    h = channel_open_handle (ends[0], 0);
    channel_set_rank (3);
    assert_int_equal (flux_respond_pack (h, inside, "{s:i}", "n", 1), 0);
    assert_int_equal (known_len (ends[1]), 0);
    assert_int_equal (flux_respond_pack (h, outside, "{s:i}", "n", 1), 0);
    assert_int_equal (known_len (ends[1]), 8);
    /* kept by the sender, and copied */
    msg = flux_response_derive (outside, 0);
    flux_msg_pack (msg, "{s:i}", "n", 1);
    assert_int_equal (flux_send (h, msg, 0), 0);
    assert_int_equal (known_len (ends[1]), 8);
    flux_msg_decref (msg);
    flux_future_destroy (
        flux_rpc_pack (h, "a.b", 3, FLUX_RPC_NORESPONSE, "{s:i}", "n", 1));
    assert_int_equal (known_len (ends[1]), 0);
    flux_future_destroy (
        flux_rpc_pack (h, "a.b", 4, FLUX_RPC_NORESPONSE, "{s:i}", "n", 1));
    assert_int_equal (known_len (ends[1]), 8);
    channel_set_rank (-1);
    flux_msg_decref (inside);
    flux_msg_decref (outside);
    flux_close (h);
    channel_close (ends[1]);
}

static void put (struct channel_end *end, const char *topic, bool later)
{
    flux_msg_t *msg = flux_request_encode (topic, NULL);

    if (strstr (topic, ".disconnect"))
        flux_msg_set_noresponse (msg);
    assert_int_equal (later ? channel_send_later (end, &msg) : channel_send (end, &msg),
                      0);
    assert_null (msg);
}

/* The topics of so many messages. */
static const char *got (struct channel_end *end, int count)
{
    static char text[256];
    const char *topic;
    flux_msg_t *msg;

    text[0] = '\0';
    while (count-- > 0 && (msg = channel_recv (end))) {
        assert_int_equal (flux_msg_get_topic (msg, &topic), 0);
        strcat (strcat (text, *text ? " " : ""), topic);
        flux_msg_decref (msg);
    }
    return text;
}

/* Of what may wait one is received for four others, whichever came first. */
static void some_may_wait (void **state)
{
    struct channel_end *ends[2];

    assert_int_equal (channel_create (ends), 0);
    for (int i = 0; i < 3; i++)
        put (ends[0], "g", true);
    for (int i = 0; i < 10; i++)
        put (ends[0], "o", false);
    assert_int_equal (channel_recv_count (ends[1]), 13);
    assert_string_equal (got (ends[1], 11), "o o o o g o o o o g o");
    /* whoever comes now is before those that wait */
    put (ends[0], "p", false);
    put (ends[0], "h", true);
    assert_string_equal (got (ends[1], 9), "o p g h");
    assert_null (channel_recv (ends[1]));
    assert_int_equal (errno, EAGAIN);
    channel_close (ends[0]);
    channel_close (ends[1]);
}

/* That somebody has left is said when all that he may have asked was received. */
static void disconnects_come_last (void **state)
{
    struct channel_end *ends[2];

    assert_int_equal (channel_create (ends), 0);
    put (ends[0], "g", true);
    for (int i = 0; i < 6; i++)
        put (ends[0], "o", false);
    put (ends[0], "g.disconnect", true);
    put (ends[0], "o.disconnect", true);
    put (ends[0], "p", false);
    put (ends[0], "h", true);
    assert_string_equal (got (ends[1], 99),
                         "o o o o g o o g.disconnect o.disconnect p h");
    /* alone, and between the fetches of the reader */
    put (ends[0], "a.disconnect", true);
    assert_true (channel_pollevents (ends[1]) & FLUX_POLLIN);
    put (ends[0], "o", false);
    put (ends[0], "b.disconnect", true);
    assert_string_equal (got (ends[1], 1), "a.disconnect");
    put (ends[0], "q", false);
    assert_string_equal (got (ends[1], 99), "o b.disconnect q");
    /* what it is behind was received when it is fetched */
    put (ends[0], "o", false);
    put (ends[0], "g", true);
    assert_true (channel_pollevents (ends[1]) & FLUX_POLLIN);
    for (int i = 0; i < 4; i++)
        put (ends[0], "p", false);
    put (ends[0], "a.disconnect", true);
    put (ends[0], "q", false);
    assert_string_equal (got (ends[1], 99), "o p p g p p a.disconnect q");
    assert_false (channel_pollevents (ends[1]) & FLUX_POLLIN);
    /* what is left goes with the channel */
    put (ends[0], "o", false);
    put (ends[0], "a.disconnect", true);
    channel_close (ends[0]);
    assert_string_equal (got (ends[1], 1), "o");
    channel_close (ends[1]);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown (many_in_flight, setup, teardown),
        cmocka_unit_test_setup_teardown (streams, setup, teardown),
        cmocka_unit_test_setup_teardown (streams_then, setup, teardown),
        cmocka_unit_test_setup_teardown (no_such_method, setup, teardown),
        cmocka_unit_test_setup_teardown (waiting_keeps_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown (composite, setup, teardown),
        cmocka_unit_test_setup_teardown (chain, setup, teardown),
        cmocka_unit_test (end_is_seen),
        cmocka_unit_test (some_may_wait),
        cmocka_unit_test (disconnects_come_last),
        cmocka_unit_test (forgotten_future),
        cmocka_unit_test (encodes_what_leaves),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
