/* Who has entered which barrier, on one rank. Pure: no handle, no clock.
 *
 * Each rank counts what enters here and below, and tells its parent the increments of a
 * turn; the root knows when all are there. A barrier is over once: whatever enters or
 * leaves between that and its exit changes nothing. */
#ifndef BARRIER_COUNTS_H
#define BARRIER_COUNTS_H

#include <flux/core.h>
#include <stdbool.h>
#include <stddef.h>

/* Barriers that are open at a time. */
#define BARRIERS_MAX 65536

struct counts;

struct counts_update {
    const char *name;
    int nprocs;
    int count;
};

enum counts_result {
    COUNTS_ERROR = -1, /* errno; nothing has changed */
    COUNTS_WAIT,
    COUNTS_TELL, /* not the root: there is something for counts_next */
    COUNTS_EXIT, /* the root: all are there; the caller says so to all */
    COUNTS_ABORT /* it cannot become complete: the caller says so to all */
};

struct counts *counts_create (bool root);
void counts_destroy (struct counts *c);

/* A client of this rank; the message is kept. Its name counts for its user alone.
 * EPROTO: no such barrier can be; EINVAL: it has another number of processes;
 * ENOSPC: too many barriers. *name is valid until the exit of it. */
enum counts_result counts_enter (struct counts *c, const flux_msg_t *msg,
                                 const char *label, int nprocs, const char **name);
/* What a child counted. COUNTS_ABORT: it has another number of processes. */
enum counts_result counts_update (struct counts *c, const struct counts_update *u);
/* Iterate over what the parent has not been told: start with *pos = 0. */
bool counts_next (struct counts *c, size_t *pos, struct counts_update *u);
/* Iterate over the barriers that the client who sent this cannot enter any more, and
 * which are over with that: start with *pos = 0. */
bool counts_disconnect (struct counts *c, size_t *pos, const flux_msg_t *msg,
                        const char **name);
/* It is over: those who wait for it here, to be destroyed by the caller; NULL: none. */
struct flux_msglist *counts_exit (struct counts *c, const char *name);

#endif
