/* When a pulse is due, and what it means that none comes. Pure: no handle, no clock;
 * `now` is monotonic, in seconds. */
#ifndef HEARTBEAT_PULSE_H
#define HEARTBEAT_PULSE_H

#include <flux/core.h>

struct pulse {
    double period;
    double argument; /* of the module: it goes before the configuration; 0: none */
    double timeout;  /* without a pulse for so long the parent is lost; 0: never */
    int warn_thresh; /* periods without one until a warning; 0: never */
    double last;
    int count;
    bool warned;
};

enum pulse_verdict {
    PULSE_FINE,
    PULSE_LATE,   /* said once, until the next pulse */
    PULSE_MISSED, /* too long: what hangs below the parent has lost it */
};

/* period=DURATION. -1 with EINVAL and *error. */
int pulse_args (struct pulse *p, int argc, char **argv, flux_error_t *error);
/* [heartbeat] of the configuration. -1 with EINVAL and *error; nothing has changed. */
int pulse_config (struct pulse *p, const flux_conf_t *conf, flux_error_t *error);
/* There was one. */
void pulse_seen (struct pulse *p, double now);
/* What the silence means now, and in *silence how long it is. */
enum pulse_verdict pulse_look (struct pulse *p, double now, double *silence);
/* Seconds until pulse_look can say something new, at least a period's hundredth;
 * < 0: nothing will be. */
double pulse_next_look (const struct pulse *p, double now);

#endif
