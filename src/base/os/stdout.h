/* Output that could not be written is no success. */
#ifndef BASE_STDOUT_H
#define BASE_STDOUT_H

#include <stdbool.h>
#include <stdio.h>

/* From now on, at exit: if something of stdout could not be written, a line on stderr that
 * begins with *name, and status 1; if its reader has gone, the end that SIGPIPE is. */
void stdout_guard (const char *const *name);
/* Writes out what f holds, and keeps in mind for the exit if that fails. */
void stdout_push (FILE *f);
/* Has something failed? */
bool stdout_lost (void);

#endif
