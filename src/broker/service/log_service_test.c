/* The services of the log and of traces, on a router without sockets: requests come from
 * a peer of the test, which keeps what it is answered. */
#include "broker/service/fakepeer.h"

#include "broker/modhost/modules.h"
#include "broker/modhost/trace.h"
#include "broker/service/log.h"

#include <syslog.h>

struct world {
    struct broker b;
    struct fakepeer f;
    char noted[256]; /* the error of a module */
};

static struct world *world;

void modules_note_error (struct broker *b, const char *id, const char *text, size_t len)
{
    snprintf (world->noted, sizeof (world->noted), "%.*s", (int)len, text);
}

static bool is_loaded (struct broker *b, const char *name)
{
    return strcmp (name, "kvs") == 0;
}

static int setup (void **state)
{
    static const char *levels[] = {
        "log-level",         "7",      "log-stderr-level",   "-1",
        "log-forward-level", "7",      "log-critical-level", "2",
        "log-syslog-level",  "-1",     "log-syslog-enable",  "0",
        "log-stderr-mode",   "leader", "log-ring-size",      "4"
    };
    struct world *w = world = calloc (1, sizeof (*w));

    fake_init (&w->f, &w->b, PEER_MODULE);
    for (size_t i = 0; i < sizeof (levels) / sizeof (levels[0]); i += 2)
        assert_int_equal (attrs_put (w->b.attrs, levels[i], levels[i + 1], -1), 0);
    assert_int_equal (log_init (&w->b), 0);
    assert_int_equal (trace_init (&w->b, is_loaded), 0);
    *state = w;
    return 0;
}

static int teardown (void **state)
{
    struct world *w = *state;

    trace_fini (&w->b);
    log_fini (&w->b);
    fake_fini (&w->f);
    free (w);
    return 0;
}

/* role: 0 for the owner. */
static void send (struct world *w, const char *topic, const void *data, size_t len,
                  bool streaming, uint32_t tag, uint32_t role)
{
    fake_send (&w->f, topic, data, len, streaming, tag, role ? role : FLUX_ROLE_OWNER);
}

static void ask (struct world *w, const char *topic, const char *payload)
{
    send (w, topic, payload, payload ? strlen (payload) + 1 : 0, true, 1, 0);
}

#define answer(w) fake_answer (&(w)->f)
#define expect(w, part) fake_expect (&(w)->f, part)
#define turn(w) fake_turn (&(w)->f)

static void line (struct world *w, int level, const char *text)
{
    broker_log (&w->b, level, "%s", text);
    turn (w);
}

/* --- log --- */

/* The last so many lines, in order; what the level leaves out is not kept. */
static void backlog (void **state)
{
    struct world *w = *state;
    flux_error_t error;

    ask (w, "log.dmesg", NULL);
    expect (w, "ENODATA");
    for (int i = 0; i < 6; i++) {
        char text[16];

        snprintf (text, sizeof (text), "line %d", i);
        line (w, LOG_INFO, text);
    }
    ask (w, "log.dmesg", NULL);
    for (int i = 2; i < 6; i++) { /* four are kept */
        char text[16];

        snprintf (text, sizeof (text), "line %d", i);
        expect (w, text);
    }
    expect (w, "ENODATA");
    assert_null (answer (w));
    assert_int_equal (attrs_set (w->b.attrs, "log-level", "3", false, &error), 0);
    line (w, LOG_INFO, "too quiet");
    line (w, LOG_ERR, "loud");
    ask (w, "log.dmesg", "{\"nobacklog\":true}");
    expect (w, "ENODATA");
    ask (w, "log.dmesg", NULL);
    expect (w, "line 3");
    expect (w, "line 4");
    expect (w, "line 5");
    expect (w, "loud");
    expect (w, "ENODATA");
    send (w, "log.clear", NULL, 0, false, 2, 0);
    expect (w, "");
    ask (w, "log.dmesg", NULL);
    expect (w, "ENODATA");
}

/* Who follows gets each line once, until he has enough, or it is over. */
static void follow (void **state)
{
    struct world *w = *state;

    line (w, LOG_INFO, "before");
    ask (w, "log.dmesg", "{\"follow\":true}");
    expect (w, "before");
    assert_null (answer (w));
    for (int i = 0; i < 3; i++)
        broker_log (&w->b, LOG_INFO, "line %d", i);
    turn (w);
    expect (w, "line 0");
    expect (w, "line 1");
    expect (w, "line 2");
    assert_null (answer (w));
    /* more at once than are kept: the oldest are lost, not the order */
    for (int i = 0; i < 7; i++)
        broker_log (&w->b, LOG_INFO, "flood %d", i);
    turn (w);
    for (int i = 3; i < 7; i++) {
        char text[16];

        snprintf (text, sizeof (text), "flood %d", i);
        expect (w, text);
    }
    assert_null (answer (w));
    /* another's request is not ended by this */
    send (w, "log.cancel", "{\"matchtag\":7}", 15, false, FLUX_MATCHTAG_NONE, 0);
    line (w, LOG_INFO, "on");
    while (w->f.next < w->f.count && !strstr (answer (w), "on"))
        ;
    send (w, "log.cancel", "{\"matchtag\":1}", 15, false, FLUX_MATCHTAG_NONE, 0);
    expect (w, "ENODATA");
    line (w, LOG_INFO, "alone");
    assert_null (answer (w));
    ask (w, "log.dmesg", "{\"follow\":true,\"nobacklog\":true}");
    assert_null (answer (w));
    log_end_followers (&w->b);
    expect (w, "ENODATA");
    ask (w, "log.dmesg", "{\"follow\":true,\"nobacklog\":true}"); /* nobody any more */
    expect (w, "ENODATA");
}

static void gone (void **state)
{
    struct world *w = *state;

    ask (w, "log.dmesg", "{\"follow\":true}");
    send (w, "log.disconnect", NULL, 0, false, FLUX_MATCHTAG_NONE, 0);
    line (w, LOG_INFO, "nobody listens");
    assert_null (answer (w));
}

/* Lines of others: what is a line is kept as it came, what is too long is cut, an error
 * of a module is noted. */
static void appended (void **state)
{
    static const char good[] = "<11>1 2026-01-02T03:04:05.000000Z 0 kvs - - - it broke";
    struct world *w = *state;
    char longer[BROKER_LOG_MAX + 100];

    send (w, "log.append", good, strlen (good), false, 1, 0);
    expect (w, "");
    assert_string_equal (w->noted, "it broke");
    memset (longer, 'x', sizeof (longer));
    memcpy (longer, "<14>1 2026-01-02T03:04:05.000000Z 0 kvs - - - ", 46);
    send (w, "log.append", longer, sizeof (longer), false, 2, 0);
    expect (w, "");
    send (w, "log.append", "no line", 7, false, 3, 0);
    expect (w, "");
    send (w, "log.append", NULL, 0, false, 4, 0);
    expect (w, "EPROTO");
    ask (w, "log.dmesg", NULL);
    expect (w, good);
    {
        const char *s = answer (w);

        assert_int_equal (strlen (s), BROKER_LOG_MAX);
        assert_int_equal (strncmp (s, longer, BROKER_LOG_MAX), 0);
    }
    expect (w, "ENODATA");
    assert_string_equal (w->noted, "it broke");
}

static void refused (void **state)
{
    struct world *w = *state;
    flux_error_t error;
    static const struct {
        const char *name, *value;
    } bad[] = { { "log-level", "8" },
                { "log-level", "-2" },
                { "log-stderr-mode", "here" },
                { "log-ring-size", "-1" } };

    send (w, "log.dmesg", NULL, 0, false, 1, 0); /* no stream */
    expect (w, "EPROTO");
    ask (w, "log.dmesg", "{\"follow\":5}");
    expect (w, "EPROTO");
    send (w, "log.dmesg", NULL, 0, true, 1, FLUX_ROLE_USER);
    expect (w, "EPERM Request requires owner");
    ask (w, "log.none", NULL);
    expect (w, "ENOSYS Unknown service method 'log.none'");
    for (size_t i = 0; i < sizeof (bad) / sizeof (bad[0]); i++)
        assert_int_equal (
            attrs_set (w->b.attrs, bad[i].name, bad[i].value, false, &error), -1);
}

/* --- traces --- */

static void traced (struct world *w, const char *name, const char *dir, int type,
                    const char *topic, int errnum)
{
    flux_msg_t *msg = flux_msg_create (type);

    flux_msg_set_topic (msg, topic);
    if (type == FLUX_MSGTYPE_RESPONSE)
        flux_msg_set_errnum (msg, errnum);
    else
        flux_msg_set_string (msg, "{\"key\":1}");
    trace_message (&w->b, name, dir, msg);
    turn (w);
    flux_msg_destroy (msg);
}

/* Who asked for what gets it, and nothing else. */
static void traces (void **state)
{
    static const struct {
        const char *request, *seen;
    } t[] = {
        { "{\"names\":[\"kvs\"]}", "qreh" },
        { "{\"names\":[\"*\"]}", "qrehQ" },
        { "{\"names\":[\"k*\"],\"topic_glob\":\"kvs.*\"}", "qr" },
        { "{\"names\":[\"kvs\"],\"typemask\":2}", "re" },
        { "{\"names\":[\"none*\"]}", "" },
        { "{\"names\":[]}", "" },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        const char *seen = t[i].seen;

        fake_forget (&w->f);
        ask (w, "module.trace", t[i].request);
        assert_null (answer (w));
        traced (w, "kvs", "rx", FLUX_MSGTYPE_REQUEST, "kvs.lookup", 0);
        if (*seen == 'q') {
            expect (w, " kvs rx > kvs.lookup [10]");
            seen++;
        }
        traced (w, "kvs", "tx", FLUX_MSGTYPE_RESPONSE, "kvs.lookup", 0);
        if (*seen == 'r') {
            expect (w, " kvs tx < kvs.lookup [0] success");
            seen++;
        }
        traced (w, "kvs", "rx", FLUX_MSGTYPE_RESPONSE, "content.load", ENOENT);
        if (*seen == 'e') {
            expect (w, " content.load [0] No such file or directory");
            seen++;
        }
        traced (w, "kvs", "rx", FLUX_MSGTYPE_EVENT, "heartbeat.pulse", 0);
        if (*seen == 'h') {
            expect (w, " e heartbeat.pulse");
            seen++;
        }
        traced (w, "content", "rx", FLUX_MSGTYPE_REQUEST, "content.load", 0);
        if (*seen == 'Q')
            expect (w, " content rx > content.load");
        assert_null (answer (w));
        send (w, "module.disconnect", NULL, 0, false, FLUX_MATCHTAG_NONE, 0);
    }
}

static void passed (struct world *w, int rank, const char *dir, const char *topic)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_REQUEST);

    flux_msg_set_topic (msg, topic);
    trace_overlay (&w->b, rank, dir, msg);
    turn (w);
    flux_msg_destroy (msg);
}

/* Of the tree: by neighbour and topic; and not what a trace itself sends. */
static void overlay_traces (void **state)
{
    struct world *w = *state;

    w->b.size = 4;
    assert_false (trace_wanted (&w->b));
    ask (w, "overlay.trace", "{\"rank\":1,\"topic_glob\":\"kvs.*\"}");
    assert_true (trace_wanted (&w->b));
    passed (w, 1, "rx", "kvs.lookup");
    expect (w, " rx 1 > kvs.lookup [0]");
    passed (w, 2, "rx", "kvs.lookup");
    passed (w, 1, "rx", "content.load");
    traced (w, "kvs", "rx", FLUX_MSGTYPE_REQUEST, "kvs.lookup", 0);
    assert_null (answer (w));
    send (w, "module.disconnect", NULL, 0, false, FLUX_MATCHTAG_NONE, 0);
    assert_false (trace_wanted (&w->b));
    ask (w, "overlay.trace", "{}");
    passed (w, -1, "tx", "hello");
    expect (w, " tx ? > hello [0]");
    passed (w, 3, "tx", "overlay.trace");
    passed (w, 3, "tx", "module.trace");
    assert_null (answer (w));
    ask (w, "overlay.trace", "{\"rank\":4}");
    expect (w, "EINVAL there is no broker of that rank");
    ask (w, "overlay.trace", "{\"rank\":\"x\"}");
    expect (w, "EPROTO");
    send (w, "overlay.trace", "{}", 3, false, 1, 0);
    expect (w, "EPROTO");
}

/* The payload, too; however long names are, nothing is written beyond the line. */
static void full (void **state)
{
    struct world *w = *state;
    char topic[4097];

    ask (w, "module.trace", "{\"names\":[\"kvs\"],\"full\":true}");
    traced (w, "kvs", "rx", FLUX_MSGTYPE_REQUEST, "kvs.lookup", 0);
    expect (w, "kvs.lookup [10]\n{\"key\":1}");
    memset (topic, 't', sizeof (topic));
    topic[sizeof (topic) - 1] = '\0';
    traced (w, "kvs", "rx", FLUX_MSGTYPE_REQUEST, topic, 0);
    expect (w, "tttttt");
    traced (w, "kvs", "rx", FLUX_MSGTYPE_RESPONSE, topic, ENOENT);
    expect (w, "tttttt");
    assert_null (answer (w));
}

static void bad_traces (void **state)
{
    struct world *w = *state;

    send (w, "module.trace", "{\"names\":[\"kvs\"]}", 18, false, 1, 0);
    expect (w, "EPROTO");
    ask (w, "module.trace", "{}");
    expect (w, "EPROTO");
    ask (w, "module.trace", "{\"names\":\"kvs\"}");
    expect (w, "EPROTO");
    ask (w, "module.trace", "{\"names\":[5]}");
    expect (w, "ENOENT");
    ask (w, "module.trace", "{\"names\":[\"kvs\",\"nosuch\"]}");
    expect (w, "ENOENT nosuch: no such module is loaded");
    traced (w, "kvs", "rx", FLUX_MSGTYPE_REQUEST, "kvs.lookup", 0);
    assert_null (answer (w));
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (backlog), T (follow), T (gone),       T (appended),       T (refused),
        T (traces),  T (full),   T (bad_traces), T (overlay_traces),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
