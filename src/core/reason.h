/* Why somebody drains a rank or stops a queue. It is kept in the KVS, and told to whoever
 * asks: so it is short. */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include <errno.h>
#include <string.h>

#include "base/error.h"

#define REASON_MAX 4096 /* bytes */

/* NULL is one. -1 with E2BIG, and a text. */
static inline int reason_check (const char *reason, flux_error_t *error)
{
    return !reason || strlen (reason) <= REASON_MAX
               ? 0
               : error_fail (error, E2BIG, "a reason has at most %d bytes", REASON_MAX);
}

#endif
