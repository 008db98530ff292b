#include "broker/routing/inflight.h"
#include "broker/routing/quota.h"

#include <errno.h>
#include <flux/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "core/message/message.h"

#define MIN_SLOTS 64

/* Only what the answer needs is kept: the request belongs to its receiver. */
struct entry {
    struct list tag_node, sender_node; /* in the two tables */
    struct list to_node, from_node;
    struct inflight_peer *to, *from;
    uint64_t tag_key, sender_key;
    struct user *user;
    uint32_t matchtag;
    uint32_t nodeid;
    bool streaming, upstream;
    uint16_t topic_len;
    uint32_t routes_len;
    char data[]; /* topic with its NUL, routes */
};

struct inflight {
    struct quota *quota;
    struct list *tags;    /* by who answers, sender, matchtag */
    struct list *senders; /* by sender, service, nodeid */
    size_t nslots;        /* of each; power of two, or 0 */
    size_t count;
};

struct inflight *inflight_create (struct quota *quota)
{
    struct inflight *t = calloc (1, sizeof (*t));

    if (t)
        t->quota = quota;
    return t;
}

size_t inflight_count (const struct inflight *t)
{
    return t->count;
}

void inflight_peer_init (struct inflight_peer *p, void *owner)
{
    p->owner = owner;
    list_init (&p->to);
    list_init (&p->from);
    p->to_count = p->from_count = 0;
}

/* ---- keys ---- */

static uint64_t mix (uint64_t x)
{
    x *= 0x9E3779B97F4A7C15ull;
    return x ^ (x >> 32);
}

static uint64_t sender_hash (const char *routes, size_t len)
{
    return len > 0 ? hash_bytes (routes, strlen (routes)) : 0;
}

static uint64_t tag_key (uint64_t sender, const struct inflight_peer *to,
                         uint32_t matchtag)
{
    return mix (sender ^ mix ((uintptr_t)to + matchtag));
}

static size_t service_len (const char *topic)
{
    return strcspn (topic, ".");
}

static uint64_t service_key (uint64_t sender, const char *topic, uint32_t nodeid,
                             bool upstream)
{
    uint64_t where = (uint64_t)upstream << 32 | nodeid;

    return mix ((sender ^ where) + hash_bytes (topic, service_len (topic)));
}

static const char *routes_of (const struct entry *e)
{
    return e->data + e->topic_len + 1;
}

static bool same_sender (const char *a, size_t alen, const char *b, size_t blen)
{
    if (alen == 0 || blen == 0)
        return alen == blen;
    return strcmp (a, b) == 0;
}

static bool same_service (const char *a, const char *b)
{
    size_t n = service_len (a);

    return n == service_len (b) && memcmp (a, b, n) == 0;
}

/* ---- tables ---- */

static struct list *slot (struct list *table, size_t nslots, uint64_t key)
{
    return &table[key & (nslots - 1)];
}

static struct list *new_table (size_t nslots)
{
    struct list *table = malloc (nslots * sizeof (*table));

    for (size_t i = 0; table && i < nslots; i++)
        list_init (&table[i]);
    return table;
}

static int grow (struct inflight *t)
{
    size_t nslots = t->nslots ? t->nslots * 2 : MIN_SLOTS;
    struct list *tags = new_table (nslots), *senders = new_table (nslots);

    if (!tags || !senders) {
        free (tags);
        free (senders);
        return -1;
    }
    for (size_t i = 0; i < t->nslots; i++) {
        list_foreach (&t->tags[i], it) {
            struct entry *e = container_of (it, struct entry, tag_node);

            list_remove (&e->tag_node);
            list_append (slot (tags, nslots, e->tag_key), &e->tag_node);
            list_remove (&e->sender_node);
            list_append (slot (senders, nslots, e->sender_key), &e->sender_node);
        }
    }
    free (t->tags);
    free (t->senders);
    t->tags = tags;
    t->senders = senders;
    t->nslots = nslots;
    return 0;
}

static void forget (struct inflight *t, struct entry *e)
{
    list_remove (&e->tag_node);
    list_remove (&e->sender_node);
    list_remove (&e->to_node);
    e->to->to_count--;
    if (e->from) {
        list_remove (&e->from_node);
        e->from->from_count--;
    }
    quota_give (t->quota, e->user, QUOTA_MATCHES, 1);
    t->count--;
    free (e);
}

static struct entry *make_entry (const flux_msg_t *request, const char *topic)
{
    size_t routes_len, topic_len = strlen (topic);
    const char *routes = msg_routes (request, &routes_len);
    struct entry *e = malloc (sizeof (*e) + topic_len + 1 + routes_len);

    if (!e)
        return NULL;
    e->topic_len = topic_len;
    e->routes_len = routes_len;
    memcpy (e->data, topic, topic_len + 1);
    memcpy (e->data + topic_len + 1, routes, routes_len);
    e->streaming = flux_msg_is_streaming (request);
    e->upstream = flux_msg_has_flag (request, FLUX_MSGFLAG_UPSTREAM);
    (void)flux_msg_get_nodeid (request, &e->nodeid);
    return e;
}

int inflight_add (struct inflight *t, struct inflight_peer *to,
                  struct inflight_peer *from, struct user *user,
                  const flux_msg_t *request)
{
    struct entry *e;
    const char *topic;
    uint32_t matchtag;
    uint64_t sender;

    if (flux_msg_is_noresponse (request)
        || flux_msg_get_matchtag (request, &matchtag) < 0
        || matchtag == FLUX_MATCHTAG_NONE || flux_msg_get_topic (request, &topic) < 0)
        return 0;
    if (t->count >= t->nslots && grow (t) < 0)
        return -1;
    if (!quota_take (t->quota, user, QUOTA_MATCHES, 1))
        return -1;
    if (!(e = make_entry (request, topic))) {
        quota_give (t->quota, user, QUOTA_MATCHES, 1);
        return -1;
    }
    sender = sender_hash (routes_of (e), e->routes_len);
    e->matchtag = matchtag;
    e->user = user;
    e->tag_key = tag_key (sender, to, matchtag);
    e->sender_key = service_key (sender, topic, e->nodeid, e->upstream);
    list_append (slot (t->tags, t->nslots, e->tag_key), &e->tag_node);
    list_append (slot (t->senders, t->nslots, e->sender_key), &e->sender_node);
    e->to = to;
    list_append (&to->to, &e->to_node);
    to->to_count++;
    e->from = from;
    list_init (&e->from_node);
    if (from) {
        list_append (&from->from, &e->from_node);
        from->from_count++;
    }
    t->count++;
    return 0;
}

void inflight_undo (struct inflight *t, struct inflight_peer *to)
{
    if (!list_empty (&to->to))
        forget (t, container_of (to->to.prev, struct entry, to_node));
}

static struct entry *find (struct inflight *t, struct inflight_peer *to,
                           const flux_msg_t *response, uint32_t matchtag)
{
    size_t len;
    const char *routes = msg_routes (response, &len);
    uint64_t key = tag_key (sender_hash (routes, len), to, matchtag);

    list_foreach (slot (t->tags, t->nslots, key), it) {
        struct entry *e = container_of (it, struct entry, tag_node);

        if (e->tag_key == key && e->matchtag == matchtag && e->to == to
            && same_sender (routes_of (e), e->routes_len, routes, len))
            return e;
    }
    return NULL;
}

static bool same_way (const struct entry *e, const flux_msg_t *response)
{
    size_t len;
    const char *routes = msg_routes (response, &len);

    return len == e->routes_len && memcmp (routes, routes_of (e), len) == 0;
}

enum inflight_found inflight_respond (struct inflight *t, struct inflight_peer *to,
                                      const flux_msg_t *response, bool exact)
{
    struct entry *e;
    uint32_t matchtag;
    int errnum = 0;

    if (flux_msg_get_matchtag (response, &matchtag) < 0
        || matchtag == FLUX_MATCHTAG_NONE)
        return INFLIGHT_UNTRACKED;
    if (to->to_count == 0 || !(e = find (t, to, response, matchtag))
        || (exact && !same_way (e, response)))
        return INFLIGHT_UNKNOWN;
    if (flux_msg_is_streaming (response)
        && (flux_msg_get_errnum (response, &errnum) < 0 || errnum == 0))
        return INFLIGHT_GOES_ON;
    forget (t, e);
    return INFLIGHT_ENDED;
}

/* Sender, service and nodeid of a disconnect. */
struct group {
    const char *topic, *routes;
    size_t routes_len;
    uint32_t nodeid;
    bool upstream;
    uint64_t key;
};

static bool group_init (struct group *g, const flux_msg_t *msg)
{
    if (flux_msg_get_topic (msg, &g->topic) < 0
        || flux_msg_get_nodeid (msg, &g->nodeid) < 0)
        return false;
    g->routes = msg_routes (msg, &g->routes_len);
    g->upstream = flux_msg_has_flag (msg, FLUX_MSGFLAG_UPSTREAM);
    g->key = service_key (sender_hash (g->routes, g->routes_len), g->topic, g->nodeid,
                          g->upstream);
    return true;
}

static bool in_group (const struct entry *e, const struct group *g)
{
    return e->sender_key == g->key && e->nodeid == g->nodeid
           && e->upstream == g->upstream && same_service (e->data, g->topic)
           && same_sender (routes_of (e), e->routes_len, g->routes, g->routes_len);
}

void inflight_disconnect (struct inflight *t, struct inflight_peer *to,
                          const flux_msg_t *disconnect)
{
    struct group g;

    if (to->to_count == 0 || !group_init (&g, disconnect))
        return;
    list_foreach (slot (t->senders, t->nslots, g.key), it) {
        struct entry *e = container_of (it, struct entry, sender_node);

        if (e->to == to && in_group (e, &g))
            forget (t, e);
    }
}

struct inflight_peer *inflight_elsewhere (struct inflight *t,
                                          const struct inflight_peer *to,
                                          const flux_msg_t *disconnect)
{
    struct group g;

    if (t->count == 0 || !group_init (&g, disconnect))
        return NULL;
    list_foreach (slot (t->senders, t->nslots, g.key), it) {
        struct entry *e = container_of (it, struct entry, sender_node);

        if (e->to != to && in_group (e, &g))
            return e->to;
    }
    return NULL;
}

/* ---- what is said for those who are gone ---- */

/* The stack of routes, first pushed first. */
static int push_routes (flux_msg_t *msg, const char *routes, size_t len)
{
    flux_msg_route_enable (msg);
    for (size_t pos = 0; pos < len; pos += strlen (routes + pos) + 1)
        if (flux_msg_route_push (msg, routes + pos) < 0)
            return -1;
    return 0;
}

static flux_msg_t *make_response (const struct entry *e, int errnum, const char *errstr)
{
    flux_msg_t *msg = flux_msg_create (FLUX_MSGTYPE_RESPONSE);

    if (!msg || flux_msg_set_topic (msg, e->data) < 0
        || push_routes (msg, routes_of (e), e->routes_len) < 0
        || flux_msg_set_matchtag (msg, e->matchtag) < 0
        || flux_msg_set_errnum (msg, errnum) < 0
        || (e->streaming && flux_msg_set_streaming (msg) < 0)
        || (errstr && flux_msg_set_string (msg, errstr) < 0)) {
        flux_msg_decref (msg);
        return NULL;
    }
    return msg;
}

flux_msg_t *inflight_fail (struct inflight *t, struct inflight_peer *p, int errnum,
                           const char *errstr)
{
    flux_msg_t *msg = NULL;

    while (!msg && !list_empty (&p->to)) {
        struct entry *e = list_first (&p->to, struct entry, to_node);

        msg = make_response (e, errnum, errstr);
        forget (t, e);
    }
    return msg;
}

static flux_msg_t *make_disconnect (const struct entry *e)
{
    char topic[160];
    flux_msg_t *msg;

    snprintf (topic, sizeof (topic), "%.*s.disconnect", (int)service_len (e->data),
              e->data);
    if (!(msg = flux_request_encode (topic, NULL))
        || push_routes (msg, routes_of (e), e->routes_len) < 0
        || flux_msg_set_noresponse (msg) < 0 || flux_msg_set_nodeid (msg, e->nodeid) < 0
        || (e->upstream && flux_msg_set_flag (msg, FLUX_MSGFLAG_UPSTREAM) < 0)) {
        flux_msg_decref (msg);
        return NULL;
    }
    return msg;
}

flux_msg_t *inflight_leave (struct inflight *t, struct inflight_peer *p,
                            struct inflight_peer **to)
{
    struct entry *e = list_first (&p->from, struct entry, from_node);
    flux_msg_t *msg;

    while (e && !(msg = make_disconnect (e))) {
        forget (t, e);
        e = list_first (&p->from, struct entry, from_node);
    }
    if (!e)
        return NULL;
    *to = e->to;
    inflight_disconnect (t, e->to, msg);
    return msg;
}

bool inflight_via (const char *routes, size_t len, const char *id)
{
    for (size_t pos = 0; pos < len; pos += strlen (routes + pos) + 1)
        if (strcmp (routes + pos, id) == 0)
            return true;
    return false;
}

static struct entry *via_in (struct list *bucket, const char *id)
{
    list_foreach (bucket, it) {
        struct entry *e = container_of (it, struct entry, tag_node);

        if (inflight_via (routes_of (e), e->routes_len, id))
            return e;
    }
    return NULL;
}

flux_msg_t *inflight_leave_via (struct inflight *t, const char *id, size_t *pos,
                                struct inflight_peer **to)
{
    flux_msg_t *msg;

    for (; *pos < t->nslots; (*pos)++) {
        struct entry *e;

        while ((e = via_in (&t->tags[*pos], id))) {
            if (!(msg = make_disconnect (e))) {
                forget (t, e);
                continue;
            }
            *to = e->to;
            inflight_disconnect (t, e->to, msg);
            return msg;
        }
    }
    return NULL;
}

void inflight_destroy (struct inflight *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->nslots; i++)
        list_foreach (&t->tags[i], it)
            forget (t, container_of (it, struct entry, tag_node));
    free (t->tags);
    free (t->senders);
    free (t);
}
