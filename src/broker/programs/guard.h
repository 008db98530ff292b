/* Removes the run directory of a broker that is killed before anybody else would. */
#ifndef BROKER_GUARD_H
#define BROKER_GUARD_H

/* A process that waits for the death of this one, and then removes path. There are no
 * threads yet. Without it (no process to be had) a killed broker leaves its directory. */
void guard_start (const char *path);
/* From here on the keeper of the initial program does it (broker/programs/keep.h), or
 * this process itself. May be called from a handler of a signal. */
void guard_end (void);

#endif
