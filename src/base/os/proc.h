/* Processes. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Ends all children of this (single-threaded) process, and those that become its
 * children by that, and waits for them. For a subreaper, that is all below it, but for
 * those to be spared (NULL: none), and what is below them; and those of another user, that
 * it may not kill. */
void proc_kill_children (bool (*spare) (pid_t pid));
/* One of the arguments that a process was started with. False if there is none. */
bool proc_has_arg (pid_t pid, const char *arg);

/* The value of a variable in the text of /proc/PID/environ, of len bytes with a NUL behind
 * them; or NULL. */
const char *proc_environ_find (const char *env, size_t len, const char *name);

#endif
