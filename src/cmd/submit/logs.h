/* Files of --log and --log-stderr: of many jobs, some of them the same. */
#ifndef CMD_LOGS_H
#define CMD_LOGS_H

#include <stdio.h>

struct logs;
struct log_file;

struct logs *logs_create (void);
/* Closes all. */
void logs_destroy (struct logs *l);
/* The file of this path, that is made and emptied when it is named first; dies if it
 * cannot be. NULL for NULL. */
struct log_file *logs_find (struct logs *l, const char *path);
/* Where to write now: a stream that is good until the next call; dflt without a file.
 * Few are open at a time, however many there are. */
FILE *log_stream (struct log_file *f, FILE *dflt);

#endif
