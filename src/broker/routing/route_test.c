#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <flux/message.h>
#include <flux/rpc.h>

#include "broker/routing/route.h"
#include "broker/routing/services.h"
#include "broker/routing/subs.h"
#include "broker/routing/topology.h"

static void test_services (void **state)
{
    struct services *s = services_create ();
    const char *name;
    int a, b;
    size_t pos = 0;

    assert_int_equal (services_add (s, "kvs", &a), 0);
    assert_int_equal (services_add (s, "kvs", &b), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (services_add (s, "a.b", &b), -1);
    assert_int_equal (services_add (s, "", &b), -1);
    assert_ptr_equal (services_lookup (s, "kvs.get"), &a);
    assert_ptr_equal (services_lookup (s, "kvs"), &a);
    assert_null (services_lookup (s, "kv.get"));
    assert_null (services_lookup (s, ".get"));
    assert_int_equal (services_remove (s, "kvs", &b), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (services_add (s, "sched", &a), 0);
    while (services_next (s, &a, &pos, &name))
        assert_true (strcmp (name, "kvs") == 0 || strcmp (name, "sched") == 0);
    services_remove_owner (s, &a);
    assert_null (services_lookup (s, "sched"));
    assert_int_equal (services_remove (s, "kvs", &a), -1);
    assert_int_equal (errno, ENOENT);
    assert_false (services_reserved (s, "kvs.lookup"));
    assert_int_equal (services_reserve (s, "kvs"), 0);
    assert_true (services_reserved (s, "kvs.lookup"));
    assert_true (services_reserved (s, "kvs"));
    assert_false (services_reserved (s, "kvs2.lookup"));
    assert_false (services_reserved (s, ".kvs"));
    assert_null (services_lookup (s, "kvs.lookup"));
    services_destroy (s);
}

static void test_service_name_max (void **state)
{
    struct services *s = services_create ();
    char name[SERVICE_NAME_MAX + 2];
    int a;

    memset (name, 'x', sizeof (name));
    name[SERVICE_NAME_MAX + 1] = '\0';
    assert_int_equal (services_add (s, name, &a), -1);
    assert_int_equal (errno, ENAMETOOLONG);
    name[SERVICE_NAME_MAX] = '\0';
    assert_int_equal (services_add (s, name, &a), 0);
    services_destroy (s);
}

static struct route route (int rank, const struct topology *t, struct services *s,
                           const char *topic, uint32_t nodeid, bool upstream)
{
    flux_msg_t *msg = flux_request_encode (topic, NULL);
    struct route r;

    assert_non_null (msg);
    flux_msg_set_nodeid (msg, nodeid);
    if (upstream)
        flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM);
    r = route_request (msg, rank, t, s);
    flux_msg_decref (msg);
    return r;
}

static void test_route (void **state)
{
    struct services *s = services_create ();
    struct topology *t = topology_create ("kary:2", 7, NULL);
    struct route r;
    int owner;

    services_add (s, "kvs", &owner);
    r = route (1, t, s, "kvs.get", FLUX_NODEID_ANY, false);
    assert_int_equal (r.kind, ROUTE_SERVICE);
    assert_ptr_equal (r.owner, &owner);
    assert_int_equal (route (1, t, s, "x.y", FLUX_NODEID_ANY, false).kind,
                      ROUTE_PARENT);
    r = route (0, t, s, "x.y", FLUX_NODEID_ANY, false);
    assert_int_equal (r.kind, ROUTE_ERROR);
    assert_int_equal (r.errnum, ENOSYS);
    /* to a rank */
    assert_int_equal (route (1, t, s, "kvs.get", 1, false).kind, ROUTE_SERVICE);
    assert_int_equal (route (1, t, s, "x.y", 1, false).errnum, ENOSYS);
    r = route (0, t, s, "kvs.get", 6, false);
    assert_int_equal (r.kind, ROUTE_CHILD);
    assert_int_equal (r.child, 2);
    assert_int_equal (route (1, t, s, "kvs.get", 2, false).kind, ROUTE_PARENT);
    assert_int_equal (route (1, t, s, "kvs.get", 7, false).errnum, EHOSTUNREACH);
    /* upstream: skips the sender's services, then as any */
    assert_int_equal (route (1, t, s, "kvs.get", 1, true).kind, ROUTE_PARENT);
    assert_int_equal (route (0, t, s, "kvs.get", 1, true).kind, ROUTE_SERVICE);
    assert_int_equal (route (0, t, s, "kvs.get", 0, true).errnum, ENOSYS);
    topology_destroy (t);
    services_destroy (s);
}

static void test_subs (void **state)
{
    struct subs s = { 0 };

    assert_false (subs_match (&s, "foo"));
    assert_int_equal (subs_add (&s, "foo."), 0);
    assert_int_equal (subs_add (&s, "foo."), 0);
    assert_true (subs_match (&s, "foo.bar"));
    assert_false (subs_match (&s, "foo"));
    assert_int_equal (subs_remove (&s, "foo."), 0);
    assert_true (subs_match (&s, "foo.bar"));
    assert_int_equal (subs_remove (&s, "foo."), 0);
    assert_false (subs_match (&s, "foo.bar"));
    assert_int_equal (subs_remove (&s, "foo."), -1);
    assert_int_equal (subs_add (&s, ""), 0);
    assert_true (subs_match (&s, "x"));
    subs_fini (&s);
}

static void test_subs_prefix_max (void **state)
{
    struct subs s = { 0 };
    char name[SUBS_PREFIX_MAX + 2];

    memset (name, 'x', sizeof (name));
    name[SUBS_PREFIX_MAX + 1] = '\0';
    assert_int_equal (subs_add (&s, name), -1);
    assert_int_equal (errno, ENAMETOOLONG);
    assert_int_equal (s.count, 0);
    name[SUBS_PREFIX_MAX] = '\0';
    assert_int_equal (subs_add (&s, name), 0);
    assert_true (subs_match (&s, name));
    subs_fini (&s);
}

/* All strings of up to five bytes out of three, one of which is negative as a char. */
static void subs_word (char word[8], unsigned number)
{
    size_t n = number % 6;

    for (size_t i = 0; i < n; i++) {
        number /= 6;
        word[i] = "a.\xc6"[number % 3];
    }
    word[n] = '\0';
}

static bool model_match (const int count[], const char *topic)
{
    char word[8];

    for (unsigned i = 0; i < 46656; i++) {
        subs_word (word, i);
        if (count[i] > 0 && strncmp (word, topic, strlen (word)) == 0)
            return true;
    }
    return false;
}

/* Against a list that is walked. */
static void test_subs_model (void **state)
{
    static int count[46656];
    struct subs s = { 0 };
    char word[8];

    srand (1);
    for (int i = 0; i < 3000; i++) {
        unsigned n = (unsigned)rand () % 46656;

        subs_word (word, n);
        if (i % 50 < 10) {
            assert_int_equal (subs_add (&s, word), 0);
            count[n]++;
        } else if (count[n] > 0) {
            assert_int_equal (subs_remove (&s, word), 0);
            count[n]--;
        }
        for (unsigned k = 0; i % 50 == 10 && s.count > 3 && k < 46656; k++) {
            if (count[k] == 0)
                continue;
            subs_word (word, k);
            assert_int_equal (subs_remove (&s, word), 0);
            count[k]--;
        }
        subs_word (word, (unsigned)rand () % 46656);
        assert_int_equal (subs_match (&s, word), model_match (count, word));
    }
    subs_fini (&s);
}

/* A walk of 60,000 for each of these takes minutes. */
static void test_subs_many (void **state)
{
    struct subs s = { 0 };
    char name[32];

    for (int i = 0; i < 60000; i++) {
        snprintf (name, sizeof (name), "topic.%d", i * 7919 % 60000);
        assert_int_equal (subs_add (&s, name), 0);
    }
    for (int i = 0; i < 1000000; i++)
        assert_false (subs_match (&s, "topic.x"));
    for (int i = 0; i < 60000; i++) {
        snprintf (name, sizeof (name), "topic.%d", i);
        assert_true (subs_match (&s, name));
        assert_int_equal (subs_remove (&s, name), 0);
    }
    assert_int_equal (s.count, 0);
    subs_fini (&s);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_services),         cmocka_unit_test (test_route),
        cmocka_unit_test (test_service_name_max), cmocka_unit_test (test_subs),
        cmocka_unit_test (test_subs_prefix_max),  cmocka_unit_test (test_subs_model),
        cmocka_unit_test (test_subs_many),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
