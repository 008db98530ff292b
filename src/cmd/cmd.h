/* A command of the `flux` binary: one file, one constant struct in the table
 * of commands.def. Help, completion and the man page's option list come from it. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <flux/core.h>
#include <flux/optparse.h>
#include <jansson.h>

enum command_flags {
    /* Wrong usage ends with status 2, in the form
     *   usage: flux NAME [OPTIONS] ...
     *   flux NAME: error: unrecognized arguments: --nosuch */
    CMD_USAGE2 = 1,
    /* run sees the arguments unparsed (argv[0] is the command's name), p has
     * the option table all the same: for `flux NAME --help` and man pages. */
    CMD_RAW_ARGS = 2,
    /* Not shown in `flux help`. */
    CMD_HIDDEN = 4,
    /* Operands and options may be mixed, as GNU getopt has it. */
    CMD_MIXED_ARGS = 8,
    /* Plugins may add options (cmd/submit/plugins.h). */
    CMD_PLUGINS = 16,
};

struct command {
    const char *name;    /* as typed: "getattr" */
    const char *summary; /* one line for `flux help` */
    const char *usage;   /* "[OPTIONS] NAME" */
    const char *group;   /* heading in `flux help`: "jobs", "instance", ... */
    const struct optparse_option *options;         /* or NULL */
    const struct optparse_option *more_options[3]; /* shared tables */
    struct optparse_subcommand *subcommands;       /* or NULL: then run is NULL too,
                                                * unless there is a default */
    /* argv[optparse_option_index (p)] is the first operand. Exit status:
     * 0, 1 error (one line said on stderr), 2 wrong usage. */
    int (*run) (optparse_t *p, int argc, char **argv);
    int flags; /* enum command_flags */
};

/* All commands, in the order of commands.def, NULL at the end. */
extern const struct command *const commands[];
const struct command *command_find (const char *name);
/* A parser for the command with its options and subcommands. */
optparse_t *command_optparse (const struct command *cmd);

/* Set by the driver before run: "flux-getattr". */
extern const char *cmd_name;

/* "flux-CMD: text" on stderr. */
void cmd_warn (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void cmd_die (const char *fmt, ...)
    __attribute__ ((format (printf, 1, 2), noreturn)); /* exit 1 */
/* Wrong usage: says what and how it is used, and exits as the command's
 * flags want (2 with CMD_USAGE2, else 1). */
void cmd_usage_error (optparse_t *p, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3), noreturn));
/* The text of a failed future, for people: "No such file or directory".
 * ENOSYS without a text becomes "Function not implemented". */
const char *cmd_future_error (flux_future_t *f);
/* Opens $FLUX_URI (-p and -r of the driver change it); dies if it cannot.
 * One handle for the command's life, closed by the driver at exit. */
flux_t *cmd_open (void);
/* Any RFC 19 encoding; dies: flux-job: error parsing jobid: "X". */
flux_jobid_t cmd_jobid (const char *s);
/* F58 text of a job id, valid until the fourth next call. */
const char *cmd_f58 (flux_jobid_t id);
/* The future's JSON payload, owned by the caller; dies with
 * "flux-CMD: WHAT: error" (or "flux-CMD: error" if what is NULL). */
json_t *cmd_rpc_json (flux_future_t *f, const char *what);
/* Name of a user, cached; the number as text if it has none. */
const char *cmd_username (uint32_t userid);
/* "$USER", a number or "all" (FLUX_USERID_UNKNOWN); dies if unknown. */
uint32_t cmd_userid (const char *name);

/* How often -v was given, alone or as -vv, or the N of --verbose=N; dies if N is no number
 * from 0. */
int cmd_verbosity (optparse_t *p);
/* Adds what --states names (a state, or pending, running, active) to the mask.
 * -1 with EINVAL if there is no such state. */
int cmd_add_states (const char *name, int *mask);

#endif
