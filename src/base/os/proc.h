/* Processes. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

/* Ends all children of this (single-threaded) process, and those that become its
 * children by that, and waits for them. For a subreaper, that is all below it. */
void proc_kill_children (void);

#endif
