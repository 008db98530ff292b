/* overlay.*: what the tree looks like, who is there. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "broker/overlay/overlay.h"
#include "broker/overlay/overlay_impl.h"
#include "broker/routing/builtin.h"
#include "broker/routing/inflight.h"
#include "broker/routing/topology.h"

static json_t *make_topology (struct broker *b, int rank)
{
    json_t *children = json_array ();

    for (int i = 0; i < topology_child_count (b->topo, rank); i++)
        json_array_append_new (children,
                               make_topology (b, topology_child (b->topo, rank, i)));
    return json_pack ("{s:i s:i s:o}", "rank", rank, "size",
                      topology_descendants (b->topo, rank) + 1, "children", children);
}

static void topology_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    int rank = b->rank;

    if (flux_msg_has_payload (msg)
        && flux_msg_unpack (msg, "{s?i}", "rank", &rank) < 0) {
        broker_respond_error (b, msg, EPROTO, NULL);
        return;
    }
    if (rank < 0 || rank >= b->size) {
        broker_respond_error (b, msg, ENOENT, "no such rank");
        return;
    }
    broker_respond (b, msg, make_topology (b, rank));
}

static void health_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct overlay *ov = b->overlay;
    double now = clock_monotonic ();
    json_t *children = json_array ();
    double since = b->t_start;
    enum subtree status = ov ? overlay_core_status (ov->core, &since) : SUBTREE_FULL;
    struct overlay_child *c;

    for (int i = 0; ov && (c = overlay_core_child_at (ov->core, i)); i++) {
        json_t *o = json_pack ("{s:i s:s s:f s:b}", "rank", c->rank, "status",
                               subtree_name (c->status), "duration", now - c->t_status,
                               "torpid", c->torpid);

        if (c->error[0])
            json_object_set_new (o, "error", json_string (c->error));
        if (c->adopted)
            json_object_set_new (o, "adopted", json_true ());
        json_array_append_new (children, o);
    }
    broker_respond_pack (b, msg, "{s:i s:s s:f s:o}", "rank", b->rank, "status",
                         subtree_name (status), "duration", now - since, "children",
                         children);
}

static void disconnect_subtree_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    int rank;

    if (flux_msg_unpack (msg, "{s:i}", "rank", &rank) < 0)
        broker_respond_error (b, msg, EPROTO, NULL);
    else if (!b->overlay
             || overlay_core_disconnect (b->overlay->core, rank,
                                         "disconnected by an operator")
                    < 0)
        broker_respond_error (b, msg, ENOENT, "no such child is connected");
    else
        broker_respond (b, msg, NULL);
}

static void stats_cb (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct overlay *ov = b->overlay;

    broker_respond_pack (
        b, msg, "{s:i s:i s:i}", "child-count", topology_child_count (b->topo, b->rank),
        "child-connected", overlay_child_count (b), "parent-rpc",
        ov && ov->parent.inflight ? (int)ov->parent.inflight->to_count : 0);
}

static const struct builtin table[] = {
    { "overlay.topology", topology_cb, FLUX_ROLE_USER },
    { "overlay.health", health_cb, FLUX_ROLE_USER },
    { "overlay.disconnect-subtree", disconnect_subtree_cb, 0 },
    { "overlay.stats-get", stats_cb, FLUX_ROLE_USER },
    { NULL },
};

int overlay_builtins_init (struct broker *b)
{
    return builtins_add (b, table, NULL);
}
