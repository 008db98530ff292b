/* Commits that the KVS applies in the order in which they were sent, many on their way
 * at once.
 *
 * Failures: a KVS that is not there has applied nothing: all that it did not take is sent
 * again, in order, and nothing before. What was sent before one that a KVS that has come
 * back took has failed: it would stand behind it. One that is refused fails, and what
 * the KVS refused behind it goes the same way, until it knows that we know. */
#ifndef JOB_EXEC_ORDERED_H
#define JOB_EXEC_ORDERED_H

#include <flux/core.h>
#include <flux/kvs.h>
#include <stdbool.h>

#include "base/list.h"

/* Until a KVS that is not loaded is asked again, in seconds. */
#define ORDERED_AGAIN 0.1

struct ordered;

/* Part of what the owner keeps about a commit. */
struct ordered_commit {
    struct list node;
    struct ordered *o;
    flux_future_t *f; /* NULL: it waits to be sent again */
    flux_kvs_txn_t *txn;
    /* The last word: error is NULL if the KVS has it. It calls ordered_fini. */
    void (*done) (struct ordered_commit *c, const char *error);
};

struct ordered {
    flux_t *h;
    struct list commits;
    int on_way;
    int again; /* of these, that wait for a KVS */
    bool without_kvs;
    /* ordered_again is to be called after ORDERED_AGAIN, once. */
    void (*later) (struct ordered *o);
};

void ordered_init (struct ordered *o, flux_t *h, void (*later) (struct ordered *o));
void ordered_again (struct ordered *o);
/* Takes txn. done may be called at once. */
void ordered_send (struct ordered *o, struct ordered_commit *c, flux_kvs_txn_t *txn,
                   void (*done) (struct ordered_commit *c, const char *error));
/* The first that is not done, or NULL. */
struct ordered_commit *ordered_first (struct ordered *o);
/* It is forgotten, whatever becomes of it. */
void ordered_fini (struct ordered_commit *c);

#endif
