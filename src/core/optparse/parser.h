/* What the files of this room share. */
#ifndef OPTPARSE_PARSER_H
#define OPTPARSE_PARSER_H

#include <flux/optparse.h>

#include "base/hashmap.h"

struct option {
    struct optparse_option o; /* strings are copied, except those of a doc */
    char *strings;            /* the copies */
    bool is_doc;              /* only o.usage and o.group count */
    int seen;                 /* number of times given */
    char **args;
    int nargs;
    int next_arg; /* of optparse_getopt_next */
};

struct opt_parser {
    char *program_name;
    char *usage;
    char *doc;
    struct option **options; /* in the order of registration */
    int noptions;
    struct hashmap *data;

    struct opt_parser *parent;
    struct opt_parser **subcommands;
    int nsubcommands;
    char *name; /* as subcommand */
    optparse_subcmd_f fn;

    int (*log_fn) (const char *fmt, ...);
    int (*fatal_fn) (void *handle, int exitval);
    void *fatal_handle;
    int option_width;
    int left_margin;
    int option_index; /* -1 until parsed */
    bool print_subcommands;
    bool no_options; /* as subcommand: gets all arguments as they are */
    bool hidden;
    bool posixly_correct;
    bool sorted;
};

#endif
