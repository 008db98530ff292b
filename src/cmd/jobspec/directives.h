/* Submission directives in a batch script (RFC 36). */
#ifndef CMD_DIRECTIVES_H
#define CMD_DIRECTIVES_H

#include <flux/types.h>

/* Options that the script gives ("# flux: -N4"), as an argument vector with a
 * NULL at the end; free with directives_free. *count without the NULL. *lines (unless
 * lines is NULL): for each, where its directive begins, from 1; owned by the caller.
 * NULL with EINVAL and *error: "line 3: ...". */
char **directives_parse (const char *script, int *count, int **lines,
                         flux_error_t *error);
void directives_free (char **args);

#endif
