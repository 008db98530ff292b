/* The inside of a future: for future*.c and rpc.c. */
#ifndef CORE_FUTURE_IMPL_H
#define CORE_FUTURE_IMPL_H

#include <flux/future.h>

#include "core/aux.h"
#include "core/reactor/reactor.h"

struct result {
    struct result *next; /* in the queue of a future */
    int refs;
    struct result *origin; /* the owner of value, if it was passed on */
    void *value;
    flux_free_f free_fn;
    int errnum;
    char *errstr;
};

/* Waits for one future, like flux_future_wait_for, without a reactor. */
typedef int (*future_wait_f) (flux_future_t *f, double timeout);

struct flux_future {
    int refs;
    struct aux_item *aux;
    flux_future_init_f init;
    void *init_arg;
    future_wait_f wait; /* or NULL */

    struct result *current; /* what get returns; NULL: not fulfilled */
    struct result *queue, **queue_tail;
    struct result *fatal;

    /* The context of flux_future_then. */
    flux_reactor_t *reactor;
    flux_t *h;
    struct {
        flux_continuation_f cb;
        void *arg;
        double timeout;
        flux_watcher_t *timer;
        struct reactor_task task;
        bool initialized;
    } then;
    /* The context of flux_future_wait_for: a reactor that only this future
     * and what it is made of use. */
    struct {
        flux_reactor_t *reactor;
        flux_t *h;
        bool running;
        bool initialized;
    } now;

    flux_future_t *source; /* of flux_future_fulfill_with; owned */

    /* Composites: in order of their arrival. */
    struct future_child *children;
    struct future_child *last_child;
    struct future_child *cursor;
    size_t child_count, ready_count;
    bool any;

    /* Chains: prev belongs to next. */
    flux_future_t *next, *prev;
    flux_continuation_f and_cb, or_cb;
    void *and_arg, *or_arg;
    bool continued;
    int continue_errnum; /* why it could not be, or 0 */
};

/* Sets where flux_future_then runs; a continuation that is set up already
 * moves there. */
void future_set_context (flux_future_t *f, flux_reactor_t *r, flux_t *h);
/* flux_future_then is undone, if it was with these: what arg points to goes, and f may
 * stay, as others hold it. */
void future_forget (flux_future_t *f, flux_continuation_f cb, void *arg);
void future_fini_composite (flux_future_t *f);
void future_fini_chain (flux_future_t *f);

#endif
