/* The resources of a scheduler, as resource.acquire tells of them (RFC 28). */
#ifndef CORE_SCHED_ACQUIRE_H
#define CORE_SCHED_ACQUIRE_H

#include <flux/core.h>

struct acquire;

/* One answer, in f: the first has R. -1: it cannot be applied, and has been logged. */
typedef int acquire_f (flux_future_t *f, void *arg);

/* Ask; answers are applied as the reactor finds them. Where one cannot be, the reactor
 * stops with an error, and no later one is applied. NULL with errno. */
struct acquire *acquire_open (flux_t *h, acquire_f *apply, void *arg);
/* Apply what has come already, so that what is answered next is behind it. No call from
 * within `apply`; NULL: nothing has. */
void acquire_catch_up (struct acquire *a);
void acquire_close (struct acquire *a);

#endif
