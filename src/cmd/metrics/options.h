/* Options of flux metrics: for the program, and for `flux help`. */
#ifndef CMD_METRICS_OPTIONS_H
#define CMD_METRICS_OPTIONS_H

#include <flux/optparse.h>

static struct optparse_option metrics_options[] = {
    { .name = "listen",
      .key = 'l',
      .has_arg = 1,
      .arginfo = "PORT|PATH",
      .usage = "Serve them over HTTP, on a port of loopback or a socket of this path" },
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Leave out what is not answered in this time (default 2s)" },
    OPTPARSE_TABLE_END,
};

#endif
