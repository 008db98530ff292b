/* What the service needs of a context beyond the public calls. */
#ifndef FLUXION_REAPI_CLI_INNER_H
#define FLUXION_REAPI_CLI_INNER_H

#include "fluxion/match/match.h"

/* Borrowed; NULL before there is a graph. */
struct scheduler *reapi_cli_scheduler (reapi_cli_ctx_t *ctx);
/* Like reapi_cli_match_with_jobid, with a jobspec that is parsed, but not bound, yet:
 * parsing needs no context, so that it may be done elsewhere meanwhile. */
int reapi_cli_match_request (reapi_cli_ctx_t *ctx, match_op_t op, struct request *req,
                             uint64_t jobid, bool *reserved, char **R, int64_t *at,
                             double *ov);
/* Likewise reapi_cli_partial_cancel and reapi_cli_add_subgraph. */
struct parsed_R;
int reapi_cli_partial_cancel_parsed (reapi_cli_ctx_t *ctx, uint64_t jobid,
                                     const struct parsed_R *R, bool noent_ok,
                                     bool *full_removal);
int reapi_cli_add_parsed (reapi_cli_ctx_t *ctx, struct jgf *subgraph);

#endif
