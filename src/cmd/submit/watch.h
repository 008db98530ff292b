/* Output of jobs as it comes, of many at a time: submit --watch. */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include <flux/core.h>

struct watch;
/* idle_cb is called whenever no job is left. */
struct watch *watch_create (flux_t *h, bool label, void (*idle_cb) (void *arg),
                            void *arg);
void watch_destroy (struct watch *w);
void watch_add (struct watch *w, flux_jobid_t id);
/* Output of a job was lost; a line about it was said. */
bool watch_failed (const struct watch *w);
bool watch_idle (const struct watch *w);

#endif
