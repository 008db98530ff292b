/* The scheduler's core: jobs on a graph in time. */
#ifndef FLUXION_MATCH_H
#define FLUXION_MATCH_H

#include "base/hashmap.h"
#include "fluxion/io/reader.h"
#include "fluxion/io/writer.h"
#include "fluxion/jobspec/jobspec.h"
#include "fluxion/match/policy.h"
#include "fluxion/planning/planner.h"
#include <flux/reapi_cli.h>

enum job_state {
    JOB_INIT,
    JOB_ALLOCATED,
    JOB_RESERVED,
    JOB_CANCELED,
    JOB_ERROR,
};
const char *job_state_name (enum job_state s);

struct job {
    uint64_t id;
    enum job_state state;
    int64_t at, end;
    double overhead;
    uint32_t *span; /* what it holds, in post-order: spans of the calendar */
    uint32_t nspan;
    int64_t *units;     /* per tracked type: what nobody else can use meanwhile */
    char *jobspec_name; /* for people (resource-query: the file), or NULL */
};

struct scheduler;

struct scheduler_options {
    const char *policy;        /* NULL: first */
    const char *traverser;     /* simple (NULL) or flexible */
    const char *prune_filters; /* "ALL:core,ALL:node" (NULL); "" none */
    const char *subsystems;    /* comma separated, the dominant one first */
    bool few_is_busy; /* as resource-query has it: that a reservation wants more
                                  nodes than there are is EBUSY, not ENODEV */
};

/* Takes the graph, also on failure. */
struct scheduler *scheduler_create (struct graph *take_g,
                                    const struct scheduler_options *opt,
                                    flux_error_t *error);
void scheduler_destroy (struct scheduler *s);
struct scheduler *scheduler_copy (const struct scheduler *s);
struct graph *scheduler_graph (struct scheduler *s);
/* The time range of the graph; default 0 ... 100 years. */
void scheduler_set_range (struct scheduler *s, int64_t start, int64_t end);

struct match_result {
    struct selected *sel; /* borrowed until the next call */
    uint32_t nsel;
    int64_t at, end;
    bool reserved;
};
/* The request has to be bound. 0, or -1 with EBUSY, ENODEV, EINVAL and text. */
int scheduler_match (struct scheduler *s, match_op_t op, const struct request *r,
                     uint64_t jobid, int64_t now, struct match_result *result,
                     flux_error_t *error);

struct job *scheduler_job (struct scheduler *s, uint64_t jobid);
struct job *scheduler_next_job (struct scheduler *s, size_t *pos); /* no order */
/* ENOENT. The job stays known as CANCELED. */
int scheduler_cancel (struct scheduler *s, uint64_t jobid);
/* Give back the picked vertices, each by itself; by_rank: all that is below a picked
 * node, too. What is held only on the way to what is gone goes with it. ENOENT; EINVAL:
 * a reservation. */
int scheduler_partial_cancel (struct scheduler *s, uint64_t jobid,
                              const struct picks *picks, bool by_rank,
                              bool *full_removal, flux_error_t *error);
int scheduler_update (struct scheduler *s, uint64_t jobid, const struct picks *picks,
                      int64_t at, int64_t duration, bool reserve,
                      struct match_result *result, flux_error_t *error);

/* An allocation ends at another time; 0, or later than the graph: with it. EINVAL:
 * something is reserved in the way, or it has begun later; nothing is changed. ENOENT. */
int scheduler_set_end (struct scheduler *s, uint64_t jobid, int64_t end,
                       flux_error_t *error);

int scheduler_grow (struct scheduler *s, const char *jgf, size_t len,
                    flux_error_t *error);
int scheduler_grow_parsed (struct scheduler *s, struct jgf *j, flux_error_t *error);
int scheduler_shrink (struct scheduler *s, uint32_t v, flux_error_t *error);
int scheduler_shrink_ranks (struct scheduler *s, const char *ranks,
                            flux_error_t *error);
void scheduler_set_status (struct scheduler *s, uint32_t v, bool down);

/* The i-th vertex that a job holds (i < job->nspan); false: given back. */
bool scheduler_job_holds (const struct scheduler *s, const struct job *job, uint32_t i,
                          struct selected *sel);

/* Visits of the last match or cancel. */
struct scheduler_counts {
    uint64_t preorder, postorder;
};
struct scheduler_counts scheduler_counts (const struct scheduler *s);

/* Facts for `find` and tests. */
bool scheduler_is_allocated (struct scheduler *s, uint32_t v); /* itself */
bool scheduler_is_reserved (struct scheduler *s, uint32_t v);
/* Does v know how much is left below it? */
bool scheduler_has_filter (struct scheduler *s, uint32_t v);
/* Used units of a type below v, now, and the total; -1 if not tracked. */
int64_t scheduler_used_below (struct scheduler *s, uint32_t v, uint16_t type,
                              int64_t *total);
/* True if every count agrees with the jobs; for tests. */
bool scheduler_check (struct scheduler *s, flux_error_t *error);

#endif
