/* Lists of commands for later, by name. Pure, see runat.c for who runs them. */
#ifndef BROKER_RUNLIST_H
#define BROKER_RUNLIST_H

#include <jansson.h>

/* Commands of one list. */
#define RUNLIST_COMMANDS_MAX 10000
/* And of all lists together, in bytes. */
#define RUNLIST_BYTES_MAX (4 * 1024 * 1024)
/* Lists; and how long a name may be. */
#define RUNLIST_MAX 64
#define RUNLIST_NAME_MAX 128

struct runlist;

struct runlist *runlist_create (void);
void runlist_destroy (struct runlist *l);

/* An array of strings. EPROTO if it is something else, ENAMETOOLONG, ENOSPC: nothing of
 * it was added then. */
int runlist_push (struct runlist *l, const char *name, json_t *commands);
/* The one that was pushed last; to be freed. NULL: there is none. */
char *runlist_take (struct runlist *l, const char *name);
/* What is left of it is not to be run. */
void runlist_clear (struct runlist *l, const char *name);

#endif
