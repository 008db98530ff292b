/* The kvs module: state that its files share.
 *
 *   kvs.c      start and end, namespaces, roots and versions
 *   commit.c   transactions: the leader's turn, the followers' relay
 *   load.c     blobs from the content service, and who waits for them
 *   read.c     lookup requests
 *   health.c   who wants to know whether the store is well
 *   watch.c    the kvs-watch service (leader only)
 *
 * One turn of the leader: all transactions that have arrived are applied, the
 * tree is hashed once, the blobs go to content in one message, the new root is
 * published, watchers are told, and the transactions are answered. */
#ifndef KVS_SERVICE_H
#define KVS_SERVICE_H

#include "cache.h"
#include "lookup.h"
#include "tree.h"

#include "base/list.h"
#include "core/reactor.h"

#include <flux/core.h>

#define QUEUE_BYTES_MAX (256 * 1024 * 1024) /* transactions that wait */
#define UNACKED_MAX (64 * 1024 * 1024)      /* blobs that content did not answer */
#define UNASKED_MAX (1024 * 1024)           /* blobs sent without asking for one */
#define PUBLISH_DELAY 0.01                  /* s, of an instance of one broker */
#define CACHE_MAX (4 * 1024 * 1024)
#define TREE_MAX (32 * 1024 * 1024)
#define CACHE_AGE 2   /* heartbeats */
#define TREE_AGE 2    /* heartbeats */
#define TREE_TURNS 64 /* of disuse, if the tree is too large */
#define STALLED_MAX 65536

struct hashmap;
struct kvs_health;
struct watches;

struct kvs {
    flux_t *h;
    uint32_t rank;
    uint32_t size;
    uint32_t owner; /* of the instance */
    bool durable;   /* an answered commit has to survive a crash */
    struct digest *digest;
    struct kvs_cache *cache;
    struct hashmap *namespaces; /* name -> struct kvs_ns */
    struct hashmap *loading;    /* blobref -> future, owned */
    struct list stalled;        /* struct waiter: a load will bring it on */
    size_t stalled_count;
    size_t queued_bytes;
    size_t unacked_bytes;
    size_t unasked_bytes;
    struct list unpublished; /* struct kvs_ns */
    flux_watcher_t *publish_timer;
    struct watches *watches; /* NULL on followers */
    struct kvs_health *health;
    struct hashmap *refused; /* sender -> errno of its refused ordered commit */
    struct kvs_stats {
        uint64_t commits, transactions, operations, failed;
    } stats;
    struct reactor_task turn;
    flux_msg_handler_t **handlers;
};

/* A namespace. Of the leader it has a tree; of a follower only a root. */
struct kvs_ns {
    struct kvs *kvs;
    char *name;
    uint32_t owner;
    int flags;
    char rootref[BLOBREF_MAX_SIZE];
    int sequence;
    struct kvs_tree *tree;
    struct list queue;             /* struct commit */
    bool busy;                     /* a commit is on its way to the disk */
    bool checkpointed;             /* the last root is on disk */
    struct list publish_node;      /* its new root waits to be published */
    uint32_t epochs[TREE_AGE];     /* of the tree, at the last heartbeats */
    size_t written;                /* bytes since memory was given back */
    struct buf unpublished;        /* keys changed since */
    struct flux_msglist *versions; /* wait-version requests */
};

/* A request that goes on when blobs have been loaded. */
struct waiter {
    struct list node;
    /* Returns true when it is done, else it stays in the list. */
    bool (*run) (struct waiter *w);
    void (*destroy) (struct waiter *w);
    bool (*disconnect) (struct waiter *w, const flux_msg_t *msg);
};

/* kvs.c */
struct kvs_ns *kvs_ns_lookup (struct kvs *kvs, const char *name);
/* EPERM unless the sender may use the namespace. */
int kvs_ns_authorize (const struct kvs_ns *ns, const flux_msg_t *msg);
/* A newer root (followers). Older ones are ignored. */
void kvs_ns_set_root (struct kvs_ns *ns, const char *rootref, int sequence);
void kvs_answer_versions (struct kvs_ns *ns);
/* Asks rank 0 about a namespace; those that are stalled go on after it.
 * errno EAGAIN, or ENOTSUP if that is what is known. Always -1. */
int kvs_ns_fetch (struct kvs *kvs, const char *name);
void kvs_respond_error (struct kvs *kvs, const flux_msg_t *msg, int errnum);
/* Run kvs_turn when all that has arrived has been seen. */
void kvs_want_turn (struct kvs *kvs);

/* commit.c */
void kvs_commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
void kvs_sync_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void kvs_order_reset_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
void kvs_turn (struct kvs *kvs);
/* Tells all ranks about the root. */
void kvs_publish (struct kvs_ns *ns);
void kvs_publish_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);
void kvs_commit_fail_all (struct kvs_ns *ns, int errnum);
char *kvs_checkpoint_encode (const char *rootref, int sequence);
/* The primary namespace's root goes to disk, at the module's end. */
int kvs_checkpoint_now (struct kvs *kvs);

/* health.c */
struct kvs_health *kvs_health_create (struct kvs *kvs);
void kvs_health_destroy (struct kvs_health *hl);
/* errnum 0: the store is well. Those who listen are told if it is news. */
void kvs_health_disconnect (struct kvs_health *hl, const flux_msg_t *msg);
void kvs_health_set (struct kvs_health *hl, int errnum, const char *text);

/* load.c */
/* Ask for all that kvs_cache_missing() tells. -1 if nothing was asked for. */
int kvs_load_missing (struct kvs *kvs);
int kvs_stall (struct kvs *kvs, struct waiter *w);
void kvs_run_stalled (struct kvs *kvs);

/* read.c */
void kvs_lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
/* A view of a namespace for kvs_lookup(). msg: who asks. */
int kvs_open_view (struct kvs *kvs, const char *ns, const flux_msg_t *msg,
                   struct kvs_view *view);
struct kvs_read {
    char *key, *ns, *rootref; /* rootref: of lookupat, else NULL */
    int flags;
};
/* -1 with EPROTO. */
int kvs_read_decode (const flux_msg_t *msg, struct kvs_read *r);
void kvs_read_fini (struct kvs_read *r);
int kvs_read_run (struct kvs *kvs, const struct kvs_read *r, const flux_msg_t *msg,
                  int flags, struct buf *out);

/* watch.c */
struct watches *kvs_watches_create (struct kvs *kvs);
void kvs_watches_destroy (struct watches *ws);
/* The namespace has a new root; the keys are in ns->tree->changes. */
void kvs_watches_changed (struct watches *ws, struct kvs_ns *ns);
void kvs_watches_removed (struct watches *ws, const char *ns);
size_t kvs_watches_count (const struct watches *ws);

#endif
