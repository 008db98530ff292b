/* Which file of a configuration says what is wrong. */
#ifndef BROKER_CONFFILE_H
#define BROKER_CONFFILE_H

#include <flux/types.h>

/* text says what is wrong with a key, whose name it begins with: in *error the same, with
 * the file that has the key before it: path, or one in that directory. -1: none has it. */
int conffile_tell (const char *path, const char *text, flux_error_t *error);

#endif
