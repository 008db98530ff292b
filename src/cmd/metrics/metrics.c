/* flux metrics: a program of its own, so that other commands do not load an HTTP server. */
#include "cmd/cmd.h"
#include "cmd/external.h"
#include "cmd/metrics/options.h"

#include <string.h>

static int run (optparse_t *p, int argc, char **argv)
{
    external_exec ("metrics", argv, false);
    cmd_die ("flux-metrics: %s", strerror (errno));
}

const struct command cmd_metrics = {
    .name = "metrics",
    .summary = "Print or serve figures of the instance for monitoring",
    .usage = "[OPTIONS]",
    .group = "instance",
    .options = metrics_options,
    .run = run,
    .flags = CMD_RAW_ARGS,
};
