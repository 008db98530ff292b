/* The bar of --progress: PD:0   R:0   CD:100 F:0   │███…│100.0%  2.5 job/s
 * or, without jps, the time that has passed: │███…│100.0% 0:00:41 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <flux/reactor.h>

enum progress_state {
    PROGRESS_PENDING,
    PROGRESS_RUNNING,
    PROGRESS_DONE,
    PROGRESS_FAILED,
    PROGRESS_STATES,
};

struct progress;
/* NULL (a bar that shows nothing) if stderr is no terminal. total 0: as many
 * as have been counted. */
struct progress *progress_create (flux_reactor_t *r, size_t total, bool jps);
/* Draws the end, too. */
void progress_destroy (struct progress *p);
/* Counts time from then (on the wall's clock), not from the bar's creation. */
void progress_since (struct progress *p, double when);
void progress_count (struct progress *p, enum progress_state state, int n);

#endif
