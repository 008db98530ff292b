/* flux imp-exec-helper: what a setuid helper asks for before it starts a job shell
 * (RFC 15). It is run as the owner of the instance. */
#include "cmd/cmd.h"

#include <jansson.h>
#include <stdio.h>

static struct optparse_option opts[] = { OPTPARSE_TABLE_END };

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *J;
    json_t *o;

    if (i + 1 != argc)
        cmd_usage_error (p, "one job id is needed");
    flux_future_t *f = flux_rpc_pack (
        cmd_open (), "job-info.lookup", FLUX_NODEID_ANY, 0, "{s:I s:[s] s:i}", "id",
        (json_int_t)cmd_jobid (argv[i]), "keys", "J", "flags", 0);
    if (!f || flux_rpc_get_unpack (f, "{s:s}", "J", &J) < 0)
        cmd_die ("%s: %s", argv[i], cmd_future_error (f));
    if (!(o = json_pack ("{s:s}", "J", J)))
        cmd_die ("out of memory");
    json_dumpf (o, stdout, JSON_COMPACT);
    putchar ('\n');
    json_decref (o);
    flux_future_destroy (f);
    return 0;
}

const struct command cmd_imp_exec_helper = {
    .name = "imp-exec-helper",
    .summary = "Print what a setuid helper needs to start a job",
    .usage = "JOBID",
    .group = "instance",
    .options = opts,
    .run = run,
    .flags = CMD_USAGE2 | CMD_HIDDEN,
};
