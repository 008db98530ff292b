/* The submission options: what help, parsers and man pages know of them. */
#include "cmd/jobspec/jobspec_cli.h"

#define OPT(n, k, arg, info, text, g)                                                  \
    {                                                                                  \
        .name = n, .key = k, .has_arg = arg, .arginfo = info, .usage = text,           \
        .group = g                                                                     \
    }
#define HIDDEN(n, k, arg)                                                              \
    {                                                                                  \
        .name = n, .key = k, .has_arg = arg, .flags = OPTPARSE_OPT_HIDDEN              \
    }

const struct optparse_option jobspec_common_options[] = {
    OPT ("queue", 'q', 1, "NAME", "Submit the job to a queue", 0),
    OPT ("bank", 'B', 1, "NAME", "Charge the job to a bank", 0),
    OPT ("time-limit", 't', 1, "MINUTES|FSD", "Time limit: minutes, or 90s, 2h, 1d", 0),
    OPT ("urgency", 0, 1, "N", "Urgency (0-31), hold, default (16), or expedite", 0),
    OPT ("job-name", 0, 1, "NAME", "Name of the job", 0),
    OPT ("setopt", 'o', 1, "NAME[=VAL]", "Set a shell option (repeatable)", 0),
    OPT ("setattr", 'S', 1, "KEY[=VAL]",
         "Set a jobspec attribute; ^KEY=FILE reads JSON (repeatable)", 0),
    OPT ("dependency", 0, 1, "URI", "Wait for SCHEME:VALUE[?K=V] (repeatable)", 0),
    OPT ("requires", 0, 1, "QUERY", "Constrain resources by property or host", 0),
    OPT ("begin-time", 0, 1, "+FSD|DATE", "Start no earlier", 0),
    OPT ("env", 0, 1, "RULE", "Change the job's environment (repeatable)", 0),
    OPT ("env-remove", 0, 1, "PATTERN", "Same as --env=-PATTERN", 0),
    OPT ("env-file", 0, 1, "FILE", "Same as --env=^FILE", 0),
    OPT ("rlimit", 0, 1, "RULE", "Change what limits are passed on (repeatable)", 0),
    OPT ("input", 0, 1, "FILE|RANKS", "Read standard input from FILE", 0),
    OPT ("output", 0, 1, "TEMPLATE", "Write standard output to a file", 0),
    OPT ("error", 0, 1, "TEMPLATE", "Write standard error to a file", 0),
    OPT ("unbuffered", 'u', 0, NULL, "Disable buffering of input and output", 0),
    OPT ("label-io", 'l', 0, NULL, "Add rank labels to lines of output", 0),
    OPT ("cwd", 0, 1, "DIR", "Working directory of the job", 0),
    OPT ("flags", 0, 1, "FLAGS", "Submit flags: debug,waitable,novalidate", 0),
    OPT ("signal", 0, 1, "[SIG][@TIME]", "Send SIG this long before the time limit", 0),
    OPT ("taskmap", 0, 1, "SCHEME[:VALUE]",
         "Place tasks: block, cyclic[:N], manual:MAP, hostfile:FILE", 0),
    OPT ("add-file", 0, 1, "[NAME[:PERMS]=]ARG",
         "Add a file to the job's temporary directory (repeatable)", 0),
    OPT ("dry-run", 0, 0, NULL, "Print the jobspec instead of submitting it", 0),
    OPT ("debug", 0, 0, NULL, "Same as --flags=debug", 0),
    OPT ("nodes", 'N', 1, "N", "Number of nodes", 1),
    OPT ("exclusive", 'x', 0, NULL, "Allocate whole nodes", 1),
    OPT ("resources-shape", 0, 1, "SHAPE",
         "All resources in short, as RFC 46 has it: slot=4/node", 1),
    OPT ("resources-json", 0, 1, "FILE",
         "All resources, from a file with them or with a jobspec", 1),
    HIDDEN ("out", 0, 1),
    HIDDEN ("err", 0, 1),
    OPTPARSE_TABLE_END,
};

const struct optparse_option jobspec_task_options[] = {
    OPT ("ntasks", 'n', 1, "N", "Number of tasks", 1),
    OPT ("cores-per-task", 'c', 1, "N", "Cores for each task", 1),
    OPT ("gpus-per-task", 'g', 1, "N", "GPUs for each task", 1),
    OPT ("cores", 0, 1, "N", "Number of cores in all", 1),
    OPT ("tasks-per-node", 0, 1, "N", "Tasks on each node", 1),
    OPT ("tasks-per-core", 0, 1, "N", "Tasks on each core", 1),
    OPT ("gpus-per-node", 0, 1, "N", "GPUs on each node", 1),
    OPTPARSE_TABLE_END,
};

const struct optparse_option jobspec_batch_options[] = {
    OPT ("nslots", 'n', 1, "N", "Number of slots", 1),
    OPT ("cores-per-slot", 'c', 1, "N", "Cores for each slot", 1),
    OPT ("gpus-per-slot", 'g', 1, "N", "GPUs for each slot", 1),
    OPT ("conf", 0, 1, "CONF", "Configuration of the new instance: KEY=VAL, {..}, FILE",
         0),
    OPT ("broker-opts", 0, 1, "OPTS", "Options of the new instance's brokers", 0),
    OPT ("dump", 0, 2, "FILE", "Save the new instance's content when it ends", 0),
    OPTPARSE_TABLE_END,
};
