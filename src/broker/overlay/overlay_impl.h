/* Shared by the files that wire up the overlay, and by no other. */
#ifndef OVERLAY_IMPL_H
#define OVERLAY_IMPL_H

#include "broker/broker.h"
#include "broker/overlay/core.h"
#include "broker/overlay/transport.h"
#include "broker/routing/router.h"

struct child {
    struct overlay *ov;
    struct overlay_child *place; /* in the core */
    struct peer peer;
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
    char parent_uri[512];
    char parent_key[64];
    flux_watcher_t *timer;
    double torpid_min, torpid_max;
    int child_count;
    struct child children[];
};

int overlay_builtins_init (struct broker *b); /* overlay.* */

#endif
