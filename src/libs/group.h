/* The process group of this process, as libpmi and libpmi2 see it: under a process
 * manager (PMI-1 over PMI_FD), or alone. One for each process. Threads take turns: who calls
 * has the lock. */
#ifndef LIBS_GROUP_H
#define LIBS_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#define GROUP_NAME_MAX 64
#define GROUP_KEY_MAX 64
#define GROUP_VALUE_MAX 1024

struct group;

/* To the end of the block no other thread that does so talks to the process manager. */
#define GROUP_LOCK                                                                     \
    int group_lock_ __attribute__ ((cleanup (group_unlock), unused)) = group_lock ()
int group_lock (void);
void group_unlock (int *lock);

/* NULL with errno: there is a process manager, but no talking to it. */
struct group *group_join (void);
/* The exit status of what a process manager says to goodbye: 0 or -1. Frees. */
int group_leave (struct group *g);

int group_rank (const struct group *g);
int group_size (const struct group *g);
const char *group_name (const struct group *g);
/* -1 with errno. */
int group_universe_size (struct group *g, int *size);
int group_appnum (struct group *g, int *appnum);
int group_put (struct group *g, const char *key, const char *value);
/* Valid until the next call; NULL with ENOENT. */
const char *group_get (struct group *g, const char *key);
int group_barrier (struct group *g);
/* Does not return. */
void group_abort (struct group *g, int exitcode, const char *msg)
    __attribute__ ((noreturn));

/* The ranks on this process's node, ascending: what PMI_process_mapping says, else this
 * rank alone. Their number, at most max of them in ranks; -1 with errno. */
int group_clique (struct group *g, int *ranks, int max);

/* PMI_process_mapping (RFC 13) read: the node of a rank; -1: it does not say. */
int mapping_node_of (const char *mapping, int rank);

#endif
