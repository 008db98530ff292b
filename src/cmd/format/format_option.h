/* --format of commands that print tables. */
#ifndef CMD_FORMAT_OPTION_H
#define CMD_FORMAT_OPTION_H

#include "cmd/cmd.h"
#include "cmd/format/format.h"

/* The text of the format that is asked for. Owned by the caller. Ends the program when it
 * has printed what was asked for instead (see format_choose), and with status 1 and a line
 * if there is no such format. */
char *format_option (const struct format_set *set, optparse_t *p);

#endif
