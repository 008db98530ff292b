/* A look into another instance, whose broker may have stopped. */
#ifndef CORE_CONNECT_WITHIN_H
#define CORE_CONNECT_WITHIN_H

#include <flux/handle.h>

/* Seconds: a broker that runs answers sooner. */
#define INSTANCE_LIMIT 10.

/* As flux_open_ex; but it, and whoever waits for a future of the handle without a time
 * limit, waits no longer than so many seconds (0: for ever), then there is ETIMEDOUT; from the
 * first time on at once. */
flux_t *open_within (const char *uri, double seconds, flux_error_t *error);

#endif
