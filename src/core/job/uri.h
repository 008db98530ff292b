/* From what a person calls an instance to a URI for flux_open(). */
#ifndef CORE_JOB_URI_H
#define CORE_JOB_URI_H

#include <flux/job.h>

/* The form of the result. Without any: as the instance has posted it, which is
 * ssh://HOST/PATH, or local:// if FLUX_URI_RESOLVE_LOCAL is set. */
enum uri_flags {
    URI_LOCAL = 1,   /* local://PATH, on whatever host it is */
    URI_REMOTE = 2,  /* ssh://HOST/PATH; goes before URI_LOCAL */
    URI_CONNECT = 4, /* what reaches it from here: local:// on this host */
    URI_WAIT = 8,    /* a job that has no URI yet is waited for */
};

/* target:
 *   ID[/ID...]      a job of the instance of $FLUX_URI, a job in it, ...
 *   . .. /          this instance, the one around it, the outermost; also as the
 *                   first parts of a path
 *   jobid:PATH      the same
 *   local://, ssh:// as they are
 *   SCHEME:TEXT     what uri_scheme.c knows, else what the program
 *                   flux-uri-SCHEME prints for TEXT
 *   SCHEME://REST   as it is, where there is none of these but a connector of others,
 *                   flux-connectors(7); not with URI_LOCAL or URI_REMOTE
 * and at its end ?local, ?remote or ?wait, as the flags.
 * Waits for answers. Owned by the caller; NULL with errno and one line in *error. */
char *uri_resolve (const char *target, int flags, flux_error_t *error);

/* The URI of a job of h's instance. */
char *uri_of_job (flux_t *h, flux_jobid_t id, int flags, flux_error_t *error);

/* One that is known already (a memo, {annotations.user.uri}) in the form that flags
 * want. NULL with ENOMEM, or EINVAL if it is neither local:// nor ssh://. */
char *uri_form (const char *uri, int flags);

#endif
