/* Plugins of the commands that submit, which are Python (flux.cli.plugin): they add
 * options, and have a word in each jobspec. Where there are none, nothing is started. */
#ifndef CMD_SUBMIT_PLUGINS_H
#define CMD_SUBMIT_PLUGINS_H

#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"

/* Adds the options of the plugins to the parser of cmd. The plugins are loaded when it is
 * called first. Dies if one cannot be loaded. */
void plugins_add_options (const struct command *cmd, optparse_t *p);
/* The option that an argument (--NAME, --NAME=VALUE) is, or NULL. */
const struct optparse_option *plugins_find_option (const char *arg);

/* As jobspec_from_task_options and jobspec_from_batch_options, with what the plugins make
 * of it: options of p may be others afterwards. NULL with *error. */
json_t *plugins_task_jobspec (optparse_t *p, int argc, char **argv,
                              flux_error_t *error);
json_t *plugins_batch_jobspec (optparse_t *p, const struct jobspec_batch *batch,
                               int argc, char **argv, flux_error_t *error);

/* There are no more jobs: the plugins' process ends. */
void plugins_end (void);

#endif
