/* heartbeat: rank 0 publishes heartbeat.pulse every period; the others notice
 * when it stays away. Configuration: [heartbeat] period, timeout, warn_thresh. */
#include <flux/core.h>
#include <stdlib.h>
#include <syslog.h>

#include "base/clock.h"
#include "value/fsd.h"

struct heartbeat {
    flux_t *h;
    uint32_t rank;
    double period;
    double timeout; /* warn after this long without a pulse; 0: never */
    int warn_thresh;
    double last; /* reactor time of the last pulse */
    int count;
    bool warned;
    flux_watcher_t *timer;
};

static int parse_config (struct heartbeat *hb, const flux_conf_t *conf,
                         flux_error_t *error)
{
    const char *period = "2s", *timeout = "5m";
    int warn_thresh = 3;

    if (flux_conf_unpack (conf, error, "{s?{s?s s?s s?i}}", "heartbeat", "period",
                          &period, "timeout", &timeout, "warn_thresh", &warn_thresh)
        < 0)
        return -1;
    if (fsd_parse (period, &hb->period) < 0 || hb->period < 1e-3
        || hb->period > 86400.) {
        snprintf (error->text, sizeof (error->text),
                  "heartbeat.period: '%s' is not a duration from 1ms to 1d", period);
        errno = EINVAL;
        return -1;
    }
    if (fsd_parse (timeout, &hb->timeout) < 0) {
        snprintf (error->text, sizeof (error->text),
                  "heartbeat.timeout: '%s' is not a duration", timeout);
        errno = EINVAL;
        return -1;
    }
    hb->warn_thresh = warn_thresh;
    return 0;
}

static void pulse (struct heartbeat *hb)
{
    flux_msg_t *msg = flux_event_encode ("heartbeat.pulse", NULL);

    if (!msg || flux_send_new (hb->h, &msg, 0) < 0)
        flux_log_error (hb->h, "heartbeat.pulse");
    flux_msg_decref (msg);
    hb->count++;
}

static void watch (struct heartbeat *hb)
{
    double silence = clock_monotonic () - hb->last;

    if (silence > hb->period * hb->warn_thresh && !hb->warned) {
        hb->warned = true;
        flux_log (hb->h, LOG_WARNING, "no heartbeat for %.1fs", silence);
    }
    if (hb->timeout > 0 && silence > hb->timeout)
        flux_log (hb->h, LOG_ERR, "no heartbeat for %.1fs: timeout", silence);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct heartbeat *hb = arg;

    if (hb->rank == 0)
        pulse (hb);
    else
        watch (hb);
}

static void pulse_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct heartbeat *hb = arg;

    hb->last = clock_monotonic ();
    hb->warned = false;
    hb->count++;
}

static void start_timer (struct heartbeat *hb)
{
    double after = hb->rank == 0 ? 0. : hb->period * hb->warn_thresh;

    flux_timer_watcher_reset (hb->timer, after,
                              hb->rank == 0 ? hb->period : hb->period * 2);
    flux_watcher_start (hb->timer);
}

static void reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct heartbeat *hb = arg;
    flux_error_t error = { { 0 } };
    const flux_conf_t *conf;

    if (flux_conf_reload_decode (msg, &conf) < 0
        || parse_config (hb, conf, &error) < 0) {
        (void)flux_respond_error (h, msg, errno, error.text[0] ? error.text : NULL);
        return;
    }
    flux_watcher_stop (hb->timer);
    start_timer (hb);
    (void)flux_set_conf_new (h, flux_conf_incref (conf));
    (void)flux_respond (h, msg, NULL);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct heartbeat *hb = arg;

    (void)flux_respond_pack (h, msg, "{s:i s:f}", "count", hb->count, "period",
                             hb->period);
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
    if (parse_config (&hb, flux_get_conf (h), &error) < 0) {
        flux_log (h, LOG_ERR, "%s", error.text);
        return -1;
    }
    hb.last = clock_monotonic ();
    if (!(hb.timer = flux_timer_watcher_create (r, hb.period, hb.period, timer_cb, &hb))
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
