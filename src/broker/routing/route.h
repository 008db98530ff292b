/* Where a request goes next (RFC 3, "Request routing"). */
#ifndef BROKER_ROUTE_H
#define BROKER_ROUTE_H

#include <flux/message.h>

#include "broker/routing/services.h"
#include "broker/routing/topology.h"

enum route_kind {
    ROUTE_SERVICE, /* to owner */
    ROUTE_PARENT,
    ROUTE_CHILD, /* to the child of rank `child` */
    ROUTE_ERROR, /* answer errnum */
};

struct route {
    enum route_kind kind;
    void *owner;
    int child;
    int errnum;
};

/* For a request that is at `rank` now. */
struct route route_request (const flux_msg_t *msg, int rank, const struct topology *t,
                            const struct services *services);

#endif
