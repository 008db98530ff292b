/* A command of the `flux` binary: one file, one constant struct in the table
 * of flux.c. Help, completion and the man page's option list come from it. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <flux/core.h>
#include <flux/optparse.h>

struct command {
    const char *name;    /* as typed: "getattr" */
    const char *summary; /* one line for `flux help` */
    const char *usage;   /* "[OPTIONS] NAME" */
    const char *group;   /* heading in `flux help`: "jobs", "instance", ... */
    const struct optparse_option *options;   /* or NULL */
    struct optparse_subcommand *subcommands; /* or NULL: then run is NULL too,
                                                * unless there is a default */
    /* argv[optparse_option_index (p)] is the first operand. Exit status:
     * 0, 1 error (one line said on stderr), 2 wrong usage. */
    int (*run) (optparse_t *p, int argc, char **argv);
};

/* Set by the driver before run: "flux-getattr". */
extern const char *cmd_name;

/* "flux-CMD: text" on stderr. */
void cmd_warn (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void cmd_die (const char *fmt, ...)
    __attribute__ ((format (printf, 1, 2), noreturn)); /* exit 1 */
/* The text of a failed future, for people: "No such file or directory". */
const char *cmd_future_error (flux_future_t *f);
/* Opens $FLUX_URI (or what -p, -r or --uri of the driver say); dies if it
 * cannot. Closed by the driver at exit. */
flux_t *cmd_open (void);
/* Any RFC 19 encoding; dies: "flux-job: X: malformed input"... */
flux_jobid_t cmd_jobid (const char *s);

#endif
