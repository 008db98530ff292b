#include "base/test.h"

#include <errno.h>
#include <flux/rpc.h>
#include <stdio.h>
#include <string.h>

#include "cmd/proxy/session.h"

static flux_msg_t *request (const char *topic, uint32_t tag, const char *payload,
                            int flags)
{
    flux_msg_t *msg = flux_request_encode (topic, payload);

    assert_non_null (msg);
    assert_int_equal (flux_msg_set_matchtag (msg, tag), 0);
    if ((flags & FLUX_MSGFLAG_STREAMING))
        assert_int_equal (flux_msg_set_streaming (msg), 0);
    if ((flags & FLUX_MSGFLAG_NORESPONSE))
        assert_int_equal (flux_msg_set_noresponse (msg), 0);
    return msg;
}

static void up (struct session *s, const char *topic, uint32_t tag, const char *payload,
                int flags)
{
    flux_msg_t *msg = request (topic, tag, payload, flags);

    assert_int_equal (session_up (s, msg), 0);
    flux_msg_decref (msg);
}

static void down (struct session *s, uint32_t tag, int errnum)
{
    flux_msg_t *req = request ("x", tag, NULL, 0);
    flux_msg_t *msg = flux_response_derive (req, errnum);

    assert_non_null (msg);
    assert_int_equal (session_down (s, msg), 0);
    flux_msg_decref (msg);
    flux_msg_decref (req);
}

static void note (flux_msg_t *msg, void *arg)
{
    char *text = arg;
    const char *topic, *payload = NULL;
    uint32_t tag = 0;
    int errnum = 0;

    flux_msg_get_topic (msg, &topic);
    flux_msg_get_matchtag (msg, &tag);
    flux_msg_get_errnum (msg, &errnum);
    flux_msg_get_string (msg, &payload);
    sprintf (text + strlen (text), "%s %u %s %s;", topic, (unsigned)tag,
             errnum == ECONNRESET ? "reset" : "-", payload ? payload : "-");
}

static void lost (struct session *s, const char *want)
{
    char text[512] = "";

    session_lost (s, note, text);
    assert_string_equal (text, want);
}

static void restored (struct session *s, const char *want)
{
    char text[512] = "";

    session_restore (s, note, text);
    assert_string_equal (text, want);
}

static void answers_what_waits (void **state)
{
    struct session *s = session_create ();

    up (s, "a.b", 1, NULL, 0);
    up (s, "a.c", 2, NULL, 0);
    up (s, "a.d", 3, NULL, FLUX_MSGFLAG_NORESPONSE);
    up (s, "a.e", 0, NULL, 0);
    down (s, 1, 0);
    down (s, 9, 0);
    lost (s, "a.c 2 reset -;");
    lost (s, "");
    session_destroy (s);
    session_destroy (NULL);
}

static void a_stream_ends_with_an_error (void **state)
{
    struct session *s = session_create ();

    up (s, "a.b", 1, NULL, FLUX_MSGFLAG_STREAMING);
    down (s, 1, 0);
    up (s, "a.c", 2, NULL, FLUX_MSGFLAG_STREAMING);
    down (s, 2, ENODATA);
    lost (s, "a.b 1 reset -;");
    session_destroy (s);
}

static void what_the_broker_did_comes_back (void **state)
{
    struct session *s = session_create ();

    up (s, "event.subscribe", 1, "{\"topic\":\"x\"}", 0);
    restored (s, "");
    down (s, 1, 0);
    restored (s, "event.subscribe 0 - {\"topic\":\"x\"};");
    up (s, "event.subscribe", 2, "{\"topic\":\"refused\"}", 0);
    down (s, 2, EPERM);
    up (s, "event.subscribe", 0, "{\"topic\":\"x\"}", FLUX_MSGFLAG_NORESPONSE);
    restored (s, "event.subscribe 0 - {\"topic\":\"x\"};"
                 "event.subscribe 0 - {\"topic\":\"x\"};");
    up (s, "event.unsubscribe", 0, "{\"topic\":\"x\"}", FLUX_MSGFLAG_NORESPONSE);
    up (s, "event.unsubscribe", 0, "{\"topic\":\"x\"}", FLUX_MSGFLAG_NORESPONSE);
    up (s, "service.add", 4, "{\"service\":\"mine\"}", 0);
    down (s, 4, 0);
    up (s, "service.add", 5, "no json", 0);
    down (s, 5, 0);
    restored (s, "service.add 0 - {\"service\":\"mine\"};");
    up (s, "service.remove", 6, "{\"service\":\"mine\"}", 0);
    down (s, 6, 0);
    restored (s, "");
    session_destroy (s);
}

static void lost_requests_did_nothing (void **state)
{
    struct session *s = session_create ();

    up (s, "event.subscribe", 1, "{\"topic\":\"x\"}", 0);
    lost (s, "event.subscribe 1 reset -;");
    down (s, 1, 0);
    restored (s, "");
    session_destroy (s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (answers_what_waits),
        cmocka_unit_test (a_stream_ends_with_an_error),
        cmocka_unit_test (what_the_broker_did_comes_back),
        cmocka_unit_test (lost_requests_did_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
