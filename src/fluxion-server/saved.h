/* A graph with its jobs as JSON, and back.
 *
 * Snapshot: {"epoch", "jobid" (the last that was given), "topology": [CHANGE...],
 *            "fingerprint", "jobs": [...], "weights", "answers": [...]}
 * CHANGE:   {"op": "init", "policy", "jgf"}   the first of a topology
 *           {"op": "grow", "subgraph"}, {"op": "shrink", "path"}
 *           {"op": "job", "job": {...}, "answer" (if asked for with an id)}
 *           {"op": "cancel", "jobid"}, {"op": "partial-cancel", "jobid", "R"} */
#ifndef FLUXION_SERVER_SAVED_H
#define FLUXION_SERVER_SAVED_H

#include "fluxion-server/graphs.h"

/* A context from JGF, as Init makes it; NULL with errno, and what the library says in
 * *error. */
reapi_cli_ctx_t *saved_init (const char *policy, const char *jgf, flux_error_t *error);

/* Borrowed graph, locked. NULL: ENOMEM. */
json_t *saved_snapshot (struct named_graph *g, int64_t jobid);
json_t *saved_job (struct named_graph *g, int64_t jobid);

/* The graph as it was; *jobid is raised to the last that it knows of. NULL with *error. */
struct named_graph *saved_load (const char *name, json_t *snapshot, json_t *changes,
                                int64_t *jobid, flux_error_t *error);

#endif
