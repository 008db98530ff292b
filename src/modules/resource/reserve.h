/* resource.reserve: cores that are the operating system's. */
#ifndef RESOURCE_RESERVE_H
#define RESOURCE_RESERVE_H

#include <flux/core.h>

#include "value/resource/rset.h"

struct reserve;

/* "cores[@ranks]..." with blanks between, idsets (RFC 22). NULL with EINVAL or ENOMEM. */
struct reserve *reserve_decode (const char *s, flux_error_t *error);
void reserve_destroy (struct reserve *v);
/* Without them, new; a rank that has no other core is gone. NULL with ENOMEM. */
struct rset *reserve_apply (const struct reserve *v, const struct rset *r);

#endif
