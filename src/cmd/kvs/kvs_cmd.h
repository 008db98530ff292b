/* Shared by the files of `flux kvs`. */
#ifndef CMD_KVS_CMD_H
#define CMD_KVS_CMD_H

#include "cmd/cmd.h"

#define KVS_NS_OPTION                                                                  \
    {                                                                                  \
        .name = "namespace", .key = 'N', .has_arg = 1, .arginfo = "NAME",              \
        .usage = "Use this namespace instead of $FLUX_KVS_NAMESPACE or primary"        \
    }

extern struct optparse_option kvs_ls_opts[], kvs_dir_opts[];
extern struct optparse_subcommand kvs_eventlog_subcommands[];

int kvs_cmd_ls (optparse_t *p, int argc, char **argv);
int kvs_cmd_dir (optparse_t *p, int argc, char **argv);
int kvs_cmd_eventlog (optparse_t *p, int argc, char **argv);

/* -N NAME, or NULL. */
const char *kvs_cmd_ns (optparse_t *p);
/* Prints the usage and exits unless there are min..max operands (-1: any). */
void kvs_cmd_operands (optparse_t *p, int argc, int min, int max);
/* Runs a "GROUP SUBCOMMAND" like `kvs namespace list`. */
int kvs_cmd_group (optparse_t *p, int argc, char **argv,
                   struct optparse_subcommand subcommands[]);

#endif
