/* From text to a scheduler. */
#ifndef FLUXION_LOAD_H
#define FLUXION_LOAD_H

#include "fluxion/match/match.h"

/* NULL with EINVAL and *error. format: grug, jgf, ... */
struct scheduler *fluxion_load (const char *format, const char *text, size_t len,
                                const char *allowlist, uint32_t reserve_vertices,
                                const struct scheduler_options *opt,
                                flux_error_t *error);
/* How to take R apart: rv1exec, or what its `scheduling` key is written in (then
 * *inner is that JGF, owned by the caller). EINVAL: not R, or a foreign writer. */
int fluxion_pick_R (struct graph *g, const char *R, size_t len, bool strict,
                    struct picks *picks, bool *by_rank, flux_error_t *error);

#endif
