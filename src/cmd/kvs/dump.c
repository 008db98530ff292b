/* flux dump and flux restore: a program of its own, so that other commands do not load
 * libarchive. */
#include "cmd/cmd.h"
#include "cmd/external.h"
#include "cmd/kvs/dump_options.h"

#include <string.h>

static int run (optparse_t *p, int argc, char **argv)
{
    external_exec (cmd_name + strlen ("flux-"), argv, false);
    cmd_die ("%s", strerror (errno));
}

const struct command cmd_dump = {
    .name = "dump",
    .summary = "Write a snapshot of the KVS to an archive",
    .usage = DUMP_USAGE,
    .group = "instance",
    .options = dump_options,
    .run = run,
    .flags = CMD_RAW_ARGS,
};

const struct command cmd_restore = {
    .name = "restore",
    .summary = "Read a snapshot of the KVS from an archive",
    .usage = RESTORE_USAGE,
    .group = "instance",
    .options = restore_options,
    .run = run,
    .flags = CMD_RAW_ARGS,
};
