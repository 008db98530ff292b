/* Programs of others that belong to a command. */
#ifndef CORE_PROGRAMS_H
#define CORE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

/* The first in FLUX_EXEC_PATH_PREPEND, where ours are, FLUX_EXEC_PATH and PATH. */
bool program_find (const char *name, char *path, size_t size);

#endif
