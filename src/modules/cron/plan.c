#include "plan.h"

#include <math.h>

void cron_interval_start (struct cron_interval *c, double now)
{
    c->next = now + (c->after >= 0 ? c->after : c->interval);
}

double cron_interval_ran (struct cron_interval *c, double now)
{
    c->next += c->interval;
    if (c->next <= now)
        c->next += c->interval * (floor ((now - c->next) / c->interval) + 1);
    if (c->next <= now) /* beyond what a double tells apart */
        c->next = now + c->interval;
    return c->next;
}

void cron_events_start (struct cron_events *c)
{
    c->seen = 0;
    c->waiting = false;
    c->last = -1.;
}

/* The count is kept small, however many events come. */
static bool is_due (struct cron_events *c)
{
    int nth = c->nth > 1 ? c->nth : 1;

    c->seen++;
    if (c->after > 0 && c->last < 0) {
        if (c->seen <= c->after)
            return false;
    } else if (c->seen < nth) {
        return false;
    }
    c->seen = 0;
    return true;
}

enum cron_hit cron_events_seen (struct cron_events *c, double now, double *when)
{
    if (c->waiting || !is_due (c))
        return CRON_WAIT;
    if (c->last < 0 || c->min_interval <= 0 || now >= c->last + c->min_interval)
        return CRON_RUN;
    c->waiting = true;
    *when = c->last + c->min_interval;
    return CRON_LATER;
}

void cron_events_ran (struct cron_events *c, double now)
{
    c->waiting = false;
    c->last = now;
}

bool cron_sync_allows (const struct cron_sync *s, double now)
{
    return !s->active || (s->last >= 0 && now - s->last <= s->epsilon);
}

bool cron_counts_over (const struct cron_counts *c)
{
    return (c->repeat > 0 && c->count >= c->repeat)
           || (c->stop_on > 0 && c->failures >= c->stop_on);
}
