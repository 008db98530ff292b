/* flux uri: where an instance is. */
#include "core/job/uri.h"
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>

static struct optparse_option options[] = {
    { .name = "remote", .usage = "Print the ssh://HOST/PATH form" },
    { .name = "local", .usage = "Print the local://PATH form" },
    { .name = "wait", .usage = "Wait until the job has a URI" },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_error_t error;
    int flags = 0;

    if (i == argc)
        cmd_usage_error (p, "the following arguments are required: TARGET");
    if (i + 1 < argc)
        cmd_usage_error (p, "unrecognized arguments: %s", argv[i + 1]);
    if (optparse_hasopt (p, "remote"))
        flags |= URI_REMOTE;
    if (optparse_hasopt (p, "local"))
        flags |= URI_LOCAL;
    if (optparse_hasopt (p, "wait"))
        flags |= URI_WAIT;
    char *uri = uri_resolve (argv[i], flags, &error);
    if (!uri)
        cmd_die ("ERROR: %s", error.text);
    puts (uri);
    free (uri);
    return 0;
}

const struct command cmd_uri = {
    .name = "uri",
    .summary = "Print the URI of an instance",
    .usage = "[OPTIONS...] TARGET",
    .group = "instance",
    .options = options,
    .run = run,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};
