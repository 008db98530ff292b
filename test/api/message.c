/* How calls on messages fail. */
#include "api.h"

static flux_msg_t *of (int type)
{
    flux_msg_t *msg = flux_msg_create (type);

    assert_non_null (msg);
    return msg;
}

static void making (void **state)
{
    flux_msg_t *msg = of (FLUX_MSGTYPE_REQUEST);
    char small[4];
    size_t size;
    void *buf;

    NULLS (flux_msg_create, EINVAL, flux_msg_create (99));
    NO_MEMORY (flux_msg_create, flux_msg_create (FLUX_MSGTYPE_EVENT),
               flux_msg_destroy (made));
    NULLS (flux_msg_copy, EINVAL, flux_msg_copy (NULL, true));
    NO_MEMORY (flux_msg_copy, flux_msg_copy (msg, true), flux_msg_destroy (made));
    NULLS (flux_msg_incref, EINVAL, flux_msg_incref (NULL));
    FAILS (flux_msg_encode_size, EINVAL, flux_msg_encode_size (NULL));
    FAILS (flux_msg_encode_size, EPROTO, flux_msg_encode_size (msg)); /* no topic */
    assert_int_equal (flux_msg_set_topic (msg, "a.b"), 0);
    assert_true ((size = flux_msg_encode_size (msg)) > 0);
    assert_non_null (buf = malloc (size));
    FAILS (flux_msg_encode, EINVAL, flux_msg_encode (NULL, buf, size));
    FAILS (flux_msg_encode, EINVAL, flux_msg_encode (msg, NULL, size));
    FAILS (flux_msg_encode, EINVAL, flux_msg_encode (msg, small, sizeof (small)));
    assert_int_equal (flux_msg_encode (msg, buf, size), 0);
    NULLS (flux_msg_decode, EINVAL, flux_msg_decode (NULL, 4));
    NULLS (flux_msg_decode, EPROTO, flux_msg_decode (buf, size - 1));
    NO_MEMORY (flux_msg_decode, flux_msg_decode (buf, size), flux_msg_destroy (made));
    free (buf);
    flux_msg_destroy (msg);
}

static void type_and_flags (void **state)
{
    flux_msg_t *msg = of (FLUX_MSGTYPE_REQUEST);
    int n;

    FAILS (flux_msg_get_type, EINVAL, flux_msg_get_type (NULL, &n));
    FAILS (flux_msg_set_type, EINVAL, flux_msg_set_type (NULL, FLUX_MSGTYPE_EVENT));
    FAILS (flux_msg_set_type, EINVAL, flux_msg_set_type (msg, 99));
    FAILS (flux_msg_get_flags, EINVAL, flux_msg_get_flags (NULL, &n));
    FAILS (flux_msg_set_flags, EINVAL, flux_msg_set_flags (NULL, 0));
    FAILS (flux_msg_set_flags, EINVAL, flux_msg_set_flags (msg, 0x1000));
    FAILS (flux_msg_set_flag, EINVAL, flux_msg_set_flag (NULL, FLUX_MSGFLAG_USER1));
    FAILS (flux_msg_set_flag, EINVAL, flux_msg_set_flag (msg, 0x1000));
    FAILS (flux_msg_set_flag, EINVAL, flux_msg_set_flag (msg, FLUX_MSGFLAG_TOPIC));
    FAILS (flux_msg_clear_flag, EINVAL, flux_msg_clear_flag (NULL, FLUX_MSGFLAG_USER1));
    FAILS (flux_msg_clear_flag, EINVAL, flux_msg_clear_flag (msg, 0x1000));
    FAILS (flux_msg_set_private, EINVAL, flux_msg_set_private (NULL));
    FAILS (flux_msg_set_streaming, EINVAL, flux_msg_set_streaming (NULL));
    FAILS (flux_msg_set_noresponse, EINVAL, flux_msg_set_noresponse (NULL));
    assert_false (flux_msg_has_flag (NULL, FLUX_MSGFLAG_USER1));
    assert_false (flux_msg_is_private (NULL));
    assert_false (flux_msg_is_streaming (NULL));
    assert_false (flux_msg_is_noresponse (NULL));
    assert_int_equal (flux_msg_set_flag (msg, FLUX_MSGFLAG_USER1), 0);
    assert_true (flux_msg_has_flag (msg, FLUX_MSGFLAG_USER1));
    assert_int_equal (flux_msg_clear_flag (msg, FLUX_MSGFLAG_USER1), 0);
    assert_false (flux_msg_has_flag (msg, FLUX_MSGFLAG_USER1));
    assert_true (flux_msg_set_private (msg) == 0 && flux_msg_is_private (msg));
    assert_true (flux_msg_set_streaming (msg) == 0 && flux_msg_is_streaming (msg));
    FAILS (flux_msg_set_noresponse, EINVAL, flux_msg_set_noresponse (msg)); /* both */
    assert_int_equal (flux_msg_set_flags (msg, 0), 0);
    assert_true (flux_msg_set_noresponse (msg) == 0 && flux_msg_is_noresponse (msg));
    flux_msg_destroy (msg);
}

static void parts (void **state)
{
    flux_msg_t *msg = of (FLUX_MSGTYPE_REQUEST), *control = of (FLUX_MSGTYPE_CONTROL);
    char topic[2000] = "";
    const char *s;
    const void *data;
    size_t len;
    int n;

    FAILS (flux_msg_get_topic, EINVAL, flux_msg_get_topic (NULL, &s));
    FAILS (flux_msg_get_topic, EPROTO, flux_msg_get_topic (msg, &s));
    FAILS (flux_msg_set_topic, EINVAL, flux_msg_set_topic (NULL, "a"));
    FAILS (flux_msg_set_topic, EINVAL, flux_msg_set_topic (msg, ""));
    memset (topic, 'a', sizeof (topic) - 1);
    MEMORY (flux_msg_set_topic, flux_msg_set_topic (msg, topic), );
    FAILS (flux_msg_get_payload, EINVAL, flux_msg_get_payload (NULL, &data, &len));
    FAILS (flux_msg_get_payload, EPROTO, flux_msg_get_payload (msg, &data, &len));
    FAILS (flux_msg_set_payload, EINVAL, flux_msg_set_payload (NULL, "x", 1));
    FAILS (flux_msg_set_payload, EINVAL, flux_msg_set_payload (msg, NULL, 1));
    MEMORY (flux_msg_set_payload, flux_msg_set_payload (msg, "xyz", 3), );
    FAILS (flux_msg_get_string, EINVAL, flux_msg_get_string (NULL, &s));
    FAILS (flux_msg_get_string, EPROTO, flux_msg_get_string (msg, &s)); /* no NUL */
    FAILS (flux_msg_set_string, EINVAL, flux_msg_set_string (NULL, "x"));
    MEMORY (flux_msg_set_string, flux_msg_set_string (msg, "text"), );
    FAILS (flux_msg_unpack, EPROTO, flux_msg_unpack (msg, "{s:i}", "a", &n));
    FAILS (flux_msg_unpack, EINVAL, flux_msg_unpack (NULL, "{s:i}", "a", &n));
    FAILS (flux_msg_pack, EINVAL, flux_msg_pack (NULL, "{s:i}", "a", 1));
    FAILS (flux_msg_pack, EINVAL, flux_msg_pack (msg, "i", 1));
    FAILS (flux_msg_pack, EINVAL, flux_msg_pack (msg, NULL));
    MEMORY (flux_msg_pack, flux_msg_pack (msg, "{s:i}", "a", 1), );
    MEMORY (flux_msg_unpack, flux_msg_unpack (msg, "{s:i}", "a", &n), );
    FAILS (flux_msg_unpack, EPROTO, flux_msg_unpack (msg, "{s:s}", "a", &s));
    assert_int_equal (flux_msg_unpack (msg, "{s:i}", "a", &n), 0);
    FAILS (flux_msg_get_topic, EPROTO, flux_msg_get_topic (control, &s));
    flux_msg_destroy (msg);
    flux_msg_destroy (control);
}

static void fields (void **state)
{
    flux_msg_t *request = of (FLUX_MSGTYPE_REQUEST);
    flux_msg_t *response = of (FLUX_MSGTYPE_RESPONSE);
    flux_msg_t *event = of (FLUX_MSGTYPE_EVENT);
    struct flux_msg_cred cred = { .userid = 1, .rolemask = FLUX_ROLE_USER };
    uint32_t u;
    int n, m;

    FAILS (flux_msg_get_nodeid, EINVAL, flux_msg_get_nodeid (NULL, &u));
    FAILS (flux_msg_get_nodeid, EPROTO, flux_msg_get_nodeid (event, &u));
    FAILS (flux_msg_set_nodeid, EINVAL, flux_msg_set_nodeid (NULL, 1));
    FAILS (flux_msg_set_nodeid, EINVAL,
           flux_msg_set_nodeid (request, FLUX_NODEID_UPSTREAM));
    FAILS (flux_msg_set_nodeid, EPROTO, flux_msg_set_nodeid (event, 1));
    FAILS (flux_msg_get_userid, EINVAL, flux_msg_get_userid (NULL, &u));
    FAILS (flux_msg_set_userid, EINVAL, flux_msg_set_userid (NULL, 1));
    FAILS (flux_msg_get_rolemask, EINVAL, flux_msg_get_rolemask (NULL, &u));
    FAILS (flux_msg_set_rolemask, EINVAL, flux_msg_set_rolemask (NULL, 1));
    FAILS (flux_msg_get_cred, EINVAL, flux_msg_get_cred (NULL, &cred));
    FAILS (flux_msg_set_cred, EINVAL, flux_msg_set_cred (NULL, cred));
    FAILS (flux_msg_cred_authorize, EPERM, flux_msg_cred_authorize (cred, 2));
    FAILS (flux_msg_authorize, EINVAL, flux_msg_authorize (NULL, 2));
    assert_int_equal (flux_msg_set_cred (request, cred), 0);
    FAILS (flux_msg_authorize, EPERM, flux_msg_authorize (request, 2));
    FAILS (flux_msg_get_errnum, EINVAL, flux_msg_get_errnum (NULL, &n));
    FAILS (flux_msg_get_errnum, EPROTO, flux_msg_get_errnum (request, &n));
    FAILS (flux_msg_set_errnum, EINVAL, flux_msg_set_errnum (NULL, 1));
    FAILS (flux_msg_set_errnum, EPROTO, flux_msg_set_errnum (request, 1));
    FAILS (flux_msg_get_seq, EINVAL, flux_msg_get_seq (NULL, &u));
    FAILS (flux_msg_get_seq, EPROTO, flux_msg_get_seq (request, &u));
    FAILS (flux_msg_set_seq, EINVAL, flux_msg_set_seq (NULL, 1));
    FAILS (flux_msg_set_seq, EPROTO, flux_msg_set_seq (request, 1));
    FAILS (flux_msg_get_matchtag, EINVAL, flux_msg_get_matchtag (NULL, &u));
    FAILS (flux_msg_get_matchtag, EPROTO, flux_msg_get_matchtag (event, &u));
    FAILS (flux_msg_set_matchtag, EINVAL, flux_msg_set_matchtag (NULL, 1));
    FAILS (flux_msg_set_matchtag, EPROTO, flux_msg_set_matchtag (event, 1));
    FAILS (flux_msg_get_control, EINVAL, flux_msg_get_control (NULL, &n, &m));
    FAILS (flux_msg_get_control, EPROTO, flux_msg_get_control (event, &n, &m));
    FAILS (flux_msg_set_control, EINVAL, flux_msg_set_control (NULL, 1, 1));
    FAILS (flux_msg_set_control, EPROTO, flux_msg_set_control (event, 1, 1));
    FAILS (flux_control_decode, EINVAL, flux_control_decode (NULL, &n, &m));
    FAILS (flux_control_decode, EPROTO, flux_control_decode (event, &n, &m));
    NO_MEMORY (flux_control_encode, flux_control_encode (1, 2),
               flux_msg_destroy (made));
    flux_msg_destroy (request);
    flux_msg_destroy (response);
    flux_msg_destroy (event);
}

static void aux_and_routes (void **state)
{
    flux_msg_t *msg = of (FLUX_MSGTYPE_REQUEST);
    char id[2000] = "";

    FAILS (flux_msg_aux_set, EINVAL, flux_msg_aux_set (NULL, "a", (char *)"b", NULL));
    FAILS (flux_msg_aux_set, EINVAL, flux_msg_aux_set (msg, NULL, NULL, NULL));
    MEMORY (flux_msg_aux_set, flux_msg_aux_set (msg, "a", (char *)"b", NULL), );
    NULLS (flux_msg_aux_get, EINVAL, flux_msg_aux_get (NULL, "a"));
    NULLS (flux_msg_aux_get, EINVAL, flux_msg_aux_get (msg, NULL));
    NULLS (flux_msg_aux_get, ENOENT, flux_msg_aux_get (msg, "nosuch"));
    FAILS (flux_msg_route_push, EINVAL, flux_msg_route_push (NULL, "a"));
    FAILS (flux_msg_route_push, EPROTO, flux_msg_route_push (msg, "a"));
    FAILS (flux_msg_route_delete_last, EINVAL, flux_msg_route_delete_last (NULL));
    FAILS (flux_msg_route_delete_last, EPROTO, flux_msg_route_delete_last (msg));
    FAILS (flux_msg_route_count, EINVAL, flux_msg_route_count (NULL));
    FAILS (flux_msg_route_count, EPROTO, flux_msg_route_count (msg));
    NULLS (flux_msg_route_string, EINVAL, flux_msg_route_string (NULL));
    NULLS (flux_msg_route_string, EPROTO, flux_msg_route_string (msg));
    flux_msg_route_enable (msg);
    FAILS (flux_msg_route_push, EINVAL, flux_msg_route_push (msg, NULL));
    memset (id, 'a', sizeof (id) - 1);
    MEMORY (flux_msg_route_push, flux_msg_route_push (msg, id), );
    NO_MEMORY (flux_msg_route_string, flux_msg_route_string (msg), free (made));
    flux_msg_destroy (msg);
}

static void codecs (void **state)
{
    flux_msg_t *msg = flux_request_encode ("a.b", "{\"i\":1}");
    flux_msg_t *response = flux_response_encode ("a.b", "{\"i\":1}");
    flux_msg_t *refusal = flux_response_encode_error ("a.b", ENOSYS, NULL);
    flux_msg_t *event = flux_event_encode ("a.b", "{\"i\":1}");
    flux_msg_t *bare = of (FLUX_MSGTYPE_REQUEST);
    const char *t, *s;
    const void *data;
    size_t len;
    int i;

    assert_true (msg && response && refusal && event);
    NULLS (flux_request_encode, EINVAL, flux_request_encode (NULL, "x"));
    NO_MEMORY (flux_request_encode, flux_request_encode ("a", "x"),
               flux_msg_destroy (made));
    NULLS (flux_request_encode_raw, EINVAL, flux_request_encode_raw (NULL, "x", 1));
    NO_MEMORY (flux_request_encode_raw, flux_request_encode_raw ("a", "x", 1),
               flux_msg_destroy (made));
    FAILS (flux_request_decode, EINVAL, flux_request_decode (NULL, &t, &s));
    FAILS (flux_request_decode, EPROTO, flux_request_decode (event, &t, &s));
    FAILS (flux_request_decode, EPROTO, flux_request_decode (bare, &t, &s));
    FAILS (flux_request_decode_raw, EINVAL,
           flux_request_decode_raw (NULL, &t, &data, &len));
    FAILS (flux_request_decode_raw, EPROTO,
           flux_request_decode_raw (event, &t, &data, &len));
    FAILS (flux_request_unpack, EINVAL,
           flux_request_unpack (NULL, &t, "{s:i}", "i", &i));
    FAILS (flux_request_unpack, EPROTO,
           flux_request_unpack (event, &t, "{s:i}", "i", &i));
    FAILS (flux_request_unpack, EPROTO,
           flux_request_unpack (msg, &t, "{s:s}", "i", &s));
    assert_int_equal (flux_request_unpack (msg, &t, "{s:i}", "i", &i), 0);

    NULLS (flux_response_encode, EINVAL, flux_response_encode (NULL, "x"));
    NULLS (flux_response_encode_raw, EINVAL, flux_response_encode_raw (NULL, "x", 1));
    NULLS (flux_response_encode_error, EINVAL,
           flux_response_encode_error (NULL, 1, "x"));
    NULLS (flux_response_encode_error, EINVAL,
           flux_response_encode_error ("a", 0, "x"));
    FAILS (flux_response_decode, EINVAL, flux_response_decode (NULL, &t, &s));
    FAILS (flux_response_decode, EPROTO, flux_response_decode (msg, &t, &s));
    FAILS (flux_response_decode, ENOSYS, flux_response_decode (refusal, &t, &s));
    FAILS (flux_response_decode_raw, EINVAL,
           flux_response_decode_raw (NULL, &t, &data, &len));
    FAILS (flux_response_decode_raw, EPROTO,
           flux_response_decode_raw (msg, &t, &data, &len));
    FAILS (flux_response_decode_error, EINVAL, flux_response_decode_error (NULL, &s));
    FAILS (flux_response_decode_error, EPROTO, flux_response_decode_error (msg, &s));
    FAILS (flux_response_decode_error, ENOENT,
           flux_response_decode_error (refusal, &s));
    NULLS (flux_response_derive, EINVAL, flux_response_derive (NULL, 0));

    NULLS (flux_event_encode, EINVAL, flux_event_encode (NULL, "x"));
    NO_MEMORY (flux_event_encode, flux_event_encode ("a", "x"),
               flux_msg_destroy (made));
    NULLS (flux_event_encode_raw, EINVAL, flux_event_encode_raw (NULL, "x", 1));
    NO_MEMORY (flux_event_encode_raw, flux_event_encode_raw ("a", "x", 1),
               flux_msg_destroy (made));
    NULLS (flux_event_pack, EINVAL, flux_event_pack (NULL, "{s:i}", "i", 1));
    NULLS (flux_event_pack, EINVAL, flux_event_pack ("a", "i", 1));
    NO_MEMORY (flux_event_pack, flux_event_pack ("a", "{s:i}", "i", 1),
               flux_msg_destroy (made));
    FAILS (flux_event_decode, EINVAL, flux_event_decode (NULL, &t, &s));
    FAILS (flux_event_decode, EPROTO, flux_event_decode (msg, &t, &s));
    FAILS (flux_event_decode_raw, EINVAL,
           flux_event_decode_raw (NULL, &t, &data, &len));
    FAILS (flux_event_decode_raw, EPROTO, flux_event_decode_raw (msg, &t, &data, &len));
    FAILS (flux_event_unpack, EINVAL, flux_event_unpack (NULL, &t, "{s:i}", "i", &i));
    FAILS (flux_event_unpack, EPROTO, flux_event_unpack (msg, &t, "{s:i}", "i", &i));
    FAILS (flux_event_unpack, EPROTO, flux_event_unpack (event, &t, "{s:s}", "i", &s));
    assert_int_equal (flux_event_unpack (event, &t, "{s:i}", "i", &i), 0);
    flux_msg_destroy (msg);
    flux_msg_destroy (response);
    flux_msg_destroy (refusal);
    flux_msg_destroy (event);
    flux_msg_destroy (bare);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        ROWS (making), ROWS (type_and_flags), ROWS (parts),
        ROWS (fields), ROWS (aux_and_routes), ROWS (codecs),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
