/* flux-hierarchy stop */
#include "cmd/hierarchy/hierarchy.h"

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_error_t error = { { 0 } };
    flux_t *h = cmd_open ();
    flux_jobid_t id;

    if (argc - i > 1)
        hier_usage_error ("one JOBID is expected");
    id = found_root (h, i < argc ? argv[i] : NULL);
    if (stop_hierarchy (h, id, &error) < 0)
        cmd_die ("%s", error.text);
    return 0;
}

const struct subcommand sub_stop = {
    .name = "stop",
    .usage = "[JOBID]",
    .summary = "End a tree and all that runs in it, and wait for that",
    .run = run,
};
