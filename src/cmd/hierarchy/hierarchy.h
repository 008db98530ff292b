/* flux-hierarchy: trees of instances. One file for each subcommand. */
#ifndef CMD_HIERARCHY_HIERARCHY_H
#define CMD_HIERARCHY_HIERARCHY_H

#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/hierarchy/model.h"

struct subcommand {
    const char *name;
    const char *usage;
    const char *summary; /* NULL: not for people */
    const struct optparse_option *options;
    const struct optparse_option *more_options[2];
    /* Words behind the first operand are the user's command. */
    bool posix;
    int (*run) (optparse_t *p, int argc, char **argv);
};

extern const struct subcommand sub_view, sub_start, sub_list, sub_submit, sub_exec,
    sub_stop, sub_throughput, sub_node;

extern bool hier_quiet;
extern bool hier_debug;

/* Wrong usage: says so and ends with status 2. */
void hier_usage_error (const char *fmt, ...)
    __attribute__ ((format (printf, 1, 2), noreturn));
/* What a person is told on the way (--quiet: not), and what only --debug tells. */
void hier_say (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void hier_trace (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

/* The file's tree; dies with "FILE: KEY: WHY". */
struct hierarchy *hier_load (const char *path);
/* True if stdout is for a terminal's colors. */
bool hier_colors (void);

/* --- a hierarchy that runs (found.c) --- */

/* The tree that hangs below a job, as its instances have reported themselves:
 *   { id, group, leaf, jobid, path, state, nnodes, ncores, nodelist, uri, children }
 * path: "ƒA/ƒB" from here. uri, nodelist: null if not known. New reference; NULL with
 * *error. */
json_t *found_tree (flux_t *h, flux_jobid_t id, flux_error_t *error);
/* The active job that is the root of a hierarchy: what target says, or else the only
 * one. Dies with one line if there is none, or more than one. */
flux_jobid_t found_root (flux_t *h, const char *target);
/* All active ones of this user, as job objects of job-list. New reference. */
json_t *found_all (flux_t *h);
/* The leaves that have a URI, as a list of the tree's nodes. New reference. */
json_t *found_leaves (json_t *tree);
/* What reaches the instance from here. NULL with *error. */
flux_t *found_open (const char *uri, double limit, flux_error_t *error);

/* --- starting one (start.c) --- */

struct start_options {
    const char *outdir;
    bool keep_env;
};
/* Waits until all instances have reported. Dies with one line. */
flux_jobid_t start_hierarchy (flux_t *h, const struct hierarchy *t,
                              const struct start_options *options);
/* Cancels it and waits until it is over. -1 with *error. */
int stop_hierarchy (flux_t *h, flux_jobid_t id, flux_error_t *error);

/* --- reports --- */

/* Where the reports about an instance's children are, in its own KVS. Those about a
 * root are in its job, as guest.hierarchy. RFC 18 events:
 *   launch  {id, group, leaf, jobid}   by the parent
 *   start   {id, group, leaf, jobid, uri}   by an instance that has children
 *   ready   {id, group, leaf, jobid, uri, leaves}   by itself, when all below it are
 *   failed  {id, jobid, note}          by a parent whose child is gone before */
#define REPORT_KEY "hierarchy"

#endif
