/* The inside of a handle: for handle*.c, dispatch.c, rpc.c and connectors. */
#ifndef CORE_HANDLE_IMPL_H
#define CORE_HANDLE_IMPL_H

#include <flux/rpc.h>

#include "core/aux.h"
#include "core/connect/connector.h"
#include "core/handle/matchtag.h"
#include "core/message/msgqueue.h"
#include "core/reactor/reactor.h"

struct dispatch;

struct flux_handle {
    int refs;
    flux_t *root; /* itself, or what this is a clone of */
    int flags;
    flux_reactor_t *reactor; /* made when it is asked for */
    struct dispatch *dispatch;
    struct aux_item *aux;
    /* Of the root: */
    const struct flux_handle_ops *ops;
    void *impl;
    struct msgqueue queue; /* older than what ops->recv gives */
    struct matchtags *tags;
    struct reactor_task flush;
    flux_msgcounters_t counters;
    flux_comms_error_f comms_error;
    void *comms_error_arg;
    unsigned int connection; /* made anew so often: the descriptor changes */
    bool in_comms_error;
    double patience; /* of open_within; 0: without end, < 0: lost */
};

/* The next message, or NULL with EAGAIN or what went wrong. */
flux_msg_t *handle_recv_next (flux_t *h);
/* The first that matches. deadline: of reactor time, < 0: none. NULL with
 * ETIMEDOUT or what went wrong. Others stay queued in their order. */
flux_msg_t *handle_recv_match (flux_t *h, struct flux_match match, double deadline);
/* Move one message from the connection to the queue. */
int handle_pump (flux_t *h);
int handle_pollwant (flux_t *h);
/* As flux_pollevents, but what the descriptor has to say does not count. */
int handle_pollevents (flux_t *h);
int handle_flush (flux_t *h);
/* The limit of who waits without one: seconds, 0 when one has waited in vain, or -1. */
double handle_patience (flux_t *h);
void handle_lose_patience (flux_t *h);
/* A clone with a reactor of its own: for a future that is waited for. */
flux_t *handle_clone (flux_t *h, flux_reactor_t *r);

/* attr.c: what is known without asking, or NULL. */
const char *attr_cached (flux_t *h, const char *name);

/* dispatch.c */
void dispatch_destroy (struct dispatch *d);
/* Keep the handle's reactor reading messages until released. */
int dispatch_hold (flux_t *h);
void dispatch_release (flux_t *h);

#endif
