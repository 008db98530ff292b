/* The edges of one broker in the tree, as a state machine: parent and children,
 * hello, goodbye, keepalive. Messages come in, effects go out through a table of
 * operations; it has no handle, no clock and no socket, so that a cluster of them
 * runs inside one process (core_test.c).
 *
 * An operation may call back only what is said there. All is one thread. */
#ifndef OVERLAY_CORE_H
#define OVERLAY_CORE_H

#include <flux/idset.h>
#include <flux/message.h>
#include <flux/types.h>
#include <jansson.h>

#include "base/seldom.h"
#include "broker/routing/topology.h"
#include "broker/state.h"

#define OVERLAY_ID_SIZE 40

enum subtree {
    SUBTREE_UNKNOWN,
    SUBTREE_FULL,     /* all of it is there */
    SUBTREE_PARTIAL,  /* some are not there yet, or left */
    SUBTREE_DEGRADED, /* some are lost */
    SUBTREE_LOST,
    SUBTREE_OFFLINE,
};
const char *subtree_name (enum subtree s);

struct overlay_core;

/* A place below this broker, and who holds it. Of an adopted one (an orphan from further
 * down) there is no more when it has left. */
struct overlay_child {
    int rank;
    bool adopted;
    void *data;     /* for the wiring; it stays with the place */
    json_int_t seq; /* of the last event that the holder has seen; -1: it is new here */
    json_t *was;    /* its ids at parents before, or NULL */
    char life[OVERLAY_ID_SIZE]; /* of the holder, who may come again under another id */
    char id[OVERLAY_ID_SIZE];   /* of the holder; "": nobody */
    char hostname[256];
    bool connected; /* joined, not left */
    bool torpid;
    enum subtree status;
    double t_status;   /* when it got this status */
    double t_call;     /* when it is told again of a nearer ancestor */
    double t_heard;    /* when the holder last said something */
    char error[128];   /* why it left */
    flux_msg_t *hello; /* of the holder, until this broker is ready */
    flux_msg_t *claim; /* hello of another who wants the place */
    char claim_id[OVERLAY_ID_SIZE];
    double t_claim;
    int probe; /* number of the question whether the holder lives */
    struct seldom lost_line, odd_line; /* when the log was told of it */
};

struct overlay_core_ops {
    double (*now) (void *arg);
    enum broker_state (*state) (void *arg);
    /* Messages are borrowed. -1: there is no such connection (any more); that it
     * is lost is told in its time. */
    int (*send_child) (const char *id, const flux_msg_t *msg, void *arg);
    int (*send_parent) (const flux_msg_t *msg, void *arg);
    /* What a child has to know: {conf, attrs}, new; NULL: out of memory. */
    json_t *(*welcome) (void *arg);
    uint32_t (*event_seq) (void *arg);       /* of the last event here */
    bool (*is_online) (int rank, void *arg); /* one below */
    /* Another id for this broker. */
    void (*new_id) (char id[OVERLAY_ID_SIZE], void *arg);
    /* Call overlay_core_tick then. */
    void (*tick_in) (double seconds, void *arg);
    /* For each child_joined that returned 0 there is one child_left. resumed: it was
     * told that it is in; it wants the events behind its seq. gone: ranks that went
     * with it. */
    int (*child_joined) (struct overlay_child *c, void *arg);
    void (*child_resumed) (struct overlay_child *c, void *arg);
    void (*child_left) (struct overlay_child *c, const struct idset *gone, void *arg);
    /* Nothing of what came from this id counts any more, from now on. */
    void (*moved) (const char *id, void *arg);
    /* These were waited for, and did not come back. */
    void (*ranks_gone) (const struct idset *ranks, void *arg);
    void (*child_torpid) (struct overlay_child *c, void *arg);
    void (*child_msg) (struct overlay_child *c, flux_msg_t *msg, void *arg); /* taken */
    /* After a hello there is one of joined and failed; after joined at most one
     * left. id and welcome are the parent's. */
    int (*parent_joined) (const char *id, json_t *welcome, flux_error_t *error,
                          void *arg);
    void (*parent_failed) (int errnum, const char *why, void *arg);
    void (*parent_left) (const char *why, void *arg);
    /* Between joined and left: the parent is lost, and another is looked for. connect:
     * the transport shall connect to this rank, under this id. found: it is the parent
     * now; -1: it is not taken. left may come instead. */
    void (*parent_away) (const char *why, void *arg);
    int (*parent_connect) (int rank, const char *id, void *arg);
    int (*parent_found) (int rank, const char *id, void *arg);
    void (*parent_state) (int state, void *arg);
    void (*parent_msg) (flux_msg_t *msg, void *arg); /* taken */
    void (*log) (int severity, const char *text, void *arg);
};

struct overlay_core_conf {
    int rank;
    const struct topology *topo; /* must stay */
    const char *uuid, *hostname, *version;
    struct overlay_core_ops ops;
    void *arg;
};

struct overlay_core *overlay_core_create (const struct overlay_core_conf *conf);
void overlay_core_destroy (struct overlay_core *ov);

/* 0 for never: a child that was silent for torpid_max is torpid; a parent hears
 * something each torpid_min. */
void overlay_core_set_torpid (struct overlay_core *ov, double min, double max);
/* 0 (the default): a broker that loses its parent ends. Else it looks for another
 * ancestor so long, and so long its ancestors wait for it. */
void overlay_core_set_heal (struct overlay_core *ov, double seconds);
/* From time to time, at least each torpid_min. */
void overlay_core_tick (struct overlay_core *ov);

/* ---- from the transport ---- */

void overlay_core_child_recv (struct overlay_core *ov, const char *id,
                              flux_msg_t *msg); /* taken */
void overlay_core_child_lost (struct overlay_core *ov, const char *id);
void overlay_core_parent_recv (struct overlay_core *ov, flux_msg_t *msg); /* taken */
void overlay_core_parent_lost (struct overlay_core *ov, const char *why);

/* ---- from the broker ---- */

/* The transport is connected to the parent: introduce this broker. */
int overlay_core_hello (struct overlay_core *ov);
/* This broker is in a new state: children who wait are let in or refused, those
 * who are in are told. */
void overlay_core_enter (struct overlay_core *ov, enum broker_state state);
void overlay_core_goodbye (struct overlay_core *ov);
/* An operator wants it out, or it does not read. ENOENT. */
int overlay_core_disconnect (struct overlay_core *ov, int rank, const char *why);
/* Message is borrowed. EHOSTUNREACH. */
int overlay_core_send_child (struct overlay_core *ov, struct overlay_child *c,
                             const flux_msg_t *msg);
int overlay_core_send_parent (struct overlay_core *ov, const flux_msg_t *msg);

/* ---- what is so ---- */

/* Places, those that are adopted last. NULL behind the end. */
struct overlay_child *overlay_core_child_at (struct overlay_core *ov, int index);
/* NULL if that is no child of this broker. */
struct overlay_child *overlay_core_child (struct overlay_core *ov, int rank);
/* The connected child that leads to this rank, or NULL. */
struct overlay_child *overlay_core_towards (struct overlay_core *ov, int rank);
/* It was lost with one that led to it, and may be there again soon. */
bool overlay_core_awaited (const struct overlay_core *ov, int rank);
bool overlay_core_parent_awaited (const struct overlay_core *ov);
/* Ranks below, that are there: those awaited are so no more, and their adopted
 * descendants are told to come home. */
void overlay_core_announced (struct overlay_core *ov, const struct idset *ranks);
/* Those among the ranks that this child does not speak for, new; NULL: none. */
struct idset *overlay_core_not_through (struct overlay_core *ov,
                                        const struct overlay_child *c);
int overlay_core_parent_rank (const struct overlay_core *ov); /* now; -1: none */
int overlay_core_connected_count (const struct overlay_core *ov);
bool overlay_core_has_parent (const struct overlay_core *ov);  /* joined */
int overlay_core_parent_state (const struct overlay_core *ov); /* 0: not told */
/* Of the tree below and with this broker. */
enum subtree overlay_core_status (const struct overlay_core *ov, double *since);

#endif
