/* The kvs module: state that its files share.
 *
 *   kvs.c      start and end, namespaces, roots and versions
 *   commit.c   the leader's effects: answers, blobs to content, the new root
 *   relay.c    what followers hand on to the leader
 *   load.c     blobs from the content service, and who waits for them
 *   read.c     lookup requests
 *   period.c   checkpoints by the clock
 *   health.c   who wants to know whether the store is well
 *   admin.c    when the instance started and ended (leader only)
 *   watch.c    the kvs-watch service (leader only)
 *
 * and in tree/, without handle, clock or socket:
 *
 *   leader.c   what becomes of transactions
 *   tree.c, node.c   the leader's tree of a namespace
 *   reading.c, lookup.c   from a root to a value
 *   cache.c    blobs, and what walks have missed
 *   versions.c who waits for which version
 *   jobns.c    namespaces of jobs
 *   held.c     roots that were handed out
 *   setroot.c  a new root, as followers hear of it */
#ifndef KVS_SERVICE_H
#define KVS_SERVICE_H

#include "tree/cache.h"
#include "tree/held.h"
#include "tree/leader.h"
#include "tree/lookup.h"
#include "tree/reading.h"
#include "tree/versions.h"

#include "base/list.h"
#include "core/reactor/reactor.h"

#include <flux/core.h>

#define PUBLISH_DELAY 0.01 /* s, of an instance of one broker */
#define CACHE_MAX (4 * 1024 * 1024)
#define CACHE_AGE 2 /* heartbeats */
#define TREE_AGE 2  /* heartbeats */
#define STALLED_MAX 65536

struct hashmap;
struct kvs_health;
struct watches;

struct kvs {
    flux_t *h;
    uint32_t rank;
    uint32_t size;
    uint32_t owner;            /* of the instance */
    struct kvs_leader *leader; /* NULL on followers */
    struct digest *digest;
    struct kvs_cache *cache;
    struct hashmap *namespaces; /* name -> struct kvs_ns */
    struct hashmap *loading;    /* blobref -> future, owned */
    struct list stalled;        /* struct waiter: a load will bring it on */
    size_t stalled_count;
    struct list unpublished; /* struct kvs_ns */
    flux_watcher_t *publish_timer;
    struct watches *watches; /* NULL on followers */
    struct kvs_health *health;
    struct kvs_held *held; /* NULL on followers */
    struct buf admin[2];   /* transactions of admin.c */
    bool admin_refused;    /* the last of them was */
    flux_watcher_t *probe_timer;
    flux_watcher_t *period_timer; /* of checkpoints, or NULL */
    int64_t period_sequence;      /* that has one by it */
    struct reactor_task turn;
    flux_msg_handler_t **handlers;
};

/* A namespace. */
struct kvs_ns {
    struct kvs *kvs;
    char *name;
    uint32_t owner;
    int flags;
    char rootref[BLOBREF_MAX_SIZE];
    int64_t sequence;
    struct kvs_space *space;      /* NULL on followers: they only know the root */
    uint32_t unread;              /* followers: heartbeats since the last lookup */
    struct list publish_node;     /* its new root waits to be published */
    uint32_t epochs[TREE_AGE];    /* of the tree, at the last heartbeats */
    struct buf unpublished;       /* keys changed since */
    struct kvs_versions versions; /* wait-version requests */
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
/* The same, and the primary one for that of a job (jobns.h). */
struct kvs_ns *kvs_ns_named (struct kvs *kvs, const char *name);
/* EPERM unless the sender may use the namespace. */
int kvs_ns_authorize (const struct kvs_ns *ns, const flux_msg_t *msg);
/* A newer root (followers). Older ones are ignored. */
void kvs_ns_set_root (struct kvs_ns *ns, const char *rootref, int64_t sequence);
void kvs_answer_versions (struct kvs_ns *ns);
/* Asks rank 0 about a namespace; those that are stalled go on after it.
 * errno EAGAIN, or ENOTSUP if that is what is known. Always -1. */
int kvs_ns_fetch (struct kvs *kvs, const char *name);
void kvs_respond_error (struct kvs *kvs, const flux_msg_t *msg, int errnum);
void kvs_respond_text (struct kvs *kvs, const flux_msg_t *msg, int errnum,
                       const char *text);
/* Run kvs_turn when all that has arrived has been seen. */
void kvs_want_turn (struct kvs *kvs);

/* commit.c */
extern const struct kvs_leader_ops kvs_leader_wiring;
void kvs_commit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
void kvs_sync_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);
void kvs_order_reset_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                         void *arg);
/* Tells all ranks about the root. */
void kvs_publish (struct kvs_ns *ns);
void kvs_publish_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);
void kvs_probe_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);
/* At the module's end: what has arrived is done, and the primary namespace's root
 * is stored. -1 with errno if it could not be. */
int kvs_finish (struct kvs *kvs);
void kvs_settle (struct kvs *kvs);

/* relay.c */
/* Sends the request to rank 0 on behalf of its sender; then (kvs, msg, f) is
 * called with the answer. */
typedef void (*kvs_relay_f) (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f);
int kvs_relay (struct kvs *kvs, const flux_msg_t *msg, kvs_relay_f then);
/* Hands the answer on as it is. */
void kvs_relay_answer (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f);

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
/* A root was handed out: what is below it, and is superseded from now on, is stored all
 * the same. */
void kvs_keep_root (struct kvs *kvs);
/* Stalled requests, then the leader's transactions. */
void kvs_turn (struct kvs *kvs);

/* read.c */
void kvs_lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                    void *arg);
/* The blobref of a dirref's text: to be freed; NULL if it is none. */
char *kvs_dirref_of (struct span text);
/* -1 with EPROTO. A key of a job's namespace is in the primary one then. */
int kvs_read_decode (const flux_msg_t *msg, struct kvs_reading *r);
/* kvs_reading_run for whoever sent msg. */
int kvs_read_run (struct kvs *kvs, struct kvs_reading *r, const flux_msg_t *msg,
                  int flags, struct buf *out);
/* After a failure: answers with a text that names key and blob if it was one. */
void kvs_read_failed (struct kvs *kvs, const struct kvs_reading *r,
                      const flux_msg_t *msg, int errnum);

/* period.c */
int kvs_period_config (struct kvs *kvs, const flux_conf_t *conf, flux_error_t *error);
void kvs_config_reload_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg);

/* admin.c */
int kvs_admin_start (struct kvs *kvs);
/* At the module's end, before kvs_finish. */
void kvs_admin_finish (struct kvs *kvs);

/* watch.c */
struct watches *kvs_watches_create (struct kvs *kvs);
void kvs_watches_destroy (struct watches *ws);
/* The namespace has a new root. */
void kvs_watches_changed (struct watches *ws, struct kvs_ns *ns,
                          const struct buf *changes);
void kvs_watches_removed (struct watches *ws, const char *ns);
size_t kvs_watches_count (const struct watches *ws);
/* kvs.part: the broker wants the service kvs-watch to begin, or to end: who watches is
 * told. */
void kvs_part_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg);

#endif
