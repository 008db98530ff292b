/* Fluxion, the graph scheduler, as a library: resource graph in, allocations out.
 *
 * A context holds one graph, its allocations and reservations. It has no clock:
 * "now" is 0 and reservations are relative to it. One thread at a time per
 * context; different contexts are independent.
 *
 * Calls return 0, or -1 with errno:
 *   EINVAL   argument, jobspec, R or path is wrong, or there is no graph yet
 *   EBUSY    not now (or, for a reservation, not while something is down)
 *   ENODEV   never: unsatisfiable with this graph
 *   ENOENT   unknown job id;  EEXIST  job id already in use
 *   EPROTO   graph or options could not be loaded;  ENOSYS  not offered
 * A line of text for each failure is kept until reapi_cli_clear_err_msg. */
#ifndef FLUX_REAPI_CLI_H
#define FLUX_REAPI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    MATCH_UNKNOWN = 0,
    MATCH_ALLOCATE = 1,
    MATCH_ALLOCATE_W_SATISFIABILITY = 2, /* tells EBUSY from ENODEV */
    MATCH_ALLOCATE_ORELSE_RESERVE = 3,
    MATCH_SATISFIABILITY = 4,            /* keeps nothing */
    MATCH_WITHOUT_ALLOCATING = 5,        /* keeps nothing, job id -1 */
    MATCH_WITHOUT_ALLOCATING_FUTURE = 6, /* likewise, now or later */
    MATCH_OP_END = 7,
} match_op_t;

typedef enum {
    RESOURCE_UP = 0,
    RESOURCE_DOWN = 1,
} resource_status_t;

/* "allocate", "allocate_orelse_reserve", ...; a static string, or NULL with
 * EINVAL (out of range) or ENOENT (MATCH_UNKNOWN). */
const char *match_op_to_string (match_op_t op);
/* MATCH_UNKNOWN with EINVAL (NULL) or ENOENT (no such name). */
match_op_t match_op_from_string (const char *name);
bool match_op_valid (match_op_t op);

typedef struct reapi_cli_ctx reapi_cli_ctx_t;

/* An empty context: every other call fails with EINVAL until initialize. */
reapi_cli_ctx_t *reapi_cli_new (void);
/* Accepts NULL; keeps errno. */
void reapi_cli_destroy (reapi_cli_ctx_t *ctx);
/* An independent copy: graph, allocations, reservations, status, counters. */
reapi_cli_ctx_t *reapi_cli_clone (reapi_cli_ctx_t *ctx);
/* Load a graph (text). options: a JSON object, "" or NULL, with the keys
 * load_format (default jgf), load_allowlist, matcher_name, matcher_policy
 * (first), traverser_policy (simple), match_format (jgf), prune_filters
 * (ALL:core,ALL:node), reserve_vtx_vec, elapse_time; unknown keys are ignored.
 * On failure the context is as it was before. */
int reapi_cli_initialize (reapi_cli_ctx_t *ctx, const char *rgraph,
                          const char *options);

/* Match a jobspec (YAML or JSON). Results, each set only on success: *jobid 1,
 * 2, ... (UINT64_MAX for the without_ operations); *reserved; *R text in the match
 * format, owned by the caller; *at start, 0 is now; *ov seconds spent. */
int reapi_cli_match (reapi_cli_ctx_t *ctx, match_op_t op, const char *jobspec,
                     uint64_t *jobid, bool *reserved, char **R, int64_t *at,
                     double *ov);
/* The same under an id that the caller promises to be new. */
int reapi_cli_match_with_jobid (reapi_cli_ctx_t *ctx, match_op_t op,
                                const char *jobspec, uint64_t jobid, bool *reserved,
                                char **R, int64_t *at, double *ov);
int reapi_cli_match_allocate (reapi_cli_ctx_t *ctx, bool orelse_reserve,
                              const char *jobspec, uint64_t *jobid, bool *reserved,
                              char **R, int64_t *at, double *ov);
/* *sat is false whenever the result is not 0. */
int reapi_cli_match_satisfy (reapi_cli_ctx_t *ctx, const char *jobspec, bool *sat,
                             double *ov);

/* Take an allocation that exists elsewhere into the graph. R: RFC 20 (its
 * `scheduling` key if it has one), or bare JGF. *R_out: owned by the caller. */
int reapi_cli_update_allocate (reapi_cli_ctx_t *ctx, uint64_t jobid, const char *R,
                               int64_t *at, double *ov, char **R_out);
/* Grow by JGF that includes the path from the root; shrink by a path. */
int reapi_cli_add_subgraph (reapi_cli_ctx_t *ctx, const char *R_subgraph);
int reapi_cli_remove_subgraph (reapi_cli_ctx_t *ctx, const char *path);

int reapi_cli_cancel (reapi_cli_ctx_t *ctx, uint64_t jobid, bool noent_ok);
/* Release what R names. *full_removal: nothing of the job is left. */
int reapi_cli_partial_cancel (reapi_cli_ctx_t *ctx, uint64_t jobid, const char *R,
                              bool noent_ok, bool *full_removal);

/* *mode: "ALLOCATED", "RESERVED", "CANCELED", ..., owned by the caller. */
int reapi_cli_info (reapi_cli_ctx_t *ctx, uint64_t jobid, char **mode, bool *reserved,
                    int64_t *at, double *ov);
/* Vertices that meet a find expression, as JSON in `format` (NULL: the match
 * format); *R is NULL if there are none. */
int reapi_cli_find (reapi_cli_ctx_t *ctx, const char *criteria, const char *format,
                    char **R);
int reapi_cli_stat (reapi_cli_ctx_t *ctx, int64_t *V, int64_t *E, int64_t *J,
                    double *load, double *min, double *max, double *avg);

int reapi_cli_set_status (reapi_cli_ctx_t *ctx, const char *path,
                          resource_status_t status);
int reapi_cli_get_status (reapi_cli_ctx_t *ctx, const char *path,
                          resource_status_t *status);
/* ranks: an RFC 22 idset or "all"; ranks that do not exist are ignored. */
int reapi_cli_set_rank_status (reapi_cli_ctx_t *ctx, const char *ranks,
                               resource_status_t status);
int reapi_cli_get_rank_status (reapi_cli_ctx_t *ctx, int64_t rank,
                               resource_status_t *status);

/* All messages so far, "" if none, owned by the caller. */
char *reapi_cli_get_err_msg (reapi_cli_ctx_t *ctx);
void reapi_cli_clear_err_msg (reapi_cli_ctx_t *ctx);

#ifdef __cplusplus
}
#endif

#endif
