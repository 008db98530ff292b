/* Processes. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stddef.h>

/* Ends all children of this (single-threaded) process, and those that become its
 * children by that, and waits for them. For a subreaper, that is all below it. */
void proc_kill_children (void);

/* The value of a variable in the text of /proc/PID/environ, of len bytes with a NUL behind
 * them; or NULL. */
const char *proc_environ_find (const char *env, size_t len, const char *name);

#endif
