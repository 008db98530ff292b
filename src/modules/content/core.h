/* The content service (RFC 10) as a state machine: requests and answers come
 * in as calls, what is to be done goes out by struct content_ops. No handle,
 * clock or socket: content.c wires it to messages, a test to whatever it likes.
 *
 * Happy path of the leader (rank 0): blobs enter dirty (content_commit without
 * a flag, content_store); the timer, or too many of them, sends the oldest down
 * in a batch; the store's word makes them clean. A batch with BLOBS_SYNC waits
 * in a queue: all that is dirty goes first, then it, one message at a time.
 * A follower keeps what it loads, and hands its stores to its parent.
 *
 * Failures: a batch that the store refuses is dirty again, and all that wait
 * for the store (synced batches, flushes, commits that were held back) get its
 * errno: so no checkpoint overtakes a batch that failed. The next attempt is
 * made by whoever asks for a sync or a flush, else by the timer, each time
 * later. A blob that does not match its digest is EBADMSG. */
#ifndef CONTENT_CORE_H
#define CONTENT_CORE_H

#include "base/buf.h"
#include "base/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct content;

/* Effects. None of them may call the core. A token stands for a request: it
 * belongs to the core from the call that brings it until it is responded to or
 * dropped, and the bytes that came with it must live as long.
 *
 * load, store and commit: 0, or -1 with errno if it cannot be sent; then there
 * is no answer. */
struct content_ops {
    /* Ask the store (leader) or the parent for a blob -> content_loaded. */
    int (*load) (void *arg, const void *digest);
    /* Followers: to the parent -> content_stored, with the same token. */
    int (*store) (void *arg, void *token, const void *data, size_t len);
    /* Leader: a batch to the store -> content_committed. One at a time. With a
     * token the bytes are what came with it, and stay; without they are taken on
     * success. */
    int (*commit) (void *arg, void *token, struct buf *batch);
    /* A reference to the bytes that came with the token, so that they may outlive it;
     * given back by unref. Both may be NULL: then large blobs are copied, too. */
    void *(*ref) (void *arg, void *token);
    void (*unref) (void *owner);
    /* errnum 0: with data and len. Else text may be NULL. */
    void (*respond) (void *arg, void *token, int errnum, const char *text,
                     const void *data, size_t len);
    void (*drop) (void *arg, void *token); /* content_destroy */
    /* Call content_timeout once after so many seconds, not as asked before. */
    void (*timer) (void *arg, double delay);
    void (*log) (void *arg, int level, const char *text);
};

struct content_options {
    bool leader;
    struct digest *digest; /* borrowed */
    size_t blob_max;       /* larger ones are refused: EFBIG */
};

struct content_stats {
    size_t count, dirty, bytes;
    int batches;    /* on their way down */
    int errnum;     /* of the store; 0: it is well */
    size_t written; /* bytes sent down since the start */
};

struct content *content_create (const struct content_options *opts,
                                const struct content_ops *ops, void *arg);
void content_destroy (struct content *c);

/* Requests */
void content_load (struct content *c, void *token, const void *digest);
void content_store (struct content *c, void *token, const void *data, size_t len);
/* The leader's; payload and answer: core/kvs/blobs.h. */
void content_commit (struct content *c, void *token, const void *payload, size_t len);
/* A checkpoint (JSON text), in order with the commits. */
void content_checkpoint (struct content *c, void *token, const char *json);
/* Answered when nothing is dirty, or with the errno of the attempt. */
void content_flush (struct content *c, void *token);

/* Answers to load, store, commit. text may be NULL. */
void content_loaded (struct content *c, const void *digest, int errnum,
                     const char *text, const void *data, size_t len);
void content_stored (struct content *c, void *token, int errnum, const char *text,
                     const void *data, size_t len, const void *digest,
                     size_t digest_len);
void content_committed (struct content *c, int errnum, const char *text);
void content_timeout (struct content *c);

/* The leader's backing store comes and goes. */
void content_set_backing (struct content *c, bool present);

/* It begins, or ends, to look for blobs that may go: store_set_renew. */
void content_collect (struct content *c, bool on);

bool content_has (struct content *c, const void *digest);
/* The newest checkpoint, while no backing store has it; else NULL. */
const char *content_kept_checkpoint (const struct content *c);
void content_tick (struct content *c); /* once per heartbeat */
void content_drop_clean (struct content *c);
void content_get_stats (const struct content *c, struct content_stats *st);

#endif
