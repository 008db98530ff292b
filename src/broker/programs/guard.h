/* The run directory of a broker that is killed before anybody else would remove it. */
#ifndef BROKER_GUARD_H
#define BROKER_GUARD_H

#include <stddef.h>

/* A process that calls make (path), which creates a directory and may change its name in
 * place, waits for the death of this one, and then removes it: so there is none without
 * it. There are no threads yet. 0; or -1 with the errno of make, and no such process. If
 * there is no process to be had, this one calls make: killed, it leaves its directory. */
int guard_mkdir (char *path, size_t size, int (*make) (char *path));
/* From here on the keeper of the initial program does it (broker/programs/keep.h), or it
 * is done. May be called from a handler of a signal. */
void guard_end (void);

#endif
