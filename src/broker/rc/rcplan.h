/* Which modules may start, and end, next: the order of rc1 and rc3, without the modules.
 *
 * Happy path: what an entry names in `after` runs before it starts, and ends after it.
 *
 * Failures: an entry that does not start stays where it is, and so does what waits for
 * it. Once one has failed for good (rcplan_give_up) no other starts. */
#ifndef BROKER_RCPLAN_H
#define BROKER_RCPLAN_H

#include <stdbool.h>

#include "broker/modhost/modlist.h"

enum progress { PROGRESS_IDLE, STARTING, RUNNING, ENDING, FAILED };

struct rcplan {
    const struct modlist *list;
    enum progress *progress; /* of each entry */
    bool *absent;            /* the entry stands for no module here */
    bool given_up;
};

/* list is borrowed. */
int rcplan_init (struct rcplan *p, const struct modlist *list);
void rcplan_fini (struct rcplan *p);

/* The index of an entry that is to be started now, and is STARTING from here on; or -1. */
int rcplan_start_next (struct rcplan *p);
/* The same for one that is to be ended, which is ENDING. */
int rcplan_end_next (struct rcplan *p);
/* How many are STARTING; how many are not gone yet. */
int rcplan_starting (const struct rcplan *p);
int rcplan_left (const struct rcplan *p);
void rcplan_give_up (struct rcplan *p);
/* Nothing runs: before rc3 is told what does. */
void rcplan_reset (struct rcplan *p);

#endif
