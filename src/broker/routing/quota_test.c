#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "broker/routing/quota.h"

#define OWNER 100

static struct quota *make (uint64_t limit)
{
    const uint64_t limits[QUOTA_SLOTS] = { limit, limit, limit, limit };
    struct quota *q = quota_create (OWNER, limits);

    assert_non_null (q);
    return q;
}

/* Each guest gets half of what is left, and nobody gets nothing. */
static void guests_share (void **state)
{
    struct quota *q = make (1024);
    size_t left = 1024;

    for (uid_t uid = 1000; uid < 1005; uid++) {
        struct user *user = quota_user (q, uid);
        size_t n = 0;

        while (quota_take (q, user, QUOTA_MATCHES, 1))
            n++;
        assert_int_equal (errno, ENOBUFS);
        assert_int_equal (n, left / 2);
        assert_int_equal (user->refused, 1);
        left -= n;
    }
    assert_non_null (strstr (quota_reason (q), "user 1004 has his share of 1024"));
    assert_non_null (strstr (quota_reason (q), "broker.quota-matches"));
    quota_destroy (q);
}

static void owner_leaves_an_eighth (void **state)
{
    struct quota *q = make (800);
    struct user *owner = quota_user (q, OWNER), *guest = quota_user (q, 1);

    assert_ptr_equal (owner, quota_user (q, OWNER));
    assert_true (quota_take (q, owner, QUOTA_CONNECTIONS, 700));
    assert_false (quota_take (q, owner, QUOTA_CONNECTIONS, 1));
    assert_true (quota_take (q, guest, QUOTA_CONNECTIONS, 50));
    assert_false (quota_take (q, guest, QUOTA_CONNECTIONS, 1));
    quota_give (q, owner, QUOTA_CONNECTIONS, 700);
    assert_true (quota_take (q, guest, QUOTA_CONNECTIONS, 300));
    /* nobody pays */
    assert_true (quota_take (q, NULL, QUOTA_CONNECTIONS, 10000));
    quota_give (q, NULL, QUOTA_CONNECTIONS, 10000);
    quota_destroy (q);
}

static flux_msg_t *message (size_t len)
{
    static const char data[65536];
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);

    assert_int_equal (flux_msg_set_payload (msg, data, len), 0);
    return msg;
}

static json_int_t charged (struct quota *q, const char *key)
{
    json_t *o = quota_stats (q);
    json_int_t n =
        json_integer_value (json_object_get (json_object_get (o, "total"), key));

    json_decref (o);
    return n;
}

static void messages_pay_while_they_live (void **state)
{
    struct quota *q = make (100000);
    struct user *guest = quota_user (q, 1);
    flux_msg_t *a = message (40000), *b = message (10000), *copy;

    assert_int_equal (quota_charge (q, guest, a, true), 0);
    assert_int_equal (charged (q, "messages"), 1);
    assert_int_equal (charged (q, "bytes"), 40512);
    assert_int_equal (quota_charge (q, guest, b, true), -1);
    assert_int_equal (errno, ENOBUFS);
    assert_int_equal (quota_charge (q, guest, b, false), 0);
    assert_int_equal (charged (q, "messages"), 2);
    /* again: once */
    assert_int_equal (quota_charge (q, guest, b, false), 0);
    assert_int_equal (charged (q, "messages"), 2);
    copy = flux_msg_copy (a, true);
    flux_msg_decref (copy);
    flux_msg_incref (a);
    flux_msg_decref (a);
    assert_int_equal (charged (q, "messages"), 2);
    flux_msg_decref (a);
    flux_msg_decref (b);
    assert_int_equal (charged (q, "messages"), 0);
    assert_int_equal (charged (q, "bytes"), 0);
    quota_destroy (q);
}

/* A guest pays for what others need to understand him. */
static void json_pays (void **state)
{
    struct quota *q = make (1 << 20);
    char text[3000] = "{\"a\":[";
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);

    for (int i = 0; i < 900; i++)
        strcat (text, "[],");
    strcat (text, "0]}");
    assert_int_equal (flux_msg_set_string (msg, text), 0);
    assert_int_equal (quota_charge (q, quota_user (q, OWNER), msg, true), 0);
    assert_true (charged (q, "bytes") < 4000);
    assert_int_equal (quota_charge (q, quota_user (q, 1), msg, true), 0);
    assert_true (charged (q, "bytes") > 200000);
    quota_set_limit (q, QUOTA_BYTES, 300000);
    flux_msg_decref (msg);
    assert_int_equal (charged (q, "bytes"), 0);
    msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);
    assert_int_equal (flux_msg_set_string (msg, text), 0);
    assert_int_equal (quota_charge (q, quota_user (q, 1), msg, true), -1);
    assert_non_null (strstr (quota_reason (q), "broker.quota-bytes"));
    flux_msg_decref (msg);
    quota_destroy (q);
}

static void messages_are_counted (void **state)
{
    struct quota *q = make (1 << 20);
    struct user *guest = quota_user (q, 1);
    flux_msg_t *v[8];

    quota_set_limit (q, QUOTA_MESSAGES, 8);
    for (int i = 0; i < 8; i++) {
        v[i] = message (1);
        assert_int_equal (quota_charge (q, guest, v[i], true), i < 4 ? 0 : -1);
    }
    assert_non_null (strstr (quota_reason (q), "broker.quota-messages"));
    for (int i = 0; i < 8; i++)
        flux_msg_decref (v[i]);
    quota_destroy (q);
}

static void queues (void **state)
{
    struct quota *q = make (1000);
    struct user *guest = quota_user (q, 1);

    assert_true (quota_queue (q, guest, 500));
    assert_false (quota_queue (q, guest, 100)); /* taken all the same */
    assert_int_equal (charged (q, "bytes"), 600);
    quota_unqueue (q, guest, 600);
    assert_int_equal (charged (q, "bytes"), 0);
    quota_destroy (q);
}

/* Who may name users as he likes does not fill the memory with them. */
static void users_are_counted (void **state)
{
    struct quota *q = make (1024);
    struct user *guest = quota_user (q, 5), *other = NULL;

    for (uid_t uid = 1000; uid < 101000; uid++)
        other = quota_user (q, uid);
    assert_ptr_equal (other, quota_user (q, 200000));
    assert_ptr_not_equal (other, quota_user (q, 1001));
    assert_ptr_equal (guest, quota_user (q, 5));
    assert_true (quota_user (q, OWNER)->owner);
    quota_destroy (q);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (guests_share),
        cmocka_unit_test (owner_leaves_an_eighth),
        cmocka_unit_test (messages_pay_while_they_live),
        cmocka_unit_test (json_pays),
        cmocka_unit_test (messages_are_counted),
        cmocka_unit_test (queues),
        cmocka_unit_test (users_are_counted),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
