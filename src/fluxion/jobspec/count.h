#ifndef FLUXION_COUNT_H
#define FLUXION_COUNT_H

#include "fluxion/jobspec/jobspec.h"

/* A plain number, a range string (RFC 45) or an id set (RFC 22).
 * EINVAL. Sets c->list if it is a set: owned by the caller. */
int count_parse (const char *text, struct count_spec *c);
/* NULL, or what is wrong with min, max, operator and operand. */
const char *count_check (const struct count_spec *c);

#endif
