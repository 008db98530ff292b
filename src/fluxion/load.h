/* From text to a scheduler. */
#ifndef FLUXION_LOAD_H
#define FLUXION_LOAD_H

#include "fluxion/match/match.h"

/* NULL with EINVAL and *error. format: grug, jgf, ... */
struct scheduler *fluxion_load (const char *format, const char *text, size_t len,
                                const char *allowlist, uint32_t reserve_vertices,
                                const struct scheduler_options *opt,
                                flux_error_t *error);
/* R or JGF, read as far as it can be without the graph: R as rv1exec, or what its
 * `scheduling` key is written in. NULL with EINVAL: not R, or a foreign writer. */
struct parsed_R;
struct parsed_R *fluxion_parse_R (const char *R, size_t len, flux_error_t *error);
void parsed_R_destroy (struct parsed_R *R);
/* The vertices that it names. by_rank: it is rv1exec. */
int fluxion_pick_parsed (struct graph *g, const struct parsed_R *R, bool strict,
                         struct picks *picks, bool *by_rank, flux_error_t *error);
/* Both at once. */
int fluxion_pick_R (struct graph *g, const char *R, size_t len, bool strict,
                    struct picks *picks, bool *by_rank, flux_error_t *error);

#endif
