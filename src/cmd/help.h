#ifndef CMD_HELP_H
#define CMD_HELP_H

#include <stdio.h>

/* Driver options, then all commands by group. */
void help_print_all (FILE *f);

/* The man page of a command, of flux(1), in scdoc(5). help_man.c */
struct command;
void help_print_scdoc (FILE *f, const struct command *cmd);
void help_print_scdoc_main (FILE *f);

#endif
