#ifndef CMD_HELP_H
#define CMD_HELP_H

#include <stdio.h>

/* Driver options, then all commands by group. */
void help_print_all (FILE *f);

#endif
