/* The state machine at work: what a broker does when it enters a state, and
 * the services that ask about it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "broker/attrs.h"
#include "broker/boot/quorum.h"
#include "broker/broker.h"
#include "broker/lifecycle/machine.h"
#include "broker/lifecycle/notify.h"
#include "broker/overlay/overlay.h"
#include "broker/programs/command.h"
#include "broker/rc/rc.h"
#include "broker/rc/rc2.h"
#include "broker/routing/builtin.h"
#include "broker/routing/local.h"
#include "broker/routing/router.h"
#include "broker/service/groups.h"
#include "broker/service/groups_service.h"
#include "broker/service/log.h"
#include "value/fsd.h"

struct machine {
    struct broker *b;
    struct quorum quorum;
    double shutdown_timeout; /* < 0: none, like the next two */
    double quorum_warn, shutdown_warn;
    flux_watcher_t *timer;          /* warnings and timeouts of the current state */
    struct flux_msglist *waiters;   /* state-machine.wait */
    struct flux_msglist *shutdowns; /* shutdown.start */
    bool logging;
};

/* ---- entering a state ---- */

static void enter_join (struct broker *b)
{
    flux_error_t error;

    if (b->rank == 0)
        broker_post (b, EVENT_PARENT_NONE);
    else if (overlay_connect (b, &error) < 0) {
        broker_log (b, LOG_ERR, "%s", error.text);
        b->exit_code = 1;
        broker_post (b, EVENT_PARENT_FAIL);
    }
}

static void quorum_warn (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct broker *b = arg;
    const struct idset *online = groups_members (b->groups, "broker.online");
    struct idset *missing =
        online ? quorum_missing (&b->machine->quorum, b->size, online) : NULL;
    char *s = missing ? idset_encode (missing, IDSET_FLAG_RANGE) : NULL;

    broker_log (b, LOG_ERR, "quorum delayed: waiting for ranks %s", s ? s : "?");
    free (s);
    idset_destroy (missing);
}

static void start_timer (struct broker *b, double seconds, double repeat,
                         flux_watcher_f cb)
{
    struct machine *m = b->machine;

    if (seconds >= 0
        && (m->timer = flux_timer_watcher_create (b->reactor, seconds, repeat, cb, b)))
        flux_watcher_start (m->timer);
}

static void online_changed (struct broker *b)
{
    const struct idset *online;

    if (b->rank == 0 && b->state == STATE_QUORUM
        && (online = groups_members (b->groups, "broker.online"))
        && quorum_is_full (&b->machine->quorum, online))
        broker_post (b, EVENT_QUORUM_FULL);
}

static void enter_quorum (struct broker *b)
{
    struct idset *self = idset_create (b->size, 0);

    if (self && idset_set (self, b->rank) == 0)
        (void)groups_set (b->groups, "broker.online", self);
    idset_destroy (self);
    overlay_enter (b, STATE_QUORUM);
    groups_changed (b);
    if (b->rank == 0)
        start_timer (b, b->machine->quorum_warn, b->machine->quorum_warn, quorum_warn);
    online_changed (b);
    overlay_parent_state (b);
}

static void answer_waiters (struct broker *b)
{
    struct machine *m = b->machine;
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (m->waiters))) {
        if (b->state == STATE_RUN)
            broker_respond (b, msg, NULL);
        else
            broker_respond_error (b, msg, ENOENT, "the broker will not reach run");
        flux_msg_decref (msg);
    }
}

static void enter_run (struct broker *b)
{
    answer_waiters (b);
    overlay_enter (b, STATE_RUN);
    if (b->rank == 0)
        rc2_start (b);
}

static void enter_cleanup (struct broker *b)
{
    answer_waiters (b);
    if (b->rank > 0) {
        broker_post (b, EVENT_CLEANUP_NONE);
        return;
    }
    rc_cleanup_start (b);
}

static void shutdown_timeout (flux_reactor_t *r, flux_watcher_t *w, int revents,
                              void *arg)
{
    struct broker *b = arg;

    broker_log (b, LOG_ERR, "shutdown: gave up on %d children",
                overlay_child_count (b));
    broker_post (b, EVENT_CHILDREN_TIMEOUT);
}

static void shutdown_warn (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct broker *b = arg;

    broker_log (b, LOG_ERR, "shutdown delayed: waiting for %d children",
                overlay_child_count (b));
}

static void enter_shutdown (struct broker *b)
{
    struct machine *m = b->machine;

    answer_waiters (b);
    command_stop_all (b);
    overlay_enter (b, STATE_SHUTDOWN);
    if (overlay_child_count (b) == 0)
        broker_post (b, EVENT_CHILDREN_NONE);
    else if (m->shutdown_timeout >= 0)
        start_timer (b, m->shutdown_timeout, 0., shutdown_timeout);
    else
        start_timer (b, m->shutdown_warn, m->shutdown_warn, shutdown_warn);
}

static void enter_goodbye (struct broker *b)
{
    const flux_msg_t *msg;

    while ((msg = flux_msglist_pop (b->machine->shutdowns))) {
        broker_respond_error (b, msg, ENODATA, NULL);
        flux_msg_decref (msg);
    }
    broker_post (b, EVENT_GOODBYE);
}

static void enter_exit (struct broker *b)
{
    log_end_followers (b);
    local_flush (b);
    overlay_goodbye (b);
    flux_reactor_stop (b->reactor);
}

static void enter (struct broker *b, enum broker_state state)
{
    flux_watcher_destroy (b->machine->timer);
    b->machine->timer = NULL;
    switch (state) {
    case STATE_JOIN:
        enter_join (b);
        break;
    case STATE_INIT:
        rc1_start (b);
        break;
    case STATE_QUORUM:
        enter_quorum (b);
        break;
    case STATE_RUN:
        enter_run (b);
        break;
    case STATE_CLEANUP:
        enter_cleanup (b);
        break;
    case STATE_SHUTDOWN:
        enter_shutdown (b);
        break;
    case STATE_FINALIZE:
        rc3_start (b);
        break;
    case STATE_GOODBYE:
        enter_goodbye (b);
        break;
    case STATE_EXIT:
        enter_exit (b);
        break;
    default:
        break;
    }
}

/* ---- events ---- */

static void handle_event (struct broker *b, enum state_event event)
{
    enum broker_state next = state_next (b->state, event);
    double now;
    char took[32];

    if (next == b->state)
        return;
    now = clock_monotonic ();
    fsd_format (took, sizeof (took), now - b->t_enter);
    broker_log (b, LOG_INFO, "%s: %s->%s %s", state_event_name (event),
                state_name (b->state), state_name (next), took);
    b->state = next;
    b->t_enter = now;
    notify_state (b, next);
    enter (b, next);
}

static void run_events (void *arg)
{
    struct broker *b = arg;
    enum state_event event;

    /* Entering a state may post the next event. */
    while (state_queue_take (&b->events, &event))
        handle_event (b, event);
}

void machine_force (struct broker *b)
{
    switch (b->state) {
    case STATE_CLEANUP:
        broker_post (b, EVENT_CLEANUP_FAIL);
        break;
    case STATE_SHUTDOWN:
        broker_post (b, EVENT_CHILDREN_TIMEOUT);
        break;
    case STATE_FINALIZE:
        broker_post (b, EVENT_RC3_FAIL);
        break;
    default:
        break;
    }
}

/* With PMI nobody starts a broker again: one that left before all were there
 * will not come back, and its parent gives up, too, up to rank 0. */
static bool quorum_is_lost (struct broker *b)
{
    const char *method = attrs_val (b->attrs, "broker.boot-method");

    return b->state == STATE_QUORUM && method && strcmp (method, "simple") == 0
           && b->machine->quorum.count == (unsigned)b->size;
}

static void child_left (struct broker *b, const char *hostname, int rank)
{
    if (quorum_is_lost (b)) {
        broker_log (b, LOG_ERR, "%s (rank %d) left before all brokers were online",
                    hostname, rank);
        b->exit_code = 1;
        broker_post (b, EVENT_QUORUM_FAIL);
    }
}

static void children_changed (struct broker *b)
{
    notify_progress (b);
    if (b->state == STATE_SHUTDOWN && overlay_child_count (b) == 0)
        broker_post (b, EVENT_CHILDREN_COMPLETE);
}

/* ---- services ---- */

static void sm_get (struct broker *b, const flux_msg_t *msg, void *arg)
{
    broker_respond_pack (b, msg, "{s:s s:f}", "state", state_name (b->state),
                         "duration", clock_monotonic () - b->t_enter);
}

static void sm_wait (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct machine *m = arg;

    if (b->state == STATE_RUN)
        broker_respond (b, msg, NULL);
    else if (b->state > STATE_RUN)
        broker_respond_error (b, msg, ENOENT, "the broker will not reach run");
    else if (flux_msglist_append (m->waiters, msg) < 0)
        broker_respond_error (b, msg, errno, NULL);
}

static void sm_sd_notify (struct broker *b, const flux_msg_t *msg, void *arg)
{
    const char *status;

    if (flux_request_unpack (msg, NULL, "{s:s}", "status", &status) < 0) {
        broker_respond_error (b, msg, errno, NULL);
        return;
    }
    notify_status (b, status);
    if (!flux_msg_is_noresponse (msg))
        broker_respond (b, msg, NULL);
}

static void shutdown_start (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct machine *m = arg;

    if (b->rank > 0) {
        broker_respond_error (b, msg, EINVAL, "ask rank 0 to shut down");
        return;
    }
    if (flux_msg_is_streaming (msg)) {
        if (flux_msglist_append (m->shutdowns, msg) < 0)
            broker_respond_error (b, msg, errno, NULL);
    } else
        broker_respond (b, msg, NULL);
    b->asked_to_end = true;
    broker_post (b, EVENT_SHUTDOWN);
}

/* Those who asked for the shutdown see what goes on, as far as they want. */
static void tell_shutdowns (struct broker *b, int severity, const char *text)
{
    struct machine *m = b->machine;
    const flux_msg_t *msg;

    if (m->logging)
        return;
    m->logging = true;
    for (msg = flux_msglist_first (m->shutdowns); msg;
         msg = flux_msglist_next (m->shutdowns)) {
        int level = LOG_DEBUG;
        flux_msg_t *rep;

        (void)flux_msg_unpack (msg, "{s?i}", "loglevel", &level);
        if (severity > level || !(rep = flux_response_derive (msg, 0)))
            continue;
        flux_msg_set_streaming (rep);
        if (flux_msg_set_string (rep, text) == 0)
            router_response (b, NULL, rep);
        else
            flux_msg_decref (rep);
    }
    m->logging = false;
}

static void disconnect (struct broker *b, const flux_msg_t *msg, void *arg)
{
    struct machine *m = arg;

    (void)flux_msglist_disconnect (m->waiters, msg);
    (void)flux_msglist_disconnect (m->shutdowns, msg);
}

static const struct builtin table[] = {
    { "state-machine.get", sm_get, FLUX_ROLE_USER },
    { "state-machine.wait", sm_wait, FLUX_ROLE_USER },
    { "state-machine.sd-notify", sm_sd_notify, 0 },
    { "shutdown.start", shutdown_start, 0 },
    { NULL },
};

static double get_timeout (struct broker *b, const char *name)
{
    const char *s = attrs_val (b->attrs, name);
    double seconds;

    if (!s || strcmp (s, "none") == 0 || fsd_parse (s, &seconds) < 0)
        return -1.;
    return seconds;
}

int machine_init (struct broker *b)
{
    struct machine *m = calloc (1, sizeof (*m));
    const char *quorum = attrs_val (b->attrs, "broker.quorum");

    if (!m || quorum_decode (&m->quorum, quorum, b->size, NULL) < 0
        || !(m->waiters = flux_msglist_create ())
        || !(m->shutdowns = flux_msglist_create ())) {
        if (m) {
            flux_msglist_destroy (m->waiters);
            quorum_fini (&m->quorum);
        }
        free (m);
        return -1;
    }
    b->machine = m;
    m->b = b;
    b->t_start = b->t_enter = clock_monotonic ();
    m->shutdown_timeout = get_timeout (b, "broker.shutdown-timeout");
    m->shutdown_warn = get_timeout (b, "broker.shutdown-warn");
    m->quorum_warn = get_timeout (b, "broker.quorum-warn");
    reactor_task_init (&b->run_events, run_events, b);
    b->hooks.logged = tell_shutdowns;
    b->hooks.online_changed = online_changed;
    b->hooks.children_changed = children_changed;
    b->hooks.child_left = child_left;
    builtins_on_disconnect (b, disconnect, m);
    return builtins_add (b, table, m);
}

void machine_fini (struct broker *b)
{
    struct machine *m = b->machine;

    if (m) {
        reactor_task_cancel (&b->run_events);
        flux_watcher_destroy (m->timer);
        b->hooks.logged = NULL;
        b->hooks.online_changed = b->hooks.children_changed = NULL;
        b->hooks.child_left = NULL;
        state_queue_fini (&b->events);
        flux_msglist_destroy (m->waiters);
        flux_msglist_destroy (m->shutdowns);
        quorum_fini (&m->quorum);
        free (m);
        b->machine = NULL;
    }
}
