/* When an entry of cron runs: no clock, no message. */
#ifndef CRON_PLAN_H
#define CRON_PLAN_H

#include <stdbool.h>

/* An interval: every so many seconds, the first time after `after`. */
struct cron_interval {
    double interval, after; /* after < 0: as interval */
    double next;
};

void cron_interval_start (struct cron_interval *c, double now);
/* It has run at now, not before its time: when next? Keeps its pace; what was missed
 * is left out. */
double cron_interval_ran (struct cron_interval *c, double now);

/* Events: the first after `after` of them, then every nth, not more often than
 * min_interval. */
struct cron_events {
    int nth, after;
    double min_interval;
    int seen; /* since start */
    bool waiting;
    double last; /* run; < 0: never */
};

enum cron_hit { CRON_WAIT, CRON_RUN, CRON_LATER };

void cron_events_start (struct cron_events *c);
/* CRON_LATER: a run at *when is owed (it is told once). */
enum cron_hit cron_events_seen (struct cron_events *c, double now, double *when);
void cron_events_ran (struct cron_events *c, double now);

/* The sync event: entries run when it comes, or within epsilon of it. */
struct cron_sync {
    bool active;
    double epsilon;
    double last; /* < 0: none yet */
};

bool cron_sync_allows (const struct cron_sync *s, double now);

/* Counts of an entry since it was started. */
struct cron_counts {
    int repeat;   /* 0: for ever */
    int stop_on;  /* failures; 0: for ever */
    int count;    /* runs since the start */
    int failures; /* since the start */
};

bool cron_counts_over (const struct cron_counts *c);

#endif
