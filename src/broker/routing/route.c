#include "broker/routing/route.h"
#include "broker/routing/services.h"
#include "broker/routing/topology.h"

#include <errno.h>

static struct route route_error (int errnum)
{
    return (struct route){ .kind = ROUTE_ERROR, .errnum = errnum };
}

static struct route route_up (int rank)
{
    if (rank == 0)
        return route_error (ENOSYS);
    return (struct route){ .kind = ROUTE_PARENT };
}

static void *lookup (const flux_msg_t *msg, const struct services *services)
{
    const char *topic;

    return flux_msg_get_topic (msg, &topic) == 0 ? services_lookup (services, topic)
                                                 : NULL;
}

struct route route_request (const flux_msg_t *msg, int rank, const struct topology *t,
                            const struct services *services)
{
    uint32_t nodeid;
    bool upstream = flux_msg_has_flag (msg, FLUX_MSGFLAG_UPSTREAM);
    void *owner;
    int child;

    if (flux_msg_get_nodeid (msg, &nodeid) < 0)
        return route_error (EPROTO);
    /* UPSTREAM: nodeid is the sender. There, services are skipped; on the way
     * up it is a request to anyone. */
    if (upstream && nodeid == (uint32_t)rank)
        return route_up (rank);
    if (upstream || nodeid == FLUX_NODEID_ANY || nodeid == (uint32_t)rank) {
        if ((owner = lookup (msg, services)))
            return (struct route){ .kind = ROUTE_SERVICE, .owner = owner };
        if (!upstream && nodeid == (uint32_t)rank)
            return route_error (ENOSYS);
        return route_up (rank);
    }
    if (nodeid >= (uint32_t)topology_size (t))
        return route_error (EHOSTUNREACH);
    child = topology_next_hop (t, rank, nodeid);
    if (child != TOPOLOGY_NONE)
        return (struct route){ .kind = ROUTE_CHILD, .child = child };
    return (struct route){ .kind = ROUTE_PARENT };
}
