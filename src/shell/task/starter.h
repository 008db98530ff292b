/* Starts the tasks of jobs that share the server's process, in a thread of its own: the
 * way to a directory or to a program may lead over a file system that does not answer,
 * and who goes it waits, whatever signals come. */
#ifndef SHELL_TASK_STARTER_H
#define SHELL_TASK_STARTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/subprocess/spawn.h"

/* As spawn_process. -1 with ETIMEDOUT: the program was not reached in a second, never ran
 * and never will; with ECANCELED: it was reached then, and was killed. */
pid_t starter_spawn (const struct spawn *s);

/* Nobody is stuck, and nobody was a moment ago: the next one would cost everybody a
 * second again. */
bool starter_is_free (void);

#endif
