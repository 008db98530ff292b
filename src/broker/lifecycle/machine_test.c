/* What a broker does in each of its states, and whom it answers: machine.c among parts that
 * only say that they were called. */
#include "broker/service/fakepeer.h"

#include <signal.h>
#include <syslog.h>

#include "broker/lifecycle/machine.h"
#include "broker/lifecycle/notify.h"
#include "broker/overlay/overlay.h"
#include "broker/programs/command.h"
#include "broker/rc/rc.h"
#include "broker/rc/rc2.h"
#include "broker/routing/local.h"
#include "broker/service/groups.h"
#include "broker/service/groups_service.h"
#include "broker/service/log.h"

static struct {
    char text[1024]; /* what was done */
    char log[512];   /* the last error */
    int children;
    bool refuses; /* nobody can be connected to */
} did;

static void note (const char *what)
{
    size_t len = strlen (did.text);

    snprintf (did.text + len, sizeof (did.text) - len, "%s%s", len ? " " : "", what);
}

int overlay_connect (struct broker *b, flux_error_t *error)
{
    note ("connect");
    snprintf (error->text, sizeof (error->text), "nobody is there");
    return did.refuses ? -1 : 0;
}

void overlay_enter (struct broker *b, enum broker_state state)
{
    char text[64];

    snprintf (text, sizeof (text), "tell:%s", state_name (state));
    note (text);
}

void overlay_parent_state (struct broker *b)
{
}

int overlay_child_count (struct broker *b)
{
    return did.children;
}

void overlay_goodbye (struct broker *b)
{
    note ("goodbye");
}

void rc1_start (struct broker *b)
{
    note ("rc1");
}

void rc3_start (struct broker *b)
{
    note ("rc3");
}

void rc_cleanup_start (struct broker *b)
{
    note ("cleanup");
}

void rc2_start (struct broker *b)
{
    note ("rc2");
}

void command_stop_all (struct broker *b)
{
    note ("stop");
}

void local_flush (struct broker *b)
{
    note ("flush");
}

void log_end_followers (struct broker *b)
{
    note ("dmesg-ends");
}

void notify_state (struct broker *b, enum broker_state state)
{
}

static char notified[64];

void notify_status (struct broker *b, const char *text)
{
    snprintf (notified, sizeof (notified), "%s", text);
}

void notify_progress (struct broker *b)
{
    note ("progress");
}

void groups_changed (struct broker *b)
{
}

static void log_line (struct broker *b, int level, const char *text)
{
    if (level <= LOG_ERR)
        snprintf (did.log, sizeof (did.log), "%s", text);
}

struct world {
    struct broker b;
    struct fakepeer client;
    uint32_t tag;
};

/* attrs: NAME, VALUE, ..., NULL */
static struct world *start (int rank, int size, const char *const attrs[])
{
    struct world *w = calloc (1, sizeof (*w));
    struct broker *b = &w->b;

    memset (&did, 0, sizeof (did));
    fake_init (&w->client, b, PEER_CLIENT);
    b->rank = rank;
    b->size = size;
    b->hooks.log = log_line;
    b->groups = groups_create (size);
    for (; attrs && attrs[0]; attrs += 2)
        attrs_put (b->attrs, attrs[0], attrs[1], -1);
    assert_int_equal (machine_init (b), 0);
    return w;
}

static void stop (struct world *w)
{
    machine_fini (&w->b);
    assert_null (w->b.hooks.child_left);
    groups_destroy (w->b.groups);
    fake_fini (&w->client);
    free (w);
}

/* What is done when it happens, and where it leads. */
static void happens (struct world *w, enum state_event event, enum broker_state state,
                     const char *what)
{
    did.text[0] = '\0';
    broker_post (&w->b, event);
    fake_turn (&w->client);
    if (w->b.state != state)
        fail_msg ("%s leads to %s", state_event_name (event), state_name (w->b.state));
    assert_string_equal (did.text, what);
}

static void ask (struct world *w, const char *topic, const char *payload,
                 bool streaming)
{
    fake_send (&w->client, topic, payload, payload ? strlen (payload) + 1 : 0,
               streaming, ++w->tag, FLUX_ROLE_OWNER);
}

static void run (struct world *w)
{
    broker_post (&w->b, EVENT_START);
    fake_turn (&w->client);
    broker_post (&w->b, EVENT_RC1_SUCCESS);
    fake_turn (&w->client);
    assert_int_equal (w->b.state, STATE_RUN);
}

static void a_life (void **state)
{
    struct world *w = start (0, 1, NULL);

    happens (w, EVENT_START, STATE_INIT, "rc1");
    happens (w, EVENT_RC1_SUCCESS, STATE_RUN, "tell:quorum tell:run rc2");
    happens (w, EVENT_RC2_SUCCESS, STATE_CLEANUP, "cleanup");
    happens (w, EVENT_CLEANUP_SUCCESS, STATE_FINALIZE, "stop tell:shutdown rc3");
    happens (w, EVENT_RC3_SUCCESS, STATE_EXIT, "dmesg-ends flush goodbye");
    assert_int_equal (w->b.exit_code, 0);
    stop (w);
}

/* Below the root nothing is cleaned up, and no program starts. */
static void a_life_below (void **state)
{
    struct world *w = start (1, 3, NULL);

    happens (w, EVENT_START, STATE_JOIN, "connect");
    happens (w, EVENT_PARENT_READY, STATE_INIT, "rc1");
    happens (w, EVENT_RC1_SUCCESS, STATE_QUORUM, "tell:quorum");
    happens (w, EVENT_QUORUM_FULL, STATE_RUN, "tell:run");
    happens (w, EVENT_SHUTDOWN, STATE_FINALIZE, "stop tell:shutdown rc3");
    happens (w, EVENT_RC3_FAIL, STATE_EXIT, "dmesg-ends flush goodbye");
    stop (w);
}

static void nobody_above (void **state)
{
    struct world *w = start (1, 3, NULL);

    did.refuses = true;
    happens (w, EVENT_START, STATE_FINALIZE, "connect stop tell:shutdown rc3");
    assert_string_equal (did.log, "nobody is there");
    assert_int_equal (w->b.exit_code, 1);
    stop (w);
}

static void come (struct world *w, const char *ranks)
{
    struct idset *ids = idset_decode (ranks);

    assert_int_equal (groups_set (w->b.groups, "broker.online", ids), 0);
    idset_destroy (ids);
    w->b.hooks.online_changed (&w->b);
    fake_turn (&w->client);
}

static void a_quorum (void **state)
{
    static const char *const three[] = { "broker.quorum", "3", NULL };
    struct world *w = start (0, 8, three);

    broker_post (&w->b, EVENT_START);
    fake_turn (&w->client);
    come (w, "4-7"); /* they wait for this one */
    assert_int_equal (w->b.state, STATE_INIT);
    stop (w);

    w = start (0, 8, three);
    broker_post (&w->b, EVENT_START);
    fake_turn (&w->client);
    broker_post (&w->b, EVENT_RC1_SUCCESS);
    fake_turn (&w->client);
    assert_int_equal (w->b.state, STATE_QUORUM);
    come (w, "5");
    assert_int_equal (w->b.state, STATE_QUORUM);
    come (w, "7");
    assert_int_equal (w->b.state, STATE_RUN);
    come (w, "6");
    assert_int_equal (w->b.state, STATE_RUN);
    stop (w);
}

/* All of them, unless something else is said; who is missing is named. */
static void a_late_quorum (void **state)
{
    static const char *const soon[] = { "broker.quorum-warn", "0.001s", NULL };
    struct world *w = start (0, 6, soon);

    broker_post (&w->b, EVENT_START);
    fake_turn (&w->client);
    broker_post (&w->b, EVENT_RC1_SUCCESS);
    fake_turn (&w->client);
    come (w, "2,4");
    did.log[0] = '\0';
    while (!did.log[0])
        assert_true (flux_reactor_run (w->b.reactor, FLUX_REACTOR_ONCE) >= 0);
    assert_string_equal (did.log, "quorum delayed: waiting for ranks 1,3,5");
    come (w, "1,3,5");
    assert_int_equal (w->b.state, STATE_RUN);
    stop (w);
}

/* Nobody starts a broker of a job again. */
static void a_child_is_lost (void **state)
{
    static const struct {
        const char *method, *quorum;
        bool ends;
    } rows[] = {
        { "simple", "4", true },
        { "simple", "3", false },
        { "config", "4", false },
    };

    for (size_t i = 0; i < sizeof (rows) / sizeof (rows[0]); i++) {
        const char *const attrs[] = { "broker.boot-method", rows[i].method,
                                      "broker.quorum", rows[i].quorum, NULL };
        struct world *w = start (0, 4, attrs);

        w->b.hooks.child_left (&w->b, "node3", 3); /* before this one waits */
        broker_post (&w->b, EVENT_START);
        fake_turn (&w->client);
        broker_post (&w->b, EVENT_RC1_SUCCESS);
        fake_turn (&w->client);
        assert_int_equal (w->b.exit_code, 0);
        w->b.hooks.child_left (&w->b, "node3", 3);
        fake_turn (&w->client);
        assert_int_equal (w->b.exit_code, rows[i].ends);
        assert_int_equal (w->b.state, rows[i].ends ? STATE_FINALIZE : STATE_QUORUM);
        if (rows[i].ends)
            assert_string_equal (did.log,
                                 "node3 (rank 3) left before all brokers were online");
        stop (w);
    }
}

static void who_waits (void **state)
{
    struct world *w = start (0, 1, NULL);

    ask (w, "state-machine.wait", NULL, false);
    ask (w, "state-machine.get", NULL, false);
    fake_expect (&w->client, "\"state\":\"none\"");
    assert_null (fake_answer (&w->client));
    run (w);
    fake_expect (&w->client, "");
    ask (w, "state-machine.wait", NULL, false);
    fake_expect (&w->client, "");
    ask (w, "state-machine.get", NULL, false);
    fake_expect (&w->client, "\"state\":\"run\"");
    happens (w, EVENT_SHUTDOWN, STATE_CLEANUP, "cleanup");
    ask (w, "state-machine.wait", NULL, false);
    fake_expect (&w->client, "ENOENT the broker will not reach run");
    stop (w);

    /* it failed before */
    w = start (0, 1, NULL);
    happens (w, EVENT_START, STATE_INIT, "rc1");
    ask (w, "state-machine.wait", NULL, false);
    assert_null (fake_answer (&w->client));
    broker_post (&w->b, EVENT_RC1_FAIL);
    fake_turn (&w->client);
    fake_expect (&w->client, "ENOENT the broker will not reach run");
    stop (w);
}

/* Who asked for the end sees what goes on, to the level that he wants. */
static void who_asks_to_end (void **state)
{
    struct world *w = start (0, 1, NULL);

    run (w);
    ask (w, "shutdown.start", "{\"loglevel\":3}", true);
    assert_int_equal (w->b.state, STATE_CLEANUP);
    assert_true (w->b.asked_to_end);
    assert_null (fake_answer (&w->client));
    w->b.hooks.logged (&w->b, LOG_INFO, "a detail");
    w->b.hooks.logged (&w->b, LOG_ERR, "an error");
    fake_expect (&w->client, "an error");
    assert_null (fake_answer (&w->client));
    ask (w, "shutdown.start", NULL, false); /* again, without looking */
    fake_expect (&w->client, "");
    happens (w, EVENT_CLEANUP_SUCCESS, STATE_FINALIZE, "stop tell:shutdown rc3");
    happens (w, EVENT_RC3_SUCCESS, STATE_EXIT, "dmesg-ends flush goodbye");
    fake_expect (&w->client, "ENODATA");
    assert_null (fake_answer (&w->client));
    stop (w);
}

static void who_may_not (void **state)
{
    struct world *w = start (1, 2, NULL);

    ask (w, "shutdown.start", NULL, false);
    fake_expect (&w->client, "EINVAL ask rank 0 to shut down");
    assert_false (w->b.asked_to_end);
    fake_send (&w->client, "shutdown.start", NULL, 0, false, 9, FLUX_ROLE_USER);
    fake_expect (&w->client, "EPERM");
    fake_send (&w->client, "state-machine.sd-notify", "{\"status\":\"x\"}", 0, false,
               11, FLUX_ROLE_USER);
    fake_expect (&w->client, "EPERM");
    assert_string_equal (notified, "");
    ask (w, "state-machine.sd-notify", "{}", false);
    fake_expect (&w->client, "EPROTO");
    ask (w, "state-machine.sd-notify", "{\"status\":\"x\"}", false);
    fake_expect (&w->client, "");
    assert_string_equal (notified, "x");
    fake_send (&w->client, "state-machine.get", NULL, 0, false, 10, FLUX_ROLE_USER);
    fake_expect (&w->client, "\"none\"");
    stop (w);
}

/* Whoever waits, and goes, is not answered, and is not kept. */
static void who_has_gone (void **state)
{
    struct world *w = start (0, 1, NULL);

    happens (w, EVENT_START, STATE_INIT, "rc1");
    ask (w, "state-machine.wait", NULL, false);
    peer_remove (&w->b, &w->client.peer, EHOSTUNREACH);
    fake_turn (&w->client);
    assert_int_equal (peer_add (&w->b, &w->client.peer), 0); /* the same id */
    ask (w, "state-machine.wait", NULL, false);
    broker_post (&w->b, EVENT_RC1_SUCCESS);
    fake_turn (&w->client);
    assert_int_equal (w->client.count, 1);
    assert_int_equal (router_inflight (&w->b), 0);
    stop (w);
}

static void children_at_the_end (void **state)
{
    struct world *w = start (0, 3, NULL);

    happens (w, EVENT_START, STATE_INIT, "rc1");
    did.children = 2;
    happens (w, EVENT_RC1_FAIL, STATE_SHUTDOWN, "stop tell:shutdown");
    did.children = 1;
    did.text[0] = '\0';
    w->b.hooks.children_changed (&w->b);
    fake_turn (&w->client);
    assert_int_equal (w->b.state, STATE_SHUTDOWN);
    did.children = 0;
    w->b.hooks.children_changed (&w->b);
    fake_turn (&w->client);
    assert_string_equal (did.text, "progress progress rc3");
    stop (w);
}

static void children_that_stay (void **state)
{
    static const char *const soon[] = { "broker.shutdown-timeout", "0.001s", NULL };
    static const char *const warn[] = { "broker.shutdown-warn", "0.001s", NULL };
    struct world *w = start (0, 3, soon);

    happens (w, EVENT_START, STATE_INIT, "rc1");
    did.children = 2;
    broker_post (&w->b, EVENT_RC1_FAIL);
    while (w->b.state != STATE_FINALIZE)
        assert_true (flux_reactor_run (w->b.reactor, FLUX_REACTOR_ONCE) >= 0);
    assert_string_equal (did.log, "shutdown: gave up on 2 children");
    stop (w);

    w = start (0, 3, warn);
    happens (w, EVENT_START, STATE_INIT, "rc1");
    did.children = 1;
    broker_post (&w->b, EVENT_RC1_FAIL);
    while (!did.log[0])
        assert_true (flux_reactor_run (w->b.reactor, FLUX_REACTOR_ONCE) >= 0);
    assert_string_equal (did.log, "shutdown delayed: waiting for 1 children");
    assert_int_equal (w->b.state, STATE_SHUTDOWN);
    stop (w);
}

/* Asked a second time to end it waits for nothing; before, that means nothing. */
static void forced (void **state)
{
    struct world *w = start (0, 3, NULL);

    happens (w, EVENT_START, STATE_INIT, "rc1");
    machine_force (&w->b);
    fake_turn (&w->client);
    assert_int_equal (w->b.state, STATE_INIT);
    broker_post (&w->b, EVENT_RC1_SUCCESS);
    broker_post (&w->b, EVENT_QUORUM_FULL);
    broker_post (&w->b, EVENT_RC2_FAIL);
    fake_turn (&w->client);
    did.children = 2;
    for (int s = STATE_CLEANUP; s < STATE_GOODBYE; s++) {
        assert_int_equal (w->b.state, s);
        machine_force (&w->b);
        fake_turn (&w->client);
    }
    assert_int_equal (w->b.state, STATE_EXIT);
    stop (w);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_life),
        cmocka_unit_test (a_life_below),
        cmocka_unit_test (nobody_above),
        cmocka_unit_test (a_quorum),
        cmocka_unit_test (a_late_quorum),
        cmocka_unit_test (a_child_is_lost),
        cmocka_unit_test (who_waits),
        cmocka_unit_test (who_asks_to_end),
        cmocka_unit_test (who_may_not),
        cmocka_unit_test (who_has_gone),
        cmocka_unit_test (children_at_the_end),
        cmocka_unit_test (children_that_stay),
        cmocka_unit_test (forced),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
