/* Submission options to jobspec V1 (RFC 25), shared by run, submit,
 * bulksubmit, batch and alloc. */
#ifndef CMD_JOBSPEC_CLI_H
#define CMD_JOBSPEC_CLI_H

#include <flux/optparse.h>
#include <flux/types.h>
#include <jansson.h>

/* Option tables. */
extern const struct optparse_option jobspec_common_options[];
extern const struct optparse_option jobspec_task_options[];  /* run, submit */
extern const struct optparse_option jobspec_batch_options[]; /* batch, alloc */

/* The jobspec for a command (argv) with its options, key order resources,
 * tasks, attributes, version. A new object; NULL with *error. */
json_t *jobspec_from_task_options (optparse_t *p, int argc, char **argv,
                                   flux_error_t *error);

struct jobspec_batch {
    const char *script; /* content; NULL: none (alloc) */
    const char *name;   /* job name, or NULL */
    const char *output; /* default for --output, or NULL: the KVS */
};
json_t *jobspec_from_batch_options (optparse_t *p, const struct jobspec_batch *batch,
                                    int argc, char **argv, flux_error_t *error);

/* --urgency and --flags. */
int jobspec_urgency (optparse_t *p, int *urgency, flux_error_t *error);
int jobspec_flags (optparse_t *p, int *flags, flux_error_t *error);
/* A whole number of an option, at least min; dflt without it. */
int jobspec_int (optparse_t *p, const char *name, int dflt, int min, int *result,
                 flux_error_t *error);

/* Many jobs from one jobspec: the environment, which is most of the text, is
 * encoded once. {cc} is replaced in it only if env_cc (as a rule of --env wants it):
 * what was inherited may contain anything. Takes no reference. */
struct jobspec_template;
struct jobspec_template *jobspec_template_create (json_t *jobspec, bool env_cc);
/* {cc} stands in a rule of --env. */
bool jobspec_env_has_cc (optparse_t *p);
void jobspec_template_destroy (struct jobspec_template *t);
/* The text for --cc=cc: {cc} replaced, and FLUX_JOB_CC set if set_env. cc NULL: the jobspec as it is. Owned by the
 * caller. */
char *jobspec_template_expand (const struct jobspec_template *t, const char *cc,
                               bool set_env);

/* --- parts, for tests --- */

/* Rules of --env: one for each option, in order. env NULL: environ. What they set to a
 * text with {{ is added to templates, too, unless that is NULL. */
json_t *jobspec_environment (char *const *env, const char *const *rules, size_t count,
                             json_t *templates, flux_error_t *error);
/* Rules of --rlimit, each maybe a comma-separated list. */
json_t *jobspec_rlimits (const char *const *rules, size_t count, flux_error_t *error);
/* SCHEME:VALUE[?K=V[&K=V]] */
json_t *jobspec_dependency (const char *uri, flux_error_t *error);
/* --setopt (base "attributes.system.shell.options"), --setattr (NULL). */
int jobspec_setopt (json_t *options, const char *arg, flux_error_t *error);
int jobspec_setattr (json_t *attributes, const char *arg, flux_error_t *error);
/* --add-file: [NAME[:PERMS]=]ARG into the files object. */
int jobspec_add_file (json_t *files, const char *arg, flux_error_t *error);
/* An RFC 37 file object. */
json_t *jobspec_file_object (const char *data, size_t len, int mode);
/* Set value (taken) at a dotted path, creating objects on the way. */
int jobspec_set_path (json_t *o, const char *path, json_t *value);

#endif
