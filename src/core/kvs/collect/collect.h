/* Garbage collection of a backing store while it works: from its start by a request or
 * by a threshold to its answer, in slices on the store's reactor, which give way to
 * requests (pace.h). What is kept is found by mark.h; what the store itself has to do comes
 * in as struct collect_store.
 *
 * Happy path: begin (whatever is stored from here on is kept); content is told, and
 * writes again what is stored again; the KVS is asked for its roots, which with the
 * checkpoints and what was stored by itself (collect_hold) are where the walk begins;
 * when it has ended, the rest is freed; content is told, and forgets what it thinks to
 * know of the store.
 *
 * Failures: whatever fails, or is missing, before the walk has ended stops all without a
 * change; later, what was freed is free, and the rest stays until the next time. */
#ifndef CORE_KVS_COLLECT_H
#define CORE_KVS_COLLECT_H

#include "core/kvs/collect/mark.h"

#include <flux/core.h>
#include <jansson.h>

#define COLLECT_HOLD 3600. /* s that a blob stored by itself is kept */
#define COLLECT_HELD_MAX 1048576
#define COLLECT_AGAIN 60. /* s after one by a threshold that failed */

struct collect;

/* True: the slice is over. */
typedef bool (*collect_over_f) (void *arg);

/* -1 with errno and *error; 1: there is more. */
struct collect_store {
    struct mark_ops mark;
    /* dry: sweep is to count what it would free, and to free nothing. */
    int (*begin) (void *arg, bool dry, flux_error_t *error);
    /* Adds a JSON array of the checkpoints, newest first. */
    int (*checkpoints) (void *arg, struct buf *out, flux_error_t *error);
    int (*sweep) (void *arg, collect_over_f over, void *over_arg, flux_error_t *error);
    /* Gives space back, as much as is of use; all: as much as can be. */
    int (*shrink) (void *arg, bool all, collect_over_f over, void *over_arg,
                   flux_error_t *error);
    /* What the store has grown by beyond what is hoped for, as a share of what it may at
     * most; asked: the collection was, so that it may be late. */
    double (*grown) (void *arg, bool asked);
    /* Over, in any case. done: what was garbage is freed. */
    void (*end) (void *arg, bool done);
    /* What sweep has found so far: "live", "live_bytes", "freed", "freed_bytes", and
     * "size" of the store before and after; `progress` 0 to 1. */
    json_t *(*counts) (void *arg, double *progress);
};

struct collect *collect_create (flux_t *h, struct digest *digest,
                                const struct collect_store *store, void *arg);
/* Who waits is refused. */
void collect_destroy (struct collect *c);

/* Answered when it has ended; a streaming request also now and then before. Payload, all
 * optional: "dry_run" (what it would free is counted and stays; unless somebody else has
 * asked for the same collection without), "maxreqs" (blobs that content is asked for at a
 * time, 1 or more). */
void collect_request (struct collect *c, const flux_msg_t *msg);
void collect_disconnect (struct collect *c, const flux_msg_t *msg);
/* Unless one is under way, or failed a short time ago. */
void collect_start (struct collect *c);
bool collect_is_busy (const struct collect *c);
/* The store has been asked for something: what is under way leaves it more of the time. */
void collect_give_way (struct collect *c);
/* It has grown: what is under way may have to hurry. */
void collect_grown (struct collect *c);
/* A blob was stored by itself: nothing refers to it yet. */
int collect_hold (struct collect *c, const void *digest);

#endif
