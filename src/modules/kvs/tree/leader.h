/* The leader as a state machine: what becomes of a transaction between its arrival
 * and its answer. Requests, the store's answers and time come in as calls; what is
 * to be done goes out by struct kvs_leader_ops. No handle, clock or socket.
 *
 * Happy path: kvs_leader_commit queues; kvs_leader_turn applies all that waits to
 * the tree, hashes it once and hands the blobs to the store. A namespace that is
 * kept has one batch under way, while the next collects: root, sequence, watchers
 * and answers move with kvs_leader_stored. One that is not kept is answered from
 * memory; a commit that asks for FLUX_KVS_SYNC waits for the store there, too.
 *
 * Failures: a refused transaction leaves nothing; those beside it go on. What can
 * never be stored (a blob above content's limit) is refused when it is applied or
 * hashed, or when the store says so, alone: a batch that holds such a one is tried
 * again, each transaction by itself. A batch that the store fails to keep is undone, and the KVS is ill: its commits and all that
 * come are refused with the store's errno, but ordered ones (core/kvs/txn.h) go
 * back to their place and wait. Readers see what was acknowledged. kvs_leader_probe
 * tries again, each time later, with what waits or with a checkpoint of what is
 * there; when the store has that, all goes on. */
#ifndef KVS_LEADER_H
#define KVS_LEADER_H

#include "tree.h"

#include "base/list.h"

#define QUEUE_BYTES_MAX (256 * 1024 * 1024) /* transactions that wait */
#define UNACKED_MAX (64 * 1024 * 1024)      /* blobs that content did not answer */
#define UNASKED_MAX (1024 * 1024)           /* blobs sent without asking for one */
#define PROBE_MIN 0.1                       /* s until the store is tried again */
#define PROBE_MAX 5.

struct kvs_leader;
struct kvs_space;
struct kvs_batch;

/* Effects. None may call the leader, but store may call kvs_leader_stored. */
struct kvs_leader_ops {
    /* A request is answered by one of these, once. */
    void (*answer) (void *arg, void *req, const char *rootref, int64_t sequence);
    /* text may be NULL. */
    void (*refuse) (void *arg, void *req, int errnum, const char *text);
    /* A payload of core/kvs/blobs.h for content.commit, which is taken. batch NULL:
     * nobody waits for the answer. -1 with errno: there is none, and blobs stays. */
    int (*store) (void *arg, struct buf *blobs, struct kvs_batch *batch);
    /* The space has a new root; changes: kvs_change_next. */
    void (*advance) (void *arg, struct kvs_space *s, const struct buf *changes);
    /* Commits are refused from now on, or (0) taken again. */
    void (*health) (void *arg, int errnum, const char *text);
    /* Call kvs_leader_probe once after so many seconds. */
    void (*probe_after) (void *arg, double seconds);
    /* Call kvs_leader_turn soon. */
    void (*want_turn) (void *arg);
    double (*now) (void *arg); /* for a checkpoint's timestamp */
    /* The blob was asked for, and is neither in the cache yet nor has it failed. */
    bool (*loading) (void *arg, const char *ref);
};

struct kvs_leader_stats {
    uint64_t commits, transactions, operations, failed;
    size_t queued_bytes, unacked_bytes;
};

/* A namespace. */
struct kvs_space {
    struct kvs_leader *leader;
    struct list node;
    void *owner;
    bool primary; /* it has the checkpoint */
    struct kvs_tree *tree;
    char rootref[BLOBREF_MAX_SIZE]; /* what readers see */
    int64_t sequence;
    struct list queue;
    struct kvs_batch *batch; /* on its way to the store */
    bool checkpointed;       /* the store has a checkpoint of this root */
    size_t written;          /* bytes, for whoever gives memory back */
    struct buf awaited; /* array of char[BLOBREF_MAX_SIZE]: what the queue misses */
    uint32_t look;      /* counts how often the whole queue was looked at */
    int cold;           /* turns for which it is looked at early */
};

/* kept: what was answered has to survive the brokers. blob_max: what content takes. */
struct kvs_leader *kvs_leader_create (const struct kvs_leader_ops *ops, void *arg,
                                      struct kvs_cache *cache, struct digest *digest,
                                      bool kept, size_t blob_max);
/* Requests that wait are refused with ENOSYS. */
void kvs_leader_destroy (struct kvs_leader *l);

/* rootref NULL: empty. */
struct kvs_space *kvs_space_create (struct kvs_leader *l, void *owner, bool primary,
                                    const char *rootref, int64_t sequence);
/* What waits is refused with ENOTSUP. */
void kvs_space_destroy (struct kvs_space *s);
/* From here on it is the KVS that ends, not a namespace. */
void kvs_leader_end (struct kvs_leader *l);
#define KVS_ENDED "the KVS has ended: try again when module kvs is loaded"

/* Takes req in any case. txn NULL: only a checkpoint is asked for. sender: whose
 * ordered commits these are. len: what req costs. */
void kvs_leader_commit (struct kvs_space *s, void *req, const char *sender,
                        const struct kvs_txn_reader *txn, size_t len);
/* The sender has seen that an ordered commit of his was refused, or is gone. */
void kvs_leader_order_reset (struct kvs_leader *l, const char *sender);

/* Does what can be done. What a walk misses is in the cache's list: with what the first
 * that has to wait misses also what those behind it will, and they go on together. */
void kvs_leader_turn (struct kvs_leader *l);
/* Commits wait until all that they miss was loaded: which of it failed is not to be
 * forgotten yet. */
bool kvs_leader_holds (const struct kvs_leader *l);
/* The store's word on a batch; errnum 0: yes. text may be NULL. */
void kvs_leader_stored (struct kvs_batch *b, int errnum, const char *text);
void kvs_leader_probe (struct kvs_leader *l);
/* For whoever stores it: what belongs to the batch. */
void **kvs_batch_aux (struct kvs_batch *b);

/* A blob that content could not be told about yet. */
bool kvs_leader_unsent (const struct kvs_leader *l, const char *ref, const char **data,
                        size_t *len);
int kvs_leader_errnum (const struct kvs_leader *l);
struct kvs_leader_stats kvs_leader_stats (const struct kvs_leader *l);

#endif
