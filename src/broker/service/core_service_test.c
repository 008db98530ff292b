/* The small services of the broker: attributes, events, services, its environment. Each
 * request has one answer; what is refused changes nothing; a guest may what he may. */
#include "broker/service/fakepeer.h"

#include "broker/modhost/modules.h"
#include "broker/routing/quota.h"
#include "broker/service/services_core.h"

struct world {
    struct broker b;
    struct fakepeer f;
};

static struct world *world;

int modules_count (struct broker *b)
{
    return 3;
}

static int setup (void **state)
{
    struct world *w = world = calloc (1, sizeof (*w));

    fake_init (&w->f, &w->b, PEER_MODULE);
    assert_int_equal (core_services_init (&w->b), 0);
    *state = w;
    return 0;
}

static int teardown (void **state)
{
    struct world *w = *state;

    fake_fini (&w->f);
    state_queue_fini (&w->b.events);
    free (w);
    return 0;
}

/* The one answer to a request. */
static const char *ask_as (struct world *w, uint32_t role, const char *topic,
                           const char *payload)
{
    const char *s;

    fake_forget (&w->f);
    fake_send (&w->f, topic, payload, payload ? strlen (payload) + 1 : 0, false, 1,
               role);
    if (w->f.count != 1)
        fail_msg ("%s %s: %d answers", topic, payload ? payload : "", w->f.count);
    assert_non_null (s = fake_answer (&w->f));
    return s;
}

static const char *ask (struct world *w, const char *topic, const char *payload)
{
    return ask_as (w, FLUX_ROLE_OWNER, topic, payload);
}

/* One that brings events, too. */
static void publish (struct world *w, const char *payload)
{
    fake_send (&w->f, "event.publish", payload, strlen (payload) + 1, false, 1,
               FLUX_ROLE_OWNER);
}

static void has (const char *s, const char *part)
{
    if (!s || !strstr (s, part))
        fail_msg ("%s: %s", part, s ? s : "no answer");
}

static const struct {
    const char *topic, *payload, *answer;
} malformed[] = {
    { "attr.get", NULL, "EPROTO" },
    { "attr.get", "{\"name\":5}", "EPROTO" },
    { "attr.get", "{\"name\":\"no.such\"}", "ENOENT" },
    { "attr.set", "{\"name\":\"x\"}", "EPROTO" },
    { "attr.set", "{\"name\":\"rank\",\"value\":\"9\"}", "E" },
    { "attr.set", "{\"name\":\"log-level\",\"value\":\"99\"}", "EINVAL" },
    { "attr.rm", "{}", "EPROTO" },
    { "attr.rm", "{\"name\":\"no.such\"}", "ENOENT" },
    { "event.publish", "{}", "EPROTO" },
    { "event.publish", "{\"topic\":\"\"}", "EPROTO" },
    { "event.publish", "{\"topic\":\"a\",\"flags\":255}", "EPROTO" },
    { "event.publish", "{\"topic\":\"a\",\"payload\":\"*\"}", "EPROTO" },
    { "event.subscribe", "{}", "EPROTO" },
    { "event.unsubscribe", "{}", "EPROTO" },
    { "event.unsubscribe", "{\"topic\":\"never\"}", "ENOENT" },
    { "service.add", "{}", "EPROTO" },
    { "service.add", "{\"service\":\"\"}", "EINVAL" },
    { "service.add", "{\"service\":\"a.b\"}", "EINVAL" },
    { "service.add", "{\"service\":\"attr\"}", "EEXIST" },
    { "service.remove", "{}", "EPROTO" },
    { "service.remove", "{\"service\":\"nobody\"}", "ENOENT" },
    { "service.remove", "{\"service\":\"attr\"}", "EPERM" },
    { "broker.ping", NULL, "EPROTO" },
    { "broker.getenv", "{}", "EPROTO" },
    { "broker.getenv", "{\"names\":\"PATH\"}", "EPROTO" },
    { "broker.getenv", "{\"names\":[5]}", "EPROTO" },
    { "broker.setenv", "{}", "EPROTO" },
    { "broker.setenv", "{\"env\":5}", "EPROTO" },
    { "broker.setenv", "{\"env\":[\"A=b\"]}", "EPROTO" },
    { "broker.setenv", "{\"env\":{\"A=B\":\"c\"}}", "EINVAL" },
    { "broker.setenv", "{\"env\":{\"\":\"c\"}}", "EINVAL" },
    { "broker.setenv", "{\"env\":{\"FAKE_OK\":\"c\",\"A\":5}}", "EPROTO" },
    { "broker.none", NULL, "ENOSYS Unknown service method 'broker.none'" },
};

static void refused (void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof (malformed) / sizeof (malformed[0]); i++) {
        const char *s = ask (w, malformed[i].topic, malformed[i].payload);

        if (strncmp (s, malformed[i].answer, strlen (malformed[i].answer)) != 0)
            fail_msg ("%s %s: %s", malformed[i].topic,
                      malformed[i].payload ? malformed[i].payload : "", s);
    }
    assert_int_equal (w->f.peer.subs.count, 0);
    assert_int_equal (w->f.peer.serves, 0);
    assert_null (getenv ("FAKE_OK"));
}

/* What is the owner's a guest cannot even ask. */
static void guests (void **state)
{
    static const struct {
        const char *topic, *payload;
        bool may;
    } t[] = {
        { "attr.get", "{\"name\":\"log-level\"}", true },
        { "attr.list", NULL, true },
        { "attr.set", "{\"name\":\"log-level\",\"value\":\"3\"}", false },
        { "attr.rm", "{\"name\":\"log-level\"}", false },
        { "event.subscribe", "{\"topic\":\"x\"}", true },
        { "service.add", "{\"service\":\"x\"}", false },
        { "service.add", "{\"service\":\"2-x\"}", false }, /* another's */
        { "service.add", "{\"service\":\"1\"}", false },
        { "service.add", "{\"service\":\"1-a\\u0007\"}", false },
        { "service.add", "{\"service\":\"1-x\"}", true },
        { "broker.ping", "{}", true },
        { "broker.getenv", "{\"names\":[]}", false },
        { "broker.setenv", "{\"env\":{}}", false },
        { "broker.handlers", NULL, false },
        { "broker.stats-get", NULL, false },
        { "broker.panic", "{}", false },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const char *s = ask_as (w, FLUX_ROLE_USER, t[i].topic, t[i].payload);

        if ((strncmp (s, "EPERM", 5) != 0) != t[i].may)
            fail_msg ("%s %s: %s", t[i].topic, t[i].payload ? t[i].payload : "", s);
    }
    assert_int_equal (w->b.exit_code, 0);
    assert_non_null (services_lookup (w->b.services, "1-x.y"));
}

static void attributes (void **state)
{
    struct world *w = *state;

    assert_string_equal (
        ask (w, "attr.set", "{\"name\":\"log-level\",\"value\":\"4\"}"), "");
    has (ask (w, "attr.get", "{\"name\":\"log-level\"}"), "\"value\":\"4\"");
    has (ask (w, "attr.list", NULL), "\"log-level\"");
}

/* Who has subscribed gets it, in order, as long as he has. */
static void events (void **state)
{
    struct world *w = *state;

    has (ask (w, "event.publish", "{\"topic\":\"a.b\"}"), "\"seq\":1");
    assert_string_equal (ask (w, "event.subscribe", "{\"topic\":\"a.\"}"), "");
    assert_string_equal (ask (w, "event.subscribe", "{\"topic\":\"a.\"}"),
                         ""); /* twice is twice */
    fake_forget (&w->f);
    publish (w, "{\"topic\":\"a.b\",\"json\":{\"n\":1}}");
    publish (w, "{\"topic\":\"b.a\"}");
    fake_expect (&w->f, "event a.b {\"n\":1}");
    fake_expect (&w->f, "\"seq\":2");
    fake_expect (&w->f, "\"seq\":3");
    assert_null (fake_answer (&w->f));
    assert_string_equal (ask (w, "event.unsubscribe", "{\"topic\":\"a.\"}"), "");
    fake_forget (&w->f);
    publish (w, "{\"topic\":\"a.c\",\"payload\":\"eHkA\"}");
    fake_expect (&w->f, "event a.c xy");
    fake_expect (&w->f, "\"seq\":4");
    assert_string_equal (ask (w, "event.unsubscribe", "{\"topic\":\"a.\"}"), "");
    has (ask (w, "event.publish", "{\"topic\":\"a.d\"}"), "\"seq\":5");
    has (ask (w, "event.unsubscribe", "{\"topic\":\"a.\"}"), "ENOENT");
}

/* A name belongs to who took it, until he gives it back or goes. */
static void services (void **state)
{
    struct world *w = *state;

    assert_string_equal (ask (w, "service.add", "{\"service\":\"mine\"}"), "");
    has (ask (w, "service.add", "{\"service\":\"mine\"}"), "EEXIST");
    assert_ptr_equal (services_lookup (w->b.services, "mine.x"), &w->f.peer);
    assert_string_equal (ask (w, "service.remove", "{\"service\":\"mine\"}"), "");
    assert_null (services_lookup (w->b.services, "mine.x"));
    has (ask (w, "service.remove", "{\"service\":\"mine\"}"), "ENOENT");
    assert_int_equal (w->f.peer.serves, 0);
}

static void environment (void **state)
{
    struct world *w = *state;

    assert_string_equal (
        ask (w, "broker.setenv", "{\"env\":{\"FAKE_A\":\"1\",\"FAKE_B\":\"\"}}"), "");
    has (ask (w, "broker.getenv", "{\"names\":[\"FAKE_A\",\"FAKE_B\",\"FAKE_C\"]}"),
         "{\"env\":{\"FAKE_A\":\"1\",\"FAKE_B\":\"\"}}");
    assert_string_equal (ask (w, "broker.setenv", "{\"env\":{\"FAKE_A\":null}}"), "");
    assert_null (getenv ("FAKE_A"));
    unsetenv ("FAKE_B");
}

static void ignore (void *arg)
{
}

static void others (void **state)
{
    struct world *w = *state;
    static const char panic[] = "{\"reason\":\"test\"}";
    enum state_event event;

    has (ask (w, "broker.ping", "{\"pad\":\"xx\"}"), "\"pad\":\"xx\"");
    has (ask (w, "broker.ping", "{}"), "\"userid\":1");
    has (ask (w, "broker.stats-get", NULL), "\"modules\":3");
    has (ask (w, "broker.handlers", NULL), "\"topic\":\"attr.get\"");
    reactor_task_init (&w->b.run_events, ignore, NULL);
    fake_send (&w->f, "broker.panic", panic, sizeof (panic), false, 1, FLUX_ROLE_OWNER);
    assert_int_equal (w->b.exit_code, 1);
    assert_true (state_queue_take (&w->b.events, &event));
    assert_int_equal (event, EVENT_PANIC);
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (refused),  T (guests),      T (attributes), T (events),
        T (services), T (environment), T (others),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
