#include "cmd/proxy/session.h"

#include <errno.h>
#include <flux/rpc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

/* What is kept beyond a request, and the method that ends it. */
static const struct {
    const char *method, *undo, *member;
} kept[] = {
    { "event.subscribe", "event.unsubscribe", "topic" },
    { "service.add", "service.remove", "service" },
};
#define KINDS 2

struct session {
    struct idmap *inflight;       /* matchtag → request */
    struct hashmap *names[KINDS]; /* name → how often, as a number */
};

static void message_free (void *value)
{
    flux_msg_decref (value);
}

struct session *session_create (void)
{
    struct session *s = calloc (1, sizeof (*s));

    if (!s)
        return NULL;
    s->inflight = idmap_create (message_free);
    for (int i = 0; i < KINDS; i++)
        s->names[i] = hashmap_create (NULL);
    if (!s->inflight || !s->names[0] || !s->names[1]) {
        session_destroy (s);
        errno = ENOMEM;
        return NULL;
    }
    return s;
}

void session_destroy (struct session *s)
{
    if (!s)
        return;
    idmap_destroy (s->inflight);
    for (int i = 0; i < KINDS; i++)
        hashmap_destroy (s->names[i]);
    free (s);
}

static int count (struct session *s, int kind, const char *name, int by)
{
    intptr_t n = (intptr_t)hashmap_lookup (s->names[kind], name) + by;

    if (n > 0)
        return hashmap_insert (s->names[kind], name, (void *)n);
    hashmap_remove (s->names[kind], name);
    return 0;
}

/* 1 for the method, -1 for its undo, 0 for all others. */
static int what (const flux_msg_t *msg, int *kind)
{
    const char *topic;

    if (flux_msg_get_topic (msg, &topic) < 0)
        return 0;
    for (int i = 0; i < KINDS; i++) {
        *kind = i;
        if (strcmp (topic, kept[i].method) == 0)
            return 1;
        if (strcmp (topic, kept[i].undo) == 0)
            return -1;
    }
    return 0;
}

/* The broker has done what the request wants. */
static int apply (struct session *s, const flux_msg_t *request)
{
    int kind, by = what (request, &kind);
    const char *name;

    if (by == 0 || flux_msg_unpack (request, "{s:s}", kept[kind].member, &name) < 0)
        return 0;
    return count (s, kind, name, by);
}

int session_up (struct session *s, const flux_msg_t *msg)
{
    int type, kind;
    uint32_t tag;
    flux_msg_t *copy;

    if (flux_msg_get_type (msg, &type) < 0 || type != FLUX_MSGTYPE_REQUEST
        || flux_msg_get_matchtag (msg, &tag) < 0)
        return 0;
    if (flux_msg_is_noresponse (msg) || tag == FLUX_MATCHTAG_NONE)
        return apply (s, msg);
    if (!(copy = flux_msg_copy (msg, what (msg, &kind) != 0)))
        return -1;
    if (idmap_insert (s->inflight, tag, copy) < 0) {
        flux_msg_decref (copy);
        return -1;
    }
    return 0;
}

int session_down (struct session *s, const flux_msg_t *msg)
{
    int type, errnum, rc = 0;
    flux_msg_t *request;
    uint32_t tag;

    if (flux_msg_get_type (msg, &type) < 0 || type != FLUX_MSGTYPE_RESPONSE
        || flux_msg_get_matchtag (msg, &tag) < 0
        || flux_msg_get_errnum (msg, &errnum) < 0
        || !(request = idmap_lookup (s->inflight, tag)))
        return 0;
    if (errnum == 0)
        rc = apply (s, request);
    if (errnum != 0 || !flux_msg_is_streaming (request))
        idmap_remove (s->inflight, tag);
    return rc;
}

void session_lost (struct session *s, session_f fn, void *arg)
{
    size_t pos = 0;
    uint64_t tag;
    void *request;

    while (idmap_next (s->inflight, &pos, &tag, &request)) {
        flux_msg_t *answer = flux_response_derive (request, ECONNRESET);

        if (answer)
            fn (answer, arg);
        flux_msg_decref (answer);
        idmap_remove (s->inflight, tag);
    }
}

static void restore (int kind, const char *name, session_f fn, void *arg)
{
    flux_msg_t *msg = flux_request_encode (kept[kind].method, NULL);

    if (msg && flux_msg_pack (msg, "{s:s}", kept[kind].member, name) == 0
        && flux_msg_set_noresponse (msg) == 0)
        fn (msg, arg);
    flux_msg_decref (msg);
}

void session_restore (struct session *s, session_f fn, void *arg)
{
    for (int kind = 0; kind < KINDS; kind++) {
        size_t pos = 0;
        const char *name;
        void *value;

        while (hashmap_next (s->names[kind], &pos, &name, &value)) {
            for (intptr_t n = (intptr_t)value; n > 0; n--)
                restore (kind, name, fn, arg);
        }
    }
}
