/* Starts a process in a thread of its own: the way to its directory or to its program may
 * lead over a file system that does not answer, and who goes it waits. */
#ifndef CORE_SUBPROCESS_LAUNCH_H
#define CORE_SUBPROCESS_LAUNCH_H

#include <flux/subprocess.h>
#include <stdint.h>

#include "core/subprocess/spawn.h"

struct launch;

/* The pid; or -1 with errno, as spawn_process. signals: what came meanwhile, signal N is
 * bit N - 1. The launch is gone afterwards. */
typedef void (*launch_f) (pid_t pid, uint64_t signals, void *arg);

/* argv, env and cwd stay as they are until there is an answer, without pre_exec. The
 * descriptors s->fds from the index `owned` on are taken over. NULL with errno: they are
 * not. */
struct launch *launch_create (flux_reactor_t *r, const struct spawn *s, int owned,
                              launch_f cb, void *arg);
/* For the process when it runs; what is on its way already gets SIGKILL. */
void launch_signal (struct launch *l, int signum);
/* Nobody wants to hear of it any more: the process is killed, then cmd, which has its
 * argv, env and cwd, is destroyed. */
void launch_abandon (struct launch *l, flux_cmd_t *cmd);

#endif
