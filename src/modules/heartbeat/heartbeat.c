/* heartbeat: rank 0 publishes heartbeat.pulse every period; the others notice
 * when it stays away. Configuration: [heartbeat] period, timeout, warn_thresh.
 *
 * Failures: no pulse for warn_thresh periods is a line in the log; none for timeout ends
 * this module, and with it the broker: its parent is lost, whatever the transport says. */
#include <flux/core.h>
#include <syslog.h>

#include "base/clock.h"
#include "pulse.h"

struct heartbeat {
    flux_t *h;
    uint32_t rank;
    struct pulse pulse;
    flux_watcher_t *timer;
};

static void publish (struct heartbeat *hb)
{
    flux_msg_t *msg = flux_event_encode ("heartbeat.pulse", NULL);

    if (!msg || flux_send_new (hb->h, &msg, 0) < 0)
        flux_log_error (hb->h, "heartbeat.pulse");
    flux_msg_decref (msg);
    hb->pulse.count++;
}

static void start_timer (struct heartbeat *hb);

static void watch (struct heartbeat *hb)
{
    double silence;

    switch (pulse_look (&hb->pulse, clock_monotonic (), &silence)) {
    case PULSE_MISSED:
        flux_log (hb->h, LOG_ERR, "no heartbeat for %.1fs: the parent is lost",
                  silence);
        errno = ETIMEDOUT;
        flux_reactor_stop_error (flux_get_reactor (hb->h));
        return;
    case PULSE_LATE:
        flux_log (hb->h, LOG_WARNING, "no heartbeat for %.1fs", silence);
        break;
    case PULSE_FINE:
        break;
    }
    start_timer (hb);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct heartbeat *hb = arg;

    if (hb->rank == 0)
        publish (hb);
    else
        watch (hb);
}

static void pulse_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct heartbeat *hb = arg;

    pulse_seen (&hb->pulse, clock_monotonic ());
}

/* Rank 0: at once, then each period. Others: when there may be something to say. */
static void start_timer (struct heartbeat *hb)
{
    double after =
        hb->rank == 0 ? 0. : pulse_next_look (&hb->pulse, clock_monotonic ());

    flux_watcher_stop (hb->timer);
    if (after < 0)
        return;
    flux_timer_watcher_reset (hb->timer, after, hb->rank == 0 ? hb->pulse.period : 0.);
    flux_watcher_start (hb->timer);
}

static void reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct heartbeat *hb = arg;
    flux_error_t error = { { 0 } };
    const flux_conf_t *conf;

    if (flux_conf_reload_decode (msg, &conf) < 0
        || pulse_config (&hb->pulse, conf, &error) < 0) {
        (void)flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL);
        return;
    }
    start_timer (hb);
    (void)flux_set_conf_new (h, flux_conf_incref (conf));
    (void)flux_respond (h, msg, NULL);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct heartbeat *hb = arg;

    (void)flux_respond_pack (h, msg, "{s:f s:f s:i s:i}", "period", hb->pulse.period,
                             "timeout", hb->pulse.timeout, "count", hb->pulse.count,
                             "warn_thresh", hb->pulse.warn_thresh);
}

static const struct flux_msg_handler_spec spec[] = {
    { FLUX_MSGTYPE_REQUEST, "heartbeat.config-reload", reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "heartbeat.stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_EVENT, "heartbeat.pulse", pulse_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

int mod_main (flux_t *h, int argc, char *argv[])
{
    struct heartbeat hb = { .h = h };
    flux_msg_handler_t **handlers = NULL;
    flux_reactor_t *r = flux_get_reactor (h);
    flux_error_t error;
    int rc = -1;

    if (flux_get_rank (h, &hb.rank) < 0)
        return -1;
    if (pulse_args (&hb.pulse, argc, argv, &error) < 0
        || pulse_config (&hb.pulse, flux_get_conf (h), &error) < 0) {
        flux_log (h, LOG_ERR, "%s", error.text);
        return -1;
    }
    hb.pulse.last = clock_monotonic ();
    if (!(hb.timer = flux_timer_watcher_create (r, 0., 0., timer_cb, &hb))
        || flux_msg_handler_addvec (h, spec, &hb, &handlers) < 0
        || (hb.rank > 0 && flux_event_subscribe (h, "heartbeat.pulse") < 0))
        goto done;
    start_timer (&hb);
    rc = flux_reactor_run (r, 0) < 0 ? -1 : 0;
done:
    flux_watcher_destroy (hb.timer);
    flux_msg_handler_delvec (handlers);
    return rc;
}
