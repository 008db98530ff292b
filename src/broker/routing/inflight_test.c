#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flux/rpc.h>

#include "base/test.h"
#include "broker/routing/inflight.h"
#include "broker/routing/quota.h"

#define MANY 160000 /* more than a table that is searched from its start bears */

static flux_msg_t *request (const char *topic, const char *id, uint32_t matchtag)
{
    flux_msg_t *msg = flux_request_encode (topic, NULL);

    assert_non_null (msg);
    flux_msg_set_matchtag (msg, matchtag);
    flux_msg_route_enable (msg);
    flux_msg_route_push (msg, id);
    return msg;
}

static void add (struct inflight *t, struct inflight_peer *to,
                 struct inflight_peer *from, const char *topic, const char *id,
                 uint32_t matchtag)
{
    flux_msg_t *msg = request (topic, id, matchtag);

    assert_int_equal (inflight_add (t, to, from, NULL, msg), 0);
    flux_msg_decref (msg);
}

static enum inflight_found respond (struct inflight *t, struct inflight_peer *to,
                                    const char *topic, const char *id,
                                    uint32_t matchtag, bool streaming, int errnum)
{
    flux_msg_t *req = request (topic, id, matchtag);
    flux_msg_t *rep = flux_response_derive (req, errnum);
    enum inflight_found found;

    if (streaming)
        flux_msg_set_streaming (rep);
    found = inflight_respond (t, to, rep, true);
    flux_msg_decref (rep);
    flux_msg_decref (req);
    return found;
}

static void responses (void **state)
{
    struct inflight *t = inflight_create (NULL);
    struct inflight_peer svc, other, client;

    inflight_peer_init (&svc, &svc);
    inflight_peer_init (&other, &other);
    inflight_peer_init (&client, &client);
    for (int i = 1; i <= 200; i++)
        add (t, &svc, &client, "foo.bar", i % 2 ? "a" : "b", i);
    assert_int_equal (inflight_count (t), 200);
    for (int i = 4; i <= 200; i++)
        assert_int_equal (respond (t, &svc, "foo.bar", i % 2 ? "a" : "b", i, false, 0),
                          INFLIGHT_ENDED);
    assert_int_equal (inflight_count (t), 3);
    assert_int_equal (client.from_count, 3);
    /* twice, by another, to another sender, without a tag */
    assert_int_equal (respond (t, &svc, "foo.bar", "a", 5, false, 0), INFLIGHT_UNKNOWN);
    assert_int_equal (respond (t, &other, "foo.bar", "a", 1, false, 0),
                      INFLIGHT_UNKNOWN);
    assert_int_equal (respond (t, &svc, "foo.bar", "b", 1, false, 0), INFLIGHT_UNKNOWN);
    assert_int_equal (respond (t, &svc, "foo.bar", "a", 0, false, 0),
                      INFLIGHT_UNTRACKED);
    /* a stream goes on until its error */
    assert_int_equal (respond (t, &svc, "foo.bar", "a", 1, true, 0), INFLIGHT_GOES_ON);
    assert_int_equal (respond (t, &svc, "foo.bar", "a", 1, true, ENODATA),
                      INFLIGHT_ENDED);
    assert_int_equal (respond (t, &svc, "foo.bar", "a", 1, true, 0), INFLIGHT_UNKNOWN);
    assert_int_equal (inflight_count (t), 2);
    inflight_destroy (t);
}

static void way_back (void **state)
{
    struct inflight *t = inflight_create (NULL);
    struct inflight_peer svc;
    flux_msg_t *req = request ("foo.bar", "a", 1), *rep;

    inflight_peer_init (&svc, &svc);
    flux_msg_route_push (req, "hop");
    assert_int_equal (inflight_add (t, &svc, NULL, NULL, req), 0);
    rep = flux_response_derive (req, 0);
    flux_msg_route_delete_last (rep);
    flux_msg_route_push (rep, "elsewhere");
    assert_int_equal (inflight_respond (t, &svc, rep, true), INFLIGHT_UNKNOWN);
    assert_int_equal (inflight_respond (t, &svc, rep, false), INFLIGHT_ENDED);
    flux_msg_decref (rep);
    /* it could not be sent */
    assert_int_equal (inflight_add (t, &svc, NULL, NULL, req), 0);
    inflight_undo (t, &svc);
    assert_int_equal (inflight_count (t), 0);
    flux_msg_decref (req);
    inflight_destroy (t);
}

static void disconnects (void **state)
{
    struct inflight *t = inflight_create (NULL);
    struct inflight_peer svc, other, client;
    flux_msg_t *msg;

    inflight_peer_init (&svc, &svc);
    inflight_peer_init (&other, &other);
    inflight_peer_init (&client, &client);
    add (t, &svc, &client, "foo.bar", "a", 1);
    add (t, &svc, &client, "foo.baz", "a", 2);
    add (t, &svc, &client, "foobar.x", "a", 3);
    add (t, &svc, &client, "foo.bar", "b", 1);
    add (t, &other, &client, "foo.bar", "a", 1);
    msg = request ("foo.disconnect", "a", 0);
    flux_msg_set_noresponse (msg);
    assert_int_equal (inflight_add (t, &svc, NULL, NULL, msg), 0);
    assert_int_equal (inflight_count (t), 5);
    inflight_disconnect (t, &svc, msg);
    assert_int_equal (inflight_count (t), 3);
    assert_int_equal (svc.to_count, 2);
    inflight_disconnect (t, &svc, msg);
    assert_int_equal (inflight_count (t), 3);
    flux_msg_decref (msg);
    inflight_destroy (t);
}

static void fails_with_its_peer (void **state)
{
    struct inflight *t = inflight_create (NULL);
    struct inflight_peer svc;
    flux_msg_t *req = request ("foo.bar", "a", 7), *rep;
    const char *s;
    uint32_t tag;
    int errnum;

    inflight_peer_init (&svc, &svc);
    flux_msg_route_push (req, "hop");
    flux_msg_set_streaming (req);
    assert_int_equal (inflight_add (t, &svc, NULL, NULL, req), 0);
    flux_msg_decref (req);
    assert_non_null (rep = inflight_fail (t, &svc, EHOSTUNREACH, "gone"));
    assert_int_equal (flux_msg_get_errnum (rep, &errnum), 0);
    assert_int_equal (errnum, EHOSTUNREACH);
    assert_int_equal (flux_msg_get_matchtag (rep, &tag), 0);
    assert_int_equal (tag, 7);
    assert_true (flux_msg_is_streaming (rep));
    assert_int_equal (flux_msg_get_topic (rep, &s), 0);
    assert_string_equal (s, "foo.bar");
    assert_int_equal (flux_msg_get_string (rep, &s), 0);
    assert_string_equal (s, "gone");
    assert_string_equal (flux_msg_route_first (rep), "a");
    assert_string_equal (flux_msg_route_last (rep), "hop");
    flux_msg_decref (rep);
    assert_null (inflight_fail (t, &svc, EHOSTUNREACH, NULL));
    inflight_destroy (t);
}

/* What came through a peer that is gone: one disconnect for each sender and service,
 * to where its requests went. */
static void leaves_with_its_peer (void **state)
{
    struct inflight *t = inflight_create (NULL);
    struct inflight_peer svc, up, child, *to;
    const char *topic;
    uint32_t nodeid;
    flux_msg_t *msg;

    inflight_peer_init (&svc, &svc);
    inflight_peer_init (&up, &up);
    inflight_peer_init (&child, &child);
    for (int i = 1; i <= 5; i++)
        add (t, &svc, &child, "foo.bar", "a", i);
    msg = request ("kvs.watch", "b", 1);
    flux_msg_route_push (msg, "child");
    flux_msg_set_nodeid (msg, 3);
    flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM);
    assert_int_equal (inflight_add (t, &up, &child, NULL, msg), 0);
    flux_msg_decref (msg);
    add (t, &svc, NULL, "foo.bar", "other", 1);

    assert_non_null (msg = inflight_leave (t, &child, &to));
    assert_ptr_equal (to, &svc);
    assert_int_equal (flux_request_decode (msg, &topic, NULL), 0);
    assert_string_equal (topic, "foo.disconnect");
    assert_true (flux_msg_is_noresponse (msg));
    assert_string_equal (flux_msg_route_first (msg), "a");
    assert_int_equal (inflight_count (t), 2);
    flux_msg_decref (msg);

    assert_non_null (msg = inflight_leave (t, &child, &to));
    assert_ptr_equal (to, &up);
    assert_int_equal (flux_request_decode (msg, &topic, NULL), 0);
    assert_string_equal (topic, "kvs.disconnect");
    assert_int_equal (flux_msg_get_nodeid (msg, &nodeid), 0);
    assert_int_equal (nodeid, 3);
    assert_true (flux_msg_has_flag (msg, FLUX_MSGFLAG_UPSTREAM));
    assert_int_equal (flux_msg_route_count (msg), 2);
    flux_msg_decref (msg);
    assert_null (inflight_leave (t, &child, &to));
    assert_int_equal (inflight_count (t), 1);
    inflight_destroy (t);
}

static void users_pay (void **state)
{
    const uint64_t limits[QUOTA_SLOTS] = { 1000, 1000, 1000, 10 };
    struct quota *q = quota_create (0, limits);
    struct inflight *t = inflight_create (q);
    struct inflight_peer svc;
    struct user *user = quota_user (q, 1000);
    flux_msg_t *msg = request ("foo.bar", "a", 1);

    inflight_peer_init (&svc, &svc);
    for (int i = 1; i <= 5; i++) {
        flux_msg_set_matchtag (msg, i);
        assert_int_equal (inflight_add (t, &svc, NULL, user, msg), 0);
    }
    flux_msg_set_matchtag (msg, 6);
    assert_int_equal (inflight_add (t, &svc, NULL, user, msg), -1);
    assert_int_equal (errno, ENOBUFS);
    assert_int_equal (respond (t, &svc, "foo.bar", "a", 3, false, 0), INFLIGHT_ENDED);
    assert_int_equal (inflight_add (t, &svc, NULL, user, msg), 0);
    flux_msg_decref (msg);
    inflight_destroy (t);
    assert_int_equal (user->count[QUOTA_MATCHES], 0);
    quota_destroy (q);
}

/* A hundred clients with many requests each at one service: each disconnect and each
 * response costs what it concerns. */
static void many (void **state)
{
    struct inflight *t = inflight_create (NULL);
    struct inflight_peer svc, client;
    flux_msg_t *msg;
    char id[16];

    inflight_peer_init (&svc, &svc);
    inflight_peer_init (&client, &client);
    for (int i = 0; i < MANY; i++) {
        snprintf (id, sizeof (id), "c%d", i % 1000);
        add (t, &svc, &client, "foo.bar", id, i + 1);
    }
    for (int i = 0; i < 500; i++) {
        snprintf (id, sizeof (id), "c%d", i);
        msg = request ("foo.disconnect", id, 0);
        inflight_disconnect (t, &svc, msg);
        flux_msg_decref (msg);
    }
    assert_int_equal (inflight_count (t), MANY / 2);
    while ((msg = inflight_fail (t, &svc, ENOSYS, NULL)))
        flux_msg_decref (msg);
    assert_int_equal (inflight_count (t), 0);
    assert_int_equal (client.from_count, 0);
    inflight_destroy (t);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (responses),
        cmocka_unit_test (way_back),
        cmocka_unit_test (disconnects),
        cmocka_unit_test (fails_with_its_peer),
        cmocka_unit_test (leaves_with_its_peer),
        cmocka_unit_test (users_pay),
        cmocka_unit_test (many),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
