/* Handlers, futures and what is built on them, over loop://. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <flux/attr.h>
#include <jansson.h>
#include <cmocka.h>

#include "core/connect/connector.h"
#include "core/connect/within.h"
#include "core/handle/dispatch.h"
#include "core/message/msgstream.h"

static int open_loop (void **state)
{
    return (*state = flux_open ("loop://", 0)) ? 0 : -1;
}

static int close_loop (void **state)
{
    flux_close (*state);
    return 0;
}

static void answer_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    assert_int_equal (flux_respond_pack (h, msg, "{s:s}", "by", (char *)arg), 0);
}

static flux_msg_handler_t *handler (flux_t *h, int type, const char *topic,
                                    flux_msg_handler_f cb, void *arg)
{
    struct flux_match m = { .typemask = type, .topic_glob = topic };
    flux_msg_handler_t *mh = flux_msg_handler_create (h, m, cb, arg);

    assert_non_null (mh);
    flux_msg_handler_start (mh);
    return mh;
}

static void get_cb (flux_future_t *f, void *arg)
{
    char *buf = arg;
    const char *s;

    if (flux_rpc_get_unpack (f, "{s:s}", "by", &s) < 0)
        s = strerror (errno);
    snprintf (buf, 64, "%s", s);
    flux_reactor_stop (flux_future_get_reactor (f));
    flux_future_destroy (f);
}

static const char *ask (flux_t *h, const char *topic)
{
    static char buf[64];
    flux_future_t *f = flux_rpc (h, topic, NULL, FLUX_NODEID_ANY, 0);

    assert_int_equal (flux_future_then (f, -1, get_cb, buf), 0);
    assert_true (flux_reactor_run (flux_get_reactor (h), 0) >= 0);
    return buf;
}

static void handlers (void **state)
{
    flux_t *h = *state;
    flux_msg_handler_t *a =
        handler (h, FLUX_MSGTYPE_REQUEST, "s.a", answer_cb, (void *)"a");
    flux_msg_handler_t *any =
        handler (h, FLUX_MSGTYPE_REQUEST, "s.*", answer_cb, (void *)"any");
    flux_msg_handler_t *b;

    assert_string_equal (ask (h, "s.a"), "a");
    assert_string_equal (ask (h, "s.b"), "any");
    assert_string_equal (ask (h, "t.b"), "Function not implemented");
    b = handler (h, FLUX_MSGTYPE_REQUEST, "s.a", answer_cb, (void *)"b");
    assert_string_equal (ask (h, "s.a"), "b"); /* the latest comes first */
    flux_msg_handler_stop (b);
    assert_string_equal (ask (h, "s.a"), "a");
    flux_msg_handler_destroy (b);
    flux_msg_handler_destroy (a);
    assert_string_equal (ask (h, "s.a"), "any");
    flux_msg_handler_destroy (any);
}

static void roles (void **state)
{
    flux_t *h = *state;
    flux_msg_handler_t *mh =
        handler (h, FLUX_MSGTYPE_REQUEST, "s.a", answer_cb, (void *)"a");
    uint32_t role = FLUX_ROLE_USER;

    assert_int_equal (flux_opt_set (h, "flux::testing_rolemask", &role, sizeof (role)),
                      0);
    assert_string_equal (ask (h, "s.a"), "Operation not permitted");
    flux_msg_handler_allow_rolemask (mh, FLUX_ROLE_USER);
    assert_string_equal (ask (h, "s.a"), "a");
    flux_msg_handler_deny_rolemask (mh, FLUX_ROLE_USER);
    assert_string_equal (ask (h, "s.a"), "Operation not permitted");
    flux_msg_handler_destroy (mh);
}

struct event_count {
    flux_msg_handler_t *victim;
    int a, b;
};

static void event_a_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct event_count *c = arg;

    c->a++;
    flux_msg_handler_destroy (c->victim);
    c->victim = NULL;
    flux_reactor_stop (flux_get_reactor (h));
}

static void event_b_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    ((struct event_count *)arg)->b++;
}

/* An event goes to all; one that was destroyed by another gets nothing. */
static void events (void **state)
{
    flux_t *h = *state;
    struct event_count c = { 0 };
    flux_msg_handler_t *b, *a, *all;
    flux_msg_t *msg = flux_event_pack ("x.y", "{s:i}", "n", 1);

    c.victim = handler (h, FLUX_MSGTYPE_EVENT, "x.y", event_b_cb, &c);
    b = handler (h, FLUX_MSGTYPE_EVENT, "x.*", event_b_cb, &c);
    a = handler (h, FLUX_MSGTYPE_EVENT, "x.y", event_a_cb, &c);
    all = handler (h, FLUX_MSGTYPE_EVENT, NULL, event_b_cb, &c);
    assert_int_equal (flux_send (h, msg, 0), 0);
    assert_true (flux_reactor_run (flux_get_reactor (h), 0) >= 0);
    assert_int_equal (c.a, 1);
    assert_int_equal (c.b, 2);
    flux_msg_handler_destroy (a);
    flux_msg_handler_destroy (b);
    flux_msg_handler_destroy (all);
    flux_msg_destroy (msg);
}

/* An event of another user comes only to who admits it, whoever else listens. */
static void event_roles (void **state)
{
    flux_t *h = *state;
    struct event_count c = { 0 };
    flux_msg_handler_t *exact, *any, *open;
    flux_msg_t *msg = flux_event_encode ("x.y", NULL);
    uint32_t role = FLUX_ROLE_USER;
    json_t *described, *o;
    size_t i;

    exact = handler (h, FLUX_MSGTYPE_EVENT, "x.y", event_b_cb, &c);
    any = handler (h, FLUX_MSGTYPE_EVENT, NULL, event_b_cb, &c);
    open = handler (h, FLUX_MSGTYPE_EVENT, "x.*", event_a_cb, &c);
    flux_msg_handler_allow_rolemask (open, FLUX_ROLE_USER);
    assert_int_equal (flux_opt_set (h, "flux::testing_rolemask", &role, sizeof (role)),
                      0);
    assert_int_equal (flux_send (h, msg, 0), 0);
    assert_true (flux_reactor_run (flux_get_reactor (h), 0) >= 0);
    assert_int_equal (c.a, 1);
    assert_int_equal (c.b, 0);
    described = dispatch_describe (h);
    assert_int_equal (json_array_size (described), 3);
    json_array_foreach (described, i, o) {
        const char *topic;
        int type, rolemask;

        assert_int_equal (json_unpack (o, "{s:s s:i s:i}", "topic", &topic, "type",
                                       &type, "rolemask", &rolemask),
                          0);
        assert_int_equal (type, FLUX_MSGTYPE_EVENT);
        assert_int_equal (rolemask, strcmp (topic, "x.*") ? 1 : 3);
    }
    json_decref (described);
    flux_msg_handler_destroy (exact);
    flux_msg_handler_destroy (any);
    flux_msg_handler_destroy (open);
    flux_msg_destroy (msg);
}

static void recv_matches (void **state)
{
    flux_t *h = *state;
    const char *topics[] = { "a.1", "b.1", "a.2" };
    struct flux_match m = FLUX_MATCH_REQUEST;
    flux_msg_t *msg;
    const char *s;

    for (int i = 0; i < 3; i++) {
        msg = flux_request_encode (topics[i], NULL);
        assert_int_equal (flux_send_new (h, &msg, 0), 0);
        assert_null (msg);
    }
    m.topic_glob = "b.*";
    assert_non_null (msg = flux_recv (h, m, 0));
    assert_null (flux_recv (h, m, FLUX_O_NONBLOCK));
    assert_int_equal (errno, EAGAIN);
    assert_null (flux_recv_within (NULL, m, 0));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_requeue (h, msg, FLUX_RQ_HEAD), 0);
    flux_msg_destroy (msg);
    for (int i = 0; i < 3; i++) {
        msg = flux_recv (h, FLUX_MATCH_ANY, 0);
        assert_int_equal (flux_msg_get_topic (msg, &s), 0);
        assert_string_equal (s, i == 0 ? "b.1" : i == 1 ? "a.1" : "a.2");
        flux_msg_destroy (msg);
    }
    assert_int_equal (flux_pollevents (h), FLUX_POLLOUT);
}

static void timer_fulfill (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    flux_future_fulfill (arg, strdup ("done"), free);
}

static void timer_init (flux_future_t *f, void *arg)
{
    flux_watcher_t *w = flux_timer_watcher_create (flux_future_get_reactor (f), 0.001,
                                                   0, timer_fulfill, f);

    flux_watcher_start (w);
    flux_future_aux_set (f, NULL, w, (flux_free_f)flux_watcher_destroy);
}

static void never_init (flux_future_t *f, void *arg)
{
}

static void ready_cb (flux_future_t *f, void *arg)
{
    (*(int *)arg)++;
    if (flux_future_get (f, NULL) < 0)
        assert_int_equal (errno, ETIMEDOUT);
}

static void waits (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_future_create (timer_init, NULL);
    const void *p;
    int count = 0;

    flux_future_set_flux (f, h);
    assert_int_equal (flux_future_wait_for (f, 0.), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (flux_future_get (f, &p), 0);
    assert_string_equal (p, "done");
    flux_future_destroy (f);

    f = flux_future_create (never_init, NULL);
    flux_future_set_flux (f, h);
    assert_int_equal (flux_future_wait_for (f, 0.001), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_false (flux_future_is_ready (f));
    assert_int_equal (flux_future_then (f, 0.001, ready_cb, &count), 0);
    assert_int_equal (flux_reactor_run (flux_get_reactor (h), 0), 0);
    assert_int_equal (count, 1);
    assert_true (flux_future_has_error (f));
    assert_string_equal (flux_future_error_string (f), "Connection timed out");
    flux_future_destroy (f);
}

static void multiple (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_future_create (NULL, NULL);
    const void *p;
    int count = 0;

    flux_future_set_flux (f, h);
    flux_future_fulfill (f, (void *)"1", NULL);
    flux_future_fulfill (f, strdup ("2"), free);
    flux_future_fulfill_error (f, EPERM, "no way");
    assert_int_equal (flux_future_get (f, &p), 0);
    assert_string_equal (p, "1");
    flux_future_reset (f);
    assert_int_equal (flux_future_get (f, &p), 0);
    assert_string_equal (p, "2");
    flux_future_reset (f);
    assert_int_equal (flux_future_get (f, &p), -1);
    assert_int_equal (errno, EPERM);
    assert_string_equal (flux_future_error_string (f), "no way");
    flux_future_reset (f);
    assert_false (flux_future_is_ready (f));
    assert_null (flux_future_error_string (f));
    flux_future_fulfill (f, (void *)"3", NULL);
    flux_future_fatal_error (f, EIO, "broken");
    assert_int_equal (flux_future_get (f, &p), -1);
    assert_int_equal (errno, EIO);
    flux_future_destroy (f);

    f = flux_future_create (NULL, NULL);
    flux_future_set_flux (f, h);
    flux_future_fulfill (f, NULL, NULL);
    assert_int_equal (flux_future_then (f, 5., ready_cb, &count), 0);
    assert_int_equal (count, 0); /* never from within then */
    assert_int_equal (flux_reactor_run (flux_get_reactor (h), 0), 0);
    assert_int_equal (count, 1);
    flux_future_destroy (f);
}

static void recover_cb (flux_future_t *f, void *arg)
{
    flux_future_fulfill_next (f, (void *)"recovered", NULL);
}

static void unexpected_cb (flux_future_t *f, void *arg)
{
    abort ();
}

static void chains (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_future_create (NULL, NULL);
    flux_future_t *next, *next2;
    const void *p;

    flux_future_set_flux (f, h);
    flux_future_fulfill_error (f, ENOENT, NULL);
    next = flux_future_and_then (f, unexpected_cb, NULL);
    assert_ptr_equal (flux_future_or_then (f, recover_cb, NULL), next);
    assert_int_equal (flux_future_get (next, &p), 0);
    assert_string_equal (p, "recovered");
    flux_future_destroy (next);

    /* An error runs through to the end. */
    f = flux_future_create (NULL, NULL);
    flux_future_set_flux (f, h);
    flux_future_fulfill_error (f, ENOENT, "nothing");
    next = flux_future_and_then (f, unexpected_cb, NULL);
    next2 = flux_future_and_then (next, unexpected_cb, NULL);
    assert_int_equal (flux_future_get (next2, &p), -1);
    assert_int_equal (errno, ENOENT);
    assert_string_equal (flux_future_error_string (next2), "nothing");
    flux_future_destroy (next2);

    /* Destroyed before it ran. */
    f = flux_future_create (NULL, NULL);
    flux_future_set_flux (f, h);
    next = flux_future_and_then (f, unexpected_cb, NULL);
    flux_future_destroy (next);
}

static void composites (void **state)
{
    flux_t *h = *state;
    flux_future_t *all = flux_future_wait_all_create ();
    flux_future_t *any = flux_future_wait_any_create ();
    flux_future_t *f;

    for (int i = 0; i < 3; i++) {
        f = flux_future_create (i == 0 ? timer_init : never_init, NULL);
        flux_future_set_flux (f, h);
        flux_future_push (any, i == 0 ? "fast" : "never", f);
        f = flux_future_create (timer_init, NULL);
        flux_future_set_flux (f, h);
        flux_future_push (all, "x", f);
    }
    assert_int_equal (flux_future_get (any, NULL), 0);
    assert_true (flux_future_is_ready (flux_future_get_child (any, "fast")));
    assert_false (flux_future_is_ready (flux_future_get_child (any, "never")));
    assert_null (flux_future_get_child (any, "nobody"));
    assert_int_equal (flux_future_get (all, NULL), 0);
    flux_future_destroy (any);
    flux_future_destroy (all);
    all = flux_future_wait_all_create ();
    flux_future_set_flux (all, h);
    assert_int_equal (flux_future_get (all, NULL), 0);
    flux_future_destroy (all);
}

static void noresponse (void **state)
{
    flux_t *h = *state;
    flux_future_t *f = flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE);
    flux_msg_t *msg;
    uint32_t tag;

    assert_int_equal (flux_rpc_get (f, NULL), 0);
    flux_future_destroy (f);
    msg = flux_recv (h, FLUX_MATCH_ANY, 0);
    assert_true (flux_msg_is_noresponse (msg));
    assert_int_equal (flux_msg_get_matchtag (msg, &tag), 0);
    assert_int_equal (tag, 0);
    assert_int_equal (flux_respond (h, msg, NULL), 0);
    assert_null (flux_recv (h, FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
    flux_msg_destroy (msg);
}

/* A late response to an RPC that was given up does not reach the next. */
static void late_response (void **state)
{
    flux_t *h = *state;
    flux_msg_handler_t *mh =
        handler (h, FLUX_MSGTYPE_REQUEST, "s.a", answer_cb, (void *)"a");

    for (int i = 0; i < 100; i++)
        flux_future_destroy (flux_rpc (h, "s.a", NULL, FLUX_NODEID_ANY, 0));
    assert_int_equal (flux_matchtag_avail (h), (1 << 20) - 1);
    assert_string_equal (ask (h, "s.b"), "Function not implemented");
    flux_msg_handler_destroy (mh);
}

static flux_msg_t *request_from (const char *id, uint32_t tag)
{
    flux_msg_t *msg = flux_request_encode ("s.a", NULL);

    flux_msg_set_matchtag (msg, tag);
    flux_msg_route_push (msg, id);
    flux_msg_set_cred (msg, (struct flux_msg_cred){ 1, FLUX_ROLE_OWNER });
    return msg;
}

static void msglists (void **state)
{
    flux_t *h = *state;
    struct flux_msglist *l = flux_msglist_create ();
    flux_msg_t *msg;
    int n = 0;

    for (int i = 0; i < 6; i++) {
        msg = request_from (i % 2 ? "odd" : "even", i + 1);
        assert_int_equal (flux_msglist_append (l, msg), 0);
        flux_msg_destroy (msg);
    }
    msg = request_from ("even", 0);
    flux_msg_pack (msg, "{s:i}", "matchtag", 3);
    assert_int_equal (flux_msglist_cancel (h, l, msg), 1);
    assert_int_equal (flux_msglist_cancel (h, l, msg), 0);
    flux_msg_destroy (msg);
    msg = flux_recv (h, FLUX_MATCH_RESPONSE, 0);
    assert_int_equal (flux_response_decode (msg, NULL, NULL), -1);
    assert_int_equal (errno, ECANCELED);
    flux_msg_destroy (msg);
    assert_int_equal (flux_msglist_count (l), 5);
    msg = request_from ("odd", 0);
    assert_int_equal (flux_msglist_disconnect (l, msg), 3);
    flux_msg_destroy (msg);
    for (const flux_msg_t *m = flux_msglist_first (l); m; m = flux_msglist_next (l)) {
        assert_string_equal (flux_msg_route_first (m), "even");
        n++;
    }
    assert_int_equal (n, 2);
    flux_msglist_destroy (l);
}

static char logged[256];

static void log_cb (const char *buf, int len, void *arg)
{
    snprintf (logged, sizeof (logged), "%.*s", len, buf);
}

static void logs (void **state)
{
    flux_t *h = *state;

    assert_int_equal (flux_attr_set_cacheonly (h, "rank", "3"), 0);
    flux_log_set_appname (h, "test");
    flux_log_set_procid (h, "7");
    flux_log_set_redirect (h, log_cb, NULL);
    flux_log (h, 6, "hello %d\n", 5);
    assert_non_null (strstr (logged, "Z 3 test 7 - - hello 5"));
    assert_int_equal (strncmp (logged, "<14>1 20", 8), 0);
    assert_int_not_equal (logged[strlen (logged) - 1], '\n');
    errno = ENOENT;
    flux_log_error (h, "file");
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (logged, "file: No such file or directory"));
    flux_log_set_redirect (h, NULL, NULL);
}

static void attrs (void **state)
{
    flux_t *h = *state;
    uint32_t n;

    flux_attr_set_cacheonly (h, "rank", "3");
    flux_attr_set_cacheonly (h, "size", "nonsense");
    flux_attr_set_cacheonly (h, "hostlist", "a,b[1-3]");
    assert_int_equal (flux_get_rank (h, &n), 0);
    assert_int_equal (n, 3);
    assert_int_equal (flux_get_size (h, &n), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (flux_get_hostbyrank (h, 2), "b2");
    assert_string_equal (flux_get_hostbyrank (h, 9), "(null)");
}

static void confs (void **state)
{
    flux_error_t error;
    flux_conf_t *conf = flux_conf_pack ("{s:{s:i}}", "a", "b", 1);
    flux_conf_t *cpy;
    char dir[] = "/tmp/conf_test.XXXXXX", path[64];
    const char *s;
    FILE *f;
    int n;

    assert_int_equal (flux_conf_unpack (conf, &error, "{s:{s:i}}", "a", "b", &n), 0);
    assert_int_equal (n, 1);
    assert_int_equal (flux_conf_unpack (conf, &error, "{s:{s:s}}", "a", "b", &s), -1);
    assert_true (strlen (error.text) > 0);
    cpy = flux_conf_copy (conf);
    assert_int_equal (flux_conf_update_pack (cpy, &error, "a.c", "s", "x"), 0);
    assert_int_equal (flux_conf_update_pack (cpy, &error, "z", "{s:i}", "q", 4), 0);
    assert_int_equal (flux_conf_update_pack (cpy, &error, "a.b.c", "i", 1), -1);
    assert_int_equal (flux_conf_unpack (cpy, &error, "{s:{s:i s:s} s:{s:i}}", "a", "b",
                                        &n, "c", &s, "z", "q", &n),
                      0);
    assert_int_equal (flux_conf_unpack (conf, &error, "{s:{s:s}}", "a", "c", &s), -1);
    flux_conf_decref (conf);
    flux_conf_decref (cpy);

    assert_non_null (mkdtemp (dir));
    snprintf (path, sizeof (path), "%s/x.json", dir);
    f = fopen (path, "w");
    fprintf (f, "{\"a\":{\"b\":5}}");
    fclose (f);
    conf = flux_conf_parse (dir, &error);
    assert_non_null (conf);
    assert_int_equal (flux_conf_unpack (conf, &error, "{s:{s:i}}", "a", "b", &n), 0);
    assert_int_equal (n, 5);
    flux_conf_decref (conf);
    f = fopen (path, "w");
    fprintf (f, "{\n\"a\":}");
    fclose (f);
    assert_null (flux_conf_parse (path, &error));
    assert_non_null (strstr (error.text, "x.json:2: "));
    unlink (path);
    rmdir (dir);
    assert_null (flux_conf_parse (dir, &error));
    assert_non_null (flux_conf_builtin_get ("module_path", FLUX_CONF_AUTO));
    assert_null (flux_conf_builtin_get ("nonsense", FLUX_CONF_AUTO));
}

static void opens (void **state)
{
    flux_error_t error;

    assert_null (flux_open_ex ("noscheme", 0, &error));
    assert_non_null (strstr (error.text, "noscheme"));
    assert_null (flux_open_ex ("foo://x", 0, &error));
    assert_null (flux_open_ex ("fd://x", 0, &error));
    assert_non_null (strstr (error.text, "fd://x"));
    assert_null (flux_open_ex ("local:///nonexistent/socket", 0, &error));
    assert_non_null (strstr (error.text, "No such file or directory"));
}

/* A broker that has stopped: the kernel lets in a few, and then nobody. */
static void who_has_stopped_is_given_up (void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char dir[] = "/tmp/within.XXXXXX", uri[128];
    flux_error_t error;
    int fd;

    assert_non_null (mkdtemp (dir));
    snprintf (addr.sun_path, sizeof (addr.sun_path), "%s/socket", dir);
    snprintf (uri, sizeof (uri), "local://%s", addr.sun_path);
    assert_true ((fd = socket (AF_UNIX, SOCK_STREAM, 0)) >= 0);
    assert_int_equal (bind (fd, (struct sockaddr *)&addr, sizeof (addr)), 0);
    assert_int_equal (listen (fd, 1), 0);
    /* no verdict */
    assert_null (open_within (uri, 0.01, &error));
    assert_int_equal (errno, ETIMEDOUT);
    assert_non_null (strstr (error.text, "does not answer"));
    assert_null (open_within (uri, 0.01, &error));
    /* no room */
    assert_null (open_within (uri, 0.01, &error));
    assert_int_equal (errno, ETIMEDOUT);
    assert_non_null (strstr (error.text, addr.sun_path));
    unlink (addr.sun_path);
    rmdir (dir);
    close (fd);
}

static void answers_of_who_has_stopped_are_given_up (void **state)
{
    flux_future_t *f[2];
    flux_error_t error;
    char uri[32];
    int fds[2];
    flux_t *h;

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    snprintf (uri, sizeof (uri), "fd://%d", fds[0]);
    assert_non_null (h = open_within (uri, 0.01, &error));
    f[0] = flux_rpc (h, "x.y", NULL, 0, 0);
    assert_int_equal (flux_future_wait_for (f[0], 0.01), -1); /* a limit of its own */
    assert_int_equal (flux_rpc_get (f[0], NULL), -1);
    assert_int_equal (errno, ETIMEDOUT);
    /* nor does anything else wait */
    f[1] = flux_rpc (h, "x.y", NULL, 0, 0);
    assert_int_equal (flux_future_get (f[1], NULL), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_null (flux_attr_get (h, "rank"));
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 0; i < 2; i++)
        flux_future_destroy (f[i]);
    flux_close (h);
    close (fds[1]);
}

/* Messages of all sizes through a socket, a few bytes at a time. */
static void sockets (void **state)
{
    struct msgstream *a, *b;
    int fds[2];
    size_t sizes[] = { 0, 10, 300, 100000, 3000000 };
    flux_msg_t *msg;

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    a = msgstream_create (fds[0]);
    b = msgstream_create (fds[1]);
    for (int i = 0; i < 5; i++) {
        char *data = calloc (1, sizes[i] + 1);

        msg = flux_request_encode_raw ("a.b", data, sizes[i]);
        assert_int_equal (msgstream_send (a, msg), 0);
        flux_msg_destroy (msg);
        free (data);
    }
    for (int i = 0; i < 5;) {
        const void *data;
        size_t len;

        if (msgstream_flush (a) < 0)
            assert_int_equal (errno, EAGAIN);
        if (!(msg = msgstream_recv (b))) {
            assert_int_equal (errno, EAGAIN);
            continue;
        }
        assert_int_equal (flux_request_decode_raw (msg, NULL, &data, &len), 0);
        assert_int_equal (len, sizes[i++]);
        flux_msg_destroy (msg);
    }
    assert_int_equal (msgstream_unsent (a), 0);
    msgstream_destroy (a);
    for (int i = 0; i < 2 && !(msg = msgstream_recv (b)) && errno == EAGAIN; i++)
        ;
    assert_null (msg);
    assert_int_equal (errno, ECONNRESET);
    msgstream_destroy (b);

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    b = msgstream_create (fds[1]);
    assert_int_equal (write (fds[0], "GET / HTTP/1.1", 14), 14);
    assert_null (msgstream_recv (b));
    assert_int_equal (errno, EPROTO);
    msgstream_destroy (b);
    close (fds[0]);
}

static void open_pair (flux_t *h[2])
{
    char uri[64];
    int fds[2];

    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        snprintf (uri, sizeof (uri), "fd://%d", fds[i]);
        assert_non_null (h[i] = flux_open (uri, 0));
    }
}

/* Two handles on the ends of a socket, both in this thread's hands. */
static void fd_handles (void **state)
{
    flux_t *h[2], *a, *b;
    flux_msg_t *msg;
    flux_future_t *f;

    open_pair (h);
    a = h[0];
    b = h[1];
    for (int i = 0; i < 100; i++) {
        f = flux_rpc_pack (a, "x.y", FLUX_NODEID_ANY, 0, "{s:i}", "i", i);
        msg = flux_recv (b, FLUX_MATCH_REQUEST, 0);
        assert_int_equal (flux_respond (b, msg, "{}"), 0);
        flux_msg_destroy (msg);
        assert_int_equal (flux_rpc_get (f, NULL), 0);
        flux_future_destroy (f);
    }
    f = flux_rpc (a, "x.y", NULL, FLUX_NODEID_ANY, 0);
    flux_close (b);
    assert_int_equal (flux_rpc_get (f, NULL), -1);
    assert_int_equal (errno, ECONNRESET);
    flux_future_destroy (f);
    flux_close (a);
}

/* Whoever has a loop of his own asks this when the descriptor is readable. */
static void socket_tells_of_messages (void **state)
{
    flux_msg_t *event = flux_event_encode ("a", NULL);
    flux_t *h[2];

    open_pair (h);
    assert_int_equal (flux_pollevents (h[0]), FLUX_POLLOUT);
    for (int i = 0; i < 3; i++)
        assert_int_equal (flux_send (h[1], event, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_true (flux_pollevents (h[0]) & FLUX_POLLIN);
        flux_msg_decref (flux_recv (h[0], FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
    }
    assert_int_equal (flux_pollevents (h[0]), FLUX_POLLOUT);
    assert_int_equal (flux_send (h[1], event, 0), 0);
    assert_true (flux_pollevents (h[0]) & FLUX_POLLIN);
    flux_close (h[1]);
    flux_msg_decref (flux_recv (h[0], FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
    assert_true (flux_pollevents (h[0]) & FLUX_POLLERR);
    assert_null (flux_recv (h[0], FLUX_MATCH_ANY, FLUX_O_NONBLOCK));
    assert_int_equal (errno, ECONNRESET);
    flux_msg_decref (event);
    flux_close (h[0]);
}

/* Names and values are the handle's until it goes, whatever is set meanwhile. */
static void attributes_stay (void **state)
{
    flux_t *h = *state;
    const char *name, *first, *second;

    flux_attr_set_cacheonly (h, "rank", "0");
    name = flux_attr_cache_first (h);
    first = flux_attr_get (h, "rank");
    flux_attr_set_cacheonly (h, "rank", "1");
    second = flux_attr_get (h, "rank");
    assert_null (flux_attr_cache_next (h));
    assert_int_equal (flux_attr_set_cacheonly (h, "rank", NULL), 0);
    assert_null (flux_attr_cache_first (h));
    assert_int_equal (flux_attr_set_cacheonly (h, "nosuch", NULL), 0);
    assert_string_equal (name, "rank");
    assert_string_equal (first, "0");
    assert_string_equal (second, "1");
    flux_attr_set_cacheonly (h, "rank", "0");
    assert_ptr_equal (flux_attr_get (h, "rank"), first); /* no third */
    assert_ptr_equal (flux_attr_cache_first (h), name);
    assert_null (flux_attr_cache_next (h));
}

/* --- flags of flux_open --- */

static int no_send (void *impl, const flux_msg_t *msg, int flags)
{
    return 0;
}

static int reconnect_well (void *impl)
{
    return 0;
}

static const struct flux_handle_ops deaf_ops = {
    .send = no_send,
    .reconnect = reconnect_well,
};

/* All that is pending fails, in the order of its tags; what is asked then is not. */
static void rpcs_are_tracked (void **state)
{
    flux_t *h = flux_handle_create (NULL, &deaf_ops, FLUX_O_RPCTRACK);
    flux_future_t *f[3];

    flux_flags_unset (h, FLUX_O_RPCTRACK);
    f[0] = flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, 0);
    f[1] = flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, FLUX_RPC_STREAMING);
    assert_int_equal (flux_reconnect (h), 0);
    f[2] = flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (flux_rpc_get (f[i], NULL), -1);
        assert_int_equal (errno, ECONNRESET);
    }
    assert_int_equal (flux_future_wait_for (f[2], 0.), -1);
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        flux_future_destroy (f[i]);
    flux_close (h);
    h = flux_handle_create (NULL, &deaf_ops, 0);
    flux_flags_set (h, FLUX_O_RPCTRACK);
    f[0] = flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, 0);
    assert_int_equal (flux_reconnect (h), 0);
    assert_int_equal (flux_pollevents (h) & FLUX_POLLIN, 0);
    flux_future_destroy (f[0]);
    flux_close (h);
}

/* A connection of which each byte is an event. */
static int line[2];

static int line_fd (void *impl)
{
    return line[0];
}

static flux_msg_t *line_recv (void *impl)
{
    char c;
    ssize_t n = read (line[0], &c, 1);
    flux_msg_t *msg = n > 0 ? flux_event_encode ("a", NULL) : NULL;

    if (n == 0)
        errno = ECONNRESET;
    if (msg)
        flux_msg_set_rolemask (msg, FLUX_ROLE_OWNER);
    return msg;
}

static void line_open (void)
{
    assert_int_equal (pipe2 (line, O_CLOEXEC | O_NONBLOCK), 0);
}

static int line_reconnect (void *impl)
{
    int old = line[0];

    line_open (); /* it has another number */
    assert_int_not_equal (line[0], old);
    close (old);
    return 0;
}

static const struct flux_handle_ops line_ops = {
    .pollfd = line_fd,
    .recv = line_recv,
    .send = no_send,
    .reconnect = line_reconnect,
};

static int mend (flux_t *h, void *arg)
{
    ++*(int *)arg;
    return flux_reconnect (h);
}

/* The first event ends the connection; one that comes by the next ends the reactor. */
static void line_event (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    if (*(int *)arg > 0)
        flux_reactor_stop (flux_get_reactor (h));
    else
        close (line[1]);
}

static void say_more (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    static int patience = 5000;
    int *mended = arg;

    if (*mended == 1)
        assert_int_equal (write (line[1], "x", 1), 1);
    *mended *= 2; /* that was said */
    if (--patience == 0)
        flux_reactor_stop_error (r);
}

/* What is connected anew is waited for where it is now. */
static void reactors_follow_a_reconnect (void **state)
{
    flux_t *h = flux_handle_create (NULL, &line_ops, 0);
    flux_reactor_t *r = flux_get_reactor (h);
    int mended = 0;

    line_open ();
    flux_msg_handler_t *mh =
        flux_msg_handler_create (h, FLUX_MATCH_EVENT, line_event, &mended);
    flux_watcher_t *w = flux_timer_watcher_create (r, 0.001, 0.001, say_more, &mended);
    flux_comms_error_set (h, mend, &mended);
    flux_msg_handler_start (mh);
    flux_watcher_start (w);
    assert_int_equal (write (line[1], "x", 1), 1);
    assert_true (flux_reactor_run (r, 0) >= 0);
    assert_true (mended > 1);
    flux_watcher_destroy (w);
    flux_msg_handler_destroy (mh);
    flux_close (h);
    close (line[0]);
    close (line[1]);
}

/* What a call writes to stderr. */
static const char *stderr_of (void (*fn) (flux_t *h), flux_t *h)
{
    static char text[512];
    int saved = dup (2);
    FILE *f = tmpfile ();

    assert_non_null (f);
    dup2 (fileno (f), 2);
    fn (h);
    dup2 (saved, 2);
    close (saved);
    rewind (f);
    text[fread (text, 1, sizeof (text) - 1, f)] = '\0';
    fclose (f);
    return text;
}

static void give_up (flux_t *h)
{
    flux_future_destroy (flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, 0));
}

static void ask_for_nothing (flux_t *h)
{
    flux_future_destroy (
        flux_rpc (h, "a.b", NULL, FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE));
}

static void leaks_are_told (void **state)
{
    flux_t *h = flux_handle_create (NULL, &deaf_ops, FLUX_O_MATCHDEBUG);

    assert_non_null (strstr (stderr_of (give_up, h), "matchtag"));
    assert_string_equal (stderr_of (ask_for_nothing, h), "");
    flux_flags_unset (h, FLUX_O_MATCHDEBUG);
    assert_string_equal (stderr_of (give_up, h), "");
    flux_close (h);
}

static void nothing_is_requeued (void **state)
{
    flux_t *h = flux_handle_create (NULL, &deaf_ops, FLUX_O_NOREQUEUE);
    flux_msg_t *msg = flux_event_encode ("a", NULL);

    assert_int_equal (flux_requeue (h, msg, FLUX_RQ_HEAD), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (flux_pollevents (h) & FLUX_POLLIN, 0);
    flux_flags_unset (h, FLUX_O_NOREQUEUE);
    assert_int_equal (flux_requeue (h, msg, FLUX_RQ_HEAD), 0);
    flux_msg_decref (msg);
    flux_close (h);
}

int main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, open_loop, close_loop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (socket_tells_of_messages),
        cmocka_unit_test (rpcs_are_tracked),
        cmocka_unit_test (reactors_follow_a_reconnect),
        cmocka_unit_test (leaks_are_told),
        cmocka_unit_test (nothing_is_requeued),
        cmocka_unit_test (who_has_stopped_is_given_up),
        cmocka_unit_test (answers_of_who_has_stopped_are_given_up),

        T (attributes_stay),
        T (handlers),
        T (roles),
        T (events),
        T (event_roles),
        T (recv_matches),
        T (waits),
        T (multiple),
        T (chains),
        T (composites),
        T (noresponse),
        T (late_response),
        T (msglists),
        T (logs),
        T (attrs),
        T (confs),
        T (opens),
        T (sockets),
        T (fd_handles),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
