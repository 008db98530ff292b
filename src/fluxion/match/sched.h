/* Inside of the scheduler: what its files share. */
#ifndef FLUXION_SCHED_H
#define FLUXION_SCHED_H

#include "fluxion/match/match.h"
#include "value/resource/constraint.h"

#define MAX_TRACKED 16
/* What the id of a node weighs for policies that look at nodes first. */
#define NODE_FACTOR 10000
#define FOREVER 3153600000LL /* 100 years */
/* More spans than this on one vertex, and they get a planner. */
#define SPANS_FOR_PLANNER 16
/* An exclusive span takes all the tokens of a vertex, a shared one takes one. */
#define TOKENS (1LL << 30)
/* Canceled jobs that are remembered for `info`. */
#define CANCELED_KEPT 65536

/* A job holds a vertex during [at, end). Spans of a vertex are a list. */
struct span {
    uint32_t v, job;
    int64_t at, end, needs;
    uint32_t prev, next; /* 0: none */
    bool exclusive, reserved;
};

struct vstate {
    uint32_t spans; /* list of spans, 0: none */
    uint32_t nspans;
    uint32_t live;      /* allocations, whatever their end */
    uint32_t plan;      /* index + 1 of s->plan, 0: none */
    uint32_t agg;       /* row of the aggregates, UINT32_MAX: no children */
    uint32_t mark;      /* used by one call at a time */
    uint32_t exclusive; /* live exclusive allocations */
};

/* "ALL:core": vertices of type `high` (UINT16_MAX: all) know how many of a tracked
 * type are below them. */
struct filter {
    uint16_t high;
    int tracked;
};

struct scheduler {
    struct graph *g;
    struct policy policy;
    bool flexible, few_is_busy;
    int64_t start, end;  /* time range of the graph */
    char *subsystems;    /* subscribed ones; the first is the tree */
    struct pools *pools; /* NULL: no other subsystem is subscribed */
    char *filter_spec;

    struct filter *filter;
    uint32_t nfilters;
    uint16_t tracked[MAX_TRACKED]; /* types; first those of the filters */
    int ntracked;
    int nfiltered;
    /* Per row and tracked type: units in the subtree; of them, units not held by
     * a live job; and units that a new exclusive job could still get to. */
    int64_t *total, *avail, *usable;
    uint32_t nrows;
    int64_t nnodes; /* vertices of type node */

    struct vstate *vs;
    uint32_t nvs;
    struct span *span;
    uint32_t nspan, span_cap, span_free;
    struct planner **plan; /* tokens over time, for vertices with many spans */
    uint32_t nplan;
    struct planner *root_plan[MAX_TRACKED]; /* units that jobs keep, over time */
    struct planner *calendar;               /* where anything starts or ends */

    struct job **job;
    uint32_t njob, job_cap;
    struct idmap *by_id; /* job id -> slot + 1 */
    uint32_t *canceled;  /* ring of slots */
    uint32_t canceled_head, ncanceled;
    uint32_t *free_job;
    uint32_t nfree_job;

    uint8_t *unit_size;  /* per type: all its vertices have size 1 */
    uint64_t generation; /* of the graph that the rows were made for */
    uint32_t mark;
    struct index *index;
    struct memos *memos;
    struct selected *sel;
    uint32_t nsel, sel_cap;
    struct scheduler_counts counts;
    struct arena *arena;
};

/* Rows, totals and all that is derived; after a change of topology or status. */
int sched_rebuild (struct scheduler *s);

/* Index of a type among those tracked, or -1. */
int sched_tracked (const struct scheduler *s, uint16_t type);
/* What v adds to the usable units of its parent, of the kth tracked type. */
int64_t sched_contribution (const struct scheduler *s, uint32_t v, int k);
/* Units that a job keeps from others, by tracked type; and in the root's plans. */
void sched_count_units (const struct scheduler *s, const struct job *job,
                        int64_t *units);
void sched_plan_units (struct scheduler *s, const struct job *job, const int64_t *units,
                       int sign);
void sched_free_job (struct job *j);
/* Make the sums in the rows anew. */
void sched_sum (struct scheduler *s);

static inline int64_t *sched_row (int64_t *table, const struct scheduler *s, uint32_t v)
{
    return table + (size_t)s->vs[v].agg * s->ntracked;
}

/* A value that no vertex has as its mark. */
uint32_t sched_new_mark (struct scheduler *s);
/* The first of n such values in a row. */
uint32_t sched_new_marks (struct scheduler *s, uint32_t n);

/* Scores are sums, and ids may be as large as numbers are: beyond that all are equal. */
static inline int64_t score_sum (int64_t a, int64_t b)
{
    int64_t sum;

    if (!__builtin_add_overflow (a, b, &sum))
        return sum;
    return a < 0 ? -INT64_MAX : INT64_MAX;
}
/* What passing through v adds, for policies that look at nodes. */
static inline int64_t node_factor (const struct graph *g, uint32_t v)
{
    int64_t id = score_sum (g->v[v].id, 2), factor;

    if (!__builtin_mul_overflow (id, NODE_FACTOR, &factor))
        return factor;
    return id < 0 ? -INT64_MAX : INT64_MAX;
}

/* Is a vertex free of (exclusive) jobs during [at, at + duration)? `now`: live
 * allocations count whatever their end. */
struct window {
    int64_t at, duration;
    bool now, ignore; /* ignore: as if there were no jobs, and all was up */
};
bool sched_idle (struct scheduler *s, uint32_t v, const struct window *w);
bool sched_shareable (struct scheduler *s, uint32_t v, const struct window *w);

/* Units of a pool in use at most during the window. */
int64_t sched_units_used (struct scheduler *s, uint32_t v, const struct window *w);

/* Give a job what is in sel. ENOMEM: nothing is changed. */
int sched_hold (struct scheduler *s, struct job *job, const struct selected *sel,
                uint32_t nsel);
/* After some of its spans are gone. */
void sched_recount (struct scheduler *s, struct job *job);
/* One of its spans, by index in job->span (0 after). */
void sched_release (struct scheduler *s, struct job *job, uint32_t i);
/* Hold it no longer exclusively. */
void sched_share (struct scheduler *s, struct job *job, uint32_t i);
/* EINVAL: something of what is in sel is taken in the window, by whom else. */
int sched_check_free (struct scheduler *s, const struct window *w, flux_error_t *error);
/* What is in sel is a new job's, at the times of the result. -1 with errno, and *error
 * if it is not ENOMEM. */
int sched_keep (struct scheduler *s, uint64_t jobid, const struct match_result *result,
                flux_error_t *error);
struct job *sched_add_job (struct scheduler *s, uint64_t id, flux_error_t *error);
void sched_drop_job (struct scheduler *s, struct job *job); /* forget it at once */
/* All that it holds is given back; the job stays known. */
void sched_end (struct scheduler *s, struct job *job);
void sched_retire (struct scheduler *s, struct job *job); /* CANCELED, remembered */
uint32_t sched_slot (struct scheduler *s, uint64_t id);   /* UINT32_MAX: unknown */

/* Memory that lives as long as one call. */
struct arena *arena_create (void);
void arena_destroy (struct arena *a);
void arena_reset (struct arena *a);
void *arena_alloc (struct arena *a, size_t size); /* zeroed; NULL: ENOMEM */
void *arena_take (struct arena *a, size_t size);  /* as it is */
/* Give back all that was taken since the mark. */
struct arena_mark {
    void *chunk;
    size_t used;
};
struct arena_mark arena_mark (const struct arena *a);
void arena_release (struct arena *a, struct arena_mark mark);

/* Vertices of a type in the order in which the policy wants them. */
struct index *index_create (struct scheduler *s);
void index_destroy (struct scheduler *s);
/* For tests. */
bool index_check (struct scheduler *s, flux_error_t *error);
/* v's live state or usable count has changed. */
void index_touch (struct scheduler *s, uint32_t v);

#endif
