/* From what a person calls an instance to what reaches it from here. */
#ifndef CMD_LIVE_TARGET_H
#define CMD_LIVE_TARGET_H

#include <flux/core.h>

/* A URI as it is, or the id of a job of the instance of FLUX_URI. Owned by the caller;
 * NULL with *error. */
char *target_resolve (const char *target, flux_error_t *error);

/* The URI that an instance has posted, in the form that reaches it from here:
 * ssh://HOST/PATH becomes local://PATH if the socket is on this host. */
char *target_form (const char *uri);

#endif
