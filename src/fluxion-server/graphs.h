/* The graphs of a service, by name. One that is replaced or dropped lives on until the
 * last call that has found it is over, but changes no more. */
#ifndef FLUXION_SERVER_GRAPHS_H
#define FLUXION_SERVER_GRAPHS_H

#include <flux/reapi_cli.h>
#include <flux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "fluxion-server/answers.h"
#include "fluxion-server/fair.h"
#include "fluxion-server/state.h"

/* Of answers that are kept for a graph. */
#define ANSWERS_MAX ((size_t)64 << 20)
#define GRAPHS_MAX 64
#define GRAPH_LABEL_MAX 64

struct graphs;

/* Locked between graphs_lock and graphs_unlock. */
struct named_graph {
    char *name;
    char *policy;
    uint64_t epoch;
    reapi_cli_ctx_t *ctx;
    struct answers *answers;
    struct journal *journal; /* NULL: it does not outlive the server */
    json_t *topology;        /* ... else: how it was made, as changes (see saved.h) */
    size_t topology_len;
    struct fair lock;
    /* of graphs.c */
    size_t refs;
    bool over;
};

struct graphs *graphs_create (void);
void graphs_destroy (struct graphs *gs);
bool graphs_any (const struct graphs *gs);

/* "" is "default". NULL: not letters, digits, '.', '_', '-', or too long. */
const char *graphs_name (const char *name);

/* epoch 0: whichever there is. NULL with ENOENT (no graph of the name), ESTALE (the epoch
 * is over, or has not been) and *error. */
struct named_graph *graphs_lock (struct graphs *gs, const char *name, uint64_t epoch,
                                 flux_error_t *error);
/* The graph of an epoch, by whatever name. */
struct named_graph *graphs_lock_epoch (struct graphs *gs, uint64_t epoch);
void graphs_unlock (struct graphs *gs, struct named_graph *g);

/* Begin a change of the table: others that change it wait, and *old (or NULL) is locked
 * and will not come back. */
int graphs_begin (struct graphs *gs, const char *name, struct named_graph **old,
                  flux_error_t *error);
/* End it, with what is in the place of `old` now: a new graph with a new epoch; or,
 * without ctx, none; or nothing has changed. */
uint64_t graphs_next_epoch (struct graphs *gs);
/* From before the start: one with its epoch, and the last epoch there was. */
int graphs_restore (struct graphs *gs, struct named_graph *take_g, flux_error_t *error);
void graphs_set_epoch (struct graphs *gs, uint64_t epoch);
void graphs_put (struct graphs *gs, struct named_graph *old,
                 struct named_graph *take_new);
void graphs_drop (struct graphs *gs, struct named_graph *old);
void graphs_abort (struct graphs *gs, struct named_graph *old);

/* Takes ctx. NULL: ENOMEM. */
struct named_graph *named_graph_create (const char *name, const char *policy,
                                        reapi_cli_ctx_t *take_ctx);
void named_graph_destroy (struct named_graph *g);
/* Ids of jobs that hold or will hold something, ascending; free it. NULL: ENOMEM. */
int64_t *named_graph_jobs (struct named_graph *g, size_t *count);

/* A reference to each, in the order of their names; let go of each. */
size_t graphs_all (struct graphs *gs, struct named_graph *all[GRAPHS_MAX]);
void graphs_let_go (struct graphs *gs, struct named_graph *g);

#endif
