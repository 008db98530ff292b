/* Shared by the files that wire up the overlay, and by no other. */
#ifndef OVERLAY_IMPL_H
#define OVERLAY_IMPL_H

#include "broker/broker.h"
#include "broker/overlay/core.h"
#include "broker/overlay/transport.h"
#include "broker/routing/router.h"

/* The holder of a place in the core. */
struct child {
    struct overlay *ov;
    struct overlay_child *place;
    struct peer peer;
};

/* Where a broker between this one and the root is reached. */
struct ancestor {
    int rank;
    char uri[512];
    char key[64];
};

struct overlay {
    struct broker *b;
    struct overlay_core *core;
    const struct transport_ops *ops;
    struct transport *transport;
    void *dso;
    json_t *uris; /* where children reach this broker */
    bool needs_key;
    struct peer parent;
    struct ancestor *ancestors; /* the parent of the topology first */
    int ancestor_count;
    char shared_key[64]; /* of all brokers, where the configuration gives it */
    flux_watcher_t *timer, *soon;
    flux_watcher_t *again; /* greets a parent that died */
    bool was_refused;      /* the last time */
    double torpid_min, torpid_max;
    double heal; /* 0: what is lost is gone */
};

int overlay_builtins_init (struct broker *b); /* overlay.* */

#endif
