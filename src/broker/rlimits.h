/* Limits of the system, see rlimits.c. */
#ifndef BROKER_RLIMITS_H
#define BROKER_RLIMITS_H

#include <flux/types.h>
#include <sys/resource.h>

/* Raises the soft limit of descriptors as far as it goes. -1: *error says which limit
 * is too small. */
int limits_init (flux_error_t *error);
/* Before there is an overlay with so many children. */
int limits_check_overlay (int children, flux_error_t *error);
/* The soft limit as it was: programs get that. */
rlim_t limits_soft_nofile (void);

#endif
