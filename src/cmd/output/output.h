/* What goes to stdout and stderr: all of it, and nothing that a terminal obeys. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdio.h>

/* At exit: output that could not be written is a line on stderr and status 1,
 * except to a reader that has gone, which ends the program as SIGPIPE does. */
void output_init (void);
/* For commands that print as they go: writes out what stdout holds, and ends the
 * program in that way if it fails. */
void output_flush (void);
/* The same for a command that has to go on: the line and the status come at exit.
 * f may be a file beside stdout. */
void output_push (FILE *f);

/* Text that others wrote (names, notes, errors), with control characters and what
 * is no UTF-8 escaped, see base/text/printable.h; s itself if there are none. Valid until
 * the eighth next call. NULL becomes "". */
const char *safe (const char *s);
/* The same for text of several lines: newlines and tabs stay. */
const char *safe_lines (const char *s);

#endif
