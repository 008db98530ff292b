/* A thread at the other end of a socket is a service: test.answer makes it answer
 * resource.acquire, once for each word, and is itself answered behind that. */
#include "base/test.h"
#include "core/future/stream.h"
#include "core/sched/pair_test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    flux_t *h, *peer;
    pthread_t thread;
    struct stream *stream;
    flux_msg_t *asked; /* resource.acquire, at the other end */
    flux_msg_handler_t **handlers;
    char told[128]; /* what was applied */
};

static void ask (struct world *w)
{
    flux_msg_t *req = flux_request_encode ("status", NULL);

    if (!req || flux_msg_set_noresponse (req) < 0
        || flux_msg_set_cred (req, (struct flux_msg_cred){ 1, FLUX_ROLE_OWNER }) < 0
        || flux_send (w->peer, req, 0) < 0)
        abort ();
    flux_msg_destroy (req);
}

static void answer (struct world *w, const char *words)
{
    char copy[128], *save = NULL;

    snprintf (copy, sizeof (copy), "%s", words);
    for (char *s = strtok_r (copy, " ", &save); s; s = strtok_r (NULL, " ", &save))
        if (!strcmp (s, "ask"))
            ask (w);
        else if (!strcmp (s, "error"))
            (void)flux_respond_error (w->peer, w->asked, ENOSYS, NULL);
        else
            (void)flux_respond_pack (w->peer, w->asked, "{s:s}", "up", s);
}

static void *resource (void *arg)
{
    struct world *w = arg;
    const char *topic, *words;
    flux_msg_t *msg;

    while ((msg = flux_recv (w->peer, FLUX_MATCH_REQUEST, 0))) {
        if (flux_msg_get_topic (msg, &topic) < 0)
            abort ();
        if (!strcmp (topic, "resource.acquire")) {
            if (!flux_msg_is_streaming (msg) || w->asked)
                abort ();
            w->asked = msg;
            continue;
        }
        if (flux_request_unpack (msg, NULL, "{s:s}", "words", &words) < 0)
            abort ();
        answer (w, words);
        (void)flux_respond (w->peer, msg, NULL);
        flux_msg_destroy (msg);
    }
    return NULL;
}

/* "bad" cannot be applied, as an error cannot; "last" is. */
static int apply (flux_future_t *f, void *arg)
{
    struct world *w = arg;
    const char *s = "error";
    size_t len = strlen (w->told);

    (void)flux_rpc_get_unpack (f, "{s:s}", "up", &s);
    snprintf (w->told + len, sizeof (w->told) - len, "%s ", s);
    return !strcmp (s, "last") ? 1 : strcmp (s, "bad") && strcmp (s, "error") ? 0 : -1;
}

static void status_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct world *w = arg;
    size_t len;

    stream_catch_up (w->stream);
    len = strlen (w->told);
    snprintf (w->told + len, sizeof (w->told) - len, "asked ");
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "status", status_cb, FLUX_ROLE_ALL },
    FLUX_MSGHANDLER_TABLE_END,
};

static int setup (void **state)
{
    struct world *w = calloc (1, sizeof (*w));

    *state = w;
    return pair_open (&w->h, &w->peer) == 0
                   && pthread_create (&w->thread, NULL, resource, w) == 0
                   && flux_msg_handler_addvec (w->h, handlers, w, &w->handlers) == 0
                   && (w->stream =
                           stream_open (flux_rpc (w->h, "resource.acquire", NULL,
                                                  FLUX_NODEID_ANY, FLUX_RPC_STREAMING),
                                        apply, w))
               ? 0
               : -1;
}

static int teardown (void **state)
{
    struct world *w = *state;

    stream_close (w->stream);
    flux_msg_handler_delvec (w->handlers);
    flux_close (w->h);
    pthread_join (w->thread, NULL);
    flux_msg_destroy (w->asked);
    flux_close (w->peer);
    free (w);
    return 0;
}

/* Until it has: then all of the words have been sent. */
static void let_answer (struct world *w, const char *words)
{
    flux_future_t *f = flux_rpc_pack (w->h, "test.answer", FLUX_NODEID_ANY, 0, "{s:s}",
                                      "words", words);

    assert_int_equal (flux_rpc_get (f, NULL), 0);
    flux_future_destroy (f);
}

static int run (struct world *w)
{
    int rc = 0;

    for (int i = 0; i < 8 && rc >= 0; i++)
        rc = flux_reactor_run (flux_get_reactor (w->h), FLUX_REACTOR_NOWAIT);
    return rc;
}

/* Each is applied once, in order, by the reactor. */
static void as_they_come (void **state)
{
    struct world *w = *state;

    let_answer (w, "1 2");
    assert_true (run (w) >= 0);
    assert_string_equal (w->told, "1 2 ");
    let_answer (w, "3");
    assert_true (run (w) >= 0);
    assert_string_equal (w->told, "1 2 3 ");
}

/* What was sent before a question is applied before it is answered, and not again; what
 * is sent behind it, after that. */
static void before_the_next_answer (void **state)
{
    struct world *w = *state;

    stream_catch_up (NULL);
    stream_catch_up (w->stream);
    assert_string_equal (w->told, "");
    let_answer (w, "1 2 3 ask 4 ask ask 5");
    assert_true (run (w) >= 0);
    assert_string_equal (w->told, "1 2 3 asked 4 asked asked 5 ");
}

/* What follows one that cannot be applied is not applied, and the reactor stops. */
static void one_that_cannot_be (void **state)
{
    struct world *w = *state;

    let_answer (w, "1 bad 2");
    assert_int_equal (run (w), -1);
    assert_string_equal (w->told, "1 bad ");
    stream_catch_up (w->stream);
    assert_string_equal (w->told, "1 bad ");
}

static void one_that_is_the_last (void **state)
{
    struct world *w = *state;

    let_answer (w, "1 last 2 ask");
    assert_true (run (w) >= 0);
    assert_string_equal (w->told, "1 last asked ");
}

static void refused (void **state)
{
    struct world *w = *state;

    let_answer (w, "error");
    assert_int_equal (run (w), -1);
    assert_string_equal (w->told, "error ");
    stream_close (NULL);
}

int main (void)
{
#define T(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T (as_they_come),
        T (before_the_next_answer),
        T (one_that_cannot_be),
        T (one_that_is_the_last),
        T (refused),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
