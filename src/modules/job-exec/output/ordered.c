#include "modules/job-exec/output/ordered.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "core/kvs/kvs_health.h"
#include "core/kvs/txn.h"

void ordered_init (struct ordered *o, flux_t *h, void (*later) (struct ordered *o))
{
    *o = (struct ordered){ .h = h, .later = later };
    list_init (&o->commits);
}

struct ordered_commit *ordered_first (struct ordered *o)
{
    return list_empty (&o->commits)
               ? NULL
               : list_first (&o->commits, struct ordered_commit, node);
}

void ordered_fini (struct ordered_commit *c)
{
    if (!list_empty (&c->node))
        c->o->on_way--;
    list_remove (&c->node);
    flux_future_destroy (c->f);
    flux_kvs_txn_destroy (c->txn);
    c->f = NULL;
    c->txn = NULL;
}

/* The KVS refuses all that was sent behind a refused commit until it is told that
 * we know. */
static void order_reset (flux_future_t *f, void *arg)
{
    struct ordered *o = arg;

    if (flux_future_get (f, NULL) < 0)
        flux_log (o->h, LOG_ERR, "kvs.order-reset: %s", flux_future_error_string (f));
    flux_future_destroy (f);
}

static void go_on_after (struct ordered *o)
{
    flux_future_t *f = kvs_order_reset (o->h);

    if (!f || flux_future_then (f, -1., order_reset, o) < 0) {
        flux_log_error (o->h, "kvs.order-reset");
        flux_future_destroy (f);
    }
}

static void continuation (flux_future_t *f, void *arg);

static int send (struct ordered_commit *c)
{
    if ((c->f = flux_kvs_commit (c->o->h, NULL, KVS_TXN_ORDERED, c->txn))
        && flux_future_then (c->f, -1., continuation, c) == 0)
        return 0;
    flux_future_destroy (c->f);
    c->f = NULL;
    return -1;
}

static void send_or_fail (struct ordered_commit *c)
{
    if (send (c) < 0) {
        flux_log_error (c->o->h, "kvs commit of job output");
        c->done (c, strerror (errno));
    }
}

void ordered_again (struct ordered *o)
{
    o->again = 0;
    list_foreach (&o->commits, it)
        send_or_fail (container_of (it, struct ordered_commit, node));
}

/* When all that was on its way has come back. */
static void wait_for_kvs (struct ordered *o)
{
    if (o->again > 0 && o->again == o->on_way)
        o->later (o);
}

static void missed_kvs (struct ordered_commit *c)
{
    struct ordered *o = c->o;

    flux_future_destroy (c->f);
    c->f = NULL;
    if (o->again++ == 0 && !o->without_kvs)
        flux_log (o->h, LOG_ERR, "the KVS is not loaded: job output waits for it");
    o->without_kvs = true;
}

/* The KVS was loaded again between two: what it took would stand before what it did
 * not. */
static void fail_earlier (struct ordered_commit *c)
{
    list_foreach (&c->o->commits, it) {
        struct ordered_commit *earlier = container_of (it, struct ordered_commit, node);
        if (earlier == c)
            return;
        if (!earlier->f) {
            c->o->again--;
            earlier->done (earlier, "the KVS has ended");
        }
    }
}

static void continuation (flux_future_t *f, void *arg)
{
    struct ordered_commit *c = arg;
    struct ordered *o = c->o;

    if (flux_future_get (f, NULL) == 0) {
        fail_earlier (c);
        o->without_kvs = false;
        c->done (c, NULL);
    } else if (errno == ENOSYS)
        missed_kvs (c);
    else {
        flux_log (o->h, LOG_ERR, "kvs commit of job output failed: %s",
                  flux_future_error_string (f));
        go_on_after (o);
        c->done (c, flux_future_error_string (f));
    }
    wait_for_kvs (o);
}

void ordered_send (struct ordered *o, struct ordered_commit *c, flux_kvs_txn_t *txn,
                   void (*done) (struct ordered_commit *c, const char *error))
{
    *c = (struct ordered_commit){ .o = o, .txn = txn, .done = done };
    list_init (&c->node);
    list_append (&o->commits, &c->node);
    o->on_way++;
    send_or_fail (c);
}
