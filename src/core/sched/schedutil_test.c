/* The scheduler's end of RFC 27. A thread at the other end of a socket is job-manager,
 * and does what the scheduler's side asks: test.take is what it was answered, test.send
 * makes it send a request. */
#include "base/test.h"
#include "core/message/message.h"
#include "core/sched/pair_test.h"

#include <flux/core.h>
#include <flux/schedutil.h>

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    flux_t *h, *peer;
    pthread_t thread;
    schedutil_t *util;
    char told[512];         /* what the scheduler was told */
    const char *registered; /* answers of job-manager: NULL is no */
    const char *hellos[4];  /* R's, then ENODATA */
    int hello_errnum;
    char asked[256]; /* what job-manager was asked */
    int hello_rc;
    uint32_t rolemask; /* of what job-manager asks */
    char answer[512];  /* that job-manager got */
    char taken[512];
};

static void tell (struct world *w, const char *what, const flux_msg_t *msg,
                  const char *R)
{
    size_t len = strlen (w->told);
    json_int_t id = -1;

    (void)flux_msg_unpack (msg, "{s:I}", "id", &id);
    snprintf (w->told + len, sizeof (w->told) - len, "%s%d%s%s ", what, (int)id,
              R ? ":" : "", R ? R : "");
}

static int hello (flux_t *h, const flux_msg_t *msg, const char *R, void *arg)
{
    tell (arg, "hello", msg, R);
    return ((struct world *)arg)->hello_rc;
}

static void alloc (flux_t *h, const flux_msg_t *msg, void *arg)
{
    tell (arg, "alloc", msg, NULL);
}

static void free_R (flux_t *h, const flux_msg_t *msg, const char *R, void *arg)
{
    tell (arg, "free", msg, R);
}

static void cancel (flux_t *h, const flux_msg_t *msg, void *arg)
{
    tell (arg, "cancel", msg, NULL);
}

static void prioritize (flux_t *h, const flux_msg_t *msg, void *arg)
{
    tell (arg, "prio", msg, NULL);
}

static const struct schedutil_ops ops = {
    .hello = hello,
    .alloc = alloc,
    .free = free_R,
    .cancel = cancel,
    .prioritize = prioritize,
};

/* --- job-manager, in its thread --- */

static void sorted (const char *s, char *out, size_t size)
{
    json_t *o = json_loads (s ? s : "null", JSON_DECODE_ANY, NULL);
    char *text = json_dumps (o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    snprintf (out, size, "%s", text);
    free (text);
    json_decref (o);
}

static void send_request (struct world *w, const flux_msg_t *msg)
{
    const char *topic, *payload;
    flux_msg_t *req;

    if (flux_request_unpack (msg, NULL, "{s:s s:s}", "topic", &topic, "payload",
                             &payload)
            < 0
        || !(req = flux_request_encode (topic, payload)))
        abort ();
    flux_msg_set_noresponse (req);
    flux_msg_set_cred (req, (struct flux_msg_cred){ 1, w->rolemask });
    if (flux_send (w->peer, req, 0) < 0 || flux_respond (w->peer, msg, NULL) < 0)
        abort ();
    flux_msg_destroy (req);
}

static void serve (struct world *w, const flux_msg_t *msg)
{
    const char *topic, *s;

    if (flux_request_decode (msg, &topic, &s) < 0)
        abort ();
    if (!strncmp (topic, "job-manager.", 12))
        sorted (s, w->asked, sizeof (w->asked));
    if (!strcmp (topic, "service.add") && w->registered)
        (void)flux_respond (w->peer, msg, NULL);
    else if (!strcmp (topic, "service.add"))
        (void)flux_respond_error (w->peer, msg, EEXIST, NULL);
    else if (!strcmp (topic, "job-manager.sched-hello")) {
        for (int i = 0; i < 4 && w->hellos[i]; i++)
            (void)flux_respond (w->peer, msg, w->hellos[i]);
        (void)flux_respond_error (w->peer, msg, w->hello_errnum, NULL);
    } else if (!strcmp (topic, "job-manager.sched-ready"))
        (void)flux_respond_pack (w->peer, msg, "{s:i}", "count", 7);
    else if (!strcmp (topic, "test.send"))
        send_request (w, msg);
    else if (!strcmp (topic, "test.take")) {
        (void)flux_respond_pack (w->peer, msg, "{s:s}", "answer", w->answer);
        w->answer[0] = '\0';
    }
}

/* Until the scheduler hangs up. */
static void *job_manager (void *arg)
{
    struct world *w = arg;
    flux_msg_t *msg;
    const char *s;
    int type;

    while ((msg = flux_recv (w->peer, FLUX_MATCH_ANY, 0))) {
        if (flux_msg_get_type (msg, &type) < 0)
            abort ();
        if (type == FLUX_MSGTYPE_REQUEST)
            serve (w, msg);
        else if (flux_response_decode (msg, NULL, &s) == 0)
            sorted (s, w->answer, sizeof (w->answer));
        flux_msg_destroy (msg);
    }
    return NULL;
}

static int setup (void **state)
{
    struct world *w = calloc (1, sizeof (*w));

    w->registered = "yes";
    w->hello_errnum = ENODATA;
    w->rolemask = FLUX_ROLE_OWNER | MSG_ROLE_MODULE;
    *state = w;
    return pair_open (&w->h, &w->peer) == 0
                   && pthread_create (&w->thread, NULL, job_manager, w) == 0
               ? 0
               : -1;
}

static int teardown (void **state)
{
    struct world *w = *state;

    schedutil_destroy (w->util);
    flux_close (w->h);
    pthread_join (w->thread, NULL);
    flux_close (w->peer);
    free (w);
    return 0;
}

static flux_msg_t *request (const char *topic, const char *payload)
{
    flux_msg_t *msg = flux_request_encode (topic, payload);

    assert_non_null (msg);
    return msg;
}

/* What job-manager was answered, sorted; NULL: nothing. */
static const char *answered (struct world *w)
{
    flux_future_t *f = flux_rpc (w->h, "test.take", NULL, FLUX_NODEID_ANY, 0);
    const char *s;

    assert_int_equal (flux_rpc_get_unpack (f, "{s:s}", "answer", &s), 0);
    snprintf (w->taken, sizeof (w->taken), "%s", s);
    flux_future_destroy (f);
    return w->taken[0] ? w->taken : NULL;
}

#define R_TEXT "{\"version\":1}"

/* Each answer of RFC 27: its type, and what comes with it. */
static void answers (void **state)
{
    struct world *w = *state;
    flux_msg_t *msg = request ("sched.alloc", "{\"id\":9007199254740993}");
    flux_msg_t *bad = request ("sched.alloc", "{\"id\":\"1\"}");
    schedutil_t *u = w->util = schedutil_create (w->h, 0, &ops, w);

    assert_non_null (u);
    assert_int_equal (schedutil_alloc_respond_success_pack (u, msg, R_TEXT, NULL), 0);
    assert_string_equal (answered (w), "{\"R\":{\"version\":1},\"R_owed\":true,\"id\":"
                                       "9007199254740993,\"type\":0}");
    assert_int_equal (schedutil_alloc_respond_success_pack (u, msg, R_TEXT, "{s:{s:s}}",
                                                            "sched", "queue", "a\"b"),
                      0);
    assert_string_equal (answered (w),
                         "{\"R\":{\"version\":1},\"R_owed\":true,\"annotations\":{"
                         "\"sched\":{\"queue\":\"a\\\"b\"}},\"id\":9007199254740993,"
                         "\"type\":0}");
    assert_int_equal (schedutil_alloc_respond_annotate_pack (u, msg, "{s:i}", "n", 5),
                      0);
    assert_string_equal (
        answered (w), "{\"annotations\":{\"n\":5},\"id\":9007199254740993,\"type\":1}");
    assert_int_equal (schedutil_alloc_respond_deny (u, msg, NULL), 0);
    assert_string_equal (answered (w), "{\"id\":9007199254740993,\"type\":2}");
    assert_int_equal (schedutil_alloc_respond_deny (u, msg, "too \"large\""), 0);
    assert_string_equal (
        answered (w),
        "{\"id\":9007199254740993,\"note\":\"too \\\"large\\\"\",\"type\":2}");
    assert_int_equal (schedutil_alloc_respond_cancel (u, msg), 0);
    assert_string_equal (answered (w), "{\"id\":9007199254740993,\"type\":3}");
    assert_int_equal (schedutil_free_respond (u, msg), 0);
    /* a request that has no id gets no answer, and so does what cannot be encoded */
    assert_int_equal (schedutil_alloc_respond_success_pack (u, bad, R_TEXT, NULL), -1);
    assert_int_equal (schedutil_alloc_respond_annotate_pack (u, bad, "{}"), -1);
    assert_int_equal (schedutil_alloc_respond_deny (u, bad, NULL), -1);
    assert_int_equal (schedutil_alloc_respond_cancel (u, bad), -1);
    assert_int_equal (schedutil_alloc_respond_success_pack (u, msg, R_TEXT, "{"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (schedutil_alloc_respond_annotate_pack (u, msg, "{"), -1);
    assert_int_equal (schedutil_alloc_respond_success_pack (u, msg, NULL, NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (answered (w));
    flux_msg_destroy (msg);
    flux_msg_destroy (bad);
}

static void create (void **state)
{
    struct world *w = *state;
    struct schedutil_ops partial = ops;

    partial.cancel = NULL;
    assert_null (schedutil_create (w->h, 0, &partial, w));
    assert_int_equal (errno, EINVAL);
    assert_null (schedutil_create (NULL, 0, &ops, w));
    assert_null (schedutil_create (w->h, 0, NULL, w));
    w->registered = NULL; /* there is another scheduler */
    assert_null (schedutil_create (w->h, 0, &ops, w));
    assert_int_equal (errno, EEXIST);
    schedutil_destroy (NULL);
}

static void deliver (struct world *w, const char *topic, const char *payload)
{
    flux_future_t *f = flux_rpc_pack (w->h, "test.send", FLUX_NODEID_ANY, 0,
                                      "{s:s s:s}", "topic", topic, "payload", payload);

    assert_int_equal (flux_rpc_get (f, NULL), 0);
    flux_future_destroy (f);
    for (int i = 0; i < 6; i++)
        (void)flux_reactor_run (flux_get_reactor (w->h), FLUX_REACTOR_NOWAIT);
}

static void requests (void **state)
{
    struct world *w = *state;

    for (int lookup = 0; lookup < 2; lookup++) {
        w->told[0] = '\0';
        w->util =
            schedutil_create (w->h, lookup ? 0 : SCHEDUTIL_FREE_NOLOOKUP, &ops, w);
        deliver (w, "sched.alloc", "{\"id\":1}");
        deliver (w, "sched.cancel", "{\"id\":2}");
        deliver (w, "sched.prioritize", "{\"id\":3}");
        deliver (w, "sched.free", "{\"id\":4,\"R\":{\"version\":1}}");
        assert_string_equal (w->told,
                             lookup ? "alloc1 cancel2 prio3 free4:{\"version\":1} "
                                    : "alloc1 cancel2 prio3 free4 ");
        schedutil_destroy (w->util);
        w->util = NULL;
    }
}

/* Whoever it is that asks: if no module does, nothing happens. */
static void forged (void **state)
{
    struct world *w = *state;

    w->rolemask = FLUX_ROLE_OWNER | FLUX_ROLE_LOCAL;
    w->util = schedutil_create (w->h, 0, &ops, w);
    deliver (w, "sched.alloc", "{\"id\":1}");
    deliver (w, "sched.cancel", "{\"id\":2}");
    deliver (w, "sched.prioritize", "{\"id\":3}");
    deliver (w, "sched.free", "{\"id\":4,\"R\":{\"version\":1}}");
    assert_string_equal (w->told, "");
}

/* Jobs that run already: each is told, until one cannot be taken. */
static void hellos (void **state)
{
    static const char one[] = "{\"id\":1,\"R\":{\"version\":1}}";
    static const char two[] = "{\"id\":2,\"R\":{\"version\":1}}";
    static const struct {
        int flags;
        const char *hellos[3];
        int errnum, hello_rc, rc;
        const char *told, *asked;
    } t[] = {
        { 0, { NULL }, ENODATA, 0, 0, "", "{\"partial-ok\":false}" },
        { SCHEDUTIL_HELLO_PARTIAL_OK,
          { one, two },
          ENODATA,
          0,
          0,
          "hello1:{\"version\":1} hello2:{\"version\":1} ",
          "{\"partial-ok\":true}" },
        { 0, { one, two }, ENODATA, -1, -1, "hello1:{\"version\":1} ", NULL },
        { 0, { "{\"id\":1}", two }, ENODATA, 0, -1, "", NULL },
        { 0, { one }, EIO, 0, -1, "hello1:{\"version\":1} ", NULL },
        { 0, { NULL }, EPERM, 0, -1, "", NULL },
    };
    struct world *w = *state;

    w->util = schedutil_create (w->h, 0, &ops, w);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        schedutil_destroy (w->util);
        w->util = schedutil_create (w->h, t[i].flags, &ops, w);
        memcpy (w->hellos, t[i].hellos, sizeof (t[i].hellos));
        w->hello_errnum = t[i].errnum;
        w->hello_rc = t[i].hello_rc;
        w->told[0] = '\0';
        assert_int_equal (schedutil_hello (w->util), t[i].rc);
        assert_string_equal (w->told, t[i].told);
        if (t[i].asked)
            assert_string_equal (w->asked, t[i].asked);
    }
}

static void ready (void **state)
{
    static const struct {
        const char *mode, *asked; /* NULL: refused */
    } t[] = {
        { "unlimited", "{\"mode\":\"unlimited\"}" },
        { "limited=1", "{\"limit\":1,\"mode\":\"limited\"}" },
        { "limited=2147483647", "{\"limit\":2147483647,\"mode\":\"limited\"}" },
        { "limited=0", NULL },
        { "limited=-1", NULL },
        { "limited=", NULL },
        { "limited", NULL },
        { "limited=4x", NULL },
        { "limited=2147483648", NULL },
        { "limited=99999999999999999999", NULL },
        { "limited= 4", NULL },
        { "unlimited=4", NULL },
        { "single", NULL },
        { "", NULL },
        { "=4", NULL },
        { NULL, NULL },
    };
    struct world *w = *state;
    int depth;

    w->util = schedutil_create (w->h, 0, &ops, w);
    for (size_t i = 0; i < sizeof (t) / sizeof (t[0]); i++) {
        depth = -1;
        w->asked[0] = '\0';
        errno = 0;
        if (!t[i].asked) {
            assert_int_equal (schedutil_ready (w->util, t[i].mode, &depth), -1);
            assert_int_equal (errno, EINVAL);
            assert_string_equal (w->asked, "");
            assert_int_equal (depth, -1);
            continue;
        }
        assert_int_equal (schedutil_ready (w->util, t[i].mode, &depth), 0);
        assert_string_equal (w->asked, t[i].asked);
        assert_int_equal (depth, 7);
        assert_int_equal (schedutil_ready (w->util, t[i].mode, NULL), 0);
    }
}

#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests[] = {
        T (answers), T (create), T (requests), T (forged), T (hellos), T (ready),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
