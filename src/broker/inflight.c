#include "broker/inflight.h"

#include <errno.h>
#include <flux/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "core/message.h"

/* Only what the answer needs is kept: the request belongs to its receiver. */
struct inflight_entry {
    struct inflight_entry *next;
    uint64_t key;
    flux_msg_t *response;
};

/* The sender and its matchtag name an RPC. */
static bool make_key (const flux_msg_t *msg, uint64_t *key)
{
    const char *id = flux_msg_route_first (msg);
    uint32_t matchtag;

    if (flux_msg_get_matchtag (msg, &matchtag) < 0 || matchtag == FLUX_MATCHTAG_NONE)
        return false;
    *key = matchtag * 0x9E3779B97F4A7C15ull;
    if (id)
        *key ^= hash_bytes (id, strlen (id));
    return true;
}

static bool same_rpc (const flux_msg_t *a, const flux_msg_t *b)
{
    uint32_t ta, tb;

    return flux_msg_get_matchtag (a, &ta) == 0 && flux_msg_get_matchtag (b, &tb) == 0
           && ta == tb && flux_msg_route_match_first (a, b);
}

static struct inflight_entry **slot (struct inflight *t, uint64_t key)
{
    return &t->slots[(key ^ (key >> 32)) & (t->nslots - 1)];
}

static int grow (struct inflight *t)
{
    struct inflight bigger = { .nslots = t->nslots ? t->nslots * 2 : 64 };

    if (!(bigger.slots = calloc (bigger.nslots, sizeof (bigger.slots[0]))))
        return -1;
    for (size_t i = 0; i < t->nslots; i++) {
        struct inflight_entry *e;

        while ((e = t->slots[i])) {
            struct inflight_entry **to = slot (&bigger, e->key);

            t->slots[i] = e->next;
            e->next = *to;
            *to = e;
        }
    }
    free (t->slots);
    t->slots = bigger.slots;
    t->nslots = bigger.nslots;
    return 0;
}

int inflight_add (struct inflight *t, const flux_msg_t *request)
{
    struct inflight_entry *e, **to;
    uint64_t key;

    if (flux_msg_is_noresponse (request) || !make_key (request, &key))
        return 0;
    if (t->count >= t->nslots && grow (t) < 0)
        return -1;
    if (!(e = malloc (sizeof (*e))))
        return -1;
    if (!(e->response = flux_response_derive (request, 0))) {
        free (e);
        return -1;
    }
    e->key = key;
    to = slot (t, key);
    e->next = *to;
    *to = e;
    t->count++;
    return 0;
}

static flux_msg_t *take (struct inflight *t, struct inflight_entry **at)
{
    struct inflight_entry *e = *at;
    flux_msg_t *response = e->response;

    *at = e->next;
    free (e);
    t->count--;
    return response;
}

bool inflight_has (const struct inflight *t, const flux_msg_t *response)
{
    uint64_t key;

    if (t->count == 0 || !make_key (response, &key))
        return false;
    for (struct inflight_entry *e = *slot ((struct inflight *)t, key); e; e = e->next)
        if (e->key == key && same_rpc (e->response, response)
            && msg_routes_equal (e->response, response))
            return true;
    return false;
}

void inflight_end (struct inflight *t, const flux_msg_t *response)
{
    struct inflight_entry **at;
    uint64_t key;
    int errnum = 0;

    if (t->count == 0 || !make_key (response, &key))
        return;
    if (flux_msg_is_streaming (response)
        && (flux_msg_get_errnum (response, &errnum) < 0 || errnum == 0))
        return;
    for (at = slot (t, key); *at; at = &(*at)->next) {
        if ((*at)->key == key && same_rpc ((*at)->response, response)) {
            flux_msg_decref (take (t, at));
            return;
        }
    }
}

typedef bool (*match_f) (const flux_msg_t *response, const void *arg);

static flux_msg_t *take_match (struct inflight *t, match_f match, const void *arg)
{
    for (size_t i = 0; t->count > 0 && i < t->nslots; i++)
        for (struct inflight_entry **at = &t->slots[i]; *at; at = &(*at)->next)
            if (!match || match ((*at)->response, arg))
                return take (t, at);
    return NULL;
}

static bool same_service (const char *a, const char *b)
{
    size_t n = strcspn (a, ".");

    return strncmp (a, b, n) == 0 && (b[n] == '.' || b[n] == '\0');
}

static bool match_disconnect (const flux_msg_t *response, const void *arg)
{
    const flux_msg_t *disconnect = arg;
    const char *a, *b;

    return flux_msg_get_topic (response, &a) == 0
           && flux_msg_get_topic (disconnect, &b) == 0 && same_service (b, a)
           && flux_msg_route_match_first (response, disconnect);
}

void inflight_disconnect (struct inflight *t, const flux_msg_t *disconnect)
{
    flux_msg_t *response;

    while ((response = take_match (t, match_disconnect, disconnect)))
        flux_msg_decref (response);
}

static flux_msg_t *set_error (flux_msg_t *response, int errnum, const char *errstr)
{
    if (response) {
        (void)flux_msg_set_errnum (response, errnum);
        if (errstr)
            (void)flux_msg_set_string (response, errstr);
    }
    return response;
}

flux_msg_t *inflight_fail (struct inflight *t, int errnum, const char *errstr)
{
    return set_error (take_match (t, NULL, NULL), errnum, errstr);
}

static bool match_via (const flux_msg_t *response, const void *arg)
{
    unsigned char proto[MSG_PROTO_LEN];
    struct iovec iov[MSG_MAX_ROUTES + 4];
    int count = msg_parts (response, proto, iov, MSG_MAX_ROUTES + 4);

    for (int i = 0; i < count && iov[i].iov_len > 0; i++)
        if (strcmp (iov[i].iov_base, arg) == 0)
            return true;
    return false;
}

flux_msg_t *inflight_leave_via (struct inflight *t, const char *id)
{
    flux_msg_t *msg = take_match (t, match_via, id);
    char topic[160];
    const char *s;

    if (!msg || flux_msg_get_topic (msg, &s) < 0)
        return NULL;
    snprintf (topic, sizeof (topic), "%.*s.disconnect", (int)strcspn (s, "."), s);
    if (flux_msg_set_type (msg, FLUX_MSGTYPE_REQUEST) < 0
        || flux_msg_set_topic (msg, topic) < 0
        || flux_msg_set_payload (msg, NULL, 0) < 0
        || flux_msg_set_matchtag (msg, FLUX_MATCHTAG_NONE) < 0
        || flux_msg_set_nodeid (msg, FLUX_NODEID_ANY) < 0
        || flux_msg_clear_flag (msg, FLUX_MSGFLAG_STREAMING) < 0
        || flux_msg_set_noresponse (msg) < 0) {
        flux_msg_decref (msg);
        return NULL;
    }
    inflight_disconnect (t, msg);
    return msg;
}

void inflight_fini (struct inflight *t)
{
    flux_msg_t *response;

    while ((response = take_match (t, NULL, NULL)))
        flux_msg_decref (response);
    free (t->slots);
    memset (t, 0, sizeof (*t));
}
