/* Files of lists of directories, as in PATH. */
#ifndef BASE_OS_SEARCH_H
#define BASE_OS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* DIR/NAME of the first directory where it is acceptable, in path, which has room for size
 * bytes. dirs: separated by colons, empty ones count for nothing; may be NULL. What does not
 * fit into path is not there. False: there is none, and path may have any text. */
bool search_dirs (const char *dirs, const char *name, bool (*accept) (const char *path),
                  char *path, size_t size);

bool search_exists (const char *path);
bool search_readable (const char *path);
/* A regular file that may be executed. */
bool search_program (const char *path);

#endif
