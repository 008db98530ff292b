/* Commands that are programs of their own: flux-NAME or flux-NAME.py. */
#ifndef CMD_EXTERNAL_H
#define CMD_EXTERNAL_H

#include <stdbool.h>

/* Runs flux-NAME of FLUX_EXEC_PATH_PREPEND, the install directory,
 * FLUX_EXEC_PATH, or PATH in its place. Returns only if there is none
 * (-1, errno ENOENT) or it cannot be started (-1). argv[0] is NAME. verbose: says
 * on stderr what is run. */
int external_exec (const char *name, char **argv, bool verbose);
/* The directories that are searched before PATH, with colons between; some may be empty.
 * Owned by the caller; NULL: no memory. */
char *external_dirs (void);
/* Makes sure that `flux` of PATH is this one, and that Python and Lua find its packages
 * behind those of FLUX_PYTHONPATH_PREPEND, FLUX_LUA_CPATH_PREPEND and FLUX_LUA_PATH_PREPEND,
 * for jobs and programs that we start. */
void external_set_path (void);

#endif
