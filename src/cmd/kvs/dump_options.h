/* Options of flux dump and flux restore: for the programs, and for `flux help`. */
#ifndef CMD_DUMP_OPTIONS_H
#define CMD_DUMP_OPTIONS_H

#include <flux/optparse.h>

#define DUMP_USAGE "[OPTIONS] OUTFILE"
#define RESTORE_USAGE "[OPTIONS] INFILE"

__attribute__ ((unused)) static const struct optparse_option dump_options[] = {
    { .name = "verbose",
      .key = 'v',
      .usage = "List keys on stderr as they are dumped" },
    { .name = "quiet", .key = 'q', .usage = "Do not count keys on stderr" },
    { .name = "checkpoint",
      .usage = "Dump the newest checkpoint, not the current root" },
    { .name = "no-cache", .usage = "Ask the backing store itself" },
    { .name = "ignore-failed-read",
      .usage = "Name what cannot be read, and go on without it" },
    { .name = "maxreqs",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Ask for so many entries of a directory ahead (default 32)" },
    { .name = "sd-notify", .usage = "Tell systemd, through the broker, how far it is" },
    OPTPARSE_TABLE_END,
};

__attribute__ ((unused)) static const struct optparse_option restore_options[] = {
    { .name = "verbose",
      .key = 'v',
      .usage = "List keys on stderr as they are restored" },
    { .name = "quiet", .key = 'q', .usage = "Do not count keys on stderr" },
    { .name = "checkpoint",
      .usage = "Make it the newest checkpoint (the KVS must not be loaded)" },
    { .name = "key",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Make it the directory NAME of the KVS" },
    { .name = "no-cache", .usage = "Tell the backing store itself" },
    { .name = "size-limit",
      .has_arg = 1,
      .arginfo = "SIZE",
      .usage = "Skip values of more than SIZE bytes (suffixes b, k, M, G)" },
    { .name = "maxreqs",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Have so many megabytes on their way to the store (default 2)" },
    { .name = "sd-notify", .usage = "Tell systemd, through the broker, how far it is" },
    OPTPARSE_TABLE_END,
};

#endif
