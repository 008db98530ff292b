/* `find` expressions: which vertices are meant. */
#ifndef FLUXION_FIND_H
#define FLUXION_FIND_H

#include "fluxion/match/match.h"

/* Appends the text to *b (nothing if no vertex is meant).
 * EINVAL: "invalid criteria: EXPR." */
int fluxion_find (struct scheduler *s, const char *expr, enum write_format format,
                  struct buf *b, flux_error_t *error);

#endif
