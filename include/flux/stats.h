/* Metrics for an aggregator that speaks statsd, such as brubeck.
 *
 * They are sent by UDP to $FLUX_FRIPP_STATSD (HOST:PORT); without it each call costs one
 * look-up. Names are made of a prefix, a dot and what the caller says; what has a meaning
 * in the protocol (':', '|', '@', control characters) becomes '_' in them. Nothing
 * here waits or fails: what cannot be sent is lost, as UDP's is. An address that is none
 * is one line of the log. Each call is for the thread of its handle. */
#ifndef FLUX_STATS_H
#define FLUX_STATS_H

#include <flux/handle.h>

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A number that only grows (type C): the aggregator makes the difference. The last one of
 * a period is sent. */
void flux_stats_count (flux_t *h, const char *name, ssize_t count);
/* A number that stays until it is set again (g). The last one of a period is sent. */
void flux_stats_gauge_set (flux_t *h, const char *name, ssize_t value);
/* Adds to it; the sum of a period is sent. */
void flux_stats_gauge_inc (flux_t *h, const char *name, ssize_t inc);
/* How long something took, in milliseconds (ms). Each one is sent. */
void flux_stats_timing (flux_t *h, const char *name, double ms);

/* Seconds for which metrics are kept, to be sent together; 0: nothing is kept. It is 1
 * at first. They wait in the reactor of h, and are sent when h is closed. */
void flux_stats_set_period (flux_t *h, double period);
/* At first it is "flux", and in a module "flux.RANK". */
void flux_stats_set_prefix (flux_t *h, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* name NULL: are metrics sent at all? Else: was there one of this name? */
bool flux_stats_enabled (flux_t *h, const char *name);

#ifdef __cplusplus
}
#endif

#endif
