/* Command line options, in the style of getopt_long(3), with subcommands. */
#ifndef FLUX_OPTPARSE_H
#define FLUX_OPTPARSE_H

#include <flux/types.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct opt_parser optparse_t;
struct optparse_option;
typedef int (*optparse_cb_f) (optparse_t *p, struct optparse_option *o,
                              const char *optarg);
struct optparse_option {
    const char *name;    /* long name, no dashes */
    int key;             /* short option letter; > 255: long only */
    int has_arg;         /* 0 none, 1 required, 2 optional */
    int flags;           /* OPTPARSE_OPT_* */
    const char *arginfo; /* e.g. "IDSET" */
    const char *usage;   /* one or more lines for the help text */
    int group;           /* order and grouping in the help text */
    optparse_cb_f cb;
};
#define OPTPARSE_TABLE_END                                                             \
    {                                                                                  \
        NULL, 0, 0, 0, NULL, NULL, 0, NULL                                             \
    }
enum {
    OPTPARSE_OPT_AUTOSPLIT = 1, /* split argument at commas */
    OPTPARSE_OPT_HIDDEN = 2,
    OPTPARSE_OPT_SHORTOPT_ONLY = 4,
};

typedef enum {
    OPTPARSE_SUCCESS = 0,
    OPTPARSE_FAILURE,
    OPTPARSE_NOMEM,
    OPTPARSE_BAD_ARG,
    OPTPARSE_EEXIST,
    OPTPARSE_EINVAL,
    OPTPARSE_ENOSYS,
} optparse_err_t;

typedef enum {
    OPTPARSE_USAGE = 0,       /* char *: "[OPTIONS] ARGS" */
    OPTPARSE_LOG_FN,          /* int (*)(const char *fmt, ...) */
    OPTPARSE_FATALERR_FN,     /* int (*)(void *handle, int exitval) */
    OPTPARSE_FATALERR_HANDLE, /* void * */
    OPTPARSE_OPTION_CB,       /* override a callback by name */
    OPTPARSE_OPTION_WIDTH,    /* int: column width of the help text */
    OPTPARSE_LEFT_MARGIN,     /* int */
    OPTPARSE_PRINT_SUBCMDS,   /* int: list subcommands in help */
    OPTPARSE_SUBCMD_NOOPTS,   /* int: hand all arguments through */
    OPTPARSE_SUBCMD_HIDE,     /* int */
    OPTPARSE_POSIXLY_CORRECT, /* int: stop at first non-option (default 1) */
    OPTPARSE_SORTED,          /* int */
} optparse_item_t;

typedef int (*optparse_subcmd_f) (optparse_t *p, int argc, char **argv);
struct optparse_subcommand {
    const char *name;
    const char *usage;
    const char *doc;
    optparse_subcmd_f fn;
    int flags;
    struct optparse_option *opts;
};
#define OPTPARSE_SUBCMD_END                                                            \
    {                                                                                  \
        NULL, NULL, NULL, NULL, 0, NULL                                                \
    }
enum { OPTPARSE_SUBCMD_SKIP_OPTS = 1, OPTPARSE_SUBCMD_HIDDEN = 2 };

optparse_t *optparse_create (const char *program_name);
void optparse_destroy (optparse_t *p);
optparse_err_t optparse_add_option (optparse_t *p, const struct optparse_option *o);
optparse_err_t optparse_remove_option (optparse_t *p, const char *name);
optparse_err_t optparse_add_option_table (optparse_t *p,
                                          const struct optparse_option opts[]);
optparse_err_t optparse_add_doc (optparse_t *p, const char *doc, int group);
optparse_err_t optparse_set (optparse_t *p, optparse_item_t item, ...);
optparse_err_t optparse_get (optparse_t *p, optparse_item_t item, ...);
void *optparse_get_data (optparse_t *p, const char *name);
void optparse_set_data (optparse_t *p, const char *name, void *data);
optparse_err_t optparse_reg_subcommand (optparse_t *p, const char *name,
                                        optparse_subcmd_f fn, const char *usage,
                                        const char *doc, int flags,
                                        const struct optparse_option opts[]);
optparse_err_t optparse_reg_subcommands (optparse_t *p,
                                         struct optparse_subcommand cmds[]);
/* A subcommand without text or options yet; NULL if there is one of this name, or no
 * memory. It belongs to its parent. */
optparse_t *optparse_add_subcommand (optparse_t *p, const char *name,
                                     optparse_subcmd_f fn);
optparse_t *optparse_get_parent (optparse_t *p);
optparse_t *optparse_get_subcommand (optparse_t *p, const char *name);
const char *optparse_program_name (optparse_t *p);

/* Index of the first non-option argument, or -1 (after a message). */
int optparse_parse_args (optparse_t *p, int argc, char *argv[]);
/* Forget what was parsed, here and in all subcommands. */
void optparse_reset (optparse_t *p);
int optparse_run_subcommand (optparse_t *p, int argc, char *argv[]);
int optparse_option_index (optparse_t *p);

/* Number of times that the option was given. */
int optparse_hasopt (optparse_t *p, const char *name);
int optparse_getopt (optparse_t *p, const char *name, const char **optargp);
/* Next argument of an option that may be given more than once, else NULL. */
const char *optparse_getopt_next (optparse_t *p, const char *name);
int optparse_getopt_iterator_reset (optparse_t *p, const char *name);
/* A malformed value is fatal: one line, exit status 1. */
int optparse_get_int (optparse_t *p, const char *name, int default_value);
double optparse_get_double (optparse_t *p, const char *name, double default_value);
double optparse_get_duration (optparse_t *p, const char *name, double default_value);
/* Accepts the suffixes k, M, G, T, P, E (powers of 1024). */
uint64_t optparse_get_size (optparse_t *p, const char *name, const char *dflt);
uint64_t optparse_get_size_int (optparse_t *p, const char *name, const char *dflt);
const char *optparse_get_str (optparse_t *p, const char *name, const char *dflt);
/* 1 or 0 for --color=always|never|auto; auto asks isatty(stdout). */
int optparse_get_color (optparse_t *p, const char *name);

int optparse_print_usage (optparse_t *p);
int optparse_fprint_usage (optparse_t *p, FILE *f);
/* One line and the usage on stderr, exit status 1. */
int optparse_fatal_usage (optparse_t *p, int code, const char *fmt, ...);

#ifdef __cplusplus
}
#endif

#endif
