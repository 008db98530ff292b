/* Command lines of rc1 and rc3, for sh. All are new; NULL: nothing is to be done. */
#ifndef BROKER_RCCMD_H
#define BROKER_RCCMD_H

#include <stdbool.h>

/* The files in DIR/RC.d of each directory ("rc1", "rc3"; NULL or "": there is none), in the
 * order of their names, one after the other, until one fails. */
char *rccmd_scripts (const char *const dirs[], int count, const char *rc);
/* The end, when nobody writes to the KVS any more: scripts (NULL: none); then, whatever
 * came of them, garbage is collected, and the KVS dumped by a command (NULL: it is not); then what
 * removes the modules (NULL: that is not for a command). Its status is that of the
 * scripts, or 1 if something else failed. NULL also if there is no more than scripts. */
char *rccmd_last (const char *scripts, bool gc, const char *dump, const char *then);

#endif
