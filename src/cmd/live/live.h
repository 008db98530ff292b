/* An instance that is looked at. What is shown of it is asked for again when its events
 * (job-manager's journal, the resource journal) say that it changed, not because time
 * has passed. A guest may not read the journals: for him the heartbeat is the sign. */
#ifndef CMD_LIVE_LIVE_H
#define CMD_LIVE_LIVE_H

#include <flux/core.h>
#include <jansson.h>

enum live_signal {
    LIVE_JOBS = 1,      /* events of jobs */
    LIVE_RESOURCES = 2, /* events of resources */
    LIVE_PULSE = 4,     /* the heartbeat */
};

struct live;
struct live_query;

struct live_ops {
    /* Something happened (a mask). May be NULL. */
    void (*signal) (int signals, void *arg);
    /* The connection is gone; called once, from live_check. The owner closes. */
    void (*lost) (void *arg);
};

/* uri NULL: FLUX_URI. All instances share r. NULL with *error. */
struct live *live_open (flux_reactor_t *r, const char *uri, const struct live_ops *ops,
                        void *arg, flux_error_t *error);
/* With a handle that is there already; it is closed in any case. */
struct live *live_open_handle (flux_reactor_t *r, flux_t *take_h,
                               const struct live_ops *ops, void *arg,
                               flux_error_t *error);
/* Asks h for the attributes that live_attr is asked for, which waits for nothing then.
 * -1 with *error. */
int live_learn (flux_t *h, flux_error_t *error);
void live_close (struct live *l);
flux_t *live_handle (struct live *l);
/* Of the instance, in seconds since the epoch; 0: unknown. */
double live_starttime (struct live *l);
bool live_is_owner (struct live *l);
/* Attribute or dflt. */
const char *live_attr (struct live *l, const char *name, const char *dflt);

/* While an instance is not looked at, nothing is asked. */
void live_pause (struct live *l, bool pause);
/* After flux_reactor_run has failed: calls lost if this is why. True: it was. */
bool live_check (struct live *l);

/* A question that is asked now, and again after any of the signals. payload makes
 * what is sent (new; NULL: nothing). got has the answer (borrowed), or NULL and what
 * went wrong. */
struct live_query *live_ask (struct live *l, int signals, const char *topic,
                             json_t *(*payload) (void *arg),
                             void (*got) (json_t *o, const char *error, void *arg),
                             void *arg);
/* Its payload is another one now: asked at once. */
void live_ask_again (struct live_query *q);
void live_ask_end (struct live_query *q);

/* A request of its own, which does not outlive the instance's connection: cb has the
 * answer (f is destroyed behind it), or f NULL when the connection is closed before.
 * Takes f; NULL with errno (f NULL, or it cannot be waited for): cb is not called. */
struct live_once;
struct live_once *live_then (struct live *l, flux_future_t *take_f,
                             void (*cb) (flux_future_t *f, void *arg), void *arg);
/* Nobody wants the answer any more. */
void live_forget (struct live_once *once);

#endif
