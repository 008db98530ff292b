/* Options of flux top: for the program, and for `flux help`. */
#ifndef CMD_TOP_OPTIONS_H
#define CMD_TOP_OPTIONS_H

#include <flux/optparse.h>

static struct optparse_option top_options[] = {
    { .name = "color",
      .has_arg = 2,
      .arginfo = "WHEN",
      .usage = "Colors: auto, never, always" },
    { .name = "queue",
      .key = 'q',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Only jobs and resources of this queue" },
    { .name = "test-exit",
      .usage = "Exit when the first complete screen has been drawn" },
    { .name = "test-exit-dump",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "With --test-exit, write the text of the screen to FILE" },
    OPTPARSE_TABLE_END,
};

#endif
