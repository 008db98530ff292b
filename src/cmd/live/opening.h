/* Connects to an instance in a thread of its own: its broker may have stopped, and who
 * shows others meanwhile does not wait for it. */
#ifndef CMD_LIVE_OPENING_H
#define CMD_LIVE_OPENING_H

#include <flux/core.h>

struct opening;

/* take_h, whose attributes for live_attr are there; or NULL and why. The opening is gone
 * then. */
typedef void (*opening_f) (flux_t *take_h, const flux_error_t *error, void *arg);

/* NULL with errno: cb is not called. */
struct opening *opening_start (flux_reactor_t *r, const char *uri, opening_f cb,
                               void *arg);
/* Nobody wants it any more. NULL: nothing. */
void opening_drop (struct opening *o);

#endif
