/* A broker's router without sockets, and a peer that asks it and keeps what it is
 * answered, for tests of the broker's own services. */
#ifndef BROKER_FAKEPEER_H
#define BROKER_FAKEPEER_H

#include "base/test.h"

#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_MAX 64

struct fakepeer {
    struct broker *b;
    struct peer peer;
    flux_msg_t *got[FAKE_MAX]; /* answers and events */
    int count, next;
};

static inline int fake_take (struct peer *p, flux_msg_t **msg)
{
    struct fakepeer *f = p->arg;

    assert_true (f->count < FAKE_MAX);
    f->got[f->count++] = *msg;
    *msg = NULL;
    return 0;
}

/* b has a reactor, attributes and services then, and this peer. */
static inline void fake_init (struct fakepeer *f, struct broker *b, enum peer_kind kind)
{
    b->reactor = flux_reactor_create (0);
    b->attrs = attrs_create ();
    b->services = services_create ();
    b->size = 1;
    assert_int_equal (router_init (b), 0);
    assert_int_equal (builtins_init (b), 0);
    f->b = b;
    f->peer.kind = kind;
    f->peer.send = fake_take;
    f->peer.arg = f;
    assert_int_equal (peer_add (b, &f->peer), 0);
}

static inline void fake_forget (struct fakepeer *f)
{
    for (int i = 0; i < f->count; i++)
        flux_msg_decref (f->got[i]);
    f->count = f->next = 0;
}

static inline void fake_fini (struct fakepeer *f)
{
    struct broker *b = f->b;

    fake_forget (f);
    peer_remove (b, &f->peer, ENOSYS);
    builtins_fini (b);
    router_fini (b);
    services_destroy (b->services);
    attrs_destroy (b->attrs);
    flux_reactor_destroy (b->reactor);
}

static inline void fake_turn (struct fakepeer *f)
{
    for (int i = 0; i < 4; i++)
        assert_true (flux_reactor_run (f->b->reactor, FLUX_REACTOR_NOWAIT) >= 0);
}

/* A request of user 1. */
static inline void fake_send (struct fakepeer *f, const char *topic, const void *data,
                              size_t len, bool streaming, uint32_t tag, uint32_t role)
{
    flux_msg_t *msg = flux_request_encode_raw (topic, data, len);

    flux_msg_set_cred (msg, (struct flux_msg_cred){ 1, role });
    flux_msg_set_matchtag (msg, tag);
    if (streaming)
        flux_msg_set_streaming (msg);
    router_recv (f->b, &f->peer, msg);
    fake_turn (f);
}

/* The next that came: its text, "event TOPIC text" or "ERRNO text"; NULL: nothing. */
static inline const char *fake_answer (struct fakepeer *f)
{
    static char text[16384];
    const char *s = NULL, *why = NULL;
    flux_msg_t *msg;
    int type = 0;

    if (f->next == f->count)
        return NULL;
    msg = f->got[f->next++];
    (void)flux_msg_get_type (msg, &type);
    if (type == FLUX_MSGTYPE_EVENT) {
        const char *topic;

        assert_int_equal (flux_event_decode (msg, &topic, &s), 0);
        snprintf (text, sizeof (text), "event %s %s", topic, s ? s : "");
    } else if (flux_response_decode (msg, NULL, &s) < 0) {
        int errnum = errno;

        if (flux_response_decode_error (msg, &why) < 0)
            why = "";
        snprintf (text, sizeof (text), "%s %s", strerrorname_np (errnum), why);
    } else
        snprintf (text, sizeof (text), "%s", s ? s : "");
    return text;
}

#define fake_expect(f, part)                                                           \
    do {                                                                               \
        const char *s_ = fake_answer (f);                                              \
        if (!s_ || !strstr (s_, part))                                                 \
            fail_msg ("%s: %s", part, s_ ? s_ : "no answer");                          \
    } while (0)

#endif
