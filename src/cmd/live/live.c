/* Happy path: connect; one request to each journal, one subscription; a signal marks the
 * questions that wait for it; a timer sends each when its pace allows.
 *
 * Failures: a journal that is refused (EPERM) leaves the heartbeat; one that ends, or a
 * service that is not there, is said by the answers to the questions. A connection that
 * is lost stops the reactor, whose owner calls live_check. */
#include "cmd/live/live.h"

#include "base/clock.h"
#include "base/list.h"
#include "cmd/live/pace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct live {
    flux_t *h;
    flux_reactor_t *r;
    const struct live_ops *ops;
    void *arg;
    flux_future_t *jobs;
    flux_future_t *resources;
    flux_msg_handler_t *pulse;
    struct list queries;
    struct list once;
    bool paused;
    bool lost;
    bool blind; /* a journal was refused */
    int recent; /* signals since the last pulse */
};

struct live_once {
    struct list node;
    flux_future_t *f;
    void (*cb) (flux_future_t *f, void *arg);
    void *arg;
};

struct live_query {
    struct list node;
    struct live *l;
    int signals;
    const char *topic;
    json_t *(*payload) (void *arg);
    void (*got) (json_t *o, const char *error, void *arg);
    void *arg;
    struct pace pace;
    flux_watcher_t *timer;
    flux_future_t *f;
};

/* --- questions --- */

static void schedule (struct live_query *q)
{
    double delay = pace_delay (&q->pace, clock_monotonic ());
    if (delay < 0 || q->l->paused || flux_watcher_is_active (q->timer))
        return;
    flux_timer_watcher_reset (q->timer, delay, 0.);
    flux_watcher_start (q->timer);
}

static void answered (flux_future_t *f, void *arg)
{
    struct live_query *q = arg;
    const char *s = NULL, *error = NULL;
    json_t *o = NULL;
    pace_answered (&q->pace, clock_monotonic ());
    if (flux_rpc_get (f, &s) < 0)
        error =
            flux_future_has_error (f) ? flux_future_error_string (f) : strerror (errno);
    else if (!s || !(o = json_loads (s, 0, NULL)))
        error = "malformed response";
    q->f = NULL;
    schedule (q);
    q->got (o, error, q->arg);
    json_decref (o);
    flux_future_destroy (f);
}

static void send (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct live_query *q = arg;
    json_t *o = q->payload ? q->payload (q->arg) : json_object ();
    char *s = o ? json_dumps (o, JSON_COMPACT) : NULL;
    flux_watcher_stop (w);
    pace_sent (&q->pace, clock_monotonic ());
    q->f = flux_rpc (q->l->h, q->topic, s, 0, 0);
    if (!q->f || flux_future_then (q->f, -1., answered, q) < 0) {
        flux_future_destroy (q->f);
        q->f = NULL;
        pace_answered (&q->pace, clock_monotonic ());
        q->got (NULL, strerror (errno), q->arg);
    }
    free (s);
    json_decref (o);
}

struct live_query *live_ask (struct live *l, int signals, const char *topic,
                             json_t *(*payload) (void *arg),
                             void (*got) (json_t *o, const char *error, void *arg),
                             void *arg)
{
    struct live_query *q = calloc (1, sizeof (*q));
    if (!q)
        return NULL;
    list_init (&q->node);
    q->l = l;
    q->signals = signals;
    q->topic = topic;
    q->payload = payload;
    q->got = got;
    q->arg = arg;
    if (!(q->timer = flux_timer_watcher_create (l->r, 0., 0., send, q))) {
        free (q);
        return NULL;
    }
    list_append (&l->queries, &q->node);
    live_ask_again (q);
    return q;
}

void live_ask_again (struct live_query *q)
{
    pace_hurry (&q->pace);
    flux_watcher_stop (q->timer);
    schedule (q);
}

void live_ask_end (struct live_query *q)
{
    if (!q)
        return;
    list_remove (&q->node);
    flux_watcher_destroy (q->timer);
    flux_future_destroy (q->f);
    free (q);
}

/* --- requests of their own --- */

void live_forget (struct live_once *once)
{
    if (once) {
        list_remove (&once->node);
        flux_future_destroy (once->f);
        free (once);
    }
}

static void once_cb (flux_future_t *f, void *arg)
{
    struct live_once *once = arg;
    void (*cb) (flux_future_t *, void *) = once->cb;
    void *cb_arg = once->arg;
    once->f = NULL;
    live_forget (once);
    cb (f, cb_arg);
    flux_future_destroy (f);
}

struct live_once *live_then (struct live *l, flux_future_t *take_f,
                             void (*cb) (flux_future_t *f, void *arg), void *arg)
{
    struct live_once *once = take_f ? calloc (1, sizeof (*once)) : NULL;
    if (!once) {
        flux_future_destroy (take_f);
        return NULL;
    }
    once->f = take_f;
    once->cb = cb;
    once->arg = arg;
    list_init (&once->node);
    if (flux_future_then (take_f, -1., once_cb, once) < 0) {
        live_forget (once);
        return NULL;
    }
    list_append (&l->once, &once->node);
    return once;
}

static void drop_once (struct live *l)
{
    while (!list_empty (&l->once)) {
        struct live_once *once = list_first (&l->once, struct live_once, node);
        void (*cb) (flux_future_t *, void *) = once->cb;
        void *arg = once->arg;
        live_forget (once);
        cb (NULL, arg);
    }
}

/* --- signals --- */

static void changed (struct live *l, int signals)
{
    list_foreach (&l->queries, it) {
        struct live_query *q = container_of (it, struct live_query, node);
        if (q->signals & signals) {
            pace_change (&q->pace);
            schedule (q);
        }
    }
    if (l->ops->signal)
        l->ops->signal (signals, l->arg);
}

static void journal_cb (flux_future_t *f, void *arg)
{
    struct live *l = arg;
    if (flux_future_get (f, NULL) == 0) {
        int signal = f == l->jobs ? LIVE_JOBS : LIVE_RESOURCES;
        flux_future_reset (f);
        l->recent |= signal;
        changed (l, signal);
        return;
    }
    l->blind = true;
    if (f == l->jobs)
        l->jobs = NULL;
    else
        l->resources = NULL;
    flux_future_destroy (f);
}

static void pulse_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct live *l = arg;
    /* Who was asked may have heard of a change later than we: once more. */
    int signals = LIVE_PULSE | l->recent;
    l->recent = 0;
    changed (l, l->blind ? LIVE_PULSE | LIVE_JOBS | LIVE_RESOURCES : signals);
}

/* --- the connection --- */

static int lost_cb (flux_t *h, void *arg)
{
    struct live *l = arg;
    l->lost = true;
    return -1;
}

static int listen_journals (struct live *l)
{
    l->jobs = flux_rpc_pack (
        l->h, "job-manager.events-journal", 0, FLUX_RPC_STREAMING,
        "{s:b s:{s:i s:i s:i s:i s:i s:i s:i s:i s:i s:i s:i}}", "backlog", 0, "allow",
        "validate", 1, "invalidate", 1, "depend", 1, "priority", 1, "urgency", 1,
        "alloc", 1, "start", 1, "finish", 1, "exception", 1, "memo", 1, "clean", 1);
    l->resources = flux_rpc (l->h, "resource.journal", NULL, 0, FLUX_RPC_STREAMING);
    if (!l->jobs || !l->resources)
        return -1;
    if (flux_future_then (l->jobs, -1., journal_cb, l) < 0)
        return -1;
    return flux_future_then (l->resources, -1., journal_cb, l);
}

static int listen (struct live *l)
{
    struct flux_match match = FLUX_MATCH_EVENT;
    match.topic_glob = (char *)"heartbeat.pulse";
    if (!(l->pulse = flux_msg_handler_create (l->h, match, pulse_cb, l)))
        return -1;
    flux_msg_handler_allow_rolemask (l->pulse, FLUX_ROLE_ALL);
    flux_msg_handler_start (l->pulse);
    flux_future_t *f = flux_event_subscribe_ex (l->h, "heartbeat.pulse", 0);
    flux_future_destroy (f); /* without it there is no heart to see */
    return listen_journals (l);
}

int live_learn (flux_t *h, flux_error_t *error)
{
    static const char *names[] = { "version",       "size",     "instance-level",
                                   "local-uri",     "hostlist", "broker.starttime",
                                   "security.owner" };
    const char *value;

    for (size_t i = 0; i < sizeof (names) / sizeof (names[0]); i++) {
        if (!(value = flux_attr_get (h, names[i])) && errno != ENOENT) {
            snprintf (error->text, sizeof (error->text), "%s",
                      errno == ETIMEDOUT ? "the broker does not answer"
                                         : strerror (errno));
            return -1;
        }
        if (value && flux_attr_set_cacheonly (h, names[i], value) < 0) {
            snprintf (error->text, sizeof (error->text), "%s", strerror (errno));
            return -1;
        }
    }
    return 0;
}

struct live *live_open_handle (flux_reactor_t *r, flux_t *take_h,
                               const struct live_ops *ops, void *arg,
                               flux_error_t *error)
{
    struct live *l = calloc (1, sizeof (*l));
    error->text[0] = '\0';
    if (!l) {
        flux_close (take_h);
        return NULL;
    }
    l->h = take_h;
    list_init (&l->queries);
    list_init (&l->once);
    l->r = r;
    l->ops = ops;
    l->arg = arg;
    if (flux_set_reactor (l->h, r) < 0 || listen (l) < 0) {
        snprintf (error->text, sizeof (error->text), "%s", strerror (errno));
        live_close (l);
        return NULL;
    }
    flux_comms_error_set (l->h, lost_cb, l);
    return l;
}

struct live *live_open (flux_reactor_t *r, const char *uri, const struct live_ops *ops,
                        void *arg, flux_error_t *error)
{
    flux_t *h = flux_open_ex (uri, 0, error);

    return h ? live_open_handle (r, h, ops, arg, error) : NULL;
}

void live_close (struct live *l)
{
    if (!l)
        return;
    drop_once (l);
    list_foreach (&l->queries, it) {
        live_ask_end (container_of (it, struct live_query, node));
    }
    flux_future_destroy (l->jobs);
    flux_future_destroy (l->resources);
    flux_msg_handler_destroy (l->pulse);
    flux_comms_error_set (l->h, NULL, NULL);
    flux_close (l->h);
    free (l);
}

flux_t *live_handle (struct live *l)
{
    return l->h;
}

const char *live_attr (struct live *l, const char *name, const char *dflt)
{
    const char *s = flux_attr_get (l->h, name);
    return s ? s : dflt;
}

double live_starttime (struct live *l)
{
    return strtod (live_attr (l, "broker.starttime", "0"), NULL);
}

bool live_is_owner (struct live *l)
{
    const char *s = live_attr (l, "security.owner", "");
    return strtoul (s, NULL, 10) == getuid ();
}

void live_pause (struct live *l, bool pause)
{
    l->paused = pause;
    list_foreach (&l->queries, it) {
        struct live_query *q = container_of (it, struct live_query, node);
        if (pause)
            flux_watcher_stop (q->timer);
        else
            schedule (q);
    }
}

bool live_check (struct live *l)
{
    if (!l->lost)
        return false;
    l->ops->lost (l->arg);
    return true;
}
