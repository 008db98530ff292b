/* Jobspecs of version 1 (RFC 25) as objects.
 *
 * Paths name attributes with dots; what does not begin with "attributes." or "user." or
 * "system." is below attributes.system, as the options of flux-submit(1) have it. */
#ifndef FLUX_JOBSPEC1_H
#define FLUX_JOBSPEC1_H

#include <flux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flux_jobspec1 flux_jobspec1_t;
typedef flux_error_t flux_jobspec1_error_t;

/* A jobspec that runs argv (argc > 0) with env (may be NULL: none).
 * ntasks, cores_per_task: at least 1. gpus_per_task, nnodes: 0 for none; more nodes than
 * tasks are refused. duration: seconds, 0 for unlimited. The working directory is unset.
 * NULL with EINVAL or ENOMEM. */
flux_jobspec1_t *flux_jobspec1_from_command (int argc, char **argv, char **env,
                                             int ntasks, int cores_per_task,
                                             int gpus_per_task, int nnodes,
                                             double duration);
/* From text in JSON, not checked beyond what makes it an object; error may be NULL. */
flux_jobspec1_t *flux_jobspec1_decode (const char *s, flux_jobspec1_error_t *error);
/* Text, to be freed; flags as json_dumps of jansson. */
char *flux_jobspec1_encode (flux_jobspec1_t *jobspec, size_t flags);
void flux_jobspec1_destroy (flux_jobspec1_t *jobspec);

/* Is it a valid jobspec, or: are its attributes valid? -1 with EINVAL and *error. */
int flux_jobspec1_check (flux_jobspec1_t *jobspec, flux_jobspec1_error_t *error);
int flux_jobspec1_attr_check (flux_jobspec1_t *jobspec, flux_jobspec1_error_t *error);

/* One attribute. del: no error if it is not there. unpack: ENOENT if it is not there.
 * pack makes the objects on the way. */
int flux_jobspec1_attr_del (flux_jobspec1_t *jobspec, const char *path);
int flux_jobspec1_attr_pack (flux_jobspec1_t *jobspec, const char *path,
                             const char *fmt, ...);
int flux_jobspec1_attr_unpack (flux_jobspec1_t *jobspec, const char *path,
                               const char *fmt, ...);

/* overwrite 0: what is there stays. */
int flux_jobspec1_setenv (flux_jobspec1_t *jobspec, const char *name, const char *value,
                          int overwrite);
int flux_jobspec1_unsetenv (flux_jobspec1_t *jobspec, const char *name);

/* Files instead of the KVS; may be templates. */
int flux_jobspec1_set_stdin (flux_jobspec1_t *jobspec, const char *path);
int flux_jobspec1_set_stdout (flux_jobspec1_t *jobspec, const char *path);
int flux_jobspec1_set_stderr (flux_jobspec1_t *jobspec, const char *path);
int flux_jobspec1_set_cwd (flux_jobspec1_t *jobspec, const char *cwd);

#ifdef __cplusplus
}
#endif

#endif
