#include "entry.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define CLOCK_LOOK 60. /* s: the wall's clock may be set while we wait */

/* --- running --- */

static void reset_timer (struct entry *e, double delay)
{
    flux_watcher_stop (e->timer);
    flux_timer_watcher_reset (e->timer, delay > 0 ? delay : 0., 0.);
    flux_watcher_start (e->timer);
}

static void run_now (struct entry *e)
{
    e->waits = e->skips = false;
    e->counts.count++;
    e->total++;
    e->lastrun = clock_wall ();
    task_run (e);
}

/* It is time. Whoever still runs is left alone. */
static void run (struct entry *e)
{
    flux_t *h = e->cron->h;

    if (e->task) {
        if (!e->skips)
            flux_log (h, LOG_NOTICE, "cron-%d: skipped: the last task is still running",
                      e->id);
        e->skips = true;
        e->skipped++;
        return;
    }
    if (cron_sync_allows (&e->cron->sync, clock_monotonic ())) {
        run_now (e);
    } else if (!e->waits) {
        e->waits = true;
        e->deferred++;
        task_defer (e);
        flux_log (h, LOG_DEBUG, "deferring cron-%d to next %s event", e->id,
                  e->cron->sync_topic);
    }
}

/* The record that says that it waited is replaced by that of the task. */
void entry_sync (struct entry *e)
{
    if (!e->waits)
        return;
    json_array_remove (e->tasks, 0);
    run_now (e);
}

void entry_done (struct entry *e, bool success)
{
    if (success) {
        e->success++;
    } else {
        e->failure++;
        e->counts.failures++;
    }
    if (!e->stopped && cron_counts_over (&e->counts))
        entry_stop (e);
}

/* The last run that is wanted has begun, or waits: no more are asked for. */
static bool is_last (const struct entry *e)
{
    return e->counts.repeat > 0
           && e->counts.count + (e->waits ? 1 : 0) >= e->counts.repeat;
}

/* --- kinds --- */

static double next_date (const struct entry *e, double now)
{
    if (e->at > 0)
        return e->at;
    return cron_expr_next (&e->expr, (time_t)now);
}

static void wait_date (struct entry *e)
{
    double left = e->next - clock_wall ();

    if (e->next >= 0)
        reset_timer (e, left < CLOCK_LOOK ? left : CLOCK_LOOK);
}

static void date_cb (struct entry *e)
{
    double now = clock_wall ();

    if (now >= e->next) {
        run (e);
        if (e->stopped || is_last (e))
            return;
        e->next = e->at > 0 ? -1. : next_date (e, now);
    }
    wait_date (e);
}

static void interval_cb (struct entry *e)
{
    double now = clock_monotonic ();

    run (e);
    if (!e->stopped && !is_last (e))
        reset_timer (e, cron_interval_ran (&e->interval, now) - now);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct entry *e = arg;

    flux_watcher_stop (w);
    if (e->type == CRON_INTERVAL) {
        interval_cb (e);
    } else if (e->type == CRON_DATETIME) {
        date_cb (e);
    } else {
        cron_events_ran (&e->events, clock_monotonic ());
        run (e);
    }
}

static void event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct entry *e = arg;
    double now = clock_monotonic (), when;

    if (e->stopped || is_last (e))
        return;
    switch (cron_events_seen (&e->events, now, &when)) {
    case CRON_WAIT:
        break;
    case CRON_RUN:
        cron_events_ran (&e->events, now);
        run (e);
        break;
    case CRON_LATER:
        reset_timer (e, when - now);
        break;
    }
}

/* --- start and stop --- */

int entry_start (struct entry *e)
{
    double now = clock_monotonic ();

    if (!e->stopped) {
        errno = EINVAL;
        return -1;
    }
    if (e->type == CRON_DATETIME) {
        e->next = next_date (e, clock_wall ());
        if (e->at > 0 && e->at < clock_wall () - AT_LATE) {
            errno = EINVAL;
            return -1;
        }
        wait_date (e);
    } else if (e->type == CRON_INTERVAL) {
        cron_interval_start (&e->interval, now);
        reset_timer (e, e->interval.next - now);
    } else {
        cron_events_start (&e->events);
        flux_msg_handler_start (e->mh);
    }
    e->counts.count = e->counts.failures = 0;
    e->starttime = clock_wall ();
    e->stopped = false;
    return 0;
}

void entry_stop (struct entry *e)
{
    e->stopped = true;
    if (e->waits)
        json_array_remove (e->tasks, 0);
    e->waits = false;
    flux_watcher_stop (e->timer);
    if (e->mh)
        flux_msg_handler_stop (e->mh);
}

/* --- create --- */

/* The part of a topic or glob that a subscription can have. */
static char *prefix_of (const char *topic)
{
    return strndup (topic, strcspn (topic, "*?["));
}

static int listen_to (struct entry *e)
{
    struct flux_match match = FLUX_MATCH_EVENT;
    char *prefix = prefix_of (e->topic);
    int rc = -1;

    match.topic_glob = e->topic;
    if (prefix && flux_event_subscribe (e->cron->h, prefix) == 0) {
        if ((e->mh = flux_msg_handler_create (e->cron->h, match, event_cb, e)))
            rc = 0;
        else
            flux_event_unsubscribe (e->cron->h, prefix);
    }
    free (prefix);
    return rc;
}

/* NULL, or what is wrong. */
static const char *parse (struct entry *e, const flux_msg_t *request)
{
    const char *why;
    const void *payload;
    uint32_t size;
    json_t *o;

    if (flux_get_size (e->cron->h, &size) < 0
        || flux_msg_get_payload (request, &payload, &e->size) < 0
        || flux_request_unpack (request, NULL, "o", &o) < 0)
        return "malformed request";
    if ((why = entry_parse (e, o, size, clock_wall ())))
        return why;
    return e->topic && listen_to (e) < 0 ? strerror (errno) : NULL;
}

struct entry *entry_create (struct cron *cron, const flux_msg_t *request,
                            flux_error_t *error)
{
    struct entry *e = calloc (1, sizeof (*e));
    const char *why = "out of memory";

    if (!e)
        return NULL;
    list_init (&e->node);
    e->cron = cron;
    e->stopped = true;
    e->lastrun = 0.;
    e->ctime = clock_wall ();
    if (!(e->tasks = json_array ())
        || !(e->timer = flux_timer_watcher_create (flux_get_reactor (cron->h), 0., 0.,
                                                   timer_cb, e))
        || (why = parse (e, request))) {
        snprintf (error->text, sizeof (error->text), "%s", why);
        entry_destroy (e);
        errno = EINVAL;
        return NULL;
    }
    return e;
}

void entry_destroy (struct entry *e)
{
    char *prefix;

    list_remove (&e->node);
    if (e->task)
        task_forget (e->task);
    if (e->mh && (prefix = prefix_of (e->topic))) {
        flux_event_unsubscribe (e->cron->h, prefix);
        free (prefix);
    }
    flux_msg_handler_destroy (e->mh);
    flux_watcher_destroy (e->timer);
    json_decref (e->tasks);
    entry_parse_fini (e);
    free (e);
}

/* --- what is told --- */

/* On the wall's clock. */
static double wall (double monotonic)
{
    return clock_wall () + monotonic - clock_monotonic ();
}

static json_t *encode_type (const struct entry *e)
{
    if (e->type == CRON_INTERVAL)
        return json_pack ("{s:f s:f s:f}", "interval", e->interval.interval, "after",
                          e->interval.after >= 0 ? e->interval.after
                                                 : e->interval.interval,
                          "next_wakeup", e->stopped ? 0. : wall (e->interval.next));
    if (e->type == CRON_EVENT)
        return json_pack ("{s:s s:i s:i s:i s:f}", "topic", e->topic, "nth",
                          e->events.nth, "after", e->events.after, "counter",
                          e->events.seen, "min_interval", e->events.min_interval);
    if (e->at > 0)
        return json_pack ("{s:f s:f}", "at", e->at, "next_wakeup",
                          e->stopped || e->next < 0 ? 0. : e->next);
    return json_pack ("{s:s s:f}", "expr", e->expr_text, "next_wakeup",
                      e->stopped || e->next < 0 ? 0. : e->next);
}

json_t *entry_encode (const struct entry *e)
{
    static const char *types[] = { "interval", "event", "datetime" };
    json_t *stats = json_pack (
        "{s:f s:f s:f s:i s:i s:i s:i s:i s:i s:i}", "ctime", e->ctime, "starttime",
        e->starttime, "lastrun", e->lastrun, "count", e->counts.count, "failcount",
        e->counts.failures, "total", e->total, "success", e->success, "failure",
        e->failure, "deferred", e->deferred, "skipped", e->skipped);

    return json_pack ("{s:i s:s s:s s:i s:i s:b s:s s:f s:i s:i s:o s:o s:O}", "id",
                      e->id, "name", e->name, "command", e->command, "repeat",
                      e->counts.repeat, "rank", e->rank, "stopped", e->stopped, "type",
                      types[e->type], "timeout", e->timeout, "task-history-count",
                      (int)e->history, "stop-on-failure", e->counts.stop_on, "typedata",
                      encode_type (e), "stats", stats, "task", e->tasks);
}
