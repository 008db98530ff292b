/* Which jobs need no process of their own; pure. */
#ifndef SHELL_SIMPLE_H
#define SHELL_SIMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct shell;

/* To start more tasks than these makes the other jobs of the rank wait; what a process
 * costs is little beside it. */
#define SIMPLE_TASKS_MAX 8
/* The same for what is to be read. */
#define SIMPLE_RECORD_MAX (256 * 1024)

/* The tasks of this job can be started and watched by a process that does so for other
 * jobs: nothing is read, written or waited for but pipes, and nothing is set for the
 * process itself. sh was parsed, from a record of len bytes; uid is the process's. */
bool shell_is_simple (const struct shell *sh, size_t len, uid_t uid);

#endif
