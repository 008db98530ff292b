/* groups.join, leave, get, and the updates that go up the tree. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/list.h"
#include "broker/broker.h"
#include "broker/routing/builtin.h"
#include "broker/routing/router.h"
#include "broker/service/groups.h"
#include "broker/service/groups_service.h"
#include "core/message/message.h"

struct getter {
    struct list node;
    const flux_msg_t *msg;
    char *last; /* what it was told */
    char name[];
};

struct groups_service {
    struct broker *b;
    struct reactor_task task;
    struct list getters;
};

static void getter_destroy (struct getter *g)
{
    list_remove (&g->node);
    flux_msg_decref (g->msg);
    free (g->last);
    free (g);
}

static char *encode_members (struct broker *b, const char *name)
{
    const struct idset *ids = groups_members (b->groups, name);

    return ids ? idset_encode (ids, IDSET_FLAG_RANGE) : strdup ("");
}

/* Only if it changed. */
static void tell (struct broker *b, struct getter *g)
{
    char *members = encode_members (b, g->name);
    flux_msg_t *rep;

    if (!members || (g->last && strcmp (g->last, members) == 0)) {
        free (members);
        return;
    }
    free (g->last);
    g->last = members;
    if ((rep = flux_response_derive (g->msg, 0))) {
        flux_msg_set_streaming (rep);
        if (flux_msg_pack (rep, "{s:s}", "members", members) == 0)
            router_response (b, NULL, rep);
        else
            flux_msg_decref (rep);
    }
}

static void flush (void *arg)
{
    struct groups_service *gs = arg;
    struct broker *b = gs->b;
    json_t *update = groups_take_update (b->groups);

    if (b->rank > 0) {
        if (update)
            (void)broker_rpc (b, "groups.update", FLUX_NODEID_UPSTREAM,
                              json_pack ("{s:o}", "update", update), NULL, NULL);
        return;
    }
    json_decref (update);
    list_foreach (&gs->getters, it)
        tell (b, container_of (it, struct getter, node));
    if (b->hooks.online_changed)
        b->hooks.online_changed (b);
}

void groups_changed (struct broker *b)
{
    reactor_post (b->reactor, &b->groups_service->task);
}

/* A client is named by where it is and who it is. */
static void groups_join_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *name, *id = flux_msg_route_first (msg);

    if (!id || flux_msg_unpack (msg, "{s:s}", "name", &name) < 0 || !*name)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (strncmp (name, "broker.", 7) == 0)
        broker_respond_error (b, msg, EINVAL, "broker groups cannot be joined");
    else if (groups_join (b->groups, name, id, b->rank) < 0)
        broker_respond_error (b, msg, errno,
                              errno == ENOSPC         ? "there are too many groups"
                              : errno == ENAMETOOLONG ? "the name is too long"
                                                      : NULL);
    else {
        groups_changed (b);
        broker_respond (b, msg, NULL);
    }
}

static void groups_leave_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *name, *id = flux_msg_route_first (msg);

    if (!id || flux_msg_unpack (msg, "{s:s}", "name", &name) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (groups_leave (b->groups, name, id, b->rank) < 0)
        broker_respond_error (b, msg, errno, NULL);
    else {
        groups_changed (b);
        broker_respond (b, msg, NULL);
    }
}

static void groups_get_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct groups_service *gs = arg;
    const char *name;
    struct getter *g;
    char *members;

    if (b->rank > 0) {
        router_forward_up (b, msg);
        return;
    }
    if (flux_msg_unpack (msg, "{s:s}", "name", &name) < 0) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    if (!flux_msg_is_streaming (msg)) {
        members = encode_members (b, name);
        broker_respond_pack (b, msg, "{s:s}", "members", members ? members : "");
        free (members);
        return;
    }
    if (!(g = calloc (1, sizeof (*g) + strlen (name) + 1))) {
        broker_respond_error (b, msg, ENOMEM, NULL);
        return;
    }
    strcpy (g->name, name);
    g->msg = flux_msg_incref (msg);
    list_append (&gs->getters, &g->node);
    tell (b, g);
}

/* Ranks that say that they are there. */
static struct idset *announced (json_t *update)
{
    const char *set = NULL;

    if (json_unpack (update, "{s:{s:s}}", "broker.online", "set", &set) < 0)
        return NULL;
    return idset_decode (set);
}

/* Of those who were waited for it is not known what they have left meanwhile. */
static void take_back (struct broker *b, json_t *update)
{
    struct idset *ids = announced (update), *back;
    unsigned int r;

    if (!ids || !(back = idset_create (b->size, 0))) {
        idset_destroy (ids);
        return;
    }
    for (r = idset_first (ids); r != IDSET_INVALID_ID; r = idset_next (ids, r))
        if (b->hooks.is_awaited (b, r))
            (void)idset_set (back, r);
    groups_clear_all (b->groups, back);
    idset_destroy (back);
    idset_destroy (ids);
}

static void groups_update_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct idset *except = NULL, *ids;
    json_t *update;

    if (flux_msg_unpack (msg, "{s:o}", "update", &update) < 0) {
        broker_log (b, LOG_ERR, "groups.update: %s", strerror (errno));
        return;
    }
    if (b->hooks.not_through) {
        except = b->hooks.not_through (b, flux_msg_route_last (msg));
        take_back (b, update);
    }
    if (groups_apply_update (b->groups, update, except) < 0)
        broker_log (b, LOG_ERR, "groups.update: %s", strerror (errno));
    else if (b->hooks.ranks_announced && (ids = announced (update))) {
        b->hooks.ranks_announced (b, ids);
        idset_destroy (ids);
    }
    idset_destroy (except);
    groups_changed (b);
}

void groups_announce (struct broker *b)
{
    json_t *all = groups_all (b->groups);

    if (all)
        (void)broker_rpc (b, "groups.update", FLUX_NODEID_UPSTREAM,
                          json_pack ("{s:o}", "update", all), NULL, NULL);
}

static void groups_cancel_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct groups_service *gs = arg;

    list_foreach (&gs->getters, it) {
        struct getter *g = container_of (it, struct getter, node);

        if (flux_cancel_match (msg, g->msg)) {
            broker_respond_error (b, g->msg, ENODATA, NULL);
            getter_destroy (g);
        }
    }
    if (b->rank > 0)
        router_forward_up (b, msg);
}

static void disconnect (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct groups_service *gs = arg;
    const char *topic, *id = flux_msg_route_first (msg);

    list_foreach (&gs->getters, it) {
        struct getter *g = container_of (it, struct getter, node);

        if (flux_disconnect_match (msg, g->msg))
            getter_destroy (g);
    }
    if (flux_msg_get_topic (msg, &topic) < 0 || strncmp (topic, "groups.", 7) != 0)
        return;
    if (id && flux_msg_route_count (msg) == 1) {
        groups_disconnect (b->groups, id, b->rank);
        groups_changed (b);
    }
    if (b->rank > 0)
        router_forward_up (b, msg);
}

static const struct builtin table[] = {
    { "groups.join", groups_join_cb, 0 },
    { "groups.leave", groups_leave_cb, 0 },
    { "groups.get", groups_get_cb, FLUX_ROLE_USER },
    { "groups.get-cancel", groups_cancel_cb, FLUX_ROLE_USER },
    { "groups.update", groups_update_cb, 0 },
    { NULL },
};

int groups_service_init (struct broker *b)
{
    struct groups_service *gs = calloc (1, sizeof (*gs));

    if (!gs)
        return -1;
    b->groups_service = gs;
    gs->b = b;
    list_init (&gs->getters);
    reactor_task_init (&gs->task, flush, gs);
    builtins_on_disconnect (b, disconnect, gs);
    if (!(b->groups = groups_create (b->size)))
        return -1;
    return builtins_add (b, table, gs);
}

void groups_service_fini (struct broker *b)
{
    struct groups_service *gs = b->groups_service;

    if (gs) {
        list_foreach (&gs->getters, it)
            getter_destroy (container_of (it, struct getter, node));
        reactor_task_cancel (&gs->task);
        free (gs);
        b->groups_service = NULL;
    }
    groups_destroy (b->groups);
    b->groups = NULL;
}
